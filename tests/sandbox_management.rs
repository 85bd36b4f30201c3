//! The sandbox answers every call of every client as it is documented, refusals included.

#![cfg(all(feature = "sandbox", feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]

use std::collections::BTreeSet;

use pos_webhooks::client::ErrorKind;
use pos_webhooks::sandbox::Sandbox;
use pos_webhooks::{PROVIDERS, mipos, mypos, vipps};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

/// An answer as it came.
struct Raw {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Raw {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn note(&self) -> &str {
        self.headers.get("x-sandbox-note").map_or("", |note| note.to_str().unwrap())
    }
}

async fn send(request: reqwest::RequestBuilder) -> Raw {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    Raw { status, headers, body: response.text().await.unwrap() }
}

/// A request to a provider with the token that the sandbox told.
fn request(sandbox: &Sandbox, provider: &str, method: Method, path: &str) -> reqwest::RequestBuilder {
    let account = sandbox.account(provider).unwrap();
    let request = reqwest::Client::new().request(method, format!("{}{path}", account.base_url));
    request.bearer_auth(account.credentials["token"].expose())
}

const CREATE: &str = "/api/v1/integration/webhook/create";
const UPDATE: &str = "/api/v1/integration/webhook/update";

mod mipos_calls {
    use super::*;

    fn create(url: &str) -> mipos::models::CreateWebhook {
        mipos::models::CreateWebhook { url: url.into(), type_: None }
    }

