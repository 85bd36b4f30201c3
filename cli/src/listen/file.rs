//! A file of whole lines, each of them on disk, which others may rename, remove and shorten.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde::de::IgnoredAny;

/// How many bytes of the newest lines are searched for the keys of events that may come again; the help says so.
const REMEMBERED_BYTES: u64 = 64 << 20;

/// What every line begins with.
const BEGINNING: &[u8] = br#"{"received_at":""#;

/// How long a program that rotates files has to make the new one; it would rename one that it did not make.
const ROTATION: Duration = Duration::from_millis(100);
const ROTATION_STEP: Duration = Duration::from_millis(5);

/// How often a batch is written again whose file was removed or shortened meanwhile.
const ATTEMPTS: usize = 5;

/// Rotated files that are not read for keys.
const UNREADABLE: [&str; 6] = ["gz", "bz2", "xz", "zst", "torn", "tmp"];

/// Those members of a line by which it is known as one.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "received_at")]
    _received_at: IgnoredAny,
    #[serde(rename = "provider")]
    _provider: IgnoredAny,
    idempotency_key: Option<String>,
}

impl Line {
    fn parse(line: &[u8]) -> Option<Self> {
        // An array would pass for an object.
        serde_json::from_slice(line).ok().filter(|_| line.starts_with(b"{"))
    }
}

pub struct EventFile {
    path: PathBuf,
    file: File,
    /// Up to here everything is on disk.
    length: u64,
    /// Behind that may be what could not be written as a whole, and was not acknowledged.
    torn: bool,
}

