//! The CMS wrapper: who signed. SignedData, certificate chain, timestamp.
//!
//! Apple's blob is BER with indefinite lengths. A name in a certificate counts only when the chain's signatures verify up to a trusted root
//! (TN3127): anyone can mint Apple's extension OIDs.
//!
//! Left out: revocation, and validity dates against the present (a reader has no clock; macOS accepts an expired certificate when the timestamp
//! falls into its validity, see [`Cms::was_valid_when_stamped`]).

pub(in crate::read) mod ber;
mod certificate;
mod keys;
#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::arithmetic_side_effects)]
pub(in crate::read) mod practice;
mod signed_data;
#[cfg(test)]
mod tests;
mod timestamp;
mod trust;

use super::ReadError;
use serde::{Deserialize, Serialize};

/// What a certificate of the chain says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Subject common name.
    pub common_name: Option<String>,
    /// Subject organizational unit: the team of an Apple-issued leaf.
    pub organizational_unit: Option<String>,
    /// Subject organization.
    pub organization: Option<String>,
    /// SHA-256 of the DER bytes.
    pub sha256: [u8; 32],
    /// notBefore, seconds since 1970 UTC.
    pub not_before: i64,
    /// notAfter, seconds since 1970 UTC.
    pub not_after: i64,
    /// Extension OIDs in dotted form.
    pub extensions: Vec<String>,
    /// Extended key usages in dotted form; `None` without that extension.
    pub purposes: Option<Vec<String>>,
    /// The DER bytes.
    #[serde(skip)]
    pub der: Vec<u8>,
}

/// A parsed CMS SignedData.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cms {
    /// Certificates: leaf first, then its issuers as far as they are embedded.
    pub chain: Vec<Certificate>,
    /// The signer info's signature over its signed attributes verifies with the leaf's key.
    pub signature_verifies: bool,
    /// The messageDigest attribute equals the digest of the primary CodeDirectory.
    pub digest_matches: bool,
    /// The cdhash attributes (1.2.840.113635.100.9.1/.2) name directories that are there, no others, and together all; `None` when there are none.
    pub cdhashes_match: Option<bool>,
    /// Time of the secure timestamp token (unsigned attribute), seconds since 1970 UTC.
    pub timestamp: Option<i64>,
    /// The secure timestamp token, checked against the signer's signature; `None` when there is none or its time cannot be read.
    pub timestamp_token: Option<Timestamp>,
    /// The token holds in itself (see [`Timestamp::verifies`]); `None` without a token. Whose it is, [`timestamp_chain`] tells.
    pub timestamp_verifies: Option<bool>,
    /// Signing-time attribute (local clock, worthless to notarization), seconds since 1970 UTC.
    pub signing_time: Option<i64>,
    /// Length of the CMS blob in bytes.
    pub length: usize,
    /// Parts that could not be read.
    pub faults: Vec<ReadError>,
}

impl Cms {
    /// Every certificate of the chain was valid at the time of the secure timestamp; `None` without one that verifies.
    pub fn was_valid_when_stamped(&self) -> Option<bool> {
        let stamp = self.timestamp_token.as_ref().filter(|stamp| stamp.verifies())?;
        Some(!self.chain.is_empty() && self.chain.iter().all(|certificate| certificate.is_valid_at(stamp.time)))
    }
}

/// An RFC 3161 timestamp token over the signer's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timestamp {
    /// genTime, seconds since 1970 UTC.
    pub time: i64,
    /// The stamper's certificate, then its issuers as far as they are embedded.
    pub chain: Vec<Certificate>,
    /// The stamper's signature over the token's signed attributes verifies.
    pub signature_verifies: bool,
    /// The token's messageDigest attribute equals the digest of its TSTInfo.
    pub digest_matches: bool,
    /// The TSTInfo's messageImprint equals the digest of the signature that was stamped.
    pub imprint_matches: bool,
    /// `time` lies in the validity of every certificate of `chain`.
    pub is_within_validity: bool,
    /// The stamper's certificate has the extended key usage `timeStamping`.
    pub is_for_timestamping: bool,
    /// Parts that could not be read.
    pub faults: Vec<ReadError>,
}

impl Timestamp {
    /// Signature, digest, imprint, validity and purpose hold. The chain's links and its root are not part of it.
    pub fn verifies(&self) -> bool {
        self.signature_verifies && self.digest_matches && self.imprint_matches && self.is_within_validity && self.is_for_timestamping
    }
}

/// A chain followed to its root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedChain {
    /// Leaf first. With its root at the end when it is trusted, even if the root is not embedded; otherwise as embedded.
    pub certificates: Vec<Certificate>,
    /// The last certificate is a root (it issued itself).
    pub is_complete: bool,
    /// Every link verifies up to one of Apple's roots or an extra one.
    pub is_trusted: bool,
    /// A link does not verify: a certificate was changed, or is not one that may issue others.
    pub is_broken: bool,
    /// Name of the extra root; `None` for Apple's own.
    pub anchor: Option<String>,
    /// Why the chain is not trusted.
    pub problem: Option<String>,
}

