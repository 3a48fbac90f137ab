//! Where the parameters of all members lie: one tensor for each of a network, `[members, ..]`, as wide as the widest.

use super::Member;
use super::member::Standing;
use crate::graph::Store;
use crate::network::{Init, Layer, Network, PARAMETERS};
use crate::tensor::Shape;
use crate::train::TrainError;
use crate::train::error::option;

/// The layout of a population's parameters.
#[derive(Debug, Clone)]
pub(super) struct Stack {
    /// A network as wide as the widest in each layer.
    pub(super) widest: Network,
    pub(super) count: usize,
    /// Decides what dropout drops.
    pub(super) seed: u64,
    /// What stands before the names of its tensors, as a store may hold several.
    prefix: String,
}

/// One parameter of one member: where it lies in its tensor.
struct Slot {
    /// Its rows and columns, and those of the tensor's part for a member.
    own: [usize; 2],
    whole: [usize; 2],
}

impl Slot {
    /// The elements of the tensor's part that are the member's own, in the order of its parameter.
    fn places(&self) -> impl Iterator<Item = usize> {
        let ([rows, columns], [_, width]) = (self.own, self.whole);
        (0..rows).flat_map(move |row| (0..columns).map(move |column| row * width + column))
    }

    const fn len(&self) -> usize {
        self.whole[0] * self.whole[1]
    }
}

/// A matrix, or a vector as a row of one.
fn rows_and_columns(shape: &Shape) -> [usize; 2] {
    match *shape.dims() {
        [rows, columns] => [rows, columns],
        _ => [1, shape.len()],
    }
}

impl Stack {
    /// The endings of the block of what parameters are multiplied by, and of that of their weight decays.
    pub(super) const SCALE: &'static str = "scale";
    pub(super) const DECAY: &'static str = "decay";

    /// The layout for these members, under names that the store does not have.
    pub(super) fn new(members: &[Member], store: &Store) -> Result<Self, TrainError> {
        let Some(first) = members.first() else {
            return option("members", 0, "at least 1");
        };
        let mut widest = first.network.clone();
        for member in members {
            member.network.check()?;
            merge(&mut widest, &member.network)?;
            let ends = [member.network.inputs, member.network.outputs()];
            if ends != [first.network.inputs, first.network.outputs()] {
                return Err(unlike(&member.network, &first.network));
            }
        }
        let mut stack = Self {
            widest,
            count: members.len(),
            seed: first.seed,
            prefix: String::new(),
        };
        let mut number = 1;
        while store.find(&stack.block("")).is_ok() {
            number += 1;
            stack.prefix = format!("{number}.");
        }
        Ok(stack)
    }

    /// The block of the parameters, or, with an ending, one of the same layout.
    pub(super) fn block(&self, ending: &str) -> String {
        let dot = if ending.is_empty() { "" } else { "." };
        format!("{}{PARAMETERS}{dot}{ending}", self.prefix)
    }

    pub(super) const fn inputs(&self) -> usize {
        self.widest.inputs
    }

    pub(super) fn outputs(&self) -> usize {
        self.widest.outputs()
    }

    /// The inputs of a row, and what the layers of one member give for it, together.
    pub(super) fn units(&self) -> usize {
        let of = |layer: &Layer| match layer {
            Layer::Linear { outputs, .. } => *outputs,
            _ => 0,
        };
        self.inputs() + self.widest.layers.iter().map(of).sum::<usize>()
    }

    /// The tensors of the parameters.
    pub(super) fn tensors(&self) -> Vec<(String, Shape)> {
        let parameters = self.widest.parameters().into_iter();
        let stacked = |shape: &Shape| {
            let dims: Vec<_> = std::iter::once(self.count)
                .chain(shape.dims().iter().copied())
                .collect();
            Shape::from(&dims[..])
        };
        parameters
            .map(|p| (format!("{}{}", self.prefix, p.name), stacked(&p.shape)))
            .collect()
    }

    fn slots<'a>(&'a self, member: &'a Member) -> impl Iterator<Item = Slot> + 'a {
        let both = self.widest.parameters().into_iter();
        both.zip(member.network.parameters())
            .map(|(whole, own)| Slot {
                own: rows_and_columns(&own.shape),
                whole: rows_and_columns(&whole.shape),
            })
    }

    /// A block in which each member's own elements have the values that `of` says for parameter and element, and all others
    /// are 0.
    fn filled(&self, members: &[Member], of: impl Fn(usize, usize, usize) -> f64) -> Vec<f64> {
        let mut values = Vec::new();
        for parameter in 0..self.widest.parameters().len() {
            let begin = values.len();
            for (at, member) in members.iter().enumerate() {
                let slot = self.slots(member).nth(parameter).expect("all have as many");
                let first = values.len();
                values.resize(first + slot.len(), 0.0);
                for (element, place) in slot.places().enumerate() {
                    values[first + place] = of(at, parameter, element);
                }
            }
            // Tensors of a block begin where a device can bind them.
            let len = values.len() - begin;
            values.resize(begin + aligned(len), 0.0);
        }
        values
    }

