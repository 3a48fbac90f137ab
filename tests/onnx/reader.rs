//! A reader of ONNX models that shares nothing with the writer: fields by their numbers in `onnx.proto3`.

use std::collections::BTreeMap;

/// A value on the wire.
enum Value<'a> {
    Int(u64),
    Bytes(&'a [u8]),
    Float(f32),
}

/// All fields of a message, in order.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Value<'_>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let value = match tag & 7 {
            0 => Value::Int(varint(&mut bytes)),
            2 => {
                let len = usize::try_from(varint(&mut bytes)).unwrap();
                let (value, rest) = bytes.split_at(len);
                bytes = rest;
                Value::Bytes(value)
            }
            5 => {
                let (value, rest) = bytes.split_at(4);
                bytes = rest;
                Value::Float(f32::from_le_bytes(value.try_into().unwrap()))
            }
            wire => panic!("wire type {wire} is none that ONNX uses here"),
        };
        found.push((tag >> 3, value));
    }
    found
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for place in 0..10 {
        let (&byte, rest) = bytes.split_first().expect("a number that ends");
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return value;
        }
    }
    panic!("a number of more than ten bytes");
}

impl<'a> Value<'a> {
    fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            _ => panic!("a number where bytes are expected"),
        }
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes().to_vec()).expect("UTF-8")
    }

    fn int(&self) -> i64 {
        match self {
            Self::Int(value) => value.cast_signed(),
            _ => panic!("no whole number where one is expected"),
        }
    }
}

/// A tensor of numbers; whole numbers are numbers too.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tensor {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f64>,
}

/// An operation.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) op: String,
    pub(super) inputs: Vec<String>,
    pub(super) output: String,
    pub(super) attributes: BTreeMap<String, Vec<f64>>,
}

/// A model, as far as the tests want to know it.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) ir_version: i64,
    pub(super) opset: i64,
    pub(super) doc: String,
    pub(super) about: BTreeMap<String, String>,
    pub(super) nodes: Vec<Node>,
    pub(super) tensors: BTreeMap<String, Tensor>,
    /// Name and columns.
    pub(super) input: (String, i64),
    pub(super) output: (String, i64),
}

impl Model {
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut model = Self::default();
        for (field, value) in fields(bytes) {
            match field {
                1 => model.ir_version = value.int(),
                6 => model.doc = value.text(),
                7 => model.graph(value.bytes()),
                8 => {
                    for (field, value) in fields(value.bytes()) {
                        match field {
                            1 => assert_eq!(value.text(), "", "the operators are ONNX's own"),
                            2 => model.opset = value.int(),
                            _ => panic!("field {field} of an opset"),
                        }
                    }
                }
                14 => {
                    let pair: Vec<_> = fields(value.bytes()).iter().map(|f| f.1.text()).collect();
                    model.about.insert(pair[0].clone(), pair[1].clone());
                }
                2 | 3 => {}
                _ => panic!("field {field} of a model"),
            }
        }
        model
    }

    fn graph(&mut self, bytes: &[u8]) {
        for (field, value) in fields(bytes) {
            match field {
                1 => self.nodes.push(node(value.bytes())),
                5 => {
                    let (name, tensor) = tensor(value.bytes());
                    let before = self.tensors.insert(name.clone(), tensor);
                    assert!(before.is_none(), "two tensors are called {name}");
                }
                11 => self.input = described(value.bytes()),
                12 => self.output = described(value.bytes()),
                2 => {}
                _ => panic!("field {field} of a graph"),
            }
        }
    }
}

fn node(bytes: &[u8]) -> Node {
    let mut node = Node {
        op: String::new(),
        inputs: Vec::new(),
        output: String::new(),
        attributes: BTreeMap::new(),
    };
    for (field, value) in fields(bytes) {
        match field {
            1 => node.inputs.push(value.text()),
            2 => node.output = value.text(),
            4 => node.op = value.text(),
            5 => {
                let (mut name, mut numbers) = (String::new(), Vec::new());
                for (field, value) in fields(value.bytes()) {
                    match (field, value) {
                        (1, value) => name = value.text(),
                        (2, Value::Float(x)) => numbers.push(f64::from(x)),
                        (3 | 8, value) => numbers.push(value.int() as f64),
                        (20, _) => {}
                        (field, _) => panic!("field {field} of an attribute"),
                    }
                }
                node.attributes.insert(name, numbers);
            }
            3 => {}
            _ => panic!("field {field} of a node"),
        }
    }
    node
}

fn tensor(bytes: &[u8]) -> (String, Tensor) {
    let (mut name, mut shape, mut kind, mut raw) = (String::new(), Vec::new(), 0, &[][..]);
    for (field, value) in fields(bytes) {
        match field {
            1 => shape.push(usize::try_from(value.int()).unwrap()),
            2 => kind = value.int(),
            8 => name = value.text(),
            9 => raw = value.bytes(),
            _ => panic!("field {field} of a tensor"),
        }
    }
    let values: Vec<f64> = match kind {
        1 => {
            let one = |b: &[u8]| f64::from(f32::from_le_bytes(b.try_into().unwrap()));
            raw.chunks(4).map(one).collect()
        }
        7 => {
            let one = |b: &[u8]| i64::from_le_bytes(b.try_into().unwrap()) as f64;
            raw.chunks(8).map(one).collect()
        }
        kind => panic!("element type {kind}"),
    };
    assert_eq!(values.len(), shape.iter().product::<usize>(), "{name}");
    (name, Tensor { shape, values })
}

/// The name of an input or output, and its columns; that its rows are free and its elements float32 is checked.
fn described(bytes: &[u8]) -> (String, i64) {
    let (mut name, mut sizes) = (String::new(), Vec::new());
    for (field, value) in fields(bytes) {
        match field {
            1 => name = value.text(),
            2 => {
                let kind = fields(value.bytes());
                for (field, value) in fields(kind[0].1.bytes()) {
                    match field {
                        1 => assert_eq!(value.int(), 1, "float32"),
                        2 => {
                            for (_, dim) in fields(value.bytes()) {
                                sizes.extend(fields(dim.bytes()).iter().map(|(field, value)| {
                                    if *field == 1 { value.int() } else { -1 }
                                }));
                            }
                        }
                        _ => panic!("field {field} of a tensor's type"),
                    }
                }
            }
            3 => {}
            _ => panic!("field {field} of a value"),
        }
    }
    assert_eq!((sizes.len(), sizes[0]), (2, -1), "[N, columns]");
    (name, sizes[1])
}
