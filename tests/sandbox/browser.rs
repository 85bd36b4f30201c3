//! A browser, driven by the WebDriver protocol, and what every page has to hold.

#![allow(dead_code, reason = "not every test uses all of it")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pos_webhooks::client::http_client;
use serde_json::{Value, json};

fn http() -> reqwest::Client {
    http_client().unwrap().build().unwrap()
}

/// Prints to the real standard error, because the captured output of a passing test is not shown.
fn skipped(reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// A browser, driven by the WebDriver protocol.
pub struct Browser {
    driver: Child,
    profile: PathBuf,
    http: reqwest::Client,
    session: String,
}

impl Browser {
    /// `None`, with the reason printed, where no browser can be had.
    pub async fn start(script: bool, width: u32) -> Option<Self> {
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

    pub async fn post(&self, command: &str, body: Value) -> Value {
        let value = self.send(command, body).await;
        assert_eq!(value["error"], Value::Null, "{command}: {}", value["message"]);
        value
    }

    /// The value of a command's response, which may be an error.
    pub async fn send(&self, command: &str, body: Value) -> Value {
        let request = self.http.post(format!("{}/{command}", self.session)).body(body.to_string());
        let answer = request.send().await.unwrap();
        let mut answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        answer["value"].take()
    }

    /// A command of the browser's own protocol.
    pub async fn debug(&self, command: &str, parameters: Value) {
        self.post("goog/cdp/execute", json!({"cmd": command, "params": parameters})).await;
    }

    pub async fn open(&self, url: &str) {
        self.post("url", json!({"url": url})).await;
    }

    /// The value of an expression in the page.
    pub async fn value(&self, expression: &str) -> Value {
        self.post("execute/sync", json!({"script": format!("return ({expression});"), "args": []})).await
    }

    /// Waits until an expression holds, which the browser evaluates after every change of the page. The failure shows the
    /// page.
    pub async fn until(&self, expression: &str) {
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
    pub async fn keys(&self, text: &str) {
        let presses = text.chars().flat_map(|key| {
            [json!({"type": "keyDown", "value": key.to_string()}), json!({"type": "keyUp", "value": key.to_string()})]
        });
        let actions = presses.collect::<Vec<_>>();
        self.post("actions", json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})).await;
    }

    /// Goes on with the tabulator key until the focus is where the expression says.
    pub async fn tab_to(&self, expression: &str) {
        for _ in 0..200 {
            self.keys(TAB).await;
            if self.value(expression).await == Value::Bool(true) {
                return;
            }
        }
        panic!("the keyboard never reaches {expression}");
    }

    /// Writes what is visible to a file in the target directory.
    pub async fn screenshot(&self, name: &str) {
        let request = self.http.get(format!("{}/screenshot", self.session));
        let answer: Value = serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap();
        let image = BASE64.decode(answer["value"].as_str().unwrap()).unwrap();
        std::fs::write(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name), image).unwrap();
    }

    /// The errors that the browser reports, including violations of the content security policy.
    pub async fn complaints(&self) -> Vec<String> {
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

pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";

/// What every width has to hold.
pub async fn check_layout(browser: &Browser) {
    let wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    assert_eq!(browser.value(wide).await, Value::Bool(true), "nothing has to be scrolled sideways");
    let small = "[...document.querySelectorAll('button, select, textarea, input:not([type=hidden]), a.button')].filter(it => it.checkVisibility() && \
                 it.getBoundingClientRect().height < 44).map(it => it.outerHTML)";
    assert_eq!(browser.value(small).await, json!([]), "too small for a finger");
    let unlabelled = "[...document.querySelectorAll('input:not([type=hidden]), select, textarea')].filter(it => !it.labels.length).map(it => it.id)";
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
