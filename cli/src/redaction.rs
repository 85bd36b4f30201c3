//! Replaces secrets in captured deliveries. What the signature of a provider needs is not secret, and is kept.

use std::borrow::Cow;
use std::fmt;

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use pos_webhooks::catalogue::{EventNamePlace, FormPart, Part, Provider, Signature, Verification};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::refused_file::{HeaderLine, HeaderText};

/// The parts of names of headers and parameters that carry secrets.
const SECRETS: [&str; 13] = [
    "assertion",
    "auth",
    "bearer",
    "cookie",
    "credential",
    "jwt",
    "key",
    "pass",
    "pwd",
    "saml",
    "secret",
    "session",
    "token",
];
/// The same as whole words.
const SECRET_WORDS: [&str; 6] = ["otp", "pin", "pw", "sas", "sid", "ticket"];
/// The words of names that carry a signature. That of a URL is all that is needed to use it.
const SIGNATURE_WORDS: [&str; 4] = ["hmac", "sig", "sign", "signature"];
/// A word of parameters that carry a secret; a header of that name has a code of another kind.
const CODE: &str = "code";

/// How often a text is decoded in search of further URLs. What is encoded more often is taken for a secret.
const NESTED: u8 = 3;

/// The number of characters of the hash that are kept.
const PREFIX: usize = 8;

/// What is left of a secret: enough to recognise it, and too little to use it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redacted {
    pub bytes: usize,
    /// The beginning of its SHA-256 in hexadecimal.
    pub sha256: String,
}

impl Redacted {
    pub fn of(secret: &[u8]) -> Self {
        let mut sha256 = hex::encode(Sha256::digest(secret));
        sha256.truncate(PREFIX);
        Self { bytes: secret.len(), sha256 }
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "redacted-{}-bytes-sha256-{}", self.bytes, self.sha256)
    }
}

/// The headers of a delivery without its secrets.
pub fn headers(provider: &'static Provider, headers: &HeaderMap) -> Vec<HeaderLine> {
    let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let value = if is_secret(provider, name.as_str(), value.as_bytes()) {
            HeaderText::Redacted(Redacted::of(value.as_bytes()))
        } else {
            HeaderText::of(value.as_bytes())
        };
        HeaderLine { name: name.as_str().to_owned(), value }
    };
    headers.iter().map(line).collect()
}

/// The path and query of a request without secrets.
pub fn target(provider: &'static Provider, target: &str) -> String {
    let Some((before, query)) = target.split_once('?') else { return path(target) };
    let token = provider.handshake.and_then(|handshake| handshake.token);
    let is_secret = |name: &str, value: &str| {
        let name = decoded(name);
        token.is_some_and(|token| *name == *token) || is_parameter(&name) || has_secret(value, NESTED)
    };
    let parameter = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if is_secret(name, value) => format!("{name}={}", Redacted::of(value.as_bytes())),
        // A value without a name may be a key.
        None if !parameter.is_empty() => Redacted::of(parameter.as_bytes()).to_string(),
        _ => parameter.to_owned(),
    };
    format!("{}?{}", path(before), query.split('&').map(parameter).collect::<Vec<_>>().join("&"))
}

/// A path without the values of secret parameters, such as `;jsessionid=…`.
pub fn path(path: &str) -> String {
    let segment = |segment: &str| match has_parameter(&decoded(segment), &['=']) {
        true => Redacted::of(segment.as_bytes()).to_string(),
        false => segment.to_owned(),
    };
    path.split('/').map(segment).collect::<Vec<_>>().join("/")
}

fn is_secret(provider: &'static Provider, name: &str, value: &[u8]) -> bool {
    let of_events = provider.events.iter().filter_map(|event| event.verification.as_ref());
    let mut is_needed =
        matches!(provider.event_name, Some(EventNamePlace::Header(it)) if it.eq_ignore_ascii_case(name));
    let mut is_named = is_needed;
    for verification in of_events.chain(&provider.verification) {
        match verification {
            Verification::Keys(keys) if keys.places.iter().any(|it| it.header.eq_ignore_ascii_case(name)) => {
                return true;
            }
            Verification::Signatures(signatures) => {
                is_needed |= signatures.iter().any(|signature| needs(signature, name, value));
                let mut headers = signatures.iter().flat_map(|signature| signature.headers);
                is_named |= headers.any(|header| header.eq_ignore_ascii_case(name));
            }
            _ => {}
        }
    }
    let is_secret = || {
        is_suspicious(name)
            || (!is_named && has_word(name, &SIGNATURE_WORDS))
            || has_secret(&String::from_utf8_lossy(value), NESTED)
    };
    !is_needed && is_secret()
}

