//! A call to a simulated provider, and its response.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;

use super::attempt::Attempt;
use super::registration::Registration;
use crate::catalogue::{Event, Operation, Provider, Response};
use crate::decode::FromJson;

/// A call that a client made.
pub(super) struct Call<'a> {
    pub provider: &'static Provider,
    pub operation: &'static Operation,
    /// The request's path below the provider's server.
    pub path: &'a str,
    pub parameters: &'a BTreeMap<String, String>,
    pub query: &'a BTreeMap<String, String>,
    pub headers: &'a HeaderMap,
    /// The body as JSON, also for a form; empty without a body.
    pub body: &'a str,
    /// The attempts at deliveries so far, of all providers.
    pub log: &'a VecDeque<Attempt>,
}

impl Call<'_> {
    /// The documented success response, with its example as body if it has one.
    pub fn answer_as_documented(&self) -> Result<Answer, Broken> {
        self.success().map(Answer::as_documented)
    }

    fn success(&self) -> Result<&'static Response, Broken> {
        let success = self.operation.success();
        success.ok_or_else(|| Broken(format!("{} does not document a success", self.operation.id)))
    }

    /// The documented success response with another body.
    pub fn succeed(&self, body: &impl Serialize) -> Result<Answer, Broken> {
        Answer::of(self.success()?, body)
    }

    /// A response with the first of these statuses that is documented, and its example as body. If none is documented,
    /// a response with the first status and without a body.
    pub fn refuse_as_documented(&self, statuses: &[StatusCode]) -> Answer {
        let documented = statuses.iter().find_map(|status| Some((*status, self.operation.response(*status)?)));
        let first = statuses.first().copied().unwrap_or(StatusCode::BAD_REQUEST);
        match documented {
            // If only the class of the status is documented, the response has the status all the same.
            Some((status, response)) => Answer { status, ..Answer::as_documented(response) },
            None => Answer::undocumented(first, None, String::new()),
        }
    }

    /// A documented error response.
    pub fn refuse(&self, status: StatusCode, body: &impl Serialize) -> Result<Answer, Broken> {
        let response = self.operation.response(status).ok_or_else(|| self.missing(status))?;
        Ok(Answer { status, ..Answer::of(response, body)? })
    }

    /// The documented example of a response.
    pub fn example<T: FromJson>(&self, status: StatusCode) -> Result<T, Broken> {
        let example = self.operation.response(status).and_then(|response| response.body.as_ref()?.examples.first());
        let example = example.ok_or_else(|| self.missing(status))?;
        crate::decode::decode(example.json.as_bytes()).map_err(Broken::from)
    }

    fn missing(&self, status: StatusCode) -> Broken {
        Broken(format!("{} does not document a response {status} with an example", self.operation.id))
    }
}

/// The documented status; the first of its class if the provider only documents a class.
fn status_of(response: &Response) -> StatusCode {
    response.status.replace("XX", "00").parse().unwrap_or(StatusCode::OK)
}

/// The sandbox's response to a call.
pub(super) struct Answer {
    pub status: StatusCode,
    pub media_type: Option<&'static str>,
    pub body: String,
    /// An explanation for the developer, beside the provider's own response.
    pub note: Option<String>,
    /// The delivery that the call asks for, which is made before the response is sent.
    pub test: Option<Test>,
    /// The registration whose receiver has to answer the provider's handshake before the response is sent.
    pub handshake: Option<Registration>,
}

/// A delivery of an event's example to one registration.
pub(super) struct Test {
    pub registration: Registration,
    pub event: &'static Event,
}

impl Answer {
    fn as_documented(response: &'static Response) -> Self {
        let body = response.body.as_ref();
        let example = body.and_then(|body| body.examples.first());
        Self {
            status: status_of(response),
            media_type: body.map(|body| body.media_type),
            body: example.map_or_else(String::new, |example| example.json.to_owned()),
            note: None,
            test: None,
            handshake: None,
        }
    }

    fn of(response: &'static Response, body: &impl Serialize) -> Result<Self, Broken> {
        let media_type = response.body.as_ref().map(|body| body.media_type);
        let body = serde_json::to_string(body)?;
        Ok(Self { media_type, body, ..Self::undocumented(status_of(response), None, String::new()) })
    }

    /// A response that the provider does not document.
    pub fn undocumented(status: StatusCode, media_type: Option<&'static str>, body: String) -> Self {
        Self { status, media_type, body, note: None, test: None, handshake: None }
    }

    pub fn noted(self, note: &str) -> Self {
        Self { note: Some(note.to_owned()), ..self }
    }
}

/// Why a call is refused.
#[derive(Clone, Copy)]
pub(super) enum RefusalReason<'a> {
    /// The credential is missing or wrong.
    Unauthenticated,
    /// It asks for a token for a client that is not known, or to renew one that is not.
    UnknownClient,
    /// There is no such registration.
    Unknown,
    /// There is no such order, or it was answered already.
    UnknownOrder,
    /// The URL is registered already, and the provider allows only one registration of a URL.
    Taken,
    /// The registration is subscribed to the event already.
    Subscribed,
    /// The call violates the specification in these ways.
    Invalid(&'a [Problem]),
}

impl RefusalReason<'_> {
    /// The statuses that providers respond with; the first one is the usual one.
    pub fn statuses(self) -> &'static [StatusCode] {
        match self {
            Self::Unauthenticated => &[StatusCode::UNAUTHORIZED],
            Self::UnknownClient => &[StatusCode::UNAUTHORIZED, StatusCode::CONFLICT, StatusCode::BAD_REQUEST],
            Self::Unknown | Self::UnknownOrder => &[StatusCode::NOT_FOUND, StatusCode::CONFLICT],
            Self::Taken | Self::Subscribed => &[StatusCode::CONFLICT],
            Self::Invalid(_) => &[StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY],
        }
    }
}

impl fmt::Display for RefusalReason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthenticated => f.write_str("the credential of the call is missing or wrong"),
            Self::UnknownClient => {
                f.write_str("the client credentials, or the token to refresh, are not those of the sandbox's account")
            }
            Self::Unknown => f.write_str("there is no such registration or subscription"),
            Self::UnknownOrder => {
                f.write_str("no such order was delivered in the last minutes, or it was answered already")
            }
            Self::Taken => f.write_str("the URL is registered already"),
            Self::Subscribed => f.write_str("the registration is subscribed to the event already"),
            Self::Invalid(problems) => {
                for (index, problem) in problems.iter().enumerate() {
                    write!(f, "{}{problem}", if index == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
        }
    }
}

/// One way in which a request violates the specification.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    /// Whether the problem is in the body, and not in a header or parameter.
    pub in_body: bool,
    /// The member, header or parameter; empty for the whole body.
    pub name: String,
    /// Whether it is missing.
    pub missing: bool,
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name.as_str() {
            "" => f.write_str(&self.reason),
            name => write!(f, "{name}: {}", self.reason),
        }
    }
}

/// The sandbox violates the specification itself. The response is a 500 with this text, so that tests fail.
#[derive(Debug)]
pub(super) struct Broken(pub String);

impl<E: std::error::Error> From<E> for Broken {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}
