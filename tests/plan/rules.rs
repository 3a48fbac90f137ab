//! The rules of plans, held by running through the steps with nothing but the places of tensors.

use std::collections::HashMap;

use thalweg::graph::{ALIGNMENT, Phase, Store, TensorId};
use thalweg::kernel::{Access, Kernel};
use thalweg::plan::{BufferId, Place, Plan};

/// Where each tensor of a plan is first written and last needed.
struct Life {
    first: usize,
    last: usize,
}

/// Asserts every rule.
pub(super) fn check(plan: &Plan, store: &Store, outputs: &[TensorId]) {
    places(plan, store);
    steps(plan);
    written_before_read(plan, outputs);
    alive_alone(plan, outputs);
    updates(plan, store);
}

fn range(place: Place) -> std::ops::Range<usize> {
    place.offset..place.offset + place.len
}

fn overlap(a: Place, b: Place) -> bool {
    a.buffer == b.buffer && range(a).start < range(b).end && range(b).start < range(a).end
}

fn is_own(place: Place) -> bool {
    matches!(place.buffer, BufferId::Plan(_))
}

/// Every tensor lies in its buffer, at an offset that a device can bind, and holds what the buffer holds.
fn places(plan: &Plan, store: &Store) {
    for tensor in &plan.tensors {
        let (element, len) = match tensor.place.buffer {
            BufferId::Store(block) => (store.blocks()[block].element, store.blocks()[block].len),
            BufferId::Plan(buffer) => (plan.buffers[buffer].element, plan.buffers[buffer].len),
        };
        let name = &tensor.name;
        assert_eq!(tensor.element, element, "{name} in {plan}");
        assert!(
            range(tensor.place).end <= len,
            "{name} reaches beyond its buffer in {plan}"
        );
        assert_eq!(tensor.place.len, tensor.shape.len(), "{name} in {plan}");
        let bytes = tensor.place.offset * element.size();
        assert_eq!(
            bytes % ALIGNMENT,
            0,
            "{name} begins at byte {bytes} in {plan}"
        );
    }
    let bytes: usize = plan
        .buffers
        .iter()
        .map(|b| (b.len * b.element.size()).next_multiple_of(16))
        .sum();
    assert_eq!(plan.bytes(), bytes as u64, "{plan}");
}

/// What a step writes is in another buffer than all that it reads, two things that it writes do not overlap, and operands
/// are what the kernel binds.
fn steps(plan: &Plan) {
    for (index, step) in plan.steps.iter().enumerate() {
        let operands: Vec<usize> = step.inputs.iter().chain(&step.outputs).copied().collect();
        for (i, &output) in step.outputs.iter().enumerate() {
            let at = step.inputs.len() + i;
            for (other, &operand) in operands.iter().enumerate() {
                let [a, b] = [operand, output].map(|tensor| plan.tensors[tensor].place);
                let both_written = other >= step.inputs.len();
                let collide = if both_written {
                    overlap(a, b)
                } else {
                    a.buffer == b.buffer
                };
                assert!(
                    other == at || !collide,
                    "{} in {plan}",
                    plan.describe(index)
                );
            }
        }
        let bindings = step.kernel.bindings();
        assert_eq!(
            bindings.len(),
            operands.len(),
            "{} in {plan}",
            plan.describe(index)
        );
        for (i, (binding, &operand)) in bindings.iter().zip(&operands).enumerate() {
            let tensor = &plan.tensors[operand];
            assert_eq!(
                (binding.len, binding.element, binding.access == Access::Read),
                (tensor.place.len, tensor.element, i < step.inputs.len()),
                "{}, `{}` in {plan}",
                plan.describe(index),
                binding.name
            );
        }
    }
}

