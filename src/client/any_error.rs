//! An error of any operation.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use http::StatusCode;

use super::error::Error;
use crate::catalogue::Operation;

/// The error of calling any operation of any provider. Every [`Error`] converts into it with `?`.
///
/// Requires the feature `client`, which is on by default.
pub struct AnyError(Box<dyn Erased>);

/// An `Error<E>` without its type parameter.
trait Erased: StdError + Send + Sync {
    fn operation(&self) -> &'static Operation;
    fn status(&self) -> Option<StatusCode>;
    fn body(&self) -> &[u8];
    fn is_retryable(&self) -> bool;
    fn may_have_been_executed(&self) -> bool;
    fn retry_after(&self) -> Option<Duration>;
    fn as_any(&self) -> &dyn Any;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<E: Send + Sync + 'static> Erased for Error<E> {
    fn operation(&self) -> &'static Operation {
        self.operation()
    }

    fn status(&self) -> Option<StatusCode> {
        self.status()
    }

    fn body(&self) -> &[u8] {
        self.body()
    }

    fn is_retryable(&self) -> bool {
        self.is_retryable()
    }

    fn may_have_been_executed(&self) -> bool {
        self.may_have_been_executed()
    }

    fn retry_after(&self) -> Option<Duration> {
        self.retry_after()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

impl AnyError {
    /// Returns the operation that was called.
    pub fn operation(&self) -> &'static Operation {
        self.0.operation()
    }

    /// Returns the status of the response, if there was one.
    pub fn status(&self) -> Option<StatusCode> {
        self.0.status()
    }

    /// Returns the body of the response; see [`Error::body`].
    pub fn body(&self) -> &[u8] {
        self.0.body()
    }

    /// Returns whether the same call may succeed later; see [`Error::is_retryable`].
    pub fn is_retryable(&self) -> bool {
        self.0.is_retryable()
    }

    /// Returns whether the operation may have been executed; see [`Error::may_have_been_executed`].
    pub fn may_have_been_executed(&self) -> bool {
        self.0.may_have_been_executed()
    }

    /// Returns how long to wait before the next call; see [`Error::retry_after`].
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after()
    }

    /// Returns the documented error response, if the provider sent one and `E` is the type of the operation's
    /// documented errors; see [`Error::documented`].
    pub fn documented<E: 'static>(&self) -> Option<&E> {
        self.0.as_any().downcast_ref::<Error<E>>()?.documented()
    }

    /// Converts this error into the error of an operation whose documented errors have the type `E`.
    ///
    /// # Errors
    ///
    /// Returns this error unchanged if it is that of another operation.
    pub fn downcast<E: 'static>(self) -> Result<Error<E>, Self> {
        if !self.0.as_any().is::<Error<E>>() {
            return Err(self);
        }
        match self.0.into_any().downcast() {
            Ok(error) => Ok(*error),
            Err(_) => unreachable!("the type was looked at above"),
        }
    }
}

impl<E: Send + Sync + 'static> From<Error<E>> for AnyError {
    fn from(error: Error<E>) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for AnyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for AnyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl StdError for AnyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}
