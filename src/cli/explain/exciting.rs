//! What excites units most.

use serde_json::{Value, json};

use super::allowed::by_flag;
use super::outcome::{Outcome, listed, listing, members};
use super::row::parts;
use super::subject::Subject;
use super::{Explain, given};
use crate::cli::exit::Exit;
use crate::cli::output::short;
use crate::explain::{Excited, Exciting, Place, Quantity, Ranked, Spread};
use crate::report::{Block, Look, Shown};

/// Units that are excited unless others are asked for.
const UNITS: usize = 10;
const STEPS: usize = 200;
/// Of pictures, as a share of the units' standard deviation; the inputs of a table are cut to their range alone.
const L2: f64 = 0.05;
/// What is less by no more than this share of the units' standard deviation is not less.
const ALIKE: f64 = 1e-3;

/// A unit with what excites it; values of an output are in its own units.
struct Found {
    name: String,
    excited: Excited,
    rows: Vec<(usize, f64)>,
    /// The row that it was begun with, where the ascent from the mean came to less.
    from: Option<usize>,
    /// Whether a row excites it more nonetheless, by more than rounding.
    is_less: bool,
}

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
    let top = given(asked.top, 5);
    let data = parts(&subject.data);
    let ranked = subject.explainer.ranked(place, &units, data, top)?;
    let how = how(asked, subject, &spread, &ranked);
    let found = found(asked, subject, place, &units, ranked, &how)?;
    let mut lines = vec![
        ["unit", "at the mean", "made", "rows that excite it most"]
            .map(str::to_owned)
            .to_vec(),
    ];
    let (mut shown, mut bars) = (Vec::new(), Vec::new());
    for found in &found {
        lines.push(found.cells());
        match seen(subject, found)? {
            Some(seen) => shown.push(seen),
            None => bars.push(in_columns(subject, &found.name, &found.excited, &spread)),
        }
    }
    let mut facts = vec![
        ("explained".to_owned(), of),
        ("ascent".to_owned(), ascent(&how)),
    ];
    facts.extend(fallen_short(&found));
    let mut blocks = if shown.is_empty() {
        bars
    } else {
        vec![Block::Shown(shown)]
    };
    blocks.push(listed(lines.clone()));
    let units: Vec<_> = found.iter().map(Found::json).collect();
    Ok(Outcome {
        title: "What excites units".to_owned(),
        about: "Inputs that are made to excite a unit as much as can be, and the rows of the data that excite it most.".to_owned(),
        facts,
        text: listing(&lines),
        json: members(json!({ "layer": asked.layer, "steps": how.steps, "l2": how.l2, "units": units })),
        sections: vec![("Units".to_owned(), blocks)],
    })
}

/// How inputs are made, in words.
fn ascent(how: &Exciting) -> String {
    let l2 = if how.l2 > 0.0 {
        format!("L2 {}", short(how.l2))
    } else {
        "no L2".to_owned()
    };
    let steps = how.steps;
    format!("{steps} steps of Adam from the mean of the data, {l2}, cut to the range of the data")
}

fn how(asked: &Explain, subject: &Subject, spread: &Spread, ranked: &[Ranked]) -> Exciting {
    let deviations = ranked.iter().map(|ranked| ranked.deviation);
    let deviation = deviations.sum::<f64>() / ranked.len().max(1) as f64;
    let is_picture = subject.picture().is_some() && !subject.is_sequence();
    let l2 = if is_picture { L2 * deviation } else { 0.0 };
    Exciting {
        steps: u32::try_from(given(asked.steps, STEPS)).unwrap_or(u32::MAX),
        rate: 0.05,
        l2: asked.l2.unwrap_or(l2),
        start: spread.mean_row(),
        low: spread.low.clone(),
        high: spread.high.clone(),
    }
}

/// Makes inputs; where one excites its unit less than a row does, and no L2 was asked for, again from that row and without.
fn found(
    asked: &Explain,
    subject: &mut Subject,
    place: Place,
    units: &[usize],
    ranked: Vec<Ranked>,
    how: &Exciting,
) -> Result<Vec<Found>, Exit> {
    let made = subject
        .explainer
        .excite(place, units, how)
        .map_err(by_flag)?;
    let mut all = Vec::with_capacity(units.len());
    for (mut excited, Ranked { rows, deviation }) in made.into_iter().zip(ranked) {
        let best = rows.first().copied();
        let is_less = |made: f64| best.is_some_and(|(_, y)| made < y - ALIKE * deviation);
        let mut from = None;
        if let Some((row, _)) = best.filter(|_| asked.l2.is_none() && is_less(excited.values[1])) {
            let found = from_row(subject, place, excited.unit, row, how)?;
            if found.values[1] > excited.values[1] {
                from = Some(row);
                let values = [excited.values[0], found.values[1]];
                excited = Excited { values, ..found };
            }
        }
        let is_less = is_less(excited.values[1]);
        let (name, own): (_, &dyn Fn(f64) -> f64) = match place {
            Place::Outputs(_) => (subject.outputs[excited.unit].clone(), &|y| {
                subject.own(excited.unit, y)
            }),
            Place::Hidden(_) => (excited.unit.to_string(), &|y| y),
        };
        let values = excited.values.map(own);
        let rows: Vec<_> = rows.into_iter().map(|(row, y)| (row, own(y))).collect();
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(Exit::failed(format!(
                "unit {name}: its value is {value}: it leaves the range of f32"
            )));
        }
        let excited = Excited { values, ..excited };
        all.push(Found {
            name,
            excited,
            rows,
            from,
            is_less,
        });
    }
    Ok(all)
}

