//! Buffers that are used again as soon as their tensor is no longer needed.

use std::collections::HashMap;

use super::{Buffer, BufferId};
use crate::graph::TensorId;
use crate::tensor::Element;

/// Hands out buffers, step by step.
#[derive(Debug, Default)]
pub(super) struct Placer {
    pub(super) buffers: Vec<Buffer>,
    /// Buffers in use, and the last step that needs them.
    busy: Vec<(usize, usize)>,
    free: Vec<usize>,
    owned: HashMap<TensorId, usize>,
}

impl Placer {
    /// Frees the buffers whose tensors no step from `at` on needs. A tensor read by step `at` is still held, so no
    /// step writes into what it reads.
    pub(super) fn release(&mut self, at: usize) {
        let free = &mut self.free;
        self.busy.retain(|&(buffer, last)| {
            let held = last >= at;
            if !held {
                free.push(buffer);
            }
            held
        });
    }

    /// A buffer for a tensor that is needed up to the step `last`. Of the free ones: the smallest that is large enough,
    /// else the largest, which grows.
    pub(super) fn passing(&mut self, element: Element, len: usize, last: usize) -> BufferId {
        let fitting = self
            .free
            .iter()
            .copied()
            .filter(|&b| self.buffers[b].element == element);
        let (large, small): (Vec<_>, Vec<_>) = fitting.partition(|&b| self.buffers[b].len >= len);
        let best = large.into_iter().min_by_key(|&b| self.buffers[b].len);
        let chosen = best.or_else(|| small.into_iter().max_by_key(|&b| self.buffers[b].len));
        let buffer = match chosen {
            Some(buffer) => {
                self.free.retain(|&b| b != buffer);
                self.buffers[buffer].len = self.buffers[buffer].len.max(len);
                buffer
            }
            None => self.add(Buffer {
                element,
                len,
                fill: 0.0,
            }),
        };
        self.busy.push((buffer, last));
        buffer.into()
    }

    /// The buffer of a packed tensor. It is never used for another, since its gaps must stay zero.
    pub(super) fn own(&mut self, tensor: TensorId, element: Element, len: usize) -> BufferId {
        let buffer = match self.owned.get(&tensor) {
            Some(&buffer) => buffer,
            None => self.add(Buffer {
                element,
                len,
                fill: 0.0,
            }),
        };
        self.owned.insert(tensor, buffer);
        buffer.into()
    }

    /// A buffer filled with a value, which nobody writes. Constants of one value share theirs.
    pub(super) fn constant(&mut self, value: f64, len: usize) -> BufferId {
        let same = |b: &Buffer| b.fill.to_bits() == value.to_bits();
        let written =
            |index: usize| self.busy.iter().any(|(b, _)| *b == index) || self.free.contains(&index);
        let owned = |index: usize| self.owned.values().any(|&b| b == index);
        let known =
            (0..self.buffers.len()).find(|&i| same(&self.buffers[i]) && !written(i) && !owned(i));
        let buffer = known.unwrap_or_else(|| {
            self.add(Buffer {
                element: Element::F32,
                len,
                fill: value,
            })
        });
        self.buffers[buffer].len = self.buffers[buffer].len.max(len);
        buffer.into()
    }

    fn add(&mut self, buffer: Buffer) -> usize {
        self.buffers.push(buffer);
        self.buffers.len() - 1
    }
}
