//! What `predict` writes of a row.

use super::exit::Exit;
use crate::data::Preparation;

/// What is asked for, beside the prediction itself.
pub(super) struct Answers<'a> {
    pub(super) preparation: &'a Preparation,
    /// One column a class.
    pub(super) probabilities: bool,
    /// So many classes, the most probable first, each with its probability.
    pub(super) top: Option<usize>,
}

impl Answers<'_> {
    /// Refuses what the model has no answer to; `place` names it.
    pub(super) fn check(&self, place: &str) -> Result<(), Exit> {
        let flag = match (self.probabilities, self.top) {
            (true, _) => "--probabilities",
            (_, Some(_)) => "--top-k",
            _ => return Ok(()),
        };
        let Some(classes) = self.preparation.class_names() else {
            return Err(Exit::usage(format!(
                "{place}: predicts numbers, and has no classes; leave out `{flag}`"
            )));
        };
        match self.top.filter(|top| *top > classes.len()) {
            Some(top) => Err(Exit::usage(format!(
                "--top-k {top}: {place} has {} classes; give at most as many",
                classes.len()
            ))),
            None => Ok(()),
        }
    }

    /// The names of the columns.
    pub(super) fn header(&self) -> Vec<String> {
        let preparation = self.preparation;
        let Some(classes) = preparation.class_names() else {
            // Several numbers a row are named as the targets' columns, or as the outputs where these have no names.
            return match preparation.target_names() {
                Some(names) => names.iter().map(|n| format!("prediction.{n}")).collect(),
                None if preparation.outputs() > 1 => {
                    let outputs = 0..preparation.outputs();
                    outputs.map(|i| format!("y{i}")).collect()
                }
                None => vec!["prediction".to_owned()],
            };
        };
        let mut header = vec!["prediction".to_owned()];
        for place in 1..=self.top.unwrap_or(0) {
            header.extend([format!("top{place}"), format!("p{place}")]);
        }
        if self.probabilities {
            header.extend_from_slice(classes);
        }
        header
    }

    /// One row: the most probable class, or the numbers in their own units.
    pub(super) fn record(&self, y: &[f32]) -> Vec<String> {
        let preparation = self.preparation;
        let Some(classes) = preparation.class_names() else {
            let own = |(output, y): (usize, &f32)| match preparation.target_scale() {
                Some(scale) => in_own_units(*y, scale.scale[output], scale.offset[output]),
                None => y.to_string(),
            };
            return y.iter().enumerate().map(own).collect();
        };
        let order = ranked(y, self.top.unwrap_or(1));
        let mut record = vec![classes[order[0]].clone()];
        for &class in order.iter().take(self.top.unwrap_or(0)) {
            record.extend([classes[class].clone(), y[class].to_string()]);
        }
        if self.probabilities {
            record.extend(y.iter().map(f32::to_string));
        }
        record
    }
}

/// The places of the largest `count` numbers, the largest first; equal ones are in the order of the classes.
fn ranked(y: &[f32], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..y.len()).collect();
    if count == 1 {
        let best = |best, &class: &usize| if y[class] > y[best] { class } else { best };
        return vec![order.iter().fold(0, best)];
    }
    // The order is stable.
    order.sort_by(|&a, &b| y[b].total_cmp(&y[a]));
    order.truncate(count);
    order
}

/// `y * scale + offset`, in the digits that `y` has: those of f32, and more where the offset is large.
#[expect(
    clippy::cast_possible_truncation,
    reason = "as many digits as the network computes with"
)]
fn in_own_units(y: f32, scale: f64, offset: f64) -> String {
    let own = f64::from(y) * scale + offset;
    let of_answer = scale * f64::from(y.abs().max(1.0));
    if own.abs() <= of_answer {
        return (own as f32).to_string();
    }
    // Digits behind the first: the 7 that f32 has of the answer, and those that the offset adds in front.
    let digits = 7 + (own.abs() / of_answer).log10().ceil() as usize;
    let text = format!("{own:.*e}", digits.min(16));
    text.parse::<f64>().map_or(text, |own| own.to_string())
}

#[cfg(test)]
mod tests {
    use super::ranked;

    #[test]
    fn equal_classes_are_in_their_own_order() {
        let y = [0.1, 0.4, 0.1, 0.4];
        assert_eq!(ranked(&y, 1), [1]);
        assert_eq!(ranked(&y, 3), [1, 3, 0]);
        assert_eq!(ranked(&y, 4), [1, 3, 0, 2]);
    }
}
