//! Compares strict validation with the necessary calls, as ratios from one run.
//!
//! `cargo bench --bench validate`. The other side parses the same bytes, and asks a validator that was prepared beforehand and
//! knows the formats of draft-07 and HTTP dates, whose form it does not look at.

mod table;

use std::hint::black_box;
use std::process::ExitCode;

use jiff::fmt::rfc2822::DateTimeParser;
use jsonschema::Validator;
use pos_webhooks::catalogue::Provider;
use pos_webhooks::validate::{Invalid, MAX_VIOLATIONS};
use pos_webhooks::{dealpos, mipos, mypos, vipps};
use serde_json::Value;
use table::{Table, fastest};

fn main() -> ExitCode {
    let mut table = Table::new();
    // Most of the time of the list is that of its HTTP dates, which both sides parse.
    let payloads: [(&str, &'static Provider, &str, f64); 4] = [
        ("a miPOS order", &mipos::PROVIDER, "ORDER", 0.65),
        ("a myPOS list of webhooks", &mypos::PROVIDER, "WebhookList", 0.75),
        ("a DealPOS payment", &dealpos::PROVIDER, "paymentCreated", 0.65),
        ("a Vipps payment", &vipps::PROVIDER, "epayments.payment.captured.v1", 0.65),
    ];
    for (what, provider, name, limit) in payloads {
        let body = provider.bodies().find(|body| body.schema == name).expect("a documented body");
        let json = body.examples.last().expect("an example").json.as_bytes();
        let validator = validator(provider, name);
        let ours = || provider.validate(name, black_box(json)).is_ok();
        let by_calls = || validator.is_valid(&parsed(black_box(json)));
        assert!(ours() && by_calls());
        let work = format!("validate {what}, {} B", json.len());
        table.row(&work, 0.6, limit, fastest(ours, by_calls), "ns", "`Value` and jsonschema");
    }
    violations(&mut table);
    table.end()
}

/// A miPOS order with many items, each of which has another type than documented.
fn violations(table: &mut Table) {
    let validator = validator(&mipos::PROVIDER, "ORDER");
    let body = mipos::PROVIDER.bodies().find(|body| body.schema == "ORDER").expect("a documented body");
    let mut order = parsed(body.examples.last().expect("an example").json.as_bytes());
    order["items"] = vec![Value::from(0); MAX_VIOLATIONS].into();
    let json = order.to_string();
    let ours = || match mipos::PROVIDER.validate("ORDER", black_box(json.as_bytes())) {
        Err(Invalid::Violations(violations)) => violations.len(),
        _ => 0,
    };
    let by_calls = || {
        let value = parsed(black_box(json.as_bytes()));
        let errors = validator.iter_errors(&value);
        errors.map(|error| (error.instance_path().to_string(), error.to_string())).collect::<Vec<_>>().len()
    };
    assert!(ours() == MAX_VIOLATIONS && by_calls() == MAX_VIOLATIONS);
    let mut best = (f64::INFINITY, f64::INFINITY);
    for _ in 0..if table::is_measured() { 30 } else { 1 } {
        best = (best.0.min(milliseconds(ours)), best.1.min(milliseconds(by_calls)));
    }
    let work = "find 10,000 violations in a miPOS order";
    table.row(work, 2.0, 2.2, best, "ms", "`Value` and `iter_errors`, with the place and the text of each");
}

fn validator(provider: &'static Provider, name: &str) -> Validator {
    let schema = provider.json_schema(name).expect("a schema");
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft7)
        .should_validate_formats(true)
        .with_format("http-date", |text: &str| DateTimeParser::new().parse_timestamp(text).is_ok())
        .build(&schema)
        .expect("a usable schema")
}

fn parsed(json: &[u8]) -> Value {
    serde_json::from_slice(json).expect("JSON")
}

fn milliseconds<T>(call: impl Fn() -> T) -> f64 {
    let start = std::time::Instant::now();
    black_box(call());
    start.elapsed().as_secs_f64() * 1e3
}
