//! Reads the configuration of `listen`.

#[cfg(feature = "nats")]
mod nats;
mod reader;
mod refused;
mod secret;
mod sink;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use clap::ValueEnum as _;
use toml::de::DeValue;

pub use self::secret::readable_by_others;

use self::reader::{Located, Problems, Table, bytes, count, duration, path, text, truth};
use super::log::LogFormat;
use super::memory;
use super::plan::{
    Address, BODY, CONNECTIONS, IN_FLIGHT, Limits, Once, PathPattern, Plan, RoutePlan, SinkPlan, UnixAddress,
};
use super::route::{Registration, RegistrationSettings};
use super::service::ADMIN;
use super::sink::{Sink, SinkSettings};
use crate::report::Plain;
use crate::stop::Stop;
use crate::{input, providers, suggest};

const LONGEST_DRAIN: Duration = Duration::from_secs(3600);

/// The members of a route, and the options for the same.
const OPTIONS: [(&str, &str); 8] = [
    ("--verify-token-file", "`verify_token`"),
    ("--accept-unsigned", "`accept_unsigned = true`"),
    ("--answer-status", "`answer_status`"),
    ("--secret-file", "`secrets`"),
    ("--signature", "`signature`"),
    ("--answer", "`answer`"),
    ("--event", "`event`"),
    ("--url", "`url`"),
];

/// Reads a configuration. The error has every problem with its line.
pub fn read(file: &Path) -> Result<Plan, Stop> {
    read_with(file, |configuration, table| configuration.read(table))
}

/// Reads one sink of a configuration. Problems with everything else, such as secrets that are on another machine, are no error.
pub fn read_sink(file: &Path, name: &str) -> Result<SinkSettings, Stop> {
    read_with(file, |Configuration { folder, problems }, mut table| {
        let mut sinks = table.tables("sinks");
        match sinks.iter().position(|(candidate, _)| candidate == name) {
            Some(position) => sink::read(sinks.swap_remove(position).1, folder, problems),
            None => {
                let names: Vec<_> = sinks.iter().map(|(name, _)| name.as_str()).collect();
                let known = match names.as_slice() {
                    [] => "a sink is a table such as [sinks.inbox]".to_owned(),
                    names => format!("known: {}", names.join(", ")),
                };
                problems.add(&table.place, format_args!("there is no sink `{name}`; {known}"));
                None
            }
        }
    })
}

fn read_with<T>(
    file: &Path,
    read: impl for<'t, 'p> FnOnce(Configuration<'t, 'p>, Table<'t, 'p>) -> Option<T>,
) -> Result<T, Stop> {
    let text = input::configuration(file)?;
    let problems = Problems::new(&text);
    let folder = file.parent().unwrap_or(Path::new(""));
    let read = read(Configuration { folder, problems: &problems }, Table::parse(&text, &problems));
    match (read, problems.into_sorted()) {
        (Some(read), problems) if problems.is_empty() => Ok(read),
        (_, problems) => {
            let lines = problems.iter().map(|(line, what)| format!("{}:{line}: {}", file.display(), Plain(what)));
            Err(Stop::Input(lines.collect::<Vec<_>>().join("\n")))
        }
    }
}

struct Configuration<'t, 'p> {
    /// The folder of the file, to which its relative paths refer.
    folder: &'p Path,
    problems: &'p Problems<'t>,
}

