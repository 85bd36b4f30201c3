//! How a specification relates to the provider's documents: the lists of `pos-webhooks spec`.

use std::fmt;

use pos_webhooks::catalogue::{Difference, Omission, Source};
use serde::Serialize;

/// An entry of one of the lists. What is printed as JSON has these members.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Entry {
    Source {
        key: Option<&'static str>,
        title: &'static str,
        url: Option<&'static str>,
        date: Option<&'static str>,
        read: Option<&'static str>,
        note: &'static str,
    },
    Difference {
        at: &'static [&'static str],
        sources: &'static [&'static str],
        documents: &'static str,
        specification: &'static str,
    },
    Omission {
        what: &'static str,
        sources: &'static [&'static str],
        why: &'static str,
    },
}

impl From<&Source> for Entry {
    fn from(source: &Source) -> Self {
        let Source { key, title, url, date, read, note, .. } = *source;
        Self::Source { key, title, url, date, read, note }
    }
}

impl From<&Difference> for Entry {
    fn from(difference: &Difference) -> Self {
        let Difference { at, sources, documents, specification, .. } = *difference;
        Self::Difference { at, sources, documents, specification }
    }
}

impl From<&Omission> for Entry {
    fn from(omission: &Omission) -> Self {
        let Omission { what, sources, why, .. } = *omission;
        Self::Omission { what, sources, why }
    }
}

/// The entry as several lines for people.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source { key, title, url, date, read, note } => {
                key.map_or(Ok(()), |key| write!(f, "{key}: "))?;
                writeln!(f, "{title}")?;
                url.map_or(Ok(()), |url| writeln!(f, "  {url}"))?;
                date.map_or(Ok(()), |date| writeln!(f, "  date: {date}"))?;
                read.map_or(Ok(()), |read| writeln!(f, "  read: {read}"))?;
                if note.is_empty() { Ok(()) } else { writeln!(f, "  note: {note}") }
            }
            Self::Difference { at, sources, documents, specification } => {
                writeln!(f, "{}", at.join(", "))?;
                writeln!(f, "  documents ({}): {documents}", sources.join(", "))?;
                writeln!(f, "  specification: {specification}")
            }
            Self::Omission { what, sources, why } => {
                writeln!(f, "{what}")?;
                writeln!(f, "  sources: {}", sources.join(", "))?;
                writeln!(f, "  why: {why}")
            }
        }
    }
}
