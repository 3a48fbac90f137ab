//! Buffers that are used again as soon as their tensor is no longer needed.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};

use super::{Buffer, BufferId};
use crate::graph::TensorId;
use crate::tensor::Element;

/// Hands out buffers, step by step.
#[derive(Debug, Default)]
pub(super) struct Placer {
    pub(super) buffers: Vec<Buffer>,
    /// The last steps that need buffers in use, the earliest first, and the buffers.
    busy: BinaryHeap<Reverse<(usize, usize)>>,
    /// Buffers that nobody needs now, by their elements and lengths.
    free: HashMap<Element, BTreeSet<(usize, usize)>>,
    /// Buffers that something is written into.
    written: HashSet<usize>,
    owned: HashMap<TensorId, usize>,
}

impl Placer {
    /// Frees the buffers whose tensors no step from `at` on needs. A tensor read by step `at` is still held, so no
    /// step writes into what it reads.
    pub(super) fn release(&mut self, at: usize) {
        while let Some(&Reverse((last, buffer))) = self.busy.peek()
            && last < at
        {
            self.busy.pop();
            let Buffer { element, len, .. } = self.buffers[buffer];
            self.free.entry(element).or_default().insert((len, buffer));
        }
    }

    /// A buffer for a tensor that is needed up to the step `last`. Of the free ones: the smallest that is large enough,
    /// else the largest, which grows.
    pub(super) fn passing(&mut self, element: Element, len: usize, last: usize) -> BufferId {
        let free = self.free.entry(element).or_default();
        let best = free.range((len, 0)..).next().or_else(|| free.last());
        let buffer = match best.copied() {
            Some(chosen) => {
                free.remove(&chosen);
                let (has, buffer) = chosen;
                self.buffers[buffer].len = has.max(len);
                buffer
            }
            None => self.add(Buffer {
                element,
                len,
                fill: 0.0,
            }),
        };
        self.written.insert(buffer);
        self.busy.push(Reverse((last, buffer)));
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
        self.written.insert(buffer);
        self.owned.insert(tensor, buffer);
        buffer.into()
    }

    /// A buffer filled with a value, which nobody writes. Constants of one value share theirs.
    pub(super) fn constant(&mut self, value: f64, len: usize) -> BufferId {
        let same = |b: &Buffer| b.fill.to_bits() == value.to_bits();
        let known =
            (0..self.buffers.len()).find(|i| same(&self.buffers[*i]) && !self.written.contains(i));
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
