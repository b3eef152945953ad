//! Protobuf messages, as far as arguments of the host need them.

/// An encoded message, field by field.
#[derive(Default)]
pub struct Message(Vec<u8>);

impl Message {
    /// A field of bytes, a text or a message.
    pub fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        // Sizes are those of a 32 bit machine.
        self.varint(value.len() as u32);
        self.0.extend(value);
        self
    }

    /// A field of an unsigned integer, boolean or enumeration.
    pub fn number(mut self, field: u32, value: u32) -> Self {
        self.varint(field << 3);
        self.varint(value);
        self
    }

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
