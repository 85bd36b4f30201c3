//! Subscriptions of registrations to events, at a provider that documents operations for them.

use serde_json::Value;

use super::described::{Backend, asked, in_numbers, problem, text, values};
use super::special::{Shown, Stored, Subscription};
use crate::catalogue::{Event, Provider, RegistrationCall, Role, SubscriptionCalls, Values};
use crate::sandbox::attempt::Attempt;
use crate::sandbox::call::{Answer, Broken, Call, Problem, RefusalReason, Test};
use crate::sandbox::random::Random;

/// What an operation does with subscriptions.
#[derive(Clone, Copy)]
enum Task {
    Events,
    Create,
    List,
    Get,
    Update,
    Delete,
    Test,
}

/// Why a call on subscriptions is refused.
enum Refusal {
    Unknown,
    Subscribed,
    Invalid(Vec<Problem>),
}

impl Refusal {
    fn reason(&self) -> RefusalReason<'_> {
        match self {
            Self::Unknown => RefusalReason::Unknown,
            Self::Subscribed => RefusalReason::Subscribed,
            Self::Invalid(problems) => RefusalReason::Invalid(problems),
        }
    }
}

impl Backend {
    /// Executes a call on subscriptions; `None` if the operation is not one of these.
    pub(super) fn subscriptions(&mut self, call: &Call<'_>) -> Option<Result<Answer, Broken>> {
        let calls = self.provider.registration.as_ref()?.subscriptions.as_ref()?;
        let (task, documented) = task(calls, call)?;
        let asked = asked(call, documented);
        let place = match task {
            Task::Events => return Some(self.answer_events(call, documented)),
            Task::List => return Some(self.answer_subscriptions(call, documented, &self.shown_subscriptions())),
            Task::Create => self.subscribe(documented, &asked, call),
            Task::Get | Task::Update | Task::Delete | Task::Test => {
                self.place(text(&asked, Role::Id)).ok_or(Refusal::Unknown)
            }
        };
        Some(match place {
            Err(refusal) => self.refuse(call, refusal.reason()),
            Ok(place) => self.at_place(task, call, documented, &asked, place),
        })
    }

    /// Executes a call on an existing subscription.
    fn at_place(
        &mut self,
        task: Task,
        call: &Call<'_>,
        documented: &'static RegistrationCall,
        asked: &Values,
        (registration, subscription): (usize, usize),
    ) -> Result<Answer, Broken> {
        if let (Task::Update, Some(filter)) = (task, asked.get(&Role::Filter)) {
            let filter = match filter_of(filter, documented) {
                Ok(filter) => filter,
                Err(problem) => return self.refuse(call, RefusalReason::Invalid(&[problem])),
            };
            let stored = self.stored.get_mut(registration).and_then(|it| it.subscriptions.get_mut(subscription));
            stored.into_iter().for_each(|stored| stored.filter.clone_from(&filter));
        }
        let Some(stored) = self.stored.get(registration) else { return call.answer_as_documented() };
        let shown = Shown { stored, subscription: stored.subscriptions.get(subscription) };
        let mut answer = self.answer_subscriptions(call, documented, &[shown])?;
        if let (Task::Test, Some(subscription)) = (task, shown.subscription) {
            let event = self.provider.events.iter().find(|event| event.name == subscription.event);
            answer.test = event.map(|event| Test { registration: stored.registration.clone(), event });
        }
        if let (Task::Delete, Some(stored)) = (task, self.stored.get_mut(registration)) {
            stored.subscriptions.remove(subscription);
            stored.subscriptions_changed();
        }
        Ok(answer)
    }

    /// Stores a new subscription, and returns its place.
    fn subscribe(
        &mut self,
        documented: &RegistrationCall,
        asked: &Values,
        call: &Call<'_>,
    ) -> Result<(usize, usize), Refusal> {
        let pointer = |role| documented.request.get(&role).copied().unwrap_or_default();
        let mut problems = Vec::new();
        let registration = match text(asked, Role::Registration) {
            Some(id) => self.stored.iter().position(|it| it.registration.id.eq_ignore_ascii_case(id)),
            // The only registration of the account does not have to be named.
            None => (self.stored.len() == 1).then_some(0),
        };
        if registration.is_none() {
            let missing = text(asked, Role::Registration).is_none();
            let reason = if missing {
                "it is required unless there is exactly one registration"
            } else {
                "there is no such registration"
            };
            problems.push(problem(pointer(Role::Registration), missing, reason));
        }
        let events = self.provider.events.iter();
        let event = match (text(asked, Role::EventId), text(asked, Role::Event)) {
            (Some(id), _) => {
                events.map(|it| it.name).find(|name| event_id(self.provider, name).eq_ignore_ascii_case(id))
            }
            (None, Some(asked)) => events.map(|it| it.name).find(|name| *name == asked),
            (None, None) => None,
        };
        if event.is_none() {
            let role = if documented.request.contains_key(&Role::EventId) { Role::EventId } else { Role::Event };
            problems.push(problem(pointer(role), false, "the account does not have this event"));
        }
        let filter = asked.get(&Role::Filter).map(|filter| filter_of(filter, documented)).transpose();
        let filter = filter.map_err(|problem| problems.push(problem)).ok().flatten();
        let (Some(registration), Some(event), []) = (registration, event, problems.as_slice()) else {
            return Err(Refusal::Invalid(problems));
        };
        let is_subscribed =
            self.stored.get(registration).is_some_and(|it| it.registration.events.iter().any(|name| name == event));
        if is_subscribed {
            return Err(Refusal::Subscribed);
        }
        let subscription = Subscription {
            id: self.random.id(),
            event: event.to_owned(),
            filter: filter.unwrap_or_default(),
            kept: self.special.keep(call),
        };
        let stored = self.stored.get_mut(registration).ok_or(Refusal::Unknown)?;
        stored.subscriptions.push(subscription);
        stored.subscriptions_changed();
        Ok((registration, stored.subscriptions.len() - 1))
    }

