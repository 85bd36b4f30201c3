//! Checks whether the examples of a document match their schemas.

use pos_webhooks::catalogue::Provider;
use pos_webhooks::validate::Invalid;
use pos_webhooks_build::load::{self, Node, join};
use pos_webhooks_build::{Finding, Severity};

/// The maximum number of violations that are shown for one example.
const MAX_SHOWN: usize = 3;

/// Returns a warning for each example that does not match its schema.
pub fn check(file: &str, text: &str, description: &str) -> Vec<Finding> {
    let Ok(provider) = Provider::read_with_spec(description, text) else { return Vec::new() };
    let Ok(document) = load::load(file, text) else { return Vec::new() };
    let mut findings = Vec::new();
    for body in provider.bodies() {
        for example in body.examples {
            let message = match provider.validate(body.schema, example.json.as_bytes()) {
                Ok(()) => continue,
                Err(Invalid::Violations(violations)) => {
                    let shown: Vec<String> = violations.iter().take(MAX_SHOWN).map(ToString::to_string).collect();
                    format!("the example does not match its schema: {}", shown.join("; "))
                }
                Err(error) => format!("the example cannot be checked: {error}"),
            };
            let (line, column, place) = position(&document.root, example.json, "").unwrap_or((1, 1, String::new()));
            let (severity, file) = (Severity::Warning, file.to_owned());
            let help = "correct the example or the schema".to_owned();
            let finding = Finding { severity, file, line, column, place, message, help };
            // A response that several operations have is one body each.
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
    }
    findings
}

/// The position of the example with this value, and its keys from the root.
fn position(node: &Node, json: &str, place: &str) -> Option<(usize, usize, String)> {
    for (key, member) in node.entries() {
        let place = join(place, &key.text);
        let of_examples = |(name, example): &(load::MappingKey, Node)| {
            let is_same = example.get("value").is_some_and(|value| value.to_json_text() == json);
            is_same.then(|| (name.line, name.column, join(&place, &name.text)))
        };
        let found = match key.text.as_str() {
            "examples" => member.entries().iter().find_map(of_examples),
            _ => position(member, json, &place),
        };
        if found.is_some() {
            return found;
        }
    }
    node.items().iter().enumerate().find_map(|(index, item)| position(item, json, &join(place, &format!("[{index}]"))))
}
