//! What a message changes, and what it asks for. Pure: no I/O, no clock.

mod cases;
mod collect;
mod copy;
mod explain;
mod fixing;
mod input;
mod lines;
mod mouse;
mod run;
mod save;
mod tree;
mod tryout;
mod undo;
mod walk;
mod who;

use super::keymap::{self, Action, Context};
use super::layout::{self, Regions};
use super::page::{Page, Target};
use super::state::{Effect, JobId, Mend, Msg, Place, Purpose, Screen, SignRow, Signal, Stage, State, Stroke, TextView, Tree};
use super::view;
use crate::Examination;
use crossterm::event::{KeyEvent, KeyEventKind};
use ratatui::layout::Rect;
use std::sync::Arc;

pub use cases::begin;
pub use collect::is_offered as can_fetch;
pub use copy::{can_copy, copied};
pub use fixing::left_behind;
pub use run::dyld_is_set;
pub use undo::proof;
pub use walk::{can_do, can_take_back};

/// Takes one message.
pub fn update(state: &mut State, msg: Msg) -> Vec<Effect> {
    let had_password = who::holds_password(state);
    let mut effects = match msg {
        Msg::Key(event) => key(state, &event),
        Msg::Mouse(event) => mouse::mouse(state, event),
        Msg::Paste(text) => cases::paste(state, &text),
        Msg::Resize(columns, rows) => {
            state.size = (columns, rows);
            Vec::new()
        }
        Msg::Unpacked(job, request) => cases::unpacked(state, job, *request),
        Msg::Progress(job, progress) => {
            if let Some(running) = state.running.as_mut().filter(|running| running.job == job) {
                running.progress = progress;
            }
            Vec::new()
        }
        Msg::Examined(job, examination) => cases::examined(state, job, examination),
        Msg::Lines(job, source, first, lines, total) => lines::arrived(state, job, source, first, lines, total),
        Msg::Found(job, source, line) => lines::found(state, job, source, line),
        Msg::Listed(folder, entries) => input::listed(state, folder, entries),
        Msg::Tried(job, after, outcome) => tryout::tried(state, job, after, *outcome),
        Msg::Planned(job, plan) => walk::planned(state, job, *plan),
        Msg::Written(job) if save::written(state, job) => Vec::new(),
        Msg::Written(job) => walk::written(state, job),
        Msg::ToolsFound(job, tools) => who::tools_found(state, job, tools),
        Msg::Identities(job, list) => who::identities(state, job, list),
        Msg::FixOffered(job, offer) => fixing::offered(state, job, *offer),
        Msg::FixProgress(job, progress) => fixing::progress(state, job, progress),
        Msg::FixStep(job, done) => fixing::step(state, job, done),
        Msg::FixStopped(job, stopped) => fixing::stopped(state, job, stopped),
        Msg::Fixed(job, proof) => fixing::fixed(state, job, *proof),
        Msg::FixUndone(job) => undo::undone(state, job),
        Msg::Prepared(job, prepared) => run::prepared(state, job, *prepared),
        Msg::Said(job, lines) => run::said(state, job, lines),
        Msg::Ran(job, ran) => run::ran(state, job, *ran),
        Msg::LogGrows(job, bytes) => collect::grows(state, job, bytes),
        Msg::LogFetched(job, fetched) => collect::fetched(state, job, &fetched),
        Msg::ReportsFound(job, reports) => collect::found(state, job, reports),
        Msg::Changed(job, what) => cases::changed(state, job, what),
        Msg::Failed(job, why) => failed(state, job, why),
        Msg::Signal(Signal::Terminate) | Msg::InputEnded => fixing::leave(state, false),
        Msg::Signal(Signal::Suspend) => vec![Effect::Suspend],
    };
    settle(state);
    effects.extend(lines::wanted(state));
    effects.extend(fixing::left(state));
    if had_password && !who::holds_password(state) {
        // On whatever way it went: nothing wants it any more.
        effects.push(Effect::Password(Stroke::Wipe));
    }
    effects
}

/// Where everything stands now.
pub fn regions(state: &State) -> Regions {
    layout::layout(state, area(state))
}

/// The page on top now.
pub fn page(state: &State) -> Page {
    view::page(state, &layout::blocks(state, area(state)))
}

fn area(state: &State) -> Rect {
    Rect { x: 0, y: 0, width: state.size.0, height: state.size.1 }
}

