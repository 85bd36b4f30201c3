//! The text that is signed.

use std::borrow::Cow;

use crate::catalogue::Part;
use super::error::ReceiverError;
use crate::urls;

/// What a delivery brings to the text.
pub(super) struct Values<'a> {
    pub(super) body: &'a [u8],
    pub(super) time: &'a str,
    pub(super) id: &'a str,
    pub(super) digest: &'a str,
    /// The values of headers and members, in the order in which [`Template::new`] asks for them.
    pub(super) others: &'a [Cow<'a, str>],
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
    /// Adds the headers and members that the parts name to what is asked for.
    pub(super) fn new(
        parts: &'static [Part],
        url: Option<&Url<'_>>,
        others: &mut Vec<Part>,
    ) -> Result<Self, ReceiverError> {
        let mut pieces = Vec::new();
        for part in parts {
            let piece = match part {
                Part::Text(text) => Piece::Constant((*text).to_owned()),
                Part::Method => Piece::Constant("POST".to_owned()),
                Part::Url | Part::UrlHost | Part::UrlTarget | Part::UrlPath | Part::UrlWithoutQuery => {
                    Piece::Constant(url.ok_or(ReceiverError::NoUrl)?.part(*part).to_owned())
                }
                Part::Body => Piece::Body,
                Part::BodyWithoutSpaces => Piece::BodyWithoutSpaces,
                Part::Time => Piece::Time,
                Part::Id => Piece::Id,
                Part::Digest => Piece::Digest,
                Part::Member(_) | Part::Header(_) => {
                    let known = others.iter().position(|other| other == part);
                    Piece::Other(known.unwrap_or_else(|| {
                        others.push(*part);
                        others.len() - 1
                    }))
                }
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

    fn part(&self, part: Part) -> &str {
        let until = |text: &'a str, ends: &[char]| text.split(ends).next().unwrap_or_default();
        match part {
            Part::UrlHost => &self.host,
            Part::UrlTarget => &self.target,
            Part::UrlPath => self.target.split('?').next().unwrap_or_default(),
            Part::UrlWithoutQuery => until(self.text, &['?', '#']),
            _ => self.text,
        }
    }
}
