//! `predict` and `eval`.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use super::{Place, flowers, houses};

fn rows(csv: &str) -> Vec<Vec<&str>> {
    csv.lines().map(|line| line.split(',').collect()).collect()
}

fn trained() -> Place {
    let place = Place::with(&[("flowers.csv", flowers().as_bytes())]);
    place.ok("train --data flowers.csv --target kind --device cpu --hidden 16 --lr 0.01 --epochs 60 --batch-size 16 --out run");
    place
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    let place = trained();
    std::fs::write(
        place.path("new.csv"),
        "extra,width,colour,length\nx,2,red,1\ny,6,blue,3\nz,10,red,5\n",
    )
    .unwrap();
    let out = place.ok("predict run --data new.csv --device cpu");
    assert_eq!(out, "prediction\nrose\nlily\niris\n");
    let out =
        place.ok("predict run/best.safetensors --data new.csv --device reference --probabilities");
    let rows = rows(&out);
    assert_eq!(
        rows[0],
        ["prediction", "iris", "lily", "rose"],
        "classes are in the order of their bytes"
    );
    for row in &rows[1..] {
        let p: Vec<f64> = row[1..].iter().map(|p| p.parse().unwrap()).collect();
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{row:?}");
        let best = p.iter().position(|x| p.iter().all(|y| x >= y)).unwrap();
        assert_eq!(row[0], rows[0][best + 1], "{row:?}");
    }
    place.ok("predict run --data new.csv --device cpu --out p.csv");
    assert_eq!(
        std::fs::read_to_string(place.path("p.csv")).unwrap(),
        "prediction\nrose\nlily\niris\n"
    );
}

#[test]
fn what_training_did_not_see_is_refused_by_name() {
    let place = trained();
    for (text, parts) in [
        (
            "length,colour,width\n1,green,2\n",
            ["new.csv:2", "green", "red"],
        ),
        (
            "length,colour\n1,red\n",
            ["new.csv", "width", "columns are"],
        ),
        (
            "length,colour,width\nlong,red,2\n",
            ["new.csv:2", "long", "number"],
        ),
    ] {
        std::fs::write(place.path("new.csv"), text).unwrap();
        let said = place.run("predict run --data new.csv --device cpu");
        assert_eq!(said.status, Some(2), "{said:#?}");
        assert_eq!(said.out, "", "nothing is predicted");
        for part in parts {
            assert!(said.err.contains(part), "no {part:?} in {}", said.err);
        }
    }
    std::fs::write(
        place.path("new.csv"),
        "length,colour,width,kind\n1,red,2,tulip\n",
    )
    .unwrap();
    let said = place.run("eval run --data new.csv --device cpu");
    assert!(
        said.status == Some(2) && said.err.contains("tulip"),
        "{said:#?}"
    );
    let said = place.run("predict run --data moons --device cpu");
    assert_eq!(said.status, Some(2), "other inputs altogether: {said:#?}");
    let said = place.run("predict run --data flowers.csv --device nosuch");
    assert_eq!(said.status, Some(2), "{said:#?}");
}

#[test]
fn a_prediction_does_not_look_at_the_target() {
    let place = trained();
    for kind in ["", "tulip", "7"] {
        let text = format!("length,colour,width,kind\n1,red,2,{kind}\n");
        std::fs::write(place.path("new.csv"), text).unwrap();
        let out = place.ok("predict run --data new.csv --device cpu");
        assert_eq!(out, "prediction\nrose\n", "kind {kind:?}");
    }
    place.ok("train --data moons:n=100 --device cpu --hidden 4 --epochs 1 --out moons");
    let out = place.ok("predict moons --data blobs:n=30,classes=5 --device cpu");
    assert_eq!(out.lines().count(), 31, "{out}");
}

#[test]
fn a_run_that_was_killed_has_its_best_model() {
    let place = trained();
    std::fs::remove_file(place.path("run/model.safetensors")).unwrap();
    let said = place.run("eval run --device cpu");
    assert_eq!(said.status, Some(2), "{said:#?}");
    assert!(said.err.contains("`--best`"), "no remedy in {}", said.err);
    place.ok("eval run --best --device cpu");
}

