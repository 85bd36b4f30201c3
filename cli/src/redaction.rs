//! Replaces secrets in captured deliveries. Signatures are not secrets, and are kept.

use std::fmt;

use http::HeaderMap;
use pos_webhooks::catalogue::{EventNamePlace, FormPart, Part, Provider, Signature, Verification};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::refused_file::{HeaderLine, HeaderText};

/// The parts of names of headers and parameters that carry secrets.
const SECRETS: [&str; 10] =
    ["auth", "cookie", "credential", "jwt", "key", "pass", "secret", "session", "token", "bearer"];

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

/// The path and query of a request without the secrets in the query.
pub fn target(provider: &'static Provider, target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let token = provider.handshake.and_then(|handshake| handshake.token);
    let parameter = |parameter: &str| match parameter.split_once('=') {
        Some((name, value)) if Some(name) == token || is_suspicious(name) => {
            format!("{name}={}", Redacted::of(value.as_bytes()))
        }
        _ => parameter.to_owned(),
    };
    format!("{path}?{}", query.split('&').map(parameter).collect::<Vec<_>>().join("&"))
}

fn is_secret(provider: &'static Provider, name: &str, value: &[u8]) -> bool {
    let of_events = provider.events.iter().filter_map(|event| event.verification.as_ref());
    let mut is_needed =
        matches!(provider.event_name, Some(EventNamePlace::Header(it)) if it.eq_ignore_ascii_case(name));
    for verification in of_events.chain(&provider.verification) {
        match verification {
            Verification::Keys(keys) if keys.places.iter().any(|it| it.header.eq_ignore_ascii_case(name)) => {
                return true;
            }
            Verification::Signatures(signatures) => {
                is_needed |= signatures.iter().any(|signature| needs(signature, name, value));
            }
            _ => {}
        }
    }
    is_suspicious(name) && !is_needed
}

fn is_suspicious(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRETS.iter().any(|part| name.contains(part))
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
    }
}
