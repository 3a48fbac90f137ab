//! A run's configuration: flags and TOML made into one set of values with nothing left open.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, Command, FromArgMatches};
use toml::de::{DeTable, DeValue};

use super::course::Course;
use super::exit::Exit;
use super::flags::{Columns, Flags, LossChoice, Widths};
use super::optimizer::{self, Given};
use super::seeing::Seen;
use super::trials::TrialFlags;
use super::{job, layers};
use crate::data::{Missing, Normalize, Spec, Task, nearest};
use crate::device::{Device, Opening};
use crate::network::{Activation, Init, Layer};
use crate::train::Options;

/// A TOML file larger than this is taken for another kind of file.
const LARGEST: u64 = 1 << 20;
/// Bytes of a MiB.
const MIB: u64 = 1 << 20;

/// All that a run depends on.
#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) data: Spec,
    pub(super) target: Option<String>,
    pub(super) weights: Option<String>,
    pub(super) val_data: Option<Spec>,
    pub(super) val_fraction: f64,
    pub(super) task: Task,
    pub(super) normalize: Normalize,
    pub(super) missing: Missing,
    pub(super) drop: Vec<String>,
    pub(super) hidden: Vec<usize>,
    pub(super) activation: Activation,
    pub(super) dropout: f64,
    pub(super) batch_norm: bool,
    pub(super) layer_norm: bool,
    pub(super) noise: f64,
    /// In place of all these.
    pub(super) layers: Option<Vec<Layer>>,
    pub(super) init_weights: Option<PathBuf>,
    pub(super) loss: LossChoice,
    pub(super) label_smoothing: f64,
    pub(super) class_weights: Option<String>,
    pub(super) optimizer: String,
    pub(super) options: Options,
    pub(super) device: Device,
    pub(super) threads: Option<usize>,
    pub(super) autotune: bool,
    pub(super) trials: TrialFlags,
    pub(super) seen: Seen,
}

impl Flags {
    /// The flags with those of the `--config` file behind them.
    pub(super) fn with_file(self) -> Result<Self, Exit> {
        match &self.config {
            Some(path) => {
                let file = read(path)?;
                Ok(self.or(file))
            }
            None => Ok(self),
        }
    }

    /// Fills in the defaults.
    pub(super) fn resolve(&self) -> Result<Config, Exit> {
        self.check_network()?;
        self.trials.check(self.val_data.is_some())?;
        let kind = self.optimizer.clone().unwrap_or_else(|| "adam".to_owned());
        let defaults = Options::default();
        let mut options = Options {
            optimizer: optimizer::build(
                &kind,
                &Given {
                    lr: self.lr,
                    momentum: self.momentum,
                    weight_decay: self.weight_decay,
                    flags: &self.update,
                },
            )?,
            batch_size: self.batch_size.map_or(defaults.batch_size, |n| {
                usize::try_from(n).unwrap_or(usize::MAX)
            }),
            epochs: self.epochs.unwrap_or(defaults.epochs),
            steps: self.steps,
            seed: self.seed.unwrap_or(defaults.seed),
            shuffle: !self.no_shuffle.unwrap_or(false),
            init: self.init.unwrap_or(Init::Default),
            fuse: !self.no_fusion.unwrap_or(false),
            precision: self.precision.unwrap_or_default(),
            stream: self.stream.map(|mib| mib.saturating_mul(MIB)),
            window: self
                .window
                .map(|rows| usize::try_from(rows).unwrap_or(usize::MAX)),
            rules: self.update.rules(),
            ..defaults
        };
        self.course.apply(&mut options)?;
        self.saving.apply(&mut options)?;
        let glyphs = || {
            Spec::Generator(crate::data::Generator::new(
                crate::data::GeneratorKind::Glyphs,
            ))
        };
        Ok(Config {
            data: self.data.clone().unwrap_or_else(glyphs),
            target: self.target.clone(),
            weights: self.weights.clone(),
            val_data: self.val_data.clone(),
            val_fraction: self.val_fraction.unwrap_or(0.2),
            task: self.task.unwrap_or_default(),
            normalize: self.normalize.unwrap_or_default(),
            missing: self.missing.unwrap_or_default(),
            drop: self
                .drop
                .clone()
                .map_or_else(Vec::new, |Columns(names)| names),
            hidden: self
                .hidden
                .clone()
                .map_or_else(|| vec![256, 128], |Widths(widths)| widths),
            activation: self.activation.unwrap_or(Activation::Relu),
            dropout: self.dropout.unwrap_or(0.0),
            batch_norm: self.batch_norm.unwrap_or(false),
            layer_norm: self.layer_norm.unwrap_or(false),
            noise: self.noise.unwrap_or(0.0),
            layers: self.layers.clone(),
            init_weights: self.init_weights.clone(),
            loss: self.loss.unwrap_or(LossChoice::Auto),
            label_smoothing: self.label_smoothing.unwrap_or(0.0),
            class_weights: self.class_weights.clone(),
            optimizer: kind,
            options,
            device: self.device.clone().unwrap_or_default(),
            threads: self.threads,
            autotune: self.autotune.unwrap_or(false),
            trials: self.trials,
            seen: self.seeing.resolve()?,
        })
    }
}

