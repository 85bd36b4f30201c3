//! `completions SHELL` prints a script with which the shell completes commands, options and names.

#[path = "cli/run.rs"]
mod run;

use std::fs;
use std::process::{Command, Stdio};

use crate::run::{command, directory, feed, run};

const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// The words that bash offers for the last of these words.
fn offered(script: &str, words: &str) -> Vec<String> {
    let program = format!(
        "{script}\nCOMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n\
         $(complete -p pos-webhooks | sed 's/.*-F \\([^ ]*\\).*/\\1/') pos-webhooks \
         \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"\nprintf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let mut bash = Command::new("bash");
    // The script is longer than an argument may be.
    bash.args(["--norc", "-s"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let done = feed(bash, program.as_bytes());
    assert_eq!((done.status, done.err.as_str()), (0, ""), "{words}");
    done.out.lines().map(str::to_owned).collect()
}

#[test]
fn every_script_has_the_commands_and_the_providers() {
    for shell in SHELLS {
        let done = run(&["completions", shell]);
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{shell}");
        for name in ["listen", "mypos", "secret-file"] {
            assert!(done.out.contains(name), "{shell}: {name}");
        }
    }
    let done = run(&["completions", "csh"]);
    assert_eq!(done.status, 2);
    assert!(done.err.contains(&format!("[possible values: {}]", SHELLS.join(", "))), "{}", done.err);
}

#[test]
fn bash_completes_commands_options_and_providers() {
    if Command::new("bash").arg("--version").output().is_err() {
        return;
    }
    let script = run(&["completions", "bash"]).out;
    assert_eq!(offered(&script, "pos-webhooks li"), ["listen", "lint"]);
    assert_eq!(offered(&script, "pos-webhooks verify my"), ["mypos"]);
    assert_eq!(offered(&script, "pos-webhooks hooks vi"), ["vipps"]);
    assert_eq!(offered(&script, "pos-webhooks hooks vipps cr"), ["create"]);
    assert!(offered(&script, "pos-webhooks listen mypos --secret").contains(&"--secret-file".to_owned()));
}

#[test]
fn a_provider_of_a_document_is_completed() {
    if Command::new("bash").arg("--version").output().is_err() {
        return;
    }
    let folder = directory("completions");
    fs::write(folder.join("acme.yaml"), run(&["init", "acme", "--output", "-"]).out).unwrap();
    let mut command = command(&["completions", "bash"]);
    command.current_dir(&folder).env("POS_WEBHOOKS_SPECS", "acme.yaml");
    let script = feed(command, b"").out;
    assert_eq!(offered(&script, "pos-webhooks verify ac"), ["acme"]);
}
