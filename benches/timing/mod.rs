//! Two sides measured in alternating batches, so that both see the same machine; of each the fastest batch counts.

use std::hint::black_box;
use std::time::Instant;

const BATCHES: usize = 100;
const CALLS: u32 = 1_000;

/// Nanoseconds per call of each side.
pub fn fastest<A, B>(mut a: impl FnMut() -> A, mut b: impl FnMut() -> B) -> (f64, f64) {
    // `cargo test --benches` only checks that the benchmark runs.
    let batches = if std::env::args().any(|argument| argument == "--bench") { BATCHES } else { 1 };
    let mut best = (f64::INFINITY, f64::INFINITY);
    for _ in 0..batches {
        best = (best.0.min(batch(&mut a)), best.1.min(batch(&mut b)));
    }
    best
}

fn batch<T>(call: &mut impl FnMut() -> T) -> f64 {
    let start = Instant::now();
    for _ in 0..CALLS {
        black_box(call());
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}
