//! What can be wrong with a network's description.

/// A network that cannot be built.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum NetworkError {
    /// Rows without inputs.
    #[error("the network has no inputs; it needs at least 1")]
    NoInputs,
    /// A layer without units.
    #[error("layer {index} of the network has 0 units; give it at least 1")]
    NoUnits {
        /// The layer's place in the list.
        index: usize,
    },
    /// A dropout that drops everything, or no probability.
    #[error(
        "layer {index} of the network: a dropout of {p} is not a probability of at least 0 and below 1"
    )]
    Dropout {
        /// The layer's place in the list.
        index: usize,
        /// What was given.
        p: f64,
    },
    /// A number that makes no sense.
    #[error("layer {index} of the network: {what} is {found}; expected {expected}")]
    Value {
        /// The layer's place in the list; of one in a residual block, the block's.
        index: usize,
        /// Which number.
        what: &'static str,
        /// What was given.
        found: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A recurrent layer whose time steps do not divide what it gets, or are not known.
    #[error("layer {index} of the network: {}", time_steps(*.steps, *.columns))]
    TimeSteps {
        /// The layer's place in the list.
        index: usize,
        /// Its time steps; 0 if they are not known.
        steps: usize,
        /// Columns that it gets.
        columns: usize,
    },
    /// A residual block that changes the width.
    #[error(
        "layer {index} of the network: the residual block turns {inputs} columns into {outputs}, and its result is \
         added to what it got; end the block with a layer of {inputs} units"
    )]
    Residual {
        /// The block's place in the list; of one in another, the outer one's.
        index: usize,
        /// Columns that it gets.
        inputs: usize,
        /// Columns of its last layer.
        outputs: usize,
    },
    /// Nothing to train.
    #[error("the network has no parameters; give it a linear layer")]
    NoParameters,
    /// More than a device can count.
    #[error(
        "the network {network} has more than {} parameters; use smaller layers",
        u32::MAX
    )]
    TooLarge {
        /// Its widths.
        network: String,
    },
    /// A loss's parameter that makes no sense.
    #[error("the {what} is {found}; expected {expected}")]
    Parameter {
        /// Which.
        what: &'static str,
        /// What was given.
        found: String,
        /// What would do.
        expected: String,
    },
    /// A word that is none of the known ones.
    #[error("unknown {what} `{found}`{hint}; known: {known}")]
    Unknown {
        /// Activation, loss and so on.
        what: &'static str,
        /// What was given.
        found: String,
        /// `, did you mean ...?`
        hint: String,
        /// What would do.
        known: String,
    },
}

/// What is wrong with the time steps of a layer that gets so many columns.
fn time_steps(steps: usize, columns: usize) -> String {
    if steps == 0 {
        return format!(
            "its time steps are not known, and it gets {columns} columns; give it `steps = 50`, say, or data whose rows have the \
             shape [time, features], with no layer between that mixes time steps, as a linear one does"
        );
    }
    format!(
        "its {steps} time steps do not divide the {columns} columns that it gets; a row is [time, features], and a recurrent \
         layer before it hands on all of its results with `sequence = true`"
    )
}

impl NetworkError {
    /// The error for a word that is none of `known`, with the nearest of them.
    pub fn unknown(what: &'static str, found: &str, known: &[&str]) -> Self {
        let hint = crate::data::nearest(found, known.iter().copied())
            .map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
        Self::Unknown {
            what,
            found: found.to_owned(),
            hint,
            known: known.join(", "),
        }
    }
}
