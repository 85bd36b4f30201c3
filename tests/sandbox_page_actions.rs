//! On the page of the sandbox, a person registers, subscribes and deletes webhooks, edits payloads, sees why a delivery was
//! refused, sends it again, and switches faults on and off.

#![cfg(all(feature = "sandbox", feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]

#[path = "sandbox/browser.rs"]
mod browser;

use axum::Router;
use axum::http::StatusCode;
use pos_webhooks::PROVIDERS;
use pos_webhooks::client::http_client;
use pos_webhooks::sandbox::{DeliveryFault, Fault, Sandbox, Trigger};
use serde_json::{Value, json};

use browser::{Browser, check_layout};

const CAPTURED: &str = "epayments.payment.captured.v1";

/// An endpoint on loopback that answers with a status.
async fn endpoint(status: StatusCode) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(async move || status)).await });
    url
}

async fn click(browser: &Browser, selector: &str) {
    browser.until(&format!("document.querySelector({selector:?}) !== null")).await;
    browser.value(&format!("document.querySelector({selector:?}).click()")).await;
}

/// Types into a field, as far as a script of the page can see.
async fn fill(browser: &Browser, selector: &str, text: &str) {
    let script = format!(
        "(() => {{ const it = document.querySelector({selector:?}); it.value = {text:?};
        it.dispatchEvent(new Event('input', {{bubbles: true}})); it.dispatchEvent(new Event('change', {{bubbles: true}})); }})()"
    );
    browser.value(&script).await;
}

