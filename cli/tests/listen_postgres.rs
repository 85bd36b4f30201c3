//! `listen` stores events in PostgreSQL exactly as they were sent, and once for all processes, and an event that cannot be stored
//! does not hold up others.

#![cfg(all(unix, feature = "postgres"))]

#[path = "../../tests/cluster/mod.rs"]
mod cluster;
mod inbox;
mod listener;

use std::sync::Arc;
use std::thread;

use cluster::Cluster;
use http::StatusCode;
use inbox::*;
use listener::*;

/// Delivers bodies at the same time; fails if one is not acknowledged.
fn deliver_all<'a>(listener: &Listener, deliveries: impl IntoIterator<Item = (&'a str, &'a [u8])>) {
    let address = listener.address;
    thread::scope(|scope| {
        for (path, body) in deliveries {
            scope.spawn(move || assert_eq!(deliver(address, path, body).unwrap(), StatusCode::OK));
        }
    });
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_bytes_are_stored_as_they_were_sent_and_a_payload_only_where_jsonb_can_hold_it() {
    let Some(cluster) = shared() else { return };
    let inbox = Inbox::new(&cluster, "bytes");
    let listener = inbox.listen("");
    let bodies: Vec<(&[u8], bool)> = vec![
        (br#"{"a":"\u0000"}"#, false),
        (br#"{"a":"\\u0000"}"#, true),
        (br#"{"name":"a\u0000b"}"#, false),
        (br#"{"a":"\ud800"}"#, false),
        (br#"{"a":1e200000}"#, false),
        (br#"{"a":[-0,1E2,1.50]}"#, true),
        (b"\xff\xfe\x00", false),
        (b"not JSON", false),
        (b"", false),
        (b" {\"a\":\r\n1}\n", true),
        (b"\xef\xbb\xbf{\"a\":\"with a mark\"}", true),
        ("{\"a\":\"é\u{2028}\"}".as_bytes(), true),
    ];
    let good: Vec<_> = (0..20).map(payment).collect();
    let all = bodies.iter().map(|(body, _)| *body).chain(good.iter().map(|body| body.as_bytes()));
    deliver_all(&listener, all.map(|body| ("/shop", body)));
    assert_eq!(inbox.count(), bodies.len() + good.len());
    for (body, has_payload) in bodies {
        let row = inbox
            .sql(&format!("select payload is not null from pos_webhooks.event where body = '\\x{}'::bytea", hex(body)));
        assert_eq!(row, if has_payload { "t" } else { "f" }, "{}", String::from_utf8_lossy(body));
    }
    let payments = "select count(*), count(distinct payload), bool_and(known), bool_and(error is null), min(event), min(route), \
                    min(provider), min(headers::text) like '{\"x-ms-date\": %' from pos_webhooks.event where known";
    assert_eq!(inbox.sql(payments), format!("20|20|t|t|{CAPTURED}|shop|vipps|t"));
    assert_eq!(
        inbox.sql("select payload from pos_webhooks.event where payload ? 'a' and substr(body, 1, 3) = '\\xefbbbf'"),
        r#"{"a": "with a mark"}"#
    );
    let log = listener.end();
    assert!(!log.contains("one by one"), "the server refused a statement: {log}");
}

#[test]
fn an_event_that_the_table_refuses_does_not_hold_up_others() {
    let Some(cluster) = shared() else { return };
    let inbox = Inbox::new(&cluster, "never");
    inbox.sql("alter table pos_webhooks.event add check (body <> 'never')");
    let listener = inbox.listen("");
    let address = listener.address;
    let good: Vec<_> = (0..40).map(payment).collect();
    thread::scope(|scope| {
        scope.spawn(|| deliver_all(&listener, good.iter().map(|body| ("/shop", body.as_bytes()))));
        assert_eq!(deliver(address, "/shop", b"never").unwrap(), StatusCode::SERVICE_UNAVAILABLE);
    });
    assert_eq!(deliver(address, "/shop", payment("after").as_bytes()).unwrap(), StatusCode::OK);
    assert!(is_ready(address));
    assert_eq!(inbox.count(), 41);
    let log = listener.end();
    assert!(log.contains("SQLSTATE 23514") && !log.contains("Failing row"), "{log}");
}

#[test]
fn an_event_is_stored_once_by_several_processes_and_after_restarts() {
    let Some(cluster) = shared() else { return };
    let inbox = Inbox::new(&cluster, "once");
    let bodies: Vec<_> = (0..20).map(payment).collect();
    let deliver_twice = |one: &Listener, other: &Listener| {
        thread::scope(|scope| {
            for listener in [one, other] {
                let bodies = bodies.iter().map(|body| ("/shop", body.as_bytes()));
                scope.spawn(move || deliver_all(listener, bodies));
            }
        });
    };
    for _ in 0..2 {
        let (one, other) = (inbox.listen(""), inbox.listen(""));
        deliver_twice(&one, &other);
        let duplicates = |listener: &Listener| {
            let metrics = listener.get("/metrics").into_body();
            let counter =
                metrics.lines().find_map(|line| line.strip_prefix("pos_webhooks_duplicates_total{route=\"shop\"} "));
            counter.unwrap().parse::<usize>().unwrap()
        };
        let stored_before = inbox.sql("select coalesce(sum(deliveries), 0) from pos_webhooks.event");
        let new = if stored_before == "40" { 20 } else { 0 };
        assert_eq!(duplicates(&one) + duplicates(&other), 40 - new);
        one.end();
        other.end();
    }
    assert_eq!(
        inbox.sql("select count(*), sum(deliveries), count(last_delivery_at) from pos_webhooks.event"),
        "20|80|20"
    );
}

#[test]
fn one_batch_merges_a_key_of_one_route_only() {
    let Some(cluster) = Cluster::start(&[]).map(Arc::new) else { return };
    let inbox = Inbox::new(&cluster, "batch");
    let listener = inbox.listen("");
    let (body, other) = (payment(1), "{\"without\":\"key\"}");
    // What is delivered while the server does not answer is written at once.
    cluster.signal("STOP");
    let address = listener.address;
    let (shop, without) = (["/shop"; 5].map(|path| (path, &*body)), ["/shop"; 3].map(|path| (path, other)));
    let statuses = thread::scope(|scope| {
        let threads: Vec<_> = [&shop[..], &[("/other", &*body)], &without]
            .concat()
            .into_iter()
            .map(|(path, body)| scope.spawn(move || deliver(address, path, body.as_bytes()).unwrap()))
            .collect();
        until("all requests wait", || {
            let metrics = listener.get("/metrics").into_body();
            let waiting = metrics.lines().find_map(|line| line.strip_prefix("pos_webhooks_in_flight_bytes "));
            waiting.unwrap().parse::<usize>().unwrap() >= 3 * (6 * body.len() + 3 * other.len())
        });
        cluster.signal("CONT");
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(statuses, [StatusCode::OK; 9]);
    let metrics = listener.get("/metrics").into_body();
    for counter in [
        "duplicates_total{route=\"shop\"} 4",
        "duplicates_total{route=\"other\"} 0",
        "accepted_total{route=\"shop\"} 4",
        "accepted_total{route=\"other\"} 1",
        "sink_up{sink=\"inbox\"} 1",
    ] {
        assert!(metrics.contains(&format!("pos_webhooks_{counter}\n")), "{counter}: {metrics}");
    }
    let batches = "pos_webhooks_sink_batch_events_bucket{le=\"1.0\",sink=\"inbox\"} 9\n";
    assert!(!metrics.contains(batches), "no batch: {metrics}");
    let rows = "select string_agg(route || deliveries, ' ' order by route, deliveries) from pos_webhooks.event";
    assert_eq!(inbox.sql(rows), "other1 shop1 shop1 shop1 shop5");
    listener.end();
}

/// Locks all rows until it is cancelled.
fn lock_all(inbox: &Inbox) -> Result<String, String> {
    let sql = "begin; select id from pos_webhooks.event for update; select pg_sleep(60)";
    inbox.cluster.try_sql(&inbox.database, cluster::USER, sql)
}

const WORKER: &str = "from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()";

#[test]
fn a_row_that_a_program_has_locked_does_not_hold_up_others() {
    let Some(cluster) = shared() else { return };
    let inbox = Inbox::new(&cluster, "locked");
    let listener = inbox.listen("");
    let locked = payment("locked");
    assert_eq!(deliver(listener.address, "/shop", locked.as_bytes()).unwrap(), StatusCode::OK);
    thread::scope(|scope| {
        let worker = scope.spawn(|| lock_all(&inbox));
        until("the worker works", || inbox.sql(&format!("select count(*) {WORKER}")) == "1");
        let address = listener.address;
        let body = locked.as_bytes();
        let again = scope.spawn(move || deliver(address, "/shop", body).unwrap());
        let bodies: Vec<_> = (0..10).map(payment).collect();
        deliver_all(&listener, bodies.iter().map(|body| ("/shop", body.as_bytes())));
        assert_eq!(again.join().unwrap(), StatusCode::SERVICE_UNAVAILABLE);
        inbox.sql(&format!("select pg_cancel_backend(pid) {WORKER}"));
        assert!(worker.join().unwrap().unwrap_err().contains("canceling"));
    });
    assert_eq!(deliver(listener.address, "/shop", locked.as_bytes()).unwrap(), StatusCode::OK);
    assert_eq!(inbox.count(), 11);
    listener.end();
}

#[test]
fn many_rows_that_a_program_has_locked_do_not_hold_up_others_one_after_the_other() {
    let Some(cluster) = shared() else { return };
    let inbox = Inbox::new(&cluster, "locked-many");
    let listener = inbox.listen("");
    let locked: Vec<_> = (0..20).map(|number| payment(format!("locked-{number}"))).collect();
    deliver_all(&listener, locked.iter().map(|body| ("/shop", body.as_bytes())));
    thread::scope(|scope| {
        let worker = scope.spawn(|| lock_all(&inbox));
        until("the worker works", || inbox.sql(&format!("select count(*) {WORKER}")) == "1");
        let address = listener.address;
        let again: Vec<_> = locked
            .iter()
            .map(|body| scope.spawn(move || deliver(address, "/shop", body.as_bytes()).unwrap()))
            .collect();
        // The writer waits for the first of them, and all others are in the next batch.
        let bodies: Vec<_> = (0..20).map(payment).collect();
        deliver_all(&listener, bodies.iter().map(|body| ("/shop", body.as_bytes())));
        again.into_iter().for_each(|again| assert_eq!(again.join().unwrap(), StatusCode::SERVICE_UNAVAILABLE));
        inbox.sql(&format!("select pg_cancel_backend(pid) {WORKER}"));
        assert!(worker.join().unwrap().unwrap_err().contains("canceling"));
    });
    assert_eq!(inbox.count(), 40);
    listener.end();
}
