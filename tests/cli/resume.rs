//! Checkpoints and `thalweg resume`, through the real binary: a run that is killed, interrupted or damaged goes on, and ends
//! with the same bits as one that never stopped.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use thalweg::run::latest;

use super::Place;

const RUN: &str = "train --data glyphs:n=700 --device cpu --hidden 24 --batch-size 20 --epochs 5 --dropout 0.2 \
    --schedule one_cycle --optimizer adamw --checkpoint-steps 6 --patience 3 --min-delta 0.001 --quiet";

/// The metrics without what differs from run to run.
fn metrics(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let line = |line: &str| {
        let mut line: Value = serde_json::from_str(line).expect("a line is JSON");
        line.as_object_mut().expect("an object").remove("seconds");
        line
    };
    text.lines().map(line).collect()
}

/// What must be the same: models and metrics.
pub(super) fn results(run: &Path) -> (Vec<Vec<u8>>, Vec<Value>) {
    let files = ["model.safetensors", "best.safetensors"];
    let models = files.map(|name| fs::read(run.join(name)).unwrap());
    (models.into(), metrics(run))
}

pub(super) fn sets(run: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(run.join("checkpoints")).into_iter().flatten();
    let mut sets: Vec<_> = entries.map(|e| e.unwrap().path()).collect();
    sets.retain(|set| set.join("manifest.json").is_file());
    sets.sort();
    sets
}

