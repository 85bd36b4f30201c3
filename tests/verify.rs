//! Only what a provider signed passes: one table of what can be wrong with a delivery, for every provider that signs the
//! part that is wrong, and beside it what is particular to one provider. Known answers are in `known_answers.rs`.

#![cfg(all(feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use pos_webhooks::verify::{Headers, ReceiveError, ReceiverError, VerifyError};
use pos_webhooks::{Secret, dealpos, mipos, mypos, vipps};
use sha2::Sha256;

const URL: &str = "https://shop.example:8443/hooks/vipps?shop=1";
const NOW: &str = "2026-11-21T12:00:00Z";
/// A text in Base64 whose content is text again, in Base64 and hexadecimal letters alike.
const SECRET: &str = "YzJWamNtVjA=";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What a provider can protect. A case of the table names what it needs.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Part {
    /// Something secret is agreed on.
    Secret,
    /// A header carries a MAC.
    Mac,
    Body,
    Url,
    Date,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Scheme {
    Vipps,
    Mypos,
    Mipos,
    Dealpos,
}

/// A delivery, and what its receiver is given.
#[derive(Clone)]
struct Delivery {
    /// The URL as it was registered at the provider, for the receiver.
    url: String,
    secrets: Vec<String>,
    now: Timestamp,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Delivery {
    fn value(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.headers.iter_mut().find(|(candidate, _)| candidate == name).unwrap().1
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

impl Scheme {
    const ALL: [Self; 4] = [Self::Vipps, Self::Mypos, Self::Mipos, Self::Dealpos];

    /// What the provider protects.
    fn protects(self) -> &'static [Part] {
        match self {
            Self::Vipps => &[Part::Secret, Part::Mac, Part::Body, Part::Url, Part::Date],
            Self::Mypos | Self::Mipos => &[Part::Secret, Part::Mac, Part::Body],
            Self::Dealpos => &[Part::Secret],
        }
    }

    /// The headers without which nothing passes; the last carries the proof.
    fn headers(self) -> &'static [&'static str] {
        match self {
            Self::Vipps => &["x-ms-date", "x-ms-content-sha256", "Authorization"],
            Self::Mypos => &["X-myPOS-Signature"],
            Self::Mipos => &["Signature-Webhook"],
            Self::Dealpos => &["X-API-Key"],
        }
    }

    fn proof(self) -> &'static str {
        self.headers().last().unwrap()
    }

    /// Where the MAC begins in the header that carries it.
    fn mac(self, value: &[u8]) -> usize {
        let text = std::str::from_utf8(value).unwrap();
        let before = match self {
            Self::Vipps => "Signature=",
            Self::Mypos => "v1=",
            Self::Mipos | Self::Dealpos => "",
        };
        text.find(before).unwrap() + before.len()
    }

    /// What a wrong proof is called.
    fn mismatch(self) -> VerifyError {
        match self {
            Self::Vipps | Self::Mypos | Self::Mipos => VerifyError::SignatureMismatch,
            Self::Dealpos => VerifyError::KeyMismatch { name: "X-API-Key" },
        }
    }

    /// What a body is called that was not signed.
    fn body_mismatch(self) -> VerifyError {
        if self == Self::Vipps { VerifyError::ContentHashMismatch } else { self.mismatch() }
    }

    /// A genuine delivery.
    fn delivery(self) -> Delivery {
        self.signed(br#"{"name": "CAPTURED", "note": "a, b", "amount": 1}"#, at(NOW))
    }

    fn signed(self, body: &[u8], now: Timestamp) -> Delivery {
        let secret = &Secret::from(SECRET);
        let headers = match self {
            Self::Vipps => vipps::sign(URL, secret, body, now).unwrap(),
            Self::Mypos => mypos::sign(&mypos::EventName::PosPaymentCompleted, secret, body, now).unwrap(),
            Self::Mipos => mipos::sign(secret, body).unwrap(),
            Self::Dealpos => vec![("X-API-Key", SECRET.to_owned())],
        };
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.into_bytes()));
        Delivery {
            url: URL.to_owned(),
            secrets: vec![SECRET.to_owned()],
            now,
            headers: headers.collect(),
            body: body.to_vec(),
        }
    }

    fn verify<H: Headers + ?Sized>(self, delivery: &Delivery, headers: &H) -> Result<(), VerifyError> {
        let Delivery { url, secrets, now, headers: _, body } = delivery;
        match self {
            Self::Vipps => vipps::Receiver::new(url, secrets.clone()).unwrap().verify(headers, body, *now),
            Self::Mypos => mypos::Receiver::new(secrets.clone()).unwrap().verify(headers, body),
            Self::Mipos => {
                mipos::Receiver::new(mipos::EventName::Order, secrets.clone()).unwrap().verify(headers, body)
            }
            Self::Dealpos => dealpos::Receiver::with_key(secrets[0].clone()).unwrap().verify(headers),
        }
    }
}

