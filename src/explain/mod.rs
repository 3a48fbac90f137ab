//! Looking inside a network: what its answers depend on, what excites its units, and simpler models that mimic it.
//!
//! An [`Explainer`] holds a trained network on a device. What it computes are graphs like any other: the inputs of a
//! prediction are a tensor of the store, and [`Graph::differentiate`] takes the gradient of an output at them.
//!
//! | what | by |
//! |---|---|
//! | how an answer changes with each input | [`Explainer::gradients`], [`Explainer::perturbation`] |
//! | what each input contributes to an answer | [`Explainer::integrated_gradients`] |
//! | what an answer loses where a picture is covered | [`Explainer::occlusion`] |
//! | inputs that excite a unit most | [`Explainer::excite`], [`Explainer::most_excited`] |
//! | units that do nothing, linear regions | [`Explainer::units`] |
//! | the linear network that a network is at an input | [`Affine`] |
//! | a linear model, or a tree, that mimics the network | [`Linear`], [`Tree`] |
//!
//! ```
//! use thalweg::device::Device;
//! use thalweg::explain::{Explainer, Quantity};
//! use thalweg::network::{Activation, Network};
//! use thalweg::train::Model;
//!
//! // y = 2 a - 3 b + 1
//! let network = Network::new(2).linear(1);
//! let model = Model::from_values(network, Activation::Identity, vec![vec![2.0, -3.0], vec![1.0]])?;
//! let mut explainer = Explainer::new(&model, Device::Cpu.open(None)?.executor)?;
//! let found = explainer.gradients(Quantity::Logit, &[5.0, 7.0], &[0])?;
//! assert_eq!((found.values, found.gradients), (vec![-10.0], vec![2.0, -3.0]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod affine;
mod error;
mod excite;
mod gradients;
mod linear;
mod local;
mod occlusion;
mod path;
mod spread;
mod taps;
mod tree;
mod units;

use std::collections::HashMap;

pub use affine::Affine;
pub use error::ExplainError;
pub use excite::{Excited, Exciting, Place, Ranked};
pub use gradients::Gradients;
pub use linear::{Fidelity, Linear};
pub use local::{Cells, Local, Locality};
pub use occlusion::{Occluded, Patch};
pub use path::Integrated;
pub use spread::Spread;
pub use taps::UnitLayer;
pub use tree::{Answer, Goal, Split, Tree, TreeNode, Words};
pub(crate) use units::largest;
pub use units::{Regions, UnitsFound};

use crate::executor::{Data, Executor, Program, Workspace};
use crate::graph::{Graph, TensorId};
use crate::kernel::Tick;
use crate::network::{Activation, Mode, Network};
use crate::tensor::Element;
use crate::train::Model;

/// Rows that are computed at once, at most; fewer where they, or what a layer makes of them, are more numbers than
/// [`NUMBERS`].
const AT_ONCE: usize = 1024;
const NUMBERS: usize = 1 << 22;
/// Rows are filled up to one of these, or to all, since each number of rows takes graphs of its own.
const SIZES: [usize; 3] = [1, 32, 256];

/// What of an output is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quantity {
    /// What the last layer gives: a logit, a score or a number.
    Logit,
    /// What the prediction is: behind a cross-entropy the probability, else the same.
    Probability,
}

impl Quantity {
    /// The words for it.
    pub const WORDS: [&'static str; 2] = ["logit", "probability"];
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(Self::WORDS[*self as usize])
    }
}

/// A graph that was loaded, by what it computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Job {
    Answers(Quantity, usize),
    Gradients(Quantity, usize),
    Units(usize),
}

/// A trained network on a device, to be looked into.
pub struct Explainer {
    workspace: Workspace,
    network: Network,
    output: Activation,
    programs: HashMap<Job, Program>,
    /// Graphs that are loaded for one call have names of their own in the store.
    calls: usize,
}

impl Explainer {
    /// Puts a model on a device.
    ///
    /// # Errors
    /// If the values do not fit the network, or the device cannot hold it.
    pub fn new(model: &Model, executor: Box<dyn Executor>) -> Result<Self, ExplainError> {
        let Model {
            network,
            output,
            values,
        } = Model::from_values(model.network.clone(), model.output, model.values.clone())?;
        let mut workspace = Workspace::new(executor);
        network.declare(&mut workspace.store)?;
        for (parameter, values) in network.lasting().zip(values) {
            workspace.write(&parameter.name, values)?;
        }
        Ok(Self {
            workspace,
            network,
            output,
            programs: HashMap::new(),
            calls: 0,
        })
    }

    /// The network.
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// What it runs on.
    pub fn executor(&self) -> &dyn Executor {
        self.workspace.executor.as_ref()
    }

    /// Answers `[rows, outputs]` for inputs `[rows, features]`.
    ///
    /// # Errors
    /// If the inputs are not whole rows, or the device failed.
    pub fn answers(&mut self, of: Quantity, x: &[f32]) -> Result<Vec<f64>, ExplainError> {
        let outputs = self.network.outputs();
        let mut all = Vec::with_capacity(self.rows_of(x)? * outputs);
        for part in x.chunks(self.at_once() * self.network.inputs) {
            let (rows, count) = self.put_rows(part)?;
            let program = self.program(Job::Answers(of, rows))?;
            self.workspace.run(&program, &[Tick::default()])?;
            let y = self.workspace.read(&program, 0)?;
            all.extend_from_slice(&y[..count * outputs]);
        }
        Ok(all)
    }

