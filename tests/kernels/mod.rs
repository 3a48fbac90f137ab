//! Every kernel on every executor, against the reference.

mod draw;
mod special;
mod stage;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use thalweg::executor::{Data, Executor};
use thalweg::gpu::Options;
use thalweg::kernel::{Finish, Kernel, Limits, files, parts};
use thalweg::reference::{Bounded, Closeness, compare, compare_half};

use crate::common::{
    Named, cpus, fast_executors, gpu, gpu_as_others, gpu_as_others_with, gpu_with, named,
};
use draw::Case;
use stage::Exact;

/// Runs every case on every fast executor, and holds what comes out against the reference on the same inputs.
fn check(cases: &[Case]) {
    let mut executors = fast_executors();
    executors.extend(gpu_as_others());
    check_on(executors, cases);
}

fn check_on(mut executors: Vec<Named>, cases: &[Case]) {
    let mut nearest = vec![Closeness::default(); executors.len()];
    for case in cases {
        let values = case.values();
        let expected = stage::expected::<Bounded>(&case.kernel, &values);
        for (Named { name, executor }, nearest) in executors.iter_mut().zip(&mut nearest) {
            let found = stage::run(executor.as_mut(), &case.kernel, &values);
            let closeness =
                hold_all(&found, &expected).unwrap_or_else(|e| panic!("{name}: {case:?}: {e}"));
            if closeness.ratio > nearest.ratio {
                *nearest = closeness;
            }
        }
    }
    for (Named { name, .. }, nearest) in executors.iter().zip(&nearest) {
        eprintln!(
            "{name}: {:.2} of the bound in {} cases",
            nearest.ratio,
            cases.len()
        );
    }
}

/// Holds all outputs of a kernel, and says how near the nearest came to its bound.
fn hold_all(found: &[Data], expected: &[Exact<Bounded>]) -> Result<Closeness, String> {
    if found.len() != expected.len() {
        return Err(format!("{} outputs, not {}", found.len(), expected.len()));
    }
    let mut nearest = Closeness::default();
    for (found, expected) in found.iter().zip(expected) {
        let closeness = hold(found, expected)?;
        if closeness.ratio > nearest.ratio {
            nearest = closeness;
        }
    }
    Ok(nearest)
}

/// Reals within their bounds, integers equal.
fn hold(found: &Data, expected: &Exact<Bounded>) -> Result<Closeness, String> {
    match (found, expected) {
        (Data::F32(found), Exact::Real(expected)) => {
            compare("output", found, expected).map_err(|difference| difference.to_string())
        }
        (Data::F16(found), Exact::Real(expected)) => {
            compare_half("output", found, expected).map_err(|difference| difference.to_string())
        }
        (Data::U32(found), Exact::U32(expected)) if found == expected => Ok(Closeness::default()),
        (Data::U32(found), Exact::U32(expected)) => {
            let at = found.iter().zip(expected).position(|(a, e)| a != e);
            Err(format!(
                "integers differ, first at {at:?}: {found:?} is not {expected:?}"
            ))
        }
        _ => Err("another element type".to_owned()),
    }
}

#[test]
fn matmuls() {
    check(&table::matmuls());
}

/// A product with nothing fused into it.
fn is_plain(case: &Case) -> bool {
    match case.kernel {
        Kernel::Matmul(k) => k.finish == Finish::None && !k.row_sums,
        _ => false,
    }
}

/// Of the shaders that can do a product, those that are not the first choice: each in all shapes, and every third fused
/// end of it. A device that runs shaders on the CPU also has the candidates of all others.
#[test]
fn other_candidates_for_matmuls() {
    let Some(limits) = gpu().map(|gpu| gpu.limits().clone()) else {
        return;
    };
    let products = table::matmuls().into_iter().chain(table::half_products());
    let counted: Vec<(Case, usize)> = (products.enumerate())
        .filter(|(at, case)| is_plain(case) || at % 3 == 0)
        .map(|(_, case)| {
            let count = case.kernel.spec().candidates(&limits).len();
            (case, count)
        })
        .collect();
    let most = counted.iter().map(|&(_, count)| count).max();
    for index in 1..most.unwrap_or(0) {
        let Some(mut gpu) = gpu() else { return };
        gpu.choose(move |_, _| index);
        let cases: Vec<Case> = (counted.iter())
            .filter(|&&(_, count)| count > index)
            .map(|&(case, _)| case)
            .collect();
        check_on(vec![named(format!("candidate {index}"), gpu)], &cases);
    }
}

#[test]
fn activations() {
    check(&table::activations());
}

