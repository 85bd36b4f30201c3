//! A described signature, prepared for the deliveries to one URL.

use std::borrow::Cow;

use jiff::Timestamp;

use super::error::{ReceiverError, VerifyError};
use super::form::{self, Form};
use super::headers::{Headers, Name};
use super::key::Signatures;
use super::member;
use super::text::{DeliveredValues, Other, Template, Url};
use crate::catalogue::{Digest, FormPart, Part, Signature, Verification};

/// The maximum number of signatures in the headers of a delivery. Providers send one for each secret that is valid.
const MAX_SIGNATURES: usize = 16;

/// The parts that are the same for every delivery.
#[derive(Clone)]
pub(super) struct PreparedSignature {
    pub(super) signature: Signature,
    /// The texts, one of which has to be signed.
    pub(super) texts: Vec<Template>,
    /// The host of the URL, if the URL is signed.
    pub(super) host: Option<String>,
    /// Whether anything depends on the time of a delivery.
    pub(super) reads_time: bool,
    /// The headers that may carry the signature.
    headers: Vec<Name>,
    form: Form,
    time_headers: Vec<Name>,
    /// The headers that may carry the id; `None` if the id is not signed.
    id_headers: Option<Vec<Name>>,
    digest_header: Option<Name>,
    /// The headers and members that are signed.
    others: Vec<Other>,
}

/// The value of the header that carries the signature.
pub(super) struct Carried<'a> {
    /// The first header that is present.
    pub(super) name: &'static str,
    pub(super) time: Option<&'a str>,
    pub(super) signatures: Option<Signatures>,
}

/// The hash of the body in a header.
pub(super) struct SentDigest<'a> {
    name: &'static str,
    pub(super) text: &'a str,
    digest: Digest,
}

impl SentDigest<'_> {
    /// Checks that it is the hash of this body.
    pub(super) fn check(&self, body: &[u8]) -> Result<(), VerifyError> {
        let Digest { algorithm, encoding, .. } = self.digest;
        if encoding.is_of(self.text, &algorithm.of(body)) {
            return Ok(());
        }
        let length = algorithm.length();
        Err(match encoding.decode(self.text, length) {
            Some(_) => VerifyError::ContentHashMismatch,
            None => malformed(self.name, format!("a {} of {}", algorithm.name(), encoding.expected(length))),
        })
    }
}

