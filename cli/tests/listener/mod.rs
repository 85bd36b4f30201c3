//! `pos-webhooks listen` as a process, and what sends to it.

#![allow(dead_code)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use http::{Response, StatusCode};
use jiff::Timestamp;
use pos_webhooks::catalogue::{EventNamePlace, Provider, Verification};
use pos_webhooks::verify::{ToSign, sign};
use pos_webhooks::vipps;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use serde_json::value::RawValue;

/// It is hexadecimal and Base64 as well, whichever a provider wants.
pub const SECRET: &str = "5ec7e70f0a5707e25ec7e70f0a5707e2";
pub const URL: &str = "https://shop.example/hooks/vipps";
pub const CAPTURED: &str = "epayments.payment.captured.v1";

/// A folder of the test's own.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("listen-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let folder = Self(folder);
        folder.write_secret("secret", SECRET);
        folder
    }

    /// Writes a secret that only the user of the test may read.
    pub fn write_secret(&self, name: &str, secret: &str) {
        fs::write(self.file(name), format!("{secret}\n")).unwrap();
        fs::set_permissions(self.file(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    pub fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.file("events")).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "a torn line");
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub struct Listener {
    pub child: Child,
    pub address: SocketAddr,
    pub log: Arc<Mutex<String>>,
    /// Notified of each line of the log.
    written: Arc<Condvar>,
    reader: Option<JoinHandle<()>>,
}

impl Listener {
    pub fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        command.arg("listen").args(arguments).args(["--listen", "127.0.0.1:0", "--log-format", "json"]);
        if !arguments.contains(&"--accept-unsigned") {
            command.args(["--secret-file", &folder.file("secret")]);
        }
        Self::spawn(&mut command)
    }

    pub fn vipps(folder: &Folder, arguments: &[&str]) -> Self {
        let file = folder.file("events");
        Self::start(folder, &[&["vipps", "--url", URL, "--append", &file], arguments].concat())
    }

    /// Starts it with a configuration, to which a log in JSON and the address of its listener are added.
    pub fn configured(folder: &Folder, configuration: &str) -> Self {
        let configuration = format!("listen = \"127.0.0.1:0\"\n{configuration}\n[log]\nformat = \"json\"\n");
        fs::write(folder.file("listen.toml"), configuration).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        Self::spawn(command.args(["listen", "--config", &folder.file("listen.toml")]))
    }

    pub fn spawn(command: &mut Command) -> Self {
        Self::spawn_at(command).0
    }

    /// Starts it at an address that may be that of a unix socket.
    pub fn spawn_at(command: &mut Command) -> (Self, String) {
        Self::attempt(command).unwrap_or_else(|why| panic!("{why}"))
    }

    /// Starts it; if it ends instead, returns what it has reported.
    pub fn attempt(command: &mut Command) -> Result<(Self, String), String> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut log = String::new();
        let address = loop {
            let mut line = String::new();
            errors.read_line(&mut line).unwrap();
            log.push_str(&line);
            let Ok(line) = serde_json::from_str::<Value>(&line) else {
                errors.read_to_string(&mut log).unwrap();
                child.wait().unwrap();
                return Err(log);
            };
            if let Some(address) = line["address"].as_str() {
                break address.to_owned();
            }
        };
        let (log, written) = (Arc::new(Mutex::new(log)), Arc::<Condvar>::default());
        let (shared, notified) = (Arc::clone(&log), Arc::clone(&written));
        let reader = thread::spawn(move || {
            let mut line = String::new();
            // A process that is killed may leave a part of a line.
            while errors.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
                serde_json::from_str::<Value>(&line).unwrap_or_else(|_| panic!("{line}"));
                shared.lock().unwrap().push_str(&line);
                notified.notify_all();
                line.clear();
            }
        });
        let socket = address.parse().unwrap_or_else(|_| ([127, 0, 0, 1], 0).into());
        Ok((Self { child, address: socket, log, written, reader: Some(reader) }, address))
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends it as an init system does; the log.
    pub fn end(mut self) -> String {
        self.signal(Signal::TERM);
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        self.whole_log()
    }

    /// Ends it by SIGKILL; the log.
    pub fn kill(mut self) -> String {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.whole_log()
    }

    /// The log of a process that has ended.
    fn whole_log(&mut self) -> String {
        self.reader.take().unwrap().join().unwrap();
        let log = std::mem::take(&mut *self.log.lock().unwrap());
        assert!(!log.contains(SECRET) && !log.contains("panicked"), "{log}");
        log
    }

    pub fn post(&self, path: &str, headers: &[(&str, String)], body: &[u8]) -> Response<String> {
        post(self.address, path, headers, body).unwrap()
    }

    pub fn deliver(&self, body: &[u8]) -> StatusCode {
        self.post("/", &signed(body), body).status()
    }

    /// Waits until a line of the log has this text.
    pub fn logged(&self, text: &str) {
        self.logged_times(text, 1);
    }

    /// Waits until so many lines of the log have this text.
    pub fn logged_times(&self, text: &str, times: usize) {
        let log = self.log.lock().unwrap();
        let is_missing = |log: &mut String| log.lines().filter(|line| line.contains(text)).count() < times;
        let waited = self.written.wait_timeout_while(log, Duration::from_secs(60), is_missing);
        let (log, waited) = waited.unwrap();
        assert!(!waited.timed_out(), "{text:?} is not logged: {log}");
    }

    pub fn get(&self, path: &str) -> Response<String> {
        exchange(self.address, format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").as_bytes())
            .unwrap()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long a response may take in a test.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn post(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, String)],
    body: &[u8],
) -> std::io::Result<Response<String>> {
    post_within(PATIENCE, address, path, headers, body)
}

