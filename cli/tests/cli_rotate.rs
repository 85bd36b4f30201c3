//! `hooks PROVIDER rotate` of the binary replaces a webhook, and says after every failure what exists and what to do.

#[path = "cli/run.rs"]
mod run;
#[path = "cli/shell.rs"]
mod shell;

use std::fs;

use pos_webhooks::sandbox::{AnswerFault, Fault, Registration, Sandbox};
use pos_webhooks::vipps::{self, models::RegisterWebhook};
use serde_json::{Value, json};

use crate::run::{Done, of_shown, run};
use crate::shell::Shell;

const UNKNOWN_ID: &str = "6217960c-2a2e-4188-9025-af11abf47d5e";

impl Shell {
    /// With a webhook, whose id is returned as well.
    fn new(test: &str) -> (Self, String) {
        let shell = Self::start(Sandbox::builder(), "rotate", test, &[]);
        let events = vec!["epayments.payment.captured.v1".to_owned(), "epayments.payment.refunded.v1".to_owned()];
        let webhook = RegisterWebhook { url: "http://127.0.0.1:9/hooks".to_owned(), events };
        let client: vipps::Client = shell.sandbox.client().unwrap();
        let old = shell.runtime.block_on(client.register_webhook(&webhook)).unwrap().id;
        (shell, old)
    }

    /// `hooks vipps rotate …` at the sandbox. Whatever happens, no secret is shown.
    fn rotate(&self, arguments: &[&str]) -> Done {
        let arguments = [&["hooks", "vipps", "rotate", "--credentials-file", "vipps.json"][..], arguments].concat();
        let done = self.done(self.command("vipps", &arguments));
        for registration in self.registrations() {
            let is_shown = format!("{}{}", done.out, done.err).contains(registration.secret.expose());
            assert!(!is_shown, "{}{}", done.out, done.err);
        }
        done
    }

    /// A command that the output says to run, with its placeholder replaced.
    fn run_next(&self, said: &str, after: &str, file: &str) -> Done {
        let (_, command) = said.split_once(after).unwrap_or_else(|| panic!("{after:?} is not in {said:?}"));
        let command = command.lines().next().unwrap().trim().trim_end_matches('.');
        let (_, arguments) = command.split_once("pos-webhooks hooks vipps rotate ").unwrap();
        let (arguments, target) = arguments.split_once(" --base-url ").unwrap();
        assert_eq!(target, format!("{} --credentials-file vipps.json", self.base_url("vipps")));
        let arguments: Vec<_> = arguments.split(' ').map(|word| if word == "FILE" { file } else { word }).collect();
        self.rotate(&arguments)
    }

    fn registrations(&self) -> Vec<Registration> {
        self.sandbox.registrations("vipps").unwrap()
    }

    fn ids(&self) -> Vec<String> {
        self.registrations().into_iter().map(|registration| registration.id).collect()
    }

    fn file(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.directory.join(name)).ok()
    }

    fn fault(&self, operation: &str, fault: AnswerFault, times: u64) {
        let fault = Fault::from(fault).provider("vipps").operation(operation).times(times);
        self.runtime.block_on(async { self.sandbox.fault(fault) }).unwrap();
    }
}

#[test]
fn a_webhook_is_registered_anew_and_the_old_one_deleted_by_the_command_that_is_printed() {
    let (shell, old) = Shell::new("two-steps");
    let done = shell.rotate(&[&old, "--save-secret", "new.txt"]);
    assert_eq!((done.status, done.err.as_str()), (0, ""));
    let [old, new] = &shell.registrations()[..] else { panic!("{}", done.out) };
    assert_eq!(shell.file("new.txt"), Some(format!("{}\n", new.secret.expose())));
    assert_eq!((&new.url, &new.events), (&old.url, &old.events));
    assert!(done.out.contains(&format!("registered as {}", new.id)), "{}", done.out);
    assert!(done.out.contains("--secret-file OLD_FILE --secret-file new.txt"), "{}", done.out);

    let next = shell.run_next(&done.out, "Delete the old registration: ", "");
    assert_eq!((next.status, next.err.as_str()), (0, ""));
    assert_eq!(shell.ids(), [new.id.as_str()]);
    let again = shell.run_next(&done.out, "Delete the old registration: ", "");
    assert_eq!((again.status, again.out), (0, next.out));
}

