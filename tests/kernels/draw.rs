//! The values that kernels are tried on: drawn by Philox, and with those in them that are worth a look.

use half::f16;
use thalweg::executor::Data;
use thalweg::kernel::{Access, ActivationKind, Binding, Finish, Kernel, Matmul, PointwiseLossKind};
use thalweg::random::{Random, stream};
use thalweg::tensor::Element;

/// How the reals that a kernel reads are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Draw {
    /// Normal with standard deviation 3, and some exact zeros of both signs.
    Normal,
    /// Over all of f32: every power of two about equally often, with zeros, subnormal numbers and the largest.
    Wide,
    /// As `Wide`, but so that squares and sums stay within f32.
    Moderate,
    /// Rows of logits: normal, far out at ±80 or ±1000, all equal, or as far apart as f32 allows.
    Logits,
    /// As `Logits`, but so that their differences stay within f32.
    FiniteLogits,
    /// Probabilities, with 0 and 1 among them.
    Probability,
    /// From 1 to 2.
    Variance,
    /// Of at most a half.
    Small,
    /// Zeros of both signs.
    Zero,
    /// Around the range of half precision: its smallest and largest numbers, and halfway between its neighbours.
    Half,
    /// What a scaler reads after a step, or an update reads of one: finite or not, with the good steps in a row and the
    /// updates before, and the scale's exponent. All else is normal.
    Step {
        good: bool,
        row: u32,
        updates: u32,
        exponent: i32,
    },
}

/// A kernel with the values it works on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) kernel: Kernel,
    draw: Draw,
}

pub(super) fn case(kernel: impl Into<Kernel>, draw: Draw) -> Case {
    let kernel = kernel.into();
    Case { kernel, draw }
}

