//! docs/production.md names every metric and every member of a configuration that there is, and no other, and configures
//! logrotate as the help does; the example configuration of deploy/ can be started.

#![cfg(unix)]

mod listener;

use std::collections::BTreeSet;
use std::process::Command;

use http::StatusCode;
use listener::*;

const PAGE: &str = include_str!("../../docs/production.md");

#[test]
fn the_metrics_are_those_of_the_program() {
    let folder = Folder::new("production");
    let listener = Listener::vipps(&folder, &[]);
    // A metric by reason is there once it has counted something.
    assert_eq!(listener.post("/", &[], b"{}").status(), StatusCode::UNAUTHORIZED);
    assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
    assert_eq!(exchange(listener.address, b"nothing\r\n\r\n").unwrap().status(), StatusCode::BAD_REQUEST);
    // It is counted after its response.
    listener.logged("not_http");
    let text = listener.get("/metrics").into_body();
    listener.end();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let (counters, others): (BTreeSet<_>, BTreeSet<_>) = types.partition(|(_, kind)| *kind == "counter");
    let mut there: BTreeSet<_> = counters.into_iter().map(|(name, _)| format!("{name}_total")).collect();
    there.extend(others.into_iter().map(|(name, kind)| match kind {
        "info" => format!("{name}_info"),
        _ => name.to_owned(),
    }));
    let words = PAGE.split(|c: char| !c.is_ascii_lowercase() && c != '_');
    let named = words.filter(|word| word.starts_with("pos_webhooks_")).map(|word| word.trim_end_matches("_bucket"));
    assert_eq!(named.map(str::to_owned).collect::<BTreeSet<_>>(), there);
}

#[test]
fn the_reasons_are_those_of_the_program() {
    let program = [
        include_str!("../src/listen/body.rs"),
        include_str!("../src/listen/delivery.rs"),
        include_str!("../src/listen/server.rs"),
    ]
    .concat();
    let lists = PAGE.split("{reason=~\"").skip(1).map(|rest| rest.split_once('"').unwrap().0);
    let reasons: Vec<_> =
        lists.flat_map(|list| list.split("\\|")).map(|reason| reason.trim_start_matches(".*")).collect();
    assert!(reasons.len() > 5, "{reasons:?}");
    for reason in reasons {
        assert!(program.contains(&format!("{reason}\"")), "{reason}");
    }
}

#[test]
fn logrotate_is_configured_as_in_the_help() {
    let help = Command::new(env!("CARGO_BIN_EXE_pos-webhooks")).args(["listen", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let block = |text: &str| -> Vec<String> {
        let (_, rest) = text.split_once("events.ndjson {\n").unwrap();
        rest.lines().map(|line| line.trim().to_owned()).take_while(|line| line != "}").collect()
    };
    assert_eq!(block(PAGE), block(&help));
}

#[test]
fn the_example_configuration_is_started() {
    let folder = Folder::new("production-example");
    for name in ["vipps-new", "vipps-old", "mypos-oslo", "mypos-bergen", "dealpos"] {
        folder.write_secret(&format!("{name}.secret"), SECRET);
    }
    let example = include_str!("../../deploy/listen.toml");
    let example = example.replace("127.0.0.1:8080", "127.0.0.1:0").replace("127.0.0.1:9090", "127.0.0.1:0");
    std::fs::write(folder.file("listen.toml"), example).unwrap();
    let configuration = folder.file("listen.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    let listener = Listener::spawn(command.args(["listen", "--config", &configuration]));
    let body = payment(1);
    let headers = pos_webhooks::vipps::sign(
        "https://shop.example/hooks/vipps",
        &SECRET.into(),
        body.as_bytes(),
        jiff::Timestamp::now(),
    );
    assert_eq!(listener.post("/hooks/vipps", &headers.unwrap(), body.as_bytes()).status(), StatusCode::OK);
    listener.end();
    let text = std::fs::read_to_string(folder.file("events.ndjson")).unwrap();
    assert!(text.contains("\"route\":\"vipps\""), "{text}");
}

/// The error of a member that is not known lists those that are.
#[test]
fn the_members_of_a_configuration_are_those_of_the_program() {
    let folder = Folder::new("production-members");
    let known = |configuration: &str| {
        std::fs::write(folder.file("listen.toml"), configuration).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        let output = command.args(["listen", "--check", "--config", &folder.file("listen.toml")]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        let line = text.lines().find(|line| line.contains("Q is not known")).unwrap_or_else(|| panic!("{text}"));
        let (_, known) = line.split_once("known: ").unwrap();
        known.split(", ").map(str::to_owned).collect::<Vec<_>>()
    };
    let page: BTreeSet<_> = PAGE.split('`').skip(1).step_by(2).map(|code| code.rsplit('.').next().unwrap()).collect();
    for table in [
        "",
        "[limits]\n",
        "[log]\n",
        "[refused]\n",
        "[routes.a]\n",
        "[sinks.a]\ntype = \"file\"\n",
        "[sinks.a]\ntype = \"postgres\"\n",
        "[sinks.a]\ntype = \"nats\"\n",
    ] {
        for member in known(&format!("{table}Q = 1\n")) {
            let is_table =
                matches!(member.as_str(), "routes" | "sinks" | "limits" | "log" | "refused" | "rotate" | "type");
            assert!(is_table || page.contains(member.as_str()), "{member} of {table:?}");
        }
    }
}
