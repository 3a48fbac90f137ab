//! What `train` and `verify` take, as flags and as keys of a TOML file.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use super::course::{Course, Saving};
use super::optimizer::UpdateFlags;
use super::seeing::Seeing;
use super::trials::TrialFlags;
use crate::data::{Missing, Normalize, Spec, Task};
use crate::device::Device;
use crate::graph::Precision;
use crate::network::{Activation, Init, Layer, Loss};

/// The flags. What is not given is `None`, so that a file can give it.
#[derive(Debug, Clone, Default, Args)]
#[expect(
    clippy::doc_markdown,
    reason = "these docs are the help texts, which would show the backticks"
)]
pub(super) struct Flags {
    /// Read flags from a TOML file (keys are the flags' names; flags override it)
    #[arg(long, value_name = "FILE.toml", help_heading = "Data")]
    pub(super) config: Option<PathBuf>,

    /// A generator (glyphs, xor, or, parity:8, circles, moons, spirals, blobs, with :n=…,noise=…,seed=…) or a path (CSV or TSV with a header, gzipped or not; Parquet, if built with it; NPZ with x and y; IDX pair `images,labels` or its folder; a folder of pictures with a sub-folder for each class, with :size=28x28,grey) [default: glyphs]
    #[arg(long, value_name = "SPEC", help_heading = "Data")]
    pub(super) data: Option<Spec>,
    /// The target's column in a CSV, or several separated by commas, all numbers [default: the last]
    #[arg(long, value_name = "COLUMN", help_heading = "Data")]
    pub(super) target: Option<String>,
    /// The column of a CSV that holds the weights of the rows in the loss; it is no input
    #[arg(
        long,
        visible_alias = "sample-weights",
        value_name = "COLUMN",
        help_heading = "Data"
    )]
    pub(super) weights: Option<String>,
    /// Validate on this data set, and train on all of --data
    #[arg(long, value_name = "SPEC", help_heading = "Data")]
    pub(super) val_data: Option<Spec>,
    /// Validate on this share of the rows, chosen by the seed (with --no-shuffle, on the last rows) [default: 0.2]
    #[arg(long, value_name = "FRACTION", value_parser = fraction, allow_negative_numbers = true, help_heading = "Data")]
    pub(super) val_fraction: Option<f64>,
    /// auto, classification or regression [default: auto]
    #[arg(long, value_name = "TASK", value_parser = word::<Task>, help_heading = "Data")]
    pub(super) task: Option<Task>,
    /// auto, standard, minmax or none [default: auto]
    #[arg(long, value_name = "HOW", value_parser = word::<Normalize>, help_heading = "Data")]
    pub(super) normalize: Option<Normalize>,
    /// What to do about missing values of a CSV: error, mean (the column's, of the training rows; a category of its own for text) or drop (the row) [default: error]
    #[arg(long, value_name = "HOW", value_parser = word::<Missing>, help_heading = "Data")]
    pub(super) missing: Option<Missing>,
    /// Columns of a CSV to leave out
    #[arg(long, value_name = "COLUMN,…", value_parser = columns, help_heading = "Data")]
    pub(super) drop: Option<Columns>,

    /// Units of the hidden layers; empty for none [default: 256,128]
    #[arg(long, value_name = "UNITS,…", value_parser = widths, help_heading = "Network")]
    pub(super) hidden: Option<Widths>,
    /// identity, sigmoid, tanh, relu, leaky_relu:0.01, elu:1, gelu, gelu_tanh, silu, softplus or softmax [default: relu]
    #[arg(long, value_name = "NAME", value_parser = activation, help_heading = "Network")]
    pub(super) activation: Option<Activation>,
    /// The share of hidden units that is dropped in training [default: 0]
    #[arg(long, value_name = "FRACTION", value_parser = fraction, allow_negative_numbers = true, help_heading = "Network")]
    pub(super) dropout: Option<f64>,
    /// Normalise batches behind each hidden layer, before its activation (PyTorch's BatchNorm1d)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, help_heading = "Network")]
    pub(super) batch_norm: Option<bool>,
    /// Normalise rows behind each hidden layer, before its activation (PyTorch's LayerNorm)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, help_heading = "Network")]
    pub(super) layer_norm: Option<bool>,
    /// The standard deviation of normal noise that is added to the inputs in training [default: 0]
    #[arg(long, value_name = "STD", value_parser = deviation, allow_negative_numbers = true, help_heading = "Network")]
    pub(super) noise: Option<f64>,
    /// The hidden layers as a list, which only a file can give.
    #[arg(skip)]
    pub(super) layers: Option<Vec<Layer>>,
    /// default (PyTorch's), xavier_uniform, xavier_normal, he_uniform or he_normal
    #[arg(long, value_name = "HOW", value_parser = word::<Init>, help_heading = "Network")]
    pub(super) init: Option<Init>,
    /// Begin with the weights of this file (PyTorch's names and shapes: layers.0.weight [outputs, inputs])
    #[arg(long, value_name = "FILE.safetensors", help_heading = "Network")]
    pub(super) init_weights: Option<PathBuf>,

    /// auto (by the task), cross_entropy, sigmoid_cross_entropy (bce), hinge, negative_log_likelihood (nll), kullback_leibler (kl), squared_error (mse), absolute_error (mae), huber:1 or smooth_l1:1
    #[arg(long, value_name = "NAME", value_parser = loss, help_heading = "Training")]
    pub(super) loss: Option<LossChoice>,
    /// What is taken from each label and given to all classes alike, for cross_entropy [default: 0]
    #[arg(long, value_name = "FRACTION", value_parser = fraction, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) label_smoothing: Option<f64>,
    /// What the rows of each class count in the loss: balanced, a number a class, or name=number for some
    #[arg(long, value_name = "WEIGHTS", value_parser = super::class_weights::checked, allow_hyphen_values = true, help_heading = "Training")]
    pub(super) class_weights: Option<String>,
    /// sgd, momentum, nesterov, adam, adamw, rmsprop, adagrad, adadelta, adamax, nadam, radam or lion [default: adam]
    #[arg(long, value_name = "NAME", value_parser = optimizer, help_heading = "Training")]
    pub(super) optimizer: Option<String>,
    /// The learning rate [default: 0.001; rmsprop and adagrad 0.01, adadelta 1, adamax and nadam 0.002, lion 0.0001]
    #[arg(long, value_name = "RATE", value_parser = positive, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) lr: Option<f64>,
    /// The momentum of sgd, momentum, nesterov and rmsprop [default: 0.9; sgd and rmsprop 0]
    #[arg(long, value_name = "FRACTION", value_parser = fraction, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) momentum: Option<f64>,
    /// PyTorch's weight decay: in the gradient, decoupled for adamw and lion [default: 0; adamw 0.01]
    #[arg(long, visible_alias = "l2", value_name = "DECAY", value_parser = positive, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) weight_decay: Option<f64>,
    #[command(flatten)]
    pub(super) update: UpdateFlags,
    /// Rows in a batch; the last, smaller one is kept [default: 128]
    #[arg(long, value_name = "ROWS", value_parser = count, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) batch_size: Option<u64>,
    /// How often all rows are seen [default: 10]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) epochs: Option<u64>,
    /// Training steps in all; wins over --epochs
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) steps: Option<u64>,
    /// Decides the first weights, the split, the order of the rows and the dropped units [default: 0]
    #[arg(
        long,
        value_name = "N",
        value_parser = seed,
        allow_negative_numbers = true,
        help_heading = "Training"
    )]
    pub(super) seed: Option<u64>,
    /// Take batches, and the validation rows, in file order
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, help_heading = "Training")]
    pub(super) no_shuffle: Option<bool>,

    /// Shuffle within windows of so many rows, which come in random order [default: all rows at once]
    #[arg(long, value_name = "ROWS", value_parser = count, allow_negative_numbers = true, help_heading = "Training")]
    pub(super) window: Option<u64>,

    #[command(flatten)]
    pub(super) course: Course,

    #[command(flatten)]
    pub(super) trials: TrialFlags,

    /// auto, cpu, gpu, reference, reference-f32, or an adapter by number or by a part of its name [default: auto]
    #[arg(long, value_name = "DEVICE", help_heading = "Device")]
    pub(super) device: Option<Device>,
    /// single, or mixed: products of half-precision copies, summed in single precision, with a loss scale [default: single]
    #[arg(long, value_name = "NAME", value_parser = word::<Precision>, help_heading = "Training")]
    pub(super) precision: Option<Precision>,
    /// Threads of the CPU executor [default: one a core]
    #[arg(long, value_name = "N", value_parser = threads, allow_negative_numbers = true, help_heading = "Device")]
    pub(super) threads: Option<usize>,
    /// Stream rows that take more of the device than so many MiB, through as many [default: what one binding and the memory allow, else 32]
    #[arg(long, value_name = "MIB", value_parser = count, allow_negative_numbers = true, help_heading = "Device")]
    pub(super) stream: Option<u64>,
    /// Time the shaders that a GPU can choose among, 2 s at most, and keep what was found in the cache folder
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, help_heading = "Device")]
    pub(super) autotune: Option<bool>,
    /// Run a step for every op, with nothing fused: slower, and easier to look into
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, help_heading = "Device")]
    pub(super) no_fusion: Option<bool>,

    /// The run folder [default: the first free runs/NAME-N]
    #[arg(long, value_name = "DIR", value_parser = path, help_heading = "Output")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) saving: Saving,
    /// Replace a run folder that is there already
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, help_heading = "Output")]
    pub(super) force: Option<bool>,
    #[command(flatten)]
    pub(super) seeing: Seeing,
    /// Print one JSON object in place of the table
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, help_heading = "Output")]
    pub(super) json: Option<bool>,
    /// Show no progress
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true, help_heading = "Output")]
    pub(super) quiet: Option<bool>,
}

