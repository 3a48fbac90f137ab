//! What looks like a date, so that a column of them is refused in place of being taken for categories.

/// Whether a text is a date: year, month and day (in this order, or the other way round) between `-`, `/` or `.`, and
/// after it perhaps a time, as in `2024-05-31`, `31.5.2024`, `5/31/24 10:30` or `2024-05-31T10:30:00.5+02:00`.
///
/// Whole numbers such as 20240531 are numbers here, and versions such as 1.2.3 are text: a year has four digits unless
/// slashes stand beside it.
pub(super) fn is_date(text: &str) -> bool {
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    is_day(date) && time.is_none_or(is_time)
}

fn is_day(text: &str) -> bool {
    ['-', '/', '.'].into_iter().any(|mark| {
        let parts: Vec<Option<(usize, u32)>> = text.split(mark).map(digits).collect();
        let &[Some(first), Some(second), Some(third)] = parts.as_slice() else {
            return false;
        };
        let is_year = |(len, _): (usize, u32)| len == 4 || len == 2 && mark == '/';
        let (is_month, is_of_month) = (
            |(len, month): (usize, u32)| len <= 2 && (1..=12).contains(&month),
            |(len, day): (usize, u32)| len <= 2 && (1..=31).contains(&day),
        );
        let begins = first.0 == 4 && is_month(second) && is_of_month(third);
        let either = |day, month| is_of_month(day) && is_month(month);
        begins || is_year(third) && (either(first, second) || either(second, first))
    })
}

/// Hours and minutes, perhaps with seconds and a zone.
fn is_time(text: &str) -> bool {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let text = text.find(['+', '-']).map_or(text, |zone| &text[..zone]);
    let text = ["AM", "PM", "am", "pm"]
        .iter()
        .find_map(|half| text.strip_suffix(half))
        .unwrap_or(text)
        .trim_end();
    let mut parts = text.split(':');
    let hours = parts.next().and_then(digits);
    let minutes = parts.next().and_then(digits);
    let seconds = parts.next().map(|text| {
        let (whole, share) = text.split_once(['.', ',']).unwrap_or((text, "0"));
        digits(whole).is_some_and(|(_, seconds)| seconds < 61) && digits(share).is_some()
    });
    hours.is_some_and(|(_, hours)| hours < 25)
        && minutes.is_some_and(|(_, minutes)| minutes < 60)
        && seconds.unwrap_or(true)
        && parts.next().is_none()
}

/// How many digits, and the number that they are; none if there is anything else, or more than a date or a share of a
/// second has.
fn digits(text: &str) -> Option<(usize, u32)> {
    let few = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    few.then(|| text.parse().ok().map(|number| (text.len(), number)))?
}

#[cfg(test)]
mod tests {
    use super::is_date;

    #[test]
    fn dates_are_known_by_their_look() {
        for text in [
            "2024-05-31",
            "2024/5/31",
            "31.05.2024",
            "31/05/2024",
            "5/31/24",
            "05-31-2024",
            "2024-05-31T10:30",
            "2024-05-31 10:30:59.123456",
            "2024-05-31T10:30:00Z",
            "2024-05-31T10:30:00+02:00",
            "5/31/2024 1:05 PM",
        ] {
            assert!(is_date(text), "{text}");
        }
        for text in [
            "",
            "red",
            "1.2.3",
            "10.0.0.1",
            "2024",
            "2024-05",
            "20240531",
            "2024-13-01",
            "2024-05-32",
            "1-2",
            "555-12-3456",
            "12:30",
            "2024-05-31 or so",
            "2024-05-31T",
            "1/2/3",
            "3-4-5",
        ] {
            assert!(!is_date(text), "{text}");
        }
    }
}
