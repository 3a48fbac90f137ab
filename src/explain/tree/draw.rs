//! A tree as text, and as a picture.

use std::fmt::Write;

use super::{Split, Tree, TreeNode};
use crate::report::escaped;

/// How the parts of a tree are told.
pub struct Words<'a> {
    /// The question of a node, which is true below: `width <= 1.5`.
    pub question: &'a dyn Fn(&Split) -> String,
    /// What a leaf says.
    pub answer: &'a dyn Fn(&TreeNode) -> String,
}

/// The size of a node in a picture, and of what is between two.
const BOX: [f64; 2] = [148.0, 46.0];
const GAP: [f64; 2] = [14.0, 44.0];
/// Letters that fit into a node.
const LETTERS: usize = 23;

impl Tree {
    /// As text: a line a node, further in with each question.
    ///
    /// ```text
    /// width <= 1.5 (60 rows)
    /// ├─ yes: rose (20 rows)
    /// └─ no: width <= 8.1 (40 rows)
    ///    ├─ yes: lily (20 rows)
    ///    └─ no: iris (20 rows)
    /// ```
    pub fn text(&self, words: &Words<'_>) -> String {
        let mut text = String::new();
        self.write(0, "", "", words, &mut text);
        text
    }

    fn write(&self, node: usize, before: &str, first: &str, words: &Words<'_>, text: &mut String) {
        let node = &self.nodes[node];
        let said = match &node.split {
            Some(split) => (words.question)(split),
            None => (words.answer)(node),
        };
        let _ = writeln!(text, "{before}{first}{said} ({} rows)", node.rows);
        let Some(split) = &node.split else { return };
        let before = match first.chars().next() {
            Some('├') => format!("{before}│  "),
            Some(_) => format!("{before}   "),
            None => String::new(),
        };
        self.write(split.below, &before, "├─ yes: ", words, text);
        self.write(split.above, &before, "└─ no: ", words, text);
    }

    /// As an SVG of its own, in the colour of the text around it: what is true goes to the left.
    pub fn svg(&self, words: &Words<'_>) -> String {
        let depth = self.depth(0);
        let width = self.leaves() as f64 * (BOX[0] + GAP[0]) + GAP[0];
        let height = depth as f64 * (BOX[1] + GAP[1]) + BOX[1] + 2.0 * GAP[0];
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             font-family=\"sans-serif\" font-size=\"12\" fill=\"currentColor\" role=\"img\" \
             aria-label=\"A decision tree of {} leaves, as in the text\">\n",
            self.leaves()
        );
        let mut leaf = 0;
        self.draw(0, 0, &mut leaf, words, &mut text);
        text.push_str("</svg>\n");
        text
    }

    fn depth(&self, node: usize) -> usize {
        self.nodes[node]
            .split
            .map_or(0, |s| 1 + self.depth(s.below).max(self.depth(s.above)))
    }

    /// Draws what is below a node and then it, and tells where its middle is.
    fn draw(
        &self,
        at: usize,
        depth: usize,
        leaf: &mut usize,
        words: &Words<'_>,
        text: &mut String,
    ) -> f64 {
        let node = &self.nodes[at];
        let top = GAP[0] + depth as f64 * (BOX[1] + GAP[1]);
        let middle = match &node.split {
            None => {
                *leaf += 1;
                GAP[0] + (*leaf as f64 - 1.0) * (BOX[0] + GAP[0]) + BOX[0] / 2.0
            }
            Some(split) => {
                let left = self.draw(split.below, depth + 1, leaf, words, text);
                let right = self.draw(split.above, depth + 1, leaf, words, text);
                let middle = (left + right) / 2.0;
                let (from, to) = (top + BOX[1], top + BOX[1] + GAP[1]);
                for (end, word, anchor) in [(left, "yes", "end"), (right, "no", "start")] {
                    let shift = if word == "yes" { -6.0 } else { 6.0 };
                    let _ = writeln!(
                        text,
                        "<path d=\"M{middle:.1} {from:.1}L{end:.1} {to:.1}\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1\"/>\
                         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\" opacity=\".75\">{word}</text>",
                        (middle + end) / 2.0 + shift,
                        (from + to) / 2.0
                    );
                }
                middle
            }
        };
        let (said, radius, stroke) = match &node.split {
            Some(split) => ((words.question)(split), 4, 1.0),
            None => ((words.answer)(node), 20, 2.0),
        };
        let _ = writeln!(
            text,
            "<g><title>{0}</title><rect x=\"{1:.1}\" y=\"{top:.1}\" width=\"{2}\" height=\"{3}\" rx=\"{radius}\" fill=\"none\" \
             stroke=\"currentColor\" stroke-width=\"{stroke}\"/>\
             <text x=\"{middle:.1}\" y=\"{4:.1}\" text-anchor=\"middle\">{5}</text>\
             <text x=\"{middle:.1}\" y=\"{6:.1}\" text-anchor=\"middle\" opacity=\".75\">{7} rows</text></g>",
            escaped(&said),
            middle - BOX[0] / 2.0,
            BOX[0],
            BOX[1],
            top + 19.0,
            escaped(&cut(&said)),
            top + 36.0,
            node.rows
        );
        middle
    }
}

/// A text cut to what fits.
fn cut(text: &str) -> String {
    if text.chars().count() <= LETTERS {
        return text.to_owned();
    }
    let kept: String = text.chars().take(LETTERS - 1).collect();
    format!("{kept}…")
}
