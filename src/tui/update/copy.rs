//! What is copied, where.

use super::super::keymap::Action;
use super::super::page::Target;
use super::super::state::{Effect, Screen, State};
use super::super::{view, words};
use super::{lines, selected, tryout, walk};

/// Is there something to copy?
pub fn can_copy(state: &State, action: Action) -> bool {
    !to_copy(state, action).is_empty()
}

pub fn copy(state: &mut State, action: Action) -> Vec<Effect> {
    let text = to_copy(state, action);
    if text.is_empty() {
        state.notice = Some("there is nothing to copy here".into());
        return Vec::new();
    }
    vec![Effect::Copy(text)]
}

/// Says what became of [`Effect::Copy`]. Whether a terminal takes what it was sent cannot be known.
pub fn copied(state: &mut State, text: &str, by_system: bool) {
    let amount = words::count(text.chars().count(), "character", "characters");
    state.notice = Some(match by_system {
        true => format!("copied {amount}"),
        false => format!("sent {amount} to the clipboard by OSC 52; some terminals ignore it"),
    });
}

/// What would be copied; empty for nothing.
fn to_copy(state: &State, action: Action) -> String {
    let Some(report) = state.report() else {
        return String::new();
    };
    if let Screen::Mend(mend) = state.screen() {
        return walk::to_copy(mend, action == Action::CopyAll);
    }
    if let Screen::WhatIf(tryout) = state.screen() {
        return tryout::to_copy(tryout);
    }
    if action == Action::CopyAll {
        return String::new();
    }
    match state.screen() {
        Screen::Tell { diagnosis, .. } => {
            report.diagnoses.get(*diagnosis).map(|diagnosis| view::message(report, diagnosis)).unwrap_or_default()
        }
        Screen::Text(view) => lines::line(state, view).unwrap_or_default(),
        Screen::Object { path, .. } => path.clone(),
        Screen::Finding { finding, .. } => report.findings.get(*finding).map(|finding| finding.message.clone()).unwrap_or_default(),
        Screen::Answer { .. } => match selected(state) {
            Some(Target::Collect(collect)) => {
                report.collect.get(collect).map(|collect| crate::fix::sign::command_line(&collect.argv)).unwrap_or_default()
            }
            Some(Target::Proof(finding, proof)) => report
                .findings
                .get(finding)
                .and_then(|finding| finding.proof.get(proof))
                .map(|proof| proof.quote.clone())
                .unwrap_or_default(),
            _ => String::new(),
        },
        _ => String::new(),
    }
}
