//! What `decode` prints of an event's identity: its name and its idempotency key.

#[allow(dead_code, reason = "what other tests need")]
#[path = "cli/run.rs"]
mod run;

use serde_json::{Value, json};

fn decode(arguments: &[&str], payload: &str) -> Value {
    let done = run::feed(run::command(&[&["decode"], arguments].concat()), payload.as_bytes());
    assert_eq!(done.status, 0, "{}", done.err);
    serde_json::from_str(&done.out).unwrap()
}

#[test]
fn decode_prints_the_name_that_a_payload_gives_itself() {
    let decoded = decode(&["vipps"], r#"{"eventType":"recurring.charge-charged.v1"}"#);
    assert_eq!((&decoded["event"], &decoded["known"]), (&json!("recurring.charge-charged.v1"), &json!(false)));
    let decoded = decode(&["vipps"], r#"{"eventType":"donations.agreement.stopped.v1"}"#);
    assert_eq!((&decoded["event"], &decoded["known"]), (&json!("donations.agreement.stopped.v1"), &json!(true)));
}

#[test]
fn decode_prints_null_where_no_name_is_known() {
    for (arguments, payload) in [
        (&["vipps"][..], "{}"),
        (&["vipps"], r#"{"eventType":" "}"#),
        (&["vipps", "--event", ""], r#"{"name":"CHARGED_BACK"}"#),
        (&["mipos", "--event", " "], "[]"),
    ] {
        let decoded = decode(arguments, payload);
        assert_eq!((&decoded["event"], &decoded["known"]), (&Value::Null, &json!(false)), "{arguments:?} {payload}");
    }
}

#[test]
fn decode_prints_no_key_where_the_id_is_blank() {
    let payload = pos_webhooks::dealpos::EventName::PaymentCreated.examples()[0].json;
    let id = "1c2a88a6-d99c-4915-91af-a36110c34c7a";
    let arguments = ["dealpos", "--event", "paymentCreated"];
    assert!(decode(&arguments, payload)["idempotency_key"].is_string());
    assert_eq!(decode(&arguments, &payload.replace(id, ""))["idempotency_key"], Value::Null);
}
