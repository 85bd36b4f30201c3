//! What goes wrong with answers of the sandbox goes wrong on request only, is a typed error for every operation, and
//! repeats with the seed.

#![cfg(all(feature = "sandbox", feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]

use std::time::Duration;

use pos_webhooks::client::{Options, Retries};
use pos_webhooks::sandbox::{AnswerFault, DeliveryFault, Fault, FaultError, Sandbox};
use pos_webhooks::{AnyError, mipos, mypos, vipps};
use serde_json::{Value, json};

/// Clients of one sandbox.
struct Clients {
    mipos: mipos::Client,
    mypos: mypos::Client,
    vipps: vipps::Client,
    /// Ids of webhooks that there are.
    mypos_id: String,
    vipps_id: String,
}

const THERE: &str = "https://there.test";

impl Clients {
    async fn of(sandbox: &Sandbox, retries: Retries) -> Self {
        let token = |name: &str| sandbox.account(name).unwrap().credentials["token"].clone();
        let url = |name: &str| sandbox.account(name).unwrap().base_url.clone();
        let options = || Options::default().retries(retries);
        let mut clients = Self {
            mipos: mipos::Client::with_options(&url("mipos"), mipos::Credentials::new(token("mipos")), options())
                .unwrap(),
            mypos: mypos::Client::with_options(&url("mypos"), mypos::Credentials::new(token("mypos")), options())
                .unwrap(),
            vipps: vipps::Client::with_options(&url("vipps"), vipps::Credentials::new(token("vipps")), options())
                .unwrap(),
            mypos_id: String::new(),
            vipps_id: String::new(),
        };
        let webhook = mipos::models::CreateWebhook { url: THERE.into(), type_: None };
        clients.mipos.create_webhook(&webhook).await.unwrap();
        let webhook = mypos::models::CreateWebhook { payload_url: THERE.into(), secret: "x".into() };
        clients.mypos_id = clients.mypos.create_webhook(&webhook).await.unwrap().webhook.id;
        let webhook = vipps::models::RegisterWebhook { url: THERE.into(), events: Vec::new() };
        clients.vipps_id = clients.vipps.register_webhook(&webhook).await.unwrap().id;
        clients
    }

    /// Calls an operation with arguments that it takes.
    async fn call(&self, provider: &str, operation: &str) -> Result<(), AnyError> {
        let Self { mipos, mypos, vipps, mypos_id, vipps_id } = self;
        match (provider, operation) {
            ("mipos", "create_webhook") => {
                let webhook = mipos::models::CreateWebhook { url: "https://new.test".into(), type_: None };
                mipos.create_webhook(&webhook).await.map(drop)?;
            }
            ("mipos", "update_webhook") => {
                let change =
                    mipos::models::UpdateWebhook { current_url: THERE.into(), new_url: "https://other.test".into() };
                mipos.update_webhook(&change).await.map(drop)?;
            }
            ("mipos", "delete_webhook") => {
                let webhook = mipos::models::DeleteWebhook { url: THERE.into() };
                mipos.delete_webhook(&webhook).await.map(drop)?;
            }
            ("mipos", "list_webhooks") => mipos.list_webhooks().await.map(drop)?,
            ("mypos", "create_webhook") => {
                let webhook = mypos::models::CreateWebhook { payload_url: THERE.into(), secret: "x".into() };
                mypos.create_webhook(&webhook).await.map(drop)?;
            }
            ("mypos", "list_webhooks") => mypos.list_webhooks().await.map(drop)?,
            ("mypos", "get_webhook") => mypos.get_webhook(mypos_id).await.map(drop)?,
            ("mypos", "update_webhook") => {
                let change = mypos::models::UpdateWebhook { is_active: Some(0), payload_url: None, secret: None };
                mypos.update_webhook(mypos_id, &change).await.map(drop)?;
            }
            ("mypos", "delete_webhook") => mypos.delete_webhook(mypos_id).await?,
            ("vipps", "list_webhooks") => vipps.list_webhooks().await.map(drop)?,
            ("vipps", "register_webhook") => {
                let webhook = vipps::models::RegisterWebhook { url: THERE.into(), events: Vec::new() };
                vipps.register_webhook(&webhook).await.map(drop)?;
            }
            ("vipps", "delete_webhook") => vipps.delete_webhook(vipps_id).await?,
            other => panic!("{other:?} is not called"),
        }
        Ok(())
    }
}

/// Status of the error and its text, of every operation under a fault.
async fn under(fault: AnswerFault) -> Vec<(&'static str, Result<(), AnyError>)> {
    let mut outcomes = Vec::new();
    for provider in pos_webhooks::PROVIDERS.iter() {
        for operation in provider.operations {
            let sandbox = Sandbox::start().await.unwrap();
            let clients = Clients::of(&sandbox, Retries::off()).await;
            let fault = Fault::from(fault.clone()).provider(provider.name).operation(operation.id).times(1);
            sandbox.fault(fault).unwrap();
            let call = clients.call(provider.name, operation.id);
            let outcome = tokio::time::timeout(Duration::from_secs(20), call).await.expect("no call hangs");
            outcomes.push((operation.id, outcome));
        }
    }
    outcomes
}

#[tokio::test]
async fn a_late_answer_is_an_answer() {
    for (operation, outcome) in under(AnswerFault::Latency { milliseconds: 5 }).await {
        outcome.unwrap_or_else(|error| panic!("{operation}: {error}"));
    }
}

