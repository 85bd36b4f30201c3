//! `token` of the binary, and `hooks` with a client id and secret: tokens are fetched, and no credential is shown unasked.

#[path = "cli/run.rs"]
mod run;
#[path = "cli/shell.rs"]
mod shell;

use std::time::Duration;

use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::Provider;
use pos_webhooks::sandbox::{AnswerFault, Sandbox};
use serde_json::{Value, json};

use crate::run::{Done, of_shown, run};
use crate::shell::Shell;

impl Shell {
    fn new(test: &str) -> Self {
        let builder = Sandbox::builder().seed(1).token_lifetime(Duration::from_secs(900));
        Self::start(builder, "token", test, &["token"])
    }

    fn token(&self, provider: &str, arguments: &[&str]) -> Done {
        let file = format!("{provider}.json");
        let arguments = [&["token", provider, "--credentials-file", &file], arguments].concat();
        self.done(self.command(provider, &arguments))
    }
}

/// The providers whose tokens can be fetched.
fn providers() -> impl Iterator<Item = &'static Provider> {
    PROVIDERS.iter().copied().filter(|provider| !provider.grants().is_empty())
}

#[test]
fn help_says_where_credentials_come_from() {
    insta::assert_snapshot!("help", of_shown(&run(&["token", "--help"]).out));
    insta::assert_snapshot!("help_short", of_shown(&run(&["token", "-h"]).out));
}

#[test]
fn a_token_is_fetched_and_not_shown() {
    let shell = Shell::new("fetched");
    for provider in providers() {
        let done = shell.token(provider.name, &[]);
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{}", provider.name);
        let at = done
            .out
            .strip_prefix("The provider issued a token, which expires at ")
            .unwrap()
            .strip_suffix(".\n")
            .unwrap();
        let left = at.parse::<jiff::Timestamp>().unwrap().as_second() - jiff::Timestamp::now().as_second();
        assert!((800..=900).contains(&left), "{at}");

        let done = shell.token(provider.name, &["--format", "json"]);
        let shown: Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!(shown["token"], "***");
        assert!(shown["expires_at"].as_str().unwrap().ends_with('Z'), "{shown}");
    }
}

#[test]
fn a_token_is_printed_alone_where_it_is_asked_for_and_is_valid() {
    let shell = Shell::new("shown");
    for provider in providers() {
        let done = shell.token(provider.name, &["--show-secrets"]);
        assert_eq!(done.out.lines().count(), 1, "{}", done.out);
        let variable = format!("POS_WEBHOOKS_{}_TOKEN", provider.name.to_uppercase());
        let mut list = shell.command(provider.name, &["hooks", provider.name, "list"]);
        list.env(variable, done.out.trim_end());
        let list = shell.done(list);
        assert_eq!((list.status, list.err.as_str()), (0, ""), "{}", provider.name);
        let json = shell.token(provider.name, &["--show-secrets", "--format", "json"]);
        let shown: Value = serde_json::from_str(&json.out).unwrap();
        assert!(shown["token"].as_str().unwrap().len() > 20, "{}", provider.name);
    }
}

#[test]
fn hooks_fetches_its_token_with_credentials_from_a_file_or_the_environment() {
    let shell = Shell::new("hooks");
    for provider in providers() {
        let file = format!("{}.json", provider.name);
        let done =
            shell.done(shell.command(provider.name, &["hooks", provider.name, "list", "--credentials-file", &file]));
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{}", provider.name);
        let mut command = shell.command(provider.name, &["hooks", provider.name, "list"]);
        for (name, value) in &shell.sandbox.account(provider.name).unwrap().credentials {
            if name != "token" {
                let variable = format!("POS_WEBHOOKS_{}_{name}", provider.name).to_uppercase();
                command.env(variable, value.expose());
            }
        }
        let done = shell.done(command);
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{}", provider.name);
    }
}

