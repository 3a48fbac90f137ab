//! Bad input: status 2, a message that names file, place and remedy, and nothing written.

use zip::CompressionMethod::Deflated;

use super::Place;
use crate::data::{f4, gz, idx_bytes, npy_bytes, npz_bytes};

/// The program must refuse, say all of `parts`, and leave the folder as it was.
#[track_caller]
pub(super) fn refused(place: &Place, arguments: &str, parts: &[&str]) {
    let before = place.listing();
    let said = place.run(arguments);
    assert_eq!(said.status, Some(2), "`{arguments}` ended so: {said:#?}");
    assert_eq!(said.out, "", "`{arguments}` wrote to standard output");
    for part in parts {
        assert!(
            said.err.contains(part),
            "`{arguments}` says {}, without {part:?}",
            said.err
        );
    }
    let errors = said.err.lines().filter(|line| line.starts_with("error: "));
    // Libraries of a driver may complain that there is no desktop.
    let own = errors.filter(|line| !line.contains("XDG_RUNTIME_DIR"));
    assert_eq!(own.count(), 1, "one message: {}", said.err);
    assert!(!said.err.contains("panicked"), "{}", said.err);
    assert_eq!(place.listing(), before, "`{arguments}` wrote something");
}

/// Training on one file must be refused, by its name.
#[track_caller]
fn data(name: &str, bytes: &[u8], flags: &str, parts: &[&str]) {
    let place = Place::with(&[(name, bytes)]);
    refused(
        &place,
        &format!("train --device cpu --data {name} {flags}"),
        &[&[name], parts].concat(),
    );
}

#[test]
fn csv() {
    let place = Place::new();
    refused(
        &place,
        "train --data missing.csv",
        &["missing.csv", "exists"],
    );
    refused(&place, "train --data glyhps", &["did you mean \"glyphs\"?"]);
    data("e.csv", b"", "", &["empty"]);
    data("s.csv", b"a,b,y\n1,2,0\n3,1\n", "", &["s.csv:3", "2", "3"]);
    data(
        "n.csv",
        b"a,y\n1,0\n2,1\n3,0\nx7,1\n4,0\n",
        "",
        &["n.csv:5", "x7", "number"],
    );
    data(
        "q.csv",
        b"a,y\n1,0\n\"2,1\n3,0\n",
        "",
        &["q.csv:3", "quote"],
    );
    data(
        "t.csv",
        b"a,kind\n1,0\n2,1\n",
        "--target kin",
        &["kin", "did you mean", "kind"],
    );
    data(
        "i.csv",
        b"a,y\n1,0\ninf,1\n3,1\n",
        "",
        &["i.csv:3", "inf", "finite"],
    );
    data(
        "nan.csv",
        b"a,y\n1,0\nNaN,1\n3,1\n",
        "",
        &["nan.csv:3", "finite"],
    );
    data(
        "one.csv",
        b"a,y\n1,rose\n2,rose\n3,rose\n4,rose\n5,rose\n",
        "",
        &["rose", "two classes"],
    );
    data(
        "text.csv",
        b"a,y\n1,rose\n2,lily\n3,rose\n",
        "--task regression",
        &["rose", "numbers for a regression"],
    );
}

#[test]
fn idx() {
    let (images, labels) = (
        idx_bytes(&[4, 2, 2], &[7; 16]),
        idx_bytes(&[4], &[0, 1, 0, 1]),
    );
    let mut magic = images.clone();
    magic[0] = 9;
    let few = idx_bytes(&[3], &[0, 1, 0]);
    let long = idx_bytes(&[4, 2, 200], &[7; 16]);
    let mut short = gz(&images);
    short.truncate(short.len() - 12);
    type Case<'a> = (&'a str, &'a [u8], &'a [u8], &'a [&'a str]);
    let cases: [Case<'_>; 5] = [
        ("magic", &magic, &labels, &["x.idx"]),
        ("few labels", &images, &few, &["3", "4"]),
        (
            "a length beyond the file",
            &long,
            &labels,
            &["x.idx", "[4, 2, 200]"],
        ),
        ("a cut gzip", &short, &labels, &["x.idx"]),
        (
            "labels for images",
            &labels,
            &images,
            &["x.idx", "images,labels"],
        ),
    ];
    for (name, images, labels, parts) in cases {
        let place = Place::with(&[("x.idx", images), ("y.idx", labels)]);
        eprintln!("{name}");
        refused(&place, "train --device cpu --data x.idx,y.idx", parts);
    }
}

#[test]
fn npz() {
    let y = npy_bytes("'<f4'", false, "(4,)", &f4(&[0.0, 1.0, 0.0, 1.0]));
    let numbers = f4(&[1.0; 8]);
    let zip = |x: &[u8]| npz_bytes(Deflated, &[("x.npy", x), ("y.npy", &y)]);
    let huge = npy_bytes("'<f4'", false, "(4, 99999999999)", &numbers);
    let object = npy_bytes("'|O'", false, "(4, 2)", &numbers);
    data("huge.npz", &zip(&huge), "", &["99999999999"]);
    data("object.npz", &zip(&object), "", &["object"]);
    let mut bad = numbers.clone();
    bad[4..8].copy_from_slice(&f32::NAN.to_le_bytes());
    let nan = npy_bytes("'<f4'", false, "(4, 2)", &bad);
    data("nan.npz", &zip(&nan), "", &["NaN", "finite"]);
    data(
        "none.npz",
        &npz_bytes(Deflated, &[("x.npy", &huge)]),
        "",
        &["y"],
    );
}

