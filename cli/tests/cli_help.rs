//! Tests the help, the errors and the terminal output of all commands of the binary.

#[path = "cli/run.rs"]
mod run;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use pos_webhooks::PROVIDERS;
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::run::{Done, command, directory, feed, run};

const BINARY: &str = env!("CARGO_BIN_EXE_pos-webhooks");

fn help(path: &[String], option: &str, width: usize) -> String {
    let arguments: Vec<_> = path.iter().map(String::as_str).chain([option]).collect();
    let mut command = command(&arguments);
    command.env("COLUMNS", width.to_string());
    let done = feed(command, b"");
    assert_eq!((done.status, done.err.as_str()), (0, ""), "{path:?}");
    done.out
}

/// The subcommands that a help lists.
fn subcommands(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| !matches!(*line, "Commands:" | "Providers:")).skip(1);
    let names =
        lines.take_while(|line| !line.is_empty()).filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Every command that there is help for, found through the help itself.
fn commands() -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    let mut next = 0;
    while let Some(path) = commands.get(next).cloned() {
        next += 1;
        // Other helps have a section on providers that are no commands.
        if path.is_empty() || path[0] == "hooks" {
            let names = subcommands(&help(&path, "--help", 100));
            commands.extend(names.into_iter().map(|name| [&path[..], &[name]].concat()));
            // Where no operation is documented, there is nothing to help with.
            let without = PROVIDERS.iter().filter(|provider| provider.operations.is_empty());
            let without: Vec<_> = without.map(|provider| format!("hooks {}", provider.name)).collect();
            commands.retain(|path| !without.contains(&path.join(" ")));
        }
    }
    assert!(commands.iter().any(|path| path.join(" ") == "hooks vipps create"), "{commands:?}");
    commands
}

/// The examples of a help, as they are on the lines.
fn examples(help: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != "Examples:").skip(1).take_while(|line| !line.is_empty());
    let mut examples: Vec<String> = Vec::new();
    for line in lines {
        match examples.last_mut() {
            Some(last) if last.ends_with('\\') => *last += &format!("\n{line}"),
            // What explains an example is indented further.
            _ if line.starts_with("      ") => {}
            _ => examples.push(line.to_owned()),
        }
    }
    examples
}

/// The text before it was wrapped.
fn whole(example: &str) -> String {
    example.split(" \\\n").map(str::trim).collect::<Vec<_>>().join(" ")
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().filter(|word| *word != "\\").collect()
}

#[test]
fn text_wraps_at_the_width_and_never_inside_a_word_or_a_command() {
    for path in commands() {
        for option in ["-h", "--help"] {
            let reference = help(&path, option, 1000);
            for width in [60, 80, 120] {
                let text = help(&path, option, width);
                // What clap puts below its option or beside it is the same text.
                assert_eq!(words(&text), words(&reference), "{path:?} {option} {width}");
                for line in text.lines().filter(|line| !line.starts_with("Usage: ")) {
                    let one_word = words(line).len() <= 1;
                    assert!(line.chars().count() <= width || one_word, "{path:?} {option} {width}: {line}");
                    assert!(line.matches('`').count() % 2 == 0 || option == "-h", "{path:?} {width}: {line}");
                }
            }
        }
    }
}

#[test]
fn an_example_is_the_same_at_every_width() {
    for path in commands() {
        let reference: Vec<_> = examples(&help(&path, "--help", 1000)).iter().map(|example| whole(example)).collect();
        for width in [20, 60, 80, 100, 120] {
            let text = help(&path, "--help", width);
            let found: Vec<_> = examples(&text).iter().map(|example| whole(example)).collect();
            assert_eq!(found, reference, "{path:?} {width}: {text}");
        }
    }
}

