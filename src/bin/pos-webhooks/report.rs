//! What was found out about one payload, for people or for programs.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

use clap::ValueEnum;
use pos_webhooks::catalogue::Provider;
use pos_webhooks::validate::Invalid;
use serde::Serialize;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines to read and to grep
    Human,
    /// One JSON object per payload and line
    Json,
}

/// How payloads are checked and reported.
pub struct Checker {
    pub provider: &'static Provider,
    pub name: String,
    pub format: Format,
    pub show_values: bool,
}

pub struct Payload<'a> {
    pub source: &'a str,
    /// The line it is, where every line is a payload.
    pub line: Option<u64>,
    /// The text, or why there is none.
    pub json: Result<&'a [u8], Error>,
}

/// Why there is nothing to validate.
#[derive(Serialize)]
pub struct Error {
    pub line: usize,
    pub column: usize,
    pub message: String,
}

#[derive(Serialize)]
struct Violation<'a> {
    pointer: &'a str,
    keyword: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct Report<'a> {
    source: &'a str,
    line: Option<u64>,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    violations: Option<&'a [Violation<'a>]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Error>,
}

impl Checker {
    /// Checks a payload and writes its report; whether the payload is valid.
    pub fn check(&self, payload: Payload<'_>, out: &mut Vec<u8>) -> io::Result<bool> {
        let Payload { source, line, json } = payload;
        let result = match json {
            Ok(json) => self.provider.validate(&self.name, json),
            Err(error) => return self.error(source, line, &error, out).map(|()| false),
        };
        match result {
            Ok(()) => self.violations(source, line, &[], out)?,
            Err(Invalid::Violations(violations)) => {
                let violations: Vec<_> = violations
                    .iter()
                    .map(|violation| Violation {
                        pointer: &violation.pointer,
                        keyword: &violation.keyword,
                        message: if self.show_values { violation.message_with_value() } else { &violation.message },
                    })
                    .collect();
                self.violations(source, line, &violations, out)?;
                return Ok(false);
            }
            Err(Invalid::NotJson(error)) => {
                let error = Error { line: error.line, column: error.column, message: error.message };
                return self.error(source, line, &error, out).map(|()| false);
            }
            Err(other) => return Err(io::Error::other(other)),
        }
        Ok(true)
    }

    /// No violations: it is valid.
    fn violations(
        &self,
        source: &str,
        line: Option<u64>,
        violations: &[Violation<'_>],
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        let valid = violations.is_empty();
        if self.format == Format::Json {
            return object(&Report { source, line, valid, violations: Some(violations), error: None }, out);
        }
        let place = Place { source, line };
        // Of a million lines only those that need attention are shown.
        if valid && line.is_none() {
            writeln!(out, "{place} valid")?;
        }
        for Violation { pointer, keyword, message } in violations {
            let pointer = Plain(if pointer.is_empty() { "the root" } else { pointer });
            writeln!(out, "{place} {pointer}: {} ({keyword})", Plain(message))?;
        }
        Ok(())
    }

    fn error(&self, source: &str, line: Option<u64>, error: &Error, out: &mut Vec<u8>) -> io::Result<()> {
        if self.format == Format::Json {
            return object(&Report { source, line, valid: false, violations: None, error: Some(error) }, out);
        }
        let line = line.unwrap_or(error.line as u64);
        let place = Place { source, line: Some(line) };
        writeln!(out, "{place}{}: {}", error.column, Plain(&error.message))
    }
}

fn object(report: &Report<'_>, out: &mut Vec<u8>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, report)?;
    out.push(b'\n');
    Ok(())
}

/// `source:` or `source:line:`, as compilers write it and editors follow it.
struct Place<'a> {
    source: &'a str,
    line: Option<u64>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", Plain(self.source))?;
        self.line.map_or(Ok(()), |line| write!(f, "{line}:"))
    }
}

/// Text that stays on its line and leaves the terminal alone, though the payload chose it.
struct Plain<'a>(&'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                f.write_char(character)?;
            }
        }
        Ok(())
    }
}
