//! The README shows the actual output of the command line.

use std::fs;
use std::path::Path;
use std::process::Command;

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
fn the_readme_shows_what_lint_prints() {
    let readme = include_str!("../../README.md");
    let (_, section) = readme.split_once("\n## Your own specification on the command line\n").unwrap();
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
