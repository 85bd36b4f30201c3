//! `--events` takes names separated by commas, globs, and `all`.

#[path = "cli/run.rs"]
mod run;
#[path = "cli/shell.rs"]
mod shell;

use std::collections::BTreeSet;

use pos_webhooks::sandbox::Sandbox;
use pos_webhooks::{PROVIDERS, catalogue::Provider};

use crate::run::Done;
use crate::shell::Shell;

const CAPTURED: &str = "epayments.payment.captured.v1";
const CREATED: &str = "epayments.payment.created.v1";
const COMPLETED: &str = "pos.payment.completed";

fn shell(test: &str) -> Shell {
    let shell = Shell::start(Sandbox::builder().seed(1), "event names", test, &[]);
    shell.write("key.txt", "a-secret-of-sixteen");
    shell
}

fn provider(name: &str) -> &'static Provider {
    PROVIDERS.iter().find(|provider| provider.name == name).unwrap()
}

impl Shell {
    fn hooks(&self, provider: &str, arguments: &[&str]) -> Done {
        let file = format!("{provider}.json");
        let arguments = [&["hooks", provider], arguments, &["--credentials-file", &file]].concat();
        self.done(self.command(provider, &arguments))
    }

    /// The events of the only registration after `create` with these options.
    fn registered(&self, provider: &str, events: &[&str]) -> BTreeSet<String> {
        let create: &[&str] = match provider {
            "vipps" => &["create", "--url", "https://a.test/hooks", "--show-secrets"],
            _ => &["create", "--payload-url", "https://a.test/hooks", "--secret-file", "key.txt"],
        };
        let done = self.hooks(provider, &[create, events].concat());
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{}", done.out);
        let registrations = self.sandbox.registrations(provider).unwrap();
        registrations.iter().flat_map(|registration| registration.events.iter().cloned()).collect()
    }
}

fn named(provider: &'static Provider, start: &str) -> BTreeSet<String> {
    provider.events.iter().map(|event| event.name.to_owned()).filter(|name| name.starts_with(start)).collect()
}

#[test]
fn commas_separate_names() {
    let both = format!("{CAPTURED},{CREATED}");
    let names = shell("commas").registered("vipps", &["--events", &both, "--events", CAPTURED]);
    assert_eq!(names, BTreeSet::from([CAPTURED.to_owned(), CREATED.to_owned()]));
}

#[test]
fn a_glob_stands_for_the_events_that_match() {
    let names = shell("glob").registered("vipps", &["--events", "epayments.*"]);
    assert_eq!(names, named(provider("vipps"), "epayments."));
    let names = shell("glob account").registered("mypos", &["--events", "pos.payment.*"]);
    assert_eq!(names, named(provider("mypos"), "pos.payment."));
}

#[test]
fn all_stands_for_every_event() {
    for provider in [provider("vipps"), provider("mypos")] {
        let names = shell(&format!("all {}", provider.name)).registered(provider.name, &["--events", "all"]);
        assert_eq!(names, named(provider, ""));
    }
}

#[test]
fn a_glob_without_a_match_and_an_empty_name_are_errors_before_anything_is_sent() {
    let shell = shell("no match");
    for (value, expected) in [
        ("epayment.*", "--events: no event of vipps matches `epayment.*`; "),
        ("epayments.[", "not a glob: "),
        ("", "a value is required for '--events <EVENTS>'"),
        (",", "a value is required for '--events <EVENTS>'"),
    ] {
        let create = ["create", "--url", "https://a.test", "--show-secrets", "--events", value];
        let done = shell.hooks("vipps", &create);
        assert_eq!(done.status, 2, "{value}: {}{}", done.out, done.err);
        assert!(done.err.contains(expected), "{value}: {}", done.err);
    }
    assert!(shell.sandbox.registrations("vipps").unwrap().is_empty());
}

#[test]
fn a_name_that_is_similar_to_a_documented_one_is_a_warning_with_the_suggestion() {
    let shell = shell("similar");
    let create = ["create", "--url", "https://a.test", "--show-secrets", "--events", "epayments.payment.capture.v1"];
    let done = shell.hooks("vipps", &create);
    assert!(done.err.contains("did you mean \"epayments.payment.captured.v1\"?"), "{}", done.err);
}

#[test]
fn an_event_that_the_account_does_not_have_is_an_error_with_the_suggestion_first() {
    let shell = shell("account");
    let create = ["create", "--payload-url", "https://a.test", "--secret-file", "key.txt", "--events"];
    let done = shell.hooks("mypos", &[&create[..], &["pos.payment.complete"]].concat());
    let expected =
        format!("does not have the event `pos.payment.complete`, and nothing was changed; did you mean `{COMPLETED}`");
    assert!(done.status == 1 && done.err.contains(&expected), "{}", done.err);
}
