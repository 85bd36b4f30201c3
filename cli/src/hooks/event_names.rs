//! The values of `--events`: names separated by commas, globs, and `all`.

use std::collections::BTreeSet;

use clap::builder::{NonEmptyStringValueParser, TypedValueParser as _, ValueParser};
use clap::{Arg, ArgAction};
use glob::Pattern;
use pos_webhooks::catalogue::Provider;

use super::commands::Member;
use crate::report::Plain;
use crate::stop::Stop;
use crate::{options, suggest};

/// What the help says of the values.
pub const NOTE: &str =
    "Takes names separated by commas, globs such as `payment.*`, and `all`. Can be given several times.";

const ALL: &str = "all";

/// The argument, which takes names, globs and `all`.
pub fn values(arg: Arg) -> Arg {
    let parser = NonEmptyStringValueParser::new().try_map(|text| match pattern(&text) {
        Some(Err(error)) => Err(format!("not a glob: {error}")),
        _ => Ok(text),
    });
    arg.value_delimiter(',').action(ArgAction::Append).value_parser(ValueParser::new(parser))
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

/// The names that these values of a member select. If the member has a list of choices, another name is an error.
pub fn of(provider: &'static Provider, member: &Member, values: &[String]) -> Result<Vec<String>, Stop> {
    let own = registrable(provider);
    let choices: Vec<&str> = member.choices.iter().map(String::as_str).collect();
    let known = if choices.is_empty() { own } else { choices.clone() };
    let names = selected(provider, values, &known).map_err(Stop::Usage)?;
    match names.iter().find(|name| !choices.is_empty() && !choices.contains(&name.as_str())) {
        None => Ok(names),
        Some(unknown) => {
            let instead = suggest::instead(choices, unknown, &options::schemas(provider));
            Err(Stop::Usage(format!("{} does not have an event `{}`; {instead}", provider.name, Plain(unknown))))
        }
    }
}
