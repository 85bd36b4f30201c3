//! `pos-webhooks validate`.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pos_webhooks::catalogue::Provider;
use pos_webhooks::validate::Invalid;

use crate::input::open;
use crate::lines::{Chunk, Line, Lines};
use crate::options;
use crate::report::{Checker, Error, Format};

/// Validate payloads against the specification
///
/// Reports every violation with its JSON pointer, the keyword of the schema, and what is wrong. Text that is not JSON is
/// reported with line and column. What follows is validated all the same.
///
/// An invalid payload is not a wrong one: a provider may add a field or a value at any time. Use this to find out, not to
/// refuse deliveries.
#[derive(Args)]
#[command(after_long_help = "\
Output for people:
  FILE: valid
  FILE: /POINTER: MESSAGE (KEYWORD)
  FILE:LINE:COLUMN: MESSAGE            (it is not JSON, or it is longer than --max-bytes)
With --ndjson violations have a line too (FILE:LINE: /POINTER: …), and valid payloads are only
counted: the last line says how many are valid and how many are not.

Output with --format json, an object per payload in the order of the input:
  {\"source\":\"FILE\",\"line\":null,\"valid\":true,\"violations\":[]}
  {\"source\":\"FILE\",\"line\":7,\"valid\":false,\"violations\":[{\"pointer\":\"/A\",\"keyword\":\"type\",\"message\":\"…\"}]}
  {\"source\":\"FILE\",\"line\":8,\"valid\":false,\"error\":{\"line\":1,\"column\":5,\"message\":\"…\"}}
`line` is the line of the file with --ndjson and null without; `error` has its place within the payload.

Examples:
  pos-webhooks validate dealpos paymentCreated payment.json
  curl -s https://example.org/log | pos-webhooks validate vipps epayments.payment.captured.v1
  pos-webhooks validate mipos ORDER --ndjson --format json orders.ndjson | \\
      jq 'select(.valid | not)'

Exit status:
  0  Everything was valid, or there was nothing to validate.
  1  Something was invalid: it has violations, is not JSON, or is longer than --max-bytes.
  2  Wrong usage, or a file could not be read. The other files are validated all the same.
Where the output is closed early (`| head`), the status is that of what was validated until then.")]
pub struct Arguments {
    /// Whose payload it is
    #[arg(value_parser = crate::provider())]
    provider: &'static Provider,

    /// Event or schema that it is to be
    ///
    /// `pos-webhooks schema PROVIDER` lists them.
    name: String,

    /// Files to read; none, or -, is standard input
    #[arg(value_name = "FILE", default_value = "-", hide_default_value = true)]
    files: Vec<PathBuf>,

    /// Take every line for one payload
    ///
    /// Files may be of any size: lines are read as they are validated, on all cores (RAYON_NUM_THREADS sets how many).
    /// Blank lines are skipped. Lines may end in LF or CR LF, and the last one need not.
    #[arg(long)]
    ndjson: bool,

    /// Longest payload in bytes
    ///
    /// A longer one is invalid and is not kept in memory. While it is validated a payload takes a few times its length,
    /// and a hundred times or more where it is made to (`[{"":0},{"":0},…`).
    #[arg(long, value_name = "N", default_value = "16777216", allow_negative_numbers = true)]
    #[arg(value_parser = options::whole(1..=usize::MAX))]
    max_bytes: usize,

    /// How results are written
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

    /// Show the values at fault
    ///
    /// Without it messages say `value`: payloads are customers' data. Names of members are always shown.
    #[arg(long)]
    show_values: bool,
}

/// What keeps an input from being validated to its end.
enum Interruption {
    Reading(io::Error),
    Writing(io::Error),
}

#[derive(Default)]
struct Count {
    valid: u64,
    invalid: u64,
}

impl Count {
    fn add(&mut self, valid: bool) {
        *(if valid { &mut self.valid } else { &mut self.invalid }) += 1;
    }
}

struct Run<'a> {
    arguments: &'a Arguments,
    checker: Checker,
    progress: Progress,
    count: Count,
    unreadable: bool,
}

pub fn run(arguments: &Arguments) -> io::Result<ExitCode> {
    let Arguments { provider, name, files, format, show_values, .. } = arguments;
    crate::check_value("validate", "name", name, provider.schemas.iter().map(|schema| schema.name));
    // The first use prepares the schema, which shows whether it can be used.
    if let Err(error @ (Invalid::UnknownName(_) | Invalid::Schema(_))) = provider.validate(name, b"null") {
        crate::complain(format_args!("{error}"));
        return Ok(ExitCode::from(crate::UNUSABLE));
    }
    let mut run = Run {
        arguments,
        checker: Checker { provider, name: name.clone(), format: *format, show_values: *show_values },
        progress: Progress::new(files),
        count: Count::default(),
        unreadable: false,
    };
    match run.inputs() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ if run.unreadable => Ok(ExitCode::from(crate::UNUSABLE)),
        _ => Ok(ExitCode::from(u8::from(run.count.invalid > 0))),
    }
}

impl Run<'_> {
    /// Fails when the output cannot be written.
    fn inputs(&mut self) -> io::Result<()> {
        let Arguments { files, ndjson, format, .. } = self.arguments;
        for file in files {
            let source = file.to_string_lossy();
            let reader = open(file).map(|reader| self.progress.bar.wrap_read(reader));
            let done = match reader {
                Ok(reader) if *ndjson => self.lines(&source, reader),
                Ok(reader) => self.whole(&source, reader),
                Err(error) => Err(Interruption::Reading(error)),
            };
            match done {
                Ok(()) => {}
                Err(Interruption::Reading(error)) => {
                    self.unreadable = true;
                    self.progress.bar.suspend(|| crate::complain(format_args!("{source}: {error}")));
                }
                Err(Interruption::Writing(error)) => return Err(error),
            }
        }
        self.progress.bar.finish_and_clear();
        if *ndjson && *format == Format::Human {
            writeln!(io::stdout(), "{} valid, {} invalid", self.count.valid, self.count.invalid)?;
        }
        io::stdout().flush()
    }

    /// The whole input is one payload.
    fn whole(&mut self, source: &str, reader: impl Read) -> Result<(), Interruption> {
        let max_bytes = self.arguments.max_bytes;
        let (mut json, mut report) = (Vec::new(), Vec::new());
        reader.take((max_bytes as u64).saturating_add(1)).read_to_end(&mut json).map_err(Interruption::Reading)?;
        let json = match json.split_last() {
            Some((_, most)) if json.len() > max_bytes => {
                let before = most.rsplit(|byte| *byte == b'\n').next().map_or(0, <[u8]>::len);
                Err(too_long(1 + most.iter().filter(|byte| **byte == b'\n').count(), before, max_bytes))
            }
            _ => Ok(json.as_slice()),
        };
        self.count.add(self.checker.check(source, None, json, &mut report).map_err(Interruption::Writing)?);
        self.progress.write(&report).map_err(Interruption::Writing)
    }

    /// Every line of the input is a payload. This thread reads, those of the pool validate, and one writes in order, so
    /// that no result waits for input that is yet to come.
    fn lines(&mut self, source: &str, reader: impl Read) -> Result<(), Interruption> {
        let Self { checker, progress, count, arguments: Arguments { max_bytes, .. }, .. } = self;
        let checker = &*checker;
        let (chunks, results) = mpsc::sync_channel::<mpsc::Receiver<_>>(2 * rayon::current_num_threads());
        thread::scope(|threads| {
            let writer = threads.spawn(move || {
                // There is nothing to receive only where a thread of the pool panicked.
                for result in results.into_iter().map_while(|result| result.recv().ok()) {
                    let (counted, report): (Count, Vec<u8>) = result?;
                    count.valid += counted.valid;
                    count.invalid += counted.invalid;
                    progress.write(&report)?;
                }
                Ok(())
            });
            let read = rayon::in_place_scope(|pool| {
                let mut lines = Lines::new(reader, *max_bytes);
                while let Some(chunk) = lines.next_chunk()? {
                    let (done, result) = mpsc::sync_channel(1);
                    // The writer stops when it cannot write.
                    if chunks.send(result).is_err() {
                        break;
                    }
                    pool.spawn(move |_| _ = done.send(check(checker, source, &chunk, *max_bytes)));
                }
                Ok(())
            });
            drop(chunks);
            writer.join().unwrap_or_else(|panic| resume_unwind(panic)).map_err(Interruption::Writing)?;
            read.map_err(Interruption::Reading)
        })
    }
}

