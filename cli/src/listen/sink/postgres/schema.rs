//! The table of events in SQL.

use super::settings::PostgresSettings;

/// The statement that writes events: their values by column, and for each event whether it is new.
///
/// An event that is there is updated, and not left alone: a statement that writes nothing does not wait for the standby, and
/// would confirm an event that is on one server only.
pub fn insert(table: &impl std::fmt::Display) -> String {
    format!(
        "insert into {table} as stored (received_at, route, provider, event, known, idempotency_key, body, payload, headers, \
         error, deliveries) \
         select received_at::timestamptz, route, provider, event, known, idempotency_key, body, \
         convert_from(substr(body, payload_from), 'UTF8')::jsonb, headers::jsonb, error, deliveries \
         from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[], $6::text[], $7::bytea[], $8::int[], \
         $9::text[], $10::text[], $11::int[]) as new (received_at, route, provider, event, known, idempotency_key, body, \
         payload_from, headers, error, deliveries) \
         on conflict (route, idempotency_key) do update \
         set deliveries = stored.deliveries + excluded.deliveries, last_delivery_at = clock_timestamp() \
         returning route, idempotency_key, xmax = 0"
    )
}

/// A statement that PostgreSQL plans only if the other one can be executed: the table is there with its columns and its unique
/// constraint, and the user may write to it. It reads and writes nothing.
pub fn explain_insert(table: &impl std::fmt::Display) -> String {
    (1..=11).fold(format!("explain {}", insert(table)), |text, number| text.replace(&format!("${number}::"), "null::"))
}

/// What a process of `listen` needs to have been created, for a user that is not its owner.
pub fn create(settings: &PostgresSettings, role: &str) -> String {
    let (table, role) = (&settings.table, quoted(role));
    let (schema, name) = (&table.schema, &table.table);
    format!(
        r#"create schema if not exists "{schema}";

create table {table} (
  id bigint generated always as identity primary key,  -- with gaps, and not in the order in which rows become visible
  received_at timestamptz not null default clock_timestamp(),
  route text not null,
  provider text not null,
  event text,                                          -- null if neither the delivery nor the route names it
  known boolean not null,                              -- whether the specification lists the event
  idempotency_key text check (octet_length(idempotency_key) <= 200),
  body bytea not null,                                 -- as it was sent
  payload jsonb,                                       -- null if the body is not JSON, or not JSON that jsonb can hold
  headers jsonb not null default '{{}}',
  error text,                                          -- in which way the delivery is not as documented
  deliveries integer not null default 1,
  last_delivery_at timestamptz,                        -- of the last delivery after the first one
  -- For programs that read from the table:
  xid xid8 not null default pg_current_xact_id(),      -- rows below pg_snapshot_xmin(pg_current_snapshot()) are complete
  state smallint not null default 0,                   -- 0: due, 1: done, 2: failed
  attempts smallint not null default 0,
  due_at timestamptz not null default clock_timestamp(),
  -- Events without a key are all distinct: this must never become NULLS NOT DISTINCT.
  constraint "{name}_once" unique (route, idempotency_key)
);
create index "{name}_due" on {table} (due_at, id) where state = 0;
create index "{name}_received" on {table} using brin (received_at);
create index "{name}_read" on {table} (xid, id);

grant usage on schema "{schema}" to {role};
grant insert, select on {table} to {role};
grant update (deliveries, last_delivery_at) on {table} to {role};
"#
    )
}

fn quoted(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}