#[test]
fn both_steps_can_be_one() {
    let (shell, old) = Shell::new("one-step");
    let done = shell.rotate(&[&old, "--save-secret", "new.txt", "--delete-old", "--format", "json"]);
    assert_eq!((done.status, done.err.as_str()), (0, ""));
    let [new] = &shell.ids()[..] else { panic!("{}", done.out) };
    let result: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(result, json!({ "old": old, "new": new, "secret_file": "new.txt", "old_deleted": true }));
}

#[test]
fn after_an_interruption_the_command_says_how_to_go_on() {
    let (shell, old) = Shell::new("interrupted");
    shell.fault("register_webhook", AnswerFault::Reset, 1);
    let done = shell.rotate(&[&old, "--save-secret", "lost.txt"]);
    assert_eq!((done.status, done.out.as_str(), shell.file("lost.txt")), (1, "", None));
    assert!(
        done.err.contains("may have been registered, which this finds: pos-webhooks hooks vipps rotate "),
        "{}",
        done.err
    );

    let found = shell.rotate(&[&old, "--save-secret", "lost.txt"]);
    assert_eq!((found.status, found.out.as_str(), shell.file("lost.txt")), (1, "", None));
    assert_eq!(shell.ids().len(), 2);
    let lost = shell.ids().pop().unwrap();
    let restarted = shell.run_next(&found.err, "If its secret is lost: ", "new.txt");
    assert_eq!((restarted.status, restarted.err.as_str()), (0, ""));
    let [_, new] = &shell.registrations()[..] else { panic!("{}", restarted.out) };
    assert_ne!(new.id, lost);
    assert_eq!(shell.file("new.txt"), Some(format!("{}\n", new.secret.expose())));

    shell.fault("delete_webhook", AnswerFault::Status { status: 500, retry_after_seconds: None }, 1);
    let failed = shell.run_next(&restarted.out, "Delete the old registration: ", "");
    assert_eq!((failed.status, shell.ids().len()), (1, 2));
    assert!(failed.err.contains("could not be deleted"), "{}", failed.err);
    let found = shell.rotate(&[&old, "--save-secret", "other.txt"]);
    let finished = shell.run_next(&found.err, "all receivers accept it: ", "");
    assert_eq!((finished.status, shell.ids()), (0, vec![new.id.clone()]));
}

#[test]
fn the_deletion_that_failed_is_to_be_repeated_with_the_secret_that_was_saved() {
    let (shell, old) = Shell::new("not-deleted");
    shell.fault("delete_webhook", AnswerFault::Status { status: 500, retry_after_seconds: None }, 1);
    let done = shell.rotate(&[&old, "--save-secret", "new.txt", "--delete-old"]);
    assert_eq!((done.status, done.out.as_str()), (1, ""));
    assert!(shell.file("new.txt").is_some() && done.err.contains("its secret is in new.txt"), "{}", done.err);
    let done = shell.run_next(&done.err, &format!("To delete {old}: "), "");
    assert_eq!((done.status, shell.ids().len()), (0, 1));
}

#[test]
fn a_response_that_is_not_as_documented_is_saved() {
    let (shell, old) = Shell::new("undocumented");
    let body = r#"{"id":"0b52e5bd-be1e-42a1-acf2-e331f52c68ac","key":"the new secret"}"#;
    let garbage = AnswerFault::Garbage { body: Some(body.to_owned()), media_type: Some("application/json".to_owned()) };
    shell.fault("register_webhook", garbage, 1);
    let done = shell.rotate(&[&old, "--save-secret", "new.txt"]);
    assert_eq!((done.status, done.out.as_str(), shell.file("new.txt")), (1, "", None));
    assert_eq!(shell.file("new.txt.answer").as_deref(), Some(body));
    assert!(done.err.contains("new.txt.answer") && !done.err.contains("the new secret"), "{}", done.err);
}

