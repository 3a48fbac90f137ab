//! The plans of training runs.

use std::sync::Arc;

use thalweg::data::Dataset;
use thalweg::executor::{Data, Executor};
use thalweg::graph::{Graph, GraphError, Phase, Store, TensorId};
use thalweg::kernel::{Limits, Tick};
use thalweg::network::{Activation, Layer, Loss, Network};
use thalweg::plan::{Place, Plan};
use thalweg::random::{Random, stream};
use thalweg::reference::Reference;
use thalweg::tensor::Element;
use thalweg::train::{Optimizer, Purpose, Session, Trainer};

use super::rules;

const OPTIMIZERS: [Optimizer; 5] = [
    Optimizer::sgd(0.1),
    Optimizer::with_momentum(0.1, 0.9, false),
    Optimizer::with_momentum(0.1, 0.9, true),
    Optimizer::adam(0.001),
    Optimizer::adamw(0.001),
];
const LOSSES: [Loss; 3] = [
    Loss::CrossEntropy,
    Loss::SigmoidCrossEntropy,
    Loss::SquaredError,
];

fn data(inputs: usize, outputs: usize, loss: Loss) -> Dataset {
    let rows = 10;
    let x: Vec<f32> = (0..rows * inputs).map(|i| i as f32 * 0.01).collect();
    if loss.takes_classes() {
        let classes = u32::try_from(outputs).expect("it is small");
        let labels: Vec<u32> = (0..10).map(|i| (i + classes - 1) % classes).collect();
        Dataset::classes(&x, inputs, &labels).expect("they fit")
    } else {
        let y: Vec<f32> = (0..rows * outputs).map(|i| i as f32 * 0.001).collect();
        Dataset::numbers(&x, inputs, &y, outputs).expect("they fit")
    }
}

fn session(network: Network, loss: Loss, optimizer: Optimizer) -> Session {
    let data = data(network.inputs, network.outputs(), loss);
    let trainer = Trainer::new(network, loss).optimizer(optimizer);
    let mut session = trainer
        .session(Box::new(Reference::f32()), &data)
        .expect("it fits");
    session.set_validation(&data).expect("it fits");
    session
}

fn plan(session: &mut Session, purpose: Purpose) -> Arc<Plan> {
    session.plan(purpose).expect("it can be built").plan
}

/// What is read of a plan when it has run. The recipe numbers a graph's tensors alike each time it builds the graph.
fn outputs(session: &mut Session, purpose: Purpose) -> Vec<TensorId> {
    let ready = session.plan(purpose).expect("it is there");
    let (recipe, store) = (&session.recipe, &session.store);
    let outputs = match purpose {
        Purpose::Prediction(rows) => {
            let x = format!("predict.inputs.{rows}");
            let (_, prediction) = recipe
                .prediction(store, &x)
                .expect("the inputs are declared");
            vec![prediction]
        }
        Purpose::Check => recipe.check(store).expect("the blocks are declared").1,
        _ => Vec::new(),
    };
    let place = |&output: &TensorId| ready.plan.output(output).expect("an output").place;
    let places: Vec<Place> = outputs.iter().map(place).collect();
    assert_eq!(places, ready.outputs, "{purpose:?}: what the session reads");
    outputs
}

#[test]
fn every_plan_of_random_networks_keeps_the_rules() {
    let activations = [
        Activation::Relu,
        Activation::Gelu,
        Activation::Softmax,
        Activation::Identity,
        Activation::Tanh,
    ];
    for seed in 0..60 {
        let random = Random::new(seed, stream::TEST, 8);
        let mut draws = 0..;
        let mut below = |n: u32| random.below(draws.next().expect("endless"), n) as usize;
        let mut network = Network::new(1 + below(20));
        for _ in 0..below(6) {
            let (outputs, bias) = (1 + below(100), below(4) > 0);
            network = network
                .layer(Layer::Linear { outputs, bias })
                .activation(activations[below(5)]);
            if below(3) == 0 {
                network = network.dropout(0.5);
            }
        }
        let (loss, optimizer) = (LOSSES[below(3)], OPTIMIZERS[below(5)]);
        let mut session = session(network.linear(2 + below(70)), loss, optimizer);
        let purposes = [
            Purpose::Training(7),
            Purpose::Training(3),
            Purpose::TrainingLoss(10),
            Purpose::Validation(4),
            Purpose::Prediction(9),
            Purpose::Check,
            Purpose::Keep,
            Purpose::Restore,
        ];
        for purpose in purposes {
            let plan = plan(&mut session, purpose);
            assert!(!plan.steps.is_empty(), "{purpose:?} of network {seed}");
            let outputs = outputs(&mut session, purpose);
            rules::check(&plan, &session.store, &outputs);
        }
    }
}

