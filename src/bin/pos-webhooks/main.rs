//! `pos-webhooks`: validates payloads and shows what the specifications say.

mod lines;
mod report;
mod sandbox;
mod show;
mod validate;

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use clap::builder::{PossibleValue, PossibleValuesParser, Str, TypedValueParser};
use clap::{CommandFactory, Parser, Subcommand};
use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::Provider;

const UNUSABLE: u8 = 2;

/// Validate and look up the webhook payloads of point-of-sale and payment providers
///
/// Every provider is described by one OpenAPI document. This program holds payloads against it and reports every
/// departure, and it shows what the document says: the specification itself, JSON Schemas, and example payloads.
///
/// It reads files or standard input and connects to nothing; only `sandbox` opens a port, on this machine.
#[derive(Parser)]
#[command(
    version,
    arg_required_else_help = true,
    after_help = "\
Examples:
  pos-webhooks schema dealpos
      What can be validated, and what it is.
  pos-webhooks validate dealpos paymentCreated payment.json
      Every way in which a stored payload departs from the specification.
  pos-webhooks example dealpos paymentCreated --format raw | \\
      pos-webhooks validate dealpos paymentCreated --ndjson
      The examples of the specification are valid.

Exit status:
  0  Done; of `validate`: everything was valid.
  1  `validate` found something invalid.
  2  Wrong usage, or an input could not be read or the output not be written."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Validate(validate::Arguments),
    Schema(show::Schema),
    Spec(show::Spec),
    Example(show::Example),
    Sandbox(sandbox::Arguments),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Schema(arguments) => show::schema(&arguments),
        Command::Spec(arguments) => show::spec(&arguments),
        Command::Example(arguments) => show::example(&arguments),
        Command::Sandbox(arguments) => sandbox::run(&arguments),
    };
    match done {
        Ok(status) => status,
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("standard output: {error}"));
            ExitCode::from(UNUSABLE)
        }
    }
}

/// Says on standard error what went wrong; where even that fails there is nobody to tell.
fn complain(message: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "pos-webhooks: {message}");
}

fn provider() -> impl TypedValueParser<Value = &'static Provider> {
    let names = PROVIDERS.iter().map(|provider| PossibleValue::new(provider.name).help(provider.title));
    PossibleValuesParser::new(names).try_map(|name| {
        let found = PROVIDERS.iter().find(|provider| provider.name == name);
        found.copied().ok_or("no such provider")
    })
}

/// Ends the program where `name` is not among `known`. Only here is the provider known whose names clap is to suggest.
fn check_name(subcommand: &str, name: &str, known: impl IntoIterator<Item = impl Into<Str>>) {
    let mut cli = Cli::command();
    cli.build();
    if let Some(command) = cli.find_subcommand(subcommand) {
        let argument = command.get_positionals().find(|argument| argument.get_id() == "name");
        let known = PossibleValuesParser::new(known.into_iter().map(PossibleValue::new));
        if let Err(error) = known.parse_ref(command, argument, OsStr::new(name)) {
            error.exit();
        }
    }
}
