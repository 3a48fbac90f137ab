//! What moves rows and ranges of tensors, and what works on those that last: the updates, the logs, and the watch over them.

use thalweg::kernel::{
    AdamUpdate, Concat, Gather, GatherGrad, LerpUpdate, Nonfinite, Pad, Record, SgdUpdate, Slice,
};
use thalweg::tensor::Element;

use super::super::draw::{Case, Draw, case};
use super::COUNTS;

pub(in crate::kernels) fn gathers() -> Vec<Case> {
    let mut cases = Vec::new();
    // Rows of the table, rows gathered, columns, length of the index, start.
    const SIZES: [[u32; 5]; 9] = [
        [1, 1, 1, 1, 0],
        [5, 3, 1, 3, 0],
        [5, 4, 3, 9, 5],
        [7, 5, 4, 300, 120],
        [3, 257, 5, 260, 1],
        [1000, 256, 1, 256, 0],
        [40, 33, 17, 40, 7],
        [2, 1, 1001, 2, 1],
        [100, 128, 256, 500, 372],
    ];
    for [table_rows, rows, columns, indices, start] in SIZES {
        for element in [Element::F32, Element::U32, Element::U8] {
            for (batch, first_row) in [(false, 0), (true, 0), (true, 1)] {
                let factor = if batch { 1.0 / 255.0 } else { 1.0 };
                let kernel = Gather {
                    element,
                    first_row,
                    table_rows,
                    rows,
                    columns,
                    indices,
                    start,
                    batch,
                    skip: 0,
                    factor,
                };
                cases.push(case(kernel, Draw::Wide));
            }
        }
        for first_row in [0, 1] {
            let kernel = GatherGrad {
                first_row,
                table_rows,
                rows,
                columns,
            };
            cases.push(case(kernel, Draw::Moderate));
        }
    }
    cases
}

pub(in crate::kernels) fn ranges() -> Vec<Case> {
    let mut cases = Vec::new();
    // Extents around the axis, then the range in it.
    const RANGES: [[u32; 5]; 8] = [
        [1, 1, 1, 0, 1],
        [1, 9, 1, 0, 9],
        [1, 9, 1, 8, 1],
        [3, 5, 7, 1, 3],
        [257, 4, 1, 3, 1],
        [2, 3, 257, 0, 2],
        [40, 50, 6, 13, 30],
        [1, 70_000, 1, 69_000, 1000],
    ];
    for [outer, axis, inner, start, len] in RANGES {
        cases.push(case(
            Slice {
                outer,
                axis,
                inner,
                start,
                len,
            },
            Draw::Wide,
        ));
        cases.push(case(
            Pad {
                outer,
                axis,
                inner,
                start,
                len,
            },
            Draw::Wide,
        ));
        let (axis_a, axis_b) = (len, axis - len + 1);
        cases.push(case(
            Concat {
                outer,
                axis_a,
                axis_b,
                inner,
            },
            Draw::Wide,
        ));
    }
    cases
}

pub(in crate::kernels) fn updates() -> Vec<Case> {
    let mut cases = Vec::new();
    for count in COUNTS {
        for weight_decay in [0.0, 0.01] {
            let sgd = sgd(count, weight_decay, false);
            cases.extend(sgd.map(|kernel| case(kernel, Draw::Moderate)));
            let adam = adam(count, weight_decay, false);
            cases.extend(adam.map(|kernel| case(kernel, Draw::Normal)));
        }
    }
    cases
}

/// Plain, with momentum, and Nesterov's.
pub(super) fn sgd(count: u32, weight_decay: f64, scaled: bool) -> [SgdUpdate; 3] {
    [(0.0, false), (0.9, false), (0.9, true)].map(|(momentum, nesterov)| SgdUpdate {
        factor: 1.0,
        count,
        learning_rate: 0.1,
        momentum,
        nesterov,
        weight_decay,
        scaled,
    })
}

/// Adam and AdamW, early and late.
pub(super) fn adam(count: u32, weight_decay: f64, scaled: bool) -> [AdamUpdate; 4] {
    [
        (false, 1, 1e-8),
        (false, 1000, 1e-3),
        (true, 1, 1e-8),
        (true, 100_000, 1e-8),
    ]
    .map(|(decoupled, step, epsilon)| AdamUpdate {
        factor: 1.0,
        count,
        learning_rate: 0.003,
        beta1: 0.9,
        beta2: 0.999,
        epsilon,
        weight_decay,
        decoupled,
        step,
        scaled,
    })
}

pub(in crate::kernels) fn watch() -> Vec<Case> {
    let mut cases = Vec::new();
    for count in COUNTS {
        cases.extend([0.1, 0.001].map(|t| case(LerpUpdate { count, t }, Draw::Moderate)));
        for offset in [0, 640] {
            cases.push(case(Nonfinite { count, offset }, Draw::Wide));
        }
    }
    for columns in [1, 3, 256, 257] {
        for slot in [0, 3, 4, 5, u32::MAX] {
            cases.push(case(
                Record {
                    slots: 5,
                    columns,
                    slot,
                    first_slot: 0,
                },
                Draw::Wide,
            ));
        }
    }
    cases
}
