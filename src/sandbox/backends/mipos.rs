//! miPOS: the orders that were not answered yet, and the documented error message that applies.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::StatusCode;
use tokio::time::Instant;

use super::special::Special;
use crate::decode::decode;
use crate::mipos::EventName;
use crate::mipos::models::{AcceptOrder, Conflict, FieldErrors, MarketOrderRefusal, Order, OrderList};
use crate::sandbox::call::{Answer, Broken, Call, Problem, RefusalReason};
use crate::sandbox::random::Random;

/// How long an order is listed.
const LISTED: Duration = Duration::from_secs(600);

#[derive(Default)]
pub(super) struct Mipos {
    /// The orders that were neither accepted nor denied, oldest first.
    pending: Vec<(Instant, Order)>,
}

impl Special for Mipos {
    /// Keeps an order until it is answered.
    fn delivered(&mut self, event: &str, body: &str) {
        if event != EventName::Order.as_str() {
            return;
        }
        let Ok(mut order) = decode::<Order>(body.as_bytes()) else { return };
        // The list has the store's other name.
        order.store_id = order.store_id.or_else(|| order.external_store_id.take());
        let asked = answered(&order);
        self.pending.retain(|(since, known)| since.elapsed() < LISTED && answered(known) != asked);
        self.pending.push((Instant::now(), order));
    }

    fn answer(&mut self, call: &Call<'_>) -> Option<Result<Result<Answer, Broken>, RefusalReason<'static>>> {
        self.pending.retain(|(since, _)| since.elapsed() < LISTED);
        match call.operation.id {
            "list_orders" => {
                let store = call.parameters.get("store_id");
                let of_store = |(_, order): &&(Instant, Order)| order.store_id.as_ref() == store;
                let data = self.pending.iter().filter(of_store).map(|(_, order)| order.clone()).collect();
                Some(Ok(call.succeed(&OrderList { message: "Orders.".to_owned(), data })))
            }
            "accept_order" | "deny_order" => {
                // A denial has the same members beside its message.
                let asked = decode::<AcceptOrder>(call.body.as_bytes()).ok()?;
                let position = self.pending.iter().position(|(_, order)| answered(order) == asked);
                match position {
                    Some(position) => drop(self.pending.remove(position)),
                    None => return Some(Err(RefusalReason::UnknownOrder)),
                }
                None
            }
            _ => None,
        }
    }

    fn refuse(&self, call: &Call<'_>, reason: RefusalReason<'_>, _: &mut Random) -> Result<Answer, Broken> {
        let documents = |status, schema| {
            let body = call.operation.response(status).and_then(|it| it.body.as_ref());
            body.is_some_and(|body| body.schema == schema)
        };
        match reason {
            RefusalReason::Unknown => conflict(call, "does not exist"),
            RefusalReason::UnknownOrder => conflict(call, "Order not found"),
            RefusalReason::Taken | RefusalReason::Subscribed => conflict(call, "already exists"),
            RefusalReason::Invalid(problems) if documents(StatusCode::UNPROCESSABLE_ENTITY, "FieldErrors") => {
                call.refuse(StatusCode::UNPROCESSABLE_ENTITY, &field_errors(problems))
            }
            RefusalReason::Invalid(problems) if documents(StatusCode::UNPROCESSABLE_ENTITY, "MarketOrderRefusal") => {
                call.refuse(StatusCode::UNPROCESSABLE_ENTITY, &MarketOrderRefusal { messages: messages(problems) })
            }
            RefusalReason::Invalid(problems) if documents(StatusCode::CONFLICT, "Conflict") => {
                let mut conflict: Conflict = call.example(StatusCode::CONFLICT)?;
                conflict.message = messages(problems);
                call.refuse(StatusCode::CONFLICT, &conflict)
            }
            RefusalReason::UnknownClient => conflict(call, "Client secret not found"),
            RefusalReason::Invalid(_) | RefusalReason::Unauthenticated => {
                Ok(call.refuse_as_documented(reason.statuses()))
            }
        }
    }
}

/// What a call names an order by.
fn answered(order: &Order) -> AcceptOrder {
    AcceptOrder {
        delivery_id: order.delivery_id.to_string(),
        order_external_id: order.external_id.clone(),
        store_id: order.store_id.clone().unwrap_or_default(),
    }
}

/// A 409 with the documented message that applies.
fn conflict(call: &Call<'_>, reason: &str) -> Result<Answer, Broken> {
    let mut conflict: Conflict = call.example(StatusCode::CONFLICT)?;
    conflict.message.retain(|message| message.contains(reason));
    if conflict.message.is_empty() {
        return Err(Broken(format!("{} does not document the conflict `{reason}`", call.operation.id)));
    }
    call.refuse(StatusCode::CONFLICT, &conflict)
}

fn messages(problems: &[Problem]) -> Vec<String> {
    field_errors(problems).0.into_values().flatten().collect()
}

fn field_errors(problems: &[Problem]) -> FieldErrors {
    let mut errors = BTreeMap::<_, Vec<_>>::new();
    // The documented response only has messages for fields.
    let of_fields = problems.iter().any(|problem| problem.in_body);
    for problem in problems.iter().filter(|problem| problem.in_body || !of_fields) {
        let field = problem.name.replace('_', " ");
        let error = match problem.missing {
            true => format!("The {field} field is required."),
            false => format!("The {field} field is invalid: {}.", problem.reason),
        };
        errors.entry(problem.name.clone()).or_default().push(error);
    }
    FieldErrors(errors)
}
