//! What the answer to a published event means.

use async_nats::client::RequestErrorKind;
use async_nats::{Message, RequestError};
use serde::Deserialize;
use tokio::time::error::Elapsed;

use super::{PUBLISH, Written};

/// The subject has a message already.
const WRONG_LAST_SEQUENCE: u64 = 10071;
/// Another message with this subject is being stored, and may still be lost.
const SEQUENCE_IN_PROCESS: u64 = 10164;
/// Another message with this id is being stored, and may still be lost.
const ID_IN_PROCESS: u64 = 10158;
/// The stream is full.
const STORE_FAILED: u64 = 10077;

/// The reason why an event is not, or may not be, stored.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("there is no connection to a server that has the stream")]
    NotConnected,
    #[error("no answer within {} s", PUBLISH.as_secs())]
    Late,
    #[error("no server is responsible for the stream at the moment, or no stream has the subject")]
    NoResponders,
    #[error("the connection was lost before the answer")]
    Lost,
    #[error("the same event is being stored, and may still be lost (error {0})")]
    InProcess(u64),
    #[error("the stream is full: {0} (error {STORE_FAILED})")]
    Full(String),
    #[error("refused by the server: {0} (error {1})")]
    Error(String, u64),
    #[error("the event was stored by another stream, {0}")]
    OtherStream(String),
    #[error("the answer is not one of JetStream")]
    Unknown,
}

/// An answer of JetStream to a published message.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    stream: String,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
    error: Option<AnswerError>,
}

#[derive(Deserialize)]
struct AnswerError {
    #[serde(default)]
    err_code: u64,
    #[serde(default)]
    description: String,
}

/// The outcome of publishing to a stream.
pub fn outcome(answer: Result<Result<Message, RequestError>, Elapsed>, stream: &str) -> Result<Written, Refused> {
    let message = match answer {
        Err(_) => return Err(Refused::Late),
        Ok(Err(error)) => {
            return Err(match error.kind() {
                RequestErrorKind::TimedOut => Refused::Late,
                RequestErrorKind::NoResponders => Refused::NoResponders,
                RequestErrorKind::InvalidSubject | RequestErrorKind::MaxPayloadExceeded => {
                    Refused::Error(error.to_string(), 0)
                }
                RequestErrorKind::Other => Refused::Lost,
            });
        }
        Ok(Ok(message)) => message,
    };
    read(&message.payload, stream)
}

fn read(payload: &[u8], stream: &str) -> Result<Written, Refused> {
    let answer: Answer = serde_json::from_slice(payload).map_err(|_| Refused::Unknown)?;
    match answer.error {
        Some(AnswerError { err_code, description }) => match err_code {
            WRONG_LAST_SEQUENCE if names_a_message(&description) => Ok(Written::Duplicate),
            SEQUENCE_IN_PROCESS | ID_IN_PROCESS => Err(Refused::InProcess(err_code)),
            STORE_FAILED => Err(Refused::Full(description)),
            _ => Err(Refused::Error(description, err_code)),
        },
        None if answer.seq == 0 => Err(Refused::Unknown),
        None if answer.stream != stream => Err(Refused::OtherStream(answer.stream)),
        None if answer.duplicate => Ok(Written::Duplicate),
        None => Ok(Written::New),
    }
}

/// Whether the description, such as `wrong last sequence: 7`, names the sequence number of a message that is stored.
fn names_a_message(description: &str) -> bool {
    let number = description.rsplit(' ').next().and_then(|number| number.parse::<u64>().ok());
    number.is_some_and(|number| number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_stored_is_written() {
        let stored = |json: &str| read(json.as_bytes(), "S").ok();
        let error = |code, description| {
            format!(
                "{{\"error\":{{\"code\":400,\"err_code\":{code},\"description\":\"{description}\"}},\"stream\":\"S\",\"seq\":0}}"
            )
        };
        assert_eq!(stored(r#"{"stream":"S","seq":7}"#), Some(Written::New));
        assert_eq!(stored(r#"{"stream":"S","seq":7,"duplicate":true,"domain":"d"}"#), Some(Written::Duplicate));
        assert_eq!(stored(&error(10071, "wrong last sequence: 7")), Some(Written::Duplicate));
        for refused in [
            &error(10071, "wrong last sequence: 0"),
            &error(10071, "wrong last sequence"),
            &error(10164, "wrong last sequence: 7"),
            &error(10158, "duplicate message id is in process"),
            &error(10077, "maximum messages exceeded"),
            &error(10060, "expected stream does not match"),
            &error(0, ""),
            r#"{"stream":"T","seq":7}"#,
            r#"{"stream":"S"}"#,
            r#"{"error":{}}"#,
            "{}",
            "",
            "+OK",
        ] {
            assert_eq!(stored(refused), None, "{refused}");
        }
    }
}
