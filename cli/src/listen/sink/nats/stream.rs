//! What is required of a stream, and how one is created that has it.

use std::io;
use std::time::Duration;

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{Config, DiscardPolicy, Info, PersistenceMode, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, ErrorCode};

use super::NatsSettings;
use super::connection::{UNREACHABLE, connect};

/// The shortest time that events have to be kept: a day more than providers send an event again.
pub const KEPT: Duration = Duration::from_secs(8 * DAY);
const DAY: u64 = 24 * 60 * 60;

/// The time in which an id is recognised without its subject.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(2 * 60);

/// What is known of a stream, or why it cannot be asked.
pub async fn info(context: &Context, name: &str) -> io::Result<Info> {
    let stream = context.get_stream(name).await.map_err(|error| match error.kind() {
        GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
            let what = format!("there is no stream {name}; `pos-webhooks sink create` creates it");
            io::Error::new(io::ErrorKind::NotFound, what)
        }
        // The servers of a cluster have not chosen yet who is responsible, or do not answer.
        GetStreamErrorKind::JetStream(error) if error.code() == 503 => io::Error::new(UNREACHABLE, error),
        GetStreamErrorKind::Request => io::Error::new(UNREACHABLE, error),
        GetStreamErrorKind::JetStream(error) => io::Error::other(error),
        _ => io::Error::other(error),
    })?;
    Ok(stream.cached_info().clone())
}

/// In which ways a stream would lose events, or accept them twice, each with what to do.
pub fn problems(config: &Config, settings: &NatsSettings) -> Vec<String> {
    let mut problems = Vec::new();
    let mut add = |what: String| problems.push(what);
    let name = &settings.stream;
    let edit = format!("run `nats stream edit {name}");
    let subjects = format!("{}.>", settings.subject);
    if !config.subjects.iter().any(|filter| covers(filter, &settings.subject)) {
        let has = config.subjects.join(", ");
        add(format!("its subjects are {has}, which do not include {subjects}: {edit} --subjects '{subjects}'`"));
    }
    if config.retention != RetentionPolicy::Limits {
        let retention = match config.retention {
            RetentionPolicy::Interest => "interest",
            RetentionPolicy::WorkQueue => "workqueue",
            RetentionPolicy::Limits => "limits",
        };
        add(format!(
            "its retention is `{retention}`, which removes events as soon as they are consumed, so that they would be \
             stored again: create another stream with `--retention limits`, since the retention of a stream cannot be \
             changed to it"
        ));
    }
    if config.discard != DiscardPolicy::New {
        add(format!("its discard policy is `old`, so that a full stream drops stored events: {edit} --discard new`"));
    }
    if config.discard_new_per_subject {
        add(format!(
            "`discard_new_per_subject` is set, so that a duplicate cannot be told from a full stream: {edit} \
             --no-discard-per-subject`"
        ));
    }
    if config.storage != StorageType::File {
        add("its storage is `memory`, which a restart empties: create another stream with `--storage file`".to_owned());
    }
    if config.persist_mode == Some(PersistenceMode::Async) {
        add("its persist mode is `async`, which answers before events are written: create another stream without it"
            .to_owned());
    }
    if config.no_ack {
        add(format!("`no_ack` is set, so that nothing says whether an event is stored: {edit} --ack`"));
    }
    if config.sealed {
        add("it is sealed, so that nothing can be stored any more: create another stream".to_owned());
    }
    if config.mirror.is_some() {
        add("it is a mirror, which cannot be written: use the stream that it mirrors".to_owned());
    }
    if config.subject_transform.is_some() {
        add("it changes subjects, by which an event is stored once: create another stream without a subject transform"
            .to_owned());
    }
    if !config.max_age.is_zero() && config.max_age < KEPT {
        add(format!(
            "it keeps events for {} h, but providers send them again for up to 7 days, after which they would be \
             stored again: {edit} --max-age 30d`",
            config.max_age.as_secs() / 3600
        ));
    }
    if config.num_replicas < settings.replicas {
        let (has, least) = (config.num_replicas, settings.replicas);
        add(format!("it has {has} of the required {least} replicas: {edit} --replicas {least}`"));
    }
    problems
}

/// Whether a filter of subjects includes all subjects of events that begin with these tokens.
fn covers(filter: &str, beginning: &str) -> bool {
    let mut tokens = beginning.split('.');
    for part in filter.split('.') {
        match (part, tokens.next()) {
            (">", _) => return true,
            // Events have four more tokens or more.
            ("*", _) => {}
            (part, Some(token)) if part == token => {}
            (_, Some(_) | None) => return false,
        }
    }
    false
}

