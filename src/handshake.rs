//! Answers the request with which a provider checks a URL before it registers it.

use http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, Response, StatusCode};
use serde_json::{Map, Value};

use crate::catalogue::{Handshake, HandshakeBody, HandshakeCondition, HandshakePart, HandshakePlace, HandshakeValue};
use crate::json::members::{MemberText, Places};
use crate::signature::VerifyError;

/// The answer to a handshake, which converts into an [`http::Response`].
///
/// It repeats what the request contains, as providers ask for. The response has `X-Content-Type-Options: nosniff`, so that a
/// browser does not take it for a page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandshakeAnswer {
    /// The status.
    pub status: StatusCode,
    /// The media type of the body; `None` if there is no body.
    pub content_type: Option<&'static str>,
    /// The body; possibly empty.
    pub body: String,
}

impl<B: From<String>> From<HandshakeAnswer> for Response<B> {
    fn from(answer: HandshakeAnswer) -> Self {
        let mut response = Response::new(B::from(answer.body));
        *response.status_mut() = answer.status;
        if let Some(media_type) = answer.content_type {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
            response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
        response
    }
}

/// The error for a handshake that is not answered. It does not contain secrets or what the request contains.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The request is signed like a delivery, and is not accepted as genuine.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// The token in the query is not that of the receiver.
    #[error(
        "the token in the query parameter `{0}` is not that of the receiver; check what was entered at the provider"
    )]
    WrongToken(&'static str),
    /// The token in the query has to be checked, and the receiver does not have one.
    #[error("the query parameter `{0}` has a token that has to be checked, and the receiver does not have one")]
    NoToken(&'static str),
    /// The answer contains an HMAC, and the receiver does not have a secret.
    #[error("the answer contains an HMAC, and the receiver does not have a secret")]
    NoSecret,
    /// The answer contains an HMAC of a value of a request that anyone can send, and the value could be a delivery.
    #[error(
        "the value whose HMAC the answer contains is not a challenge: only letters, digits and `+-./=_` are allowed, and at \
         most 256 of them, because the HMAC of another text could be the signature of a delivery"
    )]
    NotAChallenge,
    /// A value that the answer repeats is not in the request, or is there more than once.
    #[error("the request does not have exactly one {0}, which the answer repeats")]
    Missing(String),
}

impl HandshakeError {
    /// Returns the status to respond with: 401, 403 or 400, and 500 if the receiver lacks a token or a secret.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Verify(_) => StatusCode::UNAUTHORIZED,
            Self::WrongToken(_) => StatusCode::FORBIDDEN,
            Self::NoToken(_) | Self::NoSecret => StatusCode::INTERNAL_SERVER_ERROR,
            Self::NotAChallenge | Self::Missing(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// Whether a text can be a challenge whose HMAC a receiver returns. Anyone can have the HMAC of such a text made, so it does not
/// prove the origin of a body that is one.
pub(crate) fn is_challenge(text: &[u8]) -> bool {
    text.len() <= 256 && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-./=_".contains(byte))
}

/// A request that may be a handshake.
pub(crate) struct Asked<'a> {
    pub method: &'a Method,
    pub query: &'a str,
    pub body: &'a [u8],
}

impl Asked<'_> {
    /// Whether the request is a handshake of this description.
    pub(crate) fn is(&self, handshake: &Handshake) -> bool {
        let holds = |condition: HandshakeCondition| match (condition.place, condition.equals) {
            (HandshakePlace::Query(name), None) => self.parameters(name).next().is_some(),
            (HandshakePlace::Query(name), Some(wanted)) => self.parameter(name).is_some_and(|value| value == wanted),
            (HandshakePlace::Member(pointer), wanted) => {
                self.member(pointer, |found| found.is_some_and(|found| wanted.is_none_or(|wanted| found == wanted)))
            }
        };
        *self.method == handshake.method.as_str() && handshake.when.is_none_or(holds)
    }

    fn parameters<'q>(&'q self, wanted: &'q str) -> impl Iterator<Item = String> + 'q {
        let pairs = form_urlencoded::parse(self.query.as_bytes());
        pairs.filter(move |(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    }

    /// The value of a query parameter, if it is there once: either of two could be the intended one.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let mut values = self.parameters(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Calls `of` with the JSON text of a member of the body.
    fn member<T: Default>(&self, pointer: &str, of: impl FnOnce(Option<&str>) -> T) -> T {
        let mut places = Places::default();
        let place = places.add(pointer);
        let member = |members: &[MemberText<'_>]| of(place.and_then(|place| members.get(place)?.as_deref()));
        places.read(self.body, member).unwrap_or_default()
    }

    /// The content of a member that is a string, or a number as it is written.
    fn member_text(&self, pointer: &str) -> Option<String> {
        self.member(pointer, |json| match json?.as_bytes().first()? {
            b'"' => serde_json::from_str(json?).ok(),
            b'-' | b'0'..=b'9' => json.map(str::to_owned),
            _ => None,
        })
    }

    /// The text of these parts. `mac` is that of the description.
    pub(crate) fn text(&self, parts: &[HandshakePart], mac: &str) -> Result<String, HandshakeError> {
        let value = |part: &HandshakePart| match part {
            HandshakePart::Text(text) => Ok((*text).to_owned()),
            HandshakePart::Mac => Ok(mac.to_owned()),
            HandshakePart::Query(name) => {
                self.parameter(name).ok_or_else(|| HandshakeError::Missing(format!("query parameter `{name}`")))
            }
            HandshakePart::Member(pointer) => self
                .member_text(pointer)
                .ok_or_else(|| HandshakeError::Missing(format!("text or number at `{pointer}` of its body"))),
        };
        parts.iter().map(value).collect()
    }

    /// Whether the values of the request in a text can only be challenges, and not the text of a delivery.
    pub(crate) fn has_challenges(&self, parts: &[HandshakePart]) -> bool {
        let value = |part: &HandshakePart| match part {
            HandshakePart::Query(name) => self.parameter(name),
            HandshakePart::Member(pointer) => self.member_text(pointer),
            HandshakePart::Text(_) | HandshakePart::Mac => None,
        };
        parts.iter().filter_map(value).all(|value| is_challenge(value.as_bytes()))
    }

    pub(crate) fn answer(&self, handshake: &Handshake, mac: &str) -> Result<HandshakeAnswer, HandshakeError> {
        let (content_type, body) = match handshake.body {
            HandshakeBody::None => (None, String::new()),
            HandshakeBody::Text(parts) => (Some("text/plain"), self.text(parts, mac)?),
            HandshakeBody::Json(members) => {
                let mut object = Map::new();
                for member in members {
                    let value = match member.value {
                        HandshakeValue::Constant(json) => serde_json::from_str(json).unwrap_or_default(),
                        HandshakeValue::Text(parts) => Value::from(self.text(parts, mac)?),
                    };
                    object.insert(member.name.to_owned(), value);
                }
                (Some("application/json"), Value::Object(object).to_string())
            }
        };
        // Only described statuses of a success are read.
        let status = StatusCode::from_u16(handshake.status).unwrap_or(StatusCode::OK);
        Ok(HandshakeAnswer { status, content_type, body })
    }
}