    /// Whether the subscription of a registration to an event has a filter.
    pub fn has_filter(&self, registration: &str, event: &str) -> bool {
        let stored = self.stored.iter().filter(|stored| stored.registration.id == registration);
        stored.flat_map(|it| &it.subscriptions).any(|it| it.event == event && !it.filter.is_null())
    }

    /// The place of a subscription: the positions of its registration and of itself.
    fn place(&self, id: Option<&str>) -> Option<(usize, usize)> {
        let id = id?;
        self.stored.iter().enumerate().find_map(|(registration, stored)| {
            let subscription = stored.subscriptions.iter().position(|it| it.id.eq_ignore_ascii_case(id))?;
            Some((registration, subscription))
        })
    }

    fn shown_subscriptions(&self) -> Vec<Shown<'_>> {
        self.stored.iter().flat_map(shown).collect()
    }

    fn answer_events(&self, call: &Call<'_>, documented: &RegistrationCall) -> Result<Answer, Broken> {
        let event = |event: &Event| {
            let id = event_id(self.provider, event.name);
            Values::from([(Role::EventId, id.into()), (Role::Event, event.name.into())])
        };
        let events: Vec<_> = self.provider.events.iter().map(event).collect();
        self.answer_with(call, documented, &events, &[])
    }

    fn answer_subscriptions(
        &self,
        call: &Call<'_>,
        documented: &RegistrationCall,
        shown: &[Shown<'_>],
    ) -> Result<Answer, Broken> {
        let of = |shown: &Shown<'_>, in_numbers| {
            let mut values = values(&shown.stored.registration, in_numbers);
            let id = values.remove(&Role::Id);
            values.extend(id.map(|id| (Role::Registration, id)));
            if let Some(Subscription { id, event, filter, .. }) = shown.subscription {
                values.insert(Role::Id, id.as_str().into());
                values.insert(Role::EventId, event_id(self.provider, event).into());
                values.insert(Role::Event, event.as_str().into());
                values.insert(Role::Filter, filter.clone());
            }
            values
        };
        let in_numbers = in_numbers(call, documented);
        let values: Vec<_> = shown.iter().map(|shown| of(shown, in_numbers)).collect();
        self.answer_with(call, documented, &values, shown)
    }

    /// The response to a call that had an event delivered, with the outcome.
    pub fn tested(&self, mut answer: Answer, attempt: Option<&Attempt>) -> Result<Answer, Broken> {
        let mut body: Value = serde_json::from_str(&answer.body)?;
        self.special.complete_test(attempt, &mut body);
        answer.body = body.to_string();
        Ok(answer)
    }
}

/// The subscriptions of a registration.
fn shown(stored: &Stored) -> impl Iterator<Item = Shown<'_>> {
    stored.subscriptions.iter().map(move |subscription| Shown { stored, subscription: Some(subscription) })
}

fn task(calls: &'static SubscriptionCalls, call: &Call<'_>) -> Option<(Task, &'static RegistrationCall)> {
    let tasks = [
        (Task::Events, calls.events.as_ref()),
        (Task::Create, Some(&calls.create)),
        (Task::List, calls.list.as_ref()),
        (Task::Get, calls.get.as_ref()),
        (Task::Update, calls.update.as_ref()),
        (Task::Delete, calls.delete.as_ref()),
        (Task::Test, calls.test.as_ref()),
    ];
    let mut tasks = tasks.into_iter().filter_map(|(task, documented)| Some((task, documented?)));
    tasks.find(|(_, documented)| documented.operation == call.operation.id)
}

/// The id of an event of the account: that of the first documented list if the event is in it, otherwise one that is
/// made of its name.
fn event_id(provider: &'static Provider, name: &str) -> String {
    let calls = provider.registration.as_ref().and_then(|it| it.subscriptions.as_ref());
    let documented = calls.and_then(|calls| calls.events.as_ref()).and_then(|events| {
        let listed = provider.operation(events.operation)?.success()?.body.as_ref()?.examples.first()?;
        let listed = events.read_response(&serde_json::from_str(listed.json).ok()?);
        let mut listed = listed.into_iter().filter(|event| text(event, Role::Event) == Some(name));
        text(&listed.next()?, Role::EventId).map(str::to_owned)
    });
    documented.unwrap_or_else(|| Random::new(0, &format!("event {name} of {}", provider.name)).id())
}

/// A filter as a JSON object, which a form has as text.
fn filter_of(filter: &Value, documented: &RegistrationCall) -> Result<Value, Problem> {
    let filter = match filter {
        Value::String(text) => serde_json::from_str(text).unwrap_or_default(),
        other => other.clone(),
    };
    if filter.is_object() {
        return Ok(filter);
    }
    let pointer = documented.request.get(&Role::Filter).copied().unwrap_or_default();
    Err(problem(pointer, false, "it is not a JSON object"))
}
