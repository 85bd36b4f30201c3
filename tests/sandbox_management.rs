//! The sandbox responds to every call of every client as documented, including errors.

#![cfg(all(feature = "sandbox", feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]

mod clock;
mod described;

use std::collections::BTreeSet;

use clock::pass;
use pos_webhooks::catalogue::{CredentialPlace, Operation, Provider, Security};
use pos_webhooks::client::{ErrorKind, http_client};
use pos_webhooks::sandbox::{Sandbox, Trigger};
use pos_webhooks::{PROVIDERS, mipos, mypos, vipps};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

fn http() -> reqwest::Client {
    http_client().unwrap().build().unwrap()
}

/// A response as received.
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
    let request = http().request(method, format!("{}{path}", account.base_url));
    request.bearer_auth(account.credentials["token"].expose())
}

const CREATE: &str = "/api/v1/integration/webhook/create";
const UPDATE: &str = "/api/v1/integration/webhook/update";
const OF_COMPANY: &str = "/api/v1/logistic/system/webhook/manage";
const OF_STATUS: &str = "/api/v1/logistic/pos/webhook/status/manage";

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
    async fn an_order_is_listed_until_it_is_answered() {
        let sandbox = Sandbox::start().await.unwrap();
        let client = sandbox.client::<mipos::Client>().unwrap();
        client.create_webhook(&create("http://127.0.0.1:9")).await.unwrap();
        let example = mipos::EventName::Order.examples()[0].json;
        // The same order, and another one of another store.
        let other = example.replace("ABC12", "ABC13").replace("12345678-", "87654321-");
        let other = other.replace(r#""external_store_id":"3""#, r#""store_id":"4""#);
        for order in [example, example, &other] {
            let order = Trigger::new("ORDER").payload(order.parse().unwrap()).max_attempts(1);
            sandbox.deliver("mipos", order).await.unwrap();
        }
        let listed = async |store: &str| client.list_orders(store).await.unwrap().data;
        let orders = listed("3").await;
        assert_eq!(orders.iter().map(|order| order.order_number.as_str()).collect::<Vec<_>>(), ["ABC12"]);
        assert_eq!((orders[0].store_id.as_deref(), &orders[0].external_store_id), (Some("3"), &None));
        assert_eq!((listed("4").await.len(), listed("5").await.len()), (1, 0));

        let accept = mipos::models::AcceptOrder {
            delivery_id: orders[0].delivery_id.to_string(),
            store_id: "3".to_owned(),
            order_external_id: orders[0].external_id.clone(),
        };
        let wrong = mipos::models::AcceptOrder { store_id: "4".to_owned(), ..accept.clone() };
        let unknown = client.accept_order(&wrong).await.unwrap_err();
        let Some(mipos::AcceptOrderError::Conflict(conflict)) = unknown.documented() else { panic!("{unknown}") };
        assert_eq!(conflict.message, ["Order not found."]);
        assert_eq!(client.accept_order(&accept).await.unwrap().message, ["Operation completed successfully"]);
        assert_eq!(listed("3").await, []);
        let twice = client.accept_order(&accept).await.unwrap_err();
        assert!(matches!(twice.documented(), Some(mipos::AcceptOrderError::Conflict(_))), "{twice}");

        let deny = mipos::models::DenyOrder {
            delivery_id: "1".to_owned(),
            store_id: "4".to_owned(),
            order_external_id: "87654321-123-1234-1234-123456789012".to_owned(),
            message: "Sold out.".to_owned(),
        };
        assert_eq!(client.deny_order(&deny).await.unwrap().message, ["Operation completed successfully"]);
        assert_eq!(listed("4").await, []);
        let unknown = client.deny_order(&deny).await.unwrap_err();
        let Some(mipos::DenyOrderError::Conflict(conflict)) = unknown.documented() else { panic!("{unknown}") };
        assert_eq!(conflict.message, ["Order not found."]);
    }

    #[tokio::test]
    async fn an_order_that_is_delivered_again_is_listed_anew() {
        let sandbox = Sandbox::start().await.unwrap();
        let client = sandbox.client::<mipos::Client>().unwrap();
        client.create_webhook(&create("http://127.0.0.1:9")).await.unwrap();
        let example = mipos::EventName::Order.examples()[0].json;
        let deliver = async |order: String| {
            let order = Trigger::new("ORDER").payload(order.parse().unwrap()).max_attempts(1);
            sandbox.deliver("mipos", order).await.unwrap();
        };
        let listed = async || -> Vec<String> {
            client.list_orders("3").await.unwrap().data.into_iter().map(|order| order.order_number).collect()
        };
        deliver(example.to_owned()).await;
        deliver(example.replace("ABC12", "ABC13").replace("12345678-", "87654321-")).await;
        pass(590).await;
        // It is the same order, with another number.
        deliver(example.replace("ABC12", "ABC14")).await;
        assert_eq!(listed().await, ["ABC13", "ABC14"]);
        pass(20).await;
        assert_eq!(listed().await, ["ABC14"], "ten minutes after its last delivery, an order is not listed");
        pass(580).await;
        assert!(listed().await.is_empty());
    }

    #[tokio::test]
    async fn an_uploaded_menu_is_validated() {
        let sandbox = Sandbox::start().await.unwrap();
        let client = sandbox.client::<mipos::Client>().unwrap();
        let menu = mipos::models::StoreMenu::examples()[0].json;
        let uploaded = client.upload_menu(&serde_json::from_str(menu).unwrap()).await.unwrap();
        assert_eq!(uploaded.message, "Menu successfully uploaded.");
        let operation = mipos::PROVIDER.operation("upload_menu").unwrap();
        let incomplete = menu.replace(r#""store_id":"1","#, "").replace(r#""start":"00:00""#, r#""start":0"#);
        let any = sandbox.any_client("mipos").unwrap();
        let refused = any.call(operation, &[], Some(&incomplete)).await.unwrap_err();
        let answer: mipos::models::Conflict = serde_json::from_slice(refused.body()).unwrap();
        assert!(answer.message.iter().any(|message| message == "The store id field is required."), "{answer:?}");
        assert!(answer.message.iter().any(|message| message.contains("start")), "{answer:?}");
    }

    #[tokio::test]
    async fn webhooks_that_no_call_registers_are_apart_from_the_calls() {
        let sandbox = Sandbox::start().await.unwrap();
        let client = sandbox.client::<mipos::Client>().unwrap();
        let registered = sandbox.register("mipos", "https://a.test", &[]).await.unwrap();
        assert_eq!(registered.events.len(), mipos::EventName::ALL.len() - 2, "without ORDER and Menu");
        assert_eq!(client.list_webhooks().await.unwrap(), []);
        let delete = mipos::models::DeleteWebhook { url: "https://a.test".into() };
        client.delete_webhook(&delete).await.unwrap_err();
        assert_eq!(sandbox.registrations("mipos").unwrap().len(), 1);
    }

    #[tokio::test]
    async fn logistics_webhooks_are_registered_by_calls_of_their_own() {
        use mipos::models::{LogisticsPosWebhook, LogisticsWebhook, LogisticsWebhookType};

        let sandbox = Sandbox::start().await.unwrap();
        let client = sandbox.client::<mipos::Client>().unwrap();
        let webhook = |type_: LogisticsWebhookType, integration_id: &str, url: &str| LogisticsWebhook {
            type_,
            integration_id: integration_id.into(),
            url: url.into(),
        };
        let company = async |webhook: &LogisticsWebhook| client.set_logistics_webhook(webhook).await;
        let of_pos = |url: &str| LogisticsPosWebhook { integration_id: "8".into(), url: url.into() };
        company(&webhook(LogisticsWebhookType::X1, "8", "https://old.test")).await.unwrap();
        company(&webhook(LogisticsWebhookType::X1, "9", "https://a.test")).await.unwrap();
        company(&webhook(LogisticsWebhookType::X2, "8", "https://b.test")).await.unwrap();
        client.set_delivery_status_webhook(&of_pos("https://c.test")).await.unwrap();
        client.set_delivery_location_webhook(&of_pos("https://d.test")).await.unwrap();
        let replaced = company(&webhook(LogisticsWebhookType::X1, "8", "https://new.test")).await.unwrap();
        assert_eq!(replaced.message, "Webhook successfully configured.");

        let registrations = sandbox.registrations("mipos").unwrap();
        let registered: Vec<_> = registrations.iter().map(|it| (it.url.as_str(), it.events[0].as_str())).collect();
        let expected = [
            ("https://new.test", "LOGISTICS_ESTIMATE"),
            ("https://a.test", "LOGISTICS_ESTIMATE"),
            ("https://b.test", "LOGISTICS_REQUEST"),
            ("https://c.test", "LOGISTICS_STATUS"),
            ("https://d.test", "LOGISTICS_LOCATION"),
        ];
        assert_eq!(registered, expected);
        let client_secret = &sandbox.account("mipos").unwrap().credentials["client_secret"];
        assert!(registrations[..3].iter().all(|it| it.secret == *client_secret));
        assert_eq!(client.list_webhooks().await.unwrap(), [], "they are apart from the others");

        let refused = company(&webhook(LogisticsWebhookType::X1, "8", "ftp://a.test")).await.unwrap_err();
        let Some(mipos::SetLogisticsWebhookError::UnprocessableEntity(fields)) = refused.documented() else {
            panic!("{refused}")
        };
        assert!(fields.contains_key("url"), "{fields:?}");
        let unknown = company(&webhook("3".into(), "8", "https://a.test")).await.unwrap_err();
        assert_eq!(unknown.status(), Some(StatusCode::UNPROCESSABLE_ENTITY));
        assert_eq!(sandbox.registrations("mipos").unwrap().len(), 5);
    }

    #[tokio::test]
    async fn the_order_of_a_market_is_validated_and_refused_in_its_own_form() {
        let sandbox = Sandbox::start().await.unwrap();
        let client = sandbox.client::<mipos::Client>().unwrap();
        let order = mipos::models::MarketOrder::examples()[0].json;
        let order: mipos::models::MarketOrder = serde_json::from_str(order).unwrap();
        client.send_market_order(&order).await.unwrap();
        let operation = mipos::PROVIDER.operation("send_market_order").unwrap();
        let any = sandbox.any_client("mipos").unwrap();
        let refused = any.call(operation, &[], Some(r#"{"store": {"id": "1"}}"#)).await.unwrap_err();
        assert_eq!(refused.status(), Some(StatusCode::UNPROCESSABLE_ENTITY));
        let answer: Value = serde_json::from_slice(refused.body()).unwrap();
        assert!(answer["messages"][0].as_str().is_some_and(|message| message.contains("store")), "{answer}");
    }

    #[tokio::test]
    async fn refuses_conflicts_with_the_documented_message() {
        let sandbox = Sandbox::start().await.unwrap();
        let client = sandbox.client::<mipos::Client>().unwrap();
        client.create_webhook(&create("https://a.test")).await.unwrap();
        client.create_webhook(&create("https://b.test")).await.unwrap();

        let error = client.create_webhook(&create("https://a.test")).await.unwrap_err();
        let Some(mipos::CreateWebhookError::Conflict(conflict)) = error.documented() else { panic!("{error}") };
        assert_eq!(conflict.message, ["This webhook already exists"]);

        let change = |current: &str, new: &str| mipos::models::UpdateWebhook {
            current_url: current.into(),
            new_url: new.into(),
        };
        let error = client.update_webhook(&change("https://z.test", "https://y.test")).await.unwrap_err();
        let Some(mipos::UpdateWebhookError::Conflict(conflict)) = error.documented() else { panic!("{error}") };
        assert_eq!(conflict.message, ["This webhook does not exist"]);
        let error = client.update_webhook(&change("https://a.test", "https://b.test")).await.unwrap_err();
        let Some(mipos::UpdateWebhookError::Conflict(conflict)) = error.documented() else { panic!("{error}") };
        assert_eq!(conflict.message, ["This new webhook already exists"]);

        let delete = mipos::models::DeleteWebhook { url: "https://a.test/".into() };
        let error = client.delete_webhook(&delete).await.unwrap_err();
        let Some(mipos::DeleteWebhookError::Conflict(conflict)) = error.documented() else { panic!("{error}") };
        assert_eq!(conflict.message, ["This webhook does not exist"], "a URL is meant to the letter");
    }

    #[tokio::test]
    async fn reports_violations_of_the_specification_by_field() {
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
    async fn accepts_json_and_jsonc_alike() {
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
        assert!(details.events.is_empty(), "it is not subscribed to any event");

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
        assert_eq!(client.list_webhooks(None, None).await.unwrap().pagination.total, 0);
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
        let list = client.list_webhooks(None, None).await.unwrap();
        assert_eq!((list.webhooks.len(), list.pagination.page, list.pagination.size), (20, 1, 20));
        assert_eq!(list.pagination.total, 23);
        for (query, first, count) in
            [("page=2", 20, 3), ("page=3&size=10", 20, 3), ("page=9", 0, 0), ("page=0&size=0", 0, 20)]
        {
            let answer = send(request(&sandbox, "mypos", Method::GET, &format!("/v1/webhooks?{query}"))).await;
            let list: mypos::models::WebhookList = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(list.webhooks.len(), count, "{query}");
            let url = list.webhooks.first().map(|webhook| webhook.payload_url.clone().unwrap());
            assert_eq!(url, (count > 0).then(|| format!("https://a.test/{first}")), "{query}");
        }
        let answer = send(request(&sandbox, "mypos", Method::GET, "/v1/webhooks?size=x")).await;
        assert_eq!((answer.status, answer.note().starts_with("size: ")), (StatusCode::BAD_REQUEST, true));
    }

    fn subscription(event: &str, webhook: Option<&str>, filter: Option<&str>) -> mypos::models::CreateSubscription {
        let (webhook_id, filter) = (webhook.map(str::to_owned), filter.map(str::to_owned));
        mypos::models::CreateSubscription { event_id: event.to_owned(), webhook_id, filter }
    }

    const COMPLETED: &str = "33bcd9a7-43e4-4c0c-a728-106210056b1a";

    #[tokio::test]
    async fn the_account_has_every_event_with_the_id_of_the_documentation() {
        let documented = &mypos::PROVIDER.operation("list_events").unwrap().success().unwrap().body.as_ref().unwrap();
        let documented: mypos::models::EventList = serde_json::from_str(documented.examples[0].json).unwrap();
        let mut runs = Vec::new();
        for seed in [1, 2] {
            let sandbox = Sandbox::builder().seed(seed).start().await.unwrap();
            let list = sandbox.client::<mypos::Client>().unwrap().list_events(None, None).await.unwrap();
            let names: Vec<_> = list.events.iter().map(|event| event.name.as_str()).collect();
            let all: Vec<_> = mypos::PROVIDER.events.iter().map(|event| event.name).collect();
            assert_eq!((names, list.pagination.total), (all, 8));
            assert!(documented.events.iter().all(|event| list.events.contains(event)));
            let ids: BTreeSet<_> = list.events.iter().map(|event| event.id.clone()).collect();
            assert_eq!(ids.len(), 8, "no two events have the same id");
            runs.push(list.events);
        }
        assert_eq!(runs[0], runs[1], "an id is the same in every run");
    }

    #[tokio::test]
    async fn subscribes_gets_updates_and_ends() {
        let sandbox = Sandbox::start().await.unwrap();
        let client = sandbox.client::<mypos::Client>().unwrap();
        let webhook = client.create_webhook(&create(1)).await.unwrap().webhook;
        let filter = r#"{"tids":["90004889"]}"#;
        let created =
            client.create_subscription(&subscription(COMPLETED, Some(&webhook.id), Some(filter))).await.unwrap();
        let created = created.subscription.unwrap();
        assert_eq!(created.event.as_deref(), Some("pos.payment.completed"), "it has the name, not the id");
        assert_eq!(created.hook.as_ref(), Some(&webhook));
        assert_eq!(serde_json::to_value(&created.filter).unwrap(), json!({"tids": ["90004889"]}), "it is stored");
        created.created_on.as_ref().unwrap().to_timestamp().unwrap();

        let listed = client.list_subscriptions(None, None).await.unwrap();
        assert_eq!((&listed.subscriptions[..], listed.pagination.total), (&[created.clone()][..], 1));
        let details = client.get_webhook(&webhook.id).await.unwrap().webhook;
        let events: Vec<_> = details.events.iter().map(|event| (event.id.as_str(), event.name.as_str())).collect();
        assert_eq!(events, [(created.id.as_str(), "pos.payment.completed")]);
        assert_eq!(client.get_subscription(&created.id).await.unwrap().subscription, Some(created.clone()));

        let other = mypos::models::UpdateSubscription { filter: Some(r#"{"tids":[]}"#.into()) };
        let updated = client.update_subscription(&created.id, &other).await.unwrap().subscription.unwrap();
        assert_eq!(serde_json::to_value(&updated.filter).unwrap(), json!({"tids": []}));
        assert_eq!((&updated.id, &updated.created_on), (&created.id, &created.created_on));
        assert_eq!(client.get_subscription(&created.id).await.unwrap().subscription, Some(updated));

        client.delete_subscription(&created.id.to_uppercase()).await.unwrap();
        assert_eq!(client.list_subscriptions(None, None).await.unwrap().subscriptions, []);
        assert!(client.get_webhook(&webhook.id).await.unwrap().webhook.events.is_empty());
        for status in [
            client.get_subscription(&created.id).await.unwrap_err().status(),
            client.update_subscription(&created.id, &other).await.unwrap_err().status(),
            client.delete_subscription(&created.id).await.unwrap_err().status(),
        ] {
            assert_eq!(status, Some(StatusCode::NOT_FOUND));
        }
        let unfiltered = client.create_subscription(&subscription(COMPLETED, None, None)).await.unwrap();
        let raw = send(request(&sandbox, "mypos", Method::GET, "/v1/subscriptions")).await.json();
        assert_eq!(raw["subscriptions"][0]["filter"], Value::Null);
        assert_eq!(unfiltered.subscription.unwrap().hook.unwrap().id, webhook.id, "it is the only webhook");
    }

    #[tokio::test]
    async fn lists_subscriptions_in_pages() {
        let sandbox = Sandbox::start().await.unwrap();
        let client = sandbox.client::<mypos::Client>().unwrap();
        for number in 0..21 {
            let id = client.create_webhook(&create(number)).await.unwrap().webhook.id;
            client.create_subscription(&subscription(COMPLETED, Some(&id), None)).await.unwrap();
        }
        let first = client.list_subscriptions(None, None).await.unwrap();
        let second = client.list_subscriptions(Some("2"), None).await.unwrap();
        assert_eq!((first.subscriptions.len(), second.subscriptions.len(), second.pagination.total), (20, 1, 21));
        let hook = second.subscriptions[0].hook.clone().unwrap();
        assert_eq!(hook.payload_url.as_deref(), Some("https://a.test/20"));
    }

    #[tokio::test]
    async fn refuses_a_subscription_that_cannot_be() {
        let sandbox = Sandbox::start().await.unwrap();
        let client = sandbox.client::<mypos::Client>().unwrap();
        let refused = async |body: &str| {
            let call = request(&sandbox, "mypos", Method::POST, "/v1/subscriptions");
            let form = call.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
            let answer = send(form.body(body.to_owned())).await;
            (answer.status.as_u16(), answer.note().to_owned())
        };
        let event = format!("event_id={COMPLETED}");
        let unnamed = "webhook_id: it is required unless there is exactly one registration".to_owned();
        assert_eq!(refused(&event).await, (400, unnamed.clone()), "there is none");
        let id = client.create_webhook(&create(1)).await.unwrap().webhook.id;
        client.create_webhook(&create(2)).await.unwrap();
        assert_eq!(refused(&event).await, (400, unnamed), "there are two");
        assert_eq!(refused(&format!("webhook_id={id}")).await, (400, "event_id: it is required".to_owned()));
        let unknown = described::UNKNOWN_ID;
        let reason = "event_id: the account does not have this event".to_owned();
        assert_eq!(refused(&format!("webhook_id={id}&event_id={unknown}")).await, (400, reason));
        let reason = "webhook_id: there is no such registration".to_owned();
        assert_eq!(refused(&format!("{event}&webhook_id={unknown}")).await, (400, reason));
        for filter in ["tids", "[]", "7"] {
            let reason = "filter: it is not a JSON object".to_owned();
            assert_eq!(refused(&format!("{event}&webhook_id={id}&filter={filter}")).await, (400, reason));
        }
        assert_eq!(client.list_subscriptions(None, None).await.unwrap().subscriptions, []);
        let created = client.create_subscription(&subscription(COMPLETED, Some(&id), None)).await.unwrap();
        let reason = "the registration is subscribed to the event already".to_owned();
        assert_eq!(refused(&format!("{event}&webhook_id={id}")).await, (409, reason));
        let update = mypos::models::UpdateSubscription { filter: Some("tids".into()) };
        let error = client.update_subscription(&created.subscription.unwrap().id, &update).await.unwrap_err();
        assert_eq!(error.status(), Some(StatusCode::BAD_REQUEST));
    }

    #[tokio::test]
    async fn accepts_only_forms() {
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
        match error.documented() {
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
        // Those of a partner are counted separately.
        partner.register_webhook(&check_in).await.unwrap();
        let error = partner.register_webhook(&check_in).await.unwrap_err();
        let reason = &refusal(&error).extra_details.as_ref().unwrap()[0].reason;
        assert!(reason.contains("1 registrations") && reason.contains("of a partner"), "{reason}");
        for _ in 0..25 {
            partner.register_webhook(&register("https://c.test", &[CAPTURED])).await.unwrap();
        }
        partner.register_webhook(&register("https://c.test", &[CAPTURED])).await.unwrap_err();
    }

    #[tokio::test]
    async fn reports_violations_of_the_specification_as_a_problem() {
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

/// A request for an operation with this credential. The registration in its path does not exist.
fn with_credential(
    url: &str,
    provider: &Provider,
    operation: &Operation,
    value: Option<&str>,
) -> reqwest::RequestBuilder {
    let call = http().request(operation.method.parse().unwrap(), url);
    match (value, provider.credential.as_ref().unwrap().place) {
        (None, _) => call,
        (Some(value), CredentialPlace::Header(name)) => call.header(name, value),
        (Some(value), _) => call.header("Authorization", value),
    }
}

#[tokio::test]
async fn refuses_every_call_without_the_credential() {
    let sandbox = Sandbox::start().await.unwrap();
    for provider in PROVIDERS.iter().copied() {
        let account = sandbox.account(provider.name).unwrap();
        for operation in provider.operations.iter().filter(|it| it.security == Security::Credential) {
            let url = format!("{}{}", account.base_url, described::path(provider, operation, None));
            for wrong in [None, Some("Bearer"), Some("Bearer another"), Some("Basic x"), Some("another")] {
                let answer = send(with_credential(&url, provider, operation, wrong)).await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{} with {wrong:?}", operation.id);
                assert!(answer.note().contains("token"));
                if let Some(documented) = operation.responses.iter().find(|answer| answer.status == "401") {
                    let example = documented.body.as_ref().unwrap().examples[0].json;
                    assert_eq!(answer.json(), serde_json::from_str::<Value>(example).unwrap());
                }
            }
        }
    }
}

/// Everything that registers a URL: provider, method, path and body around the URL.
const REGISTERING: [(&str, Method, &str, [&str; 2]); 8] = [
    ("mipos", Method::POST, CREATE, ["{\"url\": ", "}"]),
    ("mipos", Method::POST, UPDATE, ["{\"current_url\": \"https://a.test\", \"new_url\": ", "}"]),
    ("mipos", Method::POST, OF_COMPANY, ["{\"type\": \"1\", \"integration_id\": \"8\", \"url\": ", "}"]),
    ("mipos", Method::POST, OF_STATUS, ["{\"integration_id\": \"8\", \"url\": ", "}"]),
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
        return send(http().post(format!("{}{path}", sandbox.url())).body(body)).await;
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
    let urls = |provider: &&Provider| sandbox.registrations(provider.name).unwrap();
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
async fn undocumented_members_are_refused_if_the_provider_refuses_them() {
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
    // The behaviour of the others is not documented.
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
    for provider in PROVIDERS.iter().copied() {
        let account = sandbox.account(provider.name).unwrap();
        for operation in provider.operations {
            let servers = if operation.servers.is_empty() { provider.servers } else { operation.servers };
            for server in servers {
                let documented = server.url.split_once("://").unwrap().1;
                let root = documented.find('/').map_or("", |at| &documented[at..]).trim_end_matches('/');
                let url = format!("{}{root}{}", sandbox.url(), described::path(provider, operation, None));
                let answer = send(with_credential(&url, provider, operation, Some("Bearer another"))).await;
                if operation.security == Security::None {
                    assert_ne!(answer.status, StatusCode::NOT_FOUND, "{} {url}", operation.method);
                    continue;
                }
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{} {url}", operation.method);
                if operation.security == Security::Credential {
                    let token = account.credentials["token"].expose();
                    let own = match provider.credential.as_ref().unwrap().place {
                        CredentialPlace::Bearer => format!("Bearer {token}"),
                        _ => token.to_owned(),
                    };
                    let answer = send(with_credential(&url, provider, operation, Some(&own))).await;
                    assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{} {url}", operation.method);
                }
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
    let unknown = http().post(format!("{}/webhooks/v1/webhooks", sandbox.url()));
    let unknown = unknown.bearer_auth(sandbox.account("vipps").unwrap().credentials["token"].expose());
    assert_eq!(send(unknown.body("{}")).await.json()["instance"], "/v1/webhooks", "below the server, as documented");
}

#[tokio::test]
async fn an_unknown_path_lists_the_known_ones() {
    let sandbox = Sandbox::start().await.unwrap();
    let answer = send(http().get(format!("{}/dealpos/paymentCreated", sandbox.url()))).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.json()["error"].as_str().unwrap().contains("/_sandbox"));
    let answer = send(request(&sandbox, "vipps", Method::PATCH, "/v1/webhooks")).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    let error = sandbox.account("stripe").unwrap_err();
    let known: Vec<_> = PROVIDERS.iter().map(|provider| provider.name).collect();
    assert_eq!(error.to_string(), format!("there is no provider `stripe`; there are: {}", known.join(", ")));
}

#[tokio::test]
async fn an_account_has_everything_to_call_its_provider() {
    let sandbox = Sandbox::builder().seed(7).start().await.unwrap();
    let told: Value = send(http().get(format!("{}/_sandbox", sandbox.url()))).await.json();
    let names: Vec<_> = told.as_array().unwrap().iter().map(|account| account["provider"].as_str().unwrap()).collect();
    assert_eq!(names, PROVIDERS.iter().map(|provider| provider.name).collect::<Vec<_>>());
    assert_eq!(told, serde_json::to_value(sandbox.accounts()).unwrap());
    for account in told.as_array().unwrap() {
        assert_eq!(account["base_url"], format!("{}/{}", sandbox.url(), account["provider"].as_str().unwrap()));
    }
}

/// All random values of a short run of a sandbox.
async fn life(seed: u64) -> Vec<String> {
    let sandbox = Sandbox::builder().seed(seed).start().await.unwrap();
    let credentials = sandbox.accounts().iter().flat_map(|account| &account.credentials);
    // Other constant headers, such as that of a sales unit, are the same with every seed.
    let random = |name: &str| ["token", "secret", "ocp_apim_subscription_key"].contains(&name);
    let mut seen: Vec<_> =
        credentials.filter(|(name, _)| random(name)).map(|(_, secret)| secret.expose().to_owned()).collect();
    let webhook = vipps::models::RegisterWebhook { url: "https://a.test".into(), events: Vec::new() };
    let registered = sandbox.client::<vipps::Client>().unwrap().register_webhook(&webhook).await.unwrap();
    seen.extend([registered.id, registered.secret.expose().to_owned()]);
    let webhook = mypos::models::CreateWebhook { payload_url: "https://a.test".into(), secret: "x".into() };
    seen.push(sandbox.client::<mypos::Client>().unwrap().create_webhook(&webhook).await.unwrap().webhook.id);
    seen.push(sandbox.register("dealpos", "http://localhost:1", &[]).await.unwrap().id);
    seen
}

#[tokio::test]
async fn repeats_with_its_seed() {
    let (first, second, other) = (life(1).await, life(1).await, life(2).await);
    assert_eq!(first, second);
    assert!(first.iter().zip(&other).all(|(first, other)| first != other));
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
