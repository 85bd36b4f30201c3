//! Describes what a signature proves: for the documentation of receivers, and for users of the description.

use crate::signature::{Part, Signature};
use crate::spec::{EventNamePlace, Spec};

/// Describes every signature.
pub fn describe(spec: &mut Spec) {
    let place = spec.event_name.as_ref();
    let verifications = spec.events.iter_mut().map(|event| event.verification.as_mut());
    for verification in verifications.chain([spec.verification.as_mut()]).flatten() {
        for signature in verification.signatures_mut() {
            signature.coverage = coverage(signature, place);
            signature.replay = replay(signature);
        }
    }
}

/// Sentences such as "The signature covers the time and the body. It does not cover the URL.".
fn coverage(signature: &Signature, place: Option<&EventNamePlace>) -> String {
    let has = |part: &Part| always(signature, |other| other == part);
    let (mut covered, mut uncovered) = (Vec::new(), Vec::new());
    let mut add = |is_covered: bool, what: &str| {
        let list = if is_covered { &mut covered } else { &mut uncovered };
        list.push(what.to_owned());
    };

    let path = [Part::Url, Part::UrlWithoutQuery, Part::UrlTarget, Part::UrlPath].iter().any(has);
    let host = [Part::Url, Part::UrlWithoutQuery, Part::UrlHost].iter().any(has);
    let query = [Part::Url, Part::UrlTarget].iter().any(has);
    let of_url = [("host", host), ("path", path), ("query", query)];
    if host && path && query {
        add(true, "the registered URL");
    } else if host || path {
        of_url.iter().for_each(|(part, is_covered)| add(*is_covered, &format!("the {part} of the registered URL")));
    }
    match place {
        Some(EventNamePlace::Header(name)) => add(signs_header(signature, name), "the name of the event"),
        Some(EventNamePlace::LastPathSegment) => add(path, "the name of the event"),
        Some(EventNamePlace::Body | EventNamePlace::Route) | None => {}
    }
    for name in headers(signature) {
        if !matches!(place, Some(EventNamePlace::Header(event)) if event.eq_ignore_ascii_case(name)) {
            add(true, &format!("the header `{name}`"));
        }
    }
    if signature.id.is_some() {
        add(has(&Part::Id), "the id of the delivery");
    }
    let in_body = signature.time.as_ref().is_some_and(|time| time.member.is_some());
    if signature.time.is_some() && (!in_body || has(&Part::Time)) {
        add(has(&Part::Time), "the time");
    }
    let members: Vec<&str> = members(signature).collect();
    let body = always(signature, |part| matches!(part, Part::Body | Part::BodyWithoutSpaces | Part::Digest));
    let reads_member = !members.is_empty() || in_body && has(&Part::Time);
    if body {
        add(true, "the body");
        if signature.signed.iter().flatten().any(|part| *part == Part::BodyWithoutSpaces) {
            add(false, "the space after each colon and comma of the body");
        }
    } else {
        for member in &members {
            add(true, &format!("the member `{member}` of the body"));
        }
        add(false, if reads_member { "the rest of the body" } else { "the body" });
    }
    if !(host || path) {
        add(false, "the URL");
    }

    let mut coverage = format!("The signature covers {}.", list(&covered, "and"));
    if !uncovered.is_empty() {
        coverage.push_str(&format!(" It does not cover {}.", list(&uncovered, "or")));
    }
    if !body {
        let rest = if reads_member { "with other values in the rest of the body" } else { "with another body" };
        coverage.push_str(&format!(" Anyone who has a genuine delivery can send it {rest}."));
    }
    if signature.is_asymmetric() {
        coverage.push_str(" The secret of a receiver is the provider's public key, which cannot sign deliveries.");
    }
    coverage
}

/// What a signature does against deliveries that are sent again.
fn replay(signature: &Signature) -> String {
    let in_body = signature.time.as_ref().is_some_and(|time| time.member.is_some());
    match signature.time.as_ref().and_then(|time| time.window) {
        Some(seconds) if in_body => format!(
            "The replay window is {seconds} seconds before and after the time in the body. A redelivery of the same body is \
            refused after that.",
        ),
        Some(seconds) => format!(
            "The replay window is {seconds} seconds before and after the signed time. A redelivery with a new signature \
             passes.",
        ),
        None => "There is no replay window: anyone who has a genuine delivery can send it again.".to_owned(),
    }
}

/// Whether the header is part of each text that may be signed.
pub fn signs_header(signature: &Signature, wanted: &str) -> bool {
    always(signature, |part| matches!(part, Part::Header(name) if name.eq_ignore_ascii_case(wanted)))
}

fn always(signature: &Signature, is: impl Fn(&Part) -> bool) -> bool {
    signature.signed.iter().all(|parts| parts.iter().any(&is))
}

/// The alternatives of the signed text have the same headers and members.
fn headers(signature: &Signature) -> impl Iterator<Item = &str> {
    signature.signed.iter().take(1).flatten().filter_map(|part| match part {
        Part::Header(name) => Some(name.as_str()),
        _ => None,
    })
}

fn members(signature: &Signature) -> impl Iterator<Item = &str> {
    signature.signed.iter().take(1).flatten().filter_map(|part| match part {
        Part::Member(pointer) => Some(pointer.as_str()),
        _ => None,
    })
}

/// A list in words: "a, b and c".
fn list(items: &[String], and: &str) -> String {
    match items {
        [first @ .., last] if !first.is_empty() => format!("{} {and} {last}", first.join(", ")),
        items => items.concat(),
    }
}
