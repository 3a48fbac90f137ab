//! `thalweg export`.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::json;

use super::exit::Exit;
use super::output::{Facts, bytes, note, print, print_json};
use super::run_path::RunPath;
use crate::data::{Coarse, Preparation};
use crate::export::{ExportError, OPSET, answer, onnx, state_dict, torch_script};
use crate::run::{ModelFile, RunError};

const EXAMPLES: &str = "Examples:
  thalweg export runs/flowers-1 --format onnx --out flowers.onnx
  thalweg export runs/glyphs-1 --best --format safetensors --out glyphs.safetensors \\
      --script glyphs.py

ONNX: one input `x`, float32 [N, features], in the units of the data: the
normalisation is inside. A column of categories is one input a category,
`column=category`, 1 for the row's own and 0 for the others; pixels are numbers
from 0 to 255; a missing value is NaN. The output is `probabilities` [N, classes],
`scores` after a loss without probabilities, or `y` [N, outputs] in the units of
the target. The order of the inputs and the classes is printed, and is in the
model's metadata (`features`, `classes`).

safetensors: PyTorch's names and shapes. The script builds the module, loads the
file strictly, and predicts from rows in the units of the data.";

/// Columns that a note names.
const TOLD: usize = 3;

/// Writes a trained network in a format of others.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Export {
    /// A run folder or a model file
    run: PathBuf,
    /// What to write
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Format,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// With safetensors: write a Python script beside it that loads it in PyTorch
    #[arg(long, value_name = "FILE.py")]
    script: Option<PathBuf>,
    /// Take the best epoch's model, not the last
    #[arg(long)]
    best: bool,
    /// Replace files that are there already
    #[arg(long)]
    force: bool,
    /// Print one JSON object in place of the table
    #[arg(long)]
    json: bool,
}

/// The formats of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Onnx,
    Safetensors,
}

impl Export {
    pub(super) fn run(self) -> Result<(), Exit> {
        let path = RunPath::new(&self.run, self.best)?;
        if self.script.is_some() && self.format == Format::Onnx {
            return Err(Exit::usage(
                "--script is for --format safetensors; an ONNX model holds its network itself",
            ));
        }
        for out in std::iter::once(&self.out).chain(&self.script) {
            self.check_place(out, &path.model)?;
        }
        if self.script.as_ref() == Some(&self.out) {
            return Err(Exit::usage("--out and --script name the same file"));
        }
        let file = ModelFile::load(&path.model)?;
        let written = match self.format {
            Format::Onnx => onnx(&file),
            Format::Safetensors => state_dict(&file),
        };
        let written = written.map_err(|e: ExportError| Exit::usage(e.to_string()))?;
        write(&self.out, &written)?;
        if let Some(script) = &self.script {
            let text = torch_script(&file, &place_from(script, &self.out)?);
            write(script, text.as_bytes())?;
        }
        match &file.preparation {
            None => note(
                "note: the model was saved without a data preparation, so inputs are as the network sees them",
            ),
            Some(preparation) if self.format == Format::Onnx => note_coarse(preparation),
            Some(_) => {}
        }
        self.tell(&file, written.len())
    }

