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
    let error = product.check().expect_err("half of the terms are left out");
    assert!(matches!(error, BenchError::Wrong { .. }), "{error}");
    assert!(error.to_string().contains("is not timed"), "{error}");
}

#[test]
fn a_wrong_training_step_is_refused() {
    let case: NetworkCase = "16-24-4:8".parse().expect("it is well formed");
    let right = Training::check(&case, &|| Ok(Box::new(cpu(2))));
    assert!(right.is_ok(), "{right:?}");
    let Some(open) = broken() else { return };
    let right = Training::check(&case, &|| Ok(Box::new(gpu().expect("there was one"))));
    assert!(right.is_ok(), "{right:?}");
    let wrong = Training::check(&case, &|| Ok(Box::new(broken().expect("there was one"))));
    assert!(matches!(wrong, Err(BenchError::Wrong { .. })), "{wrong:?}");
    let mut training = Training::new(Box::new(open), &case, None).expect("it fits");
    let wrong = training.check_loss();
    assert!(matches!(wrong, Err(BenchError::Wrong { .. })), "{wrong:?}");
}
