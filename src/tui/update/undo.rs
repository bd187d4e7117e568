//! Fixes that were done: the proof, and the way back, as long as Temper runs.

use super::super::state::{Effect, Fixed, JobId, Place, Purpose, Screen, Since, State};
use super::super::words;
use super::{input, push};
use crate::fix::prove::Proof;

/// A fix was done.
pub fn keep(state: &mut State, fixed: Fixed) {
    forget_undone(state);
    state.fixes.push(fixed);
}

/// What was taken back is shown no more once its proof was left.
fn forget_undone(state: &mut State) {
    if !matches!(state.screen(), Screen::Proof { .. }) {
        state.fixes.retain(|fixed| fixed.since != Since::Undone);
    }
}

/// The proof on the screen on top.
pub fn proof(state: &State) -> Option<&Proof> {
    match state.screen() {
        Screen::Proof { .. } => state.fixes.last().map(|fixed| &fixed.proof),
        _ => None,
    }
}

/// Shows the proof of the last fix again.
pub fn show(state: &mut State) {
    forget_undone(state);
    match state.standing_fix() {
        Some(_) => push(state, Screen::Proof { asks: false, place: Place::default() }),
        None => state.notice = Some("no fix was done".into()),
    }
}

/// Asks whether to take the last fix back.
pub fn ask(state: &mut State) {
    forget_undone(state);
    match state.fixes.last() {
        Some(fixed) if fixed.can_undo() => push(state, Screen::Proof { asks: true, place: Place::default() }),
        Some(_) => state.notice = Some("it is taken back already".into()),
        None => state.notice = Some("nothing was done or written here".into()),
    }
}

/// Yes: exactly the fix that is shown is taken back.
pub fn confirmed(state: &mut State) -> Vec<Effect> {
    if !matches!(state.screen(), Screen::Proof { asks: true, .. }) {
        return Vec::new();
    }
    let job = state.job();
    let Some(fixed) = state.fixes.last_mut().filter(|fixed| fixed.can_undo()) else { return Vec::new() };
    fixed.since = Since::Undoing(job);
    let effect = Effect::UndoFix(job, fixed.job, fixed.offer.app.clone());
    state.stack.pop();
    if !matches!(state.screen(), Screen::Proof { .. }) {
        push(state, Screen::Proof { asks: false, place: Place::default() });
    }
    if let Some(place) = state.screen_mut().place_mut() {
        *place = Place::default();
    }
    vec![effect]
}

fn waiting(state: &mut State, job: JobId) -> Option<&mut Fixed> {
    state.fixes.iter_mut().find(|fixed| fixed.since == Since::Undoing(job))
}

/// It was taken back.
pub fn undone(state: &mut State, job: JobId) -> Vec<Effect> {
    if let Some(fixed) = waiting(state, job) {
        fixed.since = Since::Undone;
    }
    Vec::new()
}

/// It could not be taken back. False when the job was another one.
pub fn failed(state: &mut State, job: JobId, why: &str) -> bool {
    let Some(fixed) = waiting(state, job) else { return false };
    fixed.since = Since::NotUndone(why.to_owned());
    true
}

/// Back from the proof, to exactly where one was; from the question it is a no. Not while it is being taken back.
pub fn back(state: &mut State) {
    let Screen::Proof { asks, .. } = state.screen() else { return };
    let asks = *asks;
    if state.fixes.last().is_some_and(Fixed::is_busy) {
        return;
    }
    state.stack.pop();
    if asks {
        return;
    }
    match state.fixes.last() {
        Some(fixed) if fixed.can_undo() => {
            let app = fixed.offer.app.display();
            state.notice = Some(words::clean(&format!("u takes the fix back, here too; once Temper is left: temper undo {app}")));
        }
        Some(fixed) => {
            let in_place = fixed.in_place;
            state.fixes.pop();
            state.notice = in_place.then(|| "the app is as it was; r on the answer examines it".into());
        }
        None => {}
    }
}

/// Asks for the name of the file that the proof is saved to.
pub fn save(state: &mut State) -> Vec<Effect> {
    let (Screen::Proof { asks: false, .. }, Some(fixed)) = (state.screen(), state.fixes.last()) else { return Vec::new() };
    let stem = fixed.offer.app.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let stem: String = stem.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect();
    let proposed = if stem.is_empty() { "proof.md".to_owned() } else { format!("{stem}-proof.md") };
    input::open(state, Purpose::SaveProof);
    input::set(state, &proposed);
    input::list(state)
}
