//! The registrations of a provider, and the forms that register, subscribe and delete.

use maud::{Markup, html};

use super::events::{Group, groups, options};
use crate::catalogue::{Provider, SecretOrigin};
use crate::sandbox::inbox::Received;
use crate::sandbox::registration::Registration;
use crate::sandbox::state::Inner;
use crate::sandbox::webhooks::{is_subscribed, takes_one_event};

/// The maximum number of events that are shown without a click.
const FEW: usize = 3;

/// How many requests to the inbox are shown for each provider.
const RECEIVED: usize = 10;

/// What a provider has registered, and what its inbox received.
pub(super) fn registrations(inner: &Inner, provider: &'static Provider) -> Markup {
    let registrations = inner.registrations(provider);
    let received: Vec<_> = {
        let state = inner.state();
        state.inbox.newest().filter(|it| it.provider == provider.name).take(RECEIVED).cloned().collect()
    };
    html! {
        @if registrations.is_empty() {
            p.hint { "No webhooks yet." }
        } @else {
            ul.registrations {
                @for registered in &registrations { (registration(inner, provider, registered)) }
            }
        }
        @if !received.is_empty() { (inbox(provider, &received)) }
    }
}

fn registration(inner: &Inner, provider: &'static Provider, registered: &Registration) -> Markup {
    let Registration { id, url, events, active, secret } = registered;
    let name = provider.name;
    html! {
        li {
            @if inner.is_inbox(provider, url) { span.tag { "inbox" } " " }
            code { (url) }
            @if !active { " " span.off { "not active" } }
            details id=(format!("{name}-registration-{id}")) {
                summary {
                    @if events.is_empty() { "no events" }
                    @else if events.len() > FEW { (events.len()) " events" }
                    @else { (events.join(", ")) }
                }
                dl {
                    @if id != url { dt { "Id" } dd { code { (id) } } }
                    dt { "Secret" } dd { code { (secret.expose()) } }
                    dt { "Events" } dd { (events.join(", ")) }
                }
                @if is_subscribed(provider) { (subscribe(provider, registered)) }
                form data-live method="post" action=(format!("/_sandbox/{name}/unregister")) {
                    input type="hidden" name="id" value=(id);
                    button.danger { "Delete" }
                }
            }
        }
    }
}

/// The events to which a registration is not subscribed yet.
fn subscribe(provider: &'static Provider, registered: &Registration) -> Markup {
    let is_missing = |group: Group| {
        let events = group.events.into_iter();
        let events = events.filter(|event| !registered.events.iter().any(|known| known == event.name)).collect();
        Group { events, ..group }
    };
    let missing: Vec<_> = groups(provider).into_iter().map(is_missing).collect();
    html! {
        @if missing.iter().any(|group| !group.events.is_empty()) {
            form data-live method="post" action=(format!("/_sandbox/{}/subscribe", provider.name)) {
                input type="hidden" name="id" value=(registered.id);
                (checkboxes(&missing))
                button { "Subscribe" }
            }
        }
    }
}

fn checkboxes(groups: &[Group]) -> Markup {
    html! {
        @for group in groups.iter().filter(|group| !group.events.is_empty()) {
            fieldset {
                @if groups.len() > 1 { legend { (group.title()) } }
                @for event in &group.events {
                    label.choice { input type="checkbox" name="events" value=(event.name); span { (event.name) } }
                }
            }
        }
    }
}

/// The forms that register a URL, or the inbox, as the description says.
pub(super) fn register(provider: &'static Provider) -> Markup {
    let name = provider.name;
    let (url, secret, event) = (format!("{name}-url"), format!("{name}-secret"), format!("{name}-registered"));
    let groups = groups(provider);
    let is_chosen = provider.registration.as_ref().is_some_and(|calls| calls.secret == SecretOrigin::Chosen);
    html! {
        form.receive data-live method="post" action=(format!("/_sandbox/{name}/receive")) {
            button.main { "Receive here" }
            span.hint { "Registers the inbox of the sandbox for all events." }
        }
        form.register data-live method="post" action=(format!("/_sandbox/{name}/register")) {
            @if takes_one_event(provider) {
                label for=(event) { "Event of the URL" }
                select id=(event) name="events" { (options(&groups)) }
            }
            label for=(url) { "URL to register" }
            div.row {
                input id=(url) name="url" type="url" required placeholder="http://127.0.0.1:8000/hooks";
                button { "Register" }
            }
            @if is_chosen {
                label for=(secret) { "Secret, which the caller chooses" }
                input id=(secret) name="secret" autocomplete="off" spellcheck="false";
            }
            @if !takes_one_event(provider) {
                details.choose id=(format!("{name}-choose")) {
                    summary { "Events: all, unless some are chosen" }
                    (checkboxes(&groups))
                }
            }
        }
    }
}

fn inbox(provider: &Provider, received: &[Received]) -> Markup {
    html! {
        details id=(format!("{}-inbox", provider.name)) {
            summary { "Received by the inbox" }
            ol.received {
                @for it in received {
                    li {
                        @let kind = if it.outcome.is_refusal() { "bad" } else { "good" };
                        span class=(format!("chip {kind}")) { (it.status) } " "
                        strong { (it.event.as_deref().unwrap_or("no event")) } " "
                        time.where { (it.at) }
                        @if !it.reason.is_empty() { p.bad { (it.reason) } }
                    }
                }
            }
        }
    }
}
