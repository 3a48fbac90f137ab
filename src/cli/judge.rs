//! Predictions of whole data sets, held against the targets.

use serde_json::{Value, json};

use super::exit::Exit;
use crate::data::{Dataset, Targets};
use crate::metrics::{Bootstrap, ClassReport, Classification, Figure, NumberReport, Regression};
use crate::network::Loss;
use crate::train::Session;

/// Rows that are predicted at once.
pub(super) const ROWS: usize = 1024;

/// The figures of the predictions.
pub(super) enum Report {
    Classes(Box<ClassReport>),
    Numbers(Box<NumberReport>),
}

/// What figures depend on beside predictions and targets.
pub(super) struct Judging<'a> {
    pub(super) loss: Loss,
    /// The scales of the targets, one an output.
    pub(super) units: Option<&'a [f64]>,
    pub(super) top_k: Option<usize>,
    pub(super) bootstrap: Bootstrap,
}

impl Judging<'_> {
    /// Predicts all rows and judges the predictions. It holds the outputs of all rows in memory, and some 30 bytes a row.
    /// None where there are no targets.
    pub(super) fn report(
        &self,
        session: &mut Session,
        data: &Dataset,
    ) -> Result<Option<Report>, Exit> {
        if matches!(data.targets(), Targets::None) {
            return Ok(None);
        }
        Ok(self.judge(data, &outputs(session, data)?))
    }

    /// Judges the outputs of all rows. None where there are no targets.
    pub(super) fn judge(&self, data: &Dataset, outputs: &[f32]) -> Option<Report> {
        match data.targets() {
            Targets::Classes { labels, classes } => {
                let mut judged = Classification::new(outputs, labels, *classes);
                if !self.loss.gives_probabilities() {
                    judged = judged.without_probabilities();
                }
                if let Some(k) = self.top_k {
                    judged = judged.top_k(k);
                }
                Some(Report::Classes(Box::new(judged.figures(&self.bootstrap))))
            }
            Targets::Numbers { values, outputs: n } => {
                let mut judged = Regression::new(outputs, values, *n);
                if let Some(units) = self.units {
                    judged = judged.units(units);
                }
                Some(Report::Numbers(Box::new(judged.figures(&self.bootstrap))))
            }
            Targets::None => None,
        }
    }
}

/// The network's answers for all rows.
fn outputs(session: &mut Session, data: &Dataset) -> Result<Vec<f32>, Exit> {
    let rows = data.rows();
    let mut outputs = room(rows, session.recipe.network.outputs())?;
    for start in (0..rows).step_by(ROWS) {
        let x = data.inputs_of(start..rows.min(start + ROWS))?;
        outputs.extend(session.predict(&x, ROWS)?);
    }
    Ok(outputs)
}

/// Room for the outputs of all rows.
pub(super) fn room(rows: usize, width: usize) -> Result<Vec<f32>, Exit> {
    let mut outputs = Vec::new();
    outputs.try_reserve_exact(rows * width).map_err(|_| {
        Exit::failed(format!(
            "there is no memory for the outputs of all {rows} rows, {width} numbers each; give fewer rows by `--data`"
        ))
    })?;
    Ok(outputs)
}

impl Report {
    /// The figures of one name and value each.
    fn named(&self) -> Vec<(String, Figure)> {
        let named = |name: &str, figure: Figure| (name.to_owned(), figure);
        match self {
            Self::Numbers(r) => {
                vec![
                    named("mae", r.mae),
                    named("rmse", r.rmse),
                    named("r2", r.r2),
                ]
            }
            Self::Classes(r) => {
                let mut figures = vec![named("accuracy", r.accuracy)];
                figures.extend(
                    r.top_k
                        .iter()
                        .map(|(k, figure)| (format!("top_{k}"), *figure)),
                );
                figures.extend([
                    named("precision", r.precision),
                    named("recall", r.recall),
                    named("f1", r.f1),
                    named("auc", r.auc),
                    named("log_loss", r.log_loss),
                    named("calibration_error", r.calibration_error),
                ]);
                figures
            }
        }
    }

    /// The figures alone, as one object of numbers.
    pub(super) fn points(&self) -> Value {
        let points = self.named().into_iter();
        Value::Object(
            points
                .map(|(name, figure)| (name, json!(figure.value)))
                .collect(),
        )
    }

    /// The few of them that a summary tells.
    pub(super) fn summary(&self) -> Vec<(&'static str, f64)> {
        let few = match self {
            Self::Classes(r) => [("F1", r.f1), ("AUC", r.auc)],
            Self::Numbers(r) => [("MAE", r.mae), ("RMSE", r.rmse)],
        };
        let defined = few
            .into_iter()
            .filter_map(|(name, figure)| Some((name, figure.value?)));
        defined.collect()
    }

    /// All of it. `names` are those of the classes, or of the outputs.
    pub(super) fn json(&self, names: &[String]) -> Value {
        let (mut object, list) = match self {
            Self::Classes(report) => {
                let mut object = json!(report);
                let top = report.top_k.iter();
                object["top_k"] = top
                    .map(|(k, figure)| (k.to_string(), json!(figure)))
                    .collect();
                (object, "classes")
            }
            Self::Numbers(report) => (json!(report), "outputs"),
        };
        if let Some(list) = object[list].as_array_mut() {
            for (figures, name) in list.iter_mut().zip(names) {
                figures["name"] = json!(name);
            }
        }
        object
    }
}
