//! Many small networks that are trained at once: one step of one plan is a step of each.
//!
//! A small network leaves a device idle: a step is a dozen dispatches of little work. A [`Population`] stacks the parameters
//! of networks that have the same layers, `[members, outputs, inputs]`, so that each dispatch works for all of them; the
//! products are those of groups. Each member has a seed, a learning rate, a weight decay, widths and rows of its own. What
//! members have come to can be taken out ([`Population::standings`]), and some of them go on in another population.
//!
//! Nothing in the engine knows of it. A member's rate is part of the graph: what is stored and updated is `v`, and the
//! parameter is `w = s v` with a constant `s` for each element. Under SGD, with or without momentum, `s = sqrt(rate)`: the
//! gradient at `v` is `s` times that at `w`, so `w` moves by `s²` times it. Adam divides by the size of the gradient, so it is
//! given that at `w`, and `s = rate`. A narrower member is one whose further units have `s = 0`: they are 0, and stay so.

mod graphs;
mod member;
mod stack;

pub use member::{Member, Standing};

use std::collections::HashMap;

use self::stack::Stack;
use super::error::option;
use super::sequence::Sequence;
use super::tables::{one_hot, row_numbers};
use super::{Model, TrainError};
use crate::data::{Dataset, Targets};
use crate::device::Device;
use crate::executor::{Data, Program, StepTimes, Workspace};
use crate::graph::ops::Update;
use crate::kernel::Tick;
use crate::network::{Activation, Loss};
use crate::plan::Plan;
use crate::tensor::Element;

/// What a device that has nothing left to do has written.
const MARK: &str = "mark";
/// How many rows of the next steps, member by member in each, are on the device at once.
const ORDERED: usize = 1 << 20;
/// What layers give in one prediction of many rows by all members, in numbers, about.
const PREDICTED: usize = 1 << 22;

/// What all members share.
#[derive(Debug, Clone, Copy)]
pub struct Common {
    /// What is made small.
    pub loss: Loss,
    /// Rows in a batch. A member's batches go through its rows in one shuffled order after the other; one that begins in
    /// one order may end in the next.
    pub batch_size: usize,
    /// Whether rows are shuffled. If not, and a batch holds as many as there are, each step is on all rows.
    pub shuffle: bool,
    /// How parameters are updated: SGD with or without momentum, or Adam. The weight decay is each member's own.
    pub update: Update,
}

/// Networks that are trained at once.
pub struct Population {
    workspace: Workspace,
    members: Vec<Member>,
    stack: Stack,
    common: Common,
    output: Activation,
    training: Program,
    /// The rows that members are trained on, and of each member which of them: many have the same.
    sequences: Vec<Sequence>,
    sequence_of: Vec<usize>,
    /// The tensor of the rows of the next steps, and how many of its entries are used, which are whole steps.
    order: (String, usize),
    steps: u32,
    /// The plan that predicts, for so many rows, with this behind the last layer.
    predicting: Option<(usize, Activation, Program)>,
}

impl Population {
    /// Members that begin with their first weights, on a device.
    ///
    /// # Errors
    /// If there is no member, their networks do not have the same layers, the data do not fit them or the loss, a number
    /// makes no sense, or the device failed.
    pub fn new(
        members: Vec<Member>,
        data: &Dataset,
        common: Common,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let executor = device.open(None)?.executor;
        Self::within(Workspace::new(executor), members, data, common)
    }

    /// The same within an empty workspace, or within that of another population on the same data, which are then on the device
    /// already. See [`Population::into_workspace`].
    ///
    /// # Errors
    /// As [`Population::new`], or if the workspace has data of other sizes.
    pub fn within(
        mut workspace: Workspace,
        members: Vec<Member>,
        data: &Dataset,
        common: Common,
    ) -> Result<Self, TrainError> {
        let stack = Stack::new(&members, &workspace.store)?;
        member::check(&members, data, &common)?;
        declare(&mut workspace, &stack, &common.update)?;
        let scale = member::scale(&common.update);
        workspace.write(&stack.block(""), stack.first(&members, scale)?)?;
        workspace.write(&stack.block(Stack::SCALE), stack.scales(&members, scale))?;
        let decays = members.iter().any(|m| m.weight_decay > 0.0);
        if decays {
            workspace.write(&stack.block(Stack::DECAY), stack.decays(&members))?;
        }
        let steps = members[0].standing.as_ref().map(Standing::steps);
        for (state, number) in common.update.states().iter().zip(1..) {
            if steps.is_some() {
                workspace.write(&stack.block(state), stack.state(&members, number))?;
            }
        }
        put_rows(&mut workspace, data, common.loss)?;
        let entries = members.len() * common.batch_size;
        let len = ORDERED.max(entries);
        let order = (format!("order.{len}"), len / entries * entries);
        if workspace.store.find(&order.0).is_err() {
            workspace.store.declare(&order.0, [len], Element::U32)?;
        }
        let graph = graphs::training(&workspace.store, &stack, &common, &order.0, decays)?;
        let training = workspace.load("train a population", &graph, &[])?;
        let steps = steps.unwrap_or(0);
        let (sequences, sequence_of) = sequences(&members, data.rows(), &common, steps);
        Ok(Self {
            output: common.loss.output(),
            sequences,
            sequence_of,
            order,
            stack,
            common,
            training,
            workspace,
            members,
            steps,
            predicting: None,
        })
    }

