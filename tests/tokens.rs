//! Access tokens that a client fetches itself: when it fetches one, what it sends for it, and what becomes of a call that gets
//! none.

#![cfg(all(feature = "client", feature = "mipos", feature = "mypos", feature = "vipps"))]

mod clock;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use clock::pass;
use pos_webhooks::catalogue::{Provider, Security, TokenGrant, TokenPlace};
use pos_webhooks::client::{AnyClient, ErrorKind, Options, Retries, SetupError, Token, TokenError, http_client};
use pos_webhooks::{PROVIDERS, Secret, mipos, mypos, vipps};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use wiremock::matchers::{body_json, header, method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

const SECRET: &str = "NOT-FOR-LOGS-client-secret";

fn once() -> Options {
    Options::default().retries(Retries::off())
}

fn vipps(server: &MockServer) -> vipps::Client {
    vipps::Client::with_options(&server.uri(), vipps::Credentials::from_client("id", SECRET), once()).unwrap()
}

fn mipos(server: &MockServer) -> mipos::Client {
    let credentials = mipos::Credentials::from_client("id", SECRET, "user@shop.test", "NOT-FOR-LOGS-password");
    mipos::Client::with_options(&server.uri(), credentials, once()).unwrap()
}

/// Answers every call for a token with another one, `token-1` first.
struct Tokens {
    given: Arc<AtomicUsize>,
    answer: fn(String) -> ResponseTemplate,
}

impl Respond for Tokens {
    fn respond(&self, _: &Request) -> ResponseTemplate {
        let number = self.given.fetch_add(1, Ordering::SeqCst) + 1;
        (self.answer)(format!("token-{number}"))
    }
}

/// Counts the calls for a token.
async fn give(server: &MockServer, at: &str, answer: fn(String) -> ResponseTemplate) -> Arc<AtomicUsize> {
    let given = Arc::new(AtomicUsize::new(0));
    let tokens = Tokens { given: Arc::clone(&given), answer };
    Mock::given(method("POST")).and(path(at)).respond_with(tokens).mount(server).await;
    given
}

const VIPPS: &str = "/accesstoken/get";

fn for_an_hour(token: String) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_json(json!({"token_type": "Bearer", "expires_in": "3600", "access_token": token}))
}

/// Takes this token for a list, and no other one.
async fn take(server: &MockServer, token: &str) {
    let list = ResponseTemplate::new(200).set_body_json(json!({"webhooks": []}));
    let is_token = header("authorization", format!("Bearer {token}").as_str());
    Mock::given(method("GET")).and(is_token).respond_with(list).mount(server).await;
}

async fn take_any(server: &MockServer) {
    let list = ResponseTemplate::new(200).set_body_json(json!({"webhooks": []}));
    Mock::given(method("GET")).respond_with(list).mount(server).await;
}

fn count(number: &AtomicUsize) -> usize {
    number.load(Ordering::SeqCst)
}

/// The paths that were called, in order.
async fn called(server: &MockServer) -> Vec<String> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(|request| request.url.path().to_owned()).collect()
}

/// Why no token could be had. Nothing that anybody may read shows a secret or an answer.
fn token_error<T: std::fmt::Debug, E>(result: Result<T, pos_webhooks::client::Error<E>>) -> TokenError {
    let error = result.map(drop).unwrap_err();
    let shown = format!("{error} {error:?} {:?}", error.kind());
    let ErrorKind::Token(source) = error.kind() else { panic!("{error}") };
    let found = source.downcast_ref::<TokenError>().unwrap_or_else(|| panic!("{source}"));
    let shown = format!("{shown} {source} {source:?} {found} {found:?} {:?}", std::error::Error::source(found));
    assert!(!shown.contains("NOT-FOR-LOGS"), "{shown}");
    assert!(!error.may_have_been_executed() && error.status().is_none());
    assert_eq!(error.is_retryable(), found.is_retryable());
    found.clone()
}

/// What a [`Held`] server is asked for.
enum Asked<'a> {
    /// A token; how many were asked for.
    Token(usize),
    /// A list, with this token.
    List(&'a str),
}

