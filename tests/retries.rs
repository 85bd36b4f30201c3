//! Temporary failures are retried, operations that may have been executed are not sent twice, and all tries share one
//! deadline.

#![cfg(all(feature = "client", feature = "vipps", feature = "mipos"))]

mod clock;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{future, iter};

use clock::pass;
use jiff::fmt::rfc2822::DateTimePrinter;
use pos_webhooks::client::{BoxError, Error, ErrorKind, Options, Retries, SetupError, Token, http_client};
use pos_webhooks::{Secret, mipos, vipps};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use wiremock::matchers::{any, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn quick() -> Retries {
    Retries::default().delays(Duration::from_millis(1), Duration::from_millis(2))
}

fn client(server: &str, options: Options) -> vipps::Client {
    vipps::Client::with_options(server, vipps::Credentials::new("token"), options).unwrap()
}

fn registration() -> vipps::models::RegisterWebhook {
    vipps::models::RegisterWebhook { url: "https://shop.example".into(), events: Vec::new() }
}

const GOOD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{\"webhooks\":[]}";

fn no_webhooks() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(r#"{"webhooks":[]}"#, "application/json")
}

/// A server that sends these responses first, and successful ones afterwards.
async fn weather(first: ResponseTemplate, times: u64) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(first).up_to_n_times(times).mount(&server).await;
    Mock::given(method("GET")).respond_with(no_webhooks()).mount(&server).await;
    Mock::given(method("DELETE")).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    let registered = r#"{"id":"497f6eca-6276-4993-bfeb-53cbbbba6f08","secret":"s"}"#;
    let registered = ResponseTemplate::new(201).set_body_raw(registered, "application/json");
    Mock::given(method("POST")).respond_with(registered).mount(&server).await;
    server
}

async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

/// A server that calls `handle` for each connection, with the number of connections before it.
async fn raw<F, Fut>(handle: F) -> (String, Arc<AtomicUsize>)
where
    F: Fn(TcpStream, usize) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            handle(stream, counter.fetch_add(1, Ordering::SeqCst)).await;
        }
    });
    (address, count)
}

/// Reads the available part of a request, so that the client has sent it.
async fn read(stream: &mut TcpStream) {
    let _ = stream.read(&mut [0; 4096]).await;
}

async fn answer(mut stream: TcpStream, text: &str) {
    read(&mut stream).await;
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// A server whose requests the test receives, and does or does not respond to.
async fn held() -> (String, mpsc::UnboundedReceiver<TcpStream>) {
    let (arrived, requests) = mpsc::unbounded_channel();
    let (address, _) = raw(move |mut stream, _| {
        let arrived = arrived.clone();
        async move {
            read(&mut stream).await;
            let _ = arrived.send(stream);
        }
    })
    .await;
    (address, requests)
}

/// The start of a call, which goes on while the test does.
fn list(server: &str, options: Options) -> JoinHandle<Result<(), Error<vipps::ListWebhooksError>>> {
    let client = client(server, options);
    tokio::spawn(async move { client.list_webhooks().await.map(drop) })
}

/// The end of a call. A call that has no end fails the test.
async fn end<T>(call: JoinHandle<T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), call).await.expect("the call ends").unwrap()
}

#[tokio::test]
async fn temporary_statuses_are_retried() {
    for status in [408, 429, 502, 503, 504] {
        let server = weather(ResponseTemplate::new(status), 2).await;
        client(&server.uri(), Options::default().retries(quick())).list_webhooks().await.unwrap();
        assert_eq!(requests(&server).await, 3, "{status}");

        let server = weather(ResponseTemplate::new(status), 2).await;
        client(&server.uri(), Options::default().retries(quick())).delete_webhook("id").await.unwrap();
        assert_eq!(requests(&server).await, 3, "{status}");
    }
}

#[tokio::test]
async fn other_statuses_are_not_retried() {
    for status in [301, 400, 401, 404, 500, 501] {
        let server = weather(ResponseTemplate::new(status), 1).await;
        let error = client(&server.uri(), Options::default().retries(quick())).list_webhooks().await.unwrap_err();
        assert_eq!((error.status().unwrap().as_u16(), requests(&server).await), (status, 1));
    }
}

