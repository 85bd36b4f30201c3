//! Only what a provider signed passes: known answers, round trips, and everything that must be refused.

#![cfg(all(feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]

use std::time::Duration;

use jiff::Timestamp;
use pos_webhooks::verify::{ReceiveError, ReceiverError, VerifyError};
use pos_webhooks::{Secret, dealpos, mipos, mypos, vipps};

type Headers = Vec<(String, Vec<u8>)>;

fn owned(headers: Vec<(&'static str, String)>) -> Headers {
    headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes())).collect()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The delivery that the Vipps documentation shows in full.
mod documented_vipps {
    pub const SECRET: &str = "A0+AeKBRG2KRGvnNwJpQlb6IJFk48CKXCIcrLoHncVJKDILsQSxS6NWCccwWm6r6FhGKhiHTBsG2wo/xU6FY/A==";
    pub const URL: &str = "https://webhook.site/e2cee29b-012e-4f1d-8ef4-e95fd74a7a63";
    pub const BODY: &[u8] = br#"{"some-unique-content":"ee6e441b-cc4a-46f8-895d-a5af79bcc233/hello-world"}"#;
    pub const TIME: &str = "2023-03-30T08:38:32Z";
    pub const HEADERS: [(&str, &str); 3] = [
        ("x-ms-date", "Thu, 30 Mar 2023 08:38:32 GMT"),
        ("x-ms-content-sha256", "lNlsp1XA03N34HrQsVzPgJKtC+r7l/RBF4V3JQUWMj4="),
        (
            "Authorization",
            "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=agAiSyogQbDHpeucoNwYz+yAr5nJ+v+zasdkSbqzv+U=",
        ),
    ];
}

#[test]
fn the_documented_vipps_delivery_passes() {
    use documented_vipps::*;
    let receiver = vipps::Receiver::new(URL, [SECRET]).unwrap();
    assert_eq!(receiver.verify(&HEADERS, BODY, at(TIME)), Ok(()));
    let signed = vipps::sign(URL, &SECRET.into(), BODY, at(TIME)).unwrap();
    let signed: Vec<_> = signed.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(signed[0], ("Host", "webhook.site"));
    assert_eq!(signed[1..], HEADERS);
    let text = "POST\n/e2cee29b-012e-4f1d-8ef4-e95fd74a7a63\n\
        Thu, 30 Mar 2023 08:38:32 GMT;webhook.site;lNlsp1XA03N34HrQsVzPgJKtC+r7l/RBF4V3JQUWMj4=";
    assert_eq!(receiver.string_to_sign(&HEADERS, BODY), Ok(text.to_owned()));
    let missing = Err(VerifyError::MissingHeader { name: "x-ms-date" });
    assert_eq!(receiver.string_to_sign(&HEADERS[1..], BODY), missing);
}

#[test]
fn the_placeholder_of_the_newer_vipps_page_does_not_pass() {
    use documented_vipps::*;
    let placeholder = format!("{}==", "A".repeat(86));
    let receiver = vipps::Receiver::new(URL, [placeholder]).unwrap();
    assert_eq!(receiver.verify(&HEADERS, BODY, at(TIME)), Err(VerifyError::SignatureMismatch));
}

/// Secrets, headers and body.
type Verify = fn(&[&str], &Headers, &[u8]) -> Result<(), VerifyError>;

/// A delivery of one provider, and how that provider verifies it.
struct Scheme {
    name: &'static str,
    secret: &'static str,
    body: &'static [u8],
    sign: fn(&Secret, &[u8]) -> Headers,
    verify: Verify,
    /// The headers that a delivery cannot do without.
    headers: &'static [&'static str],
    /// The one that carries the signature.
    signature: &'static str,
}

const URL: &str = "https://shop.example:8443/hooks/vipps?shop=1";
const NOW: &str = "2026-11-21T12:00:00Z";

