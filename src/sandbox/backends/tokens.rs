//! Access tokens that the sandbox issues as described.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use tokio::time::Instant;

use crate::Secret;
use crate::catalogue::{ClientCredential, ConstantMember, Provider, TokenGrant, TokenPlace};
use crate::json::pointer::write;
use crate::sandbox::call::{Answer, Broken, Call};
use crate::sandbox::random::Random;

/// The tokens of one account.
pub(super) struct Tokens {
    grants: &'static [TokenGrant],
    /// The credentials of the client, by name. Those of the same name are the same for all grants.
    credentials: BTreeMap<&'static str, Secret>,
    given: Vec<Given>,
    lifetime: Duration,
    random: Random,
}

struct Given {
    token: Secret,
    refresh_token: Secret,
    /// `None` if it is too far away to be represented.
    expires: Option<Instant>,
}

/// What a request for a token asks for.
#[derive(Clone, Copy)]
enum Asked {
    Grant,
    Refresh,
}

impl Tokens {
    pub(super) fn new(provider: &'static Provider, seed: u64, lifetime: Duration) -> Self {
        let mut random = Random::new(seed, &format!("tokens of {}", provider.name));
        let grants = provider.grants();
        let mut value = |it: &ClientCredential| if it.secret { random.token() } else { random.id().into() };
        let mut credentials = BTreeMap::new();
        for it in grants.iter().flat_map(|grant| grant.credentials) {
            credentials.entry(it.name).or_insert_with(|| value(it));
        }
        // The lifetime is written in whole seconds.
        Self { grants, credentials, given: Vec::new(), lifetime: lifetime.max(Duration::from_secs(1)), random }
    }

    pub(super) fn credentials(&self) -> impl Iterator<Item = (String, Secret)> {
        self.credentials.iter().map(|(name, value)| ((*name).to_owned(), value.clone()))
    }

    /// Whether this token was issued and has not expired.
    pub(super) fn is_valid(&self, token: &str) -> bool {
        let now = Instant::now();
        let is_valid = |given: &Given| given.expires.is_none_or(|at| now < at);
        self.given.iter().any(|given| given.token.expose() == token && is_valid(given))
    }

    /// The tokens that have not expired, with the time that is left; `None` if that is too long to be represented.
    pub(super) fn valid(&self) -> impl Iterator<Item = (&Secret, Option<Duration>)> {
        let now = Instant::now();
        let valid = self.given.iter().filter(move |given| given.expires.is_none_or(|at| now < at));
        valid.map(move |given| (&given.token, given.expires.map(|at| at.duration_since(now))))
    }

    pub(super) fn revoke(&mut self, token: &str) {
        self.given.retain(|given| given.token.expose() != token);
    }

    /// Whether user and password of the scheme Basic are those of the account.
    pub(super) fn is_basic(&self, headers: &HeaderMap) -> bool {
        let Some((user, password)) = basic(headers) else { return false };
        let is_own = |place, sent: &str| {
            let all = || self.grants.iter().flat_map(|grant| grant.credentials);
            let is_placed = all().any(|it| it.place == place);
            // If the credentials have other places in a request for a token, any of them is accepted.
            let mut accepted = all().filter(|it| !is_placed || it.place == place);
            accepted.any(|it| self.credentials.get(it.name).is_some_and(|value| value.expose() == sent))
        };
        is_own(TokenPlace::User, &user) && is_own(TokenPlace::Password, &password)
    }