/// Where the time of a delivery is: a header that also carries the signature, a header of its own, or a member of the body.
enum TimePlace {
    Form(&'static str),
    Header(&'static str),
    Member(&'static str),
}

/// The values of a delivery in the signed text, except the body and the digest.
pub(super) struct Delivered<'a> {
    time: Option<(Cow<'a, str>, TimePlace)>,
    id: &'a str,
    others: Vec<Cow<'a, str>>,
}

impl PreparedSignature {
    pub(super) fn new(signature: &Signature, url: Option<&str>) -> Result<Self, ReceiverError> {
        let url = match url {
            Some(url) if signature.needs_url() => Some(Url::new(url)?),
            _ => None,
        };
        let mut others = Vec::new();
        let texts = signature.signed.iter().map(|parts| Template::new(parts, url.as_ref(), &mut others));
        let texts = texts.collect::<Result<_, _>>()?;
        let signs = |part| signature.signed.iter().any(|parts| parts.contains(&part));
        let names = |names: &[&'static str]| names.iter().copied().map(Name::new).collect();
        let id = signature.id.filter(|_| signs(Part::Id));
        Ok(Self {
            signature: *signature,
            texts,
            host: url.map(|url| url.host().to_owned()),
            reads_time: signs(Part::Time) || signature.window().is_some(),
            headers: names(signature.headers),
            form: Form::new(signature),
            time_headers: names(signature.time.map_or(&[], |time| time.headers)),
            id_headers: id.map(|id| names(id.headers)),
            digest_header: signature.digest.and_then(|digest| digest.header).map(Name::new),
            others,
        })
    }

    /// Whether the time is in the header that carries the signature.
    pub(super) fn reads_time_of_form(&self) -> bool {
        self.reads_time && self.signature.form.contains(&FormPart::Time)
    }

    /// Reads the headers that carry the signature.
    pub(super) fn carried<'a>(&self, headers: &'a dyn Headers) -> Result<Carried<'a>, VerifyError> {
        let mut carried = None;
        for name in &self.headers {
            if self.signature.repeated {
                for value in headers.several(name.text)? {
                    self.add(&mut carried, name.text, value)?;
                }
            } else if let Some(value) = name.optional(headers)? {
                self.add(&mut carried, name.text, value)?;
            }
        }
        carried.ok_or_else(|| missing(&self.headers))
    }

    fn add<'a>(
        &self,
        carried: &mut Option<Carried<'a>>,
        name: &'static str,
        value: &'a str,
    ) -> Result<(), VerifyError> {
        let carried = carried.get_or_insert(Carried { name, time: None, signatures: None });
        let Signature { encoding, algorithm, .. } = self.signature;
        self.form.read(value, |item| {
            if let Some(time) = item.time.filter(|_| self.reads_time) {
                if carried.time.is_some_and(|known| known != time) {
                    return Err(self.malformed(name));
                }
                carried.time = Some(time);
            }
            if let Some(signature) = item.signature.and_then(|text| encoding.decode(text, algorithm.length())) {
                match &mut carried.signatures {
                    // Each signature takes time to verify, before it is known whether the delivery is genuine.
                    Some(signatures) if signatures.more.len() + 1 >= MAX_SIGNATURES => return Err(self.malformed(name)),
                    Some(signatures) => signatures.more.push(signature),
                    none => *none = Some(Signatures { first: signature, more: Vec::new() }),
                }
            }
            Ok(())
        })
    }

    /// The signatures that the headers carry.
    pub(super) fn signatures<'c>(&self, carried: &'c Carried<'_>) -> Result<&'c Signatures, VerifyError> {
        carried.signatures.as_ref().ok_or_else(|| self.malformed(carried.name))
    }

    /// The error for a header that does not carry a signature of the documented form.
    fn malformed(&self, name: &'static str) -> VerifyError {
        let Signature { form, encoding, algorithm, time, .. } = self.signature;
        let format = time.map(|time| time.format);
        malformed(name, form::expected(form, encoding, algorithm.length(), format))
    }

    /// The values of the delivery. `carried` has the time if the time is in the form.
    pub(super) fn delivered<'a>(
        &self,
        headers: &'a dyn Headers,
        body: &'a [u8],
        carried: Option<&Carried<'a>>,
    ) -> Result<Delivered<'a>, VerifyError> {
        let id = match &self.id_headers {
            Some(names) => {
                let (name, value) = first(headers, names)?;
                self.told_apart(Part::Id, value).map_err(|text| VerifyError::AmbiguousHeader { name, text })?;
                value
            }
            None => "",
        };
        let time = self.time(headers, body, carried)?;
        let other = |other: &Other| match other {
            Other::Header(name) => {
                let value = name.required(headers)?;
                let ambiguous = |text| VerifyError::AmbiguousHeader { name: name.text, text };
                self.told_apart(Part::Header(name.text), value).map_err(ambiguous)?;
                Ok(Cow::Borrowed(value))
            }
            Other::Member(pointer) => {
                let value = member::read(body, pointer)?;
                let ambiguous = |text| VerifyError::AmbiguousMember { pointer, text };
                self.told_apart(Part::Member(pointer), &value).map_err(ambiguous)?;
                Ok(value)
            }
        };
        let others = match self.others.is_empty() {
            true => Vec::new(),
            false => self.others.iter().map(other).collect::<Result<_, _>>()?,
        };
        Ok(Delivered { time, id, others })
    }

    /// The time of the delivery, if the time is signed or has a window.
    pub(super) fn signed_at(&self, delivered: &Delivered<'_>) -> Result<Option<Timestamp>, VerifyError> {
        let (Some(time), Some((text, place))) = (self.signature.time, &delivered.time) else { return Ok(None) };
        let expected = time.format.expected();
        let signed_at = time.format.read(text).ok_or_else(|| match *place {
            TimePlace::Form(name) => self.malformed(name),
            TimePlace::Header(name) => malformed(name, expected.to_owned()),
            TimePlace::Member(pointer) => VerifyError::MissingMember { pointer, expected },
        });
        signed_at.map(Some)
    }

    fn time<'a>(
        &self,
        headers: &'a dyn Headers,
        body: &'a [u8],
        carried: Option<&Carried<'a>>,
    ) -> Result<Option<(Cow<'a, str>, TimePlace)>, VerifyError> {
        let Some(time) = self.signature.time.filter(|_| self.reads_time) else { return Ok(None) };
        if let Some(pointer) = time.member {
            return Ok(Some((member::read(body, pointer)?, TimePlace::Member(pointer))));
        }
        let (text, place) = if self.time_headers.is_empty() {
            let name = carried.map_or("", |carried| carried.name);
            let text = carried.and_then(|carried| carried.time).ok_or_else(|| self.malformed(name))?;
            (text, TimePlace::Form(name))
        } else {
            let (name, text) = first(headers, &self.time_headers)?;
            (text, TimePlace::Header(name))
        };
        Ok(Some((text.into(), place)))
    }

    /// Checks that a value does not contain a text that follows it in the signed text, which it returns otherwise.
    fn told_apart(&self, part: Part, value: &str) -> Result<(), &'static str> {
        let pairs = self.signature.signed.iter().flat_map(|parts| parts.windows(2));
        let mut confused = pairs.filter_map(|pair| match pair {
            [before, Part::Text(text)] if *before == part && begins_within(value, text) => Some(*text),
            _ => None,
        });
        confused.next().map_or(Ok(()), Err)
    }

    /// The hash of the body in a header.
    pub(super) fn sent_digest<'a>(&self, headers: &'a dyn Headers) -> Result<Option<SentDigest<'a>>, VerifyError> {
        let (Some(digest), Some(name)) = (self.signature.digest, &self.digest_header) else { return Ok(None) };
        Ok(Some(SentDigest { name: name.text, text: name.required(headers)?, digest }))
    }

    /// The hash of the body as text; empty if the description does not have a digest.
    pub(super) fn digest(&self, body: &[u8]) -> String {
        let text = |digest: Digest| digest.encoding.encode(digest.algorithm.of(body).as_slice());
        self.signature.digest.map_or_else(String::new, text)
    }
}

