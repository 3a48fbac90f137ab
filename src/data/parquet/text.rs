//! Values as the text that a CSV would have for them.

use std::io::Write;

const SECONDS_A_DAY: i64 = 86_400;

/// Parts of a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Milli,
    Micro,
    Nano,
}

impl Unit {
    const fn a_second(self) -> i64 {
        match self {
            Self::Milli => 1_000,
            Self::Micro => 1_000_000,
            Self::Nano => 1_000_000_000,
        }
    }

    const fn digits(self) -> usize {
        match self {
            Self::Milli => 3,
            Self::Micro => 6,
            Self::Nano => 9,
        }
    }
}

/// Adds text to bytes in memory, which cannot fail.
pub(super) fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("memory takes all text");
}

/// `1969-12-31`, from days since 1970-01-01, by Hinnant's algorithm (2013) of the civil calendar.
pub(super) fn date(out: &mut Vec<u8>, days: i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months count from March, so that the day more of a leap year is the last.
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    put(out, format_args!("{year:04}-{month:02}-{day:02}"));
}

/// `23:59:59.5`, from units since midnight.
pub(super) fn time(out: &mut Vec<u8>, count: i64, unit: Unit) {
    let (seconds, part) = (
        count.div_euclid(unit.a_second()),
        count.rem_euclid(unit.a_second()),
    );
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    put(
        out,
        format_args!("{hours:02}:{minutes:02}:{:02}", seconds % 60),
    );
    if part != 0 {
        let digits = format!("{part:0width$}", width = unit.digits());
        put(out, format_args!(".{}", digits.trim_end_matches('0')));
    }
}

/// `1969-12-31T23:59:59.5`, from units since 1970.
pub(super) fn timestamp(out: &mut Vec<u8>, count: i64, unit: Unit) {
    let day = SECONDS_A_DAY * unit.a_second();
    date(out, count.div_euclid(day));
    out.push(b'T');
    time(out, count.rem_euclid(day), unit);
}

/// A whole number with a point before its last `scale` digits.
pub(super) fn decimal(out: &mut Vec<u8>, value: i128, scale: usize) {
    if scale == 0 {
        return put(out, format_args!("{value}"));
    }
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    put(out, format_args!("{sign}{whole}.{part}"));
}

/// The number of big-endian bytes in two's complement, at most 16.
pub(super) fn big_endian(bytes: &[u8]) -> Option<i128> {
    if bytes.is_empty() || bytes.len() > 16 {
        return None;
    }
    let sign = if bytes[0] & 0x80 == 0 { 0 } else { 0xff };
    let mut whole = [sign; 16];
    whole[16 - bytes.len()..].copy_from_slice(bytes);
    Some(i128::from_be_bytes(whole))
}

/// `12345678-1234-1234-1234-123456789abc`.
pub(super) fn uuid(out: &mut Vec<u8>, bytes: &[u8]) {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        put(out, format_args!("{byte:02x}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).expect("it is text")
    }

    #[test]
    fn days_are_dates() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (19_874, "2024-05-31"),
            (-719_468, "0000-03-01"),
            (-719_529, "-001-12-31"),
        ] {
            assert_eq!(text(|out| date(out, days)), expected);
        }
        // The ends do not overflow.
        for (count, unit) in [(i64::MIN, Unit::Milli), (i64::MAX, Unit::Nano)] {
            assert!(!text(|out| timestamp(out, count, unit)).is_empty());
        }
        assert_eq!(
            text(|out| timestamp(out, -500, Unit::Milli)),
            "1969-12-31T23:59:59.5"
        );
    }

    #[test]
    fn decimals_keep_their_digits() {
        for (value, scale, expected) in [
            (12_345, 2, "123.45"),
            (-5, 2, "-0.05"),
            (7, 0, "7"),
            (i128::MIN, 3, "-170141183460469231731687303715884105.728"),
        ] {
            assert_eq!(text(|out| decimal(out, value, scale)), expected);
        }
        assert_eq!(big_endian(&[0xff, 0xfe]), Some(-2));
        assert_eq!(big_endian(&[0x01, 0x00]), Some(256));
        assert_eq!(big_endian(&[]), None);
    }
}
