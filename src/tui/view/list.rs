//! All diagnoses, all findings, noise, and what could not be looked at; and one finding in full.

use super::answer::place_of;
use crate::report::{Finding, Report};
use crate::tui::page::{Build, Target};
use crate::tui::state::State;
use crate::tui::theme::{Mark, Role};

/// Builds the page of all.
pub fn build(state: &State, cursor: usize, b: &mut Build) {
    let Some(report) = state.report() else { return };
    let mut targets = Vec::new();
    b.pieces(&[(Role::Heading, "Diagnoses")]);
    if report.diagnoses.is_empty() {
        b.para(2, Role::Text, "None.");
    }
    for (index, diagnosis) in report.diagnoses.iter().enumerate() {
        targets.push(Target::Diagnosis(index));
        b.item(Target::Diagnosis(index), |b| b.label((Role::Dim, diagnosis.confidence), 10, Role::Text, &diagnosis.summary));
    }
    b.heading("Findings");
    if report.findings.is_empty() {
        b.para(2, Role::Text, "None.");
    }
    for wanted in [Mark::Broken, Mark::Unwise, Mark::Note] {
        let some = report.findings.iter().enumerate().filter(|(_, finding)| Mark::of_severity(finding.severity) == wanted);
        for (index, finding) in some {
            targets.push(Target::Finding(index));
            b.item(Target::Finding(index), |b| {
                b.marked(wanted, Role::Text, &format!("{} ({}): {}", wanted.word(), finding.kind, finding.said()))
            });
        }
    }
    notary(report, b);
    b.heading("Not looked at");
    if report.gaps.is_empty() {
        b.para(2, Role::Text, "Everything was looked at.");
    }
    for gap in &report.gaps {
        let text = if gap.path.is_empty() { gap.why.clone() } else { format!("{}: {}", gap.path, gap.why) };
        b.marked(Mark::Unknown, Role::Text, &text);
    }
    noise(report, b);
    b.second_block();
    if !b.is_wide() {
        return;
    }
    match targets.get(cursor) {
        Some(Target::Finding(index)) => {
            if let Some(found) = report.findings.get(*index) {
                describe(found, b);
            }
        }
        Some(Target::Diagnosis(index)) => {
            if let Some(diagnosis) = report.diagnoses.get(*index) {
                beside(diagnosis, b);
            }
        }
        _ => {}
    }
}

/// A diagnosis beside the list: its rule and the ways to mend it.
fn beside(diagnosis: &crate::report::Diagnosis, b: &mut Build) {
    b.ends(&[(Role::Dim, &diagnosis.subject)], (Role::Heading, diagnosis.confidence));
    if let Some(rule) = &diagnosis.rule {
        b.para(0, Role::Text, rule);
    }
    b.heading("Ways to mend it");
    for remedy in &diagnosis.remedies {
        b.label((Role::Dim, remedy.rank), 13, if remedy.applies { Role::Text } else { Role::Dim }, &remedy.title);
    }
}

fn notary(report: &Report, b: &mut Build) {
    if report.notary.is_empty() {
        return;
    }
    b.heading("What the notary service would refuse");
    let mut messages: Vec<(&str, Vec<&str>)> = Vec::new();
    for notary in &report.notary {
        match messages.iter_mut().find(|(message, _)| *message == notary.message) {
            Some((_, paths)) if paths.contains(&notary.path.as_str()) => {}
            Some((_, paths)) => paths.push(&notary.path),
            None => messages.push((&notary.message, vec![&notary.path])),
        }
    }
    for (message, paths) in messages {
        b.marked(Mark::Unwise, Role::Text, message);
        paths.iter().for_each(|path| b.para(2, Role::Dim, path));
    }
}

fn noise(report: &Report, b: &mut Build) {
    if report.noise.is_empty() {
        return;
    }
    b.heading("Looks alarming and is not the cause");
    for noise in &report.noise {
        b.marked(Mark::Note, Role::Dim, &format!("{}:{}: {}", noise.source, noise.line, noise.why));
    }
}

/// Builds the page of one finding.
pub fn finding(state: &State, index: usize, b: &mut Build) {
    let Some(report) = state.report() else { return };
    let Some(found) = report.findings.get(index) else { return };
    describe(found, b);
    b.blank();
    for (number, proof) in found.proof.iter().enumerate() {
        b.item(Target::Proof(index, number), |b| b.pieces(&[(Role::Text, "open "), (Role::Place, &place_of(proof))]));
    }
    let used: Vec<_> = report.diagnoses.iter().enumerate().filter(|(_, diagnosis)| diagnosis.findings.contains(&index)).collect();
    if !used.is_empty() {
        b.heading("Part of");
    }
    for (number, diagnosis) in used {
        b.item(Target::Diagnosis(number), |b| b.para(2, Role::Text, &diagnosis.summary));
    }
}

fn describe(found: &Finding, b: &mut Build) {
    let mark = Mark::of_severity(found.severity);
    b.ends(
        &[(mark.role(), mark.sign()), (Role::Text, " "), (mark.role(), mark.word()), (Role::Dim, "   "), (Role::Dim, found.id)],
        (Role::Heading, found.confidence),
    );
    b.para(2, Role::Heading, &found.said());
    b.blank();
    let subject = match (found.subject.is_empty(), found.arch) {
        (true, _) => "not known".to_owned(),
        (false, Some(arch)) => format!("{} ({arch})", found.subject),
        (false, None) => found.subject.clone(),
    };
    b.label((Role::Dim, "  about"), 9, Role::Text, &subject);
    b.label((Role::Dim, "  kind"), 9, Role::Text, found.kind);
    b.label((Role::Dim, "  where"), 9, Role::Text, &format!("{} {}", found.location.path, found.location.place));
    for proof in &found.proof {
        b.blank();
        b.pieces(&[(Role::Place, "  "), (Role::Place, &place_of(proof))]);
        b.quote(4, &proof.quote, 6);
    }
}
