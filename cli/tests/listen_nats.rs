//! An event is stored in a stream of NATS JetStream with its bytes, once, and is acknowledged once it is.

#![cfg(all(unix, feature = "nats"))]

mod listener;
mod nats_server;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use http::StatusCode;
use listener::*;
use nats_server::*;

const OK: StatusCode = StatusCode::OK;

/// The public key of the seed that `nats_server/user.creds` has.
const NKEY: &str = "UBUVO73YO6UEF3KM6JIL5GNOVGJMQ2O22WVO52W7UCC5WQ3XECKNJON4";

fn deliver(listener: &Listener, body: &[u8]) -> StatusCode {
    listener.post("/shop", &signed(body), body).status()
}

fn check(folder: &Folder, configuration: &str) -> Output {
    // The default address may be taken.
    let configuration = format!("listen = \"127.0.0.1:0\"\n{configuration}");
    fs::write(folder.file("checked.toml"), configuration).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    command.args(["listen", "--check", "--config", &folder.file("checked.toml")]).output().unwrap()
}

/// What the check says of a sink that cannot be used.
fn refusal(folder: &Folder, configuration: &str) -> String {
    let output = check(folder, configuration);
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    text
}

/// Waits until the program reports this.
fn ready(listener: &Listener, status: StatusCode) {
    for _ in 0..100 {
        if listener.get("/readyz").status() == status {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("not {status}: {}", listener.log.lock().unwrap());
}

#[test]
fn a_message_has_the_bytes_the_headers_and_the_subject_of_its_event() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("nats-bytes");
    let server = Server::start(&folder, "");
    server.create(fitting());
    let listener = Listener::configured(&folder, &configuration(&[&server], ""));
    let good = payment("a");
    let mut bodies: Vec<Vec<u8>> = vec![good.clone().into_bytes()];
    let odd = [
        "{\"name\":\"\\u0000\"}",
        "{\"name\":\"a.*.> b\\r\\n\",\"a\":1,\"a\":2, \"c\": -0}\r\n",
        "{\"name\":\"..\"}",
        "not JSON",
        "{}",
        "",
    ];
    for (number, odd) in odd.iter().enumerate() {
        bodies.push(odd.as_bytes().to_vec());
        bodies.push(payment(number).into_bytes());
    }
    bodies.push(format!("{{\"name\":\"{}\"}}", "x".repeat(5000)).into_bytes());
    for body in &bodies {
        let mut headers = signed(body);
        headers.push(("content-type", "application/json; charset=utf-8".to_owned()));
        headers.push(("cookie", "session=hidden".to_owned()));
        assert_eq!(listener.post("/shop", &headers, body).status(), OK, "{}", String::from_utf8_lossy(body));
    }
    let log = listener.end();
    assert!(log.contains("is not checked, since `monitor` is not given"), "{log}");
    let messages = server.messages(STREAM);
    assert!(messages.iter().map(|message| &message.body).eq(bodies.iter()));
    let subjects: BTreeSet<_> = messages.iter().map(|message| &message.subject).collect();
    assert_eq!(subjects.len(), bodies.len());
    for message in &messages {
        assert!(message.subject.starts_with("pos.shop.") && message.subject.len() < 2000, "{}", message.subject);
        assert_eq!(message.header("ce-specversion"), "1.0");
        assert_eq!(message.header("ce-source"), "/pos-webhooks/shop");
        assert_eq!(message.header("ce-datacontenttype"), "application/json;%20charset=utf-8");
        assert_eq!(message.header("Nats-Expected-Stream"), STREAM);
        assert_eq!(message.header("Nats-Expected-Last-Subject-Sequence"), "0");
        message.header("ce-time").parse::<jiff::Timestamp>().unwrap();
        message.header("pos-webhooks-header-x-ms-date");
        let all = format!("{:?}", message.headers);
        assert!(!all.contains("hidden") && !all.contains("HMAC") && !all.contains(SECRET), "{all}");
    }
    let first = &messages[0];
    let key = first.header("ce-id");
    assert_eq!(first.subject, format!("pos.shop.{key}.vipps.{CAPTURED}"));
    assert_eq!(first.header("Nats-Msg-Id"), format!("shop:{key}"));
    assert_eq!(first.header("ce-type"), format!("vipps.{CAPTURED}"));
    assert_eq!(first.header("pos-webhooks-known"), "true");
    assert!(first.headers.get("pos-webhooks-error").is_none());
    let not_json = messages.iter().find(|message| message.body == b"not JSON").unwrap();
    assert!(not_json.subject.starts_with("pos.shop.u-") && not_json.subject.ends_with(".vipps.-"));
    assert!(!not_json.header("pos-webhooks-error").is_empty());
}

#[test]
fn an_event_is_stored_once_by_all_processes_and_after_restarts() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("nats-once");
    let mut server = Server::start(&folder, "");
    // The ids are forgotten at once, so that only the subjects are left.
    server.create(Config { duplicate_window: Duration::from_millis(100), ..fitting() });
    let configuration = configuration(&[&server], "");
    let unkeyed = "{\"name\":\"another\"}";
    let bodies: Vec<String> = (0..20).map(payment).collect();
    let mut listeners = [0, 1].map(|_| Listener::configured(&folder, &configuration));
    for round in 0..3 {
        // The same event reaches both at the same time.
        thread::scope(|scope| {
            for listener in &listeners {
                scope.spawn(|| {
                    for body in &bodies {
                        let status = deliver(listener, body.as_bytes());
                        // A newer server refuses an event that is just being stored, which is then sent again.
                        if status == StatusCode::SERVICE_UNAVAILABLE {
                            assert_eq!(deliver(listener, body.as_bytes()), OK);
                        } else {
                            assert_eq!(status, OK);
                        }
                    }
                });
            }
        });
        assert_eq!(deliver(&listeners[0], unkeyed.as_bytes()), OK);
        match round {
            0 => {
                listeners[0].signal(rustix::process::Signal::KILL);
                listeners[0] = Listener::configured(&folder, &configuration);
            }
            1 => {
                server.kill();
                server.restart();
                listeners.iter().for_each(|listener| ready(listener, OK));
            }
            _ => {}
        }
    }
    let messages = server.messages(STREAM);
    let keyed = messages.iter().filter(|message| message.body != unkeyed.as_bytes());
    assert_eq!(keyed.map(|message| &message.body).collect::<BTreeSet<_>>().len(), bodies.len());
    assert_eq!(messages.len(), bodies.len() + 3);
    let [first, second] = listeners;
    let metrics = first.get("/metrics").into_body() + &second.get("/metrics").into_body();
    let count = |name: &str| -> usize {
        let lines = metrics.lines().filter_map(|line| line.strip_prefix(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok()).sum()
    };
    // Those of the process that was killed are not among them.
    assert!(count("pos_webhooks_duplicates_total{") >= 2 * bodies.len(), "{metrics}");
    assert_eq!(count("pos_webhooks_sink_up{"), 2);
    assert!(!first.end().contains("panicked") && !second.end().contains("panicked"));
}

#[test]
fn a_stream_that_would_lose_events_is_refused_with_what_to_change() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("nats-unfit");
    let server = Server::start(&folder, "");
    let day = Duration::from_secs(24 * 60 * 60);
    let fit = |name: &str| Config { name: name.to_owned(), subjects: vec![format!("{name}.>")], ..fitting() };
    let unfit: [(Config, &[&str]); 10] = [
        (Config { retention: RetentionPolicy::Interest, ..fit("a") }, &["retention is `interest`", "create another"]),
        (Config { retention: RetentionPolicy::WorkQueue, ..fit("b") }, &["retention is `workqueue`"]),
        (Config { discard: DiscardPolicy::Old, ..fit("c") }, &["is `old`", "nats stream edit c --discard new"]),
        (Config { storage: StorageType::Memory, ..fit("d") }, &["storage is `memory`"]),
        (Config { no_ack: true, ..fit("e") }, &["`no_ack` is set", "nats stream edit e --ack"]),
        (Config { max_age: 2 * day, ..fit("f") }, &["for 48 h", "nats stream edit f --max-age 30d"]),
        (
            Config { max_messages_per_subject: 1, discard_new_per_subject: true, ..fit("g") },
            &["`discard_new_per_subject` is set", "nats stream edit g"],
        ),
        (
            Config { discard: DiscardPolicy::Old, no_ack: true, max_age: day, ..fit("h") },
            &["is `old`", "`no_ack` is set", "for 24 h"],
        ),
        (Config { subjects: vec!["i.shop.>".to_owned()], ..fit("i") }, &["do not include i.>", "--subjects 'i.>'"]),
        (fit("j"), &["has 1 of the required 3 replicas", "nats stream edit j --replicas 3"]),
    ];
    for (config, expected) in &unfit {
        server.create(config.clone());
        let name = &config.name;
        let require = if name == "j" { "require = { replicas = 3 }" } else { "" };
        let configuration =
            configuration(&[&server], &format!("stream = \"{name}\"\nsubject = \"{name}\"\n{require}\n"));
        let text = refusal(&folder, &configuration);
        assert!(expected.iter().all(|part| text.contains(part)), "{text}");
    }
    let mirror = async_nats::jetstream::stream::Source { name: "j".to_owned(), ..Default::default() };
    server.create(Config { subjects: Vec::new(), mirror: Some(mirror), ..fit("k") });
    let text = refusal(&folder, &configuration(&[&server], "stream = \"k\"\nsubject = \"k\"\n"));
    assert!(text.contains("it is a mirror"), "{text}");
    let missing = configuration(&[&server], "");
    let text = refusal(&folder, &missing);
    assert!(text.contains("there is no stream POS_WEBHOOKS; `pos-webhooks sink create` creates it"), "{text}");
    // It does not start either, and so creates nothing.
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    let output = command.args(["listen", "--config", &folder.file("checked.toml")]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("there is no stream POS_WEBHOOKS"));
    let text = refusal(&folder, &missing.replace(&server.port.to_string(), "1"));
    assert!(text.contains("cannot connect: Connection refused"), "{text}");
}

