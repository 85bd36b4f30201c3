//! One run reports every missing option and every missing credential.

#[path = "cli/run.rs"]
mod run;

use std::fs;

use crate::run::{Done, command, directory, feed};

/// Runs without any credential in the environment.
fn run_bare(arguments: &[&str]) -> Done {
    let mut command = command(arguments);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("POS_WEBHOOKS_")) {
        command.env_remove(name);
    }
    feed(command, b"")
}

fn assert_names(arguments: &[&str], expected: &[&str]) {
    let done = run_bare(arguments);
    assert_eq!((done.status, done.out.as_str()), (2, ""), "{arguments:?}");
    for name in expected {
        assert!(done.err.contains(name), "{arguments:?}: {name}: {}", done.err);
    }
    assert_eq!(done.err.matches("error: ").count(), 1, "{}", done.err);
}

#[test]
fn options_and_credentials_are_reported_together() {
    assert_names(
        &["hooks", "vipps", "create"],
        &["--events <EVENTS>", "--url <URL>", "--save-secret", "POS_WEBHOOKS_VIPPS_TOKEN", "Usage: "],
    );
    assert_names(&["call", "vipps", "delete_webhook"], &["--parameter id=VALUE", "POS_WEBHOOKS_VIPPS_TOKEN"]);
}

#[test]
fn every_missing_credential_is_named() {
    assert_names(
        &["token", "vipps"],
        &["POS_WEBHOOKS_VIPPS_CLIENT_ID", "POS_WEBHOOKS_VIPPS_CLIENT_SECRET", "{\"client_id\": \"…\", "],
    );
}

#[test]
fn credentials_that_are_given_are_not_reported() {
    let mut command = command(&["hooks", "vipps", "create"]);
    command.env("POS_WEBHOOKS_VIPPS_TOKEN", "t");
    let done = feed(command, b"");
    assert!(done.err.contains("--url <URL>") && !done.err.contains("TOKEN"), "{}", done.err);
}

#[test]
fn what_verification_requires_is_reported_together() {
    let (secret, url) = ("vipps signs deliveries; give the secret with --secret-file", "give it with --url");
    assert_names(&["listen", "vipps"], &["--secret-file <FILE>", url, "Usage: "]);
    assert_names(&["listen", "mipos"], &["--secret-file <FILE>", "give --event"]);
    assert_names(&["verify", "vipps"], &[secret, url, "--headers <HEADERS>", "Usage: "]);
    assert_names(&["verify", "mypos"], &["give the secret with --secret-file", "--headers <HEADERS>"]);
    assert_names(&["sign", "vipps"], &["--secret-file <FILE>", url, "Usage: "]);
    assert_names(&["sign", "mypos"], &["--secret-file <FILE>", "give it with --event"]);
    assert_names(&["trigger", "vipps", "--to", "http://127.0.0.1:9/"], &["<EVENT>", secret]);
}

#[test]
fn with_the_headers_the_secret_and_the_url_are_reported_together() {
    let folder = directory("missing-options");
    fs::write(folder.join("headers.txt"), "Host: shop.example\n").unwrap();
    let headers = folder.join("headers.txt").display().to_string();
    assert_names(&["verify", "vipps", "--headers", &headers], &["--secret-file", "give it with --url"]);
}

#[test]
fn what_is_given_is_not_reported() {
    let url = "https://shop.example/hooks";
    for arguments in [&["listen", "vipps", "--url", url][..], &["verify", "vipps", "--url", url]] {
        let done = run_bare(arguments);
        assert!(done.err.contains("--secret-file") && !done.err.contains("with --url"), "{}", done.err);
    }
    // Deliveries of this provider need not be signed.
    let done = run_bare(&["verify", "dealpos"]);
    assert!(done.err.contains("--headers <HEADERS>") && !done.err.contains("--secret-file\n"), "{}", done.err);
}
