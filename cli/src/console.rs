//! Prints results, errors and warnings, wrapped at the width of the terminal.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, IsTerminal as _, Write};
use std::process::ExitCode;

use clap::Command;
use clap::error::ErrorKind as Misuse;

use crate::{help, suggest};

/// Writes a result. If standard output is closed, the status does not change: a refusal must not become a success.
pub fn print(text: &str, status: ExitCode) -> io::Result<ExitCode> {
    print_to(io::stdout().lock(), text, status)
}

pub fn print_to(mut out: impl Write, text: &str, status: ExitCode) -> io::Result<ExitCode> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(status),
    }
}

/// Prints an error to standard error, in the form of clap's errors. A failure to write is ignored.
pub fn complain(message: Arguments<'_>) {
    let _ = fitted(raw(Misuse::Io, format_args!("{message}\n"))).print();
}

/// Prints a warning to standard error.
pub fn warn(message: Arguments<'_>) {
    let text = format!("warning: {message}");
    let text = if io::stderr().is_terminal() { help::fitted(&text) } else { text };
    let _ = writeln!(io::stderr(), "{text}");
}

/// Asks a question on standard error, and reads the answer from standard input. Without an answer, it is no.
pub fn is_affirmed(question: Arguments<'_>) -> bool {
    let _ = write!(io::stderr(), "{question} [y/N] ");
    let mut line = String::new();
    io::stdin().read_line(&mut line).is_ok() && matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

/// Puts the suggestions of an error before its list, and wraps it if it is printed to a terminal. Ends the program if this is
/// the help for a terminal.
pub fn fitted(error: clap::Error) -> clap::Error {
    if !error.use_stderr() && io::stdout().is_terminal() {
        let text = help::with_usage(&error.render().ansi().to_string());
        let _ = anstream::stdout().write_all(text.as_bytes());
        std::process::exit(error.exit_code());
    }
    let error = suggest::before_list(error, None);
    if !(error.use_stderr() && io::stderr().is_terminal()) {
        return error;
    }
    let text = help::fitted(&error.render().to_string());
    match text.strip_prefix("error: ") {
        Some(message) => raw(error.kind(), message),
        // Without arguments, the text is the help.
        None => error,
    }
}

/// An error with this message.
pub fn raw(kind: Misuse, message: impl std::fmt::Display) -> clap::Error {
    clap::Error::raw(kind, message).with_cmd(&Command::new(env!("CARGO_PKG_NAME")))
}
