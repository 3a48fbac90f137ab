//! Rows that are explained, and what is said of each.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::outcome::members;
use crate::cli::exit::Exit;
use crate::cli::output::short;
use crate::data::Dataset;

/// Rows that are read at once, at most, and numbers.
const READ: usize = 4096;
const NUMBERS: usize = 1 << 22;

/// A row that is explained.
pub(super) struct Row {
    /// Its number.
    pub(super) number: usize,
    pub(super) x: Vec<f32>,
    /// The class that it has, or the numbers, where that is known.
    pub(super) truth: Option<String>,
    /// What is predicted.
    pub(super) predicted: String,
    /// The output that is explained, and its name.
    pub(super) output: usize,
    pub(super) name: String,
    /// Its value, in its own units.
    pub(super) value: f64,
}

impl Row {
    /// What tables say of each row.
    pub(super) const HEAD: [&'static str; 5] = ["row", "true", "predicted", "of", "its value"];

    pub(super) fn cells(&self) -> Vec<String> {
        vec![
            self.number.to_string(),
            self.truth.clone().unwrap_or_else(|| "?".to_owned()),
            self.predicted.clone(),
            self.name.clone(),
            short(self.value),
        ]
    }

    /// What JSON says of each row, and more.
    pub(super) fn json(&self, more: Value) -> Value {
        let mut all = members(json!({
            "row": self.number,
            "true": self.truth,
            "predicted": self.predicted,
            "class": self.name,
            "value": self.value,
        }));
        all.extend(members(more));
        all.into()
    }

    pub(super) fn title(&self) -> String {
        format!("row {}: {}", self.number, self.name)
    }

    /// What is said below its pictures.
    pub(super) fn said(&self) -> Vec<String> {
        let truth = self.truth.as_ref();
        vec![
            format!("predicted {}", self.predicted),
            truth.map_or_else(String::new, |truth| format!("true {truth}")),
        ]
    }

    /// Refuses results that left the range of numbers.
    pub(super) fn check<'a>(
        &self,
        what: &str,
        values: impl IntoIterator<Item = &'a f64>,
    ) -> Result<(), Exit> {
        match values.into_iter().find(|value| !value.is_finite()) {
            None => Ok(()),
            Some(value) => Err(Exit::failed(format!(
                "row {}: {what} of an input is {value}: it leaves the range of f32; scale the inputs, or the step, to a \
                 size near 1",
                self.number
            ))),
        }
    }
}

/// The inputs of all rows, a part after the other.
pub(super) fn parts(data: &Dataset) -> impl Iterator<Item = Result<Vec<f32>, Exit>> {
    let at_once = (NUMBERS / data.features().max(1)).clamp(1, READ);
    let rows = data.rows();
    let starts = (0..rows).step_by(at_once);
    starts.map(move |start| Ok(data.inputs_of(start..rows.min(start + at_once))?))
}

/// A row's number, or those from one to another: `7`, `0-99`.
pub(super) fn numbers(text: &str) -> Result<RangeInclusive<usize>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let range = number(first).zip(number(last));
    range
        .map(|(first, last)| first..=last)
        .filter(|range| !range.is_empty())
        .ok_or_else(|| "expected row numbers, as in 0,7,12 or 0-99".to_owned())
}
