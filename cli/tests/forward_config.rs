//! `listen --config --forward-to` sends the events of every route whose sink can be read, and goes on where it stopped.

#![cfg(all(unix, feature = "nats", feature = "postgres"))]

#[path = "../../tests/cluster/mod.rs"]
mod cluster;
mod inbox;
mod listener;
mod nats_server;
mod recorder;
mod tailed;

use std::fs;
use std::process::Command;

use http::StatusCode;
use inbox::Inbox;
use listener::*;
use nats_server::{STREAM, Server, can_run, fitting};
use pos_webhooks::{dealpos, vipps};
use recorder::{Recorder, Request};
use tailed::run;

const LOCAL: &str = "00c0ffee00c0ffee";

fn route(name: &str, sink: &str, more: &str) -> String {
    format!(
        "[routes.{name}]\npath = \"/hooks/{name}\"\nprovider = \"vipps\"\nurl = \"{URL}\"\nsink = \"{sink}\"\n\
         secrets = {{ file = \"secret\" }}\n{more}\n"
    )
}

fn listen(folder: &Folder, configuration: &str, options: &[&str]) -> Listener {
    let head = "listen = \"127.0.0.1:0\"\nlog = { format = \"json\" }\n";
    fs::write(folder.file("listen.toml"), format!("{head}{configuration}")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    Listener::spawn(command.args(["listen", "--config", &folder.file("listen.toml")]).args(options))
}

fn check(folder: &Folder, configuration: &str, options: &[&str]) -> (Option<i32>, String, String) {
    fs::write(folder.file("checked.toml"), configuration).unwrap();
    run(&[&["listen", "--check", "--config", &folder.file("checked.toml")], options].concat())
}

fn deliver(listener: &Listener, path: &str, reference: impl std::fmt::Display) {
    let body = payment(reference);
    assert_eq!(listener.post(path, &signed(body.as_bytes()), body.as_bytes()).status(), StatusCode::OK);
}

/// Whether the request is one that was signed with this secret for the URL where it has arrived.
fn is_signed(recorder: &Recorder, request: &Request, secret: &str) -> bool {
    let mut sent = http::Request::new(request.body.clone());
    for (name, value) in &request.headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        sent.headers_mut().insert(name, http::HeaderValue::from_str(value).unwrap());
    }
    let url = recorder.url(&request.path);
    vipps::Receiver::new(url.as_str(), [secret]).unwrap().receive(&sent).is_ok()
}

#[test]
fn the_events_of_each_route_are_sent_to_its_path_and_signed_with_its_secret() {
    let folder = Folder::new("forward-routes");
    folder.write_secret("local", LOCAL);
    let recorder = Recorder::start(|_, _| Some(200));
    let deal = dealpos::PROVIDER.events.iter().find(|event| !event.payload.examples.is_empty()).unwrap();
    let dealpos = "[routes.dealpos]\npath = \"/hooks/dealpos/*\"\nprovider = \"dealpos\"\nsink = \"second\"\n\
                   secrets = { file = \"secret\" }\n";
    let sinks =
        "[sinks.first]\ntype = \"file\"\nfile = \"first\"\n[sinks.second]\ntype = \"file\"\nfile = \"second\"\n";
    let shops = route("shop", "first", "forward_secret = { file = \"local\" }") + &route("other", "first", "");
    let configuration = shops + dealpos + sinks;
    let (to, secret) = (recorder.url("/api/?shop=1"), folder.file("secret"));
    let options = ["--forward-to", &to, "--forward-secret-file", &secret];

    let (status, checked, errors) = check(&folder, &configuration, &options);
    assert_eq!(status, Some(0), "{checked}{errors}");
    let at = recorder.url("/api/hooks");
    for expected in
        ["shop: to {}/shop, signed anew", "other: to {}/other, signed anew", "dealpos: to {}/dealpos, signed"]
    {
        assert!(checked.contains(&expected.replace("{}", &at)), "{checked}");
    }
    let (_, checked, _) = check(&folder, &configuration, &options[..2]);
    assert!(checked.contains("shop, signed anew") && checked.contains("other, without a signature"), "{checked}");

    let listener = listen(&folder, &configuration, &options);
    deliver(&listener, "/hooks/shop", 1);
    let request = recorder.next();
    assert_eq!((request.path.as_str(), &request.body), ("/api/hooks/shop?shop=1", &payment(1).into_bytes()));
    assert!(is_signed(&recorder, &request, LOCAL) && !is_signed(&recorder, &request, SECRET));
    deliver(&listener, "/hooks/other", 2);
    let request = recorder.next();
    assert_eq!((request.path.as_str(), &request.body), ("/api/hooks/other?shop=1", &payment(2).into_bytes()));
    assert!(is_signed(&recorder, &request, SECRET));
    let body = deal.payload.examples[0].json;
    let (_, headers) = delivery(&dealpos::PROVIDER, deal.name, body.as_bytes());
    let path = format!("/hooks/dealpos/{}", deal.name);
    assert!(listener.post(&path, &headers, body.as_bytes()).status().is_success());
    let request = recorder.next();
    assert_eq!((request.path, request.body), (format!("/api{path}?shop=1"), body.as_bytes().to_vec()));
    listener.logged_times("\"forwarded\"", 3);
    listener.end();
    assert!(folder.0.join("first.cursor").exists() && folder.0.join("second.cursor").exists());
}