/// Keeps every place within its page.
fn settle(state: &mut State) {
    let regions = regions(state);
    let page = view::page(state, &regions);
    if let Some(place) = state.screen_mut().place_mut() {
        *place = layout::clamp(&regions, &page, *place);
    }
    lines::settle(state, &regions);
}

fn key(state: &mut State, event: &KeyEvent) -> Vec<Effect> {
    if event.kind == KeyEventKind::Release {
        return Vec::new();
    }
    let context = Context::of(state);
    match keymap::action(context, event) {
        Some(action) => {
            state.notice = None;
            act(state, action)
        }
        None if matches!(context, Context::Open | Context::Prompt) => input::typed(state, event),
        None if context == Context::Password => who::typed(state, event),
        None => Vec::new(),
    }
}

/// Does what a key (or a click on its name) means.
pub fn act(state: &mut State, action: Action) -> Vec<Effect> {
    match action {
        Action::Quit | Action::Leave => return fixing::leave(state, true),
        Action::Suspend => return vec![Effect::Suspend],
        Action::Redraw => return vec![Effect::Redraw],
        Action::Back => return back(state),
        Action::Help => help(state),
        Action::Up
        | Action::Down
        | Action::PageUp
        | Action::PageDown
        | Action::HalfUp
        | Action::HalfDown
        | Action::Top
        | Action::Bottom => step(state, action),
        Action::Left | Action::Right | Action::Next | Action::Previous => return sideways(state, action),
        Action::Activate => return activate(state),
        Action::Mend => return mend(state),
        Action::OpenProof => return open_proof(state),
        Action::ShowCode => push(state, Screen::Code(Tree::default())),
        Action::ShowText => show_text(state),
        Action::ShowList => push(state, Screen::List { place: Place::default() }),
        Action::Explain => explain::explain(state),
        Action::CheckAgain => return cases::check_again(state),
        Action::Watch => return cases::watch(state),
        Action::Run => return run::open(state),
        Action::Arguments => run::edit(state),
        Action::PassDyld => return run::switch_dyld(state),
        Action::FetchLog => return collect::open(state),
        Action::OpenPath => return input::open(state, Purpose::Examine),
        Action::Ask => push(state, Screen::Interview { question: state.library.interview.start.clone(), place: Place::default() }),
        Action::Copy | Action::CopyAll => return copy::copy(state, action),
        Action::OtherFile => return walk::other_file(state),
        // What is confirmed must be on the screen.
        Action::Yes if regions(state).too_small => {}
        Action::Yes if matches!(state.screen(), Screen::Run(_)) => return run::confirmed(state),
        Action::Yes if matches!(state.screen(), Screen::Collect(_)) => return collect::confirmed(state),
        Action::Yes if matches!(state.screen(), Screen::Save(_)) => return save::confirmed(state),
        Action::Yes if matches!(state.screen(), Screen::Fix(_)) => return fixing::confirmed(state),
        Action::Yes if matches!(state.screen(), Screen::Proof { .. }) => return undo::confirmed(state),
        Action::Yes => return walk::confirmed(state),
        Action::Do => return walk::do_it(state),
        Action::InPlace => return fixing::switch_place(state),
        Action::AdHoc => return fixing::switch_identity(state),
        Action::WhoSigns => return who::open(state),
        Action::Erase => return who::erase(state),
        Action::EraseAll => return who::erase_all(state),
        Action::Undo if matches!(state.screen(), Screen::Mend(walk) if can_take_back(walk)) => return walk::take_back(state),
        Action::Undo if matches!(state.screen(), Screen::Fix(_)) => {}
        Action::Undo => undo::ask(state),
        Action::ShowFix => undo::show(state),
        Action::SaveProof => return undo::save(state),
        Action::SaveCase => return save::open(state),
        Action::Find => input::prompt(state, super::state::PromptKind::Find),
        Action::Filter => input::prompt(state, super::state::PromptKind::Filter),
        Action::FindNext => return find_again(state, false),
        Action::FindPrevious => return find_again(state, true),
        Action::OnlyProblems | Action::Keys => tree::tree_option(state, action),
        Action::Loads => loads(state),
        Action::WhatIf => return tryout::open(state),
        Action::Complete => return input::complete(state),
    }
    Vec::new()
}

/// Puts a screen on top.
pub fn push(state: &mut State, screen: Screen) {
    state.stack.push(screen);
}

