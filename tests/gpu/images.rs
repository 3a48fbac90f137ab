//! Images, from which products read matrices on some software drivers: what is in them is always what the matrix holds.
//! Everywhere else the same plans run without.

use std::sync::Arc;

use thalweg::executor::{Data, Executor};
use thalweg::graph::Phase;
use thalweg::kernel::{Finish, Kernel, Limits, Matmul, Scale, Shader, Tick};
use thalweg::plan::{Buffer, PlacedTensor, Plan, Step};
use thalweg::reference::Reference;
use thalweg::tensor::{Element, Shape};

use super::{Place, place};
use crate::common::gpu;

/// Elements of each of the two buffers, and where tensors may begin on every device.
const LEN: usize = 1024;
const START: usize = 64;

/// Numbers below a bound that look random.
struct Dice(u32);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as usize % bound
    }
}

/// Steps over two buffers, x and y.
#[derive(Default)]
struct Steps {
    tensors: Vec<PlacedTensor>,
    steps: Vec<Step>,
}

impl Steps {
    fn tensor(&mut self, buffer: usize, offset: usize, len: usize) -> usize {
        let place = Place {
            offset,
            ..place(buffer, len)
        };
        self.tensors.push(PlacedTensor {
            name: format!("{place:?}"),
            shape: Shape::from([len]),
            element: Element::F32,
            place,
        });
        self.tensors.len() - 1
    }

    /// A kernel whose operands lie in these buffers at these offsets, the last of which is its result.
    fn add(&mut self, kernel: impl Into<Kernel>, operands: &[(usize, usize)]) {
        let kernel = kernel.into();
        let tensors = (kernel.bindings().into_iter().zip(operands))
            .map(|(binding, &(buffer, offset))| self.tensor(buffer, offset, binding.len));
        let mut inputs: Vec<usize> = tensors.collect();
        let outputs = inputs.split_off(operands.len() - 1);
        self.steps.push(Step {
            kernel,
            inputs,
            outputs,
            layer: None,
            phase: Phase::Forward,
        });
    }

    fn plan(self, limits: &Limits) -> Arc<Plan> {
        let buffer = Buffer {
            element: Element::F32,
            len: LEN,
            fill: 0.0,
        };
        let plan = Plan::from_parts("test", vec![buffer; 2], self.tensors, self.steps, limits);
        Arc::new(plan.expect("the plan keeps the rules"))
    }
}

fn product([m, n, k]: [u32; 3], transpose_b: bool) -> Matmul {
    Matmul {
        groups: 1,
        m,
        n,
        k,
        transpose_b,
        ..Matmul::default()
    }
}

/// Products of what is in x into y, and multiples of y into x, all at places that meet.
fn random_steps(dice: &mut Dice) -> Steps {
    let mut steps = Steps::default();
    for _ in 0..12 {
        let mut offset = |starts| START * dice.below(starts);
        let [one, other, to] = [offset(3), offset(3), offset(8)];
        if dice.below(3) > 0 {
            let sizes = [[9, 9, 9], [8, 8, 12], [5, 12, 10], [10, 8, 7]][dice.below(4)];
            let product = product(sizes, dice.below(2) == 0);
            steps.add(product, &[(0, one), (0, other), (1, to)]);
        } else {
            // No sum has more than 12 terms, so nothing grows.
            let factor = 1.0 / 12.0;
            let count = [1, 63, 65, 100, 200][dice.below(5)];
            steps.add(Scale { count, factor }, &[(1, to), (0, one)]);
        }
    }
    steps
}

/// All numbers of a plan after several runs of all kinds, between which the host writes.
fn run(executor: &mut dyn Executor, plan: &Arc<Plan>) -> Vec<f32> {
    let store = thalweg::graph::Store::new();
    let handle = executor.load(Arc::clone(plan), &store).expect("it loads");
    let tick = Tick {
        learning_rate: 0.1,
        ..Tick::default()
    };
    let mut found = Vec::new();
    let write = |executor: &mut dyn Executor, seed| {
        let mut dice = Dice(seed);
        let values = (0..LEN).map(|_| dice.below(1001) as f32 / 500.0 - 1.0);
        let data = Data::F32(values.collect());
        executor.write(handle, place(0, LEN), &data).expect("fits");
    };
    for round in 0..4 {
        write(executor, round);
        match round {
            // Two submissions are under way when the host writes again.
            0 => (0..2).for_each(|_| executor.run(handle, &[tick; 2]).expect("it runs")),
            1 => executor.run(handle, &[tick]).expect("it runs"),
            2 => (0..).zip(&plan.steps).for_each(|(step, _)| {
                write(executor, 2 + step);
                let step = step as usize;
                executor.run_step(handle, step, &tick).expect("it runs");
            }),
            _ => drop(
                executor
                    .run_timed(handle, plan.steps.len(), &tick)
                    .expect("it runs"),
            ),
        }
        for buffer in if round > 0 { 0..2 } else { 0..0 } {
            let data = executor.read(handle, place(buffer, LEN)).expect("read");
            found.extend(data.to_f32());
        }
    }
    found
}

