//! Every JSON Schema is self-contained, and `schemars` generates the same schema for every model.

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
fn schemas_are_self_contained() {
    for provider in PROVIDERS.iter() {
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

/// Every schema within a schema that has one of the keywords.
fn with<'a>(schema: &'a Value, keyword: &str, found: &mut Vec<&'a str>) {
    match schema {
        Value::Object(members) => {
            found.extend(members.get(keyword).and_then(Value::as_str));
            members.values().for_each(|value| with(value, keyword, found));
        }
        Value::Array(items) => items.iter().for_each(|item| with(item, keyword, found)),
        _ => {}
    }
}

#[test]
fn every_format_is_supported_by_other_validators() {
    // Of draft-07, OpenAPI 3.0 and ajv-formats.
    let known = ["date", "date-time", "email", "uri", "uuid", "password", "byte", "int32", "int64"];
    let check = |of: &str, schema: &Value| {
        let mut formats = Vec::new();
        with(schema, "format", &mut formats);
        assert!(formats.iter().all(|format| known.contains(format)), "{of}: {formats:?}");
    };
    for provider in PROVIDERS.iter() {
        for schema in provider.schemas {
            check(schema.name, &provider.json_schema(schema.name).unwrap());
        }
        let operations = provider.operations.iter();
        let parameters =
            operations.flat_map(|it| it.path_parameters.iter().chain(it.query_parameters).chain(it.headers));
        for parameter in parameters.chain(provider.events.iter().flat_map(|event| event.headers)) {
            check(parameter.name, &serde_json::from_str(parameter.schema).unwrap());
        }
    }
}

/// Parts that require members without `type: object` and the members' schemas, which strict readers want beside.
fn incomplete<'a>(schema: &'a Value, found: &mut Vec<&'a Value>) {
    match schema {
        Value::Object(members) => {
            let required = members.get("required").and_then(Value::as_array).into_iter().flatten();
            let mut names = required.filter_map(Value::as_str).peekable();
            let is_object = names.peek().is_none() || schema["type"].to_string().contains("\"object\"");
            if !is_object || names.any(|name| schema["properties"][name].is_null()) {
                found.push(schema);
            }
            members.values().for_each(|value| incomplete(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| incomplete(item, found)),
        _ => {}
    }
}

#[test]
fn required_members_are_described_beside_the_keyword() {
    for provider in PROVIDERS.iter() {
        for schema in provider.schemas {
            let (document, mut found) = (provider.json_schema(schema.name).unwrap(), Vec::new());
            incomplete(&document, &mut found);
            assert!(found.is_empty(), "{} {}: {found:?}", provider.name, schema.name);
        }
    }
}

/// The one pattern of a schema that begins so.
#[cfg(all(feature = "validate", feature = "dealpos", feature = "mypos"))]
fn pattern(schema: &Value, start: &str) -> regress::Regex {
    let mut patterns = Vec::new();
    with(schema, "pattern", &mut patterns);
    let pattern = patterns.iter().find(|pattern| pattern.starts_with(start)).unwrap();
    regress::Regex::with_flags(pattern, "u").unwrap()
}

/// Every text of this form, with digits from the lists in place of `Y`, `M`, `D`, `h`, `m` and `s`.
#[cfg(all(feature = "validate", feature = "dealpos", feature = "mypos"))]
fn times(form: impl Fn(&str, u32, u32, &str) -> String) -> Vec<String> {
    let mut times = Vec::new();
    for year in ["0000", "0001", "0004", "0100", "1899", "1900", "1904", "2000", "2019", "2020", "2023", "2024", "9998"]
    {
        for month in 1..=12 {
            for day in 1..=31 {
                times.push(form(year, month, day, "10:30:00"));
            }
        }
    }
    for hour in 0..=30 {
        for rest in ["00:00", "59:59", "60:00", "00:60", "9:00", "00:9"] {
            times.push(form("2020", 7, 31, &format!("{hour:02}:{rest}")));
        }
    }
    times
}

#[test]
#[cfg(all(feature = "validate", feature = "dealpos", feature = "mypos"))]
fn the_pattern_of_a_local_time_admits_what_validation_does() {
    use pos_webhooks::dealpos::PROVIDER;

    let schema = PROVIDER.json_schema("paymentDeleted").unwrap();
    let pattern = pattern(&schema, "^(?:[0-9]{4}-");
    let example = PROVIDER.events.iter().find(|event| event.name == "paymentDeleted").unwrap().payload.examples[0].json;
    let mut payment: Value = serde_json::from_str(example).unwrap();
    let mut times = times(|year, month, day, time| format!("{year}-{month:02}-{day:02}T{time}"));
    let others =
        ["", "2020-07-31T10:30:00.", "2020-07-31T10:30:00.5", "2020-07-31T10:30:00.123456789012", "2020-07-31T10:30"];
    let more = [
        "2020-13-01T00:00:00",
        "2020-00-01T00:00:00",
        "2020-07-00T00:00:00",
        "2020-07-31t10:30:00",
        "2020-07-31 10:30:00",
    ];
    let wide = ["+002020-07-31T10:30:00", "x2020-07-31T10:30:00", "2020-07-31T10:30:00\n", "2020-07-31T10:30:00.٣"];
    times.extend(others.iter().chain(&more).chain(&wide).map(|text| (*text).to_owned()));
    for time in times {
        payment["Created"] = time.as_str().into();
        let valid = PROVIDER.validate("paymentDeleted", payment.to_string().as_bytes()).is_ok();
        assert_eq!(pattern.find(&time).is_some(), valid, "{time}");
    }
}

#[test]
#[cfg(all(feature = "validate", feature = "dealpos", feature = "mypos"))]
fn the_pattern_of_an_http_date_admits_what_validation_does_on_any_day_of_the_week() {
    use pos_webhooks::mypos::PROVIDER;

    let schema = PROVIDER.json_schema("Webhook").unwrap();
    let pattern = pattern(&schema, "^(?:Mon|");
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut dates =
        times(|year, month, day, time| format!("DAY, {day:02} {} {year} {time} GMT", months[month as usize - 1]));
    let others = ["DAY, 15 Apr 2019 07:50:54 gmt", "DAY, 15 apr 2019 07:50:54 GMT", "DAY, 5 Apr 2019 07:50:54 GMT"];
    let more =
        ["DAY, 15 Apr 2019 07:50:54 +0000", "DAY,\t15 Apr 2019 07:50:54 GMT", "DAY, 00 Apr 2019 07:50:54 GMT", ""];
    dates.extend(others.iter().chain(&more).map(|text| (*text).to_owned()));
    for date in dates {
        let on = |day: &str| date.replace("DAY", day);
        let valid = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].into_iter().filter(|day| {
            let webhook = serde_json::json!({ "id": "497f6eca-6276-4993-bfeb-53cbbbba6f08", "created_on": on(day) });
            PROVIDER.validate("Webhook", webhook.to_string().as_bytes()).is_ok()
        });
        let (valid, matches) = (valid.count(), pattern.find(&on("Mon")).is_some());
        assert!(valid <= 1 && matches == (valid == 1), "{date}: {valid} {matches}");
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
    for provider in PROVIDERS.iter() {
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
