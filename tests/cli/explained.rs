//! What `thalweg explain` says: its units, its words, its pages and its flags.

use std::fs;

use super::bad_input::refused;
use super::explain::{numbers, trained};

/// Every number about a regression is in the target's own units, by every method.
#[test]
fn numbers_are_told_in_one_unit() {
    let place = trained();
    let on = "explain houses --data houses.csv --device cpu";
    let found = place.json(&format!("{on} --method saliency --rows 99"));
    let last = found["explained"][0]["value"].as_f64().unwrap();
    assert_eq!(found["of"], "number");
    let found = place.json(&format!("{on} --method activation --top 2"));
    let unit = &found["units"][0];
    assert_eq!(
        (
            &unit["rows"][0]["row"],
            unit["rows"].as_array().unwrap().len()
        ),
        (&99.into(), 2)
    );
    let made = unit["made"].as_f64().unwrap();
    assert!(
        (unit["rows"][0]["value"].as_f64().unwrap() / last - 1.0).abs() < 1e-6,
        "{unit}"
    );
    assert!((made / last - 1.0).abs() < 0.05, "{made} for {last}");
    let found = place.json(&format!("{on} --method surrogate --rows 50"));
    assert_eq!(found["of"], "number");
    // The mean of 100 prices from 5,050 to 35,740.
    let bias = found["linear"]["bias"][0].as_f64().unwrap();
    let weight = found["linear"]["weight"][0][0]
        .as_f64()
        .or(found["linear"]["weight"][0].as_f64());
    assert!(
        (15e3..25e3).contains(&bias) && (6e3..12e3).contains(&weight.unwrap()),
        "{bias}, {weight:?}"
    );
    let local = &found["local"][0];
    assert!(
        (18e3..23e3).contains(&local["bias"].as_f64().unwrap()),
        "{local}"
    );
    assert!(
        local["fidelity"]["rows"] == 1200 && local["counted"].as_f64() > Some(500.0),
        "{local}"
    );
    let found = place.json(&format!("{on} --method units --rows 50"));
    let (at, predicted) = (
        &found["effective"][0],
        place.json(&format!("{on} --method saliency --rows 50")),
    );
    let value = predicted["explained"][0]["value"].as_f64().unwrap();
    assert!(
        (numbers(&at["answers"])[0] / value - 1.0).abs() < 1e-5,
        "{at} for {value}"
    );
    let slope = numbers(&predicted["explained"][0]["attributions"])[0];
    assert!(
        (numbers(&at["weight"])[0].abs() / slope - 1.0).abs() < 1e-4,
        "{at} for {slope}"
    );
    for (flags, parts) in [
        (
            "--method saliency --of probability",
            &["--of probability", "a number"][..],
        ),
        (
            "--method surrogate --kind tree --class prise",
            &["prise", "price"],
        ),
    ] {
        refused(&place, &format!("{on} {flags}"), parts);
    }
}

/// A linear network is found behind a log-softmax, a hinge gives scores, and what a network does not vary in is said.
#[test]
fn ends_of_networks_and_words() {
    let place = trained();
    let with = "train --data flowers.csv --target kind --hidden 8 --epochs 40 --lr 0.02 --device cpu --quiet";
    place.ok(&format!("{with} --loss nll --out nll"));
    let found = place.json("explain nll --data flowers.csv --method units --rows 0,1 --device cpu");
    for at in found["effective"].as_array().unwrap() {
        assert!(at["error"].as_f64() <= Some(1e-6), "{at}");
    }
    place.ok(&format!("{with} --loss hinge --out hinge"));
    let on = "--data flowers.csv --method integrated_gradients --rows 0 --device cpu";
    let out = place.ok(&format!("explain hinge {on}"));
    assert!(
        out.contains("the score of one output") && out.contains("(score "),
        "{out}"
    );
    let probability = place.json(&format!("explain nll {on} --of probability"));
    let value = probability["explained"][0]["value"].as_f64().unwrap();
    assert!(
        probability["of"] == "probability" && (0.0..=1.0).contains(&value),
        "{value}"
    );
    refused(
        &place,
        &format!("explain hinge {on} --of probability"),
        &["--of probability", "score"],
    );
    let rows = |i: usize| format!("1,2,{}\n", ["p", "q"][i % 2]);
    let constant: String = std::iter::once("a,b,kind\n".to_owned())
        .chain((0..40).map(rows))
        .collect();
    fs::write(place.path("constant.csv"), constant).unwrap();
    place.ok("train --data constant.csv --target kind --hidden 4 --epochs 2 --device cpu --quiet --out constant");
    let out = place.ok("explain constant --data constant.csv --method surrogate --device cpu");
    assert!(
        out.contains("does not vary") && !out.contains(",  on"),
        "{out}"
    );
    let out =
        place.ok("explain constant --data constant.csv --method activation --layer 0 --device cpu");
    assert!(out.contains("none: it is the same on all rows"), "{out}");
}

