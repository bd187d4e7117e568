//! One slice: pages, slots, limits and forms of its signature.

use super::{Code, of_slice, requirement, signer};
use crate::evidence::{Detached, Image, SignatureFacts, Signed};
use crate::finding::Finding;
use crate::read::signature::{CodeDirectory, CodeSignatureFlags, HashType};

/// What the special slots hold (`codedirectory.h`).
const SLOTS: &[(u32, &str)] = &[
    (2, "requirements"),
    (4, "application-specific part"),
    (5, "entitlements"),
    (6, "disk image part"),
    (7, "entitlements (DER form)"),
    (8, "launch constraint on itself"),
    (9, "launch constraint on its parent"),
    (10, "launch constraint on the responsible process"),
    (11, "library constraint"),
];

pub(super) fn verify(image: &Image, examined_at: i64) -> Vec<Finding> {
    match &image.signed {
        Signed::No if image.is_executable() && image.arch().is_arm64() => {
            let words = "is not signed; Apple silicon runs no unsigned program";
            vec![of_slice(image, "unsigned-executable", words, &["no LC_CODE_SIGNATURE".into()])]
        }
        Signed::No => Vec::new(),
        Signed::Unreadable(why) => vec![unreadable(image.into(), why)],
        Signed::Yes(facts) => {
            let mut all = signed(image.into(), facts, examined_at);
            all.extend(limits(image, facts));
            all.extend(page_form(image, facts));
            all
        }
    }
}

/// Code that is no Mach-O. No kernel maps it, so that pages may be of any size.
pub(super) fn verify_detached(code: &Detached, examined_at: i64) -> Vec<Finding> {
    match &code.signed {
        Signed::Yes(facts) => {
            let mut all = signed(code.into(), facts, examined_at);
            all.extend(longer(code, facts));
            all
        }
        Signed::Unreadable(why) => vec![unreadable(code.into(), why)],
        Signed::No => Vec::new(),
    }
}

/// What holds for every signature.
fn signed(code: Code<'_>, facts: &SignatureFacts, examined_at: i64) -> Vec<Finding> {
    let mut all = structure(code, facts);
    all.extend(signer::verify(code, facts, examined_at));
    all.extend(slots(code, facts));
    all.extend(pages(code, facts));
    all.extend(requirement::designated(code, facts));
    all
}

/// Only a strict look compares the code limit with the file (`singlediskrep.cpp strictValidate`).
fn longer(code: &Detached, facts: &SignatureFacts) -> Option<Finding> {
    let limit = facts.signature.directories.iter().map(|directory| directory.code_limit).min()?;
    let quote = format!("code limit {limit}, file of {} bytes", facts.slice_size);
    let words = "is longer than what was signed: something was appended that no signature covers";
    (facts.slice_size > limit).then(|| of_slice(code, "file-longer-than-signed", words, &[quote]))
}

fn unreadable(code: Code<'_>, why: &str) -> Finding {
    of_slice(code, "signature-unreadable", &format!("has a signature that cannot be read: {why}"), &[why.to_owned()])
}

/// The name of a directory in proofs.
fn named(directory: &CodeDirectory) -> &'static str {
    match directory.hash_type {
        HashType::Sha1 => "SHA-1",
        HashType::Sha256 => "SHA-256",
        HashType::Sha256Truncated => "truncated SHA-256",
        HashType::Sha384 => "SHA-384",
        HashType::Other(_) => "unknown digest",
    }
}

/// Names of the directories for which something holds; `check` gets the index of each.
fn those(facts: &SignatureFacts, check: impl Fn(usize) -> bool) -> Vec<&'static str> {
    let directories = facts.signature.directories.iter().enumerate();
    directories.filter(|(index, _)| check(*index)).map(|(_, directory)| named(directory)).collect()
}

