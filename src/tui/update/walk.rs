//! The walk. The only place that asks for a write, and only for the edit that was shown and confirmed.

use super::super::page::Target;
use super::super::state::{Effect, JobId, Mend, Outcome, Paste, Place, PlanOrder, Planning, Purpose, Screen, Stage, State};
use super::{cases, fixing, input, selected};
use crate::Examination;
use crate::fix::plan::Plan;
use crate::fix::sign::command_line;
use crate::recipe;
use std::path::PathBuf;

fn mend(state: &mut State) -> Option<&mut Mend> {
    match state.screen_mut() {
        Screen::Mend(mend) => Some(mend),
        _ => None,
    }
}

/// The walk somewhere on the stack: an answer comes back to it even while another screen lies above.
fn walk_of(state: &mut State, is_meant: impl Fn(&Mend) -> bool) -> Option<&mut Mend> {
    state.stack.iter_mut().rev().find_map(|screen| match screen {
        Screen::Mend(mend) if is_meant(mend) => Some(&mut **mend),
        _ => None,
    })
}

/// What Enter does at this step.
pub fn enter_label(walk: &Mend) -> Option<&'static str> {
    match walk.stage {
        Stage::Remedy => Some("choose"),
        Stage::Write(edit) => match walk.outcomes.get(edit) {
            Some(Outcome::Open | Outcome::Refused(_)) => Some("write it"),
            Some(Outcome::Asking | Outcome::Writing(_) | Outcome::AskingBack | Outcome::TakingBack(_)) => None,
            _ => Some("next step"),
        },
        Stage::Build | Stage::ByHand | Stage::Sign => Some("next step"),
        Stage::Check if walk.place.cursor > 0 => Some("copy"),
        Stage::Check => Some("check again"),
    }
}

/// Enter.
pub fn activate(state: &mut State) -> Vec<Effect> {
    let target = selected(state);
    let Screen::Mend(walk) = state.screen() else { return Vec::new() };
    match (walk.stage, target) {
        (Stage::Remedy, Some(Target::Remedy(remedy))) => choose(state, remedy),
        (Stage::Write(edit), _) => write(state, edit),
        (Stage::Build, _) if walk.asked_paste().is_some() => Vec::new(),
        (Stage::Build | Stage::ByHand | Stage::Sign, _) => {
            if let Some(walk) = mend(state) {
                sideways(walk, true);
            }
            Vec::new()
        }
        (Stage::Check, Some(Target::Command(_))) => super::copy::copy(state, super::Action::Copy),
        (Stage::Check, _) => cases::check_again(state),
        (Stage::Remedy, _) => Vec::new(),
    }
}

/// Takes a remedy that applies, and asks for its plan.
fn choose(state: &mut State, remedy: usize) -> Vec<Effect> {
    let Screen::Mend(walk) = state.screen() else { return Vec::new() };
    let diagnosis = walk.diagnosis;
    let Some(chosen) = state.report().and_then(|report| report.diagnoses.get(diagnosis)?.remedies.get(remedy)) else { return Vec::new() };
    if !chosen.applies {
        let why = chosen.why_not.clone().unwrap_or_else(|| "its conditions do not hold".into());
        state.notice = Some(format!("not here: {why}"));
        return Vec::new();
    }
    ask(state, remedy, Vec::new())
}

fn ask(state: &mut State, remedy: usize, files: Vec<(PathBuf, PathBuf)>) -> Vec<Effect> {
    let (Some(examination), Some(request)) = (state.examination.clone(), state.request.clone()) else { return Vec::new() };
    let job = state.job();
    let Some(walk) = mend(state) else { return Vec::new() };
    walk.paste = to_paste(&examination, walk.diagnosis, remedy);
    walk.remedy = remedy;
    walk.planning = Planning::Asked(job);
    walk.outcomes.clear();
    walk.stage = Stage::Remedy;
    let order = PlanOrder { examination, request, diagnosis: walk.diagnosis, remedy, files };
    vec![Effect::Plan(job, order)]
}

/// What the build systems say about a remedy, and the changes of the project that can be made. The report has them for the first diagnosis.
fn to_paste(examination: &Examination, diagnosis: usize, remedy: usize) -> Vec<Paste> {
    let mut all = Vec::new();
    let report = &examination.report;
    let plain =
        |title, text: &str| Paste { system: None, title, text: text.to_owned(), is_diff: false, edit: None, outcome: Outcome::Open };
    let mut proposals = recipe::proposals_for(&examination.evidence, examination.project.as_ref(), report, remedy);
    for system in report.build_systems.iter().filter(|_| diagnosis == 0) {
        let first = all.len();
        for text in system.texts.iter().filter(|text| text.remedy == remedy) {
            let file = text.file.as_ref().map(|file| format!(" ({file})")).unwrap_or_default();
            all.push(plain(format!("{}{file}", text.title), &text.text));
        }
        for edit in system.edits.iter().filter(|edit| edit.remedy == remedy) {
            let warnings: String = edit.warnings.iter().map(|warning| format!("; {warning}")).collect();
            // Only what is exactly what is shown can be written.
            let same = proposals
                .iter()
                .position(|proposal| proposal.edit.file.display().to_string() == edit.file && proposal.edit.diff == edit.diff);
            let own = same.map(|index| Box::new(proposals.swap_remove(index).edit));
            let title = format!("As a change of {}{warnings}", edit.file);
            all.push(Paste { is_diff: true, edit: own, ..plain(title, &edit.diff) });
        }
        if let Some(paste) = all.get_mut(first) {
            paste.system = Some((system.name.clone(), system.why.clone()));
        }
    }
    all
}

