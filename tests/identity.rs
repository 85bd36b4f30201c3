//! Identifies the events of deliveries, and recognises redeliveries: a receiver must only drop events that it already
//! has.

#![cfg(all(feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]

use pos_webhooks::catalogue::{Event, Provider};
use pos_webhooks::vipps::EventName;
use pos_webhooks::{PROVIDERS, dealpos, mipos, mypos, vipps};
use serde_json::{Value, json};

/// The key of a payload of an event; an error where it does not decode.
fn key(provider: &str, event: &str, payload: &str) -> Result<Option<String>, pos_webhooks::DecodeError> {
    macro_rules! key {
        ($provider:ident) => {
            $provider::Event::decode(&event.into(), payload.as_bytes())?.idempotency_key(payload.as_bytes())
        };
    }
    Ok(match provider {
        "mipos" => key!(mipos),
        "mypos" => key!(mypos),
        "dealpos" => key!(dealpos),
        "vipps" => key!(vipps),
        other => panic!("{other}"),
    })
}

/// The providers whose keys are looked at.
fn providers() -> impl Iterator<Item = &'static Provider> {
    let known = ["mipos", "mypos", "dealpos", "vipps"];
    PROVIDERS.iter().copied().filter(move |provider| known.contains(&provider.name))
}

/// Every example of an event that can have a key, with the key.
fn with_key() -> Vec<(&'static Provider, &'static Event, Value, String)> {
    let events = providers().flat_map(|provider| provider.events.iter().map(move |event| (provider, event)));
    let examples =
        events.flat_map(|(provider, event)| event.payload.examples.iter().map(move |it| (provider, event, it)));
    examples
        .filter_map(|(provider, event, example)| {
            let key = key(provider.name, event.name, example.json).unwrap()?;
            Some((provider, event, serde_json::from_str(example.json).unwrap(), key))
        })
        .collect()
}

/// The payload with another value at a pointer; without the member where there is none.
fn changed(payload: &Value, pointer: &str, value: Option<Value>) -> String {
    let mut payload = payload.clone();
    match value {
        Some(value) => *payload.pointer_mut(pointer).unwrap() = value,
        None => {
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            payload.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(member);
        }
    }
    payload.to_string()
}

/// Pointers to every value that is neither an object nor an array.
fn leaves(value: &Value, pointer: String, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| leaves(member, format!("{pointer}/{name}"), found));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| leaves(item, format!("{pointer}/{index}"), found));
        }
        _ => found.push(pointer),
    }
}

#[test]
fn an_event_has_a_key_if_its_payload_identifies_it() {
    let mut without = Vec::new();
    for provider in providers() {
        for event in provider.events {
            let has_key = |json: &str| key(provider.name, event.name, json).unwrap().is_some();
            match event.payload.examples.iter().filter(|example| has_key(example.json)).count() {
                0 => without.push(event.name),
                some => assert_eq!(some, event.payload.examples.len(), "{}", event.name),
            }
        }
    }
    without.retain(|name| !mypos::EventName::ALL.contains(&mypos::EventName::from(*name)));
    assert_eq!(
        without,
        [
            "paymentUpdated",
            "paymentWriteoff",
            "supplierBillPaymentDeleted",
            "customerCreated",
            "customerDeleted",
            "supplierCreated",
            "supplierDeleted",
            "productUpdated",
            "productDeleted",
            "productVariantCreated",
            "productVariantUpdated",
            "invoiceDeleted",
            "invoiceErased",
            "purchaseOrderCreated",
            "purchaseOrderRestored",
            "purchaseOrderVoided",
            "transferOrderCreated",
            "transferOrderDeleted",
            "outboundLogisticComplete",
            "inboundLogisticComplete",
            "salesOrderCreated",
            "salesOrderUpdated",
            "fetchLoyaltyPoints",
            "loyaltyPointOnOrderComplete",
            "validateCoupon",
            "Menu",
            "MARKET_MENU",
            "MARKET_ORDER_STATUS",
            "LOGISTICS_ESTIMATE",
            "LOGISTICS_REQUEST",
            "LOGISTICS_STATUS",
            "LOGISTICS_LOCATION",
            "recurring.charge-creation-failed.v1",
            "donations.agreement.started.v1",
            "donations.agreement.stopped.v1",
            "donations.agreement.withdrawal-day-changed.v1",
            "donations.agreement.amount-changed.v1"
        ],
        "beside all of myPOS"
    );
}

#[test]
fn the_same_event_has_the_same_key_however_its_json_is_written() {
    for (provider, event, payload, expected) in with_key() {
        let pretty = serde_json::to_string_pretty(&payload).unwrap();
        let escaped = pretty.replace('o', r"\u006f");
        for json in [pretty, escaped] {
            assert_eq!(key(provider.name, event.name, &json).unwrap().as_ref(), Some(&expected), "{}", event.name);
        }
    }
}

#[test]
fn there_is_no_key_if_a_member_of_it_is_missing_null_or_blank() {
    for (provider, event, payload, _) in with_key() {
        let parts: Vec<&str> = event.idempotency_key.iter().copied().filter(|pointer| !pointer.is_empty()).collect();
        assert!(!parts.is_empty(), "{}", event.name);
        for part in parts {
            let is_text = payload.pointer(part).unwrap().is_string();
            for value in [None, Some(Value::Null), Some(json!("")), Some(json!(" ")), Some(json!("\t\u{a0}\n"))] {
                let blank = value.as_ref().is_some_and(Value::is_string);
                match key(provider.name, event.name, &changed(&payload, part, value)) {
                    Ok(key) => assert_eq!(key, None, "{} {part}", event.name),
                    Err(error) => assert!(!(blank && is_text), "{} {part}: {error}", event.name),
                }
            }
        }
    }
}

