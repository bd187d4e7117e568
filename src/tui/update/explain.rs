//! What the key for explanations opens: the page of what is selected.

use super::{current_diagnosis, lines, push, selected};
use crate::explain::{by_id, in_evidence};
use crate::report::Report;
use crate::tui::page::Target;
use crate::tui::state::{Place, Screen, State};
use crate::tui::view;

/// Most words to choose among.
const MOST: usize = 40;

/// Opens the page of what is selected, a choice when it is about several words, and what can be explained when it is about none.
pub fn explain(state: &mut State) {
    let mut words: Vec<String> = Vec::new();
    for word in of_selection(state) {
        if words.len() < MOST && !words.contains(&word) {
            words.push(word);
        }
    }
    let diagnosis = diagnosis(state);
    push(state, Screen::Explain { words, diagnosis, place: Place::default() });
}

/// Opens the page of one word. It keeps the diagnosis that the screen speaks of when it is the page of its issue.
pub fn open(state: &mut State, word: String) {
    let is_its_issue = |index: &usize| state.report().and_then(|report| report.diagnoses.get(*index)).is_some_and(|d| d.scenario == word);
    let diagnosis = current_diagnosis(state).filter(is_its_issue);
    push(state, Screen::Explain { words: vec![word], diagnosis, place: Place::default() });
}

/// The diagnosis that is selected, or that the screen speaks of.
fn diagnosis(state: &State) -> Option<usize> {
    match (state.screen(), selected(state)) {
        (Screen::List { .. } | Screen::Finding { .. }, Some(Target::Diagnosis(index))) => Some(index),
        _ => current_diagnosis(state),
    }
}

/// Words of what is selected, each with a page, the most important first.
fn of_selection(state: &State) -> Vec<String> {
    let Some(report) = state.report() else { return Vec::new() };
    let scenario = diagnosis(state).and_then(|index| report.diagnoses.get(index)).map(|diagnosis| diagnosis.scenario.as_str());
    let target = selected(state);
    let words = match (state.screen(), &target) {
        (_, Some(Target::Word(word))) => return vec![word.clone()],
        (_, Some(Target::Switch(key))) => return known([key.as_str()]),
        (Screen::Text(view), _) => return lines::line(state, view).map(|line| in_evidence(&line)).unwrap_or_default(),
        (Screen::Answer { .. }, Some(Target::Proof(finding, _))) => scenario.into_iter().chain(id_of(report, *finding)).collect(),
        (Screen::Mend(mend), target) => {
            let remedy = match target {
                Some(Target::Remedy(remedy)) => *remedy,
                _ => mend.remedy,
            };
            scenario.into_iter().chain(of_remedy(report, mend.diagnosis, remedy)).collect()
        }
        (Screen::List { .. } | Screen::Object { .. }, Some(Target::Finding(finding))) => id_of(report, *finding).into_iter().collect(),
        (Screen::Finding { .. }, Some(Target::Diagnosis(_))) => scenario.into_iter().collect(),
        (Screen::Finding { finding, .. }, _) => id_of(report, *finding).into_iter().collect(),
        (Screen::Code(_), Some(Target::Object(path))) | (Screen::Object { path, .. }, _) => return of_code(report, path),
        _ => scenario.into_iter().collect::<Vec<_>>(),
    };
    known(words)
}

/// Those with a page.
fn known<'a>(words: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    words.into_iter().filter(|word| by_id(word).is_some()).map(str::to_owned).collect()
}

fn id_of(report: &Report, finding: usize) -> Option<&str> {
    report.findings.get(finding).map(|finding| finding.id)
}

/// The keys a remedy adds or takes out.
fn of_remedy(report: &Report, diagnosis: usize, remedy: usize) -> impl Iterator<Item = &str> {
    let remedy = report.diagnoses.get(diagnosis).and_then(|diagnosis| diagnosis.remedies.get(remedy));
    let keys = remedy.into_iter().flat_map(|remedy| [&remedy.add_entitlements, &remedy.remove_entitlements, &remedy.add_info_plist]);
    keys.flatten().map(String::as_str)
}

/// What can be said of a file of code: what was found in it, its flags, its signer and its keys, of every slice.
fn of_code(report: &Report, path: &str) -> Vec<String> {
    let is_about = |finding: &&crate::report::Finding| finding.subject == path || finding.location.path == path;
    let mut words = known(report.findings.iter().filter(is_about).map(|finding| finding.id));
    for code in report.code.iter().filter(|code| code.path == path) {
        words.extend(known(code.problems.iter().copied()));
        words.extend(view::flags_word(code));
        words.extend(known([code.signer]));
        words.extend(known(code.entitlements.iter().map(String::as_str)));
    }
    let missing =
        report.entitlements.iter().filter(|state| state.executable == path).flat_map(|state| state.missing.iter().chain(&state.possible));
    words.extend(known(missing.map(String::as_str)));
    words
}
