//! What an exported network answers, in one place for all formats.

use serde_json::{Value, json};

use crate::network::{Activation, Loss};
use crate::run::ModelFile;

/// What a network answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The probability of each class, or of each output.
    Probabilities,
    /// A number a class, of which the largest wins.
    Scores,
    /// Numbers in the units of the target.
    Numbers,
}

impl Answer {
    /// The name of the output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Probabilities => "probabilities",
            Self::Scores => "scores",
            Self::Numbers => "y",
        }
    }
}

/// What an exported model answers.
pub fn answer(file: &ModelFile) -> Answer {
    let classes = file.preparation.as_ref().and_then(|p| p.class_names());
    if output(file) != Activation::Identity {
        Answer::Probabilities
    } else if classes.is_some() {
        Answer::Scores
    } else {
        Answer::Numbers
    }
}

/// What turns the last layer's output into an answer: what `predict` takes.
pub(super) fn output(file: &ModelFile) -> Activation {
    file.loss.map_or(file.model.output, Loss::output)
}

/// How answers go to the units of the target, `answer * scale + offset`, where that changes them.
pub(super) fn target_scale(file: &ModelFile) -> Option<(Vec<f64>, Vec<f64>)> {
    let scale = file.preparation.as_ref()?.target_scale()?;
    let changes = scale.offset.iter().any(|x| *x != 0.0) || scale.scale.iter().any(|x| *x != 1.0);
    changes.then(|| (scale.offset.to_vec(), scale.scale.to_vec()))
}

/// What a reader of the exported file must know of the data, as JSON.
pub(super) fn about(file: &ModelFile) -> Vec<(&'static str, Value)> {
    let mut about = vec![("network", json!(file.model.network.to_string()))];
    if let Some(loss) = file.loss {
        about.push(("loss", json!(loss.to_string())));
    }
    about.push(("steps", json!(file.steps)));
    if let Some(preparation) = &file.preparation {
        about.push(("features", json!(preparation.feature_names())));
        about.push(("sample_shape", json!(preparation.sample_shape())));
        if let Some(classes) = preparation.class_names() {
            about.push(("classes", json!(classes)));
        }
        if let Some(names) = preparation.target_names() {
            about.push(("targets", json!(names)));
        } else if let Some(name) = preparation.target_name() {
            about.push(("targets", json!([name])));
        }
    }
    about
}

/// What an input row is, in words.
pub(super) fn input_doc(file: &ModelFile) -> String {
    let Some(preparation) = &file.preparation else {
        return "rows as the network sees them; the model was saved without a data preparation"
            .to_owned();
    };
    let bytes = if preparation.takes_bytes() {
        "bytes 0 to 255 as numbers"
    } else {
        "numbers in the units of the data"
    };
    let shape = preparation.sample_shape();
    if shape.len() > 1 {
        return format!("{bytes}, {shape:?} a row, the last axis fastest");
    }
    format!(
        "{bytes}, in this order (column=category is 1 for that category, else 0): {}",
        preparation.feature_names().join(", ")
    )
}
