//! Libraries and plug-ins: what library validation refuses, what is missing, what has no slice; relative install names.

use super::{Clue, Detected, Scene};
use crate::dyld::{Load, LoadVerdict};
use crate::finding::{Confidence, Kind, Proof, Severity};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Detected> {
    let loads = scene.loads.iter().enumerate();
    let mut all: Vec<Detected> = loads.filter_map(|(index, load)| of_load(index, load)).collect();
    all.extend(relative_names(scene));
    all
}

fn of_load(index: usize, load: &Load) -> Option<Detected> {
    let name = short(load.to.as_deref().map_or_else(|| load.name.clone(), |p| p.to_string_lossy().into_owned()).as_str());
    let host = short(&load.executable.to_string_lossy());
    let confidence = if load.is_dynamic { Confidence::Likely } else { Confidence::Certain };
    let (id, severity, confidence, message, clue) = match load.verdict {
        LoadVerdict::Refused => {
            let message = format!("{host} may not load {name}: {}", load.rule);
            ("library-refused", Severity::Error, confidence, message, Clue::LibraryRefused(index))
        }
        LoadVerdict::Missing if !load.weak => {
            let message = format!("{host} needs {}, which is not in the bundle", load.name);
            ("library-missing", Severity::Error, confidence, message, Clue::LibraryMissing(index))
        }
        LoadVerdict::WrongArch => {
            let message = format!("{name} has no {} code", load.arch.name());
            ("library-wrong-architecture", Severity::Error, confidence, message, Clue::LibraryWrongArch(index))
        }
        _ => return None,
    };
    let from = load.from.to_string_lossy().into_owned();
    let verb = if load.is_dynamic { "loads at run time" } else { "load command" };
    let proof = Proof { source: from.clone(), quote: format!("{verb} {}", load.name), ..Proof::default() };
    let detected =
        Detected::of_code(id, Kind::Defect, severity, confidence, message, clue).on(load.executable.to_string_lossy(), Some(load.arch));
    let mut detected = detected.seen(proof);
    detected.finding.location.path = load.to.as_deref().map_or(from, |p| p.to_string_lossy().into_owned());
    detected.finding.location.place = load.arch.name().to_owned();
    Some(detected)
}

/// A hardened executable, or a library it loads, names a library by a relative path: dyld refuses it there.
fn relative_names(scene: &Scene<'_>) -> Vec<Detected> {
    let mut all = Vec::new();
    for image in scene.evidence.images.iter() {
        let hardened = scene.hosts(image).iter().any(|host| host.is_hardened());
        let relative = |name: &str| (!name.starts_with('/') && !name.starts_with('@')) || name.starts_with("@@");
        for library in image.macho.libraries.iter().filter(|library| hardened && relative(&library.name)) {
            let path = image.path.to_string_lossy().into_owned();
            let message = format!("{} names {} by a relative path, which a hardened program may not use", short(&path), library.name);
            let clue = Clue::RelativeName(library.name.clone());
            let proof = Proof { source: path.clone(), quote: format!("load command {}", library.name), ..Proof::default() };
            all.push(
                Detected::of_code("relative-install-name", Kind::Defect, Severity::Error, Confidence::Certain, message, clue)
                    .on(path, Some(image.arch()))
                    .at("load commands")
                    .seen(proof),
            );
        }
    }
    all
}

fn short(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}