/// Whether a tensor is put together by steps that write parts of it: no step writes it as a whole.
fn is_packed(plan: &Plan, tensor: usize) -> bool {
    let place = plan.tensors[tensor].place;
    let mut written = plan.steps.iter().flat_map(|s| &s.outputs);
    let whole = plan.steps.iter().any(|s| s.outputs.contains(&tensor));
    !whole && is_own(place) && written.any(|&w| overlap(plan.tensors[w].place, place))
}

/// Whether nobody ever writes where the tensor is: a constant.
fn is_constant(plan: &Plan, tensor: usize) -> bool {
    let place = plan.tensors[tensor].place;
    let mut written = plan.steps.iter().flat_map(|s| &s.outputs);
    is_own(place) && !written.any(|&w| plan.tensors[w].place.buffer == place.buffer)
}

/// Every element that a step reads was last written by the very tensor that it is read as.
fn written_before_read(plan: &Plan, outputs: &[TensorId]) {
    let mut writers: HashMap<BufferId, Vec<Option<usize>>> = HashMap::new();
    for (index, buffer) in plan.buffers.iter().enumerate() {
        writers.insert(BufferId::Plan(index), vec![None; buffer.len]);
    }
    let holds = |writers: &HashMap<BufferId, Vec<Option<usize>>>, tensor: usize, when: &str| {
        let place = plan.tensors[tensor].place;
        if !is_own(place) || is_constant(plan, tensor) {
            return;
        }
        let packed = is_packed(plan, tensor);
        for (i, writer) in writers[&place.buffer][range(place)].iter().enumerate() {
            let right = match writer {
                Some(writer) if packed => !is_packed(plan, *writer),
                Some(writer) => *writer == tensor,
                // The gaps between the parts.
                None => packed,
            };
            let by = writer.map(|w| plan.tensors[w].name.as_str());
            assert!(
                right,
                "{when}: element {i} of `{}` holds {by:?} in {plan}",
                plan.tensors[tensor].name
            );
        }
        assert!(
            !packed
                || writers[&place.buffer][range(place)]
                    .iter()
                    .any(Option::is_some),
            "{when}: nothing of `{}` was written in {plan}",
            plan.tensors[tensor].name
        );
    };
    for (index, step) in plan.steps.iter().enumerate() {
        for &input in &step.inputs {
            holds(&writers, input, &plan.describe(index));
        }
        for (binding, &output) in step.kernel.bindings()[step.inputs.len()..]
            .iter()
            .zip(&step.outputs)
        {
            let place = plan.tensors[output].place;
            // What works in place finds what was written before, as a later piece of a split step does.
            if binding.access == Access::ReadWrite {
                holds(&writers, output, &plan.describe(index));
            }
            if let Some(writers) = writers.get_mut(&place.buffer) {
                writers[range(place)].fill(Some(output));
            }
        }
    }
    for &output in outputs {
        let placed = plan.output(output).expect("an output has a place");
        let tensor = plan
            .tensors
            .iter()
            .rposition(|t| t.place == placed.place)
            .expect("it, or what it is a view of, is the last of the plan's tensors there");
        holds(&writers, tensor, "at the end");
    }
}

/// No two tensors that are alive at once overlap, but a packed one and its parts.
fn alive_alone(plan: &Plan, outputs: &[TensorId]) {
    let end = plan.steps.len();
    let mut lives: Vec<Option<Life>> = plan.tensors.iter().map(|_| None).collect();
    for (at, step) in plan.steps.iter().enumerate() {
        for &tensor in step.inputs.iter().chain(&step.outputs) {
            let life = lives[tensor].get_or_insert(Life {
                first: at,
                last: at,
            });
            life.last = at;
        }
    }
    for output in outputs.iter().filter_map(|&o| plan.output(o)) {
        let tensor = plan
            .tensors
            .iter()
            .rposition(|t| t.place == output.place)
            .expect("it, or what it is a view of, is the last of the plan's tensors there");
        lives[tensor]
            .get_or_insert(Life {
                first: 0,
                last: end,
            })
            .last = end;
    }
    for a in 0..plan.tensors.len() {
        if is_constant(plan, a) {
            continue;
        }
        for b in 0..a {
            let [x, y] = [&plan.tensors[a], &plan.tensors[b]];
            if !is_own(x.place)
                || !overlap(x.place, y.place)
                || is_packed(plan, a)
                || is_packed(plan, b)
            {
                continue;
            }
            let (Some(p), Some(q)) = (&lives[a], &lives[b]) else {
                continue;
            };
            assert!(
                p.last < q.first || q.last < p.first,
                "`{}` (steps {} to {}) and `{}` ({} to {}) share a place in {plan}",
                x.name,
                p.first,
                p.last,
                y.name,
                q.first,
                q.last
            );
        }
    }
}

