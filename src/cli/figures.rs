//! Figures of predictions as tables that fit a narrow terminal.

use super::judge::Report;
use super::output::{grouped, short, table, width, wrap};
use crate::metrics::{Bin, ClassReport, Figure, Intervals, NumberReport};

/// Of more classes or outputs only the means are in the tables.
const MOST_LISTED: usize = 20;
/// Characters of a class's name.
const NAME: usize = 16;

/// All tables. `names` are those of the classes, or of the outputs.
pub(super) fn text(report: &Report, names: &[String]) -> String {
    match report {
        Report::Classes(report) => classes(report, names),
        Report::Numbers(report) => numbers(report, names),
    }
}

fn value(figure: Figure) -> String {
    figure.value.map_or_else(|| "-".to_owned(), short)
}

fn interval(figure: Figure) -> String {
    let told = |[low, high]: [f64; 2]| format!("{} to {}", short(low), short(high));
    figure.interval.map_or_else(|| "-".to_owned(), told)
}

fn row(name: impl Into<String>, figure: Figure) -> Vec<String> {
    vec![name.into(), value(figure), interval(figure)]
}

fn headings(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn named(names: &[String], index: usize) -> String {
    let name = names
        .get(index)
        .cloned()
        .unwrap_or_else(|| index.to_string());
    if name.chars().count() <= NAME {
        return name;
    }
    let start: String = name.chars().take(NAME - 1).collect();
    format!("{start}…")
}

/// A remark, broken at the width of the page.
fn remark(text: &mut String, words: &str) {
    for line in wrap(words, width()) {
        text.push_str(&line);
        text.push('\n');
    }
}

fn classes(report: &ClassReport, names: &[String]) -> String {
    let mut rows = vec![headings(&["figure", "value", "95 % interval"])];
    rows.push(row("accuracy", report.accuracy));
    rows.extend(
        report
            .top_k
            .iter()
            .map(|(k, figure)| row(format!("top {k}"), *figure)),
    );
    rows.extend([
        row("precision, macro", report.precision),
        row("recall, macro", report.recall),
        row("F1, macro", report.f1),
        row("AUC", report.auc),
    ]);
    if report.log_loss.value.is_some() {
        rows.push(row("log loss", report.log_loss));
        rows.push(row("calibration error", report.calibration_error));
    }
    let mut text = table(&rows);
    if report.classes.len() <= MOST_LISTED {
        text.push('\n');
        text.push_str(&by_class(report, names));
        text.push_str(&confusion(report, names));
        text.push_str(&calibration(&report.calibration));
    } else {
        let all = grouped(report.classes.len() as u64);
        remark(
            &mut text,
            &format!("the figures of each of the {all} classes are told by --json"),
        );
    }
    text.push('\n');
    notes(&mut text, report);
    how(&mut text, &report.intervals, report.rows);
    text
}

fn by_class(report: &ClassReport, names: &[String]) -> String {
    let words = [
        "class",
        "rows",
        "precision",
        "recall",
        "F1",
        "F1, 95 % interval",
    ];
    let mut rows = vec![headings(&words)];
    for (index, class) in report.classes.iter().enumerate() {
        let starred = |word: &str, figure: Figure| {
            let star = if class.zero_division.contains(&word) {
                "*"
            } else {
                ""
            };
            format!("{}{star}", value(figure))
        };
        rows.push(vec![
            named(names, index),
            grouped(class.rows),
            starred("precision", class.precision),
            starred("recall", class.recall),
            starred("f1", class.f1),
            interval(class.f1),
        ]);
    }
    table(&rows)
}

/// The matrix, if it is no wider than the page.
fn confusion(report: &ClassReport, names: &[String]) -> String {
    let Some(matrix) = &report.confusion else {
        return String::new();
    };
    let mut rows = vec![vec![String::new()]];
    rows[0].extend((0..matrix.len()).map(|class| class.to_string()));
    for (class, counts) in matrix.iter().enumerate() {
        let (number, name) = (class.to_string(), named(names, class));
        let mut row = vec![if name == number {
            name
        } else {
            format!("{number} {name}")
        }];
        row.extend(counts.iter().map(|&count| match count {
            0 => ".".to_owned(),
            count => count.to_string(),
        }));
        rows.push(row);
    }
    let text = table(&rows);
    let widest = text.lines().map(|line| line.chars().count()).max();
    if widest > Some(width()) {
        return "\nthe confusion matrix is wider than this page; --json tells it\n".to_owned();
    }
    format!("\nconfusion: a row a class, a column a prediction\n{text}")
}

/// The bins that have rows.
fn calibration(bins: &[Bin]) -> String {
    if bins.is_empty() {
        return String::new();
    }
    let mut rows = vec![headings(&["probability", "rows", "mean", "right"])];
    let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), |x| format!("{x:.3}"));
    rows.extend(bins.iter().filter(|bin| bin.rows > 0).map(|bin| {
        let range = format!("{:.2} to {:.2}", bin.low, bin.high);
        vec![
            range,
            grouped(bin.rows),
            number(bin.confidence),
            number(bin.accuracy),
        ]
    }));
    format!(
        "\ncalibration: how sure predictions are, and how often they are right\n{}",
        table(&rows)
    )
}

fn notes(text: &mut String, report: &ClassReport) {
    let all = report.classes.len();
    if report.averaged < all {
        let words = format!(
            "macro: the mean over the {} of {all} classes that rows have or are predicted to have",
            report.averaged
        );
        remark(text, &words);
    }
    if all > 2 {
        let words = format!(
            "AUC: one class against the rest, the mean over {} classes",
            report.ranked
        );
        remark(text, &words);
    }
    if report
        .classes
        .iter()
        .any(|class| !class.zero_division.is_empty())
    {
        remark(
            text,
            "*: 0 / 0, taken for 0: no row has the class, or none is predicted to have it",
        );
    }
    if report.log_loss.value.is_none() {
        remark(
            text,
            "the loss gives no probabilities, so there are no log loss and no calibration",
        );
    }
}

fn numbers(report: &NumberReport, names: &[String]) -> String {
    let mut rows = vec![headings(&["figure", "value", "95 % interval"])];
    let several = report.outputs.len() > 1;
    let of = |what: &str| {
        if several {
            format!("{what}, mean")
        } else {
            what.to_owned()
        }
    };
    rows.push(row(of("MAE"), report.mae));
    rows.push(row(of("RMSE"), report.rmse));
    rows.push(row(of("R2"), report.r2));
    if several && report.outputs.len() <= MOST_LISTED {
        for (index, output) in report.outputs.iter().enumerate() {
            let of = |what: &str| format!("{what}, {}", named(names, index));
            rows.push(row(of("MAE"), output.mae));
            rows.push(row(of("RMSE"), output.rmse));
            rows.push(row(of("R2"), output.r2));
        }
    }
    let mut text = table(&rows);
    text.push('\n');
    if report.r2.value.is_none() {
        remark(&mut text, "R2 is not defined where a target does not vary");
    }
    how(&mut text, &report.intervals, report.rows);
    text
}

/// How the intervals came about.
fn how(text: &mut String, intervals: &Intervals, rows: usize) {
    let Intervals {
        resamples,
        seed,
        resampled_rows,
        ..
    } = intervals;
    let mut words = format!(
        "95 %: Wilson's interval for shares of rows, for others a bootstrap of {resamples} resamples (seed {seed})"
    );
    if *resampled_rows < rows {
        words.push_str(&format!(
            " of {} of the rows, narrowed to all {}",
            grouped(*resampled_rows as u64),
            grouped(rows as u64)
        ));
    }
    remark(text, &words);
}
