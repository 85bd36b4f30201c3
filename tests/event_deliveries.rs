//! The delivery of an event that is made for a test passes the receiver as one of the provider does: for each event of every
//! provider, and of the specifications in `signatures/` and `docs/schemes/`, which have other forms of verification.

#[path = "signatures/specification.rs"]
mod specification;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{Method, Request};
use pos_webhooks::catalogue::{Algorithm, Event, EventNamePlace, KeyEncoding, Provider, Signature, Verification};
use pos_webhooks::private::delivery;
use pos_webhooks::verify::{ReceiveError, ReceiverError, Timestamp};
use pos_webhooks::{AnyEvent, AnyReceiver, Json, PROVIDERS, Registered, Secret};

const URL: &str = "https://shop.example/hooks?shop=1";

fn providers() -> Vec<&'static Provider> {
    let names = ["tests/signatures", "docs/schemes"].into_iter().flat_map(specification::names);
    PROVIDERS.iter().copied().chain(names.map(|name| specification::provider(&name))).collect()
}

/// The secret that the sender has and the one that the receiver has, in the form of this signature.
fn secrets(signature: Option<&Signature>) -> (String, String) {
    let Some(signature) = signature else { return ("a-key".to_owned(), "a-key".to_owned()) };
    let written = |key: &[u8]| {
        let text = match signature.key.encoding {
            KeyEncoding::Text => String::from_utf8(key.to_vec()).unwrap(),
            KeyEncoding::Hex => hex::encode(key),
            KeyEncoding::Base64 => BASE64.encode(key),
            other => panic!("{other:?}"),
        };
        format!("{}{text}", signature.key.prefix)
    };
    if signature.algorithm == Algorithm::Ed25519 {
        let pair = ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new([7; 32]));
        return (written(&*pair.sk), written(&*pair.pk));
    }
    (written(b"a secret of some length"), written(b"a secret of some length"))
}

fn receive(
    provider: &'static Provider,
    event: &str,
    secret: &str,
    request: &Request<Vec<u8>>,
) -> Result<AnyEvent, ReceiveError> {
    let url = request.uri().to_string();
    let registered = Registered { url: Some(&url), event: Some(event), signature: None };
    AnyReceiver::new(provider, registered, [secret]).unwrap().receive(request, Timestamp::now())
}

fn example(event: &Event) -> Json {
    event.payload.example().unwrap().json.parse().unwrap()
}

#[test]
fn a_delivery_is_genuine_and_an_unsigned_one_is_not() {
    let mut tested = 0;
    for provider in providers() {
        for event in provider.events {
            let place = format!("{} {}", provider.name, event.name);
            let verification = provider.verification_of(Some(event.name)).unwrap();
            let signature = verification.signature(None);
            if signature.is_some_and(|it| it.algorithm == Algorithm::Ed25519) && cfg!(not(feature = "ed25519")) {
                continue;
            }
            let payload = example(event);
            let (sent, known) = secrets(signature);
            let made = delivery(provider, event.name, &payload, URL, Some(Secret::from(sent)));
            if !matches!(verification, Verification::Signatures(_) | Verification::Keys(_)) {
                assert!(
                    matches!(made, Err(ReceiverError::NothingSigned(_) | ReceiverError::Custom)),
                    "{place}: {made:?}"
                );
                continue;
            }
            let request = made.unwrap_or_else(|error| panic!("{place}: {error}"));
            assert_eq!(request.method(), Method::POST, "{place}");
            assert_eq!(request.headers()["content-type"], event.payload.media_type, "{place}");
            let received = receive(provider, event.name, &known, &request);
            let received = received.unwrap_or_else(|error| panic!("{place}: {error}\n{request:?}"));
            assert_eq!(received.name.as_deref(), Some(event.name), "{place}");
            // Each signature of a delivery may have its time in the body.
            let has_time = |signature: &Signature| signature.time.is_some_and(|time| time.member.is_some());
            if !matches!(verification, Verification::Signatures(all) if all.iter().any(has_time)) {
                assert_eq!(String::from_utf8_lossy(request.body()), payload.as_str(), "{place}");
            }
            let is_key = matches!(verification, Verification::Keys(_));
            assert!(!is_key || !format!("{request:?}").contains(&known), "{place}: the key is shown");
            let unsigned = delivery(provider, event.name, &payload, URL, None).unwrap();
            assert_eq!(unsigned.uri(), request.uri(), "{place}");
            let refused = receive(provider, event.name, &known, &unsigned);
            assert!(matches!(refused, Err(ReceiveError::Verify(_))), "{place}: {refused:?}");
            tested += 1;
        }
    }
    assert!(tested > 20, "{tested} deliveries");
}

