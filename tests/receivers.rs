//! The typed receivers of the providers' modules: their constructors, their results, and the differences between them.
//! Tests for all providers are in `verify.rs`.

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
    fn a_redelivery_is_recognised() {
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
    fn spaces_are_only_ignored_by_the_constructor_for_it() {
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
    fn a_receiver_cannot_be_constructed_without_a_secret() {
        let none: [&str; 0] = [];
        assert_eq!(Receiver::new(none).unwrap_err(), ReceiverError::NoSecret);
        assert_eq!(Receiver::new(["a", ""]).unwrap_err(), ReceiverError::EmptySecret);
        assert!(!format!("{:?}", Receiver::new(["hidden"]).unwrap()).contains("hidden"));
    }
}

#[cfg(feature = "mipos")]
mod mipos {
    use pos_webhooks::mipos::models::StoreMenu;
    use pos_webhooks::mipos::{Event, EventName, Receiver, sign};
    use pos_webhooks::verify::{ReceiverError, VerifyError};

    #[test]
    fn only_an_unsigned_receiver_accepts_unsigned_deliveries() {
        let nothing = http::HeaderMap::new();
        assert_eq!(Receiver::unsigned(EventName::Order).unwrap().verify(&nothing, b""), Ok(()));
        let signed = Receiver::new(EventName::Order, ["s"]).unwrap();
        assert_eq!(signed.verify(&nothing, b""), Err(VerifyError::MissingHeader { name: "Signature-Webhook" }));
        let none: [&str; 0] = [];
        assert_eq!(Receiver::new(EventName::Menu, none).unwrap_err(), ReceiverError::NoSecret);
    }

    #[test]
    fn each_event_is_verified_by_its_own_signature() {
        let headers = ["Signature-Webhook", "auth-anton-x", "X-Signature-Request"];
        let expected = |name: &EventName| match name.as_str().split_once('_') {
            Some(("MARKET", _)) => Some(headers[1]),
            Some((_, "ESTIMATE" | "REQUEST")) => Some(headers[2]),
            Some(_) => None,
            None => Some(headers[0]),
        };
        for name in EventName::ALL {
            let body = name.examples()[0].json;
            let Some(header) = expected(name) else {
                let unsigned =
                    Err(ReceiverError::NothingSigned("The provider does not document a signature of this event."));
                assert_eq!(sign(name, &"s".into(), body.as_bytes()), unsigned);
                assert_eq!(Receiver::new(name.clone(), ["s"]).map(drop), unsigned.map(drop));
                let receiver = Receiver::unsigned(name.clone()).unwrap();
                assert_eq!(receiver.receive(&http::Request::new(body)).unwrap().name(), *name);
                continue;
            };
            let signed = sign(name, &"s".into(), body.as_bytes()).unwrap();
            assert_eq!(signed.iter().map(|(name, _)| *name).collect::<Vec<_>>(), [header], "{name}");
            let receiver = Receiver::new(name.clone(), ["s"]).unwrap();
            assert_eq!(receiver.verify(&signed, body.as_bytes()), Ok(()), "{name}");
            for other in headers.iter().filter(|other| **other != header) {
                let moved = [(*other, signed[0].1.clone())];
                let missing = VerifyError::MissingHeader { name: header };
                assert_eq!(receiver.verify(&moved, body.as_bytes()), Err(missing), "{name} {other}");
            }
        }
    }

    #[test]
    fn a_receiver_without_a_secret_is_refused_where_every_registration_has_one() {
        for name in EventName::ALL {
            let always = matches!(name, EventName::LogisticsEstimate | EventName::LogisticsRequest);
            let receiver = Receiver::unsigned(name.clone());
            assert_eq!(receiver.err(), always.then_some(ReceiverError::NoSecret), "{name}");
        }
    }

    #[test]
    fn a_request_for_a_menu_is_acknowledged_with_the_menu() {
        let receiver = Receiver::unsigned(EventName::Menu).unwrap();
        let Event::Menu(asked) = receiver.decode(br#"{"store_id": "3"}"#).unwrap() else { panic!() };
        let empty = http::Response::<Vec<u8>>::from(EventName::Menu.acknowledgement());
        assert!(empty.body().is_empty() && empty.headers().is_empty());
        let example: StoreMenu = serde_json::from_str(StoreMenu::examples()[0].json).unwrap();
        let menu = StoreMenu { store_id: asked.store_id.clone().unwrap(), ..example };
        let answer = http::Response::<String>::from(asked.answer(&menu));
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &"application/json".parse().unwrap())
        );
        assert_eq!(serde_json::from_str::<StoreMenu>(answer.body()).unwrap(), menu);
        let market = EventName::MarketMenu.acknowledgement();
        assert_eq!(&*market.body, r#"{"message":"ANY MESSAGE"}"#, "as documented");
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
        assert_eq!(
            verify("X-Other", "key"),
            Err(VerifyError::MissingHeaders { names: vec!["X-API-Key", "Authorization"] })
        );
        let twice = receiver.verify(&[("X-API-Key", "key"), ("x-api-key", "key")]);
        assert_eq!(twice, Err(VerifyError::RepeatedHeader { name: "X-API-Key" }));
        assert_eq!(Receiver::unauthenticated().verify(&http::HeaderMap::new()), Ok(()));
        assert_eq!(Receiver::with_key("").unwrap_err(), ReceiverError::EmptySecret);
        assert!(!format!("{:?}", Receiver::with_key("hidden").unwrap()).contains("hidden"));
    }

    #[test]
    fn the_event_is_that_of_the_path_or_of_the_receiver() {
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
    fn two_changes_of_a_payment_cannot_be_distinguished() {
        let updated = EventName::PaymentUpdated;
        let body = updated.examples()[0].json.as_bytes();
        assert_eq!(Event::decode(&updated, body).unwrap().idempotency_key(body), None);
    }

    #[test]
    fn the_acknowledgement_is_as_documented() {
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

    #[test]
    fn a_payload_that_asks_for_something_is_acknowledged_with_the_body_of_the_receiver() {
        use pos_webhooks::dealpos::models::{CouponType, CouponValue, LoyaltyPoints, LoyaltyReward};

        let receive = |name: EventName| {
            let request = http::Request::post(format!("/hooks/{name}")).header("X-API-Key", "key");
            let request = request.body(name.examples()[0].json).unwrap();
            Receiver::with_key("key").unwrap().receive(&request).unwrap()
        };
        let Event::FetchLoyaltyPoints(customer) = receive(EventName::FetchLoyaltyPoints) else { panic!() };
        let Event::LoyaltyPointOnOrderComplete(order) = receive(EventName::LoyaltyPointOnOrderComplete) else {
            panic!()
        };
        let Event::ValidateCoupon(coupon) = receive(EventName::ValidateCoupon) else { panic!() };
        let half = CouponValue { type_: Some(CouponType::Percentage), amount: Some(50.into()), ..Default::default() };
        for (answer, body) in [
            (customer.answer(&LoyaltyPoints { point: Some("12.50".parse().unwrap()) }), r#"{"Point":12.50}"#),
            (order.answer(&LoyaltyReward { reward: Some(9000.into()) }), r#"{"reward":9000}"#),
            (coupon.answer(&half), r#"{"Type":"Percentage","Amount":50}"#),
        ] {
            assert_eq!(answer.within, Some(std::time::Duration::from_secs(30)));
            let answer = http::Response::<String>::from(answer);
            assert_eq!((answer.status().as_u16(), answer.body().as_str()), (200, body));
            assert_eq!(answer.headers()["content-type"], "application/json");
        }
    }

    #[test]
    fn another_documented_response_is_given_with_its_status_and_its_body() {
        use pos_webhooks::dealpos::models::{CouponRefusal, CouponRequest};

        let coupon: CouponRequest = serde_json::from_str(r#"{"Code": "1234"}"#).unwrap();
        let refusal = CouponRefusal { status: Some("used".into()), ..Default::default() };
        let answer = coupon.answer_bad_request(&refusal);
        assert_eq!(answer.within, Some(std::time::Duration::from_secs(30)));
        let answer = http::Response::<String>::from(answer);
        assert_eq!((answer.status().as_u16(), answer.body().as_str()), (400, r#"{"status":"used"}"#));
        assert_eq!(answer.headers()["content-type"], "application/json");
    }

    /// The receiver's own server issued the token, and knows whether it is still valid.
    #[test]
    fn a_token_that_expires_is_checked_by_the_program() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicBool, Ordering};

        let has_expired = Arc::new(AtomicBool::new(false));
        let expired = Arc::clone(&has_expired);
        let check = move |token: &str| token == "issued" && !expired.load(Ordering::SeqCst);
        let receiver = Receiver::with_key_check(check).unwrap();
        let verify = |name: &str, value: &str| receiver.verify(&[(name, value)]);
        assert_eq!(verify("authorization", "bearer  issued"), Ok(()));
        let request = http::Request::post("/paymentWriteoff").header("Authorization", "Bearer issued");
        let request = request.body(EventName::PaymentWriteoff.examples()[0].json).unwrap();
        assert!(matches!(receiver.receive(&request), Ok(Event::PaymentWriteoff(_))));
        let mismatch = Err(VerifyError::KeyMismatch { name: "Authorization" });
        for wrong in ["Bearer another", "Basic issued", "issued", "Bearer"] {
            assert_eq!(verify("Authorization", wrong), mismatch, "{wrong:?}");
        }
        assert!(matches!(verify("X-Other", "issued"), Err(VerifyError::MissingHeaders { .. })));
        has_expired.store(true, Ordering::SeqCst);
        assert_eq!(verify("Authorization", "Bearer issued"), mismatch);
        assert!(!format!("{receiver:?} {mismatch:?}").contains("issued"));
        #[cfg(feature = "vipps")]
        {
            let vipps = pos_webhooks::AnyReceiver::with_key_check(&pos_webhooks::vipps::PROVIDER, None, |_| true);
            assert_eq!(vipps.unwrap_err(), ReceiverError::NoKey);
        }
    }

    #[test]
    fn an_example_is_never_sent_instead_of_a_body_that_only_the_receiver_knows() {
        for name in [EventName::FetchLoyaltyPoints, EventName::LoyaltyPointOnOrderComplete, EventName::ValidateCoupon] {
            let answer = http::Response::<Vec<u8>>::from(name.acknowledgement());
            assert_eq!(answer.status().as_u16(), 200);
            assert!(answer.body().is_empty() && answer.headers().is_empty(), "{name}");
        }
    }
}
