//! Every op, at every operand that has a gradient.

use thalweg::graph::ops::{ActivationFunction, DropoutKey};
use thalweg::graph::{Graph, GraphError, TensorId};
use thalweg::random::stream;

use super::check;

#[test]
fn matmul() {
    let (g, m, n, k) = (3, 2, 4, 3);
    for (transpose_a, transpose_b) in [(false, false), (false, true), (true, false), (true, true)] {
        let a = if transpose_a { [k, m] } else { [m, k] };
        let b = if transpose_b { [n, k] } else { [k, n] };
        let what = format!("matmul {transpose_a} {transpose_b}");
        check(&what, &[&a, &b], &[], |graph, x, _| {
            graph.matmul_transposed(x[0], x[1], transpose_a, transpose_b)
        });
        let (a, b) = ([g, a[0], a[1]], [g, b[0], b[1]]);
        check(
            &format!("{what} in groups"),
            &[&a, &b],
            &[],
            |graph, x, _| graph.matmul_transposed(x[0], x[1], transpose_a, transpose_b),
        );
    }
    check("x xᵀ", &[&[3, 2]], &[], |graph, x, _| {
        graph.matmul_transposed(x[0], x[0], false, true)
    });
}

#[test]
fn bias_add() {
    check("bias_add", &[&[4, 3], &[3]], &[], |graph, x, _| {
        graph.bias_add(x[0], x[1])
    });
    check(
        "bias_add in groups",
        &[&[2, 4, 3], &[2, 3]],
        &[],
        |graph, x, _| graph.bias_add(x[0], x[1]),
    );
}

#[test]
fn two_operands() {
    let shapes: [&[usize]; 2] = [&[2, 3], &[2, 3]];
    check("add", &shapes, &[], |graph, x, _| graph.add(x[0], x[1]));
    check("sub", &shapes, &[], |graph, x, _| graph.sub(x[0], x[1]));
    check("mul", &shapes, &[], |graph, x, _| graph.mul(x[0], x[1]));
    check("squared_error", &shapes, &[], |graph, x, _| {
        graph.squared_error(x[0], x[1])
    });
    check("sigmoid_cross_entropy", &shapes, &[], |graph, x, _| {
        graph.sigmoid_cross_entropy(x[0], x[1])
    });
}

#[test]
fn with_constants() {
    check("3 x", &[&[2, 3]], &[], |graph, x, _| {
        let three = graph.constant([2, 3], 3.0);
        graph.mul(three, x[0])
    });
    check("3 - x - (x + 3)", &[&[2, 3]], &[], |graph, x, _| {
        let three = graph.constant([2, 3], 3.0);
        let a = graph.sub(three, x[0])?;
        let b = graph.add(x[0], three)?;
        graph.sub(a, b)
    });
    check("x times ones", &[&[2, 3]], &[], |graph, x, _| {
        let ones = graph.constant([3, 4], 1.0);
        graph.matmul(x[0], ones)
    });
    check("against a constant target", &[&[4]], &[], |graph, x, _| {
        let half = graph.constant([4], 0.5);
        graph.sigmoid_cross_entropy(x[0], half)
    });
    check("a constant, joined", &[&[2, 2]], &[], |graph, x, _| {
        let zeros = graph.constant([2, 1], 0.0);
        let joined = graph.concat(zeros, x[0], 1)?;
        graph.activation(joined, ActivationFunction::Tanh)
    });
}

#[test]
fn activations() {
    use ActivationFunction as F;
    let functions = [
        F::Identity,
        F::Sigmoid,
        F::Tanh,
        F::Relu,
        F::LeakyRelu(0.2),
        F::Elu(0.7),
        F::Gelu,
        F::GeluTanh,
        F::Silu,
        F::Softplus,
        F::Softmax,
        F::LogSoftmax,
    ];
    for function in functions {
        // Compiles only while all functions are in the list.
        match function {
            F::Identity | F::Sigmoid | F::Tanh | F::Relu | F::LeakyRelu(_) | F::Elu(_) => {}
            F::Gelu | F::GeluTanh | F::Silu | F::Softplus | F::Softmax | F::LogSoftmax => {}
        }
        check(&format!("{function}"), &[&[4, 5]], &[], |graph, x, _| {
            graph.activation(x[0], function)
        });
    }
    check("softmax of a vector", &[&[5]], &[], |graph, x, _| {
        graph.softmax(x[0])
    });
    check("softmax in groups", &[&[2, 3, 4]], &[], |graph, x, _| {
        graph.softmax(x[0])
    });
}

