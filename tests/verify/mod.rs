//! `verify` passes for every activation, loss and update on every device, and finds a kernel that is broken on purpose.

mod layers;
mod mixed;
mod rules;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use thalweg::data::{Dataset, Spec, TableOptions};
use thalweg::device::Device;
use thalweg::executor::{Data, DeviceInfo, Executor, ExecutorError, PlanHandle};
use thalweg::graph::Store;
use thalweg::kernel::{Limits, Tick};
use thalweg::network::{Activation, Loss, Network};
use thalweg::plan::{Place, Plan};
use thalweg::random::{Random, stream};
use thalweg::train::{Optimizer, Precision, Trainer};
use thalweg::verify::{Verification, verify};

use crate::common::gpu;

const ROWS: usize = 10;
const FEATURES: usize = 6;
const OUTPUTS: usize = 3;

/// Inputs from -2 to 2, and classes, or targets from 0 to 1.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the inputs are small numbers"
)]
fn data(classes: bool) -> Dataset {
    let random = Random::new(7, stream::TEST, 0);
    let draw = |i: usize| 4.0 * random.uniform(i as u64) - 2.0;
    let x: Vec<f32> = (0..ROWS * FEATURES).map(|i| draw(i) as f32).collect();
    let numbers: Vec<f32> = (0..ROWS * OUTPUTS)
        .map(|i| (draw(1000 + i) / 4.0 + 0.5) as f32)
        .collect();
    let labels: Vec<u32> = (0..ROWS as u32).map(|i| i % OUTPUTS as u32).collect();
    let data = if classes {
        Dataset::classes(&x, FEATURES, &labels)
    } else {
        Dataset::numbers(&x, FEATURES, &numbers, OUTPUTS)
    };
    data.expect("the data are well formed")
}

/// Batches of 4 of 10 rows: two full ones and a rest, so two plans.
fn trainer(activation: Activation, loss: Loss, optimizer: Optimizer) -> Trainer {
    let network = Network::new(FEATURES)
        .linear(9)
        .activation(activation)
        .dropout(0.25)
        .linear(8)
        .activation(activation)
        .linear(OUTPUTS);
    Trainer::new(network, loss)
        .optimizer(optimizer)
        .batch_size(4)
        .seed(3)
}

fn executors() -> Vec<Box<dyn Executor>> {
    let cpu = Device::Cpu
        .open(None)
        .expect("there is always a CPU")
        .executor;
    let gpu = gpu().map(|gpu| Box::new(gpu) as Box<dyn Executor>);
    std::iter::once(cpu).chain(gpu).collect()
}

fn passes(trainer: &Trainer, data: &Dataset) {
    passes_to(1e-3, trainer, data);
}

/// Passes, fused and not, and drifts no further than so.
fn passes_to(far: f64, trainer: &Trainer, data: &Dataset) {
    let both = [true, false].into_iter().flat_map(|fuse| {
        let mut trainer = trainer.clone();
        trainer.options.fuse = fuse;
        executors()
            .into_iter()
            .map(move |executor| (trainer.clone(), executor))
    });
    for (trainer, executor) in both {
        let found = verify(&trainer, executor, data, 4).expect("the device works");
        let what = format!("{:?} on {:?}: {found:#?}", trainer.network, found.device);
        assert!(found.passed(), "{what}");
        assert!(
            found
                .kernels
                .values()
                .all(|k| k.steps > 0 && k.elements > 0),
            "nothing was compared: {what}"
        );
        assert!(found.drift.iter().all(|(_, drift)| *drift < far), "{what}");
    }
}

/// Layers of one width take turns with the same buffers, and so with the images that products read them from.
#[test]
fn layers_of_one_width() {
    let network = Network::mlp(FEATURES, &[8; 5], OUTPUTS, Activation::Tanh);
    let trainer = Trainer::new(network, Loss::CrossEntropy)
        .optimizer(Optimizer::sgd(0.1))
        .batch_size(4);
    passes(&trainer, &data(true));
}

