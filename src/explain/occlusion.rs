//! What an answer loses where a picture is covered.

use super::{ExplainError, Explainer, Quantity};
use crate::graph::Graph;
use crate::kernel::Tick;

/// A grey patch that slides over pictures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patch {
    /// Pixels of its sides.
    pub size: usize,
    /// Pixels from one position to the next. At 1 each pixel is once the middle.
    pub stride: usize,
    /// What a covered input is, in prepared units.
    pub grey: f32,
}

/// What a picture's answers are where it is covered.
#[derive(Debug, Clone, PartialEq)]
pub struct Occluded {
    /// Positions across.
    pub width: usize,
    /// The answers `[outputs]` of the whole picture.
    pub whole: Vec<f64>,
    /// The answers `[positions, outputs]`, row by row.
    pub covered: Vec<f64>,
}

impl Occluded {
    /// What an output loses at each position: above 0 where the patch hides what speaks for it.
    ///
    /// # Panics
    /// If there is no such output.
    pub fn drops(&self, output: usize) -> Vec<f64> {
        let whole = self.whole[output];
        let rows = self.covered.chunks(self.whole.len());
        rows.map(|y| whole - y[output]).collect()
    }
}

/// Inputs of one batch, at most: its rows are as many positions as fit. So many numbers are held a few times over.
const INPUTS: usize = 1 << 22;
/// Numbers that a log holds, at most.
const LOGGED: usize = 1 << 24;

/// What positions let through, and what they put in place of the rest, `[rows, features]`.
struct Masks {
    keep: Vec<f32>,
    fill: Vec<f32>,
}

impl Explainer {
    /// Slides a patch over pictures `[pictures, ..shape]`; `shape` is `[width, height, channels]`, and `planes` says that
    /// the channels come one after the other. The patch stands with its middle on each position, and is cut at the borders:
    /// with a stride of 1 each pixel is once the middle, and one in a corner is less often covered than one in the middle.
    ///
    /// The positions are rows of a batch, as many as fit into 2^22 numbers: the device itself covers the picture. One run
    /// does all pictures, or as many as that many numbers hold.
    ///
    /// # Errors
    /// If the inputs are not pictures of this shape, the patch has no size or is larger than they are, or the device failed.
    pub fn occlusion(
        &mut self,
        of: Quantity,
        x: &[f32],
        shape: [usize; 3],
        planes: bool,
        patch: Patch,
    ) -> Result<Vec<Occluded>, ExplainError> {
        let pictures = self.rows_of(x)?;
        let (features, outputs) = (self.network.inputs, self.network.outputs());
        check(shape, features, patch)?;
        let [width, height, _] = shape;
        let across = width.div_ceil(patch.stride);
        let positions: Vec<_> = (0..height)
            .step_by(patch.stride)
            .flat_map(|row| {
                (0..width)
                    .step_by(patch.stride)
                    .map(move |column| [column, row])
            })
            .collect();
        // Row 0 of each batch is the picture itself.
        let rows = (positions.len() + 1).min((INPUTS / features).max(2));
        let most = (LOGGED / (rows * outputs)).min(INPUTS / features);
        let slots = pictures.min(most.max(1));
        let loaded = self.load_occlusion(of, rows, slots)?;
        let mut found = vec![
            Occluded {
                width: across,
                whole: Vec::new(),
                covered: Vec::with_capacity(positions.len() * outputs),
            };
            pictures
        ];
        for part in positions.chunks(rows - 1) {
            let masks = Masks::new(part, rows, shape, planes, patch);
            self.workspace.write(&loaded.keep, masks.keep)?;
            self.workspace.write(&loaded.fill, masks.fill)?;
            for (x, found) in x.chunks(slots * features).zip(found.chunks_mut(slots)) {
                let mut table = x.to_vec();
                table.resize(slots * features, 0.0);
                self.workspace.write(&loaded.table, table)?;
                let tick = |slot: u32| Tick {
                    start: slot,
                    slot,
                    ..Tick::default()
                };
                let ticks: Vec<_> = (0_u32..).map(tick).take(found.len()).collect();
                self.workspace.run(&loaded.program, &ticks)?;
                let log = self.workspace.get(&loaded.log)?;
                for (found, y) in found.iter_mut().zip(log.chunks(rows * outputs)) {
                    found.whole = y[..outputs].to_vec();
                    let covered = &y[outputs..(part.len() + 1) * outputs];
                    found.covered.extend_from_slice(covered);
                }
            }
        }
        Ok(found)
    }

