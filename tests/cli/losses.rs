//! Losses, weights and several targets, through the program.

use super::bad_input::refused;
use super::{Place, flowers, houses};

/// Flowers with a column of weights, 0 for every fourth.
fn weighed_flowers() -> String {
    let mut lines = flowers().lines().map(str::to_owned).collect::<Vec<_>>();
    for (row, line) in lines.iter_mut().enumerate() {
        *line = match row {
            0 => format!("share,{line}"),
            row => format!("{},{line}", row % 4),
        };
    }
    lines.join("\n") + "\n"
}

/// Two numbers that follow from one, and a third whose name has a comma.
fn plans() -> String {
    let row = |i: u32| {
        let area = f64::from(i) * 0.31 + 0.05;
        format!(
            "{area},{},{},{}\n",
            1000.0 * area + 5000.0,
            20.0 - 3.0 * area,
            2.0 * area
        )
    };
    let rows = (0..100).map(row);
    std::iter::once("area,price,age,\"a,b\"\n".to_owned())
        .chain(rows)
        .collect()
}

fn number(found: &serde_json::Value, key: &str) -> f64 {
    found[key]
        .as_f64()
        .unwrap_or_else(|| panic!("no {key} in {found}"))
}

#[test]
fn losses_of_classes_learn_and_evaluate() {
    let place = Place::with(&[("flowers.csv", flowers().as_bytes())]);
    let flags = "--data flowers.csv --device cpu --hidden 16 --lr 0.01 --epochs 60 --batch-size 16";
    for (loss, more) in [
        ("hinge", ""),
        ("nll", ""),
        ("kl", "--class-weights 1,2,3"),
        ("cross_entropy", "--label-smoothing 0.1"),
        (
            "cross_entropy",
            "--label-smoothing 0.1 --class-weights balanced",
        ),
        ("mae", ""),
    ] {
        let found = place.json(&format!(
            "train {flags} --loss {loss} {more} --out run --force"
        ));
        assert!(
            number(&found, "val_accuracy") > 0.95,
            "{loss} {more}: {found}"
        );
        let eval = place.json("eval run --device cpu");
        let off = (number(&eval, "loss") - number(&found, "val_loss")).abs();
        assert!(off <= 1e-6, "{loss} {more}: {eval} and {found}");
        let out = place.ok("predict run --data flowers.csv --device cpu --probabilities");
        let first: Vec<&str> = out.lines().nth(1).expect("a row").split(',').collect();
        let sum: f64 = first[1..].iter().map(|p| p.parse::<f64>().unwrap()).sum();
        assert_eq!(first[0], "rose", "{loss}: {out}");
        if !["hinge", "mae"].contains(&loss) {
            assert!(
                (sum - 1.0).abs() < 1e-5,
                "{loss}: no probabilities: {first:?}"
            );
        }
    }
    let said = place.run("predict run --data flowers.csv --device cpu --probabilities");
    assert!(said.err.contains("no probabilities"), "{said:?}");
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "weights are rounded to f32 as the program does"
)]
fn rounded(weight: f64) -> f32 {
    weight as f32
}

