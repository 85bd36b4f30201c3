//! `tail` shows each event of a table of PostgreSQL once, as a file has it, whatever transactions and servers do.

#![cfg(all(unix, feature = "postgres"))]

#[path = "../../tests/cluster/mod.rs"]
mod cluster;
mod every_provider;
mod inbox;
mod listener;
mod tailed;

use std::fs;
use std::sync::Arc;

use cluster::Cluster;
use every_provider::{deliver_all, deliveries, routes};
use http::StatusCode;
use inbox::*;
use listener::*;
use tailed::{Tail, key, run, without_time};
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;

/// `tail` of the sink of an inbox.
fn tail(inbox: &Inbox, options: &[&str]) -> Tail {
    Tail::start(&[&["inbox", "--config", &inbox.folder.file("sinks.toml")], options].concat())
}

/// The lines that are stored now.
fn stored(inbox: &Inbox, options: &[&str]) -> Vec<String> {
    let config = inbox.folder.file("sinks.toml");
    let arguments = ["tail", "inbox", "--config", &config, "--from-start", "--no-follow"];
    let (status, shown, errors) = run(&[&arguments, options].concat());
    assert_eq!(status, Some(0), "{errors}");
    assert_eq!(errors, "");
    shown.lines().map(str::to_owned).collect()
}

/// What `tail` reports where it fails.
fn refusal(inbox: &Inbox) -> String {
    let (status, shown, errors) = run(&["tail", "inbox", "--config", &inbox.folder.file("sinks.toml"), "--from-start"]);
    assert_eq!((status, shown.as_str()), (Some(2), ""), "{errors}");
    errors
}

fn send(listener: &Listener, references: impl IntoIterator<Item = impl std::fmt::Display>) {
    for reference in references {
        assert_eq!(deliver(listener.address, "/shop", payment(reference).as_bytes()).unwrap(), StatusCode::OK);
    }
}

fn references(lines: &[String]) -> Vec<String> {
    let reference = |line: &String| {
        let payload: serde_json::Value = serde_json::from_str(&payload(line)).unwrap();
        payload["pspReference"].as_str().unwrap().to_owned()
    };
    lines.iter().map(reference).collect()
}

#[test]
fn the_lines_are_those_of_a_file() {
    let Some(cluster) = shared() else { return };
    let inbox = Inbox::new(&cluster, "tail-lines");
    let all = deliveries();
    let poisons: [&[u8]; 8] = [
        b"not JSON",
        b"",
        b"\xff\xfe\x00",
        b" {\"a\":\r\n1}\n",
        br#"{"a":"\u0000"}"#,
        br#"{"a":1e200000,"a":-0}"#,
        b"\xef\xbb\xbf{\"a\":\"with a mark\"}",
        "{\"a\":\"é\u{2028}\u{1b}\"}".as_bytes(),
    ];
    let poisons = poisons.map(|body| (signed(body), body));
    let sinks = [
        "[sinks.inbox]\ntype = \"file\"\nfile = \"events\"\n",
        "[sinks.inbox]\ntype = \"postgres\"\nurl = { file = \"url\" }\n",
    ];
    for sink in sinks {
        let listener = Listener::configured(&inbox.folder, &(routes(&all, URL) + sink));
        deliver_all(&listener, &all);
        for (headers, body) in &poisons {
            assert_eq!(listener.post("/vipps", headers, body).status(), StatusCode::OK);
        }
        listener.end();
    }
    let shown: Vec<_> = stored(&inbox, &[]).iter().map(|line| without_time(line)).collect();
    let expected: Vec<_> = inbox.folder.lines().iter().map(|line| without_time(line)).collect();
    assert_eq!(expected.len(), all.len() + poisons.len());
    assert_eq!(shown, expected);
}

#[test]
fn events_are_selected_and_read_in_pages() {
    let Some(cluster) = shared() else { return };
    let inbox = Inbox::new(&cluster, "tail-pages");
    // Small rows fill a page by their number, and large ones by their size. Transactions are ordered as numbers.
    inbox.sql(
        "insert into pos_webhooks.event (xid, received_at, route, provider, event, known, idempotency_key, body) \
         select (3 + n / 2)::text::xid8, timestamptz '2026-11-21T00:00:00Z' + n * interval '1 s', case when n % 2 = 0 then 'even' else 'odd' end, \
         'vipps', 'a.' || n % 3, false, n, '{}' from generate_series(1, 1300) n; \
         insert into pos_webhooks.event (received_at, route, provider, event, known, idempotency_key, body) \
         select '2026-11-22T00:00:00Z', 'large', 'vipps', null, false, n, convert_to(repeat('x', 3000000), 'UTF8') \
         from generate_series(1301, 1310) n",
    );
    let keys = |options: &[&str]| -> Vec<u32> {
        stored(&inbox, options).iter().map(|line| key(line).parse().unwrap()).collect()
    };
    let filtered = |filter: &dyn Fn(u32) -> bool| (1..=1310).filter(|n| filter(*n)).collect::<Vec<_>>();
    assert_eq!(keys(&[]), filtered(&|_| true));
    assert_eq!(keys(&["--route", "odd"]), filtered(&|n| n % 2 == 1 && n <= 1300));
    assert_eq!(keys(&["--route", "o*", "--event", "a.[12]"]), filtered(&|n| n % 2 == 1 && n % 3 > 0 && n <= 1300));
    assert_eq!(
        keys(&["--event", "a.0", "--route", "even", "--route", "large"]),
        filtered(&|n| n % 6 == 0 && n <= 1300)
    );
    assert_eq!(keys(&["--event", ""]), filtered(&|n| n > 1300));
    assert_eq!(keys(&["--key", "7", "--key", "1305"]), [7, 1305]);
    assert_eq!(keys(&["--since", "2026-11-21T00:21:40Z", "--until", "2026-11-22T00:00:00Z"]), [1300]);
    assert_eq!(keys(&["--since", "2026-11-21T00:00:01.0000001Z", "--until", "2026-11-21T00:00:03.0000001Z"]), [2, 3]);
}

