//! `call` of the binary calls every operation by its description, with the options and the errors of `hooks`.

#[path = "cli/run.rs"]
mod run;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use http::Method;
use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::{Operation, Parameter, Provider, SecretOrigin, Security};
use pos_webhooks::sandbox::{AnswerFault, Sandbox, Trigger};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::run::{Done, command, directory, feed, of_shown, run};

const UNKNOWN_ID: &str = "6217960c-2a2e-4188-9025-af11abf47d5e";
const SECRET: &str = "chosen-by-the-shop";

/// A sandbox, and a directory with what its commands need.
struct Shell {
    runtime: tokio::runtime::Runtime,
    sandbox: Sandbox,
    directory: PathBuf,
}

impl Shell {
    fn new(test: &str) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let sandbox = runtime.block_on(Sandbox::builder().seed(1).start()).unwrap();
        let directory = directory("call").join(test);
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let shell = Self { runtime, sandbox, directory };
        shell.write("secret.txt", &format!("{SECRET}\n"));
        for account in shell.sandbox.accounts() {
            let credentials = serde_json::to_string(&account.credentials).unwrap();
            shell.write(&format!("{}.json", account.provider), &credentials);
        }
        shell
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.directory.join(name), content).unwrap();
    }

    /// `call PROVIDER …` with the sandbox's credentials. Whatever happens, no credential is shown.
    fn run_at(&self, server: &str, provider: &str, arguments: &[&str]) -> Done {
        let file = format!("{provider}.json");
        let more = ["--credentials-file", &file, "--base-url", server];
        let mut command = command(&[&["call", provider], arguments, &more].concat());
        command.current_dir(&self.directory);
        let done = feed(command, b"");
        for (name, credential) in self.sandbox.accounts().iter().flat_map(|account| &account.credentials) {
            let shown = done.out.contains(credential.expose()) || done.err.contains(credential.expose());
            // The number of the sales unit is a part of other numbers.
            assert!(!shown || name == "merchant_serial_number", "{name}: {}{}", done.out, done.err);
        }
        done
    }

    fn run(&self, provider: &str, arguments: &[&str]) -> Done {
        self.run_at(&self.sandbox.account(provider).unwrap().base_url, provider, arguments)
    }

    /// The response to a call that succeeds.
    fn json(&self, provider: &str, arguments: &[&str]) -> Value {
        let done = self.run(provider, &[arguments, &["--format", "json"]].concat());
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{arguments:?}");
        assert!(done.out.ends_with('\n') && done.out.lines().count() == 1, "{}", done.out);
        serde_json::from_str(&done.out).unwrap()
    }

    /// A server that sends this response to every request, and keeps the requests.
    fn server(&self, answer: ResponseTemplate) -> MockServer {
        self.runtime.block_on(async {
            let server = MockServer::start().await;
            Mock::given(any()).respond_with(answer).mount(&server).await;
            server
        })
    }

    /// What follows `call PROVIDER` for a call of the operation with what is required, and the first example of its body.
    fn arguments_of(&self, provider: &'static Provider, operation: &'static Operation) -> Vec<String> {
        let mut arguments = vec![operation.id.to_owned()];
        let credentials = &self.sandbox.account(provider.name).unwrap().credentials;
        for parameter in operation.parameters().filter(|parameter| parameter.required) {
            let value = match credentials.get(&parameter.credential_name()) {
                Some(credential) => credential.expose().to_owned(),
                None => value_of(parameter),
            };
            if parameter.schema.contains("password") {
                self.write(parameter.name, &value);
                arguments.extend(["--parameter-file".to_owned(), format!("{0}={0}", parameter.name)]);
            } else {
                arguments.extend(["--parameter".to_owned(), format!("{}={value}", parameter.name)]);
            }
        }
        if operation.security == Security::Basic {
            let credential = |name| credentials.get(name).map_or("made-up", |it| it.expose());
            self.write("password", credential("client_secret"));
            let user = format!("username={}", credential("client_id"));
            arguments.extend(["--parameter", &user, "--parameter-file", "password=password"].map(str::to_owned));
        }
        if let Some(body) = &operation.request {
            self.write("body.json", body.examples[0].json);
            arguments.extend(["--body", "body.json"].map(str::to_owned));
        }
        arguments
    }
}

