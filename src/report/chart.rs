//! Line charts as inline SVG, with their numbers beside them for the pointer.

use serde_json::{Value, json};

use crate::chart::{Axis, Scale};

use super::history::{Curve, thinned};
use super::html::{escaped, json, name, number, put};

/// The picture's size in its own units, and the frame of the curves within it.
const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 290.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 508.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 250.0;
/// Points of a curve at most.
const POINTS: usize = 1000;
/// Colours that the style sheet has.
const COLOURS: usize = 8;

/// A curve with its name.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// What it is.
    pub name: String,
    /// Its points, from left to right.
    pub points: Curve,
}

/// Curves over one another.
#[derive(Debug, Clone, Default)]
pub struct Chart {
    /// What they show.
    pub title: String,
    /// What stands along the horizontal axis.
    pub label: &'static str,
    /// The curves.
    pub series: Vec<Series>,
    /// A place that is marked, and what it is.
    pub mark: Option<(f64, String)>,
    /// Whether a logarithmic scale can be switched on.
    pub log: bool,
}

impl Chart {
    /// Whether there is anything to see.
    pub fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.points.is_empty())
    }

    /// The chart as a figure. `id` is unlike any other on the page.
    pub fn html(&self, id: &str) -> String {
        let mut chart = self.clone();
        for series in &mut chart.series {
            series
                .points
                .retain(|p| p[0].is_finite() && p[1].is_finite());
            series.points = thinned(&series.points, POINTS);
        }
        let title = escaped(&self.title);
        let mut out = format!("<figure class=\"chart\" data-chart>\n<h3>{title}</h3>\n");
        if chart.is_empty() {
            return format!("{out}<p class=\"quiet\">Nothing was recorded.</p></figure>\n")
                .replace(" data-chart", "");
        }
        let positive = |p: &[f64; 2]| p[1] > 0.0;
        let log = self.log && chart.series.iter().any(|s| s.points.iter().any(positive));
        if log {
            put(
                &mut out,
                &format!(
                    "<input type=\"checkbox\" class=\"logbox\" id=\"{id}-log\"><label class=\"loglabel\" for=\"{id}-log\">logarithmic</label>\n"
                ),
            );
        }
        out.push_str("<div class=\"plots\">\n");
        out.push_str(&chart.svg("lin", false));
        if log {
            out.push_str(&chart.svg("log", true));
        }
        out.push_str("</div>\n<ul class=\"legend\">");
        // A curve has the same colour whether or not others are empty.
        let shown = chart.series.iter().enumerate();
        for (place, series) in shown.filter(|(_, s)| !s.points.is_empty()) {
            let key = format!(
                "<svg viewBox=\"0 0 22 8\" aria-hidden=\"true\"><line x1=\"0\" y1=\"4\" x2=\"22\" y2=\"4\" class=\"s{}\"/></svg>",
                place % COLOURS
            );
            put(&mut out, &format!("<li>{key}{}</li>", name(&series.name)));
        }
        if let Some((_, what)) = &self.mark {
            put(
                &mut out,
                &format!(
                    "<li><svg viewBox=\"0 0 22 8\" aria-hidden=\"true\"><line x1=\"0\" y1=\"4\" x2=\"22\" y2=\"4\" class=\"best\"/></svg>{}</li>",
                    name(what)
                ),
            );
        }
        out.push_str("</ul>\n<script type=\"application/json\">");
        out.push_str(&json(&chart.numbers()));
        out.push_str("</script>\n</figure>\n");
        out
    }

    /// What the script shows at the pointer.
    fn numbers(&self) -> Value {
        let point = |p: &[f64; 2]| json!([rounded(p[0]), rounded(p[1])]);
        let series = self.series.iter().map(
            |s| json!({"name": s.name, "points": s.points.iter().map(point).collect::<Vec<_>>()}),
        );
        json!({
            "label": self.label, "x": self.across(), "width": WIDTH, "left": LEFT, "right": RIGHT,
            "series": series.collect::<Vec<_>>(),
        })
    }

    fn across(&self) -> [f64; 2] {
        let all = || self.series.iter().flat_map(|s| &s.points).map(|p| p[0]);
        let [first, last] = [
            all().fold(f64::INFINITY, f64::min),
            all().fold(f64::NEG_INFINITY, f64::max),
        ];
        if first < last {
            [first, last]
        } else {
            [first - 0.5, first + 0.5]
        }
    }

    fn svg(&self, class: &str, log: bool) -> String {
        let frame = self.frame(log);
        let scale = if log { ", logarithmic" } else { "" };
        let mut out = format!(
            "<svg class=\"{class}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}{scale}\">\n",
            escaped(&self.told())
        );
        out.push_str(&frame.rules(self.label));
        let [first, last] = frame.across;
        let mark = self.mark.as_ref().map(|(place, _)| *place);
        if let Some(place) = mark.filter(|place| (first..=last).contains(place)) {
            let x = frame.x(place);
            put(
                &mut out,
                &format!(
                    "<line class=\"best\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\n"
                ),
            );
        }
        let drawn = self.series.iter().enumerate();
        for (place, series) in drawn.filter(|(_, s)| !s.points.is_empty()) {
            let faint = if series.points.len() > 300 {
                " faint"
            } else {
                ""
            };
            let mut path = String::new();
            for point in series.points.iter().filter(|p| !log || p[1] > 0.0) {
                let letter = if path.is_empty() { 'M' } else { 'L' };
                let (x, y) = (frame.x(point[0]), frame.y(point[1]));
                put(&mut path, &format!("{letter}{x:.1} {y:.1}"));
            }
            // A line of no length is a dot, as its ends are round.
            let dot = if series.points.len() == 1 && !path.is_empty() {
                "h.01"
            } else {
                ""
            };
            put(
                &mut out,
                &format!(
                    "<path class=\"s{}{faint}\" d=\"{path}{dot}\" stroke-linecap=\"round\"/>\n",
                    place % COLOURS
                ),
            );
        }
        put(
            &mut out,
            &format!(
                "<line class=\"hair\" visibility=\"hidden\" x1=\"0\" x2=\"0\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\n</svg>\n"
            ),
        );
        out
    }

    /// What is within the picture.
    fn frame(&self, log: bool) -> Frame {
        let shown = |p: &&[f64; 2]| !log || p[1] > 0.0;
        let all = || {
            let points = self.series.iter().flat_map(|s| &s.points);
            points.filter(shown).map(|p| p[1])
        };
        let scale = if log {
            Scale::Logarithmic
        } else {
            Scale::Linear
        };
        // A chart without points is not drawn.
        let up = Axis::over(scale, all()).or_else(|| Axis::over(Scale::Linear, [0.0].into_iter()));
        Frame {
            across: self.across(),
            up: up.expect("one number has an axis"),
        }
    }

    /// The chart in words.
    fn told(&self) -> String {
        let shown = self.series.iter().filter(|s| !s.points.is_empty());
        let ends = shown.map(|s| {
            let last = s.points.last().map_or(f64::NAN, |p| p[1]);
            let first = s.points.first().map_or(f64::NAN, |p| p[1]);
            format!("{} from {} to {}", s.name, number(first), number(last))
        });
        let ends: Vec<_> = ends.collect();
        format!("{} by {}: {}", self.title, self.label, ends.join("; "))
    }
}

