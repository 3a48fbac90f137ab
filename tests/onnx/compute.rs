//! ONNX's operators in f64, by the formulas of their specification (<https://onnx.ai/onnx/operators/>).

use std::collections::BTreeMap;

use super::reader::{Model, Node, Tensor};

/// The model's answers for rows `[rows, features]`.
pub(super) fn compute(model: &Model, x: &Tensor) -> Tensor {
    let mut known: BTreeMap<String, Tensor> = model.tensors.clone();
    known.insert(model.input.0.clone(), x.clone());
    for node in &model.nodes {
        let inputs: Vec<&Tensor> = node.inputs.iter().map(|name| &known[name]).collect();
        let made = apply(node, &inputs);
        let before = known.insert(node.output.clone(), made);
        assert!(before.is_none(), "two results are called {}", node.output);
    }
    known.remove(&model.output.0).expect("the output is made")
}

fn apply(node: &Node, inputs: &[&Tensor]) -> Tensor {
    let number = |name: &str| node.attributes[name][0];
    let each = |f: &dyn Fn(f64) -> f64| Tensor {
        shape: inputs[0].shape.clone(),
        values: inputs[0].values.iter().map(|&x| f(x)).collect(),
    };
    match node.op.as_str() {
        "Add" => both(inputs, |a, b| a + b),
        "Sub" => both(inputs, |a, b| a - b),
        "Mul" => both(inputs, |a, b| a * b),
        "Div" => both(inputs, |a, b| a / b),
        "Sigmoid" => each(&|x| 1.0 / (1.0 + (-x).exp())),
        "Tanh" => each(&f64::tanh),
        "Relu" => each(&|x| x.max(0.0)),
        "LeakyRelu" => each(&|x| if x < 0.0 { number("alpha") * x } else { x }),
        "Elu" => each(&|x| {
            if x < 0.0 {
                number("alpha") * x.exp_m1()
            } else {
                x
            }
        }),
        "Softplus" => each(&|x| x.exp().ln_1p()),
        "Erf" => each(&libm::erf),
        "Softmax" => rows(inputs[0], &|row| softmax(row)),
        "LogSoftmax" => rows(inputs[0], &|row| {
            softmax(row).iter().map(|p| p.ln()).collect()
        }),
        "IsNaN" => each(&|x| f64::from(u8::from(x.is_nan()))),
        "Where" => {
            let fill = &inputs[1].values;
            let chosen = |(i, &x): (usize, &f64)| {
                if inputs[0].values[i] == 1.0 {
                    fill[i % fill.len()]
                } else {
                    x
                }
            };
            Tensor {
                shape: inputs[2].shape.clone(),
                values: inputs[2].values.iter().enumerate().map(chosen).collect(),
            }
        }
        "Gemm" => gemm(node, inputs),
        "BatchNormalization" => {
            let [x, scale, b, mean, var] = inputs else {
                panic!("five inputs")
            };
            let columns = scale.values.len();
            let value = |(i, x): (usize, &f64)| {
                let c = i % columns;
                let deviation = (var.values[c] + number("epsilon")).sqrt();
                (x - mean.values[c]) / deviation * scale.values[c] + b.values[c]
            };
            Tensor {
                shape: x.shape.clone(),
                values: x.values.iter().enumerate().map(value).collect(),
            }
        }
        "LayerNormalization" => {
            assert_eq!(number("axis"), -1.0, "rows are normalised");
            rows(inputs[0], &|row| {
                let n = row.len() as f64;
                let mean = row.iter().sum::<f64>() / n;
                let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
                let deviation = (variance + number("epsilon")).sqrt();
                let value = |(c, x): (usize, &f64)| {
                    (x - mean) / deviation * inputs[1].values[c] + inputs[2].values[c]
                };
                row.iter().enumerate().map(value).collect()
            })
        }
        "Reshape" => {
            let wanted = inputs[1].values.iter().zip(&inputs[0].shape);
            let mut shape: Vec<usize> = wanted
                .map(|(&s, &own)| if s == 0.0 { own } else { extent(s) })
                .collect();
            shape.extend(inputs[1].values[shape.len()..].iter().map(|&s| extent(s)));
            let count = shape.iter().product::<usize>();
            assert_eq!(count, inputs[0].values.len(), "as many elements");
            Tensor {
                shape,
                values: inputs[0].values.clone(),
            }
        }
        "ReduceMax" => {
            let over = (number("axes"), number("keepdims"));
            assert_eq!(over, (2.0, 0.0), "the pieces are the last axis");
            let [rows, columns, pieces] = inputs[0].shape[..] else {
                panic!("three axes")
            };
            let largest = |piece: &[f64]| piece.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            Tensor {
                shape: vec![rows, columns],
                values: inputs[0].values.chunks(pieces).map(largest).collect(),
            }
        }
        op => panic!("the operator {op} is not expected"),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "held to be a whole number"
)]
fn extent(number: f64) -> usize {
    let extent = number as usize;
    assert_eq!(extent as f64, number, "an extent");
    extent
}

/// Both the same size, or the second one number, or one a column.
fn both(inputs: &[&Tensor], f: impl Fn(f64, f64) -> f64) -> Tensor {
    let (a, b) = (inputs[0], inputs[1]);
    let columns = b.values.len();
    let fits = b.shape.is_empty() || columns == 1 || a.shape.ends_with(&b.shape);
    assert!(fits, "{:?} with {:?}", a.shape, b.shape);
    let values = a.values.iter().enumerate();
    Tensor {
        shape: a.shape.clone(),
        values: values.map(|(i, &a)| f(a, b.values[i % columns])).collect(),
    }
}

fn rows(x: &Tensor, f: &dyn Fn(&[f64]) -> Vec<f64>) -> Tensor {
    Tensor {
        shape: x.shape.clone(),
        values: x.values.chunks(x.shape[1]).flat_map(f).collect(),
    }
}

fn softmax(row: &[f64]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = row.iter().map(|x| (x - largest).exp()).sum();
    row.iter().map(|x| (x - largest).exp() / sum).collect()
}

fn gemm(node: &Node, inputs: &[&Tensor]) -> Tensor {
    assert_eq!(node.attributes["transB"], [1.0], "w is [outputs, inputs]");
    let (x, w) = (inputs[0], inputs[1]);
    let (columns, outputs) = (w.shape[1], w.shape[0]);
    assert_eq!(x.shape[1], columns, "columns of x and of w");
    let mut values = Vec::new();
    for row in x.values.chunks(columns) {
        for (unit, w) in w.values.chunks(columns).enumerate() {
            let sum: f64 = row.iter().zip(w).map(|(x, w)| x * w).sum();
            values.push(sum + inputs.get(2).map_or(0.0, |b| b.values[unit]));
        }
    }
    Tensor {
        shape: vec![x.shape[0], outputs],
        values,
    }
}