/// What becomes of a delivery.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    Passes,
    Missing,
    Repeated,
    Malformed,
    Mismatch,
    BodyMismatch,
    Stale(Duration),
    Future(Duration),
    /// By whichever of the errors comes first.
    Refused,
}

impl Outcome {
    fn is(self, scheme: Scheme, result: &Result<(), VerifyError>) -> bool {
        let of_header = |name: &&str| scheme.headers().contains(name);
        match (self, result) {
            (Self::Passes, result) => result.is_ok(),
            (Self::Refused, result) => result.is_err(),
            (Self::Missing, Err(VerifyError::MissingHeader { name })) => of_header(name),
            (Self::Repeated, Err(VerifyError::RepeatedHeader { name })) => of_header(name),
            (Self::Malformed, Err(VerifyError::MalformedHeader { name, .. })) => of_header(name),
            (Self::Mismatch, Err(error)) => *error == scheme.mismatch(),
            (Self::BodyMismatch, Err(error)) => *error == scheme.body_mismatch(),
            (Self::Stale(by), Err(error)) => *error == VerifyError::Stale { by },
            (Self::Future(by), Err(error)) => *error == VerifyError::Future { by },
            (_, _) => false,
        }
    }
}

/// What is done to a genuine delivery, the parts that a provider has to protect for it to matter, and the outcome.
type Case = (&'static str, &'static [Part], fn(Scheme, Delivery) -> Vec<Delivery>, Outcome);

const SECOND: Duration = Duration::from_secs(1);
const NANOSECOND: Duration = Duration::from_nanos(1);
const WINDOW: Duration = Duration::from_secs(300);

const CASES: &[Case] = &[
    ("nothing", &[], |_, delivery| vec![delivery], Outcome::Passes),
    ("header names in other letters", &[], other_letters, Outcome::Passes),
    ("a header missing", &[Part::Secret], |scheme, delivery| each_header(scheme, &delivery, remove), Outcome::Missing),
    (
        "a header repeated",
        &[Part::Secret],
        |scheme, delivery| each_header(scheme, &delivery, repeat),
        Outcome::Repeated,
    ),
    ("a header empty", &[Part::Secret], |scheme, delivery| each_value(scheme, &delivery, &[b""]), Outcome::Refused),
    ("a header truncated", &[Part::Secret], truncated, Outcome::Refused),
    ("a header of 1 MiB", &[Part::Secret], |scheme, delivery| each_value(scheme, &delivery, &[MIB]), Outcome::Refused),
    ("other headers of 1 MiB", &[], beside_others, Outcome::Passes),
    ("bytes beyond ASCII in a header", &[Part::Secret], beyond_ascii, Outcome::Malformed),
    ("line ends in a header", &[Part::Secret], line_ends, Outcome::Malformed),
    ("another scheme", &[Part::Mac], other_schemes, Outcome::Malformed),
    ("a MAC of the right length but other bytes", &[Part::Mac], other_macs, Outcome::Mismatch),
    ("the MAC of another body", &[Part::Mac, Part::Body], other_proof, Outcome::Mismatch),
    ("several secrets with the right one", &[Part::Mac], several_secrets, Outcome::Passes),
    ("a wrong secret", &[Part::Secret], wrong_secrets, Outcome::Mismatch),
    ("the decoded secret", &[Part::Secret], decoded_secret, Outcome::Mismatch),
    ("one bit of the body changed", &[Part::Body], one_bit, Outcome::BodyMismatch),
    ("the body re-serialised", &[Part::Body], re_serialised, Outcome::BodyMismatch),
    ("no body", &[Part::Body], |_, delivery| vec![delivery.with(|it| it.body.clear())], Outcome::BodyMismatch),
    ("the registered URL written otherwise", &[Part::Url], same_url, Outcome::Passes),
    ("another path", &[Part::Url], |_, delivery| urls(&delivery, OTHER_PATHS), Outcome::Mismatch),
    ("the query dropped or changed", &[Part::Url], |_, delivery| urls(&delivery, OTHER_QUERIES), Outcome::Mismatch),
    ("another host", &[Part::Url], |_, delivery| urls(&delivery, OTHER_HOSTS), Outcome::Mismatch),
    ("without port, or another", &[Part::Url], |_, delivery| urls(&delivery, OTHER_PORTS), Outcome::Mismatch),
    ("another date", &[Part::Date], other_date, Outcome::Mismatch),
    ("CRLF in the signed string", &[Part::Url, Part::Date], crlf_in_signed_string, Outcome::Mismatch),
    ("CRLF in the signed body", &[Part::Body], crlf_in_body, Outcome::BodyMismatch),
    ("just inside both ends of the window", &[Part::Date], inside_window, Outcome::Passes),
    ("just after the window", &[Part::Date], |_, it| later(it, WINDOW + NANOSECOND), Outcome::Stale(NANOSECOND)),
    ("a second after the window", &[Part::Date], |_, it| later(it, WINDOW + SECOND), Outcome::Stale(SECOND)),
    ("just before the window", &[Part::Date], |_, it| sooner(it, WINDOW + NANOSECOND), Outcome::Future(NANOSECOND)),
    ("a second before the window", &[Part::Date], |_, it| sooner(it, WINDOW + SECOND), Outcome::Future(SECOND)),
    ("a clock at the edges of time", &[Part::Date], clocks_at_the_edges, Outcome::Refused),
    ("date and clock at the edges of time", &[Part::Date], signed_at_the_edges, Outcome::Passes),
    ("dates beyond what the type holds", &[Part::Date], dates_beyond, Outcome::Malformed),
    ("delivered again with a new date", &[Part::Date], redelivered, Outcome::Passes),
];

