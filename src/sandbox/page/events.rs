//! The events of a provider in groups, and the editor of their payloads.

use maud::{Markup, html};

use crate::catalogue::{Event, Provider};

/// Events whose names begin with the same part.
pub(super) struct Group {
    /// The part; empty for events that do not share one.
    pub name: String,
    pub events: Vec<&'static Event>,
}

/// The events of a provider by the first part of their names, in the order of the description. Events that are alone in
/// their group are the last group.
pub(super) fn groups(provider: &'static Provider) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for event in provider.events {
        let name = first_part(event.name).to_lowercase();
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.events.push(event),
            None => groups.push(Group { name, events: vec![event] }),
        }
    }
    let (mut groups, alone): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| group.events.len() > 1);
    let events: Vec<_> = alone.into_iter().flat_map(|group| group.events).collect();
    if !events.is_empty() {
        groups.push(Group { name: String::new(), events });
    }
    groups
}

/// The part of a name in front of the first separator or of the second word.
fn first_part(name: &str) -> &str {
    let mut before = ' ';
    let is_end = |character: char| {
        let is_word = before.is_lowercase() && character.is_uppercase();
        before = character;
        is_word || matches!(character, '.' | '-' | '_' | '/' | ':')
    };
    name.find(is_end).and_then(|end| name.get(..end)).filter(|part| !part.is_empty()).unwrap_or(name)
}

impl Group {
    /// The heading of the group among others.
    pub fn title(&self) -> &str {
        if self.name.is_empty() { "others" } else { &self.name }
    }
}

/// A button for each event, and the editor.
pub(super) fn events(provider: &'static Provider) -> Markup {
    let (name, groups) = (provider.name, groups(provider));
    let action = format!("/_sandbox/{name}/deliver");
    html! {
        form.deliver method="post" action=(action) {
            @for group in &groups {
                div.group role="group" aria-label=(format!("Events: {}", group.title())) {
                    @if groups.len() > 1 { span.group-name { (group.title()) } }
                    div.events {
                        @for event in &group.events {
                            button name="event" value=(event.name) title=(event.summary) { (event.name) }
                        }
                    }
                }
            }
        }
        details.editor data-provider=(name) id=(format!("{name}-editor")) {
            summary { "Edit a payload" }
            form.deliver method="post" action=(action) {
                label for=(format!("{name}-event")) { "Event" }
                select id=(format!("{name}-event")) name="event" { (options(&groups)) }
                label for=(format!("{name}-payload")) { "Payload (JSON); the documented example if it is empty" }
                textarea id=(format!("{name}-payload")) name="payload" rows="12" spellcheck="false"
                    autocapitalize="off" aria-describedby=(format!("{name}-check")) {}
                div.check id=(format!("{name}-check")) role="status" {}
                div.row {
                    button { "Deliver this payload" }
                    button type="button" data-reset hidden { "Reset to the example" }
                }
            }
        }
    }
}

/// The options of a list of events.
pub(super) fn options(groups: &[Group]) -> Markup {
    html! {
        @for group in groups {
            optgroup label=(group.title()) {
                @for event in &group.events { option value=(event.name) { (event.name) } }
            }
        }
    }
}
