//! `search`.

use super::{Place, flowers, houses};

/// 192 rows, 128 of which train: whole batches, so that `train` has the same ones.
const SHORT: &str = "--val-fraction 0.3333333 --trials 9 --steps 48 --finalists 2 --repeats 3 --batch-size 16 \
     --depths 1-2 --widths 3-20 --quiet --device cpu --threads 1";

#[test]
fn it_tells_what_it_found() {
    let place = Place::new();
    let found = place.json(&format!("search --data moons:n=192 {SHORT} --seed 5"));
    let rungs = found["rungs"].as_array().unwrap();
    let counts: Vec<_> = rungs
        .iter()
        .map(|r| r["candidates"].as_u64().unwrap())
        .collect();
    assert_eq!(counts, [9, 3, 2]);
    assert_eq!(found["candidates"].as_array().unwrap().len(), 9);
    assert_eq!(found["interrupted"], false);
    assert_eq!(found["device"], "cpu");
    let all = 9 * 5 + 3 * (16 - 5) + 2 * (48 - 16) + 2 * 3 * 48;
    assert_eq!(found["network_steps"], all);
    let finalists = found["finalists"].as_array().unwrap();
    assert_eq!(finalists.len(), 2);
    for finalist in finalists {
        assert_eq!(finalist["val_loss"]["runs"], 3);
        assert_eq!(finalist["runs"].as_array().unwrap().len(), 3);
        let [low, high] = [0, 1].map(|end| finalist["val_loss"]["interval"][end].as_f64());
        let mean = finalist["val_loss"]["mean"].as_f64();
        assert!(low < mean && mean < high, "{finalist}");
        assert!(finalist["val_accuracy"]["mean"].is_f64(), "{finalist}");
    }
    assert_eq!(found["command"], finalists[0]["command"]);
    let svg = std::fs::read_to_string(place.path("search-1.svg")).unwrap();
    for part in ["<svg", "Halving", "rung 3", "Width", "Finalists"] {
        assert!(svg.contains(part), "no {part:?} in the picture");
    }
    let again = place.json(&format!("search --data moons:n=192 {SHORT} --seed 5"));
    assert_eq!(again["finalists"], found["finalists"], "the same seed");
    assert_eq!(again["picture"], "search-2.svg", "none is replaced");
}

#[test]
fn the_command_trains_the_best() {
    let place = Place::with(&[("houses.csv", houses().as_bytes())]);
    for (data, key) in [
        ("moons:n=192", "loss"),
        ("houses.csv --task regression", "loss"),
    ] {
        let rows = if data.starts_with("moons") {
            SHORT.to_owned()
        } else {
            // 100 rows, 80 of which train.
            SHORT.replace("0.3333333", "0.2")
        };
        let found = place.json(&format!("search --data {data} {rows} --seed 2"));
        for finalist in found["finalists"].as_array().unwrap() {
            let command = finalist["command"].as_str().unwrap();
            let run = command.strip_prefix("thalweg ").unwrap();
            let trained = place.json(&format!("{run} --no-report --quiet"));
            // What the seed that chose gave; the others had no part in the choice.
            let same = |c: &&serde_json::Value| c["lr"] == finalist["lr"];
            let chosen = found["candidates"].as_array().unwrap().iter().find(same);
            let expected = chosen.unwrap()[&format!("val_{key}")].as_f64().unwrap();
            let runs = finalist["runs"].as_array().unwrap();
            assert!(runs.iter().all(|run| run[key] != expected), "{finalist}");
            let loss = trained["val_loss"].as_f64().unwrap();
            assert!(
                (loss - expected).abs() <= 2e-3 * expected,
                "{command} gives {loss}, and the search {expected}"
            );
        }
    }
}

#[test]
fn a_table_names_the_best_first() {
    let place = Place::with(&[("flowers.csv", flowers().as_bytes())]);
    let flags = SHORT.replace("--quiet", "");
    let said = place.run(&format!(
        "search --data flowers.csv --target kind {flags} --l2 0 --lr 0.01 --activations gelu --out best.svg"
    ));
    assert_eq!(said.status, Some(0), "{said:#?}");
    for part in [
        "hidden",
        "val accuracy",
        "Student's t",
        "8 different of 9 drawn",
        "8 of 16 steps, 2 of 48 steps",
        "best.svg",
    ] {
        assert!(said.out.contains(part), "no {part:?} in\n{}", said.out);
    }
    let command = "thalweg train --data flowers.csv --target kind";
    assert!(said.out.contains(command), "{}", said.out);
    assert!(said.out.contains("--lr 0.01 --l2 0.0"), "{}", said.out);
    assert!(
        said.err.contains("8 networks after 16 steps"),
        "{}",
        said.err
    );
    let twice = place.run(&format!("search --data flowers.csv {SHORT} --out best.svg"));
    assert_eq!(twice.status, Some(2), "{twice:#?}");
    assert!(twice.err.contains("--force"), "{}", twice.err);
}

/// A rate at which networks run away: their losses are what they are, and no smaller.
#[test]
fn large_losses_are_told() {
    let place = Place::new();
    let found = place.json(&format!(
        "search --data moons:n=192 {SHORT} --lr 1e3..1e4 --activations relu"
    ));
    let losses = found["candidates"].as_array().unwrap().iter();
    let losses: Vec<_> = losses.filter_map(|c| c["val_loss"].as_f64()).collect();
    assert!(losses.iter().any(|loss| *loss > 200.0), "{losses:?}");
    let best = &found["candidates"][0];
    let run = found["command"].as_str().unwrap();
    let run = run.strip_prefix("thalweg ").unwrap();
    let trained = place.json(&format!("{run} --no-report --quiet"));
    assert!(trained["val_loss"].as_f64() > Some(1.0), "{trained}");
    assert!(best["val_loss"].as_f64() > Some(1.0), "{best}");
}

