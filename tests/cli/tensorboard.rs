//! TensorBoard's event files, read by a decoder of this test's own, and by TensorBoard.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::Place;

/// The event files of a run, in order.
fn files(run: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(run).unwrap().map(|e| e.unwrap().path());
    let is_events = |path: &PathBuf| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .starts_with("events.out.tfevents.")
    };
    let mut files: Vec<_> = entries.filter(is_events).collect();
    files.sort();
    files
}

/// CRC-32C by its polynomial, and the mask that TensorFlow lays over it.
fn masked(data: &[u8]) -> u32 {
    let crc = !data.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 }
        })
    });
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The data of all records, checked.
fn records(file: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(file).unwrap();
    let mut rest = bytes.as_slice();
    let mut records = Vec::new();
    while !rest.is_empty() {
        let number = |at: usize| u32::from_le_bytes(rest[at..at + 4].try_into().unwrap());
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap());
        let length = usize::try_from(length).unwrap();
        assert_eq!(number(8), masked(&rest[..8]), "the length's checksum");
        let data = rest[12..12 + length].to_vec();
        assert_eq!(number(12 + length), masked(&data), "the data's checksum");
        records.push(data);
        rest = &rest[16 + length..];
    }
    records
}

/// A field of a message.
#[derive(Debug)]
enum Field {
    Number(u64),
    Double(f64),
    Single(f32),
    Bytes(Vec<u8>),
}

fn varint(rest: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = rest[0];
        *rest = &rest[1..];
        value |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte < 0x80 {
            return value;
        }
    }
}

fn fields(message: &[u8]) -> Vec<(u64, Field)> {
    let mut rest = message;
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let key = varint(&mut rest);
        let take = |rest: &mut &[u8], count: usize| {
            let (now, later) = rest.split_at(count);
            *rest = later;
            now.to_vec()
        };
        let field = match key & 7 {
            0 => Field::Number(varint(&mut rest)),
            1 => Field::Double(f64::from_le_bytes(take(&mut rest, 8).try_into().unwrap())),
            5 => Field::Single(f32::from_le_bytes(take(&mut rest, 4).try_into().unwrap())),
            2 => {
                let length = usize::try_from(varint(&mut rest)).unwrap();
                Field::Bytes(take(&mut rest, length))
            }
            kind => panic!("a field of kind {kind}"),
        };
        fields.push((key >> 3, field));
    }
    fields
}

/// The scalars of a file by tag, with their steps; the tags of histograms; and the step from which older events do not count.
#[derive(Debug, Default)]
struct Told {
    scalars: BTreeMap<String, Vec<(u64, f32)>>,
    histograms: BTreeMap<String, Vec<f64>>,
    purged: Option<u64>,
}

fn told(file: &Path) -> Told {
    let mut told = Told::default();
    for (number, record) in records(file).iter().enumerate() {
        let event = fields(record);
        let step = event.iter().find_map(|f| {
            if let (2, Field::Number(n)) = f {
                Some(*n)
            } else {
                None
            }
        });
        let step = step.unwrap_or(0);
        for (field, value) in &event {
            match (field, value) {
                (1, Field::Double(time)) => {
                    assert!(*time > 1.6e9, "the time in seconds since 1970");
                }
                (3, Field::Bytes(version)) => {
                    assert_eq!(
                        (number, version.as_slice()),
                        (0, b"brain.Event:2".as_slice()),
                        "it comes first"
                    );
                }
                (5, Field::Bytes(summary)) => values(summary, step, &mut told),
                (7, _) => told.purged = Some(step),
                _ => {}
            }
        }
    }
    told
}

fn values(summary: &[u8], step: u64, told: &mut Told) {
    for (_, value) in fields(summary) {
        let Field::Bytes(value) = value else {
            panic!("a value is a message")
        };
        let mut tag = String::new();
        for (field, value) in fields(&value) {
            match (field, value) {
                (1, Field::Bytes(text)) => tag = String::from_utf8(text).unwrap(),
                (2, Field::Single(number)) => {
                    told.scalars
                        .entry(tag.clone())
                        .or_default()
                        .push((step, number));
                }
                (5, Field::Bytes(histogram)) => {
                    let numbers = fields(&histogram).into_iter().filter_map(|f| match f {
                        (1..=5, Field::Double(number)) => Some(number),
                        _ => None,
                    });
                    told.histograms.insert(tag.clone(), numbers.collect());
                }
                (field, value) => panic!("field {field} of a value is {value:?}"),
            }
        }
    }
}

const RUN: &str =
    "train --data glyphs:n=300 --device cpu --hidden 8 --epochs 3 --batch-size 80 --tensorboard";

