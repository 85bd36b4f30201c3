#![no_main]

#[allow(dead_code, reason = "each target runs one of the functions")]
#[path = "../../tests/fuzz/targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|input: &[u8]| targets::specification(input));