#[test]
fn the_check_reports_what_the_servers_promise() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("nats-check");
    let server = Server::start(&folder, "");
    server.create(fitting());
    let monitor = format!("monitor = \"http://127.0.0.1:{}\"\n", server.monitor);
    let output = check(&folder, &configuration(&[&server], &monitor));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for expected in [
        format!("stream: NATS stream {STREAM} at {}: can be written\n", server.url()),
        "The server is n1, version 2.".to_owned(),
        "The stream has 0 events, and keeps them for 720 h; replicas: 1.\n".to_owned(),
        "Bodies of up to 1032192 bytes can be stored.\n".to_owned(),
        "The server n1 does not flush each event to its disk.\n".to_owned(),
    ] {
        assert!(text.contains(&expected), "{expected}: {text}");
    }
    assert_eq!(text.contains("from 2.10, a server can flush"), text.contains("version 2.9."), "{text}");
    let required = format!("{monitor}require = {{ sync = \"always\" }}\n");
    let text = refusal(&folder, &configuration(&[&server], &required));
    assert!(text.contains("n1 does not flush each event to its disk: set `sync_interval: always`"), "{text}");
    assert_eq!(server.info(STREAM).state.messages, 0);
}

#[test]
fn a_newer_server_that_flushes_each_event_is_accepted() {
    if !can_run() || std::env::var_os("POS_WEBHOOKS_NATS_SERVER").is_none() {
        return;
    }
    let folder = Folder::new("nats-flush");
    let server = Server::flushing(&folder);
    server.create(fitting());
    let more = format!("monitor = [\"http://127.0.0.1:{}/\"]\nrequire = {{ sync = \"always\" }}\n", server.monitor);
    let listener = Listener::configured(&folder, &configuration(&[&server], &more));
    assert_eq!([0, 0, 1].map(|n| deliver(&listener, payment(n).as_bytes())), [OK; 3]);
    listener.end();
    assert_eq!(server.messages(STREAM).len(), 2);
}