/// Of the products backward, each layer has one for its weights, and each but the first one for its inputs.
#[test]
fn the_first_layers_input_gradient_is_not_built() {
    for (layers, fuse) in (1..6).flat_map(|layers| [(layers, true), (layers, false)]) {
        let network = Network::mlp(5, &vec![6; layers - 1], 3, Activation::Tanh);
        let mut session = session(network, Loss::CrossEntropy, Optimizer::adam(0.001));
        session.fuse = fuse;
        let plan = plan(&mut session, Purpose::Training(10));
        let count = |phase: Phase, name: &str| {
            let steps = plan
                .steps
                .iter()
                .filter(|s| s.phase == phase && s.kernel.name() == name);
            steps.count()
        };
        assert_eq!(count(Phase::Forward, "matmul"), layers, "{plan}");
        assert_eq!(count(Phase::Backward, "matmul"), 2 * layers - 1, "{plan}");
        let alone = |steps: usize| if fuse { 0 } else { steps };
        assert_eq!(
            count(Phase::Backward, "activation_grad"),
            alone(layers - 1),
            "{plan}"
        );
        assert_eq!(
            count(Phase::Backward, "sum"),
            alone(layers),
            "one bias gradient a layer: {plan}"
        );
        assert_eq!(
            count(Phase::Update, "adam_update"),
            1,
            "one for all parameters: {plan}"
        );
        let copies = plan
            .steps
            .iter()
            .filter(|s| s.kernel.name() == "copy")
            .count();
        assert_eq!(copies, 0, "gradients are computed in their places: {plan}");
    }
}

#[test]
fn training_uses_memory_again() {
    let network = Network::mlp(64, &[64; 20], 10, Activation::Relu);
    let mut session = session(network, Loss::CrossEntropy, Optimizer::sgd(0.1));
    let plan = plan(&mut session, Purpose::Training(10));
    let (with, without) = (plan.bytes(), plan.bytes_without_reuse());
    assert!(
        with * 10 < without * 7,
        "{with} bytes, {without} without reuse"
    );
}

/// A layer's steps are its own, behind it up to the next one too; the batch, the loss and the update are nobody's.
#[test]
fn steps_know_their_layer_and_phase() {
    const EXPECTED: [(&str, Phase, Option<usize>); 18] = [
        ("gather", Phase::Forward, None),
        ("gather", Phase::Forward, None),
        ("matmul", Phase::Forward, Some(0)),
        ("dropout", Phase::Forward, Some(0)),
        ("matmul", Phase::Forward, Some(1)),
        ("softmax_cross_entropy", Phase::Forward, None),
        ("sum", Phase::Forward, None),
        ("record", Phase::Forward, None),
        ("correct", Phase::Forward, None),
        ("sum", Phase::Forward, None),
        ("record", Phase::Forward, None),
        ("softmax_cross_entropy_grad", Phase::Backward, None),
        ("matmul", Phase::Backward, Some(1)),
        ("matmul", Phase::Backward, Some(1)),
        ("dropout", Phase::Backward, Some(0)),
        ("activation_grad", Phase::Backward, Some(0)),
        ("matmul", Phase::Backward, Some(0)),
        ("sgd_update", Phase::Update, None),
    ];
    let network = Network::new(5).linear(6).activation(Activation::Tanh);
    let network = network.dropout(0.5).linear(3);
    let momentum = Optimizer::with_momentum(0.1, 0.9, false);
    let mut session = session(network, Loss::CrossEntropy, momentum);
    let plan = plan(&mut session, Purpose::Training(10));
    let found: Vec<_> = plan
        .steps
        .iter()
        .map(|s| (s.kernel.name(), s.phase, s.layer))
        .collect();
    assert_eq!(found, EXPECTED, "{plan}");
}

