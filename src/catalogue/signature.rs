//! How the deliveries of a provider prove where they come from, as data.

use std::time::Duration;

use serde::Deserialize;

use crate::leak;

/// How a delivery proves where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verification {
    /// It is signed in one of these ways. The first one is the default; where there are several, each has a name.
    Signatures(#[serde(borrow, deserialize_with = "leak::slice")] &'static [Signature]),
    /// It carries the secret itself.
    Keys(Keys),
    /// It proves nothing, for this reason.
    None(#[serde(deserialize_with = "leak::text")] &'static str),
    /// A program has to bring code that verifies it: see [`verify::CustomVerification`](crate::verify::CustomVerification).
    Custom(Custom),
}

impl Verification {
    /// The signature of this name, or the default one. `None` where there is no such signature.
    pub fn signature(&self, name: Option<&str>) -> Option<&'static Signature> {
        match (self, name) {
            (Self::Signatures(signatures), None) => signatures.first(),
            (Self::Signatures(signatures), name) => signatures.iter().find(|signature| signature.name == name),
            (Self::Keys(_) | Self::None(_) | Self::Custom(_), _) => None,
        }
    }

    /// The reason why a delivery may come without a secret to verify it with. `None` where every registration has a secret.
    pub fn optional(&self) -> Option<&'static str> {
        match self {
            Self::Signatures(signatures) => signatures.iter().find_map(|signature| signature.optional),
            Self::Keys(keys) => keys.optional,
            Self::None(reason) => Some(reason),
            Self::Custom(_) => None,
        }
    }
}

/// One way in which a delivery is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Signature {
    /// Its name, where a provider has several.
    #[serde(deserialize_with = "leak::optional_text")]
    pub name: Option<&'static str>,
    /// What else there is to know; Markdown, empty where there is nothing.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// The reason why a delivery may come without a secret to verify it with.
    #[serde(deserialize_with = "leak::optional_text")]
    pub optional: Option<&'static str>,
    /// The headers that may carry the signature. Any of them is enough.
    #[serde(borrow, deserialize_with = "leak::texts")]
    pub headers: &'static [&'static str],
    /// The form of the header's value.
    #[serde(borrow, deserialize_with = "leak::slice")]
    pub form: &'static [FormPart],
    /// What separates the items of the header's value. Items that the form does not have are ignored.
    #[serde(deserialize_with = "leak::optional_text")]
    pub separator: Option<&'static str>,
    /// Whether the header may be there more than once.
    pub repeated: bool,
    /// The algorithm of the signature.
    pub algorithm: Algorithm,
    /// How the signature is written.
    pub encoding: Encoding,
    /// How the secret becomes the key.
    pub key: Key,
    /// The text that is signed, part by part. Where there are several texts, the signature of any of them is enough.
    #[serde(borrow, deserialize_with = "leak::slices")]
    pub signed: &'static [&'static [Part]],
    /// The hash of the body; `None` where neither the signed text nor a header has one.
    pub digest: Option<Digest>,
    /// When the delivery was signed; `None` where it does not say.
    pub time: Option<Time>,
    /// What identifies the delivery; `None` where it does not say.
    pub id: Option<Id>,
}

impl Signature {
    /// Whether a receiver has to know the URL that was registered.
    pub fn needs_url(&self) -> bool {
        self.signed.iter().any(|parts| parts.iter().any(Part::is_of_url))
    }

    /// Whether the time of the delivery is signed, with the body where it is a member of it.
    pub fn signs_time(&self) -> bool {
        let Some(time) = self.time else { return false };
        let is_time = |part: &Part| match (part, time.member) {
            (Part::Time, _) => true,
            (Part::Body | Part::Digest, Some(_)) => true,
            (Part::Member(pointer), Some(member)) => *pointer == member,
            (_, _) => false,
        };
        self.always_signs(is_time)
    }

    /// How far the signed time may lie before or after the clock; `None` where there is no limit.
    pub fn window(&self) -> Option<Duration> {
        self.time.and_then(|time| time.window).map(Duration::from_secs)
    }

    /// Whether each text that may be signed has such a part.
    pub(crate) fn always_signs(&self, is: impl Fn(&Part) -> bool) -> bool {
        self.signed.iter().all(|parts| parts.iter().any(&is))
    }
}

/// A part of the value of the header that carries a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum FormPart {
    /// This text.
    Text(#[serde(deserialize_with = "leak::text")] &'static str),
    /// The signature.
    Signature,
    /// The time of the delivery.
    Time,
}

