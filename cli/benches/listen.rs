//! Measures the processor time of `pos-webhooks listen`, as a ratio from one run.
//!
//! `cargo bench -p pos-webhooks-cli`: the same generator keeps 64 connections busy with signed deliveries, in
//! turn with `listen` and with an axum handler that reads the body and answers 200, each a process of its own whose CPU
//! time the kernel counts. Then with `--append`, beside the rate at which the disk alone does `fdatasync`.
//!
//! `cargo bench --bench listen -- --minutes 10` shows how the memory of `listen --append` grows. Linux only.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pos_webhooks::mypos;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const SECRET: &str = "secret";
const CONNECTIONS: usize = 64;
const ROUNDS: usize = 10;
const ROUND: Duration = Duration::from_secs(2);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    if arguments.iter().any(|argument| argument == "--baseline") {
        return runtime().block_on(baseline());
    }
    // `cargo test --benches` only checks that the benchmark runs.
    let (rounds, round) = match arguments.iter().any(|argument| argument == "--bench") {
        true => (ROUNDS, ROUND),
        false => (1, Duration::from_millis(50)),
    };
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("listen-bench");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("secret"), SECRET).expect("a secret");
    let append = folder.join("events");
    let _ = fs::remove_file(&append);
    match value("--minutes").map(|minutes| minutes.parse().expect("a number of minutes")) {
        Some(minutes) => memory(&folder, &append, minutes),
        None => {
            processor_time(&folder, rounds, round);
            durable(&folder, &append, rounds, round);
        }
    }
    fs::remove_dir_all(folder).expect("an empty folder");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().expect("a runtime")
}

async fn baseline() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    let handler = axum::routing::post(|_body: axum::body::Bytes| async {});
    axum::serve(listener, axum::Router::new().route("/", handler)).await.expect("a server");
}

struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn baseline() -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let mut child = command.arg("--baseline").stdout(Stdio::piped()).spawn().expect("the baseline");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        Self { child, address: line.trim().parse().expect("an address") }
    }

    fn listen(folder: &Path, append: Option<&Path>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        command.args(["listen", "mypos", "--listen", "127.0.0.1:0", "--log-format", "json", "--secret-file"]);
        command.arg(folder.join("secret")).args(append.iter().flat_map(|file| [Path::new("--append"), file]));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the listener");
        // Warnings come before the address.
        let log = BufReader::new(child.stderr.take().expect("its log")).lines();
        let lines = log.map(|line| serde_json::from_str::<serde_json::Value>(&line.expect("a line")).expect("JSON"));
        let address = lines.filter_map(|line| line["address"].as_str()?.parse().ok()).next();
        Self { child, address: address.expect("an address") }
    }

    /// Time on processors so far, in clock ticks of the kernel.
    fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("Linux");
        let after_name = stat.rsplit_once(')').expect("a name").1;
        after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().expect("ticks")).sum()
    }

    fn memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A delivery of 300 bytes, signed.
fn request() -> Vec<u8> {
    let body = format!(r#"{{"text":"{}"}}"#, "x".repeat(300 - 11));
    assert_eq!(body.len(), 300);
    let event = mypos::EventName::ALL.first().expect("an event");
    let headers = mypos::sign(event, &SECRET.into(), body.as_bytes(), jiff::Timestamp::now()).expect("a signature");
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("POST / HTTP/1.1\r\nhost: a\r\n{headers}content-length: 300\r\n\r\n{body}").into_bytes()
}

/// How long each request took.
fn load(address: SocketAddr, time: Duration) -> Vec<Duration> {
    let request: Arc<[u8]> = request().into();
    let over = Arc::new(AtomicBool::new(false));
    runtime().block_on(async {
        let busy: Vec<_> = (0..CONNECTIONS)
            .map(|_| tokio::spawn(converse(address, Arc::clone(&request), Arc::clone(&over))))
            .collect();
        tokio::time::sleep(time).await;
        over.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for connection in busy {
            all.extend(connection.await.expect("a connection"));
        }
        all
    })
}

async fn converse(address: SocketAddr, request: Arc<[u8]>, over: Arc<AtomicBool>) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("an option");
    let (mut times, mut buffer) = (Vec::new(), [0; 1024]);
    while !over.load(Ordering::Relaxed) {
        let start = Instant::now();
        stream.write_all(&request).await.expect("a request");
        // Responses do not have a body, and fit a packet.
        let read = stream.read(&mut buffer).await.expect("an answer");
        assert!(buffer[..read].starts_with(b"HTTP/1.1 200 OK") && buffer[..read].ends_with(b"\r\n\r\n"));
        times.push(start.elapsed());
    }
    times
}

fn processor_time(folder: &Path, rounds: usize, round: Duration) {
    let (axum, listen) = (Server::baseline(), Server::listen(folder, None));
    let mut best = [f64::MAX; 2];
    for _ in 0..rounds {
        for (server, best) in [&axum, &listen].into_iter().zip(&mut best) {
            let before = server.ticks();
            let requests = load(server.address, round).len();
            // 10 ms each, with every kernel that is in use.
            *best = best.min((server.ticks() - before) as f64 * 10_000.0 / requests as f64);
        }
    }
    let [axum, listen] = best;
    println!("processor time per request: axum {axum:.2} µs, listen {listen:.2} µs, ratio {:.3}", listen / axum);
}

fn durable(folder: &Path, append: &Path, rounds: usize, round: Duration) {
    let mut alone = File::create(folder.join("alone")).expect("a file");
    let line = [b'x'; 500];
    let mut syncs = 0_u32;
    let start = Instant::now();
    while start.elapsed() < round {
        alone.write_all(&line).and_then(|()| alone.sync_data()).expect("a disk");
        syncs += 1;
    }
    println!("fdatasync alone: {:.0} per second", f64::from(syncs) / start.elapsed().as_secs_f64());
    let listen = Server::listen(folder, Some(append));
    for _ in 0..rounds.min(3) {
        let mut times = load(listen.address, round);
        times.sort_unstable();
        let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
        println!("--append: {:.0} requests per second, p99 {p99:.1?}", times.len() as f64 / round.as_secs_f64());
    }
}

fn memory(folder: &Path, append: &Path, minutes: u32) {
    let listen = Server::listen(folder, Some(append));
    let mut first = None;
    for minute in 1..=minutes {
        let requests = load(listen.address, Duration::from_secs(60)).len();
        let now = listen.memory_kib();
        let first = *first.get_or_insert(now);
        println!("minute {minute}: {requests} requests, {now} KiB, {:+} KiB since minute 1", now as i64 - first as i64);
        // The speed of the disk is not measured.
        File::options().write(true).open(append).and_then(|file| file.set_len(0)).expect("a file");
    }
}
