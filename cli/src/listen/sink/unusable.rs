//! The reasons why a server cannot be used.

use std::fmt;
use std::io;

use crate::report::Plain;

/// The reason why there is no connection, or none that may be used.
#[derive(Debug)]
pub enum Unusable {
    /// The server may be reached, or may be able to store events, later.
    Unreachable(String),
    /// Someone has to change something.
    Refused(String),
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unreachable(why) | Self::Refused(why)) = self;
        Plain(why).fmt(f)
    }
}

impl From<Unusable> for io::Error {
    fn from(unusable: Unusable) -> Self {
        Self::other(unusable.to_string())
    }
}
