//! The examples in the documentation of generated code: how to use the module, and the bodies that the document has as
//! examples.

#[cfg(feature = "client")]
mod call;
mod delivery;
mod json;
#[cfg(feature = "client")]
mod literal;

use self::json::Json;
use super::bundle::Bundle;
use super::spec::{Body, Event, Example, Spec};

/// The highest number of lines of an example in the documentation.
const LINES: usize = 48;

/// The package that the library is in, whose documentation is tested.
const LIBRARY: &str = "pos-webhooks";

/// Writes examples in Markdown.
pub struct DocExamples<'a> {
    spec: &'a Spec,
    bundle: &'a Bundle,
    /// The path of the provider's module, as other crates write it.
    module: String,
    /// Whether the examples are compiled with the tests of the documentation. A program of another package can have the module
    /// in a place that an example cannot name.
    tested: bool,
}

impl<'a> DocExamples<'a> {
    /// `package` is the package whose module `provider` has the examples.
    pub fn new(package: &str, provider: &str, spec: &'a Spec, bundle: &'a Bundle) -> Self {
        let module = format!("{}::{provider}", package.replace('-', "_"));
        Self { spec, bundle, module, tested: package == LIBRARY }
    }

    /// The sentence about the feature of the provider. Other packages may name their features as they like.
    pub fn feature(&self) -> String {
        let provider = self.module.rsplit("::").next().filter(|_| self.tested);
        provider.map_or_else(String::new, |name| format!("\n\nRequires the feature `{name}`, which is on by default."))
    }

    /// The examples of the module, which call an operation, receive a delivery and test a receiver.
    pub fn of_module(&self, with_client: bool) -> String {
        let examples = [
            ("Call an operation", if with_client { self.call_operation() } else { None }),
            ("Receive a delivery", self.receive()),
            ("Test a receiver", self.test_receiver()),
        ];
        let mut doc = String::new();
        for (title, code) in examples {
            if let Some(code) = code {
                doc.push_str(if doc.is_empty() { "\n\n# Examples" } else { "" });
                doc.push_str(&format!("\n\n## {title}\n\n{code}"));
            }
        }
        doc
    }

    /// The paragraphs with the payload of an event.
    pub fn of_event(&self, event: &Event) -> String {
        doc_of_body(&event.payload, "A payload").map_or_else(String::new, |doc| format!("\n\n{doc}"))
    }

    #[cfg(not(feature = "client"))]
    fn call_operation(&self) -> Option<String> {
        None
    }

    /// A block of Rust code that is compiled, but not run.
    fn code(&self, code: &str) -> String {
        let attributes = if self.tested { "no_run" } else { "ignore,no_run" };
        format!("```{attributes}\n{code}\n```")
    }

    /// A block of Rust code that is run.
    fn run(&self, code: &str) -> String {
        let attributes = if self.tested { "" } else { "ignore" };
        format!("```{attributes}\n{code}\n```")
    }
}

/// The example that the documentation shows: a documented one, if there is one.
fn example(body: &Body) -> Option<&Example> {
    body.examples.iter().find(|example| example.origin == "documented").or(body.examples.first())
}

/// The example of a body as JSON text, with its origin.
fn doc_of_body(body: &Body, what: &str) -> Option<String> {
    let example = example(body)?;
    let json = format!("{:#}", Json::parse(&example.json)?);
    let origin = match example.origin.as_str() {
        "documented" => "from the provider's documentation",
        "observed" => "as it was observed",
        _ => "constructed from the description",
    };
    is_short(&json).then(|| format!("{what}, {origin}:\n\n```json\n{json}\n```"))
}

fn is_short(text: &str) -> bool {
    text.lines().count() <= LINES
}
