//! Reads the table about refused deliveries.

use std::num::NonZeroUsize;
use std::path::Path;

use clap::ValueEnum as _;

use super::reader::{Located, Problems, Table, bytes, count, path, text};
use crate::listen::refused::{Bodies, LEAST_SIZE, PER_MINUTE, RefusedSettings, SIZE};

/// Reads the settings. A relative file is one of `folder`.
pub fn read(mut table: Table<'_, '_>, folder: &Path, problems: &Problems<'_>) -> Located<RefusedSettings> {
    let place = table.place.clone();
    let path = folder.join(table.required("file", path).map(|file| file.value).unwrap_or_default());
    let size = table.get("size", bytes).map(|size| Located { value: size.value as u64, place: size.place });
    if let Some(size) = size.as_ref().filter(|size| size.value < LEAST_SIZE) {
        problems.add(&size.place, format_args!("refused.size: at least {LEAST_SIZE} bytes are needed"));
    }
    let per_minute = table.get("per_minute", count).and_then(|count| NonZeroUsize::new(count.value));
    let bodies = table.get("bodies", |value| {
        Bodies::from_str(&text(value)?, false).map_err(|_| "`all`, `undecodable` or `none` is expected".to_owned())
    });
    table.end();
    let value = RefusedSettings {
        path,
        size: size.map_or(SIZE, |size| size.value),
        per_minute: per_minute.unwrap_or(PER_MINUTE),
        bodies: bodies.map(|bodies| bodies.value).unwrap_or_default(),
    };
    Located { value, place }
}
