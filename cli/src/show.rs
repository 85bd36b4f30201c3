//! `pos-webhooks schema`, `spec` and `example`: print parts of a specification.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use pos_webhooks::catalogue::{self, Body, Provider, SchemaKind};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::console::{print, warn};
use crate::fidelity::Entry;
use crate::help;
use crate::json_text::{self, indented};
use crate::options::{self, check_value, provider};
use crate::providers;

/// List events and schemas, or print one JSON Schema
///
/// Without NAME, prints every event and schema with its kind and description. With NAME, prints its JSON Schema
/// (draft-07). The schema is self-contained and can be used with other validators: formats that only these documents
/// use are replaced by patterns. Unlike the pattern of HTTP dates, `validate` also checks the day of the week.
#[derive(Args)]
#[command(after_long_help = "\
Kinds:
  event     The payload of an event
  sent      Sent to the provider: requests, responses to deliveries, and parts of these
  received  Sent by the provider: deliveries, responses to requests, and parts of these
  response  A response to a request that does not have a named schema, such as a bare array

For ajv, add the formats, such as `date` and `uri`, with `require(\"ajv-formats\")(ajv)`.

Examples:
  pos-webhooks schema vipps
  pos-webhooks schema dealpos paymentCreated > paymentCreated.schema.json")]
pub struct SchemaArguments {
    /// The provider of the schemas
    #[arg(value_parser = provider())]
    provider: &'static Provider,

    /// Event or schema
    name: Option<String>,
}

/// Print a provider's OpenAPI document
///
/// The document is OpenAPI 3.0 in YAML, including its comments, as it was when this program was built. Deliveries are
/// under `x-webhooks`.
///
/// With --sources, --differences or --omitted, this prints a list instead: the provider's documents from which this one was
/// written, where it differs from them, or what it leaves out of them. Entries cite documents by their keys in --sources.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  pos-webhooks spec vipps > vipps.yaml
  pos-webhooks spec vipps --sources
  pos-webhooks spec mypos --differences --format json")]
pub struct SpecArguments {
    /// The provider of the document
    #[arg(value_parser = provider())]
    provider: &'static Provider,

    /// List the provider's documents that it was written from, with their dates
    ///
    /// Each has a key, a URL, its own date or the day on which it was read, and a note on what was taken from it.
    #[arg(long, group = "list")]
    sources: bool,

    /// List where it differs from them, or they contradict each other
    ///
    /// Each entry has the places in the document, what the sources say, and what the document says in their place. A place
    /// is the name of an operation, an event or a schema, or a JSON pointer.
    #[arg(long, group = "list")]
    differences: bool,

    /// List what it leaves out of them, and why
    #[arg(long, group = "list")]
    omitted: bool,

    /// How a list is written
    #[arg(long, value_enum, requires = "list", default_value = "human")]
    format: ListFormat,
}

#[derive(Clone, Copy, ValueEnum)]
enum ListFormat {
    /// Several lines per entry
    Human,
    /// One JSON object per entry and line: of --sources with key, title, url, date, read, note; of --differences with at,
    /// sources, documents, specification; of --omitted with what, sources, why
    Json,
}

/// List the bodies with examples, or print example payloads, requests or responses
///
/// Without NAME, prints the name of every body that has examples, with the number of its examples and its schema.
///
/// Every example has an origin: `documented` by the provider, `observed` in its traffic, or `constructed` in the
/// documented form. On a terminal, the origin is shown with the example; otherwise only the JSON is printed.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  pos-webhooks example dealpos paymentCreated --example original > body.json
  pos-webhooks example mipos create_webhook.409 --format human
  pos-webhooks example mipos create_webhook.422 --example url_missing
  pos-webhooks example vipps epayments.payment.captured.v1 | \\
      pos-webhooks validate vipps epayments.payment.captured.v1 --ndjson")]
pub struct ExampleArguments {
    /// The provider of the example
    #[arg(value_parser = provider())]
    provider: &'static Provider,

    /// Event, schema or operation
    ///
    /// `paymentCreated` is the payload of an event, and `paymentCreated.200` the response to its delivery;
    /// `create_webhook` is the request of an operation, and `create_webhook.409` a response to it; the name of a schema
    /// selects every body of that schema.
    name: Option<String>,

    /// Print only the example of this name; the formats `human` and `json` show the names
    #[arg(long, value_name = "EXAMPLE", requires = "name")]
    example: Option<String>,

    /// Format of the examples
    ///
    /// The default on a terminal is `human`. Otherwise, the default is the first example alone, in the format `raw`.
    #[arg(long, value_enum, requires = "name")]
    format: Option<ExampleFormat>,
}

#[derive(Clone, Copy, ValueEnum)]
enum ExampleFormat {
    /// Indented, after name, origin and source
    Human,
    /// One JSON object per example, one per line: body, example, summary, origin, source, media_type, schema, value
    Json,
    /// The examples alone, one per line, as `validate --ndjson` reads them
    Raw,
}

const KINDS: [SchemaKind; 4] = [SchemaKind::Event, SchemaKind::Sent, SchemaKind::Received, SchemaKind::Response];

