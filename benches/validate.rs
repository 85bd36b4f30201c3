//! Strict validation against the calls that it cannot avoid, as a ratio from one run.
//!
//! `cargo bench --bench validate`: per documented payload, batches of both sides alternate, and the fastest batch of each
//! is compared. The reference parses the same bytes and asks a validator that was prepared beforehand.

use std::hint::black_box;
use std::time::{Duration, Instant};

use pos_webhooks::catalogue::Provider;
use pos_webhooks::{dealpos, mipos, mypos, vipps};

const BATCHES: usize = 60;
const CALLS: u32 = 2_000;

fn main() {
    // `cargo test --benches` only wants to know that it runs.
    let batches = if std::env::args().any(|argument| argument == "--bench") { BATCHES } else { 1 };
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
            .build(&document)
            .expect("a usable schema");
        let ours = || provider.validate(name, black_box(json)).is_ok();
        let reference = || {
            let value: serde_json::Value = serde_json::from_slice(black_box(json)).expect("JSON");
            validator.is_valid(&value)
        };
        assert!(ours() && reference());
        let (ours, reference) = fastest(batches, ours, reference);
        let ratio = ours.as_secs_f64() / reference.as_secs_f64();
        println!("{:<38} {ours:>9.0?} {reference:>9.0?} {ratio:>6.3}", format!("{} {name}", provider.name));
    }
}

/// The fastest batch of each side, per call.
fn fastest(batches: usize, mut a: impl FnMut() -> bool, mut b: impl FnMut() -> bool) -> (Duration, Duration) {
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..batches {
        best = (best.0.min(batch(&mut a)), best.1.min(batch(&mut b)));
    }
    (best.0 / CALLS, best.1 / CALLS)
}

fn batch(call: &mut impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    for _ in 0..CALLS {
        black_box(call());
    }
    start.elapsed()
}
