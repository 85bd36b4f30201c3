//! Simulates the providers on this machine, as they are documented, for tests of your own client and receiver.
//! Requires the feature `sandbox`.
//!
//! A [`Sandbox`] is an HTTP server on a loopback port. Below `/vipps`, `/mypos` and so on, it responds to the
//! operations that a provider documents, with its state in memory. [`Sandbox::deliver`] sends events to the registered
//! URLs, signed as the provider signs them. [`Sandbox::fault`] injects faults into responses or deliveries. The page at
//! [`Sandbox::url`] shows registrations and deliveries, and has forms for all of this. [`Sandbox::receive_here`] registers
//! an inbox in the sandbox itself, for those who do not have a receiver yet.
//!
//! The operations are also at the full paths of the documented servers, such as `/webhooks/v1/webhooks`, for programs
//! in which only the host can be set. If two providers document the same path, only the first of
//! [`PROVIDERS`](crate::PROVIDERS) is reachable there.
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
//! // No receiver listens at this URL; a test would use the URL of its receiver.
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
//! Requests are validated against the specification. In debug builds, so are responses: if the sandbox itself violates
//! the specification, it responds with a 500 that says how. If a provider does not document an error response, the
//! sandbox uses the usual status, and the provider's form of errors if there is one: 401 without a token, 404 for an
//! unknown id, 400 for a request that does not match the specification. The header `x-sandbox-note` of an error
//! response explains it.
//!
//! The sandbox also refuses to register a URL to which nothing can be delivered: one that is not absolute, has no host,
//! has a user, or has another scheme than `http` and `https`. It refuses a secret of white space as well. The documents
//! do not say whether the providers refuse these. A URL that HTTP clients rewrite, such as
//! `https://shop.example/a/../b`, is accepted; deliveries are sent to, and signed for, the rewritten URL.
//!
//! The simulated Vipps MobilePay refuses undocumented members of a request, as its platform does. The others ignore
//! them, because their behaviour is not documented. Vipps MobilePay also refuses event names that are not in the
//! specification: that the platform refuses unknown names is known from second-hand reports only, and that names are
//! case-sensitive is an assumption. The sandbox does not check whether a receiver responds at the URL.
//!
//! Vipps MobilePay allows 25 registrations per event type and sales unit, and one for check-ins. Those without a sales unit,
//! of a partner, are counted separately. A registration with a sales unit receives the events whose payload has the number
//! of that sales unit, and a partner receives a check-in only if the sales unit does not have a registration for it. The
//! documented examples, and payloads that no registration is for, count as events of every sales unit.
//!
//! An operation that issues access tokens does so for the client credentials of the [`Account`]. The tokens are valid for
//! [`Builder::token_lifetime`]. Other credentials are refused with 401, 409 or 400: the first of these that is documented.
//! The operation for merchant-level keys of Vipps MobilePay responds with the example of the specification, which is not a
//! valid token.
//!
//! An `ORDER` of miPOS that was delivered is listed for ten minutes, until it is accepted or denied. The events of miPOS for
//! markets are registered with [`Sandbox::register`], and signed with the `secret` of the [`Account`], because the documents
//! do not say where their secret comes from. Those for logistics companies are registered with operations of their own, or
//! in the same way, and signed with the `client_secret` of the account. The operation that lists webhooks does not list them.
//!
//! If a provider documents a handshake ([`Provider::handshake`](crate::catalogue::Provider::handshake)), the sandbox sends its
//! request to the receiver before it stores a registration or another URL of one, and refuses the registration if the answer is
//! not the expected one. The token that the request contains is `verify_token` of the [`Account`]. A receiver on another machine
//! is not asked, unless [`Builder::deliver_to_host`] or [`Builder::deliver_anywhere`] allows it.
//!
//! Deliveries carry the default signature, and every other one whose header the event requires. If the time of a signature
//! is a member of the body and has a replay window, that member of the example is the time of the attempt. If the
//! specification says that deliveries are not signed, or only describes the signature in words
//! ([`Verification::Custom`](crate::catalogue::Verification::Custom)), deliveries do not have a proof of origin.
//!
//! A failed delivery is retried as [`Provider::redelivery`](crate::catalogue::Provider::redelivery) says. myPOS does
//! not document an interval; in the sandbox it doubles from a minute to six hours. Vipps MobilePay holds back later
//! events of the same payment, and removes a registration whose receiver has not responded for two weeks; the sandbox
//! does so on request, with [`Builder::hold_back_events`] and [`Builder::remove_silent_registrations`].
//!
//! A webhook of a provider with subscriptions, such as myPOS, receives the events that it is subscribed to, and nothing
//! before. The account has all events of the specification. An event keeps its id from run to run; it is that of the
//! documentation if the main host of the provider lists the event. The filter of a subscription is stored and returned,
//! but it is not applied, because its meaning is not documented: every occurrence is delivered, and the
//! [`note`](Attempt::note) of each attempt says so. The sandbox refuses a second subscription of a webhook to the same
//! event with 409, and ends the subscriptions of a webhook that is deleted; the documents do not say what myPOS does. The
//! request of a fake notification delivers the event once before the response is sent, and the list of notifications has
//! each delivery with its last attempt. Both, the parameters `page` and `size` of all lists, and the form of responses
//! with one subscription are from a second-hand source.
//!
//! DealPOS does not document operations; [`Sandbox::register`] takes the place of its back office.

