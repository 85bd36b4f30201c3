//! myPOS: the pages of its lists, the times of creation, the ids of a webhook's subscriptions, notifications, and the
//! revocation of tokens.

use serde_json::{Map, Value, json};

use super::special::{Shown, Special};
use crate::sandbox::attempt::Attempt;
use crate::sandbox::call::Call;
use crate::wire::date::to_http_date;

/// The number of entries per page in every sample of the documentation.
const PAGE_SIZE: usize = 20;

pub(super) struct Mypos;

impl Special for Mypos {
    /// Stores the time of creation.
    fn keep(&self, _: &Call<'_>) -> Option<String> {
        to_http_date(jiff::Timestamp::now())
    }

    fn revoked(&self, call: &Call<'_>) -> Option<String> {
        let body: Value = serde_json::from_str(call.body).ok().filter(|_| call.operation.id == "revoke_token")?;
        Some(body.get("token")?.as_str()?.to_owned())
    }

    fn complete(&self, call: &Call<'_>, shown: &[Shown<'_>], answer: &mut Value) {
        let Some(answer) = answer.as_object_mut() else { return };
        if let [shown] = shown {
            let one = ["webhook", "subscription"].into_iter().find(|name| answer.contains_key(*name));
            one.and_then(|name| answer.get_mut(name)).into_iter().for_each(|one| describe(one, *shown));
        }
        let Some(list) = answer.values_mut().find_map(Value::as_array_mut) else { return };
        for (item, shown) in list.iter_mut().zip(shown) {
            describe(item, *shown);
        }
        let pagination = to_page(call, list);
        answer.insert("pagination".to_owned(), pagination);
    }

    fn complete_test(&self, attempt: Option<&Attempt>, answer: &mut Value) {
        let Some(notification) = answer.get_mut("notification") else { return };
        match attempt {
            Some(attempt) => *notification = self::notification(attempt),
            None => *notification = json!({ "event": notification["event"], "url": notification["url"] }),
        }
    }

    /// The notifications, each with its last attempt.
    fn deliveries(&self, call: &Call<'_>) -> Option<Value> {
        if call.operation.id != "list_notifications" {
            return None;
        }
        let mut last = Vec::<&Attempt>::new();
        for attempt in call.log.iter().filter(|attempt| attempt.provider == "mypos") {
            let is_next = |earlier: &&mut &Attempt| {
                earlier.attempt + 1 == attempt.attempt
                    && (&earlier.registration, earlier.event) == (&attempt.registration, attempt.event)
                    && earlier.request.body == attempt.request.body
            };
            match last.iter_mut().rev().find(is_next) {
                Some(earlier) => *earlier = attempt,
                None => last.push(attempt),
            }
        }
        let mut notifications = last.into_iter().map(notification).collect();
        let pagination = to_page(call, &mut notifications);
        Some(json!({ "notifications": notifications, "pagination": pagination }))
    }
}

/// Replaces a list by the page that the call asks for, and returns the page's place. Pages are counted from 1. The query
/// parameters are from a second-hand source; they have the names of the members of `pagination`.
fn to_page(call: &Call<'_>, list: &mut Vec<Value>) -> Value {
    let number = |name, otherwise| {
        call.query.get(name).and_then(|text| text.parse().ok()).filter(|number| *number > 0).unwrap_or(otherwise)
    };
    let (page, size, total) = (number("page", 1), number("size", PAGE_SIZE), list.len());
    *list = list.drain(..).skip((page - 1).saturating_mul(size)).take(size).collect();
    json!({ "page": page, "size": size, "total": total })
}

fn describe(item: &mut Value, shown: Shown<'_>) {
    let Some(item) = item.as_object_mut() else { return };
    let date = |item: &mut Map<String, Value>, created: &Option<String>| {
        let created = created.as_deref().map(|created| ("created_on".to_owned(), created.into()));
        item.extend(created);
    };
    if let Some(subscription) = shown.subscription {
        date(item, &subscription.kept);
        item.get_mut("hook").and_then(Value::as_object_mut).into_iter().for_each(|hook| date(hook, &shown.stored.kept));
        return;
    }
    date(item, &shown.stored.kept);
    let events = item.get_mut("events").and_then(Value::as_array_mut).into_iter().flatten();
    for (event, subscription) in events.zip(&shown.stored.subscriptions) {
        event.as_object_mut().and_then(|event| event.insert("id".to_owned(), subscription.id.as_str().into()));
    }
}

/// The members are from a second-hand source.
fn notification(attempt: &Attempt) -> Value {
    let mut notification = Map::from_iter([
        ("event".to_owned(), attempt.event.into()),
        ("url".to_owned(), attempt.url.as_str().into()),
        ("retry_count".to_owned(), (attempt.attempt - 1).into()),
    ]);
    let payload: Option<Value> = serde_json::from_str(&attempt.request.body).ok().filter(Value::is_object);
    let sent_on = attempt.at.to_timestamp().ok().and_then(to_http_date);
    notification.extend(payload.map(|payload| ("payload".to_owned(), payload)));
    notification.extend(sent_on.map(|sent_on| ("sent_on".to_owned(), sent_on.into())));
    notification.extend(attempt.status.map(|status| ("response_code".to_owned(), status.into())));
    Value::Object(notification)
}
