//! Every example of every specification is valid, decodes, and encodes to the same JSON.

use std::collections::{BTreeMap, BTreeSet};

use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::{Body, Example};
use serde_json::value::RawValue;

/// The differences between two JSON texts, by pointer. Numbers and strings are compared as text and members in any
/// order. An optional member that is null or an empty array may be missing in the second text.
fn first_difference(expected: &str, found: &str, pointer: &str) -> Option<String> {
    let differs = || Some(format!("{pointer}: {expected} became {found}"));
    match (expected.trim_start().chars().next(), found.trim_start().chars().next()) {
        (Some('{'), Some('{')) => {
            let expected: BTreeMap<String, &RawValue> = serde_json::from_str(expected).unwrap();
            let found: BTreeMap<String, &RawValue> = serde_json::from_str(found).unwrap();
            if let Some(added) = found.keys().find(|key| !expected.contains_key(*key)) {
                return Some(format!("{pointer}/{added}: was added"));
            }
            expected.iter().find_map(|(key, value)| match found.get(key) {
                Some(found) => first_difference(value.get(), found.get(), &format!("{pointer}/{key}")),
                // Validating the second text shows that the member is optional.
                None if matches!(value.get(), "null" | "[]") => None,
                None => Some(format!("{pointer}/{key}: was left out")),
            })
        }
        (Some('['), Some('[')) => {
            let expected: Vec<&RawValue> = serde_json::from_str(expected).unwrap();
            let found: Vec<&RawValue> = serde_json::from_str(found).unwrap();
            if expected.len() != found.len() {
                return differs();
            }
            let pairs = expected.iter().zip(&found).enumerate();
            pairs
                .map(|(i, (a, b))| first_difference(a.get(), b.get(), &format!("{pointer}/{i}")))
                .find_map(|found| found)
        }
        (Some('"'), Some('"')) => {
            let text = |json| serde_json::from_str::<String>(json).unwrap();
            if text(expected) == text(found) { None } else { differs() }
        }
        _ if expected.trim() == found.trim() => None,
        _ => differs(),
    }
}

fn examples() -> impl Iterator<Item = (&'static pos_webhooks::catalogue::Provider, &'static Body, &'static Example)> {
    PROVIDERS
        .iter()
        .copied()
        .flat_map(|provider| provider.bodies().map(move |body| (provider, body)))
        .flat_map(|(provider, body)| body.examples.iter().map(move |example| (provider, body, example)))
}

#[test]
#[cfg(feature = "validate")]
fn are_valid_under_their_strict_schema_and_stay_so_when_encoded() {
    for (provider, body, example) in examples() {
        let place = format!("{} {} {}", provider.name, body.schema, example.name);
        if let Err(invalid) = provider.validate(body.schema, example.json.as_bytes()) {
            panic!("{place}:\n{invalid}");
        }
        let encoded = provider.schema(body.schema).unwrap().decode(example.json.as_bytes()).unwrap().to_json().unwrap();
        if let Err(invalid) = provider.validate(body.schema, encoded.as_bytes()) {
            panic!("{place}, encoded:\n{invalid}");
        }
    }
}

#[test]
fn decode_and_encode_to_the_same_json() {
    for (provider, body, example) in examples() {
        let schema = provider.schema(body.schema).unwrap();
        let place = format!("{} {} {}", provider.name, body.schema, example.name);
        let model = schema.decode(example.json.as_bytes()).unwrap_or_else(|error| panic!("{place}: {error}"));
        let encoded = model.to_json().unwrap();
        assert_eq!(first_difference(example.json, &encoded, ""), None, "{place}");
        let again = schema.decode(encoded.as_bytes()).unwrap().to_json().unwrap();
        assert_eq!(encoded, again, "{place}: a second round trip");
    }
}

#[test]
fn are_what_the_snapshots_show() {
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    for (provider, body, example) in examples() {
        let model = provider.schema(body.schema).unwrap().decode(example.json.as_bytes()).unwrap();
        let text = shown.entry(format!("{}.{}", provider.name, body.schema)).or_default();
        let section = format!("# {} ({})\n{}\n{model:#?}\n\n", example.name, example.origin, model.to_json().unwrap());
        // Bodies share schemas, and some share examples.
        if !text.contains(&section) {
            text.push_str(&section);
        }
    }
    for (name, text) in shown {
        insta::assert_snapshot!(name, text);
    }
}

