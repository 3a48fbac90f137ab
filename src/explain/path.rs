//! Integrated gradients: what inputs contribute along a path.

use super::{ExplainError, Explainer, Quantity};

/// What integrated gradients found for a row.
#[derive(Debug, Clone, PartialEq)]
pub struct Integrated {
    /// What each input contributes, `[features]`.
    pub attributions: Vec<f64>,
    /// The output at the baseline.
    pub from: f64,
    /// The output at the row.
    pub to: f64,
    /// How many gradients were taken on the way.
    pub gradients: usize,
    /// By how much the gradients do not explain the output, added up over the stretches of the path whatever the sign.
    pub missed: f64,
    /// Whether what was missed is within bounds: 5e-4 of the largest contribution or 5e-5 of the difference of the outputs,
    /// whichever is more, beside what the rounding of f32 hides; and whether what gradients beside each other differ by is,
    /// too, so that each contribution is right by itself.
    pub is_complete: bool,
}

impl Integrated {
    /// By how much the contributions do not sum to the difference of the outputs, which they would if the path were
    /// followed exactly.
    pub fn gap(&self) -> f64 {
        self.attributions.iter().sum::<f64>() - (self.to - self.from)
    }

    /// What [`Integrated::gap`] and the contributions are to be held against: the difference of the outputs, or the largest
    /// contribution.
    pub fn scale(&self) -> f64 {
        largest_of(&self.attributions).max((self.to - self.from).abs())
    }
}

/// What may be missed: these shares of the largest contribution, and of the difference of the outputs.
const COMPLETE: [f64; 2] = [5e-4, 5e-5];
/// What rounding makes of an output, as a share of it: a stretch that misses less is not looked into.
const ROUNDED: f64 = 4.0 * f32::EPSILON as f64;
/// A path that bends is parted into stretches of at most this share, since one that bends twice may miss nothing in sum.
/// The second is of a path on which rounding hides what they miss.
const COARSEST: [f64; 2] = [1.0 / 32.0, 1.0 / 256.0];
/// Rounds in which stretches of a path are halved, at most.
const HALVINGS: usize = 48;
/// Stretches that a path comes to, at most.
pub(super) const STRETCHES: usize = 8192;
/// Numbers of the gradients that are kept, at most.
const KEPT: usize = 1 << 24;

/// A stretch of the path from the baseline to a row, with the gradient in its middle.
struct Stretch {
    /// Where on the path it is, from 0 to 1.
    span: [f64; 2],
    /// The outputs at its ends, and in the middle.
    ends: [f64; 2],
    middle: f64,
    gradient: Vec<f64>,
    /// By how much the gradient does not explain the difference of the ends.
    gap: f64,
    /// How much it may miss, and by how much the gradients beside it differ in what they make of any input.
    doubt: f64,
    jump: f64,
}

impl Stretch {
    fn new(span: [f64; 2], ends: [f64; 2]) -> Self {
        Self {
            span,
            ends,
            middle: 0.0,
            gradient: Vec::new(),
            gap: 0.0,
            doubt: 0.0,
            jump: 0.0,
        }
    }

    fn length(&self) -> f64 {
        self.span[1] - self.span[0]
    }

    fn halves(self) -> [Self; 2] {
        let [a, b] = self.span;
        let m = 0.5 * (a + b);
        [
            Self::new([a, m], [self.ends[0], self.middle]),
            Self::new([m, b], [self.middle, self.ends[1]]),
        ]
    }
}

/// A straight path, and the output that is followed along it.
struct Path<'a> {
    of: Quantity,
    output: usize,
    from: &'a [f32],
    to: &'a [f32],
    /// What its stretches have come to.
    settled: Vec<Stretch>,
    gradients: usize,
    /// Whether rounding hides what its stretches miss.
    is_faint: bool,
}

