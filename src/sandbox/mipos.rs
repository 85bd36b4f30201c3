//! miPOS: webhooks without ids, one per URL.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;

use super::backend::{Answer, Backend, Broken, Call, Problem, Random, Registration, Retries, Signing};
use crate::Secret;
use crate::catalogue::Provider;
use crate::mipos::models::{Conflict, CreateWebhook, DeleteWebhook, FieldErrors, UpdateWebhook, Webhook, WebhookType};
use crate::mipos::{PROVIDER, sign};
use crate::verify::ReceiverError;

pub(super) struct Mipos {
    token: Secret,
    /// One for all webhooks: where it comes from is not documented.
    secret: Secret,
    webhooks: Vec<(String, WebhookType)>,
}

impl Mipos {
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, PROVIDER.name);
        Self { token: random.token(), secret: random.token(), webhooks: Vec::new() }
    }

    fn position(&self, url: &str) -> Option<usize> {
        self.webhooks.iter().position(|(known, _)| known == url)
    }
}

/// A 409 with the one of its documented messages that applies.
fn conflict(call: &Call<'_>, reason: &str) -> Result<Answer, Broken> {
    let mut conflict: Conflict = call.example(StatusCode::CONFLICT)?;
    conflict.message.retain(|message| message.contains(reason));
    if conflict.message.is_empty() {
        return Err(Broken(format!("{} documents no conflict `{reason}`", call.operation.id)));
    }
    call.refuse(StatusCode::CONFLICT, &conflict, &conflict.message.join(" "))
}

impl Backend for Mipos {
    fn provider(&self) -> &'static Provider {
        &PROVIDER
    }

    fn credentials(&self) -> BTreeMap<&'static str, Secret> {
        [("token", self.token.clone()), ("secret", self.secret.clone())].into()
    }

    fn handle(&mut self, call: &Call<'_>) -> Result<Answer, Broken> {
        match call.operation.id {
            "create_webhook" => {
                let CreateWebhook { url, type_ } = call.body()?;
                if self.position(&url).is_some() {
                    return conflict(call, "already exists");
                }
                self.webhooks.push((url, type_.unwrap_or_default()));
                call.answer_as_documented()
            }
            "update_webhook" => {
                let UpdateWebhook { current_url, new_url } = call.body()?;
                let Some(position) = self.position(&current_url) else { return conflict(call, "does not exist") };
                if self.position(&new_url).is_some() {
                    return conflict(call, "already exists");
                }
                if let Some((url, _)) = self.webhooks.get_mut(position) {
                    *url = new_url;
                }
                call.answer_as_documented()
            }
            "delete_webhook" => {
                let DeleteWebhook { url } = call.body()?;
                let Some(position) = self.position(&url) else { return conflict(call, "does not exist") };
                self.webhooks.remove(position);
                call.answer_as_documented()
            }
            "list_webhooks" => {
                let list: Vec<_> = self.webhooks.iter().map(|(url, _)| Webhook { url: url.clone() }).collect();
                call.answer(&list)
            }
            _ => Err(Broken::not_simulated(call)),
        }
    }

    fn refuse(&mut self, call: &Call<'_>, _: StatusCode, problems: &[Problem]) -> Result<Answer, Broken> {
        let mut errors = BTreeMap::<_, Vec<_>>::new();
        // The documented answer speaks of fields alone.
        let of_fields = problems.iter().any(|problem| problem.in_body);
        for problem in problems.iter().filter(|problem| problem.in_body || !of_fields) {
            let field = problem.name.replace('_', " ");
            let error = match problem.missing {
                true => format!("The {field} field is required."),
                false => format!("The {field} field is invalid: {}.", problem.reason),
            };
            errors.entry(problem.name.clone()).or_default().push(error);
        }
        call.refuse(StatusCode::UNPROCESSABLE_ENTITY, &FieldErrors(errors), "")
    }

    fn registrations(&self) -> Vec<Registration> {
        let registration = |(url, kind): &(String, WebhookType)| Registration {
            id: url.clone(),
            url: url.clone(),
            events: vec![kind.to_string()],
            active: true,
            secret: self.secret.clone(),
        };
        self.webhooks.iter().map(registration).collect()
    }

    fn sign(&self, delivery: &Signing<'_>) -> Result<Vec<(&'static str, String)>, ReceiverError> {
        sign(delivery.secret, delivery.body)
    }

    /// None is documented.
    fn retries(&self) -> Retries {
        Retries { failed: |_| false, wait: |_, _: Duration| None }
    }
}
