//! Reads the events of a table of PostgreSQL.
//!
//! Rows do not become visible in the order of their ids or transactions. So the transactions that have ended at one moment, and had
//! not at an earlier one, are read one moment after the other: no row is left out or read twice, and a transaction that stays open
//! delays only its own rows.

mod row;
mod snapshot;

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio_postgres::Client;
use tokio_postgres::types::{ToSql, Type};

use self::row::ReadRow;
use self::snapshot::Snapshot;
use super::outage::{Failure, Outage};
use super::{Begin, Filter, Position, Reading, StoredEvent, Warn, not_a_place, not_a_position};
use crate::listen::postgres::{Connection, PostgresSettings, Unusable, unusable};
use crate::report::Plain;
use crate::stop::Stop;

/// How long a silent connection is trusted, and how often it is probed then.
const SILENT: Duration = Duration::from_secs(15);
const PROBE: Duration = Duration::from_secs(5);

/// How far a table was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostgresPosition {
    /// The transactions whose rows were all read.
    seen: Snapshot,
    /// The ones that are being read, until they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    round: Option<Round>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Round {
    until: Snapshot,
    /// The transaction and the id of the last row that was read.
    after: (u64, i64),
}

/// The events of a table.
pub struct PostgresSource {
    settings: PostgresSettings,
    filter: Filter,
    connection: Option<Connection>,
    begun: PostgresPosition,
    position: PostgresPosition,
    page: VecDeque<ReadRow>,
    outage: Outage,
    warn: Warn,
}

impl From<Unusable> for Failure {
    fn from(unusable: Unusable) -> Self {
        match unusable {
            Unusable::Unreachable(why) => Self::Temporary(why),
            Unusable::Refused(why) => Self::Permanent(why),
        }
    }
}

impl PostgresSource {
    pub async fn open(mut settings: PostgresSettings, reading: Reading) -> Result<Self, Stop> {
        let Reading { begin, filter, is_patient, warn } = reading;
        let name = settings.to_string();
        // A server that is gone is noticed by these, and not by a limit for statements, which may take long in a long table.
        let config = &mut settings.server.config;
        config.keepalives_idle(SILENT).keepalives_interval(PROBE).keepalives_retries(3).tcp_user_timeout(SILENT * 2);
        let opened = async {
            let connection = Connection::open(&settings.server).await?;
            let has_index = check(&connection.client, &settings).await?;
            let now = current(&connection.client, &settings).await?;
            Ok::<_, Failure>((connection, has_index, now))
        };
        let (connection, has_index, now) = opened.await.map_err(|failure| failure.stop(&name))?;
        if !has_index {
            let table = &settings.table;
            warn(format_args!(
                "{name}: reading is slow without an index: run `create index concurrently on {table} (xid, id)`"
            ));
        }
        let from =
            |after| PostgresPosition { seen: Snapshot::default(), round: Some(Round { until: now.clone(), after }) };
        let position = match begin {
            Begin::First => from((0, 0)),
            Begin::New => PostgresPosition { seen: now, round: None },
            Begin::At(place) => {
                let found = place_of(&connection.client, &settings, &place).await;
                let (xid, id) = found.map_err(|failure| failure.stop(&name))?.ok_or_else(|| not_a_place(&place))?;
                from((xid, id.saturating_sub(1)))
            }
            Begin::After { position: Position::Postgres(position), .. } if position.seen.end() <= now.end() => position,
            Begin::After { file, .. } => return Err(not_a_position(&file, &settings)),
        };
        Ok(Self {
            settings,
            filter,
            connection: Some(connection),
            begun: position.clone(),
            position,
            page: VecDeque::new(),
            outage: Outage::none(name, is_patient, warn),
            warn,
        })
    }

    /// The next event; `None` if there is none yet.
    pub async fn next(&mut self) -> Result<Option<StoredEvent>, Stop> {
        loop {
            while let Some(ReadRow { place, event }) = self.page.pop_front() {
                if let Some(round) = &mut self.position.round {
                    round.after = place;
                }
                match event {
                    Ok(event) => return Ok(Some(event)),
                    Err(why) => {
                        let (_, id) = place;
                        (self.warn)(format_args!("row {id} is not an event, and is skipped: {}", Plain(&why)));
                    }
                }
            }
            match self.read_page().await {
                Ok(is_over) => {
                    self.outage.over();
                    if is_over {
                        return Ok(None);
                    }
                }
                Err(failure) => {
                    self.connection = None;
                    self.outage.wait(failure).await?;
                }
            }
        }
    }

    pub fn rewind(&mut self) {
        // What is not an event was reported.
        self.warn = |_| {};
        self.position = self.begun.clone();
        self.page.clear();
    }

