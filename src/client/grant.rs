//! Tokens that a client requests with its credentials, keeps, and replaces.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use tokio::sync::watch;
use tokio::time::Instant;

use super::answer::Answer;
use super::any_answer::AnyAnswer;
use super::any_request::AnyRequest;
use super::credential::{basic, checked_token, credential, not_in_header, sensitive};
use super::error::{Error, ErrorKind, SetupError, TokenError};
use super::error_response::ErrorResponse;
use super::token::AccessToken;
use super::transport::Transport;
use crate::Secret;
use crate::catalogue::{ClientCredential, ConstantMember, Provider, Security, TokenExpiry, TokenGrant, TokenPlace};
use crate::json::error::without_mark;
use crate::json::pointer::write;

/// A token is replaced this long before it expires, or in the last tenth of its lifetime if that is shorter.
const MARGIN: Duration = Duration::from_secs(60);

/// The tokens of a client and its clones.
pub(super) struct Grant {
    provider: &'static Provider,
    documented: &'static TokenGrant,
    /// In the order of the description.
    credentials: Vec<Secret>,
    /// The header of the token, and the text before the token in its value.
    token_header: (HeaderName, &'static str),
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    kept: Option<Arc<Kept>>,
    /// Receives the token that is being requested. There is at most one request at a time.
    fetching: Option<watch::Receiver<Option<Fetched>>>,
}

type Fetched = Result<Arc<Kept>, TokenError>;

/// A token, and when it is replaced, by a monotonic clock.
#[derive(Clone)]
pub(super) struct Kept {
    token: Secret,
    refresh_token: Option<Secret>,
    /// `None` if the token is used until the provider refuses it.
    expires: Option<Instant>,
    renew: Option<Instant>,
}

impl Kept {
    fn is_fresh(&self) -> bool {
        self.renew.is_none_or(|at| Instant::now() < at)
    }

    fn is_valid(&self) -> bool {
        self.expires.is_none_or(|at| Instant::now() < at)
    }