/// Creates the stream of a sink, unless there is one, and returns what is known of it, as sentences.
pub async fn create(settings: &NatsSettings, wanted: Config) -> io::Result<Vec<String>> {
    let client = connect(settings, &Default::default()).await?;
    let context = async_nats::jetstream::new(client);
    match info(&context, &settings.stream).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
        Ok(_) => return super::NatsSink::check(settings).await,
    }
    context.create_stream(wanted).await.map_err(io::Error::other)?;
    super::NatsSink::check(settings).await
}

/// The stream of a sink that does not lose what it has acknowledged. `max_age` limits how long the stream keeps events, and
/// `max_bytes` its size; without, the storage of the account does.
pub fn wanted(settings: &NatsSettings, max_age: Duration, max_bytes: Option<u64>) -> Config {
    Config {
        name: settings.stream.clone(),
        description: Some("Events of webhooks, each stored once".to_owned()),
        subjects: vec![format!("{}.>", settings.subject)],
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        storage: StorageType::File,
        max_age,
        max_bytes: max_bytes.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
        max_messages: -1,
        max_messages_per_subject: -1,
        max_consumers: -1,
        num_replicas: settings.replicas,
        duplicate_window: DUPLICATE_WINDOW,
        deny_delete: true,
        deny_purge: true,
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    use super::*;
    use crate::listen::sink::nats::{Login, NatsSink, TlsFiles};

    #[tokio::test]
    async fn a_created_stream_fits_and_is_not_changed_by_a_second_creation() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let store = std::env::temp_dir().join(format!("pos-webhooks-nats-{port}"));
        let program = if std::path::Path::new("/usr/sbin/nats-server").exists() {
            "/usr/sbin/nats-server"
        } else {
            "nats-server"
        };
        let mut server = Command::new(program);
        let server = server.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"]).arg(&store);
        let Ok(mut server) = server.stderr(Stdio::piped()).spawn() else {
            assert!(std::env::var_os("POS_WEBHOOKS_REQUIRE_SERVERS").is_none(), "nats-server is missing");
            eprintln!("SKIPPED: nats-server is missing; `apt-get install nats-server` installs it");
            return;
        };
        let mut log = BufReader::new(server.stderr.take().unwrap()).lines();
        assert!(log.any(|line| line.unwrap().contains("Server is ready")));
        let settings = NatsSettings {
            servers: vec![format!("nats://127.0.0.1:{port}")],
            login: Login::None,
            tls: TlsFiles::default(),
            stream: "S".to_owned(),
            subject: "a.b".to_owned(),
            replicas: 1,
            sync_always: false,
            monitors: Vec::new(),
        };
        assert_eq!(NatsSink::check(&settings).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        let created = create(&settings, wanted(&settings, Duration::from_secs(8 * DAY), Some(1 << 20))).await.unwrap();
        assert!(created.iter().any(|fact| fact.contains("keeps them for 192 h")), "{created:?}");
        assert_eq!(create(&settings, wanted(&settings, Duration::from_secs(9 * DAY), None)).await.unwrap(), created);
        let context = async_nats::jetstream::new(connect(&settings, &Default::default()).await.unwrap());
        let config = info(&context, "S").await.unwrap().config;
        assert_eq!((config.subjects, config.max_bytes), (vec!["a.b.>".to_owned()], 1 << 20));
        assert!(config.deny_delete && config.deny_purge);
        server.kill().unwrap();
        server.wait().unwrap();
        std::fs::remove_dir_all(&store).unwrap();
    }

    #[test]
    fn a_stream_has_to_have_every_subject_of_events() {
        for (filter, beginning, whether) in [
            ("pos.>", "pos", true),
            (">", "pos", true),
            ("*.>", "pos", true),
            ("pos.*.*.>", "pos", true),
            ("a.b.>", "a.b", true),
            ("a.*.>", "a.b", true),
            ("pos", "pos", false),
            ("pos.*", "pos", false),
            ("pos.*.*.*.*", "pos", false),
            ("pos.shop.>", "pos", false),
            ("a.b.c.>", "a.b", false),
            ("other.>", "pos", false),
        ] {
            assert_eq!(covers(filter, beginning), whether, "{filter} {beginning}");
        }
    }
}