/// Sends a request, and waits for its response for this time.
pub fn post_within(
    patience: Duration,
    address: SocketAddr,
    path: &str,
    headers: &[(&str, String)],
    body: &[u8],
) -> std::io::Result<Response<String>> {
    let mut request = format!("POST {path} HTTP/1.1\r\nhost: internal\r\nconnection: close\r\n").into_bytes();
    for (name, value) in headers {
        write!(request, "{name}: {value}\r\n")?;
    }
    write!(request, "content-length: {}\r\n\r\n", body.len())?;
    request.extend_from_slice(body);
    exchange_within(patience, address, &request)
}

/// Sends bytes and reads the response until the connection ends.
pub fn exchange(address: SocketAddr, bytes: &[u8]) -> std::io::Result<Response<String>> {
    exchange_within(PATIENCE, address, bytes)
}

fn exchange_within(patience: Duration, address: SocketAddr, bytes: &[u8]) -> std::io::Result<Response<String>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(patience))?;
    // The server may respond before it has read everything.
    let _ = stream.write_all(bytes);
    answer(stream)
}

pub fn answer(mut stream: TcpStream) -> std::io::Result<Response<String>> {
    let mut text = Vec::new();
    // If the request is refused, the connection may be reset after the response.
    let read = stream.read_to_end(&mut text);
    let text = String::from_utf8(text).unwrap();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return Err(read.err().unwrap_or_else(|| std::io::Error::other(format!("no response: {text:?}"))));
    };
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let mut response = Response::builder().status(status);
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        response = response.header(name, value);
    }
    Ok(response.body(body.to_owned()).unwrap())
}

/// Whether a process reports that it can store events.
pub fn is_ready(address: SocketAddr) -> bool {
    let request = b"GET /readyz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    exchange(address, request).is_ok_and(|response| response.status() == StatusCode::OK)
}

/// The most memory that a process has had, in bytes.
pub fn peak_memory(listener: &Listener) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", listener.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
}

/// Waits until a condition holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

pub fn signed(body: &[u8]) -> Vec<(&'static str, String)> {
    vipps::sign(URL, &SECRET.into(), body, Timestamp::now()).unwrap()
}

/// A payment of its own.
pub fn payment(reference: impl std::fmt::Display) -> String {
    let event = vipps::PROVIDER.events.iter().find(|event| event.name == CAPTURED).unwrap();
    let json = event.payload.examples[0].json;
    let mut payment: vipps::models::PaymentEvent = serde_json::from_str(json).unwrap();
    payment.psp_reference = reference.to_string();
    serde_json::to_string(&payment).unwrap()
}

pub fn payload(line: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Line {
        payload: Box<RawValue>,
    }
    serde_json::from_str::<Line>(line).unwrap().payload.get().to_owned()
}

/// What a provider sends to deliver this, beside the body: path and headers.
pub fn delivery(provider: &Provider, event: &str, body: &[u8]) -> (String, Vec<(&'static str, String)>) {
    let to_sign = ToSign { url: Some(URL), id: Some("a-delivery"), headers: &[], body, at: Timestamp::now() };
    let mut headers = match provider.verification_of(Some(event)).unwrap() {
        Verification::None(_) => Vec::new(),
        verification => sign(verification, None, &SECRET.into(), &to_sign).unwrap(),
    };
    if let Some(EventNamePlace::Header(name)) = provider.event_name {
        headers.push((name, event.to_owned()));
    }
    (format!("/hooks/{event}"), headers)
}
