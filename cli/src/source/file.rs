//! Reads the events of a file and of its rotated files, and follows the file while other programs append to it, rotate it and
//! truncate it.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Begin, Place, StoredEvent, Warn, not_a_place, not_a_position};
use crate::listen::{is_same_file, rotated_files};
use crate::stop::Stop;

/// How often a file is checked for new lines.
pub const POLL: Duration = Duration::from_millis(100);

const AT_ONCE: usize = 256 << 10;

/// The maximum length of a line, which is many times that of an event.
const MOST_LINE: usize = 256 << 20;

/// How many bytes of its first line distinguish a file from others, and its content before a truncation from that after it. The
/// line begins with the time of its event in nanoseconds.
const BEGINNING: usize = 128;

/// How often the files are listed until nothing has changed meanwhile.
const LISTINGS: usize = 20;

/// How far a file was read. It stays valid when the file is renamed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePosition {
    /// The SHA-256 of the beginning of the file; empty if no line was read.
    begins: String,
    /// The end of the last line that was read.
    offset: u64,
    /// Its number.
    line: Option<u64>,
    /// The last change of the files before.
    since: Option<Timestamp>,
}

/// The events of a file.
pub struct FileSource {
    path: PathBuf,
    begin: Begin,
    /// The place of the first event, until it is found.
    begin_at: Option<String>,
    open: Option<OpenFile>,
    /// The last change of the files before the one that is read; `None` to read all of them.
    since: Option<SystemTime>,
    warn: Warn,
}

struct OpenFile {
    file: File,
    name: String,
    beginning: Vec<u8>,
    /// The end of the last line that was read.
    offset: u64,
    line: Option<u64>,
    /// The bytes after it, as far as they were read.
    ahead: Vec<u8>,
    /// How many of these bytes were taken already.
    taken: usize,
    /// Whether the end of the file was reached.
    at_end: bool,
}

impl FileSource {
    pub fn open(path: PathBuf, begin: Begin, warn: Warn) -> Result<Self, Stop> {
        let mut source = Self { path, begin: begin.clone(), begin_at: None, open: None, since: None, warn };
        let position = match begin {
            Begin::New => {
                source.begin_with_new().map_err(|error| source.unusable(&error))?;
                return Ok(source);
            }
            Begin::First => None,
            Begin::At(place) => {
                source.begin_at = Some(place);
                None
            }
            Begin::After { position, file } => {
                let position = position.of_file();
                Some(position.ok_or_else(|| not_a_position(&file, &source.path.display()))?)
            }
        };
        source.begin_after(position.as_ref()).map_err(|error| source.unusable(&error))?;
        Ok(source)
    }

    /// Begins again.
    pub fn rewind(&mut self) -> Result<(), Stop> {
        // What is not an event was reported.
        *self = Self::open(self.path.clone(), self.begin.clone(), |_| {})?;
        Ok(())
    }

    /// Checks whether there is a file, or may be one later.
    fn check(&self) -> io::Result<()> {
        match self.path.metadata() {
            Ok(metadata) if !metadata.is_file() => Err(irregular()),
            Ok(_) => Ok(()),
            // The file may still be created.
            Err(_) => {
                let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
                folder.unwrap_or(Path::new(".")).metadata().map(drop)
            }
        }
    }

