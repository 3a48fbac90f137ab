//! Cross-validation: parts of the rows, each of which validates once.

use super::DataError;
use super::dataset::Targets;
use crate::random::{Random, stream};

/// The stream of the folds, beside that of the split.
const STREAM: u32 = stream::SPLIT | 1;

/// Rows in `k` parts of the same size, but for one row, and with the same share of each class, but for one row of each:
/// what scikit-learn's `StratifiedKFold` and `KFold` do.
///
/// Which rows a part has follows from the seed; without shuffling the rows of a class go to the parts in file order.
///
/// ```
/// use thalweg::data::{Folds, Targets};
///
/// let targets = Targets::Classes { labels: vec![0, 0, 0, 0, 1, 1], classes: 2 };
/// let folds = Folds::new(6, &targets, 2, 0, true)?;
/// let (training, validation) = folds.rows(1);
/// assert_eq!((training.len(), validation.len()), (3, 3));
/// assert_eq!(validation.iter().filter(|row| **row >= 4).count(), 1);
/// # Ok::<(), thalweg::data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folds {
    /// Of each row, from 0.
    of: Vec<u32>,
    folds: u32,
    /// The class with the fewest rows and their number, if it has fewer than there are parts.
    rare: Option<(u32, usize)>,
}

impl Folds {
    /// Divides the rows. Numbers and unknown targets are divided without looking at them.
    ///
    /// # Errors
    /// If there are fewer than 2 parts, or fewer rows than parts.
    pub fn new(
        rows: usize,
        targets: &Targets,
        folds: u32,
        seed: u64,
        shuffle: bool,
    ) -> Result<Self, DataError> {
        if folds < 2 || folds as usize > rows {
            let expected = format!("2 to {rows}, as many as there are rows");
            return Err(DataError::mismatch("folds", folds.to_string(), expected));
        }
        let order: Vec<u32> = if shuffle {
            Random::new(seed, STREAM, 0).permutation(rows)
        } else {
            let count = u32::try_from(rows);
            (0..count.map_err(|_| {
                DataError::mismatch("data", format!("{rows} rows"), "at most 4294967295 rows")
            })?)
                .collect()
        };
        let by_class = match targets {
            Targets::Classes { labels, classes } => {
                let mut by_class = vec![Vec::new(); *classes];
                for row in order {
                    by_class[labels[row as usize] as usize].push(row);
                }
                by_class
            }
            Targets::Numbers { .. } | Targets::None => vec![order],
        };
        let mut of = vec![0; rows];
        let mut before = 0;
        for rows in &by_class {
            // Were all rows, class by class, dealt out like cards, so many of this class would come to each part.
            let mut dealt: Vec<u32> = (before..before + rows.len())
                .map(|i| part(i, folds))
                .collect();
            dealt.sort_unstable();
            for (&row, fold) in rows.iter().zip(dealt) {
                of[row as usize] = fold;
            }
            before += rows.len();
        }
        let counts = (0..).zip(by_class.iter().map(Vec::len));
        let rare = counts.filter(|(_, rows)| (1..folds as usize).contains(rows));
        let rare = rare.min_by_key(|(_, rows)| *rows);
        Ok(Self { of, folds, rare })
    }

    /// How many parts there are.
    pub const fn count(&self) -> u32 {
        self.folds
    }

    /// The class with the fewest rows and their number, if there are fewer than parts: some part has none of them to validate
    /// on, or they all are in one, and none of them is trained on then.
    pub const fn rare(&self) -> Option<(u32, usize)> {
        self.rare
    }

    /// The rows that train and those that validate when it is the turn of a part, from 0; both in the order of the data.
    ///
    /// # Panics
    /// If there is no such part.
    pub fn rows(&self, fold: u32) -> (Vec<u32>, Vec<u32>) {
        assert!(fold < self.folds, "there are {} folds", self.folds);
        let rows = (0_u32..).zip(&self.of);
        let (validation, training): (Vec<_>, Vec<_>) = rows.partition(|(_, of)| **of == fold);
        let numbers = |rows: Vec<(u32, &u32)>| rows.into_iter().map(|(row, _)| row).collect();
        (numbers(training), numbers(validation))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "it is below the number of folds"
)]
fn part(place: usize, folds: u32) -> u32 {
    (place % folds as usize) as u32
}
