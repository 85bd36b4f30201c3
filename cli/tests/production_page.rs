//! docs/production.md names every metric that there is, and no other, and configures logrotate as the help does.

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
    assert_eq!(exchange(listener.address, b"nothing\r\n\r\n").unwrap().status(), StatusCode::BAD_REQUEST);
    let text = listener.get("/metrics").into_body();
    listener.end();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let (counters, others): (BTreeSet<_>, BTreeSet<_>) = types.partition(|(_, kind)| *kind == "counter");
    let mut there: BTreeSet<_> = counters.into_iter().map(|(name, _)| format!("{name}_total")).collect();
    there.extend(others.into_iter().map(|(name, _)| name.to_owned()));
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
