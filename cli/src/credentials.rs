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
        variable(provider, &self.name)
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

/// The environment variable of a provider's setting.
pub fn variable(provider: &Provider, name: &str) -> String {
    format!("POS_WEBHOOKS_{}_{name}", provider.name).to_ascii_uppercase()
}

/// The value of a provider's setting in the environment.
pub fn from_environment(provider: &Provider, name: &str) -> Result<Option<String>, Stop> {
    let variable = variable(provider, name);
    match env::var(&variable) {
        Ok(value) => Ok(Some(value)),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(Stop::Input(format!("{variable} is not text in UTF-8"))),
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
        let known = CredentialField::all(provider);
        let file = target.credentials_file.as_deref();
        let values = match file {
            Some(file) => from_file(provider, &known, file)?,
            None => {
                let mut values = BTreeMap::new();
                for credential in &known {
                    let value = from_environment(provider, &credential.name)?;
                    values.extend(value.map(|value| (credential.name.clone(), Secret::from(value))));
                }
                values
            }
        };
        Self::of(provider, target, proof, values, file.map(|file| file.display().to_string()))
    }

    /// Reads the credentials that the sandbox at this address has issued.
    pub fn of_sandbox(
        provider: &'static Provider,
        target: &Target,
        proof: Proof,
        values: BTreeMap<String, Secret>,
        url: &str,
    ) -> Result<Self, Stop> {
        Self::of(provider, target, proof, values, Some(format!("the sandbox at {}", Plain(url))))
    }

    /// Reads these values. Without an origin, they are from the environment.
    fn of(
        provider: &'static Provider,
        target: &Target,
        proof: Proof,
        values: BTreeMap<String, Secret>,
        origin: Option<String>,
    ) -> Result<Self, Stop> {
        let known = CredentialField::all(provider);
        let grant = grant(provider, target.grant.as_deref())?;
        let values = values.into_iter().filter_map(|(name, value)| {
            let value = input::without_mark(value.expose());
            (!value.is_empty()).then(|| (name, Secret::from(value)))
        });
        let values: BTreeMap<_, _> = values.collect();
        let origin = |credential: &CredentialField| origin.clone().unwrap_or_else(|| credential.variable(provider));
        let value = |credential: &CredentialField| values.get(&credential.name);
        let (mut missing, mut instead) = (Vec::new(), String::new());
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
                missing.extend(client.iter().copied().filter(|credential| value(credential).is_none()));
                let pair = |credential: &&CredentialField| Some((credential.name.clone(), value(credential)?.clone()));
                let values: Vec<_> = client.iter().filter_map(pair).collect();
                let token = match grant.and_then(|grant| grant.name) {
                    Some(name) => Token::from_client_with_grant(name, values),
                    None => Token::from_client(values),
                };
                (token, origin(field))
            }
            (_, Some(field)) if matches!(field.kind, FieldKind::Token { required: true }) => {
                let names: Vec<_> = client.iter().map(|credential| format!("`{}`", credential.name)).collect();
                if !names.is_empty() {
                    instead = format!("; or give {} to request a token", names.join(", "));
                }
                missing.push(field);
                (Token::fixed(""), String::new())
            }
            (_, field) => (Token::fixed(""), field.map(origin).unwrap_or_default()),
        };
        let mut headers = Vec::new();
        for credential in &known {
            let FieldKind::Header(header) = credential.kind else { continue };
            match value(credential) {
                None if header.required => missing.push(credential),
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
        if !missing.is_empty() {
            let name = provider.name;
            let all = |shown: &dyn Fn(&CredentialField) -> String, before: &str| {
                let shown: Vec<_> = missing.iter().map(|credential| shown(credential)).collect();
                match shown.as_slice() {
                    [others @ .., last] if !others.is_empty() => format!("{}{before}{last}", others.join(", ")),
                    shown => shown.concat(),
                }
            };
            let names = all(&|credential| format!("`{}`", credential.name), " and ");
            let variables = all(&|credential| credential.variable(provider), " and ");
            let members = all(&|credential| format!("\"{}\": \"…\"", credential.name), ", ");
            return Err(Stop::Usage(format!(
                "{name} requires {names}: set {variables}, or give --credentials-file a file with {{{members}}}{instead}"
            )));
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
