//! Graphs: ops in order over named tensors, forward and then, if asked, the gradient.
//!
//! A [`Graph`] is built by calling its ops; each checks its operands' shapes and appends one node. The gradient of any
//! scalar at any tensors is more nodes, appended by [`Graph::differentiate`]. A graph holds no numbers and knows no
//! device: [`crate::plan::Plan`] turns it into steps.

mod differentiate;
mod error;
pub mod ops;
mod store;

pub use error::GraphError;
pub use store::{ALIGNMENT, Block, Member, Store, Stored};

use crate::kernel::Kernel;
use crate::tensor::{Element, Shape};

/// A tensor of one graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TensorId(pub(crate) usize);

/// Where a tensor's values come from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Origin {
    /// It lasts, in the store.
    Stored(Stored),
    /// All its elements have this value.
    Constant(f64),
    /// A node computes it.
    Computed,
}

/// What a graph knows of a tensor.
#[derive(Debug, Clone)]
pub struct Tensor {
    /// Its name. Names of computed tensors need not be unique.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// Its element type.
    pub element: Element,
    /// Where its values come from.
    pub origin: Origin,
}

/// The part of a training step that a node belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    /// From the data to the loss.
    Forward,
    /// The gradient.
    Backward,
    /// The change of the parameters, and bookkeeping.
    Update,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Forward => "forward",
            Self::Backward => "backward",
            Self::Update => "update",
        })
    }
}

/// One op applied to tensors.
#[derive(Debug)]
pub struct Node {
    /// The op.
    pub op: Box<dyn Op>,
    /// What it reads.
    pub inputs: Vec<TensorId>,
    /// What it computes, or the stored tensors that it changes in place.
    pub outputs: Vec<TensorId>,
    /// The layer of the network it belongs to.
    pub layer: Option<usize>,
    /// Forward, backward or update.
    pub phase: Phase,
}

/// How an op becomes steps.
#[derive(Debug, Clone, PartialEq)]
pub enum Lowered {
    /// One kernel on the op's inputs and outputs, in their order.
    Kernel(Kernel),
    /// Nothing: the output is the input, seen in another shape.
    View,
    /// Nothing: the output is the input from the element given on.
    Part(usize),
    /// Nothing, where it can be: the inputs are computed into one buffer, each from the element given for it on.
    Pack(Vec<usize>),
}

/// What a gradient rule is told.
#[derive(Debug)]
pub struct Backward {
    /// The op's inputs.
    pub inputs: Vec<TensorId>,
    /// The op's output.
    pub output: TensorId,
    /// The gradient at the output.
    pub dy: TensorId,
    /// Whether anybody needs the gradient at each input.
    pub needed: Vec<bool>,
}

/// A mathematical operation on tensors: shape rule, gradient rule, lowering.
pub trait Op: std::fmt::Debug + Send + Sync {
    /// The op's name.
    fn name(&self) -> &'static str;

    /// The shape rule: the output's shape and element type.
    ///
    /// # Errors
    /// If the operands do not fit.
    fn output(&self, inputs: &[&Tensor]) -> Result<(Shape, Element), GraphError>;

    /// The gradient rule: appends the ops that compute the gradient at each needed input. Unneeded ones may be
    /// `None`.
    ///
    /// # Errors
    /// If there is no gradient.
    fn gradient(
        &self,
        graph: &mut Graph,
        at: &Backward,
    ) -> Result<Vec<Option<TensorId>>, GraphError>;

    /// Whether the first input is addressed by rows, so that only its rows are counted and not its elements.
    fn addresses_rows(&self) -> bool {
        false
    }

    /// The lowering, given the operands' shapes.
    fn lower(&self, inputs: &[&Tensor], outputs: &[&Tensor]) -> Lowered;
}

/// In which precision products are computed: `single` or `mixed`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// f32 throughout.
    #[default]
    Single,
    /// Products read copies of their operands in half precision, and sum in f32. All else, the parameters too, is f32.
    Mixed,
}

impl Precision {
    /// The words for it.
    pub const WORDS: [&'static str; 2] = ["single", "mixed"];
}

impl std::fmt::Display for Precision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(Self::WORDS[*self as usize])
    }
}