/// A value of a parameter that its schema accepts.
fn value_of(parameter: &Parameter) -> String {
    let schema: Value = serde_json::from_str(parameter.schema).unwrap();
    let listed = schema["enum"][0].as_str();
    let values = listed.into_iter().chain([UNKNOWN_ID, "12345", "a value"]);
    values.into_iter().find(|value| parameter.validate(value).is_ok()).unwrap().to_owned()
}

/// Every operation of every provider.
fn operations() -> impl Iterator<Item = (&'static Provider, &'static Operation)> {
    PROVIDERS
        .iter()
        .copied()
        .flat_map(|provider| provider.operations.iter().map(move |operation| (provider, operation)))
}

fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn help_says_how_to_call() {
    insta::assert_snapshot!("help", of_shown(&run(&["call", "--help"]).out));
}

#[test]
fn every_operation_is_sent_and_its_response_shown_as_documented() {
    let shell = Shell::new("documented");
    let mut count = 0;
    for (provider, operation) in operations() {
        let place = format!("{} {}", provider.name, operation.id);
        let success = operation.success().unwrap();
        let status: u16 = success.status.replace("XX", "00").parse().unwrap();
        let example = success.body.as_ref().map(|body| body.examples[0].json);
        let answer = ResponseTemplate::new(status);
        let server = shell.server(match (&success.body, example) {
            (Some(body), Some(example)) => answer.set_body_raw(example, body.media_type),
            _ => answer,
        });
        let arguments = shell.arguments_of(provider, operation);
        let options = ["--show-secrets", "--raw", "--format", "json"];
        let done = shell.run_at(&server.uri(), provider.name, &[&words(&arguments), &options[..]].concat());
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{place}");
        let shown: Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!(shown, example.map_or(Value::Null, |example| serde_json::from_str(example).unwrap()), "{place}");

        let requests = shell.runtime.block_on(server.received_requests()).unwrap();
        let sent = requests.last().unwrap();
        assert_eq!(sent.method, operation.method.parse::<Method>().unwrap(), "{place}");
        let mut path = operation.path.to_owned();
        for parameter in operation.path_parameters {
            path = path.replace(&format!("{{{}}}", parameter.name), &value_of(parameter).replace(' ', "%20"));
        }
        assert_eq!(sent.url.path(), path, "{place}");
        for header in operation.headers.iter().filter(|header| header.required) {
            assert!(sent.headers.contains_key(header.name), "{place} {}", header.name);
        }
        let Some(body) = &operation.request else {
            assert!(sent.body.is_empty(), "{place}");
            continue;
        };
        assert_eq!(sent.headers["content-type"], body.media_type, "{place}");
        if body.media_type != "application/x-www-form-urlencoded" {
            assert_eq!(sent.body, body.examples[0].json.as_bytes(), "{place}");
        } else {
            let fields: BTreeMap<String, String> = form_urlencoded::parse(&sent.body).into_owned().collect();
            let example: BTreeMap<String, Value> = serde_json::from_str(body.examples[0].json).unwrap();
            let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert_eq!(fields, example.into_iter().map(|(name, value)| (name, text(value))).collect(), "{place}");
        }
        count += 1;
    }
    assert!(count >= 12, "{count} operations with a body");
}

