//! What `--autotune` found: for each product every shader that can do its work, its time, and which was taken.

use std::collections::BTreeMap;

use super::common::Machine;
use super::table::{Table, figure};
use crate::bench::Record;
use crate::executor::{Executor, TuningTable};

/// What was found for the products of one case on one device.
pub(super) struct Choices {
    case: String,
    short: String,
    device: String,
    timed: TuningTable,
    taken: BTreeMap<String, String>,
}

impl Choices {
    pub(super) fn of(case: String, machine: &Machine, executor: &dyn Executor) -> Self {
        // Without timing, what is taken is no news.
        let taken = match machine.autotune {
            true => executor.choices(),
            false => BTreeMap::new(),
        };
        Self {
            case,
            short: machine.short.clone(),
            device: machine.name(),
            timed: executor.timed_choices(),
            taken,
        }
    }

    /// A record for each shader of each product, the fastest first.
    pub(super) fn records(&self) -> Vec<Record> {
        let of = |(product, shader, microseconds, chosen): Line<'_>| {
            let mut record =
                Record::new(&self.device, format!("product {product} in {}", self.case));
            record.shader = Some(shader.to_owned());
            record.least_ms = microseconds.map(|time| time / 1e3);
            record.chosen = Some(chosen);
            record
        };
        self.lines().into_iter().map(of).collect()
    }

    /// What was not timed, for lack of time or memory or of a choice, is one line without a time.
    fn lines(&self) -> Vec<Line<'_>> {
        let mut lines = Vec::new();
        for (product, taken) in &self.taken {
            let Some(timed) = self.timed.get(product) else {
                lines.push((product.as_str(), taken.as_str(), None, true));
                continue;
            };
            let mut shaders: Vec<_> = timed.microseconds.iter().collect();
            shaders.sort_by(|a, b| a.1.total_cmp(b.1));
            for (shader, &time) in shaders {
                lines.push((
                    product.as_str(),
                    shader.as_str(),
                    Some(time),
                    shader == taken,
                ));
            }
        }
        lines
    }
}

/// A product, a shader, its time in microseconds if it was timed, and whether it was taken.
type Line<'a> = (&'a str, &'a str, Option<f64>, bool);

/// The tables; nothing where nothing was timed.
pub(super) fn text(found: &[Choices]) -> String {
    let mut text = String::new();
    for choices in found.iter().filter(|choices| !choices.taken.is_empty()) {
        let mut table = Table::new(2, &["product", "shader", "us", "chosen"]);
        let mut last = "";
        for (product, shader, time, chosen) in choices.lines() {
            let named = if product == last { "" } else { product };
            let mark = if chosen { "*" } else { "" };
            table.add(vec![
                named.to_owned(),
                shader.to_owned(),
                figure(time),
                mark.to_owned(),
            ]);
            last = product;
        }
        let Choices { case, short, .. } = choices;
        text.push_str(&format!(
            "\nShaders timed for {case} on {short}, each alone, the fastest of a few runs\n\n{}",
            table.text()
        ));
    }
    text
}
