//! Strict validation agrees with the specification, tells every violation and shows no value.

#![cfg(all(feature = "validate", feature = "dealpos", feature = "vipps", feature = "mypos", feature = "mipos"))]

use pos_webhooks::catalogue::{Provider, SchemaKind};
use pos_webhooks::validate::{Invalid, Violation};
use pos_webhooks::{dealpos, mipos, mypos, vipps};
use serde_json::{Value, json};

fn violations(provider: &'static Provider, name: &str, json: &str) -> Vec<Violation> {
    match provider.validate(name, json.as_bytes()) {
        Ok(()) => Vec::new(),
        Err(Invalid::Violations(violations)) => violations,
        Err(other) => panic!("{other}"),
    }
}

/// Pointer and keyword of every violation, in a fixed order.
fn found(provider: &'static Provider, name: &str, json: &Value) -> Vec<String> {
    let mut found: Vec<String> = violations(provider, name, &json.to_string())
        .into_iter()
        .map(|violation| format!("{} {}", violation.pointer, violation.keyword))
        .collect();
    found.sort();
    found
}

/// A documented example, changed.
fn changed(provider: &'static Provider, event: &str, change: impl FnOnce(&mut Value)) -> Value {
    let event = provider.events.iter().find(|candidate| candidate.name == event).unwrap();
    let mut payload = serde_json::from_str(event.payload.examples[0].json).unwrap();
    change(&mut payload);
    payload
}

#[test]
fn tells_every_violation_and_where() {
    let payment = changed(&dealpos::PROVIDER, "paymentCreated", |payment| {
        payment["Amount"] = json!("100000");
        payment["ID"] = json!("");
        payment["Date"] = json!("2020-02-30");
        payment["Created"] = json!(null);
        payment.as_object_mut().unwrap().remove("Outlet");
    });
    let expected =
        [" required", "/Amount type", "/Created type", "/Date format", "/ID minLength"].map(str::to_owned).to_vec();
    assert_eq!(found(&dealpos::PROVIDER, "paymentCreated", &payment), expected);
}

#[test]
fn shows_no_value_unless_asked() {
    let payment = r#"{"ID": 4711, "Creator": ["Hendry"], "Amount": "one hundred"}"#;
    let violations = violations(&dealpos::PROVIDER, "paymentCreated", payment);
    let shown = format!("{violations:?} {}", Invalid::Violations(violations.clone()));
    for value in ["4711", "Hendry", "one hundred"] {
        assert!(!shown.contains(value), "{shown}");
        assert!(violations.iter().any(|violation| violation.message_with_value().contains(value)), "{value}");
    }
}

#[test]
fn admits_what_the_document_contradicts_itself_on() {
    for created in ["2020-07-31", "2020-09-02T14:05:40.84", "2025-04-16T10:11:59.608095+07:00", "2020-07-31T00:00:00Z"]
    {
        let payment = changed(&dealpos::PROVIDER, "paymentDeleted", |payment| payment["Created"] = json!(created));
        assert_eq!(found(&dealpos::PROVIDER, "paymentDeleted", &payment), Vec::<String>::new(), "{created}");
    }
    for created in ["", "01 Sep 2020 00:00", "2020-07-31T25:00:00", "2020-07-31T10:00:00+", "31.07.2020"] {
        let payment = changed(&dealpos::PROVIDER, "paymentDeleted", |payment| payment["Created"] = json!(created));
        assert_eq!(found(&dealpos::PROVIDER, "paymentDeleted", &payment), ["/Created anyOf"], "{created}");
    }
    // Documented as a date there, and without a format in the write-off.
    let created = |payment: &mut Value| payment["Created"] = json!("2020-09-02T14:05:40.84");
    let payment = changed(&dealpos::PROVIDER, "paymentCreated", created);
    assert_eq!(found(&dealpos::PROVIDER, "paymentCreated", &payment), ["/Created format"]);
    let payment = changed(&dealpos::PROVIDER, "paymentWriteoff", created);
    assert_eq!(found(&dealpos::PROVIDER, "paymentWriteoff", &payment), Vec::<String>::new());
}

