//! Signals during the start of `listen`, which may take long, do not kill it.

#![cfg(unix)]

mod listener;

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use listener::*;
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};

/// Starts a program that waits for its secret, until the pipe is written to.
fn start(folder: &Folder) -> (Child, File) {
    assert!(Command::new("mkfifo").args(["-m", "600", &folder.file("pipe")]).status().unwrap().success());
    let configuration = format!(
        "listen = \"127.0.0.1:0\"\n[routes.shop]\npath = \"/shop\"\nprovider = \"vipps\"\nurl = \"{URL}\"\n\
         sink = \"inbox\"\nsecrets = {{ file = \"pipe\" }}\n[sinks.inbox]\ntype = \"file\"\nfile = \"events\"\n"
    );
    fs::write(folder.file("listen.toml"), configuration).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    let child =
        command.args(["listen", "--config", &folder.file("listen.toml")]).stderr(Stdio::piped()).spawn().unwrap();
    let since = Instant::now();
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    loop {
        match OpenOptions::new().write(true).custom_flags(flags).open(folder.file("pipe")) {
            Ok(pipe) => return (child, pipe),
            // Nobody reads.
            Err(error) => assert!(since.elapsed() < Duration::from_secs(60), "{error}"),
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn a_signal_that_asks_to_end_is_followed_during_the_start() {
    for name in [Signal::TERM, Signal::INT] {
        let folder = Folder::new(&format!("start-{}", name.as_raw()));
        let (mut child, _pipe) = start(&folder);
        signal(&child, Signal::HUP);
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{name:?}");
        assert!(!folder.0.join("events").exists());
    }
}

#[test]
fn a_signal_to_read_the_configuration_again_is_followed_after_the_start() {
    let folder = Folder::new("start-hup");
    let (mut child, mut pipe) = start(&folder);
    signal(&child, Signal::HUP);
    fs::rename(folder.file("secret"), folder.file("pipe")).unwrap();
    writeln!(pipe, "{SECRET}").unwrap();
    drop(pipe);
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(log.any(|line| line.contains("listening")));
    assert!(log.any(|line| line.contains("read the configuration again")));
    signal(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
