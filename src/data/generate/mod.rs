//! Data sets that the program makes itself, the same for the same options on every machine.

mod glyphs;
mod points;

use super::error::DataError;
use super::spec::{Generator, GeneratorKind, Spec};
use super::table::{Table, TableInputs, TableTarget};
use crate::random::{Random, stream};

/// No generator makes more rows.
pub(crate) const MAX_ROWS: usize = 1 << 28;
/// What is generated takes at most this much memory.
const MAX_BYTES: usize = 1 << 30;

/// Inputs `[rows, features]` as they come out of a generator of points, and a class a row.
struct Points {
    values: Vec<f32>,
    features: usize,
    labels: Vec<u32>,
}

/// Refuses what would not fit into memory, before anything is allocated.
pub(crate) fn check_size(generator: &Generator) -> Result<(), DataError> {
    let row = match generator.kind {
        GeneratorKind::Glyphs => glyphs::SIDE * glyphs::SIDE,
        GeneratorKind::Parity => 4 * bits(generator),
        GeneratorKind::Blobs => 4 * generator.features.unwrap_or(2),
        _ => 8,
    };
    let rows = rows(generator);
    let most = MAX_BYTES / row;
    let classes = classes(generator);
    let wrong = |expected: String| DataError::Spec {
        spec: generator.to_string(),
        found: format!("{rows} rows of {row} bytes"),
        expected,
    };
    if rows > most {
        return Err(wrong(format!("at most {most} rows (1 GiB)")));
    }
    if rows < classes {
        return Err(wrong(format!("at least {classes} rows, one a class")));
    }
    Ok(())
}

pub(crate) fn generate(generator: &Generator) -> Result<Table, DataError> {
    check_size(generator)?;
    let source = Spec::Generator(generator.clone()).to_string();
    let rows = rows(generator);
    let draws = Draws {
        seed: generator.seed.unwrap_or(0),
    };
    let noise = |default: f64| generator.noise.unwrap_or(default);
    let points = match generator.kind {
        GeneratorKind::Glyphs => {
            let (values, labels) = glyphs::draw(rows, noise(glyphs::NOISE), draws);
            let shape = vec![glyphs::SIDE, glyphs::SIDE];
            let table = Table::new(
                source,
                TableInputs::Pixels { values, shape },
                TableTarget::Labels(labels),
            )?;
            return Ok(table.generated());
        }
        GeneratorKind::Xor => points::bits(rows, 2, noise(0.0), draws, |ones| ones & 1),
        GeneratorKind::Or => points::bits(rows, 2, noise(0.0), draws, |ones| ones.min(1)),
        GeneratorKind::Parity => {
            points::bits(rows, bits(generator), noise(0.0), draws, |ones| ones & 1)
        }
        GeneratorKind::Circles => points::circles(rows, noise(0.05), draws),
        GeneratorKind::Moons => points::moons(rows, noise(0.1), draws),
        GeneratorKind::Spirals => points::spirals(rows, classes(generator), noise(0.05), draws),
        GeneratorKind::Blobs => points::blobs(
            [rows, generator.features.unwrap_or(2)],
            classes(generator),
            noise(0.5),
            draws,
        ),
    };
    let Points {
        values,
        features,
        labels,
    } = points;
    let inputs = TableInputs::Matrix {
        values: values.into(),
        shape: vec![features],
    };
    Ok(Table::new(source, inputs, TableTarget::Labels(labels))?.generated())
}

fn bits(generator: &Generator) -> usize {
    generator.bits.unwrap_or(8)
}

fn classes(generator: &Generator) -> usize {
    match generator.kind {
        GeneratorKind::Glyphs => 10,
        GeneratorKind::Blobs => generator.classes.unwrap_or(3),
        _ => generator.classes.unwrap_or(2),
    }
}

fn rows(generator: &Generator) -> usize {
    generator.n.unwrap_or(match generator.kind {
        GeneratorKind::Glyphs => 4000,
        GeneratorKind::Xor | GeneratorKind::Or => 400,
        GeneratorKind::Parity => 1024.max(1 << bits(generator)),
        _ => 1000,
    })
}

/// The streams of one generated data set.
#[derive(Debug, Clone, Copy)]
struct Draws {
    seed: u64,
}

impl Draws {
    /// Which case (class or pattern) each of `rows` rows is: as evenly as can be, in random order.
    fn cases(self, rows: usize, cases: u32) -> Vec<u32> {
        let mut order = self.stream(0).permutation(rows);
        for case in &mut order {
            *case %= cases;
        }
        order
    }

    /// Numbered streams; 0 is the order of the rows.
    fn stream(self, index: u32) -> Random {
        Random::new(self.seed, stream::GENERATOR | index, 0)
    }

    /// The draws of one row.
    fn row(self, index: u32, row: usize) -> Random {
        let step = u32::try_from(row).expect("a generator makes at most 2^28 rows");
        Random::new(self.seed, stream::GENERATOR | index, step)
    }
}
