//! Runs that stop at awkward moments, and what cannot go on: through the real binary.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use thalweg::run::latest;

use super::Place;
use super::resume::{results, sets, start};
use super::streaming::pictures;
use crate::data::idx_bytes;

fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "waited too long for {what}"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn metrics(run: &Path) -> String {
    fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default()
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([name, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success(), "the signal was not sent");
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A training step of seconds is under way: the first signal waits for its end, the second does not.
#[cfg(unix)]
#[test]
fn a_second_signal_ends_at_once() {
    for second in ["-INT", "-TERM"] {
        let place = Place::new();
        let run = "train --data glyphs:n=3000 --hidden 256 --batch-size 1500 --val-fraction 0 --device reference";
        let mut child = start(&place, &format!("{run} --epochs 1000 --out run"));
        until("the first step", || !metrics(&place.path("run")).is_empty());
        signal(&child, "-INT");
        let mut pipe = child.stderr.take().expect("it is piped");
        let (mut said, mut byte) = (Vec::new(), [0]);
        while !String::from_utf8_lossy(&said).contains("once more to end at once") {
            assert_eq!(pipe.read(&mut byte).unwrap(), 1, "{said:?}");
            said.push(byte[0]);
        }
        signal(&child, second);
        pipe.read_to_end(&mut said).unwrap();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
        assert!(!said.contains("what was learnt is in"), "{said}");
        assert!(sets(&place.path("run")).is_empty(), "nothing was saved");
    }
}

/// The epoch is evaluated and told to its end, and the run goes on with the next.
#[cfg(unix)]
#[test]
fn a_run_that_is_ended_while_it_evaluates_goes_on() {
    let place = Place::new();
    let run = "train --data glyphs:n=3000 --hidden 64 --batch-size 100 --val-fraction 0.9 --epochs 3 --dropout 0.2 \
        --device reference --no-report --quiet";
    let child = start(&place, &format!("{run} --out run"));
    let told = || metrics(&place.path("run"));
    until("the last step of the first epoch", || {
        told().contains("\"step\":3")
    });
    signal(&child, "-TERM");
    let output = child.wait_with_output().unwrap();
    let said = err(&output);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("interrupted after 3 steps"), "{said}");
    let epochs = told().matches("\"kind\":\"epoch\"").count();
    assert_eq!(epochs, 1, "it was evaluated: {}", told());
    let (found, _) = latest(&place.path("run")).unwrap();
    let at = found.snapshot.standing;
    assert_eq!((at.epoch, at.batches, at.steps), (2, 0, 3));
    place.ok("resume run --quiet");
    place.ok(&format!("{run} --out whole"));
    assert!(results(&place.path("run")) == results(&place.path("whole")));
}

/// Validation rows that are in no memory become fewer while the run is in an epoch: when it is interrupted, what was learnt
/// is saved, and `resume` says what it cannot compare.
#[cfg(unix)]
#[test]
fn rows_that_are_gone_cost_no_checkpoint() {
    let (images, labels) = pictures(3000);
    let files: [(&str, &[u8]); 4] = [
        ("a", &images),
        ("b", &labels),
        ("c", &images),
        ("d", &labels),
    ];
    let place = Place::with(&files);
    let run = "train --data a,b --val-data c,d --window 700 --hidden 64 --batch-size 10 --device reference --epochs 9";
    let child = start(&place, &format!("{run} --checkpoint-steps 40 --out run"));
    until("the first steps", || {
        metrics(&place.path("run")).contains("\"step\":2")
    });
    let file = fs::File::options().write(true).open(place.path("c"));
    file.unwrap().set_len(1_000_000).unwrap();
    until("two checkpoints", || sets(&place.path("run")).len() == 2);
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    let said = err(&output);
    assert_eq!(output.status.code(), Some(130), "{said}");
    let told = "the checkpoint is saved all the same";
    assert_eq!(said.matches(told).count(), 1, "it is said once: {said}");
    let (found, _) = latest(&place.path("run")).unwrap();
    assert_eq!(found.facts.data, "", "they were not read");
    assert!(said.contains(&format!("after {} steps", found.snapshot.standing.steps)));

    let refused = place.run("resume run --quiet");
    assert!(refused.status != Some(0), "c is still short: {refused:#?}");
    fs::write(place.path("c"), &images).unwrap();
    let steps = found.snapshot.standing.steps + 40;
    let said = place.run(&format!("resume run --quiet --steps {steps} --device cpu"));
    assert_eq!(said.status, Some(0), "{said:#?}");
    let told = "could not be read when the checkpoint was written";
    assert!(said.err.contains(told), "{}", said.err);
    let (found, _) = latest(&place.path("run")).unwrap();
    assert!(!found.facts.data.is_empty(), "now they were");
}

/// A file that has grown beyond the memory, nearly all of which is a hole behind the first pictures.
#[cfg(target_os = "linux")]
#[test]
fn rows_that_no_longer_fit_into_memory_are_refused() {
    let pixels: Vec<u8> = (0..20 * 65_536_u32).map(|at| (at % 251) as u8).collect();
    let labels: Vec<u8> = (0..20).map(|row| row % 3).collect();
    let (images, labels) = (
        idx_bytes(&[20, 256, 256], &pixels),
        idx_bytes(&[20], &labels),
    );
    let place = Place::with(&[("a", &images), ("b", &labels)]);
    place.ok("train --data a,b --hidden 2 --batch-size 4 --epochs 2 --checkpoint-steps 2 --device cpu --quiet --out run");
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap();
    let line = meminfo.lines().find(|l| l.starts_with("MemAvailable:"));
    let kibibytes = line.and_then(|l| l.split_whitespace().nth(1)).unwrap();
    let rows = u32::try_from(kibibytes.parse::<u64>().unwrap() / 64).unwrap();
    let grow = |name: &str, dims: &[u32], first: &[u8], bytes: u64| {
        let header = idx_bytes(dims, &[]);
        let mut file = fs::File::create(place.path(name)).unwrap();
        file.write_all(&header).unwrap();
        file.write_all(first).unwrap();
        file.set_len(header.len() as u64 + bytes).unwrap();
    };
    grow("a", &[rows, 256, 256], &pixels, u64::from(rows) << 16);
    grow("b", &[rows], &labels, u64::from(rows));
    let files = || sets(&place.path("run"));
    let before = (files(), metrics(&place.path("run")));
    let said = place.run("resume run");
    assert_eq!(said.status, Some(2), "{said:#?}");
    for part in [
        "run: the rows of ",
        "b no longer fit into memory, as they did when the run was begun",
        "free memory, or begin anew with `train --init-weights run/model.safetensors`",
    ] {
        assert!(said.err.contains(part), "no {part:?} in {}", said.err);
    }
    assert_eq!(
        (files(), metrics(&place.path("run"))),
        before,
        "it is as it was"
    );
}
