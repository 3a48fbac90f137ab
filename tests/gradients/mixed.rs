//! The graph of mixed precision, without its rounding: its gradient is that of single precision.

use std::sync::Arc;

use thalweg::executor::{Data, DeviceInfo, Executor, Host, HostKernels, View, ViewMut};
use thalweg::graph::ops::Scaling;
use thalweg::graph::{Graph, GraphError, Precision, Store};
use thalweg::kernel::{Kernel, Limits, Tick};
use thalweg::network::{Activation, Loss, Mode, Network};
use thalweg::plan::Plan;
use thalweg::reference;
use thalweg::tensor::Element;

use super::numbers;

/// The reference in f64, but that copies in half precision are exact.
struct Exact;

impl HostKernels for Exact {
    type Real = f64;

    fn real(value: f64) -> f64 {
        value
    }

    fn data(values: &[f64]) -> Data {
        Data::F64(values.to_vec())
    }

    fn run(&self, kernel: &Kernel, inputs: &[View<'_, f64>], outputs: &mut [ViewMut<'_, f64>]) {
        let Kernel::Narrow(copy) = kernel else {
            return reference::run(kernel, inputs, outputs);
        };
        assert_eq!(copy.groups, 1, "matrices alone");
        let [_, padded] = copy.padded().map(|n| n as usize);
        let y = outputs[0].real();
        y.fill(0.0);
        let columns = copy.columns as usize;
        for (y, x) in y.chunks_mut(padded).zip(inputs[0].real().chunks(columns)) {
            y[..columns].copy_from_slice(x);
        }
    }
}

/// The gradients at the inputs and all parameters.
fn gradients(precision: Precision, activation: Activation, scale: Option<f64>) -> Vec<f64> {
    let network = Network::mlp(5, &[17, 9], 3, activation);
    let mut store = Store::new();
    network.declare(&mut store).expect("a new store");
    Scaling::declare(&mut store).expect("new names");
    store
        .declare("x", [7, 5], Element::F32)
        .expect("a new name");
    store
        .declare("t", [7, 3], Element::F32)
        .expect("a new name");
    let mut graph = Graph::new();
    graph.set_precision(precision);
    let stored = |graph: &mut Graph, name: &str| graph.stored(&store, name).expect("there");
    let (x, t) = (stored(&mut graph, "x"), stored(&mut graph, "t"));
    let mut wrt = vec![x];
    wrt.extend(
        network
            .parameters()
            .iter()
            .map(|p| stored(&mut graph, &p.name)),
    );
    let mode = Mode::Evaluation;
    let y = network
        .forward(&mut graph, &store, x, mode)
        .expect("it fits");
    let built = Loss::SquaredError.build(&mut graph, y, t).expect("it fits");
    let loss = match scale {
        Some(_) => graph.scaled_loss(&store, built.loss).expect("a scalar"),
        None => built.loss,
    };
    let outputs = graph.differentiate(loss, &wrt).expect("it has them");
    let limits = Limits {
        half: true,
        ..Limits::SMALLEST
    };
    let plan = Plan::new("gradients", &graph, &outputs, &limits).expect("it is small");
    let halves = plan.steps.iter().filter(|s| s.kernel.name() == "narrow");
    let expected = match precision {
        Precision::Single => 0,
        Precision::Mixed => 9,
    };
    assert_eq!(halves.count(), expected, "copies in half precision");

    let places: Vec<_> = outputs
        .iter()
        .map(|&o| plan.output(o).expect("an output").place)
        .collect();
    let mut executor = Host::new(Exact, "exact", String::new());
    let handle = executor.load(Arc::new(plan), &store).expect("it loads");
    let mut write = |name: &str, values: Vec<f64>| {
        executor
            .write_stored(&store, name, &Data::F64(values))
            .expect("it fits");
    };
    for (salt, parameter) in (10..).zip(network.parameters()) {
        write(&parameter.name, numbers(parameter.shape.len(), salt));
    }
    write("x", numbers(35, 1));
    write("t", numbers(21, 2));
    write(Scaling::SCALE, vec![scale.unwrap_or(1.0)]);
    executor.run(handle, &[Tick::default()]).expect("it runs");
    let mut all = Vec::new();
    for place in places {
        all.extend(executor.read(handle, place).expect("it is there").to_f64());
    }
    let DeviceInfo { executor: name, .. } = executor.device();
    assert_eq!(*name, "exact", "the executor of this test");
    all
}

#[test]
fn without_rounding_it_is_that_of_single_precision() {
    for activation in [Activation::Tanh, Activation::Relu, Activation::Softmax] {
        let single = gradients(Precision::Single, activation, None);
        assert!(single.iter().any(|g| g.abs() > 1e-3), "it is not zero");
        let mixed = gradients(Precision::Mixed, activation, None);
        assert_eq!(single, mixed, "{activation}");
        // Powers of two scale exactly.
        let scaled = gradients(Precision::Mixed, activation, Some(4096.0));
        let unscaled: Vec<f64> = scaled.iter().map(|g| g / 4096.0).collect();
        assert_eq!(single, unscaled, "{activation}, scaled");
    }
}

/// What would not keep its padding is refused.
#[test]
fn half_precision_is_for_products_alone() {
    let mut store = Store::new();
    let refused = store.declare("h", [16, 16], Element::F16);
    assert!(
        matches!(refused, Err(GraphError::Element { .. })),
        "{refused:?}"
    );
    store
        .declare("x", [4, 6], Element::F32)
        .expect("a new name");
    store.declare("v", [24], Element::F32).expect("a new name");
    let mut graph = Graph::new();
    let x = graph.stored(&store, "x").expect("it is there");
    let v = graph.stored(&store, "v").expect("it is there");
    let half = graph.narrow(x).expect("a matrix");
    assert_eq!(graph.narrow(x).expect("again"), half, "it is made once");
    assert_eq!(graph.narrow(half).expect("itself"), half);
    let errors = [
        graph.narrow(v).map(|_| ()),
        graph.reshape(half, [24]).map(|_| ()),
        graph.add(half, half).map(|_| ()),
        graph.matmul_transposed(half, x, false, true).map(|_| ()),
        graph.matmul_transposed(x, half, false, true).map(|_| ()),
        graph.sum(half).map(|_| ()),
    ];
    for (i, refused) in errors.iter().enumerate() {
        assert!(
            matches!(
                refused,
                Err(GraphError::Element { .. } | GraphError::Shape { .. })
            ),
            "{i}: {refused:?}"
        );
    }
    let y = graph.matmul_transposed(half, half, false, true);
    let y = y.expect("both are f16");
    assert_eq!(graph.tensor(y).element, Element::F32, "sums are f32");
}
