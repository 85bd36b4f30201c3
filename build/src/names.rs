//! Names of a spec as Rust identifiers. The lint and the code generation share these rules, so that what the lint accepts
//! is what is generated.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;

use heck::{ToSnakeCase, ToUpperCamelCase};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident};
use serde::{Serialize, Serializer};

/// A name of a spec that has identifiers. In generated code it is its text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    text: String,
    pascal: String,
    snake: String,
}

impl Name {
    /// `None` where the name has no ASCII letter or digit.
    pub fn new(text: &str) -> Option<Self> {
        Some(Self { text: text.to_owned(), pascal: pascal(text)?, snake: snake(text)? })
    }

    /// The name with something after it.
    pub fn followed_by(&self, suffix: &str) -> Self {
        // What has an identifier has one with any suffix.
        Self::new(&format!("{self}{suffix}")).unwrap_or_else(|| self.clone())
    }

    /// As [`pascal`] has it.
    pub fn pascal(&self) -> Ident {
        format_ident!("{}", self.pascal)
    }

    /// As [`snake`] has it.
    pub fn snake(&self) -> Ident {
        format_ident!("{}", self.snake)
    }

    /// The name as constant: `Ocp-Apim-Subscription-Key` is `OCP_APIM_SUBSCRIPTION_KEY`.
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

/// Words that cannot be an identifier in edition 2024, reserved ones included.
const KEYWORDS: &[&str] = &[
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super",
    "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Whether the word is a Rust keyword.
pub fn is_keyword(word: &str) -> bool {
    KEYWORDS.contains(&word)
}

/// The name as type or variant: `epayments.payment.captured.v1` is `EpaymentsPaymentCapturedV1`, `2nd try` is `X2ndTry`.
/// `None` where the name has no ASCII letter or digit.
pub fn pascal(name: &str) -> Option<String> {
    identifier(words(name).to_upper_camel_case(), 'X')
}

/// The name as function, field or module: `Ocp-Apim-Subscription-Key` is `ocp_apim_subscription_key`, `type` is `type_`,
/// `3ds` is `x3ds`. `None` where the name has no ASCII letter or digit.
pub fn snake(name: &str) -> Option<String> {
    identifier(words(name).to_snake_case(), 'x')
}

/// The name with a space for everything that cannot stand in an identifier; heck alone would keep `é` and `²`. For the
/// rest this is what typify does, which names the fields.
fn words(name: &str) -> String {
    name.chars().filter(|c| *c != '\'').map(|c| if c.is_ascii_alphanumeric() { c } else { ' ' }).collect()
}

/// Makes heck's result an identifier: no keyword, no digit in front.
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
