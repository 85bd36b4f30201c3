//! Only deliveries that a provider signed pass. The cases for a provider follow from its specification. The
//! specifications in `signatures/` and the schemes in `docs/schemes/` have forms of verification that no compiled-in
//! provider has. Test vectors are in `known_answers.rs`, tests of public keys in `ed25519.rs`, and tests of typed receivers in
//! `receivers.rs`.

#[path = "signatures/specification.rs"]
mod specification;

use std::ops::Range;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD as BASE64URL};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use pos_webhooks::catalogue::{
    Algorithm, Encoding, Event, EventNamePlace, FormPart, Hash, KeyEncoding, KeyPlace, Part, Provider, Signature,
    TimeFormat, Verification,
};
use pos_webhooks::verify::{Headers, ReceiveError, ReceiverError, ToSign, VerifyError, sign};
use pos_webhooks::{AnyReceiver, PROVIDERS, Registered};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

const URL: &str = "https://shop.example:8443/hooks/acme?shop=1";
const NOW: &str = "2026-11-21T12:00:00Z";
/// A text in Base64 whose content is text again, in Base64 and hexadecimal letters alike.
const KEY: &[u8] = b"YzJWamNtVjA=";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// One way in which the deliveries of a provider prove where they come from.
#[derive(Clone, Copy)]
struct Scheme {
    provider: &'static Provider,
    /// An event that is verified in this way.
    event: Option<&'static str>,
    way: Way,
}

#[derive(Clone, Copy)]
enum Way {
    Signed(&'static Signature),
    Key(&'static KeyPlace),
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

    fn with(&self, change: impl FnOnce(&mut Self)) -> Self {
        let mut changed = self.clone();
        change(&mut changed);
        changed
    }

    /// With another value of a header.
    fn with_value(&self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.with(|it| *it.value(name) = value.into())
    }

    /// With another value of the member of the body at a JSON pointer.
    fn with_member(&self, pointer: &str, value: Value) -> Self {
        let mut body: Value = serde_json::from_slice(&self.body).unwrap();
        *member(&mut body, pointer) = value;
        self.with(|it| it.body = serde_json::to_vec_pretty(&body).unwrap())
    }
}

/// The member at a JSON pointer, with the objects on the way to it.
fn member<'a>(body: &'a mut Value, pointer: &str) -> &'a mut Value {
    let tokens = pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"));
    tokens.fold(body, |body, token| &mut body[token])
}

/// All schemes of all providers.
static SCHEMES: LazyLock<Vec<Scheme>> = LazyLock::new(|| {
    providers()
        .flat_map(|provider| {
            let own = provider.events.iter().filter(|event| event.verification.is_some());
            let others = provider.events.iter().find(|event| event.verification.is_none());
            let ways = [(others, provider.verification)].into_iter();
            ways.chain(own.map(|event| (Some(event), event.verification))).map(move |way| (provider, way))
        })
        .flat_map(|(provider, (event, verification))| {
            let event = event.map(|event| event.name);
            match verification {
                Some(Verification::Signatures(signatures)) => {
                    let symmetric = signatures.iter().filter(|signature| signature.algorithm != Algorithm::Ed25519);
                    symmetric.map(|signature| Scheme { provider, event, way: Way::Signed(signature) }).collect()
                }
                Some(Verification::Keys(keys)) => {
                    keys.places.iter().map(|place| Scheme { provider, event, way: Way::Key(place) }).collect()
                }
                _ => Vec::new(),
            }
        })
        .collect()
});

/// The providers that are compiled in, and those of the other specifications and of the schemes.
fn providers() -> impl Iterator<Item = &'static Provider> {
    static SPECIFICATIONS: LazyLock<Vec<&'static Provider>> = LazyLock::new(|| {
        let names = ["tests/signatures", "docs/schemes", "specs"].into_iter().flat_map(specification::names);
        let others = names.filter(|name| !PROVIDERS.iter().any(|provider| provider.name == name));
        others.map(|name| specification::provider(&name)).collect()
    });
    PROVIDERS.iter().chain(SPECIFICATIONS.iter()).copied()
}

impl Scheme {
    fn name(&self) -> String {
        match self.way {
            Way::Signed(signature) => {
                format!("{} {:?} {}", self.provider.name, self.event, signature.name.unwrap_or_default())
            }
            Way::Key(place) => format!("{} {}", self.provider.name, place.header),
        }
    }

