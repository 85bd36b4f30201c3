//! What a regular expression costs a validator.

use std::iter::Peekable;
use std::str::Chars;

/// The cost of a class of Unicode, of a class of most characters, and of a range.
const UNICODE: u64 = 800;
const MOST: u64 = 10;
const RANGE: u64 = 2;

/// Returns about how much memory a validator needs for a valid pattern: the sum over its parts, each as often as it is
/// repeated.
pub(super) fn cost(pattern: &str) -> u64 {
    alternatives(&mut pattern.chars().peekable())
}

/// The cost up to the end of a group. The lint limits the number of groups.
fn alternatives(rest: &mut Peekable<Chars<'_>>) -> u64 {
    let mut sum: u64 = 0;
    while let Some(first) = rest.next() {
        let part = match first {
            ')' => break,
            '(' => alternatives(rest),
            '[' => class(rest),
            '\\' => escape(rest),
            '.' => MOST,
            _ => 1,
        };
        sum = sum.saturating_add(part.saturating_mul(repetitions(rest)));
    }
    sum
}

fn class(rest: &mut Peekable<Chars<'_>>) -> u64 {
    let mut cost = if rest.peek() == Some(&'^') { MOST } else { RANGE };
    while let Some(next) = rest.next() {
        match next {
            ']' => break,
            '\\' => cost = cost.max(escape(rest)),
            _ => {}
        }
    }
    cost
}

fn escape(rest: &mut Peekable<Chars<'_>>) -> u64 {
    match rest.next() {
        Some('p' | 'P') => {
            // The name of the class.
            rest.by_ref().take_while(|c| *c != '}').for_each(drop);
            UNICODE
        }
        Some('S' | 'D' | 'W') => MOST,
        Some('s' | 'd' | 'w') => RANGE,
        Some(_) | None => 1,
    }
}

/// How often the part before is repeated: the greater number in braces.
fn repetitions(rest: &mut Peekable<Chars<'_>>) -> u64 {
    let mut ahead = rest.clone();
    if ahead.next() != Some('{') {
        return 1;
    }
    let inside: String = ahead.by_ref().take_while(|c| *c != '}').collect();
    *rest = ahead;
    inside.split(',').filter_map(|number| number.parse().ok()).max().unwrap_or(1).max(1)
}

/// The look-around, the word boundary or the reference to a group in a valid pattern, for which validators take very long or
/// differ.
pub(super) fn looks_elsewhere(pattern: &str) -> Option<&str> {
    let mut in_class = false;
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        let escaped = rest.strip_prefix('\\').and_then(|rest| rest.chars().next());
        match (first, escaped) {
            (_, Some(c)) if !in_class && matches!(c, '1'..='9' | 'k' | 'b' | 'B') => {
                return rest.get(..1 + c.len_utf8());
            }
            (_, Some(c)) => {
                rest = rest.get(1 + c.len_utf8()..).unwrap_or_default();
                continue;
            }
            ('[', None) => in_class = true,
            (']', None) => in_class = false,
            ('(', None) if !in_class => {
                let kinds = ["(?=", "(?!", "(?<=", "(?<!"];
                if let Some(kind) = kinds.into_iter().find(|kind| rest.starts_with(kind)) {
                    return rest.get(..kind.len());
                }
            }
            _ => {}
        }
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
    }
    None
}

/// Whether the validator can use a valid pattern, which it translates to the regular expressions of Rust.
pub(super) fn is_translatable(pattern: &str) -> bool {
    jsonschema_regex::to_rust_regex(pattern).is_ok_and(|translated| regex_syntax::parse(&translated).is_ok())
}

#[cfg(test)]
mod tests {
    use super::cost;

    #[test]
    fn repetitions_multiply() {
        for (pattern, expected) in [
            ("^abc$", 5),
            (r"^\p{L}{1,100}$", 80_002),
            ("^([a-z]{1,10}){3}$", 62),
            (r"^[\s\S]{0,5}$", 52),
            ("^a{2}b{3,}$", 7),
            ("^[^\\]]{4}$", 42),
        ] {
            assert_eq!(cost(pattern), expected, "{pattern}");
        }
    }
}
