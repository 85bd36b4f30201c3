//! `pos-webhooks man`: prints or writes manual pages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::console::print;
use crate::help;
use crate::report::Plain;
use crate::stop::Stop;
use crate::suggest;

/// Print a manual page, or write the pages of all commands
///
/// Prints the page of a command in the format of roff, or that of the program. With --directory, the command writes one file
/// per command, such as `pos-webhooks-verify.1`.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  pos-webhooks man hooks vipps create | man -l -
      Shows the page of a command.
  pos-webhooks man --directory man1")]
pub struct Arguments {
    /// Command whose page is printed, such as `hooks vipps create`
    #[arg(value_name = "COMMAND", conflicts_with = "directory")]
    command: Vec<String>,

    /// Write the pages of all commands to this directory, which is created if it does not exist
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// The columns that a page has for text: `man` indents it by 7, and prints 78 on a terminal of 80.
const WIDTH: usize = 71;

pub fn run(arguments: &Arguments) -> Result<ExitCode, Stop> {
    help::set_width(WIDTH);
    let mut command = help::laid_out(crate::command()).disable_help_subcommand(true);
    command.build();
    if let Some(directory) = &arguments.directory {
        fs::create_dir_all(directory).map_err(|error| unusable(directory, &error))?;
        write_pages(&command, &command, directory).map_err(|error| unusable(directory, &error))?;
        return Ok(ExitCode::SUCCESS);
    }
    let root = command.clone();
    let mut path = crate::NAME.to_owned();
    for name in &arguments.command {
        command = subcommand(&command, &path, name)?.clone();
        path += &format!(" {name}");
    }
    Ok(print(&String::from_utf8_lossy(&page(&root, command)?), ExitCode::SUCCESS)?)
}

fn page(root: &Command, command: Command) -> std::io::Result<Vec<u8>> {
    let related = related(root, &command);
    let notes = command.get_after_long_help().or(command.get_after_help()).map(ToString::to_string);
    let (has_options, has_commands) = (command.get_arguments().next().is_some(), pages(&command).next().is_some());
    let mut page = Vec::new();
    let man = Man::new(command)
        .date(option_env!("POS_WEBHOOKS_DATE").unwrap_or_default())
        .source(concat!("pos-webhooks ", env!("CARGO_PKG_VERSION")))
        .manual("pos-webhooks Manual");
    man.render_title(&mut page)?;
    // Names of commands and options are never split, and lines of long words are not stretched.
    Roff::new().control("nh", []).control("ad", ["l"]).to_writer(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if has_options {
        man.render_options_section(&mut page)?;
    }
    if has_commands {
        man.render_subcommands_section(&mut page)?;
    }
    sections(&notes.unwrap_or_default()).to_writer(&mut page)?;
    if let Some((last, others)) = related.split_last() {
        let mut see = Roff::new();
        see.control("SH", ["SEE ALSO"]);
        others.iter().for_each(|name| _ = see.text([bold(name.as_str()), roman("(1), ")]));
        see.text([bold(last.as_str()), roman("(1)")]);
        see.to_writer(&mut page)?;
    }
    Ok(page)
}

/// The name of the page of a command.
fn page_name(command: &Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

/// The pages that a page refers to: the command that it is a part of, and the commands that its text names. Its own parts are
/// listed in it.
fn related(root: &Command, command: &Command) -> Vec<String> {
    let own = page_name(command);
    let parent = own.strip_suffix(command.get_name()).and_then(|parent| parent.strip_suffix('-'));
    let mut names: Vec<String> = parent.map(str::to_owned).into_iter().collect();
    let texts = [command.get_long_about(), command.get_after_long_help(), command.get_after_help()];
    let texts: Vec<_> = texts.into_iter().flatten().map(ToString::to_string).collect();
    let words = |text: &str, name: &str| {
        let mut places = text.match_indices(name);
        places.any(|(place, _)| {
            let before = text.get(..place).unwrap_or_default();
            let after = text.get(place + name.len()..).unwrap_or_default();
            (before.ends_with('`') && after.starts_with('`') || before.ends_with("pos-webhooks "))
                && !after.starts_with(|next: char| next.is_alphanumeric() || next == '-')
        })
    };
    for other in pages(root).filter(|other| texts.iter().any(|text| words(text, other.get_name()))) {
        let name = page_name(other);
        if name != own && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// The sections at the end of a help, such as the examples. Their lines are laid out already.
fn sections(text: &str) -> Roff {
    let mut roff = Roff::new();
    let mut is_in_section = false;
    for line in text.trim_end().lines() {
        let heading = line.strip_suffix(':').filter(|heading| !heading.starts_with(' '));
        if heading.is_some() || !is_in_section {
            is_in_section = true;
            let heading = heading.map_or("NOTES".to_owned(), str::to_uppercase);
            roff.control("fi", []).control("SH", [heading.as_str()]).control("nf", []);
        }
        if heading.is_none() {
            roff.text([roman(line)]);
        }
    }
    if is_in_section {
        roff.control("fi", []);
    }
    roff
}

fn unusable(directory: &Path, error: &std::io::Error) -> Stop {
    Stop::Input(format!("{}: {error}", directory.display()))
}

fn write_pages(root: &Command, command: &Command, directory: &Path) -> std::io::Result<()> {
    for command in pages(command) {
        write_pages(root, command, directory)?;
    }
    fs::write(directory.join(format!("{}.1", page_name(command))), page(root, command.clone())?)
}

/// The subcommands that have a page.
fn pages(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|command| !command.is_hide_set())
}

fn subcommand<'a>(command: &'a Command, path: &str, name: &str) -> Result<&'a Command, Stop> {
    pages(command).find(|known| known.get_name() == name).ok_or_else(|| {
        let names = pages(command).map(Command::get_name);
        let instead = suggest::instead(names, name, &format!("{path} --help"));
        Stop::Usage(format!("`{path}` does not have a command `{}`; {instead}", Plain(name)))
    })
}
