//! Checks a signature without Temper's readers: page hashes, special slots, CMS, certificate chain.

use super::sign;
use der::{Decode, Encode};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{DerSignature, VerifyingKey};
use sha2::{Digest, Sha256};
use x509_cert::Certificate;

/// What a slice's signature says, once it is known to hold.
#[derive(Debug, PartialEq, Eq)]
pub struct Checked {
    pub identifier: String,
    pub team: Option<String>,
    pub flags: u32,
    pub version: u32,
    pub entitled: bool,
    pub signer: Option<String>,
}

/// Checks one thin slice; `info` and `seal` are Info.plist and CodeResources of its bundle.
pub fn slice(slice: &[u8], info: Option<&[u8]>, seal: Option<&[u8]>) -> Result<Checked, String> {
    let signature = sign::signature_of(slice).ok_or("no signature")?;
    let directory = sign::code_directory(slice).ok_or("no CodeDirectory")?;
    let word = |at: usize| u32::from_be_bytes(directory[at..at + 4].try_into().unwrap());
    let (hashes, limit, page) = (word(16) as usize, word(32) as usize, 1usize << directory[39]);
    let slot = |number: i64| {
        let at = usize::try_from(hashes as i64 + number * 32).unwrap();
        &directory[at..at + 32]
    };
    if slice[..limit].chunks(page).count() != word(28) as usize {
        return Err("wrong number of pages".into());
    }
    for (number, bytes) in slice[..limit].chunks(page).enumerate() {
        if slot(number as i64) != &Sha256::digest(bytes)[..] {
            return Err(format!("page {number}"));
        }
    }
    for number in 1..=word(24) {
        let content = match number {
            1 => info,
            3 => seal,
            number => sign::blob_of(signature, number),
        };
        let expected = content.map_or([0; 32], |bytes| Sha256::digest(bytes).into());
        if slot(-i64::from(number)) != expected {
            return Err(format!("slot {number}"));
        }
    }
    let text = |at: u32| directory[at as usize..].split(|&b| b == 0).next().map(|b| String::from_utf8_lossy(b).into_owned()).unwrap();
    let cms = sign::blob_of(signature, 0x10000).map(|blob| &blob[8..]).unwrap_or_default();
    Ok(Checked {
        identifier: text(word(20)),
        team: (word(48) != 0).then(|| text(word(48))),
        flags: word(12),
        version: word(8),
        entitled: sign::blob_of(signature, 5).is_some(),
        signer: if cms.is_empty() { None } else { Some(signer(cms, directory)?) },
    })
}

/// 1.2.840.113549.1.9.4
const MESSAGE_DIGEST: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 4];

/// Elements of a DER body: (tag, body, whole).
fn elements(mut bytes: &[u8]) -> Vec<(u8, &[u8], &[u8])> {
    let mut found = Vec::new();
    while bytes.len() > 1 {
        let (head, size) = match bytes[1] {
            short @ ..0x80 => (2, usize::from(short)),
            long => {
                let count = usize::from(long & 0x7f);
                (2 + count, bytes[2..2 + count].iter().fold(0, |size, &b| size << 8 | usize::from(b)))
            }
        };
        found.push((bytes[0], &bytes[head..head + size], &bytes[..head + size]));
        bytes = &bytes[head + size..];
    }
    found
}

/// Common name of the signer of a CMS over `directory`, when signature, digest and chain hold.
fn signer(cms: &[u8], directory: &[u8]) -> Result<String, String> {
    let info = elements(elements(cms)[0].1);
    let signed = elements(elements(info[1].1)[0].1);
    let certificates: Vec<Certificate> = elements(signed[3].1).iter().map(|(_, _, whole)| Certificate::from_der(whole).unwrap()).collect();
    let [authority, root, leaf] = &certificates[..] else { return Err("three certificates".into()) };
    let root_file = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/labs/pki/root.cert.der")).unwrap();
    if root.to_der().unwrap() != root_file {
        return Err("another root".into());
    }
    for (certificate, issuer) in [(leaf, authority), (authority, root), (root, root)] {
        let body = certificate.tbs_certificate().to_der().unwrap();
        verify(issuer, &body, certificate.signature().raw_bytes()).map_err(|error| format!("chain: {error}"))?;
    }
    let signer = elements(elements(signed[4].1)[0].1);
    let attributes: Vec<u8> = [&[0x31], &signer[3].2[1..]].concat();
    verify(leaf, &attributes, signer[5].1)?;
    let message_digest =
        elements(signer[3].1).into_iter().map(|(_, attribute, _)| elements(attribute)).find(|parts| parts[0].1 == MESSAGE_DIGEST);
    let digest = message_digest.map(|parts| elements(parts[1].1)[0].1).ok_or("no messageDigest")?;
    if digest != &Sha256::digest(directory)[..] {
        return Err("messageDigest".into());
    }
    Ok(leaf.tbs_certificate().subject().to_string())
}

fn verify(certificate: &Certificate, message: &[u8], signature: &[u8]) -> Result<(), String> {
    let key = certificate.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes();
    let key = VerifyingKey::from_sec1_bytes(key).map_err(|error| error.to_string())?;
    let signature = DerSignature::from_bytes(signature).map_err(|error| error.to_string())?;
    key.verify(message, &signature).map_err(|error| error.to_string())
}
