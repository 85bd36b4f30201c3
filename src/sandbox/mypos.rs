//! myPOS: webhooks with ids, listed in pages, with secrets that the client chooses.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;

use super::backend::{Answer, Backend, Broken, Call, Problem, Random, Registration, Retries, Signing};
use crate::catalogue::Provider;
use crate::mypos::models::{
    CreateWebhook, Pagination, SubscribedEvent, UpdateWebhook, Webhook, WebhookDetails, WebhookDetailsEnvelope,
    WebhookEnvelope, WebhookList,
};
use crate::mypos::{EventName, PROVIDER, sign};
use crate::verify::ReceiverError;
use crate::{Secret, times};

/// Entries per page in every sample of the documentation.
const PAGE_SIZE: usize = 20;

pub(super) struct Mypos {
    token: Secret,
    webhooks: Vec<Stored>,
    random: Random,
}

struct Stored {
    webhook: Webhook,
    /// A subscription for each event: subscriptions are outside of this crate, so every webhook has all.
    events: Vec<SubscribedEvent>,
}

impl Mypos {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, PROVIDER.name);
        Self { token: random.token(), webhooks: Vec::new(), random }
    }

    fn create(&mut self, new: CreateWebhook) -> Webhook {
        let webhook = Webhook {
            id: self.random.id(),
            created_on: times::to_http_date(jiff::Timestamp::now()).map(crate::Time::from),
            is_active: Some(true),
            payload_url: Some(new.payload_url),
            secret: Some(new.secret),
        };
        let subscribed = |event: &EventName| SubscribedEvent { id: self.random.id(), name: event.to_string() };
        let events = EventName::ALL.iter().map(subscribed).collect();
        self.webhooks.push(Stored { webhook: webhook.clone(), events });
        webhook
    }

    /// A page, counted from 1. The query of the list is second-hand; its names are those of [`Pagination`].
    fn page(&self, query: &BTreeMap<String, String>) -> WebhookList {
        let number = |name, otherwise| {
            query.get(name).and_then(|text| text.parse().ok()).filter(|number| *number > 0).unwrap_or(otherwise)
        };
        let (page, size) = (number("page", 1), number("size", PAGE_SIZE));
        let webhooks = self.webhooks.iter().skip((page - 1).saturating_mul(size)).take(size);
        let integer = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        WebhookList {
            webhooks: webhooks.map(|stored| stored.webhook.clone()).collect(),
            pagination: Pagination { page: integer(page), size: integer(size), total: integer(self.webhooks.len()) },
        }
    }
}

fn unknown_id() -> Answer {
    Answer::undocumented(StatusCode::NOT_FOUND, None, String::new()).noted("no webhook has this id")
}

impl Backend for Mypos {
    fn provider(&self) -> &'static Provider {
        &PROVIDER
    }

    fn credentials(&self) -> BTreeMap<&'static str, Secret> {
        [("token", self.token.clone())].into()
    }

    fn handle(&mut self, call: &Call<'_>) -> Result<Answer, Broken> {
        let position = self.webhooks.iter().position(|stored| call.is_of(&stored.webhook.id));
        let stored = position.and_then(|position| self.webhooks.get_mut(position));
        match (call.operation.id, stored) {
            ("create_webhook", _) => call.answer(&WebhookEnvelope { webhook: self.create(call.body()?) }),
            ("list_webhooks", _) => call.answer(&self.page(call.query)),
            ("get_webhook" | "update_webhook" | "delete_webhook", None) => Ok(unknown_id()),
            ("get_webhook", Some(Stored { webhook, events })) => {
                let Webhook { created_on, id: _, is_active, payload_url, secret } = webhook.clone();
                let webhook = WebhookDetails { created_on, events: events.clone(), is_active, payload_url, secret };
                call.answer(&WebhookDetailsEnvelope { webhook })
            }
            ("update_webhook", Some(Stored { webhook, .. })) => {
                let UpdateWebhook { is_active, payload_url, secret } = call.body()?;
                webhook.is_active = is_active.map(|flag| flag != 0).or(webhook.is_active);
                webhook.payload_url = payload_url.or_else(|| webhook.payload_url.take());
                webhook.secret = secret.or_else(|| webhook.secret.take());
                call.answer(&WebhookEnvelope { webhook: webhook.clone() })
            }
            ("delete_webhook", Some(_)) => {
                self.webhooks.retain(|stored| !call.is_of(&stored.webhook.id));
                call.answer_as_documented()
            }
            _ => Err(Broken::not_simulated(call)),
        }
    }

    /// No error body is documented for any call.
    fn refuse(&mut self, _: &Call<'_>, status: StatusCode, _: &[Problem]) -> Result<Answer, Broken> {
        Ok(Answer::undocumented(status, None, String::new()))
    }

    fn registrations(&self) -> Vec<Registration> {
        let registration = |Stored { webhook, events }: &Stored| {
            Some(Registration {
                id: webhook.id.clone(),
                url: webhook.payload_url.clone()?,
                events: events.iter().map(|event| event.name.clone()).collect(),
                active: webhook.is_active.unwrap_or(true),
                secret: webhook.secret.clone()?,
            })
        };
        self.webhooks.iter().filter_map(registration).collect()
    }

    fn sign(&self, delivery: &Signing<'_>) -> Result<Vec<(&'static str, String)>, ReceiverError> {
        sign(&delivery.event.into(), delivery.secret, delivery.body, delivery.at)
    }

    /// For three days. The interval is not documented; here it doubles from a minute to six hours.
    fn retries(&self) -> Retries {
        Retries {
            failed: |status| !status.is_some_and(|status| status.is_success()),
            wait: |attempt, passed| {
                let wait =
                    Duration::from_secs(60 << attempt.saturating_sub(1).min(9)).min(Duration::from_secs(6 * 3600));
                (passed + wait <= Duration::from_secs(3 * 86_400)).then_some(wait)
            },
        }
    }
}
