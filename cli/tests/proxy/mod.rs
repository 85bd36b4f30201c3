//! The proxies of `deploy/` as processes in front of an address, and curl, which sends to them.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use axum::Router;
use axum::extract::{Request, State};
use rustix::process::{Pid, Signal, kill_process};

use crate::listener::Folder;

/// The name in the configurations, and that of the certificate.
pub const HOST: &str = "shop.example";

/// A file of `deploy/`.
pub fn configuration(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(name)).unwrap()
}

/// What a provider's request can go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Direct,
    Nginx,
    Caddy,
}

/// The proxies that are installed. The others are reported, also if the test passes.
pub fn installed() -> Vec<Kind> {
    let is_there = |program: &str| {
        let found = Command::new(program).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
        if !found {
            // The macros' output is only shown for tests that fail.
            let _ = writeln!(std::io::stderr(), "SKIPPED: tests of the proxies, since {program} is not installed");
        }
        found
    };
    if !(is_there("curl") && is_there("openssl")) {
        return Vec::new();
    }
    [(Kind::Nginx, nginx()), (Kind::Caddy, "caddy")].into_iter().filter(|it| is_there(it.1)).map(|it| it.0).collect()
}

/// It is not in the search path of every user.
fn nginx() -> &'static str {
    if fs::exists("/usr/sbin/nginx").unwrap_or(false) { "/usr/sbin/nginx" } else { "nginx" }
}

/// An address at which nothing listens.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The text with another part, which has to be in it once.
fn with(text: &str, part: &str, other: &str) -> String {
    assert_eq!(text.matches(part).count(), 1, "{part}");
    text.replace(part, other)
}

/// A proxy, or none, in front of an address.
pub struct Front<'a> {
    pub kind: Kind,
    folder: &'a Folder,
    address: SocketAddr,
    process: Option<Child>,
}

impl<'a> Front<'a> {
    pub fn start(kind: Kind, folder: &'a Folder, upstream: SocketAddr) -> Self {
        let mut front = Self { kind, folder, address: upstream, process: None };
        if kind == Kind::Direct {
            return front;
        }
        front.certificate();
        // Another program can be faster in taking the free address.
        for _ in 0..5 {
            front.address = free_address();
            front.process = match kind {
                Kind::Nginx => spawn(front.nginx(upstream), "start worker process"),
                _ => spawn(front.caddy(upstream), "serving initial configuration"),
            };
            if front.process.is_some() {
                return front;
            }
        }
        panic!("{kind:?} does not start");
    }

    /// Makes a certificate, which a folder has once.
    fn certificate(&self) {
        if self.folder.0.join("certificate.pem").exists() {
            return;
        }
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        openssl.args(["-days", "2", "-subj", "/CN=test", "-addext", &format!("subjectAltName=DNS:{HOST}")]);
        openssl.args(["-keyout", &self.folder.file("key.pem"), "-out", &self.folder.file("certificate.pem")]);
        let output = openssl.output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    /// The least that nginx needs around a file of `/etc/nginx/conf.d/`.
    fn nginx(&self, upstream: SocketAddr) -> Command {
        let file = |name: &str| self.folder.file(name);
        let server = with(&configuration("nginx.conf"), "127.0.0.1:8080", &upstream.to_string());
        let server = with(&server, "listen 443 ssl", &format!("listen {} ssl", self.address));
        let server = with(&server, "/etc/letsencrypt/live/shop.example/fullchain.pem", &file("certificate.pem"));
        let server = with(&server, "/etc/letsencrypt/live/shop.example/privkey.pem", &file("key.pem"));
        fs::write(file("server.conf"), server).unwrap();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {};\n", file(name)))
            .concat();
        let main = format!(
            "daemon off;\npid {};\nerror_log stderr notice;\nevents {{}}\nhttp {{\naccess_log off;\n{temporary}include {};\n}}\n",
            file("nginx.pid"),
            file("server.conf"),
        );
        fs::write(file("nginx.conf"), main).unwrap();
        let mut command = Command::new(nginx());
        command.args(["-e", "stderr", "-c", &file("nginx.conf")]);
        command
    }

    fn caddy(&self, upstream: SocketAddr) -> Command {
        let file = |name: &str| self.folder.file(name);
        let site = with(&configuration("Caddyfile"), "127.0.0.1:8080", &upstream.to_string());
        let tls = format!(
            "https://{HOST}:{} {{\n\tbind 127.0.0.1\n\ttls {} {}\n",
            self.address.port(),
            file("certificate.pem"),
            file("key.pem"),
        );
        let site = with(&site, "\nshop.example {\n", &format!("\n{tls}"));
        let site = with(&site, "\n{\n", "\n{\n\tadmin off\n\tauto_https disable_redirects\n");
        fs::write(file("Caddyfile"), site).unwrap();
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config", &file("Caddyfile")]);
        // Where it would write what it keeps.
        command.env("HOME", &self.folder.0).env("XDG_DATA_HOME", &self.folder.0);
        command
    }

    /// The versions of HTTP that it speaks, as options of curl.
    pub fn versions(&self) -> &'static [&'static str] {
        if self.kind == Kind::Direct { &["--http1.1", "--http1.1"] } else { &["--http1.1", "--http2"] }
    }

