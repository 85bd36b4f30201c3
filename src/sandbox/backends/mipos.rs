//! miPOS: which of the documented messages applies.

use std::collections::BTreeMap;

use axum::http::StatusCode;

use super::Special;
use crate::mipos::models::{Conflict, FieldErrors};
use crate::sandbox::call::{Answer, Broken, Call, Problem, Reason};
use crate::sandbox::random::Random;

pub(super) struct Mipos;

impl Special for Mipos {
    fn refuse(&self, call: &Call<'_>, reason: Reason<'_>, _: &mut Random) -> Result<Answer, Broken> {
        match reason {
            Reason::Unknown => conflict(call, "does not exist"),
            Reason::Taken => conflict(call, "already exists"),
            Reason::Invalid(problems) => call.refuse(StatusCode::UNPROCESSABLE_ENTITY, &field_errors(problems)),
            Reason::Unauthenticated => Ok(call.refuse_as_documented(reason.statuses())),
        }
    }
}

/// A 409 with the one of its documented messages that applies.
fn conflict(call: &Call<'_>, reason: &str) -> Result<Answer, Broken> {
    let mut conflict: Conflict = call.example(StatusCode::CONFLICT)?;
    conflict.message.retain(|message| message.contains(reason));
    if conflict.message.is_empty() {
        return Err(Broken(format!("{} documents no conflict `{reason}`", call.operation.id)));
    }
    call.refuse(StatusCode::CONFLICT, &conflict)
}

fn field_errors(problems: &[Problem]) -> FieldErrors {
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
    FieldErrors(errors)
}
