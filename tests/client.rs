//! Tests setup, tokens and limits of clients, and that errors do not show secrets.

#![cfg(all(feature = "client", feature = "vipps", feature = "mipos", feature = "mypos"))]

mod clock;

use std::error::Error as _;
use std::future::Future;
use std::io::Read as _;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clock::pass;
use pos_webhooks::client::{BoxError, ErrorKind, Options, Retries, SetupError, Token, http_client};
use pos_webhooks::{AnyError, Secret, mipos, mypos, vipps};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpSocket;
use tokio::time::Instant;
use wiremock::matchers::{any, header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const TOKEN: &str = "a-token-nobody-may-see";

async fn server(template: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(template).mount(&server).await;
    server
}

fn no_webhooks() -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(r#"{"webhooks":[]}"#, "application/json")
}

fn vipps(server: &str, options: Options) -> vipps::Client {
    vipps::Client::with_options(server, vipps::Credentials::new(TOKEN), options).unwrap()
}

#[tokio::test]
async fn asks_a_token_source_before_every_call() {
    let server = server(no_webhooks()).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&calls);
    let token = Token::source(move || {
        let count = counter.fetch_add(1, Ordering::SeqCst);
        async move { Ok::<_, BoxError>(Secret::from(format!("token-{count}"))) }
    });
    let client = vipps::Client::new(&server.uri(), vipps::Credentials::new(token)).unwrap();
    client.list_webhooks().await.unwrap();
    client.list_webhooks().await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let sent: Vec<_> = requests.iter().map(|request| request.headers["authorization"].to_str().unwrap()).collect();
    assert_eq!(sent, ["Bearer token-0", "Bearer token-1"]);
}

#[tokio::test]
async fn a_failing_token_source_is_an_error() {
    let server = server(no_webhooks()).await;
    let token = Token::source(|| async { Err("the token server is down".into()) });
    let client = vipps::Client::new(&server.uri(), vipps::Credentials::new(token)).unwrap();
    let error = client.list_webhooks().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Token(_)));
    assert_eq!(error.source().unwrap().to_string(), "the token server is down");
    assert!(!error.is_retryable());

    let token = Token::source(|| async { Ok(Secret::from("line\nbreak")) });
    let client = vipps::Client::new(&server.uri(), vipps::Credentials::new(token)).unwrap();
    let error = client.list_webhooks().await.unwrap_err();
    assert_eq!(error.to_string(), "list_webhooks: the token has characters that a header cannot carry");
    let client = vipps::Client::new(&server.uri(), vipps::Credentials::new(" ")).unwrap();
    assert_eq!(client.list_webhooks().await.unwrap_err().to_string(), "list_webhooks: the token is empty");
    assert!(server.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn sends_a_token_without_a_byte_order_mark_and_refuses_other_additions() {
    let server = server(no_webhooks()).await;
    for (token, why) in [
        ("\"quoted\"", "the token is in quotation marks, which are not part of it"),
        ("Bearer twice", "the token begins with `Bearer`, which is added when it is sent: give the token alone"),
        (" around ", "the token has white space at its beginning or end"),
        ("two words", "the token has white space in it"),
        ("t\u{f8}ken", "the token has characters that no token has"),
    ] {
        let client = vipps::Client::new(&server.uri(), vipps::Credentials::new(token)).unwrap();
        assert_eq!(client.list_webhooks().await.unwrap_err().to_string(), format!("list_webhooks: {why}"));
    }
    for (key, why) in [("'quoted'", "is in quotation marks"), (" around", "has white space"), ("", "is empty")] {
        let credentials = vipps::Credentials::new(TOKEN).ocp_apim_subscription_key(key);
        let error = vipps::Client::new(vipps::TEST, credentials).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
    let marked = vipps::Credentials::new(format!("\u{feff}{TOKEN}")).ocp_apim_subscription_key("\u{feff}key");
    vipps::Client::new(&server.uri(), marked.vipps_system_name("a shop")).unwrap().list_webhooks().await.unwrap();
    let request = server.received_requests().await.unwrap().pop().unwrap();
    assert_eq!(request.headers["authorization"], format!("Bearer {TOKEN}"));
    assert_eq!(request.headers["ocp-apim-subscription-key"], "key");
}

/// An undocumented 2xx status is a success, as long as the body is as documented.
#[tokio::test]
async fn accepts_every_success_with_the_documented_body() {
    let registered = r#"{"id":"497f6eca-6276-4993-bfeb-53cbbbba6f08","secret":"told-once"}"#;
    let body = vipps::models::RegisterWebhook { url: "https://a.test".into(), events: Vec::new() };
    for (status, text, media_type) in [
        (200, registered.to_owned(), "application/json"),
        (202, registered.to_owned(), "text/plain"),
        (201, format!("\u{feff}{registered}"), "application/json"),
    ] {
        let server = server(ResponseTemplate::new(status).set_body_raw(text, media_type)).await;
        let registered = vipps(&server.uri(), Options::default()).register_webhook(&body).await.unwrap();
        assert_eq!(registered.secret.expose(), "told-once");
    }
    let gone = server(ResponseTemplate::new(200)).await;
    vipps(&gone.uri(), Options::default()).delete_webhook("id").await.unwrap();
    for status in [200, 202, 204, 206] {
        let server = server(ResponseTemplate::new(status).set_body_raw("{}", "application/json")).await;
        let error = vipps(&server.uri(), Options::default()).register_webhook(&body).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Undocumented), "{status}: {error}");
        assert!(error.may_have_been_executed());
    }
}