    fn begin_with_new(&mut self) -> io::Result<()> {
        self.check()?;
        let older = self.files()?.into_iter().filter(|(_, path)| *path != self.path);
        self.since = Some(older.map(|(modified, _)| modified).max().unwrap_or(SystemTime::UNIX_EPOCH));
        self.open = match OpenFile::new(&self.path) {
            Ok(mut open) => {
                open.skip_to_end()?;
                Some(open)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(())
    }

    /// Begins after a position, or with the oldest event.
    fn begin_after(&mut self, position: Option<&FilePosition>) -> io::Result<()> {
        self.check()?;
        for (_, path) in self.files()? {
            let mut open = OpenFile::new(&path)?;
            match position {
                Some(position) if !open.is_of(position)? => continue,
                Some(position) => (open.offset, open.line) = (position.offset, position.line),
                None => {}
            }
            self.open = Some(open);
            return Ok(());
        }
        match position {
            Some(position) if position.begins.is_empty() => self.since = position.since.map(SystemTime::from),
            Some(_) => {
                let path = self.path.display();
                (self.warn)(format_args!("{path}: the file that was read last is gone; beginning with the oldest one"));
            }
            None => {}
        }
        Ok(())
    }

    fn unusable(&self, error: &dyn std::fmt::Display) -> Stop {
        Stop::Input(format!("{}: {error}", self.path.display()))
    }

    /// The next event; `None` if there is none yet.
    pub fn next(&mut self) -> Result<Option<StoredEvent>, Stop> {
        loop {
            let Some((line, place)) = self.next_line().map_err(|error| self.unusable(&error))? else {
                return self.begin_at.as_deref().map_or(Ok(None), |place| Err(not_a_place(place)));
            };
            if line.trim_ascii().is_empty() {
                continue;
            }
            let shown = place.to_string();
            match StoredEvent::parse(line, place) {
                Some(_) if self.begin_at.as_ref().is_some_and(|place| *place != shown) => {}
                Some(event) => {
                    self.begin_at = None;
                    return Ok(Some(event));
                }
                None => (self.warn)(format_args!("{shown} is not an event, and is skipped")),
            }
        }
    }

    /// The position after the last event.
    pub fn position(&self) -> FilePosition {
        let since = self.since.and_then(|since| Timestamp::try_from(since).ok());
        match &self.open {
            Some(open) => FilePosition { begins: open.id(), offset: open.offset, line: open.line, since },
            None => FilePosition { since, ..FilePosition::default() },
        }
    }

    fn next_line(&mut self) -> io::Result<Option<(Vec<u8>, Place)>> {
        loop {
            let Some(open) = &mut self.open else {
                let is_new = |modified: SystemTime| self.since.is_none_or(|since| modified > since);
                let oldest = self.files()?.into_iter().find(|(modified, _)| is_new(*modified));
                let Some((_, oldest)) = oldest else { return Ok(None) };
                self.open = Some(OpenFile::new(&oldest)?);
                continue;
            };
            if let Some(line) = open.next_line()? {
                return Ok(Some((line, Place::Line { file: open.name.clone(), number: open.line })));
            }
            let Some(next) = self.following()? else { return Ok(None) };
            // Nothing is written to a file once there are events in a newer one.
            if let Some(open) = &mut self.open
                && let Some(line) = open.next_line()?
            {
                return Ok(Some((line, Place::Line { file: open.name.clone(), number: open.line })));
            }
            self.since = self.open.as_ref().and_then(|open| open.file.metadata().ok()?.modified().ok());
            self.open = Some(next);
        }
    }

    /// The file with the events after those of the open one; `None` if it is the newest one.
    fn following(&self) -> io::Result<Option<OpenFile>> {
        let Some(open) = &self.open else { return Ok(None) };
        let metadata = open.file.metadata()?;
        if std::fs::metadata(&self.path).is_ok_and(|named| is_same_file(&named, &metadata)) {
            return Ok(None);
        }
        let files = self.files()?;
        let is_open = |(_, path): &(_, PathBuf)| path.metadata().is_ok_and(|other| is_same_file(&other, &metadata));
        let after = match files.iter().position(is_open) {
            Some(place) => Some(place + 1),
            // The open file was removed, or does not have an event.
            None => metadata.modified().map(|open| files.iter().position(|(modified, _)| *modified >= open))?,
        };
        after.and_then(|after| files.get(after)).map(|(_, path)| OpenFile::new(path)).transpose()
    }

    /// The files that have events, the oldest one first: the rotated ones by the time of their last event, and the one of this
    /// name.
    fn files(&self) -> io::Result<Vec<(SystemTime, PathBuf)>> {
        let list = || -> io::Result<Vec<(SystemTime, bool, PathBuf, u64)>> {
            let mut files = Vec::new();
            for path in rotated_files(&self.path)?.into_iter().chain([self.path.clone()]) {
                let Ok(metadata) = path.metadata() else { continue };
                if metadata.is_file() && metadata.len() > 0 {
                    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                    files.push((modified, path == self.path, path, inode(&metadata)));
                }
            }
            files.sort_unstable();
            Ok(files)
        };
        let names = |files: &[(SystemTime, bool, PathBuf, u64)]| -> Vec<(PathBuf, u64)> {
            files.iter().map(|(_, _, path, inode)| (path.clone(), *inode)).collect()
        };
        // A file that is renamed meanwhile may be missing in a listing.
        let mut files = list()?;
        for _ in 0..LISTINGS {
            let again = list()?;
            let same = names(&again) == names(&files);
            files = again;
            if same {
                break;
            }
        }
        Ok(files.into_iter().map(|(modified, _, path, _)| (modified, path)).collect())
    }
}

impl OpenFile {
    fn new(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if !file.metadata()?.is_file() {
            return Err(irregular());
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (beginning, ahead) = (Vec::new(), Vec::new());
        Ok(Self { file, name, beginning, offset: 0, line: Some(0), ahead, taken: 0, at_end: false })
    }

    fn id(&self) -> String {
        if self.beginning.is_empty() { String::new() } else { hex::encode(Sha256::digest(&self.beginning)) }
    }

    /// Whether a position is one in this file.
    fn is_of(&mut self, position: &FilePosition) -> io::Result<bool> {
        self.beginning = self.read_beginning()?;
        Ok(self.id() == position.begins && self.file.metadata()?.len() >= position.offset)
    }

    /// The first line, or as much of it as is needed to recognise the file; empty if it is not complete.
    fn read_beginning(&self) -> io::Result<Vec<u8>> {
        let mut beginning = self.read(0, BEGINNING)?;
        match beginning.iter().position(|byte| *byte == b'\n') {
            Some(end) => beginning.truncate(end + 1),
            None if beginning.len() < BEGINNING => beginning.clear(),
            None => {}
        }
        Ok(beginning)
    }

    fn read(&self, start: u64, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file = &self.file;
        file.seek(SeekFrom::Start(start))?;
        file.take(most as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Skips all whole lines.
    fn skip_to_end(&mut self) -> io::Result<()> {
        self.beginning = self.read_beginning()?;
        let mut end = self.file.metadata()?.len();
        self.line = (end == 0).then_some(0);
        while end > 0 {
            let start = end.saturating_sub(AT_ONCE as u64);
            let bytes = self.read(start, usize::try_from(end - start).unwrap_or(AT_ONCE))?;
            if let Some(newline) = bytes.iter().rposition(|byte| *byte == b'\n') {
                self.offset = start + newline as u64 + 1;
                break;
            }
            end = start;
        }
        Ok(())
    }

    /// The next whole line; `None` if there is none yet.
    fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        if std::mem::take(&mut self.at_end) {
            self.notice_truncation()?;
        }
        let mut searched = 0;
        loop {
            let rest = self.ahead.get(self.taken..).unwrap_or_default();
            let newline = rest.get(searched..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n'));
            if let Some(line) = newline.and_then(|place| rest.get(..searched + place)) {
                let line = line.to_vec();
                self.taken += line.len() + 1;
                self.offset += line.len() as u64 + 1;
                self.line = self.line.map(|line| line + 1);
                if self.beginning.is_empty() {
                    self.beginning = self.read_beginning()?;
                }
                return Ok(Some(line));
            }
            searched = rest.len();
            if searched > MOST_LINE {
                return Err(io::Error::other(format!("a line of {} is longer than {MOST_LINE} bytes", self.name)));
            }
            let more = self.read(self.offset + searched as u64, AT_ONCE)?;
            if more.is_empty() {
                // An incomplete line may still change.
                self.ahead.clear();
                self.taken = 0;
                self.at_end = true;
                return Ok(None);
            }
            self.ahead.drain(..self.taken);
            self.taken = 0;
            self.ahead.extend(more);
        }
    }

    /// Goes back to the beginning if the file was truncated and written anew. If only its last lines were removed, which were
    /// incomplete, it goes on after those that are left.
    fn notice_truncation(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let is_same = !self.beginning.is_empty() && self.read(0, self.beginning.len())? == self.beginning;
        if is_same || self.offset == 0 {
            if length < self.offset {
                (self.offset, self.line) = (length, None);
            }
        } else {
            (self.offset, self.line) = (0, Some(0));
            self.beginning.clear();
        }
        Ok(())
    }
}

fn irregular() -> io::Error {
    io::Error::other("it is not a regular file")
}

#[cfg(unix)]
fn inode(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_: &std::fs::Metadata) -> u64 {
    0
}
