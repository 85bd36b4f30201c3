//! The JSON Schema of the dialect: an independent validator accepts every document without findings, and refuses a key that
//! the lint does not know.

use std::fs;
use std::path::{Path, PathBuf};

use pos_webhooks_build::{json_schema, lint, load};
use serde_json::Value;

fn documents(directory: &str) -> Vec<(PathBuf, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut documents: Vec<(PathBuf, String)> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| (path.clone(), fs::read_to_string(path).expect("a document")))
        .collect();
    documents.sort();
    assert!(!documents.is_empty());
    documents
}

fn problems(validator: &jsonschema::Validator, text: &str) -> Vec<String> {
    let document = load::load("document.yaml", text).expect("YAML").root.to_json();
    validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn documents_without_findings_are_valid() {
    let validator = jsonschema::validator_for(&json_schema()).expect("a JSON Schema");
    let mut checked = 0;
    let directories =
        ["../specs", "../tests/fifth-provider", "../examples/own-provider/specs", "../cli/src/init", "tests/surface"];
    for (path, text) in directories.into_iter().flat_map(documents) {
        if lint("document.yaml", &text).is_empty() {
            let problems = problems(&validator, &text);
            assert!(problems.is_empty(), "{}: {problems:#?}", path.display());
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked}");
}

#[test]
fn an_unknown_key_is_not_valid() {
    let validator = jsonschema::validator_for(&json_schema()).expect("a JSON Schema");
    for (path, text) in documents("tests/lint") {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if name.ends_with("_keyword")
            && lint("document.yaml", &text).iter().any(|it| it.message.contains("is not supported in"))
        {
            assert!(!problems(&validator, &text).is_empty(), "{name}");
        }
    }
}

#[test]
fn every_key_is_explained() {
    let schema = json_schema();
    let definitions = schema["definitions"].as_object().expect("definitions");
    for (name, definition) in definitions {
        for (key, property) in definition["properties"].as_object().expect("properties") {
            assert!(
                property["description"].as_str().is_some_and(|text| text.ends_with('.')),
                "{name}.{key}: {property}"
            );
        }
        assert_ne!(definition, &Value::Null, "{name}");
    }
}
