//! A candidate → a diagnosis: the scenario's remedies in the document's order, which apply here and why not, and the one that is least.

use super::case::{Candidate, Case};
use crate::policy::key;
use crate::report::{Diagnosis, Remedy};
use crate::scenario::{self, Condition, Scenario};
use std::collections::BTreeSet;

pub(super) fn diagnosis(case: &Case<'_>, candidate: &Candidate) -> Diagnosis {
    let facts = with_key_facts(case, candidate);
    let mut remedies: Vec<Remedy> =
        scenario::by_id(candidate.scenario).map(|scenario| of_scenario(case, candidate, scenario, &facts)).unwrap_or_default();
    mark_least(candidate, &mut remedies);
    let mut findings = candidate.findings.clone();
    let mut seen = BTreeSet::new();
    findings.retain(|index| seen.insert(*index));
    Diagnosis {
        cause: candidate.cause,
        scenario: candidate.scenario.to_owned(),
        confidence: candidate.confidence.word(),
        subject: candidate.subject.clone(),
        arch: candidate.arch.map(crate::read::macho::Arch::name),
        summary: candidate.summary.clone(),
        mended_by: candidate.mended_by.word(),
        findings,
        rule: candidate.rule.as_ref().map(|(rule, _)| rule.clone()),
        source: candidate.rule.as_ref().map(|(_, source)| source.clone()),
        remedies,
    }
}

fn with_key_facts(case: &Case<'_>, candidate: &Candidate) -> BTreeSet<Condition> {
    let mut facts = candidate.facts.clone();
    let image = case.scene.image(std::path::Path::new(&candidate.subject));
    if case.has_key(image, key::ALLOW_JIT) {
        facts.insert(Condition::HasAllowJit);
    }
    if image.is_none() && case.hardened(None) == Some(true) {
        facts.insert(Condition::Hardened);
    }
    facts
}

fn of_scenario(case: &Case<'_>, candidate: &Candidate, scenario: &Scenario, facts: &BTreeSet<Condition>) -> Vec<Remedy> {
    let fits = |remedy: &&scenario::Remedy| candidate.only.is_empty() || candidate.only.contains(&remedy.id.as_str());
    scenario.remedies.iter().filter(fits).map(|remedy| one(case, candidate, remedy, facts)).collect()
}

fn one(case: &Case<'_>, candidate: &Candidate, remedy: &scenario::Remedy, facts: &BTreeSet<Condition>) -> Remedy {
    let changes_keys = !remedy.add_entitlements.is_empty();
    let takes_keys = !remedy.remove_entitlements.is_empty() || remedy.id.starts_with("remove") || remedy.id.starts_with("drop");
    let mut add = remedy.add_entitlements.clone();
    let mut remove = remedy.remove_entitlements.clone();
    let mut info_plist = remedy.add_info_plist.clone();
    // What the case knows better than the scenario's general words.
    if let Some(known) =
        candidate.add.as_ref().filter(|_| changes_keys || candidate.cause == "misplaced-entitlement" && remedy.may_be_least)
    {
        add = known.clone();
    }
    let beside_new = changes_keys && candidate.cause == "protected-resource";
    if let Some(known) = candidate.remove.as_ref().filter(|_| takes_keys || beside_new) {
        remove = known.clone();
    }
    remove.retain(|key| !add.contains(key));
    if let Some(known) =
        candidate.info_plist.as_ref().filter(|_| !info_plist.is_empty() || changes_keys && candidate.cause == "protected-resource")
    {
        info_plist = known.clone();
    }
    let image = case.scene.image(std::path::Path::new(&candidate.subject));
    if remedy.needs_new_code {
        // New code may rely on a key that is there: it is not added again.
        add.retain(|key| !case.has_key(image, key));
    }
    let all_there = !remedy.needs_new_code && !add.is_empty() && add.iter().all(|key| case.has_key(image, key));
    let why_not = why_not(remedy, facts)
        .or_else(|| candidate.no_keys.clone().filter(|_| !add.is_empty()))
        .or_else(|| all_there.then(|| format!("{} is there already", add.join(", "))));
    let keeps_place = !add.is_empty() || !remove.is_empty() || !info_plist.is_empty();
    // What is signed as a whole is the app, not the file that was refused.
    let on = if keeps_place || remedy.signing.everything {
        Some(candidate.subject.clone())
    } else {
        candidate.file.clone().or_else(|| Some(candidate.subject.clone()))
    };
    Remedy {
        rank: remedy.rank.word(),
        least: false,
        applies: why_not.is_none(),
        why_not,
        needs_new_code: remedy.needs_new_code,
        title: remedy.title.clone(),
        on: on.filter(|path| !path.is_empty()),
        also_on: if add.is_empty() { Vec::new() } else { candidate.also_on.clone() },
        add_entitlements: add,
        remove_entitlements: remove,
        add_info_plist: info_plist,
        weakens: remedy.weakens.clone(),
        explanation: Some(remedy.explanation.clone()).filter(|text| !text.is_empty()),
        // Filled by `fix`, which knows files and commands.
        steps: Vec::new(),
    }
}

