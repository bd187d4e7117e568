//! The least entitlements file of each executable, with the reason of every key: what `temper minimize` writes. Pure.
//!
//! One file is signed into all slices, so a key stays when one slice needs it. What is not known stays too, and is said.

use super::edit::{EditError, Edits};
use super::plan;
use crate::evidence::Evidence;
use crate::report::{EntitlementState, KeyReason, Report};
use std::path::Path;

/// One executable's least file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeastFile {
    /// Executable, relative.
    pub executable: String,
    /// Name of the file, the same for the same executable at all times.
    pub name: String,
    /// Its text, without comments; `None` when the executable needs no entitlements and has none, or when the text could not be made.
    pub text: Option<String>,
    /// What becomes of each key.
    pub keys: Vec<KeyFate>,
    /// What to know before signing with it.
    pub warnings: Vec<String>,
}

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Not there and needed.
    Added,
    /// There and needed.
    Kept,
    /// There; whether it is needed is not known.
    KeptUndecided,
    /// There and not needed.
    LeftOut,
    /// Not there, and perhaps needed: not added.
    Perhaps,
}

impl Fate {
    /// The word of the JSON form.
    pub fn word(self) -> &'static str {
        match self {
            Fate::Added => "added",
            Fate::Kept => "kept",
            Fate::KeptUndecided => "kept-undecided",
            Fate::LeftOut => "left-out",
            Fate::Perhaps => "perhaps",
        }
    }
}

/// A key and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFate {
    /// Key.
    pub key: String,
    /// What becomes of it.
    pub fate: Fate,
    /// One sentence.
    pub why: String,
    /// What to do instead of having the key.
    pub instead: Option<String>,
    /// Where it was seen: `file address: call`, at most 16.
    pub proof: Vec<String>,
    /// Slices that this holds for, when not for all.
    pub slices: Vec<&'static str>,
}

impl LeastFile {
    /// It holds other keys than what is signed.
    pub fn changes(&self) -> bool {
        self.keys.iter().any(|key| matches!(key.fate, Fate::Added | Fate::LeftOut))
    }
}

/// The least file of every executable, in the order of the report.
pub fn least(evidence: &Evidence, report: &Report) -> Vec<LeastFile> {
    let mut paths: Vec<&str> = Vec::new();
    for state in &report.entitlements {
        if !paths.contains(&state.executable.as_str()) {
            paths.push(&state.executable);
        }
    }
    paths.iter().map(|path| file(evidence, report, path, &paths)).collect()
}

fn file(evidence: &Evidence, report: &Report, executable: &str, all: &[&str]) -> LeastFile {
    let states: Vec<&EntitlementState> = report.entitlements.iter().filter(|state| state.executable == executable).collect();
    let hardened = evidence.images_at(Path::new(executable)).any(crate::evidence::Image::is_hardened);
    let keys = fates(report, &states, hardened);
    let mut warnings = Vec::new();
    if !hardened && states.iter().any(|state| !state.inert.is_empty()) {
        warnings.push(
            "it is not signed with the runtime flag, so what its code needs was not judged; its keys are kept for the day it is".to_owned(),
        );
    }
    let wanted = |fate: Fate| keys.iter().filter(|key| key.fate == fate).map(|key| key.key.clone()).collect::<Vec<_>>();
    let edits = Edits { add: wanted(Fate::Added), remove: wanted(Fate::LeftOut) };
    let has_any = states.iter().any(|state| !state.present.is_empty());
    let mut text = None;
    if has_any || !edits.add.is_empty() {
        match plan::edit_as_signed(evidence, Path::new(executable), &edits) {
            Ok(edited) => {
                warnings.extend(edited.warnings);
                let after = without_comments(&edited.after);
                text = Some(if after.is_empty() { EMPTY.to_owned() } else { after });
            }
            Err(EditError::NotBoolean(key)) => warnings.push(format!("no file: {key} is there and not a boolean; correct it first")),
            Err(error) => warnings.push(format!("no file: what is signed cannot be edited ({error})")),
        }
    }
    LeastFile { executable: executable.to_owned(), name: name(executable, all), text, keys, warnings }
}

