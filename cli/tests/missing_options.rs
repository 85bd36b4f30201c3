//! One run reports every missing option and every missing credential.

#[path = "cli/run.rs"]
mod run;

use crate::run::{Done, command, feed};

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
