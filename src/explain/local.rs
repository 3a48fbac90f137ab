//! A linear model of a network around one row, as LIME (Ribeiro et al. 2016).

use super::linear::{Fidelity, Linear};
use super::occlusion::{check_grey, check_shape, pixel};
use super::{ExplainError, Explainer, Quantity, Spread};
use crate::random::{Random, stream};

/// How rows around a row are drawn, and what they count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Locality {
    /// How many are drawn, from 20 on; times the inputs, or the cells of a picture, at most 2^25. The last three tenths are
    /// held out.
    pub samples: usize,
    /// The width `s` of the kernel: a row at distance `d` counts `exp(-d²/s²)`. Without one it is 0.75 times the root of the
    /// count of the inputs, in standard deviations; for pictures 0.25, as a cosine distance. These are LIME's widths; the
    /// kernel of its library is, for tables, the root of this one. Numbers are drawn as much nearer as the width is smaller
    /// than that, so that the rows still count.
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
    /// As how many rows of equal weight those that it learnt from count: `(Σ w)² / Σ w²`.
    pub counted: f64,
}

/// Numbers that a model sees, at most.
const SEEN: usize = 1 << 25;

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

/// Rows that were drawn: what the model sees, what the network answers, and what each counts.
struct Drawn {
    seen: Vec<f64>,
    y: Vec<f64>,
    counts: Vec<f64>,
}

