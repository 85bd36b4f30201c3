//! A file of whole lines that are flushed to disk. Other programs may rename, remove and truncate the file.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::event::key_of;

/// How many bytes of the newest lines are searched for the keys of events that may be delivered again. The help has the
/// same number.
const REMEMBERED_BYTES: u64 = 64 << 20;

/// The beginning of every line.
const BEGINNING: &[u8] = br#"{"received_at":""#;

/// How long to wait for a program that rotates files to create the new one: it would rename a file that `listen`
/// created.
const ROTATION: Duration = Duration::from_millis(100);
const ROTATION_STEP: Duration = Duration::from_millis(5);

/// How often a batch is written again if the file was removed or truncated meanwhile.
const ATTEMPTS: usize = 5;

/// How many bytes are written at once.
const AT_ONCE: usize = 64 << 10;

/// How long to wait after a rotation that failed.
const ROTATE_AGAIN: Duration = Duration::from_secs(10);

/// The times in the names of rotated files, in UTC.
const ROTATED: &str = "%Y%m%dT%H%M%S.%6fZ";

/// The extensions of files that are not read: compressed ones, and other ones beside the file.
const UNREADABLE: [&str; 7] = ["gz", "bz2", "xz", "zst", "torn", "tmp", "cursor"];

/// The members by which a line is recognised as an event.
#[derive(Deserialize)]
struct WrittenLine {
    #[serde(rename = "received_at")]
    _received_at: IgnoredAny,
    /// Missing in a line of a version without routes, where the route has the name of the provider.
    route: Option<String>,
    provider: String,
    idempotency_key: Option<String>,
}

impl WrittenLine {
    fn parse(line: &[u8]) -> Option<Self> {
        // serde would also accept an array.
        serde_json::from_slice(line).ok().filter(|_| line.starts_with(b"{"))
    }
}

/// A file of events, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSettings {
    pub path: PathBuf,
    /// The number of idempotency keys that are remembered, newest first.
    pub window: NonZeroUsize,
    pub rotation: Rotation,
}

impl FileSettings {
    /// Whether another name is that of this file, or one that a rotated file of it has.
    pub fn has(&self, other: &Path) -> bool {
        let (own, other) = (resolved(&self.path), resolved(other));
        let (Some(name), Some(of)) = (own.file_name(), other.file_name()) else { return false };
        let rest = of.as_encoded_bytes().strip_prefix(name.as_encoded_bytes());
        own.parent() == other.parent() && rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'.' | b'-')))
    }
}

/// The path without links and dots, as far as it is there.
pub fn resolved(path: &Path) -> PathBuf {
    path.canonicalize().ok().unwrap_or_else(|| {
        let folder = folder(path).and_then(|folder| folder.canonicalize().ok());
        folder.zip(path.file_name()).map_or_else(|| path.to_owned(), |(folder, name)| folder.join(name))
    })
}

/// When to begin a new file, and how many old ones to keep. By default, never, and all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotation {
    /// Once the file has as many bytes.
    pub size: Option<u64>,
    /// Once the first event of the file is so old.
    pub age: Option<Duration>,
    pub keep: Option<usize>,
}

/// How a file ends.
enum Ending {
    /// With a whole line, or without any.
    Whole,
    /// With an event whose newline is missing.
    WithoutNewline,
    /// With a part of an event, which begins at `start`.
    Torn { start: u64, last: Vec<u8> },
}

pub struct EventFile {
    settings: FileSettings,
    /// When the first event of the file was received.
    began: Option<Timestamp>,
    /// The last time at which the file could not be rotated.
    rotation_failed: Option<Instant>,
    file: File,
    /// The length of the part that is on disk.
    length: u64,
    /// Whether lines that could not be written completely, and were not acknowledged, may follow that part.
    torn: bool,
}

