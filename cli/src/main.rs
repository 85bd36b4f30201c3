//! `pos-webhooks`: verifies, decodes and validates deliveries, manages webhooks, and shows the specifications.

#![forbid(unsafe_code)]

mod account;
mod call;
mod color;
mod completions;
mod console;
mod credentials;
mod decode;
mod demo;
mod event_summary;
mod fidelity;
mod forwarded_secret;
mod help;
mod hooks;
mod init;
mod input;
mod json_text;
mod lines;
mod lint;
mod listen;
mod man;
mod options;
mod outgoing;
mod providers;
mod redaction;
mod refused_file;
mod replay;
mod report;
mod sandbox;
mod show;
mod sign;
mod sink;
mod source;
mod stop;
mod suggest;
mod tail;
mod target;
mod token;
mod trigger;
mod try_out;
mod validate;
mod verification;
mod verify;
mod version;

use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use clap::error::ErrorKind as Misuse;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use console::{complain, fitted};
use providers::Given;
use report::Plain;
use stop::{Stop, UNUSABLE};

/// The name of the program.
const NAME: &str = "pos-webhooks";

/// Manage, receive, verify, validate and look up the webhooks of point-of-sale and payment providers
///
/// Every provider is described by one OpenAPI document. This program manages webhooks at the providers and receives
/// deliveries. It verifies captured deliveries and reports why one is refused. It decodes payloads, and validates them
/// against the document. It prints the document, its JSON Schemas, and example payloads. `--spec` adds a provider of your own.
///
/// Secrets are read from files, and tokens from files or the environment, never from the command line.
#[derive(Parser)]
#[command(
    name = NAME,
    version,
    arg_required_else_help = true,
    after_help = "\
Examples:
  pos-webhooks try vipps
      Receives a first event from a simulated provider, without credentials.
  pos-webhooks demo
      Shows the whole life cycle of a webhook with every provider, on this machine.
  pos-webhooks verify mypos --secret-file secret.txt --headers headers.txt body.json
      Reports whether a captured delivery is genuine, or what is wrong with it.
  pos-webhooks schema dealpos
      Lists the events and schemas that payloads can be validated against.
  pos-webhooks validate dealpos paymentCreated payment.json
      Reports every way in which a stored payload does not match the specification.
  pos-webhooks example dealpos paymentCreated --format raw | \\
      pos-webhooks validate dealpos paymentCreated --ndjson
      Validates the examples of the specification.
  pos-webhooks demo --spec shop.yaml
      Shows the life cycle with a provider of your own as well. `init` writes such a document.

Exit status:
  0  Success. For `verify`, the delivery is genuine; for `validate`, every payload is valid; for `lint`,
     there are no findings.
  1  A step of `demo` failed, `verify` refused the delivery, `decode` could not decode the payload,
     `validate` found an invalid payload, `lint` has findings, a receiver did not acknowledge the event of
     `trigger` or the events of `replay`, or the request of `hooks`, `call` or `token` failed.
  2  Wrong usage, or an input could not be read, or the output could not be written."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Try(try_out::Arguments),
    Trigger(trigger::Arguments),
    Verify(verify::Arguments),
    Sign(sign::Arguments),
    Decode(decode::Arguments),
    Listen(listen::Arguments),
    Tail(tail::Arguments),
    Replay(replay::Arguments),
    Sink(sink::Arguments),
    Validate(validate::Arguments),
    Schema(show::SchemaArguments),
    Spec(show::SpecArguments),
    Example(show::ExampleArguments),
    Sandbox(sandbox::Arguments),
    Hooks(hooks::Arguments),
    Call(call::Arguments),
    Token(token::Arguments),
    Lint(lint::Arguments),
    Init(init::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
}

fn command() -> clap::Command {
    Cli::command().long_version(version::long()).args([providers::option(), color::option()])
}

