//! Intervals by resampling: against data sets that are really drawn, and against what theory says of means.

use thalweg::metrics::{Bootstrap, Classification, Regression};
use thalweg::random::{Random, stream};

/// Probabilities of three classes, and classes that follow from them now and then.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded to f32, as is meant"
)]
fn drawn(rows: usize) -> (Vec<f32>, Vec<u32>) {
    let random = Random::new(7, stream::TEST, 40);
    let mut scores = Vec::new();
    let mut labels = Vec::new();
    for row in 0..rows as u64 {
        let label = random.below(4 * row, 3);
        let p: Vec<f64> = (0..3_u32)
            .map(|class| {
                let sign = if class == label { 0.8 } else { 0.0 };
                (random.normal(3 * row + u64::from(class) + 1_000_000) + sign).exp()
            })
            .collect();
        let sum: f64 = p.iter().sum();
        scores.extend(p.iter().map(|p| (p / sum) as f32));
        labels.push(label);
    }
    (scores, labels)
}

/// The rows of each resample, really gathered, and the percentiles of their figures.
#[test]
fn resamples_are_data_sets_of_drawn_rows() {
    let (rows, resamples) = (30, 60);
    let (scores, labels) = drawn(rows);
    let bootstrap = Bootstrap {
        resamples,
        seed: 5,
        ..Bootstrap::default()
    };
    let report = Classification::new(&scores, &labels, 3).figures(&bootstrap);
    let mut found: Vec<[f64; 4]> = Vec::new();
    for resample in 0..resamples {
        let random = Random::new(5, stream::BOOTSTRAP, resample);
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for i in 0..rows as u64 {
            let row = random.below(i, 30) as usize;
            x.extend_from_slice(&scores[3 * row..3 * row + 3]);
            y.push(labels[row]);
        }
        let one = Classification::new(&x, &y, 3).figures(&Bootstrap::NONE);
        let figures = [one.f1, one.auc, one.log_loss, one.calibration_error];
        found.push(figures.map(|figure| figure.value.expect("it is defined")));
    }
    let told = [
        report.f1,
        report.auc,
        report.log_loss,
        report.calibration_error,
    ];
    for (index, figure) in told.iter().enumerate() {
        let mut values: Vec<f64> = found.iter().map(|figures| figures[index]).collect();
        values.sort_by(f64::total_cmp);
        let mean = values.iter().sum::<f64>() / f64::from(resamples);
        // Places 0.025 * 59 = 1.475 and 57.525 of 0 to 59.
        let low = values[1] + 0.475 * (values[2] - values[1]);
        let high = values[57] + 0.525 * (values[58] - values[57]);
        let value = figure.value.expect("it is defined");
        let expected = [(value + low - mean).max(0.0), value + high - mean];
        let interval = figure.interval.expect("there are resamples");
        for (found, expected) in interval.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 1e-12,
                "{index}: {interval:?} is not {expected}"
            );
        }
    }
}

/// The interval of a mean absolute error is that of a mean: 1.96 standard errors to both sides, but for chance.
#[test]
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded to f32, as is meant"
)]
fn a_mean_has_the_width_of_a_mean() {
    let random = Random::new(3, stream::TEST, 41);
    let rows = 400;
    let targets: Vec<f32> = (0..rows).map(|i| random.normal(i) as f32).collect();
    let predictions: Vec<f32> = (rows..2 * rows).map(|i| random.normal(i) as f32).collect();
    let judged = Regression::new(&predictions, &targets, 1);
    let report = judged.figures(&Bootstrap::default());
    let errors = predictions
        .iter()
        .zip(&targets)
        .map(|(p, t)| f64::from(p - t).abs());
    let errors: Vec<f64> = errors.collect();
    let mean = errors.iter().sum::<f64>() / rows as f64;
    let variance = errors.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / rows as f64;
    let expected = 2.0 * 1.96 * (variance / rows as f64).sqrt();
    let [low, high] = report.mae.interval.expect("there are rows");
    let width = high - low;
    assert!(
        (width / expected - 1.0).abs() < 0.12,
        "{width} is not about {expected}"
    );
    assert!(
        low < mean && mean < high,
        "{mean} is not in {low} to {high}"
    );
    // A part of the rows says as much, but for chance.
    let part = Bootstrap {
        most_rows: 200,
        ..Bootstrap::default()
    };
    let some = judged.figures(&part);
    assert_eq!(some.intervals.resampled_rows, 200);
    assert_eq!(
        some.mae.value, report.mae.value,
        "the figure is that of all rows"
    );
    let [low, high] = some.mae.interval.expect("there are rows");
    assert!(
        ((high - low) / expected - 1.0).abs() < 0.3,
        "{low} to {high}, not {expected} wide"
    );
}

#[test]
fn the_same_seed_gives_the_same_interval() {
    let (scores, labels) = drawn(50);
    let judged = Classification::new(&scores, &labels, 3);
    let with = |seed| {
        let bootstrap = Bootstrap {
            seed,
            ..Bootstrap::default()
        };
        judged.figures(&bootstrap).f1.interval
    };
    assert_eq!(with(1), with(1));
    assert_ne!(with(1), with(2));
}

#[test]
fn what_all_resamples_agree_on_has_no_interval() {
    // Every row is right with the same probability: no resample differs.
    let scores = [0.9, 0.1, 0.1, 0.9, 0.9, 0.1, 0.1, 0.9];
    let report = Classification::new(&scores, &[0, 1, 0, 1], 2).figures(&Bootstrap::default());
    assert_eq!((report.auc.value, report.auc.interval), (Some(1.0), None));
    let [low, high] = report.accuracy.interval.expect("Wilson has one");
    assert!(low < 0.6 && high == 1.0, "{low} to {high}");
}

#[test]
fn the_cost_is_bounded() {
    let classes = 200;
    let scores = vec![0.005; 20_000 * classes];
    let labels: Vec<u32> = (0..20_000).map(|row| row % 200).collect();
    let few = Bootstrap {
        resamples: 2,
        ..Bootstrap::default()
    };
    let report = Classification::new(&scores, &labels, classes).figures(&few);
    assert_eq!(report.intervals.resampled_rows, 1000);
    assert_eq!(report.rows, 20_000);
}