impl EventFile {
    /// Opens a file of events, or creates one that only its owner may read.
    ///
    /// If the last line lacks its newline, the newline is added if the line is complete; otherwise, the line is moved
    /// to a file beside this one. A file whose last line is not an event is refused.
    pub fn open(settings: &FileSettings) -> io::Result<Self> {
        let path = settings.path.as_path();
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        private(&mut options);
        let file = options.open(path)?;
        lock(&file)?;
        check_regular(&file)?;
        sync_folder(path)?;
        let mut file = Self::with(settings.clone(), file);
        file.mend()?;
        file.file.sync_data()?;
        file.began = file.first_time()?;
        Ok(file)
    }

    fn with(settings: FileSettings, file: File) -> Self {
        Self { settings, file, began: None, rotation_failed: None, length: 0, torn: false }
    }

    pub fn change(&mut self, settings: FileSettings) {
        self.settings = settings;
    }

    /// Appends whole lines. Returns once they are on disk, in the file of that name.
    pub fn append(&mut self, lines: &[&[u8]]) -> io::Result<()> {
        let added = lines.iter().map(|line| line.len() as u64).sum::<u64>();
        for _ in 0..ATTEMPTS {
            self.follow_name()?;
            self.settle()?;
            self.rotate_if_due()?;
            self.torn = true;
            if let Err(error) = write_all(&self.file, lines).and_then(|()| self.file.sync_data()) {
                // The next event tries again.
                let _ = self.settle();
                return Err(error);
            }
            self.torn = false;
            let metadata = self.file.metadata()?;
            let expected = self.length + added;
            self.length = metadata.len();
            if self.length < expected {
                self.warn_shorter();
            }
            // In a file that was renamed meanwhile, the lines are as safe as those before them.
            if !is_removed(&metadata) && self.length >= added {
                self.began.get_or_insert_with(Timestamp::now);
                return Ok(());
            }
        }
        Err(io::Error::other("another process removes or truncates the file faster than it can be written"))
    }

    /// Switches to the file that has the name now, if it is another one.
    pub fn follow_name(&mut self) -> io::Result<()> {
        let mut waited = Duration::ZERO;
        loop {
            match fs::metadata(&self.settings.path) {
                Ok(named) if is_same(&named, &self.file.metadata()?) => return Ok(()),
                Ok(_) => break,
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Err(_) if waited >= ROTATION => break,
                Err(_) => std::thread::sleep(ROTATION_STEP),
            }
            waited += ROTATION_STEP;
        }
        *self = Self::open(&self.settings)?;
        tracing::info!(file = %self.path().display(), "reopened: the name is that of another file");
        Ok(())
    }

    fn path(&self) -> &Path {
        &self.settings.path
    }

    /// Begins a new file if this one is long or old enough. If that is not possible, events are still written to this one.
    fn rotate_if_due(&mut self) -> io::Result<()> {
        let Rotation { size, age, .. } = self.settings.rotation;
        let old = |began: Timestamp| Duration::try_from(Timestamp::now().duration_since(began)).unwrap_or_default();
        let is_due = size.is_some_and(|size| self.length >= size)
            || age.zip(self.began).is_some_and(|(age, began)| old(began) >= age);
        let failed_now = self.rotation_failed.is_some_and(|failed| failed.elapsed() < ROTATE_AGAIN);
        if !is_due || self.length == 0 || failed_now {
            return Ok(());
        }
        let to = beside(self.path(), &format!("-{}", Timestamp::now().strftime(ROTATED)));
        // The new name is never that of another file, unless the clock was set back.
        let renamed = if to.exists() { Err(ErrorKind::AlreadyExists.into()) } else { fs::rename(self.path(), &to) };
        if let Err(error) = renamed {
            self.rotation_failed = Some(Instant::now());
            tracing::error!(file = %self.path().display(), to = %to.display(), %error, "cannot rotate the file");
            return Ok(());
        }
        // This creates the file, and flushes the folder, before the next event is acknowledged.
        *self = Self::open(&self.settings)?;
        tracing::info!(file = %self.path().display(), to = %to.display(), "rotated");
        self.remove_oldest();
        Ok(())
    }

