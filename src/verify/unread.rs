//! What could not be compared at all: files that were not read, bundles whose program is gone, is no code or is not signed.

use super::{finding, nested, of_slice, seen};
use crate::evidence::{Bundle, Evidence, Image, MAX_FILES, Signed, TargetKind};
use crate::finding::Finding;
use std::collections::HashSet;
use std::path::Path;

/// Files, and code with a slice, that could not be read. Security stops at them too; what is in them is not known, so nothing is accounted for.
pub(super) fn files(evidence: &Evidence) -> Vec<Finding> {
    let one = |path: &Path| {
        let why = evidence.gaps.iter().find(|gap| gap.path == path).map_or("it could not be read", |gap| gap.why.as_str());
        let subject = path.to_string_lossy().into_owned();
        let name = evidence.name_of(path);
        let message = format!("{name} could not be read, or not to its end: what its signature or seal covers was not compared");
        finding("file-not-read", &subject, None, message, vec![seen(&subject, why)])
    };
    evidence.unread.iter().map(|path| one(path)).collect()
}

/// Bundles with a seal, or sealed by an outer one, whose main executable is not there, or neither Mach-O nor a script.
pub(super) fn programs(evidence: &Evidence) -> Vec<Finding> {
    let sealed: HashSet<&Path> = evidence.seals.iter().flat_map(|check| &check.nested).map(|sealed| sealed.path.as_path()).collect();
    let is_signed = |bundle: &&Bundle| bundle.has_seal || sealed.contains(bundle.path.as_path());
    evidence.bundles.iter().filter(is_signed).filter_map(|bundle| program(bundle, evidence)).collect()
}

/// Slices without a signature of code that ought to have one: main executables of sealed bundles, and a file that was named alone. Those that macOS would
/// not even start have a finding of their own.
pub(super) fn unsigned(evidence: &Evidence) -> Vec<Finding> {
    let is_lone = evidence.target.kind == TargetKind::MachO;
    let is_main = |image: &Image| match image.main_of.and_then(|index| evidence.bundles.get(index)) {
        Some(bundle) => bundle.has_seal,
        None => is_lone && evidence.target.executable.as_deref() == Some(image.path.as_path()),
    };
    let is_said = |image: &Image| image.is_executable() && image.arch().is_arm64();
    let all = evidence.images.iter().filter(|image| image.signed == Signed::No && !is_said(image) && is_main(image));
    all.map(|image| of_slice(image, "code-not-signed", "is not signed at all", &["no LC_CODE_SIGNATURE".into()])).collect()
}

fn program(bundle: &Bundle, evidence: &Evidence) -> Option<Finding> {
    let path = bundle.executable.as_deref()?;
    if !nested::is_unknown(evidence, path) {
        return None;
    }
    let subject = path.to_string_lossy().into_owned();
    let name = evidence.name_of(&bundle.path);
    if evidence.scripts.iter().any(|script| script.path == path) {
        let message = format!("{name} is started by a script, and has a seal but no signature beside it");
        return bundle.has_seal.then(|| finding("code-not-signed", &subject, None, message, vec![seen(&subject, "no CodeDirectory")]));
    }
    if evidence.files.binary_search_by(|file| file.as_path().cmp(path)).is_ok() {
        let is_said = evidence.unread.iter().any(|unread| unread == path);
        let message =
            format!("{name} names {subject} as its program, which is neither Mach-O code nor a script: it may be empty or damaged");
        return (!is_said).then(|| finding("main-executable-not-code", &subject, None, message, Vec::new()));
    }
    // Not every name of a very large bundle is kept.
    let is_known = evidence.files.len() < MAX_FILES;
    let message = format!("{name} names {subject} as its program, which is not there");
    is_known.then(|| finding("main-executable-missing", &subject, None, message, Vec::new()))
}
