//! Lines of free text: the unified log (kernel, AMFI, tccd, taskgated, launchd, syspolicyd), dyld, codesign, runtimes, notary logs.
//!
//! Each line that is understood becomes a [`LogFact`] with its line number. Lines that look alarming and mean nothing become [`LogFact::Noise`].

mod amfi;
mod codesign;
mod cut;
mod dyld;
mod kernel;
mod keywords;
mod notary;
mod prefix;
mod runtime;
mod shell;
mod system;
mod tcc;

use super::crash::{self, CrashReport, clean};
use keywords::Families;
use std::collections::VecDeque;

/// Why dyld refused a candidate file. The order is the strength: the strongest reason of a `tried:` list decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TriedReason {
    /// no such file, not in dyld cache, image not found
    Missing,
    /// not a mach-o file
    NotMachO,
    /// Symbol not found, wrong version …
    OtherFault,
    /// incompatible architecture
    WrongArch,
    /// file system sandbox blocked …
    Sandbox,
    /// relative path not allowed in hardened program; security policy does not allow @ path expansion; unsafe use of …
    PathPolicy,
    /// library load disallowed / denied by system policy (Gatekeeper)
    SystemPolicy,
    /// code signature invalid; does not cover entire file; code signing blocked mmap()
    BadSignature,
    /// mapped file has no cdhash, completely unsigned
    Unsigned,
    /// mapped file has no Team ID and is not a platform binary
    NoTeam,
    /// mapping process is a platform binary, but mapped file is not
    PlatformProcess,
    /// different Team IDs
    DifferentTeams,
    /// not valid for use in process, reason cut or unknown
    LibraryValidation,
}

impl TriedReason {
    /// True for the reasons that are library validation.
    pub fn is_library_validation(self) -> bool {
        self >= TriedReason::Unsigned
    }
}

/// A library that dyld could not load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadFailure {
    /// Install name or path asked for, as written.
    pub name: String,
    /// The image that asked (`Referenced from:`), path as written.
    pub referenced_from: Option<String>,
    /// Strongest reason.
    pub reason: TriedReason,
    /// The file that reason is about; `None` when it was cut.
    pub file: Option<String>,
    /// For a wrong architecture: (have, need).
    pub arch: Option<(String, String)>,
    /// A `dlopen` (true) or a launch (false).
    pub is_dlopen: bool,
    /// An inserted library (`DYLD_INSERT_LIBRARIES`).
    pub inserted: bool,
}

/// A process named in a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proc {
    /// Process or file name.
    pub name: Option<String>,
    /// Process id.
    pub pid: Option<u64>,
    /// Code identifier.
    pub identifier: Option<String>,
    /// Binary path.
    pub path: Option<String>,
}

