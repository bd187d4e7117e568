//! Launch and library constraints: the unmet fact of one that the code carries, beside the kernel's line or alone. No entitlement lifts a constraint.

use super::case::{Candidate, Case};
use crate::detect::{Clue, Detected};
use crate::evidence::Image;
use crate::finding::Confidence;
use crate::policy::Process;
use crate::policy::constraint::{self, Applied, Outcome, Subject, apply, of_launch};
use crate::read::cms::SignerKind;
use crate::read::log::{ConstraintError, Proc};
use crate::read::signature::ConstraintSlot;

const CAUSE: &str = "launch-constraint";
const CORRECT: &str = "correct-the-constraint";
const CORRECT_LIBRARY: &str = "correct-the-library-constraint";
/// `c[4]`: a constraint in the signature.
const IN_SIGNATURE: u32 = 4;

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    let reported = case.any(|c| matches!(c, Clue::LaunchConstraint { .. })).is_some();
    case.clues(|_| true).filter_map(|(index, detected)| of_clue(case, index, detected, reported)).collect()
}

fn of_clue(case: &Case<'_>, index: usize, detected: &Detected, reported: bool) -> Option<Candidate> {
    match &detected.clue {
        Clue::LaunchConstraint { error, failed } => Some(violated(case, index, detected, *error, failed)),
        Clue::ConstraintNotMet(slot) if !reported => not_met(case, index, detected, *slot),
        Clue::LibraryConstrained(index_of_load) => library(case, index, detected, *index_of_load),
        _ => None,
    }
}

fn start(case: &Case<'_>, index: usize, detected: &Detected, confidence: Confidence, summary: String) -> Candidate {
    let image = case.image_of(detected).or_else(|| case.scene.main().filter(|_| detected.finding.subject.is_empty()));
    let mut candidate = Candidate::new(CAUSE, CAUSE, confidence, summary).about(image).like(&detected.finding);
    candidate.findings.push(index);
    candidate.no_keys = Some("no entitlement lifts a constraint".into());
    candidate
}

/// A report or the kernel says that a launch constraint was violated. When the bundle carries that constraint, the facts that are not met are named.
fn violated(case: &Case<'_>, index: usize, detected: &Detected, error: Option<ConstraintError>, failed: &Proc) -> Candidate {
    let mut candidate = start(case, index, detected, Confidence::Likely, detected.finding.message.clone());
    candidate.accounts = true;
    candidate.order = 27;
    let image = case.image_of(detected);
    let Some(image) = image.filter(|image| image.facts().is_some_and(|facts| facts.signer.kind != SignerKind::Apple)) else {
        return candidate;
    };
    let carried = carried(case, image, error, failed);
    let refusal = carried.iter().find(|applied| applied.refuses());
    // What the kernel names as refused is so; who it was, the line says too.
    if let Some(applied) = refusal {
        candidate.confidence = if error.is_some() { Confidence::Certain } else { applied.certainty() };
        candidate
            .findings
            .extend(case.any(|c| *c == Clue::ConstraintNotMet(applied.slot)).filter(|found| same_subject(case, *found, detected)));
        candidate = candidate.refused_by(&constraint::refusal(applied));
    }
    let words: Vec<String> = carried.iter().filter(|applied| applied.judgement.outcome != Outcome::Holds).map(Applied::why).collect();
    if !words.is_empty() {
        candidate.summary = format!("{}; {}", candidate.summary, words.join("; "));
        candidate.only = vec![CORRECT];
    }
    candidate
}

fn same_subject(case: &Case<'_>, found: usize, detected: &Detected) -> bool {
    case.detected.get(found).is_some_and(|other| other.finding.subject == detected.finding.subject)
}

/// The constraints that the line is about, or without a line all launch constraints, each against what did not satisfy it.
fn carried(case: &Case<'_>, image: &Image, error: Option<ConstraintError>, failed: &Proc) -> Vec<Applied> {
    let Some(error) = error else { return of_launch(case.scene.evidence, image) };
    let slot = match error.process {
        _ if error.constraint != IN_SIGNATURE => return Vec::new(),
        1 => ConstraintSlot::Itself,
        2 => ConstraintSlot::Parent,
        3 => ConstraintSlot::Responsible,
        _ => return Vec::new(),
    };
    let subject = match slot {
        ConstraintSlot::Itself => Subject::of(case.scene.evidence, image, slot),
        _ => subject(case, failed),
    };
    apply(image, slot, &subject).into_iter().collect()
}

/// The process that the line names: of the target, launchd, or one whose signature is not at hand.
fn subject<'a>(case: &Case<'a>, failed: &Proc) -> Subject<'a> {
    let is_launchd = failed.path.as_deref() == Some("/sbin/launchd") || failed.path.is_none() && failed.name.as_deref() == Some("launchd");
    match case.scene.process(failed) {
        _ if is_launchd => Subject::Launchd,
        Some(image) => Subject::of(case.scene.evidence, image, ConstraintSlot::Itself),
        None => Subject::Starter,
    }
}

/// The bundle alone shows it.
fn not_met(case: &Case<'_>, index: usize, detected: &Detected, slot: ConstraintSlot) -> Option<Candidate> {
    let image = case.image_of(detected)?;
    let applied = of_launch(case.scene.evidence, image).into_iter().find(|applied| applied.slot == slot)?;
    let confidence = if applied.certainty() == Confidence::Certain { Confidence::Likely } else { Confidence::Possible };
    let mut candidate = start(case, index, detected, confidence, detected.finding.message.clone());
    candidate.order = 43;
    candidate.only = vec![CORRECT];
    Some(candidate.refused_by(&constraint::refusal(&applied)))
}

fn library(case: &Case<'_>, index: usize, detected: &Detected, of_load: usize) -> Option<Candidate> {
    let found = case.scene.loads.get(of_load)?;
    let confidence = if found.is_dynamic { Confidence::Possible } else { Confidence::Likely };
    let mut candidate = start(case, index, detected, confidence, detected.finding.message.clone());
    candidate.order = 43;
    candidate.only = vec![CORRECT_LIBRARY];
    candidate.file = found.to.as_deref().map(|path| path.to_string_lossy().into_owned());
    let (process, target) = (case.image_of(detected)?, found.to.as_deref().and_then(|path| case.scene.image(path))?);
    Some(match constraint::keeps_out(&Process::of(process), process, target) {
        Some((decision, _)) => candidate.refused_by(&decision),
        None => candidate,
    })
}
