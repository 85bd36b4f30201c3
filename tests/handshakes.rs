//! A receiver answers what a provider asks of it before it registers a URL, and nothing else. The providers are those of
//! `docs/schemes/` that document a handshake.

#[path = "signatures/specification.rs"]
mod specification;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use pos_webhooks::verify::{HandshakeAnswer, HandshakeError, VerifyError};
use pos_webhooks::{AnyReceiver, Registered};
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: &str = "an app secret";
const URL: &str = "https://shop.example/hooks";

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

fn receiver(scheme: &str, secrets: &[&str]) -> AnyReceiver {
    let registered = Registered { url: Some(URL), event: Some("paid"), ..Default::default() };
    AnyReceiver::new(specification::provider(scheme), registered, secrets.iter().copied()).unwrap()
}

fn request(method: &str, query: &str, headers: &[(&str, String)], body: &str) -> Request<String> {
    let mut request = Request::builder().method(method).uri(format!("/hooks{query}"));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    request.body(body.to_owned()).unwrap()
}

fn asked(method: &str, query: &str) -> Request<String> {
    request(method, query, &[], "")
}

fn hmac(secret: &str, text: &str) -> Vec<u8> {
    let key = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    key.chain_update(text).finalize().into_bytes().to_vec()
}

type Answered = Result<Option<HandshakeAnswer>, HandshakeError>;

/// Status, media type and body.
fn parts(answered: Answered) -> (u16, Option<&'static str>, String) {
    let HandshakeAnswer { status, content_type, body, .. } = answered.unwrap().expect("a handshake");
    (status.as_u16(), content_type, body)
}

fn text(body: &str) -> (u16, Option<&'static str>, String) {
    (200, Some("text/plain"), body.to_owned())
}

fn json_of(answered: Answered) -> Value {
    let (status, media_type, body) = parts(answered);
    assert_eq!((status, media_type), (200, Some("application/json")));
    serde_json::from_str(&body).unwrap()
}

/// Headers of a request to which these names belong, signed as Slack and Zoom do.
fn signed(names: [&'static str; 2], secret: &str, body: &str) -> [(&'static str, String); 2] {
    let signature = hex::encode(hmac(secret, &format!("v0:1700000000:{body}")));
    [(names[0], format!("v0={signature}")), (names[1], "1700000000".to_owned())]
}

const SLACK: [&str; 2] = ["X-Slack-Signature", "X-Slack-Request-Timestamp"];
const ZOOM: [&str; 2] = ["x-zm-signature", "x-zm-request-timestamp"];

#[test]
fn a_challenge_in_a_signed_body_is_repeated() {
    let receiver = receiver("slack", &[SECRET]);
    let body = r#"{"token": "old", "challenge": "3eZb\u0072w1aBm2r", "type": "url_verification"}"#;
    let genuine = request("POST", "", &signed(SLACK, SECRET, body), body);
    assert_eq!(parts(receiver.handshake(&genuine, now())), text("3eZbrw1aBm2r"));

    let forged = request("POST", "", &signed(SLACK, "another", body), body);
    let refused = receiver.handshake(&forged, now()).unwrap_err();
    assert_eq!(refused, HandshakeError::Verify(VerifyError::SignatureMismatch));
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let later = Timestamp::from_second(1_700_000_301).unwrap();
    let stale = receiver.handshake(&genuine, later);
    assert!(matches!(stale, Err(HandshakeError::Verify(VerifyError::Stale { .. }))), "{stale:?}");

    for other in [r#"{"type": "event_callback", "challenge": "a"}"#, r#"{"challenge": "a"}"#, "[]", "", "{"] {
        let delivery = request("POST", "", &signed(SLACK, SECRET, other), other);
        assert_eq!(receiver.handshake(&delivery, now()), Ok(None), "{other}");
    }
    assert_eq!(receiver.handshake(&request("PUT", "", &signed(SLACK, SECRET, body), body), now()), Ok(None));

    let lacking = r#"{"type": "url_verification", "challenge": ["a"]}"#;
    let refused =
        receiver.handshake(&request("POST", "", &signed(SLACK, SECRET, lacking), lacking), now()).unwrap_err();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let expected =
        "the request does not have exactly one text or number at `/challenge` of its body, which the answer repeats";
    assert_eq!(refused.to_string(), expected);
}