/// Who signed, judged by the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SignerKind {
    /// Apple's own code.
    Apple,
    /// Re-signed by the App Store.
    AppStore,
    /// TestFlight.
    TestFlight,
    /// Developer ID Application.
    DeveloperId,
    /// Apple Development, Mac Developer.
    AppleDevelopment,
    /// Apple Distribution, 3rd Party Mac Developer Application.
    AppleDistribution,
    /// A certificate that does not lead to a trusted root and issued itself.
    SelfSigned,
    /// No CMS, flag `adhoc`.
    AdHoc,
    /// No CMS, flag `linker-signed`.
    LinkerSigned,
    /// No signature.
    Unsigned,
    /// A chain to a root that is not trusted, or one with a broken link.
    Other,
}

impl SignerKind {
    /// The word of the JSON report.
    pub fn word(self) -> &'static str {
        match self {
            SignerKind::Apple => "apple",
            SignerKind::AppStore => "app-store",
            SignerKind::TestFlight => "testflight",
            SignerKind::DeveloperId => "developer-id",
            SignerKind::AppleDevelopment => "apple-development",
            SignerKind::AppleDistribution => "apple-distribution",
            SignerKind::SelfSigned => "self-signed",
            SignerKind::AdHoc => "ad-hoc",
            SignerKind::LinkerSigned => "linker-signed",
            SignerKind::Unsigned => "unsigned",
            SignerKind::Other => "other",
        }
    }
}

/// Roots that count: Apple's, pinned by SHA-256, and those the user named.
#[derive(Debug, Clone, Default)]
pub struct TrustAnchors {
    /// Extra roots: (display name, DER).
    pub extra: Vec<(String, Vec<u8>)>,
}

/// The verdict on a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signer {
    /// Kind.
    pub kind: SignerKind,
    /// Leaf's common name.
    pub name: Option<String>,
    /// Team that counts for library validation: the leaf's OU of an Apple-issued (or anchored) certificate; `None` otherwise.
    pub team: Option<String>,
    /// Name of the extra root the chain ended in; `None` for Apple's own.
    pub anchor: Option<String>,
    /// Why the chain does not count, when it does not ("the chain ends in …, which is not trusted", "certificate 1 is not signed by …").
    pub problem: Option<String>,
}

/// Parses the CMS bytes (without the blob wrapper's 8-byte header). `directories`: (raw CodeDirectory blob bytes) in slot order, the primary first.
///
/// An error when the outer structure is not a SignedData with a signer; a part that cannot be read (one certificate, one attribute) is kept as
/// a fault instead.
pub fn read(bytes: &[u8], directories: &[&[u8]]) -> Result<Cms, ReadError> {
    signed_data::read(bytes, directories)
}

/// A CMS that is there but cannot be read: no chain, nothing verifies. [`judge`] calls its signer [`SignerKind::Other`].
pub(in crate::read) fn unreadable(length: usize, fault: ReadError) -> Cms {
    Cms { faults: vec![fault], ..signed_data::empty(length) }
}

/// Judges who signed, by the chain alone: each link is verified with the issuer's key up to a trusted root, and only then the extension OIDs
/// of TN3127 decide the kind. A chain that ends in one of `anchors.extra` is classified as if it were Apple's.
///
/// Whether the signature over the code verifies is not part of the verdict: see [`Cms::signature_verifies`] and [`Cms::digest_matches`].
/// The team is `None` for App Store and TestFlight signatures, whose team stands only in the CodeDirectory: the caller fills it from there.
pub fn judge(cms: &Cms, anchors: &TrustAnchors) -> Signer {
    trust::judge(cms, anchors)
}

/// Follows a chain to a trusted root, link by link. [`judge`] decides by the same rules and then classifies the leaf.
pub fn trusted_chain(chain: &[Certificate], anchors: &TrustAnchors) -> TrustedChain {
    trust::trusted_chain(chain, anchors)
}

/// The chain of the secure timestamp's signer; `None` without a token. Apple's own leads to Apple Root CA.
pub fn timestamp_chain(cms: &Cms, anchors: &TrustAnchors) -> Option<TrustedChain> {
    cms.timestamp_token.as_ref().map(|stamp| trusted_chain(&stamp.chain, anchors))
}

/// The content that a SignedData carries; `None` when it is detached. To check it, hand it to [`read`] as the only directory.
pub fn content(bytes: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
    signed_data::content(bytes)
}

/// Reads a root certificate, PEM or DER, as `--trust-anchor` takes it: (common name, DER). Of several PEM blocks the first counts.
pub fn read_anchor(bytes: &[u8]) -> Result<(String, Vec<u8>), ReadError> {
    trust::read_anchor(bytes)
}
