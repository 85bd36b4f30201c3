//! A genuine delivery that few programs can read is acknowledged, is stored with its bytes in every sink, and neither holds up nor
//! changes the good ones that come with it.

#![cfg(all(unix, feature = "nats", feature = "postgres"))]

#[path = "../../tests/cluster/mod.rs"]
mod cluster;
mod inbox;
mod listener;
mod nats_server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cluster::Cluster;
use http::StatusCode;
use inbox::{Inbox, deliver};
use listener::*;
use nats_server::{STREAM, Server, can_run, fitting};
use serde_json::Value;

/// How many good events come with each poison.
const GOOD: usize = 100;

/// Bodies by what is wrong with them.
fn poisons() -> Vec<(&'static str, Vec<u8>)> {
    let with = |member: &str| payment("poison").replacen('{', &format!("{{\"more\":{member},"), 1).into_bytes();
    let long = |size: usize| with(&format!("\"{}\"", "x".repeat(size)));
    vec![
        ("U+0000", with("\"\\u0000\"")),
        ("U+0000 in a name", br#"{"name":"a\u0000b"}"#.to_vec()),
        ("a lone surrogate", with("\"\\ud800\"")),
        ("a huge number", with("1e200000")),
        ("200,000 brackets", "[".repeat(200_000).into_bytes()),
        ("200,000 nested arrays", ["[".repeat(200_000), "]".repeat(200_000)].concat().into_bytes()),
        ("nested arrays in a payment", with(&["[".repeat(200_000), "]".repeat(200_000)].concat())),
        ("bytes that are not UTF-8", [&with("1")[..], b"\xff\xfe\0"].concat()),
        ("no JSON", b"not JSON\0\r\n".to_vec()),
        ("nothing", Vec::new()),
        ("1 MiB", long((1 << 20) - long(0).len())),
    ]
}

/// What is stored of an event.
#[derive(Debug, PartialEq, Eq)]
struct Stored {
    known: bool,
    has_error: bool,
    /// Whether there is a payload, where a sink has one beside the body.
    has_payload: Option<bool>,
}

/// Delivers each poison amid good events, all at the same time.
fn deliver_all(listener: &Listener) {
    let address = listener.address;
    for (number, (what, poison)) in poisons().iter().enumerate() {
        let good: Vec<_> = (0..GOOD).map(|good| payment(number * GOOD + good)).collect();
        thread::scope(|scope| {
            let (first, second) = good.split_at(GOOD / 2);
            let bodies = |good: &[String]| good.iter().map(|body| body.as_bytes().to_vec()).collect::<Vec<_>>();
            for body in [bodies(first), vec![poison.clone()], bodies(second)].concat() {
                scope.spawn(move || assert_eq!(deliver(address, "/shop", &body).unwrap(), StatusCode::OK, "{what}"));
            }
        });
    }
    assert!(is_ready(address));
}

/// Checks the stored bodies, and what is known of the good ones. Returns the poisons.
fn check(stored: Vec<(Vec<u8>, Stored)>) -> BTreeMap<&'static str, Stored> {
    let poisons = poisons();
    assert_eq!(stored.len(), poisons.len() * (GOOD + 1));
    let mut stored: BTreeMap<_, _> = stored.into_iter().collect();
    for number in 0..poisons.len() * GOOD {
        let good = stored.remove(payment(number).as_bytes()).unwrap_or_else(|| panic!("{number} is not stored"));
        assert!(good.known && !good.has_error && good.has_payload != Some(false), "{number}: {good:?}");
    }
    let of_poison = |(what, body): (&'static str, Vec<u8>)| {
        let found = stored.remove(&body).unwrap_or_else(|| panic!("{what} is not stored with its bytes"));
        (what, found)
    };
    poisons.into_iter().map(of_poison).collect()
}

#[test]
fn a_file_has_every_poison_with_its_bytes() {
    let folder = Folder::new("poison-file");
    let listener = Listener::configured(
        &folder,
        &format!(
            "[routes.shop]\npath = \"/shop\"\nprovider = \"vipps\"\nurl = \"{URL}\"\nsink = \"inbox\"\n\
             secrets = {{ file = \"secret\" }}\n[sinks.inbox]\ntype = \"file\"\nfile = \"events\"\n"
        ),
    );
    deliver_all(&listener);
    listener.end();
    let stored = folder.lines().into_iter().map(|line| {
        let event: Value = serde_json::from_str(&line).unwrap();
        let body = match event["body"].as_str() {
            Some(body) => BASE64.decode(body).unwrap(),
            None => payload(&line).into_bytes(),
        };
        let has_payload = Some(!event["payload"].is_null());
        (body, Stored { known: event["known"] == true, has_error: !event["error"].is_null(), has_payload })
    });
    check(stored.collect());
}

#[test]
fn a_table_has_every_poison_with_its_bytes_and_no_statement_fails() {
    let Some(cluster) = Cluster::start(&[]).map(Arc::new) else { return };
    let inbox = Inbox::new(&cluster, "poison");
    let listener = inbox.listen("");
    deliver_all(&listener);
    let columns = "encode(body, 'hex'), known, error is not null, payload is not null";
    let rows = inbox.sql(&format!("select {columns} from pos_webhooks.event"));
    let stored = rows.lines().map(|row| {
        let values: Vec<_> = row.split('|').collect();
        let [known, has_error, has_payload] = [1, 2, 3].map(|column| values[column] == "t");
        (hex::decode(values[0]).unwrap(), Stored { known, has_error, has_payload: Some(has_payload) })
    });
    let poisons = check(stored.collect());
    for (what, stored) in &poisons {
        assert_eq!(stored.has_payload, Some(*what == "1 MiB"), "{what}");
    }
    let log = listener.end();
    assert!(!log.contains("one by one") && !cluster.log().contains("ERROR"), "{log}\n{}", cluster.log());
}

#[test]
fn a_table_that_refuses_a_payload_refuses_it_twice_and_no_other() {
    let Some(cluster) = Cluster::start(&[]).map(Arc::new) else { return };
    let inbox = Inbox::new(&cluster, "refuses");
    // What `listen` cannot know before.
    inbox.sql("alter table pos_webhooks.event add check (not payload ? 'poison')");
    let listener = inbox.listen("");
    let address = listener.address;
    thread::scope(|scope| {
        for number in 0..=GOOD {
            let body = if number == GOOD / 2 { "{\"poison\":1}".to_owned() } else { payment(number) };
            scope.spawn(move || assert_eq!(deliver(address, "/shop", body.as_bytes()).unwrap(), StatusCode::OK));
        }
    });
    assert_eq!(inbox.count(), GOOD + 1);
    assert_eq!(inbox.sql("select body from pos_webhooks.event where payload is null"), "\\x7b22706f69736f6e223a317d");
    // With its batch, and on its own with its payload. Without, it is stored.
    let failures = cluster.log().matches("violates check constraint").count();
    assert!((1..=2).contains(&failures), "{failures}: {}", cluster.log());
    listener.end();
}

#[test]
fn a_stream_has_every_poison_with_its_bytes() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("poison-nats");
    let server = Server::start(&folder, "max_payload: 2MB");
    server.create(fitting());
    let listener = Listener::configured(&folder, &nats_server::configuration(&[&server], ""));
    deliver_all(&listener);
    listener.end();
    let stored = server.messages(STREAM).into_iter().map(|message| {
        let known = message.header("pos-webhooks-known") == "true";
        let has_error = message.headers.get("pos-webhooks-error").is_some();
        (message.body, Stored { known, has_error, has_payload: None })
    });
    check(stored.collect());
}