#[test]
fn a_token_is_answered_with_its_hmac() {
    let body = r#"{"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZRS6UYooatFL8Aw"}}"#;
    let answer = |secrets: &[&str], secret: &str| {
        receiver("zoom", secrets).handshake(&request("POST", "", &signed(ZOOM, secret, body), body), now())
    };
    let expected = |secret: &str| {
        let mac = hex::encode(hmac(secret, "qgg8vlvZRS6UYooatFL8Aw"));
        json!({"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": mac})
    };
    assert_eq!(json_of(answer(&[SECRET], SECRET)), expected(SECRET));
    assert_eq!(
        json_of(answer(&["old", "new"], "new")),
        expected("new"),
        "that of the secret that verifies the request"
    );
    assert_eq!(json_of(answer(&["old", "new"], "old")), expected("old"));
    assert!(matches!(answer(&["old"], "new"), Err(HandshakeError::Verify(VerifyError::SignatureMismatch))));

    let unsigned = asked("GET", "?crc_token=a+b");
    let answer = receiver("x", &[SECRET]).handshake(&unsigned, now());
    assert_eq!(answer, Err(HandshakeError::NotAChallenge));
    for forged in ["%7B%22amount%22:1%7D", "1700000000.%5B1%5D", &"a".repeat(257)] {
        let answer = receiver("x", &[SECRET]).handshake(&asked("GET", &format!("?crc_token={forged}")), now());
        assert_eq!(answer, Err(HandshakeError::NotAChallenge), "the signature of a delivery of the sender's choice");
    }
    let unsigned = asked("GET", "?crc_token=a-b_1%2B%2F%3D");
    let answer = receiver("x", &[SECRET, "another"]).handshake(&unsigned, now());
    assert_eq!(
        json_of(answer),
        json!({"response_token": format!("sha256={}", STANDARD.encode(hmac(SECRET, "a-b_1+/=")))})
    );
}

/// Anyone can have the HMAC of a challenge made, and send it with the challenge as the body of a delivery.
#[test]
fn the_answer_to_a_challenge_does_not_sign_a_delivery() {
    let receiver = receiver("x", &[SECRET]);
    let signature = |text: &str| format!("sha256={}", STANDARD.encode(hmac(SECRET, text)));
    for body in ["123", "true", "a", "a=9", ""] {
        let answer = receiver.handshake(&asked("GET", &format!("?crc_token={}", body.replace('=', "%3D"))), now());
        assert_eq!(json_of(answer), json!({ "response_token": signature(body) }));
        let delivery = request("POST", "", &[("x-twitter-webhooks-signature", signature(body))], body);
        assert_eq!(receiver.verify(delivery.headers(), body.as_bytes(), now()), Err(VerifyError::SignatureMismatch));
    }
    let body = r#"{"id":"1"}"#;
    let delivery = request("POST", "", &[("x-twitter-webhooks-signature", signature(body))], body);
    assert_eq!(receiver.verify(delivery.headers(), body.as_bytes(), now()), Ok(()));
}

