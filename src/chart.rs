//! Lines over logarithmic axes, as SVG: how cost grows, and what the loss makes of learning rates.

use std::fmt::Write;

/// A line of a panel.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What the legend says; lines of the same name have the same colour in all panels.
    pub name: String,
    /// x and y, in the order of x. What is not above 0 is left out.
    pub points: Vec<(f64, f64)>,
}

/// Axes with lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// What stands above it.
    pub title: String,
    /// Below it.
    pub x: String,
    /// At its left.
    pub y: String,
    /// The lines.
    pub lines: Vec<Line>,
}

/// Panels in rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// What stands above all.
    pub title: String,
    /// How many panels a row has.
    pub columns: usize,
    /// Row after row.
    pub panels: Vec<Panel>,
}

/// The size of a panel, and of the axes in it.
const PANEL: (f64, f64) = (290.0, 230.0);
const LEFT: f64 = 58.0;
const TOP: f64 = 28.0;
const PLOT: (f64, f64) = (216.0, 150.0);
const HEAD: f64 = 52.0;
/// Colours that the colour-blind can tell apart (Okabe and Ito), and the shapes of the points beside them.
const COLOURS: [&str; 5] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000"];

impl Chart {
    /// The picture.
    pub fn svg(&self) -> String {
        let rows = self.panels.len().div_ceil(self.columns.max(1));
        let names = self.names();
        let legend: f64 = names.iter().map(|name| legend_width(name)).sum();
        // One panel is narrower than the names of its lines may be.
        let width = (PANEL.0 * self.columns as f64 + 10.0).max(12.0 + legend);
        let height = HEAD + PANEL.1 * rows as f64;
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
             <text x=\"12\" y=\"20\" font-size=\"14\">{}</text>\n",
            escaped(&self.title)
        );
        let mut x = 12.0;
        for (i, name) in names.iter().enumerate() {
            let _ = writeln!(
                text,
                "<g><circle cx=\"{:.1}\" cy=\"36\" r=\"4\" fill=\"{}\"/><text x=\"{:.1}\" y=\"40\">{}</text></g>",
                x + 4.0,
                colour(i),
                x + 13.0,
                escaped(name)
            );
            x += legend_width(name);
        }
        for (i, panel) in self.panels.iter().enumerate() {
            let x = PANEL.0 * (i % self.columns) as f64;
            let y = HEAD + PANEL.1 * (i / self.columns) as f64;
            let _ = writeln!(text, "<g transform=\"translate({x} {y})\">");
            panel.draw(&names, &mut text);
            text.push_str("</g>\n");
        }
        text.push_str("</svg>\n");
        text
    }

    /// The names of all lines, each once.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for line in self.panels.iter().flat_map(|p| &p.lines) {
            if !names.contains(&line.name) {
                names.push(line.name.clone());
            }
        }
        names
    }
}

/// What a name takes of the legend, with its point.
fn legend_width(name: &str) -> f64 {
    30.0 + 6.2 * name.chars().count() as f64
}

fn colour(index: usize) -> &'static str {
    COLOURS[index % COLOURS.len()]
}

impl Panel {
    fn draw(&self, names: &[String], text: &mut String) {
        let points = || self.lines.iter().flat_map(|l| l.drawn());
        let axes = Axis::over(points().map(|p| p.0)).zip(Axis::over(points().map(|p| p.1)));
        let _ = writeln!(
            text,
            "<text x=\"{LEFT}\" y=\"18\" font-size=\"12\">{}</text>",
            escaped(&self.title)
        );
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text transform=\"translate(13 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            LEFT + PLOT.0 / 2.0,
            TOP + PLOT.1 + 33.0,
            escaped(&self.x),
            TOP + PLOT.1 / 2.0,
            escaped(&self.y)
        );
        let _ = writeln!(
            text,
            "<rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#888\"/>",
            PLOT.0, PLOT.1
        );
        let Some((x, y)) = axes else {
            let _ = writeln!(text, "<text x=\"90\" y=\"100\">nothing was measured</text>");
            return;
        };
        x.draw_below(text);
        y.draw_left(text);
        for line in &self.lines {
            let index = names.iter().position(|n| *n == line.name).unwrap_or(0);
            line.draw(&x, &y, index, text);
        }
    }
}

impl Line {
    fn drawn(&self) -> impl Iterator<Item = (f64, f64)> {
        let positive =
            |p: &&(f64, f64)| p.0 > 0.0 && p.1 > 0.0 && p.0.is_finite() && p.1.is_finite();
        self.points.iter().filter(positive).copied()
    }

    /// Earlier lines are wider, so that they show under later ones.
    fn draw(&self, x: &Axis, y: &Axis, index: usize, text: &mut String) {
        let (colour, width) = (colour(index), if index == 0 { 4.0 } else { 1.5 });
        let place = |(a, b)| {
            (
                LEFT + x.share(a) * PLOT.0,
                TOP + (1.0 - y.share(b)) * PLOT.1,
            )
        };
        let places: Vec<_> = self.drawn().map(place).collect();
        let path: Vec<_> = places
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let _ = writeln!(
            text,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>",
            path.join(" ")
        );
        for (x, y) in places {
            let _ = writeln!(
                text,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>"
            );
        }
    }
}

