//! Decoding accepts what providers send, and its errors have the place but never the value.

#![cfg(all(feature = "dealpos", feature = "vipps"))]

use pos_webhooks::{dealpos, vipps};
use serde_json::{Value, json};

fn payment(change: impl FnOnce(&mut Value)) -> Result<dealpos::Event, pos_webhooks::DecodeError> {
    let mut payment = serde_json::from_str(dealpos::PROVIDER.events[1].payload.examples[0].json).unwrap();
    change(&mut payment);
    dealpos::Event::decode(&dealpos::EventName::PaymentDeleted, payment.to_string().as_bytes())
}

#[test]
fn tolerates_payloads_beyond_the_document() {
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
fn keeps_an_enum_value_that_is_not_listed() {
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
        ("9007199254740993.0", 9_007_199_254_740_993),
        ("9223372036854775807", i64::MAX),
        ("9223372036854775807.00", i64::MAX),
        ("-9223372036854775808", i64::MIN),
    ] {
        let amount = amount(text).unwrap();
        assert_eq!(amount.value, value, "{text}");
        assert_eq!(serde_json::to_value(&amount).unwrap()["value"], value);
    }
    for text in ["0.5", "258.001e2", "9223372036854775808", "1e19", "null", "\"1\"", "true"] {
        assert!(amount(text).is_err(), "{text}");
    }
}

