//! Digests and signatures: which key signed which bytes.

use super::ber::{self, Reader};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// A digest algorithm of CMS and X.509.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digest {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Digest {
    /// By the OID of a digest, or of a signature algorithm that names one; `None` for any other.
    pub fn from_oid(oid: &str) -> Option<Self> {
        match oid {
            "1.3.14.3.2.26" | "1.2.840.113549.1.1.5" | "1.2.840.10045.4.1" => Some(Digest::Sha1),
            "2.16.840.1.101.3.4.2.1" | "1.2.840.113549.1.1.11" | "1.2.840.10045.4.3.2" => Some(Digest::Sha256),
            "2.16.840.1.101.3.4.2.2" | "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => Some(Digest::Sha384),
            "2.16.840.1.101.3.4.2.3" | "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" => Some(Digest::Sha512),
            _ => None,
        }
    }

    /// The digest of `bytes`.
    pub fn of(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Digest::Sha1 => Sha1::digest(bytes).to_vec(),
            Digest::Sha256 => Sha256::digest(bytes).to_vec(),
            Digest::Sha384 => Sha384::digest(bytes).to_vec(),
            Digest::Sha512 => Sha512::digest(bytes).to_vec(),
        }
    }
}

/// True when `signature` over `message` verifies with the key of `public_key` (a DER SubjectPublicKeyInfo). Kinds of key: RSA with PKCS #1 v1.5,
/// ECDSA on P-256 and P-384. Anything else, and anything malformed, is false.
pub(super) fn verifies(public_key: &[u8], digest: Digest, message: &[u8], signature: &[u8]) -> bool {
    check(public_key, digest, &digest.of(message), signature).is_some()
}

fn check(public_key: &[u8], digest: Digest, hash: &[u8], signature: &[u8]) -> Option<()> {
    let mut outer = Reader::der(public_key);
    let info = outer.expect(0x30, "a public key").ok()?;
    let mut info = outer.enter(&info).ok()?;
    let algorithm = info.expect(0x30, "a key algorithm").ok()?;
    let mut algorithm = info.enter(&algorithm).ok()?;
    let kind = ber::oid(&algorithm.next().ok()??)?;
    match kind.as_str() {
        "1.2.840.113549.1.1.1" => check_rsa(public_key, digest, hash, signature),
        "1.2.840.10045.2.1" => {
            let curve = ber::oid(&algorithm.next().ok()??)?;
            let point = info.expect(0x03, "a public key").ok()?.body.strip_prefix(&[0])?;
            check_ecdsa(&curve, point, hash, signature)
        }
        _ => None,
    }
}

/// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.2). The crate `rsa` reads the key, refuses sizes and exponents that only cost time, and does the arithmetic.
/// The padded digest is made and compared as a whole: nothing of the decrypted block is parsed, so there is no lax parsing to exploit.
fn check_rsa(public_key: &[u8], digest: Digest, hash: &[u8], signature: &[u8]) -> Option<()> {
    use rsa::BoxedUint;
    use rsa::pkcs8::DecodePublicKey as _;
    use rsa::traits::PublicKeyParts as _;
    let key = rsa::PublicKey::from_public_key_der(public_key).ok()?;
    let size = key.size();
    if signature.len() != size {
        return None;
    }
    let number = BoxedUint::from_be_slice(signature, key.n_bits_precision()).ok()?;
    if number >= **key.n() {
        return None;
    }
    let block = number.pow_mod(key.e(), key.n_params().modulus()).to_be_bytes();
    let (padding, block) = block.split_at_checked(block.len().checked_sub(size)?)?;
    let matches = padding.iter().all(|&byte| byte == 0) && block == padded(digest, hash, size)?;
    matches.then_some(())
}

/// EMSA-PKCS1-v1_5 (RFC 8017 §9.2): `00 01 FF… 00 DigestInfo`, `size` bytes long; `None` when that leaves fewer than eight `FF`.
fn padded(digest: Digest, hash: &[u8], size: usize) -> Option<Vec<u8>> {
    let prefix: &[u8] = match digest {
        Digest::Sha1 => &[0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14],
        Digest::Sha256 => {
            &[0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20]
        }
        Digest::Sha384 => {
            &[0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30]
        }
        Digest::Sha512 => {
            &[0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40]
        }
    };
    let filler = size.checked_sub(prefix.len())?.checked_sub(hash.len())?.checked_sub(3).filter(|&filler| filler >= 8)?;
    let mut block = vec![0x00, 0x01];
    block.extend(std::iter::repeat_n(0xff, filler));
    block.push(0x00);
    block.extend_from_slice(prefix);
    block.extend_from_slice(hash);
    Some(block)
}

fn check_ecdsa(curve: &str, point: &[u8], hash: &[u8], signature: &[u8]) -> Option<()> {
    use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
    match curve {
        "1.2.840.10045.3.1.7" => {
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?;
            key.verify_prehash(hash, &p256::ecdsa::Signature::from_der(signature).ok()?).ok()
        }
        "1.3.132.0.34" => {
            let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(point).ok()?;
            key.verify_prehash(hash, &p384::ecdsa::Signature::from_der(signature).ok()?).ok()
        }
        _ => None,
    }
}
