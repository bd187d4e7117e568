//! A run of the app: what will be started is shown and confirmed, its output is shown, then it is judged.

use super::super::state::{Effect, JobId, Place, Prompt, PromptKind, RunPage, RunStage, Screen, State};
use super::super::words;
use super::{cases, push};
use crate::run::{self, Order, Origin, Prepared, Ran};
use std::time::Duration;
use tui_input::Input;

/// Lines of output that are kept on the screen.
const MOST_LINES: usize = 1_000;
/// How long the app may run.
const LIMIT: Duration = Duration::from_secs(60);

fn page(state: &mut State, job: JobId) -> Option<&mut RunPage> {
    state.stack.iter_mut().rev().find_map(|screen| match screen {
        Screen::Run(page) if matches!(page.stage, RunStage::Preparing(own) | RunStage::Running(own) if own == job) => Some(&mut **page),
        _ => None,
    })
}

/// Asks what would be started.
pub fn open(state: &mut State) -> Vec<Effect> {
    let Some(path) = state.request.as_ref().and_then(|request| request.path.clone()) else {
        state.notice = Some("there is no app to start, only evidence".into());
        return Vec::new();
    };
    let (arguments, set) = (Vec::new(), Vec::new());
    let plain = Order { path, arguments, set, without_dyld: false, limit: LIMIT, reports: None, takes_interrupts: false };
    // The same app is started as it was the last time, until that is changed.
    let order = state.ran.clone().filter(|ran| ran.path == plain.path).unwrap_or(plain);
    let job = state.job();
    let (stage, place) = (RunStage::Preparing(job), Place::default());
    push(state, Screen::Run(Box::new(RunPage { order: order.clone(), stage, output: Vec::new(), prompt: None, place })));
    vec![Effect::Prepare(job, Box::new(order))]
}

/// The page while it asks.
fn asking(state: &mut State) -> Option<&mut RunPage> {
    match state.screen_mut() {
        Screen::Run(page) if matches!(page.stage, RunStage::Asking(_)) => Some(page),
        _ => None,
    }
}

/// Opens the line of arguments.
pub fn edit(state: &mut State) {
    if let Some(page) = asking(state) {
        page.prompt = Some(Prompt { kind: PromptKind::Arguments, input: Input::new(run::words::join(&page.order.arguments)) });
    }
}

/// The line of arguments is typed. What cannot be split into words stays open.
pub fn edited(state: &mut State, prompt: Prompt) -> Vec<Effect> {
    match run::words::split(prompt.input.value()) {
        Ok(arguments) => otherwise(state, |order| order.arguments = arguments),
        Err(why) => {
            state.notice = Some(why);
            if let Some(page) = asking(state) {
                page.prompt = Some(prompt);
            }
            Vec::new()
        }
    }
}

/// Passes this environment's `DYLD_` variables on, or keeps them back.
pub fn switch_dyld(state: &mut State) -> Vec<Effect> {
    if !dyld_is_set(state) {
        state.notice = Some("no DYLD_ variable is set in this environment".into());
        return Vec::new();
    }
    otherwise(state, |order| order.without_dyld = !order.without_dyld)
}

/// Does this environment have a `DYLD_` variable that could be passed on?
pub fn dyld_is_set(state: &State) -> bool {
    let Screen::Run(page) = state.screen() else { return false };
    let RunStage::Asking(prepared) = &page.stage else { return false };
    prepared.environment.iter().any(|(.., origin)| matches!(origin, Origin::Passed | Origin::Removed))
}

/// The same otherwise: nothing is started, it is only shown anew.
fn otherwise(state: &mut State, change: impl FnOnce(&mut Order)) -> Vec<Effect> {
    let job = state.job();
    let Some(page) = asking(state) else { return Vec::new() };
    change(&mut page.order);
    page.stage = RunStage::Preparing(job);
    vec![Effect::Prepare(job, Box::new(page.order.clone()))]
}

/// What would be started is known: now it is asked.
pub fn prepared(state: &mut State, job: JobId, prepared: Prepared) -> Vec<Effect> {
    if let Some(page) = page(state, job) {
        page.stage = RunStage::Asking(Box::new(prepared));
    }
    Vec::new()
}

/// Yes: exactly what is shown is started.
pub fn confirmed(state: &mut State) -> Vec<Effect> {
    let job = state.job();
    let Screen::Run(page) = state.screen_mut() else { return Vec::new() };
    match std::mem::replace(&mut page.stage, RunStage::Running(job)) {
        RunStage::Asking(prepared) => {
            page.place = Place::default();
            let order = page.order.clone();
            state.ran = Some(order);
            vec![Effect::Run(job, prepared)]
        }
        other => {
            page.stage = other;
            Vec::new()
        }
    }
}

/// It wrote something. The page stays at its end.
pub fn said(state: &mut State, job: JobId, lines: Vec<String>) -> Vec<Effect> {
    if let Some(page) = page(state, job) {
        page.output.extend(lines);
        let excess = page.output.len().saturating_sub(MOST_LINES);
        page.output.drain(..excess);
        page.place.scroll = usize::MAX;
    }
    Vec::new()
}

/// It ended: what it left is evidence from now on, in the place of that of the run before.
pub fn ran(state: &mut State, job: JobId, ran: Ran) -> Vec<Effect> {
    if page(state, job).is_none() {
        return Vec::new();
    }
    state.stack.retain(|screen| !matches!(screen, Screen::Run(_)));
    let Some(mut request) = state.request.as_deref().cloned() else { return Vec::new() };
    request.pasted.retain(|(name, _)| name != run::TRANSCRIPT && !ran.evidence.iter().any(|(new, _)| new == name));
    request.pasted.extend(ran.evidence.iter().cloned());
    let told = run::told(&ran, LIMIT).join(" ");
    state.changed = Some(words::clean(told.trim_end_matches('.')));
    cases::examine(state, request, true)
}

/// It could not be prepared or started.
pub fn failed(state: &mut State, job: JobId, why: &str) -> bool {
    let Some(page) = page(state, job) else { return false };
    page.stage = RunStage::Failed(why.to_owned());
    true
}

/// Back from the page; from a program that runs only with its end.
pub fn back(state: &mut State) -> Vec<Effect> {
    let Screen::Run(page) = state.screen() else { return Vec::new() };
    if let RunStage::Running(job) = page.stage {
        state.notice = Some("interrupted; once more kills it".into());
        return vec![Effect::Interrupt(job)];
    }
    state.stack.pop();
    Vec::new()
}
