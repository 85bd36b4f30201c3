//! The providers on this machine, as they are documented: for tests of your own client and receiver.
//!
//! A [`Sandbox`] is an HTTP server on a loopback port. Below `/vipps`, `/mypos` and so on it answers the calls that a
//! provider documents, with its state in memory; [`Sandbox::deliver`] sends events to what was registered, signed as the
//! provider signs; [`Sandbox::fault`] makes either go wrong; and the page at [`Sandbox::url`] shows all of it.
//!
//! The calls are also at the full paths of the documented servers, such as `/webhooks/v1/webhooks`, for programs in which
//! only the host can be set. Where two providers document the same path, only the first of
//! [`PROVIDERS`](crate::PROVIDERS) has it there.
//!
//! ```
//! # #[cfg(feature = "vipps")] {
//! use pos_webhooks::sandbox::{AnswerFault, Sandbox};
//! use pos_webhooks::vipps::{self, EventName, models::RegisterWebhook};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let sandbox = Sandbox::start().await?;
//! let client: vipps::Client = sandbox.client()?;
//!
//! // Nothing listens there; a test would have its receiver there.
//! let event = EventName::EpaymentsPaymentCapturedV1.to_string();
//! let webhook = RegisterWebhook { url: "http://127.0.0.1:9/hooks".into(), events: vec![event.clone()] };
//! let registered = client.register_webhook(&webhook).await?;
//!
//! let attempts = sandbox.deliver("vipps", event).await?;
//! assert_eq!(attempts[0].registration, registered.id);
//! assert!(!attempts[0].is_acknowledged());
//!
//! sandbox.fault(AnswerFault::Status { status: 500, retry_after_seconds: None })?;
//! assert!(client.list_webhooks().await.is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is documented and what is not
//!
//! Requests are held against the specification, answers too (in debug builds: a sandbox that would violate it answers
//! 500 and says how). Where a provider documents no answer, the sandbox answers with the usual status, in the provider's
//! form as far as there is one: 401 without a token, 404 for an unknown id, 400 for a request that does not match the
//! specification. The header `x-sandbox-note` of a refusal says to people why.
//!
//! A URL to which nothing could ever be delivered is refused in the same way, and so is a secret of white space: a URL
//! without a host, with a user, with another scheme than `http` and `https`, or one that is not absolute. Whether the
//! providers refuse these at registration is not documented. A URL that HTTP clients rewrite, such as
//! `https://shop.example/a/../b`, is taken; deliveries go to, and are signed for, the URL that is requested.
//!
//! Members of a request that are not documented are refused by Vipps MobilePay, whose platform does so, and ignored by
//! the others, of which nothing is known. Vipps MobilePay refuses names of events that are not in the specification:
//! only second-hand reports say that the platform refuses names that it does not know, and whether case counts is
//! assumed (it does). No provider of the sandbox looks at whether the URL answers.
//!
//! A failed delivery is retried as [`Provider::redelivery`](crate::catalogue::Provider::redelivery) says. myPOS documents no
//! interval; here it doubles from a minute to six hours. Not simulated is that Vipps MobilePay holds back later events of
//! the same payment, and removes a registration whose receiver has not answered for two weeks.
//!
//! A myPOS webhook gets every event, since subscriptions are outside of this crate, and its pages are asked for with
//! `page` and `size`, which are second-hand. DealPOS has no calls; [`Sandbox::register`] takes the place of its back office.

mod backends;
mod call;
mod control;
mod delivery;
mod fault;
mod management;
mod page;
mod random;
mod server;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::middleware;
use rand::RngExt as _;
use serde::Serialize;
use tokio::sync::watch;

use backends::{Backends, constant_headers, credential_name};
use delivery::Job;
use fault::{Armed, Scope};
use random::Random;

pub use backends::Registration;
pub use delivery::{Attempt, DeliverError, Delivery, Message};
pub use fault::{AnswerFault, DeliveryFault, Fault, FaultError};

use crate::Secret;
use crate::catalogue::Provider;
use crate::client::{AnyClient, Options, SetupError};

/// How many attempts the log keeps.
const LOG: usize = 1000;

/// The simulated providers, running until this is dropped.
///
/// It needs a Tokio runtime, in which it runs.
pub struct Sandbox {
    inner: Arc<Inner>,
}

/// How a sandbox is started.
#[derive(Clone, Debug)]
pub struct Builder {
    listen: SocketAddr,
    seed: Option<u64>,
    anywhere: bool,
    providers: Vec<&'static Provider>,
}

impl Default for Builder {
    fn default() -> Self {
        let providers = crate::PROVIDERS.clone();
        Self { listen: (Ipv4Addr::LOCALHOST, 0).into(), seed: None, anywhere: false, providers }
    }
}

