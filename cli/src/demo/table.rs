//! The steps for people.

use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table};
use pos_webhooks::PROVIDERS;

use super::{Outcome, Step, count, tells_its_event};
use crate::help;

/// A table with colours. Events that went well are one row for each group, unless each is asked for.
pub fn render(sandbox: &str, inbox: &str, steps: &[Step], took: Duration, verbose: bool) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).enforce_styling();
    table.style_text_only();
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
            Outcome::Ok => Cell::new("ok").fg(Color::Green),
            Outcome::Failed => Cell::new("FAILED").fg(Color::Red).add_attribute(Attribute::Bold),
            Outcome::Undocumented => Cell::new("-").add_attribute(Attribute::Dim),
        };
        let name = if is_new { Cell::new(provider).add_attribute(Attribute::Bold) } else { Cell::new("") };
        table.add_row([name, Cell::new(step.step), result, Cell::new(detail)]);
    }
    let width = help::width();
    let begun = format!("The providers are simulated at {sandbox}, the receiver is at {inbox}.");
    let what = "Each event is sent as its provider does, verified, strictly validated, decoded and acknowledged.";
    let mut text = format!("{}\n{}\n\n", help::fill(&begun, width, 0), help::fill(what, width, 0));
    for line in table.lines() {
        text += line.trim_end();
        text.push('\n');
    }
    let failed = steps.iter().filter(|step| step.result == Outcome::Failed).count();
    let seconds = took.as_secs_f64();
    if failed > 0 {
        _ = write!(text, "\n{failed} of {} FAILED, after {seconds:.1} s.\n", count(steps.len(), "step"));
    } else {
        let events = steps.iter().filter(|step| step.event.is_some()).count();
        let providers = count(PROVIDERS.len(), "provider");
        _ = write!(text, "\nAll of it held: {providers}, {}, {seconds:.1} s.\n", count(events, "event"));
    }
    text + &next()
}

/// What to do with credentials of one's own, for the last provider, and the last one with calls.
fn next() -> String {
    let Some(last) = PROVIDERS.last() else { return String::new() };
    let with_calls = PROVIDERS.iter().rfind(|provider| !provider.operations.is_empty());
    let list = with_calls.map(|provider| {
        let variable = format!("POS_WEBHOOKS_{}_TOKEN", provider.name.to_ascii_uppercase());
        (format!("hooks {} list", provider.name), format!("list your webhooks; the token is in ${variable}"))
    });
    let commands = list.into_iter().chain([
        (format!("listen {} --help", last.name), "receive deliveries, one line of JSON each".to_owned()),
        (format!("verify {} --help", last.name), "find out why a delivery is refused".to_owned()),
    ]);
    let lines = commands.map(|(command, what)| {
        let command = format!("  pos-webhooks {command:<21}  ");
        help::fill(&format!("{command}{what}"), help::width(), command.len()) + "\n"
    });
    format!("\nNext, with credentials of your own:\n{}", lines.collect::<String>())
}

/// The rows and what they say.
fn rows(steps: &[Step], verbose: bool) -> Vec<(&Step, String)> {
    let same = |a: &Step, b: &Step| {
        let grouped = |step: &Step| step.event.is_some() && step.result == Outcome::Ok && !verbose;
        grouped(a) && grouped(b) && a.provider == b.provider && group(a) == group(b)
    };
    steps.chunk_by(same).filter_map(|chunk| Some((chunk.first()?, detail(chunk, steps, verbose)))).collect()
}

/// What the names of related events begin with; empty where they do not tell.
fn group(step: &Step) -> &str {
    step.event.and_then(|name| name.split_once('.')).map_or("", |(group, _)| group)
}

fn detail(chunk: &[Step], steps: &[Step], verbose: bool) -> String {
    let [first, ..] = chunk else { return String::new() };
    let own = first.detail.replace('\n', "; ");
    let Some(event) = first.event else { return own };
    if verbose || first.result != Outcome::Ok {
        return format!("{event}: {own}");
    }
    let is_of_group =
        |step: &&Step| step.event.is_some() && step.provider == first.provider && group(step) == group(first);
    let all = count(steps.iter().filter(is_of_group).count(), "event");
    let names: Vec<_> = chunk.iter().filter_map(|step| step.event).collect();
    let names = match group(first) {
        "" => names.join(", "),
        _ if names.len() == 1 => event.to_owned(),
        group => format!("{group}.*"),
    };
    let provider = PROVIDERS.iter().find(|provider| provider.name == first.provider);
    let untold = provider.is_some_and(|provider| {
        let event = provider.events.iter().find(|known| known.name == event);
        event.is_some_and(|event| !tells_its_event(provider, event))
    });
    let kept = if untold { "; kept as they came, since payloads do not say which event they are" } else { "" };
    format!("{} of {all}: {names}{kept}", chunk.len())
}
