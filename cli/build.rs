//! Finds the commit and the features for `--version`.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

const COMMIT: &str = "POS_WEBHOOKS_COMMIT";

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed={COMMIT}");
    let features = env::vars().filter_map(|(name, _)| Some(name.strip_prefix("CARGO_FEATURE_")?.to_ascii_lowercase()));
    let mut features: Vec<_> = features.collect();
    features.sort();
    println!("cargo:rustc-env=POS_WEBHOOKS_FEATURES={}", features.join(", "));
    if let Some(date) = checked_out().and_then(|_| git(&["show", "-s", "--format=%cs", "HEAD"])) {
        println!("cargo:rustc-env=POS_WEBHOOKS_DATE={date}");
    }
    // A packager can set the variable, which the program then reads by itself.
    if env::var_os(COMMIT).is_none()
        && let Some(commit) = packaged().or_else(checked_out)
    {
        println!("cargo:rustc-env={COMMIT}={commit}");
    }
}

/// The commit of a packaged crate.
fn packaged() -> Option<String> {
    let text = fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, rest) = text.split_once("\"sha1\"")?;
    rest.split('"').nth(1).filter(|commit| commit.bytes().all(|byte| byte.is_ascii_hexdigit())).map(str::to_owned)
}

/// The commit of a checkout, if this file is in it: a packaged crate can be in a repository of another project.
fn checked_out() -> Option<String> {
    git(&["ls-files", "--error-unmatch", "build.rs"])?;
    // This file changes with every commit and checkout. A file that does not exist would make every build dirty.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).exists() {
        println!("cargo:rerun-if-changed={log}");
    }
    git(&["rev-parse", "HEAD"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
