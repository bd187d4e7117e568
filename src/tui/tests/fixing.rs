//! The fix that Temper does itself, and the changes of a project.

use super::super::state::{FixPage, FixStage, SignWith, Since, Stopped};
use super::*;
use crate::fix::apply::{Done, Progress as Step};
use crate::system::Output;

/// Keys from the answer to the question.
const TO_QUESTION: &str = "m enter right A";

fn page(state: &State) -> &FixPage {
    match state.screen() {
        Screen::Fix(page) => page,
        other => panic!("{other:?}"),
    }
}

/// The fix is confirmed, and its number.
fn running(size: (u16, u16)) -> (State, JobId) {
    let mut state = examined(sample::jit(), size);
    let effects = press(&mut state, &format!("{TO_QUESTION} y"));
    let job = job_of(&effects);
    (state, job)
}

fn output(text: &str) -> Option<Output> {
    Some(Output { status: Some(0), stdout: Vec::new(), stderr: text.into() })
}

/// Three steps are done, the fourth is under way.
fn half_done(size: (u16, u16)) -> (State, JobId) {
    let (mut state, job) = running(size);
    for step in 0..3 {
        let said =
            if step == 2 { output("Contents/Frameworks/libluajit-5.1.2.dylib: replacing existing signature\n\u{1b}[2Jx") } else { None };
        update(&mut state, Msg::FixStep(job, Done { step, output: said }));
    }
    update(&mut state, Msg::FixProgress(job, Step { step: 3, steps: 5, current: "Contents/MacOS/Lumaplay".into() }));
    (state, job)
}

fn done(size: (u16, u16), proof: crate::fix::prove::Proof) -> State {
    let (mut state, job) = half_done(size);
    update(&mut state, Msg::Fixed(job, Box::new(proof)));
    state
}

/// The walk at the change of the project, which is the last text of its step.
fn at_change(size: (u16, u16)) -> State {
    let mut state = examined(sample::project(), size);
    press(&mut state, "m enter right");
    assert_eq!(walk(&state).stage, Stage::Build);
    let change = walk(&state).paste.iter().position(|paste| paste.edit.is_some()).expect("a change that can be made");
    press(&mut state, &"down ".repeat(60));
    for _ in 0..200 {
        if state.screen().place().cursor == change {
            return state;
        }
        press(&mut state, "up");
    }
    panic!("the change cannot be selected");
}

/// Every page of a fix, in one size.
pub fn screens(size: (u16, u16)) -> Vec<(&'static str, State)> {
    let asking = {
        let mut state = examined(sample::jit(), size);
        press(&mut state, TO_QUESTION);
        state
    };
    let refused = {
        let mut state = examined(sample::jit(), size);
        press(&mut state, "m enter right");
        let effects = update(&mut state, Msg::Key(event("A")));
        update(&mut state, Msg::Failed(job_of(&effects), "no program that signs is in PATH. codesign comes with macOS".into()));
        state
    };
    let stopped = {
        let (mut state, job) = half_done(size);
        let why = "codesign --force --sign ID x ended with status 1: no identity found".into();
        update(&mut state, Msg::FixStopped(job, Stopped { why, left: None }));
        state
    };
    let with = |mut state: State, keys: &str| {
        press(&mut state, keys);
        state
    };
    let undone = {
        let mut state = done(size, sample::proved());
        let job = job_of(&press(&mut state, "u y"));
        update(&mut state, Msg::FixUndone(job));
        state
    };
    let written = {
        let mut state = at_change(size);
        let job = job_of(&press(&mut state, "A y"));
        update(&mut state, Msg::Written(job));
        state
    };
    let taking_back = {
        let mut state = examined(sample::jit(), size);
        let job = job_of(&press(&mut state, "m enter enter y"));
        update(&mut state, Msg::Written(job));
        with(state, "u")
    };
    vec![
        ("fix-asking", asking),
        ("fix-refused", refused),
        ("fix-running", half_done(size).0),
        ("fix-stopped", stopped),
        ("fix-proof", done(size, sample::proved())),
        ("fix-proof-end", with(done(size, sample::proved()), "G")),
        ("fix-proof-broken", done(size, sample::bad_proof())),
        ("fix-undo", with(done(size, sample::proved()), "u")),
        ("fix-undone", undone),
        ("fix-save-proof", with(done(size, sample::proved()), "M enter")),
        ("mend-build", at_change(size)),
        ("mend-build-asking", with(at_change(size), "A")),
        ("mend-build-written", written),
        ("mend-undo", taking_back),
    ]
}

