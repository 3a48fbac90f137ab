//! `bench`: that every sub-verb runs, in every format. Nothing here depends on how fast anything is.

use serde_json::Value;

use super::Place;

/// The smallest run of each sub-verb that does all it can.
const RUNS: [&str; 5] = [
    "matmul --sizes 8,17",
    "train --networks 4-3-2:5,3-2:2 --batch-sizes 1,4",
    "kernels --networks 4-3-2:5",
    "scaling --largest 4",
    "search --networks 4-3-2:5 --members 3 --steps",
];

const SHORT: &str = "--seconds 0 --repeats 1 --quiet --threads 1 --no-yardsticks";

fn device() -> &'static str {
    crate::common::gpu().map_or("cpu", |_| "cpu,gpu")
}

fn records(place: &Place, run: &str) -> Vec<Value> {
    let device = device();
    let out = place.ok(&format!(
        "bench {run} {SHORT} --device {device} --format json"
    ));
    let found: Value = serde_json::from_str(&out).expect("standard output is JSON");
    found.as_array().expect("it is a list").clone()
}

#[test]
fn records_have_one_schema() {
    let place = Place::new();
    for run in RUNS {
        let found = records(&place, run);
        let keys = |record: &Value| -> Vec<String> {
            record.as_object().unwrap().keys().cloned().collect()
        };
        let wanted = [
            "peer",
            "version",
            "device",
            "case",
            "median_ms",
            "spread",
            "gflops",
            "first_step_s",
            "peak_memory_bytes",
        ];
        for record in &found {
            assert_eq!(keys(record), keys(&found[0]), "`{run}`");
            assert!(
                wanted.iter().all(|key| record.get(key).is_some()),
                "`{run}`: {record}"
            );
            assert_eq!(record["peer"], "thalweg");
            assert!(
                record["median_ms"].as_f64() > Some(0.0),
                "`{run}`: {record}"
            );
        }
        let devices = crate::common::gpu().map_or(1, |_| 2);
        let first = |word: &str| found.iter().filter(|r| r["case"] == word).count();
        match run.split_once(' ').unwrap().0 {
            "matmul" => assert_eq!(
                (found.len(), first("matmul 17x17x17")),
                (2 * devices, devices)
            ),
            "train" => assert_eq!(first("train 4-3-2 batch 5"), devices),
            _ => {}
        }
    }
    assert!(
        place.listing().is_empty(),
        "nothing is written without --out"
    );
}

/// A fresh process may log more than a pipe holds.
#[test]
fn a_fresh_process_is_not_held_up_by_its_log() {
    if crate::common::gpu().is_none() {
        return;
    }
    let place = Place::new();
    let mut command = place.command(&format!("bench matmul --sizes 8 {SHORT} --device gpu"));
    let limit = std::time::Duration::from_secs(300);
    let done = command.env("RUST_LOG", "trace").timeout(limit).output();
    let done = done.expect("it ends");
    assert!(done.status.success(), "it ended so: {}", done.status);
    assert!(done.stderr.len() > 1 << 17, "{} bytes", done.stderr.len());
}

#[test]
fn a_fresh_process_tells_its_first_step_and_its_memory() {
    let place = Place::new();
    for record in records(&place, RUNS[0]) {
        let seconds = record["first_step_s"].as_f64().unwrap();
        assert!(seconds > 0.0 && seconds < 600.0, "{record}");
        let gpu = crate::common::gpu().is_some_and(|gpu| record["device"] == gpu.adapter().name);
        assert_eq!(record["first_step_cold_s"].is_f64(), gpu, "{record}");
        assert_eq!(record["device_memory_bytes"].is_u64(), gpu, "{record}");
        if cfg!(target_os = "linux") {
            assert!(
                record["peak_memory_bytes"].as_u64() > Some(1 << 20),
                "{record}"
            );
        }
    }
    for record in records(&place, "matmul --sizes 8 --no-fresh") {
        assert!(record["first_step_s"].is_null(), "{record}");
    }
}