#[cfg(feature = "ed25519")]
#[test]
fn a_ping_is_answered_with_a_pong() {
    let keys = ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new([1; 32]));
    let receiver = receiver("discord", &[&hex::encode(*keys.pk)]);
    let headers = |body: &str| {
        let signature = hex::encode(*keys.sk.sign(format!("1700000000{body}"), None));
        [("X-Signature-Ed25519", signature), ("X-Signature-Timestamp", "1700000000".to_owned())]
    };
    let ping = r#"{"id": "1", "type": 1}"#;
    assert_eq!(json_of(receiver.handshake(&request("POST", "", &headers(ping), ping), now())), json!({"type": 1}));
    let refused = receiver.handshake(&request("POST", "", &headers("{}"), ping), now());
    assert_eq!(refused, Err(HandshakeError::Verify(VerifyError::SignatureMismatch)));
    for other in [r#"{"type": 2}"#, r#"{"type": "1"}"#, r#"{"type": 11}"#] {
        assert_eq!(receiver.handshake(&request("POST", "", &headers(other), other), now()), Ok(None), "{other}");
    }
}

#[test]
fn a_challenge_in_the_query_is_repeated() {
    let receiver = receiver("dropbox", &[SECRET]);
    let answer = |query: &str| receiver.handshake(&asked("GET", query), now());
    assert_eq!(parts(answer("?challenge=abc123")), text("abc123"));
    assert_eq!(parts(answer("?a=b&challenge=a%2Bb+%3Cc%3E&d")), text("a+b <c>"));
    for other in ["", "?", "?Challenge=a", "?challenges=a"] {
        assert_eq!(answer(other), Ok(None), "{other}");
    }
    let refused = answer("?challenge=a&challenge=b").unwrap_err();
    assert_eq!(refused, HandshakeError::Missing("query parameter `challenge`".to_owned()));
    assert_eq!(receiver.handshake(&asked("POST", "?challenge=abc123"), now()), Ok(None));

    let response: Response<String> = answer("?challenge=%3Cscript%3E").unwrap().unwrap().into();
    assert_eq!(response.headers()["content-type"], "text/plain");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff", "a browser would run what a link contains");
    assert_eq!(response.into_body(), "<script>");
}

#[test]
fn a_token_of_the_receiver_is_checked() {
    let receiver = receiver("meta", &[SECRET]).with_verify_token("meatyhamhock").unwrap();
    let answer = |query: &str| receiver.handshake(&asked("GET", query), now());
    let right = "?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=meatyhamhock";
    assert_eq!(parts(answer(right)), text("1158201444"));
    for wrong in ["meatyham", "", "meatyhamhock2", "Meatyhamhock", "meatyhamhock&hub.verify_token=meatyhamhock"] {
        let query = format!("?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={wrong}");
        let refused = answer(&query).unwrap_err();
        assert_eq!(refused, HandshakeError::WrongToken("hub.verify_token"), "{wrong}");
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        assert!(!refused.to_string().contains("meatyham") && !refused.to_string().contains("1158201444"));
    }
    let missing = answer("?hub.mode=subscribe&hub.challenge=1158201444");
    assert_eq!(missing, Err(HandshakeError::WrongToken("hub.verify_token")));
    assert_eq!(answer("?hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=meatyhamhock"), Ok(None));

    let without = crate::receiver("meta", &[SECRET]).handshake(&asked("GET", right), now()).unwrap_err();
    assert_eq!(without, HandshakeError::NoToken("hub.verify_token"));
    assert_eq!(without.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert!(crate::receiver("meta", &[SECRET]).with_verify_token(" ").is_err());
    assert!(!format!("{receiver:?}").contains("meatyhamhock"));
}

#[test]
fn a_probe_without_content_is_answered_without_a_body() {
    let receiver = receiver("trello", &[SECRET]);
    assert_eq!(parts(receiver.handshake(&asked("HEAD", ""), now())), (200, None, String::new()));
    assert_eq!(receiver.handshake(&asked("GET", ""), now()), Ok(None));
    assert_eq!(receiver.handshake(&request("POST", "", &[], "{}"), now()), Ok(None));
}

#[test]
fn without_a_described_handshake_no_request_is_one() {
    let receiver = receiver("github", &[SECRET]);
    for method in ["GET", "HEAD", "POST", "OPTIONS"] {
        assert_eq!(receiver.handshake(&asked(method, "?challenge=a"), now()), Ok(None), "{method}");
    }
}