fn schemes() -> [Scheme; 3] {
    [
        Scheme {
            name: "vipps",
            secret: "c2VjcmV0LW9mLXZpcHBz",
            body: br#"{"name":"CAPTURED", "amount": 1}"#,
            sign: |secret, body| owned(vipps::sign(URL, secret, body, at(NOW)).unwrap()),
            verify: |secrets, headers, body| {
                vipps::Receiver::new(URL, secrets.iter().copied()).unwrap().verify(headers, body, at(NOW))
            },
            headers: &["x-ms-date", "x-ms-content-sha256", "Authorization"],
            signature: "Authorization",
        },
        Scheme {
            name: "mypos",
            secret: "c2VjcmV0LW9mLW15UE9T",
            body: br#"{"event": "a, b", "n": 1}"#,
            sign: |secret, body| {
                owned(mypos::sign(&mypos::EventName::PosPaymentCompleted, secret, body, at(NOW)).unwrap())
            },
            verify: |secrets, headers, body| {
                mypos::Receiver::new(secrets.iter().copied()).unwrap().verify(headers, body)
            },
            headers: &["X-myPOS-Signature"],
            signature: "X-myPOS-Signature",
        },
        Scheme {
            name: "mipos",
            secret: "c2VjcmV0LW9mLW1pUE9T",
            body: br#"{"external_id":"1", "total": 25800}"#,
            sign: |secret, body| owned(mipos::sign(secret, body).unwrap()),
            verify: |secrets, headers, body| {
                mipos::Receiver::new(mipos::EventName::Order, secrets.iter().copied()).unwrap().verify(headers, body)
            },
            headers: &["Signature-Webhook"],
            signature: "Signature-Webhook",
        },
    ]
}

fn value<'a>(headers: &'a mut Headers, name: &str) -> &'a mut Vec<u8> {
    &mut headers.iter_mut().find(|(candidate, _)| candidate == name).unwrap().1
}

#[test]
fn what_is_signed_passes_with_any_of_several_secrets() {
    for scheme in schemes() {
        let headers = (scheme.sign)(&scheme.secret.into(), scheme.body);
        for secrets in [&[scheme.secret][..], &["old", scheme.secret], &[scheme.secret, "new"]] {
            assert_eq!((scheme.verify)(secrets, &headers, scheme.body), Ok(()), "{}", scheme.name);
        }
        let shouted: Headers = headers.iter().map(|(name, value)| (name.to_uppercase(), value.clone())).collect();
        assert_eq!(
            (scheme.verify)(&[scheme.secret], &shouted, scheme.body),
            Ok(()),
            "{}: names in capitals",
            scheme.name
        );
        let mut map = http::HeaderMap::new();
        for (name, value) in &headers {
            map.append(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.as_slice().try_into().unwrap());
        }
        let through_map: Headers =
            map.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
        assert_eq!((scheme.verify)(&[scheme.secret], &through_map, scheme.body), Ok(()), "{}", scheme.name);
    }
}

#[test]
fn another_body_or_secret_is_refused() {
    for scheme in schemes() {
        let headers = (scheme.sign)(&scheme.secret.into(), scheme.body);
        for bit in 0..scheme.body.len() * 8 {
            let mut body = scheme.body.to_vec();
            body[bit / 8] ^= 1 << (bit % 8);
            assert!((scheme.verify)(&[scheme.secret], &headers, &body).is_err(), "{}: bit {bit}", scheme.name);
        }
        let compact = serde_json::from_slice::<serde_json::Value>(scheme.body).unwrap().to_string();
        for body in [compact.as_bytes(), b"", &[scheme.body, b"\n"].concat(), &[b"\xef\xbb\xbf", scheme.body].concat()]
        {
            assert!((scheme.verify)(&[scheme.secret], &headers, body).is_err(), "{}: re-serialised", scheme.name);
        }
        use base64::Engine as _;
        let decoded = base64::engine::general_purpose::STANDARD.decode(scheme.secret).unwrap();
        let decoded = String::from_utf8(decoded).unwrap();
        for secret in
            ["x", &decoded, &scheme.secret[1..], &scheme.secret.to_lowercase(), &format!("{}\n", scheme.secret)]
        {
            let refused = (scheme.verify)(&[secret], &headers, scheme.body);
            assert_eq!(refused, Err(VerifyError::SignatureMismatch), "{}: {secret}", scheme.name);
        }
    }
}

