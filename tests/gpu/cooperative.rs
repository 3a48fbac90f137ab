//! The self-test of cooperative matrices, as far as an adapter without them can show it.

use thalweg::executor::Executor;

use crate::common::gpu;

/// The self-test of cooperative matrices holds whatever kernel would be chosen: those that are right here pass it, and one
/// with a line broken does not.
#[test]
fn the_self_test_tells_right_products_from_wrong_ones() {
    for hardware in [false, true] {
        let open = || {
            let mut gpu = gpu()?;
            let mut limits = gpu.limits().clone();
            if hardware {
                (limits.software, limits.subgroup) = (false, Some(32));
            }
            gpu.choose_as(limits);
            Some(gpu)
        };
        let Some(mut right) = open() else { return };
        assert!(!right.limits().cooperative, "nobody has tested them");
        assert_eq!(right.passes_self_test(), Ok(()), "hardware: {hardware}");
        for (file, from, to) in [
            (
                "operands_half",
                "return (extent + 15u) & ~15u;",
                "return extent;",
            ),
            ("row_sums", "= sum;", "= -sum;"),
            ("finish_bias", "s + term", "s - term"),
        ] {
            let Some(mut wrong) = open() else { return };
            wrong.replace_shader(file, move |text| text.replace(from, to));
            let found = wrong.passes_self_test();
            assert!(found.is_err(), "{file} is broken, hardware: {hardware}");
        }
    }
}

/// An adapter that claims cooperative matrices and cannot compile their shader fails the self-test, and nothing breaks.
#[test]
fn a_shader_that_is_refused_fails_the_self_test() {
    let Some(mut gpu) = gpu() else { return };
    if gpu.adapter().has_cooperative_products() {
        return;
    }
    let mut limits = gpu.limits().clone();
    limits.cooperative = true;
    gpu.choose_as(limits.clone());
    let refused = gpu.passes_self_test().expect_err("there are none");
    assert!(refused.contains("matmul_cooperative"), "{refused}");
    limits.cooperative = false;
    gpu.choose_as(limits);
    assert_eq!(
        gpu.passes_self_test(),
        Ok(()),
        "the device is as good as before"
    );
}
