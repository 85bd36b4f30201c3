//! Performs the handshake of a provider with the receiver of a new registration.

use std::time::Duration;

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;

use super::backends::AskedHandshake;
use super::registration::Registration;
use super::state::Inner;
use super::target::target;
use crate::catalogue::Provider;
use crate::verify::HandshakeAnswer;

/// The maximum size of the answer in bytes, which is many times that of any challenge.
const MAX_ANSWER: usize = 64 << 10;

/// How long to wait for the answer.
const TIME_LIMIT: Duration = Duration::from_secs(10);

impl Inner {
    /// Sends the request of a handshake, if the provider documents one. Returns why the answer is not the expected one. A
    /// receiver on another machine is not asked, unless deliveries to it are allowed.
    pub(super) async fn handshake(
        &self,
        provider: &'static Provider,
        registration: &Registration,
    ) -> Result<(), String> {
        let Some(handshake) = provider.handshake else { return Ok(()) };
        let url = target(&registration.url)?;
        if !self.may_reach(&url) {
            return Ok(());
        }
        let AskedHandshake { request, expected } = {
            let mut state = self.state();
            let backend = state.backends.find(provider).map_err(|broken| broken.0)?;
            backend.handshake(&handshake, registration, url, Timestamp::now())?
        };
        let failed = |error: reqwest::Error| {
            let what = if error.is_timeout() { "within 10 s" } else { "at all" };
            format!("the receiver does not answer the handshake {what}")
        };
        let (head, body) = request.into_parts();
        let sent = self.http.request(head.method, head.uri.to_string()).headers(head.headers).body(body);
        let mut answer = sent.timeout(TIME_LIMIT).send().await.map_err(failed)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER {
                return Err(format!("the receiver's answer to the handshake is longer than {MAX_ANSWER} bytes"));
            }
        }
        difference(&expected, status, &String::from_utf8_lossy(&body)).map_or(Ok(()), Err)
    }
}

/// How an answer differs from the expected one.
fn difference(expected: &HandshakeAnswer, status: StatusCode, body: &str) -> Option<String> {
    if status != expected.status {
        let (found, wanted) = (status.as_u16(), expected.status.as_u16());
        return Some(format!("the receiver answers the handshake with the status {found}, and not with {wanted}"));
    }
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    let is_expected = match expected.content_type {
        None => true,
        Some("application/json") => json(body).is_some_and(|found| Some(found) == json(&expected.body)),
        Some(_) => body == expected.body,
    };
    (!is_expected).then(|| "the body of the receiver's answer to the handshake is not the expected one".to_owned())
}
