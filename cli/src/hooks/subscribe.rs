//! Subscribes registrations to events, at a provider that documents operations for it.

use std::io::{self, Write as _};
use std::mem;
use std::process::ExitCode;

use pos_webhooks::catalogue::{Operation, Provider, RegistrationCall, Role, SubscriptionCalls, Values};
use pos_webhooks::client::{AnyAnswer, AnyClient};
use serde_json::{Map, Value};
use tokio::runtime::Runtime;

use super::commands::{Common, Format};
use super::{AnswerTree, Call, event_names, finish, note, read, refuse, show, validated};
use crate::report::Plain;
use crate::stop::Stop;
use crate::suggest;

/// The maximum number of pages of events that are read.
const PAGES: usize = 100;

/// Makes the calls that subscribe a registration.
pub struct Subscriber<'a> {
    pub calls: &'static SubscriptionCalls,
    pub common: &'a Common,
    pub runtime: Runtime,
    pub client: AnyClient,
    /// Whether a response was shown, after which the next one begins with an empty line.
    pub has_shown: bool,
}

/// The id of a registration in the response that created it.
pub fn created_id(provider: &'static Provider, answer: &AnyAnswer) -> Option<String> {
    let create = &provider.registration.as_ref()?.create;
    let answer = serde_json::from_slice(answer.body()).ok()?;
    text(create.read_response(&answer).first()?, Role::Id)
}

