//! How a network answers: which classes it takes for which, or how near its numbers are.

use super::html::{escaped, name, number, put, table};
use super::mistakes::{self, Mistake};
use crate::chart::png::{Pixels, address};
use crate::chart::{Axis, Scale};

/// A confusion matrix of more classes is a picture.
const CLASSES: usize = 26;
/// Points of a scatter plot at most.
const POINTS: usize = 1500;

/// How a network answers on some rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Which rows: `validation` or `training`.
    pub of: &'static str,
    /// How many were looked at.
    pub seen: usize,
    /// How many there are.
    pub rows: usize,
    /// The answers.
    pub answers: Answers,
    /// The rows with the largest loss, the worst first.
    pub mistakes: Vec<Mistake>,
}

/// Answers beside the truth.
#[derive(Debug, Clone, PartialEq)]
pub enum Answers {
    /// Classes.
    Classes(Confusion),
    /// Numbers, a plot for each output.
    Numbers(Vec<Scatter>),
}

/// How often each class was taken for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confusion {
    /// The classes' names.
    pub names: Vec<String>,
    /// For each true class in turn, how often each was said.
    pub counts: Vec<u64>,
}

/// Numbers beside the true ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Scatter {
    /// What they are.
    pub name: String,
    /// True and predicted, in their own units.
    pub points: Vec<[f64; 2]>,
}

impl Outcome {
    /// The rows in words.
    fn told(&self) -> String {
        if self.seen == self.rows {
            format!(
                "On all {} {} rows, by the model that the run ends with.",
                self.rows, self.of
            )
        } else {
            format!(
                "On the first {} of {} {} rows, by the model that the run ends with.",
                self.seen, self.rows, self.of
            )
        }
    }

    /// The answers.
    pub(super) fn answers(&self) -> (&'static str, String) {
        let told = format!("<p class=\"quiet\">{}</p>\n", self.told());
        match &self.answers {
            Answers::Classes(confusion) => ("Confusion matrix", told + &confusion.html()),
            Answers::Numbers(plots) => {
                let plots: String = plots.iter().take(8).map(Scatter::html).collect();
                (
                    "Predicted and true",
                    format!("{told}<div class=\"grid\">\n{plots}</div>\n"),
                )
            }
        }
    }

    /// The worst rows.
    pub(super) fn worst(&self) -> String {
        format!(
            "<p class=\"quiet\">{} Rows are counted from 0.</p>\n{}",
            self.told(),
            mistakes::html(&self.mistakes)
        )
    }
}

impl Confusion {
    fn html(&self) -> String {
        let classes = self.names.len();
        if classes > CLASSES {
            return self.picture() + &self.pairs();
        }
        let most = self.counts.iter().copied().max().unwrap_or(0).max(1) as f64;
        let mut head = vec!["true \\ predicted".to_owned()];
        head.extend(self.names.iter().map(|n| name(n)));
        head.push("recall".to_owned());
        let mut out = String::from(
            "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Confusion matrix\"><table class=\"matrix\"><caption>Rows are true classes, columns what the network says</caption>\n<thead><tr>",
        );
        for cell in &head {
            put(&mut out, &format!("<th scope=\"col\">{cell}</th>"));
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for (truth, row) in self.counts.chunks(classes).enumerate() {
            put(
                &mut out,
                &format!("<tr><th scope=\"row\">{}</th>", name(&self.names[truth])),
            );
            for (said, &count) in row.iter().enumerate() {
                let depth = (count as f64 / most).sqrt() * 0.9;
                let class = match (depth > 0.55, truth == said) {
                    (true, true) => " class=\"deep right\"",
                    (true, false) => " class=\"deep\"",
                    (false, true) => " class=\"right\"",
                    (false, false) => "",
                };
                put(
                    &mut out,
                    &format!("<td{class} style=\"--a:{depth:.2}\">{count}</td>"),
                );
            }
            let sum: u64 = row.iter().sum();
            let recall = if sum == 0 {
                "–".to_owned()
            } else {
                format!("{:.1} %", 100.0 * row[truth] as f64 / sum as f64)
            };
            put(&mut out, &format!("<td>{recall}</td></tr>\n"));
        }
        out.push_str("</tbody></table></div>\n");
        out
    }

    /// A pixel a pair of classes.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a shade is a byte"
    )]
    fn picture(&self) -> String {
        let classes = self.names.len();
        let stride = classes.div_ceil(256);
        let side = classes.div_ceil(stride);
        let mut sums = vec![0_u64; side * side];
        for (place, count) in self.counts.iter().enumerate() {
            sums[place / classes / stride * side + place % classes / stride] += count;
        }
        let most = sums.iter().copied().max().unwrap_or(0).max(1) as f64;
        let shade = |&count: &u64| [11, 98, 176, ((count as f64 / most).sqrt() * 255.0) as u8];
        let bytes: Vec<u8> = sums.iter().flat_map(shade).collect();
        format!(
            "<figure class=\"card\"><img class=\"heat\" style=\"width:min(100%,420px);height:auto;aspect-ratio:1\" alt=\"Confusion matrix of {classes} classes\" src=\"{}\"><figcaption>Each row is a true class, each column what the network says, in the order of the classes</figcaption></figure>\n",
            address(side, side, Pixels::Rgba, &bytes)
        )
    }

    /// The pairs that are taken for one another most often.
    fn pairs(&self) -> String {
        let classes = self.names.len();
        let wrong = |place: &usize| place / classes != place % classes && self.counts[*place] > 0;
        let mut pairs: Vec<usize> = (0..self.counts.len()).filter(wrong).collect();
        pairs.sort_by_key(|&place| (std::cmp::Reverse(self.counts[place]), place));
        let row = |&place: &usize| {
            vec![
                name(&self.names[place / classes]),
                name(&self.names[place % classes]),
                self.counts[place].to_string(),
            ]
        };
        let rows: Vec<_> = pairs.iter().take(20).map(row).collect();
        let head = ["true", "predicted", "rows"].map(str::to_owned);
        table("", "The pairs that are mistaken most often", &head, &rows)
    }
}

