//! A plan as text.

use std::fmt;

use super::{BufferId, Plan};

impl fmt::Display for BufferId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(index) => write!(f, "s{index}"),
            Self::Plan(index) => write!(f, "p{index}"),
        }
    }
}

/// Steps in order, one a line: phase, layer, kernel, operands with shapes and buffers (`s` in the store, `p` of the
/// plan), then the memory.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "plan {}: {} steps", self.name, self.steps.len())?;
        let operands = |tensors: &[usize]| {
            let one = |&t: &usize| {
                let tensor = &self.tensors[t];
                let offset = match tensor.place.offset {
                    0 => String::new(),
                    offset => format!("+{offset}"),
                };
                format!(
                    "{} {} {}{offset}",
                    tensor.name, tensor.shape, tensor.place.buffer
                )
            };
            tensors.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        for (index, step) in self.steps.iter().enumerate() {
            let layer = step.layer.map_or_else(|| "-".to_owned(), |l| l.to_string());
            writeln!(
                f,
                "{index:4}  {:8} {layer:>2}  {:26} {} -> {}",
                step.phase.to_string(),
                step.kernel.name(),
                operands(&step.inputs),
                operands(&step.outputs),
            )?;
        }
        for (index, buffer) in self.buffers.iter().enumerate() {
            writeln!(
                f,
                "  p{index}: {} {}, {} bytes",
                buffer.len,
                buffer.element,
                buffer.bytes()
            )?;
        }
        write!(
            f,
            "{} bytes in {} buffers",
            self.bytes(),
            self.buffers.len()
        )?;
        write!(f, " ({} without reuse)", self.bytes_without_reuse())
    }
}
