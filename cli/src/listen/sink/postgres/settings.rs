//! How a table of PostgreSQL is reached, and what is required of its server.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use pos_webhooks::Secret;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// How long connecting to one address may take, unless the URL says otherwise.
const CONNECT: Duration = Duration::from_secs(2);

/// The parameters of a URL that tokio-postgres does not read, or not with all values of libpq.
const SSL_MODE: &str = "sslmode";
const ROOT_CERTIFICATE: &str = "sslrootcert";

/// A table in a database, and what is required of its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresSettings {
    pub server: Server,
    pub table: TableName,
    pub require: Require,
}

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its `Debug` does not show the password.
    pub config: Config,
    /// The certificates that those of the server have to be signed with; `None` for those of the operating system.
    pub authorities: Option<PathBuf>,
}

/// Which copies of an event have to be on disk before it is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Require {
    /// That of the server.
    #[default]
    Local,
    /// That of the server and that of a synchronous standby.
    Replicated,
}

impl FromStr for Require {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "local" => Ok(Self::Local),
            "replicated" => Ok(Self::Replicated),
            _ => Err("`local` or `replicated` is expected".to_owned()),
        }
    }
}

/// A table and its schema, both of lowercase letters, digits and underscores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableName {
    pub schema: String,
    pub table: String,
}

impl TableName {
    /// The longest name of a table: its indexes have longer names, of which PostgreSQL keeps 63 bytes.
    const LONGEST: usize = 48;
}

impl Default for TableName {
    fn default() -> Self {
        Self { schema: "pos_webhooks".to_owned(), table: "event".to_owned() }
    }
}

/// Checks a name that is given to PostgreSQL, which would cut a longer one, and so mean another one.
pub fn check_name(what: &str, name: &str) -> Result<(), String> {
    const LONGEST: usize = 63;
    match name.len() {
        0 => Err(format!("the name of the {what} is empty")),
        _ if name.contains('\0') => {
            Err(format!("the name of the {what} has a NUL, which no name of PostgreSQL can have"))
        }
        length if length > LONGEST => {
            Err(format!("the name of the {what} has {length} bytes; names of PostgreSQL have at most {LONGEST}"))
        }
        _ => Ok(()),
    }
}

impl FromStr for TableName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_identifier = |name: &str| {
            let letters = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
            name.bytes().next().is_some_and(letters)
                && name.bytes().all(|byte| letters(byte) || byte.is_ascii_digit())
                && name.len() <= Self::LONGEST
        };
        match text.split_once('.') {
            Some((schema, _)) if schema.starts_with("pg_") || schema == "information_schema" => Err(format!(
                "the schema {schema} is one of PostgreSQL itself; give another one, such as \"pos_webhooks.event\""
            )),
            Some((schema, table)) if is_identifier(schema) && is_identifier(table) => {
                Ok(Self { schema: schema.to_owned(), table: table.to_owned() })
            }
            _ => Err(format!(
                "a schema and a table are expected, such as \"pos_webhooks.event\", each of at most {} lowercase letters, \
                 digits and underscores",
                Self::LONGEST
            )),
        }
    }
}

/// The name in SQL. The quotes allow words that SQL reserves.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\".\"{}\"", self.schema, self.table)
    }
}

impl Server {
    /// Reads a URL. Relative files in it are those of `folder`. Errors do not show the URL, since it may have a password.
    pub fn parse(url: &Secret, authorities: Option<PathBuf>, folder: &Path) -> Result<Self, String> {
        let url = url.expose().trim();
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err("the URL of a database begins with postgres://".to_owned());
        }
        let (base, query) = url.rsplit_once('?').unwrap_or((url, ""));
        let (mut mode, mut certificate, mut others) = (None, None, Vec::new());
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some((SSL_MODE, value)) => mode = Some(value),
                Some((ROOT_CERTIFICATE, value)) => {
                    certificate = form_urlencoded::parse(value.as_bytes()).next().map(|(path, _)| folder.join(&*path));
                }
                _ => others.push(parameter),
            }
        }
        // The error of the parser can show a part of a password that is not percent-encoded.
        let mut config: Config = format!("{base}?{}", others.join("&")).parse().map_err(|_| {
            "the URL cannot be read: it has the form postgres://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETER=VALUE, with \
             percent-encoded values, and the parameters are sslmode, sslrootcert and those of tokio-postgres"
                .to_owned()
        })?;
        if config.get_hosts().is_empty() {
            return Err("the URL does not have a host; the folder of a unix socket is given by ?host=/run/postgresql"
                .to_owned());
        }
        for (name, what) in [(config.get_user(), "user"), (config.get_dbname(), "database")] {
            check_name(what, name.ok_or_else(|| format!("the URL does not have a {what}"))?)?;
        }
        if config.get_password().is_some_and(|password| password.contains(&0)) {
            return Err("the password has a NUL, which no password of PostgreSQL can have".to_owned());
        }
        // Then the rest of a password would be shown as a host or a database.
        let is_host = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
        if config.get_hosts().iter().any(is_host) || config.get_dbname().is_some_and(|name| name.contains('@')) {
            return Err("the URL has an @ in its password, or in another part: write %40 for it".to_owned());
        }
        config.ssl_mode(ssl_mode(mode, config.get_hosts())?);
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_application_name().is_none() {
            config.application_name("pos-webhooks");
        }
        Ok(Self { config, authorities: authorities.or(certificate) })
    }

    /// The number of hosts of which one is used.
    pub fn hosts(&self) -> usize {
        self.config.get_hosts().len()
    }
}

/// Whether connections are encrypted. They are, with a certificate that is checked, unless the server is on this machine or
/// the URL says otherwise.
fn ssl_mode(given: Option<&str>, hosts: &[Host]) -> Result<SslMode, String> {
    match given {
        Some("disable") => Ok(SslMode::Disable),
        None if hosts.iter().all(is_here) => Ok(SslMode::Disable),
        None | Some("require" | "verify-ca" | "verify-full") => Ok(SslMode::Require),
        Some("allow" | "prefer") => {
            Err("sslmode: `allow` and `prefer` leave it to the network whether the connection is \
                                         encrypted: write `verify-full` or `disable`"
                .to_owned())
        }
        Some(_) => Err("sslmode: `disable`, `require`, `verify-ca` or `verify-full` is expected".to_owned()),
    }
}

/// Whether a host is this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// The table, the database and the hosts, without the user and the password.
impl fmt::Display for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {}.{} of {}", self.table.schema, self.table.table, self.server)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the database {} at ", self.config.get_dbname().unwrap_or_default())?;
        let hosts = self.config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        });
        f.write_str(&hosts.collect::<Vec<_>>().join(", "))
    }
}