impl Scatter {
    fn html(&self) -> String {
        const LEFT: f64 = 66.0;
        const RIGHT: f64 = 400.0;
        const TOP: f64 = 12.0;
        const BOTTOM: f64 = 346.0;
        let points = super::thinned(&self.points, POINTS);
        let points: Vec<_> = points
            .into_iter()
            .filter(|p| p[0].is_finite() && p[1].is_finite())
            .collect();
        let all = points.iter().flatten().copied();
        let Some(axis) = Axis::over(Scale::Linear, all) else {
            return "<p>No row has a finite prediction.</p>\n".to_owned();
        };
        let at_x = |x: f64| LEFT + axis.share(x) * (RIGHT - LEFT);
        let at_y = |y: f64| BOTTOM - axis.share(y) * (BOTTOM - TOP);
        let title = name(&self.name);
        let mut out = format!(
            "<figure class=\"chart\"><h3>{title}</h3>\n<svg viewBox=\"0 0 412 396\" role=\"img\" aria-label=\"Predicted and true {title}, {} rows\">\n",
            points.len()
        );
        for mark in axis.places() {
            let (x, y) = (at_x(mark), at_y(mark));
            put(
                &mut out,
                &format!(
                    "<line class=\"rule\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                    LEFT - 8.0,
                    y + 4.5,
                    number(mark)
                ),
            );
            put(
                &mut out,
                &format!(
                    "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                    BOTTOM + 18.0,
                    number(mark)
                ),
            );
        }
        put(
            &mut out,
            &format!(
                "<line class=\"best\" x1=\"{LEFT}\" y1=\"{BOTTOM}\" x2=\"{RIGHT}\" y2=\"{TOP}\"/>\n"
            ),
        );
        for [truth, said] in &points {
            put(
                &mut out,
                &format!(
                    "<circle class=\"dot\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.6\"/>",
                    at_x(*truth),
                    at_y(*said)
                ),
            );
        }
        put(
            &mut out,
            &format!(
                "\n<text x=\"{RIGHT}\" y=\"{}\" text-anchor=\"end\">true</text></svg>\n<figcaption>Across the true value, up the predicted one{}; on the dashed line they are equal</figcaption></figure>\n",
                BOTTOM + 38.0,
                if points.len() < self.points.len() {
                    escaped(&format!(", {} of {} rows", points.len(), self.points.len()))
                } else {
                    String::new()
                }
            ),
        );
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_classes_are_a_picture_and_few_a_table() {
        for classes in [3, 300] {
            let names = (0..classes).map(|c| format!("<b>{c}")).collect();
            let confusion = Confusion {
                names,
                counts: vec![2; classes * classes],
            };
            let html = confusion.html();
            assert!(
                !html.contains("<b>") && html.contains("&lt;b&gt;2"),
                "names are text"
            );
            assert_eq!(html.contains("<img"), classes == 300);
            assert!(html.len() < 20_000, "{} bytes", html.len());
        }
    }

    #[test]
    fn a_scatter_has_all_its_points() {
        let points = vec![[1.0, 1.1], [2.0, 1.9], [f64::NAN, 0.0]];
        let html = Scatter {
            name: "price".to_owned(),
            points,
        }
        .html();
        assert_eq!(html.matches("<circle").count(), 2);
    }
}
