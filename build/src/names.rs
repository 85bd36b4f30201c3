//! Names of a spec as Rust identifiers. The lint and the code generation share these rules, so that what the lint accepts
//! is what is generated.

use heck::{ToSnakeCase, ToUpperCamelCase};

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