/// Asserts that ranges lie behind each other, from the beginning of one to its end.
fn tile(mut found: Vec<std::ops::Range<usize>>, whole: std::ops::Range<usize>, what: &str) {
    found.sort_by_key(|range| range.start);
    let end = found.iter().fold(whole.start, |end, range| {
        assert_eq!(range.start, end, "{what}: {found:?} of {whole:?}");
        range.end
    });
    assert_eq!(end, whole.end, "{what}: {found:?}");
}

/// The gradients of a block lie where its members do, each element written once, with zeros between; all of the block is
/// updated, once; and no parameter changes before the last step has read it.
fn updates(plan: &Plan, store: &Store) {
    let is_update =
        |kernel: &Kernel| matches!(kernel, Kernel::SgdUpdate(_) | Kernel::AdamUpdate(_));
    let mut updated: HashMap<BufferId, Vec<std::ops::Range<usize>>> = HashMap::new();
    for step in plan.steps.iter().filter(|s| is_update(&s.kernel)) {
        let places = step.outputs.iter().map(|&t| plan.tensors[t].place);
        places.for_each(|p| updated.entry(p.buffer).or_default().push(range(p)));
    }
    for (buffer, ranges) in updated {
        let BufferId::Store(block) = buffer else {
            panic!("parameters last: {plan}")
        };
        tile(ranges, 0..store.blocks()[block].len, "updates");
    }
    for (at, step) in plan.steps.iter().enumerate() {
        if !is_update(&step.kernel) {
            continue;
        }
        assert_eq!(step.phase, Phase::Update, "{plan}");
        let [gradient, parameters] = [step.inputs[0], step.outputs[0]].map(|t| &plan.tensors[t]);
        let BufferId::Store(block) = parameters.place.buffer else {
            panic!("parameters last: {plan}")
        };
        let block = &store.blocks()[block];
        for output in &step.outputs {
            let state = &plan.tensors[*output];
            assert_eq!(
                range(state.place),
                range(gradient.place),
                "{} in {plan}",
                state.name
            );
        }
        for member in &block.members {
            let place = Place {
                buffer: gradient.place.buffer,
                offset: member.offset,
                len: member.shape.len(),
            };
            let written = plan.steps[..at].iter().flat_map(|s| &s.outputs);
            let parts = written
                .map(|&t| plan.tensors[t].place)
                .filter(|&p| overlap(p, place));
            let what = format!("the gradient at {} in {plan}", member.name);
            tile(parts.map(range).collect(), range(place), &what);
        }
        let written: usize = block.members.iter().map(|m| m.shape.len()).sum();
        let all = plan
            .steps
            .iter()
            .flat_map(|s| &s.outputs)
            .map(|&t| plan.tensors[t].place);
        let total: usize = all
            .filter(|p| p.buffer == gradient.place.buffer)
            .map(|p| p.len)
            .sum();
        assert_eq!(
            total, written,
            "nothing is written between the parts in {plan}"
        );
        for later in &plan.steps[at + 1..] {
            let mut reads = later.inputs.iter().map(|&t| plan.tensors[t].place);
            assert!(
                !reads.any(|p| p.buffer == parameters.place.buffer),
                "parameters are read after the update in {plan}"
            );
        }
    }
}