/// Reads a configuration.
pub(super) fn read(path: &Path) -> Result<Flags, Exit> {
    let file = path.display();
    let unreadable = |e| {
        Exit::usage(format!(
            "{file}: cannot be read: {e}; check the path and its permissions"
        ))
    };
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > LARGEST {
        return Err(Exit::usage(format!(
            "{file}: found {size} bytes, expected a TOML file of at most {LARGEST} bytes"
        )));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    parse(&text, &file.to_string())
}

/// Each key is read as the flag of the same name, so that a value means the same in both.
fn parse(text: &str, file: &str) -> Result<Flags, Exit> {
    let at = |byte: usize| {
        format!(
            "{file}:{}",
            text.bytes().take(byte).filter(|b| *b == b'\n').count() + 1
        )
    };
    let malformed = |e: toml::de::Error| {
        let place = at(e.span().map_or(0, |span| span.start));
        Exit::usage(format!(
            "{place}: {}; a configuration is TOML, `flag = value` on each line",
            e.message()
        ))
    };
    let table = DeTable::parse(text).map_err(malformed)?;
    let command = Flags::augment_args(Command::new("config").no_binary_name(true));
    let mut arguments = Vec::new();
    let mut list = None;
    for (key, value) in table.get_ref() {
        let place = at(key.span().start);
        let name = key.get_ref().replace('_', "-");
        if name == "layers" {
            list = Some(layers::parse(value.get_ref(), &at, key.span().start)?);
            continue;
        }
        let known: Vec<_> = command
            .get_arguments()
            .filter_map(|a| a.get_long())
            .filter(|n| *n != "config")
            .chain(["layers"])
            .collect();
        if !known.contains(&name.as_str()) && !["l2", "sample-weights"].contains(&name.as_str()) {
            let hint = nearest(&name, known.iter().copied())
                .map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
            let known = known.join(", ");
            return Err(Exit::usage(format!(
                "{place}: unknown key `{}`{hint}; known: {known}",
                key.get_ref()
            )));
        }
        if name == "group"
            && let DeValue::Array(list) = value.get_ref()
        {
            for value in list.iter() {
                let value = words(value.get_ref()).unwrap_or_default();
                let argument = format!("--group={value}");
                if let Err(error) = command.clone().try_get_matches_from([&argument]) {
                    return Err(Exit::usage(format!(
                        "{place}: `{name}` has `{value}`: {}",
                        reason(&error)
                    )));
                }
                arguments.push(argument);
            }
            continue;
        }
        let Some(value) = words(value.get_ref()) else {
            let found = value.get_ref().type_str();
            return Err(Exit::usage(format!(
                "{place}: `{name}` is of type {found}; expected one value, or a list of numbers"
            )));
        };
        let argument = format!("--{name}={value}");
        if let Err(error) = command.clone().try_get_matches_from([&argument]) {
            return Err(Exit::usage(format!(
                "{place}: `{name}` is `{value}`: {}",
                reason(&error)
            )));
        }
        arguments.push(argument);
    }
    let both = |e: clap::Error| Exit::usage(format!("{file}: {}", reason(&e)));
    let matches: ArgMatches = command.try_get_matches_from(arguments).map_err(both)?;
    let mut flags = Flags::from_arg_matches(&matches).map_err(both)?;
    flags.layers = list;
    Ok(flags)
}

/// A value as it would be written behind a flag.
pub(super) fn words(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
        DeValue::Float(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Array(list) => {
            let one = |value: &DeValue<'_>| match value {
                DeValue::Array(_) => None,
                value => words(value),
            };
            let words: Option<Vec<_>> = list.iter().map(|value| one(value.get_ref())).collect();
            words.map(|words| words.join(","))
        }
        _ => None,
    }
}

