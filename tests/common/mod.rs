//! What several tests share: the executors they run on.

use std::io::Write;
use std::sync::Once;

use thalweg::cpu::Cpu;
use thalweg::executor::Executor;
use thalweg::gpu::{Gpu, Options, Wanted};
use thalweg::kernel::Limits;
use thalweg::reference::Reference;

/// A GPU, or a software adapter, or nothing: then the test that asks has to skip itself. The adapter is printed once.
///
/// # Panics
/// If there is none though `THALWEG_REQUIRE_GPU` is 1.
pub(crate) fn gpu() -> Option<Gpu> {
    gpu_with(Options::default())
}

/// As [`gpu`], with options.
pub(crate) fn gpu_with(options: Options) -> Option<Gpu> {
    static SAY: Once = Once::new();
    match Gpu::new(&Wanted::Any, options) {
        Ok(gpu) => {
            let adapter = gpu.adapter();
            SAY.call_once(|| say(&format!("GPU tests run on {adapter}, {}", adapter.driver)));
            Some(gpu)
        }
        Err(error) => {
            let required = std::env::var("THALWEG_REQUIRE_GPU").is_ok_and(|value| value == "1");
            assert!(!required, "THALWEG_REQUIRE_GPU is 1, but {error}");
            let test = std::thread::current().name().unwrap_or("?").to_owned();
            say(&format!("SKIPPED on the GPU: {test}: {error}"));
            None
        }
    }
}

/// Past the capture of the test harness, which would keep it to itself while tests pass.
pub(crate) fn say(line: &str) {
    // A closed standard error is no reason to fail.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The CPU executor.
pub(crate) fn cpu(threads: usize) -> Cpu {
    Cpu::with_threads(Some(threads)).expect("threads can be started")
}

/// An executor under test.
pub(crate) struct Named {
    /// For messages.
    pub(crate) name: String,
    /// The executor, with nothing in it.
    pub(crate) executor: Box<dyn Executor>,
}

pub(crate) fn named(name: impl Into<String>, executor: impl Executor + 'static) -> Named {
    Named {
        name: name.into(),
        executor: Box::new(executor),
    }
}

/// The fast executors: the CPU, with more threads than this machine may have, and the GPU if there is an adapter.
pub(crate) fn fast_executors() -> Vec<Named> {
    let gpu = gpu().map(|gpu| named("gpu", gpu));
    std::iter::once(named("cpu", cpu(3))).chain(gpu).collect()
}

/// The GPU, choosing shaders as other devices would: with so few workgroups that every loop over elements, rows or tiles
/// takes several turns, and as hardware, which has its own matrix product.
pub(crate) fn gpu_as_others() -> Vec<Named> {
    gpu_as_others_with(Options::default())
}

/// As [`gpu_as_others`], with options.
pub(crate) fn gpu_as_others_with(options: Options) -> Vec<Named> {
    let open = |(name, workgroups, hardware): (&str, u32, bool)| {
        let mut gpu = gpu_with(options)?;
        let mut limits = gpu.limits().clone();
        limits.workgroups = workgroups;
        if hardware {
            (limits.software, limits.subgroup) = (false, Some(32));
            limits.fill = Limits::FILL;
        }
        gpu.choose_as(limits);
        Some(named(name, gpu))
    };
    let others = [
        ("gpu, 3 workgroups", 3, false),
        ("gpu, as hardware of 5 workgroups", 5, true),
    ];
    others.into_iter().filter_map(open).collect()
}

/// Every executor that computes in f32.
pub(crate) fn executors() -> Vec<Named> {
    let reference = named("reference f32", Reference::f32());
    std::iter::once(reference).chain(fast_executors()).collect()
}

/// The CPU executor with 1, 2 and 3 threads.
pub(crate) fn cpus() -> Vec<Named> {
    [1, 2, 3]
        .map(|threads| named(format!("cpu, {threads} threads"), cpu(threads)))
        .into()
}
