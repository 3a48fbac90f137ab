//! The loss scale against PyTorch's `GradScaler`: the same scale, counts and weights after every step, good or bad, on every
//! executor. The numbers are those of `tests/fixtures/grad_scaler.py`.

use std::sync::Arc;

use serde_json::Value;
use thalweg::executor::{Data, Executor, PlanHandle};
use thalweg::graph::ops::{Scaling, Update};
use thalweg::graph::{Graph, Store};
use thalweg::kernel::Tick;
use thalweg::plan::Plan;
use thalweg::tensor::{Element, Shape};

use crate::common::{Named, executors, named};
use thalweg::reference::Reference;

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the numbers are those of f32"
)]
fn single(value: &Value) -> f32 {
    number(value) as f32
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

/// A plan that does nothing but update a block `w` by the stored `gradient`.
struct Alone {
    executor: Box<dyn Executor>,
    store: Store,
    handle: PlanHandle,
}

impl Alone {
    fn new(mut executor: Box<dyn Executor>, update: Update, scaling: Scaling) -> Self {
        let mut store = Store::new();
        let member = vec![("x".to_owned(), Shape::from([3]))];
        store.declare_block("w", member).expect("a new name");
        for state in update.states() {
            store.declare_like("w", state).expect("a new name");
        }
        Scaling::declare(&mut store).expect("new names");
        let declare = |store: &mut Store, name: &str, shape: Shape| {
            store
                .declare(name, shape, Element::F32)
                .expect("a new name");
        };
        declare(&mut store, "gradient", [3].into());
        declare(&mut store, "loss", Shape::scalar());
        let mut graph = Graph::new();
        let gradient = graph.stored(&store, "gradient").expect("it is there");
        let loss = graph.stored(&store, "loss").expect("it is there");
        graph
            .scaled_update(&store, "w", (loss, &[gradient]), update, scaling)
            .expect("the shapes fit");
        let plan = Plan::new("update", &graph, &[], executor.limits()).expect("it is small");
        let handle = executor.load(Arc::new(plan), &store).expect("it loads");
        let mut alone = Self {
            executor,
            store,
            handle,
        };
        alone.write(Scaling::SCALE, vec![scaling.initial]);
        alone
    }

    fn write(&mut self, name: &str, values: Vec<f64>) {
        self.executor
            .write_stored(&self.store, name, &Data::F64(values))
            .expect("it fits");
    }

    fn read(&mut self, name: &str) -> Vec<f64> {
        self.executor
            .read_stored(&self.store, name)
            .expect("it is there")
            .to_f64()
    }

    fn step(&mut self, learning_rate: f64) {
        let tick = Tick {
            // The host's number of the step is of no account.
            step: 77,
            learning_rate,
            ..Tick::default()
        };
        self.executor.run(self.handle, &[tick]).expect("it runs");
    }
}

#[test]
fn every_step_is_that_of_pytorch() {
    let fixture: Value = serde_json::from_str(include_str!("../fixtures/grad_scaler.json"))
        .expect("the script wrote it");
    let scaling = Scaling {
        initial: number(&fixture["initial"]),
        growth: number(&fixture["growth"]),
        backoff: number(&fixture["backoff"]),
        interval: 3,
    };
    assert_eq!(number(&fixture["interval"]), 3.0);
    let (rate, weight_decay) = (
        number(&fixture["learning_rate"]),
        number(&fixture["weight_decay"]),
    );
    for run in list(&fixture["runs"]) {
        let decoupled = run["decoupled"].as_bool().expect("a flag");
        let update = Update::Adam {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay,
            decoupled,
        };
        let mut all = executors();
        all.push(named("reference f64", Reference::f64()));
        for Named { name, executor } in all {
            let mut alone = Alone::new(executor, update, scaling);
            alone.write("x", list(&fixture["weights"]).iter().map(number).collect());
            for (number_of_step, step) in list(&run["steps"]).iter().enumerate() {
                let what = format!("{name}, decoupled {decoupled}, step {number_of_step}");
                let scale = alone.read(Scaling::SCALE)[0];
                let text = |x: &Value| x.as_str().expect("text").parse::<f64>().expect("a number");
                let gradient = list(&step["gradient"]).iter().map(|g| scale * text(g));
                alone.write("gradient", gradient.collect());
                alone.step(rate);
                assert_eq!(
                    alone.read(Scaling::SCALE),
                    [number(&step["scale"])],
                    "{what}: the scale"
                );
                let counts = alone.read(Scaling::COUNTS);
                assert_eq!(
                    counts[..2],
                    [number(&step["row"]), number(&step["updates"])],
                    "{what}: the counts"
                );
                for (w, expected) in alone.read("x").iter().zip(list(&step["weights"])) {
                    let expected = f64::from(single(expected));
                    assert!(
                        (w - expected).abs() <= 2e-6 * expected.abs(),
                        "{what}: a weight of {w}, not {expected}"
                    );
                }
            }
            assert_eq!(alone.read(Scaling::COUNTS)[2], 4.0, "{name}: steps skipped");
        }
    }
}

/// A loss that is not finite says that something is wrong even where no gradient does.
#[test]
fn a_loss_that_is_not_finite_skips_the_step() {
    let update = Update::Sgd {
        momentum: 0.0,
        nesterov: false,
        weight_decay: 0.0,
    };
    for Named { name, executor } in executors() {
        let mut alone = Alone::new(executor, update, Scaling::default());
        alone.write("x", vec![1.0, 2.0, 3.0]);
        alone.write("gradient", vec![65536.0; 3]);
        for (loss, weights, scale, counts) in [
            (1.0, [0.5, 1.5, 2.5], 65536.0, [1.0, 1.0, 0.0]),
            (f64::INFINITY, [0.5, 1.5, 2.5], 32768.0, [0.0, 1.0, 1.0]),
            (f64::NAN, [0.5, 1.5, 2.5], 16384.0, [0.0, 1.0, 2.0]),
            (0.0, [-1.5, -0.5, 0.5], 16384.0, [1.0, 2.0, 2.0]),
        ] {
            alone.write("loss", vec![loss]);
            alone.step(0.5);
            assert_eq!(alone.read("x"), weights, "{name}: a loss of {loss}");
            assert_eq!(alone.read(Scaling::SCALE), [scale], "{name}: {loss}");
            assert_eq!(alone.read(Scaling::COUNTS), counts, "{name}: {loss}");
        }
    }
}

/// Numbers of a scale that would make gradients inexact, or never move.
#[test]
fn a_scaling_that_makes_no_sense_is_refused() {
    use thalweg::network::{Loss, Network};
    use thalweg::train::{Precision, Trainer};
    let data = super::numbers(8, 2, 1);
    let good = Scaling::default();
    for scaling in [
        Scaling {
            initial: 3.0,
            ..good
        },
        Scaling {
            initial: 0.5,
            ..good
        },
        Scaling {
            growth: 1.5,
            ..good
        },
        Scaling {
            backoff: 1.0,
            ..good
        },
        Scaling {
            interval: 0,
            ..good
        },
    ] {
        let mut trainer =
            Trainer::new(Network::new(2).linear(1), Loss::SquaredError).precision(Precision::Mixed);
        trainer.options.scaling = scaling;
        let error = trainer
            .fit(&data)
            .expect_err("it makes no sense")
            .to_string();
        assert!(error.contains("loss scale is"), "{scaling:?}: {error}");
    }
}
