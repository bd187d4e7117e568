//! Practice certificates and signatures for tests, made by hand with P-256 keys.

use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use sha2::{Digest as _, Sha256};

const ECDSA_SHA256: &str = "1.2.840.10045.4.3.2";
const SHA256: &str = "2.16.840.1.101.3.4.2.1";

/// One DER element of the parts given.
pub(in crate::read) fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut all = vec![tag];
    match body.len() {
        short @ 0..0x80 => all.push(short as u8),
        long @ 0x80..0x100 => all.extend([0x81, long as u8]),
        long => all.extend([0x82, (long >> 8) as u8, long as u8]),
    }
    all.extend(body);
    all
}

pub(in crate::read) fn oid(dotted: &str) -> Vec<u8> {
    tlv(0x06, &[der::oid::ObjectIdentifier::new_unwrap(dotted).as_bytes()])
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

fn sign(seed: u8, message: &[u8]) -> Vec<u8> {
    let signature: Signature = key(seed).sign(message);
    signature.to_der().as_bytes().to_vec()
}

fn name(common: &str, unit: &str) -> Vec<u8> {
    let part = |kind: &str, text: &str| tlv(0x31, &[&tlv(0x30, &[&oid(kind), &tlv(0x0c, &[text.as_bytes()])])]);
    tlv(0x30, &[&part("2.5.4.3", common), &part("2.5.4.11", unit)])
}

/// What a practice certificate says. The key is made of the seed.
#[derive(Clone, Copy)]
pub(in crate::read) struct Practice {
    pub common: &'static str,
    pub unit: &'static str,
    pub seed: u8,
    pub issuer: &'static str,
    pub issuer_unit: &'static str,
    pub issuer_seed: u8,
    pub is_authority: bool,
    pub extension: Option<&'static str>,
    /// Extended key usage.
    pub purpose: Option<&'static str>,
}

pub(in crate::read) const ROOT: Practice = Practice {
    common: "Practice Root",
    unit: "R",
    seed: 1,
    issuer: "Practice Root",
    issuer_unit: "R",
    issuer_seed: 1,
    is_authority: true,
    extension: None,
    purpose: None,
};
pub(in crate::read) const AUTHORITY: Practice = Practice {
    common: "Practice ID CA",
    unit: "CA",
    seed: 2,
    issuer: "Practice Root",
    issuer_unit: "R",
    issuer_seed: 1,
    is_authority: true,
    extension: Some("1.2.840.113635.100.6.2.6"),
    purpose: None,
};
pub(in crate::read) const LEAF: Practice = Practice {
    common: "Developer ID Application: Practice (TEAM123456)",
    unit: "TEAM123456",
    seed: 3,
    issuer: "Practice ID CA",
    issuer_unit: "CA",
    issuer_seed: 2,
    is_authority: false,
    extension: Some("1.2.840.113635.100.6.1.13"),
    purpose: Some("1.3.6.1.5.5.7.3.3"),
};
pub(in crate::read) const STAMPER: Practice = Practice {
    common: "Practice Timestamp Signer",
    unit: "T",
    seed: 5,
    issuer: "Practice Root",
    issuer_unit: "R",
    issuer_seed: 1,
    is_authority: false,
    extension: None,
    purpose: Some("1.3.6.1.5.5.7.3.8"),
};

pub(in crate::read) fn certificate(practice: Practice) -> Vec<u8> {
    let algorithm = tlv(0x30, &[&oid(ECDSA_SHA256)]);
    let point = key(practice.seed).verifying_key().to_sec1_point(false);
    let kind = tlv(0x30, &[&oid("1.2.840.10045.2.1"), &oid("1.2.840.10045.3.1.7")]);
    let public_key = tlv(0x30, &[&kind, &tlv(0x03, &[&[0], point.as_bytes()])]);
    let validity = tlv(0x30, &[&tlv(0x17, &[b"200101000000Z"]), &tlv(0x17, &[b"400101000000Z"])]);
    let mut extensions = Vec::new();
    if practice.is_authority {
        let constraints = tlv(0x30, &[&[0x01, 0x01, 0xff]]);
        extensions.extend(tlv(0x30, &[&oid("2.5.29.19"), &[0x01, 0x01, 0xff], &tlv(0x04, &[&constraints])]));
    }
    if let Some(extension) = practice.extension {
        extensions.extend(tlv(0x30, &[&oid(extension), &tlv(0x04, &[&[0x05, 0x00]])]));
    }
    if let Some(purpose) = practice.purpose {
        extensions.extend(tlv(0x30, &[&oid("2.5.29.37"), &tlv(0x04, &[&tlv(0x30, &[&oid(purpose)])])]));
    }
    let extensions = if extensions.is_empty() { Vec::new() } else { tlv(0xa3, &[&tlv(0x30, &[&extensions])]) };
    let issuer = name(practice.issuer, practice.issuer_unit);
    let subject = name(practice.common, practice.unit);
    let version = tlv(0xa0, &[&[0x02, 0x01, 0x02]]);
    let serial = [0x02, 0x01, practice.seed];
    let tbs = tlv(0x30, &[&version, &serial, &algorithm, &issuer, &validity, &subject, &public_key, &extensions]);
    let signature = sign(practice.issuer_seed, &tbs);
    tlv(0x30, &[&tbs, &algorithm, &tlv(0x03, &[&[0], &signature])])
}

fn attribute(kind: &str, value: &[u8]) -> Vec<u8> {
    tlv(0x30, &[&oid(kind), &tlv(0x31, &[value])])
}

/// A SignedData over `directory` as Apple's signer makes it: detached, with attributes, with a timestamp token of 2024-02-29 12:00:00 UTC.
/// The outer lengths are indefinite, as Apple's are.
pub(in crate::read) fn signed_data(directory: &[u8], leaf: Practice, certificates: &[Vec<u8>]) -> Vec<u8> {
    signed(directory, leaf, certificates, &indefinite(0x30, &oid("1.2.840.113549.1.7.1")))
}

/// A SignedData that carries its content, as a provisioning profile does.
pub(in crate::read) fn attached(content: &[u8], leaf: Practice, certificates: &[Vec<u8>]) -> Vec<u8> {
    let carried = tlv(0x30, &[&oid("1.2.840.113549.1.7.1"), &tlv(0xa0, &[&tlv(0x04, &[content])])]);
    signed(content, leaf, certificates, &carried)
}

fn signed(directory: &[u8], leaf: Practice, certificates: &[Vec<u8>], content: &[u8]) -> Vec<u8> {
    let digest = Sha256::digest(directory);
    let plist = format!(
        "<plist><dict><key>cdhashes</key><array><data>{}</data></array></dict></plist>",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &digest[..20])
    );
    let mut attributes = [
        attribute("1.2.840.113549.1.9.3", &oid("1.2.840.113549.1.7.1")),
        attribute("1.2.840.113549.1.9.4", &tlv(0x04, &[&digest])),
        attribute("1.2.840.113549.1.9.5", &tlv(0x17, &[b"240229110000Z"])),
        attribute("1.2.840.113635.100.9.1", &tlv(0x04, &[plist.as_bytes()])),
        attribute("1.2.840.113635.100.9.2", &tlv(0x30, &[&oid(SHA256), &tlv(0x04, &[&digest])])),
    ];
    attributes.sort();
    let attributes = attributes.concat();
    let signature = sign(leaf.seed, &tlv(0x31, &[&attributes]));
    let identifier = tlv(0x30, &[&name(leaf.issuer, leaf.issuer_unit), &[0x02, 0x01, leaf.seed]]);
    let algorithm = tlv(0x30, &[&oid(SHA256)]);
    let unsigned = tlv(0xa1, &[&attribute("1.2.840.113549.1.9.16.2.14", &token(&signature))]);
    let signature_algorithm = tlv(0x30, &[&oid(ECDSA_SHA256)]);
    let signed = tlv(0xa0, &[&attributes]);
    let signer =
        tlv(0x30, &[&[0x02, 0x01, 0x01], &identifier, &algorithm, &signed, &signature_algorithm, &tlv(0x04, &[&signature]), &unsigned]);
    let fields =
        [vec![0x02, 0x01, 0x01], tlv(0x31, &[&algorithm]), content.to_vec(), tlv(0xa0, &[&certificates.concat()]), tlv(0x31, &[&signer])];
    let data = indefinite(0x30, &fields.concat());
    indefinite(0x30, &[oid("1.2.840.113549.1.7.2"), indefinite(0xa0, &data)].concat())
}

