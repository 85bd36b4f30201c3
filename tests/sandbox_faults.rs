//! Faults of the sandbox's responses only happen on request, are typed errors of every operation, and repeat with the
//! seed.

#![cfg(all(feature = "sandbox", feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]

mod described;

use std::time::Duration;

use pos_webhooks::catalogue::{Operation, Provider};
use pos_webhooks::client::{AnyClient, Error, ErrorResponse, Options, Retries, http_client};
use pos_webhooks::sandbox::{Account, AnswerFault, DeliveryFault, Fault, FaultError, Registration, Sandbox, Trigger};
use pos_webhooks::{PROVIDERS, mipos, mypos, vipps};
use serde_json::{Value, json};

fn http() -> reqwest::Client {
    http_client().unwrap().build().unwrap()
}

/// A client for one provider in a sandbox with a registration.
struct Caller {
    provider: &'static Provider,
    client: AnyClient,
    account: Account,
    registration: Option<Registration>,
}

impl Caller {
    async fn new(sandbox: &Sandbox, provider: &'static Provider, retries: Retries) -> Self {
        described::register(sandbox, provider, "https://there.test/hooks?shop=1").await;
        // Some operations are about an event that was delivered.
        for event in provider.events.iter().filter(|event| !event.follow_up.is_empty()) {
            sandbox.deliver(provider.name, Trigger::new(event.name).max_attempts(1)).await.unwrap();
        }
        let client = described::client(sandbox, provider, Options::default().retries(retries));
        let registration = sandbox.registrations(provider.name).unwrap().into_iter().next();
        let account = sandbox.account(provider.name).unwrap().clone();
        Self { provider, client, account, registration }
    }

    /// Calls an operation with arguments that it takes.
    async fn call(&self, operation: &str) -> Result<(), Error<ErrorResponse>> {
        let operation = self.provider.operation(operation).unwrap();
        described::call(&self.client, &self.account, self.provider, operation, self.registration.as_ref()).await
    }
}

/// The outcomes of calling every operation under a fault.
async fn under(fault: AnswerFault) -> Vec<(&'static Operation, Result<(), Error<ErrorResponse>>)> {
    let mut outcomes = Vec::new();
    for provider in PROVIDERS.iter().copied() {
        for operation in provider.operations {
            let sandbox = Sandbox::start().await.unwrap();
            let caller = Caller::new(&sandbox, provider, Retries::off()).await;
            let fault = Fault::from(fault.clone()).provider(provider.name).operation(operation.id).times(1);
            sandbox.fault(fault).unwrap();
            let call = caller.call(operation.id);
            let outcome = tokio::time::timeout(Duration::from_secs(20), call).await.expect("no call hangs");
            outcomes.push((operation, outcome));
        }
    }
    assert!(!outcomes.is_empty());
    outcomes
}

#[tokio::test]
async fn a_late_response_is_a_success() {
    for (operation, outcome) in under(AnswerFault::Latency { milliseconds: 5 }).await {
        outcome.unwrap_or_else(|error| panic!("{}: {error}", operation.id));
    }
}

