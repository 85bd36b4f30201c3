//! What usually happens to a delivery between its provider and a file.

use pos_webhooks::Secret;
use pos_webhooks::verify::VerifyError;

use crate::schemes::{Change, Delivery, Scheme, With};

/// Everything that may explain why a delivery is refused, each once.
pub fn changes(scheme: &dyn Scheme, delivery: &Delivery<'_>, secrets: &[Secret], error: &VerifyError) -> Vec<Change> {
    let mut changes = scheme.changes(delivery);
    changes.extend(of_body(delivery.body));
    changes.extend(of_secrets(secrets));
    changes.extend(of_clock(delivery, error));
    let mut seen = vec![With::Body(delivery.body.to_vec())];
    seen.extend(delivery.url.map(|url| With::Url(url.to_owned())));
    changes.retain(|change| {
        let is_new = !seen.contains(&change.with);
        seen.push(change.with.clone());
        is_new
    });
    changes
}

fn of_body(body: &[u8]) -> impl Iterator<Item = Change> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    let unended = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    let changes = [
        ("without the newline at the end of the body", unended.map(str::to_owned)),
        ("with a newline (LF) at the end of the body", Some(format!("{text}\n"))),
        ("with a newline (CR LF) at the end of the body", Some(format!("{text}\r\n"))),
        ("with LF for each CR LF in the body", Some(text.replace("\r\n", "\n"))),
        ("with CR LF for each LF in the body", Some(text.replace("\r\n", "\n").replace('\n', "\r\n"))),
        ("without the byte order mark of the body", text.strip_prefix('\u{feff}').map(str::to_owned)),
        ("without the white space between the values of the body", Some(compact(text))),
    ];
    let known = |(what, body): (&str, Option<String>)| {
        Some(Change { what: what.to_owned(), with: With::Body(body?.into_bytes()) })
    };
    changes.into_iter().filter(move |_| !text.is_empty()).filter_map(known)
}

/// What editors, shells and copying put around a secret.
fn of_secrets(secrets: &[Secret]) -> Option<Change> {
    let around = |character: char| character.is_whitespace() || matches!(character, '"' | '\'' | '\u{feff}');
    let inner = |secret: &Secret| Secret::from(secret.expose().trim_matches(around));
    let differs = secrets.iter().any(|secret| inner(secret) != *secret);
    differs.then(|| Change {
        what: "without the white space or quotes around the secret".to_owned(),
        with: With::Secrets(secrets.iter().map(inner).collect()),
    })
}

/// The end of the replay window that the delivery missed.
fn of_clock(delivery: &Delivery<'_>, error: &VerifyError) -> Option<Change> {
    let at = match error {
        VerifyError::Stale { by } => delivery.at.checked_sub(*by),
        VerifyError::Future { by } => delivery.at.checked_add(*by),
        _ => return None,
    };
    at.ok().map(|at| Change { what: format!("with --at {at}"), with: With::At(at) })
}

/// JSON without the white space that means nothing; all else, numbers too, stays as it is.
pub fn compact(json: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let keep = |character: &char| {
        quoted ^= *character == '"' && !escaped;
        escaped = quoted && *character == '\\' && !escaped;
        quoted || !character.is_ascii_whitespace()
    };
    json.chars().filter(keep).collect()
}
