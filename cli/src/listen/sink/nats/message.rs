//! The message of an event: its subject, and its headers by the binary mode of CloudEvents.

use std::collections::BTreeMap;

use async_nats::HeaderMap;
use async_nats::header::{HeaderValue, NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use hyper::body::Bytes;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::NatsSettings;
use crate::listen::sink::Event;
use crate::source::{Place, StoredEvent};

/// The beginning of the source of an event, before its route.
const SOURCE: &str = "/pos-webhooks/";

const KNOWN: &str = "pos-webhooks-known";
const ERROR: &str = "pos-webhooks-error";
/// The beginning of the name of a header of the delivery.
const HEADER_OF_DELIVERY: &str = "pos-webhooks-header-";

/// The size that all headers of a message may have.
pub const HEADERS: usize = 16 << 10;

/// The size that the value of a header may have. What is longer is cut.
const VALUE: usize = 1 << 10;

/// The length that a key or the name of an event may have in a subject. Servers accept lines of 4 KiB.
const PART: usize = 512;

/// The name of an event without a name.
const UNNAMED: &str = "-";

/// All but letters, digits, hyphens and low lines.
const TOKEN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// What CloudEvents encodes in the value of a header.
const HEADER: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// The subject and the headers of an event.
pub fn of(event: &Event<'_>, settings: &NatsSettings) -> (String, HeaderMap) {
    let Event { route, provider, .. } = *event;
    // An event without a key is another one each time it is delivered.
    let (key, id) = match event.idempotency_key {
        Some(key) => (key_token(key), key.to_owned()),
        None => {
            let id = Uuid::new_v4().to_string();
            (unkeyed(&id), id)
        }
    };
    let name = event.event.unwrap_or(UNNAMED);
    let subject = format!(
        "{}.{}.{key}.{}.{}",
        settings.subject,
        encode(route, TOKEN),
        encode(provider, TOKEN),
        event_tokens(name)
    );
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, value(&format!("{route}:{key}")));
    headers.insert(NATS_EXPECTED_STREAM, value(&settings.stream));
    headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, value("0"));
    let attributes = [
        ("ce-specversion", "1.0"),
        ("ce-id", &id),
        ("ce-source", &format!("{SOURCE}{route}")),
        ("ce-type", &format!("{provider}.{name}")),
        ("ce-time", &event.received_at.to_string()),
        (KNOWN, if event.known { "true" } else { "false" }),
    ];
    for (name, text) in attributes {
        headers.insert(name, value(text));
    }
    let content_type = event.headers.iter().find(|(name, _)| *name == "content-type");
    let content_type = content_type.map(|(_, value)| value.as_str());
    if let Some(content_type) = content_type.or(event.payload.map(|_| "application/json")) {
        headers.insert("ce-datacontenttype", value(content_type));
    }
    if let Some(error) = event.error {
        headers.insert(ERROR, value(error));
    }
    for (name, text) in event.headers {
        headers.insert(format!("{HEADER_OF_DELIVERY}{name}").as_str(), value(text));
    }
    (subject, headers)
}

/// Reads an event from the parts of its message. `tokens` are those of the subject after the beginning that all of them have. The
/// error says why it is not an event.
pub fn parse(
    place: Place,
    tokens: &str,
    headers: &BTreeMap<String, String>,
    body: Bytes,
) -> Result<StoredEvent, &'static str> {
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().ok().map(String::from);
    let header = |name: &str| headers.get(name).and_then(|value| decoded(value));
    let source = header("ce-source").ok_or("it does not have the header ce-source")?;
    let route = source.strip_prefix(SOURCE).ok_or("its ce-source is not that of an event of `listen`")?;
    let mut tokens = tokens.split('.');
    let (key, provider) = (tokens.nth(1), tokens.next());
    let provider = provider.and_then(decoded).ok_or("its subject does not have a provider")?;
    let name = header("ce-type").ok_or("it does not have the header ce-type")?;
    let name = name.strip_prefix(&provider).and_then(|rest| rest.strip_prefix('.'));
    let name = name.ok_or("its ce-type does not begin with the provider of its subject")?;
    let id = header("ce-id").ok_or("it does not have the header ce-id")?;
    let is_unkeyed = key == Some(&unkeyed(&id));
    let time = header("ce-time").and_then(|time| time.parse().ok());
    let of_delivery = |(name, value): (&String, &String)| {
        Some((name.strip_prefix(HEADER_OF_DELIVERY)?.to_owned(), decoded(value).unwrap_or_default()))
    };
    Ok(StoredEvent {
        place,
        received_at: time.ok_or("its ce-time is missing or not a time")?,
        route: route.to_owned(),
        event: Some(name).filter(|name| *name != UNNAMED).map(str::to_owned),
        provider,
        known: header(KNOWN).is_some_and(|known| known == "true"),
        idempotency_key: Some(id).filter(|_| !is_unkeyed),
        headers: headers.iter().filter_map(of_delivery).collect(),
        body,
        error: header(ERROR),
        line: None,
    })
}

