//! Recurrent layers from a configuration, on sequences in an NPZ file.

use std::process::Command;

use serde_json::json;
use zip::CompressionMethod::Stored;

use super::bad_input::refused;
use super::resume::{results, sets};
use super::{Place, flowers};
use crate::data::{f4, npy_bytes, npz_bytes};

const ROWS: usize = 60;
const TIME: usize = 5;
const FEATURES: usize = 3;

const LIST: &str = r#"
data = "waves.npz"
epochs = 4
batch-size = 10
seed = 2

[[layers]]
kind = "lstm"
units = 6
sequence = true

[[layers]]
kind = "gru"
units = 4

[[layers]]
kind = "dropout"
p = 0.1
"#;

/// Sequences `[60, 5, 3]`; the class says whether the first number is positive.
fn waves() -> Vec<u8> {
    let number = |i: usize| ((i * i) as f32 * 0.37).sin() * 2.0;
    let x: Vec<f32> = (0..ROWS * TIME * FEATURES).map(number).collect();
    let first = |row: &[f32]| i64::from(row[0] > 0.0).to_le_bytes();
    let y: Vec<u8> = x.chunks(TIME * FEATURES).flat_map(first).collect();
    let shape = format!("({ROWS}, {TIME}, {FEATURES})");
    let x = npy_bytes("'<f4'", false, &shape, &f4(&x));
    let y = npy_bytes("'<i8'", false, &format!("({ROWS},)"), &y);
    npz_bytes(Stored, &[("x.npy", &x), ("y.npy", &y)])
}

fn place(config: &str) -> Place {
    Place::with(&[
        ("waves.npz", &waves()),
        ("flowers.csv", flowers().as_bytes()),
        ("c.toml", config.as_bytes()),
    ])
}

