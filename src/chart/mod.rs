//! Charts as SVG: lines, points and small pictures in panels, over linear or logarithmic axes.
//!
//! ```
//! use thalweg::chart::{Chart, Panel};
//!
//! let loss = (1..=10).map(|step| (f64::from(step), 1.0 / f64::from(step)));
//! let chart = Chart::new("A run").panel(Panel::new("Loss", "step", "loss").line("training", loss));
//! assert!(chart.svg().starts_with("<svg"));
//! ```

mod axis;
mod picture;
pub(crate) mod png;

use std::fmt::Write;

pub(crate) use axis::Axis;
pub use axis::Scale;
pub use picture::{Colours, Picture};

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

/// Axes with lines, or a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// What stands above it.
    pub title: String,
    /// Below it.
    pub x: String,
    /// At its left.
    pub y: String,
    /// How x and y count.
    pub scales: [Scale; 2],
    /// The lines.
    pub lines: Vec<Line>,
    /// What is drawn instead of axes.
    pub picture: Option<Picture>,
}

/// A line of a panel, or points.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What the legend says; lines of the same name have the same colour in all panels.
    pub name: String,
    /// x and y, in the order of x. What has no place on its axis is left out.
    pub points: Vec<(f64, f64)>,
    /// Whether the points are joined.
    pub joined: bool,
}

/// The size of a panel, and of the axes in it.
const PANEL: (f64, f64) = (290.0, 230.0);
const LEFT: f64 = 58.0;
const TOP: f64 = 28.0;
const PLOT: (f64, f64) = (216.0, 150.0);
const HEAD: f64 = 52.0;
/// A line of more points than this has none drawn.
const MOST_DOTS: usize = 50;
/// Colours that the colour-blind can tell apart (Okabe and Ito).
const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#e69f00", "#56b4e9",
];

impl Chart {
    /// A chart without panels, three of which will stand in a row.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            columns: 3,
            panels: Vec::new(),
        }
    }

    /// Sets how many panels a row has.
    #[must_use]
    pub const fn columns(mut self, columns: usize) -> Self {
        self.columns = columns;
        self
    }

    /// Adds a panel.
    #[must_use]
    pub fn panel(mut self, panel: Panel) -> Self {
        self.panels.push(panel);
        self
    }

    /// The picture.
    pub fn svg(&self) -> String {
        let columns = self.columns.clamp(1, self.panels.len().max(1));
        let rows = self.panels.len().div_ceil(columns);
        let names = self.names();
        let legend: f64 = names.iter().map(|name| legend_width(name)).sum();
        // One panel is narrower than the names of its lines, or the title, may be.
        let title = 24.0 + 7.5 * self.title.chars().count() as f64;
        let width = (PANEL.0 * columns as f64 + 10.0)
            .max(12.0 + legend)
            .max(title);
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
            let x = PANEL.0 * (i % columns) as f64;
            let y = HEAD + PANEL.1 * (i / columns) as f64;
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
    /// Linear axes without lines.
    pub fn new(title: impl Into<String>, x: impl Into<String>, y: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            x: x.into(),
            y: y.into(),
            scales: [Scale::Linear; 2],
            lines: Vec::new(),
            picture: None,
        }
    }

    /// A picture, with what stands below it.
    pub fn of(picture: Picture, title: impl Into<String>, below: impl Into<String>) -> Self {
        Self {
            picture: Some(picture),
            ..Self::new(title, below, "")
        }
    }

    /// Makes x logarithmic.
    #[must_use]
    pub const fn log_x(mut self) -> Self {
        self.scales[0] = Scale::Logarithmic;
        self
    }

    /// Makes y logarithmic.
    #[must_use]
    pub const fn log_y(mut self) -> Self {
        self.scales[1] = Scale::Logarithmic;
        self
    }

    /// Adds a line.
    #[must_use]
    pub fn line(
        mut self,
        name: impl Into<String>,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        self.lines.push(Line::new(name, points));
        self
    }

    /// Adds points that are not joined.
    #[must_use]
    pub fn points(
        mut self,
        name: impl Into<String>,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        self.lines.push(Line {
            joined: false,
            ..Line::new(name, points)
        });
        self
    }

    fn draw(&self, names: &[String], text: &mut String) {
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
        match &self.picture {
            Some(picture) => draw_picture(picture, text),
            None => self.draw_axes(names, text),
        }
    }

    fn draw_axes(&self, names: &[String], text: &mut String) {
        let _ = writeln!(
            text,
            "<rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#888\"/>",
            PLOT.0, PLOT.1
        );
        let points = || self.lines.iter().flat_map(|l| l.drawn(self.scales));
        let x = Axis::over(self.scales[0], points().map(|p| p.0));
        let y = Axis::over(self.scales[1], points().map(|p| p.1));
        let Some((x, y)) = x.zip(y) else {
            let _ = writeln!(text, "<text x=\"90\" y=\"100\">nothing was measured</text>");
            return;
        };
        draw_marks(&x, &y, text);
        for line in &self.lines {
            let index = names.iter().position(|n| *n == line.name).unwrap_or(0);
            let places: Vec<_> = line
                .drawn(self.scales)
                .map(|(a, b)| {
                    (
                        LEFT + x.share(a) * PLOT.0,
                        TOP + (1.0 - y.share(b)) * PLOT.1,
                    )
                })
                .collect();
            line.draw(&places, index, text);
        }
    }
}