#[test]
fn flags() {
    let place = Place::new();
    for (flags, parts) in [
        ("--batch-size 0", ["--batch-size", "at least 1"]),
        ("--batch-size=-3", ["--batch-size", "at least 1"]),
        ("--lr fast", ["--lr", "finite number"]),
        ("--lr nan", ["--lr", "finite number"]),
        ("--lr inf", ["--lr", "finite number"]),
        ("--lr -0.1", ["--lr", "finite number"]),
        ("--epochs 0", ["--epochs", "at least 1"]),
        ("--epochs 1.5", ["--epochs", "whole number"]),
        ("--steps 0", ["--steps", "at least 1"]),
        ("--momentum 1", ["--momentum", "below 1"]),
        ("--dropout 1", ["--dropout", "below 1"]),
        ("--weight-decay nan", ["--weight-decay", "finite number"]),
        ("--val-fraction 1", ["--val-fraction", "below 1"]),
        ("--val-fraction 0.00001", ["validation fraction", "none"]),
        ("--hidden 8,0", ["--hidden", "at least 1"]),
        ("--hidden 4000000000,4000000000", ["parameters", "smaller"]),
        ("--hidden 18446744073709551615,3", ["parameters", "smaller"]),
        ("--activation rellu", ["rellu", "did you mean `relu`?"]),
        ("--activation elu:inf", ["elu:inf", "known"]),
        (
            "--loss crossentropy",
            ["crossentropy", "did you mean `cross_entropy`?"],
        ),
        (
            "--loss cross_entropy --task regression --data blobs",
            ["cross_entropy", "needs classes"],
        ),
        ("--optimizer adm", ["adm", "did you mean `adam`?"]),
        ("--optimizer adam --momentum 0.5", ["--momentum", "adam"]),
        (
            "--optimizer nesterov --momentum 0",
            ["--momentum", "nesterov"],
        ),
        ("--init zero", ["zero", "xavier_uniform"]),
        ("--task sort", ["sort", "classification"]),
        ("--normalize all", ["all", "minmax"]),
        ("--threads 0", ["--threads", "1024"]),
        ("--seed x", ["--seed", "whole number"]),
        ("--seed -1", ["--seed", "18446744073709551615"]),
        ("--data parity:bits=99", ["bits", "from 2 to 20"]),
        ("--data xor:m=3", ["m", "did you mean"]),
        ("--data moons:n=10,n=20", ["option \"n\" again", "once"]),
        ("--target kind", ["kind", "CSV"]),
        ("--device nosuch", ["nosuch", "`cpu`"]),
        ("--device 99", ["99", "`reference`"]),
        ("--out=", ["--out", "folder"]),
        ("--lrr 0.1", ["--lrr", "--lr"]),
        (
            "--init-weights none.safetensors",
            ["none.safetensors", "read"],
        ),
        ("--config none.toml", ["none.toml", "read"]),
    ] {
        refused(&place, &format!("train {flags}"), &parts);
    }
    refused(&place, "trian", &["trian", "train"]);
    refused(&place, "verify --steps 0", &["--steps"]);
}

#[test]
fn configurations() {
    let place = Place::with(&[
        ("key.toml", b"lr = 0.1\n\nbatchsize = 4\n"),
        ("type.toml", b"lr = 0.1\nepochs = 'many'\n"),
        ("syntax.toml", b"lr = 0.1\nepochs = = 3\n"),
        ("bytes.toml", b"lr = 0.1\n\xff\xfe"),
        ("table.toml", b"[train]\nlr = 0.1\n"),
    ]);
    refused(
        &place,
        "train --config key.toml",
        &["key.toml:3", "batchsize", "did you mean `batch-size`?"],
    );
    refused(
        &place,
        "train --config type.toml",
        &["type.toml:2", "many", "whole number"],
    );
    refused(&place, "train --config syntax.toml", &["syntax.toml:2"]);
    refused(
        &place,
        "train --config bytes.toml",
        &["bytes.toml", "UTF-8"],
    );
    refused(
        &place,
        "train --config table.toml",
        &["table.toml:1", "train"],
    );
    refused(&place, "train --config .", &[".: cannot be read"]);
}

#[test]
fn places_that_are_taken() {
    let place = Place::with(&[("file", b"mine")]);
    std::fs::create_dir(place.path("folder")).unwrap();
    std::fs::write(place.path("folder/thesis.txt"), "mine").unwrap();
    refused(&place, "train --out file", &["file", "--force"]);
    refused(&place, "train --out folder", &["folder", "--force"]);
    refused(
        &place,
        "train --out folder --force",
        &["folder", "not a run folder"],
    );
    refused(
        &place,
        "train --out file --force",
        &["file", "not a run folder"],
    );
}

#[test]
fn runs_that_are_none() {
    let place = Place::with(&[("notes.txt", b"nothing of the kind"), ("empty", b"")]);
    std::fs::create_dir(place.path("folder")).unwrap();
    for verb in ["eval RUN", "predict RUN --data xor", "inspect RUN"] {
        for (run, part) in [
            ("none", "does not exist"),
            ("folder", "no model.safetensors"),
            ("notes.txt", "header"),
            ("empty", "0 bytes"),
        ] {
            refused(&place, &verb.replace("RUN", run), &[run, part]);
        }
    }
}

/// A model whose outputs leave the range of f32 is no success, neither trained nor evaluated.
#[test]
fn a_loss_that_is_no_number_is_a_failure() {
    let place = Place::new();
    let train =
        "train --data xor --optimizer sgd --lr 1e25 --loss mse --steps 1 --device cpu --out run";
    let said = place.run(train);
    assert_eq!(said.status, Some(1), "{}", said.err);
    for part in ["validation loss", "step 1", "last good"] {
        assert!(said.err.contains(part), "`{part}` is missing: {}", said.err);
    }
    let said = place.run("eval run --device cpu");
    assert_eq!(said.status, Some(1), "{}", said.err);
    assert!(said.err.contains("range of f32"), "{}", said.err);
}
