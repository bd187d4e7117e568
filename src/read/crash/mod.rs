//! Crash reports: `.ips` (two JSON documents) and legacy `.crash` text, however they were pasted.

pub(in crate::read) mod clean;
mod glued;
mod ips;
pub(in crate::read) mod loose;
mod region;
mod text;

use super::{ReadError, Word};
use serde::{Deserialize, Serialize};

/// A termination reason: `Namespace CODESIGNING, Code 2 Invalid Page`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Termination {
    /// Namespace in capitals (`CODESIGNING`, `DYLD`, `TCC`, `SIGNAL` …).
    pub namespace: String,
    /// Code.
    pub code: u64,
    /// Indicator text (`Invalid Page`); empty when missing.
    pub indicator: String,
    /// Flags, when given.
    pub flags: Option<u64>,
    /// `reasons` and `details` in order (dyld's message is here).
    pub reasons: Vec<String>,
    /// Who ended it (`byProc`).
    pub by: Option<String>,
}

/// The region a fault address lies in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Region {
    /// Region type as written (`VM_ALLOCATE`, `__TEXT`, `mapped file`, `Memory Tag 255`, `JS JIT generated code`).
    pub kind: String,
    /// Start and end.
    pub range: (u64, u64),
    /// Current/maximum protection as written (`r-x/rwx`); empty when missing.
    pub protection: String,
    /// Share mode (`PRV`, `COW` …); empty when missing.
    pub share: String,
    /// Detail column: path or `Object_id=…`; empty for anonymous memory.
    pub detail: String,
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Frame {
    /// Image name (`libluajit-5.1.2.dylib`), `???` for none.
    pub image: String,
    /// Index into `images`, when known.
    pub image_index: Option<usize>,
    /// Address, when known.
    pub address: Option<u64>,
    /// Symbol, when given.
    pub symbol: Option<String>,
}

/// A loaded image.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LoadedImage {
    /// File name.
    pub name: String,
    /// Path; may be redacted (`/Users/USER/*/App`).
    pub path: String,
    /// UUID, upper case with hyphens; empty when missing.
    pub uuid: String,
    /// `arm64`, `x86_64` … as written; empty when missing.
    pub arch: String,
    /// Base address and size, when given.
    pub base: u64,
    /// Size; 0 when unknown.
    pub size: u64,
}

/// What a crash report says. Every field may be missing: people cut reports.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CrashReport {
    /// `.ips` (true) or text.
    pub is_ips: bool,
    /// `bug_type` of an `.ips` header; `None` when missing.
    pub bug_type: Option<String>,
    /// procName.
    pub process: Option<String>,
    /// pid.
    pub pid: Option<u64>,
    /// procPath.
    pub path: Option<String>,
    /// Bundle identifier.
    pub identifier: Option<String>,
    /// App version.
    pub version: Option<String>,
    /// parentProc.
    pub parent: Option<String>,
    /// responsibleProc.
    pub responsible: Option<String>,
    /// UUID of the main image (`slice_uuid`), upper case with hyphens.
    pub uuid: Option<String>,
    /// `X86-64`, `ARM-64` as written.
    pub cpu: Option<String>,
    /// Runs under Rosetta.
    pub translated: Option<bool>,
    /// `macOS 15.6 (24G84)`.
    pub os: Option<String>,
    /// When it was captured, as written.
    pub when: Option<String>,
    /// Exception type: `EXC_BAD_ACCESS`.
    pub exception: Option<String>,
    /// Signal as written: `SIGKILL (Code Signature Invalid)`, `SIGABRT`; `Code Signature Invalid` in the old spelling.
    pub signal: Option<String>,
    /// Subtype or codes text (`UNKNOWN_0x32 at 0x…`, `KERN_INVALID_ADDRESS at 0x…`).
    pub subtype: Option<String>,
    /// Exception codes as numbers.
    pub codes: Vec<u64>,
    /// Termination reason.
    pub termination: Option<Termination>,
    /// Fault address, from the codes or the subtype.
    pub fault_address: Option<u64>,
    /// The region of the fault address; `None` when the report says it is in none, or says nothing.
    pub region: Option<Region>,
    /// The report says that the address is not in any region.
    pub not_in_a_region: bool,
    /// Frames of the faulting thread, top first.
    pub frames: Vec<Frame>,
    /// The report says that there is no backtrace, or has no threads at all.
    pub no_backtrace: bool,
    /// Program counter of the faulting thread, when given.
    pub pc: Option<u64>,
    /// Application-specific information (asi), flattened in order; dyld error messages of old reports too.
    pub messages: Vec<String>,
    /// `codeSigningFlags` of the process.
    pub cs_flags: Option<u32>,
    /// `codeSigningID`; empty string kept.
    pub cs_identifier: Option<String>,
    /// `codeSigningTeamID`; empty string kept.
    pub cs_team: Option<String>,
    /// `codeSigningValidationCategory`.
    pub cs_category: Option<u64>,
    /// `codeSigningTrustLevel`; `None` too for 4294967295, which says that there is none.
    pub cs_trust_level: Option<u64>,
    /// Images.
    pub images: Vec<LoadedImage>,
    /// Triage lines.
    pub triage: Vec<String>,
    /// `sip`.
    pub sip: Option<String>,
    /// Lines (from 1) at which facts were found, by field name (`termination`, `exception`, `region`, `frame`, `cs_flags`, `message` …), for quoting.
    #[serde(deserialize_with = "crate::read::stored::words_with_lines")]
    pub lines: Vec<(Word, u32)>,
    /// The report ends before its end.
    pub truncated: bool,
}

