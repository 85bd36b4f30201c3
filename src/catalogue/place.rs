//! Finds out which value of a JSON text serde has read when it reports an error.

use std::borrow::Cow;

use crate::json::pointer::token;

/// A step from a value to one that it contains.
enum Step<'a> {
    Item(usize),
    /// The member's name as JSON text; `None` before the colon.
    Member(Option<&'a str>),
}

/// The JSON pointer of the value that ends or begins at the place of an error. Between two members, that is the object.
///
/// Deserializing once more while keeping track of the path finds the same, but compiles each function twice.
pub(super) fn pointer_of(json: &str, error: &serde_json::Error) -> String {
    let start: usize = json.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
    let mut bytes = json.bytes().enumerate().take(start + error.column());
    let (mut steps, mut text) = (Vec::new(), None);
    while let Some((begin, byte)) = bytes.next() {
        match byte {
            b'"' => text = end_of_string(&mut bytes).and_then(|end| json.get(begin..=end)),
            b'{' => steps.push(Step::Member(None)),
            b'[' => steps.push(Step::Item(0)),
            b'}' | b']' => drop(steps.pop()),
            b':' | b',' => match steps.last_mut() {
                Some(Step::Item(index)) => *index += 1,
                Some(Step::Member(name)) => *name = text.take().filter(|_| byte == b':'),
                None => {}
            },
            _ => {}
        }
    }
    let token = |step| match step {
        Step::Item(index) => Some(format!("/{index}")),
        Step::Member(name) => serde_json::from_str::<Cow<'_, str>>(name?).ok().map(|name| format!("/{}", token(&name))),
    };
    steps.into_iter().filter_map(token).collect()
}

/// The index of the quotation mark that ends a string.
fn end_of_string(bytes: &mut impl Iterator<Item = (usize, u8)>) -> Option<usize> {
    loop {
        match bytes.next()? {
            (_, b'\\') => drop(bytes.next()),
            (end, b'"') => return Some(end),
            _ => {}
        }
    }
}
