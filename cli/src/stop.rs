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
    /// Both results, or the errors of both, so that one run reports all that is missing.
    pub fn both<A, B>(one: Result<A, Self>, other: Result<B, Self>) -> Result<(A, B), Self> {
        match (one, other) {
            (Ok(one), Ok(other)) => Ok((one, other)),
            (Err(Self::Usage(one)), Err(Self::Usage(other))) => Err(Self::Usage(format!("{one}\n{other}"))),
            (Err(stop), _) | (_, Err(stop)) => Err(stop),
        }
    }

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
