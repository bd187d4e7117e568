//! Everything beside the answer: other findings, entitlements, code, loads, verdicts of launch and notary, noise, what to collect, gaps.
//!
//! What is broken is listed; what is fine is counted.

use super::answer::{located, signer_words};
use super::page::{Mark, Page};
use super::{MOST, counted, more, place};
use crate::report::{Code, EntitlementState, Finding, Load, Report};
use std::collections::BTreeSet;

/// Files that are named for one message of the notary.
const MOST_PATHS: usize = 5;

/// Findings that no diagnosis rests on. Needs are left out: what code does is no fault.
pub(super) fn findings(page: &mut Page, report: &Report) {
    let told: BTreeSet<usize> = report.diagnoses.iter().flat_map(|diagnosis| diagnosis.findings.iter().copied()).collect();
    let rest: Vec<&Finding> = report
        .findings
        .iter()
        .enumerate()
        .filter(|(index, finding)| !told.contains(index) && finding.kind != "need")
        .map(|(_, f)| f)
        .collect();
    if rest.is_empty() {
        return;
    }
    page.heading("Found besides", "");
    for finding in rest.iter().take(MOST) {
        page.marked(2, Mark::of_severity(finding.severity), &finding.said());
        page.below_mark(2, &located(finding));
    }
    more(page, rest.len());
}

/// Slices with the same states stand together.
pub(super) fn entitlements(page: &mut Page, report: &Report) {
    let mut groups: Vec<(&EntitlementState, Vec<&str>)> = Vec::new();
    for state in &report.entitlements {
        match groups.iter_mut().find(|(known, _)| same_entitlements(known, state)) {
            Some((_, slices)) => slices.push(state.arch),
            None => groups.push((state, vec![state.arch])),
        }
    }
    groups.retain(|(state, _)| !state.present.is_empty() || !state.missing.is_empty() || !state.possible.is_empty());
    for (state, slices) in groups.iter().take(MOST) {
        page.heading("Entitlements", &place(&state.executable, Some(&slices.join(", "))));
        keys(page, state);
    }
    more(page, groups.len());
}

fn same_entitlements(a: &EntitlementState, b: &EntitlementState) -> bool {
    // The reasons name the calls of each slice.
    let without = |state: &EntitlementState| EntitlementState { arch: b.arch, reasons: Vec::new(), ..state.clone() };
    without(a) == without(b)
}

fn keys(page: &mut Page, state: &EntitlementState) {
    let row = |page: &mut Page, mark: Mark, word: &str, key: &str| page.marked(2, mark, &format!("{word:<11}{key}"));
    state.missing.iter().for_each(|key| row(page, Mark::Broken, "missing", key));
    for (key, value) in &state.present {
        let is = |list: &[String]| list.contains(key);
        let (mark, word) = if is(&state.inert) {
            (Mark::Unwise, "no effect")
        } else if is(&state.excess) {
            (Mark::Unwise, "not needed")
        } else if is(&state.redundant) {
            (Mark::Note, "covered")
        } else if is(&state.needed) {
            (Mark::Fine, "needed")
        } else {
            (Mark::Note, "present")
        };
        row(page, mark, word, &format!("{key}{}", value_words(value)));
    }
    state.possible.iter().for_each(|key| row(page, Mark::Perhaps, "needed", key));
    for set in &state.together {
        let keys: Vec<&str> = set.keys.iter().map(|key| key.rsplit('.').next().unwrap_or(key)).collect();
        page.marked(2, Mark::Unwise, &format!("together   {}: {}", keys.join(" and "), set.why));
    }
}

/// `true` is what a key usually holds and is not said.
fn value_words(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Bool(true) => String::new(),
        value => format!(" = {value}"),
    }
}

