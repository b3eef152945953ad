//! `Content-Digest` (RFC 9530): what a request says its content hashes to.

use alloc::vec::Vec;

use crate::encoding::Encoding;
use crate::mac::{Algorithm, Hash};
use crate::reason::{Fault, Reason};
use crate::request::{split, Request};

/// The header.
pub const HEADER: &str = "content-digest";

/// Hashes under way and what they must become.
pub type Claims = Vec<(Hash, Vec<u8>)>;

/// What a request claims, for each algorithm that is known and still counts as secure (`sha-256`, `sha-512`). All of
/// them must hold; others are passed over, but one must be left. An algorithm counts once: each claim hashes the whole
/// body, and that before anybody has shown a key.
pub fn claims(request: &Request) -> Result<Claims, Reason> {
    let value = request.single(HEADER).map_err(Reason::ContentDigest)?;
    let mut claims = Claims::new();
    for member in value.split(|byte| *byte == b',') {
        let (name, digest) = split(member.trim_ascii(), b'=');
        let (algorithm, size) = match name {
            b"sha-256" => (Algorithm::Sha256, 32),
            b"sha-512" => (Algorithm::Sha512, 64),
            _ => continue,
        };
        let text = digest.and_then(|digest| digest.strip_prefix(b":")?.strip_suffix(b":"));
        let bytes = text.and_then(|text| Encoding::Base64.decode(text)).filter(|bytes| bytes.len() == size);
        if claims.iter().any(|(_, claimed)| claimed.len() == size) {
            return Err(Reason::ContentDigest(Fault::Repeated));
        }
        claims.push((Hash::new(algorithm), bytes.ok_or(Reason::ContentDigest(Fault::Malformed))?));
    }
    if claims.is_empty() {
        return Err(Reason::ContentDigestUnsupported);
    }
    Ok(claims)
}

/// Whether all claims hold for the bytes that their hashes have seen.
pub fn hold(claims: Claims) -> bool {
    claims.into_iter().all(|(hash, claimed)| hash.finish() == claimed)
}

#[cfg(test)]
mod tests {
    use lateen_sdk::pairs::{encode, Pairs};

    use super::*;

    /// Whether the content has the digests of the header.
    fn check(header: &str, content: &[u8]) -> Result<bool, Reason> {
        let headers = Pairs::new(encode(&[(HEADER, header)])).unwrap();
        let mut claims = claims(&Request::new(&headers))?;
        for (hash, _) in &mut claims {
            hash.update(content);
        }
        Ok(hold(claims))
    }

    const SHA256: &str = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
    const SHA512: &str =
        "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";

    #[test]
    fn the_examples_of_rfc_9530_hold() {
        assert_eq!(check(SHA256, br#"{"hello": "world"}"#), Ok(true));
        assert_eq!(
            check("sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:", b"{\"hello\": \"world\"}\n"),
            Ok(true)
        );
        assert_eq!(check(SHA512, br#"{"hello": "world"}"#), Ok(true));
        assert_eq!(check(&format!("{SHA256}, {SHA512}"), br#"{"hello": "world"}"#), Ok(true));
        assert_eq!(check("sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:", b""), Ok(true));
    }

    #[test]
    fn every_claim_must_hold() {
        assert_eq!(check(SHA256, b"other"), Ok(false));
        let half = SHA512.replace("WZDP", "WZDQ");
        assert_eq!(check(&format!("{SHA256},{half}"), br#"{"hello": "world"}"#), Ok(false));
    }

    #[test]
    fn an_algorithm_comes_once() {
        let twice = format!("{SHA256}, {SHA512}, {SHA256}");
        assert_eq!(check(&twice, br#"{"hello": "world"}"#), Err(Reason::ContentDigest(Fault::Repeated)));
    }

    #[test]
    fn other_algorithms_do_not_count() {
        assert_eq!(check(&format!("md5=:AAAA:, {SHA256}"), br#"{"hello": "world"}"#), Ok(true));
        assert_eq!(check("sha=:AAAA:", b""), Err(Reason::ContentDigestUnsupported));
        assert_eq!(check("", b""), Err(Reason::ContentDigestUnsupported));
    }

    #[test]
    fn other_forms_are_malformed() {
        for header in ["sha-256", "sha-256=X48E", "sha-256=:X48E:", "sha-256=:X48E9q!:", &SHA256[..SHA256.len() - 1]] {
            assert_eq!(check(header, b""), Err(Reason::ContentDigest(Fault::Malformed)), "{header}");
        }
    }
}
