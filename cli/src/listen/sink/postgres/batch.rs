//! Events that are written by one statement.

use hyper::body::Bytes;
use serde_json::Error;
use tokio::sync::oneshot;

use super::payload;
use crate::listen::sink::{Event, Written};

/// An event as the values of a row.
pub struct Row {
    received_at: String,
    route: String,
    provider: String,
    event: Option<String>,
    known: bool,
    key: Option<String>,
    body: Bytes,
    /// From which byte of the body on, counted from 1, it is JSON that the table can hold.
    payload_from: Option<i32>,
    headers: String,
    error: Option<String>,
}

impl Row {
    pub fn new(event: &Event<'_>) -> Result<Self, Error> {
        Ok(Self {
            received_at: event.received_at.to_string(),
            route: event.route.to_owned(),
            provider: event.provider.to_owned(),
            event: event.event.map(without_zero),
            known: event.known,
            key: event.idempotency_key.map(without_zero),
            body: event.body.clone(),
            payload_from: event.payload.filter(|payload| payload::fits(payload.text())).map(|_| {
                const MARK: &[u8] = crate::input::BYTE_ORDER_MARK;
                if event.body.starts_with(MARK) { MARK.len() as i32 + 1 } else { 1 }
            }),
            headers: event.headers()?,
            error: event.error.map(without_zero),
        })
    }

    /// The number of bytes that the row needs, without its shorter values.
    pub fn size(&self) -> usize {
        self.body.len() + self.headers.len()
    }
}

/// A text as a column can hold it.
fn without_zero(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// An event that waits to be written, and the request that waits for it.
pub struct Entry {
    pub row: Row,
    pub done: oneshot::Sender<Option<Written>>,
}

/// One event, and all requests that have delivered it.
pub struct Merged {
    row: Row,
    waiting: Vec<oneshot::Sender<Option<Written>>>,
}

impl Merged {
    /// The events in the order of their routes and keys, so that two processes that write the same events never wait for each
    /// other. An event without a key is one of its own.
    pub fn all(mut entries: Vec<Entry>) -> Vec<Self> {
        entries.sort_by(|one, other| (&one.row.route, &one.row.key).cmp(&(&other.row.route, &other.row.key)));
        let mut all = Vec::<Self>::with_capacity(entries.len());
        for Entry { row, done } in entries {
            match all.last_mut() {
                Some(last) if row.key.is_some() && (&last.row.route, &last.row.key) == (&row.route, &row.key) => {
                    last.waiting.push(done);
                }
                _ => all.push(Self { row, waiting: vec![done] }),
            }
        }
        all
    }

    pub fn route_and_key(&self) -> (&str, Option<&str>) {
        (&self.row.route, self.row.key.as_deref())
    }

    pub fn without_payload(&mut self) {
        self.row.payload_from = None;
    }

    /// Reports to the requests that the event is in the table.
    pub fn written(self, written: Written) {
        // If a request does not wait any more, the provider sends the event again, and it is then a duplicate.
        for (index, done) in self.waiting.into_iter().enumerate() {
            let _ = done.send(Some(if index == 0 { written } else { Written::Duplicate }));
        }
    }

    /// Reports to the requests that the event may not be in the table.
    pub fn not_written(self) {
        for done in self.waiting {
            let _ = done.send(None);
        }
    }
}

/// The values of rows by column, as the statement takes them.
#[derive(Default)]
pub struct Columns<'a> {
    pub received_at: Vec<&'a str>,
    pub route: Vec<&'a str>,
    pub provider: Vec<&'a str>,
    pub event: Vec<Option<&'a str>>,
    pub known: Vec<bool>,
    pub key: Vec<Option<&'a str>>,
    pub body: Vec<&'a [u8]>,
    pub payload_from: Vec<Option<i32>>,
    pub headers: Vec<&'a str>,
    pub error: Vec<Option<&'a str>>,
    pub deliveries: Vec<i32>,
}

impl<'a> Columns<'a> {
    pub fn of(events: &'a [Merged]) -> Self {
        let mut columns = Self::default();
        for Merged { row, waiting } in events {
            columns.received_at.push(&row.received_at);
            columns.route.push(&row.route);
            columns.provider.push(&row.provider);
            columns.event.push(row.event.as_deref());
            columns.known.push(row.known);
            columns.key.push(row.key.as_deref());
            columns.body.push(&row.body);
            columns.payload_from.push(row.payload_from);
            columns.headers.push(&row.headers);
            columns.error.push(row.error.as_deref());
            columns.deliveries.push(i32::try_from(waiting.len()).unwrap_or(i32::MAX));
        }
        columns
    }
}