/// The time steps come from the data; the run is inspected, predicts, is verified, and its configuration reads as itself.
#[test]
fn a_sequence_is_learnt_from_a_list_of_layers() {
    let place = place(LIST);
    place.ok("train --config c.toml --device cpu --out run --quiet");
    let shown = place.json("inspect run");
    assert_eq!(shown["model"]["network"], json!("15-5x6-4-2"));
    assert_eq!(
        shown["model"]["layers"][0],
        json!({"kind": "recurrent", "cell": "lstm", "outputs": 6, "steps": 5, "sequence": true})
    );
    assert_eq!(shown["model"]["format"], json!(3));
    let text = place.ok("inspect run");
    for part in [
        "lstm 6 (5 time steps, each result), gru 4 (5 time steps), dropout 0.1",
        "layers.0.weight_ih_l0",
        "[24, 3]",
        "layers.1.bias_hh_l0",
        "[12]",
        "lstm, 5 steps",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let config = |run: &str| std::fs::read_to_string(place.path(run).join("config.toml")).unwrap();
    place.ok("train --config run/config.toml --out again --quiet");
    assert_eq!(
        config("run"),
        config("again"),
        "the resolved one reads as itself"
    );
    let model = |run: &str| std::fs::read(place.path(run).join("model.safetensors")).unwrap();
    assert!(model("run") == model("again"), "and gives the same model");
    let predicted = place.ok("predict run --data waves.npz");
    assert_eq!(predicted.lines().count(), 1 + ROWS);
    let evaluated = place.json("eval run --data waves.npz");
    assert!(
        evaluated["loss"].as_f64().unwrap().is_finite(),
        "{evaluated}"
    );
    place.ok("verify --config c.toml --device cpu --steps 3");
}

/// A file of a network without recurrent layers is what an older program reads.
#[test]
fn only_recurrent_models_need_the_newest_format() {
    let place = place("");
    place.ok("train --data flowers.csv --hidden 4 --epochs 1 --device cpu --out run --quiet");
    assert_eq!(place.json("inspect run")["model"]["format"], json!(2));
}

#[test]
fn a_run_with_memory_goes_on_as_if_it_had_not_stopped() {
    let place = place(&format!("checkpoint-steps = 5\n{LIST}"));
    place.ok("train --config c.toml --device cpu --out whole --quiet");
    place.ok("train --config c.toml --device cpu --out part --quiet --epochs 2");
    assert!(
        !sets(&place.path("part")).is_empty(),
        "there is a checkpoint"
    );
    place.ok("resume part --epochs 4 --quiet");
    assert!(
        results(&place.path("part")).0[0] == results(&place.path("whole")).0[0],
        "the same model"
    );
}

/// Sequences whose axes are the other way round have the same count of numbers, and are no sequences of this run.
#[test]
fn rows_of_another_layout_are_refused() {
    let place = place(LIST);
    place.ok("train --config c.toml --device cpu --out run --quiet");
    let turned = String::from_utf8_lossy(&waves()).contains("(60, 5, 3)");
    assert!(turned, "the header says so");
    let x: Vec<f32> = (0..ROWS * TIME * FEATURES)
        .map(|i| i as f32 * 0.01)
        .collect();
    let y: Vec<u8> = (0..ROWS as i64)
        .flat_map(|i| (i % 2).to_le_bytes())
        .collect();
    let file = |shape: &str| {
        let x = npy_bytes("'<f4'", false, shape, &f4(&x));
        let y = npy_bytes("'<i8'", false, &format!("({ROWS},)"), &y);
        npz_bytes(Stored, &[("x.npy", &x), ("y.npy", &y)])
    };
    std::fs::write(place.path("turned.npz"), file("(60, 3, 5)")).unwrap();
    std::fs::write(place.path("flat.npz"), file("(60, 15)")).unwrap();
    std::fs::write(place.path("same.npz"), file("(60, 5, 3)")).unwrap();
    for verb in ["eval run --data", "predict run --data"] {
        refused(
            &place,
            &format!("{verb} turned.npz"),
            &["[3, 5]", "[5, 3]", "as in training"],
        );
    }
    let predicted = |data: &str| place.ok(&format!("predict run --data {data}"));
    assert_eq!(
        predicted("flat.npz"),
        predicted("same.npz"),
        "flat rows are taken as they come"
    );
    refused(
        &place,
        "train --config c.toml --val-data turned.npz --device cpu --out other",
        &["[3, 5]", "[5, 3]"],
    );
}

#[test]
fn what_is_wrong_is_told() {
    let fails = |layer: &str, data: &str, parts: &[&str]| {
        let place = place(&format!(
            "data = \"{data}\"\nepochs = 1\nlayers = [{layer}]\n"
        ));
        refused(
            &place,
            "train --config c.toml --device cpu --out run",
            parts,
        );
    };
    let table = "flowers.csv";
    fails(
        r#"{ kind = "lstm", units = 4 }"#,
        table,
        &[
            "layer 0",
            "time steps are not known",
            "steps = 50",
            "[time, features]",
        ],
    );
    fails(
        r#"{ kind = "lstm", units = 4, steps = 3 }"#,
        "waves.npz",
        &["layer 0", "time steps is 3", "have 5", "leave them out"],
    );
    fails(
        r#"{ kind = "linear", units = 10 }, { kind = "gru", units = 4 }"#,
        "waves.npz",
        &["layer 1", "10 columns", "linear"],
    );
    fails(
        r#"{ kind = "gru", units = 4, steps = 3 }"#,
        table,
        &["layer 0", "3 time steps", "4 columns"],
    );
    fails(
        r#"{ kind = "rnn", units = 4, steps = 2 }, { kind = "rnn", units = 4, steps = 3 }"#,
        table,
        &["layer 1", "sequence = true"],
    );
    fails(
        r#"{ kind = "rnn", units = 4, steps = 2, nonlinearity = "gelu" }"#,
        table,
        &["c.toml:3", "nonlinearity", "tanh or relu"],
    );
    fails(
        r#"{ kind = "lstm", steps = 2 }"#,
        table,
        &["c.toml:3", "no `units`"],
    );
    fails(
        r#"{ kind = "lstm", units = 4, nonlinearity = "relu" }"#,
        table,
        &["c.toml:3", "unknown key `nonlinearity`"],
    );
    fails(
        r#"{ kind = "lstm", units = 4, steps = 0 }"#,
        table,
        &["c.toml:3", "`steps`", "at least 1"],
    );
}

/// Refused as ONNX, and for PyTorch a script that answers as `predict` does.
#[test]
fn pytorch_computes_what_is_exported() {
    let relu = "kind = \"rnn\"\nunits = 5\nnonlinearity = \"relu\"\nsequence = true\n\n[[layers]]\nkind = \"gru\"";
    let place = place(&LIST.replace("kind = \"gru\"", relu));
    place.ok("train --config c.toml --device cpu --out run --quiet");
    let said = place.run("export run --format onnx --out m.onnx");
    assert_eq!(said.status, Some(2), "{said:#?}");
    assert!(
        said.err.contains("recurrent") && said.err.contains("--script"),
        "{said:#?}"
    );
    place.ok("export run --format safetensors --out m.safetensors --script m.py");
    let script = std::fs::read_to_string(place.path("m.py")).unwrap();
    for part in [
        "nn.LSTM(3, 6, batch_first=True)",
        "nn.RNN(6, 5, nonlinearity=\"relu\", batch_first=True)",
        "nn.GRU(5, 4, batch_first=True)",
        "x = self.layers[0](x.unflatten(1, (5, 3)))[0].flatten(1)",
        "[0][:, -1]",
    ] {
        assert!(script.contains(part), "{part} is not in {script}");
    }
    if !crate::onnx::python_has("torch, safetensors, numpy") {
        return;
    }
    let code = "import numpy as np, m; x = np.load('waves.npz')['x'].reshape(60, 15)\n\
        for row in m.predict(x).tolist(): print(*row, sep=',')";
    let output = Command::new("python3")
        .current_dir(place.path(""))
        .args(["-c", code])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let theirs = String::from_utf8(output.stdout).unwrap();
    let ours = place.ok("predict run --data waves.npz --probabilities");
    let numbers = |line: &str, skip: usize| -> Vec<f64> {
        line.split(',')
            .skip(skip)
            .map(|x| x.parse().unwrap())
            .collect()
    };
    assert_eq!(theirs.lines().count(), ROWS);
    for (theirs, ours) in theirs.lines().zip(ours.lines().skip(1)) {
        for (a, b) in numbers(theirs, 0).iter().zip(numbers(ours, 1)) {
            assert!((a - b).abs() <= 1e-5, "{theirs} for {ours}");
        }
    }
}
