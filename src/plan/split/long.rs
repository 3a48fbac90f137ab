//! Long sums of few results: cut into parts that a device works on at once, whose sums a second step adds.
//!
//! A product gets a workgroup for each tile of its result. The gradient of a small weight, `dw = dyᵀ x`, has few tiles and
//! as many terms as the batch has rows: 10 x 256 results are 8 tiles of 32 x 32, so 8 of the 100 and more processors of a
//! GPU would walk along all terms while the others wait. In 16 parts there are 128 workgroups, each with a 16th of the
//! terms. The parts are groups of one product over the same operands, as their terms lie behind each other; the partial
//! results go to scratch, and a sum along the parts, always in the same order, ends it.
//!
//! The second step costs a dispatch, and moves as many results as there are parts: some microseconds, in which a workgroup
//! walks along a few hundred terms. So shorter sums stay whole, and parts do not become shorter than [`SHORTEST`]. That is an
//! estimate. The number of parts follows from the shape and the device's class alone, so the same device gets the same bits.
//!
//! Of scratch this takes at most about as much as twice `fill` tiles hold, a megabyte on a GPU.
//!
//! A sum that is cut, here or because the device could not bind its terms, is finished (bias, activation, gradient) by steps
//! behind it.

use super::Splitter;
use crate::kernel::{self, Finish, Function, Limits, Matmul, Sum};
use crate::plan::{PlacedTensor, PlanError};

/// Fewer terms than these are not worth a second step.
const LONG: u32 = 512;
/// Terms of a part: eight turns of the loop of `matmul_tile`.
const SHORTEST: u32 = 128;

/// In how many parts a product is computed; `None` if it is better left whole.
pub(super) fn parts(product: &Matmul, limits: &Limits) -> Option<u32> {
    // What is fused into it is done when the parts have been added.
    let bare = Matmul {
        finish: Finish::None,
        ..*product
    };
    let wanted = limits.fill.div_ceil(bare.smallest_tiles().max(1));
    let most = wanted.min(bare.k / SHORTEST);
    if bare.k < LONG || bare.smallest_tiles() >= limits.fill {
        return None;
    }
    (2..=most)
        .rev()
        .find(|&parts| bare.in_parts(parts).is_some())
}

impl Splitter<'_> {
    /// A product in so many parts, and the steps that add them.
    pub(super) fn emit_long(
        &mut self,
        product: Matmul,
        parts: u32,
        inputs: Vec<usize>,
        outputs: &[usize],
    ) -> Result<(), PlanError> {
        let Some(cut) = product.in_parts(parts) else {
            return self.emit_unfinished(product, inputs, outputs);
        };
        let mut written = Vec::new();
        for &output in outputs {
            let name = format!("{} parts", self.plan.tensors[output].name);
            let count = self.plan.tensors[output].place.len;
            written.push(self.scratch(name, [parts as usize, count].into()));
        }
        self.emit(cut.into(), inputs, written.clone())?;
        for (part, &output) in written.into_iter().zip(outputs) {
            let sum = Sum {
                outer: 1,
                axis: parts,
                inner: self.count(output),
                factor: 1.0,
            };
            self.emit(sum.into(), vec![part], vec![output])?;
            self.free(part);
        }
        Ok(())
    }

    /// A product that must be summed up before it is finished.
    pub(super) fn emit_unfinished(
        &mut self,
        product: Matmul,
        mut inputs: Vec<usize>,
        outputs: &[usize],
    ) -> Result<(), PlanError> {
        // The bias, or what the activation saved.
        let other = inputs.split_off(2);
        let y = outputs[0];
        let (name, shape) = (
            self.plan.tensors[y].name.clone(),
            self.plan.tensors[y].shape.clone(),
        );
        let product_part = self.scratch(format!("{name} product"), shape.clone());
        let mut sums = vec![product_part];
        if let Finish::Sgd { .. } = product.finish {
            for &bias in &outputs[1..] {
                let PlacedTensor { name, shape, .. } = &self.plan.tensors[bias];
                let (name, shape) = (format!("{name} gradient"), shape.clone());
                sums.push(self.scratch(name, shape));
            }
        } else {
            sums.extend(&outputs[1..]);
        }
        let finish = Finish::None;
        let raw = Matmul { finish, ..product };
        self.emit(raw.into(), inputs, sums.clone())?;
        let count = self.count(y);
        match product.finish {
            Finish::None => unreachable!("such a product is cut as it is"),
            Finish::Bias(Function { kind, alpha }) => {
                let Matmul { groups, m, n, .. } = product;
                let (rows, columns) = (m, n);
                let add = kernel::BiasAdd {
                    groups,
                    rows,
                    columns,
                };
                if kind == kernel::ActivationKind::Identity {
                    self.emit(add.into(), [&[product_part], &other[..]].concat(), vec![y])?;
                } else {
                    let sum = self.scratch(format!("{name} sum"), shape);
                    self.emit(
                        add.into(),
                        [&[product_part], &other[..]].concat(),
                        vec![sum],
                    )?;
                    let activation = kernel::Activation { kind, count, alpha };
                    self.emit(activation.into(), vec![sum], vec![y])?;
                    self.free(sum);
                }
            }
            Finish::Gradient(Function { kind, alpha }) => {
                let gradient = kernel::ActivationGrad { kind, count, alpha };
                self.emit(gradient.into(), vec![other[0], product_part], vec![y])?;
            }
            Finish::Sgd {
                learning_rate,
                weight_decay,
            } => {
                for (&gradient, &parameter) in sums.iter().zip(outputs) {
                    let update = kernel::SgdUpdate {
                        factor: 1.0,
                        count: self.count(parameter),
                        learning_rate,
                        weight_decay,
                        momentum: 0.0,
                        nesterov: false,
                        scaled: false,
                    };
                    self.emit(update.into(), vec![gradient], vec![parameter])?;
                }
                sums[1..].iter().for_each(|&gradient| self.free(gradient));
            }
        }
        self.free(product_part);
        Ok(())
    }
}
