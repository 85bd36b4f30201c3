//! What the README shows of the command line is what it prints.

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
