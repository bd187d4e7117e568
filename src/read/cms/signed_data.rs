//! ContentInfo → SignedData → certificates, signer info, attributes (RFC 5652), and what the signature says of the CodeDirectories.

use super::ber::{self, Element, Reader};
use super::certificate::{self, Parts};
use super::keys::{self, Digest};
use super::{Certificate, Cms, Timestamp, timestamp};
use crate::read::ReadError;
use crate::read::info_plist::bounded;
use crate::read::signature::{HashType, directory_hash_type};
use std::cell::OnceCell;

/// Most certificates that are read.
const MAX_CERTIFICATES: usize = 32;
/// Longest chain that is followed.
const MAX_CHAIN: usize = 10;
/// Most attributes of one signer info.
const MAX_ATTRIBUTES: usize = 64;

const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const CONTENT_TYPE: &str = "1.2.840.113549.1.9.3";
pub(super) const MESSAGE_DIGEST: &str = "1.2.840.113549.1.9.4";
const SIGNING_TIME: &str = "1.2.840.113549.1.9.5";
const TIMESTAMP_TOKEN: &str = "1.2.840.113549.1.9.16.2.14";
/// Plist with the cdhashes of all CodeDirectories (`libsecurity_codesigning`, hash agility version 1).
const CDHASH_PLIST: &str = "1.2.840.113635.100.9.1";
/// SEQUENCE of digest OID and whole digest for each CodeDirectory (hash agility version 2).
const CDHASH_SET: &str = "1.2.840.113635.100.9.2";

/// The fields of a SignedData, still as BER.
pub(super) struct SignedData<'a> {
    pub content_type: String,
    pub content: Option<Vec<u8>>,
    certificates: Vec<Element<'a>>,
    pub signers: Reader<'a>,
}

/// One signer info.
pub(super) struct SignerInfo<'a> {
    identifier: Element<'a>,
    pub digest: Option<Digest>,
    pub signed: Option<Element<'a>>,
    pub signature_algorithm: Option<String>,
    pub signature: Vec<u8>,
    unsigned: Option<Element<'a>>,
    reader: Reader<'a>,
}

/// An attribute: its type and the reader of its values.
pub(super) struct Attribute<'a> {
    kind: String,
    values: Reader<'a>,
    whole: &'a [u8],
}

pub(super) fn read(bytes: &[u8], directories: &[&[u8]]) -> Result<Cms, ReadError> {
    let data = signed_data(bytes)?;
    let mut signers = data.signers.clone();
    let signer = signer_info(&mut signers)?;
    let mut cms = empty(bytes.len());
    if !matches!(signers.next(), Ok(None)) {
        cms.faults.push(ReadError::new("more than one signer info; the first counts", 0));
    }

    let certificates = read_certificates(&data, &mut cms.faults);
    cms.chain = chain(&certificates, &signer);
    if cms.chain.is_empty() {
        cms.faults.push(ReadError::new("no certificate for the signer info", signer.identifier.offset));
    }
    let signed = attributes(&signer, signer.signed.as_ref(), &mut cms.faults);
    let unsigned = attributes(&signer, signer.unsigned.as_ref(), &mut cms.faults);
    let directories: Vec<Covered<'_>> = directories.iter().map(|bytes| Covered::new(bytes)).collect();
    judge_content(&mut cms, &signer, &signed, &directories);
    cms.cdhashes_match = cdhashes_match(&signed, &directories);
    cms.signing_time = find(&signed, SIGNING_TIME).and_then(|mut values| values.next().ok()?.and_then(|value| ber::time(&value)));
    if let Some(mut values) = find(&unsigned, TIMESTAMP_TOKEN) {
        let token = values.next().ok().flatten();
        let stamp = token.ok_or_else(|| ReadError::new("timestamp attribute without a token", 0));
        match stamp.and_then(|token| timestamp::read(token.whole, &signer.signature)) {
            Ok(stamp) => cms.timestamp_token = Some(stamp),
            Err(fault) => cms.faults.push(ReadError::new(format!("timestamp token that cannot be read ({fault})"), 0)),
        }
        cms.timestamp = cms.timestamp_token.as_ref().map(|stamp| stamp.time);
        cms.timestamp_verifies = Some(cms.timestamp_token.as_ref().is_some_and(Timestamp::verifies));
    }
    Ok(cms)
}

/// A CMS of which nothing is known but its length.
pub(super) fn empty(length: usize) -> Cms {
    Cms {
        chain: Vec::new(),
        signature_verifies: false,
        digest_matches: false,
        cdhashes_match: None,
        timestamp: None,
        timestamp_token: None,
        timestamp_verifies: None,
        signing_time: None,
        length,
        faults: Vec::new(),
    }
}

