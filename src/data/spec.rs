//! The words that name a data set on the command line.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::{DataError, nearest, quote};
use super::parts::Parts;
use super::table::{Table, TableInputs, TableOptions};
use super::{csv, generate, idx, npz, pictures, read};

/// Which data set: a generator with its options, or a path.
///
/// A path is a CSV or TSV with a header, gzipped or not, a Parquet file (with the feature `parquet`), an `.npz` with `x` and `y`, an `.npy` with inputs alone, a pair of IDX files given as
/// `images,labels`, a folder that holds one such pair, an IDX file of inputs alone, or a folder of pictures, PNG or JPEG,
/// with a sub-folder for each class, and perhaps options behind it, as in `pictures/:size=28x28,grey`. What a file is, its first bytes
/// say, not its name. A file whose name is that of a generator is reached as `./xor`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Spec {
    /// Made by the program.
    Generator(Generator),
    /// Read from one file, a pair of files, or a folder.
    Path(String),
}

/// A generator of data, with the options that were given; what is `None` has its default.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Generator {
    /// Which.
    pub kind: GeneratorKind,
    /// The number of rows: by default 4000 for `glyphs`, 400 for `xor` and `or`, 1024 (or all patterns, if they are
    /// more) for `parity`, 1000 otherwise.
    pub n: Option<usize>,
    /// The standard deviation of what is added to each input: by default 0 for `xor`, `or` and `parity`, 0.05 for
    /// `circles` and `spirals`, 0.1 for `moons`, 0.5 for `blobs`; 0.1 of the full brightness for `glyphs`.
    pub noise: Option<f64>,
    /// The seed, by default 0.
    pub seed: Option<u64>,
    /// The number of bits of `parity`, 2 to 20, by default 8.
    pub bits: Option<usize>,
    /// The number of classes of `spirals` (2) and `blobs` (3).
    pub classes: Option<usize>,
    /// The number of inputs of `blobs`, by default 2.
    pub features: Option<usize>,
}

/// The generators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum GeneratorKind {
    /// Pictures, 16 x 16 bytes, of the ten digits.
    Glyphs,
    /// Exclusive or of two bits.
    Xor,
    /// Inclusive or of two bits.
    Or,
    /// Whether the number of ones among the bits is odd.
    Parity,
    /// One circle within another.
    Circles,
    /// Two half-moons that reach into one another.
    Moons,
    /// Spiral arms around one centre.
    Spirals,
    /// Normally distributed clouds.
    Blobs,
}

impl GeneratorKind {
    /// All generators.
    pub const ALL: [Self; 8] = [
        Self::Glyphs,
        Self::Xor,
        Self::Or,
        Self::Parity,
        Self::Circles,
        Self::Moons,
        Self::Spirals,
        Self::Blobs,
    ];

    /// Its name in a specification.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Glyphs => "glyphs",
            Self::Xor => "xor",
            Self::Or => "or",
            Self::Parity => "parity",
            Self::Circles => "circles",
            Self::Moons => "moons",
            Self::Spirals => "spirals",
            Self::Blobs => "blobs",
        }
    }

    const fn options(self) -> &'static [&'static str] {
        match self {
            Self::Parity => &["n", "noise", "seed", "bits"],
            Self::Spirals => &["n", "noise", "seed", "classes"],
            Self::Blobs => &["n", "noise", "seed", "classes", "features"],
            _ => &["n", "noise", "seed"],
        }
    }
}

impl Generator {
    /// The generator with its defaults.
    #[must_use]
    pub const fn new(kind: GeneratorKind) -> Self {
        Self {
            kind,
            n: None,
            noise: None,
            seed: None,
            bits: None,
            classes: None,
            features: None,
        }
    }

