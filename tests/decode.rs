//! Decoding is tolerant of what providers really send, and its errors say where but never what.

#![cfg(all(feature = "dealpos", feature = "vipps"))]

use pos_webhooks::{dealpos, vipps};
use serde_json::{Value, json};

fn payment(change: impl FnOnce(&mut Value)) -> Result<dealpos::Event, pos_webhooks::DecodeError> {
    let mut payment = serde_json::from_str(dealpos::PROVIDER.events[1].payload.examples[0].json).unwrap();
    change(&mut payment);
    dealpos::Event::decode(&dealpos::EventName::PaymentDeleted, payment.to_string().as_bytes())
}

#[test]
fn tolerates_what_the_document_does_not_promise() {
    for (member, value) in [
        ("Created", json!("2020-09-02T14:05:40.8412345")),
        ("Created", json!("0001-01-01T00:00:00")),
        ("ID", json!("")),
        ("Amount", json!(-0.5)),
        ("SomethingNew", json!({ "deep": [1] })),
        ("CreatorID", json!(null)),
    ] {
        assert!(payment(|payment| payment[member] = value).is_ok(), "{member}");
    }
}

#[test]
fn keeps_an_enum_value_that_nobody_listed() {
    let event = vipps::PROVIDER.events.iter().find(|event| event.name == "epayments.payment.captured.v1").unwrap();
    let text = event.payload.examples[0].json.replace("NOK", "XTS").replace("CAPTURED", "CHARGED_BACK");
    let model: vipps::models::PaymentEvent = serde_json::from_str(&text).unwrap();
    assert_eq!(model.amount.currency, vipps::models::Currency::Unknown("XTS".into()));
    assert_eq!(model.name, vipps::models::PaymentEventName::Unknown("CHARGED_BACK".into()));
    let encoded = serde_json::to_string(&model).unwrap();
    assert!(encoded.contains("\"XTS\"") && encoded.contains("\"CHARGED_BACK\""));
}

