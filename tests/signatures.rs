//! Verification and signing by description, with vectors of many providers and with properties of any description.
//! `signatures/vectors/` has values that the providers publish, and others that were computed without this crate. What is
//! signed is described by `docs/schemes/`, `specs/` and `signatures/`.

#[path = "signatures/specification.rs"]
mod specification;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac as _};
use jiff::Timestamp;
use pos_webhooks::Secret;
use pos_webhooks::catalogue::{Algorithm, KeyEncoding, Verification};
use pos_webhooks::verify::{CustomVerification, Headers, ReceiverError, ToSign, Verifier, VerifyError, sign};
use serde::Deserialize;
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

/// What the specification or the scheme of this name says.
fn verification(name: &str) -> Verification {
    specification::provider(name).verification.unwrap()
}

/// A description of deliveries that a program's own code verifies.
const CUSTOM: &str = r#"{"custom": {"description": "The secret stands in front of the body."}}"#;

/// A description of one signature: that of the body in a header `X-Signature`, with other members.
fn described(others: Value) -> Verification {
    let mut signature = json!({
        "name": null, "description": "", "optional": null, "credential": null, "headers": ["X-Signature"], "form": ["signature"],
        "separator": null, "repeated": false, "algorithm": "hmac-sha256", "encoding": "hex",
        "key": {"encoding": "text", "prefix": "", "hash": null}, "signed": [["body"]], "digest": null, "time": null,
        "id": null,
    });
    signature.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    serde_json::from_str(json!({"signatures": [signature]}).to_string().leak()).unwrap()
}

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    what: String,
    expect: String,
    /// A scheme that is not the one of the file.
    scheme: Option<Value>,
    secret: String,
    secrets: Option<Vec<String>>,
    url: Option<String>,
    headers: Vec<(String, String)>,
    body: Option<String>,
    body_base64: Option<String>,
    /// The clock.
    #[serde(default)]
    time: i64,
}

impl Vector {
    fn secrets(&self) -> Vec<String> {
        self.secrets.clone().unwrap_or_else(|| vec![self.secret.clone()])
    }

    fn body(&self) -> Vec<u8> {
        match (&self.body, &self.body_base64) {
            (Some(body), None) => body.clone().into_bytes(),
            (None, Some(body)) => STANDARD.decode(body).unwrap(),
            other => panic!("{}: {other:?}", self.what),
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.time).unwrap()
    }

    fn header(&self, wanted: &str) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }

    /// The algorithm of a scheme that is not the one of the file.
    fn algorithm(&self) -> Option<&str> {
        self.scheme.as_ref()?["algorithm"].as_str()
    }

    /// The signature of this algorithm, if the description has several.
    fn signature<'a>(&self, verification: &'a Verification) -> Option<&'a str> {
        let Verification::Signatures(signatures @ [_, _, ..]) = verification else { return None };
        let name = self.algorithm()?.strip_prefix("hmac-")?;
        signatures.iter().find_map(|signature| signature.name.filter(|known| *known == name))
    }

    fn verifier(&self, verification: &Verification) -> Result<Verifier, ReceiverError> {
        Verifier::new(verification, self.signature(verification), self.url.as_deref(), self.secrets())
    }

    fn outcome(&self, verification: &Verification) -> String {
        match self.verifier(verification) {
            Ok(verifier) => outcome(verifier.verify(&self.headers, &self.body(), self.now())),
            Err(error) => format!("{error:?}"),
        }
    }
}

/// The name of the error.
fn outcome(result: Result<(), VerifyError>) -> String {
    match result {
        Ok(()) => "valid".to_owned(),
        // The vectors do not distinguish these.
        Err(VerifyError::MissingHeaders { .. }) => "MissingHeader".to_owned(),
        Err(error) => format!("{error:?}").split([' ', '(']).next().unwrap().to_owned(),
    }
}

fn vectors(name: &str) -> Vec<Vector> {
    let text = std::fs::read(specification::file(&format!("tests/signatures/vectors/{name}.json"))).unwrap();
    serde_json::from_slice::<File>(&text).unwrap().vectors
}

