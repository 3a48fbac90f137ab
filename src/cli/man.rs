//! `thalweg man`.

use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::Cli;
use super::exit::Exit;
use super::output::print;
use crate::run::RunError;

const EXAMPLES: &str = "Examples:
  thalweg man | man -l -                       the page of the program
  thalweg man --out ~/.local/share/man/man1    it, and thalweg-train.1 and so on";

/// Writes the manual page.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ManPage {
    /// Write the pages of the program and of every verb into this folder, which is made if there is none
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl ManPage {
    pub(super) fn run(self) -> Result<(), Exit> {
        let mut program = Cli::command().disable_help_subcommand(true);
        program.build();
        let Some(folder) = &self.out else {
            return print(&String::from_utf8_lossy(&page(program)?));
        };
        std::fs::create_dir_all(folder).map_err(|e| refused(folder, e))?;
        let mut names = Vec::new();
        write_all(folder, &program, "thalweg", &mut names)?;
        names.iter_mut().for_each(|name| name.push('\n'));
        print(&names.concat())
    }
}

/// The page of a command, and those of its verbs.
fn write_all(
    folder: &Path,
    command: &Command,
    name: &str,
    names: &mut Vec<String>,
) -> Result<(), Exit> {
    let path = folder.join(format!("{name}.1"));
    let text = page(command.clone())?;
    crate::run::write(&path, &text).map_err(|e| refused(&path, e))?;
    names.push(path.display().to_string());
    let verbs = command.get_subcommands().filter(|verb| !verb.is_hide_set());
    for verb in verbs {
        write_all(folder, verb, &format!("{name}-{}", verb.get_name()), names)?;
    }
    Ok(())
}

/// A command that was built knows the name of its page: `thalweg-train`.
fn page(command: Command) -> Result<Vec<u8>, Exit> {
    let name = command.get_name().to_owned();
    let mut text = Vec::new();
    let done = Man::new(command).manual("Thalweg").render(&mut text);
    done.map_err(|e| Exit::failed(format!("the page of {name} cannot be made: {e}")))?;
    Ok(text)
}

fn refused(path: &Path, source: std::io::Error) -> Exit {
    RunError::Io {
        path: path.to_owned(),
        what: "written",
        source,
    }
    .into()
}
