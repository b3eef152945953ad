//! JSON, as far as a configuration needs it: numbers are integers.
//!
//! A crate for it would be a third of a small module (docs/decisions/004).

use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A configuration nests half as deep; a deeper one is refused rather than followed.
const DEEPEST: usize = 16;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number without fraction or exponent.
    Integer(i64),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Value>),
    /// An object in the order of its text; a repeated key is refused.
    Object(Vec<(String, Value)>),
}

/// The value that `text` is, or at which byte it is none. What stands there is not told: it may be a secret.
pub fn parse(text: &[u8]) -> Result<Value, String> {
    let text = core::str::from_utf8(text).map_err(|_| String::from("configuration: not UTF-8"))?;
    let mut parser = Parser { rest: text };
    match parser.document() {
        Some(value) => Ok(value),
        None => {
            let place = (text.len() - parser.rest.len()).to_string();
            Err(["configuration: not JSON with whole numbers at byte ", &place].concat())
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn document(&mut self) -> Option<Value> {
        let value = self.value(DEEPEST)?;
        self.space();
        self.rest.is_empty().then_some(value)
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.space();
        match self.rest.as_bytes().first()? {
            b'{' => self.object(depth.checked_sub(1)?),
            b'[' => self.list(depth.checked_sub(1)?),
            b'"' => self.string().map(Value::Text),
            b'n' => self.word("null", Value::Null),
            b't' => self.word("true", Value::Boolean(true)),
            b'f' => self.word("false", Value::Boolean(false)),
            _ => self.integer(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        let mut entries: Vec<(String, Value)> = Vec::new();
        self.sign('{')?;
        if self.sign('}').is_some() {
            return Some(Value::Object(entries));
        }
        loop {
            self.space();
            let key = self.string()?;
            if entries.iter().any(|(known, _)| *known == key) {
                return None;
            }
            self.sign(':')?;
            entries.push((key, self.value(depth)?));
            if self.sign(',').is_none() {
                self.sign('}')?;
                return Some(Value::Object(entries));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        let mut values = Vec::new();
        self.sign('[')?;
        if self.sign(']').is_some() {
            return Some(Value::List(values));
        }
        loop {
            values.push(self.value(depth)?);
            if self.sign(',').is_none() {
                self.sign(']')?;
                return Some(Value::List(values));
            }
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        self.rest = self.rest.strip_prefix(word)?;
        Some(value)
    }

    fn integer(&mut self) -> Option<Value> {
        let digits = self.rest.strip_prefix('-').unwrap_or(self.rest);
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at_checked(self.rest.len() - digits.len() + count)?;
        if (digits.starts_with('0') && count > 1) || rest.starts_with(['.', 'e', 'E']) {
            return None;
        }
        let value = number.parse().ok()?;
        self.rest = rest;
        Some(Value::Integer(value))
    }

    fn string(&mut self) -> Option<String> {
        self.rest = self.rest.strip_prefix('"')?;
        let mut string = String::new();
        loop {
            match self.next()? {
                '"' => return Some(string),
                '\\' => string.push(self.escape()?),
                '\0'..='\u{1f}' => return None,
                plain => string.push(plain),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            same @ ('"' | '\\' | '/') => same,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.unicode(),
            _ => return None,
        })
    }

    /// A character, or the two halves of one beyond the first 65,536.
    fn unicode(&mut self) -> Option<char> {
        let first = self.hexadecimal()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        self.rest = self.rest.strip_prefix("\\u")?;
        let second = self.hexadecimal()?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + second)
    }

    fn hexadecimal(&mut self) -> Option<u32> {
        (0..4).try_fold(0, |number, _| Some((number << 4) | self.next()?.to_digit(16)?))
    }

    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next()?;
        self.rest = characters.as_str();
        Some(next)
    }

    /// Skip space, then exactly this sign.
    fn sign(&mut self, sign: char) -> Option<()> {
        self.space();
        self.rest = self.rest.strip_prefix(sign)?;
        Some(())
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value as Json;

    use super::*;

    /// The same value by another parser.
    fn oracle(json: &Json) -> Option<Value> {
        Some(match json {
            Json::Null => Value::Null,
            Json::Bool(flag) => Value::Boolean(*flag),
            Json::Number(number) => Value::Integer(number.as_i64()?),
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(items) => Value::List(items.iter().map(oracle).collect::<Option<_>>()?),
            Json::Object(entries) => {
                let pairs = entries.iter().map(|(key, json)| Some((key.clone(), oracle(json)?)));
                Value::Object(pairs.collect::<Option<_>>()?)
            }
        })
    }

    fn documents() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<String>().prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::btree_map(any::<String>(), inner, 0..4)
                    .prop_map(|entries| entries.into_iter().collect::<Json>()),
            ]
        })
    }

    proptest! {
        #[test]
        fn documents_are_read_as_by_serde(json in documents(), pretty: bool) {
            let text = if pretty { format!("{json:#}") } else { json.to_string() };
            prop_assert_eq!(parse(text.as_bytes()).ok(), oracle(&json));
        }

        #[test]
        fn whatever_is_accepted_serde_accepts_too(text in r#"[{}\[\]":, \\nutrfalse0-9.eE+-]{0,24}"#) {
            if parse(text.as_bytes()).is_ok() {
                prop_assert!(serde_json::from_str::<Json>(&text).is_ok());
            }
        }

        #[test]
        fn no_bytes_end_the_machine(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }

    #[test]
    fn what_is_refused_is_named_by_its_place_only() {
        let refused = r#"{"secret": "do not show", "x": 1.5}"#;
        assert_eq!(parse(refused.as_bytes()), Err("configuration: not JSON with whole numbers at byte 31".into()));
        for text in [r#"{"a": 1, "a": 2}"#, "01", "1e3", "-", "[1,]", "{,}", "nul", "\"\u{1}\"", ""] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    }
}
