//! Figures of predictions against scikit-learn's, against sums by hand, and where there is nothing to tell.

mod bootstrap;

use serde_json::Value;
use thalweg::metrics::{
    Bootstrap, Classification, Regression, Summary, roc_auc, student_t, wilson,
};

fn fixture() -> Value {
    serde_json::from_str(include_str!("../fixtures/metrics.json")).expect("the fixture is JSON")
}

/// The numbers of a list.
fn list(value: &Value) -> Vec<f64> {
    let values = value.as_array().expect("a list");
    values
        .iter()
        .map(|x| x.as_f64().expect("a number"))
        .collect()
}

#[expect(clippy::cast_possible_truncation, reason = "the fixture holds f32")]
fn singles(value: &Value) -> Vec<f32> {
    list(value).into_iter().map(|x| x as f32).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the fixture holds class numbers"
)]
fn labels(value: &Value) -> Vec<u32> {
    list(value).into_iter().map(|x| x as u32).collect()
}

#[track_caller]
fn close(what: &str, actual: Option<f64>, expected: &Value) {
    match (actual, expected.as_f64()) {
        (None, None) => {}
        (Some(a), Some(e)) => {
            assert!(
                (a - e).abs() <= 1e-12 * e.abs().max(1.0),
                "{what}: {a} is not {e}"
            );
        }
        (a, e) => panic!("{what}: {a:?} is not {e:?}"),
    }
}

#[test]
fn classes_are_judged_as_scikit_learn_does() {
    for case in fixture()["classes"].as_array().expect("a list") {
        let name = case["name"].as_str().expect("a name");
        let classes = usize::try_from(case["classes"].as_u64().expect("a count")).expect("few");
        let (scores, labels) = (singles(&case["scores"]), labels(&case["labels"]));
        let judged = Classification::new(&scores, &labels, classes);
        let report = judged.clone().figures(&Bootstrap::NONE);
        for (figure, key) in [
            (report.accuracy, "accuracy"),
            (report.precision, "precision"),
            (report.recall, "recall"),
            (report.f1, "f1"),
            (report.log_loss, "log_loss"),
            (report.calibration_error, "calibration_error"),
        ] {
            close(&format!("{name}: {key}"), figure.value, &case[key]);
        }
        if case["auc"].is_f64() {
            close(&format!("{name}: auc"), report.auc.value, &case["auc"]);
        }
        for (k, share) in case["top"].as_object().expect("an object") {
            let top = judged.clone().top_k(k.parse().expect("a number"));
            let top = top.figures(&Bootstrap::NONE).top_k;
            close(&format!("{name}: top {k}"), top[0].1.value, share);
        }
        for (index, class) in report.classes.iter().enumerate() {
            let of = &case["by_class"];
            close(
                &format!("{name}, {index}: precision"),
                class.precision.value,
                &of["precision"][index],
            );
            close(
                &format!("{name}, {index}: recall"),
                class.recall.value,
                &of["recall"][index],
            );
            close(
                &format!("{name}, {index}: F1"),
                class.f1.value,
                &of["f1"][index],
            );
        }
        assert_eq!(
            serde_json::json!(report.confusion),
            case["confusion"],
            "{name}"
        );
    }
}

#[test]
fn numbers_are_judged_as_scikit_learn_does() {
    for case in fixture()["numbers"].as_array().expect("a list") {
        let name = case["name"].as_str().expect("a name");
        let outputs = usize::try_from(case["outputs"].as_u64().expect("a count")).expect("few");
        let (predictions, targets) = (singles(&case["predictions"]), singles(&case["targets"]));
        let judged = Regression::new(&predictions, &targets, outputs);
        let report = judged.figures(&Bootstrap::NONE);
        for (figure, key) in [
            (report.mae, "mae"),
            (report.rmse, "rmse"),
            (report.r2, "r2"),
        ] {
            close(&format!("{name}: {key}"), figure.value, &case[key]);
        }
        for (index, output) in report.outputs.iter().enumerate() {
            for (figure, key) in [
                (output.mae, "mae"),
                (output.rmse, "rmse"),
                (output.r2, "r2"),
            ] {
                close(
                    &format!("{name}, {index}: {key}"),
                    figure.value,
                    &case["by_output"][key][index],
                );
            }
        }
        // Errors have units, the coefficient has none.
        let units = vec![2.0; outputs];
        let doubled = judged.units(&units).figures(&Bootstrap::NONE);
        assert_eq!(
            doubled.rmse.value,
            report.rmse.value.map(|x| 2.0 * x),
            "{name}"
        );
        assert_eq!(doubled.r2, report.r2, "{name}");
    }
}