/// The marks of both axes, and lines through the panel.
fn draw_marks(x: &Axis, y: &Axis, text: &mut String) {
    let (bottom, right) = (TOP + PLOT.1, LEFT + PLOT.0);
    for (mark, label) in x.marks() {
        let x = LEFT + x.share(mark) * PLOT.0;
        let _ = writeln!(
            text,
            "<line x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\" stroke=\"#ddd\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
            bottom + 15.0,
        );
    }
    for (mark, label) in y.marks() {
        let y = TOP + (1.0 - y.share(mark)) * PLOT.1;
        let _ = writeln!(
            text,
            "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            LEFT - 5.0,
            y + 4.0,
        );
    }
}

/// A picture as large as the axes would be, its proportions kept.
fn draw_picture(picture: &Picture, text: &mut String) {
    if picture.width == 0 || picture.height() == 0 {
        return;
    }
    let _ = writeln!(
        text,
        "<image x=\"{LEFT}\" y=\"{TOP}\" width=\"{}\" height=\"{}\" style=\"image-rendering:pixelated\" href=\"{}\"/>",
        PLOT.0,
        PLOT.1,
        picture.address()
    );
}

impl Line {
    /// Points that are joined.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self {
            name: name.into(),
            points: points.into_iter().collect(),
            joined: true,
        }
    }

    /// The points that have a place.
    fn drawn(&self, [x, y]: [Scale; 2]) -> impl Iterator<Item = (f64, f64)> {
        let has_place = move |p: &&(f64, f64)| x.holds(p.0) && y.holds(p.1);
        self.points.iter().filter(has_place).copied()
    }

    /// Earlier lines are wider, so that they show under later ones.
    fn draw(&self, places: &[(f64, f64)], index: usize, text: &mut String) {
        let colour = colour(index);
        let dots = places.len() <= MOST_DOTS || !self.joined;
        if self.joined {
            let width = if index == 0 && dots { 4.0 } else { 1.5 };
            let path: Vec<_> = places
                .iter()
                .map(|(x, y)| format!("{x:.1},{y:.1}"))
                .collect();
            let _ = writeln!(
                text,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\"/>",
                path.join(" ")
            );
        }
        let radius = if places.len() > MOST_DOTS { 1.5 } else { 3.0 };
        for (x, y) in places.iter().filter(|_| dots) {
            let _ = writeln!(
                text,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\"/>"
            );
        }
    }
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
    fn a_picture_has_its_points_and_escapes_its_texts() {
        let points = [(1.0, 10.0), (100.0, 1000.0), (1000.0, f64::NAN), (5.0, 0.0)];
        let panel = Panel::new("a < b & c", "x", "y").log_x().log_y();
        let chart = Chart::new("t")
            .columns(2)
            .panel(panel.clone().line("cpu", points).line("gpu", points))
            .panel(panel.clone());
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
        let wide = Chart::new("t").panel(panel.line("a".repeat(100), [(1.0, 1.0)]));
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

    #[test]
    fn linear_axes_hold_what_is_not_above_0() {
        let points = [(-1.0, 0.0), (0.0, -2.0), (1.0, f64::INFINITY)];
        let joined = Panel::new("", "x", "y").line("a", points);
        let svg = Chart::new("t").panel(joined.points("b", points)).svg();
        assert_eq!(svg.matches("<polyline").count(), 1, "points are not joined");
        assert_eq!(svg.matches("r=\"3\"").count(), 4, "two finite points each");
        assert!(svg.contains(">-2<") && svg.contains(">0<"), "{svg}");
    }

    #[test]
    fn a_grid_is_drawn_as_an_image() {
        let grid = vec![-1.0, 0.0, 0.5, f64::NAN];
        for picture in [Picture::signed(2, grid.clone()), Picture::gray(2, grid)] {
            let svg = Chart::new("t")
                .panel(Panel::of(picture, "p", "below"))
                .svg();
            assert_eq!(svg.matches("data:image/png;base64,").count(), 1);
            assert!(svg.contains(">below<") && !svg.contains("NaN"), "{svg}");
        }
        let empty = Panel::of(Picture::gray(0, Vec::new()), "p", "");
        assert!(!Chart::new("t").panel(empty).svg().contains("<image"));
    }
}