#[test]
fn a_response_without_a_secret_is_saved() {
    let (shell, old) = Shell::new("no-secret");
    let body = json!({ "id": UNKNOWN_ID, "secret": "", "key": "the new secret" }).to_string();
    let garbage = AnswerFault::Garbage { body: Some(body.clone()), media_type: Some("application/json".to_owned()) };
    shell.fault("register_webhook", garbage, 1);
    let done = shell.rotate(&[&old, "--save-secret", "new.txt"]);
    assert_eq!((done.status, done.out.as_str(), shell.file("new.txt")), (1, "", None));
    assert_eq!(shell.file("new.txt.answer"), Some(body));
    assert!(
        done.err.contains("The response is in new.txt.answer.") && !done.err.contains("the new secret"),
        "{}",
        done.err
    );
    let next = format!(
        "If it does not contain the secret: pos-webhooks hooks vipps rotate {old} --restart {UNKNOWN_ID} --save-secret FILE"
    );
    assert!(done.err.contains(&next), "{}", done.err);
}

#[test]
fn after_a_restart_that_failed_the_command_says_what_is_deleted_and_how_to_go_on() {
    let status = |status| AnswerFault::Status { status, retry_after_seconds: None };
    for (fault, after) in [(status(403), "Then: "), (AnswerFault::Reset, "which this finds: ")] {
        let (shell, old) = Shell::new("restart-not-registered");
        shell.rotate(&[&old, "--save-secret", "lost.txt"]);
        let lost = shell.ids().pop().unwrap();
        shell.fault("register_webhook", fault, 1);
        let done = shell.rotate(&[&old, "--restart", &lost, "--save-secret", "new.txt"]);
        assert_eq!((done.status, done.out.as_str(), shell.file("new.txt")), (1, "", None));
        assert!(done.err.contains(&format!(" {lost} is deleted. ")), "{}", done.err);
        let is_registered = shell.ids().len() == 2;
        let next = shell.run_next(&done.err, after, "new.txt");
        assert_eq!((next.status, shell.ids().len()), (i32::from(is_registered), 2), "{}{}", next.out, next.err);
        assert!(!shell.ids().contains(&lost));
    }

    let (shell, old) = Shell::new("restart-not-deleted");
    shell.rotate(&[&old, "--save-secret", "lost.txt"]);
    let lost = shell.ids().pop().unwrap();
    shell.fault("delete_webhook", status(500), 1);
    let restart = [old.as_str(), "--restart", &lost, "--save-secret", "new.txt"];
    let done = shell.rotate(&restart);
    assert_eq!((done.status, done.out.as_str(), shell.file("new.txt")), (1, "", None));
    let again = format!("Nothing was registered: run the same command again, or this if {lost} is not listed: ");
    assert!(done.err.contains(&again), "{}", done.err);
    // It is listed.
    let done = shell.rotate(&restart);
    assert_eq!((done.status, done.err.as_str(), shell.ids().len()), (0, "", 2));
    assert!(!shell.ids().contains(&lost));
}

#[test]
fn what_does_not_exist_is_reported() {
    let (shell, old) = Shell::new("unknown");
    for arguments in [&[UNKNOWN_ID, "--save-secret", "new.txt"][..], &[&old, "--finish", UNKNOWN_ID]] {
        let done = shell.rotate(&[arguments, &["--format", "json"]].concat());
        assert_eq!((done.status, done.out.as_str(), shell.file("new.txt")), (1, "", None));
        let error: Value = serde_json::from_str(&done.err).unwrap();
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains(&format!("no registration `{UNKNOWN_ID}`")), "{message}");
        assert!(message.contains("pos-webhooks hooks vipps list"), "{message}");
        assert_eq!(
            (&error["error"]["operation"], &error["error"]["may_have_been_executed"]),
            (&Value::Null, &json!(false))
        );
    }
    assert_eq!(shell.ids(), [old.as_str()]);
}

#[test]
fn the_file_of_an_interrupted_command_is_used_again_unless_it_has_a_secret() {
    let (shell, old) = Shell::new("killed");
    // What a command leaves that is killed before the response.
    shell.write("new.txt", &"\n".repeat(4096));
    let done = shell.rotate(&[&old, "--save-secret", "new.txt"]);
    assert_eq!((done.status, done.err.as_str()), (0, ""));
    let [_, new] = &shell.registrations()[..] else { panic!("{}", done.out) };
    assert_eq!(shell.file("new.txt"), Some(format!("{}\n", new.secret.expose())));
    let done = shell.rotate(&[&old, "--save-secret", "new.txt"]);
    assert!(done.status == 2 && done.err.contains("new.txt"), "{}", done.err);
    assert_eq!(shell.file("new.txt"), Some(format!("{}\n", new.secret.expose())));
}