    /// What is stored at first: the first weights, divided by their scales, or what was stored for a member that goes on.
    pub(super) fn first(
        &self,
        members: &[Member],
        scale: fn(f64) -> f64,
    ) -> Result<Vec<f64>, TrainError> {
        let mut first: Vec<Vec<Vec<f64>>> = Vec::new();
        for member in members {
            let drawn = match (&member.standing, &member.initial) {
                (Some(standing), _) => {
                    first.push(standing.blocks[0].clone());
                    continue;
                }
                (None, Some(values)) => {
                    crate::train::model::check_parameters(&member.network, values)?;
                    values.clone()
                }
                (None, None) => member.network.initial(Init::Default, member.seed),
            };
            let scale = scale(member.learning_rate);
            let stored = |value: &f32| single(f64::from(*value) / scale);
            let stored = drawn
                .iter()
                .map(|values| values.iter().map(stored).collect());
            first.push(stored.collect());
        }
        Ok(self.filled(members, |at, parameter, element| {
            first[at][parameter][element]
        }))
    }

    /// A state of members that go on: of the blocks of their standings, that of this number.
    pub(super) fn state(&self, members: &[Member], number: usize) -> Vec<f64> {
        let standings: Vec<&Standing> = (members.iter())
            .map(|member| member.standing.as_ref().expect("all go on"))
            .collect();
        self.filled(members, |at, parameter, element| {
            standings[at].blocks[number][parameter][element]
        })
    }

    /// What each element is multiplied by.
    pub(super) fn scales(&self, members: &[Member], scale: fn(f64) -> f64) -> Vec<f64> {
        self.filled(members, |at, _, _| single(scale(members[at].learning_rate)))
    }

    /// The weight decay of each element.
    pub(super) fn decays(&self, members: &[Member]) -> Vec<f64> {
        self.filled(members, |at, _, _| single(members[at].weight_decay))
    }

    /// What of a block that is laid out as the parameters are is one member's own, by parameter.
    pub(super) fn own(&self, stored: &[f64], at: usize, member: &Member) -> Vec<Vec<f64>> {
        let mut begin = 0;
        self.slots(member)
            .map(|slot| {
                let own = &stored[begin + at * slot.len()..][..slot.len()];
                begin += aligned(self.count * slot.len());
                slot.places().map(|place| own[place]).collect()
            })
            .collect()
    }

    /// The parameters of one member, of what is stored for all.
    pub(super) fn values(
        &self,
        stored: &[f64],
        at: usize,
        member: &Member,
        scale: fn(f64) -> f64,
    ) -> Vec<Vec<f32>> {
        let scale = scale(member.learning_rate);
        // In single precision, as the device does it.
        #[expect(clippy::cast_possible_truncation, reason = "single precision is meant")]
        let value = |stored: f64| stored as f32 * scale as f32;
        let own = self.own(stored, at, member).into_iter();
        own.map(|values| values.into_iter().map(value).collect())
            .collect()
    }
}

/// A number as single precision has it.
#[expect(clippy::cast_possible_truncation, reason = "single precision is meant")]
fn single(value: f64) -> f64 {
    f64::from(value as f32)
}

/// Elements up to the next tensor of a block.
const fn aligned(len: usize) -> usize {
    len.next_multiple_of(crate::graph::ALIGNMENT / size_of::<f32>())
}

/// Makes the layers of `widest` at least as wide as those of `network`.
fn merge(widest: &mut Network, network: &Network) -> Result<(), TrainError> {
    let shown = widest.clone();
    if widest.layers.len() != network.layers.len() {
        return Err(unlike(network, &shown));
    }
    for (wide, layer) in widest.layers.iter_mut().zip(&network.layers) {
        match (wide, layer) {
            (
                Layer::Linear { outputs, bias },
                Layer::Linear {
                    outputs: own,
                    bias: has,
                },
            ) if bias == has => *outputs = (*outputs).max(*own),
            (Layer::Activation { function }, Layer::Activation { function: own })
                if function == own => {}
            (Layer::Dropout { p }, Layer::Dropout { p: own }) if p == own => {}
            _ => return Err(unlike(network, &shown)),
        }
    }
    Ok(())
}

fn unlike(network: &Network, first: &Network) -> TrainError {
    TrainError::Option {
        name: "a member's network",
        found: format!("{network} beside {first}"),
        expected: "linear layers, activations and dropout as in the first, with the same inputs and outputs",
    }
}
