//! Makes the code of typify and of progenitor refer to other crates through the library, so that a crate with such code needs no
//! other dependency.

use proc_macro2::{Group, Ident, Spacing, TokenStream, TokenTree};
use quote::quote;

/// The crates that the library exports for generated code.
const EXPORTED: [&str; 3] = ["regress", "reqwest", "serde"];

/// The keywords that may be followed by a path with a leading `::`.
const KEYWORDS: [&str; 8] = ["as", "dyn", "for", "impl", "in", "mut", "return", "use"];

/// Replaces `::serde` by `::pos_webhooks::private::serde`, and so for the other crates.
pub fn through_library(code: TokenStream) -> TokenStream {
    let mut out = Vec::new();
    // The last identifier, if only colons follow, and their number.
    let (mut before, mut colons) = (None, 0);
    for token in code {
        match token {
            TokenTree::Ident(ident) => {
                if colons == 2 && EXPORTED.iter().any(|name| ident == name) && before.is_none_or(may_precede_path) {
                    out.extend(quote!(pos_webhooks::private::));
                }
                (before, colons) = (Some(ident.clone()), 0);
                out.push(ident.into());
            }
            TokenTree::Punct(punct) => {
                match (punct.as_char(), punct.spacing(), colons) {
                    (':', Spacing::Joint, _) => colons = 1,
                    (':', Spacing::Alone, 1) => colons = 2,
                    _ => (before, colons) = (None, 0),
                }
                out.push(punct.into());
            }
            TokenTree::Group(group) => {
                (before, colons) = (None, 0);
                out.push(Group::new(group.delimiter(), through_library(group.stream())).into());
            }
            TokenTree::Literal(literal) => {
                (before, colons) = (None, 0);
                out.push(literal.into());
            }
        }
    }
    out.into_iter().collect()
}

fn may_precede_path(ident: Ident) -> bool {
    KEYWORDS.iter().any(|keyword| ident == keyword)
}
