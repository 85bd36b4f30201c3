//! A call to a simulated provider, and what is answered to it.

use std::collections::BTreeMap;
use std::fmt;

use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;

use crate::catalogue::{self, Operation};
use crate::decode::FromJson;

/// A call that a client made.
pub(super) struct Call<'a> {
    pub operation: &'static Operation,
    /// The request's path below the provider's server.
    pub path: &'a str,
    pub parameters: &'a BTreeMap<String, String>,
    pub query: &'a BTreeMap<String, String>,
    pub headers: &'a HeaderMap,
    /// JSON, also of a form; empty without a body.
    pub body: &'a str,
}

impl Call<'_> {
    /// The documented success, with its example as body where it has one.
    pub fn answer_as_documented(&self) -> Result<Answer, Broken> {
        self.success().map(Answer::as_documented)
    }

    /// The first of these statuses that is documented, with its example as body; else the first one, without a body.
    pub fn refuse_as_documented(&self, statuses: &[StatusCode]) -> Answer {
        let documented = statuses.iter().find_map(|status| self.documented(*status));
        let first = statuses.first().copied().unwrap_or(StatusCode::BAD_REQUEST);
        documented.map_or_else(|| Answer::undocumented(first, None, String::new()), Answer::as_documented)
    }

    /// A documented refusal.
    pub fn refuse(&self, status: StatusCode, body: &impl Serialize) -> Result<Answer, Broken> {
        Answer::of(self.documented(status).ok_or_else(|| self.missing(status))?, body)
    }

    /// The documented example of an answer.
    pub fn example<T: FromJson>(&self, status: StatusCode) -> Result<T, Broken> {
        let example = self.documented(status).and_then(|answer| answer.body.as_ref()?.examples.first());
        let example = example.ok_or_else(|| self.missing(status))?;
        crate::decode::decode(example.json.as_bytes()).map_err(Broken::from)
    }

    pub fn documented(&self, status: StatusCode) -> Option<&'static catalogue::Response> {
        let answers = self.operation.answers;
        let exact = answers.iter().find(|answer| answer.status == status.as_str());
        exact.or_else(|| answers.iter().find(|answer| answer.is_class_of(status)))
    }

    fn success(&self) -> Result<&'static catalogue::Response, Broken> {
        let success = self.operation.answers.iter().find(|answer| answer.status.starts_with('2'));
        success.ok_or_else(|| Broken(format!("{} documents no success", self.operation.id)))
    }

    fn missing(&self, status: StatusCode) -> Broken {
        Broken(format!("{} documents no answer {status} with an example", self.operation.id))
    }
}

impl catalogue::Response {
    /// The status; the first of its class where the provider documents none.
    fn code(&self) -> StatusCode {
        self.status.replace("XX", "00").parse().unwrap_or(StatusCode::OK)
    }

    fn is_class_of(&self, status: StatusCode) -> bool {
        self.status.strip_suffix("XX").is_some_and(|class| status.as_str().starts_with(class))
    }
}

/// What the sandbox answers to a call.
pub(super) struct Answer {
    pub status: StatusCode,
    pub media_type: Option<&'static str>,
    pub body: String,
    /// For the person at the other end, beside what the provider would say.
    pub note: Option<String>,
}

impl Answer {
    fn as_documented(answer: &'static catalogue::Response) -> Self {
        let body = answer.body.as_ref();
        let example = body.and_then(|body| body.examples.first());
        Self {
            status: answer.code(),
            media_type: body.map(|body| body.media_type),
            body: example.map_or_else(String::new, |example| example.json.to_owned()),
            note: None,
        }
    }

    fn of(answer: &'static catalogue::Response, body: &impl Serialize) -> Result<Self, Broken> {
        let media_type = answer.body.as_ref().map(|body| body.media_type);
        Ok(Self { status: answer.code(), media_type, body: serde_json::to_string(body)?, note: None })
    }

    /// An answer that the provider does not document.
    pub fn undocumented(status: StatusCode, media_type: Option<&'static str>, body: String) -> Self {
        Self { status, media_type, body, note: None }
    }

    pub fn noted(self, note: &str) -> Self {
        Self { note: Some(note.to_owned()), ..self }
    }
}

/// Why a call is refused.
#[derive(Clone, Copy)]
pub(super) enum Reason<'a> {
    /// It has no credential, or another one.
    Unauthenticated,
    /// There is no such registration.
    Unknown,
    /// There is a registration of this URL, where only one can have it.
    Taken,
    /// It violates the specification, in these ways.
    Invalid(&'a [Problem]),
}

impl Reason<'_> {
    /// The statuses that providers answer with; the first one is the usual one.
    pub fn statuses(self) -> &'static [StatusCode] {
        match self {
            Self::Unauthenticated => &[StatusCode::UNAUTHORIZED],
            Self::Unknown => &[StatusCode::NOT_FOUND, StatusCode::CONFLICT],
            Self::Taken => &[StatusCode::CONFLICT],
            Self::Invalid(_) => &[StatusCode::BAD_REQUEST, StatusCode::UNPROCESSABLE_ENTITY],
        }
    }
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthenticated => f.write_str("the call has no credential, or another one"),
            Self::Unknown => f.write_str("there is no such registration"),
            Self::Taken => f.write_str("there is a registration of this URL already"),
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
    /// Whether it is in the body, and not a header or parameter.
    pub in_body: bool,
    /// The member, header or parameter; empty for the body as a whole.
    pub name: String,
    /// Whether it is not there at all.
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

/// The sandbox itself violates the specification; shown in a 500, since a test would rather fail than go on.
#[derive(Debug)]
pub(super) struct Broken(pub String);

impl<E: std::error::Error> From<E> for Broken {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}
