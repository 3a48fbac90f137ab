//! Tables in Markdown, and records as JSON and CSV.

use crate::bench::Record;
use crate::cli::exit::Exit;
use crate::cli::output;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// Tables in Markdown
    Md,
    /// A list of records
    Json,
    /// The same records, one a line
    Csv,
}

/// A table in Markdown whose columns line up. The first columns are flush left, the others flush right.
pub(super) struct Table {
    left: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(left: usize, headings: &[&str]) -> Self {
        let rows = vec![headings.iter().map(|&h| h.to_owned()).collect()];
        Self { left, rows }
    }

    pub(super) fn add(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    pub(super) fn text(&self) -> String {
        let columns = self.rows[0].len();
        let width = |c: usize| self.rows.iter().map(|row| row[c].chars().count()).max();
        let widths: Vec<_> = (0..columns).map(|c| width(c).unwrap_or(0)).collect();
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            for (c, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                text.push_str(&match c < self.left {
                    true => format!("| {cell:<width$} "),
                    false => format!("| {cell:>width$} "),
                });
            }
            text.push_str("|\n");
            if number == 0 {
                for (c, width) in widths.iter().enumerate() {
                    let end = if c < self.left { '-' } else { ':' };
                    text.push_str(&format!("|{}{end}", "-".repeat(width + 1)));
                }
                text.push_str("|\n");
            }
        }
        text
    }
}

/// A number in three digits, or `-`.
pub(super) fn figure(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(v) if !v.is_finite() => v.to_string(),
        Some(v) if v >= 99.95 => format!("{v:.0}"),
        Some(v) if v >= 9.995 => format!("{v:.1}"),
        Some(v) if v >= 0.9995 => format!("{v:.2}"),
        Some(v) if v >= 0.01 || v == 0.0 => format!("{v:.3}"),
        Some(v) if v >= 0.001 => format!("{v:.4}"),
        Some(v) => format!("{v:.1e}"),
    }
}

/// A share in percent, or `-`.
pub(super) fn percent(share: Option<f64>) -> String {
    match share {
        None => "-".to_owned(),
        Some(s) if s < 0.0995 => format!("{:.1} %", s * 100.0),
        Some(s) => format!("{:.0} %", s * 100.0),
    }
}

/// Bytes in 10⁶, or `-`.
pub(super) fn megabytes(bytes: Option<u64>) -> String {
    figure(bytes.map(|bytes| bytes as f64 / 1e6))
}

/// From the 10th to the 90th percentile.
pub(super) fn range(low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!("{}-{}", figure(Some(low)), figure(Some(high))),
        _ => "-".to_owned(),
    }
}

/// Writes the records in a format, or as the text that a sub-verb makes of them.
pub(super) fn print(
    format: Format,
    records: &[Record],
    text: impl FnOnce() -> String,
) -> Result<(), Exit> {
    output::print(&match format {
        Format::Md => text(),
        Format::Json => json(records)?,
        Format::Csv => csv(records)?,
    })
}

/// A list, one record a line.
fn json(records: &[Record]) -> Result<String, Exit> {
    let lines: Result<Vec<_>, _> = records.iter().map(serde_json::to_string).collect();
    Ok(format!("[{}]\n", lines?.join(",\n")))
}

fn csv(records: &[Record]) -> Result<String, Exit> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for record in records {
        writer.serialize(record)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|cause| Exit::failed(cause.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(1, &["case", "ms"]);
        table.add(vec!["a".to_owned(), "12.5".to_owned()]);
        assert_eq!(
            table.text(),
            "| case |   ms |\n|------|-----:|\n| a    | 12.5 |\n"
        );
    }

    #[test]
    fn numbers_have_three_digits() {
        let found =
            [0.0, 0.00123, 0.0123, 0.123, 1.234, 12.34, 123.4, 12345.6].map(|v| figure(Some(v)));
        assert_eq!(
            found,
            [
                "0.000", "0.0012", "0.012", "0.123", "1.23", "12.3", "123", "12346"
            ]
        );
        assert_eq!(figure(Some(9.999)), "10.0");
        assert_eq!(
            (figure(None), percent(Some(0.0512))),
            ("-".to_owned(), "5.1 %".to_owned())
        );
        assert_eq!(percent(Some(0.251)), "25 %");
    }
}
