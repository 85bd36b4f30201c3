//! `hooks` of the binary manages webhooks according to the specifications, and only shows secrets on request.

#[path = "cli/run.rs"]
mod run;
#[path = "cli/shell.rs"]
mod shell;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};

use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::{CredentialPlace, Operation, Parameter, Provider};
use pos_webhooks::sandbox::{AnswerFault, Registration, Sandbox};
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::run::{Done, command, feed, of_shown, run};
use crate::shell::Shell;

const CAPTURED: &str = "epayments.payment.captured.v1";
const UNKNOWN_ID: &str = "6217960c-2a2e-4188-9025-af11abf47d5e";
const SECRET: &str = "chosen-by-the-shop";

impl Shell {
    fn new(test: &str) -> Self {
        let shell = Self::start(Sandbox::builder().seed(1), "hooks", test, &[]);
        shell.write("secret.txt", &format!("{SECRET}\n"));
        shell
    }

    fn token(&self, provider: &str) -> &str {
        self.sandbox.account(provider).unwrap().credentials["token"].expose()
    }

    fn registrations(&self, provider: &str) -> Vec<Registration> {
        self.sandbox.registrations(provider).unwrap()
    }

    /// `hooks PROVIDER …` at the sandbox, without credentials.
    fn hooks(&self, provider: &str, arguments: &[&str]) -> Command {
        self.command(provider, &[&["hooks", provider], arguments].concat())
    }

    /// `hooks PROVIDER …` with the sandbox's credentials at a server that sends this response to every request. The
    /// server keeps the requests.
    fn at(&self, answer: ResponseTemplate) -> Elsewhere<'_> {
        let server = self.runtime.block_on(async {
            let server = MockServer::start().await;
            Mock::given(any()).respond_with(answer).mount(&server).await;
            server
        });
        Elsewhere { shell: self, server }
    }

    fn run(&self, provider: &str, arguments: &[&str]) -> Done {
        let file = format!("{provider}.json");
        self.done(self.hooks(provider, &[arguments, &["--credentials-file", &file]].concat()))
    }

    /// The response to a call that succeeds.
    fn json(&self, provider: &str, arguments: &[&str]) -> Value {
        let done = self.run(provider, &[arguments, &["--format", "json"]].concat());
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{arguments:?}");
        assert!(done.out.ends_with('\n') && done.out.lines().count() == 1, "{}", done.out);
        serde_json::from_str(&done.out).unwrap()
    }

    /// The object on standard error of a call that fails.
    fn error(&self, provider: &str, arguments: &[&str]) -> Value {
        let done = self.run(provider, &[arguments, &["--format", "json"]].concat());
        assert_eq!((done.status, done.out.as_str()), (1, ""), "{arguments:?}: {}", done.err);
        let mut error: Value = serde_json::from_str(&done.err).unwrap();
        error["error"].take()
    }
}

/// A server that is not the sandbox.
struct Elsewhere<'a> {
    shell: &'a Shell,
    server: MockServer,
}

impl Elsewhere<'_> {
    fn command(&self, provider: &str, arguments: &[&str]) -> Command {
        let file = format!("{provider}.json");
        let server = self.server.uri();
        let more = ["--credentials-file", &file, "--base-url", &server];
        let mut command = command(&[&["hooks", provider], arguments, &more].concat());
        command.current_dir(&self.shell.directory);
        command
    }

    fn run(&self, provider: &str, arguments: &[&str]) -> Done {
        self.shell.done(self.command(provider, arguments))
    }

    fn requests(&self) -> Vec<wiremock::Request> {
        self.shell.runtime.block_on(self.server.received_requests()).unwrap()
    }
}

/// The same command, run by a shell script as `"$@"`.
#[cfg(unix)]
fn in_shell(script: &str, inner: &Command) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(inner.get_program()).args(inner.get_args());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.current_dir(inner.get_current_dir().unwrap());
    command
}

fn answer(status: u16, body: impl Into<Vec<u8>>) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_raw(body, "application/json")
}

/// A socket that is bound to a port of this host and does not listen: it keeps the port, and refuses.
fn closed(host: &str) -> (TcpSocket, u16) {
    let address = SocketAddr::new(host.parse().unwrap(), 0);
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.unwrap();
    socket.bind(address).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

/// Calls the function for each connection, once its request has been received, and returns the server's address.
fn connections(handle: Vec<&'static str>) -> (String, std::thread::JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let handled = std::thread::spawn(move || {
        for text in &handle {
            let (mut stream, _): (TcpStream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 8192]);
            stream.write_all(text.as_bytes()).unwrap();
        }
        handle.len()
    });
    (address, handled)
}

#[cfg(unix)]
fn mode(file: &std::path::Path) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions()) & 0o777
}

/// The commands that the help of a provider lists, without `rotate`, which calls several operations.
fn verbs(provider: &str) -> BTreeSet<String> {
    let help = run(&["hooks", provider, "--help"]).out;
    let Some((_, commands)) = help.split_once("Commands:\n") else { return BTreeSet::new() };
    let lines = commands.lines().take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty() && *name != "rotate")
        .map(str::to_owned)
        .collect()
}

