//! `pos-webhooks init` writes a document that passes `lint` and `demo`, and that never overwrites another one.

#[path = "cli/run.rs"]
mod run;

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{Done, command, directory, feed};

fn folder(test: &str) -> PathBuf {
    let folder = directory("init").join(test);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn run_in(folder: &Path, arguments: &[&str]) -> Done {
    let mut command = command(arguments);
    command.current_dir(folder);
    feed(command, b"")
}

#[test]
fn the_document_is_written_and_the_next_commands_pass() {
    for name in ["acme", "acme_pay", "my_acme", "market_pay_2", "x3ds", "type_"] {
        let folder = folder(name);
        let done = run_in(&folder, &["init", name]);
        assert_eq!((done.status, done.err.as_str()), (0, ""), "{name}");
        let commands: Vec<Vec<&str>> = done
            .out
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("pos-webhooks "))
            .map(|line| line.split("  ").next().unwrap().split(' ').collect())
            .collect();
        let file = format!("{name}.yaml");
        assert_eq!(commands, [vec!["lint", &file], vec!["demo", "--spec", &file]], "{}", done.out);
        for command in commands {
            let done = run_in(&folder, &command);
            assert_eq!((done.status, done.err.as_str()), (0, ""), "{name} {command:?}: {}", done.out);
            assert!(done.out.contains(name) || done.out == "no findings in 1 document\n", "{name}: {}", done.out);
        }
        let steps = run_in(&folder, &["demo", "--format", "json", "--spec", &file]).out;
        let of_provider = format!("{{\"provider\":\"{name}\",");
        let ok = steps.lines().filter(|line| line.starts_with(&of_provider) && line.contains("\"result\":\"ok\""));
        assert_eq!(ok.count(), 5, "register, list, deliver, tamper and delete: {steps}");
        let sources = run_in(&folder, &["spec", name, "--sources", "--spec", &file]).out;
        let today = jiff::Timestamp::now().to_string();
        assert!(sources.contains(&today[..7]), "{sources}");
        let help = run_in(&folder, &["hooks", name, "create", "--help", "--spec", &file]).out;
        assert!(help.contains(&format!("POS_WEBHOOKS_{}_TOKEN", name.to_uppercase())), "{help}");
    }
}

#[test]
fn nothing_is_overwritten() {
    let folder = folder("again");
    fs::write(folder.join("acme.yaml"), "mine").unwrap();
    let done = run_in(&folder, &["init", "acme"]);
    assert_eq!((done.status, done.out.as_str()), (2, ""));
    assert_eq!(done.err, "error: acme.yaml: the file exists already, and is not overwritten\n");
    assert_eq!(fs::read_to_string(folder.join("acme.yaml")).unwrap(), "mine");
}

#[test]
fn the_output_is_a_file_of_that_name_a_directory_or_standard_output() {
    let folder = folder("output");
    fs::create_dir(folder.join("specs")).unwrap();
    let done = run_in(&folder, &["init", "acme", "--output", "specs"]);
    assert!(done.status == 0 && done.out.contains("pos-webhooks lint specs/acme.yaml"), "{}", done.err);
    let written = fs::read_to_string(folder.join("specs/acme.yaml")).unwrap();
    assert_eq!(run_in(&folder, &["init", "acme", "--output", "-"]).out, written);
    let done = run_in(&folder, &["init", "acme", "--output", "acme.yml"]);
    assert_eq!((done.status, fs::read_to_string(folder.join("acme.yml")).unwrap()), (0, written));
    let done = run_in(&folder, &["init", "acme", "--output", "other.yaml"]);
    assert!(done.status == 2 && done.err.contains("write to a file acme.yaml"), "{}", done.err);
    let done = run_in(&folder, &["init", "acme", "--output", "missing/acme.yaml"]);
    assert!(done.status == 2 && done.err.starts_with("error: missing/acme.yaml: "), "{}", done.err);
    for name in ["Acme", "acme-pay", "type", "3ds", ""] {
        let done = run_in(&folder, &["init", name]);
        assert!(done.status == 2 && done.err.contains("a name in snake case is expected"), "{name}: {}", done.err);
    }
    assert!(!folder.join("other.yaml").exists());
}