/// `balanced` is n / (classes * rows of the class), and is to the bit what these numbers are by hand.
#[test]
fn balanced_weights_are_those_by_hand() {
    let mut text = String::from("x,y,kind\n");
    let mut rows = [0_u32; 3];
    for i in 0..91_u32 {
        // 70 of one class, 14 of the next and 7 of the last.
        let class = [2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][i as usize % 13];
        rows[class] += 1;
        let (x, y) = ((f64::from(i) * 0.7).sin(), (f64::from(i) * 1.3).cos());
        text.push_str(&format!(
            "{},{y},{}\n",
            x + class as f64,
            ["a", "b", "c"][class]
        ));
    }
    assert_eq!(rows, [70, 14, 7]);
    let place = Place::with(&[("t.csv", text.as_bytes())]);
    let train =
        "train --data t.csv --val-data t.csv --device cpu --hidden 8 --epochs 3 --batch-size 16";
    place.ok(&format!("{train} --class-weights balanced --out balanced"));
    let read = |name: &str| std::fs::read(place.path(name)).unwrap();
    let config = String::from_utf8(read("balanced/config.toml")).unwrap();
    assert!(config.contains("class-weights = \"balanced\""), "{config}");
    let model = "model.safetensors";
    let file = thalweg::run::ModelFile::load(&place.path(&format!("balanced/{model}"))).unwrap();
    let told = file.classes.weights.expect("the model keeps them");
    let expected = rows.map(|count| rounded(91.0 / (3.0 * f64::from(count))));
    assert_eq!(told, expected);
    let by_hand = expected.map(|weight| weight.to_string()).join(",");
    place.ok(&format!("{train} --class-weights {by_hand} --out hand"));
    place.ok(&format!("{train} --out plain"));
    let run = |name: &str| read(&format!("{name}/{model}"));
    assert!(run("balanced") == run("hand"), "{by_hand}");
    assert!(
        run("balanced") != run("plain"),
        "the weights change nothing"
    );
    // Of the rows that train alone, not of all.
    place.ok(&train.replace(
        "--val-data t.csv",
        "--val-fraction 0.5 --no-shuffle --class-weights balanced --out half",
    ));
    let file = thalweg::run::ModelFile::load(&place.path(&format!("half/{model}"))).unwrap();
    let counts = (0..45).fold([0.0_f64; 3], |mut counts, row| {
        counts[[2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][row % 13]] += 1.0;
        counts
    });
    let trained: f64 = counts.iter().sum();
    let expected = counts.map(|count| rounded(trained / (3.0 * count)));
    assert_eq!(file.classes.weights.unwrap(), expected);
}

/// An absolute error is told in the target's own units, each step's too; Huber's in the scale that the network sees.
#[test]
fn losses_of_numbers_learn_and_are_told_in_units() {
    let place = Place::with(&[("houses.csv", houses().as_bytes())]);
    let flags = "--data houses.csv --device cpu --hidden= --lr 0.05 --epochs 20 --batch-size 16";
    let mut told = Vec::new();
    for loss in ["mae", "huber:0.5", "smooth_l1:0.5"] {
        let found = place.json(&format!("train {flags} --loss {loss} --out run --force"));
        assert!(number(&found, "val_r2") > 0.99, "{loss}: {found}");
        let eval = place.json("eval run --device cpu");
        let off = number(&eval, "loss") / number(&found, "val_loss") - 1.0;
        assert!(off.abs() < 1e-6, "{loss}: {eval} and {found}");
        let metrics = std::fs::read_to_string(place.path("run/metrics.jsonl")).unwrap();
        let first: serde_json::Value =
            serde_json::from_str(metrics.lines().next().unwrap()).unwrap();
        told.push(number(&first, "loss"));
    }
    // Standardised, nothing is far from 1; the deviation of the prices is about 9000.
    assert!(
        told[0] > 1000.0 && told[1] < 10.0 && told[2] < 10.0,
        "{told:?}"
    );
    // The mean distance of what is predicted from what is there.
    place.ok(&format!(
        "train {flags} --loss mae --val-data houses.csv --out all"
    ));
    let out = place.ok("predict all --data houses.csv --device cpu");
    let distance = |(line, row): (&str, &str)| {
        let price: f64 = row.split(',').nth(1).unwrap().parse().unwrap();
        (line.parse::<f64>().unwrap() - price).abs()
    };
    let houses = houses();
    let rows = out.lines().skip(1).zip(houses.lines().skip(1));
    let mean = rows.map(distance).sum::<f64>() / 100.0;
    let eval = place.json("eval all --device cpu");
    assert!(
        (number(&eval, "loss") / mean - 1.0).abs() < 1e-3,
        "{eval} and {mean}"
    );
}