/// Whether this is the name of a header or a parameter with a secret.
fn is_suspicious(name: &str) -> bool {
    let lowercase = name.to_ascii_lowercase();
    SECRETS.iter().any(|part| lowercase.contains(part)) || has_word(name, &SECRET_WORDS)
}

/// Whether this is the name of a parameter with a secret.
fn is_parameter(name: &str) -> bool {
    is_suspicious(name) || has_word(name, &SIGNATURE_WORDS) || has_word(name, &[CODE])
}

fn has_word(name: &str, words: &[&str]) -> bool {
    let mut parts = name.split(|character: char| !character.is_ascii_alphanumeric());
    parts.any(|part| words.iter().any(|word| part.eq_ignore_ascii_case(word)))
}

/// Whether a text has a URL with a user or with a value without a name in its query, or has a parameter with a secret.
fn has_secret(text: &str, nested: u8) -> bool {
    let is_unnamed = |parameter: &str| !parameter.is_empty() && !parameter.contains('=');
    let of_url = |word: &str| {
        let query = word.split_once('?').and_then(|(_, query)| query.split('#').next()).unwrap_or_default();
        word.split_once("://").is_some_and(|(_, rest)| rest.contains('@')) || query.split(['&', '?']).any(is_unnamed)
    };
    let is_end = |character: char| character.is_whitespace() || matches!(character, '"' | '\'' | '<' | '>');
    if text.split(is_end).any(of_url) || has_parameter(text, &['=', ':']) {
        return true;
    }
    let decoded = decoded(text);
    *decoded != *text && nested.checked_sub(1).is_none_or(|nested| has_secret(&decoded, nested))
}

/// Whether a text has the name of a parameter with a secret before one of these separators.
fn has_parameter(text: &str, separators: &[char]) -> bool {
    const QUOTES: [char; 2] = ['"', '\''];
    let is_in_name = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_' | '.' | '[' | ']');
    text.match_indices(separators).any(|(at, separator)| {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at + separator.len()..).unwrap_or_default();
        // A colon is also before a port.
        let separates =
            separator != ":" || before.ends_with(QUOTES) || after.starts_with(QUOTES) || after.starts_with(' ');
        let before = before.trim_end_matches([' ', '"', '\'', '\\']);
        separates && before.rsplit(|character| !is_in_name(character)).next().is_some_and(is_parameter)
    })
}

