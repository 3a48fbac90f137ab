//! Products in half precision that are larger than what a device binds: cut between the matrices of a group.

use std::sync::Arc;

use thalweg::executor::{Data, Executor};
use thalweg::graph::{Graph, Store};
use thalweg::kernel::{Limits, Tick};
use thalweg::plan::Plan;
use thalweg::reference::Reference;
use thalweg::tensor::Element;

use crate::common::{cpu, gpu};

const GROUPS: usize = 6;
const M: usize = 16;
const N: usize = 32;
const K: usize = 20;

/// The products of halves of `a` and `b`, on a device that binds so much; and how many steps that takes.
fn products(mut executor: Box<dyn Executor>, binding: u64) -> (Vec<f64>, usize) {
    let mut store = Store::new();
    for (name, rows) in [("a", M), ("b", N)] {
        store
            .declare(name, [GROUPS, rows, K], Element::F32)
            .expect("a new name");
    }
    let mut graph = Graph::new();
    let [a, b] = ["a", "b"].map(|name| {
        let whole = graph.stored(&store, name).expect("it is declared");
        graph.narrow(whole).expect("matrices")
    });
    let y = graph.matmul_transposed(a, b, false, true).expect("it fits");
    let limits = Limits {
        binding,
        ..executor.limits().clone()
    };
    let plan = Plan::new("half", &graph, &[y], &limits).expect("it can be split");
    for tensor in plan
        .steps
        .iter()
        .flat_map(|s| s.inputs.iter().chain(&s.outputs))
    {
        let tensor = &plan.tensors[*tensor];
        let bytes = tensor.place.len * tensor.element.size();
        assert!(bytes as u64 <= binding, "{} in {plan}", tensor.name);
    }
    let (steps, place) = (plan.steps.len(), plan.output(y).expect("it is one").place);
    let handle = executor.load(Arc::new(plan), &store).expect("it loads");
    for (name, rows) in [("a", M), ("b", N)] {
        let values = (0..GROUPS * rows * K).map(|i| ((i * 37 % 101) as f32 - 50.0) / 16.0);
        let data = Data::F32(values.collect());
        executor.write_stored(&store, name, &data).expect("it fits");
    }
    executor.run(handle, &[Tick::default()]).expect("it runs");
    let found = executor.read(handle, place).expect("it is there");
    (found.to_f64(), steps)
}

#[test]
fn groups_of_products_in_half_precision_are_split() {
    type Open = fn() -> Option<Box<dyn Executor>>;
    let open: [Open; 3] = [
        || Some(Box::new(Reference::f32())),
        || Some(Box::new(cpu(2))),
        || match gpu() {
            Some(gpu) if gpu.limits().half => Some(Box::new(gpu)),
            _ => None,
        },
    ];
    for open in open {
        let (Some(one), Some(other)) = (open(), open()) else {
            continue;
        };
        let (whole, steps) = products(one, 1 << 20);
        assert_eq!(steps, 3, "two copies and a product");
        // Two matrices of b.
        let (split, steps) = products(other, (2 * N * K * 4) as u64);
        assert!(steps >= 9, "{steps} steps, of two matrices each at most");
        assert!(whole.iter().any(|y| y.abs() > 10.0), "{whole:?}");
        assert!(split == whole, "no sum is cut, so no bit differs");
    }
}
