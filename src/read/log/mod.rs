//! Lines of free text: the unified log (kernel, AMFI, tccd, taskgated, launchd, syspolicyd), dyld, codesign, runtimes, notary logs.
//!
//! Each line that is understood becomes a [`LogFact`] with its line number. Lines that look alarming and mean nothing become [`LogFact::Noise`].

mod amfi;
mod codesign;
mod condense;
mod cut;
mod dyld;
mod kernel;
mod keywords;
mod notary;
mod places;
mod prefix;
mod reader;
mod runtime;
mod shell;
mod system;
mod tcc;

use super::Word;
use super::crash::{self, CrashReport, clean};
pub use condense::Condenser;
use reader::{Context, Following, Run, quote_of};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Why dyld refused a candidate file. The order is the strength: the strongest reason of a `tried:` list decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TriedReason {
    /// The lines that say why were cut off.
    Untold,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// The numbers of a constraint violation, `c[…]p[…]m[…]e[…]` (Apple: "Diagnose launch constraint failures").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConstraintError {
    /// 4 a constraint in the signature, 5 one of whoever starts it (launchd's `SpawnConstraint`); others are the system's.
    pub constraint: u32,
    /// 1 the program itself, 2 its parent, 3 the responsible process.
    pub process: u32,
    /// 1 not satisfied, 2 cannot be parsed, 3 another policy, 4 a malformed constraint of whoever starts it, 5 a fact that is not defined.
    pub result: u32,
    /// What is wrong, where `result` is 2, 4 or 5.
    pub code: u32,
}

/// A process named in a line.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogFact {
    /// dyld could not load a library (from stderr, a runtime's error, or the reasons of a crash report).
    Load(LoadFailure),
    /// AMFI: `Library Validation failed: Rejecting '…'`.
    LibraryValidationRejected {
        library: String,
        process: Proc,
        library_team: Option<String>,
        process_team: Option<String>,
        platform_process: bool,
    },
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
    /// tccd: usage string missing (`Refusing authorization request … without … key`), or the TCC termination text. `key` is empty when only the place
    /// at which the process ended is known.
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
    /// `Launch Constraint Violation`, with the numbers of its error info and the process that failed it, when they are there.
    LaunchConstraint { process: Proc, error: Option<ConstraintError>, failed: Proc },
    /// kernel / debugserver / lldb: task port refused: target, debugger, target hardened, target lacks get-task-allow.
    TaskPortDenied { target: Proc, debugger: Proc, hardened: bool, lacks_get_task_allow: bool },
    /// lldb, gdb, Instruments: not allowed to attach.
    AttachRefused { process: Proc },
    /// Gatekeeper: exec or open refused by system policy, quarantine dialogs.
    Gatekeeper { process: Proc, text: String },
    /// App Management: writing into another app's bundle was prevented.
    AppManagement { process: Proc },
    /// A program may not look into a folder that macOS keeps for those which the user allows; `full_disk`: only Full Disk Access opens it.
    ProtectedPlace { process: Proc, path: String, full_disk: bool },
    /// `spctl` could not judge a file (`Too many open files`, `internal error in Code Signing subsystem`): nothing is said about the file.
    AssessmentFailed { file: Option<String>, why: String },
    /// App Sandbox: `Sandbox: name(pid) deny(1) operation target`.
    SandboxDenied { process: Proc, operation: String, target: String },
    /// `System Policy: name(pid) deny(1) file-… target`: privacy settings or System Integrity Protection, not the App Sandbox.
    SystemPolicyDenied { process: Proc, operation: String, target: String },
    /// A service of macOS wants an entitlement that the program does not have or may not claim; no keys: a system extension was not accepted.
    RestrictedMissing { keys: Vec<String>, process: Proc },
    /// A runtime's own message that it could not get executable memory. `engine`: v8, jsc, hotspot, coreclr, libffi, pcre, luajit, mono, pypy, wasm …
    EngineMemory {
        #[serde(deserialize_with = "crate::read::stored::word")]
        engine: Word,
        process: Proc,
        degrades: bool,
    },
    /// `codesign --verify`, `spctl`: a signature problem with its words (`a sealed resource is missing or invalid`, `code object is not signed at all` …) and file.
    CodesignProblem { file: Option<String>, text: String, code: Option<i64> },
    /// `codesign` while signing: `resource fork, Finder information, or similar detritus not allowed`.
    Detritus { file: Option<String> },
    /// `codesign` (or `security`, Xcode) could not sign at all, and why.
    SigningFailed { why: SigningFailure },
    /// `codesign --verify` says the file is fine (`valid on disk`), or `spctl` `accepted`.
    SignatureAccepted { file: Option<String>, source: Option<String> },
    /// `spctl` says `rejected`: Gatekeeper's policy, not a fault of the signature; with its `source=`.
    PolicyRejected { file: Option<String>, source: Option<String> },
    /// `sw_vers`: the version of macOS on which it happened.
    SystemVersion { major: u16, minor: u16 },
    /// A line of `codesign -d` output about flags: the runtime flag is (not) there.
    DisplayedFlags { file: Option<String>, flags: u32 },
    /// `Format=… Mach-O thin (arm64)` of `codesign -d`: the only slice.
    DisplayedArch { file: Option<String>, arch: String },
    /// An entitlement key listed by `codesign -d --entitlements` in the text, true or false.
    DisplayedEntitlement { file: Option<String>, key: String, value: bool },
    /// `codesign -d --entitlements` printed nothing for the file.
    DisplayedNoEntitlements { file: Option<String> },
    /// A provisioning profile was shown (`security cms -D`) that is good on the Macs it names only.
    DisplayedProfile { file: Option<String> },
    /// `TeamIdentifier=` of `codesign -d`; `None` for `not set`.
    DisplayedTeam { file: Option<String>, team: Option<String> },
    /// An issue of a notary log.
    NotaryIssue { path: String, message: String, arch: Option<String>, is_error: bool },
    /// The notary's answer without its reasons: `status: Invalid`, or (`ticket`) `stapler` found no ticket.
    NotaryUnread { ticket: bool },
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
    Noise {
        #[serde(deserialize_with = "crate::read::stored::word")]
        why: Word,
    },
}