#[test]
fn every_operation_reaches_the_sandbox_and_shows_no_secret_unasked() {
    let shell = Shell::new("sandbox");
    for (provider, operation) in operations() {
        let place = format!("{} {}", provider.name, operation.id);
        let mut arguments = shell.arguments_of(provider, operation);
        let once = provider.registration.as_ref().is_some_and(|documented| {
            documented.create.operation == operation.id && documented.secret == SecretOrigin::Answered
        });
        if once {
            let refused = shell.run(provider.name, &words(&arguments));
            assert_eq!((refused.status, refused.out.as_str()), (2, ""), "{place}");
            assert!(refused.err.contains("returned only once: give --show-secrets"), "{place}: {}", refused.err);
            assert!(shell.sandbox.registrations(provider.name).unwrap().is_empty(), "{place}: nothing was sent");
            arguments.push("--show-secrets".to_owned());
        }
        let done = shell.run(provider.name, &[&words(&arguments), &["--format", "json"][..]].concat());
        if done.status == 0 {
            assert_eq!(done.err, "", "{place}");
            assert!(!done.out.contains(SECRET), "{place}: {}", done.out);
            let shown: Value = serde_json::from_str(&done.out).unwrap();
            assert_eq!(shown.is_null(), operation.success().unwrap().body.is_none(), "{place}: {shown}");
        } else {
            // What the example is about does not exist.
            assert_eq!((done.status, done.out.as_str()), (1, ""), "{place}: {}", done.err);
            let error: Value = serde_json::from_str(&done.err).unwrap();
            assert_eq!(error["error"]["operation"], operation.id);
            let status = error["error"]["status"].as_u64().unwrap();
            let refused: &[u64] =
                if operation.security == Security::Credential { &[400, 404, 409] } else { &[400, 401, 409] };
            assert!(refused.contains(&status), "{place}: {}", done.err);
            assert!(operation.request.is_some() || !operation.path_parameters.is_empty(), "{place}: {}", done.err);
        }
    }
}

#[test]
fn operations_are_listed() {
    for provider in PROVIDERS.iter().filter(|provider| !provider.operations.is_empty()) {
        let (human, json) = (run(&["call", provider.name]), run(&["call", provider.name, "--format", "json"]));
        assert_eq!((human.status, json.status, human.err + &json.err), (0, 0, String::new()));
        let listed: Vec<BTreeMap<String, String>> = serde_json::from_str(&json.out).unwrap();
        assert_eq!((listed.len(), human.out.lines().count()), (provider.operations.len(), listed.len() + 1));
        for ((operation, listed), line) in provider.operations.iter().zip(&listed).zip(human.out.lines().skip(1)) {
            let Operation { id, method, path, summary, .. } = operation;
            let shown = [("method", method), ("operation", id), ("path", path), ("summary", summary)];
            assert!(
                listed
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .eq(shown.map(|(name, value)| (name, *value)))
            );
            assert!(
                line.starts_with(id) && line.contains(method) && line.contains(path) && line.ends_with(summary),
                "{line}"
            );
        }
    }
    let none = run(&["call", "dealpos"]);
    assert_eq!((none.status, none.out.as_str()), (2, ""));
    assert!(none.err.starts_with("error: dealpos does not document operations"), "{}", none.err);
}

