//! What a verb is given as RUN: a run folder, or a model file.

use std::path::{Path, PathBuf};

use super::config::{self, Config};
use super::exit::Exit;
use crate::data::Preparation;
use crate::run::{BEST, CONFIG, MODEL, ModelFile};

/// A run folder or a model file.
pub(super) struct RunPath {
    /// The model file.
    pub(super) model: PathBuf,
    /// The run's configuration, where there is one.
    config: PathBuf,
}

impl RunPath {
    /// Finds the model, the best epoch's on request.
    pub(super) fn new(path: &Path, best: bool) -> Result<Self, Exit> {
        let place = path.display();
        if path.is_dir() {
            let name = if best { BEST } else { MODEL };
            let model = path.join(name);
            if !model.is_file() {
                // A run that was killed has the model of its best epoch.
                let remedy = if !best && path.join(BEST).is_file() {
                    "the run did not end; `--best` takes the best epoch's model"
                } else {
                    "expected a run folder or a model file"
                };
                return Err(Exit::usage(format!(
                    "{place}: there is no {name} in it; {remedy}"
                )));
            }
            return Ok(Self {
                model,
                config: path.join(CONFIG),
            });
        }
        if !path.exists() {
            return Err(Exit::usage(format!(
                "{place}: does not exist; expected a run folder or a model file"
            )));
        }
        if best {
            return Err(Exit::usage(format!(
                "{place}: is a file, and `--best` chooses a file of a run folder"
            )));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok(Self {
            model: path.to_owned(),
            config: folder.join(CONFIG),
        })
    }

    /// The run's configuration.
    pub(super) fn config(&self) -> Result<Option<Config>, Exit> {
        if !self.config.is_file() {
            return Ok(None);
        }
        config::read(&self.config)?.resolve().map(Some)
    }

    /// The model, with the preparation that raw data need.
    pub(super) fn load(&self) -> Result<(ModelFile, Preparation), Exit> {
        let mut file = ModelFile::load(&self.model)?;
        match file.preparation.take() {
            Some(preparation) => Ok((file, preparation)),
            None => {
                let place = self.model.display();
                let why =
                    "the model was saved without a data preparation, so no data can be read for it";
                Err(Exit::usage(format!(
                    "{place}: {why}; use it from the library, or train by `thalweg train`"
                )))
            }
        }
    }
}
