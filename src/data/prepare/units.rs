//! The units of the data, as factors: for whoever prepares rows elsewhere.

use std::iter::repeat_n;

use super::Preparation;
use super::inputs::InputPreparation;
use super::named::ColumnPreparation;

/// How inputs in the units of the data become those of the network: `(raw - offset) / scale`, one pair an input, or one
/// pair for all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct InputScale {
    /// What is taken off.
    pub offset: Vec<f64>,
    /// What is divided by.
    pub scale: Vec<f64>,
    /// What a missing value (NaN) counts as, one an input, if any may be missing.
    pub missing: Option<Vec<Option<f64>>>,
}

/// The share of the spread from which on rounding to f32 is worth a word.
const FELT: f64 = 1e-4;

/// An input that single precision cannot tell apart finely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coarse {
    /// Its place among the inputs.
    pub input: usize,
    /// What was taken off, that is where its numbers lie.
    pub offset: f64,
    /// What was divided by.
    pub spread: f64,
    /// How far apart f32 numbers are there.
    pub step: f64,
}

impl InputScale {
    /// The inputs that lose digits as f32, since they lie far from 0 for their spread. A constant that f32 holds does not.
    #[must_use]
    pub fn coarse(&self) -> Vec<Coarse> {
        let of = |(input, (&offset, &spread)): (usize, (&f64, &f64))| {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the steps of f32 are what is asked for"
            )]
            let at = offset.abs() as f32;
            let step = f64::from(at.next_up()) - f64::from(at);
            let constant = spread == 1.0 && f64::from(at) == offset.abs();
            (step > FELT * spread && !constant).then_some(Coarse {
                input,
                offset,
                spread,
                step,
            })
        };
        let pairs = self.offset.iter().zip(&self.scale).enumerate();
        pairs.filter_map(of).collect()
    }
}

impl Preparation {
    /// The offsets and scales of the inputs, in the order of [`feature_names`](Self::feature_names). One of `column=category`
    /// is 1 for a row of that category and 0 otherwise, and stays so.
    #[must_use]
    pub fn input_scale(&self) -> InputScale {
        match &self.inputs {
            InputPreparation::Pixels { scale, .. } => InputScale {
                offset: vec![0.0],
                scale: vec![1.0 / f64::from(*scale)],
                missing: None,
            },
            InputPreparation::Bytes { scaling, .. } | InputPreparation::Matrix { scaling, .. } => {
                InputScale {
                    offset: scaling.offset.clone(),
                    scale: scaling.scale.clone(),
                    missing: None,
                }
            }
            InputPreparation::Columns { columns } => {
                let mut all = InputScale {
                    offset: Vec::new(),
                    scale: Vec::new(),
                    missing: None,
                };
                let mut fills = Vec::new();
                for column in columns {
                    let (offset, scale, missing) = match column {
                        ColumnPreparation::Number {
                            offset,
                            scale,
                            fill,
                            ..
                        } => (*offset, *scale, *fill),
                        ColumnPreparation::Category { .. } => (0.0, 1.0, None),
                    };
                    let width = column.width();
                    all.offset.extend(repeat_n(offset, width));
                    all.scale.extend(repeat_n(scale, width));
                    fills.extend(repeat_n(missing, width));
                }
                all.missing = fills.iter().any(Option::is_some).then_some(fills);
                all
            }
        }
    }

    /// Whether the inputs are bytes, 0 to 255.
    #[must_use]
    pub const fn takes_bytes(&self) -> bool {
        matches!(
            self.inputs,
            InputPreparation::Pixels { .. } | InputPreparation::Bytes { .. }
        )
    }
}
