//! The least set of entitlements, for each executable slice: what its code needs, with the finding that says so; what is missing, perhaps needed, proven not
//! to be needed, without effect, covered by another; and what to do instead.
//!
//! A key is *missing* only where the need is proven or likely. It is *excess* only where every way to need it is ruled out; what stands in the way of that
//! is named. Everything else that is there is *undecided*, and stays.

mod absence;
mod asked;
mod together;

pub(super) use asked::resources;

use super::case::Case;
use crate::detect::{Clue, MemoryUse};
use crate::dyld::LoadVerdict;
use crate::evidence::Image;
use crate::finding::Confidence;
use crate::policy::{self, Action, Decision, Library, Process, constraint, decide, key};
use crate::report::{Diagnosis, EntitlementState, KeyReason};
use std::collections::{BTreeMap, BTreeSet};

/// Something that asks for a key.
struct Need {
    key: String,
    confidence: Confidence,
    why: String,
    findings: Vec<usize>,
    rule: Option<String>,
    instead: Option<String>,
}

impl Need {
    fn of(decision: &Decision, key: &str, confidence: Confidence, why: String, findings: Vec<usize>) -> Self {
        let rule = (!decision.allowed).then(|| format!("{} ({})", decision.rule, decision.source));
        Self { key: key.to_owned(), confidence, why, findings, rule, instead: decision.instead().map(str::to_owned) }
    }
}

/// The state of one slice. `diagnoses` are those already decided: what they would add or take out counts as proven.
pub(super) fn state(case: &Case<'_>, image: &Image, diagnoses: &[Diagnosis]) -> EntitlementState {
    let mut needs = needs(case, image);
    let mut excess = BTreeMap::new();
    let executable = image.path.to_string_lossy().into_owned();
    for diagnosis in diagnoses.iter().filter(|d| d.confidence != "possible" && d.subject == executable) {
        of_diagnosis(image, diagnosis, &mut needs, &mut excess);
    }
    // On Intel one broad key serves for all: where it is needed anyway, MAP_JIT asks for no second one.
    let broad = needs.iter().any(|need| need.key == key::UNSIGNED_MEMORY && need.confidence >= Confidence::Likely);
    if broad && !image.arch().is_arm64() {
        needs.iter_mut().filter(|need| need.key == key::ALLOW_JIT).for_each(|need| need.key = key::UNSIGNED_MEMORY.to_owned());
    }
    let inert = inert(image);
    let mut state = EntitlementState {
        executable,
        arch: image.arch().name(),
        inert: inert.iter().map(|(key, _)| key.clone()).collect(),
        ..Default::default()
    };
    let sure: BTreeSet<String> = needs.iter().filter(|n| n.confidence >= Confidence::Likely).map(|n| n.key.clone()).collect();
    state.redundant = redundant(case, image, &sure);
    state.missing = sure.iter().filter(|key| !image.has_entitlement(key)).cloned().collect();
    state.needed = sure.into_iter().collect();
    let perhaps: BTreeSet<String> = needs.iter().map(|n| n.key.clone()).filter(|key| !state.needed.contains(key)).collect();
    state.possible = perhaps.into_iter().filter(|key| !image.has_entitlement(key) && !state.inert.contains(key)).collect();
    state.together = together::of(image);
    let entries = image.entitlements().map(|e| e.entries.as_slice()).unwrap_or_default();
    for (name, _) in entries {
        let mut reason = present(case, image, name, &needs, &state, &inert);
        if let Some((why, findings)) = excess.get(name).filter(|_| reason.standing == "undecided") {
            reason.standing = "excess";
            reason.why = why.clone();
            reason.findings = findings.clone();
            reason.proof.clear();
        }
        if reason.standing == "excess" {
            excess.entry(name.clone()).or_default();
        }
        state.reasons.push(reason);
    }
    state.excess = excess.into_keys().collect();
    let absent = state.missing.iter().map(|key| (key, "missing")).chain(state.possible.iter().map(|key| (key, "possible")));
    let reasons: Vec<KeyReason> = absent.map(|(key, standing)| reason(standing, key, &needs)).collect();
    state.reasons.extend(reasons);
    state
}

