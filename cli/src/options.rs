//! The values of options, with errors that say what to write.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use clap::builder::TypedValueParser;
use jiff::Timestamp;
use pos_webhooks::catalogue::Provider;

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

/// How close a name has to be to another one to be suggested for it.
const SIMILAR: f64 = 0.8;

/// What to say of an event that the specification of its provider does not list; `None` where it does.
pub fn unknown_event(provider: &Provider, event: &str) -> Option<String> {
    let names = || provider.events.iter().map(|event| event.name);
    if names().any(|name| name == event) {
        return None;
    }
    let similarity = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &event.to_lowercase());
    let closest = names().max_by(|one, other| similarity(one).total_cmp(&similarity(other)));
    let suggestion = match closest.filter(|name| similarity(name) >= SIMILAR) {
        Some(name) => format!("did you mean {name:?}?"),
        None => format!("`pos-webhooks schema {}` lists them", provider.name),
    };
    Some(format!("{event:?} is not an event that the specification of {} lists; {suggestion}", provider.name))
}