#[tokio::test]
async fn a_status_is_that_of_the_error() {
    for (operation, outcome) in under(AnswerFault::Status { status: 429, retry_after_seconds: Some(7) }).await {
        let error = outcome.expect_err(operation);
        assert_eq!(error.status().map(|status| status.as_u16()), Some(429), "{error}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)), "{error}");
        assert!(error.is_retryable(), "{error}");
    }
}

#[tokio::test]
async fn a_reset_is_a_failed_connection() {
    for (operation, outcome) in under(AnswerFault::Reset).await {
        let error = outcome.expect_err(operation);
        assert_eq!(error.status(), None, "{error}");
        assert!(error.to_string().contains("the connection failed"), "{error}");
    }
}

#[tokio::test]
async fn a_truncated_answer_is_a_failed_connection() {
    for (operation, outcome) in under(AnswerFault::Truncated).await {
        let error = outcome.expect_err(operation);
        assert!(error.to_string().contains("the connection failed"), "{error}");
    }
}

#[tokio::test]
async fn garbage_is_an_answer_that_is_not_documented() {
    let page = AnswerFault::Garbage { body: None, media_type: None };
    let empty = AnswerFault::Garbage { body: Some(String::new()), media_type: Some("application/json".into()) };
    for fault in [page, empty] {
        let is_empty = matches!(&fault, AnswerFault::Garbage { body: Some(_), .. });
        let mut succeeded = 0;
        for (operation, outcome) in under(fault).await {
            match outcome {
                // An operation without a body in its answer: HTTP keeps the body of a 204 to itself.
                Ok(()) => succeeded += 1,
                Err(error) => {
                    assert!(error.status().is_some_and(|status| status.is_success()), "{operation}: {error}");
                    assert!(!error.to_string().contains("Bad Gateway"), "{error}");
                }
            }
        }
        assert_eq!(succeeded, if is_empty { 2 } else { 1 });
    }
}

#[tokio::test]
async fn what_may_have_been_executed_was_executed_and_is_not_repeated() {
    let sandbox = Sandbox::start().await.unwrap();
    let retries = Retries::default().delays(Duration::from_millis(1), Duration::from_millis(2));
    let clients = Clients::of(&sandbox, retries).await;
    sandbox.fault(Fault::from(AnswerFault::Reset).times(1)).unwrap();
    clients.call("vipps", "register_webhook").await.unwrap_err();
    assert_eq!(sandbox.registrations("vipps").unwrap().len(), 2, "it was registered, once");
    sandbox.fault(Fault::from(AnswerFault::Reset).times(1)).unwrap();
    clients.call("vipps", "list_webhooks").await.unwrap();
    let down = AnswerFault::Status { status: 503, retry_after_seconds: None };
    sandbox.fault(Fault::from(down).times(2)).unwrap();
    clients.call("mypos", "get_webhook").await.unwrap();
}

#[tokio::test]
async fn a_status_keeps_the_call_from_being_executed() {
    let sandbox = Sandbox::start().await.unwrap();
    let clients = Clients::of(&sandbox, Retries::off()).await;
    sandbox.fault(AnswerFault::Status { status: 500, retry_after_seconds: None }).unwrap();
    clients.call("vipps", "register_webhook").await.unwrap_err();
    clients.call("vipps", "register_webhook").await.unwrap_err();
    sandbox.clear_faults();
    assert_eq!(sandbox.registrations("vipps").unwrap().len(), 1);
    clients.call("vipps", "register_webhook").await.unwrap();
}

/// Which of forty calls fail.
async fn pattern(seed: u64, fault: Fault) -> Vec<bool> {
    let sandbox = Sandbox::builder().seed(seed).start().await.unwrap();
    let clients = Clients::of(&sandbox, Retries::off()).await;
    sandbox.fault(fault).unwrap();
    let mut failed = Vec::new();
    for _ in 0..40 {
        failed.push(clients.call("mipos", "list_webhooks").await.is_err());
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
    assert!(refused(answer().provider("stripe")).to_string().ends_with("there are: dealpos, mipos, mypos, vipps"));
    let error = refused(answer().provider("vipps").operation("update_webhook"));
    assert!(error.to_string().ends_with("there are: list_webhooks, register_webhook, delete_webhook"), "{error}");
}

/// Status and JSON of an answer of the control endpoints.
async fn ask(sandbox: &Sandbox, method: &str, path: &str, body: &str) -> (u16, Value) {
    let url = format!("{}/_sandbox{path}", sandbox.url());
    let request = reqwest::Client::new().request(method.parse().unwrap(), url).body(body.to_owned());
    // What `curl -d` says of everything.
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
}

#[tokio::test]
async fn everything_can_be_asked_for_over_http() {
    let sandbox = Sandbox::start().await.unwrap();
    let fault = r#"{"answer": {"status": {"status": 503, "retry_after_seconds": 1}}, "provider": "mipos", "times": 1}"#;
    assert_eq!(ask(&sandbox, "POST", "/faults", fault).await.0, 204);
    let fault = r#"{"delivery": "wrong_signature", "event": "paymentCreated", "probability": 0.5}"#;
    assert_eq!(ask(&sandbox, "POST", "/faults", fault).await.0, 204);
    let clients = sandbox.client::<mipos::Client>().unwrap();
    assert!(clients.list_webhooks().await.is_ok(), "the client tries again, after a second");
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
