//! Vipps MobilePay: registrations per sales unit, with secrets that are told once.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;

use super::backend::{Answer, Backend, Broken, Call, Problem, Random, Registration, Retries, Signing};
use crate::Secret;
use crate::catalogue::Provider;
use crate::verify::ReceiverError;
use crate::vipps::models::{self, ExtraDetail, RegisterWebhook, RegisteredWebhook, Webhook, WebhookList};
use crate::vipps::{EventName, PROVIDER, headers, sign};

/// The header that names the sales unit, as its parameter in the specification does.
const SALES_UNIT: &str = "Merchant-Serial-Number";
const SUBSCRIPTION_KEY: &str = "Ocp-Apim-Subscription-Key";

/// A sales unit that the sandbox shows; others work as well.
const SALES_UNIT_NUMBER: &str = "123456";

pub(super) struct Vipps {
    token: Secret,
    subscription_key: Secret,
    webhooks: Vec<Stored>,
    random: Random,
}

struct Stored {
    id: String,
    /// `None`: of a partner, for all its sales units.
    sales_unit: Option<String>,
    url: String,
    events: Vec<String>,
    secret: Secret,
}

impl Vipps {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, PROVIDER.name);
        Self { token: random.token(), subscription_key: random.token(), webhooks: Vec::new(), random }
    }

    /// Why a registration is refused, by member.
    fn objections(&self, new: &RegisterWebhook, sales_unit: Option<&str>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut problem = |name: &str, reason: String| {
            problems.push(Problem { in_body: true, name: name.to_owned(), missing: false, reason });
        };
        // Deliveries of the sandbox go to loopback, where there is no certificate.
        let is_https = new.url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"));
        if !is_https && !crate::client::is_loopback(&new.url) {
            problem("url", "The URL must use https, except to this machine.".to_owned());
        }
        for (index, event) in new.events.iter().enumerate() {
            if matches!(EventName::from(event.as_str()), EventName::Unknown(_)) {
                problem(&format!("events[{index}]"), format!("There is no event type '{event}'."));
            }
            let of_unit = self.webhooks.iter().filter(|stored| stored.sales_unit.as_deref() == sales_unit);
            let limit = limit(event);
            if of_unit.filter(|stored| stored.events.contains(event)).count() >= limit {
                let reason = format!("'{event}' has {limit} registrations already, which is the limit per sales unit.");
                problem(&format!("events[{index}]"), reason);
            }
        }
        problems
    }

    /// The provider's form of an error, after its documented example.
    fn problem(
        &mut self,
        call: &Call<'_>,
        status: StatusCode,
        problems: &[Problem],
    ) -> Result<models::Problem, Broken> {
        let example: models::Problem = call.example(StatusCode::BAD_REQUEST)?;
        let id = self.random.id().replace('-', "");
        let trace = format!("00-{id}-{}-00", id.get(..16).unwrap_or_default());
        let detail = |problem: &Problem| ExtraDetail {
            name: problem.name.clone(),
            reason: match (problem.missing, example.extra_details.as_deref()) {
                (true, Some([documented, ..])) => documented.reason.clone(),
                _ => problem.reason.clone(),
            },
        };
        Ok(models::Problem {
            type_: Some(trace.clone()),
            title: status.canonical_reason().map(str::to_owned),
            status: Some(status.as_u16().into()),
            detail: example.detail.clone().filter(|_| !problems.is_empty()),
            instance: Some(call.path.to_owned()),
            trace_id: Some(trace),
            extra_details: Some(problems.iter().map(detail).collect()),
        })
    }
}

/// Registrations per event type and sales unit: the number of the documents since 2026.
fn limit(event: &str) -> usize {
    if event == EventName::UserCheckedInV1.as_str() { 1 } else { 25 }
}

