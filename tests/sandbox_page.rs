//! The sandbox's page works with forms alone, and in a browser it is live, usable with a keyboard and readable on a phone.

#![cfg(all(feature = "sandbox", feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]

#[path = "sandbox/browser.rs"]
mod browser;

use axum::Router;
use pos_webhooks::PROVIDERS;
use pos_webhooks::client::http_client;
use pos_webhooks::sandbox::{AnswerFault, Sandbox};
use serde_json::{Value, json};

use browser::{Browser, ENTER, check_layout};

fn http() -> reqwest::Client {
    http_client().unwrap().build().unwrap()
}

/// An endpoint on loopback that acknowledges everything.
async fn endpoint() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(async || "thank you")).await });
    url
}

async fn get(url: &str) -> String {
    http().get(url).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn the_page_is_complete_without_script() {
    let sandbox = Sandbox::start().await.unwrap();
    let page = get(sandbox.url()).await;
    for provider in PROVIDERS.iter() {
        let action = format!(r#"method="post" action="/_sandbox/{}/deliver""#, provider.name);
        assert!(page.contains(&action), "{action}");
        for event in provider.events {
            assert!(page.contains(&format!(r#"<button name="event" value="{}""#, event.name)), "{}", event.name);
        }
    }
    for external in ["http://", "https://", "//cdn"] {
        let loaded = page.split(['<', '>']).filter(|tag| tag.starts_with("script") || tag.starts_with("link"));
        assert!(loaded.clone().count() >= 2);
        assert!(loaded.clone().all(|tag| !tag.contains(external)), "an external asset");
    }
}

#[tokio::test]
async fn forms_register_deliver_and_lead_back_to_the_page() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = http_client().unwrap().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let url = endpoint().await;
    let post = async |path: &str, fields: String| {
        let request = client.post(format!("{}{path}", sandbox.url())).body(fields);
        request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap()
    };
    let answer = post("/_sandbox/dealpos/registrations", format!("url={url}")).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (303, &"/#dealpos".parse().unwrap()));
    // An empty field is no payload.
    let answer = post("/_sandbox/dealpos/deliver", "payload=&event=paymentCreated".into()).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["location"]), (303, &"/#log".parse().unwrap()));
    let answer =
        post("/_sandbox/dealpos/deliver", "payload=%7B%22%3Cb%3E%22%3A1.50%7D&event=paymentCreated".into()).await;
    assert_eq!(answer.status().as_u16(), 303);
    assert_eq!(
        post("/_sandbox/dealpos/deliver", "payload=%7B&event=paymentCreated".into()).await.status().as_u16(),
        400
    );
    let page = get(sandbox.url()).await;
    assert_eq!(page.matches("<strong>paymentCreated</strong>").count(), 2);
    assert!(page.contains("{&quot;&lt;b&gt;&quot;:1.50}"), "what was sent is shown as text");
    assert!(page.contains("thank you"), "so is the answer");

    sandbox.fault(AnswerFault::Reset).unwrap();
    assert!(get(sandbox.url()).await.contains("Clear all faults"));
    assert_eq!(post("/_sandbox/faults/clear", String::new()).await.status().as_u16(), 303);
    assert!(!get(sandbox.url()).await.contains("Clear all faults"));
}

#[tokio::test]
async fn requests_from_other_sites_are_refused() {
    let sandbox = Sandbox::start().await.unwrap();
    let url = format!("{}/_sandbox/faults", sandbox.url());
    for (site, status) in [("cross-site", 403), ("same-site", 403), ("same-origin", 204), ("none", 204)] {
        let request = http().post(&url).header("sec-fetch-site", site);
        assert_eq!(request.body(r#"{"answer": "reset"}"#).send().await.unwrap().status().as_u16(), status, "{site}");
    }
    for path in [
        "vipps/receive",
        "vipps/register",
        "vipps/unregister",
        "mypos/subscribe",
        "vipps/inbox",
        "vipps/check?event=user.checked-in.v1",
        "attempts/1/again",
        "faults/disarm",
        "log/clear",
    ] {
        for (header, value) in [("sec-fetch-site", "cross-site"), ("host", "a.test")] {
            let request = http().post(format!("{}/_sandbox/{path}", sandbox.url())).header(header, value);
            assert_eq!(request.send().await.unwrap().status().as_u16(), 403, "{path} {header}");
        }
    }
    // A name of another site that leads to this machine.
    for (host, status) in [("a.test", 403), ("localhost", 200), ("127.0.0.1:1", 200)] {
        for path in ["", "/_sandbox/log"] {
            let request = http().get(format!("{}{path}", sandbox.url())).header("host", host);
            assert_eq!(request.send().await.unwrap().status().as_u16(), status, "{host} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_keyboard_a_url_is_registered_and_an_event_delivered() {
    let Some(browser) = Browser::start(true, 390).await else { return };
    let sandbox = Sandbox::start().await.unwrap();
    let url = endpoint().await;
    browser.open(sandbox.url()).await;
    assert_eq!(browser.value("document.title").await, "Sandbox of pos-webhooks");
    check_layout(&browser).await;

    browser.tab_to("document.activeElement.id === 'dealpos-url'").await;
    browser.keys(&url).await;
    browser.keys(ENTER).await;
    let listed = format!("document.querySelector('[data-part=dealpos]').innerText.includes('{url}')");
    browser.until(&listed).await;

    browser.value("(window.stayed = true)").await;
    browser.tab_to("document.activeElement.value === 'paymentUpdated'").await;
    browser.keys(ENTER).await;
    browser.until("document.querySelectorAll('#deliveries > li').length === 1").await;
    browser.until("document.getElementById('status').innerText === 'paymentUpdated: 200.'").await;
    assert_eq!(browser.value("window.stayed === true").await, Value::Bool(true), "the page was not loaded again");
    let focus = browser.value("document.activeElement.value").await;
    assert_eq!(focus, "paymentUpdated", "the focus stays on the button");

    browser.tab_to("document.activeElement.closest('#deliveries') !== null").await;
    browser.keys(ENTER).await;
    browser.until("document.querySelector('#deliveries li').innerText.includes('thank you')").await;
    check_layout(&browser).await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_changes_live() {
    let Some(browser) = Browser::start(true, 1280).await else { return };
    let sandbox = Sandbox::start().await.unwrap();
    browser.open(sandbox.url()).await;
    check_layout(&browser).await;
    sandbox.register("dealpos", &endpoint().await, &["paymentCreated"]).await.unwrap();
    browser.until("document.querySelectorAll('[data-part=dealpos] li').length === 1").await;
    browser.value("document.querySelector('[data-part=dealpos] details').open = true").await;
    for _ in 0..3 {
        sandbox.deliver("dealpos", "paymentCreated").await.unwrap();
    }
    browser.until("document.querySelectorAll('#deliveries > li').length === 3").await;
    let order = browser.value("[...document.querySelectorAll('#deliveries > li')].map(it => it.dataset.number)").await;
    assert_eq!(order, json!(["3", "2", "1"]), "newest first, none twice");
    let open = browser.value("document.querySelector('[data-part=dealpos] details').open").await;
    assert_eq!(open, Value::Bool(true), "what did not change stays as it was left");
    sandbox.fault(AnswerFault::Reset).unwrap();
    browser.until("document.getElementById('faults').innerText.includes('Clear all faults')").await;
    let dark = json!({"features": [{"name": "prefers-color-scheme", "value": "dark"}]});
    browser.debug("Emulation.setEmulatedMedia", dark).await;
    check_layout(&browser).await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_script_a_button_delivers() {
    let Some(browser) = Browser::start(false, 390).await else { return };
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.register("dealpos", &endpoint().await, &[]).await.unwrap();
    browser.open(sandbox.url()).await;
    browser.value("(window.before = true)").await;
    browser.tab_to("document.activeElement.value === 'paymentCreated'").await;
    browser.keys(ENTER).await;
    browser.until("window.before !== true && document.querySelector('#deliveries .good') !== null").await;
    assert_eq!(sandbox.log().len(), 1);
}
