//! The deliveries: a row for each, with its attempts and the time of the next one.

use std::collections::BTreeMap;

use maud::{Markup, html};
use reqwest::Url;
use serde::Deserialize;

use super::attempt::attempt as details;
use crate::sandbox::attempt::Attempt;
use crate::sandbox::state::{Inner, LOG};

/// How many deliveries are shown unless more are asked for, and how many more are then shown.
const SHOWN: usize = 100;

/// Which deliveries are shown.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct View {
    pub provider: String,
    /// A part of the event's name.
    pub event: String,
    pub result: String,
    pub show: Option<usize>,
}

/// What became of a delivery.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Acknowledged,
    Waiting,
    Failed,
}

const OUTCOMES: [(Outcome, &str); 3] =
    [(Outcome::Acknowledged, "acknowledged"), (Outcome::Waiting, "waiting"), (Outcome::Failed, "failed")];

/// A delivery and its attempts, oldest first.
pub(super) struct Row {
    pub number: u64,
    attempts: Vec<Attempt>,
}

/// The deliveries that are shown, newest first.
pub(super) struct Shown {
    pub rows: Vec<Row>,
    /// How many others there are that match.
    pub more: usize,
    /// The last number among those that are not shown any more.
    pub cleared: u64,
    /// How many of the oldest attempts the log does not have any more.
    pub dropped: u64,
    /// Deliveries with a new attempt that do not match.
    pub gone: Vec<u64>,
    /// The number of the last attempt.
    pub last: u64,
}

impl View {
    fn limit(&self) -> usize {
        self.show.unwrap_or(SHOWN)
    }

    fn is_filtered(&self) -> bool {
        [&self.provider, &self.event, &self.result].into_iter().any(|it| !it.is_empty())
    }

    fn matches(&self, attempts: &[&Attempt]) -> bool {
        let Some(last) = attempts.last() else { return false };
        let outcome = OUTCOMES.iter().find(|(it, _)| *it == outcome(last)).map_or("", |(_, name)| name);
        (self.provider.is_empty() || self.provider == last.provider)
            && last.event.to_lowercase().contains(&self.event.trim().to_lowercase())
            && (self.result.is_empty() || self.result == outcome)
    }

    /// The address of the page with more deliveries.
    fn with_more(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("provider", &self.provider).append_pair("event", &self.event);
        query.append_pair("result", &self.result).append_pair("show", &(self.limit() + SHOWN).to_string());
        format!("/?{}#more", query.finish())
    }

    /// The deliveries to show that have an attempt after this one.
    pub fn shown(&self, inner: &Inner, after: u64) -> Shown {
        let state = inner.state();
        let mut deliveries: BTreeMap<u64, Vec<&Attempt>> = BTreeMap::new();
        for attempt in state.log.iter().filter(|attempt| attempt.delivery > state.cleared) {
            deliveries.entry(attempt.delivery).or_default().push(attempt);
        }
        let (mut rows, mut gone, mut matching) = (Vec::new(), Vec::new(), 0);
        for (number, attempts) in deliveries.into_iter().rev() {
            let is_new = attempts.last().is_some_and(|last| last.number > after);
            if self.matches(&attempts) {
                matching += 1;
                if is_new && matching <= self.limit() {
                    rows.push(Row { number, attempts: attempts.into_iter().cloned().collect() });
                }
            } else if is_new {
                gone.push(number);
            }
        }
        let more = matching.saturating_sub(self.limit());
        let last = state.log.back().map_or(0, |attempt| attempt.number);
        // Those that were cleared are not missed.
        let oldest = state.log.front().filter(|oldest| oldest.delivery > state.cleared);
        let dropped = oldest.map_or(0, |oldest| oldest.number.saturating_sub(1));
        Shown { rows, more, cleared: state.cleared, dropped, gone, last }
    }
}

fn outcome(last: &Attempt) -> Outcome {
    match &last.next_at {
        _ if last.is_acknowledged() => Outcome::Acknowledged,
        Some(_) => Outcome::Waiting,
        None => Outcome::Failed,
    }
}

