//! The schemes of `docs/schemes/`: each one verifies what its provider signs, and `docs/schemes.md` shows all of them.
//!
//! Schemes with a file in `signatures/vectors/` are tested in `signatures.rs`. The deliveries of the others are computed here,
//! from what each provider documents as signed.

#[path = "signatures/specification.rs"]
mod specification;

use std::collections::BTreeSet;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use pos_webhooks::catalogue::{Algorithm, DeliveryTime, KeyEncoding, Signature, Verification};
use pos_webhooks::verify::{ReceiverError, ToSign, Verifier, VerifyError, sign};
use pos_webhooks_build::load;
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

/// The time of each delivery.
const AT: i64 = 1_700_000_000;
const URL: &str = "https://shop.example/hooks?shop=1";

/// A function of a key and a text.
type MacOf = fn(&[u8], &[u8]) -> Vec<u8>;

fn sha1(key: &[u8], text: &[u8]) -> Vec<u8> {
    Hmac::<Sha1>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
}

fn sha256(key: &[u8], text: &[u8]) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
}

fn sha512(key: &[u8], text: &[u8]) -> Vec<u8> {
    Hmac::<Sha512>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
}

fn sha256_of_hashed_key(key: &[u8], text: &[u8]) -> Vec<u8> {
    sha256(&Sha256::digest(key), text)
}

fn hex(bytes: Vec<u8>) -> String {
    hex::encode(bytes)
}

fn base64(bytes: Vec<u8>) -> String {
    STANDARD.encode(bytes)
}

/// A delivery of a provider. `S` in a header stands for the signature, and `B` in the signed text for the body.
struct Computed {
    scheme: &'static str,
    secret: &'static str,
    key: &'static [u8],
    mac: MacOf,
    encode: fn(Vec<u8>) -> String,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
    signed: &'static str,
}

const ANY: Computed = Computed {
    scheme: "",
    secret: "a secret",
    key: b"a secret",
    mac: sha256,
    encode: hex,
    headers: &[],
    body: r#"{"id":"1"}"#,
    signed: "B",
};

