//! Nested code against what the seal of its outer bundle says of it.

use super::{Code, finding, requirement, seen};
use crate::evidence::{Detached, Evidence, Image, SealCheck, SealedCode, SignatureFacts, Signed};
use crate::finding::{Finding, Proof};
use crate::read::hex;
use crate::read::requirement::{self as code, Verdict};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

/// One sealed piece of nested code that is there.
pub(super) fn verify(check: &SealCheck, sealed: &SealedCode, evidence: &Evidence) -> Option<Finding> {
    let subject = sealed.path.to_string_lossy().into_owned();
    let name = sealed.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let source = check.seal.to_string_lossy().into_owned();
    let proof = |quote: &str| vec![seen(&source, quote)];
    let one = |id: &'static str, words: &str, proof: Vec<Proof>| Some(finding(id, &subject, None, format!("{name} {words}"), proof));
    let codes = codes(evidence, &sealed.path);
    let is_file = evidence.files.binary_search(&sealed.path).is_ok();
    if codes.is_empty() && is_file && !sealed.is_script && !evidence.unread.contains(&sealed.path) {
        let words = "is sealed as nested code, and is neither Mach-O code nor a script: it may be empty or damaged";
        return one("nested-code-is-no-code", words, proof(&sealed.requirement));
    }
    if codes.is_empty() {
        let words = "is sealed as nested code, and no signature of it could be read here (a script keeps it in extended attributes)";
        return one("nested-code-not-judged", words, proof(&sealed.requirement));
    }
    if let Some((code, _)) = codes.iter().find(|(_, signed)| **signed == Signed::No) {
        let words = format!("is nested code that is not signed at all{}", code.slice());
        return one("nested-code-unsigned", &words, proof(&sealed.requirement));
    }
    let requirement = match code::parse(&sealed.requirement) {
        Ok(requirement) => requirement,
        Err(why) => {
            return one(
                "seal-entry-malformed",
                &format!("is sealed with a requirement that cannot be read: {why}"),
                proof(&sealed.requirement),
            );
        }
    };
    let facts: Vec<(Code<'_>, &SignatureFacts)> = codes.iter().filter_map(|(code, signed)| Some((*code, signed.facts()?))).collect();
    let verdicts: Vec<Verdict> = facts.iter().map(|(_, facts)| requirement::evaluate(&requirement, facts)).collect();
    let named = requirement::cdhashes(&requirement);
    // An older signer names the code directory of one slice only.
    let one_is_enough = named > 0 && named < facts.len();
    let failed: Vec<_> = facts
        .iter()
        .zip(&verdicts)
        .filter_map(|(code, verdict)| match verdict {
            Verdict::False(term) => Some((code, term)),
            Verdict::True | Verdict::Unknown(_) => None,
        })
        .collect();
    if let Some(((code, facts), term)) = failed.first().filter(|_| !one_is_enough || failed.len() == verdicts.len()) {
        let which = code.arch.map_or_else(|| "it".to_owned(), |arch| format!("its {} slice", arch.name()));
        let words = format!("is not the nested code that was sealed: {which} does not satisfy {term}");
        let mut proof = proof(&sealed.requirement);
        let directory = facts.signature.directory();
        proof.extend(directory.map(|directory| seen(&code.path.to_string_lossy(), &format!("cdhash {}", hex(&directory.cdhash)))));
        return one("nested-code-does-not-match", &words, proof);
    }
    let sealed_hash = sealed.cdhash?;
    let is_there = facts.iter().any(|(_, facts)| facts.signature.directories.iter().any(|directory| directory.cdhash == sealed_hash));
    // Some signers cut the SHA-256 of a SHA-1 directory: then the seal's cdhash is no hash that macOS knows, and says nothing.
    let is_ambiguous = facts.iter().any(|(_, facts)| facts.signature.directories.len() > 1);
    if is_there || is_ambiguous || facts.is_empty() {
        return None;
    }
    let words = "was signed again after its outer bundle was sealed; it still satisfies the requirement in the seal";
    one("nested-code-was-signed-again", words, proof(&format!("sealed with cdhash {}", hex(&sealed_hash))))
}

/// What nested code consists of, with how each is signed: its slices, or what is no Mach-O.
fn codes<'a>(evidence: &'a Evidence, path: &Path) -> Vec<(Code<'a>, &'a Signed)> {
    let slices = images(evidence, path).into_iter().map(|image| (Code::from(image), &image.signed));
    slices.chain(detached(evidence, path).map(|code| (Code::from(code), &code.signed))).collect()
}

