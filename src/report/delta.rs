//! What changed from one report to the next, of the same target: after a rebuild, after a remedy. Pure.

use super::{Diagnosis, EntitlementState, Report, Verdict};
use std::collections::BTreeSet;

/// What changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Delta {
    /// Before and after, when they differ.
    pub verdict: Option<(Verdict, Verdict)>,
    /// Diagnoses that are gone.
    pub gone: Vec<Diagnosis>,
    /// Diagnoses that are new.
    pub new: Vec<Diagnosis>,
    /// Diagnoses that are there as before with another confidence: the one before, the diagnosis.
    pub confidence: Vec<(&'static str, Diagnosis)>,
    /// Entitlements that came, went or got another value.
    pub keys: Vec<KeyChange>,
    /// Runtime flag of the main executable, before and after.
    pub hardened: Option<(bool, bool)>,
    /// Hashes of code changed, whatever the report says about it.
    pub code_changed: bool,
}

/// A key of one slice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyChange {
    /// Executable, relative.
    pub executable: String,
    /// Slices in which it changed, sorted.
    pub archs: Vec<&'static str>,
    /// Key.
    pub key: String,
    /// How.
    pub how: KeyHow,
}

/// How a key changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyHow {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has another value.
    Value,
}

/// What changed from `before` to `after`.
pub fn between(before: &Report, after: &Report) -> Delta {
    let known = |all: &[Diagnosis], one: &Diagnosis| all.iter().any(|other| is_same(other, one));
    let confidence = after.diagnoses.iter().filter_map(|now| {
        let then = before.diagnoses.iter().find(|then| is_same(then, now))?;
        (then.confidence != now.confidence).then(|| (then.confidence, now.clone()))
    });
    let hashes =
        |report: &Report| report.code.iter().map(|code| (code.path.clone(), code.arch, code.cdhash.clone())).collect::<BTreeSet<_>>();
    Delta {
        verdict: Some((before.verdict, after.verdict)).filter(|(then, now)| then != now),
        gone: before.diagnoses.iter().filter(|one| !known(&after.diagnoses, one)).cloned().collect(),
        new: after.diagnoses.iter().filter(|one| !known(&before.diagnoses, one)).cloned().collect(),
        confidence: confidence.collect(),
        keys: keys(&before.entitlements, &after.entitlements),
        hardened: before.target.hardened.zip(after.target.hardened).filter(|(then, now)| then != now),
        code_changed: hashes(before) != hashes(after),
    }
}

/// The same diagnosis in two reports, of the same slice.
fn is_same(a: &Diagnosis, b: &Diagnosis) -> bool {
    a.arch == b.arch && a.identity() == b.identity()
}

/// Keys that changed, of executables that are in both reports. The same change in several slices is one.
fn keys(before: &[EntitlementState], after: &[EntitlementState]) -> Vec<KeyChange> {
    let mut changes: Vec<KeyChange> = Vec::new();
    let mut add = |state: &EntitlementState, key: &String, how: KeyHow| {
        let same = |known: &&mut KeyChange| known.executable == state.executable && known.key == *key && known.how == how;
        match changes.iter_mut().find(same) {
            Some(known) => known.archs.push(state.arch),
            None => changes.push(KeyChange { executable: state.executable.clone(), archs: vec![state.arch], key: key.clone(), how }),
        }
    };
    for now in after {
        let Some(then) = before.iter().find(|then| then.executable == now.executable && then.arch == now.arch) else { continue };
        for (key, value) in &now.present {
            match then.present.get(key) {
                None => add(now, key, KeyHow::Added),
                Some(old) if old != value => add(now, key, KeyHow::Value),
                Some(_) => {}
            }
        }
        then.present.keys().filter(|key| !now.present.contains_key(*key)).for_each(|key| add(now, key, KeyHow::Removed));
    }
    changes.iter_mut().for_each(|change| change.archs.sort_unstable());
    changes.sort();
    changes
}

impl Delta {
    /// Nothing of what the report says changed.
    pub fn is_empty(&self) -> bool {
        self.verdict.is_none()
            && self.gone.is_empty()
            && self.new.is_empty()
            && self.confidence.is_empty()
            && self.keys.is_empty()
            && self.hardened.is_none()
    }

