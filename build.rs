//! Generates one module per enabled provider from its OpenAPI document in `specs/`.

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    let has = |feature: &str| env::var_os(format!("CARGO_FEATURE_{}", feature.to_ascii_uppercase())).is_some();
    // So that a new provider need not be in the list of `providers` in Cargo.toml.
    pos_webhooks_build::run("specs", |provider| has("providers") || has(provider))
}
