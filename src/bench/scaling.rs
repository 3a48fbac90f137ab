//! How cost grows with the width, the batch, the depth and the rows.

use super::{BenchError, NetworkCase};
use crate::executor::ExecutorError;
use crate::plan::PlanError;
use crate::train::TrainError;

/// One point of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// What grows.
    pub at: usize,
    /// What is trained.
    pub case: NetworkCase,
    /// Rows of the data set, if not one batch.
    pub rows: Option<usize>,
    /// Whether they stream.
    pub streamed: bool,
    /// Units of work in a training step.
    pub work: f64,
    /// Units of what is in memory.
    pub held: f64,
}

/// Points that differ in one thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// What grows.
    pub name: &'static str,
    /// The network, with what grows in it.
    pub network: &'static str,
    /// What a unit of work is.
    pub work: &'static str,
    /// What a unit of memory is for.
    pub held: &'static str,
    /// From small to large.
    pub points: Vec<Point>,
}

/// The five sweeps, each up to at most `largest` of what grows.
pub fn sweeps(largest: usize) -> Vec<Sweep> {
    let case = |widths: Vec<usize>, batch| NetworkCase { widths, batch };
    let powers = |from: u32, to: u32, by: usize| {
        let powers = (from..=to).step_by(by).map(|power| 1_usize << power);
        powers.filter(move |&at| at <= largest)
    };
    let width = powers(6, 12, 1).map(|at| {
        let case = case(vec![256, at, at, 10], 64);
        point(at, case.weights(), case.weights(), case)
    });
    let batch = powers(0, 12, 2).map(|at| {
        let case = case(vec![784, 256, 128, 10], at);
        point(at, at as u64, at as u64, case)
    });
    let depth = powers(0, 5, 1).map(|at| {
        let mut widths = vec![256; at + 1];
        widths.push(10);
        point(at, at as u64, at as u64, case(widths, 64))
    });
    let rows = powers(10, 22, 4).map(|at| Point {
        rows: Some(at),
        ..point(at, 256, at as u64, case(vec![4, 64, 2], 256))
    });
    let streamed = powers(14, 22, 4).map(|at| Point {
        rows: Some(at),
        streamed: true,
        ..point(at, 256, at as u64, case(vec![4, 64, 2], 256))
    });
    vec![
        Sweep {
            name: "width",
            network: "256-W-W-10 batch 64",
            work: "weight",
            held: "weight",
            points: width.collect(),
        },
        Sweep {
            name: "batch",
            network: "784-256-128-10 batch B",
            work: "row",
            held: "row",
            points: batch.collect(),
        },
        Sweep {
            name: "depth",
            network: "256-256xD-10 batch 64",
            work: "hidden layer",
            held: "hidden layer",
            points: depth.collect(),
        },
        Sweep {
            name: "rows",
            network: "4-64-2 batch 256, of N rows",
            work: "row trained",
            held: "row held",
            points: rows.collect(),
        },
        Sweep {
            name: "streamed rows",
            network: "4-64-2 batch 256, of N rows that stream",
            work: "row trained",
            held: "row",
            points: streamed.collect(),
        },
    ]
}

fn point(at: usize, work: u64, held: u64, case: NetworkCase) -> Point {
    Point {
        at,
        case,
        rows: None,
        streamed: false,
        work: work as f64,
        held: held as f64,
    }
}

impl BenchError {
    /// Whether the device is only too small for it, and what to say then.
    pub fn too_large(&self) -> Option<String> {
        let too_large = match self {
            Self::Plan(e) | Self::Train(TrainError::Plan(e)) => {
                matches!(e, PlanError::TooLarge { .. } | PlanError::TooLong { .. })
            }
            Self::Executor(e) | Self::Train(TrainError::Executor(e)) => {
                matches!(e, ExecutorError::OutOfMemory { .. })
            }
            _ => false,
        };
        too_large.then(|| self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_grow_in_one_thing() {
        let sweeps = sweeps(usize::MAX);
        let ends: Vec<_> = sweeps
            .iter()
            .map(|s| (s.name, s.points[0].at, s.points[s.points.len() - 1].at))
            .collect();
        assert_eq!(
            ends,
            [
                ("width", 64, 4096),
                ("batch", 1, 4096),
                ("depth", 1, 32),
                ("rows", 1024, 1 << 22),
                ("streamed rows", 1 << 14, 1 << 22)
            ]
        );
        let deep = &sweeps[2].points[5].case;
        assert_eq!(deep.to_string(), "256x33-10 batch 64", "32 hidden layers");
    }

    #[test]
    fn sweeps_can_be_cut_short() {
        assert!(
            sweeps(100)
                .iter()
                .flat_map(|s| &s.points)
                .all(|p| p.at <= 100)
        );
    }
}
