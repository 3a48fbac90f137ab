//! The page of a run, and runs side by side.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{Place, flowers, houses};

fn page(place: &Place, run: &str) -> String {
    fs::read_to_string(place.path(run).join("report.html")).expect("there is a report")
}

/// What every report has.
#[track_caller]
fn assert_whole(page: &str) {
    for part in [
        "<title>",
        "name=\"viewport\"",
        "id=\"summary\"",
        "id=\"curves\"",
        "id=\"layers\"",
        "id=\"answers\"",
        "id=\"time\"",
        "id=\"configuration\"",
        "Norm of the gradient",
        "Weights over time",
        "Learning rate",
        "config.toml",
        "environment.json",
    ] {
        assert!(page.contains(part), "`{part}` is missing");
    }
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    for source in ["http://", "https://", "//cdn", "@import", "url("] {
        assert!(!page.contains(source), "{source} is asked for");
    }
    for (open, close) in [
        ("<section", "</section>"),
        ("<svg", "</svg>"),
        ("<table", "</table>"),
        ("<figure", "</figure>"),
    ] {
        assert_eq!(
            page.matches(open).count(),
            page.matches(close).count(),
            "{open}"
        );
    }
}

#[test]
fn a_classification_has_a_page() {
    let place = Place::new();
    place.ok("train --data glyphs:n=800 --device cpu --hidden 32 --epochs 4 --out run --profile");
    let page = page(&place, "run");
    assert_whole(&page);
    for part in [
        "Confusion matrix",
        "Worst mistakes",
        "best epoch",
        "A training step by layer",
        ">ended<",
    ] {
        assert!(page.contains(part), "`{part}` is missing");
    }
    assert!(!page.contains("http-equiv=\"refresh\""), "it has ended");
    // The matrix holds each validation row once.
    let cells = page.split("<table class=\"matrix\">").nth(1).unwrap();
    let cells = cells.split("</table>").next().unwrap();
    let counts = cells.split("style=\"--a:").skip(1);
    let count = |cell: &str| {
        cell.split(['>', '<'])
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    assert_eq!(counts.map(count).sum::<u64>(), 160);
    let metrics = fs::read_to_string(place.path("run/metrics.jsonl")).unwrap();
    let layers = metrics
        .lines()
        .filter(|line| line.contains("\"kind\":\"layers\""));
    assert_eq!(layers.count(), 4, "one an epoch");
}

#[test]
fn the_worst_rows_are_pictures_or_columns() {
    let place = Place::with(&[
        ("houses.csv", houses().as_bytes()),
        ("flowers.csv", flowers().as_bytes()),
    ]);
    place.ok("train --data glyphs:n=600 --device cpu --hidden 16 --epochs 2 --out glyphs");
    let glyphs = page(&place, "glyphs");
    assert!(
        glyphs.matches("<figure><img alt=\"row ").count() >= 5,
        "pictures of digits"
    );
    place.ok("train --data houses.csv --device cpu --hidden 8 --epochs 3 --out houses");
    let houses = page(&place, "houses");
    assert_whole(&houses);
    assert!(
        houses.contains("<th scope=\"col\">area</th>"),
        "columns by name"
    );
    assert_eq!(
        houses.matches("<circle class=\"dot\"").count(),
        20,
        "a dot a validation row"
    );
    place.ok(
        "train --data flowers.csv --device cpu --hidden 2 --epochs 1 --lr 0.0001 --out flowers",
    );
    let flowers = page(&place, "flowers");
    for part in [
        "<th scope=\"col\">colour</th>",
        "<td>red</td>",
        "<td>blue</td>",
    ] {
        assert!(
            flowers.contains(part),
            "a one-hot column is its category: {part}"
        );
    }
}

/// Names from the data cannot be markup.
#[test]
fn names_are_escaped() {
    let mut text = String::from("<script>alert(1)</script>,b&\"'\n");
    for i in 0..80 {
        let kind = ["</script><script>x()</script>", "<img src=x onerror=y()>"][i % 2];
        text.push_str(&format!("{i},\"{kind}\"\n"));
    }
    let place = Place::with(&[("odd.csv", text.as_bytes())]);
    place.ok("train --data odd.csv --device cpu --hidden 4 --epochs 2 --lr 0.0001 --out run");
    let found = page(&place, "run");
    assert_whole(&found);
    for markup in ["<script>alert", "<script>x()", "<img src=x"] {
        assert!(!found.contains(markup), "{markup}");
    }
    assert!(
        found.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
        "the column's name"
    );
    assert!(
        found.contains("&lt;img src=x onerror=y()&gt;"),
        "the class's name"
    );
}

#[test]
fn it_can_be_left_out() {
    let place = Place::new();
    let flags = "train --data moons:n=200 --device cpu --epochs 2 --hidden 4";
    for (run, off) in [
        ("a", "--no-report"),
        ("b", "--report false"),
        ("c", "--report=false"),
    ] {
        place.ok(&format!("{flags} {off} --out {run}"));
        assert!(!place.path(run).join("report.html").exists());
        let metrics = fs::read_to_string(place.path(run).join("metrics.jsonl")).unwrap();
        assert!(
            !metrics.contains("layers"),
            "nothing is looked at for nobody"
        );
    }
    let config = fs::read_to_string(place.path("a/config.toml")).unwrap();
    assert!(config.contains("report = false"), "{config}");
    place.ok("train --config a/config.toml --out d");
    assert!(!place.path("d/report.html").exists());
    place.ok("train --config a/config.toml --out e --report");
    assert!(
        place.path("e/report.html").is_file(),
        "a flag wins over the file"
    );
    let said = place.run(&format!("{flags} --report --no-report --out f"));
    assert_eq!(said.status, Some(2), "{said:#?}");
    let models = ["a", "e"].map(|run| fs::read(place.path(run).join("model.safetensors")).unwrap());
    assert!(models[0] == models[1], "the report changes no bit");
}

/// The whole history is there after a resume: the report reads it back.
#[test]
fn a_resumed_run_has_a_whole_page() {
    let place = Place::new();
    place.ok("train --data glyphs:n=300 --device cpu --hidden 8 --epochs 3 --checkpoint-steps 2 --tensorboard --out run");
    let first = page(&place, "run");
    assert!(first.contains("<b>3</b><span>epochs</span>"));
    place.ok("resume run --epochs 6");
    let whole = page(&place, "run");
    assert!(whole.contains("<b>6</b><span>epochs</span>"));
    assert_whole(&whole);
    let metrics = fs::read_to_string(place.path("run/metrics.jsonl")).unwrap();
    let of = |kind: &str| metrics.lines().filter(|line| line.contains(kind)).count();
    assert_eq!(
        (of("\"kind\":\"epoch\""), of("\"kind\":\"layers\"")),
        (6, 6)
    );
    let data = whole.split("type=\"application/json\">").nth(1).unwrap();
    let data: Value = serde_json::from_str(data.split("</script>").next().unwrap()).unwrap();
    assert_eq!(
        data["series"][0]["points"].as_array().unwrap().len(),
        6,
        "the curve begins at the first epoch"
    );
}

/// A run that fails says so in its page, and one without validation rows is shown on those it has.
#[test]
fn odd_runs_have_a_page() {
    let place = Place::new();
    place.ok(
        "train --data moons:n=100 --val-fraction 0 --device cpu --epochs 3 --hidden 4 --out none",
    );
    let found = page(&place, "none");
    assert_whole(&found);
    assert!(found.contains("20 training rows") || found.contains("training rows, by the model"));
    let said = place.run("train --data moons:n=400 --device cpu --epochs 50 --hidden 4 --optimizer sgd --lr 1e30 --out bad");
    assert_eq!(said.status, Some(1), "{said:#?}");
    let found = page(&place, "bad");
    assert!(
        found.contains("class=\"state bad\">failed: "),
        "it says that it failed"
    );
}

#[test]
fn curves_are_drawn_in_the_terminal() {
    let place = Place::new();
    let flags = "train --data moons:n=200 --device cpu --epochs 12 --hidden 8 --quiet --plot --force --out run";
    let drawn = |name: &str, value: &str| {
        let mut command = place.command(flags);
        command
            .env_remove("LC_ALL")
            .env_remove("LC_CTYPE")
            .env_remove("LANG")
            .env(name, value);
        super::said(&mut command).out
    };
    let braille = drawn("LANG", "en_GB.UTF-8");
    assert!(
        braille
            .chars()
            .any(|c| ('\u{2801}'..='\u{28ff}').contains(&c)),
        "{braille}"
    );
    assert!(
        braille.contains("epoch") && braille.contains("validation"),
        "{braille}"
    );
    assert!(
        braille.lines().all(|line| line.chars().count() <= 100),
        "{braille}"
    );
    let ascii = drawn("LC_ALL", "C");
    assert!(ascii.is_ascii() && ascii.contains('*'), "{ascii}");
    let json = place.ok(&format!("{flags} --json"));
    assert_eq!(json.lines().count(), 1, "not with --json: {json}");
}

#[test]
fn runs_are_put_side_by_side() {
    let place = Place::new();
    for (run, lr) in [("a", 0.01), ("b", 0.0001)] {
        place.ok(&format!(
            "train --data moons:n=300 --device cpu --epochs 5 --hidden 8 --lr {lr} --out runs/{run}"
        ));
    }
    let text = place.ok("compare runs/a runs/b");
    for part in ["val_loss", "val_accuracy", "parameters", "lr", "0.0001"] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
    assert!(
        !text.contains("batch-size"),
        "what is equal is left out\n{text}"
    );
    let better = text
        .lines()
        .find(|line| line.starts_with("val_loss"))
        .unwrap();
    assert!(
        better.split_whitespace().nth(1).unwrap().ends_with('*'),
        "the first is better\n{text}"
    );
    let found = place.json("compare runs/a runs/b --out both.html");
    assert_eq!(found["best"]["val_loss"], "a");
    assert_eq!(found["runs"][1]["config"]["lr"], "0.0001");
    let best = found["runs"][0]["results"]["val_loss"].as_f64().unwrap();
    let epoch = found["runs"][0]["results"]["best_epoch"].as_f64().unwrap();
    let metrics = fs::read_to_string(place.path("runs/a/metrics.jsonl")).unwrap();
    let lines = metrics
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let own = lines
        .filter(|l| l["kind"] == "epoch")
        .find(|l| l["epoch"] == epoch);
    assert_eq!(own.unwrap()["val_loss"].as_f64(), Some(best));
    let page = fs::read_to_string(place.path("both.html")).unwrap();
    assert!(page.contains("2 runs") && page.contains("data-chart") && page.contains("the best"));
    for source in ["http://", "https://", "url("] {
        assert!(!page.contains(source), "{source}");
    }
}

#[test]
fn what_is_no_run_is_refused_and_what_is_unfinished_is_said() {
    let place = Place::with(&[("file.txt", b"x"), ("houses.csv", houses().as_bytes())]);
    place.ok("train --data moons:n=200 --device cpu --epochs 2 --hidden 4 --out a");
    place.ok("train --data houses.csv --device cpu --epochs 2 --hidden 4 --out b");
    fs::create_dir(place.path("empty")).unwrap();
    for (given, part) in [
        ("a nowhere", "nowhere: does not exist"),
        ("a empty", "empty: there is no metrics.jsonl in it"),
        ("a a/model.safetensors", "is a file"),
        ("file.txt", "is a file"),
    ] {
        let said = place.run(&format!("compare {given}"));
        assert_eq!(said.status, Some(2), "{said:#?}");
        assert!(
            said.err.contains(part) && said.err.contains("folder of a run"),
            "{said:#?}"
        );
    }
    let said = place.run("compare a b");
    assert_eq!(said.status, Some(0), "{said:#?}");
    assert!(said.err.contains("different tasks"), "{said:#?}");
    fs::remove_file(place.path("a/model.safetensors")).unwrap();
    let mut metrics = fs::read_to_string(place.path("a/metrics.jsonl")).unwrap();
    metrics.truncate(metrics.len() - 20);
    fs::write(place.path("a/metrics.jsonl"), metrics).unwrap();
    let said = place.run("compare a");
    assert_eq!(said.status, Some(0), "{said:#?}");
    assert!(said.err.contains("a has not ended"), "{said:#?}");
    fs::write(
        place.path("a/metrics.jsonl"),
        b"\xff\xfe\n{}\n[]\n{\"kind\":\"epoch\"}\n",
    )
    .unwrap();
    let said = place.run("compare a b --out page.html");
    assert_eq!(said.status, Some(0), "{said:#?}");
    let said = place.run("compare a b --out nowhere/page.html");
    assert_eq!(said.status, Some(1), "{said:#?}");
    assert!(Path::new(&place.path("page.html")).is_file());
}
