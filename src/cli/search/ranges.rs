//! Ranges as the command line takes them.

use std::ops::RangeInclusive;

/// The ends of a range of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span(pub(super) f64, pub(super) f64);

/// A range of whole numbers within another, or one number.
fn whole(text: &str, within: RangeInclusive<usize>) -> Result<RangeInclusive<usize>, String> {
    let text = text.trim();
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<usize>().ok();
    let range = number(low).zip(number(high)).map(|(low, high)| low..=high);
    let fits = |r: &RangeInclusive<usize>| {
        !r.is_empty() && within.contains(r.start()) && within.contains(r.end())
    };
    range.filter(fits).ok_or_else(|| {
        let (low, high) = (within.start(), within.end());
        format!("expected whole numbers from {low} to {high}, the smaller first, as in 1-3, or one of them")
    })
}

pub(super) fn depths(text: &str) -> Result<RangeInclusive<usize>, String> {
    whole(text, 0..=100)
}

pub(super) fn widths(text: &str) -> Result<RangeInclusive<usize>, String> {
    whole(text, 1..=65_536)
}

/// A range of numbers above 0, or one number.
fn span(text: &str) -> Option<Span> {
    let text = text.trim();
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|x| x.is_finite());
    let (low, high) = number(low).zip(number(high))?;
    (low > 0.0 && low <= high).then_some(Span(low, high))
}

pub(super) fn rates(text: &str) -> Result<Span, String> {
    span(text).ok_or_else(|| {
        "expected finite numbers above 0, the smaller first, as in 1e-4..1e-1, or one of them"
            .to_owned()
    })
}

pub(super) fn decays(text: &str) -> Result<Span, String> {
    let none = || text.trim().parse() == Ok(0.0);
    let found = span(text).or_else(|| none().then_some(Span(0.0, 0.0)));
    found.ok_or_else(|| {
        "expected finite numbers above 0, the smaller first, as in 1e-6..1e-2, one of them, or 0 for none"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(widths("8-128"), Ok(8..=128));
        assert_eq!(depths("2"), Ok(2..=2));
        assert_eq!(rates("1e-4..1e-1"), Ok(Span(1e-4, 0.1)));
        assert_eq!(rates(" 0.01 "), Ok(Span(0.01, 0.01)));
        assert_eq!(decays("0"), Ok(Span(0.0, 0.0)));
        for text in ["", "3-1", "0-5", "a", "1-b", "-3", "1-70000", "1..5"] {
            assert!(widths(text).is_err(), "{text}");
        }
        for text in ["", "0", "0..1", "1..0.1", "nan", "1..inf", "-1..1", "x..y"] {
            assert!(rates(text).is_err(), "{text}");
        }
    }
}