const MIB: &[u8] = &[b'A'; 1024 * 1024];
const OTHER_PATHS: &[&str] = &[
    "https://shop.example:8443/hooks/vipp?shop=1",
    "https://shop.example:8443/hooks/Vipps?shop=1",
    "https://shop.example:8443/hooks/vipps/?shop=1",
    "https://shop.example:8443//hooks/vipps?shop=1",
    "https://shop.example:8443/hooks%2Fvipps?shop=1",
    "https://shop.example:8443/?shop=1",
    "https://shop.example:8443",
];
const OTHER_QUERIES: &[&str] = &[
    "https://shop.example:8443/hooks/vipps",
    "https://shop.example:8443/hooks/vipps?shop=2",
    "https://shop.example:8443/hooks/vipps?Shop=1",
    "https://shop.example:8443/hooks/vipps?shop=1&x",
];
const OTHER_HOSTS: &[&str] = &[
    "https://shop.example.test:8443/hooks/vipps?shop=1",
    "https://127.0.0.1:8443/hooks/vipps?shop=1",
    "https://www.shop.example:8443/hooks/vipps?shop=1",
];
const OTHER_PORTS: &[&str] = &[
    "https://shop.example/hooks/vipps?shop=1",
    "https://shop.example:443/hooks/vipps?shop=1",
    "https://shop.example:80/hooks/vipps?shop=1",
    "https://shop.example:8444/hooks/vipps?shop=1",
];

fn each_header(scheme: Scheme, delivery: &Delivery, change: fn(&mut Delivery, &str)) -> Vec<Delivery> {
    scheme.headers().iter().map(|name| delivery.clone().with(|it| change(it, name))).collect()
}

fn each_value(scheme: Scheme, delivery: &Delivery, values: &[&[u8]]) -> Vec<Delivery> {
    let with = |name: &&str, value: &&[u8]| delivery.clone().with(|it| *it.value(name) = value.to_vec());
    scheme.headers().iter().flat_map(|name| values.iter().map(move |value| with(name, value))).collect()
}

fn remove(delivery: &mut Delivery, name: &str) {
    delivery.headers.retain(|(candidate, _)| candidate != name);
}

fn repeat(delivery: &mut Delivery, name: &str) {
    let again = delivery.value(name).clone();
    delivery.headers.push((name.to_lowercase(), again));
}

fn other_letters(_: Scheme, delivery: Delivery) -> Vec<Delivery> {
    let renamed = |rename: fn(&str) -> String| {
        delivery.clone().with(|it| it.headers.iter_mut().for_each(|(name, _)| *name = rename(name)))
    };
    vec![renamed(str::to_uppercase), renamed(str::to_lowercase)]
}

fn truncated(scheme: Scheme, delivery: Delivery) -> Vec<Delivery> {
    let cut = |(name, end): (&str, usize)| delivery.clone().with(|it| it.value(name).truncate(end));
    let ends = |name: &&'static str| {
        let whole = delivery.headers.iter().find(|(candidate, _)| candidate == name).unwrap();
        (1..whole.1.len()).map(move |end| (*name, end)).collect::<Vec<_>>()
    };
    scheme.headers().iter().flat_map(ends).map(cut).collect()
}

