//! Fits help texts to the terminal. clap wraps lines as well, but does not support columns and commands.

use std::env;
use std::io::{self, IsTerminal as _};
use std::sync::OnceLock;

use clap::Command;
use textwrap::core::Word;
use textwrap::{Options, WordSeparator, WordSplitter};

/// The minimum width, which fits the widest word of an example. A narrower terminal wraps lines itself, which keeps
/// commands whole.
const NARROWEST: usize = 60;

/// An option and its value stay on one line up to this length, which fits the minimum width.
const TOGETHER: usize = NARROWEST - 8;

/// The width if the output is not a terminal.
const DEFAULT: usize = 100;

static GIVEN: OnceLock<usize> = OnceLock::new();

/// Sets the width of texts that are not for this terminal. Only the first call has an effect.
pub fn set_width(width: usize) {
    GIVEN.get_or_init(|| width);
}

/// The width of texts, which are still readable on a narrow terminal.
pub fn width() -> usize {
    line_width().max(NARROWEST)
}

/// The width of the terminal, for lines that must not be wrapped.
pub fn line_width() -> usize {
    if let Some(width) = GIVEN.get() {
        return *width;
    }
    let given = || env::var("COLUMNS").ok()?.parse().ok();
    let terminal = terminal_size::terminal_size().map(|(width, _)| width.0.into());
    terminal.or_else(given).filter(|width| *width > 0).unwrap_or(DEFAULT)
}

/// Lays out the texts of a command and of its subcommands.
pub fn laid_out(command: Command) -> Command {
    let width = width();
    let mut command = command.term_width(width);
    if let Some(text) = command.get_long_about().map(|text| lay_out(&text.to_string(), width)) {
        command = command.long_about(text);
    }
    if let Some(text) = command.get_after_help().map(|text| lay_out(&text.to_string(), width)) {
        command = command.after_help(text);
    }
    if let Some(text) = command.get_after_long_help().map(|text| lay_out(&text.to_string(), width)) {
        command = command.after_long_help(text);
    }
    let command = command.mut_args(|arg| {
        let short = || arg.get_help().filter(|help| help.to_string().contains('`'));
        // clap indents it by 10.
        match arg.get_long_help().or_else(short).map(|text| lay_out(&text.to_string(), width - 10)) {
            Some(text) => arg.long_help(text),
            None => arg,
        }
    });
    command.mut_subcommands(laid_out)
}