/// Nothing that is there is replaced unasked, before anything is computed, and an old page outlives a failure.
#[test]
fn a_page_replaces_nothing_unasked() {
    let place = trained();
    let on = "explain flowers --data flowers.csv --device cpu --method saliency";
    for there in ["flowers.csv", "flowers/model.safetensors"] {
        let before = fs::read(place.path(there)).unwrap();
        refused(
            &place,
            &format!("{on} --out {there}"),
            &[there, "exists", "--force"],
        );
        assert_eq!(
            fs::read(place.path(there)).unwrap(),
            before,
            "{there} is as it was"
        );
    }
    place.ok(&format!("{on} --out page.html"));
    let old = fs::read(place.path("page.html")).unwrap();
    let said = place.run(&format!("{on} --rows 999 --out page.html --force"));
    assert_eq!(said.status, Some(2), "{said:#?}");
    assert_eq!(
        fs::read(place.path("page.html")).unwrap(),
        old,
        "it outlives a failure"
    );
    place.ok(&format!("{on} --rows 5 --out page.html --force"));
    assert_ne!(
        fs::read(place.path("page.html")).unwrap(),
        old,
        "it is replaced"
    );
}

/// What is made for a unit of a picture is worth more than any row, whatever the size of the logits; other flags do what they
/// say.
#[test]
fn flags_of_pictures() {
    let place = trained();
    let on = "explain glyphs --data glyphs:n=60,seed=5 --device cpu";
    let found = place.json(&format!("{on} --method activation --top 3"));
    for unit in found["units"].as_array().unwrap() {
        assert!(
            unit["made"].as_f64() > unit["rows"][0]["value"].as_f64(),
            "{}",
            unit["unit"]
        );
        assert_eq!(unit["rows"].as_array().unwrap().len(), 3);
    }
    let out = place.ok(&format!("{on} --method activation --l2 1000"));
    assert!(out.contains("fell short") && out.contains("--l2"), "{out}");
    let out = place.ok(&format!(
        "{on} --method occlusion --rows 0 --grey 0.75 --best"
    ));
    assert!(
        out.contains("of 0.7500") && out.contains("the drop of the probability"),
        "{out}"
    );
    let found = place.json(&format!("{on} --method occlusion --rows 0 --patch 3"));
    let first = &found["explained"][0];
    let (drops, at) = (numbers(&first["drops"]), &first["largest"]);
    let [row, column] =
        ["row", "column"].map(|key| usize::try_from(at[key].as_u64().unwrap()).unwrap());
    let most = drops.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    assert!(
        drops[16 * row + column] == most && at["drop"].as_f64() == Some(most),
        "{at}"
    );
    // The grey is the mean of all pixels.
    let grey = found["grey"].as_f64().unwrap();
    assert!((0.05..0.5).contains(&grey), "{grey}");
    let few = |steps: u32| {
        place.json(&format!(
            "{on} --method integrated_gradients --rows 0 --steps {steps}"
        ))
    };
    let [few, many] = [few(1), few(4000)].map(|f| f["explained"][0]["gradients"].as_u64().unwrap());
    assert!(few < 1500 && many >= 4000, "{few} and {many}");
    let tree = |seed: u32| {
        place.json(&format!(
            "{on} --method surrogate --kind tree --samples 30 --seed {seed}"
        ))
    };
    assert_ne!(tree(1)["tree"]["nodes"], tree(2)["tree"]["nodes"]);
    let ridge = |ridge: &str| -> f64 {
        let found = place.json(&format!(
            "{on} --method surrogate --kind linear --ridge {ridge}"
        ));
        found["linear"]["weight"]
            .as_array()
            .unwrap()
            .iter()
            .map(|w| w.as_f64().unwrap().abs())
            .sum()
    };
    assert!(
        ridge("1000") < 0.1 * ridge("0.01"),
        "a ridge holds weights down"
    );
    refused(
        &place,
        &format!("{on} --method surrogate --kind local --patch 16"),
        &["--patch is 16", "1 to 15"],
    );
    refused(
        &place,
        &format!("{on} --method occlusion --patch 17"),
        &["--patch is 17", "1 to 16"],
    );
}

