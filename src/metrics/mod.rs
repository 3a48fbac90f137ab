//! How good predictions are: figures of classes and of numbers, each with an interval that says how sure it is.
//!
//! Plain functions over predictions and targets on the host, in f64; no device. [`Classification`] and [`Regression`] hold
//! what is judged; `figures` gives the report. Weights of rows and classes are not looked at: they belong to the loss.
//!
//! An interval holds 95 %. That of a share (accuracy, top-k, precision and recall of a class) is Wilson's; that of any
//! other figure is a [`Bootstrap`] over the rows. They say how the figure of *this* model would vary over data sets of this
//! size; how a model trained anew would differ is what cross-validation and several seeds say.
//!
//! ```
//! use thalweg::metrics::{Bootstrap, Classification};
//!
//! // Four rows of two classes: their probabilities, and the classes that they have.
//! let probabilities = [0.9, 0.1, 0.2, 0.8, 0.6, 0.4, 0.3, 0.7];
//! let report = Classification::new(&probabilities, &[0, 1, 1, 1], 2).figures(&Bootstrap::default());
//! assert_eq!(report.accuracy.value, Some(0.75));
//! assert_eq!(report.auc.value, Some(1.0));
//! ```

mod bootstrap;
mod classification;
mod interval;
mod ranking;
mod regression;
mod report;

pub use bootstrap::Bootstrap;
pub use classification::Classification;
pub use interval::{Summary, student_t, wilson};
pub use ranking::roc_auc;
pub use regression::Regression;
pub use report::{Bin, ClassFigures, ClassReport, Figure, Intervals, NumberFigures, NumberReport};

/// What an undefined figure is while it is computed.
const UNDEFINED: f64 = f64::NAN;

/// A figure as it is told: nothing where it is not defined.
fn told(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
