//! `predict` from standard input, part by part, and its most probable classes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::{Place, Said, flowers, said};
use crate::data::gz;

fn trained() -> Place {
    let place = Place::with(&[("flowers.csv", flowers().as_bytes())]);
    place.ok("train --data flowers.csv --target kind --device cpu --hidden 16 --lr 0.01 --epochs 60 --batch-size 16 --out run");
    place
}

/// What `predict run --data -` says to these bytes.
fn piped(place: &Place, flags: &str, bytes: &[u8]) -> Said {
    let mut command = place.command(&format!("predict run --data - --device cpu {flags}"));
    said(command.write_stdin(bytes.to_vec()))
}

#[test]
fn rows_come_from_standard_input() {
    let place = trained();
    let all = place.ok("predict run --data flowers.csv --device cpu --probabilities");
    let tabs = flowers().replace(',', "\t");
    for (flags, text) in [
        ("", flowers()),
        ("--batch-size 7", flowers()),
        ("--batch-size 1", flowers()),
        ("", flowers().replace('\n', "\r\n")),
        ("", flowers().trim_end().to_owned()),
        ("", tabs),
    ] {
        let found = piped(&place, &format!("{flags} --probabilities"), text.as_bytes());
        assert_eq!((found.status, found.err.as_str()), (Some(0), ""), "{flags}");
        same(&found.out, &all);
    }
    let found =
        place.ok("predict run --data flowers.csv --device cpu --probabilities --batch-size 7");
    same(&found, &all);
    // Whatever the file is, a table is read once if it cannot be read again.
    let mut command = place.command("predict run --data /dev/stdin --device cpu --probabilities");
    if cfg!(unix) {
        same(&said(command.write_stdin(flowers())).out, &all);
    }
}

/// The same predictions; what is added in another order may differ in the last digits.
#[track_caller]
fn same(found: &str, expected: &str) {
    assert_eq!(found.lines().count(), expected.lines().count(), "{found}");
    for (found, expected) in found.lines().zip(expected.lines()) {
        for (found, expected) in found.split(',').zip(expected.split(',')) {
            match (found.parse::<f64>(), expected.parse::<f64>()) {
                (Ok(a), Ok(b)) => assert!((a - b).abs() < 1e-5, "{a} for {b}"),
                _ => assert_eq!(found, expected, "another word"),
            }
        }
    }
}

/// Gzipped rows too, of one member or several, by commas or tabs.
#[test]
fn what_is_gzipped_is_unpacked() {
    let place = trained();
    let all = place.ok("predict run --data flowers.csv --device cpu --probabilities");
    let tabs = flowers().replace(',', "\t");
    let (start, rest) = tabs.split_at(300);
    let members = [gz(start.as_bytes()), gz(rest.as_bytes())].concat();
    for bytes in [gz(flowers().as_bytes()), members] {
        let found = piped(&place, "--probabilities", &bytes);
        assert_eq!((found.status, found.err.as_str()), (Some(0), ""));
        same(&found.out, &all);
    }
    let whole = gz(flowers().as_bytes());
    let found = piped(&place, "", &whole[..whole.len() / 2]);
    assert_eq!(found.status, Some(2), "{found:#?}");
    assert!(found.err.contains("standard input"), "{}", found.err);
    let found = piped(&place, "", &whole[..1]);
    assert_eq!(found.status, Some(2), "{found:#?}");
}

/// What was filled in is told as of a file, once, also where a later row cannot be used.
#[test]
fn missing_values_are_told() {
    let place = trained();
    let gaps = flowers().replacen("red", "", 2);
    std::fs::write(place.path("gaps.csv"), &gaps).unwrap();
    place.ok(
        "train --data gaps.csv --missing mean --device cpu --hidden 8 --epochs 2 --out run --force",
    );
    let rows = "length,colour,width\n1,,2\n?,blue,6\n5,,10\n";
    let told = "missing values are filled in: 1 cell of \"length\" by the mean of the training rows, 2 cells of \"colour\"";
    for batch in [1, 100] {
        let found = piped(&place, &format!("--batch-size {batch}"), rows.as_bytes());
        assert_eq!((found.status, found.out.lines().count()), (Some(0), 4));
        let note = format!("note: standard input: {told}");
        assert_eq!(found.err.matches(&note).count(), 1, "{}", found.err);
        let found = piped(
            &place,
            &format!("--batch-size {batch}"),
            format!("{rows}long,red,10\n").as_bytes(),
        );
        assert_eq!((found.status, found.out.lines().count()), (Some(2), 4));
        assert_eq!(found.err.matches(&note).count(), 1, "{}", found.err);
    }
    // A file is looked through before, and told of once.
    std::fs::write(place.path("new.csv"), rows).unwrap();
    let found = place.run("predict run --data new.csv --device cpu --batch-size 1");
    let note = format!("note: new.csv: {told}");
    assert_eq!(found.err.matches(&note).count(), 1, "{}", found.err);
}

