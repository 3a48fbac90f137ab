//! A linear model of a network around one row, as LIME (Ribeiro et al. 2016).

use super::linear::{Fidelity, Linear};
use super::occlusion::pixel;
use super::{ExplainError, Explainer, Quantity, Spread};
use crate::random::{Random, stream};

/// How rows around a row are drawn, and what they count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Locality {
    /// How many are drawn. The last three tenths are held out.
    pub samples: usize,
    /// The width `s` of the kernel: a row at distance `d` counts `exp(-d²/s²)`. Without one it is LIME's: for numbers 0.75
    /// times the root of their count, in standard deviations; for pictures 0.25, as a cosine distance.
    pub width: Option<f64>,
    /// The ridge, see [`Linear::fit`].
    pub ridge: f64,
    /// Decides what is drawn.
    pub seed: u64,
}

/// The cells of a picture, each of which is shown or covered as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cells {
    /// Pixels of a cell's sides.
    pub size: usize,
    /// Pixels across and down, and channels.
    pub shape: [usize; 3],
    /// Whether the channels come one after the other.
    pub planes: bool,
    /// What a covered input is.
    pub grey: f32,
}

/// A linear model around a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Local {
    /// What each input adds to the output if it grows by a standard deviation; of a picture, what each cell adds if it is
    /// shown.
    pub weights: Vec<f64>,
    /// The output where all of these are 0: at the row; of a picture, where all is covered.
    pub bias: f64,
    /// How well the model does on rows that were held out, which count as the kernel says.
    pub fidelity: Fidelity,
    /// The kernel's width.
    pub width: f64,
}

impl Cells {
    /// Cells across and down.
    pub const fn counts(&self) -> [usize; 2] {
        let [width, height, _] = self.shape;
        [width.div_ceil(self.size), height.div_ceil(self.size)]
    }

    /// The cell of each input.
    fn of_inputs(&self) -> Vec<usize> {
        let [width, height, channels] = self.shape;
        let mut cells = vec![0; width * height * channels];
        for y in 0..height {
            for x in 0..width {
                for channel in 0..channels {
                    let cell = y / self.size * self.counts()[0] + x / self.size;
                    cells[pixel([x, y, channel], self.shape, self.planes)] = cell;
                }
            }
        }
        cells
    }
}

/// Rows that were drawn: what the model sees, what the network sees, and what each counts.
struct Drawn {
    seen: Vec<f64>,
    x: Vec<f32>,
    counts: Vec<f64>,
}

impl Explainer {
    /// A linear model of an output around a row of numbers. Each input is drawn from a normal distribution around its own
    /// value, with the standard deviation that it has in the data.
    ///
    /// # Errors
    /// If the row is none, there is no such output, a number makes no sense, or the device failed.
    pub fn local(
        &mut self,
        of: Quantity,
        x: &[f32],
        output: usize,
        spread: &Spread,
        how: Locality,
    ) -> Result<Local, ExplainError> {
        self.check_local(x, output, how)?;
        let width = how.width.unwrap_or(0.75 * (x.len() as f64).sqrt());
        let random = Random::new(how.seed, stream::AROUND, 0);
        let mut drawn = Drawn::room(how.samples, x.len(), x.len());
        for sample in 0..how.samples {
            let first = (sample * x.len()) as u64;
            let moves: Vec<f64> = (first..).take(x.len()).map(|i| random.normal(i)).collect();
            let moved = x.iter().zip(&moves).zip(&spread.deviation);
            #[expect(clippy::cast_possible_truncation, reason = "inputs are f32")]
            drawn
                .x
                .extend(moved.map(|((&x, z), s)| (f64::from(x) + z * s) as f32));
            // What never varies is no part of a distance.
            let varied = moves
                .iter()
                .zip(&spread.deviation)
                .filter(|(_, s)| **s > 0.0);
            let distance: f64 = varied.map(|(z, _)| z * z).sum();
            drawn.counts.push((-distance / (width * width)).exp());
            drawn.seen.extend(moves);
        }
        self.modelled(of, &drawn, output, width, how.ridge)
    }

