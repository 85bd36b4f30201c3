//! Compares receiving with the same necessary calls, written by hand, as ratios from one run.
//!
//! `cargo bench --bench receive`. The bodies are examples of the specifications. The allocator counts, on both sides.

mod timing;

use std::borrow::Cow;
use std::hint::black_box;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, Request};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use pos_webhooks::{dealpos, mipos, mypos, vipps};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use timing::fastest;

const URL: &str = "https://shop.example/hooks/vipps";
const SECRET: &str = "A0+AeKBRG2KRGvnNwJpQlb6IJFk48CKXCIcrLoHncVJKDILsQSxS6NWCccwWm6r6FhGKhiHTBsG2wo/xU6FY/A==";

fn main() {
    println!("{:<44} {:>9} {:>9} {:>6}  at most", "", "ours", "by hand", "ratio");
    verify();
    decode();
    identify_and_decode();
    receive();
    for_scale();
}

fn row<A, B>(name: &str, limit: &str, ours: impl FnMut() -> A, by_hand: impl FnMut() -> B) {
    let (ours, by_hand) = fastest(ours, by_hand);
    println!("{name:<44} {ours:>6.0} ns {by_hand:>6.0} ns {:>6.3}  {limit}", ours / by_hand);
}

fn verify() {
    for (size, length) in [("300 B", 300), ("10 KiB", 10 * 1024)] {
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
        // The parts that do not grow with the body weigh more in a small one.
        let prepared_limit = if length > 1024 { "1.05" } else { "" };
        row(&format!("verify, {size}, by hand with key set-up"), "1.05", ours, with_set_up);
        row(&format!("verify, {size}, keys prepared"), prepared_limit, ours, by_hand);
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

fn decode() {
    let name = mipos::EventName::Order;
    compare::<_, Order>("decode, mipos ORDER", name.examples()[0].json, |json| mipos::Event::decode(&name, json));
    // Its payload is free-form.
    let name = mypos::EventName::PosPaymentCompleted;
    compare::<_, Box<RawValue>>("decode, mypos pos.payment.completed", name.examples()[0].json, |json| {
        mypos::Event::decode(&name, json)
    });
    let name = dealpos::EventName::PaymentCreated;
    compare::<_, CreatedPayment>("decode, dealpos paymentCreated", name.examples()[0].json, |json| {
        dealpos::Event::decode(&name, json)
    });
    let name = vipps::EventName::EpaymentsPaymentCapturedV1;
    compare::<_, PaymentEvent>("decode, vipps …captured.v1", name.examples()[0].json, |json| {
        vipps::Event::decode(&name, json)
    });
}

fn compare<E, T: serde::de::DeserializeOwned>(
    title: &str,
    json: &str,
    decode: impl Fn(&[u8]) -> Result<E, pos_webhooks::DecodeError>,
) {
    let json = json.as_bytes();
    let ours = || decode(black_box(json)).expect("a documented payload");
    let by_hand = || serde_json::from_slice::<T>(black_box(json)).expect("a documented payload");
    row(title, "1.15", ours, by_hand);
}

fn identify_and_decode() {
    use vipps::EventName;
    let receiver = vipps::Receiver::new(URL, [SECRET]).expect("a receiver");
    let json = EventName::EpaymentsPaymentCapturedV1.examples()[0].json.as_bytes();
    let ours = || receiver.decode(black_box(json)).expect("a documented payload");
    // Only the payload names the event, so the code by hand has to identify it as well.
    let by_hand = || {
        let named: Named = serde_json::from_slice(black_box(json)).expect("a documented payload");
        assert!(named.name.as_deref() == Some("CAPTURED") && named.event_type.is_none());
        serde_json::from_slice::<PaymentEvent>(black_box(json)).expect("a documented payload")
    };
    row("identify and decode, vipps …captured.v1", "1.05", ours, by_hand);
}

fn receive() {
    let name = mipos::EventName::Order;
    let body = name.examples()[0].json;
    let receiver = mipos::Receiver::new(name.clone(), [SECRET]).expect("a receiver");
    let request = delivery("/", body, mipos::sign(&name, &SECRET.into(), body.as_bytes()).expect("a signature"));
    let parts = || {
        receiver.verify(request.headers(), request.body()).expect("genuine");
        receiver.decode(request.body()).expect("a documented payload")
    };
    received("mipos", || receiver.receive(black_box(&request)).expect("genuine"), parts);

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
    received("mypos", || receiver.receive(black_box(&request)).expect("genuine"), parts);

    let body = dealpos::EventName::PaymentCreated.examples()[0].json;
    let receiver = dealpos::Receiver::with_key(SECRET).expect("a receiver");
    let request = delivery("/hooks/paymentCreated", body, vec![("X-API-Key", SECRET.to_owned())]);
    let parts = || {
        receiver.verify(request.headers()).expect("genuine");
        let name = receiver.event_name(request.uri().path());
        receiver.decode(&name, request.body()).expect("a documented payload")
    };
    received("dealpos", || receiver.receive(black_box(&request)).expect("genuine"), parts);

    let body = vipps::EventName::EpaymentsPaymentCapturedV1.examples()[0].json;
    let receiver = vipps::Receiver::new(URL, [SECRET]).expect("a receiver").replay_window(Duration::from_secs(3600));
    let signed = vipps::sign(URL, &SECRET.into(), body.as_bytes(), Timestamp::now());
    let request = delivery("/hooks/vipps", body, signed.expect("a signature"));
    let parts = || {
        receiver.verify(request.headers(), request.body(), Timestamp::now()).expect("genuine");
        receiver.decode(request.body()).expect("a documented payload")
    };
    received("vipps", || receiver.receive(black_box(&request)).expect("genuine"), parts);
}

/// Compares receiving with its parts, and counts the heap allocations of receiving and of the event alone.
fn received<E>(provider: &str, receive: impl Fn() -> E, parts: impl Fn() -> E) {
    let counted = allocation_counter::measure(|| drop(black_box(receive())));
    let title = format!("receive, {provider}: {} allocations, {} bytes", counted.count_total, counted.bytes_total);
    row(&title, "1.05", receive, parts);
}

/// A strict receiver without this crate.
fn for_scale() {
    let name = vipps::EventName::EpaymentsPaymentCapturedV1;
    let json = name.examples()[0].json.as_bytes();
    let schema = vipps::PROVIDER.json_schema(name.as_str()).expect("a schema");
    let validator = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft7)
        .should_validate_formats(true)
        .build(&schema)
        .expect("a usable schema");
    let ours = || vipps::Event::decode(&name, black_box(json)).expect("a documented payload");
    let validated = || {
        let value: serde_json::Value = serde_json::from_slice(black_box(json)).expect("JSON");
        assert!(validator.is_valid(&value));
        serde_json::from_value::<vipps::models::PaymentEvent>(value).expect("a documented payload")
    };
    row("decode, vipps; Value, jsonschema, from_value", "", ours, validated);
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

/// The members that identify the events of Vipps.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    event_type: Option<IgnoredAny>,
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