#[test]
fn a_header_that_is_missing_repeated_or_malformed_is_refused_by_name() {
    for scheme in schemes() {
        let signed = (scheme.sign)(&scheme.secret.into(), scheme.body);
        let verify = |headers: &Headers| (scheme.verify)(&[scheme.secret], headers, scheme.body);
        for name in scheme.headers {
            let mut headers = signed.clone();
            headers.retain(|(candidate, _)| candidate != name);
            assert_eq!(verify(&headers), Err(VerifyError::MissingHeader { name }), "{}", scheme.name);

            let mut headers = signed.clone();
            let again = value(&mut headers, name).clone();
            headers.push((name.to_lowercase(), again));
            assert_eq!(verify(&headers), Err(VerifyError::RepeatedHeader { name }), "{}", scheme.name);

            for bytes in [&b""[..], b"\xff\xfe", "é".as_bytes(), b"a\r\nb", &[b'A'; 1024 * 1024]] {
                let mut headers = signed.clone();
                *value(&mut headers, name) = bytes.to_vec();
                assert!(verify(&headers).is_err(), "{} {name}: {} bytes", scheme.name, bytes.len());
            }
            let whole = signed.iter().find(|(candidate, _)| candidate == name).unwrap().1.clone();
            for length in 0..whole.len() {
                let mut headers = signed.clone();
                value(&mut headers, name).truncate(length);
                assert!(verify(&headers).is_err(), "{} {name}: the first {length} bytes", scheme.name);
            }
        }
        let mut other_scheme = signed.clone();
        *value(&mut other_scheme, scheme.signature) = b"Bearer abc".to_vec();
        let malformed = verify(&other_scheme).unwrap_err();
        assert!(
            matches!(malformed, VerifyError::MalformedHeader { name, .. } if name == scheme.signature),
            "{malformed}"
        );

        let mut same_length = signed.clone();
        let position = value(&mut same_length, scheme.signature).iter().rposition(u8::is_ascii_alphanumeric).unwrap();
        let last = &mut value(&mut same_length, scheme.signature)[position - 1];
        *last = if *last == b'0' { b'1' } else { b'0' };
        assert_eq!(verify(&same_length), Err(VerifyError::SignatureMismatch), "{}", scheme.name);
    }
}

#[test]
fn vipps_signs_the_registered_url() {
    let secret: Secret = "secret".into();
    let verify = |registered: &str, signed: &str| {
        let headers = vipps::sign(signed, &secret, b"{}", at(NOW)).unwrap();
        vipps::Receiver::new(registered, ["secret"]).unwrap().verify(&headers, b"{}", at(NOW))
    };
    for same in [
        ["https://a.test/x", "https://a.test:443/x"],
        ["https://A.TEST/x", "https://a.test/x"],
        ["https://a.test", "https://a.test/"],
        ["http://a.test/x", "http://a.test:80/x"],
    ] {
        assert_eq!(verify(same[0], same[1]), Ok(()), "{same:?}");
    }
    let registered = "https://a.test:8443/x?shop=1";
    for other in [
        "https://a.test:8443/y?shop=1",
        "https://a.test:8443/x",
        "https://a.test:8443/x?shop=2",
        "https://a.test:8443/X?shop=1",
        "https://a.test:8443/x/?shop=1",
        "https://b.test:8443/x?shop=1",
        "https://a.test/x?shop=1",
        "https://a.test:443/x?shop=1",
    ] {
        assert_eq!(verify(registered, other), Err(VerifyError::SignatureMismatch), "{other}");
    }
    for url in ["", "/x", "a.test/x", "ftp://a.test/x", "https://u:p@a.test/", "https://ä.test/", "https://a.test/ x"]
    {
        assert!(matches!(vipps::Receiver::new(url, ["s"]), Err(ReceiverError::Url(_))), "{url}");
    }
}

#[test]
fn vipps_takes_the_copy_of_a_signature_that_a_proxy_stripped() {
    use documented_vipps::*;
    let receiver = vipps::Receiver::new(URL, [SECRET]).unwrap();
    let mut headers = HEADERS;
    headers[2].0 = "X-Vipps-Authorization";
    assert_eq!(receiver.verify(&headers, BODY, at(TIME)), Ok(()));
    let own = [&headers[..], &[("Authorization", "Basic c2hvcDp0ZXN0")]].concat();
    assert_eq!(receiver.verify(own.as_slice(), BODY, at(TIME)), Ok(()), "a login of the receiver's own web server");
}

