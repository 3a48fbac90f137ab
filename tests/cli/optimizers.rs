//! The optimizers and the rules for gradients and weights on the command line.

use super::Place;

const RULES: &str = "--clip-norm 1 --clip-value 0.5 --l1 0.0001 --max-norm 2 --ema 0.9 --accumulate 2 --group *.bias:weight-decay=0 --group layers.0.*:lr=0.5";

/// The resolved configuration of a run makes the same run.
#[test]
fn every_optimizer_trains_and_its_configuration_makes_the_same_run() {
    let place = Place::new();
    let read = |file: &str| std::fs::read(place.path(file)).unwrap();
    for (optimizer, line) in [
        ("rmsprop --momentum 0.5 --epsilon 1e-6", "lr = 0.01"),
        (
            "rmsprop --alpha 0.9 --centered",
            "alpha = 0.9\n# rho is not set\n# momentum-decay is not set\ncentered = true",
        ),
        ("rmsprop", "alpha = 0.99"),
        ("adagrad", "lr = 0.01"),
        ("adadelta", "lr = 1.0"),
        ("adadelta --rho 0.5", "rho = 0.5"),
        ("nadam --momentum-decay 0.1", "momentum-decay = 0.1"),
        ("adamax --beta1 0.8", "beta1 = 0.8"),
        ("nadam", "lr = 0.002"),
        ("radam --beta2 0.99", "beta2 = 0.99"),
        ("lion --weight-decay 0.1", "lr = 0.0001"),
        ("adam --beta1 0.85 --epsilon 1e-7", "epsilon = 1e-7"),
    ] {
        for rules in ["", RULES] {
            let flags = format!(
                "--data blobs:n=90 --hidden 6 --epochs 2 --batch-size 16 --device cpu --force {rules}"
            );
            place.ok(&format!("train --out run --optimizer {optimizer} {flags}"));
            let config = String::from_utf8(read("run/config.toml")).unwrap();
            assert!(config.contains(line), "`{line}` is missing in {config}");
            place.ok("train --out again --config run/config.toml --force");
            for file in ["config.toml", "model.safetensors"] {
                assert!(
                    read(&format!("run/{file}")) == read(&format!("again/{file}")),
                    "{optimizer} {rules}: {file} differs"
                );
            }
        }
    }
}

/// The numbers reach the update, from flags and from a file, and go on with a run that is resumed.
#[test]
fn numbers_of_one_optimizer_alone_change_the_run_and_stay() {
    let place = Place::new();
    let read = |run: &str| std::fs::read(place.path(&format!("{run}/model.safetensors"))).unwrap();
    for (optimizer, flag, line) in [
        ("rmsprop", "--alpha 0.5", "alpha = 0.5"),
        ("rmsprop", "--centered", "centered = true"),
        ("adadelta", "--rho 0.5", "rho = 0.5"),
        ("nadam", "--momentum-decay 1", "momentum_decay = 1"),
    ] {
        let train = format!(
            "train --data blobs:n=90 --hidden 6 --batch-size 16 --device cpu --force --optimizer {optimizer}"
        );
        place.ok(&format!("{train} --steps 9 --out plain"));
        place.ok(&format!("{train} --steps 9 {flag} --out flag"));
        assert!(read("plain") != read("flag"), "{flag} changes nothing");
        std::fs::write(place.path("c.toml"), line).unwrap();
        place.ok(&format!("{train} --steps 9 --config c.toml --out file"));
        assert!(read("flag") == read("file"), "{line} is not {flag}");
        place.ok(&format!(
            "{train} --steps 5 {flag} --checkpoint-steps 4 --out part"
        ));
        place.ok("resume part --steps 9");
        assert!(read("flag") == read("part"), "{flag} is lost by resume");
    }
}

#[test]
fn bad_numbers_are_refused() {
    let place = Place::new();
    for (flags, parts) in [
        ("--optimizer sgd --beta1 0.5", ["--beta1", "sgd"]),
        ("--optimizer rmsprop --beta2 0.5", ["--beta2", "rmsprop"]),
        ("--optimizer lion --epsilon 1e-5", ["--epsilon", "lion"]),
        (
            "--optimizer adagrad --momentum 0.5",
            ["--momentum", "adagrad"],
        ),
        ("--alpha 0.5", ["--alpha is for rmsprop", "adam"]),
        (
            "--optimizer adadelta --centered",
            ["--centered is for rmsprop", "adadelta"],
        ),
        (
            "--optimizer rmsprop --rho 0.5",
            ["--rho is for adadelta", "rmsprop"],
        ),
        (
            "--momentum-decay 0.1",
            ["--momentum-decay is for nadam", "adam"],
        ),
        ("--optimizer rmsprop --alpha 1", ["--alpha", "below 1"]),
        (
            "--optimizer nadam --momentum-decay -1",
            ["--momentum-decay", "at least 0"],
        ),
        ("--beta1 1", ["--beta1", "below 1"]),
        ("--epsilon 0", ["--epsilon", "more than 0"]),
        ("--clip-norm 0", ["--clip-norm", "more than 0"]),
        ("--clip-value nan", ["--clip-value", "more than 0"]),
        ("--max-norm -1", ["--max-norm", "more than 0"]),
        ("--l1 -1", ["--l1", "at least 0"]),
        ("--ema 1", ["--ema", "below 1"]),
        ("--accumulate 0", ["--accumulate", "at least 1"]),
        ("--group *.bias", ["--group", "PATTERN:lr="]),
        ("--group *:rate=1", ["--group", "`rate` is unknown"]),
        ("--group nosuch*:lr=1", ["`nosuch*`", "layers.0.weight"]),
        (
            "--optimizer radam --precision mixed",
            ["radam", "single precision"],
        ),
        ("--accumulate 2 --precision mixed", ["accumulate", "mixed"]),
    ] {
        let said = place.run(&format!("train --data xor --device cpu {flags}"));
        assert_eq!(said.status, Some(2), "`{flags}`: {said:#?}");
        for part in parts {
            assert!(
                said.err.contains(part),
                "`{flags}`: `{part}` is missing: {said:#?}"
            );
        }
        assert!(place.listing().is_empty(), "`{flags}` wrote something");
    }
}
