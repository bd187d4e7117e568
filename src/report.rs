//! The report: everything a face shows. Serialized as it stands to JSON (`temper-report/1`); the JSON Schema is `docs/report.schema.json`.
//!
//! Fields may be added, never change meaning without a new `schema`.

pub mod delta;

use crate::policy::constraint;
use crate::read::signature::ConstraintSlot;
use serde::Serialize;
use serde_json::{Map, Value};

/// The document.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// `temper-report/1`.
    pub schema: &'static str,
    /// What was examined.
    pub target: Target,
    /// `Apple`, or the name of the extra root.
    pub trust_anchor: String,
    /// Verdict.
    pub verdict: Verdict,
    /// Texts that were given.
    pub evidence: Vec<EvidenceItem>,
    /// Best first.
    pub diagnoses: Vec<Diagnosis>,
    /// All findings; diagnoses name them by index.
    pub findings: Vec<Finding>,
    /// Entitlements of each executable slice.
    pub entitlements: Vec<EntitlementState>,
    /// Protected resources: who asks, who is responsible, and what is there for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceUse>,
    /// Every slice.
    pub code: Vec<Code>,
    /// Who loads what.
    pub loads: Vec<Load>,
    /// Will macOS start it?
    pub spawn: Vec<Spawn>,
    /// What the notary would refuse.
    pub notary: Vec<Notary>,
    /// Lines that look alarming and are not the cause.
    pub noise: Vec<Noise>,
    /// What to get next.
    pub collect: Vec<Collect>,
    /// Build systems that made the app or will make it again.
    pub build_systems: Vec<BuildSystem>,
    /// What could not be looked at.
    pub gaps: Vec<GapItem>,
}

/// Verdict, first that holds (design §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The reported failure is accounted for.
    Explained,
    /// It is, and not by the hardened runtime or the signature.
    OtherCause,
    /// Evidence was given and does not decide.
    Undetermined,
    /// No evidence; a refusal or defect was found.
    AtRisk,
    /// No evidence; nothing found.
    Clear,
}

/// What was examined.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Target {
    /// As named.
    pub path: String,
    /// Base64 of a path that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
    /// app, framework, …
    pub kind: &'static str,
    /// Identifier.
    pub identifier: Option<String>,
    /// Main executable, relative.
    pub executable: Option<String>,
    /// Runtime flag of the main executable (of every slice); `None` when unknown.
    pub hardened: Option<bool>,
    /// Signer of the main executable.
    pub signer: Option<&'static str>,
    /// Team.
    pub team: Option<String>,
}

/// A text that was given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EvidenceItem {
    /// File name.
    pub source: String,
    /// crash-report, log, notary-log, entitlements, unusable.
    pub kind: &'static str,
    /// Process it is about.
    pub process: Option<String>,
    /// UUID of the slice that ran.
    pub uuid: Option<String>,
    /// this-build, another-build, another-program (it was not used), unknown.
    pub matches: &'static str,
    /// Older reports of the same crash, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
}

/// One diagnosis.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Diagnosis {
    /// Id of design §6.
    pub cause: &'static str,
    /// Scenario file stem.
    pub scenario: String,
    /// certain, likely, possible.
    pub confidence: &'static str,
    /// Executable or image it is about, relative; empty when unknown.
    pub subject: String,
    /// Slice.
    pub arch: Option<&'static str>,
    /// One sentence.
    pub summary: String,
    /// developer, other-developer, user, nobody.
    pub mended_by: &'static str,
    /// Indexes into [`Report::findings`], decisive first.
    pub findings: Vec<usize>,
    /// The rule of macOS that refuses, in words; `None` when no refusal is part of it.
    pub rule: Option<String>,
    /// Where the rule comes from.
    pub source: Option<String>,
    /// In the document's order.
    pub remedies: Vec<Remedy>,
}

/// What a diagnosis is about; see [`Diagnosis::identity`].
pub type Identity<'a> = (&'a str, &'a str, &'a str, Option<&'a str>);

