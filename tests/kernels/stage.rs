//! One kernel on a stage of its own: a plan of one step, with every operand inside a larger buffer.

use std::sync::Arc;

use half::f16;
use thalweg::executor::{Data, Executor, View, ViewMut};
use thalweg::graph::{ALIGNMENT, Phase, Store};
use thalweg::kernel::{Access, Binding, Finish, Kernel, Tick};
use thalweg::plan::{Buffer, BufferId, Place, PlacedTensor, Plan, Step};
use thalweg::reference::{self, Real};
use thalweg::tensor::{Element, Shape};

/// What stands before and behind what a kernel writes.
const GUARD: f32 = -1234.5;
const GUARD_INTEGER: u32 = 0xdead_beef;
/// Elements behind an operand.
const BEHIND: usize = 67;

/// The tick that decides what the kernel holds already.
pub(super) fn tick(kernel: &Kernel) -> Tick {
    let mut tick = Tick::default();
    match *kernel {
        Kernel::Gather(k) if k.batch => tick.start = k.start,
        Kernel::Dropout(k) => tick.step = k.step,
        Kernel::Noise(k) => tick.step = k.step,
        Kernel::Record(k) => tick.slot = k.slot,
        Kernel::Matmul(k) => {
            if let Finish::Sgd { learning_rate, .. } = k.finish {
                tick.learning_rate = learning_rate;
            }
        }
        Kernel::SgdUpdate(k) => tick.learning_rate = k.learning_rate,
        Kernel::AdamUpdate(k) => (tick.learning_rate, tick.step) = (k.learning_rate, k.step),
        Kernel::RmspropUpdate(k) => (tick.learning_rate, tick.step) = (k.learning_rate, k.step),
        Kernel::AdagradUpdate(k) => (tick.learning_rate, tick.step) = (k.learning_rate, k.step),
        Kernel::AdadeltaUpdate(k) => (tick.learning_rate, tick.step) = (k.learning_rate, k.step),
        Kernel::AdamaxUpdate(k) => (tick.learning_rate, tick.step) = (k.learning_rate, k.step),
        Kernel::NadamUpdate(k) => (tick.learning_rate, tick.step) = (k.learning_rate, k.step),
        Kernel::RadamUpdate(k) => (tick.learning_rate, tick.step) = (k.learning_rate, k.step),
        Kernel::LionUpdate(k) => (tick.learning_rate, tick.step) = (k.learning_rate, k.step),
        _ => {}
    }
    assert_eq!(
        kernel.at(&tick),
        *kernel,
        "the tick leaves the kernel alone"
    );
    tick
}

/// An operand's values between guards. Behind the guards of what is read stands NaN, or row numbers outside of every
/// table: who reads beyond the operand shall not get away with it.
fn guarded(values: &Data, read: bool) -> Data {
    fn between<T: Copy>(values: &[T], guard: T, before: usize) -> Vec<T> {
        let mut all = vec![guard; before];
        all.extend_from_slice(values);
        all.resize(before + values.len() + BEHIND, guard);
        all
    }
    let before = before(values.element());
    match values {
        Data::F32(v) => Data::F32(between(v, if read { f32::NAN } else { GUARD }, before)),
        Data::F16(v) => {
            let guard = if read { f16::NAN } else { f16::from_f32(GUARD) };
            Data::F16(between(v, guard, before))
        }
        Data::U32(v) => Data::U32(between(v, GUARD_INTEGER, before)),
        Data::U8(v) => Data::U8(between(v, 0xab, before)),
        Data::F64(_) => unreachable!("executors under test hold f32"),
    }
}

/// Elements before an operand: as few as a device can bind behind.
fn before(element: Element) -> usize {
    ALIGNMENT / element.size()
}

fn buffer_place(buffer: usize, values: &Data) -> Place {
    let len = before(values.element()) + values.len() + BEHIND;
    Place {
        buffer: BufferId::Plan(buffer),
        offset: 0,
        len,
    }
}

fn operand(buffer: usize, binding: &Binding) -> PlacedTensor {
    let place = Place {
        buffer: BufferId::Plan(buffer),
        offset: before(binding.element),
        len: binding.len,
    };
    PlacedTensor {
        name: binding.name.to_owned(),
        shape: Shape::from([binding.len]),
        element: binding.element,
        place,
    }
}