#[test]
fn a_full_stream_refuses_events_until_there_is_room() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("nats-full");
    let server = Server::start(&folder, "");
    server.create(Config { max_messages: 2, ..fitting() });
    let listener = Listener::configured(&folder, &configuration(&[&server], ""));
    assert_eq!([0, 1].map(|n| deliver(&listener, payment(n).as_bytes())), [OK; 2]);
    assert_eq!(deliver(&listener, payment(2).as_bytes()), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(listener.get("/readyz").status(), StatusCode::SERVICE_UNAVAILABLE);
    listener.logged("the stream is full");
    // What is stored is still known.
    let again = deliver(&listener, payment(0).as_bytes());
    assert!(again == OK || again == StatusCode::SERVICE_UNAVAILABLE);
    let context = server.context();
    server.block_on(context.update_stream(Config { max_messages: 4, ..fitting() })).unwrap();
    assert_eq!([2, 0, 3].map(|n| deliver(&listener, payment(n).as_bytes())), [OK; 3]);
    assert_eq!(listener.get("/readyz").status(), OK);
    listener.end();
    let bodies: Vec<_> = server.messages(STREAM).into_iter().map(|message| message.body).collect();
    assert_eq!(bodies, [0, 1, 2, 3].map(|n| payment(n).into_bytes()));
}

