//! What is required of a server and a table, so that an acknowledged event is not lost.

use std::fmt;

use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Row};

use super::connection::{described, failure};
use super::schema::explain_insert;
use super::settings::{PostgresSettings, Require};
use crate::listen::sink::unusable::Unusable;

/// The settings of a server, and the properties of a table, that decide what a commit means.
pub struct Promises {
    version: String,
    synchronous_commit: String,
    synchronous_standbys: String,
    fsync: String,
    encoding: String,
    is_standby: bool,
    is_unlogged: bool,
    merges_nulls: bool,
}

/// The columns in the order of the members of [`Promises`]. Those of a table that is not there are null.
const PROMISES: &str = "select current_setting('server_version'), current_setting('synchronous_commit'), \
     trim(current_setting('synchronous_standby_names')), current_setting('fsync'), current_setting('server_encoding'), \
     pg_is_in_recovery(), \
     coalesce((select relpersistence <> 'p' from pg_class where oid = to_regclass($1)), false), \
     coalesce((select bool_or(pg_get_indexdef(indexrelid) like '%NULLS NOT DISTINCT%') from pg_index \
               where indrelid = to_regclass($1)), false)";

/// Checks whether a commit means what is required, and whether the table can be written.
pub async fn check(client: &Client, settings: &PostgresSettings) -> Result<Promises, Unusable> {
    let promises = check_promises(client, settings).await?;
    let explained = client.query_typed(&explain_insert(&settings.table), &[]).await;
    explained.map_err(|error| unusable(settings, &error))?;
    Ok(promises)
}

/// Checks whether a commit means what is required.
pub async fn check_promises(client: &Client, settings: &PostgresSettings) -> Result<Promises, Unusable> {
    let row = client.query_typed_one(PROMISES, &[(&settings.table.to_string(), Type::TEXT)]).await;
    let promises = row.and_then(|row| Promises::read(&row)).map_err(|error| unusable(settings, &error))?;
    match promises.problem(settings) {
        Some(problem) => Err(Unusable::Refused(problem)),
        None => Ok(promises),
    }
}

impl Promises {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            version: row.try_get(0)?,
            synchronous_commit: row.try_get(1)?,
            synchronous_standbys: row.try_get(2)?,
            fsync: row.try_get(3)?,
            encoding: row.try_get(4)?,
            is_standby: row.try_get(5)?,
            is_unlogged: row.try_get(6)?,
            merges_nulls: row.try_get(7)?,
        })
    }

    /// What is not as required, and what to do.
    fn problem(&self, settings: &PostgresSettings) -> Option<String> {
        let PostgresSettings { table, require, .. } = settings;
        let commit = self.synchronous_commit.as_str();
        Some(match require {
            _ if self.is_standby => "the server is a standby, to which nothing can be written: give the URL of the primary, \
                                     or of all servers"
                .to_owned(),
            _ if self.fsync != "on" => "fsync is off, so that a crash of the machine can lose acknowledged events and the \
                                        whole database: set fsync = on in postgresql.conf"
                .to_owned(),
            _ if commit == "off" => "synchronous_commit is off, so that a crash of the server can lose acknowledged events: \
                                     run `alter role USER set synchronous_commit = on`"
                .to_owned(),
            _ if self.encoding != "UTF8" => {
                format!("the encoding of the database is {}, but events need UTF8: create another database", self.encoding)
            }
            _ if self.is_unlogged => format!(
                "the table is not logged, so that a crash of the server empties it: run `alter table {table} set logged`"
            ),
            _ if self.merges_nulls => "the table has an index with NULLS NOT DISTINCT, for which all events without a key are \
                                       the same event: create the unique constraint without it"
                .to_owned(),
            Require::Replicated if self.synchronous_standbys.is_empty() => {
                "require = \"replicated\", but synchronous_standby_names is empty, so that a commit waits for no standby: name \
                 the standbys in postgresql.conf, or write require = \"local\""
                    .to_owned()
            }
            Require::Replicated if !matches!(commit, "on" | "remote_apply") => format!(
                "require = \"replicated\", but synchronous_commit is {commit}, so that a commit does not wait until the event \
                 is on the disk of a standby: run `alter role USER set synchronous_commit = on`"
            ),
            _ => return None,
        })
    }
}

/// The promises that differ between servers that can be used.
impl fmt::Display for Promises {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, synchronous_commit, synchronous_standbys, .. } = self;
        write!(f, "PostgreSQL {version}, synchronous_commit = {synchronous_commit}, ")?;
        match synchronous_standbys.as_str() {
            "" => f.write_str("without a synchronous standby"),
            standbys => write!(f, "synchronous_standby_names = {standbys}"),
        }
    }
}

/// Why the table cannot be written or read, and what to do.
pub fn unusable(settings: &PostgresSettings, error: &Error) -> Unusable {
    let Some(database) = error.as_db_error() else { return failure(error) };
    let what = match *database.code() {
        SqlState::UNDEFINED_TABLE | SqlState::INVALID_SCHEMA_NAME => {
            "there is no such table; `pos-webhooks sink create` creates it".to_owned()
        }
        SqlState::UNDEFINED_COLUMN => {
            "the table lacks a column; `pos-webhooks sink create` prints how it is created".to_owned()
        }
        SqlState::DATATYPE_MISMATCH => {
            "a column has another type; `pos-webhooks sink create` prints how it is created".to_owned()
        }
        SqlState::INVALID_COLUMN_REFERENCE => format!(
            "no redelivery would be recognised; run `alter table {} add unique (route, idempotency_key)`",
            settings.table
        ),
        SqlState::INSUFFICIENT_PRIVILEGE => {
            "the user of the URL lacks a right; `pos-webhooks sink create` prints the grants".to_owned()
        }
        _ => return failure(error),
    };
    Unusable::Refused(format!("{}: {what}", described(database)))
}