mod account;
mod attempt;
mod backends;
mod call;
mod control;
mod delivery;
mod dispatch;
mod error;
mod fault;
mod half_sent;
mod handshake;
mod inbox;
mod management;
mod page;
mod random;
mod registration;
mod server;
mod state;
mod target;
mod trigger;
mod turns;
mod webhooks;

use std::collections::VecDeque;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::middleware;
use rand::RngExt as _;
use tokio::sync::watch;

use self::backends::Backends;
use self::inbox::Inbox;
use self::state::{Inner, State};
use self::turns::Turns;

pub use self::account::{Account, TypedClient};
pub use self::attempt::{Attempt, Message};
pub use self::error::{ClientError, DeliverError, RegisterError, StartError, UnknownProvider};
pub use self::fault::{AnswerFault, DeliveryFault, Fault, FaultError};
pub use self::inbox::{Outcome, Received};
pub use self::registration::Registration;
pub use self::trigger::Trigger;

use crate::Secret;
use crate::catalogue::Provider;
use crate::client::{AnyClient, SetupError, http_client};

/// The simulated providers. They run until this value is dropped.
///
/// The sandbox runs in the current Tokio runtime.
pub struct Sandbox {
    inner: Arc<Inner>,
}

/// The settings of a sandbox.
#[derive(Clone, Debug)]
pub struct Builder {
    listen: SocketAddr,
    seed: Option<u64>,
    hosts: Vec<String>,
    anywhere: bool,
    receivers: Vec<String>,
    holds_back: bool,
    removes_silent: bool,
    token_lifetime: Duration,
    providers: Vec<&'static Provider>,
}

impl Default for Builder {
    fn default() -> Self {
        let providers = crate::PROVIDERS.clone();
        let (listen, token_lifetime) = ((Ipv4Addr::LOCALHOST, 0).into(), Duration::from_secs(3600));
        Self {
            listen,
            seed: None,
            hosts: Vec::new(),
            anywhere: false,
            receivers: Vec::new(),
            holds_back: false,
            removes_silent: false,
            token_lifetime,
            providers,
        }
    }
}

impl Builder {
    /// Sets the address to listen on; by default a free port of 127.0.0.1.
    ///
    /// Every program that can reach the address can use the page and the control endpoints. They respond to requests for an
    /// IP address, and for a name only if [`Builder::allow_host`] allows it, so that no site in a browser can use them.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Allows requests to the page and the control endpoints for this name of the host, without a port, such as
    /// `sandbox.test`. `localhost` and the addresses of the machine are always allowed.
    #[must_use]
    pub fn allow_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// Sets the seed of tokens, ids, secrets and the choice of faults; by default a random one.
    ///
    /// The same seed gives the same values with the same version of this crate.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Simulates another provider, which was read with [`Provider::read`], beside those that are compiled in. It takes
    /// the place of a provider of the same name, with the documented behaviour of that one beyond its specification.
    #[must_use]
    pub fn provider(mut self, provider: &'static Provider) -> Self {
        match self.providers.iter_mut().find(|known| known.name == provider.name) {
            Some(known) => *known = provider,
            None => self.providers.push(provider),
        }
        self
    }