/// Makes an input that begins with a row, without L2.
fn from_row(
    subject: &mut Subject,
    place: Place,
    unit: usize,
    row: usize,
    how: &Exciting,
) -> Result<Excited, Exit> {
    let start = subject.data.inputs_of(row..row + 1)?;
    let again = Exciting {
        l2: 0.0,
        start,
        ..how.clone()
    };
    let found = subject
        .explainer
        .excite(place, &[unit], &again)
        .map_err(by_flag)?;
    Ok(found.into_iter().next().expect("one was asked for"))
}

/// Units that a row excites more than what was made, and those that were begun with their row.
fn fallen_short(found: &[Found]) -> Vec<(String, String)> {
    let named = |is: &dyn Fn(&&Found) -> bool| -> Vec<_> {
        found.iter().filter(is).map(|f| f.name.clone()).collect()
    };
    let again = named(&|f| f.from.is_some());
    let less = named(&|f| f.is_less);
    let mut facts = Vec::new();
    if !again.is_empty() {
        let text = "from the row that excites them most, without L2, as the ascent from the mean came to less";
        facts.push((
            "made again".to_owned(),
            format!("{} {text}", again.join(", ")),
        ));
    }
    if !less.is_empty() {
        let text = "a row excites these more than what was made; a smaller --l2 or more --steps let it come to more";
        facts.push((
            "fell short".to_owned(),
            format!("{}: {text}", less.join(", ")),
        ));
    }
    facts
}

impl Found {
    fn cells(&self) -> Vec<String> {
        let rows = self.rows.iter();
        let told: Vec<_> = rows
            .map(|(row, y)| format!("{row} ({})", short(*y)))
            .collect();
        let told = if told.is_empty() {
            "none: it is the same on all rows".to_owned()
        } else {
            told.join(", ")
        };
        let [first, made] = self.excited.values.map(short);
        vec![self.name.clone(), first, made, told]
    }

    fn json(&self) -> Value {
        let rows = self.rows.iter();
        let rows: Vec<_> = rows
            .map(|(row, value)| json!({ "row": row, "value": value }))
            .collect();
        json!({
            "unit": self.excited.unit,
            "name": self.name,
            "first": self.excited.values[0],
            "made": self.excited.values[1],
            "from_row": self.from,
            "input": self.excited.x,
            "rows": rows,
        })
    }
}

/// The units that are meant, how many there are, and what they are.
fn place(asked: &Explain, subject: &mut Subject) -> Result<(Place, usize, String), Exit> {
    let Some(wanted) = &asked.layer else {
        let width = subject.outputs.len();
        let of = if subject.preparation.target_scale().is_some() {
            "outputs, in their own units".to_owned()
        } else {
            "outputs, before their last function".to_owned()
        };
        return Ok((Place::Outputs(Quantity::Logit), width, of));
    };
    let layers = subject.explainer.unit_layers()?;
    let named = layers.iter().position(|layer| layer.name == *wanted);
    if let Some(place) = named.or_else(|| layers.iter().position(|l| l.behind.contains(wanted))) {
        let layer = &layers[place];
        let of = format!("units of layer {} ({})", layer.name, layer.function);
        return Ok((Place::Hidden(place), layer.units, of));
    }
    let mut known: Vec<_> = layers
        .iter()
        .map(|l| format!("{} ({} units, {})", l.name, l.units, l.function))
        .collect();
    if known.len() > 12 {
        known.drain(6..known.len() - 6);
        known.insert(6, "…".to_owned());
    }
    Err(Exit::usage(if known.is_empty() {
        format!("--layer {wanted}: the network has no hidden units, so leave --layer out")
    } else {
        format!(
            "--layer {wanted}: the network has no hidden units behind that layer; expected one of {}",
            known.join(", ")
        )
    }))
}

fn seen(subject: &Subject, found: &Found) -> Result<Option<Shown>, Exit> {
    let Some(made) = subject.look(&found.excited.x) else {
        return Ok(None);
    };
    let mut pictures = vec![("made".to_owned(), made)];
    for (row, value) in found.rows.iter().take(3) {
        let look = subject.look(&subject.data.inputs_of(*row..row + 1)?);
        pictures.extend(look.map(|look| (format!("row {row}: {}", short(*value)), look)));
    }
    let [first, made] = found.excited.values.map(short);
    Ok(Some(Shown {
        title: format!("unit {}", found.name),
        pictures,
        said: vec![format!("{first} at the mean, {made} made")],
    }))
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
