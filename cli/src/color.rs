//! `--color`: whether the output has colors, and the colors of states.

use std::ffi::OsStr;
use std::fmt::{self, Display};
use std::io;
use std::sync::LazyLock;

use clap::builder::EnumValueParser;
use clap::builder::styling::{AnsiColor, Style};
use clap::{Arg, ColorChoice, ValueEnum as _};

pub const OPTION: &str = "--color";

/// The option. [`choose`] applies its value, since the help and the errors of the other arguments depend on it.
pub fn option() -> Arg {
    Arg::new("color")
        .long("color")
        .value_name("WHEN")
        .value_parser(EnumValueParser::<ColorChoice>::new())
        .default_value("auto")
        .hide_possible_values(true)
        .global(true)
        .help_heading("Global options")
        .help("Color the output: auto, always or never")
        .long_help(
            "Color the output: auto, always or never. `auto` is for terminals, and follows NO_COLOR, CLICOLOR and \
             CLICOLOR_FORCE, over which the other two take precedence.",
        )
}

/// Applies the value of the option to everything that is printed. An unknown value is left to the parser to refuse.
pub fn choose(value: &OsStr) {
    let choice = value.to_str().and_then(|value| ColorChoice::from_str(value, false).ok());
    match choice {
        Some(ColorChoice::Always) => anstream::ColorChoice::Always.write_global(),
        Some(ColorChoice::Never) => anstream::ColorChoice::Never.write_global(),
        Some(ColorChoice::Auto) | None => {}
    }
}

/// What succeeded.
pub fn good<T: Display>(text: T) -> Styled<T> {
    Styled { style: AnsiColor::Green.on_default(), text }
}

/// What failed.
pub fn bad<T: Display>(text: T) -> Styled<T> {
    Styled { style: AnsiColor::Red.on_default().bold(), text }
}

/// What is doubtful.
pub fn doubtful<T: Display>(text: T) -> Styled<T> {
    Styled { style: AnsiColor::Yellow.on_default(), text }
}

/// A text for standard output, which has a color if standard output has colors.
pub struct Styled<T> {
    style: Style,
    text: T,
}

impl<T: Display> Display for Styled<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        static IS_ON: LazyLock<bool> =
            LazyLock::new(|| anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never);
        if *IS_ON { write!(f, "{}{}{:#}", self.style, self.text, self.style) } else { self.text.fmt(f) }
    }
}