/// The tokens of the name of an event: those between its dots.
fn event_tokens(name: &str) -> String {
    let is_regular = name.split('.').all(|token| !token.is_empty());
    let tokens = if is_regular {
        let tokens: Vec<_> = name.split('.').map(|token| encode(token, TOKEN)).collect();
        tokens.join(".")
    } else {
        encode(name, TOKEN)
    };
    if tokens.len() > PART || tokens.is_empty() { digest(name) } else { tokens }
}

/// The token of an event without a key, which has this id.
fn unkeyed(id: &str) -> String {
    format!("u-{id}")
}

/// The token of a key.
pub fn key_token(key: &str) -> String {
    let token = encode(key, TOKEN);
    if token.len() > PART || token.is_empty() { digest(key) } else { token }
}

fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

fn encode(text: &str, set: &'static AsciiSet) -> String {
    utf8_percent_encode(text, set).to_string()
}

/// The value of a header. It does not have line breaks, since these are encoded.
fn value(text: &str) -> HeaderValue {
    let mut encoded = String::new();
    let mut bytes = [0; 4];
    for character in text.chars() {
        let character = encode(character.encode_utf8(&mut bytes), HEADER);
        if encoded.len() + character.len() > VALUE {
            break;
        }
        encoded += &character;
    }
    HeaderValue::from(encoded.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_event_is_always_a_valid_part_of_a_subject() {
        for (name, tokens) in [
            ("epayments.payment.captured.v1", "epayments.payment.captured.v1"),
            ("a b", "a%20b"),
            ("*", "%2A"),
            ("a.>", "a.%3E"),
            ("a..b", "a%2E%2Eb"),
            (".", "%2E"),
            ("%2E", "%252E"),
            ("kjøp\r\n", "kj%C3%B8p%0D%0A"),
        ] {
            assert_eq!(event_tokens(name), tokens);
        }
        assert_eq!(event_tokens(&"x".repeat(513)).len(), 64);
        assert_eq!(event_tokens("").len(), 64);
    }

    #[test]
    fn an_event_is_read_as_it_was_written() {
        let settings = NatsSettings {
            servers: Vec::new(),
            login: crate::listen::sink::nats::Login::None,
            tls: Default::default(),
            stream: "S".to_owned(),
            subject: "a.b".to_owned(),
            replicas: 1,
            sync_always: false,
            monitors: Vec::new(),
        };
        let body = Bytes::from_static(b"\xff{}");
        let sent = [("content-type", "a/b; c=\"é\"".to_owned()), ("x-time", "100%".to_owned())];
        for (name, key, error) in [
            (Some("payment.captured.v1"), Some("u-1"), None),
            (Some("a..b *>"), None, Some("line\r\nbreak")),
            (None, Some("a.b c"), None),
            (None, None, None),
        ] {
            let event = Event {
                received_at: "2026-11-28T01:02:03.000000004Z".parse().unwrap(),
                route: "shop",
                provider: "a-provider",
                event: name,
                known: name.is_some(),
                idempotency_key: key,
                headers: &sent,
                payload: None,
                body: &body,
                error,
            };
            let (subject, headers) = of(&event, &settings);
            let headers = headers
                .iter()
                .map(|(name, values)| (name.to_string(), values[0].to_string()))
                .collect::<BTreeMap<_, _>>();
            let tokens = subject.strip_prefix("a.b.").unwrap();
            let read = parse(Place::Number(1), tokens, &headers, body.clone()).ok().unwrap();
            assert_eq!((read.received_at, read.route.as_str()), (event.received_at, "shop"));
            assert_eq!((read.provider.as_str(), read.event.as_deref(), read.known), ("a-provider", name, event.known));
            assert_eq!((read.idempotency_key.as_deref(), read.error.as_deref()), (key, error));
            assert_eq!(read.headers, sent.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect());
            for missing in ["ce-source", "ce-type", "ce-id", "ce-time"] {
                let mut headers = headers.clone();
                headers.remove(missing);
                assert!(parse(Place::Number(1), tokens, &headers, body.clone()).is_err(), "{missing}");
            }
            assert!(parse(Place::Number(1), "shop", &headers, body.clone()).is_err());
        }
    }

    #[test]
    fn the_value_of_a_header_is_short_and_has_no_line_breaks() {
        assert_eq!(value("a\r\nNats-Rollup: all%").as_str(), "a%0D%0ANats-Rollup:%20all%25");
        assert_eq!(value("é\u{2028}").as_str(), "%C3%A9%E2%80%A8");
        assert!(value(&"é".repeat(9999)).as_str().len() <= VALUE);
        assert_eq!(value(&"é".repeat(9999)).as_str().len() % 6, 0);
    }
}
