//! Parses the values of options, with errors that say what to write.

use std::ffi::OsStr;
use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, Str, TypedValueParser};
use clap::{Args, Command};
use jiff::{SignedDuration, Timestamp};
use pos_webhooks::catalogue::{Event, Provider};

use crate::report::Plain;
use crate::stop::Stop;
use crate::{console, providers, suggest};

/// The help of `--quiet`, which means the same in every command that has it.
pub const QUIET: &str = "Show only problems and what was asked for, without successes, summaries and next steps";

/// The help of `--verbose`, which means the same in every command that has it.
pub const VERBOSE: &str = "Show every step, and the details of each";

/// The error of an option that another one leaves without an effect.
pub fn without_effect(option: &str, beside: &str) -> Stop {
    Stop::Usage(format!("{option} has no effect with {beside}"))
}

/// A provider by its name.
pub fn provider() -> impl TypedValueParser<Value = &'static Provider> {
    let names = providers::all().iter().map(|provider| PossibleValue::new(provider.name).help(provider.title));
    PossibleValuesParser::new(names).try_map(|name| {
        providers::all().iter().copied().find(|provider| provider.name == name).ok_or("no such provider")
    })
}

/// Ends the program if the value of an argument is not among `known`. clap does not know them when it parses the arguments,
/// since they depend on the provider. `list` is the command that lists them.
pub fn check_value<A: Args>(argument: &str, value: &str, known: impl IntoIterator<Item = impl Into<Str>>, list: &str) {
    let mut command = A::augment_args(Command::new(""));
    command.build();
    let argument = command.get_arguments().find(|it| it.get_id() == argument);
    let known = PossibleValuesParser::new(known.into_iter().map(PossibleValue::new));
    if let Err(error) = known.parse_ref(&command, argument, OsStr::new(value)) {
        console::fitted(suggest::before_list(error, Some(list))).exit();
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

/// A time that is not zero.
pub fn duration(text: &str) -> Result<Duration, &'static str> {
    let duration = text.parse::<SignedDuration>().ok().and_then(|duration| Duration::try_from(duration).ok());
    duration.filter(|duration| !duration.is_zero()).ok_or("a time is expected, such as 720h")
}

pub fn time(text: &str) -> Result<Timestamp, &'static str> {
    text.parse().map_err(|_| "a time in RFC 3339 is expected, such as 2026-11-21T12:00:00Z")
}

/// An event that the specification of a provider lists.
pub fn event(provider: &'static Provider, name: &str) -> Result<&'static Event, Stop> {
    provider.event(name).ok_or_else(|| {
        let names = provider.events.iter().map(|event| event.name);
        let list = format!("pos-webhooks schema {}", provider.name);
        let instead = suggest::instead(names, name, &list);
        Stop::Usage(format!("{} does not have the event `{}`; {instead}", provider.name, Plain(name)))
    })
}

/// The message for an event that the specification of its provider does not list; `None` if it lists the event.
pub fn unknown_event(provider: &Provider, event: &str) -> Option<String> {
    let names = || provider.events.iter().map(|event| event.name);
    if names().any(|name| name == event) {
        return None;
    }
    let suggestion = match suggest::closest(names(), event) {
        Some(name) => format!("did you mean {name:?}?"),
        None => format!("`{}` lists them", schemas(provider)),
    };
    Some(format!("{event:?} is not an event that the specification of {} lists; {suggestion}", provider.name))
}

/// The command that lists the events and schemas of a provider.
pub fn schemas(provider: &Provider) -> String {
    format!("pos-webhooks schema {}{}", provider.name, providers::option_of(provider))
}
