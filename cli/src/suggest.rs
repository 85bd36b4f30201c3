//! Suggests names in place of an unknown one: similar ones first, and then all if they are few, or how to list them.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::console;
use crate::report::Plain;

/// The minimum similarity of a suggested name.
const SIMILAR: f64 = 0.8;

/// How much less similar than the most similar name another suggested one may be.
const LESS: f64 = 0.05;

/// The maximum number of suggested names.
const SUGGESTED: usize = 4;

/// A list of at most so many names is shown as a whole.
pub const FEW: usize = 8;

/// The similar names, the most similar one first.
fn similar<'a>(names: impl IntoIterator<Item = &'a str>, wrong: &str) -> Vec<&'a str> {
    let wrong = wrong.to_lowercase();
    let with_similarity = |name: &'a str| (strsim::jaro_winkler(&name.to_lowercase(), &wrong), name);
    let names = names.into_iter().map(with_similarity);
    let mut names: Vec<_> = names.filter(|(similarity, _)| *similarity >= SIMILAR).collect();
    names.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let least = names.first().map_or(SIMILAR, |(best, _)| best - LESS);
    let names = names.into_iter().filter(|(similarity, _)| *similarity >= least);
    names.map(|(_, name)| name).take(SUGGESTED).collect()
}

/// The most similar one of these names, if any is similar.
pub fn closest<'a>(names: impl IntoIterator<Item = &'a str>, wrong: &str) -> Option<&'a str> {
    similar(names, wrong).first().copied()
}

/// What to write in place of a wrong name, as the end of a sentence. `list` is the command that lists the names.
pub fn instead<'a>(names: impl IntoIterator<Item = &'a str>, wrong: &str, list: &str) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let shown = |names: &[&str]| names.iter().map(|name| Plain(name).to_string()).collect::<Vec<_>>();
    let similar = match shown(&similar(names.iter().copied(), wrong)).as_slice() {
        [] => String::new(),
        [one] => format!("did you mean `{one}`? "),
        [others @ .., last] => format!("did you mean `{}` or `{last}`? ", others.join("`, `")),
    };
    match names.len() {
        0 => "there are none".to_owned(),
        1..=FEW => {
            format!("{similar}{} has: {}", if similar.is_empty() { "it" } else { "It" }, shown(&names).join(", "))
        }
        count => format!("{similar}`{list}` lists all {count}"),
    }
}

/// An error of clap about a value that is not among the possible ones, with its suggestions before the list. Other errors
/// are returned as they are. `list` is the command that lists the values.
pub fn before_list(error: clap::Error, list: Option<&str>) -> clap::Error {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (argument, wrong) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue));
    let wrong = wrong.filter(|wrong| !wrong.is_empty() && error.kind() == ErrorKind::InvalidValue);
    let (Some(argument), Some(wrong), Some(ContextValue::Strings(known))) =
        (argument, wrong, error.get(ContextKind::ValidValue))
    else {
        return error;
    };
    let mut message = format!("invalid value '{}' for '{argument}'\n", Plain(wrong));
    let similar = similar(known.iter().map(String::as_str), wrong);
    let quoted = similar.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    match similar.as_slice() {
        [] => {}
        [_] => message += &format!("\n  tip: a similar value exists: {quoted}\n"),
        _ => message += &format!("\n  tip: some similar values exist: {quoted}\n"),
    }
    match known.len() {
        ..=FEW => message += &format!("  [possible values: {}]\n", known.join(", ")),
        count => message += &format!("  tip: `{}` lists all {count} values\n", list.unwrap_or("--help")),
    }
    console::raw(error.kind(), format_args!("{message}\nFor more information, try '--help'.\n"))
}
