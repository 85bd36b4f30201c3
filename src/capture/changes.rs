//! The changes that often happen to a delivery between its provider and a file.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use http::Uri;
use http::header::HOST;

use super::{Captured, Head};
use crate::Secret;
use crate::catalogue::{FormPart, Signature, Verification};
use crate::json::text::{compact, indented, parts, spaced};
use crate::verify::{Timestamp, VerifyError};

/// A change of a delivery that is verified again.
pub(super) struct Change {
    pub(super) what: String,
    pub(super) with: With,
}

#[derive(PartialEq)]
pub(super) enum With {
    Signature(&'static str),
    Head(Head),
    Body(Vec<u8>),
    Url(String),
    Secrets(Vec<Secret>),
    At(Timestamp),
}

/// Every change that may explain why a delivery is refused, each once.
pub(super) fn changes(delivery: &Captured<'_>, secrets: &[Secret], error: &VerifyError) -> Vec<Change> {
    let mut changes = documented(delivery);
    changes.extend(of_head(delivery.head));
    changes.extend(of_bytes(delivery.body));
    changes.extend(std::str::from_utf8(delivery.body).ok().into_iter().flat_map(of_text));
    changes.extend(of_secrets(secrets));
    changes.extend(of_clock(delivery, error));
    let mut each: Vec<Change> = Vec::new();
    for change in changes {
        let is_none = match &change.with {
            With::Body(body) => body == delivery.body,
            With::Url(url) => Some(url.as_str()) == delivery.url,
            _ => false,
        };
        if !is_none && each.iter().all(|other| other.with != change.with) {
            each.push(change);
        }
    }
    each
}

fn of_head(head: &Head) -> Option<Change> {
    let with_cgi = head.with_cgi();
    (with_cgi != *head).then(|| Change {
        what: "with the headers for the CGI variables, such as `x-ms-date` for `HTTP_X_MS_DATE`".to_owned(),
        with: With::Head(with_cgi),
    })
}

fn to_body((what, body): (&str, Vec<u8>)) -> Change {
    Change { what: what.to_owned(), with: With::Body(body) }
}

/// Base64 with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Bodies that were stored in another form than they were received in.
fn of_bytes(body: &[u8]) -> impl Iterator<Item = Change> {
    let wide = match body {
        [0xff, 0xfe, text @ ..] => Some((text, u16::from_le_bytes as fn([u8; 2]) -> u16)),
        [0xfe, 0xff, text @ ..] => Some((text, u16::from_be_bytes as fn([u8; 2]) -> u16)),
        _ => None,
    };
    let wide = wide.and_then(|(text, unit)| {
        let units = text.as_chunks().0.iter().map(|pair| unit(*pair));
        char::decode_utf16(units).collect::<Result<String, _>>().ok()
    });
    let latin = || body.iter().copied().map(char::from).collect::<String>();
    let latin = (wide.is_none() && std::str::from_utf8(body).is_err()).then(latin);
    let of_standard = |byte: &u8| match byte {
        b'-' => b'+',
        b'_' => b'/',
        byte => *byte,
    };
    let encoded: Vec<_> = body.iter().filter(|byte| !byte.is_ascii_whitespace()).map(of_standard).collect();
    let decoded = BASE64.decode(encoded).ok().filter(|decoded| !decoded.is_empty());
    let changes = [
        ("without the head of the request in front of the body", after_head(body).map(<[u8]>::to_vec)),
        ("decoded from Base64", decoded),
        // Programs that write UTF-16 also end the last line.
        ("in UTF-8 in place of UTF-16", wide.map(|text| text.trim_end().into())),
        ("in UTF-8 in place of Latin-1", latin.map(String::into)),
    ];
    changes.into_iter().filter_map(|(what, body)| Some(to_body((what, body?))))
}

fn of_text(text: &str) -> impl Iterator<Item = Change> {
    let unended = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    let changes = [
        ("without the newline at the end of the body", unended.map(str::to_owned)),
        ("with a newline (LF) at the end of the body", Some(format!("{text}\n"))),
        ("with a newline (CR LF) at the end of the body", Some(format!("{text}\r\n"))),
        ("with LF for each CR LF in the body", Some(text.replace("\r\n", "\n"))),
        ("with CR LF for each LF in the body", Some(text.replace("\r\n", "\n").replace('\n', "\r\n"))),
        ("without the byte order mark of the body", text.strip_prefix('\u{feff}').map(str::to_owned)),
        ("as the text of which the body is a JSON string", serde_json::from_str(text).ok()),
    ];
    let mut changes: Vec<_> =
        changes.into_iter().filter_map(|(what, body)| Some(to_body((what, body?.into_bytes())))).collect();
    let unended = unended.unwrap_or(text);
    let compact = compact(unended);
    // The name of the form alone, and its name after that of a writer.
    let forms = [
        Some(("", "", unended.to_owned())),
        Some((
            "without the white space between the values of the body",
            ", and no white space between the values",
            compact.clone(),
        )),
        Some((
            "with a space after each `:` and `,` of the body",
            ", and a space after each `:` and `,`",
            spaced(&compact),
        )),
        indented(&compact, 2, REWRITTEN_BYTES)
            .map(|text| ("with the body indented by 2 spaces", ", indented by 2 spaces", text)),
        indented(&compact, 4, REWRITTEN_BYTES)
            .map(|text| ("with the body indented by 4 spaces", ", indented by 4 spaces", text)),
    ];
    for (form, behind, text) in forms.into_iter().flatten() {
        if !form.is_empty() {
            changes.push(to_body((form, text.clone().into_bytes())));
        }
        if text.len() <= REWRITTEN_BYTES {
            changes.extend(STYLES.iter().map(|style| Change {
                what: format!("with {}{behind}", style.what),
                with: With::Body(style.write(&text).into_bytes()),
            }));
        }
    }
    changes.into_iter().filter(move |_| !text.is_empty())
}

/// The maximum size of a body that is rewritten: far more than any provider delivers, and small enough to be rewritten
/// in many ways.
const REWRITTEN_BYTES: usize = 1 << 20;

/// A way to write the strings of JSON. All ways have the same meaning.
struct JsonStyle {
    what: &'static str,
    slash: &'static str,
    /// The characters that are escaped although they need not be.
    escaped: fn(char) -> bool,
    upper: bool,
}

/// The writers. If two write a body alike, the first one is named.
static STYLES: [JsonStyle; 6] = [
    JsonStyle { what: "no escapes but those that JSON needs", slash: "/", escaped: |_| false, upper: false },
    JsonStyle {
        what: "`\\u` escapes for all but ASCII, as Python writes JSON",
        slash: "/",
        escaped: |character| !character.is_ascii(),
        upper: false,
    },
    JsonStyle { what: "`\\/` for each `/`", slash: "\\/", escaped: |_| false, upper: false },
    JsonStyle {
        what: "`\\/` for each `/` and `\\u` escapes for all but ASCII, as PHP writes JSON",
        slash: "\\/",
        escaped: |character| !character.is_ascii(),
        upper: false,
    },
    JsonStyle {
        what: "`\\u` escapes for all but ASCII and for quotes, `<`, `>`, `&` and `+`, as .NET writes JSON",
        slash: "/",
        escaped: |character| !character.is_ascii() || matches!(character, '"' | '\'' | '`' | '<' | '>' | '&' | '+'),
        upper: true,
    },
    JsonStyle {
        what: "`\\u` escapes for `<`, `>` and `&`, as Go writes JSON",
        slash: "/",
        escaped: |character| matches!(character, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'),
        upper: false,
    },
];

impl JsonStyle {
    fn write(&self, json: &str) -> String {
        let mut written = String::with_capacity(json.len());
        for (is_text, part) in parts(json) {
            match serde_json::from_str::<String>(part) {
                Ok(text) if is_text => {
                    written.push('"');
                    text.chars().for_each(|character| self.escape(character, &mut written));
                    written.push('"');
                }
                _ => written += part,
            }
        }
        written
    }

    fn escape(&self, character: char, written: &mut String) {
        let short = match character {
            '/' => self.slash,
            '"' => "\\\"",
            '\\' => "\\\\",
            '\u{8}' => "\\b",
            '\t' => "\\t",
            '\n' => "\\n",
            '\u{c}' => "\\f",
            '\r' => "\\r",
            _ => "",
        };
        if (self.escaped)(character) || character < ' ' && short.is_empty() {
            for unit in character.encode_utf16(&mut [0; 2]) {
                *written += &if self.upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
            }
        } else if short.is_empty() {
            written.push(character);
        } else {
            *written += short;
        }
    }
}

/// Removes characters that editors, shells and copying put around a secret.
fn of_secrets(secrets: &[Secret]) -> Option<Change> {
    let around = |character: char| character.is_whitespace() || matches!(character, '"' | '\'' | '\u{feff}');
    let inner = |secret: &Secret| Secret::from(secret.expose().trim_matches(around));
    let differs = secrets.iter().any(|secret| inner(secret) != *secret);
    differs.then(|| Change {
        what: "without the white space or quotes around the secret".to_owned(),
        with: With::Secrets(secrets.iter().map(inner).collect()),
    })
}

/// The time at which the delivery would be at the end of the replay window.
fn of_clock(delivery: &Captured<'_>, error: &VerifyError) -> Option<Change> {
    let at = match error {
        VerifyError::Stale { by } => delivery.at.checked_sub(*by),
        VerifyError::Future { by } => delivery.at.checked_add(*by),
        _ => return None,
    };
    at.ok().map(|at| Change { what: format!("at the time {at}"), with: With::At(at) })
}

/// Changes that are common with the deliveries of the provider.
fn documented(delivery: &Captured<'_>) -> Vec<Change> {
    let Some(signature) = delivery.description() else { return Vec::new() };
    let mut changes = other_signatures(delivery);
    changes.extend(time_in_front(signature, delivery));
    if signature.needs_url() {
        changes.extend(other_urls(delivery));
    }
    changes
}

fn other_signatures(delivery: &Captured<'_>) -> Vec<Change> {
    let verification = delivery.provider.verification_of(delivery.event);
    let Some(Verification::Signatures(signatures)) = verification else { return Vec::new() };
    let current = delivery.signature.or(signatures.first().and_then(|signature| signature.name));
    let names = signatures.iter().filter_map(|signature| signature.name).filter(|name| Some(*name) != current);
    let change = |name| Change { what: format!("by the signature `{name}`"), with: With::Signature(name) };
    names.map(change).collect()
}

/// The time of the header in front of the body, if the signed text does not have the time.
fn time_in_front(signature: &'static Signature, delivery: &Captured<'_>) -> Option<Change> {
    let before = match signature.form {
        [FormPart::Text(before), FormPart::Time, ..] if !signature.signs_time() => *before,
        _ => return None,
    };
    let header = delivery.head.values(signature.headers.first()?).next()?;
    let items = std::str::from_utf8(header).ok()?.split(signature.separator.unwrap_or("\n"));
    let time = items.map(str::trim).find_map(|item| item.strip_prefix(before))?;
    let body = [time.as_bytes(), b".", delivery.body].concat();
    let what = format!("with `{}` and a full stop in front of the body", before.trim_end_matches('='));
    Some(Change { what, with: With::Body(body) })
}

/// URLs that may be the registered one.
fn other_urls(delivery: &Captured<'_>) -> Vec<Change> {
    let Some(uri) = delivery.url.and_then(|url| url.parse::<Uri>().ok()) else { return Vec::new() };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Vec::new() };
    let (authority, path) = (authority.as_str(), uri.path());
    let query = uri.query().map_or(String::new(), |query| format!("?{query}"));
    let host = delivery.head.values(HOST.as_str()).next().and_then(|host| std::str::from_utf8(host).ok());
    let target = delivery.head.target.as_deref().filter(|target| target.starts_with('/'));
    let slash = match path.strip_suffix('/') {
        Some(path) => ("without the slash at the end of the path", format!("{authority}{path}{query}")),
        None => ("with a slash at the end of the path", format!("{authority}{path}/{query}")),
    };
    let mut urls = vec![(slash.0.to_owned(), slash.1), ("without the query".to_owned(), format!("{authority}{path}"))];
    urls.extend(
        host.map(|host| (format!("with the host of the header `Host`, {host:?}"), format!("{host}{path}{query}"))),
    );
    urls.extend(
        target.map(|target| (format!("with the path of the request line, {target:?}"), format!("{authority}{target}"))),
    );
    urls.extend(host.zip(target).map(|(host, target)| {
        let what = "with the host of the header `Host` and the path of the request line".to_owned();
        (what, format!("{host}{target}"))
    }));
    let urls = urls.into_iter().map(|(what, rest)| (what, format!("{scheme}://{rest}")));
    urls.map(|(what, url)| Change { what, with: With::Url(url) }).collect()
}

/// The body of a whole request.
fn after_head(request: &[u8]) -> Option<&[u8]> {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    match httparse::Request::new(&mut headers).parse(request).ok()? {
        httparse::Status::Complete(length) => request.get(length..),
        httparse::Status::Partial => None,
    }
}
