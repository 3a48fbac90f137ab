//! Normalisation, the largest of pieces, and noise.

use thalweg::kernel::{
    BatchNormGrad, LayerNormGrad, MaxPieces, MaxPiecesGrad, Moments, Noise, Normalize,
    NormalizeSums, RunningMoments,
};
use thalweg::random::stream;

use super::super::draw::{Case, Draw, case};
use super::COUNTS;

/// Rows and columns: around the 8 and 32 invocations that share a group, several workgroups of groups, and long groups.
const SHAPES: [[u32; 2]; 14] = [
    [1, 1],
    [2, 7],
    [3, 9],
    [7, 8],
    [8, 31],
    [9, 33],
    [31, 65],
    [33, 64],
    [64, 100],
    [257, 130],
    [5, 2000],
    [1025, 12],
    [4099, 3],
    [300, 257],
];

pub(in super::super) fn layers() -> Vec<Case> {
    let mut cases = Vec::new();
    for (at, [rows, columns]) in SHAPES.into_iter().enumerate() {
        let epsilon = [1e-5, 1e-3, 0.5][at % 3];
        for by_row in [false, true] {
            for draw in [Draw::Normal, Draw::Moderate] {
                let moments = Moments {
                    rows,
                    columns,
                    by_row,
                };
                cases.push(case(moments, draw));
            }
            let normalize = Normalize {
                rows,
                columns,
                by_row,
                epsilon,
            };
            let sums = NormalizeSums {
                rows,
                columns,
                by_row,
                epsilon,
            };
            cases.extend([case(normalize, Draw::Normal), case(sums, Draw::Normal)]);
        }
        for factor in [1.0 / f64::from(rows), 0.0] {
            let gradient = BatchNormGrad {
                rows,
                columns,
                epsilon,
                factor,
            };
            cases.push(case(gradient, Draw::Normal));
        }
        let gradient = LayerNormGrad {
            rows,
            columns,
            epsilon,
        };
        cases.push(case(gradient, Draw::Normal));
    }
    for columns in COUNTS {
        for (momentum, correction) in [(0.1, 16.0 / 15.0), (1.0, 2.0), (0.0, 1.0)] {
            let running = RunningMoments {
                columns,
                momentum,
                correction,
            };
            cases.push(case(running, Draw::Normal));
        }
    }
    cases.extend(pieces());
    cases.extend(noise());
    cases
}

fn pieces() -> impl Iterator<Item = Case> {
    COUNTS.into_iter().flat_map(|count| {
        // Logits come in runs of equal ones.
        [
            (1, Draw::Wide),
            (2, Draw::Normal),
            (3, Draw::Logits),
            (17, Draw::Logits),
        ]
        .into_iter()
        .flat_map(move |(pieces, draw)| {
            [
                case(MaxPieces { count, pieces }, draw),
                case(MaxPiecesGrad { count, pieces }, draw),
            ]
        })
    })
}

fn noise() -> impl Iterator<Item = Case> {
    COUNTS.into_iter().flat_map(|count| {
        [
            (0.1, 3, 1, 0),
            (30.0, u64::MAX, 7, 1 << 20),
            (1.0, 1 << 40, 100_000, 64),
        ]
        .map(|(deviation, seed, step, offset)| {
            let kernel = Noise {
                count,
                offset,
                deviation,
                seed,
                stream: stream::NOISE | 2,
                step,
            };
            case(kernel, Draw::Normal)
        })
    })
}
