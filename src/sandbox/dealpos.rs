//! DealPOS: no calls; webhooks are set up in its back office.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;

use super::backend::{Answer, Backend, Broken, Call, Problem, Random, Registration, Retries, Signing};
use crate::Secret;
use crate::catalogue::Provider;
use crate::dealpos::{PROVIDER, headers};
use crate::verify::ReceiverError;

pub(super) struct Dealpos {
    api_key: Secret,
    registrations: Vec<Registration>,
    random: Random,
}

impl Dealpos {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, PROVIDER.name);
        Self { api_key: random.token(), registrations: Vec::new(), random }
    }
}

impl Backend for Dealpos {
    fn provider(&self) -> &'static Provider {
        &PROVIDER
    }

    fn credentials(&self) -> BTreeMap<&'static str, Secret> {
        [("api_key", self.api_key.clone())].into()
    }

    fn handle(&mut self, call: &Call<'_>) -> Result<Answer, Broken> {
        Err(Broken::not_simulated(call))
    }

    fn refuse(&mut self, call: &Call<'_>, _: StatusCode, _: &[Problem]) -> Result<Answer, Broken> {
        Err(Broken::not_simulated(call))
    }

    fn registrations(&self) -> Vec<Registration> {
        self.registrations.clone()
    }

    fn register(&mut self, url: String, events: Vec<String>) -> Option<Registration> {
        let secret = self.api_key.clone();
        let registration = Registration { id: self.random.id(), url, events, active: true, secret };
        self.registrations.push(registration.clone());
        Some(registration)
    }

    fn sign(&self, delivery: &Signing<'_>) -> Result<Vec<(&'static str, String)>, ReceiverError> {
        Ok(vec![(headers::X_API_KEY, delivery.secret.expose().to_owned())])
    }

    /// One retry after seven seconds, the documented default, when there was an answer and it was one of these.
    fn retries(&self) -> Retries {
        Retries {
            failed: |status| {
                let again = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
                status.is_some_and(|status| status.is_server_error() || again.contains(&status))
            },
            wait: |attempt, _| (attempt == 1).then_some(Duration::from_secs(7)),
        }
    }
}
