//! Every kernel on every executor, against the reference.

mod special;
mod stage;
mod table;

use std::collections::BTreeSet;

use thalweg::executor::Data;
use thalweg::kernel::{Kernel, Limits, files, parts};
use thalweg::reference::{Bounded, Closeness, compare};

use crate::common::{Named, fast_executors, gpu_as_others};
use stage::Exact;
use table::Case;

/// Runs every case on every fast executor, and holds what comes out against the reference on the same inputs.
fn check(cases: &[Case]) {
    let mut executors = fast_executors();
    executors.extend(gpu_as_others());
    let mut nearest = vec![Closeness::default(); executors.len()];
    for case in cases {
        let values = case.values();
        let expected = stage::expected::<Bounded>(&case.kernel, &values);
        for (Named { name, executor }, nearest) in executors.iter_mut().zip(&mut nearest) {
            let found = stage::run(executor.as_mut(), &case.kernel, &values);
            assert_eq!(found.len(), expected.len(), "outputs of {case:?}");
            for (found, expected) in found.iter().zip(&expected) {
                let closeness =
                    hold(found, expected).unwrap_or_else(|e| panic!("{name}: {case:?}: {e}"));
                if closeness.ratio > nearest.ratio {
                    *nearest = closeness;
                }
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

/// Reals within their bounds, integers equal.
fn hold(found: &Data, expected: &Exact<Bounded>) -> Result<Closeness, String> {
    match (found, expected) {
        (Data::F32(found), Exact::Real(expected)) => {
            compare("output", found, expected).map_err(|difference| difference.to_string())
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
fn watch() {
    check(&table::watch());
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
    let count = |of: &dyn Fn(&Kernel) -> Option<String>| {
        let kinds: BTreeSet<String> = table::all()
            .iter()
            .filter_map(|case| of(&case.kernel))
            .collect();
        kinds.len()
    };
    let kinds: [(&str, usize, &dyn Fn(&Kernel) -> Option<String>); 8] = [
        ("Matmul", 4, &|k| match k {
            Kernel::Matmul(k) => Some(format!("{} {}", k.transpose_a, k.transpose_b)),
            _ => None,
        }),
        ("Activation", table::ACTIVATIONS.len(), &|k| match k {
            Kernel::Activation(k) => Some(format!("{:?}", k.kind)),
            _ => None,
        }),
        ("ActivationGrad", table::ACTIVATIONS.len(), &|k| match k {
            Kernel::ActivationGrad(k) => Some(format!("{:?}", k.kind)),
            _ => None,
        }),
        ("Binary", table::BINARIES.len(), &|k| match k {
            Kernel::Binary(k) => Some(format!("{:?}", k.kind)),
            _ => None,
        }),
        ("PointwiseLossGrad", 2 * table::LOSSES.len(), &|k| match k {
            Kernel::PointwiseLossGrad(k) => Some(format!("{:?} {}", k.kind, k.at_target)),
            _ => None,
        }),
        ("Gather", 6, &|k| match k {
            Kernel::Gather(k) => Some(format!("{} {}", k.element, k.batch)),
            _ => None,
        }),
        ("SgdUpdate", 3, &|k| match k {
            Kernel::SgdUpdate(k) => Some(format!("{} {}", k.momentum != 0.0, k.nesterov)),
            _ => None,
        }),
        ("AdamUpdate", 2, &|k| match k {
            Kernel::AdamUpdate(k) => Some(k.decoupled.to_string()),
            _ => None,
        }),
    ];
    for (name, expected, of) in kinds {
        assert_eq!(count(of), expected, "kinds of {name} in the table");
    }
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
    let chosen: BTreeSet<&str> = table::all()
        .iter()
        .flat_map(|case| {
            [&software, &hardware, &Limits::SMALLEST]
                .map(|limits| case.kernel.spec().shader(limits).file)
        })
        .flat_map(|file| parts(file).expect("the file is embedded"))
        .collect();
    // That one is no kernel: it measures an adapter.
    let known: BTreeSet<&str> = files().filter(|&file| file != "multiply_add").collect();
    assert_eq!(chosen, known, "shaders that no case of the table uses");
}
