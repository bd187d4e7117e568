//! Signing identities of the keychain, as `security find-identity -v -p codesigning` lists them.
//!
//! An identity is a certificate with its private key: a certificate alone is not in the list (Apple, security(1), find-identity). The kind of a keychain's
//! identity is read from its name, which is what Apple's certificates are told apart by for people; the chain is not looked at here.

use super::lossy;

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)]
mod tests;

/// A certificate with its private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// SHA-1 of the certificate, forty hexadecimal digits in capitals: the one name that is never ambiguous (codesign(1), SIGNING IDENTITIES).
    pub hash: String,
    /// Common name of the certificate.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// Why it cannot sign; `None` when nothing speaks against it.
    pub fault: Option<Fault>,
}

/// What Apple issues a certificate for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Distribution outside the App Store.
    DeveloperId,
    /// The developer's own machines.
    Development,
    /// The App Store.
    AppStore,
    /// Installer packages, no code.
    Installer,
    /// Anything else, a certificate of one's own among it.
    Other,
}

/// Why an identity cannot sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// `CSSMERR_TP_CERT_EXPIRED`
    Expired,
    /// `CSSMERR_TP_CERT_NOT_VALID_YET`
    NotYetValid,
    /// `CSSMERR_TP_CERT_REVOKED`
    Revoked,
    /// `CSSMERR_TP_NOT_TRUSTED`: its issuer is missing, or not trusted.
    NotTrusted,
    /// Another word of the Security framework.
    Other(String),
}

/// Lines that are looked at: a keychain has a handful of identities.
const MOST_LINES: usize = 10_000;

/// The identities of `security find-identity`, each once. A line that is none is passed over; without `-v` the same identity stands in two lists.
pub fn keychain(output: &[u8]) -> Vec<Identity> {
    let mut all: Vec<Identity> = Vec::new();
    for identity in lossy(output).lines().take(MOST_LINES).filter_map(line) {
        match all.iter_mut().find(|known| known.hash == identity.hash) {
            Some(known) => known.fault = known.fault.take().or(identity.fault),
            None => all.push(identity),
        }
    }
    all
}

/// `  1) 0123…CDEF "Apple Development: Jo (AB12CD34EF)" (CSSMERR_TP_CERT_EXPIRED)`
fn line(line: &str) -> Option<Identity> {
    let (number, rest) = line.trim().split_once(") ")?;
    number.parse::<u32>().ok()?;
    let (hash, rest) = rest.trim_start().split_once(' ')?;
    let quoted = rest.trim().strip_prefix('"')?;
    // A name may hold a quote: the last one ends it.
    let (name, after) = quoted.rsplit_once('"')?;
    let fault = after.trim().strip_prefix('(').and_then(|after| after.strip_suffix(')')).map(fault);
    is_hash(hash).then(|| Identity { hash: hash.to_ascii_uppercase(), name: name.to_owned(), kind: Kind::of_name(name), fault })
}

/// Forty hexadecimal digits: codesign takes them for the hash of a certificate, never for a name.
pub fn is_hash(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn fault(word: &str) -> Fault {
    match word {
        "CSSMERR_TP_CERT_EXPIRED" => Fault::Expired,
        "CSSMERR_TP_CERT_NOT_VALID_YET" => Fault::NotYetValid,
        "CSSMERR_TP_CERT_REVOKED" => Fault::Revoked,
        "CSSMERR_TP_NOT_TRUSTED" => Fault::NotTrusted,
        other => Fault::Other(other.to_owned()),
    }
}

impl Kind {
    /// By the beginning of a certificate's name (Apple, "Certificate names" in Xcode's help on signing certificates).
    pub fn of_name(name: &str) -> Self {
        const BEGINNINGS: &[(&str, Kind)] = &[
            ("Developer ID Application:", Kind::DeveloperId),
            ("Developer ID Installer:", Kind::Installer),
            ("Apple Development:", Kind::Development),
            ("Mac Developer:", Kind::Development),
            ("iPhone Developer:", Kind::Development),
            ("Apple Distribution:", Kind::AppStore),
            ("iPhone Distribution:", Kind::AppStore),
            ("3rd Party Mac Developer Application:", Kind::AppStore),
            ("3rd Party Mac Developer Installer:", Kind::Installer),
        ];
        BEGINNINGS.iter().find(|(beginning, _)| name.starts_with(beginning)).map_or(Kind::Other, |(_, kind)| *kind)
    }
}
