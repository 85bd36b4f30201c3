//! The providers' own curl samples, run against the sandbox with host, token and id replaced, get the documented
//! responses.

#![cfg(all(feature = "sandbox", feature = "mypos"))]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::Command;

use pos_webhooks::mypos;
use pos_webhooks::sandbox::Sandbox;
use serde_json::Value;

/// Every curl sample of the page "Managing webhooks", by operation, in the order in which they can be run.
const SAMPLES: [(&str, &str); 5] = [
    (
        "create_webhook",
        r"curl -X POST \
https://webhook-api.mypos.com/v1/webhooks \
-H 'Authorization: Bearer PLpC1CqVE9CYXolbGNBPqz0NYy8asFzG95XcToDsMP' \
-H 'Content-Type: application/x-www-form-urlencoded' \
-d 'payload_url=https%3A%2F%2Fmywebsite.com%2Fwebhook-callback&secret=myrandomgeneratedsecret'",
    ),
    (
        "list_webhooks",
        r"curl -X GET \
https://webhook-api.mypos.com/v1/webhooks \
-H 'Authorization: Bearer PLpC1CqVE9CYXolbGNBPqz0NYy8asFzG95XcToDsMP'",
    ),
    (
        "get_webhook",
        r"curl -X GET \
https://webhook-api.mypos.com/v1/webhooks/6217960c-2a2e-4188-9025-af11abf47d5e \
-H 'Authorization: Bearer PLpC1CqVE9CYXolbGNBPqz0NYy8asFzG95XcToDsMP'",
    ),
    (
        "update_webhook",
        r"curl -X PATCH \
https://webhook-api.mypos.com/v1/webhooks/6217960c-2a2e-4188-9025-af11abf47d5e \
-H 'Authorization: Bearer PLpC1CqVE9CYXolbGNBPqz0NYy8asFzG95XcToDsMP' \
-H 'Content-Type: application/x-www-form-urlencoded' \
-d 'payload_url=https%3A%2F%2Fmywebsite.com%2Fwebhook-callback&secret=myrandomgeneratedsecret'",
    ),
    (
        "delete_webhook",
        r"curl -X DELETE \
https://webhook-api.mypos.com/v1/webhooks/6217960c-2a2e-4188-9025-af11abf47d5e \
-H 'Authorization: Bearer PLpC1CqVE9CYXolbGNBPqz0NYy8asFzG95XcToDsMP'",
    ),
];

/// What a sample shows that another run cannot give: ids, times, and what the samples contradict each other in.
fn comparable(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match name.as_str() {
                "id" | "created_on" => (name.clone(), Value::from("as it comes")),
                _ => (name.clone(), comparable(value)),
            })
            .collect(),
        Value::Array(items) => items.iter().map(comparable).collect(),
        other => other.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_curl_sample_gets_the_documented_response() {
    if Command::new("curl").arg("--version").output().is_err() {
        // Printed to the real standard error, because the captured output of a passing test is not shown.
        let _ = writeln!(std::io::stderr(), "skipped: there is no curl");
        return;
    }
    let sandbox = Sandbox::start().await.unwrap();
    let account = sandbox.account("mypos").unwrap();
    let mut replaced = BTreeMap::from([
        (mypos::PRODUCTION, account.base_url.clone()),
        ("PLpC1CqVE9CYXolbGNBPqz0NYy8asFzG95XcToDsMP", account.credentials["token"].expose().to_owned()),
    ]);
    // The others are on other pages.
    let mut operations = mypos::PROVIDER.operations.iter().filter(|it| it.path.starts_with("/v1/webhooks"));
    assert!(operations.all(|operation| SAMPLES.iter().any(|(sampled, _)| *sampled == operation.id)));
    for (id, sample) in SAMPLES {
        let mut command = sample.replacen("curl ", "curl --silent --show-error --noproxy '*' -w '\n%{http_code}' ", 1);
        for (from, to) in &replaced {
            command = command.replace(from, to);
        }
        let output = Command::new("sh").args(["-c", &command]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        assert_eq!(status, "200", "{id}: {body}{}", String::from_utf8_lossy(&output.stderr));
        let answer = &mypos::PROVIDER.operation(id).unwrap().responses[0];
        let Some(documented) = &answer.body else {
            assert_eq!(body, "", "{id}");
            continue;
        };
        let body: Value = serde_json::from_str(body).unwrap();
        if id == "create_webhook" {
            let created = body["webhook"]["id"].as_str().unwrap().to_owned();
            // The sample of one webhook shows one subscription.
            let subscription = mypos::models::CreateSubscription {
                event_id: "33bcd9a7-43e4-4c0c-a728-106210056b1a".into(),
                webhook_id: Some(created.clone()),
                filter: None,
            };
            sandbox.client::<mypos::Client>().unwrap().create_subscription(&subscription).await.unwrap();
            replaced.insert("6217960c-2a2e-4188-9025-af11abf47d5e", created);
        }
        let mut documented: Value = serde_json::from_str(documented.examples[0].json).unwrap();
        if id == "get_webhook" {
            // The sample of this one call shows a webhook with another URL and secret.
            for name in ["payload_url", "secret"] {
                documented["webhook"][name] = body["webhook"][name].clone();
            }
        }
        assert_eq!(comparable(&body), comparable(&documented), "{id}");
    }
    assert_eq!(sandbox.registrations("mypos").unwrap().len(), 0, "the last sample deletes");
}
