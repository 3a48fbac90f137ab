//! Generated data is the same for the same seed, another for another, and of the shape it says.

use thalweg::data::{GeneratorKind, Numbers, Spec, Table, TableInputs, TableOptions, TableTarget};

use super::{load, refuses};

fn generate(spec: &str) -> Table {
    load(spec).unwrap()
}

fn labels(table: &Table) -> &[u32] {
    let TableTarget::Labels(labels) = table.target() else {
        panic!("generators make labels")
    };
    labels
}

fn points(table: &Table) -> &[f32] {
    let TableInputs::Matrix { values, .. } = table.inputs() else {
        panic!("no points")
    };
    match values {
        Numbers::F32(values) => values,
        Numbers::F64(_) => panic!("generators make f32"),
    }
}

#[test]
fn the_same_by_seed_and_another_by_another() {
    for kind in GeneratorKind::ALL {
        let name = kind.name();
        let [a, b, c] = ["seed=1,n=64", "n=64,seed=1", "n=64,seed=2"]
            .map(|options| generate(&format!("{name}:{options},noise=0.2")));
        assert_eq!((a.inputs(), a.target()), (b.inputs(), b.target()), "{name}");
        assert_ne!(a.inputs(), c.inputs(), "{name}");
    }
}

#[test]
fn defaults_have_balanced_classes_in_mixed_order() {
    let expected = [
        ("glyphs", 4000, 10),
        ("xor", 400, 2),
        ("or", 400, 2),
        ("parity", 1024, 2),
        ("circles", 1000, 2),
        ("moons", 1000, 2),
        ("spirals:classes=5", 1000, 5),
        ("blobs:classes=4,features=7", 1000, 4),
    ];
    for (spec, rows, classes) in expected {
        let table = generate(spec);
        assert_eq!(table.rows(), rows, "{spec}");
        let labels = labels(&table);
        let count = |class| labels.iter().filter(|&&label| label == class).count();
        assert_eq!((0..classes).map(count).sum::<usize>(), rows, "{spec}");
        for class in 0..classes {
            let share = if spec == "or" {
                [rows / 4, rows * 3 / 4][class as usize]
            } else {
                rows / classes as usize
            };
            assert_eq!(count(class), share, "{spec}, class {class}");
            // The first quarter of the rows has its share too, within a wide margin.
            let early = labels[..rows / 4]
                .iter()
                .filter(|&&label| label == class)
                .count();
            assert!(
                early * 8 > share && early < share / 2,
                "{spec}, class {class}: {early} of {share}"
            );
        }
    }
}

#[test]
fn bits_are_what_they_say() {
    for (spec, bits) in [
        ("xor", 2),
        ("or:n=4", 2),
        ("parity:8", 8),
        ("parity:bits=3,n=8", 3),
    ] {
        let table = generate(spec);
        for (row, &label) in points(&table).chunks_exact(bits).zip(labels(&table)) {
            assert!(row.iter().all(|&x| x == 0.0 || x == 1.0));
            let ones = row.iter().filter(|&&x| x == 1.0).count();
            let expected = if spec.starts_with("or") {
                usize::from(ones > 0)
            } else {
                ones % 2
            };
            assert_eq!(label as usize, expected, "{spec} {row:?}");
        }
    }
    // Each pattern comes once.
    let table = generate("parity:3,n=8");
    let mut patterns: Vec<&[f32]> = points(&table).chunks_exact(3).collect();
    patterns.sort_by(|a, b| a.partial_cmp(b).unwrap());
    patterns.dedup();
    assert_eq!(patterns.len(), 8);
}

#[test]
fn circles_without_noise_lie_on_their_circles() {
    let table = generate("circles:noise=0");
    for (point, &label) in points(&table).chunks_exact(2).zip(labels(&table)) {
        let radius = point[0].hypot(point[1]);
        assert!((radius - [1.0, 0.5][label as usize]).abs() < 1e-6);
    }
}

