//! Curves in the terminal: Braille characters, eight dots in each, or plain ones where the terminal knows no others.

use std::path::Path;

use super::output::{short, width};
use crate::report::{Curve, History};
use crate::run::METRICS;

/// Lines of a plot, and the columns that the numbers beside it take.
const LINES: usize = 14;
const MARGIN: usize = 11;

/// The curves of the losses of a run; says so if there are none.
pub(super) fn losses(run: &Path) -> String {
    let history = History::read(&run.join(METRICS)).unwrap_or_default();
    let training = history.curve("train_loss").to_vec();
    let validation = history.curve("val_loss").to_vec();
    if training.len() < 2 {
        return "\nno curves: they are drawn by the epoch, and there were not two\n".to_owned();
    }
    let columns = width().min(120);
    let plot = if is_utf8(|name| std::env::var(name).ok()) {
        braille
    } else {
        ascii
    };
    format!("\n{}", plot(&[training, validation], columns))
}

/// Whether the terminal is said to take UTF-8: the first of these variables that is set decides.
fn is_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(variable);
    let first = set.into_iter().find(|value| !value.is_empty());
    first.is_some_and(|value| {
        let value = value.to_ascii_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    })
}

/// Where dots fall: `[column, row from above]`, for each curve.
struct Dots {
    low: f64,
    high: f64,
    first: f64,
    last: f64,
    places: Vec<Vec<[usize; 2]>>,
}

impl Dots {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "dots are within the plot"
    )]
    fn new(curves: &[Curve], wide: usize, high: usize) -> Self {
        let finite = |curve: &Curve| -> Curve {
            let finite = curve.iter().filter(|p| p[1].is_finite());
            finite.copied().collect()
        };
        let curves: Vec<Curve> = curves.iter().map(finite).collect();
        let of = |axis: usize| {
            let all = || curves.iter().flatten().map(|p| p[axis]);
            let ends = [
                all().fold(f64::INFINITY, f64::min),
                all().fold(f64::NEG_INFINITY, f64::max),
            ];
            if ends[0] < ends[1] {
                ends
            } else {
                [ends[0] - 0.5, ends[0] + 0.5]
            }
        };
        let ([first, last], [low, top]) = (of(0), of(1));
        let place = |p: [f64; 2]| {
            let across = (p[0] - first) / (last - first) * (wide - 1) as f64;
            let down = (top - p[1]) / (top - low) * (high - 1) as f64;
            [across.round() as usize, down.round() as usize]
        };
        let line = |curve: &Curve| {
            let mut dots = Vec::new();
            let ends = curve.windows(2).map(|pair| (pair[0], pair[1]));
            let single = curve.first().filter(|_| curve.len() == 1).map(|&p| (p, p));
            for (from, to) in ends.chain(single) {
                let (a, b) = (place(from), place(to));
                let steps = a[0].abs_diff(b[0]).max(a[1].abs_diff(b[1])).max(1);
                for step in 0..=steps {
                    let t = step as f64 / steps as f64;
                    let along =
                        |axis: usize| a[axis] as f64 + t * (b[axis] as f64 - a[axis] as f64);
                    dots.push([along(0).round() as usize, along(1).round() as usize]);
                }
            }
            dots.dedup();
            dots
        };
        let places = curves.iter().map(line).collect();
        Self {
            low,
            high: top,
            first,
            last,
            places,
        }
    }

    /// Lines of characters with the numbers around them.
    fn framed(&self, lines: &[String], columns: usize, legend: &str) -> String {
        let mut out = String::new();
        for (number, line) in lines.iter().enumerate() {
            let label = match number {
                0 => short(self.high),
                n if n + 1 == lines.len() => short(self.low),
                n if n == lines.len() / 2 => {
                    let share = n as f64 / (lines.len() - 1) as f64;
                    short(self.high + share * (self.low - self.high))
                }
                _ => String::new(),
            };
            let whole = format!("{label:>0$}  {line}", MARGIN - 2);
            out.push_str(whole.trim_end());
            out.push('\n');
        }
        let (first, last) = (format!("{}", self.first), format!("{}", self.last));
        let room = columns.saturating_sub(MARGIN + first.len() + last.len());
        let middle = format!("{:^room$}", "epoch");
        // A narrow terminal has no room to indent the legend.
        let indent = MARGIN.min(columns.saturating_sub(legend.chars().count()));
        out.push_str(&format!(
            "{:MARGIN$}{first}{middle}{last}\n{:indent$}{legend}\n",
            "", ""
        ));
        out
    }
}