    /// Removes the oldest files of earlier rotations if there are too many.
    fn remove_oldest(&self) {
        let (Some(keep), Some(name), Some(folder)) =
            (self.settings.rotation.keep, self.path().file_name(), folder(self.path()))
        else {
            return;
        };
        let is_rotated = |candidate: &OsString| {
            let rest = candidate.as_encoded_bytes().strip_prefix(name.as_encoded_bytes());
            let time = rest.and_then(|rest| std::str::from_utf8(rest.strip_prefix(b"-")?).ok());
            time.is_some_and(|time| jiff::fmt::strtime::parse(ROTATED, time).is_ok())
        };
        let names = fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.file_name()));
        let mut rotated: Vec<_> = names.into_iter().flatten().filter(is_rotated).collect();
        rotated.sort_unstable();
        let excess = rotated.len().saturating_sub(keep);
        for path in rotated.into_iter().take(excess).map(|name| folder.join(name)) {
            match fs::remove_file(&path) {
                Ok(()) => tracing::info!(file = %path.display(), "removed the oldest rotated file"),
                Err(error) => tracing::warn!(file = %path.display(), %error, "cannot remove the oldest rotated file"),
            }
        }
    }

    /// When the first event of the file was received.
    fn first_time(&self) -> io::Result<Option<Timestamp>> {
        /// Longer than any time.
        const TIME: u64 = 40;
        let start = BEGINNING.len() as u64;
        let time = self.read(start, start + TIME)?;
        let time = time.split(|byte| *byte == b'"').next().and_then(|time| std::str::from_utf8(time).ok());
        Ok(time.and_then(|time| time.parse().ok()))
    }

    /// Removes incompletely written lines, and adapts to changes by other programs. The file is never extended.
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
            tracing::warn!(file = %self.path().display(), "another process writes to the file");
        }
        self.torn = false;
        self.length = length;
        if self.mend().is_err() && self.end_of_line_before(self.length)? < self.length {
            // An incomplete line of another process is kept, on a separate line.
            self.file.write_all(b"\n")?;
            self.length += 1;
        }
        Ok(())
    }

    fn warn_shorter(&self) {
        tracing::warn!(
            file = %self.path().display(),
            "the file has become shorter: another process truncated it, and events that were not copied before are lost"
        );
    }

    /// Makes the file end with a whole line.
    fn mend(&mut self) -> io::Result<()> {
        self.length = self.file.metadata()?.len();
        match self.ending(self.length)? {
            Ending::Whole => return Ok(()),
            Ending::WithoutNewline => {
                self.file.write_all(b"\n")?;
                self.length += 1;
                tracing::warn!(file = %self.path().display(), "the newline of the last event was missing, and was added");
            }
            Ending::Torn { start, last } => {
                let torn = self.torn_file();
                let mut options = OpenOptions::new();
                options.append(true).create(true);
                private(&mut options);
                let moved = options.open(&torn).and_then(|mut file| {
                    file.write_all(&[&last[..], b"\n"].concat())?;
                    file.sync_data()?;
                    sync_folder(&torn)
                });
                moved.map_err(|error| not_moved(&torn, &error))?;
                self.file.set_len(start)?;
                self.length = start;
                tracing::warn!(
                    file = %self.path().display(), bytes = last.len(), to = %torn.display(),
                    "the last line was incomplete, and was moved"
                );
            }
        }
        self.file.sync_data()
    }

    /// How a file of this length ends. One whose last line is not an event is an error.
    fn ending(&self, length: u64) -> io::Result<Ending> {
        let whole = self.end_of_line_before(length)?;
        let before = self.end_of_line_before(whole.saturating_sub(1))?;
        if !self.is_event(before, whole)? {
            return Err(foreign());
        }
        if whole == length {
            return Ok(Ending::Whole);
        }
        // Only what may be an event is read completely: any other line may have any length.
        if !is_torn(&self.read(whole, length.min(whole + BEGINNING.len() as u64))?) {
            return Err(foreign());
        }
        let last = self.read(whole, length)?;
        match WrittenLine::parse(&last) {
            Some(_) => Ok(Ending::WithoutNewline),
            None if is_torn(&last) => Ok(Ending::Torn { start: whole, last }),
            None => Err(foreign()),
        }
    }

    /// The file to which an incomplete line is moved.
    fn torn_file(&self) -> PathBuf {
        beside(self.path(), ".torn")
    }

    /// Whether a line is an event or blank.
    fn is_event(&self, start: u64, end: u64) -> io::Result<bool> {
        let beginning = self.read(start, end.min(start + BEGINNING.len() as u64))?;
        if beginning.len() < BEGINNING.len() {
            return Ok(beginning.trim_ascii().is_empty());
        }
        // Only an event is read completely: any other line may have any length.
        Ok(beginning == BEGINNING && WrittenLine::parse(&self.read(start, end)?).is_some())
    }

    fn read(&self, start: u64, end: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file = &self.file;
        file.seek(SeekFrom::Start(start))?;
        file.take(end - start).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The end of the last line that ends at or before `end`.
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

    /// The keys of the newest events, oldest first, including those in rotated files.
    pub fn keys(&self) -> io::Result<Vec<String>> {
        let mut newest_first = Vec::new();
        let mut left = REMEMBERED_BYTES;
        let rotated = rotated(self.path()).unwrap_or_else(|error| {
            tracing::warn!(%error, "rotated files cannot be listed, so events in them are not recognised when they are delivered again");
            Vec::new()
        });
        for path in [self.path().to_owned()].into_iter().chain(rotated) {
            if left == 0 {
                break;
            }
            if path != self.path() {
                mend_rotated(&path);
            }
            match newest_keys(&path, &mut left) {
                Ok(keys) => newest_first.push(keys),
                Err(error) if path == self.path() => return Err(error),
                Err(error) => tracing::warn!(file = %path.display(), %error, "a rotated file cannot be read"),
            }
        }
        Ok(newest_first.into_iter().rev().flatten().collect())
    }
}