#[tokio::test]
async fn a_post_with_a_response_is_not_repeated() {
    for status in [408, 429, 502, 503, 504] {
        let server = weather(ResponseTemplate::new(status), 1).await;
        let client = client(&server.uri(), Options::default().retries(quick()));
        let error = client.register_webhook(&registration()).await.unwrap_err();
        assert!(error.is_retryable());
        assert_eq!((error.status().unwrap().as_u16(), requests(&server).await), (status, 1));
    }
}

#[tokio::test]
async fn the_last_error_is_reported_when_the_tries_are_used_up() {
    for (retries, expected) in [(quick(), 3), (quick().tries(2), 2), (quick().tries(0), 1), (Retries::off(), 1)] {
        let server = weather(ResponseTemplate::new(503).set_body_string("<html>busy</html>"), 9).await;
        let error = client(&server.uri(), Options::default().retries(retries)).list_webhooks().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Undocumented));
        assert_eq!((error.status().unwrap().as_u16(), error.body()), (503, &b"<html>busy</html>"[..]));
        assert_eq!(requests(&server).await, expected);
    }
}

#[tokio::test]
async fn a_broken_connection_is_tried_again_for_an_idempotent_operation_only() {
    const TORN: &str =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 150\r\n\r\n{\"webhooks\":[]}";
    for torn in ["", "HTTP/1.1 2", TORN] {
        let (address, count) = raw(move |stream, before| async move {
            answer(stream, if before < 2 { torn } else { GOOD }).await;
        })
        .await;
        client(&address, Options::default().retries(quick())).list_webhooks().await.unwrap();
        assert_eq!(count.load(Ordering::SeqCst), 3);

        let (address, count) = raw(move |stream, _| answer(stream, torn)).await;
        let client = client(&address, Options::default().retries(quick()));
        let error = client.register_webhook(&registration()).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Connection(_)), "{error}");
        assert_eq!(count.load(Ordering::SeqCst), 1, "it may have been executed");
    }
}

