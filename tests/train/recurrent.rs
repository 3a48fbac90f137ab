//! Recurrent layers against `PyTorch`'s `RNN`, `LSTM` and `GRU` in double precision: values, gradients at the weights and at
//! the input, and twenty training steps. See `tests/fixtures/recurrent.py`.

use serde_json::Value;
use thalweg::data::Dataset;
use thalweg::device::Device;
use thalweg::executor::{Data, Executor, Workspace};
use thalweg::graph::Graph;
use thalweg::network::{Activation, Cell, Init, Layer, Loss, Mode, Network, NetworkError};
use thalweg::reference::Reference;
use thalweg::train::{Model, Optimizer, TrainError, Trainer};

use super::Notes;
use super::pytorch::{array, exact, largest_difference};
use crate::common::{Named, executors};

const BATCH: usize = 16;

/// A run of the fixture.
struct Run<'a> {
    name: String,
    network: Network,
    x: Vec<f32>,
    targets: Vec<f32>,
    json: &'a Value,
}

fn fixture() -> Value {
    let text = include_str!("../fixtures/recurrent.json");
    serde_json::from_str(text).expect("the fixture is JSON")
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

impl<'a> Run<'a> {
    fn all(fixture: &'a Value) -> Vec<Self> {
        let runs = fixture["runs"].as_array().expect("a list");
        runs.iter().map(Self::read).collect()
    }

    fn read(json: &'a Value) -> Self {
        let network = serde_json::from_value(json["network"].clone()).expect("a network");
        Self {
            name: json["name"].as_str().expect("a word").to_owned(),
            network,
            x: exact(&array(&json["x"])),
            targets: exact(&array(&json["targets"])),
            json,
        }
    }

    fn values(&self, values: &Value) -> Vec<Vec<f64>> {
        let parameters = self.network.parameters();
        let named = |name: &str| array(&values[name]);
        parameters.iter().map(|p| named(&p.name)).collect()
    }

    fn trainer(&self) -> Trainer {
        let lr = number(&self.json["optimizer"]["lr"]);
        let optimizer = match self.json["optimizer"]["momentum"].as_f64() {
            Some(momentum) => Optimizer::with_momentum(lr, momentum, false),
            None => Optimizer::adam(lr),
        };
        let mut trainer = Trainer::new(self.network.clone(), Loss::SquaredError)
            .optimizer(optimizer)
            .batch_size(BATCH);
        let before = self.values(&self.json["before"]);
        trainer.initial = Some(before.iter().map(|v| exact(v)).collect());
        trainer.options.shuffle = false;
        trainer
    }
}

/// Value, loss and gradients of one graph.
fn differentiated(run: &Run<'_>, executor: Box<dyn Executor>) -> Vec<Vec<f64>> {
    let mut workspace = Workspace::new(executor);
    let outputs = run.network.outputs();
    let rows = run.x.len() / run.network.inputs;
    run.network
        .declare(&mut workspace.store)
        .expect("a new store");
    let parameters = run.network.parameters();
    for (parameter, values) in parameters.iter().zip(run.values(&run.json["before"])) {
        workspace.write(&parameter.name, values).expect("it fits");
    }
    let (x, targets) = (run.x.clone(), run.targets.clone());
    workspace
        .put("x", [rows, run.network.inputs], x)
        .expect("a new name");
    workspace
        .put("targets", [rows, outputs], targets)
        .expect("a new name");
    let mut graph = Graph::new();
    let stored = |graph: &mut Graph, name: &str| graph.stored(&workspace.store, name);
    let x = stored(&mut graph, "x").expect("it is there");
    let y = (run
        .network
        .forward(&mut graph, &workspace.store, x, Mode::Evaluation))
    .expect("it fits");
    let targets = stored(&mut graph, "targets").expect("it is there");
    let loss = Loss::SquaredError
        .build(&mut graph, y, targets)
        .expect("it fits")
        .loss;
    let mut wrt = vec![x];
    wrt.extend(
        parameters
            .iter()
            .map(|p| stored(&mut graph, &p.name).expect("it is there")),
    );
    let gradients = graph.differentiate(loss, &wrt).expect("it has gradients");
    let mut wanted = vec![y, loss];
    wanted.extend(gradients);
    let program = workspace
        .load("recurrent", &graph, &wanted)
        .expect("it loads");
    workspace.compute(&program).expect("it runs")
}

#[test]
fn values_and_gradients_are_pytorchs() {
    let fixture = fixture();
    let mut worst = 0.0_f64;
    for run in Run::all(&fixture) {
        let mut expected = vec![array(&run.json["y"]), vec![number(&run.json["loss"])]];
        expected.push(array(&run.json["dx"]));
        expected.extend(run.values(&run.json["gradients"]));
        let exact = Named {
            name: "reference f64".to_owned(),
            executor: Box::new(Reference::f64()),
        };
        for Named { name, executor } in std::iter::once(exact).chain(executors()) {
            let most = if name == "reference f64" { 1e-12 } else { 1e-5 };
            let found = differentiated(&run, executor);
            assert_eq!(found.len(), expected.len(), "{name}");
            for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let largest = expected
                    .iter()
                    .fold(1e-12, |most: f64, x| most.max(x.abs()));
                let off = largest_difference(found, expected) / largest;
                assert!(
                    off <= most,
                    "{}, {name}: result {at} is off by {off:e}",
                    run.name
                );
                worst = worst.max(off);
            }
        }
    }
    eprintln!("off by at most {worst:e} of the largest");
}

