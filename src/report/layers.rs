//! What went on within the layers: gradients, units that do nothing, and how the weights are spread.

use std::collections::BTreeMap;

use super::chart::{Chart, Series};
use super::history::{Curve, Histogram, History, thinned};
use super::html::{name, number, put};
use crate::chart::png::{Pixels, address};

/// Pictures of weights at most, and epochs in each.
const TENSORS: usize = 24;
const EPOCHS: usize = 60;

/// All of it; nothing if the metrics tell nothing of layers.
pub(super) fn html(history: &History) -> Option<String> {
    if history.looks.is_empty() {
        return None;
    }
    let mut gradients: BTreeMap<u64, Curve> = BTreeMap::new();
    let mut units: BTreeMap<(usize, String), Curve> = BTreeMap::new();
    for look in &history.looks {
        for &(layer, norm) in &look.gradients {
            gradients.entry(layer).or_default().push([look.epoch, norm]);
        }
        for (place, of) in look.units.iter().enumerate() {
            let named = format!("layer {}, {} ({} units)", of.layer, of.function, of.units);
            let share = 100.0 * of.idle as f64 / of.units.max(1) as f64;
            units
                .entry((place, named))
                .or_default()
                .push([look.epoch, share]);
        }
    }
    let mut out = String::from("<div class=\"grid\">\n");
    let rows = history
        .looks
        .iter()
        .map(|look| look.rows)
        .max()
        .unwrap_or(0);
    if !gradients.is_empty() {
        let series = gradients.into_iter().map(|(layer, points)| Series {
            name: format!("layer {layer}"),
            points,
        });
        let chart = Chart {
            title: "Norm of the gradient".to_owned(),
            label: "epoch",
            series: series.collect(),
            mark: None,
            log: true,
        };
        out.push_str(&chart.html("gradients"));
    }
    if !units.is_empty() {
        let series = units
            .into_iter()
            .map(|((_, name), points)| Series { name, points });
        let chart = Chart {
            title: "Dead or saturated units, %".to_owned(),
            label: "epoch",
            series: series.collect(),
            mark: None,
            log: false,
        };
        out.push_str(&chart.html("units"));
    }
    out.push_str("</div>\n");
    put(
        &mut out,
        &format!(
            "<p class=\"quiet\">On one training batch of {rows} rows at the end of an epoch, nothing dropped. A unit is dead if it is 0 on all of them; a sigmoid or tanh is saturated if its mean slope is below 1 % of the steepest.</p>\n"
        ),
    );
    out.push_str(&weights(history));
    Some(out)
}

/// A picture a weight: across the epochs, up the values, the darker the more.
fn weights(history: &History) -> String {
    let mut out = String::from(
        "<h3 style=\"margin-top:20px\">Weights over time</h3>\n<div class=\"grid\">\n",
    );
    let looks = thinned(&history.looks, EPOCHS);
    let names: Vec<&str> = looks[0].weights.iter().map(|w| w.name.as_str()).collect();
    for (place, named) in names.iter().take(TENSORS).enumerate() {
        let over: Vec<&Histogram> = looks
            .iter()
            .filter_map(|look| look.weights.get(place))
            .collect();
        let Some(last) = over.last() else { continue };
        let low = over.iter().map(|h| h.least).fold(f64::INFINITY, f64::min);
        let high = over
            .iter()
            .map(|h| h.most)
            .fold(f64::NEG_INFINITY, f64::max);
        let columns: Vec<Vec<f64>> = over.iter().map(|h| spread(h, low, high)).collect();
        let (first, end) = (number(looks[0].epoch), number(looks[looks.len() - 1].epoch));
        put(
            &mut out,
            &format!(
                "<figure><h3>{0}</h3>\n<img class=\"heat\" alt=\"{0} from epoch {first} to {end}: from {1} to {2}, at the end mean {3} and deviation {4}\" src=\"{5}\">\n<div class=\"ends\"><span>epoch {first}</span><span>epoch {end}</span></div><figcaption>from {1} (below) to {2} (above); at the end mean {3}, deviation {4}</figcaption></figure>\n",
                name(named),
                number(low),
                number(high),
                number(last.mean),
                number(last.deviation),
                picture(&columns)
            ),
        );
    }
    out.push_str("</div>\n");
    out
}

/// The counts in stretches of another range, as shares of the largest. Each count is spread evenly over its own stretch.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place is within the bins"
)]
fn spread(of: &Histogram, low: f64, high: f64) -> Vec<f64> {
    let bins = Histogram::BINS;
    let mut out = vec![0.0_f64; bins];
    let wide = (high - low).max(f64::MIN_POSITIVE) / bins as f64;
    let own = (of.most - of.least) / of.counts.len().max(1) as f64;
    for (place, &count) in of
        .counts
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0)
    {
        let from = (of.least + own * place as f64 - low) / wide;
        let to = (from + own / wide).max(from + 1e-9);
        for (bin, sum) in out
            .iter_mut()
            .enumerate()
            .take(to.ceil().max(0.0) as usize)
            .skip(from.max(0.0) as usize)
        {
            let overlap = (to.min(bin as f64 + 1.0) - from.max(bin as f64)).max(0.0);
            *sum += count as f64 * overlap / (to - from);
        }
        if from >= bins as f64 {
            out[bins - 1] += count as f64;
        }
    }
    let most = out.iter().copied().fold(0.0, f64::max);
    out.iter()
        .map(|sum| if most > 0.0 { sum / most } else { 0.0 })
        .collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a shade is a byte"
)]
fn picture(columns: &[Vec<f64>]) -> String {
    let (width, height) = (columns.len(), Histogram::BINS);
    let mut bytes = Vec::with_capacity(width * height * 4);
    for row in (0..height).rev() {
        for column in columns {
            // The accent, which is seen on light and dark ground.
            bytes.extend([56, 132, 214, (column[row].sqrt() * 255.0) as u8]);
        }
    }
    address(width, height, Pixels::Rgba, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_keep_their_place_in_another_range() {
        let mut of = Histogram::of("w", &[0.0, 1.0]);
        let same = spread(&of, 0.0, 1.0);
        assert!(
            (same[0] - 1.0).abs() < 1e-6 && (same[39] - 1.0).abs() < 1e-6,
            "{same:?}"
        );
        let wide = spread(&of, -1.0, 3.0);
        assert_eq!(wide.iter().position(|s| *s > 0.0), Some(10));
        assert!(wide[20..].iter().all(|s| *s < 1e-6), "{wide:?}");
        of.most = of.least;
        assert!(
            spread(&of, of.least, of.most).iter().any(|s| *s > 0.0),
            "equal values are seen"
        );
    }
}
