//! Products of few results and many terms: what is cut in parts, what is not, and that every executor computes it right.

use std::sync::Arc;

use thalweg::executor::{Data, Executor};
use thalweg::gpu::Options;
use thalweg::graph::{Graph, Store, TensorId};
use thalweg::kernel::{Kernel, Limits, Matmul};
use thalweg::network::Activation;
use thalweg::plan::{BufferId, Place, Plan};
use thalweg::random::{Random, stream};
use thalweg::reference::{self, Bounded, Reference, compare};
use thalweg::tensor::Element;

use super::rules;
use crate::common::{Named, cpu, gpu_with, named};

/// A product, and what becomes of it.
#[derive(Debug, Clone, Copy)]
struct Case {
    m: u32,
    n: u32,
    k: u32,
    transposes: [bool; 2],
    /// The sums of the rows of its left operand are wanted too.
    sums: bool,
    /// A bias and ReLU follow.
    layer: bool,
}

impl Case {
    fn kernel(self) -> Matmul {
        Matmul {
            groups: 1,
            m: self.m,
            n: self.n,
            k: self.k,
            transpose_a: self.transposes[0],
            transpose_b: self.transposes[1],
            row_sums: self.sums,
            ..Matmul::default()
        }
    }

    /// Names of its operands.
    fn names(self) -> [String; 3] {
        ["a", "b", "bias"].map(|name| format!("{name} of {self:?}"))
    }

    fn declare(self, store: &mut Store) {
        let [m, n, k] = [self.m, self.n, self.k].map(|extent| extent as usize);
        let stored = |turned: bool, [rows, columns]: [usize; 2]| match turned {
            true => [columns, rows],
            false => [rows, columns],
        };
        let [turned_a, turned_b] = self.transposes;
        let shapes = [stored(turned_a, [m, k]), stored(turned_b, [k, n]), [1, n]];
        for (name, shape) in self.names().iter().zip(shapes) {
            let declared = store.declare(name, shape, Element::F32);
            declared.expect("a new name");
        }
    }

    fn plan(self, store: &Store, limits: &Limits) -> (Plan, Vec<TensorId>) {
        let mut graph = Graph::new();
        let stored = |name: String| graph.stored(store, &name).expect("it is declared");
        let [a, b, bias] = self.names().map(stored);
        let [turned_a, turned_b] = self.transposes;
        let product = graph.matmul_transposed(a, b, turned_a, turned_b);
        let mut outputs = vec![product.expect("it fits")];
        if self.layer {
            let bias = graph.reshape(bias, [self.n as usize]).expect("as many");
            let sum = graph.bias_add(outputs[0], bias).expect("it fits");
            let last = graph.activation(sum, Activation::Relu);
            outputs = vec![last.expect("reals")];
        }
        if self.sums {
            let axis = usize::from(!turned_a);
            outputs.push(graph.sum_axis(a, axis).expect("there is such an axis"));
        }
        let plan = Plan::new("long", &graph, &outputs, limits).expect("it is small");
        (plan, outputs)
    }
}

/// What a plan's first product is cut into.
fn parts(plan: &Plan) -> u32 {
    let product = plan.steps.iter().find_map(|step| match step.kernel {
        Kernel::Matmul(product) => Some(product.groups),
        _ => None,
    });
    product.expect("there is a product")
}

const DW: [bool; 2] = [true, false];

/// Shapes around tiles and parts, and how many parts they take where 128 workgroups fill the device.
fn cases() -> Vec<(Case, u32)> {
    let case = |m, n, k, transposes| Case {
        m,
        n,
        k,
        transposes,
        sums: false,
        layer: false,
    };
    let mut cases = Vec::new();
    for (m, n, k, parts) in [
        (10, 256, 511, 1),
        (10, 256, 512, 4),
        (10, 256, 1024, 8),
        // 16 parts of its 8 tiles fill the device, and more are not made.
        (10, 256, 4096, 16),
        (1, 1, 640, 5),
        (33, 65, 1000, 5),
        (31, 32, 700, 5),
        // No number divides it.
        (4, 5, 1009, 1),
        // There are 128 tiles and more.
        (128, 1024, 512, 1),
        (5, 4, 5000, 25),
    ] {
        for (at, transposes) in [DW, [false, false], [false, true], [true, true]]
            .into_iter()
            .enumerate()
        {
            // Elsewhere the terms of a part do not lie behind each other.
            let parts = if at == 0 { parts } else { 1 };
            let bare = case(m, n, k, transposes);
            cases.push((bare, parts));
            cases.push((Case { sums: true, ..bare }, parts));
            cases.push((
                Case {
                    layer: true,
                    ..bare
                },
                parts,
            ));
        }
    }
    cases
}

/// One for all cases, as an executor has one.
fn store(cases: &[(Case, u32)]) -> Store {
    let mut store = Store::new();
    cases.iter().for_each(|(case, _)| case.declare(&mut store));
    store
}

fn as_hardware(limits: &Limits) -> Limits {
    Limits {
        software: false,
        subgroup: None,
        fill: Limits::FILL,
        ..limits.clone()
    }
}