#[test]
fn losses_of_classes() {
    let labels: &[&[u32]] = &[&[0, 2, 1, 2, 3]];
    check("hinge", &[&[5, 3]], labels, |graph, x, i| {
        graph.hinge(x[0], i[0])
    });
    check(
        "negative_log_likelihood",
        &[&[5, 3]],
        labels,
        |graph, x, i| graph.negative_log_likelihood(x[0], i[0]),
    );
    for smoothing in [0.0, 0.2, 1.0] {
        check(
            "smoothed_cross_entropy",
            &[&[5, 3]],
            labels,
            |graph, x, i| {
                let ones = graph.constant([3], 1.5);
                graph.smoothed_cross_entropy(x[0], i[0], ones, smoothing)
            },
        );
    }
}

#[test]
fn losses_of_numbers() {
    type Build = fn(&mut Graph, TensorId, TensorId) -> Result<TensorId, GraphError>;
    let table: [(&str, Build); 5] = [
        ("absolute_error", |g, x, t| g.absolute_error(x, t)),
        ("huber", |g, x, t| g.huber(x, t, 0.7)),
        ("smooth_l1", |g, x, t| g.smooth_l1(x, t, 0.6)),
        ("smooth_l1 of 0", |g, x, t| g.smooth_l1(x, t, 0.0)),
        // Of probabilities above 0: squares.
        ("divergence", |g, x, t| {
            let t = g.mul(t, t)?;
            g.divergence(x, t)
        }),
    ];
    for (name, build) in table {
        check(name, &[&[4, 3], &[4, 3]], &[], |graph, x, _| {
            build(graph, x[0], x[1])
        });
    }
}

/// Weights are given, and have no gradient; what they weigh has.
#[test]
fn shares() {
    check("shares", &[&[5, 3]], &[], |graph, x, _| {
        let weights = graph.constant([5], 0.75);
        let total = graph.sum(weights)?;
        let shares = graph.share(weights, total)?;
        let shares = graph.broadcast(shares, 1, 3)?;
        graph.mul(x[0], shares)
    });
}

#[test]
fn dropout() {
    let key = DropoutKey {
        seed: 5,
        stream: stream::DROPOUT | 1,
    };
    for p in [0.0, 0.3, 0.9] {
        check("dropout", &[&[5, 8]], &[], |graph, x, _| {
            let y = graph.activation(x[0], ActivationFunction::Tanh)?;
            graph.dropout(y, p, key)
        });
    }
}

#[test]
fn softmax_cross_entropy() {
    check(
        "softmax_cross_entropy",
        &[&[5, 3]],
        &[&[0, 2, 1, 2, 0]],
        |graph, x, i| graph.softmax_cross_entropy(x[0], i[0]),
    );
    // A row of no class has no gradient.
    check(
        "a row of no class",
        &[&[2, 3]],
        &[&[1, 3]],
        |graph, x, i| graph.softmax_cross_entropy(x[0], i[0]),
    );
}

#[test]
fn sums_and_means() {
    check("sum", &[&[2, 3, 4]], &[], |graph, x, _| graph.sum(x[0]));
    check("mean", &[&[2, 3, 4]], &[], |graph, x, _| graph.mean(x[0]));
    for axis in 0..3 {
        check("sum_axis", &[&[2, 3, 4]], &[], |graph, x, _| {
            graph.sum_axis(x[0], axis)
        });
        check("mean_axis", &[&[2, 3, 4]], &[], |graph, x, _| {
            graph.mean_axis(x[0], axis)
        });
        // The gradient that arrives at the sum is no constant here.
        check("a sum, squared", &[&[2, 3, 4]], &[], |graph, x, _| {
            let sum = graph.mean_axis(x[0], axis)?;
            graph.mul(sum, sum)
        });
    }
}

#[test]
fn broadcasts() {
    for axis in 0..3 {
        check("broadcast", &[&[2, 3]], &[], |graph, x, _| {
            let y = graph.broadcast(x[0], axis, 4)?;
            graph.mul(y, y)
        });
    }
    check("broadcast of a scalar", &[&[]], &[], |graph, x, _| {
        graph.broadcast(x[0], 0, 5)
    });
}

