//! What came of looking into a network.

use serde_json::{Map, Value};

use crate::cli::output::{short, table, width};
use crate::report::{Block, Explained};

/// The results, in all forms in which they are told.
pub(super) struct Outcome {
    /// What the page begins with.
    pub(super) title: String,
    pub(super) about: String,
    /// Facts beside those of the model and the data.
    pub(super) facts: Vec<(String, String)>,
    /// Tables for a terminal.
    pub(super) text: String,
    pub(super) json: Map<String, Value>,
    /// The sections of the page.
    pub(super) sections: Vec<(String, Vec<Block>)>,
}

impl Outcome {
    pub(super) fn page(&self, facts: &[(String, String)]) -> Explained {
        Explained {
            title: self.title.clone(),
            about: self.about.clone(),
            facts: facts.to_vec(),
            sections: self.sections.clone(),
        }
    }
}

/// The members of a JSON object.
pub(super) fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// A number with its sign.
pub(super) fn signed(value: f64) -> String {
    let sign = if value < 0.0 { "" } else { "+" };
    format!("{sign}{}", short(value))
}

/// The lines of a table whose first are the names of its columns, for a page.
pub(super) fn listed(mut lines: Vec<Vec<String>>) -> Block {
    let rows = lines.split_off(1);
    Block::Table("Rows".to_owned(), lines.remove(0), rows)
}

/// The same for a terminal. The last column is a list with commas: it goes on below itself, or below its row, where the
/// terminal is too narrow.
pub(super) fn listing(lines: &[Vec<String>]) -> String {
    fitted(lines, width())
}

fn fitted(lines: &[Vec<String>], width: usize) -> String {
    let split = |line: &Vec<String>| {
        let (last, columns) = line
            .split_last()
            .map_or((String::new(), &[][..]), |(l, c)| (l.clone(), c));
        (columns.to_vec(), last)
    };
    let (columns, lists): (Vec<_>, Vec<_>) = lines.iter().map(split).unzip();
    let text = table(&columns);
    let used = text
        .lines()
        .map(|line| line.chars().count())
        .max()
        .unwrap_or(0);
    let beside = used + 2 + 30 <= width
        || lists
            .iter()
            .all(|list| used + 2 + list.chars().count() <= width);
    let indent = if beside { used + 2 } else { 4 };
    let mut out = String::new();
    for (line, list) in text.lines().zip(&lists) {
        let parts = broken(list, width.saturating_sub(indent).max(20));
        let mut parts = parts.iter();
        if beside {
            let first = parts.next().map_or("", String::as_str);
            out.push_str(format!("{line:<used$}  {first}").trim_end());
        } else {
            out.push_str(line);
        }
        out.push('\n');
        parts.for_each(|part| out.push_str(&format!("{:indent$}{part}\n", "")));
    }
    out
}

/// Lines of at most `room` characters, broken behind commas; a longer item has a line of its own.
fn broken(list: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for item in list.split_inclusive(", ") {
        match lines.last_mut() {
            Some(line) if line.chars().count() + item.trim_end().chars().count() <= room => {
                line.push_str(item);
            }
            _ => lines.push(item.to_owned()),
        }
    }
    lines
        .iter()
        .map(|line| line.trim_end().to_owned())
        .filter(|line| !line.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_stays_within_the_width() {
        let line = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let lines = [
            line(["row", "value", "strongest inputs"]),
            line([
                "1",
                "0.5",
                "length of a leaf +1.0, width +0.5, colour=red -0.25",
            ]),
        ];
        let wide = fitted(&lines, 80);
        assert_eq!(wide.lines().count(), 2, "{wide}");
        let narrow = fitted(&lines, 46);
        assert_eq!(
            narrow,
            "row  value  strongest inputs\n1      0.5  length of a leaf +1.0, width +0.5,\n            colour=red -0.25\n",
            "{narrow}"
        );
        let least = fitted(&lines, 30);
        assert!(
            least.lines().all(|line| line.chars().count() <= 30),
            "{least}"
        );
        assert!(least.contains("colour=red -0.25"), "{least}");
    }
}
