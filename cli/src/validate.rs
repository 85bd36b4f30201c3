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

use crate::color::{bad, good};
use crate::console::complain;
use crate::input::open;
use crate::lines::{Chunk, Line, Lines};
use crate::options;
use crate::report::{Checker, Format, PayloadError};
use crate::stop::{Stop, UNUSABLE};

/// Validate payloads against the specification
///
/// Reports every violation with its JSON pointer, the keyword of the schema, and a message. Text that is not JSON is
/// reported with line and column, and the payloads after it are still validated.
///
/// An invalid payload may be genuine: a provider may add a field or a value at any time. Use this to find differences,
/// not to refuse deliveries.
#[derive(Args)]
#[command(after_long_help = "\
Output with --format human:
  FILE: valid
  FILE: /POINTER: MESSAGE (KEYWORD)
  FILE:LINE:COLUMN: MESSAGE            (the payload is not JSON, or is longer than --max-bytes)
With --ndjson, violations also have a line (FILE:LINE: /POINTER: …), and valid payloads are only
counted: the last line has the numbers of valid and invalid payloads.

Output with --format json, one object per payload in the order of the input:
  {\"source\":\"FILE\",\"line\":null,\"valid\":true,\"violations\":[]}
  {\"source\":\"FILE\",\"line\":7,\"valid\":false,\"violations\":[{\"pointer\":\"/A\",\"keyword\":\"type\",\"message\":\"…\"}]}
  {\"source\":\"FILE\",\"line\":8,\"valid\":false,\"error\":{\"line\":1,\"column\":5,\"message\":\"…\"}}
`line` is the line of the file with --ndjson, and null without; `error` has the place within the payload.

Examples:
  pos-webhooks validate dealpos paymentCreated payment.json
  curl -s https://example.org/log | pos-webhooks validate vipps epayments.payment.captured.v1
  pos-webhooks validate mipos ORDER --ndjson --format json orders.ndjson | \\
      jq 'select(.valid | not)'

Exit status:
  0  Every payload is valid, or there was no payload.
  1  A payload is invalid: it has violations, is not JSON, or is longer than --max-bytes.
  2  Wrong usage, or a file could not be read. The other files are still validated.
If the output is closed early (`| head`), the status is that of the payloads until then.")]
pub struct Arguments {
    /// The provider of the payload
    #[arg(value_parser = options::provider())]
    provider: &'static Provider,

    /// Event or schema to validate against
    ///
    /// `pos-webhooks schema PROVIDER` lists them.
    name: String,

    /// Files to read; by default, or with -, standard input
    #[arg(value_name = "FILE", default_value = "-", hide_default_value = true)]
    files: Vec<PathBuf>,

    /// Treat every line as one payload
    ///
    /// Files may be of any size: lines are read as they are validated, on all cores (RAYON_NUM_THREADS sets how many).
    /// Blank lines are skipped. Lines may end in LF or CR LF, and the last one need not.
    #[arg(long)]
    ndjson: bool,

    /// Maximum size of a payload in bytes
    ///
    /// A longer payload is invalid and is not kept in memory. Validating a payload takes a few times its size in
    /// memory, and a hundred times or more for a hostile one (`[{"":0},{"":0},…`).
    #[arg(long, value_name = "N", default_value = "16777216", allow_negative_numbers = true)]
    #[arg(value_parser = options::whole(1..=usize::MAX))]
    max_bytes: usize,

    /// Format of the results
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,

    /// Show the invalid values
    ///
    /// By default, messages have `value` instead, because payloads are customers' data. Names of members are always
    /// shown.
    #[arg(long)]
    show_values: bool,

    #[arg(long, short, conflicts_with = "verbose", help = options::QUIET)]
    #[arg(long_help = format!("{}. Invalid payloads are shown", options::QUIET))]
    quiet: bool,

    #[arg(long, short, requires = "ndjson", help = options::VERBOSE)]
    #[arg(long_help = format!("{}. With --ndjson, valid payloads have a line as well", options::VERBOSE))]
    verbose: bool,
}

/// The reason why an input was not validated to its end.
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

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    let Arguments { provider, name, files, format, show_values, quiet, verbose, .. } = arguments;
    if *verbose && *format == Format::Json {
        return Err(options::without_effect("--verbose", "--format json, which has every payload"));
    }
    let names = provider.schemas.iter().map(|schema| schema.name);
    options::check_value::<Arguments>("name", name, names, &options::schemas(provider));
    // The first use prepares the schema, which shows whether the schema can be used.
    if let Err(error @ (Invalid::UnknownName(_) | Invalid::Schema(_))) = provider.validate(name, b"null") {
        complain(format_args!("{error}"));
        return Ok(ExitCode::from(UNUSABLE));
    }
    let mut run = Run {
        arguments,
        checker: Checker {
            provider,
            name: name.clone(),
            format: *format,
            show_values: *show_values,
            quiet: *quiet,
            verbose: *verbose,
        },
        progress: Progress::new(files, *quiet),
        count: Count::default(),
        unreadable: false,
    };
    match run.inputs() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ if run.unreadable => Ok(ExitCode::from(UNUSABLE)),
        _ => Ok(ExitCode::from(u8::from(run.count.invalid > 0))),
    }
}

impl Run<'_> {
    /// Validates the inputs. Fails if the output cannot be written.
    fn inputs(&mut self) -> io::Result<()> {
        let Arguments { files, ndjson, format, quiet, .. } = self.arguments;
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
                    self.progress.bar.suspend(|| complain(format_args!("{source}: {error}")));
                }
                Err(Interruption::Writing(error)) => return Err(error),
            }
        }
        self.progress.bar.finish_and_clear();
        if *ndjson && *format == Format::Human && !quiet {
            let Count { valid, invalid } = self.count;
            let invalid = match invalid {
                0 => good("0 invalid".to_owned()),
                _ => bad(format!("{invalid} invalid")),
            };
            writeln!(io::stdout(), "{valid} valid, {invalid}")?;
        }
        io::stdout().flush()
    }

    /// Validates a whole input as one payload.
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

    /// Validates every line of an input as a payload. This thread reads, those of the pool validate, and another one
    /// writes in order, so that results do not wait for further input.
    fn lines(&mut self, source: &str, reader: impl Read) -> Result<(), Interruption> {
        let Self { checker, progress, count, arguments: Arguments { max_bytes, .. }, .. } = self;
        let checker = &*checker;
        let (chunks, results) = mpsc::sync_channel::<mpsc::Receiver<_>>(2 * rayon::current_num_threads());
        thread::scope(|threads| {
            let writer = threads.spawn(move || {
                // The channel is closed only if a thread of the pool panicked.
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

fn too_long(line: usize, before: usize, max_bytes: usize) -> PayloadError {
    PayloadError { line, column: before + 1, message: format!("longer than {max_bytes} bytes") }
}

/// A progress bar on standard error, if that is a terminal and validation takes long.
struct Progress {
    bar: ProgressBar,
    /// `None` if the bar is shown, or is never shown.
    hidden_since: Option<Instant>,
}

impl Progress {
    fn new(files: &[PathBuf], quiet: bool) -> Self {
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
        Self { bar, hidden_since: (!quiet).then(Instant::now) }
    }

    /// Writes to standard output, which may be the same terminal.
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        if self.hidden_since.is_some_and(|since| since.elapsed() > Duration::from_secs(1)) {
            self.hidden_since = None;
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        // Hiding and showing the bar takes longer than the rest.
        if text.is_empty() { Ok(()) } else { self.bar.suspend(|| io::stdout().write_all(text)) }
    }
}