#[tokio::test]
async fn a_status_is_that_of_the_error() {
    for (operation, outcome) in under(AnswerFault::Status { status: 429, retry_after_seconds: Some(7) }).await {
        let error = outcome.expect_err(operation.id);
        assert_eq!(error.status().map(|status| status.as_u16()), Some(429), "{error}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)), "{error}");
        assert!(error.is_retryable(), "{error}");
    }
}

#[tokio::test]
async fn a_reset_is_a_failed_connection() {
    for (operation, outcome) in under(AnswerFault::Reset).await {
        let error = outcome.expect_err(operation.id);
        assert_eq!(error.status(), None, "{error}");
        assert!(error.to_string().contains("the connection failed"), "{error}");
    }
}

#[tokio::test]
async fn a_truncated_answer_is_a_failed_connection() {
    for (operation, outcome) in under(AnswerFault::Truncated).await {
        let error = outcome.expect_err(operation.id);
        assert!(error.to_string().contains("the connection failed"), "{error}");
    }
}

#[tokio::test]
async fn garbage_is_an_undocumented_response() {
    let page = AnswerFault::Garbage { body: None, media_type: None };
    let empty = AnswerFault::Garbage { body: Some(String::new()), media_type: Some("application/json".into()) };
    for fault in [page, empty] {
        let is_empty = matches!(&fault, AnswerFault::Garbage { body: Some(_), .. });
        for (operation, outcome) in under(fault).await {
            let success = operation.success().unwrap();
            // In HTTP, a 204 does not have a body, so the client does not receive it.
            let is_documented = success.body.is_none() && (is_empty || success.status == "204");
            match outcome {
                Ok(()) => assert!(is_documented, "{}", operation.id),
                Err(error) => {
                    assert!(!is_documented, "{}: {error}", operation.id);
                    assert!(error.status().is_some_and(|status| status.is_success()), "{}: {error}", operation.id);
                    assert!(!error.to_string().contains("Bad Gateway"), "{error}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_call_that_may_have_been_executed_was_executed_and_is_not_repeated() {
    let sandbox = Sandbox::start().await.unwrap();
    let retries = Retries::default().delays(Duration::from_millis(1), Duration::from_millis(2));
    let vipps = Caller::new(&sandbox, &vipps::PROVIDER, retries).await;
    let mypos = Caller::new(&sandbox, &mypos::PROVIDER, retries).await;
    sandbox.fault(Fault::from(AnswerFault::Reset).times(1)).unwrap();
    vipps.call("register_webhook").await.unwrap_err();
    assert_eq!(sandbox.registrations("vipps").unwrap().len(), 2, "it was registered, once");
    sandbox.fault(Fault::from(AnswerFault::Reset).times(1)).unwrap();
    vipps.call("list_webhooks").await.unwrap();
    let down = AnswerFault::Status { status: 503, retry_after_seconds: None };
    sandbox.fault(Fault::from(down).times(2)).unwrap();
    mypos.call("get_webhook").await.unwrap();
}

#[tokio::test]
async fn a_status_keeps_the_call_from_being_executed() {
    let sandbox = Sandbox::start().await.unwrap();
    let vipps = Caller::new(&sandbox, &vipps::PROVIDER, Retries::off()).await;
    sandbox.fault(AnswerFault::Status { status: 500, retry_after_seconds: None }).unwrap();
    vipps.call("register_webhook").await.unwrap_err();
    vipps.call("register_webhook").await.unwrap_err();
    sandbox.clear_faults();
    assert_eq!(sandbox.registrations("vipps").unwrap().len(), 1);
    vipps.call("register_webhook").await.unwrap();
}

/// Which of forty calls fail.
async fn pattern(seed: u64, fault: Fault) -> Vec<bool> {
    let sandbox = Sandbox::builder().seed(seed).start().await.unwrap();
    let mipos = Caller::new(&sandbox, &mipos::PROVIDER, Retries::off()).await;
    sandbox.fault(fault).unwrap();
    let mut failed = Vec::new();
    for _ in 0..40 {
        failed.push(mipos.call("list_webhooks").await.is_err());
    }
    failed
}

#[tokio::test]
async fn a_probability_repeats_with_the_seed_and_a_count_ends() {
    let down = || Fault::from(AnswerFault::Status { status: 503, retry_after_seconds: None });
    let half = pattern(1, down().probability(0.5)).await;
    assert_eq!(half, pattern(1, down().probability(0.5)).await);
    assert_ne!(half, pattern(2, down().probability(0.5)).await);
    assert!(half.contains(&true) && half.contains(&false));
    let three = pattern(1, down().times(3)).await;
    assert_eq!(three.iter().position(|failed| !failed), Some(3));
    assert!(!three[3..].contains(&true));
    let three_of_half = pattern(1, down().probability(0.5).times(3)).await;
    assert_eq!(three_of_half.iter().filter(|failed| **failed).count(), 3);
    assert!(!pattern(1, down().operation("create_webhook")).await.contains(&true));
    assert!(!pattern(1, down().provider("vipps")).await.contains(&true));
    assert!(!pattern(1, down().probability(0.0)).await.contains(&true));
}

#[tokio::test]
async fn a_fault_that_could_never_happen_is_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let answer = || Fault::from(AnswerFault::Reset);
    let refused = |fault: Fault| sandbox.fault(fault).unwrap_err();
    assert_eq!(refused(answer().probability(1.5)), FaultError::Probability);
    assert_eq!(refused(answer().probability(f64::NAN)), FaultError::Probability);
    assert_eq!(refused(AnswerFault::Status { status: 99, retry_after_seconds: None }.into()), FaultError::Status(99));
    assert_eq!(refused(answer().event("ORDER")), FaultError::Place);
    assert_eq!(refused(Fault::from(DeliveryFault::Reset).operation("list_webhooks")), FaultError::Place);
    let known: Vec<_> = PROVIDERS.iter().map(|provider| provider.name).collect();
    let known = format!("there are: {}", known.join(", "));
    assert!(refused(answer().provider("stripe")).to_string().ends_with(&known));
    let error = refused(answer().provider("vipps").operation("update_webhook"));
    let known: Vec<_> = vipps::PROVIDER.operations.iter().map(|operation| operation.id).collect();
    let known = format!("there are: {}", known.join(", "));
    assert!(known.contains("list_webhooks, register_webhook") && error.to_string().ends_with(&known), "{error}");
}

/// Status and JSON of a response of the control endpoints.
async fn ask(sandbox: &Sandbox, method: &str, path: &str, body: &str) -> (u16, Value) {
    let url = format!("{}/_sandbox{path}", sandbox.url());
    let request = http().request(method.parse().unwrap(), url).body(body.to_owned());
    // What `curl -d` says of everything.
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
}

#[tokio::test]
async fn every_control_is_available_over_http() {
    let sandbox = Sandbox::start().await.unwrap();
    let fault = r#"{"answer": {"status": {"status": 503, "retry_after_seconds": 1}}, "provider": "mipos", "times": 1}"#;
    assert_eq!(ask(&sandbox, "POST", "/faults", fault).await.0, 204);
    let fault = r#"{"delivery": "wrong_signature", "event": "paymentCreated", "probability": 0.5}"#;
    assert_eq!(ask(&sandbox, "POST", "/faults", fault).await.0, 204);
    let client = sandbox.client::<mipos::Client>().unwrap();
    assert!(client.list_webhooks().await.is_ok(), "the client tries again, after a second");
    let (status, faults) = ask(&sandbox, "GET", "/faults", "").await;
    let other = json!({"delivery": "wrong_signature", "event": "paymentCreated", "probability": 0.5});
    assert_eq!((status, faults), (200, json!([other])), "the other one is used up");
    assert_eq!(ask(&sandbox, "DELETE", "/faults", "").await.0, 204);
    assert_eq!(ask(&sandbox, "GET", "/faults", "").await.1, json!([]));

    for (wrong, says) in [
        ("{}", "either `answer` or `delivery`"),
        (r#"{"answer": "reset", "delivery": "reset"}"#, "either `answer` or `delivery`"),
        (r#"{"answer": "duplicate"}"#, "expected one of `latency`, `status`, `reset`, `truncated`, `garbage`"),
        (r#"{"answer": "reset", "count": 1}"#, "expected one of `answer`, `delivery`"),
        (r#"["reset"]"#, "expected an object, found an array"),
        (r#"{"answer": "reset", "times": "1"}"#, "expected an integer, found a string at /times"),
        (r#"{"answer": "reset""#, "the text is not JSON: it ends within an object"),
    ] {
        let (status, refusal) = ask(&sandbox, "POST", "/faults", wrong).await;
        assert_eq!(status, 400, "{wrong}");
        assert!(refusal["error"].as_str().unwrap().contains(says), "{wrong}: {refusal}");
    }

    let registration = r#"{"url": "http://127.0.0.1:9/hooks", "events": ["paymentCreated"]}"#;
    let (status, registered) = ask(&sandbox, "POST", "/dealpos/registrations", registration).await;
    assert_eq!((status, &registered["url"]), (201, &json!("http://127.0.0.1:9/hooks")));
    assert_eq!(ask(&sandbox, "GET", "/dealpos/registrations", "").await, (200, json!([registered])));
    assert_eq!(ask(&sandbox, "POST", "/vipps/registrations", registration).await.0, 409);
    assert_eq!(ask(&sandbox, "GET", "/stripe/registrations", "").await.0, 404);

    let (status, attempts) = ask(&sandbox, "POST", "/dealpos/deliver", r#"{"event": "paymentCreated"}"#).await;
    assert_eq!((status, attempts.as_array().map(Vec::len)), (200, Some(1)));
    assert_eq!(attempts[0]["registration"], registered["id"]);
    assert_eq!(attempts[0]["url"], "http://127.0.0.1:9/hooks/paymentCreated");
    assert_eq!(attempts[0]["status"], Value::Null);
    let log = json!({"limit": 1000, "dropped": 0, "attempts": attempts});
    assert_eq!(ask(&sandbox, "GET", "/log", "").await, (200, log));
    let (status, refusal) = ask(&sandbox, "POST", "/dealpos/deliver", r#"{"event": "payment"}"#).await;
    assert_eq!(status, 400);
    assert!(refusal["error"].as_str().unwrap().contains("paymentCreated, paymentDeleted"), "{refusal}");
    assert_eq!(ask(&sandbox, "POST", "/stripe/deliver", r#"{"event": "payment"}"#).await.0, 404);
}
