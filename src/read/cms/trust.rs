//! The verdict on a chain: does it lead to a trusted root, and what do Apple's extension OIDs then say of the leaf?

use super::certificate::{self, Parts};
use super::{Certificate, Cms, Signer, SignerKind, TrustAnchors, TrustedChain};
use crate::read::ReadError;
use crate::read::hex;
use base64::Engine as _;
use sha2::{Digest as _, Sha256};

/// Apple Root CA, Apple Root CA - G2, Apple Root CA - G3, as published at apple.com/certificateauthority.
pub(super) const APPLE_ROOTS: [&[u8]; 3] = [
    include_bytes!("../roots/AppleIncRootCertificate.cer"),
    include_bytes!("../roots/AppleRootCA-G2.cer"),
    include_bytes!("../roots/AppleRootCA-G3.cer"),
];

/// SHA-256 of [`APPLE_ROOTS`], in the same order. A file that does not match is not trusted.
pub(super) const APPLE_ROOT_DIGESTS: [&str; 3] = [
    "b0b1730ecbc7ff4505142c49f1295e6eda6bcaed7e2c68c5be91b5a11001f024",
    "c2b9b042dd57830e7d117dac55ac8ae19407d38e41d88f3215bc3a890444a050",
    "63343abfb89a6a03ebb57e9b3f5fa7be7c4f5c756f3017b3a8c488c3653e9179",
];

/// Largest anchor file that is read (bytes).
const MAX_ANCHOR: usize = 1 << 20;

/// Extensions of leaf certificates (TN3127, TN3161; `Security libsecurity_codesigning/lib/drmaker.cpp`, `StaticCode.cpp`).
const LEAF_APPLE: &str = "1.2.840.113635.100.6.22";
const LEAF_APP_STORE: &str = "1.2.840.113635.100.6.1.9";
const LEAF_TEST_FLIGHT: [&str; 2] = ["1.2.840.113635.100.6.1.25.1", "1.2.840.113635.100.6.1.25.2"];
const LEAF_DEVELOPER_ID: &str = "1.2.840.113635.100.6.1.13";
const LEAF_DEVELOPMENT: [&str; 2] = ["1.2.840.113635.100.6.1.12", "1.2.840.113635.100.6.1.2"];
const LEAF_DISTRIBUTION: [&str; 2] = ["1.2.840.113635.100.6.1.7", "1.2.840.113635.100.6.1.4"];
/// Extensions of intermediates.
const ISSUER_DEVELOPER_ID: &str = "1.2.840.113635.100.6.2.6";
const ISSUER_WWDR: &str = "1.2.840.113635.100.6.2.1";

/// A root that counts.
struct Root<'a> {
    /// `None` for Apple's own.
    name: Option<&'a str>,
    der: &'a [u8],
    parts: Parts<'a>,
}

/// How a chain ends.
enum Ending {
    /// In a trusted root: the name of an extra one, and how many certificates of the chain were verified (those beyond
    /// say nothing), and the root's place in the list of roots.
    Trusted { anchor: Option<String>, verified: usize, root: usize },
    /// Not; the reason, whether the chain holds together up to a certificate that issued itself, and whether a link of it does not verify.
    Untrusted { problem: String, self_issued: bool, is_broken: bool },
}

pub(super) fn judge(cms: &Cms, anchors: &TrustAnchors) -> Signer {
    let Some(leaf) = cms.chain.first() else {
        let problem = Some("the signature holds no certificate of its signer".to_owned());
        return Signer { kind: SignerKind::Other, name: None, team: None, anchor: None, problem };
    };
    let name = leaf.common_name.clone();
    match follow(&cms.chain, &roots(anchors)) {
        Ending::Untrusted { problem, self_issued, .. } => {
            let kind = if self_issued { SignerKind::SelfSigned } else { SignerKind::Other };
            Signer { kind, name, team: None, anchor: None, problem: Some(problem) }
        }
        Ending::Trusted { anchor, verified, .. } => {
            let kind = classify(leaf, cms.chain.get(1..verified).unwrap_or_default());
            let has_team = matches!(kind, SignerKind::DeveloperId | SignerKind::AppleDevelopment | SignerKind::AppleDistribution);
            let team = leaf.organizational_unit.clone().filter(|team| has_team && !team.is_empty());
            let problem =
                (kind == SignerKind::Other).then(|| format!("the certificate {} is not one for signing code", called(name.as_deref())));
            Signer { kind, name, team, anchor, problem }
        }
    }
}

pub(super) fn trusted_chain(chain: &[Certificate], anchors: &TrustAnchors) -> TrustedChain {
    let roots = roots(anchors);
    let as_embedded = |problem: Option<String>, is_broken: bool| {
        let last = chain.last().and_then(|last| certificate::parts(&last.der).ok());
        let is_complete = last.is_some_and(|last| last.is_self_issued());
        TrustedChain { certificates: chain.to_vec(), is_complete, is_trusted: false, is_broken, anchor: None, problem }
    };
    match follow(chain, &roots) {
        Ending::Untrusted { problem, is_broken, .. } => as_embedded(Some(problem), is_broken),
        Ending::Trusted { anchor, verified, root } => {
            let Some(root) = roots.get(root).and_then(|root| certificate::read(root.der, 0).ok()) else { return as_embedded(None, true) };
            let ends_in = |last: &Certificate| {
                let last = certificate::parts(&last.der).ok();
                last.zip(certificate::parts(&root.der).ok()).is_some_and(|(last, root)| last.public_key == root.public_key)
            };
            let mut certificates = chain.get(..verified).unwrap_or_default().to_vec();
            // An embedded copy of the root, perhaps one that another root signed, gives way to the root itself.
            if certificates.last().is_some_and(ends_in) {
                certificates.pop();
            }
            certificates.push(root);
            TrustedChain { certificates, is_complete: true, is_trusted: true, is_broken: false, anchor, problem: None }
        }
    }
}

