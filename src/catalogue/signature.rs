//! How the deliveries of a provider prove their origin, as data.

use std::time::Duration;

use serde::Deserialize;

use crate::leak;

/// How a delivery proves its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verification {
    /// The delivery is signed in one of these ways. The first one is the default. If there are several, each has a
    /// name.
    Signatures(#[serde(borrow, deserialize_with = "leak::slice")] &'static [Signature]),
    /// The delivery carries the secret.
    Keys(Keys),
    /// The delivery does not prove its origin, for this reason.
    None(#[serde(deserialize_with = "leak::text")] &'static str),
    /// The program has to provide code that verifies the delivery: see
    /// [`verify::CustomVerification`](crate::verify::CustomVerification).
    Custom(Custom),
}

impl Verification {
    /// Returns the signature of this name, or the default one if no name is given; `None` if there is no such
    /// signature.
    pub fn signature(&self, name: Option<&str>) -> Option<&'static Signature> {
        match (self, name) {
            (Self::Signatures(signatures), None) => signatures.first(),
            (Self::Signatures(signatures), name) => signatures.iter().find(|signature| signature.name == name),
            (Self::Keys(_) | Self::None(_) | Self::Custom(_), _) => None,
        }
    }

    /// Returns the reason why a receiver may not have a secret; `None` if every registration has one.
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
    /// The signature's name, if the provider signs in several ways.
    #[serde(deserialize_with = "leak::optional_text")]
    pub name: Option<&'static str>,
    /// Further details in Markdown; empty if there are none.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// What the signature covers and what it does not, in sentences.
    #[serde(default, deserialize_with = "leak::text")]
    pub coverage: &'static str,
    /// What the signature does against deliveries that are sent again, in sentences.
    #[serde(default, deserialize_with = "leak::text")]
    pub replay: &'static str,
    /// The reason why a receiver may not have a secret; `None` if every registration has one.
    #[serde(deserialize_with = "leak::optional_text")]
    pub optional: Option<&'static str>,
    /// The [name](super::ClientCredential::name) of the credential of a client that is the secret; `None` if the secret is
    /// that of the registration.
    #[serde(deserialize_with = "leak::optional_text")]
    pub credential: Option<&'static str>,
    /// The headers that may carry the signature. One of them is enough.
    #[serde(borrow, deserialize_with = "leak::texts")]
    pub headers: &'static [&'static str],
    /// The form of the header's value.
    #[serde(borrow, deserialize_with = "leak::slice")]
    pub form: &'static [FormPart],
    /// The separator of the items in the header's value. Items that are not in the form are ignored.
    #[serde(deserialize_with = "leak::optional_text")]
    pub separator: Option<&'static str>,
    /// Whether the header may occur more than once.
    pub repeated: bool,
    /// The algorithm of the signature.
    pub algorithm: Algorithm,
    /// How the signature is encoded.
    pub encoding: Encoding,
    /// How the key is derived from the secret.
    pub key: Key,
    /// The signed text, part by part. If there are several texts, the signature of one of them is enough.
    #[serde(borrow, deserialize_with = "leak::slices")]
    pub signed: &'static [&'static [Part]],
    /// The hash of the body; `None` if neither the signed text nor a header contains one.
    pub digest: Option<Digest>,
    /// The time of the delivery; `None` if the delivery does not have one.
    pub time: Option<DeliveryTime>,
    /// The id of the delivery; `None` if the delivery does not have one.
    pub id: Option<DeliveryId>,
}

impl Signature {
    /// Returns whether a receiver has to know the registered URL.
    pub fn needs_url(&self) -> bool {
        self.signed.iter().any(|parts| parts.iter().any(Part::is_of_url))
    }

    /// Returns whether the time of the delivery is signed, on its own or as a member of the signed body.
    pub fn signs_time(&self) -> bool {
        let Some(time) = self.time else { return false };
        let is_time = |part: &Part| match (part, time.member) {
            (Part::Time, _) => true,
            (Part::Body | Part::BodyWithoutSpaces | Part::Digest, Some(_)) => true,
            (Part::Member(pointer), Some(member)) => *pointer == member,
            (_, _) => false,
        };
        self.always_signs(is_time)
    }

