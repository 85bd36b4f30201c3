//! The command that the page of the sandbox gives for a delivery verifies it, in a shell, with the secret in a file.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use pos_webhooks::PROVIDERS;
use pos_webhooks::catalogue::{Provider, Verification};
use pos_webhooks::client::http_client;
use pos_webhooks::sandbox::{Sandbox, Trigger};

const ACME: &str = include_str!("../../tests/sandbox/acme.yaml");

static OTHER: LazyLock<&'static Provider> = LazyLock::new(|| {
    let description = pos_webhooks_build::describe("acme", "acme.yaml", ACME);
    Provider::read(&description.unwrap_or_else(|findings| panic!("{} findings", findings.len()))).unwrap()
});

#[tokio::test(flavor = "multi_thread")]
async fn the_verify_command_of_a_delivery_can_be_pasted() {
    let sandbox = Sandbox::builder().provider(*OTHER).start().await.unwrap();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("sandbox-commands");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("acme.yaml"), ACME).unwrap();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_pos-webhooks"));
    let paths = [program.parent().unwrap().to_owned(), "/usr/bin".into(), "/bin".into()];
    let mut verified = 0;
    // A compiled one of the same name is replaced.
    let compiled = PROVIDERS.iter().copied().filter(|provider| provider.name != OTHER.name);
    for provider in compiled.chain([*OTHER]) {
        let registered = sandbox.receive_here(provider.name).await.unwrap();
        for event in provider.events {
            let verification = provider.verification_of(Some(event.name));
            let Some(Verification::Signatures(_) | Verification::Keys(_)) = verification else { continue };
            let credential = verification.and_then(|it| it.signature(None)?.credential);
            let attempts = sandbox.deliver(provider.name, Trigger::new(event.name).max_attempts(1)).await.unwrap();
            let registration = registered.iter().find(|it| it.id == attempts[0].registration).unwrap();
            let credentials = &sandbox.account(provider.name).unwrap().credentials;
            let secret = credential.and_then(|name| credentials.get(name)).unwrap_or(&registration.secret);
            fs::write(folder.join("secret.txt"), secret.expose()).unwrap();
            let url = format!("{}/_sandbox/attempts/{}/verify", sandbox.url(), attempts[0].number);
            let answer = http_client().unwrap().build().unwrap().get(url).send().await.unwrap();
            let commands = answer.text().await.unwrap();
            let mut shell = Command::new("/bin/sh");
            shell.args(["-ec", &commands]).current_dir(&folder).env("PATH", std::env::join_paths(&paths).unwrap());
            let output = shell.output().unwrap();
            let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert!(out.starts_with("verified with the secret of secret.txt"), "{commands}\n{out}{error}");
            assert_eq!(error, "", "no option is without effect: {commands}");
            verified += 1;
        }
    }
    assert!(verified > 20, "{verified}");
}