impl Builder {
    /// Where it listens; a free port of 127.0.0.1 unless this says otherwise.
    ///
    /// Every program that reaches the address can do all that the page and the control endpoints can.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// What tokens, ids, secrets and the choice of faults follow from; random unless this says otherwise.
    ///
    /// The same seed gives the same with the same version of this crate.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Simulates another provider beside those that are compiled in, or in place of the one of the same name: what
    /// [`Provider::read`] makes of a description.
    #[must_use]
    pub fn provider(mut self, provider: &'static Provider) -> Self {
        self.providers.retain(|known| known.name != provider.name);
        self.providers.push(provider);
        self
    }

    /// Lets deliveries go to other machines. They are refused otherwise, so that no test reaches anybody else's server.
    #[must_use]
    pub fn deliver_anywhere(mut self) -> Self {
        self.anywhere = true;
        self
    }

    /// Starts the sandbox.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on, or there can be no HTTP client for deliveries.
    pub async fn start(self) -> Result<Sandbox, StartError> {
        let listener = tokio::net::TcpListener::bind(self.listen).await;
        let listener = listener.map_err(|source| StartError::Listen { address: self.listen, source })?;
        let address = listener.local_addr().map_err(|source| StartError::Listen { address: self.listen, source })?;
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let http = client.user_agent(concat!("pos-webhooks-sandbox/", env!("CARGO_PKG_VERSION")));
        let seed = self.seed.unwrap_or_else(|| rand::rng().random());
        let backends = Backends::new(&self.providers, seed);
        // Every address of the machine is none to connect to.
        let reached = match address {
            SocketAddr::V4(it) if it.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, it.port()).into(),
            SocketAddr::V6(it) if it.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, it.port()).into(),
            other => other,
        };
        let url = format!("http://{reached}");
        let accounts = backends.iter().map(|backend| {
            let provider = backend.provider.name;
            Account { provider, base_url: format!("{url}/{provider}"), credentials: backend.credentials.clone() }
        });
        let inner = Arc::new(Inner {
            accounts: accounts.collect(),
            providers: self.providers,
            url,
            seed,
            anywhere: self.anywhere,
            http: http.build().map_err(StartError::HttpClient)?,
            state: Mutex::new(State {
                backends,
                faults: Vec::new(),
                armed: 0,
                held: Vec::new(),
                log: VecDeque::new(),
                attempts: 0,
            }),
            changes: watch::Sender::new(0),
            over: watch::Sender::new(false),
        });
        let own_host = middleware::from_fn_with_state(Arc::clone(&inner), control::own_host);
        let own = page::routes().merge(control::routes()).layer(own_host);
        let routes = own.merge(management::routes(&inner.providers)).with_state(Arc::clone(&inner));
        let service = routes.into_make_service_with_connect_info::<server::Breaker>();
        let mut over = inner.over.subscribe();
        let ended = async move {
            // An error says that the sandbox is gone, which is the same.
            let _ = over.wait_for(|over| *over).await;
        };
        let serving = axum::serve(server::Breakable(listener), service).with_graceful_shutdown(ended);
        tokio::spawn(async move { serving.await });
        Ok(Sandbox { inner })
    }
}

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// There can be no HTTP client for deliveries.
    #[error("there can be no HTTP client for deliveries")]
    HttpClient(#[source] reqwest::Error),
}

/// The sandbox has no such provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no provider `{name}`; there are: {}", known.join(", "))]
#[non_exhaustive]
pub struct UnknownProvider {
    /// What was asked for.
    pub name: String,
    /// What there is.
    pub known: Vec<&'static str>,
}

/// What a client and a receiver have to know of one provider in the sandbox.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Account {
    /// The provider's module.
    pub provider: &'static str,
    /// Replaces the documented server.
    pub base_url: String,
    /// What to call with: `token`, and the headers that are the same for every call, named as in the module's `Credentials`,
    /// such as `client_id` for `Client-Id`. `secret` is for the receiver, where it belongs to the account and not to a
    /// registration.
    pub credentials: BTreeMap<String, Secret>,
}

impl Account {
    /// The token; empty where there are no calls.
    pub(crate) fn token(&self) -> Secret {
        self.credentials.get("token").cloned().unwrap_or_else(|| Secret::from(""))
    }

    /// The value of a header that is the same for every call; `None` where the account has none.
    pub(crate) fn header(&self, name: &str) -> Option<Secret> {
        self.credentials.get(&credential_name(name)).cloned()
    }
}

/// A generated client, which [`Sandbox::client`] makes ready to use.
///
/// Every `Client` of a provider's module is one.
pub trait TypedClient: Sized {
    /// The provider that it calls.
    fn provider() -> &'static Provider;

