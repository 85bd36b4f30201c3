//! Parses JSON text, and refuses text that JSON parsers read differently.
//!
//! RFC 8259 does not define the meaning of duplicate member names, or of numbers that are out of the range of a double,
//! and parsers differ. Both are errors here. A number that only has more digits than a double is not an error.

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::LazyLock;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use super::tree::{Members, Tree};
use crate::json::error::{OUT_OF_RANGE, column, message, whole, without_mark};

/// Whether another crate has enabled `serde_json/arbitrary_precision`. The result of validation must not depend on it.
static ARBITRARY_PRECISION: LazyLock<bool> = LazyLock::new(|| serde_json::from_str::<Value>("1e400").is_ok());

/// The error for a text that is not JSON, with its position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} (line {line}, column {column})")]
#[non_exhaustive]
pub struct NotJson {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in bytes, counted from 1; 0 for the end of a line. A byte order mark counts as three bytes.
    pub column: usize,
    /// What is wrong. The message does not quote the text.
    pub message: String,
}

impl NotJson {
    fn new(json: &[u8], error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), column(json, error.line(), error.column()));
        Self { line, column, message: message(error) }
    }
}

pub(super) struct Parsed<'a> {
    pub text: &'a [u8],
    pub tree: Tree<'a>,
    /// The text of numbers as written, by the number that replaces them in the tree.
    pub written: HashMap<String, String>,
}

/// Parses a text, and returns what `check` makes of it.
pub(super) fn parse<T>(json: &[u8], check: impl FnOnce(&Parsed<'_>) -> T) -> Result<T, NotJson> {
    let text = without_mark(json);
    let found = FoundNumbers::default();
    let reader = Reader { found: &found, names_first: false };
    let not_json = |error| NotJson::new(json, &error);
    let tree = reader.parse(text).map_err(|error| {
        if !error.is_data() {
            return not_json(error);
        }
        // A second pass finds the position of the name; the error's own position is after the object.
        let named = Reader { names_first: true, ..reader }.parse(text);
        NotJson { message: DUPLICATE.to_owned(), ..not_json(named.err().unwrap_or(error)) }
    })?;
    let mut written = HashMap::new();
    if !(*ARBITRARY_PRECISION || found.tiny.get() || found.doubles.get() && may_have_long_numbers(text)) {
        return Ok(check(&Parsed { text, tree, written }));
    }
    let at = |(line, at)| NotJson { line, column: column(json, line, at), message: OUT_OF_RANGE.to_owned() };
    let exchanged = with_doubles(text, &mut written).map_err(at)?;
    if !*ARBITRARY_PRECISION && written.is_empty() {
        return Ok(check(&Parsed { text, tree, written }));
    }
    // With that feature, the visitor gets numbers in a form that only serde_json itself can read.
    let value: Value = serde_json::from_slice(&exchanged).map_err(not_json)?;
    Ok(check(&Parsed { text, tree: Tree::from(&value), written }))
}

const DUPLICATE: &str = "the object has two members of this name";

#[derive(Default)]
struct FoundNumbers {
    /// Whether numbers were read as doubles, which may differ from the written numbers.
    doubles: Cell<bool>,
    /// Whether doubles were read that are zero, or so close to zero that they have fewer digits than others.
    tiny: Cell<bool>,
}

/// The number of members for which an object has room from the first one on.
const ROOM: usize = 8;

/// A visitor that returns a value as serde_json's own would.
#[derive(Clone, Copy)]
struct Reader<'f> {
    found: &'f FoundNumbers,
    /// Whether to check for a duplicate name before its value is read, which is slower.
    names_first: bool,
}

