//! Reads the events of a stream of NATS JetStream, by their sequence numbers.
//!
//! A server is asked for the first message from a number on. Since the messages of a stream are stored one after the other, no
//! later message can have a number before it, so that nothing is left out. The server keeps nothing about the reader.

mod message;

use std::collections::VecDeque;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::context::RequestErrorKind;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::Info;
use async_nats::jetstream::{Context, ErrorCode};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use self::message::{ANY, GetMessage, Got, Message};
use super::outage::{Failure, Outage};
use super::{Begin, Position, Reading, StoredEvent, Warn, not_a_place, not_a_position};
use crate::listen::nats::{self, NatsSettings};
use crate::report::with_causes;
use crate::stop::Stop;

/// How long a server may take to answer.
const ANSWER: Duration = Duration::from_secs(4);

/// How many messages are asked for at once.
const AHEAD: usize = 16;

/// How much the clocks of the server and of `listen` may differ.
const CLOCKS: SignedDuration = SignedDuration::from_hours(1);

const ANOTHER: &str = "the stream is another one than before; beginning with its oldest event";

/// How far a stream was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NatsPosition {
    /// When the stream was created: another one with the same name has other numbers.
    created: Timestamp,
    /// The number from which on messages were not read.
    next: u64,
}

/// The events of a stream.
pub struct NatsSource {
    settings: NatsSettings,
    context: Context,
    /// The subjects of the messages that may be selected.
    subject: String,
    begun: (NatsPosition, u64),
    position: NatsPosition,
    /// The last number that was there when the messages that are being read were counted.
    until: Option<u64>,
    /// The requests for the first messages from the next number on, from the number after it on, and so on.
    ahead: VecDeque<JoinHandle<Result<Option<Message>, Failure>>>,
    outage: Outage,
    warn: Warn,
}

impl NatsSource {
    pub async fn open(settings: NatsSettings, reading: Reading) -> Result<Self, Stop> {
        let Reading { begin, filter, is_patient, warn } = reading;
        let name = settings.to_string();
        let stop = |failure: Failure| failure.stop(&name);
        let client =
            nats::connect_to_read(&settings).await.map_err(|error| stop(Failure::Permanent(error.to_string())))?;
        let mut context = async_nats::jetstream::new(client);
        context.set_timeout(ANSWER);
        let stream = settings.stream.as_str();
        let state = info(&context, stream).await.map_err(stop)?;
        // Without the right for it, there would be no answer each time.
        get(&context, stream, state.first, ANY).await.map_err(stop)?;
        let position = |next| NatsPosition { created: state.created, next };
        let position = match begin {
            Begin::First => match filter.since {
                Some(since) => position(first_since(&context, stream, since, &state).await.map_err(stop)?),
                None => position(state.first),
            },
            Begin::New => position(state.last + 1),
            Begin::At(place) => {
                let sequence = place.parse().map_err(|_| not_a_place(&place))?;
                let found = get(&context, stream, sequence, ANY).await.map_err(stop)?;
                let is_event =
                    found.filter(|found| found.sequence == sequence).and_then(|found| found.event(&settings.subject));
                is_event.ok_or_else(|| not_a_place(&place))?.map_err(|_| not_a_place(&place))?;
                position(sequence)
            }
            Begin::After { position: Position::Nats(after), .. } if after.created == state.created => {
                if after.next < state.first {
                    let (next, last) = (after.next, state.first - 1);
                    warn(format_args!("{name}: the messages {next} to {last} are not stored any more"));
                }
                after
            }
            Begin::After { position: Position::Nats(_), .. } => {
                warn(format_args!("{name}: {ANOTHER}"));
                position(state.first)
            }
            Begin::After { file, .. } => return Err(not_a_position(&file, &settings)),
        };
        let subject = match filter.keys() {
            Some([key]) => format!("{}.*.{}.>", settings.subject, nats::key_token(key)),
            _ => ANY.to_owned(),
        };
        Ok(Self {
            context,
            subject,
            begun: (position.clone(), state.last),
            position,
            until: Some(state.last),
            ahead: VecDeque::new(),
            outage: Outage::none(name, is_patient, warn),
            settings,
            warn,
        })
    }

    /// The next event; `None` if there is none yet.
    pub async fn next(&mut self) -> Result<Option<StoredEvent>, Stop> {
        loop {
            let message = match self.read().await {
                Ok(message) => {
                    self.outage.over();
                    message
                }
                Err(failure) => {
                    self.ahead.clear();
                    self.outage.wait(failure).await?;
                    continue;
                }
            };
            let Some(message) = message else {
                // None of them is left that was not read.
                let next = self.until.take().map_or(0, |until| until + 1);
                self.position.next = self.position.next.max(next);
                self.ahead.clear();
                return Ok(None);
            };
            self.position.next = message.sequence + 1;
            match message.event(&self.settings.subject) {
                Some(Ok(event)) => return Ok(Some(event)),
                Some(Err(why)) => {
                    let number = message.sequence;
                    (self.warn)(format_args!("message {number} is not an event, and is skipped: {why}"));
                }
                // The stream has other messages as well.
                None => {}
            }
        }
    }

    pub fn rewind(&mut self) {
        // What is not an event was reported.
        self.warn = |_| {};
        let (position, until) = self.begun.clone();
        (self.position, self.until) = (position, Some(until));
        self.ahead.clear();
    }

