//! Data sets: generated or read from files, split, and made into numbers.
//!
//! A [`Spec`] such as `moons:n=500` or `digits.csv` names a data set. [`Spec::load`] makes it a [`Table`], the data as
//! it is in the file. [`Preparation::fit`] learns from the training rows how numbers are scaled and which categories
//! and classes there are; it is kept with the model. [`Preparation::prepare`] makes any such table a [`Dataset`].
//!
//! ```
//! use thalweg::data::{Normalize, Preparation, Spec, TableOptions, Task, split};
//!
//! let table = "moons:n=500".parse::<Spec>()?.load(&TableOptions::default())?;
//! let (training, validation) = split(table.rows(), 0.2, 0, true)?;
//! let preparation = Preparation::fit(&table, &training, Task::Auto, Normalize::Auto)?;
//! let data = preparation.prepare(&table)?;
//! assert_eq!(data.select(&training).rows(), 400);
//! assert_eq!(data.select(&validation).rows(), 100);
//! # Ok::<(), thalweg::data::DataError>(())
//! ```

mod columns;
mod csv;
mod dataset;
mod describe;
mod error;
mod folds;
mod generate;
mod idx;
mod lines;
mod missing;
mod npy;
mod npz;
mod numbers;
mod order;
#[cfg(feature = "parquet")]
mod parquet;
mod parts;
mod pictures;
mod prepare;
mod read;
mod roles;
mod rows;
mod spec;
mod split;
mod stored;
mod table;

pub use columns::ColumnFile;
pub use dataset::{Dataset, Inputs, Targets};
pub use describe::{ColumnDescription, Description, Range, TargetDescription};
pub use error::{DataError, nearest};
pub use folds::Folds;
pub(crate) use missing::Findings;
pub use numbers::Numbers;
pub use order::Order;
pub(crate) use parts::Parts;
pub(crate) use pictures::with_options;
pub use pictures::{Picture, PictureOptions};
pub use prepare::{
    Coarse, ColumnKind, InputScale, Missing, Normalize, Preparation, TargetScale, Task,
};
pub(crate) use rows::{ReadInto, Reader, gather};
pub use spec::{Generator, GeneratorKind, Spec};
pub use split::split;
pub use stored::{Rows, Stored, Value};
pub use table::{Column, InFile, Table, TableInputs, TableOptions, TableTarget, Values};
