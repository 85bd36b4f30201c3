//! Runs the build script as cargo does, on valid and on broken specifications.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The build script of this build: the one that was compiled last before it was run. Cargo only gives tests the path of the
/// script's output.
fn build_script() -> PathBuf {
    let run = Path::new(env!("OUT_DIR")).with_file_name("output").metadata().and_then(|data| data.modified());
    let run = run.expect("the time of the run");
    let builds = Path::new(env!("OUT_DIR")).ancestors().nth(2).expect("the directory of all builds");
    let scripts = fs::read_dir(builds).expect("the builds").filter_map(|entry| {
        let directory = entry.expect("an entry").path();
        let is_own = directory.file_name()?.to_str()?.starts_with(env!("CARGO_PKG_NAME"));
        let script = directory.join(format!("build-script-build{}", std::env::consts::EXE_SUFFIX));
        let compiled = script.metadata().and_then(|data| data.modified()).ok()?;
        (is_own && compiled <= run).then_some((compiled, script))
    });
    scripts.max().expect("a compiled build script").1
}

/// Builds a package that has only this specification, under the name of one of ours.
fn build(directory: &str, spec: Option<&[u8]>) -> (Output, PathBuf) {
    let package = package(directory, &[]);
    let file = package.join("specs/vipps.yaml");
    match spec {
        Some(spec) => fs::write(file, spec).expect("a file"),
        None => fs::create_dir(file).expect("a directory in place of the file"),
    }
    run(&package, "CARGO_FEATURE_VIPPS")
}

/// A package with one specification under each of these names.
fn package(directory: &str, files: &[&str]) -> PathBuf {
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("build").join(directory);
    drop(fs::remove_dir_all(&package));
    fs::create_dir_all(package.join("specs")).expect("a directory");
    for file in files {
        fs::copy(specs().join("dealpos.yaml"), package.join("specs").join(file)).expect("a copy");
    }
    package
}

/// Builds a package with one feature.
fn run(package: &Path, feature: &str) -> (Output, PathBuf) {
    let out = package.join("out");
    fs::create_dir_all(&out).expect("a directory");
    let mut command = Command::new(build_script());
    command.current_dir(package).env_remove("CARGO_FEATURE_PROVIDERS").env("OUT_DIR", &out).env(feature, "1");
    (command.output().expect("the build script"), out)
}

fn specs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("specs")
}

/// The errors that cargo shows. Checks that the script printed nothing else.
fn errors(output: &Output) -> Vec<String> {
    let (errors, warnings) = messages(output);
    assert_eq!(warnings, Vec::<String>::new());
    errors
}

/// The errors and the warnings that cargo shows.
fn messages(output: &Output) -> (Vec<String>, Vec<String>) {
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "a panic or a stray message");
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for line in text.lines().filter(|line| *line != "cargo::rerun-if-changed=specs") {
        match (line.strip_prefix("cargo::error="), line.strip_prefix("cargo::warning=")) {
            (Some(error), _) => errors.push(error.to_owned()),
            (None, Some(warning)) => warnings.push(warning.to_owned()),
            (None, None) => panic!("{line}"),
        }
    }
    (errors, warnings)
}

