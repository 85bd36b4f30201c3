//! What a provider asks of a receiver before it registers a URL, as data.

use serde::Deserialize;

use super::signature::Encoding;
use crate::leak;

/// The request with which a provider checks a URL before it registers it, and the answer that it expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct Handshake {
    /// Further details in Markdown; empty if there are none.
    #[serde(deserialize_with = "leak::text")]
    pub description: &'static str,
    /// The method of the request.
    pub method: HandshakeMethod,
    /// How the request is recognised; `None` if every request with this method is one.
    pub when: Option<HandshakeCondition>,
    /// The query parameter with the token that the receiver has to check; `None` if there is none.
    #[serde(deserialize_with = "leak::optional_text")]
    pub token: Option<&'static str>,
    /// The HMAC that the answer contains; `None` if it does not contain one.
    pub mac: Option<HandshakeMac>,
    /// The status of the answer.
    pub status: u16,
    /// The body of the answer.
    pub body: HandshakeBody,
}

impl Handshake {
    /// Returns whether a receiver verifies the request as it verifies a delivery. Only a request with a body can be
    /// signed.
    pub fn is_verified(&self) -> bool {
        matches!(self.when, Some(HandshakeCondition { place: HandshakePlace::Member(_), .. }))
    }
}

/// The method of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[non_exhaustive]
pub enum HandshakeMethod {
    /// GET.
    Get,
    /// HEAD.
    Head,
    /// POST, the method of deliveries.
    Post,
}

impl HandshakeMethod {
    /// Returns the method's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
        }
    }
}

/// What distinguishes a handshake from other requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct HandshakeCondition {
    /// The place of the value.
    pub place: HandshakePlace,
    /// The text of the parameter, or the JSON text of the member; `None` if the value only has to be there.
    #[serde(deserialize_with = "leak::optional_text")]
    pub equals: Option<&'static str>,
}

/// The place of a value in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum HandshakePlace {
    /// The query parameter of this name.
    Query(#[serde(deserialize_with = "leak::text")] &'static str),
    /// The member of the body at this JSON pointer.
    Member(#[serde(deserialize_with = "leak::pointer")] &'static str),
}

/// An HMAC with the algorithm and the key of the signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct HandshakeMac {
    /// The text, part by part.
    #[serde(borrow, deserialize_with = "leak::slice")]
    pub of: &'static [HandshakePart],
    /// How the HMAC is encoded.
    pub encoding: Encoding,
}

/// The body of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum HandshakeBody {
    /// There is no body.
    None,
    /// A text of the media type `text/plain`.
    Text(#[serde(borrow, deserialize_with = "leak::slice")] &'static [HandshakePart]),
    /// A JSON object with these members.
    Json(#[serde(borrow, deserialize_with = "leak::slice")] &'static [HandshakeMember]),
}

/// A member of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub struct HandshakeMember {
    /// The member's name.
    #[serde(deserialize_with = "leak::text")]
    pub name: &'static str,
    /// The member's value.
    pub value: HandshakeValue,
}

/// The value of a member of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum HandshakeValue {
    /// A constant, as JSON text.
    Constant(#[serde(deserialize_with = "leak::text")] &'static str),
    /// A string, part by part.
    Text(#[serde(borrow, deserialize_with = "leak::slice")] &'static [HandshakePart]),
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum HandshakePart {
    /// A fixed text.
    Text(#[serde(deserialize_with = "leak::text")] &'static str),
    /// The value of the query parameter of this name.
    Query(#[serde(deserialize_with = "leak::text")] &'static str),
    /// The member of the body at this JSON pointer: the content of a string, or a number as it is written.
    Member(#[serde(deserialize_with = "leak::pointer")] &'static str),
    /// [`Handshake::mac`].
    Mac,
}
