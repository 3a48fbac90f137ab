//! Where the picture of a search goes.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::super::exit::Exit;
use crate::chart::Chart;
use crate::run::{self, RunError};

/// What was asked for.
pub(super) struct Picture<'a> {
    /// Its place, if it was named.
    pub(super) out: Option<&'a Path>,
    /// Whether it may take another's.
    pub(super) force: bool,
}

impl Picture<'_> {
    /// Refuses a place where no picture can be written, before anything is trained.
    pub(super) fn check(&self) -> Result<(), Exit> {
        let Some(path) = self.out else {
            return Ok(());
        };
        let shown = path.display();
        if path.is_dir() || path.file_name().is_none() {
            return Err(Exit::usage(format!(
                "--out {shown}: is no file's name; expected one, such as search.svg"
            )));
        }
        if path.symlink_metadata().is_ok() && !self.force {
            return Err(exists(path));
        }
        let folder = path.parent().filter(|f| !f.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return Err(Exit::usage(format!(
                "--out {shown}: there is no folder {}; make it first, or choose another place",
                folder.display()
            )));
        }
        Ok(())
    }

    /// Draws the picture where it shall go, or else at the first free `search-N.svg`, and says where. None is replaced unasked,
    /// nor that of another search that ends meanwhile.
    pub(super) fn draw(&self, chart: &Chart) -> Result<PathBuf, Exit> {
        let numbered = |n: u64| PathBuf::from(format!("search-{n}.svg"));
        let mut numbers = 1..;
        loop {
            let number = numbers.next().expect("there is no end of numbers");
            let path = self.out.map_or_else(|| numbered(number), Path::to_path_buf);
            let failed = |source| {
                let (path, what) = (path.clone(), "written");
                Exit::from(RunError::Io { path, what, source })
            };
            if !self.force || self.out.is_none() {
                // An empty file holds the name until the whole picture takes its place.
                match File::create_new(&path) {
                    Ok(_) => {}
                    Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(failed(e)),
                    Err(_) if self.out.is_none() => continue,
                    Err(_) => return Err(exists(&path)),
                }
            }
            return match run::write(&path, chart.svg().as_bytes()) {
                Ok(()) => Ok(path),
                Err(error) => {
                    if !self.force {
                        // Only the empty file that held the name; what is lost if it stays is nothing.
                        let _ = std::fs::remove_file(&path);
                    }
                    Err(failed(error))
                }
            };
        }
    }
}

fn exists(path: &Path) -> Exit {
    let hint = "; choose another picture, or replace this one by `--force`";
    let path = path.to_owned();
    RunError::Exists { path, hint }.into()
}
