//! Vipps MobilePay: sales units, limits, the form of errors, and headers that were observed.

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use serde_json::Value;

use super::special::{Special, Stored};
use crate::catalogue::{Role, Values};
use crate::sandbox::call::{Answer, Broken, Call, Problem, RefusalReason};
use crate::sandbox::inbox::is_inbox;
use crate::sandbox::random::Random;
use crate::sandbox::registration::Registration;
use crate::vipps::models::{self, ExtraDetail};
use crate::vipps::{EventName, headers};
use crate::wire::url::is_loopback;

/// The header that names the sales unit, as its parameter in the specification does.
const SALES_UNIT: &str = "Merchant-Serial-Number";

pub(super) struct Vipps;

/// `None` is a partner, for all its sales units.
fn sales_unit<'a>(call: &Call<'a>) -> Option<&'a str> {
    call.headers.get(SALES_UNIT).and_then(|value| value.to_str().ok())
}

/// Whether only one registration receives the event.
fn is_for_one(event: &str) -> bool {
    event == EventName::UserCheckedInV1.as_str()
}

/// The maximum number of registrations per event type and sales unit. The documents of 2023 say 5; these are the numbers
/// of the newest ones, of 2026. The registrations of a partner for all its sales units are counted separately.
fn limit(event: &str) -> usize {
    if is_for_one(event) { 1 } else { 25 }
}

impl Special for Vipps {
    /// A sales unit to show in the account. Others work as well.
    fn constants(&self) -> &'static [(&'static str, &'static str)] {
        &[("merchant_serial_number", "123456")]
    }

    /// Stores the sales unit.
    fn keep(&self, call: &Call<'_>) -> Option<String> {
        sales_unit(call).map(str::to_owned)
    }

    fn concerns(&self, call: &Call<'_>, stored: &Stored) -> bool {
        sales_unit(call).is_none_or(|unit| stored.kept.as_deref() == Some(unit))
    }

    fn objections(&self, call: &Call<'_>, new: &Values, stored: &[Stored]) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut problem = |name: &str, reason: String| {
            problems.push(Problem { in_body: true, name: name.to_owned(), missing: false, reason });
        };
        // The sandbox delivers to loopback addresses, which do not have certificates.
        let url = new.get(&Role::Url).and_then(|url| url.as_str()).unwrap_or_default();
        let is_https = url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"));
        if !is_https && !is_loopback(url) {
            problem("url", "The URL must use https, except to this machine.".to_owned());
        }
        let events = new.get(&Role::Events).and_then(|events| events.as_array()).into_iter().flatten();
        for (index, event) in events.filter_map(|event| event.as_str()).enumerate() {
            if call.provider.event(event).is_none() {
                problem(&format!("events[{index}]"), format!("There is no event type '{event}'."));
            }
            // The inbox neither takes the place of a receiver that is tried out beside it, nor needs one.
            if is_inbox(url) {
                continue;
            }
            let of_unit = stored.iter().filter(|stored| stored.kept.as_deref() == sales_unit(call));
            let of_unit = of_unit.filter(|stored| !is_inbox(&stored.registration.url));
            let registered = of_unit.filter(|stored| stored.registration.events.iter().any(|known| known == event));
            let limit = limit(event);
            if registered.count() >= limit {
                let whose = if sales_unit(call).is_some() { "per sales unit" } else { "of a partner" };
                let reason = format!("'{event}' has {limit} registrations already, which is the limit {whose}.");
                problem(&format!("events[{index}]"), reason);
            }
        }
        problems
    }

    /// A registration with a sales unit is for the events of that sales unit only, which the payload names. A check-in is
    /// delivered to a partner only if the sales unit does not have a registration for it. The documented examples count
    /// as events of every sales unit, and so does a payload that no registration is for, such as a captured one.
    fn delivers(&self, stored: &Stored, event: &str, payload: Option<&Value>, all: &[Stored]) -> bool {
        let named = |name| payload?.get(name)?.as_str();
        let unit = named("msn").or_else(|| named("merchantSerialNumber"));
        let is_of_unit = |own: &str| unit.is_none_or(|unit| unit == own);
        let units = || {
            let subscribed = all.iter().filter(|other| other.registration.events.iter().any(|name| name == event));
            subscribed.map(|other| other.kept.as_deref())
        };
        match stored.kept.as_deref() {
            Some(own) => is_of_unit(own) || !units().any(|other| other.is_none_or(is_of_unit)),
            None => !is_for_one(event) || !units().flatten().any(is_of_unit),
        }
    }

    /// Follows the documented example of an error.
    fn refuse(&self, call: &Call<'_>, reason: RefusalReason<'_>, random: &mut Random) -> Result<Answer, Broken> {
        let documented = call.operation.response(StatusCode::BAD_REQUEST);
        if documented.is_none_or(|documented| documented.body.is_none()) {
            return Ok(call.refuse_as_documented(reason.statuses()));
        }
        let status = reason.statuses().first().copied().unwrap_or(StatusCode::BAD_REQUEST);
        let problems = if let RefusalReason::Invalid(problems) = reason { problems } else { &[] };
        let example: models::Problem = call.example(StatusCode::BAD_REQUEST)?;
        let id = random.id().replace('-', "");
        let trace = format!("00-{id}-{}-00", id.get(..16).unwrap_or_default());
        let detail = |problem: &Problem| ExtraDetail {
            name: problem.name.clone(),
            reason: match (problem.missing, example.extra_details.as_deref()) {
                (true, Some([documented, ..])) => documented.reason.clone(),
                _ => problem.reason.clone(),
            },
        };
        let problem = models::Problem {
            type_: Some(trace.clone()),
            title: status.canonical_reason().map(str::to_owned),
            status: Some(status.as_u16().into()),
            detail: example.detail.clone().filter(|_| !problems.is_empty()),
            instance: Some(call.path.to_owned()),
            trace_id: Some(trace),
            extra_details: Some(problems.iter().map(detail).collect()),
        };
        Ok(Answer { status, ..call.refuse(StatusCode::BAD_REQUEST, &problem)? })
    }

    /// Headers that were observed and are not documented: the id of the registration, and a copy of the signature for
    /// web servers that strip `Authorization`.
    fn headers(&self, registration: &Registration, signed: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
        let copy = signed.iter().find(|(name, _)| AUTHORIZATION.as_str().eq_ignore_ascii_case(name));
        let copy = copy.map(|(_, value)| (headers::X_VIPPS_AUTHORIZATION, value.clone()));
        copy.into_iter().chain([(headers::WEBHOOK_ID, registration.id.clone())]).collect()
    }
}