    fn set(&mut self, spec: &str, option: &str) -> Result<(), DataError> {
        let known = self.kind.options();
        let wrong = |found: String, expected: &str| DataError::Spec {
            spec: spec.to_owned(),
            found,
            expected: expected.to_owned(),
        };
        // `parity:8` is short for `parity:bits=8`.
        let (key, value) = match option.split_once('=') {
            Some((key, value)) => (key.trim(), value.trim()),
            None if self.kind == GeneratorKind::Parity && self.bits.is_none() => {
                ("bits", option.trim())
            }
            None => {
                return Err(wrong(
                    quote(option),
                    "options of the form name=value, separated by commas",
                ));
            }
        };
        if !known.contains(&key) {
            let hint = nearest(key, known.iter().copied());
            let hint = hint.map_or_else(String::new, |name| format!(" (did you mean {name:?}?)"));
            let known = known.join(", ");
            return Err(wrong(
                format!("option {}", quote(key)),
                &format!("one of {}'s options {known}{hint}", self.kind.name()),
            ));
        }
        let given = match key {
            "n" => self.n.is_some(),
            "bits" => self.bits.is_some(),
            "classes" => self.classes.is_some(),
            "features" => self.features.is_some(),
            "seed" => self.seed.is_some(),
            _ => self.noise.is_some(),
        };
        if given {
            return Err(wrong(
                format!("option {} again", quote(key)),
                "each option once",
            ));
        }
        let whole = |low: usize, high: usize| {
            value
                .parse::<usize>()
                .ok()
                .filter(|n| (low..=high).contains(n))
                .ok_or_else(|| {
                    wrong(
                        format!("{key}={}", quote(value)),
                        &format!("a whole number from {low} to {high}"),
                    )
                })
        };
        match key {
            "n" => self.n = Some(whole(1, generate::MAX_ROWS)?),
            "bits" => self.bits = Some(whole(2, 20)?),
            "classes" => self.classes = Some(whole(2, 100)?),
            "features" => self.features = Some(whole(1, 10_000)?),
            "seed" => {
                let seed = value.parse().ok();
                let expected = "a whole number from 0 to 18446744073709551615";
                self.seed =
                    Some(seed.ok_or_else(|| wrong(format!("seed={}", quote(value)), expected))?);
            }
            _ => {
                let noise = value
                    .parse::<f64>()
                    .ok()
                    .filter(|noise| (0.0..=1000.0).contains(noise));
                let expected = "a number from 0 to 1000";
                self.noise =
                    Some(noise.ok_or_else(|| wrong(format!("noise={}", quote(value)), expected))?);
            }
        }
        Ok(())
    }
}

impl FromStr for Spec {
    type Err = DataError;

    /// Reads a generator and its options; anything else is a path, which [`load`](Self::load) looks for.
    ///
    /// # Errors
    /// When a generator's option is unknown or its value is out of range.
    fn from_str(text: &str) -> Result<Self, DataError> {
        let (name, options) = text
            .split_once(':')
            .map_or((text, None), |(name, rest)| (name, Some(rest)));
        let Some(kind) = GeneratorKind::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
        else {
            return Ok(Self::Path(text.to_owned()));
        };
        let mut generator = Generator::new(kind);
        for option in options.into_iter().flat_map(|options| options.split(',')) {
            generator.set(text, option)?;
        }
        generate::check_size(&generator)?;
        Ok(Self::Generator(generator))
    }
}

impl TryFrom<String> for Spec {
    type Error = DataError;

    fn try_from(text: String) -> Result<Self, DataError> {
        text.parse()
    }
}

impl From<Spec> for String {
    fn from(spec: Spec) -> Self {
        spec.to_string()
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Generator(generator) => generator.fmt(f),
            Self::Path(path) => f.write_str(path),
        }
    }
}

impl fmt::Display for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = Vec::new();
        let mut add = |name: &str, value: Option<String>| {
            options.extend(value.map(|value| format!("{name}={value}")));
        };
        add("bits", self.bits.map(|n| n.to_string()));
        add("classes", self.classes.map(|n| n.to_string()));
        add("features", self.features.map(|n| n.to_string()));
        add("n", self.n.map(|n| n.to_string()));
        add("noise", self.noise.map(|x| x.to_string()));
        add("seed", self.seed.map(|n| n.to_string()));
        f.write_str(self.kind.name())?;
        if options.is_empty() {
            Ok(())
        } else {
            write!(f, ":{}", options.join(","))
        }
    }
}

