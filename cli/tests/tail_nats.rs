//! `tail` shows each event of a stream of NATS JetStream once, as a file has it, whatever its server does.

#![cfg(all(unix, feature = "nats"))]

mod every_provider;
mod listener;
mod nats_server;
mod tailed;

use std::fs;
use std::thread;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::stream::Config;
use every_provider::{deliver_all, deliveries, routes};
use http::StatusCode;
use listener::*;
use nats_server::*;
use tailed::{Tail, key, run, without_time};

const OK: StatusCode = StatusCode::OK;

/// The table of the sink of a server.
fn sink(server: &Server) -> String {
    format!("[sinks.inbox]\ntype = \"nats\"\nservers = \"{}\"\nstream = \"{STREAM}\"\n", server.url())
}

fn set_up(folder: &Folder, config: Config) -> Server {
    let server = Server::start(folder, "");
    server.create(config);
    fs::write(folder.file("sinks.toml"), sink(&server)).unwrap();
    server
}

/// `tail` of the sink.
fn tail(folder: &Folder, options: &[&str]) -> Tail {
    Tail::start(&[&["inbox", "--config", &folder.file("sinks.toml")], options].concat())
}

/// The lines that are stored now.
fn stored(folder: &Folder, options: &[&str]) -> Vec<String> {
    let config = folder.file("sinks.toml");
    let arguments = ["tail", "inbox", "--config", &config, "--from-start", "--no-follow"];
    let (status, shown, errors) = run(&[&arguments, options].concat());
    assert_eq!(status, Some(0), "{errors}");
    assert_eq!(errors, "");
    shown.lines().map(str::to_owned).collect()
}

fn listen(folder: &Folder, server: &Server) -> Listener {
    let route = configuration(&[server], "").replace("\"stream\"", "\"inbox\"").replace("sinks.stream", "sinks.inbox");
    Listener::configured(folder, &route)
}

fn deliver(listener: &Listener, reference: impl std::fmt::Display) -> StatusCode {
    let body = payment(reference);
    listener.post("/shop", &signed(body.as_bytes()), body.as_bytes()).status()
}

fn references(lines: &[String]) -> Vec<String> {
    let reference = |line: &String| {
        let payload: serde_json::Value = serde_json::from_str(&payload(line)).unwrap();
        payload["pspReference"].as_str().unwrap().to_owned()
    };
    lines.iter().map(reference).collect()
}

fn next(tail: &Tail, count: usize) -> Vec<String> {
    references(&(0..count).map(|_| tail.next()).collect::<Vec<_>>())
}

fn numbers(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

#[test]
fn the_lines_are_those_of_a_file() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("tail-nats-lines");
    let server = set_up(&folder, fitting());
    let all = deliveries();
    let poisons: [&[u8]; 8] = [
        b"not JSON",
        b"",
        b"\xff\xfe\x00",
        b" {\"a\":\r\n1}\n",
        br#"{"name":"a..b *> \u0000"}"#,
        br#"{"a":1e200000,"a":-0}"#,
        b"\xef\xbb\xbf{\"a\":\"with a mark\"}",
        "{\"a\":\"é\u{2028}\u{1b}\"}".as_bytes(),
    ];
    let poisons = poisons.map(|body| (signed(body), body));
    for sink in ["[sinks.inbox]\ntype = \"file\"\nfile = \"events\"\n".to_owned(), sink(&server)] {
        let listener = Listener::configured(&folder, &(routes(&all, URL) + &sink));
        deliver_all(&listener, &all);
        for (headers, body) in &poisons {
            assert_eq!(listener.post("/vipps", headers, body).status(), OK);
        }
        listener.end();
    }
    let shown: Vec<_> = stored(&folder, &[]).iter().map(|line| without_time(line)).collect();
    let expected: Vec<_> = folder.lines().iter().map(|line| without_time(line)).collect();
    assert_eq!(expected.len(), all.len() + poisons.len());
    assert_eq!(shown, expected);
}