impl Diagnosis {
    /// What it is about, the same in every report on the same app: cause, scenario, subject, and the file that a remedy is done on where it is another
    /// (the library that was refused). Words, confidence and slice may differ.
    pub fn identity(&self) -> Identity<'_> {
        let other = self.remedies.iter().filter_map(|remedy| remedy.on.as_deref()).find(|on| *on != self.subject);
        (self.cause, &self.scenario, &self.subject, other)
    }
}

/// One way to mend.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Remedy {
    /// recommended, alternative, fallback.
    pub rank: &'static str,
    /// The least change that mends the app as built. At most one remedy of a diagnosis.
    pub least: bool,
    /// It applies here.
    pub applies: bool,
    /// Why not.
    pub why_not: Option<String>,
    /// Code must be rewritten.
    pub needs_new_code: bool,
    /// Title.
    pub title: String,
    /// Executable (or file) it changes, relative.
    pub on: Option<String>,
    /// More executables it must be done on too, relative (helpers).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also_on: Vec<String>,
    /// Keys to add.
    pub add_entitlements: Vec<String>,
    /// Keys to take out.
    pub remove_entitlements: Vec<String>,
    /// Info.plist keys to add.
    pub add_info_plist: Vec<String>,
    /// What it gives away; `None` when nothing.
    pub weakens: Option<String>,
    /// Why it mends, and when it does not; a few sentences for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    /// Steps.
    pub steps: Vec<Step>,
}

/// One step of a remedy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// edit, run, manual.
    #[serde(rename = "do")]
    pub action: &'static str,
    /// File to edit.
    pub file: Option<String>,
    /// Unified diff of an edit.
    pub diff: Option<String>,
    /// Command as an argument list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub argv: Vec<String>,
    /// What to do, for people.
    pub text: String,
}

/// A finding as the report shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs)] // The same fields as finding::Finding, in words.
pub struct Finding {
    pub id: &'static str,
    pub kind: &'static str,
    pub subject: String,
    pub arch: Option<&'static str>,
    pub severity: &'static str,
    pub confidence: &'static str,
    pub message: String,
    pub location: Location,
    /// Apple's code (`errSecCS…`); absent when Apple has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    pub proof: Vec<Proof>,
}

impl Finding {
    /// The message, with Apple's code where there is one: what to search for.
    pub fn said(&self) -> String {
        self.code.map_or_else(|| self.message.clone(), |code| format!("{} (Apple's code {code})", self.message))
    }
}

/// Where a finding belongs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Location {
    pub path: String,
    pub place: String,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs)]
pub struct Proof {
    pub source: String,
    pub line: Option<u32>,
    pub offset: Option<u64>,
    pub address: Option<String>,
    pub quote: String,
}

/// Entitlements of one executable slice.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct EntitlementState {
    /// Executable, relative.
    pub executable: String,
    /// Slice.
    pub arch: &'static str,
    /// As embedded.
    pub present: Map<String, Value>,
    /// Keys its code needs, with proof or by a symptom.
    pub needed: Vec<String>,
    /// Needed and not there.
    pub missing: Vec<String>,
    /// There and proven not to be needed.
    pub excess: Vec<String>,
    /// There and without effect.
    pub inert: Vec<String>,
    /// There and covered by another.
    pub redundant: Vec<String>,
    /// Not there, and perhaps needed: something points to it and nothing proves it.
    pub possible: Vec<String>,
    /// Sets of keys that are there and give away more together than each alone.
    pub together: Vec<Together>,
    /// Why each key is where it is: those that are there, then the missing, then the possible.
    pub reasons: Vec<KeyReason>,
}

/// Keys that are dangerous together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Together {
    /// The keys.
    pub keys: Vec<String>,
    /// What they give away together.
    pub why: String,
}

/// Why a key is needed, or not.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct KeyReason {
    /// Key.
    pub key: String,
    /// needed, missing, possible, excess, inert, redundant, undecided.
    pub standing: &'static str,
    /// One sentence.
    pub why: String,
    /// Indexes into [`Report::findings`].
    pub findings: Vec<usize>,
    /// The rule of macOS that asks for it, and where that comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What to do instead of having the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
    /// Calls that show that it is not needed, or that keep that from being shown; at most 16.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proof: Vec<Proof>,
}

