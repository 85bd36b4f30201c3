//! Reads tables of TOML, and collects every problem with its line.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use jiff::SignedDuration;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::report::Plain;
use crate::suggest;

/// The problems of a file.
pub struct Problems<'t> {
    text: &'t str,
    found: RefCell<Vec<(usize, String)>>,
}

impl<'t> Problems<'t> {
    pub fn new(text: &'t str) -> Self {
        Self { text, found: RefCell::default() }
    }

    /// Adds a problem with what is at this place.
    pub fn add(&self, place: &Range<usize>, what: impl Display) {
        let before = self.text.get(..place.start).unwrap_or(self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        self.found.borrow_mut().push((line, what.to_string()));
    }

    /// The problems in the order of their lines.
    pub fn into_sorted(self) -> Vec<(usize, String)> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(line, _)| *line);
        found
    }
}

/// A value and where it is.
#[derive(Clone, Debug)]
pub struct Located<T> {
    pub value: T,
    pub place: Range<usize>,
}

/// A table, whose members are taken one by one. What is not taken is not known.
pub struct Table<'t, 'p> {
    /// The names of the tables around it and of itself; empty for the whole file.
    path: String,
    pub place: Range<usize>,
    members: DeTable<'t>,
    taken: Vec<&'static str>,
    problems: &'p Problems<'t>,
}

