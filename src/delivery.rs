//! Deliveries as a provider sends them: for tests of a receiver, and for the sandbox.

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Request};
use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::catalogue::{EventNamePlace, Parameter, Part, Provider, Signature, Verification};
use crate::json::pointer::replaced;
use crate::signature::{ReceiverError, ToSign, sign};
use crate::values::Secret;

/// The delivery of an event at the current time. Without a secret, nothing proves its origin.
pub fn delivery<E: Serialize>(
    provider: &'static Provider,
    name: &str,
    event: &E,
    url: &str,
    secret: Option<Secret>,
) -> Result<Request<Vec<u8>>, ReceiverError> {
    let described = provider.event(name);
    // Only a map with keys that are not text cannot be serialised, and payloads do not have such maps.
    let mut body = serde_json::to_string(event).unwrap_or_default();
    let mut headers =
        vec![(CONTENT_TYPE.as_str(), described.map_or("application/json", |it| it.payload.media_type).to_owned())];
    let mut url = url.to_owned();
    let verification = provider.verification_of(Some(name));
    let keys = if let Some(Verification::Keys(keys)) = verification { keys.places } else { &[] };
    match provider.event_name {
        _ if name.is_empty() => {}
        Some(EventNamePlace::Header(header)) => headers.push((header, name.to_owned())),
        Some(EventNamePlace::LastPathSegment) => url = followed_by(&url, name),
        _ => {}
    }
    if let Some(secret) = secret {
        let verification = verification.ok_or(ReceiverError::NothingDelivered)?;
        let known = described.map_or(&[][..], |event| event.headers);
        let (sent, at) = (sent_signatures(verification, known), Timestamp::now());
        body = sent_at(body, &sent, at);
        let id = hex::encode(Sha256::new_with_prefix(at.to_string()).chain_update(&body).finalize());
        add_signed_headers(&mut headers, &sent, known, |header| {
            header.and_then(Parameter::listed_value).unwrap_or(id.clone())
        });
        let given: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let delivery = ToSign { url: Some(&url), id: Some(&id), headers: &given, body: body.as_bytes(), at };
        let signed = by_each(&sent, |name| sign(verification, name, &secret, &delivery))?;
        headers.extend(signed);
    }
    let mut request = Request::post(url).body(body.into_bytes()).map_err(|_| {
        ReceiverError::Url("it does not parse; write other characters than those of a URL in their encoded form")
    })?;
    for (name, value) in headers {
        let unsendable = || ReceiverError::Value { name, problem: "cannot be sent in a header".to_owned() };
        let mut value = HeaderValue::from_str(&value).map_err(|_| unsendable())?;
        value.set_sensitive(keys.iter().any(|place| place.header == name));
        request.headers_mut().insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable())?, value);
    }
    Ok(request)
}

/// The URL with the event's name as its last segment.
fn followed_by(url: &str, name: &str) -> String {
    let (path, query) = url.find(['?', '#']).map_or((url, ""), |end| url.split_at(end));
    format!("{}/{name}{query}", path.trim_end_matches('/'))
}

/// The signatures that the deliveries of an event with these headers carry: the default one, and one for each other header that
/// is required.
pub(crate) fn sent_signatures(verification: &Verification, headers: &[Parameter]) -> Vec<&'static Signature> {
    let Verification::Signatures(signatures) = *verification else { return Vec::new() };
    let is_required =
        |name: &&'static str| headers.iter().any(|header| header.required && header.name.eq_ignore_ascii_case(name));
    let mut sent: Vec<&Signature> = Vec::new();
    for signature in signatures {
        let header = signature.headers.first();
        if sent.is_empty() || header.is_some_and(is_required) && !sent.iter().any(|it| it.headers.first() == header) {
            sent.push(signature);
        }
    }
    sent
}

/// The body with this time in the members that a replay window is measured from.
pub(crate) fn sent_at(body: String, sent: &[&'static Signature], at: Timestamp) -> String {
    let times = sent.iter().filter_map(|signature| signature.time.filter(|time| time.window.is_some()));
    times.fold(body, |body, time| {
        let written = time.member.zip(time.format.write(at)).and_then(|(pointer, at)| {
            replaced(&body, pointer, &|old| if old.starts_with('"') { format!("\"{at}\"") } else { at.clone() })
        });
        written.unwrap_or(body)
    })
}

/// Adds the signed headers that are missing, without those that belong to a signature. `value` gets the header as it is
/// described.
pub(crate) fn add_signed_headers(
    headers: &mut Vec<(&'static str, String)>,
    sent: &[&'static Signature],
    described: &[Parameter],
    mut value: impl FnMut(Option<&Parameter>) -> String,
) {
    let signed = sent.iter().filter_map(|signature| signature.signed.first()).copied().flatten();
    for part in signed {
        let Part::Header(name) = part else { continue };
        if !headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            headers.push((name, value(described.iter().find(|header| header.name.eq_ignore_ascii_case(name)))));
        }
    }
}

/// The headers of each signature. `sign` gets its name, or that of the default signature.
pub(crate) fn by_each(
    sent: &[&'static Signature],
    sign: impl Fn(Option<&str>) -> Result<Vec<(&'static str, String)>, ReceiverError>,
) -> Result<Vec<(&'static str, String)>, ReceiverError> {
    // A key, which is not a signature, does not have a name.
    let names = if sent.is_empty() { vec![None] } else { sent.iter().map(|signature| signature.name).collect() };
    let mut signed = Vec::new();
    for name in names {
        match sign(name) {
            Ok(headers) => signed.extend(headers),
            // Another signature than the default one may need a secret of another form.
            Err(ReceiverError::MalformedSecret(_)) if !signed.is_empty() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(signed)
}