    /// How many rows these inputs are.
    fn rows_of(&self, x: &[f32]) -> Result<usize, ExplainError> {
        let features = self.network.inputs;
        if !x.is_empty() && x.len().is_multiple_of(features) {
            return Ok(x.len() / features);
        }
        let expected = format!("whole rows of {features} inputs, at least one");
        Err(ExplainError::value(
            "x",
            format!("{} numbers", x.len()),
            expected,
        ))
    }

    /// Refuses numbers of outputs that are not one a row, or that the network has not.
    fn check_outputs(&self, outputs: &[usize], rows: usize) -> Result<(), ExplainError> {
        if outputs.len() != rows {
            let found = format!("{} numbers", outputs.len());
            return Err(ExplainError::value(
                "outputs",
                found,
                format!("one a row, {rows}"),
            ));
        }
        check_below("output", outputs, self.network.outputs())
    }

    /// Rows that are computed at once, at most.
    fn at_once(&self) -> usize {
        let stages = self.network.stages();
        let columns = stages.iter().map(|stage| stage.inputs.max(stage.outputs));
        let widest = columns.fold(self.network.inputs, usize::max);
        (NUMBERS / widest).clamp(1, AT_ONCE)
    }

    /// Writes at most [`Explainer::at_once`] rows where graphs find them, filled up so that few different graphs are loaded. Tells
    /// the rows with and without what they were filled up by.
    fn put_rows(&mut self, x: &[f32]) -> Result<(usize, usize), ExplainError> {
        let count = x.len() / self.network.inputs;
        let most = self.at_once();
        let rows = SIZES.into_iter().find(|size| *size >= count);
        let rows = rows.map_or(most, |size| size.min(most));
        self.declare(&inputs_of(rows), [rows, self.network.inputs])?;
        let mut filled = x.to_vec();
        filled.resize(rows * self.network.inputs, 0.0);
        self.workspace.write(&inputs_of(rows), filled)?;
        Ok((rows, count))
    }

    /// Declares a tensor of the store if it is not there.
    fn declare(&mut self, name: &str, shape: [usize; 2]) -> Result<(), ExplainError> {
        let store = &mut self.workspace.store;
        if store.find(name).is_err() {
            store.declare(name, shape, Element::F32)?;
        }
        Ok(())
    }

    /// A 1 for the output that is meant in each row, else 0.
    fn put_mask(
        &mut self,
        rows: usize,
        columns: usize,
        meant: &[usize],
    ) -> Result<(), ExplainError> {
        let name = mask_of(rows, columns);
        self.declare(&name, [rows, columns])?;
        let mut mask = vec![0.0_f32; rows * columns];
        for (row, &column) in meant.iter().enumerate() {
            mask[row * columns + column] = 1.0;
        }
        Ok(self.workspace.write(&name, Data::F32(mask))?)
    }

    /// A name that no other call takes.
    fn fresh(&mut self, what: &str) -> String {
        self.calls += 1;
        format!("explain.{what}.{}", self.calls)
    }

    fn program(&mut self, job: Job) -> Result<Program, ExplainError> {
        if let Some(program) = self.programs.get(&job) {
            return Ok(program.clone());
        }
        let mut graph = Graph::new();
        let (name, outputs) = match job {
            Job::Answers(of, rows) => {
                let x = graph.stored(&self.workspace.store, &inputs_of(rows))?;
                ("answers", vec![self.quantity(&mut graph, x, of)?])
            }
            Job::Gradients(of, rows) => ("gradients", self.differentiated(&mut graph, of, rows)?),
            Job::Units(rows) => {
                let x = graph.stored(&self.workspace.store, &inputs_of(rows))?;
                self.forward(&mut graph, x)?;
                let taps = taps::taps(&self.network, &graph);
                ("units", taps.iter().map(|tap| tap.tensor).collect())
            }
        };
        let program = self.workspace.load(name, &graph, &outputs)?;
        self.programs.insert(job, program.clone());
        Ok(program)
    }

    /// What the last layer gives.
    fn forward(&self, graph: &mut Graph, x: TensorId) -> Result<TensorId, ExplainError> {
        let store = &self.workspace.store;
        Ok(self.network.forward(graph, store, x, Mode::Evaluation)?)
    }

    /// What is explained, of all outputs.
    fn quantity(
        &self,
        graph: &mut Graph,
        x: TensorId,
        of: Quantity,
    ) -> Result<TensorId, ExplainError> {
        let y = self.forward(graph, x)?;
        Ok(match of {
            Quantity::Logit => y,
            Quantity::Probability => graph.activation(y, self.output)?,
        })
    }
}

fn inputs_of(rows: usize) -> String {
    format!("explain.x.{rows}")
}

fn mask_of(rows: usize, columns: usize) -> String {
    format!("explain.mask.{rows}.{columns}")
}

fn check_below(what: &'static str, numbers: &[usize], end: usize) -> Result<(), ExplainError> {
    match numbers.iter().find(|number| **number >= end) {
        None => Ok(()),
        Some(number) => Err(ExplainError::value(
            what,
            number,
            format!("a number from 0 to {}", end.saturating_sub(1)),
        )),
    }
}