/// Does the screen on top speak of a diagnosis?
pub fn has_diagnosis(state: &State) -> bool {
    let Some(report) = state.report() else { return false };
    match state.screen() {
        Screen::Answer { diagnosis, .. } | Screen::Tell { diagnosis, .. } | Screen::Explain { diagnosis: Some(diagnosis), .. } => {
            report.diagnoses.get(*diagnosis).is_some()
        }
        Screen::Mend(mend) => report.diagnoses.get(mend.diagnosis).is_some(),
        Screen::Finding { finding, .. } => report.findings.get(*finding).is_some_and(|finding| !finding.proof.is_empty()),
        _ => false,
    }
}

/// Is there something to mend on the screen on top? Not when the cause lies elsewhere.
pub fn can_mend(state: &State) -> bool {
    let found = current_diagnosis(state).and_then(|index| Some((state.report()?, state.report()?.diagnoses.get(index)?)));
    found.is_some_and(|(report, diagnosis)| !view::is_other_cause(diagnosis, report.verdict))
}

/// What Enter does to the selected item, where the table's word is too general.
pub fn enter_label(state: &State) -> Option<&'static str> {
    if let Screen::Mend(mend) = state.screen() {
        return walk::enter_label(mend);
    }
    if let Screen::Who(_) = state.screen() {
        return (selected(state) == Some(Target::Sign(SignRow::Look))).then_some("run it");
    }
    if matches!(state.screen(), Screen::Open(open) if open.purpose == Purpose::SignWith) {
        return (!matches!(selected(state), Some(Target::Entry(_, true)))).then_some("take it");
    }
    if !matches!(state.screen(), Screen::Answer { .. }) {
        return None;
    }
    match selected(state)? {
        Target::Mend => Some("mend"),
        Target::Tell => Some("what to tell"),
        Target::Proof(..) => Some("open proof"),
        Target::Collect(entry) if collect::is_runnable(state, entry) => Some("fetch"),
        Target::Collect(_) => Some("copy"),
        Target::Fetch => Some("fetch"),
        Target::Report(_) => Some("read it"),
        Target::List => Some("all findings"),
        _ => None,
    }
}

fn help(state: &mut State) {
    if !matches!(state.screen(), Screen::Help { .. }) {
        let of = Context::of(state);
        push(state, Screen::Help { of, place: Place::default() });
    }
}

/// One screen back, exactly as it was. The first screen stays.
fn back(state: &mut State) -> Vec<Effect> {
    if let Some(prompt) = state.screen_mut().prompt_mut().filter(|prompt| prompt.is_some()) {
        *prompt = None;
        return Vec::new();
    }
    match state.screen_mut() {
        Screen::Mend(mend) if mend.is_asking() || mend.is_asking_back() => {
            walk::refuse(state);
            Vec::new()
        }
        Screen::Progress { .. } => cases::cancel(state),
        Screen::Run(_) => run::back(state),
        Screen::Collect(_) => collect::back(state),
        Screen::Fix(_) => fixing::back(state),
        Screen::Proof { .. } => {
            undo::back(state);
            Vec::new()
        }
        _ => {
            if state.stack.len() > 1 {
                state.stack.pop();
            }
            Vec::new()
        }
    }
}

/// Moves: from item to item, and by rows where there are none.
fn step(state: &mut State, action: Action) {
    if let Screen::Text(_) = state.screen() {
        return lines::step(state, action);
    }
    let regions = regions(state);
    let page = view::page(state, &regions);
    let mut place = state.screen().place();
    let height = usize::from(regions.main.height).max(1);
    match action {
        Action::Up => one(&regions, &page, &mut place, true),
        Action::Down => one(&regions, &page, &mut place, false),
        Action::PageUp => by_rows(&regions, &page, &mut place, height.saturating_sub(1), true),
        Action::PageDown => by_rows(&regions, &page, &mut place, height.saturating_sub(1), false),
        Action::HalfUp => by_rows(&regions, &page, &mut place, height / 2, true),
        Action::HalfDown => by_rows(&regions, &page, &mut place, height / 2, false),
        Action::Top => place = Place::default(),
        _ => {
            place = Place { cursor: page.targets.len().saturating_sub(1), scroll: usize::MAX, aside: usize::MAX };
        }
    }
    if let Some(here) = state.screen_mut().place_mut() {
        *here = layout::clamp(&regions, &page, place);
    }
}

