//! Signals, numbers that run away, and disks that are full.

use super::{Place, said};

#[cfg(unix)]
mod signals {
    use std::path::Path;
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    use super::Place;

    fn start(place: &Place, flags: &str) -> Child {
        let run = format!("train --data moons --device cpu --epochs 1000000000 {flags}");
        Command::new(env!("CARGO_BIN_EXE_thalweg"))
            .env("THALWEG_CACHE", "")
            .args(run.split_whitespace())
            .current_dir(place.path(""))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn until(what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "waited too long for {what}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(child: &Child, name: &str) {
        let done = Command::new("kill")
            .args([name, &child.id().to_string()])
            .status()
            .unwrap();
        assert!(done.success(), "the signal was not sent");
    }

    fn is_begun(folder: &Path) -> bool {
        std::fs::read_to_string(folder.join("metrics.jsonl"))
            .is_ok_and(|text| text.contains("\"epoch\":2"))
    }

    #[test]
    fn what_was_learnt_is_saved() {
        for name in ["-INT", "-TERM"] {
            let place = Place::new();
            let child = start(&place, "--out run");
            until("the run to begin", || is_begun(&place.path("run")));
            signal(&child, name);
            let output = child.wait_with_output().unwrap();
            let err = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(130), "{name}: {err}");
            assert!(err.contains("once more to end at once"), "{name}: {err}");
            assert!(err.contains("what was learnt is in run"), "{name}: {err}");
            let files = std::fs::read_dir(place.path("run")).unwrap();
            assert_eq!(
                files.count(),
                7,
                "{name}: a checkpoint and the report too, and nothing half-written"
            );
            let eval = place.json("eval run --device cpu");
            assert!(eval["accuracy"].as_f64() > Some(0.5), "{name}: {eval}");
        }
    }

    #[test]
    fn the_fold_under_way_is_saved() {
        let place = Place::new();
        let child = start(&place, "--folds 3 --out cv");
        until("the first fold to begin", || {
            is_begun(&place.path("cv/fold-1"))
        });
        signal(&child, "-INT");
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{err}");
        assert!(err.contains("what was learnt is in cv/fold-1"), "{err}");
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(out.contains("no run has ended"), "{out}");
        assert!(!err.contains("fold-2"), "no other one is begun: {err}");
        let eval = place.json("eval cv/fold-1 --device cpu");
        assert!(eval["accuracy"].as_f64() > Some(0.5), "{eval}");
    }
}

#[test]
fn numbers_that_run_away_leave_the_last_good_model() {
    let place = Place::new();
    let said =
        place.run("train --data moons --device cpu --optimizer sgd --lr 1e30 --loss mse --out run");
    assert_eq!(said.status, Some(1), "{said:#?}");
    for part in [
        "training step",
        "layer",
        "layers.",
        "smaller learning rate",
        "run/model.safetensors",
    ] {
        assert!(said.err.contains(part), "no {part:?} in {}", said.err);
    }
    let eval = place.json("eval run --device cpu");
    assert!(eval["loss"].is_f64(), "{eval}");
}

#[test]
fn a_folder_that_cannot_be_made_fails_the_run() {
    let place = Place::with(&[("file", b"mine")]);
    let before = place.listing();
    let said = place.run("train --data xor --device cpu --out file/run");
    assert_eq!(said.status, Some(1), "{said:#?}");
    assert!(
        said.err.contains("file/run") && said.err.contains("cannot be written"),
        "{}",
        said.err
    );
    assert_eq!(place.listing(), before);
    let place = Place::with(&[("runs", b"mine")]);
    let said = place.run("train --data xor --device cpu");
    assert_eq!(said.status, Some(1), "`runs` is a file: {said:#?}");
}

/// Runs under a limit to the size of files, so that a write fails half way.
#[cfg(target_os = "linux")]
fn cramped(place: &Place, arguments: &str) -> super::Said {
    let script = format!(
        "trap '' XFSZ; ulimit -f 8; exec \"{}\" {arguments}",
        env!("CARGO_BIN_EXE_thalweg")
    );
    said(
        assert_cmd::Command::new("sh")
            .args(["-c", &script])
            .current_dir(place.path("")),
    )
}

#[test]
#[cfg(target_os = "linux")]
fn a_failed_write_leaves_what_was_there() {
    let place = Place::new();
    let run = "train --data moons --device cpu --epochs 2";
    let found = cramped(&place, &format!("{run} --out big"));
    assert_eq!(found.status, Some(1), "{found:#?}");
    assert!(
        found.err.contains("safetensors: cannot be written"),
        "{}",
        found.err
    );
    let half = |name: &str| name.ends_with(".tmp") || name.ends_with(".safetensors");
    let files = std::fs::read_dir(place.path("big"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap());
    assert_eq!(
        files.filter(|name| half(name)).count(),
        0,
        "nothing half-written stays"
    );

    place.ok(&format!("{run} --out run"));
    std::fs::write(place.path("p.csv"), "before").unwrap();
    let found = cramped(
        &place,
        "predict run --data moons:n=10000 --device cpu --out p.csv",
    );
    assert_eq!(found.status, Some(1), "{found:#?}");
    assert!(
        found.err.contains("p.csv: cannot be written"),
        "{}",
        found.err
    );
    assert_eq!(std::fs::read(place.path("p.csv")).unwrap(), b"before");
}
