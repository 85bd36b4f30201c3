//! `listen --check` finds what a start would find, and changes nothing.

#![cfg(unix)]

mod listener;

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::process::{Command, Output};

use listener::*;

fn configuration(listen: &str) -> String {
    format!(
        "{listen}\n[routes.shop]\npath = \"/shop\"\nprovider = \"vipps\"\nurl = \"{URL}\"\nsink = \"inbox\"\n\
         secrets = {{ file = \"secret\" }}\n[sinks.inbox]\ntype = \"file\"\nfile = \"events\"\n\
         rotate = {{ size = \"1 MiB\" }}\n[refused]\nfile = \"refused\"\n"
    )
}

const ANY: &str = "listen = \"127.0.0.1:0\"";

fn run(folder: &Folder, configuration: &str, options: &[&str]) -> Output {
    fs::write(folder.file("listen.toml"), configuration).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    command.args(["listen", "--config", "listen.toml"]).args(options).current_dir(&folder.0).output().unwrap()
}

/// Everything in the folder: names, contents, rights and times.
fn contents(folder: &Folder) -> BTreeMap<String, (Vec<u8>, u32, i64, i64)> {
    let entries = fs::read_dir(&folder.0).unwrap().map(Result::unwrap).filter(|it| it.file_name() != "listen.toml");
    let entry = |entry: fs::DirEntry| {
        let metadata = entry.metadata().unwrap();
        let bytes = if metadata.is_file() { fs::read(entry.path()).unwrap() } else { Vec::new() };
        let state = (bytes, metadata.mode(), metadata.mtime(), metadata.mtime_nsec());
        (entry.file_name().into_string().unwrap(), state)
    };
    entries.map(entry).collect()
}

/// The exit status and the output of the check, which must not change anything.
fn check(folder: &Folder, configuration: &str) -> (Option<i32>, String) {
    let before = contents(folder);
    let output = run(folder, configuration, &["--check"]);
    assert_eq!(contents(folder), before);
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains(SECRET) && !text.contains("panicked"), "{text}");
    (output.status.code(), text)
}

/// Fails unless both the check and the start refuse this for the same reason.
fn assert_refused(folder: &Folder, configuration: &str, why: &str) {
    let (status, text) = check(folder, configuration);
    assert!(status == Some(2) && text.contains(why), "{why}: {text}");
    let started = run(folder, configuration, &[]);
    let text = String::from_utf8(started.stderr).unwrap();
    assert!(started.status.code() == Some(2) && text.contains(why), "{why}: {text}");
}

fn store(folder: &Folder) -> String {
    let listener = Listener::vipps(folder, &[]);
    assert_eq!(listener.deliver(payment(1).as_bytes()), http::StatusCode::OK);
    listener.end();
    fs::read_to_string(folder.file("events")).unwrap()
}

#[test]
fn the_end_of_a_file_is_read_as_at_the_start() {
    let folder = Folder::new("check-end");
    assert_eq!(check(&folder, &configuration(ANY)).0, Some(0));
    let line = store(&folder);
    assert_eq!(check(&folder, &configuration(ANY)).0, Some(0));
    fs::write(folder.file("events"), line.trim_end()).unwrap();
    let (status, text) = check(&folder, &configuration(ANY));
    assert!(status == Some(0) && text.contains("The newline of the last event is missing"), "{text}");
    fs::write(folder.file("events"), format!("{line}{}", &line[..40])).unwrap();
    let (status, text) = check(&folder, &configuration(ANY));
    assert!(status == Some(0) && text.contains("its 40 bytes are moved to "), "{text}");
    fs::create_dir(folder.file("events.torn")).unwrap();
    assert_refused(&folder, &configuration(ANY), "the torn last line, to ");
    for end in ["a line of another program\n", "another\nand an incomplete one"] {
        fs::write(folder.file("events"), format!("{line}{end}")).unwrap();
        assert_refused(&folder, &configuration(ANY), "its last line is not an event that `listen` wrote");
    }
}

