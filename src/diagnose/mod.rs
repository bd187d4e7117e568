//! Findings and refusals → diagnoses. The only decider.
//!
//! Each family of rules looks at the whole case and answers with candidates; here they are merged, put in order, and given their words from the
//! scenarios. The verdict says whether the first of them accounts for what was reported.

mod apple;
mod case;
mod conditions;
mod constraints;
mod environment;
mod least;
mod libraries;
mod memory;
mod other;
mod remedies;
mod resources;
mod signature;
mod tables;

pub use tables::log_show;

use crate::detect::{Clue, Detected, Scene, detect};
use crate::dyld;
use crate::evidence::{Evidence, Signed};
use crate::finding::{Confidence, Finding};
use crate::read::entitlements::Value;
use crate::report::{Report, Verdict};
use crate::verify::{self, verify};
use case::{Candidate, Case};
use std::path::PathBuf;

/// A what-if: empty, or entitlements changed on one executable.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// (executable relative path, key, present and true).
    pub entitlements: Vec<(PathBuf, String, bool)>,
}

/// Decides. Pure: the same evidence gives the same report.
pub fn diagnose(evidence: &Evidence, change: &Change) -> Report {
    if change.entitlements.is_empty() {
        return decide(evidence);
    }
    let mut changed = evidence.clone();
    change.entitlements.iter().for_each(|(path, key, present)| change_key(&mut changed, path, key, *present));
    decide(&changed)
}

fn change_key(evidence: &mut Evidence, path: &std::path::Path, key: &str, present: bool) {
    for image in evidence.images.iter_mut().filter(|image| image.path == path) {
        let Signed::Yes(facts) = &mut image.signed else { continue };
        let entries = &mut facts.signature.entitlements.get_or_insert_default().entries;
        entries.retain(|(known, _)| known != key);
        if present {
            entries.push((key.to_owned(), Value::Bool(true)));
        }
    }
}

fn decide(evidence: &Evidence) -> Report {
    let loads = dyld::loads(evidence);
    let scene = Scene { evidence, loads: &loads };
    let mut detected = detect(&scene);
    detected.extend(verify(evidence).into_iter().map(|finding| Detected { clue: clue(&finding), finding, text: None }));
    let case = Case { scene: &scene, detected: &detected };
    let mut found = candidates(&case);
    if case.has_reports() {
        found.iter_mut().for_each(weigh_beside_reports);
    }
    found.iter_mut().for_each(|candidate| apple::withhold(&case, candidate));
    let mut merged = merge(found);
    drop_rivals(&case, &mut merged);
    let candidates = in_order(merged);
    let verdict = verdict(&case, &candidates);
    let mut diagnoses: Vec<_> = candidates.iter().map(|candidate| remedies::diagnosis(&case, candidate)).collect();
    if verdict == Verdict::OtherCause {
        diagnoses.iter_mut().for_each(remedies::withhold_keys);
    }
    tables::report(&case, verdict, diagnoses)
}

/// What a finding of verification accounts for: one that only strict verification or nobody refuses, for nothing.
fn clue(finding: &Finding) -> Clue {
    match finding.arch {
        _ if !verify::is_broken(finding) => Clue::None,
        Some(_) => Clue::BrokenSignature,
        None => Clue::BrokenSeal,
    }
}

fn candidates(case: &Case<'_>) -> Vec<Candidate> {
    const FAMILIES: &[fn(&Case<'_>) -> Vec<Candidate>] = &[
        memory::diagnose,
        libraries::diagnose,
        environment::diagnose,
        resources::diagnose,
        signature::diagnose,
        constraints::diagnose,
        other::diagnose,
    ];
    FAMILIES.iter().flat_map(|family| family(case)).collect()
}

/// A failure was reported, and this is not the account of it: what the code alone shows is a lead then, and no key is urged for it. Defects stay what they
/// are: they are proven by bytes, and mending them gives nothing away.
fn weigh_beside_reports(candidate: &mut Candidate) {
    const NEEDS: &[&str] =
        &["jit", "framework-patching", "library-validation", "dyld-debug", "dyld-shipping", "protected-resource", "debugger-attach"];
    if !candidate.accounts && NEEDS.contains(&candidate.cause) {
        candidate.confidence = candidate.confidence.min(Confidence::Possible);
    }
}

/// Candidates that say the same of the same subject become one: the surer words stay, the findings are joined.
fn merge(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let mut merged: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        let same = |known: &&mut Candidate| {
            let subject = known.subject == candidate.subject || known.subject.is_empty() || candidate.subject.is_empty();
            known.cause == candidate.cause
                && known.scenario == candidate.scenario
                && subject
                && known.only == candidate.only
                && known.file == candidate.file
        };
        match merged.iter_mut().find(same) {
            Some(known) if rank(&candidate) < rank(known) => {
                let older = std::mem::replace(known, candidate);
                absorb(known, older);
            }
            Some(known) => absorb(known, candidate),
            None => merged.push(candidate),
        }
    }
    merged
}

fn absorb(known: &mut Candidate, other: Candidate) {
    for index in other.findings {
        if !known.findings.contains(&index) {
            known.findings.push(index);
        }
    }
    for path in other.also_on {
        if !known.also_on.contains(&path) && path != known.subject {
            known.also_on.push(path);
        }
    }
    // Different uses of memory in the same process: each brings its own conditions.
    known.facts.extend(other.facts);
    if let (Some(keys), Some(more)) = (&mut known.remove, other.remove) {
        keys.extend(more.into_iter().filter(|key| !keys.contains(key)).collect::<Vec<_>>());
    }
    if known.subject.is_empty() {
        known.subject = other.subject;
        known.arch = other.arch;
    }
}

/// A failure that something certain accounts for has no second account: that the program is at fault itself was only what was left when nothing else was seen.
fn drop_rivals(case: &Case<'_>, candidates: &mut Vec<Candidate>) {
    let texts = |candidate: &Candidate| -> Vec<usize> {
        candidate.findings.iter().filter_map(|&index| case.detected.get(index).and_then(|detected| detected.text)).collect()
    };
    let certain = candidates.iter().filter(|c| c.accounts && c.confidence == Confidence::Certain && c.cause != "not-signing");
    let explained: Vec<usize> = certain.flat_map(texts).collect();
    candidates.retain(|candidate| candidate.cause != "not-signing" || !texts(candidate).iter().any(|text| explained.contains(text)));
}

/// Smaller is better: what accounts for the report first, then the surer, then the order of the rules.
fn rank(candidate: &Candidate) -> (bool, std::cmp::Reverse<Confidence>, u8, &str) {
    (!candidate.accounts, std::cmp::Reverse(candidate.confidence), candidate.order, &candidate.subject)
}

fn in_order(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates.sort_by(|a, b| rank(a).cmp(&rank(b)));
    candidates
}

/// The first that holds (design §5).
fn verdict(case: &Case<'_>, candidates: &[Candidate]) -> Verdict {
    let reported = case.has_reports() || candidates.first().is_some_and(|top| top.accounts);
    if !reported {
        return if candidates.is_empty() { Verdict::Clear } else { Verdict::AtRisk };
    }
    match candidates.first().filter(|top| top.accounts && top.confidence >= Confidence::Likely) {
        Some(top) if matches!(top.cause, "not-signing" | "gatekeeper" | "launch-constraint") => Verdict::OtherCause,
        Some(_) => Verdict::Explained,
        None => Verdict::Undetermined,
    }
}