#[test]
fn a_payload_under_the_name_of_another_event_is_a_violation() {
    let captured = changed(&vipps::PROVIDER, "epayments.payment.captured.v1", |_| ());
    assert_eq!(found(&vipps::PROVIDER, "epayments.payment.captured.v1", &captured), Vec::<String>::new());
    assert_eq!(found(&vipps::PROVIDER, "PaymentEvent", &captured), Vec::<String>::new());
    assert_eq!(found(&vipps::PROVIDER, "epayments.payment.created.v1", &captured), ["/name const"]);
    let charge = changed(&vipps::PROVIDER, "recurring.charge-failed.v1", |_| ());
    assert_eq!(found(&vipps::PROVIDER, "recurring.charge-captured.v1", &charge), ["/eventType const"]);
    // Every identifiable event against the examples of every other.
    for event in vipps::PROVIDER.events.iter().filter(|event| !event.when.is_empty()) {
        for other in vipps::PROVIDER.events.iter().filter(|other| !other.when.is_empty() && other.name != event.name) {
            for example in other.payload.examples {
                assert!(vipps::PROVIDER.validate(event.name, example.json.as_bytes()).is_err(), "{}", other.name);
            }
        }
    }
}

#[test]
fn is_stricter_than_the_models() {
    let payment = changed(&vipps::PROVIDER, "epayments.payment.captured.v1", |payment| {
        payment["amount"]["currency"] = json!("XXX");
        payment["amount"]["value"] = json!(-1);
        payment["reference"] = json!("short");
        payment["timestamp"] = json!("yesterday");
        payment["unheard-of"] = json!({});
    });
    let expected = ["/amount/currency enum", "/amount/value minimum", "/reference minLength", "/reference pattern"];
    let found = found(&vipps::PROVIDER, "epayments.payment.captured.v1", &payment);
    assert_eq!(found[..4], expected);
    assert_eq!(found[4..], ["/timestamp format"], "a new member is no violation");
    let bytes = payment.to_string();
    assert!(vipps::Event::decode(&vipps::EventName::EpaymentsPaymentCapturedV1, bytes.as_bytes()).is_ok());
}

#[test]
fn admits_null_where_it_is_documented_and_nothing_else_instead() {
    for (actor, expected) in [(json!(null), vec![]), (json!("USER"), vec![]), (json!("NOBODY"), vec!["/actor anyOf"])] {
        let stopped = changed(&vipps::PROVIDER, "recurring.agreement-stopped.v1", |event| event["actor"] = actor);
        assert_eq!(found(&vipps::PROVIDER, "recurring.agreement-stopped.v1", &stopped), expected);
    }
    let stopped = changed(&vipps::PROVIDER, "recurring.agreement-stopped.v1", |event| event["msn"] = json!(null));
    assert_eq!(found(&vipps::PROVIDER, "recurring.agreement-stopped.v1", &stopped), ["/msn type"]);
}

#[test]
fn a_local_time_has_one_form() {
    let found_for = |created: &str| {
        let payment = changed(&dealpos::PROVIDER, "paymentDeleted", |payment| payment["Created"] = json!(created));
        found(&dealpos::PROVIDER, "paymentDeleted", &payment)
    };
    for created in ["2020-07-31T10:30:00", "2020-07-31T10:30:00.5", "2021-08-20T10:28:56.669107212345678901234567890"] {
        assert_eq!(found_for(created), Vec::<String>::new(), "{created}");
    }
    for created in [
        "2020-07-31T10",
        "2020-07-31T10:30",
        "20200731T103000",
        "2020-07-31T10:30:00,5",
        "2020-07-31T10:30:00.",
        "2020-07-31T10:30:00.5.5",
        "2020-07-31T10:30:00.٣",
        "2020-07-31T10:30:00[UTC]",
        "2020-07-31t10:30:00",
        "2020-07-31 10:30:00",
        " 2020-07-31T10:30:00",
        "2020-07-31T10:30:00.5 ",
        "2020-02-30T10:30:00",
        "2020-07-31T10:30:61",
        "+002020-07-31T10:30:00",
        "-000001-07-31T10:30:00",
    ] {
        assert_eq!(found_for(created), ["/Created anyOf"], "{created}");
    }
}

