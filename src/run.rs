//! A run of the program: what is started, with which environment, and what of the run is evidence.
//!
//! The evidence is a transcript as a terminal shows it: the command, what the program wrote, how it ended. It is read like any other text, so a run is
//! judged by the same rules as a report that somebody sent.

pub mod words;

use crate::read::crash;
use crate::read::log::{self, LogFact};
use crate::scan::{self, ScanError};
use crate::system::launch::{Control, Ended, How, Launch, Machine, Stop};
use crate::system::{EntryKind, System};
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Name of the transcript among the evidence.
pub const TRANSCRIPT: &str = "run";
/// Bytes kept of the beginning, and as many of the end, of what a program writes.
const KEPT: usize = 2 << 20;
/// Bytes of a line that are shown as one, and held back until it ends.
const LONGEST_LINE: usize = 8 << 10;
/// Crash reports taken for one run.
const MOST_REPORTS: usize = 5;
/// Largest crash report that is read, in bytes.
const LARGEST_REPORT: usize = 16 << 20;
/// How long a crash report is waited for (macOS writes it within seconds), in steps of [`STEP`].
const REPORT_STEPS: u32 = 32;
const STEP: Duration = Duration::from_millis(250);
/// Flag of a process that a debugger is attached to (xnu, `osfmk/kern/cs_blobs.h`, `CS_DEBUGGED`).
const CS_DEBUGGED: u32 = 0x1000_0000;

/// What is to be run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// App, bundle, Mach-O or script, as named.
    pub path: PathBuf,
    /// Arguments of the program.
    pub arguments: Vec<String>,
    /// Variables to set.
    pub set: Vec<(String, String)>,
    /// The program gets none of Temper's `DYLD_` variables. Those in `set` it gets.
    pub without_dyld: bool,
    /// How long it may run.
    pub limit: Duration,
    /// Folder in which crash reports appear; `None`: the user's own on a Mac, none elsewhere.
    pub reports: Option<PathBuf>,
    /// ctrl-c of Temper's terminal goes to the program.
    pub takes_interrupts: bool,
}

/// Where a variable comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Temper has it, and passes it on.
    Passed,
    /// It was asked for.
    Set,
    /// Temper has it and keeps it back.
    Removed,
    /// Temper sets it, as its terminal obeys no escape sequences.
    Terminal,
}

/// What will be started, to be shown before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The start itself.
    pub launch: Launch,
    /// Variables worth naming: what was asked for, and all that dyld obeys.
    pub environment: Vec<(String, String, Origin)>,
    /// Further variables, passed on as they are.
    pub others: usize,
    /// Folder in which a crash report may appear.
    pub reports: Option<PathBuf>,
    /// The target's path, for reports of helpers in it.
    pub root: PathBuf,
}

impl Prepared {
    /// What will be started, a line each: for a face to show before it asks.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec!["Temper will start this program as you, on a terminal of its own and without input:".to_owned()];
        lines.push(format!("  program      {}", self.launch.program.display()));
        for (number, argument) in self.launch.arguments.iter().enumerate() {
            lines.push(format!("  {:12} {argument}", if number == 0 { "arguments" } else { "" }));
        }
        for (number, (name, value, origin)) in self.environment.iter().enumerate() {
            let from = match origin {
                Origin::Passed => " (from this environment)",
                Origin::Set | Origin::Terminal => "",
                Origin::Removed => " (kept back)",
            };
            lines.push(format!("  {:12} {name}={value}{from}", if number == 0 { "environment" } else { "" }));
        }
        lines.push(format!("  {:12} {} more variables, as they are here", "", self.others));
        lines.push(format!("  limit        {} s, then SIGTERM, then SIGKILL to its process group", self.launch.limit.as_secs()));
        if let Some(folder) = &self.reports {
            lines.push(format!("  reports      new crash reports in {} are read", folder.display()));
        }
        lines
    }
}

/// What a program writes, cut into lines, whatever the pieces are in which it comes. Nothing in them is cleaned.
#[derive(Debug, Default)]
pub struct Lines {
    line: Vec<u8>,
}