#[tokio::test]
async fn a_post_is_tried_again_where_no_connection_could_be_made() {
    /// Resolves to this machine, and makes the socket listen at the second lookup.
    struct Opens {
        socket: Mutex<Option<TcpSocket>>,
        looked_for: AtomicUsize,
        listening: mpsc::UnboundedSender<TcpListener>,
    }
    impl Resolve for Opens {
        fn resolve(&self, _: Name) -> Resolving {
            if self.looked_for.fetch_add(1, Ordering::SeqCst) == 1 {
                let socket = self.socket.lock().unwrap().take().unwrap();
                self.listening.send(socket.listen(1).unwrap()).unwrap();
            }
            let addresses: Addrs = Box::new(iter::once(SocketAddr::from(([127, 0, 0, 1], 0))));
            Box::pin(future::ready(Ok(addresses)))
        }
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = socket.local_addr().unwrap().port();
    let (listening, mut opened) = mpsc::unbounded_channel();
    let opens = Arc::new(Opens { socket: Mutex::new(Some(socket)), looked_for: AtomicUsize::new(0), listening });
    let answered = tokio::spawn(async move {
        let (stream, _) = opened.recv().await.unwrap().accept().await.unwrap();
        let body = r#"{"message":"Webhook created","data":null}"#;
        let head = "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length";
        answer(stream, &format!("{head}: {}\r\n\r\n{body}", body.len())).await;
    });
    let http = http_client().unwrap().dns_resolver(Arc::clone(&opens)).build().unwrap();
    let options = Options::default().http_client(http).retries(quick());
    let server = format!("http://mipos.localhost:{port}");
    let client = mipos::Client::with_options(&server, mipos::Credentials::new("t"), options).unwrap();
    let webhook = mipos::models::CreateWebhook { type_: None, url: "https://shop.example".into() };
    assert_eq!(client.create_webhook(&webhook).await.unwrap().message, "Webhook created");
    answered.await.unwrap();
    assert_eq!(opens.looked_for.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    for is_date in [false, true] {
        let (address, mut requests) = held().await;
        // Without limits, because the clock also advances while a response is on its way.
        let options = Options::default().retries(quick()).timeout(Duration::MAX).connect_timeout(Duration::MAX);
        let call = list(&address, options);
        let mut first = requests.recv().await.unwrap();
        let begun = Instant::now();
        let tomorrow = jiff::Timestamp::now() + DAY;
        let retry_after = match is_date {
            true => DateTimePrinter::new().timestamp_to_rfc9110_string(&tomorrow).unwrap(),
            false => DAY.as_secs().to_string(),
        };
        let head = "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\nretry-after";
        first.write_all(format!("{head}: {retry_after}\r\n\r\n").as_bytes()).await.unwrap();
        let mut second = loop {
            match requests.try_recv() {
                Ok(request) => break request,
                Err(_) => pass(60).await,
            }
        };
        // The seconds of a date are whole.
        let waited = if is_date { DAY - Duration::from_secs(1) } else { DAY };
        assert!(begun.elapsed() >= waited, "{:?}", begun.elapsed());
        second.write_all(GOOD.as_bytes()).await.unwrap();
        end(call).await.unwrap();
    }
}

#[tokio::test]
async fn retry_after_is_reported_if_the_client_does_not_wait() {
    for (value, told) in [
        ("3600", Some(3600)),
        ("18446744073709551615", Some(u64::MAX)),
        ("Mon, 15 Apr 2019 07:50:54 GMT", Some(0)),
        ("Monday, 15-Apr-19 07:50:54 GMT", Some(0)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Some(0)),
        ("Sun Nov  6 08:49:37 1994", Some(0)),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("Monday, 06-Nov-94 08:49:37 GMT", None),
        ("99999999999999999999", Some(u64::MAX)),
    ] {
        let server = weather(ResponseTemplate::new(503).insert_header("retry-after", value), 9).await;
        let options = Options::default().retries(quick()).timeout(Duration::from_secs(20));
        let error = client(&server.uri(), options).list_webhooks().await.unwrap_err();
        assert_eq!(error.retry_after().map(|delay| delay.as_secs()), told, "{value}");
        let waits = told.is_some_and(|seconds| seconds > 0);
        assert_eq!(requests(&server).await, if waits { 1 } else { 3 }, "{value}");
        assert_eq!(pos_webhooks::AnyError::from(error).retry_after().map(|delay| delay.as_secs()), told);
    }
}

#[tokio::test]
async fn retry_after_is_read_in_every_form_of_an_http_date() {
    for form in ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"] {
        let at = jiff::Timestamp::now() + Duration::from_secs(3600);
        let at = at.strftime(form).to_string();
        let server = weather(ResponseTemplate::new(503).insert_header("retry-after", at.as_str()), 9).await;
        let error = client(&server.uri(), Options::default()).list_webhooks().await.unwrap_err();
        let seconds = error.retry_after().unwrap().as_secs();
        assert!((3000..=3600).contains(&seconds), "{at}: {seconds}");
    }
}

/// If the first response to a `DELETE` is lost, the second try finds nothing.
#[tokio::test]
async fn an_error_reports_that_an_earlier_try_may_have_been_executed() {
    const NONE: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
    for (first, lost) in [
        ("", true),
        ("HTTP/1.1 504 Gateway Timeout\r\ncontent-length: 0\r\n\r\n", true),
        ("HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n", false),
    ] {
        let serve = move |stream, before| answer(stream, if before == 0 { first } else { NONE });
        let (address, count) = raw(serve).await;
        let client = client(&address, Options::default().retries(quick()));
        let error = client.delete_webhook("id").await.unwrap_err();
        assert_eq!((error.status().unwrap().as_u16(), count.load(Ordering::SeqCst)), (404, 2));
        assert_eq!(error.may_have_been_executed(), lost, "{first}: {error}");
        assert_eq!(error.to_string().contains("; the response to an earlier try was lost"), lost, "{error}");
        assert_eq!(pos_webhooks::AnyError::from(error).may_have_been_executed(), lost);

        let (address, _) = raw(serve).await;
        let client = self::client(&address, Options::default().retries(quick()));
        assert!(!client.list_webhooks().await.unwrap_err().may_have_been_executed(), "reading changes nothing");
    }
    let (address, _) = raw(|stream, _| answer(stream, NONE)).await;
    let error = client(&address, Options::default()).delete_webhook("id").await.unwrap_err();
    assert!(!error.may_have_been_executed());
}

#[tokio::test]
async fn all_tries_share_one_deadline() {
    let (address, mut requests) = held().await;
    let options = Options::default().retries(quick().tries(50)).timeout(Duration::from_secs(1000));
    let call = list(&address, options);
    for _ in 0..2 {
        let mut late = requests.recv().await.unwrap();
        pass(400).await;
        let busy = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        late.write_all(busy).await.unwrap();
    }
    let _unanswered = requests.recv().await.unwrap();
    pass(200).await;
    let error = end(call).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout(_)) && error.is_retryable(), "{error}");
    assert!(requests.try_recv().is_err(), "there is no fourth try");
}