impl Subscriber<'_> {
    /// The events with these names in the account's list, or the result of the command if there is none of a name. A name
    /// that the specification does not have is looked for all the same.
    pub fn events(&mut self, call: &mut Call, names: &[String]) -> Result<Vec<Values>, Result<ExitCode, Stop>> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let Some(documented) = &self.calls.events else {
            let known = event_names::registrable(call.provider);
            let names = event_names::selected(call.provider, names, &known).map_err(|wrong| Err(Stop::Usage(wrong)))?;
            return Ok(names.into_iter().map(|name| Values::from([(Role::Event, name.into())])).collect());
        };
        let found = |listed: &[Values], name: &str| {
            listed.iter().find(|event| text(event, Role::Event).as_deref() == Some(name)).cloned()
        };
        let mut listed: Vec<Values> = Vec::new();
        let operation = operation(call.provider, documented).map_err(Err)?;
        let own = (call.operation, mem::take(&mut call.parameters), mem::take(&mut call.body));
        for page in 1..=PAGES {
            let parameter = documented.page.filter(|_| page > 1).map(|name| (name, page.to_string()));
            (call.operation, call.parameters, call.body) = (operation, parameter.into_iter().collect(), String::new());
            let answer = match call.send(&self.runtime, &self.client, self.common) {
                Ok(answer) => answer,
                done => return Err(finish(call, self.common, done, false, None).map(|_| ExitCode::FAILURE)),
            };
            let answer = serde_json::from_slice(answer.body()).unwrap_or_default();
            let before = listed.len();
            for event in documented.read_response(&answer) {
                if !listed.contains(&event) {
                    listed.push(event);
                }
            }
            let is_complete =
                !event_names::has_pattern(names) && names.iter().all(|name| found(&listed, name).is_some());
            if is_complete || documented.page.is_none() || listed.len() == before {
                break;
            }
        }
        let of_account: Vec<_> = listed.iter().filter_map(|event| text(event, Role::Event)).collect();
        let of_account: Vec<_> = of_account.iter().map(String::as_str).collect();
        let selected = event_names::selected(call.provider, names, &of_account).and_then(|names| {
            let list = format!("pos-webhooks hooks {} events{}", call.provider.name, self.common.target.options());
            let unknown = names.iter().filter(|name| !of_account.contains(&name.as_str())).map(|name| {
                let instead = suggest::instead(of_account.iter().copied(), name, &list);
                let name = Plain(name);
                format!("the account does not have the event `{name}`, and nothing was changed; {instead}")
            });
            let unknown: Vec<_> = unknown.collect();
            if unknown.is_empty() { Ok(names) } else { Err(unknown.join("\n")) }
        });
        let known = match selected {
            Ok(known) => known,
            Err(message) => {
                refuse(call, self.common, &message);
                return Err(Ok(ExitCode::FAILURE));
            }
        };
        for name in known.iter().filter(|name| call.provider.event(name).is_none()) {
            let name = Plain(name);
            note(
                self.common,
                format_args!("the specification does not describe the event `{name}`, but the account has it"),
            );
        }
        (call.operation, call.parameters, call.body) = own;
        Ok(known.iter().filter_map(|name| found(&listed, name)).collect())
    }

    /// Subscribes a registration to events, with these other members of the request.
    pub fn subscribe(
        &mut self,
        call: &mut Call,
        registration: &str,
        events: &[Values],
        members: &Map<String, Value>,
    ) -> Result<ExitCode, Stop> {
        let create = &self.calls.create;
        let operation = operation(call.provider, create)?;
        // The parameters of another operation, which created the registration, are not those of this one.
        let same = call.operation.id == operation.id;
        let given = if same { mem::take(&mut call.parameters) } else { Vec::new() };
        // For people, the responses are one table.
        let is_table = self.common.format == Format::Human && events.len() > 1;
        let (mut created, mut shown) = (Vec::new(), ExitCode::SUCCESS);
        for (index, event) in events.iter().enumerate() {
            let mut values = event.clone();
            values.insert(Role::Registration, registration.into());
            let mut body = create.body(&values).unwrap_or_default();
            if let Some(body) = body.as_object_mut() {
                body.extend(members.clone());
            }
            call.operation = operation;
            call.parameters = given.iter().cloned().chain(create.parameters(&values)).collect();
            let request = operation.request.as_ref().map(|request| validated(call.provider, request, body.to_string()));
            let done = request.transpose().and_then(|body| {
                call.body = body.unwrap_or_default();
                if !is_table {
                    self.separate(call);
                }
                let done = call.send(&self.runtime, &self.client, self.common);
                match read(call, self.common, done, false, None)? {
                    (status, Some(answer)) if is_table => {
                        created.push(answer.into_record());
                        Ok(status)
                    }
                    (status, Some(answer)) => Ok(show(call, self.common, &answer, status, false)),
                    (status, None) => Ok(status),
                }
            });
            let is_done = done.as_ref().is_ok_and(|status| *status == ExitCode::SUCCESS);
            if !created.is_empty() && (!is_done || index + 1 == events.len()) {
                self.separate(call);
                shown = show(call, self.common, &AnswerTree::List(mem::take(&mut created)), shown, false);
            }
            if !done.as_ref().is_ok_and(|status| *status == ExitCode::SUCCESS) {
                // If nothing has changed, the same command can be given again.
                if index > 0 || !same {
                    self.go_on(call.provider, registration, events, index, same);
                }
                return done;
            }
        }
        Ok(shown)
    }

    /// Separates what is shown next from what was shown before.
    fn separate(&mut self, call: &Call) {
        if self.common.format == Format::Human && !call.quiet && mem::replace(&mut self.has_shown, true) {
            // `show` reports it if nothing can be written.
            let _ = io::stdout().write_all(b"\n");
        }
    }

    /// Reports how far the subscriptions came, and the command that makes the others. `again` says that it is the same
    /// command, with other events.
    fn go_on(&self, provider: &'static Provider, registration: &str, events: &[Values], done: usize, again: bool) {
        let names = |events: &[Values]| events.iter().filter_map(|event| text(event, Role::Event)).collect::<Vec<_>>();
        let (made, open) = events.split_at_checked(done).unwrap_or_default();
        let made = match names(made).as_slice() {
            [] => "not subscribed to any of the events".to_owned(),
            names => format!("subscribed to {}", Plain(&names.join(", "))),
        };
        if again {
            let (id, open) = (Plain(registration), names(open).join(", "));
            let open = Plain(&open);
            return note(self.common, format_args!("the webhook {id} is {made}; give the command again for: {open}"));
        }
        let options: String = names(open).iter().map(|name| format!(" --events {}", Plain(name))).collect();
        let (name, id, target) = (provider.name, Plain(registration), self.common.target.options());
        note(
            self.common,
            format_args!(
                "the webhook {id} exists and is {made}; to go on: pos-webhooks hooks {name} subscribe {id}{options}{target}"
            ),
        );
    }

    /// Reports that a new registration is not subscribed to any event, and the commands for it.
    pub fn suggest(&self, provider: &'static Provider, id: Option<&str>) {
        let (name, id, target) = (provider.name, Plain(id.unwrap_or("ID")), self.common.target.options());
        let list = match self.calls.events {
            Some(_) => format!("; `pos-webhooks hooks {name} events{target}` lists the events"),
            None => String::new(),
        };
        note(
            self.common,
            format_args!(
                "the webhook is not subscribed to any event yet, so nothing is delivered: \
                `pos-webhooks hooks {name} subscribe {id} --events EVENT{target}` subscribes it{list}"
            ),
        );
    }
}

fn operation(provider: &'static Provider, call: &RegistrationCall) -> Result<&'static Operation, Stop> {
    let unknown = || Stop::Usage(format!("{} does not have an operation `{}`", provider.name, call.operation));
    provider.operation(call.operation).ok_or_else(unknown)
}

fn text(values: &Values, role: Role) -> Option<String> {
    values.get(&role)?.as_str().map(str::to_owned)
}
