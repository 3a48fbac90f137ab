//! Splitting: a step that binds more than the device can, or whose loops it would end, becomes several steps.
//!
//! A step is cut in two along one of its kernel's axes, and each half again, until every piece fits. What lies in rows
//! along the axis is bound in part; columns of an operand are copied out first, and columns of a result put together
//! afterwards; where the axis is one that is summed over, the pieces' sums are added. So a layer whose weight is too large
//! is computed by output units, the gradient on its way back through it is a sum in a fixed order, and the gradient of the
//! weight is computed by its rows, straight into its place.
//!
//! A product that a device could run, but only with a small part of itself, is cut along its sum: see [`long`].
//!
//! The scratch memory that this takes is the plan's own and counts in its size. Between two steps of the unsplit plan all
//! of it is free.

mod axes;
mod layers;
mod long;
mod moves;

use std::collections::HashMap;

use self::axes::{Along, Axis, axes};
use super::{Buffer, BufferId, Place, PlacedTensor, Plan, PlanError, Step};
use crate::graph::ALIGNMENT;
use crate::kernel::{self, Access, Binding, Finish, Kernel, Limits};
use crate::tensor::{Element, Shape};

/// Splits the steps of a plan that a device with these limits could not run.
pub(super) fn split(plan: &mut Plan, limits: &Limits) -> Result<(), PlanError> {
    let steps = std::mem::take(&mut plan.steps);
    let mut splitter = Splitter {
        plan,
        limits,
        layer: None,
        phase: crate::graph::Phase::Forward,
        pieces: HashMap::new(),
        scratch: Vec::new(),
    };
    for Step {
        kernel,
        inputs,
        outputs,
        layer,
        phase,
    } in steps
    {
        (splitter.layer, splitter.phase) = (layer, phase);
        splitter.emit(kernel, inputs, outputs)?;
    }
    let added: u64 = splitter
        .scratch
        .iter()
        .map(|s| plan.buffers[s.buffer].bytes())
        .sum();
    plan.bytes_without_reuse += added;
    Ok(())
}

/// A buffer for what only the pieces of one step need.
struct Scratch {
    buffer: usize,
    busy: bool,
}

struct Splitter<'a> {
    plan: &'a mut Plan,
    limits: &'a Limits,
    layer: Option<usize>,
    phase: crate::graph::Phase,
    /// Parts of tensors that are tensors already: of which, from where, how long.
    pieces: HashMap<(usize, usize, usize), usize>,
    scratch: Vec<Scratch>,
}

