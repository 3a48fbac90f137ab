//! `export`, `inspect`'s table of layers, and what helps a user at the shell: completions, manual pages, grouped help.
//! What is in the exported files is held against `predict` in `tests/onnx`.

use std::process::Command;

use super::{Place, flowers};

fn trained() -> Place {
    let place = Place::with(&[("flowers.csv", flowers().as_bytes())]);
    place.ok("train --data flowers.csv --target kind --device cpu --hidden 8,4 --batch-norm --epochs 3 --batch-size 16 --out run");
    place
}

#[test]
fn a_run_is_exported_and_what_it_takes_is_told() {
    let place = trained();
    let out = place.ok("export run --format onnx --out flowers.onnx");
    for part in [
        "flowers.onnx",
        "opset 17",
        "x, float32 [N, 4]: length, colour=blue, colour=red, width",
        "probabilities, float32 [N, 3]: iris, lily, rose",
    ] {
        assert!(out.contains(part), "no {part:?} in\n{out}");
    }
    let found =
        place.json("export run --best --format safetensors --out f.safetensors --script f.py");
    assert_eq!(found["features"][1], "colour=blue", "{found}");
    assert_eq!(
        (&found["script"], &found["output"]),
        (&"f.py".into(), &"probabilities".into())
    );
    let size = std::fs::metadata(place.path("f.safetensors"))
        .unwrap()
        .len();
    assert_eq!(found["bytes"].as_u64(), Some(size));
    place.ok("eval f.safetensors --data flowers.csv --device cpu");
}

/// A time in seconds over a day is far larger than its spread; a number of thousands is not, nor a constant that f32 holds.
#[test]
fn columns_that_lose_digits_as_float32_are_told() {
    let mut text = String::from("time,area,const,odd,y\n");
    for i in 0..60_u32 {
        let time = 1.7e9 + f64::from(i) * 1440.0;
        let area = 2000.0 + f64::from(i);
        text.push_str(&format!("{time},{area},16777216,16777217,{}\n", i * i));
    }
    let place = Place::with(&[("t.csv", text.as_bytes())]);
    place.ok("train --data t.csv --task regression --device cpu --hidden 4 --epochs 1 --val-fraction 0 --out run");
    let said = place.run("export run --format onnx --out t.onnx");
    assert_eq!(said.status, Some(0), "{said:#?}");
    // Its deviation is 1440 sqrt((60^2 - 1) / 12); f32 numbers are 128 apart there.
    for part in [
        "single precision",
        "\"time\" lies around 1.70e9",
        "spread of 2.49e4",
        "multiples of 128 ",
        "(0.51 %",
        "\"odd\"",
    ] {
        assert!(said.err.contains(part), "no {part:?} in {}", said.err);
    }
    for name in ["area", "const"] {
        assert!(!said.err.contains(name), "{name}: {}", said.err);
    }
    let said = place.run("export run --format safetensors --out t.safetensors");
    assert_eq!(said.err, "", "its script takes double precision");
    let place = trained();
    let said = place.run("export run --format onnx --out f.onnx");
    assert_eq!(said.err, "");
}

#[test]
fn an_export_replaces_nothing_unasked() {
    let place = trained();
    std::fs::write(place.path("there.onnx"), "mine").unwrap();
    std::fs::write(place.path("there.py"), "mine").unwrap();
    std::fs::create_dir(place.path("folder")).unwrap();
    let before = place.listing();
    for (arguments, part) in [
        ("--format onnx --out there.onnx", "`--force`"),
        ("--format onnx --out folder", "is a folder"),
        ("--format onnx --out nowhere/f.onnx", "no folder nowhere"),
        ("--format onnx --out f.onnx --script f.py", "safetensors"),
        (
            "--format safetensors --out f.safetensors --script there.py",
            "`--force`",
        ),
        ("--format safetensors --out f --script f", "same file"),
        (
            "--format safetensors --out run/model.safetensors --force",
            "the model that is",
        ),
        ("--format pickle --out f", "onnx"),
        ("--out f", "--format"),
        ("--format onnx", "--out"),
    ] {
        let said = place.run(&format!("export run {arguments}"));
        assert_eq!(said.status, Some(2), "`{arguments}` ended so: {said:#?}");
        assert!(said.err.contains(part), "no {part:?} in {}", said.err);
        assert!(said.out.is_empty(), "{said:#?}");
        assert!(place.listing() == before, "`{arguments}` wrote something");
    }
    place.ok("export run --format onnx --out there.onnx --force");
    assert_ne!(std::fs::read(place.path("there.onnx")).unwrap(), b"mine");
    let bytes = std::fs::read(place.path("there.onnx")).unwrap();
    place.ok("export run --format onnx --out again.onnx");
    assert!(
        std::fs::read(place.path("again.onnx")).unwrap() == bytes,
        "equal models are equal bytes"
    );
}

