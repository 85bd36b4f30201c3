//! Converts names in a document to Rust identifiers. The lint and the code generation share these rules, so that every
//! name that the lint accepts has an identifier.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use heck::{ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident};
use serde::{Serialize, Serializer};

/// A name in a document that can be converted to identifiers. In generated code, it becomes its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    text: String,
    pascal: String,
    snake: String,
}

impl Name {
    /// Returns `None` if the name does not have an ASCII letter or digit.
    pub fn new(text: &str) -> Option<Self> {
        Some(Self { text: text.to_owned(), pascal: pascal(text)?, snake: snake(text)? })
    }

    /// The name with a suffix.
    pub fn followed_by(&self, suffix: &str) -> Self {
        // A name that has an identifier has one with any suffix.
        Self::new(&format!("{self}{suffix}")).unwrap_or_else(|| self.clone())
    }

    /// The name converted by [`pascal`].
    pub fn pascal(&self) -> Ident {
        format_ident!("{}", self.pascal)
    }

    /// The name converted by [`snake`].
    pub fn snake(&self) -> Ident {
        format_ident!("{}", self.snake)
    }

    /// The name of a constant: `Ocp-Apim-Subscription-Key` becomes `OCP_APIM_SUBSCRIPTION_KEY`.
    pub fn constant(&self) -> Ident {
        format_ident!("{}", self.snake.to_ascii_uppercase())
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl ToTokens for Name {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.text.to_tokens(tokens);
    }
}

/// Words that cannot be identifiers in edition 2024, including reserved words, sorted.
const KEYWORDS: &[&str] = &[
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super",
    "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Whether the word is a Rust keyword.
pub fn is_keyword(word: &str) -> bool {
    KEYWORDS.binary_search(&word).is_ok()
}

/// The name of a type or variant: `epayments.payment.captured.v1` becomes `EpaymentsPaymentCapturedV1`, `2nd try`
/// becomes `X2ndTry`. Returns `None` if the name does not have an ASCII letter or digit.
pub fn pascal(name: &str) -> Option<String> {
    identifier(words(name).to_upper_camel_case(), 'X')
}

/// The name of a function, field or module: `Ocp-Apim-Subscription-Key` becomes `ocp_apim_subscription_key`, `type`
/// becomes `type_`, `3ds` becomes `x3ds`. Returns `None` if the name does not have an ASCII letter or digit.
pub fn snake(name: &str) -> Option<String> {
    identifier(words(name).to_snake_case(), 'x')
}

/// The name with a space for every character that cannot be in an identifier; heck alone would keep `é` and `²`.
/// Otherwise the result is the same as that of typify, which names the fields.
fn words(name: &str) -> String {
    name.chars().filter(|c| *c != '\'').map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect()
}

/// Converts heck's result to an identifier, which is not a keyword and does not begin with a digit.
fn identifier(cased: String, before_digit: char) -> Option<String> {
    let first = cased.chars().next()?;
    Some(if first.is_ascii_digit() {
        format!("{before_digit}{cased}")
    } else if is_keyword(&cased) {
        format!("{cased}_")
    } else {
        cased
    })
}