/// What cannot be read, and directories that do not go together.
fn structure(code: Code<'_>, facts: &SignatureFacts) -> Vec<Finding> {
    let signature = &facts.signature;
    let mut all = Vec::new();
    let is_twin = |index: &usize| {
        let kind = signature.directories.get(*index).map(|directory| directory.hash_type);
        signature.directories.iter().take(*index).any(|other| Some(other.hash_type) == kind)
    };
    if (0..signature.directories.len()).any(|index| is_twin(&index)) {
        let words = "has two code directories with one kind of digest, which macOS refuses";
        let listed: Vec<String> =
            signature.directories.iter().map(|directory| format!("slot {:#x}: {}", directory.slot, named(directory))).collect();
        all.push(of_slice(code, "two-directories-of-one-digest", words, &listed));
    }
    // The reader notes twins as a fault too.
    let faults: Vec<String> =
        signature.faults.iter().map(ToString::to_string).filter(|fault| !fault.starts_with("two CodeDirectories")).take(8).collect();
    if let Some(first) = faults.first() {
        all.push(of_slice(code, "signature-malformed", &format!("has a signature that is damaged: {first}"), &faults));
    }
    all.extend(disagreement(code, &signature.directories));
    if signature.entitlements.as_ref().is_some_and(|entitlements| entitlements.forms_differ) {
        let words = "has entitlements whose XML and DER forms say different things; macOS goes by the DER form";
        all.push(of_slice(code, "entitlements-forms-differ", words, &["slots -5 and -7 differ".into()]));
    }
    all
}

fn disagreement(code: Code<'_>, directories: &[CodeDirectory]) -> Option<Finding> {
    let first = directories.first()?;
    let differs = |other: &&CodeDirectory| {
        (&other.identifier, &other.team, other.flags, other.code_limit) != (&first.identifier, &first.team, first.flags, first.code_limit)
    };
    directories.iter().find(differs)?;
    let listed: Vec<String> = directories
        .iter()
        .map(|d| {
            let team = d.team.as_deref().unwrap_or("none");
            format!("{}: identifier {}, team {team}, flags {:#x}, code limit {}", named(d), d.identifier, d.flags.0, d.code_limit)
        })
        .collect();
    Some(of_slice(code, "directories-disagree", "has code directories that say different things of it", &listed))
}

/// Special slots: embedded blobs, Info.plist, the seal; against every directory.
fn slots(code: Code<'_>, facts: &SignatureFacts) -> Vec<Finding> {
    let mut all = Vec::new();
    let info = those(facts, |index| facts.directories.get(index).is_some_and(|check| check.info_plist_matches == Some(false)));
    if !info.is_empty() {
        let quote = format!("special slot -1 differs ({})", info.join(", "));
        all.push(of_slice(code, "info-plist-does-not-match", "has an Info.plist that was changed or lost after signing", &[quote]));
    }
    let seal = those(facts, |index| facts.directories.get(index).is_some_and(|check| check.resources_match == Some(false)));
    if !seal.is_empty() {
        let quote = format!("special slot -3 differs ({})", seal.join(", "));
        let words = "has a resource seal (CodeResources) that was changed or lost after signing";
        all.push(of_slice(code, "seal-does-not-match", words, &[quote]));
    }
    for (slot, what) in SLOTS {
        let bad = those(facts, |index| facts.signature.slot_faults.get(index).is_some_and(|slots| slots.contains(slot)));
        if !bad.is_empty() {
            let quote = format!("special slot -{slot} differs ({})", bad.join(", "));
            let words = format!("has a signature whose {what} (slot -{slot}) does not match");
            all.push(of_slice(code, "signature-slot-does-not-match", &words, &[quote]));
        }
    }
    all
}