/// A protected resource that code can ask for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResourceUse {
    /// Name for people.
    pub resource: &'static str,
    /// Executable whose code asks, relative.
    pub asks: String,
    /// Slice.
    pub arch: &'static str,
    /// Executable that macOS holds responsible: the app's, for its helpers.
    pub responsible: String,
    /// Index into [`Report::findings`] of the use.
    pub finding: usize,
    /// certain, likely, possible: how sure the use is.
    pub confidence: &'static str,
    /// Key of the usage description that the Info.plist has, of those that count.
    pub usage_key: Option<String>,
    /// Entitlement of the hardened runtime, with whether the responsible executable has it.
    pub entitlement: &'static str,
    /// It has it.
    pub entitled: bool,
    /// Key that the sandbox asks for and that is there; `None` outside the sandbox or when it is missing.
    pub sandbox_key: Option<String>,
    /// asks, refused, ended, sandbox.
    pub verdict: &'static str,
    /// The rule.
    pub rule: &'static str,
}

/// One slice.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Code {
    /// Path, relative.
    pub path: String,
    /// Base64 of a path that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
    /// Slice.
    pub arch: &'static str,
    /// execute, dylib, bundle …
    #[serde(rename = "type")]
    pub file_type: &'static str,
    /// `0x10000`; `0x0` when unsigned.
    pub flags: String,
    /// Names of the flags.
    pub flag_names: Vec<&'static str>,
    /// Signing identifier.
    pub identifier: Option<String>,
    /// TeamIdentifier of the CodeDirectory.
    pub team: Option<String>,
    /// Signer kind.
    pub signer: &'static str,
    /// Leaf's common name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// Runtime version.
    pub runtime_version: Option<String>,
    /// 40 hex digits.
    pub cdhash: Option<String>,
    /// The designated requirement, when the signature holds one, in Apple's syntax.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirement: Option<String>,
    /// Launch and library constraints that the signature holds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<CodeConstraint>,
    /// LC_UUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Keys in order.
    pub entitlements: Vec<String>,
    /// Runtime flag.
    pub hardened: bool,
    /// valid, invalid, unsigned, unchecked.
    pub signature: &'static str,
    /// Ids of findings about it.
    pub problems: Vec<&'static str>,
}

/// A launch or library constraint in a signature.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CodeConstraint {
    /// Slot of the signature: 8 to 11.
    pub slot: u32,
    /// self, parent, responsible, library.
    pub on: &'static str,
    /// What it demands, in plain words; `None` when it cannot be read.
    pub demands: Option<String>,
    /// holds, depends, fails, unreadable; `None` of a library constraint, which is held against each library (see `loads`), and of what is never started.
    pub judgement: Option<&'static str>,
    /// The code that a launch constraint was held against; `None` when that is not known.
    pub against: Option<String>,
    /// The facts that are not met or not known, each by its name, or why it cannot be read.
    pub why: Vec<String>,
}

/// One load.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[allow(missing_docs)] // The fields of dyld::Load, in words.
pub struct Load {
    pub from: String,
    pub executable: String,
    pub arch: &'static str,
    pub name: String,
    pub to: Option<String>,
    pub verdict: &'static str,
    pub rule: String,
    /// required, weak, re-export, upward, lazy, dlopen, plug-in.
    pub kind: &'static str,
    /// Gatekeeper refuses it where library validation is off: it leads out of the bundle or nowhere.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dangling: bool,
}

/// Will macOS start it?
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Spawn {
    /// Executable.
    pub executable: String,
    /// Slice.
    pub arch: &'static str,
    /// runs, refused, unknown.
    pub verdict: &'static str,
    /// Why.
    pub why: String,
    /// Oldest macOS that can run the slice (`11.0`); `None` when it does not say.
    pub macos_from: Option<String>,
    /// Newest macOS that can; `None` for no end.
    pub macos_until: Option<String>,
    /// The rule of macOS that decides.
    pub rule: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// certain, likely, possible: how sure the rule is.
    pub confidence: &'static str,
    /// What it depends on besides: quarantine, the Macs of a profile.
    pub conditions: Vec<&'static str>,
}

