//! `train`: what it writes and says.

use serde_json::Value;

use super::{Place, flowers, houses, said};

const FIELDS: [&str; 21] = [
    "device",
    "backend",
    "epochs",
    "steps",
    "samples",
    "train_loss",
    "val_loss",
    "val_accuracy",
    "val_r2",
    "val_metrics",
    "seconds",
    "first_step_seconds",
    "step_ms",
    "samples_per_second",
    "parameters",
    "precision",
    "best_epoch",
    "stopped_early",
    "loss_scale",
    "skipped_steps",
    "out",
];

fn keys(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn the_default_run_learns_the_glyphs() {
    let place = Place::new();
    let found = place.json("train --device cpu --quiet");
    assert_eq!(keys(&found), FIELDS);
    assert_eq!(
        (&found["device"], &found["backend"]),
        (&"cpu".into(), &"host".into())
    );
    assert_eq!(
        (&found["steps"], &found["samples"]),
        (&250.into(), &32_000.into())
    );
    assert_eq!(found["parameters"], 99_978);
    assert!(found["val_accuracy"].as_f64() >= Some(0.97), "{found}");
    assert!(found["val_r2"].is_null(), "there is no R2 of classes");
    assert_eq!(found["precision"], "single");
    assert!(found["loss_scale"].is_null() && found["skipped_steps"].is_null());
    assert_eq!(found["out"], "runs/glyphs-1");
    assert_eq!(
        place.json("train --device cpu --epochs 1")["out"],
        "runs/glyphs-2"
    );
    for file in [
        "config.toml",
        "model.safetensors",
        "best.safetensors",
        "metrics.jsonl",
        "environment.json",
        "report.html",
    ] {
        assert!(
            place.path("runs/glyphs-1").join(file).is_file(),
            "{file} is missing"
        );
    }
    assert_eq!(
        std::fs::read_dir(place.path("runs/glyphs-1"))
            .unwrap()
            .count(),
        6,
        "and nothing else"
    );
}

#[test]
fn the_table_names_the_device_and_the_folder() {
    let place = Place::new();
    let said = place.run("train --data moons --device cpu --epochs 3 --threads 1");
    assert_eq!(said.status, Some(0), "{said:#?}");
    for part in [
        "cpu (1 thread); asked for",
        "val accuracy",
        "runs/moons-1",
        "2-256-128-2",
    ] {
        assert!(said.out.contains(part), "no {part:?} in\n{}", said.out);
    }
    assert!(
        said.err.contains("epoch 3/3: loss "),
        "no last line in\n{}",
        said.err
    );
    let quiet = place.run("train --data moons --device cpu --epochs 3 --quiet");
    assert!(!quiet.err.contains("epoch"), "{}", quiet.err);
}

#[test]
fn every_executor_trains_the_same() {
    let place = Place::new();
    let mut devices = vec!["cpu", "reference", "reference-f32"];
    devices.extend(crate::common::gpu().map(|_| "gpu"));
    let run = |device| {
        place.json(&format!(
            "train --data moons:n=200 --epochs 2 --hidden 16 --device {device}"
        ))
    };
    let runs: Vec<_> = devices.into_iter().map(run).collect();
    for found in &runs {
        for field in ["train_loss", "val_loss", "val_accuracy"] {
            let (found, expected) = (
                found[field].as_f64().unwrap(),
                runs[0][field].as_f64().unwrap(),
            );
            assert!(
                (found - expected).abs() <= 1e-4 * expected,
                "{field}: {runs:#?}"
            );
        }
    }
}

/// Recorded in the run folder, from which it is taken again, and told in the results.
#[test]
fn mixed_precision_is_recorded_and_told() {
    let place = Place::new();
    let flags = "--data glyphs:n=200 --hidden 16 --epochs 2 --device cpu";
    let found = place.json(&format!("train {flags} --precision mixed --out run"));
    assert_eq!(found["precision"], "mixed");
    assert_eq!(
        (&found["loss_scale"], &found["skipped_steps"]),
        (&65536.0.into(), &0.into())
    );
    let config = std::fs::read_to_string(place.path("run/config.toml")).unwrap();
    assert!(config.contains("precision = \"mixed\""), "{config}");
    place.ok("train --out again --config run/config.toml");
    place.ok(&format!("train {flags} --out single"));
    let model = |run: &str| std::fs::read(place.path(run).join("model.safetensors")).unwrap();
    assert_eq!(model("run"), model("again"), "the configuration has it");
    assert_ne!(model("run"), model("single"), "nothing was rounded");
    let verified = place.json(&format!("verify {flags} --precision mixed"));
    assert_eq!(verified["passed"], true);
    assert!(verified["kernels"]["narrow"]["elements"].as_u64() > Some(0));
}

#[test]
fn flags_and_configuration_agree() {
    let config = "data = 'spirals:n=300'\nhidden = [12, 7]\nlr = 0.02\nno-shuffle = false\nepochs = 3\nactivation = 'tanh'\n\
                  optimizer = 'nesterov'\nmomentum = 0.8\nl2 = 1e-4\ndropout = 0.1\nbatch_size = 32\nseed = 5\ndevice = 'cpu'";
    let place = Place::with(&[("c.toml", config.as_bytes())]);
    let flags = "--data spirals:n=300 --hidden 12,7 --lr 0.02 --epochs 3 --activation tanh --optimizer nesterov \
                 --momentum 0.8 --weight-decay 1e-4 --dropout 0.1 --batch-size 32 --seed 5 --device cpu";
    place.ok(&format!("train --out flags {flags}"));
    place.ok("train --out file --config c.toml");
    place.ok("train --out again --config flags/config.toml");
    place.ok("train --out other --config c.toml --seed 6");
    let read = |run: &str, file: &str| std::fs::read(place.path(run).join(file)).unwrap();
    for file in ["model.safetensors", "best.safetensors", "config.toml"] {
        assert_eq!(read("flags", file), read("file", file), "{file}");
        assert_eq!(read("flags", file), read("again", file), "{file}");
    }
    assert_ne!(
        read("flags", "model.safetensors"),
        read("other", "model.safetensors"),
        "a flag overrides"
    );
}

#[test]
fn force_replaces_a_run_and_nothing_else() {
    let place = Place::new();
    place.ok("train --data xor --device cpu --epochs 2 --out run");
    std::fs::write(place.path("run/notes.txt"), "mine").unwrap();
    let before = std::fs::read(place.path("run/model.safetensors")).unwrap();
    assert_eq!(
        place.run("train --data xor --device cpu --out run").status,
        Some(2),
        "without --force"
    );
    place.ok("train --data xor --device cpu --epochs 3 --out run --force");
    assert_ne!(
        std::fs::read(place.path("run/model.safetensors")).unwrap(),
        before,
        "a new model"
    );
    assert_eq!(std::fs::read(place.path("run/notes.txt")).unwrap(), b"mine");
}

#[test]
fn initial_weights_are_taken_as_they_are() {
    let place = Place::new();
    let shape = "--data blobs --hidden 9 --device cpu";
    place.ok(&format!("train {shape} --epochs 2 --out a"));
    place.ok(&format!(
        "train {shape} --init-weights a/model.safetensors --lr 0 --optimizer sgd --steps 1 --out b"
    ));
    for run in ["a", "b"] {
        place.ok(&format!(
            "predict {run} --data blobs:n=20 --probabilities --out {run}.csv --device cpu"
        ));
    }
    assert_eq!(
        std::fs::read(place.path("a.csv")).unwrap(),
        std::fs::read(place.path("b.csv")).unwrap()
    );
    let said = place.run(
        "train --data blobs --hidden 8 --device cpu --init-weights a/model.safetensors --out c",
    );
    assert_eq!(said.status, Some(2), "{said:#?}");
    for part in [
        "a/model.safetensors",
        "`layers.0.weight`",
        "[9, 2]",
        "[8, 2]",
    ] {
        assert!(said.err.contains(part), "no {part:?} in {}", said.err);
    }
    assert!(!place.path("c").exists(), "nothing is written");
}

#[test]
fn metrics_are_lines_of_json() {
    let place = Place::with(&[("flowers.csv", flowers().as_bytes())]);
    place.ok("train --data flowers.csv --device cpu --epochs 4 --batch-size 20 --out run");
    let text = std::fs::read_to_string(place.path("run/metrics.jsonl")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |kind: &str| {
        lines
            .iter()
            .filter(|line| line["kind"] == kind)
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (of("step").len(), of("epoch").len()),
        (12, 4),
        "48 rows in batches of 20, four times"
    );
    assert_eq!(
        (&of("step")[3]["step"], &of("step")[3]["epoch"]),
        (&4.into(), &2.into())
    );
    assert!(of("epoch")[3]["val_accuracy"].is_f64(), "{text}");
    let environment: Value =
        serde_json::from_slice(&std::fs::read(place.path("run/environment.json")).unwrap())
            .unwrap();
    assert_eq!(
        (&environment["device"]["executor"], &environment["seed"]),
        (&"cpu".into(), &0.into())
    );
}

#[test]
fn a_regression_is_told_in_its_own_units() {
    let place = Place::with(&[("houses.csv", houses().as_bytes())]);
    // Not to the end: of a line, nothing is left to tell.
    let found = place.json("train --data houses.csv --device cpu --hidden= --lr 0.05 --epochs 20 --batch-size 16 --out run");
    assert!(found["val_r2"].as_f64() >= Some(0.999), "{found}");
    assert!(
        found["val_accuracy"].is_null(),
        "there is no accuracy of numbers"
    );
    let spread = 9000.0_f64.powi(2);
    let (loss, r2) = (
        found["val_loss"].as_f64().unwrap(),
        found["val_r2"].as_f64().unwrap(),
    );
    assert!(
        loss / spread > 0.1 * (1.0 - r2) && loss / spread < 10.0 * (1.0 - r2),
        "{found} is not in squared prices"
    );
}

#[test]
fn a_run_without_validation_rows_has_nulls() {
    let place = Place::new();
    let found = place.json("train --data xor --device cpu --epochs 2 --val-fraction 0");
    assert_eq!(keys(&found), FIELDS);
    for field in ["val_loss", "val_accuracy", "val_r2", "val_metrics"] {
        assert!(found[field].is_null(), "{found}");
    }
}

#[test]
fn a_validation_set_of_its_own() {
    let place = Place::new();
    let found = place.json(
        "train --data moons:n=100 --val-data moons:n=50,seed=3 --device cpu --epochs 2 --out run",
    );
    assert_eq!(found["samples"], 200, "all of --data is trained on");
    let eval = place.json("eval run --device cpu");
    assert_eq!(
        (&eval["rows"], &eval["accuracy"]),
        (&50.into(), &found["val_accuracy"])
    );
}

#[test]
fn every_word_is_understood() {
    let place = Place::new();
    let mut number = 0;
    let mut train = |flags: String| {
        number += 1;
        place.ok(&format!("train --data blobs:n=64 --hidden 4 --steps 3 --device cpu --quiet --out r{number} {flags}"));
    };
    for word in thalweg::network::Activation::WORDS {
        train(format!("--activation {}", word.replace('_', "-")));
    }
    for word in [
        "cross-entropy",
        "sigmoid_cross_entropy",
        "bce",
        "squared_error",
        "mse",
        "mae",
        "absolute-error",
        "huber:0.5",
        "smooth-l1:0.5",
        "hinge",
        "kl",
        "nll",
        "auto",
    ] {
        train(format!("--loss {word}"));
    }
    for word in thalweg::train::Optimizer::WORDS {
        train(format!("--optimizer {word} --l2 0.01"));
    }
    for word in thalweg::network::Init::WORDS {
        train(format!("--init {word} --no-shuffle"));
    }
}

#[test]
fn without_an_adapter_auto_says_so_once() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let place = Place::new();
    let blind = |arguments: &str| {
        let mut command = place.command(arguments);
        said(
            command
                .env("VK_DRIVER_FILES", "/nonexistent")
                .env("VK_ICD_FILENAMES", "/nonexistent"),
        )
    };
    let found = blind("train --data xor --epochs 2");
    assert_eq!(found.status, Some(0), "{found:#?}");
    assert_eq!(found.err.matches("no GPU").count(), 1, "{found:#?}");
    let found = blind("train --data xor --device gpu --out run");
    assert_eq!(found.status, Some(2), "{found:#?}");
    assert!(
        found.err.contains("no driver") && !place.path("run").exists(),
        "{found:#?}"
    );
    assert!(
        blind("devices").out.contains("no adapters"),
        "the list says so too"
    );
}

/// A dry run tells every block and plan, allocates nothing and writes nothing.
#[test]
fn a_dry_run_tells_the_memory_and_no_more() {
    let place = Place::new();
    let arguments = "train --data glyphs:n=300 --hidden 50 --batch-size 100 --device cpu --dry-run";
    let text = place.ok(arguments);
    for part in [
        "store  parameters.mean ",
        "plan   train (100 rows)",
        "plan   train (40 rows)",
        "plan   validation (60 rows)",
        "model files",
        "training rows",
        "in all",
        "available",
    ] {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
    let found = place.json(arguments);
    let of = |list: &str, name: &str| {
        let items = found[list].as_array().expect("a list").iter();
        let mut sizes = items.filter(|item| item["name"] == name);
        sizes.next().and_then(|item| item["bytes"].as_u64())
    };
    // The pictures are bytes. 256-50-10: each parameter begins at a multiple of 64 numbers.
    let parameters = 4 * (256 * 50 + 64 + 512 + 64);
    for block in ["parameters", "parameters.mean.good", "parameters.square"] {
        assert_eq!(of("store", block), Some(parameters), "{block} in {found}");
    }
    assert_eq!(of("store", "train.inputs"), Some(240 * 256), "{found}");
    assert!(
        of("plans", "train (100 rows)") > Some(parameters),
        "{found}"
    );
    assert_eq!(found["fits"], true, "{found}");
    let sum = |list: &str| -> u64 {
        let items = found[list].as_array().expect("a list").iter();
        items
            .map(|item| item["bytes"].as_u64().expect("a number"))
            .sum()
    };
    let device = sum("store") + sum("plans");
    assert_eq!(found["device_bytes"], device, "{found}");
    assert_eq!(
        found["bytes"],
        device + sum("host") + sum("rows"),
        "{found}"
    );
    assert!(place.listing().is_empty(), "nothing is written");
}

/// What does not fit is refused before it begins, with the largest batch that would fit; and a little less than that does.
#[test]
fn a_batch_that_does_not_fit_is_refused_with_the_largest_that_does() {
    let place = Place::new();
    // 200,000 rows of 200,000 activations are 160 GB, more than a kernel can count too.
    let run = |batch: u64, more: &str| {
        let network = "--data xor:n=250000 --hidden 200000 --optimizer sgd --device cpu";
        place.run(&format!("train {network} --batch-size {batch} {more}"))
    };
    let refused = run(200_000, "");
    assert_eq!(refused.status, Some(1), "{refused:#?}");
    for part in [
        "cannot hold",
        "200000 rows",
        "the largest batch that fits has ",
    ] {
        assert!(refused.err.contains(part), "`{part}`: {}", refused.err);
    }
    assert!(place.listing().is_empty(), "nothing is written");
    let (_, rest) = (refused.err.split_once("that fits has ")).expect("it was just found");
    let largest: u64 = rest
        .split(' ')
        .next()
        .expect("a word")
        .parse()
        .expect("a number");
    assert!((100..150_000).contains(&largest), "{largest} rows");
    // Other programs take and give back memory meanwhile.
    let fits = run(largest * 3 / 4, "--dry-run");
    assert_eq!(fits.status, Some(0), "{fits:#?}");
}
