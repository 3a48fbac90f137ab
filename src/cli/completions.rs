//! `thalweg completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;
use super::exit::Exit;
use super::output::print;

const EXAMPLES: &str = "Examples:
  thalweg completions bash > ~/.local/share/bash-completion/completions/thalweg
  thalweg completions zsh > ~/.zfunc/_thalweg
  thalweg completions fish > ~/.config/fish/completions/thalweg.fish
  thalweg completions powershell >> $PROFILE

zsh looks in ~/.zfunc where ~/.zshrc has `fpath+=~/.zfunc` before `compinit`.";

/// Writes what a shell needs to complete verbs and flags.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self) -> Result<(), Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "thalweg", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}