#[test]
fn a_body_that_the_server_does_not_accept_is_refused_without_losing_the_connection() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("nats-large");
    let server = Server::start(&folder, "max_payload: 65536");
    server.create(fitting());
    let listener = Listener::configured(&folder, &configuration(&[&server], ""));
    listener.logged("longer bodies than the sink can store are refused");
    let body = |size: usize| {
        let body = payment(size);
        format!("{body}{}", " ".repeat(size - body.len())).into_bytes()
    };
    let most = 65536 - 16384;
    for (size, status) in
        [(most, OK), (most + 1, StatusCode::PAYLOAD_TOO_LARGE), (65536, StatusCode::PAYLOAD_TOO_LARGE)]
    {
        assert_eq!(deliver(&listener, &body(size)), status, "{size}");
    }
    assert_eq!(deliver(&listener, payment(1).as_bytes()), OK);
    let log = listener.end();
    assert!(!log.contains("connected to"), "{log}");
    assert_eq!(server.messages(STREAM).len(), 2);
}

#[test]
fn a_stream_that_becomes_unfit_stores_nothing_until_it_is_fit_again() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("nats-becomes-unfit");
    let server = Server::start(&folder, "");
    server.create(fitting());
    let listener = Listener::configured(&folder, &configuration(&[&server], ""));
    let context = server.context();
    server.block_on(context.update_stream(Config { discard: DiscardPolicy::Old, ..fitting() })).unwrap();
    ready(&listener, StatusCode::SERVICE_UNAVAILABLE);
    listener.logged("nats stream edit POS_WEBHOOKS --discard new");
    assert_eq!(deliver(&listener, payment(1).as_bytes()), StatusCode::SERVICE_UNAVAILABLE);
    assert!(listener.get("/metrics").body().contains("pos_webhooks_sink_up{sink=\"stream\"} 0\n"));
    server.block_on(context.update_stream(fitting())).unwrap();
    ready(&listener, OK);
    assert_eq!(deliver(&listener, payment(1).as_bytes()), OK);
    listener.end();
    assert_eq!(server.messages(STREAM).len(), 1);
}