/// What the directories cover, against where code and signature lie.
fn limits(image: &Image, facts: &SignatureFacts) -> Vec<Finding> {
    let mut all = Vec::new();
    let Some(range) = image.macho.signature.filter(|_| facts.slice_size > 0) else { return all };
    let end = range.offset.saturating_add(range.size);
    let furthest = facts.signature.directories.iter().map(|directory| directory.code_limit).max().unwrap_or(0);
    let nearest = facts.signature.directories.iter().map(|directory| directory.code_limit).min().unwrap_or(0);
    let quote = format!("code limit {furthest}, signature at {}, slice of {} bytes", range.offset, facts.slice_size);
    if furthest > range.offset {
        let words = "has a signature that claims to cover more than the code before it";
        all.push(of_slice(image, "code-limit-beyond-end", words, std::slice::from_ref(&quote)));
    } else if nearest < range.offset {
        let quote = format!("code limit {nearest}, signature at {}", range.offset);
        all.push(of_slice(image, "code-not-covered", "has code before its signature that the signature does not cover", &[quote]));
    }
    let linkedit = image.macho.segments.iter().find(|segment| segment.name == "__LINKEDIT");
    let linked = linkedit.map_or(end, |segment| segment.offset.saturating_add(segment.file_size));
    if facts.slice_size > end || linked != end {
        let quote = format!("signature ends at {end}, __LINKEDIT at {linked}, slice of {} bytes", facts.slice_size);
        let words = "does not end with its signature: something was appended that no signature covers";
        all.push(of_slice(image, "data-after-signature", words, &[quote]));
    }
    all.extend(exec_segment(image, facts));
    all
}

/// execSegBase and execSegLimit are the place of `__TEXT` in the file (`signer.cpp`); the linker counts only up to the end of its sections.
fn exec_segment(image: &Image, facts: &SignatureFacts) -> Option<Finding> {
    let text = image.macho.segments.iter().find(|segment| segment.name == "__TEXT")?;
    let (base, limit, _) = facts.signature.directory()?.exec_segment.filter(|(base, limit, _)| (*base, *limit) != (0, 0))?;
    let is_linked = facts.signature.directory()?.flags.contains(CodeSignatureFlags::LINKER_SIGNED);
    if base == text.offset && (limit == text.file_size || (is_linked && limit < text.file_size)) {
        return None;
    }
    let quote = format!("executable segment {base} + {limit}, __TEXT {} + {}", text.offset, text.file_size);
    Some(of_slice(image, "exec-segment-does-not-match", "has a signature that places its code elsewhere than it is", &[quote]))
}

/// Pages against the digests of every directory; one finding, with a proof for each directory.
fn pages(code: Code<'_>, facts: &SignatureFacts) -> Option<Finding> {
    let mut quotes = Vec::new();
    let mut worst: Option<(u64, u64)> = None;
    for (directory, check) in facts.signature.directories.iter().zip(&facts.directories) {
        let Some(pages) = check.pages.as_ref().filter(|pages| pages.bad_count > 0) else { continue };
        let first: Vec<String> = pages.bad.iter().take(4).map(u64::to_string).collect();
        let more = if pages.bad_count > 4 { " …" } else { "" };
        quotes.push(format!("pages {}{more} differ from their hashes ({})", first.join(", "), named(directory)));
        if worst.is_none_or(|(bad, _)| pages.bad_count > bad) {
            worst = Some((pages.bad_count, pages.checked));
        }
    }
    let (bad, checked) = worst?;
    let words = format!("was changed after it was signed: {bad} of {checked} pages do not match");
    Some(of_slice(code, "page-does-not-match", &words, &quotes))
}

/// The kernel takes pages of 4 KiB or of its own size, which is 4 KiB on Intel Macs (`ubc_subr.c`); Security takes any.
fn page_form(image: &Image, facts: &SignatureFacts) -> Option<Finding> {
    let chosen = facts.signature.directory();
    if let Some(directory) = chosen.filter(|directory| matches!(directory.hash_type, HashType::Other(_))) {
        let words = "has a signature with a digest that macOS does not accept";
        Some(of_slice(image, "page-digest-not-accepted", words, &[named(directory).into()]))
    } else if let Some(directory) = chosen.filter(|directory| !matches!(directory.page_size, 12 | 14)) {
        let words = "has a signature with a page size that macOS does not accept";
        Some(of_slice(image, "page-size-not-accepted", words, &[format!("page size 2^{}", directory.page_size)]))
    } else if chosen.is_some_and(|directory| directory.page_size == 14) && !image.arch().is_arm64() {
        let words = "has a signature with pages of 16 KiB, which Intel Macs do not accept";
        Some(of_slice(image, "page-size-not-accepted", words, &["page size 16384".into()]))
    } else {
        None
    }
}