/// One item on, when it is in sight or comes into sight by one row; else one row, so that nothing is jumped over unread.
fn one(regions: &Regions, page: &Page, place: &mut Place, up: bool) {
    let next = if up { place.cursor.checked_sub(1) } else { Some(place.cursor + 1).filter(|next| *next < page.targets.len()) };
    let height = usize::from(regions.main.height).max(1);
    let in_sight = |item: usize| match page.rows_of(item) {
        Some((false, first, last)) => {
            if up {
                first + 1 >= place.scroll
            } else {
                first < place.scroll + height && (last <= place.scroll + height || last - first >= height)
            }
        }
        Some((true, ..)) => true,
        None => false,
    };
    match next {
        Some(next) if in_sight(next) => {
            place.cursor = next;
            *place = layout::reveal(regions, page, *place);
        }
        _ if up => place.scroll = place.scroll.saturating_sub(1),
        _ => place.scroll = place.scroll.saturating_add(1),
    }
}

/// Scrolls, and takes the selection along to the first (or last) item in sight.
fn by_rows(regions: &Regions, page: &Page, place: &mut Place, rows: usize, up: bool) {
    let old = place.scroll;
    place.scroll = if up { place.scroll.saturating_sub(rows) } else { place.scroll.saturating_add(rows) };
    *place = layout::clamp(regions, page, *place);
    let height = usize::from(regions.main.height);
    let in_sight: Vec<usize> = page.rows.iter().skip(place.scroll).take(height).filter_map(|row| row.item).collect();
    let is_at_end = place.scroll == old;
    let wanted = match (is_at_end, up) {
        (true, true) => Some(0),
        (true, false) => page.targets.len().checked_sub(1),
        (false, _) if in_sight.contains(&place.cursor) => None,
        (false, true) => in_sight.last().copied(),
        (false, false) => in_sight.first().copied(),
    };
    if let Some(wanted) = wanted {
        place.cursor = wanted;
        if is_at_end {
            *place = layout::reveal(regions, page, *place);
        }
    }
}

fn sideways(state: &mut State, action: Action) -> Vec<Effect> {
    let forward = matches!(action, Action::Right | Action::Next);
    match state.screen_mut() {
        Screen::Mend(mend) => walk::sideways(mend, forward),
        Screen::WhatIf(tryout) => tryout::sideways(tryout, forward),
        Screen::Answer { diagnosis, .. } => {
            let current = *diagnosis;
            let count = state.report().map_or(0, |report| report.diagnoses.len());
            let next = turn(current, count, forward);
            if let Screen::Answer { diagnosis, place } = state.screen_mut()
                && next != current
            {
                *diagnosis = next;
                *place = Place::default();
            }
        }
        Screen::Text(view) => {
            let current = view.source;
            let count = state.examination.as_ref().map_or(0, |examination| examination.evidence.texts.len());
            let next = turn(current, count, forward);
            if next != current {
                lines::open(state, next, None, true);
            }
        }
        Screen::Code(_) => tree::fold(state, forward),
        _ => {}
    }
    Vec::new()
}

fn turn(current: usize, count: usize, forward: bool) -> usize {
    match (count, forward) {
        (0, _) => current,
        (count, true) => (current + 1) % count,
        (count, false) => (current + count - 1) % count,
    }
}

/// The selected target.
fn selected(state: &State) -> Option<Target> {
    let page = page(state);
    page.targets.into_iter().nth(state.screen().place().cursor)
}

fn activate(state: &mut State) -> Vec<Effect> {
    match state.screen() {
        Screen::Open(_) => return input::enter(state),
        screen if screen.prompt().is_some() => return input::entered(state),
        Screen::Mend(_) => return walk::activate(state),
        Screen::Who(_) => return who::activate(state),
        Screen::Password(_) => return who::entered(state),
        Screen::Fix(_) | Screen::Proof { .. } | Screen::Save(_) => return Vec::new(),
        Screen::Text(_) => return Vec::new(),
        _ => {}
    }
    match selected(state) {
        Some(target) => take(state, target),
        None => Vec::new(),
    }
}

