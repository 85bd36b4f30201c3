//! What a specification says: `pos-webhooks schema`, `spec` and `example`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use pos_webhooks::catalogue::{self, Body, Provider, SchemaKind};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{print, warn};

/// List what can be validated, or print one JSON Schema
///
/// Without NAME, prints every event and schema with its kind and description. With NAME, prints its JSON Schema
/// (draft-07). It refers to nothing outside itself, and other validators can use it as it is: a format that only these
/// documents know is given as a pattern. `validate` also checks that the day of the week is the date's.
#[derive(Args)]
#[command(after_long_help = "\
Kinds:
  event     What the provider delivers
  sent      What is sent to the provider: requests, answers to deliveries, and parts of these
  received  What the provider sends: deliveries, answers to requests, and parts of these
  answer    An answer to a request that is not a schema of its own, such as a bare array

With ajv, `require(\"ajv-formats\")(ajv)` adds the formats, such as `date` and `uri`; ajv itself has none.

Examples:
  pos-webhooks schema vipps
  pos-webhooks schema dealpos paymentCreated > paymentCreated.schema.json")]
pub struct Schema {
    /// Whose schemas
    #[arg(value_parser = crate::provider())]
    provider: &'static Provider,

    /// Event or schema
    name: Option<String>,
}

/// Print a provider's OpenAPI document
///
/// It is OpenAPI 3.0 in YAML, comments included, as this program was built with it. Deliveries are under `x-webhooks`.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  pos-webhooks spec vipps > vipps.yaml")]
pub struct Spec {
    /// Whose document
    #[arg(value_parser = crate::provider())]
    provider: &'static Provider,
}

/// Print example payloads, requests or answers
///
/// Every example says where it comes from: `documented` by the provider, `observed` in its traffic, or `constructed` in
/// the documented form. A terminal shows that with the example; a file or another program gets the JSON alone.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  pos-webhooks example dealpos paymentCreated --example original > body.json
  pos-webhooks example mipos create_webhook.409 --format human
  pos-webhooks example mipos create_webhook.422 --example url_missing
  pos-webhooks example vipps epayments.payment.captured.v1 | \\
      pos-webhooks validate vipps epayments.payment.captured.v1 --ndjson")]
pub struct Example {
    /// Whose example
    #[arg(value_parser = crate::provider())]
    provider: &'static Provider,

    /// Event, schema or operation
    ///
    /// `paymentCreated` is the payload of an event, `paymentCreated.200` what it is to be answered with;
    /// `create_webhook` is the request of an operation, `create_webhook.409` an answer to it; the name of a schema is
    /// every body of that schema. A wrong name lists the right ones.
    name: String,

    /// Only the example of this name; `human` and `json` show the names
    #[arg(long, value_name = "EXAMPLE")]
    example: Option<String>,

    /// How examples are written
    ///
    /// If it is not given, a terminal gets `human`. A file or another program gets one example, the first, as `raw` writes it.
    #[arg(long, value_enum)]
    format: Option<ExampleFormat>,
}

#[derive(Clone, Copy, ValueEnum)]
enum ExampleFormat {
    /// Indented, under its name, origin and source
    Human,
    /// One JSON object per example and line: body, example, summary, origin, source, media_type, schema, value
    Json,
    /// The examples alone, one per line, as `validate --ndjson` reads them
    Raw,
}

const KINDS: [(SchemaKind, &str); 4] = [
    (SchemaKind::Event, "event"),
    (SchemaKind::Sent, "sent"),
    (SchemaKind::Received, "received"),
    (SchemaKind::Answer, "answer"),
];

pub fn schema(Schema { provider, name }: &Schema) -> io::Result<ExitCode> {
    let schemas = provider.schemas;
    let Some(name) = name else {
        let width = schemas.iter().map(|schema| schema.name.len()).max().unwrap_or_default();
        let mut list = String::new();
        for (kind, label) in KINDS {
            for schema in schemas.iter().filter(|schema| schema.kind == kind) {
                let sentence = schema.description.split_inclusive(". ").next().unwrap_or_default();
                let line = format!("{:width$}  {label:8}  {sentence}", schema.name);
                let _ = writeln!(list, "{}", line.trim_end());
            }
        }
        return print(&list, ExitCode::SUCCESS);
    };
    crate::check_value("schema", "name", name, schemas.iter().map(|schema| schema.name));
    let schema = provider.json_schema(name).map_err(io::Error::other)?;
    print(&format!("{schema:#}\n"), ExitCode::SUCCESS)
}

