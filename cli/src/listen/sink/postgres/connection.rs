//! A connection to PostgreSQL, and what is required of the server.

use std::fmt::{self, Display};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::types::Type;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Socket};

use super::schema::explain_insert;
use super::settings::{PostgresSettings, Require, Server};
use super::tls;
use crate::report::{Plain, with_causes};

/// How long one host may take to accept a connection and to answer what is asked about its settings.
const PER_HOST: Duration = Duration::from_secs(4);

/// An open connection. It is closed at once when it is dropped, whatever the server is doing.
pub struct Connection {
    pub client: Client,
    warned: Arc<AtomicBool>,
    _task: JoinSet<()>,
}

/// The reason why there is no connection, or none that may be used.
#[derive(Debug)]
pub enum Unusable {
    /// The server may be reached, or may have free connections, later.
    Unreachable(String),
    /// Someone has to change something.
    Refused(String),
}

impl Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Unreachable(why) | Self::Refused(why)) = self;
        Plain(why).fmt(f)
    }
}

/// The settings of a server that decide what a commit means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promises {
    version: String,
    synchronous_commit: String,
    synchronous_standbys: String,
}

/// What the server promises.
impl Display for Promises {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, synchronous_commit, synchronous_standbys } = self;
        write!(f, "PostgreSQL {version}, synchronous_commit = {synchronous_commit}, ")?;
        match synchronous_standbys.as_str() {
            "" => f.write_str("without a synchronous standby"),
            standbys => write!(f, "synchronous_standby_names = {standbys}"),
        }
    }
}

impl Connection {
    /// Connects to the first host that accepts writes.
    pub async fn open(server: &Server) -> Result<Self, Unusable> {
        let connector = tls::connector(server.authorities.as_deref());
        let connected = async {
            match connector {
                // The verifier of the operating system is not needed without TLS.
                Err(_) if server.config.get_ssl_mode() == tokio_postgres::config::SslMode::Disable => {
                    Self::connect(&server.config, NoTls).await
                }
                Err(error) => Err(Unusable::Refused(error.to_string())),
                Ok(connector) => Self::connect(&server.config, connector).await,
            }
        };
        let limit = PER_HOST * u32::try_from(server.hosts()).unwrap_or(u32::MAX);
        let connected = timeout(limit, connected).await;
        connected.unwrap_or_else(|_| Err(Unusable::Unreachable(format!("no answer within {limit:?}"))))
    }

    async fn connect<T>(config: &Config, tls: T) -> Result<Self, Unusable>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (client, mut connection) = config.connect(tls).await.map_err(|error| not_connected(config, &error))?;
        let warned = Arc::<AtomicBool>::default();
        let mut task = JoinSet::new();
        let seen = Arc::clone(&warned);
        task.spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                let AsyncMessage::Notice(notice) = message else { continue };
                // A commit that did not wait for its standby reports this, and nothing else, before it reports success.
                if *notice.code() != SqlState::SUCCESSFUL_COMPLETION {
                    tracing::warn!(code = notice.code().code(), warning = notice.message(), "PostgreSQL has warned");
                    seen.store(true, Ordering::SeqCst);
                }
            }
        });
        Ok(Self { client, warned, _task: task })
    }

    /// Forgets the warnings of the server so far.
    pub fn forget_warnings(&self) {
        self.warned.store(false, Ordering::SeqCst);
    }

    pub fn has_warned(&self) -> bool {
        self.warned.load(Ordering::SeqCst)
    }

    /// Checks whether a commit on this server means what is required, and whether the table can be written.
    pub async fn check(&self, settings: &PostgresSettings) -> Result<Promises, Unusable> {
        let promises = self.promises(settings).await?;
        let explain = explain_insert(&settings.table);
        self.client.query_typed(&explain, &[]).await.map_err(|error| cannot_write(settings, &error))?;
        Ok(promises)
    }

    /// Checks whether a commit on this server means what is required.
    pub async fn promises(&self, settings: &PostgresSettings) -> Result<Promises, Unusable> {
        let name = settings.table.to_string();
        let row = self.client.query_typed_one(SETTINGS, &[(&name, Type::TEXT)]).await;
        let row = row.map_err(|error| cannot_write(settings, &error))?;
        let text = |column: usize| row.try_get::<_, String>(column).unwrap_or_default();
        let truth = |column: usize| row.try_get::<_, Option<bool>>(column).ok().flatten().unwrap_or_default();
        let promises = Promises { version: text(0), synchronous_commit: text(1), synchronous_standbys: text(2) };
        let (fsync, encoding, is_standby, is_unlogged, merges_nulls) = (text(3), text(4), truth(5), truth(6), truth(7));
        let table = &settings.table;
        let problem = if is_standby {
            "the server is a standby, to which nothing can be written: give the URL of the primary, or of all servers"
                .to_owned()
        } else if fsync != "on" {
            "fsync is off, so that a crash of the server's machine can lose acknowledged events and the whole database: \
             set fsync = on in postgresql.conf"
                .to_owned()
        } else if promises.synchronous_commit == "off" {
            let role = "`alter role USER set synchronous_commit = on`, or for the database or in postgresql.conf";
            format!("synchronous_commit is off, so that a crash of the server can lose acknowledged events: {role}")
        } else if encoding != "UTF8" {
            format!("the encoding of the database is {encoding}: events need a database with the encoding UTF8")
        } else if is_unlogged {
            format!(
                "the table {table} is not logged, so that a crash of the server empties it: `alter table {table} set logged`"
            )
        } else if merges_nulls {
            format!(
                "the table {table} has an index with NULLS NOT DISTINCT, which takes events without a key for the same event: \
                 create the unique constraint without it"
            )
        } else if settings.require == Require::Replicated {
            match promises.not_replicated() {
                None => return Ok(promises),
                Some(problem) => problem,
            }
        } else {
            return Ok(promises);
        };
        Err(Unusable::Refused(problem))
    }
}