/// What clap found wrong, without its advice on flags.
fn reason(error: &clap::Error) -> String {
    use std::error::Error;
    if let Some(source) = error.source() {
        return source.to_string();
    }
    let text = error.to_string();
    text.lines()
        .next()
        .unwrap_or("")
        .trim_start_matches("error: ")
        .to_owned()
}

impl Config {
    /// How its device is opened.
    pub(super) fn opening(&self) -> Opening {
        job::opening(self.threads, self.autotune)
    }

    /// What says which data, as lines of TOML.
    fn put_data(&self, put: &mut impl FnMut(&str, Option<String>)) {
        let quoted = |text: String| toml::Value::String(text).to_string();
        put("data", Some(quoted(absolute(&self.data))));
        put("target", self.target.clone().map(quoted));
        put("weights", self.weights.clone().map(quoted));
        put(
            "val-data",
            self.val_data.as_ref().map(|spec| quoted(absolute(spec))),
        );
        put("val-fraction", Some(format!("{:?}", self.val_fraction)));
        self.trials.put(put);
        put("task", Some(quoted(self.task.to_string())));
        put("normalize", Some(quoted(self.normalize.to_string())));
        put("missing", Some(quoted(self.missing.to_string())));
        put(
            "drop",
            (!self.drop.is_empty()).then(|| {
                let names: Vec<_> = self.drop.iter().cloned().map(quoted).collect();
                format!("[{}]", names.join(", "))
            }),
        );
    }

    /// The configuration as TOML, all keys but for where the run goes, so that a second run by it goes elsewhere.
    pub(super) fn to_toml(&self) -> String {
        let mut text = String::new();
        let quoted = |text: String| toml::Value::String(text).to_string();
        let mut put = |key: &str, value: Option<String>| {
            let line = value.map_or_else(
                || format!("# {key} is not set"),
                |value| format!("{key} = {value}"),
            );
            writeln!(text, "{line}").expect("text can be added to a string");
        };
        let Options {
            optimizer,
            batch_size,
            epochs,
            steps,
            seed,
            shuffle,
            init,
            fuse,
            precision,
            stream,
            window,
            rules,
            ..
        } = self.options.clone();
        let mut update = optimizer.update;
        let weight_decay = *update.weight_decay();
        let loss = match self.loss {
            LossChoice::Auto => "auto".to_owned(),
            LossChoice::Loss(loss) => loss.to_string(),
        };
        let number = |x: f64| format!("{x:?}");
        self.put_data(&mut put);
        if self.layers.is_none() {
            put("hidden", Some(format!("{:?}", self.hidden)));
            put("activation", Some(quoted(self.activation.to_string())));
            put("dropout", Some(number(self.dropout)));
            put("batch-norm", Some(self.batch_norm.to_string()));
            put("layer-norm", Some(self.layer_norm.to_string()));
            put("noise", Some(number(self.noise)));
        } else if self.layers.as_ref().is_some_and(Vec::is_empty) {
            put("layers", Some("[]".to_owned()));
        }
        put("init", Some(quoted(Init::WORDS[init as usize].to_owned())));
        put(
            "init-weights",
            self.init_weights.as_ref().map(|path| quoted(full(path))),
        );
        put("loss", Some(quoted(loss)));
        put("label-smoothing", Some(number(self.label_smoothing)));
        put("class-weights", self.class_weights.clone().map(quoted));
        put("optimizer", Some(quoted(self.optimizer.clone())));
        put("lr", Some(number(optimizer.learning_rate)));
        for (key, value) in optimizer::number_lines(&mut update) {
            put(key, value);
        }
        for (key, value) in optimizer::lines(&rules) {
            put(key, value);
        }
        put("weight-decay", Some(number(weight_decay)));
        put("batch-size", Some(batch_size.to_string()));
        put("epochs", Some(epochs.to_string()));
        put("steps", steps.map(|n| n.to_string()));
        Course::put(&self.options, &mut put);
        // TOML's integers end at 2^63 - 1.
        put(
            "seed",
            Some(
                i64::try_from(seed)
                    .map_or_else(|_| quoted(seed.to_string()), |seed| seed.to_string()),
            ),
        );
        put("no-shuffle", Some((!shuffle).to_string()));
        put("window", window.map(|rows| rows.to_string()));
        put("device", Some(quoted(self.device.to_string())));
        put("precision", Some(quoted(precision.to_string())));
        put("threads", self.threads.map(|n| n.to_string()));
        put("stream", stream.map(|bytes| (bytes / MIB).to_string()));
        put("autotune", Some(self.autotune.to_string()));
        put("no-fusion", Some((!fuse).to_string()));
        self.seen.put(&mut put);
        // Behind all keys, which would be the list's own otherwise.
        text.push_str(&layers::to_toml(self.layers.as_deref().unwrap_or_default()));
        text
    }
}

