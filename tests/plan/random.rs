//! Random graphs: the rules hold, and a plan that uses memory again computes what one that never does computes.

use std::sync::Arc;

use thalweg::executor::{Data, Executor};
use thalweg::graph::ops::{ActivationFunction, DropoutKey, Update};
use thalweg::graph::{Graph, GraphError, Store, TensorId};
use thalweg::kernel::{Limits, Tick};
use thalweg::plan::{BufferId, Plan};
use thalweg::random::{Random, stream};
use thalweg::reference::Reference;
use thalweg::tensor::{Element, Shape};

use super::rules;

/// Numbers drawn one after another.
struct Draws {
    random: Random,
    next: u64,
}

impl Draws {
    fn below(&mut self, n: usize) -> usize {
        self.next += 1;
        let n = u32::try_from(n).expect("it is small");
        self.random.below(self.next, n) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Parameters `a` `[rows, columns]`, `w` `[columns, columns]` and `b` `[columns]` in one block, and what else the ops need.
fn store([rows, columns]: [usize; 2]) -> Store {
    let mut store = Store::new();
    let members: [(&str, &[usize]); 3] = [
        ("a", &[rows, columns]),
        ("w", &[columns, columns]),
        ("b", &[columns]),
    ];
    let members = members.map(|(name, shape)| (name.to_owned(), Shape::from(shape)));
    store
        .declare_block("block", members.to_vec())
        .expect("new names");
    for state in ["velocity", "mean", "square"] {
        store.declare_like("block", state).expect("a new name");
    }
    for name in ["x", "kept"] {
        store
            .declare(name, [rows, columns], Element::F32)
            .expect("a new name");
    }
    store
        .declare("order", [rows], Element::U32)
        .expect("a new name");
    store
}

/// A graph of `ops` ops on `[rows, columns]`, its tensors, and the gradients at the parameters if it has any.
fn build(
    store: &Store,
    draws: &mut Draws,
    ops: usize,
) -> Result<(Graph, Vec<TensorId>, TensorId), GraphError> {
    let mut graph = Graph::new();
    let [a, w, b, x, order] = ["a", "w", "b", "x", "order"].map(|name| graph.stored(store, name));
    let (a, w, b, x, order) = (a?, w?, b?, x?, order?);
    let shape = graph.tensor(a).shape.clone();
    let [rows, columns] = shape.rows_columns();
    let mut tensors = vec![a, x];
    for i in 0..ops {
        graph.set_layer((i % 3 > 0).then_some(i));
        // Late tensors more often, so that chains become long.
        let recent = tensors.len().saturating_sub(1 + draws.below(4));
        let (t, u) = (tensors[recent], draws.pick(&tensors));
        let y = match draws.below(13) {
            0 => graph.add(t, u)?,
            1 => graph.sub(t, u)?,
            2 => graph.mul(t, u)?,
            3 => graph.matmul(t, w)?,
            4 => graph.bias_add(t, b)?,
            5 => graph.activation(t, ActivationFunction::Tanh)?,
            6 => graph.activation(t, ActivationFunction::Silu)?,
            7 => graph.softmax(t)?,
            8 => graph.scale(t, 0.5)?,
            9 => {
                let flat = graph.reshape(t, [rows * columns])?;
                let flat = graph.activation(flat, ActivationFunction::Sigmoid)?;
                graph.reshape(flat, [rows, columns])?
            }
            10 => {
                let at = 2 * rows / 5;
                let top = graph.slice(t, 0, 0, at)?;
                let rest = graph.slice(u, 0, at, rows - at)?;
                graph.concat(top, rest, 0)?
            }
            11 => graph.dropout(
                t,
                0.4,
                DropoutKey {
                    seed: 1,
                    stream: stream::DROPOUT | 1,
                },
            )?,
            _ => graph.gather(t, order)?,
        };
        tensors.push(y);
    }
    let last = tensors[tensors.len() - 1];
    let sum = graph.add(last, a)?;
    let used = graph.matmul(sum, w)?;
    let used = graph.bias_add(used, b)?;
    let square = graph.mul(used, used)?;
    let loss = graph.mean(square)?;
    tensors.extend([sum, used, square, loss]);
    Ok((graph, tensors, loss))
}

const UPDATES: [Update; 4] = [
    Update::Sgd {
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
    },
    Update::Sgd {
        momentum: 0.9,
        nesterov: true,
        weight_decay: 0.1,
    },
    Update::Adam {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.0,
        decoupled: false,
    },
    Update::Adam {
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.1,
        decoupled: true,
    },
];

/// Runs a plan twice from given values of the store, and returns the outputs and the store's blocks.
fn run(plan: &Arc<Plan>, store: &Store, outputs: &[TensorId]) -> Vec<Vec<f64>> {
    let mut executor = Reference::f64();
    let handle = executor.load(Arc::clone(plan), store).expect("it loads");
    for (salt, name) in (1..).zip([
        "a",
        "w",
        "b",
        "x",
        "block.velocity",
        "block.mean",
        "block.square",
    ]) {
        let len = store.find(name).expect("it is there").1.len();
        let random = Random::new(salt, stream::TEST, 6);
        let values = (0..len as u64).map(|i| random.uniform(i)).collect();
        executor
            .write_stored(store, name, &Data::F64(values))
            .expect("it fits");
    }
    let rows = store.find("order").expect("it is there").1.len();
    let order = [4, 0, 0, 2, 1].into_iter().cycle().take(rows).collect();
    executor
        .write_stored(store, "order", &Data::U32(order))
        .expect("it fits");
    let tick = |step| Tick {
        step,
        learning_rate: 0.1,
        ..Tick::default()
    };
    executor.run(handle, &[tick(1), tick(2)]).expect("it runs");
    let mut values: Vec<Vec<f64>> = outputs
        .iter()
        .map(|&o| {
            executor
                .read(handle, plan.output(o).expect("an output").place)
                .expect("it can be read")
                .to_f64()
        })
        .collect();
    for block in store.blocks() {
        values.push(
            executor
                .read_stored(store, &block.name)
                .expect("it can be read")
                .to_f64(),
        );
    }
    values
}

/// A random graph with its gradients, perhaps an update and what else may stand behind it, and the outputs that are wanted.
struct Drawn {
    store: Store,
    graph: Graph,
    tensors: Vec<TensorId>,
    outputs: Vec<TensorId>,
}

fn drawn(seed: u64, size: [usize; 2]) -> Drawn {
    let mut draws = Draws {
        random: Random::new(seed, stream::TEST, 7),
        next: 0,
    };
    let store = store(size);
    let ops = 1 + draws.below(25);
    let (mut graph, mut tensors, loss) = build(&store, &mut draws, ops).expect("it fits");
    let wrt = ["a", "w", "b"].map(|name| graph.stored(&store, name).expect("it is there"));
    let gradients = graph.differentiate(loss, &wrt).expect("all are connected");
    let mut extra = Vec::new();
    if draws.below(3) == 0 {
        extra.push(graph.nonfinite(draws.pick(&tensors)).expect("reals"));
    }
    if draws.below(4) > 0 {
        graph
            .update(&store, "block", &gradients, draws.pick(&UPDATES))
            .expect("they fit");
    }
    if draws.below(3) == 0 {
        let kept = graph.stored(&store, "kept").expect("it is there");
        graph.copy_to(tensors[2], kept).expect("it fits");
    }
    tensors.extend(gradients);
    let mut outputs: Vec<TensorId> = (0..draws.below(5)).map(|_| draws.pick(&tensors)).collect();
    outputs.extend(extra);
    Drawn {
        store,
        graph,
        tensors,
        outputs,
    }
}

#[test]
fn random_graphs_keep_the_rules_and_their_results() {
    let (mut steps, mut reused, mut fused) = (0, 0, 0);
    for seed in 0..300 {
        let Drawn {
            store,
            graph,
            tensors,
            outputs,
        } = drawn(seed, [5, 3]);
        let plan = Plan::new("random", &graph, &outputs, &Limits::SMALLEST).expect("it is small");
        rules::check(&plan, &store, &outputs);
        steps += plan.steps.len();
        let own = plan
            .tensors
            .iter()
            .filter(|t| matches!(t.place.buffer, BufferId::Plan(_)))
            .count();
        reused += own.saturating_sub(plan.buffers.len());

        // With every tensor wanted at the end, no memory is used twice.
        let mut all = tensors;
        all.extend(outputs.iter().copied());
        let wide = Plan::new("wide", &graph, &all, &Limits::SMALLEST).expect("it is small");
        rules::check(&wide, &store, &all);
        let (found, expected) = (
            run(&Arc::new(plan.clone()), &store, &outputs),
            run(&Arc::new(wide), &store, &outputs),
        );
        assert!(
            bits(&found) == bits(&expected),
            "graph {seed} computes something else with {plan}"
        );

        // A step for every op gives the same bits too: the reference finishes a product as it would go on by itself.
        let unfused = Plan::unfused("unfused", &graph, &outputs, &Limits::SMALLEST);
        let unfused = unfused.expect("it is small");
        rules::check(&unfused, &store, &outputs);
        fused += unfused.steps.len() - plan.steps.len();
        let expected = run(&Arc::new(unfused), &store, &outputs);
        assert!(
            bits(&found) == bits(&expected),
            "graph {seed} computes something else when fused: {plan}"
        );
    }
    assert!(fused > 200, "{fused} steps fused");
    assert!(
        steps > 3000 && reused > 1000,
        "{steps} steps, {reused} tensors in memory used before"
    );
}

/// Graphs of tensors that are larger than what the device binds: the rules hold, everything that a step binds fits, and
/// but for the order of sums the results are those of the plan that is not split.
#[test]
fn random_graphs_that_are_split_compute_the_same() {
    let (mut whole_steps, mut split_steps) = (0, 0);
    for (seed, size) in (0..120).zip([[40, 24], [70, 9], [130, 17]].into_iter().cycle()) {
        let Drawn {
            store,
            graph,
            outputs,
            ..
        } = drawn(seed, size);
        // Rows whose length does not divide by 64 can be cut only after so many that together they do.
        let limits = Limits {
            binding: 64 * 4 * size[1] as u64,
            ..Limits::SMALLEST
        };
        let make =
            |limits: &Limits| Plan::new("random", &graph, &outputs, limits).expect("it fits");
        let (whole, split) = (make(&Limits::SMALLEST), make(&limits));
        rules::check(&split, &store, &outputs);
        for &operand in split
            .steps
            .iter()
            .flat_map(|s| s.inputs.iter().chain(&s.outputs))
        {
            let tensor = &split.tensors[operand];
            assert!(tensor.place.len as u64 * 4 <= limits.binding, "{split}");
        }
        whole_steps += whole.steps.len();
        split_steps += split.steps.len();
        let found = run(&Arc::new(split), &store, &outputs);
        let expected = run(&Arc::new(whole), &store, &outputs);
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found.len(), expected.len(), "graph {seed}");
            let largest = expected.iter().fold(1e-30_f64, |m, x| m.max(x.abs()));
            for (i, (f, e)) in found.iter().zip(expected).enumerate() {
                let close = (f - e).abs() <= 1e-9 * largest || f == e;
                assert!(close, "graph {seed}, element {i}: {f} and {e}");
            }
        }
    }
    assert!(
        split_steps > 2 * whole_steps,
        "{whole_steps} steps became {split_steps}"
    );
}