impl CrashReport {
    /// Line at which `field` was found.
    pub fn line(&self, field: &str) -> Option<u32> {
        self.lines.iter().find(|(name, _)| *name == field).map(|(_, line)| *line)
    }
}

/// Most bytes of a report that are looked at. Real ones have at most a few megabytes.
const MAX_BYTES: usize = 64 << 20;

/// Headings of which one alone makes a text a crash report.
const STRONG: [&str; 7] = [
    "Exception Type:",
    "Termination Reason:",
    "Dyld Error Message:",
    "VM Region Info:",
    "VM Regions Near ",
    "Crashed Thread:",
    "Binary Images:",
];
/// Headings of which two do.
const WEAK: [&str; 9] = [
    "Process:",
    "Identifier:",
    "Code Type:",
    "Parent Process:",
    "OS Version:",
    "Report Version:",
    "Exception Codes:",
    "Application Specific Information:",
    "Date/Time:",
];

/// Tells whether a text holds a crash report (either form, also quoted or without header). True also for reports of another kind, which
/// [`read`] refuses by name.
pub fn looks_like_crash(text: &str) -> bool {
    let text = bounded(text);
    looks_like_json(text) || other_kind_of_text(text).is_some() || looks_like_text(text) || glued::is_one(text)
}

fn bounded(text: &str) -> &str {
    let mut end = text.len().min(MAX_BYTES);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or("")
}

fn looks_like_json(text: &str) -> bool {
    let has = |key: &str| memchr::memmem::find(text.as_bytes(), key.as_bytes()).is_some();
    if has("\"eventMessage\"") || has("\u{201c}eventMessage\u{201d}") {
        return false;
    }
    let keys = [
        "\"bug_type\"",
        "\"app_name\"",
        "\"os_version\"",
        "\"procName\"",
        "\"procPath\"",
        "\"termination\"",
        "\"exception\"",
        "\"usedImages\"",
        "\"faultingThread\"",
        "\"incident_id\"",
        "\"codeSigningFlags\"",
        "\"vmRegionInfo\"",
        "\u{201c}bug_type\u{201d}",
        "\u{201c}procName\u{201d}",
        "\u{201c}termination\u{201d}",
        "\u{201c}exception\u{201d}",
    ];
    keys.iter().filter(|key| has(key)).count() >= 2
}

/// Headings at the start of a line. A `kernel messages` line of a log that merely mentions one of them does not count.
fn looks_like_text(text: &str) -> bool {
    let mut weak = 0_usize;
    // A report has its headings near its start; a log of any size is not read to the end for this.
    for line in text.lines().take(4_000) {
        let line = clean::line(bounded_line(line));
        let line = line.trim_start_matches(|c: char| c.is_whitespace() || c.is_ascii_digit() || c == ':');
        if STRONG.iter().any(|heading| line.starts_with(heading)) || crashed_thread(line) || text::summary(line).is_some() {
            return true;
        }
        if WEAK.iter().any(|heading| line.starts_with(heading)) {
            weak = weak.saturating_add(1);
        }
    }
    weak >= 2
}

