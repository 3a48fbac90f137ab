//! A network for PyTorch: its parameters under PyTorch's names, and a module that takes them.

use std::fmt::Write;

use safetensors::{SafeTensors, serialize};
use serde_json::{Value, json};

use super::ExportError;
use super::shape::{Answer, about, answer, output, target_scale};
use crate::network::{Activation, Cell, Layer, Stage};
use crate::run::{ModelFile, RunError};

/// The key of the description in the header, and in it that of what a script reads.
const KEY: &str = "thalweg";
const ABOUT: &str = "export";

/// The bytes of a safetensors file with PyTorch's names and shapes, which `load_state_dict` takes with `strict=True`. The
/// header's metadata has the model's description, so that this program reads it too, and in it the scales of the inputs
/// and of the target, and the names of columns and classes.
///
/// # Errors
/// If the description is too large for a header.
pub fn state_dict(file: &ModelFile) -> Result<Vec<u8>, ExportError> {
    const OURS: &str = "what was just written can be read";
    let bytes = file.to_bytes().map_err(too_large)?;
    let (_, header) = SafeTensors::read_metadata(&bytes).expect(OURS);
    let description = header.metadata().as_ref().and_then(|all| all.get(KEY));
    let mut description: Value =
        serde_json::from_str(description.expect(OURS)).expect("it is JSON");
    let mut facts: serde_json::Map<String, Value> = about(file)
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    if let Some(preparation) = &file.preparation {
        let by = preparation.input_scale();
        let input = json!({"offset": by.offset, "scale": by.scale, "missing": by.missing});
        facts.insert("input".to_owned(), input);
    }
    if let Some((offset, scale)) = target_scale(file) {
        let output = json!({"offset": offset, "scale": scale});
        facts.insert("output".to_owned(), output);
    }
    description[ABOUT] = facts.into();
    let description = description.to_string();
    check_header(&description)?;
    let tensors = SafeTensors::deserialize(&bytes).expect(OURS);
    let metadata = [(KEY.to_owned(), description)].into();
    Ok(serialize(tensors.iter(), Some(metadata)).expect("memory can be written"))
}

/// The readers of this program take headers of 4 MiB; one MiB of it is for the tensors.
const MOST: usize = 3 << 20;

fn check_header(description: &str) -> Result<(), ExportError> {
    // The header holds it as a JSON string, in which quotes are escaped.
    let bytes = description.len() + description.matches(['"', '\\']).count();
    if bytes > MOST {
        Err(ExportError::Description { bytes, most: MOST })
    } else {
        Ok(())
    }
}

fn too_large(error: RunError) -> ExportError {
    let bytes = match error {
        RunError::TooLarge { found, .. } => found,
        _ => 0,
    };
    ExportError::Description { bytes, most: MOST }
}

/// A Python script that builds the network as a `torch.nn.Module`, loads a file of [`state_dict`], and predicts from rows in
/// the units of the data. `path` is a Python expression for the file.
pub fn torch_script(file: &ModelFile, path: &str) -> String {
    let network = &file.model.network;
    let stages = network.stages();
    let mut text = SCRIPT_HEAD
        .replace("NETWORK", &network.to_string())
        .replace("VERSION", env!("CARGO_PKG_VERSION"))
        .replace("PATH", path);
    if stages.iter().any(|s| is_block(s) && s.has_parameters()) {
        text.push_str(BLOCK);
    }
    text.push_str(MODULE);
    modules(&stages, 3, &mut text);
    text.push_str("        ])\n\n    def forward(self, x):\n");
    forward(&stages, &mut text);
    text.push_str("        return x\n");
    text.push_str(LOAD);
    let what = match answer(file) {
        Answer::Probabilities => "Probabilities",
        Answer::Scores => "Scores",
        Answer::Numbers => "Numbers, in the units of the target,",
    };
    let predict = PREDICT
        .replace("WHAT", what)
        .replace("OUTPUTS", &network.outputs().to_string())
        .replace("INPUTS", &network.inputs.to_string());
    text.push_str(&predict);
    if let Some(preparation) = &file.preparation {
        if preparation.input_scale().missing.is_some() {
            text.push_str(FILL);
        }
        text.push_str(NORMALISE);
    }
    text.push_str(RUN);
    if let Some(function) = function(output(file), "y") {
        let _ = writeln!(text, "    y = {function}");
    }
    if target_scale(file).is_some() {
        text.push_str(RESCALE);
    }
    text.push_str(TAIL);
    text
}

const SCRIPT_HEAD: &str = r#""""The network NETWORK, trained by thalweg VERSION, for PyTorch.

Needs torch and safetensors. `load()` gives the module; `predict(x)` takes rows in the units of the data,
their columns in the order of `about()["features"]`.
"""
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

FILE = PATH

"#;

const BLOCK: &str = r#"
class Block(nn.Module):
    """The layers of a residual block, under their names."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)

"#;

