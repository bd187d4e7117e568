//! The CMS wrapper: SignedData over the CodeDirectory, detached, by a practice identity.

use super::der::{element, integer, oid, sequence, set};
use base64::Engine as _;
use der::{Decode, Encode};
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::DecodePrivateKey;
use sha2::{Digest, Sha256};
use x509_cert::Certificate;

macro_rules! pki {
    ($name:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/labs/pki/", $name))
    };
}

/// Who signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Nobody.
    AdHoc,
    /// "Developer ID Application: Practice Software (PRACTICE01)".
    Practice,
    /// "Developer ID Application: Other Team (OTHERTEAM1)".
    OtherTeam,
    /// "Apple Development: Practice Software (DEVELOPER1)", of the team PRACTICE01.
    Development,
}

impl Identity {
    /// Team identifier.
    pub fn team(self) -> Option<&'static str> {
        match self {
            Identity::AdHoc => None,
            Identity::Practice | Identity::Development => Some("PRACTICE01"),
            Identity::OtherTeam => Some("OTHERTEAM1"),
        }
    }

    /// Certificate and key, PEM.
    fn files(self) -> Option<(&'static str, &'static str)> {
        match self {
            Identity::AdHoc => None,
            Identity::Practice => Some((pki!("practice.cert.pem"), pki!("practice.practice-only.key.pem"))),
            Identity::OtherTeam => Some((pki!("other-team.cert.pem"), pki!("other-team.practice-only.key.pem"))),
            Identity::Development => Some((pki!("development.cert.pem"), pki!("development.practice-only.key.pem"))),
        }
    }

    /// Its certificate, DER.
    pub fn certificate(self) -> Vec<u8> {
        self.files().map(|(certificate, _)| pem(certificate)).unwrap_or_default()
    }

    /// Extensions by which the issuer and the leaf are known (TN3127).
    pub fn marks(self) -> (&'static str, &'static str) {
        match self {
            Identity::Development => ("1.2.840.113635.100.6.2.1", "1.2.840.113635.100.6.1.12"),
            _ => ("1.2.840.113635.100.6.2.6", "1.2.840.113635.100.6.1.13"),
        }
    }

    /// The certificate that issued this one, PEM.
    fn issuer(self) -> &'static str {
        if self == Identity::Development { pki!("worldwide.cert.pem") } else { pki!("authority.cert.pem") }
    }
}

/// The bytes of a PEM text with one block.
pub fn pem(text: &str) -> Vec<u8> {
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    base64::engine::general_purpose::STANDARD.decode(body).unwrap()
}

/// SignedData for a CodeDirectory, detached; empty for an ad-hoc identity. `signing_time` is UTCTime.
pub fn signed_data(identity: Identity, directory: &[u8], signing_time: &str, timestamp: bool) -> Vec<u8> {
    let Some((leaf, key)) = identity.files() else { return Vec::new() };
    let leaf = pem(leaf);
    let attributes = set(&attributes(directory, signing_time));
    let signature = signature(key, &attributes);
    let unsigned = timestamp.then(|| attribute("1.2.840.113549.1.9.16.2.14", timestamp_token(&signature, signing_time)));
    content(Content {
        version: 1,
        encapsulated: sequence(&[oid(DATA)]),
        certificates: [pem(identity.issuer()), pem(pki!("root.cert.pem")), leaf.clone()].concat(),
        signer: signer_info(&leaf, &attributes, &signature, unsigned),
    })
}

const DATA: &str = "1.2.840.113549.1.7.1";

struct Content {
    version: i64,
    encapsulated: Vec<u8>,
    certificates: Vec<u8>,
    signer: Vec<u8>,
}

/// ContentInfo around SignedData (RFC 5652, 5.1).
fn content(content: Content) -> Vec<u8> {
    let signed = sequence(&[
        integer(content.version),
        set(&[sha256_algorithm()]),
        content.encapsulated,
        element(0xa0, &content.certificates),
        set(&[content.signer]),
    ]);
    sequence(&[oid("1.2.840.113549.1.7.2"), element(0xa0, &signed)])
}

