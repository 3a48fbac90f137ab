//! Standard output: tables that fit a narrow terminal, and one JSON object.

use std::io::{self, IsTerminal, Write};

use super::exit::Exit;

/// Writes text to standard output. A pipe that is closed ends the program quietly.
pub(super) fn print(text: &str) -> Result<(), Exit> {
    let mut out = io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// What became of a write to standard output.
pub(super) fn written(result: io::Result<()>) -> Result<(), Exit> {
    match result {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Err(Exit::CLOSED_PIPE),
        Err(e) => Err(Exit::failed(format!(
            "standard output cannot be written: {e}"
        ))),
    }
}

/// Writes one JSON object as a line.
pub(super) fn print_json(value: &serde_json::Value) -> Result<(), Exit> {
    print(&format!("{value}\n"))
}

/// Says something on standard error; whether anybody reads it does not matter.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// The columns of the terminal that standard output is, or of a page.
pub(super) fn width() -> usize {
    let terminal = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    let columns = if io::stdout().is_terminal() {
        terminal()
    } else {
        None
    };
    columns.unwrap_or(100).max(30)
}

/// Names and values, one pair a line; a long value goes on below itself.
#[derive(Debug, Default)]
pub(super) struct Facts(Vec<(String, String)>);

impl Facts {
    pub(super) fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    pub(super) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    pub(super) fn text(&self) -> String {
        self.indented(0)
    }

    /// The text with spaces before each line, which count as part of its width.
    pub(super) fn indented(&self, spaces: usize) -> String {
        let names = self
            .0
            .iter()
            .map(|(name, _)| name.chars().count())
            .max()
            .unwrap_or(0);
        let room = width().saturating_sub(spaces + names + 2).max(16);
        let mut text = String::new();
        for (name, value) in &self.0 {
            for (number, line) in wrap(value, room).iter().enumerate() {
                let name = if number == 0 { name } else { "" };
                text.push_str(&format!("{:spaces$}{name:names$}  {line}\n", ""));
            }
        }
        text
    }
}

/// Lines of at most `room` characters, broken at spaces; a longer word has a line of its own.
pub(super) fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is a line from the start");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// Rows under headings, each column as wide as it must be; the first is flush left, the others flush right.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |c: usize| {
        rows.iter()
            .map(|row| row[c].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cell = |(c, cell): (usize, &String)| match c {
            0 => format!("{cell:<0$}", widths[c]),
            _ => format!("  {cell:>0$}", widths[c]),
        };
        let line: String = row.iter().enumerate().map(cell).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A whole number with its thousands apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in the unit that suits them.
pub(super) fn bytes(count: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (count as f64, 0);
    while value >= 1024.0 && unit + 1 < units.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    if unit == 0 {
        format!("{count} B")
    } else {
        format!("{value:.1} {}", units[unit])
    }
}

/// A number in as many digits as a reader wants.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-3..1e6).contains(&size) {
        format!("{value:.4}")
    } else {
        format!("{value:.3e}")
    }
}

/// A time in the unit that suits it.
pub(super) fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.0} us", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s if s < 120.0 => format!("{s:.1} s"),
        s => format!("{:.0} min {:.0} s", (s / 60.0).floor(), s % 60.0),
    }
}

/// A time that is but an estimate, in whole units.
pub(super) fn estimate(seconds: f64) -> String {
    const UNITS: [(f64, &str); 4] = [(86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s")];
    let unit = UNITS.iter().find(|(size, _)| seconds >= 3.0 * size);
    let (size, name) = unit.unwrap_or(&UNITS[3]);
    match seconds / size {
        number if number < 1e5 => format!("{number:.0} {name}"),
        _ => "years".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(12), "12");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(short(0.000_012_34), "1.234e-5");
        assert_eq!(duration(0.0123), "12.30 ms");
        for (seconds, text) in [
            (0.2, "0 s"),
            (170.0, "170 s"),
            (300.0, "5 min"),
            (86400.0, "24 h"),
            (86400.0 * 9.0, "9 d"),
            (4.2e16, "years"),
        ] {
            assert_eq!(estimate(seconds), text);
        }
    }

    #[test]
    fn long_values_are_broken_at_spaces() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("", 7), [""]);
    }
}