/// What the examples of the help read, and programs that stand for those of others.
fn prepare(folder: &Path) {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).unwrap();
    let write = |name: &str, content: &str| fs::write(folder.join(name), content).unwrap();
    let example = |provider: &str, name: &str| run(&["example", provider, name]).out;
    let sign = |options: &[&str]| {
        let mut command = command(&[&["sign"], options, &["--secret-file", "secret.txt", "body.json"]].concat());
        command.current_dir(folder);
        feed(command, b"").out
    };
    for name in ["secret.txt", "old.txt", "new.txt"] {
        write(name, "c2VjcmV0");
    }
    let payment = example("dealpos", "paymentCreated");
    write("body.json", &payment);
    write("payment.json", &payment);
    write("orders.ndjson", &example("mipos", "ORDER"));
    write("shop.yaml", &run(&["init", "shop", "--output", "-"]).out);
    write("openapi.json", r#"{"openapi": "3.0.0", "info": {"title": "Acme", "version": "1"}, "paths": {}}"#);
    // A document is never overwritten.
    let _ = fs::remove_file(folder.join("acme.yaml"));
    let url = "https://shop.example/hooks/vipps";
    let vipps = sign(&["vipps", "--url", url, "--at", "2026-11-21T12:00:00Z"]);
    let mypos = sign(&["mypos", "--event", "pos.payment.completed"]);
    write("headers.txt", &format!("{vipps}{mypos}"));
    write("request.http", &format!("POST /hooks/mypos HTTP/1.1\n{mypos}\n{payment}"));
    let headers: Vec<_> = mypos.lines().filter_map(|line| line.split_once(": ")).collect();
    let headers: Vec<_> = headers.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
    let refused = json!({
        "at": Timestamp::now(), "route": "shop", "provider": "mypos", "outcome": "stored", "reason": "undecodable",
        "step": "specification", "why": "not as documented", "event": null, "peer": "127.0.0.1:50000", "method": "POST",
        "target": "/hooks/mypos", "headers": headers, "body_bytes": payment.len(), "body_sha256": null,
        "body": BASE64.encode(&payment),
    });
    write("refused.ndjson", &format!("{refused}\n").repeat(3));
    let route = "[routes.shop]\npath = \"/hooks/mypos\"\nprovider = \"mypos\"\nsecrets = { file = \"secret.txt\" }\nsink = \"inbox\"";
    write("listen.toml", &format!("{route}\n[sinks.inbox]\ntype = \"file\"\nfile = \"events.ndjson\"\n"));
    assert!(Command::new("chmod").args(["600", "secret.txt"]).current_dir(folder).status().unwrap().success());

    let program = |name: &str, script: &str| {
        let file = bin.join(name);
        fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        assert!(Command::new("chmod").arg("+x").arg(file).status().unwrap().success());
    };
    let captured = example("vipps", "epayments.payment.captured.v1");
    write("captured.json", &captured);
    let payload: Value = serde_json::from_str(&captured).unwrap();
    let event = json!({
        "received_at": "2026-11-21T12:00:00Z", "provider": "vipps", "event": "epayments.payment.captured.v1",
        "payload": payload,
    });
    write("events.ndjson", &format!("{event}\n"));
    program("curl", "cat captured.json");
    program("jq", "cat");
    program("less", "cat");
    program("man", "cat");
    // What waits for others, or calls a provider, only reads its arguments.
    let scripts = format!(
        "case $1 in listen | tail | replay | sandbox | try | trigger | hooks | call | token) exec {BINARY} \"$@\" --help ;; esac\nexec {BINARY} \"$@\""
    );
    program("pos-webhooks", &scripts);
}

#[test]
fn an_example_can_be_pasted() {
    let folder = directory("examples of the help");
    let mut count = 0;
    for path in commands() {
        for example in examples(&help(&path, "--help", 60)) {
            prepare(&folder);
            let search = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").unwrap());
            let mut shell = Command::new("bash");
            shell.args(["-euo", "pipefail", "-c", &example]).current_dir(&folder).env("PATH", search);
            shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let done = feed(shell, b"");
            assert_eq!((done.status, done.err.as_str()), (0, ""), "{example}\n{}", done.out);
            count += 1;
        }
    }
    assert!(count > 20, "{count} examples");
}