/// The first condition that fails, in the scenario's words.
fn why_not(remedy: &scenario::Remedy, facts: &BTreeSet<Condition>) -> Option<String> {
    let missing = remedy.when.iter().find(|condition| !facts.contains(condition)).map(|c| (*c, false));
    let present = remedy.unless.iter().find(|condition| facts.contains(condition)).map(|c| (*c, true));
    let (condition, holds) = missing.or(present)?;
    let said = remedy.why_not.get(condition.word()).cloned();
    Some(said.unwrap_or_else(|| condition.sentence(holds).to_owned()))
}

/// The least change that mends the app as built: the first remedy in the document's order that may be and that applies; of those, one without a new key
/// comes before one with.
fn mark_least(candidate: &Candidate, remedies: &mut [Remedy]) {
    let scenario = scenario::by_id(candidate.scenario);
    let may = |remedy: &Remedy| {
        let written = scenario.and_then(|s| s.remedies.iter().find(|r| r.title == remedy.title));
        remedy.applies && !remedy.needs_new_code && written.is_some_and(|r| r.may_be_least)
    };
    let keyless = remedies.iter().position(|remedy| may(remedy) && remedy.add_entitlements.is_empty());
    let any = remedies.iter().position(may);
    if let Some(remedy) = keyless.or(any).and_then(|index| remedies.get_mut(index)) {
        remedy.least = true;
    }
}

/// The reported failure has another cause: no key is proposed anywhere.
pub(super) fn withhold_keys(diagnosis: &mut Diagnosis) {
    for remedy in diagnosis.remedies.iter_mut().filter(|remedy| !remedy.add_entitlements.is_empty()) {
        remedy.applies = false;
        remedy.least = false;
        remedy.why_not = Some("the failure that was reported has another cause; no entitlement mends it".into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::all;

    /// Each condition of each remedy: with all of them right it applies, with one wrong it does not, and the reason is said.
    #[test]
    fn every_condition_of_every_remedy_has_an_applying_and_a_refusing_case() {
        for scenario in all() {
            for remedy in &scenario.remedies {
                let right: BTreeSet<Condition> = remedy.when.iter().copied().collect();
                assert_eq!(why_not(remedy, &right), None, "{}/{}", scenario.id, remedy.id);
                for condition in &remedy.when {
                    let mut wrong = right.clone();
                    wrong.remove(condition);
                    let said = why_not(remedy, &wrong).unwrap_or_default();
                    assert!(said.len() > 5, "{}/{} without {}", scenario.id, remedy.id, condition.word());
                }
                for condition in &remedy.unless {
                    let mut wrong = right.clone();
                    wrong.insert(*condition);
                    let said = why_not(remedy, &wrong).unwrap_or_default();
                    assert!(said.len() > 5, "{}/{} with {}", scenario.id, remedy.id, condition.word());
                }
            }
        }
    }

    /// What is decided beside the conditions: keys that are known to be no help, and keys that are there.
    #[test]
    fn a_remedy_that_adds_keys_does_not_apply_where_keys_are_withheld() {
        let evidence = crate::evidence::Evidence::empty();
        let scene = crate::detect::Scene { evidence: &evidence, loads: &[] };
        let case = Case { scene: &scene, detected: &[] };
        for scenario in all() {
            let mut candidate = Candidate::new("jit", "jit", crate::finding::Confidence::Likely, String::new());
            candidate.no_keys = Some("not known yet".into());
            for remedy in scenario.remedies.iter().filter(|remedy| !remedy.add_entitlements.is_empty()) {
                let facts: BTreeSet<Condition> = remedy.when.iter().copied().collect();
                let refused = one(&case, &candidate, remedy, &facts);
                assert_eq!((refused.applies, refused.why_not.as_deref()), (false, Some("not known yet")), "{}/{}", scenario.id, remedy.id);
                candidate.no_keys = None;
                assert!(one(&case, &candidate, remedy, &facts).applies, "{}/{}", scenario.id, remedy.id);
                candidate.no_keys = Some("not known yet".into());
            }
        }
    }

    #[test]
    fn a_remedy_that_needs_new_code_is_never_least() {
        for scenario in all() {
            for remedy in scenario.remedies.iter().filter(|remedy| remedy.needs_new_code) {
                assert!(!remedy.may_be_least, "{}/{}", scenario.id, remedy.id);
            }
        }
    }
}