impl std::str::FromStr for Precision {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        match word {
            "single" => Ok(Self::Single),
            "mixed" => Ok(Self::Mixed),
            _ => Err(format!(
                "unknown precision `{word}`; expected {}",
                Self::WORDS.join(" or ")
            )),
        }
    }
}

/// Ops in order over tensors.
#[derive(Debug)]
pub struct Graph {
    tensors: Vec<Tensor>,
    nodes: Vec<Node>,
    /// For each tensor, the one that it is a view of, or itself.
    roots: Vec<TensorId>,
    /// For each tensor, whether a node has overwritten it in the store.
    stale: Vec<bool>,
    layer: Option<usize>,
    phase: Phase,
    precision: Precision,
    /// Tensors of the store are read under their names with this ending, where there are such.
    ending: String,
}

impl Default for Graph {
    fn default() -> Self {
        Self::new()
    }
}

impl Graph {
    /// An empty graph.
    pub const fn new() -> Self {
        Self {
            tensors: Vec::new(),
            nodes: Vec::new(),
            roots: Vec::new(),
            stale: Vec::new(),
            layer: None,
            phase: Phase::Forward,
            precision: Precision::Single,
            ending: String::new(),
        }
    }

    /// A tensor of the store, as it is when the nodes before have run: after an update, ask for it again.
    ///
    /// # Errors
    /// If the store has none of that name.
    pub fn stored(&mut self, store: &Store, name: &str) -> Result<TensorId, GraphError> {
        let other = format!("{name}{}", self.ending);
        let name = if store.find(&other).is_ok() {
            other.as_str()
        } else {
            name
        };
        let (stored, shape, element) = store.find(name)?;
        Ok(self.known_or_new(Tensor {
            name: name.to_owned(),
            shape: shape.clone(),
            element,
            origin: Origin::Stored(stored),
        }))
    }

    /// A block of the store as a whole, with what lies between and behind its members, also if it is named as its only
    /// member.
    pub(crate) fn stored_block(
        &mut self,
        store: &Store,
        name: &str,
    ) -> Result<TensorId, GraphError> {
        let (stored, ..) = store.find(name)?;
        let block = store.block(name)?;
        Ok(self.known_or_new(Tensor {
            name: name.to_owned(),
            shape: [block.len].into(),
            element: block.element,
            origin: Origin::Stored(Stored {
                offset: 0,
                ..stored
            }),
        }))
    }

    fn known_or_new(&mut self, tensor: Tensor) -> TensorId {
        let same = |t: &Tensor| t.origin == tensor.origin && t.shape == tensor.shape;
        let mut fresh = self.tensors.iter().zip(&self.stale);
        let known = fresh.position(|(t, &stale)| !stale && same(t));
        known.map_or_else(|| self.push(tensor), TensorId)
    }

    /// A tensor whose elements are all `value`. It costs no step.
    pub fn constant(&mut self, shape: impl Into<Shape>, value: f64) -> TensorId {
        let name = format!("{value}");
        self.push(Tensor {
            name,
            shape: shape.into(),
            element: Element::F32,
            origin: Origin::Constant(value),
        })
    }

    /// Gives a tensor a name, for plans and messages.
    pub fn rename(&mut self, tensor: TensorId, name: impl Into<String>) {
        self.tensors[tensor.0].name = name.into();
    }

    /// Says to which layer of the network the next nodes belong.
    pub const fn set_layer(&mut self, layer: Option<usize>) {
        self.layer = layer;
    }

    /// Says to which phase the next nodes belong.
    pub const fn set_phase(&mut self, phase: Phase) {
        self.phase = phase;
    }

    /// Says in which precision the next products are computed, and those of their gradients.
    pub const fn set_precision(&mut self, precision: Precision) {
        self.precision = precision;
    }

    /// Says that from here on tensors of the store are read under their names with this ending, where there are such: the
    /// averages of parameters, say.
    pub fn read_endings(&mut self, ending: impl Into<String>) {
        self.ending = ending.into();
    }