fn bounded_line(line: &str) -> &str {
    let mut end = line.len().min(4_096);
    while !line.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    line.get(..end).unwrap_or("")
}

/// `Thread 0 Crashed::`.
fn crashed_thread(line: &str) -> bool {
    line.strip_prefix("Thread ").is_some_and(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()).starts_with(" Crashed:"))
}

/// Reads a crash report. An error for a report of another kind (hang, spindump, panic …), which it names, and for text that is none.
pub fn read(text: &str) -> Result<CrashReport, ReadError> {
    let cleaned = clean::text(bounded(text));
    let mut report = read_cleaned(&cleaned)?;
    if report.frames.is_empty() {
        report.frames = text::retold_frames(&cleaned);
        report.no_backtrace &= report.frames.is_empty();
    }
    Ok(report)
}

fn read_cleaned(cleaned: &str) -> Result<CrashReport, ReadError> {
    if looks_like_json(cleaned) {
        return read_json(cleaned);
    }
    if let Some(kind) = other_kind_of_text(cleaned) {
        return Err(ReadError::new(format!("{kind}, not a crash report"), 0));
    }
    if let Some(separated) = glued::separated(cleaned) {
        let mut report = text::read(&separated.text);
        separated.restore(&mut report);
        return Ok(report);
    }
    if !looks_like_text(cleaned) {
        return Err(ReadError::new("not a crash report", 0));
    }
    Ok(text::read(cleaned))
}

fn read_json(cleaned: &str) -> Result<CrashReport, ReadError> {
    let straight;
    let mut cleaned = cleaned;
    if cleaned.contains(['\u{201c}', '\u{201d}']) && !cleaned.contains("\" :") && !cleaned.contains("\":") {
        straight = cleaned.replace(['\u{201c}', '\u{201d}'], "\"");
        cleaned = &straight;
    }
    let documents = ips::find(cleaned);
    let bug_type = documents.header.as_ref().and_then(ips::bug_type).or_else(|| documents.body.as_ref().and_then(ips::bug_type));
    if let Some(kind) = bug_type.as_deref().and_then(other_kind) {
        let number = bug_type.unwrap_or_default();
        return Err(ReadError::new(format!("{kind} (bug_type {number}), not a crash report"), 0));
    }
    // Before the JSON stands the translated report; with a header alone the text after it (iOS, macOS 12) is the report.
    let before = cleaned.get(..documents.start.min(cleaned.len())).unwrap_or("");
    let translated = if documents.body.is_none() { cleaned } else { before };
    let from_text = looks_like_text(translated).then(|| text::read(translated));
    match (documents.body.is_some(), documents.header.is_some(), from_text) {
        (true, _, None) => Ok(ips::read(cleaned, &documents)),
        (true, _, Some(second)) => Ok(filled(ips::read(cleaned, &documents), second)),
        (false, true, Some(second)) => Ok(filled(second, CrashReport { is_ips: false, ..ips::read(cleaned, &documents) })),
        (false, true, None) => Ok(ips::read(cleaned, &documents)),
        (false, false, Some(second)) => Ok(second),
        (false, false, None) => Err(ReadError::new("not a crash report", 0)),
    }
}

