//! Hardening and entitlements as signed: flags that are missing, keys without effect, keys that need a profile, forms macOS cannot parse.

use super::{Clue, Detected, Scene};
use crate::evidence::{Image, Signed};
use crate::finding::{Confidence, Kind, Proof, Severity};
use crate::policy::key;
use crate::policy::spawn::{self, Authority, Launch};
use crate::read::cms::SignerKind;
use crate::read::entitlements::{Fault, FaultKind};

/// Hardened-runtime exceptions: without the runtime flag they do nothing (Apple: Hardened Runtime).
pub(super) const EXCEPTIONS: &[&str] =
    &[key::ALLOW_JIT, key::UNSIGNED_MEMORY, key::PAGE_PROTECTION, key::LIBRARY_VALIDATION, key::DYLD_VARIABLES, key::DEBUGGER];

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Detected> {
    let mut all: Vec<Detected> = Vec::new();
    for image in &scene.evidence.images {
        if image.is_executable() {
            all.extend(malformed(image));
            all.extend(not_hardened(image));
            all.extend(shipped_for_debugging(scene, image));
            all.extend(restricted(scene, image));
        } else {
            all.extend(on_library(image));
        }
    }
    all
}

fn about(image: &Image, id: &'static str, kind: Kind, severity: Severity, message: String, clue: Clue) -> Detected {
    Detected::of_code(id, kind, severity, Confidence::Certain, message, clue)
        .on(image.path.to_string_lossy(), Some(image.arch()))
        .at("signature")
}

fn quote(image: &Image, text: String) -> Proof {
    Proof { source: image.path.to_string_lossy().into_owned(), quote: text, ..Proof::default() }
}

