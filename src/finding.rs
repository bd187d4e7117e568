//! Finding: the only result of detectors, verification and lint.

use crate::read::macho::Arch;

/// What kind of thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// What code does, with proof.
    Need,
    /// What a report or log shows.
    Symptom,
    /// Something broken.
    Defect,
    /// Something unwise or without effect.
    Lint,
}

/// How bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Unwise.
    Warning,
    /// Broken.
    Error,
}

/// How sure. *certain* only with proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Confidence {
    /// Weak.
    Possible,
    /// One explanation left, or half of the proof.
    Likely,
    /// Proven by a rule with a primary source.
    Certain,
}

impl Kind {
    /// The word of the JSON report.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Need => "need",
            Kind::Symptom => "symptom",
            Kind::Defect => "defect",
            Kind::Lint => "lint",
        }
    }
}

impl Severity {
    /// The word of the JSON report.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl Confidence {
    /// The word of the JSON report.
    pub fn word(self) -> &'static str {
        match self {
            Confidence::Possible => "possible",
            Confidence::Likely => "likely",
            Confidence::Certain => "certain",
        }
    }
}

/// The place something was seen: a line of a text, or an offset or address in a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proof {
    /// Relative path of a file in the target, or name of an evidence text.
    pub source: String,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Byte offset in the file (slice offset included).
    pub offset: Option<u64>,
    /// Unslid address.
    pub address: Option<u64>,
    /// What stands there, at most 500 characters.
    pub quote: String,
}

/// Where a finding belongs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Location {
    /// Relative path of a file in the target, or name of an evidence text.
    pub path: String,
    /// Place in it, in words: `arm64, entitlements`, `line 12`, `__TEXT,__text`.
    pub place: String,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Kebab-case id: names what was found, never the cure (`jit-map-jit`, `library-refused`).
    pub id: &'static str,
    /// Kind.
    pub kind: Kind,
    /// Relative path of the executable or image it is about; empty when unknown.
    pub subject: String,
    /// Slice it is about.
    pub arch: Option<Arch>,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// One sentence for people.
    pub message: String,
    /// Where.
    pub location: Location,
    /// Apple's code for it (`errSecCS…`, −67062 and so on); `None` when Apple has none.
    pub code: Option<i32>,
    /// What was seen.
    pub proof: Vec<Proof>,
}
