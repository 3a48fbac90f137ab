//! From a graph to a plan: what is needed, how it is lowered, where each tensor goes.

use std::collections::{HashMap, HashSet};

use super::fuse::{Updated, fuse, fuse_update};
use super::place::Placer;
use super::{Buffer, BufferId, Place, PlacedTensor, Plan, Step};
use crate::graph::{Graph, Lowered, Node, Origin, Stored, TensorId};
use crate::kernel::{self, Kernel};

/// A node that has become a kernel, over tensors of the graph that are no views.
#[derive(Debug, Clone)]
pub(super) struct Work<'a> {
    pub(super) node: &'a Node,
    pub(super) kernel: Kernel,
    pub(super) inputs: Vec<TensorId>,
    pub(super) outputs: Vec<TensorId>,
}

/// A packed tensor and, for each part, where in it the part lies.
struct Packed {
    whole: TensorId,
    offset: usize,
}

struct Builder<'a> {
    graph: &'a Graph,
    /// The tensor that a view is a view of; itself for all others.
    roots: Vec<TensorId>,
    /// Parts that are computed straight into a packed tensor.
    packed: HashMap<TensorId, Packed>,
    work: Vec<Work<'a>>,
}

pub(super) fn build(name: &str, graph: &Graph, outputs: &[TensorId], fused: bool) -> Plan {
    let roots = (0..graph.tensors().len()).map(TensorId).collect();
    let mut builder = Builder {
        graph,
        roots,
        packed: HashMap::new(),
        work: Vec::new(),
    };
    let needed = needed_nodes(graph, outputs);
    for (node, _) in graph
        .nodes()
        .iter()
        .zip(&needed)
        .filter(|(_, needed)| **needed)
    {
        builder.lower(node);
    }
    if fused {
        builder.fuse(outputs);
    }
    builder.finish(name, outputs)
}

/// Which nodes the outputs or the store need.
fn needed_nodes(graph: &Graph, outputs: &[TensorId]) -> Vec<bool> {
    let mut wanted = vec![false; graph.tensors().len()];
    outputs.iter().for_each(|o| wanted[o.0] = true);
    let mut needed = vec![false; graph.nodes().len()];
    for (index, node) in graph.nodes().iter().enumerate().rev() {
        let lasting = node
            .outputs
            .iter()
            .any(|o| matches!(graph.tensor(*o).origin, Origin::Stored(_)));
        needed[index] = lasting || node.outputs.iter().any(|o| wanted[o.0]);
        if needed[index] {
            node.inputs.iter().for_each(|i| wanted[i.0] = true);
        }
    }
    needed
}

impl<'a> Builder<'a> {
    fn lower(&mut self, node: &'a Node) {
        let operand = |id: &TensorId| self.graph.tensor(*id);
        let inputs: Vec<_> = node.inputs.iter().map(operand).collect();
        let outputs: Vec<_> = node.outputs.iter().map(operand).collect();
        match node.op.lower(&inputs, &outputs) {
            Lowered::View => self.roots[node.outputs[0].0] = self.roots[node.inputs[0].0],
            Lowered::Kernel(kernel) => {
                let inputs = node.inputs.iter().map(|i| self.roots[i.0]).collect();
                self.work.push(Work {
                    node,
                    kernel,
                    inputs,
                    outputs: node.outputs.clone(),
                });
            }
            Lowered::Part(offset) => {
                let whole = self.roots[node.inputs[0].0];
                self.packed
                    .insert(node.outputs[0], Packed { whole, offset });
            }
            Lowered::Pack(offsets) => self.pack(node, &offsets),
        }
    }

    /// Lets each part be computed in its place where nobody else reads it; the others are copied there.
    fn pack(&mut self, node: &'a Node, offsets: &[usize]) {
        let whole = node.outputs[0];
        let readers = self.readers();
        let alone = self.work.iter().filter(|w| w.outputs.len() == 1);
        let computed: HashSet<_> = alone.map(|w| w.outputs[0]).collect();
        for (part, &offset) in node.inputs.iter().zip(offsets) {
            let root = self.roots[part.0];
            let shared = readers[root.0] > 1 || self.packed.contains_key(&root);
            let len = self.graph.tensor(root).shape.len();
            if computed.contains(&root)
                && !shared
                && self.graph.tensor(root).origin == Origin::Computed
            {
                self.packed.insert(root, Packed { whole, offset });
            } else {
                self.copy_into(node, root, whole, offset, len);
            }
        }
    }

