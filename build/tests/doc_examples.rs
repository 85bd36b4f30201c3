//! The documentation of generated code has the examples of the document: each operation has a call, each event a payload with its
//! origin. Documentation tests of the library and of `.ci/own-provider` compile them.

#![cfg(feature = "client")]

use std::fs;
use std::path::Path;

use pos_webhooks_build::{Generated, generate};
use serde_json::Value;

#[test]
fn every_operation_and_every_event_has_its_example() {
    for (name, Generated { code, description, .. }) in generated() {
        let code = code.to_string();
        let description: Value = serde_json::from_str(&description).expect("JSON");
        let list = |key: &str| description[key].as_array().expect("a list").clone();
        for operation in list("operations") {
            let id = operation["id"].as_str().expect("an id");
            let request = operation["request"]["schema"].as_str().unwrap_or_default();
            // The second one is for a request that is too long.
            let has_example = code.contains(&format!("client.{id}("))
                || code.contains(&format!("[`models::{request}::examples`] returns examples of the request"));
            assert!(has_example, "{name}: {id}");
        }
        let events = list("events");
        let is_documented = |event: &&Value| {
            let examples = event["payload"]["examples"].as_array().expect("a list");
            examples.iter().any(|example| example["origin"] == "documented")
        };
        let documented = events.iter().filter(is_documented).count();
        assert_eq!(code.matches("A payload, ").count(), events.len(), "{name}");
        assert_eq!(code.matches("A payload, from the provider's documentation:").count(), documented, "{name}");
    }
}

#[test]
fn the_page_of_a_module_begins_with_examples_of_what_it_has() {
    for (name, generated) in generated() {
        let description: Value = serde_json::from_str(&generated.description).expect("JSON");
        let has = |key: &str| description[key].as_array().is_some_and(|list| !list.is_empty());
        let page = generated.documentation;
        let before_description = page.split("# Description").next().expect("the first part");
        assert_eq!(before_description.contains("## Call an operation"), has("operations"), "{name}");
        assert_eq!(before_description.contains("## Receive a delivery"), has("events"), "{name}");
        assert!(!generated.documentation_without_client.contains("Client::new"), "{name}");
    }
}

#[test]
fn examples_are_not_compiled_in_other_packages_than_the_library() {
    for (name, Generated { code, documentation, .. }) in generated() {
        assert!(documentation.contains("use crate::"), "{name}");
        for text in [code.to_string(), documentation] {
            assert!(!text.contains("```no_run") && !text.contains("```\\nuse") && !text.contains("```\nuse"), "{name}");
        }
    }
}

/// The output for each document of the library, in a module of another package.
fn generated() -> Vec<(String, Generated)> {
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs");
    let files = fs::read_dir(specs).expect("the specifications");
    let generated = files.map(|file| {
        let path = file.expect("a file").path();
        let name = path.file_stem().expect("a name").to_str().expect("UTF-8").to_owned();
        let text = fs::read_to_string(&path).expect("a specification");
        let generated = generate(&name, &path.to_string_lossy(), &text).unwrap_or_else(|errors| panic!("{errors:?}"));
        (name, generated)
    });
    generated.collect()
}
