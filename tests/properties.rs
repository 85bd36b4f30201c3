//! Every signed delivery passes, and no delivery passes after a signed part has changed.

#![cfg(all(feature = "mipos", feature = "mypos", feature = "vipps"))]

use jiff::Timestamp;
use pos_webhooks::verify::VerifyError;
use pos_webhooks::{Secret, mipos, mypos, vipps};
use proptest::prelude::*;
use proptest::sample::Index;

/// A secret that is no other, so that several are tried.
const ANOTHER: &str = "of another registration, and never made up below \n";

/// Any text; none ends in NUL, which HMAC itself appends to a key.
fn secret() -> impl Strategy<Value = String> {
    // White space alone is not a secret.
    prop_oneof!["[A-Za-z0-9+/]{86}==", "[ -~]{0,199}[!-~]", "\\PC{0,39}[!-~]"]
}

/// A URL as clients request it, so without `.` and `..` as segments.
fn url() -> impl Strategy<Value = String> {
    "https?://[a-z][a-z0-9-]{0,20}\\.test(:[1-9][0-9]{1,3})?(/([A-Za-z0-9_~!$&'()*+,;=:@-][A-Za-z0-9._~%!$&'()*+,;=:@-]{0,9})?){0,4}(\\?[A-Za-z0-9=&/%]{0,20})?"
}

/// A URL that someone may write, whatever clients make of it.
#[cfg(feature = "client")]
fn odd_url() -> impl Strategy<Value = String> {
    let scheme = prop_oneof!["https?", "HTTPS?", "hTTps"];
    let host = prop_oneof![
        3 => "[a-zA-Z0-9._~-]{1,12}",
        1 => "[a-zA-Z0-9.!$&'()*+,;=%_~-]{1,12}",
        1 => "xn--[a-z0-9-]{1,8}",
        2 => "(0[xX])?[0-9a-f]{1,3}(\\.0?[0-9]{1,3}){0,4}\\.?",
        2 => "\\[[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){1,7}(:127\\.0\\.0\\.1)?\\]",
    ];
    let port = prop_oneof!["", ":", ":0{0,2}443", ":0{0,3}80", ":[0-9]{1,5}", ":[+-]1"];
    let path = "(/(\\.|\\.\\.|%2e|%2E\\.|[ -~ä]{0,6})){0,4}";
    (scheme, host, port, path, "(\\?[ -~]{0,10})?", "(#[ -~]{0,4})?").prop_map(
        |(scheme, host, port, path, query, fragment)| format!("{scheme}://{host}{port}{path}{query}{fragment}"),
    )
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..600)
}

/// Whole seconds, from the year 0 to the end of the year 9998.
fn time() -> impl Strategy<Value = Timestamp> {
    (-62_167_219_200_i64..253_370_764_800).prop_map(|second| Timestamp::from_second(second).unwrap())
}

/// Another text, by one character.
fn edited(text: &str, place: Index) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let place = place.index(bytes.len());
    bytes[place] = if bytes[place] == b'a' { b'b' } else { b'a' };
    String::from_utf8(bytes).unwrap_or_else(|_| format!("{text}a"))
}

/// Another body: one byte changed, or one more.
fn changed(body: &[u8], place: Index, byte: u8) -> Vec<u8> {
    let mut changed = body.to_vec();
    match place.index(body.len() + 1) {
        end if end == body.len() => changed.push(byte),
        at if changed[at] == byte => changed[at] = !byte,
        at => changed[at] = byte,
    }
    changed
}