const MODULE: &str = r"
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([
";

const LOAD: &str = r#"

def load(file=FILE):
    network = Network()
    network.load_state_dict(load_file(file), strict=True)
    return network.eval()


def about(file=FILE):
    """The names of the columns and classes, and the scales of the inputs and of the target."""
    with safe_open(file, "pt") as f:
        return json.loads(f.metadata()["thalweg"])["export"]
"#;

const PREDICT: &str = r#"

def predict(x, file=FILE):
    """WHAT [rows, OUTPUTS] for rows [rows, INPUTS] in the units of the data."""
    scales = about(file)
    x = torch.as_tensor(x, dtype=torch.float64)
"#;

const FILL: &str = r#"    missing = [float("nan") if fill is None else fill for fill in scales["input"]["missing"]]
    x = torch.where(x.isnan(), torch.tensor(missing, dtype=torch.float64), x)
"#;

const NORMALISE: &str = r#"    offset, scale = (torch.tensor(scales["input"][key], dtype=torch.float64) for key in ("offset", "scale"))
    x = (x - offset) / scale
"#;

const RUN: &str = r"    with torch.no_grad():
        y = load(file)(x.float())
";

const RESCALE: &str = r#"    offset, scale = (torch.tensor(scales["output"][key], dtype=torch.float64) for key in ("offset", "scale"))
    y = y.double() * scale + offset
"#;

const TAIL: &str = r#"    return y


if __name__ == "__main__":
    print(load())
    for number, name in enumerate(about().get("features", [])):
        print(f"input {number}: {name}")
"#;

fn is_block(stage: &Stage<'_>) -> bool {
    matches!(stage.layer, Layer::Residual { .. })
}

/// The modules that have parameters, one a line.
fn modules(stages: &[Stage<'_>], indent: usize, text: &mut String) {
    let space = "    ".repeat(indent);
    for stage in stages.iter().filter(|stage| stage.has_parameters()) {
        let (inputs, outputs) = (stage.inputs, stage.outputs);
        let module = match *stage.layer {
            Layer::Linear { bias: true, .. } => format!("nn.Linear({inputs}, {outputs})"),
            Layer::Linear { bias: false, .. } => {
                format!("nn.Linear({inputs}, {outputs}, bias=False)")
            }
            Layer::Maxout { outputs, pieces } => {
                format!("nn.Linear({inputs}, {})", outputs * pieces)
            }
            Layer::BatchNorm { momentum, epsilon } => {
                format!("nn.BatchNorm1d({inputs}, eps={epsilon:?}, momentum={momentum:?})")
            }
            Layer::LayerNorm { epsilon } => format!("nn.LayerNorm({inputs}, eps={epsilon:?})"),
            Layer::Recurrent {
                cell,
                outputs,
                steps,
                ..
            } => {
                let (kind, options) = match cell {
                    Cell::Rnn => ("RNN", ""),
                    Cell::RnnRelu => ("RNN", "nonlinearity=\"relu\", "),
                    Cell::Lstm => ("LSTM", ""),
                    Cell::Gru => ("GRU", ""),
                };
                let features = inputs / steps;
                format!("nn.{kind}({features}, {outputs}, {options}batch_first=True)")
            }
            Layer::Residual { .. } => {
                let _ = writeln!(text, "{space}Block(");
                modules(&stage.block(), indent + 1, text);
                let _ = writeln!(text, "{space}),");
                continue;
            }
            Layer::Activation { .. } | Layer::Dropout { .. } | Layer::Noise { .. } => continue,
        };
        let _ = writeln!(text, "{space}{module},");
    }
}

/// The lines of the forward pass.
fn forward(stages: &[Stage<'_>], text: &mut String) {
    let mut line = |code: String| {
        let _ = writeln!(text, "        {code}");
    };
    for stage in stages {
        let module = module_of(&stage.prefix);
        match stage.layer {
            Layer::Linear { .. } | Layer::BatchNorm { .. } | Layer::LayerNorm { .. } => {
                line(format!("x = {module}(x)"));
            }
            Layer::Maxout { outputs, pieces } => line(format!(
                "x = {module}(x).unflatten(1, ({outputs}, {pieces})).max(2).values"
            )),
            Layer::Activation { function: of } => {
                if let Some(code) = function(*of, "x") {
                    line(format!("x = {code}"));
                }
            }
            Layer::Dropout { p } => line(format!("x = F.dropout(x, {p:?}, self.training)")),
            Layer::Noise { std } => {
                line(format!(
                    "x = x + {std:?} * torch.randn_like(x) if self.training else x"
                ));
            }
            Layer::Recurrent {
                steps, sequence, ..
            } => {
                let shown = if *sequence { ".flatten(1)" } else { "[:, -1]" };
                let features = stage.inputs / steps;
                line(format!(
                    "x = {module}(x.unflatten(1, ({steps}, {features})))[0]{shown}"
                ));
            }
            Layer::Residual { .. } => {
                let kept = format!("before{}", stage.depth);
                line(format!("{kept} = x"));
                let mut inner = String::new();
                forward(&stage.block(), &mut inner);
                inner
                    .lines()
                    .for_each(|code| line(code.trim_start().to_owned()));
                line(format!("x = {kept} + x"));
            }
        }
    }
}

/// `layers.2.layers.0.` as Python: `self.layers[2].layers[0]`.
fn module_of(prefix: &str) -> String {
    let mut code = "self".to_owned();
    for part in prefix.split_terminator('.') {
        let _ = match part.parse::<usize>() {
            Ok(number) => write!(code, "[{number}]"),
            Err(_) => write!(code, ".{part}"),
        };
    }
    code
}

/// A function as PyTorch calls it; nothing for the identity.
fn function(of: Activation, x: &str) -> Option<String> {
    Some(match of {
        Activation::Identity => return None,
        Activation::Sigmoid => format!("torch.sigmoid({x})"),
        Activation::Tanh => format!("torch.tanh({x})"),
        Activation::Relu => format!("F.relu({x})"),
        Activation::LeakyRelu(slope) => format!("F.leaky_relu({x}, {slope:?})"),
        Activation::Elu(alpha) => format!("F.elu({x}, {alpha:?})"),
        Activation::Gelu => format!("F.gelu({x})"),
        Activation::GeluTanh => format!("F.gelu({x}, approximate=\"tanh\")"),
        Activation::Silu => format!("F.silu({x})"),
        Activation::Softplus => format!("F.softplus({x})"),
        Activation::Softmax => format!("F.softmax({x}, dim=-1)"),
        Activation::LogSoftmax => format!("F.log_softmax({x}, dim=-1)"),
    })
}