    fn signature(&self) -> Option<&'static Signature> {
        match self.way {
            Way::Signed(signature) => Some(signature),
            Way::Key(_) => None,
        }
    }

    /// Whether any text that may be signed has such a part.
    fn may_sign(&self, is: impl Fn(&Part) -> bool) -> bool {
        self.signature().is_some_and(|signature| signature.signed.iter().any(|parts| parts.iter().any(&is)))
    }

    /// Whether each text that may be signed has such a part.
    fn signs(&self, is: impl Fn(&Part) -> bool) -> bool {
        self.signature().is_some_and(|signature| signature.signed.iter().all(|parts| parts.iter().any(&is)))
    }

    /// The members of the body that are signed, whichever text is.
    fn members(&self) -> Vec<&'static str> {
        let parts = self.signature().into_iter().flat_map(|signature| signature.signed.iter()).copied().flatten();
        let members = parts.filter_map(|part| if let Part::Member(pointer) = part { Some(*pointer) } else { None });
        members.filter(|pointer| self.signs(|part| *part == Part::Member(pointer))).collect()
    }

    /// Where the time is in a delivery, if it is read at all.
    fn time(&self) -> Option<pos_webhooks::catalogue::DeliveryTime> {
        let signature = self.signature()?;
        signature.time.filter(|_| self.may_sign(|part| *part == Part::Time) || signature.window().is_some())
    }

    fn window(&self) -> Option<Duration> {
        self.signature().and_then(Signature::window)
    }

    /// Whether the time is in the header that carries the signature.
    fn has_time_in_form(&self) -> bool {
        self.time().is_some_and(|time| time.headers.is_empty() && time.member.is_none())
    }

    /// Lists of headers of which any one is enough. The proof comes first.
    fn groups(&self) -> Vec<Vec<&'static str>> {
        let Way::Signed(signature) = self.way else { return vec![vec![self.proof()]] };
        let id = signature.id.filter(|_| self.may_sign(|part| *part == Part::Id)).map(|id| id.headers.to_vec());
        let time = self.time().map(|time| time.headers.to_vec());
        let digest = signature.digest.and_then(|digest| digest.header).map(|name| vec![name]);
        let groups = [Some(signature.headers.to_vec()), id, time, digest].into_iter().flatten();
        groups.chain(self.others().into_iter().map(|name| vec![name])).filter(|group| !group.is_empty()).collect()
    }

    /// Headers that are signed beside those that have a meaning of their own.
    fn others(&self) -> Vec<&'static str> {
        let parts = self.signature().into_iter().flat_map(|signature| signature.signed.iter()).copied().flatten();
        let names = parts.filter_map(|part| if let Part::Header(name) = part { Some(*name) } else { None });
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The headers of a delivery without which nothing passes.
    fn headers(&self) -> Vec<&'static str> {
        self.groups().iter().map(|group| group[0]).collect()
    }

    /// Those that may be there only once.
    fn single_headers(&self) -> Vec<&'static str> {
        let repeated = self.signature().is_some_and(|signature| signature.repeated);
        self.headers().into_iter().skip(usize::from(repeated)).collect()
    }

    /// The header that carries the proof.
    fn proof(&self) -> &'static str {
        match self.way {
            Way::Signed(signature) => signature.headers[0],
            Way::Key(place) => place.header,
        }
    }

    /// Where the MAC or key is in the value of the header that carries it.
    fn mac(&self, value: &[u8]) -> Range<usize> {
        let signature = match self.way {
            Way::Signed(signature) => signature,
            Way::Key(place) => return place.before.len()..value.len(),
        };
        let bytes = match signature.algorithm {
            Algorithm::HmacSha1 => 20,
            Algorithm::HmacSha256 => 32,
            Algorithm::HmacSha512 => 64,
            other => panic!("{other:?}"),
        };
        let length = match signature.encoding {
            Encoding::Hex => bytes * 2,
            Encoding::Base64 => usize::div_ceil(bytes, 3) * 4,
            Encoding::Base64url => usize::div_ceil(bytes * 4, 3),
            other => panic!("{other:?}"),
        };
        let at = signature.form.iter().position(|part| *part == FormPart::Signature).unwrap();
        let text = |part: &FormPart| if let FormPart::Text(text) = part { text.len() } else { 0 };
        let texts: usize = signature.form.iter().map(text).sum();
        let before = &signature.form[..at];
        let time = if before.contains(&FormPart::Time) { value.len() - texts - length } else { 0 };
        let start = before.iter().map(text).sum::<usize>() + time;
        start..start + length
    }

    /// The error for a wrong proof.
    fn mismatch(&self) -> VerifyError {
        match self.way {
            Way::Signed(_) => VerifyError::SignatureMismatch,
            Way::Key(place) => VerifyError::KeyMismatch { name: place.header },
        }
    }

    /// The error for a body that was not signed.
    fn body_mismatch(&self) -> VerifyError {
        let digest = self.signature().and_then(|signature| signature.digest);
        match digest.and_then(|digest| digest.header) {
            Some(_) => VerifyError::ContentHashMismatch,
            None => self.mismatch(),
        }
    }

    /// The secret of a key.
    fn secret(&self, key: &[u8]) -> String {
        let Way::Signed(signature) = self.way else { return String::from_utf8(key.to_vec()).unwrap() };
        let text = match signature.key.encoding {
            KeyEncoding::Text => String::from_utf8(key.to_vec()).unwrap(),
            KeyEncoding::Hex => hex::encode(key),
            KeyEncoding::Base64 => BASE64.encode(key),
            other => panic!("{other:?}"),
        };
        format!("{}{text}", signature.key.prefix)
    }

    /// A body with all that is signed of it. White space is between its members.
    fn body(&self, amount: u32, now: Timestamp) -> Vec<u8> {
        let mut body = json!({"name": "CAPTURED", "note": "a, b", "amount": amount});
        for pointer in self.members() {
            *member(&mut body, pointer) = json!(format!("text {amount}"));
        }
        if let Some((time, pointer)) = self.time().and_then(|time| Some((time, time.member?))) {
            *member(&mut body, pointer) = json!(written(time.format, now));
        }
        serde_json::to_vec_pretty(&body).unwrap()
    }

    /// A genuine delivery.
    fn delivery(&self) -> Delivery {
        self.signed(&self.body(1, at(NOW)), at(NOW))
    }

    fn signed(&self, body: &[u8], now: Timestamp) -> Delivery {
        self.try_signed(KEY, URL, body, now).unwrap()
    }

    fn try_signed(&self, key: &[u8], url: &str, body: &[u8], at: Timestamp) -> Result<Delivery, ReceiverError> {
        let secret = self.secret(key);
        let others: Vec<_> = self.others().into_iter().map(|name| (name, "value")).collect();
        let headers = match self.way {
            Way::Signed(signature) => {
                let delivery = ToSign { url: Some(url), id: Some("msg_1"), headers: &others, body, at };
                sign(
                    self.provider.verification_of(self.event).unwrap(),
                    signature.name,
                    &secret.as_str().into(),
                    &delivery,
                )?
            }
            Way::Key(place) => vec![(place.header, format!("{}{secret}", place.before))],
        };
        let others = others.into_iter().map(|(name, value)| (name, value.to_owned()));
        let headers = headers.into_iter().chain(others).map(|(name, value)| (name.to_owned(), value.into_bytes()));
        let (headers, body) = (headers.collect(), body.to_vec());
        Ok(Delivery { url: url.to_owned(), secrets: vec![secret], now: at, headers, body })
    }

    fn receiver(&self, url: Option<&str>, secrets: &[String]) -> Result<AnyReceiver, ReceiverError> {
        let signature = self.signature().and_then(|signature| signature.name);
        AnyReceiver::new(
            self.provider,
            Registered { url, event: self.event, signature },
            secrets.iter().map(String::as_str),
        )
    }

    fn verify<H: Headers + ?Sized>(&self, delivery: &Delivery, headers: &H) -> Result<(), VerifyError> {
        let receiver = self.receiver(Some(&delivery.url), &delivery.secrets).unwrap();
        receiver.verify(headers, &delivery.body, delivery.now)
    }

    /// A signature that is computed here.
    fn sign_text(&self, text: &[u8]) -> String {
        let signature = self.signature().unwrap();
        let key = match signature.key.hash {
            None => KEY.to_vec(),
            Some(Hash::Sha1) => Sha1::digest(KEY).to_vec(),
            Some(Hash::Sha256) => Sha256::digest(KEY).to_vec(),
            Some(Hash::Sha512) => Sha512::digest(KEY).to_vec(),
            other => panic!("{other:?}"),
        };
        fn hmac<M: KeyInit + Mac>(key: &[u8], text: &[u8]) -> Vec<u8> {
            <M as KeyInit>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
        }
        let bytes = match signature.algorithm {
            Algorithm::HmacSha1 => hmac::<Hmac<Sha1>>(&key, text),
            Algorithm::HmacSha256 => hmac::<Hmac<Sha256>>(&key, text),
            Algorithm::HmacSha512 => hmac::<Hmac<Sha512>>(&key, text),
            other => panic!("{other:?}"),
        };
        match signature.encoding {
            Encoding::Hex => hex::encode(bytes),
            Encoding::Base64 => BASE64.encode(bytes),
            Encoding::Base64url => BASE64URL.encode(bytes),
            other => panic!("{other:?}"),
        }
    }

    /// The value of the header that carries the proof, with another MAC or key.
    fn with_mac(&self, delivery: &Delivery, mac: &[u8]) -> Vec<u8> {
        let mut value = delivery.clone().value(self.proof()).clone();
        let range = self.mac(&value);
        value.splice(range, mac.iter().copied());
        value
    }
}

