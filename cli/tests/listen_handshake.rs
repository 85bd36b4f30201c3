//! `listen` answers the request with which a provider checks the URL, logs it, and writes only events.

mod listener;

use std::fs;
use std::process::Command;

use http::StatusCode;
use listener::{Folder, Listener, post};

/// A document with the scheme of `docs/schemes/meta.yaml`.
const DOCUMENT: &str = r#"openapi: 3.0.3
info: {title: A shop, version: "1", description: Its webhooks., x-sources: [{title: Its page, date: '2026-11'}]}
servers: [{x-name: production, url: "https://shop.test", description: Production.}]
x-event-name: {in: route}
paths: {}
x-webhooks:
  paid:
    post:
      summary: A payment was made.
      parameters: [{in: header, name: X-Hub-Signature-256, description: The signature., schema: {type: string}}]
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: '#/components/schemas/Payment'}
            examples: {one: {x-origin: {kind: constructed, source: Something to sign.}, value: {id: a}}}
      responses: {'200': {description: Received.}}
components:
  schemas:
    Payment:
      type: object
      description: A payment.
      required: [id]
      properties: {id: {type: string, description: Identifies it.}}
"#;

/// The signature of a body, by the command that knows the same document.
fn signature(folder: &Folder, body: &str) -> String {
    const HEADER: &str = "X-Hub-Signature-256: ";
    fs::write(folder.file("body"), body).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    command.args(["sign", "shop", "--spec", &folder.file("shop.yaml"), "--secret-file", &folder.file("secret")]);
    let output = command.args(["--event", "paid", &folder.file("body")]).output().unwrap();
    let (headers, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    let signature = headers.lines().find_map(|line| line.strip_prefix(HEADER));
    signature.unwrap_or_else(|| panic!("{headers}{errors}")).to_owned()
}

fn listen(folder: &Folder, more: &[&str]) -> Listener {
    fs::write(folder.file("shop.yaml"), DOCUMENT.to_owned() + include_str!("../../docs/schemes/meta.yaml")).unwrap();
    fs::write(folder.file("token"), "meatyhamhock\n").unwrap();
    let (spec, events) = (folder.file("shop.yaml"), folder.file("events"));
    Listener::start(folder, &[&["shop", "--spec", &spec, "--event", "paid", "--append", &events], more].concat())
}

const RIGHT: &str = "/hooks?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meatyhamhock";

#[test]
fn a_handshake_is_answered_and_not_written() {
    let folder = Folder::new("handshake");
    let listener = listen(&folder, &["--verify-token-file", &folder.file("token")]);
    let answer = listener.get(RIGHT);
    assert_eq!((answer.status(), answer.body().as_str()), (StatusCode::OK, "1158201444"));
    assert_eq!(answer.headers()["content-type"], "text/plain");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert_eq!(listener.get(&RIGHT.replace("hock", "bone")).status(), StatusCode::FORBIDDEN);
    assert_eq!(listener.get("/hooks").status(), StatusCode::METHOD_NOT_ALLOWED);

    let body = r#"{"id":"1"}"#;
    let signed = [("X-Hub-Signature-256", signature(&folder, body))];
    assert_eq!(post(listener.address, "/hooks", &signed, body.as_bytes()).unwrap().status(), StatusCode::OK);
    assert_eq!(folder.lines().len(), 1, "the event");
    let metrics = listener.get("/metrics").into_body();
    for counted in [
        "pos_webhooks_handshakes_total{route=\"shop\"} 1\n",
        "pos_webhooks_accepted_total{route=\"shop\"} 1\n",
        "pos_webhooks_refused_total{route=\"shop\",reason=\"handshake\"} 1\n",
    ] {
        assert!(metrics.contains(counted), "{counted}{metrics}");
    }
    let log = listener.end();
    assert!(log.contains("answered the handshake of the provider"), "{log}");
    assert!(!log.contains("meaty") && !log.contains("1158201444"), "{log}");
}

#[test]
fn a_token_that_is_not_given_is_missed_at_start() {
    let folder = Folder::new("handshake-without-token");
    let listener = listen(&folder, &[]);
    assert_eq!(listener.get(RIGHT).status(), StatusCode::INTERNAL_SERVER_ERROR);
    let log = listener.end();
    assert!(
        log.contains("without --verify-token-file, the request with which shop checks the URL is refused"),
        "{log}"
    );
}