    /// Allows deliveries to other machines. By default, the sandbox refuses to send them, so that no test reaches
    /// another party's server.
    #[must_use]
    pub fn deliver_anywhere(mut self) -> Self {
        self.anywhere = true;
        self
    }

    /// Allows deliveries to this host, a name or an address without a port, such as `shop.example`. Those to this machine
    /// are always allowed, and [`Builder::deliver_anywhere`] allows all.
    #[must_use]
    pub fn deliver_to_host(mut self, host: impl Into<String>) -> Self {
        self.receivers.push(host.into());
        self
    }

    /// Holds back an event while an earlier event about the same thing, such as a payment, is not acknowledged and is
    /// delivered again, at the providers that document it ([`Redelivery::holds_back`]). The event is delivered once the
    /// earlier one is acknowledged or given up.
    ///
    /// By default, every event is delivered at once: the documented examples of many events are about the same payment.
    ///
    /// [`Redelivery::holds_back`]: crate::catalogue::Redelivery::holds_back
    #[must_use]
    pub fn hold_back_events(mut self) -> Self {
        self.holds_back = true;
        self
    }

    /// Removes a registration whose receiver has not responded for as long as the provider documents
    /// ([`Redelivery::removed_after`]). Every response counts, whatever its status. The time passes as fast as
    /// the [`Trigger::time_scale`] of the deliveries that are retried.
    ///
    /// By default, registrations are kept: without a time scale, no test runs for that long.
    ///
    /// [`Redelivery::removed_after`]: crate::catalogue::Redelivery::removed_after
    #[must_use]
    pub fn remove_silent_registrations(mut self) -> Self {
        self.removes_silent = true;
        self
    }

    /// Sets the lifetime of the tokens that the sandbox issues for client credentials. The default is an hour, and the minimum
    /// is a second. The token of an account does not expire.
    #[must_use]
    pub fn token_lifetime(mut self, lifetime: Duration) -> Self {
        self.token_lifetime = lifetime;
        self
    }

    /// Starts the sandbox.
    ///
    /// # Errors
    ///
    /// Returns an error if the sandbox cannot listen on the address, or if the HTTP client for deliveries cannot be
    /// built.
    pub async fn start(self) -> Result<Sandbox, StartError> {
        let listener = tokio::net::TcpListener::bind(self.listen).await;
        let listener = listener.map_err(|source| StartError::Listen { address: self.listen, source })?;
        let address = listener.local_addr().map_err(|source| StartError::Listen { address: self.listen, source })?;
        let http = http_client()?.no_proxy().user_agent(concat!("pos-webhooks-sandbox/", env!("CARGO_PKG_VERSION")));
        let seed = self.seed.unwrap_or_else(|| rand::rng().random());
        let backends = Backends::new(&self.providers, seed, self.token_lifetime);
        // The unspecified address cannot be connected to.
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
            is_local: address.ip().is_loopback(),
            hosts: self.hosts,
            seed,
            anywhere: self.anywhere,
            receivers: self.receivers,
            holds_back: self.holds_back,
            removes_silent: self.removes_silent,
            http: http.build().map_err(SetupError::HttpClient)?,
            state: Mutex::new(State {
                backends,
                faults: Vec::new(),
                armed: 0,
                held: Vec::new(),
                turns: Turns::default(),
                log: VecDeque::new(),
                attempts: 0,
                deliveries: 0,
                cleared: 0,
                inbox: Inbox::default(),
            }),
            changes: watch::Sender::new(0),
            over: watch::Sender::new(false),
        });
        let own_host = middleware::from_fn_with_state(Arc::clone(&inner), control::own_host);
        let own = page::routes().merge(control::routes()).layer(own_host);
        // A documented path such as `/v1/:id` is one like any other.
        let own = own.without_v07_checks();
        let routes = own.merge(management::routes(&inner.providers)).with_state(Arc::clone(&inner));
        let service = routes.into_make_service_with_connect_info::<server::Breaker>();
        let mut over = inner.over.subscribe();
        let ended = async move {
            // An error means that the sandbox was dropped, which ends the server as well.
            let _ = over.wait_for(|over| *over).await;
        };
        let serving = axum::serve(server::Breakable(listener), service).with_graceful_shutdown(ended);
        tokio::spawn(async move { serving.await });
        Ok(Sandbox { inner })
    }
}