#[test]
fn a_restart_whose_registration_is_gone_says_how_to_register_the_webhook_again() {
    let (shell, old) = Shell::new("restarted");
    let gone = shell.rotate(&[&old, "--restart", UNKNOWN_ID, "--save-secret", "new.txt"]);
    assert_eq!((gone.status, gone.out.as_str(), shell.file("new.txt")), (1, "", None));
    let done = shell.run_next(&gone.err, "register the webhook again: ", "new.txt");
    assert_eq!((done.status, done.err.as_str(), shell.ids().len()), (0, "", 2));
}

#[test]
fn an_error_in_json_says_what_exists_and_what_failed() {
    let (shell, old) = Shell::new("json");
    let status = |status| AnswerFault::Status { status, retry_after_seconds: Some(7) };
    let failed = |arguments: &[&str]| {
        let done = shell.rotate(&[arguments, &["--format", "json"]].concat());
        assert_eq!((done.status, done.out.as_str()), (1, ""), "{}", done.err);
        let mut error: Value = serde_json::from_str(&done.err).unwrap();
        assert!(error["error"]["message"].take().is_string());
        error["error"].take()
    };
    shell.fault("register_webhook", status(503), 1);
    assert_eq!(
        failed(&[&old, "--save-secret", "new.txt"]),
        json!({
            "message": null, "old": old, "new": null, "secret_file": null, "response_file": null,
            "old_deleted": false, "operation": "register_webhook", "status": 503, "retryable": true,
            "retry_after_seconds": 7, "may_have_been_executed": true
        })
    );
    shell.fault("delete_webhook", status(503), 3);
    let error = failed(&[&old, "--save-secret", "new.txt", "--delete-old"]);
    let new = shell.ids().pop().unwrap();
    assert_eq!((&error["new"], &error["secret_file"]), (&json!(new), &json!("new.txt")));
    assert_eq!((&error["operation"], &error["status"]), (&json!("delete_webhook"), &json!(503)));

    // The secret is saved, and an earlier rotation is found.
    let error = failed(&[&old, "--save-secret", "other.txt"]);
    assert_eq!((&error["new"], &error["secret_file"], &error["operation"]), (&json!(new), &Value::Null, &Value::Null));
}

#[test]
fn wrong_usage_sends_nothing() {
    let (shell, old) = Shell::new("usage");
    fs::write(shell.directory.join("taken.txt"), "kept").unwrap();
    for (arguments, expected) in [
        (&[][..], "--save-secret"),
        (&["--save-secret", "taken.txt"], "nothing was sent"),
        (&["--finish", UNKNOWN_ID, "--save-secret", "new.txt"], "cannot be used with"),
        (&["--delete-old", "--finish", UNKNOWN_ID], "cannot be used with"),
        (&["--restart", UNKNOWN_ID], "--save-secret"),
    ] {
        let done = shell.rotate(&[&[old.as_str()], arguments].concat());
        assert_eq!((done.status, done.out.as_str()), (2, ""), "{arguments:?}: {}", done.err);
        assert!(done.err.contains(expected), "{arguments:?}: {}", done.err);
    }
    assert_eq!((shell.ids(), shell.file("taken.txt").as_deref()), (vec![old.clone()], Some("kept")));
}

#[test]
fn a_provider_that_does_not_generate_secrets_says_what_to_use_instead() {
    for (provider, expected) in [
        ("mypos", "change the webhook with `pos-webhooks hooks mypos update`"),
        ("mipos", "the secret belongs to the account"),
        ("dealpos", "its webhooks are set up in its back office"),
    ] {
        let done = run(&["hooks", provider, "rotate", UNKNOWN_ID, "--save-secret", "new.txt"]);
        assert_eq!((done.status, done.out.as_str()), (2, ""));
        let said = done.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(expected), "{provider}: {said}");
    }
}

#[test]
fn help() {
    let done = run(&["hooks", "vipps", "rotate", "--help"]);
    assert_eq!((done.status, done.err.as_str()), (0, ""));
    insta::assert_snapshot!("help_rotate", of_shown(&done.out));
}
