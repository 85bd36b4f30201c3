//! Selects stored events.

use clap::Args;
use glob::Pattern;
use jiff::{SignedDuration, Timestamp};

use super::StoredEvent;

// The options of the commands that read stored events. A doc comment would become the description of the command.
#[derive(Args, Clone, Default)]
pub struct Filter {
    /// Only events of this route, such as shop-*; can be given several times
    #[arg(long, value_name = "PATTERN")]
    route: Vec<Pattern>,

    /// Only events of this name, such as *.captured.v1; can be given several times
    #[arg(long, value_name = "PATTERN")]
    event: Vec<Pattern>,

    /// Only the event with this idempotency key; can be given several times
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,

    /// Only events that were received from this time on: in RFC 3339 form, or before now, such as 2h or 3d
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = time)]
    pub(super) since: Option<Timestamp>,

    /// Only events that were received before this time
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = time)]
    pub(super) until: Option<Timestamp>,
}

impl Filter {
    /// Selects the events of these routes.
    pub fn of_routes<'a>(routes: impl IntoIterator<Item = &'a str>) -> Self {
        let exact = |route: &str| Pattern::new(&Pattern::escape(route)).ok();
        Self { route: routes.into_iter().filter_map(exact).collect(), ..Self::default() }
    }

    /// The routes of all selected events; `None` if they are not known before.
    #[cfg(feature = "postgres")]
    pub(super) fn routes(&self) -> Option<Vec<String>> {
        exact(&self.route)
    }

    /// The names of all selected events, where an empty one is that of an event without a name; `None` if they are not known
    /// before.
    #[cfg(feature = "postgres")]
    pub(super) fn events(&self) -> Option<Vec<String>> {
        exact(&self.event)
    }

    /// The keys of all selected events; `None` for any key.
    #[cfg(any(feature = "nats", feature = "postgres"))]
    pub(super) fn keys(&self) -> Option<&[String]> {
        Some(self.key.as_slice()).filter(|keys| !keys.is_empty())
    }

    pub fn selects(&self, event: &StoredEvent) -> bool {
        let matches = |patterns: &[Pattern], name: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(name))
        };
        matches(&self.route, &event.route)
            && matches(&self.event, event.event.as_deref().unwrap_or_default())
            && (self.key.is_empty() || event.idempotency_key.as_ref().is_some_and(|key| self.key.contains(key)))
            && self.since.is_none_or(|since| event.received_at >= since)
            && self.until.is_none_or(|until| event.received_at < until)
    }
}

/// The names that patterns stand for; `None` if there are none, or if one of them stands for several names.
#[cfg(feature = "postgres")]
fn exact(patterns: &[Pattern]) -> Option<Vec<String>> {
    let name = |pattern: &Pattern| Some(pattern.as_str().to_owned()).filter(|name| Pattern::escape(name) == *name);
    patterns.iter().map(name).collect::<Option<Vec<_>>>().filter(|names| !names.is_empty())
}

fn time(text: &str) -> Result<Timestamp, &'static str> {
    const EXPECTED: &str =
        "a time in RFC 3339, such as 2026-11-21T12:00:00Z, or how long ago, such as 30m, 2h or 3d, is expected";
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    // Days have 24 hours here.
    let ago: SignedDuration = match text.strip_suffix('d').and_then(|days| days.trim().parse::<u16>().ok()) {
        Some(days) => SignedDuration::from_hours(i64::from(days) * 24),
        None => text.parse().map_err(|_| EXPECTED)?,
    };
    Timestamp::now().checked_sub(ago.abs()).map_err(|_| EXPECTED)
}
