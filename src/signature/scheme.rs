//! A signature as it is described, for the deliveries to one URL.

use std::borrow::Cow;

use jiff::Timestamp;

use super::encoding::Bytes;
use super::error::{ReceiverError, VerifyError};
use super::form::{self, Form};
use super::headers::Headers;
use super::key::Signatures;
use super::member;
use super::text::{Other, Template, Url, Values};
use crate::catalogue::{Digest, FormPart, Hash, Part, Signature, Verification};

/// What is the same for every delivery, prepared once.
#[derive(Clone)]
pub(super) struct Scheme {
    pub(super) signature: Signature,
    /// Any of these texts may be signed.
    pub(super) texts: Vec<Template>,
    /// The host of the URL, where the URL is signed.
    pub(super) host: Option<String>,
    /// Whether anything depends on the time of a delivery.
    pub(super) reads_time: bool,
    form: Form,
    /// The headers and members that are signed.
    others: Vec<Other>,
}

/// The value of the header that carries the signature.
pub(super) struct Carried<'a> {
    /// The first header that is there.
    pub(super) name: &'static str,
    pub(super) time: Option<&'a str>,
    pub(super) signatures: Option<Signatures>,
}

/// The hash of the body that a header has.
pub(super) struct SentDigest<'a> {
    pub(super) text: &'a str,
    bytes: Bytes,
    algorithm: Hash,
}

impl SentDigest<'_> {
    pub(super) fn is_of(&self, body: &[u8]) -> bool {
        self.algorithm.of(body).as_slice() == self.bytes.as_slice()
    }
}

/// What a delivery brings to the text that is signed, apart from body and digest.
pub(super) struct Delivered<'a> {
    time: Cow<'a, str>,
    pub(super) signed_at: Option<Timestamp>,
    id: &'a str,
    others: Vec<Cow<'a, str>>,
}

impl Scheme {
    pub(super) fn new(signature: &Signature, url: Option<&str>) -> Result<Self, ReceiverError> {
        let url = match url {
            Some(url) if signature.needs_url() => Some(Url::new(url)?),
            _ => None,
        };
        let mut others = Vec::new();
        let texts = signature.signed.iter().map(|parts| Template::new(parts, url.as_ref(), &mut others));
        let texts = texts.collect::<Result<_, _>>()?;
        let signs_time = signature.signed.iter().any(|parts| parts.contains(&Part::Time));
        Ok(Self {
            signature: *signature,
            texts,
            host: url.map(|url| url.host().to_owned()),
            reads_time: signs_time || signature.window().is_some(),
            form: Form::new(signature),
            others,
        })
    }

    /// Whether the time that counts is in the header that carries the signature.
    pub(super) fn reads_time_of_form(&self) -> bool {
        self.reads_time && self.signature.form.contains(&FormPart::Time)
    }