/// Executors whose plans are those of a real GPU.
fn executors() -> Vec<Named> {
    let mut reference = Reference::f32();
    reference.choose_as(as_hardware(reference.limits()));
    let mut cpu = cpu(2);
    cpu.choose_as(as_hardware(cpu.limits()));
    let mut all = vec![named("reference", reference), named("cpu", cpu)];
    if let Some(mut gpu) = gpu_with(Options { checked: true }) {
        gpu.choose_as(as_hardware(gpu.limits()));
        all.push(named("gpu", gpu));
    }
    all
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded to f32, as is meant"
)]
fn drawn(salt: usize, len: usize) -> Vec<f32> {
    let random = Random::new(5 + salt as u64, stream::TEST, 0);
    (0..len as u64).map(|i| random.normal(i) as f32).collect()
}

fn exact(values: &[f32]) -> Vec<Bounded> {
    let exact = |&value: &f32| Bounded {
        value: value.into(),
        error: 0.0,
    };
    values.iter().map(exact).collect()
}

#[test]
fn few_long_sums_are_computed_in_parts() {
    let mut executors = executors();
    let cases = cases();
    let store = store(&cases);
    for (case, expected_parts) in cases {
        let kernel = case.kernel();
        let names = case.names();
        let values = [0, 1, 2].map(|i| {
            let (_, shape, _) = store.find(&names[i]).expect("it is declared");
            drawn(i, shape.len())
        });
        let [a, b, bias] = [0, 1, 2].map(|i| exact(&values[i]));
        let mut y = exact(&vec![0.0; (kernel.m * kernel.n) as usize]);
        let mut sums = exact(&vec![0.0; kernel.m as usize]);
        let mut finished = kernel;
        if case.layer {
            finished.finish = thalweg::kernel::Finish::Bias(thalweg::kernel::Function {
                kind: thalweg::kernel::ActivationKind::Relu,
                alpha: 0.0,
            });
        }
        let wanted = case.sums.then_some(sums.as_mut_slice());
        reference::matmul(&finished, (&a, &b), Some(&bias), &mut y, wanted);
        let expected = [y, sums];
        for Named { name, executor } in &mut executors {
            let (plan, outputs) = case.plan(&store, executor.limits());
            rules::check(&plan, &store, &outputs);
            assert_eq!(parts(&plan), expected_parts, "{case:?}: {plan}");
            for (name, values) in names.iter().zip(&values) {
                let data = Data::F32(values.clone());
                let written = executor.write_stored(&store, name, &data);
                written.expect("it fits");
            }
            let found = run(executor.as_mut(), plan, &outputs, &store);
            for (found, expected) in found.iter().zip(&expected) {
                compare("output", found, expected)
                    .unwrap_or_else(|e| panic!("{name}: {case:?}: {e}"));
            }
        }
    }
}

/// Runs a plan with NaN in all memory of its own.
fn run(
    executor: &mut dyn Executor,
    plan: Plan,
    outputs: &[TensorId],
    store: &Store,
) -> Vec<Vec<f32>> {
    let lens: Vec<usize> = plan.buffers.iter().map(|b| b.len).collect();
    let places = outputs
        .iter()
        .map(|&o| plan.output(o).expect("it is one").place);
    let places: Vec<Place> = places.collect();
    let handle = executor.load(Arc::new(plan), store).expect("it loads");
    for (buffer, len) in lens.into_iter().enumerate() {
        let buffer = BufferId::Plan(buffer);
        let offset = 0;
        let place = Place {
            buffer,
            offset,
            len,
        };
        let nothing = Data::F32(vec![f32::NAN; len]);
        executor.write(handle, place, &nothing).expect("it fits");
    }
    executor
        .run(handle, &[thalweg::kernel::Tick::default()])
        .expect("it runs");
    let read = |place| executor.read(handle, place).expect("it is there").to_f32();
    places.into_iter().map(read).collect()
}

/// What the CPU works on stays whole: there one thread after another walks along the same terms anyway.
#[test]
fn nothing_is_cut_where_the_cpu_does_the_work() {
    let mut all = vec![Reference::f64().limits().clone(), cpu(2).limits().clone()];
    let gpu = gpu_with(Options::default()).map(|gpu| gpu.limits().clone());
    all.extend(gpu.filter(|limits| limits.software));
    let cases = cases();
    let store = store(&cases);
    for (case, _) in cases {
        for limits in &all {
            let (plan, _) = case.plan(&store, limits);
            assert_eq!(parts(&plan), 1, "{case:?}: {plan}");
        }
    }
}

/// Partial results take about as much as the tiles that fill the device, whatever the shape, and never more than can be
/// bound.
#[test]
fn the_scratch_is_bounded() {
    let mut cases = cases();
    // Most of the tiles that fill a device, and more terms than that takes parts.
    let large = Case {
        m: 1024,
        n: 96,
        k: 2048,
        ..cases[0].0
    };
    cases.push((large, 2));
    let store = store(&cases);
    for (case, _) in cases {
        let whole = Limits {
            fill: 1,
            ..Limits::SMALLEST
        };
        let [whole, cut] = [&whole, &Limits::SMALLEST].map(|l| case.plan(&store, l).0.bytes());
        let most = u64::from(2 * Limits::FILL) * 32 * 32 * 4;
        assert!(cut - whole <= most, "{case:?}: {whole} bytes, then {cut}");
        let binding = 4 * u64::from(case.m.max(case.n) * case.k);
        let tight = Limits {
            binding,
            ..Limits::SMALLEST
        };
        let (plan, outputs) = case.plan(&store, &tight);
        rules::check(&plan, &store, &outputs);
        let largest = plan.tensors.iter().map(|t| 4 * t.place.len as u64).max();
        assert!(largest <= Some(binding), "{case:?}: {plan}");
    }
}