impl Lines {
    /// The lines that are whole now, without their ends; tabs are four spaces. A line that does not end is cut.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.line.len() >= LONGEST_LINE {
                lines.push(self.taken());
            }
        }
        lines
    }

    /// What is left when nothing more comes.
    pub fn rest(mut self) -> Option<String> {
        (!self.line.is_empty()).then(|| self.taken())
    }

    fn taken(&mut self) -> String {
        let line = crate::read::lossy(&self.line).trim_end_matches(['\n', '\r']).replace('\t', "    ");
        self.line.clear();
        line
    }
}

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub ended: Ended,
    /// Texts for [`scan::Request::pasted`]. Empty when the program ran well and said nothing that Temper knows.
    pub evidence: Vec<(String, Vec<u8>)>,
    /// Crash reports among them.
    pub reports: usize,
    /// Bytes it wrote.
    pub written: u64,
}

/// Finds the program and its environment. Starts nothing.
pub fn prepare(system: &dyn System, order: &Order) -> Result<Prepared, ScanError> {
    let program = scan::program(system, &order.path)?;
    let mut set = vec![("TERM".to_owned(), "dumb".to_owned())];
    set.retain(|(name, _)| !order.set.iter().any(|(other, _)| other == name));
    let mut environment: Vec<(String, String, Origin)> = set.iter().map(|(k, v)| (k.clone(), v.clone(), Origin::Terminal)).collect();
    environment.extend(order.set.iter().map(|(name, value)| (name.clone(), value.clone(), Origin::Set)));
    let (mut unset, mut others) = (Vec::new(), 0);
    let mut inherited = system.variables();
    inherited.sort();
    for (name, value) in inherited {
        if environment.iter().any(|(known, ..)| *known == name) {
            continue;
        }
        match (name.starts_with("DYLD_"), order.without_dyld) {
            (true, true) => {
                unset.push(name.clone());
                environment.push((name, value, Origin::Removed));
            }
            (true, false) => environment.push((name, value, Origin::Passed)),
            (false, _) => others += 1,
        }
    }
    set.extend(order.set.iter().cloned());
    let arguments = order.arguments.clone();
    let launch = Launch { program, arguments, set, unset, limit: order.limit, takes_interrupts: order.takes_interrupts };
    Ok(Prepared { launch, environment, others, reports: reports_folder(system, order), root: order.path.clone() })
}

fn reports_folder(system: &dyn System, order: &Order) -> Option<PathBuf> {
    let own = || {
        let home = system.variable("HOME").filter(|home| cfg!(target_os = "macos") && !home.is_empty())?;
        Some(Path::new(&home).join(crate::scan::REPORTS))
    };
    order.reports.clone().or_else(own)
}

/// Starts it, passes its output on, and gathers what is evidence.
pub fn run(
    system: &dyn System,
    prepared: &Prepared,
    control: &Control,
    output: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<Ran> {
    let before = names(system, prepared.reports.as_deref());
    let mut kept = Kept::of(KEPT);
    let ended = system.launch(&prepared.launch, control, &mut |bytes| {
        kept.push(bytes);
        output(bytes)
    })?;
    let reports = reports(system, prepared, &before, &ended);
    let transcript = transcript(prepared, &kept, &ended);
    let says_something = || {
        let facts = log::read(&String::from_utf8_lossy(&kept.bytes()));
        facts.iter().any(|line| !matches!(line.fact, LogFact::Noise { .. }))
    };
    let count = reports.len();
    let mut evidence = Vec::new();
    if ended.failed() || count > 0 || says_something() {
        evidence.push((TRANSCRIPT.to_owned(), transcript));
    }
    evidence.extend(reports);
    Ok(Ran { ended, evidence, reports: count, written: kept.total })
}

/// The beginning and the end of what a program wrote.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Bytes kept of each.
    room: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
}

impl Kept {
    /// Nothing yet; room for so many bytes of the beginning, and as many of the end.
    pub(crate) fn of(room: usize) -> Self {
        Self { room, head: Vec::new(), tail: VecDeque::new(), total: 0 }
    }

    /// Takes what it wrote next.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        let (first, rest) = bytes.split_at(bytes.len().min(self.room - self.head.len()));
        self.head.extend_from_slice(first);
        self.tail.extend(&rest[rest.len().saturating_sub(self.room)..]);
        let excess = self.tail.len().saturating_sub(self.room);
        self.tail.drain(..excess);
    }

    /// Bytes written so far.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// What is kept, with a line where something was left out.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut all = self.head.clone();
        let left_out = self.total - self.head.len() as u64 - self.tail.len() as u64;
        if left_out > 0 {
            all.extend_from_slice(format!("\n… {left_out} bytes are left out here …\n").as_bytes());
        }
        all.extend(&self.tail);
        all
    }
}