#[test]
fn the_name_in_a_path_precedes_the_query() {
    let by_path =
        providers().into_iter().filter(|provider| provider.event_name == Some(EventNamePlace::LastPathSegment));
    for provider in by_path {
        let event = &provider.events[0];
        let made = |url| delivery(provider, event.name, &example(event), url, None).unwrap().uri().to_string();
        assert_eq!(made(URL), format!("https://shop.example/hooks/{}?shop=1", event.name));
        assert_eq!(made("/hooks/"), format!("/hooks/{}", event.name));
    }
}

#[test]
fn an_event_without_a_name_is_delivered_without_one() {
    for provider in providers().into_iter().filter(|provider| !provider.events.is_empty()) {
        let request = delivery(provider, "", &"payload", URL, None).unwrap();
        assert_eq!((request.uri().to_string().as_str(), request.body().as_slice()), (URL, &br#""payload""#[..]));
        assert_eq!(request.headers().len(), 1, "{}: {request:?}", provider.name);
    }
}

#[test]
fn a_url_that_is_none_is_an_error() {
    for provider in providers() {
        let Some(event) = provider.events.first() else { continue };
        for url in ["", "https://", "https://shop.example/a b", "https://shop.example/\n"] {
            let made = delivery(provider, event.name, &example(event), url, None);
            // Nothing and a name is a path, which frameworks accept that tests call without a server.
            let is_path = provider.event_name == Some(EventNamePlace::LastPathSegment) && url.is_empty();
            assert!(is_path || matches!(made, Err(ReceiverError::Url(_))), "{} {url:?}: {made:?}", provider.name);
        }
    }
}

#[cfg(feature = "vipps")]
#[test]
fn the_example_of_a_model_is_documented_if_one_is() {
    use pos_webhooks::catalogue::Origin;
    use pos_webhooks::vipps::models::PaymentEvent;

    let examples = PaymentEvent::examples();
    let documented = examples.iter().find(|example| example.origin == Origin::Documented).unwrap();
    assert_ne!(examples[0].origin, Origin::Documented, "not simply the first one");
    assert_eq!(PaymentEvent::example().unwrap(), serde_json::from_str(documented.json).unwrap());
}

/// The functions of a provider's module.
macro_rules! typed {
    ($($feature:literal $module:ident),*) => {$(
        #[cfg(feature = $feature)]
        #[test]
        fn $module() {
            use pos_webhooks::$module::{Event, EventName, PROVIDER};

            for name in EventName::ALL {
                let event = name.example().unwrap_or_else(|| panic!("{name} without an example"));
                assert_eq!(event.name(), *name);
                let unsigned = event.unsigned_delivery(URL).unwrap();
                assert_eq!(Event::decode(name, unsigned.body()).unwrap(), event);
                match event.delivery(URL, "secret") {
                    Ok(request) => assert!(receive(&PROVIDER, name.as_str(), "secret", &request).is_ok(), "{name}"),
                    Err(error) => assert!(matches!(error, ReceiverError::NothingSigned(_)), "{name}: {error}"),
                }
                assert!(event.delivery(URL, "").is_err(), "{name}");
            }
            assert_eq!(EventName::from("not.listed").example(), None);
            let unknown = Event::decode(&"not.listed".into(), br#"{"amount": 2.50}"#).unwrap();
            assert_eq!(unknown.unsigned_delivery(URL).unwrap().body(), br#"{"amount": 2.50}"#);
        }
    )*};
}

typed!("dealpos" dealpos, "mipos" mipos, "mypos" mypos, "vipps" vipps);
