//! Deliveries that are signed with a private key, and verified with the public one. The signatures are made by another
//! library than the one that verifies them.

#[path = "signatures/specification.rs"]
mod specification;

use jiff::Timestamp;
use pos_webhooks::catalogue::Verification;
use pos_webhooks::verify::{ReceiverError, ToSign, Verifier, sign};

/// What a scheme of this name says.
fn verification(name: &str) -> Verification {
    specification::provider(name).verification.unwrap()
}

fn delivery(body: &[u8]) -> ToSign<'_> {
    ToSign { url: None, id: Some("msg_1"), headers: &[], body, at: Timestamp::from_second(1_700_000_000).unwrap() }
}

#[cfg(not(feature = "ed25519"))]
#[test]
fn without_the_feature_a_receiver_says_which_one_is_missing() {
    let (public, private) = (hex::encode([1; 32]), hex::encode([1; 64]));
    let verification = verification("discord");
    let error = Verifier::new(&verification, None, None, [public]).unwrap_err();
    assert_eq!(error, ReceiverError::NoEd25519);
    assert!(error.to_string().contains("enable the feature `ed25519`"), "{error}");
    assert_eq!(sign(&verification, None, &private.into(), &delivery(b"{}")), Err(ReceiverError::NoEd25519));
    let none: [&str; 0] = [];
    assert_eq!(Verifier::new(&verification, None, None, none).map(|_| ()), Err(ReceiverError::NoSecret));
}

#[cfg(feature = "ed25519")]
mod with_the_feature {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use ed25519_compact::{KeyPair, Seed};
    use pos_webhooks::verify::VerifyError;
    use serde_json::Value;

    use super::*;

    fn key_pair(seed: u8) -> KeyPair {
        KeyPair::from_seed(Seed::new([seed; 32]))
    }

    fn public(seed: u8) -> String {
        hex::encode(*key_pair(seed).pk)
    }

