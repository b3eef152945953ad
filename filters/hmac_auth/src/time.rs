//! Points in time, in seconds since 1970.

/// How a request writes the time at which it was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
    /// `2026-01-31T12:00:00Z` (RFC 3339, UTC, whole seconds).
    Rfc3339,
}

impl Format {
    /// The time in a text.
    pub fn read(self, text: &[u8]) -> Option<i64> {
        match self {
            Self::Seconds => number(text),
            Self::Milliseconds => Some(number(text)? / 1000),
            Self::Rfc3339 => rfc3339(text),
        }
    }
}

/// Digits and nothing else; as many as there are milliseconds until the year 33658.
fn number(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 15 {
        return None;
    }
    text.iter().try_fold(0, |number, byte| Some(number * 10 + i64::from(digit(*byte)?)))
}

fn digit(byte: u8) -> Option<u8> {
    byte.is_ascii_digit().then(|| byte - b'0')
}

/// The time in `2026-01-31T12:00:00Z`.
pub fn rfc3339(text: &[u8]) -> Option<i64> {
    let signs = text.iter().map(|byte| if byte.is_ascii_digit() { b'0' } else { *byte });
    if !signs.eq(b"0000-00-00T00:00:00Z".iter().copied()) {
        return None;
    }
    let part = |from: usize, to: usize| number(text.get(from..to)?);
    let (year, month, day) = (part(0, 4)?, part(5, 7)?, part(8, 10)?);
    let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
    let valid = (1..=12).contains(&month) && (1..=length(year, month)).contains(&day);
    let valid = valid && hour < 24 && minute < 60 && second < 60;
    valid.then(|| ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
}

fn length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. Years begin in March here, so that the day that comes and goes is their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (153 * month + 2) / 5 + day
        - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2021-02-25T15:02:10Z", 1_614_265_330),
            ("2026-11-26T18:00:00Z", 1_795_716_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!(rfc3339(text.as_bytes()), Some(seconds), "{text}");
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut expected = days(1970, 1, 1);
        for year in 1970..2500 {
            for month in 1..=12 {
                for day in 1..=length(year, month) {
                    assert_eq!(days(year, month, day), expected);
                    expected += 1;
                }
            }
        }
    }

    #[test]
    fn other_forms_are_no_time() {
        for text in [
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01t00:00:00z",
            "2026-01-01T00:00:00+00:00",
            "2026-01-01",
            "",
        ] {
            assert_eq!(rfc3339(text.as_bytes()), None, "{text}");
        }
        for text in ["", "-1", "+1", "1.0", " 1", "1e9", "0x1", "1000000000000000"] {
            assert_eq!(Format::Seconds.read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Format::Milliseconds.read(b"1614265330999"), Some(1_614_265_330));
    }
}
