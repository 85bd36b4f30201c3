//! On a terminal, `listen` prints one short line for each event, with and without `--append`.

#![cfg(target_os = "linux")]

mod listener;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{ChildStdout, Command, Stdio};

use http::StatusCode;
use listener::*;
use pos_webhooks::dealpos;

/// `listen dealpos` on a terminal of its own, by `script` of util-linux.
struct OnTerminal {
    child: std::process::Child,
    screen: BufReader<ChildStdout>,
    address: String,
}

impl OnTerminal {
    fn start(folder: &Folder, options: &str) -> Self {
        Self::start_at(folder, options, 100)
    }

    /// On a terminal with this number of columns.
    fn start_at(folder: &Folder, options: &str, width: usize) -> Self {
        let program = format!(
            "stty cols {width} rows 24; exec '{}' listen dealpos --color never --listen 127.0.0.1:0 --secret-file '{}' {options}",
            env!("CARGO_BIN_EXE_pos-webhooks"),
            folder.file("secret")
        );
        let mut command = Command::new("script");
        command.args(["-qec", &program, "/dev/null"]).env("SHELL", "/bin/sh").env_remove("COLUMNS");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut screen = BufReader::new(child.stdout.take().unwrap());
        let address = loop {
            let line = line(&mut screen);
            if let Some((_, address)) = line.split_once("address=") {
                break address.trim().to_owned();
            }
        };
        Self { child, screen, address }
    }

    fn deliver(&self, event: &str, body: &str) -> StatusCode {
        let headers = [(dealpos::headers::X_API_KEY, SECRET.to_owned())];
        post(self.address.parse().unwrap(), &format!("/{event}"), &headers, body.as_bytes()).unwrap().status()
    }

    /// The next line of an event, without the log.
    fn event(&mut self) -> String {
        loop {
            let line = line(&mut self.screen);
            if !line.contains("WARN") && !line.contains("INFO") {
                return line;
            }
        }
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        // With a file, it would go on without its terminal.
        let _ = Command::new("pkill").args(["-TERM", "-P", &self.child.id().to_string()]).status();
        // Its terminal is then gone, and with it the reader of its standard output.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.screen.read_to_string(&mut String::new());
    }
}

fn line(screen: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    assert!(screen.read_line(&mut line).unwrap() > 0, "the screen has ended");
    line.trim_end().to_owned()
}

/// Checks the line of an event, whose time, key and duration vary.
fn assert_line(line: &str, event: &str, valid: &str) {
    let cells: Vec<_> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    let [time, provider, name, key, is_valid, duration] = cells[..] else { panic!("{line}") };
    assert!(time.len() == 9 && time.ends_with('Z') && time.matches(':').count() == 2, "{line}");
    assert_eq!((provider, name, is_valid), ("dealpos", event, valid), "{line}");
    assert!(key == "-" || key.len() == 8, "{line}");
    assert!(duration.strip_suffix(" ms").is_some_and(|number| number.parse::<u64>().is_ok()), "{line}");
    assert!(line.chars().count() <= 100, "{line}");
}

#[test]
fn each_event_is_one_line() {
    if Command::new("script").arg("--version").output().is_err() {
        return;
    }
    let payment = dealpos::EventName::PaymentCreated.examples()[0].json;
    let folder = Folder::new("terminal-lines");
    let append = format!("--append '{}'", folder.file("events"));
    for options in ["", &append] {
        let mut listen = OnTerminal::start(&folder, options);
        assert_eq!(listen.deliver("paymentCreated", payment), StatusCode::OK);
        assert_line(&listen.event(), "paymentCreated", "valid");
        let invalid = payment.replace("\"Amount\":", "\"Amount\":\"100000\",\"_\":");
        assert_eq!(listen.deliver("paymentCreated", &invalid), StatusCode::OK);
        let line = listen.event();
        assert!(line.contains("  invalid: "), "{line}");
        assert_eq!(listen.deliver("paymentCreated", "not JSON"), StatusCode::OK);
        assert_line(&listen.event(), "paymentCreated", "not JSON");
        // A payload is a customer's data, and in the file only.
        assert!(!line.contains("100000"), "{line}");
    }
    assert_eq!(folder.lines().len(), 3);
}

#[test]
fn on_a_narrow_terminal_it_is_still_said_whether_the_payload_is_valid() {
    if Command::new("script").arg("--version").output().is_err() {
        return;
    }
    let payment = dealpos::EventName::PaymentCreated.examples()[0].json;
    let folder = Folder::new("terminal-narrow");
    for width in [30, 40, 58] {
        let mut listen = OnTerminal::start_at(&folder, "", width);
        assert_eq!(listen.deliver("paymentCreated", payment), StatusCode::OK);
        let line = listen.event();
        assert!(line.contains("  valid  ") && line.ends_with(" ms"), "{line}");
        assert!(line.chars().count() <= width, "{width}: {line}");
    }
}