#[test]
fn vipps_has_a_replay_window_to_both_sides() {
    use documented_vipps::*;
    let signed_at = at(TIME);
    let receiver = vipps::Receiver::new(URL, [SECRET]).unwrap();
    let verify = |receiver: &vipps::Receiver, now| receiver.verify(&HEADERS, BODY, now);
    let second = Duration::from_secs(1);
    let window = 300 * second;
    assert_eq!(verify(&receiver, signed_at + window), Ok(()));
    assert_eq!(verify(&receiver, signed_at - window), Ok(()));
    let nanosecond = Duration::from_nanos(1);
    assert_eq!(verify(&receiver, signed_at + window + nanosecond), Err(VerifyError::Stale { by: nanosecond }));
    assert_eq!(verify(&receiver, signed_at - window - second), Err(VerifyError::Future { by: second }));
    assert!(matches!(verify(&receiver, Timestamp::MAX), Err(VerifyError::Stale { .. })));
    assert!(matches!(verify(&receiver, Timestamp::MIN), Err(VerifyError::Future { .. })));

    let exact = receiver.clone().replay_window(Duration::ZERO);
    assert_eq!(verify(&exact, signed_at), Ok(()));
    assert_eq!(verify(&exact, signed_at + second), Err(VerifyError::Stale { by: second }));
    let wide = receiver.clone().replay_window(Duration::MAX);
    assert_eq!(verify(&wide, Timestamp::MAX), Ok(()));
    let none = receiver.dangerously_without_replay_window();
    assert_eq!(verify(&none, Timestamp::MIN), Ok(()));

    // A redelivery has a new date and a new signature over the same body.
    let later = signed_at + Duration::from_secs(7 * 24 * 3600);
    let redelivered = vipps::sign(URL, &SECRET.into(), BODY, later).unwrap();
    let receiver = vipps::Receiver::new(URL, [SECRET]).unwrap();
    assert_eq!(receiver.verify(&redelivered, BODY, later), Ok(()));
}

#[test]
fn vipps_checks_the_hash_of_the_body_on_its_own() {
    use documented_vipps::*;
    let receiver = vipps::Receiver::new(URL, [SECRET]).unwrap();
    assert_eq!(receiver.verify(&HEADERS, b"{}", at(TIME)), Err(VerifyError::ContentHashMismatch));
}

#[test]
fn mypos_takes_any_of_several_signatures_and_spaces_only_when_asked() {
    let body = br#"{"a": 1, "b": "x, y"}"#;
    let compact = br#"{"a":1,"b":"x,y"}"#;
    let header = |body: &[u8]| {
        mypos::sign(&mypos::EventName::PosPaymentFailed, &"s".into(), body, at(NOW)).unwrap()[1].1.clone()
    };
    let strict = mypos::Receiver::new(["s"]).unwrap();
    let lenient = strict.clone().accept_signatures_without_spaces();
    let of_compact = [("X-myPOS-Signature", header(compact))];
    assert_eq!(strict.verify(&of_compact, body), Err(VerifyError::SignatureMismatch));
    assert_eq!(lenient.verify(&of_compact, body), Ok(()));
    assert_eq!(lenient.verify(&[("X-myPOS-Signature", header(body))], body), Ok(()));

    let right = header(body).replace("t=", "v0=00,t=");
    let (time, v1) = right.rsplit_once(",v1=").unwrap();
    let several = format!("{time},v1={},v1={v1}", "00".repeat(32));
    assert_eq!(strict.verify(&[("x-mypos-signature", several)], body), Ok(()));
    for none in ["t=1", "t=1,v0=00", "v1", "t=1,v1=zz", "t=1,v1=0"] {
        let refused = strict.verify(&[("X-myPOS-Signature", none)], body);
        assert!(matches!(refused, Err(VerifyError::MalformedHeader { .. })), "{none}: {refused:?}");
    }
}

