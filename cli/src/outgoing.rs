//! Sends stored events to a program, as their provider sends them.

use std::path::Path;
use std::time::{Duration, Instant};

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use pos_webhooks::Secret;
use pos_webhooks::catalogue::{Event, EventNamePlace, Provider, Verification};
use pos_webhooks::verify::{ToSign, sign};
use reqwest::{Client, Url};

use crate::report::with_causes;
use crate::source::StoredEvent;
use crate::stop::Stop;
use crate::{account, input, verification};

/// The header that marks an event that is sent again, with its place in the source.
pub const REPLAY: &str = "pos-webhooks-replay";

/// How long a program may take to respond.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Where events are sent.
pub struct Recipient {
    url: Url,
    /// The URL that is signed.
    signed_url: Url,
    client: Client,
    signing: Option<Signing>,
}

/// How events are signed anew.
pub struct Signing {
    pub secret: Secret,
    /// The name of the signature; the default one otherwise.
    pub name: Option<String>,
}

/// The outcome of sending an event.
pub struct Sent {
    /// The status, or the reason why there is none.
    pub answer: Result<StatusCode, String>,
    pub after: Duration,
}

impl Sent {
    pub fn is_accepted(&self) -> bool {
        self.answer.as_ref().is_ok_and(StatusCode::is_success)
    }
}

impl Recipient {
    /// `option` is the name of the option with the URL.
    pub fn new(option: &str, url: &str, signed_url: Option<&str>, signing: Option<Signing>) -> Result<Self, Stop> {
        let url = parse(option, url)?;
        let signed_url = signed_url.map(|signed| parse("--url", signed)).transpose()?;
        let client = account::local(&url)?.timeout(TIMEOUT).build();
        let client = client.map_err(|error| Stop::Input(with_causes(&error.without_url())))?;
        Ok(Self { signed_url: signed_url.unwrap_or_else(|| url.clone()), url, client, signing })
    }

    /// Whether events are sent to this machine only.
    pub fn is_loopback(&self) -> bool {
        let host = self.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost"
            || host.ends_with(".localhost")
            || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }

    /// Whether events are signed anew.
    pub fn signs(&self) -> bool {
        self.signing.is_some()
    }

    /// The URL without its query, which may have a secret.
    pub fn shown(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.to_string()
    }

    /// Sends an event with its stored headers, and those that prove its origin if it is signed anew. The error is about an event
    /// that cannot be sent at all.
    pub async fn send(&self, event: &StoredEvent, is_replay: bool) -> Result<Sent, String> {
        let (url, headers) = self.prepare(event, is_replay)?;
        let since = Instant::now();
        let answer = self.client.post(url).headers(headers).body(event.body.clone()).send().await;
        let answer = answer.map(|response| response.status()).map_err(|error| match error.is_timeout() {
            true => format!("no response within {} s", TIMEOUT.as_secs()),
            false => format!("no response: {}", innermost(&error)),
        });
        Ok(Sent { answer, after: since.elapsed() })
    }

    /// The URL and the headers of an event.
    pub fn prepare(&self, event: &StoredEvent, is_replay: bool) -> Result<(Url, HeaderMap), String> {
        let name = event.event.as_deref();
        let provider = event
            .known_provider()
            .ok_or_else(|| format!("the specification of {} is not known; give it with --spec", event.provider))?;
        let in_path = name.filter(|_| provider.event_name == Some(EventNamePlace::LastPathSegment));
        let (url, signed_url) = (below(&self.url, in_path), below(&self.signed_url, in_path));
        let mut headers = HeaderMap::new();
        let mut add = |name: &str, value: &str| {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| error.to_string())?;
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| format!("{name} cannot be sent"))?;
            headers.insert(name, value);
            Ok::<(), String>(())
        };
        add(CONTENT_TYPE.as_str(), "application/json")?;
        let signed = self.signing.as_ref().map(|signing| signed(provider, event, signed_url.as_str(), signing));
        let Signed { headers: signed, replaces } = signed.transpose()?.unwrap_or_default();
        let is_kept = |name: &str| {
            !name.eq_ignore_ascii_case(CONTENT_LENGTH.as_str())
                && !replaces.iter().any(|it| it.eq_ignore_ascii_case(name))
        };
        let stored = event.headers.iter().filter(|(name, _)| is_kept(name));
        stored.into_iter().try_for_each(|(name, value)| add(name, value))?;
        if let (Some(EventNamePlace::Header(header)), Some(name)) = (provider.event_name, name) {
            add(header, name)?;
        }
        if is_replay {
            add(REPLAY, &event.place.to_string())?;
        }
        signed.iter().try_for_each(|(name, value)| add(name, value))?;
        Ok((url, headers))
    }
}