    /// The position after the last event.
    pub fn position(&self) -> NatsPosition {
        self.position.clone()
    }

    /// The next message; `None` if there is none yet.
    async fn read(&mut self) -> Result<Option<Message>, Failure> {
        let stream = self.settings.stream.as_str();
        let until = match self.until {
            Some(until) => until,
            None => {
                let state = info(&self.context, stream).await?;
                if state.created != self.position.created {
                    let name = &self.settings;
                    (self.warn)(format_args!("{name}: {ANOTHER}"));
                    self.position = NatsPosition { created: state.created, next: state.first };
                }
                *self.until.insert(state.last)
            }
        };
        let next = self.position.next;
        if next > until {
            return Ok(None);
        }
        let asked = match self.ahead.pop_front() {
            Some(asked) => asked.await.ok().and_then(Result::ok).flatten(),
            None => None,
        };
        let mut found = match asked {
            Some(message) => Some(message),
            None => get(&self.context, stream, next, &self.subject).await?,
        };
        if found.is_none() {
            let state = info(&self.context, stream).await?;
            if state.created != self.position.created {
                return Ok(None);
            }
            // A server that has just become responsible for the stream may not have read all of it.
            if state.last < until {
                return Err(Failure::Temporary("the server does not have all messages yet".to_owned()));
            }
            found = get(&self.context, stream, next, &self.subject).await?;
        }
        let found = found.filter(|message| message.sequence <= until);
        if let Some(message) = found.as_ref().filter(|_| self.subject == ANY) {
            let sequence = message.sequence;
            // Those that were asked for in a gap are the same message.
            let gap = usize::try_from(sequence.saturating_sub(next)).unwrap_or(AHEAD).min(self.ahead.len());
            self.ahead.drain(..gap);
            self.ask_ahead(sequence + 1, until);
        }
        Ok(found)
    }

    /// Asks for the messages after those that were asked for, of which the first one has this number.
    fn ask_ahead(&mut self, first: u64, until: u64) {
        while self.ahead.len() < AHEAD {
            let sequence = first + self.ahead.len() as u64;
            if sequence > until {
                return;
            }
            let (context, stream) = (self.context.clone(), self.settings.stream.clone());
            self.ahead.push_back(tokio::spawn(async move { get(&context, &stream, sequence, ANY).await }));
        }
    }
}

/// What is needed of the state of a stream.
struct StreamState {
    created: Timestamp,
    first: u64,
    last: u64,
}

async fn info(context: &Context, stream: &str) -> Result<StreamState, Failure> {
    let info: Info = request(context, format!("STREAM.INFO.{stream}"), &serde_json::json!({})).await?.map_err(
        |error| match error.error_code() {
            ErrorCode::STREAM_NOT_FOUND => Failure::Temporary(format!("there is no stream {stream}")),
            _ => Failure::Temporary(error.to_string()),
        },
    )?;
    let created = Timestamp::from_nanosecond(info.created.unix_timestamp_nanos());
    Ok(StreamState {
        created: created.map_err(|error| Failure::Temporary(error.to_string()))?,
        first: info.state.first_sequence,
        last: info.state.last_sequence,
    })
}

/// The first message from a sequence number on that has a subject; `None` if there is none.
async fn get(context: &Context, stream: &str, sequence: u64, subject: &str) -> Result<Option<Message>, Failure> {
    // There is no message with the number 0.
    let wanted = GetMessage { sequence: sequence.max(1), subject };
    match request::<Got>(context, format!("STREAM.MSG.GET.{stream}"), &wanted).await? {
        Ok(Got { message }) => Ok(Some(message)),
        Err(error) if error.error_code() == ErrorCode::NO_MESSAGE_FOUND => Ok(None),
        Err(error) => Err(Failure::Temporary(error.to_string())),
    }
}

async fn request<T: DeserializeOwned>(
    context: &Context,
    subject: String,
    wanted: &impl Serialize,
) -> Result<Result<T, async_nats::jetstream::Error>, Failure> {
    // What is given to a connection that is lost would be sent once there is another one.
    if context.client().connection_state() != State::Connected {
        return Err(Failure::Temporary("the connection was lost".to_owned()));
    }
    match context.request(subject.clone(), wanted).await {
        Ok(Response::Ok(answer)) => Ok(Ok(answer)),
        Ok(Response::Err { error }) => Ok(Err(error)),
        Err(error) => Err(Failure::Temporary(match error.kind() {
            RequestErrorKind::NoResponders => "no server is responsible for the stream at the moment".to_owned(),
            RequestErrorKind::TimedOut => format!(
                "no answer within {} s: the server is not well, or this user may not publish to $JS.API.{subject}, or not \
                 subscribe to _INBOX.>",
                ANSWER.as_secs()
            ),
            RequestErrorKind::InvalidSubject | RequestErrorKind::Other => with_causes(&error),
        })),
    }
}

/// The number of a message before which none was received since a time, found by when the server has stored them.
async fn first_since(context: &Context, stream: &str, since: Timestamp, state: &StreamState) -> Result<u64, Failure> {
    let since = since.saturating_sub(CLOCKS).unwrap_or(since);
    let (mut low, mut high) = (state.first, state.last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match get(context, stream, middle, ANY).await? {
            Some(message) if message.time < since => low = message.sequence + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}