    /// Returns the replay window: how far the signed time may be before or after the clock. `None` means no limit.
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
    /// A fixed text.
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
    /// A fixed text.
    Text(#[serde(deserialize_with = "leak::text")] &'static str),
    /// The body, as received.
    Body,
    /// The body without the space after each `:` and `,`, also inside strings.
    BodyWithoutSpaces,
    /// The member of the body at this JSON pointer: the content of a string, or a number as it is written.
    Member(#[serde(deserialize_with = "leak::text")] &'static str),
    /// [`Signature::time`], as received.
    Time,
    /// [`Signature::id`], as received.
    Id,
    /// The method of the request, which is POST.
    Method,
    /// The registered URL.
    Url,
    /// The host of the registered URL, with the port if it is not the scheme's default.
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
    /// Ed25519. The secret of a receiver is a public key, which cannot sign. Requires the feature `ed25519`.
    Ed25519,
}

/// How bytes are encoded as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Encoding {
    /// Hexadecimal.
    Hex,
    /// Base64 with padding.
    Base64,
    /// URL-safe Base64 without padding.
    Base64url,
}

/// How the key of a signature is derived from a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Key {
    /// How the key is encoded in the secret.
    pub encoding: KeyEncoding,
    /// The prefix that is removed from the secret before it is decoded.
    #[serde(deserialize_with = "leak::text")]
    pub prefix: &'static str,
    /// The hash function that is applied to the key; `None` if the key is not hashed.
    pub hash: Option<Hash>,
}

/// How a key is encoded in a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KeyEncoding {
    /// The key is the bytes of the text.
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
    /// How the hash is encoded.
    pub encoding: Encoding,
    /// The header that carries the hash as well; `None` if no header does.
    #[serde(deserialize_with = "leak::optional_text")]
    pub header: Option<&'static str>,
}

/// Where a delivery has the time at which it was signed. If neither headers nor a member are given, the time is in the
/// header that carries the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct DeliveryTime {
    /// The headers that may carry the time. The first one that is present is used.
    #[serde(borrow, deserialize_with = "leak::texts")]
    pub headers: &'static [&'static str],
    /// The JSON pointer to the member of the body that has the time.
    #[serde(deserialize_with = "leak::optional_text")]
    pub member: Option<&'static str>,
    /// The format of the time.
    pub format: TimeFormat,
    /// The replay window: how many seconds the time may be before or after the clock. `None` if the time is not signed
    /// or there is no limit.
    pub window: Option<u64>,
}

/// The format of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TimeFormat {
    /// Seconds since 1970-01-01 00:00 UTC, with ten digits.
    Seconds,
    /// Milliseconds since 1970-01-01 00:00 UTC, with thirteen digits.
    Milliseconds,
    /// An HTTP date such as `Thu, 30 Mar 2023 08:38:32 GMT`.
    HttpDate,
    /// An ISO 8601 time such as `2023-03-30T08:38:32Z`, with an offset from UTC and possibly a fraction of a second.
    Iso8601,
}

/// Where a delivery has its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct DeliveryId {
    /// The headers that may carry the id. The first one that is present is used.
    #[serde(borrow, deserialize_with = "leak::texts")]
    pub headers: &'static [&'static str],
}

/// A secret that deliveries carry as proof of their origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Keys {
    /// The headers that may carry the secret. The first one that is present is used.
    #[serde(borrow, deserialize_with = "leak::slice")]
    pub places: &'static [KeyPlace],
    /// The reason why a delivery may come without a secret; `None` if every delivery carries one.
    #[serde(deserialize_with = "leak::optional_text")]
    pub optional: Option<&'static str>,
    /// Further details in Markdown; empty if there are none.
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
    /// The text before the secret, such as `Bearer `.
    #[serde(deserialize_with = "leak::text")]
    pub before: &'static str,
}

/// Verification by code that the program provides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Custom {
    /// What the code has to verify; Markdown.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
}
