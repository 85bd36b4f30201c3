//! A provider of `--spec` or `POS_WEBHOOKS_SPECS` has what a compiled-in one has: every command works with it.

#[path = "cli/run.rs"]
mod run;

mod listener;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use listener::Listener;
use pos_webhooks::PROVIDERS;
use pos_webhooks::client::http_client;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::run::{Done, command, directory, feed, run};

/// The directory with the documents of the invented providers.
fn documents() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fifth-provider")
}

fn document(name: &str) -> String {
    documents().join(format!("{name}.yaml")).to_str().unwrap().to_owned()
}

/// A command that knows both providers.
fn with_both(arguments: &[&str]) -> Command {
    let options = ["--spec".to_owned(), document("acme"), format!("--spec={}", document("nimbus"))];
    let mut command = command(arguments);
    command.args(options);
    command
}

fn both(arguments: &[&str]) -> Done {
    feed(with_both(arguments), b"")
}

/// The output of a command that succeeds.
fn out(command: Command) -> String {
    let shown = format!("{command:?}");
    let done = feed(command, b"");
    assert_eq!((done.status, done.err.as_str()), (0, ""), "{shown}: {}", done.out);
    done.out
}

/// The output of a command that ends with this status, and standard error.
fn ends(status: i32, command: Command) -> String {
    let shown = format!("{command:?}");
    let done = feed(command, b"");
    assert_eq!(done.status, status, "{shown}: {}{}", done.out, done.err);
    done.out + &done.err
}

/// An empty directory of a test's own.
fn empty(test: &str) -> PathBuf {
    let directory = directory("spec").join(test);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// The Vipps MobilePay document with one more event.
fn edited_vipps(directory: &Path) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../specs/vipps.yaml")).unwrap();
    let start = text.find("  donations.agreement.started.v1:\n").unwrap();
    let end = text.find("  donations.agreement.stopped.v1:\n").unwrap();
    let event = text[start..end].replacen("started", "paused", 1);
    let file = directory.join("vipps.yaml");
    fs::write(&file, format!("{}{event}{}", &text[..end], &text[end..])).unwrap();
    file.to_str().unwrap().to_owned()
}

/// The number of providers that [`with_both`] knows.
fn count_with_both() -> usize {
    let is_new = |name: &&str| !PROVIDERS.iter().any(|known| known.name == *name);
    PROVIDERS.len() + ["acme", "nimbus"].iter().filter(|name| is_new(name)).count()
}

/// A sandbox that runs until it is dropped.
struct Running {
    child: Child,
    accounts: Vec<Value>,
    runtime: Runtime,
}