const ACTIVATIONS: [Activation; 12] = [
    Activation::Identity,
    Activation::Sigmoid,
    Activation::Tanh,
    Activation::Relu,
    Activation::LeakyRelu(0.01),
    Activation::Elu(1.0),
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::Silu,
    Activation::Softplus,
    Activation::Softmax,
    Activation::LogSoftmax,
];

#[test]
fn every_activation_passes() {
    let data = data(true);
    ACTIVATIONS.iter().for_each(|&a| {
        passes(
            &trainer(a, Loss::CrossEntropy, Optimizer::adam(0.01)),
            &data,
        );
    });
}

#[test]
fn every_loss_passes() {
    for loss in [
        Loss::CrossEntropy,
        Loss::SigmoidCrossEntropy,
        Loss::SquaredError,
        Loss::AbsoluteError,
        Loss::Huber { delta: 0.5 },
        Loss::SmoothL1 { beta: 0.5 },
        Loss::Hinge,
        Loss::NegativeLogLikelihood,
        Loss::KullbackLeibler,
    ] {
        passes(
            &trainer(Activation::Tanh, loss, Optimizer::sgd(0.1)),
            &data(true),
        );
        if !loss.takes_classes() && loss != Loss::KullbackLeibler {
            passes(
                &trainer(Activation::Tanh, loss, Optimizer::sgd(0.1)),
                &data(false),
            );
        }
    }
}

fn weighed(classes: bool) -> Dataset {
    let weights = (0..ROWS).map(|i| (i % 3) as f32).collect();
    data(classes)
        .with_weights(weights)
        .expect("they are well formed")
}

#[test]
fn smoothed_labels_and_weights_pass() {
    let smoothed = |loss| trainer(Activation::Tanh, loss, Optimizer::sgd(0.1));
    let of_classes = [0.5, 2.0, 1.0];
    passes(
        &smoothed(Loss::CrossEntropy).label_smoothing(0.1),
        &data(true),
    );
    let both = smoothed(Loss::CrossEntropy).label_smoothing(0.1);
    passes(&both.class_weights(&of_classes), &weighed(true));
    passes(
        &smoothed(Loss::Hinge).class_weights(&of_classes),
        &data(true),
    );
    passes(&smoothed(Loss::AbsoluteError), &weighed(false));
    passes(&smoothed(Loss::SquaredError), &weighed(false));
}

#[test]
fn every_update_passes() {
    let data = data(true);
    let updates = [
        Optimizer::sgd(0.1),
        Optimizer::with_momentum(0.1, 0.9, false),
        Optimizer::with_momentum(0.1, 0.9, true),
        Optimizer::adam(0.01),
        Optimizer::adamw(0.01),
    ];
    for update in updates.into_iter().flat_map(|u| [u, u.weight_decay(0.05)]) {
        passes(
            &trainer(Activation::Relu, Loss::CrossEntropy, update),
            &data,
        );
    }
}

