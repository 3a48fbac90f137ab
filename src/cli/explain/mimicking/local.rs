//! Linear models that mimic the network around single rows.

use serde_json::{Value, json};

use super::{Part, RIDGE, fidelity_json, in_line, samples, strongest, told};
use crate::cli::exit::Exit;
use crate::cli::explain::Explain;
use crate::cli::explain::allowed::by_flag;
use crate::cli::explain::covering::patch;
use crate::cli::explain::outcome::listing;
use crate::cli::explain::row::Row;
use crate::cli::explain::subject::Subject;
use crate::cli::output::short;
use crate::explain::{Cells, Local, Locality, Quantity, Spread};
use crate::report::{Block, Map as Picture, Shown};

pub(super) fn part(asked: &Explain, subject: &mut Subject, of: Quantity) -> Result<Part, Exit> {
    let rows = subject.rows(asked, of, 3)?;
    let cells = cells(asked, subject)?;
    let columns = cells.map_or(subject.data.features(), |cells| {
        cells.counts().iter().product()
    });
    let how = Locality {
        samples: samples(asked, columns),
        width: asked.width,
        ridge: asked.ridge.unwrap_or(RIDGE),
        seed: asked.seed.unwrap_or(0),
    };
    let spread = subject.spread()?;
    let head = [
        "row",
        "predicted",
        "of",
        "kernel",
        "rows that count",
        "fidelity",
        "strongest",
    ];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    let (mut blocks, mut shown, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for row in &rows {
        let one = one(subject, of, row, cells, &spread, how)?;
        let names = cells.map_or_else(|| subject.named(&row.x), cell_names);
        let bars = strongest(&names, &one.weights);
        lines.push(cells_of(row, &one, &bars));
        found.push(in_json(row, &one));
        match cells.zip(subject.look(&row.x)) {
            Some((cells, input)) => {
                let said = vec![told(&one.fidelity)];
                let map = Picture::Signed {
                    width: cells.counts()[0],
                    values: one.weights,
                };
                let pictures = vec![("input".to_owned(), input), ("cells".to_owned(), map)];
                shown.push(Shown {
                    title: row.title(),
                    pictures,
                    said,
                });
            }
            None => {
                let told = told(&one.fidelity);
                let caption = format!("{}, {told}; what a deviation more adds", row.title());
                blocks.push(Block::Bars(caption, bars));
            }
        }
    }
    if !shown.is_empty() {
        blocks.push(Block::Shown(shown));
    }
    Ok(Part {
        key: "local",
        json: found.into(),
        text: listing(&lines),
        fact: format!(
            "around {} rows, {} drawn around each",
            rows.len(),
            how.samples
        ),
        heading: "Linear, around single rows",
        blocks,
    })
}

fn cells_of(row: &Row, one: &Local, strongest: &[(String, f64)]) -> Vec<String> {
    let r2 = one.fidelity.r2;
    vec![
        row.number.to_string(),
        row.predicted.clone(),
        row.name.clone(),
        short(one.width),
        format!("{:.0}", one.counted),
        r2.map_or_else(|| "does not vary".to_owned(), |r2| format!("R2 {r2:.4}")),
        in_line(strongest, 3),
    ]
}

/// A linear model in the row's own units.
fn one(
    subject: &mut Subject,
    of: Quantity,
    row: &Row,
    cells: Option<Cells>,
    spread: &Spread,
    how: Locality,
) -> Result<Local, Exit> {
    let (x, output) = (&row.x, row.output);
    let found = match cells {
        Some(cells) => subject.explainer.local_cells(of, x, output, cells, how),
        None => subject.explainer.local(of, x, output, spread, how),
    };
    let mut one = found.map_err(by_flag)?;
    one.weights = subject.own_changes(output, &one.weights);
    one.bias = subject.own(output, one.bias);
    row.check(
        "the local model's weight",
        one.weights.iter().chain([&one.bias]),
    )?;
    Ok(one)
}

/// The cells of a picture; none where rows are no pictures.
fn cells(asked: &Explain, subject: &Subject) -> Result<Option<Cells>, Exit> {
    let Some(shape) = subject.picture() else {
        return Ok(None);
    };
    let patch = patch(asked, subject, shape)?;
    let most = shape[0].min(shape[1]) - 1;
    if patch.size > most {
        return Err(Exit::usage(format!(
            "--patch is {}; expected cells of 1 to {most} pixels, so that there are several",
            patch.size
        )));
    }
    Ok(Some(Cells {
        size: patch.size,
        shape,
        planes: subject.planes(),
        grey: patch.grey,
    }))
}

fn cell_names(cells: Cells) -> Vec<String> {
    let [across, down] = cells.counts();
    let name = |at: usize| {
        format!(
            "cell at row {} column {}",
            at / across * cells.size,
            at % across * cells.size
        )
    };
    (0..across * down).map(name).collect()
}

fn in_json(row: &Row, local: &Local) -> Value {
    json!({
        "row": row.number,
        "predicted": row.predicted,
        "class": row.name,
        "kernel_width": local.width,
        "counted": local.counted,
        "fidelity": fidelity_json(&local.fidelity),
        "weights": local.weights,
        "bias": local.bias,
    })
}
