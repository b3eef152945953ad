//! The part of `google.protobuf.Struct` that metadata consists of: texts and nested structures.
//!
//! Reading ignores values of other types and anything nested deeper than metadata is.

use alloc::string::String;
use alloc::vec::Vec;

/// Values by key, in order of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Structure(Vec<(String, Value)>);

/// A value of metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `string_value`.
    Text(String),
    /// `struct_value`.
    Structure(Structure),
}

impl Structure {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let place = self.find(key).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// Set the value of a key; the last one counts.
    pub fn insert(&mut self, key: String, value: Value) {
        match self.find(&key) {
            Err(place) => self.0.insert(place, (key, value)),
            Ok(place) => {
                if let Some(entry) = self.0.get_mut(place) {
                    entry.1 = value;
                }
            }
        }
    }

    fn find(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(name, _)| name.as_str().cmp(key))
    }
}

/// `LABELS` is the one structure within the structure.
const DEEPEST: usize = 2;

// Field numbers of Struct, of an entry of its map, and of Value.
const FIELDS: u64 = 1;
const KEY: u64 = 1;
const VALUE: u64 = 2;
const STRING_VALUE: u64 = 3;
const STRUCT_VALUE: u64 = 5;

// Wire types.
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;
const FIXED32: u64 = 5;

/// The structure in a message, or nothing if it is not one.
pub fn decode(message: &[u8]) -> Option<Structure> {
    decode_at(message, DEEPEST)
}

fn decode_at(message: &[u8], depth: usize) -> Option<Structure> {
    let mut structure = Structure::default();
    let mut fields = Fields(message);
    while let Some((number, content)) = fields.next()? {
        if number != FIELDS {
            continue;
        }
        if let (key, Some(value)) = decode_entry(content, depth)? {
            structure.insert(key, value);
        }
    }
    Some(structure)
}

fn decode_entry(message: &[u8], depth: usize) -> Option<(String, Option<Value>)> {
    let (mut key, mut value) = (String::new(), None);
    let mut fields = Fields(message);
    while let Some((number, content)) = fields.next()? {
        match number {
            KEY => key = text(content)?,
            VALUE => value = decode_value(content, depth)?,
            _ => {}
        }
    }
    Some((key, value))
}

/// The outer option is whether the message can be read, the inner whether it is a value that metadata has.
fn decode_value(message: &[u8], depth: usize) -> Option<Option<Value>> {
    let mut value = None;
    let mut fields = Fields(message);
    while let Some((number, content)) = fields.next()? {
        value = match number {
            STRING_VALUE => Some(Value::Text(text(content)?)),
            STRUCT_VALUE if depth > 1 => Some(Value::Structure(decode_at(content, depth - 1)?)),
            _ => None,
        };
    }
    Some(value)
}

fn text(content: &[u8]) -> Option<String> {
    String::from_utf8(content.to_vec()).ok()
}

/// The fields of a message that is read from the front.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The next field's number and content (empty for numbers); the outer option is whether the message can be read,
    /// the inner whether there is one more field.
    fn next(&mut self) -> Option<Option<(u64, &'a [u8])>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let tag = self.varint()?;
        let content = match tag & 7 {
            VARINT => self.varint().map(|_| &[][..]),
            FIXED64 => self.take(8).map(|_| &[][..]),
            LENGTH_DELIMITED => {
                let size = usize::try_from(self.varint()?).ok()?;
                self.take(size)
            }
            FIXED32 => self.take(4).map(|_| &[][..]),
            _ => None,
        };
        Some(Some((tag >> 3, content?)))
    }

    fn take(&mut self, size: usize) -> Option<&'a [u8]> {
        let (content, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(content)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;
    use prost_types::value::Kind;

    use super::*;

    /// The same structure as `prost` has it; what metadata does not consist of is left out.
    fn known(message: &prost_types::Struct, depth: usize) -> Structure {
        let mut structure = Structure::default();
        for (key, value) in &message.fields {
            match &value.kind {
                Some(Kind::StringValue(text)) => structure.insert(key.clone(), Value::Text(text.clone())),
                Some(Kind::StructValue(inner)) if depth > 1 => {
                    structure.insert(key.clone(), Value::Structure(known(inner, depth - 1)));
                }
                _ => {}
            }
        }
        structure
    }

    fn kind() -> impl Strategy<Value = Kind> {
        let leaf = prop_oneof![
            any::<String>().prop_map(Kind::StringValue),
            any::<f64>().prop_map(Kind::NumberValue),
            any::<bool>().prop_map(Kind::BoolValue),
            Just(Kind::NullValue(0)),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let values = prop::collection::vec(inner.clone(), 0..3);
            prop_oneof![
                structure_of(inner).prop_map(Kind::StructValue),
                values.prop_map(|kinds| {
                    let values = kinds.into_iter().map(|kind| prost_types::Value { kind: Some(kind) });
                    Kind::ListValue(prost_types::ListValue { values: values.collect() })
                }),
            ]
        })
    }

    fn structure_of(kind: impl Strategy<Value = Kind>) -> impl Strategy<Value = prost_types::Struct> {
        prop::collection::btree_map(any::<String>(), kind, 0..5).prop_map(|kinds| {
            let values = kinds.into_iter().map(|(key, kind)| (key, prost_types::Value { kind: Some(kind) }));
            prost_types::Struct { fields: values.collect() }
        })
    }

    proptest! {
        #[test]
        fn what_prost_writes_is_read(message in structure_of(kind())) {
            let structure = decode(&message.encode_to_vec()).unwrap();
            prop_assert_eq!(&structure, &known(&message, DEEPEST));
        }

        #[test]
        fn no_bytes_end_the_machine(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }

        #[test]
        fn a_damaged_message_is_refused_or_read(message in structure_of(kind()), place: prop::sample::Index, byte: u8) {
            let mut bytes = message.encode_to_vec();
            if !bytes.is_empty() {
                let place = place.index(bytes.len());
                bytes[place] = byte;
                let _ = decode(&bytes);
                let _ = decode(&bytes[..place]);
            }
        }
    }

    #[test]
    fn of_a_repeated_key_the_last_value_counts() {
        let of = |text: &str| {
            let kind = Some(Kind::StringValue(text.into()));
            let fields = [("key".into(), prost_types::Value { kind })].into();
            prost_types::Struct { fields }
        };
        let bytes = [of("first").encode_to_vec(), of("second").encode_to_vec()].concat();
        assert_eq!(decode(&bytes), Some(known(&of("second"), DEEPEST)));
    }

    #[test]
    fn text_that_is_not_utf8_is_no_message() {
        assert_eq!(decode(b"\x0a\x08\x0a\x01a\x12\x03\x1a\x01\xe9"), None);
    }
}
