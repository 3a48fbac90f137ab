//! Gradients: the graph's, computed by the reference in f64, against central finite differences.

mod errors;
mod layers;
mod mixed;
mod networks;
mod ops;
mod recurrent;

use std::sync::Arc;

use thalweg::executor::{Data, Executor, PlanHandle};
use thalweg::graph::{Graph, GraphError, Store, TensorId};
use thalweg::kernel::{Limits, Tick};
use thalweg::plan::{Place, Plan};
use thalweg::random::{Random, stream};
use thalweg::reference::Reference;
use thalweg::tensor::{Element, Shape};

/// A scalar and its gradients, ready to be computed anywhere near a point.
struct Scalar {
    executor: Reference<f64>,
    handle: PlanHandle,
    store: Store,
    loss: Place,
    /// The tensors it is differentiated at, their values, and where the gradient at each is.
    at: Vec<(String, Vec<f64>, Place)>,
}

impl Scalar {
    /// Loads the plan of `loss` and its gradients at the stored tensors `wrt`, which get these values.
    fn new(store: Store, mut graph: Graph, loss: TensorId, wrt: &[(String, Vec<f64>)]) -> Self {
        let leaves: Vec<TensorId> = wrt
            .iter()
            .map(|(name, _)| graph.stored(&store, name).expect("the store has it"))
            .collect();
        let gradients = graph
            .differentiate(loss, &leaves)
            .expect("it has gradients");
        let outputs: Vec<TensorId> = std::iter::once(loss).chain(gradients).collect();
        let plan = Plan::new("gradient", &graph, &outputs, &Limits::SMALLEST).expect("it is small");
        let places: Vec<Place> = outputs
            .iter()
            .map(|&o| plan.output(o).expect("an output").place)
            .collect();
        let mut executor = Reference::f64();
        let handle = executor.load(Arc::new(plan), &store).expect("it loads");
        let at = wrt
            .iter()
            .zip(&places[1..])
            .map(|((name, values), &place)| (name.clone(), values.clone(), place));
        let mut scalar = Self {
            executor,
            handle,
            store,
            loss: places[0],
            at: at.collect(),
        };
        for (name, values) in wrt {
            scalar.set(name, values);
        }
        scalar
    }

    fn set(&mut self, name: &str, values: &[f64]) {
        let data = Data::F64(values.to_vec());
        self.executor
            .write_stored(&self.store, name, &data)
            .expect("it fits");
    }

    fn read(&mut self, place: Place) -> Vec<f64> {
        self.executor
            .read(self.handle, place)
            .expect("it can be read")
            .to_f64()
    }

    fn run(&mut self) -> f64 {
        self.executor
            .run(
                self.handle,
                &[Tick {
                    step: 3,
                    ..Tick::default()
                }],
            )
            .expect("it runs");
        self.read(self.loss)[0]
    }

    /// Holds every gradient against the slope between two points nearby, and returns how many elements were passed
    /// over because the function has a kink between them.
    fn check(&mut self, what: &str) -> [usize; 2] {
        let middle = self.run();
        assert!(middle.is_finite(), "{what}: the loss is {middle}");
        let (mut kinks, mut elements) = (0, 0);
        let gradients: Vec<_> = self
            .at
            .clone()
            .into_iter()
            .map(|(n, v, place)| (n, v, self.read(place)))
            .collect();
        for (name, values, gradient) in gradients {
            assert_eq!(
                gradient.len(),
                values.len(),
                "{what}: the gradient at {name}"
            );
            for i in 0..values.len() {
                elements += 1;
                let h = 1e-5 * values[i].abs().max(1.0);
                let [above, below] = [h, -h].map(|h| {
                    let mut moved = values.clone();
                    moved[i] += h;
                    self.set(&name, &moved);
                    self.run()
                });
                if (above - 2.0 * middle + below).abs() > 1e-2 * h {
                    kinks += 1;
                    continue;
                }
                let slope = (above - below) / (2.0 * h);
                let tolerance = 1e-8 * (1.0 + slope.abs() + middle.abs());
                let difference = (gradient[i] - slope).abs();
                assert!(
                    difference <= tolerance,
                    "{what}: d/d{name}[{i}] is {}, and the slope is {slope}",
                    gradient[i]
                );
            }
            self.set(&name, &values);
        }
        [kinks, elements]
    }
}

/// Random numbers between -2 and 2, away from 0, where some functions have a kink.
fn numbers(len: usize, salt: u64) -> Vec<f64> {
    let random = Random::new(salt, stream::TEST, 3);
    let number = |i| {
        let x = 4.0 * random.uniform(i) - 2.0;
        x + 0.05_f64.copysign(x)
    };
    (0..len as u64).map(number).collect()
}

/// The tensors that a small graph starts from.
type Leaves<'a> = &'a [TensorId];
type Built = Result<TensorId, GraphError>;

/// Builds a graph over tensors of these shapes, makes a scalar of its result, with another weight for each element, and
/// checks its gradient at all of them. `integers` are stored behind the reals and have no gradient.
fn check(
    what: &str,
    shapes: &[&[usize]],
    integers: &[&[u32]],
    build: impl Fn(&mut Graph, Leaves<'_>, Leaves<'_>) -> Built,
) {
    let mut store = Store::new();
    let mut wrt = Vec::new();
    for (i, &shape) in (1..).zip(shapes) {
        let name = format!("x{i}");
        store
            .declare(&name, shape, Element::F32)
            .expect("a new name");
        wrt.push((name, numbers(Shape::from(shape).len(), i)));
    }
    for (i, values) in integers.iter().enumerate() {
        store
            .declare(&format!("i{i}"), [values.len()], Element::U32)
            .expect("a new name");
    }
    let mut graph = Graph::new();
    let stored =
        |graph: &mut Graph, name: &str| graph.stored(&store, name).expect("the store has it");
    let leaves: Vec<_> = wrt
        .iter()
        .map(|(name, _)| stored(&mut graph, name))
        .collect();
    let numbered: Vec<_> = (0..integers.len())
        .map(|i| stored(&mut graph, &format!("i{i}")))
        .collect();
    let y = build(&mut graph, &leaves, &numbered).unwrap_or_else(|e| panic!("{what}: {e}"));

    let shape = graph.tensor(y).shape.clone();
    store
        .declare("weights", shape.clone(), Element::F32)
        .expect("a new name");
    let weights = graph.stored(&store, "weights").expect("the store has it");
    let weighted = graph.mul(y, weights).expect("the same shape");
    let loss = graph.sum(weighted).expect("a scalar");
    let mut scalar = Scalar::new(store, graph, loss, &wrt);
    scalar.set("weights", &numbers(shape.len(), 99));
    for (i, values) in integers.iter().enumerate() {
        let data = Data::U32(values.to_vec());
        scalar
            .executor
            .write_stored(&scalar.store, &format!("i{i}"), &data)
            .expect("it fits");
    }
    let [kinks, _] = scalar.check(what);
    assert_eq!(kinks, 0, "{what}: no kink is near");
}
