//! The ABI's encoding of header maps: a count, the sizes of each name and value, then both, each with a NUL behind it.
//! Numbers are 32 bits, little endian.

use alloc::vec::Vec;

use crate::Headers;

/// An encoded map, read where it lies: a filter that only looks copies nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs(Vec<u8>);

impl Pairs {
    /// The map in `data`, or nothing if a size points beyond its end.
    #[must_use]
    pub fn new(data: Vec<u8>) -> Option<Self> {
        let (count, _) = number(&data)?;
        let pairs = Self(data);
        (pairs.iter().count() == count).then_some(pairs)
    }

    /// Names and values in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        let split = number(&self.0).and_then(|(count, rest)| rest.split_at_checked(count.checked_mul(8)?));
        let (mut sizes, mut content) = split.unwrap_or_default();
        core::iter::from_fn(move || {
            let (name, value);
            (name, sizes) = number(sizes)?;
            (value, sizes) = number(sizes)?;
            let (first, second);
            (first, content) = text(content, name)?;
            (second, content) = text(content, value)?;
            Some((first, second))
        })
    }

    /// Every value of a name, in the order of the message.
    pub fn values<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a, 'n> {
        self.iter().filter(move |(n, _)| *n == name.as_bytes()).map(|(_, value)| value)
    }

    /// A copy of each name and value.
    #[must_use]
    pub fn to_headers(&self) -> Headers {
        self.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
    }
}

/// The pairs in `data`, or nothing if a size points beyond its end.
pub fn decode(data: &[u8]) -> Option<Headers> {
    Pairs::new(data.to_vec()).map(|pairs| pairs.to_headers())
}

/// The encoding of `pairs`.
pub fn encode<N: AsRef<[u8]>, V: AsRef<[u8]>>(pairs: &[(N, V)]) -> Vec<u8> {
    let mut data = size(pairs.len()).to_vec();
    for (name, value) in pairs {
        data.extend(size(name.as_ref().len()));
        data.extend(size(value.as_ref().len()));
    }
    for (name, value) in pairs {
        for part in [name.as_ref(), value.as_ref()] {
            data.extend(part);
            data.push(0);
        }
    }
    data
}

/// Sizes are those of a 32 bit machine, so nothing is cut off.
fn size(value: usize) -> [u8; 4] {
    (value as u32).to_le_bytes()
}

fn number(data: &[u8]) -> Option<(usize, &[u8])> {
    let (bytes, rest) = data.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*bytes)).ok()?, rest))
}

fn text(data: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let (text, rest) = data.split_at_checked(size)?;
    Some((text, rest.split_first()?.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_header_keeps_all_its_values_in_order() {
        let pairs = [("x-a", "1"), ("x-b", ""), ("x-a", "2")];
        let decoded = decode(&encode(&pairs)).unwrap();
        let expected: Headers = pairs.map(|(n, v)| (n.into(), v.into())).to_vec();
        assert_eq!(decoded, expected);
    }

    #[test]
    fn a_map_is_read_where_it_lies() {
        let pairs = Pairs::new(encode(&[("x-a", "1"), ("x-b", ""), ("x-a", "2")])).unwrap();
        assert_eq!(pairs.values("x-a").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(pairs.iter().last().unwrap(), (&b"x-a"[..], &b"2"[..]));
        assert_eq!(Pairs::default().iter().count(), 0);
    }

    #[test]
    fn no_headers_are_no_pairs() {
        assert_eq!(decode(&encode::<&str, &str>(&[])), Some(Headers::new()));
    }

    #[test]
    fn truncated_data_is_no_map() {
        let data = encode(&[("name", "value"), ("other", "more")]);
        for end in 0..data.len() {
            assert_eq!(decode(&data[..end]), None, "{end} bytes");
        }
    }

    #[test]
    fn a_count_or_size_beyond_the_data_is_no_map() {
        assert_eq!(decode(&u32::MAX.to_le_bytes()), None);
        let mut data = encode(&[("n", "v")]);
        data[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(decode(&data), None);
    }
}
