//! The graphs of a game. Each player's tensors end with its name in the store, under which its forward pass reads them.

use super::{Goal, Terms};
use crate::executor::{ExecutorError, Workspace};
use crate::graph::ops::DropoutKey;
use crate::graph::{Graph, GraphError, Store, TensorId};
use crate::network::{Mode, Network};
use crate::random::stream;
use crate::train::Optimizer;

/// All rows of the data, and in which order the steps take them.
pub(super) const DATA: &str = "data";
pub(super) const ORDER: &str = "order";
/// What the generator is given when it is asked, and the discriminator.
pub(super) const NOISE: &str = "noise";
pub(super) const JUDGED: &str = "judged";

/// Both networks.
pub(super) struct Players {
    pub(super) generator: Network,
    pub(super) discriminator: Network,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Player {
    Generator,
    Discriminator,
}

impl Players {
    pub(super) const fn network(&self, player: Player) -> &Network {
        match player {
            Player::Generator => &self.generator,
            Player::Discriminator => &self.discriminator,
        }
    }

    /// The forward pass of a player.
    fn forward(
        &self,
        graph: &mut Graph,
        store: &Store,
        player: Player,
        (x, mode): (TensorId, Mode),
    ) -> Result<TensorId, GraphError> {
        graph.read_endings(player.ending());
        let y = self.network(player).forward(graph, store, x, mode);
        graph.read_endings("");
        y
    }
}

impl Player {
    /// The block of its parameters.
    const fn block(self) -> &'static str {
        match self {
            Self::Generator => "generator",
            Self::Discriminator => "discriminator",
        }
    }

    fn ending(self) -> String {
        format!(".{}", self.block())
    }

    /// The names of its parameters in the store.
    fn names(self, network: &Network) -> Vec<String> {
        let parameters = network.parameters().into_iter();
        parameters.map(|p| p.name + &self.ending()).collect()
    }

    pub(super) const fn optimizer(self, terms: &Terms) -> &Optimizer {
        match self {
            Self::Generator => &terms.generator,
            Self::Discriminator => &terms.discriminator,
        }
    }

    /// Declares its parameters and the states of its optimiser.
    pub(super) fn declare(
        self,
        store: &mut Store,
        network: &Network,
        terms: &Terms,
    ) -> Result<(), GraphError> {
        let shapes = network.parameters().into_iter().map(|p| p.shape);
        let members = self.names(network).into_iter().zip(shapes).collect();
        store.declare_block(self.block(), members)?;
        for state in self.optimizer(terms).update.states() {
            store.declare_like(self.block(), state)?;
        }
        Ok(())
    }

    /// Writes its parameters.
    pub(super) fn write(
        self,
        workspace: &mut Workspace,
        network: &Network,
        values: &[Vec<f32>],
    ) -> Result<(), ExecutorError> {
        for (name, values) in self.names(network).iter().zip(values) {
            workspace.write(name, values.clone())?;
        }
        Ok(())
    }

    /// Writes the first values of the states of its optimiser, where they are not 0.
    pub(super) fn write_states(
        self,
        workspace: &mut Workspace,
        terms: &Terms,
    ) -> Result<(), ExecutorError> {
        let update = self.optimizer(terms).update;
        let len = workspace.store.block(self.block())?.len;
        for state in update.states() {
            let first = update.first(state);
            if first != 0.0 {
                workspace.write(&format!("{}.{state}", self.block()), vec![first; len])?;
            }
        }
        Ok(())
    }

    /// Reads its parameters.
    pub(super) fn read(
        self,
        workspace: &mut Workspace,
        network: &Network,
    ) -> Result<Vec<Vec<f32>>, ExecutorError> {
        #[expect(clippy::cast_possible_truncation, reason = "they come from f32")]
        let single = |values: Vec<f64>| values.into_iter().map(|x| x as f32).collect();
        let names = self.names(network);
        let read = names.iter().map(|name| workspace.get(name).map(single));
        read.collect()
    }
}

/// The mean of `-log D`, or of `-log(1 - D)`, over rows with these logits.
fn cost(graph: &mut Graph, logits: TensorId, of_data: bool) -> Result<TensorId, GraphError> {
    let shape = graph.tensor(logits).shape.clone();
    let target = graph.constant(shape, f64::from(u8::from(of_data)));
    let each = graph.sigmoid_cross_entropy(logits, target)?;
    graph.mean(each)
}

/// One step of a player.
pub(super) fn step(
    store: &Store,
    players: &Players,
    terms: &Terms,
    player: Player,
) -> Result<Graph, GraphError> {
    let (batch, seed) = (terms.batch_size, terms.seed);
    let mut graph = Graph::new();
    let key = DropoutKey {
        seed,
        stream: stream::LATENT | player as u32,
    };
    let zeros = graph.constant([batch, players.generator.inputs], 0.0);
    let noise = graph.noise(zeros, 1.0, key)?;
    // Two players, and so two seeds for what their layers drop.
    let mode = |player| Mode::Training {
        seed: seed.wrapping_mul(2).wrapping_add(player as u64),
    };
    let (maker, judge) = (Player::Generator, Player::Discriminator);
    let made = players.forward(&mut graph, store, maker, (noise, mode(maker)))?;
    let loss = match player {
        Player::Generator => {
            let logits = players.forward(&mut graph, store, judge, (made, mode(judge)))?;
            match terms.goal {
                Goal::NonSaturating => cost(&mut graph, logits, true)?,
                Goal::ZeroSum => {
                    let cost = cost(&mut graph, logits, false)?;
                    graph.scale(cost, -1.0)?
                }
            }
        }
        Player::Discriminator => {
            let (data, order) = (graph.stored(store, DATA)?, graph.stored(store, ORDER)?);
            let real = graph.batch(data, order, batch, 1.0)?;
            // Both kinds of rows go through at once.
            let both = graph.concat(real, made, 0)?;
            let logits = players.forward(&mut graph, store, judge, (both, mode(judge)))?;
            let real = graph.slice(logits, 0, 0, batch)?;
            let made = graph.slice(logits, 0, batch, batch)?;
            let (real, made) = (
                cost(&mut graph, real, true)?,
                cost(&mut graph, made, false)?,
            );
            graph.add(real, made)?
        }
    };
    let names = player.names(players.network(player));
    let parameters: Vec<_> = names
        .iter()
        .map(|name| graph.stored(store, name))
        .collect::<Result<_, _>>()?;
    let gradients = graph.differentiate(loss, &parameters)?;
    graph.update(
        store,
        player.block(),
        &gradients,
        player.optimizer(terms).update,
    )?;
    Ok(graph)
}

/// What a player makes of the rows that it is given.
pub(super) fn output(
    store: &Store,
    players: &Players,
    player: Player,
) -> Result<(Graph, TensorId), GraphError> {
    let mut graph = Graph::new();
    let x = graph.stored(
        store,
        if player == Player::Generator {
            NOISE
        } else {
            JUDGED
        },
    )?;
    let y = players.forward(&mut graph, store, player, (x, Mode::Evaluation))?;
    Ok((graph, y))
}