#[test]
#[cfg(all(feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]
fn are_as_many_as_before_per_origin() {
    let mut counts: BTreeMap<(&str, pos_webhooks::catalogue::Origin), usize> = BTreeMap::new();
    let counted = ["dealpos", "mipos", "mypos", "vipps"];
    for (provider, _, example) in examples().filter(|(provider, ..)| counted.contains(&provider.name)) {
        *counts.entry((provider.name, example.origin)).or_default() += 1;
    }
    let counts: Vec<String> =
        counts.into_iter().map(|((provider, origin), count)| format!("{provider} {origin} {count}")).collect();
    insta::assert_snapshot!(counts.join("\n"), @r"
    dealpos documented 28
    dealpos constructed 25
    mipos documented 52
    mipos constructed 34
    mypos documented 11
    mypos constructed 19
    vipps documented 23
    vipps constructed 25
    ");
}

#[test]
fn name_their_source() {
    for (provider, body, example) in examples() {
        assert!(!example.source.is_empty(), "{} {} {}", provider.name, body.schema, example.name);
    }
    for provider in PROVIDERS.iter() {
        for body in provider.bodies() {
            assert!(!body.examples.is_empty(), "{} {} has no example", provider.name, body.schema);
        }
    }
}

/// The schema of a body, and those that it refers to.
fn schemas_of(provider: &'static pos_webhooks::catalogue::Provider, body: &Body) -> Vec<String> {
    let document = provider.json_schema(body.schema).unwrap();
    let referred = document["definitions"].as_object().into_iter().flat_map(|definitions| definitions.keys().cloned());
    referred.chain([body.schema.to_owned()]).collect()
}

#[test]
fn of_a_model_decode_and_are_found_inside_of_others() {
    for provider in PROVIDERS.iter() {
        for schema in provider.schemas {
            for example in provider.examples(schema.name).unwrap() {
                let place = format!("{} {} {}: {}", provider.name, schema.name, example.name, example.json);
                schema.decode(example.json.as_bytes()).unwrap_or_else(|error| panic!("{place}: {error}"));
                #[cfg(feature = "validate")]
                provider
                    .validate(schema.name, example.json.as_bytes())
                    .unwrap_or_else(|error| panic!("{place}: {error}"));
            }
        }
        // Schemas that are in no body are those of headers.
        let in_bodies: BTreeSet<String> = provider.bodies().flat_map(|body| schemas_of(provider, body)).collect();
        for schema in provider.schemas {
            let has_example = !provider.examples(schema.name).unwrap().is_empty();
            assert_eq!(has_example, in_bodies.contains(schema.name), "{} {}", provider.name, schema.name);
        }
        assert!(provider.examples("Nothing").is_err());
    }
}

#[test]
#[cfg(feature = "vipps")]
fn of_a_model_keep_their_text_and_their_source() {
    use pos_webhooks::catalogue::Origin;
    use pos_webhooks::vipps::models::{Amount, Currency};

    let amount = &Amount::examples()[0];
    assert_eq!((amount.json, amount.origin), (r#"{"currency":"NOK","value":35000}"#, Origin::Constructed));
    assert!(amount.source.contains("api-guide.md"));
    assert_eq!(Currency::examples()[0].json, r#""NOK""#);
}

/// The events of one provider through its typed `Event`.
macro_rules! events {
    ($provider:ident, $feature:literal) => {
        #[test]
        #[cfg(feature = $feature)]
        fn $provider() {
            use pos_webhooks::$provider::{Event, EventName, PROVIDER};

            assert_eq!(EventName::ALL.len(), PROVIDER.events.len());
            for event in PROVIDER.events {
                let name = EventName::from(event.name);
                assert!(!matches!(name, EventName::Unknown(_)));
                assert_eq!(name.to_string(), event.name);
                assert_eq!(event.name.parse(), Ok(name.clone()));
                assert!(EventName::ALL.contains(&name));
                for example in event.payload.examples {
                    let decoded = Event::decode(&name, example.json.as_bytes()).unwrap();
                    assert!(!matches!(decoded, Event::Unknown(_)));
                    assert_eq!(decoded.name(), name);
                    let encoded = serde_json::to_string(&decoded).unwrap();
                    let difference = super::first_difference(example.json, &encoded, "");
                    assert_eq!(difference, None, "{name} {}", example.name);
                }
            }
            let unknown = Event::decode(&"some.new.event".into(), br#"{"amount": 2.50}"#).unwrap();
            let Event::Unknown(unknown) = unknown else { panic!("{unknown:?}") };
            assert_eq!(unknown.name.as_deref(), Some("some.new.event"));
            assert_eq!(unknown.payload.as_str(), r#"{"amount": 2.50}"#);
            let Ok(Event::Unknown(unknown)) = Event::decode(&" ".into(), b"{}") else {
                panic!("an event without a name")
            };
            assert_eq!(unknown.name, None);
        }
    };
}

mod events_decode_to_their_own_variant {
    events!(mipos, "mipos");
    events!(mypos, "mypos");
    events!(dealpos, "dealpos");
    events!(vipps, "vipps");
}

#[test]
#[cfg(feature = "vipps")]
fn vipps_events_are_identified_by_their_payload() {
    use pos_webhooks::vipps::{EventName, PROVIDER};

    for event in PROVIDER.events {
        for example in event.payload.examples {
            let expected = (!event.when.is_empty()).then(|| EventName::from(event.name));
            assert_eq!(EventName::identify(example.json.as_bytes()).unwrap(), expected, "{}", example.name);
        }
    }
    assert_eq!(EventName::identify(br#"{"name":"CHARGED_BACK","pspReference":"1"}"#).unwrap(), None);
    assert_eq!(
        EventName::identify(br#"{"name":"\u0043APTURED"}"#).unwrap(),
        Some(EventName::EpaymentsPaymentCapturedV1)
    );
    for other in ["{}", "[]", " 1", r#"{"name":null}"#, r#"{"data":{"name":"CAPTURED"}}"#] {
        assert_eq!(EventName::identify(other.as_bytes()).unwrap(), None, "{other}");
    }
    for broken in ["", "{", "{} {}", "[", r#"{"name":"CAPTURED"}x"#] {
        assert!(EventName::identify(broken.as_bytes()).is_err(), "{broken}");
    }
    let twice = br#"{"name":"CAPTURED","n\u0061me":"REFUNDED"}"#;
    let refused = EventName::identify(twice).unwrap_err();
    assert_eq!(refused.message, "duplicate member `name`", "decoding would refuse it too");
}