/// Executables and whatever has a fault; other code is counted.
pub(super) fn code(page: &mut Page, report: &Report) {
    if report.code.is_empty() {
        return;
    }
    let mut groups: Vec<(&Code, Vec<&str>)> = Vec::new();
    for code in &report.code {
        match groups.iter_mut().find(|(known, _)| same_code(known, code)) {
            Some((_, slices)) => slices.push(code.arch),
            None => groups.push((code, vec![code.arch])),
        }
    }
    let faulty = |code: &Code| !code.problems.is_empty() || !matches!(code.signature, "valid" | "unchecked");
    let faults = groups.iter().filter(|(code, _)| faulty(code)).count();
    page.heading("Code", &format!("{}, {faults} with faults", counted(groups.len(), "object", "objects")));
    let (mut shown, rest): (Vec<_>, Vec<_>) = groups.into_iter().partition(|(code, _)| faulty(code) || code.file_type == "execute");
    shown.sort_by_key(|(code, _)| !faulty(code));
    for (code, slices) in shown.iter().take(MOST) {
        object(page, code, slices);
    }
    more(page, shown.len());
    if !rest.is_empty() {
        page.text(2, &format!("and {} without a fault, all in --format json", counted(rest.len(), "library", "libraries")));
    }
}

/// The same file, and the same words below it.
fn same_code(a: &Code, b: &Code) -> bool {
    (&a.path, a.hardened, a.signer, &a.team, a.signature, &a.problems, &a.entitlements, &a.constraints)
        == (&b.path, b.hardened, b.signer, &b.team, b.signature, &b.problems, &b.entitlements, &b.constraints)
}

fn object(page: &mut Page, code: &Code, slices: &[&str]) {
    let mark = match (code.signature, code.problems.is_empty()) {
        ("invalid", _) => Mark::Broken,
        ("unsigned", _) | (_, false) => Mark::Unwise,
        ("unchecked", true) => Mark::Unknown,
        _ => Mark::Fine,
    };
    page.marked(2, mark, &code.path);
    let hardened = if code.hardened { "hardened" } else { "not hardened" };
    let team = code.team.as_ref().map(|team| format!(" {team}")).unwrap_or_default();
    let keys = counted(code.entitlements.len(), "entitlement", "entitlements");
    let signature = match code.signature {
        "valid" => "signature intact",
        "invalid" => "signature broken",
        "unsigned" => "no signature",
        _ => "signature not checked",
    };
    page.below_mark(2, &format!("{}; {}{team}; {hardened}; {keys}; {signature}", slices.join(", "), signer_words(code.signer)));
    code.constraints.iter().for_each(|constraint| page.below_mark(2, &constraint.said()));
    if !code.problems.is_empty() {
        page.below_mark(2, &code.problems.join(", "));
    }
}

/// Loads that fail or leave the bundle; the allowed are counted.
pub(super) fn loads(page: &mut Page, report: &Report) {
    let mut seen = BTreeSet::new();
    let odd: Vec<&Load> = report
        .loads
        .iter()
        .filter(|load| matches!(load.verdict, "refused" | "missing" | "wrong-arch"))
        .filter(|load| seen.insert((&load.from, &load.name, load.verdict)))
        .collect();
    if odd.is_empty() {
        return;
    }
    page.heading("Libraries that do not load", "");
    for load in odd.iter().take(MOST) {
        page.marked(2, Mark::Broken, &format!("{}: {}", load.verdict, load.name));
        page.below_mark(2, &format!("loaded by {}; {}", place(&load.from, Some(load.arch)), load.rule));
    }
    more(page, odd.len());
}

/// What macOS would not start; what it would is counted.
pub(super) fn spawn(page: &mut Page, report: &Report) {
    let odd: Vec<_> = report.spawn.iter().filter(|spawn| spawn.verdict != "runs").collect();
    if report.spawn.is_empty() {
        return;
    }
    page.heading("Would macOS start it?", "");
    for spawn in odd.iter().take(MOST) {
        let mark = if spawn.verdict == "refused" { Mark::Broken } else { Mark::Unknown };
        page.marked(2, mark, &format!("{}: {}", place(&spawn.executable, Some(spawn.arch)), spawn.why));
    }
    more(page, odd.len());
    match report.spawn.len() - odd.len() {
        0 => {}
        fine => {
            let first = report.spawn.iter().find(|spawn| spawn.verdict == "runs");
            let why: Vec<&str> =
                first.into_iter().flat_map(|spawn| std::iter::once(spawn.why.as_str()).chain(spawn.conditions.iter().copied())).collect();
            page.marked(2, Mark::Fine, &format!("{}: {}", counted(fine, "executable slice", "executable slices"), why.join("; ")));
        }
    }
    systems(page, report);
}