    /// The workspace, for another population on the same data. What was made for this one stays allocated.
    pub fn into_workspace(self) -> Workspace {
        self.workspace
    }

    /// The plan of a training step.
    pub fn plan(&self) -> &Plan {
        &self.training.plan
    }

    /// The members.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// Training steps so far.
    pub const fn steps(&self) -> u32 {
        self.steps
    }

    /// Trains each member for so many steps more. One that runs away is no error: its numbers are then infinite or none.
    ///
    /// # Errors
    /// If the device failed, or the steps are more than can be counted.
    pub fn train(&mut self, steps: u32) -> Result<(), TrainError> {
        let Some(last) = self.steps.checked_add(steps) else {
            return option("steps", steps, "fewer than 2^32 in all");
        };
        while self.steps < last {
            let (name, entries) = &self.order;
            let mut order = Vec::new();
            let mut ticks = Vec::new();
            let batch = self.common.batch_size;
            let mut drawn = Vec::new();
            while order.len() < *entries && self.steps < last {
                self.steps += 1;
                ticks.push(Tick {
                    step: self.steps,
                    start: u32::try_from(order.len()).unwrap_or(u32::MAX),
                    learning_rate: 1.0,
                    ..Tick::default()
                });
                drawn.clear();
                for sequence in &mut self.sequences {
                    drawn.extend((0..batch).map(|_| sequence.next()));
                }
                for &which in &self.sequence_of {
                    order.extend_from_slice(&drawn[which * batch..(which + 1) * batch]);
                }
            }
            self.workspace.executor.write_part(
                &self.workspace.store,
                name,
                0,
                &Data::U32(order),
            )?;
            self.workspace.run(&self.training, &ticks)?;
        }
        Ok(())
    }

    /// Trains each member for the step after those that are done, on the rows that the device has, and says how long each
    /// step of the plan took: for profiles.
    ///
    /// # Errors
    /// If the device failed.
    pub fn run_timed(&mut self) -> Result<StepTimes, TrainError> {
        self.steps = self.steps.saturating_add(1);
        let tick = Tick {
            step: self.steps,
            learning_rate: 1.0,
            ..Tick::default()
        };
        Ok(self.workspace.run_timed(&self.training, &tick)?)
    }

    /// Waits until the device has done all that it was asked for.
    ///
    /// # Errors
    /// If the device failed.
    pub fn wait(&mut self) -> Result<(), TrainError> {
        self.workspace.get(MARK)?;
        Ok(())
    }

    /// Predictions `[rows, outputs]` of each member for inputs `[rows, features]`: probabilities after a cross-entropy, else
    /// numbers.
    ///
    /// # Errors
    /// If the inputs are not whole rows, or the device failed.
    pub fn predict(&mut self, x: &[f32]) -> Result<Vec<Vec<f32>>, TrainError> {
        self.forward(x, self.output)
    }

    /// The same as the loss takes it: logits where [`Population::predict`] has probabilities.
    ///
    /// # Errors
    /// As [`Population::predict`].
    pub fn logits(&mut self, x: &[f32]) -> Result<Vec<Vec<f32>>, TrainError> {
        self.forward(x, Activation::Identity)
    }

    fn forward(&mut self, x: &[f32], output: Activation) -> Result<Vec<Vec<f32>>, TrainError> {
        let (features, outputs) = (self.stack.inputs(), self.stack.outputs());
        if x.is_empty() || !x.len().is_multiple_of(features) {
            let found = format!("{} numbers", x.len());
            return option("x", found, "whole rows of inputs, at least one");
        }
        let rows = x.len() / features;
        let numbers = self.members.len() * self.stack.units();
        let at_once = rows.min((PREDICTED / numbers).max(1));
        let mut all = vec![Vec::with_capacity(rows * outputs); self.members.len()];
        let program = self.predicting(at_once, output)?;
        let name = graphs::rows_of(at_once);
        let take = |y: &[f64], rows: usize| {
            for (member, y) in all.iter_mut().zip(y.chunks(at_once * outputs)) {
                #[expect(clippy::cast_possible_truncation, reason = "they come from f32")]
                member.extend(y[..rows * outputs].iter().map(|&y| y as f32));
            }
        };
        self.workspace
            .in_parts(&program, (&name, at_once), (x, features), take)?;
        Ok(all)
    }

