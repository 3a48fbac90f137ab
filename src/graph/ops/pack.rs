use super::{Gradients, Output, Run, no_gradient};
use crate::graph::{
    Backward, Block, Graph, GraphError, Lowered, Op, Origin, Store, Stored, Tensor, TensorId,
};
use crate::tensor::{Element, Shape};

/// Tensors laid out behind each other, as the members of a block.
#[derive(Debug, Clone)]
struct Pack {
    len: usize,
    offsets: Vec<usize>,
}

impl Op for Pack {
    fn name(&self) -> &'static str {
        "pack"
    }

    fn output(&self, _: &[&Tensor]) -> Output {
        Ok((Shape::from([self.len]), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        no_gradient(self.name(), graph, at, "it is where gradients end")
    }

    fn lower(&self, _: &[&Tensor], _: &[&Tensor]) -> Lowered {
        Lowered::Pack(self.offsets.clone())
    }
}

/// Neighbouring elements of a tensor, seen as one of their own.
#[derive(Debug, Clone, Copy)]
struct Part {
    offset: usize,
    len: usize,
}

impl Op for Part {
    fn name(&self) -> &'static str {
        "part"
    }

    fn output(&self, _: &[&Tensor]) -> Output {
        Ok((Shape::from([self.len]), Element::F32))
    }

    fn gradient(&self, graph: &mut Graph, at: &Backward) -> Gradients {
        no_gradient(self.name(), graph, at, "it is where gradients end")
    }

    fn lower(&self, _: &[&Tensor], _: &[&Tensor]) -> Lowered {
        Lowered::Part(self.offset)
    }
}

impl Graph {
    /// `len` elements of a packed tensor, or of one that is computed from it, from `offset` on, which is a place where a
    /// device can bind. It costs no step.
    pub(super) fn part(
        &mut self,
        x: TensorId,
        offset: usize,
        len: usize,
    ) -> Result<TensorId, GraphError> {
        let part = self.apply(Part { offset, len }, &[x])?;
        let name = format!("{}[{offset}..{}]", self.tensor(x).name, offset + len);
        self.rename(part, name);
        Ok(part)
    }

    /// The members of a block within a tensor that is laid out as the block is, such as one that was computed from it element
    /// by element. They cost no step. A gradient can be taken at them, and goes no further back.
    pub(crate) fn members_of(
        &mut self,
        store: &Store,
        block: &str,
        whole: TensorId,
    ) -> Result<Vec<TensorId>, GraphError> {
        let members = store.block(block)?.members.iter();
        members
            .map(|member| {
                let part = self.part(whole, member.offset, member.shape.len())?;
                self.reshape(part, member.shape.clone())
            })
            .collect()
    }

    /// A run of a block of the store.
    pub(super) fn stored_run(
        &mut self,
        store: &Store,
        block: &str,
        run: &Run,
    ) -> Result<TensorId, GraphError> {
        let (stored, ..) = store.find(block)?;
        let whole = self.stored_block(store, block)?;
        if run.len == store.block(block)?.len {
            return Ok(whole);
        }
        Ok(self.known_or_new(Tensor {
            name: format!("{block}[{}..{}]", run.offset, run.offset + run.len),
            shape: [run.len].into(),
            element: Element::F32,
            origin: Origin::Stored(Stored {
                offset: run.offset,
                ..stored
            }),
        }))
    }

    /// One tensor that holds `parts` laid out as the members of `block`, so that one step can work on all of them.
    /// Where it can, the plan lets the parts be computed in their places.
    ///
    /// # Errors
    /// If a part's shape is not its member's.
    pub(super) fn pack(
        &mut self,
        block: &Block,
        parts: &[TensorId],
    ) -> Result<TensorId, GraphError> {
        let found = Shape::from([parts.len()]);
        if parts.len() != block.members.len() {
            let expected = format!(
                "{} tensors, one for each member of `{}`",
                block.members.len(),
                block.name
            );
            return Err(GraphError::Shape {
                op: "pack",
                found,
                expected,
            });
        }
        for (&part, member) in parts.iter().zip(&block.members) {
            if self.tensor(part).shape != member.shape {
                return Err(GraphError::ShapeMismatch {
                    op: "pack",
                    lhs: self.shape(part),
                    rhs: member.shape.clone(),
                    expected: "the shapes of the block's members, in their order",
                });
            }
        }
        let offsets = block.members.iter().map(|m| m.offset).collect();
        self.apply(
            Pack {
                len: block.len,
                offsets,
            },
            parts,
        )
    }
}