impl EventFile {
    /// Opens a file of events, or begins one that only its owner may read.
    ///
    /// A last line without its newline is completed where it is whole, and moved to a file beside this one where it is
    /// not. A file whose last line is not an event is refused.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        private(&mut options);
        let file = options.open(path)?;
        lock(&file)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a file, so that nothing could be safe in it"));
        }
        sync_folder(path)?;
        let mut file = Self { path: path.to_owned(), file, length: 0, torn: false };
        file.mend()?;
        file.file.sync_data()?;
        Ok(file)
    }

    /// Appends whole lines; returns once they are on disk, in the file of that name.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        for _ in 0..ATTEMPTS {
            self.follow_name()?;
            self.settle()?;
            self.torn = true;
            if let Err(error) = self.file.write_all(lines).and_then(|()| self.file.sync_data()) {
                // The next event tries again.
                let _ = self.settle();
                return Err(error);
            }
            self.torn = false;
            let metadata = self.file.metadata()?;
            let expected = self.length + lines.len() as u64;
            self.length = metadata.len();
            if self.length < expected {
                self.warn_shorter();
            }
            // In a file that was renamed meanwhile they are as safe as those before them.
            if !is_removed(&metadata) && self.length >= lines.len() as u64 {
                return Ok(());
            }
        }
        Err(io::Error::other("another process removes or shortens it faster than it can be written"))
    }

    /// Goes on in the file that has the name now, where that is another one.
    pub fn follow_name(&mut self) -> io::Result<()> {
        let mut waited = Duration::ZERO;
        loop {
            match fs::metadata(&self.path) {
                Ok(named) if is_same(&named, &self.file.metadata()?) => return Ok(()),
                Ok(_) => break,
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Err(_) if waited >= ROTATION => break,
                Err(_) => std::thread::sleep(ROTATION_STEP),
            }
            waited += ROTATION_STEP;
        }
        *self = Self::open(&self.path)?;
        tracing::info!(file = %self.path.display(), "reopened: the name is that of another file");
        Ok(())
    }

    /// Removes what was not written as a whole, and takes note of what others did. The file is never made longer.
    fn settle(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        if length == self.length {
            self.torn = false;
            return Ok(());
        }
        if length > self.length && self.torn {
            self.file.set_len(self.length)?;
            self.file.sync_data()?;
            self.torn = false;
            return Ok(());
        }
        if length < self.length {
            self.warn_shorter();
        } else {
            tracing::warn!(file = %self.path.display(), "another process writes to the file");
        }
        self.torn = false;
        self.length = length;
        if self.mend().is_err() && self.end_of_line_before(self.length)? < self.length {
            // What another process left there stays, on a line of its own.
            self.file.write_all(b"\n")?;
            self.length += 1;
        }
        Ok(())
    }

    fn warn_shorter(&self) {
        tracing::warn!(
            file = %self.path.display(),
            "the file has become shorter: another process cut it, and events that were not copied before are lost"
        );
    }

    /// Sees to it that the file ends with a whole line.
    fn mend(&mut self) -> io::Result<()> {
        self.length = self.file.metadata()?.len();
        let whole = self.end_of_line_before(self.length)?;
        if whole == self.length {
            let start = self.end_of_line_before(whole.saturating_sub(1))?;
            return if self.is_event(start, whole)? { Ok(()) } else { Err(foreign()) };
        }
        let before = self.end_of_line_before(whole.saturating_sub(1))?;
        let beginning = self.read(whole, self.length.min(whole + BEGINNING.len() as u64))?;
        if !self.is_event(before, whole)? || !is_torn(&beginning) {
            return Err(foreign());
        }
        let last = self.read(whole, self.length)?;
        if Line::parse(&last).is_some() {
            self.file.write_all(b"\n")?;
            self.length += 1;
            tracing::warn!(file = %self.path.display(), "the newline of the last event was missing, and was added");
        } else if is_torn(&last) {
            let torn = beside(&self.path, ".torn");
            let mut options = OpenOptions::new();
            options.append(true).create(true);
            private(&mut options);
            let moved = options.open(&torn).and_then(|mut file| {
                file.write_all(&[&last[..], b"\n"].concat())?;
                file.sync_data()?;
                sync_folder(&torn)
            });
            moved.map_err(|error| {
                io::Error::new(error.kind(), format!("the torn last line, to {}: {error}", torn.display()))
            })?;
            self.file.set_len(whole)?;
            self.length = whole;
            tracing::warn!(
                file = %self.path.display(), bytes = last.len(), to = %torn.display(),
                "the last line was not whole, and was moved"
            );
        } else {
            return Err(foreign());
        }
        self.file.sync_data()
    }

    /// Whether a line is an event or blank.
    fn is_event(&self, start: u64, end: u64) -> io::Result<bool> {
        let beginning = self.read(start, end.min(start + BEGINNING.len() as u64))?;
        if beginning.len() < BEGINNING.len() {
            return Ok(beginning.trim_ascii().is_empty());
        }
        // Only an event is read whole: anything else may be of any length.
        Ok(beginning == BEGINNING && Line::parse(&self.read(start, end)?).is_some())
    }

    fn read(&self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file = &self.file;
        file.seek(SeekFrom::Start(start))?;
        file.take(end - start).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Where the last line that ends before or at `end` does.
    fn end_of_line_before(&self, mut end: u64) -> io::Result<u64> {
        const STEP: u64 = 64 << 10;
        let mut file = &self.file;
        let mut bytes = Vec::new();
        while end > 0 {
            let start = end.saturating_sub(STEP);
            file.seek(SeekFrom::Start(start))?;
            bytes.clear();
            file.take(end - start).read_to_end(&mut bytes)?;
            if let Some(place) = bytes.iter().rposition(|byte| *byte == b'\n') {
                return Ok(start + place as u64 + 1);
            }
            end = start;
        }
        Ok(0)
    }

    /// The keys of the newest events, oldest first, those in rotated files included.
    pub fn keys(&self) -> io::Result<Vec<String>> {
        let mut newest_first = Vec::new();
        let mut left = REMEMBERED_BYTES;
        let rotated = self.rotated().unwrap_or_else(|error| {
            tracing::warn!(%error, "rotated files cannot be listed, so that events in them that come again are not recognised");
            Vec::new()
        });
        for path in [self.path.clone()].into_iter().chain(rotated) {
            if left == 0 {
                break;
            }
            if path != self.path {
                mend_rotated(&path);
            }
            match newest_keys(&path, &mut left) {
                Ok(keys) => newest_first.push(keys),
                Err(error) if path == self.path => return Err(error),
                Err(error) => tracing::warn!(file = %path.display(), %error, "a rotated file cannot be read"),
            }
        }
        Ok(newest_first.into_iter().rev().flatten().collect())
    }

    /// Files beside this one that have its name and more, such as `.1` or `-20261126`, the newest first.
    fn rotated(&self) -> io::Result<Vec<PathBuf>> {
        let (Some(name), Some(folder)) = (self.path.file_name(), folder(&self.path)) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let candidate = entry.file_name();
            let rest = candidate.as_encoded_bytes().strip_prefix(name.as_encoded_bytes());
            let path = entry.path();
            let readable = path.extension().is_none_or(|it| !UNREADABLE.iter().any(|unreadable| it == *unreadable));
            if rest.is_some_and(|rest| rest.starts_with(b".") || rest.starts_with(b"-")) && readable {
                let metadata = entry.metadata()?;
                if metadata.is_file() {
                    found.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), path));
                }
            }
        }
        found.sort_unstable_by(|one, other| other.cmp(one));
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }
}

