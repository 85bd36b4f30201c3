//! What a call proves with who makes it: from the environment or a file, never from arguments.

use std::collections::BTreeMap;
use std::env;
use std::path::Path;

use pos_webhooks::Secret;
use pos_webhooks::catalogue::{Parameter, Provider};

use crate::{Stop, input};

/// The name of what [`Provider::credential`] describes.
const TOKEN: &str = "token";

/// What `pos-webhooks sandbox` prints among the credentials for those who receive deliveries; no call has them.
const OF_RECEIVERS: &str = "secret";

/// Something that every call of a client sends.
pub struct Credential {
    /// As the clients name it.
    pub name: String,
    pub required: bool,
    pub description: &'static str,
    /// The header, where it is not the token.
    header: Option<&'static Parameter>,
}

impl Credential {
    pub fn all(provider: &'static Provider) -> Vec<Self> {
        let token = provider.credential.iter().map(|credential| Self {
            name: TOKEN.to_owned(),
            required: credential.required,
            description: credential.description,
            header: None,
        });
        let mut all: Vec<_> = token.collect();
        for header in provider.operations.iter().flat_map(|operation| operation.headers).filter(|it| it.constant) {
            let name = header.name.to_ascii_lowercase().replace('-', "_");
            match all.iter_mut().find(|known| known.name == name) {
                Some(known) => known.required |= header.required,
                None => all.push(Self {
                    name,
                    required: header.required,
                    description: header.description,
                    header: Some(header),
                }),
            }
        }
        all
    }

    /// The environment variable that may hold it.
    pub fn variable(&self, provider: &Provider) -> String {
        format!("POS_WEBHOOKS_{}_{}", provider.name, self.name).to_ascii_uppercase()
    }

    fn is_secret(&self) -> bool {
        self.header.is_none_or(|header| header.schema.contains("\"password\""))
    }
}

/// The credentials of one call.
pub struct Credentials {
    pub token: Secret,
    /// The constant headers of the calls, by their names.
    pub headers: Vec<(&'static str, Secret)>,
    /// Those that nobody may see.
    secret: Vec<Secret>,
    /// Where the token is from, for whoever finds it refused.
    pub token_origin: String,
}

impl Credentials {
    /// From the file alone if there is one, so that nothing of another account is mixed in.
    pub fn read(provider: &'static Provider, file: Option<&Path>) -> Result<Self, Stop> {
        let known = Credential::all(provider);
        let values = match file {
            Some(file) => from_file(provider, &known, file)?,
            None => from_environment(provider, &known)?,
        };
        let values = values.into_iter().filter_map(|(name, value)| {
            let value = input::without_mark(value.expose());
            (!value.is_empty()).then(|| (name, Secret::from(value)))
        });
        let values: BTreeMap<_, _> = values.collect();
        let origin = |credential: &Credential| match file {
            Some(file) => file.display().to_string(),
            None => credential.variable(provider),
        };
        let (mut token, mut headers, mut secret) = (Secret::from(""), Vec::new(), Vec::new());
        for credential in &known {
            let name = &credential.name;
            match values.get(name) {
                None if credential.required => {
                    return Err(Stop::Usage(format!(
                        "{} asks for `{name}`: set {}, or give --credentials-file a file with {{\"{name}\": \"…\"}}",
                        provider.name,
                        credential.variable(provider),
                    )));
                }
                None => {}
                Some(value) => {
                    if let Some(Err(invalid)) = credential.header.map(|header| header.validate(value.expose())) {
                        let invalid = super::reasons(&invalid);
                        return Err(Stop::Usage(format!(
                            "the credential `{name}` from {}: {invalid}",
                            origin(credential)
                        )));
                    }
                    if credential.is_secret() {
                        secret.push(value.clone());
                    }
                    match credential.header {
                        Some(header) => headers.push((header.name, value.clone())),
                        None => token = value.clone(),
                    }
                }
            }
        }
        let token_origin = known.first().map(origin).unwrap_or_default();
        Ok(Self { token, headers, secret, token_origin })
    }

    pub fn secrets(&self) -> &[Secret] {
        &self.secret
    }
}

fn from_environment(provider: &Provider, known: &[Credential]) -> Result<BTreeMap<String, Secret>, Stop> {
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

fn from_file(provider: &Provider, known: &[Credential], file: &Path) -> Result<BTreeMap<String, Secret>, Stop> {
    let unusable = |why: String| Stop::Input(format!("{}: {why}", file.display()));
    let text = input::payload(file)?;
    let text = text.strip_prefix(input::BYTE_ORDER_MARK).unwrap_or(&text);
    let mut values: BTreeMap<String, Secret> = serde_json::from_slice(text).map_err(|error| {
        // serde's own message quotes the file.
        let (line, column) = (error.line(), error.column());
        unusable(format!("line {line}, column {column}: not a JSON object whose members are texts"))
    })?;
    values.retain(|name, _| name != OF_RECEIVERS);
    match values.keys().find(|name| known.iter().all(|credential| credential.name != **name)) {
        None => Ok(values),
        Some(unknown) => {
            let known: Vec<_> = known.iter().map(|credential| credential.name.as_str()).collect();
            let unknown = crate::report::Plain(unknown);
            Err(unusable(format!("{} has no credential `{unknown}`; it has: {}", provider.name, known.join(", "))))
        }
    }
}
