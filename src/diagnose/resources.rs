//! Protected resources: the entitlement on the executable that is judged, and the usage description in its Info.plist.

use super::case::{Candidate, Case};
use crate::detect::{Clue, Detected};
use crate::evidence::{Bundle, Image};
use crate::finding::Confidence;
use crate::policy::{Action, Process, RESOURCES, Resource, Shows, decide, key};
use crate::scenario::Condition;
use std::path::Path;

pub(super) fn diagnose(case: &Case<'_>) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = case.clues(|_| true).filter_map(|(index, detected)| of_symptom(case, index, detected)).collect();
    if all.is_empty() {
        all.extend(of_bundle(case));
    }
    all
}

fn of_symptom(case: &Case<'_>, index: usize, detected: &Detected) -> Option<Candidate> {
    match &detected.clue {
        Clue::ResourceEntitlementMissing(resource) => Some(entitlement_missing(case, index, detected, resource)),
        Clue::UsageMissing { resource, key, fatal } => usage_missing(case, index, detected, *resource, key, *fatal),
        Clue::ResourceDenied(resource) => denied(case, index, detected, resource),
        _ => None,
    }
}

fn start(
    case: &Case<'_>,
    index: usize,
    detected: &Detected,
    resource: &'static Resource,
    confidence: Confidence,
    summary: String,
) -> Candidate {
    let mut candidate =
        Candidate::new("protected-resource", resource.scenario, confidence, summary).about(subject(case, detected)).like(&detected.finding);
    candidate.findings.push(index);
    candidate.accounts = true;
    candidate.order = 15;
    candidate
}

fn subject<'a>(case: &Case<'a>, detected: &Detected) -> Option<&'a Image> {
    case.image_of(detected).or_else(|| {
        case.scene
            .main()
            .filter(|_| detected.finding.subject.is_empty() && detected.finding.proof.iter().all(|p| !p.quote.contains("identifier=")))
    })
}

