//! `pos-webhooks demo` shows the whole life cycle of a webhook with every provider, only on this machine.

use std::collections::BTreeSet;
use std::process::{Command, Output};

use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::{Provider, Verification};
use serde_json::Value;

const STEPS: [&str; 8] = ["token", "register", "subscribe", "list", "deliver", "tamper", "update", "delete"];

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    command.args(arguments);
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    // Nothing listens on this port, so requests through a proxy fail.
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, "http://127.0.0.1:9");
    }
    command.env_remove("NO_PROXY").env_remove("no_proxy");
    command
}

/// Status, standard output and standard error.
fn run(command: &mut Command) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn held(arguments: &[&str]) -> String {
    let (status, out, err) = run(&mut command(arguments));
    assert_eq!((status, err.as_str()), (0, ""), "{out}");
    out
}

fn json() -> Vec<Value> {
    held(&["demo", "--format", "json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Whether an operation of that kind is documented.
fn has(provider: &Provider, step: &str) -> bool {
    provider.registration.as_ref().is_some_and(|registration| match step {
        "list" => registration.list.is_some(),
        "update" => registration.update.is_some(),
        "delete" => registration.delete.is_some(),
        "subscribe" => registration.subscriptions.is_some(),
        _ => true,
    })
}

/// Whether the demo can check the origin of a delivery.
fn proves_origin(provider: &Provider) -> bool {
    matches!(provider.verification, Some(Verification::Signatures(_) | Verification::Keys(_)))
}

#[test]
fn every_provider_goes_through_every_step() {
    let steps = json();
    for provider in PROVIDERS.iter() {
        let of_provider: Vec<_> = steps.iter().filter(|step| step["provider"] == provider.name).collect();
        let mut names: Vec<_> = of_provider.iter().map(|step| step["step"].as_str().unwrap()).collect();
        names.dedup();
        let asks = provider.events.iter().any(|event| event.requested_body().is_some());
        assert_eq!(names.contains(&"answer"), asks, "{}", provider.name);
        let reports = provider.events.iter().any(|event| !event.follow_up.is_empty());
        assert_eq!(names.contains(&"report"), reports, "{}", provider.name);
        names.retain(|name| !["answer", "report"].contains(name));
        let expected = STEPS.into_iter().filter(|step| *step != "subscribe" || has(provider, step));
        assert_eq!(names, expected.collect::<Vec<_>>(), "{}", provider.name);
        for step in of_provider {
            let name = step["step"].as_str().unwrap();
            let documented = match name {
                "token" => !provider.grants().is_empty(),
                "list" | "update" | "delete" => has(provider, name),
                "tamper" => proves_origin(provider),
                _ => true,
            };
            assert_eq!(step["result"], if documented { "ok" } else { "undocumented" }, "{step}");
            assert!(!step["detail"].as_str().unwrap().is_empty() && step["milliseconds"].is_u64(), "{step}");
        }
    }
    let providers: BTreeSet<_> = steps.iter().map(|step| step["provider"].as_str().unwrap()).collect();
    assert_eq!(providers, PROVIDERS.iter().map(|provider| provider.name).collect());
}

#[test]
fn every_documented_event_is_delivered_once() {
    let steps = json();
    for provider in PROVIDERS.iter() {
        let delivered = steps.iter().filter(|step| step["provider"] == provider.name && step["step"] == "deliver");
        let events: Vec<_> = delivered.map(|step| step["event"].as_str().unwrap()).collect();
        assert_eq!(events, provider.events.iter().map(|event| event.name).collect::<Vec<_>>());
    }
    assert!(steps.iter().all(|step| step["event"].is_null() == (step["step"] != "deliver")));
}

#[test]
fn the_table_counts_every_event() {
    let all: usize = PROVIDERS.iter().map(|provider| provider.events.len()).sum();
    let out = held(&["demo"]);
    let deliveries = out.lines().filter(|line| line.contains(" deliver "));
    let counted = deliveries.map(|line| {
        let (_, counts) = line.split_once(" ok ").unwrap();
        let mut words = counts.split_whitespace();
        let delivered: usize = words.next().unwrap().parse().unwrap();
        assert_eq!((words.next(), words.next().unwrap().parse()), (Some("of"), Ok(delivered)), "{line}");
        delivered
    });
    assert_eq!(counted.sum::<usize>(), all);
    assert!(out.contains(&format!(" {all} events")), "{out}");
    let verbose = held(&["demo", "--verbose"]);
    for event in PROVIDERS.iter().flat_map(|provider| provider.events) {
        assert!(verbose.lines().any(|line| line.contains(&format!(" {}: ", event.name))), "{verbose}");
    }
}

#[test]
fn a_changed_delivery_is_refused_as_far_as_the_provider_signs() {
    for step in json().iter().filter(|step| step["step"] == "tamper") {
        let detail = step["detail"].as_str().unwrap();
        let provider = PROVIDERS.iter().find(|provider| provider.name == step["provider"]).unwrap();
        if !proves_origin(provider) {
            continue;
        }
        // A key that is sent as it is says nothing of the body.
        let signs = matches!(provider.verification, Some(Verification::Signatures(_)));
        assert!(detail.contains("refused"), "{detail}");
        assert_eq!(detail.contains("passes"), !signs, "{detail}");
    }
}

/// What is random in a run differs from the next one.
#[test]
fn neither_secrets_nor_tokens_are_shown() {
    let steps = |out: Vec<Value>| {
        out.into_iter().map(|mut step| {
            step["milliseconds"].take();
            step.to_string()
        })
    };
    let (first, second): (Vec<_>, Vec<_>) = (steps(json()).collect(), steps(json()).collect());
    assert_eq!(first, second);
    for text in [first.concat(), held(&["demo"]), held(&["demo", "--verbose"])] {
        for word in text.split(|character: char| !character.is_ascii_alphanumeric()) {
            let hexadecimal = word.len() >= 16 && word.chars().all(|character| character.is_ascii_hexdigit());
            assert!(!hexadecimal && word.len() < 40, "{word}");
        }
    }
}

#[test]
fn colour_is_for_terminals() {
    assert!(!held(&["demo"]).contains('\u{1b}'));
    let forced = |name: Option<&str>| {
        let mut command = command(&["demo"]);
        command.env("CLICOLOR_FORCE", "1");
        name.map(|name| command.env(name, "1"));
        run(&mut command).1
    };
    assert!(forced(None).contains('\u{1b}'));
    assert!(!forced(Some("NO_COLOR")).contains('\u{1b}'));
}

#[test]
fn the_suggested_commands_exist() {
    let out = held(&["demo"]);
    let (_, next) = out.split_once("\nNext").unwrap();
    let commands = next.lines().filter_map(|line| line.trim().strip_prefix("pos-webhooks "));
    let mut count = 0;
    for line in commands {
        let words = line.split("  ").next().unwrap().split_whitespace().filter(|word| *word != "--help");
        let (status, help, err) = run(command(&words.chain(["--help"]).collect::<Vec<_>>()).env_clear());
        assert_eq!((status, err.as_str()), (0, ""), "{line}");
        if let Some((_, variable)) = line.split_once('$') {
            assert!(help.contains(variable), "{variable}: {help}");
        }
        count += 1;
    }
    assert!(count > 0, "{next}");
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [
        &["demo", "vipps"][..],
        &["demo", "--format", "yaml"],
        &["demo", "--base-url", "https://x.example"],
        &["demo", "--verbose", "--format", "json"],
    ] {
        let (status, out, err) = run(&mut command(arguments));
        assert_eq!((status, out.as_str()), (2, ""), "{arguments:?}: {err}");
    }
}

/// The README's run command and what it prints; ports and the duration differ every time.
#[test]
fn the_readme_shows_what_its_first_command_prints() {
    let readme = include_str!("../../README.md");
    let block = |start| readme.split_once(start).unwrap().1.split_once("```").unwrap().0;
    let arguments: Vec<_> = block("```sh\ncargo run -- ").split_whitespace().collect();
    assert_eq!(arguments, ["demo"]);
    let normal = |text: &str| {
        let replaced = |pattern: &str, text: &str, with| regress::Regex::new(pattern).unwrap().replace_all(text, with);
        replaced(r"\d+\.\d s", &replaced(r"127\.0\.0\.1:\d+", text, "127.0.0.1:PORT"), "SECONDS s")
    };
    let (shown, out) = (normal(block("```text\n")), normal(&held(&arguments)));
    assert!(shown.contains("\n…\n\n"), "{shown}");
    let shown = shown.replace("…\n\n", "");
    let rows = |text: &str, name: &str| text.lines().any(|line| line.split(' ').next() == Some(name));
    let mut is_shown = true;
    let kept = out.split_inclusive('\n').filter(|line| {
        if let Some(provider) = PROVIDERS.iter().find(|provider| line.split(' ').next() == Some(provider.name)) {
            is_shown = rows(&shown, provider.name);
        }
        is_shown |= line.starts_with("Every step");
        is_shown
    });
    let kept: String = kept.collect();
    if PROVIDERS.iter().all(|provider| readme.contains(&format!("| `{}` |", provider.name))) {
        assert_eq!(kept, shown);
    } else {
        // What comes after the rows is about all providers.
        let rows = |text: &str| text.split_once("\nEvery step succeeded").unwrap().0.to_owned();
        assert_eq!(rows(&kept).trim_end(), rows(&shown).trim_end());
    }
}