    /// The graph that covers the picture of a tick at all positions, and logs the answers.
    fn load_occlusion(
        &mut self,
        of: Quantity,
        rows: usize,
        slots: usize,
    ) -> Result<Loaded, ExplainError> {
        let (features, outputs) = (self.network.inputs, self.network.outputs());
        let [table, keep, fill, log, order] =
            ["pictures", "keep", "fill", "log", "order"].map(|what| self.fresh(what));
        self.declare(&table, [slots, features])?;
        self.declare(&keep, [rows, features])?;
        self.declare(&fill, [rows, features])?;
        self.declare(&log, [slots, rows * outputs])?;
        let numbers: Vec<u32> = (0..).take(slots).collect();
        self.workspace.put(&order, [slots], numbers)?;
        let mut graph = Graph::new();
        let store = &self.workspace.store;
        let [pictures, order, kept, filled, logged] = [
            graph.stored(store, &table)?,
            graph.stored(store, &order)?,
            graph.stored(store, &keep)?,
            graph.stored(store, &fill)?,
            graph.stored(store, &log)?,
        ];
        let picture = graph.batch(pictures, order, 1, 1.0)?;
        let picture = graph.reshape(picture, [features])?;
        let copies = graph.broadcast(picture, 0, rows)?;
        let copies = graph.mul(copies, kept)?;
        let covered = graph.add(copies, filled)?;
        let y = self.quantity(&mut graph, covered, of)?;
        let y = graph.reshape(y, [rows * outputs])?;
        graph.record(y, logged)?;
        let program = self.workspace.load("occlusion", &graph, &[])?;
        Ok(Loaded {
            program,
            table,
            keep,
            fill,
            log,
        })
    }
}

/// The graph of an occlusion, and the names of what it reads and writes.
struct Loaded {
    program: crate::executor::Program,
    table: String,
    keep: String,
    fill: String,
    log: String,
}

impl Masks {
    /// Row 0 covers nothing; the rows behind the last position neither.
    fn new(
        positions: &[[usize; 2]],
        rows: usize,
        [width, height, channels]: [usize; 3],
        planes: bool,
        patch: Patch,
    ) -> Self {
        let features = width * height * channels;
        let mut masks = Self {
            keep: vec![1.0; rows * features],
            fill: vec![0.0; rows * features],
        };
        let side = |middle: usize, end: usize| {
            let first = middle.saturating_sub(patch.size / 2);
            let last = middle + patch.size - patch.size / 2;
            first..last.min(end)
        };
        for (row, &[column, line]) in (1..).zip(positions) {
            for y in side(line, height) {
                for x in side(column, width) {
                    for channel in 0..channels {
                        let at = pixel([x, y, channel], [width, height, channels], planes);
                        masks.keep[row * features + at] = 0.0;
                        masks.fill[row * features + at] = patch.grey;
                    }
                }
            }
        }
        masks
    }
}

/// Where in a row a channel of a pixel is.
pub(super) const fn pixel(
    [x, y, channel]: [usize; 3],
    [width, height, channels]: [usize; 3],
    planes: bool,
) -> usize {
    if planes {
        (channel * height + y) * width + x
    } else {
        (y * width + x) * channels + channel
    }
}

fn check(shape: [usize; 3], features: usize, patch: Patch) -> Result<(), ExplainError> {
    check_shape(shape, features)?;
    let most = shape[0].min(shape[1]);
    for (what, pixels) in [
        ("the size of the patch", patch.size),
        ("the stride", patch.stride),
    ] {
        if !(1..=most).contains(&pixels) {
            let expected = format!("a number of pixels from 1 to {most}");
            return Err(ExplainError::value(what, pixels, expected));
        }
    }
    check_grey(patch.grey)
}

pub(super) fn check_shape(
    [width, height, channels]: [usize; 3],
    features: usize,
) -> Result<(), ExplainError> {
    let numbers = width
        .checked_mul(height)
        .and_then(|pixels| pixels.checked_mul(channels));
    if numbers == Some(features) && features > 0 {
        return Ok(());
    }
    let found = format!("{width} by {height} pixels of {channels} channels");
    let expected = format!("one whose numbers are the network's {features} inputs");
    Err(ExplainError::value(
        "the shape of a picture",
        found,
        expected,
    ))
}

pub(super) fn check_grey(grey: f32) -> Result<(), ExplainError> {
    if grey.is_finite() {
        return Ok(());
    }
    Err(ExplainError::value("the grey", grey, "a finite number"))
}