    #[tokio::test]
    async fn creates_lists_updates_and_deletes() {
        let sandbox = Sandbox::start().await.unwrap();
        let client = sandbox.client::<mipos::Client>().unwrap();
        assert_eq!(client.list_webhooks().await.unwrap(), []);
        let created = client.create_webhook(&create("https://a.test")).await.unwrap();
        assert_eq!(created.message, "Webhook successfully created");
        let menu = mipos::models::CreateWebhook {
            url: "https://b.test/x".into(),
            type_: Some(mipos::models::WebhookType::Menu),
        };
        client.create_webhook(&menu).await.unwrap();
        let change =
            mipos::models::UpdateWebhook { current_url: "https://a.test".into(), new_url: "https://c.test".into() };
        assert_eq!(client.update_webhook(&change).await.unwrap().message, "Webhook successfully updated");
        let listed: Vec<_> = client.list_webhooks().await.unwrap().into_iter().map(|webhook| webhook.url).collect();
        assert_eq!(listed, ["https://c.test", "https://b.test/x"]);
        let kinds: Vec<_> =
            sandbox.registrations("mipos").unwrap().into_iter().flat_map(|registration| registration.events).collect();
        assert_eq!(kinds, ["ORDER", "Menu"], "a webhook keeps its type when its URL changes");
        let delete = mipos::models::DeleteWebhook { url: "https://c.test".into() };
        assert_eq!(client.delete_webhook(&delete).await.unwrap().message, "Webhook successfully removed");
        assert_eq!(client.list_webhooks().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn refuses_conflicts_with_the_documented_message() {
        let sandbox = Sandbox::start().await.unwrap();
        let client = sandbox.client::<mipos::Client>().unwrap();
        client.create_webhook(&create("https://a.test")).await.unwrap();
        client.create_webhook(&create("https://b.test")).await.unwrap();

        let error = client.create_webhook(&create("https://a.test")).await.unwrap_err();
        let Some(mipos::CreateWebhookError::Conflict(conflict)) = error.answer() else { panic!("{error}") };
        assert_eq!(conflict.message, ["This webhook already exists"]);

        let change = |current: &str, new: &str| mipos::models::UpdateWebhook {
            current_url: current.into(),
            new_url: new.into(),
        };
        let error = client.update_webhook(&change("https://z.test", "https://y.test")).await.unwrap_err();
        let Some(mipos::UpdateWebhookError::Conflict(conflict)) = error.answer() else { panic!("{error}") };
        assert_eq!(conflict.message, ["This webhook does not exist"]);
        let error = client.update_webhook(&change("https://a.test", "https://b.test")).await.unwrap_err();
        let Some(mipos::UpdateWebhookError::Conflict(conflict)) = error.answer() else { panic!("{error}") };
        assert_eq!(conflict.message, ["This new webhook already exists"]);

        let delete = mipos::models::DeleteWebhook { url: "https://a.test/".into() };
        let error = client.delete_webhook(&delete).await.unwrap_err();
        let Some(mipos::DeleteWebhookError::Conflict(conflict)) = error.answer() else { panic!("{error}") };
        assert_eq!(conflict.message, ["This webhook does not exist"], "a URL is meant to the letter");
    }

    #[tokio::test]
    async fn refuses_what_departs_from_the_specification_by_field() {
        let sandbox = Sandbox::start().await.unwrap();
        for (path, body, expected) in [
            (CREATE, "{}", json!({"url": ["The url field is required."]})),
            (
                UPDATE,
                "{}",
                json!({
                    "current_url": ["The current url field is required."],
                    "new_url": ["The new url field is required."],
                }),
            ),
            (CREATE, r#"{"url": 7}"#, json!({"url": ["The url field is invalid: value is not of type \"string\"."]})),
        ] {
            let call =
                request(&sandbox, "mipos", Method::POST, path).header(CONTENT_TYPE, "application/json").body(body);
            let answer = send(call).await;
            assert_eq!((answer.status.as_u16(), answer.json()), (422, expected), "{path} {body}");
        }
        for (body, field) in
            [(r#"{"url": "nowhere"}"#, "url"), (r#"{"url": "https://a.test", "type": "MENUS"}"#, "type")]
        {
            let call =
                request(&sandbox, "mipos", Method::POST, CREATE).header(CONTENT_TYPE, "application/json").body(body);
            let answer = send(call).await;
            assert_eq!(answer.status, 422);
            let fields: Vec<_> = answer.json().as_object().unwrap().keys().cloned().collect();
            assert_eq!(fields, [field]);
        }
        let call = request(&sandbox, "mipos", Method::POST, CREATE).header(CONTENT_TYPE, "application/json").body("{");
        assert_eq!(send(call).await.status, 422);
        let call = request(&sandbox, "mipos", Method::POST, CREATE).header(CONTENT_TYPE, "text/plain");
        let answer = send(call.body(r#"{"url": "https://a.test"}"#)).await;
        assert_eq!(answer.json(), json!({"url": ["The url field is required."]}));
        assert!(answer.note().contains("`text/plain`, but `application/json` is documented"), "{}", answer.note());
        assert_eq!(sandbox.registrations("mipos").unwrap().len(), 0, "nothing of it was registered");
    }

    #[tokio::test]
    async fn takes_json_where_jsonc_is_documented_and_the_reverse() {
        let sandbox = Sandbox::start().await.unwrap();
        for (path, media_type, body) in [
            (CREATE, "application/jsonc", r#"{"url": "https://a.test"}"#),
            (
                UPDATE,
                "application/json; charset=utf-8",
                r#"{"current_url": "https://a.test", "new_url": "https://b.test"}"#,
            ),
            (UPDATE, "application/jsonc", r#"{"current_url": "https://b.test", "new_url": "https://c.test"}"#),
        ] {
            let call = request(&sandbox, "mipos", Method::POST, path).header(CONTENT_TYPE, media_type).body(body);
            let answer = send(call).await;
            assert!(answer.status.is_success(), "{media_type}: {}", answer.body);
        }
    }
}

mod mypos_calls {
    use super::*;

    fn create(number: usize) -> mypos::models::CreateWebhook {
        mypos::models::CreateWebhook { payload_url: format!("https://a.test/{number}"), secret: "chosen".into() }
    }

    #[tokio::test]
    async fn creates_gets_updates_and_deletes() {
        let sandbox = Sandbox::start().await.unwrap();
        let client = sandbox.client::<mypos::Client>().unwrap();
        let created = client.create_webhook(&create(1)).await.unwrap().webhook;
        assert_eq!(created.is_active, Some(true));
        assert_eq!(created.secret.as_ref().unwrap().expose(), "chosen", "the secret comes back in clear");
        created.created_on.as_ref().unwrap().to_timestamp().unwrap();

        let details = client.get_webhook(&created.id).await.unwrap().webhook;
        assert_eq!(details.payload_url.as_deref(), Some("https://a.test/1"));
        let names: BTreeSet<_> = details.events.iter().map(|event| event.name.as_str()).collect();
        let all: BTreeSet<_> = mypos::EventName::ALL.iter().map(|name| name.as_str()).collect();
        assert_eq!(names, all, "it is subscribed to every event");

        let off = mypos::models::UpdateWebhook { is_active: Some(0), payload_url: None, secret: None };
        let updated = client.update_webhook(&created.id, &off).await.unwrap().webhook;
        assert_eq!((updated.is_active, updated.payload_url.as_deref()), (Some(false), Some("https://a.test/1")));
        let other = mypos::models::UpdateWebhook {
            is_active: Some(1),
            payload_url: Some("https://b.test".into()),
            secret: Some("another".into()),
        };
        let updated = client.update_webhook(&created.id, &other).await.unwrap().webhook;
        assert_eq!((updated.is_active, updated.payload_url.as_deref()), (Some(true), Some("https://b.test")));
        assert_eq!(updated.secret.unwrap().expose(), "another");
        assert_eq!((updated.id, updated.created_on), (created.id.clone(), created.created_on));

        client.delete_webhook(&created.id).await.unwrap();
        assert_eq!(client.list_webhooks().await.unwrap().pagination.total, 0);
        for error in [
            client.get_webhook(&created.id).await.unwrap_err().status(),
            client.update_webhook(&created.id, &off).await.unwrap_err().status(),
            client.delete_webhook(&created.id).await.unwrap_err().status(),
        ] {
            assert_eq!(error, Some(StatusCode::NOT_FOUND));
        }
    }

    #[tokio::test]
    async fn lists_in_pages_of_twenty() {
        let sandbox = Sandbox::start().await.unwrap();
        let client = sandbox.client::<mypos::Client>().unwrap();
        for number in 0..23 {
            client.create_webhook(&create(number)).await.unwrap();
        }
        let list = client.list_webhooks().await.unwrap();
        assert_eq!((list.webhooks.len(), list.pagination.page, list.pagination.size), (20, 1, 20));
        assert_eq!(list.pagination.total, 23);
        for (query, first, count) in
            [("page=2", 20, 3), ("page=3&size=10", 20, 3), ("page=9", 0, 0), ("page=0&size=x", 0, 20)]
        {
            let answer = send(request(&sandbox, "mypos", Method::GET, &format!("/v1/webhooks?{query}"))).await;
            let list: mypos::models::WebhookList = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(list.webhooks.len(), count, "{query}");
            let url = list.webhooks.first().map(|webhook| webhook.payload_url.clone().unwrap());
            assert_eq!(url, (count > 0).then(|| format!("https://a.test/{first}")), "{query}");
        }
    }

    #[tokio::test]
    async fn takes_forms_only() {
        let sandbox = Sandbox::start().await.unwrap();
        let call = request(&sandbox, "mypos", Method::POST, "/v1/webhooks");
        let body = r#"{"payload_url": "https://a.test", "secret": "x"}"#;
        let answer = send(call.header(CONTENT_TYPE, "application/json").body(body)).await;
        assert_eq!((answer.status, answer.body.as_str()), (StatusCode::BAD_REQUEST, ""));
        assert!(answer.note().contains("`application/x-www-form-urlencoded` is documented"), "{}", answer.note());
        let call = request(&sandbox, "mypos", Method::POST, "/v1/webhooks");
        let form = call.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = send(form.body("payload_url=https%3A%2F%2Fa.test%2F%3Fa%3D1%2B2")).await;
        assert_eq!(answer.note(), "secret: it is required");
        let client = sandbox.client::<mypos::Client>().unwrap();
        let id = client.create_webhook(&create(1)).await.unwrap().webhook.id;
        for (form, note) in
            [("is_active=no", "is_active: value is not of type"), ("is_active=2", "is_active: value is")]
        {
            let call = request(&sandbox, "mypos", Method::PATCH, &format!("/v1/webhooks/{id}"));
            let answer = send(call.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form)).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST);
            assert!(answer.note().starts_with(note), "{}", answer.note());
        }
    }
}

mod vipps_calls {
    use super::*;

    fn register(url: &str, events: &[&str]) -> vipps::models::RegisterWebhook {
        vipps::models::RegisterWebhook {
            url: url.into(),
            events: events.iter().map(|event| (*event).to_owned()).collect(),
        }
    }

    const CAPTURED: &str = "epayments.payment.captured.v1";

    fn refusal(error: &pos_webhooks::client::Error<vipps::RegisterWebhookError>) -> &vipps::models::Problem {
        match error.answer() {
            Some(vipps::RegisterWebhookError::BadRequest(problem)) => problem,
            _ => panic!("{error}"),
        }
    }

    #[tokio::test]
    async fn registers_lists_and_deletes() {
        let sandbox = Sandbox::start().await.unwrap();
        let client = sandbox.client::<vipps::Client>().unwrap();
        let first = client.register_webhook(&register("https://a.test", &[CAPTURED])).await.unwrap();
        let second = client.register_webhook(&register("https://a.test", &[CAPTURED])).await.unwrap();
        assert_ne!(first.id, second.id);
        assert_ne!(first.secret, second.secret, "each registration has a secret of its own");
        assert_eq!(first.secret.expose().len(), 88);
        let listed = client.list_webhooks().await.unwrap().webhooks;
        assert_eq!(listed.iter().map(|webhook| &webhook.id).collect::<Vec<_>>(), [&first.id, &second.id]);
        assert_eq!(
            (listed[0].url.as_deref(), &listed[0].events[..]),
            (Some("https://a.test"), &[CAPTURED.to_owned()][..])
        );
        let raw = send(request(&sandbox, "vipps", Method::GET, "/v1/webhooks")).await;
        assert!(!raw.body.contains(first.secret.expose()), "a secret is told once");
        client.delete_webhook(&first.id).await.unwrap();
        assert_eq!(client.list_webhooks().await.unwrap().webhooks.len(), 1);
        let error = client.delete_webhook(&first.id).await.unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));
        assert!(matches!(error.kind(), ErrorKind::Undocumented));
    }

    #[tokio::test]
    async fn limits_registrations_per_event_and_sales_unit() {
        let sandbox = Sandbox::start().await.unwrap();
        let client = sandbox.client::<vipps::Client>().unwrap();
        for _ in 0..25 {
            client.register_webhook(&register("https://a.test", &[CAPTURED])).await.unwrap();
        }
        let both = register("https://a.test", &["epayments.payment.created.v1", CAPTURED]);
        let error = client.register_webhook(&both).await.unwrap_err();
        let details = refusal(&error).extra_details.as_ref().unwrap();
        assert_eq!(details[0].name, "events[1]");
        assert!(details[0].reason.contains("25 registrations"), "{}", details[0].reason);
        assert_eq!(details.len(), 1);
        client.register_webhook(&register("https://a.test", &["epayments.payment.created.v1"])).await.unwrap();

        let check_in = register("https://a.test", &["user.checked-in.v1"]);
        client.register_webhook(&check_in).await.unwrap();
        let error = client.register_webhook(&check_in).await.unwrap_err();
        assert!(refusal(&error).extra_details.as_ref().unwrap()[0].reason.contains("1 registrations"));

        let account = sandbox.account("vipps").unwrap();
        let other = vipps::Credentials::new(account.credentials["token"].clone())
            .merchant_serial_number("654321".parse().unwrap());
        let other = vipps::Client::new(&account.base_url, other).unwrap();
        other.register_webhook(&register("https://b.test", &[CAPTURED])).await.unwrap();
        assert_eq!(other.list_webhooks().await.unwrap().webhooks.len(), 1, "a sales unit sees its own");
        let partner = vipps::Credentials::new(account.credentials["token"].clone());
        let partner = vipps::Client::new(&account.base_url, partner).unwrap();
        assert_eq!(partner.list_webhooks().await.unwrap().webhooks.len(), 28, "without one, all are seen");
    }

    #[tokio::test]
    async fn refuses_what_departs_from_the_specification_as_a_problem() {
        let sandbox = Sandbox::start().await.unwrap();
        let post = |body: &'static str| {
            let call = request(&sandbox, "vipps", Method::POST, "/v1/webhooks");
            send(call.header(CONTENT_TYPE, "application/json").body(body))
        };
        let answer = post(r#"{"events": []}"#).await;
        assert_eq!(
            (answer.status, &answer.headers[CONTENT_TYPE]),
            (StatusCode::BAD_REQUEST, &"application/problem+json".parse().unwrap())
        );
        let problem = answer.json();
        assert_eq!(problem["title"], "Bad Request");
        assert_eq!(problem["instance"], "/v1/webhooks");
        assert_eq!(problem["detail"], "One or more validation errors occurred.");
        let documented = "The property is required and cannot be null or empty.";
        assert_eq!(problem["extraDetails"], json!([{"name": "url", "reason": documented}]));
        let answer = post(r#"{"url": "https://a.test", "events": [7, "epayments.payment.created.v1"]}"#).await;
        assert_eq!(answer.json()["extraDetails"][0]["name"], "events/0");
        let answer = post(r#"{"url": "https://a.test", "events": ["payment.created"]}"#).await;
        assert_eq!(answer.json()["extraDetails"][0]["reason"], "There is no event type 'payment.created'.");
        let answer = post(r#"{"url": "http://a.test", "events": []}"#).await;
        assert_eq!(answer.json()["extraDetails"][0]["name"], "url");
        assert_eq!(post(r#"{"url": "http://localhost:1/x", "events": []}"#).await.status, StatusCode::CREATED);

        let call = request(&sandbox, "vipps", Method::GET, "/v1/webhooks").header("Merchant-Serial-Number", "12x");
        let answer = send(call).await;
        assert_eq!(answer.json()["extraDetails"][0]["name"], "Merchant-Serial-Number");
        let answer = send(request(&sandbox, "vipps", Method::DELETE, "/v1/webhooks/7")).await;
        assert_eq!((answer.status.as_u16(), answer.json()["extraDetails"][0]["name"].as_str()), (400, Some("id")));
    }

    #[tokio::test]
    async fn refuses_another_subscription_key() {
        let sandbox = Sandbox::start().await.unwrap();
        let call = request(&sandbox, "vipps", Method::GET, "/v1/webhooks").header("Ocp-Apim-Subscription-Key", "mine");
        assert_eq!(send(call).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn refuses_every_call_without_the_token() {
    let sandbox = Sandbox::start().await.unwrap();
    for provider in PROVIDERS.iter() {
        let account = sandbox.account(provider.name).unwrap();
        for operation in provider.operations {
            let url = format!(
                "{}{}",
                account.base_url,
                operation.path.replace("{id}", "6217960c-2a2e-4188-9025-af11abf47d5e")
            );
            for token in [None, Some("Bearer"), Some("Bearer another"), Some("Basic x")] {
                let mut call = reqwest::Client::new().request(operation.method.parse().unwrap(), &url);
                if let Some(token) = token {
                    call = call.header("Authorization", token);
                }
                let answer = send(call).await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{} with {token:?}", operation.id);
                assert!(answer.note().contains("token"));
                if let Some(documented) = operation.answers.iter().find(|answer| answer.status == "401") {
                    let example = documented.body.as_ref().unwrap().examples[0].json;
                    assert_eq!(answer.json(), serde_json::from_str::<Value>(example).unwrap());
                }
            }
        }
    }
}

/// Everything that registers a URL: provider, method, path and body around the URL.
const REGISTERING: [(&str, Method, &str, [&str; 2]); 6] = [
    ("mipos", Method::POST, CREATE, ["{\"url\": ", "}"]),
    ("mipos", Method::POST, UPDATE, ["{\"current_url\": \"https://a.test\", \"new_url\": ", "}"]),
    ("mypos", Method::POST, "/v1/webhooks", ["secret=x&payload_url=", ""]),
    ("mypos", Method::PATCH, "/v1/webhooks/{id}", ["payload_url=", ""]),
    ("dealpos", Method::POST, "/_sandbox/dealpos/registrations", ["{\"url\": ", "}"]),
    ("vipps", Method::POST, "/v1/webhooks", ["{\"events\": [], \"url\": ", "}"]),
];

/// Makes one of these calls in a sandbox where miPOS and myPOS have a webhook already.
async fn register_at(sandbox: &Sandbox, call: &(&str, Method, &str, [&str; 2]), url: &str) -> Raw {
    let (provider, method, path, [before, after]) = call;
    if provider == &"dealpos" {
        let body = format!("{before}{}{after}", json!(url));
        return send(reqwest::Client::new().post(format!("{}{path}", sandbox.url())).body(body)).await;
    }
    let path = match sandbox.registrations("mypos").unwrap().first() {
        Some(webhook) => path.replace("{id}", &webhook.id),
        None => (*path).to_owned(),
    };
    let call = request(sandbox, provider, method.clone(), &path);
    let call = if *provider == "mypos" {
        let url: String = form_urlencoded::byte_serialize(url.as_bytes()).collect();
        call.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(format!("{before}{url}{after}"))
    } else {
        call.header(CONTENT_TYPE, "application/json").body(format!("{before}{}{after}", json!(url)))
    };
    send(call).await
}

async fn with_webhooks() -> Sandbox {
    let sandbox = Sandbox::start().await.unwrap();
    let webhook = mypos::models::CreateWebhook { payload_url: "https://a.test".into(), secret: "x".into() };
    sandbox.client::<mypos::Client>().unwrap().create_webhook(&webhook).await.unwrap();
    let webhook = mipos::models::CreateWebhook { url: "https://a.test".into(), type_: None };
    sandbox.client::<mipos::Client>().unwrap().create_webhook(&webhook).await.unwrap();
    sandbox
}

fn registered(sandbox: &Sandbox) -> Vec<String> {
    let urls = |provider: &&pos_webhooks::catalogue::Provider| sandbox.registrations(provider.name).unwrap();
    PROVIDERS.iter().flat_map(urls).map(|registration| registration.url).collect()
}

#[tokio::test]
async fn a_url_to_which_nothing_could_be_delivered_is_refused_by_every_call() {
    let sandbox = with_webhooks().await;
    let before = registered(&sandbox);
    for call in &REGISTERING {
        for url in [
            "",
            "https://",
            "https:///hooks",
            "https://?a=1",
            "https://:8443/hooks",
            "https://user@a.test/hooks",
            "https://@a.test/hooks",
            "https://user:pass@a.test/hooks",
            "https://a.test:0/hooks",
            "https://a.test:65536/hooks",
            "https://300.1.1.1/hooks",
            "https://[::1/hooks",
            "ftp://a.test/hooks",
            "file:///etc/hooks",
            "mailto:hooks@a.test",
            "/hooks",
            "a.test/hooks",
            "//a.test/hooks",
            " https://a.test/hooks",
            "https://a.test/ho\toks",
        ] {
            let answer = register_at(&sandbox, call, url).await;
            let expected = if call.0 == "mipos" { 422 } else { 400 };
            assert_eq!(answer.status.as_u16(), expected, "{call:?} {url:?}: {}", answer.body);
            let reason = answer.note().to_owned() + &answer.body;
            assert!(reason.contains("url") || reason.contains("URL"), "{call:?} {url:?}: {reason}");
        }
    }
    assert_eq!(registered(&sandbox), before);
}

#[tokio::test]
async fn scheme_and_host_of_a_url_are_taken_in_any_case() {
    for call in &REGISTERING {
        let sandbox = with_webhooks().await;
        let answer = register_at(&sandbox, call, "HTTPS://EXAMPLE.com/Hooks").await;
        assert!(answer.status.is_success(), "{call:?}: {}{}", answer.note(), answer.body);
        assert!(
            registered(&sandbox).contains(&"HTTPS://EXAMPLE.com/Hooks".to_owned()),
            "{call:?}: it is kept as given"
        );
    }
}

#[tokio::test]
async fn a_blank_secret_is_refused() {
    let sandbox = with_webhooks().await;
    let id = sandbox.registrations("mypos").unwrap()[0].id.clone();
    for (method, path) in [(Method::POST, "/v1/webhooks".to_owned()), (Method::PATCH, format!("/v1/webhooks/{id}"))] {
        for secret in ["", "+", "%09%0A", "%C2%A0", "%E2%80%8B"] {
            let call = request(&sandbox, "mypos", method.clone(), &path);
            let call = call.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            let answer = send(call.body(format!("payload_url=https%3A%2F%2Fb.test&secret={secret}"))).await;
            assert_eq!((answer.status.as_u16(), answer.note()), (400, "secret: it is blank"), "{method} {secret}");
        }
    }
    let webhooks = sandbox.registrations("mypos").unwrap();
    assert_eq!((webhooks.len(), webhooks[0].url.as_str()), (1, "https://a.test"));
}

#[tokio::test]
async fn members_that_are_not_documented_are_refused_where_the_provider_does() {
    let sandbox = with_webhooks().await;
    let call = request(&sandbox, "vipps", Method::POST, "/v1/webhooks").header(CONTENT_TYPE, "application/json");
    let body = r#"{"url": "https://a.test", "events": [], "Url": "https://b.test", "secret": "mine"}"#;
    let answer = send(call.body(body)).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let details = answer.json()["extraDetails"].clone();
    let names: BTreeSet<_> = details.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Url", "secret"].into(), "each is named");
    assert!(!answer.body.contains("mine") && !answer.note().contains("mine"));
    assert_eq!(sandbox.registrations("vipps").unwrap().len(), 0);
    // Of the others nothing is known.
    let call = request(&sandbox, "mipos", Method::POST, CREATE).header(CONTENT_TYPE, "application/json");
    assert_eq!(send(call.body(r#"{"url": "https://b.test", "secret": "mine"}"#)).await.status, StatusCode::CREATED);
    let call = request(&sandbox, "mypos", Method::POST, "/v1/webhooks");
    let call = call.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    assert!(send(call.body("payload_url=https%3A%2F%2Fb.test&secret=x&other=1")).await.status.is_success());
}

#[tokio::test]
async fn ids_are_compared_without_case() {
    let sandbox = with_webhooks().await;
    let client = sandbox.client::<mypos::Client>().unwrap();
    let id = sandbox.registrations("mypos").unwrap()[0].id.to_uppercase();
    client.get_webhook(&id).await.unwrap();
    let off = mypos::models::UpdateWebhook { is_active: Some(0), payload_url: None, secret: None };
    client.update_webhook(&id, &off).await.unwrap();
    client.delete_webhook(&id).await.unwrap();
    let client = sandbox.client::<vipps::Client>().unwrap();
    let webhook = vipps::models::RegisterWebhook { url: "https://a.test".into(), events: Vec::new() };
    let id = client.register_webhook(&webhook).await.unwrap().id;
    client.delete_webhook(&id.to_uppercase()).await.unwrap();
    assert_eq!(registered(&sandbox), ["https://a.test"], "what is left is of miPOS");
}

#[tokio::test]
async fn the_documented_paths_are_there_without_the_name_of_the_provider() {
    let sandbox = Sandbox::start().await.unwrap();
    for provider in PROVIDERS.iter() {
        let token = sandbox.account(provider.name).unwrap().credentials.get("token").cloned();
        for server in provider.servers {
            let documented = server.url.split_once("://").unwrap().1;
            let path = documented.find('/').map_or("", |at| &documented[at..]).trim_end_matches('/');
            for operation in provider.operations {
                let id = "6217960c-2a2e-4188-9025-af11abf47d5e";
                let url = format!("{}{path}{}", sandbox.url(), operation.path.replace("{id}", id));
                let call = reqwest::Client::new().request(operation.method.parse().unwrap(), &url);
                let answer = send(call.bearer_auth("another")).await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{} {url}", operation.method);
                let call = reqwest::Client::new().request(operation.method.parse().unwrap(), &url);
                let answer = send(call.bearer_auth(token.as_ref().unwrap().expose())).await;
                assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{} {url}", operation.method);
            }
        }
    }
    // The state is that of the provider.
    let credentials = || vipps::Credentials::new(sandbox.account("vipps").unwrap().credentials["token"].clone());
    let client = vipps::Client::new(&format!("{}/webhooks", sandbox.url()), credentials()).unwrap();
    let webhook = vipps::models::RegisterWebhook { url: "https://a.test".into(), events: Vec::new() };
    let id = client.register_webhook(&webhook).await.unwrap().id;
    assert_eq!(
        sandbox.client::<vipps::Client>().unwrap().list_webhooks().await.unwrap().webhooks.len(),
        0,
        "it is of no sales unit"
    );
    assert_eq!(sandbox.registrations("vipps").unwrap()[0].id, id);
    let unknown = reqwest::Client::new().post(format!("{}/webhooks/v1/webhooks", sandbox.url()));
    let unknown = unknown.bearer_auth(sandbox.account("vipps").unwrap().credentials["token"].expose());
    assert_eq!(send(unknown.body("{}")).await.json()["instance"], "/v1/webhooks", "below the server, as documented");
}

#[tokio::test]
async fn tells_what_there_is_where_there_is_nothing() {
    let sandbox = Sandbox::start().await.unwrap();
    let answer = send(reqwest::Client::new().get(format!("{}/dealpos/paymentCreated", sandbox.url()))).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.json()["error"].as_str().unwrap().contains("/_sandbox"));
    let answer = send(request(&sandbox, "vipps", Method::PATCH, "/v1/webhooks")).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    let error = sandbox.account("stripe").unwrap_err();
    assert_eq!(error.to_string(), "there is no provider `stripe`; there are: dealpos, mipos, mypos, vipps");
}

#[tokio::test]
async fn tells_how_to_call_each_provider() {
    let sandbox = Sandbox::builder().seed(7).start().await.unwrap();
    let told: Value = send(reqwest::Client::new().get(format!("{}/_sandbox", sandbox.url()))).await.json();
    let names: Vec<_> = told.as_array().unwrap().iter().map(|account| account["provider"].as_str().unwrap()).collect();
    assert_eq!(names, ["dealpos", "mipos", "mypos", "vipps"]);
    assert_eq!(told, serde_json::to_value(sandbox.accounts()).unwrap());
    assert_eq!(told[3]["base_url"], format!("{}/vipps", sandbox.url()));
}

/// Everything random that a short life of a sandbox shows.
async fn life(seed: u64) -> Vec<String> {
    let sandbox = Sandbox::builder().seed(seed).start().await.unwrap();
    let mut seen: Vec<_> = sandbox
        .accounts()
        .iter()
        .flat_map(|account| account.credentials.values().map(|secret| secret.expose().to_owned()))
        .collect();
    let webhook = vipps::models::RegisterWebhook { url: "https://a.test".into(), events: Vec::new() };
    let registered = sandbox.client::<vipps::Client>().unwrap().register_webhook(&webhook).await.unwrap();
    seen.extend([registered.id, registered.secret.expose().to_owned()]);
    let webhook = mypos::models::CreateWebhook { payload_url: "https://a.test".into(), secret: "x".into() };
    seen.push(sandbox.client::<mypos::Client>().unwrap().create_webhook(&webhook).await.unwrap().webhook.id);
    seen.push(sandbox.register("dealpos", "http://localhost:1", &[]).unwrap().id);
    seen
}

#[tokio::test]
async fn repeats_with_its_seed() {
    let (first, second, other) = (life(1).await, life(1).await, life(2).await);
    assert_eq!(first, second);
    // The sales unit is the same for all.
    let same: Vec<_> = first.iter().zip(&other).filter(|(first, other)| first == other).collect();
    assert_eq!(same.len(), 1, "{same:?}");
}

#[tokio::test]
async fn ends_when_it_is_dropped() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = sandbox.client::<mipos::Client>().unwrap();
    client.list_webhooks().await.unwrap();
    drop(sandbox);
    // The listener closes as soon as its task runs.
    while client.list_webhooks().await.is_ok() {
        tokio::task::yield_now().await;
    }
    let error = client.list_webhooks().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Connection(_)), "{error}");
}
