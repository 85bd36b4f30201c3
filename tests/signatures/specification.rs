//! The specifications in `specs/` and `tests/signatures/`, and the schemes in `docs/schemes/`, as providers.

// No test uses all of it.
#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pos_webhooks::catalogue::Provider;
use pos_webhooks_build::load;
use pos_webhooks_build::signature::{self, Part};
use serde_json::{Value, json};

/// A file of the package.
pub fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The names of the YAML files in a directory of the package.
pub fn names(directory: &str) -> Vec<String> {
    let files = std::fs::read_dir(file(directory)).unwrap().map(|entry| entry.unwrap().path());
    let yaml = files.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let mut names: Vec<_> = yaml.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// The text of `docs/schemes/NAME.yaml`.
pub fn scheme(name: &str) -> String {
    std::fs::read_to_string(file(&format!("docs/schemes/{name}.yaml"))).unwrap()
}

/// What a specification or a scheme of this name says. Neither has findings.
pub fn provider(name: &str) -> &'static Provider {
    let whole = ["tests/signatures", "specs"].map(|directory| format!("{directory}/{name}.yaml"));
    let (path, text) = match whole.into_iter().find(|path| file(path).exists()) {
        Some(path) => (path.clone(), std::fs::read_to_string(file(&path)).unwrap()),
        None => (format!("docs/schemes/{name}.yaml"), whole_document(&scheme(name))),
    };
    let generated = pos_webhooks_build::generate(&name.replace('-', "_"), &path, &text);
    let description = generated.unwrap_or_else(|findings| panic!("{findings:#?}")).description;
    Provider::read(&description).unwrap()
}

/// The smallest specification with this scheme: one event, whose headers and members are those of the scheme.
fn whole_document(scheme: &str) -> String {
    let document = load::load("scheme", scheme).unwrap();
    let verification = signature::read(document.root.get("x-signature").unwrap()).unwrap();
    let (mut headers, mut members) = (BTreeSet::new(), BTreeMap::new());
    for signature in verification.signatures() {
        headers.extend(signature.headers.clone());
        headers.extend(signature.digest.iter().filter_map(|digest| digest.header.clone()));
        headers.extend(signature.id.iter().flat_map(|id| id.headers.clone()));
        for part in signature.signed.iter().flatten() {
            match part {
                Part::Header(name) => drop(headers.insert(name.clone())),
                Part::Member(pointer) => drop(members.insert(pointer.clone(), json!("text"))),
                _ => {}
            }
        }
        if let Some(time) = &signature.time {
            headers.extend(time.headers.clone());
            let example = match time.format.as_str() {
                "seconds" => json!(1_680_165_512),
                "milliseconds" => json!(1_680_165_512_000_i64),
                _ => json!("2023-03-30T08:38:32Z"),
            };
            members.extend(time.member.clone().map(|pointer| (pointer, example)));
        }
    }
    headers.remove("Authorization");
    let parameter =
        |name| json!({"in": "header", "name": name, "description": "Part of the proof.", "schema": {"type": "string"}});
    let parameters: Vec<Value> = headers.into_iter().map(parameter).collect();
    let members: BTreeMap<&str, Value> =
        members.iter().map(|(pointer, value)| (&pointer[1..], value.clone())).collect();
    let described = |value: &Value| json!({"type": if value.is_number() { "integer" } else { "string" }, "description": "It is signed."});
    let properties: BTreeMap<&str, Value> = members.iter().map(|(name, value)| (*name, described(value))).collect();
    let origin = json!({"kind": "constructed", "source": "Something to sign."});
    let mut payment = json!({"type": "object", "description": "A payment."});
    if !members.is_empty() {
        payment["required"] = json!(members.keys().collect::<Vec<_>>());
        payment["properties"] = json!(properties);
    }
    let content = json!({
        "schema": {"$ref": "#/components/schemas/Payment"},
        "examples": {"one": {"x-origin": origin, "value": members}},
    });
    let event = json!({
        "summary": "A payment was made.",
        "parameters": parameters,
        "requestBody": {"required": true, "content": {"application/json": content}},
        "responses": {"200": {"description": "Received."}},
    });
    let others = json!({
        "openapi": "3.0.3",
        "info": {
            "title": "A scheme", "version": "1", "description": "How deliveries are signed.",
            "x-sources": [{"title": "Its page", "date": "2026-11"}],
        },
        "servers": [{"x-name": "production", "url": "https://shop.test", "description": "Production."}],
        "x-event-name": {"in": "route"},
        "paths": {},
        "x-webhooks": {"paid": {"post": event}},
        "components": {"schemas": {"Payment": payment}},
    });
    // JSON is YAML as well.
    let others = others.as_object().unwrap().iter().map(|(key, value)| format!("{key}: {value}\n"));
    others.collect::<String>() + scheme
}
