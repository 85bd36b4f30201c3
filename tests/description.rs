//! A description that is read at run time gives the same provider as the compiled-in one, and any other text is an
//! error with its place.

use std::collections::BTreeSet;

use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::Provider;
use serde_json::{Value, json};

/// The text that is compiled in, by the name of the provider.
fn description(provider: &str) -> &'static str {
    let file = format!("{}/{provider}.json", env!("OUT_DIR"));
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}")).leak()
}

/// Everything that is public, but for the specification's text.
fn shown(provider: &'static Provider) -> String {
    let Provider { name, title, version, description, sources, servers, credential, .. } = provider;
    let Provider { omitted, differences, .. } = provider;
    let Provider { operations, event_name, own_names, redelivery, events, schemas, .. } = provider;
    let calls = (servers, credential, operations);
    let deliveries = (event_name, own_names, redelivery, events);
    let documents = (sources, omitted, differences);
    format!("{:#?}", ((name, title, version, description, documents), calls, deliveries, schemas))
}

#[test]
fn a_description_read_at_run_time_equals_the_compiled_in_one() {
    for &compiled in PROVIDERS.iter() {
        let read = Provider::read(description(compiled.name)).unwrap();
        assert_eq!(shown(read), shown(compiled));
        for schema in read.schemas {
            assert_eq!(schema.description, compiled.schema(schema.name).unwrap().description, "{}", schema.name);
            assert_eq!(read.json_schema(schema.name), compiled.json_schema(schema.name), "{}", schema.name);
            let json = |provider: &'static Provider| {
                provider.examples(schema.name).unwrap().iter().map(|example| example.json).collect::<Vec<_>>()
            };
            assert_eq!(json(read), json(compiled), "{}", schema.name);
        }
    }
}

#[test]
fn without_rust_types_a_payload_is_decoded_to_its_json() {
    for compiled in PROVIDERS.iter() {
        let read = Provider::read(description(compiled.name)).unwrap();
        for event in read.events {
            let schema = read.schema(event.payload.schema).unwrap();
            for example in event.payload.examples {
                assert_eq!(schema.decode(example.json.as_bytes()).unwrap().to_json().unwrap(), example.json);
            }
            assert!(schema.decode(b"{").is_err(), "{}", event.name);
        }
    }
}

#[cfg(feature = "validate")]
#[test]
fn a_description_read_at_run_time_validates_like_the_compiled_in_one() {
    for compiled in PROVIDERS.iter() {
        let read = Provider::read(description(compiled.name)).unwrap();
        for body in read.bodies() {
            for json in body.examples.iter().map(|example| example.json).chain(["{}", "[]", r#"{"Created": 1}"#]) {
                let name = body.schema;
                assert_eq!(read.validate(name, json.as_bytes()), compiled.validate(name, json.as_bytes()), "{name}");
            }
        }
    }
}

#[test]
fn a_text_that_is_cut_off_is_an_error() {
    for provider in PROVIDERS.iter() {
        let text = description(provider.name);
        let ends = (0..text.len()).step_by(text.len() / 100).filter(|end| text.is_char_boundary(*end));
        for end in ends.chain([text.len() - 1]) {
            Provider::read(&text[..end]).unwrap_err();
        }
        Provider::read(&format!("{text},")).unwrap_err();
    }
}

/// Pointers to one value in each place of a description, where all items of an array are in one. Not into JSON Schemas.
fn places(value: &Value, pointer: &str, place: &str, known: &mut BTreeSet<String>, found: &mut Vec<String>) {
    if known.insert(place.to_owned()) {
        found.push(pointer.to_owned());
    }
    match value {
        Value::Object(_) if place.ends_with("/schema") || place.ends_with("/strict") => {}
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            places(member, &format!("{pointer}/{name}"), &format!("{place}/{name}"), known, found);
        }),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, item)| {
            places(item, &format!("{pointer}/{index}"), &format!("{place}/*"), known, found);
        }),
        _ => {}
    }
}

#[test]
fn a_member_of_another_type_or_name_is_an_error_with_its_place() {
    for provider in PROVIDERS.iter() {
        let original: Value = serde_json::from_str(description(provider.name)).unwrap();
        let (mut known, mut found) = (BTreeSet::new(), Vec::new());
        places(&original, "", "", &mut known, &mut found);
        for pointer in found {
            let read_with = |change: &dyn Fn(&mut Value)| {
                let mut changed = original.clone();
                change(changed.pointer_mut(&pointer).unwrap());
                Provider::read(&changed.to_string())
            };
            // Nothing but a boolean may be true.
            let error =
                read_with(&|value| *value = if value.is_boolean() { json!(1) } else { json!(true) }).unwrap_err();
            // What is kept as text is read as any JSON first, and refused with the object that it is in.
            let raw = pointer.strip_suffix("/schema").or(pointer.strip_suffix("/strict"));
            assert!([Some(pointer.as_str()), raw].contains(&Some(&error.pointer)), "{pointer}: {error}");
            // An object of one member may stand for a variant, of which another member is an error in serde's own words.
            let members = original.pointer(&pointer).unwrap().as_object().map_or(0, serde_json::Map::len);
            if members > 1 && !["/schema", "/strict"].iter().any(|raw| pointer.ends_with(raw)) {
                let error = read_with(&|value| value["unknown"] = json!(1)).expect_err(&pointer);
                assert!(error.message.contains("unknown"), "{pointer}: {error}");
            }
        }
    }
}