const COMPUTED: &[Computed] = &[
    Computed { scheme: "autotask", mac: sha1, encode: base64, headers: &[("x-hook-signature", "sha1=S")], ..ANY },
    Computed {
        scheme: "box",
        encode: base64,
        headers: &[("box-signature-primary", "S"), ("box-delivery-timestamp", "2023-11-14T14:13:20-08:00")],
        signed: "B2023-11-14T14:13:20-08:00",
        ..ANY
    },
    Computed {
        scheme: "calendly",
        headers: &[("Calendly-Webhook-Signature", "t=1700000000,v1=S")],
        signed: "1700000000.B",
        ..ANY
    },
    Computed {
        scheme: "cashfree",
        encode: base64,
        headers: &[("x-webhook-signature", "S"), ("x-webhook-timestamp", "1700000000000")],
        signed: "1700000000000B",
        ..ANY
    },
    Computed { scheme: "checkout-com", headers: &[("Cko-Signature", "S")], ..ANY },
    Computed { scheme: "clover", headers: &[("Clover-Signature", "t=1700000000,v1=S")], signed: "1700000000.B", ..ANY },
    Computed {
        scheme: "coinbase-cdp",
        headers: &[("X-Hook0-Signature", "t=1700000000,v0=S")],
        signed: "1700000000.B",
        ..ANY
    },
    Computed {
        scheme: "connectwise",
        mac: sha256_of_hashed_key,
        encode: base64,
        headers: &[("x-content-signature", "S")],
        ..ANY
    },
    Computed { scheme: "docusign", encode: base64, headers: &[("X-DocuSign-Signature-2", "S")], ..ANY },
    Computed { scheme: "dropbox", headers: &[("X-Dropbox-Signature", "S")], ..ANY },
    Computed {
        scheme: "finch",
        secret: "YSBzZWNyZXQ=",
        encode: base64,
        headers: &[("finch-signature", "v1,S"), ("finch-timestamp", "1700000000"), ("Finch-Event-Id", "msg_1")],
        signed: "msg_1.1700000000.B",
        ..ANY
    },
    Computed { scheme: "gocardless", headers: &[("Webhook-Signature", "S")], ..ANY },
    Computed {
        scheme: "hubspot",
        encode: base64,
        headers: &[("X-HubSpot-Signature-v3", "S"), ("X-HubSpot-Request-Timestamp", "1700000000000")],
        signed: "POSThttps://shop.example/hooks?shop=1B1700000000000",
        ..ANY
    },
    Computed { scheme: "intercom", mac: sha1, headers: &[("X-Hub-Signature", "sha1=S")], ..ANY },
    Computed { scheme: "lemon-squeezy", headers: &[("X-Signature", "S")], ..ANY },
    Computed {
        scheme: "linear",
        headers: &[("linear-signature", "S")],
        body: r#"{"type":"Issue","webhookTimestamp":1700000000000}"#,
        ..ANY
    },
    Computed { scheme: "meta", headers: &[("X-Hub-Signature-256", "sha256=S")], ..ANY },
    Computed { scheme: "modern-treasury", headers: &[("X-Signature", "S")], ..ANY },
    Computed {
        scheme: "paddle",
        secret: "pdl_ntfset_01_c2VjcmV0",
        key: b"pdl_ntfset_01_c2VjcmV0",
        headers: &[("Paddle-Signature", "ts=1700000000;h1=S")],
        signed: "1700000000:B",
        ..ANY
    },
    Computed { scheme: "paystack", mac: sha512, headers: &[("x-paystack-signature", "S")], ..ANY },
    Computed {
        scheme: "revolut",
        headers: &[("Revolut-Signature", "v1=S"), ("Revolut-Request-Timestamp", "1700000000000")],
        signed: "v1.1700000000000.B",
        ..ANY
    },
    Computed {
        scheme: "svix",
        secret: "whsec_YSBzZWNyZXQ=",
        encode: base64,
        headers: &[("svix-signature", "v1,S"), ("svix-timestamp", "1700000000"), ("svix-id", "msg_1")],
        signed: "msg_1.1700000000.B",
        ..ANY
    },
    Computed {
        scheme: "trello",
        mac: sha1,
        encode: base64,
        headers: &[("X-Trello-Webhook", "S")],
        signed: "Bhttps://shop.example/hooks?shop=1",
        ..ANY
    },
    Computed { scheme: "typeform", encode: base64, headers: &[("Typeform-Signature", "sha256=S")], ..ANY },
    Computed {
        scheme: "workos",
        headers: &[("WorkOS-Signature", "t=1700000000000, v1=S")],
        signed: "1700000000000.B",
        ..ANY
    },
    Computed { scheme: "worldline", encode: base64, headers: &[("X-GCS-Signature", "S")], ..ANY },
    Computed { scheme: "x", encode: base64, headers: &[("x-twitter-webhooks-signature", "sha256=S")], ..ANY },
    Computed { scheme: "xero", encode: base64, headers: &[("x-xero-signature", "S")], ..ANY },
    Computed {
        scheme: "zendesk",
        encode: base64,
        headers: &[
            ("X-Zendesk-Webhook-Signature", "S"),
            ("X-Zendesk-Webhook-Signature-Timestamp", "2023-11-14T22:13:20Z"),
        ],
        signed: "2023-11-14T22:13:20ZB",
        ..ANY
    },
];

impl Computed {
    fn signature(&self) -> String {
        (self.encode)((self.mac)(self.key, self.signed.replace('B', self.body).as_bytes()))
    }

    fn headers(&self, signature: &str) -> Vec<(&'static str, String)> {
        self.headers.iter().map(|(name, value)| (*name, value.replacen('S', signature, 1))).collect()
    }
}

fn verification(scheme: &str) -> Verification {
    specification::provider(scheme).verification.unwrap()
}