/// The files beside a file that have its name and a suffix such as `.1` or `-20261126`, newest first.
pub fn rotated(path: &Path) -> io::Result<Vec<PathBuf>> {
    let (Some(name), Some(folder)) = (path.file_name(), folder(path)) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let candidate = entry.file_name();
        let rest = candidate.as_encoded_bytes().strip_prefix(name.as_encoded_bytes());
        let path = folder.join(&candidate);
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

/// Checks whether a file of events could be opened or created, and returns what opening it would change, as sentences. Nothing
/// is changed.
pub fn check(settings: &FileSettings) -> io::Result<Vec<String>> {
    let path = settings.path.as_path();
    let Some(file) = open_existing(path)? else { return Ok(Vec::new()) };
    lock(&file)?;
    check_regular(&file)?;
    open_folder(path)?;
    let mut notes = Vec::new();
    let file = EventFile::with(settings.clone(), file);
    match file.ending(file.file.metadata()?.len())? {
        Ending::Whole => {}
        Ending::WithoutNewline => {
            notes.push("The newline of the last event is missing, and is added at the start.".to_owned())
        }
        Ending::Torn { last, .. } => {
            let torn = file.torn_file();
            open_existing(&torn).map_err(|error| not_moved(&torn, &error))?;
            let (bytes, torn) = (last.len(), torn.display());
            notes.push(format!("The last line is incomplete; its {bytes} bytes are moved to {torn} at the start."));
        }
    }
    let is_rotated = settings.rotation != Rotation::default();
    if let Some(error) = check_folder(path).err().filter(|_| is_rotated) {
        notes.push(format!("The file cannot be rotated, since its folder cannot be written: {error}."));
    }
    Ok(notes)
}

/// Opens a file to append to it. Without it, checks whether it could be created.
pub fn open_existing(path: &Path) -> io::Result<Option<File>> {
    match OpenOptions::new().read(true).append(true).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => check_folder(path).map(|()| None),
        Err(error) => Err(error),
    }
}

