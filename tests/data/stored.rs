//! Inputs that stay in their file.

use std::sync::Arc;

use proptest::prelude::*;
use thalweg::data::{
    DataError, Dataset, InFile, Inputs, Normalize, Preparation, Rows, Stored, TableInputs,
    TableOptions, Targets, Task,
};

use super::{Folder, gz, idx_bytes, load_with};

/// Values in memory that behave as if they were in a file.
#[derive(Debug)]
struct Held<T>(Vec<T>, usize);

impl<T: Copy + std::fmt::Debug + Send + Sync> Rows<T> for Held<T> {
    fn rows(&self) -> usize {
        self.0.len() / self.1
    }

    fn features(&self) -> usize {
        self.1
    }

    fn read(&self, first: usize, into: &mut [T]) -> Result<(), DataError> {
        into.copy_from_slice(&self.0[first * self.1..][..into.len()]);
        Ok(())
    }
}

fn stored(rows: usize, features: usize) -> (Dataset, Dataset) {
    let pixels: Vec<u8> = (0..=250).cycle().step_by(7).take(rows * features).collect();
    let targets = || Targets::Classes {
        labels: (0..3).cycle().take(rows).collect(),
        classes: 3,
    };
    let held = Stored::new(Arc::new(Held(pixels.clone(), features)));
    let scale = 0.5;
    let read = Inputs::StoredU8 { rows: held, scale };
    let memory = Inputs::U8 { pixels, scale };
    let make = |inputs| Dataset::new(inputs, &[features], targets()).unwrap();
    (make(read), make(memory))
}

proptest! {
    /// Rows are selected in any order, more than once, and again among those.
    #[test]
    fn selections_are_those_of_memory(
        rows in 3_usize..200,
        features in 1_usize..6,
        picks in prop::collection::vec(any::<prop::sample::Index>(), 1..100),
        again in prop::collection::vec(any::<prop::sample::Index>(), 1..100),
    ) {
        let (read, memory) = stored(rows, features);
        let numbers = |picks: &[prop::sample::Index], of: usize| -> Vec<u32> {
            let number = |pick: &prop::sample::Index| u32::try_from(pick.index(of)).unwrap();
            picks.iter().map(number).collect()
        };
        let (first, second) = (numbers(&picks, rows), numbers(&again, picks.len()));
        let (read, memory) = (read.select(&first), memory.select(&first));
        let (read, memory) = (read.select(&second), memory.select(&second));
        prop_assert_eq!(read.rows(), memory.rows());
        prop_assert_eq!(read.targets(), memory.targets());
        for row in 0..memory.rows() {
            prop_assert_eq!(read.row(row), memory.row(row));
        }
    }
}

fn in_file(in_file: InFile) -> TableOptions {
    TableOptions {
        in_file,
        ..TableOptions::default()
    }
}

