//! `pos-webhooks listen --answer`: events that ask for something get it, once they are on disk.

#![cfg(unix)]

mod listener;

use std::fs;
use std::process::{Command, Stdio};

use http::StatusCode;
use listener::*;
use pos_webhooks::{dealpos, mipos};
use serde_json::Value;

const MENU: &[&str] = &["mipos", "--event", "Menu"];

/// The documented menu, with spaces, so that its bytes are told from those of the example.
fn menu() -> String {
    let menu: Value = serde_json::from_str(mipos::models::StoreMenu::examples()[0].json).unwrap();
    serde_json::to_string_pretty(&menu).unwrap()
}

/// Runs until the program ends by itself: the status and the log.
fn fails(folder: &Folder, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    // This address belongs to no machine, so the program always ends.
    command.args(["listen", "--listen", "192.0.2.1:1", "--secret-file", &folder.file("secret")]).args(arguments);
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_request_for_a_menu_is_answered_with_the_file_after_it_is_kept() {
    let folder = Folder::new("menu");
    let (events, file) = (folder.file("events"), folder.file("menu.json"));
    fs::write(&file, menu()).unwrap();
    let answer = format!("Menu={file}");
    for argument in [&file, &answer] {
        let listener = Listener::start(&folder, &[MENU, &["--append", &events, "--answer", argument]].concat());
        for store in ["3", "4"] {
            let body = format!(r#"{{"store_id": "{store}"}}"#);
            let (path, headers) = delivery(&mipos::PROVIDER, "Menu", body.as_bytes());
            let answer = listener.post(&path, &headers, body.as_bytes());
            assert_eq!((answer.status(), answer.body()), (StatusCode::OK, &menu()));
            assert_eq!(answer.headers()["content-type"], "application/json");
            assert_eq!(payload(folder.lines().last().unwrap()), body, "it is on disk before it is answered");
        }
        let refused = listener.post("/", &[("Signature-Webhook", "0".repeat(64))], b"{}");
        assert_eq!((refused.status(), refused.body().as_str()), (StatusCode::UNAUTHORIZED, ""));
        assert!(!listener.end().contains("--answer"));
    }
}

#[test]
fn without_a_file_the_log_says_that_there_is_no_body() {
    let folder = Folder::new("no-menu");
    let listener = Listener::start(&folder, MENU);
    let (path, headers) = delivery(&mipos::PROVIDER, "Menu", b"{}");
    let answer = listener.post(&path, &headers, b"{}");
    assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::OK, ""));
    let log = listener.end();
    let warning = log.lines().find(|line| line.contains("--answer")).unwrap();
    assert!(warning.contains("WARN") && warning.contains("Menu"), "{warning}");
    // Another registration never gets such an event.
    let listener = Listener::start(&folder, &["mipos", "--event", "ORDER"]);
    assert!(!listener.end().contains("--answer"));
}

