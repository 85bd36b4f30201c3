//! `--sandbox URL` stands for the base URL and the credentials, and the environment can have the base URL.

#[path = "cli/run.rs"]
mod run;
#[path = "cli/shell.rs"]
mod shell;

use std::net::TcpListener;

use pos_webhooks::PROVIDERS;
use pos_webhooks::sandbox::Sandbox;
use serde_json::Value;

use crate::run::{Done, command, feed};
use crate::shell::Shell;

/// A sandbox, and its address.
fn start(test: &str) -> (Shell, String) {
    let shell = Shell::start(Sandbox::builder().seed(1), "sandbox option", test, &[]);
    let address = shell.sandbox.url().to_owned();
    (shell, address)
}

fn at(shell: &Shell, arguments: &[&str]) -> Done {
    let mut command = command(arguments);
    command.current_dir(&shell.directory);
    shell.done(command)
}

#[test]
fn every_provider_is_called_with_the_address_alone() {
    let (shell, address) = start("calls");
    for provider in PROVIDERS.iter().filter(|provider| provider.registration.is_some()) {
        let list = at(&shell, &["hooks", provider.name, "list", "--sandbox", &address, "--format", "json"]);
        assert_eq!((list.status, list.err.as_str()), (0, ""), "{}", provider.name);
        serde_json::from_str::<Value>(&list.out).unwrap();
        let operation = provider.registration.as_ref().unwrap().list.as_ref().unwrap().operation;
        let call = at(&shell, &["call", provider.name, operation, "--sandbox", &address]);
        assert_eq!((call.status, call.err.as_str()), (0, ""), "{}", provider.name);
    }
    for provider in PROVIDERS.iter().filter(|provider| !provider.grants().is_empty()) {
        let token = at(&shell, &["token", provider.name, "--sandbox", &format!("{address}/")]);
        assert_eq!((token.status, token.err.as_str()), (0, ""), "{}", provider.name);
    }
}

#[test]
fn what_is_suggested_next_has_the_option() {
    let (shell, address) = start("next");
    shell.write("key.txt", "a-secret-of-sixteen");
    let create = ["hooks", "mypos", "create", "--payload-url", "https://a.test", "--secret-file", "key.txt"];
    let done = at(&shell, &[&create[..], &["--sandbox", &address]].concat());
    assert!(done.err.contains(&format!(" --events EVENT --sandbox {address}`")), "{}", done.err);
}

#[test]
fn an_address_without_a_sandbox_is_an_error_that_says_how_to_start_one() {
    let (shell, _) = start("nobody");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    for (url, expected) in [
        (address.as_str(), "`pos-webhooks sandbox --listen ADDRESS` starts one"),
        ("127.0.0.1", "give an address such as http://127.0.0.1:4010"),
    ] {
        let done = at(&shell, &["hooks", "vipps", "list", "--sandbox", url]);
        assert_eq!((done.status, done.out.as_str()), (2, ""));
        assert!(done.err.contains(expected), "{}", done.err);
    }
}

#[test]
fn another_server_and_other_credentials_are_conflicts() {
    for option in [&["--base-url", "http://127.0.0.1:1"][..], &["--test"], &["--credentials-file", "c.json"]] {
        let call = [&["hooks", "vipps", "list", "--sandbox", "http://127.0.0.1:1"], option].concat();
        let done = feed(command(&call), b"");
        assert!(done.status == 2 && done.err.contains("cannot be used with"), "{option:?}: {}", done.err);
    }
}

#[test]
fn the_base_url_can_be_in_the_environment() {
    let (shell, _) = start("environment");
    let list = ["hooks", "vipps", "list", "--credentials-file", "vipps.json", "--format", "json"];
    let with = |arguments: &[&str], url: &str| {
        let mut command = command(arguments);
        command.current_dir(&shell.directory).env("POS_WEBHOOKS_VIPPS_BASE_URL", url);
        shell.done(command)
    };
    let done = with(&list, shell.base_url("vipps"));
    assert_eq!((done.status, done.err.as_str()), (0, ""), "{}", done.out);
    // The option takes precedence.
    let done = with(&[&list[..], &["--base-url", shell.base_url("vipps")]].concat(), "http://127.0.0.1:1");
    assert_eq!((done.status, done.err.as_str()), (0, ""), "{}", done.out);
}
