//! The rows of the table in docs/speed.md: each compares two sides that were measured in turn in one run.
//!
//! A row has a goal, and a limit above which the benchmark ends with an error: the goal and the noise of the measurement or,
//! where the goal cannot be reached, what is reached and the noise.

#![allow(dead_code, reason = "no benchmark needs all of it")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

const BATCHES: usize = 100;
const CALLS: u32 = 1_000;

/// Whether this is a measurement. `cargo test --benches` only checks that the benchmark runs.
pub fn is_measured() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// Prints rows, and remembers whether one is above its limit.
pub struct Table {
    is_missed: bool,
}

impl Table {
    pub fn new() -> Self {
        println!("| work | ratio | goal | limit | ours | compared with |");
        println!("| --- | --- | --- | --- | --- | --- |");
        Self { is_missed: false }
    }

    /// Adds a row: `goal` and `limit` of the ratio of ours to the other side, both in the same unit.
    pub fn row(&mut self, work: &str, goal: f64, limit: f64, (ours, other): (f64, f64), unit: &str, compared: &str) {
        let ratio = ours / other;
        let mark = match () {
            () if ratio <= goal => "",
            () if ratio <= limit => ", above the goal",
            () => ", **above the limit**",
        };
        let digits = if other < 100.0 { 2 } else { 0 };
        println!(
            "| {work} | {ratio:.2}{mark} | {goal:.2} | {limit:.2} | {ours:.digits$} {unit} | {compared}, {other:.digits$} {unit} |"
        );
        self.is_missed |= mark.contains("limit");
    }

    /// Adds a row without a goal.
    pub fn stated(&self, work: &str, (ours, other): (f64, f64), unit: &str, compared: &str) {
        println!("| {work} | {:.2} | | | {ours:.2} {unit} | {compared}, {other:.2} {unit} |", ours / other);
    }

    /// Adds a row for work that cannot be measured here, and says why.
    pub fn skipped(&self, work: &str, why: &str) {
        println!("| {work} | not measured: {why} | | | | |");
    }

    /// An error if a row is above its limit, and the benchmark was measured.
    pub fn end(self) -> ExitCode {
        if self.is_missed && is_measured() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// Nanoseconds per call of each side: that of the fastest of the batches, which alternate so that both see the same machine.
pub fn fastest<A, B>(mut a: impl FnMut() -> A, mut b: impl FnMut() -> B) -> (f64, f64) {
    let mut best = (f64::INFINITY, f64::INFINITY);
    for _ in 0..if is_measured() { BATCHES } else { 1 } {
        best = (best.0.min(batch(&mut a)), best.1.min(batch(&mut b)));
    }
    best
}

fn batch<T>(call: &mut impl FnMut() -> T) -> f64 {
    let calls = if is_measured() { CALLS } else { 1 };
    let start = Instant::now();
    for _ in 0..calls {
        black_box(call());
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
}
