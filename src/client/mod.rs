//! What the generated clients share: transport, credentials, responses and errors. Requires the feature `client`, which is
//! on by default.
//!
//! Clients need a Tokio runtime. A client cannot be constructed without credentials:
//!
//! ```
//! # #[cfg(feature = "vipps")] {
//! use pos_webhooks::vipps::{Client, Credentials, TEST};
//!
//! let client = Client::new(TEST, Credentials::from_client("client id", "client secret"))?;
//! let client = Client::new(TEST, Credentials::new("an access token"))?;
//! # }
//! # Ok::<(), pos_webhooks::client::SetupError>(())
//! ```
//!
//! ```compile_fail
//! use pos_webhooks::vipps::{Client, Credentials, TEST};
//!
//! let client = Client::new(TEST)?;
//! # Ok::<(), pos_webhooks::client::SetupError>(())
//! ```
//!
//! ```compile_fail
//! use pos_webhooks::vipps::{Client, Credentials, TEST};
//!
//! let client = Client::new(TEST, Credentials::default())?;
//! # Ok::<(), pos_webhooks::client::SetupError>(())
//! ```

mod answer;
mod answered_call;
mod any_answer;
mod any_client;
mod any_error;
mod any_request;
mod caller;
mod credential;
mod deadline;
mod error;
mod error_response;
mod grant;
mod options;
mod path;
mod retries;
mod rotate;
mod server;
mod tls;
mod token;
mod transport;

pub use any_answer::AnyAnswer;
pub use any_client::AnyClient;
pub use any_error::AnyError;
#[doc(hidden)]
pub use caller::{Caller, Proof};
#[doc(hidden)]
pub use credential::ConstantHeader;
pub use error::{Error, ErrorKind, SetupError, TokenError};
pub use error_response::ErrorResponse;
pub use options::Options;
#[doc(hidden)]
pub use path::{encode_path, segment};
pub use retries::Retries;
pub use rotate::{RotateError, Rotation};
pub use tls::http_client;
pub use token::{AccessToken, BoxError, Token};
#[doc(hidden)]
pub use transport::Session;