impl Spec {
    /// Generates or reads the data.
    ///
    /// # Errors
    /// When there is no such file, or it is not what it should be; the message names file, place and remedy.
    pub fn load(&self, options: &TableOptions) -> Result<Table, DataError> {
        let table = match self {
            Self::Generator(generator) => generate::generate(generator)?,
            Self::Path(path) => load_path(path, options)?,
        };
        let is_named = matches!(
            table.inputs(),
            TableInputs::Columns(_) | TableInputs::StoredColumns(_)
        );
        if let Some(column) = options.drop.first().filter(|_| !is_named) {
            return Err(DataError::mismatch(
                format!("column {column:?} of {}, to be left out", table.source()),
                "data without named columns",
                "a CSV file, or no columns to leave out",
            ));
        }
        if let (Some(name), None, false) = (&options.weights, &options.schema, is_named) {
            return Err(DataError::mismatch(
                format!("weights {name:?} of {}", table.source()),
                "data without named columns",
                "a CSV file, or no column of weights",
            ));
        }
        if options.target.is_some() && !is_named {
            return Err(DataError::mismatch(
                format!(
                    "target {:?} of {}",
                    options.target.as_deref().unwrap_or(""),
                    table.source()
                ),
                "data that brings its own target",
                "a CSV file, or no name of a target",
            ));
        }
        Ok(table)
    }
}

impl Spec {
    /// How its rows are shown part by part, if they can be: what comes through a pipe (`-` is standard input), or a table
    /// in a file, whose columns are known. All else is loaded.
    ///
    /// # Errors
    /// When the file cannot be looked at.
    pub(crate) fn parts(&self, options: &TableOptions) -> Result<Option<Parts>, DataError> {
        let Self::Path(text) = self else {
            return Ok(None);
        };
        let path = Path::new(text);
        if text == "-" {
            return Parts::pipe("standard input", std::io::stdin()).map(Some);
        }
        let kind = path.metadata().map(|metadata| metadata.file_type());
        match kind {
            Ok(kind) if kind.is_file() => {
                let known = options.schema.is_some();
                let is_table =
                    |format| matches!(format, read::Format::Text | read::Format::Parquet);
                let is_table = known && is_table(read::Format::detect(path)?);
                Ok(is_table.then(|| Parts::File(path.to_owned())))
            }
            // A named pipe, or what a shell made of `<(...)`.
            Ok(kind) if !kind.is_dir() => {
                let file = std::fs::File::open(path).map_err(|e| DataError::io(path, e))?;
                Parts::pipe(text, file).map(Some)
            }
            _ => Ok(None),
        }
    }
}

fn load_path(text: &str, options: &TableOptions) -> Result<Table, DataError> {
    let path = Path::new(text);
    if path.is_dir() && pictures::is_folder(path) {
        return pictures::read(text, None, options);
    }
    if let Some((folder, behind)) = pictures::with_options(text) {
        return pictures::read(folder, Some(behind), options);
    }
    if path.is_dir() {
        let (images, labels) = idx::find_pair(path)?;
        return idx::read(&images, Some(&labels), options);
    }
    if !path.exists() {
        // A comma may also be part of a path that exists, so pairs come second.
        if let Some((images, labels)) = text.split_once(',') {
            for part in [images, labels] {
                if !Path::new(part).is_file() {
                    return Err(not_found(part));
                }
            }
            return idx::read(Path::new(images), Some(Path::new(labels)), options);
        }
        return Err(not_found(text));
    }
    match read::Format::detect(path)? {
        read::Format::Zip => npz::read(path, options.require_target),
        read::Format::Npy => npz::read_npy(path, options.require_target),
        read::Format::Idx => idx::read(path, None, options),
        read::Format::Picture if !options.require_target => pictures::read(text, None, options),
        read::Format::Picture => Err(DataError::malformed(
            text,
            "a picture",
            "a folder of pictures, with a sub-folder for each class",
            "name the folder",
        )),
        read::Format::Text | read::Format::Parquet => csv::read(path, options),
    }
}

fn not_found(spec: &str) -> DataError {
    let generators: Vec<String> = GeneratorKind::ALL
        .iter()
        .map(|kind| kind.name().to_owned())
        .collect();
    let word = spec.split(':').next().unwrap_or(spec);
    let nearest = nearest(word, generators.iter().map(String::as_str)).map(str::to_owned);
    DataError::NotFound {
        spec: spec.to_owned(),
        nearest,
        generators,
    }
}