#[test]
fn a_number_that_a_double_would_round_to_an_integer_is_not_one() {
    for text in [
        "100.00000000000000000001",
        "99.99999999999999999999",
        "9007199254740993.5",
        "123456789012345678.9",
        "1e-400",
        "-1e-400",
        "100.0000000000000000000000000000000000000000000001",
    ] {
        assert!(amount(text).is_err(), "{text}");
        let json = format!(r#"{{"currency":"NOK","value":{text}}}"#);
        let error = vipps::PROVIDER.schema("Amount").unwrap().decode(json.as_bytes()).unwrap_err();
        let expected = ("/value", "expected a 64-bit integer, found a number that is not whole");
        assert_eq!((error.pointer.as_str(), error.message.as_str()), expected, "{text}");
    }
}

#[test]
fn an_integer_that_does_not_fit_is_too_large_or_not_whole() {
    let message = |text: &str| {
        let json = format!(r#"{{"currency":"NOK","value":{text}}}"#);
        vipps::PROVIDER.schema("Amount").unwrap().decode(json.as_bytes()).unwrap_err().message
    };
    for text in [
        "9223372036854775808",
        "-9223372036854775809",
        "1e400",
        "10000000000000000000000000",
        "1.5e99999999999999999999",
    ] {
        assert_eq!(message(text), "expected a 64-bit integer, found a number that is too large", "{text}");
        let value = amount(text).unwrap_err().to_string();
        assert!(!value.contains(text), "{value}");
    }
    for text in ["1.5", "-0.5", "258.001e2", "1e-99999999999999999999"] {
        assert_eq!(message(text), "expected a 64-bit integer, found a number that is not whole", "{text}");
    }
    for (value, found) in [(json!(1.5), "not whole"), (json!(1e300), "too large"), (json!(u64::MAX), "too large")] {
        let object = json!({ "currency": "NOK", "value": value });
        let error = serde_json::from_value::<vipps::models::Amount>(object).unwrap_err().to_string();
        assert!(error.contains(found), "{error}");
    }
}

#[test]
fn text_that_is_not_json_is_described_in_plain_words() {
    let name = dealpos::EventName::PaymentCreated;
    for (text, what) in [
        ("", "it ends where a value is expected"),
        (r#"{"a":"b"#, "it ends within a string"),
        (r#"{"a":1"#, "it ends within an object"),
        (r#"{"a":[1"#, "it ends within an array"),
        ("Hendry", "a value is expected"),
        ("nul", "it ends where a value is expected"),
        ("nothing", "`true`, `false` or `null` is expected"),
        ("{a:1}", "the name of a member in double quotes is expected"),
        (r#"{"a" 1}"#, "`:` is expected"),
        (r#"{"a":1 "b"}"#, "`,` or `}` is expected"),
        (r#"{"a":[1 2]}"#, "`,` or `]` is expected"),
        (r#"{"a":1,}"#, "there is a comma after the last value"),
        (r#"{"a":01}"#, "a number is malformed"),
        (r#"{"a":"\q"}"#, "a string has a malformed escape"),
        ("{\"a\":\"\n\"}", "a string has a control character that is not escaped"),
        // A member is missing as well, but the syntax error is reported.
        (r#"{"a":1}x"#, "there is more text after the value"),
        (r#"[{"a":1},"#, "it ends where a value is expected"),
        (r#"{"Amount":1,"Amount":2"#, "it ends within an object"),
    ] {
        let expected = format!("the text is not JSON: {what}");
        let error = dealpos::Event::decode(&name, text.as_bytes()).unwrap_err();
        assert_eq!((error.message, error.pointer.as_str()), (expected, ""), "{text}");
    }
    for json in ["Hendry", r#"{"eventType":1,"eventType":2}x"#] {
        let error = vipps::EventName::identify(json.as_bytes()).unwrap_err();
        assert!(error.message.starts_with("the text is not JSON: "), "{error}");
    }
}

#[test]
fn a_payload_is_kept_as_its_text() {
    let json = pos_webhooks::Json::try_from("\u{feff}{\"a\": 2.50}".as_bytes()).unwrap();
    assert_eq!(json.as_str(), "{\"a\": 2.50}");
    let error = pos_webhooks::Json::try_from(&b"{\n\"a\":\"\xe9\"}"[..]).unwrap_err();
    assert_eq!((error.line, error.message.as_str()), (2, "the text is not JSON: a string is not UTF-8"));
}

#[test]
fn an_integer_decodes_from_a_value_and_within_what_serde_buffers() {
    #[derive(serde::Deserialize)]
    struct Within {
        #[serde(flatten)]
        amount: vipps::models::Amount,
    }
    let object = |value: Value| json!({ "currency": "NOK", "value": value });
    let within: Within = serde_json::from_str(&object(json!(25800)).to_string()).unwrap();
    assert_eq!(within.amount.value, 25800);
    for value in [json!(25800), json!(25800.0)] {
        assert_eq!(serde_json::from_value::<vipps::models::Amount>(object(value)).unwrap(), within.amount);
    }
}

/// The values of an object in the order of its names, which is that of the model's members.
fn without_names(object: &Value) -> Value {
    object.as_object().unwrap().values().cloned().collect()
}

#[test]
fn an_array_is_never_an_object() {
    let created = br#"[10.10,"2020-07-31","Hendry",null,"2020-07-01","1","2","Cash","2020.07.0001","Outlet1"]"#;
    let error = dealpos::Event::decode(&dealpos::EventName::PaymentCreated, created).unwrap_err();
    assert_eq!(error.to_string(), "expected an object, found an array (line 1, column 1)");
    assert!(
        serde_json::from_slice::<dealpos::models::CreatedPayment>(created).is_err(),
        "without this crate's functions"
    );

    let name = vipps::EventName::EpaymentsPaymentCapturedV1;
    let mut captured: Value = serde_json::from_str(name.examples()[0].json).unwrap();
    captured["amount"] = without_names(&captured["amount"]);
    let error = vipps::Event::decode(&name, captured.to_string().as_bytes()).unwrap_err();
    assert_eq!((error.pointer.as_str(), error.message.as_str()), ("/amount", "expected an object, found an array"));
    assert!(serde_json::from_value::<vipps::models::PaymentEvent>(captured).is_err(), "nor from a value");

    for (provider, name) in [(&vipps::PROVIDER, "RegisterWebhook"), (&vipps::PROVIDER, "Problem")] {
        let error = provider.schema(name).unwrap().decode(b"[]").unwrap_err();
        assert_eq!(error.message, "expected an object, found an array", "{name}");
    }
}

#[test]
fn messages_use_the_terms_of_json() {
    let message = |member: &str, value: Value| payment(|payment| payment[member] = value).unwrap_err().message;
    for (value, found) in [
        (json!("Hendry, expected nothing"), "a string"),
        (json!(true), "a boolean"),
        (json!(null), "null"),
        (json!([1]), "an array"),
        (json!({ "Hendry": 1 }), "an object"),
    ] {
        assert_eq!(message("Amount", value), format!("expected a number, found {found}"));
    }
    assert_eq!(message("Outlet", json!(4711)), "expected a string, found a number");
    assert_eq!(message("Outlet", json!(47.11)), "expected a string, found a number");
    let whole = |json: &str| {
        let decoded = dealpos::Event::decode(&dealpos::EventName::PaymentCreated, json.as_bytes());
        decoded.unwrap_err().message
    };
    assert_eq!(whole("\"Hendry\""), "expected an object, found a string");
    assert_eq!(whole("4711"), "expected an object, found a number");
    assert_eq!(whole("{}"), "missing member `ID`");
    assert_eq!(whole(r#"{"Amount":1,"Amount":1}"#), "duplicate member `Amount`");
    let addresses = r#"{"addresses":{}}"#;
    let error = vipps::PROVIDER.schema("UserDetails").unwrap().decode(addresses.as_bytes()).unwrap_err();
    assert_eq!(error.message, "expected an array, found an object");
}

#[test]
fn null_for_an_optional_list_is_an_empty_list() {
    let user = |json: &str| serde_json::from_str::<vipps::models::UserDetails>(json);
    assert_eq!(user(r#"{"addresses":null}"#).unwrap(), user("{}").unwrap());
    let list = vipps::PROVIDER.schema("WebhookList").unwrap();
    assert_eq!(list.decode(br#"{"webhooks":null}"#).unwrap_err().message, "expected an array, found null");
}

#[test]
fn an_optional_integer_may_be_missing_null_or_written_so() {
    let problem = |json: &str| serde_json::from_str::<vipps::models::Problem>(json).unwrap().status;
    assert_eq!(problem("{}"), None);
    assert_eq!(problem(r#"{"status":null}"#), None);
    assert_eq!(problem(r#"{"status":400.0}"#), Some(400));
}

#[test]
fn an_error_has_the_place_and_the_expected_type_but_never_the_value() {
    let error = |change: fn(&mut Value)| payment(change).unwrap_err();
    let missing = error(|payment| drop(payment.as_object_mut().unwrap().remove("Amount")));
    assert_eq!((missing.pointer.as_str(), missing.message.as_str()), ("", "missing member `Amount`"));
    let mistyped = error(|payment| payment["Creator"] = json!(["Hendry, expected nothing"]));
    assert_eq!(
        (mistyped.pointer.as_str(), mistyped.message.as_str()),
        ("/Creator", "expected a string, found an array")
    );
    let mistyped = error(|payment| payment["Amount"] = json!("Hendry"));
    assert_eq!(mistyped.pointer, "/Amount");
    assert!(!format!("{mistyped} {mistyped:?}").contains("Hendry"));

    let nested = br#"{"msn":"1","reference":"r","pspReference":"p","name":"CREATED","success":true,"timestamp":"t",
        "amount":{"currency":"NOK","value":"4711"}}"#;
    let error = vipps::Event::decode(&vipps::EventName::EpaymentsPaymentCreatedV1, nested).unwrap_err();
    assert_eq!(
        (error.pointer.as_str(), error.message.as_str(), error.line),
        ("/amount/value", "expected a 64-bit integer, found a string", 2)
    );
}

#[test]
#[cfg(feature = "mipos")]
fn shows_no_name_that_the_specification_does_not_list() {
    let schema = pos_webhooks::mipos::PROVIDER.schema("FieldErrors").unwrap();
    for (json, pointer) in
        // A name that only another provider describes is not shown either.
        [
            (r#"{"Hendry": "wrong"}"#, "/*"),
            (r#"{"Creator": "wrong"}"#, "/*"),
            (r#"{"a": [], "4711": ["a", 1]}"#, "/*/1"),
            (r#"{"url": [1]}"#, "/url/0"),
        ]
    {
        let error = schema.decode(json.as_bytes()).unwrap_err();
        assert_eq!(error.pointer, pointer);
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("Hendry") && !shown.contains("4711"), "{shown}");
    }
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let with_mark = |json: &str| format!("\u{feff}{json}").into_bytes();
    let json = dealpos::PROVIDER.events[0].payload.examples[0].json;
    let decode = |json: &[u8]| dealpos::Event::decode(&dealpos::EventName::PaymentCreated, json);
    let (plain, marked) = (decode(json.as_bytes()).unwrap(), decode(&with_mark(json)).unwrap());
    let keys = (marked.idempotency_key(&with_mark(json)), plain.idempotency_key(json.as_bytes()));
    assert_eq!((keys.0, &marked), (keys.1, &plain));

    let name = vipps::EventName::EpaymentsPaymentCapturedV1;
    let captured = name.examples()[0].json;
    assert_eq!(vipps::EventName::identify(&with_mark(captured)).unwrap(), Some(name));
    let receiver = vipps::Receiver::new("https://shop.example", ["secret"]).unwrap();
    let (plain, marked) = (receiver.decode(captured.as_bytes()), receiver.decode(&with_mark(captured)));
    assert_eq!(marked.unwrap(), plain.unwrap());
    let unknown = vipps::Event::decode(&"orders.new.v1".into(), &with_mark("{\"a\":1}")).unwrap();
    assert_eq!(serde_json::to_string(&unknown).unwrap(), "{\"a\":1}");
    assert!(vipps::PROVIDER.schema("Amount").unwrap().decode(&with_mark(r#"{"currency":"NOK","value":1}"#)).is_ok());

    // Columns are those of the text as received.
    let place = |json: &[u8]| decode(json).map(|_| ()).map_err(|error| (error.line, error.column)).unwrap_err();
    assert_eq!(place(b"{x"), (1, 2));
    assert_eq!(place("\u{feff}{x".as_bytes()), (1, 5));
    assert_eq!(place("\u{feff}{\n x".as_bytes()), (2, 2));
    // Nothing else is skipped.
    for other in ["\u{feff}\u{feff}{}", " \u{feff}{}", "{}\u{feff}", "\u{fffe}{}", "\u{200b}{}", "\u{feff}"] {
        assert!(vipps::EventName::identify(other.as_bytes()).is_err(), "{other:?}");
    }
}

#[test]
fn never_panics() {
    let example = dealpos::PROVIDER.events[0].payload.examples[0].json;
    let deep = "[".repeat(100_000);
    let inputs = (0..example.len()).map(|end| &example.as_bytes()[..end]).chain([
        deep.as_bytes(),
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"\xef\xbb\xbf",
        b"\xef\xbb",
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
    assert_eq!(error.message, "missing member `url`");
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
    assert_eq!((error.line, error.message.as_str()), (1, "the text is not JSON: a string is not UTF-8"));
    let more = [b"{\"Note\":\"\xe9\",", &example[1..], b" x"].concat();
    let error = dealpos::Event::decode(&dealpos::EventName::PaymentCreated, &more).unwrap_err();
    assert_eq!(error.message, "the text is not JSON: there is more text after the value");
}

/// An example of a DealPOS event, decoded.
fn example(name: &dealpos::EventName, index: usize) -> dealpos::Event {
    dealpos::Event::decode(name, name.examples()[index].json.as_bytes()).unwrap()
}

#[test]
fn times_of_every_form_keep_their_text_and_are_parsed_on_demand() {
    use dealpos::{Event, EventName};

    let Event::TransferOrderCreated(order) = example(&EventName::TransferOrderCreated, 0) else { panic!() };
    assert_eq!(order.date.as_str(), "01 Sep 2020 00:00", "documented as date-time");
    assert!(order.date.to_date().is_err() && order.date.to_date_time().is_err() && order.date.to_timestamp().is_err());
    assert_eq!(order.received_date.unwrap().as_str(), "01 Sep 2020 00:00");

    let Event::SupplierBillPaymentCreated(payment) = example(&EventName::SupplierBillPaymentCreated, 0) else {
        panic!()
    };
    assert_eq!(payment.created.as_str(), "2021-08-20T10:28:56.6691072");
    assert_eq!(payment.created.to_date_time().unwrap().subsec_nanosecond(), 669_107_200);
    assert!(payment.created.to_timestamp().is_err(), "it has no offset");

    let Event::CloseShift(shift) = example(&EventName::CloseShift, 1) else { panic!() };
    assert_eq!(shift.open.to_date_time().unwrap().to_string(), "2025-04-08T14:37:01.283");
    assert!(shift.open.to_timestamp().is_err());
    assert_eq!(shift.close.to_timestamp().unwrap().to_string(), "2025-04-16T03:11:59.608095Z");
}

#[test]
fn a_missing_due_date_is_the_year_1_or_an_empty_text() {
    use dealpos::{Event, EventName};

    let Event::InvoiceCreated(invoice) = example(&EventName::InvoiceCreated, 0) else { panic!() };
    let Event::LoyaltyPointOnOrderComplete(order) = example(&EventName::LoyaltyPointOnOrderComplete, 0) else {
        panic!()
    };
    for due in [invoice.due_date.unwrap(), order.due_date.unwrap()] {
        assert_eq!(due.as_str(), "0001-01-01T00:00:00");
        assert_eq!(due.to_date().unwrap().year(), 1);
    }
    let Event::PurchaseOrderCreated(order) = example(&EventName::PurchaseOrderCreated, 0) else { panic!() };
    let due = order.due_date.unwrap();
    assert_eq!(due.as_str(), "");
    assert!(due.to_date().is_err() && due.to_timestamp().is_err());
}

#[test]
fn examples_that_their_pages_wrap_in_another_object_are_the_inner_object() {
    let shift = json!({"example-1": {
        "ID": "ff7848c9-21f1-4c05-ac9e-1e71d829cc9c", "Outlet": "Outlet1", "Register": "Outlet1", "Number": "20.05.00001",
        "Open": "2020-05-15T15:11:52.327", "Close": "2020-05-15T15:49:27.563", "Cashier": "Jane", "SalesNTax": 500000,
        "TotalInvoice": 3, "Visitor": 2
    }});
    let customer = json!({"example": {
        "Outlet": "Outlet1", "Phone": "+628159137777", "Email": "john.doe@gmail.com", "Code": "4650865270308696"
    }});
    for (name, wrapper, documented) in [
        (dealpos::EventName::CloseShift, "example-1", shift),
        (dealpos::EventName::FetchLoyaltyPoints, "example", customer),
    ] {
        let decode = |body: &Value| dealpos::Event::decode(&name, body.to_string().as_bytes());
        let example = &name.examples()[0];
        assert_eq!(example.origin, pos_webhooks::catalogue::Origin::Documented);
        assert_eq!(serde_json::from_str::<Value>(example.json).unwrap(), documented[wrapper], "{name}");
        let event = decode(&documented[wrapper]).unwrap();
        assert_eq!(serde_json::to_value(&event).unwrap(), documented[wrapper], "{name}");
        assert!(decode(&documented).is_err(), "{name} as its page shows it");
    }
}

#[test]
fn undocumented_parts_of_a_payload_are_kept_as_received() {
    use dealpos::{Event, EventName};

    let Ok(Event::ProductDeleted(payload)) =
        Event::decode(&EventName::ProductDeleted, br#"{"ID": "1", "Price": 2.50}"#)
    else {
        panic!()
    };
    assert_eq!(payload.as_str(), r#"{"ID": "1", "Price": 2.50}"#);
    let unknown = Event::decode(&"productdeleted".into(), b"{}").unwrap();
    assert!(matches!(unknown, Event::Unknown(_)), "names are case-sensitive");
    for gender in ["0", "\"Male\"", "{\"code\": 1.50}"] {
        let body = format!(r#"{{"FirstName": "John", "LastName": "Doe", "Gender": {gender}}}"#);
        let Ok(Event::CustomerDeleted(customer)) = Event::decode(&EventName::CustomerDeleted, body.as_bytes()) else {
            panic!("{gender}")
        };
        assert_eq!(customer.gender.unwrap().as_str(), gender, "its type could not be read");
    }
}

#[test]
fn both_versions_of_a_changed_event_decode() {
    use dealpos::{Event, EventName};

    let shifts = [0, 1].map(|index| match example(&EventName::CloseShift, index) {
        Event::CloseShift(shift) => shift.session.and_then(|session| session.id),
        other => panic!("{other:?}"),
    });
    assert_eq!(shifts, [None, Some("1de32523-ad82-461e-8980-f62bf337ee42".to_owned())]);
    let coupons = [0, 1].map(|index| match example(&EventName::ValidateCoupon, index) {
        Event::ValidateCoupon(coupon) => (coupon.key, coupon.code),
        other => panic!("{other:?}"),
    });
    assert_eq!(coupons, [(Some("1234".to_owned()), None), (None, Some("1234".to_owned()))]);
    let payments = [0, 1].map(|index| match example(&EventName::SupplierBillPaymentCreated, index) {
        Event::SupplierBillPaymentCreated(payment) => payment.creator_id.is_some(),
        other => panic!("{other:?}"),
    });
    assert_eq!(payments, [false, true]);
}
