//! Fusion: what alone reads a product's result becomes the product's own finish.
//!
//! - `matmul`, `bias_add`, `activation` become one step: a layer's forward pass.
//! - `matmul`, `activation_grad` become one step: the gradient on its way back through a layer.
//! - `matmul` and the `sum` along the same rows of its left operand become one step: the gradients of a layer's weight and
//!   bias.
//! - A plain `sgd_update` goes into the products that compute its gradient, if products compute all of it: then no
//!   gradient is kept at all. Each comes behind the last step that reads the parameters as they were.
//!
//! Nothing changes but where results are kept, so the fused plan computes what the unfused one does: the tests run both.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::build::Work;
use crate::graph::TensorId;
use crate::kernel::{Finish, Function, Kernel, Matmul};
use crate::tensor::Element;

/// Fuses what can be. `seen` are tensors that must stay; `stored` says which are the store's, and change in place.
pub(super) fn fuse(
    work: &mut Vec<Work<'_>>,
    seen: &HashSet<TensorId>,
    stored: impl Fn(TensorId) -> bool,
) {
    let readers = readers(work);
    let only_read_once = |t: TensorId| readers.get(&t) == Some(&1) && !seen.contains(&t);
    let mut at = 0;
    while at < work.len() {
        let absorbed = (finish(work, at, only_read_once).or_else(|| row_sums(work, at))).filter(
            |&(other, _)| {
                // In between, what the two read must not be changed.
                let between = &work[other.min(at) + 1..other.max(at)];
                !between.iter().any(|w| w.outputs.iter().any(|&o| stored(o)))
            },
        );
        match absorbed {
            Some((product, fused)) => {
                work[at] = fused;
                work.remove(product);
                // What stood behind has moved up, and the fused step may be fused once more.
                at = at.min(product);
            }
            None => at += 1,
        }
    }
}

/// How often each tensor is read.
fn readers(work: &[Work<'_>]) -> HashMap<TensorId, usize> {
    let mut readers = HashMap::new();
    for &tensor in work.iter().flat_map(|w| &w.inputs) {
        *readers.entry(tensor).or_insert(0) += 1;
    }
    readers
}

/// The product whose result step `at` alone reads, and the two as one step at its place.
fn finish<'a>(
    work: &[Work<'a>],
    at: usize,
    only_read_once: impl Fn(TensorId) -> bool,
) -> Option<(usize, Work<'a>)> {
    let last = &work[at];
    // The operand that the product may have computed, and the other.
    let (x, other) = match last.kernel {
        Kernel::BiasAdd(_) => (last.inputs[0], Some(last.inputs[1])),
        Kernel::Activation(_) => (last.inputs[0], None),
        Kernel::ActivationGrad(_) => (last.inputs[1], Some(last.inputs[0])),
        _ => return None,
    };
    let product = work[..at].iter().rposition(|w| w.outputs.contains(&x))?;
    let Kernel::Matmul(matmul) = work[product].kernel else {
        return None;
    };
    let fits = work[product].outputs == [x] && only_read_once(x) && other != Some(x);
    let finish = finished(&matmul, &last.kernel).filter(|_| fits)?;
    let mut inputs = work[product].inputs.clone();
    inputs.extend(other);
    let fused = Work {
        node: work[product].node,
        kernel: Matmul { finish, ..matmul }.into(),
        inputs,
        outputs: last.outputs.clone(),
    };
    Some((product, fused))
}

/// How a product finishes that takes this kernel in.
fn finished(product: &Matmul, kernel: &Kernel) -> Option<Finish> {
    match (product.finish, kernel) {
        (Finish::None, Kernel::BiasAdd(add)) => {
            let same =
                [add.groups, add.rows, add.columns] == [product.groups, product.m, product.n];
            same.then_some(Finish::Bias(Function::IDENTITY))
        }
        (Finish::Bias(Function::IDENTITY), Kernel::Activation(k)) => Some(Finish::Bias(Function {
            kind: k.kind,
            alpha: k.alpha,
        })),
        (Finish::None, Kernel::ActivationGrad(k)) => Some(Finish::Gradient(Function {
            kind: k.kind,
            alpha: k.alpha,
        })),
        _ => None,
    }
}

/// A product and the sum of the rows of its left operand, of which step `at` is the later, as one step at its place.
fn row_sums<'a>(work: &[Work<'a>], at: usize) -> Option<(usize, Work<'a>)> {
    let fits = |product: &Work<'_>, sum: &Work<'_>| match (product.kernel, sum.kernel) {
        (Kernel::Matmul(p), Kernel::Sum(s)) => {
            sum.inputs[0] == product.inputs[0] && !p.row_sums && s == p.row_sum()
        }
        _ => false,
    };
    let last = &work[at];
    let other = work[..at]
        .iter()
        .position(|w| fits(w, last) || fits(last, w))?;
    let (product, sum) = match last.kernel {
        Kernel::Sum(_) => (&work[other], last),
        _ => (last, &work[other]),
    };
    // What the earlier one computes comes later now: nobody may have read it.
    let early = &work[other].outputs;
    let read = work[other + 1..at]
        .iter()
        .any(|w| w.inputs.iter().any(|i| early.contains(i)));
    let Kernel::Matmul(matmul) = product.kernel else {
        return None;
    };
    let outputs = product
        .outputs
        .iter()
        .chain(&sum.outputs)
        .copied()
        .collect();
    let fused = Work {
        node: product.node,
        kernel: Matmul {
            row_sums: true,
            ..matmul
        }
        .into(),
        inputs: product.inputs.clone(),
        outputs,
    };
    (!read).then_some((other, fused))
}

