//! The rest: debuggers, the sandbox, Gatekeeper, and faults that signing has no part in.

use super::case::{Candidate, Case, MendedBy};
use super::memory::own_fault_words;
use crate::detect::{Clue, Detected, OwnFault, Sign};
use crate::evidence::TargetKind;
use crate::finding::Confidence;
use crate::policy::{Action, Process, decide, key};
use crate::scenario::Condition;

/// Remedies for what Gatekeeper itself refused.
pub(super) const GATEKEEPER: &[&str] = &["notarize", "move-the-app", "remove-quarantine"];

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    case.clues(|_| true).filter_map(|(index, detected)| of_clue(case, index, detected)).collect()
}

fn start(case: &Case<'_>, cause: &'static str, index: usize, detected: &Detected, summary: String) -> Candidate {
    let image = case.image_of(detected).or_else(|| case.scene.main().filter(|_| detected.finding.subject.is_empty()));
    let mut candidate = Candidate::new(cause, cause, Confidence::Likely, summary).about(image).like(&detected.finding);
    candidate.findings.push(index);
    candidate.accounts = true;
    candidate.order = 27;
    candidate
}

fn of_clue(case: &Case<'_>, index: usize, detected: &Detected) -> Option<Candidate> {
    let message = detected.finding.message.clone();
    match &detected.clue {
        Clue::AttachRefused(said) => Some(attach(case, index, detected, *said)),
        Clue::SandboxDenied { operation, ends } => {
            let decided = case.any(|c| matches!(c, Clue::ResourceEntitlementMissing(_) | Clue::LoadFailed { .. }));
            let mut candidate = start(
                case,
                "sandbox",
                index,
                detected,
                format!("the App Sandbox denied {operation}; the hardened runtime has no part in it"),
            );
            // The sandbox that denies is there: it need not be read from a signature.
            candidate.facts.insert(Condition::Sandboxed);
            candidate.accounts = decided.is_none() && (*ends || !case.unread_death());
            candidate.confidence = if candidate.accounts { Confidence::Likely } else { Confidence::Possible };
            Some(candidate)
        }
        Clue::SandboxSetUp => {
            let summary = "a process could not set up its App Sandbox: a helper that a sandboxed app starts must carry app-sandbox and inherit, and no other \
                 key of the sandbox"
                .to_owned();
            let mut candidate = start(case, "sandbox", index, detected, summary);
            candidate.facts.insert(Condition::Sandboxed);
            Some(candidate)
        }
        Clue::AssessmentFailed if case.any(|c| *c == Clue::AssessmentFailed) != Some(index) => None,
        Clue::AssessmentFailed => {
            let mut candidate = start(case, "gatekeeper", index, detected, format!("{message}; that says nothing of the file"));
            candidate.mended_by = MendedBy::User;
            candidate.only = vec!["let-macos-check-again"];
            candidate.order = 26;
            Some(candidate)
        }
        // What is refused while the check itself fails is refused for that.
        Clue::Gatekeeper if case.any(|c| *c == Clue::AssessmentFailed).is_some() => None,
        Clue::Gatekeeper => {
            let mut candidate = start(case, "gatekeeper", index, detected, message);
            candidate.mended_by = MendedBy::User;
            candidate.only = GATEKEEPER.to_vec();
            Some(candidate)
        }
        Clue::PolicyRejected(source) => Some(rejected(case, index, detected, source.as_deref())),
        Clue::SystemPolicyDenied { operation } => {
            let summary = format!(
                "macOS denied {operation} by its privacy settings or System Integrity Protection; neither the hardened runtime nor the App Sandbox has a part in it"
            );
            let mut candidate = start(case, "protected-resource", index, detected, summary);
            candidate.scenario = "other-resource";
            candidate.mended_by = MendedBy::User;
            candidate.only = vec!["let-the-user-allow-it"];
            candidate.accounts = false;
            candidate.confidence = Confidence::Possible;
            Some(candidate)
        }
        Clue::ProtectedPlace { full_disk } => Some(protected_place(case, index, detected, *full_disk)),
        // App Management came with macOS 13 (Apple: What's new in privacy, 2022).
        Clue::AppManagement if case.any(|c| matches!(c, Clue::ShownSystem(major, _) if *major < 13)).is_some() => None,
        Clue::AppManagement => {
            let summary =
                "macOS keeps one developer's app from changing another's (App Management); no entitlement changes that".to_owned();
            let mut candidate = start(case, "gatekeeper", index, detected, summary);
            candidate.mended_by = MendedBy::User;
            candidate.only = vec!["allow-app-management", "name-the-updater"];
            Some(candidate)
        }
        Clue::Own(fault) => own(case, index, detected, fault),
        Clue::EngineRefused { sign: Sign::InSetUp | Sign::InEngine, .. } => {
            own(case, index, detected, &OwnFault::Abort).map(|c| Candidate { order: 36, ..c })
        }
        _ => None,
    }
}

