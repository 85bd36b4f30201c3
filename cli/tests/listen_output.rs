//! `pos-webhooks listen` with a pipe: no event is acknowledged without a reader, and the program ends with its reader.

#![cfg(unix)]

mod listener;

use std::io::{BufRead as _, BufReader};
use std::process::Command;

use http::StatusCode;
use listener::*;

#[test]
fn it_ends_with_the_program_that_reads_it() {
    let folder = Folder::new("reader");
    for delivered in [false, true] {
        let mut listener = Listener::start(&folder, &["vipps", "--url", URL]);
        let mut output = BufReader::new(listener.child.stdout.take().unwrap());
        if delivered {
            assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            assert_eq!(payload(&line), payment(1));
        }
        drop(output);
        assert_eq!(listener.child.wait().unwrap().code(), Some(1));
        listener.logged("the program that reads standard output has ended");
    }
}

#[test]
fn a_closed_output_is_refused() {
    let folder = Folder::new("closed");
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" \"$@\" >&-", env!("CARGO_BIN_EXE_pos-webhooks"), "listen", "vipps", "--url", URL]);
    command.args(["--secret-file", &folder.file("secret"), "--listen", "192.0.2.1:1"]);
    let output = command.output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("standard output: it is closed"), "{error}");
}

#[test]
fn an_incomplete_line_does_not_affect_the_next_event() {
    let folder = Folder::new("part");
    let mut command = Command::new("sh");
    // The limit of a file's size stands for a full disk; its unit is 512 bytes or 1 KiB.
    let script = format!("ulimit -f 2; exec \"$0\" \"$@\" >> '{}'", folder.file("events"));
    command.args(["-c", &script, env!("CARGO_BIN_EXE_pos-webhooks"), "listen", "vipps", "--url", URL]);
    command.args(["--listen", "127.0.0.1:0", "--log-format", "json", "--secret-file", &folder.file("secret")]);
    let listener = Listener::spawn(&mut command);
    assert_eq!(listener.deliver(payment("x".repeat(4000)).as_bytes()), StatusCode::SERVICE_UNAVAILABLE);
    std::fs::File::options().write(true).open(folder.file("events")).unwrap().set_len(10).unwrap();
    assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
    listener.end();
    let lines = folder.lines();
    assert_eq!((lines.len(), payload(&lines[1])), (2, payment(1)));
}
