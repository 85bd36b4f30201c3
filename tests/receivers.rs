//! The receivers of the providers' modules: how they are made, what they give, and what is particular to each of them. What holds for
//! all of them is in `verify.rs`.

#![cfg(any(feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]

#[cfg(feature = "vipps")]
mod vipps {
    use std::time::Duration;

    use pos_webhooks::verify::{ReceiveError, ReceiverError, Timestamp, VerifyError};
    use pos_webhooks::vipps::{Event, EventName, Receiver, sign};

    const URL: &str = "https://shop.example:8443/hooks/vipps?shop=1";
    const SECOND: Duration = Duration::from_secs(1);

    fn request(body: &str, signed: &str) -> http::Request<Vec<u8>> {
        let headers = sign(URL, &"s".into(), signed.as_bytes(), Timestamp::now()).unwrap();
        let mut request = http::Request::post("http://10.0.0.1/inner");
        for (name, value) in headers.into_iter().filter(|(name, _)| *name != "Host") {
            request = request.header(name, value);
        }
        request.body(body.as_bytes().to_vec()).unwrap()
    }

    #[test]
    fn receiving_is_verifying_and_decoding() {
        let example = EventName::EpaymentsPaymentCapturedV1.examples()[0].json;
        let receiver = Receiver::new(URL, ["s"]).unwrap();
        let event = receiver.receive(&request(example, example)).unwrap();
        assert!(matches!(event, Event::EpaymentsPaymentCapturedV1(_)));
        let refused = receiver.receive(&request("{}", example)).unwrap_err();
        assert_eq!(refused, ReceiveError::Verify(VerifyError::ContentHashMismatch));
        let unknown = receiver.receive(&request(r#"{"new": 2.50}"#, r#"{"new": 2.50}"#)).unwrap();
        let Event::Unknown(unknown) = unknown else { panic!("{unknown:?}") };
        assert_eq!((unknown.name.as_deref(), unknown.payload.as_str()), (None, r#"{"new": 2.50}"#));
        let named = r#"{"eventType": "recurring.charge-charged.v1"}"#;
        let unknown = receiver.receive(&request(named, named)).unwrap();
        let Event::Unknown(unknown) = unknown else { panic!("{unknown:?}") };
        assert_eq!(unknown.name.as_deref(), Some("recurring.charge-charged.v1"));
        let truncated = &example[..example.len() - 1];
        assert!(matches!(receiver.receive(&request(truncated, truncated)), Err(ReceiveError::Decode(_))));
    }

    #[test]
    fn a_receiver_has_a_url_secrets_and_a_window() {
        let none: [&str; 0] = [];
        assert_eq!(Receiver::new(URL, none).unwrap_err(), ReceiverError::NoSecret);
        assert!(matches!(Receiver::new("/x", ["s"]), Err(ReceiverError::Url(_))));
        assert!(!format!("{:?}", Receiver::new(URL, ["hidden"]).unwrap()).contains("hidden"));
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let headers = sign(URL, &"s".into(), b"{}", now).unwrap();
        let receiver = Receiver::new(URL, ["s"]).unwrap();
        let verify = |receiver: &Receiver, now| receiver.verify(&headers, b"{}", now);
        assert_eq!(verify(&receiver, now + SECOND * 301), Err(VerifyError::Stale { by: SECOND }));
        let exact = receiver.clone().replay_window(Duration::ZERO);
        assert_eq!(verify(&exact, now - SECOND), Err(VerifyError::Future { by: SECOND }));
        assert_eq!(verify(&receiver.dangerously_without_replay_window(), Timestamp::MAX), Ok(()));
    }

    #[test]
    fn an_event_is_known_again_when_it_is_delivered_twice() {
        let key_of = |body: &str| {
            let name = EventName::identify(body.as_bytes()).unwrap().unwrap();
            Event::decode(&name, body.as_bytes()).unwrap().idempotency_key(body.as_bytes())
        };
        let example = EventName::EpaymentsPaymentCapturedV1.examples()[0].json;
        let key = key_of(example).unwrap();
        assert_eq!(key.len(), 64);
        let reordered: serde_json::Value = serde_json::from_str(example).unwrap();
        let reordered = serde_json::to_string_pretty(&reordered).unwrap().replace("be62b9", r"\u0062e62b9");
        assert_eq!(key_of(&reordered).unwrap(), key, "white space, order and escapes do not count");
        let refund = example.replace("CAPTURED", "REFUNDED");
        assert_ne!(key_of(&refund).unwrap(), key);
        assert_ne!(key_of(&example.replace("be62b9", "be62b8")).unwrap(), key);
        let ping = key_of(EventName::UserCheckedInV1.examples()[0].json);
        assert!(ping.is_some());
    }

    #[test]
    fn a_ping_is_answered_within_10_seconds() {
        let ping = Event::decode(&EventName::LoginMerchantInitiatedPingV1, br#"{"auth_req_id": "1"}"#).unwrap();
        assert_eq!(ping.acknowledgement().within, Some(Duration::from_secs(10)));
    }
}

#[cfg(feature = "mypos")]
mod mypos {
    use pos_webhooks::mypos::{EventName, Receiver, sign};
    use pos_webhooks::verify::{ReceiverError, Timestamp, VerifyError};

    #[test]
    fn spaces_are_left_out_only_when_asked() {
        let body = br#"{"a": 1, "b": "x, y"}"#;
        let compact = br#"{"a":1,"b":"x,y"}"#;
        let headers =
            |body: &[u8]| sign(&EventName::PosPaymentFailed, &"s".into(), body, Timestamp::UNIX_EPOCH).unwrap();
        let strict = Receiver::new(["s"]).unwrap();
        let lenient = Receiver::new_without_spaces(["s"]).unwrap();
        assert_eq!(strict.verify(&headers(compact), body), Err(VerifyError::SignatureMismatch));
        assert_eq!(lenient.verify(&headers(compact), body), Ok(()));
        assert_eq!(lenient.verify(&headers(body), body), Ok(()));
        for none in ["t=1", "t=1,v0=00", "v1", "t=1,v1=zz", "t=1,v1=0"] {
            let refused = strict.verify(&[("X-myPOS-Signature", none)], body);
            assert!(matches!(refused, Err(VerifyError::MalformedHeader { .. })), "{none}: {refused:?}");
        }
    }

    #[test]
    fn a_receiver_without_secret_cannot_be_made() {
        let none: [&str; 0] = [];
        assert_eq!(Receiver::new(none).unwrap_err(), ReceiverError::NoSecret);
        assert_eq!(Receiver::new(["a", ""]).unwrap_err(), ReceiverError::EmptySecret);
        assert!(!format!("{:?}", Receiver::new(["hidden"]).unwrap()).contains("hidden"));
    }
}

#[cfg(feature = "mipos")]
mod mipos {
    use pos_webhooks::mipos::{EventName, Receiver};
    use pos_webhooks::verify::{ReceiverError, VerifyError};

    #[test]
    fn what_is_not_signed_is_taken_only_by_a_receiver_that_says_so() {
        let nothing = http::HeaderMap::new();
        assert_eq!(Receiver::unsigned(EventName::Order).verify(&nothing, b""), Ok(()));
        let signed = Receiver::new(EventName::Order, ["s"]).unwrap();
        assert_eq!(signed.verify(&nothing, b""), Err(VerifyError::MissingHeader { name: "Signature-Webhook" }));
        let none: [&str; 0] = [];
        assert_eq!(Receiver::new(EventName::Menu, none).unwrap_err(), ReceiverError::NoSecret);
    }
}

#[cfg(feature = "dealpos")]
mod dealpos {
    use pos_webhooks::dealpos::{Event, EventName, Receiver};
    use pos_webhooks::verify::{ReceiverError, VerifyError};

    #[test]
    fn a_key_or_a_token_is_compared() {
        let receiver = Receiver::with_key("key").unwrap();
        let verify = |name: &str, value: &str| receiver.verify(&[(name, value)]);
        assert_eq!(verify("x-api-key", "key"), Ok(()));
        assert_eq!(verify("Authorization", "Bearer key"), Ok(()));
        assert_eq!(verify("authorization", "bearer  key"), Ok(()));
        for wrong in ["", "Key", "key ", "keykey", "ke"] {
            assert_eq!(verify("X-API-Key", wrong), Err(VerifyError::KeyMismatch { name: "X-API-Key" }), "{wrong:?}");
        }
        for wrong in ["Basic key", "key", "Bearer", "Bearer x"] {
            let mismatch = Err(VerifyError::KeyMismatch { name: "Authorization" });
            assert_eq!(verify("Authorization", wrong), mismatch, "{wrong:?}");
        }
        assert_eq!(verify("X-Other", "key"), Err(VerifyError::MissingHeader { name: "X-API-Key" }));
        let twice = receiver.verify(&[("X-API-Key", "key"), ("x-api-key", "key")]);
        assert_eq!(twice, Err(VerifyError::RepeatedHeader { name: "X-API-Key" }));
        assert_eq!(Receiver::unauthenticated().verify(&http::HeaderMap::new()), Ok(()));
        assert_eq!(Receiver::with_key("").unwrap_err(), ReceiverError::EmptySecret);
        assert!(!format!("{:?}", Receiver::with_key("hidden").unwrap()).contains("hidden"));
    }

    #[test]
    fn the_event_is_in_the_path_or_of_the_receiver() {
        let example = EventName::PaymentWriteoff.examples()[0].json;
        let receiver = Receiver::with_key("key").unwrap();
        let request = |path: &str| http::Request::post(path).header("X-API-Key", "key").body(example).unwrap();
        assert!(matches!(receiver.receive(&request("/hooks/paymentWriteoff?x=1")), Ok(Event::PaymentWriteoff(_))));
        let unknown = receiver.receive(&request("/hooks/somethingNew/")).unwrap();
        assert!(matches!(unknown, Event::Unknown(unknown) if unknown.name.as_deref() == Some("somethingNew")));
        let receiver = receiver.for_event(EventName::PaymentDeleted);
        assert!(matches!(receiver.receive(&request("/anything")), Ok(Event::PaymentDeleted(_))));
    }

    #[test]
    fn nothing_tells_two_changes_of_a_payment_apart() {
        let updated = EventName::PaymentUpdated;
        let body = updated.examples()[0].json.as_bytes();
        assert_eq!(Event::decode(&updated, body).unwrap().idempotency_key(body), None);
    }

    #[test]
    fn the_answer_is_the_documented_one() {
        let answer = |name: EventName| {
            let event = Event::decode(&name, name.examples()[0].json.as_bytes()).unwrap();
            http::Response::<Vec<u8>>::from(event.acknowledgement())
        };
        let created = answer(EventName::PaymentCreated);
        assert_eq!((created.status().as_u16(), created.body().as_slice()), (200, &br#"{"status":"success"}"#[..]));
        assert_eq!(created.headers()["content-type"], "application/json");
        let writeoff = answer(EventName::PaymentWriteoff);
        assert!(writeoff.body().is_empty() && writeoff.headers().is_empty());
    }
}