fn written(format: TimeFormat, at: Timestamp) -> String {
    match format {
        TimeFormat::Seconds => at.as_second().to_string(),
        TimeFormat::Milliseconds => at.as_millisecond().to_string(),
        TimeFormat::HttpDate => at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        TimeFormat::Iso8601 => at.to_string(),
        other => panic!("{other:?}"),
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
        let of_header = |name: &&str| match scheme.provider.verification {
            Some(Verification::Keys(keys)) => keys.places.iter().any(|place| place.header == *name),
            _ => scheme.groups().iter().any(|group| group.contains(name)),
        };
        match (self, result) {
            (Self::Passes, result) => result.is_ok(),
            (Self::Refused, result) => result.is_err(),
            (Self::Missing, Err(VerifyError::MissingHeader { name })) => of_header(name),
            (Self::Missing, Err(VerifyError::MissingHeaders { names })) => names.iter().all(&of_header),
            (Self::Repeated, Err(VerifyError::RepeatedHeader { name })) => of_header(name),
            (Self::Malformed, Err(VerifyError::MalformedHeader { name, .. })) => of_header(name),
            (Self::BodyMismatch, Err(VerifyError::MalformedBody(_) | VerifyError::MissingMember { .. })) => {
                !scheme.members().is_empty() || scheme.time().is_some_and(|time| time.member.is_some())
            }
            (Self::Mismatch, Err(error)) => *error == scheme.mismatch(),
            (Self::BodyMismatch, Err(error)) => *error == scheme.body_mismatch(),
            (Self::Stale(by), Err(error)) => *error == VerifyError::Stale { by },
            (Self::Future(by), Err(error)) => *error == VerifyError::Future { by },
            (_, _) => false,
        }
    }
}