/// The plan is made: on to the next step.
pub fn planned(state: &mut State, job: JobId, plan: Plan) -> Vec<Effect> {
    if let Some(walk) = walk_of(state, |walk| matches!(walk.planning, Planning::Asked(asked) if asked == job)) {
        walk.outcomes = vec![Outcome::Open; plan.edits.len()];
        walk.planning = Planning::Ready(Box::new(plan));
        sideways(walk, true);
    }
    Vec::new()
}

/// A step on or back.
pub fn sideways(walk: &mut Mend, forward: bool) {
    let stages = walk.stages();
    let here = walk.position();
    let next = if forward { (here + 1).min(stages.len().saturating_sub(1)) } else { here.saturating_sub(1) };
    if let Some(stage) = stages.get(next).filter(|_| next != here) {
        walk.stage = *stage;
        let cursor = if *stage == Stage::Remedy { walk.remedy } else { 0 };
        walk.place = Place { cursor, ..Place::default() };
    }
}

/// Enter on a shown edit: asks; when it is written already, goes on.
fn write(state: &mut State, edit: usize) -> Vec<Effect> {
    let Some(walk) = mend(state) else { return Vec::new() };
    let is_empty = walk.plan().and_then(|plan| plan.edits.get(edit)).is_none_or(|edit| edit.diff.is_empty());
    let Some(outcome) = walk.outcomes.get_mut(edit) else { return Vec::new() };
    match outcome {
        Outcome::Open | Outcome::Refused(_) if !is_empty => {
            *outcome = Outcome::Asking;
            walk.place.scroll = 0;
        }
        Outcome::Written | Outcome::Kept(_) | Outcome::Open | Outcome::Refused(_) => sideways(walk, true),
        Outcome::Asking | Outcome::Writing(_) | Outcome::AskingBack | Outcome::TakingBack(_) => {}
    }
    Vec::new()
}

/// No: nothing is written, nothing is taken back.
pub fn refuse(state: &mut State) {
    let asked = asked(state);
    if let Some(outcome) = mend(state).and_then(Mend::current_mut) {
        *outcome = if *outcome == Outcome::AskingBack { Outcome::Written } else { Outcome::Open };
    }
    back_to(state, asked);
}

/// The text that is asked about.
fn asked(state: &State) -> Option<usize> {
    match state.screen() {
        Screen::Mend(walk) => walk.asked_paste(),
        _ => None,
    }
}

/// All texts are there again: the selection is on the one that was asked about.
fn back_to(state: &mut State, asked: Option<usize>) {
    if let Some(asked) = asked {
        super::reveal(state, asked);
    }
}

/// The key that does it: the whole fix at the signing step, the selected change at the build system, the file at its own step.
pub fn do_it(state: &mut State) -> Vec<Effect> {
    let Screen::Mend(walk) = state.screen() else { return Vec::new() };
    match walk.stage {
        Stage::Sign => return fixing::open(state),
        Stage::Write(edit) if matches!(walk.outcomes.get(edit), Some(Outcome::Open | Outcome::Refused(_))) => return write(state, edit),
        Stage::Build => {}
        _ => return Vec::new(),
    }
    let Some(walk) = mend(state) else { return Vec::new() };
    match walk.current_mut() {
        Some(outcome @ (Outcome::Open | Outcome::Refused(_))) => {
            *outcome = Outcome::Asking;
            walk.place.scroll = 0;
        }
        Some(_) => {}
        None => {
            state.notice = Some("this is to be pasted by you (y copies it); what Temper can change is shown as a change of a file".into())
        }
    }
    Vec::new()
}

/// Can the key do something here?
pub fn can_do(walk: &Mend) -> bool {
    walk.stage == Stage::Sign || (walk.stage == Stage::Build && matches!(walk.current(), Some((_, Outcome::Open | Outcome::Refused(_)))))
}

/// Can a written file be taken back here?
pub fn can_take_back(walk: &Mend) -> bool {
    matches!(walk.current(), Some((_, Outcome::Written | Outcome::Kept(_))))
}

