//! Reads the table of a sink in NATS JetStream.

use std::fs::File;
use std::path::{Path, PathBuf};

use async_nats::ServerAddr;
use toml::de::DeValue;

use super::reader::{Problems, Table, count, path, text, texts};
use super::secret;
use crate::listen::sink::SinkSettings;
use crate::listen::sink::nats::{Login, NatsSettings, TlsFiles};

/// The first token of subjects, unless others are given.
const SUBJECT: &str = "pos";

/// Reads a sink. Relative files are those of `folder`.
pub fn read(table: &mut Table<'_, '_>, folder: &Path, problems: &Problems<'_>) -> Option<SinkSettings> {
    let servers = table.required("servers", servers);
    let login = login(table, folder, problems);
    let mut pem = |member| table.get(member, |value| readable(folder.join(path(value)?))).map(|file| file.value);
    let (ca, certificate, key) = (pem("ca"), pem("certificate"), pem("key"));
    if certificate.is_some() != key.is_some() {
        let (certificate, key) = (table.name("certificate"), table.name("key"));
        problems.add(&table.place, format_args!("{certificate} and {key} belong together; one is missing"));
    }
    let stream = table.required("stream", |value| {
        let stream = text(value)?;
        match is_name(&stream) {
            true => Ok(stream),
            false => Err("the name of a stream has letters, digits, hyphens and low lines".to_owned()),
        }
    });
    let subject = table.get("subject", |value| {
        let subject = text(value)?;
        match subject.split('.').all(is_name) {
            true => Ok(subject),
            false => Err("tokens of letters, digits, hyphens and low lines are expected, such as shop.pos".to_owned()),
        }
    });
    let monitor = table.get("monitor", monitors);
    let (replicas, sync_always) = match table.table("require") {
        None => (1, false),
        Some(mut require) => {
            let replicas = require.get("replicas", |value| {
                let replicas = count(value)?;
                if replicas > 5 { Err("a stream has up to 5 replicas".to_owned()) } else { Ok(replicas) }
            });
            let sync = require.get("sync", |value| match text(value)?.as_str() {
                "always" => Ok(()),
                _ => Err("`always` is expected".to_owned()),
            });
            if let Some(sync) = sync.as_ref().filter(|_| monitor.is_none()) {
                let what = "only the monitoring of the servers says so; give its URL as `monitor`";
                problems.add(&sync.place, format_args!("{}: {what}", require.name("sync")));
            }
            let required = (replicas.map_or(1, |replicas| replicas.value), sync.is_some());
            require.end();
            required
        }
    };
    Some(SinkSettings::Nats(NatsSettings {
        servers: servers?.value,
        login: login?,
        tls: TlsFiles { ca, certificate: certificate.zip(key) },
        stream: stream?.value,
        subject: subject.map_or_else(|| SUBJECT.to_owned(), |subject| subject.value),
        replicas,
        sync_always,
        monitors: monitor.map(|monitor| monitor.value).unwrap_or_default(),
    }))
}

/// A file, if it can be read.
fn readable(file: PathBuf) -> Result<PathBuf, String> {
    match File::open(&file) {
        Ok(_) => Ok(file),
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

/// Whether this is one token of a subject, and may be the name of a stream.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn servers(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let servers = texts(value)?;
    for server in &servers {
        let parsed = server.parse::<ServerAddr>().ok().filter(|parsed| matches!(parsed.scheme(), "nats" | "tls"));
        let Some(parsed) = parsed else {
            return Err("a server is a URL such as nats://n1:4222 or tls://n1.example:4222".to_owned());
        };
        if parsed.has_user_pass() || parsed.password().is_some() {
            return Err("a URL with a secret ends up in logs; give the user and the password as `user` and `password`"
                .to_owned());
        }
    }
    Ok(servers)
}

fn monitors(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    let urls = texts(value)?;
    for url in &urls {
        let url = reqwest::Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        // The URL is shown, so that it must not have a secret.
        match url {
            None => return Err("a URL such as http://n1:8222 is expected".to_owned()),
            Some(url) if !url.username().is_empty() || url.password().is_some() || url.query().is_some() => {
                return Err("the URL has a user, a password or a query, which would be shown".to_owned());
            }
            Some(_) => {}
        }
    }
    Ok(urls)
}

/// How the program logs in; `None` if there is a problem.
fn login(table: &mut Table<'_, '_>, folder: &Path, problems: &Problems<'_>) -> Option<Login> {
    let user = table.get("user", text).map(|user| user.value);
    let mut given = Vec::new();
    for member in ["credentials", "password", "token", "nkey"] {
        if let Some(secret) = table.table(member) {
            given.push((member, secret::read(secret, folder, problems)));
        }
    }
    let has_user = user.is_some();
    match (user, given.pop(), given.is_empty()) {
        (None, None, _) => Some(Login::None),
        (Some(user), Some(("password", password)), true) => Some(Login::Password { user, password: password? }),
        (None, Some(("credentials", secret)), true) => Some(Login::Credentials(secret?)),
        (None, Some(("token", secret)), true) => Some(Login::Token(secret?)),
        (None, Some(("nkey", secret)), true) => Some(Login::Nkey(secret?)),
        (_, other, alone) => {
            let what = match other {
                Some(_) if !alone || has_user => "give only one of them",
                _ => "`user` and `password` belong together; one is missing",
            };
            let members = "`credentials`, `user` with `password`, `token`, `nkey`";
            problems.add(&table.place, format_args!("{}: {members}: {what}", table.name("").trim_end_matches('.')));
            None
        }
    }
}