#[tokio::test]
async fn a_timeout_is_not_retried() {
    let limit = Duration::from_secs(20);
    // With the limit of an HTTP client of the caller's, there would be time for another try.
    let http = http_client().unwrap().no_proxy().read_timeout(limit).build().unwrap();
    for options in [Options::default().timeout(limit), Options::default().http_client(http)] {
        let (address, mut requests) = held().await;
        let call = list(&address, options.retries(quick()));
        let _unanswered = requests.recv().await.unwrap();
        pass(20).await;
        let error = end(call).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Timeout(_)), "{error}");
        assert!(requests.try_recv().is_err(), "it may have been executed");
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_includes_the_token() {
    let never = Token::source(std::future::pending::<Result<Secret, BoxError>>);
    let client = vipps::Client::new(vipps::TEST, vipps::Credentials::new(never)).unwrap();
    let begun = Instant::now();
    let error = client.list_webhooks().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Token(_)), "{error}");
    assert_eq!(begun.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn all_tries_have_the_same_token() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let source = Token::source(move || {
        counter.fetch_add(1, Ordering::SeqCst);
        async { Ok(Secret::from("token")) }
    });
    let server = weather(ResponseTemplate::new(503), 2).await;
    let options = Options::default().retries(quick());
    let client = vipps::Client::with_options(&server.uri(), vipps::Credentials::new(source), options).unwrap();
    client.list_webhooks().await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn no_duration_is_too_long() {
    let server = weather(ResponseTemplate::new(503), 1).await;
    let retries = Retries::default().delays(Duration::ZERO, Duration::MAX).tries(usize::MAX);
    let options = Options::default().retries(retries).timeout(Duration::MAX).connect_timeout(Duration::MAX);
    client(&server.uri(), options).list_webhooks().await.unwrap();
    let server = weather(ResponseTemplate::new(503), 1).await;
    let options = Options::default()
        .retries(Retries::default().delays(Duration::MAX, Duration::MAX))
        .timeout(Duration::from_secs(5));
    let error = client(&server.uri(), options).list_webhooks().await.unwrap_err();
    assert_eq!(error.status().unwrap().as_u16(), 503);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = MockServer::start().await;
    for status in [301, 302, 303, 307, 308] {
        let template = ResponseTemplate::new(status).insert_header("location", elsewhere.uri());
        let server = weather(template, 9).await;
        let client = client(&server.uri(), Options::default().retries(quick()));
        assert_eq!(client.list_webhooks().await.unwrap_err().status().unwrap().as_u16(), status);
        assert_eq!(client.register_webhook(&registration()).await.unwrap_err().status().unwrap().as_u16(), status);
    }
    assert_eq!(requests(&elsewhere).await, 0);
}

#[test]
fn plain_http_is_for_this_machine() {
    let make = |server: &str, options| vipps::Client::with_options(server, vipps::Credentials::new("token"), options);
    for server in
        ["http://localhost:1", "http://LOCALHOST", "http://127.0.0.1:1/x", "http://127.9.9.9", "http://[::1]:1"]
    {
        make(server, Options::default()).unwrap();
    }
    for server in [
        "http://shop.example",
        "HTTP://shop.example",
        "http://localhost.shop.example",
        "http://127.0.0.1.shop.example",
        "http://10.0.0.1",
        "http://[::2]",
        "http://0.0.0.0",
    ] {
        let Err(SetupError::Server(reason)) = make(server, Options::default()) else { panic!("{server}") };
        assert!(reason.contains("not on this machine"));
        make(server, Options::default().allow_plain_http()).unwrap();
    }
}
