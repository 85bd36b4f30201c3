//! Tables for people have no JSON in their cells, and fit the terminal without splitting a word.

#[path = "cli/run.rs"]
mod run;
#[path = "cli/shell.rs"]
mod shell;

use std::process::{Command, Stdio};

use pos_webhooks::sandbox::Sandbox;

use crate::run::{feed, run};
use crate::shell::Shell;

const URL: &str = "https://shop.example/a/path/that/is/longer/than/a/narrow/terminal/has/columns/to/show/it";
const EVENTS: &str = "epayments.payment.captured.v1,epayments.payment.created.v1";

/// A sandbox with one registration at Vipps.
fn shell(test: &str) -> Shell {
    let shell = Shell::start(Sandbox::builder().seed(1), "tables", test, &[]);
    let create = ["create", "--url", URL, "--events", EVENTS, "--save-secret", "secret.txt"];
    let done = shell.done(hooks(&shell, &create));
    assert_eq!(done.status, 0, "{}", done.err);
    shell
}

fn hooks(shell: &Shell, arguments: &[&str]) -> Command {
    let own = ["hooks", "vipps", "--credentials-file", "vipps.json"];
    shell.command("vipps", &[&own[..2], arguments, &own[2..]].concat())
}

/// What a command shows on a terminal of this width, by `script` of util-linux; `None` where it is not installed.
fn on_a_terminal(command: &Command, width: usize) -> Option<String> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
    let mut script = Command::new("script");
    script.args(["-qec", &format!("stty cols {width} rows 24; exec {}", words.join(" ")), "/dev/null"]);
    script.env("SHELL", "/bin/sh").env_remove("COLUMNS").stdin(Stdio::null()).stdout(Stdio::piped());
    script.current_dir(command.get_current_dir().unwrap_or(std::path::Path::new(".")));
    let output = script.output().ok()?;
    Some(String::from_utf8(output.stdout).unwrap().replace('\r', ""))
}

#[test]
fn a_list_in_a_cell_is_not_json() {
    let shell = shell("cells");
    let done = shell.done(hooks(&shell, &["list"]));
    assert!(done.out.contains(&EVENTS.replace(',', ", ")), "{}", done.out);
    assert!(!done.out.contains(['[', '{', '"']), "{}", done.out);
}

#[test]
fn a_table_that_fits_is_wrapped_between_words() {
    let call = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    let mut list = call;
    list.args(["call", "mypos"]);
    let piped = run(&["call", "mypos"]).out;
    let Some(shown) = on_a_terminal(&list, 100) else { return };
    assert!(shown.lines().all(|line| line.chars().count() <= 100), "{shown}");
    assert!(shown.lines().count() > piped.lines().count(), "{shown}");
    for word in piped.split_whitespace() {
        assert!(shown.split_whitespace().any(|shown| shown == word), "{word}: {shown}");
    }
}

#[test]
fn a_table_that_does_not_fit_is_one_record_after_the_other() {
    let shell = shell("records");
    let list = hooks(&shell, &["list"]);
    let Some(narrow) = on_a_terminal(&list, 70) else { return };
    let lines: Vec<_> = narrow.lines().collect();
    assert!(lines.iter().any(|line| line.starts_with("url ") && line.ends_with(URL)), "{narrow}");
    assert!(!narrow.contains("URL  "), "{narrow}");
    let Some(wide) = on_a_terminal(&list, 250) else { return };
    let header: Vec<_> = wide.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["ID", "URL", "EVENTS"], "{wide}");
}

#[test]
fn a_pipe_has_one_line_for_each_item() {
    let shell = shell("pipe");
    let done = feed(hooks(&shell, &["list"]), b"");
    assert_eq!(done.out.lines().count(), 2, "{}", done.out);
}

/// Every line that has a space to break at fits. The minimum width is 60.
#[test]
fn lists_and_usage_are_as_wide_as_the_terminal() {
    let calls: [&[&str]; 7] = [
        &["schema", "vipps"],
        &["example", "vipps"],
        &["example", "mipos", "create_webhook.409"],
        &["call", "vipps"],
        &["demo"],
        &["hooks", "vipps", "create", "--help"],
        &["hooks", "vipps", "create"],
    ];
    for call in calls {
        let mut lines = Vec::new();
        for width in [40, 80, 200] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
            command.args(call);
            let Some(shown) = on_a_terminal(&command, width) else { return };
            let shown = anstream::adapter::strip_str(&shown).to_string();
            lines.push(shown.lines().count());
            // The JSON of an example is shown as it is.
            for line in shown.lines().filter(|line| !line.trim_start().starts_with(['"', '{', '}', '['])) {
                let long = line.split_whitespace().map(|word| word.chars().count()).max().unwrap_or_default();
                let most = width.max(60).max(long + 45);
                assert!(line.chars().count() <= most, "{call:?} at {width}: {line}");
            }
        }
        assert!(lines.is_sorted_by(|one, other| one >= other), "{call:?}: {lines:?}");
        assert!(lines.first() > lines.last(), "{call:?}: {lines:?}");
    }
}

#[test]
fn an_object_in_a_record_is_shown_by_its_id() {
    let shell = Shell::start(Sandbox::builder().seed(1), "tables", "objects", &[]);
    shell.write("key.txt", "a-secret-of-sixteen");
    let mypos = |arguments: &[&str]| {
        let done = shell.done(
            shell.command("mypos", &[&["hooks", "mypos"], arguments, &["--credentials-file", "mypos.json"]].concat()),
        );
        assert_eq!(done.status, 0, "{}", done.err);
        done.out
    };
    let events = "pos.payment.completed,pos.payment.failed";
    let create = ["create", "--payload-url", "https://a.test", "--secret-file", "key.txt", "--events", events];
    let created = mypos(&create);
    let id = &shell.sandbox.registrations("mypos").unwrap()[0].id;
    for shown in [created.clone(), mypos(&["subscriptions"])] {
        let mut lines = shown.lines().skip_while(|line| !line.starts_with("ID "));
        let header: Vec<_> = lines.next().unwrap().split_whitespace().collect();
        assert_eq!(header, ["ID", "CREATED_ON", "EVENT", "HOOK"], "{shown}");
        for event in events.split(',') {
            let line = lines.next().unwrap();
            assert!(line.contains(event) && line.ends_with(id.as_str()), "{shown}");
        }
    }
    assert_eq!(created.matches("EVENT").count(), 1, "one table: {created}");
}
