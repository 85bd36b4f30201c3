//! Reads the table of a sink.

use std::num::NonZeroUsize;
use std::path::Path;

use super::reader::{Problems, Table, bytes, count, duration, path, text};
#[cfg(feature = "postgres")]
use super::secret;
use crate::listen::plan::WINDOW;
use crate::listen::sink::{FileSettings, Rotation, SinkSettings};
use crate::report::Plain;
use crate::suggest;

/// The types of sinks.
const TYPES: &[&str] = &[
    "file",
    "stdout",
    #[cfg(feature = "nats")]
    "nats",
    #[cfg(feature = "postgres")]
    "postgres",
];

/// Reads a sink; `None` if its type is missing or not known. Relative files are those of `folder`.
pub fn read(mut table: Table<'_, '_>, folder: &Path, problems: &Problems<'_>) -> Option<SinkSettings> {
    let kind = table.required("type", text)?;
    let settings = match kind.value.as_str() {
        "file" => Some(file(&mut table, folder, problems)),
        "stdout" => Some(SinkSettings::Output { window: window(&mut table) }),
        #[cfg(feature = "postgres")]
        "postgres" => postgres(&mut table, folder, problems),
        #[cfg(feature = "nats")]
        "nats" => super::nats::read(&mut table, folder, problems),
        other if ["nats", "postgres"].contains(&other) => {
            let name = table.name("type");
            let what = format!("this program was built without {other}; build it with `--features {other}`");
            problems.add(&kind.place, format_args!("{name}: {what}"));
            return None;
        }
        other => {
            let instead =
                suggest::closest(TYPES.iter().copied(), other).map(|known| format!("did you mean `{known}`?"));
            let instead = instead.unwrap_or_else(|| format!("known: {}", TYPES.join(", ")));
            let name = table.name("type");
            problems.add(&kind.place, format_args!("{name}: `{}` is not a type of sinks; {instead}", Plain(other)));
            return None;
        }
    };
    table.end();
    settings
}

fn file(table: &mut Table<'_, '_>, folder: &Path, problems: &Problems<'_>) -> SinkSettings {
    let path = folder.join(table.required("file", path).map(|file| file.value).unwrap_or_default());
    let rotation = table.table("rotate").map(|table| rotation(table, problems)).unwrap_or_default();
    SinkSettings::File(FileSettings { path, window: window(table), rotation })
}

#[cfg(feature = "postgres")]
fn postgres(table: &mut Table<'_, '_>, folder: &Path, problems: &Problems<'_>) -> Option<SinkSettings> {
    use crate::listen::sink::postgres::{PostgresSettings, Server};

    let name = table.name("url");
    let ca = table.table("ca").and_then(|mut ca| {
        let file = ca.required("file", path).map(|file| folder.join(file.value));
        ca.end();
        file
    });
    let to = table.get("table", |value| text(value)?.parse());
    let require = table.get("require", |value| text(value)?.parse());
    let Some(url) = table.table("url") else {
        problems
            .add(&table.place, format_args!("{name} is missing, or not a table with `file`, `env` or `credential`"));
        return None;
    };
    let place = url.place.clone();
    let url = secret::read(url, folder, problems)?;
    let server = Server::parse(&url, ca, folder);
    let server = server.map_err(|what| problems.add(&place, format_args!("{name}: {what}"))).ok()?;
    Some(SinkSettings::Postgres(Box::new(PostgresSettings {
        server,
        table: to.map(|table| table.value).unwrap_or_default(),
        require: require.map(|require| require.value).unwrap_or_default(),
    })))
}

/// The number of keys that are remembered.
fn window(table: &mut Table<'_, '_>) -> NonZeroUsize {
    table.get("window", count).and_then(|window| NonZeroUsize::new(window.value)).unwrap_or(WINDOW)
}

fn rotation(mut table: Table<'_, '_>, problems: &Problems<'_>) -> Rotation {
    let size = table.get("size", bytes).map(|size| size.value as u64);
    let age = table.get("age", duration);
    if let Some(age) = age.as_ref().filter(|age| age.value.is_zero()) {
        problems.add(&age.place, format_args!("{}: the time is zero", table.name("age")));
    }
    let keep = table.get("keep", count).map(|keep| keep.value);
    if size.is_none() && age.is_none() {
        problems.add(&table.place, format_args!("{} or {} is missing", table.name("size"), table.name("age")));
    }
    table.end();
    Rotation { size, age: age.map(|age| age.value), keep }
}