#[test]
fn a_login_is_that_of_a_file_and_never_shown() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("nats-login");
    let credentials = include_str!("nats_server/user.creds");
    let seed = credentials.lines().find(|line| line.starts_with("SUA")).unwrap();
    folder.write_secret("password", "correct-horse");
    folder.write_secret("seed", seed);
    folder.write_secret("creds", credentials.trim_end());
    folder.write_secret("wrong", "battery-staple");
    let connect = async_nats::ConnectOptions::new;
    let logins = [
        (
            "authorization { user: shop, password: correct-horse }".to_owned(),
            "user = \"shop\"\npassword = { file = \"password\" }\n",
            connect().user_and_password("shop".to_owned(), "correct-horse".to_owned()),
        ),
        (
            "authorization { token: correct-horse }".to_owned(),
            "token = { file = \"password\" }\n",
            connect().token("correct-horse".to_owned()),
        ),
        (
            format!("authorization {{ users: [ {{ nkey: {NKEY} }} ] }}"),
            "nkey = { file = \"seed\" }\n",
            connect().nkey(seed.to_owned()),
        ),
        (
            include_str!("nats_server/operator.conf").to_owned(),
            "credentials = { file = \"creds\" }\n",
            connect().credentials(credentials).unwrap(),
        ),
    ];
    for (number, (server, login, options)) in logins.into_iter().enumerate() {
        let server = Server::named(&folder, &format!("n{number}"), &server, "");
        server.block_on(async {
            let client = options.connect(server.url()).await.unwrap();
            async_nats::jetstream::new(client).create_stream(fitting()).await.unwrap();
        });
        let right = configuration(&[&server], login);
        let output = check(&folder, &right);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
        let (_, secret) = login.split_once("file = ").unwrap();
        let wrong = right.replace(secret.trim_end(), "\"wrong\" }");
        for wrong in [wrong, configuration(&[&server], "")] {
            let text = refusal(&folder, &wrong);
            let expected =
                ["the server refuses the login", "the credentials cannot be used", "the credentials do not have"];
            assert!(expected.iter().any(|expected| text.contains(expected)), "{text}");
            assert!(!text.contains("correct") && !text.contains("battery") && !text.contains(seed), "{text}");
        }
    }
}