#[test]
fn intervals_without_resampling_are_scipys() {
    let fixture = fixture();
    for row in fixture["wilson"].as_array().expect("a list") {
        let (hits, trials) = (
            row[0].as_u64().expect("a count"),
            row[1].as_u64().expect("a count"),
        );
        let found = wilson(hits, trials).expect("there are trials");
        for (found, expected) in found.iter().zip([&row[2], &row[3]]) {
            let expected = expected.as_f64().expect("a number");
            assert!(
                (found - expected).abs() < 1e-12,
                "{hits} of {trials}: {found} is not {expected}"
            );
        }
    }
    assert_eq!(wilson(0, 0), None);
    for row in fixture["student_t"].as_array().expect("a list") {
        let degrees = u32::try_from(row[0].as_u64().expect("a count")).expect("few");
        let (found, expected) = (student_t(degrees), row[1].as_f64().expect("a number"));
        assert!(
            (found - expected).abs() < 1e-9 * expected,
            "{degrees}: {found} is not {expected}"
        );
    }
    // By hand: mean 2, standard deviation 1, and 4.30265 standard errors of 1 / sqrt 3.
    let summary = Summary::of(&[1.0, 2.0, 3.0]).expect("there are runs");
    assert_eq!((summary.mean, summary.sd), (2.0, Some(1.0)));
    let [low, high] = summary.interval.expect("three runs have one");
    assert!(
        (low + 0.484_138).abs() < 1e-5 && (high - 4.484_138).abs() < 1e-5,
        "{low} to {high}"
    );
    let one = Summary::of(&[5.0]).expect("there is a run");
    assert_eq!((one.mean, one.sd, one.interval), (5.0, None, None));
    assert_eq!(Summary::of(&[]), None);
}

/// Of all pairs of a row that is meant and one that is not, those in the right order, equal ones by half.
#[test]
fn the_area_is_the_share_of_pairs() {
    for seed in 0..20_u32 {
        let draw = |i: u32| (seed.wrapping_mul(2_654_435_761).wrapping_add(i * 40_503) >> 7) % 8;
        let scores: Vec<f32> = (0..17)
            .map(|i| f32::from(u8::try_from(draw(i)).expect("small")))
            .collect();
        let meant: Vec<bool> = (0..17).map(|i| draw(i + 100) % 3 == 0).collect();
        let (mut right, mut pairs) = (0.0, 0.0);
        for (a, _) in scores.iter().zip(&meant).filter(|row| *row.1) {
            for (b, _) in scores.iter().zip(&meant).filter(|row| !*row.1) {
                pairs += 1.0;
                right += if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                };
            }
        }
        let expected = (pairs > 0.0).then_some(right / pairs);
        assert_eq!(roc_auc(&scores, &meant), expected, "seed {seed}");
    }
    assert_eq!(
        roc_auc(&[0.1, 0.9], &[true, true]),
        None,
        "nothing to tell apart"
    );
    assert_eq!(roc_auc(&[0.5, 0.5], &[true, false]), Some(0.5));
    assert_eq!(roc_auc(&[0.9, 0.1], &[true, false]), Some(1.0));
    assert_eq!(roc_auc(&[], &[]), None);
}