    /// The headers that carry the signature: all that are there.
    pub(super) fn carried<'a>(&self, headers: &'a dyn Headers) -> Result<Carried<'a>, VerifyError> {
        let mut carried = None;
        for &name in self.signature.headers {
            if self.signature.repeated {
                for value in headers.several(name)? {
                    self.add(&mut carried, name, value)?;
                }
            } else if let Some(value) = headers.optional(name)? {
                self.add(&mut carried, name, value)?;
            }
        }
        carried.ok_or_else(|| missing(self.signature.headers))
    }

    fn add<'a>(
        &self,
        carried: &mut Option<Carried<'a>>,
        name: &'static str,
        value: &'a str,
    ) -> Result<(), VerifyError> {
        let carried = carried.get_or_insert(Carried { name, time: None, signatures: None });
        let Signature { encoding, algorithm, .. } = self.signature;
        for item in self.form.read(value) {
            if let Some(time) = item.time.filter(|_| self.reads_time) {
                if carried.time.is_some_and(|known| known != time) {
                    return Err(self.malformed(name));
                }
                carried.time = Some(time);
            }
            if let Some(signature) = item.signature.and_then(|text| encoding.decode(text, algorithm.length())) {
                match &mut carried.signatures {
                    Some(signatures) => signatures.more.push(signature),
                    none => *none = Some(Signatures { first: signature, more: Vec::new() }),
                }
            }
        }
        Ok(())
    }

    /// The signatures that the headers carry.
    pub(super) fn signatures<'c>(&self, carried: &'c Carried<'_>) -> Result<&'c Signatures, VerifyError> {
        carried.signatures.as_ref().ok_or_else(|| self.malformed(carried.name))
    }

    /// That a header does not carry a signature of the documented form.
    fn malformed(&self, name: &'static str) -> VerifyError {
        let Signature { form, encoding, algorithm, time, .. } = self.signature;
        let format = time.map(|time| time.format);
        malformed(name, form::expected(form, encoding, algorithm.length(), format))
    }

    /// What the delivery brings; `carried` has the time where that is in the form.
    pub(super) fn delivered<'a>(
        &self,
        headers: &'a dyn Headers,
        body: &'a [u8],
        carried: Option<&Carried<'a>>,
    ) -> Result<Delivered<'a>, VerifyError> {
        let id = match self.signature.id {
            Some(id) if self.signature.signed.iter().any(|parts| parts.contains(&Part::Id)) => {
                let (name, value) = first(headers, id.headers)?;
                self.told_apart(Part::Id, name, value)?
            }
            _ => "",
        };
        let (time, signed_at) = self.time(headers, body, carried)?;
        let other = |other: &Other| match *other {
            Other::Header(name) => {
                self.told_apart(Part::Header(name), name, headers.required(name)?).map(Cow::Borrowed)
            }
            Other::Member(pointer) => member::read(body, pointer),
        };
        let others = self.others.iter().map(other).collect::<Result<_, _>>()?;
        Ok(Delivered { time, signed_at, id, others })
    }

    fn time<'a>(
        &self,
        headers: &'a dyn Headers,
        body: &'a [u8],
        carried: Option<&Carried<'a>>,
    ) -> Result<(Cow<'a, str>, Option<Timestamp>), VerifyError> {
        let Some(time) = self.signature.time.filter(|_| self.reads_time) else { return Ok((Cow::Borrowed(""), None)) };
        let (format, expected) = (time.format, time.format.expected());
        let (text, signed_at) = if let Some(pointer) = time.member {
            let text = member::read(body, pointer)?;
            let signed_at = format.read(&text).ok_or(VerifyError::MissingMember { pointer, expected })?;
            (text, signed_at)
        } else if time.headers.is_empty() {
            let malformed = || self.malformed(carried.map_or("", |carried| carried.name));
            let text = carried.and_then(|carried| carried.time).ok_or_else(malformed)?;
            (text.into(), format.read(text).ok_or_else(malformed)?)
        } else {
            let (name, text) = first(headers, time.headers)?;
            (text.into(), format.read(text).ok_or_else(|| malformed(name, expected.to_owned()))?)
        };
        Ok((text, Some(signed_at)))
    }

    /// The value of a header, where it cannot be confused with what is signed after it.
    fn told_apart<'a>(&self, part: Part, name: &'static str, value: &'a str) -> Result<&'a str, VerifyError> {
        let pairs = self.signature.signed.iter().flat_map(|parts| parts.windows(2));
        let confused = pairs.filter_map(|pair| match pair {
            // Also where the text could begin within the value.
            [before, Part::Text(text)]
                if *before == part && format!("{value}{text}").find(text) != Some(value.len()) =>
            {
                Some(text)
            }
            _ => None,
        });
        match { confused }.next() {
            Some(text) => Err(malformed(name, format!("a text without `{text}`"))),
            None => Ok(value),
        }
    }

    /// The hash of the body that a header has.
    pub(super) fn sent_digest<'a>(&self, headers: &'a dyn Headers) -> Result<Option<SentDigest<'a>>, VerifyError> {
        let Some((digest, name)) = self.signature.digest.and_then(|digest| Some((digest, digest.header?))) else {
            return Ok(None);
        };
        let text = headers.required(name)?;
        let Digest { algorithm, encoding, .. } = digest;
        let length = algorithm.length();
        let expected = || format!("a {} of {}", algorithm.name(), encoding.expected(length));
        let bytes = encoding.decode(text, length).ok_or_else(|| malformed(name, expected()))?;
        Ok(Some(SentDigest { text, bytes, algorithm }))
    }

    /// The hash of the body as text; empty where none is described.
    pub(super) fn digest(&self, body: &[u8]) -> String {
        let text = |digest: Digest| digest.encoding.encode(digest.algorithm.of(body).as_slice());
        self.signature.digest.map_or_else(String::new, text)
    }
}

impl Delivered<'_> {
    pub(super) fn values<'a>(&'a self, body: &'a [u8], digest: &'a str) -> Values<'a> {
        Values { body, time: &self.time, id: self.id, digest, others: &self.others }
    }
}

/// The first of these headers that is there.
fn first<'a>(headers: &'a dyn Headers, names: &[&'static str]) -> Result<(&'static str, &'a str), VerifyError> {
    for &name in names {
        if let Some(value) = headers.optional(name)? {
            return Ok((name, value));
        }
    }
    Err(missing(names))
}

fn missing(names: &[&'static str]) -> VerifyError {
    VerifyError::MissingHeader { name: names.first().copied().unwrap_or_default() }
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