fn beside_others(_: Scheme, delivery: Delivery) -> Vec<Delivery> {
    let with = |others: Vec<(String, Vec<u8>)>| delivery.clone().with(|it| it.headers.extend(others));
    let named =
        |count: usize, value: &[u8]| (0..count).map(|index| (format!("x-other-{index}"), value.to_vec())).collect();
    vec![with(named(1, MIB)), with(named(20_000, &[b'A'; 50])), with(named(1, b"\xff\xfe"))]
}

fn beyond_ascii(scheme: Scheme, delivery: Delivery) -> Vec<Delivery> {
    let values: [&[u8]; 4] = [b"\xff\xfe", "é".as_bytes(), b"\x7f", "Signature=\u{202e}".as_bytes()];
    each_value(scheme, &delivery, &values)
}

fn line_ends(scheme: Scheme, delivery: Delivery) -> Vec<Delivery> {
    let folded = |name: &&str| delivery.clone().with(|it| it.value(name).extend(b"\r\n x"));
    let ended = |name: &&str| delivery.clone().with(|it| it.value(name).push(b'\n'));
    scheme.headers().iter().map(folded).chain(scheme.headers().iter().map(ended)).collect()
}

fn other_schemes(scheme: Scheme, delivery: Delivery) -> Vec<Delivery> {
    let mac = {
        let mut delivery = delivery.clone();
        let value = delivery.value(scheme.proof());
        String::from_utf8(value.split_off(scheme.mac(value))).unwrap()
    };
    let values = [
        "Bearer abc".to_owned(),
        "Basic c2hvcDp0ZXN0".to_owned(),
        format!("HMAC-SHA512 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={mac}"),
        format!("HMAC-SHA256 SignedHeaders=host&Signature={mac}"),
        format!("sha256={mac}"),
        format!("t=1,v0={mac}"),
        format!("0x{mac}"),
    ];
    values.into_iter().map(|value| delivery.clone().with(|it| *it.value(scheme.proof()) = value.into())).collect()
}

/// Each letter of the MAC exchanged for another one, except those whose last bits do not count in Base64.
fn other_macs(scheme: Scheme, mut delivery: Delivery) -> Vec<Delivery> {
    let value = delivery.value(scheme.proof()).clone();
    let exchanged = |index: usize| {
        let exchange = |byte: u8| if byte == b'0' { b'1' } else { b'0' };
        delivery.clone().with(|it| it.value(scheme.proof())[index] = exchange(value[index]))
    };
    (scheme.mac(&value)..value.len() - 2).map(exchanged).collect()
}

/// Everything as it should be, but the proof is that of another delivery.
fn other_proof(scheme: Scheme, delivery: Delivery) -> Vec<Delivery> {
    let proof = scheme.signed(b"{}", delivery.now).value(scheme.proof()).clone();
    vec![delivery.with(|it| *it.value(scheme.proof()) = proof)]
}

fn secrets(delivery: &Delivery, secrets: &[&str]) -> Delivery {
    delivery.clone().with(|it| it.secrets = secrets.iter().map(|&secret| secret.to_owned()).collect())
}

fn several_secrets(_: Scheme, delivery: Delivery) -> Vec<Delivery> {
    vec![
        secrets(&delivery, &["old", SECRET]),
        secrets(&delivery, &[SECRET, "new"]),
        secrets(&delivery, &["older", "old", SECRET, "new"]),
    ]
}

fn wrong_secrets(_: Scheme, delivery: Delivery) -> Vec<Delivery> {
    let wrong = [
        "x".to_owned(),
        SECRET[1..].to_owned(),
        SECRET.to_lowercase(),
        format!("{SECRET}\n"),
        format!(" {SECRET}"),
        SECRET.repeat(2),
        SECRET.trim_end_matches('=').to_owned(),
    ];
    wrong.iter().map(|secret| secrets(&delivery, &[secret])).collect()
}

fn decoded_secret(_: Scheme, delivery: Delivery) -> Vec<Delivery> {
    let decode = |text: &str| String::from_utf8(BASE64.decode(text).unwrap()).unwrap();
    vec![secrets(&delivery, &[&decode(SECRET)]), secrets(&delivery, &[&BASE64.encode(SECRET)])]
}

fn one_bit(_: Scheme, delivery: Delivery) -> Vec<Delivery> {
    let flipped = |bit: usize| delivery.clone().with(|it| it.body[bit / 8] ^= 1 << (bit % 8));
    (0..delivery.body.len() * 8).map(flipped).collect()
}