    fn copy_into(
        &mut self,
        node: &'a Node,
        from: TensorId,
        whole: TensorId,
        offset: usize,
        len: usize,
    ) {
        // The copy's output is a tensor that the graph does not have: it is numbered behind the graph's own.
        let copy = TensorId(self.roots.len());
        self.roots.push(copy);
        self.packed.insert(copy, Packed { whole, offset });
        let count =
            u32::try_from(len).expect("a graph holds no tensor with more than u32::MAX elements");
        let kernel = kernel::Copy { count }.into();
        self.work.push(Work {
            node,
            kernel,
            inputs: vec![from],
            outputs: vec![copy],
        });
    }

    /// How many nodes of the graph read each tensor or a view of it.
    fn readers(&self) -> Vec<usize> {
        let mut readers = vec![0; self.roots.len()];
        for node in self.graph.nodes() {
            for input in &node.inputs {
                let root = self.root_of(*input);
                if !matches!(node.outputs.as_slice(), [o] if self.root_of(*o) == root) {
                    readers[root.0] += 1;
                }
            }
        }
        readers
    }

    /// Fuses steps whose result nobody else sees: neither the plan's reader nor a packed tensor.
    fn fuse(&mut self, outputs: &[TensorId]) {
        let mut seen: HashSet<_> = outputs.iter().map(|o| self.root_of(*o)).collect();
        seen.extend(self.packed.keys());
        let graph = self.graph;
        let stored = |tensor: TensorId| {
            let known = graph.tensors().get(tensor.0);
            known.is_some_and(|t| matches!(t.origin, Origin::Stored(_)))
        };
        fuse(&mut self.work, &seen, stored);
        if let Some(updated) = self.updated(outputs) {
            fuse_update(&mut self.work, &updated);
        }
    }

    /// The update of a block of the store by a packed gradient, if there is one and all parts of the gradient are computed
    /// in their places. There is none if somebody else wants the gradient.
    fn updated(&self, outputs: &[TensorId]) -> Option<Updated> {
        let is_update = |w: &Work<'_>| matches!(w.kernel, Kernel::SgdUpdate(_));
        let step = self.work.iter().position(is_update)?;
        let &[gradient] = self.work[step].inputs.as_slice() else {
            return None;
        };
        let Origin::Stored(block) = self.graph.tensor(self.work[step].outputs[0]).origin else {
            return None;
        };
        let readers = self.work.iter().filter(|w| w.inputs.contains(&gradient));
        let of_gradient = |tensor: TensorId| {
            let whole = self.packed.get(&tensor).map_or(tensor, |p| p.whole);
            whole == gradient
        };
        if readers.count() > 1 || outputs.iter().any(|o| of_gradient(self.root_of(*o))) {
            return None;
        }
        // A part of a gradient, or one that a rule has changed, is no product's.
        let parts = (self.packed.iter()).filter(|(_, packed)| packed.whole == gradient);
        parts.clone().next()?;
        let parameter = |(part, packed): (&TensorId, &Packed)| {
            let len = self.graph.tensors().get(part.0)?.shape.len();
            let place = Stored {
                offset: block.offset + packed.offset,
                ..block
            };
            let found = (self.graph.tensors().iter())
                .position(|t| t.origin == Origin::Stored(place) && t.shape.len() == len)?;
            Some((*part, TensorId(found)))
        };
        let parameters = parts.map(parameter).collect::<Option<_>>()?;
        let places = (self.graph.tensors().iter().enumerate())
            .filter_map(|(number, t)| match t.origin {
                Origin::Stored(Stored { block, offset }) => {
                    Some((TensorId(number), (block, offset..offset + t.shape.len())))
                }
                _ => None,
            })
            .collect();
        Some(Updated {
            step,
            parameters,
            places,
        })
    }

    fn root_of(&self, tensor: TensorId) -> TensorId {
        self.roots[tensor.0]
    }

