//! What every simulated provider has: its state, its own rules, and how it signs.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::Secret;
use crate::catalogue::{self, Operation, Provider};
use crate::decode::FromJson;
use crate::verify::ReceiverError;

/// One simulated provider.
pub(super) trait Backend: Send {
    fn provider(&self) -> &'static Provider;

    /// What a client or a receiver needs, by the name that this crate's `Credentials` or `Receiver` have for it.
    fn credentials(&self) -> BTreeMap<&'static str, Secret>;

    /// Executes a call that is authenticated and keeps to the specification.
    fn handle(&mut self, call: &Call<'_>) -> Result<Answer, Broken>;

    /// The provider's form of a refusal for which the operation documents no example of its own.
    fn refuse(&mut self, call: &Call<'_>, status: StatusCode, problems: &[Problem]) -> Result<Answer, Broken>;

    fn registrations(&self) -> Vec<Registration>;

    /// Registers in the provider's back office, where that is the documented way.
    fn register(&mut self, _url: String, _events: Vec<String>) -> Option<Registration> {
        None
    }

    /// The headers that prove a delivery's origin.
    fn sign(&self, delivery: &Signing<'_>) -> Result<Vec<(&'static str, String)>, ReceiverError>;

    fn retries(&self) -> Retries;
}

/// What is to be signed.
pub(super) struct Signing<'a> {
    pub registration: &'a str,
    pub event: &'static str,
    /// As it is requested.
    pub url: &'a str,
    pub secret: &'a Secret,
    pub body: &'a [u8],
    pub at: jiff::Timestamp,
}

/// When a provider delivers again.
pub(super) struct Retries {
    /// Whether this answer, or none, is a failure that is retried.
    pub failed: fn(Option<StatusCode>) -> bool,
    /// How long after an attempt (counted from 1) the next one follows, given how much time has passed since the first.
    pub wait: fn(u32, Duration) -> Option<Duration>,
}

/// A webhook that is registered with the sandbox.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Registration {
    /// Its id; the URL where the provider knows no id.
    pub id: String,
    /// Where it delivers to, as it was registered.
    pub url: String,
    /// The names of the events that it gets.
    pub events: Vec<String>,
    /// Whether it is switched on.
    pub active: bool,
    /// What its deliveries are signed with.
    pub secret: Secret,
}

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
    pub fn body<T: FromJson>(&self) -> Result<T, Broken> {
        crate::decode::decode(self.body.as_bytes()).map_err(Broken::from)
    }

    /// Whether this is the id in the path. Ids are UUIDs, in which case does not count.
    pub fn is_of(&self, id: &str) -> bool {
        self.parameters.get("id").is_some_and(|asked| asked.eq_ignore_ascii_case(id))
    }

    /// The documented success with this body.
    pub fn answer(&self, body: &impl Serialize) -> Result<Answer, Broken> {
        Answer::of(self.success()?, body)
    }

    /// The documented success, with its example as body where it has one.
    pub fn answer_as_documented(&self) -> Result<Answer, Broken> {
        let answer = self.success()?;
        let body = answer.body.as_ref();
        Ok(Answer {
            status: answer.code(),
            media_type: body.map(|body| body.media_type),
            body: body.and_then(|body| body.examples.first()).map_or_else(String::new, |example| example.json.into()),
            note: None,
        })
    }

    /// A documented refusal.
    pub fn refuse(&self, status: StatusCode, body: &impl Serialize, note: &str) -> Result<Answer, Broken> {
        let answer = self.documented(status).ok_or_else(|| self.missing(status))?;
        Ok(Answer { note: Some(note.to_owned()), ..Answer::of(answer, body)? })
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

impl Broken {
    pub fn not_simulated(call: &Call<'_>) -> Self {
        Self(format!("{} is not simulated", call.operation.id))
    }
}

impl<E: std::error::Error> From<E> for Broken {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// Random numbers that repeat with the seed, apart for each purpose so that none disturbs another.
pub(super) struct Random(StdRng);

impl Random {
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut hash = Sha256::new_with_prefix(seed.to_le_bytes());
        hash.update(purpose);
        Self(StdRng::from_seed(hash.finalize().into()))
    }

    pub fn id(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.0.random()).into_uuid().to_string()
    }

    pub fn token(&mut self) -> Secret {
        hex::encode(self.0.random::<[u8; 24]>()).into()
    }

    /// 64 bytes in Base64.
    pub fn key(&mut self) -> Secret {
        let mut key = [0; 64];
        self.0.fill(&mut key);
        BASE64.encode(key).into()
    }

    pub fn happens(&mut self, probability: f64) -> bool {
        self.0.random_bool(probability.clamp(0.0, 1.0))
    }
}
