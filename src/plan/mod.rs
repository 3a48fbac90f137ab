//! Plans: kernel steps over placed tensors, as plain data.
//!
//! [`Plan::new`] is the part of the scheduler that needs no device. It drops what nobody needs, lowers each op to a
//! step, fuses into a product what alone reads it, and places every tensor: lasting ones in the store, passing ones in
//! buffers that are used again as soon as their tensor is no longer needed. The gradients of a block of parameters are
//! computed into one buffer laid out like the block, so that one step updates all; or, for plain SGD, the products that
//! compute them update the parameters at once. A step that a device could not run, because it binds too much or loops too
//! long, is split. A plan knows its memory before anything is allocated, and prints itself.
//!
//! Two rules hold in every plan, because a device tracks whole buffers:
//! - no step reads one tensor and writes another in the same buffer (it may write two, if they do not overlap);
//! - each tensor starts at a multiple of 256 bytes in its buffer.

mod build;
mod error;
mod fuse;
mod place;
mod print;
mod split;

pub use error::PlanError;

use std::collections::HashMap;

use crate::graph::{Graph, GraphError, Phase, Store, Stored, TensorId};
use crate::kernel::{Access, Kernel, Limits, WORKGROUP};
use crate::tensor::{Element, Shape};

/// A buffer, by its number in the store or in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BufferId {
    /// A block of the store.
    Store(usize),
    /// One of the plan's own.
    Plan(usize),
}

/// Where a tensor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// The buffer.
    pub buffer: BufferId,
    /// The first element.
    pub offset: usize,
    /// How many elements.
    pub len: usize,
}

impl Place {
    /// All of a buffer of the plan's own.
    pub const fn whole(buffer: usize, len: usize) -> Self {
        Self {
            buffer: BufferId::Plan(buffer),
            offset: 0,
            len,
        }
    }

    /// Whether it shares elements with another.
    pub fn meets(&self, other: &Self) -> bool {
        let [end, other_end] = [self, other].map(|place| place.offset + place.len);
        self.buffer == other.buffer && self.offset < other_end && other.offset < end
    }

    /// Where a tensor of the store is.
    ///
    /// # Errors
    /// If the store has none of that name.
    pub fn stored(store: &Store, name: &str) -> Result<Self, GraphError> {
        let (stored, shape, _) = store.find(name)?;
        Ok(Self {
            buffer: stored.into(),
            offset: stored.offset,
            len: shape.len(),
        })
    }
}

/// A buffer of the plan's own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Buffer {
    /// The type of its elements.
    pub element: Element,
    /// How many it holds.
    pub len: usize,
    /// What all elements are when the plan is loaded; zero unless it holds a constant.
    pub fill: f64,
}

impl Buffer {
    /// The bytes it takes on a device.
    pub const fn bytes(&self) -> u64 {
        (self.len * self.element.size()).next_multiple_of(16) as u64
    }
}

/// A tensor of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedTensor {
    /// Its name, for people.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// Its element type.
    pub element: Element,
    /// Where it is.
    pub place: Place,
}

/// One kernel applied to given tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The kernel, with its parameters.
    pub kernel: Kernel,
    /// The tensors it reads, by number, in the order of the kernel's bindings.
    pub inputs: Vec<usize>,
    /// The tensors it writes or changes, in the order of the bindings.
    pub outputs: Vec<usize>,
    /// The layer it belongs to.
    pub layer: Option<usize>,
    /// Forward, backward or update.
    pub phase: Phase,
}

/// Kernel steps over placed tensors.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What the plan is for, such as `train`.
    pub name: String,
    /// The plan's own buffers.
    pub buffers: Vec<Buffer>,
    /// All tensors of its steps.
    pub tensors: Vec<PlacedTensor>,
    /// The steps, in order.
    pub steps: Vec<Step>,
    outputs: HashMap<TensorId, PlacedTensor>,
    bytes_without_reuse: u64,
}

impl Plan {
    /// Makes the plan of a graph. `outputs` are the computed tensors that are read when it has run; what neither they
    /// nor the store need is not computed.
    ///
    /// # Errors
    /// If a buffer is larger than the device's largest, a step cannot be split so that the device can run it, or a step
    /// reads and writes one block of the store.
    pub fn new(
        name: &str,
        graph: &Graph,
        outputs: &[TensorId],
        limits: &Limits,
    ) -> Result<Self, PlanError> {
        build::build(name, graph, outputs, true).made_for(limits)
    }

