//! A documented error response, classified by the description of an operation.

use std::fmt;

use crate::catalogue::Model;

/// An error response that the provider documents for an operation. `Debug` does not show its content.
pub struct ErrorResponse {
    pub(super) model: Option<Box<dyn Model>>,
}

impl ErrorResponse {
    /// Returns the body as its documented model, or `None` if no body is documented.
    pub fn model(&self) -> Option<&dyn Model> {
        self.model.as_deref()
    }
}

impl fmt::Debug for ErrorResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErrorResponse(..)")
    }
}
