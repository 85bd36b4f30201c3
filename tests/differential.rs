//! Strict validation agrees with two other validators: `tests/differential/sample.ndjson` is a part of the payloads with which
//! `tests/differential/run` compares them, with the verdict that is right.

#![cfg(all(feature = "providers", feature = "validate"))]

use std::collections::{BTreeMap, BTreeSet};

use pos_webhooks::catalogue::Provider;
use pos_webhooks::validate::Invalid;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    provider: String,
    schema: String,
    payload: String,
    expected: String,
}

#[test]
fn the_sample_has_the_expected_verdicts() {
    let providers: BTreeMap<&str, &'static Provider> =
        pos_webhooks::PROVIDERS.iter().map(|provider| (provider.name, *provider)).collect();
    let (mut wrong, mut checked) = (Vec::new(), BTreeMap::<_, usize>::new());
    for line in include_str!("differential/sample.ndjson").lines() {
        let Case { provider, schema, payload, expected } = serde_json::from_str(line).unwrap();
        let verdict = match providers[&*provider].validate(&schema, payload.as_bytes()) {
            Ok(()) => "valid",
            Err(Invalid::Violations(_)) => "invalid",
            Err(Invalid::NotJson(_)) => "not-json",
            Err(error) => panic!("{error}"),
        };
        if verdict != expected {
            wrong.push(format!("{provider} {schema} is {verdict}, expected {expected}: {payload}"));
        }
        *checked.entry((provider, verdict)).or_default() += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let of_sample: BTreeSet<String> = checked.keys().map(|(provider, _)| provider.clone()).collect();
    assert!(of_sample.len() > 1);
    for provider in of_sample {
        for verdict in ["valid", "invalid", "not-json"] {
            assert!(checked[&(provider.clone(), verdict)] >= 20, "{provider}: {verdict}");
        }
    }
}
