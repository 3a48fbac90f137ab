//! Where the parameters of all members lie: one tensor for each of a network, `[members, ..]`, as wide as the widest.

use super::Member;
use crate::network::{Init, Layer, Network};
use crate::tensor::Shape;
use crate::train::TrainError;

/// The layout of a population's parameters.
#[derive(Debug, Clone)]
pub(super) struct Stack {
    /// A network as wide as the widest in each layer.
    pub(super) widest: Network,
    pub(super) count: usize,
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
    /// The block of what parameters are multiplied by, the ending of its tensors, and those of their weight decays.
    pub(super) const SCALES: &'static str = "scales";
    pub(super) const SCALE: &'static str = ".scale";
    pub(super) const DECAYS: &'static str = "decays";
    pub(super) const DECAY: &'static str = ".decay";

    /// The layout for these members.
    pub(super) fn new(members: &[Member]) -> Result<Self, TrainError> {
        let Some(first) = members.first() else {
            return super::option("members", 0, "at least 1");
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
        Ok(Self {
            widest,
            count: members.len(),
        })
    }

    pub(super) const fn inputs(&self) -> usize {
        self.widest.inputs
    }

    pub(super) fn outputs(&self) -> usize {
        self.widest.outputs()
    }

    /// The tensors, with an ending behind their names.
    pub(super) fn members(&self, ending: &str) -> Vec<(String, Shape)> {
        let parameters = self.widest.parameters().into_iter();
        let stacked = |shape: &Shape| {
            let dims: Vec<_> = std::iter::once(self.count)
                .chain(shape.dims().iter().copied())
                .collect();
            Shape::from(&dims[..])
        };
        parameters
            .map(|p| (format!("{}{ending}", p.name), stacked(&p.shape)))
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
    fn filled(&self, members: &[Member], of: impl Fn(usize, usize, usize) -> f64) -> Vec<f32> {
        let mut values = Vec::new();
        for parameter in 0..self.widest.parameters().len() {
            let begin = values.len();
            for (at, member) in members.iter().enumerate() {
                let slot = self.slots(member).nth(parameter).expect("all have as many");
                let first = values.len();
                values.resize(first + slot.len(), 0.0);
                for (element, place) in slot.places().enumerate() {
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "single precision is meant"
                    )]
                    let value = of(at, parameter, element) as f32;
                    values[first + place] = value;
                }
            }
            // Tensors of a block begin where a device can bind them.
            let len = values.len() - begin;
            values.resize(begin + aligned(len), 0.0);
        }
        values
    }

    /// What is stored at first: the first weights, divided by their scales.
    pub(super) fn first(
        &self,
        members: &[Member],
        scale: fn(f64) -> f64,
    ) -> Result<Vec<f32>, TrainError> {
        let mut first = Vec::new();
        for member in members {
            first.push(match &member.initial {
                Some(values) => {
                    crate::train::model::check_parameters(&member.network, values)?;
                    values.clone()
                }
                None => member.network.initial(Init::Default, member.seed),
            });
        }
        Ok(self.filled(members, |at, parameter, element| {
            f64::from(first[at][parameter][element]) / scale(members[at].learning_rate)
        }))
    }

    /// What each element is multiplied by.
    pub(super) fn scales(&self, members: &[Member], scale: fn(f64) -> f64) -> Vec<f32> {
        self.filled(members, |at, _, _| scale(members[at].learning_rate))
    }

    /// The weight decay of each element.
    pub(super) fn decays(&self, members: &[Member]) -> Vec<f32> {
        self.filled(members, |at, _, _| members[at].weight_decay)
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
        let mut begin = 0;
        self.slots(member)
            .map(|slot| {
                let own = &stored[begin + at * slot.len()..][..slot.len()];
                begin += aligned(self.count * slot.len());
                // In single precision, as the device does it.
                #[expect(clippy::cast_possible_truncation, reason = "single precision is meant")]
                let value = |place: usize| own[place] as f32 * scale as f32;
                slot.places().map(value).collect()
            })
            .collect()
    }
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
