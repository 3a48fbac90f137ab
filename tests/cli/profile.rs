//! `train --profile`: the table, the object and the trace.

use serde_json::Value;

use super::Place;

#[test]
fn a_profile_is_told_and_traced() {
    let place = Place::new();
    let mut devices = vec!["cpu"];
    devices.extend(crate::common::gpu().map(|_| "gpu"));
    for device in devices {
        let run = format!(
            "train --data glyphs:n=400 --hidden 8 --batch-size 32 --epochs 2 --device {device} --quiet --out {device}"
        );
        let out = place.ok(&format!("{run} --profile"));
        for part in [
            "layer 0",
            "layer 1",
            "data",
            "parameters",
            "host",
            "trace.json",
        ] {
            assert!(out.contains(part), "no {part:?} in\n{out}");
        }
        let found = place.json(&format!("{run} --profile --force"));
        let profile = &found["profile"];
        assert_eq!(profile["clock"], "device", "{found}");
        let parts = profile["parts"].as_array().unwrap();
        assert!(
            parts.iter().any(|p| p["backward_ms"].as_f64() > Some(0.0)),
            "{found}"
        );

        let text = std::fs::read_to_string(place.path(&format!("{device}/trace.json"))).unwrap();
        let trace: Value = serde_json::from_str(&text).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        let complete: Vec<_> = events.iter().filter(|e| e["ph"] == "X").collect();
        for event in &complete {
            let number = |key: &str| event[key].as_f64().unwrap_or(-1.0);
            assert!(number("ts") >= 0.0 && number("dur") >= 0.0, "{event}");
            assert!(
                event["tid"].is_u64() && event["name"].is_string(),
                "{event}"
            );
        }
        let named = |name: &str| complete.iter().filter(|e| e["name"] == name).count();
        assert!(named("matmul") >= 5, "the products of a step:\n{text}");
        assert_eq!(named("validation"), 2, "{text}");

        place.ok(&format!("{run} --force"));
        assert!(
            !place.path(&format!("{device}/trace.json")).exists(),
            "the trace of the run before is left"
        );
        assert!(
            !place.ok(&format!("{run} --force")).contains("profile"),
            "nobody asked"
        );
    }
}

#[test]
fn a_run_too_short_for_a_profile_says_so() {
    let out = Place::new()
        .ok("train --data xor --hidden 4 --steps 1 --device cpu --quiet --out run --profile");
    assert!(out.contains("no training step was timed"), "{out}");
}