/// What was found is told though its picture cannot be written.
#[test]
#[cfg(target_os = "linux")]
fn results_outlive_their_picture() {
    let place = Place::new();
    let said = place.run(&format!(
        "search --data moons:n=192 {SHORT} --out /proc/x.svg"
    ));
    assert_eq!(said.status, Some(1), "{said:#?}");
    assert!(said.err.contains("/proc/x.svg"), "{said:#?}");
    assert!(said.out.contains("The best: `thalweg train"), "{said:#?}");
    assert!(!said.out.contains("picture"), "{said:#?}");
    assert!(place.listing().is_empty(), "nothing half-written stays");
}

/// Searches that end at the same time have a picture each.
#[test]
fn searches_do_not_take_each_others_pictures() {
    let place = Place::new();
    let flags = format!("search --data moons:n=192 {SHORT} --json");
    let start = || {
        std::process::Command::new(env!("CARGO_BIN_EXE_thalweg"))
            .env("THALWEG_CACHE", "")
            .args(flags.split_whitespace())
            .current_dir(place.path(""))
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    };
    let all = [start(), start(), start(), start()];
    let mut pictures = all.map(|child| {
        let output = child.wait_with_output().unwrap();
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        found["picture"].as_str().unwrap().to_owned()
    });
    pictures.sort();
    let expected = [1, 2, 3, 4].map(|n| format!("search-{n}.svg"));
    assert_eq!(pictures, expected);
    for picture in pictures {
        let svg = std::fs::read_to_string(place.path(&picture)).unwrap();
        assert!(svg.contains("Halving"), "{picture}");
    }
}

/// A single network, more rows to a batch than there are, a target that looks like a flag.
#[test]
fn odd_searches_are_searches() {
    let rows = "-x,y\n".to_owned() + &"1,a\n2,b\n3,a\n4,b\n5,a\n".repeat(8);
    let place = Place::with(&[("odd.csv", rows.replace("-x,y", "y,-x").as_bytes())]);
    let said = place.run(
        "search --data odd.csv --target=-x --trials 5 --steps 1 --repeats 1 --depths 1 --widths 3 --activations relu \
         --lr 0.01 --l2 0 --batch-size 1000 --device cpu --threads 1",
    );
    assert_eq!(said.status, Some(0), "{said:#?}");
    for part in [
        "1 different of 5 drawn",
        "--target=-x",
        "--batch-size 32",
        "--threads 1",
        "1 of 1 steps",
        "trained once more, with another seed",
        "the same 8 rows that chose",
    ] {
        assert!(said.out.contains(part), "no {part:?} in\n{}", said.out);
    }
    assert!(said.err.contains("1 network after 1 step:"), "{}", said.err);
    let command = said
        .out
        .lines()
        .find_map(|l| l.strip_prefix("The best: `thalweg "));
    let command = command.unwrap().trim_end_matches('`');
    place.ok(&format!("{command} --no-report --quiet"));
}

#[test]
fn bad_flags_are_bad_usage() {
    let place = Place::new();
    for (flags, part) in [
        ("--trials 0", "--trials"),
        ("--eta 1", "--eta"),
        ("--depths 3-1", "as in 1-3"),
        ("--widths 0-3", "from 1 to 65536"),
        ("--activations relu,magic", "magic"),
        ("--lr 0..1", "as in 1e-4..1e-1"),
        ("--l2 1..0", "or 0 for none"),
        ("--val-fraction 0", "--val-data"),
        ("--val-fraction 1", "below 1"),
        ("--batch-size 0", "--batch-size"),
        ("--out no/a.svg", "there is no folder no"),
        ("--out .", "search.svg"),
        ("--data nothing.csv", "nothing.csv"),
        ("--device nothing-like-it", "nothing-like-it"),
    ] {
        let said = place.run(&format!("search --data moons:n=20 {flags}"));
        let said = if flags.starts_with("--data") {
            place.run(&format!("search {flags}"))
        } else {
            said
        };
        assert_eq!(said.status, Some(2), "`{flags}`: {said:?}");
        assert!(said.err.contains(part), "`{flags}` says: {}", said.err);
    }
    assert!(place.listing().is_empty(), "nothing is written");
}

#[test]
#[cfg(unix)]
fn an_interruption_ends_with_what_is_known() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};
    let place = Place::new();
    let flags = "search --data moons:n=192 --trials 9 --steps 2000000 --eta 1000 --finalists 1 --depths 1 --device cpu --json";
    let mut child = Command::new(env!("CARGO_BIN_EXE_thalweg"))
        .env("THALWEG_CACHE", "")
        .args(flags.split(' '))
        .current_dir(place.path(""))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first rung has 2000 steps, the second more than anybody waits for.
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("9 networks after 2000 steps") {
        line.clear();
        assert!(err.read_line(&mut line).unwrap() > 0, "it ended by itself");
    }
    let done = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(done.success());
    let mut rest = String::new();
    err.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{rest}");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["interrupted"], true);
    assert_eq!(found["rungs"].as_array().unwrap().len(), 1, "{found}");
    assert!(
        found["command"]
            .as_str()
            .unwrap()
            .starts_with("thalweg train")
    );
    assert!(place.path("search-1.svg").exists());
}
