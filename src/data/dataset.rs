//! Numbers ready for a network.

use std::ops::Range;

use super::DataError;
use super::pictures::Picture;
use super::stored::{Stored, Value};

mod inputs;
mod targets;

pub use inputs::Inputs;
use inputs::gather;
pub use targets::Targets;

/// Rows of inputs with their targets.
///
/// ```
/// use thalweg::data::Dataset;
/// let xor = Dataset::classes(&[0., 0., 0., 1., 1., 0., 1., 1.], 2, &[0, 1, 1, 0])?;
/// assert_eq!((xor.rows(), xor.features()), (4, 2));
/// # Ok::<(), thalweg::data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    inputs: Inputs,
    targets: Targets,
    rows: usize,
    features: usize,
    sample_shape: Vec<usize>,
    picture: Option<Picture>,
    weights: Option<Vec<f32>>,
}

impl Dataset {
    /// More classes than this are taken for a mistake: a label that is a row number, or an uninitialised word.
    pub const MAX_CLASSES: usize = 65_536;

    /// Inputs of shape `[rows, ..sample_shape]` with their targets; the number of rows follows from the inputs.
    ///
    /// # Errors
    /// When lengths disagree, there are no rows or features, more than 2^32 - 1 rows, a number is NaN or infinite, a
    /// label is not below the number of classes, or there are fewer than two classes or more than
    /// [`MAX_CLASSES`](Self::MAX_CLASSES).
    pub fn new(
        inputs: Inputs,
        sample_shape: &[usize],
        targets: Targets,
    ) -> Result<Self, DataError> {
        let features = sample_shape
            .iter()
            .try_fold(1_usize, |product, &size| product.checked_mul(size))
            .filter(|&features| features > 0)
            .ok_or_else(|| {
                DataError::mismatch(
                    "shape of a row",
                    format!("{sample_shape:?}"),
                    "sizes of at least 1",
                )
            })?;
        let rows = inputs.len() / features;
        if rows == 0 || rows * features != inputs.len() {
            return Err(DataError::mismatch(
                "inputs",
                format!("{} values", inputs.len()),
                format!("a multiple of {features}, the features of a row, and at least one row"),
            ));
        }
        if u32::try_from(rows).is_err() {
            return Err(DataError::mismatch(
                "inputs",
                format!("{rows} rows"),
                "at most 4294967295 rows",
            ));
        }
        if let Some(found) = inputs.stored_features().filter(|&n| n != features) {
            return Err(DataError::mismatch(
                "inputs",
                format!("rows of {found} values"),
                format!("{features}, the features of a row"),
            ));
        }
        if let Inputs::F32(values) = &inputs {
            check_finite("inputs", values, features)?;
        }
        targets.check(rows)?;
        Ok(Self {
            inputs,
            targets,
            rows,
            features,
            sample_shape: sample_shape.to_vec(),
            picture: None,
            weights: None,
        })
    }

    /// The same rows with a weight each: what a row counts in the mean of the loss, in training and in validation. Accuracy
    /// and R2 do not look at weights.
    ///
    /// # Errors
    /// When there are not as many as rows, one is negative or not finite, or all are 0.
    pub fn with_weights(mut self, weights: Vec<f32>) -> Result<Self, DataError> {
        if weights.len() != self.rows {
            let expected = format!("{}, as many as the inputs have rows", self.rows);
            return Err(DataError::mismatch(
                "weights",
                weights.len().to_string(),
                expected,
            ));
        }
        let wrong = |w: &f32| !(0.0..=f32::MAX).contains(w);
        if let Some(row) = weights.iter().position(wrong) {
            return Err(DataError::mismatch(
                format!("weight of row {row}"),
                weights[row].to_string(),
                "a finite number of at least 0",
            ));
        }
        if weights.iter().all(|&w| w == 0.0) {
            let expected = "a weight above 0 for some row";
            return Err(DataError::mismatch("weights", "0 for all rows", expected));
        }
        self.weights = Some(weights);
        Ok(self)
    }

    /// The weights of the rows, if they have any.
    #[must_use]
    pub fn weights(&self) -> Option<&[f32]> {
        self.weights.as_deref()
    }

