//! The sandbox's page works with forms alone, and in a browser it is live, usable with a keyboard and readable on a phone.

#![cfg(all(feature = "sandbox", feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use pos_webhooks::PROVIDERS;
use pos_webhooks::client::http_client;
use pos_webhooks::sandbox::{AnswerFault, Sandbox};
use serde_json::{Value, json};

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
    // A name of another site that leads to this machine.
    for (host, status) in [("a.test", 403), ("localhost", 200), ("127.0.0.1:1", 200)] {
        for path in ["", "/_sandbox/log"] {
            let request = http().get(format!("{}{path}", sandbox.url())).header("host", host);
            assert_eq!(request.send().await.unwrap().status().as_u16(), status, "{host} {path}");
        }
    }
}

/// Prints to the real standard error, because the captured output of a passing test is not shown.
fn skipped(reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// A browser, driven by the WebDriver protocol.
struct Browser {
    driver: Child,
    profile: PathBuf,
    http: reqwest::Client,
    session: String,
}

impl Browser {
    /// `None`, with the reason printed, where no browser can be had.
    async fn start(script: bool, width: u32) -> Option<Self> {
        static PROFILES: AtomicUsize = AtomicUsize::new(0);
        let profile = format!("browser-{}-{}", std::process::id(), PROFILES.fetch_add(1, Ordering::Relaxed));
        let profile = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(profile);
        let started = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut driver = match started {
            Ok(driver) => driver,
            Err(error) => {
                skipped(&format!("chromedriver cannot be started ({error}); `.ci/packages` installs it"));
                return None;
            }
        };
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.ok()?;
            Some(line.strip_prefix("ChromeDriver was started successfully on port ")?.trim_end_matches('.').to_owned())
        });
        let server = format!("http://127.0.0.1:{}/session", port.expect("chromedriver tells its port"));
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-sync",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-dev-shm-usage",
            &format!("--user-data-dir={}", profile.display()),
        ];
        let options = json!({
            "args": arguments,
            "mobileEmulation": {"deviceMetrics": {"width": width, "height": 844, "pixelRatio": 1.0}},
        });
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let http = http_client().unwrap().no_proxy().build().unwrap();
        let answer = http.post(&server).body(capabilities.to_string()).send().await.unwrap();
        let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let Some(id) = answer["value"]["sessionId"].as_str() else {
            skipped(&format!("no browser can be started: {}", answer["value"]["message"]));
            let _ = driver.kill();
            return None;
        };
        let browser = Self { driver, profile, http, session: format!("{server}/{id}") };
        if !script {
            // Switched off altogether, the driver could ask nothing of the page either.
            browser.debug("Network.enable", json!({})).await;
            browser.debug("Network.setBlockedURLs", json!({"urls": ["*page.js"]})).await;
        }
        Some(browser)
    }

    async fn post(&self, command: &str, body: Value) -> Value {
        let value = self.send(command, body).await;
        assert_eq!(value["error"], Value::Null, "{command}: {}", value["message"]);
        value
    }

    /// The value of a command's response, which may be an error.
    async fn send(&self, command: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}/{command}", self.session)).body(body.to_string());
        let answer = request.send().await.unwrap();
        let mut answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        answer["value"].take()
    }

    /// A command of the browser's own protocol.
    async fn debug(&self, command: &str, parameters: Value) {
        self.post("goog/cdp/execute", json!({"cmd": command, "params": parameters})).await;
    }

    async fn open(&self, url: &str) {
        self.post("url", json!({"url": url})).await;
    }

    /// The value of an expression in the page.
    async fn value(&self, expression: &str) -> Value {
        self.post("execute/sync", json!({"script": format!("return ({expression});"), "args": []})).await
    }

    /// Waits until an expression holds, which the browser evaluates after every change of the page. The failure shows the
    /// page.
    async fn until(&self, expression: &str) {
        let script = format!(
            "const done = arguments[0];
            const check = () => {{
                if ({expression}) {{
                    observer.disconnect();
                    done(true);
                }}
            }};
            const observer = new MutationObserver(check);
            observer.observe(document, {{attributes: true, characterData: true, childList: true, subtree: true}});
            check();"
        );
        // A page that is left ends its script, and the next page is asked.
        for _ in 0..10 {
            let value = self.send("execute/async", json!({"script": script, "args": []})).await;
            match value["error"].as_str() {
                None => return,
                Some("script timeout") => break,
                Some(_) => {}
            }
        }
        panic!("never: {expression}; the page says {}", self.value("document.body.innerText").await);
    }

    /// Presses keys as a person does, wherever the focus is.
    async fn keys(&self, text: &str) {
        let presses = text.chars().flat_map(|key| {
            [json!({"type": "keyDown", "value": key.to_string()}), json!({"type": "keyUp", "value": key.to_string()})]
        });
        let actions = presses.collect::<Vec<_>>();
        self.post("actions", json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})).await;
    }

    /// Goes on with the tabulator key until the focus is where the expression says.
    async fn tab_to(&self, expression: &str) {
        for _ in 0..200 {
            self.keys(TAB).await;
            if self.value(expression).await == Value::Bool(true) {
                return;
            }
        }
        panic!("the keyboard never reaches {expression}");
    }

    /// The errors that the browser reports, including violations of the content security policy.
    async fn complaints(&self) -> Vec<String> {
        let log = self.post("se/log", json!({"type": "browser"})).await;
        let entries = log.as_array().unwrap().iter();
        entries.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // chromedriver ends its browser when it is asked to; a killed one would leave it running.
        let session = &self.session;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // The connections of the other client need the runtime that waits here.
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                let _ = runtime.block_on(http().delete(session).send());
            });
        });
        let _ = self.driver.kill();
        let _ = self.driver.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