/// A plain rule that knows nothing but the classes' mean pictures gets most glyphs right, and not nearly all: the task
/// can be learnt, and leaves a network something to learn.
#[test]
fn glyphs_are_neither_trivial_nor_impossible() {
    let table = generate("glyphs:n=3000");
    let TableInputs::Pixels { values, shape } = table.inputs() else {
        panic!("no pixels")
    };
    assert_eq!(shape, &[16, 16]);
    let rows: Vec<(&[u8], u32)> = values
        .chunks_exact(256)
        .zip(labels(&table).iter().copied())
        .collect();
    let (training, validation) = rows.split_at(2000);
    let mut means = vec![[0.0; 256]; 10];
    for (pixels, label) in training {
        for (mean, &pixel) in means[*label as usize].iter_mut().zip(*pixels) {
            *mean += f64::from(pixel) / 200.0;
        }
    }
    let distance = |pixels: &[u8], mean: &[f64; 256]| -> f64 {
        pixels
            .iter()
            .zip(mean)
            .map(|(&p, m)| (f64::from(p) - m).powi(2))
            .sum()
    };
    let right = validation.iter().filter(|(pixels, label)| {
        let nearest = (0..10)
            .min_by(|&a, &b| distance(pixels, &means[a]).total_cmp(&distance(pixels, &means[b])));
        nearest == Some(*label as usize)
    });
    let accuracy = right.count() as f64 / validation.len() as f64;
    assert!((0.75..0.97).contains(&accuracy), "accuracy {accuracy}");
}

/// Known answer: a change of the drawing changes everyone's results, and should be noticed.
#[test]
fn glyphs_stay_what_they_were() {
    let table = generate("glyphs:n=100,seed=7");
    let TableInputs::Pixels { values, .. } = table.inputs() else {
        panic!("no pixels")
    };
    let sum = values.iter().zip(1_u64..).fold(0_u64, |sum, (&pixel, i)| {
        sum.wrapping_add(u64::from(pixel) * i)
    });
    assert_eq!(sum, 15_018_649_983);
}

#[test]
fn specifications_come_back() {
    for text in [
        "glyphs",
        "xor:n=4",
        "parity:bits=5,noise=0.25",
        "blobs:classes=4,features=3,n=10,seed=9",
        "some/file.csv",
    ] {
        assert_eq!(text.parse::<Spec>().unwrap().to_string(), text);
    }
    assert_eq!(
        "parity:8,n=16".parse::<Spec>().unwrap().to_string(),
        "parity:bits=8,n=16"
    );
    let json = serde_json::to_string(&"moons:n=5".parse::<Spec>().unwrap()).unwrap();
    assert_eq!(json, "\"moons:n=5\"");
    assert_eq!(
        serde_json::from_str::<Spec>(&json).unwrap().to_string(),
        "moons:n=5"
    );
}

#[test]
fn wrong_options_are_refused() {
    let any = TableOptions::default();
    refuses("glyphs:m=5", &any, &["\"m\"", "n, noise, seed"]);
    refuses("moons:nois=0.1", &any, &["did you mean \"noise\""]);
    refuses("xor:n", &any, &["name=value"]);
    refuses("xor:", &any, &["name=value"]);
    refuses("glyphs:n=0", &any, &["n=\"0\"", "from 1"]);
    refuses("glyphs:n=1000000000000", &any, &["1000000000000"]);
    refuses("glyphs:n=100000000", &any, &["at most 4194304 rows"]);
    refuses(
        "blobs:features=10000,n=1000000",
        &any,
        &["at most 26843 rows"],
    );
    refuses("parity:40", &any, &["bits", "20"]);
    refuses("spirals:classes=9,n=3", &any, &["at least 9 rows"]);
    for noise in ["-1", "nan", "inf", "x", ""] {
        refuses(
            &format!("moons:noise={noise}"),
            &any,
            &["noise=", "a number from 0"],
        );
    }
    refuses("moons:seed=-1", &any, &["seed="]);
    let target = TableOptions {
        target: Some("y".to_owned()),
        ..any.clone()
    };
    refuses("moons", &target, &["target \"y\"", "a CSV"]);
    refuses(
        "glyph",
        &any,
        &[
            "\"glyph\"",
            "did you mean \"glyphs\"",
            "moons, spirals, blobs",
        ],
    );
    refuses("no/such/file.csv", &any, &["no/such/file.csv", "exists"]);
    refuses("no/images.gz,no/labels.gz", &any, &["\"no/images.gz\""]);
    refuses("", &any, &["exists"]);
}