/// A change of a genuine delivery, the schemes that it applies to, and the outcome.
type Case = (&'static str, fn(&Scheme) -> bool, fn(&Scheme, Delivery) -> Vec<Delivery>, Outcome);

const SECOND: Duration = Duration::from_secs(1);
const NANOSECOND: Duration = Duration::from_nanos(1);

const CASES: &[Case] = &[
    ("nothing", any, |_, it| vec![it], Outcome::Passes),
    ("header names in other letters", any, other_letters, Outcome::Passes),
    ("other headers of 1 MiB", any, beside_others, Outcome::Passes),
    ("without the headers that are not read", any, without_others, Outcome::Passes),
    ("a header missing", any, |scheme, it| each(scheme.headers(), |name| without(&it, name)), Outcome::Missing),
    (
        "a header repeated",
        |scheme| !scheme.single_headers().is_empty(),
        |scheme, it| each(scheme.single_headers(), |name| repeated(&it, name)),
        Outcome::Repeated,
    ),
    ("a header empty", any, |scheme, it| each_value(scheme, &it, &[b""]), Outcome::Refused),
    ("a header truncated", any, truncated, Outcome::Refused),
    ("a header of 1 MiB", any, |scheme, it| each_value(scheme, &it, &[MIB]), Outcome::Refused),
    ("bytes beyond ASCII in a header", any, |scheme, it| each_value(scheme, &it, BEYOND_ASCII), Outcome::Malformed),
    ("line ends in a header", any, line_ends, Outcome::Malformed),
    ("another header of those that may carry the same", has_choice, other_headers, Outcome::Passes),
    ("another proof beside the one that counts", may_be_in_several, beside_another_proof, Outcome::Passes),
    ("another value of a header that is signed", signs_others, other_values, Outcome::Mismatch),
    ("another scheme", is_signed, other_schemes, Outcome::Malformed),
    ("another word before the key", |scheme| !is_signed(scheme), other_words, Outcome::Mismatch),
    ("a MAC of the right length but other bytes", is_signed, other_macs, Outcome::Mismatch),
    ("the MAC of another body", signs_body_or_members, other_proof, Outcome::Mismatch),
    ("the MAC of another text", is_signed, other_texts, Outcome::Mismatch),
    ("several secrets with the right one", any, several_secrets, Outcome::Passes),
    ("a wrong secret", any, wrong_secrets, Outcome::Mismatch),
    ("the decoded secret", any, decoded_secret, Outcome::Mismatch),
    ("two signatures where one may be", |scheme| is_signed(scheme) && !is_list(scheme), two_values, Outcome::Malformed),
    ("other items beside the signature", is_list, other_items, Outcome::Passes),
    ("another signature beside the right one", is_list, beside_another_item, Outcome::Passes),
    ("another time in the same header", is_list_with_time, two_times, Outcome::Malformed),
    ("another header with another signature", is_repeatable, beside_another_header, Outcome::Passes),
    ("one bit of the body changed", signs_body, one_bit, Outcome::BodyMismatch),
    ("the body re-serialised", signs_bytes, re_serialised, Outcome::BodyMismatch),
    ("no body", signs_body_or_members, |_, it| vec![it.with(|it| it.body.clear())], Outcome::BodyMismatch),
    ("CRLF in the signed body", signs_body, crlf_in_body, Outcome::BodyMismatch),
    ("spaces that are not signed", signs_without_spaces, more_spaces, Outcome::Passes),
    ("a signed member changed", signs_members, other_members, Outcome::BodyMismatch),
    ("the rest of the body changed", signs_only_members, other_rest, Outcome::Passes),
    ("the registered URL written otherwise", signs_url_as_sent, same_urls, Outcome::Passes),
    ("the registered URL written otherwise than signed", signs_url_as_written, same_urls, Outcome::Mismatch),
    ("another path", signs_path, |_, it| urls(&it, OTHER_PATHS), Outcome::Mismatch),
    ("the query dropped or changed", signs_query, |_, it| urls(&it, OTHER_QUERIES), Outcome::Mismatch),
    ("another host", signs_host, |_, it| urls(&it, OTHER_HOSTS), Outcome::Mismatch),
    ("without port, or another", signs_host, |_, it| urls(&it, OTHER_PORTS), Outcome::Mismatch),
    ("another URL where none is signed", |scheme| !signs_url(scheme), other_urls, Outcome::Passes),
    ("another time", has_time_in_headers, other_times, Outcome::Mismatch),
    ("another time in the body", has_time_in_body, other_times, Outcome::BodyMismatch),
    ("times of another form", has_time_in_headers, malformed_times, Outcome::Malformed),
    ("times of another form in the body", has_time_in_body, malformed_times, Outcome::BodyMismatch),
    ("just inside both ends of the window", has_window, inside_window, Outcome::Passes),
    ("just after the window", has_window, |scheme, it| later(scheme, &it, NANOSECOND), Outcome::Stale(NANOSECOND)),
    ("a second after the window", has_window, |scheme, it| later(scheme, &it, SECOND), Outcome::Stale(SECOND)),
    ("just before the window", has_window, |scheme, it| sooner(scheme, &it, NANOSECOND), Outcome::Future(NANOSECOND)),
    ("a second before the window", has_window, |scheme, it| sooner(scheme, &it, SECOND), Outcome::Future(SECOND)),
    ("a clock at the edges of time", has_window, |_, it| clocks(&it), Outcome::Refused),
    (
        "a clock at the edges of time without a window",
        |scheme| !has_window(scheme),
        |_, it| clocks(&it),
        Outcome::Passes,
    ),
    ("time and clock at the edges of time", has_window, signed_at_the_edges, Outcome::Passes),
    ("delivered again with a new time", any, redelivered, Outcome::Passes),
];

fn any(_: &Scheme) -> bool {
    true
}

fn is_signed(scheme: &Scheme) -> bool {
    scheme.signature().is_some()
}

fn has_choice(scheme: &Scheme) -> bool {
    scheme.groups().iter().any(|group| group.len() > 1)
}

fn may_be_in_several(scheme: &Scheme) -> bool {
    is_signed(scheme) && scheme.groups()[0].len() > 1
}

fn signs_others(scheme: &Scheme) -> bool {
    scheme.may_sign(|part| *part == Part::Id) || !scheme.others().is_empty()
}

fn is_list(scheme: &Scheme) -> bool {
    scheme.signature().is_some_and(|signature| signature.separator.is_some())
}

fn is_list_with_time(scheme: &Scheme) -> bool {
    is_list(scheme) && scheme.has_time_in_form()
}

fn is_repeatable(scheme: &Scheme) -> bool {
    scheme.signature().is_some_and(|signature| signature.repeated)
}

fn signs_bytes(scheme: &Scheme) -> bool {
    scheme.signs(|part| matches!(part, Part::Body | Part::Digest))
}

fn signs_body(scheme: &Scheme) -> bool {
    scheme.signs(|part| matches!(part, Part::Body | Part::Digest | Part::BodyWithoutSpaces))
}

fn signs_without_spaces(scheme: &Scheme) -> bool {
    scheme.may_sign(|part| *part == Part::BodyWithoutSpaces)
}

fn signs_members(scheme: &Scheme) -> bool {
    !scheme.members().is_empty()
}

fn signs_only_members(scheme: &Scheme) -> bool {
    signs_members(scheme)
        && !scheme.may_sign(|part| matches!(part, Part::Body | Part::Digest | Part::BodyWithoutSpaces))
}

fn signs_body_or_members(scheme: &Scheme) -> bool {
    signs_body(scheme) || signs_members(scheme)
}

fn signs_url(scheme: &Scheme) -> bool {
    scheme.signature().is_some_and(Signature::needs_url)
}

fn signs_url_as_written(scheme: &Scheme) -> bool {
    scheme.signs(|part| matches!(part, Part::Url | Part::UrlWithoutQuery))
}

fn signs_url_as_sent(scheme: &Scheme) -> bool {
    signs_url(scheme) && !scheme.may_sign(|part| matches!(part, Part::Url | Part::UrlWithoutQuery))
}

fn signs_path(scheme: &Scheme) -> bool {
    scheme.signs(|part| matches!(part, Part::Url | Part::UrlTarget | Part::UrlPath | Part::UrlWithoutQuery))
}

fn signs_query(scheme: &Scheme) -> bool {
    scheme.signs(|part| matches!(part, Part::Url | Part::UrlTarget))
}

fn signs_host(scheme: &Scheme) -> bool {
    scheme.signs(|part| matches!(part, Part::Url | Part::UrlHost | Part::UrlWithoutQuery))
}

fn has_time_in_headers(scheme: &Scheme) -> bool {
    scheme.time().is_some_and(|time| time.member.is_none())
}

fn has_time_in_body(scheme: &Scheme) -> bool {
    scheme.time().is_some_and(|time| time.member.is_some())
}

fn has_window(scheme: &Scheme) -> bool {
    scheme.window().is_some()
}

const MIB: &[u8] = &[b'A'; 1024 * 1024];
const BEYOND_ASCII: &[&[u8]] = &[b"\xff\xfe", "é".as_bytes(), b"\x7f", "Signature=\u{202e}".as_bytes()];
const OTHER_PATHS: &[&str] = &[
    "https://shop.example:8443/hooks/acm?shop=1",
    "https://shop.example:8443/hooks/Acme?shop=1",
    "https://shop.example:8443/hooks/acme/?shop=1",
    "https://shop.example:8443//hooks/acme?shop=1",
    "https://shop.example:8443/hooks%2Facme?shop=1",
    "https://shop.example:8443/?shop=1",
    "https://shop.example:8443",
];
const OTHER_QUERIES: &[&str] = &[
    "https://shop.example:8443/hooks/acme",
    "https://shop.example:8443/hooks/acme?shop=2",
    "https://shop.example:8443/hooks/acme?Shop=1",
    "https://shop.example:8443/hooks/acme?shop=1&x",
];
const OTHER_HOSTS: &[&str] = &[
    "https://shop.example.test:8443/hooks/acme?shop=1",
    "https://127.0.0.1:8443/hooks/acme?shop=1",
    "https://www.shop.example:8443/hooks/acme?shop=1",
];
const OTHER_PORTS: &[&str] = &[
    "https://shop.example/hooks/acme?shop=1",
    "https://shop.example:443/hooks/acme?shop=1",
    "https://shop.example:80/hooks/acme?shop=1",
    "https://shop.example:8444/hooks/acme?shop=1",
];

fn each(names: Vec<&'static str>, change: impl Fn(&'static str) -> Delivery) -> Vec<Delivery> {
    names.into_iter().map(change).collect()
}

fn each_value(scheme: &Scheme, delivery: &Delivery, values: &[&[u8]]) -> Vec<Delivery> {
    let with = |name| values.iter().map(move |value| delivery.with_value(name, *value));
    scheme.headers().into_iter().flat_map(with).collect()
}

fn without(delivery: &Delivery, name: &str) -> Delivery {
    delivery.with(|it| it.headers.retain(|(candidate, _)| candidate != name))
}

