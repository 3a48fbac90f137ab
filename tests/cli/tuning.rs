//! `--autotune` through the real binary: what one process timed, the next begins with.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Place, Said, said};

const TRAIN: &str = "train --data glyphs:n=64 --hidden 24 --batch-size 32 --steps 2 --val-fraction 0 --device gpu --autotune --quiet --force --out run";

/// Runs the program with its folder for what is kept, and with its log.
fn run(place: &Place, arguments: &str) -> Said {
    let mut command = place.command(arguments);
    command.env("THALWEG_CACHE", place.path("cache"));
    command.env("RUST_LOG", "thalweg=info");
    let said = said(&mut command);
    assert_eq!(said.status, Some(0), "`{arguments}`: {said:#?}");
    said
}

fn timed(said: &Said) -> usize {
    said.err.matches("is the fastest").count()
}

/// Runs the program until there is nothing left to time, as one process takes no more than 2 s for it; then once more.
fn run_all(place: &Place, arguments: &str) -> Said {
    let first = run(place, arguments);
    assert!(timed(&first) > 0, "{}", first.err);
    for _ in 0..30 {
        let next = run(place, arguments);
        if timed(&next) == 0 {
            return next;
        }
    }
    panic!("`{arguments}` never ends timing");
}

fn file(place: &Place) -> PathBuf {
    let entries = std::fs::read_dir(place.path("cache")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

fn read(path: PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_second_process_begins_with_what_the_first_timed() {
    if crate::common::gpu().is_none() {
        return;
    }
    let place = Place::new();
    run_all(&place, TRAIN);
    let file = file(&place);
    let kept = read(file.clone());
    let products = kept["products"].as_object().unwrap().clone();
    let environment = read(place.path("run/environment.json"));
    for (product, shader) in environment["products"].as_object().unwrap() {
        assert_eq!(&products[product]["fastest"], shader, "{product}");
    }

    // What the file says is what runs, and what the run folder tells.
    let mut forced = kept.clone();
    for (name, timed) in &products {
        let slowest = timed["microseconds"]
            .as_object()
            .unwrap()
            .keys()
            .next_back();
        forced["products"][name]["fastest"] = json!(slowest);
    }
    std::fs::write(&file, forced.to_string()).unwrap();
    let third = run(&place, TRAIN);
    assert_eq!(timed(&third), 0, "{}", third.err);
    let environment = read(place.path("run/environment.json"));
    for (name, timed) in forced["products"].as_object().unwrap() {
        assert_eq!(environment["products"][name], timed["fastest"], "{name}");
    }

    // What is not to be believed is told, and timed anew.
    let mut other = kept.clone();
    other["driver"] = json!("another");
    for (text, said) in [
        (other.to_string(), "its driver is another"),
        (kept.to_string()[..99].to_owned(), "it is damaged"),
    ] {
        std::fs::write(&file, text).unwrap();
        let again = run(&place, TRAIN);
        assert!(again.err.contains(said), "{}", again.err);
        assert!(timed(&again) > 0, "{}", again.err);
        assert_eq!(read(file.clone())["driver"], kept["driver"]);
    }
}

/// What a checkpoint names is taken, whatever was timed since.
#[test]
fn a_run_goes_on_with_the_shaders_it_began_with() {
    if crate::common::gpu().is_none() {
        return;
    }
    let place = Place::new();
    run_all(&place, TRAIN);
    let file = file(&place);
    let kept = read(file.clone());
    let mut forced = kept.clone();
    for timed in forced["products"].as_object_mut().unwrap().values_mut() {
        let labels: Vec<_> = timed["microseconds"].as_object().unwrap().keys().collect();
        let other = labels
            .into_iter()
            .find(|label| timed["fastest"] != ***label);
        if let Some(other) = other.cloned() {
            timed["fastest"] = json!(other);
        }
    }
    assert_ne!(forced, kept, "there is a choice");
    let products = |place: &Place| read(place.path("run/environment.json"))["products"].clone();
    let model = |place: &Place| std::fs::read(place.path("run/model.safetensors")).unwrap();
    std::fs::write(&file, forced.to_string()).unwrap();
    run(
        &place,
        &format!("{TRAIN} --steps 4").replace("--steps 2 ", ""),
    );
    let whole = model(&place);
    run(&place, &format!("{TRAIN} --checkpoint-steps 1"));
    let begun = products(&place);
    assert!(
        !begun.as_object().unwrap().is_empty(),
        "products were timed"
    );

    std::fs::write(&file, kept.to_string()).unwrap();
    run(
        &place,
        &format!("{TRAIN} --checkpoint-steps 1").replace("--out run", "--out other"),
    );
    let fastest = read(place.path("other/environment.json"))["products"].clone();
    assert_ne!(fastest, begun, "a run that begins now takes others");
    let said = run(&place, "resume run --steps 4 --quiet");
    assert_eq!(timed(&said), 0, "{}", said.err);
    assert_eq!(products(&place), begun);
    assert!(model(&place) == whole, "the same bits");
}

/// What is foretold is what the timed choice takes, and the training that follows takes it without timing again.
#[test]
fn a_dry_run_times_and_foretells() {
    if crate::common::gpu().is_none() {
        return;
    }
    let place = Place::new();
    let dry = format!("{TRAIN} --dry-run --json");
    let plans = |said: &Said| -> Value {
        let found: Value = serde_json::from_str(said.out.lines().last().unwrap()).unwrap();
        found["plans"].clone()
    };
    run_all(&place, &dry);
    assert!(!place.path("run").exists(), "nothing else is written");
    // Choices that need images take more than those that do not.
    let file = file(&place);
    let kept = read(file.clone());
    let sizes = ["matmul_image", "matmul_lanes"].map(|wanted| {
        let mut forced = kept.clone();
        for timed in forced["products"].as_object_mut().unwrap().values_mut() {
            let mut labels = timed["microseconds"].as_object().unwrap().keys();
            if let Some(label) = labels.find(|label| label.starts_with(wanted)) {
                timed["fastest"] = json!(label.clone());
            }
        }
        std::fs::write(&file, forced.to_string()).unwrap();
        let said = run(&place, &dry);
        assert_eq!(timed(&said), 0, "{}", said.err);
        plans(&said)
    });
    let has_images = kept.to_string().contains("matmul_image");
    assert_eq!(sizes[0] != sizes[1], has_images, "{sizes:?}");
    let trained = run(&place, TRAIN);
    assert_eq!(timed(&trained), 0, "{}", trained.err);
}

/// Every candidate with its time, one of each product marked, in every format.
#[test]
fn bench_lists_the_choices() {
    if crate::common::gpu().is_none() {
        return;
    }
    for what in [
        "matmul --sizes 16,20 --no-fresh",
        "train --networks 8-16-4:8 --no-sweep --no-fresh",
        "kernels --networks 8-16-4:8",
    ] {
        let place = Place::new();
        let bench = format!(
            "bench {what} --autotune --device cpu,gpu --seconds 0 --repeats 1 --quiet --threads 1 --no-yardsticks"
        );
        let json = run_all(&place, &format!("{bench} --format json")).out;
        let records: Vec<Value> = serde_json::from_str(&json).unwrap();
        let choices: Vec<&Value> = records.iter().filter(|r| !r["shader"].is_null()).collect();
        let of = |case: &Value| {
            choices
                .iter()
                .filter(|r| r["case"] == *case)
                .collect::<Vec<_>>()
        };
        assert!(!choices.is_empty(), "{json}");
        for choice in &choices {
            let same = of(&choice["case"]);
            assert!(same.len() > 1, "there is a choice: {choice}");
            let chosen = same.iter().filter(|r| r["chosen"] == true).count();
            assert_eq!(chosen, 1, "{choice}");
            assert!(choice["least_ms"].as_f64() > Some(0.0), "{choice}");
        }
        let csv = run(&place, &format!("{bench} --format csv")).out;
        assert_eq!(csv.lines().count(), 1 + records.len(), "{csv}");
        let md = run(&place, &bench).out;
        let marks = md
            .lines()
            .filter(|line| line.ends_with("|      * |"))
            .count();
        let chosen = choices.iter().filter(|r| r["chosen"] == true).count();
        assert_eq!(marks, chosen, "{md}");
        assert!(md.lines().all(|line| line.chars().count() <= 100), "{md}");
    }
    let fresh = run(
        &Place::new(),
        "bench matmul --sizes 16 --autotune --device gpu --seconds 0 --repeats 1 --quiet --no-yardsticks --format json",
    );
    let records: Vec<Value> = serde_json::from_str(&fresh.out).unwrap();
    assert!(
        records[0]["first_step_cold_s"].as_f64() > Some(0.0),
        "{records:?}"
    );
}