#[test]
fn a_fix_is_done_only_after_a_yes_to_what_is_shown() {
    let mut state = examined(sample::jit(), (120, 60));
    press(&mut state, "m enter right");
    let effects = update(&mut state, Msg::Key(event("A")));
    let [Effect::PrepareFix(job, order)] = &effects[..] else { panic!("{effects:?}") };
    assert!(!order.in_place && order.sign_with == SignWith::InUse, "on a copy, with the identity in use");
    assert!(press(&mut state, "y").is_empty(), "nothing is shown yet");
    update(&mut state, Msg::FixOffered(*job, Box::new(sample::offer())));
    let shown = text(&state);
    for part in [
        "Do exactly this?",
        "/build/mended/Lumaplay.app",
        "codesign, the first in PATH",
        "Developer ID Application: Example",
        "--options runtime",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    for key in ["enter", "down", "tab", "n"] {
        assert!(press(&mut state, key).is_empty(), "{key}");
    }
    assert!(matches!(state.screen(), Screen::Mend(_)));
    press(&mut state, "A");
    let effects = press(&mut state, "y");
    let [Effect::Fix(job, _, offer)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(**offer, sample::offer());
    assert!(press(&mut state, "y").is_empty(), "once");
    let FixStage::Running(run) = &page(&state).stage else { panic!() };
    assert_eq!(run.job, *job);
}

#[test]
fn place_and_identity_are_switched_and_shown_before_they_count() {
    let mut state = examined(sample::jit(), (80, 24));
    press(&mut state, TO_QUESTION);
    assert!(text(&state).contains("on a copy: ") && text(&state).contains("i in place"), "{}", text(&state));
    let effects = update(&mut state, Msg::Key(event("i")));
    let [Effect::PrepareFix(job, order)] = &effects[..] else { panic!("{effects:?}") };
    assert!(order.in_place && press(&mut state, "y").is_empty());
    update(&mut state, Msg::FixOffered(*job, Box::new(sample::offer())));
    assert!(text(&state).contains("in place: ") && text(&state).contains("i on a copy"), "{}", text(&state));
    let effects = press(&mut state, "a");
    assert!(matches!(&effects[..], [Effect::PrepareFix(_, order)] if order.in_place && order.sign_with == SignWith::AdHoc));
    let effects = press(&mut state, "y");
    assert!(matches!(&effects[..], [Effect::Fix(_, order, _)] if order.in_place && order.sign_with == SignWith::AdHoc));
}

#[test]
fn every_step_is_shown_as_it_goes_and_cannot_be_left_by_accident() {
    let (mut state, job) = half_done((80, 40));
    let shown = text(&state);
    assert!(shown.contains("step 4 of 5") && shown.contains("replacing existing") && shown.contains("doing it"), "{shown}");
    assert!(shown.contains("\\x1b[2Jx"), "what a command says is made safe\n{shown}");
    assert!(press(&mut state, "q enter y A u M").is_empty() && page(&state).is_busy());
    assert!(update(&mut state, Msg::Paste("a log line".into())).is_empty(), "nothing is examined meanwhile");
    assert!(matches!(press(&mut state, "esc")[..], [Effect::Cancel(own)] if own == job));
    assert!(page(&state).is_busy() && text(&state).contains("It stops after this step"));
    update(&mut state, Msg::FixStopped(job, Stopped { why: "you stopped it".into(), left: None }));
    let shown = text(&state);
    assert!(shown.contains("you stopped it") && shown.contains("everything was taken back") && shown.contains("not done"), "{shown}");
    press(&mut state, "esc");
    assert_eq!(walk(&state).stage, Stage::Sign);
}

#[test]
fn temper_leaves_only_when_the_fix_in_hand_is_taken_back() {
    let leave = |message: fn() -> Msg| {
        let (mut state, job) = half_done((80, 24));
        let effects = update(&mut state, message());
        assert!(matches!(effects[..], [Effect::Cancel(own)] if own == job), "{effects:?}");
        assert!(text(&state).contains("leaving"), "{}", text(&state));
        assert!(update(&mut state, Msg::FixProgress(job, Step { step: 3, steps: 5, current: PathBuf::new() })).is_empty(), "it waits");
        assert!(update(&mut state, Msg::Signal(Signal::Terminate)).is_empty() && update(&mut state, Msg::InputEnded).is_empty());
        (state, job)
    };
    let by_key: fn() -> Msg = || Msg::Key(event("ctrl-c"));
    for message in [by_key, || Msg::Signal(Signal::Terminate), || Msg::InputEnded] {
        let (mut state, job) = leave(message);
        let effects = update(&mut state, Msg::FixStopped(job, Stopped { why: "you stopped it".into(), left: None }));
        assert!(matches!(effects[..], [Effect::Quit]), "{effects:?}");
        assert_eq!(super::super::update::left_behind(&state), None);
        // A worker that panics ends it too, and what it left is said.
        let (mut state, job) = leave(message);
        assert!(matches!(update(&mut state, Msg::Failed(job, "a panic".into()))[..], [Effect::Quit]));
        assert!(super::super::update::left_behind(&state).unwrap().contains("temper undo /build/mended/Lumaplay.app"));
    }
    let (mut state, _) = leave(by_key);
    assert!(matches!(press(&mut state, "ctrl-c")[..], [Effect::Quit]), "a second ctrl-c leaves at once");
}

#[test]
fn temper_leaves_when_an_undo_in_hand_is_done() {
    let mut state = done((80, 24), sample::proved());
    let job = job_of(&press(&mut state, "u y"));
    assert!(press(&mut state, "ctrl-c").is_empty());
    assert!(matches!(update(&mut state, Msg::FixUndone(job))[..], [Effect::Quit]));
}

#[test]
fn a_step_that_fails_says_what_and_the_way_back() {
    let (mut state, job) = half_done((80, 40));
    update(&mut state, Msg::FixStopped(job, Stopped { why: "codesign ended with status 1".into(), left: Some("disk full".into()) }));
    let shown = text(&state);
    assert!(shown.contains("codesign ended with status 1") && shown.contains("disk full"), "{shown}");
    assert!(shown.contains("temper undo /build/mended/Lumaplay.app"), "{shown}");
}

#[test]
fn the_proof_shows_before_and_after() {
    let state = done((120, 40), sample::proved());
    let shown = text(&state);
    for part in [
        "mended. The refusal is gone, and nothing else has changed",
        "before",
        "after",
        "signed in:",
        "taken out",
        "2 of 2 valid",
        "41 files",
        "temper undo",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let shown = text(&done((120, 40), sample::bad_proof()));
    assert!(shown.contains("still there") && shown.contains("by no step") && !shown.contains("mended. The"), "{shown}");
}

#[test]
fn a_fix_is_taken_back_only_after_a_yes() {
    let mut state = done((80, 24), sample::proved());
    assert!(press(&mut state, "u enter").is_empty());
    assert!(press(&mut state, "n y").is_empty(), "no is no");
    let effects = press(&mut state, "u y");
    let [Effect::UndoFix(job, fix, app)] = &effects[..] else { panic!("{effects:?}") };
    let fixed = state.fixes.last().unwrap();
    assert_eq!((*fix, app), (fixed.job, &fixed.offer.app));
    let job = *job;
    assert!(press(&mut state, "u y esc").is_empty(), "it is under way");
    update(&mut state, Msg::Failed(job, "Lumaplay.app has changed since".into()));
    assert!(text(&state).contains("not taken back: Lumaplay.app has changed since"));
    let job = job_of(&press(&mut state, "u y"));
    update(&mut state, Msg::FixUndone(job));
    assert_eq!(state.fixes.last().unwrap().since, Since::Undone);
    assert!(press(&mut state, "u y").is_empty(), "once is enough");
}

#[test]
fn the_proof_is_saved_only_after_a_yes() {
    let mut state = done((120, 60), sample::proved());
    press(&mut state, "M");
    assert!(text(&state).contains("Lumaplay-proof.md"));
    assert!(press(&mut state, "enter").is_empty());
    assert!(text(&state).contains("Write Lumaplay-proof.md with this proof?") && text(&state).contains("- [x] gone"), "{}", text(&state));
    let effects = press(&mut state, "y");
    let [Effect::SaveProof(job, proof, path)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!((&**proof, path), (&sample::proved(), &PathBuf::from("Lumaplay-proof.md")));
    update(&mut state, Msg::Written(*job));
    assert!(text(&state).contains("the proof is saved: Lumaplay-proof.md") && matches!(state.screen(), Screen::Proof { asks: false, .. }));
}

#[test]
fn an_answer_that_comes_late_changes_nothing() {
    let mut state = examined(sample::jit(), (80, 24));
    press(&mut state, "m enter right");
    let effects = update(&mut state, Msg::Key(event("A")));
    let job = job_of(&effects);
    press(&mut state, "esc");
    let before = format!("{:?}", state.stack);
    update(&mut state, Msg::FixOffered(job, Box::new(sample::offer())));
    update(&mut state, Msg::Fixed(job, Box::new(sample::proved())));
    update(&mut state, Msg::FixUndone(job));
    update(&mut state, Msg::FixStopped(job, Stopped { why: "x".into(), left: None }));
    assert_eq!(format!("{:?}", state.stack), before);
}

#[test]
fn a_change_of_the_project_is_made_and_taken_back_only_after_a_yes() {
    let mut state = at_change((80, 40));
    let edit = walk(&state).current().unwrap().0.clone();
    assert!(press(&mut state, "A enter").is_empty());
    let shown = text(&state);
    assert!(shown.contains("exactly this change?") && shown.contains(&*edit.file.to_string_lossy()), "{shown}");
    assert!(press(&mut state, "n y").iter().all(|effect| matches!(effect, Effect::Copy(_))), "no is no");
    let effects = press(&mut state, "A y");
    let [Effect::Apply(job, _, written)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(**written, edit);
    update(&mut state, Msg::Written(*job));
    assert!(text(&state).contains("u takes it back"), "{}", text(&state));
    let effects = press(&mut state, "u y");
    let [Effect::TakeBack(job, _, back)] = &effects[..] else { panic!("{effects:?}") };
    assert_eq!(**back, edit);
    update(&mut state, Msg::Written(*job));
    assert!(text(&state).contains("the file is as it was"));
    assert_eq!(walk(&state).current().unwrap().1, &Outcome::Open);
}

#[test]
fn nothing_is_confirmed_on_a_screen_too_small_to_show_it() {
    let mut state = examined(sample::jit(), (80, 24));
    press(&mut state, TO_QUESTION);
    update(&mut state, Msg::Resize(30, 8));
    assert!(press(&mut state, "y").is_empty());
    update(&mut state, Msg::Resize(80, 24));
    assert!(matches!(press(&mut state, "y")[..], [Effect::Fix(..)]));
}
