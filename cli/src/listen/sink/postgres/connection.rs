//! Connections to PostgreSQL.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::{DbError, SqlState};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Socket};

use super::settings::Server;
use super::tls;
use crate::listen::sink::unusable::Unusable;
use crate::report::with_causes;

/// How long one host may take to accept a connection and a user.
const PER_HOST: Duration = Duration::from_secs(4);

/// An open connection. It is closed at once when it is dropped, whatever the server is doing.
pub struct Connection {
    pub client: Client,
    warned: Arc<AtomicBool>,
    _task: JoinSet<()>,
}

impl Connection {
    /// Connects to the first host that accepts writes.
    pub async fn open(server: &Server) -> Result<Self, Unusable> {
        let connected = async {
            if server.config.get_ssl_mode() == SslMode::Disable {
                return Self::connect(&server.config, NoTls).await;
            }
            let connector = tls::connector(server.authorities.as_deref());
            Self::connect(&server.config, connector.map_err(|error| Unusable::Refused(error.to_string()))?).await
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
}

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
