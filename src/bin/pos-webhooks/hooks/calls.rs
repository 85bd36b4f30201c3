//! Calls by the name of their operation, sent through the generated clients.

use std::time::Duration;

use pos_webhooks::Secret;
use pos_webhooks::catalogue::{Operation, Provider};
use pos_webhooks::client::{Error, ErrorKind, SetupError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::credentials::{Credentials, TOKEN};

/// A call with all that it needs.
pub struct Call {
    pub operation: &'static Operation,
    pub server: String,
    pub credentials: Credentials,
    /// Of the path and the query, by their names.
    pub parameters: Vec<(&'static str, String)>,
    /// Valid JSON; empty where nothing is sent.
    pub body: String,
}

/// Why a call has no good end.
pub enum Failed {
    /// Nothing was sent.
    Unsent(String),
    Call(Box<Refusal>),
}

/// What is known of a call that failed.
pub struct Refusal {
    pub message: String,
    pub status: Option<u16>,
    /// The body of an answer that is documented.
    pub documented: Option<Vec<u8>>,
    pub retryable: bool,
    pub retry_after: Option<Duration>,
    /// The call was sent, and nothing says what became of it.
    pub in_doubt: bool,
}

impl From<SetupError> for Failed {
    fn from(error: SetupError) -> Self {
        Self::Unsent(with_causes(&error))
    }
}

impl Call {
    fn token(&self) -> Secret {
        self.credentials.get(TOKEN).cloned().unwrap_or_else(|| Secret::from(""))
    }

    fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    fn body<T: DeserializeOwned>(&self) -> Result<T, Failed> {
        // serde's own message quotes the value.
        serde_json::from_str(&self.body).map_err(|_| Failed::Unsent("the request does not fit its model".to_owned()))
    }

    /// There is a test that calls every operation of every provider.
    fn without_client<T>(&self) -> Result<T, Failed> {
        Err(Failed::Unsent(format!("this program cannot call `{}` yet", self.operation.id)))
    }
}

/// Sends the call; the answer as JSON.
pub async fn send(provider: &Provider, call: &Call) -> Result<String, Failed> {
    match provider.name {
        #[cfg(feature = "mipos")]
        "mipos" => mipos(call).await,
        #[cfg(feature = "mypos")]
        "mypos" => mypos(call).await,
        #[cfg(feature = "vipps")]
        "vipps" => vipps(call).await,
        _ => call.without_client(),
    }
}

#[cfg(feature = "mipos")]
async fn mipos(call: &Call) -> Result<String, Failed> {
    use pos_webhooks::mipos::{Client, Credentials};

    let client = Client::new(&call.server, Credentials::new(call.token()))?;
    match call.operation.id {
        "create_webhook" => answer(call, client.create_webhook(&call.body()?).await),
        "update_webhook" => answer(call, client.update_webhook(&call.body()?).await),
        "delete_webhook" => answer(call, client.delete_webhook(&call.body()?).await),
        "list_webhooks" => answer(call, client.list_webhooks().await),
        _ => call.without_client(),
    }
}

#[cfg(feature = "mypos")]
async fn mypos(call: &Call) -> Result<String, Failed> {
    use pos_webhooks::mypos::{Client, Credentials};

    let client = Client::new(&call.server, Credentials::new(call.token()))?;
    match call.operation.id {
        "create_webhook" => answer(call, client.create_webhook(&call.body()?).await),
        "list_webhooks" => answer(call, client.list_webhooks().await),
        "get_webhook" => answer(call, client.get_webhook(call.parameter("id")).await),
        "update_webhook" => answer(call, client.update_webhook(call.parameter("id"), &call.body()?).await),
        "delete_webhook" => answer(call, client.delete_webhook(call.parameter("id")).await),
        _ => call.without_client(),
    }
}

#[cfg(feature = "vipps")]
async fn vipps(call: &Call) -> Result<String, Failed> {
    use pos_webhooks::vipps::{Client, Credentials};

    let mut credentials = Credentials::new(call.token());
    if let Some(number) = call.credentials.get("merchant_serial_number") {
        let invalid = |_| Failed::Unsent("the credential `merchant_serial_number` does not fit its model".to_owned());
        credentials = credentials.merchant_serial_number(number.expose().parse().map_err(invalid)?);
    }
    macro_rules! headers {
        ($($name:ident),*) => {
            $(if let Some(value) = call.credentials.get(stringify!($name)) {
                credentials = credentials.$name(value.clone());
            })*
        };
    }
    headers!(
        ocp_apim_subscription_key,
        vipps_system_name,
        vipps_system_version,
        vipps_system_plugin_name,
        vipps_system_plugin_version
    );
    let client = Client::new(&call.server, credentials)?;
    match call.operation.id {
        "list_webhooks" => answer(call, client.list_webhooks().await),
        "register_webhook" => answer(call, client.register_webhook(&call.body()?).await),
        "delete_webhook" => answer(call, client.delete_webhook(call.parameter("id")).await),
        _ => call.without_client(),
    }
}

fn answer<T: Serialize, E: 'static>(call: &Call, done: Result<T, Error<E>>) -> Result<String, Failed> {
    let error = match done {
        Ok(answer) => {
            return serde_json::to_string(&answer).map_err(|error| Failed::Unsent(error.to_string()));
        }
        Err(error) => error,
    };
    let message = with_causes(&error);
    if matches!(error.kind(), ErrorKind::Token(_) | ErrorKind::Request(_)) {
        return Err(Failed::Unsent(message));
    }
    let in_doubt = match error.kind() {
        ErrorKind::Timeout(_) => true,
        ErrorKind::Connection(error) => !error.is_connect(),
        ErrorKind::Answer(_) => false,
        // Whatever stands between may have answered for the provider.
        _ => error.status().is_none_or(|status| status.is_success() || status.is_server_error()),
    };
    Err(Failed::Call(Box::new(Refusal {
        message,
        status: error.status().map(|status| status.as_u16()),
        documented: error.answer().map(|_| error.body().to_vec()),
        retryable: error.is_retryable(),
        retry_after: error.retry_after(),
        in_doubt: in_doubt && call.operation.method != "GET",
    })))
}

/// The message with those of its causes, each said once.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        cause = error.source();
    }
    message
}
