//! Mixed precision: copies in half precision, products of them, the loss scale, and updates by scaled gradients.

use thalweg::kernel::{
    ActivationKind, AdamUpdate, Finish, Function, Kernel, Matmul, Narrow, Scaler, SgdUpdate,
};
use thalweg::tensor::Element;

use super::super::draw::{Case, Draw, case};
use super::COUNTS;

/// Groups, rows and columns, around the padding.
const MATRICES: [[u32; 3]; 9] = [
    [1, 1, 1],
    [1, 15, 17],
    [1, 16, 16],
    [1, 17, 15],
    [1, 1, 200],
    [1, 200, 1],
    [3, 18, 33],
    [2, 32, 48],
    [1, 257, 300],
];

pub(in crate::kernels) fn mixed() -> Vec<Case> {
    let mut cases = half_products();
    for [groups, rows, columns] in MATRICES {
        for draw in [Draw::Normal, Draw::Wide, Draw::Half] {
            let kernel = Narrow {
                groups,
                rows,
                columns,
            };
            cases.push(case(kernel.into(), draw));
        }
    }
    cases.extend(scalers());
    for count in COUNTS {
        for good in [true, false] {
            let draw = Draw::Step {
                good,
                row: 5,
                updates: 3,
                exponent: 9,
            };
            cases.extend(updates(count).map(|kernel| case(kernel, draw)));
        }
    }
    cases
}

/// Every way of storing the operands, every finish, in sizes around the padding and the tiles.
fn half_products() -> Vec<Case> {
    const SHAPES: [[u32; 4]; 13] = [
        [1, 1, 1, 1],
        [1, 15, 17, 16],
        [1, 16, 16, 16],
        [1, 17, 15, 33],
        [1, 33, 31, 65],
        [1, 64, 64, 64],
        [1, 65, 68, 17],
        [1, 131, 132, 35],
        [1, 1, 200, 50],
        [1, 200, 1, 50],
        [1, 5, 4, 5000],
        [1, 128, 10, 128],
        [3, 18, 20, 34],
    ];
    let relu = Function {
        kind: ActivationKind::Relu,
        alpha: 0.0,
    };
    let fused = [
        (Finish::None, true),
        (Finish::Bias(Function::IDENTITY), false),
        (Finish::Bias(relu), true),
        (Finish::Gradient(relu), false),
    ];
    let stored = [(false, false), (false, true), (true, false), (true, true)];
    let mut cases = Vec::new();
    for (i, [groups, m, n, k]) in SHAPES.into_iter().enumerate() {
        for (j, (transpose_a, transpose_b)) in stored.into_iter().enumerate() {
            for (finish, row_sums) in [(Finish::None, false), fused[(i + j) % 4]] {
                let kernel = Matmul {
                    groups,
                    m,
                    n,
                    k,
                    transpose_a,
                    transpose_b,
                    finish,
                    row_sums,
                    operands: Element::F16,
                };
                cases.push(case(kernel.into(), Draw::Normal));
            }
        }
    }
    cases
}

/// Good and bad steps: in the middle of a row, at its end, at the largest scale, at the first and the millionth update.
fn scalers() -> Vec<Case> {
    let mut cases = Vec::new();
    for (row, updates, exponent) in [
        (0, 0, 16),
        (1999, 1999, 16),
        (1998, 12_345, 126),
        (1999, 1_000_000, 126),
        (7, 16_777_216, -20),
    ] {
        for (beta1, beta2) in [(0.9, 0.999), (0.0, 0.0), (0.5, 0.999_999)] {
            for good in [true, false] {
                let kernel = Scaler {
                    growth: 2.0,
                    backoff: 0.5,
                    interval: 2000,
                    beta1,
                    beta2,
                };
                let draw = Draw::Step {
                    good,
                    row,
                    updates,
                    exponent,
                };
                cases.push(case(kernel.into(), draw));
            }
        }
    }
    cases
}

fn updates(count: u32) -> [Kernel; 5] {
    let (learning_rate, weight_decay, scaled) = (0.1, 0.01, true);
    let sgd = |momentum, nesterov| {
        Kernel::from(SgdUpdate {
            count,
            learning_rate,
            momentum,
            nesterov,
            weight_decay,
            scaled,
        })
    };
    let adam = |decoupled| {
        Kernel::from(AdamUpdate {
            count,
            learning_rate,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-3,
            weight_decay,
            decoupled,
            step: 1,
            scaled,
        })
    };
    [
        sgd(0.0, false),
        sgd(0.9, false),
        sgd(0.9, true),
        adam(false),
        adam(true),
    ]
}
