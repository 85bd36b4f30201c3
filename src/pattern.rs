//! Patterns of models that do not need an engine for regular expressions.

/// Ranges of ASCII characters, and how often they are repeated: at least, and at most.
type Part = (&'static [(char, char)], usize, usize);

/// A pattern of parts that never have to give back characters which they have taken. `pos-webhooks-build` makes no others.
pub struct Pattern(pub &'static [Part]);

impl Pattern {
    /// Whether the pattern matches the whole text; the name is that of the method of regress.
    pub fn find(&self, text: &str) -> Option<()> {
        let mut rest = text;
        for (ranges, min, max) in self.0 {
            let fits = |c: &char| ranges.iter().any(|(from, to)| (from..=to).contains(&c));
            let length = rest.chars().take(*max).take_while(fits).count();
            rest = rest.get(length..).filter(|_| length >= *min)?;
        }
        rest.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn the_whole_text_matches() {
        // ^v[0-9]{1,3}-?[a-zA-Z]*$
        let pattern = Pattern(&[
            (&[('v', 'v')], 1, 1),
            (&[('0', '9')], 1, 3),
            (&[('-', '-')], 0, 1),
            (&[('a', 'z'), ('A', 'Z')], 0, usize::MAX),
        ]);
        for text in ["v1", "v123", "v12-", "v1-aZ", "v1abc"] {
            assert_eq!(pattern.find(text), Some(()), "{text}");
        }
        for text in ["", "v", "v1234", "v1--a", "v1a1", " v1", "v1\n", "vä", "v1ä"] {
            assert_eq!(pattern.find(text), None, "{text}");
        }
    }
}
