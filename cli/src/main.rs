//! `pos-webhooks`: verifies, decodes and validates deliveries, manages webhooks, and shows what the specifications say.

#![forbid(unsafe_code)]

mod changes;
mod decode;
mod demo;
mod help;
mod hooks;
mod input;
mod lines;
mod listen;
mod options;
mod report;
mod sandbox;
mod show;
mod sign;
mod validate;
mod verification;
mod verify;

use std::ffi::OsStr;
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::process::ExitCode;

use clap::builder::{PossibleValue, PossibleValuesParser, Str, TypedValueParser};
use clap::error::ErrorKind as Misuse;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::Provider;

const UNUSABLE: u8 = 2;

/// Manage, receive, verify, validate and look up the webhooks of point-of-sale and payment providers
///
/// Every provider is described by one OpenAPI document. This program manages webhooks at the providers, receives
/// deliveries, finds out whether a captured one is genuine, and if not why; it decodes payloads, validates them against
/// the document and reports every violation; and it shows what the document says: the specification itself, JSON Schemas, and
/// example payloads.
///
/// Secrets come from files, tokens from files or the environment, and neither from the command line.
#[derive(Parser)]
#[command(
    name = "pos-webhooks",
    version,
    arg_required_else_help = true,
    after_help = "\
Examples:
  pos-webhooks demo
      The whole life of a webhook with every provider, on this machine.
  pos-webhooks verify mypos --secret-file secret.txt --headers headers.txt body.json
      Whether a captured delivery is genuine, or what is wrong with it.
  pos-webhooks schema dealpos
      What can be validated, and what it is.
  pos-webhooks validate dealpos paymentCreated payment.json
      Every way in which a stored payload does not match the specification.
  pos-webhooks example dealpos paymentCreated --format raw | \\
      pos-webhooks validate dealpos paymentCreated --ndjson
      The examples of the specification are valid.

Exit status:
  0  Done; of `demo`: all of it held; of `verify`: the delivery is genuine; of `validate`:
     everything was valid.
  1  `demo` failed, `verify` refused, `decode` could not, `validate` found something invalid, or
     `hooks` failed.
  2  Wrong usage, or an input could not be read or the output not be written."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Verify(verify::Arguments),
    Sign(sign::Arguments),
    Decode(decode::Arguments),
    Listen(listen::Arguments),
    Validate(validate::Arguments),
    Schema(show::Schema),
    Spec(show::Spec),
    Example(show::Example),
    Sandbox(sandbox::Arguments),
    Hooks(hooks::Arguments),
}

/// Why a command did not come to its end.
enum Stop {
    /// Usage that is wrong with this provider only.
    Usage(String),
    /// An input that cannot be used.
    Input(String),
    Output(io::Error),
}

fn main() -> ExitCode {
    let matches = help::laid_out(Cli::command()).try_get_matches().unwrap_or_else(|error| fitted(error).exit());
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| fitted(error.format(&mut Cli::command())).exit());
    let done = match cli.command {
        Command::Demo(arguments) => explained("demo", demo::run(&arguments)),
        Command::Verify(arguments) => explained("verify", verify::run(&arguments)),
        Command::Sign(arguments) => explained("sign", sign::run(&arguments)),
        Command::Decode(arguments) => explained("decode", decode::run(&arguments)),
        Command::Listen(arguments) => explained("listen", listen::run(&arguments)),
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Schema(arguments) => show::schema(&arguments),
        Command::Spec(arguments) => show::spec(&arguments),
        Command::Example(arguments) => show::example(&arguments),
        Command::Sandbox(arguments) => sandbox::run(&arguments),
        Command::Hooks(arguments) => explained(&arguments.path(), hooks::run(&arguments)),
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

/// Leaves only what goes wrong with the output. A subcommand of a subcommand is named after it, with a space.
fn explained(subcommand: &str, done: Result<ExitCode, Stop>) -> io::Result<ExitCode> {
    match done {
        Ok(status) => Ok(status),
        Err(Stop::Output(error)) => Err(error),
        Err(Stop::Input(message)) => {
            complain(format_args!("{message}"));
            Ok(ExitCode::from(UNUSABLE))
        }
        Err(Stop::Usage(message)) => {
            let mut command = Cli::command();
            command.build();
            for name in subcommand.split(' ') {
                match command.find_subcommand(name) {
                    // One without help exists only to say what to use in its place.
                    Some(found) if !found.is_disable_help_flag_set() => command = found.clone(),
                    _ => break,
                }
            }
            fitted(command.error(Misuse::MissingRequiredArgument, message)).exit()
        }
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Writes a result. Where nobody reads it, the status stays: what was refused must not become a success.
fn print(text: &str, status: ExitCode) -> io::Result<ExitCode> {
    print_to(io::stdout().lock(), text, status)
}

fn print_to(mut out: impl Write, text: &str, status: ExitCode) -> io::Result<ExitCode> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(status),
    }
}

/// Says on standard error what went wrong, in the form of clap's errors. Where that cannot be written nothing can be said.
fn complain(message: std::fmt::Arguments<'_>) {
    let error = clap::Error::raw(Misuse::Io, format_args!("{message}\n")).with_cmd(&Cli::command());
    let _ = fitted(error).print();
}

/// An error as it fits the terminal, where it goes to one.
fn fitted(error: clap::Error) -> clap::Error {
    if !(error.use_stderr() && io::stderr().is_terminal()) {
        return error;
    }
    let text = help::fitted(&error.render().to_string());
    match text.strip_prefix("error: ") {
        Some(message) => clap::Error::raw(error.kind(), message).with_cmd(&Cli::command()),
        // Without arguments it is the help.
        None => error,
    }
}

/// Says on standard error what need not be wrong.
fn warn(message: std::fmt::Arguments<'_>) {
    let text = format!("warning: {message}");
    let text = if io::stderr().is_terminal() { help::fitted(&text) } else { text };
    let _ = writeln!(io::stderr(), "{text}");
}

fn provider() -> impl TypedValueParser<Value = &'static Provider> {
    let names = PROVIDERS.iter().map(|provider| PossibleValue::new(provider.name).help(provider.title));
    PossibleValuesParser::new(names)
        .try_map(|name| PROVIDERS.iter().copied().find(|provider| provider.name == name).ok_or("no such provider"))
}

/// Ends the program where the value of an argument is not among `known`. clap, which suggests what is close to it, cannot
/// know them, since they depend on the provider.
fn check_value(subcommand: &str, argument: &str, value: &str, known: impl IntoIterator<Item = impl Into<Str>>) {
    let mut cli = Cli::command();
    cli.build();
    if let Some(command) = cli.find_subcommand(subcommand) {
        let argument = command.get_arguments().find(|it| it.get_id() == argument);
        let known = PossibleValuesParser::new(known.into_iter().map(PossibleValue::new));
        if let Err(error) = known.parse_ref(command, argument, OsStr::new(value)) {
            fitted(error).exit();
        }
    }
}