    /// The response of an operation that issues tokens, or `None` for other operations. `Err(None)` means that the client
    /// credentials, or the token to refresh, are unknown.
    pub(super) fn answer(&mut self, call: &Call<'_>, fixed: Option<&Secret>) -> Option<Result<Answer, Option<Broken>>> {
        let body = serde_json::from_str(call.body.trim_start_matches('\u{feff}')).unwrap_or_default();
        let of_operation = |grant| Some((grant, asked(grant, call.operation.id, &body)?));
        let mut found = self.grants.iter().filter_map(of_operation);
        let has_constants = |(grant, asked): &(&TokenGrant, Asked)| match (asked, &grant.refresh) {
            (Asked::Refresh, Some(refresh)) => are_sent(refresh.request, &body),
            _ => are_sent(grant.request, &body),
        };
        // If one operation serves several grants, the constant members tell them apart.
        let (grant, asked) = found.clone().find(has_constants).or_else(|| found.next())?;
        let is_sent = |place: TokenPlace, known: &Secret| match place {
            TokenPlace::Header(name) => call.headers.get(name).is_some_and(|sent| sent == known.expose()),
            TokenPlace::Member(pointer) => body.pointer(pointer).and_then(Value::as_str) == Some(known.expose()),
            TokenPlace::User => basic(call.headers).is_some_and(|(user, _)| user == known.expose()),
            TokenPlace::Password => basic(call.headers).is_some_and(|(_, password)| password == known.expose()),
        };
        let is_known = |name: &str, place| self.credentials.get(name).is_some_and(|known| is_sent(place, known));
        let is_client = match (asked, &grant.refresh) {
            (Asked::Refresh, Some(refresh)) => refresh.credentials.iter().all(|it| is_known(it.name, it.place)),
            _ => grant.credentials.iter().all(|it| is_known(it.name, it.place)),
        };
        if !is_client {
            return Some(Err(None));
        }
        if let (Asked::Refresh, Some(refresh)) = (asked, &grant.refresh) {
            let renewed = self.given.iter().position(|given| is_sent(refresh.refresh_token, &given.refresh_token));
            match renewed {
                Some(position) => drop(self.given.remove(position)),
                None if fixed.is_some_and(|token| is_sent(refresh.refresh_token, token)) => {}
                None => return Some(Err(None)),
            }
        }
        Some(self.give(grant, call).map_err(Some))
    }

    /// The example of the documented success response, with a new token.
    fn give(&mut self, grant: &TokenGrant, call: &Call<'_>) -> Result<Answer, Broken> {
        let mut answer = call.answer_as_documented()?;
        let mut body: Value = serde_json::from_str(&answer.body)?;
        let token = self.random.token();
        write(&mut body, grant.token, &token.expose().into());
        let refresh_token = match grant.refresh_token {
            Some(pointer) if pointer != grant.token => {
                let refresh_token = self.random.token();
                write(&mut body, pointer, &refresh_token.expose().into());
                refresh_token
            }
            _ => token.clone(),
        };
        if let Some(expiry) = grant.expiry {
            let seconds = self.lifetime.as_secs();
            if let Some(pointer) = expiry.after {
                write_like(&mut body, pointer, &seconds.to_string());
            }
            let at = jiff::Timestamp::now().checked_add(self.lifetime).unwrap_or(jiff::Timestamp::MAX);
            if let Some((pointer, text)) = expiry.at.zip(expiry.format.and_then(|format| format.write(at))) {
                write_like(&mut body, pointer, &text);
            }
        }
        let expires = Instant::now().checked_add(self.lifetime);
        self.given.retain(|given| given.expires.is_none_or(|at| Instant::now() < at));
        self.given.push(Given { token, refresh_token, expires });
        answer.body = body.to_string();
        Ok(answer)
    }
}

/// Which of the requests for a token this is. If one operation serves both, the constant members tell them apart.
fn asked(grant: &TokenGrant, operation: &str, body: &Value) -> Option<Asked> {
    let refresh = grant.refresh.as_ref().filter(|refresh| refresh.operation == operation);
    let Some(refresh) = refresh else { return (grant.operation == operation).then_some(Asked::Grant) };
    let is_refresh = are_sent(refresh.request, body);
    Some(if is_refresh || grant.operation != operation { Asked::Refresh } else { Asked::Grant })
}

/// Whether these members are sent with their constant values.
fn are_sent(constants: &[ConstantMember], body: &Value) -> bool {
    constants.iter().all(|constant| {
        let sent = body.pointer(constant.pointer);
        sent.is_some_and(|sent| serde_json::from_str::<Value>(constant.json).is_ok_and(|value| value == *sent))
    })
}

/// Writes the text as a number if the example has a number.
fn write_like(body: &mut Value, pointer: &str, text: &str) {
    let is_number = body.pointer(pointer).is_some_and(Value::is_number);
    let number = is_number.then(|| serde_json::from_str(text).ok()).flatten();
    write(body, pointer, &number.unwrap_or_else(|| text.into()));
}

/// The user and the password of the scheme Basic.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let (scheme, sent) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let sent = BASE64.decode(sent.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let (user, password) = std::str::from_utf8(&sent).ok()?.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