pub(super) fn start(place: &Place, arguments: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_thalweg"))
        .env("THALWEG_CACHE", "")
        .current_dir(place.path(""))
        .args(arguments.split_whitespace())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// No temporary file is left in a run that has ended.
fn assert_tidy(run: &Path) {
    let mut folders = vec![run.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            assert!(
                path.extension().is_none_or(|e| e != "tmp"),
                "{path:?} is left"
            );
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
}

/// `THALWEG_KILLS=300` kills it as often as that.
#[test]
fn a_run_that_is_killed_goes_on_to_the_same_bits() {
    let kills: u64 = std::env::var("THALWEG_KILLS").map_or(30, |n| n.parse().expect("a number"));
    let place = Place::new();
    let begun = Instant::now();
    place.ok(&format!("{RUN} --out whole"));
    let takes = begun.elapsed().as_secs_f64();
    let expected = results(&place.path("whole"));
    let (mut done, mut resumed, mut ended) = (0, 0, 0);
    let random = thalweg::random::Random::new(kills, thalweg::random::stream::TEST, 0);
    while done < kills || ended == 0 {
        let run = place.path("run");
        let mut arguments = format!("{RUN} --out run --force");
        loop {
            let mut child = start(&place, &arguments);
            let share = random.uniform(done) * 0.6;
            std::thread::sleep(Duration::from_secs_f64(takes * share));
            // It may have ended.
            let _ = child.kill();
            let output = child.wait_with_output().unwrap();
            match output.status.code() {
                Some(0) => break,
                Some(code) => panic!("{code}: {}", String::from_utf8_lossy(&output.stderr)),
                None => done += 1,
            }
            if sets(&run).is_empty() {
                let said = place.run("resume run --quiet");
                assert_eq!(said.status, Some(2), "{said:#?}");
                // Killed before its folder was whole, it is no run that `--force` replaces.
                fs::remove_dir_all(&run).unwrap_or_default();
            } else {
                arguments = "resume run --quiet".to_owned();
                resumed += 1;
            }
        }
        ended += 1;
        assert!(
            results(&run) == expected,
            "other results after {done} kills"
        );
        assert_tidy(&run);
    }
    assert!(
        resumed * 2 > done,
        "only {resumed} of {done} times there was a checkpoint"
    );
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on_to_the_same_bits() {
    let place = Place::new();
    // Without checkpoints: an interruption saves one all the same.
    let run = RUN
        .replace("--checkpoint-steps 6", "")
        .replace("n=700", "n=3000");
    place.ok(&format!("{run} --out whole"));
    let child = start(&place, &format!("{run} --out run"));
    let begun = Instant::now();
    while !place.path("run/metrics.jsonl").is_file() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "it did not begin"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.contains("`thalweg resume run` goes on"), "{err}");
    assert_eq!(sets(&place.path("run")).len(), 1);
    let said = place.json("resume run");
    assert_eq!(said["out"], "run");
    assert!(results(&place.path("run")) == results(&place.path("whole")));
}

/// Two processes at one run would spoil it.
#[test]
fn a_run_that_is_being_written_is_left_alone() {
    let place = Place::new();
    let mut child = start(
        &place,
        &RUN.replace("--epochs 5", "--epochs 100000 --out run"),
    );
    let begun = Instant::now();
    while sets(&place.path("run")).is_empty() {
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "it did not begin"
        );
        std::thread::sleep(Duration::from_millis(2));
    }
    for arguments in [
        "resume run",
        "train --data xor --device cpu --out run --force",
    ] {
        let said = place.run(arguments);
        assert_eq!(said.status, Some(2), "{said:#?}");
        assert!(
            said.err.contains("another process is writing"),
            "{}",
            said.err
        );
    }
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    child.kill().unwrap();
    child.wait().unwrap();
    place.ok("train --data xor --device cpu --epochs 1 --out run --force");
}

/// A small run with two checkpoints of the same network.
fn small() -> Place {
    let place = Place::new();
    place.ok("train --data xor:n=12 --hidden 2 --device cpu --batch-size 4 --epochs 6 --checkpoint-steps 5 --quiet --out run");
    assert_eq!(sets(&place.path("run")).len(), 2, "two are kept");
    place
}

/// The only hash that is not of a tensor is of the manifest; every bit is under one of them.
#[test]
fn every_flipped_bit_and_every_truncation_is_found() {
    let place = small();
    let run = place.path("run");
    let [older, newer]: [PathBuf; 2] = sets(&run).try_into().unwrap();
    let (whole, damaged) = latest(&run).unwrap();
    assert_eq!((whole.path.as_path(), damaged.len()), (newer.as_path(), 0));
    let assert_found = |what: String| {
        let (found, damaged) = latest(&run).unwrap();
        assert!(
            found.path == older && damaged.len() == 1,
            "{what} is not found"
        );
    };
    for name in ["manifest.json", "state.safetensors", "best.safetensors"] {
        let path = newer.join(name);
        let bytes = fs::read(&path).unwrap();
        let mut file = File::options().write(true).open(&path).unwrap();
        let mut put = |at: usize, byte: u8| {
            file.seek(SeekFrom::Start(at as u64)).unwrap();
            file.write_all(&[byte]).unwrap();
        };
        for (at, &byte) in bytes.iter().enumerate() {
            for bit in 0..8 {
                put(at, byte ^ (1 << bit));
                assert_found(format!("bit {bit} of byte {at} of {name}"));
            }
            put(at, byte);
        }
        for length in (0..bytes.len() as u64).rev() {
            file.set_len(length).unwrap();
            assert_found(format!("{name} of {length} bytes"));
        }
        fs::write(&path, [&bytes[..], b"\n"].concat()).unwrap();
        assert_found(format!("a byte more of {name}"));
        fs::write(&path, &bytes).unwrap();
        assert!(latest(&run).unwrap().1.is_empty(), "{name} is as it was");
        if name != "manifest.json" {
            fs::remove_file(&path).unwrap();
            assert_found(format!("the lack of {name}"));
            fs::write(&path, &bytes).unwrap();
        }
    }
}

#[test]
fn the_checkpoint_before_a_damaged_one_is_used() {
    let place = small();
    let run = place.path("run");
    let expected = results(&run);
    let [older, newer]: [PathBuf; 2] = sets(&run).try_into().unwrap();
    let state = newer.join("state.safetensors");
    let mut bytes = fs::read(&state).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&state, &bytes).unwrap();
    let said = place.run("resume run");
    assert_eq!(said.status, Some(0), "{said:#?}");
    for part in [
        "state.safetensors: tensor `layers.",
        "is not as it was written",
        "the checkpoint before it is used",
        "goes on after step 15",
    ] {
        assert!(said.err.contains(part), "no {part:?} in {}", said.err);
    }
    assert!(results(&run) == expected);
    assert!(
        latest(&run).unwrap().1.is_empty(),
        "the damaged one is replaced"
    );
    for set in [&older, &newer] {
        fs::write(set.join("manifest.json"), "").unwrap();
    }
    let before = place.listing();
    let said = place.run("resume run");
    assert_eq!(said.status, Some(2), "{said:#?}");
    assert!(
        said.err.contains("no checkpoint to go on from"),
        "{}",
        said.err
    );
    assert!(said.err.contains("use a copy of the run"), "{}", said.err);
    assert_eq!(place.listing(), before, "nothing is written");
}