#[test]
fn a_plan_prints_itself() {
    let network = Network::mlp(2, &[3], 2, Activation::Tanh);
    let mut session = session(
        network,
        Loss::CrossEntropy,
        Optimizer::with_momentum(0.1, 0.9, false),
    );
    let plan = plan(&mut session, Purpose::Training(4));
    insta::assert_snapshot!(plan, @r"
    plan train: 15 steps
       0  forward   -  gather                     train.inputs [10, 2] s4, train.order [10] s5 -> batch.inputs [4, 2] p0
       1  forward   -  gather                     train.labels [10] s6, train.order [10] s5 -> batch.labels [4] p1
       2  forward   0  matmul                     batch.inputs [4, 2] p0, layers.0.weight [3, 2] s0, layers.0.bias [3] s0+64 -> layers.0.activation [4, 3] p2
       3  forward   1  matmul                     layers.0.activation [4, 3] p2, layers.1.weight [2, 3] s0+128, layers.1.bias [2] s0+192 -> layers.1.bias_add [4, 2] p3
       4  forward   -  softmax_cross_entropy      layers.1.bias_add [4, 2] p3, batch.labels [4] p1 -> softmax_cross_entropy [4] p4
       5  forward   -  sum                        softmax_cross_entropy [4] p4 -> loss [] p5
       6  forward   -  record                     loss [] p5 -> train.log.loss [128, 1] s7
       7  forward   -  correct                    layers.1.bias_add [4, 2] p3, batch.labels [4] p1 -> correct [4] p4
       8  forward   -  sum                        correct [4] p4 -> metric [] p5
       9  forward   -  record                     metric [] p5 -> train.log.metric [128, 1] s8
      10  backward  -  softmax_cross_entropy_grad layers.1.bias_add [4, 2] p3, batch.labels [4] p1, 0.25 [4] p6 -> softmax_cross_entropy_grad [4, 2] p4
      11  backward  1  matmul                     softmax_cross_entropy_grad [4, 2] p4, layers.0.activation [4, 3] p2 -> layers.1.weight.grad [2, 3] p7+128, layers.1.bias.grad [2] p7+192
      12  backward  1  matmul                     softmax_cross_entropy_grad [4, 2] p4, layers.1.weight [2, 3] s0+128, layers.0.activation [4, 3] p2 -> layers.0.activation_grad [4, 3] p3
      13  backward  0  matmul                     layers.0.activation_grad [4, 3] p3, batch.inputs [4, 2] p0 -> layers.0.weight.grad [3, 2] p7, layers.0.bias.grad [3] p7+64
      14  update    -  sgd_update                 parameters.grad [256] p7 -> parameters [256] s0, parameters.velocity [256] s1
      p0: 8 f32, 32 bytes
      p1: 4 u32, 16 bytes
      p2: 12 f32, 48 bytes
      p3: 12 f32, 48 bytes
      p4: 8 f32, 32 bytes
      p5: 1 f32, 16 bytes
      p6: 4 f32, 16 bytes
      p7: 256 f32, 1024 bytes
    1232 bytes in 8 buffers (1408 without reuse)
    ");
}

/// A plan knows its memory before anything is allocated.
#[test]
fn a_gpu_allocates_what_the_plan_foretold() {
    let Some(mut gpu) = crate::common::gpu() else {
        return;
    };
    let network = Network::mlp(50, &[33, 20], 10, Activation::Relu).dropout(0.0);
    let mut session = session(network, Loss::CrossEntropy, Optimizer::adam(0.001));
    let mut expected = 0;
    for (purpose, stored) in [
        (Purpose::Training(10), true),
        (Purpose::Validation(7), false),
    ] {
        let plan = plan(&mut session, purpose);
        expected += gpu.plan_bytes(&plan) + if stored { session.store.bytes() } else { 0 };
        gpu.load(Arc::clone(&plan), &session.store)
            .expect("it loads");
        assert_eq!(gpu.allocated(), expected, "behind {purpose:?}");
    }
}

/// A tensor that is a block of its own can be updated too: its padding is the block's.
#[test]
fn a_single_tensor_can_be_updated() {
    for optimizer in OPTIMIZERS {
        let mut store = Store::new();
        store
            .declare("x", [5, 3], Element::F32)
            .expect("a new name");
        for state in optimizer.update.states() {
            store.declare_like("x", state).expect("a new name");
        }
        let mut graph = Graph::new();
        let x = graph.stored(&store, "x").expect("it is there");
        let square = graph.mul(x, x).expect("the same shape");
        let loss = graph.sum(square).expect("reals");
        let gradient = graph.differentiate(loss, &[x]).expect("it exists");
        graph
            .update(&store, "x", &gradient, optimizer.update)
            .expect("it fits");
        let plan = Plan::new("ascent", &graph, &[], &Limits::SMALLEST).expect("it is small");
        rules::check(&plan, &store, &[]);

        let mut executor = Reference::f64();
        let handle = executor.load(Arc::new(plan), &store).expect("it loads");
        executor
            .write_stored(&store, "x", &Data::F64(vec![2.0; 15]))
            .expect("it fits");
        let tick = Tick {
            learning_rate: optimizer.learning_rate,
            ..Tick::default()
        };
        executor.run(handle, &[tick]).expect("it runs");
        let x = executor.read_stored(&store, "x").expect("it is there");
        let x = x.to_f64();
        assert!(
            x.len() == 15 && x.iter().all(|&v| v < 2.0 && v == x[0]),
            "{optimizer:?}: {x:?}"
        );
    }
}

/// The gradient of `p q` at `p` is `q`, as it was before an update changes it.
#[test]
fn gradients_are_of_the_values_before_the_update() {
    let mut store = Store::new();
    for name in ["p", "q"] {
        store
            .declare(name, [8, 8], Element::F32)
            .expect("a new name");
    }
    for reshaped in [false, true] {
        let mut graph = Graph::new();
        let mut build = || -> Result<(), GraphError> {
            let (p, q) = (graph.stored(&store, "p")?, graph.stored(&store, "q")?);
            let product = if reshaped {
                let (p, q) = (graph.reshape(p, [64])?, graph.reshape(q, [64])?);
                graph.mul(p, q)?
            } else {
                graph.mul(p, q)?
            };
            let loss = graph.sum(product)?;
            let gradients = graph.differentiate(loss, &[p, q])?;
            let update = Optimizer::sgd(1.0).update;
            graph.update(&store, "p", &gradients[..1], update)?;
            graph.update(&store, "q", &gradients[1..], update)
        };
        build().expect("it fits");
        let plan = Plan::new("two", &graph, &[], &Limits::SMALLEST).expect("it is small");
        rules::check(&plan, &store, &[]);
        let mut executor = Reference::f64();
        let handle = executor.load(Arc::new(plan), &store).expect("it loads");
        for (name, value) in [("p", 1.0), ("q", 3.0)] {
            executor
                .write_stored(&store, name, &Data::F64(vec![value; 64]))
                .expect("it fits");
        }
        let tick = Tick {
            learning_rate: 1.0,
            ..Tick::default()
        };
        executor.run(handle, &[tick]).expect("it runs");
        let [p, q] = ["p", "q"].map(|name| {
            let found = executor.read_stored(&store, name).expect("it is there");
            found.to_f64()[9]
        });
        assert_eq!((p, q), (1.0 - 3.0, 3.0 - 1.0), "reshaped: {reshaped}");
    }
}
