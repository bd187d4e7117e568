//! Evidence → is every signature, seal and nested code intact. Compares facts; the hashing was done by scan's sinks.
//!
//! Follows `Security libsecurity_codesigning/lib/StaticCode.cpp` where that decides (what `codesign` says) and `xnu bsd/kern/ubc_subr.c` where the kernel does.
//! [`codes`] says what each finding means to `codesign`.
//!
//! Left out: revocation.

pub mod codes;
pub mod nested;
mod requirement;
mod seal;
mod signer;
mod slice;
mod unread;

use crate::evidence::{Detached, Evidence, Image, SealCheck, SignatureFacts};
use crate::finding::{Confidence, Finding, Location, Proof};
use crate::read::macho::Arch;
use crate::read::requirement::{Requirement, Verdict};
use std::collections::BTreeSet;
use std::path::Path;

/// Faults of signatures and seals: of every slice, then of every bundle, in order; last what could not be compared.
pub fn verify(evidence: &Evidence) -> Vec<Finding> {
    let slices = evidence.images.iter().flat_map(|image| slice::verify(image, evidence.examined_at));
    let detached = evidence.detached.iter().flat_map(|code| slice::verify_detached(code, evidence.examined_at));
    let seals = evidence.seals.iter().flat_map(|check| seal::verify(check, evidence));
    let uncompared = unread::unsigned(evidence).into_iter().chain(unread::programs(evidence)).chain(unread::files(evidence));
    let unsealed = (0..evidence.bundles.len()).filter_map(|index| seal::unsealed_bundle(evidence, index));
    slices.chain(detached).chain(unsealed).chain(seals).chain(uncompared).collect()
}

/// Faults of one piece of code, a file or a bundle's main executable: of its slices, and whether it is sealed at all.
pub fn of_code(evidence: &Evidence, code: &Path) -> Vec<Finding> {
    let images = nested::images(evidence, code);
    let slices = images.iter().flat_map(|image| slice::verify(image, evidence.examined_at));
    let detached = nested::detached(evidence, code).into_iter().flat_map(|code| slice::verify_detached(code, evidence.examined_at));
    let bundles: BTreeSet<usize> = images.iter().filter_map(|image| image.main_of).collect();
    slices.chain(detached).chain(bundles.into_iter().filter_map(|index| seal::unsealed_bundle(evidence, index))).collect()
}

/// Faults of one bundle's seal.
pub fn of_seal(evidence: &Evidence, check: &SealCheck) -> Vec<Finding> {
    seal::verify(check, evidence)
}

/// The finding makes `codesign` fail, so it is an account of what was refused; anything else is only worth knowing.
pub fn is_broken(finding: &Finding) -> bool {
    finding.kind == crate::finding::Kind::Defect
}

/// Whether a slice satisfies a requirement, by what the files tell.
pub fn satisfies(facts: &SignatureFacts, asked: &Requirement) -> Verdict {
    requirement::evaluate(asked, facts)
}

/// A finding about `subject`, with kind, severity and Apple's code from the table. `proof` is what was seen in which file.
fn finding(id: &'static str, subject: &str, arch: Option<Arch>, message: String, proof: Vec<Proof>) -> Finding {
    let rule = codes::rule(id).map(|(_, rule)| rule);
    let place = arch.map_or_else(|| "seal".to_owned(), |arch| format!("{}, signature", arch.name()));
    Finding {
        id,
        kind: rule.map_or(crate::finding::Kind::Defect, |rule| rule.kind),
        subject: subject.to_owned(),
        arch,
        severity: rule.map_or(crate::finding::Severity::Error, |rule| rule.severity),
        confidence: Confidence::Certain,
        message,
        location: Location { path: subject.to_owned(), place },
        code: rule.and_then(|rule| rule.code),
        proof,
    }
}

/// What a finding about a signature is about.
#[derive(Clone, Copy)]
struct Code<'a> {
    path: &'a Path,
    /// `None` for what is no Mach-O.
    arch: Option<Arch>,
}

impl Code<'_> {
    /// ` (arm64)`, or nothing.
    fn slice(self) -> String {
        self.arch.map(|arch| format!(" ({})", arch.name())).unwrap_or_default()
    }
}

impl<'a> From<&'a Image> for Code<'a> {
    fn from(image: &'a Image) -> Self {
        Self { path: &image.path, arch: Some(image.arch()) }
    }
}

impl<'a> From<&'a Detached> for Code<'a> {
    fn from(code: &'a Detached) -> Self {
        Self { path: &code.path, arch: None }
    }
}

/// A finding about one slice, or a file with a signature beside it: its name and architecture stand before the words.
fn of_slice<'a>(code: impl Into<Code<'a>>, id: &'static str, words: &str, quotes: &[String]) -> Finding {
    let code = code.into();
    let name = code.path.file_name().unwrap_or_default().to_string_lossy();
    let path = code.path.to_string_lossy().into_owned();
    finding(id, &path, code.arch, format!("{name}{} {words}", code.slice()), quotes.iter().map(|quote| seen(&path, quote)).collect())
}

fn seen(source: &str, quote: &str) -> Proof {
    let quote: String = quote.chars().take(500).collect();
    Proof { source: source.to_owned(), quote, ..Proof::default() }
}
