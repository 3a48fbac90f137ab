//! The network that is explained, with its data.

use serde_json::{Map, Value, json};

use super::Explain;
use super::outcome::members;
use crate::cli::exit::Exit;
use crate::cli::job;
use crate::cli::output::{grouped, note, short};
use crate::cli::run_path::RunPath;
use crate::data::{Dataset, Preparation, Targets, nearest};
use crate::explain::{Explainer, Quantity, Spread};
use crate::report::{Look, Map as Shape, Picture};
use crate::run::ModelFile;
use crate::train::Model;

/// Rows that are read at once.
const READ: usize = 4096;

/// A network on a device, and rows.
pub(super) struct Subject {
    pub(super) explainer: Explainer,
    pub(super) model: Model,
    pub(super) preparation: Preparation,
    pub(super) data: Dataset,
    /// The outputs' names: classes, or targets.
    pub(super) outputs: Vec<String>,
    place: String,
    source: String,
    device: String,
    device_name: String,
}

/// A row that is explained.
pub(super) struct Row {
    /// Its number.
    pub(super) number: usize,
    pub(super) x: Vec<f32>,
    /// The class that it has, or the numbers, where that is known.
    pub(super) truth: Option<String>,
    /// What is predicted.
    pub(super) predicted: String,
    /// The output that is explained.
    pub(super) output: usize,
    /// Its value.
    pub(super) value: f64,
}

impl Subject {
    pub(super) fn load(asked: &Explain) -> Result<Self, Exit> {
        let path = RunPath::new(&asked.run, asked.best)?;
        let (ModelFile { model, .. }, preparation) = path.load()?;
        let options = preparation.table_options(false);
        let table = asked.data.load(&options)?;
        for text in table.notes() {
            note(&format!("note: {text}"));
        }
        let data = preparation.prepare_owned(table)?;
        let outputs = match (preparation.class_names(), preparation.target_names()) {
            (Some(names), _) | (None, Some(names)) => names.to_vec(),
            _ => {
                let name = |output| match preparation.target_name() {
                    Some(name) => name.to_owned(),
                    None => format!("y{output}"),
                };
                (0..model.network.outputs()).map(name).collect()
            }
        };
        let opened = job::open(&asked.device, job::opening(None, false), false)?;
        Ok(Self {
            device: job::describe(&opened),
            device_name: job::name(opened.executor.device()).to_owned(),
            explainer: Explainer::new(&model, opened.executor)?,
            model,
            preparation,
            data,
            outputs,
            place: path.model.display().to_string(),
            source: asked.data.to_string(),
        })
    }

    /// What is known of model and data, and then more.
    pub(super) fn facts(&self, method: &str, more: &[(String, String)]) -> Vec<(String, String)> {
        let fact = |name: &str, value: String| (name.to_owned(), value);
        let mut facts = vec![
            fact("model", format!("{}, {}", self.place, self.model.network)),
            fact(
                "data",
                format!("{}, {} rows", self.source, grouped(self.data.rows() as u64)),
            ),
            fact("device", self.device.clone()),
            fact("method", method.to_owned()),
        ];
        facts.extend_from_slice(more);
        facts
    }

    pub(super) fn json(&self, method: &str) -> Map<String, Value> {
        members(json!({
            "method": method,
            "model": self.place,
            "data": self.source,
            "data_rows": self.data.rows(),
            "device": self.device_name,
            "features": self.picture().is_none().then(|| self.preparation.feature_names()),
            "shape": self.data.sample_shape(),
        }))
    }

    /// Pixels across and down, and channels, if rows are pictures.
    pub(super) fn picture(&self) -> Option<[usize; 3]> {
        Picture::shape(self.data.sample_shape())
    }

    /// The same, for methods that need it.
    pub(super) fn expect_picture(&self, method: &str) -> Result<[usize; 3], Exit> {
        self.picture().ok_or_else(|| {
            Exit::usage(format!(
                "{}: rows of shape {:?} are no pictures, which {method} covers; use integrated_gradients or perturbation",
                self.source,
                self.data.sample_shape()
            ))
        })
    }

    /// Whether the channels of a picture come one after the other.
    pub(super) fn planes(&self) -> bool {
        matches!(self.data.sample_shape(), [1 | 3, _, _])
    }

    /// All inputs `[rows, features]`.
    pub(super) fn inputs(&self) -> Result<Vec<f32>, Exit> {
        Ok(self.data.inputs_of(0..self.data.rows())?)
    }

    /// How all inputs are spread.
    pub(super) fn spread(&self) -> Result<Spread, Exit> {
        let (rows, features) = (self.data.rows(), self.data.features());
        let mut spread = Spread::default();
        for start in (0..rows).step_by(READ) {
            spread.add(
                &self.data.inputs_of(start..rows.min(start + READ))?,
                features,
            );
        }
        Ok(spread)
    }

