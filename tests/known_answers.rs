//! Verification and the signers agree with an independent implementation, `tests/vectors/make.py`, which first checks
//! itself against the vectors that the providers document.

#![cfg(all(feature = "mipos", feature = "mypos", feature = "vipps"))]

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use pos_webhooks::verify::VerifyError;
use pos_webhooks::{Secret, mipos, mypos, vipps};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    provider: String,
    what: String,
    /// The registered URL, with Vipps MobilePay.
    #[serde(default)]
    url: String,
    /// The text under the signature, with Vipps MobilePay.
    #[serde(default)]
    signed: String,
    /// The name of the event, with myPOS.
    #[serde(default)]
    event: String,
    secret: String,
    other_secrets: Vec<String>,
    body_base64: String,
    /// RFC 3339.
    at: String,
    headers: Vec<(String, String)>,
}

impl Vector {
    fn body(&self) -> Vec<u8> {
        BASE64.decode(&self.body_base64).unwrap()
    }

    fn at(&self) -> Timestamp {
        self.at.parse().unwrap()
    }

    fn verify(&self, secrets: &[&str]) -> Result<(), VerifyError> {
        let (headers, body) = (&self.headers, &self.body());
        let secrets = secrets.iter().copied();
        match self.provider.as_str() {
            "vipps" => vipps::Receiver::new(&self.url, secrets).unwrap().verify(headers, body, self.at()),
            "mypos" => mypos::Receiver::new(secrets).unwrap().verify(headers, body),
            "mipos" => mipos::Receiver::new(mipos::EventName::Order, secrets).unwrap().verify(headers, body),
            other => panic!("{other}"),
        }
    }

    fn sign(&self) -> Vec<(String, String)> {
        let (secret, body): (&Secret, _) = (&self.secret.as_str().into(), &self.body());
        let headers = match self.provider.as_str() {
            "vipps" => vipps::sign(&self.url, secret, body, self.at()),
            "mypos" => mypos::sign(&self.event.as_str().into(), secret, body, self.at()),
            "mipos" => mipos::sign(secret, body),
            other => panic!("{other}"),
        };
        headers.unwrap().into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("vectors/signatures.json")).unwrap()
}

#[test]
fn every_vector_passes_with_its_secret_and_not_without_it() {
    let mut checked: BTreeMap<String, u32> = BTreeMap::new();
    for vector in vectors() {
        let place = format!("{} {}", vector.provider, vector.what);
        let others: Vec<&str> = vector.other_secrets.iter().map(String::as_str).chain(["another"]).collect();
        assert_eq!(vector.verify(&[&vector.secret]), Ok(()), "{place}");
        assert_eq!(vector.verify(&[&others[..], &[&vector.secret]].concat()), Ok(()), "{place}, last");
        assert_eq!(vector.verify(&[&[vector.secret.as_str()], &others[..]].concat()), Ok(()), "{place}, first");
        assert_eq!(vector.verify(&others), Err(VerifyError::SignatureMismatch), "{place}, with other secrets");
        *checked.entry(vector.provider).or_default() += 1;
    }
    assert!(checked.len() == 3 && checked.values().all(|count| *count >= 16), "{checked:?}");
}

#[test]
fn the_signers_write_the_same_headers() {
    for vector in vectors() {
        assert_eq!(vector.sign(), vector.headers, "{} {}", vector.provider, vector.what);
    }
}

#[test]
fn what_vipps_signs_can_be_shown() {
    for vector in vectors().iter().filter(|vector| vector.provider == "vipps") {
        let receiver = vipps::Receiver::new(&vector.url, ["another"]).unwrap();
        let shown = receiver.string_to_sign(&vector.headers, &vector.body());
        assert_eq!(shown.as_deref(), Ok(vector.signed.as_str()), "{}", vector.what);
        let missing = Err(VerifyError::MissingHeader { name: "x-ms-date" });
        assert_eq!(receiver.string_to_sign(&vector.headers[2..], &vector.body()), missing);
    }
}

/// Newer copies of the provider's page show this in place of the secret, and kept the signature.
#[test]
fn the_placeholder_of_the_newer_vipps_page_does_not_pass() {
    let documented = vectors().remove(0);
    assert!(documented.what.starts_with("documented: Vipps MobilePay"));
    let placeholder = format!("{}==", "A".repeat(86));
    assert_eq!(documented.verify(&[&placeholder]), Err(VerifyError::SignatureMismatch));
}