async fn until_said(browser: &Browser, text: &str) {
    browser.until(&format!("document.getElementById('status').textContent.includes({text:?})")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_every_provider_the_inbox_is_registered_receives_and_is_deleted() {
    let Some(browser) = Browser::start(true, 1280).await else { return };
    let sandbox = Sandbox::start().await.unwrap();
    browser.open(sandbox.url()).await;
    for provider in PROVIDERS.iter() {
        let name = provider.name;
        click(&browser, &format!("form[action='/_sandbox/{name}/receive'] button")).await;
        until_said(&browser, "The inbox receives all events of this provider.").await;
        browser.until(&format!("document.querySelector('[data-part={name}] .tag') !== null")).await;
        let event = provider.events[0].name;
        click(&browser, &format!("#{name} button[value='{event}']")).await;
        until_said(&browser, &format!("{event}: 2")).await;
        browser.until(&format!("document.querySelector('[data-part={name}] .received .good') !== null")).await;
        while !sandbox.registrations(name).unwrap().is_empty() {
            let count = format!("document.querySelectorAll('[data-part={name}] .danger').length");
            let before = browser.value(&count).await;
            click(&browser, &format!("[data-part={name}] .danger")).await;
            browser.until(&format!("{count} < {before}")).await;
        }
    }
    browser.until(&format!("document.querySelectorAll('#deliveries > li').length === {}", PROVIDERS.len())).await;
    check_layout(&browser).await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_registers_the_chosen_events_and_subscribes_to_more() {
    let Some(browser) = Browser::start(true, 1280).await else { return };
    let sandbox = Sandbox::start().await.unwrap();
    let url = endpoint(StatusCode::OK).await;
    browser.open(sandbox.url()).await;
    click(&browser, &format!("#vipps-choose input[value='{CAPTURED}']")).await;
    fill(&browser, "#vipps-url", &url).await;
    click(&browser, "form[action='/_sandbox/vipps/register'] button").await;
    until_said(&browser, "The URL is registered.").await;
    assert_eq!(sandbox.registrations("vipps").unwrap()[0].events, [CAPTURED]);

    fill(&browser, "#mypos-secret", "chosen by the caller").await;
    fill(&browser, "#mypos-url", &url).await;
    click(&browser, "#mypos-choose input[value='pos.payment.failed']").await;
    click(&browser, "form[action='/_sandbox/mypos/register'] button").await;
    let summary = "document.querySelector('[data-part=mypos] summary')?.textContent";
    browser.until(&format!("{summary}?.includes('pos.payment.failed')")).await;
    let registered = &sandbox.registrations("mypos").unwrap()[0];
    assert_eq!(registered.events, ["pos.payment.failed"]);
    assert_eq!(registered.secret.expose(), "chosen by the caller");
    click(&browser, "[data-part=mypos] input[value='pos.payment.denied']").await;
    click(&browser, "form[action='/_sandbox/mypos/subscribe'] button").await;
    until_said(&browser, "The registration is subscribed.").await;
    assert_eq!(sandbox.registrations("mypos").unwrap()[0].events, ["pos.payment.failed", "pos.payment.denied"]);

    fill(&browser, "#mipos-registered", "MARKET_MENU").await;
    fill(&browser, "#mipos-url", &url).await;
    click(&browser, "form[action='/_sandbox/mipos/register'] button").await;
    browser.until("document.querySelector('[data-part=mipos] summary')?.textContent.includes('MARKET_MENU')").await;

    fill(&browser, "#vipps-url", "http://user@127.0.0.1/").await;
    click(&browser, "form[action='/_sandbox/vipps/register'] button").await;
    until_said(&browser, "`register_webhook` was refused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_has_the_attempts_and_counts_down_to_the_next_one() {
    let Some(browser) = Browser::start(true, 1280).await else { return };
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.register("dealpos", &endpoint(StatusCode::OK).await, &[]).await.unwrap();
    sandbox.receive_here("vipps").await.unwrap();
    sandbox.fault(Fault::from(DeliveryFault::Reset).provider("vipps").times(2)).unwrap();
    browser.open(sandbox.url()).await;
    let (_, attempts) = tokio::join!(
        sandbox.deliver("dealpos", "paymentCreated"),
        sandbox.deliver("vipps", Trigger::new(CAPTURED).time_scale(3600.0))
    );
    assert_eq!(attempts.unwrap().len(), 3);
    browser.until("document.querySelectorAll('#deliveries > li').length === 2").await;
    browser.until("document.querySelectorAll('#deliveries .chips .bad').length === 2").await;
    browser.until("document.querySelectorAll('#deliveries .chips .good').length === 2").await;

    sandbox.fault(Fault::from(DeliveryFault::Reset).provider("vipps").times(1)).unwrap();
    sandbox.deliver("vipps", CAPTURED).await.unwrap();
    browser.until("/^in [0-9]+ /.test(document.querySelector('#deliveries li time.next')?.textContent)").await;

    browser.open(&format!("{}/?result=waiting&provider=vipps&event=CAPTURED", sandbox.url())).await;
    assert_eq!(browser.value("document.querySelectorAll('#deliveries > li').length").await, 1);
    sandbox.deliver("dealpos", "paymentCreated").await.unwrap();
    sandbox.fault(Fault::from(DeliveryFault::Reset).provider("vipps").times(1)).unwrap();
    sandbox.deliver("vipps", CAPTURED).await.unwrap();
    browser.until("document.querySelectorAll('#deliveries > li').length === 2").await;
    click(&browser, "form[action='/_sandbox/log/clear'] button").await;
    browser.until("document.querySelectorAll('#deliveries > li').length === 0").await;
    assert_eq!(sandbox.log().len(), 7, "the log of the sandbox keeps what the page does not show");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_of_one_event_have_their_receivers() {
    let Some(browser) = Browser::start(true, 390).await else { return };
    let sandbox = Sandbox::start().await.unwrap();
    let url = endpoint(StatusCode::OK).await;
    sandbox.receive_here("vipps").await.unwrap();
    sandbox.register_for_all("vipps", &format!("{url}?token=hidden")).await.unwrap();
    sandbox.deliver("vipps", CAPTURED).await.unwrap();
    browser.open(sandbox.url()).await;
    browser.until("document.querySelectorAll('#deliveries > li').length === 2").await;
    let receivers = "[...document.querySelectorAll('#deliveries .receiver')].map(it => it.textContent).sort()";
    assert_eq!(browser.value(receivers).await, json!([url.strip_prefix("http://").unwrap(), "inbox"]));
    check_layout(&browser).await;
}

/// Whether nothing lies over an element, near any of its corners, which are round.
fn is_clear(selector: &str) -> String {
    format!(
        "(() => {{ const it = document.querySelector({selector:?}); const {{left, right, top, bottom}} = it.getBoundingClientRect();
        return [[left, top], [right, top], [left, bottom], [right, bottom]].every(([x, y]) => {{
            const [inX, inY] = [Math.min(Math.max(x, left + 6), right - 6), Math.min(Math.max(y, top + 6), bottom - 6)];
            const found = document.elementFromPoint(inX, inY);
            return found !== null && (it === found || it.contains(found)); }}); }})()"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_the_focus_is_not_covered() {
    for width in [390, 1280] {
        let Some(browser) = Browser::start(true, width).await else { return };
        let sandbox = Sandbox::start().await.unwrap();
        browser.open(sandbox.url()).await;
        for name in ["vipps", "mypos"] {
            click(&browser, &format!("form[action='/_sandbox/{name}/receive'] button")).await;
            until_said(&browser, "The inbox receives all events").await;
        }
        let order = "[...document.querySelectorAll('.events button')].map(it => it.value)";
        let mut names: Vec<String> = serde_json::from_value(browser.value(order).await).unwrap();
        // Down and up the page.
        for _ in 0..2 {
            for name in &names {
                let button = format!(".events button[value='{name}']");
                browser.value(&format!("document.querySelector({button:?}).focus()")).await;
                assert_eq!(browser.value(&is_clear(&button)).await, json!(true), "{width}: {name}");
            }
            names.reverse();
        }
        check_layout(&browser).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_goes_away() {
    let Some(browser) = Browser::start(true, 1280).await else { return };
    let sandbox = Sandbox::start().await.unwrap();
    browser.open(sandbox.url()).await;
    let receive = "form[action='/_sandbox/mypos/receive'] button";
    click(&browser, receive).await;
    until_said(&browser, "The inbox receives all events").await;
    browser.keys("\u{e00c}").await;
    assert_eq!(browser.value("document.getElementById('status').textContent").await, "", "Escape was pressed");
    click(&browser, receive).await;
    until_said(&browser, "The inbox receives all events").await;
    browser.until("document.getElementById('status').textContent === ''").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_countdown_is_not_read_out_each_second() {
    let Some(browser) = Browser::start(true, 1280).await else { return };
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.register("dealpos", &endpoint(StatusCode::SERVICE_UNAVAILABLE).await, &[]).await.unwrap();
    sandbox.deliver("dealpos", "paymentCreated").await.unwrap();
    browser.open(sandbox.url()).await;
    browser.until("document.querySelector('#deliveries time.next') !== null").await;
    let live = "document.querySelector('#deliveries time.next').closest('[aria-live], [role]').getAttribute('role')";
    assert_eq!(browser.value(live).await, "timer", "a timer is not a live region within the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_has_the_number_of_attempts_that_the_log_dropped() {
    let Some(browser) = Browser::start(true, 1280).await else { return };
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.receive_here("dealpos").await.unwrap();
    browser.open(sandbox.url()).await;
    for _ in 0..51 {
        futures((0..20).map(|_| sandbox.deliver("dealpos", "paymentCreated"))).await;
    }
    browser.until("document.getElementById('more').textContent.includes('does not have any more: 20.')").await;
    browser.open(sandbox.url()).await;
    browser.until("document.getElementById('more').textContent.includes('does not have any more: 20.')").await;
    click(&browser, "form[action='/_sandbox/log/clear'] button").await;
    browser.until("!document.getElementById('more').textContent.includes('any more')").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_provider_is_in_words() {
    for has_script in [true, false] {
        let Some(browser) = Browser::start(has_script, 390).await else { return };
        let sandbox = Sandbox::start().await.unwrap();
        let url = endpoint(StatusCode::OK).await;
        sandbox.register_for_all("vipps", &url).await.unwrap();
        browser.open(sandbox.url()).await;
        fill(&browser, "#vipps-url", &url).await;
        click(&browser, "form[action='/_sandbox/vipps/register'] button").await;
        browser.until("document.body.innerText.includes('has 1 registrations already, which is the limit')").await;
        let text = browser.value("document.body.innerText").await;
        assert!(!text.as_str().unwrap().contains(['{', '}']), "{text}");
        check_layout(&browser).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_delivery_says_why_and_is_sent_again() {
    let Some(browser) = Browser::start(true, 390).await else { return };
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.receive_here("vipps").await.unwrap();
    sandbox.fault(Fault::from(DeliveryFault::WrongSignature).times(1)).unwrap();
    sandbox.deliver("vipps", Trigger::new(CAPTURED).max_attempts(1)).await.unwrap();
    let payload = r#"{"eventType": "epayments.payment.captured.v1"}"#.parse().unwrap();
    sandbox.deliver("vipps", Trigger::new(CAPTURED).payload(payload).max_attempts(1)).await.unwrap();
    browser.open(sandbox.url()).await;
    let refusal = |row: usize| {
        format!("document.querySelectorAll('#deliveries > li')[{row}].querySelector('.refusal').textContent")
    };
    let forged = browser.value(&refusal(1)).await;
    assert!(forged.as_str().unwrap().contains("the signature does not match"), "{forged}");
    assert!(forged.as_str().unwrap().contains("The payload matches the specification."), "{forged}");
    let wrong = browser.value(&refusal(0)).await;
    assert!(wrong.as_str().unwrap().contains("The signature is right"), "{wrong}");
    assert!(wrong.as_str().unwrap().contains("required"), "{wrong}");

    browser.value("document.querySelector('#deliveries > li:last-child details').open = true").await;
    check_layout(&browser).await;
    let permissions =
        json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": sandbox.url()});
    browser.debug("Browser.grantPermissions", permissions).await;
    click(&browser, "#deliveries > li:last-child a[href$='/curl']").await;
    until_said(&browser, "The command is copied.").await;
    click(&browser, "#deliveries > li:last-child form[action$='/again'] button").await;
    until_said(&browser, "Sent again: 200.").await;
    browser.until("document.querySelectorAll('#deliveries > li').length === 3").await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_editor_checks_a_payload_while_one_types() {
    let Some(browser) = Browser::start(true, 1280).await else { return };
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.receive_here("vipps").await.unwrap();
    browser.open(sandbox.url()).await;
    click(&browser, "#vipps-editor summary").await;
    browser.until("document.getElementById('vipps-check').textContent.includes('matches')").await;
    fill(&browser, "#vipps-event", CAPTURED).await;
    browser.until("document.getElementById('vipps-payload').value.includes('CAPTURED')").await;
    browser.until("document.getElementById('vipps-check').textContent.includes('matches')").await;
    let text = "{\n  \"msn\": 1,\n  \"amount\": {\"value\": \"10\"}\n}";
    fill(&browser, "#vipps-payload", text).await;
    browser.until("document.getElementById('vipps-check').textContent.includes('Line 3, /amount/value')").await;
    browser.value("[...document.querySelectorAll('#vipps-check button')].find(it => it.textContent.includes('/amount/value')).click()").await;
    let selected =
        "(it => it.value.slice(it.selectionStart, it.selectionEnd))(document.getElementById('vipps-payload'))";
    assert_eq!(browser.value(selected).await, "\"10\"");
    fill(&browser, "#vipps-payload", "{\n  \"msn\": }").await;
    browser.until("document.getElementById('vipps-check').textContent.includes('Line 2')").await;
    check_layout(&browser).await;
    click(&browser, "#vipps-editor [data-reset]").await;
    browser.until("document.getElementById('vipps-check').textContent.includes('matches')").await;
    click(&browser, "#vipps-editor .row button:first-child").await;
    until_said(&browser, &format!("{CAPTURED}: 200.")).await;
    assert_eq!(browser.complaints().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_are_switched_on_and_off_and_tokens_show_their_expiry() {
    let Some(browser) = Browser::start(true, 1280).await else { return };
    let sandbox = Sandbox::start().await.unwrap();
    browser.open(sandbox.url()).await;
    fill(&browser, "#fault", "answer/status").await;
    click(&browser, "#new-fault button").await;
    until_said(&browser, "this fault needs a number").await;
    fill(&browser, "#fault-number", "503").await;
    fill(&browser, "#fault-provider", "vipps").await;
    fill(&browser, "#fault-times", "2").await;
    click(&browser, "#new-fault button").await;
    browser.until("document.getElementById('faults').textContent.includes('503')").await;
    let http = http_client().unwrap().build().unwrap();
    let armed = http.get(format!("{}/_sandbox/faults", sandbox.url())).send().await.unwrap().bytes().await.unwrap();
    let armed: Value = serde_json::from_slice(&armed).unwrap();
    assert_eq!(armed, json!([{"answer": {"status": {"status": 503}}, "provider": "vipps", "times": 2}]));
    click(&browser, ".faults button").await;
    browser.until("!document.getElementById('faults').textContent.includes('503')").await;

    let account = sandbox.account("vipps").unwrap();
    let mut request = http.post(format!("{}/accesstoken/get", account.base_url));
    for name in ["client_id", "client_secret"] {
        request = request.header(name, account.credentials[name].expose());
    }
    request =
        request.header("Ocp-Apim-Subscription-Key", account.header("Ocp-Apim-Subscription-Key").unwrap().expose());
    let status = request.header("content-length", 0).send().await.unwrap().status();
    assert_eq!(status.as_u16(), 200);
    let tokens = "document.querySelector('[data-part=vipps-tokens]')?.textContent";
    browser.until(&format!("/expires in (1 h|59 min)/.test({tokens})")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_editor_keeps_what_was_typed_for_each_event() {
    let Some(browser) = Browser::start(true, 1280).await else { return };
    let sandbox = Sandbox::start().await.unwrap();
    browser.open(sandbox.url()).await;
    let payload = "document.getElementById('vipps-payload')";
    click(&browser, "#vipps-editor summary").await;
    fill(&browser, "#vipps-event", CAPTURED).await;
    browser.until(&format!("{payload}.value.includes('CAPTURED')")).await;
    fill(&browser, "#vipps-payload", "{\"typed\": 1}").await;
    browser.until(&format!("{payload}.getAttribute('aria-invalid') === 'true'")).await;
    fill(&browser, "#vipps-event", "user.checked-in.v1").await;
    browser.until("document.getElementById('vipps-check').textContent.includes('matches')").await;
    assert_eq!(browser.value(&format!("{payload}.value.includes('typed')")).await, json!(false));
    fill(&browser, "#vipps-event", CAPTURED).await;
    browser.until("document.querySelector('#vipps-check button') !== null").await;
    assert_eq!(browser.value(&format!("{payload}.value")).await, "{\"typed\": 1}");

    fill(&browser, "#vipps-payload", "").await;
    browser.until("document.querySelector('#vipps-check button') === null").await;
    assert_eq!(browser.value(&format!("{payload}.getAttribute('aria-invalid')")).await, Value::Null);
    fill(&browser, "#vipps-payload", "{\"typed\": 1}").await;
    click(&browser, "#vipps-editor [data-reset]").await;
    browser.until(&format!("{payload}.value.includes('CAPTURED')")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_script_the_forms_do_the_same() {
    let Some(browser) = Browser::start(false, 390).await else { return };
    let sandbox = Sandbox::start().await.unwrap();
    browser.open(sandbox.url()).await;
    for (button, done) in [
        ("form[action='/_sandbox/mypos/receive'] button", "document.querySelector('[data-part=mypos] .tag') !== null"),
        ("#mypos button[value='pos.payment.failed']", "document.querySelectorAll('#deliveries .good').length === 1"),
        ("#deliveries form[action$='/again'] button", "document.querySelectorAll('#deliveries .good').length === 2"),
        ("#new-fault button", "document.body.textContent.includes('this fault needs a number')"),
    ] {
        click(&browser, button).await;
        browser.until(done).await;
    }
    browser.open(sandbox.url()).await;
    fill(&browser, "#fault", "delivery/duplicate").await;
    for (button, done) in [
        ("#new-fault button", "document.querySelector('.faults') !== null"),
        (".faults button", "document.querySelector('.faults') === null"),
        ("form[action='/_sandbox/log/clear'] button", "document.querySelector('#deliveries li') === null"),
        ("[data-part=mypos] .danger", "document.querySelector('[data-part=mypos] .tag') === null"),
    ] {
        click(&browser, button).await;
        browser.until(done).await;
    }
    assert!(sandbox.registrations("mypos").unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_deliveries_keep_the_page_small() {
    let Some(browser) = Browser::start(true, 1280).await else { return };
    let sandbox = Sandbox::start().await.unwrap();
    sandbox.receive_here("vipps").await.unwrap();
    browser.open(sandbox.url()).await;
    for _ in 0..500 {
        let some = (0..20).map(|_| sandbox.deliver("vipps", CAPTURED));
        for attempts in futures(some).await {
            assert!(attempts[0].is_acknowledged());
        }
    }
    browser.until("document.querySelector('#deliveries > li').dataset.number === '10000'").await;
    browser.until("document.querySelectorAll('#deliveries > li').length === 100").await;
    let nodes = browser.value("document.querySelectorAll('*').length").await.as_u64().unwrap();
    assert!(nodes < 8_000, "{nodes} elements");
    let page = http_client().unwrap().build().unwrap().get(sandbox.url()).send().await.unwrap().bytes().await.unwrap();
    assert!(page.len() < 600_000, "{} bytes", page.len());
    click(&browser, "#more a").await;
    browser.until("document.querySelectorAll('#deliveries > li').length === 200").await;
}

/// Waits for futures that run at the same time.
async fn futures<T, E: std::fmt::Debug>(all: impl Iterator<Item = impl Future<Output = Result<T, E>>>) -> Vec<T> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in all.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(result) = future.as_mut().poll(context) {
                *done = Some(result.unwrap());
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// Takes the screenshots, for those who look at them: `cargo test --test sandbox_page_actions -- --ignored`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "it writes files"]
async fn screenshots() {
    for (width, dark) in [(1280, false), (1280, true), (390, false), (390, true)] {
        let Some(browser) = Browser::start(true, width).await else { return };
        let sandbox = Sandbox::builder().seed(1).start().await.unwrap();
        for name in ["vipps", "dealpos"] {
            sandbox.receive_here(name).await.unwrap();
        }
        for event in ["epayments.payment.created.v1", "epayments.payment.authorized.v1"] {
            sandbox.deliver("vipps", event).await.unwrap();
        }
        sandbox.fault(Fault::from(DeliveryFault::WrongSignature).provider("vipps").times(2)).unwrap();
        sandbox.deliver("vipps", Trigger::new("epayments.payment.refunded.v1").time_scale(3600.0)).await.unwrap();
        sandbox.deliver("dealpos", "paymentCreated").await.unwrap();
        sandbox.fault(Fault::from(DeliveryFault::WrongSignature).provider("vipps")).unwrap();
        sandbox.deliver("vipps", CAPTURED).await.unwrap();
        browser.open(sandbox.url()).await;
        let scheme =
            json!({"features": [{"name": "prefers-color-scheme", "value": if dark { "dark" } else { "light" }}]});
        browser.debug("Emulation.setEmulatedMedia", scheme).await;
        browser.until("document.querySelectorAll('#deliveries > li').length === 5").await;
        let name = format!("{width}-{}", if dark { "dark" } else { "light" });
        for (place, script) in [
            ("top", "true".to_owned()),
            ("vipps", "document.getElementById('vipps').scrollIntoView()".to_owned()),
            ("refused", "(document.querySelector('#deliveries details').open = true, document.getElementById('log').scrollIntoView())".to_owned()),
            ("editor", "(document.getElementById('vipps-editor').open = true, document.getElementById('vipps-editor').scrollIntoView(), \
                document.querySelector('#vipps-editor textarea').focus())".to_owned()),
            ("choose", "(document.getElementById('mypos-choose').open = true, document.getElementById('mypos').scrollIntoView())".to_owned()),
        ] {
            browser.value(&script).await;
            if place == "editor" {
                browser.until("document.getElementById('vipps-check').textContent.includes('matches')").await;
                fill(&browser, "#vipps-payload", "{\n  \"msn\": 1,\n  \"amount\": {\"value\": \"10\"}\n}").await;
                browser.until("document.querySelector('#vipps-check button') !== null").await;
            }
            browser.screenshot(&format!("page-{name}-{place}.png")).await;
        }
    }
}