fn repeated(delivery: &Delivery, name: &str) -> Delivery {
    delivery.with(|it| {
        let again = it.value(name).clone();
        it.headers.push((name.to_lowercase(), again));
    })
}

fn other_letters(_: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    let renamed = |rename: fn(&str) -> String| {
        delivery.with(|it| it.headers.iter_mut().for_each(|(name, _)| *name = rename(name)))
    };
    vec![renamed(str::to_uppercase), renamed(str::to_lowercase)]
}

/// What comes after the proof in its header may be the time, which need not be signed.
fn truncated(scheme: &Scheme, mut delivery: Delivery) -> Vec<Delivery> {
    let mut truncated = Vec::new();
    for name in scheme.headers() {
        let value = delivery.value(name).clone();
        let end = if name == scheme.proof() { scheme.mac(&value).end } else { value.len() };
        truncated.extend((1..end).map(|end| delivery.with_value(name, &value[..end])));
    }
    truncated
}

fn without_others(scheme: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    vec![delivery.with(|it| it.headers.retain(|(name, _)| scheme.headers().contains(&name.as_str())))]
}

fn beside_others(_: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    let with = |others: Vec<(String, Vec<u8>)>| delivery.with(|it| it.headers.extend(others));
    let named =
        |count: usize, value: &[u8]| (0..count).map(|index| (format!("x-other-{index}"), value.to_vec())).collect();
    vec![with(named(1, MIB)), with(named(20_000, &[b'A'; 50])), with(named(1, b"\xff\xfe"))]
}

fn line_ends(scheme: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    let folded = |name| delivery.with(|it| it.value(name).extend(b"\r\n x"));
    let ended = |name| delivery.with(|it| it.value(name).push(b'\n'));
    [each(scheme.headers(), folded), each(scheme.headers(), ended)].concat()
}

fn renamed(delivery: &Delivery, name: &str, other: &str) -> Delivery {
    delivery.with(|it| it.headers.iter_mut().filter(|it| it.0 == name).for_each(|it| other.clone_into(&mut it.0)))
}

fn other_headers(scheme: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    let groups = scheme.groups();
    let others = groups.iter().flat_map(|group| group[1..].iter().map(|other| (group[0], *other)));
    others.map(|(name, other)| renamed(&delivery, name, other)).collect()
}

/// Any of the headers that may carry the signature, where another one is of a proxy or wrong.
fn beside_another_proof(scheme: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    let wrong = scheme.with_mac(&delivery, scheme.sign_text(b"another text").as_bytes());
    let mut beside = Vec::new();
    for other in scheme.groups()[0][1..].iter().copied() {
        for value in [b"Basic c2hvcDp0ZXN0".to_vec(), wrong.clone()] {
            let add = |to: Delivery, name: &str| to.with(|it| it.headers.push((name.to_owned(), value.clone())));
            beside.push(add(delivery.clone(), other));
            beside.push(add(renamed(&delivery, scheme.proof(), other), scheme.proof()));
        }
    }
    beside
}

fn other_values(scheme: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    let id = scheme.signature().and_then(|signature| signature.id);
    let id = id.filter(|_| scheme.may_sign(|part| *part == Part::Id)).map(|id| id.headers[0]);
    each(scheme.others().into_iter().chain(id).collect(), |name| delivery.with_value(name, "other"))
}

fn other_schemes(scheme: &Scheme, mut delivery: Delivery) -> Vec<Delivery> {
    let value = delivery.value(scheme.proof()).clone();
    let range = scheme.mac(&value);
    let mac = String::from_utf8(value[range.clone()].to_vec()).unwrap();
    let others = [
        "Bearer abc".to_owned(),
        "Basic c2hvcDp0ZXN0".to_owned(),
        format!("HMAC-SHA3 SignedHeaders=host&Signature={mac}"),
        format!("sha3={mac}"),
        format!("t=1,v9={mac}"),
        format!("0x{mac}"),
    ];
    let mut values: Vec<Vec<u8>> = others.into_iter().map(String::into_bytes).collect();
    // The texts of the form right before the signature, each letter changed. What comes before is an item of its own.
    let separator = scheme.signature().and_then(|signature| signature.separator).unwrap_or("\n");
    let before = std::str::from_utf8(&value[..range.start]).unwrap();
    let item = before.rfind(separator).map_or(0, |at| at + separator.len());
    values.extend((item..range.start).map(|index| {
        let mut value = value.clone();
        value[index] = b'~';
        value
    }));
    values.into_iter().filter(|other| *other != value).map(|value| delivery.with_value(scheme.proof(), value)).collect()
}

fn other_words(scheme: &Scheme, mut delivery: Delivery) -> Vec<Delivery> {
    let value = delivery.value(scheme.proof()).clone();
    let key = String::from_utf8(value[scheme.mac(&value)].to_vec()).unwrap();
    let others = [format!("Basic {key}"), format!("Bearer{key}"), format!("Token {key}"), format!("{key} {key}")];
    others.into_iter().map(|other| delivery.with_value(scheme.proof(), other)).collect()
}

/// Each letter of the MAC exchanged for another one, except those whose last bits do not count in Base64.
fn other_macs(scheme: &Scheme, mut delivery: Delivery) -> Vec<Delivery> {
    let value = delivery.value(scheme.proof()).clone();
    let exchanged = |index: usize| {
        let mut value = value.clone();
        value[index] = if value[index] == b'0' { b'1' } else { b'0' };
        delivery.with_value(scheme.proof(), value)
    };
    let range = scheme.mac(&value);
    (range.start..range.end - 3).map(exchanged).collect()
}

/// Everything as it should be, but the proof is that of another delivery.
fn other_proof(scheme: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    let proof = scheme.signed(&scheme.body(2, delivery.now), delivery.now).value(scheme.proof()).clone();
    vec![delivery.with_value(scheme.proof(), proof)]
}

fn other_texts(scheme: &Scheme, mut delivery: Delivery) -> Vec<Delivery> {
    let receiver = scheme.receiver(Some(&delivery.url), &delivery.secrets).unwrap();
    let text = receiver.string_to_sign(&delivery.headers, &delivery.body).unwrap().unwrap();
    let value = delivery.value(scheme.proof()).clone();
    assert_eq!(value[scheme.mac(&value)], *scheme.sign_text(&text).as_bytes(), "{}", scheme.name());
    let text = String::from_utf8(text).unwrap();
    let others = [
        text.replace('\n', "\r\n"),
        text.replace('\n', "\r"),
        format!("{text}\n"),
        format!("{text}\r\n"),
        format!(" {text}"),
        text[1..].to_owned(),
        String::new(),
    ];
    let others = others.iter().filter(|other| **other != text);
    let with = |other: &String| scheme.with_mac(&delivery, scheme.sign_text(other.as_bytes()).as_bytes());
    others.map(|other| delivery.with_value(scheme.proof(), with(other))).collect()
}