/// Checks whether a file could be created in the folder of this one.
pub fn check_folder(path: &Path) -> io::Result<()> {
    let folder = folder(path).unwrap_or(Path::new("."));
    #[cfg(unix)]
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)?;
    folder.metadata().map(drop)
}

fn check_regular(file: &File) -> io::Result<()> {
    match file.metadata()?.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("it is not a regular file, so events in it would not be safe")),
    }
}

fn not_moved(torn: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("the torn last line, to {}: {error}", torn.display()))
}

fn write_all(file: &File, lines: &[&[u8]]) -> io::Result<()> {
    // What is in the buffer when an error occurs was not written, and is not written when the buffer is dropped.
    let mut output = BufWriter::with_capacity(AT_ONCE, file);
    let written = lines.iter().try_for_each(|line| output.write_all(line)).and_then(|()| output.flush());
    let _ = output.into_parts();
    written
}

/// Makes a rotated file end with a whole line as well: it may have been rotated between a crash and this start. A file
/// that does not contain events, or that another process writes to, is not changed.
fn mend_rotated(path: &Path) {
    let opened = OpenOptions::new().read(true).append(true).open(path);
    if let Some(file) = opened.ok().filter(|file| lock(file).is_ok()) {
        let settings = FileSettings { path: path.to_owned(), window: NonZeroUsize::MIN, rotation: Rotation::default() };
        let _ = EventFile::with(settings, file).mend();
    }
}

/// Locks the file, which may have only one writer.
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

/// The keys in the last `left` bytes of a file. `left` is reduced by the bytes that were read.
fn newest_keys(path: &Path, left: &mut u64) -> io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let end = file.metadata()?.len();
    let start = end.saturating_sub(*left);
    *left -= end - start;
    file.seek(SeekFrom::Start(start))?;
    let lines = BufReader::new(file).take(end - start).split(b'\n');
    let mut keys = Vec::new();
    let mut foreign = 0_usize;
    // The first line may be incomplete.
    for line in lines.skip(usize::from(start > 0)) {
        match WrittenLine::parse(&line?) {
            Some(WrittenLine { route, provider, idempotency_key, .. }) => {
                let route = route.as_deref().unwrap_or(&provider);
                keys.extend(idempotency_key.map(|key| key_of(route, &key)));
            }
            None => foreign += 1,
        }
    }
    if foreign > 0 {
        tracing::warn!(file = %path.display(), lines = foreign, "some lines are not events");
    }
    Ok(keys)
}

/// Whether a text may be the beginning of an event, or space that was allocated for one.
fn is_torn(text: &[u8]) -> bool {
    BEGINNING.starts_with(text) || text.starts_with(BEGINNING) || text.iter().all(|byte| *byte == 0)
}

fn foreign() -> io::Error {
    io::Error::other("its last line is not an event that `listen` wrote, so the file is not changed; give another file")
}

pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn folder(path: &Path) -> Option<&Path> {
    path.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
}

/// Flushes the directory, so that the name of a new file survives a power failure.
fn sync_folder(path: &Path) -> io::Result<()> {
    open_folder(path)?.map_or(Ok(()), |folder| folder.sync_all())
}

/// Opens the directory of a file, where that is possible.
fn open_folder(path: &Path) -> io::Result<Option<File>> {
    if cfg!(not(unix)) {
        return Ok(None);
    }
    path.canonicalize()?.parent().map(File::open).transpose()
}

/// Makes a new file one that only its owner may read.
#[cfg(unix)]
pub fn private(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(not(unix))]
pub fn private(_: &mut OpenOptions) {}

/// Whether both are of the same file.
#[cfg(unix)]
pub fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Whether both are of the same file: an open one cannot be renamed or removed.
#[cfg(not(unix))]
pub fn is_same(_: &Metadata, _: &Metadata) -> bool {
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
