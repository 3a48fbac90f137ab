//! A linear model that mimics the network on all rows.

use serde_json::json;

use super::{Part, RIDGE, Sample, fidelity_json, in_line, strongest, told};
use crate::cli::exit::Exit;
use crate::cli::explain::Explain;
use crate::cli::explain::allowed::by_flag;
use crate::cli::explain::outcome::listing;
use crate::cli::explain::subject::Subject;
use crate::cli::output::short;
use crate::explain::{Fidelity, Linear};
use crate::report::{Block, Shown};

pub(super) fn part(asked: &Explain, subject: &Subject, sample: &Sample) -> Result<Part, Exit> {
    let (features, width) = (subject.data.features(), subject.outputs.len());
    let (learnt, held) = sample.x.split_at(sample.learnt * features);
    let (learnt_y, held_y) = sample.y.split_at(sample.learnt * width);
    let ridge = asked.ridge.unwrap_or(RIDGE);
    let mut model = Linear::fit(learnt, learnt_y, width, None, ridge).map_err(by_flag)?;
    let fidelity = Fidelity::of(&model.answers(held), held_y, width, None);
    let lines = model.weight.chunks_mut(features).zip(&mut model.bias);
    for (output, (weight, bias)) in lines.enumerate() {
        weight
            .iter_mut()
            .for_each(|w| *w = subject.own_change(output, *w));
        *bias = subject.own(output, *bias);
    }
    let names = subject.names();
    let head = ["output", "bias", "strongest weights"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    let (mut bars, mut shown) = (Vec::new(), Vec::new());
    let weights = model.weight.chunks(features).zip(&model.bias);
    for (name, (weight, bias)) in subject.outputs.iter().zip(weights) {
        let strong = strongest(&names, weight);
        lines.push(vec![name.clone(), short(*bias), in_line(&strong, 4)]);
        match subject.map(weight) {
            Some(map) => shown.push(Shown {
                title: name.clone(),
                pictures: vec![("weight".to_owned(), map)],
                said: Vec::new(),
            }),
            None => bars.push(Block::Bars(format!("Weights of {name}"), strong)),
        }
    }
    let blocks = if shown.is_empty() {
        bars
    } else {
        vec![Block::Shown(shown)]
    };
    Ok(Part {
        key: "linear",
        json: json!({ "fidelity": fidelity_json(&fidelity), "weight": model.weight, "bias": model.bias, "ridge": ridge }),
        text: format!("fidelity  {}\n{}", told(&fidelity), listing(&lines)),
        fact: told(&fidelity),
        heading: "Linear, globally",
        blocks: [vec![Block::Text(told(&fidelity))], blocks].concat(),
    })
}