fn re_serialised(_: Scheme, delivery: Delivery) -> Vec<Delivery> {
    let value: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
    let bodies = [
        value.to_string().into_bytes(),
        serde_json::to_vec_pretty(&value).unwrap(),
        [&delivery.body[..], b"\n"].concat(),
        [b"\xef\xbb\xbf", &delivery.body[..]].concat(),
        [&delivery.body[..], &delivery.body[..]].concat(),
    ];
    bodies.into_iter().map(|body| delivery.clone().with(|it| it.body = body)).collect()
}

fn urls(delivery: &Delivery, urls: &[&str]) -> Vec<Delivery> {
    urls.iter().map(|&url| delivery.clone().with(|it| it.url = url.to_owned())).collect()
}

fn same_url(_: Scheme, delivery: Delivery) -> Vec<Delivery> {
    let pairs = [
        ["https://a.test/x", "https://a.test:443/x"],
        ["https://A.TEST/x", "https://a.test/x"],
        ["https://a.test", "https://a.test/"],
        ["http://a.test/x", "http://a.test:80/x"],
        ["https://a.test:0443/x#y", "HTTPS://a.test:/x"],
        ["https://a.test?x=1", "https://a.test/?x=1"],
        ["https://[2001:DB8::1]:443/x", "https://[2001:db8::1]/x"],
        ["https://[2001:db8:0:0::1]/x", "https://[2001:db8::1]/x"],
        ["https://[::ffff:127.0.0.1]/x", "https://[::ffff:7f00:1]/x"],
    ];
    let both = pairs.iter().flat_map(|[one, other]| [[one, other], [other, one]]);
    both.flat_map(|[registered, signed]| {
        let headers = vipps::sign(signed, &SECRET.into(), &delivery.body, delivery.now).unwrap();
        urls(&delivery, &[registered]).into_iter().map(move |it| {
            let headers =
                headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes())).collect();
            it.with(|it| it.headers = headers)
        })
    })
    .collect()
}

fn dates(delivery: &Delivery, dates: &[&str]) -> Vec<Delivery> {
    dates.iter().map(|date| delivery.clone().with(|it| *it.value("x-ms-date") = date.as_bytes().to_vec())).collect()
}

fn other_date(_: Scheme, delivery: Delivery) -> Vec<Delivery> {
    dates(&delivery, &["Sat, 21 Nov 2026 12:00:01 GMT", "Sat, 21 Nov 2026 11:59:59 GMT"])
}

fn crlf_in_signed_string(scheme: Scheme, mut delivery: Delivery) -> Vec<Delivery> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let [date, hash] = ["x-ms-date", "x-ms-content-sha256"].map(|name| text(delivery.value(name)));
    let signed = format!("POST\n/hooks/vipps?shop=1\n{date};shop.example:8443;{hash}");
    let authorization = |signed: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        let signature = BASE64.encode(mac.finalize().into_bytes());
        format!("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}")
    };
    assert_eq!(text(delivery.value(scheme.proof())), authorization(&signed), "with LF it would pass");
    let others =
        [signed.replace('\n', "\r\n"), format!("{signed}\n"), format!("{signed}\r\n"), signed.replace('\n', "\r")];
    let with = |signed: &String| {
        let authorization = authorization(signed).into_bytes();
        delivery.clone().with(|it| *it.value(scheme.proof()) = authorization)
    };
    others.iter().map(with).collect()
}

fn crlf_in_body(scheme: Scheme, delivery: Delivery) -> Vec<Delivery> {
    vec![scheme.signed(b"{\n}", delivery.now).with(|it| it.body = b"{\r\n}".to_vec())]
}

fn later(delivery: Delivery, by: Duration) -> Vec<Delivery> {
    vec![delivery.with(|it| it.now += by)]
}

fn sooner(delivery: Delivery, by: Duration) -> Vec<Delivery> {
    vec![delivery.with(|it| it.now -= by)]
}

fn inside_window(_: Scheme, delivery: Delivery) -> Vec<Delivery> {
    let times = [WINDOW, WINDOW - NANOSECOND, WINDOW - SECOND, Duration::ZERO];
    times.into_iter().flat_map(|by| [later(delivery.clone(), by), sooner(delivery.clone(), by)].concat()).collect()
}

fn clocks_at_the_edges(_: Scheme, delivery: Delivery) -> Vec<Delivery> {
    [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH].map(|now| delivery.clone().with(|it| it.now = now)).to_vec()
}

fn signed_at_the_edges(scheme: Scheme, delivery: Delivery) -> Vec<Delivery> {
    let edges = [at("0000-01-01T00:00:00Z"), at("0001-01-01T00:00:00Z"), Timestamp::UNIX_EPOCH, Timestamp::MAX];
    edges.map(|now| scheme.signed(&delivery.body, now)).to_vec()
}