impl<'t, 'p> Table<'t, 'p> {
    /// Reads a file. If it is not TOML, the table has what could be read.
    pub fn parse(text: &'t str, problems: &'p Problems<'t>) -> Self {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            problems.add(&error.span().unwrap_or_default(), error.message());
        }
        let place = table.span();
        Self { path: String::new(), place, members: table.into_inner(), taken: Vec::new(), problems }
    }

    /// The name of a member with those of its tables.
    pub fn name(&self, member: &str) -> String {
        if self.path.is_empty() { member.to_owned() } else { format!("{}.{member}", self.path) }
    }

    fn take(&mut self, member: &'static str) -> Option<Spanned<DeValue<'t>>> {
        self.taken.push(member);
        self.members.remove(member)
    }

    /// A member, if `read` can read it.
    pub fn get<T>(
        &mut self,
        member: &'static str,
        read: impl FnOnce(&DeValue<'t>) -> Result<T, String>,
    ) -> Option<Located<T>> {
        let value = self.take(member)?;
        let place = value.span();
        match read(value.get_ref()) {
            Ok(value) => Some(Located { value, place }),
            Err(what) => {
                self.problems.add(&place, format_args!("{}: {what}", self.name(member)));
                None
            }
        }
    }

    /// A member that has to be there.
    pub fn required<T>(
        &mut self,
        member: &'static str,
        read: impl FnOnce(&DeValue<'t>) -> Result<T, String>,
    ) -> Option<Located<T>> {
        if !self.members.contains_key(member) {
            let path = if self.path.is_empty() { "the configuration" } else { &self.path };
            self.problems.add(&self.place, format_args!("{path}: `{member}` is missing"));
        }
        self.get(member, read)
    }

    /// A table that is a member.
    pub fn table(&mut self, member: &'static str) -> Option<Table<'t, 'p>> {
        let value = self.take(member)?;
        self.below(self.name(member), value)
    }

    /// The tables that are members of a table.
    pub fn tables(&mut self, member: &'static str) -> Vec<(String, Table<'t, 'p>)> {
        self.table(member).map(Table::into_tables).unwrap_or_default()
    }

    fn into_tables(self) -> Vec<(String, Table<'t, 'p>)> {
        let (path, problems) = (self.path, self.problems);
        let below = |(name, value): (Spanned<_>, Spanned<DeValue<'t>>)| {
            let name = String::from(name.into_inner());
            let path = format!("{path}.{}", Plain(&name));
            let place = value.span();
            match value.into_inner() {
                DeValue::Table(members) => Some((name, Table { path, place, members, taken: Vec::new(), problems })),
                other => {
                    problems.add(&place, format_args!("{path}: {}", expected("a table", &other)));
                    None
                }
            }
        };
        let mut members: Vec<_> = self.members.into_iter().collect();
        members.sort_by_key(|(name, _)| name.span().start);
        members.into_iter().filter_map(below).collect()
    }

    fn below(&self, path: String, value: Spanned<DeValue<'t>>) -> Option<Table<'t, 'p>> {
        let place = value.span();
        match value.into_inner() {
            DeValue::Table(members) => Some(Table { path, place, members, taken: Vec::new(), problems: self.problems }),
            other => {
                self.problems.add(&place, format_args!("{path}: {}", expected("a table", &other)));
                None
            }
        }
    }

    /// The tables of a list, or the one table that is there instead; `None` for what is not a table.
    pub fn list(&mut self, member: &'static str) -> Vec<Option<Table<'t, 'p>>> {
        let path = self.name(member);
        match self.take(member) {
            None => Vec::new(),
            Some(value) if value.get_ref().is_array() => match value.into_inner() {
                DeValue::Array(items) => items.into_iter().map(|item| self.below(path.clone(), item)).collect(),
                _ => Vec::new(),
            },
            Some(value) => vec![self.below(path, value)],
        }
    }

    /// The members of a table whose names are not known before, with values that `read` can read.
    pub fn entries<T>(
        &mut self,
        member: &'static str,
        read: impl Fn(&DeValue<'t>) -> Result<T, String>,
    ) -> Vec<(String, T)> {
        let Some(table) = self.table(member) else { return Vec::new() };
        let mut entries = Vec::new();
        for (name, value) in table.members {
            let name = String::from(name.into_inner());
            match read(value.get_ref()) {
                Ok(value) => entries.push((name, value)),
                Err(what) => {
                    let path = format!("{}.{}", table.path, Plain(&name));
                    self.problems.add(&value.span(), format_args!("{path}: {what}"));
                }
            }
        }
        entries
    }

    /// Reports the members that were not taken.
    pub fn end(self) {
        for name in self.members.keys() {
            let (place, name) = (name.span(), name.get_ref().as_ref());
            let instead = suggest::closest(self.taken.iter().copied(), name);
            let instead = match instead {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("known: {}", self.taken.join(", ")),
            };
            let path = self.name(&Plain(name).to_string());
            self.problems.add(&place, format_args!("{path} is not known; {instead}"));
        }
    }
}

fn expected(what: &str, found: &DeValue<'_>) -> String {
    format!(
        "{what} is expected, not {}",
        match found.type_str() {
            kind @ ("integer" | "array") => format!("an {kind}"),
            kind => format!("a {kind}"),
        }
    )
}

pub fn text(value: &DeValue<'_>) -> Result<String, String> {
    match value.as_str() {
        Some("") => Err("the text is empty".to_owned()),
        Some(text) => Ok(text.to_owned()),
        None => Err(expected("a text", value)),
    }
}

/// One text, or a list of texts.
#[cfg(feature = "nats")]
pub fn texts(value: &DeValue<'_>) -> Result<Vec<String>, String> {
    match value.as_array() {
        Some(values) if values.is_empty() => Err("the list is empty".to_owned()),
        Some(values) => values.iter().map(|value| text(value.get_ref())).collect(),
        None => text(value).map(|text| vec![text]),
    }
}

pub fn path(value: &DeValue<'_>) -> Result<PathBuf, String> {
    Ok(text(value)?.into())
}

pub fn truth(value: &DeValue<'_>) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| expected("true or false", value))
}

/// A number from 1.
pub fn count(value: &DeValue<'_>) -> Result<usize, String> {
    let number = value.as_integer().and_then(|number| usize::from_str_radix(number.as_str(), number.radix()).ok());
    number.filter(|number| *number > 0).ok_or_else(|| expected("a whole number from 1", value))
}

/// A number of bytes from 1, such as `4096` or `"64 MiB"`.
pub fn bytes(value: &DeValue<'_>) -> Result<usize, String> {
    if value.is_integer() {
        return count(value);
    }
    let size = value.as_str().and_then(|text| text.parse::<ByteSize>().ok());
    let size = size.and_then(|size| usize::try_from(size.as_u64()).ok()).filter(|size| *size > 0);
    size.ok_or_else(|| "a size is expected, such as \"64 MiB\" or a number of bytes".to_owned())
}

/// A time, such as `"5 s"`.
pub fn duration(value: &DeValue<'_>) -> Result<Duration, String> {
    let duration = value.as_str().and_then(|text| text.parse::<SignedDuration>().ok());
    let duration = duration.and_then(|duration| Duration::try_from(duration).ok());
    duration.ok_or_else(|| "a time is expected, such as \"5 s\" or \"24 h\"".to_owned())
}
