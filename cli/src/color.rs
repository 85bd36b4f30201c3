//! `--color`: whether the output has colors.

use std::ffi::OsStr;

use clap::builder::EnumValueParser;
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