#[test]
fn twenty_training_steps_are_pytorchs() {
    let fixture = fixture();
    let mut worst = 0.0_f64;
    for run in Run::all(&fixture) {
        let outputs = run.network.outputs();
        let data = Dataset::numbers(&run.x, run.network.inputs, &run.targets, outputs);
        let data = data.expect("it is well formed");
        let losses: Vec<_> = run.json["losses"]
            .as_array()
            .expect("a list")
            .iter()
            .map(number)
            .collect();
        for steps in [1, 20] {
            let after = run.values(&run.json["after"][steps.to_string()]);
            let mut trainer = run.trainer();
            trainer.options.steps = Some(steps);
            for (Named { name, executor }, fuse) in executors().into_iter().zip([true, false, true])
            {
                let what = format!("{}, {name}, {steps} steps", run.name);
                trainer.options.fuse = fuse;
                let mut notes = Notes::default();
                let fit = trainer.fit_on(executor, &data, None, &mut notes);
                let model = fit.unwrap_or_else(|e| panic!("{what}: {e}")).model;
                for (at, (found, expected)) in model.values.iter().zip(&after).enumerate() {
                    let found: Vec<f64> = found.iter().map(|&x| f64::from(x)).collect();
                    let largest = expected
                        .iter()
                        .fold(1e-12, |most: f64, x| most.max(x.abs()));
                    let off = largest_difference(&found, expected) / largest;
                    assert!(off <= 1e-5, "{what}: parameter {at} is off by {off:e}");
                    worst = worst.max(off);
                }
                for (step, (found, expected)) in (1..).zip(notes.losses.iter().zip(&losses)) {
                    let off = (found - expected).abs();
                    assert!(
                        off <= 1e-5 * expected,
                        "{what}: loss {found} at step {step}, not {expected}"
                    );
                }
            }
        }
    }
    eprintln!("off by at most {worst:e} of the largest");
}

/// The same bits in one submission as step by step is what `verify` asks too; here, that a model predicts on any device what
/// its graph says.
#[test]
fn a_model_predicts_what_pytorch_does() {
    let fixture = fixture();
    for run in Run::all(&fixture) {
        let values = run.values(&run.json["before"]);
        let values = values.iter().map(|v| exact(v)).collect();
        let model = Model::from_values(run.network.clone(), Activation::Identity, values);
        let found =
            (model.expect("it fits").predict_on(&run.x, &Device::Cpu)).expect("it predicts");
        let found: Vec<f64> = found.iter().map(|&y| f64::from(y)).collect();
        let off = largest_difference(&found, &array(&run.json["y"]));
        assert!(off <= 1e-5, "{}: off by {off:e}", run.name);
    }
}

fn lstm(outputs: usize, steps: usize, sequence: bool) -> Layer {
    Layer::Recurrent {
        cell: Cell::Lstm,
        outputs,
        steps,
        sequence,
    }
}

#[test]
fn first_values_are_drawn_as_pytorch_does() {
    let fixture = fixture();
    let hidden = 25;
    assert_eq!(fixture["initial"]["hidden"], hidden);
    let bound = number(&fixture["initial"]["bound"]);
    let network = Network::new(3).layer(lstm(hidden, 1, false));
    let names: Vec<_> = network
        .parameters()
        .into_iter()
        .map(|p| (p.name, p.shape.to_string()))
        .collect();
    let expected = [
        ("layers.0.weight_ih_l0", "[100, 3]"),
        ("layers.0.weight_hh_l0", "[100, 25]"),
        ("layers.0.bias_ih_l0", "[100]"),
        ("layers.0.bias_hh_l0", "[100]"),
    ];
    assert_eq!(
        names,
        expected.map(|(name, shape)| (name.to_owned(), shape.to_owned()))
    );
    for values in network.initial(Init::Default, 1) {
        let most = values.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        // Of PyTorch's own 3,000 numbers the largest is as near to 1/5.
        assert!(most <= 0.2 && most > 0.19, "{most}");
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        assert!(mean.abs() < 0.05, "{mean}");
    }
    assert!(bound <= 0.2 && bound > 0.199, "{bound}");
}

