//! `thalweg eval`.

use std::path::PathBuf;
use std::time::Instant;

use serde_json::json;

use super::exit::Exit;
use super::figures;
use super::flags::count;
use super::job;
use super::judge::Judging;
use super::output::{Facts, duration, grouped, note, print, print_json, short};
use super::run_path::RunPath;
use crate::data::{Dataset, Preparation, Spec};
use crate::device::Device;
use crate::metrics::Bootstrap;
use crate::train::{Evaluation, Objective};

const EXAMPLES: &str = "Examples:
  thalweg eval runs/glyphs-1                            on the rows that the run validated on
  thalweg eval runs/glyphs-1 --best                     the same, with the best epoch's model
  thalweg eval runs/flowers-1 --data new.csv --json     on other data; columns are found by name
  thalweg eval model.safetensors --data glyphs:seed=9   a model file alone";

/// Tells loss and metrics of a trained network on a data set.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Eval {
    /// A run folder or a model file
    run: PathBuf,
    /// A generator or a path [default: the validation rows of the run]
    #[arg(long, value_name = "SPEC")]
    data: Option<Spec>,
    /// Take the best epoch's model, not the last
    #[arg(long)]
    best: bool,
    /// Tell the share of rows whose class is among the K most probable ones [default: 3 and 5, where there are more classes]
    #[arg(long, value_name = "K", value_parser = count, allow_negative_numbers = true)]
    top_k: Option<u64>,
    /// auto, cpu, gpu, reference, reference-f32, or an adapter by number or by a part of its name
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: Device,
    /// Print one JSON object in place of the table
    #[arg(long)]
    json: bool,
}

impl Eval {
    pub(super) fn run(self) -> Result<(), Exit> {
        let begun = Instant::now();
        let path = RunPath::new(&self.run, self.best)?;
        let (file, preparation) = path.load()?;
        let config = path.config();
        // The same batches as in training, so that the same model has the same loss.
        let batch = config
            .as_ref()
            .ok()
            .and_then(Option::as_ref)
            .map_or(256, |c| c.options.batch_size.max(256));
        let (name, data) = match &self.data {
            Some(spec) => (spec.to_string(), job::load_prepared(spec, &preparation)?),
            None => self.same_data(config?, &preparation)?,
        };
        let Some(loss) = file.loss else {
            return Err(Exit::usage(
                "the model was trained with a loss of its own, which only its program knows",
            ));
        };
        let top_k = self.checked_top_k(&preparation)?;
        let opened = job::open(&self.device, job::opening(None, false), false)?;
        let described = job::describe(&opened);
        let device = opened.executor.device().clone();
        let objective = Objective::Loss {
            loss,
            classes: file.classes,
        };
        let mut session = file.model.session_on(opened.executor, objective)?;
        session.set_validation_rows(&data, batch)?;
        let units = preparation.target_scale().map(|scale| scale.scale.to_vec());
        let mut found = session.evaluate_rows(&data, batch, units.as_deref())?;
        found.complete(&data);
        check_finite(&found)?;
        let judging = Judging {
            loss,
            units: units.as_deref(),
            top_k,
            bootstrap: Bootstrap::default(),
        };
        let report = judging.report(&mut session, &data)?;
        let names = preparation
            .class_names()
            .or_else(|| preparation.target_names())
            .unwrap_or_default();
        let seconds = begun.elapsed().as_secs_f64();
        let model = path.model.display().to_string();
        if self.json {
            return print_json(&json!({
                "model": model,
                "data": name,
                "rows": found.rows,
                "loss": found.loss,
                "accuracy": found.accuracy,
                "r2": found.r2,
                "device": job::name(&device),
                "backend": device.backend,
                "seconds": seconds,
                "metrics": report.as_ref().map(|report| report.json(names)),
            }));
        }
        let rows = grouped(found.rows as u64);
        let mut facts = Facts::default();
        facts.add("model", model);
        facts.add("data", format!("{name}, {rows} rows"));
        facts.add("device", described);
        facts.add("loss", format!("{} ({loss})", short(found.loss)));
        for (name, value) in [("accuracy", found.accuracy), ("R2", found.r2)] {
            if let Some(value) = value {
                facts.add(name, short(value));
            }
        }
        facts.add("time", duration(seconds));
        let figures = report.map(|report| format!("\n{}", figures::text(&report, names)));
        print(&format!("{}{}", facts.text(), figures.unwrap_or_default()))
    }

    /// `--top-k`, if the model's answers have so many.
    fn checked_top_k(&self, preparation: &Preparation) -> Result<Option<usize>, Exit> {
        let Some(k) = self.top_k else {
            return Ok(None);
        };
        let classes = preparation.class_names().map_or(0, <[String]>::len);
        match usize::try_from(k) {
            Ok(k) if k < classes => Ok(Some(k)),
            _ if classes == 0 => Err(Exit::usage(format!(
                "--top-k {k} is of classes, and the model predicts numbers; leave it out"
            ))),
            _ => Err(Exit::usage(format!(
                "--top-k is {k}, and the model knows {classes} classes; expected fewer than {classes}"
            ))),
        }
    }

    /// The rows that the run validated on; all of its data if it did not.
    fn same_data(
        &self,
        config: Option<super::config::Config>,
        preparation: &Preparation,
    ) -> Result<(String, Dataset), Exit> {
        let Some(config) = config else {
            let place = self.run.display();
            return Err(Exit::usage(format!(
                "{place}: there is no config.toml beside the model; name the data by `--data`"
            )));
        };
        if let Some(spec) = &config.val_data {
            return Ok((spec.to_string(), job::load_prepared(spec, preparation)?));
        }
        let all = job::load_prepared(&config.data, preparation)?;
        let (_, validation) = job::rows(&config, all.rows(), all.targets())?;
        if validation.is_empty() {
            note("note: the run had no validation rows, so this is on the rows it was trained on");
            return Ok((config.data.to_string(), all));
        }
        Ok((
            format!("validation rows of {}", config.data),
            all.select(&validation),
        ))
    }
}

/// Refuses a network whose outputs are no numbers.
fn check_finite(found: &Evaluation) -> Result<(), Exit> {
    if found.loss.is_finite() {
        return Ok(());
    }
    let what = format!("the loss over {} rows is {}", found.rows, found.loss);
    Err(Exit::failed(format!(
        "{what}: the network's outputs leave the range of f32"
    ))
    .hint("look at the data's scale, or train again with a smaller `--lr`"))
}
