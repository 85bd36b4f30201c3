//! Compares receiving with the same work written by hand with the same crates, and with Node and Python, as ratios from one run.
//!
//! `cargo bench --bench receive`. The bodies are examples of the specifications. `benches/peers/` has the programs for Node and
//! Python, which are run where they are installed.

mod peer;
mod table;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, Request};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use pos_webhooks::{dealpos, mipos, mypos, vipps};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use table::{Table, fastest};

const URL: &str = "https://shop.example/hooks/vipps";
const SECRET: &str = "A0+AeKBRG2KRGvnNwJpQlb6IJFk48CKXCIcrLoHncVJKDILsQSxS6NWCccwWm6r6FhGKhiHTBsG2wo/xU6FY/A==";

fn main() -> ExitCode {
    let mut table = Table::new();
    verify(&mut table);
    decode(&mut table);
    identify_and_decode(&mut table);
    receive(&mut table);
    receive_vipps(&mut table);
    table.end()
}

fn verify(table: &mut Table) {
    // The bare calls read one value of each header, and take any bytes in it.
    for (size, length, goal, limit) in [("300 B", 300, 1.10, 1.20), ("10 KiB", 10 * 1024, 1.05, 1.10)] {
        let body = vec![b'x'; length];
        let now = Timestamp::now();
        let headers = map(vipps::sign(URL, &SECRET.into(), &body, now).expect("a signature"));
        let receiver = vipps::Receiver::new(URL, [SECRET]).expect("a receiver");
        let ours = || receiver.verify(black_box(&headers), black_box(&body), now).is_ok();
        let prepared = prepare(SECRET);
        let by_hand = || verified_by_hand(&prepared, black_box(&headers), black_box(&body), now).is_some();
        let with_set_up =
            || verified_by_hand(&prepare(black_box(SECRET)), black_box(&headers), black_box(&body), now).is_some();
        assert!(ours() && by_hand() && with_set_up());
        let work = format!("verify a Vipps delivery, {size}");
        table.row(&work, goal, limit, fastest(ours, by_hand), "ns", "the bare calls, keys prepared");
        table.row(&work, 1.05, 1.10, fastest(ours, with_set_up), "ns", "the bare calls, with key set-up");
    }
}

fn prepare(secret: &str) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret.as_bytes()).expect("a key of any length")
}

