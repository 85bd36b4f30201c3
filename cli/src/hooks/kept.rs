//! Saves a secret that the provider returns only once.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use pos_webhooks::Secret;

use crate::stop::Stop;

/// The space for a secret.
const ROOM: [u8; 4096] = [b'\n'; 4096];

/// A file for the secret. It is created before the call with space for a secret, so that the secret is not lost on a
/// full disk.
pub struct SecretFile {
    pub path: PathBuf,
    file: File,
}

impl SecretFile {
    pub fn create(path: &Path) -> Result<Self, Stop> {
        let unsent = |path: &Path, error| Stop::Input(format!("{}: {error}; nothing was sent", path.display()));
        // An interrupted command has left the space without a secret.
        if fs::symlink_metadata(path).is_ok_and(|file| file.is_file()) && fs::read(path).is_ok_and(|kept| kept == ROOM)
        {
            let _ = fs::remove_file(path);
        }
        let mut kept = match private(path) {
            Ok(file) => Self { path: path.to_owned(), file },
            Err(error) => return Err(unsent(path, error)),
        };
        // The file of the response is created only if it is needed.
        let beside = private(&kept.beside()).map_err(|error| (kept.beside(), error));
        if beside.is_ok() {
            let _ = fs::remove_file(kept.beside());
        }
        let room = kept.file.write_all(&ROOM).and_then(|()| kept.file.sync_all());
        match beside.and(room.map_err(|error| (path.to_owned(), error))) {
            Ok(()) => Ok(kept),
            Err((path, error)) => {
                kept.discard();
                Err(unsent(&path, error))
            }
        }
    }

    pub fn write(&mut self, secret: &Secret) -> io::Result<()> {
        self.overwrite(format!("{}\n", secret.expose()).as_bytes())
    }

    /// Saves the response beside the secret, and returns the path.
    pub fn write_answer(&self, body: &[u8]) -> io::Result<PathBuf> {
        let path = self.beside();
        let mut file = private(&path)?;
        file.write_all(body)?;
        file.sync_all()?;
        Ok(path)
    }

    /// Saves the response in the file of the secret. Returns the path, and whether the whole response was saved.
    pub fn into_answer(mut self, body: &[u8]) -> (PathBuf, io::Result<()>) {
        let written = self.overwrite(body);
        let beside = self.beside();
        // An existing file of that name is not replaced.
        let moved = !beside.exists() && fs::rename(&self.path, &beside).is_ok();
        (if moved { beside } else { self.path }, written)
    }

    fn overwrite(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(bytes)?;
        self.file.set_len(bytes.len() as u64)?;
        self.file.sync_all()
    }

    pub fn discard(self) {
        // The file does not contain a secret, so it does no harm if it remains.
        let _ = fs::remove_file(self.path);
    }

    fn beside(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(".answer");
        path.into()
    }
}

/// Saves a secret in a new file that only its owner can read.
pub fn save(path: &Path, secret: &Secret) -> io::Result<()> {
    let mut file = private(path)?;
    file.write_all(format!("{}\n", secret.expose()).as_bytes())?;
    file.sync_all()
}

/// A new file that only its owner can read.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Whether what is written to standard output is lost: it is closed, or the null device.
#[cfg(unix)]
pub fn is_output_discarded() -> bool {
    use std::os::unix::fs::MetadataExt as _;

    let null = fs::metadata("/dev/null").map(|null| null.rdev());
    null.is_ok_and(|null| rustix::fs::fstat(io::stdout()).is_ok_and(|output| output.st_rdev == null))
}

#[cfg(not(unix))]
pub fn is_output_discarded() -> bool {
    false
}