#[test]
fn bytes_are_gathered_right() {
    let table = "glyphs:n=40"
        .parse::<Spec>()
        .expect("a generator")
        .load(&TableOptions::default())
        .expect("it draws");
    let rows: Vec<u32> = (0..40).collect();
    let (task, normalize) = Default::default();
    let preparation =
        thalweg::data::Preparation::fit(&table, &rows, task, normalize).expect("it fits");
    let data = preparation.prepare(&table).expect("its own table");
    let network = Network::mlp(data.features(), &[16], data.outputs(), Activation::Relu);
    passes(
        &Trainer::new(network, Loss::CrossEntropy).batch_size(16),
        &data,
    );
}
/// One line of each shader that a training step here may run: its kernel, its file, the line's part and what breaks it.
#[rustfmt::skip] // one a line
const BREAKS: [[&str; 4]; 50] = [
    ["gather", "gather", "index[at]", "index[at] + 1u"],
    ["gather", "gather_bytes", "& 255u", "& 127u"],
    ["gather", "gather_words", "8u, 16u", "16u, 8u"],
    ["matmul", "matmul_tile", "+= a4.x", "+= a4.y"],
    ["matmul", "matmul_image", "+= bs * ", "+= transpose(bs) * "],
    ["matmul", "image_rows", "value.y = x[at + 1u]", "value.y = x[at]"],
    ["matmul", "matmul_lanes", "+= term * bs[v]", "+= term"],
    ["matmul", "finish_none", "return s;", "return -s;"],
    ["matmul", "finish_bias", "s + term", "s - term"],
    ["matmul", "finish_bias_wide", "s + term", "s - term"],
    ["matmul", "finish_gradient", "saved[at], s", "saved[at], -s"],
    ["matmul", "finish_gradient_wide", "v.x, s.x", "v.x, s.y"],
    ["matmul", "finish_sgd", "Value(-p.learning_rate)", "Value(p.learning_rate)"],
    ["matmul", "row_sums", "= sum;", "= -sum;"],
    ["matmul", "row_sums_sgd", "fma(-p.learning_rate", "fma(p.learning_rate"],
    ["bias_add", "bias_add", " + b[", " - b["],
    ["activation", "activation", "activate(x[i]", "activate(-x[i]"],
    ["activation", "activation_wide", "activate(v.x", "activate(-v.x"],
    ["activation_grad", "activation_grad", "dy[i], p.alpha", "-dy[i], p.alpha"],
    ["activation_grad", "activation_grad_wide", "d.x, p.alpha", "-d.x, p.alpha"],
    ["dropout", "dropout", "bits >= p.threshold", "bits < p.threshold"],
    ["softmax", "softmax", "y[start + j] /= sum", "y[start + j] *= sum"],
    ["softmax_grad", "softmax_grad", "- dot)", "+ dot)"],
    ["softmax_cross_entropy", "softmax_cross_entropy", "own_log1p(others)", "others"],
    ["softmax_cross_entropy_grad", "softmax_cross_entropy_grad", "share * dloss[i]", "share"],
    ["pointwise_loss", "pointwise_loss", "f(x[i], t[i])", "f(x[i], -t[i])"],
    ["pointwise_loss_grad", "pointwise_loss_grad", "dloss[i] * slope", "slope"],
    ["binary", "binary", "y[i] = a[i] * b[i]", "y[i] = a[i] + b[i]"],
    ["concat", "concat", "= b[o * row_b", "= -b[o * row_b"],
    ["class_loss", "class_loss", "found += select(z", "found += select(-z"],
    ["class_loss_grad", "class_loss_grad", "-part * lacking", "part * lacking"],
    ["smoothed_cross_entropy", "smoothed_cross_entropy", "p.keep * own", "own"],
    ["smoothed_cross_entropy_grad", "smoothed_cross_entropy_grad", "p.spread * weights[j]", "p.spread"],
    ["log_softmax", "log_softmax", "- log;", "+ log;"],
    ["log_softmax_grad", "log_softmax_grad", "* sum", "/ sum"],
    ["share", "share", "x[i] / divisor", "x[i]"],
    ["sum", "sum", "part += x", "part -= x"],
    ["sum", "sum_long", "p.factor * sums[0]", "p.factor * sums[1]"],
    ["broadcast", "broadcast", "p.factor * x", "2.0 * p.factor * x"],
    ["correct", "correct", "select(0.0, 1.0, right)", "select(1.0, 0.0, right)"],
    ["record", "record", "= x[j]", "= -x[j]"],
    ["sgd_update", "sgd_update", "Value(-p.learning_rate)", "Value(p.learning_rate)"],
    ["sgd_update", "sgd_update_momentum", "Value(p.momentum), velocity[i]", "Value(), velocity[i]"],
    ["adam_update", "adam_update", "square[i] = s;", "square[i] = g;"],
    ["adam_update", "verdict", "return verdict[2];", "return verdict[3];"],
    ["sgd_update", "verdict", "return verdict[1];", "return verdict[0];"],
    ["matmul", "operands_half", "return (extent + 15u) & ~15u;", "return extent;"],
    ["narrow", "narrow", "+ 0xfffu + ((magnitude", "+ 0x6fffu + ((magnitude"],
    ["nonfinite", "nonfinite", "magnitude >= 0x7f800000u", "magnitude < 0x7f800000u"],
    ["scaler", "scaler", "- bitcast<u32>(used)", "- bitcast<u32>(2.0 * used)"],
];