#[test]
fn what_cannot_go_on_says_why() {
    let table = "x,y,kind\n1,2,a\n2,1,b\n3,4,a\n4,3,b\n5,6,a\n6,5,b\n";
    let place = Place::with(&[("t.csv", table.as_bytes())]);
    let run = "train --data t.csv --device cpu --hidden 3 --batch-size 2 --epochs 4 --quiet";
    place.ok(&format!("{run} --out plain"));
    place.ok(&format!("{run} --checkpoint-steps 3 --out run"));
    let refused = |arguments: &str, parts: &[&str]| {
        let before = place.listing();
        let said = place.run(arguments);
        assert_eq!(said.status, Some(2), "`{arguments}`: {said:#?}");
        for part in parts {
            assert!(said.err.contains(part), "no {part:?} in {}", said.err);
        }
        assert_eq!(place.listing(), before, "nothing is written");
    };
    refused(
        "resume plain",
        &["plain: there is no checkpoint", "--checkpoint-steps"],
    );
    refused("resume nowhere", &["nowhere", "config.toml"]);
    refused("resume run/model.safetensors", &["folder of a run"]);
    let config = fs::read_to_string(place.path("run/config.toml")).unwrap();
    let wider = config.replace("hidden = [3]", "hidden = [4]");
    assert_ne!(config, wider);
    fs::write(place.path("run/config.toml"), wider).unwrap();
    refused("resume run", &["another network or optimizer"]);
    let faster = config.replace("lr = 0.001", "lr = 0.01");
    assert_ne!(config, faster);
    fs::write(place.path("run/config.toml"), faster).unwrap();
    let said = place.run("resume run");
    assert_eq!(said.status, Some(0), "{said:#?}");
    let told = "config.toml is not as it was when the checkpoint was written";
    assert!(said.err.contains(told), "{}", said.err);
    fs::write(place.path("run/config.toml"), config).unwrap();
    let said = place.run("resume run --device reference-f32");
    assert_eq!(said.status, Some(0), "{said:#?}");
    let told = "the results are not the same bits";
    assert!(
        said.err.contains(told) && !said.err.contains('{'),
        "{}",
        said.err
    );
    place.ok(&format!("{run} --checkpoint-steps 3 --out run --force"));
    fs::write(place.path("t.csv"), table.replace("5,6,a", "5,7,a")).unwrap();
    refused(
        "resume run",
        &["t.csv", "not those that the run was trained on"],
    );
    fs::write(place.path("t.csv"), table).unwrap();
    let more = place.json("resume run --epochs 6");
    assert_eq!(more["epochs"], 6);
    place.ok(&format!(
        "{} --checkpoint-steps 3 --out whole",
        run.replace("epochs 4", "epochs 6")
    ));
    assert!(results(&place.path("run")) == results(&place.path("whole")));
    for (flags, parts) in [
        ("--checkpoint-steps 0", "at least 1"),
        ("--checkpoint-minutes 0", "more than 0 minutes"),
        ("--patience 0", "at least 1"),
        ("--min-delta 1", "no --patience"),
        ("--monitor gain", "loss, accuracy, r2"),
        ("--schedule cosin", "did you mean `cosine`"),
    ] {
        refused(&format!("{run} {flags} --out other"), &[parts]);
    }
}

/// Files can grow no more, as on a full disk: the last good set stays, training goes on, and the end says so.
#[cfg(target_os = "linux")]
#[test]
fn a_checkpoint_that_cannot_be_written_harms_none() {
    let place = Place::new();
    let run = RUN.replace("--hidden 24", "--hidden 40");
    // A schedule would depend on the steps of the run.
    let run = run.replace("--schedule one_cycle", "");
    place.ok(&format!("{run} --out whole"));
    place.ok(&format!("{run} --steps 40 --out run"));
    let config = fs::read_to_string(place.path("run/config.toml")).unwrap();
    fs::write(
        place.path("run/config.toml"),
        config.replace("steps = 40", ""),
    )
    .unwrap();
    let before = sets(&place.path("run"));
    // The model takes 43 KB, its checkpoint three times as much.
    let script = format!(
        "trap '' XFSZ; ulimit -f 100; exec \"{}\" resume run",
        env!("CARGO_BIN_EXE_thalweg")
    );
    let said = super::said(
        assert_cmd::Command::new("sh")
            .args(["-c", &script])
            .env("THALWEG_CACHE", "")
            .current_dir(place.path("")),
    );
    assert_eq!(said.status, Some(1), "{said:#?}");
    assert!(
        said.err
            .contains("training goes on, and no more checkpoints"),
        "{}",
        said.err
    );
    assert!(
        said.err.contains("state.safetensors: cannot be written"),
        "{}",
        said.err
    );
    assert_eq!(sets(&place.path("run")), before, "they are still there");
    assert_tidy(&place.path("run"));
    let model = |run: &str| fs::read(place.path(run).join("model.safetensors")).unwrap();
    assert!(model("run") == model("whole"), "it was trained to its end");
    place.ok("resume run");
    assert!(results(&place.path("run")) == results(&place.path("whole")));
}
