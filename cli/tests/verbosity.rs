//! `--quiet` and `--verbose` mean the same in every command that has them, and exist only where they have an effect.

#[path = "cli/run.rs"]
mod run;
#[path = "cli/shell.rs"]
mod shell;

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use pos_webhooks::sandbox::Sandbox;
use serde_json::Value;

use crate::run::{Done, command, directory, feed, run};
use crate::shell::Shell;

const QUIET: &str = "Show only problems and what was asked for, without successes, summaries and next steps";
const VERBOSE: &str = "Show every step, and the details of each";

/// The commands with each option.
const WITH_QUIET: [&[&str]; 7] =
    [&["demo"], &["try"], &["trigger"], &["hooks", "vipps", "create"], &["call"], &["lint"], &["validate"]];
const WITH_VERBOSE: [&[&str]; 9] = [
    &["demo"],
    &["try"],
    &["trigger"],
    &["sandbox"],
    &["hooks", "vipps", "create"],
    &["hooks", "vipps", "list"],
    &["call"],
    &["lint"],
    &["validate"],
];

fn in_order(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_help_is_the_same_in_every_command() {
    for (commands, option, text) in
        [(&WITH_QUIET[..], "-q, --quiet", QUIET), (&WITH_VERBOSE[..], "-v, --verbose", VERBOSE)]
    {
        for command in commands {
            for help in ["-h", "--help"] {
                let help = in_order(&run(&[command, &[help][..]].concat()).out);
                assert!(help.contains(&format!("{option} {text}")), "{command:?}: {help}");
            }
        }
    }
}

#[test]
fn an_option_without_an_effect_is_refused() {
    for (call, reason) in [
        (&["sandbox", "-q"][..], "unexpected argument '-q'"),
        (&["schema", "vipps", "-v"], "unexpected argument '-v'"),
        (&["hooks", "vipps", "list", "-q"], "unexpected argument '-q'"),
        (&["lint", "-q", "--format", "json", "-"], "--quiet has no effect"),
        (&["lint", "-v", "--format", "sarif", "-"], "--verbose has no effect"),
        (&["demo", "-v", "--format", "json"], "--verbose has no effect"),
        (&["validate", "vipps", "epayments.payment.captured.v1", "-v"], "--ndjson"),
        (
            &["validate", "vipps", "epayments.payment.captured.v1", "--ndjson", "-v", "--format", "json"],
            "--verbose has no",
        ),
        (&["call", "vipps", "-v"], "<OPERATION>"),
        (&["call", "vipps", "-q"], "<OPERATION>"),
        (&["demo", "-q", "-v"], "cannot be used with"),
        (&["try", "vipps", "-q", "-v"], "cannot be used with"),
    ] {
        let done = run(call);
        assert_eq!((done.status, done.out.as_str()), (2, ""), "{call:?}");
        assert!(done.err.contains(reason), "{call:?}: {}", done.err);
    }
}

fn payloads(options: &[&str]) -> Done {
    let call = ["validate", "vipps", "epayments.payment.captured.v1"];
    let valid = run(&["example", "vipps", "epayments.payment.captured.v1"]).out;
    let input = format!("{}\n{{}}\n", valid.trim_end());
    feed(command(&[&call[..], options].concat()), input.as_bytes())
}

#[test]
fn validate_shows_less_and_more() {
    let usual = payloads(&["--ndjson"]);
    let quiet = payloads(&["--ndjson", "-q"]);
    assert_eq!(usual.out, format!("{}1 valid, 1 invalid\n", quiet.out));
    assert!(!quiet.out.is_empty() && quiet.out.lines().all(|line| line.starts_with("-:2: ")), "{}", quiet.out);
    assert_eq!((usual.status, quiet.status), (1, 1));
    let verbose = payloads(&["--ndjson", "--verbose"]);
    assert_eq!(verbose.out, format!("-:1: valid\n{}", usual.out));
    let json = payloads(&["--ndjson", "-q", "--format", "json"]).out;
    let reports: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(reports.iter().map(|report| report["line"].as_u64()).collect::<Vec<_>>(), [Some(2)]);
}

#[test]
fn lint_shows_less_and_more() {
    let spec = run(&["spec", "vipps"]).out;
    let lint = |options: &[&str], text: &str| feed(command(&[&["lint", "-"], options].concat()), text.as_bytes());
    assert_eq!(lint(&[], &spec).out, "no findings in 1 document\n");
    assert_eq!(lint(&["-q"], &spec).out, "");
    assert_eq!(lint(&["-v"], &spec).out, "-: no findings\nno findings in 1 document\n");
    let (usual, quiet) = (lint(&[], "openapi: 3.0.3\n"), lint(&["-q"], "openapi: 3.0.3\n"));
    assert!(usual.out.starts_with(&quiet.out) && !quiet.out.is_empty(), "{}", quiet.out);
    assert_eq!(usual.out.lines().count(), quiet.out.lines().count() + 1);
    assert_eq!(quiet.status, 1);
}

#[test]
fn demo_shows_only_what_failed() {
    let done = run(&["demo", "--quiet"]);
    assert_eq!((done.status, done.out.as_str(), done.err.as_str()), (0, "", ""));
    assert_eq!(run(&["demo", "-q", "--format", "json"]).out, "");
}

#[test]
fn hooks_and_call_show_each_request_and_no_next_step() {
    let shell = Shell::start(Sandbox::builder().seed(1), "verbosity", "hooks", &[]);
    let own = ["--credentials-file", "vipps.json"];
    let create = |options: &[&str]| {
        let call = ["hooks", "vipps", "create", "--url", "https://shop.example/hooks", "--show-secrets"];
        let events = ["--events", "epayments.payment.captured.v1"];
        let all = [&call[..], &events, &own, options].concat();
        feed(shell.command("vipps", &all), b"")
    };
    assert!(create(&[]).out.contains("To receive the events:"));
    let quiet = create(&["-q"]);
    assert!(quiet.out.contains("secret") && !quiet.out.contains("To receive the events:"), "{}", quiet.out);
    let list = |options: &[&str]| {
        shell.done(shell.command("vipps", &[&["hooks", "vipps", "list"][..], &own, options].concat()))
    };
    let (usual, verbose) = (list(&[]), list(&["-v"]));
    assert_eq!((usual.out, usual.err.as_str()), (verbose.out, ""));
    assert!(verbose.err.starts_with("GET ") && verbose.err.contains(": done, "), "{}", verbose.err);
    assert!(verbose.err.contains(shell.base_url("vipps")), "{}", verbose.err);
    let json: Value = serde_json::from_str(&list(&["-v", "--format", "json"]).err).unwrap();
    assert_eq!((&json["request"]["method"], &json["request"]["outcome"]), (&"GET".into(), &"done".into()));

    let id = shell.sandbox.registrations("vipps").unwrap()[0].id.clone();
    let delete = |id: &str| {
        let call = ["call", "vipps", "delete_webhook", "--parameter"];
        shell.done(shell.command("vipps", &[&call[..], &[&format!("id={id}"), "-q"], &own].concat()))
    };
    let done = delete(&id);
    assert_eq!((done.status, done.out.as_str(), done.err.as_str()), (0, "", ""));
    let refused = delete(&id);
    assert!(refused.status == 1 && !refused.err.is_empty());
}

#[test]
fn trigger_shows_less_and_more() {
    let folder = directory("verbosity");
    std::fs::write(folder.join("secret.txt"), "my secret").unwrap();
    let shell = Shell::start(Sandbox::builder().seed(1), "verbosity", "trigger", &[]);
    shell.runtime.block_on(shell.sandbox.receive_here("vipps")).unwrap();
    let trigger = |options: &[&str]| {
        let call = ["trigger", "vipps", "epayments.payment.captured.v1", "--sandbox", shell.sandbox.url()];
        run(&[&call[..], options].concat())
    };
    let quiet = trigger(&["-q"]);
    assert_eq!((quiet.status, quiet.out.as_str()), (0, ""));
    let refused = trigger(&["-q", "--set", "/amount/value=much"]);
    assert!(refused.status == 1 && refused.out.starts_with("refused with 400 in "), "{}", refused.out);
    let verbose = trigger(&["-v"]).out;
    for part in [
        "200 in ",
        "Request for epayments.payment.captured.v1",
        "content-type: application/json",
        "\"amount\"",
        "Response",
    ] {
        assert!(verbose.contains(part), "{part}: {verbose}");
    }
}

/// A program that runs until it is dropped, and the lines that it prints.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn sandbox_logs_each_delivery() {
    let mut child = command(&["sandbox", "--verbose"]).spawn().unwrap();
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let _running = Running(child);
    let account = BufReader::new(out).lines().map(Result::unwrap).find(|line| line.contains("\"vipps\"")).unwrap();
    let account: Value = serde_json::from_str(&account).unwrap();
    let url = account["base_url"].as_str().unwrap().trim_end_matches("/vipps").to_owned();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let client = pos_webhooks::client::http_client().unwrap().no_proxy().build().unwrap();
        client.post(format!("{url}/_sandbox/vipps/receive")).send().await.unwrap();
        let body = r#"{"event":"epayments.payment.captured.v1"}"#;
        client.post(format!("{url}/_sandbox/vipps/deliver")).body(body).send().await.unwrap();
    });
    let line = BufReader::new(err).lines().next().unwrap().unwrap();
    for part in ["  vipps  epayments.payment.captured.v1  ", "/_sandbox/vipps/inbox  200  ", " ms"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

/// What `try` prints until this is seen.
fn tried(options: &[&str], until: &str) -> String {
    let mut child = command(&[&["try", "vipps", "--listen", "127.0.0.1:0"], options].concat())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    let _running = Running(child);
    let mut text = String::new();
    for line in BufReader::new(out).lines() {
        text += &line.unwrap();
        text.push('\n');
        if text.contains(until) {
            return text;
        }
    }
    panic!("{until}: {text}");
}

#[test]
fn try_shows_less_and_more() {
    assert!(tried(&["-v"], "Next, ").contains("\n  {\""));
    // Nothing listens at this port, so the delivery is a problem, which comes after the one that succeeds.
    let quiet = tried(&["-q", "--forward-to", "http://127.0.0.1:9/"], "no response");
    assert!(quiet.contains("Page ") && !quiet.contains("verified") && !quiet.contains("Next, "), "{quiet}");
}
