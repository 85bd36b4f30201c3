//! Responses classified by the description of an operation.

use std::fmt;

use super::answered_call::AnsweredCall;
use super::error::{Error, ErrorKind};
use super::error_response::ErrorResponse;
use crate::catalogue::{Model, Provider};

/// The successful response to a call by [`AnyClient`](super::AnyClient). `Debug` does not show its content.
pub struct AnyAnswer {
    body: Vec<u8>,
    model: Option<Box<dyn Model>>,
}

impl AnyAnswer {
    /// Classifies a response as the typed clients do.
    pub(super) fn of(provider: &'static Provider, call: AnsweredCall) -> Result<Self, Error<ErrorResponse>> {
        let is_success = call.status().is_success();
        let documented = if is_success { call.operation.success() } else { call.documented() };
        let Some(documented) = documented else { return Err(call.undocumented()) };
        let schema = documented.body.as_ref().and_then(|body| provider.schema(body.schema).ok());
        let model = schema.map(|schema| schema.decode(&call.answer.body)).transpose();
        match model {
            Ok(model) if !is_success => Err(call.error(ErrorKind::Documented(ErrorResponse { model }))),
            Ok(None) if !call.answer.is_empty() => Err(call.undocumented()),
            Ok(model) => Ok(Self { body: call.answer.body, model }),
            Err(_) if call.documented().is_none() => Err(call.undocumented()),
            Err(error) => Err(call.error(ErrorKind::Undecodable(error))),
        }
    }

    /// Returns the body as received, including members that are not documented.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Returns the body as its documented model, or `None` if no body is documented and none was received.
    pub fn model(&self) -> Option<&dyn Model> {
        self.model.as_deref()
    }
}

impl fmt::Debug for AnyAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyAnswer(..)")
    }
}