/// The column is no input, and rows that weigh nothing might as well not be there.
#[test]
fn weights_of_rows() {
    let all = weighed_flowers();
    let kept: String = (all.lines())
        .filter(|line| !line.starts_with("0,"))
        .map(|line| line.to_owned() + "\n")
        .collect();
    let place = Place::with(&[("all.csv", all.as_bytes()), ("kept.csv", kept.as_bytes())]);
    let flags = "--device cpu --hidden 8 --epochs 5 --batch-size 100 --normalize none --init xavier_uniform --no-shuffle";
    let mut losses = Vec::new();
    for name in ["all", "kept"] {
        let found = place.json(&format!(
            "train --data {name}.csv --val-data {name}.csv --weights share {flags} --out {name}"
        ));
        losses.push(number(&found, "val_loss"));
        let eval = place.json(&format!("eval {name} --device cpu"));
        let off = (number(&eval, "loss") - losses[losses.len() - 1]).abs();
        assert!(off < 1e-6, "{name}: {eval} and {losses:?}");
    }
    assert!((losses[0] - losses[1]).abs() < 1e-5, "{losses:?}");
    // Without the column, as in data to be predicted, all rows count the same.
    std::fs::write(place.path("new.csv"), flowers()).unwrap();
    let eval = place.json("eval all --data new.csv --device cpu");
    assert!((number(&eval, "loss") - losses[0]).abs() > 1e-6, "{eval}");
    place.ok("predict all --data new.csv --device cpu");
    let config = std::fs::read_to_string(place.path("all/config.toml")).unwrap();
    assert!(config.contains("weights = \"share\""), "{config}");
    // With weights the last column may be the target still.
    let found = place.json(&format!(
        "train --data all.csv --sample-weights share {flags} --out again"
    ));
    assert!(number(&found, "val_accuracy") >= 0.0, "{found}");
    let verified = place.json("verify --data all.csv --weights share --hidden 4 --device cpu");
    assert_eq!(verified["passed"], true, "{verified}");
}

#[test]
fn several_targets() {
    let place = Place::with(&[("plans.csv", plans().as_bytes())]);
    let flags = "--data plans.csv --device cpu --hidden= --lr 0.05 --epochs 60 --batch-size 16";
    let mut squared = 0.0;
    for loss in ["mse", "mae", "huber"] {
        let found = place.json(&format!(
            "train {flags} --target price,age --loss {loss} --out run --force"
        ));
        assert!(number(&found, "val_r2") > 0.99, "{loss}: {found}");
        let eval = place.json("eval run --device cpu");
        let off = number(&eval, "loss") / number(&found, "val_loss") - 1.0;
        assert!(off.abs() < 1e-6, "{loss}: {eval} and {found}");
        squared = number(&eval, "r2");
    }
    assert!(squared > 0.99, "{squared}");
    std::fs::write(place.path("new.csv"), "\"a,b\",area\n20.0,10\n4,2\n").unwrap();
    let out = place.ok("predict run --data new.csv --device cpu");
    let rows: Vec<Vec<&str>> = out.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows[0], ["prediction.price", "prediction.age"]);
    let near = |text: &str, value: f64| (text.parse::<f64>().unwrap() / value - 1.0).abs() < 0.1;
    assert!(
        near(rows[1][0], 15_000.0) && near(rows[1][1], -10.0),
        "{out}"
    );
    // The exact name wins over a list.
    place.ok(&format!("train {flags} --target a,b --out comma"));
    assert!(
        place
            .ok("predict comma --data plans.csv --device cpu")
            .starts_with("prediction\n")
    );
    place.ok(&format!("train {flags} --target age,a,b --out three"));
    let out = place.ok("predict three --data plans.csv --device cpu");
    assert!(
        out.starts_with("prediction.age,\"prediction.a,b\"\n"),
        "{out}"
    );
}

