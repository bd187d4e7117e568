//! `temper run`: says what it will start, asks, starts it, passes its output on, and reports why it broke.

use super::args::{self, Color, Format, Subject, SubjectArgs};
use super::text::Look;
use crate::clean;
use crate::evidence::Evidence;
use crate::read::macho::Arch;
use crate::run::{self, Order, Prepared, Ran};
use crate::system::System;
use crate::system::launch::Control;
use anyhow::{Context, bail};
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub(super) const EXAMPLES: &str = "\
Examples:
  temper run MyApp.app                         start it, and say why it broke
  temper run MyApp.app --limit 10 -- --open file.txt
  temper run MyApp.app --env DYLD_PRINT_LIBRARIES=1
  temper run MyApp.app --yes --format json | jq .verdict";

/// Longest time a program may be given, in seconds: a day.
const LONGEST: u64 = 86_400;
/// Arguments of `temper run`.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    /// Set a variable for the program. May be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
    /// Keep back the DYLD_ variables of this environment (those of --env are given all the same)
    #[arg(long)]
    without_dyld: bool,
    /// How long it may run; then it is stopped and what it did so far is judged
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=LONGEST))]
    limit: u64,
    /// Start it without asking
    #[arg(long)]
    yes: bool,
    /// Folder in which crash reports appear [default on a Mac: ~/Library/Logs/DiagnosticReports]
    #[arg(long, value_name = "DIR")]
    reports_dir: Option<PathBuf>,
    /// Form of the report; with json the program's own output goes to standard error
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Text)]
    format: Format,
    /// When to colour the text report
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto)]
    color: Color,
    /// Arguments of the program
    #[arg(last = true, value_name = "ARGS")]
    arguments: Vec<String>,
}

/// What `temper run` was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The app, and further evidence.
    pub subject: Subject,
    /// The run.
    pub order: Order,
    /// Start without asking.
    pub yes: bool,
    /// Form of the report.
    pub format: Format,
    /// When it is coloured.
    pub color: Color,
}

impl RunArgs {
    pub(super) fn asked(self, matches: &clap::ArgMatches) -> Result<Asked, clap::Error> {
        let subject = args::subject(self.subject, matches)?;
        let Some(path) = subject.path.clone() else {
            return Err(args::usage("nothing to run: give an app, for example 'temper run MyApp.app'"));
        };
        let order = Order {
            path,
            arguments: self.arguments,
            set: self.env,
            without_dyld: self.without_dyld,
            limit: Duration::from_secs(self.limit),
            reports: self.reports_dir,
            takes_interrupts: true,
        };
        Ok(Asked { subject, order, yes: self.yes, format: self.format, color: self.color })
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !text.contains('\0') => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a variable looks like NAME=VALUE".into()),
    }
}

/// Where things are written, and who answers.
pub struct Streams<'a> {
    /// Standard output: the program's text and the report.
    pub out: &'a mut dyn Write,
    /// It is a terminal: nothing but cleaned text may go there.
    pub out_is_terminal: bool,
    /// Standard error: what will be started.
    pub error: &'a mut dyn Write,
    /// It is a terminal.
    pub error_is_terminal: bool,
    /// Reads one line from the user; `None` when there is nobody to ask.
    pub ask: Option<&'a mut dyn FnMut() -> io::Result<String>>,
}

/// Runs and reports. The status is that of the report; an error when it was not started.
pub fn run(system: &dyn System, asked: &Asked, look: Look, mut streams: Streams<'_>) -> anyhow::Result<u8> {
    let prepared = run::prepare(system, &asked.order).map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut request = super::request(system, &asked.subject)?;
    for line in prepared.lines() {
        writeln!(streams.error, "{}", clean::clean(&line))?;
    }
    if !asked.yes {
        confirm(&mut streams)?;
    }
    let ran = start(system, asked, &prepared, &mut streams)?;
    let report_stream: &mut dyn Write = if asked.format == Format::Json { streams.error } else { streams.out };
    let told = run::told(&ran, asked.order.limit);
    writeln!(report_stream)?;
    for line in &told {
        writeln!(report_stream, "{}", clean::clean(line))?;
    }
    report_stream.flush()?;
    request.pasted.extend(ran.evidence.iter().cloned());
    let examination = crate::examine(system, &request, &|_| {}, &AtomicBool::new(false)).map_err(|error| anyhow::anyhow!("{error}"))?;
    for reason in run::proves_little(&system.machine(), Some(&ran.ended), only_intel(&examination.evidence)) {
        writeln!(report_stream, "Careful: {reason}")?;
    }
    if asked.format == Format::Text {
        writeln!(report_stream)?;
    }
    let report = &examination.report;
    let text = match asked.format {
        Format::Text => super::text::render(report, look),
        Format::Json => super::json::render(report).context("the report could not be written as JSON")?,
    };
    streams.out.write_all(text.as_bytes())?;
    streams.out.flush()?;
    Ok(report.exit_status())
}