fn roots(anchors: &TrustAnchors) -> Vec<Root<'_>> {
    let apple = APPLE_ROOTS.iter().zip(APPLE_ROOT_DIGESTS).filter(|(der, digest)| hex(&Sha256::digest(der)) == *digest);
    let apple = apple.map(|(der, _)| (None, *der));
    let extra = anchors.extra.iter().map(|(name, der)| (Some(name.as_str()), der.as_slice()));
    apple.chain(extra).filter_map(|(name, der)| Some(Root { name, der, parts: certificate::parts(der).ok()? })).collect()
}

/// Verifies link by link until a trusted root is reached. A certificate is a trusted root when it has the root's name and key; a chain
/// without its root is matched to the root that verifies the last certificate.
fn follow(chain: &[Certificate], roots: &[Root<'_>]) -> Ending {
    let broken = |problem: String| Ending::Untrusted { problem, self_issued: false, is_broken: true };
    let untrusted = |problem: String| Ending::Untrusted { problem, self_issued: false, is_broken: false };
    let mut parts = Vec::new();
    for certificate in chain {
        match certificate::parts(&certificate.der) {
            Ok(one) => parts.push((certificate, one)),
            Err(fault) => return broken(format!("a certificate of the chain cannot be read: {fault}")),
        }
    }
    for (index, (certificate, current)) in parts.iter().enumerate() {
        let is_root = |root: &Root<'_>| root.parts.subject == current.subject && root.parts.public_key == current.public_key;
        if let Some((place, root)) = roots.iter().enumerate().find(|(_, root)| is_root(root)) {
            return Ending::Trusted { anchor: root.name.map(str::to_owned), verified: index.saturating_add(1), root: place };
        }
        // The leaf is index 0; an issuer at index n has n - 1 intermediates below it.
        if index > 0 && certificate::issuing_depth(&certificate.der).is_none_or(|depth| depth < (index as u64).saturating_sub(1)) {
            return broken(format!("{} may not issue certificates", called(certificate.common_name.as_deref())));
        }
        let issued = |root: &Root<'_>| root.parts.subject == current.issuer && current.is_signed_by(&root.parts);
        if let Some((place, root)) = roots.iter().enumerate().find(|(_, root)| issued(root)) {
            return Ending::Trusted { anchor: root.name.map(str::to_owned), verified: index.saturating_add(1), root: place };
        }
        let Some((issuer, next)) = index.checked_add(1).and_then(|next| parts.get(next)) else { break };
        if !current.is_signed_by(next) {
            let (this, other) = (called(certificate.common_name.as_deref()), called(issuer.common_name.as_deref()));
            return broken(format!("certificate {index} ({this}) is not signed by {other}"));
        }
    }
    let Some((last, end)) = parts.last() else { return untrusted("the chain is empty".to_owned()) };
    let called = called(last.common_name.as_deref());
    if end.is_self_issued() {
        Ending::Untrusted { problem: format!("the chain ends in {called}, which is not trusted"), self_issued: true, is_broken: false }
    } else {
        untrusted(format!("the chain ends at {called}, whose issuer is neither embedded nor trusted"))
    }
}

fn called(name: Option<&str>) -> String {
    name.map_or_else(|| "a certificate without a name".to_owned(), |name| format!("“{name}”"))
}

fn classify(leaf: &Certificate, issuers: &[Certificate]) -> SignerKind {
    let leaf_has = |oid: &str| leaf.extensions.iter().any(|extension| extension == oid);
    let issuer_has = |oid: &str| issuers.iter().any(|issuer| issuer.extensions.iter().any(|extension| extension == oid));
    if leaf_has(LEAF_APPLE) {
        SignerKind::Apple
    } else if leaf_has(LEAF_APP_STORE) {
        SignerKind::AppStore
    } else if LEAF_TEST_FLIGHT.into_iter().any(leaf_has) {
        SignerKind::TestFlight
    } else if leaf_has(LEAF_DEVELOPER_ID) && issuer_has(ISSUER_DEVELOPER_ID) {
        SignerKind::DeveloperId
    } else if LEAF_DISTRIBUTION.into_iter().any(leaf_has) {
        SignerKind::AppleDistribution
    } else if LEAF_DEVELOPMENT.into_iter().any(leaf_has) && issuer_has(ISSUER_WWDR) {
        SignerKind::AppleDevelopment
    } else {
        SignerKind::Other
    }
}

pub(super) fn read_anchor(bytes: &[u8]) -> Result<(String, Vec<u8>), ReadError> {
    if bytes.len() > MAX_ANCHOR {
        return Err(ReadError::new("file too long for a certificate", 0));
    }
    let der = if bytes.first() == Some(&0x30) { bytes.to_vec() } else { from_pem(bytes)? };
    let certificate = certificate::read(&der, 0)?;
    let name = certificate.common_name.or(certificate.organization).unwrap_or_else(|| "root without a name".to_owned());
    Ok((name, der))
}

fn from_pem(bytes: &[u8]) -> Result<Vec<u8>, ReadError> {
    let missing = || ReadError::new("neither a DER certificate nor a PEM block “CERTIFICATE”", 0);
    let text = String::from_utf8_lossy(bytes);
    let (_, rest) = text.split_once("-----BEGIN CERTIFICATE-----").ok_or_else(missing)?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----").ok_or_else(missing)?;
    let body: String = body.split_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(body).map_err(|_| ReadError::new("PEM block that is not base64", 0))
}