/// The run as a terminal would show it.
fn transcript(prepared: &Prepared, kept: &Kept, ended: &Ended) -> Vec<u8> {
    let mut text = format!("$ {}\n", command(prepared)).into_bytes();
    text.extend(kept.bytes());
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    text.extend(end_lines(&prepared.launch.program, ended).into_bytes());
    text
}

/// The command with the variables that dyld obeys, as one would type it.
pub fn command(prepared: &Prepared) -> String {
    let dyld = prepared.environment.iter().filter(|(name, _, origin)| name.starts_with("DYLD_") && *origin != Origin::Removed);
    let variables = dyld.map(|(name, value, _)| format!("{name}={}", quoted(value)));
    let program = quoted(&prepared.launch.program.to_string_lossy());
    variables
        .chain(std::iter::once(program))
        .chain(prepared.launch.arguments.iter().map(|argument| quoted(argument)))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A word as a shell takes it, on one line.
fn quoted(word: &str) -> String {
    let word: String = word.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let is_plain = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "/._-+@:,=%".contains(c));
    if is_plain { word } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// How it ended, in the words that shells and the kernel use: numbers of signals are those of macOS.
fn end_lines(program: &Path, ended: &Ended) -> String {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let path = program.to_string_lossy();
    if ended.stopped.is_some() {
        return String::new();
    }
    let How::Signalled(number, signal) = ended.how else {
        let How::Exited(status) = ended.how else { return String::new() };
        return if status == 0 { String::new() } else { format!("temper: {name}[{}] ended with status {status}\n", ended.pid) };
    };
    let words = match signal {
        "SIGKILL" => "Killed: 9",
        "SIGTRAP" => "Trace/BPT trap: 5",
        "SIGABRT" => "Abort trap: 6",
        "SIGSEGV" => "Segmentation fault: 11",
        "SIGBUS" => "Bus error: 10",
        "SIGILL" => "Illegal instruction: 4",
        _ => return format!("temper: {name}[{}] terminated by signal {number} ({signal})\n", ended.pid),
    };
    let mut lines = format!("temper: {} {words}  {}\n", ended.pid, quoted(&path));
    if ended.kernel.for_signature == Some(true) {
        lines.push_str(&format!("kernel: {name}[{}] killed for its code signature (NOTE_EXIT_CSERROR)\n", ended.pid));
    }
    lines
}

/// How it ended, for people: one sentence, and what the kernel adds.
pub fn told(ran: &Ran, limit: Duration) -> Vec<String> {
    let ended = &ran.ended;
    let after = format!("after {}", seconds(ended.ran));
    let by = |how: How| match how {
        How::Exited(status) => format!("with status {status}"),
        How::Signalled(number, "") => format!("by signal {number}"),
        How::Signalled(number, name) => format!("by signal {number} ({name})"),
    };
    let first = match (ended.stopped, ended.how) {
        (None, How::Exited(_)) => format!("It ended {}, {after}.", by(ended.how)),
        (None, How::Signalled(..)) => format!("It was ended {}, {after}.", by(ended.how)),
        (Some(Stop::Limit), how) => {
            format!(
                "It still ran after {}, so Temper stopped it (it ended {}). What goes wrong later was not seen.",
                seconds(limit),
                by(how)
            )
        }
        (Some(Stop::Interrupt | Stop::Ending), how) => format!("It was interrupted {after} (it ended {}).", by(how)),
    };
    let mut lines = vec![first];
    match ended.kernel.for_signature {
        Some(true) => lines.push("The kernel says: it was killed for its code signature.".into()),
        Some(false) if ended.stopped.is_none() && matches!(ended.how, How::Signalled(..)) => {
            lines.push("The kernel says: its code signature was not why it was ended.".into());
        }
        _ => {}
    }
    if let Some(flags) = ended.kernel.flags {
        let names = crate::read::signature::CodeSignatureFlags(flags).names().join(",");
        lines.push(format!("Flags that the process had: {flags:#x}({names})."));
    }
    match ran.reports {
        0 => {}
        1 => lines.push("macOS wrote a crash report; it is read too.".into()),
        count => lines.push(format!("macOS wrote {count} crash reports; they are read too.")),
    }
    if ended.left_behind {
        lines.push("Something that it started still runs: Temper does not know it, and left it alone.".into());
    }
    if ran.written > 2 * KEPT as u64 {
        lines.push(format!("It wrote {} MB; the first and the last {} MiB are read as evidence.", ran.written / 1_000_000, KEPT >> 20));
    }
    lines
}

fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        1..10 if time.subsec_millis() >= 50 => format!("{:.1} s", time.as_secs_f64()),
        seconds => format!("{seconds} s"),
    }
}

