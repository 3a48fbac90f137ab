//! Rows that stream, through the real binary.

use super::Place;

const GLYPHS: &str = "train --data glyphs:n=8000 --hidden 16 --steps 120 --seed 3";

#[test]
fn a_megabyte_of_the_device_is_enough() {
    let place = Place::new();
    for device in ["cpu", "gpu"] {
        let train = |out: &str, more: &str| {
            let line = format!("{GLYPHS} --device {device} --out {out} --json {more}");
            let said = place.run(&line);
            assert_eq!(said.status, Some(0), "{said:#?}");
            let last = said.out.lines().last().expect("there is a line").to_owned();
            let object: serde_json::Value = serde_json::from_str(&last).expect("it is JSON");
            let losses = [&object["train_loss"], &object["val_loss"]].map(|x| x.as_f64());
            (losses, said.err)
        };
        let (expected, said) = train(&format!("{device}-whole"), "");
        assert!(!said.contains("stream"), "{said}");
        let out = format!("{device}-streamed");
        let (found, said) = train(&out, "--stream 1");
        assert_eq!(found, expected, "{device}: the same bits");
        let told = "the 6400 training rows stream: ";
        assert!(said.contains(told), "{said}");
        let read = |file: &str| std::fs::read_to_string(place.path(&out).join(file)).unwrap();
        assert!(read("config.toml").contains("stream = 1\n"));
        let environment: serde_json::Value =
            serde_json::from_str(&read("environment.json")).unwrap();
        let streamed = &environment["streamed"][0];
        assert_eq!(
            (&streamed["rows"], &streamed["count"]),
            (&"training".into(), &6400.into())
        );
        let again = format!("train --config {out}/config.toml --out {out}-again --json");
        let again = place.run(&again);
        assert!(
            again.err.contains(told),
            "the configuration holds it: {again:#?}"
        );
    }
}

#[test]
fn a_dry_run_tells_what_streams() {
    let place = Place::new();
    let text = place.ok(&format!("{GLYPHS} --device cpu --dry-run --stream 1"));
    for part in ["chunks of training rows", "the 6400 training rows stream"] {
        assert!(text.contains(part), "`{part}`: {text}");
    }
    let object = place.json(&format!("{GLYPHS} --device cpu --dry-run --stream 1"));
    assert_eq!(object["streamed"][0]["count"], 6400);
    assert_eq!(object["fits"], true);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let place = Place::new();
    for flag in ["--stream 0", "--stream x", "--window 0", "--window -3"] {
        let said = place.run(&format!("{GLYPHS} {flag}"));
        assert_eq!(said.status, Some(2), "{flag}: {said:#?}");
        assert!(said.err.contains("at least 1"), "{flag}: {said:#?}");
    }
}
