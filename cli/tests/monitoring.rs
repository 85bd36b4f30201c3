//! The alerts and the dashboard of deploy/ use metrics that there are, docs/production.md explains each alert, and Prometheus
//! reads the metrics and raises the alerts as they are meant.

#![cfg(unix)]

mod listener;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use http::{Response, StatusCode};
use listener::*;
use serde_json::Value;

const PAGE: &str = include_str!("../../docs/production.md");
const RULES: &str = include_str!("../../deploy/prometheus-rules.yml");
const DASHBOARD: &str = include_str!("../../deploy/grafana-dashboard.json");

/// The names of metrics in a text, without what a histogram adds to them.
fn metrics(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_lowercase() && c != '_');
    let metrics = words.filter(|word| word.starts_with("pos_webhooks_"));
    let series = ["_bucket", "_sum", "_count"];
    metrics.map(|word| series.iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word)).collect()
}

/// The expressions of the dashboard.
fn expressions() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

/// Runs promtool, which is part of Prometheus; `None` if it is not installed.
fn promtool(arguments: &[&str], input: &str) -> Option<Output> {
    let mut command = Command::new("promtool");
    let command = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        assert!(std::env::var_os("POS_WEBHOOKS_REQUIRE_SERVERS").is_none(), "promtool is missing");
        eprintln!("SKIPPED: promtool is missing; `apt-get install prometheus` installs it");
        return None;
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Some(child.wait_with_output().unwrap())
}

fn succeeds(arguments: &[&str], input: &str) {
    if let Some(output) = promtool(arguments, input) {
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_page_explains_each_alert_and_names_each_metric() {
    let alerts: Vec<_> = RULES.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    let explained: Vec<_> = PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | ")).collect();
    for alert in &alerts {
        assert!(explained.iter().any(|(name, _)| name == alert), "{alert} is not explained");
    }
    let table = PAGE.split_once("| alert | ").unwrap().1.split_once("\n\n").unwrap().0;
    assert_eq!(table.lines().count() - 2, alerts.len(), "{table}");
    let named = metrics(PAGE);
    for metric in metrics(RULES).union(&metrics(DASHBOARD)) {
        assert!(named.contains(metric), "{metric}");
    }
}

#[test]
fn prometheus_reads_the_metrics_and_evaluates_the_alerts() {
    if promtool(&["--version"], "").is_none() {
        return;
    }
    let folder = Folder::new("monitoring");
    let listener = Listener::vipps(&folder, &[]);
    assert_eq!(listener.post("/", &[], b"{}").status(), StatusCode::UNAUTHORIZED);
    assert_eq!(listener.deliver(payment(1).as_bytes()), StatusCode::OK);
    let rules = root().join("deploy/prometheus-rules.yml");
    let configuration = format!(
        "global: {{scrape_interval: 100ms, scrape_timeout: 100ms, evaluation_interval: 100ms}}\nrule_files: [{}]\n\
         scrape_configs: [{{job_name: pos-webhooks, static_configs: [{{targets: [\"{}\"]}}]}}]\n",
        Value::from(rules.to_str().unwrap()),
        listener.address
    );
    fs::write(folder.file("prometheus.yml"), configuration).unwrap();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let prometheus = Prometheus::start(&folder, address);
    let count = |metric: &str| {
        let query = format!("/api/v1/query?query={metric}");
        let answer: Value = serde_json::from_str(&prometheus.get(&query)?).ok()?;
        Some(answer["data"]["result"][0]["value"][1].as_str()?.to_owned())
    };
    until("Prometheus has read the metrics", || count("pos_webhooks_accepted_total").as_deref() == Some("1"));
    assert_eq!(count("pos_webhooks_refused_total").as_deref(), Some("1"));
    assert_eq!(count("pos_webhooks_sink_up").as_deref(), Some("1"));
    assert_eq!(count("up").as_deref(), Some("1"));
    until("Prometheus has evaluated the alerts", || {
        let answer = prometheus.get("/api/v1/rules").unwrap();
        assert!(!answer.contains("\"health\":\"err\""), "{answer}");
        answer.matches("\"health\":\"ok\"").count() >= RULES.matches("- alert: ").count()
    });
    drop(prometheus);
    listener.end();
}

struct Prometheus {
    child: Child,
    address: SocketAddr,
}

impl Prometheus {
    fn start(folder: &Folder, address: SocketAddr) -> Self {
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", folder.file("prometheus.yml")));
        command.arg(format!("--storage.tsdb.path={}", folder.file("series")));
        command.arg(format!("--web.listen-address={address}"));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, address }
    }

    /// The body of a response; `None` while it does not listen yet.
    fn get(&self, path: &str) -> Option<String> {
        let request = format!("GET {path} HTTP/1.0\r\nhost: a\r\n\r\n");
        exchange(self.address, request.as_bytes()).ok().map(Response::into_body)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_alerts_are_raised_by_what_they_are_for() {
    let rules = root().join("deploy/prometheus-rules.yml");
    succeeds(&["check", "rules", rules.to_str().unwrap()], "");
    let cases = root().join("cli/tests/monitoring/alerts.yml");
    succeeds(&["test", "rules", cases.to_str().unwrap()], "");
    let cases = fs::read_to_string(cases).unwrap();
    for alert in RULES.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert_eq!(cases.matches(&format!("alertname: {alert}")).count(), 2, "{alert} is not tested");
    }
}

#[test]
fn prometheus_understands_the_dashboard() {
    let folder = Folder::new("dashboard");
    let expressions = expressions();
    assert!(expressions.len() > 10);
    let mut rules = "groups:\n  - name: dashboard\n    rules:\n".to_owned();
    for (number, expression) in expressions.iter().enumerate() {
        let expression = expression.replace("$__rate_interval", "5m").replace("$route", "shop|other");
        assert!(!expression.contains('$'), "{expression}");
        rules += &format!("      - record: panel:{number}\n        expr: {}\n", Value::from(expression));
    }
    fs::write(folder.file("dashboard.yml"), rules).unwrap();
    succeeds(&["check", "rules", &folder.file("dashboard.yml")], "");
}