fn keys(scheme: &Scheme, delivery: &Delivery, keys: &[&[u8]]) -> Delivery {
    delivery.with(|it| it.secrets = keys.iter().map(|key| scheme.secret(key)).collect())
}

fn several_secrets(scheme: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    vec![
        keys(scheme, &delivery, &[b"old", KEY]),
        keys(scheme, &delivery, &[KEY, b"new"]),
        keys(scheme, &delivery, &[b"older", b"old", KEY, b"new"]),
    ]
}

fn wrong_secrets(scheme: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    let wrong = [
        b"x".to_vec(),
        KEY[1..].to_vec(),
        KEY.to_ascii_lowercase(),
        [KEY, b"\n"].concat(),
        [b" ", KEY].concat(),
        KEY.repeat(2),
        KEY[..KEY.len() - 1].to_vec(),
    ];
    wrong.iter().map(|key| keys(scheme, &delivery, &[key])).collect()
}

fn decoded_secret(scheme: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    let (decoded, encoded) = (BASE64.decode(KEY).unwrap(), BASE64.encode(KEY));
    vec![keys(scheme, &delivery, &[&decoded]), keys(scheme, &delivery, &[encoded.as_bytes()])]
}

fn two_values(scheme: &Scheme, mut delivery: Delivery) -> Vec<Delivery> {
    let value = delivery.value(scheme.proof()).clone();
    let two = |between: &[u8]| delivery.with_value(scheme.proof(), [&value, between, &value[..]].concat());
    [&b","[..], b" ", b", ", b";"].map(two).to_vec()
}

/// The separator of a header's value, the value, and the item that has the MAC.
fn items(scheme: &Scheme, delivery: &mut Delivery) -> (&'static str, String, String) {
    let separator = scheme.signature().and_then(|signature| signature.separator).unwrap();
    let value = delivery.value(scheme.proof()).clone();
    let range = scheme.mac(&value);
    let value = String::from_utf8(value).unwrap();
    let item = value.split(separator).find(|item| item.contains(&value[range.clone()])).unwrap().to_owned();
    (separator, value, item)
}

fn other_items(scheme: &Scheme, mut delivery: Delivery) -> Vec<Delivery> {
    let (separator, value, item) = items(scheme, &mut delivery);
    let mac = scheme.mac(value.as_bytes());
    let malformed = item.replace(&value[mac], "new");
    let with = |other: &str| {
        [format!("{other}{separator}{value}"), format!("{value}{separator}{other}"), format!("{value}{separator}")]
            .map(|value| delivery.with_value(scheme.proof(), value))
    };
    ["v9=00", "x", &malformed].into_iter().flat_map(with).collect()
}

fn beside_another_item(scheme: &Scheme, mut delivery: Delivery) -> Vec<Delivery> {
    let (separator, value, item) = items(scheme, &mut delivery);
    let wrong = item.replace(&value[scheme.mac(value.as_bytes())], &scheme.sign_text(b"another text"));
    [
        format!("{wrong}{separator}{value}"),
        format!("{value}{separator}{wrong}"),
        format!("{wrong}{separator}{value}{separator}{wrong}"),
    ]
    .map(|value| delivery.with_value(scheme.proof(), value))
    .to_vec()
}

fn two_times(scheme: &Scheme, mut delivery: Delivery) -> Vec<Delivery> {
    let (separator, value, _) = items(scheme, &mut delivery);
    let format = scheme.time().unwrap().format;
    let (time, other) = (written(format, delivery.now), written(format, delivery.now + SECOND));
    let item = value.split(separator).find(|item| item.contains(&time)).unwrap().replace(&time, &other);
    [format!("{item}{separator}{value}"), format!("{value}{separator}{item}")]
        .map(|value| delivery.with_value(scheme.proof(), value))
        .to_vec()
}

fn beside_another_header(scheme: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    let wrong = scheme.with_mac(&delivery, scheme.sign_text(b"another text").as_bytes());
    let header = (scheme.proof().to_owned(), wrong);
    vec![delivery.with(|it| it.headers.push(header.clone())), delivery.with(|it| it.headers.insert(0, header.clone()))]
}

fn one_bit(_: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    (0..delivery.body.len() * 8).map(|bit| delivery.with(|it| it.body[bit / 8] ^= 1 << (bit % 8))).collect()
}

fn re_serialised(_: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    let value: Value = serde_json::from_slice(&delivery.body).unwrap();
    let bodies = [
        value.to_string().into_bytes(),
        [&delivery.body[..], b"\n"].concat(),
        [b"\xef\xbb\xbf", &delivery.body[..]].concat(),
        [&delivery.body[..], &delivery.body[..]].concat(),
    ];
    bodies.into_iter().map(|body| delivery.with(|it| it.body = body)).collect()
}

fn crlf_in_body(_: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    let body = String::from_utf8(delivery.body.clone()).unwrap();
    vec![delivery.with(|it| it.body = body.replace('\n', "\r\n").into_bytes())]
}

fn more_spaces(scheme: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    let body = String::from_utf8(delivery.body.clone()).unwrap();
    let without = body.replace(": ", ":").replace(", ", ",");
    vec![scheme.signed(without.as_bytes(), delivery.now).with(|it| it.body = body.into_bytes())]
}

fn other_members(scheme: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    let others = [json!("other"), json!(1), json!([]), json!(""), json!(null)];
    let members = scheme.members().into_iter();
    members.flat_map(|pointer| others.clone().map(|other| delivery.with_member(pointer, other))).collect()
}

fn other_rest(_: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    vec![delivery.with_member("/amount", json!(2)), delivery.with_member("/new", json!({}))]
}

fn urls(delivery: &Delivery, urls: &[&str]) -> Vec<Delivery> {
    urls.iter().map(|&url| delivery.with(|it| url.clone_into(&mut it.url))).collect()
}

fn other_urls(_: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    [OTHER_PATHS, OTHER_QUERIES, OTHER_HOSTS, OTHER_PORTS].iter().flat_map(|list| urls(&delivery, list)).collect()
}

/// URLs that are requested alike.
fn same_urls(scheme: &Scheme, delivery: Delivery) -> Vec<Delivery> {
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
        let signed = scheme.try_signed(KEY, signed, &delivery.body, delivery.now).unwrap();
        urls(&signed, &[registered])
    })
    .collect()
}

/// With another text as the time, where the time is.
fn with_time(scheme: &Scheme, delivery: &Delivery, text: &str) -> Delivery {
    let time = scheme.time().unwrap();
    match (time.member, time.headers.first()) {
        (Some(pointer), _) => delivery.with_member(pointer, json!(text)),
        (None, Some(name)) => delivery.with_value(name, text),
        (None, None) => {
            let value = String::from_utf8(delivery.clone().value(scheme.proof()).clone()).unwrap();
            delivery.with_value(scheme.proof(), value.replace(&written(time.format, delivery.now), text))
        }
    }
}

