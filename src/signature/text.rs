//! The text that is signed.

use std::borrow::Cow;

use super::error::ReceiverError;
use crate::catalogue::Part;
use crate::urls;

/// What a delivery brings to the text.
pub(super) struct Values<'a> {
    pub(super) body: &'a [u8],
    pub(super) time: &'a str,
    pub(super) id: &'a str,
    pub(super) digest: &'a str,
    /// The values of the [`Other`]s that [`Template::new`] asks for, in that order.
    pub(super) others: &'a [Cow<'a, str>],
}

/// A value that a text has from anywhere in the delivery.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Other {
    /// The header of this name.
    Header(&'static str),
    /// The member of the body at this JSON pointer.
    Member(&'static str),
}

/// A text that is signed, with all that is the same for every delivery to one URL.
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
    /// An index into [`Values::others`].
    Other(usize),
}

impl Template {
    /// Adds the headers and members that the parts name to the others.
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
                Part::Header(name) => other(Other::Header(name)),
            };
            match (pieces.last_mut(), piece) {
                (Some(Piece::Constant(before)), Piece::Constant(text)) => before.push_str(&text),
                (_, piece) => pieces.push(piece),
            }
        }
        Ok(Self(pieces))
    }

    /// Gives the text slice by slice.
    pub(super) fn render(&self, values: &Values<'_>, mut add: impl FnMut(&[u8])) {
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

/// A body without the space after each colon and comma, texts included: the slices between these spaces.
fn without_spaces(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let follows = |one: &u8, other: &u8| !(matches!(one, b':' | b',') && *other == b' ');
    // A slice that begins with such a space is not the first one.
    body.chunk_by(follows).enumerate().map(|(index, slice)| match slice {
        [b' ', rest @ ..] if index > 0 => rest,
        whole => whole,
    })
}

/// The URL as it was registered.
pub(super) struct Url<'a> {
    text: &'a str,
    host: String,
    target: String,
}

impl<'a> Url<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self, ReceiverError> {
        let (host, target) = urls::on_the_wire(text).map_err(ReceiverError::Url)?;
        Ok(Self { text, host, target })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }
}

fn until(text: &str, end: char) -> &str {
    text.split_once(end).map_or(text, |(before, _)| before)
}
