//! JSON (RFC 8259), read value by value: what is not wanted is passed over without being built.
//!
//! Own code, because the well-known parsers make a module of three times the size, most of it for numbers that nothing
//! here reads; `serde_json` is the oracle of the tests.

use alloc::string::String;

/// How deep values may be nested.
const MAX_DEPTH: usize = 128;

/// A text of JSON, and how far it has been read. Every method gives nothing for what is not as it must be.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// At the beginning.
    pub fn new(text: &'a str) -> Self {
        Self { rest: text, depth: MAX_DEPTH }
    }

    /// An object: `each` gets its keys and reads the value of each.
    pub fn object(&mut self, mut each: impl FnMut(&mut Self, &str) -> Option<()>) -> Option<()> {
        self.list("{", "}", |reader| {
            let key = reader.string()?;
            reader.word(":")?;
            each(reader, &key)
        })
    }

    /// An array: `each` reads its values.
    pub fn array(&mut self, each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.list("[", "]", each)
    }

    fn list(&mut self, open: &str, close: &str, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.word(open)?;
        self.depth = self.depth.checked_sub(1)?;
        if self.word(close).is_none() {
            loop {
                each(self)?;
                if self.word(",").is_none() {
                    self.word(close)?;
                    break;
                }
            }
        }
        self.depth += 1;
        Some(())
    }

    /// A string.
    pub fn string(&mut self) -> Option<String> {
        let mut rest = self.raw_string()?;
        let mut text = String::with_capacity(rest.len());
        while let Some(place) = rest.bytes().position(|byte| byte == b'\\') {
            text.push_str(rest.get(..place)?);
            let (character, behind) = escaped(rest.get(place + 1..)?)?;
            text.push(character);
            rest = behind;
        }
        text.push_str(rest);
        Some(text)
    }

    /// A whole number without sign.
    pub fn number(&mut self) -> Option<usize> {
        self.digits()?.parse().ok()
    }

    /// True or false.
    pub fn boolean(&mut self) -> Option<bool> {
        self.word("true").map(|()| true).or_else(|| self.word("false").map(|()| false))
    }

    /// Nothing for `null`, else what `read` reads.
    pub fn optional<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.word("null").is_some() {
            return Some(None);
        }
        read(self).map(Some)
    }

    /// A value of any kind.
    pub fn skip(&mut self) -> Option<()> {
        self.space();
        match self.rest.as_bytes().first()? {
            b'{' => self.object(|reader, _| reader.skip()),
            b'[' => self.array(Self::skip),
            b'"' => self.raw_string().map(|_| ()),
            b't' | b'f' => self.boolean().map(|_| ()),
            b'n' => self.word("null"),
            _ => self.skip_number(),
        }
    }

    /// Nothing but space is left.
    pub fn end(&mut self) -> Option<()> {
        self.space();
        self.rest.is_empty().then_some(())
    }

    fn skip_number(&mut self) -> Option<()> {
        self.rest = self.rest.strip_prefix('-').unwrap_or(self.rest);
        self.digits()?;
        if let Some(rest) = self.rest.strip_prefix('.') {
            self.rest = rest;
            self.run_of_digits()?;
        }
        if let Some(rest) = self.rest.strip_prefix(['e', 'E']) {
            self.rest = rest.strip_prefix(['+', '-']).unwrap_or(rest);
            self.run_of_digits()?;
        }
        Some(())
    }

    /// Digits without a zero in front of others.
    fn digits(&mut self) -> Option<&'a str> {
        self.space();
        let digits = self.run_of_digits()?;
        (digits == "0" || !digits.starts_with('0')).then_some(digits)
    }

    fn run_of_digits(&mut self) -> Option<&'a str> {
        let count = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        (!digits.is_empty()).then_some(digits)
    }

    /// The content of a string with its escapes, whose form is right.
    fn raw_string(&mut self) -> Option<&'a str> {
        self.word("\"")?;
        let content = self.rest;
        let mut bytes = content.bytes().enumerate();
        loop {
            match bytes.next()? {
                (end, b'"') => {
                    self.rest = content.get(end + 1..)?;
                    return content.get(..end);
                }
                (_, b'\\') => match bytes.next()?.1 {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                    b'u' => (0..4).try_for_each(|_| bytes.next()?.1.is_ascii_hexdigit().then_some(()))?,
                    _ => return None,
                },
                (_, 0..=0x1f) => return None,
                _ => {}
            }
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.space();
        self.rest = self.rest.strip_prefix(word)?;
        Some(())
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }
}

/// The character that an escape stands for, and what is behind it; half of a surrogate pair stands for none.
fn escaped(text: &str) -> Option<(char, &str)> {
    let mut characters = text.chars();
    let character = match characters.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unicode(characters.as_str()),
        same => same,
    };
    Some((character, characters.as_str()))
}

fn unicode(text: &str) -> Option<(char, &str)> {
    let (first, rest) = hexadecimal(text)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, rest));
    }
    let (second, rest) = hexadecimal(rest.strip_prefix("\\u")?)?;
    let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x10000 + ((first - 0xd800) << 10) + low)?, rest))
}

fn hexadecimal(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    Some((u32::from_str_radix(digits, 16).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn skipped(text: &str) -> bool {
        let mut reader = Reader::new(text);
        reader.skip().and_then(|()| reader.end()).is_some()
    }

    fn string(text: &str) -> Option<String> {
        let mut reader = Reader::new(text);
        reader.string().filter(|_| reader.end().is_some())
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|entries| entries.into_iter().collect::<Value>()),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_is_passed_over(value in values(), pretty: bool) {
            let text = if pretty { format!("{value:#}") } else { value.to_string() };
            prop_assert!(skipped(&text), "{}", text);
        }

        #[test]
        fn what_is_passed_over_is_what_serde_takes(text in r#"([{}":, \[\]eE+\-.\\0-9atrufalsnbx]|true|null|\\u[0-9dD]{4}){0,16}"#) {
            // serde_json builds numbers and characters, and refuses those that it cannot.
            let taken = serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok();
            prop_assert_eq!(skipped(&text), taken, "{}", text);
        }

        #[test]
        fn strings_are_those_of_serde(text in r#""([a-z\u{0}-\u{1f}"é🚀]|\\["\\/bfnrtx]|\\u[0-9a-fA-F]{4}|\\ud83d\\ude80){0,8}""#) {
            prop_assert_eq!(string(&text), serde_json::from_str::<String>(&text).ok(), "{}", text);
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(skipped(&format!("{}{}", "[".repeat(128), "]".repeat(128))));
        assert!(!skipped(&"[".repeat(1_000_000)));
        assert!(!skipped(&r#"{"a":"#.repeat(1_000_000)));
    }
}