/// The tensors of a store's block that an update changes, and the gradient of each.
pub(super) struct Updated {
    /// The number of the update's step.
    pub(super) step: usize,
    /// Parameter by gradient.
    pub(super) parameters: HashMap<TensorId, TensorId>,
    /// Where the tensors of the store are: in which block, and there.
    pub(super) places: HashMap<TensorId, (usize, Range<usize>)>,
}

impl Updated {
    /// Whether two tensors share elements of the store.
    fn meet(&self, a: TensorId, b: TensorId) -> bool {
        match (self.places.get(&a), self.places.get(&b)) {
            (Some((block_a, a)), Some((block_b, b))) => {
                block_a == block_b && a.start < b.end && b.start < a.end
            }
            _ => false,
        }
    }
}

/// Lets products update parameters in place of computing their gradients. All or none: what is left of an update would
/// still need its gradient in one piece.
pub(super) fn fuse_update(work: &mut Vec<Work<'_>>, updated: &Updated) {
    let Updated {
        step, parameters, ..
    } = updated;
    let Kernel::SgdUpdate(update) = work[*step].kernel else {
        return;
    };
    let is_gradient = |t: &TensorId| parameters.contains_key(t);
    // Nothing else reads a gradient: parts of a packed tensor have no other readers.
    let products: Vec<usize> = (0..*step)
        .filter(|&at| work[at].outputs.iter().any(is_gradient))
        .collect();
    let computed: usize = products.iter().map(|&at| work[at].outputs.len()).sum();
    let meets_any = |t: &TensorId| parameters.values().any(|&p| updated.meet(p, *t));
    let fits = |w: &Work<'_>| match w.kernel {
        Kernel::Matmul(k) => {
            let plain = k.finish == Finish::None && k.operands == Element::F32;
            // One that reads parameters would have to come both before and behind another's update.
            plain && w.outputs.iter().all(is_gradient) && !w.inputs.iter().any(meets_any)
        }
        _ => false,
    };
    // It may move behind any of the steps before the update.
    let stays_as_it_was = |at: usize, read: &TensorId| {
        let mut written = work[at..*step].iter().flat_map(|w| &w.outputs);
        !written.any(|&o| updated.meet(o, *read))
    };
    let may_move = |at: usize| work[at].inputs.iter().all(|i| stays_as_it_was(at, i));
    let plain = update.momentum == 0.0 && !update.scaled && update.factor == 1.0;
    let all_fit = || products.iter().all(|&at| fits(&work[at]) && may_move(at));
    if !plain || computed != parameters.len() || !all_fit() {
        return;
    }
    work.remove(*step);
    // From the last to the first, so that those before keep their numbers.
    for at in products.into_iter().rev() {
        let mut product = work.remove(at);
        if let Kernel::Matmul(k) = product.kernel {
            let finish = Finish::Sgd {
                learning_rate: update.learning_rate,
                weight_decay: update.weight_decay,
            };
            product.kernel = Matmul { finish, ..k }.into();
        }
        product.outputs = product.outputs.iter().map(|o| parameters[o]).collect();
        let meets = |t: &TensorId| product.outputs.iter().any(|&o| updated.meet(o, *t));
        let last = work[at..*step - 1]
            .iter()
            .rposition(|w| w.inputs.iter().any(meets));
        let behind = last.map_or(at, |last| at + last + 1);
        work.insert(behind, product);
    }
}