    /// Refuses a place that is taken, or cannot be written.
    fn check_place(&self, out: &Path, model: &Path) -> Result<(), Exit> {
        let place = out.display();
        if out.is_dir() {
            return Err(Exit::usage(format!(
                "{place}: is a folder; name a file in it"
            )));
        }
        let same = |a: &Path, b: &Path| matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b);
        if same(out, model) {
            return Err(Exit::usage(format!(
                "{place}: is the model that is to be exported; name another file"
            )));
        }
        if out.exists() && !self.force {
            return Err(Exit::usage(format!(
                "{place}: exists already; give another name, or replace it by `--force`"
            )));
        }
        let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
        match folder.filter(|folder| !folder.is_dir()) {
            Some(folder) => Err(Exit::usage(format!(
                "{place}: there is no folder {}; make it, or name another file",
                folder.display()
            ))),
            None => Ok(()),
        }
    }

    fn tell(&self, file: &ModelFile, size: usize) -> Result<(), Exit> {
        let network = &file.model.network;
        let preparation = file.preparation.as_ref();
        let names = preparation.map(|p| p.feature_names()).unwrap_or_default();
        let classes = preparation
            .and_then(|p| p.class_names())
            .unwrap_or_default();
        let answer = answer(file).name();
        let format = match self.format {
            Format::Onnx => format!("onnx, opset {OPSET}"),
            Format::Safetensors => "safetensors, PyTorch's names and shapes".to_owned(),
        };
        if self.json {
            return print_json(&json!({
                "out": self.out.display().to_string(),
                "format": self.format.to_possible_value().map(|v| v.get_name().to_owned()),
                "opset": (self.format == Format::Onnx).then_some(OPSET),
                "script": self.script.as_ref().map(|path| path.display().to_string()),
                "bytes": size,
                "inputs": network.inputs,
                "features": names,
                "output": answer,
                "outputs": network.outputs(),
                "classes": classes,
            }));
        }
        let mut facts = Facts::default();
        facts.add(
            "written",
            format!("{}, {}", self.out.display(), bytes(size as u64)),
        );
        if let Some(script) = &self.script {
            facts.add("script", script.display().to_string());
        }
        facts.add("format", format);
        facts.add("network", network.to_string());
        let shape = preparation.map(|p| p.sample_shape()).unwrap_or_default();
        let bytes = preparation.is_some_and(|p| p.takes_bytes());
        let what = if shape.len() > 1 {
            let of = if bytes { ", 0 to 255" } else { "" };
            format!("{shape:?} a row{of}, the last axis fastest")
        } else {
            names.join(", ")
        };
        facts.add(
            "input",
            format!("x, float32 [N, {}]: {what}", network.inputs),
        );
        let of = if classes.is_empty() {
            String::new()
        } else {
            format!(": {}", classes.join(", "))
        };
        let outputs = network.outputs();
        facts.add("output", format!("{answer}, float32 [N, {outputs}]{of}"));
        print(&facts.text())
    }
}

/// Three digits say how far apart numbers are.
fn digits(x: f64) -> String {
    if x.fract() == 0.0 && x.abs() < 1e5 {
        return x.to_string();
    }
    format!("{x:.2e}")
}

/// Says which columns lose digits in what is single precision from the start.
fn note_coarse(preparation: &Preparation) {
    let names = preparation.feature_names();
    let coarse = preparation.input_scale().coarse();
    let one = |found: &Coarse| {
        let name = names.get(found.input).map_or("x", String::as_str);
        let percent = 100.0 * found.step / found.spread;
        format!(
            "{name:?} lies around {} with a spread of {}, and is rounded to multiples of {} ({percent:.2} % of the spread)",
            digits(found.offset),
            digits(found.spread),
            digits(found.step),
        )
    };
    let told: Vec<_> = coarse.iter().take(TOLD).map(one).collect();
    if told.is_empty() {
        return;
    }
    let more = match coarse.len() - told.len() {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    note(&format!(
        "note: the input x is single precision, which takes digits of numbers that are far larger than their spread: \
         {}{more}; `predict` does not lose them; train on the column less an offset, if it matters",
        told.join("; ")
    ));
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Exit> {
    crate::run::write(path, bytes).map_err(|source| {
        RunError::Io {
            path: path.to_owned(),
            what: "written",
            source,
        }
        .into()
    })
}

/// Where a script finds a file, as Python: beside itself if they are in one folder, else by its whole path.
fn place_from(script: &Path, file: &Path) -> Result<String, Exit> {
    let folder = |path: &Path| {
        path.parent()
            .map(|p| Path::new(".").join(p))
            .and_then(|p| p.canonicalize().ok())
    };
    let quoted = |path: &Path| json!(path.display().to_string()).to_string();
    if folder(script) == folder(file)
        && let Some(name) = file.file_name()
    {
        return Ok(format!(
            "Path(__file__).with_name({})",
            quoted(Path::new(name))
        ));
    }
    let whole = file.canonicalize().map_err(|source| RunError::Io {
        path: file.to_owned(),
        what: "read",
        source,
    })?;
    Ok(format!("Path({})", quoted(&whole)))
}