    /// For people, a line each: what is better first.
    pub fn lines(&self) -> Vec<String> {
        let about = |diagnosis: &Diagnosis| {
            let subject = if diagnosis.subject.is_empty() { String::new() } else { format!(" ({})", diagnosis.subject) };
            format!("{}{subject}", diagnosis.cause)
        };
        let mut lines: Vec<String> = self.gone.iter().map(|gone| format!("gone: {}", about(gone))).collect();
        lines.extend(self.new.iter().map(|new| format!("new: {}, {}: {}", about(new), new.confidence, new.summary)));
        lines.extend(self.confidence.iter().map(|(then, now)| format!("{}: was {then}, is {}", about(now), now.confidence)));
        lines.extend(self.keys.iter().map(|change| {
            let (sign, tail) = match change.how {
                KeyHow::Added => ("+", ""),
                KeyHow::Removed => ("-", ""),
                KeyHow::Value => ("~", " has another value"),
            };
            format!("{sign} {}{tail} ({}, {})", change.key, change.executable, change.archs.join(" and "))
        }));
        lines.extend(self.hardened.map(|(_, now)| if now { "hardened now" } else { "not hardened any more" }.to_owned()));
        lines.extend(self.verdict.map(|(then, now)| format!("verdict: was {}, is {}", then.word(), now.word())));
        if lines.is_empty() {
            let code = if self.code_changed { "the code changed, the verdict did not" } else { "nothing that matters changed" };
            lines.push(code.into());
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report() -> Report {
        crate::decide(crate::evidence::Evidence::empty(), &Default::default()).report
    }

    fn diagnosis(cause: &'static str, confidence: &'static str) -> Diagnosis {
        Diagnosis {
            cause,
            scenario: cause.into(),
            confidence,
            subject: "Contents/MacOS/A".into(),
            arch: None,
            summary: "It needs a key.".into(),
            mended_by: "developer",
            findings: Vec::new(),
            rule: None,
            source: None,
            remedies: Vec::new(),
        }
    }

    fn state(arch: &'static str, keys: serde_json::Value) -> EntitlementState {
        EntitlementState {
            executable: "A".into(),
            arch,
            present: keys.as_object().cloned().unwrap_or_default(),
            needed: Vec::new(),
            missing: Vec::new(),
            excess: Vec::new(),
            inert: Vec::new(),
            redundant: Vec::new(),
            ..EntitlementState::default()
        }
    }

    #[test]
    fn the_same_report_has_no_delta() {
        let mut report = report();
        report.diagnoses.push(diagnosis("jit", "certain"));
        let delta = between(&report, &report);
        assert!(delta.is_empty() && delta == Delta::default());
        assert_eq!(delta.lines(), ["nothing that matters changed"]);
    }

    #[test]
    fn causes_come_and_go_and_change_their_confidence() {
        let (mut before, mut after) = (report(), report());
        before.verdict = Verdict::AtRisk;
        after.verdict = Verdict::Clear;
        before.diagnoses = vec![diagnosis("jit", "certain"), diagnosis("camera", "likely")];
        after.diagnoses = vec![diagnosis("camera", "certain"), diagnosis("library-validation", "possible")];
        let delta = between(&before, &after);
        let lines = delta.lines();
        assert_eq!(
            lines,
            [
                "gone: jit (Contents/MacOS/A)",
                "new: library-validation (Contents/MacOS/A), possible: It needs a key.",
                "camera (Contents/MacOS/A): was likely, is certain",
                "verdict: was at-risk, is clear",
            ]
        );
        let back = between(&after, &before);
        assert_eq!((back.gone.len(), back.new.len()), (1, 1));
    }

    #[test]
    fn keys_that_changed_in_every_slice_are_told_once() {
        let (mut before, mut after) = (report(), report());
        before.entitlements = vec![state("arm64", json!({"a": true, "b": true})), state("x86_64", json!({"a": true, "b": true}))];
        after.entitlements =
            vec![state("arm64", json!({"b": false, "c": true})), state("x86_64", json!({"a": true, "b": false, "c": true}))];
        assert_eq!(
            between(&before, &after).lines(),
            ["- a (A, arm64)", "~ b has another value (A, arm64 and x86_64)", "+ c (A, arm64 and x86_64)"]
        );
    }

    #[test]
    fn an_executable_that_is_new_has_no_keys_that_changed() {
        let (before, mut after) = (report(), report());
        after.entitlements = vec![state("arm64", json!({"a": true}))];
        assert!(between(&before, &after).is_empty());
    }
}