/// What a line says.
#[allow(missing_docs)] // The variants say what each line is; fields are the names in the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogFact {
    /// dyld could not load a library (from stderr, a runtime's error, or the reasons of a crash report).
    Load(LoadFailure),
    /// AMFI: `Library Validation failed: Rejecting '…'`.
    LibraryValidationRejected { library: String, process: Proc, library_team: Option<String>, process_team: Option<String> },
    /// kernel: `cs_invalid_page(…) … denying page sending SIGKILL` (killed) or `allowing (remove VALID)`.
    InvalidPage { process: Proc, killed: bool },
    /// kernel: `rejecting invalid page at address … in file "…"`. `file` `None` is `<nil>`: anonymous memory.
    RejectedPage { process: Proc, file: Option<String>, tainted: Option<bool>, mtimes_differ: Option<bool>, offset: Option<u64> },
    /// kernel: `vm_map_enter: curprot cannot be write+execute`, `vm_map_protect … can't have both write and exec`.
    WriteExecuteRefused { process: Proc },
    /// kernel: `code signing monitor denies JIT mapping`.
    JitMappingDenied { process: Proc },
    /// tccd: hardened process without the entitlement.
    TccEntitlementMissing {
        service: String,
        entitlement: String,
        accessing: Option<Proc>,
        responsible: Option<Proc>,
        requesting: Option<Proc>,
    },
    /// tccd: usage string missing (`Refusing authorization request … without … key`), or the TCC termination text.
    TccUsageMissing { service: Option<String>, key: String, process: Proc },
    /// A TCC termination whose text names a missing entitlement.
    TccEntitlementAbort { entitlement: String, process: Proc },
    /// tccd: `Policy disallows prompt for …; access to … denied`.
    TccDenied { service: String, process: Proc },
    /// tccd: `Platform binary prompting is 'Deny'`.
    TccPlatformBinary { process: Proc },
    /// tccd got as far as asking the user.
    TccPrompting { service: String, process: Proc },
    /// −1743, −1744, `Not authorized to send Apple events`.
    AppleEventsDenied { process: Proc, code: Option<i64> },
    /// taskgated / amfid: unsatisfied restricted entitlements (keys as listed; may be empty), `-413`, `-423`.
    RestrictedEntitlements { keys: Vec<String>, process: Proc, code: Option<i64> },
    /// taskgated: `Disallowing … because no eligible provisioning profiles found`: noise unless with the former.
    NoEligibleProfile { process: Proc },
    /// Entitlements cannot be parsed (kernel, AMFI, codesign, notary): line in the entitlements text when given.
    EntitlementsUnparsable { process: Proc, line: Option<u32>, at_signing: bool },
    /// AMFI / kernel: signature of a main executable refused at exec (`load code signature error`, `Broken signature with Team ID fatal`, `code signature validation failed fatally`).
    LaunchSignatureRefused { process: Proc },
    /// `Launch Constraint Violation`.
    LaunchConstraint { process: Proc },
    /// kernel / debugserver / lldb: task port refused: target, debugger, target hardened, target lacks get-task-allow.
    TaskPortDenied { target: Proc, debugger: Proc, hardened: bool, lacks_get_task_allow: bool },
    /// lldb, gdb, Instruments: not allowed to attach.
    AttachRefused { process: Proc },
    /// Gatekeeper: exec or open refused by system policy, quarantine dialogs.
    Gatekeeper { process: Proc, text: String },
    /// App Management: writing into another app's bundle was prevented.
    AppManagement { process: Proc },
    /// App Sandbox: `Sandbox: name(pid) deny(1) operation target`.
    SandboxDenied { process: Proc, operation: String, target: String },
    /// A runtime's own message that it could not get executable memory. `engine`: v8, jsc, hotspot, coreclr, libffi, pcre, luajit, mono, pypy, wasm …
    EngineMemory { engine: &'static str, process: Proc, degrades: bool },
    /// `codesign --verify`, `spctl`: a signature problem with its words (`a sealed resource is missing or invalid`, `code object is not signed at all` …) and file.
    CodesignProblem { file: Option<String>, text: String, code: Option<i64> },
    /// `codesign` while signing: `resource fork, Finder information, or similar detritus not allowed`.
    Detritus { file: Option<String> },
    /// `codesign --verify` says the file is fine (`valid on disk`), or `spctl` `accepted`.
    SignatureAccepted { file: Option<String>, source: Option<String> },
    /// A line of `codesign -d` output about flags: the runtime flag is (not) there.
    DisplayedFlags { file: Option<String>, flags: u32 },
    /// An entitlement key listed by `codesign -d --entitlements` in the text, true or false.
    DisplayedEntitlement { file: Option<String>, key: String, value: bool },
    /// `codesign -d --entitlements` printed nothing for the file.
    DisplayedNoEntitlements { file: Option<String> },
    /// `TeamIdentifier=` of `codesign -d`; `None` for `not set`.
    DisplayedTeam { file: Option<String>, team: Option<String> },
    /// An issue of a notary log.
    NotaryIssue { path: String, message: String, arch: Option<String>, is_error: bool },
    /// A process ended by a signal or exit status (`Killed: 9`, `exit 137`, launchd 153/163, `termination reported by launchd (2, 11, 11)`).
    Died { process: Proc, signal: Option<i32>, exit: Option<i64> },
    /// `Saved crash report for …`: there is a report that was not given.
    CrashReportSaved { process: Proc, file: Option<String> },
    /// A DYLD_ variable is set or shown in a shell, script or plist.
    DyldVariable { name: String, value: Option<String>, by_protected: Option<String> },
    /// The same program, run another way, worked (a copy under another path; directly instead of by a script; an earlier shell prompt).
    WorksWhen { how: WorksHow, file: Option<String> },
    /// `cp`, installer or script output that shows a file overwritten in place.
    Overwritten { file: Option<String> },
    /// Something else that a person would call an error of the program's own (null pointer message, abort text, uncaught exception).
    OwnFault { text: String },
    /// A line that looks alarming and is not the cause; the reason why.
    Noise { why: &'static str },
}

/// How the same program worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorksHow {
    /// A byte-identical copy in another place.
    Copied,
    /// Started directly instead of through a script.
    Direct,
    /// Under a debugger.
    Debugger,
}