/// tccd names the key: the hardened program may never ask without it.
fn entitlement_missing(case: &Case<'_>, index: usize, detected: &Detected, resource: &'static Resource) -> Candidate {
    let image = subject(case, detected);
    let who = image.map_or("the program".into(), |i| i.path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    let ends = detected.finding.message.starts_with("ended");
    let summary = if ends {
        format!("{who} was ended when it asked for {}: the entitlement is missing from its signature", resource.name)
    } else {
        format!("{who} is refused {} without a prompt: the entitlement is missing from its signature", resource.name)
    };
    let decision = image
        .map(|image| decide(&Process::of(image), &Action::UseResource { entitlement: resource.entitlement.into(), usage_present: None }));
    let confidence = match &decision {
        Some(decision) if !decision.allowed => decision.certainty,
        Some(_) => Confidence::Possible,
        None => Confidence::Likely,
    };
    // A refused prompt never ends a process: an unread death outranks it.
    let lesser = case.unread_death() && !ends;
    let mut candidate = start(case, index, detected, resource, if lesser { Confidence::Possible } else { confidence }, summary);
    candidate.accounts = !lesser;
    candidate.no_keys = lesser.then(|| "a process died for a reason that is not in what was given: read its crash report first".to_owned());
    candidate.facts.insert(Condition::EntitlementMissing);
    candidate.add = Some(vec![resource.entitlement.to_owned()]);
    candidate.remove = Some(image.map(|image| useless_keys(image, resource)).unwrap_or_default());
    add_usage(case, &mut candidate, image, resource);
    if let Some(decision) = &decision {
        candidate = candidate.refused_by(decision);
    }
    candidate.also_on = siblings(case, image, resource);
    candidate
}

/// Sandbox keys written in place of the right one, where there is no sandbox.
fn useless_keys(image: &Image, resource: &Resource) -> Vec<String> {
    let sandboxed = image.has_entitlement(key::APP_SANDBOX);
    resource.wrong_entitlements.iter().filter(|key| !sandboxed && image.has_entitlement(key)).map(|key| (*key).to_owned()).collect()
}

/// The usage description is needed as well, unless the Info.plist that counts has it.
fn add_usage(case: &Case<'_>, candidate: &mut Candidate, image: Option<&Image>, resource: &'static Resource) {
    let present = image.and_then(|image| usage_present(case, image, resource));
    let key = resource.usage_keys.first().copied().unwrap_or_default().to_owned();
    if present != Some(true) {
        candidate.facts.insert(Condition::UsageMissing);
    }
    candidate.info_plist = Some(if present == Some(true) { Vec::new() } else { vec![key] });
}

/// Info.plist of the bundle whose main executable asks; for a helper also that of the app around it, to which requests are attributed.
pub(super) fn usage_present(case: &Case<'_>, image: &Image, resource: &Resource) -> Option<bool> {
    let evidence = case.scene.evidence;
    let around = evidence.bundles.iter().filter(|bundle| image.path.starts_with(&bundle.path) && bundle.info.is_some());
    let infos: Vec<&Bundle> = around.collect();
    if infos.is_empty() {
        return image.macho.info_plist.is_some().then_some(false);
    }
    let has = |bundle: &&Bundle| {
        let usage = bundle.info.as_ref().map(|info| info.usage.as_slice()).unwrap_or_default();
        usage.iter().any(|(key, text)| resource.usage_keys.contains(&key.as_str()) && !text.trim().is_empty())
    };
    Some(infos.iter().any(has))
}

/// The usage key that the Info.plist of the bundle that asks, or of one around it, has with a text.
pub(super) fn usage_key(case: &Case<'_>, image: &Image, resource: &Resource) -> Option<String> {
    let around = case.scene.evidence.bundles.iter().filter(|bundle| image.path.starts_with(&bundle.path));
    let usage = around.filter_map(|bundle| bundle.info.as_ref()).flat_map(|info| info.usage.iter());
    let mut counts = usage.filter(|(key, text)| resource.usage_keys.contains(&key.as_str()) && !text.trim().is_empty());
    counts.next().map(|(key, _)| key.clone())
}

/// Other helpers of the app that use the resource and lack the key too.
fn siblings(case: &Case<'_>, image: Option<&Image>, resource: &'static Resource) -> Vec<String> {
    let Some(image) = image else { return Vec::new() };
    let uses = |candidate: &&Image| {
        case.clues(|c| matches!(c, Clue::UsesResource(r) if r.scenario == resource.scenario))
            .any(|(_, d)| Path::new(&d.finding.subject) == candidate.path)
    };
    let wrong = |candidate: &&Image| !useless_keys(candidate, resource).is_empty();
    let mut paths: Vec<String> = case
        .scene
        .evidence
        .executables()
        .filter(|candidate| candidate.path != image.path && candidate.is_hardened() && !candidate.has_entitlement(resource.entitlement))
        .filter(|candidate| uses(candidate) || wrong(candidate))
        .map(|candidate| candidate.path.to_string_lossy().into_owned())
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

fn usage_missing(
    case: &Case<'_>,
    index: usize,
    detected: &Detected,
    resource: Option<&'static Resource>,
    usage: &str,
    fatal: bool,
) -> Option<Candidate> {
    let Some(resource) = resource.or_else(|| RESOURCES.iter().find(|r| r.wrong_usage_keys.contains(&usage))) else {
        return other_usage_missing(case, index, detected, usage, fatal);
    };
    let image = subject(case, detected);
    let who = image.map_or("the program".into(), |i| i.path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    let what = if fatal { "was ended" } else { "was refused" };
    let summary = format!("{who} {what} because its Info.plist has no {usage}");
    let present = image.and_then(|image| usage_present(case, image, resource));
    let confidence = match present {
        Some(false) => Confidence::Certain,
        Some(true) => Confidence::Likely,
        None => Confidence::Likely,
    };
    let mut candidate = start(case, index, detected, resource, confidence, summary);
    candidate.order = 14;
    candidate.facts.insert(Condition::UsageMissing);
    candidate.info_plist = Some(vec![usage.to_owned()]);
    candidate.remove = Some(Vec::new());
    // Once the text is there the entitlement is asked for too.
    let lacks_key = image.is_some_and(|image| image.is_hardened() && !image.has_entitlement(resource.entitlement));
    if lacks_key {
        candidate.facts.insert(Condition::EntitlementMissing);
    }
    candidate.add = Some(lacks_key.then(|| resource.entitlement.to_owned()).into_iter().collect());
    Some(candidate)
}

/// The usage description of a resource that has no entitlement in the hardened runtime (speech, Bluetooth, …): the text is all that is asked for.
fn other_usage_missing(case: &Case<'_>, index: usize, detected: &Detected, usage: &str, fatal: bool) -> Option<Candidate> {
    if usage.is_empty() {
        return ended_for_privacy(case, index, detected);
    }
    if !usage.starts_with("NS") {
        return None;
    }
    let image = subject(case, detected);
    let who = image.map_or("the program".into(), |i| i.path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    let what = if fatal { "was ended" } else { "was refused" };
    let summary = format!("{who} {what} because the Info.plist of the responsible program has no {usage}");
    let mut candidate =
        Candidate::new("protected-resource", "other-resource", Confidence::Likely, summary).about(image).like(&detected.finding);
    candidate.only = vec!["add-usage-string"];
    candidate.findings.push(index);
    candidate.accounts = true;
    candidate.order = 14;
    candidate.facts.insert(Condition::UsageMissing);
    candidate.info_plist = Some(vec![usage.to_owned()]);
    Some(candidate)
}

/// The privacy system ended it, and the sentence that names what is missing was not given.
fn ended_for_privacy(case: &Case<'_>, index: usize, detected: &Detected) -> Option<Candidate> {
    let told =
        |c: &Clue| matches!(c, Clue::UsageMissing { key, .. } if !key.is_empty()) || matches!(c, Clue::ResourceEntitlementMissing(_));
    // With the app at hand its code and Info.plist say more.
    if case.any(told).is_some() || case.scene.main().is_some() {
        return None;
    }
    let summary = "the privacy system ended the program: the responsible program lacks a usage string (or, when hardened, an entitlement); the sentence of the \
         crash report names it";
    let image = subject(case, detected);
    let mut candidate =
        Candidate::new("protected-resource", "other-resource", Confidence::Likely, summary.to_owned()).about(image).like(&detected.finding);
    candidate.only = vec!["add-usage-string"];
    candidate.findings.push(index);
    candidate.accounts = true;
    candidate.order = 14;
    candidate.facts.insert(Condition::UsageMissing);
    candidate.info_plist = Some(Vec::new());
    Some(candidate)
}

/// A denial without its reason: decided by what the app's signature and Info.plist lack.
fn denied(case: &Case<'_>, index: usize, detected: &Detected, resource: &'static Resource) -> Option<Candidate> {
    let same = |c: &Clue| match c {
        Clue::ResourceEntitlementMissing(r) | Clue::UsageMissing { resource: Some(r), .. } => r.scenario == resource.scenario,
        _ => false,
    };
    let is_first = case.any(|c| matches!(c, Clue::ResourceDenied(r) if r.scenario == resource.scenario)) == Some(index);
    if case.any(same).is_some() || !is_first {
        return None;
    }
    let image = subject(case, detected).or_else(|| case.scene.main());
    let lacks = image.map(|image| image.is_hardened() && !image.has_entitlement(resource.entitlement)).or_else(|| {
        // Without the code, the output of `codesign -d` says as much.
        case.any(|c| matches!(c, Clue::ShownEntitlements(_)))?;
        Some(case.hardened(None) == Some(true) && !case.has_key(None, resource.entitlement))
    });
    let usage = image.and_then(|image| usage_present(case, image, resource));
    let who = image.map_or("the program".into(), |i| i.path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    let summary = format!("{who} is refused {}", resource.name);
    let explained = lacks == Some(true) || usage == Some(false);
    let confidence = if explained && !case.unread_death() { Confidence::Likely } else { Confidence::Possible };
    let mut candidate = start(case, index, detected, resource, confidence, summary).about(image);
    candidate.accounts = confidence == Confidence::Likely;
    // A user who declined is answered the same.
    candidate.no_keys = (image.is_none() && case.hardened(None) != Some(true) || case.unread_death())
        .then(|| "not known yet: whether the program is hardened and lacks the key; give Temper the app, or tccd's lines".to_owned());
    if lacks != Some(false) {
        candidate.facts.insert(Condition::EntitlementMissing);
        candidate.add = Some(vec![resource.entitlement.to_owned()]);
    }
    candidate.remove = Some(image.map(|image| useless_keys(image, resource)).unwrap_or_default());
    add_usage(case, &mut candidate, image, resource);
    Some(candidate)
}

/// What the bundle alone shows: code that asks for a resource in a hardened program that may not ask.
fn of_bundle(case: &Case<'_>) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = Vec::new();
    let mut push = |candidate: Candidate| {
        if !all.iter().any(|known| known.subject == candidate.subject && known.scenario == candidate.scenario) {
            all.push(candidate);
        }
    };
    for (index, detected) in case.clues(|c| matches!(c, Clue::WrongEntitlement(..))) {
        let Clue::WrongEntitlement(resource, _) = &detected.clue else { continue };
        push(from_code(case, index, detected, case.image_of(detected), resource, Confidence::Likely));
    }
    for (index, detected) in case.clues(|c| matches!(c, Clue::UsesResource(_))) {
        let Clue::UsesResource(resource) = &detected.clue else { continue };
        let Some(image) = case.image_of(detected) else { continue };
        for host in case.scene.hosts(image) {
            let usage = usage_present(case, host, resource);
            let decision =
                decide(&Process::of(host), &Action::UseResource { entitlement: resource.entitlement.into(), usage_present: usage });
            // What the sandbox refuses is no matter of hardening.
            if decision.allowed || decision.shows == Some(Shows::SandboxViolation) {
                continue;
            }
            // A usage description says that the app means to ask; the code says that it does: two independent signs.
            let confidence = if usage == Some(true) && detected.finding.confidence >= Confidence::Likely {
                Confidence::Likely
            } else {
                Confidence::Possible
            };
            push(from_code(case, index, detected, Some(host), resource, confidence).refused_by(&decision));
        }
    }
    for (index, detected) in case.clues(|c| matches!(c, Clue::WrongUsageKey(..))) {
        let Clue::WrongUsageKey(resource, _) = &detected.clue else { continue };
        push(from_code(case, index, detected, case.image_of(detected), resource, Confidence::Likely));
    }
    all.extend(declared_only(case, &all));
    all
}

fn from_code(
    case: &Case<'_>,
    index: usize,
    detected: &Detected,
    image: Option<&Image>,
    resource: &'static Resource,
    confidence: Confidence,
) -> Candidate {
    let who = image.map_or("the program".into(), |i| i.path.file_name().unwrap_or_default().to_string_lossy().into_owned());
    let lacks = image.is_some_and(|image| image.is_hardened() && !image.has_entitlement(resource.entitlement));
    let what = if lacks { "the entitlement is missing from its signature" } else { "its Info.plist has no usage description" };
    let summary = format!("{who} would be refused {}: {what}", resource.name);
    let mut candidate = Candidate::new("protected-resource", resource.scenario, confidence, summary).about(image).like(&detected.finding);
    candidate.findings.push(index);
    candidate.order = 44;
    candidate.add = Some(lacks.then(|| resource.entitlement.to_owned()).into_iter().collect());
    if lacks {
        candidate.facts.insert(Condition::EntitlementMissing);
    }
    candidate.remove = Some(image.map(|image| useless_keys(image, resource)).unwrap_or_default());
    add_usage(case, &mut candidate, image, resource);
    candidate
}

/// A usage description without the entitlement, in a hardened app: it means to ask and may not.
fn declared_only(case: &Case<'_>, known: &[Candidate]) -> Vec<Candidate> {
    let mut all = Vec::new();
    let Some(main) = case.scene.main().filter(|image| image.is_hardened()) else { return all };
    for resource in RESOURCES.iter().filter(|r| !main.has_entitlement(r.entitlement) && !known.iter().any(|k| k.scenario == r.scenario)) {
        let Some(bundle) = main.main_of.and_then(|index| case.scene.evidence.bundles.get(index)) else { continue };
        let declared =
            bundle.info.as_ref().is_some_and(|info| info.usage.iter().any(|(key, _)| resource.usage_keys.contains(&key.as_str())));
        if !declared {
            continue;
        }
        let name = main.path.file_name().unwrap_or_default().to_string_lossy();
        let summary = format!("{name} declares that it uses {} and lacks the entitlement to ask for it", resource.name);
        let mut candidate = Candidate::new("protected-resource", resource.scenario, Confidence::Possible, summary).about(Some(main));
        candidate.order = 46;
        candidate.facts.insert(Condition::EntitlementMissing);
        candidate.add = Some(vec![resource.entitlement.to_owned()]);
        candidate.info_plist = Some(Vec::new());
        candidate.remove = Some(useless_keys(main, resource));
        all.push(candidate);
    }
    all
}