/// Runs the kernel with these values of its bindings, in their order, and returns the values after of those it writes.
///
/// # Panics
/// If anything beside them changed.
pub(super) fn run(executor: &mut dyn Executor, kernel: &Kernel, values: &[Data]) -> Vec<Data> {
    let bindings = kernel.bindings();
    assert_eq!(values.len(), bindings.len(), "values for every binding");
    let reads = bindings.iter().filter(|b| b.access == Access::Read).count();
    let buffers = values.iter().map(|values| Buffer {
        element: values.element(),
        len: buffer_place(0, values).len,
        fill: 0.0,
    });
    let step = Step {
        kernel: *kernel,
        inputs: (0..reads).collect(),
        outputs: (reads..bindings.len()).collect(),
        layer: None,
        phase: Phase::Forward,
    };
    let tensors = bindings.iter().enumerate().map(|(i, b)| operand(i, b));
    let plan = Plan::from_parts(
        "case",
        buffers.collect(),
        tensors.collect(),
        vec![step],
        executor.limits(),
    );
    let plan = Arc::new(plan.expect("the plan keeps the rules"));
    let handle = executor
        .load(plan, &Store::new())
        .unwrap_or_else(|e| panic!("{kernel:?}: {e}"));

    let all: Vec<Data> = (0..)
        .zip(values)
        .map(|(i, v)| guarded(v, i < reads))
        .collect();
    for (i, data) in all.iter().enumerate() {
        executor
            .write(handle, buffer_place(i, &values[i]), data)
            .expect("it fits");
    }
    executor
        .run(handle, &[tick(kernel)])
        .unwrap_or_else(|e| panic!("{kernel:?}: {e}"));
    let mut written = Vec::new();
    for (i, binding) in bindings.iter().enumerate() {
        let after = executor
            .read(handle, buffer_place(i, &values[i]))
            .expect("it can be read");
        let range = before(binding.element)..before(binding.element) + binding.len;
        if binding.access == Access::Read {
            assert!(
                same(&after, &all[i], 0..0),
                "{kernel:?} changed `{}`, which it reads",
                binding.name
            );
        } else {
            assert!(
                same(&after, &all[i], range.clone()),
                "{kernel:?} wrote beside `{}`",
                binding.name
            );
            written.push(part(&after, range));
        }
    }
    written
}

/// A tensor's values, bit for bit.
pub(super) fn bits(data: &Data) -> Vec<u32> {
    match data {
        Data::F32(v) => v.iter().map(|x| x.to_bits()).collect(),
        Data::F16(v) => v.iter().map(|x| u32::from(x.to_bits())).collect(),
        Data::U32(v) => v.clone(),
        Data::U8(v) => v.iter().map(|&x| u32::from(x)).collect(),
        Data::F64(_) => unreachable!("executors under test hold f32"),
    }
}

/// Whether two buffers are the same, bit for bit, outside of a range.
fn same(a: &Data, b: &Data, but: std::ops::Range<usize>) -> bool {
    let pairs = bits(a).into_iter().zip(bits(b)).enumerate();
    a.len() == b.len()
        && pairs
            .filter(|(i, _)| !but.contains(i))
            .all(|(_, (a, b))| a == b)
}

fn part(data: &Data, range: std::ops::Range<usize>) -> Data {
    match data {
        Data::F32(v) => Data::F32(v[range].to_vec()),
        Data::F16(v) => Data::F16(v[range].to_vec()),
        Data::U32(v) => Data::U32(v[range].to_vec()),
        Data::U8(v) => Data::U8(v[range].to_vec()),
        Data::F64(v) => Data::F64(v[range].to_vec()),
    }
}

/// The values of a tensor in the reference's numbers.
pub(super) enum Exact<T> {
    Real(Vec<T>),
    U32(Vec<u32>),
    U8(Vec<u8>),
}

/// What the reference makes of exactly the same values.
pub(super) fn expected<T: Real>(kernel: &Kernel, values: &[Data]) -> Vec<Exact<T>> {
    let exact = |data: &Data| match data {
        Data::F32(v) => Exact::Real(v.iter().map(|&x| T::from_f32(x)).collect()),
        Data::F16(v) => Exact::Real(v.iter().map(|&x| T::from_f32(x.into())).collect()),
        Data::U32(v) => Exact::U32(v.clone()),
        Data::U8(v) => Exact::U8(v.clone()),
        Data::F64(_) => unreachable!("executors under test hold f32"),
    };
    let bindings = kernel.bindings();
    let reads = bindings.iter().filter(|b| b.access == Access::Read).count();
    let mut all: Vec<Exact<T>> = values.iter().map(exact).collect();
    let mut outputs = all.split_off(reads);
    let inputs: Vec<View<'_, T>> = all
        .iter()
        .map(|values| match values {
            Exact::Real(v) => View::Real(v),
            Exact::U32(v) => View::U32(v),
            Exact::U8(v) => View::U8(v),
        })
        .collect();
    let mut views: Vec<ViewMut<'_, T>> = outputs
        .iter_mut()
        .map(|values| match values {
            Exact::Real(v) => ViewMut::Real(v),
            Exact::U32(v) => ViewMut::U32(v),
            Exact::U8(v) => ViewMut::U8(v),
        })
        .collect();
    reference::run(kernel, &inputs, &mut views);
    outputs
}
