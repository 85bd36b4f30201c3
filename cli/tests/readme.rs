//! The README and the documentation show the actual output of the command line, and their commands work.

#[path = "cli/run.rs"]
mod run;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use run::{command, directory, feed};

#[test]
fn the_readme_shows_what_validate_prints() {
    let readme = include_str!("../../README.md");
    let (_, after) = readme.split_once("```sh\ncargo run -- validate ").unwrap();
    let (arguments, after) = after.split_once("```\n\n```text\n").unwrap();
    let (shown, _) = after.split_once("```").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
    command.arg("validate").args(arguments.split_whitespace());
    let output = command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), shown);
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(1), &b""[..]));
}

#[test]
fn the_documentation_shows_what_lint_prints() {
    let page = include_str!("../../docs/own-provider.md");
    let (_, section) = page.split_once("\n## Your own specification on the command line\n").unwrap();
    let (_, shown) = section.split_once("```text\n").unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    fs::create_dir_all(&folder).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pos-webhooks"));
        command.args(arguments).current_dir(&folder).output().unwrap()
    };
    let document = String::from_utf8(run(&["init", "acme", "--output", "-"]).stdout).unwrap();
    fs::write(folder.join("acme.yaml"), document.replacen("\n  header: ", "\n  headr: ", 1)).unwrap();
    let output = run(&["lint", "acme.yaml"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), shown.split_once("```").unwrap().0);
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(1), &b""[..]));
}

/// The commands of a shell in Markdown.
fn shell_blocks(page: &str) -> impl Iterator<Item = &str> {
    page.split("```sh\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0))
}

/// The blocks that `.ci/run` runs, and the one that installs the program.
const ELSEWHERE: [&str; 3] = ["cargo run -- demo\n", "cargo test\n", "cargo install --locked --path cli\n"];

/// `cargo run --` is the program itself; the address of `try` is that of the one that this test has started.
#[test]
fn every_shell_block_of_the_readme_works() {
    let folder = directory("readme-blocks");
    let _ = fs::remove_file(folder.join("acme.yaml"));
    let binary = env!("CARGO_BIN_EXE_pos-webhooks");
    let mut tried = command(&["try", "vipps", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tried.stdout.take().unwrap()).lines().map(Result::unwrap);
    let page = lines.find_map(|line| Some(line.strip_prefix("Page")?.trim().split_once("/#")?.0.to_owned())).unwrap();
    let search = format!("{}:{}", Path::new(binary).parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut run = Vec::new();
    for block in shell_blocks(include_str!("../../README.md")).filter(|block| !ELSEWHERE.contains(block)) {
        let script = block.replace("cargo run --", "pos-webhooks").replace("http://127.0.0.1:4010", &page);
        // It runs until it is interrupted.
        let script = script.replace("pos-webhooks try", "timeout --preserve-status -s INT 5 pos-webhooks try");
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &script]).env("PATH", &search).env("POS_WEBHOOKS_SANDBOX", &page);
        let of_repository = block.contains("examples/");
        shell.current_dir(if of_repository { Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")) } else { &folder });
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let done = feed(shell, b"");
        // One of the two payloads is not valid.
        let expected = i32::from(block.contains("broken.json"));
        assert_eq!(done.status, expected, "{script}: {}{}", done.out, done.err);
        run.push(block);
    }
    tried.kill().unwrap();
    tried.wait().unwrap();
    assert_eq!(run.len(), 5, "{run:?}");
}

#[test]
fn the_readme_is_short() {
    let lines = include_str!("../../README.md").lines().count();
    assert!(lines < 250, "{lines}");
}

/// Files that a page refers to are there.
#[test]
fn links_between_pages_work() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut pages = vec![root.join("README.md")];
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    pages.extend(docs.filter(|path| path.extension().is_some_and(|extension| extension == "md")));
    let anchor = |title: &str| -> String {
        let kept = title.to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    };
    let mut count = 0;
    for page in &pages {
        let text = fs::read_to_string(page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0)) {
            if link.contains("://") || link.contains(' ') {
                continue;
            }
            let (file, part) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { page.parent().unwrap().join(file) };
            assert!(target.exists(), "{}: {link}", page.display());
            if !part.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                let titles = text.lines().filter(|line| line.starts_with('#'));
                let found = titles.map(|title| anchor(title.trim_start_matches('#').trim())).any(|title| title == part);
                assert!(found, "{}: {link}", page.display());
            }
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}
