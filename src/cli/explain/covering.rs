//! Occlusion.

use std::time::Instant;

use serde_json::json;

use super::allowed::by_flag;
use super::outcome::{Outcome, listed, listing, members};
use super::row::Row;
use super::subject::Subject;
use super::{Explain, given};
use crate::cli::exit::Exit;
use crate::cli::output::{duration, short};
use crate::explain::{Occluded, Patch, Quantity, largest};
use crate::report::{Block, Map, Shown};

const COLOURS: &str = "Red is where covering the picture lowers the answer, blue where it raises it; the ground of the page is no \
                       change. Each map has a scale of its own.";

pub(super) fn explain(asked: &Explain, subject: &mut Subject) -> Result<Outcome, Exit> {
    let shape = subject.expect_picture("occlusion")?;
    let of = subject.quantity(asked, Quantity::Probability)?;
    let patch = patch(asked, subject, shape)?;
    let rows = subject.rows(asked, of, 8)?;
    let x: Vec<f32> = rows.iter().flat_map(|row| row.x.iter().copied()).collect();
    let planes = subject.planes();
    let begun = Instant::now();
    let found = subject.explainer.occlusion(of, &x, shape, planes, patch);
    let found = found.map_err(by_flag)?;
    let seconds = begun.elapsed().as_secs_f64();
    let more = ["least", "largest drop", "at row, column"];
    let head = Row::HEAD.into_iter().chain(more);
    let mut lines = vec![head.map(str::to_owned).collect::<Vec<_>>()];
    let (mut explained, mut shown) = (Vec::new(), Vec::new());
    for (row, found) in rows.iter().zip(&found) {
        let drops = subject.own_changes(row.output, &found.drops(row.output));
        row.check("the drop by covering", &drops)?;
        let at = largest(&drops);
        let place = [at / found.width, at % found.width].map(|position| position * patch.stride);
        let mut cells = row.cells();
        cells.extend([
            short(row.value - drops[at]),
            short(drops[at]),
            format!("{}, {}", place[0], place[1]),
        ]);
        lines.push(cells);
        explained.push(row.json(json!({
            "width": found.width,
            "drops": drops,
            "largest": { "drop": drops[at], "row": place[0], "column": place[1] },
        })));
        shown.extend(seen(subject, row, found, drops));
    }
    let positions = found
        .first()
        .map_or(0, |f| f.covered.len() / f.whole.len().max(1));
    let facts = facts(subject.word(of), patch, positions, rows.len(), seconds);
    Ok(Outcome {
        title: "Where answers come from: occlusion".to_owned(),
        about: "What an answer loses where a grey patch covers the picture.".to_owned(),
        facts,
        text: listing(&lines),
        json: members(json!({
            "of": subject.word(of),
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
                Block::Text(COLOURS.to_owned()),
                Block::Shown(shown),
                listed(lines),
            ],
        )],
    })
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
        title: row.title(),
        pictures: vec![
            ("input".to_owned(), subject.look(&row.x)?),
            ("drop".to_owned(), map),
        ],
        said: row.said(),
    })
}

fn facts(
    of: &str,
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
