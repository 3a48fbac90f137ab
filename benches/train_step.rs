//! The time of a training step on each device, several steps in one submission: `cargo bench --bench train_step`.
//!
//! Elements are the multiplications and additions of the plan, so criterion's `elem/s` are operations a second. On a
//! GPU, the device's own multiply-add rate, measured in the same run, is printed beside.

use std::hint::black_box;

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

fn executors() -> Vec<Box<dyn Executor>> {
    let cpu = Device::Cpu
        .open(None)
        .expect("there is always a CPU")
        .executor;
    let mut executors = vec![cpu];
    if let Ok(mut gpu) = Gpu::new(&Wanted::Any, Options::default()) {
        let rate = gpu.multiply_add_rate().expect("the adapter works");
        eprintln!("{}: {rate:.1} GFLOP/s of multiply-add", gpu.adapter().name);
        executors.push(Box::new(gpu));
    }
    executors
}

fn train_step(criterion: &mut Criterion) {
    for shape in SHAPES {
        let (trainer, data) = setup(shape);
        for (right, timed) in executors().into_iter().zip(executors()) {
            let found = verify(&trainer, right, &data, 1).expect("the device works");
            assert!(found.passed(), "nothing wrong is timed: {found:#?}");
            time(criterion, &trainer, &data, timed);
        }
    }
}

fn time(criterion: &mut Criterion, trainer: &Trainer, data: &Dataset, executor: Box<dyn Executor>) {
    let device = executor.device().clone();
    let batch = trainer.options.batch_size;
    let mut session = trainer
        .session(executor, data)
        .expect("the network fits the device");
    let ready = session
        .plan(Purpose::Training(batch))
        .expect("the plan fits the device");
    let tick = Tick {
        learning_rate: trainer.options.optimizer.learning_rate,
        ..Tick::default()
    };
    let ticks = [tick; STEPS];
    let mut group = criterion.benchmark_group(format!("{} {}", device.executor, device.name));
    group.throughput(Throughput::Elements(ready.plan.operations() * STEPS as u64));
    group.bench_function(
        format!("{} batch {batch}, {STEPS} steps", trainer.network),
        |bencher| {
            bencher.iter(|| {
                session
                    .executor
                    .run(ready.handle, &ticks)
                    .expect("the device works");
                black_box(wait(&mut session))
            });
        },
    );
    group.finish();
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
