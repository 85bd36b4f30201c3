//! With any description, every signed delivery passes, and no delivery passes after a signed part has changed.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use pos_webhooks::Secret;
use pos_webhooks::catalogue::{Part, Signature, Verification};
use pos_webhooks::verify::{ReceiverError, ToSign, Verifier, VerifyError, sign};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Value, json};

const WINDOW: Duration = Duration::from_secs(300);

/// Where the time of a delivery is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum TimeIn {
    Nothing,
    Form,
    Header,
    Member,
}

/// Parts that may be signed beside the body, in any order and number.
fn parts() -> impl Strategy<Value = Vec<Value>> {
    let others = ["id", "method", "url", "url-host", "url-target", "url-path", "url-without-query", "digest"];
    let others: Vec<Value> = others.into_iter().map(Value::from).collect();
    let named = [json!({"header": "X-Shop"}), json!({"member": "/shop/name"})];
    subsequence([&others[..], &named].concat(), 0..=10).prop_shuffle()
}

/// A delivery without a time, or with a time in any place and format.
fn time() -> impl Strategy<Value = (TimeIn, &'static str)> {
    let places = vec![TimeIn::Nothing, TimeIn::Form, TimeIn::Header, TimeIn::Member];
    (select(places), select(vec!["seconds", "milliseconds", "http-date", "iso8601"]))
}

/// A description whose signed texts are separated by line feeds, which headers cannot contain.
fn described() -> impl Strategy<Value = (Signature, TimeIn, &'static str)> {
    let key = (
        select(vec!["text", "hex", "base64"]),
        select(vec!["", "whsec_"]),
        select(vec![Value::Null, json!("sha1"), json!("sha256")]),
    );
    let algorithm = select(vec!["hmac-sha1", "hmac-sha256", "hmac-sha512"]);
    let encodings = select(vec!["hex", "base64", "base64url"]);
    let digest =
        (select(vec!["sha1", "sha256", "sha512"]), encodings.clone(), select(vec![Value::Null, json!("X-Digest")]));
    let headers = select(vec![json!(["X-Signature"]), json!(["X-Signature", "X-Copy"])]);
    let form = (headers, 0..3_usize, any::<bool>(), any::<bool>());
    (parts(), time(), key, algorithm, encodings, digest, form).prop_map(
        |(mut parts, (time_in, format), key, algorithm, encoding, digest, (headers, form, both, repeated))| {
            // A date has commas.
            let separator = if form == 0 { Value::Null } else { json!("|") };
            let form = match (time_in, form) {
                (TimeIn::Form, 0) => json!(["time", {"text": "|v1="}, "signature"]),
                (TimeIn::Form, _) => json!([{"text": "t="}, "time", {"text": "| v1,"}, "signature"]),
                (_, 0) => json!(["signature"]),
                (_, 1) => json!([{"text": "sha="}, "signature"]),
                (_, _) => json!([{"text": "v1,"}, "signature", {"text": ";"}]),
            };
            if time_in != TimeIn::Nothing {
                parts.insert(parts.len() / 2, json!("time"));
            }
            parts.push(json!("body"));
            let lines = |parts: &[Value]| {
                let line = |part: &Value| [part.clone(), json!({"text": "\n"})];
                let mut lines: Vec<Value> = parts.iter().flat_map(line).collect();
                lines.pop();
                lines
            };
            let mut signed = vec![lines(&parts)];
            if both {
                parts.pop();
                parts.push(json!("body-without-spaces"));
                signed.push(lines(&parts));
            }
            let time = json!({
                "headers": if time_in == TimeIn::Header { json!(["X-Time", "X-Date"]) } else { json!([]) },
                "member": if time_in == TimeIn::Member { json!("/at") } else { Value::Null },
                "format": format,
                "window": WINDOW.as_secs(),
            });
            let signature = json!({
                "name": null, "description": "", "optional": null, "credential": null, "headers": headers, "form": form, "separator": separator,
                "repeated": repeated, "algorithm": algorithm, "encoding": encoding,
                "key": {"encoding": key.0, "prefix": key.1, "hash": key.2}, "signed": signed,
                "digest": {"algorithm": digest.0, "encoding": digest.1, "header": digest.2},
                "time": if time_in == TimeIn::Nothing { Value::Null } else { time },
                "id": {"headers": ["X-Id", "X-Other-Id"]},
            });
            let text = json!({"signatures": [signature]}).to_string().leak();
            let verification: Verification = serde_json::from_str(text).unwrap();
            (*verification.signature(None).unwrap(), time_in, format)
        },
    )
}