/// On which systems, by architecture: what the main executable and its like need.
fn systems(page: &mut Page, report: &Report) {
    let mut rows: Vec<String> = Vec::new();
    for spawn in &report.spawn {
        let row = format!("{}: {}", spawn.arch, spawn.systems());
        if !spawn.systems().is_empty() && !rows.contains(&row) {
            rows.push(row);
        }
    }
    for row in rows.iter().take(MOST) {
        page.below_mark(2, row);
    }
    more(page, rows.len());
}

/// What the notary would refuse.
pub(super) fn notary(page: &mut Page, report: &Report) {
    if report.notary.is_empty() {
        return;
    }
    page.heading("The notary would refuse", "");
    let mut messages: Vec<(&str, Vec<&str>)> = Vec::new();
    for item in &report.notary {
        match messages.iter_mut().find(|(message, _)| *message == item.message) {
            Some((_, paths)) if paths.contains(&item.path.as_str()) => {}
            Some((_, paths)) => paths.push(&item.path),
            None => messages.push((&item.message, vec![&item.path])),
        }
    }
    for (message, paths) in messages.iter().take(MOST) {
        page.marked(2, Mark::Unwise, message);
        for path in paths.iter().take(MOST_PATHS) {
            page.below_mark(2, path);
        }
        if paths.len() > MOST_PATHS {
            page.below_mark(2, &format!("and {} more, all in --format json", paths.len() - MOST_PATHS));
        }
    }
    more(page, messages.len());
}

/// Lines that look alarming, by reason.
pub(super) fn noise(page: &mut Page, report: &Report) {
    let mut reasons: Vec<(&str, &str, Vec<String>)> = Vec::new();
    for noise in &report.noise {
        let line = noise.line.to_string();
        match reasons.iter_mut().find(|(source, why, _)| *source == noise.source && *why == noise.why) {
            Some((_, _, lines)) => lines.push(line),
            None => reasons.push((&noise.source, &noise.why, vec![line])),
        }
    }
    if reasons.is_empty() {
        return;
    }
    page.heading("Not the cause", "lines that look alarming and are not");
    for (source, why, lines) in reasons.iter().take(MOST) {
        let shown = lines.iter().take(8).cloned().collect::<Vec<_>>().join(", ");
        let rest = if lines.len() > 8 { format!(" and {} more", lines.len() - 8) } else { String::new() };
        let word = if lines.len() > 1 { "lines" } else { "line" };
        page.marked(2, Mark::Note, &format!("{source}, {word} {shown}{rest}: {why}"));
    }
    more(page, reasons.len());
}

/// What to get next, with the commands.
pub(super) fn collect(page: &mut Page, report: &Report) {
    if report.collect.is_empty() {
        return;
    }
    page.heading("What to get next", "");
    for item in &report.collect {
        page.labelled(2, "-", 4, &item.why);
        if !item.argv.is_empty() {
            page.command(6, &item.argv);
        }
    }
}

/// What could not be looked at, by reason.
pub(super) fn gaps(page: &mut Page, report: &Report) {
    if report.gaps.is_empty() {
        return;
    }
    page.heading("Not looked at", "");
    for gap in report.gaps.iter().take(MOST) {
        let text = if gap.path.is_empty() { gap.why.clone() } else { format!("{}: {}", gap.path, gap.why) };
        page.marked(2, Mark::Unknown, &text);
    }
    more(page, report.gaps.len());
}