    /// The same plan with nothing fused: a step for every op.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn unfused(
        name: &str,
        graph: &Graph,
        outputs: &[TensorId],
        limits: &Limits,
    ) -> Result<Self, PlanError> {
        build::build(name, graph, outputs, false).made_for(limits)
    }

    /// The plan with the steps split that a device with these limits could not run.
    fn made_for(mut self, limits: &Limits) -> Result<Self, PlanError> {
        split::split(&mut self, limits)?;
        self.check(limits)?;
        Ok(self)
    }

    /// A plan made by hand, for tests of single kernels. Nothing of it is split.
    ///
    /// # Errors
    /// As [`Plan::new`].
    ///
    /// # Panics
    /// If the steps break a rule of plans.
    pub fn from_parts(
        name: &str,
        buffers: Vec<Buffer>,
        tensors: Vec<PlacedTensor>,
        steps: Vec<Step>,
        limits: &Limits,
    ) -> Result<Self, PlanError> {
        let plan = Self {
            name: name.to_owned(),
            bytes_without_reuse: passing(&tensors),
            buffers,
            tensors,
            steps,
            outputs: HashMap::new(),
        };
        plan.check(limits)?;
        Ok(plan)
    }

    /// A plan of nothing but one kernel, whose tensors are the kernel's bindings in their order, each in a buffer of its own.
    /// Nothing of it is split.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn alone(kernel: Kernel, limits: &Limits) -> Result<Self, PlanError> {
        let bindings = kernel.bindings();
        let reads = bindings.iter().filter(|b| b.access == Access::Read).count();
        let buffers = bindings.iter().map(|b| Buffer {
            element: b.element,
            len: b.len,
            fill: 0.0,
        });
        let tensors = bindings.iter().enumerate().map(|(index, b)| PlacedTensor {
            name: b.name.to_owned(),
            shape: [b.len].into(),
            element: b.element,
            place: Place::whole(index, b.len),
        });
        let step = Step {
            kernel,
            inputs: (0..reads).collect(),
            outputs: (reads..bindings.len()).collect(),
            layer: None,
            phase: Phase::Forward,
        };
        let (buffers, tensors) = (buffers.collect(), tensors.collect());
        Self::from_parts(kernel.name(), buffers, tensors, vec![step], limits)
    }

    /// An output of the plan, in its own shape also where it is a view of another tensor.
    pub fn output(&self, tensor: TensorId) -> Option<&PlacedTensor> {
        self.outputs.get(&tensor)
    }

    /// The bytes of the plan's own buffers on a device. What is in the store comes on top; see [`Store::bytes`].
    pub fn bytes(&self) -> u64 {
        self.buffers.iter().map(Buffer::bytes).sum()
    }

    /// The bytes that its passing tensors would take if no buffer were used twice.
    pub const fn bytes_without_reuse(&self) -> u64 {
        self.bytes_without_reuse
    }

    /// Multiplications and additions in one run, counted as the kernels count them.
    pub fn operations(&self) -> u64 {
        self.steps
            .iter()
            .map(|s| s.kernel.spec().operations())
            .sum()
    }

    /// A step in words: its number, its kernel, its layer and phase.
    pub fn describe(&self, step: usize) -> String {
        let Step {
            kernel,
            layer,
            phase,
            ..
        } = &self.steps[step];
        describe(step, kernel, *layer, *phase)
    }

    /// Holds the plan to its rules.
    fn check(&self, limits: &Limits) -> Result<(), PlanError> {
        let bound = self
            .steps
            .iter()
            .flat_map(|s| s.inputs.iter().chain(&s.outputs));
        for tensor in bound.map(|&t| &self.tensors[t]) {
            if tensor.element == Element::F16 && !limits.half {
                let (plan, tensor) = (self.name.clone(), tensor.name.clone());
                return Err(PlanError::NoHalf { plan, tensor });
            }
            let bytes = (tensor.place.len as u64).saturating_mul(tensor.element.size() as u64);
            if bytes > limits.binding {
                let (tensor, limit) = (tensor.name.clone(), limits.binding);
                return Err(PlanError::TooLarge {
                    plan: self.name.clone(),
                    tensor,
                    bytes,
                    limit,
                });
            }
            let offset = tensor.place.offset * tensor.element.size();
            assert!(
                offset.is_multiple_of(crate::graph::ALIGNMENT),
                "{}: {} is not aligned",
                self.name,
                tensor.name
            );
        }
        if let Some(buffer) = self.buffers.iter().find(|b| b.bytes() > limits.buffer) {
            let (bytes, limit) = (buffer.bytes(), limits.buffer);
            return Err(PlanError::Buffer {
                plan: self.name.clone(),
                bytes,
                limit,
            });
        }
        for index in 0..self.steps.len() {
            self.check_step(index)?;
            let turns = turns(&self.steps[index].kernel, limits);
            if turns > limits.turns {
                let (plan, step, limit) = (self.name.clone(), self.describe(index), limits.turns);
                return Err(PlanError::TooLong {
                    plan,
                    step,
                    turns,
                    limit,
                });
            }
        }
        Ok(())
    }

    /// # Panics
    /// If a step's operands are not what its kernel binds, or share a buffer of the plan: a fault of the scheduler.
    fn check_step(&self, index: usize) -> Result<(), PlanError> {
        let step = &self.steps[index];
        let bindings = step.kernel.bindings();
        let reads = bindings.iter().filter(|b| b.access == Access::Read).count();
        let describe = || format!("plan {}, {}", self.name, self.describe(index));
        assert_eq!(
            (reads, bindings.len() - reads),
            (step.inputs.len(), step.outputs.len()),
            "{}",
            describe()
        );
        for (binding, &tensor) in bindings.iter().zip(step.inputs.iter().chain(&step.outputs)) {
            let tensor = &self.tensors[tensor];
            let found = (tensor.place.len, tensor.element);
            assert_eq!(
                (binding.len, binding.element),
                found,
                "{}: {} as {}",
                describe(),
                tensor.name,
                binding.name
            );
        }
        let buffer = |&tensor: &usize| self.tensors[tensor].place.buffer;
        for (i, output) in step.outputs.iter().enumerate() {
            let apart = |other: &&usize| {
                let [a, b] = [**other, *output].map(|t| self.tensors[t].place);
                a.offset + a.len <= b.offset || b.offset + b.len <= a.offset
            };
            let written = step.outputs[..i].iter().filter(|o| !apart(o));
            let mut others = step.inputs.iter().chain(written).map(buffer);
            if !others.any(|b| b == buffer(output)) {
                continue;
            }
            let tensor = self.tensors[*output].name.clone();
            assert!(
                matches!(buffer(output), BufferId::Store(_)),
                "{}: {tensor} shares its buffer with another operand",
                describe()
            );
            let (plan, step) = (self.name.clone(), self.describe(index));
            return Err(PlanError::SharedBlock { plan, step, tensor });
        }
        Ok(())
    }
}

