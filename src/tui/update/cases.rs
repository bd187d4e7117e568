//! Cases: opening, examining, examining again, pasting, stopping.

use super::super::state::{Effect, JobId, Place, Running, Screen, State};
use super::super::words;
use super::{collect, push, show_answer};
use crate::Examination;
use crate::report::delta;
use crate::scan::{Progress, Request};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Pasted texts kept, and bytes of one: a paste is held in memory.
const MOST_PASTED: usize = 16;
const LARGEST_PASTE: usize = 16 << 20;

/// The first effects: examine what was asked for, or open the first practice app.
pub fn begin(state: &mut State, request: Option<Request>) -> Vec<Effect> {
    match request {
        Some(request) => examine(state, request, false),
        None => open_lab(state, 0),
    }
}

/// Starts an examination; one that runs is stopped.
pub fn examine(state: &mut State, request: Request, again: bool) -> Vec<Effect> {
    let name = match (&request.path, request.texts.first(), request.pasted.first()) {
        (Some(path), _, _) | (None, Some(path), _) => file_name(path),
        (None, None, Some((name, _))) => name.clone(),
        (None, None, None) => "nothing".into(),
    };
    let request = Arc::new(request);
    let lab = state.lab.filter(|_| is_same_target(state, &request));
    let (job, mut effects) = start(state, name, again, lab, Some(Arc::clone(&request)));
    effects.push(Effect::Examine(job, request));
    effects
}

fn is_same_target(state: &State, request: &Request) -> bool {
    state.request.as_ref().is_some_and(|old| old.path.is_some() && old.path == request.path)
}

/// Opens a practice app.
pub fn open_lab(state: &mut State, lab: usize) -> Vec<Effect> {
    let Some(name) = state.library.labs.get(lab).map(|lab| lab.bundle.to_owned()) else { return Vec::new() };
    let (job, mut effects) = start(state, name, false, Some(lab), None);
    effects.push(Effect::OpenLab(job, lab));
    effects
}

fn start(state: &mut State, name: String, again: bool, lab: Option<usize>, request: Option<Arc<Request>>) -> (JobId, Vec<Effect>) {
    let stopped = state.running.take().map(|running| Effect::Cancel(running.job));
    let job = state.job();
    state.running = Some(Running { job, name, again, lab, request, progress: Progress::default() });
    if !state.stack.iter().any(|screen| matches!(screen, Screen::Progress { .. })) {
        push(state, Screen::Progress { place: Place::default() });
    }
    (job, stopped.into_iter().collect())
}

/// A practice app is there; its examination goes on under the same number.
pub fn unpacked(state: &mut State, job: JobId, request: Request) -> Vec<Effect> {
    if let Some(running) = state.running.as_mut().filter(|running| running.job == job) {
        running.request = Some(Arc::new(request));
    }
    Vec::new()
}

/// An examination ended; a stale one changes nothing.
pub fn examined(state: &mut State, job: JobId, examination: Arc<Examination>) -> Vec<Effect> {
    let Some(running) = state.running.take_if(|running| running.job == job) else { return Vec::new() };
    state.before = state.examination.take().filter(|_| running.again);
    state.lab = running.lab;
    state.request = running.request;
    // Another target is not the one that is watched.
    let stopped = if running.again { None } else { state.watch.take() };
    let changed = state.changed.take().filter(|_| running.again);
    if let (Some(what), Some(before)) = (changed, &state.before) {
        let lines = delta::between(&before.report, &examination.report).lines();
        state.notice = Some(format!("{}: {}", words::clean(&what), words::clean(&lines.join("; "))));
    }
    let abandoned = collect::abandoned(state);
    show_answer(state, examination);
    stopped.map(Effect::Cancel).into_iter().chain(abandoned).chain(collect::look(state)).collect()
}

/// Watches the target and its files, or stops that.
pub fn watch(state: &mut State) -> Vec<Effect> {
    if let Some(job) = state.watch.take() {
        state.notice = Some("not watching any more".into());
        return vec![Effect::Cancel(job)];
    }
    let Some(request) = state.request.clone() else { return Vec::new() };
    let files: Vec<PathBuf> = request.path.iter().chain(request.texts.iter().filter(|path| *path != Path::new("-"))).cloned().collect();
    if files.is_empty() {
        state.notice = Some("there is no file to watch".into());
        return Vec::new();
    }
    let job = state.job();
    state.watch = Some(job);
    state.notice = Some("watching: a rebuild is examined as soon as it is quiet; w stops".into());
    vec![Effect::Watch(job, files)]
}

/// What is watched changed. Where something is typed or written nothing is taken from under the user's hands.
pub fn changed(state: &mut State, job: JobId, what: String) -> Vec<Effect> {
    if state.watch != Some(job) {
        return Vec::new();
    }
    let is_at_work = |screen: &Screen| {
        matches!(screen, Screen::Mend(_) | Screen::Open(_) | Screen::Run(_) | Screen::Fix(_) | Screen::Proof { .. } | Screen::Collect(_))
    };
    if state.stack.iter().any(is_at_work) || state.screen().prompt().is_some() {
        state.notice = Some(format!("{}; r on the answer examines it", words::clean(&what)));
        return Vec::new();
    }
    state.changed = Some(what);
    check_again(state)
}