impl Reader<'_> {
    /// The only error of the data, and not of the syntax, is a duplicate name.
    fn parse(self, json: &[u8]) -> serde_json::Result<Tree<'_>> {
        // If the whole text is UTF-8, its strings need not be checked one by one.
        match str::from_utf8(json) {
            Ok(text) => whole(self, serde_json::Deserializer::from_str(text)),
            Err(_) => whole(self, serde_json::Deserializer::from_slice(json)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Tree<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Tree<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree<'de>, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree<'de>, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree<'de>, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree<'de>, E> {
        self.found.doubles.set(true);
        if value.abs() < f64::MIN_POSITIVE {
            self.found.tiny.set(true);
        }
        Ok(Number::from_f64(value).map_or(Tree::Null, Tree::Number))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Tree<'de>, E> {
        Ok(Tree::String(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree<'de>, E> {
        Ok(Tree::String(value.to_owned().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree<'de>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Tree::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree<'de>, A::Error> {
        let (mut members, mut names) = (Vec::new(), HashSet::new());
        while let Some(name) = map.next_key_seed(Name)? {
            if self.names_first && !names.insert(name.clone()) {
                return Err(A::Error::custom(DUPLICATE));
            }
            let value = map.next_value_seed(self)?;
            if members.is_empty() {
                members.reserve(ROOM);
            }
            members.push((name, value));
        }
        Members::new(members).map(Tree::Object).ok_or_else(|| A::Error::custom(DUPLICATE))
    }
}

/// Reads a name without a copy, unless it has escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(name.into())
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(name.to_owned().into())
    }
}

/// Whether the text may have a number of 17 characters or more. A shorter number has at most 15 significant digits, so
/// its double is equal to it, unless the number is tiny.
fn may_have_long_numbers(json: &[u8]) -> bool {
    let is_numeric = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E');
    // Any 17 consecutive bytes contain one of these windows.
    json.windows(9).step_by(8).any(|window| window.iter().all(is_numeric))
}

/// Replaces every number that is not equal to its double by an equivalent one: it is on the same side of every limit,
/// and an integer if the number is one. If the double of a number would be infinite, or zero although the number is
/// not, returns the line and column of the end of the first such number.
fn with_doubles<'a>(json: &'a [u8], written: &mut HashMap<String, String>) -> Result<Cow<'a, [u8]>, (usize, usize)> {
    let (mut in_string, mut escaped, mut start) = (false, false, None);
    let (mut exchanged, mut copied) = (Vec::new(), 0);
    for (at, byte) in json.iter().copied().chain([b'\n']).enumerate() {
        match (in_string, byte) {
            (true, _) => {
                in_string = escaped || byte != b'"';
                escaped = !escaped && byte == b'\\';
            }
            (false, b'-' | b'0'..=b'9') => start = start.or(Some(at)),
            (false, b'+' | b'.' | b'e' | b'E') => {}
            (false, _) => {
                in_string = byte == b'"';
                let Some(start) = start.take() else { continue };
                let Some(number) = json.get(start..at).and_then(|number| str::from_utf8(number).ok()) else { continue };
                let before = json.get(..at).unwrap_or_default();
                let place = || {
                    let line = before.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
                    (1 + before.iter().filter(|byte| **byte == b'\n').count(), line.len())
                };
                if let Some(like) = like(number).map_err(|OutOfRange| place())? {
                    exchanged.extend(json.get(copied..start).unwrap_or_default());
                    exchanged.extend(like.to_string().as_bytes());
                    written.insert(like.to_string(), number.to_owned());
                    copied = at;
                }
            }
        }
    }
    if copied == 0 {
        return Ok(Cow::Borrowed(json));
    }
    exchanged.extend(json.get(copied..).unwrap_or_default());
    Ok(Cow::Owned(exchanged))
}

struct OutOfRange;

/// A number that is read as a double without loss, to replace one that is not.
fn like(number: &str) -> Result<Option<Value>, OutOfRange> {
    let (exact, double) = match (Digits::of(number), number.parse::<f64>()) {
        (Some(exact), Ok(double)) => (exact, double),
        _ => return Err(OutOfRange),
    };
    if double.is_infinite() || double == 0.0 && !exact.digits.is_empty() {
        return Err(OutOfRange);
    }
    if number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok() {
        return Ok(None);
    }
    let order = |text: String| Digits::of(&text).map_or(Ordering::Equal, |other| exact.cmp(&other));
    // The value of a double is that of its shortest text, as it is for a limit. The shortest text of an integer is not
    // exact.
    let mut found = order(format!("{double:e}"));
    if found.is_ne() && double.fract() == 0.0 {
        found = order(format!("{double:.0}"));
    }
    let beside = match found {
        Ordering::Less => double.abs().next_down(),
        Ordering::Equal => return Ok(None),
        Ordering::Greater => double.abs().next_up().min(f64::MAX),
    };
    if let Some(integer) = exact.integer() {
        return Ok(Some(integer));
    }
    let like = if exact.is_integer() {
        beside
    } else {
        // From 2^52 on every double is an integer.
        const LARGEST_FRACTION: f64 = 4_503_599_627_370_495.5;
        [beside, double.abs()].into_iter().find(|like| like.fract() != 0.0).unwrap_or(LARGEST_FRACTION)
    };
    Ok(Some(Value::from(like.copysign(double))))
}

/// A number in the form `0.DIGITS` times a power of ten.
pub(super) struct Digits {
    negative: bool,
    /// The digits without zeros at either end.
    digits: String,
    exponent: i64,
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { negative, digits, exponent } = self;
        // Zero has no sign.
        write!(f, "{}0.{digits}e{exponent}", if *negative && !digits.is_empty() { "-" } else { "" })
    }
}

impl Digits {
    pub(super) fn of(number: &str) -> Option<Self> {
        let (digits, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all = format!("{}{fraction}", whole.trim_start_matches('-'));
        let digits = all.trim_start_matches('0');
        let leading = i64::try_from(all.len() - digits.len()).ok()?;
        let places = i64::try_from(all.len() - fraction.len()).ok()?;
        // Zero is zero, whatever its exponent.
        let exponent =
            if digits.is_empty() { 0 } else { exponent.parse::<i64>().ok()?.checked_add(places - leading)? };
        Some(Self { negative: whole.starts_with('-'), digits: digits.trim_end_matches('0').to_owned(), exponent })
    }

    fn is_integer(&self) -> bool {
        i64::try_from(self.digits.len()).is_ok_and(|count| count <= self.exponent)
    }

    /// The integer, if the number is an integer of 64 bits.
    fn integer(&self) -> Option<Value> {
        let zeros = u32::try_from(self.exponent - i64::try_from(self.digits.len()).ok()?).ok()?;
        let magnitude = self.digits.parse::<i128>().ok()?.checked_mul(10_i128.checked_pow(zeros)?)?;
        let integer = if self.negative { -magnitude } else { magnitude };
        i64::try_from(integer).map(Value::from).or_else(|_| u64::try_from(integer).map(Value::from)).ok()
    }

    /// Compares magnitudes.
    fn cmp(&self, other: &Self) -> Ordering {
        (self.exponent, &self.digits).cmp(&(other.exponent, &other.digits))
    }
}
