//! The active faults, and the form that switches another one on.

use maud::{Markup, html};

use crate::sandbox::control::OFFERED;
use crate::sandbox::state::Inner;

/// The faults that are active.
pub(super) fn faults(inner: &Inner) -> Markup {
    let faults: Vec<_> = {
        let state = inner.state();
        state.faults.iter().filter_map(|it| Some((it.id, serde_json::to_string(it.fault()).ok()?))).collect()
    };
    html! {
        @if !faults.is_empty() {
            p { "Active faults:" }
            ul.faults {
                @for (id, fault) in &faults {
                    li {
                        form data-live method="post" action="/_sandbox/faults/disarm" {
                            input type="hidden" name="id" value=(id);
                            code { (fault) }
                            button aria-label=(format!("Switch off {fault}")) { "Off" }
                        }
                    }
                }
            }
            form data-live method="post" action="/_sandbox/faults/clear" { button { "Clear all faults" } }
        }
    }
}

/// The form that switches a fault on.
pub(super) fn form(inner: &Inner) -> Markup {
    html! {
        details id="new-fault" {
            summary { "Switch a fault on" }
            form.fields data-live method="post" action="/_sandbox/faults" {
                div {
                    label for="fault" { "Fault" }
                    select id="fault" name="fault" {
                        @for (side, kind, meaning) in OFFERED { option value=(format!("{side}/{kind}")) { (meaning) } }
                    }
                }
                div {
                    label for="fault-number" { "Delay or status" }
                    input id="fault-number" name="number" inputmode="numeric" pattern="[0-9]*";
                }
                div {
                    label for="fault-provider" { "Provider" }
                    select id="fault-provider" name="provider" {
                        option value="" { "all" }
                        @for provider in &inner.providers { option value=(provider.name) { (provider.name) } }
                    }
                }
                div {
                    label for="fault-times" { "Times" }
                    input id="fault-times" name="times" inputmode="numeric" pattern="[0-9]*" placeholder="always";
                }
                button { "Switch on" }
            }
        }
    }
}
