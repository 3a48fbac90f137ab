//! Weights and several targets of a table whose rows are in a temporary file: trained on, described, and gone on with.

use std::fs;

use super::Place;
use super::bad_input::refused;
use crate::data::gz;

/// Two numbers that follow from one; some rows lack a weight or a target.
fn table() -> String {
    let mut text = String::from("share\tarea\tprice\tcolour\tage\n");
    for i in 0..400_u32 {
        let area = f64::from(i * 37 % 101) * 0.31;
        let share = match i % 50 {
            7 => "NA".to_owned(),
            n => format!("{}", n % 3),
        };
        let age = if i % 80 == 9 {
            String::new()
        } else {
            format!("{}", 20.0 - 3.0 * area)
        };
        let colour = ["red", "blue"][i as usize % 2];
        text.push_str(&format!(
            "{share}\t{area}\t{}\t{colour}\t{age}\n",
            1000.0 * area + 5000.0
        ));
    }
    text
}

const FLAGS: &str = "--data t.tsv.gz --target price,age --weights share --device cpu";

#[test]
fn weights_and_targets_of_a_table_that_stays_out_of_memory() {
    let place = Place::with(&[("t.tsv.gz", &gz(table().as_bytes()))]);
    let train = |more: &str| {
        place.json(&format!("train {FLAGS} --missing drop --hidden 8 --lr 0.02 --epochs 30 --batch-size 20 --window 64 {more}"))
    };
    let whole = train("--out whole");
    let streamed = train("--stream 1 --out streamed");
    assert!(whole["val_r2"].as_f64() > Some(0.9), "{whole}");
    assert_eq!(streamed["train_loss"], whole["train_loss"]);
    let read = |out: &str| fs::read(place.path(out).join("model.safetensors")).unwrap();
    assert!(read("streamed") == read("whole"));
    // Another weight is another loss: weights are not lost on the way.
    let other = table().replace("\n2\t", "\n9\t");
    fs::write(place.path("t.tsv.gz"), gz(other.as_bytes())).unwrap();
    assert_ne!(train("--out other")["train_loss"], whole["train_loss"]);
    refused(
        &place,
        &format!("train {FLAGS} --missing mean --window 64"),
        &["t.tsv.gz:9, column \"share\"", "never made up"],
    );
    for (drop, part) in [
        ("share", "weights"),
        ("age", "target"),
        ("area,price", "target"),
    ] {
        refused(
            &place,
            &format!("train {FLAGS} --missing drop --drop {drop}"),
            &[part, "--drop"],
        );
    }
}

#[test]
fn roles_are_told_of() {
    let place = Place::with(&[("t.tsv.gz", &gz(table().as_bytes()))]);
    let flags = FLAGS.replace("--data ", "").replace(" --device cpu", "");
    let out = place.ok(&format!("data {flags} --missing drop"));
    for part in [
        "2 columns; 5 missing -> target: 2 numbers",
        "price, ",
        "age, ",
        "5 missing",
        "share, number: 0 to 2",
        "8 missing",
    ] {
        assert!(out.contains(part), "no {part:?} in\n{out}");
    }
    let longest = out.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(100), "too wide for a page:\n{out}");
    let found = place.json(&format!("data {flags}"));
    assert_eq!(found["weights"]["name"], "share");
    assert_eq!(found["weights"]["missing"], 8);
    assert_eq!(found["target"]["columns"][1]["name"], "age");
    assert_eq!(found["target"]["columns"][1]["missing"], 5);
    refused(&place, "data glyphs --weights share", &["share", "CSV"]);
}

/// The rows in the temporary file, their weights and targets are what a run that goes on must have again.
#[test]
fn a_run_on_a_table_out_of_memory_goes_on() {
    let place = Place::with(&[("t.tsv.gz", &gz(table().as_bytes()))]);
    let train =
        format!("train {FLAGS} --missing drop --hidden 4 --batch-size 20 --window 64 --quiet");
    place.ok(&format!(
        "{train} --epochs 2 --checkpoint-steps 5 --out run"
    ));
    place.ok(&format!(
        "{train} --epochs 4 --checkpoint-steps 5 --out whole"
    ));
    for (old, new) in [
        ("\n2\t", "\n3\t"),
        ("\t5000\t", "\t5001\t"),
        ("\tred\t", "\tblue\t"),
    ] {
        let other = table().replacen(old, new, 1);
        assert_ne!(other, table());
        fs::write(place.path("t.tsv.gz"), gz(other.as_bytes())).unwrap();
        refused(
            &place,
            "resume run --epochs 4",
            &["t.tsv.gz", "not those that the run was trained on"],
        );
    }
    fs::write(place.path("t.tsv.gz"), gz(table().as_bytes())).unwrap();
    place.ok("resume run --epochs 4 --quiet");
    let read = |out: &str| fs::read(place.path(out).join("model.safetensors")).unwrap();
    assert!(read("run") == read("whole"));
}
