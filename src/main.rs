//! Arguments → face → exit status.

use std::io::{self, IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use temper::cli::args::{self, Asked, Color, Format, Subject, Theme};
use temper::cli::text::Look;
use temper::scan::Request;
use temper::system::System;
use temper::system::disk::RealSystem;
use temper::tui;
use temper::{clean, cli};

/// Temper failed, or was called wrongly.
const FAILED: u8 = 2;
/// Lines longer than this are hard to read, however wide the terminal is.
const WIDEST: usize = 100;
/// Columns when there is no terminal to ask.
const PIPE: usize = 80;

fn main() -> ExitCode {
    let asked = match args::parse(std::env::args_os()) {
        Ok(asked) => asked,
        Err(shown) if !shown.use_stderr() => return ended(shown.print().map(|()| 0).map_err(Into::into)),
        Err(error) => return failed(&args::one_line(&error)),
    };
    match catch_unwind(AssertUnwindSafe(|| face(asked))) {
        Ok(outcome) => ended(outcome),
        Err(_) => {
            failed("Temper itself went wrong; this says nothing about your app. Please report the lines above with the command you used")
        }
    }
}

fn face(asked: Asked) -> anyhow::Result<u8> {
    let system: Arc<dyn System> = Arc::new(RealSystem);
    match asked {
        Asked::Open(subject, theme) if io::stdout().is_terminal() => {
            let request = if subject.is_empty() { None } else { Some(cli::request(&*system, &subject)?) };
            face_tui(request, theme, system)
        }
        Asked::Open(subject, _) => face_text(&*system, &subject, Format::Text, Color::Auto),
        Asked::Check(subject, format, color) => face_text(&*system, &subject, format, color),
        Asked::Minimize(args) => answer(cli::minimize::minimize(&*system, &args)?),
        Asked::Explain(ask, color) => {
            let answer = cli::explain::answer(&ask, look(color))?;
            io::stdout().lock().write_all(answer.text.as_bytes())?;
            answer.misses.iter().for_each(|miss| complain(miss));
            Ok(answer.status())
        }
        Asked::Plan(subject, options) => answer(cli::plan::plan(&*system, &subject, &options, look(Color::Auto))?),
        Asked::Fix(subject, options) => answer(cli::fix::fix(&*system, &subject, &options, look(Color::Auto), &tell)?),
        Asked::Undo(path) => answer(cli::undo::undo(&*system, &path)?),
        Asked::Verify(subject, options) => {
            let said = cli::verify::verify(&*system, &cli::request(&*system, &subject)?, options)?;
            // The paths in it come from the app.
            said.text.lines().try_for_each(|line| writeln!(io::stderr(), "{}", clean::clean(line)))?;
            Ok(said.status)
        }
        Asked::Watch(subject, format, color) => cli::watch::watch(&*system, &subject, format, look(color), &mut io::stdout().lock()),
        Asked::Run(asked) => face_run(&*system, &asked),
        Asked::Display(subject, options) => answer(cli::display::display(&*system, &cli::request(&*system, &subject)?, options)?),
        Asked::Lint(files, format) => {
            let (said, failures) = cli::lint::lint(&*system, &files, format)?;
            failures.iter().for_each(|why| complain(&format!("error: {why}")));
            answer(said)
        }
    }
}

fn face_run(system: &dyn System, asked: &cli::run::Asked) -> anyhow::Result<u8> {
    let (out, error) = (io::stdout(), io::stderr());
    let mut read = || {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    };
    let can_ask = io::stdin().is_terminal() && error.is_terminal();
    let streams = cli::run::Streams {
        out_is_terminal: out.is_terminal(),
        error_is_terminal: error.is_terminal(),
        out: &mut out.lock(),
        error: &mut error.lock(),
        ask: if can_ask { Some(&mut read) } else { None },
    };
    cli::run::run(system, asked, look(asked.color), streams)
}

fn answer(answer: cli::Answer) -> anyhow::Result<u8> {
    let mut out = io::stdout().lock();
    out.write_all(answer.text.as_bytes())?;
    out.flush()?;
    Ok(answer.status)
}

fn face_tui(request: Option<Request>, theme: Theme, system: Arc<dyn System>) -> anyhow::Result<u8> {
    let theme = match theme {
        Theme::Auto => tui::theme::Choice::Auto,
        Theme::Light => tui::theme::Choice::Light,
        Theme::Dark => tui::theme::Choice::Dark,
        Theme::None => tui::theme::Choice::None,
    };
    tui::run(tui::Options { request, theme, system })?;
    Ok(0)
}

fn face_text(system: &dyn System, subject: &Subject, format: Format, color: Color) -> anyhow::Result<u8> {
    let look = look(color);
    let (mut request, story) = match subject.is_empty() {
        true => cli::practice(system).map(|(request, story)| (request, Some(story)))?,
        false => (cli::request(system, subject)?, None),
    };
    if subject.collect {
        cli::collect::gather(system, &mut request, &tell)?;
    }
    let answer = cli::check(system, &request, format, look, subject.save_case.as_deref())?;
    let story = story.map(|story| cli::text::paragraph(&story, look)).unwrap_or_default();
    io::stdout().lock().write_all(story.as_bytes())?;
    self::answer(answer)
}

fn look(color: Color) -> Look {
    Look { width: width(), color: colored(color) }
}

fn width() -> usize {
    let asked = io::stdout().is_terminal().then(|| crossterm::terminal::size().ok()).flatten();
    asked.map_or(PIPE, |(columns, _)| usize::from(columns).clamp(40, WIDEST))
}

fn colored(color: Color) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
    }
}

/// A reader that went away (`temper check … | head`) is no failure.
fn ended(outcome: anyhow::Result<u8>) -> ExitCode {
    let broken_pipe =
        |error: &anyhow::Error| error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
    match outcome {
        Ok(status) => ExitCode::from(status),
        Err(error) if broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => failed(&format!("{error:#}")),
    }
}

fn failed(why: &str) -> ExitCode {
    complain(&format!("error: {why}"));
    ExitCode::from(FAILED)
}

/// A line on standard error while something is done.
fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{}", clean::clean(line));
}

fn complain(what: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(io::stderr(), "temper: {}", clean::clean(what));
}
