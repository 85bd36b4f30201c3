//! Compares the items of an array by their numbers as written. The validator gets doubles, of which two different numbers of many
//! digits can have the same.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::value::RawValue;

use super::strict_json::Digits;
use crate::json::canonical::{AllMembers, canonical_as};
use crate::json::pointer;

/// Whether no two items of the array at a pointer are equal. `None` if that cannot be found out, or if more would have to be read
/// than `room`, which is reduced by what is read.
pub(super) fn is_unique(json: &[u8], pointer: &str, room: &mut usize) -> Option<bool> {
    // Every name of the pointer takes another pass over a part of the text.
    let passes = 1 + pointer::names(pointer).count();
    *room = room.checked_sub(json.len().checked_mul(passes)?)?;
    let mut at = str::from_utf8(json).ok()?;
    for name in pointer::names(pointer) {
        at = if at.trim_ascii_start().starts_with('[') {
            serde_json::from_str::<Vec<&RawValue>>(at).ok()?.get(name.parse::<usize>().ok()?)?.get()
        } else {
            let members = serde_json::from_str::<AllMembers<'_>>(at).ok()?.0;
            members.into_iter().find(|(other, _)| *other == name)?.1.get()
        };
    }
    let mut seen = HashSet::new();
    for item in serde_json::from_str::<Vec<&RawValue>>(at).ok()? {
        if !seen.insert(canonical_as(item.get(), normal)?) {
            return Some(false);
        }
    }
    Some(true)
}

/// The same text for all spellings of a number; other text as it is.
fn normal(text: &str) -> Cow<'_, str> {
    match Digits::of(text) {
        Some(digits) if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
            digits.to_string().into()
        }
        _ => text.into(),
    }
}
