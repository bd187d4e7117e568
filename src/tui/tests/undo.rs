//! Fixes that were done stay in reach: undone and looked at from the answer and the walk, after their proof was left.

use super::super::state::Since;
use super::*;

/// A fix is done, and its proof is shown.
fn done(size: (u16, u16)) -> State {
    let mut state = examined(sample::jit(), size);
    let job = job_of(&press(&mut state, "m enter right A y"));
    update(&mut state, Msg::Fixed(job, Box::new(sample::proved())));
    state
}

pub fn screens(size: (u16, u16)) -> Vec<(&'static str, State)> {
    let with = |keys: &str| {
        let mut state = done(size);
        press(&mut state, keys);
        state
    };
    vec![
        ("undo-answer", with("esc esc")),
        ("undo-mend", with("esc")),
        ("undo-asked-on-answer", with("esc esc u")),
        ("undo-proof-again", with("esc esc P")),
    ]
}

#[test]
fn a_fix_is_undone_from_the_answer_and_the_walk_after_a_yes() {
    for way in ["esc", "esc esc"] {
        let mut state = done((80, 24));
        press(&mut state, way);
        assert!(state.notice.as_deref().is_none_or(|notice| notice.contains("u takes the fix back")));
        let (before, shown) = (format!("{:?}", state.stack), text(&state));
        assert!(shown.contains("u undo the fix"), "{shown}");
        assert!(press(&mut state, "u").is_empty());
        assert!(text(&state).contains("y yes, undo it") && text(&state).contains("/build/mended/Lumaplay.app"), "{}", text(&state));
        assert!(press(&mut state, "enter n").is_empty());
        assert_eq!(format!("{:?}", state.stack), before, "no is back to exactly where one was");
        let effects = press(&mut state, "u y");
        let [Effect::UndoFix(job, fix, app)] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!((*fix, app.as_path()), (state.fixes[0].job, "/build/mended/Lumaplay.app".as_ref()));
        assert!(press(&mut state, "u y esc").is_empty() && matches!(state.screen(), Screen::Proof { asks: false, .. }), "it is under way");
        update(&mut state, Msg::FixUndone(*job));
        assert!(text(&state).contains("fine: taken back"), "{}", text(&state));
        press(&mut state, "esc");
        assert_eq!(format!("{:?}", state.stack), before);
        assert!(state.fixes.is_empty() && !text(&state).contains("undo the fix"), "{}", text(&state));
        assert!(press(&mut state, "u y").iter().all(|effect| matches!(effect, Effect::Copy(_))), "once is enough");
    }
}

#[test]
fn the_proof_can_be_left_and_seen_again() {
    let mut state = done((80, 24));
    let proof = text(&state);
    press(&mut state, "esc esc");
    let before = format!("{:?}", state.stack);
    press(&mut state, "P");
    assert_eq!(text(&state), proof);
    press(&mut state, "M");
    assert!(text(&state).contains("Lumaplay-proof.md"), "{}", text(&state));
    press(&mut state, "esc esc");
    assert_eq!(format!("{:?}", state.stack), before);
}

#[test]
fn a_second_check_and_another_app_lose_no_way_back() {
    let mut state = done((80, 24));
    let effects = press(&mut state, "esc r");
    update(&mut state, Msg::Examined(job_of(&effects), Arc::new(sample::mended())));
    assert!(text(&state).contains("/build/mended/Lumaplay.app"), "the answer says which: {}", text(&state));
    assert!(matches!(&press(&mut state, "u y")[..], [Effect::UndoFix(..)]));
    // Evidence that is pasted while the proof is shown takes its screen, not the fix.
    let mut state = done((80, 24));
    let job = job_of(&update(&mut state, Msg::Paste("a log line".into())));
    update(&mut state, Msg::Examined(job, Arc::new(sample::jit())));
    assert!(matches!(state.screen(), Screen::Answer { .. }) && matches!(&press(&mut state, "u y")[..], [Effect::UndoFix(..)]));
}

#[test]
fn the_last_of_several_fixes_is_undone_first() {
    let mut state = done((80, 24));
    let first = state.fixes[0].job;
    let second = job_of(&press(&mut state, "esc A y"));
    update(&mut state, Msg::Fixed(second, Box::new(sample::proved())));
    let effects = press(&mut state, "esc esc u y");
    let [Effect::UndoFix(job, fix, _)] = effects[..] else { panic!("{effects:?}") };
    assert_eq!(fix, second);
    update(&mut state, Msg::FixUndone(job));
    press(&mut state, "esc");
    let effects = press(&mut state, "u y");
    assert!(matches!(effects[..], [Effect::UndoFix(_, fix, _)] if fix == first), "{effects:?}");
}

#[test]
fn what_could_not_be_undone_stays_in_reach() {
    let mut state = done((80, 24));
    let job = job_of(&press(&mut state, "esc esc u y"));
    update(&mut state, Msg::Failed(job, "Lumaplay.app has changed since".into()));
    assert!(text(&state).contains("not taken back: Lumaplay.app has changed since"), "{}", text(&state));
    press(&mut state, "esc");
    assert!(matches!(state.fixes[0].since, Since::NotUndone(_)) && matches!(&press(&mut state, "u y")[..], [Effect::UndoFix(..)]));
}

#[test]
fn a_written_file_of_the_step_is_taken_back_before_the_fix() {
    let mut state = done((80, 24));
    press(&mut state, "esc left");
    let job = job_of(&press(&mut state, "enter y"));
    update(&mut state, Msg::Written(job));
    assert!(matches!(&press(&mut state, "u y")[..], [Effect::TakeBack(..)]));
}
