//! `hooks … create` says where the secret is, and which `listen` receives the events.

#[path = "cli/run.rs"]
mod run;
#[path = "cli/shell.rs"]
mod shell;

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use pos_webhooks::sandbox::{Sandbox, Trigger};

use crate::run::{Done, command, feed};
use crate::shell::Shell;

impl Shell {
    fn create(&self, provider: &str, options: &[&str]) -> Done {
        let file = format!("{provider}.json");
        let create = ["hooks", provider, "create", "--credentials-file", &file];
        let done = self.done(self.command(provider, &[&create, options].concat()));
        assert_eq!(done.status, 0, "{}", done.err);
        done
    }

    /// Checks that the program accepts the command: it only fails because nobody has this address.
    fn assert_listens(&self, line: &str) {
        let arguments: Vec<_> = line.split(' ').skip(1).chain(["--listen", "192.0.2.1:1"]).collect();
        let mut listen = command(&arguments);
        listen.current_dir(&self.directory);
        let done = feed(listen, b"");
        assert!(done.status == 2 && done.err.contains("192.0.2.1:1: "), "{line}: {}", done.err);
    }
}

/// The command at the end of the output.
fn next(done: &Done) -> &str {
    let line = done.out.lines().last().unwrap();
    line.strip_prefix("  ").unwrap_or_else(|| panic!("{}", done.out))
}

fn shell(test: &str) -> Shell {
    let shell = Shell::start(Sandbox::builder().seed(1), "next step", test, &[]);
    shell.write("key.txt", "a-secret-of-sixteen");
    shell
}

#[test]
fn the_command_has_the_file_of_the_secret_and_what_the_provider_signs() {
    let shell = shell("saved");
    let url = "https://a.test/hooks";
    let events = "epayments.payment.captured.v1";
    let done = shell.create("vipps", &["--url", url, "--events", events, "--save-secret", "secret.txt"]);
    assert!(done.out.contains("\nThe secret is in secret.txt. To receive the events:\n"), "{}", done.out);
    assert_eq!(next(&done), format!("pos-webhooks listen vipps --secret-file secret.txt --url {url}"));
    shell.assert_listens(next(&done));

    let done = shell.create("mypos", &["--payload-url", url, "--secret-file", "key.txt", "--events", "all"]);
    assert_eq!(next(&done), "pos-webhooks listen mypos --secret-file key.txt");
    shell.assert_listens(next(&done));

    let done = shell.create("mipos", &["--url", url, "--type", "ORDER"]);
    assert_eq!(next(&done), "pos-webhooks listen mipos --secret-file FILE --event ORDER");
}

#[test]
fn the_printed_command_receives_what_is_delivered() {
    for provider in ["mipos", "mypos", "vipps"] {
        let shell = shell(&format!("received-{provider}"));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://localhost:{port}/hooks");
        let done = match provider {
            // Without --type, which has a documented default.
            "mipos" => shell.create(provider, &["--url", &url]),
            "mypos" => {
                let events = "pos.payment.completed,pos.payment.failed";
                shell.create(provider, &["--payload-url", &url, "--secret-file", "key.txt", "--events", events])
            }
            _ => {
                let events = "epayments.payment.captured.v1";
                shell.create(provider, &["--url", &url, "--events", events, "--save-secret", "secret.txt"])
            }
        };
        assert!(next(&done).contains(&format!(" --listen 127.0.0.1:{port}")), "{}", next(&done));
        let registered = &shell.sandbox.registrations(provider).unwrap()[0];
        shell.write("FILE", registered.secret.expose());
        let line = next(&done).replacen("pos-webhooks", &format!("exec '{}'", env!("CARGO_BIN_EXE_pos-webhooks")), 1);
        let mut listen = Command::new("sh");
        listen.args(["-c", &line]).current_dir(&shell.directory).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut listen = listen.spawn().unwrap();
        let mut log = BufReader::new(listen.stderr.take().unwrap()).lines();
        assert!(log.any(|line| line.unwrap().contains("listening")), "{line}");
        std::thread::spawn(move || log.for_each(drop));
        let event = registered.events[0].as_str();
        let attempts = shell.runtime.block_on(shell.sandbox.deliver(provider, Trigger::new(event).max_attempts(1)));
        let attempts = attempts.unwrap();
        let is_received = attempts[0].is_acknowledged();
        listen.kill().unwrap();
        listen.wait().unwrap();
        assert!(is_received, "{line}: {attempts:?}");
    }
}

#[test]
fn the_addresses_of_this_machine_are_listened_on() {
    let shell = shell("addresses");
    for (url, listened) in [
        ("http://127.0.0.1:8000/hooks", Some(" --listen 127.0.0.1:8000")),
        ("http://[::1]:8000/hooks", Some(" --listen [::1]:8000")),
        // `listen` does not have TLS, so that something else receives it.
        ("https://localhost:8443/hooks", None),
        ("http://shop.example:8000/hooks", None),
    ] {
        let done = shell.create("mipos", &["--url", url]);
        let listens = next(&done).contains("--listen");
        assert_eq!(listens, listened.is_some(), "{}", next(&done));
        assert!(next(&done).contains(listened.unwrap_or_default()), "{}", next(&done));
    }
}

#[test]
fn a_secret_that_is_shown_has_to_be_saved() {
    let shell = shell("shown");
    let create = ["--url", "https://a.test", "--events", "epayments.payment.captured.v1", "--show-secrets"];
    let file = ["hooks", "vipps", "create", "--credentials-file", "vipps.json"];
    let done = feed(shell.command("vipps", &[&file[..], &create].concat()), b"");
    assert!(done.out.contains("\nThe secret is in the response; save it to a file. "), "{}", done.out);
}

#[test]
fn a_chosen_secret_from_standard_input_has_to_be_saved() {
    let shell = shell("chosen");
    let create = ["hooks", "mypos", "create", "--credentials-file", "mypos.json", "--payload-url", "https://a.test"];
    let done = feed(shell.command("mypos", &[&create[..], &["--secret-file", "-"]].concat()), b"a-secret-of-sixteen");
    assert!(done.status == 0 && done.out.contains("\nSave the secret to a file. "), "{}{}", done.out, done.err);
    assert_eq!(next(&done), "pos-webhooks listen mypos --secret-file FILE");
}

#[test]
fn a_file_name_is_quoted_for_the_shell() {
    let shell = shell("quoted");
    let create = ["--url", "https://a.test", "--events", "epayments.payment.captured.v1", "--save-secret", "my secret"];
    assert!(next(&shell.create("vipps", &create)).contains(" --secret-file 'my secret' "));
}

#[test]
fn json_for_a_program_has_nothing_beside_it() {
    let shell = shell("json");
    let create = ["--url", "https://a.test", "--events", "epayments.payment.captured.v1", "--save-secret", "s.txt"];
    let done = shell.create("vipps", &[&create[..], &["--format", "json"]].concat());
    assert_eq!((done.out.lines().count(), done.err.as_str()), (1, ""));
}