/// A fact with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Line in the text, from 1.
    pub line: u32,
    /// The line as given, at most 500 characters.
    pub quote: String,
    /// What it says.
    pub fact: LogFact,
}

/// Most facts that are kept: so many first ones and so many last ones.
const MAX_FACTS: usize = 10_000;
/// Longest part of one line that is looked at.
const MAX_LINE: usize = 64 << 10;
/// How far before a keyword a line's start is looked for.
const MAX_BEFORE: usize = 16 << 10;
/// Longest quote, in characters.
const MAX_QUOTE: usize = 500;

/// The lines after the one being read, cleaned.
type Following<'a> = dyn Fn() -> Box<dyn Iterator<Item = String> + 'a> + 'a;

/// What earlier lines said that later ones need.
#[derive(Default)]
struct Context {
    /// File that `codesign -d` is talking about (`Executable=`).
    executable: Option<String>,
    /// File that the last `codesign` or `spctl` command named.
    named_file: Option<String>,
    /// The last command was `codesign -d --entitlements`, and nothing of its answer was seen yet.
    asks_entitlements: bool,
    /// The lines are output of `codesign -d`.
    displays: bool,
    /// Program of the last command.
    program: Option<String>,
    /// Process that a debugger was told to attach to.
    attach_pid: Option<u64>,
    /// DYLD_ variables seen so far.
    variables: Vec<(String, Option<String>)>,
    /// Commands with their output.
    runs: Vec<Run>,
    /// AMFI refused something.
    refused: bool,
}

/// A command of a transcript.
struct Run {
    line: u32,
    quote: String,
    words: Vec<String>,
    output: Vec<String>,
}

impl Context {
    fn displayed_file(&self) -> Option<String> {
        self.executable.clone().or_else(|| self.named_file.clone())
    }
}

/// The first and the last facts.
#[derive(Default)]
struct Kept {
    first: Vec<LogLine>,
    last: VecDeque<LogLine>,
}