/// A status and a body in JSON.
type Responses = fn(Asked<'_>) -> (u16, Value);

fn as_documented(asked: Asked<'_>) -> (u16, Value) {
    match asked {
        Asked::Token(number) => (200, json!({"expires_in": "3600", "access_token": format!("token-{number}")})),
        Asked::List(_) => (200, json!({"webhooks": []})),
    }
}

/// A server that responds to a request for a token once the test permits it.
struct Held {
    uri: String,
    permits: Arc<Semaphore>,
    given: Arc<AtomicUsize>,
    /// The tokens of the lists that were asked for.
    listed: Arc<Mutex<Vec<String>>>,
}

impl Held {
    async fn start(respond: Responses) -> Self {
        let (permits, given) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let listed = Arc::<Mutex<Vec<String>>>::default();
        let (permitted, counted, kept) = (Arc::clone(&permits), Arc::clone(&given), Arc::clone(&listed));
        let handler = async move |request: axum::extract::Request| {
            let (status, body) = if request.method() == "POST" {
                let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
                permitted.acquire().await.unwrap().forget();
                respond(Asked::Token(number))
            } else {
                let token = request.headers()["authorization"].to_str().unwrap().trim_start_matches("Bearer ");
                kept.lock().unwrap().push(token.to_owned());
                respond(Asked::List(token))
            };
            let status = http::StatusCode::from_u16(status).unwrap();
            (status, [("content-type", "application/json")], body.to_string())
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(handler)).await });
        Self { uri, permits, given, listed }
    }

    fn client(&self) -> vipps::Client {
        vipps::Client::with_options(&self.uri, vipps::Credentials::from_client("id", SECRET), once()).unwrap()
    }

    fn listed(&self) -> Vec<String> {
        self.listed.lock().unwrap().clone()
    }

    /// Waits until a token was asked for.
    async fn is_asked(&self) {
        while count(&self.given) == 0 {
            tokio::task::yield_now().await;
        }
    }
}

type Listed = Result<(), pos_webhooks::client::Error<vipps::ListWebhooksError>>;

/// Lists at the same time; every call waits for its token or for its response.
async fn begin(calls: usize, client: &vipps::Client) -> JoinSet<Listed> {
    let begun = Arc::new(AtomicUsize::new(0));
    let mut set = JoinSet::new();
    for _ in 0..calls {
        let (client, begun) = (client.clone(), Arc::clone(&begun));
        set.spawn(async move {
            begun.fetch_add(1, Ordering::SeqCst);
            client.list_webhooks().await.map(drop)
        });
    }
    while count(&begun) < calls {
        tokio::task::yield_now().await;
    }
    set
}

#[tokio::test]
async fn a_thousand_calls_that_wait_fetch_one_token() {
    let server = Held::start(as_documented).await;
    let calls = begin(1000, &server.client()).await;
    server.permits.add_permits(1000);
    for listed in calls.join_all().await {
        listed.unwrap();
    }
    assert_eq!(count(&server.given), 1);
    assert_eq!(server.listed(), ["token-1"; 1000]);
}

#[tokio::test]
async fn a_valid_token_is_used_while_another_one_is_requested() {
    let server = Held::start(as_documented).await;
    let client = server.client();
    server.permits.add_permits(1);
    client.list_webhooks().await.unwrap();
    pass(3590).await;
    // This call waits for the next token, and others do not.
    let first = begin(1, &client).await;
    for listed in begin(10, &client).await.join_all().await {
        listed.unwrap();
    }
    assert_eq!((server.listed(), count(&server.given)), (vec!["token-1".to_owned(); 11], 2));
    // The old token has expired, and the request for the next one has not taken too long.
    pass(11).await;
    let others = begin(10, &client).await;
    assert_eq!(server.listed().len(), 11);
    server.permits.add_permits(1000);
    for listed in first.join_all().await.into_iter().chain(others.join_all().await) {
        listed.unwrap();
    }
    assert_eq!((&server.listed()[11..], count(&server.given)), (&vec!["token-2".to_owned(); 11][..], 2));
}

#[tokio::test]
async fn no_token_is_fetched_before_a_call_needs_it() {
    let server = MockServer::start().await;
    let given = give(&server, VIPPS, for_an_hour).await;
    let client = vipps(&server);
    client.get_access_token("id", SECRET).await.unwrap_err();
    assert_eq!(count(&given), 1, "the call itself; its answer lacks a required member");
    assert_eq!(called(&server).await, [VIPPS]);
}

#[tokio::test]
async fn a_token_is_kept_until_a_minute_before_it_expires() {
    let server = MockServer::start().await;
    let given = give(&server, VIPPS, for_an_hour).await;
    take_any(&server).await;
    let client = vipps(&server);
    client.list_webhooks().await.unwrap();
    pass(3500).await;
    client.list_webhooks().await.unwrap();
    assert_eq!(count(&given), 1);
    pass(50).await;
    client.list_webhooks().await.unwrap();
    assert_eq!(count(&given), 2);
    client.list_webhooks().await.unwrap();
    assert_eq!(count(&given), 2, "the new one is kept as well");
}

#[tokio::test]
async fn a_short_lifetime_is_used_but_for_its_last_tenth() {
    for (expires_in, kept, renewed) in [(json!(100), 80, 15), (json!("300"), 250, 40), (json!(600.0), 500, 60)] {
        let server = MockServer::start().await;
        let answer =
            ResponseTemplate::new(200).set_body_json(json!({"access_token": "token", "expires_in": expires_in}));
        Mock::given(method("POST")).respond_with(answer).mount(&server).await;
        take_any(&server).await;
        let client = vipps(&server);
        client.list_webhooks().await.unwrap();
        pass(kept).await;
        client.list_webhooks().await.unwrap();
        assert_eq!(called(&server).await.len(), 3, "{expires_in}");
        pass(renewed).await;
        client.list_webhooks().await.unwrap();
        assert_eq!(called(&server).await.len(), 5, "{expires_in}");
    }
}