/// The operations on webhooks that a command sends alone.
fn operations(provider: &'static Provider) -> impl Iterator<Item = &'static Operation> {
    let documented = provider.registration.iter();
    let calls = documented.flat_map(|it| [it.list.as_ref(), it.get.as_ref(), it.update.as_ref(), it.delete.as_ref()]);
    let calls = calls.flatten().chain(provider.registration.iter().map(|it| &it.create));
    let subscriptions = provider.registration.iter().filter_map(|it| it.subscriptions.as_ref());
    let subscriptions = subscriptions.flat_map(|it| [it.events.as_ref(), it.list.as_ref(), it.delete.as_ref()]);
    let calls = calls.chain(subscriptions.flatten());
    calls.map(move |call| provider.operation(call.operation).unwrap())
}

#[test]
fn every_operation_on_webhooks_has_a_command() {
    for provider in PROVIDERS.iter() {
        let helps: Vec<_> =
            verbs(provider.name).iter().map(|verb| run(&["hooks", provider.name, verb, "--help"]).out).collect();
        let subscriptions = provider.registration.iter().filter_map(|it| it.subscriptions.as_ref());
        let subscribe = subscriptions.map(|it| provider.operation(it.create.operation).unwrap());
        let operations: Vec<_> = operations(provider).chain(subscribe).collect();
        assert_eq!(helps.len(), operations.len(), "{}", provider.name);
        for operation in operations {
            let call = format!("Sends `{} {}`.", operation.method, operation.path);
            assert!(helps.iter().any(|help| help.contains(&call)), "{}: {call}", provider.name);
        }
    }
}

/// A value of a header that its schema accepts.
fn value_of(header: &Parameter) -> String {
    let schema: Value = serde_json::from_str(header.schema).unwrap();
    let listed = schema["enum"][0].as_str();
    listed.into_iter().chain(["12345", "a value"]).find(|value| header.validate(value).is_ok()).unwrap().to_owned()
}

/// What follows `hooks PROVIDER` for a call of the operation with the first example of its request.
fn arguments_of(provider: &'static Provider, operation: &Operation) -> Vec<String> {
    let call = format!("Sends `{} {}`.", operation.method, operation.path);
    let is_called = |verb: &String| run(&["hooks", provider.name, verb, "--help"]).out.contains(&call);
    let mut arguments = vec![verbs(provider.name).into_iter().find(is_called).unwrap()];
    arguments.extend(operation.path_parameters.iter().map(|_| UNKNOWN_ID.to_owned()));
    let others = operation.query_parameters.iter().chain(operation.headers).filter(|it| it.required && !it.constant);
    arguments.extend(others.flat_map(|it| [format!("--{}", option_of(&it.name.to_lowercase())), value_of(it)]));
    if let Some(body) = &operation.request {
        let schema = provider.json_schema(body.schema).unwrap();
        let example: serde_json::Map<String, Value> = serde_json::from_str(body.examples[0].json).unwrap();
        for (name, value) in example {
            let option = option_of(&name);
            if schema["properties"][&name]["format"] == "password" {
                arguments.extend([format!("--{option}-file"), "secret.txt".to_owned()]);
                continue;
            }
            let values = match value {
                Value::Array(items) => items,
                value => vec![value],
            };
            for value in values {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                arguments.extend([format!("--{option}"), text]);
            }
        }
    }
    arguments.push("--show-secrets".to_owned());
    arguments
}

/// The option for a member of a request: `currentUrl` and `current_url` are `current-url`.
fn option_of(member: &str) -> String {
    let spaced = member.chars().flat_map(|character| match character {
        '_' => vec!['-'],
        upper if upper.is_ascii_uppercase() => vec!['-', upper.to_ascii_lowercase()],
        other => vec![other],
    });
    spaced.collect()
}

/// The whole life of a webhook as a person sees it.
#[test]
fn a_person_manages_webhooks() {
    const CREATED: &str = "the id that was just created";
    const SUBSCRIPTION: &str = "the id of the first subscription";
    let lives: [(&str, &[&[&str]]); 3] = [
        (
            "mipos",
            &[
                &["list"],
                &["create", "--url", "https://a.test/orders"],
                &["create", "--url", "https://a.test/menu", "--type", "Menu"],
                &["update", "--current-url", "https://a.test/menu", "--new-url", "https://b.test/menu"],
                &["list"],
                &["delete", "--url", "https://a.test/orders"],
                &["delete", "--url", "https://a.test/orders"],
                &["list"],
            ],
        ),
        (
            "mypos",
            &[
                &["list"],
                &["create", "--payload-url", "https://a.test/hooks", "--secret-file", "secret.txt"],
                &["list"],
                &["list", "--show-secrets"],
                &["events"],
                &["events", "--size", "2", "--page", "4"],
                &[
                    "subscribe",
                    CREATED,
                    "--events",
                    "pos.payment.completed",
                    "--events",
                    "pos.payment.failed",
                    "--filter",
                    r#"{"tids":["90004889"]}"#,
                ],
                &["subscribe", CREATED, "--events", "pos.payment.complete"],
                &["subscriptions"],
                &["get", CREATED],
                &["unsubscribe", SUBSCRIPTION],
                &["get", CREATED],
                &["update", CREATED, "--is-active", "0", "--payload-url", "https://b.test"],
                &["delete", CREATED, "--yes"],
                &["get", CREATED],
                &["list"],
                &[
                    "create",
                    "--payload-url",
                    "https://a.test/hooks",
                    "--secret-file",
                    "secret.txt",
                    "--events",
                    "pos.payment.completed",
                ],
            ],
        ),
        (
            "vipps",
            &[
                &["list"],
                &["create", "--url", "https://a.test/hooks", "--events", CAPTURED, "--save-secret", "saved.txt"],
                &[
                    "create",
                    "--url",
                    "https://b.test",
                    "--events",
                    CAPTURED,
                    "--events",
                    "user.checked-in.v1",
                    "--show-secrets",
                ],
                &["list"],
                &["delete", CREATED],
                &["delete", CREATED],
            ],
        ),
    ];
    for (provider, life) in lives {
        let shell = Shell::new(&format!("life-{provider}"));
        let mut shown = String::new();
        for arguments in life {
            let created = shell.registrations(provider).first().map_or(UNKNOWN_ID.to_owned(), |first| first.id.clone());
            let arguments: Vec<_> = arguments
                .iter()
                .map(|&argument| match argument {
                    CREATED => created.clone(),
                    SUBSCRIPTION => {
                        let id = &shell.json(provider, &["subscriptions"])["subscriptions"][0]["id"];
                        id.as_str().unwrap().to_owned()
                    }
                    argument => argument.to_owned(),
                })
                .collect();
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let done = shell.run(provider, &arguments);
            let base_url = &shell.sandbox.account(provider).unwrap().base_url;
            let text = format!("{}{}", done.out, done.err).replace(base_url, "http://the-sandbox.test");
            let secret = shell.registrations(provider).into_iter().any(|it| text.contains(it.secret.expose()));
            assert_eq!(secret, arguments.contains(&"--show-secrets"), "{text}");
            shown += &format!(
                "$ pos-webhooks hooks {provider} {}\n{text}exit status {}\n\n",
                arguments.join(" "),
                done.status
            );
        }
        let called: BTreeSet<_> = life.iter().map(|arguments| arguments[0].to_owned()).collect();
        assert_eq!(called, verbs(provider), "a person calls everything that there is");
        insta::assert_snapshot!(format!("life_{provider}"), without_dates(&shown));
    }
}

/// With every HTTP date replaced by one of the same length.
fn without_dates(text: &str) -> String {
    let mut rest = text;
    let mut replaced = String::new();
    while let Some(end) = rest.find(" GMT") {
        let (before, after) = rest.split_at(end + 4);
        replaced += &before[..before.len() - 29];
        replaced += "Thu, 01 Jan 2026 00:00:00 GMT";
        rest = after;
    }
    replaced + rest
}

mod as_json {
    use super::*;

    #[test]
    fn mipos_lives() {
        let shell = Shell::new("json-mipos");
        assert_eq!(shell.json("mipos", &["list"]), json!([]));
        let created = shell.json("mipos", &["create", "--url", "https://a.test", "--type", "Menu"]);
        assert_eq!(created, json!({"message": "Webhook successfully created", "data": null}));
        assert_eq!(shell.registrations("mipos")[0].events, ["Menu"]);
        shell.json("mipos", &["update", "--current-url", "https://a.test", "--new-url", "https://b.test"]);
        assert_eq!(shell.json("mipos", &["list"]), json!([{"url": "https://b.test"}]));
        let removed = shell.json("mipos", &["delete", "--url", "https://b.test"]);
        assert_eq!(removed["message"], "Webhook successfully removed");
        assert_eq!(shell.json("mipos", &["list"]), json!([]));
    }

    #[test]
    fn mypos_lives() {
        let shell = Shell::new("json-mypos");
        let arguments = ["create", "--payload-url", "https://a.test", "--secret-file", "secret.txt"];
        let done = shell.run("mypos", &[&arguments[..], &["--format", "json"]].concat());
        let created: Value = serde_json::from_str(&done.out).unwrap();
        let warning: Value = serde_json::from_str(&done.err).unwrap();
        assert!(warning["warning"]["message"].as_str().unwrap().contains("is not subscribed to any event yet"));
        assert_eq!(created["webhook"]["secret"], "***");
        assert_eq!(created["webhook"]["is_active"], true);
        assert_eq!(shell.registrations("mypos")[0].secret.expose(), SECRET, "without the newline of the file");
        let id = created["webhook"]["id"].as_str().unwrap();

        let list = shell.json("mypos", &["list"]);
        assert_eq!(list, json!({"webhooks": [created["webhook"]], "pagination": {"page": 1, "size": 20, "total": 1}}));
        assert_eq!(shell.json("mypos", &["get", id])["webhook"]["secret"], "***");
        for arguments in [&["list"][..], &["get", id], &["update", id, "--is-active", "1"]] {
            let shown = shell.json("mypos", &[arguments, &["--show-secrets"]].concat()).to_string();
            assert!(shown.contains(SECRET), "{shown}");
        }

        let updated = shell.json("mypos", &["update", id, "--is-active", "0"]);
        assert_eq!(updated["webhook"]["is_active"], false);
        shell.write("other.txt", "another");
        let updated = shell.json("mypos", &["update", id, "--secret-file", "other.txt"]);
        assert_eq!(
            (&updated["webhook"]["is_active"], &updated["webhook"]["payload_url"]),
            (&json!(false), &json!("https://a.test"))
        );
        assert_eq!(shell.registrations("mypos")[0].secret.expose(), "another");
        assert_eq!(
            shell.json("mypos", &["delete", id]),
            Value::Null,
            "nothing is answered, and nobody is there to ask"
        );
        assert!(shell.registrations("mypos").is_empty());
    }

    #[test]
    fn vipps_lives() {
        let shell = Shell::new("json-vipps");
        let create = ["create", "--url", "https://a.test", "--events", CAPTURED, "--events", "user.checked-in.v1"];
        let created = shell.json("vipps", &[&create[..], &["--show-secrets"]].concat());
        let registration = &shell.registrations("vipps")[0];
        assert_eq!(created, json!({"id": registration.id, "secret": registration.secret.expose()}));
        let listed =
            json!({"id": registration.id, "url": "https://a.test", "events": [CAPTURED, "user.checked-in.v1"]});
        assert_eq!(shell.json("vipps", &["list"]), json!({"webhooks": [listed]}));
        assert_eq!(shell.json("vipps", &["delete", &registration.id]), Value::Null);
        assert_eq!(shell.json("vipps", &["list"]), json!({"webhooks": []}));
    }
}

#[test]
fn responses_are_kept_and_cannot_control_the_terminal() {
    let shell = Shell::new("as-sent");
    let sent = |body: &str| {
        shell.sandbox.clear_faults();
        let body = Some(body.to_owned());
        shell.sandbox.fault(AnswerFault::Garbage { body, media_type: Some("application/json".into()) }).unwrap();
    };
    sent(r#"{"message": "done", "data": {"amount": 2.50, "id": 98765432109876543210987}}"#);
    let done = shell.run("mipos", &["create", "--url", "https://a.test", "--format", "json"]);
    assert_eq!(done.out, "{\"message\":\"done\",\"data\":{\"amount\":2.50,\"id\":98765432109876543210987}}\n");
    sent(r#"[{"url": "https://a.test/\u001b[2J\nhttps://b.test"}]"#);
    let done = shell.run("mipos", &["list"]);
    assert_eq!(done.out, "URL\nhttps://a.test/\\u{1b}[2J\\nhttps://b.test\n");
}

mod a_secret_that_is_told_once {
    use super::*;

    const CREATE: [&str; 5] = ["create", "--url", "https://a.test", "--events", CAPTURED];

    fn create(shell: &Shell, more: &[&str]) -> Done {
        shell.run("vipps", &[&CREATE, more].concat())
    }

    #[test]
    fn is_kept_or_nothing_is_created() {
        let shell = Shell::new("once");
        let done = create(&shell, &[]);
        assert_eq!(done.status, 2);
        assert!(done.err.contains("--save-secret <FILE>|--show-secrets"), "{}", done.err);
        shell.write("taken.txt", "another secret");
        let done = create(&shell, &["--save-secret", "taken.txt"]);
        assert_eq!(done.status, 2);
        assert!(done.err.contains("taken.txt") && done.err.contains("nothing was sent"), "{}", done.err);
        assert_eq!(fs::read_to_string(shell.directory.join("taken.txt")).unwrap(), "another secret");
        assert!(shell.registrations("vipps").is_empty());
    }

    #[test]
    fn is_saved_for_its_owner_alone() {
        let shell = Shell::new("saved");
        let done = create(&shell, &["--save-secret", "secret-of-vipps.txt", "--format", "json"]);
        let registration = &shell.registrations("vipps")[0];
        let created: Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!(created, json!({"id": registration.id, "secret": "***"}));
        let file = shell.directory.join("secret-of-vipps.txt");
        assert_eq!(fs::read_to_string(&file).unwrap(), format!("{}\n", registration.secret.expose()));
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions()) & 0o777, 0o600);
    }

    #[test]
    fn leaves_no_file_where_there_is_none() {
        let shell = Shell::new("refused");
        let done = shell.run(
            "vipps",
            &["create", "--url", "https://a.test", "--events", "no.such.event", "--save-secret", "s.txt"],
        );
        assert_eq!(done.status, 1, "{}", done.err);
        assert!(!shell.directory.join("s.txt").exists());
    }

    /// The secret is kept and the response is shown as received, even if the response is not as documented.
    const TOLD: &str = "told-only-once";

    #[cfg(unix)]
    #[test]
    fn is_kept_of_every_success() {
        let id = "497f6eca-6276-4993-bfeb-53cbbbba6f08";
        let documented = format!(r#"{{"id":"{id}","secret":"{TOLD}"}}"#);
        for (name, answer, decoded) in [
            ("201", answer(201, documented.as_str()), true),
            ("200", answer(200, documented.as_str()), true),
            ("202", answer(202, documented.as_str()), true),
            ("mark", answer(201, format!("\u{feff}{documented}")), true),
            ("text", ResponseTemplate::new(201).set_body_raw(documented.as_str(), "text/plain"), true),
            ("number", answer(201, format!(r#"{{"id":7,"secret":"{TOLD}"}}"#)), false),
            ("envelope", answer(201, format!(r#"{{"data":{{"id":"{id}","secret":"{TOLD}"}}}}"#)), false),
            ("alone", answer(202, format!(r#"{{"secret":"{TOLD}"}}"#)), false),
            ("odd", answer(299, format!("\u{feff}\r\n[{{\"Client_Secret\":\"{TOLD}\"}}]\r\n")), false),
        ] {
            let shell = Shell::new(&format!("kept-{name}"));
            let at = shell.at(answer);
            // Nobody else can read it, whatever the shell's files are like.
            let create = at.command("vipps", &[&CREATE[..], &["--save-secret", "s.txt"]].concat());
            let mut command = Command::new("sh");
            command.args(["-c", "umask 0; exec \"$@\"", "sh"]).arg(create.get_program()).args(create.get_args());
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).current_dir(&shell.directory);
            let done = shell.done(command);
            assert_eq!(done.status, 0, "{name}: {}", done.err);
            assert!(done.out.contains("***") && !done.out.contains(TOLD) && !done.err.contains(TOLD), "{name}");
            let (file, beside) = (shell.directory.join("s.txt"), shell.directory.join("s.txt.answer"));
            assert_eq!(fs::read_to_string(&file).unwrap(), format!("{TOLD}\n"), "{name}");
            assert_eq!(mode(&file), 0o600);
            assert_eq!(beside.exists(), !decoded, "{name}: {}", done.err);
            if decoded {
                assert_eq!(done.err, "", "{name}");
                continue;
            }
            assert!(fs::read_to_string(&beside).unwrap().contains(TOLD));
            assert_eq!(mode(&beside), 0o600);
            let says = ["the secret is in s.txt\n", "is in s.txt.answer\n", "warning: ", "shown as received"];
            assert!(says.iter().all(|text| done.err.contains(text)), "{name}: {}", done.err);
            let shown = at.run("vipps", &[&CREATE[..], &["--show-secrets"]].concat());
            assert!(shown.status == 0 && shown.out.contains(TOLD), "{name}: {}", shown.err);
        }
    }

    #[test]
    fn is_kept_of_an_answer_that_breaks_off() {
        let shell = Shell::new("kept-torn");
        let torn = "HTTP/1.1 201 Created\r\ncontent-length: 999\r\n\r\n{\"id\":\"7\",\"secret\":\"told-only-once\"}";
        let (address, handled) = connections(vec![torn]);
        let arguments =
            [&["hooks", "vipps"], &CREATE[..], &["--save-secret", "s.txt", "--base-url", &address]].concat();
        let mut command = command(&[&arguments[..], &["--credentials-file", "vipps.json"]].concat());
        command.current_dir(&shell.directory);
        let done = shell.done(command);
        assert_eq!((done.status, handled.join().unwrap()), (0, 1), "{}", done.err);
        assert_eq!(fs::read_to_string(shell.directory.join("s.txt")).unwrap(), format!("{TOLD}\n"));
    }

    /// The token expires during the call. No other one is requested, and the one that was sent is not shown.
    #[test]
    fn is_saved_without_another_request_for_a_token() {
        let shell = Shell::new("kept-without-token");
        let mut credentials = shell.sandbox.account("vipps").unwrap().credentials.clone();
        credentials.remove("token");
        shell.write("vipps.json", &serde_json::to_string(&credentials).unwrap());
        let token = json!({"token_type": "Bearer", "expires_in": 2, "expires_on": "1", "access_token": "sent-token"});
        let body = json!({"id": UNKNOWN_ID, "secret": TOLD, "sent": "sent-token"}).to_string();
        let server = shell.runtime.block_on(async {
            let server = MockServer::start().await;
            let issues = ResponseTemplate::new(200).set_body_json(token);
            Mock::given(path("/accesstoken/get")).respond_with(issues).up_to_n_times(1).mount(&server).await;
            Mock::given(path("/accesstoken/get")).respond_with(ResponseTemplate::new(503)).mount(&server).await;
            let late = answer(201, body).set_delay(std::time::Duration::from_millis(2100));
            Mock::given(path("/v1/webhooks")).respond_with(late).mount(&server).await;
            server
        });
        let at = Elsewhere { shell: &shell, server };
        let done = at.run("vipps", &[&CREATE[..], &["--save-secret", "s.txt", "--raw"]].concat());
        assert_eq!((done.status, done.err.as_str()), (0, ""));
        assert_eq!(fs::read_to_string(shell.directory.join("s.txt")).unwrap(), format!("{TOLD}\n"));
        assert!(done.out.contains(UNKNOWN_ID) && !done.out.contains("sent-token"), "{}", done.out);
        let requests = shell.runtime.block_on(at.server.received_requests()).unwrap();
        let paths: Vec<_> = requests.iter().map(|request| request.url.path()).collect();
        assert_eq!(paths, ["/accesstoken/get", "/v1/webhooks"]);
    }

    #[test]
    fn that_is_not_there_is_a_failure() {
        for (name, answer) in [
            ("empty", answer(201, r#"{"id":"7","secret":""}"#)),
            ("blank", answer(201, r#"{"id":"7","secret":" "}"#)),
            ("null", answer(201, r#"{"id":"7","secret":null}"#)),
            ("missing", answer(201, r#"{"id":"7"}"#)),
            ("other", answer(200, r#"{"error":{"key":"invalid_url"}}"#)),
            ("html", answer(200, "<html>created</html>")),
            ("latin", answer(201, b"{\"id\":\"7\",\"secret\":\"\xe5\"}")),
            ("deep", answer(201, "[".repeat(100_000))),
            ("nothing", ResponseTemplate::new(204)),
        ] {
            let shell = Shell::new(&format!("none-{name}"));
            let at = shell.at(answer);
            let done = at.run("vipps", &[&CREATE[..], &["--save-secret", "s.txt"]].concat());
            assert_eq!(done.status, 1, "{name}: {}", done.out);
            let says =
                ["no secret could be read from the response: the response is in s.txt.answer", "delete the webhook"];
            assert!(says.iter().all(|text| done.err.contains(text)), "{name}: {}", done.err);
            assert!(!shell.directory.join("s.txt").exists(), "{name}");
            assert!(shell.directory.join("s.txt.answer").exists(), "{name}");
            for line in at.run("vipps", &[&CREATE[..], &["--show-secrets", "--format", "json"]].concat()).err.lines() {
                let object: Value = serde_json::from_str(line).unwrap();
                assert!(object["warning"]["message"].is_string() || object["error"]["message"].is_string(), "{line}");
            }
            let done = at.run("vipps", &[&CREATE[..], &["--show-secrets"]].concat());
            assert!(done.status == 1 && done.err.contains("no secret could be read"), "{name}: {}", done.err);
        }
    }

    /// A value that only may be the secret is not saved as if it were.
    #[test]
    fn is_the_one_that_is_certain() {
        for (name, body, certain) in [
            ("nested", r#"{"id":"a","secret":{"value":"told-only-once","algorithm":"H"}}"#, false),
            ("in-object", r#"{"id":"a","secret":{"value":"told-only-once"}}"#, false),
            ("in-list", r#"{"id":"a","secret":["told-only-once","H"]}"#, false),
            ("twice", r#"{"id":"a","secret":"H","secret":"told-only-once"}"#, false),
            ("flag", r#"{"id":"a","secret":true,"signature":"told-only-once"}"#, false),
            ("about", r#"{"data":{"secret_id":"H","value":"told-only-once"}}"#, false),
            ("two", r#"{"data":{"client_secret":"H","webhook_secret":"told-only-once"}}"#, false),
            ("beside", r#"{"id":7,"old_secret":"H","secret":"told-only-once"}"#, true),
            ("same", r#"[{"secret":"told-only-once"},{"secret":"told-only-once"}]"#, true),
        ] {
            let shell = Shell::new(&format!("certain-{name}"));
            let at = shell.at(answer(201, body));
            let done = at.run("vipps", &[&CREATE[..], &["--save-secret", "s.txt"]].concat());
            assert_eq!(done.status, i32::from(!certain), "{name}: {}", done.err);
            assert_eq!(done.err.contains("the secret is in"), certain, "{name}: {}", done.err);
            let not = "it is not certain which value of the response is the secret: the response is in s.txt.answer";
            assert_eq!(done.err.contains(not), !certain, "{name}: {}", done.err);
            assert!(!done.err.contains(TOLD) || name == "flag" || name == "about", "{name}: {}", done.err);
            assert_eq!(fs::read_to_string(shell.directory.join("s.txt.answer")).unwrap(), body, "{name}");
            let saved = fs::read_to_string(shell.directory.join("s.txt")).ok();
            assert_eq!(saved, certain.then(|| format!("{TOLD}\n")), "{name}");
            let shown = at.run("vipps", &[&CREATE[..], &["--show-secrets"]].concat());
            assert_eq!(shown.status, i32::from(!certain), "{name}: {}", shown.err);
            assert!(format!("{}{}", shown.out, shown.err).contains(TOLD), "{name}: {}", shown.err);
        }
    }

    #[test]
    fn is_not_shown_as_if_there_were_one() {
        let shell = Shell::new("blank");
        let at = shell.at(answer(201, r#"{"id":"497f6eca-6276-4993-bfeb-53cbbbba6f08","secret":""}"#));
        for more in [&["--save-secret", "s.txt"][..], &["--show-secrets"]] {
            let done = at.run("vipps", &[&CREATE[..], more].concat());
            assert!(done.status == 1 && !done.out.contains("***"), "{}", done.out);
            assert!(done.out.contains("secret  \"\"\n"), "{}", done.out);
        }
    }

    /// The space that is reserved for the secret is also used for a response in which no secret was found.
    #[cfg(target_os = "linux")]
    #[test]
    fn is_kept_with_its_answer_where_the_disk_is_full() {
        let shell = Shell::new("room");
        let at = shell.at(ResponseTemplate::new(201).set_body_raw(format!("secret={TOLD}"), "text/plain"));
        let create = at.command("vipps", &[&CREATE[..], &["--save-secret", "full/s.txt"]].concat());
        fs::create_dir(shell.directory.join("full")).unwrap();
        let script = "mount -t tmpfs -o size=8k none full || exit
            echo mounted
            head -c 4096 /dev/zero >full/other
            \"$@\"; status=$?; cat full/s.txt.answer; exit $status";
        let inner = in_shell(script, &create);
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount"]).arg(inner.get_program()).args(inner.get_args());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).current_dir(&shell.directory);
        let done = command.output().map(|output| (output.status.code(), String::from_utf8(output.stdout).unwrap()));
        match done {
            Ok((status, out)) if out.starts_with("mounted\n") => {
                assert_eq!((status, out), (Some(1), format!("mounted\nsecret={TOLD}")));
            }
            other => eprintln!("a file system of the test's own cannot be had here: {other:?}"),
        }

        // Of a longer one, as much as there is room for.
        let long = format!("secret={TOLD}\n{}", "x".repeat(20_000));
        let at = shell.at(ResponseTemplate::new(201).set_body_raw(long, "text/plain"));
        let create = at.command("vipps", &[&CREATE[..], &["--save-secret", "s.txt"]].concat());
        let done = shell.done(in_shell("trap '' XFSZ; ulimit -f 8; exec \"$@\"", &create));
        assert_eq!(done.status, 1, "{}", done.err);
        assert!(
            done.err.contains("only a part of the response could be saved, in s.txt.answer")
                && !done.err.contains(TOLD),
            "{}",
            done.err
        );
        let kept = fs::read_to_string(shell.directory.join("s.txt.answer")).unwrap();
        assert!(kept.starts_with(&format!("secret={TOLD}\nxxx")) && !shell.directory.join("s.txt").exists());
    }

    #[cfg(unix)]
    #[test]
    fn is_not_asked_for_where_it_could_not_be_kept() {
        let shell = Shell::new("nowhere");
        let at = shell.at(answer(201, format!(r#"{{"id":"7","secret":"{TOLD}"}}"#)));
        shell.write("taken.txt.answer", "something else");
        for (file, before) in [("none/s.txt", ""), ("taken.txt", ""), ("full.txt", "trap '' XFSZ; ulimit -f 0; ")] {
            let create = at.command("vipps", &[&CREATE[..], &["--save-secret", file]].concat());
            let mut command = Command::new("sh");
            command.arg("-c").arg(format!("{before}exec \"$@\"")).arg("sh");
            command.arg(create.get_program()).args(create.get_args()).current_dir(&shell.directory);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let done = shell.done(command);
            assert_eq!(done.status, 2, "{file}: {}", done.err);
            assert!(done.err.contains(file) && done.err.contains("nothing was sent"), "{}", done.err);
            assert!(!shell.directory.join(file).exists(), "{file}");
        }
        assert_eq!(fs::read_to_string(shell.directory.join("taken.txt.answer")).unwrap(), "something else");
        for output in ["exec \"$@\" >&-", "exec \"$@\" >/dev/null"] {
            let create = at.command("vipps", &[&CREATE[..], &["--show-secrets"]].concat());
            let mut command = Command::new("sh");
            command.args(["-c", output, "sh"]).arg(create.get_program()).args(create.get_args());
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).current_dir(&shell.directory);
            let done = shell.done(command);
            assert!(done.status == 2 && done.err.contains("standard output is discarded"), "{}", done.err);
        }
        assert!(at.requests().is_empty());
    }

    #[test]
    fn is_shown_on_standard_error_where_nobody_reads_the_output() {
        let shell = Shell::new("unread");
        let at = shell.at(answer(201, format!(r#"{{"id":"7","secret":"{TOLD}"}}"#)));
        let mut child = at.command("vipps", &[&CREATE[..], &["--show-secrets"]].concat()).spawn().unwrap();
        drop(child.stdout.take());
        let done = child.wait_with_output().unwrap();
        assert_eq!(done.status.code(), Some(1));
        assert!(String::from_utf8(done.stderr).unwrap().contains(TOLD));
    }
}

mod credentials {
    use super::*;

    #[test]
    fn come_from_the_environment() {
        let shell = Shell::new("environment");
        for provider in PROVIDERS.iter().filter(|provider| provider.credential.is_some()).map(|provider| provider.name)
        {
            let variables =
                shell.sandbox.account(provider).unwrap().credentials.iter().map(|(name, value)| {
                    (format!("POS_WEBHOOKS_{}_{}", provider, name).to_uppercase(), value.expose())
                });
            let mut command = shell.hooks(provider, &["list"]);
            command.envs(variables.clone());
            assert_eq!(shell.done(command).status, 0, "{provider}");
            let help = run(&["hooks", provider, "list", "--help"]).out;
            // That of an account is for receivers.
            for (variable, _) in variables.filter(|(name, _)| !name.ends_with("_SECRET")) {
                assert!(help.contains(&variable), "{variable}");
            }
        }
    }

    /// Whatever the specifications have among their constant headers is asked for, and arrives.
    #[test]
    fn are_those_of_the_specification_and_arrive() {
        let shell = Shell::new("from-specification");
        let at = shell.at(ResponseTemplate::new(500));
        for provider in PROVIDERS.iter().filter(|provider| !provider.operations.is_empty()) {
            let mut credentials = serde_json::Map::from_iter([("token".to_owned(), json!("the-token"))]);
            for header in provider.operations.iter().flat_map(|it| it.headers).filter(|it| it.constant) {
                credentials.insert(header.name.to_lowercase().replace('-', "_"), json!(value_of(header)));
            }
            shell.write(&format!("{}.json", provider.name), &Value::Object(credentials.clone()).to_string());
            for operation in operations(provider) {
                let arguments = arguments_of(provider, operation);
                let done = at.run(provider.name, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
                assert_eq!(done.status, 1, "{}: {}", operation.id, done.err);
                let request = at.requests().pop().unwrap();
                assert_eq!(request.method.as_str(), operation.method);
                let (name, expected) = match provider.credential.as_ref().map(|credential| credential.place) {
                    Some(CredentialPlace::Header(name)) => (name, "the-token"),
                    _ => ("authorization", "Bearer the-token"),
                };
                assert_eq!(request.headers[name], expected);
                for header in operation.headers.iter().filter(|it| it.constant) {
                    let sent = request.headers.get(header.name).and_then(|value| value.to_str().ok());
                    let given = credentials[&header.name.to_lowercase().replace('-', "_")].as_str();
                    assert_eq!(sent, given, "{}: {}", operation.id, header.name);
                }
            }
        }
    }

    #[test]
    fn with_a_byte_order_mark_are_sent_without_it() {
        let shell = Shell::new("marked");
        let token = shell.token("vipps").to_owned();
        let key = shell.sandbox.account("vipps").unwrap().credentials["ocp_apim_subscription_key"].expose().to_owned();
        let marked =
            json!({"token": format!("\u{feff}{token}"), "ocp_apim_subscription_key": format!("\u{feff}{key}")});
        shell.write("marked.json", &format!("\u{feff}{marked}"));
        let done = shell.done(shell.hooks("vipps", &["list", "--credentials-file", "marked.json"]));
        assert_eq!((done.status, done.err.as_str()), (0, ""));
        let mut command = shell.hooks("vipps", &["list"]);
        command.env("POS_WEBHOOKS_VIPPS_TOKEN", format!("\u{feff}{token}"));
        assert_eq!(shell.done(command).status, 0);
        let mut command = shell.hooks("vipps", &["list"]);
        command.env("POS_WEBHOOKS_VIPPS_TOKEN", "\u{feff}");
        assert!(shell.done(command).err.contains("vipps requires `token`"), "there is none");
    }

    #[test]
    fn that_were_copied_with_more_than_themselves_are_refused() {
        let shell = Shell::new("copied");
        let at = shell.at(answer(200, r#"{"webhooks":[]}"#));
        for (token, why) in [
            ("\"hush-hush\"", "the token is in quotation marks"),
            ("'hush-hush'", "the token is in quotation marks"),
            ("Bearer hush-hush", "the token begins with `Bearer`, which is added"),
            ("bearer hush-hush", "the token begins with `Bearer`, which is added"),
            (" hush-hush", "the token has white space at its beginning or end"),
            ("hush-hush ", "the token has white space at its beginning or end"),
            ("hush hush", "the token has white space in it"),
            ("hush-hush\r", "the token has characters that a header cannot carry"),
            ("„hush-hush“", "the token is in quotation marks"),
            ("hush\u{200b}hush", "the token has characters that no token has"),
            (" ", "the token is empty"),
        ] {
            shell.write("vipps.json", &json!({ "token": token }).to_string());
            let done = at.run("vipps", &["list"]);
            assert_eq!((done.status, done.out.as_str()), (2, ""), "{token}");
            assert!(done.err.contains(why) && done.err.contains("(it comes from vipps.json)"), "{token}: {}", done.err);
            assert!(!done.err.contains("hush"), "{}", done.err);
            let mut command = at.command("mypos", &["list"]);
            command.env("POS_WEBHOOKS_MYPOS_TOKEN", token);
            shell.write("mypos.json", &json!({ "token": token }).to_string());
            assert!(shell.done(command).err.contains(why), "{token}");
        }
        for (key, why) in [
            ("'hush'", "the credential for the header `ocp-apim-subscription-key` is in quotation marks"),
            ("hush\n", "the credential for the header `ocp-apim-subscription-key` has characters that a header"),
        ] {
            shell.write("vipps.json", &json!({ "token": "t0ken", "ocp_apim_subscription_key": key }).to_string());
            let done = at.run("vipps", &["list"]);
            assert_eq!(done.status, 2);
            assert!(done.err.contains(why) && !done.err.contains("hush"), "{key}: {}", done.err);
        }
        assert!(at.requests().is_empty());
    }

    /// The sandbox knows sales units apart, and refuses another subscription key.
    #[test]
    fn are_all_sent() {
        let shell = Shell::new("all-sent");
        shell.run("vipps", &["create", "--url", "https://a.test", "--events", CAPTURED, "--show-secrets"]);
        let token = shell.token("vipps");
        shell.write("other.json", &json!({"token": token, "merchant_serial_number": "654321"}).to_string());
        let list =
            |file: &str| shell.done(shell.hooks("vipps", &["list", "--format", "json", "--credentials-file", file]));
        assert_eq!(list("other.json").out, "{\"webhooks\":[]}\n");
        assert!(list("vipps.json").out.contains("https://a.test"));
        shell.write("other.json", &json!({"token": token, "ocp_apim_subscription_key": "not-the-key"}).to_string());
        let refused = list("other.json");
        assert_eq!((refused.status, refused.out.as_str()), (1, ""));
        assert!(refused.err.contains("401") && !refused.err.contains("not-the-key"), "{}", refused.err);
    }

    #[test]
    fn of_a_file_are_not_mixed_with_the_environment() {
        let shell = Shell::new("not-mixed");
        shell.write("without.json", r#"{"merchant_serial_number": "123456"}"#);
        let mut command = shell.hooks("vipps", &["list", "--credentials-file", "without.json"]);
        command.env("POS_WEBHOOKS_VIPPS_TOKEN", shell.token("vipps"));
        assert_eq!(shell.done(command).status, 2);
    }

    #[test]
    fn that_are_missing_are_named() {
        let shell = Shell::new("missing");
        for provider in ["mipos", "mypos", "vipps"] {
            let variable = format!("POS_WEBHOOKS_{}_TOKEN", provider.to_uppercase());
            for value in [None, Some("")] {
                let mut command = shell.hooks(provider, &["list"]);
                command.envs(value.map(|value| (&variable, value)));
                let done = shell.done(command);
                assert_eq!((done.status, done.out.as_str()), (2, ""));
                assert!(done.err.contains(&variable) && done.err.contains("--credentials-file"), "{}", done.err);
            }
        }
    }

    #[test]
    fn that_cannot_be_used_are_not_shown() {
        let shell = Shell::new("unusable");
        for (content, expected) in [
            (r#"{"token": "hush", "ocp_apim_key": "hush"}"#, "vipps has no credential `ocp_apim_key`; it has: token, "),
            (r#"{"token": ["hush"]}"#, "bad.json: line 1, column"),
            (r#"["hush"]"#, "bad.json: line 1, column"),
            ("token=hush", "bad.json: line 1, column"),
            (r#"{"token": "hush\n"}"#, "the token has characters that a header cannot carry"),
            (
                r#"{"token": "hush", "merchant_serial_number": "hush"}"#,
                "`merchant_serial_number` from bad.json: value does not match",
            ),
        ] {
            shell.write("bad.json", content);
            let done = shell.done(shell.hooks("vipps", &["list", "--credentials-file", "bad.json"]));
            assert_eq!((done.status, done.out.as_str()), (2, ""), "{}", done.err);
            assert!(done.err.contains(expected) && !done.err.contains("hush"), "{content}: {}", done.err);
        }
        let done = shell.done(shell.hooks("vipps", &["list", "--credentials-file", "none.json"]));
        assert_eq!(done.status, 2);
    }

    #[test]
    fn that_are_wrong_are_refused() {
        let shell = Shell::new("wrong-token");
        shell.write("wrong.json", r#"{"token": "not-the-token"}"#);
        for provider in ["mipos", "mypos", "vipps"] {
            let done = shell.done(shell.hooks(provider, &["list", "--credentials-file", "wrong.json"]));
            assert_eq!((done.status, done.out.as_str()), (1, ""));
            assert!(done.err.contains("401") && done.err.contains("The token comes from wrong.json."), "{}", done.err);
            assert!(!done.err.contains("not-the-token"), "{}", done.err);
            assert_eq!(done.err.contains("\nUnauthorized.\n"), provider == "mipos", "only mipos documents it");
        }

        let wrong = r#"{"client_id": "a-client", "client_secret": "not-the-secret"}"#;
        shell.write("client.json", wrong);
        let list = ["list", "--credentials-file", "client.json"];
        let done = shell.done(shell.hooks("mypos", &list));
        assert!(done.status == 1 && done.err.contains("The credentials come from client.json."), "{}", done.err);
        let done = shell.done(shell.hooks("mypos", &[&list[..], &["--format", "json"]].concat()));
        let error: Value = serde_json::from_str(&done.err).unwrap();
        assert_eq!(error["error"]["status"], 401, "that of the request for a token");
    }
}

mod subscriptions {
    use super::*;
    use pos_webhooks::sandbox::Fault;
    use wiremock::matchers::{body_string_contains, method, path, query_param, query_param_is_missing};

    const CREATE: [&str; 5] = ["create", "--payload-url", "https://a.test/hooks", "--secret-file", "secret.txt"];
    const COMPLETED: &str = "pos.payment.completed";
    const FAILED: &str = "pos.payment.failed";

    fn create(events: &[&'static str]) -> Vec<&'static str> {
        CREATE.into_iter().chain(events.iter().flat_map(|event| ["--events", event])).collect()
    }

    /// A server whose list of events has two pages, with an event of each page that the specification does not have.
    fn elsewhere(shell: &Shell) -> Elsewhere<'_> {
        let page = |events: &[(&str, &str)]| {
            let events: Vec<_> = events.iter().map(|(id, name)| json!({"id": id, "name": name})).collect();
            answer(200, json!({"events": events, "pagination": {"page": 1, "size": 2, "total": 3}}).to_string())
        };
        let server = shell.runtime.block_on(async {
            let server = MockServer::start().await;
            let events = || Mock::given(method("GET")).and(path("/v1/events"));
            let first = page(&[("id-1", "pos.tip.given"), ("id-2", COMPLETED)]);
            events().and(query_param_is_missing("page")).respond_with(first).mount(&server).await;
            events()
                .and(query_param("page", "2"))
                .respond_with(page(&[("id-3", "pos.tip.returned")]))
                .mount(&server)
                .await;
            events().and(query_param("page", "3")).respond_with(page(&[])).mount(&server).await;
            let created = answer(200, r#"{"webhook": {"id": "hook-1"}}"#);
            Mock::given(path("/v1/webhooks")).respond_with(created).mount(&server).await;
            let subscribed = answer(200, r#"{"subscription": {"id": "subscription-1"}}"#);
            let subscribe = Mock::given(path("/v1/subscriptions")).and(body_string_contains("webhook_id=hook-1"));
            subscribe.respond_with(subscribed).mount(&server).await;
            server
        });
        Elsewhere { shell, server }
    }

    #[test]
    fn are_made_with_the_webhook() {
        let shell = Shell::new("create-events");
        let done = shell.run("mypos", &[&create(&[COMPLETED, FAILED, COMPLETED])[..], &["--format", "json"]].concat());
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{}", done.out);
        let lines: Vec<Value> = done.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 3, "the webhook, and each of its subscriptions");
        assert_eq!(shell.registrations("mypos")[0].events, [COMPLETED, FAILED]);
        for (line, event) in lines[1..].iter().zip([COMPLETED, FAILED]) {
            assert_eq!(line["subscription"]["event"], event);
            assert_eq!(line["subscription"]["hook"], lines[0]["webhook"]);
        }
    }

    /// The options of a command that calls the sandbox as well.
    fn target(shell: &Shell) -> String {
        let base_url = &shell.sandbox.account("mypos").unwrap().base_url;
        format!(" --base-url {base_url} --credentials-file mypos.json")
    }

    #[test]
    fn are_suggested_after_a_webhook_without_any() {
        let shell = Shell::new("create-no-events");
        let done = shell.run("mypos", &CREATE);
        let id = &shell.registrations("mypos")[0].id;
        assert_eq!(done.status, 0);
        let target = target(&shell);
        let suggested = format!("`pos-webhooks hooks mypos subscribe {id} --events EVENT{target}`");
        assert!(done.err.starts_with("warning: ") && done.err.contains(&suggested), "{}", done.err);
        assert!(done.err.contains(&format!("`pos-webhooks hooks mypos events{target}`")), "{}", done.err);
        assert!(shell.registrations("mypos")[0].events.is_empty());
        let done = shell.run("mypos", &["subscribe", id, "--events", COMPLETED]);
        assert_eq!((done.status, done.err.as_str()), (0, ""));
        assert_eq!(shell.registrations("mypos")[0].events, [COMPLETED]);
    }

    #[test]
    fn to_an_event_that_the_account_does_not_have_are_an_error_before_anything_is_changed() {
        let shell = Shell::new("create-unknown-event");
        let unknown = create(&[COMPLETED, "pos.payment.complete"]);
        let done = shell.run("mypos", &unknown);
        assert_eq!((done.status, done.out.as_str()), (1, ""));
        let names: Vec<_> = pos_webhooks::mypos::PROVIDER.events.iter().map(|event| event.name).collect();
        let expected = format!(
            "error: the account does not have the event `pos.payment.complete`, and nothing was changed; did you mean \
             `{COMPLETED}`? It has: {}\n",
            names.join(", ")
        );
        assert_eq!(done.err, expected);
        assert!(shell.registrations("mypos").is_empty());
        let error = shell.error("mypos", &unknown);
        assert_eq!((&error["operation"], &error["may_have_been_executed"]), (&json!("list_events"), &json!(false)));
    }

    #[test]
    fn to_an_event_that_only_the_account_knows_are_offered_with_a_warning() {
        let shell = Shell::new("create-new-event");
        let at = elsewhere(&shell);
        let done = at.run("mypos", &create(&["pos.tip.returned", COMPLETED]));
        assert_eq!(done.status, 0, "{}", done.err);
        let warning =
            "warning: the specification does not describe the event `pos.tip.returned`, but the account has it\n";
        assert_eq!(done.err, warning);
        let sent: Vec<_> = at.requests().into_iter().filter(|it| it.url.path() == "/v1/subscriptions").collect();
        let sent: Vec<_> = sent.iter().map(|request| String::from_utf8_lossy(&request.body).into_owned()).collect();
        assert!(sent[0].contains("event_id=id-3") && sent[1].contains("event_id=id-2"), "{sent:?}");
        let done = at.run("mypos", &create(&["pos.tip"]));
        let expected = "did you mean `pos.tip.given` or `pos.tip.returned`? It has: pos.tip.given, pos.payment.completed, \
                        pos.tip.returned\n";
        assert!(done.err.ends_with(expected), "{}", done.err);
    }

    #[test]
    fn that_fail_after_the_webhook_exists_say_how_to_go_on() {
        let shell = Shell::new("create-fails");
        let target = target(&shell);
        let fault = Fault::from(AnswerFault::Status { status: 500, retry_after_seconds: None });
        shell.sandbox.fault(fault.provider("mypos").operation("create_subscription").times(1)).unwrap();
        let done = shell.run("mypos", &create(&[COMPLETED, FAILED]));
        let id = &shell.registrations("mypos")[0].id;
        assert_eq!(done.status, 1);
        assert!(done.out.contains(id), "the webhook is shown: {}", done.out);
        let expected = format!(
            "warning: the webhook {id} exists and is not subscribed to any of the events; to go on: \
            pos-webhooks hooks mypos subscribe {id} --events {COMPLETED} --events {FAILED}{target}\n"
        );
        assert!(done.err.contains("create_subscription: 500") && done.err.ends_with(&expected), "{}", done.err);

        shell.json("mypos", &["subscribe", id, "--events", FAILED]);
        let done = shell.run("mypos", &["subscribe", id, "--events", COMPLETED, "--events", FAILED]);
        let expected =
            format!("warning: the webhook {id} is subscribed to {COMPLETED}; give the command again for: {FAILED}\n");
        assert!(done.status == 1 && done.err.ends_with(&expected), "{}", done.err);
        // Nothing has changed, so the same command can be given again.
        let done = shell.run("mypos", &["subscribe", UNKNOWN_ID, "--events", FAILED]);
        assert!(done.status == 1 && !done.err.contains("warning"), "{}", done.err);
    }

    #[test]
    fn without_a_list_of_events_are_not_made() {
        let shell = Shell::new("no-list");
        let fault = Fault::from(AnswerFault::Status { status: 403, retry_after_seconds: None });
        shell.sandbox.fault(fault.provider("mypos").operation("list_events")).unwrap();
        let done = shell.run("mypos", &create(&[COMPLETED]));
        assert_eq!((done.status, done.out.as_str()), (1, ""));
        assert!(done.err.contains("list_events: 403"), "{}", done.err);
        assert!(shell.registrations("mypos").is_empty());
    }

    #[test]
    fn after_a_response_that_is_not_as_documented_are_not_made() {
        let shell = Shell::new("create-undocumented");
        for body in [r#"{"hook": {"id": "hook-1"}}"#, "<html>"] {
            let server = shell.runtime.block_on(async {
                let server = MockServer::start().await;
                let events = json!({
                    "events": [{"id": "id-1", "name": COMPLETED}],
                    "pagination": {"page": 1, "size": 1, "total": 1},
                });
                let events = answer(200, events.to_string());
                Mock::given(path("/v1/events")).respond_with(events).mount(&server).await;
                Mock::given(any()).respond_with(answer(200, body)).mount(&server).await;
                server
            });
            let at = Elsewhere { shell: &shell, server };
            let done = at.run("mypos", &create(&[COMPLETED]));
            assert_eq!((done.status, done.out.as_str()), (1, ""), "{}", done.err);
            let paths: Vec<_> = at.requests().iter().map(|request| request.url.path().to_owned()).collect();
            assert_eq!(paths, ["/v1/events", "/v1/webhooks"]);
        }
    }

    #[test]
    fn end_with_unsubscribe() {
        let shell = Shell::new("unsubscribe");
        shell.run("mypos", &create(&[COMPLETED, FAILED]));
        let list = shell.json("mypos", &["subscriptions"]);
        let id = list["subscriptions"][0]["id"].as_str().unwrap();
        assert_eq!(shell.json("mypos", &["unsubscribe", id]), Value::Null);
        assert_eq!(shell.registrations("mypos")[0].events, [FAILED]);
        let error = shell.error("mypos", &["unsubscribe", id]);
        assert_eq!(error["status"], 404);
    }

    #[test]
    fn are_not_for_providers_that_name_events_at_registration() {
        for verb in ["events", "subscribe", "subscriptions", "unsubscribe"] {
            let done = run(&["hooks", "vipps", verb]);
            assert_eq!(done.status, 2);
            let expected = format!("vipps does not document an operation for `{verb}`; it has: list, create, delete");
            assert!(done.err.contains(&expected), "{}", done.err);
        }
    }
}

mod errors {
    use super::*;

    #[test]
    fn tell_what_the_provider_documents() {
        let shell = Shell::new("conflict");
        shell.json("mipos", &["create", "--url", "https://a.test"]);
        let error = shell.error("mipos", &["create", "--url", "https://a.test"]);
        let answer = json!({"message": ["This webhook already exists"], "data": null});
        assert_eq!(
            (&error["operation"], &error["status"], &error["answer"]),
            (&json!("create_webhook"), &json!(409), &answer)
        );
        assert_eq!((&error["retryable"], &error["may_have_been_executed"]), (&json!(false), &json!(false)));
        let done = shell.run("mipos", &["create", "--url", "https://a.test"]);
        assert_eq!((done.status, done.out.as_str()), (1, ""));
        assert!(
            done.err.contains("409 Conflict") && done.err.contains("\nmessage  This webhook already exists\n"),
            "{}",
            done.err
        );

        let error =
            shell.error("vipps", &["create", "--url", "https://a.test", "--events", "no.such.event", "--show-secrets"]);
        assert_eq!(error["answer"]["extraDetails"][0]["reason"], "There is no event type 'no.such.event'.");
    }

    #[test]
    fn of_unknown_ids_are_told() {
        let shell = Shell::new("unknown-id");
        for (provider, arguments) in [
            ("mypos", &["get", UNKNOWN_ID][..]),
            ("mypos", &["update", UNKNOWN_ID, "--is-active", "1"]),
            ("mypos", &["delete", UNKNOWN_ID]),
            ("vipps", &["delete", UNKNOWN_ID]),
        ] {
            let error = shell.error(provider, arguments);
            assert_eq!(
                (&error["status"], &error["answer"], &error["retryable"]),
                (&json!(404), &Value::Null, &json!(false))
            );
        }
    }

    #[test]
    fn show_no_credential_that_the_provider_repeats() {
        let shell = Shell::new("repeated");
        shell.json("mipos", &["create", "--url", "https://a.test"]);
        let repeated = json!({"message": [format!("Bearer {} knows this one", shell.token("mipos"))], "data": null});
        let body = Some(repeated.to_string());
        shell.sandbox.fault(AnswerFault::Garbage { body, media_type: Some("application/json".into()) }).unwrap();
        let error = shell.error("mipos", &["create", "--url", "https://a.test"]);
        assert_eq!(error["answer"]["message"], json!(["Bearer *** knows this one"]));
    }

    #[test]
    fn tell_whether_to_try_again() {
        let shell = Shell::new("again");
        shell.sandbox.fault(AnswerFault::Status { status: 503, retry_after_seconds: Some(7) }).unwrap();
        let create = ["create", "--url", "https://a.test"];
        let error = shell.error("mipos", &create);
        assert_eq!(
            (&error["status"], &error["retryable"], &error["retry_after_seconds"]),
            (&json!(503), &json!(true), &json!(7))
        );
        assert_eq!(error["may_have_been_executed"], true);
        let done = shell.run("mipos", &create);
        assert!(done.err.contains("the provider asks to wait for 7 s"), "{}", done.err);

        shell.sandbox.clear_faults();
        shell.sandbox.fault(AnswerFault::Reset).unwrap();
        let error = shell.error("mipos", &create);
        assert_eq!((&error["status"], &error["may_have_been_executed"]), (&Value::Null, &json!(true)));
        assert_eq!(shell.registrations("mipos").len(), 1, "it was");
    }

    #[test]
    fn of_answers_that_are_none_show_nothing_of_them() {
        let shell = Shell::new("garbage");
        let body = Some("<html>who knows what</html>".to_owned());
        shell.sandbox.fault(AnswerFault::Garbage { body, media_type: None }).unwrap();
        let error = shell.error("mipos", &["create", "--url", "https://a.test"]);
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("not what the provider documents") && message.contains("`text/html`"), "{message}");
        assert!(!message.contains("who knows what"), "{message}");
        assert_eq!((&error["status"], &error["may_have_been_executed"]), (&json!(201), &json!(true)));
    }

    #[test]
    fn of_the_connection_are_no_usage() {
        let (_socket, port) = closed("127.0.0.1");
        let mut command = command(&["hooks", "mypos", "list", "--base-url", &format!("http://127.0.0.1:{port}")]);
        command.env("POS_WEBHOOKS_MYPOS_TOKEN", "never-shown");
        let done = feed(command, b"");
        assert_eq!((done.status, done.out.as_str()), (1, ""));
        assert!(done.err.contains("the connection failed") && done.err.contains("may succeed later"), "{}", done.err);
        assert!(!done.err.contains("never-shown"));
    }
}

#[test]
fn requests_are_checked_before_they_are_sent() {
    let shell = Shell::new("checked");
    // Whatever is sent would fail with 1.
    shell.sandbox.fault(AnswerFault::Status { status: 500, retry_after_seconds: None }).unwrap();
    for (provider, arguments, expected) in [
        ("mipos", &["create", "--url", "nowhere"][..], "/url: value is not a \"uri\" (format)"),
        ("mipos", &["create", "--url", "https://a.test", "--type", "MENU"], "[possible values: ORDER, Menu]"),
        ("mipos", &["create"], "--url <URL>"),
        ("mypos", &["update", UNKNOWN_ID, "--is-active", "2"], "a whole number from 0 to 1 is expected"),
        ("mypos", &["update", UNKNOWN_ID, "--is-active", "no"], "--is-active <IS_ACTIVE>"),
        ("mypos", &["update", UNKNOWN_ID, "--is-active", "true"], "a whole number from 0 to 1 is expected"),
        ("mypos", &["update", UNKNOWN_ID], "--is-active <IS_ACTIVE>|--payload-url <PAYLOAD_URL>|--secret-file <FILE>"),
        ("mypos", &["create", "--payload-url", "https://a.test", "--secret-file", "none.txt"], "none.txt: "),
        ("mypos", &["create", "--payload-url", "https://a.test", "--secret", SECRET], "--secret"),
        ("vipps", &["create", "--url", "https://a.test", "--show-secrets"], "--events <EVENTS>"),
        ("vipps", &["delete", ".."], "the path parameter `id` must not be empty, `.` or `..`"),
    ] {
        let done = shell.run(provider, arguments);
        assert_eq!((done.status, done.out.as_str()), (2, ""), "{arguments:?}: {}", done.err);
        assert!(done.err.contains(expected), "{arguments:?}: {}", done.err);
    }
}

#[test]
fn only_one_input_is_standard_input() {
    let shell = Shell::new("standard-input");
    let create = ["create", "--payload-url", "https://a.test", "--secret-file", "-"];
    let done = shell.done(shell.hooks("mypos", &[&create[..], &["--credentials-file", "-"]].concat()));
    assert_eq!(done.status, 2, "{}", done.err);
    let command = shell.hooks("mypos", &[&create[..], &["--credentials-file", "mypos.json"]].concat());
    assert_eq!(feed(command, b"piped\n").status, 0);
    assert_eq!(shell.registrations("mypos")[0].secret.expose(), "piped");
}

#[test]
fn undocumented_operations_are_reported() {
    for (arguments, expected) in [
        (
            &["vipps", "update", UNKNOWN_ID, "--url", "x"][..],
            "vipps does not document an operation for `update`; it has: list, create, delete",
        ),
        (&["vipps", "get", UNKNOWN_ID], "vipps does not document an operation for `get`; it has: list, create, delete"),
        (&["mipos", "get"], "mipos does not document an operation for `get`; it has: list, create, update, delete"),
        (&["dealpos", "list"], "its webhooks are set up in its back office"),
        (&["dealpos"], "its webhooks are set up in its back office"),
        (&["vipps", "lst"], "'list'"),
        (&["stripe", "list"], "unrecognized subcommand 'stripe'"),
        (
            &["mipos", "list", "--test"],
            "mipos does not document a test server, only: production (https://integrations.mipos.shop)",
        ),
        (&["vipps", "list", "--test", "--base-url", "http://127.0.0.1:1"], "cannot be used with"),
        (&["vipps", "list", "--base-url", "http://shop.example/x"], "it is http:// and not on this machine"),
        (&["vipps", "list", "--base-url", "nowhere"], "the server is not a base URL that can be called"),
    ] {
        let mut command = command(&[&["hooks"], arguments].concat());
        command.env("POS_WEBHOOKS_VIPPS_TOKEN", "x").env("POS_WEBHOOKS_MIPOS_TOKEN", "x");
        let done = feed(command, b"");
        assert_eq!((done.status, done.out.as_str()), (2, ""), "{arguments:?}: {}", done.err);
        assert!(done.err.contains(expected), "{arguments:?}: {}", done.err);
        assert!(!done.err.contains("::"), "it names what is in the program: {}", done.err);
    }
}

/// A proxy sees which host is meant.
#[test]
fn the_documented_servers_are_called() {
    for (arguments, host) in [
        (&["mipos", "list"][..], "integrations.mipos.shop"),
        (&["mypos", "list"], "webhook-api.mypos.com"),
        (&["mypos", "list", "--test"], "sandbox-webhook-api.mypos.com"),
        (&["vipps", "list"], "api.vipps.no"),
        (&["vipps", "list", "--test"], "apitest.vipps.no"),
    ] {
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut command = command(&[&["hooks"], arguments].concat());
        let address = format!("http://{}", proxy.local_addr().unwrap());
        command.env("HTTPS_PROXY", address).env_remove("NO_PROXY").env_remove("no_proxy");
        for provider in ["MIPOS", "MYPOS", "VIPPS"] {
            command.env(format!("POS_WEBHOOKS_{provider}_TOKEN"), "x");
        }
        std::thread::spawn(move || feed(command, b""));
        let (mut connection, _) = proxy.accept().unwrap();
        let mut line = String::new();
        BufReader::new(&connection).read_line(&mut line).unwrap();
        assert_eq!(line, format!("CONNECT {host}:443 HTTP/1.1\r\n"));
        // The program must not try again for long.
        let _ = connection.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
    }
}

/// With a terminal from `script` of util-linux.
#[test]
fn deleting_asks_on_a_terminal() {
    let shell = Shell::new("terminal");
    if Command::new("script").arg("--version").output().is_err() {
        println!("skipped: there is no `script`");
        return;
    }
    let delete = |more: &str, input: &[u8]| {
        let line = format!(
            "'{}' hooks mipos delete --url https://a.test --credentials-file mipos.json --base-url {}{more}",
            env!("CARGO_BIN_EXE_pos-webhooks"),
            shell.base_url("mipos"),
        );
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).current_dir(&shell.directory);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        feed(command, input)
    };
    shell.json("mipos", &["create", "--url", "https://a.test"]);
    for answer in [&b"n\n"[..], b"\n", b"yesterday\n"] {
        let done = delete("", answer);
        assert_eq!(done.status, 1, "{}", done.out);
        assert!(done.out.contains("[y/N]") && done.out.contains("https://a.test"), "{}", done.out);
        assert!(done.out.contains("nothing was deleted"), "{}", done.out);
        assert_eq!(shell.registrations("mipos").len(), 1);
    }
    let done = delete("", b"y\n");
    assert_eq!((done.status, shell.registrations("mipos").len()), (0, 0), "{}", done.out);
    shell.json("mipos", &["create", "--url", "https://a.test"]);
    let done = delete(" --yes", b"");
    assert_eq!((done.status, shell.registrations("mipos").len()), (0, 0), "{}", done.out);
    assert!(!done.out.contains("[y/N]"), "{}", done.out);
}

#[test]
fn help() {
    for (name, arguments) in [
        ("help", &["hooks", "--help"][..]),
        ("help_vipps", &["hooks", "vipps", "--help"]),
        ("help_vipps_create", &["hooks", "vipps", "create", "--help"]),
        ("help_mypos_update", &["hooks", "mypos", "update", "--help"]),
        ("help_mypos", &["hooks", "mypos", "--help"]),
        ("help_mypos_create", &["hooks", "mypos", "create", "--help"]),
        ("help_mypos_events", &["hooks", "mypos", "events", "--help"]),
        ("help_mypos_subscribe", &["hooks", "mypos", "subscribe", "--help"]),
        ("help_mipos_delete_short", &["hooks", "mipos", "delete", "-h"]),
    ] {
        let done = run(arguments);
        assert_eq!((done.status, done.err.as_str()), (0, ""));
        insta::assert_snapshot!(name, of_shown(&done.out));
    }
}

/// Credentials must not be sent unencrypted to the proxy that the environment names.
#[test]
fn a_server_on_this_machine_is_called_without_a_proxy() {
    let shell = Shell::new("proxy");
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let port = shell.sandbox.url().rsplit_once(':').unwrap().1.to_owned();
    let (_sockets, closed): (Vec<_>, Vec<_>) = ["::1", "127.0.0.2", "127.0.0.1"].map(closed).into_iter().unzip();
    let [of_ipv6, of_second, of_first] = closed[..] else { panic!("{closed:?}") };
    let variables = ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "HTTP_PROXY"];
    for (server, works) in [
        (format!("http://127.0.0.1:{port}/mypos"), true),
        (format!("http://localhost:{port}/mypos"), true),
        (format!("http://[::1]:{of_ipv6}"), false),
        (format!("http://127.0.0.2:{of_second}"), false),
        (format!("https://localhost:{of_first}"), false),
    ] {
        let mut command =
            command(&["hooks", "mypos", "list", "--base-url", &server, "--credentials-file", "mypos.json"]);
        command.current_dir(&shell.directory).env_remove("NO_PROXY").env_remove("no_proxy");
        command.envs(variables.map(|name| (name, &address)));
        let done = shell.done(command);
        assert_eq!(done.status, i32::from(!works), "{server}: {}", done.err);
        assert!(proxy.accept().is_err(), "{server} was called through the proxy");
    }
}

/// Values that `list` shows can be used in other commands, even if they do not have the documented form.
#[test]
fn the_id_of_a_webhook_is_sent_unchanged() {
    let shell = Shell::new("addressed");
    let at = shell.at(answer(200, r#"{"message":"done","data":null}"#));
    for url in ["https://tienda.example/año", "https://a.test/orders ", "a.test", "http://[", "https://a.test/{id}"] {
        assert_eq!(at.run("mipos", &["delete", "--url", url]).status, 0, "{url}");
        let sent: Value = serde_json::from_slice(&at.requests().pop().unwrap().body).unwrap();
        assert_eq!(sent, json!({ "url": url }));
        let update = ["update", "--new-url", "https://b.test", "--current-url", url];
        assert_eq!(at.run("mipos", &update).status, 0, "{url}");
        let sent: Value = serde_json::from_slice(&at.requests().pop().unwrap().body).unwrap();
        assert_eq!(sent["current_url"], url);
        let update = at.run("mipos", &["update", "--current-url", "https://b.test", "--new-url", "a.test"]);
        assert_eq!(update.status, 2, "a new one is checked: {}", update.out);
    }
    let at = shell.at(ResponseTemplate::new(204));
    for provider in ["mypos", "vipps"] {
        for (id, segment) in [
            ("7", "7"),
            ("No 7/ä", "No%207%2F%C3%A4"),
            (" 7 ", "%207%20"),
            (r"a\..\..\..\users\7", "a%5C..%5C..%5C..%5Cusers%5C7"),
            (".\t.\n", ".%09.%0A"),
            ("%2e%2e", "%252e%252e"),
        ] {
            assert_eq!(at.run(provider, &["delete", id]).status, 0);
            assert_eq!(at.requests().pop().unwrap().url.path(), format!("/v1/webhooks/{segment}"));
        }
    }
}

/// 2 would say that nothing was sent.
#[cfg(target_os = "linux")]
#[test]
fn an_answer_that_cannot_be_written_is_of_a_call_that_was_executed() {
    let create = ["create", "--url", "https://a.test", "--events", CAPTURED, "--save-secret", "s.txt"];
    for (provider, arguments) in [
        ("vipps", &["delete", UNKNOWN_ID, "--yes"][..]),
        ("vipps", &create),
        ("vipps", &["list"]),
        ("mipos", &["create", "--url", "https://a.test"]),
        ("mypos", &["update", UNKNOWN_ID, "--is-active", "0", "--raw"]),
    ] {
        for format in ["human", "json"] {
            let shell = Shell::new("full-output");
            let body = match (provider, arguments[0]) {
                (_, "list") => r#"{"webhooks":[]}"#.to_owned(),
                ("mipos", _) => r#"{"message":"done","data":null}"#.to_owned(),
                ("mypos", _) => format!(
                    r#"{{"webhook":{{"id":"a","is_active":true,"payload_url":"https://a.test","secret":"{SECRET}"}}}}"#
                ),
                (_, "create") => format!(r#"{{"id":"{UNKNOWN_ID}","secret":"{SECRET}"}}"#),
                _ => String::new(),
            };
            let at = shell.at(answer(200, body));
            let inner = at.command(provider, &[arguments, &["--format", format]].concat());
            let done = shell.done(in_shell("exec \"$@\" >/dev/full", &inner));
            assert_eq!((done.status, at.requests().len()), (1, 1), "{provider} {arguments:?}: {}", done.err);
            let says = "standard output: ";
            let executed = done.err.contains(says) && done.err.contains("the operation was executed");
            assert!(executed && !done.err.contains(SECRET), "{provider} {arguments:?}: {}", done.err);
            if arguments == create {
                let saved = fs::read_to_string(shell.directory.join("s.txt")).unwrap();
                assert_eq!(saved, format!("{SECRET}\n"));
            }
        }
    }
}

/// Two webhooks that differ only in white space do not look the same.
#[test]
fn white_space_around_a_value_is_seen() {
    let shell = Shell::new("white-space");
    let at =
        shell.at(answer(200, r#"[{"url":"https://a.test"},{"url":"https://a.test "},{"url":"\thttps://a.test"}]"#));
    let out = at.run("mipos", &["list"]).out;
    assert_eq!(out, "URL\nhttps://a.test\n\"https://a.test \"\n\"\\thttps://a.test\"\n");
}

#[test]
fn a_delay_beyond_any_date_is_reported() {
    let shell = Shell::new("long-wait");
    for (value, human, seconds) in [
        ("99999999999999999999", "asks to wait for more than a year.", (1_u64 << 53) - 1),
        ("18446744073709551615", "asks to wait for more than a year.", (1 << 53) - 1),
        ("86400", "asks to wait for 86400 s.", 86400),
    ] {
        let at = shell.at(ResponseTemplate::new(429).insert_header("retry-after", value));
        let done = at.run("mypos", &["list"]);
        assert!(done.status == 1 && done.err.contains(human), "{value}: {}", done.err);
        let error: Value = serde_json::from_str(&at.run("mypos", &["list", "--format", "json"]).err).unwrap();
        assert_eq!(error["error"]["retry_after_seconds"], seconds, "{value}");
    }
}

#[test]
fn a_delete_whose_answer_was_lost_may_have_been_executed() {
    const NONE: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const BUSY: &str = "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const GATEWAY: &str = "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let shell = Shell::new("lost");
    for (first, verb, lost) in [
        ("", "delete", true),
        ("HTTP/1.1 20", "delete", true),
        (GATEWAY, "delete", true),
        (BUSY, "delete", false),
        ("", "get", false),
    ] {
        for format in ["json", "human"] {
            let (address, handled) = connections(vec![first, NONE]);
            let arguments = ["hooks", "mypos", verb, UNKNOWN_ID, "--base-url", &address, "--format", format];
            let mut command = command(&[&arguments[..], &["--credentials-file", "mypos.json"]].concat());
            command.current_dir(&shell.directory);
            let done = shell.done(command);
            assert_eq!((done.status, handled.join().unwrap()), (1, 2), "{first}: {}", done.err);
            let says = "the response to an earlier try was lost, so the operation may have been executed";
            assert_eq!(done.err.contains(says), lost, "{first}: {}", done.err);
            if format == "json" {
                let error: Value = serde_json::from_str(&done.err).unwrap();
                assert_eq!(error["error"]["may_have_been_executed"], lost, "{first}: {error}");
                assert_eq!(error["error"]["status"], 404);
            } else {
                assert_eq!(done.err.contains("check before you try again"), lost, "{}", done.err);
            }
        }
    }
}

mod secrets_that_are_chosen {
    use super::*;

    const CREATE: [&str; 5] = ["create", "--payload-url", "https://a.test", "--secret-file", "chosen.txt"];

    #[test]
    fn have_no_byte_order_mark() {
        let shell = Shell::new("chosen-mark");
        for content in ["\u{feff}a b\n", "\u{feff}a b\r\n", "\u{feff}a b"] {
            shell.write("chosen.txt", content);
            assert_eq!(shell.run("mypos", &CREATE).status, 0);
            assert_eq!(shell.registrations("mypos").last().unwrap().secret.expose(), "a b");
        }
    }

    #[test]
    fn are_on_one_line() {
        let shell = Shell::new("chosen-lines");
        for (content, why) in [
            ("hush\nhush\n", "a line break or another control character"),
            ("hush\n\n", "a line break or another control character"),
            ("hush\0", "a line break or another control character"),
            ("\u{feff}\n", "the file does not contain a secret"),
            (" \n", "the file does not contain a secret"),
        ] {
            shell.write("chosen.txt", content);
            let done = shell.run("mypos", &CREATE);
            assert_eq!(done.status, 2, "{content:?}");
            assert!(done.err.contains(why) && !done.err.contains("hush"), "{content:?}: {}", done.err);
        }
        assert!(shell.registrations("mypos").is_empty());
    }
}

mod answers_that_are_not_as_documented {
    use super::*;

    fn webhook(id: &str, active: &str) -> String {
        format!(r#"{{"id":{id},"is_active":{active},"payload_url":"https://a.test","secret":"hush-hush"}}"#)
    }

    fn list(webhooks: &[String]) -> String {
        format!(r#"{{"webhooks":[{}],"pagination":{{"page":1,"size":20,"total":2}}}}"#, webhooks.join(","))
    }

    #[test]
    fn have_flags_as_numbers() {
        let shell = Shell::new("flags");
        let at = shell.at(answer(200, list(&[webhook("\"a\"", "1"), webhook("\"b\"", "0"), webhook("\"c\"", "true")])));
        let done = at.run("mypos", &["list", "--format", "json"]);
        assert_eq!((done.status, done.err.as_str()), (0, ""));
        let listed: Value = serde_json::from_str(&done.out).unwrap();
        let active: Vec<_> = listed["webhooks"].as_array().unwrap().iter().map(|it| it["is_active"].clone()).collect();
        assert_eq!(active, [json!(true), json!(false), json!(true)]);
    }

    /// One odd webhook does not hide the others.
    #[test]
    fn are_listed_all_the_same() {
        let shell = Shell::new("odd");
        let odd = [webhook("\"a\"", "true"), webhook("7", "\"yes\"")];
        let at = shell.at(answer(200, list(&odd)));
        let done = at.run("mypos", &["list"]);
        assert_eq!(done.status, 0, "{}", done.err);
        assert!(done.out.contains("\na ") && done.out.contains("\n7 ") && done.out.contains("yes"), "{}", done.out);
        assert!(!done.out.contains("hush") && done.out.contains("***"), "{}", done.out);
        let warning = "warning: list_webhooks: 200 OK: the response is not what the provider documents: ";
        assert!(done.err.contains(warning) && done.err.contains("at /webhooks/1/"), "{}", done.err);
        let done = at.run("mypos", &["list", "--format", "json", "--show-secrets"]);
        assert_eq!(
            serde_json::from_str::<Value>(&done.out).unwrap(),
            serde_json::from_str::<Value>(&list(&odd)).unwrap()
        );
        let at = shell.at(answer(200, r#"[{"url":"https://a.test"},"https://b.test",{"url":null}]"#));
        let done = at.run("mipos", &["list", "--format", "json"]);
        let expected = "[{\"url\":\"https://a.test\"},\"https://b.test\",{\"url\":null}]\n";
        assert_eq!((done.status, done.out.as_str()), (0, expected));
    }

    /// The call cannot be repeated to see the response.
    #[test]
    fn are_shown_where_the_call_was_executed() {
        let shell = Shell::new("executed");
        let at = shell.at(answer(200, format!(r#"{{"webhook":{}}}"#, webhook("7", "true"))));
        let done = at.run("mypos", &["update", UNKNOWN_ID, "--is-active", "1", "--format", "json"]);
        let error: Value = serde_json::from_str(&done.err).unwrap();
        assert_eq!((done.status, &error["error"]["may_have_been_executed"]), (1, &json!(true)));
        assert_eq!(error["error"]["answer"]["webhook"]["id"], 7);
        assert_eq!(error["error"]["answer"]["webhook"]["secret"], "***");
    }

    #[test]
    fn are_shown_on_request() {
        let shell = Shell::new("raw");
        let more =
            r#"{"webhook":{"id":"a","secret":"hush-hush","api_Key":"hush-hush","limits":{"rate":2.50}},"trace":"t-1"}"#;
        let at = shell.at(answer(200, more));
        let get = ["get", UNKNOWN_ID, "--format", "json"];
        let documented = at.run("mypos", &get).out;
        assert!(!documented.contains("limits") && !documented.contains("trace"), "{documented}");
        let raw = at.run("mypos", &[&get[..], &["--raw"]].concat()).out;
        let masked = more.replace("hush-hush", "***");
        assert_eq!(raw, format!("{masked}\n"));
        let shown = at.run("mypos", &[&get[..], &["--raw", "--show-secrets"]].concat()).out;
        assert_eq!(shown, format!("{}\n", masked.replace("***", "hush-hush")));

        // Of an error, and of one that is not JSON.
        let token = shell.token("mypos").to_owned();
        let problem = format!(r#"{{"code":17,"detail":"Bearer {token} is over its limit"}}"#);
        let at = shell.at(answer(403, problem));
        let list = ["list", "--format", "json"];
        let error: Value = serde_json::from_str(&at.run("mypos", &list).err).unwrap();
        assert_eq!(error["error"]["answer"], Value::Null);
        assert!(at.run("mypos", &["list"]).err.contains("--raw shows such a response"));
        let error: Value = serde_json::from_str(&at.run("mypos", &[&list[..], &["--raw"]].concat()).err).unwrap();
        assert_eq!(error["error"]["answer"], json!({"code": 17, "detail": "Bearer *** is over its limit"}));
        let at = shell.at(ResponseTemplate::new(502).set_body_raw("<h1>Bad\ngateway\u{1b}</h1>", "text/html"));
        let done = at.run("mypos", &["delete", UNKNOWN_ID, "--raw"]);
        assert!(done.err.contains("\n<h1>Bad\\ngateway\\u{1b}</h1>\n"), "{}", done.err);

        // Where nothing is documented.
        let at = shell.at(answer(200, r#"{"deleted":true}"#));
        let error: Value =
            serde_json::from_str(&at.run("mypos", &["delete", UNKNOWN_ID, "--raw", "--format", "json"]).err).unwrap();
        assert_eq!((&error["error"]["status"], &error["error"]["answer"]), (&json!(200), &json!({"deleted": true})));
    }

    /// Members have their order, and a name that is there twice is shown twice.
    #[test]
    fn have_the_order_in_which_they_came() {
        let shell = Shell::new("order");
        let sent = r#"{"z":1,"webhooks":[],"a":{"y":2.50,"x":98765432109876543210987},"z":2}"#;
        let at = shell.at(answer(200, sent));
        assert_eq!(at.run("vipps", &["list", "--raw", "--format", "json"]).out, format!("{sent}\n"));
        let at = shell.at(answer(403, sent));
        let done = at.run("vipps", &["list", "--raw", "--format", "json"]);
        assert!(done.status == 1 && done.err.contains(&format!("\"answer\":{sent},")), "{}", done.err);
    }

    /// `--raw` is suggested only where it would help, and where the call does no harm when it is repeated.
    #[test]
    fn are_not_to_be_asked_for_twice_where_the_call_was_executed() {
        let shell = Shell::new("hint");
        let create = ["create", "--url", "https://a.test", "--events", CAPTURED];
        let text = |status| ResponseTemplate::new(status).set_body_raw("<p>hush-hush</p>", "text/html");
        let saved = shell.at(text(201)).run("vipps", &[&create[..], &["--save-secret", "s.txt"]].concat());
        assert!(saved.status == 1 && !saved.err.contains("--raw") && !saved.err.contains("hush"), "{}", saved.err);
        assert!(saved.err.contains("the response is in s.txt.answer"), "{}", saved.err);
        let failing = shell.at(text(500)).run("vipps", &[&create[..], &["--save-secret", "t.txt"]].concat());
        assert!(!failing.err.contains("--raw") && failing.err.contains("<p>hush-hush</p>"), "{}", failing.err);
        let deleted = shell.at(text(200)).run("vipps", &["delete", "7"]);
        assert!(!deleted.err.contains("--raw") && deleted.err.contains("<p>hush-hush</p>"), "{}", deleted.err);

        let at = shell.at(text(200));
        let listed = at.run("mypos", &["list"]);
        assert!(listed.err.contains("--raw with --show-secrets shows such a response"), "{}", listed.err);
        let raw = at.run("mypos", &["list", "--raw"]);
        assert!(raw.err.contains("only --show-secrets shows it") && !raw.err.contains("hush"), "{}", raw.err);
        assert!(at.run("mypos", &["list", "--raw", "--show-secrets"]).err.contains("<p>hush-hush</p>"));
        assert!(shell.at(text(200)).run("mipos", &["list"]).err.contains("\n--raw shows such a response.\n"));
    }

    #[test]
    fn show_no_secret_where_it_cannot_be_told_from_the_rest() {
        let shell = Shell::new("raw-text");
        let at = shell.at(ResponseTemplate::new(200).set_body_raw("secret=hush-hush", "text/plain"));
        let done = at.run("mypos", &["list", "--raw"]);
        assert!(done.status == 1 && done.err.contains("***") && !done.err.contains("hush"), "{}", done.err);
        assert!(at.run("mypos", &["list", "--raw", "--show-secrets"]).err.contains("secret=hush-hush"));
    }

    #[test]
    fn nest_as_deeply_as_they_like() {
        let shell = Shell::new("deep");
        let deep = format!(r#"{{"message":"done","data":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let at = shell.at(answer(201, deep));
        for more in [&[][..], &["--raw"]] {
            let done = at.run("mipos", &[&["create", "--url", "https://a.test"], more].concat());
            assert_eq!((done.status, done.err.as_str()), (0, ""));
        }
    }
}