pub(super) fn signed_data(bytes: &[u8]) -> Result<SignedData<'_>, ReadError> {
    let mut outer = Reader::ber(bytes);
    let info = outer.expect(0x30, "a ContentInfo")?;
    let mut info = outer.enter(&info)?;
    let kind = info.expect(0x06, "a content type")?;
    if ber::oid(&kind).as_deref() != Some(SIGNED_DATA) {
        return Err(ReadError::new("CMS content that is not SignedData", kind.offset));
    }
    let wrapper = info.expect(0xa0, "the SignedData")?;
    let mut wrapper = info.enter(&wrapper)?;
    let data = wrapper.expect(0x30, "the SignedData")?;
    let mut fields = wrapper.enter(&data)?;
    fields.expect(0x02, "a version")?;
    fields.expect(0x31, "the digest algorithms")?;
    let content_info = fields.expect(0x30, "the content")?;
    let (content_type, content) = encapsulated(&fields, &content_info)?;
    let mut certificates = Vec::new();
    if let Some(set) = fields.optional(0xa0)? {
        let mut set = fields.enter(&set)?;
        while let Some(element) = set.next()? {
            if certificates.len() < MAX_CERTIFICATES {
                certificates.push(element);
            }
        }
    }
    fields.optional(0xa1)?;
    let signers = fields.expect(0x31, "the signer infos")?;
    Ok(SignedData { content_type, content, certificates, signers: fields.enter(&signers)? })
}

fn encapsulated(fields: &Reader<'_>, element: &Element<'_>) -> Result<(String, Option<Vec<u8>>), ReadError> {
    let mut inner = fields.enter(element)?;
    let kind = inner.expect(0x06, "a content type")?;
    let content = match inner.optional(0xa0)? {
        Some(wrapper) => {
            let mut wrapper = inner.enter(&wrapper)?;
            wrapper.next()?.and_then(|element| ber::octets(&wrapper, &element))
        }
        None => None,
    };
    Ok((ber::oid(&kind).unwrap_or_default(), content))
}

pub(super) fn signer_info<'a>(signers: &mut Reader<'a>) -> Result<SignerInfo<'a>, ReadError> {
    let info = signers.expect(0x30, "a signer info")?;
    let mut fields = signers.enter(&info)?;
    fields.expect(0x02, "a version")?;
    let identifier = fields.any("a signer identifier")?;
    let digest = fields.expect(0x30, "a digest algorithm")?;
    let digest = fields.enter(&digest)?.next()?.and_then(|element| ber::oid(&element)).and_then(|oid| Digest::from_oid(&oid));
    let signed = fields.optional(0xa0)?;
    let algorithm = fields.expect(0x30, "a signature algorithm")?;
    let signature_algorithm = fields.enter(&algorithm)?.next()?.and_then(|element| ber::oid(&element));
    let signature = fields.any("a signature")?;
    let signature =
        ber::octets(&fields, &signature).ok_or_else(|| ReadError::new("signature that is no octet string", signature.offset))?;
    let unsigned = fields.optional(0xa1)?;
    Ok(SignerInfo { identifier, digest, signed, signature_algorithm, signature, unsigned, reader: fields })
}

pub(super) fn read_certificates(data: &SignedData<'_>, faults: &mut Vec<ReadError>) -> Vec<Certificate> {
    let mut certificates: Vec<Certificate> = Vec::new();
    for element in data.certificates.iter().filter(|element| element.tag == 0x30) {
        match certificate::read(element.whole, element.offset) {
            Ok(certificate) if certificates.iter().any(|known| known.sha256 == certificate.sha256) => {}
            Ok(certificate) => certificates.push(certificate),
            Err(fault) => faults.push(fault),
        }
    }
    certificates
}