#[test]
fn by_hand() {
    // Classes 0 0 1 2, predicted 0 1 1 1: nothing is predicted to be of class 2.
    let scores = [
        0.6, 0.2, 0.2, //
        0.1, 0.7, 0.2, //
        0.0, 0.9, 0.1, //
        0.3, 0.5, 0.2,
    ];
    let report = Classification::new(&scores, &[0, 0, 1, 2], 3).figures(&Bootstrap::NONE);
    let third = 1.0 / 3.0;
    assert_eq!(report.accuracy.value, Some(0.5));
    let values = |of: fn(&thalweg::metrics::ClassFigures) -> Option<f64>| {
        report.classes.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(
        values(|c| c.precision.value),
        [Some(1.0), Some(third), Some(0.0)]
    );
    assert_eq!(
        values(|c| c.recall.value),
        [Some(0.5), Some(1.0), Some(0.0)]
    );
    assert_eq!(
        values(|c| c.f1.value),
        [Some(2.0 * third), Some(0.5), Some(0.0)]
    );
    assert_eq!(report.classes[2].zero_division, ["precision"]);
    assert!(report.classes[0].zero_division.is_empty() && report.averaged == 3);
    let matrix = report.confusion.expect("there are few classes");
    assert_eq!(matrix, [[1, 1, 0], [0, 1, 0], [0, 1, 0]]);
    // Confidences 0.6, 0.7, 0.9 and 0.5 are in bins of their own: |0.6 - 1| + 0.7 + |0.9 - 1| + 0.5, over 4 rows.
    let error = report.calibration_error.value.expect("it is defined");
    assert!((error - 1.7 / 4.0).abs() < 1e-7, "{error}");
    let rows: u64 = report.calibration.iter().map(|bin| bin.rows).sum();
    assert_eq!((report.calibration.len(), rows), (15, 4));
    assert_eq!(
        report.top_k,
        [],
        "of three classes, all are among the first three"
    );
}

#[test]
fn one_class_and_no_rows() {
    let report =
        Classification::new(&[0.7, 0.3, 0.4, 0.6], &[0, 0], 2).figures(&Bootstrap::default());
    assert_eq!(report.accuracy.value, Some(0.5));
    assert_eq!(
        (report.auc.value, report.ranked),
        (None, 0),
        "there is no curve"
    );
    assert_eq!(report.auc.interval, None);
    assert_eq!(report.classes[1].zero_division, ["recall"]);
    let report = Classification::new(&[], &[], 2).figures(&Bootstrap::default());
    assert_eq!(
        (report.rows, report.log_loss.value, report.f1.value),
        (0, None, None)
    );
    assert_eq!(report.accuracy.interval, None);
    let report = Regression::new(&[], &[], 1).figures(&Bootstrap::default());
    assert_eq!((report.mae.value, report.r2.value), (None, None));
}

#[test]
fn scores_that_are_no_probabilities() {
    let scores = [3.0, -1.0, 0.5, 2.0, -4.0, 7.0];
    let judged = Classification::new(&scores, &[0, 1, 1], 2).without_probabilities();
    let report = judged.figures(&Bootstrap::default());
    assert_eq!(
        (report.accuracy.value, report.auc.value),
        (Some(1.0), Some(1.0))
    );
    assert_eq!(
        (report.log_loss.value, report.calibration_error.value),
        (None, None)
    );
    assert!(report.calibration.is_empty());
    // One sigmoid a class: the rows are divided by their sums.
    let sigmoids = Classification::new(&[0.8, 0.8], &[0], 2).figures(&Bootstrap::NONE);
    let nats = sigmoids.log_loss.value.expect("it is defined");
    assert!((nats - 2_f64.ln()).abs() < 1e-12, "{nats}");
    // A probability of 0 costs no infinity.
    let wrong = Classification::new(&[0.0, 1.0], &[0], 2).figures(&Bootstrap::NONE);
    let nats = wrong.log_loss.value.expect("it is finite");
    assert!((nats + f64::EPSILON.ln()).abs() < 1e-9, "{nats}");
    let broken = Classification::new(&[f32::NAN, 0.5], &[0], 2).figures(&Bootstrap::default());
    assert_eq!(broken.log_loss.value, None, "NaN is no figure");
}

#[test]
fn equal_scores_go_to_the_first_class() {
    let flat = [0.25; 8];
    let judged = Classification::new(&flat, &[0, 2], 4);
    let report = judged.clone().figures(&Bootstrap::NONE);
    assert_eq!(report.accuracy.value, Some(0.5));
    assert_eq!(report.auc.value, Some(0.5), "equal scores rank nothing");
    assert_eq!(report.ranked, 2, "two classes have no rows");
    let two = judged.clone().top_k(2).figures(&Bootstrap::NONE).top_k;
    assert_eq!((two[0].0, two[0].1.value), (2, Some(0.5)));
    assert_eq!(
        judged.top_k(3).figures(&Bootstrap::NONE).top_k[0].1.value,
        Some(1.0)
    );
}

#[test]
fn targets_that_do_not_vary_have_no_r2() {
    let report = Regression::new(&[1.0, 2.0, 3.0], &[7.1; 3], 1).figures(&Bootstrap::default());
    assert_eq!((report.r2.value, report.r2.interval), (None, None));
    assert!(report.mae.value.is_some());
    // A large offset costs no digits of the variance.
    let targets = [16_000_001.0, 16_000_003.0, 16_000_005.0_f32];
    let report = Regression::new(&[16_000_003.0; 3], &targets, 1).figures(&Bootstrap::NONE);
    assert_eq!(report.r2.value, Some(0.0));
    // One of two outputs does not vary: the mean is not defined, the other one is.
    let report =
        Regression::new(&[1.0, 5.0, 2.0, 5.0], &[1.0, 5.0, 2.0, 5.0], 2).figures(&Bootstrap::NONE);
    let each: Vec<_> = report
        .outputs
        .iter()
        .map(|output| output.r2.value)
        .collect();
    assert_eq!((report.r2.value, each), (None, vec![Some(1.0), None]));
}