/// Rows are given one by one, or from one to another.
#[test]
fn rows_are_given_by_ranges() {
    let place = trained();
    let on = "explain houses --data houses.csv --device cpu --method saliency --rows";
    let rows = |given: &str| -> Vec<u64> {
        let found = place.json(&format!("{on} {given}"));
        let rows = found["explained"].as_array().unwrap().iter();
        rows.map(|row| row["row"].as_u64().unwrap()).collect()
    };
    assert_eq!(rows("7,0-2,99"), [7, 0, 1, 2, 99]);
    for (given, part) in [
        ("3-1", "0,7,12 or 0-99"),
        ("1-", "0,7,12 or 0-99"),
        ("a", "0,7,12 or 0-99"),
        ("5-18446744073709551615", "expected numbers from 0 to 99"),
    ] {
        refused(&place, &format!("{on} {given}"), &["--rows", part]);
    }
}

/// No line of a table is wider than a page, but for a word that is.
#[test]
fn tables_fit() {
    let place = trained();
    for (run, method) in [
        ("flowers --data flowers.csv", "integrated_gradients"),
        ("flowers --data flowers.csv", "surrogate"),
        ("glyphs --data glyphs:n=40,seed=5", "integrated_gradients"),
        ("glyphs --data glyphs:n=40,seed=5", "activation"),
        ("glyphs --data glyphs:n=40,seed=5", "surrogate --kind local"),
    ] {
        let out = place.ok(&format!("explain {run} --device cpu --method {method}"));
        let widest = out.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{method}: {widest:?}\n{out}");
    }
}

/// Sizes that no memory holds, and flags that a kind of surrogate does not take.
#[test]
fn sizes_and_kinds_are_refused() {
    let place = trained();
    let on = "explain flowers --data flowers.csv --device cpu";
    for (flags, parts) in [
        // Sizes that no memory holds.
        (
            "--method surrogate --kind local --samples 18446744073709551615",
            &["--samples", "18446744073709551615", "20 to 1000000"][..],
        ),
        (
            "--method surrogate --samples 1000000000000",
            &["--samples", "1000000000000"],
        ),
        (
            "--method surrogate --kind tree --samples 1",
            &["--samples is 1", "20"],
        ),
        (
            "--method activation --steps 99999999999",
            &["--steps", "99999999999", "100000"],
        ),
        (
            "--method integrated_gradients --steps 9000",
            &["--steps", "9000", "8192"],
        ),
        (
            "--method surrogate --kind tree --depth 100000",
            &["--depth", "100000", "16"],
        ),
        ("--method activation --l2 1e300", &["--l2 is 1e300", "f32"]),
        // Flags that the kind does not take.
        (
            "--method surrogate --kind tree --class nonsense",
            &["nonsense", "rose"],
        ),
        (
            "--method surrogate --kind tree --class rose",
            &["--class", "leave it out"],
        ),
        (
            "--method surrogate --kind linear --class rose",
            &["--class", "the kind is linear"],
        ),
        (
            "--method surrogate --kind tree --rows 99999",
            &["--rows", "the kind is tree"],
        ),
        (
            "--method surrogate --kind tree --width -3",
            &["--width", "local"],
        ),
        (
            "--method surrogate --kind tree --ridge nan",
            &["--ridge", "linear, local"],
        ),
        (
            "--method surrogate --kind linear --depth 3",
            &["--depth", "tree"],
        ),
        ("--method surrogate --patch 3", &["--patch", "pictures"]),
        (
            "--method surrogate --ridge -1",
            &["--ridge is -1", "at least 0"],
        ),
        (
            "--method perturbation --step 1e-30",
            &["--step is 0.0", "the input length of row 0", "another"],
        ),
    ] {
        refused(&place, &format!("{on} {flags} --out page.html"), parts);
    }
}