#[test]
fn elementwise() {
    check(&table::elementwise());
}

#[test]
fn rows_of_classes() {
    check(&table::rows_of_classes());
}

#[test]
fn losses() {
    check(&table::losses());
}

#[test]
fn weighed() {
    check(&table::weighed());
}

#[test]
fn sums() {
    check(&table::sums());
}

#[test]
fn gathers() {
    check(&table::gathers());
}

#[test]
fn ranges() {
    check(&table::ranges());
}

#[test]
fn updates() {
    check(&table::updates());
}

#[test]
fn rules() {
    check(&table::rules());
}

#[test]
fn watch() {
    check(&table::watch());
}

#[test]
fn layers() {
    check(&table::layers());
}

#[test]
fn mixed() {
    check(&table::mixed());
}

/// What threads share out is never the terms of one sum, or its order would be theirs.
#[test]
fn the_number_of_threads_changes_no_bit() {
    let mut executors = cpus();
    for case in table::all() {
        let values = case.values();
        let run = |named: &mut Named| -> Vec<u32> {
            let found = stage::run(named.executor.as_mut(), &case.kernel, &values);
            found.iter().flat_map(stage::bits).collect()
        };
        let [one, two, three] = executors.as_mut_slice() else {
            panic!("one, two and three threads")
        };
        let expected = run(one);
        for named in [two, three] {
            assert!(run(named) == expected, "{}: {case:?}", named.name);
        }
    }
}

/// The GPU, as itself and as others, with its shaders' accesses held against the bounds or not; and whether it is one
/// that runs on the CPU.
fn gpus(checked: bool) -> (Vec<Named>, bool) {
    let options = Options { checked };
    let Some(gpu) = gpu_with(options) else {
        return (Vec::new(), false);
    };
    let software = gpu.limits().software;
    let all = std::iter::once(named("gpu", gpu)).chain(gpu_as_others_with(options));
    (all.collect(), software)
}

/// The kernels guard themselves, so guards around every access of theirs change nothing: not a bit on a driver that runs
/// on the CPU. Others may compile the two differently, and both are right.
///
/// Where a driver promises to guard buffers itself (`robustBufferAccess2`, as lavapipe does), wgpu adds no check to them:
/// there the two differ in arrays, loops and divisions.
#[test]
fn checked_and_unchecked_shaders_agree() {
    let [(checked, software), (unchecked, _)] = [true, false].map(gpus);
    let mut pairs: Vec<[Named; 2]> = checked
        .into_iter()
        .zip(unchecked)
        .map(|(checked, unchecked)| [checked, unchecked])
        .collect();
    // Every activation ends a product elsewhere; here one in three does, as each is a shader of its own to compile.
    let chosen = (table::all().into_iter().enumerate()).filter(|(at, case)| {
        !matches!(case.kernel, Kernel::Matmul(_)) || is_plain(case) || at % 3 == 0
    });
    for (_, case) in chosen {
        let values = case.values();
        let expected = (!software).then(|| stage::expected::<Bounded>(&case.kernel, &values));
        for pair in &mut pairs {
            let name = pair[0].name.clone();
            let found = pair
                .each_mut()
                .map(|gpu| stage::run(gpu.executor.as_mut(), &case.kernel, &values));
            let Some(expected) = &expected else {
                let [checked, unchecked] =
                    found.map(|all| all.iter().flat_map(stage::bits).collect::<Vec<_>>());
                assert!(
                    checked == unchecked,
                    "{name}: checked and unchecked differ: {case:?}"
                );
                continue;
            };
            for (found, how) in found.iter().zip(["checked", "unchecked"]) {
                hold_all(found, expected)
                    .unwrap_or_else(|e| panic!("{name}, {how}: {case:?}: {e}"));
            }
        }
    }
}

/// `Kernel` may grow without the tests' knowing, so its own list of variants is asked.
#[test]
fn every_kernel_is_in_the_table() {
    let found: BTreeSet<String> = table::all()
        .iter()
        .map(|case| variant(&case.kernel))
        .collect();
    let known: BTreeSet<String> = Kernel::VARIANTS.iter().map(|&v| v.to_owned()).collect();
    assert_eq!(
        found, known,
        "kernels without a row in tests/kernels/table.rs"
    );
}

fn variant(kernel: &Kernel) -> String {
    let text = format!("{kernel:?}");
    let (name, _) = text
        .split_once('(')
        .expect("a variant holds its parameters");
    name.to_owned()
}

