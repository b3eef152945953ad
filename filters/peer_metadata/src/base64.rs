//! Standard base64, as metadata travels in it; a crate for it would be a fifth of the module (docs/decisions/004).

use alloc::vec::Vec;

/// The bytes in `text`, or nothing if it is not base64. Padding may be left out, but not be wrong; bits that belong to
/// no byte are zero.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    if padding > 2 || (padding > 0 && text.len() % 4 > 0) {
        return None;
    }
    let (digits, _) = text.split_at_checked(text.len() - padding)?;
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let bits = group.iter().try_fold(0, |bits, digit| Some((bits << 6) | value(*digit)?))?;
        let [_, first, second, third] = u32::to_be_bytes(bits << (6 * (4 - group.len())));
        match (group.len(), second, third) {
            (4, ..) => bytes.extend([first, second, third]),
            (3, _, 0) => bytes.extend([first, second]),
            (2, 0, 0) => bytes.push(first),
            _ => return None,
        }
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use base64::prelude::{Engine, BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    /// What the crate reads with all of the padding or with none.
    fn oracle(text: &str) -> Option<Vec<u8>> {
        BASE64_STANDARD.decode(text).or_else(|_| BASE64_STANDARD_NO_PAD.decode(text)).ok()
    }

    proptest! {
        #[test]
        fn what_the_crate_writes_is_read(bytes: Vec<u8>) {
            for text in [BASE64_STANDARD.encode(&bytes), BASE64_STANDARD_NO_PAD.encode(&bytes)] {
                prop_assert_eq!(decode(text.as_bytes()), Some(bytes.clone()));
            }
        }

        #[test]
        fn text_is_read_or_refused_as_by_the_crate(text in "[A-Ba-b0-1+/=_ ]{0,9}") {
            prop_assert_eq!(decode(text.as_bytes()), oracle(&text));
        }

        #[test]
        fn no_bytes_end_the_machine(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