/// An examination failed; what was there before stays below.
pub fn failed(state: &mut State, why: String) -> Vec<Effect> {
    let Some(running) = state.running.take() else { return Vec::new() };
    state.stack.retain(|screen| !matches!(screen, Screen::Progress { .. }));
    push(state, Screen::Failure { what: running.name, why, place: Place::default() });
    Vec::new()
}

/// Stops the examination and keeps what is there.
pub fn cancel(state: &mut State) -> Vec<Effect> {
    state.stack.retain(|screen| !matches!(screen, Screen::Progress { .. }));
    state.screen_mut();
    match state.running.take() {
        Some(running) => {
            state.notice = Some(format!("stopped examining {}", super::super::words::clean(&running.name)));
            vec![Effect::Cancel(running.job)]
        }
        None => Vec::new(),
    }
}

/// Examines the same again.
pub fn check_again(state: &mut State) -> Vec<Effect> {
    match state.request.as_deref().cloned() {
        Some(request) => examine(state, request, true),
        None => Vec::new(),
    }
}

/// A paste is a path (a file dragged into the window), text for an open line, or evidence.
pub fn paste(state: &mut State, text: &str) -> Vec<Effect> {
    if super::fixing::is_busy(state) {
        state.notice = Some("not while a fix is being done".into());
        return Vec::new();
    }
    if let Some(effects) = super::who::pasted(state, text) {
        return effects;
    }
    if super::input::pasted(state, text) {
        return super::input::list(state);
    }
    if text.trim().is_empty() {
        return Vec::new();
    }
    if let Some(path) = dragged(text) {
        let effects = super::input::open(state, super::super::state::Purpose::Examine);
        super::input::set(state, &path);
        return if effects.is_empty() { effects } else { super::input::list(state) };
    }
    if text.len() > LARGEST_PASTE {
        state.notice = Some("that paste is too large; save it to a file and open that (O)".into());
        return Vec::new();
    }
    let mut request = current_request(state);
    if request.pasted.len() >= MOST_PASTED {
        state.notice = Some("that many pastes are kept at most; open files instead (O)".into());
        return Vec::new();
    }
    let number = (1..).find(|number| request.pasted.iter().all(|(name, _)| *name != paste_name(*number))).unwrap_or(1);
    // A terminal sends the line breaks of a paste as carriage returns.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    request.pasted.push((paste_name(number), text.into_bytes()));
    state.notice = Some(format!("taken as evidence: {}", paste_name(number)));
    examine(state, request, false)
}

fn paste_name(number: usize) -> String {
    if number == 1 { "pasted".into() } else { format!("pasted {number}") }
}

/// The request that evidence is added to: the one that runs, else the last one.
fn current_request(state: &State) -> Request {
    let running = state.running.as_ref().and_then(|running| running.request.as_deref());
    running.or(state.request.as_deref()).cloned().unwrap_or_default()
}

/// A single line that is an absolute path, as a terminal pastes a dragged file: bare, quoted or with backslashes.
fn dragged(text: &str) -> Option<String> {
    let line = text.trim();
    let is_quoted = line.len() > 2 && line.starts_with('\'') && line.ends_with('\'');
    let path = if is_quoted { line.trim_matches('\'').to_owned() } else { unescape(line) };
    let looks_like_a_path =
        path.starts_with('/') && !line.contains('\n') && !line.contains('\r') && line.len() < 1024 && !path.contains(": ");
    looks_like_a_path.then_some(path)
}

fn unescape(line: &str) -> String {
    let mut out = String::new();
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        out.extend(if c == '\\' { characters.next() } else { Some(c) });
    }
    out
}

/// Examines a path: a report or log is added to the case, anything else is a new case with the same options.
pub fn open_path(state: &mut State, path: PathBuf) -> Vec<Effect> {
    let mut request = if state.lab.is_some() && !is_evidence(&path) { Request::default() } else { current_request(state) };
    if is_evidence(&path) {
        if !request.texts.contains(&path) {
            request.texts.push(path);
        }
    } else {
        request = Request { path: Some(path), texts: Vec::new(), pasted: Vec::new(), project: None, ..request };
    }
    examine(state, request, false)
}

/// By its ending: what a text is, is decided by the scan; here only that it is a text.
fn is_evidence(path: &Path) -> bool {
    let endings = ["ips", "crash", "log", "txt", "json", "entitlements", "out", "err", "panic", "logarchive"];
    path.extension().is_some_and(|extension| endings.iter().any(|ending| extension.eq_ignore_ascii_case(ending)))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dragged_file_is_a_path_and_a_log_line_is_not() {
        assert_eq!(dragged("/Users/me/My\\ App.app ").as_deref(), Some("/Users/me/My App.app"));
        assert_eq!(dragged("'/Users/me/My App.app'").as_deref(), Some("/Users/me/My App.app"));
        assert_eq!(dragged("/usr/bin/codesign: error"), None);
        assert_eq!(dragged("dyld: Library not loaded"), None);
    }

    #[test]
    fn reports_are_told_from_apps_by_their_ending() {
        assert!(is_evidence(Path::new("a/App-2026.IPS")));
        assert!(!is_evidence(Path::new("a/App.app")));
        assert!(!is_evidence(Path::new("a/tool")));
    }
}