/// The headers that prove the origin of an event.
#[derive(Default)]
struct Signed {
    headers: Vec<(&'static str, String)>,
    /// The headers of the first delivery that do not hold any more.
    replaces: Vec<&'static str>,
}

/// Signs an event as if it was sent now. There are no headers if its provider does not prove the origin.
fn signed(provider: &'static Provider, event: &StoredEvent, url: &str, signing: &Signing) -> Result<Signed, String> {
    let name = event.event.as_deref();
    let verification = match provider.verification_of(name) {
        None | Some(Verification::None(_)) => return Ok(Signed::default()),
        Some(verification) => verification,
    };
    let signature = verification::named(provider, name, signing.name.as_deref()).map_err(Stop::message)?;
    let description = verification::signature(provider, name, signature);
    let time = description.and_then(|signature| signature.time).map_or(&[][..], |time| time.headers);
    let id = description.and_then(|signature| signature.id).map_or(&[][..], |id| id.headers);
    let own = description.map_or(&[][..], |signature| signature.headers);
    let replaces = [time, id, own].concat();
    let stored = id.iter().find_map(|header| event.headers.get(*header));
    let id = stored.cloned().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let mut headers: Vec<_> = event.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    headers.retain(|(stored, _)| !replaces.iter().any(|it| it.eq_ignore_ascii_case(stored)));
    if let (Some(EventNamePlace::Header(header)), Some(name)) = (provider.event_name, name) {
        headers.retain(|(stored, _)| !stored.eq_ignore_ascii_case(header));
        headers.push((header, name));
    }
    let to_sign = ToSign { url: Some(url), id: Some(&id), headers: &headers, body: &event.body, at: Timestamp::now() };
    let headers = sign(verification, signature, &signing.secret, &to_sign);
    Ok(Signed { headers: headers.map_err(|error| verification::usage(provider, name, &error))?, replaces })
}

/// The secret with which the deliveries of an event are signed; empty if the provider does not prove their origin.
pub fn secret(provider: &Provider, event: &Event, file: Option<&Path>) -> Result<Secret, Stop> {
    match (file, provider.verification_of(Some(event.name))) {
        (Some(file), _) => input::secret(file),
        (None, Some(Verification::None(_) | Verification::Custom(_)) | None) => Ok(Secret::from("")),
        (None, Some(verification)) if verification.optional().is_some() => Ok(Secret::from("")),
        (None, Some(_)) => Err(Stop::Usage(format!(
            "{} proves the origin of {} with a secret; give the one that your program verifies with as --secret-file FILE",
            provider.name, event.name
        ))),
    }
}

fn parse(option: &str, url: &str) -> Result<Url, Stop> {
    let usage = |why: &str| Stop::Usage(format!("{option}: {why}"));
    let parsed =
        Url::parse(url).map_err(|error| usage(&format!("{error}; give a URL such as http://localhost:3000/hooks")))?;
    if !matches!(parsed.scheme(), "http" | "https") {
        return Err(usage("the URL begins with https:// or http://"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(usage("leave out the user and the password of the URL"));
    }
    Ok(parsed)
}

/// The URL with one more segment.
fn below(url: &Url, segment: Option<&str>) -> Url {
    let mut url = url.clone();
    if let (Some(segment), Ok(mut segments)) = (segment, url.path_segments_mut()) {
        segments.pop_if_empty().push(segment);
    }
    url
}

fn innermost(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => innermost(source),
        None => error.to_string(),
    }
}
