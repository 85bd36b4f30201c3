//! `pos-webhooks init`: writes the document to start from for a new provider.

mod from;

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use pos_webhooks_build::names;

use crate::console::print;
use crate::providers::{self, Given};
use crate::stop::Stop;

/// A document for the provider `acme`, without findings.
const TEMPLATE: &str = include_str!("template.yaml");

/// The day in the template on which the sources were read.
const READ: &str = "2026-01-01";

/// Write a document to start from for a provider of your own
///
/// The document describes an invented provider: one event, its signature, and the operations that manage webhooks. Its
/// comments say what to replace. It already passes `lint` and `demo`.
///
/// With --from, it is the OpenAPI document of the provider instead, with the extensions that it lacks as comments at the places
/// where they belong.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  pos-webhooks init acme
      Writes acme.yaml.
  pos-webhooks init acme_pay --output - | less
      Shows the document.
  pos-webhooks init acme --from openapi.json
      Writes acme.yaml with the provider's own document in it.

Exit status:
  0  The document was written.
  2  Wrong usage, or the file exists already or could not be written.")]
pub struct Arguments {
    /// Name of the provider in snake case, by which commands refer to it
    #[arg(value_parser = name)]
    name: String,

    /// File or directory to write to; - is standard output. By default NAME.yaml
    ///
    /// The file has the name of the provider. An existing file is never overwritten.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// OpenAPI document of the provider in YAML or JSON, to which comments are added; - is standard input
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
}

fn name(text: &str) -> Result<String, &'static str> {
    match providers::is_name(text) {
        true => Ok(text.to_owned()),
        false if names::is_keyword(text) => Err("this is a keyword of Rust, which cannot be the name of a module"),
        false => Err("a name in snake case is expected, such as acme or acme_pay"),
    }
}

pub fn run(Arguments { name, output, from }: &Arguments, given: &Given) -> Result<ExitCode, Stop> {
    if given.has_options() {
        return Err(Stop::Usage("`init` does not use the document of --spec; give it with --from".to_owned()));
    }
    let text = from.as_deref().map_or_else(|| Ok(document(name)), from::commented)?;
    let file = match output {
        Some(output) if output == Path::new("-") => return Ok(print(&text, ExitCode::SUCCESS)?),
        Some(output) if output.is_dir() => output.join(format!("{name}.yaml")),
        Some(output) => output.clone(),
        None => PathBuf::from(format!("{name}.yaml")),
    };
    if file.file_stem().is_none_or(|stem| stem != name.as_str()) {
        return Err(Stop::Usage(format!(
            "the name of the file is that of the provider: write to a file {name}.yaml, or to a directory"
        )));
    }
    let created = OpenOptions::new().write(true).create_new(true).open(&file);
    let written = created.and_then(|mut created| {
        // A part of a document would be in the way of the next attempt.
        created.write_all(text.as_bytes()).inspect_err(|_| drop(fs::remove_file(&file)))
    });
    let shown = file.display();
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Stop::Input(format!("{shown}: the file exists already, and is not overwritten")),
        _ => Stop::Input(format!("{shown}: {error}")),
    })?;
    let (describes, then) = match from {
        None => (
            format!("the invented provider `{name}`. Its comments say what to replace."),
            format!("pos-webhooks demo --spec {shown}   see the life cycle of a webhook with it"),
        ),
        Some(_) => (
            format!("the provider `{name}`. Its comments say what can be added."),
            format!("pos-webhooks schema {name} --spec {shown}   list what it describes"),
        ),
    };
    let next = format!(
        "{shown} describes {describes}\n\nNext:\n  pos-webhooks lint {shown}          check it after each change\n  {then}\n"
    );
    Ok(print(&next, ExitCode::SUCCESS)?)
}

/// The template with this name in the place of that of the invented provider.
fn document(name: &str) -> String {
    let words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
    let capital = |word: &&str| {
        word.get(..1).map(str::to_ascii_uppercase).unwrap_or_default() + word.get(1..).unwrap_or_default()
    };
    let capitals: Vec<String> = words.iter().map(capital).collect();
    let today = Timestamp::now().to_string();
    // Each place of the template is replaced once: a name may contain that of the template.
    let pairs = [
        ("acme.yaml", format!("{name}.yaml")),
        ("call acme", format!("call {name}")),
        ("acme", words.join("-")),
        ("Acme-", format!("{}-", capitals.join("-"))),
        ("Acme", capitals.join(" ")),
        (READ, today.get(..READ.len()).unwrap_or(READ).to_owned()),
    ];
    let (mut text, mut rest) = (String::new(), TEMPLATE);
    let next = |rest: &str| {
        let found = pairs.iter().filter_map(|(from, to)| Some((rest.find(from)?, *from, to)));
        found
            .min_by_key(|(at, from, _)| (*at, std::cmp::Reverse(from.len())))
            .map(|(at, from, to)| (at, from.len(), to.clone()))
    };
    while let Some((at, length, to)) = next(rest) {
        text.push_str(rest.get(..at).unwrap_or_default());
        text.push_str(&to);
        rest = rest.get(at + length..).unwrap_or_default();
    }
    text + rest
}