impl Case {
    /// Values for every binding: what is only written holds NaN.
    pub(super) fn values(&self) -> Vec<Data> {
        (1..)
            .zip(self.kernel.bindings())
            .map(|(salt, binding)| self.contents(&binding, salt))
            .collect()
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounded to f32 or to a byte, as is meant"
    )]
    fn contents(&self, binding: &Binding, salt: u64) -> Data {
        let random = Random::new(salt, stream::TEST, 1);
        let indices = 0..binding.len as u64;
        if let Some(data) = self.of_a_step(binding.name) {
            return data;
        }
        match binding.element {
            Element::F16 if binding.access == Access::Write => {
                Data::F16(vec![f16::NAN; binding.len])
            }
            Element::F16 => self.padded(binding, &random),
            Element::U32 if binding.access == Access::Write => {
                Data::U32(vec![0x7fc0_0000; binding.len])
            }
            Element::U32 => Data::U32(
                indices
                    .map(|i| self.integer(binding.name, &random, i))
                    .collect(),
            ),
            Element::U8 => Data::U8(indices.map(|i| random.bits(i) as u8).collect()),
            Element::F32 if binding.access == Access::Write => {
                Data::F32(vec![f32::NAN; binding.len])
            }
            Element::F32 => {
                let draw = self.draw_of(binding.name);
                Data::F32(indices.map(|i| self.real(draw, &random, i)).collect())
            }
        }
    }

    /// The state of a loss scale and its verdict.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "powers of two and small counts"
    )]
    fn of_a_step(&self, name: &str) -> Option<Data> {
        let Draw::Step {
            good,
            row,
            updates,
            exponent,
        } = self.draw
        else {
            return None;
        };
        let scale = libm::ldexp(1.0, exponent);
        Some(match name {
            // Where a gradient is not finite, and where the loss is not, in turn.
            "first" if !good && row % 2 == 0 => Data::U32(vec![3]),
            "first" => Data::U32(vec![u32::MAX]),
            "loss" if !good && row % 2 == 1 => Data::F32(vec![f32::NAN]),
            "loss" => Data::F32(vec![1.5]),
            "scale" => Data::F32(vec![scale as f32]),
            "counts" => Data::F32(vec![row as f32, updates as f32, 3.0]),
            "verdict" if matches!(self.kernel, Kernel::Scaler(_)) => return None,
            "verdict" => {
                let good = if good { 1.0 } else { 0.0 };
                Data::F32(vec![good, (1.0 / scale) as f32, 3.7, 0.05])
            }
            _ => return None,
        })
    }

    /// An operand of a product, rounded to half precision and padded with zeros.
    fn padded(&self, binding: &Binding, random: &Random) -> Data {
        let Kernel::Matmul(k) = self.kernel else {
            panic!("only products read f16")
        };
        let [rows, columns] = match (binding.name, k.transpose_a, k.transpose_b) {
            ("a", false, _) => [k.m, k.k],
            ("a", true, _) => [k.k, k.m],
            (_, _, false) => [k.k, k.n],
            (_, _, true) => [k.n, k.k],
        };
        let [padded_rows, padded_columns] = [rows, columns].map(|n| u64::from(k.padded(n)));
        let value = |i: u64| {
            let (column, row) = (i % padded_columns, i / padded_columns % padded_rows);
            if row < u64::from(rows) && column < u64::from(columns) {
                f16::from_f32(self.real(self.draw, random, i))
            } else {
                f16::ZERO
            }
        };
        Data::F16((0..binding.len as u64).map(value).collect())
    }

    /// Class and row numbers: all that there are, and now and then one that there is not.
    fn integer(&self, name: &str, random: &Random, i: u64) -> u32 {
        let count = match (name, self.kernel) {
            ("target", Kernel::SoftmaxCrossEntropy(k)) => k.columns,
            ("target", Kernel::SoftmaxCrossEntropyGrad(k)) => k.columns,
            ("target", Kernel::Correct(k)) => k.columns,
            ("target", Kernel::ClassLoss(k)) => k.columns,
            ("target", Kernel::ClassLossGrad(k)) => k.columns,
            ("target", Kernel::SmoothedCrossEntropy(k)) => k.columns,
            ("target", Kernel::SmoothedCrossEntropyGrad(k)) => k.columns,
            ("index", Kernel::Gather(k)) => k.table_rows,
            ("index", Kernel::GatherGrad(k)) => k.table_rows,
            _ => return random.bits(i),
        };
        match random.below(i + (1 << 40), 20) {
            0 => count,
            1 => u32::MAX,
            2 => count - 1,
            3 => 0,
            _ => random.below(i, count),
        }
    }

    /// Some bindings hold what only some numbers can be.
    fn draw_of(&self, name: &str) -> Draw {
        match (name, self.draw) {
            // A mean square is at least the mean's square, and far from it, or their difference says nothing.
            ("square", _) if is_centered(&self.kernel) => Draw::Variance,
            ("average", _) => Draw::Small,
            // Sums and means of squares are not negative.
            ("square" | "squares" | "total" | "delta" | "norm" | "moments", _) => Draw::Probability,
            // No class weighs less than nothing.
            ("weights", _) => Draw::Probability,
            (_, Draw::Step { .. }) => Draw::Normal,
            ("dloss" | "dy", Draw::Probability | Draw::Logits | Draw::FiniteLogits) => Draw::Normal,
            ("dy", _) if matches!(self.kernel, Kernel::ActivationGrad(_)) => Draw::Normal,
            // What these save is their output.
            ("saved", _) if saves_probability(&self.kernel) => Draw::Probability,
            // These targets are between 0 and 1.
            ("t", _) if is_of_probabilities(&self.kernel) => Draw::Probability,
            (_, draw) => draw,
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounded to f32, as is meant"
    )]
    fn real(&self, draw: Draw, random: &Random, i: u64) -> f32 {
        let normal = (3.0 * random.normal(i)) as f32;
        let sign = if random.bits(i) & 1 == 0 { 1.0 } else { -1.0 };
        let zero = random.below(i + (1 << 41), 40);
        let power = |low: f64, high: f64| {
            let exponent = low + (high - low) * random.uniform(i + (1 << 42));
            sign * libm::exp2(exponent) as f32
        };
        match draw {
            Draw::Zero => sign * 0.0,
            Draw::Normal if zero == 0 => sign * 0.0,
            Draw::Normal => normal,
            Draw::Wide => match i % 64 {
                0 => sign * 0.0,
                8 => sign * f32::MIN_POSITIVE,
                16 => sign * 1e-40,
                24 => sign * f32::MAX / 2.0,
                32 => sign * 88.8,
                40 => sign * 104.5,
                // Where functions are worth most.
                i if i % 2 == 1 => 3.0 * normal,
                _ => power(-126.0, 126.9),
            },
            Draw::Moderate if zero == 0 => sign * 0.0,
            Draw::Moderate if i.is_multiple_of(4) => power(-60.0, 20.0),
            Draw::Moderate => normal,
            Draw::Probability => match zero {
                0 => 0.0,
                1 => 1.0,
                _ => random.uniform(i) as f32,
            },
            Draw::Variance => 1.0 + random.uniform(i) as f32,
            Draw::Small => sign * 0.5 * random.uniform(i) as f32,
            Draw::Half => {
                // Eleven bits, then half a unit more or nearly, of every exponent.
                let mantissa = 1.0 + f64::from(random.below(i + (1 << 42), 1024)) / 1024.0;
                let more = [0.0, 0.5, 0.499, 0.501][(i % 4) as usize] / 1024.0;
                let exponent = i32::try_from(i % 44).expect("small") - 27;
                sign * libm::ldexp(mantissa + more, exponent) as f32
            }
            Draw::Step { .. } => normal,
            Draw::Logits | Draw::FiniteLogits => self.logit(draw, random, i, normal),
        }
    }

    fn logit(&self, draw: Draw, random: &Random, i: u64, normal: f32) -> f32 {
        let columns = match self.kernel {
            Kernel::Softmax(k) => k.columns,
            Kernel::SoftmaxCrossEntropy(k) => k.columns,
            Kernel::SoftmaxCrossEntropyGrad(k) => k.columns,
            Kernel::Correct(k) => k.columns,
            Kernel::LogSoftmax(k) => k.columns,
            Kernel::ClassLoss(k) => k.columns,
            Kernel::ClassLossGrad(k) => k.columns,
            Kernel::SmoothedCrossEntropy(k) => k.columns,
            Kernel::SmoothedCrossEntropyGrad(k) => k.columns,
            _ => 1,
        };
        let sign = if random.bits(i) & 1 == 0 { 1.0 } else { -1.0 };
        match i / u64::from(columns) % 8 {
            1 => 80.0 * sign,
            2 => 1000.0 * sign,
            3 => 0.25,
            4 => 1000.0 + normal,
            5 if draw == Draw::Logits => f32::MAX * sign,
            5 => 1e37 * sign,
            6 => 30.0 * normal,
            _ => normal,
        }
    }
}

/// A product that ends in the gradient of a sigmoid or hyperbolic tangent.
fn saves_probability(kernel: &Kernel) -> bool {
    let Kernel::Matmul(Matmul {
        finish: Finish::Gradient(function),
        ..
    }) = kernel
    else {
        return false;
    };
    matches!(
        function.kind,
        ActivationKind::Sigmoid | ActivationKind::Tanh
    )
}

fn is_centered(kernel: &Kernel) -> bool {
    matches!(kernel, Kernel::RmspropUpdate(k) if k.rule.centered)
}

fn is_of_probabilities(kernel: &Kernel) -> bool {
    let kind = match kernel {
        Kernel::PointwiseLoss(k) => k.kind,
        Kernel::PointwiseLossGrad(k) => k.kind,
        _ => return false,
    };
    matches!(
        kind,
        PointwiseLossKind::SigmoidCrossEntropy | PointwiseLossKind::Divergence
    )
}
