//! The request with which a provider checks a receiver before it registers its URL.

use std::collections::BTreeMap;

use axum::http::Request;
use axum::http::header::CONTENT_TYPE;
use jiff::Timestamp;
use reqwest::Url;
use serde_json::{Map, Value};

use super::described::Backend;
use crate::catalogue::{Handshake, HandshakeBody, HandshakePart, HandshakePlace, HandshakeValue, Verification};
use crate::json::pointer::write;
use crate::receiver::AnyReceiver;
use crate::sandbox::registration::Registration;
use crate::verify::{HandshakeAnswer, ToSign, Verifier, sign};

/// A request, and the answer that the provider expects.
pub(in crate::sandbox) struct AskedHandshake {
    pub request: Request<String>,
    pub expected: HandshakeAnswer,
}

/// The name of the token among the account's credentials.
pub(super) const VERIFY_TOKEN: &str = "verify_token";

impl Backend {
    /// The request for a new registration. Fails if the description does not say how to sign it.
    pub fn handshake(
        &mut self,
        handshake: &Handshake,
        registration: &Registration,
        mut url: Url,
        at: Timestamp,
    ) -> Result<AskedHandshake, String> {
        let (mut query, mut body) = (BTreeMap::new(), Value::Object(Map::new()));
        for part in parts(handshake) {
            match part {
                HandshakePart::Query(name) => drop(query.insert(*name, self.random.token().expose().to_owned())),
                HandshakePart::Member(pointer) => write(&mut body, pointer, &self.random.token().expose().into()),
                HandshakePart::Text(_) | HandshakePart::Mac => {}
            }
        }
        match handshake.when.map(|condition| (condition.place, condition.equals)) {
            Some((HandshakePlace::Query(name), Some(text))) => drop(query.insert(name, text.to_owned())),
            Some((HandshakePlace::Query(name), None)) => {
                query.entry(name).or_insert_with(|| self.random.token().expose().to_owned());
            }
            Some((HandshakePlace::Member(pointer), Some(json))) => {
                write(&mut body, pointer, &serde_json::from_str(json).unwrap_or_default());
            }
            Some((HandshakePlace::Member(pointer), None)) if body.pointer(pointer).is_none() => {
                write(&mut body, pointer, &self.random.token().expose().into());
            }
            Some((HandshakePlace::Member(_), None)) | None => {}
        }
        let token = handshake.token.zip(self.credentials.get(VERIFY_TOKEN));
        query.extend(token.map(|(name, token)| (name, token.expose().to_owned())));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(&query);
        }
        let body = if handshake.is_verified() { body.to_string() } else { String::new() };

        let mut request = Request::builder().method(handshake.method.as_str()).uri(url.as_str());
        let event = registration.events.first().map(String::as_str);
        let verification = self.provider.verification_of(event).copied();
        if handshake.is_verified() {
            request = request.header(CONTENT_TYPE, "application/json");
            for (name, value) in self.signed(verification, registration, &body, at)? {
                request = request.header(name, value);
            }
        }
        let request = request.body(body).map_err(|error| error.to_string())?;
        let verifier = verification.and_then(|verification| {
            Verifier::new(&verification, None, Some(&registration.url), [registration.secret.clone()]).ok()
        });
        let mut receiver = AnyReceiver::unchecked(self.provider, verifier, event);
        if let Some(token) = self.credentials.get(VERIFY_TOKEN) {
            receiver = receiver.with_verify_token(token.clone()).map_err(|error| error.to_string())?;
        }
        let expected = receiver.handshake(&request, at).map_err(|error| error.to_string())?;
        let expected = expected.ok_or("the request of the sandbox is not a handshake")?;
        Ok(AskedHandshake { request, expected })
    }

    /// The headers that prove the origin of a request.
    fn signed(
        &mut self,
        verification: Option<Verification>,
        registration: &Registration,
        body: &str,
        at: Timestamp,
    ) -> Result<Vec<(&'static str, String)>, String> {
        let id = self.delivery_id();
        let secret = self.secret(registration, verification.as_ref().and_then(|it| it.signature(None)));
        let Some(verification) = verification.filter(|it| {
            matches!(it, Verification::Signatures(_) | Verification::Keys(_)) && !secret.expose().is_empty()
        }) else {
            return Ok(Vec::new());
        };
        let (url, id) = (Some(registration.url.as_str()), Some(id.as_str()));
        let delivery = ToSign { url, id, headers: &[], body: body.as_bytes(), at };
        let signed = sign(&verification, None, secret, &delivery).map_err(|error| error.to_string())?;
        Ok(signed.into_iter().filter(|(name, _)| *name != "Host").collect())
    }
}

/// The parts of all texts of an answer.
fn parts(handshake: &Handshake) -> impl Iterator<Item = &'static HandshakePart> {
    let members = match handshake.body {
        HandshakeBody::Json(members) => members,
        HandshakeBody::Text(_) | HandshakeBody::None => &[],
    };
    let text = match handshake.body {
        HandshakeBody::Text(parts) => parts,
        HandshakeBody::Json(_) | HandshakeBody::None => &[],
    };
    let of_members = members.iter().flat_map(|member| match member.value {
        HandshakeValue::Text(parts) => parts,
        HandshakeValue::Constant(_) => &[],
    });
    text.iter().chain(of_members).chain(handshake.mac.map_or(&[][..], |mac| mac.of))
}
