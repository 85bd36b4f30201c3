//! Runs the binary.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;

use pos_webhooks::PROVIDERS;

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    // What would change the look of the help.
    command.args(arguments).env_remove("COLUMNS").env_remove("CLICOLOR_FORCE").env_remove("POS_WEBHOOKS_SPECS");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

pub struct Done {
    pub status: i32,
    pub out: String,
    pub err: String,
}

/// Runs the binary to its end with this standard input. Checks that it does not panic.
pub fn feed(mut command: Command, input: &[u8]) -> Done {
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let Output { status, stdout, stderr } = thread::scope(|scope| {
        // It may end before it has read everything.
        scope.spawn(move || _ = stdin.write_all(input));
        child.wait_with_output().unwrap()
    });
    let done = Done {
        status: status.code().expect("ended by a signal"),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    };
    assert!(!done.err.contains("panicked"), "{}", done.err);
    done
}

#[allow(dead_code, reason = "not every test needs it")]
pub fn run(arguments: &[&str]) -> Done {
    feed(command(arguments), b"")
}

/// A directory of a test's own.
#[allow(dead_code, reason = "not every test needs one")]
pub fn directory(test: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli").join(test);
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// A text without its parts about providers that are not in the snapshots.
#[allow(dead_code, reason = "not every test has snapshots")]
pub fn of_shown(text: &str) -> String {
    let shown = ["dealpos", "mipos", "mypos", "vipps"];
    let others: Vec<&str> =
        PROVIDERS.iter().map(|provider| provider.name).filter(|name| !shown.contains(name)).collect();
    if others.is_empty() {
        return text.to_owned();
    }
    // The option of the providers with several test servers.
    let text = text.replace("      --server <NAME>\n          Call the documented server of this name\n\n", "");
    let is_option = |line: &&str| !line.trim_start().starts_with("--server <NAME>");
    let text: String = text.split_inclusive('\n').filter(is_option).collect();
    others.into_iter().fold(unwrapped(&text), |text, other| {
        let text = text.replace(&format!("{other}, "), "").replace(&format!(", {other}]"), "]");
        let indent = |line: &str| line.len() - line.trim_start().len();
        let variables = format!("POS_WEBHOOKS_{}_", other.to_ascii_uppercase());
        let mut item = None;
        let lines = text.split_inclusive('\n').filter(|line| {
            let name = line.trim_start().trim_start_matches("- ").split([' ', ':']).next();
            if name == Some(other) || line.trim_start().starts_with(&variables) {
                item = Some(indent(line));
            } else if item.is_some_and(|item| line.trim().is_empty() || indent(line) <= item) {
                item = None;
            }
            item.is_none()
        });
        lines.collect()
    })
}

/// The text with each list of providers on one line.
fn unwrapped(text: &str) -> String {
    let mut lists = text.split("[possible values:");
    let mut unwrapped = lists.next().unwrap_or_default().to_owned();
    for list in lists {
        let (list, rest) = list.split_once(']').unwrap();
        let on_one_line = list.split_whitespace().fold(String::new(), |line, word| line + " " + word);
        let list = if list.contains("dealpos") { &on_one_line } else { list };
        unwrapped += &format!("[possible values:{list}]{rest}");
    }
    unwrapped
}
