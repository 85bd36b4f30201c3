//! Compares how many deliveries `pos-webhooks listen` stores in a second by its sinks, as ratios from one run.
//!
//! `cargo bench -p pos-webhooks-cli --bench sinks`: the same generator keeps 64 connections busy with distinct payments of Vipps,
//! in turn with a file, PostgreSQL and NATS JetStream as the sink, each on this machine, and with a program that writes each
//! delivery by a statement of its own through a pool of 16 connections. It needs PostgreSQL and nats-server for their rows.

#[path = "../../tests/cluster/mod.rs"]
mod cluster;
#[path = "../tests/inbox/mod.rs"]
mod inbox;
#[path = "../tests/listener/mod.rs"]
mod listener;
mod load;
#[path = "../tests/nats_server/mod.rs"]
mod nats_server;
mod pool;
#[path = "../../benches/table/mod.rs"]
mod table;

use std::fs;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use inbox::Inbox;
use listener::{Folder, Listener, SECRET, URL, payment};
use load::{Request, load};
use nats_server::{STREAM, Server};
use pool::Pool;
use pos_webhooks::vipps;
use table::Table;

const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(url) = arguments.iter().skip_while(|argument| *argument != "--pool").nth(1) {
        load::runtime().block_on(pool::serve(url));
        return ExitCode::SUCCESS;
    }
    let mut table = Table::new();
    compare(&mut table);
    table.end()
}

/// Distinct payments, signed now.
fn payments() -> Request {
    const NUMBER: &str = "00000000-0000-0000-0000-000000000000";
    let example = payment(NUMBER);
    let (before, after) = example.split_once(NUMBER).expect("the reference");
    let (before, after) = (before.to_owned(), after.to_owned());
    Arc::new(move |number| {
        let body = format!("{before}{number:036}{after}");
        let headers = vipps::sign(URL, &SECRET.into(), body.as_bytes(), jiff::Timestamp::now()).expect("a signature");
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        format!("POST /shop HTTP/1.1\r\nhost: a\r\n{headers}content-length: {length}\r\n\r\n{body}").into_bytes().into()
    })
}

/// What stores payments, and the shortest time for one of them, in microseconds.
struct Side<'a> {
    address: Option<SocketAddr>,
    name: &'a str,
    next: usize,
    best: f64,
}

fn compare(table: &mut Table) {
    let folder = Folder::new("bench-file");
    let file = Listener::vipps(&folder, &[]);
    let database = inbox::shared().map(|cluster| {
        let inbox = Inbox::new(&cluster, "bench");
        let (listen, pool) = (inbox.listen(""), Pool::start(&inbox.admin_url()));
        (listen, pool, inbox)
    });
    let streams = nats_server::can_run().then(|| {
        let folder = Folder::new("bench-nats");
        let server = Server::start(&folder, "");
        server.create(nats_server::fitting());
        let listen = Listener::configured(&folder, &nats_server::configuration(&[&server], ""));
        (listen, server, folder)
    });
    let side = |name, address| Side { address, name, next: 0, best: f64::MAX };
    let mut sides = [
        side("file", Some(file.address)),
        side("PostgreSQL", database.as_ref().map(|(listen, ..)| listen.address)),
        side("pool", database.as_ref().map(|(_, pool, _)| pool.address)),
        side("NATS", streams.as_ref().map(|(listen, ..)| listen.address)),
    ];
    let (rounds, round) = if table::is_measured() { (ROUNDS, ROUND) } else { (1, Duration::from_millis(50)) };
    let request = payments();
    for _ in 0..rounds {
        for side in &mut sides {
            let Some(address) = side.address else { continue };
            let since = Instant::now();
            let stored = load(address, &request, side.next, round, usize::MAX).len();
            side.best = side.best.min(since.elapsed().as_secs_f64() * 1e6 / stored as f64);
            side.next += stored;
        }
    }
    let [in_file, listen, pool, nats] = &sides;
    let mut sizes = vec![("a file", fs::metadata(folder.file("events")).expect("the file").len(), in_file.next)];
    if let Some((.., inbox)) = &database {
        let stored =
            |route: &str| inbox.sql(&format!("select count(*) from pos_webhooks.event where route = '{route}'"));
        assert_eq!((stored("shop"), stored("pool")), (listen.next.to_string(), pool.next.to_string()));
        let size = inbox.sql("select pg_total_relation_size('pos_webhooks.event')").parse().expect("a size");
        sizes.push(("PostgreSQL with its indexes", size, listen.next + pool.next));
    }
    if let Some((_, server, _)) = &streams {
        let state = server.info(STREAM).state;
        assert_eq!(state.messages, nats.next as u64);
        sizes.push(("NATS JetStream", state.bytes, nats.next));
    }
    for (place, bytes, events) in sizes {
        println!("an event takes {} bytes in {place}", bytes / events as u64);
    }
    let [file, database, pool, nats] = sides.map(|side| (side.best, side.name, side.address.is_some()));
    let mut row =
        |work: &str, goal, limit, ours: (f64, &str, bool), other: (f64, &str, bool), compared: &str| match ours {
            (time, _, true) => table.row(work, goal, limit, (time, other.0), "µs", compared),
            (_, name, false) => table.skipped(work, &format!("it needs {name}")),
        };
    let work = "`listen` stores Vipps payments in PostgreSQL, 64 at once: time for each";
    row(work, 4.0, 4.4, database, file, "in a file");
    row(work, 0.33, 0.42, database, pool, "a statement for each by a pool of 16 connections");
    let work = "`listen` stores Vipps payments in NATS JetStream, 64 at once: time for each";
    row(work, 3.33, 3.7, nats, file, "in a file");
}
