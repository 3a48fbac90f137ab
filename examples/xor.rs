//! Learns XOR, which no network without a hidden layer can: `cargo run --release --example xor [DEVICE]`.

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
    let x = [0., 0., 0., 1., 1., 0., 1., 1.];
    let data = Dataset::classes(&x, 2, &[0, 1, 1, 0])?;
    let network = Network::mlp(2, &[8], 2, Activation::Tanh);
    let trainer = Trainer::new(network, Loss::CrossEntropy)
        .optimizer(Optimizer::adam(0.05))
        .epochs(200);
    let fit = trainer.device(device).fit(&data)?;
    println!(
        "loss {:.4} after {} steps",
        fit.summary.train.loss, fit.summary.steps
    );
    let classes = fit.model.predict_classes(&x)?;
    println!("{classes:?}");
    assert_eq!(classes, [0, 1, 1, 0], "XOR is learnt");
    Ok(())
}
