//! The JSON Schema of every name stands on its own, and `schemars` gives the same for every model.

use pos_webhooks::PROVIDERS;
use serde_json::Value;

/// All references of a schema.
fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get("$ref") {
                found.push(target.clone());
            }
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn documents_refer_to_nothing_outside_themselves() {
    for provider in PROVIDERS {
        for schema in provider.schemas {
            let document = provider.json_schema(schema.name).unwrap();
            assert_eq!(document["$schema"], "http://json-schema.org/draft-07/schema#");
            assert_eq!(document["title"], schema.name);
            let mut found = Vec::new();
            references(&document, &mut found);
            for target in &found {
                let pointer = target.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{} {}: {target}", provider.name, schema.name);
            }
            let used = document["definitions"].as_object().map_or(0, serde_json::Map::len);
            found.sort();
            found.dedup();
            assert_eq!(used, found.len(), "{} {}: only what is referred to", provider.name, schema.name);
        }
        assert!(provider.json_schema("Nothing").is_err());
    }
}

#[test]
#[cfg(feature = "dealpos")]
fn of_an_event() {
    let document = pos_webhooks::dealpos::PROVIDER.json_schema("paymentUpdated").unwrap();
    insta::assert_json_snapshot!("dealpos.paymentUpdated", document);
}

#[test]
#[cfg(feature = "vipps")]
fn of_an_event_that_shares_its_model() {
    let mut document = pos_webhooks::vipps::PROVIDER.json_schema("epayments.payment.captured.v1").unwrap();
    document.as_object_mut().unwrap().remove("definitions");
    insta::assert_json_snapshot!("vipps.epayments.payment.captured.v1", document);
}

/// Replaces every reference by what it refers to, and leaves out what says only where a schema stands.
#[cfg(feature = "schemars")]
fn resolved(schema: &Value, root: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get("$ref") {
                return resolved(root.pointer(target.strip_prefix('#').unwrap()).unwrap(), root);
            }
            let of_a_place = |key: &str| matches!(key, "$schema" | "title" | "definitions" | "$defs");
            let members = members.iter().filter(|(key, _)| !of_a_place(key));
            let members = members.map(|(key, value)| match (key.as_str(), value) {
                // Its members are names, not keywords.
                ("properties", Value::Object(properties)) => {
                    let properties = properties.iter().map(|(name, schema)| (name.clone(), resolved(schema, root)));
                    (key.clone(), Value::Object(properties.collect()))
                }
                _ => (key.clone(), resolved(value, root)),
            });
            Value::Object(members.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| resolved(item, root)).collect()),
        other => other.clone(),
    }
}

#[test]
#[cfg(feature = "schemars")]
fn schemars_gives_the_same_for_every_model() {
    let mut compared = 0;
    for provider in PROVIDERS {
        for schema in provider.schemas {
            let mut generator = schemars::SchemaGenerator::default();
            let Some(generated) = schema.generate(&mut generator) else { continue };
            let mut generated = generated.to_value();
            generated["$defs"] = Value::Object(generator.take_definitions(true));
            let document = provider.json_schema(schema.name).unwrap();
            let (generated, document) = (resolved(&generated, &generated), resolved(&document, &document));
            assert_eq!(generated, document, "{} {}", provider.name, schema.name);
            compared += 1;
            #[cfg(feature = "vipps")]
            if (provider.name, schema.name) == ("vipps", "Problem") {
                assert!(document.pointer("/properties/title/type").is_some(), "a member, not a keyword");
            }
        }
    }
    assert!(compared > 0 || PROVIDERS.is_empty());
}

#[test]
#[cfg(all(feature = "schemars", feature = "vipps"))]
fn a_model_can_be_part_of_a_users_schema() {
    #[derive(schemars::JsonSchema)]
    #[allow(dead_code, reason = "only its schema is wanted")]
    struct Booking {
        payment: pos_webhooks::vipps::models::PaymentEvent,
    }
    let schema = schemars::schema_for!(Booking);
    assert_eq!(schema.pointer("/properties/payment/$ref").unwrap(), "#/$defs/PaymentEvent");
    assert_eq!(schema.pointer("/$defs/PaymentEvent/properties/amount/allOf/0/$ref").unwrap(), "#/$defs/Amount");
}
