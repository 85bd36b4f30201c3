//! A configuration of `listen` is checked as a whole, and its problems are reported at once, with their lines.

#![cfg(unix)]

mod listener;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Output};

use listener::*;

const ROUTE: &str = "[routes.shop]\npath = \"/shop\"\nprovider = \"vipps\"\nurl = \"https://shop.example/shop\"\n\
                     sink = \"inbox\"\nsecrets = { file = \"secret\" }\n";
const ROUTE_NAME: &str = "[routes.shop]";
const LISTEN: &str = "listen = \"127.0.0.1:0\"\n";
const SINK: &str = "[sinks.inbox]\ntype = \"file\"\nfile = \"events\"\n";

fn check(folder: &Folder, configuration: &str) -> Output {
    // The default address may be taken.
    let listen = if configuration.contains(ROUTE_NAME) && !configuration.contains("listen =") { LISTEN } else { "" };
    fs::write(folder.file("listen.toml"), format!("{listen}{configuration}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    command.args(["listen", "--check", "--config", "listen.toml"]).current_dir(&folder.0);
    command.env("SHOP_SECRET", SECRET).env_remove("CREDENTIALS_DIRECTORY").output().unwrap()
}

/// The problems of a configuration; fails if there are none.
fn problems(folder: &Folder, configuration: &str) -> String {
    let output = check(folder, configuration);
    assert_eq!(output.status.code(), Some(2), "{configuration}: {output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!text.contains(SECRET) && !text.contains("--secret-file") && !text.contains("panicked"), "{text}");
    text
}

#[test]
fn all_problems_are_reported_at_once_with_their_lines() {
    let folder = Folder::new("config-problems");
    fs::write(folder.file("open"), SECRET).unwrap();
    fs::set_permissions(folder.file("open"), fs::Permissions::from_mode(0o644)).unwrap();
    folder.write_secret("empty", " ");
    insta::assert_snapshot!(problems(&folder, include_str!("snapshots/listen_config_problems.toml")));
    assert!(!folder.0.join("events").exists(), "a file was created");
}

#[test]
fn a_configuration_that_is_not_toml_is_refused_with_the_line() {
    let folder = Folder::new("config-toml");
    for (configuration, line) in
        [("a = \n", 1), ("[routes.a\npath = 1\n", 1), ("\n\nx = 'a\n", 3), ("[a]\n[a]\n", 2), ("a = 1\n\u{0}", 2)]
    {
        let text = problems(&folder, configuration);
        assert!(text.contains(&format!("listen.toml:{line}: ")), "{configuration:?}: {text}");
    }
    assert!(problems(&folder, "").contains("there is no route"));
    fs::write(folder.file("listen.toml"), b"\xff").unwrap();
}

#[test]
fn the_check_reports_what_holds_without_secrets() {
    let folder = Folder::new("config-check");
    let configuration = format!("{ROUTE}{SINK}rotate = {{ size = \"1 MiB\", keep = 3 }}\n");
    let output = check(&folder, &configuration);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let text = text.replace(folder.0.to_str().unwrap(), "FOLDER");
    assert!(!text.contains(SECRET));
    insta::assert_snapshot!(text);
    assert!(!folder.0.join("events").exists(), "a file was created");
    // A sink that cannot be used is reported, and so is where.
    let output = check(&folder, &configuration.replace("\"events\"", "\"none/events\""));
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stdout).unwrap().contains("none/events: cannot be used: No such file"));
}

#[test]
fn a_secret_is_that_of_a_file_of_the_environment_or_of_a_credential() {
    let folder = Folder::new("config-secrets");
    for (secret, problem) in [
        ("{ file = \"secret\" }", None),
        ("{ env = \"SHOP_SECRET\" }", None),
        ("[{ file = \"secret\" }, { env = \"SHOP_SECRET\" }]", None),
        ("{ env = \"NO_SECRET\" }", Some("the environment variable NO_SECRET is not set")),
        ("{ file = \"none\" }", Some("none: No such file")),
        ("{ credential = \"shop\" }", Some("CREDENTIALS_DIRECTORY is not set")),
        ("{ file = \"secret\", env = \"SHOP_SECRET\" }", Some("a secret is { file")),
        ("{}", Some("a secret is { file")),
        ("[]", Some("give the secret with `secrets`")),
        ("\"5ec7e70f0a5707e25ec7e70f0a5707e2\"", Some("a table is expected, not a string")),
        ("[\"5ec7e70f0a5707e25ec7e70f0a5707e2\"]", Some("a table is expected, not a string")),
    ] {
        let configuration = format!("{ROUTE}{SINK}").replace("{ file = \"secret\" }", secret);
        match problem {
            None => assert_eq!(check(&folder, &configuration).status.code(), Some(0), "{secret}"),
            Some(problem) => {
                let text = problems(&folder, &configuration);
                assert!(text.contains(problem) && text.contains("listen.toml:"), "{secret}: {text}");
                assert_eq!(text.lines().count(), 1, "{secret}: {text}");
            }
        }
    }
    // One newline at the end is not part of the secret.
    let configuration = format!("{ROUTE}{SINK}").replace("{ file = \"secret\" }", "{ env = \"SHOP_SECRET\" }");
    fs::write(folder.file("listen.toml"), format!("{LISTEN}{configuration}[log]\nformat = \"json\"\n")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    command.args(["listen", "--config", &folder.file("listen.toml")]).env("SHOP_SECRET", format!("{SECRET}\r\n"));
    let listener = Listener::spawn(&mut command);
    let url = "https://shop.example/shop";
    let headers = pos_webhooks::vipps::sign(url, &SECRET.into(), b"{}", jiff::Timestamp::now()).unwrap();
    assert_eq!(listener.post("/shop", &headers, b"{}").status(), http::StatusCode::OK);
    listener.end();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    let configuration = format!("{ROUTE}{SINK}").replace("file = \"secret\"", "credential = \"secret\"");
    fs::write(folder.file("listen.toml"), format!("{LISTEN}{configuration}")).unwrap();
    command
        .args(["listen", "--check", "--config", &folder.file("listen.toml")])
        .env("CREDENTIALS_DIRECTORY", &folder.0);
    assert_eq!(command.output().unwrap().status.code(), Some(0));
}

#[test]
fn options_of_a_route_are_refused_beside_a_configuration() {
    for options in [&["vipps"][..], &["--secret-file", "a"], &["--append", "a"], &["--listen", "127.0.0.1:1"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        let output = command.args(["listen", "--config", "listen.toml"]).args(options).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().contains("cannot be used with"), "{options:?}");
    }
}

#[test]
fn a_file_of_refused_deliveries_is_not_one_of_a_sink() {
    let folder = Folder::new("config-refused");
    fs::create_dir(folder.file("sub")).unwrap();
    fs::write(folder.file("events"), "").unwrap();
    std::os::unix::fs::symlink(folder.file("events"), folder.file("link")).unwrap();
    for (sink, refused) in [
        ("events", "events"),
        ("events", "sub/../events"),
        ("events", "link"),
        ("link", "events"),
        ("events.1", "events"),
        ("events", "events.1"),
        ("events", "events-20260101"),
    ] {
        let sinks = SINK.replace("\"events\"", &format!("\"{sink}\""));
        let text = problems(&folder, &format!("{ROUTE}{sinks}[refused]\nfile = \"{refused}\"\n"));
        assert!(text.contains("refused.file: a sink writes to this file"), "{sink} {refused}: {text}");
    }
    let allowed = check(&folder, &format!("{ROUTE}{SINK}[refused]\nfile = \"refused.ndjson\"\n"));
    assert_eq!(allowed.status.code(), Some(0), "{allowed:?}");
    let other = "[sinks.other]\ntype = \"file\"\nfile = \"link\"\n";
    assert!(problems(&folder, &format!("{ROUTE}{SINK}{other}")).contains("the same place as sinks."));
}

#[test]
fn limits_are_those_that_can_be_kept() {
    let folder = Folder::new("config-limits");
    // Memory follows the size of a body unless it is given, and keys need it only once they are there.
    for members in ["[limits]\nbody = \"100 MiB\"\n", ""] {
        let output = check(&folder, &format!("{members}{ROUTE}{SINK}window = 99999999999999\n"));
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
    assert!(problems(&folder, &format!("drain = \"9999999999999 h\"\n{ROUTE}{SINK}")).contains("at most one hour"));
    let listener = Listener::configured(&folder, &format!("{ROUTE}{SINK}window = 99999999999999\n"));
    listener.end();
}