/// The body may contain a secret that is returned only once.
#[tokio::test]
async fn keeps_the_body_of_a_response_that_is_not_as_documented() {
    let body = vipps::models::RegisterWebhook { url: "https://a.test".into(), events: Vec::new() };
    let answer = r#"{"id":7,"secret":"told-once"}"#;
    let server = server(ResponseTemplate::new(201).set_body_raw(answer, "application/json")).await;
    let error = vipps(&server.uri(), Options::default()).register_webhook(&body).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Undecodable(_)), "{error}");
    assert_eq!((error.body(), error.may_have_been_executed()), (answer.as_bytes(), true));
    assert!(!format!("{error} {error:?}").contains("told-once"));
    let error = AnyError::from(error);
    assert_eq!((error.body(), error.may_have_been_executed()), (answer.as_bytes(), true));

    // The same holds if the rest of the body is not received.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let head = "HTTP/1.1 201 Created\r\ncontent-length: 999\r\n\r\n";
        std::io::Write::write_all(&mut stream, format!("{head}{answer}").as_bytes()).unwrap();
    });
    let error = vipps(&address, Options::default()).register_webhook(&body).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Connection(_)), "{error}");
    assert_eq!(error.body(), answer.as_bytes());
}

#[tokio::test]
async fn reads_flags_that_are_numbers() {
    let webhooks = r#"{"webhooks":[{"id":"a","is_active":1},{"id":"b","is_active":0},{"id":"c","is_active":true}],
        "pagination":{"page":1,"size":20,"total":3}}"#;
    let server = server(ResponseTemplate::new(200).set_body_raw(webhooks, "application/json")).await;
    let client = mypos::Client::new(&server.uri(), mypos::Credentials::new(TOKEN)).unwrap();
    let listed = client.list_webhooks(None, None).await.unwrap();
    let active: Vec<_> = listed.webhooks.iter().map(|webhook| webhook.is_active).collect();
    assert_eq!(active, [Some(true), Some(false), Some(true)]);
    assert!(
        mypos::PROVIDER.validate("Webhook", br#"{"id":"a","is_active":1}"#).is_err(),
        "the schema does not allow numbers"
    );
    for odd in ["2", "-1", "1.0", "\"true\"", "[1]"] {
        let webhook = format!(r#"{{"id":"a","is_active":{odd}}}"#);
        let schema = mypos::PROVIDER.schema("Webhook").unwrap();
        assert_eq!(schema.decode(webhook.as_bytes()).unwrap_err().pointer, "/is_active", "{odd}");
    }
}

#[tokio::test]
async fn reports_which_statuses_are_retryable() {
    for (status, retryable) in [
        (400, false),
        (401, false),
        (404, false),
        (408, true),
        (429, true),
        (500, false),
        (502, true),
        (503, true),
        (504, true),
    ] {
        let server = server(ResponseTemplate::new(status)).await;
        let options = Options::default().retries(Retries::off());
        let error = vipps(&server.uri(), options).list_webhooks().await.unwrap_err();
        assert_eq!((error.status().unwrap().as_u16(), error.is_retryable()), (status, retryable));
    }
}

#[test]
fn refuses_an_invalid_server_or_header() {
    let credentials = || vipps::Credentials::new(TOKEN);
    let servers = ["", "api.vipps.no", "ftp://api.vipps.no", "https://api.vipps.no?a=b", "https://", "/webhooks"];
    for server in servers.into_iter().chain(["https://a:hidden@b.test", "https://a.test ", "https://{host}/x"]) {
        let error = vipps::Client::new(server, credentials()).unwrap_err();
        assert!(matches!(error, SetupError::Server(_)), "{server}: {error}");
        assert!(!format!("{error} {error:?}").contains("hidden"));
    }
    let error = vipps::Client::new(vipps::TEST, credentials().ocp_apim_subscription_key("a\nb")).unwrap_err();
    let expected =
        "the credential for the header `ocp-apim-subscription-key` has characters that a header cannot carry";
    assert_eq!(error.to_string(), expected);
    assert!("123".parse::<vipps::models::MerchantSerialNumber>().is_err());
    assert!("12345678901".parse::<vipps::models::MerchantSerialNumber>().is_err());
}

#[test]
fn shows_no_secret() {
    let credentials = vipps::Credentials::new(TOKEN).ocp_apim_subscription_key("a-key-nobody-may-see");
    assert_eq!(format!("{credentials:?}"), "Credentials(..)");
    let client = vipps::Client::new(vipps::TEST, credentials).unwrap();
    assert_eq!(format!("{client:?}"), r#"Client { base_url: "https://apitest.vipps.no/webhooks", .. }"#);
    assert_eq!(format!("{:?}", Token::from(TOKEN)), "Token(..)");
    let body = mypos::models::CreateWebhook { payload_url: "https://a.test".into(), secret: "hidden".into() };
    assert!(!format!("{body:?}").contains("hidden"));
}

#[tokio::test]
async fn sends_the_text_of_a_url_unchanged() {
    let server =
        server(ResponseTemplate::new(200).set_body_raw(r#"{"message":"","data":null}"#, "application/json")).await;
    let client = mipos::Client::new(&server.uri(), mipos::Credentials::new(TOKEN)).unwrap();
    for url in ["https://a.test", "https://a.test/", "HTTPS://A.test:443/ä?x=[1]#f"] {
        client.delete_webhook(&mipos::models::DeleteWebhook { url: url.into() }).await.unwrap();
        let request = server.received_requests().await.unwrap().pop().unwrap();
        assert_eq!(String::from_utf8(request.body).unwrap(), format!(r#"{{"url":"{url}"}}"#));
    }
}

#[tokio::test]
async fn leaves_the_default_type_to_the_provider() {
    let server =
        server(ResponseTemplate::new(201).set_body_raw(r#"{"message":"","data":null}"#, "application/json")).await;
    let client = mipos::Client::new(&server.uri(), mipos::Credentials::new(TOKEN)).unwrap();
    let webhook = mipos::models::CreateWebhook { type_: None, url: "https://a.test".into() };
    client.create_webhook(&webhook).await.unwrap();
    let request = server.received_requests().await.unwrap().pop().unwrap();
    assert_eq!(request.body, br#"{"url":"https://a.test"}"#);
    assert_eq!(mipos::models::WebhookType::default(), mipos::models::WebhookType::Order);
}

#[tokio::test]
async fn updates_only_what_is_given() {
    let answer = r#"{"webhook":{"id":"647f091e-b4b5-423e-9dd2-58c832ebb793"}}"#;
    let server = server(ResponseTemplate::new(200).set_body_raw(answer, "application/json")).await;
    let client = mypos::Client::new(&server.uri(), mypos::Credentials::new(TOKEN)).unwrap();
    let off = mypos::models::UpdateWebhook { is_active: Some(0), payload_url: None, secret: None };
    client.update_webhook("647f091e-b4b5-423e-9dd2-58c832ebb793", &off).await.unwrap();
    let request = server.received_requests().await.unwrap().pop().unwrap();
    assert_eq!(request.body, b"is_active=0");
    assert_eq!(request.headers["content-type"], "application/x-www-form-urlencoded");
}

/// Values that would change the path, and characters that RFC 3986 does not allow in a segment.
const SEGMENTS: [(&str, &str); 6] = [
    ("../a/b?c#d%2e é", "..%2Fa%2Fb%3Fc%23d%252e%20%C3%A9"),
    (r"a\..\..\users\7", "a%5C..%5C..%5Cusers%5C7"),
    (r"..\7", "..%5C7"),
    ("%2e%2e", "%252e%252e"),
    (".\t.\r\n\0", ".%09.%0D%0A%00"),
    ("Az09-._~[]|^;:@&=+$,!*'()", "Az09-._~%5B%5D%7C%5E%3B%3A%40%26%3D%2B%24%2C%21%2A%27%28%29"),
];

#[tokio::test]
async fn keeps_a_path_parameter_in_its_segment() {
    let server = server(ResponseTemplate::new(204)).await;
    let client = vipps(&server.uri(), Options::default());
    for id in ["", ".", ".."] {
        let error = client.delete_webhook(id).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Request(_)), "{id}: {error}");
    }
    assert!(server.received_requests().await.unwrap().is_empty());
    let mypos = mypos::Client::new(&server.uri(), mypos::Credentials::new(TOKEN)).unwrap();
    for (id, segment) in SEGMENTS {
        client.delete_webhook(id).await.unwrap();
        mypos.delete_webhook(id).await.unwrap();
        for request in server.received_requests().await.unwrap().iter().rev().take(2) {
            assert_eq!(request.url.path(), format!("/v1/webhooks/{segment}"), "{id:?}");
        }
    }
}

#[tokio::test]
async fn takes_a_server_with_or_without_a_slash_at_its_end() {
    let server = MockServer::start().await;
    Mock::given(path("/webhooks/v1/webhooks")).respond_with(no_webhooks()).mount(&server).await;
    for base in ["/webhooks", "/webhooks/"] {
        vipps(&format!("{}{base}", server.uri()), Options::default()).list_webhooks().await.unwrap();
    }
}

#[tokio::test]
async fn a_response_that_takes_too_long_is_a_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = vipps(&format!("http://{}", listener.local_addr().unwrap()), Options::default());
    let call = tokio::spawn(async move { client.list_webhooks().await });
    let (mut stream, _) = listener.accept().await.unwrap();
    stream.read_u8().await.unwrap();
    pass(30).await;
    let error = call.await.unwrap().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Timeout(_)), "{error}");
    assert!(error.is_retryable());
    assert_eq!(error.to_string(), "list_webhooks: the provider did not respond in time");
}

#[tokio::test]
async fn a_refused_connection_is_an_error() {
    // A socket that is bound and does not listen keeps the port, and refuses.
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = closed.local_addr().unwrap();
    let error = vipps(&format!("http://{address}"), Options::default()).list_webhooks().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Connection(_)), "{error}");
    assert!(error.is_retryable() && error.status().is_none() && error.source().is_some());
}

#[tokio::test]
async fn reads_no_more_than_the_limit() {
    for status in [200, 400, 502] {
        let body = vec![b'x'; 10 * 1024 * 1024];
        let server = server(ResponseTemplate::new(status).set_body_raw(body, "text/html")).await;
        let error = vipps(&server.uri(), Options::default()).list_webhooks().await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::TooLarge { limit: 1_048_576 }), "{error}");
        assert_eq!(error.status().unwrap().as_u16(), status);
    }
    let exact = server(no_webhooks()).await;
    vipps(&exact.uri(), Options::default().max_answer_bytes(15)).list_webhooks().await.unwrap();
    let error = vipps(&exact.uri(), Options::default().max_answer_bytes(14)).list_webhooks().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { limit: 14 }));
}

