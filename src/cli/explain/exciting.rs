//! What excites units most.

use serde_json::json;

use super::outcome::{Outcome, members};
use super::subject::Subject;
use super::{Explain, given};
use crate::cli::exit::Exit;
use crate::cli::output::{short, table};
use crate::explain::{Excited, Exciting, Place, Quantity, Spread};
use crate::report::{Block, Look, Shown};

/// Units that are excited unless others are asked for.
const UNITS: usize = 10;
const STEPS: usize = 200;
/// Of pictures; the inputs of a table are cut to their range alone.
const L2: f64 = 0.3;

pub(super) fn explain(asked: &Explain, subject: &mut Subject) -> Result<Outcome, Exit> {
    let (place, width, of) = place(asked, subject)?;
    let units = match &asked.units {
        Some(units) => units.clone(),
        None => (0..width.min(UNITS)).collect(),
    };
    if let Some(unit) = units.iter().find(|unit| **unit >= width) {
        return Err(Exit::usage(format!(
            "--units {unit}: there are {width} {of}; expected numbers from 0 to {}",
            width - 1
        )));
    }
    let spread = subject.spread()?;
    let l2 = if subject.picture().is_some() { L2 } else { 0.0 };
    let how = how(asked, &spread, l2);
    let excited = subject.explainer.excite(place, &units, &how)?;
    let x = subject.inputs()?;
    let rows = subject
        .explainer
        .most_excited(place, &units, &x, given(asked.top, 5))?;
    let mut lines = vec![
        ["unit", "at the mean", "made", "rows that excite it most"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let (mut found, mut shown, mut bars) = (Vec::new(), Vec::new(), Vec::new());
    for (excited, rows) in excited.iter().zip(&rows) {
        let name = match place {
            Place::Outputs(_) => subject.outputs[excited.unit].clone(),
            Place::Hidden(_) => excited.unit.to_string(),
        };
        let told: Vec<_> = rows
            .iter()
            .map(|(row, y)| format!("{row} ({})", short(*y)))
            .collect();
        lines.push(vec![
            name.clone(),
            short(excited.values[0]),
            short(excited.values[1]),
            told.join(", "),
        ]);
        found.push(json!({
            "unit": excited.unit,
            "name": name,
            "first": excited.values[0],
            "made": excited.values[1],
            "input": excited.x,
            "rows": rows.iter().map(|(row, value)| json!({ "row": row, "value": value })).collect::<Vec<_>>(),
        }));
        match seen(subject, &name, excited, rows, &x) {
            Some(seen) => shown.push(seen),
            None => bars.push(in_columns(subject, &name, excited, &spread)),
        }
    }
    let facts = vec![
        ("explained".to_owned(), of),
        (
            "ascent".to_owned(),
            format!(
                "{} steps of Adam from the mean of the data, L2 {}, cut to the range of the data",
                how.steps, how.l2
            ),
        ),
    ];
    let mut blocks = if shown.is_empty() {
        bars
    } else {
        vec![Block::Shown(shown)]
    };
    blocks.push(super::covering::listed(lines.clone()));
    Ok(Outcome {
        title: "What excites units".to_owned(),
        about: "Inputs that are made to excite a unit as much as can be, and the rows of the data that excite it most.".to_owned(),
        facts,
        text: table(&lines),
        json: members(json!({ "layer": asked.layer, "steps": how.steps, "l2": how.l2, "units": found })),
        sections: vec![("Units".to_owned(), blocks)],
    })
}

fn how(asked: &Explain, spread: &Spread, l2: f64) -> Exciting {
    Exciting {
        steps: u32::try_from(given(asked.steps, STEPS)).unwrap_or(u32::MAX),
        rate: 0.05,
        l2: asked.l2.unwrap_or(l2),
        start: spread.mean_row(),
        low: spread.low.clone(),
        high: spread.high.clone(),
    }
}

/// The units that are meant, how many there are, and what they are.
fn place(asked: &Explain, subject: &mut Subject) -> Result<(Place, usize, String), Exit> {
    let Some(wanted) = asked.layer else {
        let width = subject.outputs.len();
        return Ok((
            Place::Outputs(Quantity::Logit),
            width,
            "outputs, before their last function".to_owned(),
        ));
    };
    let layers = subject.explainer.unit_layers()?;
    match layers.iter().position(|layer| layer.layer == wanted) {
        Some(place) => {
            let layer = &layers[place];
            let of = format!("units of layer {wanted} ({})", layer.function);
            Ok((Place::Hidden(place), layer.units, of))
        }
        None => {
            let known: Vec<_> = layers
                .iter()
                .map(|l| format!("{} ({} units, {})", l.layer, l.units, l.function))
                .collect();
            let expected = if known.is_empty() {
                "it has none, so leave --layer out".to_owned()
            } else {
                format!("expected one of {}", known.join(", "))
            };
            Err(Exit::usage(format!(
                "--layer {wanted}: the network has no hidden units behind that layer; {expected}"
            )))
        }
    }
}

fn seen(
    subject: &Subject,
    name: &str,
    excited: &Excited,
    rows: &[(usize, f64)],
    x: &[f32],
) -> Option<Shown> {
    let features = subject.data.features();
    let made = subject.look(&excited.x)?;
    let mut pictures = vec![("made".to_owned(), made)];
    for (row, value) in rows.iter().take(3) {
        let look = subject.look(&x[row * features..(row + 1) * features])?;
        pictures.push((format!("row {row}: {}", short(*value)), look));
    }
    Some(Shown {
        title: format!("unit {name}"),
        pictures,
        said: vec![format!(
            "{} at the mean, {} made",
            short(excited.values[0]),
            short(excited.values[1])
        )],
    })
}

/// What was made, in the units of the columns, and by how many deviations it is off the mean.
fn in_columns(subject: &Subject, name: &str, excited: &Excited, spread: &Spread) -> Block {
    let names = subject.named(&excited.x);
    let off = |feature: usize| {
        let deviation = spread.deviation[feature].max(f64::MIN_POSITIVE);
        (f64::from(excited.x[feature]) - spread.mean[feature]) / deviation
    };
    let mut bars: Vec<_> = names
        .into_iter()
        .enumerate()
        .map(|(at, name)| (name, off(at)))
        .collect();
    bars.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    bars.truncate(20);
    let Look::Columns(columns) = subject.columns(&excited.x) else {
        return Block::Bars(format!("unit {name}"), bars);
    };
    let told: Vec<_> = columns
        .iter()
        .take(8)
        .map(|(column, value)| format!("{column} {value}"))
        .collect();
    Block::Bars(
        format!(
            "unit {name}: {}; in deviations off the mean",
            told.join(", ")
        ),
        bars,
    )
}
