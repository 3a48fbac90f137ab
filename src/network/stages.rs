//! The layers of a network where they stand: for whoever writes the network down in another form.

use super::{Layer, Network};

/// A layer where it stands in a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage<'a> {
    /// The layer.
    pub layer: &'a Layer,
    /// What the names of its tensors begin with: `layers.0.`, and in a residual block `layers.2.layers.0.`.
    pub prefix: String,
    /// In how many residual blocks it is.
    pub depth: usize,
    /// Columns that it gets.
    pub inputs: usize,
    /// Columns of its result.
    pub outputs: usize,
}

impl Network {
    /// The layers of the network's own list, in order.
    pub fn stages(&self) -> Vec<Stage<'_>> {
        stages(&self.layers, "", self.inputs, 0)
    }
}

impl Stage<'_> {
    /// The layers of a residual block, in order; none of any other layer.
    pub fn block(&self) -> Vec<Stage<'_>> {
        match self.layer {
            Layer::Residual { layers } => stages(layers, &self.prefix, self.inputs, self.depth + 1),
            _ => Vec::new(),
        }
    }

    /// Whether it has parameters, and so a number of its own in their names.
    pub fn has_parameters(&self) -> bool {
        self.layer.rule().has_parameters()
    }
}

fn stages<'a>(layers: &'a [Layer], prefix: &str, inputs: usize, depth: usize) -> Vec<Stage<'a>> {
    let (mut columns, mut number) = (inputs, 0);
    let mut stages = Vec::with_capacity(layers.len());
    for layer in layers {
        let rule = layer.rule();
        let stage = Stage {
            layer,
            prefix: format!("{prefix}layers.{number}."),
            depth,
            inputs: columns,
            outputs: rule.outputs(columns),
        };
        columns = stage.outputs;
        number += usize::from(rule.has_parameters());
        stages.push(stage);
    }
    stages
}