#[test]
fn a_server_is_trusted_by_its_certificate() {
    let has_openssl = Command::new("openssl").arg("version").output().is_ok();
    if !can_run() || !has_openssl {
        return;
    }
    let folder = Folder::new("nats-tls");
    fs::write(folder.file("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for arguments in [
        &format!("req -x509 {key} -keyout ca.key -out ca.pem -days 2 -subj /CN=authority"),
        &format!("req {key} -keyout server.key -out server.csr -subj /CN=server"),
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile names",
    ] {
        let mut command = Command::new("openssl");
        let output = command.args(arguments.split(' ')).current_dir(&folder.0).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let [ca, certificate, key] = ["ca.pem", "server.pem", "server.key"].map(|file| folder.file(file));
    let tls = format!("tls {{ cert_file: {certificate:?}, key_file: {key:?}, ca_file: {ca:?}, verify: true }}");
    let server = Server::start(&folder, &tls);
    let options = async_nats::ConnectOptions::new()
        .add_root_certificates(ca.into())
        .add_client_certificate(certificate.into(), key.into());
    server.block_on(async {
        let client = options.connect(server.url()).await.unwrap();
        async_nats::jetstream::new(client).create_stream(fitting()).await.unwrap();
    });
    let configuration = |more| configuration(&[&server], more).replace("nats://", "tls://");
    let files = "ca = \"ca.pem\"\ncertificate = \"server.pem\"\nkey = \"server.key\"\n";
    let listener = Listener::configured(&folder, &configuration(files));
    assert_eq!(deliver(&listener, payment(1).as_bytes()), OK);
    listener.end();
    let text = refusal(&folder, &configuration(""));
    assert!(text.contains("invalid peer certificate: UnknownIssuer"), "{text}");
    let text = refusal(&folder, &configuration("ca = \"ca.pem\"\n"));
    assert!(text.contains("cannot connect: "), "{text}");
}

#[test]
fn the_settings_of_a_sink_are_checked_before_a_server_is_asked() {
    let folder = Folder::new("nats-config");
    folder.write_secret("login", "correct-horse");
    let sink = |more: &str| {
        format!(
            "[routes.shop]\npath = \"/shop\"\nprovider = \"vipps\"\nurl = \"{URL}\"\nsink = \"stream\"\n\
             secrets = {{ file = \"secret\" }}\n[sinks.stream]\ntype = \"nats\"\n{more}\n"
        )
    };
    let valid = "servers = \"nats://127.0.0.1:1\"\nstream = \"S\"\n";
    for (more, problem) in [
        ("stream = \"S\"", "`servers` is missing"),
        ("servers = \"nats://a\"", "`stream` is missing"),
        ("servers = []\nstream = \"S\"", "the list is empty"),
        ("servers = \"http://a\"\nstream = \"S\"", "a server is a URL such as"),
        ("servers = \"nats://u:correct-horse@a\"\nstream = \"S\"", "a URL with a secret ends up in logs"),
        ("servers = \"nats://a\"\nstream = \"S.T\"", "the name of a stream has"),
        (&format!("{valid}subject = \"a.*\""), "tokens of letters"),
        (&format!("{valid}user = \"a\""), "belong together"),
        (&format!("{valid}user = \"a\"\ntoken = {{ file = \"login\" }}"), "give only one of them"),
        (&format!("{valid}nkey = {{ file = \"login\" }}\ntoken = {{ file = \"login\" }}"), "give only one of them"),
        (&format!("{valid}certificate = \"secret\""), "belong together"),
        (&format!("{valid}ca = \"none.pem\""), "none.pem: No such file"),
        (&format!("{valid}require = {{ sync = \"always\" }}"), "give its URL as `monitor`"),
        (&format!("{valid}require = {{ replicas = 6 }}"), "up to 5 replicas"),
        (&format!("{valid}require = {{ replica = 3 }}"), "did you mean `replicas`?"),
        (&format!("{valid}monitor = \"n1\""), "a URL such as http://n1:8222 is expected"),
        (&format!("{valid}monitor = \"http://u:correct-horse@n1\""), "which would be shown"),
        (&format!("{valid}monitor = \"http://n1/?token=correct-horse\""), "which would be shown"),
        (&format!("{valid}server = 1"), "did you mean `servers`?"),
    ] {
        let text = refusal(&folder, &sink(more));
        assert!(text.contains(problem) && text.contains("checked.toml:"), "{more}: {text}");
        assert!(!text.contains("correct-horse"), "{text}");
    }
}

#[test]
fn sink_create_prints_a_stream_that_can_be_used_and_creates_it() {
    if !can_run() {
        return;
    }
    let folder = Folder::new("nats-create");
    let server = Server::start(&folder, "max_payload: 2MB");
    fs::write(folder.file("listen.toml"), configuration(&[&server], "")).unwrap();
    let create = |options: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        command.args(["sink", "create", "stream", "--config", &folder.file("listen.toml")]).args(options);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        (output.status.code(), text)
    };
    let (status, printed) = create(&["--max-age", "240h", "--max-bytes", "1000000"]);
    let printed: Config = serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{printed}"));
    assert_eq!((status, printed.max_age, printed.max_bytes), (Some(0), Duration::from_secs(240 * 3600), 1_000_000));
    // Nothing is created that `listen` refuses, or by options for a table.
    for (options, problem) in [
        (
            &["--apply", "--max-age", "1s"][..],
            "--max-age: `listen` refuses a stream that keeps events for less than 192h",
        ),
        (&["--apply", "--role", "listen"], "--role has no effect on a stream"),
        (&["--apply", "--max-age", "240h", "--role", "listen"], "cannot be used with"),
    ] {
        let (status, text) = create(options);
        assert!(status == Some(2) && text.contains(problem), "{options:?}: {text}");
    }
    assert_eq!(check(&folder, &configuration(&[&server], "")).status.code(), Some(2), "a stream was created");
    // A second run finds that it is there.
    for _ in 0..2 {
        let (status, text) = create(&["--apply", "--max-age", "240h"]);
        assert!(status == Some(0) && text.contains("can be used.") && text.contains("keeps them for 240 h"), "{text}");
    }
    let listener = Listener::configured(&folder, &configuration(&[&server], ""));
    assert_eq!(deliver(&listener, payment(1).as_bytes()), OK);
    listener.end();
    assert_eq!(server.messages(STREAM).len(), 1);
}