    pub(super) fn access_token(&self) -> AccessToken {
        let expires_in = self.expires.map(|at| at.duration_since(Instant::now()));
        AccessToken { token: self.token.clone(), expires_in }
    }
}

impl Grant {
    pub(super) fn new(
        provider: &'static Provider,
        name: Option<&str>,
        given: &[(String, Secret)],
        token_header: (HeaderName, &'static str),
    ) -> Result<Self, SetupError> {
        let grants = provider.grants();
        let documented = match name {
            None => grants.first(),
            Some(_) => grants.iter().find(|grant| grant.name == name),
        };
        let documented = documented.ok_or_else(|| match name {
            Some(name) if !grants.is_empty() => SetupError::UnknownGrant {
                name: name.to_owned(),
                known: grants.iter().filter_map(|grant| grant.name).collect(),
            },
            _ => SetupError::NoGrant(provider.name),
        })?;
        let wrong = |name: &str, reason| SetupError::ClientCredential { name: name.to_owned(), reason };
        if let Some((unknown, _)) =
            given.iter().find(|(name, _)| documented.credentials.iter().all(|it| it.name != name))
        {
            return Err(wrong(unknown, "is not one that the provider asks for"));
        }
        let find = |it: &ClientCredential| {
            let value = given.iter().find(|(known, _)| known == it.name).map(|(_, value)| value);
            let text = value.ok_or_else(|| wrong(it.name, "is missing"))?.expose();
            let text = match it.place {
                TokenPlace::Header(_) => credential(text),
                TokenPlace::User if text.contains(':') => Err("has a colon, which the scheme Basic has no way to send"),
                TokenPlace::User | TokenPlace::Password | TokenPlace::Member(_) => not_in_header(text),
            };
            text.map(Secret::from).map_err(|reason| wrong(it.name, reason))
        };
        let credentials = documented.credentials.iter().map(find).collect::<Result<_, _>>()?;
        Ok(Self { provider, documented, credentials, token_header, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the token, and requests one if there is none. The request is a task of its own, which continues if a caller
    /// stops waiting.
    pub(super) async fn get(this: &Arc<Self>, transport: &Transport) -> Fetched {
        loop {
            let mut fetched = {
                let mut state = this.state();
                match (&state.kept, &state.fetching) {
                    (Some(kept), _) if kept.is_fresh() => return Ok(Arc::clone(kept)),
                    // One call waits for the new token, and the others use the old one.
                    (Some(kept), Some(_)) if kept.is_valid() => return Ok(Arc::clone(kept)),
                    (_, Some(fetching)) => fetching.clone(),
                    (_, None) => {
                        let (sender, receiver) = watch::channel(None);
                        state.fetching = Some(receiver.clone());
                        tokio::spawn(Self::fetch(Arc::clone(this), transport.clone(), state.kept.clone(), sender));
                        receiver
                    }
                }
            };
            if let Ok(done) = fetched.wait_for(Option::is_some).await
                && let Some(done) = &*done
            {
                return done.clone();
            }
            // The runtime of the task was dropped, and the task with it.
            let mut state = this.state();
            if state.fetching.as_ref().is_some_and(|fetching| fetching.same_channel(&fetched)) {
                state.fetching = None;
            }
        }
    }

    /// The token that is kept, even if it has expired.
    pub(super) fn kept(&self) -> Option<AccessToken> {
        self.state().kept.as_ref().map(|kept| kept.access_token())
    }

    /// Stops using a token.
    pub(super) fn forget(&self, token: &Secret) {
        let mut state = self.state();
        if state.kept.as_ref().is_some_and(|kept| kept.token.expose() == token.expose()) {
            state.kept = None;
        }
    }

    async fn fetch(
        this: Arc<Self>,
        transport: Transport,
        old: Option<Arc<Kept>>,
        done: watch::Sender<Option<Fetched>>,
    ) {
        let next = this.next(&transport, old.as_deref()).await;
        let mut state = this.state();
        let is_kept = |old: &Arc<Kept>| state.kept.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, old));
        let fetched = match (next, old.filter(|old| old.is_valid() && is_kept(old))) {
            (Ok(kept), _) => Ok(Arc::new(kept)),
            // The old token is still valid, and the provider may recover.
            (Err(_), Some(old)) => {
                let now = Instant::now();
                let left = old.expires.map(|at| at.duration_since(now)).unwrap_or_default();
                Ok(Arc::new(Kept { renew: now.checked_add((left / 10).max(Duration::from_secs(1))), ..(*old).clone() }))
            }
            (Err(error), None) => Err(error),
        };
        state.fetching = None;
        if let Ok(kept) = &fetched {
            state.kept = Some(Arc::clone(kept));
        }
        drop(state);
        done.send_replace(Some(fetched));
    }

    /// Refreshes the old token if the provider documents how, or else requests a new one.
    async fn next(&self, transport: &Transport, old: Option<&Kept>) -> Result<Kept, TokenError> {
        if let Some(old) = old
            && let Some(renewed) = self.renewed(transport, old).await
        {
            match renewed {
                Ok(kept) if kept.is_valid() => return Ok(kept),
                // Without a response, the other request would fail as well.
                Err(TokenError::Call(error)) if error.status().is_none() => return Err(TokenError::Call(error)),
                Ok(_) | Err(_) => {}
            }
        }
        let kept = self.granted(transport).await?;
        if kept.is_valid() {
            return Ok(kept);
        }
        // Some providers return the existing token even if it has expired.
        match self.renewed(transport, &kept).await {
            Some(Ok(renewed)) if renewed.is_valid() => Ok(renewed),
            Some(Err(error)) => Err(error),
            Some(Ok(_)) | None => Err(TokenError::Expired),
        }
    }

    async fn granted(&self, transport: &Transport) -> Result<Kept, TokenError> {
        let TokenGrant { operation, credentials, request, .. } = self.documented;
        let values = credentials.iter().map(|it| it.place).zip(self.credentials.iter().map(Secret::expose));
        self.ask(transport, operation, values.collect(), request, None).await
    }

    /// `None` if the provider does not document how, or did not issue a refresh token.
    async fn renewed(&self, transport: &Transport, old: &Kept) -> Option<Result<Kept, TokenError>> {
        let documented = self.documented.refresh.as_ref()?;
        let refresh_token = old.refresh_token.as_ref()?;
        let mut values = vec![(documented.refresh_token, refresh_token.expose())];
        for placed in documented.credentials {
            let mut known = self.documented.credentials.iter().zip(&self.credentials);
            values
                .extend(known.find(|(it, _)| it.name == placed.name).map(|(_, value)| (placed.place, value.expose())));
        }
        let renewed = self.ask(transport, documented.operation, values, documented.request, Some(&old.token)).await;
        // Without a new refresh token, the old one remains valid.
        Some(
            renewed
                .map(|kept| Kept { refresh_token: kept.refresh_token.or_else(|| old.refresh_token.clone()), ..kept }),
        )
    }

    /// Calls an operation that issues a token. `token` is for an operation that requires a token itself.
    async fn ask(
        &self,
        transport: &Transport,
        operation: &str,
        values: Vec<(TokenPlace, &str)>,
        constants: &[ConstantMember],
        token: Option<&Secret>,
    ) -> Result<Kept, TokenError> {
        let Some(operation) = self.provider.operation(operation) else {
            return Err(TokenError::Missing { pointer: self.documented.token });
        };
        let (mut parameters, mut user, mut password) = (Vec::new(), "", "");
        let mut body = Value::Object(Map::new());
        for constant in constants {
            write(&mut body, constant.pointer, &serde_json::from_str(constant.json).unwrap_or_default());
        }
        for (place, value) in values {
            match place {
                TokenPlace::Header(name) => parameters.push((name, value)),
                TokenPlace::Member(pointer) => write(&mut body, pointer, &value.into()),
                TokenPlace::User => user = value,
                TokenPlace::Password => password = value,
            }
        }
        let proof = match operation.security {
            Security::Credential => token.map(|token| self.header(token)),
            Security::Basic => Some(basic(user, password).map(|value| (AUTHORIZATION, value))),
            Security::None => None,
        };
        let fail = |reason: &str| Error::new(operation, ErrorKind::Request(reason.to_owned()));
        let proof = proof.transpose().map_err(fail)?;
        let body = operation.request.as_ref().map(|_| body.to_string());
        // The lifetime may begin before the response arrives.
        let asked = Instant::now();
        let request = AnyRequest::new(transport, operation, &parameters, body.as_deref())?;
        let send = |session| request.send(session);
        let call = transport.call::<ErrorResponse, _>(operation, proof, transport.deadline(), &send).await?;
        if !call.status().is_success() {
            AnyAnswer::of(self.provider, call)?;
            return Err(TokenError::Missing { pointer: self.documented.token });
        }
        self.read(&call.answer, asked)
    }

    fn header(&self, token: &Secret) -> Result<(HeaderName, HeaderValue), &'static str> {
        let (name, before) = &self.token_header;
        Ok((name.clone(), sensitive(&format!("{before}{}", token.expose()))?))
    }

    /// Reads the token from a response. Other members are ignored.
    fn read(&self, answer: &Answer, asked: Instant) -> Result<Kept, TokenError> {
        let body: Value = serde_json::from_slice(without_mark(&answer.body)).unwrap_or_default();
        let text = |pointer| body.pointer(pointer).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let pointer = self.documented.token;
        let token = text(pointer).and_then(|token| checked_token(token).ok());
        let token = token.ok_or(TokenError::Missing { pointer })?;
        let now = answer.date.unwrap_or_else(SystemTime::now);
        let lifetime = self.documented.expiry.map(|expiry| lifetime(expiry, &body, now)).transpose()?.flatten();
        let expires = lifetime.and_then(|lifetime| asked.checked_add(lifetime));
        let margin = lifetime.map(|lifetime| (lifetime / 10).min(MARGIN)).unwrap_or_default();
        Ok(Kept {
            token: token.into(),
            refresh_token: self.documented.refresh_token.and_then(text).map(Secret::from),
            expires,
            renew: expires.and_then(|at| at.checked_sub(margin)),
        })
    }
}

/// The remaining lifetime of a token, which is zero if the token has expired. `None` if the response does not have an expiry.
fn lifetime(expiry: TokenExpiry, body: &Value, now: SystemTime) -> Result<Option<Duration>, TokenError> {
    let text = |pointer: &'static str| match body.pointer(pointer)? {
        Value::Null => None,
        Value::String(text) => Some((pointer, text.trim().to_owned())),
        other => Some((pointer, other.to_string())),
    };
    if let Some((pointer, text)) = expiry.after.and_then(text) {
        let seconds = text.parse().ok().filter(|seconds: &f64| seconds.is_finite());
        let seconds = seconds.ok_or(TokenError::Expiry { pointer })?;
        return Ok(Some(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX)));
    }
    let (Some((pointer, text)), Some(format)) = (expiry.at.and_then(text), expiry.format) else { return Ok(None) };
    let at = format.read(&text).ok_or(TokenError::Expiry { pointer })?;
    let now = Timestamp::try_from(now).unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(Some(Duration::try_from(at.duration_since(now).max(SignedDuration::ZERO)).unwrap_or_default()))
}
