//! Trains on numbers that are in memory already, and predicts in memory:
//! `cargo run --release --example own_data [DEVICE]`.

use thalweg::data::Dataset;
use thalweg::device::Device;
use thalweg::network::{Activation, Loss, Network};
use thalweg::train::{Optimizer, Trainer};

#[expect(clippy::print_stdout, reason = "an example shows what it found")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device: Device = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "auto".to_owned())
        .parse()?;

    // y = sin(3 x), at 256 places from -1 to 1.
    let x: Vec<f32> = (0_u8..=255).map(|i| f32::from(i) / 127.5 - 1.0).collect();
    let y: Vec<f32> = x.iter().map(|x| (3.0 * x).sin()).collect();
    let data = Dataset::numbers(&x, 1, &y, 1)?;

    let network = Network::mlp(1, &[32, 32], 1, Activation::Tanh);
    let trainer = Trainer::new(network, Loss::SquaredError)
        .optimizer(Optimizer::adam(0.01))
        .batch_size(64)
        .epochs(200)
        .device(device.clone());
    let fit = trainer.fit(&data)?;
    println!("mean squared error {:.6}", fit.summary.train.loss);

    let places = [-0.75, -0.25, 0.25, 0.75];
    let predicted = fit.model.predict_on(&places, &device)?;
    for (x, y) in places.iter().zip(&predicted) {
        println!(
            "sin(3 * {x:5}) = {:7.4}, predicted {y:7.4}",
            (3.0 * x).sin()
        );
        assert!((y - (3.0 * x).sin()).abs() < 0.05, "the curve is learnt");
    }
    Ok(())
}
