//! Reads payloads, the headers of deliveries, and secrets.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue};
use pos_webhooks::Secret;
use pos_webhooks::capture::Head;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::console::warn;
use crate::stop::Stop;

/// The maximum size of a payload: far more than any provider delivers, and small enough to be kept in memory.
const PAYLOAD_BYTES: u64 = 16 << 20;
const HEADERS_BYTES: u64 = 1 << 20;
/// The maximum size of a specification, which is many times that of any provider.
const SPECIFICATION_BYTES: u64 = 4 << 20;
const SECRET_BYTES: u64 = 64 << 10;

pub const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

pub fn open(file: &Path) -> io::Result<Box<dyn Read>> {
    if file == Path::new("-") { Ok(Box::new(io::stdin())) } else { Ok(Box::new(File::open(file)?)) }
}

pub fn standard_input_once<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> Result<(), Stop> {
    match files.into_iter().filter(|file| *file == Path::new("-")).count() {
        0 | 1 => Ok(()),
        _ => Err(Stop::Usage(
            "only one of the inputs can be standard input (-, and the body where BODY is not given)".to_owned(),
        )),
    }
}

pub fn payload(file: &Path) -> Result<Vec<u8>, Stop> {
    read(file, PAYLOAD_BYTES)
}

pub fn specification(file: &Path) -> Result<String, Stop> {
    String::from_utf8(read(file, SPECIFICATION_BYTES)?).map_err(|_| unusable(file, "the document is not UTF-8 text"))
}

pub fn configuration(file: &Path) -> Result<String, Stop> {
    String::from_utf8(read(file, SPECIFICATION_BYTES)?)
        .map_err(|_| unusable(file, "the configuration is not UTF-8 text"))
}

/// Reads the secret in a file.
pub fn secret(file: &Path) -> Result<Secret, Stop> {
    let text =
        String::from_utf8(read(file, SECRET_BYTES)?).map_err(|_| unusable(file, "the secret is not UTF-8 text"))?;
    secret_in(&text).ok_or_else(|| unusable(file, "the file does not contain a secret"))
}

/// The secret in a text, without one newline at its end and without a byte order mark at its beginning; `None` if it is blank.
pub fn secret_in(text: &str) -> Option<Secret> {
    let secret = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    let secret = without_mark(secret);
    (!secret.trim().is_empty()).then(|| Secret::from(secret))
}

/// The text without a byte order mark.
pub fn without_mark(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}

pub fn head(file: &Path) -> Result<Head, Stop> {
    let text = read(file, HEADERS_BYTES)?;
    let start = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text).trim_ascii_start().first();
    let is_json = matches!(start, Some(b'{' | b'['));
    let head = if is_json { parse_json_head(&text) } else { parse_head(&text) };
    head.map_err(|(line, what)| unusable(file, format_args!("line {line}: {what}")))
}

/// Reads a whole request: a request line or not, the headers, a blank line, and the body.
pub fn request(file: &Path) -> Result<(Head, Vec<u8>), Stop> {
    let bytes = read(file, HEADERS_BYTES + PAYLOAD_BYTES)?;
    let (head, body) = split_request(&bytes)
        .ok_or_else(|| unusable(file, "there is no blank line between the headers and the body"))?;
    let head = parse_head(head).map_err(|(line, what)| unusable(file, format_args!("line {line}: {what}")))?;
    let body = body_of(&head, body);
    Ok((head, body))
}

fn split_request(request: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut start = 0;
    for line in request.split_inclusive(|byte| *byte == b'\n') {
        let end = start + line.len();
        if start > 0 && matches!(line, b"\n" | b"\r\n") {
            return Some((request.get(..start)?, request.get(end..)?));
        }
        start = end;
    }
    None
}

