//! One file of code: identity and flags as `codesign -dvvv` prints them, entitlements with the state of each, what it loads and what loads it, what is wrong.

use super::code::Marks;
use crate::report::{Code, Report};
use crate::tui::page::{Build, Target};
use crate::tui::state::State;
use crate::tui::theme::{Mark, Role};
use crate::tui::words;

const LABEL: usize = 16;

/// Builds the page.
pub fn build(state: &State, path: &str, b: &mut Build) {
    if let Some(report) = state.report() {
        describe(report, path, b);
    }
}

/// All that is known of the file at `path`, also beside the tree.
pub fn describe(report: &Report, path: &str, b: &mut Build) {
    b.para(0, Role::Heading, path);
    let slices: Vec<&Code> = report.code.iter().filter(|code| code.path == path).collect();
    if slices.is_empty() {
        b.para(0, Role::Text, "This file is not among the code that was read.");
    }
    for code in &slices {
        slice(report, code, b);
    }
    findings(report, path, b);
    loads(report, path, b);
}

fn slice(report: &Report, code: &Code, b: &mut Build) {
    b.blank();
    let (mark, why) = Marks::of(report).mark(code);
    b.pieces(&[
        (Role::Heading, code.arch),
        (Role::Text, "  "),
        (Role::Text, code.file_type),
        (Role::Text, "  "),
        (mark.role(), mark.sign()),
        (Role::Text, " "),
        (mark.role(), mark.word()),
    ]);
    if let Some(why) = why {
        b.para(2, mark.role(), &why);
    }
    let flags =
        if code.flag_names.is_empty() { format!("{}(none)", code.flags) } else { format!("{}({})", code.flags, code.flag_names.join(",")) };
    let lines = [
        ("Identifier", code.identifier.clone()),
        ("flags", Some(flags)),
        ("Authority", code.authority.clone()),
        ("TeamIdentifier", Some(code.team.clone().unwrap_or_else(|| "not set".into()))),
        ("signer", Some(super::title::signed_by(code.signer, None))),
        ("signature", Some(code.signature.to_owned())),
        ("hardened", Some(if code.hardened { "yes".into() } else { "no".into() })),
        ("Runtime Version", code.runtime_version.clone()),
        ("CDHash", code.cdhash.clone()),
        ("UUID", code.uuid.clone()),
    ];
    for (label, value) in lines {
        let Some(value) = value else { continue };
        let word = match label {
            "flags" => flags_word(code),
            "signer" => Some(code.signer.to_owned()),
            _ => None,
        };
        explained(word, b, |b| b.label((Role::Dim, label), LABEL + 1, Role::Text, &value));
    }
    for spawn in report.spawn.iter().filter(|spawn| spawn.executable == code.path && spawn.arch == code.arch) {
        let mark = match spawn.verdict {
            "runs" => Mark::Fine,
            "refused" => Mark::Broken,
            _ => Mark::Unknown,
        };
        b.label((mark.role(), &format!("{} starts", mark.sign())), LABEL + 1, Role::Text, &format!("{}: {}", spawn.verdict, spawn.why));
        let systems = spawn.systems();
        let conditions = spawn.conditions.iter().copied();
        for line in Some(systems.as_str()).filter(|text| !text.is_empty()).into_iter().chain(conditions) {
            b.label((Role::Dim, ""), LABEL + 1, Role::Dim, line);
        }
    }
    for notary in report.notary.iter().filter(|notary| notary.path == code.path && notary.arch.is_none_or(|arch| arch == code.arch)) {
        b.label((Mark::Unwise.role(), &format!("{} notary", Mark::Unwise.sign())), LABEL + 1, Role::Text, &notary.message);
    }
    constraints(code, b);
    entitlements(report, code, b);
}

fn constraints(code: &Code, b: &mut Build) {
    for (index, constraint) in code.constraints.iter().enumerate() {
        let mark = match constraint.judgement {
            Some("holds") => Mark::Fine,
            Some("fails" | "unreadable") => Mark::Broken,
            Some(_) => Mark::Unknown,
            None => Mark::Note,
        };
        let label = if index == 0 { format!("{} constraints", mark.sign()) } else { mark.sign().to_owned() };
        explained(self::key("launch-constraints"), b, |b| b.label((mark.role(), &label), LABEL + 1, Role::Text, &constraint.said()));
    }
}

/// What [`crate::explain`] reads the flags of a slice from; `None` for one without a signature, which has none.
pub fn flags_word(code: &Code) -> Option<String> {
    (code.signature != "unsigned").then(|| format!("flags={}({})", code.flags, code.flag_names.join(",")))
}

