//! Compares strict validation with the necessary calls, as a ratio from one run.
//!
//! `cargo bench --bench validate`: per documented payload, batches of both sides alternate, and the fastest batch of each
//! is compared. The reference parses the same bytes and asks a validator that was prepared beforehand and knows the same
//! formats; it parses an HTTP date and does not look at its form.

mod timing;

use std::hint::black_box;

use jiff::fmt::rfc2822::DateTimeParser;
use pos_webhooks::catalogue::Provider;
use pos_webhooks::{dealpos, mipos, mypos, vipps};

fn main() {
    let payloads: [(&'static Provider, &str); 4] = [
        (&mipos::PROVIDER, "ORDER"),
        (&mypos::PROVIDER, "WebhookList"),
        (&dealpos::PROVIDER, "paymentCreated"),
        (&vipps::PROVIDER, "epayments.payment.captured.v1"),
    ];
    println!("{:<38} {:>9} {:>9} {:>6}", "payload", "ours", "reference", "ratio");
    for (provider, name) in payloads {
        let body = provider.bodies().find(|body| body.schema == name).expect("a documented body");
        let json = body.examples.last().expect("an example").json.as_bytes();
        let document = provider.json_schema(name).expect("a schema");
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft7)
            .should_validate_formats(true)
            .with_format("http-date", |text: &str| DateTimeParser::new().parse_timestamp(text).is_ok())
            .build(&document)
            .expect("a usable schema");
        let ours = || provider.validate(name, black_box(json)).is_ok();
        let reference = || {
            let value: serde_json::Value = serde_json::from_slice(black_box(json)).expect("JSON");
            validator.is_valid(&value)
        };
        assert!(ours() && reference());
        let (ours, reference) = timing::fastest(ours, reference);
        let title = format!("{} {name}", provider.name);
        println!("{title:<38} {ours:>6.0} ns {reference:>6.0} ns {:>6.3}", ours / reference);
    }
}