    fn predicting(&mut self, rows: usize, output: Activation) -> Result<Program, TrainError> {
        if let Some((known, behind, program)) = &self.predicting
            && (*known, *behind) == (rows, output)
        {
            return Ok(program.clone());
        }
        let table = graphs::rows_of(rows);
        if self.workspace.store.find(&table).is_err() {
            let features = self.stack.inputs();
            let store = &mut self.workspace.store;
            store.declare(&table, [rows, features], Element::F32)?;
        }
        let members = self.members.len();
        let name = graphs::index_of(rows, members);
        if self.workspace.store.find(&name).is_err() {
            let index: Vec<u32> = (0..members).flat_map(|_| row_numbers(rows)).collect();
            self.workspace.put(&name, [members * rows], index)?;
        }
        let (graph, y) = graphs::prediction(&self.workspace.store, &self.stack, rows, output)?;
        let program = self
            .workspace
            .load("predict by a population", &graph, &[y])?;
        self.predicting = Some((rows, output, program.clone()));
        Ok(program)
    }

    /// The members as they are now, each as a model of its own.
    ///
    /// # Errors
    /// If the device failed.
    pub fn models(&mut self) -> Result<Vec<Model>, TrainError> {
        let values = self.workspace.get(&self.stack.block(""))?;
        let scale = member::scale(&self.common.update);
        let each = self.members.iter().enumerate();
        Ok(each
            .map(|(at, member)| {
                let values = self.stack.values(&values, at, member, scale);
                Model::new(member.network.clone(), self.output, values)
            })
            .collect())
    }

    /// How far each member has come, for [`Member::standing`].
    ///
    /// # Errors
    /// If the device failed.
    pub fn standings(&mut self) -> Result<Vec<Standing>, TrainError> {
        let endings = std::iter::once(&"").chain(self.common.update.states());
        let blocks: Result<Vec<_>, _> = endings
            .map(|ending| self.workspace.get(&self.stack.block(ending)))
            .collect();
        let blocks = blocks?;
        let each = self.members.iter().enumerate();
        let standing = |(at, member): (usize, &Member)| Standing {
            steps: self.steps,
            blocks: (blocks.iter())
                .map(|block| self.stack.own(block, at, member))
                .collect(),
        };
        Ok(each.map(standing).collect())
    }
}

/// The rows of members, each sequence once, and which of them is each member's.
fn sequences(
    members: &[Member],
    rows: usize,
    common: &Common,
    steps: u32,
) -> (Vec<Sequence>, Vec<usize>) {
    let seen = u64::from(steps) * common.batch_size as u64;
    let (mut sequences, mut known) = (Vec::new(), HashMap::new());
    let mut of = |member: &Member| {
        *known
            .entry((member.seed, member.rows.clone()))
            .or_insert_with(|| {
                let named = member.rows.clone();
                let sequence = Sequence::new(member.seed, named, rows, common.shuffle, seen);
                sequences.push(sequence);
                sequences.len() - 1
            })
    };
    let of = members.iter().map(&mut of).collect();
    (sequences, of)
}

/// Declares parameters, what they are multiplied by, their decay, and the states of the optimiser.
fn declare(workspace: &mut Workspace, stack: &Stack, update: &Update) -> Result<(), TrainError> {
    let (store, block) = (&mut workspace.store, stack.block(""));
    store.declare_block(&block, stack.tensors())?;
    let states = update.states().iter();
    for ending in [&Stack::SCALE, &Stack::DECAY].into_iter().chain(states) {
        store.declare_like(&block, ending)?;
    }
    if store.find(MARK).is_err() {
        workspace.put(MARK, [1], vec![0.0_f32])?;
    }
    Ok(())
}

/// Puts all rows on the device.
fn put_rows(workspace: &mut Workspace, data: &Dataset, loss: Loss) -> Result<(), TrainError> {
    let rows = data.rows();
    if let Ok((_, shape, _)) = workspace.store.find("inputs") {
        if shape.dims() != [rows, data.features()] {
            let found = format!("{shape}");
            return option(
                "the data of the workspace",
                found,
                "those of this population",
            );
        }
        return Ok(());
    }
    let x = data.inputs_of(0..rows)?;
    workspace.put("inputs", [rows, data.features()], x)?;
    match data.targets() {
        Targets::Classes { labels, .. } if loss.takes_classes() => {
            workspace.put("targets", [rows], labels.clone())?;
        }
        Targets::Classes { labels, classes } => {
            let mut hot = Vec::new();
            one_hot(labels, *classes, &mut hot);
            workspace.put("targets", [rows, *classes], hot)?;
        }
        Targets::Numbers { values, outputs } => {
            workspace.put("targets", [rows, *outputs], values.clone())?;
        }
        Targets::None => {}
    }
    Ok(())
}