/// Versions of a nested framework beside the current one (`StaticCode.cpp validateOtherVersions`): each must be signed and satisfy what the seal asks of it.
pub(super) fn other_versions(sealed: &SealedCode, evidence: &Evidence) -> Vec<Finding> {
    let framework = evidence.seals.iter().find(|check| check.bundle == sealed.path && check.is_framework);
    let Some((current, program)) =
        framework.and_then(|check| Some((check.base.file_name()?, images(evidence, &sealed.path).first()?.path.file_name()?)))
    else {
        return Vec::new();
    };
    let folder = sealed.path.join("Versions");
    let requirement = code::parse(&sealed.requirement).ok();
    versions(&folder, evidence)
        .into_iter()
        .filter(|version| *version != current)
        .filter_map(|version| {
            let path = folder.join(version);
            let file = path.join(program);
            let slices: Vec<&Image> = evidence.images_at(&file).collect();
            let fits = |image: &&Image| {
                let facts = image.facts()?;
                let verdict = requirement::evaluate(requirement.as_ref()?, facts);
                Some(!matches!(verdict, Verdict::False(_)))
            };
            let why = if slices.is_empty() {
                "has no program"
            } else if slices.iter().any(|image| image.facts().is_none()) {
                "is not signed"
            } else if slices.iter().any(|image| fits(image) == Some(false)) {
                "does not satisfy what the seal asks of the framework"
            } else {
                return None;
            };
            let path = path.to_string_lossy();
            let message = format!("{path} is a further version of a framework, and {why}");
            Some(finding("framework-version-invalid", &path, None, message, vec![seen(&path, &sealed.requirement)]))
        })
        .collect()
}

/// Names of the folders in `Versions` that hold anything; a link is none.
fn versions<'a>(folder: &Path, evidence: &'a Evidence) -> BTreeSet<&'a OsStr> {
    let start = evidence.files.partition_point(|path| path.as_path() < folder);
    let below = evidence.files.iter().skip(start).map_while(|path| path.strip_prefix(folder).ok());
    below.filter(|path| path.components().count() > 1).filter_map(|path| path.iter().next()).collect()
}

/// The slices that nested code consists of: of the file, or of the bundle's main executable.
pub fn images<'a>(evidence: &'a Evidence, path: &Path) -> Vec<&'a Image> {
    let of_file: Vec<&Image> = evidence.images_at(path).collect();
    if !of_file.is_empty() {
        return of_file;
    }
    let bundle = evidence.bundles.iter().position(|bundle| bundle.path == path);
    bundle.map(|index| evidence.images.iter().filter(|image| image.main_of == Some(index)).collect()).unwrap_or_default()
}

/// Signatures of code, of whatever kind, that could be read.
pub fn facts<'a>(evidence: &'a Evidence, path: &Path) -> Vec<&'a SignatureFacts> {
    codes(evidence, path).into_iter().filter_map(|(_, signed)| signed.facts()).collect()
}

/// Nothing at the path is code, or its signature lies where it cannot be read.
pub fn is_unknown(evidence: &Evidence, path: &Path) -> bool {
    codes(evidence, path).is_empty()
}

/// Code that is no Mach-O: of the file, or of the bundle.
pub(super) fn detached<'a>(evidence: &'a Evidence, path: &Path) -> Option<&'a Detached> {
    let bundle = evidence.bundles.iter().position(|bundle| bundle.path == path);
    evidence.detached.iter().find(|code| code.path == path || (bundle.is_some() && code.main_of == bundle))
}
