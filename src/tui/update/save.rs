//! Saving the case or a proof: a name, then exactly what will be written and a yes, then what came of it.

use super::super::state::{Effect, JobId, Outcome, Place, Purpose, Save, Screen, State};
use super::{input, push, undo};
use std::path::PathBuf;

/// Asks for the file's name, with one proposed.
pub fn open(state: &mut State) -> Vec<Effect> {
    let Some(report) = state.report() else { return Vec::new() };
    let name = super::super::view::target_name(&report.target);
    let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
    let stem: String = stem.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect();
    let proposed = if stem.is_empty() || report.target.kind == "none" { "case.json".to_owned() } else { format!("{stem}-case.json") };
    input::open(state, Purpose::SaveCase);
    input::set(state, &proposed);
    input::list(state)
}

/// A name was given: shows what would be written, and asks.
pub fn named(state: &mut State, path: PathBuf, is_proof: bool) -> Vec<Effect> {
    let proof = undo::proof(state).cloned().map(Box::new);
    if is_proof && proof.is_none() {
        return Vec::new();
    }
    let proof = proof.filter(|_| is_proof);
    push(state, Screen::Save(Box::new(Save { proof, path, outcome: Outcome::Asking, place: Place::default() })));
    Vec::new()
}

/// Yes: exactly the file that was named is written.
pub fn confirmed(state: &mut State) -> Vec<Effect> {
    let Some(examination) = state.examination.clone() else { return Vec::new() };
    let job = state.job();
    let Screen::Save(save) = state.screen_mut() else { return Vec::new() };
    if !matches!(save.outcome, Outcome::Asking | Outcome::Refused(_)) {
        return Vec::new();
    }
    save.outcome = Outcome::Writing(job);
    let path = save.path.clone();
    match &save.proof {
        Some(proof) => vec![Effect::SaveProof(job, proof.clone(), path)],
        None => vec![Effect::SaveCase(job, examination, path)],
    }
}

/// The screen that waits for this job, wherever it is by now.
fn waiting(state: &mut State, job: JobId) -> Option<&mut Save> {
    state.stack.iter_mut().find_map(|screen| match screen {
        Screen::Save(save) if save.outcome == Outcome::Writing(job) => Some(&mut **save),
        _ => None,
    })
}

/// It is written. False when the job was another one.
pub fn written(state: &mut State, job: JobId) -> bool {
    let Some(save) = waiting(state, job) else { return false };
    let path = save.path.display().to_string();
    let what = if save.proof.is_some() { "proof" } else { "case" };
    state.stack.retain(|screen| !matches!(screen, Screen::Save(save) if save.outcome == Outcome::Writing(job)));
    state.notice = Some(format!("the {what} is saved: {}", super::super::words::clean(&path)));
    true
}

/// It was not written. False when the job was another one.
pub fn failed(state: &mut State, job: JobId, why: &str) -> bool {
    let Some(save) = waiting(state, job) else { return false };
    save.outcome = Outcome::Refused(why.to_owned());
    true
}