    /// The rows that are asked for, else the first ones.
    pub(super) fn rows(
        &mut self,
        asked: &Explain,
        of: Quantity,
        first: usize,
    ) -> Result<Vec<Row>, Exit> {
        let all = self.data.rows();
        let numbers = match &asked.rows {
            Some(numbers) => numbers.clone(),
            None => (0..all.min(first)).collect(),
        };
        if let Some(number) = numbers.iter().find(|number| **number >= all) {
            return Err(Exit::usage(format!(
                "--rows {number}: {} has {all} rows; expected numbers from 0 to {}",
                self.source,
                all - 1
            )));
        }
        let wanted = self.wanted(asked)?;
        let width = self.outputs.len();
        numbers
            .into_iter()
            .map(|number| {
                let x = self.data.inputs_of(number..number + 1)?;
                let values = self.explainer.answers(of, &x)?;
                let logits = self.explainer.answers(Quantity::Logit, &x)?;
                if let Some(value) = logits.iter().find(|value| !value.is_finite()) {
                    return Err(Exit::failed(format!(
                        "row {number}: an output is {value}: the network's outputs leave the range of f32"
                    )));
                }
                let best = (0..width).fold(0, |b, at| if logits[at] > logits[b] { at } else { b });
                let classes = self.preparation.class_names().is_some();
                let output = wanted.unwrap_or(if classes { best } else { 0 });
                Ok(Row {
                    number,
                    truth: self.truth(number),
                    predicted: self.predicted(&x, best)?,
                    output,
                    value: self.in_own_units(output, values[output]),
                    x,
                })
            })
            .collect()
    }

    /// The output that `--class` names.
    fn wanted(&self, asked: &Explain) -> Result<Option<usize>, Exit> {
        let Some(name) = &asked.class else {
            return Ok(None);
        };
        if let Some(output) = self.outputs.iter().position(|known| known == name) {
            return Ok(Some(output));
        }
        let hint = nearest(name, self.outputs.iter().map(String::as_str));
        let hint = hint.map_or_else(String::new, |near| format!(" (did you mean {near:?}?)"));
        let shown: Vec<_> = self.outputs.iter().take(20).cloned().collect();
        Err(Exit::usage(format!(
            "--class {name:?}: {} has no such output{hint}; expected one of {}",
            self.place,
            shown.join(", ")
        )))
    }

    fn truth(&self, row: usize) -> Option<String> {
        match self.data.targets() {
            Targets::Classes { labels, .. } => Some(self.outputs[labels[row] as usize].clone()),
            Targets::Numbers { values, outputs } => {
                let own = |output: usize| {
                    let value = f64::from(values[row * outputs + output]);
                    short(self.in_own_units(output, value))
                };
                Some((0..*outputs).map(own).collect::<Vec<_>>().join(", "))
            }
            Targets::None => None,
        }
    }

    fn predicted(&mut self, x: &[f32], best: usize) -> Result<String, Exit> {
        let y = self.explainer.answers(Quantity::Probability, x)?;
        if self.preparation.class_names().is_some() {
            return Ok(format!("{} ({:.3})", self.outputs[best], y[best]));
        }
        let own = |(output, y): (usize, &f64)| short(self.in_own_units(output, *y));
        Ok(y.iter().enumerate().map(own).collect::<Vec<_>>().join(", "))
    }

    /// What a change of an output is in the target's own units.
    pub(super) fn unit(&self, output: usize) -> f64 {
        let scale = self.preparation.target_scale();
        scale.map_or(1.0, |scale| scale.scale[output])
    }

    pub(super) fn in_own_units(&self, output: usize, value: f64) -> f64 {
        let scale = self.preparation.target_scale();
        scale.map_or(value, |scale| {
            value * scale.scale[output] + scale.offset[output]
        })
    }

    /// The names of the inputs; of a picture's, where they are.
    pub(super) fn names(&self) -> Vec<String> {
        let Some([width, height, channels]) = self.picture() else {
            return self.preparation.feature_names();
        };
        let place = |at: usize| {
            let (pixel, channel) = if self.planes() {
                (at % (width * height), at / (width * height))
            } else {
                (at / channels, at % channels)
            };
            let colour = if channels == 3 {
                [" red", " green", " blue"][channel]
            } else {
                ""
            };
            format!("row {} column {}{colour}", pixel / width, pixel % width)
        };
        (0..self.data.features()).map(place).collect()
    }

    /// The inputs' names with what they are in a row: `width = 1.5`; a category that it has not without.
    pub(super) fn named(&self, x: &[f32]) -> Vec<String> {
        let own = self.preparation.in_own_units(x);
        let with_value = |name: String| match own.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => format!("{name} = {value}"),
            None => name,
        };
        self.names().into_iter().map(with_value).collect()
    }

    /// A row as a picture to be shown.
    pub(super) fn look(&self, x: &[f32]) -> Option<Shape> {
        Picture::of(self.data.sample_shape(), x).map(Shape::Picture)
    }

    /// What a row looks like where it is no picture.
    pub(super) fn columns(&self, x: &[f32]) -> Look {
        Look::Columns(self.preparation.in_own_units(x))
    }

    /// Numbers of a picture's inputs as a map: the channels of a pixel are added.
    pub(super) fn map(&self, values: &[f64]) -> Option<Shape> {
        let [width, height, channels] = self.picture()?;
        let pixels = width * height;
        let at = |pixel: usize, channel: usize| {
            if self.planes() {
                values[channel * pixels + pixel]
            } else {
                values[pixel * channels + channel]
            }
        };
        let sum = |pixel: usize| (0..channels).map(|channel| at(pixel, channel)).sum();
        Some(Shape::Signed {
            width,
            values: (0..pixels).map(sum).collect(),
        })
    }
}