pub fn spec(Spec { provider }: &Spec) -> io::Result<ExitCode> {
    print(provider.spec, ExitCode::SUCCESS)
}

pub fn example(Example { provider, name, example, format }: &Example) -> io::Result<ExitCode> {
    let bodies = bodies(provider);
    let known: BTreeSet<_> = bodies.iter().flat_map(|(place, body)| [place.clone(), body.schema.to_owned()]).collect();
    crate::check_value("example", "name", name, known);
    let bodies = bodies.iter().filter(|(place, body)| place == name || body.schema == name);
    let mut examples: Vec<_> =
        bodies.flat_map(|(place, body)| body.examples.iter().map(move |example| (place, *body, example))).collect();
    if let Some(wanted) = example {
        let known: BTreeSet<_> = examples.iter().map(|(_, _, example)| example.name).collect();
        crate::check_value("example", "example", wanted, known);
        examples.retain(|(_, _, example)| example.name == wanted);
    }
    let format = format.unwrap_or_else(|| {
        if io::stdout().is_terminal() {
            return ExampleFormat::Human;
        }
        if examples.len() > 1 {
            let count = examples.len();
            warn(format_args!(
                "this is the first of {count} examples; --example prints another, and --format raw all of them"
            ));
            examples.truncate(1);
        }
        ExampleFormat::Raw
    });
    let mut text = String::new();
    for (place, Body { media_type, schema, .. }, example) in examples {
        let catalogue::Example { name, summary, origin, source, json, .. } = example;
        let _ = match format {
            ExampleFormat::Human => {
                let space = if text.is_empty() { "" } else { "\n" };
                let json = indented(json);
                writeln!(
                    text,
                    "{space}# {place}, {name}: {summary}\n# {origin}: {source}\n# {media_type}, schema {schema}\n{json}"
                )
            }
            ExampleFormat::Raw => writeln!(text, "{json}"),
            ExampleFormat::Json => {
                let value: &RawValue = serde_json::from_str(json)?;
                let origin = origin.to_string();
                let object = Object { body: place, example: name, summary, origin, source, media_type, schema, value };
                writeln!(text, "{}", serde_json::to_string(&object)?)
            }
        };
    }
    print(&text, ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Object<'a> {
    body: &'a str,
    example: &'a str,
    summary: &'a str,
    origin: String,
    source: &'a str,
    media_type: &'a str,
    schema: &'a str,
    value: &'a RawValue,
}

/// Compact JSON on several lines. Unlike by way of `Value`, numbers and the order of members stay as they are.
fn indented(json: &str) -> String {
    let (mut text, mut depth) = (String::new(), 0_usize);
    let (mut previous, mut quoted, mut escaped) = (' ', false, false);
    for character in json.chars() {
        if !quoted {
            let (opened, closes) = (matches!(previous, '{' | '['), matches!(character, '}' | ']'));
            depth = depth.saturating_sub(usize::from(closes));
            if previous == ',' || opened != closes {
                text.push('\n');
                text.extend(std::iter::repeat_n("  ", depth));
            } else if previous == ':' {
                text.push(' ');
            }
            depth += usize::from(matches!(character, '{' | '['));
        }
        text.push(character);
        quoted ^= character == '"' && !escaped;
        escaped = quoted && character == '\\' && !escaped;
        previous = character;
    }
    text
}

/// Every body with examples, and what it is called.
fn bodies(provider: &'static Provider) -> Vec<(String, &'static Body)> {
    let operations =
        provider.operations.iter().map(|operation| (operation.id, operation.request.as_ref(), operation.answers));
    let events = provider.events.iter().map(|event| (event.name, Some(&event.payload), event.answers));
    let mut bodies = Vec::new();
    for (name, own, answers) in operations.chain(events) {
        bodies.extend(own.map(|body| (name.to_owned(), body)));
        for answer in answers {
            bodies.extend(answer.body.as_ref().map(|body| (format!("{name}.{}", answer.status), body)));
        }
    }
    bodies.retain(|(_, body)| !body.examples.is_empty());
    bodies
}