#[tokio::test]
async fn a_token_without_expiry_is_kept() {
    for answer in [json!({"access_token": "token"}), json!({"access_token": "token", "expires_in": null})] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(200).set_body_json(answer);
        Mock::given(method("POST")).respond_with(answer).mount(&server).await;
        take_any(&server).await;
        let client = vipps(&server);
        client.list_webhooks().await.unwrap();
        pass(10 * 24 * 3600).await;
        client.list_webhooks().await.unwrap();
        assert_eq!(called(&server).await.len(), 3);
    }
}

#[tokio::test]
async fn a_refused_token_is_replaced_and_the_call_repeated_once() {
    let server = MockServer::start().await;
    let given = give(&server, VIPPS, for_an_hour).await;
    take(&server, "token-2").await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(401)).mount(&server).await;
    let client = vipps(&server);
    client.list_webhooks().await.unwrap();
    let path = "/v1/webhooks".to_owned();
    assert_eq!(called(&server).await, [VIPPS, &path, VIPPS, &path]);
    client.list_webhooks().await.unwrap();
    assert_eq!(count(&given), 2);
}

#[tokio::test]
async fn a_token_that_is_refused_again_is_the_error_of_the_call() {
    let server = MockServer::start().await;
    give(&server, VIPPS, for_an_hour).await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(401)).mount(&server).await;
    let error = vipps(&server).list_webhooks().await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(401));
    assert_eq!(called(&server).await.len(), 4);
}

#[tokio::test]
async fn many_refused_calls_fetch_one_token() {
    let server = Held::start(|asked| match asked {
        Asked::List("token-1") => (401, Value::Null),
        asked => as_documented(asked),
    })
    .await;
    let calls = begin(100, &server.client()).await;
    // All of them have the first token, and are refused before there is another one.
    server.permits.add_permits(1);
    while server.listed().len() < 100 {
        tokio::task::yield_now().await;
    }
    server.permits.add_permits(100);
    for listed in calls.join_all().await {
        listed.unwrap();
    }
    assert_eq!((count(&server.given), server.listed().len()), (2, 200));
}

#[tokio::test]
async fn a_given_token_is_not_replaced() {
    let server = MockServer::start().await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(401)).mount(&server).await;
    let source = Token::source(|| async { Ok(Secret::from("token")) });
    for token in [Token::fixed("token"), source] {
        let client = vipps::Client::with_options(&server.uri(), vipps::Credentials::new(token), once()).unwrap();
        client.list_webhooks().await.unwrap_err();
    }
    assert_eq!(called(&server).await, ["/v1/webhooks", "/v1/webhooks"]);
}

#[tokio::test]
async fn a_failed_fetch_is_shared_by_the_calls_that_wait_for_it() {
    let server = Held::start(|_| (503, json!("NOT-FOR-LOGS"))).await;
    let client = server.client();
    let calls = begin(100, &client).await;
    server.permits.add_permits(100);
    for listed in calls.join_all().await {
        let error = token_error(listed);
        let TokenError::Call(error) = &error else { panic!("{error}") };
        assert_eq!(error.status().map(|status| status.as_u16()), Some(503));
        assert!(error.is_retryable());
    }
    assert_eq!(count(&server.given), 1);
    token_error(client.list_webhooks().await);
    assert_eq!(count(&server.given), 2, "the next call tries again");
}

#[tokio::test]
async fn a_token_endpoint_that_cannot_be_reached_is_an_error() {
    // A socket that is bound and does not listen keeps the port, and refuses.
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let server = format!("http://{}", closed.local_addr().unwrap());
    let credentials = vipps::Credentials::from_client("id", SECRET);
    let client = vipps::Client::with_options(&server, credentials, once()).unwrap();
    let error = token_error(client.list_webhooks().await);
    assert!(error.is_retryable(), "{error}");
}

#[tokio::test]
async fn a_token_endpoint_that_does_not_answer_is_an_error_that_may_pass() {
    let server = Held::start(as_documented).await;
    let calls = begin(100, &server.client()).await;
    server.is_asked().await;
    pass(30).await;
    for listed in calls.join_all().await {
        let error = token_error(listed);
        assert!(matches!(error, TokenError::Timeout | TokenError::Call(_)) && error.is_retryable(), "{error}");
    }
    assert_eq!(count(&server.given), 1);
}

