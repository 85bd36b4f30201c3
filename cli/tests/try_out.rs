//! `try` receives a first event of every provider in one command, and `trigger` delivers others, to the sandbox or to a URL.

#[path = "cli/run.rs"]
mod run;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::Verification;
use run::{command, directory, feed};

const BINARY: &str = env!("CARGO_BIN_EXE_pos-webhooks");
use serde_json::{Value, json};

/// A running `try`.
struct Tried {
    child: Child,
    out: BufReader<ChildStdout>,
    /// The lines so far.
    text: String,
    url: String,
}

impl Tried {
    fn start(arguments: &[&str]) -> Self {
        let mut command = command(&[&["try"], arguments].concat());
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut tried = Self { child, out, text: String::new(), url: String::new() };
        let page = tried.until("Page");
        let page = page.split_whitespace().last().unwrap();
        tried.url = page.split_once("/#").unwrap().0.to_owned();
        tried
    }

    fn on_a_free_port(arguments: &[&str]) -> Self {
        Self::start(&[arguments, &["--listen", "127.0.0.1:0"]].concat())
    }

    /// The next line with this text.
    fn until(&mut self, wanted: &str) -> String {
        loop {
            let mut line = String::new();
            assert!(self.out.read_line(&mut line).unwrap() > 0, "{wanted}: {}", self.text);
            self.text += &line;
            if line.contains(wanted) {
                return line;
            }
        }
    }

    #[cfg(unix)]
    fn interrupted(mut self) -> (Option<i32>, String) {
        let interrupt = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(interrupt.success());
        let status = self.child.wait().unwrap();
        self.out.read_to_string(&mut self.text).unwrap();
        (status.code(), std::mem::take(&mut self.text))
    }
}

impl Drop for Tried {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends the responses of these statuses to the connections to the returned URL, and returns the requests.
fn receiver(statuses: &'static [u16]) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    let respond = |mut stream: TcpStream, status: &u16| {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut request, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            request += &line;
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let reply = format!("HTTP/1.1 {status} Status\r\ncontent-length: 9\r\nconnection: close\r\n\r\nmy reason");
        stream.write_all(reply.as_bytes()).unwrap();
        request + &String::from_utf8(body).unwrap()
    };
    let serve = move || statuses.iter().map(|status| respond(listener.accept().unwrap().0, status)).collect();
    (url, thread::spawn(serve))
}

#[test]
fn each_provider_delivers_a_first_event_that_is_verified_and_valid() {
    for provider in PROVIDERS.iter() {
        let mut tried = Tried::on_a_free_port(&[provider.name]);
        let line = tried.until(provider.events[0].name);
        assert!(line.contains("  verified  valid  "), "{line}");
        tried.until("in another terminal");
        assert!(tried.text.contains(&format!("registered for {} events\n", provider.events.len())), "{}", tried.text);
    }
}

