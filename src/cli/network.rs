//! The network of a configuration, from its list of layers or from the flags for hidden layers.

use super::config::Config;
use super::exit::Exit;
use super::flags::Flags;
use crate::network::{Layer, Network};

impl Flags {
    /// A list of layers says all that the flags for hidden layers would.
    pub(super) fn check_network(&self) -> Result<(), Exit> {
        let given = [
            ("hidden", self.hidden.is_some()),
            ("activation", self.activation.is_some()),
            ("dropout", self.dropout.is_some()),
            ("batch-norm", self.batch_norm.is_some()),
            ("layer-norm", self.layer_norm.is_some()),
            ("noise", self.noise.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            Some((flag, _)) if self.layers.is_some() => Err(Exit::usage(format!(
                "--{flag} and a list of [[layers]] are given; the list says all hidden layers, so leave one of both out"
            ))),
            _ => Ok(()),
        }
    }
}

/// The network of a configuration for data of so many inputs and outputs. The last linear layer is always added.
pub(super) fn network(config: &Config, inputs: usize, outputs: usize) -> Network {
    let empty = Network::new(inputs);
    let hidden = match &config.layers {
        Some(layers) => layers.iter().cloned().fold(empty, Network::layer),
        None => hidden(config, empty),
    };
    hidden.linear(outputs)
}

/// The hidden layers that flags ask for.
fn hidden(config: &Config, mut network: Network) -> Network {
    if config.noise > 0.0 {
        network = network.layer(Layer::Noise { std: config.noise });
    }
    for &units in &config.hidden {
        network = network.linear(units);
        if config.batch_norm {
            network = network.layer(Layer::BATCH_NORM);
        }
        if config.layer_norm {
            network = network.layer(Layer::LAYER_NORM);
        }
        network = network.activation(config.activation);
        if config.dropout > 0.0 {
            network = network.dropout(config.dropout);
        }
    }
    network
}