fn decoded(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// Whether a header belongs to a signature, and has the form of it.
fn needs(signature: &Signature, name: &str, value: &[u8]) -> bool {
    let is_name = |other: &str| other.eq_ignore_ascii_case(name);
    if signature.headers.iter().any(|header| is_name(header)) {
        let Some(FormPart::Text(before)) = signature.form.first() else { return true };
        let value = String::from_utf8_lossy(value);
        return value.split(signature.separator.unwrap_or("\n")).any(|item| item.trim_start().starts_with(before));
    }
    let is_signed = |part: &Part| matches!(part, Part::Header(header) if is_name(header));
    signature.time.iter().flat_map(|time| time.headers).any(|header| is_name(header))
        || signature.id.iter().flat_map(|id| id.headers).any(|header| is_name(header))
        || signature.digest.and_then(|digest| digest.header).is_some_and(is_name)
        || signature.signed.iter().any(|parts| parts.iter().any(is_signed))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use pos_webhooks::PROVIDERS;
    use pos_webhooks::catalogue::{EventNamePlace, Verification};
    use pos_webhooks::verify::{ToSign, sign};

    use super::{HeaderText, Redacted, headers, target};

    fn is_redacted(provider: &'static pos_webhooks::catalogue::Provider, name: &str, value: &str) -> bool {
        let mut given = HeaderMap::new();
        given.insert(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
        matches!(headers(provider, &given)[0].value, HeaderText::Redacted(_))
    }

    #[test]
    fn keys_are_redacted_and_what_verification_needs_is_kept() {
        for provider in PROVIDERS.iter() {
            for (name, value) in [
                ("cookie", "a=b"),
                ("authorization", "Bearer abc"),
                ("authorization", "Basic YTpi"),
                ("proxy-authorization", "Basic YTpi"),
                ("x-api-key", "abc"),
                ("x-auth-token", "abc"),
            ] {
                assert!(is_redacted(provider, name, value), "{} {name}: {value}", provider.name);
            }
            assert!(!is_redacted(provider, "content-type", "application/json"));
            if let Some(EventNamePlace::Header(name)) = provider.event_name {
                assert!(!is_redacted(provider, name, "order"), "{name}");
            }
            let at = jiff::Timestamp::UNIX_EPOCH;
            let to_sign =
                ToSign { url: Some("https://shop.example/hooks"), id: Some("1"), headers: &[], body: b"{}", at };
            for verification in provider
                .verification
                .iter()
                .chain(provider.events.iter().filter_map(|event| event.verification.as_ref()))
            {
                let Ok(signed) = sign(verification, None, &"5ec7e70f0a5707e2".into(), &to_sign) else { continue };
                let is_key = matches!(verification, Verification::Keys(_));
                for (name, value) in signed {
                    assert_eq!(is_redacted(provider, name, &value), is_key, "{} {name}: {value}", provider.name);
                }
            }
        }
    }

    #[test]
    fn secrets_in_the_query_are_redacted() {
        let provider = *PROVIDERS.first().unwrap();
        let redacted = Redacted::of(b"abc");
        assert_eq!(redacted.to_string(), "redacted-3-bytes-sha256-ba7816bf");
        let shown = target(provider, "/hooks/a?x=1&api_key=abc&verify_token=abc");
        assert_eq!(shown, format!("/hooks/a?x=1&api_key={redacted}&verify_token={redacted}"));
        assert_eq!(target(provider, "/hooks/a"), "/hooks/a");
        for (given, expected) in [
            ("/a?token=abc&token=abc", format!("/a?token={redacted}&token={redacted}")),
            ("/a?%74oken=abc", format!("/a?%74oken={redacted}")),
            ("/a?X-Amz-Signature=abc&X-Amz-Date=1", format!("/a?X-Amz-Signature={redacted}&X-Amz-Date=1")),
            ("/a?sig=abc&code=abc", format!("/a?sig={redacted}&code={redacted}")),
            ("/a?abc", format!("/a?{redacted}")),
            ("/a?x=1&abc", format!("/a?x=1&{redacted}")),
            ("/a;key=1/b?x=1", format!("/{}/b?x=1", Redacted::of(b"a;key=1"))),
            ("/a?to=https%3A%2F%2Fu%3Ap%40b", format!("/a?to={}", Redacted::of(b"https%3A%2F%2Fu%3Ap%40b"))),
            ("/a?to=%252525252541", format!("/a?to={}", Redacted::of(b"%252525252541"))),
            ("/a?x=1&&y=", "/a?x=1&&y=".to_owned()),
            ("/a?to=https://b/c%3Fd=1", "/a?to=https://b/c%3Fd=1".to_owned()),
            ("/a?design=1&pinned=2&codes=3", "/a?design=1&pinned=2&codes=3".to_owned()),
        ] {
            assert_eq!(target(provider, given), expected, "{given}");
        }
    }

    #[test]
    fn headers_with_secrets_in_their_values_are_redacted() {
        let provider = *PROVIDERS.first().unwrap();
        for (name, value, whether) in [
            ("referer", "https://shop.example/a?token=abc", true),
            ("referer", "https://u:p@shop.example/a", true),
            ("referer", "https://shop.example/a?abc", true),
            ("referer", "https://shop.example/a?page=2#top", false),
            ("x-original-uri", "/hooks?api%5Fkey=abc", true),
            ("x-original-uri", "/hooks?page=2", false),
            ("x-rewrite-url", "/hooks?to=https%3A%2F%2Fb%2F%3Fsig%3Dabc", true),
            ("forwarded", "for=192.0.2.1;proto=https;host=shop.example", false),
            ("forwarded", "for=192.0.2.1;secret=abc", true),
            ("x-context", "{\"access_token\": \"abc\"}", true),
            ("x-amz-security-token", "abc", true),
            ("x-amz-signature", "abc", true),
            ("x-otp", "123456", true),
            ("x-country-code", "NO", false),
            ("date", "Sat, 21 Nov 2026 12:00:00 GMT", false),
            ("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Agent/1.0", false),
            ("host", "auth.shop.example:8080", false),
            ("link", "<https://shop.example/a?jwt=abc>; rel=next", true),
        ] {
            assert_eq!(is_redacted(provider, name, value), whether, "{name}: {value}");
        }
    }
}