fn verified_by_hand(key: &Hmac<Sha256>, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Option<()> {
    let text = |name| headers.get(name)?.to_str().ok();
    let date = text("x-ms-date")?;
    let hash = text("x-ms-content-sha256")?;
    let authorization = text("authorization").or(text("x-vipps-authorization"))?;
    let signature =
        authorization.strip_prefix("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=")?;
    let signed_at = DateTimeParser::new().parse_timestamp(date).ok()?;
    let mut expected = [0; 44];
    BASE64.encode_slice(Sha256::digest(body), &mut expected).ok()?;
    if expected != hash.as_bytes() {
        return None;
    }
    let mut decoded = [0; 33];
    let length = BASE64.decode_slice(signature, &mut decoded).ok()?;
    let mut mac = key.clone();
    for part in ["POST\n/hooks/vipps\n", date, ";shop.example;", hash] {
        mac.update(part.as_bytes());
    }
    mac.verify_slice(decoded.get(..length)?).ok()?;
    (now.duration_since(signed_at).unsigned_abs() <= Duration::from_secs(300)).then_some(())
}

fn decode(table: &mut Table) {
    let name = mipos::EventName::Order;
    let json = name.examples()[0].json;
    compare::<_, Order>(table, "a miPOS order", json, |json| mipos::Event::decode(&name, json));
    // Its payload is free-form.
    let name = mypos::EventName::PosPaymentCompleted;
    let json = name.examples()[0].json;
    compare::<_, Box<RawValue>>(table, "a myPOS payment", json, |json| mypos::Event::decode(&name, json));
    let name = dealpos::EventName::PaymentCreated;
    let json = name.examples()[0].json;
    compare::<_, CreatedPayment>(table, "a DealPOS payment", json, |json| dealpos::Event::decode(&name, json));
    let name = vipps::EventName::EpaymentsPaymentCapturedV1;
    let json = name.examples()[0].json;
    compare::<_, PaymentEvent>(table, "a Vipps payment", json, |json| vipps::Event::decode(&name, json));
}

fn compare<E, T: serde::de::DeserializeOwned>(
    table: &mut Table,
    what: &str,
    json: &str,
    decode: impl Fn(&[u8]) -> Result<E, pos_webhooks::DecodeError>,
) {
    let json = json.as_bytes();
    let ours = || decode(black_box(json)).expect("a documented payload");
    let by_hand = || serde_json::from_slice::<T>(black_box(json)).expect("a documented payload");
    let work = format!("decode {what}, {} B", json.len());
    table.row(&work, 1.15, 1.25, fastest(ours, by_hand), "ns", "a struct written by hand");
}

fn identify_and_decode(table: &mut Table) {
    let receiver = vipps::Receiver::new(URL, [SECRET]).expect("a receiver");
    let json = vipps::EventName::EpaymentsPaymentCapturedV1.examples()[0].json.as_bytes();
    let ours = || receiver.decode(black_box(json)).expect("a documented payload");
    let by_hand = || serde_json::from_slice::<PaymentEvent>(black_box(json)).expect("a documented payload");
    let work = "identify and decode a Vipps payment";
    table.row(work, 1.1, 1.15, fastest(ours, by_hand), "ns", "decoding a struct written by hand");
    // Of a type that fewer events have.
    let json = vipps::EventName::RecurringChargeCapturedV1.examples()[0].json.as_bytes();
    let ours = || receiver.decode(black_box(json)).expect("a documented payload");
    let name = vipps::EventName::RecurringChargeCapturedV1;
    let decode = || vipps::Event::decode(&name, black_box(json)).expect("a documented payload");
    let work = "identify and decode a Vipps charge";
    table.row(work, 2.0, 2.2, fastest(ours, decode), "ns", "decoding it alone");
}

fn receive(table: &mut Table) {
    let name = mipos::EventName::Order;
    let body = name.examples()[0].json;
    let receiver = mipos::Receiver::new(name.clone(), [SECRET]).expect("a receiver");
    let request = delivery("/", body, mipos::sign(&name, &SECRET.into(), body.as_bytes()).expect("a signature"));
    let parts = || {
        receiver.verify(request.headers(), request.body()).expect("genuine");
        receiver.decode(request.body()).expect("a documented payload")
    };
    let ours = || receiver.receive(black_box(&request)).expect("genuine");
    received(table, "a miPOS order", (1.05, 1.10), ours, parts, "verifying and decoding");

    let name = mypos::EventName::PosPaymentCompleted;
    let body = name.examples()[0].json;
    let receiver = mypos::Receiver::new([SECRET]).expect("a receiver");
    let signed = mypos::sign(&name, &SECRET.into(), body.as_bytes(), Timestamp::now());
    let request = delivery("/", body, signed.expect("a signature"));
    let parts = || {
        receiver.verify(request.headers(), request.body()).expect("genuine");
        let name = receiver.event_name(request.headers()).expect("a name");
        receiver.decode(&name, request.body()).expect("JSON")
    };
    let ours = || receiver.receive(black_box(&request)).expect("genuine");
    received(table, "a myPOS payment", (1.05, 1.10), ours, parts, "verifying and decoding");

    let name = dealpos::EventName::PaymentCreated;
    let body = name.examples()[0].json;
    let receiver = dealpos::Receiver::with_key(SECRET).expect("a receiver");
    let request = delivery("/hooks/paymentCreated", body, vec![("X-API-Key", SECRET.to_owned())]);
    let ours = || receiver.receive(black_box(&request)).expect("genuine");
    let decode = || dealpos::Event::decode(&name, black_box(request.body())).expect("a documented payload");
    received(table, "a DealPOS payment", (1.5, 1.55), ours, decode, "decoding alone");
}

/// Compares receiving, and counts its heap allocations.
fn received<A, B>(
    table: &mut Table,
    what: &str,
    (goal, limit): (f64, f64),
    receive: impl Fn() -> A,
    other: impl Fn() -> B,
    compared: &str,
) {
    let allocations = allocation_counter::measure(|| drop(black_box(receive()))).count_total;
    let work = format!("receive {what} ({allocations} allocations)");
    table.row(&work, goal, limit, fastest(receive, other), "ns", compared);
}

fn receive_vipps(table: &mut Table) {
    let body = vipps::EventName::EpaymentsPaymentCapturedV1.examples()[0].json;
    let receiver = vipps::Receiver::new(URL, [SECRET]).expect("a receiver").replay_window(Duration::from_secs(3600));
    let signed = vipps::sign(URL, &SECRET.into(), body.as_bytes(), Timestamp::now()).expect("a signature");
    let headers: BTreeMap<_, _> = signed.iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    let given = serde_json::json!({
        "url": URL,
        "secret": SECRET,
        "headers": headers,
        "body": body,
    });
    let request = delivery("/hooks/vipps", body, signed);
    let key = prepare(SECRET);
    let ours = || receiver.receive(black_box(&request)).expect("genuine");
    let by_hand = || {
        let (headers, body) = (request.headers(), black_box(*request.body()));
        verified_by_hand(&key, headers, body, Timestamp::now()).expect("genuine");
        serde_json::from_slice::<PaymentEvent>(body).expect("a documented payload")
    };
    received(table, "a Vipps payment", (1.1, 1.15), ours, by_hand, "the same by hand, without identifying the event");
    for (peer, limit, compared) in [
        (&peer::NODE_RECEIVE, 0.28, "Node: crypto and `JSON.parse`"),
        (&peer::PYTHON_RECEIVE, 0.22, "Python: hmac and pydantic"),
    ] {
        let work = "receive a Vipps payment";
        let before = fastest(ours, ours).0;
        match peer.run(&given.to_string()) {
            Ok(other) => table.row(work, 0.22, limit, (before.min(fastest(ours, ours).0), other), "ns", compared),
            Err(why) => table.skipped(work, &why),
        }
    }
}

fn delivery(path: &str, body: &'static str, headers: Vec<(&'static str, String)>) -> Request<&'static [u8]> {
    let mut request = Request::post(path).body(body.as_bytes()).expect("a request");
    *request.headers_mut() = map(headers);
    request
}