/// Time steps are those of the data as long as rows are sequences.
#[test]
fn time_steps_are_filled_where_there_is_time() {
    let filled = |mut network: Network| -> Result<Network, NetworkError> {
        network.fill_steps(&[4, 3])?;
        network.check()?;
        Ok(network)
    };
    let steps = |network: &Network| -> Vec<usize> {
        let of = |layer: &Layer| match layer {
            Layer::Recurrent { steps, .. } => Some(*steps),
            _ => None,
        };
        network.layers.iter().filter_map(of).collect()
    };
    let stacked = Network::new(12)
        .dropout(0.1)
        .layer(lstm(5, 0, true))
        .layer(Layer::LayerNorm { epsilon: 1e-5 })
        .layer(lstm(2, 0, false))
        .linear(1);
    assert_eq!(steps(&filled(stacked).expect("all are sequences")), [4, 4]);
    let block = vec![lstm(3, 0, true)];
    let residual = Network::new(12)
        .layer(Layer::Residual { layers: block })
        .layer(lstm(2, 0, false));
    assert_eq!(steps(&filled(residual).expect("so is a block")), [4]);
    // A linear layer mixes the steps, and what steps there are behind it must be said.
    let behind = |steps| Network::new(12).linear(10).layer(lstm(2, steps, false));
    let error = filled(behind(0)).expect_err("it is not known").to_string();
    assert!(
        error.contains("layer 1") && error.contains("10 columns"),
        "{error}"
    );
    assert_eq!(steps(&filled(behind(5)).expect("it is said")), [5]);
    let behind_last = Network::new(12)
        .layer(lstm(5, 0, false))
        .layer(lstm(2, 0, false));
    assert!(
        filled(behind_last).is_err(),
        "the last result is no sequence"
    );
    // Another number than the data's would cut across features.
    let error = filled(Network::new(12).layer(lstm(2, 3, false)));
    let error = error.expect_err("the data have 4").to_string();
    assert!(
        error.contains("layer 0") && error.contains("have 4"),
        "{error}"
    );
    assert!(filled(Network::new(12).layer(lstm(2, 4, false))).is_ok());
}

#[test]
fn what_cannot_be_unrolled_is_refused() {
    let error = |network: Network| network.check().expect_err("it cannot be built").to_string();
    let unknown = Network::new(12).layer(lstm(4, 0, false)).linear(1);
    assert!(
        error(unknown.clone()).contains("time steps are not known"),
        "{}",
        error(unknown.clone())
    );
    let mut known = unknown.clone();
    known.fill_steps(&[12]).expect("there is nothing to fill");
    assert_eq!(known, unknown, "rows of one axis have no time");
    known.fill_steps(&[4, 3]).expect("it has none");
    known.check().expect("4 time steps of 3 features");
    assert_eq!(known.to_string(), "12-4-1");
    let odd = error(Network::new(12).layer(lstm(4, 5, false)));
    assert!(
        odd.contains("layer 0") && odd.contains("5 time steps") && odd.contains("12 columns"),
        "{odd}"
    );
    // The last result alone is no sequence.
    let stacked = |sequence| {
        Network::new(12)
            .layer(lstm(5, 6, sequence))
            .layer(lstm(4, 6, false))
    };
    let message = error(stacked(false));
    assert!(
        message.contains("layer 1") && message.contains("sequence = true"),
        "{message}"
    );
    stacked(true).check().expect("6 time steps of 5 units");
    assert_eq!(stacked(true).to_string(), "12-6x5-4");
    assert!(matches!(
        Network::new(2).layer(lstm(0, 1, false)).check(),
        Err(NetworkError::NoUnits { index: 0 })
    ));
    let huge = error(Network::new(8).layer(lstm(1 << 30, 8, true)));
    assert!(huge.contains("2^32"), "{huge}");
    // Data of another width.
    let data = Dataset::numbers(&[0.0; 24], 8, &[0.0; 3], 1).expect("it is well formed");
    let fit = Trainer::new(known, Loss::SquaredError).fit(&data);
    assert!(matches!(fit, Err(TrainError::Mismatch { .. })));
}

/// No gradient of the input, and yet all others: nobody builds what nobody needs.
#[test]
fn a_constant_input_costs_no_gradient() {
    let network = Network::new(6).layer(lstm(2, 3, false)).linear(1);
    let mut workspace = Workspace::new(Box::new(Reference::f64()));
    network.declare(&mut workspace.store).expect("a new store");
    workspace
        .put("x", [4, 6], Data::F32(vec![0.5; 24]))
        .expect("a new name");
    let mut graph = Graph::new();
    let x = graph.stored(&workspace.store, "x").expect("it is there");
    let y = network
        .forward(&mut graph, &workspace.store, x, Mode::Evaluation)
        .expect("it fits");
    let loss = graph.mean(y).expect("a scalar");
    let parameters = network.parameters();
    let stored = |p: &thalweg::network::Parameter| p.name.clone();
    let names: Vec<_> = parameters.iter().map(stored).collect();
    let wrt: Vec<_> = names
        .iter()
        .map(|name| graph.stored(&workspace.store, name).expect("it is there"))
        .collect();
    let before = graph.nodes().len();
    graph.differentiate(loss, &wrt).expect("it has gradients");
    let width = |node: &thalweg::graph::Node| graph.tensor(node.outputs[0]).shape.dims() == [12, 2];
    assert!(
        !graph.nodes()[before..].iter().any(width),
        "no gradient at x"
    );
}
