//! What a configuration comes to: data that are loaded, and a trainer that is ready.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::class_weights;
use super::config::Config;
use super::exit::Exit;
use super::flags::LossChoice;
use super::network;
use crate::data::{
    DataError, Dataset, Folds, InFile, Preparation, Spec, Table, TableOptions, Targets, Task, split,
};
use crate::device::{Device, Opened, Opening};
use crate::executor::{DeviceInfo, ExecutorError};
use crate::network::{Activation, ClassOptions, Loss};
use crate::run::{fingerprint, load_weights};
use crate::train::{Objective, Options, Trainer};

/// A configuration with its data.
pub(super) struct Job {
    /// The configuration, with the task and the loss that the data decided.
    pub(super) config: Config,
    pub(super) training: Dataset,
    pub(super) validation: Option<Dataset>,
    pub(super) preparation: Preparation,
    pub(super) trainer: Trainer,
    /// What is to be said of the data, such as what was done about missing values.
    pub(super) notes: Vec<String>,
}

impl Job {
    /// Loads all that the configuration names, and checks it against itself. Writes nothing.
    pub(super) fn load(config: Config) -> Result<Self, Exit> {
        let table = table(&config)?;
        let parts = parts(&config, &table)?;
        Self::of(config, Cow::Owned(table), parts, None)
    }

    /// The same with some rows of a table that is loaded already: those that train, and those that validate. Jobs that are
    /// alike but for their seeds share the rows of `--val-data`, which the first of them reads.
    pub(super) fn of(
        mut config: Config,
        table: Cow<'_, Table>,
        (mut training, mut validation): (Vec<u32>, Vec<u32>),
        shared: Option<&OnceCell<Table>>,
    ) -> Result<Self, Exit> {
        let in_file = in_file(&config);
        let mut notes = table.notes();
        if table.is_stored() {
            // In the order of the file, so that a window is one stretch of it.
            training.sort_unstable();
            validation.sort_unstable();
        }
        let preparation = Preparation::fit(&table, &training, config.task, config.normalize)?;
        let all = match table {
            Cow::Owned(table) => preparation.prepare_owned(table)?,
            Cow::Borrowed(table) => preparation.prepare(table)?,
        };
        config.task = preparation.task();
        let loss = match (config.loss, config.task) {
            (LossChoice::Loss(loss), _) => loss,
            (LossChoice::Auto, Task::Classification) => Loss::CrossEntropy,
            (LossChoice::Auto, _) => Loss::SquaredError,
        };
        config.loss = LossChoice::Loss(loss);
        check_loss(&config, loss, &preparation)?;
        let (training, validation) = match &config.val_data {
            None if !validation.is_empty() => {
                let (training, validation) = all.into_parts(&training, &validation);
                (training, Some(validation))
            }
            // No row validates, and so none was moved.
            None => (all, None),
            Some(spec) => {
                let options = TableOptions {
                    in_file,
                    ..preparation.table_options(true)
                };
                let (rows, said) = validation_rows(spec, &options, &preparation, shared)?;
                notes.extend(said);
                (all, Some(rows))
            }
        };
        // What the run keeps of it lets it be repeated where there is more memory.
        config.options.window = config.options.order().of(&training).window;
        let mut trainer = trainer(&config, loss, &preparation)?;
        let classes = class_options(&config, &preparation, &training)?;
        trainer.objective = Objective::Loss { loss, classes };
        Ok(Self {
            config,
            training,
            validation,
            preparation,
            trainer,
            notes,
        })
    }

    /// Says what is to be said of the data, on standard error.
    pub(super) fn say_notes(&self) {
        for note in &self.notes {
            super::output::note(&format!("note: {note}"));
        }
    }

    /// The rows, hashed.
    pub(super) fn fingerprint(&self) -> Result<String, DataError> {
        let sets = std::iter::once(&self.training).chain(&self.validation);
        let rows: Result<Vec<_>, _> = sets.map(fingerprint).collect();
        Ok(rows?.join(" "))
    }

