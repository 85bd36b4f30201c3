//! Measures the processor time of `pos-webhooks listen`, as a ratio from one run.
//!
//! `cargo bench -p pos-webhooks-cli --bench listen`: the same generator keeps 64 connections busy with signed deliveries, in turn
//! with `listen`, with `listen` that has ten routes, with an axum handler that reads the body and answers 200, and with the
//! receiver `webhook` where it is installed, each a process of its own. The kernel counts their processor time, and where valgrind
//! is installed, it counts their instructions. Then with `--append`, beside the rate at which the disk alone does `fdatasync`.
//!
//! `cargo bench -p pos-webhooks-cli --bench listen -- --minutes 10` shows how the memory of `listen --append` grows. Linux only.

mod load;
#[path = "../../benches/table/mod.rs"]
mod table;

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use load::{Request, load, runtime};
use pos_webhooks::mypos;
use table::Table;

const SECRET: &str = "secret";
const ROUTES: usize = 10;
const ROUNDS: usize = 10;
const ROUND: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    if arguments.iter().any(|argument| argument == "--baseline") {
        runtime().block_on(baseline());
        return ExitCode::SUCCESS;
    }
    let (rounds, round) = if table::is_measured() { (ROUNDS, ROUND) } else { (1, Duration::from_millis(50)) };
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("listen-bench");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("secret"), SECRET).expect("a secret");
    fs::set_permissions(folder.join("secret"), fs::Permissions::from_mode(0o600)).expect("a file of one user");
    let append = folder.join("events");
    let _ = fs::remove_file(&append);
    let ended = match value("--minutes").map(|minutes| minutes.parse().expect("a number of minutes")) {
        Some(minutes) => {
            memory(&folder, &append, minutes);
            ExitCode::SUCCESS
        }
        None => {
            let mut table = Table::new();
            processor_time(&mut table, &folder, rounds, round);
            instructions(&table, &folder);
            let ended = table.end();
            durable(&folder, &append, rounds, round);
            ended
        }
    };
    fs::remove_dir_all(folder).expect("an empty folder");
    ended
}

async fn baseline() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("an address"));
    let handler = axum::routing::post(|_body: axum::body::Bytes| async {});
    axum::serve(listener, axum::Router::new().route("/0", handler)).await.expect("a server");
}

struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts the baseline; `under` begins its command line.
    fn baseline(under: &[&str]) -> Self {
        let this = std::env::current_exe().expect("this program");
        let mut command = command(under, &this);
        let mut child = command.arg("--baseline").stdout(Stdio::piped()).spawn().expect("the baseline");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        Self { child, address: line.trim().parse().expect("an address") }
    }

    fn listen(under: &[&str], folder: &Path, append: Option<&Path>) -> Self {
        let mut command = command(under, Path::new(env!("CARGO_BIN_EXE_pos-webhooks")));
        command.args(["listen", "mypos", "--listen", "127.0.0.1:0", "--log-format", "json", "--secret-file"]);
        command.arg(folder.join("secret")).args(append.iter().flat_map(|file| [Path::new("--append"), file]));
        Self::logged(command)
    }

    /// Starts `listen` with so many routes to one sink.
    fn routes(folder: &Path, routes: usize) -> Self {
        let mut text =
            "listen = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n[sinks.out]\ntype = \"stdout\"\n".to_owned();
        for route in 0..routes {
            text += &format!(
                "[routes.r{route}]\npath = \"/{route}\"\nprovider = \"mypos\"\nsink = \"out\"\nsecrets = {{ file = \"secret\" }}\n"
            );
        }
        let file = folder.join(format!("{routes}.toml"));
        fs::write(&file, text).expect("a configuration");
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        command.args(["listen", "--config"]).arg(file);
        Self::logged(command)
    }

    fn logged(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the listener");
        // Warnings come before the address.
        let log = BufReader::new(child.stderr.take().expect("its log")).lines();
        let lines = log.map(|line| serde_json::from_str::<serde_json::Value>(&line.expect("a line")).expect("JSON"));
        let address = lines.filter_map(|line| line["address"].as_str()?.parse().ok()).next();
        Self { child, address: address.expect("an address") }
    }

    /// Starts the receiver `webhook` with the same rule, which runs `true` for each delivery; `None` if it is not installed.
    fn webhook(folder: &Path) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let hook = serde_json::json!([{
            "id": "0",
            "execute-command": "/bin/true",
            "trigger-rule": { "match": {
                "type": "payload-hmac-sha256",
                "secret": SECRET,
                "parameter": { "source": "header", "name": SIGNATURE },
            } },
        }]);
        let file = folder.join("hooks.json");
        fs::write(&file, hook.to_string()).expect("a configuration");
        let mut command = Command::new("webhook");
        command.args(["-ip", "127.0.0.1", "-urlprefix", "", "-port", &port.to_string(), "-hooks"]).arg(file);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()?;
        let server = Self { child, address: ([127, 0, 0, 1], port).into() };
        let since = Instant::now();
        while TcpStream::connect(server.address).is_err() {
            assert!(since.elapsed() < Duration::from_secs(10), "`webhook` does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(server)
    }

    /// Time on processors so far, in clock ticks of the kernel, with that of the processes that it has started.
    fn ticks(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("Linux");
        let after_name = stat.rsplit_once(')').expect("a name").1;
        after_name.split_whitespace().skip(11).take(4).map(|ticks| ticks.parse::<u64>().expect("ticks")).sum()
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

/// A command that another one may run.
fn command(under: &[&str], program: &Path) -> Command {
    let Some((first, rest)) = under.split_first() else { return Command::new(program) };
    let mut command = Command::new(first);
    command.args(rest).arg(program);
    command
}

/// A header with the signature alone, as `webhook` reads it.
const SIGNATURE: &str = "X-Signature";

/// Signed deliveries of 300 bytes, in turn to so many routes.
fn deliveries(routes: usize) -> Request {
    let body = format!(r#"{{"text":"{}"}}"#, "x".repeat(300 - 11));
    assert_eq!(body.len(), 300);
    let event = mypos::EventName::ALL.first().expect("an event");
    let headers = mypos::sign(event, &SECRET.into(), body.as_bytes(), jiff::Timestamp::now()).expect("a signature");
    let content_type = [("content-type", "application/json".to_owned())];
    let mut head: String =
        headers.iter().chain(&content_type).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let (_, signature) = head.split_once("v1=").expect("a signature");
    head += &format!("{SIGNATURE}: {}\r\n", signature.lines().next().unwrap_or_default());
    let request = |route| format!("POST /{route} HTTP/1.1\r\nhost: a\r\n{head}content-length: 300\r\n\r\n{body}");
    let requests: Vec<Arc<[u8]>> = (0..routes).map(|route| request(route).into_bytes().into()).collect();
    Arc::new(move |number| Arc::clone(&requests[number % requests.len()]))
}

fn processor_time(table: &mut Table, folder: &Path, rounds: usize, round: Duration) {
    let one = deliveries(1);
    let sides = [
        (Some(Server::baseline(&[])), &one),
        (Some(Server::listen(&[], folder, None)), &one),
        (Some(Server::routes(folder, 1)), &one),
        (Some(Server::routes(folder, ROUTES)), &deliveries(ROUTES)),
        (Server::webhook(folder), &one),
    ];
    let mut best = [f64::MAX; 5];
    for _ in 0..rounds {
        for ((server, request), best) in sides.iter().zip(&mut best) {
            let Some(server) = server else { continue };
            let before = server.ticks();
            let requests = load(server.address, request, 0, round, usize::MAX).len();
            // 10 ms each, with every kernel that is in use.
            *best = best.min((server.ticks() - before) as f64 * 10_000.0 / requests as f64);
        }
    }
    let [axum, listen, one, ten, webhook] = best;
    let work = "`listen` receives a myPOS payment of 300 B: processor time";
    table.row(work, 1.3, 1.6, (listen, axum), "µs", "an axum handler that reads the body");
    table.row("the same with ten routes", 1.05, 1.1, (ten, one), "µs", "with one route");
    match &sides[4].0 {
        Some(_) => table.stated(work, (listen, webhook), "µs", "`webhook` with the same rule, which runs `true`"),
        None => table.skipped("the same, compared with `webhook`", "it needs Debian's package `webhook`"),
    }
}

/// Counts the instructions of the programs, without those of the kernel.
fn instructions(table: &Table, folder: &Path) {
    let work = "`listen` receives a myPOS payment of 300 B: instructions outside of the kernel";
    if !table::is_measured() || !Command::new("valgrind").arg("--version").output().is_ok_and(|it| it.status.success())
    {
        return table.skipped(work, "it needs valgrind");
    }
    let log = folder.join("callgrind");
    let log_file = format!("--log-file={}", log.display());
    let under = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", &log_file];
    let request = deliveries(1);
    let per_request = |start: &dyn Fn() -> Server| {
        // The difference is without what the start and the end take.
        let [few, many] = [1_000, 3_000].map(|requests| {
            let mut server = start();
            load(server.address, &request, 0, Duration::ZERO, requests);
            let pid = server.child.id().to_string();
            Command::new("kill").args(["-TERM", &pid]).status().expect("a signal");
            server.child.wait().expect("its end");
            let printed = fs::read_to_string(&log).expect("what valgrind prints");
            let collected =
                printed.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse::<f64>().ok());
            collected.expect("a number of instructions")
        });
        (many - few) / 2_000.0 / 1_000.0
    };
    let axum = per_request(&|| Server::baseline(&under));
    let listen = per_request(&|| Server::listen(&under, folder, None));
    let compared = "an axum handler that reads the body; valgrind lacks the processor's instructions for SHA-256";
    table.stated(work, (listen, axum), "thousand", compared);
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
    let listen = Server::listen(&[], folder, Some(append));
    for _ in 0..rounds.min(3) {
        let mut times = load(listen.address, &deliveries(1), 0, round, usize::MAX);
        times.sort_unstable();
        let p99 = times.get(times.len() * 99 / 100).copied().unwrap_or_default();
        println!("--append: {:.0} requests per second, p99 {p99:.1?}", times.len() as f64 / round.as_secs_f64());
    }
}

fn memory(folder: &Path, append: &Path, minutes: u32) {
    let listen = Server::listen(&[], folder, Some(append));
    let mut first = None;
    for minute in 1..=minutes {
        let requests = load(listen.address, &deliveries(1), 0, Duration::from_secs(60), usize::MAX).len();
        let now = listen.memory_kib();
        let first = *first.get_or_insert(now);
        println!("minute {minute}: {requests} requests, {now} KiB, {:+} KiB since minute 1", now as i64 - first as i64);
        // The speed of the disk is not measured.
        File::options().write(true).open(append).and_then(|file| file.set_len(0)).expect("a file");
    }
}
