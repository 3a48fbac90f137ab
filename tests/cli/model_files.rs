//! Model files: what is written is read, and what is wrong is refused, whatever it is.

use std::collections::HashMap;
use std::path::Path;

use proptest::prelude::*;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;
use thalweg::network::{Activation, Init, Loss, Network};
use thalweg::run::{ModelFile, load_weights};
use thalweg::train::Model;

use super::Place;

fn network() -> Network {
    Network::mlp(3, &[4], 2, Activation::Elu(0.5))
}

fn small() -> ModelFile {
    let values = network().initial(Init::HeNormal, 7);
    let model = Model::from_values(network(), Activation::Softmax, values).unwrap();
    ModelFile {
        model,
        loss: Some(Loss::CrossEntropy),
        classes: thalweg::network::ClassOptions::default(),
        preparation: None,
        steps: 12,
    }
}

/// A file as other programs write it.
fn foreign(tensors: &[(&str, Dtype, &[usize], Vec<u8>)]) -> Vec<u8> {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (
            *name,
            TensorView::new(*dtype, shape.to_vec(), bytes).unwrap(),
        )
    });
    safetensors::serialize(views, None).unwrap()
}

fn zeros(
    name: &'static str,
    shape: &'static [usize],
) -> (&'static str, Dtype, &'static [usize], Vec<u8>) {
    (
        name,
        Dtype::F32,
        shape,
        vec![0; 4 * shape.iter().product::<usize>()],
    )
}

fn whole() -> Vec<(&'static str, Dtype, &'static [usize], Vec<u8>)> {
    vec![
        zeros("layers.0.weight", &[4, 3]),
        zeros("layers.0.bias", &[4]),
        zeros("layers.1.weight", &[2, 4]),
        zeros("layers.1.bias", &[2]),
    ]
}

#[test]
fn a_model_comes_back_as_it_was() {
    let place = Place::new();
    let path = place.path("m.safetensors");
    small().save(&path).unwrap();
    assert_eq!(ModelFile::load(&path).unwrap(), small());
    assert_eq!(
        load_weights(&path, &network()).unwrap(),
        small().model.values
    );
    assert_eq!(
        small().to_bytes().unwrap(),
        std::fs::read(&path).unwrap(),
        "equal models are equal bytes"
    );
    let bytes = std::fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let shapes: HashMap<_, _> = file
        .iter()
        .map(|(name, view)| (name, view.shape().to_vec()))
        .collect();
    let expected = whole()
        .into_iter()
        .map(|(name, _, shape, _)| (name, shape.to_vec()))
        .collect();
    assert_eq!(shapes, expected, "PyTorch's names and shapes");
}

