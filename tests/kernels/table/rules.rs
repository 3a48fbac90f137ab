//! The updates beside SGD and Adam: with weight decay and without, early and late, by gradients that are scaled or not.

use thalweg::kernel::{
    Accumulate, Adadelta, Adagrad, Adamax, Betas, ClipNorm, ClipValue, Kernel, L1Gradient, Lion,
    MaxNormUpdate, Nadam, Radam, Rmsprop, Rule, RuleUpdate, SquareSum,
};

use super::super::draw::{Case, Draw, case};
use super::COUNTS;

pub(in crate::kernels) fn rules() -> Vec<Case> {
    let mut cases = limits();
    for count in COUNTS {
        for weight_decay in [0.0, 0.01] {
            let kernels = all(count, weight_decay, false);
            cases.extend(kernels.into_iter().map(|k| case(k, Draw::Normal)));
        }
        for good in [true, false] {
            let draw = Draw::Step {
                good,
                row: 5,
                updates: 3,
                exponent: 9,
            };
            let kernels = all(count, 0.01, true);
            cases.extend(kernels.into_iter().map(|k| case(k, draw)));
        }
    }
    cases
}

/// Penalties, and limits of gradients and of the rows of weights.
fn limits() -> Vec<Case> {
    let mut cases = Vec::new();
    for [rows, columns] in [[1, 1], [1, 255], [257, 64], [3, 4099], [1100, 64], [70, 31]] {
        cases.push(case(SquareSum { rows, columns }, Draw::Moderate));
        for limit in [0.5, 100.0] {
            let kernel = MaxNormUpdate {
                rows,
                columns,
                limit,
            };
            cases.push(case(kernel, Draw::Normal));
        }
    }
    let step = |good| Draw::Step {
        good,
        row: 5,
        updates: 3,
        exponent: 9,
    };
    for count in COUNTS {
        cases.extend([1.0, 0.03].map(|factor| case(Accumulate { count, factor }, Draw::Moderate)));
        for (scaled, draw) in [
            (false, Draw::Normal),
            (true, step(true)),
            (true, step(false)),
        ] {
            cases.push(case(
                L1Gradient {
                    count,
                    l1: 0.01,
                    scaled,
                },
                draw,
            ));
            for limit in [0.003, 0.5, 2.0] {
                cases.push(case(
                    ClipNorm {
                        count,
                        limit,
                        scaled,
                    },
                    draw,
                ));
                cases.push(case(
                    ClipValue {
                        count,
                        limit,
                        scaled,
                    },
                    draw,
                ));
            }
        }
    }
    cases
}

/// Every rule that suits the gradient, in all its forms.
fn all(count: u32, weight_decay: f64, scaled: bool) -> Vec<Kernel> {
    let moments = Betas {
        weight_decay,
        ..Betas::default()
    };
    let mut kernels = Vec::new();
    for (centered, momentum) in [(false, 0.0), (false, 0.9), (true, 0.0), (true, 0.9)] {
        let rule = Rmsprop {
            alpha: 0.9,
            epsilon: 0.01,
            momentum,
            centered,
            weight_decay,
        };
        kernels.push(kernel(rule, count, 1, scaled));
    }
    let adagrad = |decay| Adagrad {
        decay: if scaled { 0.0 } else { decay },
        weight_decay,
        ..Adagrad::default()
    };
    let adadelta = Adadelta {
        weight_decay,
        ..Adadelta::default()
    };
    let lion = Lion {
        weight_decay,
        ..Lion::default()
    };
    kernels.extend([
        kernel(adagrad(0.0), count, 1, scaled),
        kernel(adagrad(0.1), count, 7, scaled),
        kernel(adadelta, count, 1, scaled),
        kernel(Adamax { moments }, count, 1, scaled),
        kernel(Adamax { moments }, count, 1000, scaled),
        kernel(lion, count, 1, scaled),
    ]);
    if !scaled {
        for step in [1, 5, 100_000] {
            let momentum_decay = 0.004;
            let nadam = Nadam {
                moments,
                momentum_decay,
            };
            kernels.push(kernel(nadam, count, step, false));
            // From the sixth update on it is rectified.
            kernels.push(kernel(Radam { moments }, count, step, false));
        }
    }
    kernels
}

fn kernel<R: Rule>(rule: R, count: u32, step: u32, scaled: bool) -> Kernel
where
    Kernel: From<RuleUpdate<R>>,
{
    let (learning_rate, factor) = (0.003, 1.0);
    RuleUpdate {
        count,
        learning_rate,
        factor,
        step,
        rule,
        scaled,
    }
    .into()
}