fn url() -> impl Strategy<Value = String> {
    "https://[a-z]{1,9}\\.test(:[1-9][0-9]{3})?/[a-z]{1,9}(\\?[a-z]=[a-z0-9]{1,9})?"
}

/// Whole seconds, from 2001 to 2286: times of ten digits.
fn at() -> impl Strategy<Value = Timestamp> {
    (1_000_000_000_i64..9_999_999_999).prop_map(|second| Timestamp::from_second(second).unwrap())
}

/// A secret as the description wants it.
fn secret(signature: &Signature, bytes: &[u8]) -> String {
    let written = match serde_json::to_value(format!("{:?}", signature.key.encoding)).unwrap().as_str().unwrap() {
        "Text" => hex::encode(bytes).to_uppercase(),
        "Hex" => hex::encode(bytes),
        _ => STANDARD.encode(bytes),
    };
    format!("{}{written}", signature.key.prefix)
}

fn written(format: &str, at: Timestamp) -> String {
    match format {
        "seconds" => at.as_second().to_string(),
        "milliseconds" => at.as_millisecond().to_string(),
        "http-date" => jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap(),
        _ => at.to_string(),
    }
}

/// Another text of the same length.
fn edited(text: &str, place: Index) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let place = place.index(bytes.len());
    bytes[place] = if bytes[place] == b'7' { b'8' } else { b'7' };
    String::from_utf8(bytes).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_signed_passes_and_nothing_else(
        (signature, time_in, format) in described(),
        (url, at, key, shop) in (url(), at(), any::<[u8; 24]>(), "[a-z]{1,9}"),
        (name, rest, place) in ("[a-zA-Z \\\\\"{}:,ö]{1,9}", any::<u32>(), any::<Index>()),
    ) {
        let verification = Verification::Signatures(Box::leak(Box::new([signature])));
        let signs = |part: Part| signature.signed[0].contains(&part);
        let body = |at: Timestamp, name: &str| json!({"at": written(format, at), "shop": {"name": name}, "rest": rest}).to_string();
        let content = body(at, &name);
        // An odd byte, so that the two differ and neither is the key of the empty secret.
        let mut key = key;
        key[0] |= 1;
        let (secret, other) = (secret(&signature, &key), secret(&signature, &[2; 24]));
        let shops = [("X-Shop", shop.as_str())];
        let delivery = ToSign { url: Some(&url), id: Some("id 1"), headers: &shops, body: content.as_bytes(), at };
        let signed = |delivery: &ToSign<'_>| {
            let headers = sign(&verification, None, &Secret::from(secret.as_str()), delivery).unwrap();
            headers.into_iter().map(|(name, value)| (name.to_owned(), value)).chain([("X-Shop".to_owned(), shop.clone())]).collect::<Vec<_>>()
        };
        let headers = signed(&delivery);
        let verifier = |url: &str, secrets: &[&str]| {
            Verifier::new(&verification, None, Some(url), secrets.iter().copied()).unwrap()
        };
        let both = verifier(&url, &[&other, &secret]);
        let verify = |headers: &[(String, String)], body: &str| both.verify(headers, body.as_bytes(), at);
        prop_assert_eq!(verify(&headers, &content), Ok(()));
        prop_assert!(both.string_to_sign(&headers, content.as_bytes()).unwrap().unwrap().ends_with(content.as_bytes()));

        // Another secret, body or URL.
        let mismatch = Err(VerifyError::SignatureMismatch);
        prop_assert_eq!(&verifier(&url, &[&other]).verify(&headers, content.as_bytes(), at), &mismatch);
        for changed in [format!("{content} "), body(at, &edited(&name.replace('ö', "o"), place)), content.replace("rest", "Rest")] {
            let refused = verify(&headers, &changed);
            let expected = if signature.digest.unwrap().header.is_some() {
                VerifyError::ContentHashMismatch
            } else {
                VerifyError::SignatureMismatch
            };
            prop_assert!(changed == content || refused == Err(expected), "{} {:?}", changed, refused);
        }
        let other_host = url.replacen(".test", ".other", 1);
        let of_host = [Part::Url, Part::UrlHost, Part::UrlWithoutQuery].into_iter().any(signs);
        let refused = verifier(&other_host, &[&secret]).verify(&headers, content.as_bytes(), at);
        prop_assert_eq!(&refused, if of_host { &mismatch } else { &Ok(()) });
        let other_query = format!("{url}{}z", if url.contains('?') { "" } else { "?" });
        let of_query = [Part::Url, Part::UrlTarget].into_iter().any(signs);
        let refused = verifier(&other_query, &[&secret]).verify(&headers, content.as_bytes(), at);
        prop_assert_eq!(&refused, if of_query { &mismatch } else { &Ok(()) });

        // Another value in each header; what is not signed changes nothing.
        for (index, (name, value)) in headers.iter().enumerate() {
            let mut changed = headers.clone();
            changed[index].1 = edited(value, place);
            let refused = verify(&changed, &content);
            let is_signed = match name.as_str() {
                "Host" => false,
                "X-Shop" => signs(Part::Header("X-Shop")),
                "X-Id" => signs(Part::Id),
                _ => true,
            };
            let unchanged = changed[index].1 == *value;
            prop_assert_eq!(refused.is_err(), is_signed && !unchanged, "{}: {:?}", name, refused);
        }
        // None at all.
        let missing = both.verify(&headers[..0], content.as_bytes(), at);
        let expected = match signature.headers {
            [name] => VerifyError::MissingHeader { name },
            names => VerifyError::MissingHeaders { names: names.to_vec() },
        };
        prop_assert_eq!(missing, Err(expected));

        // Another time, signed and not signed.
        let later = at + WINDOW + Duration::from_secs(1);
        let by = Duration::from_secs(1);
        let now_later = both.verify(&headers, content.as_bytes(), later);
        prop_assert_eq!(now_later, if time_in == TimeIn::Nothing { Ok(()) } else { Err(VerifyError::Stale { by }) });
        if time_in != TimeIn::Nothing {
            let content = body(later, &name);
            let headers = signed(&ToSign { body: content.as_bytes(), at: later, ..delivery });
            prop_assert_eq!(verify(&headers, &content), Err(VerifyError::Future { by }));
            let open = both.clone().dangerously_without_replay_window();
            prop_assert_eq!(open.verify(&headers, content.as_bytes(), at), Ok(()));
        }
    }

    /// Nor does it panic, whatever a sender writes.
    #[test]
    fn nothing_else_passes(
        (signature, _, _) in described(),
        (url, at) in (url(), at()),
        (value, body) in ("[ -~]{0,40}|(t=|v1[,=]|sha=|[0-9]{10}|[|;]| ){0,8}[0-9a-f]{0,130}", any::<Vec<u8>>()),
    ) {
        let verification = Verification::Signatures(Box::leak(Box::new([signature])));
        let secret = secret(&signature, b"secret");
        let verifier = Verifier::new(&verification, None, Some(&url), [secret.as_str()]).unwrap();
        let names = ["X-Signature", "X-Copy", "X-Time", "X-Id", "X-Shop", "X-Digest"];
        for named in 0..=names.len() {
            let headers: Vec<(&str, &str)> = names[..named].iter().map(|name| (*name, value.as_str())).collect();
            prop_assert!(verifier.verify(&headers, &body, at).is_err());
            let _ = verifier.string_to_sign(&headers, &body);
            let delivery = ToSign { url: None, id: Some(&value), headers: &headers, body: &body, at };
            let signed = sign(&verification, None, &secret.as_str().into(), &delivery);
            if signature.needs_url() {
                prop_assert_eq!(signed, Err(ReceiverError::NoUrl));
            }
        }
    }
}
