//! Parses the values of options, with errors that say what to write.

use std::ffi::OsStr;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use clap::builder::{PossibleValue, PossibleValuesParser, Str, TypedValueParser};
use clap::{Args, Command};
use jiff::Timestamp;
use pos_webhooks::catalogue::Provider;

use crate::{console, providers};

/// A provider by its name.
pub fn provider() -> impl TypedValueParser<Value = &'static Provider> {
    let names = providers::all().iter().map(|provider| PossibleValue::new(provider.name).help(provider.title));
    PossibleValuesParser::new(names).try_map(|name| {
        providers::all().iter().copied().find(|provider| provider.name == name).ok_or("no such provider")
    })
}

/// Ends the program if the value of an argument is not among `known`. clap suggests similar values, but does not know
/// them when it parses the arguments, since they depend on the provider.
pub fn check_value<A: Args>(argument: &str, value: &str, known: impl IntoIterator<Item = impl Into<Str>>) {
    let mut command = A::augment_args(Command::new(""));
    command.build();
    let argument = command.get_arguments().find(|it| it.get_id() == argument);
    let known = PossibleValuesParser::new(known.into_iter().map(PossibleValue::new));
    if let Err(error) = known.parse_ref(&command, argument, OsStr::new(value)) {
        console::fitted(error).exit();
    }
}

/// A whole number within a range.
pub fn whole<T>(range: RangeInclusive<T>) -> impl TypedValueParser<Value = T>
where
    T: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    move |text: &str| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("a whole number from {} to {} is expected", range.start(), range.end()))
    }
}

pub fn address(text: &str) -> Result<SocketAddr, &'static str> {
    text.parse().map_err(|_| "an IP address and a port are expected, such as 127.0.0.1:8080")
}

pub fn time(text: &str) -> Result<Timestamp, &'static str> {
    text.parse().map_err(|_| "a time in RFC 3339 is expected, such as 2026-11-21T12:00:00Z")
}

/// The minimum similarity of a suggested name.
const SIMILAR: f64 = 0.8;

/// The most similar one of these names, if any is similar.
pub fn closest<'a>(names: impl Iterator<Item = &'a str>, wrong: &str) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let similarity = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &wrong);
    let closest = names.max_by(|one, other| similarity(one).total_cmp(&similarity(other)));
    closest.filter(|name| similarity(name) >= SIMILAR)
}

/// The message for an event that the specification of its provider does not list; `None` if it lists the event.
pub fn unknown_event(provider: &Provider, event: &str) -> Option<String> {
    let names = || provider.events.iter().map(|event| event.name);
    if names().any(|name| name == event) {
        return None;
    }
    let suggestion = match closest(names(), event) {
        Some(name) => format!("did you mean {name:?}?"),
        None => format!("`pos-webhooks schema {}` lists them", provider.name),
    };
    Some(format!("{event:?} is not an event that the specification of {} lists; {suggestion}", provider.name))
}
