//! What `listen` does: by the options of one provider, or by a configuration.

use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use pos_webhooks::Secret;

use super::log::LogFormat;
use super::refused::RefusedSettings;
use super::route::Registration;
use super::sink::SinkSettings;

/// Everything that a process of `listen` does.
pub struct Plan {
    pub address: Address,
    /// Where health and metrics are served; `None` if the address of the deliveries serves them as well.
    pub admin: Option<Address>,
    /// How long the program reports that it is not ready before it accepts no more connections.
    pub drain: Duration,
    pub limits: Limits,
    pub log: LogFormat,
    pub refused: Option<RefusedSettings>,
    pub routes: Vec<RoutePlan>,
    pub sinks: Vec<SinkPlan>,
}

/// Limits of the whole process.
#[derive(Clone, Copy)]
pub struct Limits {
    pub connections: NonZeroUsize,
    /// The number of bytes that all requests together may need.
    pub in_flight: usize,
}

pub const CONNECTIONS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// The default maximum size of a body.
pub const BODY: usize = 1 << 20;
pub const IN_FLIGHT: usize = 64 << 20;
/// The default number of idempotency keys that a file and standard output remember.
pub const WINDOW: NonZeroUsize = NonZeroUsize::new(100_000).unwrap();

/// An address to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Tcp(SocketAddr),
    Unix(UnixAddress),
    /// The sockets that systemd, or another manager of services, has opened.
    Inherited,
}

/// A unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixAddress {
    pub path: PathBuf,
    /// The users who may connect: those with the right to write.
    pub mode: u32,
}

impl UnixAddress {
    /// The owner and the group, so that a proxy of another user can be in the group.
    const MODE: u32 = 0o660;

    /// Reads `PATH` or `PATH|0666`.
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (path, mode) = match text.rsplit_once('|') {
            None => (text, Self::MODE),
            Some((path, mode)) => {
                let is_octal = matches!(mode.len(), 3 | 4) && mode.bytes().all(|byte| byte.is_ascii_digit());
                let mode = u32::from_str_radix(mode, 8).ok().filter(|mode| is_octal && *mode <= 0o777);
                (path, mode.ok_or("the mode of a unix socket has 3 or 4 octal digits, such as unix:PATH|0666")?)
            }
        };
        if path.is_empty() {
            return Err("the path of the unix socket is missing");
        }
        Ok(Self { path: path.into(), mode })
    }
}

impl Address {
    /// Whether only one of the two can be opened.
    pub fn overlaps(&self, other: &Self) -> bool {
        let includes = |one: &SocketAddr, other: &SocketAddr| {
            one.ip() == other.ip() || one.ip().is_unspecified() && (one.is_ipv6() || other.is_ipv4())
        };
        match (self, other) {
            // For the port 0, the system chooses one of its own for each.
            (Self::Tcp(one), Self::Tcp(other)) => {
                one.port() == other.port() && one.port() != 0 && (includes(one, other) || includes(other, one))
            }
            (Self::Unix(one), Self::Unix(other)) => one.path == other.path,
            _ => false,
        }
    }
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("unix:") {
            Some(unix) => UnixAddress::parse(unix).map(Self::Unix),
            None if text == "systemd" => Ok(Self::Inherited),
            None => text
                .parse()
                .map(Self::Tcp)
                .map_err(|_| "an IP address and a port are expected, such as 127.0.0.1:8080; or unix:PATH; or systemd"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(UnixAddress { path, mode: UnixAddress::MODE }) => write!(f, "unix:{}", path.display()),
            Self::Unix(UnixAddress { path, mode }) => write!(f, "unix:{}|{mode:04o}", path.display()),
            Self::Inherited => f.write_str("systemd"),
        }
    }
}

/// One route: the deliveries of one registration.
pub struct RoutePlan {
    pub name: String,
    pub path: PathPattern,
    pub registration: Registration,
    /// The name of the sink.
    pub sink: String,
    pub once: Once,
    pub max_bytes: usize,
    pub strict: bool,
    /// The secret with which forwarded events of this route are signed anew.
    pub forward_secret: Option<Secret>,
}

/// The paths of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPattern {
    Exact(String),
    /// The path of this beginning, which ends with a slash, and one more segment.
    Segment(String),
    Any,
}

impl PathPattern {
    /// Reads `/hooks`, `/hooks/*` or `*`.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let pattern = match text.strip_suffix("/*") {
            _ if text == "*" => return Ok(Self::Any),
            Some(beginning) => Self::Segment(format!("{beginning}/")),
            None => Self::Exact(text.to_owned()),
        };
        if !text.starts_with('/') {
            return Err("a path begins with a slash, such as /hooks/shop; the last segment may be *");
        }
        let (Self::Exact(fixed) | Self::Segment(fixed)) = &pattern else { return Ok(pattern) };
        if !fixed.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'*' | b'?' | b'#')) {
            return Err(
                "a path has neither spaces nor a query, other characters than ASCII are percent-encoded, and * stands \
                        for the whole last segment",
            );
        }
        Ok(pattern)
    }

    pub fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => path == exact,
            Self::Segment(beginning) => {
                path.strip_prefix(beginning.as_str()).is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
            }
            Self::Any => true,
        }
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(path) => f.write_str(path),
            Self::Segment(beginning) => write!(f, "{beginning}*"),
            Self::Any => f.write_str("*"),
        }
    }
}

/// How an event is recognised that is delivered again, if it does not have an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, ValueEnum)]
pub enum Once {
    /// It is not recognised, and is written each time
    #[default]
    Key,
    /// By its body: two events with the same bytes are one
    Body,
}

/// One sink: where events are stored.
pub struct SinkPlan {
    pub name: String,
    pub settings: SinkSettings,
}