fn main() -> ExitCode {
    let given = Given::new();
    if let Some(choice) = given.color() {
        color::choose(choice);
    }
    if let Err(problems) = given.read() {
        let problems = problems.iter().map(|problem| format!("\n{}", Plain(problem))).collect::<String>();
        complain(format_args!("the specifications of --spec or POS_WEBHOOKS_SPECS cannot be used{problems}"));
        if !given.is_for_help() {
            return ExitCode::from(UNUSABLE);
        }
    }
    let matches = help::laid_out(command()).try_get_matches();
    let matches = match matches {
        Ok(matches) => matches,
        Err(error) => return ended(&fitted(account::with_missing(error, command()))),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return ended(&fitted(error.format(&mut command()))),
    };
    let done = match cli.command {
        Command::Demo(arguments) => explained("demo", demo::run(&arguments)),
        Command::Try(arguments) => explained("try", try_out::run(&arguments)),
        Command::Trigger(arguments) => explained("trigger", trigger::run(&arguments)),
        Command::Verify(arguments) => explained("verify", verify::run(&arguments)),
        Command::Sign(arguments) => explained("sign", sign::run(&arguments)),
        Command::Decode(arguments) => explained("decode", decode::run(&arguments)),
        Command::Listen(arguments) => explained("listen", listen::run(&arguments)),
        Command::Tail(arguments) => explained("tail", tail::run(&arguments)),
        Command::Replay(arguments) => explained("replay", replay::run(&arguments)),
        Command::Sink(arguments) => explained(arguments.path(), sink::run(&arguments)),
        Command::Validate(arguments) => explained("validate", validate::run(&arguments)),
        Command::Schema(arguments) => show::schema(&arguments),
        Command::Spec(arguments) => show::spec(&arguments),
        Command::Example(arguments) => show::example(&arguments),
        Command::Sandbox(arguments) => sandbox::run(&arguments),
        Command::Call(arguments) => explained("call", call::run(&arguments)),
        Command::Token(arguments) => explained("token", token::run(&arguments)),
        Command::Hooks(arguments) => explained(&arguments.path(), hooks::run(&arguments)),
        Command::Lint(arguments) => explained("lint", lint::run(&arguments, &given)),
        Command::Init(arguments) => explained("init", init::run(&arguments, &given)),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Man(arguments) => explained("man", man::run(&arguments)),
    };
    match done {
        Ok(status) => status,
        // The reader has closed the pipe.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("standard output: {error}"));
            ExitCode::from(UNUSABLE)
        }
    }
}

/// Prints the help, the version, or what is wrong with the arguments.
fn ended(shown: &clap::Error) -> ExitCode {
    let status = u8::try_from(shown.exit_code()).unwrap_or(UNUSABLE);
    match shown.print().and_then(|()| io::stdout().flush()) {
        Err(error) if !shown.use_stderr() && error.kind() != ErrorKind::BrokenPipe => {
            complain(format_args!("standard output: {error}"));
            ExitCode::from(UNUSABLE)
        }
        _ => ExitCode::from(status),
    }
}

/// Reports errors except those of the output, which are returned. The name of a nested subcommand has a space.
fn explained(subcommand: &str, done: Result<ExitCode, Stop>) -> io::Result<ExitCode> {
    match done {
        Ok(status) => Ok(status),
        Err(Stop::Output(error)) => Err(error),
        Err(Stop::Input(message)) => {
            complain(format_args!("{message}"));
            Ok(ExitCode::from(UNUSABLE))
        }
        Err(Stop::Usage(message)) => {
            let mut command = command();
            command.build();
            for name in subcommand.split(' ') {
                match command.find_subcommand(name) {
                    // A command without help only reports what to use instead.
                    Some(found) if !found.is_disable_help_flag_set() => command = found.clone(),
                    _ => break,
                }
            }
            fitted(command.error(Misuse::MissingRequiredArgument, message)).exit()
        }
    }
}