/// The body as the headers frame it. Bytes after its end, such as a newline of an editor, are not a part of it. If the
/// bytes are not framed in this way, the body is what there is.
fn body_of(head: &Head, bytes: &[u8]) -> Vec<u8> {
    let incomplete = |what: String| {
        warn(format_args!("--request: {what}, so the body may not be complete; it is used as it is"));
        bytes.to_vec()
    };
    let is_chunked = head.values(TRANSFER_ENCODING.as_str()).any(|value| value.eq_ignore_ascii_case(b"chunked"));
    if is_chunked {
        // Some programs write the body of the chunks, and keep the header.
        return match dechunked(bytes) {
            Some(body) => body,
            None if begins_with_a_chunk(bytes) => incomplete("the chunks of the body are cut".to_owned()),
            None => bytes.to_vec(),
        };
    }
    let lengths: Vec<_> = head.values(CONTENT_LENGTH.as_str()).map(<[u8]>::trim_ascii).collect();
    let Some((first, others)) = lengths.split_first() else { return bytes.to_vec() };
    if others.iter().any(|other| other != first) {
        return incomplete("there are several headers `content-length` with other values".to_owned());
    }
    let is_number = first.iter().all(u8::is_ascii_digit);
    let length = std::str::from_utf8(first).ok().filter(|_| is_number).and_then(|length| length.parse::<usize>().ok());
    match length.map(|length| bytes.get(..length).ok_or(length)) {
        Some(Ok(body)) => body.to_vec(),
        Some(Err(length)) => {
            incomplete(format!("`content-length` is {length}, and there are {} bytes after the headers", bytes.len()))
        }
        None => incomplete("`content-length` is not a number".to_owned()),
    }
}

/// Whether there is the size of a chunk, and not only its bytes.
fn begins_with_a_chunk(bytes: &[u8]) -> bool {
    let size = bytes.split(|byte| matches!(byte, b'\r' | b'\n' | b';')).next().unwrap_or_default();
    !size.is_empty() && size.len() <= 8 && size.iter().all(u8::is_ascii_hexdigit) && size.len() < bytes.len()
}

/// The body of chunks; `None` if the bytes are not complete chunks.
fn dechunked(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let (size, rest) = bytes.split_at_checked(end)?;
        // Extensions follow a semicolon.
        let size = std::str::from_utf8(size).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        let rest = rest.strip_prefix(b"\r\n")?;
        if size == 0 {
            return Some(body);
        }
        let (chunk, rest) = rest.split_at_checked(size)?;
        body.extend(chunk);
        bytes = rest.strip_prefix(b"\r\n")?;
    }
}

fn read(file: &Path, most: u64) -> Result<Vec<u8>, Stop> {
    let mut bytes = Vec::new();
    let read = open(file).and_then(|reader| reader.take(most + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => Err(unusable(file, error)),
        Ok(length) if length as u64 > most => Err(unusable(file, format_args!("longer than {most} bytes"))),
        Ok(_) => Ok(bytes),
    }
}

fn unusable(file: &Path, why: impl Display) -> Stop {
    Stop::Input(format!("{}: {why}", file.display()))
}

/// Parses the last block of `Name: value` lines. The error has the number of the invalid line and what is wrong with
/// it, but not its text.
///
/// Other forms of captures are supported as well: a whole request, whose body is ignored, the request in the output of
/// `curl -v`, the pseudo-headers of HTTP/2, and CGI variables as `env` prints them.
fn parse_head(text: &[u8]) -> Result<Head, (usize, &'static str)> {
    let (mut head, mut authority, mut ended) = (Head::default(), None, false);
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let sent = |line: &'_ [u8]| line.strip_prefix(b"> ").is_some_and(|line| start_line(line).is_some());
    let verbose = text.split(|byte| *byte == b'\n').any(sent);
    let mut request = false;
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let line = match line.strip_prefix(b">") {
            Some(line) if verbose => line.strip_prefix(b" ").unwrap_or(line),
            None if verbose => continue,
            _ => line,
        };
        if line.trim_ascii().is_empty() {
            ended |= request;
            continue;
        }
        if let Some(target) = start_line(line) {
            (request, ended) = (target.is_some(), false);
            head = Head { target, headers: Vec::new() };
        } else if ended {
            break;
        } else if line.starts_with(b" ") || line.starts_with(b"\t") {
            let (_, value) =
                head.headers.last_mut().ok_or((number, "it continues a header, but there is none before it"))?;
            value.push(b' ');
            value.extend(line.trim_ascii());
        } else if let Some((name, value)) = pseudo_header(line) {
            match name {
                "path" => head.target = Some(value.to_owned()),
                "authority" => authority = Some(value.as_bytes().to_vec()),
                _ => {}
            }
        } else {
            let end = variable_name(line).or_else(|| line.iter().position(|byte| *byte == b':')).unwrap_or_default();
            let (name, value) = line.split_at(end);
            let name = HeaderName::from_bytes(name)
                .map_err(|_| (number, "not of the form `Name: value`; a body belongs into a file of its own"))?;
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            HeaderValue::from_bytes(value).map_err(|_| (number, "a control character in the value"))?;
            head.headers.push((name.as_str().to_owned(), value.to_vec()));
        }
    }
    let host = authority.filter(|_| head.values(HOST.as_str()).next().is_none());
    head.headers.extend(host.map(|host| (HOST.as_str().to_owned(), host)));
    Ok(head)
}

