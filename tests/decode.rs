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
        ("/amount/value", "found a string, expected i64", 2)
    );
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
