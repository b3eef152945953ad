//! Protobuf messages, as far as a filter of a few kilobytes needs them: fields one by one, written and read.

use alloc::vec::Vec;

/// An encoded message, field by field.
#[derive(Clone, Debug, Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// A field of bytes, a text or a message.
    #[must_use]
    pub fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.varint(field << 3 | BYTES);
        // Sizes are those of a 32 bit machine, so nothing is cut off.
        self.varint(value.len() as u32);
        self.0.extend(value);
        self
    }

    /// A field of an unsigned integer, a boolean or an enumeration.
    #[must_use]
    pub fn number(mut self, field: u32, value: u32) -> Self {
        self.varint(field << 3 | VARINT);
        self.varint(value);
        self
    }

    /// A field that is a message.
    #[must_use]
    pub fn message(self, field: u32, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    /// The bytes of the message.
    #[must_use]
    pub fn encoded(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// The content of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// An integer, a boolean or an enumeration.
    Number(u64),
    /// Bytes, a text, a message or packed numbers.
    Bytes(&'a [u8]),
    /// Four or eight bytes of a number of fixed size.
    Fixed(&'a [u8]),
}

impl<'a> Value<'a> {
    /// The bytes, if that is what the field has.
    #[must_use]
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The number, if that is what the field has.
    #[must_use]
    pub fn number(self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }
}

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;

/// The fields of a message in its order, a repeated one as often as it is there; nothing if the bytes are no message.
#[must_use]
pub fn fields(mut data: &[u8]) -> Option<Vec<(u32, Value<'_>)>> {
    let mut fields = Vec::new();
    while !data.is_empty() {
        let (tag, value);
        (tag, data) = varint(data)?;
        let tag = u32::try_from(tag).ok()?;
        (value, data) = match tag & 7 {
            VARINT => varint(data).map(|(number, rest)| (Value::Number(number), rest))?,
            FIXED64 => data.split_at_checked(8).map(|(bytes, rest)| (Value::Fixed(bytes), rest))?,
            FIXED32 => data.split_at_checked(4).map(|(bytes, rest)| (Value::Fixed(bytes), rest))?,
            BYTES => {
                let (size, rest) = varint(data)?;
                let (bytes, rest) = rest.split_at_checked(usize::try_from(size).ok()?)?;
                (Value::Bytes(bytes), rest)
            }
            _ => return None,
        };
        fields.push((tag >> 3, value));
    }
    Some(fields)
}

fn varint(data: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (place, byte) in data.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, data.get(place + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let long = vec![7; 300];
        let inner = Message::default().bytes(1, b"a").number(2, 300);
        let message = Message::default().message(3, &inner).bytes(200, &long).number(4, u32::MAX).encoded();
        let inner = inner.encoded();
        let expected =
            [(3, Value::Bytes(inner.as_slice())), (200, Value::Bytes(&long)), (4, Value::Number(u32::MAX.into()))];
        assert_eq!(fields(&message).unwrap(), expected);
    }

    #[test]
    fn numbers_of_fixed_size_are_passed_over() {
        let message = [0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x15, 1, 2, 3, 4, 0x18, 1];
        let found = fields(&message).unwrap();
        assert_eq!(found.last(), Some(&(3, Value::Number(1))));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn truncated_and_broken_bytes_are_no_message() {
        let message = Message::default().bytes(1, b"name").number(2, 300).encoded();
        let whole = [0, 6, message.len()];
        for end in (0..=message.len()).filter(|end| !whole.contains(end)) {
            assert_eq!(fields(&message[..end]), None, "{end} bytes");
        }
        assert_eq!(fields(&[0x0b]), None);
        assert_eq!(fields(&[0xff; 11]), None);
        assert_eq!(fields(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]), None);
    }
}