#[test]
fn eval_tells_what_training_told() {
    let place = Place::with(&[("flowers.csv", flowers().as_bytes())]);
    let found = place.json("train --data flowers.csv --device cpu --epochs 5 --out run");
    let mut devices = vec!["cpu", "reference"];
    devices.extend(crate::common::gpu().map(|_| "gpu"));
    for device in devices {
        let eval = place.json(&format!("eval run --device {device}"));
        assert_eq!(
            (&eval["rows"], &eval["accuracy"]),
            (&12.into(), &found["val_accuracy"]),
            "{device}"
        );
        let (loss, expected) = (
            eval["loss"].as_f64().unwrap(),
            found["val_loss"].as_f64().unwrap(),
        );
        assert!(
            (loss - expected).abs() <= 1e-5 * expected,
            "{device}: {loss} against {expected}"
        );
    }
    assert!(
        place
            .ok("eval run --best --device cpu")
            .contains("accuracy"),
        "the table too"
    );
    let said = place.run("eval run/model.safetensors --data flowers.csv --device cpu --json");
    assert!(said.out.contains("\"rows\":60"), "{said:#?}");
}

#[test]
fn numbers_are_predicted_in_their_own_units() {
    let place = Place::with(&[
        ("houses.csv", houses().as_bytes()),
        ("new.csv", b"area\n2\n10\n"),
    ]);
    place.ok("train --data houses.csv --device cpu --hidden= --lr 0.05 --epochs 200 --batch-size 16 --out run");
    let out = place.ok("predict run --data new.csv --device cpu");
    let rows = rows(&out);
    assert_eq!(rows[0], ["prediction"]);
    for (row, price) in rows[1..].iter().zip([7000.0, 15000.0]) {
        let found: f64 = row[0].parse().unwrap();
        assert!((found - price).abs() < 50.0, "{found} for {price}");
    }
    let said = place.run("predict run --data new.csv --device cpu --probabilities");
    assert!(
        said.status == Some(2) && said.err.contains("no classes"),
        "{said:#?}"
    );
}

#[test]
fn two_classes_are_two_outputs() {
    let place = Place::new();
    place.ok("train --data xor --device cpu --lr 0.01 --epochs 60 --out run");
    let out = place.ok("predict run --data xor:n=8 --device cpu --probabilities");
    let rows = rows(&out);
    assert_eq!(rows[0], ["prediction", "0", "1"]);
    assert_eq!(rows.len(), 9);
    assert!(
        place.json("eval run --device cpu")["accuracy"] == 1.0,
        "XOR is learnt"
    );
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let place = Place::new();
    place.ok("train --data xor --device cpu --epochs 1 --out run");
    let mut child = Command::new(env!("CARGO_BIN_EXE_thalweg"))
        .env("THALWEG_CACHE", "")
        .args([
            "predict",
            "run",
            "--data",
            "xor:n=200000",
            "--device",
            "cpu",
        ])
        .current_dir(place.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "prediction\n");
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && !err.contains("panicked") && !err.contains("Broken"),
        "{err}"
    );
}

/// Times in seconds as input and as target: neither training nor the output may round them to f32.
#[test]
fn a_large_offset_keeps_its_digits() {
    let place = Place::new();
    let (mut classes, mut later) = ("t,y\n".to_owned(), "t,u\n".to_owned());
    for i in 0..200 {
        let t = 1.7e9 + f64::from(i * 37 % 200) * 0.5;
        let side = if t < 1.7e9 + 50.0 { "before" } else { "after" };
        classes.push_str(&format!("{t},{side}\n"));
        later.push_str(&format!("{t},{}\n", t + 3600.25));
    }
    std::fs::write(place.path("classes.csv"), classes).unwrap();
    std::fs::write(place.path("later.csv"), later).unwrap();
    let flags = "--device cpu --lr 0.05 --batch-size 16";
    let found = place.json(&format!(
        "train --data classes.csv {flags} --epochs 60 --out classes"
    ));
    let accuracy = found["val_accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.9, "{found}");
    place.ok(&format!(
        "train --data later.csv {flags} --hidden= --epochs 200 --out later"
    ));
    std::fs::write(place.path("new.csv"), "t\n1700000010\n1700000077.5\n").unwrap();
    let out = place.ok("predict later --data new.csv --device cpu");
    let rows = rows(&out);
    for (row, expected) in rows[1..].iter().zip([1_700_003_610.25, 1_700_003_677.75]) {
        let found: f64 = row[0].parse().unwrap();
        assert!((found - expected).abs() < 0.1, "{found} for {expected}");
    }
}
