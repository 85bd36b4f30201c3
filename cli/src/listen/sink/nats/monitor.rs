//! Asks the monitoring of a server whether it flushes each message.

use std::time::Duration;

use serde::Deserialize;

use crate::account;
use crate::report::with_causes;
use crate::stop::Stop;

const TIME: Duration = Duration::from_secs(3);

/// The size that an answer may have.
const BYTES: usize = 1 << 20;

#[derive(Deserialize)]
struct Variables {
    server_name: Option<String>,
    jetstream: Option<JetStream>,
}

#[derive(Deserialize)]
struct JetStream {
    config: Option<JetStreamConfig>,
}

#[derive(Deserialize)]
struct JetStreamConfig {
    #[serde(default)]
    sync_always: bool,
}

/// What a server says of itself.
pub struct Monitored {
    pub name: String,
    /// Whether it flushes each message to its disk before it answers.
    pub sync_always: bool,
}

/// Asks the server with this monitoring URL. The error says why there is no answer.
pub async fn ask(url: &str) -> Result<Monitored, String> {
    let mut address = reqwest::Url::parse(url).map_err(|error| error.to_string())?;
    address.set_path("/varz");
    let failed = |error: reqwest::Error| with_causes(&error.without_url());
    let client = account::local(&address).map_err(Stop::message)?.timeout(TIME).build().map_err(failed)?;
    let answer = client.get(address).send().await.and_then(reqwest::Response::error_for_status).map_err(failed)?;
    let body = account::limited(answer, BYTES).await.map_err(failed)?.ok_or("the answer is too long")?;
    let variables: Variables =
        serde_json::from_slice(&body).map_err(|_| "the answer is not one of a NATS server".to_owned())?;
    let config = variables.jetstream.and_then(|jetstream| jetstream.config);
    let config = config.ok_or("the server does not have JetStream")?;
    Ok(Monitored { name: variables.server_name.unwrap_or_else(|| url.to_owned()), sync_always: config.sync_always })
}