#[test]
fn events_are_selected_and_read_over_gaps() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("tail-nats-gaps");
    let server = set_up(&folder, fitting());
    let listener = listen(&folder, &server);
    (0..100).for_each(|number| assert_eq!(deliver(&listener, number), OK));
    listener.end();
    let all = stored(&folder, &[]);
    assert_eq!(references(&all), numbers(0..100));
    let context = server.context();
    let is_deleted = |number: &u32| (3..5).contains(number) || (20..60).contains(number) || *number % 10 == 9;
    server.block_on(async {
        let stream = context.get_stream(STREAM).await.unwrap();
        for number in (0..100).filter(is_deleted) {
            stream.delete_message(u64::from(number) + 1).await.unwrap();
        }
    });
    let left: Vec<_> = (0..100).filter(|number| !is_deleted(number)).map(|number| number.to_string()).collect();
    assert_eq!(references(&stored(&folder, &[])), left);
    let keys = [key(&all[7]), key(&all[70])];
    assert_eq!(references(&stored(&folder, &["--key", &keys[1]])), ["70"]);
    assert_eq!(references(&stored(&folder, &["--key", &keys[1], "--key", &keys[0]])), ["7", "70"]);
    assert_eq!(references(&stored(&folder, &["--since", "1h", "--route", "shop"])), left);
    assert_eq!(references(&stored(&folder, &["--until", "1h"])), Vec::<String>::new());
    assert_eq!(references(&stored(&folder, &["--event", "another.*"])), Vec::<String>::new());
}

#[test]
fn new_events_are_shown_once_while_the_server_is_killed_and_started_again() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("tail-nats-restart");
    let mut server = set_up(&folder, fitting());
    let listener = listen(&folder, &server);
    (0..20).for_each(|number| assert_eq!(deliver(&listener, number), OK));
    let all = tail(&folder, &["--from-start"]);
    assert_eq!(next(&all, 20), numbers(0..20));
    (20..30).for_each(|number| assert_eq!(deliver(&listener, number), OK));
    assert_eq!(next(&all, 10), numbers(20..30));
    for round in 1..3 {
        server.kill();
        all.reports_times("; trying again", round);
        server.restart();
        let numbers: Vec<_> = (0..20).map(|number| format!("{round}-{number}")).collect();
        for number in &numbers {
            while deliver(&listener, number) != OK {
                thread::sleep(Duration::from_millis(20));
            }
        }
        assert_eq!(next(&all, 20), numbers);
    }
    listener.end();
    let reported = all.end();
    assert_eq!(reported.matches("trying again").count(), 2, "{reported}");
    assert_eq!(reported.matches("connected again").count(), 2, "{reported}");
}

#[test]
fn nothing_is_left_out_or_shown_twice_when_the_leader_of_three_servers_is_lost() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("tail-nats-leader");
    let mut servers = Server::cluster(&folder, "");
    servers[0].create(Config { num_replicas: 3, ..fitting() });
    let all: Vec<&Server> = servers.iter().collect();
    let text = configuration(&all, "").replace("\"stream\"", "\"inbox\"").replace("sinks.stream", "sinks.inbox");
    let listener = Listener::configured(&folder, &text);
    let tail = Tail::start(&["inbox", "--config", &folder.file("listen.toml"), "--from-start"]);
    let send = |numbers: std::ops::Range<u32>| {
        for number in numbers {
            while deliver(&listener, number) != OK {
                thread::sleep(Duration::from_millis(50));
            }
        }
    };
    send(0..50);
    for round in 1..3 {
        let leader = servers.iter().find_map(|server| server.info(STREAM).cluster.unwrap().leader).unwrap();
        let leader = servers.iter_mut().find(|server| server.name == leader).unwrap();
        leader.kill();
        send(round * 50..round * 50 + 50);
        leader.restart();
    }
    assert_eq!(next(&tail, 150), numbers(0..150));
    listener.end();
    tail.end();
}

