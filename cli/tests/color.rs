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

/// What people read first has the color of success or of failure.
#[test]
fn a_state_has_its_color() {
    let (green, red) = ("\u{1b}[32m", "\u{1b}[1m\u{1b}[31m");
    let example = run(&["example", "vipps", "epayments.payment.captured.v1"]).out;
    let spec = run(&["spec", "vipps"]).out;
    let name = ["validate", "vipps", "epayments.payment.captured.v1"];
    let to = ["trigger", "vipps", "epayments.payment.captured.v1", "--to", "http://127.0.0.1:9", "--secret-file"];
    let folder = run::directory("color");
    let (secret, headers) = (folder.join("secret.txt"), folder.join("headers.txt"));
    std::fs::write(&secret, "c2VjcmV0").unwrap();
    let secret = secret.to_str().unwrap();
    let sign = ["sign", "mypos", "--event", "pos.payment.completed", "--secret-file", secret];
    std::fs::write(&headers, feed(command(&sign), b"{}").out).unwrap();
    let verify = ["verify", "mypos", "--secret-file", secret, "--headers", headers.to_str().unwrap()];
    for (call, input, expected) in [
        (&name[..], example.as_str(), format!("{green}valid")),
        (&[&name[..], &["--ndjson"]].concat(), "{}", format!("{red}1 invalid")),
        (&["lint", "-"], &spec, format!("{green}no findings")),
        (&["lint", "-"], "openapi: 3.0.3", red.to_owned()),
        (&[&to[..], &[secret]].concat(), "", format!("{red}no response")),
        (&verify, "{}", format!("{green}verified")),
        (&verify, "{} ", format!("{red}refused")),
    ] {
        let colored = feed(command(&[&["--color=always"], call].concat()), input.as_bytes());
        assert!(colored.out.contains(&expected), "{call:?}: {:?}{}", colored.out, colored.err);
        let plain = feed(command(call), input.as_bytes());
        assert!(!plain.out.contains(COLORED), "{call:?}: {:?}", plain.out);
        assert_eq!(anstream::adapter::strip_str(&colored.out).to_string(), plain.out, "{call:?}");
    }
}
