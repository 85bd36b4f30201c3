//! Which transactions of a server had ended at a moment.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The transactions that had ended: all below `end`, except for those that were active. The default is a moment before all of
/// them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Snapshot {
    end: u64,
    active: BTreeSet<u64>,
}

impl Snapshot {
    pub fn end(&self) -> u64 {
        self.end
    }

    pub fn active(&self) -> impl Iterator<Item = u64> {
        self.active.iter().copied()
    }

    /// The transactions that were active, and had ended later.
    pub fn ended_until<'a>(&'a self, later: &'a Self) -> impl Iterator<Item = u64> + 'a {
        self.active.difference(&later.active).copied()
    }
}

/// The text of `pg_snapshot`, such as `10:20:10,14`. Its first number follows from the others.
impl FromStr for Snapshot {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (_, rest) = text.split_once(':')?;
            let (end, active) = rest.split_once(':')?;
            let active = active.split(',').filter(|number| !number.is_empty()).map(|number| number.parse().ok());
            Some(Self { end: end.parse().ok()?, active: active.collect::<Option<_>>()? })
        };
        parse().ok_or("this is not a snapshot")
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let active: Vec<_> = self.active.iter().map(u64::to_string).collect();
        write!(f, "{}:{}:{}", self.active.first().unwrap_or(&self.end), self.end, active.join(","))
    }
}

impl TryFrom<String> for Snapshot {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Snapshot> for String {
    fn from(snapshot: Snapshot) -> Self {
        snapshot.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Snapshot;

    #[test]
    fn the_text_is_that_of_postgresql() {
        for text in ["10:20:10,14", "20:20:", "0:0:"] {
            assert_eq!(text.parse::<Snapshot>().unwrap().to_string(), text);
        }
        for text in ["", "10", "10:20", "10:20:a", "10::"] {
            assert!(text.parse::<Snapshot>().is_err(), "{text}");
        }
        assert_eq!("0:0:".parse(), Ok(Snapshot::default()));
    }

    #[test]
    fn a_transaction_that_has_ended_meanwhile_is_found() {
        let earlier: Snapshot = "10:20:10,14".parse().unwrap();
        let later: Snapshot = "14:25:14,22".parse().unwrap();
        assert_eq!(earlier.ended_until(&later).collect::<Vec<_>>(), [10]);
    }
}