/// The first curve dotted, the others whole.
fn braille(curves: &[Curve], columns: usize) -> String {
    /// The bit of each dot, by column and row within a character.
    const BITS: [[u32; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
    let wide = columns.saturating_sub(MARGIN).max(10);
    let dots = Dots::new(curves, 2 * wide, 4 * LINES);
    let mut cells = vec![0_u32; wide * LINES];
    for (curve, places) in dots.places.iter().enumerate() {
        // Of several curves the first is dotted, so that they can be told apart without colour.
        let dotted = curve == 0 && dots.places.iter().filter(|p| !p.is_empty()).count() > 1;
        for [x, y] in places
            .iter()
            .enumerate()
            .filter(|(n, _)| !dotted || n % 3 == 0)
            .map(|(_, p)| *p)
        {
            cells[y / 4 * wide + x / 2] |= BITS[x % 2][y % 4];
        }
    }
    let letter = |&bits: &u32| char::from_u32(0x2800 + bits).unwrap_or(' ');
    let lines: Vec<String> = cells
        .chunks(wide)
        .map(|line| line.iter().map(letter).collect())
        .collect();
    let lines: Vec<String> = lines
        .iter()
        .map(|line| line.replace('\u{2800}', " "))
        .collect();
    dots.framed(
        &lines,
        columns,
        legend(&dots, ["loss: training ⠄⠄⠄", "  validation ⠤⠤⠤"]).as_str(),
    )
}

fn ascii(curves: &[Curve], columns: usize) -> String {
    let wide = columns.saturating_sub(MARGIN).max(10);
    let dots = Dots::new(curves, wide, LINES);
    let mut cells = vec![' '; wide * LINES];
    for (curve, places) in dots.places.iter().enumerate() {
        for [x, y] in places {
            cells[y * wide + x] = ['.', '*'][curve.min(1)];
        }
    }
    let lines: Vec<String> = cells
        .chunks(wide)
        .map(|line| line.iter().collect())
        .collect();
    dots.framed(
        &lines,
        columns,
        legend(&dots, ["loss: training .", "  validation *"]).as_str(),
    )
}

fn legend(dots: &Dots, words: [&str; 2]) -> String {
    let shown = dots
        .places
        .iter()
        .zip(words)
        .filter(|(places, _)| !places.is_empty());
    shown.map(|(_, word)| word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curves() -> [Curve; 2] {
        let curve = |k: f64| (1..=20).map(|i| [f64::from(i), k / f64::from(i)]).collect();
        [curve(1.0), curve(2.0)]
    }

    #[test]
    fn plots_fit_their_columns() {
        for columns in [30, 80, 120] {
            for plot in [braille, ascii] {
                let text = plot(&curves(), columns);
                assert_eq!(text.lines().count(), LINES + 2);
                let widest = text.lines().map(|line| line.chars().count()).max();
                assert!(
                    widest <= Some(columns.max(41)),
                    "{widest:?} of {columns}\n{text}"
                );
            }
        }
        assert!(ascii(&curves(), 60).is_ascii());
    }

    #[test]
    fn a_falling_curve_falls() {
        let falling = vec![(1..=30).map(|i| [f64::from(i), f64::from(-i)]).collect()];
        let text = ascii(&falling, 60);
        let lines: Vec<&str> = text.lines().collect();
        let place = |line: &str| line.rfind('.').expect("a dot");
        assert!(
            place(&lines[0][MARGIN..]) < 10 && place(lines[LINES - 1]) > 50,
            "{text}"
        );
        assert!(!text.contains("validation"), "there is one curve\n{text}");
    }

    #[test]
    fn one_epoch_and_odd_numbers_do_no_harm() {
        for plot in [braille, ascii] {
            let text = plot(&[vec![[1.0, 2.0]], vec![[1.0, f64::NAN]]], 40);
            assert_eq!(text.lines().count(), LINES + 2);
        }
    }

    #[test]
    fn the_terminal_is_asked_in_order() {
        let set = |pairs: &'static [(&str, &str)]| {
            is_utf8(move |name| pairs.iter().find(|p| p.0 == name).map(|p| p.1.to_owned()))
        };
        assert!(set(&[("LANG", "de_DE.UTF-8")]) && set(&[("LC_ALL", "C.utf8"), ("LANG", "C")]));
        assert!(!set(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]) && !set(&[]));
        assert!(
            set(&[("LC_ALL", ""), ("LANG", "en_GB.UTF-8")]),
            "what is empty is not set"
        );
    }
}