/// A file of no entitlements.
const EMPTY: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
    "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n",
    "<plist version=\"1.0\">\n<dict>\n</dict>\n</plist>\n"
);

/// The executable's own name, with the folders before it where two would have the same.
fn name(executable: &str, all: &[&str]) -> String {
    let leaf = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let mine = leaf(executable);
    // File systems that do not tell upper from lower case are the usual ones on a Mac.
    let alone = all.iter().filter(|path| leaf(path).eq_ignore_ascii_case(&mine)).count() == 1;
    let stem = if alone { mine } else { executable.replace('/', "-") };
    format!("{stem}.entitlements")
}

/// AMFI's parser does not take every comment, and Apple advises none.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!--") {
        let Some((_, tail)) = after.split_once("-->") else { break };
        // A line that held nothing else goes with it.
        let blank = before.rsplit('\n').next().is_some_and(|line| line.trim().is_empty());
        match tail.strip_prefix('\n').filter(|_| blank) {
            Some(next) => {
                out.push_str(before.trim_end_matches([' ', '\t']));
                rest = next;
            }
            None => {
                out.push_str(before);
                rest = tail;
            }
        }
    }
    out.push_str(rest);
    out
}

fn fates(report: &Report, states: &[&EntitlementState], hardened: bool) -> Vec<KeyFate> {
    let mut names: Vec<&str> = Vec::new();
    for reason in states.iter().flat_map(|state| &state.reasons) {
        if !names.contains(&reason.key.as_str()) {
            names.push(&reason.key);
        }
    }
    let mut all: Vec<KeyFate> = names.into_iter().map(|key| fate(report, states, hardened, key)).collect();
    all.sort_by_key(|key| key.fate);
    all
}