    fn finish(self, name: &str, outputs: &[TensorId]) -> Plan {
        let places = self.place(outputs);
        let mut plan = Plan {
            name: name.to_owned(),
            buffers: places.1,
            tensors: Vec::new(),
            steps: Vec::new(),
            outputs: HashMap::new(),
            bytes_without_reuse: 0,
        };
        let mut index = HashMap::new();
        let mut number = |tensor: TensorId, tensors: &mut Vec<PlacedTensor>| {
            *index.entry(tensor).or_insert_with(|| {
                tensors.push(self.placed(tensor, places.0[&tensor]));
                tensors.len() - 1
            })
        };
        for work in &self.work {
            let inputs = work
                .inputs
                .iter()
                .map(|&t| number(t, &mut plan.tensors))
                .collect();
            let outputs = work
                .outputs
                .iter()
                .map(|&t| number(t, &mut plan.tensors))
                .collect();
            let (kernel, layer, phase) = (work.kernel, work.node.layer, work.node.phase);
            plan.steps.push(Step {
                kernel,
                inputs,
                outputs,
                layer,
                phase,
            });
        }
        for &output in outputs {
            let root = self.root_of(output);
            number(root, &mut plan.tensors);
            plan.outputs
                .insert(output, self.placed(output, places.0[&root]));
        }
        plan.bytes_without_reuse = super::passing(&plan.tensors);
        plan
    }

    fn placed(&self, tensor: TensorId, place: Place) -> PlacedTensor {
        let copied = || self.packed.get(&tensor).map(|p| self.graph.tensor(p.whole));
        match self.graph.tensors().get(tensor.0) {
            Some(t) => PlacedTensor {
                name: t.name.clone(),
                shape: t.shape.clone(),
                element: t.element,
                place,
            },
            None => {
                let whole = copied()
                    .expect("only copies into a packed tensor are numbered behind the graph's own");
                let name = format!("{}[{}..]", whole.name, place.offset);
                PlacedTensor {
                    name,
                    shape: [place.len].into(),
                    element: whole.element,
                    place,
                }
            }
        }
    }

    /// Where every tensor goes, and the plan's buffers.
    fn place(&self, outputs: &[TensorId]) -> (HashMap<TensorId, Place>, Vec<Buffer>) {
        let mut placer = Placer::default();
        let mut places = HashMap::new();
        let last = self.last_uses(outputs);
        for (at, work) in self.work.iter().enumerate() {
            placer.release(at);
            for &tensor in work.inputs.iter().chain(&work.outputs) {
                places
                    .entry(tensor)
                    .or_insert_with(|| self.place_one(tensor, &mut placer, &last));
            }
        }
        for output in outputs.iter().map(|o| self.root_of(*o)) {
            places
                .entry(output)
                .or_insert_with(|| self.place_one(output, &mut placer, &last));
        }
        (places, placer.buffers)
    }

    fn place_one(
        &self,
        tensor: TensorId,
        placer: &mut Placer,
        last: &HashMap<TensorId, usize>,
    ) -> Place {
        if let Some(Packed { whole, offset }) = self.packed.get(&tensor) {
            let block = self.graph.tensor(*whole);
            let len = match self.graph.tensors().get(tensor.0) {
                Some(t) => t.shape.len(),
                None => self.copied_len(tensor),
            };
            return Place {
                buffer: placer.own(*whole, block.element, block.shape.len()),
                offset: *offset,
                len,
            };
        }
        let known = self.graph.tensor(tensor);
        let len = known.shape.stored_len(known.element);
        let buffer = match known.origin {
            Origin::Stored(stored) => {
                return Place {
                    buffer: stored.into(),
                    offset: stored.offset,
                    len,
                };
            }
            Origin::Constant(value) => placer.constant(value, len),
            Origin::Computed if self.packed.values().any(|p| p.whole == tensor) => {
                placer.own(tensor, known.element, len)
            }
            Origin::Computed => placer.passing(known.element, len, last[&tensor]),
        };
        Place {
            buffer,
            offset: 0,
            len,
        }
    }

    fn copied_len(&self, copy: TensorId) -> usize {
        let work = self.work.iter().find(|w| w.outputs == [copy]);
        work.map_or(0, |w| self.graph.tensor(w.inputs[0]).shape.len())
    }

    /// The last step that needs each tensor; outputs are needed beyond the end.
    fn last_uses(&self, outputs: &[TensorId]) -> HashMap<TensorId, usize> {
        let mut last = HashMap::new();
        for (at, work) in self.work.iter().enumerate() {
            last.extend(
                work.inputs
                    .iter()
                    .chain(&work.outputs)
                    .map(|&tensor| (tensor, at)),
            );
        }
        last.extend(outputs.iter().map(|o| (self.root_of(*o), usize::MAX)));
        last
    }
}

impl From<usize> for BufferId {
    fn from(index: usize) -> Self {
        Self::Plan(index)
    }
}