fn other_times(scheme: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    let written = |at| written(scheme.time().unwrap().format, at);
    [delivery.now + SECOND, delivery.now - SECOND].map(|at| with_time(scheme, &delivery, &written(at))).to_vec()
}

fn malformed_times(scheme: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    let texts = [
        "",
        "now",
        "-1",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Sat, 01 Jan 10000 00:00:00 GMT",
        "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
        "Wed, 31 Dec -001 23:59:59 GMT",
        "Mon, 30 Feb 2026 00:00:00 GMT",
        "Sat, 21 Nov 2026 24:00:00 GMT",
        "Sun, 21 Nov 2026 12:00:00 GMT",
        "2026-11-21T12:00:00",
        "2026-02-30T12:00:00Z",
        "9999-12-31T23:59:59Z",
        "99999999999",
        "17952624000000",
        "99999999999999999999",
    ];
    // Right in a form, and malformed in any other.
    let forms = [TimeFormat::Seconds, TimeFormat::Milliseconds, TimeFormat::HttpDate, TimeFormat::Iso8601];
    let own = scheme.time().unwrap().format;
    let other_forms = forms.into_iter().filter(|format| *format != own).map(|format| written(format, delivery.now));
    texts.into_iter().map(str::to_owned).chain(other_forms).map(|text| with_time(scheme, &delivery, &text)).collect()
}

fn later(scheme: &Scheme, delivery: &Delivery, by: Duration) -> Vec<Delivery> {
    vec![delivery.with(|it| it.now += scheme.window().unwrap() + by)]
}

fn sooner(scheme: &Scheme, delivery: &Delivery, by: Duration) -> Vec<Delivery> {
    vec![delivery.with(|it| it.now -= scheme.window().unwrap() + by)]
}

fn inside_window(scheme: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    let window = scheme.window().unwrap();
    let times = [window, window - NANOSECOND, window.saturating_sub(SECOND), Duration::ZERO];
    times.into_iter().flat_map(|by| [delivery.with(|it| it.now += by), delivery.with(|it| it.now -= by)]).collect()
}

fn clocks(delivery: &Delivery) -> Vec<Delivery> {
    [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH].map(|now| delivery.with(|it| it.now = now)).to_vec()
}

/// The first and last times that each form can say.
fn signed_at_the_edges(scheme: &Scheme, _: Delivery) -> Vec<Delivery> {
    let edges = [
        at("0000-01-01T00:00:00Z"),
        at("0001-01-01T00:00:00Z"),
        Timestamp::UNIX_EPOCH,
        Timestamp::from_second(1_000_000_000).unwrap(),
        Timestamp::from_second(9_999_999_999).unwrap(),
        Timestamp::MAX,
    ];
    edges.into_iter().filter_map(|now| scheme.try_signed(KEY, URL, &scheme.body(1, now), now).ok()).collect()
}

fn redelivered(scheme: &Scheme, delivery: Delivery) -> Vec<Delivery> {
    let later = delivery.now + Duration::from_secs(7 * 24 * 3600);
    vec![scheme.signed(&scheme.body(1, later), later)]
}

