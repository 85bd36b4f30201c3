//! The message of an event: its subject, and its headers by the binary mode of CloudEvents.

use async_nats::HeaderMap;
use async_nats::header::{HeaderValue, NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_EXPECTED_STREAM, NATS_MESSAGE_ID};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::NatsSettings;
use crate::listen::sink::Event;

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
            (format!("u-{id}"), id)
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
        ("ce-source", &format!("/pos-webhooks/{route}")),
        ("ce-type", &format!("{provider}.{name}")),
        ("ce-time", &event.received_at.to_string()),
        ("pos-webhooks-known", if event.known { "true" } else { "false" }),
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
        headers.insert("pos-webhooks-error", value(error));
    }
    for (name, text) in event.headers {
        headers.insert(format!("pos-webhooks-header-{name}").as_str(), value(text));
    }
    (subject, headers)
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

fn key_token(key: &str) -> String {
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
    fn the_value_of_a_header_is_short_and_has_no_line_breaks() {
        assert_eq!(value("a\r\nNats-Rollup: all%").as_str(), "a%0D%0ANats-Rollup:%20all%25");
        assert_eq!(value("é\u{2028}").as_str(), "%C3%A9%E2%80%A8");
        assert!(value(&"é".repeat(9999)).as_str().len() <= VALUE);
        assert_eq!(value(&"é".repeat(9999)).as_str().len() % 6, 0);
    }
}