/// SignerInfo. What is signed is the SET of attributes; what is stored carries an implicit tag instead (RFC 5652, 5.4).
fn signer_info(certificate: &[u8], attributes: &[u8], signature: &[u8], unsigned: Option<Vec<u8>>) -> Vec<u8> {
    let mut parts = vec![
        integer(1),
        issuer_and_serial(certificate),
        sha256_algorithm(),
        [&[0xa0], &attributes[1..]].concat(),
        sequence(&[oid("1.2.840.10045.4.3.2")]),
        element(4, signature),
    ];
    parts.extend(unsigned.map(|attribute| element(0xa1, &attribute)));
    sequence(&parts)
}

/// RFC 3161 token over a signature value, by the practice timestamp authority.
fn timestamp_token(signature_value: &[u8], signing_time: &str) -> Vec<u8> {
    const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";
    let certificate = pem(pki!("timestamp.cert.pem"));
    let imprint = sequence(&[sha256_algorithm(), element(4, &Sha256::digest(signature_value))]);
    let time = element(0x18, format!("20{signing_time}").as_bytes());
    let info = sequence(&[integer(1), oid("1.2.3.4.1"), imprint, integer(1), time]);
    let certificate_id = sequence(&[sequence(&[sequence(&[element(4, &Sha256::digest(&certificate))])])]);
    let attributes = set(&[
        attribute("1.2.840.113549.1.9.3", oid(TST_INFO)),
        attribute("1.2.840.113549.1.9.5", element(0x17, signing_time.as_bytes())),
        attribute("1.2.840.113549.1.9.4", element(4, &Sha256::digest(&info))),
        attribute("1.2.840.113549.1.9.16.2.47", certificate_id),
    ]);
    let signature = signature(pki!("timestamp.practice-only.key.pem"), &attributes);
    content(Content {
        version: 3,
        encapsulated: sequence(&[oid(TST_INFO), element(0xa0, &element(4, &info))]),
        certificates: [pem(pki!("root.cert.pem")), certificate.clone()].concat(),
        signer: signer_info(&certificate, &attributes, &signature, None),
    })
}

/// ECDSA with SHA-256, DER. Deterministic (RFC 6979), so the same input gives the same file.
fn signature(key: &str, message: &[u8]) -> Vec<u8> {
    let signature: DerSignature = SigningKey::from_pkcs8_der(&pem(key)).unwrap().sign(message);
    signature.as_bytes().to_vec()
}

fn sha256_algorithm() -> Vec<u8> {
    sequence(&[oid("2.16.840.1.101.3.4.2.1")])
}

fn attribute(name: &str, value: Vec<u8>) -> Vec<u8> {
    sequence(&[oid(name), set(&[value])])
}

fn issuer_and_serial(certificate: &[u8]) -> Vec<u8> {
    let certificate = Certificate::from_der(certificate).unwrap();
    let body = certificate.tbs_certificate();
    sequence(&[body.issuer().to_der().unwrap(), body.serial_number().to_der().unwrap()])
}

/// contentType, signing time, messageDigest, and Apple's two attributes with the hashes of all directories.
fn attributes(directory: &[u8], signing_time: &str) -> Vec<Vec<u8>> {
    let digest = Sha256::digest(directory);
    vec![
        attribute("1.2.840.113549.1.9.3", oid(DATA)),
        attribute("1.2.840.113549.1.9.5", element(0x17, signing_time.as_bytes())),
        attribute("1.2.840.113549.1.9.4", element(4, &digest)),
        attribute("1.2.840.113635.100.9.1", element(4, cdhash_list(&digest[..20]).as_bytes())),
        attribute("1.2.840.113635.100.9.2", sequence(&[oid("2.16.840.1.101.3.4.2.1"), element(4, &digest)])),
    ]
}

fn cdhash_list(cdhash: &[u8]) -> String {
    format!(
        concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
            "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n",
            "<plist version=\"1.0\">\n<dict>\n\t<key>cdhashes</key>\n\t<array>\n\t\t<data>\n\t\t{}\n\t\t</data>\n\t</array>\n</dict>\n</plist>\n"
        ),
        base64::engine::general_purpose::STANDARD.encode(cdhash)
    )
}