/// Wraps the lines of a text.
///
/// Lines that are not indented are prose. A line that is indented by two spaces is kept as a separate line. Its text
/// may be in a column after two spaces or more, and is wrapped in that column. Under `Examples:` such a line is a
/// command, which is broken with backslashes: where it is broken already, and where it is too long. Under
/// `Configuration…:` it is not changed.
fn lay_out(text: &str, width: usize) -> String {
    // Each block has the column in which it is wrapped; a command does not have one.
    let mut blocks: Vec<(Option<usize>, String)> = Vec::new();
    let mut heading = "";
    for line in text.lines() {
        let unindented = line.trim_start();
        let indent = line.len() - unindented.len();
        if indent == 0 && !line.is_empty() {
            heading = line;
        }
        match blocks.last_mut() {
            _ if indent > 0 && heading.starts_with("Configuration") => blocks.push((Some(line.len()), line.to_owned())),
            Some((Some(column), last)) if *column == indent && indent != 2 && !last.is_empty() && !line.is_empty() => {
                *last += " ";
                *last += unindented;
            }
            Some((None, last)) if last.ends_with(" \\") => {
                last.push('\n');
                *last += unindented;
            }
            _ if heading == "Examples:" && indent == 2 => blocks.push((None, unindented.to_owned())),
            _ => {
                let text = unindented.split_once("  ").filter(|_| indent == 2).map(|(_, text)| text.trim_start());
                blocks.push((Some(line.len() - text.unwrap_or(unindented).len()), line.to_owned()));
            }
        }
    }
    let lines = blocks.iter().map(|(column, text)| match column {
        Some(column) if *column >= text.len() => text.clone(),
        Some(column) => fill(text, width, *column),
        None => command(text, width),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Wraps a text in the given column. A command in backticks stays on one line.
pub fn fill(text: &str, width: usize, column: usize) -> String {
    let (start, text) = text.split_at_checked(column).unwrap_or(("", text));
    let indent = " ".repeat(column);
    textwrap::fill(text, options(width, start, &indent, |line| Box::new(words(line, &['`'], false))))
}

/// Wraps a line of a list in the given column, if standard output is a terminal. If that column leaves too little width, the
/// line goes on below its beginning.
pub fn listed(line: &str, column: usize) -> String {
    if !io::stdout().is_terminal() {
        return line.to_owned();
    }
    let width = width();
    fill(line, width, if column > width / 2 { 4 } else { column })
}

/// Wraps the line with the usage in a text, between its arguments.
pub fn with_usage(text: &str) -> String {
    let width = width();
    let lines = text.split('\n').map(|line| {
        let Some(place) = line.find("Usage:").filter(|_| textwrap::core::display_width(line) > width) else {
            return line.to_owned();
        };
        // A color may be in front.
        let (color, line) = line.split_at(place);
        let options = options(width, color, "       ", |line| Box::new(words(line, &[], true)));
        textwrap::fill(&together(line), options).replace(NO_BREAK, " ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Takes the place of a space at which a line is not broken.
const NO_BREAK: &str = "\u{a0}";

/// A usage in which an option and its value are one word.
fn together(usage: &str) -> String {
    let mut text = String::new();
    for word in usage.split(' ') {
        let before = text.rsplit(' ').next().unwrap_or_default();
        let is_value =
            before.contains("--") && !before.contains(['>', '=']) && word.contains('<') && !word.contains("--");
        let is_value = is_value || before.contains("<--") && !before.contains('>');
        if !text.is_empty() {
            text += if is_value { NO_BREAK } else { " " };
        }
        text += word;
    }
    text
}

/// Wraps the lines of a message at the width of the terminal, never inside a word. Quoted lines are not wrapped, so that
/// they can be copied.
pub fn fitted(text: &str) -> String {
    let width = width();
    let text = with_usage(text);
    let mut is_usage = false;
    let lines = text.split('\n').map(|line| {
        let unindented = line.trim_start();
        is_usage = line.starts_with("Usage: ") || is_usage && !line.is_empty();
        match unindented.starts_with(['"', '\'']) || is_usage {
            true => line.to_owned(),
            false => fill(line, width, line.len() - unindented.len()),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn command(text: &str, width: usize) -> String {
    let mut lines = Vec::new();
    for part in text.split(" \\\n") {
        let first = if lines.is_empty() { "  " } else { "      " };
        let options = options(width - 2, first, "      ", |line| Box::new(words(line, &['\'', '"'], true)));
        lines.extend(textwrap::wrap(part, options));
    }
    lines.join(" \\\n")
}

type Words = for<'a> fn(&'a str) -> Box<dyn Iterator<Item = Word<'a>> + 'a>;

fn options<'a>(width: usize, first: &'a str, indent: &'a str, words: Words) -> Options<'a> {
    Options::new(width)
        .initial_indent(first)
        .subsequent_indent(indent)
        .break_words(false)
        .word_separator(WordSeparator::Custom(words))
        .word_splitter(WordSplitter::NoHyphenation)
}

/// Words with the spaces after them. A quoted text is one word; in a command, so are an option and its value.
fn words<'a>(line: &'a str, quotes: &'static [char], command: bool) -> impl Iterator<Item = Word<'a>> + 'a {
    let mut rest = line;
    std::iter::from_fn(move || {
        let (mut word, mut after) = rest.split_at_checked(end_of_word(rest, quotes))?;
        let both = word.len() + end_of_word(after, quotes);
        let has_value = word.starts_with("--") && !after.starts_with(['-', '|', '>', '<']);
        if command && (has_value || word == "| ") && both <= TOGETHER {
            (word, after) = rest.split_at_checked(both)?;
        }
        rest = after;
        (!word.is_empty()).then(|| Word::from(word))
    })
}

fn end_of_word(text: &str, quotes: &[char]) -> usize {
    let (mut spaced, mut quote) = (false, None);
    let end = text.char_indices().find(|(_, character)| {
        if spaced && *character != ' ' {
            return true;
        }
        match quote {
            None if quotes.contains(character) => quote = Some(*character),
            Some(open) if open == *character => quote = None,
            _ => {}
        }
        spaced = *character == ' ' && quote.is_none();
        false
    });
    end.map_or(text.len(), |(end, _)| end)
}
