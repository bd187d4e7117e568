//! DYLD_ variables: set by someone, deleted by dyld without a word.

use super::case::{Candidate, Case};
use crate::detect::{Clue, Detected};
use crate::evidence::Image;
use crate::finding::Confidence;
use crate::policy::{Action, Process, decide};
use crate::read::cms::SignerKind;
use std::collections::BTreeSet;

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    let mut seen: BTreeSet<(String, String)> = BTreeSet::new();
    let mut all = Vec::new();
    for (index, detected) in case.clues(|c| matches!(c, Clue::SetsDyld { .. })) {
        let Clue::SetsDyld { variable, .. } = &detected.clue else { continue };
        if detected.text.is_some() || !seen.insert((detected.finding.subject.clone(), variable.clone())) {
            continue;
        }
        all.extend(set_in_bundle(case, index, detected, variable));
    }
    all.extend(expects_injection(case));
    all
}

/// A library was not found: because a variable that names its folder was deleted on the way?
pub(super) fn missing(case: &Case<'_>, index: usize, detected: &Detected) -> Option<Candidate> {
    if let Some(candidate) = dropped_by_shell(case, index, detected) {
        return Some(candidate);
    }
    let image = case.image_of(detected);
    let (setter, found) = case.clues(|c| matches!(c, Clue::SetsDyld { .. })).find(|(_, d)| d.text.is_some() || same_subject(d, image))?;
    let Clue::SetsDyld { variable, .. } = &found.clue else { return None };
    let decision = image.map(|image| decide(&Process::of(image), &Action::HonourDyld { variable: variable.clone() }));
    let dropped = match &decision {
        Some(decision) => !decision.allowed,
        None => case.hardened(None) == Some(true),
    };
    if !dropped || !names_folder(variable) {
        return None;
    }
    let (cause, scenario) = cause_for(image);
    let summary = format!("{variable} is set, but dyld deletes it in the hardened program, so its library is not found");
    let confidence = if decision.is_some() { Confidence::Certain } else { Confidence::Likely };
    let mut candidate = Candidate::new(cause, scenario, confidence, summary).about(image).like(&detected.finding);
    candidate.findings = vec![index, setter];
    candidate.accounts = true;
    candidate.order = 11;
    Some(match &decision {
        Some(decision) => candidate.refused_by(decision),
        None => candidate,
    })
}

fn same_subject(detected: &Detected, image: Option<&Image>) -> bool {
    image.is_some_and(|image| detected.finding.subject == image.path.to_string_lossy())
}

fn names_folder(variable: &str) -> bool {
    variable.ends_with("_PATH") || variable.contains("INSERT_LIBRARIES")
}

/// A protected interpreter (`/bin/sh`, `/usr/bin/env`) stands between the shell that exports and the program: System Integrity Protection,
/// not the hardened runtime.
fn dropped_by_shell(case: &Case<'_>, index: usize, detected: &Detected) -> Option<Candidate> {
    let image = case.image_of(detected);
    let hardened = case.hardened(image) == Some(true);
    let shell = case.any(|c| matches!(c, Clue::ProtectedShell { .. }));
    let direct = case.any(|c| matches!(c, Clue::DirectRuns));
    let script = case.any(|c| matches!(c, Clue::SetsDyld { .. }));
    let decisive = shell.or(direct.filter(|_| script.is_some()))?;
    if hardened {
        return None;
    }
    let summary =
        "a protected shell on the way (System Integrity Protection) deletes the DYLD_ variable; the program itself is not hardened"
            .to_owned();
    let confidence = if image.is_some() && direct.is_some() { Confidence::Certain } else { Confidence::Likely };
    let mut candidate = Candidate::new("not-signing", "not-signing", confidence, summary).about(image).like(&detected.finding);
    candidate.only = vec!["shell-drops-variables"];
    candidate.findings = vec![index, decisive];
    candidate.findings.extend(direct);
    candidate.accounts = true;
    candidate.order = 11;
    Some(candidate)
}

/// While developing (an Apple Development signature) or in the shipped app.
fn cause_for(image: Option<&Image>) -> (&'static str, &'static str) {
    let development = image.is_some_and(|image| matches!(image.facts().map(|f| f.signer.kind), Some(SignerKind::AppleDevelopment)));
    if development { ("dyld-debug", "dyld-debug") } else { ("dyld-shipping", "dyld-shipping") }
}

fn set_in_bundle(case: &Case<'_>, index: usize, detected: &Detected, variable: &str) -> Option<Candidate> {
    let image = case.image_of(detected)?;
    let decision = decide(&Process::of(image), &Action::HonourDyld { variable: variable.to_owned() });
    if decision.allowed {
        return None;
    }
    let (cause, scenario) = cause_for(Some(image));
    let name = image.path.file_name().unwrap_or_default().to_string_lossy();
    // A setenv in code is for programs that it starts; which, is not known.
    let for_children = detected.finding.proof.iter().any(|p| p.address.is_some());
    let confidence = if for_children { Confidence::Possible } else { Confidence::Likely };
    let summary = format!("{variable} is set for {name}, which is hardened: dyld deletes it without a message");
    let mut candidate = Candidate::new(cause, scenario, confidence, summary).about(Some(image)).refused_by(&decision);
    candidate.findings.push(index);
    candidate.order = 43;
    // Silence is how this refusal shows: with a report of a failure that nothing else explains it is the likely half, not the account of it.
    Some(candidate)
}

/// The program counts on a library that somebody else puts in with DYLD_INSERT_LIBRARIES; or a store client's library was refused, and such clients
/// inject their overlay that way (Steam documents both keys together).
fn expects_injection(case: &Case<'_>) -> Option<Candidate> {
    let refused = refused_store_client(case);
    let expected = case.any(|c| *c == Clue::ExpectsInjection);
    let index = refused.or(expected)?;
    let image = case.detected.get(index).and_then(|d| case.image_of(d)).or_else(|| case.scene.main())?;
    let decision = decide(&Process::of(image), &Action::HonourDyld { variable: "DYLD_INSERT_LIBRARIES".into() });
    if decision.allowed {
        return None;
    }
    let summary = "a library that is put in from outside with DYLD_INSERT_LIBRARIES (a store's overlay) is dropped by the hardened program without a message".to_owned();
    let confidence = if refused.is_some() { Confidence::Likely } else { Confidence::Possible };
    let mut candidate = Candidate::new("dyld-shipping", "dyld-shipping", confidence, summary).about(Some(image)).refused_by(&decision);
    candidate.accounts = refused.is_some();
    candidate.findings.extend(refused);
    candidate.findings.extend(expected);
    candidate.order = 30;
    Some(candidate)
}

fn refused_store_client(case: &Case<'_>) -> Option<usize> {
    const CLIENTS: &[&str] = &["steamclient", "gameoverlayrenderer", "steam_api"];
    let named = |text: &str| CLIENTS.iter().any(|client| text.to_ascii_lowercase().contains(client));
    let is_client = |d: &Detected| match &d.clue {
        Clue::LoadFailed { name, file, .. } => named(name) || file.as_deref().is_some_and(named),
        _ => false,
    };
    case.clues(|c| matches!(c, Clue::LoadFailed { reason, .. } if reason.is_library_validation()))
        .find(|(_, d)| is_client(d))
        .map(|(index, _)| index)
}
