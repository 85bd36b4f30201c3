//! The signed text.

use std::borrow::Cow;

use super::error::ReceiverError;
use super::headers::Name;
use crate::catalogue::Part;
use crate::wire::url;

/// The values of a delivery in the text.
pub(super) struct DeliveredValues<'a> {
    pub(super) body: &'a [u8],
    pub(super) time: &'a str,
    pub(super) id: &'a str,
    pub(super) digest: &'a str,
    /// The values of the [`Other`]s that [`Template::new`] collects, in that order.
    pub(super) others: &'a [Cow<'a, str>],
}

/// A header or a member in the text.
#[derive(Clone, PartialEq)]
pub(super) enum Other {
    /// The header of this name.
    Header(Name),
    /// The member of the body at this JSON pointer.
    Member(&'static str),
}

/// A signed text, with the parts that are the same for every delivery to one URL.
#[derive(Clone)]
pub(super) struct Template(Vec<Piece>);

#[derive(Clone)]
enum Piece {
    Constant(String),
    Body,
    BodyWithoutSpaces,
    Time,
    Id,
    Digest,
    /// An index into [`DeliveredValues::others`].
    Other(usize),
}

impl Template {
    /// Adds the headers and members in the parts to `others`.
    pub(super) fn new(
        parts: &'static [Part],
        url: Option<&Url<'_>>,
        others: &mut Vec<Other>,
    ) -> Result<Self, ReceiverError> {
        let url = || url.ok_or(ReceiverError::NoUrl);
        let mut other = |wanted| {
            let known = others.iter().position(|other| *other == wanted);
            Piece::Other(known.unwrap_or_else(|| {
                others.push(wanted);
                others.len() - 1
            }))
        };
        let mut pieces = Vec::new();
        for part in parts {
            let piece = match part {
                Part::Text(text) => Piece::Constant((*text).to_owned()),
                Part::Method => Piece::Constant("POST".to_owned()),
                Part::Url => Piece::Constant(url()?.text.to_owned()),
                Part::UrlHost => Piece::Constant(url()?.host.clone()),
                Part::UrlTarget => Piece::Constant(url()?.target.clone()),
                Part::UrlPath => Piece::Constant(until(&url()?.target, '?').to_owned()),
                Part::UrlWithoutQuery => Piece::Constant(until(until(url()?.text, '#'), '?').to_owned()),
                Part::Body => Piece::Body,
                Part::BodyWithoutSpaces => Piece::BodyWithoutSpaces,
                Part::Time => Piece::Time,
                Part::Id => Piece::Id,
                Part::Digest => Piece::Digest,
                Part::Member(pointer) => other(Other::Member(pointer)),
                Part::Header(name) => other(Other::Header(Name::new(name))),
            };
            match (pieces.last_mut(), piece) {
                (Some(Piece::Constant(before)), Piece::Constant(text)) => before.push_str(&text),
                (_, piece) => pieces.push(piece),
            }
        }
        Ok(Self(pieces))
    }

    /// The whole text.
    pub(super) fn rendered(&self, values: &DeliveredValues<'_>) -> Vec<u8> {
        let mut text = Vec::with_capacity(values.body.len());
        self.render(values, |slice| text.extend_from_slice(slice));
        text
    }

    /// Passes the text to `add`, slice by slice.
    pub(super) fn render(&self, values: &DeliveredValues<'_>, mut add: impl FnMut(&[u8])) {
        for piece in &self.0 {
            match piece {
                Piece::Constant(text) => add(text.as_bytes()),
                Piece::Body => add(values.body),
                Piece::BodyWithoutSpaces => without_spaces(values.body).for_each(&mut add),
                Piece::Time => add(values.time.as_bytes()),
                Piece::Id => add(values.id.as_bytes()),
                Piece::Digest => add(values.digest.as_bytes()),
                Piece::Other(index) => add(values.others.get(*index).map_or(&[], |value| value.as_bytes())),
            }
        }
    }
}

/// A body without the space after each colon and comma, also inside strings, as the slices between these spaces.
fn without_spaces(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let follows = |one: &u8, other: &u8| !(matches!(one, b':' | b',') && *other == b' ');
    // Only a slice after the first one begins with such a space.
    body.chunk_by(follows).enumerate().map(|(index, slice)| match slice {
        [b' ', rest @ ..] if index > 0 => rest,
        whole => whole,
    })
}

/// The registered URL.
pub(super) struct Url<'a> {
    text: &'a str,
    host: String,
    target: String,
}

impl<'a> Url<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, ReceiverError> {
        let (host, target) = url::requested(text).map_err(ReceiverError::Url)?;
        Ok(Self { text, host, target })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }
}

fn until(text: &str, end: char) -> &str {
    text.split_once(end).map_or(text, |(before, _)| before)
}
