//! Exported models against `predict`: by a reader and operators of the tests' own, by onnxruntime, and by PyTorch.
//!
//! The Python parts run where Python has what they need. Where it has not they say so and are skipped; with
//! `THALWEG_REQUIRE_PYTHON=1` that is a failure.

mod cases;
mod compute;
mod reader;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use thalweg::data::{Missing, Preparation, Spec, TableInputs, TableOptions, Task, Values, split};
use thalweg::network::{Init, Network};
use thalweg::run::ModelFile;
use thalweg::train::Model;

use cases::{Case, Data, cases, table};
use compute::compute;
use reader::{Model as Onnx, Tensor};
/// A folder with the model of a case and its data, exported both ways, and what `predict` says.
struct Place {
    folder: PathBuf,
    inputs: Vec<f64>,
}

fn thalweg(folder: &Path, arguments: &[&str]) {
    let output = Command::new(env!("CARGO_BIN_EXE_thalweg"))
        .env("THALWEG_CACHE", "")
        .current_dir(folder)
        .args(arguments)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{arguments:?} in {}: {said}",
        folder.display()
    );
}

/// Values for the network's tensors as training could leave them: no statistic is 0 or 1, no gamma 1.
fn trained(network: &Network) -> Vec<Vec<f32>> {
    let mut values = network.initial(Init::Default, 7);
    for (number, (parameter, values)) in network.lasting().zip(&mut values).enumerate() {
        let is_variance = parameter.name.ends_with("running_var");
        for (i, value) in values.iter_mut().enumerate() {
            let wave = ((number * 31 + i * 7) as f32 * 0.37).sin();
            *value = if is_variance {
                1.2 + wave
            } else {
                *value + 0.3 * wave
            };
        }
    }
    values
}

fn make(case: &Case, root: &Path) -> Place {
    let folder = root.join(case.name);
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("data.csv"), table(case.data)).unwrap();
    let spec = match case.data.target() {
        Some(_) => folder.join("data.csv").display().to_string(),
        None => case.data.spec().to_owned(),
    };
    let spec: Spec = spec.parse().unwrap();
    let options = TableOptions {
        target: case.data.target().map(str::to_owned),
        missing: if case.data == Data::Gaps {
            Missing::Mean
        } else {
            Missing::Error
        },
        ..TableOptions::default()
    };
    let table = spec.load(&options).unwrap();
    let (rows, _) = split(table.rows(), 0.2, 1, true).unwrap();
    let preparation = Preparation::fit(&table, &rows, Task::Auto, case.normalize).unwrap();
    let network = (case.network)(preparation.features(), preparation.outputs());
    let values = trained(&network);
    let inputs = raw(table.inputs(), &preparation);
    write_inputs(&folder, case, &preparation, &inputs);
    let file = ModelFile {
        model: Model::from_values(network, case.loss.output(), values).unwrap(),
        loss: Some(case.loss),
        classes: Default::default(),
        preparation: Some(preparation),
        steps: 12,
    };
    file.save(&folder.join("model.safetensors")).unwrap();
    let data = if case.data.target().is_some() {
        "data.csv"
    } else {
        case.data.spec()
    };
    let mut predict = vec![
        "predict",
        "model.safetensors",
        "--data",
        data,
        "--device",
        "cpu",
    ];
    if file.preparation.as_ref().unwrap().class_names().is_some() {
        predict.push("--probabilities");
    }
    predict.extend(["--out", "predictions.csv"]);
    thalweg(&folder, &predict);
    let export = |rest: &str| {
        let arguments: Vec<_> = rest.split(' ').collect();
        thalweg(
            &folder,
            &[&["export", "model.safetensors"], &arguments[..]].concat(),
        );
    };
    export("--format onnx --out exported.onnx");
    export("--format safetensors --out exported.safetensors --script exported.py");
    Place { folder, inputs }
}

/// Rows in the units of the data, in the order of the features.
fn raw(inputs: &TableInputs, preparation: &Preparation) -> Vec<f64> {
    match inputs {
        TableInputs::Pixels { values, .. } => values.iter().map(|&x| x.into()).collect(),
        TableInputs::Matrix { values, .. } => values.iter().collect(),
        TableInputs::Columns(columns) => {
            let rows = columns[0].values.len();
            let names = preparation.feature_names();
            let cell = |row: usize, name: &String| {
                if let Some(column) = columns.iter().find(|column| column.name == *name) {
                    let Values::Numbers(values) = &column.values else {
                        panic!("{name}")
                    };
                    return values.get(row);
                }
                let (column, category) = name.split_once('=').unwrap();
                let column = columns.iter().find(|c| c.name == column).unwrap();
                let Values::Text { codes, names } = &column.values else {
                    panic!("{name}")
                };
                f64::from(u8::from(names[codes[row] as usize] == category))
            };
            (0..rows)
                .flat_map(|row| names.iter().map(move |name| cell(row, name)))
                .collect()
        }
        other => panic!("{other:?}"),
    }
}

