//! Compares reading a provider's description with parsing the same text as a JSON value, as a ratio from one run.
//!
//! `cargo bench --bench description`. A description stays in memory once it is read, so each side is called only a few hundred
//! times.

use std::hint::black_box;
use std::time::Instant;

use pos_webhooks::catalogue::Provider;

fn main() {
    println!("{:<24} {:>9} {:>9} {:>6}  at most", "", "ours", "Value", "ratio");
    for (name, text) in [
        ("mipos", include_str!(concat!(env!("OUT_DIR"), "/mipos.json"))),
        ("mypos", include_str!(concat!(env!("OUT_DIR"), "/mypos.json"))),
        ("dealpos", include_str!(concat!(env!("OUT_DIR"), "/dealpos.json"))),
        ("vipps", include_str!(concat!(env!("OUT_DIR"), "/vipps.json"))),
    ] {
        let ours = || Provider::read(black_box(text)).expect("a description").events.len();
        let value = || serde_json::from_str::<serde_json::Value>(black_box(text)).expect("JSON");
        // `cargo test --benches` only checks that the benchmark runs.
        let calls = if std::env::args().any(|argument| argument == "--bench") { 300 } else { 1 };
        let mut best = (f64::INFINITY, f64::INFINITY);
        for _ in 0..calls {
            best = (best.0.min(microseconds(ours)), best.1.min(microseconds(value)));
        }
        let title = format!("{name}, {} KiB", text.len() / 1024);
        println!("{title:<24} {:>6.0} us {:>6.0} us {:>6.3}  0.50", best.0, best.1, best.0 / best.1);
    }
}

fn microseconds<T>(call: impl Fn() -> T) -> f64 {
    let start = Instant::now();
    black_box(call());
    start.elapsed().as_secs_f64() * 1e6
}