#[test]
#[expect(clippy::cast_possible_truncation, reason = "event files hold f32")]
fn event_files_hold_what_the_metrics_do() {
    let place = Place::new();
    place.ok(&format!("{RUN} --out run"));
    let files = files(&place.path("run"));
    assert_eq!(files.len(), 1);
    let told = told(&files[0]);
    let metrics = fs::read_to_string(place.path("run/metrics.jsonl")).unwrap();
    let lines: Vec<Value> = metrics
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let of = |kind: &str, key: &str| -> Vec<(u64, f32)> {
        let lines = lines.iter().filter(|l| l["kind"] == kind);
        lines
            .map(|l| (l["step"].as_u64().unwrap(), l[key].as_f64().unwrap() as f32))
            .collect()
    };
    assert_eq!(told.scalars["step/loss"], of("step", "loss"));
    for key in ["train_loss", "val_loss", "val_accuracy", "learning_rate"] {
        assert_eq!(
            told.scalars[&format!("epoch/{key}")],
            of("epoch", key),
            "{key}"
        );
    }
    assert_eq!(told.scalars["gradient_norm/layers.0"].len(), 3);
    let weights = &told.histograms["weights/layers.0.weight"];
    assert_eq!(
        weights[2],
        256.0 * 8.0,
        "all weights are counted: {weights:?}"
    );
    // With --force they go with the rest of the run.
    place.ok("train --data moons:n=100 --device cpu --epochs 1 --hidden 2 --out run --force");
    assert!(self::files(&place.path("run")).is_empty());
}

#[test]
fn a_resumed_run_begins_another_file() {
    let place = Place::new();
    place.ok(&format!("{RUN} --checkpoint-steps 2 --out run"));
    place.ok("resume run --epochs 5");
    let files = files(&place.path("run"));
    assert_eq!(files.len(), 2);
    let (first, second) = (told(&files[0]), told(&files[1]));
    assert_eq!(first.purged, None);
    let steps = &second.scalars["step/loss"];
    assert_eq!(
        second.purged,
        Some(9),
        "three epochs of three steps were done"
    );
    let steps: Vec<u64> = steps.iter().map(|(step, _)| *step).collect();
    assert_eq!(
        steps,
        (9..=15).collect::<Vec<_>>(),
        "what no longer counts is told again"
    );
}

/// TensorBoard's own reader finds the same. `pip install tensorboard` installs it.
#[test]
fn tensorboard_reads_them() {
    let place = Place::new();
    place.ok(&format!("{RUN} --checkpoint-steps 2 --out run"));
    place.ok("resume run --epochs 5");
    let script = "\
import sys, json
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
read = EventAccumulator(sys.argv[1], size_guidance={'scalars': 0, 'histograms': 0, 'tensors': 0})
read.Reload()
tags = read.Tags()
if tags['scalars']:
    scalars = {tag: [[e.step, e.value] for e in read.Scalars(tag)] for tag in tags['scalars']}
else:
    from tensorboard.util import tensor_util
    scalars = {tag: [[e.step, float(tensor_util.make_ndarray(e.tensor_proto))] for e in read.Tensors(tag)] for tag in tags['tensors'] if not tag.startswith('weights')}
histograms = {tag: len(read.Histograms(tag)) for tag in tags['histograms']}
print(json.dumps({'scalars': scalars, 'histograms': histograms}))
";
    let python = ["python3", "python"].into_iter().find(|python| {
        let asked = Command::new(python)
            .args(["-c", "import tensorboard"])
            .output();
        asked.is_ok_and(|output| output.status.success())
    });
    let Some(python) = python else {
        let required = std::env::var("THALWEG_REQUIRE_PYTHON").is_ok_and(|value| value == "1");
        assert!(
            !required,
            "THALWEG_REQUIRE_PYTHON is 1, but no Python has tensorboard"
        );
        crate::common::say(
            "SKIPPED: TensorBoard's reader, as no Python has tensorboard (pip install tensorboard)",
        );
        return;
    };
    let output = Command::new(python)
        .args(["-c", script])
        .arg(place.path("run"))
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{err}");
    let found: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    let metrics = fs::read_to_string(place.path("run/metrics.jsonl")).unwrap();
    let lines: Vec<Value> = metrics
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    for (kind, key) in [
        ("step", "loss"),
        ("epoch", "val_loss"),
        ("epoch", "learning_rate"),
    ] {
        let expected = lines.iter().filter(|l| l["kind"] == kind);
        let expected: Vec<(u64, f64)> = expected
            .map(|l| (l["step"].as_u64().unwrap(), l[key].as_f64().unwrap()))
            .collect();
        let told = found["scalars"][format!("{kind}/{key}")]
            .as_array()
            .expect("the tag is there");
        assert_eq!(told.len(), expected.len(), "{key}: {told:?}");
        for (told, (step, value)) in told.iter().zip(expected) {
            assert_eq!(told[0].as_u64(), Some(step));
            assert!(
                (told[1].as_f64().unwrap() - value).abs() <= 1e-6 * value.abs(),
                "{key}: {told} and {value}"
            );
        }
    }
    assert_eq!(found["histograms"]["weights/layers.0.weight"], 5);
}
