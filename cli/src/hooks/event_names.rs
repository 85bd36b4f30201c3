//! The values of `--events`: names separated by commas, globs, and `all`.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use clap::builder::{NonEmptyStringValueParser, PossibleValue, PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{Arg, ArgAction, Command};
use glob::Pattern;
use pos_webhooks::catalogue::Provider;

use super::commands::Member;
use crate::stop::Stop;
use crate::{options, suggest};

/// What the help says of the values.
pub const NOTE: &str =
    "Takes names separated by commas, globs such as `payment.*`, and `all`. Can be given several times.";

const ALL: &str = "all";

/// The argument, which takes names, globs and `all`. `choices` are all names, if the list is closed.
pub fn values(arg: Arg, choices: &[String]) -> Arg {
    let parser = EventParser { choices: choices.to_vec() };
    arg.value_delimiter(',').action(ArgAction::Append).value_parser(ValueParser::new(parser))
}

/// Parses one value. The help and the shell offer the choices, beside which there are globs and `all`.
#[derive(Clone)]
struct EventParser {
    choices: Vec<String>,
}

impl TypedValueParser for EventParser {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        if !self.choices.is_empty() && value.to_str().is_none_or(|text| pattern(text).is_none()) {
            return PossibleValuesParser::new(self.choices.clone()).parse_ref(command, arg, value);
        }
        let glob = |text: String| match pattern(&text) {
            Some(Err(error)) => Err(format!("not a glob: {error}")),
            _ => Ok(text),
        };
        NonEmptyStringValueParser::new().try_map(glob).parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let choices = self.choices.iter().cloned().map(PossibleValue::new);
        (!self.choices.is_empty()).then(|| Box::new(choices) as Box<dyn Iterator<Item = _>>)
    }
}

/// The pattern of a glob or `all`; `None` for a name.
fn pattern(text: &str) -> Option<Result<Pattern, glob::PatternError>> {
    match text {
        ALL => Some(Pattern::new("*")),
        _ => text.contains(['*', '?', '[']).then(|| Pattern::new(text)),
    }
}

/// Whether any of these values selects names by a pattern, so that all of them have to be known.
pub fn has_pattern(values: &[String]) -> bool {
    values.iter().any(|value| pattern(value).is_some())
}

/// The names that these values select among the known ones, each once. A name is selected even if it is not known.
pub fn selected(provider: &Provider, values: &[String], known: &[&str]) -> Result<Vec<String>, String> {
    let mut once = BTreeSet::new();
    let mut names = Vec::new();
    for value in values {
        let found: Vec<&str> = match pattern(value) {
            Some(Ok(pattern)) => known.iter().copied().filter(|name| pattern.matches(name)).collect(),
            _ => vec![value],
        };
        if found.is_empty() {
            let instead = suggest::instead(known.iter().copied(), value, &options::schemas(provider));
            return Err(format!("no event of {} matches `{value}`; {instead}", provider.name));
        }
        names.extend(found.into_iter().filter(|name| once.insert((*name).to_owned())).map(str::to_owned));
    }
    Ok(names)
}

/// The events for which the operation of the provider registers webhooks.
pub fn registrable(provider: &'static Provider) -> Vec<&'static str> {
    let own = provider.events.iter().filter(|event| event.registered_by.is_none());
    own.map(|event| event.name).filter(|name| provider.registers(name)).collect()
}

/// The names that these values of a member select.
pub fn of(provider: &'static Provider, member: &Member, values: &[String]) -> Result<Vec<String>, Stop> {
    let known = match member.choices.as_slice() {
        [] => registrable(provider),
        choices => choices.iter().map(String::as_str).collect(),
    };
    let wrong = |message| Stop::Usage(format!("--{}: {message}", member.option));
    selected(provider, values, &known).map_err(wrong)
}
