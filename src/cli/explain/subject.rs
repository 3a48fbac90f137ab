//! The network that is explained, with its data.

use serde_json::{Map, Value, json};

use super::Explain;
use super::allowed::by_flag;
use super::outcome::members;
use super::row::{Row, parts};
use crate::cli::exit::Exit;
use crate::cli::job;
use crate::cli::output::{grouped, note, short};
use crate::cli::run_path::RunPath;
use crate::data::{Dataset, Preparation, Targets, nearest};
use crate::explain::{Affine, Explainer, Quantity, Spread, largest};
use crate::network::{Activation, Layer};
use crate::report::{Look, Map as Shape, Picture};
use crate::run::ModelFile;
use crate::train::Model;

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

    /// Whether rows are sequences to the network, whatever they look like.
    pub(super) fn is_sequence(&self) -> bool {
        matches!(
            self.model.network.layers.first(),
            Some(Layer::Recurrent { .. })
        )
    }

    /// How all inputs are spread.
    pub(super) fn spread(&self) -> Result<Spread, Exit> {
        let mut spread = Spread::default();
        for part in parts(&self.data) {
            spread.add(&part?, self.data.features());
        }
        Ok(spread)
    }

    /// What is asked for, which must be there.
    pub(super) fn quantity(&self, asked: &Explain, default: Quantity) -> Result<Quantity, Exit> {
        let gives = self.model.output != Activation::Identity;
        match asked.of {
            Some(Quantity::Probability) if !gives => Err(Exit::usage(format!(
                "--of probability: the network gives no probabilities but a {}; leave --of out",
                self.word(Quantity::Logit)
            ))),
            Some(of) => Ok(of),
            None if gives => Ok(default),
            None => Ok(Quantity::Logit),
        }
    }

    /// What a quantity is of this network.
    pub(super) fn word(&self, of: Quantity) -> &'static str {
        let classes = self.preparation.class_names().is_some();
        match (of, self.model.output) {
            (_, Activation::Identity) if classes => "score",
            (_, Activation::Identity) => "number",
            (Quantity::Probability, _) => "probability",
            (Quantity::Logit, _) => match self.end() {
                Some(Activation::LogSoftmax) => "log-probability",
                _ => "logit",
            },
        }
    }

    /// What the network ends in, where that is left out of linear networks.
    pub(super) fn end(&self) -> Option<Activation> {
        Affine::end_of(&self.model.network)
    }

    /// The rows that are asked for, else the first ones.
    pub(super) fn rows(
        &mut self,
        asked: &Explain,
        of: Quantity,
        first: usize,
    ) -> Result<Vec<Row>, Exit> {
        let all = self.data.rows();
        let numbers: Vec<usize> = match &asked.rows {
            Some(ranges) => {
                if let Some(number) = ranges.iter().map(|r| *r.end()).find(|end| *end >= all) {
                    return Err(Exit::usage(format!(
                        "--rows {number}: {} has {all} rows; expected numbers from 0 to {}",
                        self.source,
                        all - 1
                    )));
                }
                ranges.iter().cloned().flatten().collect()
            }
            None => (0..all.min(first)).collect(),
        };
        let wanted = self.wanted(asked)?;
        let mut x = Vec::with_capacity(numbers.len() * self.data.features());
        for &number in &numbers {
            x.extend(self.data.inputs_of(number..number + 1)?);
        }
        let [logits, predictions] =
            [Quantity::Logit, Quantity::Probability].map(|of| self.explainer.answers(of, &x));
        let (logits, predictions) = (logits.map_err(by_flag)?, predictions.map_err(by_flag)?);
        let (features, width) = (self.data.features(), self.outputs.len());
        let row = |(place, &number): (usize, &usize)| {
            let of_row = place * width..(place + 1) * width;
            let (logits, predictions) = (&logits[of_row.clone()], &predictions[of_row]);
            if let Some(value) = logits
                .iter()
                .chain(predictions)
                .find(|value| !value.is_finite())
            {
                return Err(Exit::failed(format!(
                    "row {number}: an output is {value}: the network's outputs leave the range of f32"
                )));
            }
            let classes = self.preparation.class_names().is_some();
            let output = wanted.unwrap_or(if classes { largest(logits) } else { 0 });
            let values = if of == Quantity::Logit {
                logits
            } else {
                predictions
            };
            Ok(Row {
                number,
                truth: self.truth(number),
                predicted: self.predicted(predictions, largest(logits)),
                output,
                name: self.outputs[output].clone(),
                value: self.own(output, values[output]),
                x: x[place * features..(place + 1) * features].to_vec(),
            })
        };
        numbers.iter().enumerate().map(row).collect()
    }

    /// The output that `--class` names.
    pub(super) fn wanted(&self, asked: &Explain) -> Result<Option<usize>, Exit> {
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
                    short(self.own(output, value))
                };
                Some((0..*outputs).map(own).collect::<Vec<_>>().join(", "))
            }
            Targets::None => None,
        }
    }

    fn predicted(&self, y: &[f64], best: usize) -> String {
        if self.preparation.class_names().is_some() {
            let word = match self.word(Quantity::Probability) {
                "probability" => "",
                _ => "score ",
            };
            return format!("{} ({word}{:.3})", self.outputs[best], y[best]);
        }
        let own = |(output, y): (usize, &f64)| short(self.own(output, *y));
        y.iter().enumerate().map(own).collect::<Vec<_>>().join(", ")
    }

    /// What an output of the network is in the target's own units. A number is told in no others.
    pub(super) fn own(&self, output: usize, value: f64) -> f64 {
        let scale = self.preparation.target_scale();
        self.own_change(output, value) + scale.map_or(0.0, |scale| scale.offset[output])
    }

    /// What a change of an output is in the target's own units, and so what a contribution, a weight or a gap is.
    pub(super) fn own_change(&self, output: usize, change: f64) -> f64 {
        let scale = self.preparation.target_scale();
        scale.map_or(change, |scale| change * scale.scale[output])
    }

    pub(super) fn own_changes(&self, output: usize, changes: &[f64]) -> Vec<f64> {
        changes
            .iter()
            .map(|&change| self.own_change(output, change))
            .collect()
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