fn verifier(verification: &Verification, secret: &str) -> Result<Verifier, ReceiverError> {
    Verifier::new(verification, None, Some(URL), [secret])
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn what_a_provider_signs_passes_and_nothing_else() {
    for computed in COMPUTED {
        let Computed { scheme, secret, body, .. } = computed;
        let verification = verification(scheme);
        let right = verifier(&verification, secret).unwrap();
        let headers = computed.headers(&computed.signature());
        let verify = |verifier: &Verifier, headers: &[(&str, String)], body: &str, now| {
            verifier.verify(headers, body.as_bytes(), at(now))
        };
        assert_eq!(verify(&right, &headers, body, AT), Ok(()), "{scheme}");

        let other_body = body.replace('1', "2");
        let refused = verify(&right, &headers, &other_body, AT);
        assert!(matches!(refused, Err(VerifyError::SignatureMismatch)), "{scheme}: {refused:?}");
        let other =
            verifier(&verification, &secret.replace("YSBz", "YSBy").replace("cret", "crex").replace("c2Vj", "c2Vk"))
                .unwrap();
        assert_eq!(verify(&other, &headers, body, AT), Err(VerifyError::SignatureMismatch), "{scheme}");
        let one_bit = (computed.encode)((computed.mac)(computed.key, b"another text"));
        let refused = verify(&right, &computed.headers(&one_bit), body, AT);
        assert_eq!(refused, Err(VerifyError::SignatureMismatch), "{scheme}");
        for (index, (name, value)) in headers.iter().enumerate() {
            let mut lacking = headers.clone();
            lacking.remove(index);
            let refused = verify(&right, &lacking, body, AT);
            let is_missing =
                matches!(refused, Err(VerifyError::MissingHeader { .. } | VerifyError::MissingHeaders { .. }));
            assert!(is_missing, "{scheme}: {name}: {refused:?}");
            let time = value.contains("17000").then(|| value.replacen("17000", "17001", 1));
            let Some(time) = time.or_else(|| value.contains("2023-").then(|| value.replace("2023-", "2024-"))) else {
                continue;
            };
            let mut other_time = headers.clone();
            other_time[index].1 = time;
            let refused = verify(&right, &other_time, body, AT);
            assert_eq!(refused, Err(VerifyError::SignatureMismatch), "{scheme}: {name}");
        }
        let window = verification.signature(None).unwrap().window();
        if let Some(seconds) = window.map(|window| i64::try_from(window.as_secs()).unwrap()) {
            let by = Duration::from_secs(1);
            assert_eq!(verify(&right, &headers, body, AT + seconds), Ok(()), "{scheme}");
            assert_eq!(verify(&right, &headers, body, AT + seconds + 1), Err(VerifyError::Stale { by }), "{scheme}");
            assert_eq!(verify(&right, &headers, body, AT - seconds - 1), Err(VerifyError::Future { by }), "{scheme}");
        } else {
            assert_eq!(verify(&right, &headers, body, AT + 1_000_000), Ok(()), "{scheme}");
        }
    }
}

#[test]
fn what_is_signed_with_a_scheme_is_what_its_provider_sends() {
    for computed in COMPUTED {
        let verification = verification(computed.scheme);
        let delivery =
            ToSign { url: Some(URL), id: Some("msg_1"), headers: &[], body: computed.body.as_bytes(), at: at(AT) };
        let signed = sign(&verification, None, &computed.secret.into(), &delivery).unwrap();
        let verifier = verifier(&verification, computed.secret).unwrap();
        assert_eq!(verifier.verify(&signed, computed.body.as_bytes(), at(AT)), Ok(()), "{}", computed.scheme);
        let text = verifier.string_to_sign(&computed.headers("S"), computed.body.as_bytes()).unwrap().unwrap();
        let expected = computed.signed.replace('B', computed.body);
        assert_eq!(String::from_utf8(text).unwrap(), expected, "{}", computed.scheme);
    }
}

/// A scheme, and the comments above it.
struct Scheme {
    name: String,
    title: String,
    sources: Vec<String>,
    remarks: String,
    yaml: String,
    signatures: &'static [Signature],
    /// The template of each signed text, as it is written.
    signed: String,
}

impl Scheme {
    fn read(name: String) -> Self {
        let text = specification::scheme(&name);
        let (comments, yaml) = text.split_at(text.find("\nx-").unwrap() + 1);
        let mut comments = comments.lines().map(|line| line.strip_prefix("# ").unwrap());
        let title = comments.next().unwrap().to_owned();
        let source = |line: &str| line.strip_prefix("Source: ").map(str::to_owned);
        let lines: Vec<&str> = comments.collect();
        let Verification::Signatures(signatures) = verification(&name) else { panic!("{name} is not signed") };
        let written = load::load(&name, &text).unwrap().root.to_json();
        let signed = written.pointer("/x-signature/signed").or_else(|| written.pointer("/x-signature/0/signed"));
        Self {
            title,
            sources: lines.iter().filter_map(|line| source(line)).collect(),
            remarks: lines.iter().copied().filter(|line| source(line).is_none()).collect::<Vec<_>>().join(" "),
            yaml: yaml.to_owned(),
            signatures,
            signed: signed.and_then(Value::as_str).unwrap_or("{body}").replace('\n', "\\n"),
            name,
        }
    }

    fn is_published(&self) -> bool {
        let file = specification::file(&format!("tests/signatures/vectors/{}.json", self.name));
        let file = std::fs::read_to_string(file).map(|text| serde_json::from_str::<Value>(&text).unwrap());
        file.is_ok_and(|file| file["status"] == "confirmed")
    }

    /// What the scheme is tested with.
    fn tested(&self) -> &'static str {
        match self.name.as_str() {
            "standard-webhooks-v1a" => "published values",
            _ if self.is_published() => "published values",
            _ => "own values",
        }
    }

    fn row(&self) -> String {
        let Signature { headers, algorithm, encoding, key, time, .. } = self.signatures[0];
        let header = headers.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
        let algorithm = match algorithm {
            Algorithm::HmacSha1 => "HMAC-SHA1",
            Algorithm::HmacSha256 => "HMAC-SHA256",
            Algorithm::HmacSha512 => "HMAC-SHA512",
            Algorithm::Ed25519 => "Ed25519",
            other => panic!("{other:?}"),
        };
        let key = match (key.encoding, key.hash) {
            (KeyEncoding::Text, None) => "text".to_owned(),
            (KeyEncoding::Text, Some(hash)) => format!("{hash:?} of the text").replace("Sha", "SHA-"),
            (encoding, _) => format!("{encoding:?}").to_lowercase(),
        };
        let window = match time {
            None => "no time".to_owned(),
            Some(DeliveryTime { window: None, .. }) => "not documented".to_owned(),
            Some(DeliveryTime { window: Some(seconds), .. }) => format!("{seconds} s"),
        };
        let anchor = self.title.to_lowercase().replace(' ', "-");
        let anchor: String = anchor.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let encoding = format!("{encoding:?}").to_lowercase();
        let (title, signed, tested) = (&self.title, &self.signed, self.tested());
        format!(
            "| [{title}](#{anchor}) | {header} | {algorithm}, {encoding} | {key} | `{signed}` | {window} | {tested} |\n"
        )
    }

    fn section(&self) -> String {
        let remarks = if self.remarks.is_empty() { String::new() } else { format!("{}\n\n", self.remarks) };
        let sources = self.sources.iter().map(|source| {
            let (url, rest) = source.split_at(source.find([' ', ',']).unwrap());
            format!("<{url}>{rest}")
        });
        let sources = sources.collect::<Vec<_>>().join("; ");
        format!("## {}\n\n{remarks}Source: {sources}.\n\n```yaml\n{}```\n\n", self.title, self.yaml)
    }
}

