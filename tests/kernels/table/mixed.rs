//! Mixed precision: copies in half precision, products of them, the loss scale, and updates by scaled gradients.

use thalweg::kernel::{Narrow, Scaler};
use thalweg::tensor::Element;

use super::super::draw::{Case, Draw, case};
use super::COUNTS;
use super::storage::{adam, sgd};

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
            cases.push(case(kernel, draw));
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
            cases.extend(sgd(count, 0.01, true).map(|kernel| case(kernel, draw)));
            cases.extend(adam(count, 0.01, true).map(|kernel| case(kernel, draw)));
        }
    }
    cases
}

/// Every way of storing the operands, every finish, in sizes around the padding and the tiles.
pub(in crate::kernels) fn half_products() -> Vec<Case> {
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
    super::products(&SHAPES, Element::F16)
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
                cases.push(case(kernel, draw));
            }
        }
    }
    cases
}