#[cfg(feature = "lint")]
#[test]
fn a_broken_spec_is_an_error_with_its_place_and_never_a_panic() {
    let specs = Path::new(env!("CARGO_MANIFEST_DIR")).join("build/tests/lint");
    for entry in fs::read_dir(specs).expect("the broken specifications") {
        let path = entry.expect("an entry").path();
        let (output, out) = build("broken", Some(&fs::read(&path).expect("a file")));
        assert_eq!(output.status.code(), Some(0), "{}", path.display());
        let (errors, warnings) = messages(&output);
        // A document with warnings only is built, and cargo shows how many there are.
        if errors.is_empty() {
            let [warning] = &warnings[..] else { panic!("{}: {warnings:?}", path.display()) };
            assert!(
                warning.starts_with("specs/vipps.yaml: the lint has ") && warning.contains(" warning"),
                "{warning}"
            );
            assert_eq!(fs::read_dir(out).expect("the output").count(), 6, "{}", path.display());
            continue;
        }
        for error in errors {
            let place = error.strip_prefix("specs/vipps.yaml:").expect("the file");
            let numbers: Vec<&str> = place.splitn(3, ':').take(2).collect();
            assert!(numbers.iter().all(|number| number.parse::<u32>().is_ok()), "{error}");
        }
        assert_eq!(fs::read_dir(out).expect("the output").count(), 0, "{}", path.display());
    }
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    for spec in [None, Some(&b"openapi: \xff"[..])] {
        let (output, _) = build("unreadable", spec);
        assert_eq!(output.status.code(), Some(0));
        assert!(matches!(&errors(&output)[..], [error] if error.starts_with("specs/vipps.yaml: ")));
    }
}

#[test]
fn a_good_spec_is_generated_the_same_each_time() {
    let spec = fs::read(specs().join("vipps.yaml")).expect("the specification");
    let generated: BTreeSet<[Vec<u8>; 2]> = ["once", "again"]
        .map(|directory| {
            let (output, out) = build(directory, Some(&spec));
            assert_eq!(output.status.code(), Some(0));
            assert_eq!(errors(&output), Vec::<String>::new());
            assert_eq!(fs::read_dir(&out).expect("the output").count(), 6, "only what is enabled");
            let page = fs::read_to_string(out.join("vipps.md")).expect("the page");
            assert!(page.contains("```no_run\nuse"), "the examples of the library are compiled");
            ["vipps.rs", "vipps.json"].map(|file| fs::read(out.join(file)).expect("what is generated"))
        })
        .into();
    assert_eq!(generated.len(), 1);
}

#[test]
fn a_provider_is_enabled_by_its_feature_or_by_that_of_all() {
    let package = package("features", &["acme.yaml", "other_shop.yaml", "notes.txt", ".acme.yaml"]);
    for (feature, expected) in [
        ("CARGO_FEATURE_PROVIDERS", &["acme", "other_shop"][..]),
        ("CARGO_FEATURE_ACME", &["acme"]),
        ("CARGO_FEATURE_OTHER_SHOP", &["other_shop"]),
        ("CARGO_FEATURE_VIPPS", &[]),
    ] {
        drop(fs::remove_dir_all(package.join("out")));
        let (output, out) = run(&package, feature);
        assert_eq!((output.status.code(), errors(&output)), (Some(0), Vec::new()), "{feature}");
        let files = fs::read_dir(out).expect("the output").map(|entry| entry.expect("an entry").file_name());
        let files: BTreeSet<String> = files.map(|name| name.into_string().expect("UTF-8")).collect();
        let of_provider = |name: &&str| {
            ["rs", "json", "md", "without-client.md", "yaml"].map(|extension| format!("{name}.{extension}"))
        };
        let expected = expected.iter().flat_map(of_provider);
        assert_eq!(files, expected.chain(["_providers.rs".to_owned()]).collect(), "{feature}");
    }
}

#[test]
fn a_file_that_cannot_name_a_module_is_an_error() {
    let files = ["Acme.yaml", "acme-pay.yaml", "2pay.yaml", "match.yaml", "acme.v2.yaml"];
    let (output, out) = run(&package("names", &files), "CARGO_FEATURE_PROVIDERS");
    assert_eq!(output.status.code(), Some(0));
    let errors = errors(&output);
    assert_eq!(errors.len(), files.len(), "{errors:?}");
    for file in files {
        let start = format!("specs/{file}: the name of the file is not a valid name of a Rust module");
        assert!(errors.iter().any(|error| error.starts_with(&start)), "{errors:?}");
    }
    assert_eq!(fs::read_dir(out).expect("the output").count(), 0);
}
