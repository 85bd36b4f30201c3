//! `man` prints a manual page of every command, which `man` shows without warnings.

#![cfg(unix)]

#[path = "cli/run.rs"]
mod run;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::run::{command, directory, feed, run};

/// The pages of all commands, in a directory of the test's own.
fn pages(test: &str) -> Vec<PathBuf> {
    let folder = directory(test).join("man1");
    let _ = fs::remove_dir_all(&folder);
    let done = run(&["man", "--directory", folder.to_str().unwrap()]);
    assert_eq!((done.status, done.out.as_str(), done.err.as_str()), (0, "", ""));
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_command_has_a_page() {
    let files = pages("man pages");
    let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
    for name in ["pos-webhooks.1", "pos-webhooks-verify.1", "pos-webhooks-hooks-vipps-create.1", "pos-webhooks-man.1"] {
        assert!(names.contains(&name), "{names:?}");
    }
    // These commands only report what to use instead.
    assert!(!names.contains(&"pos-webhooks-hooks-vipps-update.1"), "{names:?}");
    // The page alone is the same.
    let page = run(&["man", "hooks", "vipps", "create"]).out;
    let file = files.iter().find(|file| file.ends_with("pos-webhooks-hooks-vipps-create.1")).unwrap();
    assert_eq!(page, fs::read_to_string(file).unwrap());
    assert!(run(&["man"]).out.contains(".TH pos-webhooks 1"));
}

#[test]
fn a_page_does_not_depend_on_the_terminal() {
    let wide = |width: &str| {
        let mut command = command(&["man", "verify"]);
        command.env("COLUMNS", width);
        feed(command, b"").out
    };
    assert_eq!(wide("60"), wide("200"));
}

#[test]
fn an_unknown_command_is_an_error_with_a_suggestion() {
    let done = run(&["man", "hooks", "vips"]);
    assert_eq!((done.status, done.out.as_str()), (2, ""));
    assert!(done.err.contains("does not have a command `vips`; did you mean `vipps`?"), "{}", done.err);
}

#[test]
fn man_shows_every_page_without_warnings() {
    let is_installed = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !is_installed("groff") {
        return;
    }
    for file in pages("man warnings") {
        let mut groff = Command::new("groff");
        groff.args(["-man", "-Tutf8", "-k", "-ww", "-P-cbou"]).arg(&file);
        groff.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let done = feed(groff, b"");
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{}", file.display());
        assert!(done.out.contains("SYNOPSIS"), "{}: {}", file.display(), done.out);
    }
}

#[test]
fn a_page_has_a_date_a_version_and_related_pages() {
    for (command, page, related) in [
        (&["man"][..], "pos-webhooks", &["pos-webhooks-try", "pos-webhooks-verify"][..]),
        (&["man", "verify"], "pos-webhooks-verify", &["pos-webhooks", "pos-webhooks-sign"]),
        (&["man", "hooks", "vipps", "create"], "pos-webhooks-hooks-vipps-create", &["pos-webhooks-hooks-vipps"]),
    ] {
        let text = run(command).out;
        let title = text.lines().find(|line| line.starts_with(".TH ")).unwrap();
        let version = format!("\"pos-webhooks {}\" \"pos-webhooks Manual\"", env!("CARGO_PKG_VERSION"));
        assert!(title.starts_with(&format!(".TH {page} 1 ")) && title.ends_with(&version), "{title}");
        let date = title.split_whitespace().nth(3).unwrap();
        assert!(
            date.len() == 10 && date.chars().all(|it| it.is_ascii_digit() || it == '-') || date == "\"\"",
            "{title}"
        );
        let (_, see) = text.split_once("SEE ALSO").unwrap_or_else(|| panic!("{text}"));
        for name in related {
            assert!(see.contains(&format!("\\fB{}\\fR(1)", name.replace('-', "\\-"))), "{name}: {see}");
        }
    }
}