/// What a diagnosis that is likely or certain would do.
fn of_diagnosis(image: &Image, diagnosis: &Diagnosis, needs: &mut Vec<Need>, excess: &mut BTreeMap<String, (String, Vec<usize>)>) {
    let instead =
        diagnosis.remedies.iter().find(|r| r.rank == "recommended" && r.applies && r.add_entitlements.is_empty()).map(|r| r.title.clone());
    for remedy in diagnosis.remedies.iter().filter(|remedy| remedy.least) {
        for key in &remedy.add_entitlements {
            needs.push(Need {
                key: key.clone(),
                confidence: if diagnosis.confidence == "certain" { Confidence::Certain } else { Confidence::Likely },
                why: diagnosis.summary.clone(),
                findings: diagnosis.findings.clone(),
                rule: diagnosis.rule.clone().zip(diagnosis.source.clone()).map(|(rule, source)| format!("{rule} ({source})")),
                instead: instead.clone(),
            });
        }
        let there = |key: &&String| image.entitlements().is_some_and(|e| e.get(key).is_some());
        for key in remedy.remove_entitlements.iter().filter(there) {
            excess.entry(key.clone()).or_insert_with(|| (diagnosis.summary.clone(), diagnosis.findings.clone()));
        }
    }
}

/// The reason of a key that needs name: the surest first, and what all of them rest on.
fn reason(standing: &'static str, key: &str, needs: &[Need]) -> KeyReason {
    let mut mine: Vec<&Need> = needs.iter().filter(|need| need.key == key).collect();
    mine.sort_by_key(|need| std::cmp::Reverse(need.confidence));
    let mut findings: Vec<usize> = Vec::new();
    for index in mine.iter().flat_map(|need| need.findings.iter().copied()) {
        if !findings.contains(&index) {
            findings.push(index);
        }
    }
    let first = mine.first();
    KeyReason {
        key: key.to_owned(),
        standing,
        why: first.map(|need| need.why.clone()).unwrap_or_default(),
        findings,
        rule: first.and_then(|need| need.rule.clone()),
        instead: mine.iter().find_map(|need| need.instead.clone()),
        proof: Vec::new(),
    }
}

/// The reason of a key that is there.
fn present(case: &Case<'_>, image: &Image, name: &str, needs: &[Need], state: &EntitlementState, inert: &[(String, &str)]) -> KeyReason {
    let plain = |standing, why: &str| KeyReason { key: name.to_owned(), standing, why: why.to_owned(), ..KeyReason::default() };
    if let Some((_, why)) = inert.iter().find(|(key, _)| key == name) {
        return plain("inert", why);
    }
    if !image.has_entitlement(name)
        && image.entitlements().and_then(|e| e.get(name)).is_some_and(|v| *v == crate::read::entitlements::Value::Bool(false))
    {
        return plain("inert", "false counts as absent: leave it out");
    }
    if state.needed.iter().any(|key| key == name) {
        return reason("needed", name, needs);
    }
    if state.redundant.iter().any(|key| key == name) {
        return plain("redundant", "another key that is there covers it");
    }
    if needs.iter().any(|need| need.key == name) {
        return reason("undecided", name, needs);
    }
    absence::judge(case, image, name)
}

/// Everything that asks for a key, in a process started from this slice.
fn needs(case: &Case<'_>, image: &Image) -> Vec<Need> {
    let mut all = memory(case, image);
    all.extend(libraries(case, image));
    all.extend(variables(case, image));
    all.extend(protected(case, image));
    all.extend(debugging(case, image));
    all
}