/// What every width has to hold.
async fn check_layout(browser: &Browser) {
    let wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    assert_eq!(browser.value(wide).await, Value::Bool(true), "nothing has to be scrolled sideways");
    let small = "[...document.querySelectorAll('button, input, textarea')].filter(it => it.checkVisibility() && \
                 it.getBoundingClientRect().height < 44).map(it => it.outerHTML)";
    assert_eq!(browser.value(small).await, json!([]), "too small for a finger");
    let unlabelled =
        "[...document.querySelectorAll('input, textarea')].filter(it => !it.labels.length).map(it => it.id)";
    assert_eq!(browser.value(unlabelled).await, json!([]));
    let pale = "(() => {
        const rgb = text => text.match(/[0-9.]+/g).map(Number);
        const light = text => rgb(text).slice(0, 3).map(it => it / 255)
            .map(it => it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4)
            .reduce((sum, it, index) => sum + it * [0.2126, 0.7152, 0.0722][index], 0);
        const paper = it => { for (; it; it = it.parentElement) {
            const color = getComputedStyle(it).backgroundColor;
            if (rgb(color)[3] !== 0) return color;
        } return 'rgb(255, 255, 255)'; };
        const contrast = it => { const [a, b] = [light(getComputedStyle(it).color), light(paper(it))].sort((a, b) => b - a);
            return (a + 0.05) / (b + 0.05); };
        const texts = [...document.querySelectorAll('body *')].filter(it => it.checkVisibility() &&
            [...it.childNodes].some(node => node.nodeType === 3 && node.data.trim()));
        return texts.filter(it => contrast(it) < 4.5).map(it => it.outerHTML.slice(0, 80));
    })()";
    assert_eq!(browser.value(pale).await, json!([]), "too little contrast");
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
    browser.until("document.querySelectorAll('#attempts > li').length === 1").await;
    browser.until("document.getElementById('status').innerText === 'paymentUpdated: 200.'").await;
    assert_eq!(browser.value("window.stayed === true").await, Value::Bool(true), "the page was not loaded again");
    let focus = browser.value("document.activeElement.value").await;
    assert_eq!(focus, "paymentUpdated", "the focus stays on the button");

    browser.tab_to("document.activeElement.closest('#attempts') !== null").await;
    browser.keys(ENTER).await;
    browser.until("document.querySelector('#attempts li').innerText.includes('thank you')").await;
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
    browser.until("document.querySelectorAll('#attempts > li').length === 3").await;
    let order = browser.value("[...document.querySelectorAll('#attempts > li')].map(it => it.dataset.number)").await;
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
    browser.until("window.before !== true && document.querySelector('#attempts .good') !== null").await;
    assert_eq!(sandbox.log().len(), 1);
}
