//! Random configurations: whatever they say, the program ends as it promises, and never panics.

use std::collections::BTreeMap;

use thalweg::random::{Random, stream};

use super::{Place, flowers, houses};

/// Values that make sense, by flag. What is not listed takes any of [`ODD`].
const VALUES: &[(&str, &[&str])] = &[
    (
        "data",
        &[
            "xor:n=9",
            "moons:n=40",
            "blobs:n=30,noise=0.2",
            "glyphs:n=20",
            "flowers.csv",
            "houses.csv",
            "parity:3",
        ],
    ),
    (
        "target",
        &["kind", "price", "length", "colour", "area,price"],
    ),
    ("weights", &["width", "length", "area"]),
    (
        "val-data",
        &["moons:n=12,seed=4", "flowers.csv", "houses.csv"],
    ),
    ("val-fraction", &["0", "0.2", "0.5", "0.99"]),
    ("task", &["auto", "classification", "regression"]),
    ("normalize", &["auto", "standard", "minmax", "none"]),
    ("missing", &["error", "mean", "drop"]),
    ("drop", &["width", "colour", "kind", "nothing"]),
    ("hidden", &["3", "4,5", "1", "", "64"]),
    (
        "activation",
        &[
            "relu",
            "tanh",
            "elu:0.5",
            "softmax",
            "gelu",
            "silu",
            "identity",
            "leaky_relu",
        ],
    ),
    ("dropout", &["0", "0.5", "0.99"]),
    ("batch-norm", &["true", "false"]),
    ("layer-norm", &["true", "false"]),
    ("noise", &["0", "0.1", "30"]),
    ("init", &["default", "he_normal", "xavier_uniform"]),
    (
        "loss",
        &[
            "auto",
            "cross_entropy",
            "bce",
            "mse",
            "mae",
            "huber:0.5",
            "smooth_l1",
            "hinge",
            "kl",
            "nll",
        ],
    ),
    ("label-smoothing", &["0", "0.1", "0.9"]),
    ("class-weights", &["balanced", "1,2", "1,2,3", "rose=2"]),
    (
        "optimizer",
        &[
            "sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "adagrad", "adadelta",
            "adamax", "nadam", "radam", "lion",
        ],
    ),
    ("lr", &["0", "0.01", "1", "1e30"]),
    ("momentum", &["0", "0.9"]),
    ("weight-decay", &["0", "0.1"]),
    ("beta1", &["0.5", "0"]),
    ("beta2", &["0.5", "0.999"]),
    ("epsilon", &["1e-8", "1"]),
    ("alpha", &["0.5", "0"]),
    ("centered", &["true", "false"]),
    ("rho", &["0.5"]),
    ("momentum-decay", &["0", "1"]),
    ("clip-norm", &["1", "1e-6"]),
    ("clip-value", &["0.1"]),
    ("l1", &["0.01"]),
    ("max-norm", &["1", "0.001"]),
    ("ema", &["0.9", "0"]),
    ("accumulate", &["1", "2", "7"]),
    (
        "group",
        &["*.bias:lr=0.1", "layers.0.*:weight-decay=0", "nothing:lr=1"],
    ),
    ("batch-size", &["1", "2", "7", "1000"]),
    ("epochs", &["1", "3"]),
    ("steps", &["1", "5"]),
    ("seed", &["0", "7", "18446744073709551615"]),
    ("no-shuffle", &["true", "false"]),
    ("window", &["1", "5", "100"]),
    (
        "schedule",
        &[
            "cosine",
            "one_cycle",
            "plateau:patience=1",
            "step:step_size=1",
            "linear:warmup=3",
            "exponential:gamma=0.5",
        ],
    ),
    ("monitor", &["loss", "accuracy", "r2"]),
    ("patience", &["1", "3"]),
    ("min-delta", &["0", "0.1"]),
    ("restore-best", &["true", "false"]),
    ("checkpoint-steps", &["1", "4"]),
    ("checkpoint-minutes", &["0.0001", "5"]),
    (
        "device",
        &["cpu", "cpu", "cpu", "reference", "reference-f32"],
    ),
    ("precision", &["single", "mixed"]),
    ("threads", &["1", "2"]),
    ("stream", &["1", "1000"]),
    ("autotune", &["true", "false"]),
    ("no-fusion", &["true", "false"]),
    (
        "init-weights",
        &["weights.safetensors", "missing.safetensors"],
    ),
    ("config", &["layers.toml", "missing.toml"]),
    ("folds", &["2", "3"]),
    ("repeats", &["1", "2"]),
];

/// What nobody means.
const ODD: &[&str] = &[
    "",
    "-1",
    "0",
    "nan",
    "inf",
    "1e400",
    "99999999999999999999",
    "x",
    "a,b",
    ":",
    "=",
    "é",
    "--",
    "1;2",
];

/// Flags that end elsewhere than in a run, or where a run goes.
const LEFT: &[&str] = &["help", "version", "out", "force", "json", "quiet", "config"];

