//! Reads newline-delimited payloads in chunks.

use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;

/// The approximate size of a chunk in bytes. A longer payload is a chunk of its own.
const BUFFER: usize = 256 << 10;

/// The maximum number of payloads per chunk. It limits the size of the reports: that of `{}` is hundreds of times as
/// long as the payload.
const PAYLOADS: usize = 1024;

pub struct Lines<R> {
    reader: BufReader<R>,
    max_bytes: usize,
    line: u64,
}

/// Consecutive payloads. Never empty.
pub struct Chunk {
    pub bytes: Vec<u8>,
    pub payloads: Vec<Line>,
}

pub struct Line {
    /// The line number, counted from 1.
    pub number: u64,
    /// The place in the chunk's bytes; `None` if the payload was too long to be kept.
    pub place: Option<Range<usize>>,
}

impl<R: Read> Lines<R> {
    pub fn new(reader: R, max_bytes: usize) -> Self {
        Self { reader: BufReader::with_capacity(BUFFER, reader), max_bytes, line: 0 }
    }

    /// Returns the next payloads; `None` at the end.
    ///
    /// This waits only for the first payload, so that payloads are reported as they arrive. If reading fails, all
    /// complete lines before the failure are still reported.
    pub fn next_chunk(&mut self) -> io::Result<Option<Chunk>> {
        let mut chunk = Chunk { bytes: Vec::with_capacity(BUFFER), payloads: Vec::new() };
        while chunk.payloads.is_empty() || self.has_line() && chunk.payloads.len() < PAYLOADS {
            if !self.next_line(&mut chunk)? {
                break;
            }
        }
        Ok(Some(chunk).filter(|chunk| !chunk.payloads.is_empty()))
    }

    fn has_line(&self) -> bool {
        self.reader.buffer().contains(&b'\n')
    }

    /// Adds one line to the chunk unless it is blank; `false` at the end of the input.
    fn next_line(&mut self, chunk: &mut Chunk) -> io::Result<bool> {
        let start = chunk.bytes.len();
        // The line break is not counted.
        let most = self.max_bytes.saturating_add(2);
        let read = (&mut self.reader).take(most as u64).read_until(b'\n', &mut chunk.bytes)?;
        if read == 0 {
            return Ok(false);
        }
        self.line += 1;
        let text = chunk.bytes.get(start..).unwrap_or_default();
        let (text, ended) = match text.strip_suffix(b"\n") {
            Some(text) => (text.strip_suffix(b"\r").unwrap_or(text), true),
            None => (text, false),
        };
        let (length, blank) = (text.len(), text.trim_ascii().is_empty());
        let place = (length <= self.max_bytes).then_some(start..start + length);
        if place.is_none() {
            chunk.bytes.truncate(start);
            if !ended {
                self.reader.skip_until(b'\n')?;
            }
        }
        if place.is_none() || !blank {
            chunk.payloads.push(Line { number: self.line, place });
        }
        Ok(true)
    }
}
