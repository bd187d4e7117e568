//! What if: keys are switched on a real practice app, and the screen says what would come of it.

use super::super::state::{Effect, JobId, Msg, Screen, State};
use super::super::update::{page, update};
use super::{SIZES, examined, press, snapshot};
use crate::diagnose::Change;
use crate::policy::key;
use crate::system::disk::RealSystem;
use crate::tui::page::Target;
use crate::{Examination, lab};
use std::sync::atomic::AtomicBool;

fn practice(id: &str) -> Examination {
    let lab = lab::all().iter().find(|lab| lab.id == id).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut request = lab::unpack(&RealSystem, lab, folder.path()).unwrap();
    request.at = Some(1_790_000_000);
    crate::examine(&RealSystem, &request, &|_| {}, &AtomicBool::new(false)).unwrap()
}

/// All of the page on top, also what is not in sight.
fn all(state: &State) -> String {
    let page = page(state);
    let rows = page.rows.iter().chain(&page.aside);
    let lines: Vec<String> = rows.map(|row| row.line.spans.iter().map(|span| span.content.as_ref()).collect()).collect();
    lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the worker answers.
fn tried(job: JobId, before: &Examination, change: &Change) -> Msg {
    let (after, outcome) = crate::whatif::try_out(&before.evidence, &before.report, change);
    Msg::Tried(job, Box::new(after), Box::new(outcome))
}

/// Selects a key and switches it; does what the worker would do.
fn switch(state: &mut State, key: &str) {
    press(state, "g");
    while page(state).targets.get(state.screen().place().cursor) != Some(&Target::Switch(key.into())) {
        press(state, "down");
    }
    let effects = press(state, "enter");
    let [Effect::Try(job, before, change)] = &effects[..] else { panic!("{effects:?}") };
    assert!(all(state).contains("deciding anew"), "{}", all(state));
    let tried = tried(*job, before, change);
    update(state, tried);
}

#[test]
fn the_screen_of_tried_keys() {
    for size in SIZES {
        let mut state = examined(practice("jit-map-jit"), size);
        press(&mut state, "t");
        snapshot(&format!("what-if-{}x{}", size.0, size.1), &state);
        switch(&mut state, key::ALLOW_JIT);
        snapshot(&format!("what-if-switched-{}x{}", size.0, size.1), &state);
    }
}

#[test]
fn a_switched_key_says_what_vanishes_and_what_it_opens() {
    let mut state = examined(practice("jit-map-jit"), (80, 24));
    press(&mut state, "t");
    assert!(all(&state).contains("Nothing is switched yet") && all(&state).contains("missing cs.allow-jit"), "{}", all(&state));
    switch(&mut state, key::ALLOW_JIT);
    for wanted in [
        "[x] needed cs.allow-jit",
        "switched on",
        "vanishes: Abacus did not get memory",
        "What it opens",
        "<key>com.apple.security.cs.allow-jit</key>",
    ] {
        assert!(all(&state).contains(wanted), "{wanted}: {}", all(&state));
    }
    switch(&mut state, key::ALLOW_JIT);
    assert!(all(&state).contains("Nothing is switched yet"), "{}", all(&state));
}

#[test]
fn an_older_decision_changes_nothing() {
    let mut state = examined(practice("jit-map-jit"), (80, 24));
    press(&mut state, "t");
    let first = press(&mut state, "enter");
    let second = press(&mut state, "enter");
    let ([Effect::Try(old, before, change)], [Effect::Try(new, ..)]) = (&first[..], &second[..]) else { panic!("{first:?} {second:?}") };
    assert_ne!(old, new);
    let late = tried(*old, before, change);
    update(&mut state, late);
    let Screen::WhatIf(tryout) = state.screen() else { panic!() };
    assert!(tryout.after.is_none() && tryout.asked == Some(*new));
    update(&mut state, Msg::Failed(*new, "the model failed".into()));
    let Screen::WhatIf(tryout) = state.screen() else { panic!() };
    assert!(tryout.asked.is_none() && tryout.change.entitlements.is_empty());
}

#[test]
fn no_key_writes_anything() {
    let mut state = examined(practice("jit-flip"), (80, 24));
    press(&mut state, "t");
    for keys in ["enter", "down", "enter", "y", "right", "left", "x", "esc", "r", "G", "enter", "esc"] {
        let effects = press(&mut state, keys);
        assert!(!effects.iter().any(|effect| matches!(effect, Effect::Apply(..))), "{keys}: {effects:?}");
    }
}

#[test]
fn without_programs_there_is_nothing_to_try() {
    let mut examination = practice("jit-flip");
    examination.report.entitlements.clear();
    let mut state = examined(examination, (80, 24));
    press(&mut state, "t");
    assert!(!matches!(state.screen(), Screen::WhatIf(_)));
    assert!(state.notice.as_ref().is_some_and(|notice| notice.contains("no signed program")), "{:?}", state.notice);
}
