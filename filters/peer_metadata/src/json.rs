//! The part of JSON that a configuration of this filter consists of: objects and strings.
//!
//! A parser of all of JSON would be more code than the rest of the module (docs/decisions/004).

use alloc::string::String;

use crate::structure::{Structure, Value};

/// The configuration nests two objects; a deeper one is refused rather than followed.
const DEEPEST: usize = 8;

/// The object that `text` is, or what is wrong with it and at which byte.
pub fn parse(text: &[u8]) -> Result<Structure, String> {
    let text = core::str::from_utf8(text).map_err(|_| String::from("configuration: not UTF-8"))?;
    let mut parser = Parser { text, rest: text };
    match parser.document() {
        Some(structure) => Ok(structure),
        None => Err(format!(
            "configuration: objects and strings are expected at byte {}",
            parser.text.len() - parser.rest.len()
        )),
    }
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
}

impl Parser<'_> {
    fn document(&mut self) -> Option<Structure> {
        let structure = self.object(DEEPEST)?;
        self.space();
        self.rest.is_empty().then_some(structure)
    }

    fn object(&mut self, depth: usize) -> Option<Structure> {
        let mut structure = Structure::default();
        self.sign('{')?;
        if self.sign('}').is_some() {
            return Some(structure);
        }
        loop {
            let key = self.string()?;
            self.sign(':')?;
            let value = self.value(depth)?;
            structure.insert(key, value);
            if self.sign(',').is_none() {
                self.sign('}')?;
                return Some(structure);
            }
        }
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.space();
        if self.rest.starts_with('{') {
            return self.object(depth.checked_sub(1)?).map(Value::Structure);
        }
        self.string().map(Value::Text)
    }

    fn string(&mut self) -> Option<String> {
        self.sign('"')?;
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

    /// The same value by another parser, if it consists of objects and strings.
    fn oracle(json: &Json) -> Option<Value> {
        match json {
            Json::String(text) => Some(Value::Text(text.clone())),
            Json::Object(entries) => {
                let mut structure = Structure::default();
                for (key, json) in entries {
                    structure.insert(key.clone(), oracle(json)?);
                }
                Some(Value::Structure(structure))
            }
            _ => None,
        }
    }

    fn documents() -> impl Strategy<Value = Json> {
        let text = any::<String>().prop_map(Json::from);
        let value = text.prop_recursive(4, 32, 4, |inner| {
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|entries| entries.into_iter().collect::<Json>())
        });
        prop::collection::btree_map(any::<String>(), value, 0..4).prop_map(|entries| entries.into_iter().collect())
    }

    proptest! {
        #[test]
        fn objects_and_strings_are_read_as_by_serde(json in documents(), pretty: bool) {
            let text = if pretty { format!("{json:#}") } else { json.to_string() };
            prop_assert_eq!(parse(text.as_bytes()).ok().map(Value::Structure), oracle(&json));
        }

        #[test]
        fn whatever_is_accepted_serde_accepts_too(text in r#"[{}":, \\nu0-9a-fdD\t]{0,24}"#) {
            if let Ok(structure) = parse(text.as_bytes()) {
                let json: Json = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(oracle(&json), Some(Value::Structure(structure)));
            }
        }

        #[test]
        fn no_bytes_end_the_machine(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }

    #[test]
    fn escapes_are_resolved_as_by_serde() {
        for string in [
            r#""\"\\\/\b\f\n\r\t\u00e9""#,
            r#""\ud83d\ude80""#,
            r#""\ud83d""#,
            r#""\ude80""#,
            r#""\ud83d\u0041""#,
            r#""\x41""#,
            r#""\u12""#,
            "\"\u{1f}\"",
            "\"\u{7f}\"",
        ] {
            let text = format!(r#"{{"key": {string}}}"#);
            let expected = serde_json::from_str(&text).ok().and_then(|json| oracle(&json));
            assert_eq!(parse(text.as_bytes()).ok().map(Value::Structure), expected, "{string}");
        }
    }

    #[test]
    fn other_values_and_deep_objects_are_refused_with_a_place() {
        for value in ["1", "true", "null", "[]"] {
            let text = format!(r#"{{"key": {value}}}"#);
            let problem = "configuration: objects and strings are expected at byte 8";
            assert_eq!(parse(text.as_bytes()), Err(problem.into()));
        }
        let deep = r#"{"a":"#.repeat(100_000);
        assert!(parse(deep.as_bytes()).is_err());
    }
}