/// Leaf first, then issuer after issuer. Among certificates with the issuer's name the one whose key verifies is taken; when none verifies,
/// one with the name is kept, so that the broken link can be named.
pub(super) fn chain(certificates: &[Certificate], signer: &SignerInfo<'_>) -> Vec<Certificate> {
    let known: Vec<(&Certificate, Parts<'_>)> =
        certificates.iter().filter_map(|one| Some((one, certificate::parts(&one.der).ok()?))).collect();
    let Some((leaf, mut current)) = known.iter().find(|(one, parts)| is_named(signer, one, parts)).copied() else {
        return Vec::new();
    };
    let mut chain = vec![leaf.clone()];
    while !current.is_self_issued() && chain.len() < MAX_CHAIN {
        let issuers =
            || known.iter().filter(|(one, parts)| parts.subject == current.issuer && chain.iter().all(|taken| taken.sha256 != one.sha256));
        let Some(&(issuer, parts)) = issuers().find(|(_, parts)| current.is_signed_by(parts)).or_else(|| issuers().next()) else {
            break;
        };
        chain.push(issuer.clone());
        current = parts;
    }
    chain
}

/// The signer identifier names this certificate: issuer and serial number, or subject key identifier.
fn is_named(signer: &SignerInfo<'_>, certificate: &Certificate, parts: &Parts<'_>) -> bool {
    let identifier = &signer.identifier;
    match identifier.tag {
        0x30 => {
            let Ok(mut fields) = signer.reader.enter(identifier) else { return false };
            let issuer = fields.next().ok().flatten();
            let serial = fields.next().ok().flatten();
            issuer.is_some_and(|issuer| issuer.whole == parts.issuer) && serial.is_some_and(|serial| serial.body == parts.serial)
        }
        0x80 => certificate::subject_key_identifier(&certificate.der).is_some_and(|key| key == identifier.body),
        _ => false,
    }
}

pub(super) fn attributes<'a>(signer: &SignerInfo<'a>, set: Option<&Element<'a>>, faults: &mut Vec<ReadError>) -> Vec<Attribute<'a>> {
    let mut attributes = Vec::new();
    let Some(set) = set else { return attributes };
    if let Err(fault) = collect_attributes(signer, set, &mut attributes) {
        faults.push(fault);
    }
    attributes
}

fn collect_attributes<'a>(signer: &SignerInfo<'a>, set: &Element<'a>, attributes: &mut Vec<Attribute<'a>>) -> Result<(), ReadError> {
    let mut reader = signer.reader.enter(set)?;
    while let Some(element) = reader.next()? {
        if attributes.len() >= MAX_ATTRIBUTES {
            return Err(ReadError::new("too many attributes in the signer info", element.offset));
        }
        let mut fields = reader.enter(&element)?;
        let kind = fields.expect(0x06, "an attribute type")?;
        let values = fields.expect(0x31, "attribute values")?;
        let Some(kind) = ber::oid(&kind) else { continue };
        attributes.push(Attribute { kind, values: fields.enter(&values)?, whole: element.whole });
    }
    Ok(())
}

fn find<'a>(attributes: &[Attribute<'a>], kind: &str) -> Option<Reader<'a>> {
    attributes.iter().find(|attribute| attribute.kind == kind).map(|attribute| attribute.values.clone())
}

/// The first value of an attribute when it is an octet string.
pub(super) fn octets(attributes: &[Attribute<'_>], kind: &str) -> Option<Vec<u8>> {
    let mut values = find(attributes, kind)?;
    let value = values.next().ok()??;
    ber::octets(&values, &value)
}

/// The content of a SignedData that carries it; `None` when it is detached.
pub(super) fn content(bytes: &[u8]) -> Result<Option<Vec<u8>>, ReadError> {
    signed_data(bytes).map(|data| data.content)
}

/// A CodeDirectory that the signature may be about. Each of its digests is computed once, when it is asked for: it is megabytes in a large program.
struct Covered<'a> {
    bytes: &'a [u8],
    sha1: OnceCell<Vec<u8>>,
    sha256: OnceCell<Vec<u8>>,
    sha384: OnceCell<Vec<u8>>,
    sha512: OnceCell<Vec<u8>>,
}

impl<'a> Covered<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, sha1: OnceCell::new(), sha256: OnceCell::new(), sha384: OnceCell::new(), sha512: OnceCell::new() }
    }

    fn digest(&self, with: Digest) -> &[u8] {
        let kept = match with {
            Digest::Sha1 => &self.sha1,
            Digest::Sha256 => &self.sha256,
            Digest::Sha384 => &self.sha384,
            Digest::Sha512 => &self.sha512,
        };
        kept.get_or_init(|| with.of(self.bytes))
    }

    /// First 20 bytes of the digest with the algorithm it names itself; `None` when it is cut off or the algorithm is not known.
    fn cdhash(&self) -> Option<&[u8]> {
        let own = match directory_hash_type(self.bytes)? {
            HashType::Sha1 => Digest::Sha1,
            HashType::Sha256 | HashType::Sha256Truncated => Digest::Sha256,
            HashType::Sha384 => Digest::Sha384,
            HashType::Other(5) => Digest::Sha512,
            HashType::Other(_) => return None,
        };
        self.digest(own).get(..20)
    }
}