impl Kept {
    fn push(&mut self, line: LogLine) {
        let same = |known: &LogLine| known.line == line.line && known.fact == line.fact;
        if self.first.len() < MAX_FACTS {
            if !self.first.iter().rev().take(8).any(same) {
                self.first.push(line);
            }
            return;
        }
        if self.last.len() >= MAX_FACTS {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }
}

/// The part of a line that is looked at.
fn head_of(line: &str) -> &str {
    let mut end = line.len().min(MAX_LINE);
    while !line.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    line.get(..end).unwrap_or("")
}

/// A line as given, cut to 500 characters.
fn quote_of(line: &str) -> String {
    line.trim_end_matches(['\r', '\n']).trim_start_matches('\u{feff}').chars().take(MAX_QUOTE).collect()
}

/// Reads a text. `lines` may be any number; memory is bounded by what is understood (at most 20,000 facts, the first and last kept).
pub fn read(text: &str) -> Vec<LogLine> {
    let report = has_json_report(text).then(|| crash::read(text).ok()).flatten().filter(|report| report.is_ips);
    let mut reader = Reader { text, context: Context::default(), kept: Kept::default(), skips_json: report.is_some() };
    reader.scan();
    let Reader { context, kept, .. } = reader;
    let mut facts = kept.first;
    facts.extend(kept.last);
    facts.extend(shell::conclude(&context, &facts));
    if notary::is_one(text) {
        facts.extend(notary::read(&clean::text(text), text));
    }
    for fact in report.iter().flat_map(read_report) {
        // A translated report in front of the JSON said it already.
        if !facts.iter().any(|known| known.fact == fact.fact) {
            facts.push(fact);
        }
    }
    facts.sort_by_key(|fact| fact.line);
    facts.dedup();
    name_speakers(&mut facts);
    facts
}

/// True when an `.ips` may stand in the text: then its lines are read as JSON, not as text.
fn has_json_report(text: &str) -> bool {
    let has = |key: &str| memchr::memmem::find(text.as_bytes(), key.as_bytes()).is_some();
    ["\"bug_type\"", "\"procName\"", "\"termination\"", "\u{201c}procName\u{201d}"].iter().any(|key| has(key))
        && crash::looks_like_crash(text)
}

/// A runtime's message or a status without a process gets that of the death reported right after or before it.
fn name_speakers(facts: &mut [LogLine]) {
    const NEAR: u32 = 8;
    let deaths: Vec<(u32, Proc)> = facts
        .iter()
        .filter_map(|line| match &line.fact {
            LogFact::Died { process, .. } if process.name.is_some() || process.pid.is_some() => Some((line.line, process.clone())),
            _ => None,
        })
        .collect();
    for line in facts {
        let at = line.line;
        let near = match &line.fact {
            LogFact::EngineMemory { process, .. } if *process == Proc::default() => deaths.iter().find(|(death, _)| *death >= at),
            LogFact::Died { process, exit: Some(_), .. } if *process == Proc::default() => deaths.iter().rfind(|(death, _)| *death <= at),
            _ => None,
        };
        if let (Some((death, found)), LogFact::EngineMemory { process, .. } | LogFact::Died { process, .. }) = (near, &mut line.fact)
            && death.abs_diff(at) <= NEAR
        {
            *process = found.clone();
        }
    }
}

/// Reads one message of several lines as a runtime, dyld or tccd wrote it, without log prefixes: a crash report's reasons or
/// application-specific information. Lines are counted from 1 in `text`.
pub fn read_message(text: &str) -> Vec<LogLine> {
    read(text)
}

/// Facts in the messages of a crash report (termination reasons, application-specific information, triage), with the line of the report
/// at which the message stands.
pub fn read_report(report: &CrashReport) -> Vec<LogLine> {
    let reasons = report.termination.as_ref().map(|termination| termination.reasons.join("\n")).unwrap_or_default();
    let parts = [("termination", reasons), ("message", report.messages.join("\n")), ("triage", report.triage.join("\n"))];
    let mut facts: Vec<LogLine> = Vec::new();
    for (field, text) in parts {
        let line = report.line(field).or_else(|| report.line("termination")).unwrap_or(1);
        for mut found in read_message(&text) {
            found.line = line;
            if !facts.iter().any(|known| known.fact == found.fact) {
                facts.push(found);
            }
        }
    }
    facts
}

/// Reads dyld's reason text (the joined `reasons` of a crash report, or an error string) alone.
pub fn read_dyld(text: &str) -> Option<LoadFailure> {
    let cleaned: Vec<String> = text.lines().map(|line| clean::line(line).into_owned()).collect();
    dyld::read(&cleaned.join("\n"))
}

struct Reader<'a> {
    text: &'a str,
    /// Lines of an `.ips` are left to its own reader.
    skips_json: bool,
    context: Context,
    kept: Kept,
}

