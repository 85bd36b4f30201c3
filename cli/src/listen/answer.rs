//! The responses to events that ask for something, or that are answered with another documented status.

use std::collections::BTreeMap;
use std::path::Path;

use http::StatusCode;
use pos_webhooks::Acknowledgement;
use pos_webhooks::catalogue::{Body, Event, EventNamePlace, Provider};
use pos_webhooks::validate::Invalid;

use crate::input;
use crate::report::Plain;
use crate::stop::Stop;

/// What --answer and --answer-status give.
#[derive(Default)]
pub struct Answers {
    /// The bodies, by event.
    bodies: BTreeMap<&'static str, (&'static Body, String)>,
    /// The statuses that are not the documented success, by event.
    statuses: BTreeMap<&'static str, StatusCode>,
}

impl Answers {
    /// Reads the statuses of --answer-status, and reads and validates the files of --answer.
    pub fn read(
        provider: &'static Provider,
        event: Option<&str>,
        files: &[String],
        statuses: &[String],
    ) -> Result<Self, Stop> {
        let mut answers = Self::default();
        for argument in statuses {
            let (event, status) = event_and_status(provider, event, argument).map_err(Stop::Usage)?;
            if answers.statuses.insert(event.name, status).is_some() {
                return Err(Stop::Usage(format!("--answer-status is given twice for {}", event.name)));
            }
        }
        for argument in files {
            let (event, file) = answers.event_and_file(provider, event, argument).map_err(Stop::Usage)?;
            let Some(body) = answers.body_of(event) else { continue };
            let bytes = input::payload(Path::new(file))?;
            provider.validate(body.schema, &bytes).map_err(|invalid| Stop::Input(refusal(file, body, &invalid)))?;
            let text = String::from_utf8(bytes).map_err(|_| Stop::Input(format!("{file}: the body is not UTF-8")))?;
            let text = input::without_mark(&text).to_owned();
            if answers.bodies.insert(event.name, (body, text)).is_some() {
                return Err(Stop::Usage(format!("--answer is given twice for {}", event.name)));
            }
        }
        Ok(answers)
    }

    /// The response to an event: its acknowledgement, unless another one was given.
    pub fn complete(&self, event: Option<&str>, acknowledgement: Acknowledgement) -> Acknowledgement {
        let Some(event) = event else { return acknowledgement };
        let mut answer = acknowledgement;
        if let Some(status) = self.statuses.get(event) {
            (answer.status, answer.content_type, answer.body) = (*status, None, "".into());
        }
        if let Some((body, text)) = self.bodies.get(event) {
            (answer.content_type, answer.body) = (Some(body.media_type), text.clone().into());
        }
        answer
    }

    /// The events that ask for a body that was not given.
    pub fn missing(&self, provider: &'static Provider, event: Option<&str>) -> Vec<&'static str> {
        let asking = self.asking(provider, event).into_iter();
        asking.map(|event| event.name).filter(|name| !self.bodies.contains_key(name)).collect()
    }

    /// The body that only the receiver knows, of the response to an event.
    fn body_of(&self, event: &'static Event) -> Option<&'static Body> {
        match self.statuses.get(event.name) {
            Some(status) => event.response(*status)?.body.as_ref(),
            None => event.requested_body(),
        }
    }

    /// The events of the registration that ask for a body.
    fn asking(&self, provider: &'static Provider, only: Option<&str>) -> Vec<&'static Event> {
        of_registration(provider, only).filter(|event| self.body_of(event).is_some()).collect()
    }

    /// The event and the file of an argument `FILE` or `EVENT=FILE`.
    fn event_and_file<'a>(
        &self,
        provider: &'static Provider,
        only: Option<&str>,
        argument: &'a str,
    ) -> Result<(&'static Event, &'a str), String> {
        let asking = self.asking(provider, only);
        if let Some((name, file)) = argument.split_once('=') {
            if let Some(event) = asking.iter().copied().find(|event| event.name == name) {
                return Ok((event, file));
            }
            if provider.events.iter().any(|event| event.name == name) {
                let of_registration = if only.is_some() { " of this registration" } else { "" };
                return Err(format!("--answer: {name} is not an event{of_registration} that asks for a body"));
            }
        }
        match asking[..] {
            [event] => Ok((event, argument)),
            [] => {
                let of = only.unwrap_or(provider.name);
                Err(format!("--answer: deliveries of {of} only have to be acknowledged; leave the option out"))
            }
            _ => {
                let names: Vec<_> = asking.iter().map(|event| event.name).collect();
                let name = provider.name;
                Err(format!("--answer: write EVENT=FILE; {name} asks for a body with: {}", names.join(", ")))
            }
        }
    }
}

/// The events of the registration. Where deliveries may name another event than that of the registration, these are all of
/// the provider.
fn of_registration(provider: &'static Provider, only: Option<&str>) -> impl Iterator<Item = &'static Event> {
    let is_named = matches!(provider.event_name, Some(EventNamePlace::Body | EventNamePlace::Header(_)));
    provider.events.iter().filter(move |event| is_named || only.is_none_or(|only| only == event.name))
}

/// The event and the status of an argument `STATUS` or `EVENT=STATUS`.
fn event_and_status(
    provider: &'static Provider,
    only: Option<&str>,
    argument: &str,
) -> Result<(&'static Event, StatusCode), String> {
    let (name, status) = argument.split_once('=').map_or((None, argument), |(name, status)| (Some(name), status));
    let code: StatusCode = status.parse().map_err(|_| {
        format!("--answer-status: `{}` is not a status; write three digits, or EVENT=STATUS", Plain(status))
    })?;
    let is_named = |event: &&Event| name.is_none_or(|name| name == event.name);
    let documents = |event: &&Event| event.response(code).is_some_and(|response| !response.is_success());
    let documenting: Vec<_> = of_registration(provider, only).filter(is_named).filter(documents).collect();
    match documenting[..] {
        [event] => Ok((event, code)),
        [] => {
            let of = name.or(only).unwrap_or(provider.name);
            let others = |event: &'static Event| {
                let others = event.responses.iter().filter(|response| !response.is_success());
                others.map(|response| format!("{}={}", event.name, response.status))
            };
            let known: Vec<_> = of_registration(provider, only).flat_map(others).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let of = Plain(of);
            Err(format!(
                "--answer-status: {of} does not document the status {} beside the acknowledgement; documented: {known}",
                code.as_u16(),
            ))
        }
        _ => {
            let names: Vec<_> = documenting.iter().map(|event| event.name).collect();
            Err(format!("--answer-status: write EVENT={code}; the status is documented for: {}", names.join(", ")))
        }
    }
}

/// The message for a file that does not match the specification.
fn refusal(file: &str, body: &Body, invalid: &Invalid) -> String {
    match invalid {
        Invalid::Violations(_) => {
            format!("{file}: not a valid `{}`, which the event asks for:\n{invalid}", body.schema)
        }
        other => format!("{file}: {other}"),
    }
}
