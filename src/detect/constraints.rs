//! Launch and library constraints that the code carries: those that cannot be read, and those that refuse; and the kernel's words about one.

use super::{Clue, Detected, Scene};
use crate::evidence::Image;
use crate::finding::{Confidence, Kind, Proof, Severity};
use crate::policy::constraint::{self, Applied, Outcome, demands, name};
use crate::read::log::{ConstraintError, Proc};
use crate::read::signature::{Constrained, ConstraintSlot};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Detected> {
    let images = &scene.evidence.images;
    images.iter().flat_map(|image| unreadable(image).into_iter().chain(refusing(scene, image))).collect()
}

fn file_name(image: &Image) -> String {
    image.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn about(image: &Image, id: &'static str, confidence: Confidence, message: String, clue: Clue, quote: String) -> Detected {
    let path = image.path.to_string_lossy().into_owned();
    Detected::of_code(id, Kind::Defect, Severity::Error, confidence, message, clue)
        .on(path.clone(), Some(image.arch()))
        .at("signature")
        .seen(Proof { source: path, quote, ..Proof::default() })
}

/// Constraints that cannot be read. macOS 13.3 refuses a launch for one, macOS 14 every library; a constraint of a library itself is without effect.
fn unreadable(image: &Image) -> Vec<Detected> {
    let one = |carried: &Constrained| {
        let error = carried.constraint.as_ref().err()?;
        let slot = carried.slot.number();
        let message = format!("the {} of {} (slot {slot}) cannot be read: {error}", name(carried.slot), file_name(image));
        let is_heeded = image.is_executable() && carried.slot != ConstraintSlot::Library;
        let clue = if is_heeded { Clue::ConstraintNotMet(carried.slot) } else { Clue::None };
        Some(about(image, "constraint-malformed", Confidence::Likely, message, clue, format!("slot {slot}: {error}")))
    };
    image.constraints().iter().filter_map(one).collect()
}

/// Launch constraints that do not let the program start, on a macOS that heeds them.
fn refusing(scene: &Scene<'_>, image: &Image) -> Vec<Detected> {
    let os = scene.evidence.os;
    let fails = |applied: &Applied| applied.judgement.outcome == Outcome::Fails && constraint::is_heeded(os, applied.slot);
    let all = if image.is_executable() { constraint::of_launch(scene.evidence, image) } else { Vec::new() };
    let one = |applied: Applied| {
        let constraint = image.facts()?.signature.constraint(applied.slot)?.as_ref().ok()?;
        let quote = format!("slot {}: {}", applied.slot.number(), demands(constraint));
        let message = format!("macOS 13.3 and later do not start {}: {}", file_name(image), applied.why());
        Some(about(image, "constraint-not-met", applied.certainty(), message, Clue::ConstraintNotMet(applied.slot), quote))
    };
    all.into_iter().filter(fails).filter_map(one).collect()
}

/// What the kernel's line says, in words.
pub(super) fn violation_words(error: Option<&ConstraintError>, failed: &Proc) -> String {
    let Some(error) = error else { return "a launch constraint forbids starting it so".into() };
    let whose = match error.process {
        1 => "the program itself",
        2 => "its parent",
        3 => "the process responsible for it",
        _ => "a process that is not named",
    };
    let failed = failed.path.as_deref().or(failed.name.as_deref()).map(|path| format!(" ({path})")).unwrap_or_default();
    let origin = match error.constraint {
        4 => "a launch constraint in its signature",
        5 => "the constraint of whoever starts it (SpawnConstraint of a launchd job)",
        _ => "a constraint of the system's",
    };
    let result = match error.result {
        1 => "is not satisfied".to_owned(),
        2 | 4 => format!("cannot be parsed{}", fault_words(error)),
        3 => "is beside the matter: another policy of the system forbids it".to_owned(),
        5 => format!("asks for a fact that is not defined{}", fault_words(error)),
        result => format!("fails with the result {result}"),
    };
    format!("macOS refused to start it: {origin} on {whose}{failed} {result}")
}

/// "Interpret the match result and error code".
fn fault_words(error: &ConstraintError) -> &'static str {
    match (error.result, error.code) {
        (4, 1) => " (it holds unexpected data)",
        (4, 2) => " (it is not correctly formed)",
        (4, _) => "",
        (_, 1) => " (an operator that macOS does not know)",
        (_, 2) => " (it is empty)",
        (_, 3) => " (an element that the operator does not take)",
        (_, 4) => " (an operator with nothing to act on)",
        (_, 5) => " (a fact that macOS does not know)",
        (_, 6) => " (an unknown version, or not its grammar)",
        (_, 7) => " (it is damaged)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_the_kernel_become_words() {
        let failed = Proc { path: Some("/sbin/launchd".into()), ..Proc::default() };
        let words =
            |constraint, process, result, code| violation_words(Some(&ConstraintError { constraint, process, result, code }), &failed);
        assert_eq!(
            words(4, 2, 1, 0),
            "macOS refused to start it: a launch constraint in its signature on its parent (/sbin/launchd) is not satisfied"
        );
        assert!(words(4, 1, 2, 2).ends_with("cannot be parsed (it is empty)"));
        assert!(words(4, 3, 5, 5).contains("responsible") && words(4, 3, 5, 5).ends_with("(a fact that macOS does not know)"));
        assert!(words(5, 1, 1, 0).contains("SpawnConstraint"));
        assert_eq!(violation_words(None, &failed), "a launch constraint forbids starting it so");
    }
}
