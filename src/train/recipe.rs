//! The graphs of a training run: training, evaluation, prediction, and the watch over them.

use super::tables::{Batch, Metric, Tables};
use super::{Objective, Optimizer, Rules};
use crate::graph::ops::Scaling;
use crate::graph::{Graph, GraphError, Phase, Precision, Store, TensorId};
use crate::network::{Mode, Network, PARAMETERS, STATISTICS};

/// What to train and by which rule: all that the graphs depend on, but for the data.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The network.
    pub network: Network,
    /// What is made small.
    pub objective: Objective,
    /// The update rule.
    pub optimizer: Optimizer,
    /// Decides the dropped units.
    pub seed: u64,
    /// How the loss is scaled in training under mixed precision; nothing in single precision. Evaluation and prediction are
    /// in single precision always.
    pub mixed: Option<Scaling>,
    /// What is done to gradients and weights beside the update.
    pub rules: Rules,
}

impl Recipe {
    /// The blocks of the store that a training step changes: the parameters, the states of the optimiser, the statistics if
    /// the network has any, under mixed precision the loss scale and its counts, and if they are asked for the parameters'
    /// average and the gradient that is gathered of several batches.
    pub fn blocks(&self) -> Vec<String> {
        let states = self
            .optimizer
            .update
            .states()
            .iter()
            .map(|state| format!("{PARAMETERS}.{state}"));
        let gradient = std::iter::once(format!("{PARAMETERS}.{}", Rules::GRADIENT));
        let average = std::iter::once(format!("{PARAMETERS}.{}", Rules::AVERAGE));
        let statistics = !self.network.statistics().is_empty();
        let scaler = [Scaling::SCALE, Scaling::COUNTS].map(str::to_owned);
        std::iter::once(PARAMETERS.to_owned())
            .chain(states)
            .chain(statistics.then(|| STATISTICS.to_owned()))
            .chain(scaler.into_iter().filter(|_| self.mixed.is_some()))
            .chain(average.filter(|_| self.rules.ema.is_some()))
            .chain(gradient.filter(|_| self.rules.accumulates()))
            .collect()
    }

    /// Declares what training needs beside the parameters: the optimiser's states, and for each block of
    /// [`Recipe::blocks`] a block `BLOCK.good` to keep the last good values in.
    ///
    /// # Errors
    /// If the store has them already, or lacks the parameters.
    pub fn declare_training(&self, store: &mut Store) -> Result<(), GraphError> {
        for state in self.optimizer.update.states() {
            store.declare_like(PARAMETERS, state)?;
        }
        if self.mixed.is_some() {
            Scaling::declare(store)?;
        }
        if self.rules.accumulates() {
            store.declare_like(PARAMETERS, Rules::GRADIENT)?;
        }
        if self.rules.ema.is_some() {
            store.declare_like(PARAMETERS, Rules::AVERAGE)?;
        }
        self.blocks()
            .iter()
            .try_for_each(|block| store.declare_like(block, "good"))
    }