/// Of the sets of keys that lift a refusal: one that is there, else the narrowest.
fn lifted_by<'d>(image: &Image, decision: &'d Decision) -> Option<&'d [&'static str]> {
    let sets = decision.lifts.iter().filter_map(|lift| match lift {
        policy::Lift::Entitlements(keys) => Some(keys.as_slice()),
        _ => None,
    });
    let there = |keys: &&[&'static str]| keys.iter().all(|key| image.has_entitlement(key));
    sets.clone().find(there).or_else(|| sets.into_iter().next())
}

fn memory(case: &Case<'_>, image: &Image) -> Vec<Need> {
    let bare = Process::of(image).bare();
    let mut uses = case.uses(image);
    uses.sort_by_key(|u| (u.how, std::cmp::Reverse(u.confidence)));
    let mut all: Vec<Need> = Vec::new();
    for found in uses {
        let action = match found.how {
            MemoryUse::MapJit => Action::MapJit,
            MemoryUse::FlipsPages => Action::ExecuteFlippedPage,
            MemoryUse::WriteExecute => Action::MapWriteExecute,
            MemoryUse::PatchesCode => Action::PatchCode,
            MemoryUse::Unknown => continue,
        };
        let decision = decide(&bare, &action);
        let Some(key) = lifted_by(image, &decision).and_then(|keys| keys.first().copied()) else { continue };
        let message = case.detected.get(found.index).map(|d| d.finding.message.clone()).unwrap_or_default();
        // Changed code is better not changed: no key is called missing for it unless something broke.
        let confidence = if found.how == MemoryUse::PatchesCode { Confidence::Possible } else { found.confidence };
        let mut need = Need::of(&decision, key, confidence, message, vec![found.index]);
        if found.how == MemoryUse::MapJit {
            need.instead = None;
        }
        all.push(need);
    }
    all.extend(engines(case, image, &all));
    all
}

/// An engine that makes code, where its calls do not tell how: the key that such engines usually need.
fn engines(case: &Case<'_>, image: &Image, known: &[Need]) -> Vec<Need> {
    let bare = Process::of(image).bare();
    let mut all = Vec::new();
    for (index, detected) in case.clues(|c| matches!(c, Clue::Engine { .. })) {
        let Clue::Engine { name, usual, .. } = &detected.clue else { continue };
        let Some(holder) = case.image_of(detected).filter(|holder| holder.arch() == image.arch()) else { continue };
        let here = std::ptr::eq(holder, image) || case.scene.hosts(holder).iter().any(|host| std::ptr::eq(*host, image));
        let action = match usual {
            MemoryUse::MapJit => Action::MapJit,
            MemoryUse::FlipsPages => Action::ExecuteFlippedPage,
            _ => continue,
        };
        let decision = decide(&bare, &action);
        let Some(key) = decision.least_keys().and_then(|keys| keys.first()) else { continue };
        if here && !known.iter().any(|need| need.key == *key) {
            let why = format!("{}; {name} usually needs this key", detected.finding.message);
            all.push(Need::of(&decision, key, Confidence::Possible, why, vec![index]));
        }
    }
    all
}

/// Libraries that library validation would refuse without the key. Where the key is not there, signing them comes first.
fn libraries(case: &Case<'_>, image: &Image) -> Vec<Need> {
    let bare = Process::of(image).bare();
    let has = image.has_entitlement(key::LIBRARY_VALIDATION);
    let mut all = Vec::new();
    for (index, load) in case.scene.loads.iter().enumerate().filter(|(_, l)| l.executable == image.path && l.arch == image.arch()) {
        let target = load.to.as_deref().and_then(|path| case.scene.evidence.images_at(path).find(|i| i.arch() == load.arch));
        let Some(library) = target.filter(|_| !matches!(load.verdict, LoadVerdict::WrongArch)) else { continue };
        let action = if load.is_dynamic { Action::Open(Library::of(library)) } else { Action::Load(Library::of(library)) };
        let decision = decide(&bare, &action);
        // A library that the program's own constraint keeps out does not come in by the key either.
        if decision.allowed || constraint::keeps_out(&bare, image, library).is_some() {
            continue;
        }
        let finding = case.any(|c| *c == Clue::LibraryRefused(index));
        let confidence = match (has, load.is_dynamic) {
            (false, _) => Confidence::Possible,
            (true, false) => Confidence::Certain,
            (true, true) => Confidence::Likely,
        };
        let file = library.path.display();
        let verb = if load.is_dynamic { "opens" } else { "loads" };
        let why = format!("it {verb} {file}, which library validation would refuse: {}", decision.rule);
        let mut need = Need::of(&decision, key::LIBRARY_VALIDATION, confidence, why, finding.into_iter().collect());
        need.instead = Some(format!("sign {file} with the identity of the program that loads it"));
        all.push(need);
        // The first of each certainty says enough; a bundle can hold thousands.
        if all.len() >= 16 {
            break;
        }
    }
    all
}

/// Variables of dyld that something in the bundle sets for the program itself.
fn variables(case: &Case<'_>, image: &Image) -> Vec<Need> {
    let bare = Process::of(image).bare();
    let has = image.has_entitlement(key::DYLD_VARIABLES);
    let mut all = Vec::new();
    for (index, detected) in case.clues(|c| matches!(c, Clue::SetsDyld { .. } | Clue::ExpectsInjection)) {
        let about =
            std::path::Path::new(&detected.finding.subject) == image.path && detected.finding.arch.is_none_or(|a| a == image.arch());
        let (variable, is_set) = match &detected.clue {
            Clue::SetsDyld { variable, .. } => (variable.clone(), true),
            _ => ("DYLD_INSERT_LIBRARIES".to_owned(), false),
        };
        // A call of setenv is for what the program starts.
        let for_itself = detected.text.is_none() && detected.finding.proof.iter().all(|proof| proof.address.is_none());
        let decision = decide(&bare, &Action::HonourDyld { variable });
        if !about || !for_itself || decision.allowed {
            continue;
        }
        let confidence = if has && is_set { Confidence::Likely } else { Confidence::Possible };
        all.push(Need::of(&decision, key::DYLD_VARIABLES, confidence, detected.finding.message.clone(), vec![index]));
    }
    all
}

/// Protected resources. That code can ask is one sign, that the Info.plist says why is another: both make the need likely.
fn protected(case: &Case<'_>, image: &Image) -> Vec<Need> {
    let mut all = Vec::new();
    for (index, detected) in case.clues(|c| matches!(c, Clue::UsesResource(_))) {
        let Clue::UsesResource(resource) = &detected.clue else { continue };
        let here = case.image_of(detected).is_some_and(|user| case.scene.hosts(user).iter().any(|host| std::ptr::eq(*host, image)));
        let decision = decide(
            &Process::of(image).bare(),
            &Action::UseResource { entitlement: resource.entitlement.into(), usage_present: Some(true) },
        );
        if !here || decision.allowed {
            continue;
        }
        let said = super::resources::usage_present(case, image, resource) == Some(true);
        let likely = detected.finding.confidence >= Confidence::Likely && (said || image.has_entitlement(resource.entitlement));
        let confidence = if likely { Confidence::Likely } else { Confidence::Possible };
        let text = if said { "and its Info.plist says why" } else { "and no Info.plist says why, so it may never ask" };
        let why = format!("{}, {text}", detected.finding.message);
        all.push(Need::of(&decision, resource.entitlement, confidence, why, vec![index]));
    }
    all
}

/// A call of `task_for_pid`: on itself it needs nothing, and which process it is about is not told.
fn debugging(case: &Case<'_>, image: &Image) -> Vec<Need> {
    let decision = decide(&Process::of(image).bare(), &Action::DebugOther);
    if decision.allowed {
        return Vec::new();
    }
    let users = absence::images(case, image).into_iter().filter(|user| user.macho.imports("_task_for_pid"));
    users
        .take(1)
        .map(|user| {
            let why = format!("{} imports task_for_pid; whether it asks for another process is not told", user.path.display());
            Need::of(&decision, key::DEBUGGER, Confidence::Possible, why, Vec::new())
        })
        .collect()
}

/// Keys without effect, and why.
fn inert(image: &Image) -> Vec<(String, &'static str)> {
    let guarded = |name: &str| name.starts_with("com.apple.security.cs.") || policy::RESOURCES.iter().any(|r| r.entitlement == name);
    let entries = image.entitlements().map(|e| e.entries.as_slice()).unwrap_or_default();
    let (sandboxed, hardened) = (image.has_entitlement(key::APP_SANDBOX), image.is_hardened());
    let why = |name: &str| {
        if !hardened && guarded(name) && (!sandboxed || name.contains(".cs.")) {
            Some("the executable is not signed with the runtime flag: nothing is restricted that it could lift")
        } else if !sandboxed && policy::is_sandbox_only(name) {
            Some("it counts only in the App Sandbox, and com.apple.security.app-sandbox is not there")
        } else if name == "get-task-allow" {
            Some("macOS looks at com.apple.security.get-task-allow; this is the spelling of iOS")
        } else {
            None
        }
    };
    entries.iter().filter_map(|(name, _)| Some((name.clone(), why(name)?))).collect()
}

/// Keys that another one covers, in every slice that runs with them; a key that is needed for itself stays.
fn redundant(case: &Case<'_>, image: &Image, needed: &BTreeSet<String>) -> Vec<String> {
    // The key must stay where another slice of the file needs it: entitlements are signed into all slices alike.
    let archs: Vec<crate::read::macho::Arch> = match image.arch().is_arm64() {
        true => vec![image.arch()],
        false => case.scene.evidence.images_at(&image.path).map(Image::arch).collect(),
    };
    let covered = crate::keys::redundant(&|name| image.has_entitlement(name), &archs);
    covered.into_iter().map(|(name, _)| name.to_owned()).filter(|name| name != key::ALLOW_JIT || !needed.contains(name)).collect()
}

#[cfg(test)]
mod tests;
