//! Compares the time in which `pos-webhooks validate --ndjson` validates a million payments with that of ajv, as a ratio from one
//! run, and measures its memory.
//!
//! `cargo bench -p pos-webhooks-cli --bench validate`; it needs `npm install --prefix benches/peers`, and Linux for the memory.

#[path = "../../benches/peer/mod.rs"]
mod peer;
#[path = "../../benches/table/mod.rs"]
mod table;

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use pos_webhooks::dealpos;
use table::Table;

const SCHEMA: &str = "paymentCreated";

fn main() -> ExitCode {
    let count = if table::is_measured() { 1_000_000 } else { 100 };
    let mut table = Table::new();
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("payments.ndjson");
    payments(&file, count);
    let schema = dealpos::PROVIDER.json_schema(SCHEMA).expect("a schema");
    let given = serde_json::json!({ "schema": schema, "file": file, "valid": count });
    let work = format!("`validate --ndjson`, {count} DealPOS payments");
    let (mut best, mut peak) = (f64::INFINITY, 0);
    let mut ajv = Ok::<f64, String>(f64::INFINITY);
    for _ in 0..if table::is_measured() { 3 } else { 1 } {
        let (milliseconds, kib) = validate(&file);
        (best, peak) = (best.min(milliseconds), peak.max(kib));
        let again = peer::AJV_VALIDATE.run(&given.to_string());
        ajv = ajv.and_then(|before| Ok(before.min(again?)));
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    match ajv {
        Ok(ajv) => table.row(&work, 0.2, 0.22, (best, ajv), "ms", &format!("ajv, on one of {cores} cores")),
        Err(why) => table.skipped(&work, &why),
    }
    let memory = "the peak of its memory";
    table.row(memory, 1.0, 1.0, (f64::from(peak) / 1024.0, 32.0), "MiB", "32 MiB");
    fs::remove_file(file).expect("the file");
    table.end()
}

/// Writes payments of about 236 bytes that differ in their numbers.
fn payments(file: &Path, count: u32) {
    let body = dealpos::EventName::PaymentCreated;
    let example = body.examples().first().expect("an example").json;
    let example: serde_json::Value = serde_json::from_str(example).expect("JSON");
    let mut out = BufWriter::new(File::create(file).expect("a file"));
    for number in 0..count {
        let mut payment = example.clone();
        payment["Number"] = format!("P-{number:07}").into();
        payment["Amount"] = (f64::from(number) / 100.0).into();
        writeln!(out, "{payment}").expect("a disk");
    }
    out.flush().expect("a disk");
}

/// Milliseconds from the start to the end of the program, and the peak of its memory in KiB.
fn validate(file: &Path) -> (f64, u32) {
    let start = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    let command = command.args(["validate", "dealpos", SCHEMA, "--ndjson"]).arg(file).stdout(Stdio::null());
    let mut child = command.stderr(Stdio::null()).spawn().expect("the program");
    let mut peak = 0;
    let status = loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(kib.unwrap_or_default());
        match child.try_wait().expect("the program") {
            Some(status) => break status,
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    assert!(status.success(), "every payment is valid");
    (start.elapsed().as_secs_f64() * 1e3, peak)
}
