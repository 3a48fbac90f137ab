//! `devices`, `inspect`, `verify`, and help.

use super::Place;

#[test]
fn devices_are_listed() {
    let place = Place::new();
    let found = place.json("devices");
    let gpu = crate::common::gpu();
    assert_eq!(
        found["adapters"].as_array().unwrap().is_empty(),
        gpu.is_none(),
        "{found}"
    );
    if let Some(gpu) = gpu {
        let adapter = &found["adapters"][gpu.adapter().index];
        assert_eq!(adapter["name"], gpu.adapter().name);
        assert!(
            adapter["limits"]["buffer"].is_u64() && adapter["features"].is_object(),
            "{adapter}"
        );
        let software = adapter["kind"] == "software";
        assert_eq!(
            found["auto"]["device"] == "cpu",
            software,
            "auto never takes a software adapter"
        );
        let out = place.ok("devices");
        assert!(out.contains(&gpu.adapter().name));
        let longest = out.lines().skip(1).map(|line| line.chars().count()).max();
        assert!(longest <= Some(100), "too wide for a page:\n{out}");
    }
    assert!(found["auto"]["why"].is_string(), "{found}");
}

#[test]
fn a_run_is_inspected() {
    let place = Place::new();
    place.ok("train --data glyphs:n=200 --device cpu --hidden 6 --epochs 1 --out run");
    let out = place.ok("inspect run --plan");
    for part in [
        "256-6-10",
        "layers.0.weight",
        "[6, 256]",
        "1,536",
        "cross_entropy",
        "10 classes",
        "plan train",
        "matmul",
    ] {
        assert!(out.contains(part), "no {part:?} in\n{out}");
    }
    assert!(out.ends_with('\n'), "the last line is a whole one:\n{out}");
    let found = place.json("inspect run --best");
    assert_eq!(
        (&found["model"]["format"], &found["model"]["parameters"]),
        (&2.into(), &1612.into())
    );
    assert_eq!(found["tensors"].as_array().unwrap().len(), 4);
    assert_eq!(found["model"]["classes"].as_array().unwrap().len(), 10);
}

#[test]
fn verify_passes_here() {
    let place = Place::new();
    let mut devices = vec!["cpu", "reference", "reference-f32"];
    devices.extend(crate::common::gpu().map(|_| "gpu"));
    for device in devices {
        let found = place.json(&format!(
            "verify --data moons:n=100 --hidden 8 --batch-size 16 --steps 3 --device {device}"
        ));
        assert_eq!(
            (&found["passed"], &found["steps"]),
            (&true.into(), &3.into()),
            "{device}: {found}"
        );
        assert!(
            found["kernels"]["matmul"]["ratio"].as_f64() <= Some(1.0),
            "{device}: {found}"
        );
    }
    let out = place.ok("verify --data moons:n=100 --hidden 8 --device cpu");
    assert!(
        out.contains("2 training steps") && out.contains("passed"),
        "{out}"
    );
    assert!(place.listing().is_empty(), "verify writes nothing");
}

#[test]
fn help_has_examples() {
    let place = Place::new();
    for verb in [
        "",
        "train",
        "eval",
        "predict",
        "devices",
        "verify",
        "inspect",
        "explain",
        "export",
        "completions",
        "man",
        "bench",
        "bench matmul",
        "bench train",
        "bench kernels",
        "bench scaling",
    ] {
        let out = place.ok(&format!("{verb} --help"));
        assert!(
            out.contains("Examples:") && out.contains("thalweg "),
            "`{verb} --help` says\n{out}"
        );
    }
    let out = place.ok("train --help");
    assert!(out.contains("[alias: --l2]"), "no other name in\n{out}");
    assert_eq!(
        place.ok("--version"),
        format!("thalweg {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(place.run("").status, Some(2), "no verb is bad usage");
}
