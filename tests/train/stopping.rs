//! When a run that gets no better ends, and with which model.

use std::io;

use thalweg::data::Dataset;
use thalweg::network::{Activation, Loss, Network};
use thalweg::train::{Callback, EpochReport, Fitted, Monitor, Optimizer, Stopping, Trainer};

use super::{bits, classes, numbers};

/// Notes each epoch's validation and model.
#[derive(Default)]
struct Epochs {
    losses: Vec<f64>,
    accuracies: Vec<f64>,
    models: Vec<Vec<Vec<u32>>>,
    best: Vec<bool>,
    stops_after: Option<u64>,
}

impl Callback for Epochs {
    fn epoch(&mut self, report: &EpochReport<'_>) -> io::Result<()> {
        let validation = report.validation.expect("there are rows for it");
        self.losses.push(validation.loss);
        self.accuracies.extend(validation.accuracy);
        self.models.push(bits(&report.model.values));
        self.best.push(report.best);
        Ok(())
    }

    fn stops(&self) -> bool {
        let done = self.losses.len() as u64;
        self.stops_after.is_some_and(|epochs| done >= epochs)
    }
}

/// Rows without anything to learn but by heart: what helps on some hurts on others.
fn rows() -> [Dataset; 2] {
    let noise = |seed: u32| {
        let all = classes(120, 6, 3);
        let picked: Vec<u32> = (0..60).map(|i| (i * 7 + seed) % 120).collect();
        all.select(&picked)
    };
    [noise(0), noise(3)]
}

fn trainer() -> Trainer {
    let network = Network::mlp(6, &[40], 3, Activation::Relu);
    Trainer::new(network, Loss::CrossEntropy)
        .optimizer(Optimizer::adam(0.05))
        .batch_size(10)
        .epochs(60)
}

fn fit(trainer: &Trainer) -> (Fitted, Epochs) {
    let [data, validation] = rows();
    let mut epochs = Epochs::default();
    let fit = trainer.fit_with(&data, Some(&validation), &mut epochs);
    (fit.expect("it trains"), epochs)
}

/// The index of the best epoch, and after how many epochs the run has to end: said anew, plainly.
fn expected(judged: &[f64], patience: usize, least: f64) -> (usize, usize) {
    let mut best = 0;
    for epoch in 1..judged.len() {
        if judged[epoch] < judged[best] - least {
            best = epoch;
        } else if epoch - best >= patience {
            return (best, epoch + 1);
        }
    }
    (best, judged.len())
}

#[test]
fn a_run_ends_when_it_gets_no_better() {
    let (_, all) = fit(&trainer());
    assert_eq!(all.losses.len(), 60);
    let turned: Vec<f64> = all.accuracies.iter().map(|a| -a).collect();
    let mut ends = Vec::new();
    for (monitor, judged) in [(Monitor::Loss, &all.losses), (Monitor::Accuracy, &turned)] {
        for (patience, least) in [(1, 0.0), (4, 0.0), (4, 0.02)] {
            let (best, epochs) = expected(judged, patience, least);
            let mut trainer = trainer();
            trainer.options.monitor = monitor;
            trainer.options.stopping = Some(Stopping {
                min_delta: least,
                ..Stopping::after(patience as u64)
            });
            let (fit, told) = fit(&trainer);
            let name = format!("{monitor}, {patience}, {least}");
            assert_eq!(told.losses.len(), epochs, "{name}");
            assert!(
                fit.summary.stopped_early && !fit.summary.interrupted,
                "{name}"
            );
            let found = fit.summary.best.expect("there is a best one");
            assert_eq!(found.epoch, best as u64 + 1, "{name}");
            assert_eq!(bits(&fit.model.values), told.models[best], "{name}");
            let validation = fit.summary.validation.expect("it was evaluated");
            assert_eq!(
                validation.loss.to_bits(),
                all.losses[best].to_bits(),
                "{name}"
            );
            trainer.options.stopping = trainer.options.stopping.map(|stopping| Stopping {
                restore_best: false,
                ..stopping
            });
            let (last, _) = self::fit(&trainer);
            assert_eq!(bits(&last.model.values), told.models[epochs - 1], "{name}");
            ends.push(epochs);
        }
    }
    ends.dedup();
    assert!(ends.len() > 2, "they do not all end alike: {ends:?}");
}

#[test]
fn a_callback_ends_a_run_after_an_epoch() {
    let [data, validation] = rows();
    let mut epochs = Epochs {
        stops_after: Some(3),
        ..Epochs::default()
    };
    let fit = trainer().fit_with(&data, Some(&validation), &mut epochs);
    let fit = fit.expect("it trains");
    assert_eq!((fit.summary.epochs, epochs.losses.len()), (3, 3));
    assert!(fit.summary.stopped_early && !fit.summary.interrupted);
}

#[test]
fn what_cannot_be_judged_is_refused() {
    let data = numbers(64, 7, 3);
    let network = Network::new(7).linear(3);
    let mut trainer = Trainer::new(network, Loss::SquaredError).epochs(3);
    trainer.options.monitor = Monitor::Accuracy;
    let error = trainer.fit(&data).expect_err("numbers have no accuracy");
    assert!(error.to_string().contains("monitor is accuracy"), "{error}");
    trainer.options.monitor = Monitor::Loss;
    for (stopping, part) in [
        (Stopping::after(0), "patience is 0"),
        (
            Stopping {
                min_delta: f64::NAN,
                ..Stopping::after(1)
            },
            "min_delta is NaN",
        ),
    ] {
        trainer.options.stopping = Some(stopping);
        let error = trainer.fit(&data).expect_err("it makes no sense");
        assert!(error.to_string().contains(part), "{error}");
    }
}