impl Explainer {
    /// A linear model of an output around a row of numbers. Each input is drawn from a normal distribution around its own
    /// value, with the standard deviation that it has in the data, or a part of it where the kernel is narrow. An input is
    /// drawn by itself, a column of a one-hot category too; LIME draws categories.
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
        self.check_local(x, output, how, x.len())?;
        let usual = 0.75 * (x.len() as f64).sqrt();
        let width = how.width.unwrap_or(usual);
        let near = (width / usual).min(1.0);
        let random = Random::new(how.seed, stream::AROUND, 0);
        let (mut seen, mut counts) = (Vec::with_capacity(how.samples * x.len()), Vec::new());
        let draw = |sample: usize, row: &mut Vec<f32>| {
            let first = (sample * x.len()) as u64;
            let mut distance = 0.0;
            for ((&x, s), at) in x.iter().zip(&spread.deviation).zip(first..) {
                #[expect(clippy::cast_possible_truncation, reason = "inputs are f32")]
                let moved = (f64::from(x) + near * random.normal(at) * s) as f32;
                row.push(moved);
                // What never varies is no part of a distance. What rounding left is what counts.
                let by = if *s > 0.0 {
                    (f64::from(moved) - f64::from(x)) / s
                } else {
                    0.0
                };
                distance += by * by;
                seen.push(by);
            }
            counts.push((-distance / (width * width)).exp());
        };
        let y = self.drawn(of, how.samples, output, draw)?;
        let varied = spread.deviation.iter().filter(|s| **s > 0.0).count();
        let moved = seen.iter().filter(|by| **by != 0.0).count();
        if moved < varied * how.samples / 2 {
            let expected = "one within which inputs change in f32; make it larger";
            return Err(ExplainError::value("the kernel's width", width, expected));
        }
        modelled(&Drawn { seen, y, counts }, width, how.ridge)
    }

    /// A linear model of an output around a picture. Each cell is shown or covered by a coin.
    ///
    /// # Errors
    /// As [`Explainer::local`], or if the row is no picture of this shape or of one cell.
    pub fn local_cells(
        &mut self,
        of: Quantity,
        x: &[f32],
        output: usize,
        cells: Cells,
        how: Locality,
    ) -> Result<Local, ExplainError> {
        check_shape(cells.shape, x.len())?;
        check_grey(cells.grey)?;
        let [wide, high, _] = cells.shape;
        if !(1..wide.max(high)).contains(&cells.size) {
            let expected = format!("a number of pixels from 1 to {}", wide.max(high) - 1);
            return Err(ExplainError::value(
                "the size of the patch",
                cells.size,
                expected,
            ));
        }
        let width = how.width.unwrap_or(0.25);
        let (place, [across, down]) = (cells.of_inputs(), cells.counts());
        let count = across * down;
        self.check_local(x, output, how, count)?;
        let random = Random::new(how.seed, stream::AROUND, 1);
        let (mut seen, mut counts) = (Vec::with_capacity(how.samples * count), Vec::new());
        let draw = |sample: usize, row: &mut Vec<f32>| {
            let first = (sample * count) as u64;
            let coins = (first..).take(count).map(|i| random.bits(i) & 1 == 1);
            let coins: Vec<bool> = coins.collect();
            let covered = x.iter().zip(&place);
            row.extend(covered.map(|(&x, &cell)| if coins[cell] { x } else { cells.grey }));
            let shown = coins.iter().filter(|c| **c).count() as f64 / count as f64;
            let distance = 1.0 - shown.sqrt();
            counts.push((-distance * distance / (width * width)).exp());
            seen.extend(coins.iter().map(|&c| f64::from(u8::from(c))));
        };
        let y = self.drawn(of, how.samples, output, draw)?;
        modelled(&Drawn { seen, y, counts }, width, how.ridge)
    }

    /// The answers for rows that are drawn, one after the other.
    fn drawn(
        &mut self,
        of: Quantity,
        samples: usize,
        output: usize,
        mut draw: impl FnMut(usize, &mut Vec<f32>),
    ) -> Result<Vec<f64>, ExplainError> {
        let (outputs, at_once) = (self.network.outputs(), self.at_once());
        let (mut y, mut x) = (Vec::with_capacity(samples), Vec::new());
        for start in (0..samples).step_by(at_once) {
            x.clear();
            (start..samples.min(start + at_once)).for_each(|sample| draw(sample, &mut x));
            let answers = self.answers(of, &x)?;
            y.extend(answers.chunks(outputs).map(|y| y[output]));
        }
        Ok(y)
    }

    fn check_local(
        &self,
        x: &[f32],
        output: usize,
        how: Locality,
        columns: usize,
    ) -> Result<(), ExplainError> {
        self.rows_of(x)?;
        self.check_outputs(&[output], x.len() / self.network.inputs)?;
        let most = SEEN / columns.max(1);
        if !(20..=most).contains(&how.samples) {
            let expected = format!("a number from 20 to {most} for {columns} inputs or cells");
            return Err(ExplainError::value("samples", how.samples, expected));
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
}

/// The linear model of what was drawn.
fn modelled(drawn: &Drawn, width: f64, ridge: f64) -> Result<Local, ExplainError> {
    let (rows, columns) = (drawn.y.len(), drawn.seen.len() / drawn.y.len());
    let learnt = rows * 7 / 10;
    let (counts, held_counts) = drawn.counts.split_at(learnt);
    let counted = counted(counts);
    let least = (2 * columns).min(learnt / 4) as f64;
    if counted < least || held_counts.iter().sum::<f64>() <= 0.0 {
        let found = format!("{width}, within which the {learnt} rows count as {counted:.1}");
        let expected = format!("one within which they count as {least} at least; make it larger");
        return Err(ExplainError::value("the kernel's width", found, expected));
    }
    let (seen, held) = drawn.seen.split_at(learnt * columns);
    let (y, held_y) = drawn.y.split_at(learnt);
    let model = Linear::fit(seen, y, 1, Some(counts), ridge)?;
    let fidelity = Fidelity::of(&model.answers(held), held_y, 1, Some(held_counts));
    Ok(Local {
        weights: model.weight,
        bias: model.bias[0],
        fidelity,
        width,
        counted,
    })
}

/// As how many rows of equal weight these count.
fn counted(weights: &[f64]) -> f64 {
    let most = weights.iter().copied().fold(0.0, f64::max);
    if most <= 0.0 {
        return 0.0;
    }
    let shares = || weights.iter().map(|w| w / most);
    shares().sum::<f64>().powi(2) / shares().map(|s| s * s).sum::<f64>()
}