pub fn schema(SchemaArguments { provider, name }: &SchemaArguments) -> io::Result<ExitCode> {
    let schemas = provider.schemas;
    let Some(name) = name else {
        let width = schemas.iter().map(|schema| schema.name.len()).max().unwrap_or_default();
        let mut list = String::new();
        for kind in KINDS {
            let label = kind.to_string();
            for schema in schemas.iter().filter(|schema| schema.kind == kind) {
                let sentence = schema.description.split_inclusive(". ").next().unwrap_or_default();
                let line = format!("{:width$}  {label:8}  {sentence}", schema.name);
                let _ = writeln!(list, "{}", help::listed(line.trim_end(), width + 12));
            }
        }
        return print(&list, ExitCode::SUCCESS);
    };
    check_value::<SchemaArguments>("name", name, schemas.iter().map(|schema| schema.name), &options::schemas(provider));
    let schema = provider.json_schema(name).map_err(io::Error::other)?;
    print(&json_text::escaped(format!("{schema:#}\n")), ExitCode::SUCCESS)
}

pub fn spec(arguments: &SpecArguments) -> io::Result<ExitCode> {
    let SpecArguments { provider, sources, differences, omitted, format } = arguments;
    let entries: Vec<Entry> = match (sources, differences, omitted) {
        (true, _, _) => provider.sources.iter().map(Entry::from).collect(),
        (_, true, _) => provider.differences.iter().map(Entry::from).collect(),
        (_, _, true) => provider.omitted.iter().map(Entry::from).collect(),
        (false, false, false) => return print(provider.spec, ExitCode::SUCCESS),
    };
    let mut text = String::new();
    for entry in &entries {
        let _ = match format {
            ListFormat::Human => write!(text, "{}{entry}", if text.is_empty() { "" } else { "\n" }),
            ListFormat::Json => writeln!(text, "{}", json_text::to_string(entry)?),
        };
    }
    if matches!(format, ListFormat::Human) && io::stdout().is_terminal() {
        text = help::fitted(&text);
    }
    print(&text, ExitCode::SUCCESS)
}

pub fn example(ExampleArguments { provider, name, example, format }: &ExampleArguments) -> io::Result<ExitCode> {
    let bodies = bodies(provider);
    let Some(name) = name else {
        let width = bodies.iter().map(|(place, _)| place.len()).max().unwrap_or_default();
        let line = |(place, body): &(String, &Body)| {
            let (count, s) = (body.examples.len(), if body.examples.len() == 1 { "" } else { "s" });
            let line = format!("{place:width$}  {count} example{s:1}  {}", body.schema);
            help::listed(&line, width + 2) + "\n"
        };
        return print(&bodies.iter().map(line).collect::<String>(), ExitCode::SUCCESS);
    };
    let known: BTreeSet<_> = bodies.iter().flat_map(|(place, body)| [place.clone(), body.schema.to_owned()]).collect();
    let list = format!("pos-webhooks example {}{}", provider.name, providers::option_of(provider));
    check_value::<ExampleArguments>("name", name, known, &list);
    let bodies = bodies.iter().filter(|(place, body)| place == name || body.schema == name);
    let mut examples: Vec<_> =
        bodies.flat_map(|(place, body)| body.examples.iter().map(move |example| (place, *body, example))).collect();
    if let Some(wanted) = example {
        let known: BTreeSet<_> = examples.iter().map(|(_, _, example)| example.name).collect();
        check_value::<ExampleArguments>("example", wanted, known, &format!("{list} {name} --format human"));
        examples.retain(|(_, _, example)| example.name == wanted);
    }
    let format = format.unwrap_or_else(|| {
        if io::stdout().is_terminal() {
            return ExampleFormat::Human;
        }
        if examples.len() > 1 {
            let count = examples.len();
            warn(format_args!(
                "this is the first of {count} examples; --example prints another one, and --format raw prints all"
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
                let json = json_text::escaped(indented(json, 2, usize::MAX).unwrap_or_default());
                let about = [
                    format!("{place}, {name}: {summary}"),
                    format!("{origin}: {source}"),
                    format!("{media_type}, schema {schema}"),
                ];
                let comment =
                    |line: String| format!("{}\n", help::listed(&format!("# {line}"), 2).replace("\n  ", "\n# "));
                writeln!(text, "{space}{}{json}", about.map(comment).concat())
            }
            ExampleFormat::Raw => writeln!(text, "{}", json_text::escaped((*json).to_owned())),
            ExampleFormat::Json => {
                let value: &RawValue = serde_json::from_str(json)?;
                let origin = origin.to_string();
                let line =
                    ExampleLine { body: place, example: name, summary, origin, source, media_type, schema, value };
                writeln!(text, "{}", json_text::to_string(&line)?)
            }
        };
    }
    print(&text, ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct ExampleLine<'a> {
    body: &'a str,
    example: &'a str,
    summary: &'a str,
    origin: String,
    source: &'a str,
    media_type: &'a str,
    schema: &'a str,
    value: &'a RawValue,
}

/// Every body with examples, and its name.
fn bodies(provider: &'static Provider) -> Vec<(String, &'static Body)> {
    let operations =
        provider.operations.iter().map(|operation| (operation.id, operation.request.as_ref(), operation.responses));
    let events = provider.events.iter().map(|event| (event.name, Some(&event.payload), event.responses));
    let mut bodies = Vec::new();
    for (name, own, responses) in operations.chain(events) {
        bodies.extend(own.map(|body| (name.to_owned(), body)));
        for response in responses {
            bodies.extend(response.body.as_ref().map(|body| (format!("{name}.{}", response.status), body)));
        }
    }
    bodies.retain(|(_, body)| !body.examples.is_empty());
    bodies
}
