//! What if a key were there, or not: keys are switched on facts, and nothing is written.

use super::{current_diagnosis, push, selected};
use crate::Examination;
use crate::diagnose::Change;
use crate::report::Report;
use crate::tui::page::Target;
use crate::tui::state::{Effect, JobId, Place, Screen, State, TryOut};
use crate::whatif::{self, Outcome};
use std::sync::Arc;

/// Opens the screen on the executable that is selected or spoken of.
pub fn open(state: &mut State) -> Vec<Effect> {
    let Some(examination) = state.examination.clone() else { return Vec::new() };
    let executables = whatif::executables(&examination.report);
    if executables.is_empty() {
        state.notice = Some("there is no signed program here whose keys could be tried".into());
        return Vec::new();
    }
    let wanted = match (state.screen(), selected(state)) {
        (Screen::Object { path, .. }, _) => Some(path.clone()),
        (_, Some(Target::Object(path))) => Some(path),
        _ => current_diagnosis(state).and_then(|index| examination.report.diagnoses.get(index)).map(|d| d.subject.clone()),
    };
    let executable = wanted.and_then(|wanted| executables.iter().position(|path| *path == wanted)).unwrap_or(0);
    push(state, Screen::WhatIf(Box::new(unchanged(examination, executable))));
    Vec::new()
}

/// Nothing is switched.
fn unchanged(before: Arc<Examination>, executable: usize) -> TryOut {
    let change = Change::default();
    let outcome = whatif::outcome(&before.evidence, &before.report, &before.report, &change);
    TryOut { before, after: None, outcome, executable, change, asked: None, place: Place::default() }
}

/// Switches the selected key.
pub fn switch(state: &mut State, key: &str) -> Vec<Effect> {
    let job = state.job();
    let Screen::WhatIf(tryout) = state.screen_mut() else { return Vec::new() };
    let Some(executable) = tryout.executable() else { return Vec::new() };
    tryout.change = whatif::switched(&tryout.change, &tryout.before.report, &executable, key);
    tryout.asked = Some(job);
    vec![Effect::Try(job, Arc::clone(&tryout.before), tryout.change.clone())]
}

/// The model has decided on the changed keys. An older answer changes nothing.
pub fn tried(state: &mut State, job: JobId, after: Box<Report>, outcome: Outcome) -> Vec<Effect> {
    if let Some(tryout) = asked(state, job) {
        tryout.after = Some(after);
        tryout.outcome = outcome;
        tryout.asked = None;
    }
    Vec::new()
}

/// The model failed: nothing is switched any more.
pub fn failed(state: &mut State, job: JobId) -> bool {
    let Some(tryout) = asked(state, job) else { return false };
    *tryout = TryOut { place: tryout.place, ..unchanged(Arc::clone(&tryout.before), tryout.executable) };
    true
}

fn asked(state: &mut State, job: JobId) -> Option<&mut TryOut> {
    state.stack.iter_mut().find_map(|screen| match screen {
        Screen::WhatIf(tryout) if tryout.asked == Some(job) => Some(&mut **tryout),
        _ => None,
    })
}

/// Another executable of the same app; what was switched on the others stays.
pub fn sideways(tryout: &mut TryOut, forward: bool) {
    let count = whatif::executables(&tryout.before.report).len();
    tryout.executable = super::turn(tryout.executable, count, forward);
    tryout.place = Place::default();
}

/// The entitlements file as a diff, to copy.
pub fn to_copy(tryout: &TryOut) -> String {
    let diff = tryout.executable().and_then(|executable| whatif::diff(&tryout.before.evidence, &executable, &tryout.change).ok());
    diff.unwrap_or_default()
}