    /// One training step on the next `rows` rows: forward, loss, gradient, update, and the logs. Where an update has several
    /// batches it is a plan of its own, and the gradient is added to theirs.
    ///
    /// # Errors
    /// If the loss cannot be built or has no gradient.
    pub fn training(
        &self,
        store: &Store,
        tables: &Tables,
        rows: usize,
    ) -> Result<Graph, GraphError> {
        let mut graph = Graph::new();
        let batch = tables.batch(&mut graph, store, rows)?;
        let mode = Mode::Training { seed: self.seed };
        if self.mixed.is_some() {
            graph.set_precision(Precision::Mixed);
        }
        let loss = self.forward_and_log(&mut graph, store, tables, batch, mode)?;
        let parameters = self.network.parameters();
        let parameters = parameters
            .iter()
            .map(|p| graph.stored(store, &p.name))
            .collect::<Result<Vec<_>, _>>()?;
        if self.rules.accumulates() {
            let gradients = graph.differentiate(loss, &parameters)?;
            #[expect(
                clippy::cast_precision_loss,
                reason = "data sets have far fewer than 2^53 rows"
            )]
            graph.accumulate(store, PARAMETERS, &gradients, rows as f64)?;
            return Ok(graph);
        }
        let update = self.optimizer.update;
        let ruled = self.rules.ruled(store, &self.optimizer)?;
        match (self.mixed, ruled) {
            (None, Some(ruled)) => {
                let gradients = graph.differentiate(loss, &parameters)?;
                graph.ruled_update(store, PARAMETERS, &gradients, &ruled, None)?;
            }
            (Some(scaling), Some(ruled)) => {
                let scaled = graph.scaled_loss(store, loss)?;
                let gradients = graph.differentiate(scaled, &parameters)?;
                let mixed = Some((loss, scaling));
                graph.ruled_update(store, PARAMETERS, &gradients, &ruled, mixed)?;
            }
            (None, None) => {
                let gradients = graph.differentiate(loss, &parameters)?;
                graph.update(store, PARAMETERS, &gradients, update)?;
            }
            (Some(scaling), None) => {
                let scaled = graph.scaled_loss(store, loss)?;
                let gradients = graph.differentiate(scaled, &parameters)?;
                let by = (loss, gradients.as_slice());
                graph.scaled_update(store, PARAMETERS, by, update, scaling)?;
            }
        }
        graph.set_phase(Phase::Update);
        self.rules.average(&mut graph, store)?;
        Ok(graph)
    }

    /// The loss and the metric on the next `rows` rows, written to the logs.
    ///
    /// # Errors
    /// If the loss cannot be built.
    pub fn evaluation(
        &self,
        store: &Store,
        tables: &Tables,
        rows: usize,
    ) -> Result<Graph, GraphError> {
        let mut graph = Graph::new();
        let batch = tables.batch(&mut graph, store, rows)?;
        graph.read_endings(self.rules.evaluated());
        self.forward_and_log(&mut graph, store, tables, batch, Mode::Evaluation)?;
        Ok(graph)
    }

    /// Predictions `[rows, outputs]` for the stored inputs `x`: probabilities, or numbers.
    ///
    /// # Errors
    /// If the store has no such inputs.
    pub fn prediction(&self, store: &Store, x: &str) -> Result<(Graph, TensorId), GraphError> {
        let mut graph = Graph::new();
        let x = graph.stored(store, x)?;
        graph.read_endings(self.rules.evaluated());
        let y = self
            .network
            .forward(&mut graph, store, x, Mode::Evaluation)?;
        let prediction = graph.activation(y, self.objective.output())?;
        Ok((graph, prediction))
    }

    /// The search for numbers that are not finite: one index a block of [`Recipe::blocks`].
    ///
    /// # Errors
    /// If the store lacks a block.
    pub fn check(&self, store: &Store) -> Result<(Graph, Vec<TensorId>), GraphError> {
        let mut graph = Graph::new();
        graph.set_phase(Phase::Update);
        let mut search = |block: &String| {
            let x = graph.stored(store, block)?;
            graph.nonfinite(x)
        };
        let found = self
            .blocks()
            .iter()
            .map(&mut search)
            .collect::<Result<Vec<_>, _>>()?;
        Ok((graph, found))
    }

    /// Copies of all blocks: from the working ones to the good ones, or back.
    ///
    /// # Errors
    /// If the store lacks a block.
    pub fn copies(&self, store: &Store, back: bool) -> Result<Graph, GraphError> {
        let mut graph = Graph::new();
        graph.set_phase(Phase::Update);
        for block in self.blocks() {
            let working = graph.stored(store, &block)?;
            let good = graph.stored(store, &format!("{block}.good"))?;
            let (from, to) = if back {
                (good, working)
            } else {
                (working, good)
            };
            graph.copy_to(from, to)?;
        }
        Ok(graph)
    }

    fn forward_and_log(
        &self,
        graph: &mut Graph,
        store: &Store,
        tables: &Tables,
        batch: Batch,
        mode: Mode,
    ) -> Result<TensorId, GraphError> {
        let y = self.network.forward(graph, store, batch.x, mode)?;
        let tensors = self.objective.build(graph, y, &batch)?;
        graph.rename(tensors.loss, "loss");
        let log = graph.stored(store, &tables.part("log.loss"))?;
        let told = tables.told(graph, &tensors)?;
        graph.record(told, log)?;
        let metric = match (tables.metric(), batch.labels, tensors.by_output) {
            (Metric::Nothing, _, _) => return Ok(tensors.loss),
            (Metric::Correct, Some(labels), _) => {
                let correct = graph.correct(y, labels)?;
                graph.sum(correct)?
            }
            // The loss is the metric already.
            (_, _, Some(by_output))
                if self.objective.is_squared_error() && tensors.weight.is_none() =>
            {
                by_output
            }
            _ => {
                let prediction = graph.activation(y, self.objective.output())?;
                let errors = graph.squared_error(prediction, batch.target)?;
                graph.mean_axis(errors, 0)?
            }
        };
        graph.rename(metric, "metric");
        let log = graph.stored(store, &tables.part("log.metric"))?;
        graph.record(metric, log)?;
        Ok(tensors.loss)
    }
}