/// A line: its number, its place, and where the next one begins.
struct Place<'a> {
    number: u32,
    raw: &'a str,
    start: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    /// Jumps from keyword to keyword; only lines with one are cut up.
    fn scan(&mut self) {
        let searcher = keywords::searcher();
        let mut at = 0_usize;
        let mut counted = (0_usize, 1_u32);
        while let Some(hit) = searcher.next(self.text, at) {
            let place = self.place(hit, at, &mut counted);
            let (line, families) = (clean::line(place.raw), searcher.families(place.raw));
            let taken = self.line(&line, families, &place);
            at = place.end.max(hit.saturating_add(1));
            for _ in 0..taken {
                at = self
                    .text
                    .get(at..)
                    .and_then(|rest| rest.find('\n'))
                    .map_or(self.text.len(), |end| at.saturating_add(end).saturating_add(1));
            }
            while !self.text.is_char_boundary(at) {
                at = at.saturating_add(1);
            }
            if at >= self.text.len() {
                break;
            }
        }
    }

    /// The line around a keyword, at most [`MAX_LINE`] bytes of it.
    fn place(&self, hit: usize, floor: usize, counted: &mut (usize, u32)) -> Place<'a> {
        let bytes = self.text.as_bytes();
        let lowest = hit.saturating_sub(MAX_BEFORE).max(floor);
        let mut start = bytes
            .get(lowest..hit)
            .and_then(|before| memchr::memrchr(b'\n', before))
            .map_or(lowest, |end| lowest.saturating_add(end).saturating_add(1));
        let highest = hit.saturating_add(MAX_LINE).min(bytes.len());
        let mut end = bytes
            .get(hit..highest)
            .and_then(|after| memchr::memchr(b'\n', after))
            .map_or(highest, |end| hit.saturating_add(end).saturating_add(1));
        while !self.text.is_char_boundary(start) {
            start = start.saturating_sub(1);
        }
        while !self.text.is_char_boundary(end) {
            end = end.saturating_add(1);
        }
        let (from, line) = *counted;
        let newlines = bytes.get(from..start).map_or(0, |between| memchr::memchr_iter(b'\n', between).count());
        let number = line.saturating_add(u32::try_from(newlines).unwrap_or(u32::MAX));
        *counted = (start.max(from), number);
        Place { number, raw: self.text.get(start..end).unwrap_or("").trim_end_matches(['\n', '\r']), start, end }
    }

    /// Reads one line. Returns how many of the following lines belong to it.
    fn line(&mut self, line: &str, families: Families, place: &Place<'a>) -> usize {
        let text = self.text;
        let end = place.end;
        let following = move || -> Box<dyn Iterator<Item = String> + 'a> {
            Box::new(text.get(end..).unwrap_or("").lines().map(|line| clean::line(head_of(line)).into_owned()))
        };
        let mut facts = Vec::new();
        let mut taken = 0_usize;
        if self.skips_json && line.trim_start().starts_with(['"', '{']) {
            return 0;
        }
        if let Some(command) = shell::prompt(line).filter(|_| families.has(Families::SHELL)) {
            shell::command(command, place.number, &mut self.context, &following, &mut facts);
        } else if line.trim_start().starts_with("(lldb)") {
            self.context.attach_pid = line.split_whitespace().filter_map(|word| word.parse().ok()).next_back().or(self.context.attach_pid);
        } else {
            let message = prefix::split(line);
            taken = self.message(&message, line, families, place, &following, &mut facts);
        }
        for fact in facts {
            self.keep(fact, place);
        }
        taken
    }

    fn keep(&mut self, mut fact: LogFact, place: &Place<'a>) {
        self.context.refused |= matches!(
            fact,
            LogFact::RestrictedEntitlements { .. }
                | LogFact::LaunchSignatureRefused { .. }
                | LogFact::LaunchConstraint { .. }
                | LogFact::EntitlementsUnparsable { .. }
        );
        if let LogFact::AttachRefused { process } = &mut fact
            && process.pid.is_none()
        {
            process.pid = self.context.attach_pid;
        }
        self.kept.push(LogLine { line: place.number, quote: quote_of(place.raw), fact });
    }

    /// Facts of a message, by the families whose keywords stand in it.
    fn message(
        &mut self,
        message: &prefix::Message,
        line: &str,
        families: Families,
        place: &Place<'a>,
        following: &Following<'a>,
        facts: &mut Vec<LogFact>,
    ) -> usize {
        let (text, logger) = (message.text.as_str(), &message.logger);
        if families.has(Families::AMFI) {
            amfi::facts(text, logger, facts);
        }
        if families.has(Families::KERNEL) {
            kernel::facts(text, facts);
        }
        if families.has(Families::TCC) {
            tcc::facts(text, logger, facts);
        }
        let mut taken = 0_usize;
        let by_others = facts.iter().any(|fact| !matches!(fact, LogFact::Noise { .. }));
        if families.has(Families::DYLD) && !by_others {
            let (block, more) = dyld::block(text, following());
            if let Some(failure) = dyld::read(&block) {
                facts.push(LogFact::Load(failure));
                taken = more;
            }
        }
        if families.has(Families::SYSTEM) {
            system::facts(text, logger, self.context.refused, facts);
        }
        if families.has(Families::RUNTIME) {
            let speaker = || self.speaker(logger, place);
            runtime::facts(text, &speaker, facts);
        }
        if families.has(Families::CODESIGN) {
            codesign::facts(line.trim(), &mut self.context, following, facts);
        }
        if families.has(Families::NOTARY) && facts.is_empty() {
            notary::sentence(text, facts);
        }
        if families.has(Families::SHELL) {
            let mut found = Vec::new();
            shell::output(text, &self.context, &mut found);
            facts.extend(found);
        }
        taken
    }

    /// Who said a message without prefix: the last NSLog line shortly before it, else the command that was run.
    fn speaker(&self, logger: &Proc, place: &Place<'a>) -> Proc {
        if *logger != Proc::default() {
            return logger.clone();
        }
        let before = self.text.get(..place.start).unwrap_or("");
        for line in before.rsplit('\n').skip(1).take(20) {
            let line = clean::line(head_of(line));
            if shell::prompt(&line).is_some() {
                break;
            }
            let earlier = prefix::split(&line).logger;
            if earlier != Proc::default() {
                return earlier;
            }
        }
        let name = self.context.program.clone();
        let path = name.clone().filter(|name| name.starts_with('/'));
        Proc { name: name.map(|name| cut::file_name(&name).to_owned()), path, ..Proc::default() }
    }
}

