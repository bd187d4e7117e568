//! Apple's own programs: their signature is Apple's, so no developer can add a key to them.

use super::case::{Candidate, Case, MendedBy};
use crate::detect::{Clue, Detected};
use crate::evidence::TextFacts;
use crate::read::cms::SignerKind;
use crate::read::crash::CrashReport;
use crate::read::log::TriedReason;
use std::path::Path;

/// CS_PLATFORM_BINARY of a process (xnu: osfmk/kern/cs_blobs.h).
const PLATFORM_BINARY: u32 = 0x0400_0000;
/// Where the system keeps its programs. What an administrator installs lies in `/usr/local`, `/opt` and `/Library`.
const SYSTEM_FOLDERS: [&str; 7] = ["/System/", "/usr/bin/", "/usr/sbin/", "/usr/libexec/", "/bin/", "/sbin/", "/usr/lib/"];

/// What would need a key in Apple's own program is mended by nobody.
pub(super) fn withhold(case: &Case<'_>, candidate: &mut Candidate) {
    const NEEDS: &[&str] = &["jit", "framework-patching", "library-validation", "dyld-debug", "debugger-attach"];
    if candidate.mended_by == MendedBy::Developer && NEEDS.contains(&candidate.cause) && is_apples(case, candidate) {
        candidate.mended_by = MendedBy::Nobody;
        let why = "the program is Apple's own: no entitlement can be added to it";
        candidate.no_keys.get_or_insert_with(|| why.to_owned());
    }
}

fn is_apples(case: &Case<'_>, candidate: &Candidate) -> bool {
    let subject = Path::new(&candidate.subject);
    let mut images = case.scene.evidence.images_at(subject).peekable();
    if images.peek().is_some() {
        return images.all(|image| image.facts().is_some_and(|facts| facts.signer.kind == SignerKind::Apple));
    }
    let mut shown = candidate.findings.iter().filter_map(|index| case.detected.get(*index));
    shown.any(|detected| is_of_apple(case, detected))
}

fn is_of_apple(case: &Case<'_>, detected: &Detected) -> bool {
    if matches!(detected.clue, Clue::LoadFailed { reason: TriedReason::PlatformProcess, .. }) {
        return true;
    }
    let text = detected.text.and_then(|index| case.scene.evidence.texts.get(index));
    matches!(text.map(|text| &text.facts), Some(TextFacts::Crash(report, _)) if is_apples_process(report))
}

fn is_apples_process(report: &CrashReport) -> bool {
    let by_flags = report.cs_flags.is_some_and(|flags| flags & PLATFORM_BINARY != 0);
    by_flags || report.path.as_deref().is_some_and(|path| SYSTEM_FOLDERS.iter().any(|folder| path.starts_with(folder)))
}