/// The first report with what it lacks taken from the second.
fn filled(first: CrashReport, second: CrashReport) -> CrashReport {
    fn longer<T>(first: Vec<T>, second: Vec<T>) -> Vec<T> {
        if first.is_empty() { second } else { first }
    }
    let mut lines = first.lines;
    for (field, line) in second.lines {
        if !lines.iter().any(|(known, _)| *known == field) {
            lines.push((field, line));
        }
    }
    CrashReport {
        is_ips: first.is_ips,
        bug_type: first.bug_type.or(second.bug_type),
        process: first.process.or(second.process),
        pid: first.pid.or(second.pid),
        path: first.path.or(second.path),
        identifier: first.identifier.or(second.identifier),
        version: first.version.or(second.version),
        parent: first.parent.or(second.parent),
        responsible: first.responsible.or(second.responsible),
        uuid: first.uuid.or(second.uuid),
        cpu: first.cpu.or(second.cpu),
        translated: first.translated.or(second.translated),
        os: first.os.or(second.os),
        when: first.when.or(second.when),
        exception: first.exception.or(second.exception),
        signal: first.signal.or(second.signal),
        subtype: first.subtype.or(second.subtype),
        codes: longer(first.codes, second.codes),
        termination: first.termination.or(second.termination),
        fault_address: first.fault_address.or(second.fault_address),
        region: first.region.or(second.region),
        not_in_a_region: first.not_in_a_region || second.not_in_a_region,
        no_backtrace: first.no_backtrace && second.frames.is_empty(),
        frames: longer(first.frames, second.frames),
        pc: first.pc.or(second.pc),
        messages: longer(first.messages, second.messages),
        cs_flags: first.cs_flags.or(second.cs_flags),
        cs_identifier: first.cs_identifier.or(second.cs_identifier),
        cs_team: first.cs_team.or(second.cs_team),
        cs_category: first.cs_category.or(second.cs_category),
        cs_trust_level: first.cs_trust_level.or(second.cs_trust_level),
        images: longer(first.images, second.images),
        triage: longer(first.triage, second.triage),
        sip: first.sip.or(second.sip),
        lines,
        truncated: first.truncated,
    }
}

/// The code that an indicator text stands for, where somebody left the number out (xnu: bsd/sys/reason.h, dyld: mach-o/dyld_priv.h); 0 when unknown.
fn code_of(namespace: &str, indicator: &str) -> u64 {
    const CODES: [(&str, &str, u64); 8] = [
        ("CODESIGNING", "Taskgated Invalid Signature", 1),
        ("CODESIGNING", "Invalid Page", 2),
        ("CODESIGNING", "Launch Constraint Violation", 4),
        ("DYLD", "Library missing", 1),
        ("DYLD", "Wrong architecture", 2),
        ("DYLD", "Incompatible library version", 3),
        ("DYLD", "Symbol missing", 4),
        ("DYLD", "Code Signature", 5),
    ];
    CODES.iter().find(|(known, words, _)| *known == namespace && indicator.starts_with(words)).map_or(0, |(.., code)| *code)
}

/// What a `bug_type` other than a crash is.
fn other_kind(bug_type: &str) -> Option<&'static str> {
    match bug_type.trim() {
        "109" | "308" | "309" | "327" | "" => None,
        "288" | "228" | "284" | "278" => Some("a stackshot or hang report"),
        "210" => Some("a kernel panic report"),
        "298" | "198" => Some("a memory pressure (Jetsam) report"),
        "115" => Some("a reset counter report"),
        "142" | "145" | "202" | "206" => Some("a resource use report (CPU, wakeups or disk writes)"),
        "225" | "226" | "385" => Some("a system diagnosis report"),
        _ => Some("a diagnostic report of another kind"),
    }
}

/// What a text report other than a crash is.
fn other_kind_of_text(text: &str) -> Option<&'static str> {
    for line in text.lines().take(200) {
        let line = clean::line(bounded_line(line));
        let line = line.trim();
        if line.starts_with("Analysis of sampling ") {
            return Some("a sample of a running process");
        }
        if line.starts_with("panic(cpu ") || line.starts_with("Kernel Panic Report") {
            return Some("a kernel panic report");
        }
        if line.starts_with("sysdiagnose ") || line.starts_with("Starting sysdiagnose") {
            return Some("a sysdiagnose log");
        }
        if line.starts_with("Data Source:") && line.contains("Stackshot") || line.starts_with("Heaviest stack for the") {
            return Some("a spindump");
        }
        if let Some(event) = line.strip_prefix("Event:") {
            match event.trim() {
                "hang" | "unresponsive" => return Some("a hang report"),
                "cpu usage" | "wakeups" | "disk writes" => return Some("a resource use report (CPU, wakeups or disk writes)"),
                _ => {}
            }
        }
    }
    None
}

#[cfg(test)]
mod tests;