#[tokio::test]
async fn uses_an_http_client_of_the_callers() {
    let server = MockServer::start().await;
    Mock::given(header("user-agent", "mine/1")).respond_with(no_webhooks()).mount(&server).await;
    let http = http_client().unwrap().user_agent("mine/1").build().unwrap();
    vipps(&server.uri(), Options::default().http_client(http)).list_webhooks().await.unwrap();
}

#[tokio::test]
async fn the_errors_of_all_operations_convert_to_one() {
    async fn both(server: &str) -> Result<(), AnyError> {
        mypos::Client::new(server, mypos::Credentials::new(TOKEN)).unwrap().delete_webhook("id").await?;
        mipos::Client::new(server, mipos::Credentials::new(TOKEN)).unwrap().list_webhooks().await?;
        Ok(())
    }
    let server = MockServer::start().await;
    Mock::given(path("/v1/webhooks/id")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let unauthorized = ResponseTemplate::new(401).set_body_raw(r#""Unauthorized.""#, "application/json");
    Mock::given(path("/api/v1/integration/webhooks")).respond_with(unauthorized).mount(&server).await;

    let error = both(&server.uri()).await.unwrap_err();
    assert_eq!((error.operation().id, error.status().unwrap().as_u16()), ("list_webhooks", 401));
    assert!(!error.is_retryable());
    assert_eq!(error.to_string(), "list_webhooks: 401 Unauthorized: the provider refused");
    assert_eq!(format!("{error:?}"), "Error(list_webhooks: 401 Unauthorized: the provider refused)");
    let documented = error.documented::<mipos::ListWebhooksError>().unwrap();
    assert_eq!(*documented, mipos::ListWebhooksError::Unauthorized("Unauthorized.".into()));
    let error = error.downcast::<mipos::CreateWebhookError>().unwrap_err();
    let error = error.downcast::<mipos::ListWebhooksError>().unwrap();
    assert_eq!(error.body(), br#""Unauthorized.""#);
    assert!(matches!(error.into_kind(), ErrorKind::Documented(mipos::ListWebhooksError::Unauthorized(_))));
}

#[tokio::test]
async fn gives_up_on_a_connection_that_takes_too_long() {
    for (options, limit) in [
        (Options::default(), 10),
        (Options::default().connect_timeout(Duration::from_secs(5)), 5),
        (Options::default().connect_timeout(Duration::from_secs(20)), 20),
    ] {
        // The connection is accepted, but the TLS handshake is not answered.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = options.retries(Retries::off());
        let client = vipps(&format!("https://{}", listener.local_addr().unwrap()), options);
        let begun = Instant::now();
        let call = tokio::spawn(async move { client.list_webhooks().await });
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        let mut passed = 0;
        while !call.is_finished() {
            pass(1).await;
            passed += 1;
        }
        let error = call.await.unwrap().unwrap_err();
        let ErrorKind::Connection(cause) = error.kind() else { panic!("{error}") };
        assert!(cause.is_timeout() && cause.is_connect(), "nothing was sent: {cause:?}");
        assert!(begun.elapsed() >= Duration::from_secs(limit) && passed < limit + 5, "{passed} s");
    }
}

#[tokio::test]
async fn sends_a_user_agent() {
    let server = server(no_webhooks()).await;
    vipps(&server.uri(), Options::default()).list_webhooks().await.unwrap();
    let request = server.received_requests().await.unwrap().pop().unwrap();
    assert_eq!(request.headers["user-agent"], concat!("pos-webhooks/", env!("CARGO_PKG_VERSION")));
}

/// HTTP/2 is where it shows on the wire that a header is sensitive: no proxy may keep it in a compression table.
#[cfg(feature = "http2")]
#[tokio::test]
async fn marks_credentials_as_sensitive() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let block = std::thread::spawn(move || first_header_block(listener));
    let http = http_client().unwrap().http2_prior_knowledge().build().unwrap();
    let credentials = vipps::Credentials::new(TOKEN)
        .ocp_apim_subscription_key("a-key-nobody-may-see")
        .merchant_serial_number("123456".parse().unwrap())
        .vipps_system_name("a shop");
    let options = Options::default().http_client(http).timeout(Duration::from_secs(5));
    vipps::Client::with_options(&url, credentials, options).unwrap().list_webhooks().await.unwrap_err();
    assert_eq!(never_indexed(&block.join().unwrap()), 4, "the token and three headers of the credentials");
}

/// The header block of the first request on an HTTP/2 connection.
#[cfg(feature = "http2")]
fn first_header_block(listener: TcpListener) -> Vec<u8> {
    const HEADERS: u8 = 1;
    let (mut stream, _) = listener.accept().unwrap();
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).unwrap();
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).unwrap();
        if head[3] == HEADERS {
            return payload;
        }
    }
}

