//! `pos-webhooks completions`: prints the completion script of a shell.

use std::io;
use std::process::ExitCode;

use clap::Args;
use clap_complete::Shell;

use crate::console::print;

/// Print the script with which a shell completes this program
///
/// The script completes commands, options, and names, such as those of providers. The providers of --spec and
/// POS_WEBHOOKS_SPECS are included as they are now.
#[derive(Args)]
#[command(after_long_help = "\
Where the script belongs:
  bash        ~/.local/share/bash-completion/completions/pos-webhooks
  zsh         `_pos-webhooks` in a directory of $fpath, such as /usr/local/share/zsh/site-functions
  fish        ~/.config/fish/completions/pos-webhooks.fish
  elvish      ~/.config/elvish/rc.elv, as the line: eval (pos-webhooks completions elvish | slurp)
  powershell  The output, at the end of the file $PROFILE

Examples:
  source <(pos-webhooks completions bash)
      Completes in this shell only.")]
pub struct Arguments {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// The name of the program in the functions of bash. clap_complete 4.6 writes labels that do not match for a name with a
/// hyphen (clap-rs/clap#6421).
const BASH_NAME: &str = "pos_webhooks";

pub fn run(arguments: &Arguments) -> io::Result<ExitCode> {
    let name = if arguments.shell == Shell::Bash { BASH_NAME } else { crate::NAME };
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::command(), name, &mut script);
    let script = String::from_utf8_lossy(&script);
    // The end of the commands that say which program is completed.
    let script = script.replace(&format!(" {BASH_NAME}\n"), &format!(" {}\n", crate::NAME));
    print(&script, ExitCode::SUCCESS)
}
