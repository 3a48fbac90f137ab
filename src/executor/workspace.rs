//! Graphs of one's own: an executor, its store, and what is loaded on them.

use std::sync::Arc;

use super::{Data, Executor, ExecutorError, PlanHandle, StepTimes};
use crate::graph::{Graph, Store, TensorId};
use crate::kernel::Tick;
use crate::plan::{Place, Plan};
use crate::tensor::Shape;

/// An executor and the store of the graphs that it runs.
///
/// The gradient of `f = x² + 3xy + y² + z³` at (1, 2, 3):
///
/// ```
/// use thalweg::device::Device;
/// use thalweg::executor::Workspace;
/// use thalweg::graph::Graph;
///
/// let mut workspace = Workspace::new(Device::Cpu.open(None)?.executor);
/// for (name, value) in [("x", 1.0), ("y", 2.0), ("z", 3.0)] {
///     workspace.put(name, [1], vec![value])?;
/// }
/// let mut graph = Graph::new();
/// let [x, y, z] = [
///     graph.stored(&workspace.store, "x")?,
///     graph.stored(&workspace.store, "y")?,
///     graph.stored(&workspace.store, "z")?,
/// ];
/// let (xx, xy, yy, zz) = (graph.mul(x, x)?, graph.mul(x, y)?, graph.mul(y, y)?, graph.mul(z, z)?);
/// let terms = [xx, graph.scale(xy, 3.0)?, yy, graph.mul(zz, z)?];
/// let sum = terms[1..].iter().try_fold(terms[0], |sum, &term| graph.add(sum, term))?;
/// let f = graph.sum(sum)?;
/// let gradient = graph.differentiate(f, &[x, y, z])?;
/// let program = workspace.load("gradient", &graph, &gradient)?;
/// assert_eq!(workspace.compute(&program)?, [[8.0], [7.0], [27.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Workspace {
    /// What runs the graphs.
    pub executor: Box<dyn Executor>,
    /// The lasting tensors that they share by name.
    pub store: Store,
}

/// A graph that is loaded.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its plan.
    pub plan: Arc<Plan>,
    handle: PlanHandle,
    outputs: Vec<Place>,
}

impl Workspace {
    /// An empty store on an executor.
    pub fn new(executor: Box<dyn Executor>) -> Self {
        Self {
            executor,
            store: Store::new(),
        }
    }

    /// Writes a tensor of the store, which is declared if it is not there: reals for f32 and f64 values, else integers.
    ///
    /// # Errors
    /// If it is there in another size or type, or the device failed.
    pub fn put(
        &mut self,
        name: &str,
        shape: impl Into<Shape>,
        values: impl Into<Data>,
    ) -> Result<(), ExecutorError> {
        let values = values.into();
        if self.store.find(name).is_err() {
            self.store.declare(name, shape, values.element())?;
        }
        self.write(name, values)
    }

    /// Writes a tensor that is in the store.
    ///
    /// # Errors
    /// If there is none of that name, it has another size or type, or the device failed.
    pub fn write(&mut self, name: &str, values: impl Into<Data>) -> Result<(), ExecutorError> {
        self.executor
            .write_stored(&self.store, name, &values.into())
    }

    /// Reads a tensor of the store.
    ///
    /// # Errors
    /// If there is none of that name, or the device failed.
    pub fn get(&mut self, name: &str) -> Result<Vec<f64>, ExecutorError> {
        let values = self.executor.read_stored(&self.store, name)?;
        Ok(values.to_f64())
    }

    /// Plans a graph over the store and loads it, so that these of its tensors can be read when it has run.
    ///
    /// # Errors
    /// If it does not fit the device.
    pub fn load(
        &mut self,
        name: &str,
        graph: &Graph,
        outputs: &[TensorId],
    ) -> Result<Program, ExecutorError> {
        let plan = Plan::new(name, graph, outputs, self.executor.limits())?;
        let places = outputs.iter().filter_map(|&o| plan.output(o));
        let outputs = places.map(|tensor| tensor.place).collect();
        let plan = Arc::new(plan);
        let handle = self.executor.load(Arc::clone(&plan), &self.store)?;
        Ok(Program {
            plan,
            handle,
            outputs,
        })
    }

    /// Runs a program once for each tick, in order. The device may still be working when this returns; reading waits.
    ///
    /// # Errors
    /// If the device failed.
    pub fn run(&mut self, program: &Program, ticks: &[Tick]) -> Result<(), ExecutorError> {
        self.executor.run(program.handle, ticks)
    }

    /// Runs a program once, and says how long each step of its plan took: for profiles.
    ///
    /// # Errors
    /// If the device failed.
    pub fn run_timed(
        &mut self,
        program: &Program,
        tick: &Tick,
    ) -> Result<StepTimes, ExecutorError> {
        let steps = program.plan.steps.len();
        self.executor.run_timed(program.handle, steps, tick)
    }

    /// Reads one of the outputs, as they are after the last run.
    ///
    /// # Errors
    /// If the device failed.
    ///
    /// # Panics
    /// If there are not so many outputs.
    pub fn read(&mut self, program: &Program, output: usize) -> Result<Vec<f64>, ExecutorError> {
        let place = program.outputs[output];
        Ok(self.executor.read(program.handle, place)?.to_f64())
    }

    /// Computes a program that takes so many rows at once for any number of rows `x` of so many columns: they are written to the
    /// tensor of this name part by part, the last filled up with zeros. `take` gets the first output of each part, and how many
    /// of its rows were meant.
    ///
    /// # Errors
    /// If the device failed, or there is no such tensor.
    pub fn in_parts(
        &mut self,
        program: &Program,
        (name, at_once): (&str, usize),
        (x, columns): (&[f32], usize),
        mut take: impl FnMut(&[f64], usize),
    ) -> Result<(), ExecutorError> {
        for part in x.chunks(at_once * columns) {
            let mut filled = part.to_vec();
            filled.resize(at_once * columns, 0.0);
            self.write(name, filled)?;
            self.run(program, &[Tick::default()])?;
            take(&self.read(program, 0)?, part.len() / columns);
        }
        Ok(())
    }

    /// Runs a program once and reads all its outputs.
    ///
    /// # Errors
    /// If the device failed.
    pub fn compute(&mut self, program: &Program) -> Result<Vec<Vec<f64>>, ExecutorError> {
        self.run(program, &[Tick::default()])?;
        (0..program.outputs.len())
            .map(|output| self.read(program, output))
            .collect()
    }
}