/// What the notary would refuse.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Notary {
    /// Path; of code in an archive, the archive's with the entry's behind it.
    pub path: String,
    /// Slice.
    pub arch: Option<&'static str>,
    /// The notary's words.
    pub message: String,
}

/// A line that is not the cause.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Noise {
    /// Text.
    pub source: String,
    /// Line.
    pub line: u32,
    /// Why not.
    pub why: String,
}

/// What to get next.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Collect {
    /// Why.
    pub why: String,
    /// Command; empty when it is not one.
    pub argv: Vec<String>,
}

/// A build system, and the fix in its own words.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BuildSystem {
    /// File stem of its recipe.
    pub id: String,
    /// Name.
    pub name: String,
    /// What showed it, as the end of a sentence that begins with "because".
    pub why: String,
    /// Where its maker says so.
    pub sources: Vec<String>,
    /// What to paste, for the remedies of the first diagnosis that apply.
    pub texts: Vec<BuildText>,
    /// Edits of the project's plain files, for the same remedies.
    pub edits: Vec<BuildEdit>,
}

/// A text to paste.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuildText {
    /// Index of the remedy in the first diagnosis.
    pub remedy: usize,
    /// Where it goes, or what to know.
    pub title: String,
    /// File it goes into, when its name is known.
    pub file: Option<String>,
    /// plist, yaml, …
    pub language: &'static str,
    /// The text.
    pub text: String,
}

/// An edit of a plain file of the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuildEdit {
    /// Index of the remedy in the first diagnosis.
    pub remedy: usize,
    /// File.
    pub file: String,
    /// Unified diff.
    pub diff: String,
    /// Warnings, in words.
    pub warnings: Vec<String>,
}

/// What could not be looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GapItem {
    /// Path or text; empty for the whole run.
    pub path: String,
    /// Base64 of a path that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
    /// Why.
    pub why: String,
}

impl Verdict {
    /// The word of the JSON report.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Explained => "explained",
            Verdict::OtherCause => "other-cause",
            Verdict::Undetermined => "undetermined",
            Verdict::AtRisk => "at-risk",
            Verdict::Clear => "clear",
        }
    }
}

impl CodeConstraint {
    /// The constraint in plain words, with its judgement.
    pub fn said(&self) -> String {
        let slot = ConstraintSlot::ALL.into_iter().find(|slot| slot.number() == self.slot);
        let name = slot.map_or("constraint", constraint::name);
        let demands = self.demands.as_ref().map(|demands| format!(": {demands}")).unwrap_or_default();
        let of = self.against.as_ref().map(|code| format!(" for {code}")).unwrap_or_default();
        let why = self.why.join("; ");
        match self.judgement {
            Some("holds") => format!("{name}{demands}. Holds{of}"),
            Some("fails") => format!("{name}{demands}. Not met: {why}"),
            Some("depends") => format!("{name}{demands}. Not known: {why}"),
            Some(_) => format!("{name} (slot {}) cannot be read: {why}", self.slot),
            None => format!("{name}{demands}"),
        }
    }
}

impl Spawn {
    /// `macOS 11.0 and later`; empty when the slice does not say.
    pub fn systems(&self) -> String {
        match (&self.macos_from, &self.macos_until) {
            (Some(from), None) => format!("macOS {from} and later"),
            (Some(from), Some(until)) => format!("macOS {from} to {until}"),
            (None, Some(until)) => format!("macOS up to {until}"),
            (None, None) => String::new(),
        }
    }
}

impl Report {
    /// Slices that macOS would not start, of programs of which it would start no other slice: an old 32-bit slice beside a good one stops nothing.
    pub fn not_started(&self) -> impl Iterator<Item = &Spawn> {
        let runs: std::collections::HashSet<&str> =
            self.spawn.iter().filter(|spawn| spawn.verdict != "refused").map(|spawn| spawn.executable.as_str()).collect();
        self.spawn.iter().filter(move |spawn| spawn.verdict == "refused" && !runs.contains(spawn.executable.as_str()))
    }

    /// Exit status of a face that only reports: 0 nothing to report, 1 something found.
    pub fn exit_status(&self) -> u8 {
        u8::from(!(self.verdict == Verdict::Clear && self.diagnoses.is_empty()))
    }
}