fn schemes() -> Vec<Scheme> {
    let mut schemes: Vec<_> = specification::names("docs/schemes").into_iter().map(Scheme::read).collect();
    schemes.sort_by_key(|scheme| scheme.title.to_lowercase());
    schemes
}

#[test]
fn every_scheme_has_a_source_with_a_date_and_is_tested() {
    let schemes = schemes();
    assert!(schemes.len() >= 25, "{}", schemes.len());
    for Scheme { name, sources, .. } in &schemes {
        let is_dated =
            |source: &String| source.starts_with("https://") && source.contains(", ") && source.contains("20");
        assert!(!sources.is_empty() && sources.iter().all(is_dated), "{name}: {sources:?}");
    }
    let with_vectors = std::fs::read_dir(specification::file("tests/signatures/vectors")).unwrap();
    let with_vectors = with_vectors.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    // The tests of these are in `ed25519.rs`.
    let with_public_keys = ["discord", "standard-webhooks-v1a"].map(str::to_owned);
    let computed = COMPUTED.iter().map(|computed| computed.scheme.to_owned());
    let tested: BTreeSet<String> = with_vectors.chain(computed).chain(with_public_keys).collect();
    let untested: Vec<_> = schemes.iter().filter(|scheme| !tested.contains(&scheme.name)).map(|it| &it.name).collect();
    assert!(untested.is_empty(), "{untested:?}");
}

#[test]
fn the_page_shows_every_scheme() {
    let page = specification::file("docs/schemes.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let begin = "<!-- the schemes -->\n";
    let (before, _) = text.split_once(begin).expect("the comment before the schemes");
    let schemes = schemes();
    let rows: String = schemes.iter().map(Scheme::row).collect();
    let sections: String = schemes.iter().map(Scheme::section).collect();
    let heading = "| provider | header | algorithm, encoding | key | signed | replay window | tested with |\n\
        | --- | --- | --- | --- | --- | --- | --- |\n";
    let expected = format!("{before}{begin}\n{heading}{rows}\n{}\n", sections.trim_end());
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        std::fs::write(page, expected).unwrap();
    } else {
        assert!(
            text == expected,
            "docs/schemes.md is not what the files of docs/schemes say; to write it anew: INSTA_UPDATE=always cargo test --test \
            schemes"
        );
    }
}
