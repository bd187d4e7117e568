//! What is odd about the entitlements that are signed into executables: keys that macOS does not know, does not look at, or takes no such value for.
//!
//! Remarks only: they have no [`Clue`] and change no verdict. What another detector says of a key is not said again.

use super::signing::{EXCEPTIONS, is_distributed};
use super::{Clue, Detected, Scene};
use crate::evidence::{Evidence, EvidenceText, Image, TextFacts};
use crate::finding::{Confidence, Kind, Proof, Severity};
use crate::keys::{self, Note, Place};
use crate::policy::{RESOURCES, spawn};
use crate::read::cms::SignerKind;
use crate::read::entitlements::Value;

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Detected> {
    let signed = scene.evidence.executables().flat_map(|image| of_image(scene, image));
    let given = scene.evidence.texts.iter().enumerate().flat_map(|(index, text)| of_text(index, text));
    signed.chain(given).collect()
}

/// Entitlements files of the project.
fn of_text(index: usize, text: &EvidenceText) -> Vec<Detected> {
    let TextFacts::Entitlements(set) = &text.facts else { return Vec::new() };
    let is_told = |note: &Note| note.id == "key-needs-profile" || (note.id == "key-wrong-type" && set.fatal().is_some());
    let notes = keys::judge(&set.entries, &Place::default()).into_iter().filter(|note| !is_told(note));
    notes
        .map(|note| {
            let seen = Proof { source: text.source.clone(), quote: note.key.clone(), ..Proof::default() };
            let mut detected =
                Detected::of_code(note.id, Kind::Lint, severity(&note), Confidence::Certain, note.message, Clue::None).seen(seen);
            detected.finding.location.path.clone_from(&text.source);
            detected.text = Some(index);
            detected
        })
        .collect()
}

fn of_image(scene: &Scene<'_>, image: &Image) -> Vec<Detected> {
    let entries = entries(image);
    let is_apples = image.facts().is_some_and(|facts| facts.signer.kind == SignerKind::Apple);
    let slices: Vec<&Image> = scene.evidence.images_at(&image.path).collect();
    // One that says the same as a slice before it adds nothing.
    let same = |other: &&Image| super::keys::entries(other) == entries && other.is_hardened() == image.is_hardened();
    if is_apples || entries.is_empty() || slices.iter().take_while(|other| other.slice < image.slice).any(same) {
        return Vec::new();
    }
    let arch = if slices.len() > 1 && slices.iter().all(same) { None } else { Some(image.arch()) };
    let place = place(scene.evidence, image);
    let path = image.path.to_string_lossy().into_owned();
    let notes = keys::judge(entries, &place).into_iter().filter(|note| !is_told(scene, image, note));
    notes
        .map(|note| {
            let seen = Proof { source: path.clone(), quote: format!("entitlements: {}", note.key), ..Proof::default() };
            Detected::of_code(note.id, Kind::Lint, severity(&note), Confidence::Certain, note.message, Clue::None)
                .on(path.clone(), arch)
                .at("entitlements")
                .seen(seen)
        })
        .collect()
}

/// Where the entitlements of an image stand.
pub fn place(evidence: &Evidence, image: &Image) -> Place {
    let bundle = image.main_of.and_then(|index| evidence.bundles.get(index));
    Place {
        is_hardened: Some(image.is_hardened()),
        has_profile: Some(bundle.is_some_and(|bundle| bundle.has_profile)),
        archs: evidence.images_at(&image.path).map(Image::arch).collect(),
    }
}

fn entries(image: &Image) -> &[(String, Value)] {
    image.entitlements().map(|set| set.entries.as_slice()).unwrap_or_default()
}

/// In an app that is built, a key without effect does no harm, and one for development may be meant.
fn severity(note: &Note) -> Severity {
    match note.id {
        "key-needs-sandbox" | "key-inert" | "key-development-only" => Severity::Note,
        _ => note.severity,
    }
}

/// Another detector says it, with more at hand.
fn is_told(scene: &Scene<'_>, image: &Image, note: &Note) -> bool {
    let is_wrong_resource = || {
        let is_it = |resource: &crate::policy::Resource| {
            resource.wrong_entitlements.contains(&note.key.as_str()) && !image.has_entitlement(resource.entitlement)
        };
        image.is_hardened() && RESOURCES.iter().any(is_it)
    };
    match note.id {
        "key-needs-profile" => true,
        "key-inert" => EXCEPTIONS.contains(&note.key.as_str()),
        "key-development-only" => is_distributed(scene, image),
        "key-needs-sandbox" | "key-without-effect" => is_wrong_resource(),
        "key-wrong-type" => spawn::is_malformed(image),
        _ => false,
    }
}