/// Asks whether to take the file of this step back.
pub fn take_back(state: &mut State) -> Vec<Effect> {
    if let Some(walk) = mend(state).filter(|walk| can_take_back(walk)) {
        if let Some(outcome) = walk.current_mut() {
            *outcome = Outcome::AskingBack;
        }
        walk.place.scroll = 0;
    }
    Vec::new()
}

/// Yes: exactly the edit on the screen is written, or taken back.
pub fn confirmed(state: &mut State) -> Vec<Effect> {
    let Some(examination) = state.examination.clone() else { return Vec::new() };
    let (job, asked) = (state.job(), asked(state));
    let Some(walk) = mend(state).filter(|walk| walk.is_asking() || walk.is_asking_back()) else { return Vec::new() };
    let back = walk.is_asking_back();
    let Some(edit) = walk.current().map(|(edit, _)| Box::new(edit.clone())) else { return Vec::new() };
    if let Some(outcome) = walk.current_mut() {
        *outcome = if back { Outcome::TakingBack(job) } else { Outcome::Writing(job) };
    }
    back_to(state, asked);
    let root = examination.evidence.target.root.clone();
    vec![if back { Effect::TakeBack(job, root, edit) } else { Effect::Apply(job, root, edit) }]
}

fn writing(state: &mut State, job: JobId) -> Option<&mut Outcome> {
    let is_meant =
        |walk: &Mend| walk.outcomes.iter().chain(walk.paste.iter().map(|paste| &paste.outcome)).any(|outcome| outcome.awaits(job));
    let walk = walk_of(state, is_meant)?;
    walk.outcomes.iter_mut().chain(walk.paste.iter_mut().map(|paste| &mut paste.outcome)).find(|outcome| outcome.awaits(job))
}

/// A file was written, or taken back.
pub fn written(state: &mut State, job: JobId) -> Vec<Effect> {
    if let Some(outcome) = writing(state, job) {
        let back = matches!(outcome, Outcome::TakingBack(_));
        *outcome = if back { Outcome::Open } else { Outcome::Written };
        if back {
            state.notice = Some("the file is as it was".into());
        }
    }
    Vec::new()
}

/// A plan, a write or its undoing failed.
pub fn failed(state: &mut State, job: JobId, why: String) {
    if let Some(outcome) = writing(state, job) {
        *outcome = if matches!(outcome, Outcome::TakingBack(_)) { Outcome::Kept(why) } else { Outcome::Refused(why) };
    } else if let Some(walk) = walk_of(state, |walk| matches!(walk.planning, Planning::Asked(asked) if asked == job)) {
        walk.planning = Planning::Failed(why);
    }
}

/// Asks for another file.
pub fn other_file(state: &mut State) -> Vec<Effect> {
    match state.screen() {
        Screen::Mend(walk) => match walk.stage {
            Stage::Write(edit) => input::open(state, Purpose::WriteTo(edit)),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// The plan again, with that file for that edit.
pub fn write_to(state: &mut State, edit: usize, path: PathBuf) -> Vec<Effect> {
    let Some(walk) = mend(state) else { return Vec::new() };
    let remedy = walk.remedy;
    let Some(plan) = walk.plan() else { return Vec::new() };
    let mut files: Vec<(PathBuf, PathBuf)> = plan.edits.iter().map(|edit| (edit.executable.clone(), edit.file.clone())).collect();
    if let Some(file) = files.get_mut(edit) {
        file.1 = path;
    }
    ask(state, remedy, files)
}

/// What `y` and `Y` copy.
pub fn to_copy(walk: &Mend, all: bool) -> String {
    let Some(plan) = walk.plan() else { return String::new() };
    let cursor = walk.place.cursor;
    let lines: Vec<String> = match walk.stage {
        Stage::Sign => plan.sign.iter().map(|step| command_line(&step.argv)).collect(),
        // The first target is the check itself.
        Stage::Check => {
            let after = plan.after.iter().map(|after| &after.argv).filter(|argv| !argv.is_empty());
            plan.check.iter().chain(after).map(|argv| command_line(argv)).collect()
        }
        Stage::Write(edit) if !all => return plan.edits.get(edit).map(|edit| edit.after.clone()).unwrap_or_default(),
        Stage::Build => walk.paste.iter().map(|paste| paste.text.clone()).collect(),
        Stage::ByHand => {
            let keys = plan.info_plist.iter().map(|(_, key, text)| format!("<key>{key}</key>\n<string>{text}</string>"));
            plan.manual.iter().cloned().chain(keys).collect()
        }
        _ => return String::new(),
    };
    let cursor = if walk.stage == Stage::Check { cursor.checked_sub(1) } else { Some(cursor) };
    if all { lines.join("\n") } else { cursor.and_then(|cursor| lines.into_iter().nth(cursor)).unwrap_or_default() }
}
