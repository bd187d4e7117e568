//! The terminal itself: set up, restored on every way out, suspended, drawn on; and the threads that wait for input and signals.

use super::state::{Msg, Signal, State};
use super::view;
use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::Show;
use crossterm::event::{self, DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture, Event};
use crossterm::execute;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use nix::sys::signal::{SigSet, Signal as Number};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use std::io::{self, Stdout, stdout};
use std::mem::ManuallyDrop;
use std::sync::mpsc::Sender;

/// The terminal in raw mode. Dropping it restores it.
pub struct Terminal {
    /// Never dropped: ratatui's own drop prints to standard error when the cursor cannot be shown, and that print panics when the terminal is gone.
    inner: ManuallyDrop<ratatui::Terminal<CrosstermBackend<Stdout>>>,
}

impl Terminal {
    /// Sets the terminal up, and the panic hook for this thread.
    pub fn open() -> io::Result<Self> {
        restore_on_panic();
        set_up()?;
        let inner = ratatui::Terminal::new(CrosstermBackend::new(stdout())).inspect_err(|_| restore())?;
        let mut terminal = Self { inner: ManuallyDrop::new(inner) };
        terminal.clear()?;
        Ok(terminal)
    }

    /// Columns and rows.
    pub fn size(&self) -> io::Result<(u16, u16)> {
        let size = self.inner.size()?;
        Ok((size.width, size.height))
    }

    /// Draws the state, in one update of the terminal.
    pub fn draw(&mut self, state: &State) -> io::Result<()> {
        execute!(stdout(), BeginSynchronizedUpdate)?;
        let drawn = self.inner.draw(|frame| view::draw(state, frame)).map(drop);
        execute!(stdout(), EndSynchronizedUpdate)?;
        drawn
    }

    /// Empties the screen and paints everything anew next time. By way of `resize`: ratatui's own `clear` asks the terminal where its cursor stands, and
    /// the answer would go to the thread that waits for keys.
    pub fn clear(&mut self) -> io::Result<()> {
        let size = self.inner.size()?;
        self.inner.resize(Rect { x: 0, y: 0, width: size.width, height: size.height })
    }

    /// Puts text into the clipboard by OSC 52. Whether the terminal takes it cannot be known.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        execute!(stdout(), CopyToClipboard::to_clipboard_from(text))
    }

    /// Gives the terminal back, stops this process, and takes the terminal again when it is continued.
    pub fn suspend(&mut self) -> io::Result<()> {
        restore();
        // SIGTSTP is blocked (a thread waits for it), so the stop is SIGSTOP; a shell's job control treats them alike.
        nix::sys::signal::raise(Number::SIGSTOP).map_err(io::Error::from)?;
        set_up()?;
        self.clear()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Nothing is written when there is no terminal; what was done is undone when the rest fails.
fn set_up() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(stdout(), EnterAlternateScreen, EnableMouseCapture, EnableBracketedPaste).inspect_err(|_| restore())
}

/// Gives the terminal back. Errors are of no use here: the terminal may be gone.
fn restore() {
    drop(execute!(stdout(), EndSynchronizedUpdate, DisableBracketedPaste, DisableMouseCapture, LeaveAlternateScreen, Show));
    drop(disable_raw_mode());
}

/// A panic of this thread restores the terminal and is reported as usual. One of a job is caught by its worker: its report would only paint over the screen.
fn restore_on_panic() {
    let screen_thread = std::thread::current().id();
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() == screen_thread {
            restore();
            report(panic);
        }
    }));
}

/// Starts the thread that waits for keys, mouse, pastes and sizes.
pub fn watch_input(out: Sender<Msg>) {
    std::thread::spawn(move || {
        loop {
            let message = match event::read() {
                Ok(Event::Key(key)) => Msg::Key(key),
                Ok(Event::Mouse(mouse)) => Msg::Mouse(mouse),
                Ok(Event::Paste(text)) => Msg::Paste(text),
                Ok(Event::Resize(columns, rows)) => Msg::Resize(columns, rows),
                Ok(Event::FocusGained | Event::FocusLost) => continue,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => Msg::InputEnded,
            };
            let is_end = matches!(message, Msg::InputEnded);
            if out.send(message).is_err() || is_end {
                return;
            }
        }
    });
}

/// Blocks the signals that matter and starts the thread that waits for them.
pub fn watch_signals(out: Sender<Msg>) -> io::Result<()> {
    let mut signals = SigSet::empty();
    for signal in [Number::SIGTERM, Number::SIGHUP, Number::SIGINT, Number::SIGQUIT, Number::SIGTSTP] {
        signals.add(signal);
    }
    signals.thread_block().map_err(io::Error::from)?;
    std::thread::spawn(move || {
        while let Ok(signal) = signals.wait() {
            let message = if signal == Number::SIGTSTP { Signal::Suspend } else { Signal::Terminate };
            if out.send(Msg::Signal(message)).is_err() {
                return;
            }
        }
    });
    Ok(())
}