#[test]
fn a_subscription_is_filtered_and_tested() {
    let shell = Shell::new("subscription");
    let webhook = json!({"payload_url": "http://127.0.0.1:9/hooks", "secret": SECRET});
    shell.write("webhook.json", &webhook.to_string());
    let created = shell.json("mypos", &["create_webhook", "--body", "webhook.json"]);
    assert_eq!(created["webhook"]["secret"], "***");
    let human = shell.run("mypos", &["list_webhooks", "--show-secrets"]).out;
    assert!(human.contains(&format!("      \"secret\": \"{SECRET}\"")), "JSON with indentation: {human}");

    let event = &shell.json("mypos", &["list_events", "--parameter", "size=1"])["events"][0]["id"];
    shell.write("subscription.json", &json!({"event_id": event}).to_string());
    let subscribed = shell.json("mypos", &["create_subscription", "--body", "subscription.json"]);
    let id = format!("id={}", subscribed["subscription"]["id"].as_str().unwrap());
    shell.write("filter.json", &json!({"filter": r#"{"tids":["1"]}"#}).to_string());
    let updated = shell.json("mypos", &["update_subscription", "--parameter", &id, "--body", "filter.json"]);
    assert_eq!(updated["subscription"]["filter"], json!({"tids": ["1"]}));
    assert_eq!(shell.json("mypos", &["get_subscription", "--parameter", &id]), updated);
    let fake = shell.json("mypos", &["fake_notification", "--parameter", &id]);
    assert_eq!(fake["notification"]["event"], "pos.payment.completed");
    let notifications = shell.json("mypos", &["list_notifications", "--parameter", "page=1", "--parameter", "SIZE=5"]);
    assert_eq!(
        (&notifications["notifications"], &notifications["pagination"]["size"]),
        (&json!([fake["notification"]]), &json!(5))
    );
    assert_eq!(shell.json("mypos", &["delete_subscription", "--parameter", &id]), Value::Null);
    let gone = shell.run("mypos", &["get_subscription", "--parameter", &id]);
    assert_eq!((gone.status, gone.out.as_str()), (1, ""));
    assert!(gone.err.contains("404") && gone.err.contains("Trying again is not likely to succeed"), "{}", gone.err);
}

#[test]
fn an_order_is_listed_and_accepted() {
    let shell = Shell::new("order");
    shell.write("webhook.json", r#"{"url": "http://127.0.0.1:9/orders"}"#);
    shell.json("mipos", &["create_webhook", "--body", "webhook.json"]);
    shell.runtime.block_on(shell.sandbox.deliver("mipos", Trigger::new("ORDER").max_attempts(1))).unwrap();
    let listed = || shell.json("mipos", &["list_orders", "--parameter", "store_id=3"])["data"].take();
    let order = listed()[0].take();
    let accept = json!({
        "store_id": "3", "delivery_id": order["delivery_id"].to_string(), "order_external_id": order["external_id"]
    });
    shell.write("accept.json", &accept.to_string());
    shell.json("mipos", &["accept_order", "--body", "accept.json"]);
    assert_eq!(listed(), json!([]));
    let twice = shell.run("mipos", &["accept_order", "--body", "accept.json"]);
    assert_eq!(twice.status, 1);
    assert!(twice.err.contains("Order not found."), "{}", twice.err);
}

#[test]
fn wrong_usage_is_explained_and_nothing_is_sent() {
    let shell = Shell::new("usage");
    let server = shell.server(ResponseTemplate::new(204));
    shell.write("wrong.json", r#"{"filter": 7, "event_id": "secret value"}"#);
    shell.write("broken.json", "{");
    shell.write("binary.json", "");
    fs::write(shell.directory.join("binary.json"), [0xff]).unwrap();
    let update = "update_subscription";
    for (arguments, expected) in [
        (&["update_subscriptio"][..], "a similar value exists: 'update_subscription'"),
        (
            &[update],
            "`update_subscription` requires --parameter id=VALUE, --body FILE (`pos-webhooks example mypos \
             update_subscription` prints an example)",
        ),
        (
            &["revoke_token", "--body", "wrong.json"],
            "`revoke_token` requires --parameter username=VALUE, --parameter-file password=FILE",
        ),
        (
            &["revoke_token", "--parameter", "password=a"],
            "the parameter `password` is secret: give --parameter-file password=FILE",
        ),
        (
            &["list_events", "--parameter", "pag=1"],
            "`list_events` does not have a parameter `pag`; did you mean `page`?",
        ),
        (&["list_events", "--parameter", "x=1"], "`list_events` does not have a parameter `x`; it has: page, size"),
        (&["create_webhook", "--parameter", "x=1"], "it does not have parameters"),
        (&["list_events", "--parameter", "page"], "the form is NAME=VALUE"),
        (&["list_events", "--parameter", "page=one"], "the parameter `page`: value is not"),
        (
            &["list_events", "--parameter", "page=1", "--parameter", "Page=2"],
            "the parameter `page` is given more than once",
        ),
        (&["list_events", "--body", "wrong.json"], "`list_events` does not have a body"),
        (
            &[update, "--parameter", "id=1", "--body", "wrong.json"],
            "the request does not match the specification, and was not sent:\n  /filter: ",
        ),
        (&[update, "--parameter", "id=1", "--body", "broken.json"], "not JSON"),
        (&[update, "--parameter", "id=1", "--body", "binary.json"], "the body is not text in UTF-8"),
        (&[update, "--parameter", "id=1", "--body", "nowhere.json"], "nowhere.json: "),
        (&[update, "--parameter", "id=..", "--body", "wrong.json", "--no-validate"], "id"),
    ] {
        let done = shell.run_at(&server.uri(), "mypos", arguments);
        assert_eq!((done.status, done.out.as_str()), (2, ""), "{arguments:?}: {}", done.err);
        assert!(done.err.starts_with("error: ") && done.err.contains(expected), "{arguments:?}: {}", done.err);
        assert!(!done.err.contains("secret value"), "{}", done.err);
    }
    let missing = run(&["call", "vipps", "delete_webhook", "--parameter", "id=1"]);
    assert!(missing.err.contains("vipps requires `token`"), "{}", missing.err);
    assert_eq!(shell.runtime.block_on(server.received_requests()).unwrap().len(), 0);
}

#[test]
fn a_request_that_does_not_match_the_specification_is_sent_on_request() {
    let shell = Shell::new("no-validate");
    shell.write("body.json", r#"{"url": "nowhere", "secret": "hidden-one"}"#);
    let arguments = ["create_webhook", "--body", "body.json", "--no-validate", "--format", "json"];
    let done = shell.run("mipos", &arguments);
    assert_eq!((done.status, done.out.as_str()), (1, ""), "{}", done.err);
    let error: Value = serde_json::from_str(&done.err).unwrap();
    assert_eq!(error["error"]["status"], 422, "the provider refuses it");

    // A response that repeats a secret of the request does not show it.
    let server =
        shell.server(ResponseTemplate::new(418).set_body_raw(r#"{"why": "hidden-one is short"}"#, "text/json"));
    let done = shell.run_at(&server.uri(), "mipos", &[&arguments[..], &["--raw"]].concat());
    assert_eq!((done.status, done.out.as_str()), (1, ""));
    assert!(done.err.contains("*** is short") && !done.err.contains("hidden-one"), "{}", done.err);
    let requests = shell.runtime.block_on(server.received_requests()).unwrap();
    assert_eq!(requests[0].body, br#"{"url": "nowhere", "secret": "hidden-one"}"#, "as it was written");
}

#[test]
fn a_call_is_retried_and_its_errors_are_those_of_hooks() {
    let shell = Shell::new("retries");
    let fault = AnswerFault::Status { status: 503, retry_after_seconds: None };
    shell.sandbox.fault(pos_webhooks::sandbox::Fault::from(fault.clone()).times(1)).unwrap();
    assert_eq!(shell.json("vipps", &["list_webhooks"]), json!({"webhooks": []}));
    shell.sandbox.fault(fault).unwrap();
    let base_url = &shell.sandbox.account("vipps").unwrap().base_url;
    let more = ["--format", "json", "--credentials-file", "vipps.json", "--base-url", base_url];
    let err = |arguments: &[&str]| {
        let mut command = command(&[arguments, &more].concat());
        command.current_dir(&shell.directory);
        let done = feed(command, b"");
        assert_eq!((done.status, done.out.as_str()), (1, ""), "{arguments:?}");
        done.err
    };
    assert_eq!(err(&["call", "vipps", "list_webhooks"]), err(&["hooks", "vipps", "list"]));
}
