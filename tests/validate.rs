//! Strict validation follows the specification, reports every violation and does not show values.

#![cfg(all(feature = "validate", feature = "dealpos", feature = "vipps", feature = "mypos", feature = "mipos"))]

use pos_webhooks::catalogue::{Provider, SchemaKind};
use pos_webhooks::validate::{Invalid, MAX_VIOLATIONS, NotJson, Violation};
use pos_webhooks::{dealpos, mipos, mypos, vipps};
use serde_json::{Value, json};

fn violations(provider: &'static Provider, name: &str, json: &str) -> Vec<Violation> {
    match provider.validate(name, json.as_bytes()) {
        Ok(()) => Vec::new(),
        Err(Invalid::Violations(violations)) => violations.into_iter().collect(),
        Err(other) => panic!("{other}"),
    }
}

fn not_json(json: &[u8]) -> NotJson {
    match dealpos::PROVIDER.validate("paymentCreated", json) {
        Err(Invalid::NotJson(error)) => error,
        other => panic!("{other:?}"),
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
fn reports_every_violation_with_its_place() {
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
fn shows_values_only_on_request() {
    let payment = r#"{"ID": 4711, "Creator": ["Hendry"], "Amount": "one hundred"}"#;
    let violations = violations(&dealpos::PROVIDER, "paymentCreated", payment);
    let invalid = dealpos::PROVIDER.validate("paymentCreated", payment.as_bytes()).unwrap_err();
    let shown = format!("{violations:?} {invalid} {invalid:?}");
    for value in ["4711", "Hendry", "one hundred"] {
        assert!(!shown.contains(value), "{shown}");
        assert!(violations.iter().any(|violation| violation.message_with_value().contains(value)), "{value}");
    }
}

#[test]
fn allows_both_readings_of_a_contradictory_document() {
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
fn accepts_both_versions_of_a_document_and_nothing_else() {
    let found = |event: &str, pointer: &str, value: Value| {
        let payload = changed(&dealpos::PROVIDER, event, |payload| *payload.pointer_mut(pointer).unwrap() = value);
        found(&dealpos::PROVIDER, event, &payload)
    };
    for (event, pointer, value) in [
        ("transferOrderCreated", "/Date", json!("2020-09-01T00:00:00+07:00")),
        ("purchaseOrderCreated", "/DueDate", json!("0001-01-01T00:00:00")),
        ("invoiceCreated", "/DueDate", json!("")),
        ("invoiceCreated", "/Gross", json!(100000.5)),
        ("salesOrderCreated", "/Tax", json!(0.5)),
        ("salesOrderCreated", "/Customer", json!({})),
        ("salesOrderCreated", "/Coupon", json!(null)),
        ("closeShift", "/Visitor", json!(2.0)),
        ("closeShift", "/ID", json!("not a UUID")),
        ("customerDeleted", "/Title", json!(7)),
    ] {
        assert_eq!(found(event, pointer, value), Vec::<String>::new(), "{event} {pointer}");
    }
    for (event, pointer, value, violation) in [
        ("transferOrderCreated", "/Date", json!(""), "/Date minLength"),
        ("transferOrderCreated", "/Created", json!("01 Sep 2020 00:00"), "/Created anyOf"),
        ("transferOrderCreated", "/Variants", json!([]), "/Variants minItems"),
        ("closeShift", "/Close", json!("15 May 2020 15:49"), "/Close anyOf"),
        ("customerCreated", "/Gender", json!("Male"), "/Gender type"),
        ("supplierCreated", "/Gender", json!(0), "/Gender type"),
        ("outboundLogisticComplete", "/Customer/Email", json!(""), "/Customer/Email minLength"),
        ("adjustmentCreated", "/CountedInventory/0", json!({}), "/CountedInventory/0 required"),
        ("salesOrderCreated", "/Customer", json!(null), "/Customer type"),
        ("productDeleted", "", json!([]), " type"),
    ] {
        assert_eq!(found(event, pointer, value), [violation], "{event} {pointer}");
    }
}

#[test]
fn only_known_members_of_a_partly_documented_event_are_required() {
    for (event, required) in [
        ("productCreated", 0),
        ("invoiceCreated", 0),
        ("purchaseOrderCreated", 0),
        ("loyaltyPointOnOrderComplete", 0),
        ("productVariantUpdated", 0),
        ("customerDeleted", 2),
        ("supplierBillPaymentDeleted", 7),
        ("purchaseOrderRestored", 9),
        ("salesOrderUpdated", 10),
        ("transferOrderDeleted", 0),
    ] {
        let expected = vec![" required".to_owned(); required];
        assert_eq!(found(&dealpos::PROVIDER, event, &json!({})), expected, "{event}");
    }
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
fn an_email_address_does_not_have_a_display_name() {
    let is_valid = |email: &str| found(&vipps::PROVIDER, "UserDetails", &json!({ "email": email })).is_empty();
    for email in ["a@b.test", "A.B+c@d-e.test", "a@XN--BCHER-KVA.TEST", "a@[127.0.0.1]"] {
        assert!(is_valid(email), "{email}");
    }
    for email in ["Joe <a@b.test>", " <a@b.test>", "<a@b.test>", "a@b.test ", "a", "a@", "a b@b.test"] {
        assert!(!is_valid(email), "{email}");
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
fn reports_the_place_of_a_syntax_error() {
    let deep = "[".repeat(100_000);
    let cases: [(&[u8], usize, usize); 12] = [
        (b"", 1, 0),
        (b"{\"ID\": ", 1, 7),
        (b"{\n  \"ID\": tru", 2, 11),
        (b"\xff", 1, 1),
        (b"{\"ID\": \"\xff\"}", 1, 9),
        (b"1e400", 1, 5),
        (b"\xef\xbb\xbf", 1, 3),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", 1, 4),
        (b"\xef\xbb\xbf[1e400]", 1, 9),
        (b"\xef\xbb\xbf[1e-400]", 1, 10),
        (b"\xef\xbb\xbf{\"a\":1,\"a\":1}", 1, 13),
        (deep.as_bytes(), 1, 128),
    ];
    for (json, line, column) in cases {
        let error = not_json(json);
        assert_eq!((error.line, error.column), (line, column), "{error}");
    }
}

#[test]
fn a_byte_order_mark_is_skipped() {
    for event in dealpos::PROVIDER.events {
        let json = event.payload.examples[0].json;
        assert_eq!(violations(&dealpos::PROVIDER, event.name, &format!("\u{feff}{json}")), []);
    }
}

#[test]
fn refuses_duplicate_names() {
    for (json, line, column) in [
        (r#"{"Amount": 1, "Amount": 2}"#, 1, 22),
        (r#"{"Amount": 1, "\u0041mount": 1}"#, 1, 27),
        ("{\"New\": [0, {\"a\": {\"b\": 1,\n\"c\": {},\"b\": 1}}]}", 2, 11),
        (r#"{"hidden": 0.5, "hidden": 0.5}"#, 1, 24),
        (r#"{"": null, "": null}"#, 1, 13),
    ] {
        let error = not_json(json.as_bytes());
        assert_eq!(error.message, "the object has two members of this name", "{json}");
        assert_eq!((error.line, error.column), (line, column), "{json}");
    }
    let payment = changed(&dealpos::PROVIDER, "paymentCreated", |payment| {
        payment["New"] = json!([{ "a": { "a": {} } }, { "a": 0 }]);
    });
    assert_eq!(found(&dealpos::PROVIDER, "paymentCreated", &payment), Vec::<String>::new(), "in different objects");
}

#[test]
fn refuses_a_number_that_a_double_cannot_hold() {
    for (number, column) in [("1e400", 26), ("-1e400", 27), ("1e-400", 27), ("-0.1E-400", 30)] {
        let json = format!(r#"{{"Text": "\"", "A": [{number}, 1e-401]}}"#);
        let error = not_json(json.as_bytes());
        assert_eq!(
            (error.line, error.column, error.message.as_str()),
            (1, column, "a number is too large or too small for a double"),
            "{number}"
        );
    }
    let small = format!("0.{}1", "0".repeat(400));
    assert_eq!(not_json(format!("[0.0,\n{small}]").as_bytes()).line, 2);
    for number in ["0", "-0", "0.0", "-0.0e-999", "0e400", "1e-300", "1e300", r#""1e-400""#] {
        let json = format!(r#"{{"SomethingNew": [0.0, {number}]}}"#);
        assert!(matches!(dealpos::PROVIDER.validate("paymentCreated", json.as_bytes()), Err(Invalid::Violations(_))));
    }
}

#[test]
fn integers_are_the_same_as_in_the_models() {
    let amount = |value: &str| format!(r#"{{"currency":"NOK","value":{value}}}"#);
    let schema = vipps::PROVIDER.schema("Amount").unwrap();
    for value in ["25800", "25800.0", "2.58e4", "258000E-1", "-0", "0.0"] {
        assert_eq!(violations(&vipps::PROVIDER, "Amount", &amount(value)), [], "{value}");
        assert!(schema.decode(amount(value).as_bytes()).is_ok(), "{value}");
    }
    for value in ["0.5", "258.001e2", "9223372036854775808", "1e19", "null", "true", "\"1\"", "1e-400"] {
        assert!(vipps::PROVIDER.validate("Amount", amount(value).as_bytes()).is_err(), "{value}");
    }
}

/// Pointers and keywords of what is wrong with an amount of this value.
fn amount(value: &str) -> Vec<(String, String)> {
    let found = violations(&vipps::PROVIDER, "Amount", &format!(r#"{{"currency":"NOK","value":{value}}}"#));
    found.into_iter().map(|violation| (violation.pointer, violation.keyword)).collect()
}

#[test]
fn numbers_are_not_rounded() {
    let is = |keyword: &str| vec![("/value".to_owned(), keyword.to_owned())];
    for value in [
        "100.00000000000000000001",
        "99.99999999999999999999",
        "100.0000000000000000000000000000000000000000000000000000001",
        "6500000.000000000000000000001",
        "0.00000000000000000000000000000000000000001",
    ] {
        assert_eq!(amount(value), is("type"), "{value}");
    }
    // Larger than any double that is no integer, and than the maximum.
    for value in
        ["4503599627370496.25", "9007199254740993.5", "12345678901234567.89", "123456789012345678901234567890.1"]
    {
        assert_eq!(amount(value), [is("type"), is("maximum")].concat(), "{value}");
    }
    for value in ["100.00000000000000000000", "100000000000000000000e-18", "0.0000000000000000000000000000000001e34"] {
        assert_eq!(amount(value), [], "{value}");
    }
    // An integer, though one of more than 64 bits.
    for value in ["10000000000000000000000001.0", "10000000000000000000000001", "18446744073709551616", "1e25"] {
        assert_eq!(amount(value), is("maximum"), "{value}");
    }
    for value in ["1.7976931348623158e308", "-1.7976931348623158e308"] {
        assert!(amount(value).iter().all(|(_, keyword)| keyword != "type"), "{value}");
    }
    assert_eq!(amount("3e-324"), is("type"));
    // On the right side of a limit.
    assert_eq!(amount("65000000.000000000000"), []);
    assert_eq!(amount("65000000.0000000000000001"), [is("type"), is("maximum")].concat());
    assert_eq!(amount("-0.000000000000000000001"), [is("type"), is("minimum")].concat());
    let status = |value: &str| violations(&vipps::PROVIDER, "Problem", &format!(r#"{{"status":{value}}}"#));
    assert_eq!(status("2147483647.00000000000"), []);
    assert_eq!(status("2147483648.00000000000")[0].keyword, "maximum");
    let big = |value: &str| violations(&mipos::PROVIDER, "Order", &format!(r#"{{"total":{value}}}"#));
    let total = |value: &str| big(value).into_iter().filter(|it| it.pointer == "/total").count();
    assert_eq!((total("9223372036854775807.0"), total("9223372036854775808.0")), (0, 1));
    assert_eq!((total("-9223372036854775808.0"), total("-9223372036854775809.0")), (0, 1));
    let shown = &violations(&vipps::PROVIDER, "Amount", r#"{"currency":"NOK","value":12345678901234567.890}"#)[0];
    assert_eq!(shown.message_with_value(), r#"12345678901234567.890 is not of type "integer""#, "as it is written");
    // Text is no number, and what is beside it is not touched.
    let payment = changed(&dealpos::PROVIDER, "paymentCreated", |payment| {
        payment["Number"] = json!("100.00000000000000000001 \\\" 1e-400");
        payment["Method"] = json!(100.5);
    });
    let json = payment.to_string().replace("10.1", "12345678901234567890.123");
    let found = violations(&dealpos::PROVIDER, "paymentCreated", &json);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].message_with_value(), r#"100.5 is not of type "string""#);
}

#[test]
fn items_are_compared_by_their_numbers_as_written() {
    let order = |one: &str, other: &str| {
        let json = format!(r#"{{"Payments":[{{"a":{one},"b":[1]}},{{"b":[1.0],"a":{other}}}]}}"#);
        let found = violations(&dealpos::PROVIDER, "PurchaseOrder", &json);
        found.into_iter().filter(|it| it.keyword == "uniqueItems").count()
    };
    for (one, other) in [
        ("1.00000000000000000000000001", "1.00000000000000000000000002"),
        ("9007199254740992.5", "4503599627370495.5"),
        ("0.10000000000000000001", "0.10000000000000002"),
        ("1000000000000000000000000000001", "1000000000000000000000000000002"),
        ("99999999999999991611392", "1e23"),
        ("1", "2"),
    ] {
        assert_eq!(order(one, other), 0, "{one} and {other}");
    }
    for (one, other) in [
        ("1.00000000000000000000000001", "100000000000000000000000001e-26"),
        ("9007199254740992.50", "9.0071992547409925e15"),
        ("-0.0", "0"),
        ("1", "1.0"),
    ] {
        assert_eq!(order(one, other), 1, "{one} and {other}");
    }
}

#[test]
fn a_violation_is_reported_once() {
    // The event's own schema asks for what the model's asks for, too.
    let event = vipps::PROVIDER.events.iter().find(|event| event.name == "epayments.payment.captured.v1").unwrap();
    let captured = changed(&vipps::PROVIDER, event.name, |payment| {
        payment.as_object_mut().unwrap().remove("name");
    });
    assert_eq!(found(&vipps::PROVIDER, event.name, &captured), [" required"]);
    for provider in [&mipos::PROVIDER, &mypos::PROVIDER, &dealpos::PROVIDER, &vipps::PROVIDER] {
        for schema in provider.schemas {
            for json in ["{}", "[]", "[{}]", "null", "0.5"] {
                let mut told: Vec<String> =
                    violations(provider, schema.name, json).iter().map(ToString::to_string).collect();
                let count = told.len();
                told.sort();
                told.dedup();
                assert_eq!(told.len(), count, "{} {} {json}", provider.name, schema.name);
            }
        }
    }
}

#[test]
fn an_error_masks_the_names_that_the_provider_does_not_describe() {
    let errors = r#"{"Creator": [1], "pspReference": [1], "is_active": [1]}"#;
    let violations = violations(&mipos::PROVIDER, "FieldErrors", errors);
    assert_eq!(violations.len(), 3);
    for violation in violations {
        assert!(violation.to_string().starts_with("/*/0: "), "listed by another provider: {violation}");
    }
}

#[test]
fn shows_no_name_that_the_specification_does_not_list() {
    let errors = r#"{"url": [1], "Hendry/~": ["x", false], "4711": 5}"#;
    let invalid = mipos::PROVIDER.validate("FieldErrors", errors.as_bytes()).unwrap_err();
    let Invalid::Violations(violations) = &invalid else { panic!("{invalid}") };
    let mut pointers: Vec<_> = violations.iter().map(|violation| violation.pointer.as_str()).collect();
    pointers.sort();
    assert_eq!(pointers, ["/4711", "/Hendry~1~0/1", "/url/0"], "exact for programs");
    let mut shown: Vec<_> = violations.iter().map(ToString::to_string).collect();
    shown.sort();
    let expected = [
        r#"/*/1: value is not of type "string" (type)"#,
        r#"/*: value is not of type "array" (type)"#,
        r#"/url/0: value is not of type "string" (type)"#,
    ];
    assert_eq!(shown, expected);
    let debug = format!("{invalid:?} {violations:?}");
    assert!(!debug.contains("Hendry") && !debug.contains("4711"), "{debug}");
}

#[test]
fn reports_no_more_violations_than_the_limit() {
    let list = |length: usize| format!("[{}]", vec!["1"; length].join(","));
    for (length, told, truncated) in [
        (MAX_VIOLATIONS - 1, MAX_VIOLATIONS - 1, false),
        (MAX_VIOLATIONS, MAX_VIOLATIONS, false),
        (MAX_VIOLATIONS + 1, MAX_VIOLATIONS, true),
        (MAX_VIOLATIONS * 20, MAX_VIOLATIONS, true),
    ] {
        let invalid = mipos::PROVIDER.validate("list_webhooks.200", list(length).as_bytes()).unwrap_err();
        let Invalid::Violations(violations) = &invalid else { panic!("{invalid}") };
        assert_eq!((violations.len(), violations.is_truncated()), (told, truncated), "{length}");
        assert_eq!(violations[told - 1].pointer, format!("/{}", told - 1));
        let said = invalid.to_string().ends_with("\nthere are more than these 10000");
        assert_eq!(said, truncated);
    }
    // What is wrong at the very end is found, whatever valid stands before it.
    let valid = r#"{"url":"https://a.test"}"#;
    let list = format!("[{}{{}}]", format!("{valid},").repeat(3 * MAX_VIOLATIONS));
    let found = violations(&mipos::PROVIDER, "list_webhooks.200", &list);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].pointer, format!("/{}", 3 * MAX_VIOLATIONS));
}

#[test]
fn shows_only_the_beginning_of_a_long_value() {
    let long = "é".repeat(1_000_000);
    let found = violations(&dealpos::PROVIDER, "paymentCreated", &json!({ "Amount": long }).to_string());
    let amount = found.iter().find(|violation| violation.pointer == "/Amount").unwrap();
    let message = amount.message_with_value();
    assert!(message.starts_with("\"éé") && message.ends_with(r#"é… is not of type "number""#), "{message}");
    assert!(message.len() < 1100);
}

#[test]
fn a_wrong_name_lists_the_right_ones() {
    let error = dealpos::PROVIDER.validate("paymentcreated", b"{}").unwrap_err().to_string();
    let known = error.strip_prefix("dealpos has no event or schema `paymentcreated`; it has: ").unwrap();
    let known: Vec<&str> = known.split(", ").collect();
    let schemas: Vec<&str> = dealpos::PROVIDER.schemas.iter().map(|schema| schema.name).collect();
    assert_eq!(known, schemas);
    assert!(known.contains(&"Acknowledgement") && known.contains(&"paymentCreated"), "{error}");
}

/// Whether a schema does not restrict its values.
fn is_any_json(provider: &'static Provider, schema: &str) -> bool {
    let schema = provider.json_schema(schema).unwrap();
    schema.as_object().unwrap().keys().all(|key| ["$schema", "title", "description"].contains(&key.as_str()))
}

#[test]
fn every_schema_can_be_prepared() {
    for provider in [&mipos::PROVIDER, &mypos::PROVIDER, &dealpos::PROVIDER, &vipps::PROVIDER] {
        for schema in provider.schemas {
            match provider.validate(schema.name, b"0.5") {
                Err(Invalid::Violations(_)) => {}
                Ok(()) if is_any_json(provider, schema.name) => {}
                other => panic!("{} {}: a fraction is no {:?}: {other:?}", provider.name, schema.name, schema.kind),
            }
            let description = schema.kind == SchemaKind::Response || !schema.description.is_empty();
            assert!(description, "{} {} has no description", provider.name, schema.name);
        }
    }
}
