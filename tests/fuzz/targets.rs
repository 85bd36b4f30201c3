//! Properties that hold for any bytes. `tests/fuzz.rs` runs these functions with seeds and generated input, and the
//! fuzz targets in `fuzz/` run them for any time. A property that does not hold panics.

use jiff::Timestamp;
use pos_webhooks::catalogue::{Provider, Schema, SchemaKind};
use pos_webhooks::validate::Invalid;
use pos_webhooks::verify::{ReceiveError, VerifyError};
use pos_webhooks::{PROVIDERS, dealpos, mipos, mypos, vipps};
use pos_webhooks_build::Severity;

/// What the deliveries among the seeds are signed with.
pub const SECRET: &str = "c2VjcmV0LW9mLXRoZS1zZWVkcw==";
pub const URL: &str = "https://shop.example/hooks/vipps?shop=1";
pub const SIGNED_AT: &str = "2026-11-21T12:00:00Z";

/// A head and a body, apart at the first empty line: of a delivery its headers, of a payload `PROVIDER SCHEMA`.
fn split(input: &[u8]) -> (String, &[u8]) {
    let end = input.windows(2).position(|pair| pair == b"\n\n").unwrap_or(input.len());
    (String::from_utf8_lossy(&input[..end]).into_owned(), input.get(end + 2..).unwrap_or_default())
}

/// The schema that the head names; where it names none, one that the head's bytes choose.
fn payload(input: &[u8]) -> (&'static Provider, &'static Schema, &[u8]) {
    let (head, json) = split(input);
    let schemas: Vec<_> = PROVIDERS.iter().flat_map(|it| it.schemas.iter().map(move |schema| (*it, schema))).collect();
    let named = |(provider, schema): &&(&Provider, &Schema)| head == format!("{} {}", provider.name, schema.name);
    let chosen = head.bytes().map(usize::from).sum::<usize>() % schemas.len();
    let (provider, schema) = schemas.iter().find(named).unwrap_or(&schemas[chosen]);
    (provider, schema, json)
}

/// Decoding never panics. Decoding an encoded value gives the same value, as a model and as an event with its key.
pub fn decode(input: &[u8]) {
    let (provider, schema, json) = payload(input);
    let _ = vipps::EventName::identify(json);
    let decoded = schema.decode(json);
    if let Ok(model) = &decoded {
        let encoded = model.to_json().expect("a model encodes");
        let again = schema.decode(encoded.as_bytes()).expect("what was encoded decodes");
        assert_eq!(again.to_json().expect("a model encodes"), encoded);
    }
    if schema.kind == SchemaKind::Event {
        macro_rules! event {
            ($provider:ident) => {{
                let name = $provider::EventName::from(schema.name);
                let event = $provider::Event::decode(&name, json);
                assert_eq!(event.as_ref().err(), decoded.as_ref().err());
                if let Ok(event) = event {
                    let encoded = serde_json::to_vec(&event).expect("an event encodes");
                    let again = $provider::Event::decode(&name, &encoded).expect("what was encoded decodes");
                    let spaced = [json, b" "].concat();
                    assert_eq!(event.idempotency_key(&spaced), event.idempotency_key(json));
                    assert_eq!((again.name(), &event.name()), (event.name(), &name));
                }
            }};
        }
        match provider.name {
            "mipos" => event!(mipos),
            "mypos" => event!(mypos),
            "dealpos" => event!(dealpos),
            "vipps" => event!(vipps),
            // Of others the schema alone was decoded.
            _ => {}
        }
    }
}

/// Validation never panics, its pointers point to existing values, and valid payloads can be decoded.
pub fn validate(input: &[u8]) {
    let (provider, schema, json) = payload(input);
    let value = serde_json::from_slice::<serde_json::Value>(json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json));
    match provider.validate(schema.name, json) {
        Ok(()) => {
            assert!(value.is_ok());
            if let Err(error) = schema.decode(json) {
                // JSON Schema takes any number of digits for an integer.
                assert_eq!(
                    error.message, "expected a 64-bit integer, found a number that is too large",
                    "valid, but: {error}"
                );
            }
        }
        Err(Invalid::Violations(violations)) => {
            let value = value.expect("violations are those of a JSON value");
            assert!(!violations.is_empty());
            for violation in violations {
                assert!(value.pointer(&violation.pointer).is_some(), "{violation}");
                assert!(!violation.to_string().is_empty() && !violation.keyword.is_empty());
            }
        }
        // Of two members of one name a JSON value has the last, and of a number next to zero nothing.
        Err(Invalid::NotJson(error)) => assert!(
            value.is_err()
                || error.message.contains("two members of this name")
                || error.message.contains("too large or too small"),
            "{error}"
        ),
        Err(other) => panic!("{other}"),
    }
}

