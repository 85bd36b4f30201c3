//! Where events are shown on a terminal.

use std::io::{self, IsTerminal as _};

use super::log::{Flush, LineWriter, WAITING};

/// How events are shown to people.
pub enum Shown {
    /// Standard output is not a terminal.
    No,
    /// In standard output instead of their JSON.
    Instead,
    /// In standard output beside the file that has their JSON.
    Beside(LineWriter),
}

impl Shown {
    /// What shows further lines, if events are shown beside their file.
    pub fn beside(&self) -> Option<LineWriter> {
        match self {
            Self::Beside(terminal) => Some(terminal.clone()),
            Self::No | Self::Instead => None,
        }
    }

    /// Chooses by the standard output, and returns what makes waiting lines be written when it is dropped.
    pub fn new(has_file: bool) -> io::Result<(Self, Option<Flush>)> {
        if !io::stdout().is_terminal() {
            return Ok((Self::No, None));
        }
        if !has_file {
            return Ok((Self::Instead, None));
        }
        let (writer, flush) = LineWriter::start("terminal", WAITING, io::stdout())?;
        Ok((Self::Beside(writer), Some(flush)))
    }
}