impl Explainer {
    /// Integrated gradients (Sundararajan et al. 2017): each input's way from the baseline to the row times the mean of its
    /// gradient on the straight path between them. The contributions sum to the difference of the outputs.
    ///
    /// The path is first parted into `steps` stretches of equal length, each with the gradient in its middle. Where a
    /// gradient does not explain the difference of its ends, the stretch is halved, until what they miss in all, whatever
    /// its sign, is within the bounds of [`Integrated::is_complete`]: a network of straight pieces bends at few places of a
    /// path. There are at most 8192 stretches, and fewer of more than 2048 inputs, as many as 2^24 numbers hold.
    ///
    /// # Errors
    /// As [`Explainer::gradients`], or if the baseline is no row, or there are no steps or too many.
    pub fn integrated_gradients(
        &mut self,
        of: Quantity,
        x: &[f32],
        outputs: &[usize],
        baseline: &[f32],
        steps: usize,
    ) -> Result<Vec<Integrated>, ExplainError> {
        let rows = self.rows_of(x)?;
        self.check_outputs(outputs, rows)?;
        let features = self.network.inputs;
        let most = (KEPT / features).clamp(64, STRETCHES);
        if !(1..=most).contains(&steps) {
            let expected = format!("a number from 1 to {most}");
            return Err(ExplainError::value("steps", steps, expected));
        }
        if baseline.len() != features {
            let found = format!("{} numbers", baseline.len());
            let expected = format!("a row of {features}");
            return Err(ExplainError::value("the baseline", found, expected));
        }
        let each = x.chunks(features).zip(outputs);
        each.map(|(to, &output)| {
            let path = Path {
                of,
                output,
                from: baseline,
                to,
                settled: Vec::new(),
                gradients: 0,
                is_faint: false,
            };
            self.follow(path, steps, most)
        })
        .collect()
    }

    fn follow(
        &mut self,
        mut path: Path<'_>,
        steps: usize,
        most: usize,
    ) -> Result<Integrated, ExplainError> {
        let y = self.along(&path, steps)?;
        let (from, to) = (y[0], y[steps]);
        let noise = ROUNDED * largest_of(&y);
        let share = |i: usize| i as f64 / steps as f64;
        let mut fresh: Vec<_> = (0..steps)
            .map(|i| Stretch::new([share(i), share(i + 1)], [y[i], y[i + 1]]))
            .collect();
        let mut is_complete = false;
        for round in 0..=HALVINGS {
            self.measure(&mut path, &mut fresh)?;
            path.settled.append(&mut fresh);
            let bound = path.doubt(noise, to - from);
            let doubts = path.doubts();
            is_complete = doubts <= bound;
            if is_complete && path.is_fine(bound) || doubts.is_infinite() || round == HALVINGS {
                break;
            }
            fresh = path.split(most);
            if fresh.is_empty() {
                break;
            }
        }
        Ok(Integrated {
            attributions: path.contributions(),
            from,
            to,
            gradients: path.gradients,
            missed: path.settled.iter().map(|s| s.gap.abs()).sum(),
            is_complete,
        })
    }

    /// The outputs at the ends of so many stretches.
    fn along(&mut self, path: &Path<'_>, steps: usize) -> Result<Vec<f64>, ExplainError> {
        let width = self.network.outputs();
        let mut y = Vec::with_capacity(steps + 1);
        let ends: Vec<usize> = (0..=steps).collect();
        for part in ends.chunks(self.at_once()) {
            let points = part
                .iter()
                .flat_map(|&i| path.point(i as f64 / steps as f64));
            let points: Vec<f32> = points.collect();
            let found = self.answers(path.of, &points)?;
            y.extend(found.chunks(width).map(|y| y[path.output]));
        }
        Ok(y)
    }

    /// Takes the gradients in the middles of stretches.
    fn measure(
        &mut self,
        path: &mut Path<'_>,
        stretches: &mut [Stretch],
    ) -> Result<(), ExplainError> {
        let ways = path.ways();
        path.gradients += stretches.len();
        for part in stretches.chunks_mut(self.at_once()) {
            let middles = part
                .iter()
                .flat_map(|s| path.point(0.5 * (s.span[0] + s.span[1])));
            let middles: Vec<f32> = middles.collect();
            let found = self.gradients(path.of, &middles, &vec![path.output; part.len()])?;
            let gradients = found.gradients.chunks(ways.len());
            for ((stretch, value), gradient) in part.iter_mut().zip(found.values).zip(gradients) {
                let slope: f64 = ways.iter().zip(gradient).map(|(way, g)| way * g).sum();
                stretch.gap = stretch.ends[1] - stretch.ends[0] - slope * stretch.length();
                stretch.middle = value;
                stretch.gradient = gradient.to_vec();
            }
        }
        Ok(())
    }
}