/// The heading, the filter and the rows.
pub(super) fn deliveries(inner: &Inner, view: &View) -> Markup {
    let shown = view.shown(inner, 0);
    html! {
        div.heading {
            h2 #log-title { "Deliveries" }
            form data-live method="post" action="/_sandbox/log/clear" { button { "Clear" } }
        }
        (filter(inner, view))
        p #nothing hidden[!shown.rows.is_empty()] {
            @if view.is_filtered() { "No delivery matches the filter." }
            @else { "No deliveries yet. Press “Receive here” at a provider, then the button of an event." }
        }
        ol #deliveries role="log" aria-label="Deliveries" data-last=(shown.last) data-limit=(view.limit()) {
            @for shown in &shown.rows { (row(inner, shown)) }
        }
        div #more data-part="more" { (more(view, &shown)) }
    }
}

/// The link to more deliveries, and how many attempts are gone.
pub(super) fn more(view: &View, shown: &Shown) -> Markup {
    let Shown { more, dropped, .. } = shown;
    html! {
        @if *more > 0 { a.more href=(view.with_more()) { "Show more (" (more) " older)" } }
        @if *dropped > 0 {
            p.hint { "The log keeps the newest " (LOG) " attempts. Older ones that it does not have any more: " (dropped) "." }
        }
    }
}

/// A filter that works without a script.
fn filter(inner: &Inner, view: &View) -> Markup {
    html! {
        form.fields method="get" action="/#log" {
            div {
                label for="filter-provider" { "Provider" }
                select id="filter-provider" name="provider" {
                    option value="" { "all" }
                    @for provider in &inner.providers {
                        option value=(provider.name) selected[view.provider == provider.name] { (provider.name) }
                    }
                }
            }
            div {
                label for="filter-event" { "Event" }
                input id="filter-event" name="event" type="search" value=(view.event) placeholder="all";
            }
            div {
                label for="filter-result" { "Result" }
                select id="filter-result" name="result" {
                    option value="" { "all" }
                    @for (_, name) in OUTCOMES { option value=(name) selected[view.result == name] { (name) } }
                }
            }
            button { "Filter" }
            @if view.is_filtered() { a.reset href="/#log" { "Show all" } }
        }
    }
}

/// One delivery.
pub(super) fn row(inner: &Inner, row: &Row) -> Markup {
    let Some(last) = row.attempts.last() else { return html! {} };
    html! {
        li data-number=(row.number) {
            details {
                summary {
                    strong { (last.event) } " "
                    span.chips {
                        @for attempt in &row.attempts { (chip(attempt)) }
                    }
                    span.where {
                        (last.provider) " · " span.receiver { (receiver(inner, last)) } " · " time { (clock(last.at.as_str())) }
                        @if let Some(at) = &last.next_at { " · next attempt " time.next role="timer" data-next=(at) { "at " (clock(at.as_str())) } }
                    }
                }
                @for attempt in &row.attempts {
                    @if row.attempts.len() > 1 {
                        details.attempt open[attempt.number == last.number] {
                            summary { "Attempt " (attempt.attempt) " " (chip(attempt)) }
                            (details(inner, attempt))
                        }
                    } @else {
                        (details(inner, attempt))
                    }
                }
            }
        }
    }
}

/// The receiver: the host and the path of its URL. The query may have a secret.
fn receiver(inner: &Inner, attempt: &Attempt) -> String {
    if inner.provider(attempt.provider).is_ok_and(|provider| inner.is_inbox(provider, &attempt.url)) {
        return "inbox".to_owned();
    }
    let Ok(url) = Url::parse(&attempt.url) else { return attempt.url.clone() };
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    format!("{}{port}{}", url.host_str().unwrap_or_default(), url.path())
}

/// The result of an attempt.
fn chip(attempt: &Attempt) -> Markup {
    let kind = if attempt.is_acknowledged() { "good" } else { "bad" };
    let (text, why) = match (attempt.status, &attempt.error) {
        (Some(status), _) => (status.to_string(), format!("Attempt {}", attempt.attempt)),
        (None, error) if attempt.request.headers.is_empty() => {
            ("not sent".to_owned(), error.clone().unwrap_or_default())
        }
        (None, error) => ("no response".to_owned(), error.clone().unwrap_or_default()),
    };
    html! {
        span class=(format!("chip {kind}")) title=(why) { (text) }
    }
}

/// The time of day of a time in RFC 3339 form.
fn clock(at: &str) -> &str {
    at.get(11..19).unwrap_or(at)
}
