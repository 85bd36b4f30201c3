//! The reasons why a command stops early.

use std::io;

/// The exit status for wrong usage, and for inputs and outputs that cannot be used.
pub const UNUSABLE: u8 = 2;

/// The reason why a command stopped early.
pub enum Stop {
    /// Usage that is only wrong with this provider.
    Usage(String),
    /// An input that cannot be used.
    Input(String),
    Output(io::Error),
}

impl Stop {
    pub fn message(self) -> String {
        match self {
            Self::Usage(message) | Self::Input(message) => message,
            Self::Output(error) => error.to_string(),
        }
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}
