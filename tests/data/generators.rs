//! Generated data is the same for the same seed, another for another, and of the shape it says.

use std::io::Write;
use thalweg::data::{Spec, Table, TableInputs, TableOptions, TableTarget};

fn load(spec: &str) -> Table {
    spec.parse::<Spec>()
        .unwrap()
        .load(&TableOptions::default())
        .unwrap()
}

#[test]
#[ignore = "writes pictures to look at"]
fn sheet() {
    let start = std::time::Instant::now();
    let table = load("glyphs");
    println!("{:?}", start.elapsed());
    let TableInputs::Pixels { values, .. } = table.inputs() else {
        panic!()
    };
    let TableTarget::Labels(labels) = table.target() else {
        panic!()
    };
    std::fs::write("/tmp/g.x", values).unwrap();
    std::fs::write(
        "/tmp/g.y",
        labels
            .iter()
            .flat_map(|l| l.to_le_bytes())
            .collect::<Vec<u8>>(),
    )
    .unwrap();
    let mut counts = [0usize; 10];
    let mut sheet = vec![0u8; 10 * 17 * 20 * 17];
    for (row, &label) in labels.iter().enumerate() {
        let n = counts[label as usize];
        counts[label as usize] += 1;
        if n >= 20 {
            continue;
        }
        for y in 0..16 {
            for x in 0..16 {
                sheet[(label as usize * 17 + y) * 340 + n * 17 + x] =
                    values[row * 256 + y * 16 + x];
            }
        }
    }
    let mut out = std::fs::File::create("/tmp/sheet.pgm").unwrap();
    write!(out, "P5\n340 170\n255\n").unwrap();
    out.write_all(&sheet).unwrap();
}
