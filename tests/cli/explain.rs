//! `thalweg explain`.

use std::fs;

use serde_json::Value;

use super::bad_input::refused;
use super::{Place, flowers, houses};

/// Runs of a network for pictures, and for two tables.
pub(super) fn trained() -> Place {
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

pub(super) fn numbers(value: &Value) -> Vec<f64> {
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
