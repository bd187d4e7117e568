//! Protected resources, one row each: who asks, who is responsible for it, and what is there: usage description, entitlement, key of the sandbox.

use super::super::case::Case;
use crate::detect::Clue;
use crate::evidence::{Image, TargetKind};
use crate::policy::{Action, Process, Shows, decide, key};
use crate::report::ResourceUse;

pub(in super::super) fn resources(case: &Case<'_>) -> Vec<ResourceUse> {
    let mut all: Vec<ResourceUse> = Vec::new();
    for (index, detected) in case.clues(|c| matches!(c, Clue::UsesResource(_))) {
        let Clue::UsesResource(resource) = &detected.clue else { continue };
        let Some(user) = case.image_of(detected) else { continue };
        for asks in case.scene.hosts(user) {
            let responsible = responsible(case, asks);
            let asks_path = asks.path.to_string_lossy().into_owned();
            let known = |row: &ResourceUse| row.asks == asks_path && row.arch == asks.arch().name() && row.resource == resource.name;
            if all.iter().any(known) {
                continue;
            }
            let usage = super::super::resources::usage_present(case, asks, resource);
            let process = Process { os: case.scene.evidence.os, ..Process::of(responsible) };
            let decision = decide(&process, &Action::UseResource { entitlement: resource.entitlement.into(), usage_present: usage });
            let sandboxed = process.has(key::APP_SANDBOX);
            let sandbox_key = resource.sandbox_keys.iter().find(|key| sandboxed && process.has(key)).map(|key| (*key).to_owned());
            all.push(ResourceUse {
                resource: resource.name,
                asks: asks_path,
                arch: asks.arch().name(),
                responsible: responsible.path.to_string_lossy().into_owned(),
                finding: index,
                confidence: detected.finding.confidence.word(),
                usage_key: super::super::resources::usage_key(case, asks, resource),
                entitlement: resource.entitlement,
                entitled: responsible.has_entitlement(resource.entitlement),
                sandbox_key,
                verdict: match decision.shows {
                    None => "asks",
                    Some(Shows::Abort) => "ended",
                    Some(Shows::SandboxViolation) => "sandbox",
                    Some(_) => "refused",
                },
                rule: decision.rule,
            });
        }
    }
    all
}

/// The executable that macOS holds responsible: the main one of the outermost app around it; an extension answers for itself (tccd's lines name it so).
fn responsible<'a>(case: &Case<'a>, image: &'a Image) -> &'a Image {
    let evidence = case.scene.evidence;
    let around = || evidence.bundles.iter().filter(|bundle| image.path.starts_with(&bundle.path));
    if around().any(|bundle| bundle.kind == TargetKind::Appex) {
        return image;
    }
    let app = around().find(|bundle| bundle.kind == TargetKind::App);
    let main = app.and_then(|bundle| bundle.executable.as_deref());
    main.and_then(|path| evidence.slice_at(path, image.arch())).unwrap_or(image)
}