fn indefinite(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag, 0x80], body, &[0, 0]].concat()
}

/// A timestamp token over `stamped`, signed by [`STAMPER`].
fn token(stamped: &[u8]) -> Vec<u8> {
    let algorithm = tlv(0x30, &[&oid(SHA256)]);
    let imprint = tlv(0x30, &[&algorithm, &tlv(0x04, &[&Sha256::digest(stamped)])]);
    let info = tlv(0x30, &[&[0x02, 0x01, 0x01], &oid("1.2.3"), &imprint, &[0x02, 0x01, 0x05], &tlv(0x18, &[b"20240229120000Z"])]);
    let content = tlv(0x30, &[&oid("1.2.840.113549.1.9.16.1.4"), &tlv(0xa0, &[&tlv(0x24, &[&tlv(0x04, &[&info])])])]);
    let attributes = [
        attribute("1.2.840.113549.1.9.3", &oid("1.2.840.113549.1.9.16.1.4")),
        attribute("1.2.840.113549.1.9.4", &tlv(0x04, &[&Sha256::digest(&info)])),
    ]
    .concat();
    let signature = sign(STAMPER.seed, &tlv(0x31, &[&attributes]));
    let identifier = tlv(0x30, &[&name(STAMPER.issuer, STAMPER.issuer_unit), &[0x02, 0x01, STAMPER.seed]]);
    let signature_algorithm = tlv(0x30, &[&oid(ECDSA_SHA256)]);
    let signed = tlv(0xa0, &[&attributes]);
    let signer = tlv(0x30, &[&[0x02, 0x01, 0x01], &identifier, &algorithm, &signed, &signature_algorithm, &tlv(0x04, &[&signature])]);
    let certificates = tlv(0xa0, &[&certificate(STAMPER)]);
    let data = tlv(0x30, &[&[0x02, 0x01, 0x03], &tlv(0x31, &[&algorithm]), &content, &certificates, &tlv(0x31, &[&signer])]);
    tlv(0x30, &[&oid("1.2.840.113549.1.7.2"), &tlv(0xa0, &[&data])])
}
