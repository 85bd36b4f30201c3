//! Calls with a response, and the decoding of the response according to the specification.

use http::StatusCode;

use super::answer::Answer;
use super::error::{Error, ErrorKind};
use crate::catalogue::{Operation, Response};
use crate::decode::{FromJson, decode};

/// A call whose response was read but not decoded.
pub struct AnsweredCall {
    pub(super) operation: &'static Operation,
    pub(super) answer: Answer,
    /// Whether the response to an earlier try was lost.
    pub(super) lost: bool,
}

impl AnsweredCall {
    pub fn status(&self) -> StatusCode {
        self.answer.status
    }

    /// The response that the operation documents for the status.
    pub(super) fn documented(&self) -> Option<&'static Response> {
        self.operation.response(self.answer.status)
    }

    /// Decodes a success. The status may be another one than the documented one, as long as the body is as documented.
    pub fn decode<T: FromJson, E>(self) -> Result<T, Error<E>> {
        match decode(&self.answer.body) {
            Ok(value) => Ok(value),
            Err(_) if self.documented().is_none() => Err(self.undocumented()),
            Err(error) => Err(self.error(ErrorKind::Undecodable(error))),
        }
    }

    /// Checks the success of an operation whose documented response does not have a body. If no status is documented
    /// either, a body is the only sign of an error.
    pub fn nothing<E>(self) -> Result<(), Error<E>> {
        if self.answer.is_empty() { Ok(()) } else { Err(self.undocumented()) }
    }

    /// Decodes a documented error.
    pub fn documented_error<T: FromJson, E>(self, variant: fn(T) -> E) -> Error<E> {
        match decode(&self.answer.body) {
            Ok(value) => self.error(ErrorKind::Documented(variant(value))),
            Err(error) => self.error(ErrorKind::Undecodable(error)),
        }
    }

    /// A documented error that does not have a body.
    pub fn documented_error_without_body<E>(self, variant: E) -> Error<E> {
        self.error(ErrorKind::Documented(variant))
    }

    pub fn undocumented<E>(self) -> Error<E> {
        self.error(ErrorKind::Undocumented)
    }

    pub(super) fn error<E>(self, kind: ErrorKind<E>) -> Error<E> {
        Error { operation: self.operation, lost: self.lost, answer: Some(Box::new(self.answer)), kind }
    }
}
