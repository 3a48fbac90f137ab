//! Kernels on each device: `cargo bench --bench kernels`.
//!
//! Products in criterion's `elem/s` of operations. Behind each, a line tells GFLOP/s and the share of what the device was
//! just measured to reach. `thalweg bench kernels` times every kernel of a training step; this is for comparing two
//! versions of one kernel with criterion's statistics.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use thalweg::bench::{Bounds, Product, Rates, measure, rates};
use thalweg::device::Device;
use thalweg::gpu::adapters;

const SIZES: [u32; 3] = [128, 256, 512];

fn devices() -> Vec<(Device, Rates)> {
    let mut devices = vec![Device::Cpu];
    if adapters().iter().any(|adapter| adapter.lacks.is_none()) {
        devices.push(Device::Gpu);
    }
    let with_rates = |device: Device| {
        let executor = device.open(None).expect("the device opens").executor;
        let rates = rates(executor).expect("the device works");
        (device, rates)
    };
    devices.into_iter().map(with_rates).collect()
}

fn products(criterion: &mut Criterion) {
    for (device, rates) in devices() {
        for size in SIZES {
            let opened = device.open(None).expect("the device opens");
            let name = opened.executor.device().name.clone();
            let mut product = Product::new(opened.executor, size).expect("it fits the device");
            product.check().expect("nothing wrong is timed");
            let operations = product.kernel().spec().operations();
            let mut group = criterion.benchmark_group(format!("matmul on {device} ({name})"));
            group.throughput(Throughput::Elements(operations));
            group.bench_function(format!("{size}x{size}x{size}"), |bencher| {
                bencher.iter(|| product.run(1).expect("the device works"));
            });
            group.finish();
            let timing = measure(Bounds::default(), |times| product.run(times));
            let seconds = timing.expect("the device works").statistics.median;
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            let reached = operations as f64 / seconds / 1e9;
            let share = rates.multiply_add.map_or_else(String::new, |rate| {
                format!(", {:.0} % of multiply-add", 100.0 * reached / rate)
            });
            eprintln!("{size}x{size}x{size} on {device}: {reached:.1} GFLOP/s{share}");
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = products
}
criterion_main!(benches);