#[test]
fn a_grant_is_chosen_by_its_name() {
    let shell = Shell::new("grant");
    let mut grants = 0;
    for (provider, name) in
        providers().flat_map(|it| it.grants().iter().filter_map(|grant| Some((it.name, grant.name?))))
    {
        grants += 1;
        let done = shell.token(provider, &["--grant", name]);
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{provider} {name}");
        let file = format!("{provider}.json");
        let list = ["hooks", provider, "list", "--grant", name, "--credentials-file", &file];
        let done = shell.done(shell.command(provider, &list));
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{provider} {name}");
    }
    assert!(grants >= 2);
    let done = shell.token("vipps", &["--grant", "keys"]);
    assert_eq!(done.status, 2);
    assert!(
        done.err.contains("a way `keys` to request a token; it has: api-keys, merchant-level-keys"),
        "{}",
        done.err
    );
    let done = shell.token("mypos", &["--grant", "keys"]);
    assert!(done.status == 2 && done.err.contains("leave --grant out"), "{}", done.err);
    let done = shell.done(shell.command("vipps", &["hooks", "vipps", "list", "--grant", "keys"]));
    assert!(done.status == 2 && done.err.contains("possible values: api-keys, merchant-level-keys"), "{}", done.err);
}

#[test]
fn credentials_that_are_missing_are_named() {
    let shell = Shell::new("missing");
    let done = shell.done(shell.command("vipps", &["hooks", "vipps", "list"]));
    assert_eq!(done.status, 2);
    assert!(done.err.contains("vipps requires `token`: set POS_WEBHOOKS_VIPPS_TOKEN"), "{}", done.err);
    assert!(done.err.contains("or give `client_id`, `client_secret` to request a token"), "{}", done.err);
    let mut command = shell.command("vipps", &["hooks", "vipps", "list"]);
    command.env("POS_WEBHOOKS_VIPPS_CLIENT_ID", "id");
    let done = shell.done(command);
    assert_eq!(done.status, 2);
    assert!(done.err.contains("vipps requires `client_secret`: set POS_WEBHOOKS_VIPPS_CLIENT_SECRET"), "{}", done.err);
    let mut command = shell.command("vipps", &["token", "vipps"]);
    command.env("POS_WEBHOOKS_VIPPS_TOKEN", "a token that is not looked at");
    let done = shell.done(command);
    assert_eq!(done.status, 2);
    let expected = "vipps requires `client_id` and `client_secret`: set POS_WEBHOOKS_VIPPS_CLIENT_ID and \
                    POS_WEBHOOKS_VIPPS_CLIENT_SECRET, or ";
    assert!(done.err.contains(expected), "{}", done.err);
    let done = run(&["token", "dealpos"]);
    assert_eq!(done.status, 2);
    assert!(done.err.contains("dealpos"), "{}", done.err);
}

#[test]
fn a_token_that_cannot_be_fetched_is_said_to_be_so() {
    let shell = Shell::new("failed");
    let wrong = json!({"client_id": "id", "client_secret": "hush-hush"}).to_string();
    shell.write("wrong.json", &wrong);
    for arguments in [&["token", "vipps"][..], &["hooks", "vipps", "list"]] {
        let arguments = [arguments, &["--credentials-file", "wrong.json"]].concat();
        let done = shell.done(shell.command("vipps", &arguments));
        assert_eq!((done.status, done.out.as_str()), (1, ""), "{}", done.err);
        assert!(done.err.contains("get_access_token: 401 Unauthorized: "), "{}", done.err);
        assert!(done.err.contains("wrong.json") && !done.err.contains("hush-hush"), "{}", done.err);
        let done = shell.done(shell.command("vipps", &[&arguments[..], &["--format", "json"]].concat()));
        let error: Value = serde_json::from_str(&done.err).unwrap();
        assert_eq!((done.status, &error["error"]["retryable"]), (1, &json!(false)), "{error}");
        assert!(error["error"]["message"].as_str().unwrap().contains("the request for a token failed"), "{error}");
    }
    shell.sandbox.fault(AnswerFault::Status { status: 503, retry_after_seconds: None }).unwrap();
    let done = shell.token("vipps", &["--format", "json"]);
    let error: Value = serde_json::from_str(&done.err).unwrap();
    assert_eq!((&error["error"]["status"], &error["error"]["retryable"]), (&json!(503), &json!(true)));
    let done = shell.token("vipps", &[]);
    assert!(done.err.contains("The same request may succeed later."), "{}", done.err);
}