/// Does what a target stands for, outside the walk.
fn take(state: &mut State, target: Target) -> Vec<Effect> {
    match target {
        Target::Mend => return mend(state),
        Target::Tell => tell(state),
        Target::Proof(finding, proof) => show_proof(state, finding, proof),
        Target::Finding(finding) => push(state, Screen::Finding { finding, place: Place::default() }),
        Target::Diagnosis(diagnosis) => push(state, Screen::Answer { diagnosis, place: Place::default() }),
        Target::Collect(entry) if collect::is_runnable(state, entry) => return collect::open(state),
        Target::Fetch => return collect::open(state),
        Target::Report(report) => return collect::take_report(state, report),
        Target::Collect(_) | Target::Words(_) => return copy::copy(state, Action::Copy),
        Target::List => push(state, Screen::List { place: Place::default() }),
        Target::Lab(lab) => return cases::open_lab(state, lab),
        Target::OpenPath => return input::open(state, Purpose::Examine),
        Target::Paste => state.notice = Some("paste it now, with the terminal's own paste key".into()),
        Target::Interview => push(state, Screen::Interview { question: state.library.interview.start.clone(), place: Place::default() }),
        Target::Resume => push(state, Screen::Answer { diagnosis: 0, place: Place::default() }),
        Target::Reply(answer) => reply(state, answer),
        Target::Folder(_) => tree::fold_or_unfold(state),
        Target::Object(path) => push(state, Screen::Object { path, place: Place::default() }),
        Target::Word(word) => explain::open(state, word),
        Target::Switch(key) => return tryout::switch(state, &key),
        Target::Do(action) => {
            // Help is closed first: the action belongs to the screen below it.
            state.stack.pop();
            return act(state, action);
        }
        Target::Remedy(_) | Target::Command(_) | Target::Edit | Target::Check | Target::Line | Target::Entry(..) | Target::Sign(_) => {}
    }
    Vec::new()
}

fn current_diagnosis(state: &State) -> Option<usize> {
    match state.screen() {
        Screen::Answer { diagnosis, .. } | Screen::Tell { diagnosis, .. } => Some(*diagnosis),
        Screen::Explain { diagnosis, .. } => *diagnosis,
        Screen::Mend(mend) => Some(mend.diagnosis),
        _ => None,
    }
}

/// Opens the walk; for somebody else's app, what to tell them.
fn mend(state: &mut State) -> Vec<Effect> {
    let Some((index, diagnosis)) = current_diagnosis(state).and_then(|index| Some((index, state.report()?.diagnoses.get(index)?))) else {
        return Vec::new();
    };
    if !can_mend(state) {
        state.notice = Some("signature and entitlements cannot mend this".into());
        return Vec::new();
    }
    if diagnosis.mended_by == "other-developer" {
        tell(state);
        return Vec::new();
    }
    let is_first = |remedy: &crate::report::Remedy| remedy.applies && remedy.least;
    let cursor =
        diagnosis.remedies.iter().position(is_first).or_else(|| diagnosis.remedies.iter().position(|remedy| remedy.applies)).unwrap_or(0);
    let place = Place { cursor, ..Place::default() };
    let mend = Mend {
        diagnosis: index,
        remedy: cursor,
        stage: Stage::Remedy,
        planning: super::state::Planning::Open,
        outcomes: Vec::new(),
        paste: Vec::new(),
        place,
    };
    push(state, Screen::Mend(Box::new(mend)));
    reveal(state, cursor);
    Vec::new()
}

fn tell(state: &mut State) {
    if let Some(diagnosis) = current_diagnosis(state) {
        push(state, Screen::Tell { diagnosis, place: Place::default() });
    }
}

fn reply(state: &mut State, answer: usize) {
    let Screen::Interview { question, .. } = state.screen() else { return };
    let question = state.library.interview.questions.iter().find(|other| other.id == *question);
    let Some(answer) = question.and_then(|question| question.answers.get(answer)) else { return };
    if let Some(scenario) = &answer.scenario {
        explain::open(state, scenario.clone());
    } else if let Some(next) = &answer.next {
        push(state, Screen::Interview { question: next.clone(), place: Place::default() });
    }
}

/// Opens the selected proof, or the first.
fn open_proof(state: &mut State) -> Vec<Effect> {
    let first = page(state).targets.into_iter().find(|target| matches!(target, Target::Proof(..)));
    let wanted = selected(state).filter(|target| matches!(target, Target::Proof(..))).or(first);
    match wanted {
        Some(Target::Proof(finding, proof)) => show_proof(state, finding, proof),
        _ => state.notice = Some("there is no proof to open".into()),
    }
    Vec::new()
}

