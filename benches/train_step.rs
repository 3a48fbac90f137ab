//! The time of a training step on each device, several steps in one submission: `cargo bench --bench train_step`.
//!
//! Elements are the multiplications and additions of the plan, so criterion's `elem/s` are operations a second. Behind
//! each, a line tells the same in GFLOP/s and, for a GPU, as a share of what it was just measured to reach in a kernel of
//! nothing but multiply-add.

use std::hint::black_box;
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use thalweg::data::Dataset;
use thalweg::device::Device;
use thalweg::executor::Executor;
use thalweg::gpu::{Gpu, Options, Wanted};
use thalweg::kernel::Tick;
use thalweg::network::{Activation, Loss, Network};
use thalweg::random::{Random, stream};
use thalweg::train::{Optimizer, Purpose, Session, Trainer};
use thalweg::verify::verify;

/// Inputs, hidden units, classes and batch size.
type Shape = (usize, &'static [usize], usize, usize);

const SHAPES: [Shape; 2] = [(256, &[64], 10, 32), (784, &[256, 128], 10, 128)];

/// Steps in one submission.
const STEPS: usize = 20;

#[expect(
    clippy::cast_possible_truncation,
    reason = "the inputs are small numbers"
)]
fn setup(shape: Shape) -> (Trainer, Dataset) {
    let (inputs, hidden, classes, batch) = shape;
    let random = Random::new(1, stream::TEST, 0);
    let x: Vec<f32> = (0..(batch * inputs) as u64)
        .map(|i| random.uniform(i) as f32)
        .collect();
    let labels: Vec<u32> = (0..classes as u32).cycle().take(batch).collect();
    let data = Dataset::classes(&x, inputs, &labels).expect("the data are well formed");
    let network = Network::mlp(inputs, hidden, classes, Activation::Relu);
    let trainer = Trainer::new(network, Loss::CrossEntropy)
        .optimizer(Optimizer::sgd(0.01))
        .batch_size(batch);
    (trainer, data)
}

/// An executor, and the rate of multiply-add that it was just measured to reach, in GFLOP/s, if it is a GPU.
type Measured = (Box<dyn Executor>, Option<f64>);

fn executors() -> Vec<Measured> {
    let cpu = Device::Cpu
        .open(None)
        .expect("there is always a CPU")
        .executor;
    let mut executors: Vec<Measured> = vec![(cpu, None)];
    if let Ok(mut gpu) = Gpu::new(&Wanted::Any, Options::default()) {
        let rate = gpu.multiply_add_rate().expect("the adapter works");
        executors.push((Box::new(gpu), Some(rate)));
    }
    executors
}

fn train_step(criterion: &mut Criterion) {
    for shape in SHAPES {
        let (trainer, data) = setup(shape);
        for ((right, _), timed) in executors().into_iter().zip(executors()) {
            let found = verify(&trainer, right, &data, 1).expect("the device works");
            assert!(found.passed(), "nothing wrong is timed: {found:#?}");
            time(criterion, &trainer, &data, timed);
        }
    }
}

fn time(criterion: &mut Criterion, trainer: &Trainer, data: &Dataset, (executor, rate): Measured) {
    let device = executor.device().clone();
    let batch = trainer.options.batch_size;
    let mut session = trainer
        .session(executor, data)
        .expect("the network fits the device");
    let ready = session
        .plan(Purpose::Training(batch))
        .expect("the plan fits the device");
    let learning_rate = trainer.options.optimizer.learning_rate;
    let ticks = [Tick {
        learning_rate,
        ..Tick::default()
    }; STEPS];
    let mut run = || {
        session
            .executor
            .run(ready.handle, &ticks)
            .expect("the device works");
        black_box(wait(&mut session))
    };
    let operations = ready.plan.operations() * STEPS as u64;
    let name = format!("{} batch {batch}, {STEPS} steps", trainer.network);
    let mut group = criterion.benchmark_group(format!("{} {}", device.executor, device.name));
    group.throughput(Throughput::Elements(operations));
    group.bench_function(&name, |bencher| bencher.iter(&mut run));
    group.finish();

    let seconds = median(&mut run);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let reached = operations as f64 / seconds / 1e9;
    let of = rate.map_or_else(String::new, |rate| {
        format!(
            ", {:.1} % of the {rate:.1} of multiply-add",
            100.0 * reached / rate
        )
    });
    eprintln!("{name}: {reached:.1} GFLOP/s{of}");
}

/// The median time of 15 runs, in seconds.
fn median(run: &mut impl FnMut() -> f32) -> f64 {
    let mut times: Vec<f64> = (0..15)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Reads one number, which waits for all work before.
fn wait(session: &mut Session) -> f32 {
    let bias = session
        .executor
        .read_stored(&session.store, "layers.0.bias")
        .expect("the device works");
    bias.to_f32()[0]
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = train_step
}
criterion_main!(benches);