/// Units of the hidden layers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Widths(pub(super) Vec<usize>);

/// Names of columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns(pub(super) Vec<String>);

/// A loss, or the one that the task asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum LossChoice {
    Auto,
    Loss(Loss),
}

impl Flags {
    /// These flags, and where one is not given, that of `file`.
    pub(super) fn or(self, file: Self) -> Self {
        macro_rules! first {
            ($($field:ident),*) => { Self {
                course: self.course.or(file.course),
                saving: self.saving.or(file.saving),
                trials: self.trials.or(file.trials),
                seeing: self.seeing.or(file.seeing),
                $($field: self.$field.or(file.$field)),*
            } };
        }
        first!(
            config,
            data,
            target,
            weights,
            val_data,
            val_fraction,
            task,
            normalize,
            missing,
            drop,
            hidden,
            activation,
            dropout,
            batch_norm,
            layer_norm,
            noise,
            layers,
            init,
            init_weights,
            loss,
            label_smoothing,
            class_weights,
            optimizer,
            lr,
            momentum,
            weight_decay,
            update,
            batch_size,
            epochs,
            steps,
            seed,
            no_shuffle,
            window,
            device,
            precision,
            threads,
            stream,
            autotune,
            no_fusion,
            out,
            force,
            json,
            quiet
        )
    }
}