#[test]
fn undocumented_members_distinguish_events() {
    for (provider, event, payload, known) in with_key() {
        let text = payload.to_string();
        let with = |member: &str| {
            let json = format!("{}, {member}}}", text.strip_suffix('}').unwrap());
            key(provider.name, event.name, &json).unwrap().unwrap()
        };
        let members = [
            "\"captureId\": \"1\"",
            "\"captureId\": \"2\"",
            "\"captureId\": 1",
            "\"captureId\": 1.0",
            "\"captureId\": [{\"a\": 1}]",
            "\"captureId\": [{\"a\": 2}]",
            "\"captureId\": null",
            "\"half\": \"\\ud800\"",
            "\"half\": \"\\ud801\"",
            "\"x\": 1, \"x\": 2",
            "\"x\": 2, \"x\": 2",
        ];
        let mut keys: Vec<_> = members.into_iter().map(with).chain([known]).collect();
        keys.sort_unstable();
        let count = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), count, "{} {}", provider.name, event.name);
        let deep = |inner: &str| with(&format!("\"deep\": {}{inner}{}", "[".repeat(5000), "]".repeat(5000)));
        assert_ne!(deep("1"), deep("2"));
    }
}

#[test]
fn two_events_that_differ_anywhere_have_two_keys() {
    for (provider, event, payload, known) in with_key() {
        let mut pointers = Vec::new();
        leaves(&payload, String::new(), &mut pointers);
        for pointer in pointers {
            let other = match payload.pointer(&pointer).unwrap() {
                Value::String(text) => json!(format!("{text}x")),
                Value::Number(number) => json!(number.as_i64().unwrap() + 1),
                Value::Bool(value) => json!(!value),
                // An optional member that is null is as good as absent.
                _ => continue,
            };
            let other = key(provider.name, event.name, &changed(&payload, &pointer, Some(other))).unwrap();
            assert!(other.is_some_and(|other| other != known), "{} {pointer}", event.name);
        }
    }
}

#[test]
fn two_outcomes_of_one_vipps_operation_are_two_events() {
    let name = EventName::EpaymentsPaymentCapturedV1;
    let succeeded = name.examples()[0].json;
    let failed = succeeded.replace("\"success\":true", "\"success\":false");
    let later = succeeded.replace("10:23:23", "10:23:24");
    let keys = [succeeded, &failed, &later].map(|json| key("vipps", name.as_str(), json).unwrap().unwrap());
    assert!(keys[0] != keys[1] && keys[0] != keys[2]);
}

/// Bodies as public handlers of the Recurring API expect them.
#[test]
fn a_recurring_event_decodes_with_what_identifies_it() {
    for (body, name) in [
        (
            r#"{"eventType":"recurring.agreement-activated.v1","agreementId":"agr_1"}"#,
            EventName::RecurringAgreementActivatedV1,
        ),
        (
            r#"{"eventType":"recurring.charge-captured.v1","agreementId":"agr_1","chargeId":"chr-1","occurred":"2026-01-04T00:00:00Z",
                "amount":1000,"chargeExternalId":null,"failureCode":null,"failureText":null,"transactionId":null}"#,
            EventName::RecurringChargeCapturedV1,
        ),
    ] {
        assert_eq!(EventName::identify(body.as_bytes()), Ok(Some(name.clone())));
        assert_eq!(vipps::Event::decode(&name, body.as_bytes()).unwrap().name(), name);
        #[cfg(feature = "validate")]
        vipps::PROVIDER.validate(name.as_str(), body.as_bytes()).unwrap();
        for required in ["agreementId", "chargeId", "eventType"].into_iter().filter(|member| body.contains(member)) {
            let without = body.replace(required, "x");
            assert!(vipps::Event::decode(&name, without.as_bytes()).is_err(), "{required}");
        }
    }
}

#[test]
fn a_payload_that_names_its_event_has_that_name() {
    let unknown = |name: &str| Some(EventName::Unknown(name.to_owned()));
    for (body, expected) in [
        (r#"{"eventType":"recurring.charge-charged.v1","name":7}"#, unknown("recurring.charge-charged.v1")),
        (r#"{"eventType":"recurring.charge-ch\u0061rged.v1"}"#, unknown("recurring.charge-charged.v1")),
        (r#"{"eventType":"a.v2","name":"CAPTURED","auth_req_id":"1"}"#, unknown("a.v2")),
        (r#"{"eventType":"donations.agreement.started.v1"}"#, Some(EventName::DonationsAgreementStartedV1)),
        (r#"{"name":"CAPTURED"}"#, Some(EventName::EpaymentsPaymentCapturedV1)),
        // A word that no event's conditions have is not an event's name, and may be a person's.
        (r#"{"name":"CHARGED_BACK","pspReference":"1"}"#, None),
        (r#"{"eventType":""}"#, None),
        (r#"{"eventType":" \t"}"#, None),
        (r#"{"eventType":null}"#, None),
        (r#"{"eventType":["a.v2"]}"#, None),
        (r#"{"data":{"eventType":"a.v2"}}"#, None),
        ("[]", None),
    ] {
        let identified = EventName::identify(body.as_bytes()).unwrap();
        assert_eq!(identified, expected, "{body}");
        let receiver = vipps::Receiver::new("https://shop.example/hooks", ["secret"]).unwrap();
        let name = identified.filter(|name| matches!(name, EventName::Unknown(_)));
        if let Ok(vipps::Event::Unknown(event)) = receiver.decode(body.as_bytes()) {
            assert_eq!(event.name, name.map(|name| name.to_string()), "{body}");
        }
    }
}
