//! Patterns that a loop over their parts matches, so that the program does not need an engine for regular expressions.

use std::iter::Peekable;
use std::str::Chars;

use proc_macro2::TokenStream;
use quote::quote;

/// Characters that are repeated, such as `[0-9]{4,10}`.
#[derive(Debug, PartialEq, Eq)]
struct Part {
    ranges: Vec<(char, char)>,
    min: usize,
    max: usize,
}

impl Part {
    fn overlaps(&self, other: &Self) -> bool {
        let meets = |(from, to): &(char, char)| other.ranges.iter().any(|(start, end)| from <= end && start <= to);
        self.ranges.iter().any(meets)
    }
}

/// Returns the code of a `Pattern` of the library that matches the same texts; `None` for a pattern that needs an engine.
pub fn code(pattern: &str) -> Option<TokenStream> {
    let parts = parts(pattern)?;
    let parts = parts.iter().map(|Part { ranges, min, max }| {
        let ranges = ranges.iter().map(|(from, to)| quote!((#from, #to)));
        // The largest number depends on the machine for which the code is compiled.
        let max = if *max == usize::MAX { quote!(usize::MAX) } else { quote!(#max) };
        quote!((&[#(#ranges),*], #min, #max))
    });
    Some(quote!(::pos_webhooks::private::Pattern(&[#(#parts),*])))
}

/// The parts of a pattern of the form `^…$` that a loop matches: once a part has taken all it can, it never has to give
/// characters back to the parts after it.
fn parts(pattern: &str) -> Option<Vec<Part>> {
    let mut rest = pattern.strip_prefix('^')?.strip_suffix('$')?.chars().peekable();
    let mut parts = Vec::new();
    while let Some(first) = rest.next() {
        let ranges = match first {
            '[' => class(&mut rest)?,
            other => {
                let only = literal(other, &mut rest)?;
                vec![(only, only)]
            }
        };
        let (min, max) = repetitions(&mut rest)?;
        parts.push(Part { ranges, min, max });
    }
    let followed = |(index, part): (usize, &Part)| {
        let after = parts.get(index + 1..).unwrap_or_default();
        let reached = after.iter().position(|next| next.min > 0).map_or(after.len(), |required| required + 1);
        part.min == part.max || after.iter().take(reached).all(|next| !part.overlaps(next))
    };
    parts.iter().enumerate().all(followed).then_some(parts)
}

/// The ranges of a class after its bracket.
fn class(rest: &mut Peekable<Chars<'_>>) -> Option<Vec<(char, char)>> {
    let mut ranges = Vec::new();
    loop {
        let from = match rest.next()? {
            ']' => return if ranges.is_empty() { None } else { Some(ranges) },
            // A negated class.
            '^' if ranges.is_empty() => return None,
            '-' => '-',
            other => literal(other, rest)?,
        };
        let mut ahead = rest.clone();
        let to = match (ahead.next(), ahead.peek()) {
            (Some('-'), Some(end)) if *end != ']' => {
                rest.next();
                let end = rest.next()?;
                literal(end, rest)?
            }
            _ => from,
        };
        ranges.push((from, to));
    }
}

/// An ASCII character that stands for itself: one without a meaning in patterns, or an escaped punctuation character.
fn literal(first: char, rest: &mut Peekable<Chars<'_>>) -> Option<char> {
    match first {
        '\\' => rest.next().filter(char::is_ascii_punctuation),
        '^' | '$' | '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' => None,
        other => Some(other).filter(char::is_ascii_graphic),
    }
}

/// How often the part before is repeated.
fn repetitions(rest: &mut Peekable<Chars<'_>>) -> Option<(usize, usize)> {
    let (min, max) = match rest.peek() {
        Some('?') => (0, 1),
        Some('*') => (0, usize::MAX),
        Some('+') => (1, usize::MAX),
        Some('{') => {
            rest.next();
            let mut inside = String::new();
            loop {
                match rest.next()? {
                    '}' => break,
                    other => inside.push(other),
                }
            }
            let (min, max) = inside.split_once(',').unwrap_or((&inside, &inside));
            let max = if max.is_empty() { usize::MAX } else { number(max)? };
            return if rest.peek() == Some(&'?') { None } else { Some((number(min)?, max)) };
        }
        _ => return Some((1, 1)),
    };
    rest.next();
    // A question mark after it would make it take as little as possible.
    if rest.peek() == Some(&'?') { None } else { Some((min, max)) }
}

/// A number of digits only.
fn number(text: &str) -> Option<usize> {
    text.parse().ok().filter(|_| text.bytes().all(|digit| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::{Part, parts};

    #[test]
    fn a_pattern_without_choices_is_its_parts() {
        let part = |ranges: &[(char, char)], min, max| Part { ranges: ranges.to_vec(), min, max };
        assert_eq!(parts("^[0-9]{4,10}$"), Some(vec![part(&[('0', '9')], 4, 10)]));
        assert_eq!(parts(r"^a\.[A-Za-z_-]+?$"), None,);
        assert_eq!(
            parts(r"^v[0-9]+\.[a-z-]*$"),
            Some(vec![
                part(&[('v', 'v')], 1, 1),
                part(&[('0', '9')], 1, usize::MAX),
                part(&[('.', '.')], 1, 1),
                part(&[('a', 'z'), ('-', '-')], 0, usize::MAX),
            ])
        );
    }

    #[test]
    fn a_pattern_that_needs_an_engine_is_left_to_one() {
        // Not anchored, choices, classes with names, negated or beyond ASCII, and parts that have to give characters back.
        for pattern in [
            "[0-9]",
            "^a",
            "^a|b$",
            "^(ab)$",
            r"^\d$",
            "^[^a]$",
            "^ä$",
            "^.$",
            "^[a-z]+z$",
            "^a?b?a$",
            "^a{2}{3}$",
            "^a{4$",
            "^a{+4}$",
            "^a{,4}$",
            "^[]$",
        ] {
            assert_eq!(parts(pattern), None, "{pattern}");
        }
    }
}
