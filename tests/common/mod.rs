//! What several tests share.

use std::sync::Once;

use thalweg::gpu::{Gpu, Options, Wanted};

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
            SAY.call_once(|| eprintln!("GPU tests run on {adapter}, {}", adapter.driver));
            Some(gpu)
        }
        Err(error) => {
            let required = std::env::var("THALWEG_REQUIRE_GPU").is_ok_and(|value| value == "1");
            assert!(!required, "THALWEG_REQUIRE_GPU is 1, but {error}");
            eprintln!("skipped: {error}");
            None
        }
    }
}
