//! That nothing wrong is timed.

use thalweg::bench::{BenchError, NetworkCase, Product, Training};
use thalweg::executor::Executor;
use thalweg::gpu::Gpu;

use crate::common::{cpu, gpu};

/// Every product on this device leaves out terms of its sums.
fn broken() -> Option<Gpu> {
    let mut gpu = gpu()?;
    let files = thalweg::kernel::files().filter(|file| file.starts_with("matmul"));
    for file in files {
        gpu.replace_shader(file, |text| text.replace("p.k", "(p.k / 2u)"));
    }
    Some(gpu)
}

#[test]
fn a_right_product_passes_and_a_wrong_one_is_refused() {
    for n in [1, 33, 64] {
        let cpu: Box<dyn Executor> = Box::new(cpu(2));
        let gpu = gpu().map(|gpu| Box::new(gpu) as Box<dyn Executor>);
        for executor in std::iter::once(cpu).chain(gpu) {
            let name = executor.device().name.clone();
            let checked = Product::new(executor, n).and_then(|mut product| product.check());
            assert!(checked.is_ok(), "{name}, {n}: {checked:?}");
        }
    }
    let Some(broken) = broken() else { return };
    let mut product = Product::new(Box::new(broken), 64).expect("it fits");
    refuses(product.check());
}

/// Half of the terms are left out, and that is said.
#[track_caller]
fn refuses(checked: Result<(), BenchError>) {
    let error = checked.expect_err("half of the terms are left out");
    assert!(matches!(error, BenchError::Wrong { .. }), "{error}");
    assert!(error.to_string().contains("is not timed"), "{error}");
}

#[test]
fn a_wrong_training_step_is_refused() {
    let case: NetworkCase = "16-24-4:8".parse().expect("it is well formed");
    let check = |open: &dyn Fn() -> Box<dyn Executor>| Training::check(&case, &|| Ok(open()));
    check(&|| Box::new(cpu(2))).expect("the CPU is right");
    let Some(open) = broken() else { return };
    check(&|| Box::new(gpu().expect("there was one"))).expect("the GPU is right");
    refuses(check(&|| Box::new(broken().expect("there was one"))));
    let mut training = Training::new(Box::new(open), &case, None).expect("it fits");
    refuses(training.check_loss());
}

/// Also at a batch that is too large for the reference to repeat every step.
#[test]
fn a_large_step_that_updates_nothing_is_refused() {
    let case: NetworkCase = "784-256-10:600".parse().expect("it is well formed");
    if gpu().is_none() {
        return;
    }
    let right =
        || -> Result<Box<dyn Executor>, BenchError> { Ok(Box::new(gpu().expect("there was one"))) };
    Training::check(&case, &right).expect("it is right");
    let lazy = || -> Result<Box<dyn Executor>, BenchError> {
        let mut gpu = gpu().expect("there was one");
        gpu.replace_shader("finish_sgd", |text| {
            let kept = "return fma(";
            assert!(text.contains(kept), "{text}");
            text.replace(
                kept,
                "if p.k >= 600u && p.n == 784u { return w; } return fma(",
            )
        });
        Ok(Box::new(gpu))
    };
    let error = Training::check(&case, &lazy).expect_err("nothing is learnt");
    assert!(error.to_string().contains("after one step"), "{error}");
}