    /// Inputs `x` `[rows, features]` with one class a row; the number of classes is the largest label and one.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn classes(x: &[f32], features: usize, labels: &[u32]) -> Result<Self, DataError> {
        let classes = labels
            .iter()
            .max()
            .map_or(0, |&largest| largest as usize + 1);
        let targets = Targets::Classes {
            labels: labels.to_vec(),
            classes,
        };
        Self::new(Inputs::F32(x.to_vec()), &[features], targets)
    }

    /// Inputs `x` `[rows, features]` with numbers `y` `[rows, outputs]` to be approximated.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn numbers(
        x: &[f32],
        features: usize,
        y: &[f32],
        outputs: usize,
    ) -> Result<Self, DataError> {
        let targets = Targets::Numbers {
            values: y.to_vec(),
            outputs,
        };
        Self::new(Inputs::F32(x.to_vec()), &[features], targets)
    }

    /// Inputs `x` `[rows, features]` alone, to be predicted.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn inputs_only(x: &[f32], features: usize) -> Result<Self, DataError> {
        Self::new(Inputs::F32(x.to_vec()), &[features], Targets::None)
    }

    /// The inputs.
    #[must_use]
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// The targets.
    #[must_use]
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of inputs a row: the product of [`sample_shape`](Self::sample_shape).
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }

    /// The shape of one row, such as `[28, 28]` for a picture.
    #[must_use]
    pub fn sample_shape(&self) -> &[usize] {
        &self.sample_shape
    }

    pub(super) const fn with_picture(mut self, picture: Option<Picture>) -> Self {
        self.picture = picture;
        self
    }

    /// What the pictures are that the rows show, if they are pictures.
    #[must_use]
    pub const fn picture(&self) -> Option<Picture> {
        self.picture
    }

    /// How many numbers a network answers with a row: classes, or outputs, or 0 when there is no target.
    #[must_use]
    pub fn outputs(&self) -> usize {
        match self.targets {
            Targets::Classes { classes, .. } => classes,
            Targets::Numbers { outputs, .. } => outputs,
            Targets::None => 0,
        }
    }

    /// The bytes of a row's inputs, if they are read only when they are wanted, and not held in memory.
    pub(crate) fn stored_row_bytes(&self) -> Option<u64> {
        let size = if self.inputs.byte_scale().is_some() {
            1
        } else {
            4
        };
        let features = self.inputs.stored_features()?;
        Some(size * features as u64)
    }

    /// The bytes of memory that inputs, targets and weights take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let inputs = match &self.inputs {
            Inputs::F32(values) => size_of_val(values.as_slice()),
            Inputs::U8 { pixels, .. } => pixels.len(),
            Inputs::StoredF32(rows) => rows.selection_bytes(),
            Inputs::StoredU8 { rows, .. } => rows.selection_bytes(),
        };
        let targets = match &self.targets {
            Targets::Classes { labels, .. } => size_of_val(labels.as_slice()),
            Targets::Numbers { values, .. } => size_of_val(values.as_slice()),
            Targets::None => 0,
        };
        let weights = self.weights.as_deref().map_or(0, size_of_val);
        (inputs + targets + weights) as u64
    }

    /// The rows of the first numbers and those of the second, as two of [`select`](Self::select), in less memory: inputs
    /// are dropped before targets are copied.
    ///
    /// # Panics
    /// As [`select`](Self::select).
    #[must_use]
    pub fn into_parts(self, first: &[u32], second: &[u32]) -> (Self, Self) {
        assert!(
            !first.is_empty() && !second.is_empty(),
            "a data set has at least one row"
        );
        let inputs = [first, second].map(|rows| self.inputs.select(self.features, rows));
        drop(self.inputs);
        let targets = [first, second].map(|rows| self.targets.select(rows));
        drop(self.targets);
        let weights = self.weights;
        let part = |inputs, targets, rows: &[u32]| Self {
            inputs,
            targets,
            weights: weights.as_ref().map(|weights| gather(weights, 1, rows)),
            rows: rows.len(),
            features: self.features,
            sample_shape: self.sample_shape.clone(),
            picture: self.picture,
        };
        let ([x1, x2], [y1, y2]) = (inputs, targets);
        (part(x1, y1, first), part(x2, y2, second))
    }

    /// The rows of the given numbers, in that order; a row may come more than once.
    ///
    /// # Panics
    /// When a number is not that of a row, or none is given.
    #[must_use]
    pub fn select(&self, rows: &[u32]) -> Self {
        assert!(!rows.is_empty(), "a data set has at least one row");
        Self {
            inputs: self.inputs.select(self.features, rows),
            targets: self.targets.select(rows),
            weights: (self.weights.as_ref()).map(|weights| gather(weights, 1, rows)),
            rows: rows.len(),
            features: self.features,
            sample_shape: self.sample_shape.clone(),
            picture: self.picture,
        }
    }

    /// The inputs of one row as the network sees them.
    ///
    /// # Panics
    /// When there is no such row, or it is not in memory and cannot be read.
    #[must_use]
    pub fn row(&self, row: usize) -> Vec<f32> {
        let range = row * self.features..(row + 1) * self.features;
        match &self.inputs {
            Inputs::F32(values) => values[range].to_vec(),
            Inputs::U8 { pixels, scale } => pixels[range]
                .iter()
                .map(|&p| f32::from(p) * scale)
                .collect(),
            Inputs::StoredF32(rows) => read_row(rows, row),
            Inputs::StoredU8 { rows, scale } => read_row(rows, row)
                .into_iter()
                .map(|p| f32::from(p) * scale)
                .collect(),
        }
    }

    /// The inputs of the rows of a range as the network sees them, row-major.
    ///
    /// # Errors
    /// If they are not in memory, and cannot be read.
    pub fn inputs_of(&self, rows: Range<usize>) -> Result<Vec<f32>, DataError> {
        let range = rows.start * self.features..rows.end * self.features;
        let scaled =
            |pixels: &[u8], scale: f32| pixels.iter().map(|&p| f32::from(p) * scale).collect();
        match &self.inputs {
            Inputs::F32(values) => Ok(values[range].to_vec()),
            Inputs::U8 { pixels, scale } => Ok(scaled(&pixels[range], *scale)),
            Inputs::StoredF32(stored) => {
                let mut values = Vec::new();
                stored.read(rows, &mut values)?;
                Ok(values)
            }
            Inputs::StoredU8 {
                rows: stored,
                scale,
            } => {
                let mut pixels = Vec::new();
                stored.read(rows, &mut pixels)?;
                Ok(scaled(&pixels, *scale))
            }
        }
    }
}

fn read_row<T: Value>(rows: &Stored<T>, row: usize) -> Vec<T> {
    let mut values = Vec::new();
    let read = rows.read(row..row + 1, &mut values);
    read.unwrap_or_else(|error| panic!("row {row} cannot be read: {error}"));
    values
}

fn check_finite(what: &str, values: &[f32], width: usize) -> Result<(), DataError> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => Err(DataError::mismatch(
            format!("{what}, row {}, column {}", at / width, at % width),
            format!("{}", values[at]),
            "a finite number",
        )),
    }
}
