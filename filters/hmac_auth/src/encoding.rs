//! How signatures, digests and keys are written as text.

use alloc::string::String;
use alloc::vec::Vec;

use base64ct::{Base64Unpadded, Encoding as _};

/// A way to write bytes as text. Of both alphabets of base64 only one is in the module: the other has two other signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal digits of either case; lower case where it is written.
    Hex,
    /// Standard base64, with padding or without; with it where it is written.
    Base64,
    /// Base64 for URLs, with padding or without; without it where it is written.
    Base64Url,
}

impl Encoding {
    /// The bytes of a text, or nothing if it is not one of this encoding.
    pub fn decode(self, text: &[u8]) -> Option<Vec<u8>> {
        if self == Self::Hex {
            return base16ct::mixed::decode_vec(text).ok();
        }
        let mut digits = unpadded(text)?.to_vec();
        if self == Self::Base64Url {
            for digit in &mut digits {
                *digit = match *digit {
                    b'-' => b'+',
                    b'_' => b'/',
                    b'+' | b'/' => b'=', // which is no digit
                    same => same,
                };
            }
        }
        Base64Unpadded::decode_vec(core::str::from_utf8(&digits).ok()?).ok()
    }

    /// The text of bytes.
    pub fn encode(self, bytes: &[u8]) -> String {
        if self == Self::Hex {
            return base16ct::lower::encode_string(bytes);
        }
        let mut text = Base64Unpadded::encode_string(bytes);
        if self == Self::Base64Url {
            let signs = text.chars().map(|sign| match sign {
                '+' => '-',
                '/' => '_',
                same => same,
            });
            return signs.collect();
        }
        while text.len() % 4 > 0 {
            text.push('=');
        }
        text
    }
}

/// Base64 without its padding, which may be left out but not be wrong.
fn unpadded(text: &[u8]) -> Option<&[u8]> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let digits = text.get(..text.len() - padding)?;
    match padding {
        0 => Some(digits),
        1 | 2 if text.len() % 4 == 0 => Some(digits),
        _ => None,
    }
}

/// A text of a URL with `%41` and the like resolved; `+` is a plus. Nothing if a percent sign stands for no byte.
pub fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first == b'%' {
            let (digits, tail) = tail.split_at_checked(2)?;
            bytes.extend(base16ct::mixed::decode_vec(digits).ok()?);
            rest = tail;
        } else {
            bytes.push(*first);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Encoding; 3] = [Encoding::Hex, Encoding::Base64, Encoding::Base64Url];

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes: Vec<u8>) {
            for encoding in ALL {
                let text = encoding.encode(&bytes);
                let read = encoding.decode(text.as_bytes());
                prop_assert_eq!(read.as_ref(), Some(&bytes));
                prop_assert_eq!(encoding.decode(text.trim_end_matches('=').as_bytes()), read);
            }
        }

        #[test]
        fn no_text_ends_the_machine(text: Vec<u8>) {
            for encoding in ALL {
                let _ = encoding.decode(&text);
            }
            let _ = percent_decoded(&text);
        }
    }

    #[test]
    fn what_belongs_to_another_encoding_is_refused() {
        assert_eq!(Encoding::Hex.decode(b"0G"), None);
        assert_eq!(Encoding::Hex.decode(b"abc"), None);
        assert_eq!(Encoding::Base64.decode(b"-_-_"), None);
        assert_eq!(Encoding::Base64Url.decode(b"+/+/"), None);
        for padding in ["YQ=", "YQ===", "YWI==", "YWJj====", "=", "YQ =", "Y", "YR=="] {
            assert_eq!(Encoding::Base64.decode(padding.as_bytes()), None, "{padding}");
        }
    }

    #[test]
    fn percent_signs_stand_for_bytes() {
        assert_eq!(percent_decoded(b"a%2Bb+%3d").as_deref(), Some(&b"a+b+="[..]));
        for wrong in ["%", "%4", "%zz"] {
            assert_eq!(percent_decoded(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
