//! An error about an unknown name has the suggestion before any list, and a list that is short.

#[path = "cli/run.rs"]
mod run;

use crate::run::run;

/// The error of a call with an unknown name.
fn error(call: &[&str]) -> String {
    let done = run(call);
    assert_eq!((done.status, done.out.as_str()), (2, ""), "{call:?}");
    done.err
}

#[test]
fn the_suggestion_is_before_the_list() {
    for (call, suggestion, list) in [
        (&["schema", "vips"][..], "a similar value exists: 'vipps'", "[possible values: "),
        (&["schema", "dealpos", "paymentcreated"], "'paymentCreated'", "`pos-webhooks schema dealpos` lists all "),
        (&["validate", "dealpos", "paymentcreated"], "'paymentCreated'", "`pos-webhooks schema dealpos` lists all "),
        (
            &["example", "mipos", "create_webhook.400"],
            "'create_webhook.409'",
            "`pos-webhooks example mipos` lists all ",
        ),
        (&["call", "mypos", "list_webhook"], "'list_webhooks'", "`pos-webhooks call mypos` lists all "),
        (&["man", "listn"], "did you mean `listen`", "`pos-webhooks --help` lists all "),
    ] {
        let error = error(call);
        let (suggested, listed) = (error.find(suggestion), error.find(list));
        assert!(suggested.is_some() && suggested < listed, "{call:?}: {error}");
        assert!(error.lines().all(|line| line.chars().count() <= 160), "{call:?}: {error}");
    }
}

#[test]
fn without_a_similar_name_the_error_says_how_to_see_all() {
    let error = error(&["schema", "dealpos", "zzz"]);
    assert!(!error.contains("similar") && error.contains("`pos-webhooks schema dealpos` lists all "), "{error}");
    let list = run(&["schema", "dealpos"]).out;
    let count = list.lines().count();
    assert!(error.contains(&format!("lists all {count} values")), "{error}");
}

#[test]
fn the_list_of_examples_has_every_name() {
    let list = run(&["example", "mipos"]);
    assert_eq!((list.status, list.err.as_str()), (0, ""));
    for line in list.out.lines() {
        let name = line.split(' ').next().unwrap();
        let examples = run(&["example", "mipos", name, "--format", "raw"]);
        assert_eq!(examples.status, 0, "{name}: {}", examples.err);
        assert!(line.contains(&format!("  {} example", examples.out.lines().count())), "{line}");
    }
}