#[test]
fn layers_are_summed_up() {
    let place = Place::new();
    let toml = "
        data = 'moons:n=100'
        layers = [{ kind = 'linear', units = 8 }, { kind = 'residual', layers = [
            { kind = 'batch_norm' }, { kind = 'maxout', units = 8, pieces = 2 }, { kind = 'dropout', p = 0.5 }] },
            { kind = 'activation', function = 'relu' }]";
    std::fs::write(place.path("c.toml"), toml).unwrap();
    place.ok("train --config c.toml --device cpu --epochs 1 --batch-size 32 --out run");
    let out = place.ok("inspect run");
    for part in [
        "[32, 8]",
        "\n  batch_norm",
        "\n  maxout of 2",
        "\n  dropout 0.5",
        "218: 202 trained, 16 not",
        "forward; a training step takes about 3 times",
    ] {
        assert!(out.contains(part), "no {part:?} in\n{out}");
    }
    let table = out.split("\n\n").nth(1).unwrap();
    let longest = table.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(80), "too wide for a page:\n{table}");
    let found = place.json("inspect run --batch-size 10");
    let summary = &found["model"]["summary"];
    assert_eq!(
        (&summary["batch"], &summary["trained"]),
        (&10.into(), &202.into()),
        "{summary}"
    );
    let maxout = &summary["rows"][3];
    assert_eq!(
        (&maxout["layer"], &maxout["depth"]),
        (&"maxout of 2".into(), &1.into()),
        "{summary}"
    );
    // 16 products of 8 numbers and 16 biases, and of each 2 pieces one comparison.
    assert_eq!(maxout["flops_per_row"], 2 * 8 * 16 + 16 + 8, "{summary}");
    assert_eq!(maxout["activation_bytes"], 4 * 10 * (16 + 8), "{summary}");
}

const VERBS: [&str; 11] = [
    "train",
    "resume",
    "eval",
    "predict",
    "export",
    "devices",
    "bench",
    "verify",
    "inspect",
    "completions",
    "man",
];

#[test]
fn shells_take_the_completions() {
    let place = Place::new();
    for (shell, check) in [
        ("bash", Some("-n")),
        ("zsh", Some("-n")),
        ("fish", Some("-n")),
        ("powershell", None),
        ("elvish", None),
    ] {
        let script = place.ok(&format!("completions {shell}"));
        for word in VERBS.iter().chain(&["--hidden", "--probabilities"]) {
            // Fish has the flags without their dashes.
            let word = word.trim_start_matches('-');
            assert!(script.contains(word), "no {word:?} for {shell}");
        }
        std::fs::write(place.path(shell), &script).unwrap();
        let Some(check) = check else { continue };
        match Command::new(shell)
            .arg(check)
            .arg(place.path(shell))
            .output()
        {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(
                    output.status.success() && said.is_empty(),
                    "{shell} says {said}"
                );
            }
            Err(error) => eprintln!("SKIPPED: {shell} was not asked: {error}"),
        }
    }
    assert_eq!(place.run("completions tcsh").status, Some(2));
}

#[test]
fn every_verb_has_a_page() {
    let place = Place::new();
    let page = place.ok("man");
    assert!(
        page.contains(".TH thalweg 1") && page.contains("thalweg\\-train(1)"),
        "{page}"
    );
    let names = place.ok("man --out pages");
    for verb in VERBS.iter().chain(&["bench-matmul"]) {
        let name = format!("thalweg-{verb}.1");
        assert!(names.contains(&name), "no {name} in {names}");
        let page = std::fs::read_to_string(place.path("pages").join(&name)).unwrap();
        assert!(
            page.contains(".SH SYNOPSIS") && page.contains("Examples:"),
            "{page}"
        );
    }
    let train = std::fs::read_to_string(place.path("pages/thalweg-train.1")).unwrap();
    for part in ["\\-\\-hidden", ".SH NETWORK", ".SH OUTPUT"] {
        assert!(train.contains(part), "no {part:?} in {train}");
    }
    std::fs::write(place.path("file"), "").unwrap();
    let said = place.run("man --out file");
    assert!(
        said.status == Some(1) && said.err.contains("file"),
        "{said:#?}"
    );
}

/// Headings in the order in which a user thinks, every flag under one, and lines that fit a narrow terminal.
#[test]
fn the_help_of_train_is_grouped() {
    let place = Place::new();
    let mut command = place.command("train --help");
    let help = super::said(command.env("COLUMNS", "80")).out;
    let headings: Vec<_> = help
        .lines()
        .filter(|line| {
            !line.starts_with(' ') && line.ends_with(':') && !line.starts_with("Examples")
        })
        .collect();
    let expected = [
        "Options:",
        "Data:",
        "Network:",
        "Training:",
        "Stopping:",
        "Choosing:",
        "Device:",
        "Output:",
    ];
    assert_eq!(headings, expected, "{help}");
    let start = help.find("Options:").unwrap();
    let longest = help.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(80), "too wide:\n{help}");
    let options = help[start..].split("\n\n").next().unwrap();
    let flags = options
        .lines()
        .filter(|line| line.trim_start().starts_with('-'));
    assert_eq!(
        flags.count(),
        2,
        "only help and version are in no group:\n{options}"
    );
}