/// The flags of `train` as its help lists them, and whether each takes a value.
fn flags(place: &Place) -> BTreeMap<String, bool> {
    let help = place.ok("train --help");
    let mut flags = BTreeMap::new();
    for line in help.lines().map(str::trim_start) {
        let Some(at) = line.find("--").filter(|_| line.starts_with('-')) else {
            continue;
        };
        let rest = &line[at + 2..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let (name, tail) = rest.split_at(end.unwrap_or(rest.len()));
        flags.insert(
            name.to_owned(),
            tail.trim_start().starts_with(['<', '=', '[']),
        );
    }
    flags
}

/// A random list of layers, some of which make no sense.
fn layers(draw: &mut impl FnMut(usize) -> usize) -> String {
    let kinds = [
        "kind = \"linear\"\nunits = 5",
        "kind = \"linear\"\nunits = 4\nactivation = \"tanh\"",
        "kind = \"linear\"\nunits = 3\nbias = false",
        "kind = \"maxout\"\nunits = 3\npieces = 2",
        "kind = \"dropout\"\np = 0.3",
        "kind = \"batch_norm\"",
        "kind = \"layer_norm\"\nepsilon = 1e-3",
        "kind = \"activation\"\nfunction = \"gelu\"",
        "kind = \"noise\"\nstd = 0.2",
        "kind = \"residual\"\nlayers = [{ kind = \"layer_norm\" }, { kind = \"activation\", function = \"relu\" }]",
        "kind = \"residual\"\nlayers = [{ kind = \"linear\", units = 4 }]",
        "kind = \"linear\"\nunits = 0",
        "kind = \"linear\"\nunits = -3",
        "kind = \"nothing\"",
        "units = 3",
        "kind = \"dropout\"\np = 2",
    ];
    let count = draw(5);
    let one = |_| format!("[[layers]]\n{}\n", kinds[draw(kinds.len())]);
    (0..count).map(one).collect()
}

/// `THALWEG_SWEEP=5000` tries as many.
#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a draw, a run and what is asked of it, read from above to below"
)]
fn no_configuration_makes_it_panic() {
    let count: u64 = std::env::var("THALWEG_SWEEP").map_or(150, |n| n.parse().expect("a number"));
    let place = Place::with(&[
        ("flowers.csv", flowers().as_bytes()),
        ("houses.csv", houses().as_bytes()),
    ]);
    place.ok("train --data moons:n=40 --hidden 3 --device cpu --epochs 1 --quiet --out first");
    std::fs::copy(
        place.path("first/model.safetensors"),
        place.path("weights.safetensors"),
    )
    .unwrap();
    std::fs::remove_dir_all(place.path("first")).unwrap();
    let all: Vec<_> = flags(&place)
        .into_iter()
        .filter(|(f, _)| !LEFT.contains(&f.as_str()))
        .collect();
    assert!(all.len() > 30, "the help lists {all:?}");
    let mut ends = BTreeMap::new();
    for number in 0..count {
        let random = Random::new(
            count,
            stream::TEST,
            u32::try_from(number).expect("it is small"),
        );
        let mut index = 0;
        let mut draw = |below: usize| {
            index += 1;
            let below = u32::try_from(below).expect("it is small");
            random.below(index, below) as usize
        };
        let mut arguments = vec!["train".to_owned(), "--epochs=2".to_owned()];
        let mut text = String::new();
        if draw(3) == 0 {
            text = layers(&mut draw);
            std::fs::write(place.path("layers.toml"), &text).unwrap();
            arguments.push("--config=layers.toml".to_owned());
        }
        let chosen = 1 + draw(7);
        let mut named = vec!["epochs".to_owned()];
        let mut put = |name: &str, value: Option<&str>| {
            if !named.iter().any(|other| other == name) {
                named.push(name.to_owned());
                arguments
                    .push(value.map_or_else(|| format!("--{name}"), |v| format!("--{name}={v}")));
            }
        };
        for _ in 0..chosen {
            let (name, takes) = &all[draw(all.len())];
            let values = VALUES
                .iter()
                .find(|(flag, _)| flag == name)
                .map_or(ODD, |(_, v)| v);
            let values = if draw(6) == 0 { ODD } else { values };
            put(name, takes.then(|| values[draw(values.len())]));
        }
        // What is not chosen is small, and on a device that is always there.
        put(
            "data",
            Some(["moons:n=40", "flowers.csv", "houses.csv"][draw(3)]),
        );
        put("device", Some("cpu"));
        put("hidden", Some("4"));
        let run = "run";
        arguments.extend(["--quiet".to_owned(), format!("--out={run}")]);
        if text.contains("[[") {
            arguments.retain(|a| !a.starts_with("--hidden"));
        }
        let before = place.listing();
        let said = super::said(place.command("").args(&arguments));
        let what = || format!("{arguments:?}\n{text}\n{said:#?}");
        assert!(matches!(said.status, Some(0..=2)), "{}", what());
        assert!(
            !said.err.contains("panicked") && !said.err.contains("unreachable"),
            "{}",
            what()
        );
        match said.status {
            Some(0) => assert!(
                place.path(run).is_dir()
                    || arguments
                        .iter()
                        .any(|a| a.contains("dry-run") || a.contains("find-lr")),
                "{}",
                what()
            ),
            Some(2) => {
                assert!(
                    said.err.contains("error: ") && said.err.trim().len() > 20,
                    "{}",
                    what()
                );
                assert!(
                    place.listing() == before,
                    "something is written: {}",
                    what()
                );
            }
            _ => assert!(said.err.contains("error: "), "{}", what()),
        }
        *ends.entry(said.status).or_insert(0_u64) += 1;
        let _ = std::fs::remove_dir_all(place.path(run));
        let _ = std::fs::remove_file(place.path("lr.svg"));
    }
    eprintln!("{ends:?}");
    let done = ends.get(&Some(0)).copied().unwrap_or(0);
    assert!(done * 8 > count, "only {done} of {count} trained: {ends:?}");
}