#[test]
fn other_types_of_numbers_are_converted() {
    let place = Place::new();
    let path = place.path("w.safetensors");
    let mut tensors = whole();
    let doubles: Vec<u8> = (0..12)
        .flat_map(|i| (f64::from(i) / 8.0).to_le_bytes())
        .collect();
    tensors[0] = ("layers.0.weight", Dtype::F64, &[4, 3], doubles);
    // 1, -2, 0.5 and 0 in each of the two.
    let words = |words: [u16; 4]| {
        words
            .iter()
            .flat_map(|w| w.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    tensors[1] = (
        "layers.0.bias",
        Dtype::F16,
        &[4],
        words([0x3c00, 0xc000, 0x3800, 0]),
    );
    tensors[2] = (
        "layers.1.weight",
        Dtype::BF16,
        &[2, 4],
        words([0x3f80, 0xc000, 0x3f00, 0]).repeat(2),
    );
    std::fs::write(&path, foreign(&tensors)).unwrap();
    let values = load_weights(&path, &network()).unwrap();
    assert_eq!(values[0][11], 1.375);
    assert_eq!(values[1], [1.0, -2.0, 0.5, 0.0]);
    assert_eq!(values[2][..4], [1.0, -2.0, 0.5, 0.0]);
}

/// The file must be refused as weights, with a message that names it and all of `parts`.
#[track_caller]
fn refused(bytes: &[u8], parts: &[&str]) {
    let place = Place::with(&[("w.safetensors", bytes)]);
    let message = load_weights(&place.path("w.safetensors"), &network())
        .expect_err("it is wrong")
        .to_string();
    for part in [&["w.safetensors"], parts].concat() {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
}

#[test]
fn weights_that_do_not_fit_are_refused_by_name() {
    let without = |i: usize| {
        whole()
            .into_iter()
            .enumerate()
            .filter(|(n, _)| *n != i)
            .map(|(_, t)| t)
            .collect::<Vec<_>>()
    };
    let with = |i: usize, tensor| {
        let mut tensors = whole();
        tensors[i] = tensor;
        tensors
    };
    refused(
        &foreign(&with(0, zeros("layers.0.weight", &[3, 4]))),
        &["`layers.0.weight`", "[3, 4]", "[4, 3]"],
    );
    refused(
        &foreign(&without(2)),
        &["`layers.1.weight`", "none of that name", "`layers.1.bias`"],
    );
    let extra = [whole(), vec![zeros("momentum", &[2])]].concat();
    refused(&foreign(&extra), &["`momentum`", "3-4-2"]);
    refused(
        &foreign(&with(1, ("layers.0.bias", Dtype::I32, &[4], vec![0; 16]))),
        &["`layers.0.bias`", "I32", "float32"],
    );
    let nan = f32::NAN.to_le_bytes().repeat(4);
    refused(
        &foreign(&with(1, ("layers.0.bias", Dtype::F32, &[4], nan))),
        &["`layers.0.bias`", "NaN", "element 0"],
    );
    let large = 1e300_f64.to_le_bytes().repeat(4);
    refused(
        &foreign(&with(1, ("layers.0.bias", Dtype::F64, &[4], large))),
        &["`layers.0.bias`", "inf"],
    );
}

#[test]
fn a_header_that_lies_is_refused() {
    let header = |text: &str, data: usize| {
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    };
    let mut long = foreign(&whole());
    long[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    refused(&long, &["18446744073709551615 bytes", "within the file"]);
    refused(b"", &["0 bytes"]);
    refused(&header("{not json", 0), &["JSON"]);
    let tensor = |shape: &str, offsets: &str| {
        header(
            &format!(
                r#"{{"layers.0.weight":{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}}}"#
            ),
            48,
        )
    };
    for (shape, offsets) in [
        ("[4,3]", "[0,4800]"),
        ("[4,3]", "[48,0]"),
        ("[400,3]", "[0,48]"),
        ("[4294967296,4294967296]", "[0,48]"),
        ("[4,3]", "[0,18446744073709551615]"),
    ] {
        refused(&tensor(shape, offsets), &["header"]);
    }
    let two = r#"{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#;
    refused(&header(two, 16), &["offset"]);
}

/// The file with another text in its description.
fn edited(from: &str, to: &str) -> Vec<u8> {
    let bytes = small().to_bytes().unwrap();
    let length = header_length(&bytes);
    let header = std::str::from_utf8(&bytes[8..8 + length]).unwrap();
    assert!(header.contains(from), "no {from} in {header}");
    let header = header.replace(from, to);
    let data = &bytes[8 + length..];
    [
        &(header.len() as u64).to_le_bytes(),
        header.as_bytes(),
        data,
    ]
    .concat()
}

fn header_length(bytes: &[u8]) -> usize {
    usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap()
}

#[test]
fn a_description_that_makes_no_sense_is_refused() {
    for (from, to, part) in [
        (r#"\"format\":2"#, r#"\"format\":4"#, "newer thalweg"),
        (r#"\"format\":2,"#, "", "format"),
        (r#"\"inputs\":3"#, r#"\"inputs\":4"#, "`layers.0.weight`"),
        (r#"\"inputs\":3"#, r#"\"inputs\":0"#, "no inputs"),
        (
            r#"\"inputs\":3"#,
            r#"\"inputs\":18446744073709551615"#,
            "parameters",
        ),
        (r#"cross_entropy"#, "crossed", "crossed"),
        ("thalweg", "another", "--init-weights"),
    ] {
        let place = Place::with(&[("m.safetensors", &edited(from, to))]);
        let message = ModelFile::load(&place.path("m.safetensors"))
            .expect_err("it is wrong")
            .to_string();
        assert!(
            message.contains(part) && message.contains("m.safetensors"),
            "no {part:?} in {message}"
        );
    }
}

/// The file of a run on a table, with another description.
fn redescribed(path: &Path, change: impl Fn(&mut Value)) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    let length = header_length(&bytes);
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let text = header["__metadata__"]["thalweg"].as_str().unwrap();
    let mut description: Value = serde_json::from_str(text).unwrap();
    change(&mut description);
    header["__metadata__"]["thalweg"] = Value::from(description.to_string());
    let (header, data) = (header.to_string(), &bytes[8 + length..]);
    let length = (header.len() as u64).to_le_bytes();
    [&length, header.as_bytes(), data].concat()
}

/// What the first format had not is as it was then: no statistics, no class weights, no steps, one target, nothing missing.
#[test]
fn files_of_other_versions_are_read() {
    let place = Place::with(&[("houses.csv", super::houses().as_bytes())]);
    place.ok("train --data houses.csv --target price --epochs 2 --device cpu --quiet --out run");
    let path = place.path("run/model.safetensors");
    let now = ModelFile::load(&path).unwrap();
    let predicted = place.ok("predict run --data houses.csv --device cpu");

    let old = redescribed(&path, |text| {
        text["format"] = Value::from(1);
        let fields = text.as_object_mut().unwrap();
        fields.remove("steps").expect("it is new");
        fields.remove("classes");
        let target = text["preparation"]["target"].as_object_mut().unwrap();
        target.remove("several").expect("it is new");
        let known = [
            "format",
            "loss",
            "network",
            "output",
            "preparation",
            "version",
        ];
        let mut found: Vec<_> = text.as_object().unwrap().keys().collect();
        found.sort();
        assert_eq!(found, known, "the fields of the first format");
        let mut found: Vec<_> = text["preparation"].as_object().unwrap().keys().collect();
        found.sort();
        assert_eq!(found, ["inputs", "target"]);
    });
    std::fs::write(&path, old).unwrap();
    let read = ModelFile::load(&path).unwrap();
    assert_eq!((read.steps, now.steps > 0), (0, true));
    assert_eq!(
        ModelFile {
            steps: now.steps,
            ..read
        },
        now
    );
    assert_eq!(
        place.ok("predict run --data houses.csv --device cpu"),
        predicted
    );

    // Of the same format, with what a later version adds without changing the rest.
    let new = redescribed(&path, |text| {
        let later = serde_json::json!({"later": [1, "two", {"three": null}]});
        text["later"] = later.clone();
        text["network"]["later"] = later.clone();
        text["network"]["layers"][0]["later"] = later.clone();
        text["preparation"]["later"] = later.clone();
        text["preparation"]["inputs"]["columns"][0]["later"] = later;
    });
    std::fs::write(&path, new).unwrap();
    assert_eq!(
        ModelFile {
            steps: now.steps,
            ..ModelFile::load(&path).unwrap()
        },
        now
    );
    // A kind that is not known is no addition.
    let other = redescribed(&path, |text| {
        text["network"]["layers"][0]["kind"] = Value::from("attention");
    });
    std::fs::write(&path, other).unwrap();
    let refused = ModelFile::load(&path)
        .expect_err("it is not known")
        .to_string();
    assert!(refused.contains("`attention`"), "{refused}");
}

#[test]
fn every_truncation_is_refused() {
    let place = Place::new();
    let path = place.path("m.safetensors");
    let bytes = small().to_bytes().unwrap();
    for length in 0..bytes.len() {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(ModelFile::load(&path).is_err(), "cut to {length} bytes");
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let place = Place::new();
    for path in [place.path(""), place.path("none"), "/dev/zero".into()] {
        assert!(
            ModelFile::load(Path::new(&path)).is_err(),
            "{}",
            path.display()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens to its bytes, a file is refused or read, and what is read can be used.
    #[test]
    fn damaged_files_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = small().to_bytes().unwrap();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let place = Place::with(&[("m.safetensors", &bytes)]);
        if let Ok(file) = ModelFile::load(&place.path("m.safetensors")) {
            let x = vec![0.5; file.model.network.inputs];
            let predicted = file.model.predict(&x);
            prop_assert!(predicted.is_ok(), "{predicted:?}");
        }
    }
}
