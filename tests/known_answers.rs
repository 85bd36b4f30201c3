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
            "mipos" => mipos::sign(&mipos::EventName::Order, secret, body),
            other => panic!("{other}"),
        };
        headers.unwrap().into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("vectors/signatures.json")).unwrap()
}

#[test]
fn every_vector_passes_with_its_secret_only() {
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
fn the_string_to_sign_of_vipps_is_that_of_the_vectors() {
    for vector in vectors().iter().filter(|vector| vector.provider == "vipps") {
        let receiver = vipps::Receiver::new(&vector.url, ["another"]).unwrap();
        let shown = receiver.string_to_sign(&vector.headers, &vector.body());
        assert_eq!(shown.as_deref(), Ok(vector.signed.as_str()), "{}", vector.what);
        let missing = Err(VerifyError::MissingHeader { name: "x-ms-date" });
        assert_eq!(receiver.string_to_sign(&vector.headers[2..], &vector.body()), missing);
    }
}

/// The worked example of miPOS for logistics companies. Its signature is that of the payload without spaces and with
/// `integration_id` at the end, and not that of the payload as it is printed.
#[test]
fn the_documented_signature_for_logistics_companies_passes() {
    const SECRET: &str = "08b707f3fa62d18df7dd5a12b5d169a22f372c25";
    const SIGNATURE: &str = "c70400564e5440ea76ed1f0241965ff97515cfdfff71b05444f613a5bf43a8dd";
    let payload = |end: &str| {
        format!(
            r#"{{"origin":{{"address":"Av. Las Aguas 1256","reference":"Cerca del centro comercial ....","lat":-2.1602453,"lng":-79.908075,"contact_phone":"0912345678","contact_name":"Gerente tienda Jos\u00e9"}},"destination":{{"address":"Urbanizaci\u00f3n Ficticia Solar 15","reference":"Cerca del malec\u00f3n ....","lat":-2.1617463,"lng":-79.9017235,"contact_phone":"0987654321","contact_name":"Camila"{end}"#
        )
    };
    let (signed, printed) = (payload(r#"},"integration_id":8}"#), payload(r#", "integration_id": 8}}"#));
    let name = mipos::EventName::LogisticsEstimate;
    let headers = mipos::sign(&name, &SECRET.into(), signed.as_bytes()).unwrap();
    assert_eq!(headers, [("X-Signature-Request", SIGNATURE.to_owned())]);
    let receiver = mipos::Receiver::new(name, [SECRET]).unwrap();
    assert_eq!(receiver.verify(&headers, signed.as_bytes()), Ok(()));
    assert_eq!(receiver.verify(&headers, printed.as_bytes()), Err(VerifyError::SignatureMismatch));
    let mipos::Event::LogisticsEstimate(asked) = receiver.decode(signed.as_bytes()).unwrap() else { panic!() };
    assert_eq!((asked.integration_id, asked.origin.contact_name.as_deref()), (Some(8), Some("Gerente tienda José")));
}

/// Newer copies of the provider's page show this in place of the secret, and kept the signature.
#[test]
fn the_placeholder_of_the_newer_vipps_page_does_not_pass() {
    let documented = vectors().remove(0);
    assert!(documented.what.starts_with("documented: Vipps MobilePay"));
    let placeholder = format!("{}==", "A".repeat(86));
    assert_eq!(documented.verify(&[&placeholder]), Err(VerifyError::SignatureMismatch));
}