/// A proof where it stands: the line of a text, the file of code, or else the finding.
fn show_proof(state: &mut State, finding: usize, proof: usize) {
    let Some(examination) = state.examination.clone() else { return };
    let Some(proof) = examination.report.findings.get(finding).and_then(|finding| finding.proof.get(proof)) else { return };
    let text = examination.evidence.texts.iter().position(|text| text.source == proof.source);
    if let Some(source) = text {
        lines::open(state, source, proof.line.map(|line| u64::from(line.saturating_sub(1))), false);
    } else if examination.report.code.iter().any(|code| code.path == proof.source) && !matches!(state.screen(), Screen::Finding { .. }) {
        push(state, Screen::Finding { finding, place: Place::default() });
    } else if examination.report.code.iter().any(|code| code.path == proof.source) {
        push(state, Screen::Object { path: proof.source.clone(), place: Place::default() });
    } else {
        push(state, Screen::Finding { finding, place: Place::default() });
    }
}

/// The text with the first proof of the diagnosis, at that line.
fn show_text(state: &mut State) {
    let Some(examination) = state.examination.clone() else { return };
    if examination.evidence.texts.is_empty() {
        state.notice = Some("no report or log was given; paste one, or open one (O)".into());
        return;
    }
    let report = &examination.report;
    let diagnosis = current_diagnosis(state).unwrap_or(0);
    let proofs = report.diagnoses.get(diagnosis).map(|diagnosis| view::proofs(report, diagnosis)).unwrap_or_default();
    let place = proofs.into_iter().find_map(|(finding, proof)| {
        let proof = report.findings.get(finding)?.proof.get(proof)?;
        let source = examination.evidence.texts.iter().position(|text| text.source == proof.source)?;
        Some((source, u64::from(proof.line?.saturating_sub(1))))
    });
    match place {
        Some((source, line)) => lines::open(state, source, Some(line), false),
        None => lines::open(state, 0, None, false),
    }
}

fn loads(state: &mut State) {
    if let Some(Target::Object(path)) = selected(state) {
        push(state, Screen::Object { path: path.clone(), place: Place::default() });
        let regions = regions(state);
        let page = view::page(state, &regions);
        // To the first load: the loads stand last on the page.
        let heading = page.rows.iter().position(|row| {
            let text: String = row.line.spans.iter().map(|span| span.content.as_ref()).collect();
            text == "What it loads" || text == "What loads it"
        });
        match heading {
            Some(row) => {
                if let Some(place) = state.screen_mut().place_mut() {
                    place.scroll = row;
                    let below = page.rows.iter().skip(row).find_map(|row| row.item);
                    place.cursor = below.unwrap_or(place.cursor);
                }
            }
            None => state.notice = Some("no loads are known of it".into()),
        }
    }
}

/// The next place of a search; without one the next decisive line or faulty object.
fn find_again(state: &mut State, backwards: bool) -> Vec<Effect> {
    match state.screen() {
        Screen::Text(_) => lines::find_again(state, backwards),
        Screen::Code(tree) => {
            let (find, cursor) = (tree.find.to_lowercase(), tree.place.cursor);
            tree::find_in_tree(state, &find, cursor, backwards);
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// Selects an item and brings it into sight.
fn reveal(state: &mut State, item: usize) {
    let regions = regions(state);
    let page = view::page(state, &regions);
    if let Some(place) = state.screen_mut().place_mut() {
        place.cursor = item;
        *place = layout::reveal(&regions, &page, *place);
    }
}

/// A job failed. Which one decides where that is said.
fn failed(state: &mut State, job: JobId, why: String) -> Vec<Effect> {
    if state.running.as_ref().is_some_and(|running| running.job == job) {
        return cases::failed(state, why);
    }
    if tryout::failed(state, job) {
        state.notice = Some(why);
        return Vec::new();
    }
    if collect::failed(state, job, &why)
        || fixing::failed(state, job, &why)
        || undo::failed(state, job, &why)
        || who::failed(state, job, &why)
        || save::failed(state, job, &why)
        || lines::failed(state, job, &why)
    {
        return Vec::new();
    }
    if !run::failed(state, job, &why) {
        walk::failed(state, job, why);
    }
    Vec::new()
}

/// Takes the answer as the new case: the start screen, the answer, and help if it was being read.
fn show_answer(state: &mut State, examination: Arc<Examination>) {
    let help = matches!(state.screen(), Screen::Help { .. }).then(|| state.stack.pop()).flatten();
    state.windows = vec![super::state::Window::default(); examination.evidence.texts.len()];
    state.examination = Some(examination);
    state.stack.truncate(1);
    push(state, Screen::Answer { diagnosis: 0, place: Place::default() });
    state.stack.extend(help);
}

/// A view of a text.
fn text_view(source: usize, line: u64) -> Screen {
    Screen::Text(TextView { source, line, top: line.saturating_sub(4), ..TextView::default() })
}