/// A data set's name that holds in any folder.
fn absolute(spec: &Spec) -> String {
    let Spec::Path(text) = spec else {
        return spec.to_string();
    };
    if let Some((folder, options)) = crate::data::with_options(text) {
        return format!("{}:{options}", full(Path::new(folder)));
    }
    match text.split_once(',') {
        Some((images, labels)) if !Path::new(text).exists() => {
            format!("{},{}", full(Path::new(images)), full(Path::new(labels)))
        }
        _ => full(Path::new(text)),
    }
}

fn full(path: &Path) -> String {
    std::path::absolute(path)
        .unwrap_or_else(|_| path.to_owned())
        .display()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        format!("{:?}", parse(text, "c.toml").expect_err("it is wrong"))
    }

    #[test]
    fn a_resolved_configuration_reads_as_itself() {
        let text = "hidden = [3, 4]\noptimizer = \"nesterov\"\nlr = 1e-2\nno-shuffle = true\nseed = 7\nactivation = 'elu:0.5'\nl2 = 0.1\ngroup = ['*.bias:weight-decay=0', 'layers.0.*:lr=0.5']\nclip-norm = 1\nema = 0.99";
        let config = parse(text, "c.toml")
            .and_then(|flags| flags.resolve())
            .expect("it is right")
            .to_toml();
        let again = parse(&config, "c.toml")
            .and_then(|flags| flags.resolve())
            .expect("it is resolved")
            .to_toml();
        assert_eq!(config, again);
        for line in [
            "hidden = [3, 4]",
            "momentum = 0.9",
            "weight-decay = 0.1",
            "activation = \"elu:0.5\"",
            "no-shuffle = true",
            "group = [\"*.bias:lr=1.0,weight-decay=0.0\", \"layers.0.*:lr=0.5\"]",
            "clip-norm = 1.0",
            "ema = 0.99",
            "# beta1 is not set",
        ] {
            assert!(config.contains(line), "`{line}` is missing in\n{config}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, expected) in [
            (
                "lr = 0.1\nbatchsize = 4",
                "c.toml:2: unknown key `batchsize` (did you mean `batch-size`?)",
            ),
            (
                "lr = true",
                "c.toml:1: `lr` is `true`: expected a finite number",
            ),
            (
                "\n\nlr = nan",
                "c.toml:3: `lr` is `nan`: expected a finite number",
            ),
            (
                "batch_size = 0",
                "c.toml:1: `batch-size` is `0`: expected a whole number of at least 1",
            ),
            ("hidden = [[1]]", "c.toml:1: `hidden` is of type array"),
            ("lr = ", "c.toml:1: "),
            ("config = 'other.toml'", "unknown key `config`"),
            ("l2 = 0.1\nweight-decay = 0.1", "c.toml: "),
        ] {
            let found = message(text);
            assert!(
                found.contains(expected),
                "{text:?} gives {found}, without {expected:?}"
            );
        }
    }
}
