//! Every example in its short form, on the CPU and the GPU: its claims hold, and its picture is written.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Once;

use crate::common::gpu;

/// What the examples share, of which each is a program of its own.
#[path = "../../examples/common/mod.rs"]
mod shared;

use shared::{Example, Table};

/// The folder of the built examples, which stands beside the binary. `cargo test` builds them before the tests; where only
/// this test was built, they are built now.
fn folder() -> PathBuf {
    static BUILD: Once = Once::new();
    let binary = Path::new(env!("CARGO_BIN_EXE_thalweg"));
    let folder = binary.parent().expect("it is in a folder").join("examples");
    BUILD.call_once(|| {
        if NAMES.iter().all(|name| folder.join(exe(name)).exists()) {
            return;
        }
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--locked", "--examples"]);
        if cfg!(feature = "parquet") {
            build.args(["--features", "parquet"]);
        }
        let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status();
        assert!(
            built.expect("cargo can be started").success(),
            "the examples cannot be built"
        );
    });
    folder
}

fn exe(name: &str) -> String {
    format!("{name}{}", std::env::consts::EXE_SUFFIX)
}

fn run(name: &str, device: &str) {
    let target = tempfile::tempdir().expect("there is room");
    let output = Command::new(folder().join(exe(name)))
        .args(["--short", "--device", device])
        .env("CARGO_TARGET_DIR", target.path())
        .env("THALWEG_CACHE", "")
        .output()
        .expect("it can be started");
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "{name} on {device}: {}\n{said}\n{complained}",
        output.status
    );
    let pictures = target.path().join("examples").join(name);
    let pictures = std::fs::read_dir(&pictures).expect("it wrote something");
    let mut count = 0;
    for picture in pictures {
        let picture = std::fs::read_to_string(picture.expect("it can be listed").path());
        let text = picture.expect("it is text");
        assert!(text.contains("<svg") && !text.contains("NaN"), "{name}");
        count += 1;
    }
    assert!(count > 0, "{name} drew nothing");
}

macro_rules! examples {
    ($($name:ident),* $(,)?) => {
        const NAMES: &[&str] = &[$(stringify!($name)),*];

        $(
            mod $name {
                #[test]
                fn holds_on_the_cpu() {
                    super::run(stringify!($name), "cpu");
                }

                #[test]
                fn holds_on_the_gpu() {
                    if super::gpu().is_some() {
                        super::run(stringify!($name), "gpu");
                    }
                }
            }
        )*
    };
}

examples! {
    activation,
    bias_variance,
    delta_rule,
    digits,
    dropout_average,
    eight_states,
    function_space,
    gan,
    gan_digits,
    gradient,
    likelihood,
    local_minima,
    maxout,
    memory,
    occlusion,
    overfitting,
    parity,
    residual,
    saliency,
    search,
    speech,
    surrogate,
    units,
    xor,
}

/// No example that shares `examples/common` is left out.
#[test]
fn every_example_is_run() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for file in std::fs::read_dir(folder).expect("it is there") {
        let path = file.expect("it can be listed").path();
        let Some(name) = path.file_stem().and_then(|name| name.to_str()) else {
            continue;
        };
        if path.extension().is_some_and(|kind| kind == "rs") {
            let text = std::fs::read_to_string(&path).expect("it can be read");
            let shares = text.contains("\nmod common;\n");
            assert_eq!(shares, NAMES.contains(&name), "{name}");
        }
    }
}

/// What is not understood has the status 2, and a claim that does not hold the status 1.
#[test]
fn arguments_that_are_none() {
    let run = |arguments: &[&str]| {
        let output = Command::new(folder().join(exe("gradient")))
            .args(arguments)
            .output();
        let output = output.expect("it can be started");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    for (arguments, expected) in [
        (&["--sort"][..], "unknown argument \"--sort\""),
        (&["--device"], "--device needs a device"),
    ] {
        let (status, said) = run(arguments);
        assert_eq!(status, Some(2), "{arguments:?}: {said}");
        assert!(said.contains(expected) && said.contains("usage"), "{said}");
    }
    let (status, said) = run(&["--device", "no such device"]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("no such device"), "{said}");
}

#[test]
fn an_example_ends_as_its_claims_do() {
    let ends = |claims: &[bool], fails: bool| {
        let example = Example::from_arguments("test", std::iter::empty()).expect("none is needed");
        let status = example.conclude(|example| {
            for &holds in claims {
                example.claim("that it holds", "whether it does", holds);
            }
            if fails {
                Err("it fails".into())
            } else {
                Ok(())
            }
        });
        status == ExitCode::SUCCESS
    };
    assert!(ends(&[true, true], false));
    assert!(!ends(&[true, false, true], false), "one does not hold");
    assert!(!ends(&[], false), "nothing was claimed");
    assert!(!ends(&[true], true), "it failed");
}

#[test]
fn tables_are_as_wide_as_their_cells() {
    let mut table = Table::new(["", "a", "long head"]);
    table.row("first", ["1".to_owned(), "2".to_owned()]);
    table.row("é", ["100".to_owned()]);
    assert_eq!(
        table.to_string(),
        "         a  long head\nfirst    1          2\n    é  100\n"
    );
}
