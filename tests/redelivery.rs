//! Failures and intervals of redeliveries follow the specification.

use std::time::Duration;

use http::StatusCode;
use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::{Failure, Redelivery};

const ZERO: Duration = Duration::ZERO;

fn redeliveries() -> impl Iterator<Item = (&'static str, &'static Redelivery)> {
    PROVIDERS.iter().filter_map(|provider| Some((provider.name, provider.redelivery.as_ref()?)))
}

/// Every response that a receiver can send: none in time, and any status.
fn answers() -> impl Iterator<Item = Option<StatusCode>> {
    (100..=599).map(|status| StatusCode::from_u16(status).ok()).chain([None])
}

/// The waits between the attempts of an event that is never acknowledged.
fn waits(redelivery: &Redelivery) -> Vec<Duration> {
    let (mut waits, mut passed) = (Vec::new(), ZERO);
    for attempt in 1.. {
        let Some(wait) = redelivery.wait(attempt, passed) else { break };
        waits.push(wait);
        passed += wait;
    }
    waits
}

#[test]
fn a_failure_is_what_the_specification_lists() {
    for (name, redelivery) in redeliveries() {
        for answer in answers() {
            let listed = redelivery.failures.iter().any(|failure| match *failure {
                Failure::NoAnswer => answer.is_none(),
                Failure::Status(status) => answer == Some(status),
                Failure::Class(class) => {
                    answer.is_some_and(|status| (class * 100..class * 100 + 100).contains(&status.as_u16()))
                }
                ref other => panic!("{name}: {other:?}"),
            });
            assert_eq!(redelivery.is_failure(answer), listed, "{name}: {answer:?}");
            let success = answer.is_some_and(|status| status.is_success());
            assert!(!(listed && success), "{name} delivers again what was answered with {answer:?}");
        }
        assert_eq!(redelivery.failures.is_empty(), redelivery.schedule.is_empty(), "{name}");
    }
}

#[test]
fn waits_follow_the_schedule_until_the_provider_gives_up() {
    for (name, redelivery) in redeliveries() {
        let endless = redelivery.schedule.iter().find(|step| step.attempts.is_none()).map(|step| step.every);
        let counted = redelivery.schedule.iter().filter_map(|step| Some((step.attempts?, step.every)));
        let mut expected: Vec<Duration> =
            counted.flat_map(|(attempts, every)| (0..attempts).map(move |_| every)).collect();
        let limit = redelivery.give_up_after.unwrap_or(Duration::MAX);
        if let Some(every) = endless {
            assert!(redelivery.give_up_after.is_some(), "{name} would never give up");
            while expected.iter().sum::<Duration>() <= limit {
                expected.push(every);
            }
        }
        while expected.iter().sum::<Duration>() > limit {
            expected.pop();
        }
        assert_eq!(waits(redelivery), expected, "{name}");
    }
}

/// An attempt may be late, so the elapsed time counts and not the number of attempts.
#[test]
fn no_attempt_follows_after_the_provider_gives_up() {
    for (name, redelivery) in redeliveries() {
        let Some(limit) = redelivery.give_up_after else { continue };
        for attempt in [1, 2, 10, 100, u64::MAX] {
            let Some(wait) = redelivery.wait(attempt, ZERO) else { continue };
            assert_eq!(redelivery.wait(attempt, limit - wait), Some(wait), "{name}");
            assert_eq!(redelivery.wait(attempt, limit - wait + Duration::from_nanos(1)), None, "{name}");
            assert_eq!(redelivery.wait(attempt, Duration::MAX), None, "{name}");
        }
    }
}

/// The numbers of a provider, as its documents say them.
#[track_caller]
#[allow(dead_code, reason = "providers that are not compiled in")]
fn assert_numbers(
    redelivery: Option<&'static Redelivery>,
    within: Option<u64>,
    expected: &[(usize, u64)],
    failures: &[u16],
    assumed: bool,
) {
    let redelivery = redelivery.unwrap();
    let expected: Vec<u64> = expected.iter().flat_map(|(times, wait)| vec![*wait; *times]).collect();
    assert_eq!(waits(redelivery).iter().map(Duration::as_secs).collect::<Vec<_>>(), expected);
    assert_eq!(redelivery.answer_within.map(|within| within.as_secs()), within);
    let probes = [200, 204, 299, 302, 304, 399, 400, 404, 408, 410, 429, 499, 500, 503, 599];
    let found = probes.into_iter().filter(|status| redelivery.is_failure(StatusCode::from_u16(*status).ok()));
    assert_eq!(found.collect::<Vec<_>>(), failures);
    assert_eq!(redelivery.assumed, assumed);
}

#[allow(dead_code, reason = "providers that are not compiled in")]
const ALL: [u16; 12] = [302, 304, 399, 400, 404, 408, 410, 429, 499, 500, 503, 599];

#[test]
#[cfg(feature = "vipps")]
fn vipps_attempts_35_times_in_a_week() {
    let redelivery = pos_webhooks::vipps::PROVIDER.redelivery.as_ref();
    let waits = [(3, 2), (1, 60), (1, 120), (23, 3_600), (6, 86_400)];
    assert_numbers(redelivery, Some(10), &waits, &ALL, false);
    assert!(redelivery.unwrap().is_failure(None));
}

#[test]
#[cfg(feature = "mypos")]
fn mypos_is_assumed_to_attempt_20_times_in_three_days() {
    let redelivery = pos_webhooks::mypos::PROVIDER.redelivery.as_ref();
    let doubled = [60, 120, 240, 480, 960, 1_920, 3_840, 7_680, 15_360].map(|wait| (1, wait));
    assert_numbers(redelivery, None, &[&doubled[..], &[(10, 21_600)]].concat(), &ALL, true);
    assert!(redelivery.unwrap().is_failure(None));
}

#[test]
#[cfg(feature = "mipos")]
fn mipos_delivers_once() {
    let redelivery = pos_webhooks::mipos::PROVIDER.redelivery.as_ref();
    assert_numbers(redelivery, None, &[], &[], true);
    assert!(!redelivery.unwrap().is_failure(None));
}

#[test]
#[cfg(feature = "dealpos")]
fn dealpos_attempts_twice_where_there_was_an_answer() {
    let redelivery = pos_webhooks::dealpos::PROVIDER.redelivery.as_ref();
    assert_numbers(redelivery, Some(30), &[(1, 7)], &[408, 429, 500, 503, 599], false);
    assert!(!redelivery.unwrap().is_failure(None));
}