fn check(checker: &Checker, source: &str, chunk: &Chunk, max_bytes: usize) -> io::Result<(Count, Vec<u8>)> {
    let (mut count, mut report) = (Count::default(), Vec::new());
    for Line { number, place } in &chunk.payloads {
        let json = place.clone().and_then(|place| chunk.bytes.get(place));
        let json = json.ok_or_else(|| too_long(1, max_bytes, max_bytes));
        count.add(checker.check(source, Some(*number), json, &mut report)?);
    }
    Ok((count, report))
}

fn too_long(line: usize, before: usize, max_bytes: usize) -> Error {
    Error { line, column: before + 1, message: format!("longer than {max_bytes} bytes") }
}

/// A bar on standard error, where that is a terminal and one has to wait.
struct Progress {
    bar: ProgressBar,
    hidden_since: Option<Instant>,
}

impl Progress {
    fn new(files: &[PathBuf]) -> Self {
        let length = |file: &PathBuf| fs::metadata(file).ok().filter(fs::Metadata::is_file).map(|file| file.len());
        let length: Option<u64> = files.iter().map(length).sum();
        let bar = ProgressBar::with_draw_target(length, ProgressDrawTarget::hidden());
        let form = match length {
            Some(_) => "{wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
            None => "{spinner} {bytes}, {bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(form) {
            bar.set_style(style);
        }
        Self { bar, hidden_since: Some(Instant::now()) }
    }

    /// Writes to standard output, which may be the same terminal.
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        if self.hidden_since.is_some_and(|since| since.elapsed() > Duration::from_secs(1)) {
            self.hidden_since = None;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        // Hiding the bar and showing it again takes longer than all else.
        if text.is_empty() { Ok(()) } else { self.bar.suspend(|| io::stdout().write_all(text)) }
    }
}
