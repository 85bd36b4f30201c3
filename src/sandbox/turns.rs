//! What a failed delivery does to others: it holds back later events about the same thing, and a registration whose
//! receiver is silent for too long is removed.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::Instant;

use super::delivery::Delivery;
use super::state::Inner;

/// Held by a delivery until it is acknowledged or given up.
pub(super) type Turn = Arc<OwnedMutexGuard<()>>;

/// The deliveries about the same thing, which are made in the order of their events.
pub(super) type Line = Arc<Mutex<()>>;

/// The lines and the silent receivers.
#[derive(Default)]
pub(super) struct Turns {
    lines: HashMap<String, Weak<Mutex<()>>>,
    /// By provider and id of the registration.
    silences: HashMap<(&'static str, String), Silence>,
}

/// The time in which a receiver has not responded.
struct Silence {
    since: Instant,
    /// The time that was skipped because of a time scale.
    skipped: Duration,
}

impl Turns {
    fn line(&mut self, key: String) -> Line {
        self.lines.retain(|_, line| line.strong_count() > 0);
        let line = self.lines.get(&key).and_then(Weak::upgrade).unwrap_or_default();
        self.lines.insert(key, Arc::downgrade(&line));
        line
    }
}

impl Inner {
    /// The line of a delivery; `None` if no event holds it back.
    pub(super) fn line(&self, delivery: &Delivery) -> Option<Line> {
        let Delivery { provider, registration, body, .. } = delivery;
        let pointers = provider.redelivery.as_ref().filter(|_| self.holds_back)?.holds_back;
        let body: Value = serde_json::from_str(body).ok().filter(|_| !pointers.is_empty())?;
        let values: Vec<&Value> = pointers.iter().map(|pointer| body.pointer(pointer)).collect::<Option<_>>()?;
        let key = json!([provider.name, registration.id, values]).to_string();
        Some(self.state().turns.line(key))
    }

    /// Records whether a receiver responded, and removes the registration if it was silent for as long as the provider
    /// documents. Returns whether it was removed.
    pub(super) fn removes(&self, delivery: &Delivery, answer: Option<StatusCode>) -> bool {
        let Delivery { provider, registration, .. } = delivery;
        let documented = provider.redelivery.as_ref().filter(|_| self.removes_silent);
        let Some(limit) = documented.and_then(|redelivery| redelivery.removed_after) else { return false };
        let key = (provider.name, registration.id.clone());
        let mut state = self.state();
        if answer.is_some() {
            state.turns.silences.remove(&key);
            return false;
        }
        let begun = Silence { since: Instant::now(), skipped: Duration::ZERO };
        let silence = state.turns.silences.entry(key.clone()).or_insert(begun);
        if silence.since.elapsed().saturating_add(silence.skipped) < limit {
            return false;
        }
        state.turns.silences.remove(&key);
        if let Ok(backend) = state.backends.find(provider) {
            backend.remove(&registration.id);
        }
        drop(state);
        self.changed();
        true
    }

    /// Whether the registration of a delivery was removed because its receiver was silent.
    pub(super) fn is_removed(&self, delivery: &Delivery) -> bool {
        let Delivery { provider, registration, .. } = delivery;
        self.removes_silent && !self.registrations(provider).iter().any(|known| known.id == registration.id)
    }

    /// Waits before another attempt, as much faster as the pace says.
    pub(super) async fn wait(&self, delivery: &Delivery, wait: Duration) {
        let waited = delivery.pace.waits(wait);
        tokio::time::sleep(waited).await;
        let key = (delivery.provider.name, delivery.registration.id.clone());
        if let Some(silence) = self.state().turns.silences.get_mut(&key) {
            silence.skipped = silence.skipped.saturating_add(wait.saturating_sub(waited));
        }
    }
}
