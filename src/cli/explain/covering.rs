//! Occlusion.

use std::time::Instant;

use serde_json::json;

use super::outcome::{Outcome, members};
use super::subject::{Row, Subject};
use super::{Explain, given};
use crate::cli::exit::Exit;
use crate::cli::output::{duration, short, table};
use crate::explain::{Occluded, Patch, Quantity};
use crate::report::{Block, Map, Shown};

pub(super) fn explain(asked: &Explain, subject: &mut Subject) -> Result<Outcome, Exit> {
    let shape = subject.expect_picture("occlusion")?;
    let of = asked.of.unwrap_or(Quantity::Probability);
    let patch = patch(asked, subject, shape)?;
    let rows = subject.rows(asked, of, 8)?;
    let x: Vec<f32> = rows.iter().flat_map(|row| row.x.iter().copied()).collect();
    let planes = subject.planes();
    let begun = Instant::now();
    let found = subject.explainer.occlusion(of, &x, shape, planes, patch)?;
    let seconds = begun.elapsed().as_secs_f64();
    let head = [
        "row",
        "true",
        "predicted",
        "of",
        "whole",
        "least",
        "largest drop",
        "at row, column",
    ];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    let (mut explained, mut shown) = (Vec::new(), Vec::new());
    for (row, found) in rows.iter().zip(&found) {
        let unit = subject.unit(row.output);
        let drops: Vec<f64> = found.drops(row.output).iter().map(|d| d * unit).collect();
        let at = (0..drops.len()).fold(
            0,
            |best, at| if drops[at] > drops[best] { at } else { best },
        );
        let place = [at / found.width, at % found.width].map(|position| position * patch.stride);
        lines.push(vec![
            row.number.to_string(),
            row.truth.clone().unwrap_or_else(|| "?".to_owned()),
            row.predicted.clone(),
            subject.outputs[row.output].clone(),
            short(row.value),
            short(row.value - drops[at]),
            short(drops[at]),
            format!("{}, {}", place[0], place[1]),
        ]);
        explained.push(json!({
            "row": row.number,
            "true": row.truth,
            "predicted": row.predicted,
            "class": subject.outputs[row.output],
            "value": row.value,
            "width": found.width,
            "drops": drops,
        }));
        shown.extend(seen(subject, row, found, drops));
    }
    let positions = found
        .first()
        .map_or(0, |f| f.covered.len() / f.whole.len().max(1));
    let facts = facts(of, patch, positions, rows.len(), seconds);
    let text = "Red is where covering the picture lowers the answer, blue where it raises it; the ground of the page is no change. \
                Each map has a scale of its own.";
    Ok(Outcome {
        title: "Where answers come from: occlusion".to_owned(),
        about: "What an answer loses where a grey patch covers the picture.".to_owned(),
        facts,
        text: table(&lines),
        json: members(json!({
            "of": of.to_string(),
            "patch": patch.size,
            "stride": patch.stride,
            "grey": patch.grey,
            "positions": positions,
            "seconds": seconds,
            "explained": explained,
        })),
        sections: vec![(
            "Rows".to_owned(),
            vec![
                Block::Text(text.to_owned()),
                Block::Shown(shown),
                listed(lines),
            ],
        )],
    })
}

/// The lines of a table whose first are the names of its columns.
pub(super) fn listed(mut lines: Vec<Vec<String>>) -> Block {
    let rows = lines.split_off(1);
    Block::Table("Rows".to_owned(), lines.remove(0), rows)
}

/// What covers pictures.
pub(super) fn patch(
    asked: &Explain,
    subject: &Subject,
    [width, height, _]: [usize; 3],
) -> Result<Patch, Exit> {
    let grey = match asked.grey {
        Some(grey) => grey,
        None => subject.spread()?.grey(),
    };
    Ok(Patch {
        size: given(asked.patch, (width.min(height) / 7).max(2)),
        stride: given(asked.stride, 1),
        grey,
    })
}

fn seen(subject: &Subject, row: &Row, found: &Occluded, drops: Vec<f64>) -> Option<Shown> {
    let map = Map::Signed {
        width: found.width,
        values: drops,
    };
    Some(Shown {
        title: format!("row {}: {}", row.number, subject.outputs[row.output]),
        pictures: vec![
            ("input".to_owned(), subject.look(&row.x)?),
            ("drop".to_owned(), map),
        ],
        said: vec![
            format!("predicted {}", row.predicted),
            row.truth
                .as_ref()
                .map_or_else(String::new, |truth| format!("true {truth}")),
        ],
    })
}

fn facts(
    of: Quantity,
    patch: Patch,
    positions: usize,
    pictures: usize,
    seconds: f64,
) -> Vec<(String, String)> {
    vec![
        (
            "explained".to_owned(),
            format!("the drop of the {of} of one output each"),
        ),
        (
            "patch".to_owned(),
            format!(
                "{0} by {0} pixels of {1}, every {2}",
                patch.size,
                short(patch.grey.into()),
                patch.stride
            ),
        ),
        (
            "time".to_owned(),
            format!(
                "{} for {positions} positions of {} pictures",
                duration(seconds),
                pictures
            ),
        ),
    ]
}
