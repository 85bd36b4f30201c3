//! A row of the table of events.

use std::collections::BTreeMap;
use std::time::SystemTime;

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::listen::postgres::TableName;
use crate::report::with_causes;
use crate::source::{Place, StoredEvent};

/// The maximum number of rows that are read at once.
const ROWS: usize = 500;
/// The size of their bodies from which no further row is read.
const BYTES: usize = 8 << 20;

/// A row, and the event that it is.
pub struct ReadRow {
    /// The transaction that has written it, and its id, by which rows are ordered.
    pub place: (u64, i64),
    /// The event, or why it is none.
    pub event: Result<StoredEvent, String>,
}

/// The statement that reads rows of transactions that have ended after one snapshot ($1 and $2) and until another one ($3 and $4),
/// beginning after a row ($5 and $6). The other parameters are narrower than these transactions, or null: they may select more rows
/// than a filter, and not fewer.
pub fn select(table: &TableName) -> String {
    const COLUMNS: &str = "xid, id, received_at, route, provider, event, known, idempotency_key, body, headers, error";
    format!(
        "select sized.xid::text, id, received_at, route, provider, event, known, idempotency_key, body, headers::text, error \
         from (select *, sum(size) over (order by xid, id) - size as before from \
         (select {COLUMNS}, coalesce(octet_length(body), 0) as size from {table} \
         where (xid >= $1::text::xid8 or xid = any($2::text[]::xid8[])) \
         and xid < $3::text::xid8 and xid <> all($4::text[]::xid8[]) and (xid, id) > ($5::text::xid8, $6::bigint) \
         and ($7::text[] is null or route = any($7)) and ($8::text[] is null or coalesce(event, '') = any($8)) \
         and ($9::text[] is null or idempotency_key = any($9)) \
         and ($10::text is null or received_at >= $10::text::timestamptz) \
         and ($11::text is null or received_at <= $11::text::timestamptz) \
         order by xid, id limit {ROWS}) as page) as sized \
         where before < {BYTES} order by sized.xid, id"
    )
}

impl ReadRow {
    pub fn read(row: &Row) -> Result<Self, tokio_postgres::Error> {
        // The statement returns a number.
        let xid = row.try_get::<_, &str>(0)?.parse().unwrap_or_default();
        Ok(Self { place: (xid, row.try_get(1)?), event: event(row) })
    }
}

fn event(row: &Row) -> Result<StoredEvent, String> {
    let unreadable = |error: tokio_postgres::Error| with_causes(&error);
    let received_at: SystemTime = row.try_get(2).map_err(unreadable)?;
    let id: i64 = row.try_get(1).map_err(unreadable)?;
    let headers: BTreeMap<String, String> = serde_json::from_str(row.try_get(9).map_err(unreadable)?)
        .map_err(|_| "its headers are not an object of texts".to_owned())?;
    Ok(StoredEvent {
        place: Place::Number(u64::try_from(id).map_err(|_| "its id is negative")?),
        received_at: Timestamp::try_from(received_at).map_err(|_| "the time in it is out of range")?,
        route: row.try_get(3).map_err(unreadable)?,
        provider: row.try_get(4).map_err(unreadable)?,
        event: row.try_get(5).map_err(unreadable)?,
        known: row.try_get(6).map_err(unreadable)?,
        idempotency_key: row.try_get(7).map_err(unreadable)?,
        headers,
        body: row.try_get::<_, Vec<u8>>(8).map_err(unreadable)?.into(),
        error: row.try_get(10).map_err(unreadable)?,
        line: None,
    })
}
