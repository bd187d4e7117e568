//! Libraries and plug-ins: what library validation refuses, what is missing, what has no slice; relative install names.

use super::{Clue, Detected, Scene};
use crate::dyld::{self, Load, LoadVerdict};
use crate::finding::{Confidence, Kind, Proof, Severity};

pub(super) fn detect(scene: &Scene<'_>) -> Vec<Detected> {
    let loads = scene.loads.iter().enumerate();
    let mut all: Vec<Detected> = loads.filter_map(|(index, load)| of_load(index, load)).collect();
    all.extend(relative_names(scene));
    all.extend(dangling(scene));
    all
}

/// Paths that lead out of the target or nowhere, in programs without library validation: Gatekeeper refuses such a program when it is quarantined.
/// One finding for each image, with its paths as proof.
fn dangling(scene: &Scene<'_>) -> Vec<Detected> {
    let commands =
        scene.loads.iter().filter(|load| load.is_dangling).map(|load| (&load.from, load.arch, format!("load command {}", load.name)));
    let rpaths = dyld::dangling_rpaths(scene.evidence, scene.loads);
    let rpaths = rpaths.iter().map(|found| (&found.image, found.arch, format!("LC_RPATH {}", found.rpath)));
    let mut all: Vec<Detected> = Vec::new();
    for (image, arch, quote) in commands.chain(rpaths) {
        let path = image.to_string_lossy().into_owned();
        let proof = Proof { source: path.clone(), quote, ..Proof::default() };
        match all.iter_mut().find(|known| known.finding.subject == path && known.finding.arch == Some(arch)) {
            Some(known) if known.finding.proof.len() >= 16 || known.finding.proof.contains(&proof) => {}
            Some(known) => known.finding.proof.push(proof),
            None => {
                let message = format!(
                    "{} has paths that lead out of the bundle or nowhere; without library validation Gatekeeper refuses that in a quarantined app",
                    short(&path)
                );
                let detected = Detected::of_code("dangling-path", Kind::Lint, Severity::Warning, Confidence::Likely, message, Clue::None);
                all.push(detected.on(path, Some(arch)).at("load commands").seen(proof));
            }
        }
    }
    all
}

fn of_load(index: usize, load: &Load) -> Option<Detected> {
    let name = short(load.to.as_deref().map_or_else(|| load.name.clone(), |p| p.to_string_lossy().into_owned()).as_str());
    let host = short(&load.executable.to_string_lossy());
    let confidence = if load.is_dynamic { Confidence::Likely } else { Confidence::Certain };
    let (id, severity, confidence, message, clue) = match load.verdict {
        LoadVerdict::Refused if load.is_constrained => {
            let message = format!("{host} may not load {name}: {}", load.rule);
            ("library-constrained", Severity::Error, confidence, message, Clue::LibraryConstrained(index))
        }
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
