//! Without a server of NATS, `listen` starts and is ready once one can be used. What someone has to change is refused.

#![cfg(all(unix, feature = "nats"))]

mod listener;
mod nats_server;

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy};
use http::StatusCode;
use listener::*;
use nats_server::*;

fn deliver(listener: &Listener, number: usize) -> StatusCode {
    let body = payment(number);
    listener.post("/shop", &signed(body.as_bytes()), body.as_bytes()).status()
}

/// Waits until the program is ready.
fn until_ready(listener: &Listener) {
    for _ in 0..600 {
        if listener.get("/readyz").status() == StatusCode::OK {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("not ready: {}", listener.log.lock().unwrap());
}

/// Fails unless nothing can be stored, and the program runs all the same.
fn assert_not_ready(listener: &Listener) {
    assert_eq!(listener.get("/livez").status(), StatusCode::OK);
    assert_eq!(listener.get("/readyz").status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(deliver(listener, 1), StatusCode::SERVICE_UNAVAILABLE);
    assert!(listener.get("/metrics").body().contains("pos_webhooks_sink_up{sink=\"stream\"} 0\n"));
}

#[test]
fn a_server_that_is_started_later_is_used() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("nats-later");
    let mut server = Server::start(&folder, "");
    server.create(fitting());
    server.kill();
    let listener = Listener::configured(&folder, &configuration(&[&server], ""));
    assert_not_ready(&listener);
    listener.logged("Connection refused");
    server.restart();
    until_ready(&listener);
    listener.logged("is not checked, since `monitor` is not given");
    assert_eq!(deliver(&listener, 1), StatusCode::OK);
    assert!(listener.get("/metrics").body().contains("pos_webhooks_sink_up{sink=\"stream\"} 1\n"));
    listener.end();
    assert_eq!(server.messages(STREAM).len(), 1);
}

#[test]
fn a_stream_that_does_not_fit_once_its_server_is_started_is_not_used_until_it_does() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("nats-later-unfit");
    let mut server = Server::start(&folder, "");
    server.create(Config { discard: DiscardPolicy::Old, ..fitting() });
    server.kill();
    let listener = Listener::configured(&folder, &configuration(&[&server], ""));
    server.restart();
    listener.logged("nats stream edit POS_WEBHOOKS --discard new");
    assert_not_ready(&listener);
    let context = server.context();
    server.block_on(context.update_stream(fitting())).unwrap();
    until_ready(&listener);
    listener.end();
}

#[test]
fn a_configuration_that_is_read_again_may_name_a_server_that_is_started_later() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("nats-later-reload");
    let mut server = Server::start(&folder, "");
    server.create(fitting());
    server.kill();
    let to_nats = configuration(&[&server], "");
    let (route, _) = to_nats.split_once("[sinks").unwrap();
    let listener =
        Listener::configured(&folder, &format!("{route}[sinks.stream]\ntype = \"file\"\nfile = \"events\"\n"));
    assert_eq!(deliver(&listener, 1), StatusCode::OK);
    let address = "listen = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n";
    fs::write(folder.file("listen.toml"), format!("{address}{to_nats}")).unwrap();
    listener.signal(rustix::process::Signal::HUP);
    listener.logged("read the configuration again");
    assert_not_ready(&listener);
    server.restart();
    until_ready(&listener);
    listener.end();
}

#[test]
fn what_a_server_that_answers_refuses_is_refused_at_the_start() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("nats-refuses");
    let denied =
        "authorization { users: [ { user: shop, password: correct-horse, permissions: { publish: \"$JS.API.>\" } } ] }";
    let login = "user = \"shop\"\npassword = { file = \"password\" }\n";
    folder.write_secret("password", "correct-horse");
    folder.write_secret("wrong", "battery-staple");
    let server = Server::start(&folder, denied);
    let options = async_nats::ConnectOptions::new().user_and_password("shop".to_owned(), "correct-horse".to_owned());
    server.block_on(async {
        let client = options.connect(server.url()).await.unwrap();
        async_nats::jetstream::new(client).create_stream(fitting()).await.unwrap();
    });
    for (login, expected) in [
        (login.replace("\"password\"", "\"wrong\""), "the server refuses the login"),
        (login.to_owned(), "the server denies the user a right: Permissions Violation for Publish to \\\"pos.check"),
        (format!("{login}require = {{ replicas = 3 }}\n"), "has 1 of the required 3 replicas"),
    ] {
        fs::write(folder.file("refused.toml"), configuration(&[&server], &login)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        let output = command.args(["listen", "--config", &folder.file("refused.toml")]).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(&expected.replace("\\\"", "\"")), "{text}");
        assert!(!text.contains("correct-horse") && !text.contains("battery"), "{text}");
    }
}
