//! Pages that show runs: one self-contained HTML file each, which asks for nothing from anywhere.
//!
//! A [`Report`] shows one run, while it goes on or after; a [`Comparison`] shows several over one another. Both are made of
//! a [`History`], which is a run's `metrics.jsonl` read back, so that a run that was resumed has a whole report. All text that
//! comes from data is escaped, pictures are inline, and what grows with a run's length is thinned out: a page stays below
//! 2 MB.

mod chart;
mod compare;
mod explained;
mod history;
mod html;
mod layers;
mod mistakes;
mod outcome;
mod page;

pub use chart::{Chart, Series};
pub use compare::{Compared, Comparison, Row};
pub use explained::{Block, Explained, Map, Shown};
pub use history::{Curve, Histogram, History, Looked, LookedUnits, thinned};
pub use html::escaped;
pub use mistakes::{Look, Mistake, Picture};
pub use outcome::{Answers, Confusion, Outcome, Scatter};
pub use page::{PartRow, Report, State};