fn dates_beyond(_: Scheme, delivery: Delivery) -> Vec<Delivery> {
    let beyond = [
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Sat, 01 Jan 10000 00:00:00 GMT",
        "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
        "Wed, 31 Dec -001 23:59:59 GMT",
        "Mon, 30 Feb 2026 00:00:00 GMT",
        "Sat, 21 Nov 2026 24:00:00 GMT",
        "Sun, 21 Nov 2026 12:00:00 GMT",
        "2026-11-21T12:00:00Z",
        "1795262400",
    ];
    dates(&delivery, &beyond)
}

fn redelivered(scheme: Scheme, delivery: Delivery) -> Vec<Delivery> {
    let week = Duration::from_secs(7 * 24 * 3600);
    vec![scheme.signed(&delivery.body, delivery.now + week)]
}

#[test]
fn every_case_has_its_outcome_with_every_provider_that_protects_the_part() {
    for (what, needs, change, outcome) in CASES {
        let protecting = |scheme: &Scheme| needs.iter().all(|part| scheme.protects().contains(part));
        let schemes: Vec<Scheme> = Scheme::ALL.into_iter().filter(protecting).collect();
        assert!(!schemes.is_empty(), "{what}: no provider protects {needs:?}");
        for scheme in schemes {
            let deliveries = change(scheme, scheme.delivery());
            assert!(!deliveries.is_empty(), "{what}: {scheme:?}");
            for (index, delivery) in deliveries.iter().enumerate() {
                let result = scheme.verify(delivery, &delivery.headers);
                assert!(outcome.is(scheme, &result), "{what}, number {index}: {scheme:?} {outcome:?} {result:?}");
                if let Some(map) = header_map(delivery) {
                    assert_eq!(scheme.verify(delivery, &map), result, "{what}, number {index}: {scheme:?} as a map");
                }
                if let Err(error) = result {
                    tells_nothing_secret(&error, delivery);
                }
            }
        }
    }
}

/// The headers as the crate `http` has them; `None` where it does not take them.
fn header_map(delivery: &Delivery) -> Option<http::HeaderMap> {
    let mut map = http::HeaderMap::new();
    for (name, value) in &delivery.headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).ok()?;
        map.append(name, http::HeaderValue::from_bytes(value).ok()?);
    }
    Some(map)
}

fn tells_nothing_secret(error: &VerifyError, delivery: &Delivery) {
    let shown = format!("{error} {error:?}");
    // Shorter ones are part of other words.
    let values = delivery.headers.iter().filter_map(|(_, value)| std::str::from_utf8(value).ok());
    let secrets = delivery.secrets.iter().map(String::as_str).filter(|secret| secret.len() > 8);
    for text in values.filter(|value| value.len() > 20).chain(secrets) {
        assert!(!shown.contains(text), "{shown}");
    }
    assert!(!shown.contains("CAPTURED"), "{shown}");
}

#[test]
fn an_error_says_what_to_look_at_first() {
    let says = |scheme: Scheme, change: fn(&mut Delivery)| {
        let delivery = scheme.delivery().with(change);
        scheme.verify(&delivery, &delivery.headers).unwrap_err().to_string()
    };
    let signature = says(Scheme::Mypos, |it| it.body.clear());
    for hint in ["secret is that of this registration", "all that is signed is as the provider sent it"] {
        assert!(signature.contains(hint), "{signature}");
    }
    assert!(says(Scheme::Vipps, |it| it.body.clear()).contains("before anything parses"));
    assert!(says(Scheme::Vipps, |it| it.now += WINDOW * 2).contains("clock"));
    assert!(says(Scheme::Vipps, |it| remove(it, "x-ms-date")).contains("`x-ms-date` is missing"));
    assert!(says(Scheme::Dealpos, |it| it.secrets = vec!["other".into()]).contains("`X-API-Key`"));
}