/// A part of the text that is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Part {
    /// This text.
    Text(#[serde(deserialize_with = "leak::text")] &'static str),
    /// The body, as it was received.
    Body,
    /// The body without the space after each `:` and `,`, texts included.
    BodyWithoutSpaces,
    /// The member of the body at this JSON pointer: the content of a string, or a number as it is written.
    Member(#[serde(deserialize_with = "leak::text")] &'static str),
    /// [`Signature::time`], as it was received.
    Time,
    /// [`Signature::id`], as it was received.
    Id,
    /// The method of the request, which is POST.
    Method,
    /// The URL as it was registered.
    Url,
    /// The host of the registered URL, with the port where it is not that of the scheme.
    UrlHost,
    /// Path and query of the registered URL.
    UrlTarget,
    /// The path of the registered URL.
    UrlPath,
    /// The registered URL up to its query.
    UrlWithoutQuery,
    /// [`Signature::digest`].
    Digest,
    /// The value of the header of this name.
    Header(#[serde(deserialize_with = "leak::text")] &'static str),
}

impl Part {
    pub(crate) fn is_of_url(&self) -> bool {
        matches!(self, Self::Url | Self::UrlHost | Self::UrlTarget | Self::UrlPath | Self::UrlWithoutQuery)
    }
}

/// The algorithm of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-1.
    HmacSha1,
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
}

/// How bytes are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Encoding {
    /// Hexadecimal.
    Hex,
    /// Base64 with padding.
    Base64,
    /// Base64 with the alphabet for URLs, without padding.
    Base64url,
}

/// How a secret becomes the key of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Key {
    /// How the key is written.
    pub encoding: KeyEncoding,
    /// What is taken off a secret that begins with it.
    #[serde(deserialize_with = "leak::text")]
    pub prefix: &'static str,
    /// What the key is hashed with.
    pub hash: Option<Hash>,
}

/// How the key is written in a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KeyEncoding {
    /// The key is the text itself.
    Text,
    /// Hexadecimal.
    Hex,
    /// Base64 with padding.
    Base64,
}

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Hash {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// The hash of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Digest {
    /// The hash function.
    pub algorithm: Hash,
    /// How the hash is written.
    pub encoding: Encoding,
    /// The header that has it as well.
    #[serde(deserialize_with = "leak::optional_text")]
    pub header: Option<&'static str>,
}

/// Where a delivery says when it was signed. It is in the header that carries the signature where neither headers nor a
/// member are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Time {
    /// The headers that may have it. The first one that is there counts.
    #[serde(borrow, deserialize_with = "leak::texts")]
    pub headers: &'static [&'static str],
    /// JSON pointer to the member of the body that has it.
    #[serde(deserialize_with = "leak::optional_text")]
    pub member: Option<&'static str>,
    /// How it is written.
    pub format: TimeFormat,
    /// How many seconds it may lie before or after the clock; `None` where it is not signed or there is no limit.
    pub window: Option<u64>,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TimeFormat {
    /// Seconds since 1970, of ten digits.
    Seconds,
    /// Milliseconds since 1970, of thirteen digits.
    Milliseconds,
    /// `Thu, 30 Mar 2023 08:38:32 GMT`.
    HttpDate,
    /// `2023-03-30T08:38:32Z`, with an offset from UTC and possibly a fraction of a second.
    Iso8601,
}

/// Where a delivery says which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Id {
    /// The headers that may have the id. The first one that is there counts.
    #[serde(borrow, deserialize_with = "leak::texts")]
    pub headers: &'static [&'static str],
}

/// The secret itself as proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Keys {
    /// Where the secret may be. The first header that is there counts.
    #[serde(borrow, deserialize_with = "leak::slice")]
    pub places: &'static [KeyPlace],
    /// The reason why a delivery may come without a secret.
    #[serde(deserialize_with = "leak::optional_text")]
    pub optional: Option<&'static str>,
    /// What else there is to know; Markdown, empty where there is nothing.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
}

/// A header that carries a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct KeyPlace {
    /// The name of the header.
    #[serde(deserialize_with = "leak::text")]
    pub header: &'static str,
    /// What is in front of the secret, such as `Bearer `.
    #[serde(deserialize_with = "leak::text")]
    pub before: &'static str,
}

/// Verification by code that a program brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Custom {
    /// What the code has to verify; Markdown.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
}
