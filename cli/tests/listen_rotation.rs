//! `pos-webhooks listen` with the old and the new secret receives everything while `hooks … rotate` replaces a webhook.

#![cfg(unix)]

mod listener;
#[path = "cli/run.rs"]
#[allow(dead_code, reason = "this test does not need all of it")]
mod run;

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use listener::{CAPTURED, Folder, Listener};
use pos_webhooks::sandbox::{Attempt, Sandbox, Trigger};
use pos_webhooks::vipps::{self, models::RegisterWebhook};

use crate::run::{command, feed};

#[test]
fn both_secrets_are_accepted_during_a_rotation() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let sandbox = runtime.block_on(Sandbox::start()).unwrap();
    let folder = Folder::new("rotation");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/hooks");
    let webhook = RegisterWebhook { url: url.clone(), events: vec![CAPTURED.to_owned()] };
    let registered = runtime.block_on(async {
        let client: vipps::Client = sandbox.client().unwrap();
        client.register_webhook(&webhook).await.unwrap()
    });
    fs::write(folder.file("secret"), registered.secret.expose()).unwrap();
    let account = sandbox.account("vipps").unwrap();
    fs::write(folder.file("credentials"), serde_json::to_string(&account.credentials).unwrap()).unwrap();
    let rotate = |options: &[&str]| {
        let credentials = folder.file("credentials");
        let server = ["--credentials-file", &credentials, "--base-url", &account.base_url];
        let done = feed(command(&[&["hooks", "vipps", "rotate", &registered.id], options, &server].concat()), b"");
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{}", done.out);
    };
    let deliver = |reference: &str| -> Vec<Attempt> {
        let example = vipps::EventName::from(CAPTURED).examples()[0].json;
        let mut payload: serde_json::Value = serde_json::from_str(example).unwrap();
        payload["reference"] = reference.into();
        payload["msn"] = "123456".into();
        let trigger = Trigger::new(CAPTURED).payload(payload.to_string().parse().unwrap());
        runtime.block_on(sandbox.deliver("vipps", trigger)).unwrap()
    };

    rotate(&["--save-secret", &folder.file("new-secret")]);
    let mut listen = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    listen.args(["listen", "vipps", "--url", &url, "--append", &folder.file("events"), "--log-format", "json"]);
    listen.args(["--secret-file", &folder.file("secret"), "--secret-file", &folder.file("new-secret")]);
    let listener = Listener::spawn(listen.args(["--listen", &format!("127.0.0.1:{port}")]));
    let attempts = deliver("during-the-rotation");
    assert_eq!(attempts.len(), 2);
    assert!(attempts.iter().all(Attempt::is_acknowledged), "{attempts:?}");

    let new = sandbox.registrations("vipps").unwrap().pop().unwrap().id;
    rotate(&["--finish", &new]);
    let attempts = deliver("after-the-rotation");
    assert!(matches!(&attempts[..], [only] if only.registration == new && only.is_acknowledged()), "{attempts:?}");
    listener.end();
    let lines = folder.lines();
    assert_eq!(lines.len(), 2, "an event that is delivered for both is written once: {lines:?}");
}