#[test]
fn csv_has_the_columns_of_the_records() {
    let place = Place::new();
    let found = records(&place, "matmul --sizes 8 --no-fresh");
    let out = place.ok(&format!(
        "bench matmul --sizes 8 --no-fresh {SHORT} --device cpu --format csv"
    ));
    let mut reader = csv::Reader::from_reader(out.as_bytes());
    let headings: Vec<_> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    let keys: Vec<_> = found[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(headings, keys);
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!((rows.len(), &rows[0][3]), (1, "matmul 8x8x8"));
}

#[test]
fn tables_line_up_and_fit_a_page() {
    let place = Place::new();
    for run in RUNS {
        let out = place.ok(&format!("bench {run} {SHORT} --device {}", device()));
        let mut tables = 0;
        let lines: Vec<_> = out.lines().collect();
        for block in lines.chunk_by(|a, b| a.starts_with('|') == b.starts_with('|')) {
            assert!(
                block.iter().all(|l| l.chars().count() <= 100),
                "too wide:\n{out}"
            );
            if block[0].starts_with('|') {
                tables += 1;
                let bars = |line: &str| -> Vec<usize> {
                    line.char_indices()
                        .filter(|(_, c)| *c == '|')
                        .map(|(i, _)| i)
                        .collect()
                };
                assert!(
                    block.len() > 2 && block[1].contains("-:|"),
                    "no table:\n{out}"
                );
                assert!(
                    block.iter().all(|l| bars(l) == bars(block[0])),
                    "not aligned:\n{out}"
                );
            }
        }
        assert!(
            tables > 0 && out.starts_with("- cpu: 1 thread\n"),
            "`{run}`:\n{out}"
        );
    }
}

#[test]
fn shares_are_of_what_was_measured() {
    let place = Place::new();
    let run = format!(
        "bench matmul --sizes 64 --no-fresh {SHORT} --device {}",
        device()
    );
    let run = run.replace("--no-yardsticks", "");
    let found: Value = serde_json::from_str(&place.ok(&format!("{run} --format json"))).unwrap();
    for record in found.as_array().unwrap() {
        let number = |key: &str| record[key].as_f64().unwrap();
        for (share, rate, limit) in [
            ("of_multiply_add", "gflops", "multiply_add_gflops"),
            ("of_copy", "gbs", "copy_gbs"),
        ] {
            assert!(number(limit) > 0.0, "{record}");
            let expected = number(rate) / number(limit);
            assert!(
                (number(share) / expected - 1.0).abs() < 1e-9,
                "{share}: {record}"
            );
        }
    }
}

#[test]
fn the_sweep_says_where_the_gpu_pays() {
    if crate::common::gpu().is_none() {
        return;
    }
    let out = Place::new().ok(&format!("bench {} {SHORT} --device cpu,gpu", RUNS[1]));
    assert!(
        out.contains("gpu pays: from") || out.contains("gpu pays: never on this machine"),
        "{out}"
    );
    let alone = Place::new().ok(&format!("bench {} {SHORT} --device cpu", RUNS[1]));
    assert!(
        !alone.contains("pays:"),
        "nothing to compare with:\n{alone}"
    );
}

#[test]
fn what_is_left_out_is_said() {
    let place = Place::new();
    let run = format!("bench scaling --largest 4 --longest 0 {SHORT} --device cpu");
    let out = place.ok(&run);
    assert!(
        out.contains("left out: about ") && out.contains("--longest is 0 s"),
        "{out}"
    );
    let found = place.ok(&format!("{run} --format json"));
    let found: Value = serde_json::from_str(&found).unwrap();
    let (out, done): (Vec<_>, Vec<_>) = found
        .as_array()
        .unwrap()
        .iter()
        .partition(|r| r["median_ms"].is_null());
    assert!(
        !out.is_empty() && !done.is_empty(),
        "the first point of a sweep is measured: {found}"
    );
    assert!(
        out.iter()
            .all(|r| r["note"].as_str().unwrap().contains("left out"))
    );
}

#[test]
fn a_picture_is_written() {
    let place = Place::new();
    place.ok(&format!(
        "bench scaling --largest 4 {SHORT} --device cpu --out a.svg"
    ));
    let svg = std::fs::read_to_string(place.path("a.svg")).unwrap();
    assert!(
        svg.starts_with("<svg ") && svg.ends_with("</svg>\n"),
        "{svg}"
    );
    assert_eq!(
        svg.matches("<polyline").count(),
        4,
        "batch and depth, time and memory:\n{svg}"
    );
    let said = place.run(&format!(
        "bench scaling --largest 1 {SHORT} --device cpu --out no/a.svg"
    ));
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(
        said.err.contains("no/a.svg"),
        "the message names the file: {said:?}"
    );
    assert!(
        said.out.contains("| batch |"),
        "what was measured is not lost: {said:?}"
    );
}

#[test]
fn bad_flags_are_bad_usage() {
    let place = Place::new();
    for (run, part) in [
        ("", "matmul"),
        ("matmul --sizes 0", "--sizes"),
        ("matmul --sizes 99999", "32768"),
        ("matmul --seconds -1", "--seconds"),
        ("matmul --seconds x", "seconds"),
        ("matmul --repeats 0", "--repeats"),
        ("matmul --format xml", "json"),
        ("matmul --device nothing-like-it", "nothing-like-it"),
        ("train --networks 784-10", "784-256-128-10:128"),
        ("train --networks 784-1:5", "classes"),
        ("train --batch-sizes 0", "--batch-sizes"),
        ("kernels --networks a", "784-256-128-10:128"),
        ("scaling --longest x", "seconds"),
        ("search --members 0", "--members"),
        ("child --case fly:1 --device cpu", "matmul:N"),
    ] {
        let said = place.run(&format!("bench {run}"));
        assert_eq!(said.status, Some(2), "`{run}`: {said:?}");
        assert!(said.err.contains(part), "`{run}` says: {}", said.err);
    }
}

#[test]
#[cfg(unix)]
fn a_closed_pipe_is_no_failure() {
    use std::io::Read;
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_thalweg"))
        .args("bench matmul --sizes 4,5,6 --no-fresh --device cpu".split(' '))
        .args(SHORT.split(' '))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    let status = child.wait().unwrap();
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
}
