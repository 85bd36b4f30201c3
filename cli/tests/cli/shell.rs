//! A sandbox, and a directory with what commands need to call it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use pos_webhooks::sandbox::{Builder, Sandbox};
use tokio::runtime::Runtime;

use crate::run::{Done, command, directory, feed};

pub struct Shell {
    /// Where the sandbox runs.
    #[allow(dead_code, reason = "not every test needs it")]
    pub runtime: Runtime,
    pub sandbox: Sandbox,
    pub directory: PathBuf,
}

impl Shell {
    /// With the credentials of each account in a file, such as `vipps.json`, except those that are left out.
    pub fn start(builder: Builder, group: &str, test: &str, left_out: &[&str]) -> Self {
        let runtime = Runtime::new().unwrap();
        let sandbox = runtime.block_on(builder.start()).unwrap();
        let directory = directory(group).join(test);
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let shell = Self { runtime, sandbox, directory };
        for account in shell.sandbox.accounts() {
            let mut credentials = account.credentials.clone();
            left_out.iter().for_each(|name| drop(credentials.remove(*name)));
            shell.write(&format!("{}.json", account.provider), &serde_json::to_string(&credentials).unwrap());
        }
        shell
    }

    pub fn write(&self, name: &str, content: &str) {
        fs::write(self.directory.join(name), content).unwrap();
    }

    pub fn base_url(&self, provider: &str) -> &str {
        &self.sandbox.account(provider).unwrap().base_url
    }

    /// A command that calls the sandbox, without credentials.
    #[allow(dead_code, reason = "not every test needs it")]
    pub fn command(&self, provider: &str, arguments: &[&str]) -> Command {
        let mut command = command(&[arguments, &["--base-url", self.base_url(provider)]].concat());
        command.current_dir(&self.directory);
        command
    }

    /// Whatever happens, no credential is shown.
    pub fn done(&self, command: Command) -> Done {
        let done = feed(command, b"");
        for (name, credential) in self.sandbox.accounts().iter().flat_map(|account| &account.credentials) {
            let credential = credential.expose();
            // The merchant serial number is not a secret, and short.
            let is_shown = credential.len() > 6 && (done.out.contains(credential) || done.err.contains(credential));
            assert!(!is_shown, "{name}: {}{}", done.out, done.err);
        }
        done
    }
}
