//! The sandbox receives the deliveries itself: its inbox is registered at every provider in one call, verifies, validates and
//! answers as documented.

#![cfg(all(feature = "sandbox", feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]

use std::process::Command;
use std::sync::LazyLock;

use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::Provider;
use pos_webhooks::client::http_client;
use pos_webhooks::sandbox::{DeliveryFault, Fault, Sandbox, Trigger};
use serde_json::{Value, json};

/// Invented providers, which are not compiled in.
static ACME: LazyLock<&'static Provider> = LazyLock::new(|| read("acme", include_str!("sandbox/acme.yaml")));
static NIMBUS: LazyLock<&'static Provider> =
    LazyLock::new(|| read("nimbus", include_str!("fifth-provider/nimbus.yaml")));

fn read(name: &str, text: &str) -> &'static Provider {
    let generated = pos_webhooks_build::generate(name, "changed.yaml", text);
    let generated = generated.unwrap_or_else(|findings| panic!("{}", findings.join("\n")));
    Provider::read(&generated.description).unwrap()
}

/// The invented ones take the place of those of the same name that are compiled in.
fn all() -> impl Iterator<Item = &'static Provider> {
    let invented = [*ACME, *NIMBUS];
    let others = PROVIDERS.iter().copied().filter(move |it| invented.iter().all(|invented| invented.name != it.name));
    others.chain(invented)
}

async fn start() -> Sandbox {
    Sandbox::builder().provider(*ACME).provider(*NIMBUS).start().await.unwrap()
}

async fn post(sandbox: &Sandbox, path: &str, body: Value) -> (u16, Value) {
    let http = http_client().unwrap().build().unwrap();
    let answer = http.post(format!("{}{path}", sandbox.url())).body(body.to_string()).send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
}

async fn get(sandbox: &Sandbox, path: &str) -> String {
    let http = http_client().unwrap().build().unwrap();
    http.get(format!("{}{path}", sandbox.url())).send().await.unwrap().text().await.unwrap()
}