#[test]
fn a_file_that_cannot_be_written_is_found() {
    let folder = Folder::new("check-files");
    let configuration = configuration(ANY);
    let listener = Listener::vipps(&folder, &[]);
    assert_refused(&folder, &configuration, "another process writes to it");
    listener.end();
    fs::remove_file(folder.file("events")).unwrap();
    fs::create_dir(folder.file("events")).unwrap();
    assert_refused(&folder, &configuration, "directory");
    fs::remove_dir(folder.file("events")).unwrap();
    fs::create_dir(folder.file("refused")).unwrap();
    assert_refused(&folder, &configuration, "directory");
    fs::remove_dir(folder.file("refused")).unwrap();
    assert_refused(&folder, &configuration.replace("\"events\"", "\"none/events\""), "No such file or directory");
    if rustix::process::geteuid().is_root() {
        return;
    }
    fs::create_dir(folder.file("closed")).unwrap();
    fs::set_permissions(folder.file("closed"), fs::Permissions::from_mode(0o500)).unwrap();
    assert_refused(&folder, &configuration.replace("\"events\"", "\"closed/events\""), "Permission denied");
}

#[test]
fn an_address_that_cannot_be_opened_is_found() {
    let folder = Folder::new("check-addresses");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("\"{}\"", taken.local_addr().unwrap());
    let path = format!("/tmp/pos-webhooks-check-{}.sock", std::process::id());
    let living = UnixListener::bind(&path).unwrap();
    let unix = format!("\"unix:{path}\"");
    let long = format!("\"unix:{}\"", "x".repeat(200));
    fs::write(folder.file("file"), "").unwrap();
    let refusals = [
        (taken.as_str(), "Address already in use"),
        ("\"192.0.2.1:8080\"", "Cannot assign requested address"),
        (&unix, "another process listens on it"),
        (&long, "SUN_LEN"),
        ("\"unix:file\"", "it exists and is not a socket"),
        ("\"unix:none/in.sock\"", "No such file or directory"),
    ];
    for (address, why) in refusals {
        assert_refused(&folder, &configuration(&format!("listen = {address}")), why);
        assert_refused(&folder, &configuration(&format!("{ANY}\nadmin = {address}")), why);
    }
    assert!(fs::exists(&path).unwrap());
    drop(living);
    // A socket that a process left behind is replaced at the start, and not by the check.
    let (status, text) = check(&folder, &configuration(&format!("listen = {unix}")));
    assert!(status == Some(0) && fs::exists(&path).unwrap(), "{text}");
    fs::remove_file(&path).unwrap();
    let (status, text) = check(&folder, &configuration(&format!("listen = {unix}")));
    assert!(status == Some(0) && !fs::exists(&path).unwrap(), "{text}");
    // The two addresses must not be the same one.
    for (listen, admin) in
        [("0.0.0.0:8099", "127.0.0.1:8099"), ("127.0.0.1:8099", "[::]:8099"), ("unix:a", "unix:a|0666")]
    {
        let (status, text) = check(&folder, &configuration(&format!("listen = \"{listen}\"\nadmin = \"{admin}\"")));
        assert!(status == Some(2) && text.contains("the address is that of `listen`"), "{text}");
    }
}

#[test]
fn options_are_checked_as_a_configuration_is() {
    let folder = Folder::new("check-options");
    let check = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        command.args(["listen", "vipps", "--url", URL, "--secret-file", "secret", "--append", "events", "--check"]);
        let output = command.args(["--listen", "127.0.0.1:0"]).args(options).current_dir(&folder.0).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(check(&["--forward-to", "http://localhost:3000/"]), (Some(0), String::new()));
    fs::write(folder.file("events.cursor"), "no position").unwrap();
    for (options, why) in [
        (&["--forward-to", "http://localhost:3000/"][..], "this is not the position of --forward-to"),
        (&["--forward-to", "https://shop.example/"], "is not this machine"),
    ] {
        let (status, text) = check(options);
        assert!(status == Some(2) && text.contains(why), "{text}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    command.args(["listen", "vipps", "--url", URL, "--secret-file", "secret", "--check"]).current_dir(&folder.0);
    let output = command.args(["--listen", "0.0.0.0:8099", "--admin", "127.0.0.1:8099"]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && text.contains("the address is that of --listen"), "{text}");
}