/// Why nothing could be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SigningFailure {
    /// The private key cannot be used: a locked keychain, or nobody there to ask (`errSecInternalComponent`, `User interaction is not allowed`).
    KeyNotUsable,
    /// Several certificates have the name (`ambiguous (matches …)`).
    Ambiguous,
    /// No certificate of that name with its key (`no identity found`).
    NoIdentity,
    /// The certificate is not one for code: Developer ID Installer signs packages (`this identity cannot be used for signing code`).
    WrongCertificate,
    /// codesign was called with a Developer ID Installer certificate and failed; what it said is not shown.
    InstallerNamed,
    /// The certificate's issuer is not there or not trusted (`unable to build chain to self-signed root`).
    NoChain,
    /// Apple's server for timestamps was not reached.
    NoTimestamp,
}

/// How the same program worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorksHow {
    /// A byte-identical copy in another place.
    Copied,
    /// Started directly instead of through a script.
    Direct,
    /// Under a debugger.
    Debugger,
}

/// A fact with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Line in the text, from 1.
    pub line: u32,
    /// The line as given, at most 500 characters.
    pub quote: String,
    /// What it says.
    pub fact: LogFact,
}

/// Reads a text. `lines` may be any number; memory is bounded by what is understood (at most 20,000 facts, the first and last kept).
pub fn read(text: &str) -> Vec<LogLine> {
    let plain = clean::without_escapes(text);
    let mut facts = read_plain(&plain);
    if matches!(plain, std::borrow::Cow::Owned(_)) {
        quote_again(&mut facts, text);
    }
    facts
}

/// Quotes are lines as they were given.
fn quote_again(facts: &mut [LogLine], text: &str) {
    let mut lines = (1_u32..).zip(text.split('\n'));
    let mut here = lines.next();
    for fact in facts {
        while here.is_some_and(|(number, _)| number < fact.line) {
            here = lines.next();
        }
        if let Some((number, line)) = here
            && number == fact.line
        {
            fact.quote = quote_of(line);
        }
    }
}