fn confirm(streams: &mut Streams<'_>) -> anyhow::Result<()> {
    let Some(ask) = &mut streams.ask else {
        bail!("not started: there is no terminal to ask on; --yes starts it without asking");
    };
    write!(streams.error, "Start it? [y/N] ")?;
    streams.error.flush()?;
    match ask()?.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => bail!("not started, as you wish"),
    }
}

/// Starts it; its output goes on as it comes.
fn start(system: &dyn System, asked: &Asked, prepared: &Prepared, streams: &mut Streams<'_>) -> anyhow::Result<Ran> {
    let (out, is_terminal): (&mut dyn Write, bool) = match asked.format {
        Format::Text => (streams.out, streams.out_is_terminal),
        Format::Json => (streams.error, streams.error_is_terminal),
    };
    let mut cleaner = is_terminal.then(Cleaner::default);
    let outcome = run::run(system, prepared, &Control::default(), &mut |bytes| {
        match &mut cleaner {
            Some(cleaner) => out.write_all(cleaner.push(bytes).as_bytes())?,
            None => out.write_all(bytes)?,
        }
        out.flush()
    });
    if let Some(cleaner) = cleaner {
        out.write_all(cleaner.rest().as_bytes())?;
    }
    outcome.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => error.into(),
        _ => anyhow::anyhow!("{}: it cannot be run: {}", prepared.launch.program.display(), not_started(&error)),
    })
}

/// Why a program was not started, with what to do.
fn not_started(error: &io::Error) -> String {
    /// `ENOEXEC` of Linux and macOS.
    const NO_FORMAT: i32 = 8;
    let advice = match (error.raw_os_error(), error.kind()) {
        (Some(NO_FORMAT), _) if !cfg!(target_os = "macos") => {
            ": a program for macOS runs on a Mac only; there 'temper run' starts it, here 'temper check' judges it with the evidence you have"
        }
        (_, io::ErrorKind::PermissionDenied) => ": let it be executed first (chmod +x)",
        _ => "",
    };
    format!("{error}{advice}")
}

/// True when nothing of it runs natively on Apple silicon.
fn only_intel(evidence: &Evidence) -> bool {
    let mut slices = evidence.main_images().map(|image| image.arch()).peekable();
    slices.peek().is_some() && slices.all(|arch| arch == Arch::X86_64)
}

/// Text of a program for a terminal: whole lines with their control characters made visible, whatever the pieces are in which it comes.
#[derive(Debug, Default)]
pub struct Cleaner {
    lines: run::Lines,
}

impl Cleaner {
    /// The lines that are whole now. A line that does not end is cut.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.lines.push(bytes).iter().map(|line| clean::clean(line) + "\n").collect()
    }

    /// What is left when nothing more comes.
    pub fn rest(self) -> String {
        self.lines.rest().map_or_else(String::new, |line| clean::clean(&line) + "\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_program_writes_moves_the_cursor() {
        let mut cleaner = Cleaner::default();
        let mut text = cleaner.push(b"one\x1b[2J\rtwo\r\nthr");
        text += &cleaner.push("ee \u{202e}ü".as_bytes().split_last().map_or(&[], |(_, head)| head));
        text += &cleaner.push(&["ü".as_bytes()[1]]);
        text += &cleaner.rest();
        assert_eq!(text, "one\\x1b[2J\\x0dtwo\nthree \\u{202e}ü\n");
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let mut cleaner = Cleaner::default();
        let text: String = (0..100).map(|_| cleaner.push(&[b'x'; 1000])).collect();
        assert!(text.len() >= 90_000 && text.matches('\n').count() > 5, "{}", text.len());
    }

    #[test]
    fn a_variable_has_a_name() {
        assert_eq!(variable("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert_eq!(variable("A="), Ok(("A".into(), String::new())));
        assert!(variable("=b").is_err() && variable("A").is_err());
    }
}
