//! The messages of an ONNX model. The numbers of the fields are those of `onnx.proto3`
//! (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3>).

use serde_json::Value;

use super::OPSET;
use crate::export::protobuf::Message;

/// The version of the format that came with [`OPSET`].
const IR_VERSION: i64 = 8;
/// `TensorProto.DataType`.
const FLOAT: i64 = 1;
const INT64: i64 = 7;

/// An attribute of a node.
pub(super) enum Attribute {
    Float(&'static str, f64),
    Int(&'static str, i64),
    Ints(&'static str, Vec<i64>),
}

/// An operation and the tensor it makes.
struct Node {
    op: &'static str,
    inputs: Vec<String>,
    output: String,
    attributes: Vec<Attribute>,
}

/// A graph on its way: nodes, and the tensors that are given.
#[derive(Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    tensors: Message,
}

/// What a model says of itself: of its input and output the name, the columns and what they are, and all else as JSON.
pub(super) struct Words {
    pub(super) inputs: (&'static str, usize, String),
    pub(super) outputs: (&'static str, usize, String),
    pub(super) about: Vec<(&'static str, Value)>,
}

impl Graph {
    /// Adds an operation, and gives the name of its result.
    pub(super) fn node(
        &mut self,
        op: &'static str,
        inputs: &[&str],
        attributes: Vec<Attribute>,
    ) -> String {
        let output = format!("{}.{}", op.to_lowercase(), self.nodes.len());
        self.nodes.push(Node {
            op,
            inputs: inputs.iter().map(|&name| name.to_owned()).collect(),
            output: output.clone(),
            attributes,
        });
        output
    }

    /// Gives the last result its own name. Nothing but its node knows the other.
    pub(super) fn finish(&mut self, result: &str, name: &str) {
        let last = self.nodes.last_mut().filter(|node| node.output == result);
        let last = last.expect("a network has parameters, so the last node makes the result");
        name.clone_into(&mut last.output);
    }

    /// Adds numbers of a shape.
    pub(super) fn tensor(&mut self, name: &str, dims: &[usize], values: &[f32]) {
        let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        let dims: Vec<_> = dims.iter().map(|&size| int(size)).collect();
        self.raw(name, &dims, FLOAT, &bytes);
    }

    /// Adds a list of numbers, and gives its name.
    pub(super) fn numbers(&mut self, name: &str, values: &[f64]) -> String {
        let values: Vec<f32> = values.iter().map(|&x| narrow(x)).collect();
        self.tensor(name, &[values.len()], &values);
        name.to_owned()
    }

    /// Adds one number, and gives its name.
    pub(super) fn number(&mut self, value: f64) -> String {
        let name = format!("{}.constant.{value:?}", self.nodes.len());
        self.tensor(&name, &[], &[narrow(value)]);
        name
    }

    /// Adds a shape, and gives its name.
    pub(super) fn shape(&mut self, sizes: &[usize]) -> String {
        let name = format!("{}.shape", self.nodes.len());
        let bytes: Vec<u8> = sizes.iter().flat_map(|&s| int(s).to_le_bytes()).collect();
        self.raw(&name, &[int(sizes.len())], INT64, &bytes);
        name
    }

    /// `GraphProto.initializer` = 5, of `TensorProto`: `dims` = 1, `data_type` = 2, `name` = 8, `raw_data` = 9.
    fn raw(&mut self, name: &str, dims: &[i64], data_type: i64, bytes: &[u8]) {
        self.tensors.message(5, |tensor| {
            dims.iter().for_each(|&size| tensor.int(1, size));
            tensor.int(2, data_type);
            tensor.text(8, name);
            tensor.bytes(9, bytes);
        });
    }

    /// `ModelProto`.
    pub(super) fn model(self, words: &Words) -> Vec<u8> {
        let mut model = Message::new();
        model.int(1, IR_VERSION);
        model.text(2, "thalweg");
        model.text(3, env!("CARGO_PKG_VERSION"));
        let (x, _, what) = &words.inputs;
        let (y, _, answers) = &words.outputs;
        model.text(6, &format!("{x}: {what}\n{y}: {answers}"));
        model.message(8, |opset| {
            // The empty domain is ONNX's own.
            opset.text(1, "");
            opset.int(2, i64::from(OPSET));
        });
        for (key, value) in &words.about {
            model.message(14, |entry| {
                entry.text(1, key);
                // Text stands as it is, all else as JSON.
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                entry.text(2, &value);
            });
        }
        let graph = self.graph(words);
        model.bytes(7, &graph);
        model.into_bytes()
    }

    /// `GraphProto`.
    fn graph(self, words: &Words) -> Vec<u8> {
        let mut graph = self.tensors;
        for node in &self.nodes {
            graph.message(1, |out| node.write(out));
        }
        graph.text(2, "thalweg");
        for (field, (name, columns, what)) in [(11, &words.inputs), (12, &words.outputs)] {
            graph.message(field, |value| write_value(value, name, *columns, what));
        }
        graph.into_bytes()
    }
}

impl Node {
    /// `NodeProto`.
    fn write(&self, out: &mut Message) {
        self.inputs.iter().for_each(|name| out.text(1, name));
        out.text(2, &self.output);
        out.text(3, &format!("{} {}", self.op, self.output));
        out.text(4, self.op);
        for attribute in &self.attributes {
            out.message(5, |out| attribute.write(out));
        }
    }
}

impl Attribute {
    /// `AttributeProto`: `name` = 1, the value, and its type = 20.
    fn write(&self, out: &mut Message) {
        match self {
            Self::Float(name, value) => {
                out.text(1, name);
                out.float(2, narrow(*value));
                out.int(20, 1);
            }
            Self::Int(name, value) => {
                out.text(1, name);
                out.int(3, *value);
                out.int(20, 2);
            }
            Self::Ints(name, values) => {
                out.text(1, name);
                values.iter().for_each(|&value| out.int(8, value));
                out.int(20, 7);
            }
        }
    }
}

/// `ValueInfoProto` of a float tensor `[N, columns]`.
fn write_value(out: &mut Message, name: &str, columns: usize, what: &str) {
    out.text(1, name);
    out.message(2, |kind| {
        kind.message(1, |tensor| {
            tensor.int(1, FLOAT);
            tensor.message(2, |shape| {
                shape.message(1, |rows| rows.text(2, "N"));
                shape.message(1, |size| size.int(1, int(columns)));
            });
        });
    });
    out.text(3, what);
}

fn int(size: usize) -> i64 {
    i64::try_from(size).expect("a network's sizes are below 2^32")
}

/// In the precision that the model computes with.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the model computes in single precision"
)]
pub(super) const fn narrow(x: f64) -> f32 {
    x as f32
}
