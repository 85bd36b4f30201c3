//! Reports the result of validating a payload, for people or for programs.

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};

use clap::ValueEnum;
use pos_webhooks::catalogue::Provider;
use pos_webhooks::validate::Invalid;
use serde::Serialize;

use crate::color::good;
use crate::json_text;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lines of text
    Human,
    /// One JSON object per payload, one per line
    Json,
}

/// Checks payloads and writes reports.
pub struct Checker {
    pub provider: &'static Provider,
    pub name: String,
    pub format: Format,
    pub show_values: bool,
    /// Whether only invalid payloads are reported.
    pub quiet: bool,
    /// Whether every valid payload is reported.
    pub verbose: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    source: &'a str,
    line: Option<u64>,
    valid: bool,
    #[serde(flatten)]
    outcome: Checked,
    /// Whether there are more violations than these.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    truncated: bool,
    #[serde(skip)]
    verbose: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Checked {
    Violations(Vec<ViolationLine>),
    Error(PayloadError),
}

#[derive(Serialize)]
struct ViolationLine {
    pointer: String,
    keyword: String,
    message: String,
}

/// The reason why the payload cannot be validated.
#[derive(Serialize)]
pub struct PayloadError {
    pub line: usize,
    pub column: usize,
    pub message: String,
}

impl Checker {
    /// Checks a payload, or reports why there is none, and returns whether it is valid.
    ///
    /// `line` is the number of its line, if every line is a payload.
    pub fn check(
        &self,
        source: &str,
        line: Option<u64>,
        payload: Result<&[u8], PayloadError>,
        out: &mut Vec<u8>,
    ) -> io::Result<bool> {
        let mut truncated = false;
        let outcome = match payload.map(|json| self.provider.validate(&self.name, json)) {
            Ok(Ok(())) => Checked::Violations(Vec::new()),
            Ok(Err(Invalid::Violations(found))) => {
                truncated = found.is_truncated();
                Checked::Violations(found.into_iter().map(|violation| self.violation(violation)).collect())
            }
            Ok(Err(Invalid::NotJson(error))) => {
                Checked::Error(PayloadError { line: error.line, column: error.column, message: error.message })
            }
            Ok(Err(other)) => Checked::Error(PayloadError { line: 1, column: 0, message: other.to_string() }),
            Err(error) => Checked::Error(error),
        };
        let valid = matches!(&outcome, Checked::Violations(violations) if violations.is_empty());
        let verbose = self.verbose;
        let report = Report { source, line, valid, outcome, truncated, verbose };
        match self.format {
            _ if valid && self.quiet => {}
            Format::Human => write!(out, "{report}")?,
            Format::Json => {
                out.extend(json_text::to_string(&report)?.bytes());
                out.push(b'\n');
            }
        }
        Ok(valid)
    }

    fn violation(&self, violation: pos_webhooks::validate::Violation) -> ViolationLine {
        let message = if self.show_values { violation.message_with_value().to_owned() } else { violation.message };
        ViolationLine { pointer: violation.pointer, keyword: violation.keyword, message }
    }
}

/// `source:line:column: message`, the form of compilers that editors recognise, with the parts that are known.
impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = Plain(self.source);
        match &self.outcome {
            // With many payloads, only the invalid ones are shown.
            Checked::Violations(violations) if violations.is_empty() => match self.line {
                None => writeln!(f, "{source}: {}", good("valid")),
                Some(line) if self.verbose => writeln!(f, "{source}:{line}: {}", good("valid")),
                Some(_) => Ok(()),
            },
            Checked::Violations(violations) => {
                violations.iter().try_for_each(|ViolationLine { pointer, keyword, message }| {
                    write!(f, "{source}:")?;
                    self.line.map_or(Ok(()), |line| write!(f, "{line}:"))?;
                    let pointer = Plain(if pointer.is_empty() { "the root" } else { pointer });
                    writeln!(f, " {pointer}: {} ({keyword})", Plain(message))
                })?;
                if self.truncated {
                    writeln!(f, "{source}: there are more violations than these {}", violations.len())?;
                }
                Ok(())
            }
            Checked::Error(PayloadError { line, column, message }) => {
                let line = self.line.unwrap_or(*line as u64);
                writeln!(f, "{source}:{line}:{column}: {}", Plain(message))
            }
        }
    }
}

/// The messages about a single value.
pub fn reasons(invalid: &Invalid) -> String {
    match invalid {
        Invalid::Violations(found) => found.iter().map(|it| it.message.as_str()).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// Whether a character controls the terminal, ends a line, or reverses the direction of the text that follows.
pub fn is_control(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text from a payload, escaped so that it stays on one line and cannot control the terminal.
pub struct Plain<'a>(pub &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.contains(is_control) {
            return f.write_str(self.0);
        }
        self.0.chars().try_for_each(|character| match character {
            _ if is_control(character) => write!(f, "{}", character.escape_default()),
            _ => f.write_char(character),
        })
    }
}

/// The message with those of its causes, each said once.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        cause = error.source();
    }
    message
}
