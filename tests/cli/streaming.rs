//! Rows that stream, through the real binary.

use std::fs::{OpenOptions, read_to_string};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::Place;
use crate::data::{gz, idx_bytes};

/// Pictures of 1024 bytes whose brightness tells their class.
pub(super) fn pictures(rows: u32) -> (Vec<u8>, Vec<u8>) {
    let label = |row: u32| (row * 7 % 3) as u8;
    let pixel = |row, at: u32| label(row) * 80 + ((row * 31 + at * 17) % 70) as u8;
    let pixels: Vec<u8> = (0..rows)
        .flat_map(|row| (0..1024).map(move |at| pixel(row, at)))
        .collect();
    let labels: Vec<u8> = (0..rows).map(label).collect();
    (
        idx_bytes(&[rows, 32, 32], &pixels),
        idx_bytes(&[rows], &labels),
    )
}

const GLYPHS: &str = "train --data glyphs:n=8000 --hidden 16 --steps 120 --seed 3";

#[test]
fn a_megabyte_of_the_device_is_enough() {
    let place = Place::new();
    for device in ["cpu", "gpu"] {
        let train = |out: &str, more: &str| {
            let line = format!("{GLYPHS} --device {device} --out {out} --json {more}");
            let said = place.run(&line);
            assert_eq!(said.status, Some(0), "{said:#?}");
            let last = said.out.lines().last().expect("there is a line").to_owned();
            let object: serde_json::Value = serde_json::from_str(&last).expect("it is JSON");
            let losses = [&object["train_loss"], &object["val_loss"]].map(|x| x.as_f64());
            (losses, said.err)
        };
        let (expected, said) = train(&format!("{device}-whole"), "");
        assert!(!said.contains("stream"), "{said}");
        let out = format!("{device}-streamed");
        let (found, said) = train(&out, "--stream 1");
        assert_eq!(found, expected, "{device}: the same bits");
        let told = "the 6400 training rows stream: ";
        assert!(said.contains(told), "{said}");
        let read = |file: &str| read_to_string(place.path(&out).join(file)).unwrap();
        assert!(read("config.toml").contains("stream = 1\n"));
        let environment: serde_json::Value =
            serde_json::from_str(&read("environment.json")).unwrap();
        let streamed = &environment["streamed"][0];
        assert_eq!(
            (&streamed["rows"], &streamed["count"]),
            (&"training".into(), &6400.into())
        );
        let again = format!("train --config {out}/config.toml --out {out}-again --json");
        let again = place.run(&again);
        assert!(
            again.err.contains(told),
            "the configuration holds it: {again:#?}"
        );
    }
}

#[test]
fn a_dry_run_tells_what_streams() {
    let place = Place::new();
    let text = place.ok(&format!("{GLYPHS} --device cpu --dry-run --stream 1"));
    for part in ["chunks of training rows", "the 6400 training rows stream"] {
        assert!(text.contains(part), "`{part}`: {text}");
    }
    let object = place.json(&format!("{GLYPHS} --device cpu --dry-run --stream 1"));
    assert_eq!(object["streamed"][0]["count"], 6400);
    assert_eq!(object["fits"], true);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let place = Place::new();
    for flag in ["--stream 0", "--stream x", "--window 0", "--window -3"] {
        let said = place.run(&format!("{GLYPHS} {flag}"));
        assert_eq!(said.status, Some(2), "{flag}: {said:#?}");
        assert!(said.err.contains("at least 1"), "{flag}: {said:#?}");
    }
}

/// A file that stays where it is, and the same gzipped, which is read into memory.
#[test]
fn pictures_stay_in_their_file() {
    let (images, labels) = pictures(3000);
    let place = Place::with(&[("a", &images), ("b", &labels), ("a.gz", &gz(&images))]);
    let train = |data: &str, more: &str| {
        let line = format!(
            "train --data {data} --hidden 16 --lr 0.01 --epochs 8 --device cpu --json {more}"
        );
        let said = place.run(&line);
        assert_eq!(said.status, Some(0), "{said:#?}");
        let last = said.out.lines().last().expect("there is a line").to_owned();
        let object: serde_json::Value = serde_json::from_str(&last).expect("it is JSON");
        (object, said.err)
    };
    // All rows train, so that their order is the same.
    let all = "--val-data a,b --window 700";
    let packed = "--val-data a.gz,b --window 700 --out memory";
    let (expected, said) = train("a.gz,b", packed);
    assert!(!said.contains("not held in memory"), "{said}");
    for (out, more) in [("whole", ""), ("streamed", "--stream 1")] {
        let (found, said) = train("a,b", &format!("{all} --out {out} {more}"));
        for key in ["train_loss", "val_loss", "val_accuracy"] {
            assert_eq!(found[key], expected[key], "{out}, {key}");
        }
        for part in [
            "the 3000 training rows are not held in memory",
            "shuffled within windows of 700",
            "the 3000 validation rows are not held in memory",
        ] {
            assert!(said.contains(part), "{out}, `{part}`: {said}");
        }
        let config = read_to_string(place.path(out).join("config.toml")).unwrap();
        assert!(config.contains("window = 700\n"), "{config}");
        let environment = read_to_string(place.path(out).join("environment.json")).unwrap();
        assert!(environment.contains("\"window\": 700"), "{environment}");
    }
    let (split, said) = train("a,b", "--window 700 --stream 1 --out split");
    assert!(said.contains("the 2400 training rows"), "{said}");
    assert!(split["val_accuracy"].as_f64() > Some(0.9), "{split}");
    let eval = place.json("eval split --data a,b --device cpu");
    assert!(eval["accuracy"].as_f64() > Some(0.9), "{eval}");
}

/// A file that becomes shorter while a run reads it: status 1, and the model so far.
#[test]
fn a_file_that_shrinks() {
    let (images, labels) = pictures(3000);
    let place = Place::with(&[("a", &images), ("b", &labels)]);
    let line = "train --data a,b --hidden 8 --epochs 1000000 --device cpu --window 700 --stream 1 --out run";
    let child = Command::new(env!("CARGO_BIN_EXE_thalweg"))
        .env("THALWEG_CACHE", "")
        .args(line.split_whitespace())
        .current_dir(place.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    let metrics = place.path("run").join("metrics.jsonl");
    while !read_to_string(&metrics).is_ok_and(|text| text.contains("\"epoch\":2")) {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "it does not begin"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    let file = OpenOptions::new()
        .write(true)
        .open(place.path("a"))
        .unwrap();
    file.set_len(1_000_000).unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    for part in [
        "after training step",
        "a, row ",
        "an end of the file",
        "begin again",
        "the last good model, after step",
        "run/model.safetensors",
    ] {
        assert!(err.contains(part), "`{part}`: {err}");
    }
    assert!(!err.contains("panicked"), "{err}");
    place.ok("inspect run/model.safetensors");
}

#[test]
fn a_file_that_cannot_stay_is_refused() {
    let (images, labels) = pictures(20);
    let longer = [images.as_slice(), b"more"].concat();
    let place = Place::with(&[("a", &images), ("b", &labels), ("c", &longer)]);
    for (line, part) in [
        (
            "--data a,b --normalize standard",
            "normalise by auto or none",
        ),
        ("--data c,b", "more than 20480 elements"),
    ] {
        let said = place.run(&format!("train {line} --window 10 --device cpu --out run"));
        assert_eq!(said.status, Some(2), "{said:#?}");
        assert!(said.err.contains(part), "{said:#?}");
        assert!(!place.path("run").exists(), "nothing is written");
    }
}