/// Checks the signature and the message digest. With signed attributes the signature is over them, and they hold the digest of the primary
/// CodeDirectory; without, it is over the CodeDirectory itself (RFC 5652 §5.4).
fn judge_content(cms: &mut Cms, signer: &SignerInfo<'_>, signed: &[Attribute<'_>], directories: &[Covered<'_>]) {
    let Some(leaf) = cms.chain.first() else { return };
    let Ok(leaf) = certificate::parts(&leaf.der) else { return };
    let signature_digest = signer.signature_algorithm.as_deref().and_then(Digest::from_oid).or(signer.digest);
    let Some(digest) = signature_digest else {
        cms.faults.push(ReadError::new("signature algorithm that Temper cannot verify", signer.identifier.offset));
        return;
    };
    let primary = directories.first();
    let Some(set) = &signer.signed else {
        cms.signature_verifies = primary.is_some_and(|content| keys::verifies(leaf.public_key, digest, content.bytes, &signer.signature));
        cms.digest_matches = cms.signature_verifies;
        return;
    };
    cms.signature_verifies = verifies_attributes(leaf.public_key, digest, set, signed, &signer.signature);
    let named = octets(signed, MESSAGE_DIGEST);
    cms.digest_matches = match (named, signer.digest, primary) {
        (Some(named), Some(digest), Some(primary)) => primary.digest(digest) == named,
        _ => false,
    } && find(signed, CONTENT_TYPE).is_some();
}

/// The signature is over the DER SET OF the attributes: as embedded with the tag of a SET, or, for a signer that did not sort them, sorted.
pub(super) fn verifies_attributes(key: &[u8], digest: Digest, set: &Element<'_>, signed: &[Attribute<'_>], signature: &[u8]) -> bool {
    if keys::verifies(key, digest, &der_set(set.body), signature) {
        return true;
    }
    let mut sorted: Vec<&[u8]> = signed.iter().map(|attribute| attribute.whole).collect();
    sorted.sort_unstable();
    let sorted = sorted.concat();
    sorted != set.body && keys::verifies(key, digest, &der_set(&sorted), signature)
}

/// `body` as a SET with a definite, shortest length.
fn der_set(body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u64).to_be_bytes();
    let mut set = vec![0x31];
    if body.len() < 0x80 {
        set.extend(length.last());
    } else {
        let digits: Vec<u8> = length.iter().copied().skip_while(|&byte| byte == 0).collect();
        set.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
        set.extend(digits);
    }
    set.extend_from_slice(body);
    set
}

/// Whether the cdhash attributes name directories that are there and no others, and together name all of them; `None` without such an attribute. Signers that
/// write the second attribute for the strongest directory only leave the others to the first.
fn cdhashes_match(signed: &[Attribute<'_>], directories: &[Covered<'_>]) -> Option<bool> {
    let plist = find(signed, CDHASH_PLIST).map(|values| plist_names(values, directories));
    let set = find(signed, CDHASH_SET).map(|values| set_names(values, directories));
    if plist.is_none() && set.is_none() {
        return None;
    }
    let mut is_named = vec![false; directories.len()];
    for names in [plist, set].into_iter().flatten() {
        let Some(names) = names else { return Some(false) };
        is_named.iter_mut().zip(names).for_each(|(all, one)| *all |= one);
    }
    Some(is_named.into_iter().all(|is_named| is_named))
}

/// Which directories the first attribute names; `None` when it names one that is not there, or none, or cannot be read.
fn plist_names(mut values: Reader<'_>, directories: &[Covered<'_>]) -> Option<Vec<bool>> {
    let value = values.next().ok()??;
    let text = ber::octets(&values, &value)?;
    let plist = bounded::read(&text).ok()?;
    let hashes = plist.as_dictionary()?.get("cdhashes")?.as_array()?;
    let mut is_named = vec![false; directories.len()];
    for hash in hashes {
        let hash = hash.as_data().filter(|hash| !hash.is_empty())?;
        let index = directories.iter().position(|directory| directory.cdhash() == Some(hash))?;
        *is_named.get_mut(index)? = true;
    }
    (!hashes.is_empty()).then_some(is_named)
}

/// The same for the second attribute.
fn set_names(mut values: Reader<'_>, directories: &[Covered<'_>]) -> Option<Vec<bool>> {
    let mut is_named = vec![false; directories.len()];
    let mut count = 0_usize;
    while let Some(value) = values.next().ok()? {
        if value.tag != 0x30 || count >= MAX_ATTRIBUTES {
            return None;
        }
        count = count.saturating_add(1);
        let mut fields = values.enter(&value).ok()?;
        let digest = Digest::from_oid(&ber::oid(&fields.next().ok()??)?)?;
        let hash = fields.expect(0x04, "a digest").ok()?.body;
        // SHA-256 may be given cut to 20 bytes for a directory of the truncated type.
        let named = |directory: &Covered<'_>| {
            let whole = directory.digest(digest);
            whole == hash || (hash.len() == 20 && whole.get(..20) == Some(hash))
        };
        let index = directories.iter().position(named)?;
        *is_named.get_mut(index)? = true;
    }
    (count > 0).then_some(is_named)
}