    /// A client that calls with the credentials of an account, at its base URL.
    ///
    /// # Errors
    ///
    /// When there can be no HTTP client.
    fn with_account(account: &Account, options: Options) -> Result<Self, SetupError>;
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The sandbox has no such provider.
    #[error(transparent)]
    Provider(#[from] UnknownProvider),
    /// The client could not be made.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// Why something could not be registered in a back office.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The sandbox has no such provider.
    #[error(transparent)]
    Provider(#[from] UnknownProvider),
    /// The provider documents calls for it.
    #[error("{0} documents calls to register webhooks; use its client")]
    ByCalls(&'static str),
    /// Nothing could ever be delivered to the URL.
    #[error("nothing can be delivered to this URL: {0}")]
    Url(&'static str),
    /// There is no such event.
    #[error(transparent)]
    Event(crate::catalogue::UnknownName),
}

impl Sandbox {
    /// Starts a sandbox on a free port of this machine.
    ///
    /// # Errors
    ///
    /// As [`Builder::start`].
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Starts one with other than the default settings.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The address of its page, such as `http://127.0.0.1:41234`.
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// The seed that everything random follows from.
    pub fn seed(&self) -> u64 {
        self.inner.seed
    }

    /// How to call each provider.
    pub fn accounts(&self) -> &[Account] {
        &self.inner.accounts
    }

    /// How to call one provider.
    ///
    /// # Errors
    ///
    /// When the sandbox has no such provider.
    pub fn account(&self, provider: &str) -> Result<&Account, UnknownProvider> {
        self.inner.account(provider)
    }

    /// A client of a provider's module that is ready to use.
    ///
    /// ```
    /// # #[cfg(feature = "vipps")] {
    /// use pos_webhooks::sandbox::Sandbox;
    /// use pos_webhooks::vipps;
    ///
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let sandbox = Sandbox::start().await?;
    /// let client: vipps::Client = sandbox.client()?;
    /// assert_eq!(client.list_webhooks().await?.webhooks, []);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When there can be no HTTP client.
    pub fn client<C: TypedClient>(&self) -> Result<C, ClientError> {
        let account = self.inner.account(C::provider().name)?;
        Ok(C::with_account(account, self.options())?)
    }

    /// A client of any provider that is ready to use, for operations that are known only by name.
    ///
    /// # Errors
    ///
    /// When the sandbox has no such provider, or there can be no HTTP client.
    pub fn any_client(&self, provider: &str) -> Result<AnyClient, ClientError> {
        let (account, provider) = (self.inner.account(provider)?, self.inner.provider(provider)?);
        let headers = constant_headers(provider).into_iter();
        let headers = headers.filter_map(|header| Some((header.name, account.header(header.name)?)));
        Ok(AnyClient::new(provider, &account.base_url, account.token(), headers, self.options())?)
    }

    /// The sandbox is reached without the proxy that the environment may name.
    fn options(&self) -> Options {
        Options::default().http_client(self.inner.http.clone())
    }

    /// Registers a URL for events as in the back office of a provider that documents no calls for it, such as DealPOS. Without
    /// events it gets all.
    ///
    /// # Errors
    ///
    /// When the provider documents calls, or has no such event, or nothing could be delivered to the URL.
    pub fn register(&self, provider: &str, url: &str, events: &[&str]) -> Result<Registration, RegisterError> {
        self.inner.register(provider, url, events)
    }

    /// What is registered with a provider, in the order in which it was.
    ///
    /// # Errors
    ///
    /// When the sandbox has no such provider.
    pub fn registrations(&self, provider: &str) -> Result<Vec<Registration>, UnknownProvider> {
        Ok(self.inner.registrations(self.inner.provider(provider)?))
    }

    /// Delivers an event to every registration that is to get it, one after the other, and returns each attempt.
    ///
    /// # Errors
    ///
    /// When there is no such provider or event, or a setting of the [`Delivery`] makes no sense. A receiver that cannot be
    /// reached, or refuses, is not an error: see [`Attempt`].
    pub async fn deliver(&self, provider: &str, delivery: impl Into<Delivery>) -> Result<Vec<Attempt>, DeliverError> {
        self.inner.deliver(provider, delivery.into()).await
    }

    /// The attempts at deliveries, oldest first, background retries included; the last 1000. The number of the first one
    /// says how many are gone.
    pub fn log(&self) -> Vec<Attempt> {
        self.inner.log()
    }

    /// Makes something go wrong from now on.
    ///
    /// # Errors
    ///
    /// When the fault could never happen.
    pub fn fault(&self, fault: impl Into<Fault>) -> Result<(), FaultError> {
        self.inner.arm(fault.into())
    }

    /// Ends all faults. Deliveries that are held back stay so until the next one.
    pub fn clear_faults(&self) {
        self.inner.clear_faults();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.inner.over.send_replace(true);
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("url", &self.inner.url).field("seed", &self.inner.seed).finish_non_exhaustive()
    }
}

/// What handlers, deliveries and the library share.
struct Inner {
    url: String,
    seed: u64,
    accounts: Vec<Account>,
    providers: Vec<&'static Provider>,
    anywhere: bool,
    http: reqwest::Client,
    state: Mutex<State>,
    /// Counts what the page shows.
    changes: watch::Sender<u64>,
    /// Whether the sandbox is to end.
    over: watch::Sender<bool>,
}

impl Inner {
    fn provider(&self, name: &str) -> Result<&'static Provider, UnknownProvider> {
        let found = self.providers.iter().copied().find(|provider| provider.name == name);
        found.ok_or_else(|| self.unknown(name))
    }

    fn account(&self, provider: &str) -> Result<&Account, UnknownProvider> {
        let found = self.accounts.iter().find(|account| account.provider == provider);
        found.ok_or_else(|| self.unknown(provider))
    }

    fn unknown(&self, name: &str) -> UnknownProvider {
        let known = self.providers.iter().map(|provider| provider.name).collect();
        UnknownProvider { name: name.to_owned(), known }
    }

    /// Everything that changes. Never held across an await.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn registrations(&self, provider: &'static Provider) -> Vec<Registration> {
        self.state().backends.find(provider).map(|backend| backend.registrations()).unwrap_or_default()
    }

    fn register(&self, provider: &str, url: &str, events: &[&str]) -> Result<Registration, RegisterError> {
        let provider = self.provider(provider)?;
        let by_calls = || RegisterError::ByCalls(provider.name);
        if provider.registration.is_some() {
            return Err(by_calls());
        }
        delivery::target(url).map_err(RegisterError::Url)?;
        let known: Vec<_> = provider.events.iter().map(|event| event.name).collect();
        if let Some(unknown) = events.iter().find(|name| !known.contains(name)) {
            let unknown = crate::catalogue::UnknownName { provider: provider.name, name: (*unknown).to_owned(), known };
            return Err(RegisterError::Event(unknown));
        }
        let events = if events.is_empty() { &known } else { events };
        let events = events.iter().map(|name| (*name).to_owned()).collect();
        let registered = {
            let mut state = self.state();
            let backend = state.backends.find(provider).map_err(|_| self.unknown(provider.name))?;
            backend.register(url.to_owned(), events)
        };
        self.changed();
        Ok(registered)
    }

    fn log(&self) -> Vec<Attempt> {
        self.state().log.iter().cloned().collect()
    }

    fn arm(&self, fault: Fault) -> Result<(), FaultError> {
        fault.check(&self.providers)?;
        let mut state = self.state();
        state.armed += 1;
        let random = Random::new(self.seed, &format!("fault {}", state.armed));
        state.faults.push(Armed::new(fault, random));
        drop(state);
        self.changed();
        Ok(())
    }

    fn clear_faults(&self) {
        self.state().faults.clear();
        self.changed();
    }

    /// Numbers and keeps an attempt.
    fn record(&self, mut attempt: Attempt) -> Attempt {
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

struct State {
    backends: Backends,
    faults: Vec<Armed>,
    /// How many faults there ever were.
    armed: u64,
    /// Deliveries that wait for the next one to the same registration.
    held: Vec<(Job, Vec<DeliveryFault>)>,
    log: VecDeque<Attempt>,
    /// How many attempts there ever were.
    attempts: u64,
}

impl State {
    fn answer_faults(&mut self, provider: &str, operation: &str) -> Vec<AnswerFault> {
        let hits = self.faults.iter_mut().filter_map(|armed| armed.answer(provider, operation)).collect();
        self.faults.retain(Armed::has_more);
        hits
    }

    fn delivery_faults(&mut self, provider: &str, event: &str, scope: Scope) -> Vec<DeliveryFault> {
        let hits = self.faults.iter_mut().filter_map(|armed| armed.delivery(provider, event, scope)).collect();
        self.faults.retain(Armed::has_more);
        hits
    }

    /// What was held back for the registration of a delivery.
    fn take_held(&mut self, next: &Job) -> Vec<(Job, Vec<DeliveryFault>)> {
        let is_same = |(held, _): &mut (Job, _)| {
            held.provider.name == next.provider.name && held.registration.id == next.registration.id
        };
        self.held.extract_if(.., is_same).collect()
    }
}
