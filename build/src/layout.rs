//! Writes generated code with a line for each item, statement and member, so that compiler errors and backtraces name a
//! useful line. A formatter would parse the code again, which takes more than a third of the time of the whole build.

use proc_macro2::{Delimiter, Group, Punct, Spacing, TokenStream, TokenTree};

use super::names::is_keyword;

/// Returns the code as text.
pub fn layout(code: TokenStream) -> String {
    let mut out = Layout { text: String::new(), depth: 0, gap: Gap::None };
    out.tokens(code, true);
    out.text.push('\n');
    out.text
}

struct Layout {
    text: String,
    depth: usize,
    /// What separates the next token from the text.
    gap: Gap,
}

#[derive(Clone, Copy, PartialEq)]
enum Gap {
    None,
    Space,
    Line,
}

impl Layout {
    /// Writes tokens. `lines` says whether a comma ends a line.
    fn tokens(&mut self, tokens: TokenStream, lines: bool) {
        let mut before = None;
        for token in tokens {
            match &token {
                TokenTree::Group(group) => self.group(group, before.as_ref(), lines),
                TokenTree::Ident(ident) => {
                    if self.gap == Gap::Line && ident == "else" {
                        self.gap = Gap::Space;
                    }
                    self.push(&ident.to_string(), Gap::Space);
                }
                TokenTree::Literal(literal) => self.push(&literal.to_string(), Gap::Space),
                TokenTree::Punct(punct) => self.punct(punct, before.as_ref(), lines),
            }
            before = Some(token);
        }
    }

    fn punct(&mut self, punct: &Punct, before: Option<&TokenTree>, lines: bool) {
        let character = punct.as_char();
        let is_joint = punct.spacing() == Spacing::Joint;
        let ends_separator = character == ':' && self.gap == Gap::None && self.text.ends_with(':');
        let has_gap_before = match character {
            ',' | ';' | '.' | '?' => false,
            '!' | '<' | '>' => !goes_on(before),
            ':' => is_joint && !goes_on(before),
            _ => true,
        };
        if !has_gap_before {
            self.gap = Gap::None;
        }
        let gap = match character {
            ',' if lines => Gap::Line,
            ';' => Gap::Line,
            '.' | '#' | '!' | '&' | '<' => Gap::None,
            _ if is_joint || ends_separator => Gap::None,
            _ => Gap::Space,
        };
        self.push(character.encode_utf8(&mut [0; 4]), gap);
    }

    fn group(&mut self, group: &Group, before: Option<&TokenTree>, lines: bool) {
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::None => ("", ""),
        };
        let is_block = group.delimiter() == Delimiter::Brace && !group.stream().is_empty();
        if group.delimiter() != Delimiter::Brace && goes_on(before) {
            self.gap = Gap::None;
        }
        let is_attribute = lines && matches!(before, Some(TokenTree::Punct(punct)) if punct.as_char() == '#');
        self.push(open, if is_block { Gap::Line } else { Gap::None });
        self.depth += 1;
        self.tokens(group.stream(), is_block);
        self.depth -= 1;
        self.gap = if is_block { Gap::Line } else { Gap::None };
        self.push(close, if is_block || is_attribute { Gap::Line } else { Gap::Space });
    }

    /// Writes a token, and says what separates the next one from it.
    fn push(&mut self, token: &str, gap: Gap) {
        match self.gap {
            Gap::None => {}
            Gap::Space => self.text.push(' '),
            Gap::Line if self.text.is_empty() => {}
            Gap::Line => {
                self.text.push('\n');
                self.text.extend(std::iter::repeat_n("    ", self.depth));
            }
        }
        self.text.push_str(token);
        self.gap = gap;
    }
}

/// Whether a path or a call may go on after a token.
fn goes_on(before: Option<&TokenTree>) -> bool {
    match before {
        Some(TokenTree::Ident(ident)) => {
            let text = ident.to_string();
            !is_keyword(&text) || matches!(text.as_str(), "Self" | "crate" | "self" | "super")
        }
        Some(TokenTree::Punct(punct)) => matches!(punct.as_char(), '>' | '!'),
        Some(TokenTree::Group(_) | TokenTree::Literal(_)) | None => false,
    }
}