impl Delivered<'_> {
    pub(super) fn values<'a>(&'a self, body: &'a [u8], digest: &'a str) -> DeliveredValues<'a> {
        let time = self.time.as_ref().map_or("", |(text, _)| text);
        DeliveredValues { body, time, id: self.id, digest, others: &self.others }
    }
}

/// The first of these headers that is present.
fn first<'a>(headers: &'a dyn Headers, names: &[Name]) -> Result<(&'static str, &'a str), VerifyError> {
    for name in names {
        if let Some(value) = name.optional(headers)? {
            return Ok((name.text, value));
        }
    }
    Err(missing(names))
}

fn missing(names: &[Name]) -> VerifyError {
    VerifyError::missing(names.iter().map(|name| name.text))
}

/// Whether a text that follows a value could begin before the end of the value.
fn begins_within(value: &str, text: &str) -> bool {
    value.char_indices().any(|(index, _)| {
        let rest = value.get(index..).unwrap_or_default();
        rest.starts_with(text) || text.strip_prefix(rest).is_some_and(|end| text.starts_with(end))
    })
}

fn malformed(name: &'static str, expected: String) -> VerifyError {
    VerifyError::MalformedHeader { name, expected: expected.into() }
}

/// The signature of this name, or the default one.
pub(super) fn described(verification: &Verification, name: Option<&str>) -> Result<&'static Signature, ReceiverError> {
    match verification {
        Verification::Signatures(signatures) => verification.signature(name).ok_or_else(|| {
            let known = signatures.iter().filter_map(|signature| signature.name).collect();
            ReceiverError::UnknownSignature { name: name.unwrap_or_default().to_owned(), known }
        }),
        Verification::Keys(_) => Err(ReceiverError::NothingSigned("a delivery carries the secret itself")),
        Verification::None(reason) => Err(ReceiverError::NothingSigned(reason)),
        Verification::Custom(_) => Err(ReceiverError::Custom),
    }
}