    /// The position after the last event.
    pub fn position(&self) -> PostgresPosition {
        self.position.clone()
    }

    /// Reads the next rows. Returns whether there are none yet.
    async fn read_page(&mut self) -> Result<bool, Failure> {
        if self.connection.is_none() {
            self.connection = Some(Connection::open(&self.settings.server).await?);
        }
        let Some(Connection { client, .. }) = &self.connection else { return Ok(true) };
        let PostgresPosition { seen, round } = &mut self.position;
        let round = match round {
            Some(round) => round,
            None => {
                let until = current(client, &self.settings).await?;
                let first_ended = seen.ended_until(&until).next();
                if until.end() <= seen.end() && first_ended.is_none() {
                    *seen = until;
                    return Ok(true);
                }
                let first = first_ended.unwrap_or(seen.end());
                round.insert(Round { until, after: (first, 0) })
            }
        };
        let numbers = |numbers: &mut dyn Iterator<Item = u64>| numbers.map(|number| number.to_string()).collect();
        let ended: Vec<String> = numbers(&mut seen.ended_until(&round.until));
        let active: Vec<String> = numbers(&mut round.until.active());
        let (from, until) = (seen.end().to_string(), round.until.end().to_string());
        let (xid, id) = (round.after.0.to_string(), round.after.1);
        let (routes, events, keys) = (self.filter.routes(), self.filter.events(), self.filter.keys());
        let time = |time: Option<jiff::Timestamp>| time.map(|time| time.to_string());
        let (since, before) = (time(self.filter.since), time(self.filter.until));
        let values: [(&(dyn ToSql + Sync), Type); 11] = [
            (&from, Type::TEXT),
            (&ended, Type::TEXT_ARRAY),
            (&until, Type::TEXT),
            (&active, Type::TEXT_ARRAY),
            (&xid, Type::TEXT),
            (&id, Type::INT8),
            (&routes, Type::TEXT_ARRAY),
            (&events, Type::TEXT_ARRAY),
            (&keys, Type::TEXT_ARRAY),
            (&since, Type::TEXT),
            (&before, Type::TEXT),
        ];
        let rows = client.query_typed(&row::select(&self.settings.table), &values).await;
        let rows = rows.and_then(|rows| rows.iter().map(ReadRow::read).collect::<Result<VecDeque<_>, _>>());
        self.page = rows.map_err(|error| unusable(&self.settings, &error))?;
        if self.page.is_empty() {
            *seen = round.until.clone();
            self.position.round = None;
        }
        Ok(self.page.is_empty())
    }
}

/// Checks whether the table can be read, and returns whether it has an index for that.
async fn check(client: &Client, settings: &PostgresSettings) -> Result<bool, Failure> {
    let table = &settings.table;
    let sql = format!(
        "select exists (select from {table} where xid >= pg_snapshot_xmax(pg_current_snapshot())), \
         exists (select from pg_index where indrelid = to_regclass($1) and indisvalid and indpred is null \
         and pg_get_indexdef(indexrelid, 1, true) = 'xid')"
    );
    let row = client.query_typed_one(&sql, &[(&table.to_string(), Type::TEXT)]).await;
    let found = row.and_then(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let (has_other, has_index): (bool, bool) = found.map_err(|error| unusable(settings, &error))?;
    if has_other {
        return Err(Failure::Permanent(format!(
            "the table has rows of another server, as after restoring a dump, which cannot be told from those that are still \
             written: run `update {table} set xid = '3' where xid >= pg_snapshot_xmax(pg_current_snapshot())`"
        )));
    }
    Ok(has_index)
}

/// The transactions that have ended now.
async fn current(client: &Client, settings: &PostgresSettings) -> Result<Snapshot, Failure> {
    let row = client.query_typed_one("select pg_current_snapshot()::text", &[]).await;
    let text: String = row.and_then(|row| row.try_get(0)).map_err(|error| unusable(settings, &error))?;
    text.parse().map_err(|why: &str| Failure::Permanent(why.to_owned()))
}

/// The transaction and the id of the row with an id; `None` if there is none.
async fn place_of(client: &Client, settings: &PostgresSettings, place: &str) -> Result<Option<(u64, i64)>, Failure> {
    let Ok(id) = place.parse::<i64>() else { return Ok(None) };
    let sql = format!("select xid::text from {} where id = $1", settings.table);
    let row = client.query_typed_opt(&sql, &[(&id, Type::INT8)]).await;
    let xid = row.and_then(|row| row.map(|row| row.try_get::<_, String>(0)).transpose());
    let xid = xid.map_err(|error| unusable(settings, &error))?;
    Ok(xid.and_then(|xid| Some((xid.parse().ok()?, id))))
}