impl Splitter<'_> {
    /// Appends a step, or the steps that together do the same.
    fn emit(
        &mut self,
        kernel: Kernel,
        inputs: Vec<usize>,
        outputs: Vec<usize>,
    ) -> Result<(), PlanError> {
        let bindings = kernel.bindings();
        if self.fits(&kernel, &bindings) {
            if let Kernel::Matmul(product) = kernel
                && let Some(parts) = long::parts(&product, self.limits)
            {
                return self.emit_long(product, parts, inputs, &outputs);
            }
            let (layer, phase) = (self.layer, self.phase);
            self.plan.steps.push(Step {
                kernel,
                inputs,
                outputs,
                layer,
                phase,
            });
            return Ok(());
        }
        let Some((axis, at)) = self.choose(&kernel, &bindings) else {
            return self.emit_moved(kernel, inputs, outputs);
        };
        match kernel {
            Kernel::Matmul(product)
                if product.finish != Finish::None && axis.operands.contains(&Along::Sum) =>
            {
                self.emit_unfinished(product, inputs, &outputs)
            }
            _ => self.cut(&axis, at, &inputs, &outputs),
        }
    }

    /// Whether the device can bind what the kernel binds, and lets its loops run to their end.
    fn fits(&self, kernel: &Kernel, bindings: &[Binding]) -> bool {
        bindings.iter().all(|b| bytes(b) <= self.limits.binding)
            && super::turns(kernel, self.limits) <= self.limits.turns
    }

    /// The axis to cut along, and where. Best is a cut that leaves everything where a device can bind it; else small
    /// operands are moved there, or in the end any.
    fn choose(&self, kernel: &Kernel, bindings: &[Binding]) -> Option<(Axis, u32)> {
        let too_large = |b: &Binding| bytes(b) > self.limits.binding;
        let any_too_large = bindings.iter().any(too_large);
        let suits = |axis: &Axis, at: u32| {
            let mut operands = axis.operands.iter().zip(bindings);
            // Columns are moved, so the whole must fit; and what works in place stays where it is.
            let movable = operands.clone().all(|(along, b)| {
                !matches!(along, Along::Columns { .. }) || (!too_large(b) && is_movable(b))
            });
            let shrinks = if any_too_large {
                operands.any(|(along, b)| too_large(b) && matches!(along, Along::Rows(_)))
            } else {
                let half = (axis.piece)(0, at.max(axis.extent - at));
                super::turns(&half, self.limits) < super::turns(kernel, self.limits)
            };
            movable && shrinks
        };
        let stays: [&dyn Fn(&Binding) -> bool; 3] =
            [&|_| true, &|b| too_large(b) || !is_movable(b), &|b| {
                !is_movable(b)
            }];
        stays.into_iter().find_map(|stays| {
            axes(kernel).into_iter().find_map(|mut axis| {
                let at = middle(&axis, bindings, stays)?;
                let suits = suits(&axis, at);
                move_misaligned(&mut axis, at, bindings);
                suits.then_some((axis, at))
            })
        })
    }

    /// Both pieces of a step, and what puts their results together.
    fn cut(
        &mut self,
        axis: &Axis,
        at: u32,
        inputs: &[usize],
        outputs: &[usize],
    ) -> Result<(), PlanError> {
        let (reads, writes) = axis.operands.split_at(inputs.len());
        // For each output, what the two pieces write.
        let mut written = [const { Vec::new() }; 2];
        for (piece, (from, len)) in [(0, at), (at, axis.extent - at)].into_iter().enumerate() {
            let mut taken = Vec::new();
            for (&along, &tensor) in reads.iter().zip(inputs) {
                taken.push(self.read(along, tensor, axis.extent, (from, len))?);
            }
            for (&along, &tensor) in writes.iter().zip(outputs) {
                let name = &self.plan.tensors[tensor].name;
                let scratch = format!("{name} part");
                written[piece].push(match along {
                    Along::Rows(per) => self.piece(tensor, from as usize * per, len as usize * per),
                    Along::Whole | Along::First => tensor,
                    Along::Columns { outer, inner } => {
                        self.scratch(scratch, [outer, len, inner].map(|n| n as usize).into())
                    }
                    Along::Sum => {
                        let shape = self.plan.tensors[tensor].shape.clone();
                        self.scratch(scratch, shape)
                    }
                });
            }
            let results = writes.iter().zip(&written[piece]);
            let results = results.filter(|(along, _)| piece == 0 || **along != Along::First);
            let results = results.map(|(_, &tensor)| tensor).collect();
            self.emit((axis.piece)(from, len), taken.clone(), results)?;
            for (tensor, _) in taken
                .iter()
                .zip(inputs)
                .filter(|(taken, whole)| taken != whole)
            {
                self.free(*tensor);
            }
        }
        for (index, (&along, &tensor)) in writes.iter().zip(outputs).enumerate() {
            let halves = [written[0][index], written[1][index]];
            match along {
                Along::Columns { outer, inner } => {
                    let (axis_a, axis_b) = (at, axis.extent - at);
                    let concat = kernel::Concat {
                        outer,
                        axis_a,
                        axis_b,
                        inner,
                    };
                    self.emit(concat.into(), halves.into(), vec![tensor])?;
                }
                Along::Sum => {
                    let kind = kernel::BinaryKind::Add;
                    let count = self.count(tensor);
                    let add = kernel::Binary { kind, count };
                    self.emit(add.into(), halves.into(), vec![tensor])?;
                }
                Along::Rows(_) | Along::Whole | Along::First => continue,
            }
            halves.into_iter().for_each(|half| self.free(half));
        }
        Ok(())
    }

    /// What a piece reads of an operand.
    fn read(
        &mut self,
        along: Along,
        tensor: usize,
        extent: u32,
        (from, len): (u32, u32),
    ) -> Result<usize, PlanError> {
        match along {
            Along::Rows(per) => Ok(self.piece(tensor, from as usize * per, len as usize * per)),
            Along::Whole | Along::Sum | Along::First => Ok(tensor),
            Along::Columns { outer, inner } => {
                let name = format!("{} part", self.plan.tensors[tensor].name);
                let part = self.scratch(name, [outer, len, inner].map(|n| n as usize).into());
                let (axis, start) = (extent, from);
                let slice = kernel::Slice {
                    outer,
                    axis,
                    inner,
                    start,
                    len,
                };
                self.emit(slice.into(), vec![tensor], vec![part])?;
                Ok(part)
            }
        }
    }

    /// How many elements a tensor has, as kernels count them.
    fn count(&self, tensor: usize) -> u32 {
        let len = self.plan.tensors[tensor].place.len;
        u32::try_from(len).expect("a graph holds no tensor with more than u32::MAX elements")
    }

    /// A part of a tensor.
    fn piece(&mut self, tensor: usize, from: usize, len: usize) -> usize {
        if from == 0 && len == self.plan.tensors[tensor].place.len {
            return tensor;
        }
        let tensors = &mut self.plan.tensors;
        *self.pieces.entry((tensor, from, len)).or_insert_with(|| {
            let whole = &tensors[tensor];
            let place = Place {
                offset: whole.place.offset + from,
                len,
                ..whole.place
            };
            tensors.push(PlacedTensor {
                name: format!("{}[{from}..{}]", whole.name, from + len),
                shape: [len].into(),
                element: whole.element,
                place,
            });
            tensors.len() - 1
        })
    }

    /// A tensor of reals for as long as the pieces of this step are computed.
    fn scratch(&mut self, name: String, shape: Shape) -> usize {
        let (element, len) = (Element::F32, shape.len());
        let buffers = &mut self.plan.buffers;
        let free = || (0..self.scratch.len()).filter(|&s| !self.scratch[s].busy);
        let size = |s: &usize| buffers[self.scratch[*s].buffer].len;
        let large = free().filter(|s| size(s) >= len).min_by_key(size);
        let chosen = large
            .or_else(|| free().max_by_key(size))
            .unwrap_or_else(|| {
                buffers.push(Buffer {
                    element,
                    len,
                    fill: 0.0,
                });
                let buffer = buffers.len() - 1;
                let busy = false;
                self.scratch.push(Scratch { buffer, busy });
                self.scratch.len() - 1
            });
        let Scratch { buffer, busy } = &mut self.scratch[chosen];
        *busy = true;
        buffers[*buffer].len = buffers[*buffer].len.max(len);
        let place = Place {
            buffer: BufferId::Plan(*buffer),
            offset: 0,
            len,
        };
        self.plan.tensors.push(PlacedTensor {
            name,
            shape,
            element,
            place,
        });
        self.plan.tensors.len() - 1
    }

    /// Gives scratch memory back; nothing else is the splitter's.
    fn free(&mut self, tensor: usize) {
        let BufferId::Plan(buffer) = self.plan.tensors[tensor].place.buffer else {
            return;
        };
        // A part of an operand lies in the operand's own buffer, which may be scratch that is needed yet.
        if self.pieces.values().any(|&piece| piece == tensor) {
            return;
        }
        for scratch in self.scratch.iter_mut().filter(|s| s.buffer == buffer) {
            scratch.busy = false;
        }
    }

    /// The error for a step that cannot be cut so that it fits.
    fn refusal(&self, kernel: Kernel, inputs: &[usize], outputs: &[usize]) -> PlanError {
        let plan = self.plan.name.clone();
        let operands = inputs.iter().chain(outputs);
        let bindings = kernel.bindings();
        let mut sizes = operands.zip(&bindings).map(|(&t, b)| (t, bytes(b)));
        let limit = self.limits.binding;
        match sizes.find(|(_, bytes)| *bytes > limit) {
            Some((tensor, bytes)) => PlanError::TooLarge {
                plan,
                tensor: self.plan.tensors[tensor].name.clone(),
                bytes,
                limit,
            },
            None => PlanError::TooLong {
                plan,
                step: super::describe(self.plan.steps.len(), &kernel, self.layer, self.phase),
                turns: super::turns(&kernel, self.limits),
                limit: self.limits.turns,
            },
        }
    }
}

