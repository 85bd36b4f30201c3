//! The state that handlers, deliveries and the library share.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reqwest::Url;
use tokio::sync::watch;

use super::account::Account;
use super::attempt::Attempt;
use super::backends::Backends;
use super::delivery::Delivery;
use super::error::{RegisterError, UnknownProvider};
use super::fault::{AnswerFault, Armed, DeliveryFault, Fault, FaultError, FaultScope};
use super::inbox::Inbox;
use super::random::Random;
use super::registration::Registration;
use super::target::target;
use super::turns::Turns;
use crate::catalogue::{Provider, UnknownName};
use crate::wire::url::is_loopback;

/// The maximum number of attempts in the log.
pub(super) const LOG: usize = 1000;

/// The state that handlers, deliveries and the library share.
pub(super) struct Inner {
    pub(super) url: String,
    /// Whether only this machine reaches the sandbox.
    pub(super) is_local: bool,
    /// The names of hosts that the page and the control endpoints are reached by, beside its addresses.
    pub(super) hosts: Vec<String>,
    pub(super) seed: u64,
    pub(super) accounts: Vec<Account>,
    pub(super) providers: Vec<&'static Provider>,
    pub(super) anywhere: bool,
    /// The hosts of other machines that deliveries are allowed to.
    pub(super) receivers: Vec<String>,
    /// Whether an event holds back later ones, at the providers that document it.
    pub(super) holds_back: bool,
    /// Whether registrations of silent receivers are removed, at the providers that document it.
    pub(super) removes_silent: bool,
    pub(super) http: reqwest::Client,
    pub(super) state: Mutex<State>,
    /// Counts the changes of what the page shows.
    pub(super) changes: watch::Sender<u64>,
    /// Whether the sandbox has to end.
    pub(super) over: watch::Sender<bool>,
}

impl Inner {
    /// Whether the sandbox is reached by the host of this URL. A site that has its name resolve to this machine is not: an
    /// address has no name.
    pub(super) fn is_reached_as(&self, url: &Url) -> bool {
        let is_address = url.host_str().is_some_and(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok());
        let is_allowed = |host: &String| url.host_str().is_some_and(|name| name.eq_ignore_ascii_case(host));
        is_loopback(url.as_str()) || !self.is_local && is_address || self.hosts.iter().any(is_allowed)
    }