/// How many turns the loops of one invocation take: those of the kernel, for each element or row that falls to it when
/// there are more than one dispatch has invocations.
fn turns(kernel: &Kernel, limits: &Limits) -> u64 {
    let written = kernel
        .bindings()
        .into_iter()
        .filter(|b| b.access != Access::Read);
    let most = written.map(|b| b.len as u64).max().unwrap_or(1);
    let invocations = u64::from(limits.workgroups) * u64::from(WORKGROUP);
    kernel
        .spec()
        .turns(limits)
        .saturating_mul(most.div_ceil(invocations).max(1))
}

/// A step in words.
fn describe(number: usize, kernel: &Kernel, layer: Option<usize>, phase: Phase) -> String {
    let layer = layer.map_or_else(String::new, |l| format!("layer {l}, "));
    format!("step {number} ({}, {layer}{phase})", kernel.name())
}

/// The bytes of tensors that do not last, each counted for itself.
fn passing(tensors: &[PlacedTensor]) -> u64 {
    let own = tensors
        .iter()
        .filter(|t| matches!(t.place.buffer, BufferId::Plan(_)));
    own.map(|t| (t.place.len * t.element.size()).next_multiple_of(16) as u64)
        .sum()
}

/// The buffer in which a stored tensor is.
impl From<Stored> for BufferId {
    fn from(stored: Stored) -> Self {
        Self::Store(stored.block)
    }
}
