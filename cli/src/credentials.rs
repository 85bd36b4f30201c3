//! Reads credentials from the environment or a file, never from arguments.

use std::collections::BTreeMap;
use std::env;
use std::path::Path;

use pos_webhooks::Secret;
use pos_webhooks::catalogue::{ClientCredential, Parameter, Provider, TokenGrant};
use pos_webhooks::client::Token;

use crate::input;
use crate::report::{Plain, reasons};
use crate::stop::Stop;
use crate::target::Target;

/// The name of the credential that [`Provider::credential`] describes.
const TOKEN: &str = "token";

/// A credential that `pos-webhooks sandbox` prints for receivers. Requests do not use it.
const OF_RECEIVERS: [&str; 2] = ["secret", "verify_token"];

/// A credential that a client is given once.
pub struct CredentialField {
    /// The name in the clients.
    pub name: String,
    pub description: &'static str,
    kind: FieldKind,
}

#[derive(Clone, Copy)]
enum FieldKind {
    Token {
        required: bool,
    },
    /// A credential that a token is requested with.
    Client(&'static ClientCredential),
    Header(&'static Parameter),
}

impl CredentialField {
    pub fn all(provider: &'static Provider) -> Vec<Self> {
        let token = provider.credential.iter().map(|credential| Self {
            name: TOKEN.to_owned(),
            description: credential.description,
            kind: FieldKind::Token { required: credential.required },
        });
        let mut client: Vec<Self> = Vec::new();
        for credential in provider.grants().iter().flat_map(|grant| grant.credentials) {
            if client.iter().all(|known| known.name != credential.name) {
                let kind = FieldKind::Client(credential);
                client.push(Self { name: credential.name.to_owned(), description: credential.description, kind });
            }
        }
        let headers = provider.constant_headers().into_iter().map(|header| Self {
            name: header.credential_name(),
            description: header.description,
            kind: FieldKind::Header(header),
        });
        token.chain(client).chain(headers).collect()
    }

    /// The environment variable of the credential.
    pub fn variable(&self, provider: &Provider) -> String {
        format!("POS_WEBHOOKS_{}_{}", provider.name, self.name).to_ascii_uppercase()
    }

    /// Whether a token is requested with it.
    pub fn is_of_client(&self) -> bool {
        matches!(self.kind, FieldKind::Client(_))
    }

    /// Whether the credential is required, for the help.
    pub fn need(&self, provider: &'static Provider) -> &'static str {
        match self.kind {
            FieldKind::Token { .. } if !provider.grants().is_empty() => "required unless one is requested",
            FieldKind::Client(_) => "to request a token",
            FieldKind::Token { required: true } => "required",
            FieldKind::Header(header) if header.required => "required",
            FieldKind::Token { .. } | FieldKind::Header(_) => "optional",
        }
    }

    fn is_secret(&self) -> bool {
        match self.kind {
            FieldKind::Token { .. } => true,
            FieldKind::Client(credential) => credential.secret,
            FieldKind::Header(header) => is_secret(header),
        }
    }
}

/// Whether the value of a parameter is secret.
pub fn is_secret(parameter: &Parameter) -> bool {
    parameter.schema.contains("\"password\"")
}

/// The grant of this name, or the default one; `None` if the provider does not document an operation that issues tokens.
fn grant(provider: &'static Provider, name: Option<&str>) -> Result<Option<&'static TokenGrant>, Stop> {
    let Some(name) = name else { return Ok(provider.grants().first()) };
    let found = provider.grants().iter().find(|grant| grant.name == Some(name));
    found.map(Some).ok_or_else(|| {
        let known: Vec<_> = provider.grants().iter().filter_map(|grant| grant.name).collect();
        let known =
            if known.is_empty() { "leave --grant out".to_owned() } else { format!("it has: {}", known.join(", ")) };
        let name = Plain(name);
        Stop::Usage(format!("{} does not document a way `{name}` to request a token; {known}", provider.name))
    })
}

/// Which credentials a command takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// A token, or the credentials to request one. The token takes precedence.
    Any,
    /// The credentials to request a token.
    Client,
    /// Neither, because the operation does not require a token.
    None,
}

/// The credentials of one call.
pub struct Credentials {
    pub token: Token,
    /// The constant headers of the calls, by their names.
    pub headers: Vec<(&'static str, Secret)>,
    /// The credentials that must not be shown.
    secret: Vec<Secret>,
    /// Where the token comes from, for the message if it is refused.
    pub token_origin: String,
}

impl Credentials {
    /// Reads the credentials from the file alone, if there is one, so that those of another account are not mixed in.
    pub fn read(provider: &'static Provider, target: &Target, proof: Proof) -> Result<Self, Stop> {
        let file = target.credentials_file.as_deref();
        let grant = grant(provider, target.grant.as_deref())?;
        let known = CredentialField::all(provider);
        let values = match file {
            Some(file) => from_file(provider, &known, file)?,
            None => from_environment(provider, &known)?,
        };
        let values = values.into_iter().filter_map(|(name, value)| {
            let value = input::without_mark(value.expose());
            (!value.is_empty()).then(|| (name, Secret::from(value)))
        });
        let values: BTreeMap<_, _> = values.collect();
        let origin = |credential: &CredentialField| match file {
            Some(file) => file.display().to_string(),
            None => credential.variable(provider),
        };
        let value = |credential: &CredentialField| values.get(&credential.name);
        let missing = |credential: &CredentialField, instead: &str| {
            let name = &credential.name;
            Stop::Usage(format!(
                "{} requires `{name}`: set {}, or give --credentials-file a file with {{\"{name}\": \"…\"}}{instead}",
                provider.name,
                credential.variable(provider),
            ))
        };
        let client = grant.map_or(&[][..], |grant| grant.credentials).iter();
        let client = client.filter_map(|it| known.iter().find(|known| known.is_of_client() && known.name == it.name));
        let client: Vec<_> = client.collect();
        let given = known.iter().find(|it| matches!(it.kind, FieldKind::Token { .. }));
        let given_token = given.filter(|_| proof == Proof::Any).and_then(&value);
        let (token, token_origin) = match (given_token, given) {
            _ if proof == Proof::None => (Token::fixed(""), String::new()),
            (Some(token), Some(field)) => (Token::fixed(token.clone()), origin(field)),
            _ if proof == Proof::Client || client.iter().any(|credential| value(credential).is_some()) => {
                let field = client.first().ok_or_else(|| {
                    Stop::Usage(format!("{} does not document an operation that issues tokens", provider.name))
                })?;
                let pair = |credential: &&CredentialField| match value(credential) {
                    Some(value) => Ok((credential.name.clone(), value.clone())),
                    None => Err(missing(credential, "")),
                };
                let values: Vec<_> = client.iter().map(pair).collect::<Result<_, _>>()?;
                let token = match grant.and_then(|grant| grant.name) {
                    Some(name) => Token::from_client_with_grant(name, values),
                    None => Token::from_client(values),
                };
                (token, origin(field))
            }
            (_, Some(field)) if matches!(field.kind, FieldKind::Token { required: true }) => {
                let names: Vec<_> = client.iter().map(|credential| format!("`{}`", credential.name)).collect();
                let instead = match names.as_slice() {
                    [] => String::new(),
                    names => format!("; or give {} to request a token", names.join(", ")),
                };
                return Err(missing(field, &instead));
            }
            (_, field) => (Token::fixed(""), field.map(origin).unwrap_or_default()),
        };
        let mut headers = Vec::new();
        for credential in &known {
            let FieldKind::Header(header) = credential.kind else { continue };
            match value(credential) {
                None if header.required => return Err(missing(credential, "")),
                None => {}
                Some(value) => {
                    if let Err(invalid) = header.validate(value.expose()) {
                        let (name, invalid) = (&credential.name, reasons(&invalid));
                        let origin = origin(credential);
                        return Err(Stop::Usage(format!("the credential `{name}` from {origin}: {invalid}")));
                    }
                    headers.push((header.name, value.clone()));
                }
            }
        }
        let secret = known.iter().filter(|credential| credential.is_secret()).filter_map(&value).cloned().collect();
        Ok(Self { token, headers, secret, token_origin })
    }

    pub fn secrets(&self) -> &[Secret] {
        &self.secret
    }

    /// Adds a secret that must not be shown.
    pub fn hide(&mut self, secret: Secret) {
        self.secret.push(secret);
    }
}

fn from_environment(provider: &Provider, known: &[CredentialField]) -> Result<BTreeMap<String, Secret>, Stop> {
    let mut values = BTreeMap::new();
    for credential in known {
        let variable = credential.variable(provider);
        match env::var(&variable) {
            Ok(value) => _ = values.insert(credential.name.clone(), Secret::from(value)),
            Err(env::VarError::NotPresent) => {}
            Err(env::VarError::NotUnicode(_)) => return Err(Stop::Input(format!("{variable} is not text in UTF-8"))),
        }
    }
    Ok(values)
}

fn from_file(provider: &Provider, known: &[CredentialField], file: &Path) -> Result<BTreeMap<String, Secret>, Stop> {
    let unusable = |why: String| Stop::Input(format!("{}: {why}", file.display()));
    let text = input::payload(file)?;
    let text = text.strip_prefix(input::BYTE_ORDER_MARK).unwrap_or(&text);
    let mut values: BTreeMap<String, Secret> = serde_json::from_slice(text).map_err(|error| {
        // serde's own message would quote the file.
        let (line, column) = (error.line(), error.column());
        unusable(format!("line {line}, column {column}: not a JSON object whose members are strings"))
    })?;
    values.retain(|name, _| !OF_RECEIVERS.contains(&name.as_str()));
    match values.keys().find(|name| known.iter().all(|credential| credential.name != **name)) {
        None => Ok(values),
        Some(unknown) => {
            let known: Vec<_> = known.iter().map(|credential| credential.name.as_str()).collect();
            let unknown = Plain(unknown);
            Err(unusable(format!("{} has no credential `{unknown}`; it has: {}", provider.name, known.join(", "))))
        }
    }
}