impl Sandbox {
    /// Starts a sandbox on a free port of this machine.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`Builder::start`].
    pub async fn start() -> Result<Self, StartError> {
        Self::builder().start().await
    }

    /// Returns a builder, to start a sandbox with other than the default settings.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Returns the URL of the sandbox's page, such as `http://127.0.0.1:41234`.
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// Returns the seed of all random values.
    pub fn seed(&self) -> u64 {
        self.inner.seed
    }

    /// Returns the account at each provider.
    pub fn accounts(&self) -> &[Account] {
        &self.inner.accounts
    }

    /// Returns the account at one provider.
    ///
    /// # Errors
    ///
    /// Returns an error if the sandbox does not have this provider.
    pub fn account(&self, provider: &str) -> Result<&Account, UnknownProvider> {
        self.inner.account(provider)
    }

    /// Constructs a client of a provider's module with the sandbox's server and credentials.
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
    /// Returns an error if the HTTP client cannot be built.
    pub fn client<C: TypedClient>(&self) -> Result<C, ClientError> {
        let account = self.inner.account(C::provider().name)?;
        Ok(C::with_account(account, self.inner.options())?)
    }

    /// Constructs a client for any provider, for operations that are chosen at run time.
    ///
    /// # Errors
    ///
    /// Returns an error if the sandbox does not have this provider, or if the HTTP client cannot be built.
    pub fn any_client(&self, provider: &str) -> Result<AnyClient, ClientError> {
        self.inner.any_client(provider)
    }

    /// Registers a URL for events that the provider's operation for registrations does not register, as in the back office of
    /// the provider: all events of DealPOS, and those of miPOS for markets and logistics companies. An empty list means all
    /// such events. [`Provider::registers`] returns whether the operation registers an event. The operations of the provider do
    /// not list, change or delete such a registration.
    ///
    /// # Errors
    ///
    /// Returns an error if that operation registers one of the events, if the provider does not have one of them, if
    /// nothing can be delivered to the URL, or if the receiver does not answer the provider's handshake.
    pub async fn register(&self, provider: &str, url: &str, events: &[&str]) -> Result<Registration, RegisterError> {
        self.inner.register(provider, url, events).await
    }

    /// Registers a URL for all events of a provider: with the operations of the provider where they are documented, and as in its
    /// back office otherwise. Returns the registrations. If a registration is for one event, its URL has one more segment with the
    /// name of the event.
    ///
    /// # Errors
    ///
    /// Returns an error if the sandbox does not have this provider, if nothing can be delivered to the URL, if an operation
    /// refuses a registration, or if the receiver does not answer the provider's handshake.
    pub async fn register_for_all(&self, provider: &str, url: &str) -> Result<Vec<Registration>, RegisterError> {
        self.inner.register_for_all(provider, url).await
    }

    /// Replaces the secret that deliveries to a registration are signed with. Returns whether it was replaced. It is not if there is
    /// no such registration, or if its deliveries are signed with a credential of the client or with a private key.
    ///
    /// # Errors
    ///
    /// Returns an error if the sandbox does not have this provider.
    pub fn set_secret(&self, provider: &str, id: &str, secret: impl Into<Secret>) -> Result<bool, UnknownProvider> {
        let provider = self.inner.provider(provider)?;
        let is_replaced =
            self.inner.state().backends.find(provider).is_ok_and(|backend| backend.set_secret(id, secret.into()));
        self.inner.changed();
        Ok(is_replaced)
    }

