//! The command line, through the real binary.

mod bad_input;
mod bench;
mod browser;
mod choosing;
mod data;
mod explain;
mod explained;
mod export;
mod interruption;
mod layers;
mod losses;
mod model_files;
mod optimizers;
#[cfg(feature = "parquet")]
mod parquet;
mod pictures;
mod pipes;
mod predictions;
mod profile;
mod recurrent;
mod report;
mod resume;
mod roles;
mod search;
mod stops;
mod streaming;
mod sweep;
mod tensorboard;
mod train;
mod tuning;
mod verbs;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// A folder in which the program runs.
struct Place(TempDir);

/// What the program said and how it ended.
#[derive(Debug)]
struct Said {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn with(files: &[(&str, &[u8])]) -> Self {
        let place = Self::new();
        for (name, bytes) in files {
            std::fs::write(place.path(name), bytes).unwrap();
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thalweg"));
        // Nothing is to be kept in the cache folder of who runs the tests.
        command.env("THALWEG_CACHE", "");
        command
            .current_dir(self.0.path())
            .args(arguments.split_whitespace());
        command
    }

    fn run(&self, arguments: &str) -> Said {
        said(&mut self.command(arguments))
    }

    /// Runs what must succeed, and gives standard output.
    #[track_caller]
    fn ok(&self, arguments: &str) -> String {
        let said = self.run(arguments);
        assert_eq!(said.status, Some(0), "`{arguments}` ended so: {said:#?}");
        said.out
    }

    /// Runs what must succeed, with `--json`, and gives the object on the last line.
    #[track_caller]
    fn json(&self, arguments: &str) -> Value {
        let out = self.ok(&format!("{arguments} --json"));
        serde_json::from_str(out.lines().last().expect("there is a line"))
            .expect("the last line is JSON")
    }

    /// All files below, with their contents.
    fn listing(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        list(self.0.path(), &mut found);
        found
    }
}

fn list(folder: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.insert(path.clone(), Vec::new());
            list(&path, found);
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
}

fn said(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said {
        status: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

/// A table in which the kind follows from the two measures and, a little, from the colour.
fn flowers() -> String {
    let mut text = String::from("length,colour,width,kind\n");
    for i in 0..60 {
        let (kind, base) = [("rose", 1.0), ("lily", 3.0), ("iris", 5.0)][i % 3];
        let (wiggle, colour) = ((i as f64 * 0.7).sin() * 0.3, ["red", "blue"][i / 3 % 2]);
        text.push_str(&format!(
            "{},{colour},{},{kind}\n",
            base + wiggle,
            2.0 * base - wiggle
        ));
    }
    text
}

/// A line with a large offset and scale: `price = 1000 area + 5000`.
fn houses() -> String {
    let rows = (0..100).map(|i| {
        let area = f64::from(i) * 0.31 + 0.05;
        format!("{area},{}\n", 1000.0 * area + 5000.0)
    });
    std::iter::once("area,price\n".to_owned())
        .chain(rows)
        .collect()
}