impl Path<'_> {
    /// A point of it.
    #[expect(clippy::cast_possible_truncation, reason = "inputs are f32")]
    fn point(&self, share: f64) -> Vec<f32> {
        let between =
            |(&a, &b): (&f32, &f32)| (f64::from(a) + share * (f64::from(b) - f64::from(a))) as f32;
        self.from.iter().zip(self.to).map(between).collect()
    }

    /// How far each input goes.
    fn ways(&self) -> Vec<f64> {
        let ends = self.to.iter().zip(self.from);
        ends.map(|(&to, &from)| f64::from(to) - f64::from(from))
            .collect()
    }

    fn contributions(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.to.len()];
        for stretch in &self.settled {
            let gradient = stretch.gradient.iter();
            sums.iter_mut()
                .zip(gradient)
                .for_each(|(sum, g)| *sum += stretch.length() * g);
        }
        sums.iter_mut()
            .zip(self.ways())
            .for_each(|(sum, way)| *sum *= way);
        sums
    }

    /// Says of each stretch what it may miss, and gives what all of them may.
    ///
    /// That is what the gradient does not explain of the difference of the ends, beyond what rounding hides; or, if that is
    /// more, what the gradients of its neighbours tell: a bend between two middles costs an input a quarter of the stretch,
    /// in the mean, though the ends may not show it where there are two of them.
    fn doubt(&mut self, noise: f64, difference: f64) -> f64 {
        let [of_largest, of_difference] = COMPLETE;
        let largest = of_largest * largest_of(&self.contributions());
        let bound = largest.max(of_difference * difference.abs());
        self.settled.sort_by(|a, b| a.span[0].total_cmp(&b.span[0]));
        let jumps = self.jumps();
        // Of many bends the errors cancel for the most part.
        self.is_faint = noise > bound / 32.0;
        let counts = if self.is_faint { 0.25 } else { 0.05 };
        for (at, stretch) in self.settled.iter_mut().enumerate() {
            let beyond = stretch.gap.abs() - noise;
            stretch.doubt = if beyond.is_nan() {
                f64::INFINITY
            } else {
                beyond.max(0.0)
            };
            stretch.jump = jumps[at];
            stretch.doubt = stretch.doubt.max(counts * stretch.length() * stretch.jump);
        }
        bound
    }

    /// By how much the gradients beside each stretch differ from its own, in what they make of any input.
    fn jumps(&self) -> Vec<f64> {
        let ways = self.ways();
        let jump = |pair: &[Stretch]| {
            let gradients = pair[0].gradient.iter().zip(&pair[1].gradient).zip(&ways);
            gradients.fold(0.0_f64, |most, ((a, b), way)| {
                most.max(((a - b) * way).abs())
            })
        };
        let between: Vec<f64> = self.settled.windows(2).map(jump).collect();
        let beside = |at: usize| &between[at.saturating_sub(1)..between.len().min(at + 1)];
        let most = |at: usize| beside(at).iter().copied().fold(0.0, f64::max);
        (0..self.settled.len()).map(most).collect()
    }

    const fn coarsest(&self) -> f64 {
        COARSEST[self.is_faint as usize]
    }

    fn doubts(&self) -> f64 {
        self.settled.iter().map(|s| s.doubt).sum()
    }

    /// Whether it does not bend, or no stretch is too long to be trusted.
    fn is_fine(&self, bound: f64) -> bool {
        let straight = |s: &Stretch| s.doubt == 0.0 && s.jump <= bound;
        self.settled.iter().all(straight)
            || self.settled.iter().all(|s| s.length() <= self.coarsest())
    }

    /// Takes out the stretches that miss most, and those that are too long, and gives their halves; so many that there are
    /// at most `most` in all.
    fn split(&mut self, most: usize) -> Vec<Stretch> {
        let mean = self.doubts() / self.settled.len() as f64;
        let (all, coarsest) = (std::mem::take(&mut self.settled), self.coarsest());
        let (mut split, kept): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|s| s.doubt > 0.0 && s.doubt >= mean || s.length() > coarsest);
        self.settled = kept;
        split.sort_by(|a, b| b.doubt.total_cmp(&a.doubt));
        let room = most.saturating_sub(self.settled.len() + split.len());
        let back = split.split_off(room.min(split.len()));
        self.settled.extend(back);
        split.into_iter().flat_map(Stretch::halves).collect()
    }
}

fn largest_of(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, v| most.max(v.abs()))
}
