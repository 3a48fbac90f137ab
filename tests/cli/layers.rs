//! Networks with normalisation, residual blocks, maxout and noise, by flags and as a list in a configuration.

use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;

use super::bad_input::refused;
use super::{Place, flowers};

const LIST: &str = r#"
data = "flowers.csv"
epochs = 3
batch-size = 16
seed = 2

[[layers]]
kind = "noise"
std = 0.05

[[layers]]
kind = "linear"
units = 12
bias = false

[[layers]]
kind = "batch-norm"
momentum = 0.2
activation = "relu"

[[layers]]
kind = "residual"
layers = [
  { kind = "linear", units = 6, activation = "elu:0.5" },
  { kind = "residual", layers = [{ kind = "layer_norm" }, { kind = "dropout", p = 0.1 }] },
  { kind = "linear", units = 12 },
]

[[layers]]
kind = "maxout"
units = 8
pieces = 3

[[layers]]
kind = "activation"
function = "tanh"
"#;

fn place(config: &str) -> Place {
    Place::with(&[
        ("flowers.csv", flowers().as_bytes()),
        ("c.toml", config.as_bytes()),
    ])
}

/// Trained, evaluated, predicted and inspected; and the resolved configuration reads as itself.
#[test]
fn a_list_of_layers() {
    let place = place(LIST);
    place.ok("train --config c.toml --device cpu --out run --quiet");
    let shown = place.json("inspect run");
    assert_eq!(shown["model"]["network"], json!("4-12-(6-12)-8-3"));
    let layers = shown["model"]["layers"].as_array().unwrap();
    assert_eq!(
        layers[2],
        json!({"kind": "batch_norm", "momentum": 0.2, "epsilon": 1e-5})
    );
    let names = shown["tensors"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|t| t["name"].as_str().unwrap()).collect();
    for name in [
        "layers.1.running_mean",
        "layers.1.running_var",
        "layers.2.layers.0.weight",
        "layers.2.layers.1.layers.0.bias",
        "layers.3.weight",
        "layers.4.weight",
    ] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    let text = place.ok("inspect run");
    for part in [
        "maxout 8 of 3 pieces",
        "residual (linear 6, elu:0.5",
        "batch_norm",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    let plan = place.ok("inspect run --plan");
    assert!(plan.contains("running_moments"), "{plan}");

    let config = |run: &str| std::fs::read_to_string(place.path(run).join("config.toml")).unwrap();
    place.ok("train --config run/config.toml --out again --quiet");
    assert_eq!(
        config("run"),
        config("again"),
        "the resolved one reads as itself"
    );
    let model = |run: &str| std::fs::read(place.path(run).join("model.safetensors")).unwrap();
    assert!(model("run") == model("again"), "and gives the same model");
    assert!(!config("run").contains("hidden"), "the list says it all");

    let evaluated = place.json("eval run --data flowers.csv");
    assert!(
        evaluated["loss"].as_f64().unwrap().is_finite(),
        "{evaluated}"
    );
    let whole = place.ok("predict run --data flowers.csv");
    assert_eq!(whole.lines().count(), 61);
    // A row alone is what it is among others: no batch decides.
    let first = flowers().lines().take(2).collect::<Vec<_>>().join("\n");
    std::fs::write(place.path("one.csv"), first).unwrap();
    let one = place.ok("predict run --data one.csv");
    assert_eq!(one.lines().nth(1), whole.lines().nth(1));

    let dry = place.json("train --config c.toml --device cpu --dry-run");
    let blocks = dry["store"].as_array().unwrap();
    assert!(blocks.iter().any(|b| b["name"] == "statistics"), "{dry}");
    place.ok("verify --config c.toml --device cpu --steps 3");
}

#[test]
fn flags() {
    let place = place("");
    for (flags, layer) in [
        ("--batch-norm", "batch_norm"),
        ("--layer-norm=true", "layer_norm"),
    ] {
        place.ok(&format!(
            "train --data flowers.csv --hidden 8,6 {flags} --noise 0.1 --dropout 0.2 --epochs 2 --device cpu --out {layer} --quiet"
        ));
        let shown = place.json(&format!("inspect {layer}"));
        let kinds = shown["model"]["layers"].as_array().unwrap().iter();
        let kinds: Vec<_> = kinds.map(|l| l["kind"].as_str().unwrap()).collect();
        let hidden = ["linear", layer, "activation", "dropout"];
        let expected = [&["noise"][..], &hidden, &hidden, &["linear"]].concat();
        assert_eq!(kinds, expected, "{flags}");
        let config = std::fs::read_to_string(place.path(layer).join("config.toml")).unwrap();
        assert!(config.contains("noise = 0.1"), "{config}");
    }
    refused(
        &place,
        "train --data flowers.csv --noise -1",
        &["--noise", "at least 0"],
    );
    // 48 rows are trained on.
    refused(
        &place,
        "train --data flowers.csv --batch-norm --batch-size 47",
        &["batch_size is 47", "out of 48", "another batch size"],
    );
    refused(
        &place,
        "train --data flowers.csv --batch-norm --batch-size 1 --dry-run",
        &["at least 2 rows"],
    );
    place
        .ok("train --data flowers.csv --batch-norm --batch-size 47 --steps 1 --device cpu --quiet");
}

#[expect(clippy::too_many_lines, reason = "a table of what can be wrong")]
#[test]
fn what_is_wrong_in_a_list_is_told_with_its_line() {
    let cases: [(&str, &[&str]); 26] = [
        ("layers = 3", &["c.toml:1:", "list of tables"]),
        ("layers = [3]", &["c.toml:1:", "type integer"]),
        ("[[layers]]\nunits = 3", &["c.toml:1:", "no `kind`"]),
        (
            "[[layers]]\nkind = \"lineer\"",
            &["c.toml:2:", "did you mean `linear`?"],
        ),
        (
            "[[layers]]\nkind = 7",
            &["c.toml:2:", "`kind` is of type integer"],
        ),
        (
            "[[layers]]\nkind = \"linear\"",
            &["c.toml:1:", "no `units`"],
        ),
        (
            "[[layers]]\nkind = \"linear\"\nunit = 3",
            &["c.toml:3:", "did you mean `units`?"],
        ),
        (
            "[[layers]]\nkind = \"linear\"\nunits = -3",
            &["c.toml:3:", "`-3`", "at least 1"],
        ),
        (
            "[[layers]]\nkind = \"linear\"\nunits = 0",
            &["c.toml:3:", "at least 1"],
        ),
        (
            "[[layers]]\nkind = \"linear\"\nunits = 2.5",
            &["c.toml:3:", "whole number"],
        ),
        (
            "[[layers]]\nkind = \"linear\"\nunits = \"8\"",
            &["c.toml:3:", "whole number"],
        ),
        (
            "[[layers]]\nkind = \"linear\"\nunits = 99999999999",
            &["c.toml:3:", "below 2^32"],
        ),
        (
            "[[layers]]\nkind = \"linear\"\nunits = 3\nbias = 1",
            &["c.toml:4:", "true or false"],
        ),
        (
            "[[layers]]\nkind = \"linear\"\nunits = 3\nactivation = \"rellu\"",
            &["c.toml:4:", "did you mean `relu`?"],
        ),
        (
            "[[layers]]\nkind = \"dropout\"\np = 1.0",
            &["c.toml:3:", "below 1"],
        ),
        (
            "[[layers]]\nkind = \"dropout\"\nunits = 1",
            &["c.toml:3:", "kind, p"],
        ),
        (
            "[[layers]]\nkind = \"noise\"\nstd = -0.5",
            &["c.toml:3:", "at least 0"],
        ),
        (
            "[[layers]]\nkind = \"noise\"\nstd = inf",
            &["c.toml:3:", "finite"],
        ),
        (
            "[[layers]]\nkind = \"batch_norm\"\nmomentum = 2",
            &["c.toml:3:", "from 0 to 1"],
        ),
        (
            "[[layers]]\nkind = \"layer_norm\"\nepsilon = 0",
            &["c.toml:3:", "more than 0"],
        ),
        (
            "[[layers]]\nkind = \"maxout\"\nunits = 3\npieces = 0",
            &["c.toml:4:", "at least 1"],
        ),
        (
            "[[layers]]\nkind = \"residual\"",
            &["c.toml:1:", "no `layers`"],
        ),
        (
            "[[layers]]\nkind = \"residual\"\nlayers = []",
            &["c.toml:1:", "empty"],
        ),
        (
            "[[layers]]\nkind = \"linear\"\nunits = 3\n[[layers]]\nkind = \"residual\"\nlayers = [{ kind = \"linear\", units = 4 }]",
            &["c.toml:4:", "3 columns into 4"],
        ),
        (
            "[[layers]]\nkind = \"residual\"\nlayers = [{ kind = \"linear\", units = 7 }]",
            &["4 columns into 7"],
        ),
        (
            "[[layer]]\nkind = \"linear\"",
            &["c.toml:1:", "did you mean `layers`?"],
        ),
    ];
    for (config, parts) in cases {
        let place = place(config);
        refused(&place, "train --data flowers.csv --config c.toml", parts);
    }
    let deep = format!(
        "layers = [{}{{ kind = \"layer_norm\" }}{}]",
        "{ kind = \"residual\", layers = [".repeat(9),
        "] }".repeat(9)
    );
    let place = place(&deep);
    refused(
        &place,
        "train --data flowers.csv --config c.toml",
        &["9 deep", "at most 8"],
    );
    let list = "[[layers]]\nkind = \"linear\"\nunits = 4";
    for flag in [
        "--hidden 3",
        "--activation tanh",
        "--dropout 0.1",
        "--batch-norm",
        "--noise 0",
    ] {
        let place = self::place(list);
        let name = flag.split(' ').next().unwrap();
        let arguments = format!("train --data flowers.csv --config c.toml {flag}");
        refused(&place, &arguments, &[name, "[[layers]]"]);
    }
}

/// Far more units than there is memory for are refused before anything is allocated.
#[test]
fn huge_layers_are_refused() {
    for units in ["300000000", "4000000000"] {
        let place = place(&format!(
            "[[layers]]\nkind = \"maxout\"\nunits = {units}\npieces = 1\n[[layers]]\nkind = \"linear\"\nunits = 2000000"
        ));
        let said = place.run("train --data flowers.csv --config c.toml --device cpu");
        assert!(matches!(said.status, Some(1 | 2)), "{said:#?}");
        assert!(!said.err.contains("panicked"), "{}", said.err);
    }
}

/// What becomes of a tensor's bytes; none for a tensor that is left out.
type Change<'a> = &'a dyn Fn(&str, Vec<u8>) -> Option<Vec<u8>>;

/// What `torch.save` would write by safetensors: the running statistics, and a count of batches that nothing here uses.
#[test]
fn weights_of_pytorch_with_running_statistics() {
    let floats = |values: &[f32]| {
        values
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let tensors: Vec<(&str, Dtype, Vec<usize>, Vec<u8>)> = vec![
        ("layers.0.weight", Dtype::F32, vec![2, 4], floats(&[0.1; 8])),
        ("layers.0.bias", Dtype::F32, vec![2], floats(&[0.5, -0.5])),
        ("layers.1.weight", Dtype::F32, vec![2], floats(&[2.0, 3.0])),
        ("layers.1.bias", Dtype::F32, vec![2], floats(&[0.0, 1.0])),
        (
            "layers.1.running_mean",
            Dtype::F32,
            vec![2],
            floats(&[7.0, 8.0]),
        ),
        (
            "layers.1.running_var",
            Dtype::F32,
            vec![2],
            floats(&[4.0, 9.0]),
        ),
        (
            "layers.1.num_batches_tracked",
            Dtype::I64,
            vec![],
            vec![5, 0, 0, 0, 0, 0, 0, 0],
        ),
        ("layers.2.weight", Dtype::F32, vec![3, 2], floats(&[0.3; 6])),
        ("layers.2.bias", Dtype::F32, vec![3], floats(&[0.0; 3])),
    ];
    let file = |change: Change<'_>| {
        let kept: Vec<_> = tensors
            .iter()
            .filter_map(|(n, d, s, b)| Some((*n, *d, s.clone(), change(n, b.clone())?)))
            .collect();
        let views = kept.iter().map(|(name, dtype, shape, bytes)| {
            (
                *name,
                TensorView::new(*dtype, shape.clone(), bytes).unwrap(),
            )
        });
        safetensors::serialize(views, None).unwrap()
    };
    let place = place("");
    let train = "train --data flowers.csv --hidden 2 --batch-norm --init-weights w.safetensors --lr 0 --steps 1 --device cpu";
    std::fs::write(place.path("w.safetensors"), file(&|_, bytes| Some(bytes))).unwrap();
    place.ok(&format!("{train} --out run --quiet"));
    let read = std::fs::read(place.path("run").join("model.safetensors")).unwrap();
    let model = safetensors::SafeTensors::deserialize(&read).unwrap();
    let mean: Vec<f32> = model
        .tensor("layers.1.running_mean")
        .unwrap()
        .data()
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect();
    // Nine tenths of what it was, and a tenth of a batch around 0.5 and -0.5.
    assert!(
        (mean[0] - 6.3).abs() < 0.2 && (mean[1] - 7.2).abs() < 0.2,
        "{mean:?}"
    );

    let without = |n: &str, bytes| (n != "layers.1.running_var").then_some(bytes);
    std::fs::write(place.path("w.safetensors"), file(&without)).unwrap();
    refused(&place, train, &["layers.1.running_var"]);
    let negative = |n: &str, bytes: Vec<u8>| {
        Some(if n == "layers.1.running_var" {
            floats(&[1.0, -1.0])
        } else {
            bytes
        })
    };
    std::fs::write(place.path("w.safetensors"), file(&negative)).unwrap();
    refused(&place, train, &["layers.1.running_var", "variance"]);
}

/// A model file of format 1, from before there were statistics, loads; one of a newer format is refused.
#[test]
fn model_files_of_other_formats() {
    let place = place("");
    place.ok("train --data flowers.csv --hidden 4 --epochs 1 --device cpu --out run --quiet");
    let path = place.path("run").join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let format = |number: u8| {
        let (from, to) = (
            br#"\"format\":2"#,
            [br#"\"format\":"#.as_slice(), &[number]].concat(),
        );
        let at = bytes.windows(from.len()).position(|w| w == from);
        let mut changed = bytes.clone();
        changed[at.expect("it is of format 2")..][..to.len()].copy_from_slice(&to);
        std::fs::write(&path, changed).unwrap();
    };
    let whole = place.ok("predict run --data flowers.csv");
    format(b'1');
    assert_eq!(place.ok("predict run --data flowers.csv"), whole);
    format(b'4');
    let said = place.run("predict run --data flowers.csv");
    assert_eq!(said.status, Some(2), "{said:#?}");
}