#[test]
fn vipps_takes_only_urls_that_can_be_registered() {
    let urls = ["", "/x", "a.test/x", "ftp://a.test/x", "https://u:p@a.test/", "https://ä.test/", "https://a.test/ x"];
    // These would be signed in another form, or for another port.
    let altered = ["https://a.test/ä", "https://a.test/{x}", "https://a.test:99999/x", "https://:443/x"];
    // An HTTP client would request another URL, or none at all.
    let rewritten = [
        "https://a.test/a/../b",
        "https://a.test/..",
        "https://a.test/./b",
        "https://a.test/a/%2e%2E/b",
        "https://a.test/a/.%2e",
        "https://a.test/x?a='b'",
        "https://a.test\\x",
        "https://127.1/x",
        "https://0x7f000001/x",
        "https://2130706433/x",
        "https://127.0.0.01/x",
        "https://127.0.0.1./x",
        "https://[::1%25eth0]/x",
        "https://a%2etest/x",
        "https://a.test:0/x",
        "https://a.test:+443/x",
    ];
    for url in urls.into_iter().chain(altered).chain(rewritten) {
        assert!(matches!(vipps::Receiver::new(url, ["s"]), Err(ReceiverError::Url(_))), "{url}");
        assert!(matches!(vipps::sign(url, &"s".into(), b"", at(NOW)), Err(ReceiverError::Url(_))), "{url}");
    }
}

#[test]
fn vipps_takes_the_copy_of_a_signature_that_a_proxy_stripped() {
    let verify = |change: &dyn Fn(&mut Delivery)| {
        let delivery = Scheme::Vipps.delivery().with(change);
        Scheme::Vipps.verify(&delivery, &delivery.headers)
    };
    let renamed = |it: &mut Delivery| it.headers[3].0 = "X-Vipps-Authorization".to_owned();
    assert_eq!(verify(&renamed), Ok(()));
    let beside_a_login = |it: &mut Delivery| {
        renamed(it);
        it.headers.push(("Authorization".to_owned(), b"Basic c2hvcDp0ZXN0".to_vec()));
    };
    assert_eq!(verify(&beside_a_login), Ok(()), "a login of the receiver's own web server");
    let other_copy = |it: &mut Delivery| {
        renamed(it);
        it.value("X-Vipps-Authorization").truncate(20);
    };
    let name = "X-Vipps-Authorization";
    assert!(matches!(verify(&other_copy), Err(VerifyError::MalformedHeader { name: found, .. }) if found == name));
}

#[test]
fn a_window_can_be_of_any_length() {
    let delivery = Scheme::Vipps.delivery();
    let receiver = vipps::Receiver::new(URL, [SECRET]).unwrap();
    let verify = |receiver: &vipps::Receiver, now| receiver.verify(&delivery.headers, &delivery.body, now);
    let exact = receiver.clone().replay_window(Duration::ZERO);
    assert_eq!(verify(&exact, at(NOW)), Ok(()));
    assert_eq!(verify(&exact, at(NOW) + SECOND), Err(VerifyError::Stale { by: SECOND }));
    assert_eq!(verify(&exact, at(NOW) - SECOND), Err(VerifyError::Future { by: SECOND }));
    let wide = receiver.clone().replay_window(Duration::MAX);
    let none = receiver.dangerously_without_replay_window();
    for now in [Timestamp::MIN, Timestamp::MAX] {
        assert_eq!(verify(&wide, now), Ok(()));
        assert_eq!(verify(&none, now), Ok(()));
    }
}

#[test]
fn mypos_takes_any_of_several_signatures_and_spaces_only_when_asked() {
    let body = br#"{"a": 1, "b": "x, y"}"#;
    let compact = br#"{"a":1,"b":"x,y"}"#;
    let header = |body: &[u8]| {
        mypos::sign(&mypos::EventName::PosPaymentFailed, &"s".into(), body, at(NOW)).unwrap()[1].1.clone()
    };
    let strict = mypos::Receiver::new(["s"]).unwrap();
    let lenient = mypos::Receiver::new_without_spaces(["s"]).unwrap();
    let of_compact = [("X-myPOS-Signature", header(compact))];
    assert_eq!(strict.verify(&of_compact, body), Err(VerifyError::SignatureMismatch));
    assert_eq!(lenient.verify(&of_compact, body), Ok(()));
    assert_eq!(lenient.verify(&[("X-myPOS-Signature", header(body))], body), Ok(()));

    let right = header(body).replace("t=", "v0=00,t=");
    let (time, v1) = right.rsplit_once(",v1=").unwrap();
    let several = format!("{time},v1={},v1={v1}", "00".repeat(32));
    assert_eq!(strict.verify(&[("x-mypos-signature", several)], body), Ok(()));
    let beside_another_form = format!("{time},v1=new,v1={v1}");
    assert_eq!(strict.verify(&[("x-mypos-signature", beside_another_form)], body), Ok(()));
    for none in ["t=1", "t=1,v0=00", "v1", "t=1,v1=zz", "t=1,v1=0"] {
        let refused = strict.verify(&[("X-myPOS-Signature", none)], body);
        assert!(matches!(refused, Err(VerifyError::MalformedHeader { .. })), "{none}: {refused:?}");
    }
}