/// A folder that macOS keeps. One for which only Full Disk Access counts is refused to root as well; of the others a sandbox may keep a program, too.
fn protected_place(case: &Case<'_>, index: usize, detected: &Detected, full_disk: bool) -> Candidate {
    let summary = if full_disk {
        format!(
            "{}: the user gives it, to the app or terminal that is responsible; neither root nor an entitlement replaces it",
            detected.finding.message
        )
    } else {
        format!("{} under Files & Folders, unless an App Sandbox keeps the program from it", detected.finding.message)
    };
    let mut candidate = start(case, "protected-resource", index, detected, summary);
    candidate.scenario = "other-resource";
    candidate.mended_by = MendedBy::User;
    candidate.only = vec!["let-the-user-allow-it"];
    let sandboxed = case.any(|c| matches!(c, Clue::SandboxDenied { .. })).is_some()
        || case.has_key(case.image_of(detected).or_else(|| case.scene.main()), key::APP_SANDBOX);
    candidate.accounts = full_disk && !sandboxed && !case.unread_death();
    candidate.confidence = if candidate.accounts { Confidence::Likely } else { Confidence::Possible };
    candidate
}

/// `spctl` judges by Gatekeeper's policy. It rejects every program that is not signed for distribution; only its source says more.
fn rejected(case: &Case<'_>, index: usize, detected: &Detected, source: Option<&str>) -> Candidate {
    let why = match source {
        Some("Unnotarized Developer ID") => "it is signed with a Developer ID, and not notarized",
        _ => "it is not signed with a Developer ID and notarized",
    };
    let summary = format!("Gatekeeper does not accept the file: {why}");
    let mut candidate = start(case, "gatekeeper", index, detected, summary);
    candidate.only = vec!["notarize", "remove-quarantine"];
    let decides = source.is_some() && !case.unread_death();
    candidate.accounts = decides;
    candidate.confidence = if decides { Confidence::Likely } else { Confidence::Possible };
    candidate.order = 28;
    candidate
}

fn attach(case: &Case<'_>, index: usize, detected: &Detected, said: bool) -> Candidate {
    let plug_in = case.scene.evidence.target.kind == TargetKind::Bundle;
    let cause = if plug_in { "plugin-debugging" } else { "debugger-attach" };
    let image = case.image_of(detected).or_else(|| case.scene.main());
    let decision = image.map(|image| decide(&Process::of(image), &Action::BeDebugged));
    let refused = decision.as_ref().is_some_and(|d| !d.allowed);
    let known = said || refused || case.hardened(None) == Some(true);
    let summary = if known {
        "no debugger may attach: the program is hardened and lacks get-task-allow"
    } else {
        "a debugger was refused; whether the program is hardened, or the debugger lacks its own signature, is not known yet"
    };
    let mut candidate = start(case, cause, index, detected, summary.to_owned()).about(image);
    candidate.confidence = match (said, refused, &decision) {
        (true, true, _) => Confidence::Certain,
        (true, false, None) | (false, true, _) => Confidence::Likely,
        (false, false, None) => Confidence::Possible,
        _ => Confidence::Possible,
    };
    candidate.accounts = candidate.confidence >= Confidence::Likely;
    candidate.no_keys = (candidate.confidence == Confidence::Possible && image.is_none() && case.hardened(None) != Some(true))
        .then(|| "not known yet: whether the program is hardened; the kernel's line at the same moment says it".to_owned());
    candidate.order = 16;
    if plug_in {
        candidate.mended_by = MendedBy::OtherDeveloper;
    }
    match &decision {
        Some(decision) => candidate.refused_by(decision),
        None => candidate,
    }
}

/// A fault of the program's own: three facts say that signing is not to blame. Said only when nothing about signing was seen.
fn own(case: &Case<'_>, index: usize, detected: &Detected, fault: &OwnFault) -> Option<Candidate> {
    let stronger = case.any(|c| {
        matches!(
            c,
            Clue::KilledAnonymousPage
                | Clue::KilledFilePage { .. }
                | Clue::KilledPatchedPage { .. }
                | Clue::LaunchRefused
                | Clue::RestrictedRefused(_)
                | Clue::EntitlementsUnparsable { .. }
                | Clue::LoadFailed { .. }
                | Clue::EngineRefused { sign: Sign::Message, .. }
                | Clue::LaunchConstraint { .. }
                | Clue::UsageMissing { .. }
                | Clue::AttachRefused(_)
        )
    });
    if stronger.is_some() {
        return None;
    }
    let from_report = detected.text.is_some_and(|text| matches!(case.scene.evidence.texts.get(text).map(|t| t.kind), Some("crash-report")));
    let (remedy, words) = own_fault_words(fault);
    let summary = format!("{words}; neither the hardened runtime nor the signature is to blame");
    let mut candidate = start(case, "not-signing", index, detected, summary);
    candidate.only = vec![remedy];
    // A line of a program's own is one of many; that macOS cannot run the code at all ends the matter.
    let decides = from_report || matches!(fault, OwnFault::WrongArchitecture | OwnFault::Exception);
    candidate.confidence = if decides { Confidence::Likely } else { Confidence::Possible };
    candidate.accounts = decides;
    candidate.order = 35;
    Some(candidate)
}
