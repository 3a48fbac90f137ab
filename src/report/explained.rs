//! The page of an explanation: pictures with maps over their pixels, bars, tables and drawings.

use super::html::{escaped, name, number, page, put, section, summary, table};
use super::mistakes::Picture;
use crate::chart::png::{Pixels, address};

/// What makes up a page, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// What stands above all.
    pub title: String,
    /// A sentence on what is shown.
    pub about: String,
    /// What is known of it, by name.
    pub facts: Vec<(String, String)>,
    /// Sections under headings.
    pub sections: Vec<(String, Vec<Block>)>,
}

/// A part of a section.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A paragraph.
    Text(String),
    /// Pictures and what is said of each.
    Shown(Vec<Shown>),
    /// Numbers by name, above and below 0.
    Bars(String, Vec<(String, f64)>),
    /// A table: what it is, the names of its columns, its rows.
    Table(String, Vec<String>, Vec<Vec<String>>),
    /// An SVG, which is trusted.
    Drawing(String),
    /// Text as it stands, such as a tree.
    Plain(String),
}

/// Pictures that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// What they are of.
    pub title: String,
    /// The pictures, each with a word.
    pub pictures: Vec<(String, Map)>,
    /// What is said of them.
    pub said: Vec<String>,
}

/// A picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Map {
    /// One to be seen as it is.
    Picture(Picture),
    /// Numbers of a grid: the ground of the page is 0, red is above and blue below. All maps of a page have scales of their
    /// own.
    Signed {
        /// Numbers in a row of the grid.
        width: usize,
        /// Row by row.
        values: Vec<f64>,
    },
}

/// Colours that are seen on light and dark ground.
const ABOVE: [u8; 3] = [214, 69, 40];
const BELOW: [u8; 3] = [56, 132, 214];

impl Explained {
    /// The page.
    pub fn html(&self) -> String {
        let mut body = format!(
            "<header>\n<h1>{}</h1>\n<p>{}</p>\n</header>\n",
            name(&self.title),
            escaped(&self.about)
        );
        body.push_str(&summary(&self.facts));
        for (place, (heading, blocks)) in self.sections.iter().enumerate() {
            let inside: String = blocks.iter().map(Block::html).collect();
            body.push_str(&section(&format!("part{place}"), &name(heading), &inside));
        }
        page(&format!("{} · Thalweg", self.title), None, &body)
    }
}

impl Block {
    fn html(&self) -> String {
        match self {
            Self::Text(text) => format!("<p>{}</p>\n", escaped(text)),
            Self::Shown(all) => {
                let all: String = all.iter().map(Shown::html).collect();
                format!("<div class=\"said\">\n{all}</div>\n")
            }
            Self::Bars(caption, bars) => in_bars(caption, bars),
            Self::Table(caption, head, rows) => {
                let cells = |row: &Vec<String>| -> Vec<String> {
                    row.iter().map(|cell| name(cell)).collect()
                };
                let rows: Vec<_> = rows.iter().map(cells).collect();
                table("", &escaped(caption), &cells(head), &rows)
            }
            Self::Drawing(svg) => format!("<div class=\"drawn card\" tabindex=\"0\">{svg}</div>\n"),
            Self::Plain(text) => format!("<pre tabindex=\"0\">{}</pre>\n", escaped(text)),
        }
    }
}

impl Shown {
    fn html(&self) -> String {
        let title = name(&self.title);
        let mut out = format!("<figure><h3>{title}</h3>\n<div class=\"maps\">");
        for (word, map) in &self.pictures {
            let word = name(word);
            put(
                &mut out,
                &format!(
                    "<div><img alt=\"{title}: {word}\" src=\"{}\">{word}</div>",
                    map.address()
                ),
            );
        }
        let said: Vec<_> = self.said.iter().map(|text| escaped(text)).collect();
        put(
            &mut out,
            &format!(
                "</div>\n<figcaption>{}</figcaption></figure>\n",
                said.join("<br>")
            ),
        );
        out
    }
}

impl Map {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "how much of a colour is seen is a byte"
    )]
    fn address(&self) -> String {
        let (width, values) = match self {
            Self::Picture(picture) => return picture.address(),
            Self::Signed { width, values } => (*width, values),
        };
        let finite = values.iter().filter(|v| v.is_finite());
        let most = finite.fold(f64::MIN_POSITIVE, |most, v| most.max(v.abs()));
        let pixel = |v: &f64| {
            let [r, g, b] = if *v < 0.0 { BELOW } else { ABOVE };
            // NaN becomes 0.
            [r, g, b, (255.0 * v.abs() / most).round() as u8]
        };
        let height = values.len() / width.max(1);
        let bytes: Vec<u8> = values[..width * height].iter().flat_map(pixel).collect();
        address(width, height, Pixels::Rgba, &bytes)
    }
}

/// A table whose last column draws the numbers.
fn in_bars(caption: &str, bars: &[(String, f64)]) -> String {
    let most = bars
        .iter()
        .fold(f64::MIN_POSITIVE, |most, (_, v)| most.max(v.abs()));
    let row = |(label, value): &(String, f64)| {
        let share = 50.0 * value.abs() / most;
        let (class, left) = if *value < 0.0 {
            ("below", 50.0 - share)
        } else {
            ("above", 50.0)
        };
        let bar = format!(
            "<span class=\"{class}\" style=\"margin-left:{left:.1}%;width:{share:.1}%\"></span>"
        );
        vec![name(label), number(*value), bar]
    };
    let rows: Vec<_> = bars.iter().map(row).collect();
    let head = ["input", "number", ""].map(str::to_owned);
    format!(
        "<div class=\"bars\">{}</div>\n",
        table("", &escaped(caption), &head, &rows)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_whole_and_escapes_what_comes_from_data() {
        let bars = vec![("<a> & b".to_owned(), 2.0), ("c".to_owned(), -1.0)];
        let map = Map::Signed {
            width: 2,
            values: vec![1.0, -1.0, f64::NAN, 0.0],
        };
        let shown = Shown {
            title: "row 0".to_owned(),
            pictures: vec![("map".to_owned(), map)],
            said: vec!["<said>".to_owned()],
        };
        let explained = Explained {
            title: "t".to_owned(),
            about: "<about>".to_owned(),
            facts: vec![("model".to_owned(), "<m>".to_owned())],
            sections: vec![(
                "s".to_owned(),
                vec![
                    Block::Bars("caption".to_owned(), bars),
                    Block::Shown(vec![shown]),
                    Block::Plain("<tree>".to_owned()),
                ],
            )],
        };
        let html = explained.html();
        for text in ["<a>", "<said>", "<about>", "<m>", "<tree>"] {
            assert!(!html.contains(text), "{text} is markup");
        }
        assert!(
            html.contains("margin-left:25.0%;width:25.0%"),
            "half as long, to the left"
        );
        assert_eq!(html.matches("data:image/png;base64,").count(), 1);
        for (open, close) in [
            ("<figure", "</figure>"),
            ("<div", "</div>"),
            ("<table", "</table>"),
        ] {
            assert_eq!(
                html.matches(open).count(),
                html.matches(close).count(),
                "{open}"
            );
        }
    }
}
