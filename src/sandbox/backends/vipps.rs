//! Vipps MobilePay: sales units, limits, its form of errors, and headers that were observed.

use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;

use super::{Registration, Special, Stored};
use crate::catalogue::{Role, Values};
use crate::client::is_loopback;
use crate::sandbox::call::{Answer, Broken, Call, Problem, Reason};
use crate::sandbox::random::Random;
use crate::vipps::models::{self, ExtraDetail};
use crate::vipps::{EventName, headers};

/// The header that names the sales unit, as its parameter in the specification does.
const SALES_UNIT: &str = "Merchant-Serial-Number";

pub(super) struct Vipps;

/// `None`: a partner, for all its sales units.
fn sales_unit<'a>(call: &Call<'a>) -> Option<&'a str> {
    call.headers.get(SALES_UNIT).and_then(|value| value.to_str().ok())
}

/// Registrations per event type and sales unit: the number of the documents since 2026.
fn limit(event: &str) -> usize {
    if event == EventName::UserCheckedInV1.as_str() { 1 } else { 25 }
}

impl Special for Vipps {
    /// A sales unit that the sandbox shows; others work as well.
    fn constants(&self) -> &'static [(&'static str, &'static str)] {
        &[("merchant_serial_number", "123456")]
    }

    /// The sales unit.
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
        // Deliveries of the sandbox go to loopback, where there is no certificate.
        let url = new.get(&Role::Url).and_then(|url| url.as_str()).unwrap_or_default();
        let is_https = url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:"));
        if !is_https && !is_loopback(url) {
            problem("url", "The URL must use https, except to this machine.".to_owned());
        }
        let events = new.get(&Role::Events).and_then(|events| events.as_array()).into_iter().flatten();
        for (index, event) in events.filter_map(|event| event.as_str()).enumerate() {
            if matches!(EventName::from(event), EventName::Unknown(_)) {
                problem(&format!("events[{index}]"), format!("There is no event type '{event}'."));
            }
            let of_unit = stored.iter().filter(|stored| stored.kept.as_deref() == sales_unit(call));
            let registered = of_unit.filter(|stored| stored.registration.events.iter().any(|known| known == event));
            let limit = limit(event);
            if registered.count() >= limit {
                let reason = format!("'{event}' has {limit} registrations already, which is the limit per sales unit.");
                problem(&format!("events[{index}]"), reason);
            }
        }
        problems
    }

    /// As the documented example of an error.
    fn refuse(&self, call: &Call<'_>, reason: Reason<'_>, random: &mut Random) -> Result<Answer, Broken> {
        let status = reason.statuses().first().copied().unwrap_or(StatusCode::BAD_REQUEST);
        let problems = if let Reason::Invalid(problems) = reason { problems } else { &[] };
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

    /// Observed beside what is documented: the id of the registration, and the signature once more for web servers that
    /// strip `Authorization`.
    fn headers(&self, registration: &Registration, signed: &[(&'static str, String)]) -> Vec<(&'static str, String)> {
        let copy = signed.iter().find(|(name, _)| AUTHORIZATION.as_str().eq_ignore_ascii_case(name));
        let copy = copy.map(|(_, value)| (headers::X_VIPPS_AUTHORIZATION, value.clone()));
        copy.into_iter().chain([(headers::WEBHOOK_ID, registration.id.clone())]).collect()
    }
}