/// Verifies on a GPU with one line of one shader changed. Returns also whether any pipeline was made of that shader.
fn broken(
    trainer: &Trainer,
    data: &Dataset,
    [_, file, from, to]: [&'static str; 4],
) -> Option<(Verification, bool)> {
    let used = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&used);
    let mut gpu = gpu()?;
    gpu.replace_shader(file, move |text| {
        seen.store(true, Ordering::Relaxed);
        assert!(text.contains(from), "{file} has no `{from}` to break");
        text.replace(from, to)
    });
    let found = verify(trainer, Box::new(gpu), data, 2).expect("the device works");
    Some((found, used.load(Ordering::Relaxed)))
}

/// Every kernel of these trainings is broken, one at a time, and it is the one that is named.
#[test]
fn a_broken_kernel_is_named() {
    let (classes, numbers, few) = (data(true), data(false), weighed(true));
    let trainings = [
        (
            Activation::LogSoftmax,
            Loss::Hinge,
            Optimizer::sgd(0.1),
            &few,
        ),
        (
            Activation::Tanh,
            Loss::CrossEntropy,
            Optimizer::sgd(0.1),
            &few,
        ),
        (
            Activation::Tanh,
            Loss::CrossEntropy,
            Optimizer::adam(0.01),
            &classes,
        ),
        (
            Activation::Softmax,
            Loss::SquaredError,
            Optimizer::sgd(0.1),
            &numbers,
        ),
        (
            Activation::Relu,
            Loss::SigmoidCrossEntropy,
            Optimizer::with_momentum(0.1, 0.9, false),
            &numbers,
        ),
    ];
    let (single, mixed) = (Precision::Single, Precision::Mixed);
    let all = trainings
        .into_iter()
        .flat_map(|t| [(t, true, single), (t, false, single), (t, true, mixed)]);
    for ((activation, loss, optimizer, data), fuse, precision) in all {
        let mut trainer = trainer(activation, loss, optimizer).precision(precision);
        trainer.options.fuse = fuse;
        if std::ptr::eq(data, &few) && loss == Loss::CrossEntropy {
            trainer = trainer.label_smoothing(0.2).class_weights(&[0.5, 2.0, 1.0]);
        }
        let Some(gpu) = gpu() else { return };
        let whole = verify(&trainer, Box::new(gpu), data, 2).expect("the device works");
        assert!(whole.passed(), "{whole:#?}");
        let mut unbroken: BTreeSet<&str> = whole.kernels.keys().copied().collect();
        for edit in BREAKS
            .into_iter()
            .filter(|[kernel, ..]| whole.kernels.contains_key(kernel))
        {
            let [kernel, file, ..] = edit;
            let Some((found, used)) = broken(&trainer, data, edit) else {
                return;
            };
            let Some(failure) = found.failure else {
                assert!(!used, "{file} is broken, and nothing was found: {found:#?}");
                continue;
            };
            assert!(
                used && failure.contains(&format!(" ({kernel}, ")),
                "{file} is broken: {failure}"
            );
            unbroken.remove(kernel);
        }
        assert!(
            unbroken.is_empty(),
            "no line of these was broken: {unbroken:?}"
        );
    }
}