    /// Headers of Discord with the signature of a text.
    fn headers(seed: u8, text: &[u8]) -> [(&'static str, String); 2] {
        let signature = hex::encode(*key_pair(seed).sk.sign(text, None));
        [("X-Signature-Ed25519", signature), ("X-Signature-Timestamp", "1700000000".to_owned())]
    }

    fn verify(secrets: &[String], headers: &[(&'static str, String)], body: &[u8]) -> Result<(), VerifyError> {
        let secrets = secrets.iter().map(String::as_str);
        let verifier = Verifier::new(&verification("discord"), None, None, secrets).unwrap();
        verifier.verify(headers, body, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_is_signed_with_the_private_key_passes_and_nothing_else() {
        let right = headers(1, br#"1700000000{"type":2}"#);
        let body = br#"{"type":2}"#;
        assert_eq!(verify(&[public(1)], &right, body), Ok(()));
        assert_eq!(verify(&[public(2), public(1)], &right, body), Ok(()), "while a key is rotated");
        let mismatch = Err(VerifyError::SignatureMismatch);
        assert_eq!(verify(&[public(2)], &right, body), mismatch);
        assert_eq!(verify(&[public(1)], &right, br#"{"type":3}"#), mismatch);
        assert_eq!(verify(&[public(1)], &headers(2, br#"1700000000{"type":2}"#), body), mismatch);
        let mut other_time = right.clone();
        other_time[1].1 = "1700000001".to_owned();
        assert_eq!(verify(&[public(1)], &other_time, body), mismatch);
        for (index, wrong) in [(0, "00"), (0, ""), (1, "now")] {
            let mut malformed = right.clone();
            malformed[index].1 = wrong.to_owned();
            let refused = verify(&[public(1)], &malformed, body);
            assert!(matches!(refused, Err(VerifyError::MalformedHeader { .. })), "{wrong}: {refused:?}");
        }
        let missing = VerifyError::MissingHeader { name: "X-Signature-Ed25519" };
        assert_eq!(verify(&[public(1)], &right[1..], body), Err(missing));
    }

    #[test]
    fn the_vectors_of_standard_webhooks_have_their_outcome() {
        let file = specification::file("tests/signatures/vectors/standard-webhooks.json");
        let file: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let all = file["vectors"].as_array().unwrap().iter();
        let vectors: Vec<&Value> = all.filter(|vector| vector["scheme"]["algorithm"] == "ed25519").collect();
        assert_eq!(vectors.len(), 2);
        let verification = verification("standard-webhooks-v1a");
        for vector in vectors {
            let verifier = Verifier::new(&verification, None, None, [vector["secret"].as_str().unwrap()]).unwrap();
            let headers: Vec<(String, String)> = serde_json::from_value(vector["headers"].clone()).unwrap();
            let now = Timestamp::from_second(vector["time"].as_i64().unwrap()).unwrap();
            let outcome = match verifier.verify(&headers, vector["body"].as_str().unwrap().as_bytes(), now) {
                Ok(()) => "valid".to_owned(),
                Err(error) => format!("{error:?}").split([' ', '(']).next().unwrap().to_owned(),
            };
            assert_eq!(vector["expect"], outcome.as_str(), "{}", vector["what"]);
            // More signatures than a provider sends are refused, because each takes time to verify.
            let counts = [(16, false), (17, true)];
            for (count, refused) in counts.into_iter().filter(|_| outcome == "valid") {
                let mut repeated = headers.clone();
                let signature = repeated.iter_mut().find(|(name, _)| name == "webhook-signature").unwrap();
                let item = signature.1.split(' ').find(|item| item.starts_with("v1a,")).unwrap();
                signature.1 = vec![item; count].join(" ");
                let outcome = verifier.verify(&repeated, vector["body"].as_str().unwrap().as_bytes(), now);
                assert_eq!(
                    matches!(outcome, Err(VerifyError::MalformedHeader { .. })),
                    refused,
                    "{count}: {outcome:?}"
                );
            }
            let text = verifier.string_to_sign(&headers, b"{}").unwrap().unwrap();
            assert_eq!(text, b"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{}");
        }
    }

    #[test]
    fn a_delivery_is_signed_with_the_seed_and_the_public_key() {
        for (name, prefixes) in [("discord", ["", ""]), ("standard-webhooks-v1a", ["whpk_", "whsk_"])] {
            let verification = verification(name);
            let encode = |bytes: &[u8]| if name == "discord" { hex::encode(bytes) } else { STANDARD.encode(bytes) };
            let [public, private] = [encode(&*key_pair(1).pk), encode(&*key_pair(1).sk)];
            let [public, private] = [format!("{}{public}", prefixes[0]), format!("{}{private}", prefixes[1])];
            let headers = sign(&verification, None, &private.as_str().into(), &delivery(b"{}")).unwrap();
            let verifier = Verifier::new(&verification, None, None, [public.as_str()]).unwrap();
            assert_eq!(verifier.verify(&headers, b"{}", delivery(b"").at), Ok(()), "{name}");

            let of_receiver = Verifier::new(&verification, None, None, [private.as_str()]).unwrap_err();
            assert!(of_receiver.to_string().starts_with("a secret is not the provider's public key"), "{of_receiver}");
            let of_signer = sign(&verification, None, &public.as_str().into(), &delivery(b"{}")).unwrap_err();
            assert!(of_signer.to_string().starts_with("a secret is not a private key of Ed25519"), "{of_signer}");
            for error in [of_receiver, of_signer] {
                assert!(!error.to_string().contains(&private) && !error.to_string().contains(&public), "{error}");
            }
        }
    }

    /// With such a key, anyone can make a signature that passes.
    #[test]
    fn a_key_of_small_order_is_refused() {
        let verification = verification("discord");
        let mut one = [0; 32];
        one[0] = 1;
        let mut minus_one = [0xff; 32];
        (minus_one[0], minus_one[31]) = (0xec, 0x7f);
        for weak in [[0; 32], one, minus_one] {
            let error = Verifier::new(&verification, None, None, [hex::encode(weak)]).unwrap_err();
            assert!(matches!(error, ReceiverError::MalformedSecret(_)), "{error}");
        }
        let refused = |secret: &str| Verifier::new(&verification, None, None, [secret]).unwrap_err();
        assert_eq!(refused(""), ReceiverError::EmptySecret);
        assert!(matches!(refused("xyz"), ReceiverError::MalformedSecret(_)));
    }

    /// The same signature cannot be written in two ways, so it can serve to recognise a delivery.
    #[test]
    fn a_signature_has_one_form() {
        const ORDER: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let mut signature = *key_pair(1).sk.sign(b"1700000000{}", None);
        let mut carry = 0;
        for (digit, order) in signature[32..].iter_mut().zip(ORDER) {
            let sum = u16::from(*digit) + u16::from(order) + carry;
            (*digit, carry) = (sum.to_le_bytes()[0], sum >> 8);
        }
        let mut headers = headers(1, b"1700000000{}");
        assert_eq!(verify(&[public(1)], &headers, b"{}"), Ok(()));
        headers[0].1 = hex::encode(signature);
        assert_eq!(verify(&[public(1)], &headers, b"{}"), Err(VerifyError::SignatureMismatch));
    }
}
