//! `thalweg explain`.

use std::fs;

use serde_json::Value;

use super::bad_input::refused;
use super::{Place, flowers, houses};

/// Runs of a network for pictures, and for two tables.
fn trained() -> Place {
    let (flowers, houses) = (flowers(), houses());
    let place = Place::with(&[
        ("flowers.csv", flowers.as_bytes()),
        ("houses.csv", houses.as_bytes()),
    ]);
    let to = "--device cpu --quiet --out";
    place.ok(&format!(
        "train --data glyphs:n=600 --hidden 24,16 --epochs 6 {to} glyphs"
    ));
    place.ok(&format!(
        "train --data flowers.csv --target kind --hidden 16 --epochs 80 --lr 0.02 {to} flowers"
    ));
    place.ok(&format!(
        "train --data houses.csv --hidden 16 --epochs 60 --lr 0.01 {to} houses"
    ));
    place
}

fn numbers(value: &Value) -> Vec<f64> {
    let values = value.as_array().expect("it is a list").iter();
    values
        .map(|v| v.as_f64().expect("it is a number"))
        .collect()
}

/// A page is whole, and asks for nothing.
#[track_caller]
fn page(place: &Place, name: &str, parts: &[&str]) {
    let page = fs::read_to_string(place.path(name)).expect("there is a page");
    for part in ["name=\"viewport\"", "color-scheme", "id=\"summary\""]
        .iter()
        .chain(parts)
    {
        assert!(page.contains(part), "`{part}` is missing in {name}");
    }
    for source in ["http://", "https://", "@import", "url("] {
        let own = page.matches("http://www.w3.org/2000/svg").count();
        let found = page.matches(source).count();
        assert!(
            found == if source == "http://" { own } else { 0 },
            "{source} is asked for"
        );
    }
    for tag in ["section", "figure", "div", "table", "svg"] {
        let opened = page.matches(&format!("<{tag}")).count();
        assert_eq!(
            opened,
            page.matches(&format!("</{tag}>")).count(),
            "<{tag}> in {name}"
        );
    }
}

#[test]
fn pictures_are_explained() {
    let place = trained();
    let on = "--data glyphs:n=40,seed=5 --device cpu";
    for method in [
        "saliency",
        "gradient_times_input",
        "integrated_gradients",
        "perturbation",
    ] {
        let found = place.json(&format!(
            "explain glyphs {on} --method {method} --rows 0,7 --out {method}.html"
        ));
        assert_eq!(found["method"], method);
        let explained = found["explained"].as_array().unwrap();
        assert_eq!(explained.len(), 2, "{found}");
        for row in explained {
            let each = numbers(&row["attributions"]);
            assert_eq!(each.len(), 256);
            assert!(each.iter().any(|v| *v != 0.0), "{row}");
            assert!(
                method != "saliency" || each.iter().all(|v| *v >= 0.0),
                "{row}"
            );
            if method == "integrated_gradients" {
                let gap = row["gap"].as_f64().unwrap();
                let all = row["value"].as_f64().unwrap() - row["baseline_value"].as_f64().unwrap();
                assert!(gap.abs() <= 1e-3, "{gap} of {all}");
                assert!((each.iter().sum::<f64>() - all - gap).abs() < 1e-9, "{row}");
            }
        }
        page(
            &place,
            &format!("{method}.html"),
            &["data:image/png;base64,", "row 7"],
        );
    }
    let found = place.json(&format!(
        "explain glyphs {on} --method occlusion --patch 3 --stride 2 --out o.html"
    ));
    assert_eq!(found["positions"], 64, "8 by 8");
    let first = &found["explained"][0];
    assert_eq!(
        (numbers(&first["drops"]).len(), &first["width"]),
        (64, &8.into())
    );
    assert!(
        numbers(&first["drops"]).iter().any(|d| d.abs() > 1e-3),
        "{first}"
    );
    page(
        &place,
        "o.html",
        &["data:image/png;base64,", "64 positions"],
    );
    let found = place.json(&format!(
        "explain glyphs {on} --method activation --out a.html --layer 0 --units 1,3 --l2 0"
    ));
    let units = found["units"].as_array().unwrap();
    assert_eq!(
        (&units[1]["unit"], numbers(&units[1]["input"]).len()),
        (&3.into(), 256)
    );
    assert!(
        units[0]["made"].as_f64() > units[0]["rows"][0]["value"].as_f64(),
        "{found}"
    );
    page(&place, "a.html", &["data:image/png;base64,", "unit 3"]);
}