#[test]
fn the_commands_that_are_listed_next_work() {
    for provider in PROVIDERS.iter() {
        let mut tried = Tried::on_a_free_port(&[provider.name]);
        tried.until("Deliver to your own program");
        let commands = tried.text.lines().filter_map(|line| line.strip_prefix("    pos-webhooks "));
        let commands: Vec<_> = commands.map(|line| format!("{BINARY} {line}")).collect();
        assert!(commands.len() >= 2, "{}", tried.text);
        for command in &commands {
            let mut shell = Command::new("sh");
            shell.args(["-c", command]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let done = feed(shell, b"");
            assert_eq!(done.status, 0, "{command}: {}", done.err);
        }
        let line = tried.until("  verified  valid  ");
        assert!(line.contains(provider.events[0].name), "{line}");
    }
}

#[test]
fn a_program_of_ones_own_receives_what_verifies_with_the_printed_secret() {
    // The receiver of this test does not answer a handshake.
    for provider in PROVIDERS.iter().filter(|provider| provider.handshake.is_none()) {
        let folder = directory(&format!("forwarded-{}", provider.name));
        let event = provider.events[0].name;
        let (url, requests) = receiver(&[200]);
        let mut tried = Tried::on_a_free_port(&[provider.name, "--forward-to", &url]);
        let line = tried.until("forwarded");
        assert!(line.contains(event) && line.contains("forwarded  200  "), "{line}");
        fs::write(folder.join("request.http"), requests.join().unwrap().concat()).unwrap();
        let secret = tried.text.lines().find_map(|line| line.strip_prefix("Secret    ")).unwrap();
        fs::write(folder.join("secret.txt"), secret.split_whitespace().next().unwrap()).unwrap();
        let mut arguments = vec!["verify", provider.name, "--secret-file", "secret.txt", "--request", "request.http"];
        if matches!(&provider.verification, Some(Verification::Signatures(all)) if all.iter().any(|it| it.needs_url()))
        {
            arguments.extend(["--url", &url]);
        }
        let mut verify = command(&arguments);
        verify.current_dir(&folder);
        let done = feed(verify, b"");
        assert_eq!(done.status, 0, "{}: {}{}", provider.name, done.out, done.err);
    }
}

#[test]
fn a_refusal_of_ones_own_program_is_shown_with_the_next_attempt() {
    let (url, requests) = receiver(&[503]);
    let mut tried = Tried::on_a_free_port(&["dealpos", "--forward-to", &url]);
    let line = tried.until("forwarded");
    assert!(line.contains("forwarded  refused with 503  ") && line.contains("; the next attempt is in "), "{line}");
    assert_eq!(tried.until("my reason"), "  my reason\n");
    assert_eq!(requests.join().unwrap().len(), 1);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_with_success() {
    let mut tried = Tried::on_a_free_port(&["dealpos"]);
    tried.until("in another terminal");
    let (status, text) = tried.interrupted();
    assert_eq!(status, Some(0), "{text}");
}

#[test]
fn a_taken_port_is_no_obstacle() {
    // Another program may have it already.
    let _taken = TcpListener::bind("127.0.0.1:4010");
    let mut tried = Tried::start(&["dealpos"]);
    assert!(!tried.url.ends_with(":4010"), "{}", tried.url);
    let url = format!("--sandbox {}", tried.url);
    assert!(tried.until("pos-webhooks trigger").contains(&url));
}

#[cfg(target_os = "linux")]
#[test]
fn the_page_is_opened_on_request() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = directory("open");
    let opener = folder.join("xdg-open");
    let pipe = folder.join("opened");
    let _ = fs::remove_file(&pipe);
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::write(&opener, format!("#!/bin/sh\necho \"$1\" > '{}'\n", pipe.display())).unwrap();
    fs::set_permissions(&opener, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = command(&["try", "dealpos", "--listen", "127.0.0.1:0", "--open"]);
    let search = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let mut child = command.env("PATH", search).stdout(Stdio::piped()).spawn().unwrap();
    let opened = fs::read_to_string(&pipe).unwrap();
    let mut first = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    while !first.contains("Page") {
        assert!(out.read_line(&mut first).unwrap() > 0, "{first}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(opened.trim(), first.split_whitespace().last().unwrap());
}

#[test]
fn a_changed_payload_is_delivered_as_it_is() {
    let tried = Tried::on_a_free_port(&["vipps"]);
    let event = "epayments.payment.captured.v1";
    let trigger = |options: &[&str]| {
        let all = [&["trigger", "vipps", event, "--sandbox", &tried.url, "--format", "json"], options].concat();
        let done = feed(command(&all), b"");
        let attempt: Value = serde_json::from_str(&done.out).unwrap();
        let body: Value = serde_json::from_str(attempt["request"]["body"].as_str().unwrap()).unwrap();
        (done.status, done.err, attempt["status"].clone(), body)
    };
    let (status, err, answer, body) = trigger(&["--set", "/amount/value=100", "--set", "/new=text"]);
    assert_eq!((status, err.as_str(), answer), (0, "", json!(200)));
    assert_eq!((&body["amount"]["value"], &body["new"]), (&json!(100), &json!("text")));

    // The receiver refuses what is not valid, which is sent nevertheless.
    let (status, err, answer, body) = trigger(&["--set", "/amount/value=a lot"]);
    assert_eq!((status, answer, &body["amount"]["value"]), (1, json!(400), &json!("a lot")));
    assert!(
        err.starts_with("warning: the payload does not match the specification") && err.contains("/amount/value"),
        "{err}"
    );
    assert!(!err.contains("a lot"), "{err}");
}

#[test]
fn what_set_cannot_change_is_an_error_that_says_why() {
    let payload = r#"{"a":{"b":[1]},"c":"text"}"#;
    for (change, expected) in [
        ("a=1", "`a=1` is not of the form POINTER=VALUE"),
        ("/a", "`/a` is not of the form POINTER=VALUE"),
        ("/~b=1", "`/~b` is not a JSON pointer: the `~` after `/` is followed by neither `0` nor `1`"),
        ("/a~1~=1", "the `~` after `/a~1` is followed by neither"),
        ("/x/y=1", "there is nothing at `/x` in the payload"),
        ("/c/y=1", "`/c` is not an object or an array"),
        ("/a/b/7=1", "`/a/b` has 1 items, and `7` is not one of them"),
    ] {
        let mut command = command(&["trigger", "vipps", "epayments.payment.captured.v1"]);
        command.args(["--payload", "-", "--set", change, "--sandbox", "http://127.0.0.1:9"]);
        let done = feed(command, payload.as_bytes());
        assert_eq!(done.status, 2, "{change}");
        assert!(done.err.contains(expected), "{change}: {}", done.err);
    }
}

#[test]
fn an_event_is_signed_and_sent_to_a_url_without_a_sandbox() {
    let folder = directory("to");
    fs::write(folder.join("secret.txt"), "my secret\n").unwrap();
    let (url, requests) = receiver(&[200, 401]);
    let trigger = || {
        let mut command = command(&["trigger", "vipps", "epayments.payment.captured.v1", "--to", &url]);
        command.args(["--secret-file", "secret.txt"]).current_dir(&folder);
        feed(command, b"")
    };
    let done = trigger();
    assert_eq!((done.status, done.err.as_str()), (0, ""));
    assert!(done.out.starts_with("200 in ") && done.out.ends_with(&format!(" ms from {url}\n")), "{}", done.out);
    let done = trigger();
    assert_eq!(done.status, 1);
    assert!(done.out.starts_with("refused with 401 in ") && done.out.contains("\n  my reason\n"), "{}", done.out);
    for request in requests.join().unwrap() {
        fs::write(folder.join("request.http"), request).unwrap();
        let mut verify = command(&["verify", "vipps", "--secret-file", "secret.txt", "--url", &url]);
        verify.args(["--request", "request.http"]).current_dir(&folder);
        let done = feed(verify, b"");
        assert_eq!(done.status, 0, "{}{}", done.out, done.err);
    }
}

#[test]
fn an_event_without_a_registration_is_an_error() {
    let tried = Tried::on_a_free_port(&["vipps"]);
    let done = feed(command(&["trigger", "dealpos", "paymentCreated", "--sandbox", &tried.url]), b"");
    assert_eq!(done.status, 1);
    assert!(
        done.err.contains("no registration in the sandbox") && done.err.contains("`pos-webhooks try dealpos`"),
        "{}",
        done.err
    );
}

/// The receiver of the sandbox itself, which is registered for every event, takes no place of a registration.
#[test]
fn a_receiver_of_ones_own_is_registered_for_every_event() {
    for provider in PROVIDERS.iter().filter(|provider| provider.name == "vipps") {
        let mut tried = Tried::on_a_free_port(&[provider.name]);
        tried.until("in another terminal");
        let folder = directory("every event");
        let _ = fs::remove_file(folder.join("secret.txt"));
        let mut create = command(&["hooks", provider.name, "create", "--sandbox", &tried.url, "--events", "all"]);
        create.args(["--url", "https://shop.example/hooks", "--save-secret", "secret.txt"]).current_dir(&folder);
        let done = feed(create, b"");
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{}", done.out);
    }
}

#[test]
fn an_event_that_is_not_signed_is_not_called_verified() {
    for provider in PROVIDERS.iter() {
        let is_unsigned = |name| matches!(provider.verification_of(Some(name)), Some(Verification::None(_)));
        for event in provider.events.iter().filter(|event| is_unsigned(event.name)) {
            let mut tried = Tried::on_a_free_port(&[provider.name, "--event", event.name]);
            let line = tried.until(event.name);
            assert!(line.contains("  not signed  valid  "), "{line}");
        }
    }
}

#[test]
fn everything_but_the_changed_member_stays_as_it_is_written() {
    let (url, requests) = receiver(&[200]);
    let mut command = command(&["trigger", "mypos", "pos.payment.completed", "--to", &url, "--payload", "-"]);
    let folder = directory("written");
    fs::write(folder.join("secret.txt"), "c2VjcmV0").unwrap();
    command.current_dir(&folder).args(["--secret-file", "secret.txt"]);
    command.args(["--set", "/z=1.10", "--set", "/list/-=1e400", "--set", "/a~1b=2"]);
    let done = feed(command, br#"{"big":12345678901234567890123,"price":10.00,"z":1,"z":2,"list":[ 1E5 ]}"#);
    assert_eq!(done.status, 0, "{}{}", done.out, done.err);
    let request = requests.join().unwrap().concat();
    let body = request.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(body, r#"{"big":12345678901234567890123,"price":10.00,"z":1.10,"z":1.10,"list":[1E5,1e400],"a/b":2}"#);
}

#[test]
fn a_secret_that_is_sent_is_not_shown() {
    let folder = directory("masked");
    let secret = "a secret of the shop";
    fs::write(folder.join("secret.txt"), secret).unwrap();
    for format in ["human", "json"] {
        let (url, requests) = receiver(&[401]);
        let mut command = command(&["trigger", "dealpos", "paymentCreated", "--to", &url, "--format", format]);
        command.args(["--secret-file", "secret.txt"]).current_dir(&folder);
        let done = feed(command, b"");
        assert!(requests.join().unwrap().concat().contains(secret));
        assert!(!done.out.contains(secret) && !done.err.contains(secret), "{}{}", done.out, done.err);
    }
}

#[test]
fn what_is_no_sandbox_is_an_error_without_its_password() {
    let (url, requests) = receiver(&[200]);
    let event = ["trigger", "vipps", "epayments.payment.captured.v1", "--sandbox"];
    let done = feed(command(&[&event[..], &[&url]].concat()), b"");
    requests.join().unwrap();
    assert_eq!(done.status, 2);
    assert!(done.err.contains("does not respond with its accounts"), "{}", done.err);
    for url in ["http://user:hidden@127.0.0.1:9", "http://127.0.0.1:9/?key=hidden", "ftp://127.0.0.1"] {
        let done = feed(command(&[&event[..], &[url]].concat()), b"");
        assert_eq!(done.status, 2);
        assert!(done.err.starts_with("error: --sandbox: ") && !done.err.contains("hidden"), "{}", done.err);
    }
    let done = feed(
        command(&["try", "vipps", "--listen", "127.0.0.1:0", "--forward-to", "http://user:hidden@127.0.0.1:9/"]),
        b"",
    );
    assert_eq!(done.status, 2);
    assert!(done.err.contains("--forward-to") && !done.err.contains("hidden"), "{}", done.err);
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_although_nothing_reads_what_it_prints() {
    let tried = Tried::on_a_free_port(&["dealpos"]);
    // More than a pipe holds.
    for _ in 0..40 {
        let lines = (0..40).map(|_| "paymentCreated").map(|event| format!("{{\"event\":\"{event}\"}}"));
        lines.for_each(|body| drop(post(&tried.url, "/_sandbox/dealpos/deliver", &body, "")));
    }
    let interrupt = Command::new("kill").args(["-INT", &tried.child.id().to_string()]).status().unwrap();
    assert!(interrupt.success());
    let mut tried = tried;
    assert_eq!(tried.child.wait().unwrap().code(), Some(0));
}

/// The head of the response to a request with these further header lines.
fn post(url: &str, path: &str, body: &str, headers: &str) -> String {
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response
}

/// Old browsers send nothing but the origin.
#[test]
fn a_page_of_another_site_cannot_use_the_sandbox() {
    let tried = Tried::on_a_free_port(&["dealpos"]);
    let body = r#"{"event":"paymentCreated"}"#;
    let status = |headers: &str| post(&tried.url, "/_sandbox/dealpos/deliver", body, headers)[9..12].to_owned();
    assert_eq!(status(&format!("origin: {}\r\n", tried.url)), "200");
    for origin in ["http://shop.example", "https://127.0.0.1", "null", "http://127.0.0.1:1"] {
        assert_eq!(status(&format!("origin: {origin}\r\n")), "403", "{origin}");
    }
}

#[test]
fn a_secret_in_a_file_is_the_same_at_the_next_start() {
    // The receiver of this test does not answer a handshake.
    for provider in PROVIDERS.iter().filter(|provider| provider.handshake.is_none()) {
        let folder = directory(&format!("kept-{}", provider.name));
        let file = folder.join("secret.txt");
        let _ = fs::remove_file(&file);
        let path = file.display().to_string();
        let mut kept = String::new();
        for start in ["the file is created", "the file is read"] {
            let (url, requests) = receiver(&[200]);
            let mut tried = Tried::on_a_free_port(&[provider.name, "--forward-to", &url, "--secret-file", &path]);
            let line = tried.until("forwarded");
            assert!(line.contains("forwarded  200  "), "{start}: {line}");
            assert!(tried.text.contains(&format!("Secret    in {path}")), "{start}: {}", tried.text);
            fs::write(folder.join("request.http"), requests.join().unwrap().concat()).unwrap();
            let secret = fs::read_to_string(&file).unwrap();
            assert!(!tried.text.contains(secret.trim()), "{start}: the secret is not printed");
            assert!(kept.is_empty() || kept == secret, "{start}");
            kept = secret;
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
            }
            let mut arguments = vec!["verify", provider.name, "--secret-file", &path, "--request", "request.http"];
            if matches!(&provider.verification, Some(Verification::Signatures(all)) if all.iter().any(|it| it.needs_url()))
            {
                arguments.extend(["--url", &url]);
            }
            let mut verify = command(&arguments);
            verify.current_dir(&folder);
            let done = feed(verify, b"");
            assert_eq!(done.status, 0, "{start}: {}: {}{}", provider.name, done.out, done.err);
        }
    }
}

#[test]
fn the_first_next_step_of_forwarding_is_to_configure_the_secret() {
    let (url, requests) = receiver(&[200]);
    let mut tried = Tried::on_a_free_port(&["vipps", "--forward-to", &url]);
    tried.until("Next, in another terminal:");
    assert_eq!(
        tried.until(":").trim(),
        "Configure the secret in your program, then deliver an event with another value:"
    );
    assert!(tried.until("pos-webhooks").contains("pos-webhooks trigger vipps "), "{}", tried.text);
    requests.join().unwrap();
}

#[test]
fn forwarding_to_a_host_does_not_allow_deliveries_to_others() {
    let mut tried = Tried::on_a_free_port(&["dealpos", "--forward-to", "http://shop.invalid/hooks"]);
    assert!(tried.until("forwarded").contains("no response"), "{}", tried.text);
    let add = ["-s", "--json", "{\"url\": \"http://other.invalid/hooks\"}"];
    let add = Command::new("curl").args(add).arg(format!("{}/_sandbox/dealpos/register", tried.url)).output().unwrap();
    assert!(add.status.success(), "{add:?}");
    let trigger = ["trigger", "dealpos", "paymentCreated", "--sandbox", &tried.url, "--format", "json"];
    let done = feed(command(&trigger), b"");
    let attempt = done.out.lines().find(|line| line.contains("other.invalid")).unwrap();
    assert!(attempt.contains("not sent: other.invalid is another machine"), "{attempt}");
}

#[test]
fn the_times_are_in_utc_and_say_so() {
    let mut tried = Tried::on_a_free_port(&["dealpos"]);
    let line = tried.until("  verified  valid  ");
    let time = line.split("  ").next().unwrap();
    assert!(time.len() == 9 && time.ends_with('Z'), "{line}");
}