/// The vector of the provider's logistics webhooks, whose convention is taken over.
#[test]
fn mipos_signs_as_its_logistics_webhooks_do() {
    let body = br#"{"origin":{"address":"Av. Las Aguas 1256","reference":"Cerca del centro comercial ....","lat":-2.1602453,"lng":-79.908075,"contact_phone":"0912345678","contact_name":"Gerente tienda Jos\u00e9"},"destination":{"address":"Urbanizaci\u00f3n Ficticia Solar 15","reference":"Cerca del malec\u00f3n ....","lat":-2.1617463,"lng":-79.9017235,"contact_phone":"0987654321","contact_name":"Camila"},"integration_id":8}"#;
    let secret = "08b707f3fa62d18df7dd5a12b5d169a22f372c25";
    let signed = mipos::sign(&secret.into(), body).unwrap();
    assert_eq!(
        signed,
        [("Signature-Webhook", "c70400564e5440ea76ed1f0241965ff97515cfdfff71b05444f613a5bf43a8dd".to_owned())]
    );
    let unsigned = mipos::Receiver::unsigned(mipos::EventName::Order);
    assert_eq!(unsigned.verify(&http::HeaderMap::new(), b""), Ok(()));
}

#[test]
fn dealpos_compares_a_key_or_a_token() {
    let receiver = dealpos::Receiver::with_api_key("key").unwrap();
    let verify = |name: &str, value: &str| receiver.verify(&[(name, value)]);
    assert_eq!(verify("x-api-key", "key"), Ok(()));
    assert_eq!(verify("Authorization", "Bearer key"), Ok(()));
    assert_eq!(verify("authorization", "bearer  key"), Ok(()));
    for wrong in ["", "Key", "key ", "keykey", "ke"] {
        assert_eq!(verify("X-API-Key", wrong), Err(VerifyError::KeyMismatch { name: "X-API-Key" }), "{wrong:?}");
    }
    for wrong in ["Basic key", "key", "Bearer", "Bearer x"] {
        assert_eq!(
            verify("Authorization", wrong),
            Err(VerifyError::KeyMismatch { name: "Authorization" }),
            "{wrong:?}"
        );
    }
    assert_eq!(verify("X-Other", "key"), Err(VerifyError::MissingHeader { name: "X-API-Key" }));
    let twice = receiver.verify(&[("X-API-Key", "key"), ("x-api-key", "key")]);
    assert_eq!(twice, Err(VerifyError::RepeatedHeader { name: "X-API-Key" }));
    assert_eq!(dealpos::Receiver::unauthenticated().verify(&http::HeaderMap::new()), Ok(()));
}

#[test]
fn a_receiver_without_secret_cannot_be_made() {
    let none: [&str; 0] = [];
    assert_eq!(vipps::Receiver::new(URL, none).unwrap_err(), ReceiverError::NoSecret);
    assert_eq!(mypos::Receiver::new(none).unwrap_err(), ReceiverError::NoSecret);
    assert_eq!(mipos::Receiver::new(mipos::EventName::Menu, none).unwrap_err(), ReceiverError::NoSecret);
    assert_eq!(mypos::Receiver::new(["a", ""]).unwrap_err(), ReceiverError::EmptySecret);
    assert_eq!(dealpos::Receiver::with_api_key("").unwrap_err(), ReceiverError::EmptySecret);
    assert!(!format!("{:?}", mypos::Receiver::new(["hidden"]).unwrap()).contains("hidden"));
    assert!(!format!("{:?}", vipps::Receiver::new(URL, ["hidden"]).unwrap()).contains("hidden"));
    assert!(!format!("{:?}", dealpos::Receiver::with_api_key("hidden").unwrap()).contains("hidden"));
}