/// The data for Python: the table itself, or unnamed numbers under the names of the features.
fn write_inputs(folder: &Path, case: &Case, preparation: &Preparation, raw: &[f64]) {
    if case.data.target().is_some() {
        std::fs::write(folder.join("inputs.csv"), table(case.data)).unwrap();
        return;
    }
    let names = preparation.feature_names();
    let mut text = names.join(",") + "\n";
    for row in raw.chunks(names.len()) {
        let cells: Vec<_> = row.iter().map(f64::to_string).collect();
        text.push_str(&(cells.join(",") + "\n"));
    }
    std::fs::write(folder.join("inputs.csv"), text).unwrap();
}

/// What `predict` wrote: the probabilities behind the class, or the numbers.
fn predictions(folder: &Path) -> (Vec<String>, Vec<Vec<f64>>) {
    let mut reader = csv::Reader::from_path(folder.join("predictions.csv")).unwrap();
    let header: Vec<_> = reader
        .headers()
        .unwrap()
        .iter()
        .map(str::to_owned)
        .collect();
    let skip = usize::from(header.len() > 1 && header[0] == "prediction");
    let row = |record: csv::StringRecord| {
        record
            .iter()
            .skip(skip)
            .map(|x| x.parse().unwrap())
            .collect()
    };
    let rows = reader
        .records()
        .map(|record| row(record.unwrap()))
        .collect();
    (header[skip..].to_vec(), rows)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded to f32, as is meant"
)]
fn check(place: &Place, name: &str) {
    let model = Onnx::read(&std::fs::read(place.folder.join("exported.onnx")).unwrap());
    assert_eq!((model.ir_version, model.opset), (8, 17), "{name}");
    assert_eq!(model.input.0, "x", "{name}");
    let columns = usize::try_from(model.input.1).unwrap();
    let features: Vec<String> = serde_json::from_str(&model.about["features"]).unwrap();
    assert_eq!(features.len(), columns, "{name}");
    // The input of the model is single precision.
    let values = place.inputs.iter().map(|&x| f64::from(x as f32)).collect();
    let x = Tensor {
        shape: vec![place.inputs.len() / columns, columns],
        values,
    };
    let found = compute(&model, &x);
    let (header, expected) = predictions(&place.folder);
    if let Some(classes) = model.about.get("classes") {
        let classes: Vec<String> = serde_json::from_str(classes).unwrap();
        assert_eq!(header, classes, "{name}");
        assert!(model.doc.contains(&classes[0]), "{}", model.doc);
    }
    assert_eq!(found.shape, [expected.len(), header.len()], "{name}");
    for column in 0..header.len() {
        let largest = expected
            .iter()
            .map(|row| row[column].abs())
            .fold(1.0, f64::max);
        for (row, expected) in expected.iter().enumerate() {
            let (found, expected) = (found.values[row * header.len() + column], expected[column]);
            let error = (found - expected).abs() / largest;
            assert!(
                error <= 1e-5,
                "{name}, row {row}, {}: {found} for {expected}",
                header[column]
            );
        }
    }
}

/// Whether Python has these modules; if not, that is said, or refused.
pub(crate) fn python_has(modules: &str) -> bool {
    let found = Command::new("python3")
        .args(["-c", &format!("import {modules}")])
        .output();
    let has = found.is_ok_and(|output| output.status.success());
    let required = std::env::var("THALWEG_REQUIRE_PYTHON").is_ok_and(|value| value == "1");
    assert!(
        has || !required,
        "THALWEG_REQUIRE_PYTHON is 1, but python3 has no {modules}"
    );
    if !has {
        let test = std::thread::current().name().unwrap_or("?").to_owned();
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED in part: {test}: python3 has no {modules}"
        );
    }
    has
}

fn python(kind: &str, file: &str, places: &[Place]) {
    let mut command = Command::new("python3");
    command
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/onnx/check.py"))
        .arg(kind);
    for place in places {
        command.args([file, "inputs.csv", "predictions.csv"].map(|name| place.folder.join(name)));
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{kind}: {said}");
    let lines = String::from_utf8_lossy(&output.stdout).lines().count();
    assert_eq!(lines, places.len(), "each case is checked");
}

#[test]
fn exported_networks_answer_as_predict_does() {
    let root = tempfile::TempDir::new().unwrap();
    let cases = cases();
    let places: Vec<_> = cases.iter().map(|case| make(case, root.path())).collect();
    for (case, place) in cases.iter().zip(&places) {
        check(place, case.name);
    }
    if python_has("onnx, onnxruntime, numpy") {
        python("onnx", "exported.onnx", &places);
    }
    if python_has("torch, safetensors, numpy") {
        python("torch", "exported.py", &places);
    }
}

/// What is exported for PyTorch has exactly the names and shapes of the model, and this program reads it as it is.
#[test]
fn what_is_exported_for_pytorch_is_a_model_file_too() {
    let root = tempfile::TempDir::new().unwrap();
    let case = cases()
        .into_iter()
        .find(|case| case.name == "all_layers")
        .unwrap();
    let place = make(&case, root.path());
    let model = ModelFile::load(&place.folder.join("model.safetensors")).unwrap();
    let exported = ModelFile::load(&place.folder.join("exported.safetensors")).unwrap();
    assert_eq!(model, exported);
}
