//! Every refusal of the control endpoints is JSON with an `error` that says what was wrong, and no site in a browser can use them.

#![cfg(all(feature = "sandbox", feature = "vipps"))]

use pos_webhooks::client::http_client;
use pos_webhooks::sandbox::{Builder, Sandbox};
use reqwest::header::{ALLOW, HOST};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

fn client() -> Client {
    http_client().unwrap().no_proxy().build().unwrap()
}

async fn refused(request: reqwest::RequestBuilder) -> (StatusCode, String) {
    let response = request.send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    let json: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{status}: {text}"));
    (status, json["error"].as_str().unwrap_or_else(|| panic!("{text}")).to_owned())
}

#[tokio::test]
async fn a_refusal_is_json_with_an_error() {
    let (sandbox, client) = (Sandbox::start().await.unwrap(), client());
    let at = |path: &str| format!("{}/_sandbox{path}", sandbox.url());
    for (method, path, status, reason) in [
        (Method::GET, "/vipps/example", 400, "event"),
        (Method::GET, "/vipps/example?event=nothing", 404, "no such provider"),
        (Method::POST, "/attempts/many/again", 400, "many"),
        (Method::GET, "/attempts/many/curl", 400, "many"),
        (Method::POST, "/attempts/1/again", 404, "not in the log"),
        (Method::GET, "/vipps/deliver", 405, "the method GET is not allowed here"),
        (Method::DELETE, "/log", 405, "the header `allow`"),
        (Method::POST, "/vipps/deliver", 400, ""),
        (Method::POST, "/nobody/receive", 404, "nobody"),
        (Method::POST, "/faults", 400, ""),
        (Method::GET, "/nothing", 404, "/_sandbox/nothing"),
    ] {
        let (found, error) = refused(client.request(method.clone(), at(path))).await;
        assert_eq!(found, status, "{method} {path}: {error}");
        assert!(error.contains(reason) && !error.is_empty(), "{method} {path}: {error}");
    }
    let response = client.get(at("/vipps/deliver")).send().await.unwrap();
    assert_eq!(response.headers()[ALLOW], "POST");
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_with_the_limit() {
    let (sandbox, client) = (Sandbox::start().await.unwrap(), client());
    let long = "x".repeat(3 << 20);
    let deliver = client.post(format!("{}/_sandbox/vipps/deliver", sandbox.url())).body(long.clone());
    let (status, error) = refused(deliver).await;
    assert_eq!((status, error.as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 2097152 bytes"));
    let inbox = client.post(format!("{}/_sandbox/vipps/inbox", sandbox.url())).body(long).send().await.unwrap();
    assert_eq!(inbox.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(inbox.text().await.unwrap(), "the body is longer than 1048576 bytes");
}

/// The status of a request for the accounts, at each host.
async fn statuses(builder: Builder, hosts: &[&str]) -> Vec<u16> {
    let (sandbox, client) = (builder.start().await.unwrap(), client());
    let mut statuses = Vec::new();
    for host in hosts {
        let request = client.get(format!("{}/_sandbox", sandbox.url())).header(HOST, *host);
        statuses.push(request.send().await.unwrap().status().as_u16());
    }
    statuses
}

#[tokio::test]
async fn another_name_of_the_host_is_refused_wherever_the_sandbox_listens() {
    let hosts =
        ["127.0.0.1:4010", "localhost", "[::1]:1", "192.0.2.7:4010", "shop.example", "sandbox.test:80", "a@127.0.0.1"];
    let everywhere = Sandbox::builder().listen("0.0.0.0:0".parse().unwrap());
    assert_eq!(statuses(Sandbox::builder(), &hosts).await, [200, 200, 200, 403, 403, 403, 403]);
    assert_eq!(statuses(everywhere.clone(), &hosts).await, [200, 200, 200, 200, 403, 403, 403]);
    let allowed = everywhere.allow_host("sandbox.test");
    assert_eq!(statuses(allowed, &hosts).await, [200, 200, 200, 200, 403, 200, 403]);
}