#[test]
fn what_was_predicted_before_a_bad_row_stays_written() {
    let place = trained();
    let good = "length,colour,width\n1,red,2\n3,blue,6\n5,red,10\n";
    for (bad, parts) in [
        ("5,green,10\n", ["standard input:5", "green"]),
        ("long,red,10\n", ["standard input:5", "long"]),
        ("5,red\n", ["standard input:5", "2 fields"]),
        ("5,\"red,10\n", ["standard input:5", "never closes"]),
        (",red,10\n", ["standard input:5", "a value"]),
    ] {
        for batch in [2, 100] {
            let text = format!("{good}{bad}1,red,2\n");
            let found = piped(&place, &format!("--batch-size {batch}"), text.as_bytes());
            assert_eq!(found.status, Some(2), "{found:#?}");
            assert_eq!(
                found.out, "prediction\nrose\nlily\niris\n",
                "{bad:?} by {batch}"
            );
            for part in parts {
                assert!(found.err.contains(part), "no {part:?} in {}", found.err);
            }
            // A file is looked through before anything is written.
            std::fs::write(place.path("new.csv"), &text).unwrap();
            let found = place.run(&format!(
                "predict run --data new.csv --device cpu --batch-size {batch}"
            ));
            assert_eq!(
                (found.status, found.out.as_str()),
                (Some(2), ""),
                "{found:#?}"
            );
            assert!(found.err.contains("new.csv:5"), "{}", found.err);
        }
        let text = format!("{good}{bad}");
        let found = piped(&place, "--out p.csv", text.as_bytes());
        assert!(
            found.status == Some(2) && !place.path("p.csv").exists(),
            "{found:#?}"
        );
    }
    for (text, part) in [
        ("", "empty"),
        ("length,colour,width\n", "0 rows"),
        ("length,width\n1,2\n", "colour"),
        ("1,2,3\n4,5,6\n", "header"),
    ] {
        let found = piped(&place, "", text.as_bytes());
        assert_eq!(
            (found.status, found.out.as_str()),
            (Some(2), ""),
            "{text:?}: {found:#?}"
        );
        assert!(found.err.contains(part), "no {part:?} in {}", found.err);
    }
    let found = piped(&place, "--out p.csv", good.as_bytes());
    assert_eq!(found.status, Some(0), "{found:#?}");
    let written = std::fs::read_to_string(place.path("p.csv")).unwrap();
    assert_eq!(written, "prediction\nrose\nlily\niris\n");
}

/// A program that runs, and the lines that it says as they come.
fn running(place: &Place, arguments: &[&str]) -> (Child, Receiver<String>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_thalweg"))
        .env("THALWEG_CACHE", "")
        .args(arguments)
        .current_dir(place.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in out.lines() {
            if send.send(line.unwrap()).is_err() {
                return;
            }
        }
    });
    (child, lines)
}

/// Who sends a row and waits has an answer, though the pipe stays open. The time is only how long a hang is waited for.
#[test]
fn a_row_is_answered_while_the_pipe_stays_open() {
    const HANGS: Duration = Duration::from_secs(120);
    let place = trained();
    let (mut child, lines) = running(
        &place,
        &["predict", "run", "--data", "-", "--device", "cpu"],
    );
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(b"length,colour,width\n1,red,2\n").unwrap();
    let next = || {
        lines
            .recv_timeout(HANGS)
            .expect("an answer comes while the pipe is open")
    };
    assert_eq!([next(), next()], ["prediction", "rose"]);
    // A row that is not whole yet keeps none before it.
    pipe.write_all(b"3,blue,6\n5,re").unwrap();
    assert_eq!(next(), "lily");
    pipe.write_all(b"d,10\n").unwrap();
    assert_eq!(next(), "iris");
    drop(pipe);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_pipe_without_end_is_left_when_nobody_reads_on() {
    let place = trained();
    let mut child = Command::new(env!("CARGO_BIN_EXE_thalweg"))
        .env("THALWEG_CACHE", "")
        .args(["predict", "run", "--data", "-", "--device", "cpu"])
        .current_dir(place.path(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = child.stdin.take().unwrap();
    let endless = std::thread::spawn(move || {
        let mut done = pipe.write_all(b"length,colour,width\n");
        while done.is_ok() {
            done = pipe.write_all("1,red,2\n3,blue,6\n".repeat(500).as_bytes());
        }
    });
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    for _ in 0..5000 {
        line.clear();
        out.read_line(&mut line).unwrap();
    }
    assert!(["rose\n", "lily\n"].contains(&line.as_str()), "{line}");
    drop(out);
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && err.is_empty(), "{err}");
    endless.join().unwrap();
}

#[test]
fn the_most_probable_classes_come_first() {
    let place = trained();
    let out = place.ok("predict run --data flowers.csv --device cpu --top-k 3 --probabilities");
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split(',').collect()).collect();
    let header = [
        "prediction",
        "top1",
        "p1",
        "top2",
        "p2",
        "top3",
        "p3",
        "iris",
        "lily",
        "rose",
    ];
    assert_eq!(rows[0], header);
    for row in &rows[1..] {
        assert_eq!(row[0], row[1], "{row:?}");
        let p: Vec<f64> = [2, 4, 6].map(|at| row[at].parse().unwrap()).into();
        assert!(p[0] >= p[1] && p[1] >= p[2], "{row:?}");
        for at in [1, 3, 5] {
            let class = header.iter().position(|name| *name == row[at]).unwrap();
            assert_eq!(row[at + 1], row[class], "{row:?}");
        }
    }
    let out = place.ok("predict run --data flowers.csv --device cpu --top-k 1");
    assert!(out.starts_with("prediction,top1,p1\nrose,rose,"), "{out}");
    for (flags, part) in [
        ("--top-k 4", "3 classes"),
        ("--top-k 0", "at least 1"),
        ("--batch-size 0", "at least 1"),
    ] {
        let found = place.run(&format!(
            "predict run --data flowers.csv --device cpu {flags}"
        ));
        assert!(
            found.status == Some(2) && found.err.contains(part),
            "{found:#?}"
        );
    }
    std::fs::write(place.path("houses.csv"), super::houses()).unwrap();
    place.ok("train --data houses.csv --device cpu --hidden= --epochs 1 --out houses");
    let found = place.run("predict houses --data houses.csv --device cpu --top-k 1");
    assert!(
        found.status == Some(2) && found.err.contains("`--top-k`"),
        "{found:#?}"
    );
}