/// How many fields of a header block are literals that are never indexed (RFC 7541, section 6.2.3).
#[cfg(feature = "http2")]
fn never_indexed(mut block: &[u8]) -> usize {
    fn integer(block: &mut &[u8], bits: u32) -> usize {
        let most = (1 << bits) - 1;
        let mut value = usize::from(block[0]) & most;
        let mut shift = 0;
        while value >= most && (shift == 0 || block[0] & 0x80 != 0) {
            *block = &block[1..];
            value += usize::from(block[0] & 0x7f) << shift;
            shift += 7;
        }
        *block = &block[1..];
        value
    }
    let mut found = 0;
    while let Some(first) = block.first().copied() {
        let (bits, literal) = match first.leading_zeros() {
            0 => (7, false),
            1 => (6, true),
            2 => (5, false),
            _ => (4, true),
        };
        found += usize::from(first >> 4 == 1);
        // A literal whose name has no index has name and value.
        let texts = if integer(&mut block, bits) == 0 { 2 } else { 1 };
        for _ in 0..if literal { texts } else { 0 } {
            let length = integer(&mut block, 7);
            block = &block[length..];
        }
    }
    found
}

#[test]
fn can_cross_threads() {
    fn assert<T: Send + Sync + Clone>() {}
    assert::<Options>();
    assert::<vipps::Client>();
    assert::<vipps::Credentials>();
}