impl<'t> Configuration<'t, '_> {
    /// `None` if there are problems; there may also be problems otherwise.
    fn read(&self, mut file: Table<'t, '_>) -> Option<Plan> {
        let address = file.get("listen", |value| self.address(value));
        let admin = file.get("admin", |value| self.address(value));
        let drain = file.get("drain", |value| match duration(value)? {
            drain if drain > LONGEST_DRAIN => Err("a time of at most one hour is expected".to_owned()),
            drain => Ok(drain),
        });
        let (limits, max_bytes) = self.limits(file.table("limits"));
        let log = self.log(file.table("log"));
        let refused = file.table("refused").map(|table| refused::read(table, self.folder, self.problems));
        let sinks = self.sinks(file.tables("sinks"));
        if let Some(Located { value, place }) = &refused {
            let is_same =
                |sink: &SinkSettings| matches!(sink, SinkSettings::File(file) if value.shares_a_file_with(file));
            if sinks.values().flatten().any(is_same) {
                let what =
                    "refused.file: a sink writes to this file, or to the older one beside it, or reads it as its own";
                self.problems.add(place, what);
            }
        }
        let place = file.place.clone();
        let routes = file.tables("routes");
        if routes.is_empty() {
            self.problems.add(&place, "there is no route; a route is a table such as [routes.shop]");
        }
        file.end();
        let routes = self.routes(routes, &sinks, max_bytes, admin.is_none());
        let is_same = |admin: &Address| address.as_ref().is_some_and(|address| address.value.overlaps(admin));
        if let Some(admin) = admin.as_ref().filter(|admin| is_same(&admin.value)) {
            self.problems
                .add(&admin.place, "admin: the address is that of `listen`; leave `admin` out for one address");
        }
        Some(Plan {
            address: address.map_or(Address::Tcp(SocketAddr::from(([127, 0, 0, 1], 8080))), |address| address.value),
            admin: admin.map(|admin| admin.value),
            drain: drain.map(|drain| drain.value).unwrap_or_default(),
            limits,
            log,
            refused: refused.map(|refused| refused.value),
            routes: routes?,
            sinks: sinks
                .into_iter()
                .filter_map(|(name, settings)| Some(SinkPlan { name, settings: settings? }))
                .collect(),
        })
    }

    fn address(&self, value: &DeValue<'_>) -> Result<Address, String> {
        Ok(match text(value)?.parse()? {
            Address::Unix(UnixAddress { path, mode }) => {
                Address::Unix(UnixAddress { path: self.folder.join(path), mode })
            }
            address => address,
        })
    }

    fn limits(&self, table: Option<Table<'t, '_>>) -> (Limits, usize) {
        let mut limits = Limits { connections: CONNECTIONS, in_flight: IN_FLIGHT };
        let Some(mut table) = table else { return (limits, BODY) };
        if let Some(connections) = table.get("connections", count) {
            limits.connections = NonZeroUsize::new(connections.value).unwrap_or(CONNECTIONS);
        }
        let body = table.get("body", bytes).map_or(BODY, |body| body.value);
        limits.in_flight = IN_FLIGHT.max(memory::least(body));
        if let Some(in_flight) = table.get("in_flight", bytes) {
            limits.in_flight = in_flight.value;
            if in_flight.value < memory::least(body) {
                self.problems.add(
                    &in_flight.place,
                    format_args!(
                        "limits.in_flight: a body of {body} bytes needs {} bytes in flight",
                        memory::least(body)
                    ),
                );
            }
        }
        table.end();
        (limits, body)
    }

    fn log(&self, table: Option<Table<'t, '_>>) -> LogFormat {
        let Some(mut table) = table else { return LogFormat::Human };
        let format = table.get("format", |value| {
            let format = text(value)?;
            LogFormat::from_str(&format, false).map_err(|_| "`human` or `json` is expected".to_owned())
        });
        table.end();
        format.map_or(LogFormat::Human, |format| format.value)
    }

    /// The sinks by name. A sink with a problem is among them as `None`, so that its routes have no further one.
    fn sinks(&self, tables: Vec<(String, Table<'t, '_>)>) -> BTreeMap<String, Option<SinkSettings>> {
        let mut sinks = BTreeMap::<String, Option<SinkSettings>>::new();
        for (name, table) in tables {
            self.check_name(&name, &table);
            let place = table.place.clone();
            let Some(settings) = sink::read(table, self.folder, self.problems) else {
                sinks.insert(name, None);
                continue;
            };
            let is_same =
                |other: &Option<SinkSettings>| other.as_ref().is_some_and(|it| Sink::is_same_place(it, &settings));
            if let Some((other, _)) = sinks.iter().find(|(_, other)| is_same(other)) {
                let what = format!("sinks.{name} writes to the same place as sinks.{other}; routes can share one sink");
                self.problems.add(&place, what);
            }
            sinks.insert(name, Some(settings));
        }
        sinks
    }

    /// Names are parts of keys, labels and subjects.
    fn check_name(&self, name: &str, table: &Table<'_, '_>) {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || !name.bytes().all(is_plain) {
            let what = format!("{:?} is not a name of lowercase letters, digits and hyphens", Plain(name).to_string());
            self.problems.add(&table.place, what);
        }
    }

    fn routes(
        &self,
        tables: Vec<(String, Table<'t, '_>)>,
        sinks: &BTreeMap<String, Option<SinkSettings>>,
        max_bytes: usize,
        with_admin: bool,
    ) -> Option<Vec<RoutePlan>> {
        let mut routes = Some(Vec::new());
        let mut paths = BTreeMap::<String, String>::new();
        for (name, mut table) in tables {
            self.check_name(&name, &table);
            let path = table.required("path", |value| PathPattern::parse(&text(value)?).map_err(str::to_owned));
            if let Some(path) = &path {
                if let Some(other) = paths.insert(path.value.to_string(), name.clone()) {
                    let what = format!("routes.{name}.path: routes.{other} has the same path");
                    self.problems.add(&path.place, what);
                }
                if with_admin && matches!(&path.value, PathPattern::Exact(path) if ADMIN.contains(&path.as_str())) {
                    let what =
                        format!("routes.{name}.path: health and metrics are at this path, unless `admin` is given");
                    self.problems.add(&path.place, what);
                }
            }
            let sink = table.required("sink", text);
            if let Some(sink) = sink.as_ref().filter(|sink| !sinks.contains_key(&sink.value)) {
                let instead = suggest::closest(sinks.keys().map(String::as_str), &sink.value);
                let instead = instead.map_or_else(
                    || format!("a sink is a table such as [sinks.{}]", Plain(&sink.value)),
                    |known| format!("did you mean `{known}`?"),
                );
                let what = format!("routes.{name}.sink: there is no sink `{}`; {instead}", Plain(&sink.value));
                self.problems.add(&sink.place, what);
            }
            let once = table.get("once", |value| {
                Once::from_str(&text(value)?, false).map_err(|_| "`key` or `body` is expected".to_owned())
            });
            let body = table.get("body", bytes);
            if let Some(body) = body.as_ref().filter(|body| body.value > max_bytes) {
                let what = format!("routes.{name}.body: the limit is above limits.body, {max_bytes} bytes");
                self.problems.add(&body.place, what);
            }
            let strict = table.get("strict", truth);
            let forward_secret = table.table("forward_secret");
            let forward_secret = forward_secret.and_then(|secret| secret::read(secret, self.folder, self.problems));
            let registration = self.registration(&mut table);
            table.end();
            let plan = path.zip(sink).zip(registration).map(|((path, sink), registration)| RoutePlan {
                name,
                path: path.value,
                registration,
                sink: sink.value,
                once: once.map(|once| once.value).unwrap_or_default(),
                max_bytes: body.map_or(max_bytes, |body| body.value),
                strict: strict.is_some_and(|strict| strict.value),
                forward_secret,
            });
            match (plan, &mut routes) {
                (Some(plan), Some(routes)) => routes.push(plan),
                _ => routes = None,
            }
        }
        routes
    }

    fn registration(&self, table: &mut Table<'t, '_>) -> Option<Registration> {
        let provider = table.required("provider", |value| {
            let name = text(value)?;
            let found = providers::all().iter().copied().find(|provider| provider.name == name);
            found.ok_or_else(|| {
                let names = providers::all().iter().map(|provider| provider.name);
                let instead = match suggest::closest(names.clone(), &name) {
                    Some(known) => format!("did you mean `{known}`?"),
                    None => format!("known: {}", names.collect::<Vec<_>>().join(", ")),
                };
                format!("`{}` is not a provider; {instead}", Plain(&name))
            })
        });
        let url = table.get("url", text);
        let event = table.get("event", text);
        let signature = table.get("signature", text);
        let accept_unsigned = table.get("accept_unsigned", truth).is_some_and(|accept| accept.value);
        let tables = table.list("secrets");
        let given = tables.len();
        let mut secrets = Vec::new();
        for secret in tables.into_iter().flatten() {
            secrets.extend(secret::read(secret, self.folder, self.problems));
        }
        let token = table.table("verify_token");
        let has_token = token.is_some();
        let verify_token = token.and_then(|token| secret::read(token, self.folder, self.problems));
        let answers: Vec<String> = table
            .entries("answer", |value| path(value))
            .into_iter()
            .map(|(event, file)| format!("{event}={}", self.folder.join(file).display()))
            .collect();
        let answer_statuses: Vec<String> = table
            .entries("answer_status", |value| count(value))
            .into_iter()
            .map(|(event, status)| format!("{event}={status}"))
            .collect();
        let provider = provider?;
        // A secret that cannot be read is reported, and is not reported again as missing.
        if secrets.len() < given || has_token != verify_token.is_some() {
            return None;
        }
        if accept_unsigned && given > 0 {
            self.problems.add(
                &table.place,
                format_args!("{}: `accept_unsigned` and `secrets` exclude each other", table.name("secrets")),
            );
            return None;
        }
        let opened = Registration::open(RegistrationSettings {
            provider: provider.value,
            secrets,
            accept_unsigned,
            signature: signature.as_ref().map(|signature| signature.value.as_str()),
            url: url.as_ref().map(|url| url.value.as_str()),
            event: event.as_ref().map(|event| event.value.as_str()),
            verify_token,
            answers: &answers,
            answer_statuses: &answer_statuses,
        });
        match opened {
            Ok(mut registration) => {
                registration.warnings.iter_mut().for_each(|warning| *warning = by_members(warning));
                Some(registration)
            }
            Err(stop) => {
                let name = table.name("");
                let what = by_members(&stop.message());
                self.problems.add(&table.place, format_args!("{}: {what}", name.trim_end_matches('.')));
                None
            }
        }
    }
}

/// A message about options, as one about the members of a configuration.
fn by_members(message: &str) -> String {
    OPTIONS.iter().fold(message.to_owned(), |message, (option, member)| message.replace(option, member))
}
