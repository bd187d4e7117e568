//! Crash reports: `.ips` (two JSON documents) and legacy `.crash` text, however they were pasted.

use super::ReadError;

/// A termination reason: `Namespace CODESIGNING, Code 2 Invalid Page`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
    /// Images.
    pub images: Vec<LoadedImage>,
    /// Triage lines.
    pub triage: Vec<String>,
    /// `sip`.
    pub sip: Option<String>,
    /// Lines (from 1) at which facts were found, by field name (`termination`, `exception`, `region`, `frame`, `cs_flags`, `message` …), for quoting.
    pub lines: Vec<(&'static str, u32)>,
    /// The report ends before its end.
    pub truncated: bool,
}

impl CrashReport {
    /// Line at which `field` was found.
    pub fn line(&self, field: &str) -> Option<u32> {
        self.lines.iter().find(|(name, _)| *name == field).map(|(_, line)| *line)
    }
}

/// Tells whether a text holds a crash report (either form, also quoted or without header).
pub fn looks_like_crash(_text: &str) -> bool {
    false
}

/// Reads a crash report. An error for a report of another kind (hang, spindump, panic …), which it names, and for text that is none.
pub fn read(_text: &str) -> Result<CrashReport, ReadError> {
    Err(ReadError::new("no crash report", 0))
}
