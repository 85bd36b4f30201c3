//! Reads secrets from where a configuration says that they are.

use std::env;
use std::path::{Path, PathBuf};

use pos_webhooks::Secret;

use super::reader::{self, Problems, Table};
use crate::input;
use crate::stop::Stop;

/// The folder of the secrets that systemd passes to a service.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Reads the secret of a table with `file`, `env` or `credential`. Relative files are those of `folder`.
pub fn read(mut table: Table<'_, '_>, folder: &Path, problems: &Problems<'_>) -> Option<Secret> {
    let file = table.get("file", reader::path);
    let variable = table.get("env", reader::text);
    let credential = table.get("credential", reader::text);
    let (place, name) = (table.place.clone(), table.name("").trim_end_matches('.').to_owned());
    table.end();
    let read = match (file, variable, credential) {
        (Some(file), None, None) => from_file(&folder.join(file.value)),
        (None, Some(variable), None) => from_environment(&variable.value),
        (None, None, Some(credential)) => from_credential(&credential.value),
        _ => Err("a secret is { file = … }, { env = … } or { credential = … }".to_owned()),
    };
    read.map_err(|what| problems.add(&place, format_args!("{name}: {what}"))).ok()
}

fn from_file(file: &Path) -> Result<Secret, String> {
    let secret = input::secret(file).map_err(Stop::message)?;
    readable_by_others(file).map_or(Ok(secret), Err)
}

/// Who can read a file that only its owner and its group should read, and what to do; `None` if nobody else can.
pub fn readable_by_others(file: &Path) -> Option<String> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let mode = std::fs::metadata(file).ok()?.mode() & 0o777;
        let file = file.display();
        (mode & 0o007 != 0).then(|| {
            format!("{file} can be read by every user of the machine (mode {mode:04o}): run `chmod o= {file}`")
        })
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        None
    }
}

fn from_environment(variable: &str) -> Result<Secret, String> {
    match env::var(variable) {
        Ok(text) => input::secret_in(&text).ok_or_else(|| format!("the environment variable {variable} is empty")),
        Err(env::VarError::NotPresent) => Err(format!("the environment variable {variable} is not set")),
        Err(env::VarError::NotUnicode(_)) => Err(format!("the environment variable {variable} is not UTF-8 text")),
    }
}

fn from_credential(name: &str) -> Result<Secret, String> {
    let folder = env::var_os(CREDENTIALS).map(PathBuf::from);
    let folder = folder.ok_or_else(|| {
        format!(
            "there are no credentials, since {CREDENTIALS} is not set; systemd sets it for LoadCredential={name}:FILE"
        )
    })?;
    if name.contains('/') {
        return Err("the name of a credential does not have a slash".to_owned());
    }
    input::secret(&folder.join(name)).map_err(Stop::message)
}