#[test]
fn scale_and_reshape() {
    check("scale", &[&[2, 3]], &[], |graph, x, _| {
        graph.scale(x[0], -2.5)
    });
    check("reshape", &[&[2, 6]], &[], |graph, x, _| {
        let y = graph.reshape(x[0], [3, 4])?;
        graph.matmul_transposed(y, y, false, true)
    });
    check(
        "a view of a view, and what it views",
        &[&[2, 6]],
        &[],
        |graph, x, _| {
            let tall = graph.reshape(x[0], [6, 2])?;
            let flat = graph.reshape(tall, [12])?;
            let again = graph.reshape(x[0], [12])?;
            graph.mul(flat, again)
        },
    );
}

#[test]
fn ranges() {
    for axis in 0..3 {
        check("slice", &[&[3, 4, 5]], &[], |graph, x, _| {
            let y = graph.slice(x[0], axis, 1, 2)?;
            graph.mul(y, y)
        });
        check("pad", &[&[3, 4, 5]], &[], |graph, x, _| {
            let y = graph.pad(x[0], axis, 2, 9)?;
            graph.mul(y, y)
        });
        let mut other = [3, 4, 5];
        other[axis] = 2;
        check("concat", &[&[3, 4, 5], &other], &[], |graph, x, _| {
            let y = graph.concat(x[0], x[1], axis)?;
            graph.mul(y, y)
        });
        check("concat with itself", &[&[3, 4, 5]], &[], |graph, x, _| {
            graph.concat(x[0], x[0], axis)
        });
    }
    check("slices that overlap", &[&[6]], &[], |graph, x, _| {
        let a = graph.slice(x[0], 0, 0, 4)?;
        let b = graph.slice(x[0], 0, 2, 4)?;
        graph.mul(a, b)
    });
}

#[test]
fn gather() {
    // Row 3 twice, row 1 never.
    check(
        "gather",
        &[&[5, 3]],
        &[&[3, 0, 4, 3, 2, 0, 3]],
        |graph, x, i| {
            let y = graph.gather(x[0], i[0])?;
            graph.mul(y, y)
        },
    );
    check(
        "gather beyond the table",
        &[&[2, 3]],
        &[&[1, 2]],
        |graph, x, i| graph.gather(x[0], i[0]),
    );
}

#[test]
fn tensors_used_more_than_once() {
    check("x²", &[&[2, 3]], &[], |graph, x, _| graph.mul(x[0], x[0]));
    check("x - x", &[&[2, 3]], &[], |graph, x, _| {
        graph.sub(x[0], x[0])
    });
    check(
        "x + x³ by a hidden tensor used twice",
        &[&[2, 3]],
        &[],
        |graph, x, _| {
            let square = graph.mul(x[0], x[0])?;
            let cube = graph.mul(square, x[0])?;
            let fourth = graph.mul(square, square)?;
            let sum = graph.add(cube, fourth)?;
            graph.add(sum, x[0])
        },
    );
    check(
        "one weight in two layers",
        &[&[4, 3], &[3, 3]],
        &[],
        |graph, x, _| {
            let y = graph.matmul(x[0], x[1])?;
            let y = graph.activation(y, ActivationFunction::Tanh)?;
            let y = graph.matmul_transposed(y, x[1], false, true)?;
            graph.activation(y, ActivationFunction::Silu)
        },
    );
}

/// A gated cell over three steps: products, sums, ranges and joined inputs, with shared weights.
#[test]
fn a_recurrent_cell() {
    check(
        "a recurrent cell",
        &[&[2, 3, 4], &[6, 7], &[6]],
        &[],
        |graph, x, _| {
            let mut hidden = graph.constant([2, 3], 0.0);
            for step in 0..3 {
                let input = graph.slice(x[0], 1, step, 1)?;
                let input = graph.reshape(input, [2, 4])?;
                let joined = graph.concat(input, hidden, 1)?;
                let gates = graph.matmul_transposed(joined, x[1], false, true)?;
                let gates = graph.bias_add(gates, x[2])?;
                let gate = graph.slice(gates, 1, 0, 3)?;
                let gate = graph.activation(gate, ActivationFunction::Sigmoid)?;
                let next = graph.slice(gates, 1, 3, 3)?;
                let next = graph.activation(next, ActivationFunction::Tanh)?;
                let change = graph.sub(next, hidden)?;
                let change = graph.mul(gate, change)?;
                hidden = graph.add(hidden, change)?;
            }
            Ok(hidden)
        },
    );
}
