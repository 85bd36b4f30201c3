//! Generates one module per enabled provider from its OpenAPI document in `specs/`.

use std::env;

fn main() {
    let has = |feature: &str| env::var_os(format!("CARGO_FEATURE_{}", feature.to_ascii_uppercase())).is_some();
    // With `providers`, a new provider is enabled although it is not in that feature's list in Cargo.toml.
    pos_webhooks_build::Builder::new().specs("specs").only(move |name| has("providers") || has(name)).run();
}
