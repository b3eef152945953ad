//! A value of a configuration that knows where it stands, so that what is wrong with it is said by its path.
//!
//! Reading goes on behind a fault with some value, and who reads must ask in the end whether there was one
//! ([`Faults::or`]): a way out at every step of so many would be a tenth of a module. No message repeats a value, because
//! it may be a secret.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;
use core::ops::RangeInclusive;
use core::time::Duration;

use crate::json::Value;

/// The first thing that is wrong with a configuration.
#[derive(Default)]
pub struct Faults(RefCell<Option<String>>);

impl Faults {
    /// What was read, unless something was wrong.
    pub fn or<T>(self, read: T) -> Result<T, String> {
        self.0.into_inner().map_or(Ok(read), Err)
    }
}

/// A value, whose path (such as `rules[0].github.keys`) is looked for in the whole when something is wrong with it.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    whole: &'a Value,
    value: &'a Value,
    faults: &'a Faults,
}

impl<'a> Node<'a> {
    /// The whole configuration.
    pub fn root(value: &'a Value, faults: &'a Faults) -> Self {
        Self { whole: value, value, faults }
    }

    fn at(self, value: &'a Value) -> Self {
        Self { value, ..self }
    }

    /// Something is wrong here.
    pub fn wrong(&self, problem: &str) {
        self.faults.0.borrow_mut().get_or_insert_with(|| {
            let path = path(self.whole, self.value).unwrap_or_default();
            let path = if path.is_empty() { "configuration" } else { path.strip_prefix('.').unwrap_or(&path) };
            [path, ": ", problem].concat()
        });
    }

    /// This is an object with no other keys than these.
    pub fn object(&self, known: &[&str]) {
        let Value::Object(entries) = self.value else {
            return self.wrong("an object is expected");
        };
        if let Some((key, _)) = entries.iter().find(|(key, _)| !known.contains(&key.as_str())) {
            self.wrong(&[key, " is unknown; one of ", &known.join(", "), " is expected"].concat());
        }
    }

    /// The value of a key, if the object has it.
    pub fn get(&self, key: &str) -> Option<Self> {
        let Value::Object(entries) = self.value else {
            return None;
        };
        let (_, value) = entries.iter().find(|(name, _)| name == key)?;
        Some(self.at(value))
    }

    /// The value of a key that the object must have.
    pub fn required(&self, key: &str) -> Self {
        self.get(key).unwrap_or_else(|| {
            self.wrong(&[key, " is missing"].concat());
            self.at(&Value::Null)
        })
    }

    /// Which of these keys is there, as the only one, and its value.
    pub fn one_of(&self, keys: &[&str]) -> (usize, Self) {
        let found: Vec<_> = keys.iter().enumerate().filter(|(_, key)| self.get(key).is_some()).collect();
        match found.as_slice() {
            [(place, key)] => (*place, self.required(key)),
            _ => {
                self.wrong(&["exactly one of ", &keys.join(", "), " is expected"].concat());
                (0, self.at(&Value::Null))
            }
        }
    }

    /// A text of at most `longest` bytes that is not empty.
    pub fn text(&self, longest: usize) -> String {
        match self.value {
            Value::Text(text) if (1..=longest).contains(&text.len()) => text.clone(),
            _ => {
                self.wrong(&["a text of 1 to ", &longest.to_string(), " bytes is expected"].concat());
                String::new()
            }
        }
    }

    /// Whether this is a text.
    pub fn is_text(&self) -> bool {
        matches!(self.value, Value::Text(_))
    }

    /// Whether this is the empty text.
    pub fn is_empty(&self) -> bool {
        matches!(self.value, Value::Text(text) if text.is_empty())
    }

    /// The name of a header in lower case.
    pub fn header_name(&self) -> String {
        let name = self.text(64);
        let sign = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if !name.bytes().all(sign) {
            self.wrong("the name of a header in lower case is expected");
        }
        name
    }

    /// A whole number.
    pub fn integer(&self, range: RangeInclusive<i64>) -> i64 {
        match self.value {
            Value::Integer(number) if range.contains(number) => *number,
            _ => {
                let [least, most] = [range.start(), range.end()].map(i64::to_string);
                self.wrong(&["a whole number from ", &least, " to ", &most, " is expected"].concat());
                0
            }
        }
    }

    /// A time such as `500ms`, `30s`, `5m` or `1h`, at most `longest`.
    pub fn duration(&self, longest: Duration) -> Duration {
        let found = match self.value {
            Value::Text(text) => duration(text).filter(|time| *time <= longest),
            _ => None,
        };
        found.unwrap_or_else(|| {
            let seconds = longest.as_secs().to_string();
            self.wrong(&["a time such as 500ms, 30s, 5m or 1h up to ", &seconds, "s is expected"].concat());
            Duration::ZERO
        })
    }

    /// `true` or `false`.
    pub fn flag(&self) -> bool {
        match self.value {
            Value::Boolean(flag) => *flag,
            _ => {
                self.wrong("true or false is expected");
                false
            }
        }
    }

    /// Which of these words this is.
    pub fn word(&self, words: &[&str]) -> usize {
        let found = match self.value {
            Value::Text(text) => words.iter().position(|word| word == text),
            _ => None,
        };
        found.unwrap_or_else(|| {
            self.wrong(&["one of ", &words.join(", "), " is expected"].concat());
            0
        })
    }

    /// The keys and values of an object of at most `most`.
    pub fn entries(&self, most: usize) -> Vec<(&'a str, Self)> {
        match self.value {
            Value::Object(entries) if entries.len() <= most => {
                entries.iter().map(|(key, value)| (key.as_str(), self.at(value))).collect()
            }
            _ => {
                self.wrong(&["an object of at most ", &most.to_string(), " keys is expected"].concat());
                Vec::new()
            }
        }
    }

    /// The items of a list of at least one and at most `most`.
    pub fn items(&self, most: usize) -> Vec<Self> {
        self.list(1..=most)
    }

    /// The items of a list of so many.
    pub fn list(&self, count: RangeInclusive<usize>) -> Vec<Self> {
        let Value::List(items) = self.value else {
            self.wrong("a list is expected");
            return Vec::new();
        };
        if !count.contains(&items.len()) {
            let [least, most] = [count.start(), count.end()].map(usize::to_string);
            self.wrong(&[&least, " to ", &most, " items are expected"].concat());
        }
        items.iter().map(|item| self.at(item)).collect()
    }
}

/// Where a value lies in another: nothing if it does not.
fn path(whole: &Value, wanted: &Value) -> Option<String> {
    if core::ptr::eq(whole, wanted) {
        return Some(String::new());
    }
    match whole {
        Value::Object(entries) => {
            entries.iter().find_map(|(key, value)| Some([".", key, &path(value, wanted)?].concat()))
        }
        Value::List(items) => items
            .iter()
            .enumerate()
            .find_map(|(place, item)| Some(["[", &place.to_string(), "]", &path(item, wanted)?].concat())),
        _ => None,
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