    pub(super) fn provider(&self, name: &str) -> Result<&'static Provider, UnknownProvider> {
        let found = self.providers.iter().copied().find(|provider| provider.name == name);
        found.ok_or_else(|| self.unknown(name))
    }

    pub(super) fn account(&self, provider: &str) -> Result<&Account, UnknownProvider> {
        let found = self.accounts.iter().find(|account| account.provider == provider);
        found.ok_or_else(|| self.unknown(provider))
    }

    fn unknown(&self, name: &str) -> UnknownProvider {
        let known = self.providers.iter().map(|provider| provider.name).collect();
        UnknownProvider { name: name.to_owned(), known }
    }

    /// The mutable state. The guard is never held across an await.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Waits until there is something that `new` returns.
    pub(super) async fn news<T>(&self, new: impl Fn(&State) -> Vec<T>) -> Vec<T> {
        let mut changes = self.changes.subscribe();
        loop {
            changes.borrow_and_update();
            let found = new(&self.state());
            if !found.is_empty() || changes.changed().await.is_err() {
                return found;
            }
        }
    }

    pub(super) fn registrations(&self, provider: &'static Provider) -> Vec<Registration> {
        self.state().backends.find(provider).map(|backend| backend.registrations()).unwrap_or_default()
    }

    pub(super) async fn register(
        &self,
        provider: &str,
        url: &str,
        events: &[&str],
    ) -> Result<Registration, RegisterError> {
        let provider = self.provider(provider)?;
        let known: Vec<_> = provider.events.iter().map(|event| event.name).collect();
        let others: Vec<_> = known.iter().copied().filter(|name| !provider.registers(name)).collect();
        if others.is_empty() || events.iter().any(|name| known.contains(name) && !others.contains(name)) {
            return Err(RegisterError::ByCalls(provider.name));
        }
        target(url).map_err(RegisterError::Url)?;
        if let Some(unknown) = events.iter().find(|name| !known.contains(name)) {
            let unknown = UnknownName { provider: provider.name, name: (*unknown).to_owned(), known };
            return Err(RegisterError::Event(unknown));
        }
        let events = if events.is_empty() { &others } else { events };
        let events = events.iter().map(|name| (*name).to_owned()).collect();
        let (registered, withheld) = {
            let mut state = self.state();
            let backend = state.backends.find(provider).map_err(|_| self.unknown(provider.name))?;
            (backend.register(url.to_owned(), events), backend.withhold_new())
        };
        if let Some(withheld) = withheld {
            let outcome = self.handshake(provider, &withheld).await;
            let mut state = self.state();
            let backend = state.backends.find(provider).map_err(|_| self.unknown(provider.name))?;
            backend.settle(&withheld.id, outcome.is_ok());
            outcome.map_err(RegisterError::Handshake)?;
        }
        self.changed();
        Ok(registered)
    }

    /// Whether a URL is one of the sandbox itself.
    pub(super) fn is_own(&self, url: &str) -> bool {
        url.strip_prefix(&self.url).is_some_and(|path| path.starts_with('/'))
    }

    /// Whether deliveries to this URL are allowed.
    pub(super) fn may_reach(&self, url: &Url) -> bool {
        let is_receiver = |host: &String| url.host_str().is_some_and(|name| name.eq_ignore_ascii_case(host));
        self.anywhere
            || is_loopback(url.as_str())
            || self.is_own(url.as_str())
            || self.receivers.iter().any(is_receiver)
    }

    pub(super) fn log(&self) -> Vec<Attempt> {
        self.state().log.iter().cloned().collect()
    }

    pub(super) fn arm(&self, fault: Fault) -> Result<(), FaultError> {
        fault.check(&self.providers)?;
        let mut state = self.state();
        state.armed += 1;
        let random = Random::new(self.seed, &format!("fault {}", state.armed));
        let id = state.armed;
        state.faults.push(Armed::new(id, fault, random));
        drop(state);
        self.changed();
        Ok(())
    }

    pub(super) fn clear_faults(&self) {
        self.state().faults.clear();
        self.changed();
    }

    /// Numbers and records an attempt.
    pub(super) fn record(&self, mut attempt: Attempt) -> Attempt {
        let mut state = self.state();
        state.attempts += 1;
        attempt.number = state.attempts;
        if state.log.len() == LOG {
            state.log.pop_front();
        }
        state.log.push_back(attempt.clone());
        drop(state);
        self.changed();
        attempt
    }
}

pub(super) struct State {
    pub(super) backends: Backends,
    pub(super) faults: Vec<Armed>,
    /// The number of faults so far.
    pub(super) armed: u64,
    /// Deliveries that wait for the next one to the same registration.
    pub(super) held: Vec<(Delivery, Vec<DeliveryFault>)>,
    pub(super) turns: Turns,
    pub(super) log: VecDeque<Attempt>,
    /// The number of attempts so far.
    pub(super) attempts: u64,
    /// The number of deliveries so far.
    pub(super) deliveries: u64,
    /// The number of the last delivery that the page does not show any more.
    pub(super) cleared: u64,
    pub(super) inbox: Inbox,
}

impl State {
    pub(super) fn answer_faults(&mut self, provider: &str, operation: &str) -> Vec<AnswerFault> {
        let hits = self.faults.iter_mut().filter_map(|armed| armed.answer(provider, operation)).collect();
        self.faults.retain(Armed::has_more);
        hits
    }

    pub(super) fn delivery_faults(&mut self, provider: &str, event: &str, scope: FaultScope) -> Vec<DeliveryFault> {
        let hits = self.faults.iter_mut().filter_map(|armed| armed.delivery(provider, event, scope)).collect();
        self.faults.retain(Armed::has_more);
        hits
    }

    /// Removes and returns the deliveries that were held back for the registration of a delivery.
    pub(super) fn take_held(&mut self, next: &Delivery) -> Vec<(Delivery, Vec<DeliveryFault>)> {
        let is_same = |(held, _): &mut (Delivery, _)| {
            held.provider.name == next.provider.name && held.registration.id == next.registration.id
        };
        self.held.extract_if(.., is_same).collect()
    }
}
