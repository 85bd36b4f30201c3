//! `pos-webhooks tail` as a process.

#![allow(dead_code)]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

pub struct Tail {
    child: Child,
    lines: Receiver<String>,
    errors: Arc<Mutex<String>>,
}

impl Tail {
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        command.arg("tail").args(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let errors = Arc::<Mutex<String>>::default();
        let (reported, error) = (Arc::clone(&errors), BufReader::new(child.stderr.take().unwrap()));
        thread::spawn(move || {
            error.lines().map_while(Result::ok).for_each(|line| reported.lock().unwrap().push_str(&(line + "\n")));
        });
        Self { child, lines, errors }
    }

    pub fn next(&self) -> String {
        self.lines
            .recv_timeout(Duration::from_secs(60))
            .unwrap_or_else(|_| panic!("no line: {}", self.errors.lock().unwrap()))
    }

    pub fn keys(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| key(&self.next())).collect()
    }

    /// Waits until it reports this.
    pub fn reports(&self, text: &str) {
        self.reports_times(text, 1);
    }

    /// Waits until it has reported this so often.
    pub fn reports_times(&self, text: &str, times: usize) {
        let since = Instant::now();
        while self.errors.lock().unwrap().matches(text).count() < times {
            assert!(since.elapsed() < Duration::from_secs(60), "{text}: {}", self.errors.lock().unwrap());
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends it, after it has had time to show more than it should. Returns what it has reported.
    pub fn end(mut self) -> String {
        assert_eq!(self.lines.recv_timeout(Duration::from_millis(700)).ok(), None);
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.errors.lock().unwrap().clone()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The result of a command that ends by itself: its status, output and errors.
pub fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (shown, errors) = (text(output.stdout), text(output.stderr));
    assert!(!errors.contains("panicked"), "{errors}");
    (output.status.code(), shown, errors)
}

pub fn key(line: &str) -> String {
    serde_json::from_str::<Value>(line).unwrap()["idempotency_key"].as_str().unwrap().to_owned()
}

/// A line without the time when the event was received.
pub fn without_time(line: &str) -> String {
    let (beginning, rest) = line.split_once("\"received_at\":\"").unwrap();
    let (time, rest) = rest.split_once('"').unwrap();
    time.parse::<jiff::Timestamp>().unwrap();
    format!("{beginning}{rest}")
}