/// Fails to compile where the future of a call could not be spawned.
macro_rules! can_be_spawned {
    ($provider:ident: $($operation:ident($($argument:ident: $kind:ty),*)$(($($optional:ident),*))?;)*) => {
        $({
            fn _future(
                client: $provider::Client,
                $($argument: $kind,)*
                $($($optional: Option<String>,)*)?
            ) -> impl Future + Send + 'static {
                async move { client.$operation($(&$argument,)* $($($optional.as_deref(),)*)?).await.map(drop) }
            }
        })*
        let operations: Vec<_> = $provider::PROVIDER.operations.iter().map(|operation| operation.id).collect();
        assert_eq!(operations, [$(stringify!($operation)),*]);
    };
}

#[test]
fn every_call_can_be_spawned() {
    can_be_spawned! { mipos:
        create_webhook(body: mipos::models::CreateWebhook);
        update_webhook(body: mipos::models::UpdateWebhook);
        delete_webhook(body: mipos::models::DeleteWebhook);
        list_webhooks();
        list_orders(store_id: String);
        search_orders(body: mipos::models::OrderSearch);
        accept_order(body: mipos::models::AcceptOrder);
        deny_order(body: mipos::models::DenyOrder);
        upload_menu(body: mipos::models::StoreMenu);
        send_market_order(body: mipos::models::MarketOrder);
        set_logistics_webhook(body: mipos::models::LogisticsWebhook);
        list_logistics_integrations();
        switch_logistics_integration(body: mipos::models::LogisticsSwitch);
        set_delivery_status_webhook(body: mipos::models::LogisticsPosWebhook);
        set_delivery_location_webhook(body: mipos::models::LogisticsPosWebhook);
        estimate_delivery(body: mipos::models::StoreDelivery);
        request_delivery(body: mipos::models::StoreDelivery);
        request_token(body: mipos::models::TokenRequest);
        refresh_token(body: mipos::models::TokenRefresh);
    }
    can_be_spawned! { mypos:
        create_webhook(body: mypos::models::CreateWebhook);
        list_webhooks()(page, size);
        get_webhook(id: String);
        update_webhook(id: String, body: mypos::models::UpdateWebhook);
        delete_webhook(id: String);
        list_events()(page, size);
        create_subscription(body: mypos::models::CreateSubscription);
        list_subscriptions()(page, size);
        get_subscription(id: String);
        update_subscription(id: String, body: mypos::models::UpdateSubscription);
        delete_subscription(id: String);
        fake_notification(id: String);
        list_notifications()(page, size);
        request_token(username: String, password: String, body: mypos::models::TokenRequest);
        revoke_token(username: String, password: String, body: mypos::models::TokenRevocation);
    }
    can_be_spawned! { vipps:
        list_webhooks();
        register_webhook(body: vipps::models::RegisterWebhook);
        delete_webhook(id: String);
        get_access_token(client_id: String, client_secret: String);
        get_donations_token(username: String, password: String, body: vipps::models::DonationsTokenRequest);
    }
}
