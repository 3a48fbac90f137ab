//! Splitting what only moves elements within one row: ranges, and tensors end to end. They are cut by their results,
//! which may begin anywhere in what they come from.

use super::super::{Buffer, BufferId, Place, PlacedTensor, PlanError};
use super::{Splitter, aligned};
use crate::kernel::{self, Kernel};
use crate::tensor::Element;

/// Distance between the places where a device can bind reals.
const UNIT: u32 = 64;
const _: () = assert!(aligned(Element::F32) == UNIT as usize, "reals have 4 bytes");

impl Splitter<'_> {
    /// Appends the steps that together do what a kernel does that has no axis to cut along.
    pub(super) fn emit_moved(
        &mut self,
        kernel: Kernel,
        inputs: Vec<usize>,
        outputs: Vec<usize>,
    ) -> Result<(), PlanError> {
        match kernel {
            Kernel::Slice(k) if k.outer == 1 => {
                let range = (k.start * k.inner, k.len * k.inner);
                self.slice(inputs[0], range, outputs[0])
            }
            Kernel::Pad(k) if k.outer == 1 && k.axis * k.inner > UNIT => {
                let range = (k.start * k.inner, k.len * k.inner);
                self.pad(inputs[0], range, outputs[0])
            }
            Kernel::Concat(_) if self.count(outputs[0]) > UNIT && is_row(&kernel) => {
                self.concat([inputs[0], inputs[1]], outputs[0])
            }
            _ => Err(self.refusal(kernel, &inputs, &outputs)),
        }
    }

    /// The pieces of a tensor's first and second half.
    fn halves(&mut self, tensor: usize) -> [(u32, u32, usize); 2] {
        let count = self.count(tensor);
        let at = (count / 2)
            .next_multiple_of(UNIT)
            .min((count - 1) / UNIT * UNIT);
        [(0, at), (at, count - at)]
            .map(|(from, len)| (from, len, self.piece(tensor, from as usize, len as usize)))
    }

    /// `y = x[start .. start + len]`
    fn slice(&mut self, x: usize, (start, len): (u32, u32), y: usize) -> Result<(), PlanError> {
        let from = start / UNIT * UNIT;
        let start = start - from;
        let near = self.piece(x, from as usize, (start + len) as usize);
        let kernel = Kernel::from(kernel::Slice {
            outer: 1,
            axis: start + len,
            inner: 1,
            start,
            len,
        });
        if self.fits(&kernel, &kernel.bindings()) {
            return self.emit(kernel, vec![near], vec![y]);
        }
        if len <= UNIT {
            return Err(self.refusal(kernel, &[near], &[y]));
        }
        for (at, len, half) in self.halves(y) {
            self.slice(near, (start + at, len), half)?;
        }
        Ok(())
    }

    /// `dx = 0` but for `dx[start .. start + len] = dy`
    fn pad(&mut self, dy: usize, (start, len): (u32, u32), dx: usize) -> Result<(), PlanError> {
        for (from, count, half) in self.halves(dx) {
            let (low, high) = (start.max(from), (start + len).min(from + count));
            if low >= high {
                let zero = self.zero();
                let (outer, axis, inner, factor) = (1, count, 1, 1.0);
                let fill = kernel::Broadcast {
                    outer,
                    axis,
                    inner,
                    factor,
                };
                self.emit(fill.into(), vec![zero], vec![half])?;
                continue;
            }
            let (first, len) = (low - start, high - low);
            // A range that begins where a device cannot bind is copied to where it can.
            let part = if first.is_multiple_of(UNIT) {
                self.piece(dy, first as usize, len as usize)
            } else {
                let part = self.scratch("part of a range".to_owned(), [len as usize].into());
                self.slice(dy, (first, len), part)?;
                part
            };
            let pad = kernel::Pad {
                outer: 1,
                axis: count,
                inner: 1,
                start: low - from,
                len,
            };
            self.emit(pad.into(), vec![part], vec![half])?;
            if part != dy {
                self.free(part);
            }
        }
        Ok(())
    }

    /// `y = [a, b]`
    fn concat(&mut self, [a, b]: [usize; 2], y: usize) -> Result<(), PlanError> {
        let in_a = self.count(a);
        for (from, count, half) in self.halves(y) {
            let end = from + count;
            if end <= in_a {
                let x = self.piece(a, from as usize, count as usize);
                self.emit(kernel::Copy { count }.into(), vec![x], vec![half])?;
            } else if from >= in_a {
                self.slice(b, (from - in_a, count), half)?;
            } else {
                let (axis_a, axis_b) = (in_a - from, end - in_a);
                let parts = vec![
                    self.piece(a, from as usize, axis_a as usize),
                    self.piece(b, 0, axis_b as usize),
                ];
                let (outer, inner) = (1, 1);
                let concat = kernel::Concat {
                    outer,
                    axis_a,
                    axis_b,
                    inner,
                };
                self.emit(concat.into(), parts, vec![half])?;
            }
        }
        Ok(())
    }

    /// A tensor of one zero that nobody writes.
    fn zero(&mut self) -> usize {
        let (element, len, fill) = (Element::F32, 1, 0.0);
        let buffers = &mut self.plan.buffers;
        buffers.push(Buffer { element, len, fill });
        let buffer = BufferId::Plan(buffers.len() - 1);
        let offset = 0;
        self.plan.tensors.push(PlacedTensor {
            name: "0".to_owned(),
            shape: [1].into(),
            element,
            place: Place {
                buffer,
                offset,
                len,
            },
        });
        self.plan.tensors.len() - 1
    }
}

/// Whether two tensors are joined end to end as they lie.
const fn is_row(kernel: &Kernel) -> bool {
    matches!(kernel, Kernel::Concat(kernel::Concat { outer: 1, .. }))
}
