//! Formats the steps as a table.

use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table};

use super::step::{Step, StepResult, count, tells_its_event};
use crate::report::Plain;
use crate::{help, providers};

/// How many events a row names if they do not belong to a group.
const MAX_NAMES: usize = 4;

/// The steps that failed, one a line.
pub fn failed(steps: &[Step]) -> String {
    let line = |step: &Step| {
        let event = step.event.map_or_else(String::new, |event| format!(" {event}"));
        format!("{} {}{event}: FAILED: {}\n", step.provider, step.step, Plain(&step.detail))
    };
    steps.iter().map(line).collect()
}

/// Formats a table with colours. Events that succeeded are one row for each group, unless `verbose` is set.
pub fn render(sandbox: &str, steps: &[Step], took: Duration, verbose: bool) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).enforce_styling();
    table.style_text_only();
    // A terminal can report a width of zero.
    if table.is_tty() {
        table.set_width(u16::try_from(help::width()).unwrap_or(u16::MAX));
    }
    let head = |name: &str| Cell::new(name).add_attribute(Attribute::Dim);
    table.set_header(["provider", "step", "result", "what happened"].map(head));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut provider = "";
    for (index, (step, detail)) in rows(steps, verbose).into_iter().enumerate() {
        let is_new = step.provider != provider;
        provider = step.provider;
        if is_new && index > 0 {
            table.add_row([""]);
        }
        let result = match step.result {
            StepResult::Ok => Cell::new("ok").fg(Color::Green),
            StepResult::Failed => Cell::new("FAILED").fg(Color::Red).add_attribute(Attribute::Bold),
            StepResult::Undocumented => Cell::new("-").add_attribute(Attribute::Dim),
        };
        let name = if is_new { Cell::new(provider).add_attribute(Attribute::Bold) } else { Cell::new("") };
        table.add_row([name, Cell::new(step.step), result, Cell::new(detail)]);
    }
    let width = help::width();
    let begun = format!("The providers are simulated at {sandbox}, the receiver is at {sandbox}.");
    let what = "Each event is sent as its provider does, verified, strictly validated, decoded and acknowledged.";
    let mut text = format!("{}\n{}\n\n", help::fill(&begun, width, 0), help::fill(what, width, 0));
    for line in table.lines() {
        text += line.trim_end();
        text.push('\n');
    }
    let failed = steps.iter().filter(|step| step.result == StepResult::Failed).count();
    let seconds = took.as_secs_f64();
    if failed > 0 {
        _ = write!(text, "\n{failed} of {} FAILED, after {seconds:.1} s.\n", count(steps.len(), "step"));
    } else {
        let events = steps.iter().filter(|step| step.event.is_some()).count();
        let providers = count(providers::all().len(), "provider");
        _ = write!(text, "\nEvery step succeeded: {providers}, {}, {seconds:.1} s.\n", count(events, "event"));
    }
    text + &next()
}

/// The next commands to try with real credentials, for the last provider with events and the last one with registrations.
fn next() -> String {
    let Some(last) = providers::all().iter().rfind(|provider| !provider.events.is_empty()) else {
        return String::new();
    };
    let with_calls = providers::all().iter().rfind(|provider| provider.registration.is_some());
    let list = with_calls.map(|provider| {
        let variable = format!("POS_WEBHOOKS_{}_TOKEN", provider.name.to_ascii_uppercase());
        (
            format!("hooks {} list{}", provider.name, providers::option_of(provider)),
            format!("list your webhooks; the token is in ${variable}"),
        )
    });
    let commands = list.into_iter().chain([
        (
            format!("listen {} --help{}", last.name, providers::option_of(last)),
            "receive deliveries, one line of JSON each".to_owned(),
        ),
        (
            format!("verify {} --help{}", last.name, providers::option_of(last)),
            "find out why a delivery is refused".to_owned(),
        ),
    ]);
    let lines = commands.map(|(command, what)| {
        let command = format!("  pos-webhooks {command:<21}  ");
        help::fill(&format!("{command}{what}"), help::width(), command.len()) + "\n"
    });
    format!("\nNext, with credentials of your own:\n{}", lines.collect::<String>())
}

/// The rows and their texts.
fn rows(steps: &[Step], verbose: bool) -> Vec<(&Step, String)> {
    let same = |a: &Step, b: &Step| {
        let grouped = |step: &Step| step.event.is_some() && step.result == StepResult::Ok && !verbose;
        grouped(a) && grouped(b) && a.provider == b.provider && group(a) == group(b)
    };
    steps.chunk_by(same).filter_map(|chunk| Some((chunk.first()?, detail(chunk, steps, verbose)))).collect()
}

/// The common beginning of the names of related events; empty if there is none.
fn group(step: &Step) -> &str {
    step.event.and_then(|name| name.split_once('.')).map_or("", |(group, _)| group)
}

fn detail(chunk: &[Step], steps: &[Step], verbose: bool) -> String {
    let [first, ..] = chunk else { return String::new() };
    let own = first.detail.replace('\n', "; ");
    let Some(event) = first.event else { return own };
    if verbose || first.result != StepResult::Ok {
        return format!("{event}: {own}");
    }
    let is_of_group =
        |step: &&Step| step.event.is_some() && step.provider == first.provider && group(step) == group(first);
    let all = count(steps.iter().filter(is_of_group).count(), "event");
    let names: Vec<_> = chunk.iter().filter_map(|step| step.event).collect();
    let names = match group(first) {
        "" => match names.split_at_checked(MAX_NAMES) {
            Some((first, others)) if others.len() > 1 => format!("{} and {} more", first.join(", "), others.len()),
            _ => names.join(", "),
        },
        _ if names.len() == 1 => event.to_owned(),
        group => format!("{group}.*"),
    };
    let provider = providers::all().iter().find(|provider| provider.name == first.provider);
    let untold = provider.is_some_and(|provider| {
        let event = provider.events.iter().find(|known| known.name == event);
        event.is_some_and(|event| !tells_its_event(provider, event))
    });
    let kept = if untold { "; kept as received, because payloads do not identify their event" } else { "" };
    format!("{} of {all}: {names}{kept}", chunk.len())
}
