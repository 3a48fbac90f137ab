//! Missing values, columns left out, rows beyond memory, and `data`, through the real binary.

use std::fs::read_to_string;

use super::bad_input::refused;
use super::{Place, flowers};
use crate::data::gz;

/// `flowers` with a column of names, and some cells without a value.
fn gaps() -> String {
    let flowers = flowers();
    let mut lines = flowers.lines();
    let mut text = format!("id,{}\n", lines.next().unwrap());
    for (i, line) in lines.enumerate() {
        let (length, rest) = line.split_once(',').unwrap();
        let length = if i % 10 == 4 { "NA" } else { length };
        text.push_str(&format!("flower {i},{length},{rest}\n"));
    }
    text
}

#[test]
fn tables_with_gaps_are_trained_on() {
    let csv = gaps();
    let tsv = csv.replace(',', "\t");
    let place = Place::with(&[("f.tsv.gz", &gz(tsv.as_bytes())), ("f.csv", csv.as_bytes())]);
    let train = "train --data f.tsv.gz --device cpu --hidden 16 --lr 0.02 --epochs 30 --drop id";
    refused(
        &place,
        "train --data f.csv --device cpu",
        &["column \"length\"", "f.csv:6"],
    );
    refused(
        &place,
        train,
        &[
            "f.tsv.gz:6, column \"length\"",
            "`--missing mean`",
            "`--missing drop`",
        ],
    );
    let said = place.run(&format!("{train} --missing mean --out mean --json"));
    assert_eq!(said.status, Some(0), "{said:#?}");
    assert!(
        said.err
            .contains("note: f.tsv.gz: missing values are filled in: 6 cells of \"length\""),
        "{said:#?}"
    );
    let object: serde_json::Value = serde_json::from_str(said.out.lines().last().unwrap()).unwrap();
    assert!(object["val_accuracy"].as_f64() > Some(0.9), "{object}");
    let config = read_to_string(place.path("mean/config.toml")).unwrap();
    assert!(
        config.contains("missing = \"mean\"\ndrop = [\"id\"]\n"),
        "{config}"
    );
    place.ok("train --config mean/config.toml --out again");
    let read = |out: &str| std::fs::read(place.path(out).join("model.safetensors")).unwrap();
    assert!(read("mean") == read("again"), "the configuration says all");
    // Columns that were left out need not be there; a gap is filled in by the model.
    std::fs::write(
        place.path("new.csv"),
        "width,colour,length\n2.1,red,?\n6,blue,3\n",
    )
    .unwrap();
    let out = place.ok("predict mean --data new.csv --device cpu");
    assert_eq!(out.lines().count(), 3, "{out}");
    place.json("eval mean --device cpu");
    let said = place.run(&format!("{train} --missing drop --out drop"));
    assert!(said.err.contains("6 of 60 rows are left out"), "{said:#?}");
    place.json("eval drop --data f.csv --device cpu");
    let line = "predict drop --data new.csv --device cpu";
    refused(
        &place,
        line,
        &["new.csv:2, column \"length\"", "\"?\"", "fill in a value"],
    );
}

#[test]
fn bad_tables_are_refused() {
    let place = Place::with(&[
        ("ids.csv", gaps().replace("NA", "1").as_bytes()),
        (
            "dates.tsv",
            b"when\tx\ty\n2024-01-31\t1\t0\n2024-02-01\t2\t1\n",
        ),
        ("target.csv", b"x,y\n1,0\n2,\n3,1\n4,0\n"),
        ("cut.csv.gz", &gz(gaps().as_bytes())[..200]),
        ("t.csv", b"a,b,y\n1,2,0\n2,3,1\n3,1,0\n4,2,1\n5,5,0\n"),
    ]);
    for verb in ["train --device cpu --data", "data"] {
        refused(
            &place,
            &format!("{verb} cut.csv.gz"),
            &["cut.csv.gz", "a whole file"],
        );
        refused(
            &place,
            &format!("{verb} t.csv --drop a,c"),
            &["t.csv", "no column \"c\""],
        );
        refused(
            &place,
            &format!("{verb} t.csv --drop ,"),
            &["--drop", "names of columns"],
        );
        refused(
            &place,
            &format!("{verb} t.csv --missing zero"),
            &["zero", "mean"],
        );
        refused(&place, &format!("{verb} xor --drop a"), &["\"a\"", "CSV"]);
        refused(&place, &format!("{verb} none.tsv"), &["none.tsv", "exists"]);
    }
    for (line, parts) in [
        ("ids.csv", ["ids.csv, column \"id\"", "`--drop id`"]),
        (
            "dates.tsv",
            ["dates.tsv:2, column \"when\"", "`--drop when`"],
        ),
        (
            "target.csv --missing mean",
            ["target.csv:3, column \"y\"", "`--missing drop`"],
        ),
    ] {
        refused(&place, &format!("train --device cpu --data {line}"), &parts);
    }
}