/// An amount with its value as written.
fn amount(value: &str) -> Result<vipps::models::Amount, serde_json::Error> {
    serde_json::from_str(&format!(r#"{{"currency":"NOK","value":{value}}}"#))
}

#[test]
fn an_integer_may_be_written_with_a_point_or_an_exponent() {
    for (text, value) in [
        ("25800", 25800),
        ("25800.0", 25800),
        ("2.58e4", 25800),
        ("258000E-1", 25800),
        ("-0", 0),
        ("-0.0", 0),
        ("9007199254740991.0", 9_007_199_254_740_991),
        ("9223372036854775807", i64::MAX),
        ("-9223372036854775808", i64::MIN),
    ] {
        let amount = amount(text).unwrap();
        assert_eq!(amount.value, value, "{text}");
        assert_eq!(serde_json::to_value(&amount).unwrap()["value"], value);
    }
    for text in ["0.5", "258.001e2", "9007199254740993.0", "9223372036854775808", "1e19", "null", "\"1\"", "true"] {
        assert!(amount(text).is_err(), "{text}");
    }
}

#[test]
fn an_optional_integer_may_be_missing_null_or_written_so() {
    let problem = |json: &str| serde_json::from_str::<vipps::models::Problem>(json).unwrap().status;
    assert_eq!(problem("{}"), None);
    assert_eq!(problem(r#"{"status":null}"#), None);
    assert_eq!(problem(r#"{"status":400.0}"#), Some(400));
}

#[test]
fn says_where_and_what_was_expected_but_never_the_value() {
    let error = |change: fn(&mut Value)| payment(change).unwrap_err();
    let missing = error(|payment| drop(payment.as_object_mut().unwrap().remove("Amount")));
    assert_eq!((missing.pointer.as_str(), missing.message.as_str()), ("", "missing field `Amount`"));
    let mistyped = error(|payment| payment["Creator"] = json!(["Hendry, expected nothing"]));
    assert_eq!(
        (mistyped.pointer.as_str(), mistyped.message.as_str()),
        ("/Creator", "found an array, expected a string")
    );
    let mistyped = error(|payment| payment["Amount"] = json!("Hendry"));
    assert_eq!(mistyped.pointer, "/Amount");
    assert!(!format!("{mistyped} {mistyped:?}").contains("Hendry"));

    let nested = br#"{"msn":"1","reference":"r","pspReference":"p","name":"CREATED","success":true,"timestamp":"t",
        "amount":{"currency":"NOK","value":"4711"}}"#;
    let error = vipps::Event::decode(&vipps::EventName::EpaymentsPaymentCreatedV1, nested).unwrap_err();
    assert_eq!(
        (error.pointer.as_str(), error.message.as_str(), error.line),
        ("/amount/value", "found a string, expected a 64-bit integer", 2)
    );
}

#[test]
#[cfg(feature = "mipos")]
fn shows_no_name_that_the_specification_does_not_list() {
    let schema = pos_webhooks::mipos::PROVIDER.schema("FieldErrors").unwrap();
    for (json, pointer) in
        [(r#"{"Hendry": "wrong"}"#, "/*"), (r#"{"a": [], "4711": ["a", 1]}"#, "/*/1"), (r#"{"url": [1]}"#, "/url/0")]
    {
        let error = schema.decode(json.as_bytes()).unwrap_err();
        assert_eq!(error.pointer, pointer);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("Hendry") && !shown.contains("4711"), "{shown}");
    }
}

#[test]
fn says_when_a_text_begins_with_a_byte_order_mark() {
    let error = dealpos::Event::decode(&dealpos::EventName::PaymentCreated, b"\xef\xbb\xbf{}").unwrap_err();
    let expected = "the text begins with a byte order mark, which JSON must not have (line 1, column 1)";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn never_panics() {
    let example = dealpos::PROVIDER.events[0].payload.examples[0].json;
    let deep = "[".repeat(100_000);
    let inputs = (0..example.len()).map(|end| &example.as_bytes()[..end]).chain([
        deep.as_bytes(),
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"1e400",
        b"null",
    ]);
    for input in inputs {
        assert!(dealpos::Event::decode(&dealpos::EventName::PaymentCreated, input).is_err());
    }
}

#[test]
fn a_registration_needs_its_url_and_a_list_entry_does_not() {
    let error = vipps::PROVIDER.schema("RegisterWebhook").unwrap().decode(br#"{"events":[]}"#).unwrap_err();
    assert_eq!(error.message, "missing field `url`");
    let entry = vipps::PROVIDER.schema("Webhook").unwrap().decode(br#"{"id":"1","events":[]}"#);
    assert!(entry.is_ok());
}

#[test]
fn the_server_of_an_account_is_a_function_of_its_host() {
    assert_eq!(dealpos::production("shop.dealpos.net"), "https://shop.dealpos.net/api/v3/");
    assert_eq!(vipps::PRODUCTION, "https://api.vipps.no/webhooks");
    assert_eq!(vipps::TEST, "https://apitest.vipps.no/webhooks");
}

#[test]
fn a_member_that_nobody_listed_need_not_be_utf8() {
    let example = dealpos::PROVIDER.events[0].payload.examples[0].json.as_bytes();
    let decode = |beside: &[u8]| {
        let body = [b"{", beside, b",", &example[1..]].concat();
        dealpos::Event::decode(&dealpos::EventName::PaymentCreated, &body)
    };
    let plain = decode(br#""Note":"x""#).unwrap();
    assert_eq!(decode(b"\"Note\":\"Caf\xe9\"").unwrap(), plain);
    let body = [&example[..example.len() - 1], b",\"CreatorID\":\"\xe9\"}"].concat();
    let error = dealpos::Event::decode(&dealpos::EventName::PaymentCreated, &body).unwrap_err();
    assert_eq!((error.line, error.message.as_str()), (1, "invalid unicode code point"));
    let more = [b"{\"Note\":\"\xe9\",", &example[1..], b" x"].concat();
    let error = dealpos::Event::decode(&dealpos::EventName::PaymentCreated, &more).unwrap_err();
    assert_eq!(error.message, "trailing characters");
}