/// The fate of a key is the most cautious that a slice asks for.
fn fate(report: &Report, states: &[&EntitlementState], hardened: bool, key: &str) -> KeyFate {
    let reasons: Vec<(&'static str, &KeyReason)> =
        states.iter().flat_map(|state| state.reasons.iter().filter(|r| r.key == key).map(|r| (state.arch, r))).collect();
    let of = |reason: &KeyReason| match reason.standing {
        "missing" => Fate::Added,
        "needed" => Fate::Kept,
        "possible" => Fate::Perhaps,
        // Without the flag nothing needs a key, and signing for distribution sets the flag.
        "inert" if !hardened && key.starts_with("com.apple.security.") => Fate::KeptUndecided,
        "excess" | "inert" | "redundant" => Fate::LeftOut,
        _ => Fate::KeptUndecided,
    };
    let any = |wanted: Fate| reasons.iter().any(|(_, reason)| of(reason) == wanted);
    let there = states.iter().any(|state| state.present.contains_key(key));
    let fate = [Fate::Added, Fate::Kept, Fate::KeptUndecided, Fate::LeftOut, Fate::Perhaps].into_iter().find(|fate| any(*fate));
    let fate = match fate.unwrap_or(Fate::KeptUndecided) {
        // Another slice has it signed in.
        Fate::Added if there => Fate::Kept,
        Fate::Perhaps if there => Fate::KeptUndecided,
        fate => fate,
    };
    let decides = |reason: &KeyReason| match (of(reason), fate) {
        (mine, wanted) if mine == wanted => true,
        (Fate::Added, Fate::Kept) | (Fate::Perhaps, Fate::KeptUndecided) => true,
        _ => false,
    };
    let mine: Vec<&(&'static str, &KeyReason)> = reasons.iter().filter(|(_, reason)| decides(reason)).collect();
    let slices = if mine.len() < states.len() { mine.iter().map(|(arch, _)| *arch).collect() } else { Vec::new() };
    let why = different(mine.iter().map(|(_, reason)| reason.why.clone())).join("; ");
    let instead = mine.iter().find_map(|(_, reason)| reason.instead.clone());
    let mut proof = different(mine.iter().flat_map(|(_, reason)| seen(report, reason)));
    proof.truncate(MOST_PROOFS);
    KeyFate { key: key.to_owned(), fate, why, instead, proof, slices }
}

/// Lines of proof that are kept for each key.
const MOST_PROOFS: usize = 16;

/// Each once, in the order they come: slices often rest on the same.
fn different(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in lines {
        if !all.contains(&line) {
            all.push(line);
        }
    }
    all
}

/// What a reason rests on, each as one line.
fn seen(report: &Report, reason: &KeyReason) -> Vec<String> {
    let findings = reason.findings.iter().filter_map(|index| report.findings.get(*index));
    let proofs = findings.flat_map(|finding| finding.proof.iter().map(|proof| (finding.arch, proof)));
    proofs
        .chain(reason.proof.iter().map(|proof| (None, proof)))
        .map(|(arch, proof)| {
            let place = match (&proof.address, proof.line) {
                (Some(address), _) => format!("{} {address}", arch.map(|arch| format!(" ({arch})")).unwrap_or_default()),
                (None, Some(line)) => format!(" line {line}"),
                _ => String::new(),
            };
            format!("{}{place}: {}", proof.source, proof.quote)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_executables_own_unless_two_share_one() {
        let all = ["Contents/MacOS/Demo", "Contents/Helpers/tool", "Contents/Other/TOOL"];
        assert_eq!(name(all[0], &all), "Demo.entitlements");
        assert_eq!(name(all[1], &all), "Contents-Helpers-tool.entitlements");
        assert_eq!(name(all[2], &all), "Contents-Other-TOOL.entitlements");
    }

    #[test]
    fn comments_go_with_their_lines() {
        let text = "<dict>\n\t<!-- why -->\n\t<key>a</key> <!-- b --><true/>\n</dict>\n<!-- open";
        assert_eq!(without_comments(text), "<dict>\n\t<key>a</key> <true/>\n</dict>\n<!-- open");
    }

    fn state(arch: &'static str, present: &[&str], reasons: &[(&str, &'static str)]) -> EntitlementState {
        let reason =
            |(key, standing): &(&str, &'static str)| KeyReason { key: (*key).into(), standing, why: arch.into(), ..KeyReason::default() };
        EntitlementState {
            executable: "Demo".into(),
            arch,
            present: present.iter().map(|key| ((*key).to_owned(), serde_json::Value::Bool(true))).collect(),
            reasons: reasons.iter().map(reason).collect(),
            ..EntitlementState::default()
        }
    }

    fn decided(states: &[EntitlementState], hardened: bool) -> Vec<(String, Fate)> {
        let evidence = Evidence::empty();
        let report = crate::diagnose::diagnose(&evidence, &crate::diagnose::Change::default());
        let states: Vec<&EntitlementState> = states.iter().collect();
        fates(&report, &states, hardened).into_iter().map(|key| (key.key, key.fate)).collect()
    }

    #[test]
    fn a_key_stays_when_one_slice_needs_it_or_it_is_not_known() {
        let arm = state(
            "arm64",
            &["a", "b", "c", "d"],
            &[("a", "excess"), ("b", "excess"), ("c", "undecided"), ("d", "redundant"), ("e", "missing")],
        );
        let intel = state(
            "x86_64",
            &["a", "b", "c", "d"],
            &[("a", "needed"), ("b", "excess"), ("c", "excess"), ("d", "redundant"), ("f", "possible")],
        );
        let fate = decided(&[arm, intel], true);
        let expected = [
            ("e", Fate::Added),
            ("a", Fate::Kept),
            ("c", Fate::KeptUndecided),
            ("b", Fate::LeftOut),
            ("d", Fate::LeftOut),
            ("f", Fate::Perhaps),
        ];
        assert_eq!(fate, expected.map(|(key, fate)| (key.to_owned(), fate)));
    }

    #[test]
    fn without_the_runtime_flag_no_key_is_taken_out_for_being_without_effect() {
        let one = || state("arm64", &["com.apple.security.cs.allow-jit"], &[("com.apple.security.cs.allow-jit", "inert")]);
        assert_eq!(decided(&[one()], false)[0].1, Fate::KeptUndecided);
        assert_eq!(decided(&[one()], true)[0].1, Fate::LeftOut);
    }
}