#[test]
fn data_are_described() {
    let place = Place::with(&[("f.csv", gaps().as_bytes())]);
    let out = place.ok("data f.csv");
    for part in [
        "rows     60",
        "3 classes",
        "iris 20, lily 20, rose 20",
        "refused: 60 different texts",
        "`--drop id`",
        "6 missing -> refused",
        "one-hot (2)",
        "standardised",
    ] {
        assert!(out.contains(part), "no {part:?} in\n{out}");
    }
    let longest = out.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(100), "too wide for a page:\n{out}");
    let found = place.json("data f.csv --missing mean --drop id --normalize minmax");
    let column = &found["columns"][0];
    assert_eq!(
        (&column["name"], &column["missing"]),
        (&"length".into(), &6.into())
    );
    assert_eq!(column["training"], "filled in by the mean, scaled to 0..1");
    assert!(
        column["mean"].is_f64() && column["smallest"].is_f64(),
        "{column}"
    );
    assert_eq!(found["columns"][1]["categories"]["red"], 30);
    assert_eq!(found["target"]["classes"]["rose"], 20);
    assert_eq!(found["rows"], 60);
    let found = place.json("data glyphs:n=40");
    assert_eq!(
        (&found["picture"]["width"], &found["rows"]),
        (&16.into(), &40.into())
    );
    place.json("data f.csv --target width --task regression --missing drop");
    // Training refuses text among several targets; what they are is told all the same.
    refused(
        &place,
        "train --device cpu --data f.csv --missing mean --drop id --target width,kind",
        &["kind", "every one of several targets"],
    );
    let found = place.json("data f.csv --missing mean --drop id --target width,kind");
    let (target, columns) = (&found["target"], &found["target"]["columns"]);
    assert_eq!(columns[0]["training"], "target: standardised");
    assert_eq!(columns[1]["categories"]["lily"], 20, "{found}");
    for told in [&target["training"], &columns[1]["training"]] {
        assert!(told.as_str().unwrap().contains("refused"), "{found}");
    }
    let out = place.ok("data f.csv --missing mean --drop id --target width,kind");
    for part in [
        "2 columns -> target: refused, since \"kind\" is text",
        "iris 20, lily 20, rose 20 -> target: refused",
    ] {
        assert!(out.contains(part), "no {part:?} in\n{out}");
    }
}

/// A window keeps the rows of a table in a temporary file, and changes nothing else.
#[test]
fn tables_stay_out_of_memory() {
    let mut text = String::from("a,b,colour,y\n");
    for i in 0..1500 {
        let a = f64::from(i * 7919 % 1009) * 0.37 + 1e9;
        let b = if i % 9 == 2 {
            "?".to_owned()
        } else {
            format!("{}", i % 31)
        };
        let colour = ["red", "blue", "green"][i as usize % 3];
        text.push_str(&format!(
            "{a},{b},{colour},{}\n",
            a * 2.0 + f64::from(i % 3)
        ));
    }
    let place = Place::with(&[("t.csv", text.as_bytes())]);
    let temporary = place.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let train = |more: &str| {
        let line = format!(
            "train --data t.csv --val-data t.csv --task regression --missing mean --hidden 8 --epochs 4 --window 400 --device cpu --json {more}"
        );
        let mut command = place.command(&line);
        command.env("TMPDIR", &temporary);
        let output = command.output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{err}");
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        let object: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
        (object, err)
    };
    let (streamed, said) = train("--stream 1 --out streamed");
    for part in [
        "1500 rows do not stay in memory",
        "temporary file",
        "1500 training rows are not held in memory",
    ] {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    assert_eq!(
        std::fs::read_dir(&temporary).unwrap().count(),
        0,
        "nothing is left there"
    );
    let (whole, _) = train("--out whole");
    assert_eq!(streamed["train_loss"], whole["train_loss"]);
    let read = |out: &str| std::fs::read(place.path(out).join("model.safetensors")).unwrap();
    assert!(read("streamed") == read("whole"));
    place.ok("eval streamed --data t.csv --device cpu");
    // A folder that is not there.
    let mut command =
        place.command("train --data t.csv --missing mean --window 400 --device cpu --out none");
    let output = command
        .env("TMPDIR", place.path("nowhere"))
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert!(err.contains("nowhere") && err.contains("TMPDIR"), "{err}");
    assert!(!place.path("none").exists(), "nothing is written");
}
