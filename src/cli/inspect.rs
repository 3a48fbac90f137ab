//! `thalweg inspect`.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::exit::Exit;
use super::job::Job;
use super::output::{Facts, bytes, grouped, print, print_json, table};
use super::run_path::RunPath;
use super::{flags, summary};
use crate::cpu::Cpu;
use crate::data::{Preparation, Task};
use crate::network::Layer;
use crate::run::{ModelFile, StoredTensor, TensorFile};
use crate::train::Purpose;

const EXAMPLES: &str = "Examples:
  thalweg inspect runs/glyphs-1            the model after the last epoch
  thalweg inspect runs/glyphs-1 --best     the best epoch's
  thalweg inspect weights.safetensors      any safetensors file
  thalweg inspect runs/glyphs-1 --plan     the kernel steps of one training step, and their memory";

/// Shows what is in a model file or a run.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Inspect {
    /// A run folder or a safetensors file
    #[arg(value_name = "FILE")]
    run: PathBuf,
    /// Take the best epoch's model, not the last
    #[arg(long)]
    best: bool,
    /// Rows of a batch, for the memory of the activations [default: the run's own, else 128]
    #[arg(long, value_name = "ROWS", value_parser = flags::count, allow_negative_numbers = true)]
    batch_size: Option<u64>,
    /// Print the plan of a training step (loads the run's data)
    #[arg(long, conflicts_with = "json")]
    plan: bool,
    /// Print one JSON object in place of the tables
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(super) fn run(self) -> Result<(), Exit> {
        let path = RunPath::new(&self.run, self.best)?;
        let file = TensorFile::open(&path.model)?;
        let tensors = file.list();
        let is_ours = file.metadata("thalweg").is_some();
        let model = if is_ours {
            Some(ModelFile::from_tensors(&file)?)
        } else {
            None
        };
        let batch = self.batch(&path);
        if self.json {
            let place = path.model.display().to_string();
            return print_json(&as_json(&place, &tensors, model.as_ref(), batch));
        }
        let mut text = heading(&path, model.as_ref()).text();
        text.push('\n');
        if let Some(file) = &model {
            text.push_str(&summary::text(&file.model.network, batch));
            text.push('\n');
        }
        text.push_str(&tensor_table(&tensors));
        if self.plan {
            text.push('\n');
            text.push_str(&plan(&path)?);
            text.push('\n');
        }
        print(&text)
    }

    /// The batch that is asked for, or the run's. A configuration that cannot be read is no reason to show nothing.
    fn batch(&self, path: &RunPath) -> u64 {
        const DEFAULT: u64 = 128;
        let of_run = || Some(path.config().ok()??.options.batch_size as u64);
        self.batch_size.or_else(of_run).unwrap_or(DEFAULT)
    }
}

fn heading(path: &RunPath, model: Option<&ModelFile>) -> Facts {
    let mut facts = Facts::default();
    facts.add("file", path.model.display().to_string());
    let Some(file) = model else {
        facts.add(
            "format",
            "safetensors, not written by thalweg: tensors alone",
        );
        return facts;
    };
    let network = &file.model.network;
    let count = network.parameter_count() as u64;
    facts.add("format", file.format().to_string());
    facts.add(
        "network",
        format!(
            "{network}, {} parameters, {}",
            grouped(count),
            bytes(4 * count)
        ),
    );
    facts.add("layers", layers(&network.layers));
    facts.add("loss", loss(file));
    facts.add("trained", format!("{} steps", grouped(file.steps)));
    if let Some(preparation) = &file.preparation {
        facts.add("inputs", inputs(preparation));
        facts.add("answers", answers(preparation));
    }
    facts
}

fn layers(list: &[Layer]) -> String {
    let word = |layer: &Layer| match layer {
        Layer::Linear {
            outputs,
            bias: true,
        } => format!("linear {outputs}"),
        Layer::Linear {
            outputs,
            bias: false,
        } => format!("linear {outputs} without bias"),
        Layer::Activation { function } => function.to_string(),
        Layer::Dropout { p } => format!("dropout {p}"),
        Layer::BatchNorm { .. } => "batch_norm".to_owned(),
        Layer::LayerNorm { .. } => "layer_norm".to_owned(),
        Layer::Residual { layers: block } => format!("residual ({})", layers(block)),
        Layer::Maxout { outputs, pieces } => format!("maxout {outputs} of {pieces} pieces"),
        Layer::Noise { std } => format!("noise {std}"),
        Layer::Recurrent {
            cell,
            outputs,
            steps,
            sequence,
        } => {
            let all = if *sequence { ", each result" } else { "" };
            format!("{cell} {outputs} ({steps} time steps{all})")
        }
    };
    list.iter().map(word).collect::<Vec<_>>().join(", ")
}