/// A route is forwarded, another program stores events of a route that is not, and neither the listener nor the server loses
/// the place.
fn goes_on_where_it_stopped(folder: &Folder, sink: &str, restart: &mut dyn FnMut()) {
    let recorder = Recorder::start(|_, _| Some(200));
    let to = recorder.url("/");
    let options = ["--forward-to", to.as_str()];
    let foreign = |reference: &str| {
        let listener = listen(folder, &(route("foreign", "inbox", "") + sink), &[]);
        deliver(&listener, "/hooks/foreign", reference);
        listener.end();
    };
    let configuration = route("shop", "inbox", "") + sink;
    // Events of before are not forwarded.
    let listener = listen(folder, &configuration, &[]);
    deliver(&listener, "/hooks/shop", "before");
    listener.end();
    let forwarded = |listener: &Listener, references: &[&str]| {
        for reference in references {
            assert_eq!(String::from_utf8(recorder.next().body).unwrap(), payment(reference));
        }
        listener.logged_times("\"forwarded\"", references.len());
    };
    let listener = listen(folder, &configuration, &options);
    deliver(&listener, "/hooks/shop", "one");
    forwarded(&listener, &["one"]);
    listener.end();
    foreign("foreign");
    let listener = listen(folder, &configuration, &[]);
    deliver(&listener, "/hooks/shop", "two");
    deliver(&listener, "/hooks/shop", "three");
    listener.end();
    restart();
    let listener = listen(folder, &configuration, &options);
    forwarded(&listener, &["two", "three"]);
    restart();
    until("not acknowledged", || {
        let body = payment("four");
        listener.post("/hooks/shop", &signed(body.as_bytes()), body.as_bytes()).status() == StatusCode::OK
    });
    assert_eq!(String::from_utf8(recorder.next().body).unwrap(), payment("four"));
    listener.logged_times("\"forwarded\"", 3);
    listener.end();
    assert!(recorder.rest().is_empty());
    assert!(folder.0.join("listen.toml.inbox.cursor").exists());
}

#[test]
fn it_goes_on_where_it_stopped_in_a_table() {
    let Some(cluster) = cluster::Cluster::start(&[]) else { return };
    let cluster = std::sync::Arc::new(cluster);
    let inbox = Inbox::new(&cluster, "forward");
    let sink = "[sinks.inbox]\ntype = \"postgres\"\nurl = { file = \"url\" }\n";
    goes_on_where_it_stopped(&inbox.folder, sink, &mut || {
        cluster.kill();
        cluster.start_again();
    });
    // The position of another server cannot be used.
    let file = inbox.folder.file("listen.toml.inbox.cursor");
    fs::write(&file, "{\"seen\":\"99999999:99999999:\"}").unwrap();
    let error = refused(&inbox.folder);
    assert!(error.contains("listen.toml.inbox.cursor: this is not a position in table pos_webhooks.event"), "{error}");
}

#[test]
fn it_goes_on_where_it_stopped_in_a_stream() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("forward-nats");
    let mut server = Server::start(&folder, "");
    server.create(fitting());
    let sink = format!("[sinks.inbox]\ntype = \"nats\"\nservers = \"{}\"\nstream = \"{STREAM}\"\n", server.url());
    goes_on_where_it_stopped(&folder, &sink, &mut || {
        server.kill();
        server.restart();
    });
    fs::write(folder.file("listen.toml.inbox.cursor"), "{\"seen\":\"9:9:\"}").unwrap();
    let error = refused(&folder);
    assert!(error.contains("this is not a position in NATS stream POS_WEBHOOKS"), "{error}");
}

/// Why `listen` does not start.
fn refused(folder: &Folder) -> String {
    let (status, _, errors) =
        run(&["listen", "--config", &folder.file("listen.toml"), "--forward-to", "http://localhost:1/", "--quiet"]);
    assert_eq!(status, Some(2), "{errors}");
    errors
}

#[test]
fn what_cannot_be_forwarded_is_reported() {
    let folder = Folder::new("forward-config-refused");
    let output = "[sinks.inbox]\ntype = \"stdout\"\n";
    let file = "[sinks.events]\ntype = \"file\"\nfile = \"events\"\n";
    let to = ["--forward-to", "http://localhost:1/"];
    let (status, _, errors) = check(&folder, &(route("shop", "inbox", "") + output), &to);
    assert!(status == Some(2) && errors.contains("in standard output only"), "{errors}");
    let both = route("shop", "inbox", "") + &route("other", "events", "") + output + file;
    let (status, checked, _) = check(&folder, &both, &to);
    assert!(status == Some(0) && checked.contains("Note: events of shop are not forwarded"), "{checked}");
    let away = ["--forward-to", "https://shop.example/?key=hidden"];
    let (status, _, errors) = check(&folder, &both, &away);
    assert!(
        status == Some(2) && errors.contains("--forward-anywhere allows it") && !errors.contains("hidden"),
        "{errors}"
    );
    let secret = route("shop", "events", "forward_secret = { file = \"absent\" }") + file;
    let (status, _, errors) = check(&folder, &secret, &to);
    assert!(
        status == Some(2) && errors.contains("routes.shop.forward_secret: ") && errors.contains("absent"),
        "{errors}"
    );
}
