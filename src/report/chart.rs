//! Line charts as inline SVG, with their numbers beside them for the pointer.

use serde_json::{Value, json};

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
        let low = all().fold(f64::INFINITY, f64::min);
        let high = all().fold(f64::NEG_INFINITY, f64::max);
        let (low, high, ticks) = if log {
            log_ticks(low, high)
        } else {
            ticks(low, high, 5)
        };
        Frame {
            across: self.across(),
            up: [low, high],
            ticks,
            log,
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
    up: [f64; 2],
    ticks: Vec<f64>,
    log: bool,
}

impl Frame {
    fn x(&self, x: f64) -> f64 {
        let [first, last] = self.across;
        LEFT + (x - first) / (last - first) * (RIGHT - LEFT)
    }

    fn y(&self, y: f64) -> f64 {
        let scaled = |y: f64| if self.log { y.ln() } else { y };
        let [low, high] = self.up.map(scaled);
        BOTTOM - (scaled(y) - low) / (high - low) * (BOTTOM - TOP)
    }

    /// Lines across, and the numbers on both sides.
    fn rules(&self, label: &str) -> String {
        let mut out = String::new();
        for &tick in &self.ticks {
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
        for tick in whole_ticks(first, last) {
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

/// Round places from below the least value to above the greatest, about so many.
pub(super) fn ticks(low: f64, high: f64, about: usize) -> (f64, f64, Vec<f64>) {
    let (low, high) = if low < high {
        (low, high)
    } else if low == 0.0 {
        (0.0, 1.0)
    } else {
        let around = low.abs() * 0.5;
        (low - around, low + around)
    };
    let rough = (high - low) / about as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|s| s * power);
    let step = steps
        .into_iter()
        .find(|s| *s >= rough * 0.999)
        .unwrap_or(10.0 * power);
    let (first, last) = ((low / step).floor(), (high / step).ceil());
    let mut places = Vec::new();
    let mut place = first;
    while place <= last && places.len() < 20 {
        places.push(place * step);
        place += 1.0;
    }
    (first * step, last * step, places)
}

/// Powers of ten; with few of them in reach also their doubles and fives.
fn log_ticks(low: f64, high: f64) -> (f64, f64, Vec<f64>) {
    let (first, last) = (low.log10().floor(), high.log10().ceil());
    let decades = last - first;
    let within: &[f64] = if decades <= 3.0 {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    let stride = (decades / 6.0).ceil().max(1.0);
    let mut all = Vec::new();
    let mut power = first;
    while power <= last {
        all.extend(within.iter().map(|w| w * 10_f64.powf(power)));
        power += stride;
    }
    let below = all
        .iter()
        .copied()
        .filter(|t| *t <= low)
        .fold(f64::NEG_INFINITY, f64::max);
    let above = all
        .iter()
        .copied()
        .filter(|t| *t >= high)
        .fold(f64::INFINITY, f64::min);
    let low = if below.is_finite() { below } else { low };
    let high = if above.is_finite() && above > low {
        above
    } else {
        high.max(low * 10.0)
    };
    all.retain(|t| (low..=high).contains(t));
    (low, high, all)
}

/// Whole numbers within reach, about six.
fn whole_ticks(first: f64, last: f64) -> Vec<f64> {
    let (_, _, places) = ticks(first, last, 6);
    let whole = places.into_iter().filter(|t| t.fract() == 0.0);
    whole.filter(|t| (first..=last).contains(t)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_around_all() {
        let (low, high, places) = ticks(0.13, 0.92, 5);
        assert!(
            low <= 0.13 && high >= 0.92 && (4..9).contains(&places.len()),
            "{places:?}"
        );
        let (low, high, _) = ticks(3.0, 3.0, 5);
        assert!(low < 3.0 && high > 3.0, "a constant has room around it");
        let (low, high, places) = log_ticks(0.003, 40.0);
        assert!(
            low <= 0.003 && high >= 40.0 && places.contains(&0.1),
            "{places:?}"
        );
        assert_eq!(whole_ticks(1.0, 5.0), [1.0, 2.0, 3.0, 4.0, 5.0]);
    }

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
