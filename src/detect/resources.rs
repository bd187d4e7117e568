//! Protected resources: which API an image uses, and keys that were written and do nothing.

use super::{Clue, Detected, Scene};
use crate::evidence::Image;
use crate::finding::{Confidence, Kind, Proof, Severity};
use crate::policy::{RESOURCES, Resource, key};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Detected> {
    let mut all: Vec<Detected> = scene.evidence.images.iter().flat_map(uses).collect();
    all.extend(scene.evidence.executables().flat_map(wrong_entitlements));
    all.extend(wrong_usage_keys(scene));
    all
}

fn uses(image: &Image) -> Vec<Detected> {
    let mut all: Vec<Detected> = RESOURCES.iter().filter_map(|resource| uses_one(image, resource)).collect();
    all.extend(capture(image));
    all
}

fn uses_one(image: &Image, resource: &'static Resource) -> Option<Detected> {
    let symbol = resource.symbols.iter().find(|symbol| image.macho.imports(symbol))?;
    Some(use_of(image, resource, format!("imports {symbol}"), Confidence::Likely))
}

/// AVCaptureDevice serves camera and microphone: media types and selectors tell which; without them both are only possible.
fn capture(image: &Image) -> Vec<Detected> {
    let imports = |name: &str| image.macho.imports(name);
    if !imports("_OBJC_CLASS_$_AVCaptureDevice") && !imports("_OBJC_CLASS_$_AVCaptureSession") {
        return Vec::new();
    }
    let video = imports("_AVMediaTypeVideo");
    let audio = imports("_AVMediaTypeAudio");
    let pairs = [("camera", video, "_AVMediaTypeVideo"), ("microphone", audio, "_AVMediaTypeAudio")];
    let open = !video && !audio;
    pairs
        .iter()
        .filter(|(_, named, _)| *named || open)
        .filter_map(|(scenario, named, symbol)| {
            let resource = RESOURCES.iter().find(|r| r.scenario == *scenario)?;
            let (quote, confidence) = if *named {
                (format!("imports {symbol}"), Confidence::Likely)
            } else {
                ("imports AVCaptureDevice".to_owned(), Confidence::Possible)
            };
            Some(use_of(image, resource, quote, confidence))
        })
        .collect()
}

fn use_of(image: &Image, resource: &'static Resource, quote: String, confidence: Confidence) -> Detected {
    let path = image.path.to_string_lossy().into_owned();
    let name = image.path.file_name().unwrap_or_default().to_string_lossy();
    let message = format!("{name} ({}) uses {}", image.arch().name(), resource.name);
    Detected::of_code("uses-protected-resource", Kind::Need, Severity::Note, confidence, message, Clue::UsesResource(resource))
        .on(path.clone(), Some(image.arch()))
        .at("imports")
        .seen(Proof { source: path, quote, ..Proof::default() })
}

/// A sandbox key where the hardened-runtime key is needed.
fn wrong_entitlements(image: &Image) -> Vec<Detected> {
    let sandboxed = image.has_entitlement(key::APP_SANDBOX);
    let wrong = |resource: &'static Resource| {
        let written = resource.wrong_entitlements.iter().find(|key| image.has_entitlement(key))?;
        (!sandboxed && image.is_hardened() && !image.has_entitlement(resource.entitlement)).then_some((resource, *written))
    };
    let path = image.path.to_string_lossy().into_owned();
    RESOURCES
        .iter()
        .filter_map(wrong)
        .map(|(resource, written)| {
            let message = format!(
                "{written} belongs to the App Sandbox and does nothing here; the hardened runtime asks for {}",
                resource.entitlement
            );
            let clue = Clue::WrongEntitlement(resource, written.to_owned());
            Detected::of_code("sandbox-key-without-sandbox", Kind::Lint, Severity::Warning, Confidence::Certain, message, clue)
                .on(path.clone(), Some(image.arch()))
                .at("entitlements")
                .seen(Proof { source: path.clone(), quote: format!("entitlements: {written}"), ..Proof::default() })
        })
        .collect()
}

fn wrong_usage_keys(scene: &Scene<'_>) -> Vec<Detected> {
    let mut all = Vec::new();
    for bundle in &scene.evidence.bundles {
        let Some(info) = &bundle.info else { continue };
        let subject = bundle.executable.as_deref().map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
        let path = bundle.info_path.to_string_lossy().into_owned();
        for resource in RESOURCES {
            let right = resource.usage_keys.iter().any(|key| info.usage.iter().any(|(k, _)| k == key));
            let written = resource
                .wrong_usage_keys
                .iter()
                .find(|key| info.usage.iter().any(|(k, _)| k == *key) || info.keys.iter().any(|k| k == *key));
            let Some(written) = written.filter(|_| !right) else { continue };
            let message =
                format!("{written} does nothing on macOS; the key is {}", resource.usage_keys.first().copied().unwrap_or_default());
            let clue = Clue::WrongUsageKey(resource, (*written).to_owned());
            let mut detected =
                Detected::of_code("usage-key-without-effect", Kind::Lint, Severity::Warning, Confidence::Certain, message, clue)
                    .on(subject.clone(), None);
            detected.finding.location.path = path.clone();
            detected.finding.location.place = (*written).to_owned();
            all.push(detected.seen(Proof { source: path.clone(), quote: (*written).to_owned(), ..Proof::default() }));
        }
    }
    all
}