    /// The loss with what it takes of the classes.
    pub(super) fn objective(&self) -> (Loss, ClassOptions) {
        match &self.trainer.objective {
            Objective::Loss { loss, classes } => (*loss, classes.clone()),
            Objective::Custom { .. } => unreachable!("`load` makes one of the losses"),
        }
    }

    /// The loss.
    pub(super) fn loss(&self) -> Loss {
        match self.config.loss {
            LossChoice::Loss(loss) => loss,
            LossChoice::Auto => unreachable!("`load` decides the loss"),
        }
    }
}

/// A data set, prepared as the training rows were.
pub(super) fn load_prepared(spec: &Spec, preparation: &Preparation) -> Result<Dataset, Exit> {
    let options = TableOptions {
        in_file: InFile::IfLarge,
        ..preparation.table_options(true)
    };
    let table = spec.load(&options)?;
    for note in table.notes() {
        super::output::note(&format!("note: {note}"));
    }
    Ok(preparation.prepare_owned(table)?)
}

/// The rows of `--val-data`, which jobs may share, and what is to be said of them.
fn validation_rows(
    spec: &Spec,
    options: &TableOptions,
    preparation: &Preparation,
    shared: Option<&OnceCell<Table>>,
) -> Result<(Dataset, Vec<String>), DataError> {
    let read = || -> Result<Table, DataError> {
        log::debug!("{spec}: read to validate on");
        spec.load(options)
    };
    let Some(shared) = shared else {
        let table = read()?;
        let notes = table.notes();
        return Ok((preparation.prepare_owned(table)?, notes));
    };
    let table = match shared.get() {
        Some(table) => table,
        None => {
            let table = read()?;
            shared.get_or_init(|| table)
        }
    };
    Ok((preparation.prepare(table)?, table.notes()))
}

const fn in_file(config: &Config) -> InFile {
    match config.options.window {
        Some(_) => InFile::Always,
        None => InFile::IfLarge,
    }
}

/// The data that the configuration names, as they are.
pub(super) fn table(config: &Config) -> Result<Table, Exit> {
    let options = TableOptions {
        target: config.target.clone(),
        weights: config.weights.clone(),
        in_file: in_file(config),
        missing: config.missing,
        drop: config.drop.clone(),
        ..TableOptions::default()
    };
    Ok(config.data.load(&options)?)
}

/// The numbers of the training rows and of the validation rows of a table.
pub(super) fn parts(config: &Config, table: &Table) -> Result<(Vec<u32>, Vec<u32>), Exit> {
    let targets = match config.trials.part() {
        Some(_) => Preparation::targets_of(table, config.task)?,
        None => Targets::None,
    };
    rows(config, table.rows(), &targets)
}

/// The same of so many rows. Folds look at the targets.
pub(super) fn rows(
    config: &Config,
    rows: usize,
    targets: &Targets,
) -> Result<(Vec<u32>, Vec<u32>), Exit> {
    if let Some((fold, folds)) = config.trials.part() {
        let Options { seed, shuffle, .. } = config.options;
        return Ok(Folds::new(rows, targets, folds, seed, shuffle)?.rows(fold));
    }
    let fraction = if config.val_data.is_some() {
        0.0
    } else {
        config.val_fraction
    };
    let shuffle = config.options.shuffle && fraction > 0.0;
    Ok(split(rows, fraction, config.options.seed, shuffle)?)
}