/// A word in which `-` is as good as `_`.
pub(super) fn word<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.replace('-', "_")
        .parse()
        .map_err(|e: T::Err| e.to_string())
}

pub(super) fn activation(text: &str) -> Result<Activation, String> {
    let (word, parameter) = text
        .split_once(':')
        .map_or((text, None), |(word, parameter)| (word, Some(parameter)));
    let word = word.replace('-', "_");
    let text = parameter.map_or_else(|| word.clone(), |parameter| format!("{word}:{parameter}"));
    text.parse()
        .map_err(|e: crate::network::NetworkError| e.to_string())
}

fn loss(text: &str) -> Result<LossChoice, String> {
    if text == "auto" {
        return Ok(LossChoice::Auto);
    }
    // A parameter may be negative, and is told as it was given.
    let word = match text.split_once(':') {
        Some((word, parameter)) => format!("{}:{parameter}", word.replace('-', "_")),
        None => text.replace('-', "_"),
    };
    let loss: Result<Loss, crate::network::NetworkError> = word.parse();
    loss.map(LossChoice::Loss).map_err(|e| e.to_string())
}

fn optimizer(text: &str) -> Result<String, String> {
    let words = crate::train::Optimizer::WORDS;
    match words.iter().find(|word| **word == text) {
        Some(word) => Ok((*word).to_owned()),
        None => Err(crate::network::NetworkError::unknown("optimizer", text, &words).to_string()),
    }
}

fn widths(text: &str) -> Result<Widths, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Widths(Vec::new()));
    }
    let width = |text: &str| text.trim().parse().ok().filter(|units| *units > 0);
    let widths: Option<Vec<_>> = text.split(',').map(width).collect();
    widths.map(Widths).ok_or_else(|| {
        "expected whole numbers of at least 1, separated by commas, as in 256,128".to_owned()
    })
}

pub(super) fn columns(text: &str) -> Result<Columns, String> {
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    if names.iter().any(String::is_empty) {
        return Err("expected names of columns, separated by commas, as in id,name".to_owned());
    }
    Ok(Columns(names))
}

pub(super) fn within(
    text: &str,
    holds: impl Fn(f64) -> bool,
    expected: &str,
) -> Result<f64, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|x| holds(*x))
        .ok_or_else(|| format!("expected {expected}"))
}

pub(super) fn fraction(text: &str) -> Result<f64, String> {
    within(
        text,
        |x| (0.0..1.0).contains(&x),
        "a number of at least 0 and below 1",
    )
}

pub(super) fn positive(text: &str) -> Result<f64, String> {
    within(
        text,
        |x| x.is_finite() && x >= 0.0,
        "a finite number of at least 0",
    )
}

fn deviation(text: &str) -> Result<f64, String> {
    within(
        text,
        |x| (0.0..=f64::from(f32::MAX)).contains(&x),
        "a finite number of at least 0",
    )
}

pub(super) fn count(text: &str) -> Result<u64, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| "expected a whole number of at least 1".to_owned())
}

pub(super) fn seed(text: &str) -> Result<u64, String> {
    text.trim()
        .parse()
        .map_err(|_| format!("expected a whole number from 0 to {}", u64::MAX))
}

fn threads(text: &str) -> Result<usize, String> {
    let valid = |n: &usize| (1..=1024).contains(n);
    text.trim()
        .parse()
        .ok()
        .filter(valid)
        .ok_or_else(|| "expected a whole number from 1 to 1024".to_owned())
}

fn path(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        Err("expected the path of a folder".to_owned())
    } else {
        Ok(text.into())
    }
}
