//! The specifications in `tests/signatures/`, as providers.

use std::path::{Path, PathBuf};

use pos_webhooks::catalogue::Provider;

/// A file in `tests/signatures/`.
pub fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/signatures").join(name)
}

/// What `NAME.yaml` says, which is a specification without findings.
pub fn provider(name: &str) -> &'static Provider {
    let file_name = format!("{name}.yaml");
    let text = std::fs::read_to_string(file(&file_name)).unwrap();
    let generated = pos_webhooks_build::generate(name, &file_name, &text);
    let description = generated.unwrap_or_else(|findings| panic!("{findings:#?}")).description;
    Provider::read(&description).unwrap()
}
