//! Where does an answer come from? A grey patch slides over pictures of digits, and the probability drops where it hides
//! what counts: `cargo run --release --example occlusion [--device DEVICE] [--short]`.
//!
//! The text claims: what a network looks at is found without looking inside, by covering parts of a picture. So the patch
//! must cost more where the strokes are than on empty ground, and a picture with the most costly spot covered must be read
//! wrongly more often than with any spot covered.

mod common;

use std::process::ExitCode;
use std::time::Instant;

use common::{Example, largest, mean, rate, reader, rows};
use thalweg::chart::{Chart, Panel, Picture};
use thalweg::data::Targets;
use thalweg::explain::{Explainer, Patch, Quantity};

const SIDE: usize = 16;

fn main() -> ExitCode {
    Example::run("occlusion", |example| {
        let data = rows(&format!("glyphs:n={},seed=2", example.either(4000, 600)))?;
        let model = reader(example, &data, &[64, 32])?;
        let mut explainer = Explainer::new(&model, example.device.open(None)?.executor)?;

        // Other pictures than those that were learnt from, and of them those that are read rightly.
        let others = rows(&format!("glyphs:n={},seed=2", example.either(4400, 640)))?;
        let rows = others.rows();
        let tested: Vec<u32> = (0..)
            .take(rows)
            .skip(rows - example.either(200, 20))
            .collect();
        let tested = others.select(&tested);
        let x = tested.inputs_of(0..tested.rows())?;
        let Targets::Classes { labels, .. } = tested.targets() else {
            return Err("glyphs have classes".into());
        };
        let patch = Patch {
            size: 4,
            stride: 1,
            grey: x.iter().sum::<f32>() / x.len() as f32,
        };
        let begun = Instant::now();
        let found =
            explainer.occlusion(Quantity::Probability, &x, [SIDE, SIDE, 1], false, patch)?;
        let seconds = begun.elapsed().as_secs_f64();
        example.tell(format!(
            "{} positions of {} pictures in {:.0} ms\n",
            SIDE * SIDE,
            found.len(),
            1e3 * seconds
        ));

        let (mut on, mut off, mut chosen, mut any, mut read) =
            (Vec::new(), Vec::new(), 0, Vec::new(), 0);
        let mut chart =
            Chart::new("A grey patch over digits: red is where it costs probability").columns(4);
        for (row, found) in found.iter().enumerate() {
            let (label, x) = (labels[row] as usize, &x[row * 256..(row + 1) * 256]);
            if largest(&found.whole) != label {
                continue;
            }
            read += 1;
            let drops = found.drops(label);
            // Strokes are bright.
            let bright = |at: &usize| x[*at] > 0.5;
            on.extend((0..256).filter(bright).map(|at| drops[at]));
            off.extend((0..256).filter(|at| !bright(at)).map(|at| drops[at]));
            let wrong = |at: usize| largest(&found.covered[at * 10..(at + 1) * 10]) != label;
            chosen += usize::from(wrong(largest(&drops)));
            any.push((0..256).filter(|at| wrong(*at)).count() as f64 / 256.0);
            if read <= 4 {
                let input = Picture::gray(SIDE, x.iter().map(|&x| f64::from(x)).collect());
                chart = chart
                    .panel(Panel::of(input, format!("read as {label}"), "input"))
                    .panel(Panel::of(
                        Picture::signed(SIDE, drops),
                        "drop in probability",
                        "by where the patch is",
                    ));
            }
        }
        example.claim(
            "the patch costs more on the strokes than on empty ground",
            format!("{:.4} of probability on strokes, {:.4} beside them, over {read} pictures that are read rightly", mean(&on), mean(&off)),
            mean(&on) > 2.0 * mean(&off).max(0.0) && mean(&on) > 0.0,
        );
        let share = chosen as f64 / f64::from(read);
        example.claim(
            "covered at the most costly spot, a picture is read wrongly more often than covered anywhere",
            format!("{} at that spot, {:.1} % anywhere", rate(chosen, read as usize), 100.0 * mean(&any)),
            share > 2.0 * mean(&any) && chosen > 0,
        );
        example.chart("occlusion.svg", &chart)
    })
}