    /// A linear model of an output around a picture. Each cell is shown or covered by a coin.
    ///
    /// # Errors
    /// As [`Explainer::local`], or if the row is no picture of this shape.
    pub fn local_cells(
        &mut self,
        of: Quantity,
        x: &[f32],
        output: usize,
        cells: Cells,
        how: Locality,
    ) -> Result<Local, ExplainError> {
        self.check_local(x, output, how)?;
        if cells.shape.iter().product::<usize>() != x.len() || cells.size == 0 {
            let found = format!("{:?} in cells of {}", cells.shape, cells.size);
            let expected = format!(
                "the shape of {} inputs, in cells of at least 1 pixel",
                x.len()
            );
            return Err(ExplainError::value(
                "the shape of a picture",
                found,
                expected,
            ));
        }
        let width = how.width.unwrap_or(0.25);
        let (place, [across, down]) = (cells.of_inputs(), cells.counts());
        let count = across * down;
        let random = Random::new(how.seed, stream::AROUND, 1);
        let mut drawn = Drawn::room(how.samples, x.len(), count);
        for sample in 0..how.samples {
            let first = (sample * count) as u64;
            let coins: Vec<bool> = (first..)
                .take(count)
                .map(|i| random.bits(i) & 1 == 1)
                .collect();
            let covered = x.iter().zip(&place);
            drawn
                .x
                .extend(covered.map(|(&x, &cell)| if coins[cell] { x } else { cells.grey }));
            let shown = coins.iter().filter(|c| **c).count() as f64 / count as f64;
            let distance = 1.0 - shown.sqrt();
            drawn
                .counts
                .push((-distance * distance / (width * width)).exp());
            drawn
                .seen
                .extend(coins.iter().map(|&c| f64::from(u8::from(c))));
        }
        self.modelled(of, &drawn, output, width, how.ridge)
    }

    fn check_local(&self, x: &[f32], output: usize, how: Locality) -> Result<(), ExplainError> {
        self.rows_of(x)?;
        self.check_outputs(&[output], x.len() / self.network.inputs)?;
        if how.samples < 20 {
            return Err(ExplainError::value("samples", how.samples, "at least 20"));
        }
        match how.width {
            Some(width) if !(width > 0.0 && width.is_finite()) => Err(ExplainError::value(
                "the kernel's width",
                width,
                "a finite number above 0",
            )),
            _ => Ok(()),
        }
    }

    fn modelled(
        &mut self,
        of: Quantity,
        drawn: &Drawn,
        output: usize,
        width: f64,
        ridge: f64,
    ) -> Result<Local, ExplainError> {
        let outputs = self.network.outputs();
        let y: Vec<f64> = (self.answers(of, &drawn.x)?)
            .chunks(outputs)
            .map(|y| y[output])
            .collect();
        let (rows, columns) = (y.len(), drawn.seen.len() / y.len());
        let learnt = rows * 7 / 10;
        let counted: f64 = drawn.counts[..learnt].iter().sum();
        if counted <= f64::MIN_POSITIVE {
            let expected = "one within which rows lie; make it larger";
            return Err(ExplainError::value("the kernel's width", width, expected));
        }
        let (seen, held) = drawn.seen.split_at(learnt * columns);
        let (counts, held_counts) = drawn.counts.split_at(learnt);
        let model = Linear::fit(seen, &y[..learnt], 1, Some(counts), ridge)?;
        let fidelity = Fidelity::of(&model.answers(held), &y[learnt..], 1, Some(held_counts));
        Ok(Local {
            weights: model.weight,
            bias: model.bias[0],
            fidelity,
            width,
        })
    }
}

impl Drawn {
    fn room(samples: usize, features: usize, columns: usize) -> Self {
        Self {
            seen: Vec::with_capacity(samples * columns),
            x: Vec::with_capacity(samples * features),
            counts: Vec::with_capacity(samples),
        }
    }
}
