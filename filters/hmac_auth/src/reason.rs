//! Why a request was refused.

/// What could be wrong with a thing that a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not there.
    Missing,
    /// It is there more than once, so that somebody else could take another one for it.
    Repeated,
    /// It is not in the form that it must have.
    Malformed,
}

/// A refusal. Its code stands in the response code details and in an attribute; the client does not learn it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Reason {
    NoRule,
    PathNotNormal,
    Signature(Fault),
    SignatureMismatch,
    KeyId(Fault),
    KeyUnknown,
    KeyNotYetValid,
    KeyExpired,
    Timestamp(Fault),
    TimestampTooOld,
    TimestampInFuture,
    Nonce(Fault),
    Replayed,
    ReplayStoreFull,
    ContentDigest(Fault),
    ContentDigestUnsupported,
    ContentDigestMismatch,
    SignedHeaderMissing,
    PartAmbiguous,
    BodyTooLarge,
    HostFailure,
}

impl Reason {
    /// The code, behind `lateen_hmac_auth_` in the details.
    pub fn code(self) -> &'static str {
        use Fault::{Malformed, Missing, Repeated};
        match self {
            Self::NoRule => "no_rule",
            Self::PathNotNormal => "path_not_normal",
            Self::Signature(Missing) => "signature_missing",
            Self::Signature(Repeated) => "signature_repeated",
            Self::Signature(Malformed) => "signature_malformed",
            Self::SignatureMismatch => "signature_mismatch",
            Self::KeyId(Missing) => "key_id_missing",
            Self::KeyId(Repeated) => "key_id_repeated",
            Self::KeyId(Malformed) => "key_id_malformed",
            Self::KeyUnknown => "key_unknown",
            Self::KeyNotYetValid => "key_not_yet_valid",
            Self::KeyExpired => "key_expired",
            Self::Timestamp(Missing) => "timestamp_missing",
            Self::Timestamp(Repeated) => "timestamp_repeated",
            Self::Timestamp(Malformed) => "timestamp_malformed",
            Self::TimestampTooOld => "timestamp_too_old",
            Self::TimestampInFuture => "timestamp_in_future",
            Self::Nonce(Missing) => "nonce_missing",
            Self::Nonce(Repeated) => "nonce_repeated",
            Self::Nonce(Malformed) => "nonce_malformed",
            Self::Replayed => "replayed",
            Self::ReplayStoreFull => "replay_store_full",
            Self::ContentDigest(Missing) => "content_digest_missing",
            Self::ContentDigest(Repeated) => "content_digest_repeated",
            Self::ContentDigest(Malformed) => "content_digest_malformed",
            Self::ContentDigestUnsupported => "content_digest_unsupported",
            Self::ContentDigestMismatch => "content_digest_mismatch",
            Self::SignedHeaderMissing => "signed_header_missing",
            Self::PartAmbiguous => "part_ambiguous",
            Self::BodyTooLarge => "body_too_large",
            Self::HostFailure => "host_failure",
        }
    }

    /// The status of the answer: 401 where another signature would have helped.
    pub fn status(self) -> u32 {
        match self {
            Self::PathNotNormal => 400,
            Self::NoRule => 403,
            Self::BodyTooLarge => 413,
            Self::ReplayStoreFull | Self::HostFailure => 503,
            _ => 401,
        }
    }
}