fn compare(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        let near = (found - expected).abs() <= 1e-4;
        assert!(near, "{what}: {at} is {found}, not {expected}");
    }
}

#[test]
fn a_matrix_that_was_written_is_read_anew() {
    let Some(mut gpu) = gpu() else { return };
    for seed in 0..24 {
        let plan = random_steps(&mut Dice(seed)).plan(gpu.limits());
        let before = gpu.allocated();
        let foretold = gpu.plan_bytes(&plan);
        let found = run(&mut gpu, &plan);
        assert_eq!(gpu.allocated() - before, foretold, "bytes of plan {seed}");
        let expected = run(&mut Reference::f64(), &plan);
        compare(&found, &expected, &format!("plan {seed}"));
    }
}

/// A matrix that is read, updated in place, and read again, and one that is both factors.
#[test]
fn a_matrix_that_was_updated_in_place_is_read_anew() {
    let Some(mut gpu) = gpu() else { return };
    for size in [8, 9] {
        let mut steps = Steps::default();
        let plain = product([size; 3], true);
        let update = Matmul {
            finish: Finish::Sgd {
                learning_rate: 0.1,
                weight_decay: 0.0,
            },
            ..plain
        };
        steps.add(plain, &[(0, 0), (0, 0), (1, 512)]);
        // w := x, y := x w, w := w - rate x x, y' := x w.
        let copy = Scale {
            count: size * size,
            factor: 1.0,
        };
        steps.add(copy, &[(0, 0), (1, 0)]);
        steps.add(plain, &[(1, 0), (1, 0), (0, 512)]);
        steps.add(update, &[(0, 0), (0, 128), (1, 0)]);
        steps.add(plain, &[(1, 0), (1, 0), (0, 640)]);
        let plan = steps.plan(gpu.limits());
        let found = run(&mut gpu, &plan);
        let expected = run(&mut Reference::f64(), &plan);
        compare(&found, &expected, &format!("{size}"));
    }
}

/// A shader that is replaced is that of plans that are loaded from then on; those before still fill their images.
#[test]
fn plans_keep_what_fills_their_images() {
    let Some(mut gpu) = gpu() else { return };
    let mut steps = Steps::default();
    steps.add(product([9; 3], false), &[(0, 0), (0, 128), (1, 0)]);
    let plan = steps.plan(gpu.limits());
    let store = thalweg::graph::Store::new();
    let handle = gpu.load(plan, &store).expect("it loads");
    gpu.replace_shader("image_rows", str::to_owned);
    let ones = Data::F32(vec![1.0; LEN]);
    (gpu.write(handle, place(0, LEN), &ones)).expect("it fits");
    gpu.run(handle, &[Tick::default()]).expect("it runs");
    assert_eq!(super::read(&mut gpu, handle, 1, 81), vec![9.0; 81]);
}

/// Some software drivers end the loops of an invocation after so many turns in all; the loops that store the results behind
/// the sums are among them.
#[test]
fn the_longest_sums_that_a_plan_takes_are_stored_whole() {
    let Some(mut gpu) = gpu() else { return };
    // Where nothing ends a loop, any number will do.
    let most = u32::try_from(gpu.limits().turns).unwrap_or(1000);
    // The longest of all, and the longest for which tiles are candidates: those take a turn or two for each term.
    let longest = [most, (most - 256) / 8];
    for ((m, n), longest) in [(33, 10), (36, 32)]
        .into_iter()
        .flat_map(|y| longest.map(|k| (y, k)))
    {
        let long = |k| Matmul {
            transpose_a: true,
            ..product([m, n, k], false)
        };
        let plans = (0..=longest)
            .rev()
            .map(|turns| Plan::alone(long(4 * turns).into(), gpu.limits()));
        let plan = Arc::new(plans.flatten().next().expect("short sums can be taken"));
        let k = plan.tensors[0].place.len / m as usize;
        let candidates = plan.steps[0].kernel.spec().candidates(gpu.limits());
        let tiles = candidates.iter().any(|c| c.file == "matmul_tile");
        assert!(
            tiles || longest == most,
            "tiles are candidates for {k} terms"
        );
        for (at, Shader { file, .. }) in candidates.iter().enumerate() {
            gpu.choose(move |_, _| at);
            let handle = super::load(&mut gpu, Arc::clone(&plan));
            for (buffer, tensor) in plan.tensors[..2].iter().enumerate() {
                let ones = Data::F32(vec![1.0; tensor.place.len]);
                let place = place(buffer, tensor.place.len);
                gpu.write(handle, place, &ones).expect("it fits");
            }
            gpu.run(handle, &[Tick::default()]).expect("it runs");
            let found = super::read(&mut gpu, handle, 2, (m * n) as usize);
            let wrong = found.iter().filter(|&&y| y != k as f32).count();
            assert_eq!(wrong, 0, "{file}: wrong sums of {k} terms for {m} x {n}");
        }
    }
}