#[tokio::test]
async fn a_fetch_that_may_have_been_executed_is_not_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let accepted = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096]).await;
        }
    });
    let retries = Retries::default().delays(Duration::from_millis(1), Duration::from_millis(1));
    let credentials = vipps::Credentials::from_client("id", SECRET);
    let client = vipps::Client::with_options(&server, credentials, Options::default().retries(retries)).unwrap();
    token_error(client.list_webhooks().await);
    assert_eq!(count(&accepted), 1);
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_an_error() {
    let past = |pointer: &str| format!("not have a time at {pointer}");
    for (answer, expected) in [
        (r#"<html>NOT-FOR-LOGS</html>"#, "not have a token at /access_token".to_owned()),
        ("", "not have a token at /access_token".to_owned()),
        (r#"{"access_token": ""}"#, "not have a token at /access_token".to_owned()),
        (r#"{"access_token": 7}"#, "not have a token at /access_token".to_owned()),
        (r#"{"token": "NOT-FOR-LOGS"}"#, "not have a token at /access_token".to_owned()),
        // A header cannot carry these.
        (r#"{"access_token": "NOT-FOR\r\n-LOGS"}"#, "not have a token at /access_token".to_owned()),
        (r#"{"access_token": "NOT-FOR\u0000-LOGS"}"#, "not have a token at /access_token".to_owned()),
        (r#"{"access_token": "NOT-FOR-LØGS"}"#, "not have a token at /access_token".to_owned()),
        (r#"{"access_token": "NOT-FOR-LOGS or two"}"#, "not have a token at /access_token".to_owned()),
        (r#"{"access_token": "NOT-FOR-LOGS", "expires_in": "soon"}"#, past("/expires_in")),
        (r#"{"access_token": "NOT-FOR-LOGS", "expires_in": true}"#, past("/expires_in")),
        (r#"{"access_token": "NOT-FOR-LOGS", "expires_in": {}}"#, past("/expires_in")),
        (r#"{"access_token": "NOT-FOR-LOGS", "expires_on": "tomorrow"}"#, past("/expires_on")),
        (r#"{"access_token": "NOT-FOR-LOGS", "expires_in": 0}"#, "has expired".to_owned()),
        (r#"{"access_token": "NOT-FOR-LOGS", "expires_in": "-5"}"#, "has expired".to_owned()),
        (r#"{"access_token": "NOT-FOR-LOGS", "expires_on": 1495271273}"#, "has expired".to_owned()),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(200).set_body_string(answer))
            .mount(&server)
            .await;
        let error = token_error(vipps(&server).list_webhooks().await);
        assert!(error.to_string().contains(&expected), "{answer}: {error}");
        assert_eq!(matches!(error, TokenError::Missing { .. }), expected.contains("a token"), "{answer}");
        assert!(!error.is_retryable(), "{answer}");
        assert_eq!(called(&server).await, [VIPPS], "nothing else is sent");
    }
}

#[tokio::test]
async fn what_the_provider_refuses_is_its_documented_error() {
    let server = MockServer::start().await;
    let body = json!({"message": ["Invalid credentials."], "data": null});
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(409).set_body_json(body)).mount(&server).await;
    let error = token_error(mipos(&server).list_webhooks().await);
    let TokenError::Call(error) = error else { panic!("{error}") };
    assert!(error.documented().unwrap().model().is_some());
    assert_eq!(error.operation().id, "request_token");
}

/// Seconds since 1970, and as the date of an answer.
const NOON: (u64, &str) = (1_795_694_400, "Thu, 26 Nov 2026 12:00:00 GMT");

fn mipos_token(token: &str, seconds: u64) -> ResponseTemplate {
    let body = json!({"message": "M.", "data": {"token": token, "expires_in": (NOON.0 + seconds).to_string()}});
    ResponseTemplate::new(200).insert_header("date", NOON.1).set_body_json(body)
}

async fn mipos_takes_any(server: &MockServer) {
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(200).set_body_json(json!([]))).mount(server).await;
}

#[tokio::test]
async fn a_point_in_time_is_one_of_the_providers_clock() {
    let server = MockServer::start().await;
    let at = "/api/oauth/token";
    Mock::given(path(at)).respond_with(mipos_token("token-1", 3600)).mount(&server).await;
    Mock::given(path("/api/oauth/token/refresh")).respond_with(mipos_token("token-2", 7200)).mount(&server).await;
    mipos_takes_any(&server).await;
    let client = mipos(&server);
    client.list_webhooks().await.unwrap();
    pass(3500).await;
    client.list_webhooks().await.unwrap();
    let list = "/api/v1/integration/webhooks";
    assert_eq!(called(&server).await, [at, list, list], "whatever the clock of this machine says");
}

#[tokio::test]
async fn a_token_is_renewed_where_the_provider_documents_how() {
    let server = MockServer::start().await;
    Mock::given(path("/api/oauth/token")).respond_with(mipos_token("token-1", 3600)).mount(&server).await;
    Mock::given(path("/api/oauth/token/refresh")).respond_with(mipos_token("token-2", 7200)).mount(&server).await;
    mipos_takes_any(&server).await;
    let client = mipos(&server);
    client.list_webhooks().await.unwrap();
    pass(3550).await;
    client.list_webhooks().await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let renewal = &requests[2];
    assert_eq!(renewal.url.path(), "/api/oauth/token/refresh");
    assert_eq!(renewal.headers["authorization"], "Bearer token-1");
    let body: Value = renewal.body_json().unwrap();
    let expected = json!({
        "client_id": "id", "client_secret": SECRET, "grant_type": "refresh_token", "refresh_token": "token-1",
    });
    assert_eq!(body, expected);
    assert_eq!(requests[3].headers["authorization"], "Bearer token-2");
    assert_eq!(requests.len(), 4);
}

#[tokio::test]
async fn where_a_token_cannot_be_renewed_another_one_is_asked_for() {
    let server = MockServer::start().await;
    Mock::given(path("/api/oauth/token")).respond_with(mipos_token("token", 3600)).mount(&server).await;
    Mock::given(path("/api/oauth/token/refresh")).respond_with(ResponseTemplate::new(409)).mount(&server).await;
    mipos_takes_any(&server).await;
    let client = mipos(&server);
    client.list_webhooks().await.unwrap();
    pass(3550).await;
    client.list_webhooks().await.unwrap();
    let (token, list) = ("/api/oauth/token", "/api/v1/integration/webhooks");
    assert_eq!(called(&server).await, [token, list, "/api/oauth/token/refresh", token, list]);
}

#[tokio::test]
async fn an_expired_token_that_the_provider_still_gives_is_renewed() {
    let server = MockServer::start().await;
    Mock::given(path("/api/oauth/token")).respond_with(mipos_token("token-1", 0)).mount(&server).await;
    Mock::given(path("/api/oauth/token/refresh")).respond_with(mipos_token("token-2", 7200)).mount(&server).await;
    mipos_takes_any(&server).await;
    mipos(&server).list_webhooks().await.unwrap();
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[2].headers["authorization"], "Bearer token-2");
}

static ACME: LazyLock<&'static Provider> = LazyLock::new(|| {
    let text = include_str!("sandbox/acme.yaml");
    let generated = pos_webhooks_build::generate("acme", "tests/sandbox/acme.yaml", text);
    let generated = generated.unwrap_or_else(|findings| panic!("{}", findings.join("\n")));
    Provider::read(&generated.description).unwrap()
});

/// One operation gives tokens and renews them, and its answers need not have another refresh token.
#[tokio::test]
async fn a_refresh_token_that_is_not_replaced_is_used_again() {
    let server = MockServer::start().await;
    let answer = |renew_with: Value| {
        let session = json!({"key": "key", "until": "2026-11-26T13:00:00Z", "renew_with": renew_with});
        ResponseTemplate::new(200).insert_header("date", NOON.1).set_body_json(json!({ "session": session }))
    };
    let app = json!({"kind": "app", "app": {"id": "a", "key": SECRET}});
    let renewal = json!({"kind": "renewal", "renew_with": "r"});
    Mock::given(body_json(&app)).respond_with(answer(json!("r"))).mount(&server).await;
    Mock::given(body_json(&renewal)).respond_with(answer(Value::Null)).mount(&server).await;
    let token = Token::from_client([("app", "a"), ("app_key", SECRET)]);
    let client = AnyClient::new(*ACME, &server.uri(), token, [], once()).unwrap();
    for _ in 0..3 {
        assert_eq!(client.access_token().await.unwrap().token.expose(), "key");
        pass(3550).await;
    }
    let sent = server.received_requests().await.unwrap();
    let sent: Vec<Value> = sent.iter().map(|request| request.body_json().unwrap()).collect();
    assert_eq!(sent, [app, renewal.clone(), renewal]);
}

#[tokio::test]
async fn a_valid_token_is_used_while_no_other_one_can_be_had() {
    let server = MockServer::start().await;
    let answer = |token: String| match token.as_str() {
        "token-1" | "token-4" => for_an_hour(token),
        _ => ResponseTemplate::new(500),
    };
    let given = give(&server, VIPPS, answer).await;
    take_any(&server).await;
    let client = vipps(&server);
    client.list_webhooks().await.unwrap();
    pass(3550).await;
    client.list_webhooks().await.unwrap();
    assert_eq!(count(&given), 2);
    client.list_webhooks().await.unwrap();
    assert_eq!(count(&given), 2, "it is not tried again for every call");
    pass(60).await;
    token_error(client.list_webhooks().await);
    assert_eq!(count(&given), 3, "now it has expired");
    client.list_webhooks().await.unwrap();
    assert_eq!(count(&given), 4);
}

#[tokio::test]
async fn a_call_that_is_given_up_does_not_end_the_fetch_for_others() {
    let server = Held::start(as_documented).await;
    let client = server.client();
    let mut first = begin(1, &client).await;
    server.is_asked().await;
    first.shutdown().await;
    let second = begin(1, &client).await;
    server.permits.add_permits(2);
    second.join_all().await.remove(0).unwrap();
    assert_eq!(count(&server.given), 1);
}

#[test]
fn a_client_outlives_the_runtime_that_its_token_was_being_fetched_in() {
    let servers = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = servers.block_on(Held::start(as_documented));
    let client = server.client();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    first.block_on(async {
        begin(1, &client).await.detach_all();
        server.is_asked().await;
    });
    drop(first);
    server.permits.add_permits(2);
    runtime().block_on(client.list_webhooks()).unwrap();
    assert_eq!(count(&server.given), 2);
}

/// What is sent for a token, for any provider.
async fn sent(provider: &'static Provider, grant: &'static TokenGrant, answer: ResponseTemplate) -> Request {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any()).respond_with(answer).mount(&server).await;
    let credentials = grant.credentials.iter().map(|it| (it.name, format!("{}-value", it.name)));
    let token = match grant.name {
        Some(name) => Token::from_client_with_grant(name, credentials),
        None => Token::from_client(credentials),
    };
    let client = AnyClient::new(provider, &server.uri(), token, [], once()).unwrap();
    let _ = client.access_token().await;
    server.received_requests().await.unwrap().remove(0)
}

#[tokio::test]
async fn what_is_sent_for_a_token_is_what_is_described() {
    let all = PROVIDERS.iter().flat_map(|provider| provider.grants().iter().map(|grant| (*provider, grant)));
    let mut grants = 0;
    for (provider, grant) in all {
        grants += 1;
        let operation = provider.operation(grant.operation).unwrap();
        let request = sent(provider, grant, ResponseTemplate::new(500)).await;
        assert_eq!((request.method.as_str(), request.url.path()), (operation.method, operation.path));
        let is_proof = request.headers.contains_key("authorization");
        assert_eq!(is_proof, operation.security == Security::Basic, "{}", provider.name);
        let media_type = operation.request.as_ref().map(|body| body.media_type);
        let body: Value = match media_type {
            None => Value::Null,
            Some("application/x-www-form-urlencoded") => {
                let mut url = request.url.clone();
                url.set_query(Some(std::str::from_utf8(&request.body).unwrap()));
                url.query_pairs().map(|(name, value)| (name.into_owned(), Value::from(value))).collect()
            }
            Some(_) => request.body_json().unwrap(),
        };
        for credential in grant.credentials {
            let value = format!("{}-value", credential.name);
            match credential.place {
                TokenPlace::Header(name) => assert_eq!(request.headers[name], value.as_str()),
                TokenPlace::Member(pointer) => assert_eq!(body.pointer(pointer), Some(&json!(value))),
                _ => assert_eq!(operation.security, Security::Basic),
            }
        }
        for constant in grant.request {
            let value: Value = serde_json::from_str(constant.json).unwrap();
            assert_eq!(body.pointer(constant.pointer), Some(&value), "{}", provider.name);
        }
        #[cfg(feature = "validate")]
        if let Some(documented) = &operation.request {
            provider.validate(documented.schema, body.to_string().as_bytes()).unwrap();
        }
    }
    assert!(grants >= 4);
}

#[tokio::test]
async fn user_and_password_are_sent_as_the_scheme_basic_has_it() {
    let request = sent(&mypos::PROVIDER, &mypos::PROVIDER.grants()[0], ResponseTemplate::new(500)).await;
    // `client_id-value:client_secret-value`
    assert_eq!(request.headers["authorization"], "Basic Y2xpZW50X2lkLXZhbHVlOmNsaWVudF9zZWNyZXQtdmFsdWU=");
    assert_eq!(request.headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(std::str::from_utf8(&request.body).unwrap(), "grant_type=client_credentials&scope=webhooks");
}

#[tokio::test]
async fn a_base_url_that_is_not_documented_is_that_of_every_operation() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_json(json!({"access_token": "token", "expires_in": 900}));
    Mock::given(path("/proxy/oauth/token")).respond_with(answer).mount(&server).await;
    let credentials = mypos::Credentials::from_client("id", SECRET);
    let client = mypos::Client::with_options(&format!("{}/proxy", server.uri()), credentials, once()).unwrap();
    client.list_webhooks(None, None).await.unwrap_err();
    assert_eq!(called(&server).await, ["/proxy/oauth/token", "/proxy/v1/webhooks"]);
}

/// The host that a client wants to reach: it gets no further than a proxy that answers nothing.
async fn host_of(call: impl AsyncFnOnce(Options)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = reqwest::Proxy::all(format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let http = http_client().unwrap().proxy(proxy).build().unwrap();
    let asked = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.unwrap();
        line
    };
    let (line, ()) = tokio::join!(asked, call(once().http_client(http)));
    line.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn an_operation_with_servers_of_its_own_is_called_at_the_one_of_the_same_name() {
    for (server, host) in
        [(mypos::PRODUCTION, "auth-api.mypos.com:443"), (mypos::SANDBOX, "sandbox-auth-api.mypos.com:443")]
    {
        let called = host_of(async |options| {
            let client =
                mypos::Client::with_options(server, mypos::Credentials::from_client("id", SECRET), options).unwrap();
            token_error(client.list_webhooks(None, None).await);
        });
        assert_eq!(called.await, host);
        let own = server.strip_prefix("https://").unwrap();
        let called = host_of(async |options| {
            let client = mypos::Client::with_options(server, mypos::Credentials::new("token"), options).unwrap();
            client.list_webhooks(None, None).await.unwrap_err();
        });
        assert_eq!(called.await, format!("{own}:443"));
    }
}

#[tokio::test]
async fn an_operation_that_a_server_does_not_have_is_not_called_there() {
    let client = vipps::Client::new(vipps::TEST, vipps::Credentials::new("token")).unwrap();
    let body = vipps::models::DonationsTokenRequest { grant_type: "client_credentials".into() };
    let error = client.get_donations_token("id", SECRET, &body).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Request(_)), "{error}");
    assert!(error.to_string().contains("`test` server"), "{error}");
}

#[test]
fn credentials_that_cannot_be_used_are_refused_before_any_call() {
    let new = |provider, credentials: &[(&str, &str)]| {
        let token = Token::from_client(credentials.iter().copied());
        AnyClient::new(provider, "http://127.0.0.1:9", token, [], once()).map(drop)
    };
    let refused = |credentials: &[(&str, &str)]| new(&vipps::PROVIDER, credentials).unwrap_err().to_string();
    new(&vipps::PROVIDER, &[("client_id", "id"), ("client_secret", SECRET)]).unwrap();
    for (credentials, expected) in [
        (&[("client_id", "id")][..], "`client_secret` is missing"),
        (&[("client_id", "id"), ("client_secret", "")], "`client_secret` is empty"),
        (&[("client_id", "\"id\""), ("client_secret", SECRET)], "`client_id` is in quotation marks"),
        (&[("client_id", "id"), ("client_secret", "NOT-FOR-LOGS\n")], "`client_secret` has characters"),
        (&[("client_id", "id"), ("client_secret", SECRET), ("scope", "x")], "`scope` is not one"),
    ] {
        let error = refused(credentials);
        assert!(error.contains(expected) && !error.contains("NOT-FOR-LOGS"), "{error}");
    }
    // What is in no header may be any text.
    let mipos = |password| [("client_id", "id"), ("client_secret", "\"s\""), ("email", "e"), ("password", password)];
    new(&mipos::PROVIDER, &mipos("\"fünf Wörter\" ")).unwrap();
    assert!(new(&mipos::PROVIDER, &mipos("pass\n")).unwrap_err().to_string().contains("`password` has a line break"));
    let colon = new(&mypos::PROVIDER, &[("client_id", "a:b"), ("client_secret", SECRET)]).unwrap_err();
    assert!(colon.to_string().contains("`client_id` has a colon"), "{colon}");
    #[cfg(feature = "dealpos")]
    {
        let error = new(&pos_webhooks::dealpos::PROVIDER, &[("client_id", "id")]).unwrap_err();
        assert!(matches!(error, SetupError::NoGrant("dealpos")), "{error}");
    }
    let _: fn(&'static str) -> SetupError = SetupError::NoGrant;
    let named = |provider, name| {
        let token = Token::from_client_with_grant(name, [("client_id", "id"), ("client_secret", SECRET)]);
        AnyClient::new(provider, "http://127.0.0.1:9", token, [], once()).map(drop).unwrap_err().to_string()
    };
    assert_eq!(
        named(&vipps::PROVIDER, "keys"),
        "there is no grant with the name `keys`; there are: api-keys, merchant-level-keys"
    );
    assert!(named(&mypos::PROVIDER, "keys").ends_with("the only one does not have a name"));
}

#[tokio::test]
async fn a_provider_can_have_several_ways_to_request_a_token() {
    let server = MockServer::start().await;
    let answer = |token| {
        ResponseTemplate::new(200)
            .set_body_json(json!({"token_type": "Bearer", "expires_in": 900, "access_token": token}))
    };
    let given = give(&server, "/miami/v1/token", answer).await;
    take(&server, "token-1").await;
    let credentials = vipps::Credentials::from_client_merchant_level_keys("id", SECRET);
    let client = vipps::Client::with_options(&server.uri(), credentials, once()).unwrap();
    client.list_webhooks().await.unwrap();
    pass(830).await;
    client.list_webhooks().await.unwrap();
    assert_eq!(count(&given), 1);
    let request = &server.received_requests().await.unwrap()[0];
    assert_eq!(request.headers["authorization"], "Basic aWQ6Tk9ULUZPUi1MT0dTLWNsaWVudC1zZWNyZXQ=");
    assert_eq!(std::str::from_utf8(&request.body).unwrap(), "grant_type=client_credentials");
    assert!(!request.headers.contains_key("client_secret"));
    // The test environment does not have the operation.
    let credentials = vipps::Credentials::from_client_merchant_level_keys("id", SECRET);
    let client = vipps::Client::with_options(vipps::TEST, credentials, once()).unwrap();
    let TokenError::Call(error) = token_error(client.list_webhooks().await) else { panic!() };
    assert!(error.to_string().contains("`test` server"), "{error}");
}

#[tokio::test]
async fn a_token_can_be_had_without_a_call_and_is_not_shown() {
    let server = MockServer::start().await;
    let given = give(&server, VIPPS, |_| for_an_hour("NOT-FOR-LOGS".into())).await;
    take(&server, "NOT-FOR-LOGS").await;
    let token = Token::from_client([("client_id", "id"), ("client_secret", SECRET)]);
    let client = AnyClient::new(&vipps::PROVIDER, &server.uri(), token.clone(), [], once()).unwrap();
    let access = client.access_token().await.unwrap();
    assert_eq!(access.token.expose(), "NOT-FOR-LOGS");
    let left = access.expires_in.unwrap();
    assert!(left <= Duration::from_secs(3600) && left > Duration::from_secs(3590), "{left:?}");
    client.call(vipps::PROVIDER.operation("list_webhooks").unwrap(), &[], None).await.unwrap();
    assert_eq!(count(&given), 1, "the call has the same one");
    let credentials = vipps::Credentials::from_client("id", SECRET);
    let shown = format!("{access:?} {client:?} {token:?} {credentials:?} {:?}", vipps(&server));
    assert!(!shown.contains("NOT-FOR-LOGS"), "{shown}");
}

#[tokio::test]
async fn a_typed_client_returns_the_token_that_its_calls_send() {
    let server = MockServer::start().await;
    let given = give(&server, VIPPS, for_an_hour).await;
    take(&server, "token-1").await;
    let client = vipps(&server);
    client.list_webhooks().await.unwrap();
    let access = client.access_token().await.unwrap();
    assert_eq!((access.token.expose(), count(&given)), ("token-1", 1));
    assert!(access.expires_in.unwrap() <= Duration::from_secs(3600));
    assert!(!format!("{access:?} {client:?}").contains("token-1"));
    pass(3550).await;
    assert_eq!(client.access_token().await.unwrap().token.expose(), "token-2");
    let called = called(&server).await;
    assert_eq!(called, [VIPPS, "/v1/webhooks", VIPPS], "nothing else is sent");
    // A given token is returned as it is, without a request.
    let credentials = vipps::Credentials::new("given");
    let client = vipps::Client::with_options("http://127.0.0.1:9", credentials, once()).unwrap();
    let access = client.access_token().await.unwrap();
    assert_eq!((access.token.expose(), access.expires_in), ("given", None));
}

#[tokio::test]
async fn a_typed_client_that_gets_no_token_says_why_and_shows_no_secret() {
    let server = MockServer::start().await;
    let given = give(&server, VIPPS, |_| ResponseTemplate::new(503).set_body_string("NOT-FOR-LOGS")).await;
    let error = vipps(&server).access_token().await.unwrap_err();
    let Some(TokenError::Call(call)) = error.downcast_ref() else { panic!("{error}") };
    assert_eq!(call.status().map(|status| status.as_u16()), Some(503));
    assert!(!format!("{error} {error:?} {call} {call:?}").contains("NOT-FOR-LOGS"));
    assert_eq!(count(&given), 1);
}

#[tokio::test]
async fn the_kept_token_is_returned_without_a_request() {
    let server = MockServer::start().await;
    let given = give(&server, VIPPS, for_an_hour).await;
    take_any(&server).await;
    let client = |token| AnyClient::new(&vipps::PROVIDER, &server.uri(), token, [], once()).unwrap();
    let requesting = client(Token::from_client([("client_id", "id"), ("client_secret", SECRET)]));
    assert!(requesting.kept_token().is_none());
    requesting.call(vipps::PROVIDER.operation("list_webhooks").unwrap(), &[], None).await.unwrap();
    pass(7200).await;
    let kept = requesting.kept_token().unwrap();
    assert_eq!((kept.token.expose(), kept.expires_in), ("token-1", Some(Duration::ZERO)), "it has expired");
    assert_eq!(count(&given), 1);
    assert_eq!(client(Token::fixed("given")).kept_token().unwrap().token.expose(), "given");
    assert!(client(Token::source(|| async { Ok(Secret::from("made")) })).kept_token().is_none());
}
