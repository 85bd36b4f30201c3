//! `pos-webhooks lint`: reports everything in a specification that is not supported.

mod examples;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use pos_webhooks_build::{Finding, Severity};
use serde_json::{Value, json};

use crate::color::{self, doubtful, good};
use crate::console::{complain, print};
use crate::providers::{self, Given};
use crate::report::Plain;
use crate::stop::{Stop, UNUSABLE};
use crate::{json_text, options};

/// Check the OpenAPI document of a provider
///
/// Reports everything that this program does not support in the document, all findings at once, each with its place and what
/// to write instead. A document without findings can be used with --spec, and as `specs/NAME.yaml` of a build. A document
/// with warnings can be used as well: what they are about is ignored, simplified or left out.
///
/// Without FILE, checks the documents of --spec or of POS_WEBHOOKS_SPECS.
#[derive(Args)]
#[command(after_long_help = "\
Output with --format human, which editors recognise, and a last line with the number of findings:
  FILE:LINE:COLUMN: PLACE: MESSAGE; HELP
  FILE:LINE:COLUMN: warning: PLACE: MESSAGE; HELP

Output with --format json, one object per finding:
  {\"severity\":\"error\",\"file\":\"FILE\",\"line\":42,\"column\":9,\"place\":\"paths./hooks.post\",
   \"message\":\"…\",\"help\":\"…\"}

Output with --format sarif: one document in SARIF 2.1.0, for editors and code scanning.

Lines and columns are counted from 1, columns in characters.

Examples:
  pos-webhooks lint shop.yaml
  pos-webhooks lint --format sarif shop.yaml > findings.sarif
  pos-webhooks lint - < shop.yaml
  pos-webhooks lint --schema > dialect.json
      Prints a JSON Schema of the documents, with which an editor completes and checks while you type.

Exit status:
  0  There are no findings.
  1  There are findings.
  2  Wrong usage, or a document could not be read. The others are still checked.")]
pub struct Arguments {
    /// Documents or directories with documents to check, at most 4 MiB each; - is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Format of the findings
    #[arg(long, value_enum, default_value_t = Format::Human, hide_possible_values = true)]
    format: Format,

    #[arg(long, short, conflicts_with_all = ["verbose", "schema"], help = options::QUIET)]
    #[arg(long_help = format!("{}. The findings are shown", options::QUIET))]
    quiet: bool,

    #[arg(long, short, conflicts_with = "schema", help = options::VERBOSE)]
    #[arg(long_help = format!("{}. Documents without findings are listed as well", options::VERBOSE))]
    verbose: bool,

    /// Print a JSON Schema (draft-07) of the documents of OpenAPI 3.0, and check nothing
    #[arg(long, conflicts_with_all = ["files", "format"])]
    schema: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Human,
    Json,
    Sarif,
}

pub fn run(arguments: &Arguments, given: &Given) -> Result<ExitCode, Stop> {
    let Arguments { files, format, quiet, verbose, schema } = arguments;
    for (option, is_given) in [("--quiet", *quiet), ("--verbose", *verbose)] {
        if is_given && !matches!(format, Format::Human) {
            return Err(options::without_effect(option, "this --format, which has the findings alone"));
        }
    }
    if *schema {
        return Ok(print(&format!("{:#}\n", pos_webhooks_build::json_schema()), ExitCode::SUCCESS)?);
    }
    let files = given.to_lint(files)?;
    if files.is_empty() {
        return Err(Stop::Usage("there is no document to check; give FILE, --spec or POS_WEBHOOKS_SPECS".to_owned()));
    }
    let (mut findings, mut unreadable, mut bad) = (Vec::new(), Vec::new(), 0);
    let mut shown = String::new();
    for file in &files {
        match providers::describe(file) {
            Ok((text, described)) => {
                let found = match described {
                    Ok((description, mut warnings)) => {
                        warnings.extend(examples::check(&file.display().to_string(), &text, &description));
                        warnings.sort_by_key(|finding| (finding.line, finding.column));
                        warnings
                    }
                    Err(findings) => findings,
                };
                bad += usize::from(!found.is_empty());
                if *verbose && found.is_empty() {
                    let _ = writeln!(shown, "{}: {}", Plain(&file.display().to_string()), good("no findings"));
                }
                findings.extend(found);
            }
            Err(stop) => {
                let message = stop.message();
                complain(format_args!("{message}"));
                unreadable.push(message);
            }
        }
    }
    match format {
        Format::Human => {
            findings.iter().for_each(|finding| shown += &line(finding));
            if !quiet {
                shown += &summary(&findings, bad, files.len() - unreadable.len());
            }
        }
        Format::Json => {
            findings.iter().for_each(|finding| shown += &json_text::escaped(format!("{}\n", json(finding))))
        }
        Format::Sarif => shown += &json_text::escaped(format!("{:#}\n", sarif(&findings, &unreadable))),
    }
    let status = match (unreadable.as_slice(), findings.is_empty()) {
        ([_, ..], _) => ExitCode::from(UNUSABLE),
        ([], false) => ExitCode::FAILURE,
        ([], true) => ExitCode::SUCCESS,
    };
    Ok(print(&shown, status)?)
}

/// A finding on one line.
fn line(finding: &Finding) -> String {
    let text = Plain(&finding.to_string()).to_string();
    match text.split_once(" warning: ").filter(|_| finding.severity == Severity::Warning) {
        Some((place, message)) => format!("{place} {}: {message}\n", doubtful("warning")),
        None => format!("{text}\n"),
    }
}

fn summary(findings: &[Finding], bad: usize, checked: usize) -> String {
    let mut text = String::new();
    let count = |number, of: &str| format!("{number} {of}{}", if number == 1 { "" } else { "s" });
    let documents = if checked == 1 { "1 document".to_owned() } else { format!("{bad} of {checked} documents") };
    let warnings = findings.iter().filter(|finding| finding.severity == Severity::Warning).count();
    let _ = match (findings.len(), warnings) {
        _ if checked == 0 => Ok(()),
        (0, _) => writeln!(text, "{} in {}", good("no findings"), count(checked, "document")),
        (number, 0) => writeln!(text, "{} in {documents}", color::bad(count(number, "finding"))),
        (number, _) if number == warnings => {
            writeln!(text, "{} in {documents}; all of them are warnings", count(number, "finding"))
        }
        (number, _) => {
            writeln!(text, "{} in {documents}, of which {}", color::bad(count(number, "finding")), are(warnings))
        }
    };
    text
}

fn are(warnings: usize) -> String {
    if warnings == 1 { "1 is a warning".to_owned() } else { format!("{warnings} are warnings") }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn json(Finding { severity, file, line, column, place, message, help }: &Finding) -> Value {
    json!({
        "severity": level(*severity),
        "file": file,
        "line": line,
        "column": column,
        "place": place,
        "message": message,
        "help": help,
    })
}

fn sarif(findings: &[Finding], unreadable: &[String]) -> Value {
    let results = findings.iter().map(|Finding { severity, file, line, column, place, message, help }| {
        let region = json!({ "startLine": line, "startColumn": column });
        json!({
            "level": level(*severity),
            "message": { "text": format!("{message}; {help}") },
            "locations": [{
                "physicalLocation": { "artifactLocation": { "uri": uri(file) }, "region": region },
                "logicalLocations": [{ "fullyQualifiedName": place }],
            }],
        })
    });
    let driver = json!({ "name": env!("CARGO_BIN_NAME"), "version": env!("CARGO_PKG_VERSION") });
    let notifications = unreadable.iter().map(|text| json!({ "level": "error", "message": { "text": text } }));
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": unreadable.is_empty(),
                "toolExecutionNotifications": notifications.collect::<Vec<_>>(),
            }],
            "results": results.collect::<Vec<_>>(),
        }],
    })
}

/// The file as the path of a URI.
fn uri(file: &str) -> String {
    let mut uri = String::new();
    for byte in file.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(byte.into()),
            _ => _ = write!(uri, "%{byte:02X}"),
        }
    }
    uri
}
