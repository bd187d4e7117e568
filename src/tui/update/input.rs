//! Lines of input: the path prompt, find and filter.

use super::super::page::Target;
use super::super::state::{Effect, Open, Place, Prompt, PromptKind, Purpose, Screen, State};
use super::super::view;
use super::tree::find_in_tree;
use super::{cases, lines, push, run, save, selected, walk, who};
use crate::system::EntryKind;
use crossterm::event::{Event, KeyEvent};
use std::path::{Path, PathBuf};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

/// Longest line that is taken.
const LONGEST: usize = 4096;

/// Opens the path prompt.
pub fn open(state: &mut State, purpose: Purpose) -> Vec<Effect> {
    if !matches!(state.screen(), Screen::Open(_)) {
        push(state, Screen::Open(Box::new(Open { purpose, input: Input::default(), listing: None, place: Place::default() })));
    }
    list(state)
}

/// Fills the line of the path prompt.
pub fn set(state: &mut State, text: &str) {
    if let Screen::Open(open) = state.screen_mut() {
        open.input = Input::new(text.to_owned());
        open.place = Place::default();
    }
}

/// Asks for the folder of what is typed, when it is not the one that is listed.
pub fn list(state: &State) -> Vec<Effect> {
    let Screen::Open(open) = state.screen() else { return Vec::new() };
    let folder = folder(state, open.input.value());
    match &open.listing {
        Some((listed, _)) if *listed == folder => Vec::new(),
        _ => vec![Effect::List(folder)],
    }
}

/// The folder of a typed path; `.` for a bare name.
fn folder(state: &State, typed: &str) -> PathBuf {
    match typed.rsplit_once('/') {
        Some(("", _)) => PathBuf::from("/"),
        Some((folder, _)) => expand(state, folder),
        None => PathBuf::from("."),
    }
}

/// `~` is the home folder.
fn expand(state: &State, typed: &str) -> PathBuf {
    match (typed.strip_prefix('~'), &state.home) {
        (Some(""), Some(home)) => home.clone(),
        (Some(rest), Some(home)) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(typed),
    }
}

/// A folder was listed; kept if the prompt still wants it.
pub fn listed(state: &mut State, listed: PathBuf, entries: Vec<(PathBuf, EntryKind)>) -> Vec<Effect> {
    let Screen::Open(open) = state.screen() else { return Vec::new() };
    if folder(state, open.input.value()) != listed {
        return Vec::new();
    }
    if let Screen::Open(open) = state.screen_mut() {
        open.listing = Some((listed, entries));
    }
    Vec::new()
}

/// A key for the open line.
pub fn typed(state: &mut State, event: &KeyEvent) -> Vec<Effect> {
    let event = Event::Key(*event);
    match state.screen_mut() {
        Screen::Open(open) => {
            if open.input.value().len() < LONGEST {
                open.input.handle_event(&event);
            } else {
                open.input = Input::default();
            }
            open.place = Place::default();
            list(state)
        }
        screen => {
            if let Some(Some(prompt)) = screen.prompt_mut()
                && prompt.input.value().len() < LONGEST
            {
                prompt.input.handle_event(&event);
            }
            Vec::new()
        }
    }
}

/// Takes pasted text into an open line; false when none is open.
pub fn pasted(state: &mut State, text: &str) -> bool {
    let line: String = text.lines().next().unwrap_or_default().chars().take(LONGEST).filter(|c| !c.is_control()).collect();
    let add = |input: &Input| Input::new(format!("{}{line}", input.value()));
    match state.screen_mut() {
        Screen::Open(open) => {
            // A dragged file is quoted for a shell; here its plain name is wanted.
            let plain = line.trim().trim_matches('\'').replace('\\', "");
            open.input = if open.input.value().is_empty() { Input::new(plain) } else { add(&open.input) };
            true
        }
        screen => match screen.prompt_mut() {
            Some(Some(prompt)) => {
                prompt.input = add(&prompt.input);
                true
            }
            _ => false,
        },
    }
}

/// Completes the path to what all shown entries share, or to the selected entry.
pub fn complete(state: &mut State) -> Vec<Effect> {
    let chosen = selected(state);
    let Screen::Open(open) = state.screen() else { return Vec::new() };
    let entries = view::shown_entries(open);
    let name = match (&chosen, entries.as_slice()) {
        (Some(Target::Entry(path, is_folder)), _) => name_of(path, *is_folder),
        (_, [(path, is_folder)]) => name_of(path, *is_folder),
        (_, several) => shared(several),
    };
    if name.is_empty() {
        return Vec::new();
    }
    let value = open.input.value();
    let before = value.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    set(state, &format!("{before}{name}"));
    list(state)
}

fn name_of(path: &Path, is_folder: bool) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    if is_folder { format!("{name}/") } else { name }
}

/// What all names begin with.
fn shared(entries: &[(PathBuf, bool)]) -> String {
    let mut names = entries.iter().map(|(path, _)| name_of(path, false));
    let Some(first) = names.next() else { return String::new() };
    names.fold(first, |shared, name| shared.chars().zip(name.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect())
}

/// Enter in the path prompt: into a selected folder, else the path is taken.
pub fn enter(state: &mut State) -> Vec<Effect> {
    let chosen = selected(state);
    if let Some(Target::Entry(_, true)) = chosen {
        return complete(state);
    }
    let Screen::Open(open) = state.screen() else { return Vec::new() };
    let purpose = open.purpose;
    let path = match chosen {
        Some(Target::Entry(path, _)) => path,
        _ if open.input.value().trim().is_empty() => {
            state.notice = Some("type a path, or choose an entry with ↓".into());
            return Vec::new();
        }
        _ => expand(state, open.input.value().trim()),
    };
    state.stack.pop();
    match purpose {
        Purpose::Examine => cases::open_path(state, path),
        Purpose::SignWith => who::named(state, path),
        Purpose::WriteTo(edit) => walk::write_to(state, edit, path),
        Purpose::SaveCase | Purpose::SaveProof => save::named(state, path, purpose == Purpose::SaveProof),
    }
}

/// Opens a line of input at the foot.
pub fn prompt(state: &mut State, kind: PromptKind) {
    let old = match (state.screen(), kind) {
        (Screen::Code(tree), PromptKind::Find) => tree.find.clone(),
        (Screen::Code(tree), PromptKind::Filter) => tree.filter.clone(),
        (Screen::Text(view), _) => view.find.clone(),
        _ => String::new(),
    };
    if let Some(prompt) = state.screen_mut().prompt_mut() {
        *prompt = Some(Prompt { kind, input: Input::new(old) });
    }
}

/// Enter in a line at the foot.
pub fn entered(state: &mut State) -> Vec<Effect> {
    let Some(prompt) = state.screen_mut().prompt_mut().and_then(Option::take) else { return Vec::new() };
    let text = prompt.input.value().to_owned();
    match state.screen_mut() {
        Screen::Run(_) => run::edited(state, prompt),
        Screen::Text(view) => {
            view.find = text;
            let is_empty = view.find.is_empty();
            if is_empty { Vec::new() } else { lines::find_again(state, false) }
        }
        Screen::Code(tree) => {
            let cursor = tree.place.cursor;
            match prompt.kind {
                PromptKind::Filter => tree.filter = text,
                PromptKind::Find => {
                    tree.find = text;
                    let find = tree.find.to_lowercase();
                    if !find.is_empty() {
                        find_in_tree(state, &find, cursor, false);
                    }
                }
                PromptKind::Arguments => {}
            }
            Vec::new()
        }
        _ => Vec::new(),
    }
}
