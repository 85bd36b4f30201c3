//! What the commands read: payloads, the headers of deliveries, and secrets.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue};
use pos_webhooks::Secret;

use crate::Stop;

/// Far more than any provider delivers, and little enough to be kept.
const PAYLOAD_BYTES: u64 = 16 << 20;
const HEADERS_BYTES: u64 = 1 << 20;
const SECRET_BYTES: u64 = 64 << 10;

pub const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The head of a captured delivery.
#[derive(Debug, Default, PartialEq)]
pub struct Head {
    /// Path and query of the request line, where there is one.
    pub target: Option<String>,
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Head {
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let same = move |(candidate, _): &&(String, _)| candidate.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|(_, value)| value.as_slice())
    }
}

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

/// One newline at the end of the file is not part of the secret, and a byte order mark at its beginning is not either.
pub fn secret(file: &Path) -> Result<Secret, Stop> {
    let text = String::from_utf8(read(file, SECRET_BYTES)?).map_err(|_| unusable(file, "a secret is text in UTF-8"))?;
    let secret = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    let secret = without_mark(secret);
    if secret.trim().is_empty() {
        return Err(unusable(file, "there is no secret in it"));
    }
    Ok(Secret::from(secret))
}

/// Text as it was before an editor put a byte order mark in front.
pub fn without_mark(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}

pub fn head(file: &Path) -> Result<Head, Stop> {
    parse_head(&read(file, HEADERS_BYTES)?).map_err(|(line, what)| unusable(file, format_args!("line {line}: {what}")))
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

/// The last block of `Name: value` lines; or the line at fault and what is wrong with it, without its text.
fn parse_head(text: &[u8]) -> Result<Head, (usize, &'static str)> {
    let mut head = Head::default();
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        if let Some(target) = start_line(line) {
            head = Head { target, headers: Vec::new() };
        } else if line.starts_with(b" ") || line.starts_with(b"\t") {
            let (_, value) = head.headers.last_mut().ok_or((number, "continues no header"))?;
            value.push(b' ');
            value.extend(line.trim_ascii());
        } else {
            let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':').unwrap_or_default());
            let name = HeaderName::from_bytes(name)
                .map_err(|_| (number, "not of the form `Name: value`; a body belongs into a file of its own"))?;
            let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
            HeaderValue::from_bytes(value).map_err(|_| (number, "a control character in the value"))?;
            head.headers.push((name.as_str().to_owned(), value.to_vec()));
        }
    }
    Ok(head)
}

/// Whether a status or request line begins a new block here; of a request line the path and query.
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
