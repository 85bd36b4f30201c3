//! JSON that a command prints has no character that controls a terminal or reverses the direction of text.

#[path = "cli/run.rs"]
mod run;
#[path = "cli/shell.rs"]
mod shell;

use pos_webhooks::sandbox::{AnswerFault, Fault, Sandbox};
use serde_json::{Value, json};

use crate::run::{command, feed, run};
use crate::shell::Shell;

/// A C1 control sequence, DEL, and a character that reverses the direction.
const HOSTILE: &str = "a\u{9b}31m\u{7f}\u{202e}b";

fn is_raw(character: char) -> bool {
    character.is_control() && character != '\n' || ('\u{202a}'..='\u{202e}').contains(&character)
}

/// Checks that the JSON is safe and has the text nevertheless.
fn assert_escaped(text: &str, what: &str) {
    assert!(!text.contains(is_raw), "{what}: {text:?}");
    assert!(text.contains("a\\u009b31m\\u007f\\u202eb"), "{what}: {text}");
    for line in text.lines() {
        serde_json::from_str::<Value>(line).unwrap();
    }
}

#[test]
fn decode_and_validate_and_lint() {
    let example = run(&["example", "vipps", "epayments.payment.captured.v1"]).out;
    let mut payload: Value = serde_json::from_str(&example).unwrap();
    payload["reference"] = json!(HOSTILE);
    let done = feed(command(&["decode", "vipps"]), payload.to_string().as_bytes());
    assert_eq!(done.status, 0, "{}", done.err);
    assert_escaped(&done.out, "decode");
    payload[HOSTILE] = json!(1);
    payload["amount"] = json!({ HOSTILE: 1 });
    let call = ["validate", "vipps", "epayments.payment.captured.v1", "--format", "json"];
    let done = feed(command(&[&call[..], &["--show-values"]].concat()), payload.to_string().as_bytes());
    assert_escaped(&done.out, "validate");
    let spec = format!("openapi: 3.0.3\n\"{HOSTILE}\": 1\n");
    let done = feed(command(&["lint", "-", "--format", "json"]), spec.as_bytes());
    assert!(!done.out.contains(is_raw) && !done.out.is_empty(), "{}", done.out);
}

#[test]
fn responses_and_attempts() {
    let shell = Shell::start(Sandbox::builder().seed(1), "escaped json", "responses", &[]);
    let body = json!({ "title": HOSTILE, "status": 200 }).to_string();
    let fault = AnswerFault::Garbage { body: Some(body), media_type: Some("application/json".to_owned()) };
    shell.sandbox.fault(Fault::from(fault).provider("vipps")).unwrap();
    let list = ["hooks", "vipps", "list", "--credentials-file", "vipps.json", "--format", "json", "--raw"];
    let done = shell.done(shell.command("vipps", &list));
    assert!(!done.out.contains(is_raw) && !done.err.contains(is_raw), "{}{}", done.out, done.err);
    assert!(done.err.contains("a\\u009b31m") || done.out.contains("a\\u009b31m"), "{}{}", done.out, done.err);
    shell.sandbox.clear_faults();

    shell.runtime.block_on(shell.sandbox.receive_here("vipps")).unwrap();
    let set = format!("/reference={HOSTILE}");
    let call = ["trigger", "vipps", "epayments.payment.captured.v1", "--sandbox", shell.sandbox.url()];
    let done = run(&[&call[..], &["--format", "json", "--set", &set]].concat());
    assert!(!done.out.contains(is_raw) && done.out.contains("a\\u009b31m"), "{}", done.out);
}