/// Sees to it that a rotated file ends with a whole line, too: it may have been rotated after a crash, before this start.
/// What is not a file of events, or is being written to, is left as it is.
fn mend_rotated(path: &Path) {
    let opened = OpenOptions::new().read(true).append(true).open(path);
    if let Some(file) = opened.ok().filter(|file| lock(file).is_ok()) {
        let _ = EventFile { path: path.to_owned(), file, length: 0, torn: false }.mend();
    }
}

/// A file has one writer.
#[cfg(unix)]
fn lock(file: &File) -> io::Result<()> {
    use rustix::fs::{FlockOperation, flock};
    flock(file, FlockOperation::NonBlockingLockExclusive).map_err(|error| match error {
        rustix::io::Errno::WOULDBLOCK => io::Error::other("another process writes to it"),
        error => error.into(),
    })
}

#[cfg(not(unix))]
fn lock(_: &File) -> io::Result<()> {
    Ok(())
}

/// The keys in the last `left` bytes of a file, which become fewer.
fn newest_keys(path: &Path, left: &mut u64) -> io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let end = file.metadata()?.len();
    let start = end.saturating_sub(*left);
    *left -= end - start;
    file.seek(SeekFrom::Start(start))?;
    let lines = BufReader::new(file).take(end - start).split(b'\n');
    let mut keys = Vec::new();
    let mut foreign = 0_usize;
    // What is at the start may be the rest of a line.
    for line in lines.skip(usize::from(start > 0)) {
        match Line::parse(&line?) {
            Some(line) => keys.extend(line.idempotency_key),
            None => foreign += 1,
        }
    }
    if foreign > 0 {
        tracing::warn!(file = %path.display(), lines = foreign, "some lines are not events");
    }
    Ok(keys)
}

/// Whether a text may be what is left of an event, or of the room for one.
fn is_torn(text: &[u8]) -> bool {
    BEGINNING.starts_with(text) || text.starts_with(BEGINNING) || text.iter().all(|byte| *byte == 0)
}

fn foreign() -> io::Error {
    io::Error::other(
        "its last line is not an event that `listen` wrote, so that it is left as it is; give another file",
    )
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn folder(path: &Path) -> Option<&Path> {
    path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
}

/// The name of a new file as well has to outlive a power failure.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.canonicalize()?.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// An open file cannot be renamed or removed.
#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

#[cfg(unix)]
fn is_removed(metadata: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(metadata) == 0
}

#[cfg(not(unix))]
fn is_removed(_: &Metadata) -> bool {
    false
}