#[test]
fn each_of_several_events_has_a_file_of_its_own() {
    let folder = Folder::new("several");
    fs::write(folder.file("points"), r#"{"Point": 1208.50}"#).unwrap();
    fs::write(folder.file("reward"), r#"{"reward": 9000}"#).unwrap();
    let points = format!("fetchLoyaltyPoints={}", folder.file("points"));
    let reward = format!("loyaltyPointOnOrderComplete={}", folder.file("reward"));
    let listener = Listener::start(&folder, &["dealpos", "--answer", &points, "--answer", &reward]);
    for (event, expected) in [
        ("fetchLoyaltyPoints", r#"{"Point": 1208.50}"#),
        ("loyaltyPointOnOrderComplete", r#"{"reward": 9000}"#),
        ("validateCoupon", ""),
        ("paymentCreated", r#"{"status":"success"}"#),
    ] {
        let body = dealpos::EventName::from(event).examples()[0].json;
        let (path, headers) = delivery(&dealpos::PROVIDER, event, body.as_bytes());
        let answer = listener.post(&path, &headers, body.as_bytes());
        assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::OK, expected), "{event}");
    }
    let log = listener.end();
    let warning = log.lines().find(|line| line.contains("--answer")).unwrap();
    assert!(warning.contains("validateCoupon") && !warning.contains("fetchLoyaltyPoints"), "{warning}");
}

#[test]
fn another_documented_status_is_sent_with_its_body() {
    let folder = Folder::new("status");
    let refusal = r#"{"status": "used", "Message": "Coupon 1234 has been used"}"#;
    fs::write(folder.file("refusal"), refusal).unwrap();
    let (events, refused) = (folder.file("events"), format!("validateCoupon={}", folder.file("refusal")));
    let deliver = |listener: &Listener, event: &str| {
        let body = dealpos::EventName::from(event).examples()[0].json;
        let (path, headers) = delivery(&dealpos::PROVIDER, event, body.as_bytes());
        let answer = listener.post(&path, &headers, body.as_bytes());
        (answer.status(), answer.headers().contains_key("content-type"), answer.body().clone())
    };
    let arguments = ["dealpos", "--append", &events, "--answer-status", "400", "--answer", &refused];
    let listener = Listener::start(&folder, &arguments);
    assert_eq!(deliver(&listener, "validateCoupon"), (StatusCode::BAD_REQUEST, true, refusal.to_owned()));
    assert_eq!(folder.lines().len(), 1, "it is on disk as any other event");
    assert_eq!(deliver(&listener, "paymentWriteoff"), (StatusCode::OK, false, String::new()));
    listener.end();
    let listener = Listener::start(&folder, &["dealpos", "--answer-status", "validateCoupon=400"]);
    assert_eq!(deliver(&listener, "validateCoupon"), (StatusCode::BAD_REQUEST, false, String::new()));
    assert!(listener.end().contains("validateCoupon"), "the log reports that the body is missing");
}

#[test]
fn nothing_starts_with_a_file_that_is_not_as_documented() {
    let folder = Folder::new("bad-menu");
    let file = folder.file("menu.json");
    let start = || fails(&folder, &[MENU, &["--answer", &file]].concat());
    fs::write(&file, menu().replace("\"identifier\"", "\"id\"").replace("\"monday\"", "\"someday\"")).unwrap();
    let (status, log) = start();
    assert_eq!(status, Some(2), "{log}");
    for expected in [&file[..], "StoreMenu", "/menus/0", "identifier", "/menus/0/schedules/0/day_of_week"] {
        assert!(log.contains(expected), "{expected}: {log}");
    }
    assert!(!log.contains("192.0.2.1"), "it did not try to listen: {log}");
    fs::write(&file, "{").unwrap();
    let (status, log) = start();
    assert!(status == Some(2) && log.contains(&file) && log.contains("line 1"), "{log}");
    fs::remove_file(&file).unwrap();
    let (status, log) = start();
    assert!(status == Some(2) && log.contains(&file), "{log}");
}

#[test]
fn a_file_that_no_event_asks_for_is_wrong_usage() {
    let folder = Folder::new("no-answer");
    let file = folder.file("menu.json");
    fs::write(&file, menu()).unwrap();
    let (of_order, of_menu) = (format!("ORDER={file}"), format!("Menu={file}"));
    for (arguments, expected) in [
        (&["mipos", "--event", "ORDER", "--answer", &file][..], "ORDER only have to be acknowledged"),
        (&["mipos", "--event", "Menu", "--answer", &of_order], "ORDER is not an event of this registration"),
        (&["mipos", "--event", "Menu", "--answer", &file, "--answer", &of_menu], "given twice for Menu"),
        (&["mypos", "--answer", &file], "deliveries of mypos only have to be acknowledged"),
        (&["dealpos", "--answer", &file], "write EVENT=FILE; dealpos asks for a body with: "),
        (&["dealpos", "--answer", "paymentCreated=x"], "paymentCreated is not an event that asks for a body"),
        (&["dealpos", "--answer-status", "404"], "does not document the status 404 beside the acknowledgement"),
        (&["dealpos", "--answer-status", "200"], "documented: validateCoupon=400"),
        (&["dealpos", "--answer-status", "paymentCreated=400"], "paymentCreated does not document the status 400"),
        (&["dealpos", "--answer-status", "no"], "`no` is not a status"),
        (
            &["dealpos", "--answer-status", "400", "--answer-status", "validateCoupon=400"],
            "given twice for validateCoupon",
        ),
        (&["mypos", "--answer-status", "400"], "documented: none"),
    ] {
        let (status, log) = fails(&folder, arguments);
        assert_eq!(status, Some(2), "{log}");
        assert!(log.contains(expected), "{expected}: {log}");
    }
}

#[test]
fn each_event_is_verified_by_its_own_signature() {
    let folder = Folder::new("own-signature");
    let body = mipos::EventName::MarketMenu.examples()[0].json.as_bytes();
    let listener = Listener::start(&folder, &["mipos", "--event", "MARKET_MENU"]);
    let (path, headers) = delivery(&mipos::PROVIDER, "MARKET_MENU", body);
    let answer = listener.post(&path, &headers, body);
    assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::OK, r#"{"message":"ANY MESSAGE"}"#));
    let (path, of_order) = delivery(&mipos::PROVIDER, "ORDER", body);
    assert_eq!(listener.post(&path, &of_order, body).status(), StatusCode::UNAUTHORIZED);
    listener.end();
    for (event, expected) in [("LOGISTICS_STATUS", "does not document a signature"), ("LOGISTICS_REQUEST", "")] {
        let (_, log) = fails(&folder, &["mipos", "--event", event]);
        assert!(log.contains(expected), "{log}");
    }
    let mut unsigned = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    unsigned.args(["listen", "mipos", "--event", "LOGISTICS_REQUEST", "--accept-unsigned", "--listen", "192.0.2.1:1"]);
    let output = unsigned.stdin(Stdio::null()).output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(log.contains("--accept-unsigned is not allowed"), "{log}");
}