/// What chooses a constant in a shader is chosen every way.
#[test]
fn every_kind_and_flag_is_in_the_table() {
    let mut kinds: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for case in table::all() {
        kinds
            .entry(case.kernel.name())
            .or_default()
            .extend(kind(&case.kernel));
    }
    let expected = [
        // Every finish with every activation; and, each with operands stored each way: none, with row sums or not, a bias
        // alone, ReLU with row sums, and its gradient. Two of these are among the first.
        // The latter five once more for operands in half precision. Updates, with row sums or not.
        (
            "matmul",
            2 * table::ACTIVATIONS.len() + 2 * 5 * 4 - 2 + 2 * 4,
        ),
        ("activation", table::ACTIVATIONS.len()),
        ("activation_grad", table::ACTIVATIONS.len()),
        ("binary", table::BINARIES.len()),
        ("pointwise_loss", table::LOSSES.len()),
        ("pointwise_loss_grad", 2 * table::LOSSES.len()),
        ("class_loss", table::CLASS_LOSSES.len()),
        ("class_loss_grad", table::CLASS_LOSSES.len()),
        ("gather", 6),
        ("sgd_update", 6),
        ("adam_update", 4),
        ("rmsprop_update", 8),
        ("l1_gradient", 2),
        ("clip_norm", 2),
        ("clip_value", 2),
        ("adagrad_update", 2),
        ("lion_update", 2),
    ];
    for (name, expected) in expected {
        assert_eq!(kinds[name].len(), expected, "{name}: {:?}", kinds[name]);
    }
}

/// What of a kernel is no size.
fn kind(kernel: &Kernel) -> Option<String> {
    Some(match kernel {
        Kernel::Matmul(k) => {
            let finish = match k.finish {
                Finish::None => "none".to_owned(),
                Finish::Bias(f) => format!("bias {:?}", f.kind),
                Finish::Gradient(f) => format!("gradient {:?}", f.kind),
                Finish::Sgd { .. } => "sgd".to_owned(),
            };
            format!(
                "{finish} {} {} {} {}",
                k.row_sums, k.transpose_a, k.transpose_b, k.operands
            )
        }
        Kernel::Activation(k) => format!("{:?}", k.kind),
        Kernel::ActivationGrad(k) => format!("{:?}", k.kind),
        Kernel::Binary(k) => format!("{:?}", k.kind),
        Kernel::PointwiseLoss(k) => format!("{:?}", k.kind),
        Kernel::ClassLoss(k) => format!("{:?}", k.kind),
        Kernel::ClassLossGrad(k) => format!("{:?}", k.kind),
        Kernel::PointwiseLossGrad(k) => format!("{:?} {}", k.kind, k.at_target),
        Kernel::Gather(k) => format!("{} {}", k.element, k.batch),
        Kernel::SgdUpdate(k) => format!("{} {} {}", k.momentum != 0.0, k.nesterov, k.scaled),
        Kernel::AdamUpdate(k) => format!("{} {}", k.decoupled, k.scaled),
        Kernel::RmspropUpdate(k) => {
            let (centered, momentum) = (k.rule.centered, k.rule.momentum != 0.0);
            format!("{centered} {momentum} {}", k.scaled)
        }
        Kernel::AdagradUpdate(k) => format!("{}", k.scaled),
        Kernel::L1Gradient(k) => format!("{}", k.scaled),
        Kernel::ClipNorm(k) => format!("{}", k.scaled),
        Kernel::ClipValue(k) => format!("{}", k.scaled),
        Kernel::LionUpdate(k) => format!("{}", k.scaled),
        _ => return None,
    })
}

/// Every file of shaders but those of shared functions is some case's choice, on one device or another.
#[test]
fn every_shader_is_in_the_table() {
    let software = Limits {
        subgroup: Some(8),
        software: true,
        ..Limits::SMALLEST
    };
    let hardware = Limits {
        subgroup: Some(32),
        ..Limits::SMALLEST
    };
    let cooperative = Limits {
        half: true,
        cooperative: true,
        ..hardware.clone()
    };
    let chosen: BTreeSet<&str> = table::all()
        .iter()
        .flat_map(|case| {
            [&software, &hardware, &cooperative, &Limits::SMALLEST]
                .map(|limits| case.kernel.spec().candidates(limits))
        })
        .flatten()
        .flat_map(|shader| parts(&shader).expect("the file is embedded"))
        .collect();
    // Those are no kernels: one measures an adapter, one fills the images of the others.
    let known: BTreeSet<&str> = files()
        .filter(|file| !["multiply_add", "image_rows"].contains(file))
        .collect();
    assert_eq!(chosen, known, "shaders that no case of the table uses");
}