#[test]
fn new_events_are_shown_once_while_the_server_is_killed_and_started_again() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let cluster = Arc::new(cluster);
    let inbox = Inbox::new(&cluster, "tail-restart");
    let listener = inbox.listen("");
    send(&listener, 0..20);
    let tails = [tail(&inbox, &["--from-start"]), tail(&inbox, &[])];
    assert_eq!(tails[0].keys(20).len(), 20);
    // It has asked for the first time which events are old.
    let is_tailed = "select count(*) = 2 from pg_stat_activity where query like 'select pg_current_snapshot%'";
    until("not connected", || inbox.sql(is_tailed) == "t");
    send(&listener, 20..30);
    let shown: Vec<_> = (0..10).map(|_| tails[0].next()).collect();
    assert_eq!(references(&shown), (20..30).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!((0..10).map(|_| tails[1].next()).collect::<Vec<_>>(), shown);
    for round in 1..3 {
        cluster.kill();
        tails.iter().for_each(|tail| tail.reports_times("; trying again", round));
        cluster.start_again();
        let numbers = || (0..20).map(move |n| format!("{round}-{n}"));
        for number in numbers() {
            until("not acknowledged", || {
                deliver(listener.address, "/shop", payment(&number).as_bytes()).unwrap() == StatusCode::OK
            });
        }
        for tail in &tails {
            let shown: Vec<_> = (0..20).map(|_| tail.next()).collect();
            assert_eq!(references(&shown), numbers().collect::<Vec<_>>());
        }
    }
    listener.end();
    for tail in tails {
        let reported = tail.end();
        assert_eq!(reported.matches("trying again").count(), 2, "{reported}");
        assert_eq!(reported.matches("connected again").count(), 2, "{reported}");
    }
}

#[test]
fn a_row_of_a_transaction_that_stays_open_is_shown_once_it_is_committed() {
    let Some(cluster) = shared() else { return };
    let inbox = Inbox::new(&cluster, "tail-open");
    let listener = inbox.listen("");
    let runtime = Runtime::new().unwrap();
    let open = |_| {
        let parameters = format!("host={} user={} dbname={}", cluster.folder(), cluster::USER, inbox.database);
        let (client, connection) = runtime.block_on(tokio_postgres::connect(&parameters, NoTls)).unwrap();
        runtime.spawn(connection);
        client
    };
    let writers: Vec<_> = (0..3).map(open).collect();
    let execute = |writer: usize, sql: &str| runtime.block_on(writers[writer].batch_execute(sql)).unwrap();
    let insert = |writer: usize| {
        let columns = "route, provider, event, known, idempotency_key, body";
        execute(
            writer,
            &format!(
                "begin; insert into pos_webhooks.event ({columns}) values ('open', 'vipps', 'a', true, 'open-{writer}', '{{}}')"
            ),
        );
    };
    send(&listener, ["one"]);
    let all = tail(&inbox, &["--from-start"]);
    assert_eq!(references(&[all.next()]), ["one"]);
    (0..3).for_each(insert);
    // Neither are these delayed by the others, nor are the others left out.
    send(&listener, ["two", "three"]);
    assert_eq!(references(&[all.next(), all.next()]), ["two", "three"]);
    assert_eq!(references(&stored(&inbox, &[])), ["one", "two", "three"]);
    execute(1, "commit");
    assert_eq!(all.keys(1), ["open-1"]);
    send(&listener, ["four"]);
    assert_eq!(references(&[all.next()]), ["four"]);
    execute(2, "rollback");
    execute(0, "commit");
    assert_eq!(all.keys(1), ["open-0"]);
    assert_eq!(all.end(), "");
    // From the start, the order is that of transactions.
    let routes = |lines: Vec<String>| lines.iter().map(|line| line.contains("\"open\"")).collect::<Vec<_>>();
    assert_eq!(routes(stored(&inbox, &[])), [false, true, true, false, false, false]);
    listener.end();
}

