//! Keyed and plain hashes of SHA-2, fed piece by piece.

use alloc::vec::Vec;

use hmac::digest::{CtOutput, Update};
use hmac::{Hmac, KeyInit, Mac as _};
use sha2::{Digest, Sha256, Sha512};

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// An HMAC (RFC 2104) under way; a fresh one that is cloned saves hashing the key again.
#[derive(Clone)]
pub enum Mac {
    /// HMAC-SHA-256.
    Sha256(Hmac<Sha256>),
    /// HMAC-SHA-512.
    Sha512(Hmac<Sha512>),
}

impl Mac {
    /// An HMAC with a key of any length.
    pub fn new(algorithm: Algorithm, key: &[u8]) -> Option<Self> {
        Some(match algorithm {
            Algorithm::Sha256 => Self::Sha256(Hmac::new_from_slice(key).ok()?),
            Algorithm::Sha512 => Self::Sha512(Hmac::new_from_slice(key).ok()?),
        })
    }

    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(mac) => Update::update(mac, bytes),
            Self::Sha512(mac) => Update::update(mac, bytes),
        }
    }

    /// The code of all bytes.
    pub fn finish(self) -> Code {
        match self {
            Self::Sha256(mac) => Code::Sha256(mac.finalize()),
            Self::Sha512(mac) => Code::Sha512(mac.finalize()),
        }
    }
}

/// An authentication code. It is compared in a time that does not depend on where two differ.
pub enum Code {
    /// 32 bytes.
    Sha256(CtOutput<Hmac<Sha256>>),
    /// 64 bytes.
    Sha512(CtOutput<Hmac<Sha512>>),
}

impl Code {
    /// Whether a signature is this code.
    pub fn is(&self, signature: &[u8]) -> bool {
        match self {
            Self::Sha256(code) => signature.try_into().is_ok_and(|other| *code == CtOutput::new(other)),
            Self::Sha512(code) => signature.try_into().is_ok_and(|other| *code == CtOutput::new(other)),
        }
    }

    /// The bytes, for those who do not compare them.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Sha256(code) => code.into_bytes().to_vec(),
            Self::Sha512(code) => code.into_bytes().to_vec(),
        }
    }
}

/// A hash under way.
#[derive(Clone)]
pub enum Hash {
    /// SHA-256.
    Sha256(Sha256),
    /// SHA-512.
    Sha512(Sha512),
}

impl Hash {
    /// A hash of nothing yet.
    pub fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => Digest::update(hash, bytes),
            Self::Sha512(hash) => Digest::update(hash, bytes),
        }
    }

    /// The digest of all bytes.
    pub fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha256(hash) => hash.finalize().to_vec(),
            Self::Sha512(hash) => hash.finalize().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(algorithm: Algorithm, key: &[u8], text: &[u8]) -> String {
        let mut mac = Mac::new(algorithm, key).unwrap();
        for piece in text.chunks(7) {
            mac.update(piece);
        }
        base16ct::lower::encode_string(&mac.finish().into_bytes())
    }

    #[test]
    fn the_vectors_of_rfc_4231_hold() {
        let long = [0xaa; 131];
        let mixed: Vec<u8> = (1..=25).collect();
        let vectors: [(&[u8], &[u8], &str, &str); 6] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
                "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
            ),
            (
                &mixed,
                &[0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
                "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3dba91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
            ),
            (
                &long,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
                "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
            ),
            (
                &long,
                b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
                "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
            ),
        ];
        for (key, text, sha256, sha512) in vectors {
            assert_eq!(code(Algorithm::Sha256, key, text), sha256);
            assert_eq!(code(Algorithm::Sha512, key, text), sha512);
        }
    }

    #[test]
    fn a_code_is_its_bytes_and_no_others() {
        let code = |key: &[u8]| Mac::new(Algorithm::Sha256, key).unwrap().finish();
        let bytes = code(b"a").into_bytes();
        assert!(code(b"a").is(&bytes));
        assert!(!code(b"b").is(&bytes));
        assert!(!code(b"a").is(&bytes[..31]));
        assert!(!code(b"a").is(&[bytes.as_slice(), &[0]].concat()));
        assert!(!code(b"a").is(&[]));
    }
}
