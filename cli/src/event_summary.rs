//! An event as one short line on a terminal.

use std::time::Duration;

use jiff::Timestamp;
use pos_webhooks::catalogue::Provider;
use pos_webhooks::validate::Invalid;

use crate::help;
use crate::report::Plain;

/// The number of characters of an idempotency key that are shown.
const KEY: usize = 8;

/// From this age on, a time is shown with its date.
const OLD: Duration = Duration::from_secs(12 * 3600);

/// A genuine delivery, for people.
pub struct EventSummary<'a> {
    pub time: Timestamp,
    /// The name of the route, if it is another one than that of the provider.
    pub route: Option<&'a str>,
    pub provider: &'a str,
    /// The specification, if it is known.
    pub specification: Option<&'static Provider>,
    pub event: Option<&'a str>,
    pub idempotency_key: Option<&'a str>,
    pub body: &'a [u8],
    /// How long it has taken to handle the delivery.
    pub after: Option<Duration>,
}

impl EventSummary<'_> {
    /// The line, as wide as the terminal at most, with a newline at the end.
    pub fn to_bytes(&self) -> Vec<u8> {
        let age = Duration::try_from(Timestamp::now().duration_since(self.time)).unwrap_or_default();
        let time = self.time.strftime(if age < OLD { "%H:%M:%SZ" } else { "%Y-%m-%d %H:%M:%SZ" });
        let route = self.route.map(|route| format!("{}  ", Plain(route))).unwrap_or_default();
        let key: String = self.idempotency_key.unwrap_or("-").chars().take(KEY).collect();
        let event = Plain(self.event.unwrap_or("-")).to_string();
        let (name, key, valid) = (Plain(self.provider), Plain(&key), self.valid());
        let after = self.after.map(|after| format!("  {} ms", after.as_millis())).unwrap_or_default();
        let (time, middle) = (time.to_string(), format!("{route}{name}  {event}  {key:KEY$}"));
        let end = format!("{valid}{after}");
        // On a narrow terminal, whether the payload is valid matters more than the key and the end of the name.
        let width = help::line_width();
        let middle = shortened(middle, width.saturating_sub(time.len() + end.len() + 4));
        let mut line: String = format!("{time}  {middle}  {end}").chars().take(width).collect();
        line.push('\n');
        line.into_bytes()
    }

    /// Whether the payload matches the specification.
    fn valid(&self) -> String {
        let Some(provider) = self.specification else { return "unknown".to_owned() };
        match provider.validate(self.event.unwrap_or_default(), self.body) {
            Ok(()) => "valid".to_owned(),
            Err(Invalid::Violations(found)) if found.is_truncated() => format!("invalid: {} or more", found.len()),
            Err(Invalid::Violations(found)) => format!("invalid: {}", found.len()),
            Err(Invalid::NotJson(_)) => "not JSON".to_owned(),
            // There is no schema to validate against.
            Err(_) => "unknown".to_owned(),
        }
    }
}

/// The beginning of a text, with an ellipsis if it is longer.
fn shortened(text: String, most: usize) -> String {
    if text.chars().count() <= most {
        return text;
    }
    let beginning: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", beginning.trim_end())
}