fn read_plain(text: &str) -> Vec<LogLine> {
    let report = has_json_report(text).then(|| crash::read(text).ok()).flatten().filter(|report| report.is_ips);
    let (mut facts, context) = reader::scan(text, report.is_some());
    facts.extend(shell::conclude(&context, &facts));
    if notary::is_one(text) {
        let issues = notary::read(&clean::text(text), text);
        // The sentence of an issue was read as a line of its own, without its file.
        let said: BTreeSet<&str> = issues.iter().filter_map(|issue| notary::said(&issue.fact)).map(|(_, sentence)| sentence).collect();
        facts.retain(|line| notary::said(&line.fact).is_none_or(|(path, sentence)| !path.is_empty() || !said.contains(sentence)));
        facts.extend(issues);
    }
    runtime::leave_out_containers(&mut facts);
    leave_out_nameless(&mut facts);
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

/// A reason that is quoted without its file says nothing where another line names a library that was refused.
fn leave_out_nameless(facts: &mut Vec<LogLine>) {
    let is_nameless = |fact: &LogFact| matches!(fact, LogFact::Load(failure) if failure.name.is_empty() && failure.file.is_none());
    let names = |fact: &LogFact| match fact {
        LogFact::Load(failure) => failure.reason.is_library_validation() && !failure.name.is_empty(),
        LogFact::LibraryValidationRejected { .. } => true,
        _ => false,
    };
    if facts.iter().any(|line| names(&line.fact)) {
        facts.retain(|line| !is_nameless(&line.fact));
    }
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
    let deaths: Vec<(u32, Option<i32>, Proc)> = facts
        .iter()
        .filter_map(|line| match &line.fact {
            LogFact::Died { process, signal, .. } if process.name.is_some() || process.pid.is_some() => {
                Some((line.line, *signal, process.clone()))
            }
            _ => None,
        })
        .collect();
    for line in facts {
        let at = line.line;
        let near = match &line.fact {
            LogFact::EngineMemory { process, .. } if *process == Proc::default() => deaths.iter().find(|(death, ..)| *death >= at),
            LogFact::Died { process, exit: Some(_), signal: Some(signal) } if *process == Proc::default() => {
                deaths.iter().rfind(|(death, of, _)| *death <= at && *of == Some(*signal))
            }
            _ => None,
        };
        if let (Some((death, _, found)), LogFact::EngineMemory { process, .. } | LogFact::Died { process, .. }) = (near, &mut line.fact)
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
    // tccd's sentence is one line, however the report was wrapped; dyld's message has lines of its own.
    let reasons = report.termination.as_ref().map(|termination| {
        let separator = if termination.namespace == "TCC" { " " } else { "\n" };
        termination.reasons.join(separator)
    });
    let reasons = reasons.unwrap_or_default();
    let parts = [("termination", reasons), ("message", report.messages.join("\n")), ("triage", report.triage.join("\n"))];
    let mut facts: Vec<LogLine> = Vec::new();
    for (field, text) in parts {
        let line = report.line(field).or_else(|| report.line("termination")).unwrap_or(1);
        for mut found in read_message(&text) {
            found.line = line;
            name_process(&mut found.fact, report);
            if !facts.iter().any(|known| known.fact == found.fact) {
                facts.push(found);
            }
        }
    }
    facts
}

/// A report's own messages are about its process.
fn name_process(fact: &mut LogFact, report: &CrashReport) {
    if let LogFact::TccUsageMissing { process, .. } | LogFact::TccEntitlementAbort { process, .. } | LogFact::EngineMemory { process, .. } =
        fact
        && *process == Proc::default()
    {
        *process = Proc { name: report.process.clone(), pid: report.pid, identifier: report.identifier.clone(), path: report.path.clone() };
    }
}

/// Reads dyld's reason text (the joined `reasons` of a crash report, or an error string) alone.
pub fn read_dyld(text: &str) -> Option<LoadFailure> {
    let cleaned: Vec<String> = text.lines().map(|line| clean::line(line).into_owned()).collect();
    dyld::read(&cleaned.join("\n"))
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

/// True when commands stand in a text, or a fence with more behind it: a property list among them is output, or a part of a post.
pub fn is_transcript(text: &str) -> bool {
    let body = text.trim_end().trim_end_matches('`');
    body.lines().any(|line| shell::prompt(line).is_some() || line.trim_start().starts_with("```"))
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
    if (plist || start.starts_with("<!--") && start.contains("<plist")) && !is_transcript(&text) {
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