/// A logarithmic axis.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    /// From the 1, 2 or 5 times a power of ten below the smallest value to that above the largest.
    fn over(values: impl Iterator<Item = f64>) -> Option<Self> {
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        values.for_each(|v| (low, high) = (low.min(v), high.max(v)));
        if low > high {
            return None;
        }
        let below = ticks(low / 10.0, low).last().copied().unwrap_or(low);
        let above = ticks(high, high * 10.0).first().copied().unwrap_or(high);
        let high = if above > below { above } else { below * 2.0 };
        Some(Self { low: below, high })
    }

    /// Where a value is, from 0 to 1.
    fn share(&self, value: f64) -> f64 {
        (value / self.low).ln() / (self.high / self.low).ln()
    }

    /// Powers of ten, and where there are fewer than 3 of them twice and five times those too.
    fn marks(&self) -> Vec<f64> {
        let all = ticks(self.low, self.high);
        let tens: Vec<_> = all.iter().copied().filter(|t| is_ten(*t)).collect();
        if tens.len() < 3 { all } else { tens }
    }

    fn draw_below(&self, text: &mut String) {
        let bottom = TOP + PLOT.1;
        for mark in self.marks() {
            let x = LEFT + self.share(mark) * PLOT.0;
            let _ = writeln!(
                text,
                "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#ddd\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 15.0,
                label(mark)
            );
        }
    }

    fn draw_left(&self, text: &mut String) {
        let right = LEFT + PLOT.0;
        for mark in self.marks() {
            let y = TOP + (1.0 - self.share(mark)) * PLOT.1;
            let _ = writeln!(
                text,
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 5.0,
                y + 4.0,
                label(mark)
            );
        }
    }
}

/// 1, 2 and 5 times the powers of ten from `low` to `high`, both included but for rounding.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let slack = 1.0 + 1e-9;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a power of ten of an f64 is small"
    )]
    let powers = (low.log10().floor() as i32)..=(high.log10().ceil() as i32);
    let all = powers.flat_map(|p| [1.0, 2.0, 5.0].map(|f| f * 10_f64.powi(p)));
    all.filter(|t| *t * slack >= low && *t <= high * slack)
        .collect()
}

fn is_ten(value: f64) -> bool {
    let power = value.log10();
    (power - power.round()).abs() < 1e-9
}

/// A mark's number: plain, or with the prefixes of thousands.
fn label(value: f64) -> String {
    match value {
        v if v >= 1e9 => format!("{}G", round(v / 1e9)),
        v if v >= 1e6 => format!("{}M", round(v / 1e6)),
        v if v >= 1e3 => format!("{}k", round(v / 1e3)),
        v if v >= 1e-3 => round(v).to_string(),
        v => format!("{v:.0e}"),
    }
}

fn round(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        let axis = Axis::over([3.0, 70.0].into_iter()).expect("there are values");
        assert!(
            (axis.low - 2.0).abs() < 1e-9 && (axis.high - 100.0).abs() < 1e-6,
            "{axis:?}"
        );
        assert!((axis.share(2.0)).abs() < 1e-12);
        assert!((axis.share(axis.high) - 1.0).abs() < 1e-12);
        assert!(
            (axis.share(200_f64.sqrt()) - 0.5).abs() < 1e-6,
            "in the middle of the logarithms"
        );
        assert_eq!(Axis::over(std::iter::empty()), None);
        let one = Axis::over([10.0].into_iter()).expect("there is a value");
        assert!(one.high > one.low, "one value has an axis too: {one:?}");
    }

    #[test]
    fn marks_are_powers_of_ten_or_closer() {
        let wide = Axis {
            low: 1.0,
            high: 1e6,
        };
        assert_eq!(wide.marks().len(), 7);
        let narrow = Axis {
            low: 2.0,
            high: 50.0,
        };
        assert_eq!(narrow.marks().len(), 5, "{:?}", narrow.marks());
        assert_eq!([label(4000.0), label(0.5), label(2e6)], ["4k", "0.5", "2M"]);
    }

    #[test]
    fn a_picture_has_its_points_and_escapes_its_texts() {
        let line = |name: &str| Line {
            name: name.to_owned(),
            points: vec![(1.0, 10.0), (100.0, 1000.0), (1000.0, f64::NAN), (5.0, 0.0)],
        };
        let panel = Panel {
            title: "a < b & c".to_owned(),
            x: "x".to_owned(),
            y: "y".to_owned(),
            lines: vec![line("cpu"), line("gpu")],
        };
        let empty = Panel {
            lines: Vec::new(),
            ..panel.clone()
        };
        let chart = Chart {
            title: "t".to_owned(),
            columns: 2,
            panels: vec![panel, empty],
        };
        let svg = chart.svg();
        assert!(
            svg.contains("a &lt; b &amp; c") && !svg.contains("NaN"),
            "{svg}"
        );
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert_eq!(
            svg.matches("r=\"3\"").count(),
            4,
            "two points of each line can be drawn"
        );
        assert!(
            svg.contains("width=\"590\""),
            "as wide as two panels: {svg}"
        );
        let long = Line {
            name: "a".repeat(100),
            points: vec![(1.0, 1.0)],
        };
        let wide = Chart {
            panels: vec![Panel {
                lines: vec![long],
                ..chart.panels[0].clone()
            }],
            ..chart.clone()
        };
        assert!(
            wide.svg().contains("width=\"662\""),
            "as wide as its legend"
        );
        assert_eq!(svg.matches(">cpu<").count(), 1, "one legend for all panels");
        assert!(svg.contains("nothing was measured"));
        for tag in ["g", "svg", "text"] {
            let (open, close) = (format!("<{tag}"), format!("</{tag}>"));
            let opened =
                svg.matches(&format!("{open} ")).count() + svg.matches(&format!("{open}>")).count();
            assert_eq!(opened, svg.matches(&close).count(), "<{tag}> is not closed");
        }
    }
}
