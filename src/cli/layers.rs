//! A network as a list of layers in a configuration.

use std::fmt::Write;

use toml::de::{DeTable, DeValue};

mod entry;

use entry::Entry;

use super::exit::Exit;
use crate::network::{Cell, Layer, NetworkError};

/// Most blocks in each other, as the network has it.
const DEEPEST: usize = 8;
/// Pieces of maxout where none are given.
const PIECES: usize = 2;

const KINDS: [&str; 11] = [
    "linear",
    "maxout",
    "dropout",
    "batch_norm",
    "layer_norm",
    "activation",
    "noise",
    "residual",
    "rnn",
    "lstm",
    "gru",
];

/// The keys of a kind of layer, but for `kind`.
fn keys(kind: &str) -> &'static [&'static str] {
    match kind {
        "linear" => &["units", "bias", "activation"],
        "maxout" => &["units", "pieces", "activation"],
        "dropout" => &["p"],
        "batch_norm" => &["momentum", "epsilon", "activation"],
        "layer_norm" => &["epsilon", "activation"],
        "activation" => &["function"],
        "noise" => &["std"],
        "rnn" => &["units", "steps", "sequence", "nonlinearity"],
        "lstm" | "gru" => &["units", "steps", "sequence"],
        _ => &["layers", "activation"],
    }
}

/// Reads a list of layers. `at` says the line of a byte, as `FILE:LINE`.
pub(super) fn parse(value: &DeValue<'_>, at: &dyn Fn(usize) -> String, byte: usize) -> Parsed {
    let reader = Reader { at, depth: 1 };
    reader.list(value, byte, None).map(|(layers, _)| layers)
}

type Parsed = Result<Vec<Layer>, Exit>;

struct Reader<'a> {
    at: &'a dyn Fn(usize) -> String,
    depth: usize,
}

impl Reader<'_> {
    /// The layers of a list, and how many columns their result has, if that is known. So are those that it gets.
    fn list(
        &self,
        value: &DeValue<'_>,
        byte: usize,
        inputs: Option<usize>,
    ) -> Result<(Vec<Layer>, Option<usize>), Exit> {
        let place = (self.at)(byte);
        let DeValue::Array(list) = value else {
            let found = value.type_str();
            return Err(Exit::usage(format!(
                "{place}: `layers` is of type {found}; expected a list of tables, [[layers]] with a kind each"
            )));
        };
        let (mut layers, mut columns) = (Vec::new(), inputs);
        for entry in list {
            let place = (self.at)(entry.span().start);
            let DeValue::Table(table) = entry.get_ref() else {
                let found = entry.get_ref().type_str();
                return Err(Exit::usage(format!(
                    "{place}: a layer is of type {found}; expected a table, as {{ kind = \"linear\", units = 64 }}"
                )));
            };
            let kind = kind(table, self.at, &place)?;
            let entry = Entry {
                table,
                at: self.at,
                place,
                kind,
            };
            entry.check_keys()?;
            let layer = self.layer(&entry, columns)?;
            columns = match layer {
                Layer::Linear { outputs, .. } | Layer::Maxout { outputs, .. } => Some(outputs),
                Layer::Recurrent {
                    outputs,
                    sequence: false,
                    ..
                } => Some(outputs),
                // Of so many time steps as the data will have.
                Layer::Recurrent { steps: 0, .. } => None,
                Layer::Recurrent { outputs, steps, .. } => outputs.checked_mul(steps),
                _ => columns,
            };
            layers.push(layer);
            if kind != "activation" {
                let function = entry.activation("activation")?;
                layers.extend(function.map(|function| Layer::Activation { function }));
            }
        }
        Ok((layers, columns))
    }

    fn layer(&self, entry: &Entry<'_, '_>, columns: Option<usize>) -> Result<Layer, Exit> {
        let epsilon = || {
            let positive = |x: &f64| (f64::from(f32::MIN_POSITIVE)..f64::INFINITY).contains(x);
            entry.number("epsilon", positive, "a finite number of more than 0")
        };
        Ok(match entry.kind {
            "linear" => Layer::Linear {
                outputs: entry.required("units", entry.count("units")?)?,
                bias: entry.flag("bias")?.unwrap_or(true),
            },
            "maxout" => Layer::Maxout {
                outputs: entry.required("units", entry.count("units")?)?,
                pieces: entry.count("pieces")?.unwrap_or(PIECES),
            },
            "dropout" => {
                let holds = |p: &f64| (0.0..1.0).contains(p);
                let p = entry.number("p", holds, "a number of at least 0 and below 1")?;
                Layer::Dropout {
                    p: entry.required("p", p)?,
                }
            }
            "batch_norm" => {
                let holds = |x: &f64| (0.0..=1.0).contains(x);
                let momentum = entry.number("momentum", holds, "a number from 0 to 1")?;
                Layer::BatchNorm {
                    momentum: momentum.unwrap_or(0.1),
                    epsilon: epsilon()?.unwrap_or(1e-5),
                }
            }
            "layer_norm" => Layer::LayerNorm {
                epsilon: epsilon()?.unwrap_or(1e-5),
            },
            "activation" => Layer::Activation {
                function: entry.required("function", entry.activation("function")?)?,
            },
            "noise" => {
                let holds = |x: &f64| (0.0..=f64::from(f32::MAX)).contains(x);
                let std = entry.number("std", holds, "a finite number of at least 0")?;
                Layer::Noise {
                    std: entry.required("std", std)?,
                }
            }
            "rnn" | "lstm" | "gru" => Layer::Recurrent {
                cell: entry.cell()?,
                outputs: entry.required("units", entry.count("units")?)?,
                // 0: what the data have.
                steps: entry.count("steps")?.unwrap_or(0),
                sequence: entry.flag("sequence")?.unwrap_or(false),
            },
            _ => self.residual(entry, columns)?,
        })
    }

    fn residual(&self, entry: &Entry<'_, '_>, columns: Option<usize>) -> Result<Layer, Exit> {
        let place = &entry.place;
        let Some((key, value)) = entry.table.get_key_value("layers") else {
            return Err(Exit::usage(format!(
                "{place}: a residual block has no `layers`; give it a list, layers = [{{ kind = \"linear\", units = 64 }}]"
            )));
        };
        let inner = Reader {
            at: self.at,
            depth: self.depth + 1,
        };
        if inner.depth > DEEPEST + 1 {
            return Err(Exit::usage(format!(
                "{place}: residual blocks stand {} deep in each other; expected at most {DEEPEST}",
                inner.depth - 1
            )));
        }
        let (layers, result) = inner.list(value.get_ref(), key.span().start, columns)?;
        if layers.is_empty() {
            return Err(Exit::usage(format!(
                "{place}: the `layers` of a residual block are empty; give it at least one"
            )));
        }
        match (columns, result) {
            (Some(inputs), Some(outputs)) if inputs != outputs => Err(Exit::usage(format!(
                "{place}: the residual block turns {inputs} columns into {outputs}, and its result is added to what it got; \
                 end the block with a layer of {inputs} units"
            ))),
            _ => Ok(Layer::Residual { layers }),
        }
    }
}

