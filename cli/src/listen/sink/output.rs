//! Writes events to standard output, as long as a program reads it.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use super::seen::Seen;
use super::{HasEnded, NotWritten, Written, complain};

/// The number of bytes that a writable pipe accepts at once.
const AT_ONCE: usize = 4096;

const READER_GONE: &str = "the program that reads standard output has ended, so no more events can be written";

/// How often to retry if another event is being written.
const CONTENDED: usize = 16;

/// Standard output. The task of each request writes its own line.
#[derive(Clone)]
pub struct OutputSink {
    output: Arc<Mutex<(Output, Seen)>>,
}

impl OutputSink {
    pub fn open(window: NonZeroUsize, ended: HasEnded) -> io::Result<Self> {
        let output = Output::open(ended)?;
        Ok(Self { output: Arc::new(Mutex::new((output, Seen::new(window)))) })
    }

    /// Writes a line. Returns once it is in standard output.
    pub async fn write(&self, key: Option<String>, line: Vec<u8>) -> Result<Written, NotWritten> {
        for _ in 0..CONTENDED {
            if let Ok(mut guard) = self.output.try_lock() {
                let (output, seen) = &mut *guard;
                if line.len() > AT_ONCE || !output.is_ready() {
                    break;
                }
                return print(output, seen, key.as_deref(), &line);
            }
            tokio::task::yield_now().await;
        }
        // This may block until the program reads, which must not delay other requests.
        let output = Arc::clone(&self.output);
        let write = move || {
            let (output, seen) = &mut *output.lock().unwrap_or_else(PoisonError::into_inner);
            print(output, seen, key.as_deref(), &line)
        };
        tokio::task::spawn_blocking(write).await.map_err(|_| NotWritten)?
    }

    pub fn resize(&self, window: NonZeroUsize) {
        let output = Arc::clone(&self.output);
        let resize = move || output.lock().unwrap_or_else(PoisonError::into_inner).1.resize(window);
        drop(tokio::task::spawn_blocking(resize));
    }
}

fn print(output: &mut Output, seen: &mut Seen, key: Option<&str>, line: &[u8]) -> Result<Written, NotWritten> {
    if seen.add(key) == Written::Duplicate {
        return Ok(Written::Duplicate);
    }
    output.write(line).map_err(|error| {
        complain(1, &error);
        seen.forget(key);
        NotWritten
    })?;
    Ok(Written::New)
}

/// Standard output without a buffer, so that no part of a failed event is written later.
struct Output {
    output: WholeLines<File>,
    /// Whether writing never waits for a program that reads: to a file, and to the null device.
    #[cfg(unix)]
    is_always_ready: bool,
    ended: HasEnded,
}

impl Output {
    /// Opens standard output; fails if it is closed. `ended` is told once no more events can be written.
    fn open(ended: HasEnded) -> io::Result<Self> {
        let output = standard_output()?;
        #[cfg(unix)]
        watch(output.try_clone()?, ended.clone())?;
        Ok(Self {
            #[cfg(unix)]
            is_always_ready: output.metadata()?.is_file() || is_null(&output)?,
            output: WholeLines::new(output),
            ended,
        })
    }

    /// Whether a short line can be written without blocking.
    #[cfg(unix)]
    fn is_ready(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        if self.is_always_ready {
            return true;
        }
        let mut output = [PollFd::new(&self.output.output, PollFlags::OUT)];
        matches!(poll(&mut output, Some(&Timespec::default())), Ok(1))
    }

    #[cfg(not(unix))]
    fn is_ready(&self) -> bool {
        false
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let written = self.output.write(line);
        if written.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
            let _ = self.ended.send(READER_GONE);
        }
        written
    }
}

/// Writes whole lines. After a line that could not be completed, the next one begins on a new line.
pub struct WholeLines<W> {
    output: W,
    /// Whether the last line was written incompletely, without its newline.
    torn: bool,
}

impl<W: Write> WholeLines<W> {
    pub fn new(output: W) -> Self {
        Self { output, torn: false }
    }

    pub fn write(&mut self, line: &[u8]) -> io::Result<()> {
        if self.torn {
            self.output.write_all(b"\n")?;
            self.torn = false;
        }
        let mut rest = line;
        while !rest.is_empty() {
            match self.output.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            self.torn = !rest.is_empty();
        }
        Ok(())
    }
}

#[cfg(unix)]
fn standard_output() -> io::Result<File> {
    use std::os::fd::AsFd as _;

    use rustix::fs::{OFlags, fcntl_getfl};

    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    if is_null(&output)? {
        // If standard output was closed, the standard library has opened the null device instead, for reading as well.
        if fcntl_getfl(&output)?.contains(OFlags::RDWR) {
            return Err(io::Error::other(
                "it is closed or the null device, so every event would be acknowledged and lost",
            ));
        }
        tracing::warn!("standard output is /dev/null: every event is acknowledged and lost");
    }
    Ok(output)
}

#[cfg(unix)]
fn is_null(output: &File) -> io::Result<bool> {
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

    let metadata = output.metadata()?;
    Ok(metadata.file_type().is_char_device() && std::fs::metadata("/dev/null")?.rdev() == metadata.rdev())
}

#[cfg(not(unix))]
fn standard_output() -> io::Result<File> {
    use std::os::windows::io::AsHandle as _;
    Ok(File::from(io::stdout().as_handle().try_clone_to_owned()?))
}

/// Waits until the reader of a pipe, a terminal or a socket is gone, even without deliveries.
#[cfg(unix)]
fn watch(output: File, ended: HasEnded) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::Errno;
    std::thread::Builder::new().name("output".to_owned()).spawn(move || {
        let mut output = [PollFd::new(&output, PollFlags::empty())];
        loop {
            match poll(&mut output, None) {
                Ok(_) => {
                    let _ = ended.send(READER_GONE);
                    return;
                }
                Err(Errno::INTR) => continue,
                Err(_) => return,
            }
        }
    })?;
    Ok(())
}
