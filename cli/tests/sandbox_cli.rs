//! `pos-webhooks sandbox` prints one line of JSON for each provider, and runs until it is interrupted.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use pos_webhooks::PROVIDERS;
use pos_webhooks::client::http_client;
use serde_json::Value;

/// A running sandbox and the lines that it printed.
struct Running {
    child: Child,
    accounts: Vec<Value>,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        command.envs(environment.iter().copied());
        let mut child = command.arg("sandbox").args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(PROVIDERS.len());
        let accounts = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
        Self { child, accounts }
    }

    /// The line of a provider.
    fn account(&self, provider: &str) -> &Value {
        self.accounts.iter().find(|account| account["provider"] == provider).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn each_line_is_enough_to_call_a_provider() {
    let running = Running::start(&[]);
    let names: Vec<_> = running.accounts.iter().map(|account| account["provider"].as_str().unwrap()).collect();
    assert_eq!(names, PROVIDERS.iter().map(|provider| provider.name).collect::<Vec<_>>());
    for account in &running.accounts {
        let members: Vec<_> = account.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members.len(), 3, "{members:?}");
        assert!(account["base_url"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    }
    let vipps = running.account("vipps");
    let (url, token) = (&vipps["base_url"], &vipps["credentials"]["token"]);
    let client = pos_webhooks::vipps::Client::new(
        url.as_str().unwrap(),
        pos_webhooks::vipps::Credentials::new(token.as_str().unwrap()),
    );
    assert_eq!(client.unwrap().list_webhooks().await.unwrap().webhooks, []);
}

#[test]
fn the_seed_repeats_the_credentials() {
    let credentials = |arguments: &[&str]| -> Vec<Value> {
        Running::start(arguments).accounts.iter().map(|account| account["credentials"].clone()).collect()
    };
    let first = credentials(&["--seed", "1"]);
    assert_eq!(first, credentials(&["--seed", "1"]));
    assert_ne!(first, credentials(&["--seed", "2"]));
    assert_ne!(first, credentials(&[]));
}

#[tokio::test]
async fn no_delivery_goes_through_a_proxy() {
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    let names = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
    let running = Running::start_with(&[], &names.map(|name| (name, address.as_str())));
    let base = running.account("dealpos")["base_url"].as_str().unwrap().strip_suffix("/dealpos").unwrap();
    let receiver = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = http_client().unwrap().no_proxy().build().unwrap();
    let post = async |path: &str, body: String| client.post(format!("{base}{path}")).body(body).send().await.unwrap();
    let url = format!(r#"{{"url": "http://{}/hooks"}}"#, receiver.local_addr().unwrap());
    assert_eq!(post("/_sandbox/dealpos/registrations", url).await.status(), 201);
    tokio::spawn(async move { axum::serve(receiver, axum::Router::new().fallback(async || "got it")).await });
    let attempts = post("/_sandbox/dealpos/deliver", r#"{"event": "paymentCreated"}"#.to_owned()).await;
    let attempts: Value = serde_json::from_str(&attempts.text().await.unwrap()).unwrap();
    assert_eq!((&attempts[0]["status"], &attempts[0]["answer"]["body"]), (&200.into(), &"got it".into()));
    assert_eq!(proxy.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn an_address_in_use_is_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let done =
        Command::new(env!("CARGO_BIN_EXE_pos-webhooks")).args(["sandbox", "--listen", &address]).output().unwrap();
    assert_eq!(done.status.code(), Some(2));
    let complaint = String::from_utf8(done.stderr).unwrap();
    assert!(complaint.starts_with(&format!("error: cannot listen on {address}: ")), "{complaint}");
}