/// Refuses a loss that cannot take the targets, and flags that the loss does not know.
fn check_loss(config: &Config, loss: Loss, preparation: &Preparation) -> Result<(), Exit> {
    let regression = preparation.task() == Task::Regression;
    if loss.takes_classes() && regression {
        return Err(Exit::usage(format!(
            "--loss {loss} needs classes, and the target is numbers; choose `--task classification` to take each number \
             for a class, or a loss of numbers: squared_error, absolute_error, huber or smooth_l1"
        )));
    }
    let smoothing = config.label_smoothing;
    if smoothing > 0.0 && loss != Loss::CrossEntropy {
        return Err(Exit::usage(format!(
            "--label-smoothing {smoothing} is for the loss cross_entropy, and the loss is {loss}; leave one of them out"
        )));
    }
    let Some(weights) = &config.class_weights else {
        return Ok(());
    };
    let found = if regression {
        "the target is numbers".to_owned()
    } else if loss.takes_class_weights() {
        return Ok(());
    } else {
        format!("the loss is {loss}")
    };
    Err(Exit::usage(format!(
        "--class-weights {weights} is for classes and the loss cross_entropy, hinge, negative_log_likelihood or \
         kullback_leibler, and {found}; leave it out, or give rows weights by `--weights COLUMN`"
    )))
}

/// What the loss takes of the classes.
fn class_options(
    config: &Config,
    preparation: &Preparation,
    training: &Dataset,
) -> Result<ClassOptions, Exit> {
    let names = preparation.class_names().unwrap_or_default();
    let weights = config.class_weights.as_ref();
    let weights = weights.map(|text| class_weights::resolve(text, names, training));
    Ok(ClassOptions {
        label_smoothing: config.label_smoothing,
        weights: weights.transpose()?,
    })
}

fn trainer(config: &Config, loss: Loss, preparation: &Preparation) -> Result<Trainer, Exit> {
    let (inputs, outputs) = (preparation.features(), preparation.outputs());
    let mut network = network::network(config, inputs, outputs);
    if loss == Loss::NegativeLogLikelihood {
        // It wants log-probabilities.
        network = network.activation(Activation::LogSoftmax);
    }
    network.fill_steps(&preparation.sample_shape())?;
    network.check()?;
    let mut trainer = Trainer::new(network, loss);
    trainer.options = config.options.clone();
    trainer.device = config.device.clone();
    trainer.units = preparation.target_scale().map(|scale| scale.scale.to_vec());
    if let Some(path) = &config.init_weights {
        trainer.initial = Some(load_weights(Path::new(path), &trainer.network)?);
    }
    Ok(trainer)
}

/// Opens a device, and says once if `auto` found no GPU.
pub(super) fn open(device: &Device, opening: Opening, quiet: bool) -> Result<Opened, Exit> {
    let opened = device.open_with(&opening).map_err(|error| {
        let missing = matches!(error, ExecutorError::NoDevice { .. });
        let exit = Exit::from(error);
        if missing {
            exit.hint("there are always `auto`, `cpu`, `reference` and `reference-f32`")
        } else {
            exit
        }
    })?;
    if *device == Device::Auto && opened.executor.device().executor != "gpu" && !quiet {
        super::output::note(&format!("note: {}", opened.why));
    }
    Ok(opened)
}

/// How this program opens devices: what is worth keeping is kept in the user's folder for it.
pub(super) fn opening(threads: Option<usize>, autotune: bool) -> Opening {
    Opening {
        threads,
        cache: cache_folder(),
        autotune,
    }
}

/// The folder for what is worth keeping between processes: `THALWEG_CACHE`, or a folder in the user's own for caches. None
/// if `THALWEG_CACHE` is empty, or the user has no such folder.
fn cache_folder() -> Option<PathBuf> {
    match std::env::var_os("THALWEG_CACHE") {
        Some(folder) if folder.is_empty() => None,
        Some(folder) => Some(folder.into()),
        None => {
            let folders = etcetera::choose_base_strategy().ok()?;
            Some(folders.cache_dir().join("thalweg"))
        }
    }
}

/// A device's name in results: an adapter's, else the executor's.
pub(super) fn name(device: &DeviceInfo) -> &str {
    if device.executor == "gpu" {
        &device.name
    } else {
        device.executor
    }
}

/// A device in words, and why it was taken.
pub(super) fn describe(opened: &Opened) -> String {
    let device = opened.executor.device();
    match device.executor {
        "gpu" => format!("{} ({}); {}", device.name, device.backend, opened.why),
        executor => format!("{executor} ({}); {}", device.name, opened.why),
    }
}