#[test]
fn the_sandbox_leaves_the_default_address_of_listen_free() {
    let listen = help(&["listen".to_owned()], "--help", 100);
    let (_, default) = listen.split_once("[default: 127.0.0.1:").unwrap();
    let (port, _) = default.split_once(']').unwrap();
    let sandbox = help(&["sandbox".to_owned()], "--help", 100);
    assert!(sandbox.contains("--listen 127.0.0.1:") && !sandbox.contains(&format!(":{port}")), "{sandbox}");
}

#[test]
fn every_error_has_one_form() {
    let folder = directory("errors");
    fs::write(folder.join("secret.txt"), "secret").unwrap();
    assert!(Command::new("chmod").args(["600", "secret.txt"]).current_dir(&folder).status().unwrap().success());
    fs::write(folder.join("headers.txt"), "Host: a\n").unwrap();
    fs::write(folder.join("broken.json"), "{").unwrap();
    fs::write(folder.join("credentials.json"), r#"{"token":"t"}"#).unwrap();
    fs::write(folder.join("client.json"), r#"{"client_id":"i","client_secret":"s"}"#).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    // A socket that is bound and does not listen keeps the port, and refuses.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = format!("http://{}", socket.local_addr().unwrap());
    let secret = ["--secret-file", "secret.txt"];
    let hooks = ["hooks", "vipps", "list", "--credentials-file"];
    let calls: Vec<(i32, Vec<&str>)> = vec![
        (2, vec!["nothing"]),
        (2, vec!["demo", "--verbose", "--format", "json"]),
        (2, vec!["demo", "--nothing"]),
        (2, vec!["verify", "mypos"]),
        (2, [&["verify", "mypos", "--headers", "headers.txt"], &secret[..], &["missing"]].concat()),
        (2, [&["verify", "vipps", "--headers", "headers.txt"], &secret[..], &["broken.json"]].concat()),
        (2, vec!["sign", "mipos", "--secret-file", "missing"]),
        (2, [&["sign", "dealpos"], &secret[..]].concat()),
        (2, vec!["decode", "mypos"]),
        (1, vec!["decode", "vipps", "broken.json"]),
        (2, vec!["decode", "vipps", "missing"]),
        (2, vec!["listen", "mypos"]),
        (2, vec!["listen", "mypos", "--secret-file", "missing"]),
        (2, [&["listen", "vipps"], &secret[..]].concat()),
        (2, [&["listen", "mypos", "--listen", &address], &secret[..]].concat()),
        (2, [&["listen", "mypos", "--append", "."], &secret[..]].concat()),
        (2, vec!["validate", "dealpos", "nothing"]),
        (2, vec!["validate", "dealpos", "paymentCreated", "missing"]),
        (2, vec!["schema", "dealpos", "nothing"]),
        (2, vec!["spec", "nobody"]),
        (2, vec!["example", "dealpos", "nothing"]),
        (2, vec!["example", "dealpos", "paymentCreated", "--example", "nothing"]),
        (2, vec!["sandbox", "--listen", &address]),
        (2, vec!["try", "nobody"]),
        (2, vec!["try", "vipps", "--event", "nothing"]),
        (2, vec!["try", "vipps", "--listen", &address]),
        (2, vec!["try", "vipps", "--listen", "127.0.0.1:0", "--forward-to", "nowhere"]),
        (2, vec!["trigger", "vipps", "nothing"]),
        (2, vec!["trigger", "vipps", "epayments.payment.captured.v1", "--set", "amount"]),
        (2, vec!["trigger", "vipps", "epayments.payment.captured.v1", "--payload", "missing"]),
        (2, vec!["trigger", "vipps", "epayments.payment.captured.v1", "--to", &closed]),
        (2, vec!["trigger", "vipps", "epayments.payment.captured.v1", "--sandbox", &closed]),
        (2, vec!["trigger", "vipps", "epayments.payment.captured.v1", "--sandbox", "nowhere"]),
        (2, vec!["sandbox", "--listen", "nowhere"]),
        (2, vec!["hooks", "nobody"]),
        (2, vec!["hooks", "dealpos", "list"]),
        (2, vec!["hooks", "vipps", "get", "1"]),
        (2, [&hooks[..], &["missing"]].concat()),
        (1, [&hooks[..], &["credentials.json", "--base-url", &closed]].concat()),
        (1, [&hooks[..], &["client.json", "--base-url", &closed]].concat()),
        (2, vec!["call", "nobody"]),
        (2, vec!["call", "dealpos"]),
        (2, vec!["call", "vipps", "list_webhook"]),
        (2, vec!["call", "vipps", "delete_webhook", "--credentials-file", "credentials.json"]),
        (2, vec!["call", "vipps", "--no-validate"]),
        (1, vec!["call", "vipps", "list_webhooks", "--credentials-file", "credentials.json", "--base-url", &closed]),
        (2, vec!["token", "nobody"]),
        (2, vec!["token", "dealpos"]),
        (2, vec!["token", "vipps", "--credentials-file", "credentials.json"]),
        (1, vec!["token", "vipps", "--credentials-file", "client.json", "--base-url", &closed]),
        (2, vec!["sink", "create", "inbox"]),
        (2, vec!["sink", "create", "inbox", "--config", "missing.toml"]),
        (2, vec!["sink", "create", "inbox", "--config", "broken.json"]),
        (2, vec!["lint"]),
        (2, vec!["lint", "missing.yaml"]),
        (2, vec!["init", "Acme"]),
        (2, vec!["init", "acme", "--output", "other.yaml"]),
        (2, vec!["tail", "missing/events"]),
        (2, vec!["replay", "missing/events", "--to", "http://127.0.0.1:9/"]),
        (2, vec!["completions", "csh"]),
        (2, vec!["man", "nothing"]),
        (2, vec!["man", "--directory", "broken.json"]),
        (2, vec!["schema", "vipps", "--color", "sometimes"]),
        (2, vec!["schema", "vipps", "--spec", "missing.yaml"]),
        (2, vec!["schema", "vipps", "--spec", "broken.json"]),
    ];
    let check = |call: &[&str], status: i32, done: Done| {
        assert_eq!(done.status, status, "{call:?}: {}", done.err);
        assert!(done.err.starts_with("error: ") && !done.err.contains("pos-webhooks: "), "{call:?}: {}", done.err);
        assert_eq!(done.err.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{call:?}: {}", done.err);
        let shows_help = done.err.ends_with("\nFor more information, try '--help'.\n");
        assert!(shows_help || !done.err.contains("\nUsage: "), "{call:?}: {}", done.err);
    };
    let command_in = |call: &[&str]| {
        let mut command = command(call);
        command.current_dir(&folder);
        command
    };
    for (status, call) in &calls {
        check(call, *status, feed(command_in(call), b""));
    }
    // What is written cannot be.
    if cfg!(target_os = "linux") {
        for call in [
            &["demo"][..],
            &["verify", "mipos", "--headers", "headers.txt", "broken.json"],
            &["sign", "mipos", "--secret-file", "secret.txt", "broken.json"],
            &["decode", "vipps", "credentials.json"],
            &["validate", "dealpos", "paymentCreated", "broken.json"],
            &["schema", "dealpos"],
            &["spec", "dealpos"],
            &["example", "dealpos", "paymentCreated", "--format", "raw"],
            &["sandbox"],
            &["try", "dealpos", "--listen", "127.0.0.1:0"],
            &["trigger", "dealpos", "paymentCreated", "--to", &closed, "--secret-file", "secret.txt"],
            &["lint", "broken.json"],
            &["init", "acme", "--output", "-"],
            &["completions", "bash"],
            &["man"],
        ] {
            let mut command = command_in(call);
            command.stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
            check(call, 2, feed(command, b""));
        }
    }
    let tested: BTreeSet<_> =
        calls.iter().map(|(_, call)| call[0].to_owned()).filter(|name| name != "nothing").collect();
    assert_eq!(tested, subcommands(&help(&[], "--help", 100)).into_iter().collect());
}

/// A program that is run on a terminal of its own, by `script` of util-linux.
#[cfg(target_os = "linux")]
mod terminal {
    use super::*;

    struct Seen {
        status: Option<i32>,
        text: String,
    }

    /// Presses Ctrl-C once `until` is seen, where it does not end by itself.
    fn on_a_terminal(folder: &PathBuf, call: &str, until: Option<&str>) -> Seen {
        // Where the tests run in the background, Ctrl-C is ignored by what they start.
        let mut script = Command::new("env");
        script
            .args(["--default-signal=INT", "script", "-qec", call, "/dev/null"])
            .current_dir(folder)
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm-256color");
        for name in ["COLUMNS", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
            script.env_remove(name);
        }
        script.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = script.spawn().unwrap();
        let (mut keyboard, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (mut text, mut pressed) = (Vec::new(), false);
        let mut bytes = [0; 4096];
        // Reading fails once the other end is gone.
        while let Ok(read @ 1..) = screen.read(&mut bytes) {
            text.extend(&bytes[..read]);
            if !pressed && until.is_some_and(|until| String::from_utf8_lossy(&text).contains(until)) {
                keyboard.write_all(b"\x03").unwrap();
                pressed = true;
            }
        }
        Seen { status: child.wait().unwrap().code(), text: String::from_utf8_lossy(&text).replace('\r', "") }
    }

    #[test]
    fn every_subcommand_runs_on_a_terminal() {
        let folder = directory("terminal");
        prepare(&folder);
        let calls = [
            ("demo", 0, None),
            ("verify mypos --secret-file secret.txt --headers headers.txt body.json", 0, None),
            ("verify mypos --secret-file secret.txt --headers headers.txt orders.ndjson", 1, None),
            ("sign mipos --secret-file secret.txt body.json", 0, None),
            ("decode vipps captured.json", 0, None),
            ("validate dealpos paymentCreated payment.json", 0, None),
            ("validate dealpos paymentCreated orders.ndjson --ndjson", 1, None),
            ("schema vipps", 0, None),
            ("spec mypos", 0, None),
            ("example mipos create_webhook.409", 0, None),
            ("sandbox", 130, Some("\"provider\":\"vipps\"")),
            ("try vipps --listen 127.0.0.1:0", 0, Some("in another terminal")),
            ("trigger vipps epayments.payment.captured.v1 --to http://127.0.0.1:9 --secret-file secret.txt", 1, None),
            ("hooks vipps list --base-url http://127.0.0.1:9 --credentials-file token.json", 1, None),
            (
                "hooks vipps delete 497f6eca-6276-4993-bfeb-53cbbbba6f08 --base-url http://127.0.0.1:9 --credentials-file token.json",
                130,
                Some("elete"),
            ),
            ("listen mypos --secret-file secret.txt --listen 127.0.0.1:0", 0, Some("127.0.0.1:")),
            ("tail events.ndjson --from-start", 130, Some("captured.v1")),
            ("tail events.ndjson --from-start --no-follow", 0, None),
            ("replay events.ndjson --to http://127.0.0.1:9 --secret-file secret.txt", 1, None),
            ("replay events.ndjson --to https://shop.example/hooks --secret-file secret.txt", 130, Some("[y/N]")),
            ("sink create inbox --config missing.toml", 2, None),
            ("token vipps --base-url http://127.0.0.1:9 --credentials-file client.json", 1, None),
            ("call mypos", 0, None),
            ("lint shop.yaml", 0, None),
            ("init acme", 0, None),
            ("completions bash", 0, None),
            ("man verify", 0, None),
        ];
        fs::write(folder.join("client.json"), r#"{"client_id":"i","client_secret":"s"}"#).unwrap();
        fs::write(folder.join("token.json"), r#"{"token":"t"}"#).unwrap();
        for (call, status, until) in calls {
            let seen = on_a_terminal(&folder, &format!("exec {BINARY} {call}"), until);
            assert!(!seen.text.contains("panicked"), "{call}: {}", seen.text);
            assert_eq!(seen.status, Some(status), "{call}: {}", seen.text);
        }
        let tested: BTreeSet<_> = calls.iter().filter_map(|(call, ..)| call.split(' ').next()).collect();
        let names = subcommands(&help(&[], "--help", 100));
        assert_eq!(tested, names.iter().map(String::as_str).collect());
    }

    #[test]
    fn help_is_as_wide_as_the_terminal() {
        let folder = directory("terminal width");
        for width in [66, 93, 140] {
            for call in ["verify --help", "hooks --help", "demo"] {
                let seen = on_a_terminal(&folder, &format!("stty cols {width} rows 24; {BINARY} {call}"), None);
                let text = anstream::adapter::strip_str(&seen.text).to_string();
                let widest =
                    text.lines().filter(|line| !line.starts_with("Usage")).map(|line| line.chars().count()).max();
                let least = if call == "demo" { 0 } else { width - 12 };
                assert!(widest.is_some_and(|widest| (least..=width).contains(&widest)), "{width}: {text}");
            }
        }
    }

    #[test]
    fn a_message_is_not_cut_inside_a_word() {
        let folder = directory("terminal message");
        prepare(&folder);
        let verify = "verify mypos --secret-file secret.txt --headers headers.txt";
        for call in [
            "sandbox --seed x",
            "decode mypos body.json",
            "schema vipps epayments.payment.captured.v9",
            "decode vipps --url https://shop.example --event epayments.payment.unknown.v1 captured.json",
            &format!("{verify} orders.ndjson"),
        ] {
            let lines = |seen: &Seen| -> Vec<String> {
                anstream::adapter::strip_str(&seen.text).to_string().lines().map(str::to_owned).collect()
            };
            let narrow = lines(&on_a_terminal(&folder, &format!("stty cols 66 rows 24; {BINARY} {call}"), None));
            let wide = lines(&on_a_terminal(&folder, &format!("stty cols 5000 rows 24; {BINARY} {call}"), None));
            let whole = |line: &&String| line.starts_with("Usage: ") || line.starts_with('{');
            let widest = narrow.iter().filter(|line| !whole(line)).map(|line| line.chars().count()).max();
            assert!(narrow.len() > wide.len() && widest.is_some_and(|widest| widest <= 66), "{call}: {narrow:#?}");
            assert_eq!(words(&narrow.join("\n")), words(&wide.join("\n")), "{call}");
        }
        // Where it is redirected, each sentence is one line.
        let call = format!("stty cols 66 rows 24; {BINARY} {verify} orders.ndjson | cat");
        let seen = on_a_terminal(&folder, &call, None);
        assert!(seen.text.lines().any(|line| line.starts_with("error: ") && line.len() > 100), "{}", seen.text);
    }

    #[test]
    fn an_example_has_a_heading_on_a_terminal_only() {
        let folder = directory("terminal example");
        let call = format!("{BINARY} example dealpos paymentCreated");
        let seen = on_a_terminal(&folder, &call, None);
        assert!(seen.text.starts_with("# paymentCreated, original: "), "{}", seen.text);
        assert!(on_a_terminal(&folder, &format!("{call} 2>&- | cat"), None).text.starts_with("{\"ID\":"), "{call}");
    }
}
