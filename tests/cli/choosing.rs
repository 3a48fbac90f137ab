//! Metrics, cross-validation, repeated seeds, and the learning-rate finder.

use serde_json::Value;

use super::{Place, flowers, houses};

const TRAIN: &str = "--device cpu --hidden 8 --lr 0.02 --epochs 8 --batch-size 8 --quiet";

fn flowers_place() -> Place {
    Place::with(&[("flowers.csv", flowers().as_bytes())])
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

/// A figure and that its interval holds it.
#[track_caller]
fn figure(figure: &Value) -> f64 {
    let value = number(&figure["value"]);
    if let Some(interval) = figure["interval"].as_array() {
        let (low, high) = (number(&interval[0]), number(&interval[1]));
        assert!(low <= value && value <= high, "{figure}");
    }
    value
}

#[test]
fn classes_are_judged() {
    let place = flowers_place();
    let trained = place.json(&format!(
        "train --data flowers.csv --target kind {TRAIN} --out run"
    ));
    let mut devices = vec!["cpu", "reference"];
    devices.extend(crate::common::gpu().map(|_| "gpu"));
    for device in devices {
        let eval = place.json(&format!("eval run --device {device}"));
        let metrics = &eval["metrics"];
        assert_eq!(metrics["rows"], 12, "{device}");
        assert_eq!(
            figure(&metrics["accuracy"]),
            number(&eval["accuracy"]),
            "{device}"
        );
        for name in [
            "precision",
            "recall",
            "f1",
            "auc",
            "log_loss",
            "calibration_error",
        ] {
            let (told, then) = (
                figure(&metrics[name]),
                number(&trained["val_metrics"][name]),
            );
            assert!(
                (told - then).abs() < 1e-5,
                "{device}: {name} is {told}, and was {then}"
            );
        }
        // Without weights and smoothing the loss is the log loss.
        let (loss, log_loss) = (number(&eval["loss"]), figure(&metrics["log_loss"]));
        assert!(
            (loss - log_loss).abs() < 1e-5 * loss.max(0.1),
            "{device}: {loss}, {log_loss}"
        );
        let names: Vec<_> = (metrics["classes"].as_array().unwrap().iter())
            .map(|class| class["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["iris", "lily", "rose"]);
        let matrix = metrics["confusion"].as_array().unwrap().iter();
        let counted: f64 = matrix
            .flat_map(|row| row.as_array().unwrap())
            .map(number)
            .sum();
        assert_eq!(counted, 12.0);
        assert_eq!(metrics["intervals"]["resamples"], 1000);
    }
    let out = place.ok("eval run --device cpu --data flowers.csv");
    for part in [
        "95 % interval",
        "F1, macro",
        "AUC",
        "log loss",
        "calibration",
        "confusion",
        "rose",
        "seed 0",
    ] {
        assert!(out.contains(part), "no {part:?} in\n{out}");
    }
    let longest = out.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(100), "too wide for a page:\n{out}");
    let text = place.ok(&format!("train --data flowers.csv {TRAIN} --out again"));
    assert!(
        text.contains("val F1") && text.contains("val AUC"),
        "{text}"
    );
}

#[test]
fn numbers_are_judged_in_their_own_units() {
    let place = Place::with(&[("houses.csv", houses().as_bytes())]);
    let run = "train --data houses.csv --device cpu --hidden= --lr 0.05 --epochs 30 --batch-size 16 --quiet";
    let trained = place.json(&format!("{run} --out run"));
    let eval = place.json("eval run --device cpu");
    let metrics = &eval["metrics"];
    assert_eq!(metrics["rows"], 20);
    // The loss is the squared error in the target's own units.
    let (rmse, loss) = (figure(&metrics["rmse"]), number(&eval["loss"]));
    assert!((rmse * rmse / loss - 1.0).abs() < 1e-4, "{rmse} and {loss}");
    let (r2, then) = (figure(&metrics["r2"]), number(&eval["r2"]));
    assert!((r2 - then).abs() < 1e-5, "{r2} and {then}");
    assert!((number(&trained["val_metrics"]["rmse"]) - rmse).abs() < 1e-6 * rmse);
    assert!(figure(&metrics["mae"]) <= rmse);
    let out = place.ok("eval run --device cpu");
    assert!(out.contains("RMSE") && out.contains("MAE"), "{out}");
    let without = place.json(&format!("{run} --val-fraction 0 --out bare"));
    assert!(without["val_metrics"].is_null(), "{without}");
}

#[test]
fn top_k_is_of_classes() {
    let place = Place::new();
    place.ok(&format!("train --data glyphs:n=200 {TRAIN} --out run"));
    let eval = place.json("eval run --device cpu");
    let of = |eval: &Value, k: &str| figure(&eval["metrics"]["top_k"][k]);
    assert!(of(&eval, "3") <= of(&eval, "5"), "{eval}");
    let two = place.json("eval run --device cpu --top-k 2");
    assert!(of(&two, "2") <= of(&eval, "3") && number(&two["accuracy"]) <= of(&two, "2"));
    let said = place.run("eval run --device cpu --top-k 10");
    assert!(
        said.status == Some(2) && said.err.contains("knows 10 classes"),
        "{said:#?}"
    );
}

#[test]
fn scores_that_are_no_probabilities_have_no_log_loss() {
    let place = flowers_place();
    place.ok(&format!(
        "train --data flowers.csv --loss hinge {TRAIN} --out run"
    ));
    let metrics = &place.json("eval run --device cpu")["metrics"];
    assert!(metrics["log_loss"]["value"].is_null(), "{metrics}");
    figure(&metrics["auc"]);
    assert!(
        place
            .ok("eval run --device cpu")
            .contains("no probabilities")
    );
}

#[test]
fn folds_are_runs_of_their_own_and_a_summary() {
    let place = flowers_place();
    let found = place.json(&format!(
        "train --data flowers.csv {TRAIN} --folds 3 --out cv"
    ));
    let runs = found["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 3);
    let losses: Vec<f64> = runs.iter().map(|run| number(&run["val_loss"])).collect();
    let summary = &found["figures"]["val_loss"];
    let mean = losses.iter().sum::<f64>() / 3.0;
    assert!((number(&summary["mean"]) - mean).abs() < 1e-12, "{summary}");
    let variance = losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / 2.0;
    assert!(
        (number(&summary["sd"]) - variance.sqrt()).abs() < 1e-12,
        "{summary}"
    );
    // Student's t with two degrees of freedom.
    let half = 4.302_652_729_911_275 * (variance / 3.0).sqrt();
    assert!(
        (number(&summary["interval"][1]) - mean - half).abs() < 1e-9,
        "{summary}"
    );
    assert!(found["figures"]["val_f1"]["mean"].is_f64(), "{found}");
    let written = std::fs::read_to_string(place.path("cv/summary.json")).unwrap();
    let written: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(written["figures"], found["figures"]);
    for fold in 1..=3 {
        // Each model is judged on the rows that it did not see, and can be trained again alone.
        let run = &runs[fold - 1];
        let eval = place.json(&format!("eval cv/fold-{fold} --device cpu"));
        assert_eq!(eval["rows"], 20);
        assert!(
            (number(&eval["loss"]) - losses[fold - 1]).abs() < 1e-5,
            "fold {fold}"
        );
        let again = place.json(&format!(
            "train --config cv/fold-{fold}/config.toml --quiet --out again-{fold}"
        ));
        assert_eq!(again["val_loss"], run["val_loss"], "fold {fold}");
    }
    let alone = place.json(&format!(
        "train --data flowers.csv {TRAIN} --folds 3 --fold 2 --out alone"
    ));
    assert_eq!(number(&alone["val_loss"]), losses[1]);
    let file = |run: &str| std::fs::read(place.path(run).join("model.safetensors")).unwrap();
    assert_eq!(file("alone"), file("cv/fold-2"));
    assert_ne!(file("cv/fold-1"), file("cv/fold-2"));
}

/// What scales the inputs is fitted on the rows that train, fold by fold.
#[test]
fn every_fold_is_prepared_by_its_own_rows() {
    // One row is far from the others: only the fold that validates on it has a small scale.
    let mut text = String::from("x,y\n");
    for i in 0..40 {
        let x = if i == 7 { 1e6 } else { f64::from(i) * 0.1 };
        text.push_str(&format!("{x},{}\n", f64::from(i) * 0.25 + 0.1));
    }
    let place = Place::with(&[("far.csv", text.as_bytes())]);
    place.ok(&format!(
        "train --data far.csv --task regression {TRAIN} --folds 4 --out cv"
    ));
    // The first scale in the model's description is that of the only column.
    let scale = |fold: u32| {
        let file = std::fs::read(place.path(&format!("cv/fold-{fold}/model.safetensors"))).unwrap();
        let text = String::from_utf8_lossy(&file).into_owned();
        let (_, rest) = text.split_once("\\\"scale\\\":").expect("it has a scale");
        rest[..rest.find('}').unwrap()].parse::<f64>().unwrap()
    };
    let scales: Vec<f64> = (1..=4).map(scale).collect();
    assert_eq!(
        scales.iter().filter(|scale| **scale < 10.0).count(),
        1,
        "{scales:?}"
    );
    assert_eq!(
        scales.iter().filter(|scale| **scale > 1e4).count(),
        3,
        "{scales:?}"
    );
}

#[test]
fn repeats_take_one_seed_after_the_other() {
    let place = flowers_place();
    let out = place.ok(&format!(
        "train --data flowers.csv {TRAIN} --repeats 2 --seed 5 --out many"
    ));
    for part in [
        "seed-5",
        "seed-6",
        "mean",
        "sd",
        "95 % from",
        "val accuracy",
        "saved many",
    ] {
        assert!(out.contains(part), "no {part:?} in\n{out}");
    }
    let single = place.json(&format!(
        "train --data flowers.csv {TRAIN} --seed 6 --out single"
    ));
    let written = std::fs::read_to_string(place.path("many/summary.json")).unwrap();
    let written: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(written["runs"][1]["val_loss"], single["val_loss"]);
    let both = place.json(&format!(
        "train --data flowers.csv {TRAIN} --repeats 2 --folds 2 --out both"
    ));
    let names: Vec<_> = (both["runs"].as_array().unwrap().iter())
        .map(|run| run["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "seed-0-fold-1",
            "seed-0-fold-2",
            "seed-1-fold-1",
            "seed-1-fold-2"
        ]
    );
    // With rows of their own to validate on, the same rows train each time.
    let given = place.json(&format!(
        "train --data flowers.csv --val-data flowers.csv {TRAIN} --repeats 2 --out given"
    ));
    assert_eq!(given["figures"]["val_loss"]["runs"], 2);
    // And are read once.
    let line = format!(
        "train --data flowers.csv --val-data flowers.csv {TRAIN} --repeats 2 --out given --force"
    );
    let mut command = place.command(&line);
    let said = super::said(command.env("RUST_LOG", "thalweg=debug"));
    let read = said.err.matches("flowers.csv: read to validate on").count();
    assert_eq!((said.status, read), (Some(0), 1), "{}", said.err);
    // What comes out is what each run alone comes to.
    let alone = place.json(&format!(
        "train --data flowers.csv --val-data flowers.csv {TRAIN} --seed 1 --out alone"
    ));
    assert_eq!(given["runs"][1]["val_loss"], alone["val_loss"]);
}

#[test]
fn a_folder_of_runs_is_replaced_on_request_alone() {
    let place = flowers_place();
    let run = format!("train --data flowers.csv {TRAIN} --epochs 1 --folds 2 --out cv")
        .replace("--epochs 8 ", "");
    place.ok(&run);
    let before = place.listing();
    let said = place.run(&run);
    assert!(
        said.status == Some(2) && said.err.contains("--force"),
        "{said:#?}"
    );
    assert_eq!(place.listing(), before);
    place.ok(&format!("{run} --force"));
    // A folder of something else is nobody's to replace.
    std::fs::create_dir(place.path("mine")).unwrap();
    std::fs::write(place.path("mine/file"), "mine").unwrap();
    let said = place.run(&format!(
        "{} --force",
        run.replace("--out cv", "--out mine")
    ));
    assert!(
        said.status == Some(2) && said.err.contains("not a folder of several runs"),
        "{said:#?}"
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    let place = flowers_place();
    let before = place.listing();
    for (flags, parts) in [
        ("--folds 1", ["--folds", "at least 2"]),
        ("--folds -3", ["--folds", "at least 2"]),
        ("--folds 61", ["folds", "2 to 60"]),
        ("--folds 3 --fold 4", ["--fold is 4", "1 to 3"]),
        ("--folds 3 --fold 0", ["--fold", "at least 1"]),
        ("--fold 2", ["--fold 2", "--folds"]),
        (
            "--folds 3 --val-data flowers.csv",
            ["--val-data", "leave one"],
        ),
        ("--repeats 0", ["--repeats", "at least 1"]),
        (
            "--repeats 2 --seed 18446744073709551615",
            ["--seed", "smaller seed"],
        ),
        ("--folds 3 --profile", ["--profile", "--fold"]),
        ("--find-lr --folds 3", ["--find-lr", "--folds"]),
        ("--find-lr --dry-run", ["--find-lr", "--dry-run"]),
        ("--find-lr --out run", ["--find-lr", "--out"]),
        ("--find-lr --steps 3", ["--steps is 3", "at least 20"]),
        ("--find-lr=no/where.svg", ["no/where.svg", "no folder"]),
        ("--find-lr=flowers.csv", ["flowers.csv", "--force"]),
    ] {
        let said = place.run(&format!("train --data flowers.csv --device cpu {flags}"));
        assert_eq!(said.status, Some(2), "{flags}: {said:#?}");
        for part in parts {
            assert!(
                said.err.contains(part),
                "{flags}: no {part:?} in {}",
                said.err
            );
        }
    }
    assert_eq!(place.listing(), before, "nothing is written");
    std::fs::write(
        place.path("rare.csv"),
        "x,y\n1,a\n2,a\n3,a\n4,a\n5,b\n6,b\n7,b\n8,b\n9,c\n",
    )
    .unwrap();
    let said = place.run("train --data rare.csv --device cpu --hidden 4 --epochs 1 --folds 3");
    assert_eq!(said.status, Some(0), "{said:#?}");
    assert!(
        said.err
            .contains("\"c\" has 1 rows, fewer than the 3 folds"),
        "{}",
        said.err
    );
}

#[test]
fn rates_are_swept_and_drawn() {
    let place = flowers_place();
    let flags = "train --data flowers.csv --device cpu --hidden 16 --optimizer sgd --batch-size 16";
    let found = place.json(&format!("{flags} --find-lr"));
    let rates: Vec<f64> = found["rates"]
        .as_array()
        .unwrap()
        .iter()
        .map(number)
        .collect();
    assert!(
        rates.len() >= 50 && rates.len() <= 100,
        "{} rates",
        rates.len()
    );
    assert!((rates[0] - 1e-7).abs() < 1e-12 && rates.windows(2).all(|pair| pair[0] < pair[1]));
    let steepest = number(&found["steepest"]);
    assert!((1e-4..10.0).contains(&steepest), "{steepest}");
    let files: Vec<_> = place.listing().into_keys().collect();
    assert_eq!(
        files.len(),
        2,
        "the data and the picture, and no run: {files:?}"
    );
    let picture = std::fs::read_to_string(place.path("find-lr-1.svg")).unwrap();
    assert!(
        picture.starts_with("<svg") && picture.contains("learning rate"),
        "{picture}"
    );
    assert_eq!(picture.matches("<polyline").count(), 4);
    // Another one has a place of its own, and the same flags give the same picture.
    let out = place.ok(&format!("{flags} --find-lr"));
    assert!(
        out.contains("find-lr-2.svg") && out.contains("--lr"),
        "{out}"
    );
    assert_eq!(
        std::fs::read_to_string(place.path("find-lr-2.svg")).unwrap(),
        picture
    );
    place.ok(&format!("{flags} --find-lr=lr.svg"));
    place.ok(&format!("{flags} --find-lr=lr.svg --force"));
    // More rows than a sweep takes, and fewer than a batch.
    let many =
        place.json("train --data moons:n=20000 --device cpu --hidden 4 --batch-size 16 --find-lr");
    assert!(many["steepest"].is_f64(), "{many}");
    place.ok("train --data moons:n=20 --device cpu --hidden 4 --find-lr --steps 30");
    if crate::common::gpu().is_some() {
        place.ok("train --data moons:n=100 --device gpu --hidden 4 --find-lr");
    }
}
