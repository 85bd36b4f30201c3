//! The server that is called, and the file with the credentials.

use std::path::PathBuf;

use clap::Args;
use pos_webhooks::catalogue::{Provider, Server};

use crate::providers::quoted;
use crate::stop::Stop;
use crate::{credentials, providers};

/// The name of the base URL in the environment.
pub const BASE_URL: &str = "base_url";

// The options of every command that calls a provider. A doc comment would become the description of the command.
#[derive(Args)]
pub struct Target {
    /// Call the sandbox at this address, which `pos-webhooks sandbox` has started, with its credentials
    #[arg(long, value_name = "URL", conflicts_with_all = ["base_url", "test", "server", "credentials_file"])]
    pub sandbox: Option<String>,

    /// Server to call instead of the provider's production server; by default POS_WEBHOOKS_PROVIDER_BASE_URL of the
    /// environment, such as POS_WEBHOOKS_VIPPS_BASE_URL
    #[arg(long, value_name = "URL", conflicts_with = "test")]
    base_url: Option<String>,

    /// Call the provider's test server
    #[arg(long)]
    test: bool,

    /// Call the documented server of this name
    #[arg(long, value_name = "NAME", conflicts_with_all = ["base_url", "test"], hide = none_has_several_others())]
    server: Option<String>,

    /// Request the access token in the documented way of this name, if there are several
    #[arg(long, value_name = "NAME", hide = none_has_several_grants())]
    pub grant: Option<String>,

    /// File with the credentials as a JSON object; - is standard input
    ///
    /// With this option, credentials are not read from the environment. `pos-webhooks sandbox` prints such an object as
    /// `credentials`.
    #[arg(long, value_name = "FILE")]
    pub credentials_file: Option<PathBuf>,
}

impl Target {
    /// The options that select the same server and credentials in another command, each after a space.
    pub fn options(&self) -> String {
        let mut options = match (&self.sandbox, &self.base_url, &self.server) {
            (Some(url), _, _) => format!(" --sandbox {}", quoted(url)),
            (None, Some(url), _) => format!(" --base-url {}", quoted(url)),
            (None, None, Some(name)) => format!(" --server {}", quoted(name)),
            (None, None, None) if self.test => " --test".to_owned(),
            (None, None, None) => String::new(),
        };
        if let Some(name) = &self.grant {
            options += &format!(" --grant {}", quoted(name));
        }
        if let Some(file) = self.credentials_file.as_ref().map(|file| file.display().to_string()) {
            options += &format!(" --credentials-file {}", quoted(&file));
        }
        options
    }

    pub fn server(&self, provider: &Provider) -> Result<String, Stop> {
        if let Some(url) = &self.base_url {
            return Ok(url.clone());
        }
        if self.server.is_none() && !self.test {
            match credentials::from_environment(provider, BASE_URL)? {
                Some(url) if !url.trim().is_empty() => return Ok(url.trim().to_owned()),
                _ => {}
            }
        }
        let found = match (&self.server, self.test) {
            (Some(name), _) => provider.servers.iter().find(|server| server.name == name),
            (None, true) => test_server(provider),
            (None, false) => provider.servers.iter().find(|server| is_production(server)),
        };
        match found {
            Some(server) if server.variables.is_empty() => Ok(server.url.to_owned()),
            Some(server) => Err(Stop::Usage(format!("give --base-url, in the form {}", server.url))),
            None => {
                let shown = |server: &Server| format!("{} ({})", server.name, server.url);
                let name = provider.name;
                Err(Stop::Usage(if self.test && has_several_others(provider) {
                    let others = provider.servers.iter().filter(|server| !is_production(server)).map(shown);
                    let others = others.collect::<Vec<_>>().join(", ");
                    format!("{name} documents several other servers; give --server the name of one of them: {others}")
                } else {
                    let wanted = self.server.as_deref().unwrap_or(if self.test { "test" } else { "production" });
                    let all = provider.servers.iter().map(shown).collect::<Vec<_>>().join(", ");
                    let only = if all.is_empty() { String::new() } else { format!(", only: {all}") };
                    format!("{name} does not document a {wanted} server{only}; give --base-url to call another server")
                }))
            }
        }
    }
}

pub fn is_production(server: &Server) -> bool {
    server.name == "production"
}

/// The server named `test`, or the only one that is not the one for production.
pub fn test_server(provider: &Provider) -> Option<&'static Server> {
    if let Some(test) = provider.servers.iter().find(|server| server.name == "test") {
        return Some(test);
    }
    let mut others = provider.servers.iter().filter(|server| !is_production(server));
    others.next().filter(|_| others.next().is_none())
}

/// Whether the provider has several servers that are not the one for production.
pub fn has_several_others(provider: &Provider) -> bool {
    provider.servers.iter().filter(|server| !is_production(server)).count() > 1
}

fn none_has_several_others() -> bool {
    !providers::all().iter().copied().any(has_several_others)
}

fn none_has_several_grants() -> bool {
    !providers::all().iter().any(|provider| provider.grants().len() > 1)
}
