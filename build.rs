//! Generates one module per enabled provider from its OpenAPI document in `specs/`.

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    pos_webhooks_build::run("specs", |provider| {
        env::var_os(format!("CARGO_FEATURE_{}", provider.to_ascii_uppercase())).is_some()
    })
}