impl Promises {
    /// Why a commit does not wait for a standby.
    fn not_replicated(&self) -> Option<String> {
        if self.synchronous_standbys.trim().is_empty() {
            return Some(
                "require = \"replicated\", but synchronous_standby_names is empty, so that a commit waits for no standby: \
                 name the standbys in postgresql.conf, or write require = \"local\""
                    .to_owned(),
            );
        }
        match self.synchronous_commit.as_str() {
            "on" | "remote_apply" => None,
            other => Some(format!(
                "require = \"replicated\", but synchronous_commit is {other}, so that a commit does not wait until the event is \
                 on the disk of a standby: set it to on"
            )),
        }
    }
}

/// The settings in the order in which they are read.
const SETTINGS: &str = "select current_setting('server_version'), current_setting('synchronous_commit'), \
     current_setting('synchronous_standby_names'), current_setting('fsync'), \
     current_setting('server_encoding'), pg_is_in_recovery(), \
     (select relpersistence <> 'p' from pg_class where oid = to_regclass($1)), \
     (select bool_or(pg_get_indexdef(indexrelid) like '%NULLS NOT DISTINCT%') from pg_index \
      where indrelid = to_regclass($1))";

/// An error of the server without its details, which can contain values of events.
pub fn described(error: &DbError) -> String {
    format!("{} (SQLSTATE {})", error.message(), error.code().code())
}

/// An error after which another attempt may succeed, or of what someone has to change.
pub fn failure(error: &tokio_postgres::Error) -> Unusable {
    match error.as_db_error() {
        // Connections, resources, and what an administrator does: all of these end.
        Some(database)
            if ["08", "53", "57", "40", "55", "XX"].iter().any(|class| database.code().code().starts_with(class)) =>
        {
            Unusable::Unreachable(described(database))
        }
        Some(database) => Unusable::Refused(described(database)),
        None => Unusable::Unreachable(with_causes(error)),
    }
}

/// Why there is no connection.
fn not_connected(config: &Config, error: &tokio_postgres::Error) -> Unusable {
    if error.as_db_error().is_some() {
        return failure(error);
    }
    let why = with_causes(error);
    if why.contains("does not allow writes") {
        let only = config.get_hosts().len() == 1;
        let why = "the server is a standby or read-only, so that nothing can be written: give the URL of the primary, or of \
                   all servers";
        return if only { Unusable::Refused(why.to_owned()) } else { Unusable::Unreachable(why.to_owned()) };
    }
    if why.contains("TLS") || why.contains("certificate") {
        let advice = "the certificate has to be one that this machine trusts, or that `ca = { file = … }` has signed, and for \
                      this host; sslmode=disable in the URL goes without encryption";
        return Unusable::Refused(format!("{why}; {advice}"));
    }
    if why.contains("password missing") || why.contains("authentication") {
        return Unusable::Refused(why);
    }
    Unusable::Unreachable(why)
}

/// Why the table cannot be written.
fn cannot_write(settings: &PostgresSettings, error: &tokio_postgres::Error) -> Unusable {
    let Some(database) = error.as_db_error() else { return failure(error) };
    let create = "`pos-webhooks sink create` prints what creates it";
    let what = match *database.code() {
        SqlState::UNDEFINED_TABLE | SqlState::INVALID_SCHEMA_NAME => format!("there is no such table; {create}"),
        SqlState::UNDEFINED_COLUMN => format!("the table lacks a column; {create}"),
        SqlState::DATATYPE_MISMATCH => format!("a column has another type; {create}"),
        SqlState::INVALID_COLUMN_REFERENCE => {
            format!(
                "run `alter table {} add unique (route, idempotency_key)`, without which no event is recognised",
                settings.table
            )
        }
        SqlState::INSUFFICIENT_PRIVILEGE => {
            format!("the user of the URL lacks a right; `pos-webhooks sink create` prints the grants")
        }
        _ => return failure(error),
    };
    Unusable::Refused(format!("{}: {what}", described(database)))
}
