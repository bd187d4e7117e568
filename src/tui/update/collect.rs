//! Evidence that this machine keeps: the log, fetched after a yes to the exact command, and crash reports, taken when they are chosen.

use super::super::state::{CollectPage, CollectStage, Effect, JobId, Place, Screen, State};
use super::super::words;
use super::{cases, push};
use crate::collect::{self, Fetched};
use crate::report::Verdict;
use crate::scan::FoundReport;

/// The page that waits for this job, wherever it is by now.
fn waiting(state: &mut State, job: JobId) -> Option<&mut CollectPage> {
    state.stack.iter_mut().rev().find_map(|screen| match screen {
        Screen::Collect(page) if matches!(page.stage, CollectStage::Running(own, _) if own == job) => Some(&mut **page),
        _ => None,
    })
}

/// The command of the plan; without a plan the one it would have.
fn command(state: &State) -> Option<Vec<String>> {
    let examination = state.examination.as_ref()?;
    let planned = examination.report.collect.iter().find(|entry| collect::is_log_show(&entry.argv));
    Some(planned.map_or_else(|| collect::command(&examination.evidence), |entry| entry.argv.clone()))
}

/// Is the log of use here, and can it be fetched on this machine?
pub fn is_offered(state: &State) -> bool {
    let is_open = state.examination.as_ref().is_some_and(|examination| {
        matches!(examination.report.verdict, Verdict::Undetermined | Verdict::Clear) || examination.evidence.texts.is_empty()
    });
    state.log.is_some() && is_open
}

/// Can Temper run this entry of the collection plan itself?
pub fn is_runnable(state: &State, entry: usize) -> bool {
    let argv = state.report().and_then(|report| report.collect.get(entry)).map(|entry| entry.argv.as_slice());
    state.log.is_some() && argv.is_some_and(collect::is_log_show)
}

/// Shows the command and asks.
pub fn open(state: &mut State) -> Vec<Effect> {
    let Some(argv) = command(state) else { return Vec::new() };
    match state.log.clone() {
        Some(program) => {
            let stage = CollectStage::Asking(None);
            push(state, Screen::Collect(Box::new(CollectPage { argv, program, stage, place: Place::default() })));
        }
        None => state.notice = Some("no program 'log' here: copy the command, run it on the Mac".into()),
    }
    Vec::new()
}

/// Yes: exactly what is shown is run.
pub fn confirmed(state: &mut State) -> Vec<Effect> {
    let job = state.job();
    let Screen::Collect(page) = state.screen_mut() else { return Vec::new() };
    if !matches!(page.stage, CollectStage::Asking(_)) {
        return Vec::new();
    }
    page.stage = CollectStage::Running(job, 0);
    page.place = Place::default();
    vec![Effect::FetchLog(job, page.argv.clone())]
}

/// It wrote more.
pub fn grows(state: &mut State, job: JobId, bytes: u64) -> Vec<Effect> {
    if let Some(page) = waiting(state, job) {
        page.stage = CollectStage::Running(job, bytes);
    }
    Vec::new()
}

/// It ended: its output is evidence like a paste, and the app is examined again.
pub fn fetched(state: &mut State, job: JobId, fetched: &Fetched) -> Vec<Effect> {
    if waiting(state, job).is_none() {
        return Vec::new();
    }
    state.stack.retain(|screen| !matches!(screen, Screen::Collect(_)));
    let Some(mut request) = state.request.as_deref().cloned() else { return Vec::new() };
    collect::add(&mut request, fetched);
    let caution = fetched.caution.as_deref().map(|caution| format!(" ({caution})")).unwrap_or_default();
    state.changed = Some(format!("the log is read{caution}"));
    cases::examine(state, request, true)
}

/// It failed: the page says why, and asks once more. False when the job was another one.
pub fn failed(state: &mut State, job: JobId, why: &str) -> bool {
    let Some(page) = waiting(state, job) else { return false };
    page.stage = CollectStage::Asking(Some(why.to_owned()));
    true
}

/// Back: no to what is asked; what runs is stopped, and nothing of it is taken.
pub fn back(state: &mut State) -> Vec<Effect> {
    let stopped = abandoned(state);
    state.stack.pop();
    if !stopped.is_empty() {
        state.notice = Some("log show was stopped; nothing of it is used".into());
    }
    stopped
}

/// Stops what runs on a page that goes away.
pub fn abandoned(state: &State) -> Vec<Effect> {
    let running = state.stack.iter().filter_map(|screen| match screen {
        Screen::Collect(page) => match page.stage {
            CollectStage::Running(job, _) => Some(Effect::Cancel(job)),
            CollectStage::Asking(_) => None,
        },
        _ => None,
    });
    running.collect()
}

/// An app was examined of which no report was given: are there any on this machine?
pub fn look(state: &mut State) -> Option<Effect> {
    state.reports.clear();
    state.looking = None;
    let (examination, request) = (state.examination.clone()?, state.request.clone()?);
    if !collect::wants_a_report(&examination.evidence, &request) {
        return None;
    }
    let job = state.job();
    state.looking = Some(job);
    Some(Effect::FindReports(job, examination))
}

/// Reports of the app, newest first. They are offered, not taken.
pub fn found(state: &mut State, job: JobId, reports: Vec<FoundReport>) -> Vec<Effect> {
    if state.looking == Some(job) {
        state.looking = None;
        state.reports = reports;
    }
    Vec::new()
}

/// A report was chosen: it is evidence from now on.
pub fn take_report(state: &mut State, report: usize) -> Vec<Effect> {
    let Some(report) = state.reports.get(report).cloned() else { return Vec::new() };
    let Some(mut request) = state.request.as_deref().cloned() else { return Vec::new() };
    let name = report.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if !request.texts.contains(&report.path) {
        request.texts.push(report.path);
    }
    state.changed = Some(words::clean(&format!("{name} is read")));
    cases::examine(state, request, true)
}