fn loss(file: &ModelFile) -> String {
    file.loss
        .map_or_else(|| "custom".to_owned(), |loss| loss.to_string())
}

/// A list cut to what a reader wants to see.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = names
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        format!("{shown}, … ({} in all)", names.len())
    } else {
        shown
    }
}

fn inputs(preparation: &Preparation) -> String {
    let shape = preparation.sample_shape();
    if shape.len() > 1 {
        return format!("{} of shape {shape:?}", preparation.features());
    }
    format!(
        "{}: {}",
        preparation.features(),
        some(&preparation.feature_names())
    )
}

fn answers(preparation: &Preparation) -> String {
    let target = preparation
        .target_name()
        .map_or_else(String::new, |name| format!("{name}: "));
    match (preparation.class_names(), preparation.target_scale()) {
        (Some(classes), _) => format!("{target}{} classes: {}", classes.len(), some(classes)),
        (None, Some(scale)) => {
            let one = |(offset, scale): (&f64, &f64)| format!("output * {scale:.6} + {offset:.6}");
            let all: Vec<_> = scale.offset.iter().zip(scale.scale).map(one).collect();
            format!("{target}numbers: {}", some(&all))
        }
        _ => "none".to_owned(),
    }
}

fn tensor_table(tensors: &[StoredTensor]) -> String {
    let mut rows = vec![
        ["tensor", "shape", "numbers", "memory"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let numbers = |tensor: &StoredTensor| tensor.shape.iter().product::<usize>() as u64;
    for tensor in tensors {
        let dtype = if tensor.dtype == "F32" {
            String::new()
        } else {
            format!(" {}", tensor.dtype)
        };
        let shape = format!("{:?}{dtype}", tensor.shape);
        rows.push(vec![
            tensor.name.clone(),
            shape,
            grouped(numbers(tensor)),
            bytes(tensor.bytes as u64),
        ]);
    }
    let total = tensors.iter().map(|tensor| tensor.bytes as u64).sum();
    rows.push(vec![
        "all".to_owned(),
        String::new(),
        grouped(tensors.iter().map(numbers).sum()),
        bytes(total),
    ]);
    table(&rows)
}

fn as_json(path: &str, tensors: &[StoredTensor], model: Option<&ModelFile>, batch: u64) -> Value {
    let described = model.map(|file| {
        let preparation = file.preparation.as_ref();
        json!({
            "format": file.format(),
            "network": file.model.network.to_string(),
            "layers": file.model.network.layers,
            "parameters": file.model.network.parameter_count(),
            "summary": summary::as_json(&file.model.network, batch),
            "loss": loss(file),
            "output": file.model.output.to_string(),
            "steps": file.steps,
            "task": preparation.map(Preparation::task).filter(|task| *task != Task::Auto),
            "features": preparation.map(Preparation::feature_names),
            "target": preparation.and_then(Preparation::target_name),
            "classes": preparation.and_then(Preparation::class_names),
        })
    });
    json!({"file": path, "tensors": tensors, "model": described})
}

/// The plan of a training step as the run's configuration has it, made for the CPU.
fn plan(path: &RunPath) -> Result<String, Exit> {
    let Some(mut config) = path.config()? else {
        let place = path.model.display();
        return Err(Exit::usage(format!(
            "{place}: there is no config.toml beside it, so no plan can be made"
        )));
    };
    // The plan does not depend on the weights that the run began with.
    config.init_weights = None;
    let job = Job::load(config)?;
    let batch = job.config.options.batch_size.min(job.training.rows());
    let mut session = job
        .trainer
        .session(Box::new(Cpu::with_threads(Some(1))?), &job.training)?;
    let ready = session.plan(Purpose::Training(batch))?;
    Ok(ready.plan.to_string())
}
