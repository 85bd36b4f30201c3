//! Checks the metadata of the package and its README.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn metadata() -> Value {
    let arguments = ["metadata", "--format-version", "1", "--all-features", "--locked"];
    let output = Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `1.88` and `1.88.0` alike.
fn version(text: &str) -> Vec<u32> {
    let mut numbers: Vec<u32> = text.split('.').map(|part| part.parse().unwrap()).collect();
    numbers.resize(3, 0);
    numbers
}

/// Ids of the packages of this workspace.
fn members(metadata: &Value) -> Vec<&str> {
    metadata["workspace_members"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect()
}

/// Ids of the packages that a user of the crate builds, without what only its tests need.
fn built(metadata: &Value) -> Vec<&str> {
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let mut built = members(metadata);
    let mut next = 0;
    while let Some(id) = built.get(next) {
        next += 1;
        let node = nodes.iter().find(|node| node["id"] == **id).unwrap();
        for dependency in node["deps"].as_array().unwrap() {
            let kinds = dependency["dep_kinds"].as_array().unwrap();
            let id = dependency["pkg"].as_str().unwrap();
            if kinds.iter().any(|kind| kind["kind"] != "dev") && !built.contains(&id) {
                built.push(id);
            }
        }
    }
    built
}

#[test]
fn the_minimum_rust_version_is_that_of_the_dependencies() {
    let metadata = metadata();
    let built = built(&metadata);
    let packages = metadata["packages"].as_array().unwrap().iter();
    let packages = packages.filter(|package| built.contains(&package["id"].as_str().unwrap()));
    let highest = packages
        .filter(|package| !members(&metadata).contains(&package["id"].as_str().unwrap()))
        .filter_map(|package| Some((version(package["rust_version"].as_str()?), package["name"].as_str()?)))
        .max()
        .unwrap();
    assert_eq!(version(env!("CARGO_PKG_RUST_VERSION")), highest.0, "because of {}", highest.1);
}

#[test]
fn dependencies_that_determine_the_generated_surface_are_pinned() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let own = packages.iter().filter(|package| members(&metadata).contains(&package["id"].as_str().unwrap()));
    let dependencies: Vec<&Value> = own.flat_map(|package| package["dependencies"].as_array().unwrap()).collect();
    for name in ["progenitor", "progenitor-client", "typify", "openapiv3"] {
        let mut requirements = dependencies.iter().filter(|dependency| dependency["name"] == name).peekable();
        assert!(requirements.peek().is_some(), "{name}");
        assert!(requirements.all(|dependency| dependency["req"].as_str().unwrap().starts_with('=')), "{name}");
    }
    let of_generator = |dependency: &&&Value| dependency["rename"] == "schemars08";
    assert!(dependencies.iter().find(of_generator).unwrap()["req"].as_str().unwrap().starts_with('='));
}

#[test]
fn every_package_has_what_the_registry_shows() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap().iter();
    for package in packages.filter(|package| members(&metadata).contains(&package["id"].as_str().unwrap())) {
        let name = package["name"].as_str().unwrap();
        let texts = |key: &str| package[key].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
        for key in ["description", "license", "rust_version"] {
            assert!(!package[key].as_str().unwrap().is_empty(), "{name}: {key}");
        }
        assert!(package["documentation"].as_str().unwrap().starts_with("https://docs.rs/pos-webhooks"), "{name}");
        // The registry refuses other keywords, and ignores other categories.
        assert!((1..=5).contains(&texts("keywords").count()), "{name}");
        let is_keyword =
            |text: &str| text.len() <= 20 && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_+".contains(c));
        assert!(texts("keywords").all(is_keyword), "{name}");
        assert!((1..=5).contains(&texts("categories").count()), "{name}");
        let known =
            ["api-bindings", "command-line-utilities", "development-tools::build-utils", "finance", "web-programming"];
        assert!(texts("categories").all(|category| known.contains(&category)), "{name}");
        let readme = Path::new(package["manifest_path"].as_str().unwrap()).with_file_name("README.md");
        let readme = std::fs::read_to_string(readme).unwrap();
        assert!(readme.starts_with(&format!("# {name}\n")) || name == env!("CARGO_PKG_NAME"), "{name}");
    }
}

#[test]
fn packages_have_what_a_build_needs_and_no_tests() {
    for (name, needed) in [
        ("pos-webhooks", &["build.rs", "src/lib.rs", "specs/vipps.yaml", "docs/own-provider.md"][..]),
        ("pos-webhooks-build", &["src/lib.rs", "src/lint/mod.rs"]),
        ("pos-webhooks-cli", &["build.rs", "src/main.rs"]),
    ] {
        let arguments = ["package", "--list", "--allow-dirty", "--locked", "--offline", "-p", name];
        let output =
            Command::new(env!("CARGO")).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let files: Vec<&str> = text.lines().collect();
        for file in needed.iter().chain(&["Cargo.toml", "README.md", "LICENSE-MIT", "LICENSE-APACHE"]) {
            assert!(files.contains(file), "{name} without {file}");
        }
        let unneeded =
            |file: &&&str| ["tests/", "benches/", "fuzz/"].iter().any(|directory| file.starts_with(directory));
        assert_eq!(files.iter().find(unneeded), None, "{name}");
    }
}

#[test]
#[cfg(feature = "dealpos")]
fn the_readme_validates_the_documented_payload() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/payloads/documented.json");
    let file: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let examples = pos_webhooks::dealpos::EventName::PaymentCreated.examples();
    let example = examples.iter().find(|example| example.name == "original").unwrap();
    let documented: Value = serde_json::from_str(example.json).unwrap();
    assert_eq!(file, documented);
}
