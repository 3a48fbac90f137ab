//! Trains with a loss made of ops, the Huber loss by hand: `cargo run --release --example own_loss [DEVICE]`.
//!
//! The data lie on a line, but for every eighth point, which is far off. A squared error bends towards those; a loss
//! that grows linearly from 1 on does not.

use thalweg::data::Dataset;
use thalweg::device::Device;
use thalweg::graph::{Graph, GraphError, TensorId};
use thalweg::network::{Activation, Loss, Network};
use thalweg::train::{Model, Optimizer, Trainer};

/// `mean(h(e))` of the errors `e = y - target`, with `h(e) = e² / 2` up to 1 and `|e| - 1/2` beyond.
///
/// With `r = relu`: `|e| = r(e) + r(-e)`, and `min(|e|, 1) = |e| - r(|e| - 1) = c`, so `h = c (|e| - c / 2)`.
fn huber(graph: &mut Graph, y: TensorId, target: TensorId) -> Result<TensorId, GraphError> {
    let e = graph.sub(y, target)?;
    let negative = graph.scale(e, -1.0)?;
    let (above, below) = (
        graph.activation(e, Activation::Relu)?,
        graph.activation(negative, Activation::Relu)?,
    );
    let size = graph.add(above, below)?;
    let shape = graph.tensor(size).shape.clone();
    let one = graph.constant(shape, 1.0);
    let excess = graph.sub(size, one)?;
    let excess = graph.activation(excess, Activation::Relu)?;
    let c = graph.sub(size, excess)?;
    let half = graph.scale(c, 0.5)?;
    let rest = graph.sub(size, half)?;
    let h = graph.mul(c, rest)?;
    graph.mean(h)
}

/// The slope and the intercept that a linear model has learnt.
fn line(model: &Model) -> (f32, f32) {
    (model.values[0][0], model.values[1][0])
}

#[expect(clippy::print_stdout, reason = "an example shows what it found")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device: Device = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "auto".to_owned())
        .parse()?;
    let x: Vec<f32> = (0_u8..64).map(|i| f32::from(i) / 32.0 - 1.0).collect();
    let off = |i: usize| if i.is_multiple_of(8) { 20.0 } else { 0.0 };
    let y: Vec<f32> = x
        .iter()
        .enumerate()
        .map(|(i, x)| 2.0 * x + 1.0 + off(i))
        .collect();
    let data = Dataset::numbers(&x, 1, &y, 1)?;

    let linear = Network::mlp(1, &[], 1, Activation::Identity);
    let squared = Trainer::new(linear, Loss::SquaredError)
        .optimizer(Optimizer::adam(0.05))
        .epochs(1000)
        .device(device);
    let robust = squared.clone().loss(huber);

    let (slope, intercept) = line(&squared.fit(&data)?.model);
    println!("squared error: y = {slope:.2} x + {intercept:.2}");
    let (slope, intercept) = line(&robust.fit(&data)?.model);
    println!("huber:         y = {slope:.2} x + {intercept:.2}");
    assert!(
        (intercept - 1.0).abs() < 0.5,
        "Huber's loss is not led astray"
    );
    println!("without the points that are off: y = 2.00 x + 1.00");
    Ok(())
}
