//! The store: the lasting tensors that plans share by name.

use std::collections::HashMap;

use super::GraphError;
use crate::tensor::{Element, Shape};

/// Where a device can bind a part of a buffer: offsets are multiples of this many bytes.
pub const ALIGNMENT: usize = 256;

/// A tensor in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name, unique in the store.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// Its first element in the block.
    pub offset: usize,
}

/// Tensors of one element type that lie behind each other in one buffer, so that one step can work on all of them.
/// The elements between them stay zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The block's name. The block as a whole is a tensor of this name.
    pub name: String,
    /// The type of all elements.
    pub element: Element,
    /// Elements, those between the members included.
    pub len: usize,
    /// The tensors in it, in order.
    pub members: Vec<Member>,
}

impl Block {
    /// Lays tensors out behind each other, each at a multiple of [`ALIGNMENT`] bytes.
    fn new(
        name: &str,
        element: Element,
        tensors: Vec<(String, Shape)>,
    ) -> Result<Self, GraphError> {
        let align = ALIGNMENT / element.size();
        let mut len = 0_usize;
        let mut members = Vec::with_capacity(tensors.len());
        for (name, shape) in tensors {
            let offset = len;
            let end = (shape.checked_len())
                .and_then(|len| offset.checked_add(len)?.checked_next_multiple_of(align));
            // No allocation is larger than this, on any machine.
            let addressable = end
                .and_then(|end| end.checked_mul(element.size()))
                .is_some_and(|bytes| isize::try_from(bytes).is_ok());
            let Some(end) = end.filter(|_| addressable) else {
                let tensor = name;
                return Err(GraphError::Unaddressable { tensor, shape });
            };
            len = end;
            members.push(Member {
                name,
                shape,
                offset,
            });
        }
        Ok(Self {
            name: name.to_owned(),
            element,
            len,
            members,
        })
    }
}

/// Where in the store a name leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stored {
    /// The block's number.
    pub block: usize,
    /// The first element in it.
    pub offset: usize,
}

/// The description of all lasting tensors: names, shapes and blocks. It holds no values; each executor holds its own.
#[derive(Debug, Clone, Default)]
pub struct Store {
    blocks: Vec<Block>,
    names: HashMap<String, (Stored, Shape)>,
}

impl Store {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one tensor.
    ///
    /// # Errors
    /// If the name is taken, the shape is empty, it has more elements than can be addressed, or the elements are f16, which
    /// only pass through a plan.
    pub fn declare(
        &mut self,
        name: &str,
        shape: impl Into<Shape>,
        element: Element,
    ) -> Result<(), GraphError> {
        let shape = shape.into();
        if element == Element::F16 {
            return Err(GraphError::Element {
                op: "store",
                tensor: name.to_owned(),
                found: element,
                expected: Element::F32,
            });
        }
        self.add(Block::new(name, element, vec![(name.to_owned(), shape)])?)
    }

    /// Adds tensors of reals that lie behind each other. The block is itself a tensor, named `name`.
    ///
    /// # Errors
    /// If a name is taken, a shape is empty or has more elements than can be addressed, or there is no member.
    pub fn declare_block(
        &mut self,
        name: &str,
        members: Vec<(String, Shape)>,
    ) -> Result<(), GraphError> {
        self.add(Block::new(name, Element::F32, members)?)
    }

    /// Adds a block of the same layout as another, such as a state of the optimiser. The block is named
    /// `BLOCK.SUFFIX`, its members `MEMBER.SUFFIX`.
    ///
    /// # Errors
    /// If there is no such block, or a name is taken.
    pub fn declare_like(&mut self, block: &str, suffix: &str) -> Result<(), GraphError> {
        let like = self.block(block)?;
        let members = like
            .members
            .iter()
            .map(|m| (format!("{}.{suffix}", m.name), m.shape.clone()))
            .collect();
        self.add(Block::new(
            &format!("{block}.{suffix}"),
            like.element,
            members,
        )?)
    }

    fn add(&mut self, block: Block) -> Result<(), GraphError> {
        let index = self.blocks.len();
        let whole = (block.name.clone(), 0, Shape::from([block.len]));
        let parts = block
            .members
            .iter()
            .map(|m| (m.name.clone(), m.offset, m.shape.clone()));
        let entries: Vec<_> = if block.members.len() == 1 && block.members[0].name == block.name {
            parts.collect()
        } else {
            std::iter::once(whole).chain(parts).collect()
        };
        for (name, _, shape) in &entries {
            if shape.is_empty() {
                return Err(GraphError::Empty {
                    tensor: name.clone(),
                    shape: shape.clone(),
                });
            }
            let twice = entries.iter().filter(|(other, ..)| other == name).count() > 1;
            if twice || self.names.contains_key(name) {
                return Err(GraphError::NameTaken { name: name.clone() });
            }
        }
        for (name, offset, shape) in entries {
            self.names.insert(
                name,
                (
                    Stored {
                        block: index,
                        offset,
                    },
                    shape,
                ),
            );
        }
        self.blocks.push(block);
        Ok(())
    }

    /// All blocks, in the order in which they were declared.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The block of a name.
    ///
    /// # Errors
    /// If there is none.
    pub fn block(&self, name: &str) -> Result<&Block, GraphError> {
        self.blocks
            .iter()
            .find(|b| b.name == name)
            .ok_or_else(|| self.unknown(name))
    }

    /// Where a tensor is, its shape and its element type.
    ///
    /// # Errors
    /// If the store has none of that name.
    pub fn find(&self, name: &str) -> Result<(Stored, &Shape, Element), GraphError> {
        let (stored, shape) = self.names.get(name).ok_or_else(|| self.unknown(name))?;
        Ok((*stored, shape, self.blocks[stored.block].element))
    }

    fn unknown(&self, name: &str) -> GraphError {
        let mut known: Vec<_> = self.names.keys().cloned().collect();
        known.sort();
        GraphError::NotStored {
            name: name.to_owned(),
            known: known.join(", "),
        }
    }

    /// Bytes that all blocks take on a device.
    pub fn bytes(&self) -> u64 {
        self.blocks
            .iter()
            .map(|b| (b.len * b.element.size()).next_multiple_of(16) as u64)
            .sum()
    }
}