#[test]
fn checks_formats() {
    let list = |id: &str, url: &str| json!({ "webhooks": [{ "id": id, "url": url, "events": [] }] });
    let uuid = "497f6eca-6276-4993-bfeb-53cbbbba6f08";
    assert_eq!(found(&vipps::PROVIDER, "WebhookList", &list(uuid, "https://a.test")), Vec::<String>::new());
    assert_eq!(found(&vipps::PROVIDER, "WebhookList", &list("1", "https://a.test")), ["/webhooks/0/id format"]);
    assert_eq!(found(&vipps::PROVIDER, "WebhookList", &list(uuid, "no url")), ["/webhooks/0/url format"]);
    let user = |email: &str| json!({ "email": email });
    assert_eq!(found(&vipps::PROVIDER, "UserDetails", &user("a@b.test")), Vec::<String>::new());
    assert_eq!(found(&vipps::PROVIDER, "UserDetails", &user("nobody")), ["/email format"]);
    let webhook = |date: &str| json!({ "id": uuid, "created_on": date });
    assert_eq!(found(&mypos::PROVIDER, "Webhook", &webhook("Mon, 15 Apr 2019 07:50:54 GMT")), Vec::<String>::new());
    for date in [
        "Tue, 15 Apr 2019 07:50:54 GMT",
        "Mon, 15 Apr 2019 07:50:54 +0000",
        "2019-04-15",
        "Mon, 31 Feb 2019 07:50:54 GMT",
        "mon, 15 apr 2019 07:50:54 GMT",
        "Mon,\t15 Apr 2019 07:50:54 GMT",
        "Mon, 15 Apr 19 07:50:54   GMT",
        "Mon, 15 Apr 2019 07:50:54 gmt",
        "Mon, 15 Apr 2019 7:50:54  GMT",
    ] {
        assert_eq!(found(&mypos::PROVIDER, "Webhook", &webhook(date)), ["/created_on format"], "{date}");
    }
}

#[test]
fn validates_answers_without_a_model_of_their_own() {
    assert_eq!(
        found(&mipos::PROVIDER, "list_webhooks.200", &json!([{ "url": "https://a.test" }])),
        Vec::<String>::new()
    );
    assert_eq!(found(&mipos::PROVIDER, "list_webhooks.200", &json!([{}])), ["/0 required"]);
    assert_eq!(found(&mipos::PROVIDER, "create_webhook.401", &json!({})), [" type"]);
    // `data` is null in the documented envelope, and required.
    assert_eq!(found(&mipos::PROVIDER, "Conflict", &json!({ "message": [] })), [" required"]);
}

#[test]
fn says_where_a_text_stops_being_json() {
    let deep = "[".repeat(100_000);
    let cases: [(&[u8], usize, usize); 8] = [
        (b"", 1, 0),
        (b"{\"ID\": ", 1, 7),
        (b"{\n  \"ID\": tru", 2, 11),
        (b"\xff", 1, 1),
        (b"{\"ID\": \"\xff\"}", 1, 9),
        (b"1e400", 1, 5),
        (b"\xef\xbb\xbf{}", 1, 1),
        (deep.as_bytes(), 1, 128),
    ];
    for (json, line, column) in cases {
        match dealpos::PROVIDER.validate("paymentCreated", json) {
            // With serde_json/arbitrary_precision the place of such a number is lost.
            Err(Invalid::NotJson(error)) if json == b"1e400" && error.column == 0 => {
                assert_eq!(error.message, "number out of range");
            }
            Err(Invalid::NotJson(error)) => assert_eq!((error.line, error.column), (line, column), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_wrong_name_lists_the_right_ones() {
    let error = dealpos::PROVIDER.validate("paymentcreated", b"{}").unwrap_err();
    insta::assert_snapshot!(error, @"dealpos has no event or schema `paymentcreated`; it has: Acknowledgement, ChangedPayment, CreatedPayment, WrittenOffPayment, paymentCreated, paymentDeleted, paymentUpdated, paymentWriteoff");
}

#[test]
fn every_schema_can_be_prepared() {
    for provider in [&mipos::PROVIDER, &mypos::PROVIDER, &dealpos::PROVIDER, &vipps::PROVIDER] {
        for schema in provider.schemas {
            match provider.validate(schema.name, b"0.5") {
                Err(Invalid::Violations(_)) => {}
                other => panic!("{} {}: a fraction is no {:?}: {other:?}", provider.name, schema.name, schema.kind),
            }
            let description = schema.kind == SchemaKind::Answer || !schema.description.is_empty();
            assert!(description, "{} {} has no description", provider.name, schema.name);
        }
    }
}