type Header = (&'static str, String);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn vipps(
        (url, secret, body, time) in (url(), secret(), body(), time()),
        (place, byte, seconds) in (any::<Index>(), any::<u8>(), 1_i64..300),
    ) {
        let signed = |at| vipps::sign(&url, &Secret::from(secret.as_str()), &body, at).unwrap();
        let verify = |url: &str, secret: &str, headers: &[Header], body: &[u8]| {
            vipps::Receiver::new(url, [ANOTHER, secret]).unwrap().verify(headers, body, time)
        };
        let headers = signed(time);
        let mismatch = Err(VerifyError::SignatureMismatch);
        prop_assert_eq!(verify(&url, &secret, &headers, &body), Ok(()));
        let other = changed(&body, place, byte);
        prop_assert_eq!(verify(&url, &secret, &headers, &other), Err(VerifyError::ContentHashMismatch));
        prop_assert_eq!(&verify(&url, &edited(&secret, place), &headers, &body), &mismatch);
        let other_path = format!("{}/x{}", url.split('?').next().unwrap(), url.find('?').map_or("", |at| &url[at..]));
        for other in [other_path, url.replacen(".test", ".other.test", 1), format!("{url}{}x", if url.contains('?') { "" } else { "?" })] {
            prop_assert_eq!(&verify(&other, &secret, &headers, &body), &mismatch, "{}", other);
        }
        // The date of another time with the signature of this one, and both of that time.
        let later = signed(time + std::time::Duration::from_secs(seconds.unsigned_abs()));
        prop_assert_eq!(verify(&url, &secret, &later, &body), Ok(()));
        let mut mixed = headers.clone();
        mixed[1].1.clone_from(&later[1].1);
        prop_assert_eq!(&verify(&url, &secret, &mixed, &body), &mismatch);
        // Hash and body exchanged together.
        let other_body = vipps::sign(&url, &Secret::from(secret.as_str()), &other, time).unwrap();
        let mut mixed = headers.clone();
        mixed[2].1.clone_from(&other_body[2].1);
        prop_assert_eq!(&verify(&url, &secret, &mixed, &other), &mismatch);
    }

    /// The `Url` is that of an HTTP client.
    #[test]
    #[cfg(feature = "client")]
    fn vipps_signs_the_url_that_is_requested(url in odd_url()) {
        let Ok(headers) = vipps::sign(&url, &Secret::from("x"), b"", Timestamp::UNIX_EPOCH) else { return Ok(()) };
        let Ok(requested) = reqwest::Url::parse(&url) else {
            prop_assert!(url.contains("xn--"), "no client can request {}", url);
            return Ok(());
        };
        let port = requested.port().map_or(String::new(), |port| format!(":{port}"));
        prop_assert_eq!(&headers[0].1, &format!("{}{port}", requested.host_str().unwrap()));
        let signed = vipps::Receiver::new(&url, ["x"]).unwrap().string_to_sign(&headers, b"").unwrap();
        let query = requested.query().map_or(String::new(), |query| format!("?{query}"));
        prop_assert_eq!(signed.lines().nth(1).unwrap(), format!("{}{query}", requested.path()));
    }

    #[test]
    fn mypos((secret, body, time) in (secret(), body(), time()), (place, byte) in (any::<Index>(), any::<u8>())) {
        let name = mypos::EventName::PosPaymentCompleted;
        let headers = mypos::sign(&name, &Secret::from(secret.as_str()), &body, time).unwrap();
        let verify = |secret: &str, body: &[u8]| mypos::Receiver::new([ANOTHER, secret]).unwrap().verify(&headers, body);
        prop_assert_eq!(verify(&secret, &body), Ok(()));
        prop_assert_eq!(verify(&secret, &changed(&body, place, byte)), Err(VerifyError::SignatureMismatch));
        prop_assert_eq!(verify(&edited(&secret, place), &body), Err(VerifyError::SignatureMismatch));
    }

    #[test]
    fn mipos((secret, body) in (secret(), body()), (place, byte) in (any::<Index>(), any::<u8>())) {
        let headers = mipos::sign(&mipos::EventName::Order, &Secret::from(secret.as_str()), &body).unwrap();
        let receiver = |secret: &str| mipos::Receiver::new(mipos::EventName::Order, [ANOTHER, secret]).unwrap();
        prop_assert_eq!(receiver(&secret).verify(&headers, &body), Ok(()));
        let other = changed(&body, place, byte);
        prop_assert_eq!(receiver(&secret).verify(&headers, &other), Err(VerifyError::SignatureMismatch));
        prop_assert_eq!(receiver(&edited(&secret, place)).verify(&headers, &body), Err(VerifyError::SignatureMismatch));
    }
}
