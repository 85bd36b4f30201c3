//! `--color` decides for every command whether the output has colors, over what the environment asks for.

#[path = "cli/run.rs"]
mod run;

use crate::run::{Done, command, feed, run};

const COLORED: &str = "\u{1b}[";

fn with(environment: &[(&str, &str)], arguments: &[&str]) -> Done {
    let mut command = command(arguments);
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
        command.env_remove(name);
    }
    command.envs(environment.iter().copied());
    feed(command, b"")
}

/// The help, an error of the parser, the log, and the table of `demo`.
const CALLS: [&[&str]; 5] = [
    &["--help"],
    &["hooks", "vipps", "create", "--help"],
    &["schema", "nobody"],
    // This address belongs to no machine, so the program ends.
    &["listen", "dealpos", "--accept-unsigned", "--listen", "192.0.2.1:1"],
    &["demo"],
];

#[test]
fn colors_are_as_the_option_says() {
    for call in CALLS {
        let is_colored = |environment: &[(&str, &str)], option: &[&str]| {
            let before = with(environment, &[option, call].concat());
            let after = with(environment, &[call, option].concat());
            let [before, after] = [before, after].map(|done| format!("{}{}", done.out, done.err).contains(COLORED));
            assert_eq!(before, after, "{call:?} {option:?}");
            before
        };
        assert!(!is_colored(&[], &[]), "{call:?}");
        assert!(is_colored(&[], &["--color", "always"]), "{call:?}");
        assert!(is_colored(&[("NO_COLOR", "1")], &["--color=always"]), "{call:?}");
        assert!(!is_colored(&[], &["--color", "auto"]), "{call:?}");
        assert!(is_colored(&[("CLICOLOR_FORCE", "1")], &["--color=auto"]), "{call:?}");
        assert!(!is_colored(&[("CLICOLOR_FORCE", "1")], &["--color=never"]), "{call:?}");
    }
}

#[test]
fn another_value_is_an_error_that_lists_the_values() {
    for call in [&["--color", "sometimes", "demo"][..], &["demo", "--color=sometimes"]] {
        let done = run(call);
        assert_eq!(done.status, 2);
        assert!(done.err.contains("'sometimes' for '--color <WHEN>'"), "{}", done.err);
        assert!(done.err.contains("[possible values: auto, always, never]"), "{}", done.err);
    }
}
