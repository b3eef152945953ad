//! The ABI's encoding of header maps: a count, the sizes of each name and value, then both, each with a NUL behind it.
//! Numbers are 32 bits, little endian.

use crate::Headers;

/// The pairs in `data`, or nothing if a size points beyond its end.
pub fn decode(data: &[u8]) -> Option<Headers> {
    let (count, rest) = number(data)?;
    let (mut sizes, mut content) = rest.split_at_checked(count.checked_mul(8)?)?;
    let mut pairs = Headers::new();
    while !sizes.is_empty() {
        let (name, value);
        (name, sizes) = number(sizes)?;
        (value, sizes) = number(sizes)?;
        let (first, second);
        (first, content) = text(content, name)?;
        (second, content) = text(content, value)?;
        pairs.push((first.to_vec(), second.to_vec()));
    }
    Some(pairs)
}

/// The encoding of `pairs`.
pub fn encode<V: AsRef<[u8]>>(pairs: &[(&str, V)]) -> Vec<u8> {
    let mut data = size(pairs.len()).to_vec();
    for (name, value) in pairs {
        data.extend(size(name.len()));
        data.extend(size(value.as_ref().len()));
    }
    for (name, value) in pairs {
        for part in [name.as_bytes(), value.as_ref()] {
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
    fn no_headers_are_no_pairs() {
        assert_eq!(decode(&encode::<&str>(&[])), Some(Headers::new()));
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
