//! Selects stored events.

use clap::Args;
use glob::Pattern;
use jiff::{SignedDuration, Timestamp};

use super::StoredEvent;

// The options of the commands that read stored events. A doc comment would become the description of the command.
#[derive(Args)]
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
    since: Option<Timestamp>,

    /// Only events that were received before this time
    #[arg(long, value_name = "TIME", allow_negative_numbers = true, value_parser = time)]
    until: Option<Timestamp>,
}

impl Filter {
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
