//! The systemd unit of `deploy/`: systemd accepts it and rates it as hardened, its command starts `listen`, and its time limit
//! fits that of the program.

#![cfg(unix)]

mod listener;

use std::fs;
use std::io::Write as _;
use std::process::Command;

use http::StatusCode;
use listener::*;
use rustix::process::Signal;

const UNIT: &str = include_str!("../../deploy/pos-webhooks-listen@.service");

/// Where the unit expects the program.
const PROGRAM: &str = "/usr/local/bin/pos-webhooks";

/// The exposure, from 0 to 100, above which `systemd-analyze security` fails.
const THRESHOLD: &str = "15";

/// The value of the one line with this name.
fn value(name: &str) -> &'static str {
    let mut values = UNIT.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let value = values.next().unwrap_or_else(|| panic!("{name}"));
    assert_eq!(values.next(), None, "{name}");
    value
}

fn analyze(folder: &Folder, arguments: &[&str]) -> Option<String> {
    let unit = UNIT.replace(PROGRAM, env!("CARGO_BIN_EXE_pos-webhooks"));
    for name in ["pos-webhooks-listen@.service", "pos-webhooks-listen@shop.service"] {
        fs::write(folder.file(name), &unit).unwrap();
    }
    let file = folder.file("pos-webhooks-listen@shop.service");
    let Ok(output) = Command::new("systemd-analyze").args(arguments).arg(file).output() else {
        // The macros' output is only shown for tests that fail.
        let _ = writeln!(std::io::stderr(), "SKIPPED: tests of the unit, since systemd-analyze is not installed");
        return None;
    };
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{text}");
    Some(text)
}

#[test]
fn systemd_accepts_every_line() {
    let folder = Folder::new("unit");
    if let Some(text) = analyze(&folder, &["verify", "--man=no"]) {
        // What it does not know is only a warning.
        assert!(!text.contains("pos-webhooks-listen"), "{text}");
    }
}

#[test]
fn systemd_rates_the_unit_as_hardened() {
    let folder = Folder::new("unit-security");
    analyze(&folder, &["security", "--offline=true", "--no-pager", "--threshold", THRESHOLD]);
}

/// As systemd does it: the options of the environment file, the credential, the working directory, and the signals.
#[test]
fn the_command_of_the_unit_receives_deliveries() {
    let folder = Folder::new("unit-command");
    let words = value("ExecStart").split(' ').flat_map(|word| match word {
        "$OPTIONS" => vec!["vipps", "--url", URL, "--listen", "127.0.0.1:0", "--log-format", "json"],
        word => vec![word],
    });
    let words: Vec<_> = words.map(|word| word.replace("%d", folder.0.to_str().unwrap())).collect();
    assert_eq!((&words[0][..], value("LoadCredential")), (PROGRAM, "secret:/etc/pos-webhooks/%i.secret"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    let listener = Listener::spawn(command.args(&words[1..]).current_dir(&folder.0));
    assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
    fs::rename(folder.file("events.ndjson"), folder.file("events.ndjson.1")).unwrap();
    assert!(value("ExecReload").ends_with("kill -HUP $MAINPID"));
    listener.signal(Signal::HUP);
    listener.logged("reopened");
    assert_eq!(fs::read_to_string(folder.file("events.ndjson")).unwrap(), "");
    listener.end();
}

#[test]
fn the_program_has_time_to_finish_requests() {
    let (_, grace) =
        include_str!("../src/listen/server.rs").split_once("const GRACE: Duration = Duration::from_secs(").unwrap();
    let grace: u64 = grace.split_once(')').unwrap().0.parse().unwrap();
    let limit: u64 = value("TimeoutStopSec").strip_suffix('s').unwrap().parse().unwrap();
    // Afterwards, the writer and the log have a second each.
    assert!(limit >= grace + 5, "{limit} {grace}");
}

#[test]
fn as_many_connections_are_allowed_as_the_program_accepts() {
    let folder = Folder::new("unit-descriptors");
    let mut command = Command::new("sh");
    let limit = format!("ulimit -n {}; exec \"$0\" \"$@\"", value("LimitNOFILE"));
    command.args(["-c", &limit, env!("CARGO_BIN_EXE_pos-webhooks"), "listen", "vipps", "--url", URL]);
    command.args(["--secret-file", &folder.file("secret"), "--listen", "127.0.0.1:0", "--log-format", "json"]);
    let log = Listener::spawn(&mut command).end();
    assert!(!log.contains("fewer connections"), "{log}");
}