impl Backend for Vipps {
    fn provider(&self) -> &'static Provider {
        &PROVIDER
    }

    fn credentials(&self) -> BTreeMap<&'static str, Secret> {
        [
            ("token", self.token.clone()),
            ("ocp_apim_subscription_key", self.subscription_key.clone()),
            ("merchant_serial_number", SALES_UNIT_NUMBER.into()),
        ]
        .into()
    }

    fn handle(&mut self, call: &Call<'_>) -> Result<Answer, Broken> {
        let header = |name| call.headers.get(name).and_then(|value| value.to_str().ok());
        let sales_unit = header(SALES_UNIT);
        if header(SUBSCRIPTION_KEY).is_some_and(|key| key != self.subscription_key.expose()) {
            let answer = self.refuse(call, StatusCode::UNAUTHORIZED, &[])?;
            return Ok(answer.noted("the subscription key is not the one that the sandbox told"));
        }
        // Without a sales unit, as a partner calls, all of them are meant.
        let is_of_unit = |stored: &Stored| sales_unit.is_none() || stored.sales_unit.as_deref() == sales_unit;
        match call.operation.id {
            "list_webhooks" => {
                let listed = self.webhooks.iter().filter(|stored| is_of_unit(stored)).map(|stored| Webhook {
                    id: stored.id.clone(),
                    url: Some(stored.url.clone()),
                    events: stored.events.clone(),
                });
                call.answer(&WebhookList { webhooks: listed.collect() })
            }
            "register_webhook" => {
                let new: RegisterWebhook = call.body()?;
                let objections = self.objections(&new, sales_unit);
                if !objections.is_empty() {
                    return self.refuse(call, StatusCode::BAD_REQUEST, &objections);
                }
                let RegisterWebhook { url, events } = new;
                let (id, secret) = (self.random.id(), self.random.key());
                let sales_unit = sales_unit.map(str::to_owned);
                self.webhooks.push(Stored { id: id.clone(), sales_unit, url, events, secret: secret.clone() });
                call.answer(&RegisteredWebhook { id, secret })
            }
            "delete_webhook" => {
                let before = self.webhooks.len();
                self.webhooks.retain(|stored| !call.is_of(&stored.id) || !is_of_unit(stored));
                if self.webhooks.len() == before {
                    let answer = self.refuse(call, StatusCode::NOT_FOUND, &[])?;
                    return Ok(answer.noted("no webhook of this sales unit has this id"));
                }
                call.answer_as_documented()
            }
            _ => Err(Broken::not_simulated(call)),
        }
    }

    fn refuse(&mut self, call: &Call<'_>, status: StatusCode, problems: &[Problem]) -> Result<Answer, Broken> {
        let problem = self.problem(call, status, problems)?;
        if call.documented(status).is_some() {
            return call.refuse(status, &problem, "");
        }
        let form = call.documented(StatusCode::BAD_REQUEST).and_then(|answer| answer.body.as_ref());
        Ok(Answer::undocumented(status, form.map(|body| body.media_type), serde_json::to_string(&problem)?))
    }

    fn registrations(&self) -> Vec<Registration> {
        let registration = |stored: &Stored| Registration {
            id: stored.id.clone(),
            url: stored.url.clone(),
            events: stored.events.clone(),
            active: true,
            secret: stored.secret.clone(),
        };
        self.webhooks.iter().map(registration).collect()
    }

    /// Observed beside what is documented: the id of the registration, and the signature once more for web servers that
    /// strip `Authorization`.
    fn sign(&self, delivery: &Signing<'_>) -> Result<Vec<(&'static str, String)>, ReceiverError> {
        let mut signed = sign(delivery.url, delivery.secret, delivery.body, delivery.at)?;
        let copy = signed.iter().find(|(name, _)| AUTHORIZATION.as_str().eq_ignore_ascii_case(name));
        let copy = copy.map(|(_, value)| (headers::X_VIPPS_AUTHORIZATION, value.clone()));
        signed.extend(copy);
        signed.push((headers::WEBHOOK_ID, delivery.registration.to_owned()));
        Ok(signed)
    }

    /// For seven days: after 2 s up to the fourth attempt, then 60 s, 120 s, hourly up to attempt 29, daily.
    fn retries(&self) -> Retries {
        Retries {
            failed: |status| !status.is_some_and(|status| status.is_success()),
            wait: |attempt, passed| {
                let seconds = match attempt {
                    0..=3 => 2,
                    4 => 60,
                    5 => 120,
                    6..=28 => 3600,
                    _ => 86_400,
                };
                let wait = Duration::from_secs(seconds);
                (passed + wait <= Duration::from_secs(7 * 86_400)).then_some(wait)
            },
        }
    }
}