async fn inbox(sandbox: &Sandbox) -> Vec<Value> {
    serde_json::from_str(&get(sandbox, "/_sandbox/inbox").await).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_of_every_provider_is_accepted_with_the_documented_answer() {
    let sandbox = start().await;
    for provider in all() {
        let registered = sandbox.receive_here(provider.name).await.unwrap();
        assert!(!registered.is_empty(), "{}", provider.name);
        for event in provider.events {
            let attempts = sandbox.deliver(provider.name, event.name).await.unwrap();
            assert_eq!(attempts.len(), 1, "{} {}", provider.name, event.name);
            assert!(attempts[0].is_acknowledged(), "{:#?}", attempts[0]);
            assert_eq!(attempts[0].note, None, "{}", event.name);
        }
        let again = sandbox.receive_here(provider.name).await.unwrap();
        assert_eq!(again.len(), registered.len(), "{}: nothing is registered twice", provider.name);
    }
    let received = inbox(&sandbox).await;
    assert_eq!(received.len(), all().map(|provider| provider.events.len()).sum::<usize>());
    let is_refused = |it: &&Value| it["outcome"] != "accepted" && it["outcome"] != "unsigned";
    let refused: Vec<_> = received.iter().filter(is_refused).collect();
    assert!(refused.is_empty(), "{refused:#?}");
    let unnamed = received.iter().filter(|it| it["event"].is_null());
    let paths: Vec<_> = unnamed.map(|it| it["path"].as_str().unwrap_or_default()).collect();
    assert_eq!(paths, ["/_sandbox/vipps/inbox"; 4], "only the payloads of donations are not documented");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_and_a_url_of_ones_own_are_registered_in_either_order() {
    let url = "http://127.0.0.1:9/hooks";
    for is_inbox_first in [false, true] {
        let sandbox = start().await;
        for provider in all() {
            for is_inbox in [is_inbox_first, !is_inbox_first] {
                let path = format!("/_sandbox/{}/{}", provider.name, if is_inbox { "receive" } else { "register" });
                // Without a secret, also where the caller chooses it. A registration for one event has to name it.
                let events: Vec<_> = provider.events.iter().map(|event| event.name).take(1).collect();
                let (status, answer) = post(&sandbox, &path, json!({"url": url, "events": events})).await;
                assert_eq!(status, 200, "{path}, the inbox first: {is_inbox_first}: {answer}");
            }
            assert!(sandbox.registrations(provider.name).unwrap().iter().any(|it| it.url == url), "{}", provider.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_not_given_is_made() {
    let sandbox = start().await;
    let url = "http://127.0.0.1:9/hooks";
    for given in [json!({"url": url}), json!({"url": url, "secret": "chosen by the caller"})] {
        let (status, answer) = post(&sandbox, "/_sandbox/mypos/register", given).await;
        assert_eq!(status, 200, "{answer}");
    }
    let registered = sandbox.registrations("mypos").unwrap();
    assert!(registered[0].secret.expose().len() >= 16);
    assert_eq!(registered[1].secret.expose(), "chosen by the caller");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_provider_is_reported_in_words() {
    let sandbox = start().await;
    let checked_in = json!({"url": "http://127.0.0.1:9/hooks", "events": ["user.checked-in.v1"]});
    assert_eq!(post(&sandbox, "/_sandbox/vipps/register", checked_in.clone()).await.0, 200);
    let (status, answer) = post(&sandbox, "/_sandbox/vipps/register", checked_in).await;
    let reason = "`register_webhook` was refused: 400 Bad Request: events[0]: 'user.checked-in.v1' has 1 registrations \
                  already, which is the limit per sales unit.";
    assert_eq!((status, answer["error"].as_str()), (400, Some(reason)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_genuine_or_not_valid_is_refused_with_the_reason() {
    let sandbox = start().await;
    sandbox.receive_here("vipps").await.unwrap();
    let event = "epayments.payment.captured.v1";
    sandbox.fault(Fault::from(DeliveryFault::WrongSignature).times(1)).unwrap();
    let forged = sandbox.deliver("vipps", Trigger::new(event).max_attempts(1)).await.unwrap();
    assert_eq!(forged[0].status, Some(401));
    assert!(forged[0].answer.as_ref().unwrap().body.contains("signature does not match"), "{forged:?}");
    let payload = r#"{"eventType": "epayments.payment.captured.v1", "amount": "<b>1</b>"}"#.parse().unwrap();
    let wrong = sandbox.deliver("vipps", Trigger::new(event).payload(payload).max_attempts(1)).await.unwrap();
    assert_eq!(wrong[0].status, Some(400));
    let answer = wrong[0].answer.as_ref().unwrap();
    assert!(answer.body.contains("/amount"), "{}", answer.body);
    assert!(answer.headers.iter().any(|(name, value)| name == "content-type" && value.starts_with("text/plain")));
    let (status, _) = post(&sandbox, "/_sandbox/vipps/inbox/elsewhere", json!({})).await;
    assert_eq!(status, 404);
    let outcomes: Vec<_> = inbox(&sandbox).await.iter().map(|it| it["outcome"].clone()).collect();
    assert_eq!(outcomes, ["not_verified", "not_valid", "not_registered"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inbox_keeps_the_last_two_hundred_requests() {
    let sandbox = start().await;
    for number in 0..205 {
        post(&sandbox, "/_sandbox/mypos/inbox/nothing", json!({ "number": number })).await;
    }
    let received = inbox(&sandbox).await;
    assert_eq!((received.len(), &received[0]["number"], &received[199]["number"]), (200, &json!(6), &json!(205)));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_registration_can_be_deleted_and_made_again() {
    let sandbox = start().await;
    for provider in all() {
        let name = provider.name;
        sandbox.receive_here(name).await.unwrap();
        for registered in sandbox.registrations(name).unwrap() {
            let (status, answer) =
                post(&sandbox, &format!("/_sandbox/{name}/unregister"), json!({"id": registered.id})).await;
            assert_eq!(status, 200, "{name}: {answer}");
        }
        assert!(sandbox.registrations(name).unwrap().is_empty(), "{name}");
        assert!(sandbox.deliver(name, provider.events[0].name).await.unwrap().is_empty());
        let (status, answer) = post(&sandbox, &format!("/_sandbox/{name}/unregister"), json!({"id": "none"})).await;
        assert_eq!((status, answer["error"].as_str()), (404, Some("there is no registration with the id `none`")));
        assert!(!sandbox.receive_here(name).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_curl_command_sends_exactly_what_was_sent() {
    let sandbox = start().await;
    sandbox.receive_here("acme").await.unwrap();
    let payload = r#"{"payment":  "it's $HOME \\ \"quoted\""}"#.parse().unwrap();
    let attempts = sandbox.deliver("acme", Trigger::new("paid").payload(payload)).await.unwrap();
    assert!(attempts[0].is_acknowledged(), "{attempts:?}");
    let command = get(&sandbox, &format!("/_sandbox/attempts/{}/curl", attempts[0].number)).await;
    let Ok(output) = Command::new("sh")
        .args(["-c", &format!("{} --silent --write-out '%{{http_code}}'", command.trim_end())])
        .output()
    else {
        return;
    };
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    let received = inbox(&sandbox).await;
    assert_eq!(received.len(), 2, "{received:#?}");
    assert_eq!((&received[1]["body"], &received[1]["outcome"]), (&received[0]["body"], &json!("accepted")));
    let verify = get(&sandbox, &format!("/_sandbox/attempts/{}/verify", attempts[0].number)).await;
    let secret = sandbox.registrations("acme").unwrap()[0].secret.clone();
    assert!(verify.contains("verify acme --secret-file secret.txt") && !verify.contains(secret.expose()), "{verify}");
}
