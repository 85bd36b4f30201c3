//! The log of `pos-webhooks listen`: no delivery is lost if the log cannot be written, and it has colours if they are
//! requested.

#![cfg(unix)]

mod listener;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http::StatusCode;
use listener::*;
use pos_webhooks::dealpos;
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn a_secret_that_every_user_can_read_is_a_warning() {
    let folder = Folder::new("log-readable");
    for name in ["open", "forward"] {
        std::fs::write(folder.file(name), SECRET).unwrap();
        std::fs::set_permissions(folder.file(name), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let (open, forward) = (folder.file("open"), folder.file("forward"));
    let options = ["--secret-file", &open, "--forward-to", "http://127.0.0.1:1/", "--forward-secret-file", &forward];
    let log = Listener::vipps(&folder, &options).end();
    for (option, file) in [("--secret-file", &open), ("--forward-secret-file", &forward)] {
        let what =
            format!("{option}: {file} can be read by every user of the machine (mode 0644): run `chmod o= {file}`");
        let lines: Vec<_> = log.lines().filter(|line| line.contains(&what)).collect();
        assert!(lines.len() == 1 && lines[0].contains("\"WARN\""), "{log}");
    }
    assert_eq!(log.matches("can be read by every user").count(), 2, "{log}");
}

/// A listener whose standard error is the test's to read, or not to read.
fn start(folder: &Folder) -> (Child, String, BufReader<std::process::ChildStderr>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    command.args(["listen", "dealpos", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    command.args(["--secret-file", &folder.file("secret"), "--append", &folder.file("events")]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let address = loop {
        let mut line = String::new();
        assert!(errors.read_line(&mut line).unwrap() > 0, "no address is logged");
        if let Some(address) = address(&line) {
            break address;
        }
    };
    (child, address, errors)
}

/// The address in a line of the log, if the line has one.
fn address(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    line["address"].as_str().map(str::to_owned)
}

fn payment(number: usize) -> String {
    let example = dealpos::EventName::PaymentCreated.examples()[0].json;
    let mut payment: serde_json::Value = serde_json::from_str(example).unwrap();
    payment["ID"] = format!("payment {number}").into();
    payment.to_string()
}

fn deliver(address: &str, body: &str) -> StatusCode {
    let headers = [(dealpos::headers::X_API_KEY, SECRET.to_owned())];
    post(address.parse().unwrap(), "/paymentCreated", &headers, body.as_bytes()).unwrap().status()
}

fn figure(address: &str, name: &str) -> u64 {
    let request = b"GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let text = exchange(address.parse().unwrap(), request).unwrap().into_body();
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("pos_webhooks_{name} ")));
    line.unwrap_or_else(|| panic!("{text}")).parse().unwrap()
}

fn end(mut child: Child) {
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_closed_standard_error_does_not_lose_deliveries() {
    let folder = Folder::new("no-reader");
    let (child, address, errors) = start(&folder);
    drop(errors);
    for number in 0..3 {
        assert_eq!(deliver(&address, &payment(number)), StatusCode::OK);
        // Each of these writes to the log.
        let mistyped = payment(number).replace("\"Amount\":", "\"Amount\":\"100000\",\"_\":");
        assert_eq!(deliver(&address, &mistyped), StatusCode::OK);
        assert_eq!(deliver(&address, "not JSON"), StatusCode::OK);
    }
    // The log is written beside the requests.
    let deadline = Instant::now() + Duration::from_secs(60);
    while figure(&address, "log_lines_dropped_total") < 6 {
        assert!(Instant::now() < deadline, "the lines are not counted");
    }
    end(child);
    assert_eq!(folder.lines().len(), 9);
}

#[test]
fn a_blocked_standard_error_does_not_block_deliveries() {
    let folder = Folder::new("slow-reader");
    let (child, address, errors) = start(&folder);
    // More lines than a pipe and what waits for it hold, from a client that has no key.
    let request = b"POST /paymentCreated HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n";
    let mut stream = TcpStream::connect(&address).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    for _ in 0..100 {
        stream.write_all(&request.repeat(80)).unwrap();
        let mut answered = 0;
        while answered < 80 {
            let mut line = String::new();
            assert!(reader.read_line(&mut line).unwrap() > 0);
            answered += usize::from(line.starts_with("HTTP/1.1 401"));
        }
    }
    let health = exchange(address.parse().unwrap(), b"GET /livez HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert_eq!(health.unwrap().status(), StatusCode::OK);
    assert_eq!(deliver(&address, &payment(1)), StatusCode::OK);
    assert!(figure(&address, "log_lines_dropped_total") > 0);
    end(child);
    assert_eq!(folder.lines().len(), 1);
    drop(errors);
}

#[test]
fn a_full_log_file_does_not_lose_deliveries() {
    let folder = Folder::new("limit");
    let log = folder.file("log");
    let mut command = Command::new("sh");
    let script = format!("ulimit -f 2; exec \"$0\" \"$@\" 2>> '{log}'");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_pos-webhooks"), "listen", "dealpos", "--log-format", "json"]);
    command.args(["--listen", "127.0.0.1:0", "--secret-file", &folder.file("secret")]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let address = loop {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        if let Some(address) = lines.find_map(address) {
            break address;
        }
        std::thread::yield_now();
    };
    while figure(&address, "log_lines_dropped_total") == 0 {
        assert_eq!(post(address.parse().unwrap(), "/", &[], b"{}").unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(deliver(&address, &payment(1)), StatusCode::OK);
    // There is room again, and the line after the part of one is whole.
    std::fs::File::options().write(true).open(&log).unwrap().set_len(0).unwrap();
    assert_eq!(post(address.parse().unwrap(), "/", &[], b"{}").unwrap().status(), StatusCode::UNAUTHORIZED);
    let mut output = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut output).unwrap();
    assert_eq!(payload(&output), payment(1));
    end(child);
    let text = std::fs::read_to_string(&log).unwrap();
    let last = text.trim_matches('\0').lines().last().unwrap();
    serde_json::from_str::<serde_json::Value>(last).unwrap_or_else(|_| panic!("{last}"));
}

/// What `listen` writes to a terminal until it listens.
fn on_terminal(folder: &Folder, variables: &[(&str, &str)]) -> String {
    let program = format!(
        "exec '{}' listen mypos --secret-file '{}' --listen 127.0.0.1:0",
        env!("CARGO_BIN_EXE_pos-webhooks"),
        folder.file("secret")
    );
    let mut command = Command::new("script");
    command.args(["-qec", &program, "/dev/null"]).env("TERM", "xterm").stdin(Stdio::null());
    // Where a continuous integration runs, colours are taken to be understood.
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
        command.env_remove(name);
    }
    let mut child = command.envs(variables.iter().copied()).stdout(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    while !text.contains("listening") {
        assert!(output.read_line(&mut text).unwrap() > 0, "{text}");
    }
    // Its terminal is then gone, and with it the reader of its standard output.
    child.kill().unwrap();
    child.wait().unwrap();
    output.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn it_runs_on_a_terminal_with_colours_as_the_environment_asks() {
    let folder = Folder::new("terminal");
    let coloured = "\u{1b}[";
    assert!(on_terminal(&folder, &[]).contains(coloured));
    for variables in [("NO_COLOR", "1"), ("TERM", "dumb"), ("CLICOLOR", "0")] {
        let text = on_terminal(&folder, &[variables]);
        assert!(!text.contains(coloured), "{variables:?}: {text:?}");
    }
    for (variables, expected) in [(&[][..], false), (&[("CLICOLOR_FORCE", "1")], true)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        // This address belongs to no machine, so the program ends.
        command.args(["listen", "dealpos", "--accept-unsigned", "--listen", "192.0.2.1:1"]);
        let output =
            command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").envs(variables.to_vec()).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((text.contains("WARN"), text.contains(coloured)), (true, expected), "{text}");
    }
}

#[test]
fn quiet_and_verbose_choose_the_lines() {
    let folder = Folder::new("levels");
    let log = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        command.args(["listen", "dealpos", "--listen", "127.0.0.1:0", "--log-format", "json", "--event", "nothing"]);
        command.args(["--secret-file", &folder.file("secret"), "--append", &folder.file("events")]).args(options);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut text = String::new();
        // The quiet log does not have the address.
        if !options.contains(&"--quiet") {
            let address = loop {
                let start = text.len();
                assert!(errors.read_line(&mut text).unwrap() > 0, "{text}");
                if let Some(address) = self::address(&text[start..]) {
                    break address;
                }
            };
            assert_eq!(deliver(&address, &payment(options.len())), StatusCode::OK);
        } else {
            errors.read_line(&mut text).unwrap();
        }
        end(child);
        errors.read_to_string(&mut text).unwrap();
        text
    };
    let levels = |text: &str| -> std::collections::BTreeSet<String> {
        let level =
            |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["level"].as_str().unwrap().to_owned();
        text.lines().map(level).collect()
    };
    assert_eq!(levels(&log(&["--quiet"])), ["WARN".to_owned()].into());
    assert_eq!(levels(&log(&[])), ["INFO".to_owned(), "WARN".to_owned()].into());
    let verbose = log(&["-v"]);
    assert!(
        verbose.contains("\"message\":\"written\",\"route\":\"dealpos\",\"event\":\"nothing\",\"milliseconds\":"),
        "{verbose}"
    );
}