/// As a server gives them: with the headers that every request has.
fn map(headers: Vec<(&'static str, String)>) -> HeaderMap {
    let every = ["user-agent", "accept", "content-type", "content-length", "x-request-id", "x-forwarded-for"];
    let every = every.map(|name| (name, "application/json".to_owned()));
    let header = |(name, value): (&str, String)| {
        (HeaderName::from_bytes(name.as_bytes()).expect("a name"), value.parse().expect("a value"))
    };
    every.into_iter().chain(headers).map(header).collect()
}

#[allow(dead_code, reason = "only decoded")]
#[derive(Deserialize)]
struct Order {
    external_id: String,
    created_at: String,
    total: i64,
    customer: String,
    store_id: Option<String>,
    external_store_id: Option<String>,
    order_number: String,
    instructions: String,
    items: Vec<OrderItem>,
    discount_value: i64,
    delivery_id: i64,
}

#[allow(dead_code, reason = "only decoded")]
#[derive(Deserialize)]
struct OrderItem {
    external_id: String,
    name: String,
    quantity: i64,
    unit_value: i64,
    total_unit_value: i64,
    total_value: i64,
    instructions: String,
    modifiers: Vec<OrderModifier>,
}

#[allow(dead_code, reason = "only decoded")]
#[derive(Deserialize)]
struct OrderModifier {
    external_id: String,
    name: String,
    quantity: i64,
    unit_value: i64,
    total_value: i64,
}

#[allow(dead_code, reason = "only decoded")]
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreatedPayment {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "InvoiceID")]
    invoice_id: String,
    outlet: String,
    number: String,
    amount: f64,
    method: String,
    date: String,
    created: String,
    creator: String,
    #[serde(rename = "CreatorID")]
    creator_id: Option<String>,
}

#[allow(dead_code, reason = "only decoded")]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PaymentEvent {
    msn: String,
    reference: String,
    psp_reference: String,
    name: String,
    amount: Amount,
    timestamp: String,
    idempotency_key: Option<String>,
    success: bool,
    shipping_details: Option<ShippingDetails>,
    user_details: Option<UserDetails>,
    sub: Option<String>,
    capture_guaranteed_until: Option<String>,
}

#[allow(dead_code, reason = "only decoded")]
#[derive(Deserialize)]
struct Amount {
    value: f64,
    currency: String,
}

#[allow(dead_code, reason = "only decoded")]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShippingDetails {
    address: Address,
    shipping_cost: f64,
    shipping_option_id: String,
    shipping_option_name: String,
}

#[allow(dead_code, reason = "only decoded")]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserDetails {
    email: Option<String>,
    first_name: Option<String>,
    last_name: Option<String>,
    mobile_number: Option<String>,
    date_of_birth: Option<String>,
    addresses: Option<Vec<Address>>,
}

#[allow(dead_code, reason = "only decoded")]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    address_line1: String,
    address_line2: Option<String>,
    city: String,
    country: String,
    post_code: String,
}
