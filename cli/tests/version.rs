//! `--version` says what the program was built from, and `-V` only its version.

#[path = "cli/run.rs"]
mod run;

use std::fs;
use std::process::Command;

use pos_webhooks::PROVIDERS;

use crate::run::{command, directory, feed, run};

const SHORT: &str = concat!("pos-webhooks ", env!("CARGO_PKG_VERSION"));

#[test]
fn the_short_form_is_one_line() {
    let done = run(&["-V"]);
    assert_eq!((done.status, done.out), (0, format!("{SHORT}\n")));
}

#[test]
fn the_long_form_has_the_commit_and_the_features() {
    let text = run(&["--version"]).out;
    assert_eq!(text.lines().next(), Some(SHORT));
    let git = Command::new("git").args(["rev-parse", "HEAD"]).output();
    let is_checkout = Command::new("git").args(["ls-files", "--error-unmatch", "build.rs"]).output();
    if let (Ok(git), true) = (git, is_checkout.is_ok_and(|output| output.status.success())) {
        let commit = String::from_utf8(git.stdout).unwrap();
        assert!(text.contains(&format!("\ncommit:   {commit}")), "{commit}: {text}");
    }
    let line = text.lines().find_map(|line| line.strip_prefix("features: ")).unwrap();
    let features: Vec<_> = line.split(", ").collect();
    for (feature, is_on) in [
        ("providers", cfg!(feature = "providers")),
        ("postgres", cfg!(feature = "postgres")),
        ("nats", cfg!(feature = "nats")),
    ] {
        assert_eq!(features.contains(&feature), is_on, "{text}");
    }
}

#[test]
fn the_long_form_has_each_document_with_its_dates() {
    let text = run(&["--version"]).out;
    for provider in PROVIDERS.iter() {
        let line = text.lines().find(|line| line.trim_start().starts_with(provider.name)).unwrap();
        assert!(line.contains(provider.title) && line.contains(&format!("version {}", provider.version)), "{line}");
        let dates = provider.sources.iter().filter_map(|source| source.date.or(source.read));
        assert!(dates.max().is_none_or(|newest| line.contains(newest)), "{line}");
    }
    let folder = directory("version");
    fs::write(folder.join("acme.yaml"), run(&["init", "acme", "--output", "-"]).out).unwrap();
    let mut command = command(&["--version", "--spec", "acme.yaml"]);
    command.current_dir(&folder);
    assert!(feed(command, b"").out.contains("\n  acme "));
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_written_is_an_error() {
    for arguments in [
        &["--version"][..],
        &["-V"],
        &["--help"],
        &["-h"],
        &["help", "hooks"],
        &["try", "--help"],
        &["hooks", "vipps", "create", "--help"],
        &["completions", "bash"],
        &["schema", "vipps"],
    ] {
        let mut command = command(arguments);
        command.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
        let done = feed(command, b"");
        assert_eq!(done.status, 2, "{arguments:?}: {}", done.err);
        assert!(done.err.starts_with("error: standard output: "), "{arguments:?}: {}", done.err);
    }
}