/// Where numbers fall in the picture.
struct Frame {
    across: [f64; 2],
    up: Axis,
}

impl Frame {
    fn x(&self, x: f64) -> f64 {
        let [first, last] = self.across;
        LEFT + (x - first) / (last - first) * (RIGHT - LEFT)
    }

    fn y(&self, y: f64) -> f64 {
        BOTTOM - self.up.share(y) * (BOTTOM - TOP)
    }

    /// Lines across, and the numbers on both sides.
    fn rules(&self, label: &str) -> String {
        let mut out = String::new();
        for tick in self.up.places() {
            let (y, left) = (self.y(tick), LEFT - 8.0);
            put(
                &mut out,
                &format!(
                    "<line class=\"rule\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{left}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
                    y + 4.5,
                    number(tick)
                ),
            );
        }
        let [first, last] = self.across;
        let along = Axis::over(Scale::Linear, self.across.into_iter());
        let places = along.map_or_else(Vec::new, |axis| axis.places());
        let whole = |tick: &f64| tick.fract() == 0.0 && (first..=last).contains(tick);
        for tick in places.into_iter().filter(whole) {
            let (x, y) = (self.x(tick), BOTTOM + 18.0);
            let text = number(tick);
            put(
                &mut out,
                &format!("<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{text}</text>\n"),
            );
        }
        let y = BOTTOM + 36.0;
        put(
            &mut out,
            &format!("<text x=\"{RIGHT}\" y=\"{y}\" text-anchor=\"end\">{label}</text>\n"),
        );
        out
    }
}

/// As many digits as a reader is shown.
fn rounded(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_curves_are_thinned_and_odd_numbers_left_out() {
        let mut points: Curve = (0..100_000)
            .map(|i| [f64::from(i), 1.0 / f64::from(i + 1)])
            .collect();
        points[7][1] = f64::NAN;
        let series = vec![Series {
            name: "a<b".to_owned(),
            points,
        }];
        let chart = Chart {
            title: "loss".to_owned(),
            label: "step",
            series,
            mark: None,
            log: true,
        };
        let html = chart.html("x");
        assert!(html.len() < 100_000, "{} bytes", html.len());
        assert!(!html.contains("NaN") && !html.contains("inf") && !html.contains("a<b"));
        assert_eq!(
            html.matches("<svg class=\"l").count(),
            2,
            "linear and logarithmic"
        );
    }
}