#[test]
fn receiving_is_verifying_and_decoding() {
    let example = vipps::EventName::EpaymentsPaymentCapturedV1.examples()[0].json;
    let request = |body: &str, signed: &str| {
        let headers = vipps::sign(URL, &"s".into(), signed.as_bytes(), Timestamp::now()).unwrap();
        // The request's own host and path are another matter, behind a proxy.
        let mut request = http::Request::post("http://10.0.0.1/inner").body(body.as_bytes().to_vec()).unwrap();
        for (name, value) in headers.into_iter().filter(|(name, _)| *name != "Host") {
            request
                .headers_mut()
                .insert(http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        request
    };
    let receiver = vipps::Receiver::new(URL, ["s"]).unwrap();
    let event = receiver.receive(&request(example, example)).unwrap();
    assert!(matches!(event, vipps::Event::EpaymentsPaymentCapturedV1(_)));
    let refused = receiver.receive(&request("{}", example)).unwrap_err();
    assert_eq!(refused, ReceiveError::Verify(VerifyError::ContentHashMismatch));
    let unknown = receiver.receive(&request(r#"{"new": 2.50}"#, r#"{"new": 2.50}"#)).unwrap();
    let vipps::Event::Unknown(unknown) = unknown else { panic!("{unknown:?}") };
    assert_eq!((unknown.name.as_str(), unknown.payload.as_str()), ("", r#"{"new": 2.50}"#));
    let truncated = &example[..example.len() - 1];
    assert!(matches!(receiver.receive(&request(truncated, truncated)), Err(ReceiveError::Decode(_))));

    let example = dealpos::EventName::PaymentWriteoff.examples()[0].json;
    let receiver = dealpos::Receiver::with_api_key("key").unwrap();
    let request = |path: &str| http::Request::post(path).header("X-API-Key", "key").body(example).unwrap();
    assert!(matches!(receiver.receive(&request("/hooks/paymentWriteoff?x=1")), Ok(dealpos::Event::PaymentWriteoff(_))));
    assert!(
        matches!(receiver.receive(&request("/hooks/somethingNew/")), Ok(dealpos::Event::Unknown(unknown)) if unknown.name == "somethingNew")
    );
    let receiver = receiver.for_event(dealpos::EventName::PaymentDeleted);
    assert!(matches!(receiver.receive(&request("/anything")), Ok(dealpos::Event::PaymentDeleted(_))));
}

#[test]
fn an_event_is_known_again_when_it_is_delivered_twice() {
    let decode = |body: &str| {
        let name = vipps::EventName::identify(body.as_bytes()).unwrap().unwrap();
        vipps::Event::decode(&name, body.as_bytes()).unwrap()
    };
    let example = vipps::EventName::EpaymentsPaymentCapturedV1.examples()[0].json;
    let key = decode(example).idempotency_key().unwrap();
    assert_eq!(key.len(), 64);
    let reordered: serde_json::Value = serde_json::from_str(example).unwrap();
    let reordered = serde_json::to_string_pretty(&reordered).unwrap().replace("be62b9", r"\u0062e62b9");
    assert_eq!(decode(&reordered).idempotency_key().unwrap(), key, "white space, order and escapes do not count");
    let refund = example.replace("CAPTURED", "REFUNDED");
    assert_ne!(decode(&refund).idempotency_key().unwrap(), key);
    assert_ne!(decode(&example.replace("be62b9", "be62b8")).idempotency_key().unwrap(), key);
    let ping = decode(vipps::EventName::UserCheckedInV1.examples()[0].json);
    assert!(ping.idempotency_key().is_some());
    let updated = dealpos::EventName::PaymentUpdated;
    let event = dealpos::Event::decode(&updated, updated.examples()[0].json.as_bytes()).unwrap();
    assert_eq!(event.idempotency_key(), None, "nothing tells two changes of a payment apart");
}

#[test]
fn the_answer_is_the_documented_one() {
    let answer = |name: dealpos::EventName| {
        let event = dealpos::Event::decode(&name, name.examples()[0].json.as_bytes()).unwrap();
        http::Response::<Vec<u8>>::from(event.acknowledgement())
    };
    let created = answer(dealpos::EventName::PaymentCreated);
    assert_eq!((created.status().as_u16(), created.body().as_slice()), (200, &br#"{"status":"success"}"#[..]));
    assert_eq!(created.headers()["content-type"], "application/json");
    let within = |event: vipps::Event| event.acknowledgement().within;
    let ping = vipps::Event::decode(&vipps::EventName::LoginMerchantInitiatedPingV1, br#"{"auth_req_id": "1"}"#);
    assert_eq!(within(ping.unwrap()), Some(Duration::from_secs(10)));
    let writeoff = answer(dealpos::EventName::PaymentWriteoff);
    assert!(writeoff.body().is_empty() && writeoff.headers().is_empty());
}