#[test]
fn an_idx_file_stays_where_it_is() {
    for (top, scale) in [(255, 1.0 / 255.0), (1, 1.0)] {
        let pixels: Vec<u8> = (0..60)
            .map(|i| if i == 57 { top } else { (i % 2) as u8 })
            .collect();
        let images = idx_bytes(&[10, 3, 2], &pixels);
        let labels = idx_bytes(&[10], &[0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
        let folder = Folder::new(&[("a", &images), ("b", &labels), ("a.gz", &gz(&images))]);
        let pair = format!("{},{}", folder.spec("a"), folder.spec("b"));
        let table = load_with(&pair, &in_file(InFile::Always)).unwrap();
        assert!(table.is_stored());
        let memory = load_with(&pair, &in_file(InFile::IfLarge)).unwrap();
        assert!(!memory.is_stored(), "there is memory for 60 bytes");
        let rows: Vec<u32> = (0..10).collect();
        let [read, held] = [table, memory].map(|table| {
            let fitted = Preparation::fit(&table, &rows, Task::Auto, Normalize::Auto).unwrap();
            fitted.prepare_owned(table).unwrap()
        });
        let Inputs::StoredU8 { scale: found, .. } = read.inputs() else {
            panic!("{:?}", read.inputs())
        };
        assert_eq!(*found, scale);
        assert_eq!(read.targets(), held.targets());
        assert_eq!(read.sample_shape(), held.sample_shape());
        assert!((0..10).all(|row| read.row(row) == held.row(row)));
        assert!(read.bytes() < held.bytes(), "the inputs take no memory");
        let packed = format!("{},{}", folder.spec("a.gz"), folder.spec("b"));
        let table = load_with(&packed, &in_file(InFile::Always)).unwrap();
        assert!(matches!(table.inputs(), TableInputs::Pixels { .. }));
    }
}

/// Only the training rows say how bytes are scaled.
#[test]
fn the_scale_is_that_of_the_training_rows() {
    let images = idx_bytes(&[3, 2], &[0, 1, 1, 1, 0, 200]);
    let folder = Folder::new(&[("a", &images), ("b", &idx_bytes(&[3], &[0, 1, 1]))]);
    let pair = format!("{},{}", folder.spec("a"), folder.spec("b"));
    for (rows, expected) in [(vec![1, 0], [0.0, 1.0]), (vec![0, 2], [0.0, 1.0 / 255.0])] {
        let table = load_with(&pair, &in_file(InFile::Always)).unwrap();
        let fitted = Preparation::fit(&table, &rows, Task::Auto, Normalize::Auto).unwrap();
        assert_eq!(fitted.prepare(&table).unwrap().row(0), expected);
    }
}

#[test]
fn what_cannot_stay_is_refused() {
    let labels = idx_bytes(&[2], &[0, 1]);
    for (images, part) in [
        (idx_bytes(&[2, 2], &[1, 2, 3, 4, 5]), "more than 4 elements"),
        (idx_bytes(&[2, 2], &[1, 2, 3]), "at most 3 elements"),
        (idx_bytes(&[4], &[1, 2, 3, 4]), "one dimension"),
        (idx_bytes(&[4, 1], &[1, 2, 3, 4]), "2 labels"),
    ] {
        let folder = Folder::new(&[("a", &images), ("b", &labels)]);
        let pair = format!("{},{}", folder.spec("a"), folder.spec("b"));
        for in_file in [InFile::Always, InFile::Never].map(in_file) {
            let error = load_with(&pair, &in_file).unwrap_err().to_string();
            assert!(error.contains(part), "{error}, without {part:?}");
        }
    }
    let images = idx_bytes(&[2, 2], &[1, 2, 3, 4]);
    let folder = Folder::new(&[("a", &images), ("b", &labels)]);
    let pair = format!("{},{}", folder.spec("a"), folder.spec("b"));
    let table = load_with(&pair, &in_file(InFile::Always)).unwrap();
    let error = Preparation::fit(&table, &[0, 1], Task::Auto, Normalize::Standard);
    let error = error.unwrap_err().to_string();
    for part in ["stay in their file", "standard", "auto or none"] {
        assert!(error.contains(part), "{error}, without {part:?}");
    }
    // A model that was trained on bytes in memory.
    let memory = load_with(&pair, &in_file(InFile::Never)).unwrap();
    let fitted = Preparation::fit(&memory, &[0, 1], Task::Auto, Normalize::Standard).unwrap();
    let error = fitted.prepare_owned(table).unwrap_err().to_string();
    assert!(error.contains("more than half of the memory"), "{error}");
}

#[test]
fn rows_of_another_length_are_refused() {
    let rows = Stored::new(Arc::new(Held(vec![0.5_f32; 12], 3)));
    let error = Dataset::new(Inputs::StoredF32(rows), &[4], Targets::None).unwrap_err();
    assert!(error.to_string().contains("rows of 3 values"), "{error}");
}