    /// Registers the inbox of the sandbox for all events of a provider: with the operations of the provider where they are
    /// documented, and as in its back office otherwise. Returns the registrations of the inbox. Events that it receives
    /// already are not registered once more.
    ///
    /// The inbox is a receiver that verifies a delivery with the secret of its registration, validates it strictly, decodes
    /// it, and answers as documented. A body that an event asks for is the documented example. The last 200 requests are
    /// shown on the page and are at `/_sandbox/inbox`.
    ///
    /// ```
    /// # #[cfg(feature = "vipps")] {
    /// use pos_webhooks::sandbox::Sandbox;
    /// use pos_webhooks::vipps::EventName;
    ///
    /// # tokio::runtime::Runtime::new()?.block_on(async {
    /// let sandbox = Sandbox::start().await?;
    /// sandbox.receive_here("vipps").await?;
    /// let attempts = sandbox.deliver("vipps", EventName::EpaymentsPaymentCapturedV1.to_string()).await?;
    /// assert!(attempts[0].is_acknowledged());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns an error if the sandbox does not have this provider, or if an operation refuses a registration.
    pub async fn receive_here(&self, provider: &str) -> Result<Vec<Registration>, RegisterError> {
        self.inner.receive_here(provider).await
    }

    /// Waits until the inbox has received a request after the one of this number, and returns all such requests, oldest first. The
    /// first request has the number 1. Only the last 200 requests are kept.
    pub async fn received_after(&self, number: u64) -> Vec<Received> {
        self.inner.news(|state| state.inbox.after(number)).await
    }

    /// Waits until there is an attempt at a delivery after the one of this number ([`Attempt::number`]), and returns all such
    /// attempts that [`Sandbox::log`] has, oldest first.
    pub async fn attempts_after(&self, number: u64) -> Vec<Attempt> {
        let after = |attempt: &&Attempt| attempt.number > number;
        self.inner.news(|state| state.log.iter().filter(after).cloned().collect()).await
    }

    /// Returns the registrations with a provider, oldest first.
    ///
    /// # Errors
    ///
    /// Returns an error if the sandbox does not have this provider.
    pub fn registrations(&self, provider: &str) -> Result<Vec<Registration>, UnknownProvider> {
        Ok(self.inner.registrations(self.inner.provider(provider)?))
    }

    /// Delivers an event to every registration for it, one after the other, and returns each attempt. If an earlier event
    /// holds it back ([`Builder::hold_back_events`]), a trigger with a time scale or a maximum number of attempts waits
    /// for its turn; any other is delivered in the background later, so that there is no attempt to return yet.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no such provider or event, or if a setting of the [`Trigger`] is invalid. A
    /// receiver that cannot be reached or that refuses the delivery is not an error; see [`Attempt`].
    pub async fn deliver(&self, provider: &str, trigger: impl Into<Trigger>) -> Result<Vec<Attempt>, DeliverError> {
        self.inner.deliver(provider, trigger.into()).await
    }

    /// Delivers an event to a URL that is not registered, with the signature of this secret, as the provider would deliver it to a
    /// registration with both. Everything else is as in [`Sandbox::deliver`].
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Sandbox::deliver`]. That nothing can be delivered to the URL is the
    /// [`error`](Attempt::error) of the attempt.
    pub async fn deliver_to(
        &self,
        provider: &str,
        url: &str,
        secret: impl Into<Secret>,
        trigger: impl Into<Trigger>,
    ) -> Result<Vec<Attempt>, DeliverError> {
        self.inner.deliver_unregistered(provider, url, secret.into(), trigger.into()).await
    }

    /// Returns the last 1000 attempts at deliveries, oldest first, including background retries. The number of the
    /// first one shows how many older ones were dropped.
    pub fn log(&self) -> Vec<Attempt> {
        self.inner.log()
    }

    /// Activates a fault.
    ///
    /// # Errors
    ///
    /// Returns an error if the fault could never apply.
    pub fn fault(&self, fault: impl Into<Fault>) -> Result<(), FaultError> {
        self.inner.arm(fault.into())
    }

    /// Deactivates all faults. Deliveries that are held back are sent after the next delivery to the same registration.
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
