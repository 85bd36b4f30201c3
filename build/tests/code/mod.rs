//! Code as text that can be reviewed.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// Code on one line.
pub fn line(code: impl ToTokens) -> String {
    let mut out = String::new();
    write(code.to_token_stream(), &mut out);
    out.replace("impl::", "impl ::")
}

fn write(tokens: TokenStream, out: &mut String) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => (" { ", " }"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                out.push_str(open);
                write(group.stream(), out);
                out.truncate(out.trim_end_matches(", ").len());
                out.push_str(close);
            }
            TokenTree::Punct(punct) => match punct.as_char() {
                ',' => out.push_str(", "),
                ':' if punct.spacing() == Spacing::Alone && !out.ends_with(':') => out.push_str(": "),
                '-' => out.push_str(" -"),
                '>' if out.ends_with(" -") => out.push_str("> "),
                '>' => {
                    out.truncate(out.trim_end_matches(", ").len());
                    out.push('>');
                }
                '=' if !out.ends_with('.') => out.push_str(" = "),
                '+' => out.push_str(" + "),
                other => out.push(other),
            },
            word => {
                if out.ends_with(|last: char| last.is_alphanumeric() || matches!(last, '_' | '"')) {
                    out.push(' ');
                }
                out.push_str(&word.to_string());
                if word.to_string() == "pub" {
                    out.push(' ');
                }
            }
        }
    }
}
