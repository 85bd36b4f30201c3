//! The example configuration of several machines in deploy/ is started with the servers that it needs.

#![cfg(all(unix, feature = "nats", feature = "postgres"))]

#[path = "../../tests/cluster/mod.rs"]
mod cluster;
mod inbox;
mod listener;
mod nats_server;

use std::fs;
use std::process::Command;
use std::sync::Arc;

use cluster::{Cluster, USER};
use inbox::{Inbox, ROLE};
use listener::*;
use nats_server::{Server, can_run};
use pos_webhooks::catalogue::Provider;
use pos_webhooks::dealpos;

const EXAMPLE: &str = include_str!("../../deploy/listen-fleet.toml");

/// Runs a command on the configuration; its output.
fn run(folder: &Folder, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    let output = command.args(arguments).args(["--config", &folder.file("listen.toml")]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {text}");
    text
}

#[test]
fn the_example_configuration_of_a_fleet_is_started() {
    let Some(primary) = Cluster::start(&[]).map(Arc::new) else { return };
    if !can_run() {
        return;
    }
    let inbox = Inbox::empty(&primary, "shop");
    let folder = &inbox.folder;
    let standby = primary.standby("standby");
    primary.name_standby();
    let servers = Server::cluster(folder, include_str!("nats_server/operator.conf"));

    // The secrets are those of the example, and so is everything but the addresses.
    let hosts = format!("host={}&host={}", primary.folder(), standby.folder());
    folder.write_secret("inbox-url.secret", &format!("postgres://{ROLE}@/shop?{hosts}"));
    folder.write_secret("admin-url.secret", &format!("postgres://{USER}@/shop?{hosts}"));
    folder.write_secret("stream.creds", include_str!("nats_server/user.creds").trim_end());
    for name in ["vipps.secret", "dealpos.secret"] {
        folder.write_secret(name, SECRET);
    }
    let mut example = EXAMPLE.replace("0.0.0.0:8080", "127.0.0.1:0").replace("0.0.0.0:9090", "127.0.0.1:0");
    for (name, server) in ["tls://n1:4222", "tls://n2:4222", "tls://n3:4222"].into_iter().zip(&servers) {
        assert!(example.contains(name));
        example = example.replace(name, &server.url());
    }
    fs::write(folder.file("listen.toml"), example).unwrap();

    run(folder, &["sink", "create", "inbox", "--apply", "--admin-url-file", &folder.file("admin-url.secret")]);
    // The servers choose first who is responsible.
    until("the stream is created", || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        command.args(["sink", "create", "stream", "--apply", "--config", &folder.file("listen.toml")]);
        command.output().unwrap().status.success()
    });
    let check = || run(folder, &["listen", "--check"]);
    let checked = check();
    assert!(checked.contains("synchronous_standby_names = *"), "{checked}");
    assert!(checked.contains("The stream has 0 events") && checked.contains("replicas: 3"), "{checked}");

    let members = [(); 2].map(|()| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        Listener::spawn(command.args(["listen", "--config", &folder.file("listen.toml")]))
    });
    let mut events = dealpos::PROVIDER.events.iter();
    let event = events.find(|event| !event.idempotency_key.is_empty() && !event.payload.examples.is_empty()).unwrap();
    for member in &members {
        // The same deliveries reach both.
        let deliver = |provider: &Provider, path: &str, event: &str, body: &str| {
            let (_, headers) = delivery(provider, event, body.as_bytes());
            let answer = member.post(path, &headers, body.as_bytes());
            assert!(answer.status().is_success(), "{path}: {answer:?}");
        };
        let (path, body) = (format!("/hooks/dealpos/{}", event.name), event.payload.examples[0].json);
        deliver(&dealpos::PROVIDER, &path, event.name, body);
        deliver(&pos_webhooks::vipps::PROVIDER, "/hooks/vipps", CAPTURED, &payment(1));
    }
    members.into_iter().for_each(|member| drop(member.kill()));
    assert_eq!(inbox.sql("select count(*), sum(deliveries) from pos_webhooks.event"), "1|2");
    let checked = check();
    assert!(checked.contains("The stream has 1 events"), "{checked}");
}
