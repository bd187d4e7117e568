//! The terminal face.
//!
//! ```text
//! keys, mouse, pastes, signals ─┐
//!                               ├─▶ Msg ─▶ update(&mut State) ─▶ Effect ─▶ worker ─▶ Msg …
//! answers of jobs ──────────────┘                │
//!                                                └─▶ draw(&State)   after messages, never on a timer
//! ```
//!
//! `update`, `layout`, `keymap` and `view` are pure. It decides nothing: what it shows, the report says.

pub mod keymap;
pub mod layout;
mod lines;
pub mod page;
mod screen;
pub mod state;
pub mod theme;
pub mod update;
pub mod view;
mod words;
mod worker;

#[cfg(test)]
mod sample;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use crate::scan::Request;
use crate::system::System;
use anyhow::Context as _;
use screen::Terminal;
use state::{Effect, Library, Msg, State};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};

/// Messages taken before the screen is drawn again: progress of a fast scan must not delay a key, nor be drawn piece by piece.
const MOST_AT_ONCE: usize = 1_000;

/// What the face starts with.
#[derive(Clone)]
pub struct Options {
    /// What to examine; `None` opens the first practice app.
    pub request: Option<Request>,
    /// Colours.
    pub theme: theme::Choice,
    /// The machine.
    pub system: Arc<dyn System>,
}

/// Runs until the user leaves. An error only when the terminal cannot be used.
pub fn run(options: Options) -> anyhow::Result<()> {
    let theme = theme::Theme::decide(options.theme, &*options.system);
    let library = Library { scenarios: crate::scenario::all(), interview: crate::scenario::interview(), labs: crate::lab::all() };
    let home = options.system.variable("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let (out, messages) = mpsc::channel();
    // Before any other thread: signals are blocked in every thread that is started from here on, and one thread waits for them.
    screen::watch_signals(out.clone())?;
    let mut terminal = Terminal::open().context("there is no terminal to draw on")?;
    screen::watch_input(out.clone());
    let mut worker = worker::Worker::new(Arc::clone(&options.system), library.labs, out);
    let mut state = State::new(terminal.size()?, theme, library, home);
    state.log = crate::collect::program(&*options.system);
    let effects = update::begin(&mut state, options.request);
    let outcome = run_loop(&*options.system, &mut terminal, &mut worker, &mut state, &messages, effects);
    worker.end();
    drop(terminal);
    match update::left_behind(&state) {
        Some(why) => anyhow::bail!(why),
        None => outcome,
    }
}

fn run_loop(
    system: &dyn System,
    terminal: &mut Terminal,
    worker: &mut worker::Worker,
    state: &mut State,
    messages: &Receiver<Msg>,
    first: Vec<Effect>,
) -> anyhow::Result<()> {
    let mut effects = first;
    loop {
        for effect in effects.drain(..) {
            match effect {
                Effect::Quit => return Ok(()),
                Effect::Suspend => {
                    terminal.suspend()?;
                    state.size = terminal.size()?;
                }
                Effect::Redraw => terminal.clear()?,
                Effect::Copy(text) => {
                    // Where the system has no clipboard of its own, or it fails, the terminal's own way is left.
                    let by_system = system.copy(&text).unwrap_or(false);
                    if !by_system {
                        terminal.copy(&text)?;
                    }
                    update::copied(state, &text, by_system);
                }
                effect => worker.start(effect),
            }
        }
        if let Err(error) = terminal.draw(state)
            && !state.leaving
        {
            // The terminal is gone: a fix in hand is taken back first.
            effects.extend(update::update(state, Msg::InputEnded));
            if !state.leaving {
                return Err(error.into());
            }
            continue;
        }
        // The sender lives in the threads that wait for input and signals, so this fails only when both have ended.
        let Ok(message) = messages.recv() else { return Ok(()) };
        effects.extend(update::update(state, message));
        for message in messages.try_iter().take(MOST_AT_ONCE) {
            effects.extend(update::update(state, message));
            if effects.iter().any(|effect| matches!(effect, Effect::Quit | Effect::Suspend)) {
                break;
            }
        }
    }
}
