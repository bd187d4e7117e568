//! Requirements evaluated against what is known of code: its own designated one, and the one a seal holds for nested code.

use super::{Code, of_slice};
use crate::evidence::SignatureFacts;
use crate::finding::Finding;
use crate::read::requirement::{Facts, Op, Requirement, RequirementType, Verdict};
use crate::read::signature::CodeSignatureFlags;

/// The explicit designated requirement of a slice against the slice itself. An implicit one is made from the signature and always satisfied.
pub(super) fn designated(code: Code<'_>, facts: &SignatureFacts) -> Option<Finding> {
    let set = match facts.signature.requirement_set.as_ref()? {
        Ok(set) => set,
        Err(fault) => return Some(unreadable(code, &fault.to_string())),
    };
    let broken = set.faults.first().or_else(|| set.entries.iter().find_map(|entry| entry.requirement.as_ref().err()));
    if let Some(fault) = broken {
        return Some(unreadable(code, &fault.to_string()));
    }
    let entry = set.entries.iter().find(|entry| entry.kind == RequirementType::Designated)?;
    let requirement = entry.requirement.as_ref().ok()?;
    match evaluate(requirement, facts) {
        Verdict::False(term) => {
            let is_ad_hoc = facts.signature.directory().is_some_and(|directory| directory.flags.contains(CodeSignatureFlags::ADHOC));
            let why = if is_ad_hoc && asks_for_certificate(requirement) {
                "it is signed ad hoc, without the certificate that is asked for"
            } else {
                "it was signed again by somebody else, or damaged"
            };
            let words = format!("does not satisfy its own designated requirement ({term}): {why}");
            Some(of_slice(code, "designated-requirement-not-satisfied", &words, &[requirement.to_string()]))
        }
        Verdict::True | Verdict::Unknown(_) => None,
    }
}

fn unreadable(code: Code<'_>, why: &str) -> Finding {
    of_slice(code, "requirements-unreadable", &format!("has internal requirements that cannot be read: {why}"), &[why.to_owned()])
}

/// Judges a requirement by what the files tell of one slice. A chain without a trusted root leaves `anchor apple` open: whom to trust is another finding.
pub(super) fn evaluate(requirement: &Requirement, facts: &SignatureFacts) -> Verdict {
    // A saved case holds no certificates, only what was read from them: what a requirement asks of one cannot be judged.
    if facts.chain.iter().flat_map(|chain| &chain.certificates).any(|certificate| certificate.der.is_empty()) {
        return Verdict::Unknown("the certificates themselves".into());
    }
    let cdhashes: Vec<[u8; 20]> = facts.signature.directories.iter().map(|directory| directory.cdhash).collect();
    let directory = facts.signature.directory();
    let chain = facts.chain.as_ref();
    let entitlements = facts.signature.entitlements.as_ref().map_or(&[][..], |entitlements| &entitlements.entries);
    requirement.evaluate(&Facts {
        identifier: directory.map(|directory| directory.identifier.as_str()),
        cdhashes: &cdhashes,
        platform: directory.map(|directory| directory.platform),
        chain: chain.map_or(&[], |chain| &chain.certificates),
        chain_is_complete: chain.is_some_and(|chain| chain.is_complete),
        ends_in_apple_root: chain.and_then(|chain| chain.is_trusted.then_some(true)),
        info: facts.info.as_deref(),
        entitlements: Some(entitlements),
        notarized: None,
    })
}

/// What no ad hoc signature has is part of it.
fn asks_for_certificate(requirement: &Requirement) -> bool {
    let Requirement::Expression(ops) = requirement else { return false };
    ops.iter().any(|op| {
        matches!(
            op,
            Op::AppleAnchor
                | Op::AppleGenericAnchor
                | Op::CertificateHash { .. }
                | Op::CertificateField { .. }
                | Op::CertificateExtension { .. }
                | Op::CertificatePolicy { .. }
                | Op::CertificateDate { .. }
                | Op::TrustedCertificate(_)
                | Op::TrustedCertificates
        )
    })
}

/// How many cdhashes a requirement names.
pub(super) fn cdhashes(requirement: &Requirement) -> usize {
    match requirement {
        Requirement::Expression(ops) => ops.iter().filter(|op| matches!(op, Op::CdHash(_))).count(),
        Requirement::Lightweight(_) => 0,
    }
}