/// The names of all files with vectors, with what is described under each name.
fn described_vectors() -> Vec<(String, Verification, Vec<Vector>)> {
    let files = std::fs::read_dir(specification::file("tests/signatures/vectors")).unwrap();
    let names = files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    let mut all: Vec<_> = names.map(|name| (name.clone(), verification(&name), vectors(&name))).collect();
    for (name, _, vectors) in &mut all {
        match name.as_str() {
            // The notifications with a signature in the body are not described.
            "adyen" => vectors.retain(|vector| vector.scheme.is_none()),
            "standard-webhooks" => vectors.retain(|vector| vector.algorithm() != Some("ed25519")),
            _ => {}
        }
    }
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

#[test]
fn every_vector_has_its_outcome() {
    let mut outcomes: BTreeMap<String, u32> = BTreeMap::new();
    for (name, verification, vectors) in described_vectors() {
        for vector in vectors {
            assert_eq!(vector.outcome(&verification), vector.expect, "{name}: {}", vector.what);
            *outcomes.entry(vector.expect).or_default() += 1;
        }
    }
    assert_eq!((outcomes["valid"], outcomes.values().sum(), outcomes.len()), (61, 179, 11), "{outcomes:?}");
}

/// The HMAC of a text, which the test computes.
fn mac(algorithm: Algorithm, key: &[u8], text: &[u8]) -> Vec<u8> {
    fn hmac<M: KeyInit + hmac::Mac>(key: &[u8], text: &[u8]) -> Vec<u8> {
        <M as KeyInit>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
    }
    match algorithm {
        Algorithm::HmacSha1 => hmac::<Hmac<Sha1>>(key, text),
        Algorithm::HmacSha256 => hmac::<Hmac<Sha256>>(key, text),
        Algorithm::HmacSha512 => hmac::<Hmac<Sha512>>(key, text),
        other => panic!("{other:?}"),
    }
}

/// The header has the HMAC of the string to sign, which the test computes.
#[test]
fn the_string_to_sign_is_what_was_signed() {
    for (name, verification, vectors) in described_vectors() {
        for vector in vectors.iter().filter(|vector| vector.expect == "valid") {
            let text = vector.verifier(&verification).unwrap().string_to_sign(&vector.headers, &vector.body()).unwrap();
            let Some(text) = text else {
                assert_eq!(name, "token");
                continue;
            };
            let signature = verification.signature(vector.signature(&verification)).unwrap();
            let secret = vector.secret.strip_prefix(signature.key.prefix).unwrap_or(&vector.secret);
            let key = match signature.key.encoding {
                KeyEncoding::Hex => hex::decode(secret).unwrap(),
                KeyEncoding::Base64 => STANDARD.decode(secret).unwrap(),
                _ => secret.as_bytes().to_vec(),
            };
            let mac = mac(signature.algorithm, &key, &text);
            let written = [hex::encode(&mac), STANDARD.encode(&mac), URL_SAFE_NO_PAD.encode(&mac)];
            let carries = |value: &str| written.iter().any(|text| value.to_lowercase().contains(&text.to_lowercase()));
            assert!(vector.headers.iter().any(|(_, value)| carries(value)), "{name}: {}", vector.what);
        }
    }
}

#[test]
fn signing_gives_the_headers_of_the_vectors() {
    for (name, verification, vectors) in described_vectors() {
        let mut same = 0;
        for vector in vectors.iter().filter(|vector| vector.expect == "valid") {
            let (body, id) = (vector.body(), vector.header("webhook-id"));
            let given = vector.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            let given: Vec<_> = given.filter(|(name, _)| name.ends_with("-Nonce")).collect();
            let delivery = ToSign { url: vector.url.as_deref(), id, headers: &given, body: &body, at: vector.now() };
            let secret = Secret::from(vector.secret.as_str());
            let signed = sign(&verification, vector.signature(&verification), &secret, &delivery).unwrap();
            let others = given.iter().map(|(name, value)| (*name, (*value).to_owned()));
            let headers: Vec<(&str, String)> = signed.iter().cloned().chain(others).collect();
            let verifier = vector.verifier(&verification).unwrap();
            assert_eq!(verifier.verify(&headers, &body, vector.now()), Ok(()), "{name}: {}", vector.what);
            let is_there = |(name, value): &(&str, String)| *name == "Host" || vector.header(name) == Some(value);
            same += u32::from(signed.iter().all(is_there));
        }
        // In other vectors the published time has seconds, but the signed time has milliseconds.
        assert!(same > 0 || name == "sanity", "{name}");
    }
}

/// The signature is never chosen by the content of a delivery.
#[test]
fn a_signature_of_another_name_is_chosen_by_the_receiver() {
    let verification = verification("mypos");
    let verifier = |name| Verifier::new(&verification, name, None, ["s"]);
    let body = br#"{"a": 1, "b": "x, y", "c":  2}"#;
    let without_spaces = br#"{"a":1,"b":"x,y","c": 2}"#;
    let delivery = |body| ToSign { url: None, id: None, headers: &[], body, at: Timestamp::UNIX_EPOCH };
    let headers = |body| sign(&verification, None, &"s".into(), &delivery(body)).unwrap();
    let verify = |name, signed| verifier(name).unwrap().verify(&headers(signed), body, Timestamp::UNIX_EPOCH);
    assert_eq!(verify(None, &body[..]), Ok(()));
    assert_eq!(verify(Some("v1"), &body[..]), Ok(()));
    assert_eq!(verify(Some("without-spaces"), &body[..]), Ok(()));
    assert_eq!(verify(None, &without_spaces[..]), Err(VerifyError::SignatureMismatch));
    assert_eq!(verify(Some("without-spaces"), &without_spaces[..]), Ok(()));
    let unknown = ReceiverError::UnknownSignature { name: "v2".to_owned(), known: vec!["v1", "without-spaces"] };
    assert_eq!(verifier(Some("v2")).unwrap_err(), unknown);
    assert_eq!(unknown.to_string(), "there is no signature with the name `v2`; there are: v1, without-spaces");
    let error = Verifier::new(&described(json!({})), Some("v2"), None, ["s"]).unwrap_err();
    let expected = "there is no signature with the name `v2`; the signature of this provider does not have a name";
    assert_eq!(error.to_string(), expected);
}

/// A proxy may use one of them for itself.
#[test]
fn any_of_several_headers_may_carry_the_signature() {
    let vectors = vectors("vipps");
    let (vector, verification) = (&vectors[0], verification("vipps"));
    type List = Vec<(String, String)>;
    let verify = |change: &dyn Fn(&mut List)| {
        let mut headers = vector.headers.clone();
        change(&mut headers);
        vector.verifier(&verification).unwrap().verify(&headers, &vector.body(), vector.now())
    };
    let right = vector.header("Authorization").unwrap();
    let wrong = right.replace("agAi", "AAAA");
    let copy = |value: &str| ("X-Vipps-Authorization".to_owned(), value.to_owned());
    assert_eq!(verify(&|it| it.push(copy(&wrong))), Ok(()), "the first one is right");
    for first in [&wrong, "Basic c2hvcDp0ZXN0"] {
        let other = |it: &mut List| first.clone_into(&mut it[3].1);
        assert!(verify(&other).is_err());
        let beside_other = |it: &mut List| {
            other(it);
            it.push(copy(right));
        };
        assert_eq!(verify(&beside_other), Ok(()), "beside {first}");
    }
    let twice = |it: &mut List| it.extend([copy(right), copy(right)]);
    assert_eq!(verify(&twice), Err(VerifyError::RepeatedHeader { name: "X-Vipps-Authorization" }));
}

#[test]
fn a_header_may_be_repeated_only_where_the_description_says_so() {
    let signature = |secret: &str| {
        let delivery = ToSign { url: None, id: None, headers: &[], body: b"{}", at: Timestamp::UNIX_EPOCH };
        sign(&described(json!({})), None, &secret.into(), &delivery).unwrap().remove(0)
    };
    let both = [signature("old"), signature("new")];
    let verify = |repeated: bool, secret: &str, headers: &[(&str, String)]| {
        let verification = described(json!({"repeated": repeated}));
        Verifier::new(&verification, None, None, [secret]).unwrap().verify(headers, b"{}", Timestamp::UNIX_EPOCH)
    };
    let repeated = VerifyError::RepeatedHeader { name: "X-Signature" };
    for secret in ["old", "new"] {
        assert_eq!(verify(true, secret, &both), Ok(()));
        assert_eq!(verify(false, secret, &both), Err(repeated.clone()));
    }
    assert_eq!(verify(true, "other", &both), Err(VerifyError::SignatureMismatch));
    assert_eq!(verify(true, "old", &[]), Err(VerifyError::MissingHeader { name: "X-Signature" }));
}

fn malformed(result: &Result<(), VerifyError>) -> Option<(&'static str, &str)> {
    match result {
        Err(VerifyError::MalformedHeader { name, expected }) => Some((name, expected)),
        _ => None,
    }
}

#[test]
fn a_time_has_one_form_and_its_text_is_what_is_signed() {
    let at: Timestamp = "2018-07-12T18:36:58Z".parse().unwrap();
    let verify = |format: &str, sent: &str| {
        let part = json!(["time", {"text": ":"}, "body"]);
        let verification = described(json!({
            "signed": [part], "time": {"headers": ["X-Time"], "member": null, "format": format, "window": 300}
        }));
        let mac = Hmac::<Sha256>::new_from_slice(b"s").unwrap().chain_update(format!("{sent}:{{}}")).finalize();
        let headers = [("X-Time", sent.to_owned()), ("X-Signature", hex::encode(mac.into_bytes()))];
        Verifier::new(&verification, None, None, ["s"]).unwrap().verify(&headers, b"{}", at)
    };
    let right = [
        ("seconds", "1531420618"),
        ("milliseconds", "1531420618129"),
        ("http-date", "Thu, 12 Jul 2018 18:36:58 GMT"),
        ("iso8601", "2018-07-12T18:36:58Z"),
        ("iso8601", "2018-07-12T18:36:58.123456789Z"),
        ("iso8601", "2018-07-12T20:36:58+02:00"),
        ("iso8601", "2018-07-12T11:36:58.5-07:00"),
    ];
    for (format, sent) in right {
        assert_eq!(verify(format, sent), Ok(()), "{format} {sent}");
        for (other, _) in right.iter().filter(|(other, _)| *other != format) {
            assert!(malformed(&verify(other, sent)).is_some_and(|(name, _)| name == "X-Time"), "{other} {sent}");
        }
    }
    let wrong = [
        (
            "seconds",
            &[
                "",
                "+1531420618",
                " 1531420618",
                "1531420618 ",
                "1531420618.0",
                "1.53142e9",
                "01531420618",
                "-153142061",
                "0x5b479e8a",
                "NaN",
            ][..],
        ),
        ("milliseconds", &["1531420618", "+531420618129", "15314206181290"]),
        ("http-date", &["Thu, 12 Jul 2018 18:36:58 UTC", "Wed, 12 Jul 2018 18:36:58 GMT", "12 Jul 2018 18:36:58 GMT"]),
        (
            "iso8601",
            &[
                "2018-07-12T18:36:58",
                "2018-07-12 18:36:58Z",
                "2018-07-12T18:36:58z",
                "2018-07-12T18:36Z",
                "20180712T183658Z",
                "2018-07-12T18:36:58.Z",
                "2018-07-12T18:36:58+02",
                "2018-07-12T18:36:58+02:00[Europe/Oslo]",
                "2018-13-12T18:36:58Z",
            ],
        ),
    ];
    for (format, sent) in wrong {
        for sent in sent {
            assert!(malformed(&verify(format, sent)).is_some_and(|(name, _)| name == "X-Time"), "{format} {sent:?}");
        }
    }
}

#[test]
fn an_ambiguous_signed_value_is_refused() {
    let verification = verification("standard-webhooks");
    let (secret, at) = ("whsec_c2VjcmV0", "2018-07-12T18:36:58Z".parse().unwrap());
    let delivery = |id, body| ToSign { url: None, id: Some(id), headers: &[], body, at };
    let body = b"1531420618.{}";
    let mut headers = sign(&verification, None, &secret.into(), &delivery("msg_1", body)).unwrap();
    let verifier = Verifier::new(&verification, None, None, [secret]).unwrap();
    assert_eq!(verifier.verify(&headers, body, at), Ok(()));
    // The same text in other parts.
    headers.iter_mut().find(|(name, _)| *name == "webhook-id").unwrap().1.push_str(".1531420618");
    let refused = verifier.verify(&headers, b"{}", at);
    assert_eq!(refused, Err(VerifyError::AmbiguousHeader { name: "webhook-id", text: "." }));
    let error = sign(&verification, None, &secret.into(), &delivery("msg.1", b"{}")).unwrap_err();
    let expected = "the header `webhook-id` is signed, and its value contains `.`, which follows it in the signed text";
    assert_eq!(error.to_string(), expected);
    let none = ToSign { id: None, ..delivery("", b"{}") };
    let error = sign(&verification, None, &secret.into(), &none).unwrap_err();
    assert_eq!(error.to_string(), "the header `webhook-id` is signed, and its value is not given");
}

/// A signature is never that of the same text in other parts, whatever they are.
#[test]
fn values_that_are_joined_cannot_be_split_elsewhere() {
    let (member, header, dot) =
        (|pointer: &str| json!({"member": pointer}), json!({"header": "X-Shop"}), json!({"text": "."}));
    let id = json!({"headers": ["X-Id"]});
    let body = |amount: &str, id: &str| json!({"amount": amount, "id": id}).to_string().into_bytes();
    type Delivered = (Vec<u8>, &'static str);
    let cases: [(Value, Delivered, Delivered); 4] = [
        (json!([member("/amount"), dot, member("/id")]), (body("12", "34.5"), ""), (body("12.34", "5"), "")),
        (json!([member("/amount"), dot, header]), (body("12", ""), "34.5"), (body("12.34", ""), "5")),
        (json!([member("/amount"), dot, "id"]), (body("12", ""), "34.5"), (body("12.34", ""), "5")),
        (json!([header, dot, member("/amount")]), (body("34.5", ""), "12"), (body("5", ""), "12.34")),
    ];
    for (signed, (one, shop), (other, other_shop)) in cases {
        let verification = described(json!({"signed": [signed], "id": id}));
        let signed_headers = |body: &[u8], shop: &str| {
            let headers = [("X-Shop", shop)];
            let delivery = ToSign { url: None, id: Some(shop), headers: &headers, body, at: Timestamp::UNIX_EPOCH };
            sign(&verification, None, &"s".into(), &delivery)
        };
        let signature = signed_headers(&one, shop).unwrap().pop().unwrap().1;
        let verifier = Verifier::new(&verification, None, None, ["s"]).unwrap();
        let verify = |body: &[u8], shop: &str| {
            let headers = [("X-Signature", signature.as_str()), ("X-Id", shop), ("X-Shop", shop)];
            verifier.verify(&headers, body, Timestamp::UNIX_EPOCH)
        };
        assert_eq!(verify(&one, shop), Ok(()));
        let text = verifier.string_to_sign(&[("X-Id", shop), ("X-Shop", shop)], &one).unwrap().unwrap();
        assert_eq!(text, b"12.34.5");
        let refused = [verify(&other, other_shop).unwrap_err().to_string(), {
            signed_headers(&other, other_shop).unwrap_err().to_string()
        }];
        for refused in refused {
            assert!(refused.contains("contains `.`, which follows it in the signed text"), "{refused}");
        }
    }
}

#[test]
fn an_error_shows_the_documented_form() {
    let expected = |name: &str, header: &str, others: &[(&str, &str)]| {
        let verification = verification(name);
        let secrets = [if name == "standard-webhooks" { "c2VjcmV0" } else { "s" }];
        let verifier = Verifier::new(&verification, None, Some("https://a.test/"), secrets).unwrap();
        let headers = [&[(header, "x")], others].concat();
        let result = verifier.verify(&headers, b"{}", Timestamp::UNIX_EPOCH);
        let (name, expected) = malformed(&result).unwrap_or_else(|| panic!("{name}: {result:?}"));
        assert_eq!(name, header);
        expected.to_owned()
    };
    let hash = [("x-ms-content-sha256", "RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=")];
    let date = [("x-ms-date", "Thu, 30 Mar 2023 08:38:32 GMT")];
    assert_eq!(expected("mipos", "Signature-Webhook", &[]), "a signature of 64 hexadecimal digits");
    assert_eq!(expected("shopify", "X-Shopify-Hmac-SHA256", &[]), "a signature of 32 bytes in standard Base64");
    let form = "of the form `t=SECONDS,v1=SIGNATURE` with 64 hexadecimal digits";
    assert_eq!(expected("mypos", "X-myPOS-Signature", &[]), form);
    assert_eq!(expected("stripe", "Stripe-Signature", &[]), form);
    assert_eq!(
        expected("sanity", "sanity-webhook-signature", &[]),
        "of the form `t=MILLISECONDS,v1=SIGNATURE` with 32 bytes in Base64 for URLs without padding"
    );
    assert_eq!(
        expected("vipps", "Authorization", &[hash[0], date[0]]),
        "of the form `HMAC-SHA256 …SIGNATURE` with 32 bytes in standard Base64"
    );
    let signature = (
        "Authorization",
        "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=\
        RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=",
    );
    assert_eq!(
        expected("vipps", "x-ms-date", &[hash[0], signature]),
        "an HTTP date such as `Thu, 30 Mar 2023 08:38:32 GMT`"
    );
    assert_eq!(
        expected("vipps", "x-ms-content-sha256", &[date[0], signature]),
        "a SHA-256 of 32 bytes in standard Base64"
    );
}

#[test]
fn a_member_that_is_signed_has_to_be_there_once_as_text_or_number() {
    let members = json!([{"member": "/timestamp"}, {"text": ":"}, {"member": "/payload"}]);
    let verification = described(json!({"signed": [members]}));
    let delivery = |body| ToSign { url: None, id: None, headers: &[], body, at: Timestamp::UNIX_EPOCH };
    let verifier = Verifier::new(&verification, None, None, ["s"]).unwrap();
    let of_number = br#"{"timestamp": 1.50, "payload": "\u0061b"}"#;
    let headers = sign(&verification, None, &"s".into(), &delivery(of_number)).unwrap();
    assert_eq!(verifier.string_to_sign(&headers, of_number), Ok(Some(b"1.50:ab".to_vec())));
    assert_eq!(verifier.verify(&headers, of_number, Timestamp::UNIX_EPOCH), Ok(()));
    for missing in [
        "{}",
        "[]",
        r#"{"timestamp": "1.50"}"#,
        r#"{"timestamp": "1", "payload": {}}"#,
        r#"{"timestamp": "1", "payload": null}"#,
    ] {
        let refused = verifier.verify(&headers, missing.as_bytes(), Timestamp::UNIX_EPOCH).unwrap_err();
        let pointer = if missing.contains("timestamp") { "/payload" } else { "/timestamp" };
        assert_eq!(refused, VerifyError::MissingMember { pointer, expected: "a text or a number" }, "{missing}");
        assert!(refused.to_string().contains(&format!("does not have a text or a number at `{pointer}`")), "{refused}");
        assert!(matches!(
            sign(&verification, None, &"s".into(), &delivery(missing.as_bytes())),
            Err(ReceiverError::Body(_))
        ));
    }
    for malformed in ["", "{", r#"{"timestamp": "1", "timestamp": "2", "payload": "x"}"#] {
        let refused = verifier.verify(&headers, malformed.as_bytes(), Timestamp::UNIX_EPOCH);
        assert!(matches!(refused, Err(VerifyError::MalformedBody(_))), "{malformed}: {refused:?}");
    }
}

#[test]
fn a_time_has_the_same_length_whatever_its_fraction() {
    let verification = described(json!({
        "signed": [["time", {"text": ":"}, "body"]],
        "time": {"headers": ["X-Time"], "member": null, "format": "iso8601", "window": 300}
    }));
    let verifier = Verifier::new(&verification, None, None, ["s"]).unwrap();
    for (at, sent) in [
        ("2018-07-12T18:36:58Z", "2018-07-12T18:36:58.000Z"),
        ("2018-07-12T18:36:58.5Z", "2018-07-12T18:36:58.500Z"),
        ("2018-07-12T18:36:58.123456789Z", "2018-07-12T18:36:58.123Z"),
    ] {
        let at = at.parse().unwrap();
        let to_sign = ToSign { url: None, id: None, headers: &[], body: b"{}", at };
        let headers = sign(&verification, None, &"s".into(), &to_sign).unwrap();
        assert!(headers.contains(&("X-Time", sent.to_owned())), "{headers:?}");
        assert_eq!(verifier.verify(&headers, b"{}", at), Ok(()));
    }
}

#[test]
fn a_time_in_the_body_is_held_against_the_clock() {
    let verification = described(json!({
        "time": {"headers": [], "member": "/meta/at", "format": "milliseconds", "window": 60}
    }));
    let at: Timestamp = "2018-07-12T18:36:58Z".parse().unwrap();
    let body = br#"{"meta": {"at": 1531420618000}}"#;
    let headers =
        sign(&verification, None, &"s".into(), &ToSign { url: None, id: None, headers: &[], body, at }).unwrap();
    let verifier = Verifier::new(&verification, None, None, ["s"]).unwrap();
    let second = std::time::Duration::from_secs(1);
    let verify = |verifier: &Verifier, seconds: i64| {
        verifier.verify(&headers, body, Timestamp::from_second(at.as_second() + seconds).unwrap())
    };
    assert_eq!([verify(&verifier, 60), verify(&verifier, -60)], [Ok(()), Ok(())]);
    assert_eq!(verify(&verifier, 61), Err(VerifyError::Stale { by: second }));
    assert_eq!(verify(&verifier, -61), Err(VerifyError::Future { by: second }));
    let told = |seconds| verify(&verifier, seconds).unwrap_err().to_string();
    assert_eq!(told(-61), "the delivery was signed 1 s after the replay window; check this machine's clock");
    for (seconds, span) in [(179, "119 s"), (60 + 7199, "119 min"), (60 + 172_799, "47 h"), (86_460 * 30, "30 days")] {
        let expected = format!("signed {span} before the replay window;");
        assert!(told(seconds).contains(&expected), "{seconds}: {}", told(seconds));
    }
    let by = std::time::Duration::from_nanos(1);
    assert!(VerifyError::Stale { by }.to_string().contains("signed less than 1 s before the replay window"));
    assert_eq!(verify(&verifier.clone().replay_window(second), 1), Ok(()));
    assert_eq!(verify(&verifier.clone().dangerously_without_replay_window(), 1_000_000), Ok(()));
    let seconds = verifier.verify(&headers, br#"{"meta": {"at": 1531420618}}"#, at);
    let expected = "a time of 13 digits, in milliseconds since 1970";
    assert_eq!(seconds, Err(VerifyError::MissingMember { pointer: "/meta/at", expected }));
}

/// A receiver may be stricter than the provider's documentation.
#[test]
fn a_window_may_be_set_where_none_is_described() {
    let at: Timestamp = "2018-07-12T18:36:58Z".parse().unwrap();
    let later = at + std::time::Duration::from_secs(61);
    let window = std::time::Duration::from_secs(60);
    let time = json!({"headers": [], "member": "/at", "format": "seconds", "window": null});
    let body = br#"{"at": 1531420618}"#;
    for (verification, signs_time) in [
        (described(json!({"time": time})), true),
        (verification("sanity"), true),
        (verification("mypos"), false),
        (verification("github"), false),
    ] {
        let headers = sign(&verification, None, &"s".into(), &ToSign { url: None, id: None, headers: &[], body, at });
        let verifier = Verifier::new(&verification, None, None, ["s"]).unwrap();
        let verify = |verifier: &Verifier| verifier.verify(headers.as_ref().unwrap(), body, later);
        assert_eq!(verify(&verifier), Ok(()));
        let by = std::time::Duration::from_secs(1);
        let outcome = if signs_time { Err(VerifyError::Stale { by }) } else { Ok(()) };
        assert_eq!(verify(&verifier.replay_window(window)), outcome);
    }
}

#[test]
fn a_secret_becomes_the_key_as_the_description_says() {
    let verifier = |key: Value, secret: &str| Verifier::new(&described(json!({"key": key})), None, None, [secret]);
    let key = |encoding: &str, hash: Value| json!({"encoding": encoding, "prefix": "whsec_", "hash": hash});
    let verify = |key: Value, secret: &str, bytes: &[u8]| {
        let mac = Hmac::<Sha256>::new_from_slice(bytes).unwrap().chain_update(b"{}").finalize().into_bytes();
        let headers = [("X-Signature", hex::encode(mac))];
        verifier(key, secret).unwrap().verify(&headers, b"{}", Timestamp::UNIX_EPOCH)
    };
    let none = Value::Null;
    assert_eq!(verify(key("text", none.clone()), "whsec_c2VjcmV0", b"c2VjcmV0"), Ok(()));
    assert_eq!(verify(key("base64", none.clone()), "whsec_c2VjcmV0", b"secret"), Ok(()));
    assert_eq!(verify(key("base64", none.clone()), "c2VjcmV0", b"secret"), Ok(()), "the prefix may be missing");
    assert_eq!(verify(key("hex", none.clone()), "736563726574", b"secret"), Ok(()));
    assert_eq!(verify(key("hex", json!("sha256")), "736563726574", &Sha256::digest(b"secret")), Ok(()));
    let blank = ["", " ", "\t\n", "\u{a0}", "whsec_", "whsec_ "];
    for (secret, encoding) in blank.into_iter().flat_map(|secret| ["text", "hex", "base64"].map(|it| (secret, it))) {
        let error = verifier(key(encoding, none.clone()), secret).unwrap_err();
        assert_eq!(error, ReceiverError::EmptySecret, "{secret:?} {encoding}");
    }
    for (secret, encoding) in [("xyz", "hex"), ("abc", "hex"), ("c2VjcmV", "base64"), ("c2Vj-_V0", "base64")] {
        let error = verifier(key(encoding, none.clone()), secret).unwrap_err();
        assert!(matches!(error, ReceiverError::MalformedSecret(_)) && !error.to_string().contains(secret), "{error}");
    }
    let none: [&str; 0] = [];
    assert_eq!(Verifier::new(&verification("github"), None, None, none).unwrap_err(), ReceiverError::NoSecret);
    assert_eq!(Verifier::new(&verification("token"), None, None, none).unwrap_err(), ReceiverError::NoSecret);
    assert_eq!(Verifier::new(&verification("token"), None, None, ["a", " "]).unwrap_err(), ReceiverError::EmptySecret);
}

/// Test cases 2 of RFC 2202 and RFC 4231.
#[test]
fn every_algorithm_is_the_one_of_its_name() {
    let answers = [
        ("hmac-sha1", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        ("hmac-sha256", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        (
            "hmac-sha512",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e\
             070a38bce737",
        ),
    ];
    let body = b"what do ya want for nothing?";
    let delivery = ToSign { url: None, id: None, headers: &[], body, at: Timestamp::UNIX_EPOCH };
    for (algorithm, answer) in answers {
        let verification = described(json!({"algorithm": algorithm}));
        let headers = sign(&verification, None, &"Jefe".into(), &delivery).unwrap();
        assert_eq!(headers, [("X-Signature", answer.to_owned())]);
        let verifier = Verifier::new(&verification, None, None, ["Jefe"]).unwrap();
        assert_eq!(verifier.verify(&headers, body, Timestamp::UNIX_EPOCH), Ok(()));
        for (other, answer) in answers.iter().filter(|(other, _)| *other != algorithm) {
            let refused = verifier.verify(&[("X-Signature", answer)], body, Timestamp::UNIX_EPOCH);
            assert!(malformed(&refused).is_some(), "{other} for {algorithm}: {refused:?}");
        }
    }
}

#[test]
fn a_verifier_requires_the_signed_values() {
    let new = |name: &str, url| Verifier::new(&verification(name), None, url, ["s"]).map(|_| ());
    assert_eq!(new("square", None), Err(ReceiverError::NoUrl));
    assert!(matches!(new("square", Some("https://a.test/a/../b")), Err(ReceiverError::Url(_))));
    assert_eq!(new("square", Some("https://a.test/b")), Ok(()));
    assert_eq!(new("github", None), Ok(()));
    let reason = serde_json::from_str::<Verification>(r#"{"none": "Fetch the payment instead."}"#).unwrap();
    let error = Verifier::new(&reason, None, None, ["s"]).unwrap_err();
    assert_eq!(error.to_string(), "the provider does not sign deliveries: Fetch the payment instead.");
    let needs_url = |name: &str| verification(name).signature(None).map(|signature| signature.needs_url());
    let signs_time = |name: &str| verification(name).signature(None).map(|signature| signature.signs_time());
    assert_eq!(["vipps", "square", "github", "token"].map(needs_url), [Some(true), Some(true), Some(false), None]);
    assert_eq!(["vipps", "stripe", "mypos", "github"].map(signs_time), [true, true, false, false].map(Some));
}

#[test]
fn a_key_may_be_in_any_of_its_places() {
    let keys = r#"{"keys": {"places": [{"header": "X-API-Key", "before": ""}, {"header": "Authorization", "before": "Bearer "}],
        "optional": null, "description": ""}}"#;
    let keys = serde_json::from_str::<Verification>(keys).unwrap();
    let verifier = Verifier::new(&keys, None, None, ["old", "key"]).unwrap();
    let verify = |headers: &[(&str, &str)]| verifier.verify(headers, b"", Timestamp::UNIX_EPOCH);
    for right in
        [("x-api-key", "key"), ("X-API-Key", "old"), ("Authorization", "Bearer key"), ("Authorization", "bearer  old")]
    {
        assert_eq!(verify(&[right]), Ok(()), "{right:?}");
    }
    assert_eq!(verify(&[("X-API-Key", "key"), ("Authorization", "Basic x")]), Ok(()));
    for wrong in ["", "Key", "key ", "kex", "keyold", "Bearer key"] {
        assert_eq!(verify(&[("X-API-Key", wrong)]), Err(VerifyError::KeyMismatch { name: "X-API-Key" }), "{wrong:?}");
    }
    for wrong in ["", "key", "Bearer", "Bearer ", "Bearerkey", "Basic key"] {
        assert_eq!(
            verify(&[("Authorization", wrong)]),
            Err(VerifyError::KeyMismatch { name: "Authorization" }),
            "{wrong:?}"
        );
    }
    let missing = verify(&[]).unwrap_err();
    assert_eq!(missing, VerifyError::MissingHeaders { names: vec!["X-API-Key", "Authorization"] });
    assert!(missing.to_string().starts_with("the header `X-API-Key` or `Authorization` is missing;"), "{missing}");
    for unsendable in ["schlüssel", "ke\ny"] {
        let expected = ReceiverError::MalformedSecret("printable ASCII, as a header carries it");
        let constructed = Verifier::new(&keys, None, None, [unsendable]);
        assert_eq!(constructed.map(|_| ()), Err(expected.clone()), "{unsendable:?}");
        let delivery = ToSign { url: None, id: None, headers: &[], body: b"", at: Timestamp::UNIX_EPOCH };
        assert_eq!(sign(&keys, None, &unsendable.into(), &delivery), Err(expected), "{unsendable:?}");
    }
    let delivery = ToSign { url: None, id: None, headers: &[], body: b"", at: Timestamp::UNIX_EPOCH };
    let headers = sign(&keys, None, &"key".into(), &delivery).unwrap();
    assert_eq!(headers, [("X-API-Key", "key".to_owned())]);
    assert_eq!(sign(&keys, None, &" ".into(), &delivery), Err(ReceiverError::EmptySecret));
    assert!(!format!("{verifier:?}").contains("old"));
}

#[test]
fn the_proof_of_a_delivery_is_described() {
    let proofs = [
        ("vipps", None, "The signature covers the registered URL, the time and the body."),
        (
            "mypos",
            Some("without-spaces"),
            "The signature covers the body. It does not cover the name of the event, the time, the space after each colon and \
             comma of the body or the URL.",
        ),
        (
            "zettle",
            None,
            "The signature covers the time and the member `/payload` of the body. It does not cover the rest of the body or the \
             URL. Anyone who has a genuine delivery can send it with other values in the rest of the body.",
        ),
        (
            "token",
            None,
            "The sender knows the key. Deliveries are not signed: anyone who has seen one can send any other.",
        ),
        (
            "discord",
            None,
            "The signature covers the time and the body. It does not cover the URL. The secret of a receiver is the provider's \
             public key, which cannot sign deliveries.",
        ),
    ];
    for (name, signature, proof) in proofs {
        assert_eq!(verification(name).proof(signature), proof, "{name}");
    }
}

/// A hash of the secret and the body, which is no HMAC.
struct SecretInFront(&'static str);

impl SecretInFront {
    const HEADER: &str = "X-Signature";

    fn signature(&self, body: &[u8]) -> String {
        hex::encode(Sha256::new_with_prefix(self.0).chain_update(body).finalize())
    }
}

impl CustomVerification for SecretInFront {
    fn verify(&self, headers: &dyn Headers, body: &[u8], _: Timestamp) -> Result<(), VerifyError> {
        let is_right = headers.required(Self::HEADER)? == self.signature(body);
        if is_right { Ok(()) } else { Err(VerifyError::SignatureMismatch) }
    }

    fn string_to_sign(&self, _: &dyn Headers, body: &[u8]) -> Result<Option<Vec<u8>>, VerifyError> {
        Ok(Some(body.to_vec()))
    }

    fn sign(&self, body: &[u8], _: Timestamp) -> Result<Vec<(&'static str, String)>, ReceiverError> {
        Ok(vec![(Self::HEADER, self.signature(body))])
    }
}

#[test]
fn verification_that_cannot_be_described_is_custom_code() {
    let description: Verification = serde_json::from_str(CUSTOM).unwrap();
    assert_eq!(Verifier::new(&description, None, None, ["s"]).map(|_| ()), Err(ReceiverError::Custom));
    assert_eq!(description.proof(None), "What is signed is known to the code that verifies a delivery.");
    let headers = SecretInFront("s").sign(b"{}", Timestamp::UNIX_EPOCH).unwrap();
    let verifier = Verifier::custom(SecretInFront("s"));
    let verify = |body: &[u8]| outcome(verifier.verify(&headers, body, Timestamp::UNIX_EPOCH));
    assert_eq!([verify(b"{}"), verify(b"[]")], ["valid", "SignatureMismatch"]);
    assert_eq!(verifier.string_to_sign(&headers, b"{}"), Ok(Some(b"{}".to_vec())));
}
