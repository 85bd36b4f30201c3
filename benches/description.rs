//! Compares reading a provider's description, which happens once in a program, with parsing the same text as a JSON value.
//!
//! `cargo bench --bench description`.

mod table;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use pos_webhooks::catalogue::Provider;
use table::Table;

fn main() -> ExitCode {
    let mut table = Table::new();
    for (name, text) in [
        ("miPOS", include_str!(concat!(env!("OUT_DIR"), "/mipos.json"))),
        ("myPOS", include_str!(concat!(env!("OUT_DIR"), "/mypos.json"))),
        ("DealPOS", include_str!(concat!(env!("OUT_DIR"), "/dealpos.json"))),
        ("Vipps", include_str!(concat!(env!("OUT_DIR"), "/vipps.json"))),
    ] {
        let ours = || Provider::read(black_box(text)).expect("a description").events.len();
        let value = || serde_json::from_str::<serde_json::Value>(black_box(text)).expect("JSON");
        let mut best = (f64::INFINITY, f64::INFINITY);
        // A description that was read stays in memory.
        for _ in 0..if table::is_measured() { 300 } else { 1 } {
            best = (best.0.min(microseconds(ours)), best.1.min(microseconds(value)));
        }
        let work = format!("read the description of {name}, {} KiB, once in a program", text.len() / 1024);
        table.row(&work, 0.5, 0.5, best, "µs", "`serde_json::Value`");
    }
    table.end()
}

fn microseconds<T>(call: impl Fn() -> T) -> f64 {
    let start = Instant::now();
    black_box(call());
    start.elapsed().as_secs_f64() * 1e6
}
