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
        purposes: purposes(&parsed),
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

/// The extended key usages; `None` without that extension.
fn purposes(certificate: &x509_cert::Certificate) -> Option<Vec<String>> {
    let (_, usage) = certificate.tbs_certificate().get_extension::<x509_cert::ext::pkix::ExtendedKeyUsage>().ok()??;
    Some(usage.0.iter().map(ToString::to_string).collect())
}

impl Certificate {
    /// The extended key usage `codeSigning` (RFC 5280 §4.2.1.12) is there. Security's code-signing policy demands it of the leaf.
    pub fn is_for_code_signing(&self) -> bool {
        self.purposes.as_ref().is_some_and(|purposes| purposes.iter().any(|one| one == "1.3.6.1.5.5.7.3.3"))
    }

    /// The value of the extension with this dotted OID; `None` when the certificate has none.
    pub fn extension(&self, oid: &str) -> Option<Vec<u8>> {
        let parsed = x509_cert::Certificate::from_der(&self.der).ok()?;
        let extension = parsed.tbs_certificate().extensions()?.iter().find(|extension| extension.extn_id.to_string() == oid)?;
        Some(extension.extn_value.as_bytes().to_vec())
    }

    /// The certificate policies extension names this dotted OID.
    pub fn has_policy(&self, oid: &str) -> bool {
        self.extension("2.5.29.32").and_then(|value| policies(&value).ok()).is_some_and(|policies| policies.iter().any(|one| one == oid))
    }

    /// Values of the subject's components with this dotted OID, in their order; texts of an unknown kind are left out.
    pub fn subject(&self, oid: &str) -> Vec<String> {
        parts(&self.der).and_then(|parts| components(parts.subject, oid)).unwrap_or_default()
    }
}

fn policies(value: &[u8]) -> Result<Vec<String>, ReadError> {
    let mut outer = Reader::der(value);
    let list = outer.expect(0x30, "policies")?;
    let mut list = outer.enter(&list)?;
    let mut policies = Vec::new();
    while let Some(policy) = list.next()? {
        policies.extend(list.enter(&policy)?.next()?.and_then(|element| ber::oid(&element)));
    }
    Ok(policies)
}

fn components(name: &[u8], oid: &str) -> Result<Vec<String>, ReadError> {
    let mut outer = Reader::der(name);
    let name = outer.expect(0x30, "a name")?;
    let mut sets = outer.enter(&name)?;
    let mut values = Vec::new();
    while let Some(set) = sets.next()? {
        let mut pairs = sets.enter(&set)?;
        while let Some(pair) = pairs.next()? {
            let mut fields = pairs.enter(&pair)?;
            let kind = fields.any("a component's type")?;
            let value = fields.any("a component's value")?;
            if ber::oid(&kind).as_deref() == Some(oid) {
                values.extend(text(value.tag, value.body));
            }
        }
    }
    Ok(values)
}

/// A directory string: UTF8String, PrintableString, IA5String, T61String (read as Latin-1), BMPString.
fn text(tag: u8, body: &[u8]) -> Option<String> {
    match tag {
        0x0c | 0x13 | 0x16 => std::str::from_utf8(body).ok().map(str::to_owned),
        0x14 => Some(body.iter().copied().map(char::from).collect()),
        0x1e => {
            let units = body.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(u16::from_be_bytes);
            char::decode_utf16(units).collect::<Result<String, _>>().ok()
        }
        _ => None,
    }
}