/// What kind of text it is, by content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    /// A crash report.
    CrashReport,
    /// A notary log (JSON with `logFormatVersion` or `issues`).
    NotaryLog,
    /// An entitlements or other property list.
    Plist,
    /// Anything else.
    Log,
}

/// Recognises a text.
pub fn kind_of(bytes: &[u8]) -> TextKind {
    let body = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if body.starts_with(b"bplist") || bytes.starts_with(b"\xff\xfe<") || bytes.starts_with(b"\xfe\xff\0<") {
        return TextKind::Plist;
    }
    // What a text is shows in its first megabytes.
    let text = super::lossy(body.get(..body.len().min(4 << 20)).unwrap_or(body));
    let start = text.trim_start();
    let plist = ["<?xml", "<!DOCTYPE plist", "<plist", "<dict>"].iter().any(|mark| start.starts_with(mark));
    if plist || start.starts_with("<!--") && start.contains("<plist") {
        return TextKind::Plist;
    }
    let quoted = start.trim_start_matches(['>', ' ', '|']);
    if quoted.starts_with(['{', '[']) && notary::is_one(&text) {
        return TextKind::NotaryLog;
    }
    if crash::looks_like_crash(&text) {
        return TextKind::CrashReport;
    }
    if notary::is_one(&text) && text.contains("\"issues\"") {
        return TextKind::NotaryLog;
    }
    TextKind::Log
}

#[cfg(test)]
mod tests;
