//! A value of a configuration that knows where it stands, so that what is wrong with it is said by its path.
//!
//! No message repeats a value: it may be a secret.

use core::ops::RangeInclusive;
use core::time::Duration;

use crate::json::Value;

/// A value and its path, such as `rules[0].github.keys`.
pub struct Node<'a> {
    path: String,
    value: &'a Value,
}

impl<'a> Node<'a> {
    /// The whole configuration.
    pub fn root(value: &'a Value) -> Self {
        Self { path: String::new(), value }
    }

    /// What is wrong here.
    pub fn wrong<T>(&self, problem: &str) -> Result<T, String> {
        let path = if self.path.is_empty() { "configuration" } else { &self.path };
        Err(format!("{path}: {problem}"))
    }

    /// Refuse whatever is no object, and one with other keys than these.
    pub fn object(&self, known: &[&str]) -> Result<(), String> {
        let Value::Object(entries) = self.value else {
            return self.wrong("an object is expected");
        };
        match entries.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            Some((key, _)) => self.wrong(&format!("{key} is unknown; one of {} is expected", known.join(", "))),
            None => Ok(()),
        }
    }

    /// The value of a key, if the object has it.
    pub fn get(&self, key: &str) -> Option<Self> {
        let Value::Object(entries) = self.value else {
            return None;
        };
        let (_, value) = entries.iter().find(|(name, _)| name == key)?;
        let path = if self.path.is_empty() { key.into() } else { format!("{}.{key}", self.path) };
        Some(Self { path, value })
    }

    /// The value of a key that the object must have.
    pub fn required(&self, key: &str) -> Result<Self, String> {
        self.get(key).map_or_else(|| self.wrong(&format!("{key} is missing")), Ok)
    }

    /// The only one of these keys that is there.
    pub fn one_of(&self, keys: &[&'static str]) -> Result<(&'static str, Self), String> {
        let mut found = keys.iter().filter_map(|key| Some((*key, self.get(key)?)));
        match (found.next(), found.next()) {
            (Some(one), None) => Ok(one),
            _ => self.wrong(&format!("exactly one of {} is expected", keys.join(", "))),
        }
    }

    /// A text of at most `longest` bytes that is not empty.
    pub fn text(&self, longest: usize) -> Result<&'a str, String> {
        match self.value {
            Value::Text(text) if (1..=longest).contains(&text.len()) => Ok(text),
            _ => self.wrong(&format!("a text of 1 to {longest} bytes is expected")),
        }
    }

    /// A text, if this is one.
    pub fn as_text(&self) -> Option<&'a str> {
        match self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The name of a header in lower case.
    pub fn header_name(&self) -> Result<String, String> {
        let name = self.text(64)?;
        let sign = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.bytes().all(sign) {
            Ok(name.into())
        } else {
            self.wrong("the name of a header in lower case is expected")
        }
    }

    /// A whole number.
    pub fn integer(&self, range: RangeInclusive<i64>) -> Result<i64, String> {
        match self.value {
            Value::Integer(number) if range.contains(number) => Ok(*number),
            _ => self.wrong(&format!("a whole number from {} to {} is expected", range.start(), range.end())),
        }
    }

    /// A time such as `500ms`, `30s`, `5m` or `1h`, at most `longest`.
    pub fn duration(&self, longest: Duration) -> Result<Duration, String> {
        let found = self.as_text().and_then(duration).filter(|time| *time <= longest);
        let seconds = longest.as_secs();
        found.map_or_else(
            || self.wrong(&format!("a time such as 500ms, 30s, 5m or 1h up to {seconds}s is expected")),
            Ok,
        )
    }

    /// `true` or `false`.
    pub fn boolean(&self) -> Result<bool, String> {
        match self.value {
            Value::Boolean(flag) => Ok(*flag),
            _ => self.wrong("true or false is expected"),
        }
    }

    /// One of these words.
    pub fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, String> {
        let found = self.as_text().and_then(|text| words.iter().find(|(word, _)| *word == text));
        found.map_or_else(
            || {
                let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                self.wrong(&format!("one of {} is expected", known.join(", ")))
            },
            |(_, value)| Ok(*value),
        )
    }

    /// The items of a list of so many.
    pub fn items(&self, count: RangeInclusive<usize>) -> Result<Vec<Self>, String> {
        match self.value {
            Value::List(items) if count.contains(&items.len()) => Ok(items
                .iter()
                .enumerate()
                .map(|(place, value)| Self { path: format!("{}[{place}]", self.path), value })
                .collect()),
            _ => self.wrong(&format!("a list of {} to {} items is expected", count.start(), count.end())),
        }
    }
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u32 = number.parse().ok()?;
    Some(match unit {
        "ms" => Duration::from_millis(number.into()),
        "s" => Duration::from_secs(number.into()),
        "m" => Duration::from_secs(60 * u64::from(number)),
        "h" => Duration::from_secs(3600 * u64::from(number)),
        _ => return None,
    })
}