impl Running {
    /// Starts a sandbox of this many providers.
    fn start(mut command: Command, directory: &Path, count: usize) -> Self {
        let mut child = command.stdin(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(count);
        let accounts: Vec<Value> = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
        for account in &accounts {
            let file = directory.join(format!("{}.json", account["provider"].as_str().unwrap()));
            fs::write(file, account["credentials"].to_string()).unwrap();
        }
        Self { child, accounts, runtime: Runtime::new().unwrap() }
    }

    fn base_url(&self, provider: &str) -> &str {
        let account = self.accounts.iter().find(|account| account["provider"] == provider);
        account.unwrap()["base_url"].as_str().unwrap()
    }

    /// The response to a request to the sandbox itself.
    fn request(&self, path: &str, body: Option<Value>) -> String {
        let (origin, _) = self.base_url("acme").rsplit_once('/').unwrap();
        let client = http_client().unwrap().no_proxy().build().unwrap();
        let request = match body {
            Some(body) => client.post(format!("{origin}{path}")).body(body.to_string()),
            None => client.get(format!("{origin}{path}")),
        };
        self.runtime.block_on(async { request.send().await.unwrap().text().await.unwrap() })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn documents_are_named_by_an_option_or_by_the_environment() {
    let list = std::env::join_paths([document("acme"), document("nimbus")]).unwrap();
    let (acme, nimbus, folder) = (document("acme"), document("nimbus"), documents());
    let ways: [(&[&str], Option<OsString>); 5] = [
        (&["--spec", &acme, "--spec", &nimbus], None),
        (&["--spec", folder.to_str().unwrap()], None),
        (&[], Some(list)),
        (&[], Some(folder.clone().into())),
        (&["--spec", &acme], Some(nimbus.clone().into())),
    ];
    for (options, variable) in ways {
        let command = |arguments: &[&str]| {
            let mut command = command(&[options, arguments].concat());
            command.envs(variable.iter().map(|value| ("POS_WEBHOOKS_SPECS", value)));
            command
        };
        for (provider, event) in [("acme", "till.closed"), ("nimbus", "sale.done")] {
            let listed = out(command(&["schema", provider]));
            assert!(listed.contains(event), "{listed}");
            let payload = out(command(&["example", provider, event]));
            let validated = feed(command(&["validate", provider, event]), payload.as_bytes());
            assert_eq!((validated.status, validated.out.as_str()), (0, "-: valid\n"));
        }
        for provider in PROVIDERS.iter() {
            assert!(out(command(&["schema", provider.name])).contains(provider.schemas[0].name));
        }
    }
}

#[test]
fn a_provider_is_looked_up_validated_and_decoded() {
    assert!(out(with_both(&["schema", "acme", "transfer.settled"])).contains(r#""title": "transfer.settled""#));
    assert_eq!(out(with_both(&["spec", "acme"])), fs::read_to_string(document("acme")).unwrap());
    assert!(out(with_both(&["spec", "acme", "--sources"])).contains("read: 2026-11-21"));
    let payload = out(with_both(&["example", "acme", "transfer.settled", "--example", "with_fee"]));
    assert!(payload.contains(r#""currency":"EUR""#));
    let check = |provider: &str, event: &str, payload: &str| {
        let done = feed(with_both(&["validate", provider, event]), payload.as_bytes());
        (done.status, done.out)
    };
    assert_eq!(check("acme", "transfer.settled", &payload), (0, "-: valid\n".to_owned()));
    let (status, violations) = check("acme", "transfer.settled", &payload.replace("EUR", "euro"));
    assert!(status == 1 && violations.contains("/transfer/currency: "), "{violations}");

    let decode = |arguments: &[&str], payload: &str| {
        let done = feed(with_both(&[&["decode"], arguments].concat()), payload.as_bytes());
        assert_eq!((done.status, done.err.as_str()), (0, ""));
        serde_json::from_str::<Value>(&done.out).unwrap()
    };
    let decoded = decode(&["acme", "--event", "transfer.settled"], &payload);
    assert_eq!((&decoded["event"], &decoded["known"]), (&json!("transfer.settled"), &json!(true)));
    assert!(decoded["idempotency_key"].is_string());
    let sale = out(with_both(&["example", "nimbus", "sale.done"]));
    assert_eq!(decode(&["nimbus"], &sale)["event"], "sale.done");
    let other = decode(&["nimbus"], r#"{"kind":"sale.moved"}"#);
    assert_eq!((&other["event"], &other["known"]), (&json!("sale.moved"), &json!(false)));
    assert_eq!(feed(with_both(&["decode", "nimbus"]), b"{").status, 1);
}

#[test]
fn the_demo_has_every_step_of_it() {
    let steps: Vec<Value> =
        out(with_both(&["demo", "--format", "json"])).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (provider, steps_of_it) in [
        ("acme", &["register", "list", "deliver", "deliver", "tamper", "update", "delete"][..]),
        ("nimbus", &["token", "register", "list", "deliver", "deliver", "tamper", "update", "delete"]),
    ] {
        let own = steps.iter().filter(|step| step["provider"] == provider && step["result"] == "ok");
        assert_eq!(own.map(|step| step["step"].as_str().unwrap()).collect::<Vec<_>>(), steps_of_it, "{provider}");
    }
    assert!(steps.iter().all(|step| step["result"] != "failed"));
    let table = out(with_both(&["demo"]));
    let providers = PROVIDERS.iter().map(|provider| provider.name).chain(["acme", "nimbus"]);
    for name in providers {
        assert!(table.lines().any(|line| line.split(' ').next() == Some(name)), "{table}");
    }
}

#[test]
fn its_webhooks_are_managed_and_delivered() {
    let directory = empty("webhooks");
    let sandbox = Running::start(with_both(&["sandbox", "--seed", "1"]), &directory, count_with_both());
    let hooks = |verb: &[&str]| {
        let at = ["--base-url", sandbox.base_url("acme"), "--credentials-file", "acme.json"];
        let mut command = with_both(&[&["hooks", "acme"], verb, &at].concat());
        command.current_dir(&directory);
        command
    };
    assert_eq!(out(hooks(&["list", "--format", "json"])), "{\"data\":[]}\n");
    let create = ["create", "--save-secret", "secret.txt", "--target", r#"{"url": "http://127.0.0.1:9/hooks"}"#];
    let refused = ends(2, hooks(&[&create[..], &["--event-types", "nothing"]].concat()));
    assert!(refused.contains("[possible values: transfer.settled, till.closed]"), "{refused}");
    let refused = ends(2, hooks(&[&create[..], &["--event-types", "nothing.*"]].concat()));
    assert!(refused.contains("--event-types: no event of acme matches `nothing.*`; it has: "), "{refused}");
    let created = out(hooks(&[&create[..], &["--event-types", "till.*"]].concat()));
    assert!(created.contains("http://127.0.0.1:9/hooks"), "{created}");
    let listed: Value = serde_json::from_str(&out(hooks(&["list", "--format", "json"]))).unwrap();
    assert_eq!(listed["data"][0]["event_types"], json!(["till.closed"]), "{listed}");
    let id = listed["data"][0]["endpoint_id"].as_str().unwrap();
    assert!(out(hooks(&["get", id])).contains("http://127.0.0.1:9/hooks"));
    let unknown = ends(1, hooks(&["get", "6217960c-2a2e-4188-9025-af11abf47d5e"]));
    assert!(unknown.contains("there is no such endpoint"), "{unknown}");

    let (secret, events) = (directory.join("secret.txt"), directory.join("events.ndjson"));
    let mut listen = with_both(&["listen", "acme", "--listen", "127.0.0.1:0", "--strict", "--log-format", "json"]);
    listen.args([OsStr::new("--secret-file"), secret.as_os_str(), OsStr::new("--append"), events.as_os_str()]);
    let listener = Listener::spawn(&mut listen);
    let target = json!({ "url": format!("http://{}/hooks", listener.address) }).to_string();
    out(hooks(&[
        "update",
        id,
        "--enabled",
        "true",
        "--target",
        &target,
        "--event-types",
        "till.closed",
        "--event-types",
        "transfer.settled",
    ]));
    for event in ["transfer.settled", "till.closed"] {
        let attempts = sandbox.request("/_sandbox/acme/deliver", Some(json!({ "event": event })));
        assert!(attempts.contains(r#""status":204"#), "{attempts}");
        let lines = fs::read_to_string(&events).unwrap();
        assert!(lines.lines().last().unwrap().contains(&format!(r#""event":"{event}""#)), "{lines}");
    }
    let fault = json!({ "delivery": "wrong_signature", "provider": "acme", "times": 1 });
    sandbox.request("/_sandbox/faults", Some(fault));
    let delivery = json!({ "event": "till.closed", "max_attempts": 1 });
    let attempts = sandbox.request("/_sandbox/acme/deliver", Some(delivery));
    assert!(attempts.contains(r#""status":401"#), "{attempts}");
    assert_eq!(fs::read_to_string(&events).unwrap().lines().count(), 2);

    let page = sandbox.request("/", None);
    for text in ["Acme Pay webhooks", "Nimbus Till webhooks", id, "transfer.settled"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    out(hooks(&["delete", id, "--yes"]));
    assert_eq!(out(hooks(&["list", "--format", "json"])), "{\"data\":[]}\n");
}

#[test]
fn its_operations_are_called_with_its_tokens() {
    let directory = empty("calls");
    let sandbox = Running::start(with_both(&["sandbox"]), &directory, count_with_both());
    let credentials: Value = serde_json::from_slice(&fs::read(directory.join("nimbus.json")).unwrap()).unwrap();
    let mut client = credentials.as_object().unwrap().clone();
    client.remove("token").unwrap();
    fs::write(directory.join("client.json"), serde_json::to_string(&client).unwrap()).unwrap();
    let at = |arguments: &[&str]| {
        let options = ["--base-url", sandbox.base_url("nimbus"), "--credentials-file", "client.json"];
        let mut command = with_both(&[arguments, &options].concat());
        command.current_dir(&directory);
        command
    };
    assert!(out(at(&["token", "nimbus"])).starts_with("The provider issued a token, which expires at "));
    let without = ends(2, with_both(&["token", "acme"]));
    assert!(without.contains("does not document an operation that issues tokens"), "{without}");
    assert!(out(with_both(&["call", "nimbus"])).contains("list_subscriptions"));
    assert_eq!(out(at(&["call", "nimbus", "list_subscriptions", "--format", "json"])), "[]\n");
    let body = out(with_both(&["example", "nimbus", "subscribe"]));
    fs::write(directory.join("body.json"), body).unwrap();
    let subscribe = ["call", "nimbus", "subscribe", "--parameter", "Idempotency-Key=k-1", "--body", "body.json"];
    let answer: Value = serde_json::from_str(&out(at(&[&subscribe[..], &["--format", "json"]].concat()))).unwrap();
    let parameter = format!("ref={}", answer["ref"].as_str().unwrap());
    let got = out(at(&["call", "nimbus", "get_subscription", "--parameter", &parameter]));
    assert!(got.contains("https://shop.example/nimbus"), "{got}");
}

#[test]
fn its_deliveries_are_signed_and_verified() {
    let directory = empty("signed");
    let in_directory = |arguments: &[&str]| {
        let mut command = with_both(arguments);
        command.current_dir(&directory);
        command
    };
    let write = |name: &str, text: &str| fs::write(directory.join(name), text).unwrap();
    write("acme.txt", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    write("nimbus.txt", "correct horse battery staple");
    write("transfer.json", &out(with_both(&["example", "acme", "transfer.settled", "--example", "with_fee"])));
    write("sale.json", &out(with_both(&["example", "nimbus", "sale.done"])));
    let lacking = ends(2, in_directory(&["sign", "acme", "--secret-file", "acme.txt", "transfer.json"]));
    assert!(lacking.contains("Acme-Event"), "{lacking}");
    let at = ["--at", "2026-11-26T20:00:00Z"];
    let url = ["--url", "https://shop.example/nimbus"];
    for (provider, body, signing, verifying) in [
        ("acme", "transfer.json", &[&at[..], &["--event", "transfer.settled"]].concat()[..], &[][..]),
        ("nimbus", "sale.json", &[at, url].concat(), &url[..]),
        ("nimbus", "sale.json", &["--signature", "v1"], &["--signature", "v1"]),
    ] {
        let secret = format!("{provider}.txt");
        let with = ["--secret-file", secret.as_str()];
        write("headers.txt", &out(in_directory(&[&["sign", provider], signing, &with[..], &[body]].concat())));
        let verify = [&["verify", provider, "--headers", "headers.txt"], verifying, &with[..], &at].concat();
        let verified = out(in_directory(&[&verify[..], &[body]].concat()));
        assert!(verified.contains("verified"), "{verified}");
        write("changed.json", &fs::read_to_string(directory.join(body)).unwrap().replace("12", "13"));
        let refused = ends(1, in_directory(&[&verify[..], &["changed.json"]].concat()));
        assert!(refused.contains("failed step: signature"), "{refused}");
    }
}

#[test]
fn a_compiled_in_provider_is_replaced_by_an_edited_document() {
    let directory = empty("edited");
    let file = edited_vipps(&directory);
    const EVENT: &str = "donations.agreement.paused.v1";
    assert!(!out(command(&["schema", "vipps"])).contains(EVENT));
    assert!(out(command(&["schema", "vipps", "--spec", &file])).contains(EVENT));
    let steps = out(command(&["demo", "--format", "json", "--spec", &file]));
    let delivered = steps.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let delivered: Vec<_> = delivered.filter(|step| step["event"] == EVENT).collect();
    assert_eq!(delivered.len(), 1);
    assert_eq!((&delivered[0]["provider"], &delivered[0]["result"]), (&json!("vipps"), &json!("ok")));
}

/// The sandbox has documented behaviour of this provider, for operations that the other document does not have.
#[test]
fn a_compiled_in_provider_is_replaced_by_another_document() {
    let directory = empty("other");
    for provider in PROVIDERS.iter() {
        let file = directory.join(format!("{}.yaml", provider.name));
        fs::copy(document("acme"), &file).unwrap();
    }
    let steps = out(command(&["demo", "--format", "json", "--spec", directory.to_str().unwrap()]));
    let steps = steps.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(steps.filter(|step| step["event"] == "till.closed").count(), PROVIDERS.len());
    let mut sandbox = command(&["sandbox"]);
    sandbox.env("POS_WEBHOOKS_SPECS", &directory);
    let sandbox = Running::start(sandbox, &directory, PROVIDERS.len());
    for provider in PROVIDERS.iter() {
        let file = format!("{}.json", provider.name);
        let id = "6217960c-2a2e-4188-9025-af11abf47d5e";
        let mut get = command(&["hooks", provider.name, "get", id, "--credentials-file", &file]);
        get.args(["--base-url", sandbox.base_url(provider.name)]).current_dir(&directory);
        get.env("POS_WEBHOOKS_SPECS", &directory);
        let unknown = ends(1, get);
        assert!(unknown.contains("there is no such endpoint"), "{}: {unknown}", provider.name);
    }
}

#[test]
fn what_is_wrong_with_the_documents_is_said_at_once() {
    let directory = empty("wrong");
    let write = |name: &str, text: &str| fs::write(directory.join(name), text).unwrap();
    write("first.yaml", "openapi: 3.2.0\n");
    write("second.yaml", "a: [\n");
    write("Third-One.yaml", &fs::read_to_string(document("acme")).unwrap());
    for arguments in [&["schema", "vipps"][..], &["demo"], &["hooks", "vipps", "list"], &["first"]] {
        let mut broken = command(arguments);
        broken.current_dir(&directory).args(["--spec", "first.yaml"]).args(["--spec", "missing.yaml"]);
        broken.env("POS_WEBHOOKS_SPECS", ".");
        let done = feed(broken, b"");
        assert_eq!((done.status, done.out.as_str()), (2, ""), "{}", done.err);
        assert!(done.err.starts_with("error: the specifications of --spec or POS_WEBHOOKS_SPECS cannot be used\n"));
        let lines: Vec<&str> = done.err.lines().collect();
        let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
        assert_eq!(count("first.yaml:1:"), 2, "{}", done.err);
        let second = ["./second.yaml:", "second.yaml:"].map(count);
        assert_eq!((second[0] + second[1], count("missing.yaml: ")), (1, 1), "{}", done.err);
        assert!(done.err.contains("Third-One.yaml:1:1: the name of the file is not the name of a provider; "));
    }
    for arguments in [&["--version"][..], &["--help"], &["help", "listen"], &["hooks", "vipps", "--help"]] {
        let mut help = command(arguments);
        help.current_dir(&directory).env("POS_WEBHOOKS_SPECS", ".");
        let done = feed(help, b"");
        assert!(
            done.status == 0 && !done.out.is_empty() && done.err.starts_with("error: the specifications"),
            "{}",
            done.err
        );
    }
    // The commands that help with documents do not depend on them.
    let mut lint = command(&["lint", &document("acme")]);
    lint.current_dir(&directory).env("POS_WEBHOOKS_SPECS", ".");
    assert_eq!(out(lint), "no findings in 1 document\n");
    let mut init = command(&["init", "acme", "--output", "-"]);
    init.current_dir(&directory).env("POS_WEBHOOKS_SPECS", ".");
    assert!(out(init).contains("openapi: 3.0.3"));
}

#[test]
fn two_documents_of_one_name_are_refused_and_an_option_takes_precedence() {
    let directory = empty("twice");
    fs::copy(document("acme"), directory.join("acme.yaml")).unwrap();
    let own = directory.join("acme.yaml");
    let twice = run(&["schema", "acme", "--spec", &document("acme"), "--spec", own.to_str().unwrap()]);
    assert_eq!((twice.status, twice.out.as_str()), (2, ""));
    assert!(twice.err.contains("have the same name"), "{}", twice.err);
    fs::write(&own, "openapi: 3.1.0\n").unwrap();
    let mut one = command(&["schema", "acme", "--spec", &document("acme")]);
    one.env("POS_WEBHOOKS_SPECS", &own);
    assert!(out(one).contains("till.closed"));
    let nothing = empty("nothing");
    let done = run(&["demo", "--spec", nothing.to_str().unwrap()]);
    assert!(done.status == 2 && done.err.contains("there is no document with the extension .yaml"), "{}", done.err);
}

/// Two members and a parameter that would have the same option, and the options of the command itself.
#[test]
fn options_of_members_never_clash() {
    let directory = empty("options");
    let text = fs::read_to_string(document("nimbus")).unwrap();
    let members = "        key_file: {type: string, description: A text.}\n        grant: {type: string, description: A text.}\n        \
                   spec: {type: string, description: A text.}\n        body_spec: {type: string, description: A text.}\n";
    let before = "        key: {type: string, format: password, minLength: 16,";
    let text = text.replace(before, &format!("{members}{before}"));
    let file = directory.join("nimbus.yaml");
    fs::write(&file, text).unwrap();
    let help = out(command(&["hooks", "nimbus", "create", "--help", "--spec", file.to_str().unwrap()]));
    for option in
        ["--key-file <", "--body-key-file <", "--body-grant <", "--body-spec <", "--body-body-spec <", "--spec <FILE>"]
    {
        assert_eq!(help.lines().filter(|line| line.trim_start().starts_with(option)).count(), 1, "{option}: {help}");
    }
}

#[test]
fn every_help_has_the_option() {
    let mut paths = vec![vec![]];
    let commands = both(&["--help"]).out;
    let commands = commands.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    paths.extend(
        commands.filter_map(|line| Some(vec![line.split_whitespace().next()?])).filter(|path| path != &["help"]),
    );
    paths.extend([vec!["hooks", "acme"], vec!["hooks", "nimbus", "create"]]);
    assert!(paths.len() > 15, "{paths:?}");
    for path in &paths {
        for option in ["-h", "--help"] {
            let help = both(&[&path[..], &[option]].concat());
            assert_eq!(help.status, 0, "{path:?}");
            assert!(help.out.contains("\nGlobal options:\n      --spec <FILE>"), "{path:?}: {}", help.out);
        }
    }
}

/// Many providers number registrations, and have an API key that is the whole of `Authorization`.
#[test]
fn ids_can_be_numbers_and_a_key_can_have_a_scheme() {
    let directory = empty("numbers");
    let mut init = command(&["init", "counter"]);
    init.current_dir(&directory);
    out(init);
    let file = directory.join("counter.yaml");
    let document = fs::read_to_string(&file).unwrap();
    let document = document
        .replace("id: wh_1", "id: 17")
        .replace(
            "        id:\n          type: string\n          description: Id of the webhook.",
            "        id:\n          type: integer\n          description: Id of the webhook.",
        )
        .replace("name: Counter-Api-Key", "name: Authorization");
    assert_eq!(document.matches("type: integer").count(), 2, "{document}");
    fs::write(&file, document).unwrap();
    let with = |arguments: &[&str]| {
        let mut with = command(arguments);
        with.current_dir(&directory).args(["--spec", "counter.yaml"]);
        with
    };
    assert_eq!(out(with(&["lint"])), "no findings in 1 document\n");
    let demo = out(with(&["demo", "--format", "json"]));
    let ok = demo.lines().filter(|line| line.contains("\"counter\"") && line.contains("\"result\":\"ok\""));
    assert_eq!(ok.count(), 5, "{demo}");

    let sandbox = Running::start(with(&["sandbox", "--seed", "1"]), &directory, PROVIDERS.len() + 1);
    let url = sandbox.base_url("counter").to_owned();
    let hooks = |verb: &[&str]| {
        with(&[&["hooks", "counter"], verb, &["--base-url", &url, "--credentials-file", "counter.json"]].concat())
    };
    out(hooks(&[
        "create",
        "--url",
        "http://127.0.0.1:9/",
        "--events",
        "payment.completed",
        "--save-secret",
        "secret.txt",
    ]));
    let listed: Value = serde_json::from_str(&out(hooks(&["list", "--format", "json"]))).unwrap();
    let id = listed.pointer("/0/id").or(listed.pointer("/webhooks/0/id")).unwrap();
    assert!(id.is_u64(), "{listed}");
    out(hooks(&["delete", &id.to_string(), "--yes"]));
    assert!(!out(hooks(&["list", "--format", "json"])).contains(&id.to_string()));
    // The token is sent as it is, so it can have the scheme in it.
    let mut basic = with(&["hooks", "counter", "list", "--base-url", &url]);
    basic.env("POS_WEBHOOKS_COUNTER_TOKEN", "Basic dTpw");
    let done = feed(basic, b"");
    assert!(done.status == 1 && done.err.contains("401 Unauthorized"), "{}", done.err);
}