/// A row about a word that can be explained. Beside the tree it is no place of its own: there the tree is walked.
fn explained(word: Option<String>, b: &mut Build, build: impl FnOnce(&mut Build)) {
    match word {
        Some(word) if !b.is_beside() => b.item(Target::Word(word), build),
        _ => build(b),
    }
}

/// A key, if it has a page.
fn key(key: &str) -> Option<String> {
    crate::explain::by_id(key).map(|page| page.id.clone())
}

fn entitlements(report: &Report, code: &Code, b: &mut Build) {
    let state = report.entitlements.iter().find(|state| state.executable == code.path && state.arch == code.arch);
    let Some(state) = state else {
        if code.file_type == "execute" || !code.entitlements.is_empty() {
            let says = if code.entitlements.is_empty() { "none".to_owned() } else { code.entitlements.join(", ") };
            b.label((Role::Dim, "entitlements"), LABEL + 1, Role::Text, &says);
        }
        return;
    };
    b.label((Role::Dim, "entitlements"), LABEL + 1, Role::Text, &words::count(state.present.len(), "key", "keys"));
    for (key, value) in &state.present {
        let (mark, word) = state_of(state, key);
        let value = if *value == serde_json::Value::Bool(true) { String::new() } else { format!(" = {value}") };
        explained(self::key(key), b, |b| b.label((mark.role(), mark.sign()), 2, Role::Text, &format!("{key}{value}: {word}")));
    }
    for key in &state.missing {
        let line = format!("{key}: needed and missing");
        explained(self::key(key), b, |b| b.label((Mark::Broken.role(), Mark::Broken.sign()), 2, Role::Text, &line));
    }
    for key in &state.possible {
        let line = format!("{key}: perhaps needed");
        explained(self::key(key), b, |b| b.label((Mark::Unknown.role(), Mark::Unknown.sign()), 2, Role::Text, &line));
    }
    for set in &state.together {
        let keys: Vec<&str> = set.keys.iter().map(|key| key.rsplit('.').next().unwrap_or(key)).collect();
        let line = format!("unwise, {} together: {}", keys.join(" and "), set.why);
        b.label((Mark::Unwise.role(), Mark::Unwise.sign()), 2, Role::Text, &line);
    }
}

/// What is known of a key that is there.
fn state_of(state: &crate::report::EntitlementState, key: &str) -> (Mark, &'static str) {
    let has = |keys: &[String]| keys.iter().any(|other| other == key);
    if has(&state.needed) {
        (Mark::Fine, "needed, with proof")
    } else if has(&state.inert) {
        (Mark::Note, "without effect here")
    } else if has(&state.redundant) {
        (Mark::Unwise, "unwise, another key covers it")
    } else if has(&state.excess) {
        (Mark::Unwise, "unwise, proven not to be needed")
    } else {
        (Mark::Unknown, "not known whether it is needed")
    }
}

fn findings(report: &Report, path: &str, b: &mut Build) {
    let about: Vec<_> =
        report.findings.iter().enumerate().filter(|(_, finding)| finding.subject == path || finding.location.path == path).collect();
    if about.is_empty() {
        return;
    }
    b.heading("Findings");
    for (index, finding) in about {
        let mark = Mark::of_severity(finding.severity);
        b.item(Target::Finding(index), |b| b.marked(mark, Role::Text, &format!("{} ({}): {}", mark.word(), finding.kind, finding.said())));
    }
}

fn loads(report: &Report, path: &str, b: &mut Build) {
    let from: Vec<_> = report.loads.iter().filter(|load| load.from == path).collect();
    let by: Vec<_> = report.loads.iter().filter(|load| load.to.as_deref() == Some(path)).collect();
    for (heading, loads, is_from) in [("What it loads", &from, true), ("What loads it", &by, false)] {
        if loads.is_empty() {
            continue;
        }
        b.heading(heading);
        for load in loads {
            let mark = match load.verdict {
                "allowed" => Mark::Fine,
                "outside" => Mark::Unknown,
                _ => Mark::Broken,
            };
            let other = if is_from { load.to.as_deref().unwrap_or(&load.name) } else { &load.from };
            let line = format!("{} ({}): {}, {}", other, load.arch, load.verdict, load.rule);
            let line = line.trim_end_matches([',', ' ']);
            if report.code.iter().any(|code| code.path == other) {
                b.item(Target::Object(other.to_owned()), |b| b.marked(mark, Role::Text, line));
            } else {
                b.marked(mark, Role::Text, line);
            }
        }
    }
}