fn bits(values: &[Vec<f64>]) -> Vec<Vec<u64>> {
    values
        .iter()
        .map(|v| v.iter().map(|x| x.to_bits()).collect())
        .collect()
}

/// A gradient that somebody reads too, and one that is another's, cannot be computed in their place in the block.
#[test]
fn gradients_that_are_shared_are_copied() {
    let mut store = Store::new();
    let members = ["p", "q", "r"].map(|name| (name.to_owned(), Shape::from([70])));
    store
        .declare_block("block", members.to_vec())
        .expect("new names");
    let mut graph = Graph::new();
    let [p, q, r] = ["p", "q", "r"].map(|name| graph.stored(&store, name).expect("it is there"));
    let mut build = || -> Result<Vec<TensorId>, GraphError> {
        // p and q have one gradient, and that of r is made of it.
        let sum = graph.add(p, q)?;
        let product = graph.mul(sum, r)?;
        let square = graph.mul(product, product)?;
        let loss = graph.sum(square)?;
        let gradients = graph.differentiate(loss, &[p, q, r])?;
        let plain = Update::Sgd {
            momentum: 0.0,
            nesterov: false,
            weight_decay: 0.0,
        };
        graph.update(&store, "block", &gradients, plain)?;
        Ok(gradients)
    };
    let gradients = build().expect("it fits");
    let plan = Plan::new("shared", &graph, &gradients, &Limits::SMALLEST).expect("it is small");
    rules::check(&plan, &store, &gradients);
    let copies = plan
        .steps
        .iter()
        .filter(|s| s.kernel.name() == "copy")
        .count();
    assert!((1..=3).contains(&copies), "{copies} copies in {plan}");

    let mut executor = Reference::f64();
    let handle = executor.load(Arc::new(plan), &store).expect("it loads");
    for (name, value) in [("p", 1.0), ("q", 2.0), ("r", 0.5)] {
        executor
            .write_stored(&store, name, &Data::F64(vec![value; 70]))
            .expect("it fits");
    }
    executor
        .run(
            handle,
            &[Tick {
                learning_rate: 0.1,
                ..Tick::default()
            }],
        )
        .expect("it runs");
    // ((p + q) r)²: the gradient at p and q is 2 (p + q) r², at r it is 2 (p + q)² r.
    for (name, expected) in [
        ("p", 1.0 - 0.1 * 1.5),
        ("q", 2.0 - 0.1 * 1.5),
        ("r", 0.5 - 0.1 * 9.0),
    ] {
        let found = executor
            .read_stored(&store, name)
            .expect("it is there")
            .to_f64();
        assert!(
            found.iter().all(|x| (x - expected).abs() < 1e-12),
            "{name}: {found:?}, not {expected}"
        );
    }
}