#[test]
fn every_case_has_its_outcome_with_every_scheme_that_it_applies_to() {
    for (what, applies, change, outcome) in CASES {
        let schemes: Vec<Scheme> = SCHEMES.iter().copied().filter(applies).collect();
        assert!(!schemes.is_empty(), "{what}: it applies to no scheme");
        for scheme in schemes {
            let deliveries = change(&scheme, scheme.delivery());
            assert!(!deliveries.is_empty(), "{what}: {}", scheme.name());
            for (index, delivery) in deliveries.iter().enumerate() {
                let result = scheme.verify(delivery, &delivery.headers);
                let place = || format!("{what}, number {index}: {}", scheme.name());
                assert!(outcome.is(scheme, &result), "{}: {outcome:?} {result:?}", place());
                if let Some(map) = header_map(delivery) {
                    assert_eq!(scheme.verify(delivery, &map), result, "{} as a map", place());
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
fn an_error_says_what_to_check_first() {
    for scheme in SCHEMES.iter() {
        let says = |delivery: Delivery| scheme.verify(&delivery, &delivery.headers).unwrap_err().to_string();
        let genuine = scheme.delivery();
        let secret = says(keys(scheme, &genuine, &[b"other"]));
        let hints: &[&str] = match scheme.way {
            Way::Signed(_) => &["secret is that of this registration", "all that is signed is as the provider sent it"],
            Way::Key(place) => &[place.header, "not one that the receiver accepts"],
        };
        assert!(hints.iter().all(|hint| secret.contains(hint)), "{}: {secret}", scheme.name());
        let missing = says(without(&genuine, scheme.proof()));
        assert!(missing.contains("is missing"), "{}: {missing}", scheme.name());
        if scheme.body_mismatch() == VerifyError::ContentHashMismatch {
            assert!(says(genuine.with(|it| it.body.clear())).contains("before anything parses"));
        }
        if let Some(window) = scheme.window() {
            assert!(says(genuine.with(|it| it.now += window * 2)).contains("clock"));
        }
    }
}

#[test]
fn a_receiver_needs_a_secret_where_it_is_not_optional() {
    for scheme in SCHEMES.iter() {
        let new = |secrets: &[&str]| {
            let secrets: Vec<String> = secrets.iter().map(|&secret| secret.to_owned()).collect();
            scheme.receiver(Some(URL), &secrets)
        };
        let right = scheme.secret(b"hidden in the receiver");
        assert_eq!(new(&[]).unwrap_err(), ReceiverError::NoSecret, "{}", scheme.name());
        for blank in ["", " ", "\t\n"] {
            assert_eq!(new(&[&right, blank]).unwrap_err(), ReceiverError::EmptySecret, "{}", scheme.name());
        }
        assert!(!format!("{:?}", new(&[&right]).unwrap()).contains(&right), "{}", scheme.name());
    }
    for provider in providers() {
        let event = provider.events.first().map(|event| event.name);
        let receiver = AnyReceiver::unverified(provider, event);
        match provider.verification.as_ref().map(Verification::optional) {
            Some(Some(_)) => {
                assert_eq!(
                    receiver.unwrap().verify(&http::HeaderMap::new(), b"", at(NOW)),
                    Ok(()),
                    "{}",
                    provider.name
                );
            }
            Some(None) => assert_eq!(receiver.unwrap_err(), ReceiverError::NoSecret, "{}", provider.name),
            None => assert_eq!(receiver.unwrap_err(), ReceiverError::NothingDelivered, "{}", provider.name),
        }
    }
}

#[test]
fn a_key_is_sent_in_the_first_place_of_the_list() {
    for provider in providers() {
        let Some(Verification::Keys(keys)) = &provider.verification else { continue };
        let delivery = ToSign { url: None, id: None, headers: &[], body: b"", at: at(NOW) };
        let headers = sign(&provider.verification.unwrap(), None, &"key".into(), &delivery).unwrap();
        let first = &keys.places[0];
        assert_eq!(headers, [(first.header, format!("{}key", first.before))], "{}", provider.name);
    }
}

#[test]
fn urls_that_clients_rewrite_are_refused() {
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
    for scheme in SCHEMES.iter() {
        let signs_url = signs_url(scheme);
        let secrets = [scheme.secret(KEY)];
        for url in urls.into_iter().chain(altered).chain(rewritten) {
            let receiver = scheme.receiver(Some(url), &secrets).map(drop);
            assert_eq!(matches!(receiver, Err(ReceiverError::Url(_))), signs_url, "{} {url}", scheme.name());
            let signed = scheme.try_signed(KEY, url, &scheme.body(1, at(NOW)), at(NOW)).map(drop);
            assert_eq!(matches!(signed, Err(ReceiverError::Url(_))), signs_url, "{} {url}", scheme.name());
        }
        let none = scheme.receiver(None, &secrets).map(drop);
        assert_eq!(none == Err(ReceiverError::NoUrl), signs_url, "{}", scheme.name());
    }
}

#[test]
fn a_window_can_be_of_any_length() {
    let signs_time = |scheme: &&Scheme| scheme.signature().is_some_and(Signature::signs_time);
    for scheme in SCHEMES.iter().filter(signs_time) {
        let delivery = scheme.delivery();
        let receiver = scheme.receiver(Some(URL), &delivery.secrets).unwrap();
        let verify = |receiver: &AnyReceiver, now| receiver.verify(&delivery.headers, &delivery.body, now);
        let within = |window| receiver.clone().map_verifier(|verifier| verifier.replay_window(window));
        let exact = within(Duration::ZERO);
        assert_eq!(verify(&exact, at(NOW)), Ok(()), "{}", scheme.name());
        assert_eq!(verify(&exact, at(NOW) + SECOND), Err(VerifyError::Stale { by: SECOND }), "{}", scheme.name());
        assert_eq!(verify(&exact, at(NOW) - SECOND), Err(VerifyError::Future { by: SECOND }), "{}", scheme.name());
        let wide = within(Duration::MAX);
        let none = receiver.clone().map_verifier(|verifier| verifier.dangerously_without_replay_window());
        for now in [Timestamp::MIN, Timestamp::MAX] {
            assert_eq!([verify(&wide, now), verify(&none, now)], [Ok(()), Ok(())], "{}", scheme.name());
        }
    }
}

/// Every example of every event, delivered as the provider does.
#[test]
fn receiving_is_verifying_and_decoding() {
    for scheme in SCHEMES.iter().filter(|scheme| PROVIDERS.iter().any(|it| std::ptr::eq(*it, scheme.provider))) {
        let now = Timestamp::now();
        let verification = scheme.provider.verification_of(scheme.event);
        let is_verified = |event: &&Event| scheme.provider.verification_of(Some(event.name)) == verification;
        for event in scheme.provider.events.iter().filter(is_verified) {
            let registered = Registered {
                url: Some(URL),
                event: Some(event.name).filter(|_| scheme.provider.event_name == Some(EventNamePlace::Route)),
                signature: scheme.signature().and_then(|signature| signature.name),
            };
            let receiver = AnyReceiver::new(scheme.provider, registered, [scheme.secret(KEY).as_str()]).unwrap();
            // Where the time is in an example, it is past.
            let receiver = receiver.map_verifier(|verifier| verifier.dangerously_without_replay_window());
            for example in event.payload.examples {
                let delivery = scheme.signed(example.json.as_bytes(), now);
                let request = |event: &str, body: &str| {
                    // The request's own host and path are another matter, behind a proxy.
                    let path = match scheme.provider.event_name {
                        Some(EventNamePlace::LastPathSegment) => format!("/inner/{event}/?shop=1"),
                        _ => "/inner".to_owned(),
                    };
                    let mut request = http::Request::post(format!("http://10.0.0.1{path}"));
                    for (name, value) in delivery.headers.iter().filter(|(name, _)| name != "Host") {
                        request = request.header(name, &value[..]);
                    }
                    if let Some(EventNamePlace::Header(name)) = scheme.provider.event_name {
                        request = request.header(name, event);
                    }
                    request.body(body.to_owned()).unwrap()
                };
                let place = format!("{} {} {}", scheme.name(), event.name, example.name);
                let received = receiver.receive(&request(event.name, example.json), now).unwrap();
                // Where only the payload could say which event it is, that of some events does not.
                let silent = scheme.provider.event_name == Some(EventNamePlace::Body) && event.when.is_empty();
                let name = Some(event.name).filter(|_| !silent);
                assert_eq!((received.name.as_deref(), received.known), (name, !silent), "{place}");
                if signs_body_or_members(scheme) {
                    let altered = receiver.receive(&request(event.name, "{}"), now).unwrap_err();
                    assert!(matches!(altered, ReceiveError::Verify(_)), "{place}: {altered:?}");
                }
                let without_proof = {
                    let mut request = request(event.name, example.json);
                    request.headers_mut().remove(scheme.proof());
                    receiver.receive(&request, now).unwrap_err()
                };
                assert!(
                    matches!(
                        without_proof,
                        ReceiveError::Verify(VerifyError::MissingHeader { .. } | VerifyError::MissingHeaders { .. })
                    ),
                    "{place}"
                );
                if let Some(EventNamePlace::Header(_) | EventNamePlace::LastPathSegment) = scheme.provider.event_name {
                    let unknown = receiver.receive(&request("somethingNew", example.json), now).unwrap();
                    assert_eq!((unknown.name.as_deref(), unknown.known), (Some("somethingNew"), false), "{place}");
                }
                let truncated = &example.json[..example.json.len() - 1];
                let delivery = scheme.try_signed(KEY, URL, truncated.as_bytes(), now);
                // Members of a body that is not JSON cannot be signed.
                let Ok(delivery) = delivery else { continue };
                let mut request = request(event.name, truncated);
                for (name, value) in delivery.headers.iter().filter(|(name, _)| name != "Host") {
                    let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
                    request.headers_mut().insert(name, http::HeaderValue::from_bytes(value).unwrap());
                }
                let undecodable = receiver.receive(&request, now).unwrap_err();
                assert!(matches!(undecodable, ReceiveError::Decode(_)), "{place}: {undecodable:?}");
            }
        }
    }
}