/// No text panics. The lint has every finding, and a document without errors is a provider whose schemas can be used.
pub fn specification(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let described = pos_webhooks_build::describe_with_warnings("fuzzed", "fuzzed.yaml", &text);
    let findings = pos_webhooks_build::lint("fuzzed.yaml", &text);
    let has_error = findings.iter().any(|finding| finding.severity == Severity::Error);
    let (found, description) = match described {
        Ok((description, warnings)) => (warnings, Some(description)),
        Err(found) => (found, None),
    };
    assert_eq!((&found, description.is_none()), (&findings, has_error));
    let Some(description) = description else { return };
    let provider = Provider::read_with_spec(&description, &text).expect("a description of this version");
    let usable = |schema: &str, json: &str| match provider.validate(schema, json.as_bytes()) {
        Ok(()) | Err(Invalid::Violations(_) | Invalid::NotJson(_)) => {}
        // The engines that lint and validate patterns differ in rare features.
        Err(error) => assert!(text.contains("pattern"), "{error}"),
    };
    for schema in provider.schemas {
        provider.json_schema(schema.name).expect("a known schema");
        usable(schema.name, "{}");
    }
    for body in provider.bodies() {
        for example in body.examples {
            provider.identify(example.json.as_bytes()).expect("JSON");
            usable(body.schema, example.json);
        }
    }
}

/// Verification never panics, and only signed deliveries pass: not with another body, and not without the proof.
pub fn verify(input: &[u8]) {
    let (head, body) = split(input);
    let headers: Vec<(&str, &str)> = head.lines().filter_map(|line| line.split_once(": ")).collect();
    let now: Timestamp = SIGNED_AT.parse().expect("a time");
    let others = [body, b" "].concat();
    let without = |name: &str| -> Vec<(&str, &str)> {
        headers.iter().copied().filter(|(candidate, _)| !candidate.to_ascii_lowercase().ends_with(name)).collect()
    };

    let receiver = vipps::Receiver::new(URL, ["another", SECRET]).expect("a URL and secrets");
    if receiver.verify(&headers, body, now).is_ok() {
        assert_eq!(receiver.verify(&headers, &others, now), Err(VerifyError::ContentHashMismatch));
        assert!(receiver.verify(&without("authorization"), body, now).is_err());
        assert!(receiver.clone().dangerously_without_replay_window().verify(&headers, body, Timestamp::MIN).is_ok());
        assert!(receiver.verify(&headers, body, Timestamp::MAX).is_err());
    }
    let receiver = mypos::Receiver::new(["another", SECRET]).expect("secrets");
    if receiver.verify(&headers, body).is_ok() {
        assert_eq!(receiver.verify(&headers, &others), Err(VerifyError::SignatureMismatch));
        let lenient = mypos::Receiver::new_without_spaces([SECRET]).expect("a secret");
        assert!(lenient.verify(&headers, body).is_ok());
        assert!(receiver.verify(&without("signature"), body).is_err());
    }
    let receiver = mipos::Receiver::new(mipos::EventName::Order, ["another", SECRET]).expect("secrets");
    if receiver.verify(&headers, body).is_ok() {
        assert_eq!(receiver.verify(&headers, &others), Err(VerifyError::SignatureMismatch));
        assert!(receiver.verify(&without("webhook"), body).is_err());
    }
    let receiver = dealpos::Receiver::with_key(SECRET).expect("a key");
    if receiver.verify(&headers).is_ok() {
        assert!(head.contains(SECRET));
    }

    // In one call it is the same.
    let mut request = http::Request::post("/hooks/paymentCreated").body(body).expect("a request");
    for (name, value) in &headers {
        if let (Ok(name), Ok(value)) = (name.parse::<http::HeaderName>(), value.parse()) {
            request.headers_mut().append(name, value);
        }
    }
    match receiver.receive(&request) {
        Ok(event) => assert_eq!(event.name(), dealpos::EventName::PaymentCreated),
        Err(ReceiveError::Verify(error)) => assert_eq!(receiver.verify(request.headers()), Err(error)),
        Err(ReceiveError::Decode(_)) => assert!(receiver.verify(request.headers()).is_ok()),
        Err(other) => panic!("{other}"),
    }
}