#[test]
fn surrogates_and_units() {
    let place = trained();
    let on = "--data flowers.csv --device cpu";
    let found = place.json(&format!(
        "explain flowers {on} --method surrogate --out s.html"
    ));
    assert!(
        found["tree"]["fidelity"]["agreement"].as_f64() >= Some(0.9),
        "{}",
        found["tree"]
    );
    let text = found["tree"]["text"].as_str().unwrap();
    assert!(
        text.contains("yes: ") && (text.contains("length <=") || text.contains("width <=")),
        "{text}"
    );
    assert!(
        found["linear"]["fidelity"]["r2"].as_f64() > Some(0.3),
        "{}",
        found["linear"]
    );
    assert_eq!(found["local"].as_array().unwrap().len(), 3);
    page(
        &place,
        "s.html",
        &["<svg", "Decision tree", "around single rows"],
    );
    let out = place.ok(&format!(
        "explain flowers {on} --method surrogate --kind tree --depth 1"
    ));
    assert!(
        out.contains("on 18 rows held out") && !out.contains("Linear"),
        "{out}"
    );
    let found = place.json(&format!(
        "explain flowers {on} --method units --rows 3 --out u.html"
    ));
    assert_eq!(found["layers"][0]["units"], 16);
    assert!(found["regions"]["count"].as_u64() >= Some(3), "{found}");
    assert!(
        found["effective"][0]["error"].as_f64() <= Some(1e-5),
        "{found}"
    );
    page(
        &place,
        "u.html",
        &["Hidden units", "linear network at each row"],
    );
}

/// Contributions to numbers are in the target's own units: a house of twice the area costs about twice as much.
#[test]
fn numbers_are_explained_in_their_units() {
    let place = trained();
    let on = "--data houses.csv --device reference";
    let found = place.json(&format!(
        "explain houses {on} --method integrated_gradients --rows 10,90 --baseline mean"
    ));
    let [low, high] = [0, 1].map(|row: usize| &found["explained"][row]);
    let rise = numbers(&high["attributions"])[0] - numbers(&low["attributions"])[0];
    assert!(
        (15e3..35e3).contains(&rise),
        "31 times 0.8 thousand, not {rise}"
    );
    for row in [low, high] {
        let [value, from, sum, gap] =
            ["value", "baseline_value", "sum", "gap"].map(|key| row[key].as_f64().unwrap());
        assert!(
            (sum - (value - from) - gap).abs() <= 1e-9 * sum.abs(),
            "{row}"
        );
        assert!(
            gap.abs() <= 1e-3 * sum.abs() && row["complete"] == true,
            "{row}"
        );
        assert!(
            (numbers(&row["attributions"])[0] - (value - from)).abs() <= 1e-3 * sum.abs(),
            "one input is all"
        );
    }
    let told = rise - (high["value"].as_f64().unwrap() - low["value"].as_f64().unwrap());
    assert!(told.abs() <= 1e-3 * rise, "off by {told}");
    assert_eq!(found["features"][0], "area");
    let out = place.ok(&format!(
        "explain houses {on} --method saliency --rows 4 --class price"
    ));
    assert!(out.contains("area +") && out.contains("price"), "{out}");
}

#[test]
fn nonsense_is_refused() {
    let place = trained();
    let on = "explain flowers --data flowers.csv --device cpu";
    for (flags, parts) in [
        ("--method saliencey", &["saliencey", "saliency"][..]),
        (
            "--method occlusion",
            &["flowers.csv", "no pictures", "integrated_gradients"],
        ),
        (
            "--method saliency --rows 60",
            &["--rows 60", "60 rows", "0 to 59"],
        ),
        (
            "--method saliency --class ros",
            &["ros", "did you mean \"rose\"?"],
        ),
        (
            "--method saliency --patch 3",
            &["--patch", "occlusion", "leave it out"],
        ),
        (
            "--method units --of logit",
            &["--of", "the method is units"],
        ),
        (
            "--method activation --layer 1",
            &["--layer 1", "expected one of 0 (16 units"],
        ),
        (
            "--method activation --units 3",
            &["--units 3", "there are 3 outputs"],
        ),
        ("--method activation --l2 -1", &["l2", "-1", "at least 0"]),
        ("--method perturbation --step 0", &["step is 0", "above 0"]),
        ("--method surrogate --width 0", &["width is 0", "above 0"]),
        (
            "--method surrogate --of odds",
            &["odds", "logit or probability"],
        ),
        ("--method surrogate --kind forest", &["forest", "tree"]),
        // Sizes that no memory holds.
        (
            "--method surrogate --kind local --samples 18446744073709551615",
            &["--samples", "18446744073709551615", "20 to 1000000"],
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
        let out = "--out page.html";
        refused(&place, &format!("{on} {flags} {out}"), parts);
    }
    refused(&place, "explain flowers --method saliency", &["--data"]);
    refused(
        &place,
        "explain nowhere --data flowers.csv --method units",
        &["nowhere", "does not exist"],
    );
    refused(
        &place,
        "explain flowers --data houses.csv --method units",
        &["houses.csv", "length"],
    );
    for out in ["nowhere/page.html", "flowers"] {
        let said = place.run(&format!("{on} --method units --out {out}"));
        assert_eq!(said.status, Some(2), "{said:#?}");
        assert!(said.err.contains(out), "{}", said.err);
    }
}

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
    let [row, column] = ["row", "column"].map(|key| at[key].as_u64().unwrap() as usize);
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
