//! X.509 certificates: the names people read, and the raw parts that signatures are over.

use super::Certificate;
use super::ber::{self, Reader};
use super::keys::{self, Digest};
use crate::read::ReadError;
use der::Decode as _;
use sha2::{Digest as _, Sha256};

/// The raw parts of a certificate, borrowed from its DER.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    /// The signed part.
    pub tbs: &'a [u8],
    /// Digest of the signature over it; `None` for an algorithm that is not read here.
    pub digest: Option<Digest>,
    /// The signature.
    pub signature: &'a [u8],
    /// Body of the serial number.
    pub serial: &'a [u8],
    /// Issuer name, DER.
    pub issuer: &'a [u8],
    /// Subject name, DER.
    pub subject: &'a [u8],
    /// SubjectPublicKeyInfo, DER.
    pub public_key: &'a [u8],
}

impl Parts<'_> {
    /// Issuer and subject are the same name.
    pub fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }

    /// The signature verifies with the key of `issuer`.
    pub fn is_signed_by(&self, issuer: &Parts<'_>) -> bool {
        self.digest.is_some_and(|digest| keys::verifies(issuer.public_key, digest, self.tbs, self.signature))
    }
}

/// Finds the raw parts; an error for anything that is not a certificate.
pub(super) fn parts(der: &[u8]) -> Result<Parts<'_>, ReadError> {
    let mut outer = Reader::der(der);
    let certificate = outer.expect(0x30, "a certificate")?;
    outer.finish()?;
    let mut certificate = outer.enter(&certificate)?;
    let tbs = certificate.expect(0x30, "the signed part of a certificate")?;
    let algorithm = certificate.expect(0x30, "a signature algorithm")?;
    let signature = certificate.expect(0x03, "a signature")?;
    let digest = certificate.enter(&algorithm)?.next()?.and_then(|element| ber::oid(&element)).and_then(|oid| Digest::from_oid(&oid));
    let mut fields = certificate.enter(&tbs)?;
    fields.optional(0xa0)?;
    let serial = fields.expect(0x02, "a serial number")?;
    fields.expect(0x30, "a signature algorithm")?;
    let issuer = fields.expect(0x30, "an issuer")?;
    fields.expect(0x30, "a validity")?;
    let subject = fields.expect(0x30, "a subject")?;
    let public_key = fields.expect(0x30, "a public key")?;
    let signature = signature.body.strip_prefix(&[0]).ok_or_else(|| ReadError::new("signature with unused bits", signature.offset))?;
    Ok(Parts {
        tbs: tbs.whole,
        digest,
        signature,
        serial: serial.body,
        issuer: issuer.whole,
        subject: subject.whole,
        public_key: public_key.whole,
    })
}

/// Reads the facts of a certificate.
pub(super) fn read(der: &[u8], offset: u64) -> Result<Certificate, ReadError> {
    parts(der)?;
    let parsed = x509_cert::Certificate::from_der(der).map_err(|_| ReadError::new("certificate that cannot be read", offset))?;
    let tbs = parsed.tbs_certificate();
    let subject = tbs.subject();
    let seconds = |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    Ok(Certificate {
        common_name: subject.common_name().ok().flatten().map(|name| name.value().into_owned()),
        organizational_unit: subject.organization_unit().ok().flatten().map(|name| name.value().into_owned()),
        organization: subject.organization().ok().flatten().map(|name| name.value().into_owned()),
        sha256: Sha256::digest(der).into(),
        not_before: seconds(tbs.validity().not_before),
        not_after: seconds(tbs.validity().not_after),
        extensions: tbs.extensions().map(|list| list.iter().map(|extension| extension.extn_id.to_string()).collect()).unwrap_or_default(),
        der: der.to_vec(),
    })
}

/// How many further issuers may stand between this certificate and a leaf, by its basic constraints: `None` when it may not issue
/// certificates at all (no such extension, or `cA` false). Without this check every Developer ID leaf could mint other teams.
pub(super) fn issuing_depth(der: &[u8]) -> Option<u64> {
    let parsed = x509_cert::Certificate::from_der(der).ok()?;
    let (_, constraints) = parsed.tbs_certificate().get_extension::<x509_cert::ext::pkix::BasicConstraints>().ok()??;
    constraints.ca.then(|| constraints.path_len_constraint.map_or(u64::MAX, u64::from))
}

/// The subject key identifier extension; `None` when there is none.
pub(super) fn subject_key_identifier(der: &[u8]) -> Option<Vec<u8>> {
    let parsed = x509_cert::Certificate::from_der(der).ok()?;
    let (_, identifier) = parsed.tbs_certificate().get_extension::<x509_cert::ext::pkix::SubjectKeyIdentifier>().ok()??;
    Some(identifier.0.as_bytes().to_vec())
}