#[test]
fn the_first_event_is_the_next_one_unless_it_is_the_oldest_one() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("tail-nats-new");
    let server = set_up(&folder, fitting());
    let listener = listen(&folder, &server);
    (0..5).for_each(|number| assert_eq!(deliver(&listener, number), OK));
    let new = tail(&folder, &[]);
    // The server counts the requests of the reader, of which the third one is after the beginning.
    let requests = || -> u64 {
        let response = exchange(([127, 0, 0, 1], server.monitor).into(), b"GET /connz HTTP/1.0\r\n\r\n").unwrap();
        let connections: serde_json::Value = serde_json::from_str(response.body()).unwrap();
        let readers = connections["connections"].as_array().unwrap().iter().filter(|it| it["name"] == "pos-webhooks");
        readers.map(|reader| reader["in_msgs"].as_u64().unwrap()).sum()
    };
    while requests() < 3 {
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(deliver(&listener, 5), OK);
    assert_eq!(next(&new, 1), ["5"]);
    assert_eq!(new.end(), "");
    // A stream that is created anew has other numbers.
    let all = tail(&folder, &["--from-start"]);
    assert_eq!(next(&all, 6), numbers(0..6));
    let context = server.context();
    server.block_on(context.delete_stream(STREAM)).unwrap();
    all.reports("there is no stream POS_WEBHOOKS; trying again");
    server.create(fitting());
    while deliver(&listener, 6) != OK {
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(next(&all, 1), ["6"]);
    assert!(all.end().contains("another one than before"));
    listener.end();
}

#[test]
fn what_is_not_an_event_is_reported_and_skipped() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("tail-nats-hostile");
    let server = set_up(&folder, Config { subjects: vec!["pos.>".to_owned(), "other.>".to_owned()], ..fitting() });
    let listener = listen(&folder, &server);
    assert_eq!(deliver(&listener, "one"), OK);
    let event = server.messages(STREAM).remove(0);
    let context = server.context();
    let publish = |subject: &str, headers: &HeaderMap| {
        let sent = context.publish_with_headers(subject.to_owned(), headers.clone(), "{}".into());
        server.block_on(async { sent.await.unwrap().await.unwrap() });
    };
    let headers = |skipped: &str| {
        let mut headers = HeaderMap::new();
        let kept =
            event.headers.iter().filter(|(name, _)| name.to_string().starts_with("ce-") && name.to_string() != skipped);
        kept.for_each(|(name, values)| headers.insert(name.clone(), values[0].clone()));
        headers
    };
    let mut expected = Vec::new();
    for name in ["ce-source", "ce-type", "ce-id", "ce-time"] {
        publish(&format!("pos.shop.{name}.vipps.a"), &headers(name));
        expected.push(name);
    }
    publish("pos.shop", &headers(""));
    expected.push("does not have a provider");
    publish("pos.a.b.c.d", &headers(""));
    expected.push("does not begin with the provider");
    // Other programs have other messages in the stream.
    publish("other.thing", &HeaderMap::new());
    assert_eq!(deliver(&listener, "two"), OK);
    listener.end();
    let all = tail(&folder, &["--from-start"]);
    assert_eq!(next(&all, 2), ["one", "two"]);
    let reported = all.end();
    assert_eq!(reported.lines().count(), expected.len(), "{reported}");
    for (number, (expected, reported)) in expected.iter().zip(reported.lines()).enumerate() {
        let number = number + 2;
        assert!(reported.contains(&format!("message {number} is not an event, and is skipped: ")), "{reported}");
        assert!(reported.contains(expected), "{reported}");
    }
}

#[test]
fn a_stream_that_cannot_be_read_is_an_error_that_says_what_to_do() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("tail-nats-refused");
    let user = "user: shop, password: correct-horse, permissions: \
                { publish: [\"$JS.API.STREAM.INFO.POS_WEBHOOKS\", \"pos.>\"], subscribe: \"_INBOX.>\" }";
    let admin = "{ user: admin, password: battery-staple }";
    let server = Server::start(&folder, &format!("authorization {{ users: [ {{ {user} }}, {admin} ] }}"));
    folder.write_secret("password", "correct-horse");
    let login = "user = \"shop\"\npassword = { file = \"password\" }\n";
    fs::write(folder.file("sinks.toml"), sink(&server) + login).unwrap();
    let refusal = || {
        let (status, shown, errors) = run(&["tail", "inbox", "--config", &folder.file("sinks.toml"), "--from-start"]);
        assert_eq!((status, shown.as_str()), (Some(2), ""), "{errors}");
        assert!(!errors.contains("correct-horse"), "{errors}");
        errors
    };
    assert!(refusal().contains("there is no stream POS_WEBHOOKS"));
    let options = async_nats::ConnectOptions::new().user_and_password("admin".to_owned(), "battery-staple".to_owned());
    server.block_on(async {
        let client = options.connect(server.url()).await.unwrap();
        async_nats::jetstream::new(client).create_stream(fitting()).await.unwrap();
    });
    let error = refusal();
    assert!(
        error.contains("may not publish to $JS.API.STREAM.MSG.GET.POS_WEBHOOKS, or not subscribe to _INBOX.>"),
        "{error}"
    );
    fs::write(folder.file("sinks.toml"), sink(&server)).unwrap();
    assert!(refusal().contains("the server refuses the login"));
    fs::write(folder.file("sinks.toml"), sink(&server).replace(&server.port.to_string(), "1")).unwrap();
    assert!(refusal().contains("cannot connect: "));
}