/// Flags behind `train --data`, and what the message says.
#[rustfmt::skip] // one a line
const REFUSED: [(&str, &[&str]); 30] = [
    ("houses.csv --loss hinge", &["--loss hinge", "needs classes", "numbers", "--task classification"]),
    ("houses.csv --loss nll", &["negative_log_likelihood", "needs classes", "huber"]),
    ("houses.csv --loss kl", &["kullback_leibler", "0 to 1"]),
    ("plans.csv --target price,age --loss kl --normalize none", &["kullback_leibler", "0 to 1"]),
    ("houses.csv --class-weights balanced", &["--class-weights balanced", "numbers", "leave it out"]),
    ("flowers.csv --loss mse --class-weights balanced", &["--class-weights", "squared_error", "cross_entropy"]),
    ("flowers.csv --class-weights 1,2", &["--class-weights 1,2", "2 numbers", "3 classes", "iris"]),
    ("flowers.csv --class-weights 1,-2,3", &["--class-weights", "-2", "at least 0"]),
    ("flowers.csv --class-weights -1,2,3", &["--class-weights", "-1", "at least 0"]),
    ("flowers.csv --class-weights rosy=2", &["--class-weights", "rosy", "did you mean \"rose\"", "lily"]),
    ("flowers.csv --class-weights balancd", &["--class-weights", "balancd", "balanced"]),
    ("flowers.csv --class-weights 0,0,0", &["--class-weights", "0 for all", "leave it out"]),
    ("flowers.csv --label-smoothing 1", &["--label-smoothing", "1", "below 1"]),
    ("flowers.csv --label-smoothing -0.1", &["--label-smoothing", "-0.1", "at least 0"]),
    ("flowers.csv --label-smoothing 0.1 --loss hinge", &["--label-smoothing 0.1", "cross_entropy", "hinge"]),
    ("flowers.csv --label-smoothing 0.1 --loss nll", &["--label-smoothing 0.1", "negative_log_likelihood"]),
    ("houses.csv --label-smoothing 0.1", &["--label-smoothing 0.1", "squared_error", "leave"]),
    ("flowers.csv --weights shares", &["shares", "did you mean \"share\"", "length"]),
    ("flowers.csv --weights kind", &["flowers.csv", "kind", "number"]),
    ("flowers.csv --weights kind --target kind", &["kind", "as a target and as weights", "once"]),
    ("negative.csv --weights share", &["negative.csv:4", "share", "-3", "at least 0"]),
    ("zero.csv --weights share", &["zero.csv", "share", "0 in every row", "above 0"]),
    ("moons --weights share", &["share", "moons", "CSV"]),
    ("houses.csv --loss huber:0", &["huber", "0", "above 0"]),
    ("houses.csv --loss huber:-1", &["huber", "-1", "above 0"]),
    ("houses.csv --loss smooth_l1:x", &["x", "a number"]),
    ("plans.csv --target price,agee", &["agee", "did you mean \"age\"", "price"]),
    ("plans.csv --target price,price", &["price", "twice", "once"]),
    ("flowers.csv --target length,kind", &["kind", "text such as", "numbers"]),
    ("plans.csv --target price,age --task classification", &["2 numbers a row", "one class"]),
];

#[test]
fn what_does_not_fit_together_is_refused() {
    let negative = weighed_flowers().replace("\n3,", "\n-3,");
    let zero = weighed_flowers()
        .replace("\n1,", "\n0,")
        .replace("\n2,", "\n0,")
        .replace("\n3,", "\n0,");
    let place = Place::with(&[
        ("flowers.csv", weighed_flowers().as_bytes()),
        ("houses.csv", houses().as_bytes()),
        ("plans.csv", plans().as_bytes()),
        ("negative.csv", negative.as_bytes()),
        ("zero.csv", zero.as_bytes()),
    ]);
    for (flags, parts) in REFUSED {
        refused(
            &place,
            &format!("train --device cpu --epochs 1 --data {flags}"),
            parts,
        );
    }
    std::fs::write(
        place.path("c.toml"),
        "data = 'flowers.csv'\nsample_weights = 'share'\nclass-weights = [1, 2]\n",
    )
    .unwrap();
    refused(
        &place,
        "train --device cpu --config c.toml",
        &["--class-weights 1,2", "3 classes"],
    );
    std::fs::write(place.path("c.toml"), "label-smoothing = 1.5\n").unwrap();
    refused(
        &place,
        "train --config c.toml",
        &["c.toml:1", "label-smoothing", "below 1"],
    );
}