/// The bytes that a device binds.
fn bytes(binding: &Binding) -> u64 {
    (binding.len as u64).saturating_mul(binding.element.size() as u64)
}

/// Whether parts of an operand can be copied to another place and back.
fn is_movable(binding: &Binding) -> bool {
    binding.element == Element::F32 && binding.access != Access::ReadWrite
}

/// Where to cut an axis so that in the operands that stay both pieces begin where a device can bind; `None` if there is no
/// such place.
fn middle(axis: &Axis, bindings: &[Binding], stays: impl Fn(&Binding) -> bool) -> Option<u32> {
    // Alignments are powers of two, so the largest is a multiple of all.
    let operands = axis.operands.iter().zip(bindings);
    let units = operands
        .filter(|(_, b)| stays(b))
        .map(|(along, binding)| match *along {
            Along::Rows(per) => aligned(binding.element) / common(per, binding.element),
            _ => 1,
        });
    let unit = u32::try_from(units.max().unwrap_or(1)).ok()?;
    let half = (axis.extent / 2).next_multiple_of(unit);
    let at = if half < axis.extent {
        half
    } else {
        (axis.extent - 1) / unit * unit
    };
    (at > 0).then_some(at)
}

/// The greatest common divisor of a row's length and the distance between places where a device can bind.
fn common(row: usize, element: Element) -> usize {
    let aligned = aligned(element);
    1 << row.trailing_zeros().min(aligned.trailing_zeros())
}

/// Rows whose second piece would begin where a device cannot bind are moved as columns are.
fn move_misaligned(axis: &mut Axis, at: u32, bindings: &[Binding]) {
    for (along, binding) in axis.operands.iter_mut().zip(bindings) {
        if let Along::Rows(per) = *along
            && !(at as usize * per).is_multiple_of(aligned(binding.element))
        {
            let inner = u32::try_from(per).expect("a row is part of what kernels count in u32");
            *along = Along::Columns { outer: 1, inner };
        }
    }
}

/// How many elements there are from one place where a device can bind to the next.
const fn aligned(element: Element) -> usize {
    ALIGNMENT / element.size()
}
