//! Somebody else's app: what to tell its developer, and what helps meanwhile.

use super::answer;
use super::title::target_name;
use crate::report::{Diagnosis, Report};
use crate::tui::page::{Build, Target};
use crate::tui::state::State;
use crate::tui::theme::Role;

/// Quotes in the message: enough to find it, short enough to be read.
const MOST_QUOTES: usize = 6;

/// The message to send, as plain lines.
pub fn message(report: &Report, diagnosis: &Diagnosis) -> String {
    let target = &report.target;
    let name = target_name(target);
    let identifier = target.identifier.as_deref().map(|identifier| format!(" ({identifier})")).unwrap_or_default();
    let mut lines = vec![
        format!("{name}{identifier}: macOS refuses something because of the hardened runtime."),
        String::new(),
        diagnosis.summary.clone(),
    ];
    lines.extend(diagnosis.rule.iter().cloned());
    lines.push(String::new());
    lines.push("What was seen:".into());
    for (finding, proof) in answer::proofs(report, diagnosis).into_iter().take(MOST_QUOTES) {
        if let Some(proof) = report.findings.get(finding).and_then(|finding| finding.proof.get(proof)) {
            lines.push(format!("- {}: {}", answer::place_of(proof), proof.quote));
        }
    }
    lines.push(String::new());
    lines.push("What would mend it, best first:".into());
    for remedy in diagnosis.remedies.iter().filter(|remedy| remedy.applies) {
        let keys = if remedy.add_entitlements.is_empty() { String::new() } else { format!(": {}", remedy.add_entitlements.join(", ")) };
        let gives = remedy.weakens.as_deref().map(|weakens| format!(" (gives away: {weakens})")).unwrap_or_default();
        lines.push(format!("- {}: {}{keys}{gives}", remedy.rank, remedy.title));
    }
    lines.join("\n")
}

/// Builds the page.
pub fn build(state: &State, index: usize, b: &mut Build) {
    let Some((report, diagnosis)) = state.report().and_then(|report| Some((report, report.diagnoses.get(index)?))) else { return };
    let message = message(report, diagnosis);
    b.pieces(&[(Role::Heading, "A text to send to the developer"), (Role::Dim, "   y copies it")]);
    b.item(Target::Words(message.clone()), |b| {
        for line in message.lines() {
            if line.is_empty() {
                b.pieces(&[(Role::Text, " ")]);
            } else {
                b.para(2, Role::Quote, line);
            }
        }
    });
    b.second_block();
    b.heading("What helps meanwhile");
    let is_harmless = |remedy: &&crate::report::Remedy| {
        remedy.applies
            && !remedy.needs_new_code
            && remedy.add_entitlements.is_empty()
            && remedy.remove_entitlements.is_empty()
            && remedy.add_info_plist.is_empty()
    };
    let mut ways = diagnosis.remedies.iter().filter(is_harmless).peekable();
    if ways.peek().is_none() {
        b.para(2, Role::Text, "Nothing without the developer. An older version of the app, from before it broke, may still work.");
    }
    for way in ways {
        b.para(2, Role::Text, &way.title);
        if let Some(explanation) = &way.explanation {
            b.para(2, Role::Dim, explanation);
        }
    }
    b.blank();
    b.para(
        2,
        Role::Dim,
        "Do not sign it anew yourself: that ends its notarization, its team and what it may read from the keychain, and macOS asks for every permission again.",
    );
}