#[test]
fn what_is_not_an_event_is_reported_and_skipped() {
    let Some(cluster) = shared() else { return };
    let inbox = Inbox::new(&cluster, "tail-hostile");
    let listener = inbox.listen("");
    send(&listener, ["one"]);
    inbox.sql(
        "alter table pos_webhooks.event alter body drop not null, alter route drop not null; \
         insert into pos_webhooks.event (id, received_at, route, provider, known, body, headers) overriding system value values \
         (101, now(), 'a', 'vipps', true, '{}', '[1]'), (102, now(), 'a', 'vipps', true, '{}', '{\"a\": 1}'), \
         (103, 'infinity', 'a', 'vipps', true, '{}', '{}'), (104, '-infinity', 'a', 'vipps', true, '{}', '{}'), \
         (105, now(), 'a', 'vipps', true, null, '{}'), (106, now(), null, 'vipps', true, '{}', '{}'), \
         (-107, now(), 'a', 'vipps', true, '{}', '{}'), (108, now(), 'a\u{1b}[31m', 'another', true, '\\xff00', '{}')",
    );
    send(&listener, ["two"]);
    listener.end();
    let all = tail(&inbox, &["--from-start"]);
    let shown: Vec<_> = (0..3).map(|_| all.next()).collect();
    let reported = all.end();
    assert_eq!(references(&[shown[0].clone(), shown[2].clone()]), ["one", "two"]);
    assert!(shown[1].contains("\"route\":\"a\\u001b[31m\"") && shown[1].contains("\"body\":\"/wA=\""), "{}", shown[1]);
    for id in [101, 102, 103, 104, 105, 106, -107] {
        assert_eq!(
            reported.matches(&format!("row {id} is not an event, and is skipped: ")).count(),
            1,
            "{id}: {reported}"
        );
    }
    assert_eq!(reported.lines().count(), 7, "{reported}");
}

#[test]
fn a_table_that_cannot_be_read_is_an_error_that_says_what_to_do() {
    let Some(cluster) = shared() else { return };
    let inbox = Inbox::empty(&cluster, "tail-refused");
    assert!(refusal(&inbox).contains("`pos-webhooks sink create` creates it"));
    let inbox = Inbox::new(&cluster, "tail-rights");
    inbox.sql(&format!("revoke select on pos_webhooks.event from {ROLE}"));
    assert!(refusal(&inbox).contains("`pos-webhooks sink create` prints the grants"));
    inbox.sql(&format!("grant select on pos_webhooks.event to {ROLE}"));
    inbox.sql("drop index pos_webhooks.event_read");
    let all = tail(&inbox, &["--from-start"]);
    all.reports("run `create index concurrently on \"pos_webhooks\".\"event\" (xid, id)`");
    all.end();
    // After a dump was restored.
    let columns = "xid, route, provider, known, body";
    inbox.sql(&format!("insert into pos_webhooks.event ({columns}) values ('9000000000', 'a', 'vipps', true, '{{}}')"));
    let error = refusal(&inbox);
    let (_, update) = error.split_once("run `").unwrap();
    inbox.sql(update.split_once('`').unwrap().0);
    inbox.sql("create index on pos_webhooks.event (xid, id)");
    assert_eq!(stored(&inbox, &[]).len(), 1);
}

#[test]
fn a_url_is_never_shown() {
    const PASSWORD: &str = "correct-horse";
    let folder = Folder::new("tail-url");
    let (status, _, errors) = run(&["tail", &format!("postgres://shop:{PASSWORD}@db.example/shop")]);
    assert!(status == Some(2) && errors.contains("--config listen.toml"), "{errors}");
    assert!(!errors.contains(PASSWORD) && !errors.contains("db.example"), "{errors}");
    for (file, host) in [("tcp", "127.0.0.1:1"), ("broken", "[")] {
        folder.write_secret(file, &format!("postgres://shop:{PASSWORD}@{host}/shop"));
        let sink = format!("[sinks.inbox]\ntype = \"postgres\"\nurl = {{ file = \"{file}\" }}\n");
        fs::write(folder.file("sinks.toml"), sink).unwrap();
        for command in [&["tail"][..], &["replay", "--to", "http://localhost:1/"]] {
            let (status, _, errors) = run(&[command, &["inbox", "--config", &folder.file("sinks.toml")]].concat());
            assert_eq!(status, Some(2), "{errors}");
            assert!(!errors.contains(PASSWORD), "{errors}");
        }
    }
    fs::write(folder.file("stdout.toml"), "[sinks.inbox]\ntype = \"stdout\"\n").unwrap();
    let (status, _, errors) = run(&["tail", "inbox", "--config", &folder.file("stdout.toml")]);
    assert!(status == Some(2) && errors.contains("standard output, from which nothing can be read"), "{errors}");
    let (status, _, errors) = run(&["tail", "index", "--config", &folder.file("stdout.toml")]);
    assert!(status == Some(2) && errors.contains("there is no sink `index`; known: inbox"), "{errors}");
}