/// Why a run on this machine proves less than one on a user's. Empty when nothing is known against it.
pub fn proves_little(machine: &Machine, ended: Option<&Ended>, only_intel: bool) -> Vec<&'static str> {
    let mut reasons = Vec::new();
    if machine.sip == Some(false) {
        reasons
            .push("System Integrity Protection is not fully on here (csrutil status): macOS then lets pass what it refuses on other Macs.");
    }
    if machine.library_validation_off == Some(true) {
        reasons.push("Library validation is switched off for this whole Mac (DisableLibraryValidation in /Library/Preferences/com.apple.security.libraryvalidation.plist): a library that loads here may be refused elsewhere.");
    }
    if ended.is_some_and(|ended| ended.kernel.flags.is_some_and(|flags| flags & CS_DEBUGGED != 0)) {
        reasons.push("A debugger was attached to it: the kernel then forgives invalid code pages that it kills for otherwise.");
    }
    if machine.apple_silicon == Some(true) && only_intel {
        reasons.push("It ran under Rosetta, where the memory rules are those of Intel: an Apple silicon build may be refused what this one was allowed.");
    }
    reasons
}

fn names(system: &dyn System, folder: Option<&Path>) -> BTreeSet<PathBuf> {
    let entries = folder.map(|folder| system.list(folder).unwrap_or_default()).unwrap_or_default();
    let is_report = |path: &Path| path.extension().is_some_and(|extension| extension == "ips" || extension == "crash");
    let files = entries.into_iter().filter(|entry| matches!(entry.kind, EntryKind::File(_)) && is_report(&entry.path));
    files.map(|entry| entry.path).collect()
}

/// Crash reports that came into being with this run: of the process itself, or of a program inside the target. They are waited for only after a crash.
fn reports(system: &dyn System, prepared: &Prepared, before: &BTreeSet<PathBuf>, ended: &Ended) -> Vec<(String, Vec<u8>)> {
    let Some(folder) = prepared.reports.as_deref() else { return Vec::new() };
    let root = system.canonical(&prepared.root).unwrap_or_else(|_| prepared.root.clone());
    let crashed = ended.stopped.is_none() && matches!(ended.how, How::Signalled(..));
    let steps = if crashed { REPORT_STEPS } else { 1 };
    let mut sizes: Vec<(PathBuf, usize)> = Vec::new();
    for step in 0..steps {
        let mut found = Vec::new();
        let mut whole = true;
        for path in names(system, Some(folder)).difference(before).take(100) {
            let Ok(bytes) = system.read_small(path, LARGEST_REPORT) else { continue };
            let known = sizes.iter().any(|(other, size)| other == path && *size == bytes.len());
            let Some(of_process) = belongs(&bytes, ended.pid, &root) else { continue };
            // A report that still grows is not whole: it must have the same size twice.
            whole &= known || steps == 1;
            sizes.retain(|(other, _)| other != path);
            sizes.push((path.clone(), bytes.len()));
            found.push((of_process, path.file_name().unwrap_or_default().to_string_lossy().into_owned(), bytes));
        }
        let of_process = found.iter().any(|(of_process, ..)| *of_process);
        if of_process && whole || step + 1 == steps {
            found.sort_by_key(|(of_process, name, _)| (!of_process, name.clone()));
            return found.into_iter().take(MOST_REPORTS).map(|(_, name, bytes)| (name, bytes)).collect();
        }
        system.pause(STEP);
    }
    Vec::new()
}

/// Some(true): a report of that process; Some(false): of another program in the target. `None`: of something else, or not readable yet.
fn belongs(bytes: &[u8], pid: u32, root: &Path) -> Option<bool> {
    let report = crash::read(&String::from_utf8_lossy(bytes)).ok()?;
    if report.pid == Some(u64::from(pid)) {
        return Some(true);
    }
    // Paths of users' folders are sometimes redacted; then only the process id tells.
    report.path.is_some_and(|path| Path::new(&path).starts_with(root)).then_some(false)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