/// An item of a list of headers: an object with its name and its value as in HAR, or a pair of both.
#[derive(Deserialize)]
#[serde(untagged)]
enum ListedHeader {
    Named { name: String, value: Value },
    Pair(String, Value),
}

/// Parses an object with a member for each header, whose value is a text or a list of texts, or a list of headers.
fn parse_json_head(text: &[u8]) -> Result<Head, (usize, &'static str)> {
    const EXPECTED: &str = "neither a JSON object whose members are the headers, as texts or lists of texts, nor a JSON list of \
                            headers, as objects with `name` and `value` or as pairs of both";
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let members: Vec<(String, Value)> = if text.trim_ascii_start().starts_with(b"[") {
        let listed: Vec<ListedHeader> = serde_json::from_slice(text).map_err(|error| (error.line(), EXPECTED))?;
        let pair = |header| match header {
            ListedHeader::Named { name, value } | ListedHeader::Pair(name, value) => (name, value),
        };
        listed.into_iter().map(pair).collect()
    } else {
        let members: Map<String, Value> = serde_json::from_slice(text).map_err(|error| (error.line(), EXPECTED))?;
        members.into_iter().collect()
    };
    let (mut lines, mut values) = (Vec::new(), Vec::new());
    for (name, value) in &members {
        match value {
            Value::Array(items) => values.extend(items.iter().map(|item| (name, item))),
            value => values.push((name, value)),
        }
    }
    for (name, value) in values {
        let value = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => return Err((1, EXPECTED)),
        };
        if value.contains(['\r', '\n']) || name.contains(['\r', '\n']) {
            return Err((1, "a line break in the name or the value of a header"));
        }
        lines.push(format!("{name}: {value}\n"));
    }
    // The error of a line would have a number that the file does not have.
    parse_head(lines.concat().as_bytes()).map_err(|_| (1, "a member that is not the name and the value of a header"))
}

/// Parses a line such as `:path: /hooks`, and returns the name without the colon in front.
fn pseudo_header(line: &[u8]) -> Option<(&str, &str)> {
    let (name, value) = std::str::from_utf8(line).ok()?.strip_prefix(':')?.split_once(':')?;
    let known = matches!(name, "method" | "scheme" | "authority" | "path" | "protocol" | "status");
    known.then(|| (name, value.trim()))
}

/// The end of the name in a line such as `HTTP_X_MS_DATE=Sat, 21 Nov 2026 12:00:00 GMT`.
fn variable_name(line: &[u8]) -> Option<usize> {
    let end = line.iter().position(|byte| *byte == b'=')?;
    let name = line.get(..end)?;
    name.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_')).then_some(end)
}

/// Whether the line is a status or request line, which begins a new block. For a request line, returns its path and
/// query.
fn start_line(line: &[u8]) -> Option<Option<String>> {
    let line = std::str::from_utf8(line).ok()?;
    if line.starts_with("HTTP/") {
        return Some(None);
    }
    let mut words = line.split_ascii_whitespace();
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let request = version.starts_with("HTTP/") && HeaderName::from_bytes(method.as_bytes()).is_ok();
    (request && words.next().is_none()).then(|| Some(target.to_owned()))
}
