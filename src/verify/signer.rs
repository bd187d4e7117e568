//! The cryptographic signature of a slice: does it cover these directories, by whom, and was the certificate good at the time?

use super::{Code, of_slice};
use crate::evidence::SignatureFacts;
use crate::finding::Finding;
use crate::read::cms::{Certificate, Cms};
use crate::read::signature::CodeSignatureFlags;

pub(super) fn verify(code: Code<'_>, facts: &SignatureFacts, examined_at: i64) -> Vec<Finding> {
    let flags = facts.signature.directory().map_or(CodeSignatureFlags(0), |directory| directory.flags);
    let is_ad_hoc = flags.contains(CodeSignatureFlags::ADHOC);
    let Some(cms) = &facts.signature.cms else {
        let is_said = is_ad_hoc || flags.contains(CodeSignatureFlags::LINKER_SIGNED) || facts.signature.directories.is_empty();
        let words = "has no certificate, though its signature does not say that it is ad hoc";
        let found = (!is_said).then(|| of_slice(code, "certificate-missing", words, &[format!("flags {:#x}", flags.0)]));
        return found.into_iter().collect();
    };
    let mut all = content(code, cms);
    // What follows asks for a signature that holds.
    if all.is_empty() {
        all.extend(timestamp(code, facts, cms));
        all.extend(chain(code, facts));
        all.extend(validity(code, cms, flags, examined_at));
    }
    all
}

/// The signature itself, and what it covers.
fn content(code: Code<'_>, cms: &Cms) -> Vec<Finding> {
    let faults: Vec<String> = cms.faults.iter().map(ToString::to_string).take(8).collect();
    let one = |id, words: &str, quote: &str| {
        let quotes: Vec<String> = std::iter::once(quote.to_owned()).chain(faults.iter().cloned()).collect();
        vec![of_slice(code, id, words, &quotes)]
    };
    if cms.chain.is_empty() {
        return one("cms-unreadable", "has a cryptographic signature that cannot be read", "no certificate of the signer");
    }
    if !cms.signature_verifies {
        return one("cms-does-not-verify", "has a cryptographic signature that does not verify", "the CMS signature does not verify");
    }
    if !cms.digest_matches {
        let words = "has a cryptographic signature over another code directory: it was changed after signing";
        return one("cms-covers-another-directory", words, "messageDigest differs");
    }
    if cms.cdhashes_match == Some(false) {
        let words = "has a cryptographic signature that names other code directories than those that are there";
        return one("cms-names-other-directories", words, "the cdhash attributes differ");
    }
    Vec::new()
}

fn timestamp(code: Code<'_>, facts: &SignatureFacts, cms: &Cms) -> Option<Finding> {
    let is_broken = facts.timestamp_chain.as_ref().is_some_and(|chain| chain.is_broken);
    if cms.timestamp_verifies? && !is_broken {
        let chain = facts.timestamp_chain.as_ref().filter(|chain| !chain.is_trusted)?;
        let why = chain.problem.clone().unwrap_or_default();
        let words = format!("has a secure timestamp of a signer that is not trusted: {why}");
        return Some(of_slice(code, "timestamp-signer-not-trusted", &words, &[why]));
    }
    let stamp = cms.timestamp_token.as_ref();
    let why = match stamp {
        None => "it cannot be read",
        Some(stamp) if !stamp.imprint_matches => "it is over another signature",
        Some(stamp) if !stamp.digest_matches || !stamp.signature_verifies => "its own signature does not verify",
        Some(stamp) if !stamp.is_within_validity => "its certificate was not valid at its time",
        Some(stamp) if !stamp.is_for_timestamping => "its certificate is not one for timestamps",
        Some(_) => "the chain of its certificate does not verify",
    };
    Some(of_slice(code, "timestamp-does-not-verify", &format!("has a secure timestamp that does not hold: {why}"), &[why.into()]))
}

fn chain(code: Code<'_>, facts: &SignatureFacts) -> Option<Finding> {
    let chain = facts.chain.as_ref()?;
    let why = chain.problem.clone().unwrap_or_default();
    if chain.is_broken {
        let words = format!("is signed with a certificate whose chain does not verify: {why}");
        return Some(of_slice(code, "certificate-chain-broken", &words, &[why]));
    }
    if !chain.is_trusted {
        let words = format!("is signed by somebody Temper has no reason to trust: {why}");
        return Some(of_slice(code, "signer-not-trusted", &words, &[why]));
    }
    let leaf = chain.certificates.first().filter(|leaf| !leaf.is_for_code_signing())?;
    let words = "is signed with a certificate that is not one for signing code";
    let quote = format!("{}: extended key usage {}", name(leaf), leaf.purposes.as_ref().map_or_else(|| "absent".into(), |p| p.join(", ")));
    Some(of_slice(code, "certificate-not-for-code-signing", words, &[quote]))
}

/// With a secure timestamp its time counts (`StaticCode.cpp verifySignature`). Without one an expired certificate is tolerated, unless the flag `expires` is
/// set.
fn validity(code: Code<'_>, cms: &Cms, flags: CodeSignatureFlags, examined_at: i64) -> Option<Finding> {
    let stamp = cms.timestamp_token.as_ref().filter(|stamp| stamp.verifies()).map(|stamp| stamp.time);
    let time = stamp.unwrap_or(examined_at);
    let bad = cms.chain.iter().find(|certificate| !certificate.is_valid_at(time)).filter(|_| time > 0)?;
    let is_strict = stamp.is_some() || flags.contains(CodeSignatureFlags::CHECK_EXPIRATION);
    let is_late = bad.not_after < time;
    let (id, words) = match (is_strict, is_late) {
        (true, true) if stamp.is_some() => ("certificate-expired-when-signed", "was signed with a certificate that had expired"),
        (true, true) => ("certificate-expired-when-signed", "asks to end with its certificate, which has expired"),
        (true, false) => ("certificate-not-yet-valid-when-signed", "was signed with a certificate that was not valid yet"),
        (false, true) => ("certificate-expired", "is signed without a secure timestamp, and its certificate has expired"),
        (false, false) => ("certificate-not-yet-valid", "is signed without a secure timestamp, with a certificate that is not valid yet"),
    };
    let quote = format!("{}: valid from {} to {}, judged at {}", name(bad), date(bad.not_before), date(bad.not_after), date(time));
    Some(of_slice(code, id, words, &[quote]))
}

fn name(certificate: &Certificate) -> String {
    certificate.common_name.clone().unwrap_or_else(|| "a certificate without a name".into())
}

/// A day in UTC.
fn date(seconds: i64) -> String {
    time::OffsetDateTime::from_unix_timestamp(seconds).map_or_else(|_| seconds.to_string(), |time| time.date().to_string())
}