/// The word under `kind`.
fn kind(
    table: &DeTable<'_>,
    at: &dyn Fn(usize) -> String,
    place: &str,
) -> Result<&'static str, Exit> {
    let Some((key, value)) = table.get_key_value("kind") else {
        return Err(Exit::usage(format!(
            "{place}: a layer has no `kind`; expected one of {}",
            KINDS.join(", ")
        )));
    };
    let place = at(key.span().start);
    let found = match value.get_ref() {
        DeValue::String(text) => text.replace('-', "_"),
        other => {
            let found = other.type_str();
            return Err(Exit::usage(format!(
                "{place}: `kind` is of type {found}; expected one of {}",
                KINDS.join(", ")
            )));
        }
    };
    let known = KINDS.iter().find(|kind| **kind == found);
    known.copied().ok_or_else(|| {
        let error = NetworkError::unknown("kind of layer", &found, &KINDS);
        Exit::usage(format!("{place}: {error}"))
    })
}

/// The layers as TOML, each a table of a list.
pub(super) fn to_toml(layers: &[Layer]) -> String {
    let mut text = String::new();
    for layer in layers {
        text.push_str("\n[[layers]]\n");
        for (key, value) in fields(layer) {
            writeln!(text, "{key} = {value}").expect("text can be added to a string");
        }
    }
    text
}

fn fields(layer: &Layer) -> Vec<(&'static str, String)> {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let number = |x: f64| format!("{x:?}");
    let (kind, rest) = match layer {
        Layer::Linear { outputs, bias } => (
            "linear",
            vec![("units", outputs.to_string()), ("bias", bias.to_string())],
        ),
        Layer::Maxout { outputs, pieces } => (
            "maxout",
            vec![
                ("units", outputs.to_string()),
                ("pieces", pieces.to_string()),
            ],
        ),
        Layer::Dropout { p } => ("dropout", vec![("p", number(*p))]),
        Layer::BatchNorm { momentum, epsilon } => (
            "batch_norm",
            vec![
                ("momentum", number(*momentum)),
                ("epsilon", number(*epsilon)),
            ],
        ),
        Layer::LayerNorm { epsilon } => ("layer_norm", vec![("epsilon", number(*epsilon))]),
        Layer::Activation { function } => (
            "activation",
            vec![("function", quoted(&function.to_string()))],
        ),
        Layer::Noise { std } => ("noise", vec![("std", number(*std))]),
        Layer::Recurrent {
            cell,
            outputs,
            steps,
            sequence,
        } => {
            let kind = match cell {
                Cell::Rnn | Cell::RnnRelu => "rnn",
                Cell::Lstm => "lstm",
                Cell::Gru => "gru",
            };
            let mut rest = vec![("units", outputs.to_string())];
            if *steps > 0 {
                rest.push(("steps", steps.to_string()));
            }
            rest.push(("sequence", sequence.to_string()));
            if *cell == Cell::RnnRelu {
                rest.push(("nonlinearity", quoted("relu")));
            }
            (kind, rest)
        }
        Layer::Residual { layers } => {
            let one = |layer: &Layer| {
                let fields = fields(layer).into_iter();
                let fields: Vec<_> = fields.map(|(k, v)| format!("{k} = {v}")).collect();
                format!("{{ {} }}", fields.join(", "))
            };
            let block: Vec<_> = layers.iter().map(one).collect();
            (
                "residual",
                vec![("layers", format!("[{}]", block.join(", ")))],
            )
        }
    };
    let mut fields = vec![("kind", quoted(kind))];
    fields.extend(rest);
    fields
}