fn name(image: &Image) -> String {
    image.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn malformed(image: &Image) -> Option<Detected> {
    let entitlements = image.entitlements()?;
    let fault = entitlements.fatal().filter(|_| spawn::is_malformed(image))?;
    let message = format!("the entitlements embedded in {} cannot be parsed by macOS: {}", name(image), fault_words(fault));
    let detected =
        about(image, "entitlements-malformed", Kind::Defect, Severity::Error, message, Clue::MalformedEntitlements).at("entitlements");
    Some(detected.seen(Proof {
        source: image.path.to_string_lossy().into_owned(),
        line: Some(fault.line).filter(|n| *n > 0),
        quote: fault_words(fault),
        ..Proof::default()
    }))
}

/// The fault in words.
pub(crate) fn fault_words(fault: &Fault) -> String {
    let what = match fault.kind {
        FaultKind::Syntax => "not well-formed",
        FaultKind::DoubleHyphenComment => "two hyphens inside a comment, which the strict parser refuses",
        FaultKind::Comment => "a comment; Apple advises none",
        FaultKind::BinaryPlist => "a binary property list where XML is required",
        FaultKind::ByteOrderMark => "a byte order mark at the start",
        FaultKind::CarriageReturn => "CRLF line ends",
        FaultKind::Encoding => "not UTF-8",
        FaultKind::DuplicateKey => "the same key twice",
        FaultKind::NotADictionary => "the root is not a dictionary",
        FaultKind::WrongType => "a boolean key with a value of another type",
        FaultKind::BlankInKey => "a key with blanks around it",
        FaultKind::OldStyle => "an old-style text property list",
        FaultKind::BadDer => "the DER form does not parse",
    };
    let place = if fault.line > 0 { format!("line {}, column {}: ", fault.line, fault.column) } else { String::new() };
    let detail = if fault.detail.is_empty() { String::new() } else { format!(" ({})", fault.detail) };
    format!("{place}{what}{detail}")
}

fn not_hardened(image: &Image) -> Option<Detected> {
    if image.is_hardened() {
        return None;
    }
    let inert: Vec<String> = EXCEPTIONS.iter().filter(|key| image.has_entitlement(key)).map(|key| (*key).to_owned()).collect();
    let facts = image.facts();
    let distributed = facts.is_some_and(|f| f.signer.kind == SignerKind::DeveloperId);
    if inert.is_empty() && !distributed {
        return None;
    }
    let flags = facts.and_then(|f| f.signature.directory()).map_or(0, |d| d.flags.0);
    let message = if inert.is_empty() {
        format!("{} is signed without the runtime flag: it is not hardened, and the notary refuses it", name(image))
    } else {
        format!("{} is signed without the runtime flag: {} of its entitlements do nothing", name(image), inert.len())
    };
    let detected = about(image, "runtime-flag-missing", Kind::Lint, Severity::Warning, message, Clue::NotHardened { inert: inert.clone() });
    let names = crate::read::signature::CodeSignatureFlags(flags).names().join(",");
    Some(
        detected.seen(quote(image, format!("flags={flags:#x}({names})"))).seen(quote(image, format!("entitlements: {}", inert.join(", ")))),
    )
}

/// The app is signed for distribution: this executable or its main one.
pub(super) fn is_distributed(scene: &Scene<'_>, image: &Image) -> bool {
    let for_distribution =
        |image: &Image| image.facts().is_some_and(|f| matches!(f.signer.kind, SignerKind::DeveloperId | SignerKind::AppStore));
    for_distribution(image) || scene.main().is_some_and(for_distribution)
}

/// `get-task-allow` where the app is signed for distribution: its own executable, or a helper that kept its development signature.
fn shipped_for_debugging(scene: &Scene<'_>, image: &Image) -> Option<Detected> {
    if !image.has_entitlement(key::GET_TASK_ALLOW) || !is_distributed(scene, image) {
        return None;
    }
    let message = format!(
        "{} lets any process take it over (get-task-allow) in an app that is signed for distribution; the notary refuses it",
        name(image)
    );
    let detected = about(image, "debug-entitlement-in-distribution", Kind::Defect, Severity::Error, message, Clue::GetTaskAllowShipped);
    Some(detected.at("entitlements").seen(quote(image, format!("entitlements: {}", key::GET_TASK_ALLOW))))
}

/// Keys that must be authorised by a provisioning profile, where none does (TN3125). The policy says whether one does.
fn restricted(scene: &Scene<'_>, image: &Image) -> Option<Detected> {
    let launch = Launch::of(scene.evidence, image, false);
    let place = spawn::refusal_words(&launch.authority)?;
    let (id, confidence, keys) = match launch.authority {
        Authority::NoPlace | Authority::NoProfile => ("restricted-entitlement-without-profile", Confidence::Certain, launch.restricted),
        Authority::Uncovered(keys) => ("restricted-entitlement-not-authorised", Confidence::Likely, keys),
        _ => ("restricted-entitlement-not-authorised", Confidence::Likely, launch.restricted),
    };
    let message = format!("{} claims {}, which a provisioning profile must authorise; {place}", name(image), keys.join(", "));
    let mut detected = about(image, id, Kind::Defect, Severity::Error, message, Clue::RestrictedKeys(keys.clone()));
    detected.finding.confidence = confidence;
    Some(detected.at("entitlements").seen(quote(image, format!("entitlements: {}", keys.join(", ")))))
}

/// Entitlements on code that is not an executable: they do nothing (Apple: Creating distribution-signed code for macOS).
fn on_library(image: &Image) -> Option<Detected> {
    let Signed::Yes(facts) = &image.signed else { return None };
    let keys: Vec<String> = facts.signature.entitlements.as_ref()?.entries.iter().map(|(key, _)| key.clone()).collect();
    if keys.is_empty() || facts.signer.kind == SignerKind::Apple {
        return None;
    }
    let message = format!("{} is not an executable: the {} entitlements signed into it do nothing", name(image), keys.len());
    let detected = about(image, "entitlements-on-library", Kind::Lint, Severity::Warning, message, Clue::KeysOnLibrary(keys.clone()));
    Some(detected.at("entitlements").seen(quote(image, format!("entitlements: {}", keys.join(", ")))))
}
