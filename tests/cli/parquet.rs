//! Parquet through the real binary.

use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::Place;
use super::bad_input::refused;
use crate::data::parquet::{both, table};

fn place() -> Place {
    let properties =
        WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default()));
    let (_, csv) = both(600, 600);
    let bytes = table(600, 250, properties);
    Place::with(&[("t.csv", csv.as_bytes()), ("t.parquet", &bytes)])
}

const TRAIN: &str = "train --device cpu --hidden 8 --epochs 3 --missing mean";

#[test]
fn it_trains_and_predicts_as_the_csv_does() {
    let place = place();
    let read = |name: &str| std::fs::read(place.path(name)).unwrap();
    for name in ["csv", "parquet"] {
        place.ok(&format!("{TRAIN} --data t.{name} --out {name}"));
        place.ok(&format!(
            "predict csv --data t.{name} --device cpu --out {name}.txt"
        ));
    }
    assert!(read("csv/model.safetensors") == read("parquet/model.safetensors"));
    let text = String::from_utf8(read("csv.txt")).unwrap();
    assert_eq!(text.lines().count(), 601);
    assert!(read("csv.txt") == read("parquet.txt"));
    let describe = |name: &str| {
        let mut object = place.json(&format!("data t.{name} --missing mean"));
        // They have the name of the file in them.
        for key in ["source", "notes"] {
            object[key] = "".into();
        }
        object
    };
    assert_eq!(describe("csv"), describe("parquet"));
    let eval = |name: &str| place.json(&format!("eval csv --data t.{name} --device cpu"));
    assert_eq!(eval("csv")["loss"], eval("parquet")["loss"]);
}

#[test]
fn what_cannot_be_read_is_refused() {
    let place = place();
    refused(
        &place,
        "train --data t.parquet",
        &["t.parquet, row 3, column \"colour\"", "--missing"],
    );
    let mut bytes = std::fs::read(place.path("t.parquet")).unwrap();
    let end = bytes.len() - 3000;
    bytes[20..end].fill(0xa5);
    std::fs::write(place.path("bad.parquet"), &bytes).unwrap();
    refused(
        &place,
        "train --data bad.parquet --missing mean",
        &["bad.parquet, row 1, column"],
    );
    let mut command = place.command("predict run --data -");
    place.ok(&format!("{TRAIN} --data t.csv --out run"));
    let said = command.write_stdin(bytes).output().unwrap();
    let err = String::from_utf8(said.stderr).unwrap();
    assert_eq!(said.status.code(), Some(2), "{err}");
    assert!(
        err.contains("standard input: found a Parquet file"),
        "{err}"
    );
}

/// Damaged files through the real binary, which may take no more than so much memory: read or refused, and no panic.
#[test]
#[cfg(target_os = "linux")]
fn damage_takes_no_memory_and_does_not_panic() {
    let place = place();
    let bytes = std::fs::read(place.path("t.parquet")).unwrap();
    let (mut refused, mut state) = (0, 1_u64);
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(state >> 33).unwrap() % below
    };
    for case in 0..60 {
        let mut damaged = bytes.clone();
        // The footer and the headers of pages are most of what claims something.
        let from = if case % 2 == 0 { bytes.len() - 2500 } else { 4 };
        for _ in 0..=case % 3 {
            let at = from + next(bytes.len() - from);
            damaged[at] = [0xff, 0, 0x7f, 0xfe][next(4)];
        }
        std::fs::write(place.path("bad.parquet"), &damaged).unwrap();
        let script = format!(
            "ulimit -v 600000; exec \"{}\" data bad.parquet --missing mean",
            env!("CARGO_BIN_EXE_thalweg")
        );
        let said = super::said(
            assert_cmd::Command::new("sh")
                .args(["-c", &script])
                .current_dir(place.path("")),
        );
        assert!(matches!(said.status, Some(0 | 2)), "case {case}: {said:#?}");
        assert!(!said.err.contains("panicked"), "case {case}: {said:#?}");
        refused += usize::from(said.status == Some(2));
    }
    assert!(refused > 20, "{refused}");
}
