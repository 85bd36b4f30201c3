//! myPOS: pages of its list, and the time at which a webhook was created.

use serde_json::{Map, Value, json};

use super::{Special, Stored};
use crate::sandbox::call::Call;
use crate::sandbox::random::Random;
use crate::times;

/// Entries per page in every sample of the documentation.
const PAGE_SIZE: usize = 20;

pub(super) struct Mypos;

impl Special for Mypos {
    /// The time.
    fn keep(&self, _: &Call<'_>) -> Option<String> {
        times::to_http_date(jiff::Timestamp::now())
    }

    fn complete(&self, call: &Call<'_>, shown: &[&Stored], answer: &mut Value) {
        if let ([stored], Some(webhook)) = (shown, answer.get_mut("webhook").and_then(Value::as_object_mut)) {
            describe(webhook, stored);
        }
        let Some(list) = answer.get_mut("webhooks").and_then(Value::as_array_mut) else { return };
        for (webhook, stored) in list.iter_mut().zip(shown) {
            webhook.as_object_mut().into_iter().for_each(|webhook| describe(webhook, stored));
        }
        // Pages are counted from 1. The query is second-hand; its names are those of the pagination in the answer.
        let number = |name, otherwise| {
            call.query.get(name).and_then(|text| text.parse().ok()).filter(|number| *number > 0).unwrap_or(otherwise)
        };
        let (page, size, total) = (number("page", 1), number("size", PAGE_SIZE), list.len());
        *list = list.drain(..).skip((page - 1).saturating_mul(size)).take(size).collect();
        if let Some(answer) = answer.as_object_mut() {
            answer.insert("pagination".to_owned(), json!({ "page": page, "size": size, "total": total }));
        }
    }
}

fn describe(webhook: &mut Map<String, Value>, stored: &Stored) {
    if let Some(created) = &stored.kept {
        webhook.insert("created_on".to_owned(), created.as_str().into());
    }
    // A subscription for each event, with an id of its own.
    for event in webhook.get_mut("events").and_then(Value::as_array_mut).into_iter().flatten() {
        let id = Random::new(0, &format!("{} {event}", stored.registration.id)).id();
        event.as_object_mut().and_then(|event| event.insert("id".to_owned(), id.into()));
    }
}