/// A failure says where: the training step, the plan's step with its layer and phase, the tensor and its element.
#[test]
fn a_failure_says_where() {
    let mut trainer = trainer(Activation::Tanh, Loss::CrossEntropy, Optimizer::adam(0.01));
    trainer.options.fuse = false;
    let edit = ["bias_add", "bias_add", " + b[", " - b["];
    let Some((found, _)) = broken(&trainer, &data(true), edit) else {
        return;
    };
    let failure = found
        .failure
        .expect("a difference in place of a sum is off");
    for part in [
        "training step 1",
        "bias_add",
        "layer 0",
        "forward",
        "layers.0.bias_add[",
    ] {
        assert!(failure.contains(part), "`{part}` is missing: {failure}");
    }
}

/// A run that leaves the range of f32 is no fault of the device, and the message says so.
#[test]
fn a_diverging_run_is_told_as_such() {
    let trainer = trainer(Activation::Relu, Loss::SquaredError, Optimizer::sgd(1e30));
    for executor in executors() {
        let found = verify(&trainer, executor, &data(false), 4).expect("the device works");
        let failure = found.failure.expect("nothing can be compared");
        let parts = ["range of f32", "smaller learning rate"];
        assert!(parts.iter().all(|p| failure.contains(p)), "{failure}");
    }
}

/// A CPU that forgets the last of several training steps in one submission, as a missing barrier might.
struct Forgetful(Box<dyn Executor>);

impl Executor for Forgetful {
    fn device(&self) -> &DeviceInfo {
        self.0.device()
    }

    fn limits(&self) -> &Limits {
        self.0.limits()
    }

    fn allocated(&self) -> u64 {
        self.0.allocated()
    }

    fn reserve(&mut self, store: &Store) -> Result<(), ExecutorError> {
        self.0.reserve(store)
    }

    fn load(&mut self, plan: Arc<Plan>, store: &Store) -> Result<PlanHandle, ExecutorError> {
        self.0.load(plan, store)
    }

    fn run(&mut self, plan: PlanHandle, ticks: &[Tick]) -> Result<(), ExecutorError> {
        let kept = ticks.len().max(2) - 1;
        self.0.run(plan, &ticks[..kept.min(ticks.len())])
    }

    fn run_step(
        &mut self,
        plan: PlanHandle,
        step: usize,
        tick: &Tick,
    ) -> Result<(), ExecutorError> {
        self.0.run_step(plan, step, tick)
    }

    fn write(&mut self, plan: PlanHandle, place: Place, data: &Data) -> Result<(), ExecutorError> {
        self.0.write(plan, place, data)
    }

    fn read(&mut self, plan: PlanHandle, place: Place) -> Result<Data, ExecutorError> {
        self.0.read(plan, place)
    }

    fn write_stored(
        &mut self,
        store: &Store,
        name: &str,
        data: &Data,
    ) -> Result<(), ExecutorError> {
        self.0.write_stored(store, name, data)
    }

    fn read_stored(&mut self, store: &Store, name: &str) -> Result<Data, ExecutorError> {
        self.0.read_stored(store, name)
    }
}

#[test]
fn other_bits_in_one_submission_are_found() {
    let cpu = Device::Cpu.open(None).expect("there is always a CPU");
    let trainer = trainer(Activation::Tanh, Loss::CrossEntropy, Optimizer::adam(0.01));
    let executor = Box::new(Forgetful(cpu.executor));
    let found = verify(&trainer, executor, &data(true), 2).expect("the device works");
    assert_eq!(found.failure, None, "step by step all is right");
    let submission = found.submission.as_ref().expect("a step is missing");
    assert!(submission.contains("`parameters`["), "{submission}");
    assert!(!found.passed(), "{found:?}");
}

/// Nothing to verify would always pass, and too much would not fit.
#[test]
fn a_senseless_number_of_steps_is_refused() {
    let trainer = trainer(Activation::Tanh, Loss::CrossEntropy, Optimizer::adam(0.01));
    for steps in [0, usize::MAX] {
        let cpu = Device::Cpu.open(None).expect("there is always a CPU");
        let error = verify(&trainer, cpu.executor, &data(true), steps).expect_err("senseless");
        assert!(error.to_string().contains("steps is"), "{error}");
    }
}