    /// A command that requests this path and query. It prints the version and the status.
    pub fn curl(&self, version: &str, target: &str, headers: &[(&str, String)]) -> Command {
        let port = self.address.port();
        let mut curl = Command::new("curl");
        curl.args(["--disable", "--silent", "--path-as-is", "--globoff", "--noproxy", "*", "--max-time", "120"]);
        curl.args([version, "--resolve", &format!("{HOST}:{port}:127.0.0.1"), "--output", "-"]);
        curl.args(["--write-out", "\n%{http_version} %{http_code}"]);
        if self.kind != Kind::Direct {
            curl.args(["--cacert", &self.folder.file("certificate.pem")]);
        }
        let scheme = if self.kind == Kind::Direct { "http" } else { "https" };
        curl.arg(format!("{scheme}://{HOST}:{port}{target}"));
        // The port of the test is not that of the registered URL.
        curl.args(["--header", &format!("Host: {HOST}"), "--header", "User-Agent: a provider"]);
        for (name, value) in headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
            curl.args(["--header", &format!("{name}: {value}")]);
        }
        curl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        curl
    }

    /// The status and the body of the response to a request with this body.
    pub fn post(&self, version: &str, target: &str, headers: &[(&str, String)], body: &[u8]) -> (u16, String) {
        let mut curl = self.curl(version, target, headers);
        fs::write(self.folder.file("body"), body).unwrap();
        curl.args(["--data-binary", &format!("@{}", self.folder.file("body"))]);
        answer(version, curl.spawn().unwrap())
    }

    /// A request whose body is written to the standard input of curl.
    pub fn begin(&self, version: &str, target: &str, headers: &[(&str, String)]) -> Child {
        let mut curl = self.curl(version, target, headers);
        curl.args(["--request", "POST", "--upload-file", ".", "--no-buffer"]);
        curl.spawn().unwrap()
    }

    /// The head of the response to these bytes; empty if the connection ends without. Nothing more is sent.
    pub fn head_of(&self, bytes: &str) -> String {
        let mut openssl = Command::new("openssl");
        openssl.args(["s_client", "-quiet", "-no_ign_eof", "-servername", HOST]);
        openssl.args(["-CAfile", &self.folder.file("certificate.pem"), "-connect", &self.address.to_string()]);
        let mut child = openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(bytes.as_bytes()).unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let head = lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
        drop(input);
        child.wait().unwrap();
        head
    }
}

/// Stands for the status of a refusal that came before the whole body was sent: with HTTP/2, some versions of curl then only
/// report that the server has ended the stream.
pub const ENDED_EARLY: u16 = 0;

/// The status and the body of a response.
pub fn answer(version: &str, curl: Child) -> (u16, String) {
    let output = curl.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    if (version, output.status.code()) == ("--http2", Some(92)) {
        return (ENDED_EARLY, text);
    }
    let (body, line) = text.rsplit_once('\n').unwrap();
    let (spoken, status) = line.split_once(' ').unwrap();
    assert_eq!(spoken, if version == "--http2" { "2" } else { "1.1" }, "{:?}: {text}", output.status);
    (status.parse().unwrap(), body.to_owned())
}

impl Drop for Front<'_> {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // It ends its own processes.
            let _ = kill_process(Pid::from_child(process), Signal::TERM);
            let _ = process.wait();
        }
    }
}

/// Starts a proxy, and waits until it listens. It reports why it does not.
fn spawn(mut command: Command, ready: &str) -> Option<Child> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    if !lines.by_ref().inspect(|line| println!("{line}")).any(|line| line.contains(ready)) {
        child.wait().unwrap();
        return None;
    }
    thread::spawn(move || lines.for_each(drop));
    Some(child)
}

/// A request as it arrived: path with query, headers and body.
pub type Arrived = (String, Vec<(String, Vec<u8>)>, Vec<u8>);

/// A server that keeps each request.
pub fn recorder() -> (tokio::runtime::Runtime, SocketAddr, Arc<Mutex<Vec<Arrived>>>) {
    async fn keep(State(arrived): State<Arc<Mutex<Vec<Arrived>>>>, request: Request) {
        let (head, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
        let headers = head.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
        arrived.lock().unwrap().push((head.uri.to_string(), headers.collect(), body));
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let arrived = Arc::<Mutex<Vec<Arrived>>>::default();
    let socket = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let address = socket.local_addr().unwrap();
    let router = Router::new().fallback(keep).with_state(Arc::clone(&arrived));
    runtime.spawn(async { axum::serve(socket, router).await });
    (runtime, address, arrived)
}