#[test]
fn what_is_not_signed_is_taken_only_by_a_receiver_that_says_so() {
    let nothing = http::HeaderMap::new();
    assert_eq!(mipos::Receiver::unsigned(mipos::EventName::Order).verify(&nothing, b""), Ok(()));
    assert_eq!(dealpos::Receiver::unauthenticated().verify(&nothing), Ok(()));
}

#[test]
fn dealpos_compares_a_key_or_a_token() {
    let receiver = dealpos::Receiver::with_key("key").unwrap();
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
}

#[test]
fn a_receiver_without_secret_cannot_be_made() {
    let none: [&str; 0] = [];
    assert_eq!(vipps::Receiver::new(URL, none).unwrap_err(), ReceiverError::NoSecret);
    assert_eq!(mypos::Receiver::new(none).unwrap_err(), ReceiverError::NoSecret);
    assert_eq!(mipos::Receiver::new(mipos::EventName::Menu, none).unwrap_err(), ReceiverError::NoSecret);
    assert_eq!(mypos::Receiver::new(["a", ""]).unwrap_err(), ReceiverError::EmptySecret);
    assert_eq!(dealpos::Receiver::with_key("").unwrap_err(), ReceiverError::EmptySecret);
    assert!(!format!("{:?}", mypos::Receiver::new(["hidden"]).unwrap()).contains("hidden"));
    assert!(!format!("{:?}", vipps::Receiver::new(URL, ["hidden"]).unwrap()).contains("hidden"));
    assert!(!format!("{:?}", dealpos::Receiver::with_key("hidden").unwrap()).contains("hidden"));
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
    assert_eq!((unknown.name.as_deref(), unknown.payload.as_str()), (None, r#"{"new": 2.50}"#));
    let named = r#"{"eventType": "recurring.charge-charged.v1"}"#;
    let unknown = receiver.receive(&request(named, named)).unwrap();
    let vipps::Event::Unknown(unknown) = unknown else { panic!("{unknown:?}") };
    assert_eq!(unknown.name.as_deref(), Some("recurring.charge-charged.v1"));
    let truncated = &example[..example.len() - 1];
    assert!(matches!(receiver.receive(&request(truncated, truncated)), Err(ReceiveError::Decode(_))));

    let example = dealpos::EventName::PaymentWriteoff.examples()[0].json;
    let receiver = dealpos::Receiver::with_key("key").unwrap();
    let request = |path: &str| http::Request::post(path).header("X-API-Key", "key").body(example).unwrap();
    assert!(matches!(receiver.receive(&request("/hooks/paymentWriteoff?x=1")), Ok(dealpos::Event::PaymentWriteoff(_))));
    assert!(
        matches!(receiver.receive(&request("/hooks/somethingNew/")), Ok(dealpos::Event::Unknown(unknown)) if unknown.name.as_deref() == Some("somethingNew"))
    );
    let receiver = receiver.for_event(dealpos::EventName::PaymentDeleted);
    assert!(matches!(receiver.receive(&request("/anything")), Ok(dealpos::Event::PaymentDeleted(_))));
}

#[test]
fn an_event_is_known_again_when_it_is_delivered_twice() {
    let key_of = |body: &str| {
        let name = vipps::EventName::identify(body.as_bytes()).unwrap().unwrap();
        vipps::Event::decode(&name, body.as_bytes()).unwrap().idempotency_key(body.as_bytes())
    };
    let example = vipps::EventName::EpaymentsPaymentCapturedV1.examples()[0].json;
    let key = key_of(example).unwrap();
    assert_eq!(key.len(), 64);
    let reordered: serde_json::Value = serde_json::from_str(example).unwrap();
    let reordered = serde_json::to_string_pretty(&reordered).unwrap().replace("be62b9", r"\u0062e62b9");
    assert_eq!(key_of(&reordered).unwrap(), key, "white space, order and escapes do not count");
    let refund = example.replace("CAPTURED", "REFUNDED");
    assert_ne!(key_of(&refund).unwrap(), key);
    assert_ne!(key_of(&example.replace("be62b9", "be62b8")).unwrap(), key);
    let ping = key_of(vipps::EventName::UserCheckedInV1.examples()[0].json);
    assert!(ping.is_some());
    let updated = dealpos::EventName::PaymentUpdated;
    let body = updated.examples()[0].json.as_bytes();
    let event = dealpos::Event::decode(&updated, body).unwrap();
    assert_eq!(event.idempotency_key(body), None, "nothing tells two changes of a payment apart");
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