    /// What is known of a tensor.
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0]
    }

    /// All tensors, by number.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// All nodes, in order.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Applies an op of one's own or one of [`ops`]; the methods named as the ops are shorter.
    ///
    /// # Errors
    /// If the operands do not fit.
    pub fn apply(
        &mut self,
        op: impl Op + 'static,
        inputs: &[TensorId],
    ) -> Result<TensorId, GraphError> {
        self.expect_countable(&op, inputs)?;
        let operands: Vec<_> = inputs.iter().map(|&i| self.tensor(i)).collect();
        let (shape, element) = op.output(&operands)?;
        let elements = shape.checked_len().unwrap_or(usize::MAX);
        if elements == 0 {
            return Err(GraphError::Empty {
                tensor: op.name().to_owned(),
                shape,
            });
        }
        if u32::try_from(elements).is_err() {
            return Err(GraphError::TooLarge {
                op: op.name(),
                elements,
            });
        }
        let name = match self.layer {
            Some(layer) => format!("layers.{layer}.{}", op.name()),
            None => op.name().to_owned(),
        };
        let output = self.push(Tensor {
            name,
            shape,
            element,
            origin: Origin::Computed,
        });
        self.push_node(Box::new(op), inputs.to_vec(), vec![output])?;
        Ok(output)
    }

    /// Adds a node. What it overwrites in the store cannot be read by later nodes under its old number.
    fn push_node(
        &mut self,
        op: Box<dyn Op>,
        inputs: Vec<TensorId>,
        outputs: Vec<TensorId>,
    ) -> Result<(), GraphError> {
        if let Some(stale) = inputs.iter().find(|i| self.stale[i.0]) {
            let tensor = self.tensor(*stale).name.clone();
            return Err(GraphError::Overwritten {
                op: op.name(),
                tensor,
            });
        }
        self.expect_countable(op.as_ref(), &inputs)?;
        self.expect_countable(op.as_ref(), &outputs)?;
        let tensors = |ids: &[TensorId]| ids.iter().map(|&id| self.tensor(id)).collect::<Vec<_>>();
        if op.lower(&tensors(&inputs), &tensors(&outputs)) == Lowered::View {
            self.roots[outputs[0].0] = self.roots[inputs[0].0];
        }
        let written: Vec<_> = outputs.iter().filter_map(|&o| self.block_of(o)).collect();
        if !written.is_empty() {
            for index in 0..self.tensors.len() {
                let block = self.block_of(self.roots[index]);
                self.stale[index] |= block.is_some_and(|block| written.contains(&block));
            }
        }
        self.nodes.push(Node {
            op,
            inputs,
            outputs,
            layer: self.layer,
            phase: self.phase,
        });
        Ok(())
    }

    /// Refuses tensors with more elements than a kernel counts, but for a table that is addressed by rows.
    fn expect_countable(&self, op: &dyn Op, tensors: &[TensorId]) -> Result<(), GraphError> {
        let skipped = usize::from(op.addresses_rows());
        for &tensor in tensors.iter().skip(skipped) {
            let elements = self.tensor(tensor).shape.checked_len();
            let elements = elements.unwrap_or(usize::MAX);
            if u32::try_from(elements).is_err() {
                let op = op.name();
                return Err(GraphError::TooLarge { op, elements });
            }
        }
        Ok(())
    }

    /// The block of the store in which a tensor lies.
    fn block_of(&self, tensor: TensorId) -> Option<usize> {
        match self.tensor(tensor).origin {
            Origin::Stored(stored) => Some(stored.block),
            Origin::Constant(_) | Origin::Computed => None,
        }
    }

    fn push(&mut self, tensor: Tensor) -> TensorId {
        let id = TensorId(self.tensors.len());
        self.tensors.push(tensor);
        self.roots.push(id);
        self.stale.push(false);
        id
    }

    /// The value of a constant tensor.
    fn constant_value(&self, tensor: TensorId) -> Option<f64> {
        match self.tensor(tensor).origin {
            Origin::Constant(value) => Some(value),
            Origin::Stored(_) | Origin::Computed => None,
        }
    }

    fn shape(&self, tensor: TensorId) -> Shape {
        self.tensor(tensor).shape.clone()
    }
}
