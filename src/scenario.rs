//! The documented issues, in words: `scenarios/*.toml`, embedded and checked. Every string for people about an issue lives there, not in code.

use serde::Deserialize;

/// When a remedy applies. A closed set: an unknown name in a scenario file is refused. Decided by `diagnose`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// The slice is arm64 or arm64e and runs natively.
    Arm64,
    /// The slice is x86_64 (or runs under Rosetta).
    X86_64,
    /// The code maps with MAP_JIT (proven or by the engine).
    UsesMapJit,
    /// The code makes written pages executable without MAP_JIT.
    FlipsPages,
    /// The code asks for memory that is writable and executable at once without MAP_JIT.
    MapsWriteExecute,
    /// The faulting page belongs to a file.
    PatchesCode,
    /// The executable carries `allow-jit` already.
    HasAllowJit,
    /// The executable carries the key that the remedy would add already.
    HasKey,
    /// The executable is hardened.
    Hardened,
    /// The executable is sandboxed.
    Sandboxed,
    /// The refused file lies in the bundle, so that its owner can sign it.
    InsideBundle,
    /// The refused file lies outside: another developer's.
    OutsideBundle,
    /// The executable is signed ad hoc or linker-signed: there is no team.
    NoTeam,
    /// The executable has a team.
    HasTeam,
    /// The usage string is missing.
    UsageMissing,
    /// The entitlement is missing.
    EntitlementMissing,
    /// It is a development build (get-task-allow, or an Apple Development signature).
    DevelopmentBuild,
    /// The file is a distribution build (Developer ID, App Store).
    DistributionBuild,
    /// The main executable is a script, or a script starts the program.
    ThroughScript,
    /// There is no bundle that could hold a provisioning profile.
    BareExecutable,
}

/// Rank of a remedy: the document's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rank {
    /// Recommended.
    Recommended,
    /// Alternative.
    Alternative,
    /// Fallback.
    Fallback,
}

impl Rank {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Rank::Recommended => "recommended",
            Rank::Alternative => "alternative",
            Rank::Fallback => "fallback",
        }
    }
}

/// One issue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// File stem.
    #[serde(skip)]
    pub id: String,
    /// Cause id of design §6.
    pub cause: String,
    /// Short title ("Code is generated at run time").
    pub title: String,
    /// The issue as a person would say it.
    pub issue: String,
    /// Number in the user's document (1–8), if it is one of them.
    #[serde(default)]
    pub document_issue: Option<u8>,
    /// Why macOS refuses; plain words, a paragraph.
    pub why: String,
    /// What it is not: look-alikes.
    #[serde(default)]
    pub not_this: String,
    /// For a protected resource: its entitlement, usage keys, TCC service.
    #[serde(default)]
    pub resource: Option<Resource>,
    /// In the document's order.
    #[serde(default, rename = "remedy")]
    pub remedies: Vec<Remedy>,
    /// How to see that it is mended.
    #[serde(default)]
    pub prove: String,
    /// Where Apple says so: page titles or source files.
    #[serde(default)]
    pub sources: Vec<String>,
}

/// A protected resource.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Name for people ("the microphone").
    pub name: String,
    /// TCC services (`kTCCServiceMicrophone`).
    pub services: Vec<String>,
    /// Hardened-runtime entitlement.
    pub entitlement: String,
    /// Usage keys: the first is the one to add.
    pub usage_keys: Vec<String>,
    /// Keys that people write by mistake, without effect.
    #[serde(default)]
    pub wrong_usage_keys: Vec<String>,
    /// Entitlements that people write by mistake (sandbox keys).
    #[serde(default)]
    pub wrong_entitlements: Vec<String>,
    /// Class names, functions and selectors that show use (`_OBJC_CLASS_$_AVCaptureDevice`).
    #[serde(default)]
    pub symbols: Vec<String>,
}

/// One way to mend.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remedy {
    /// Kebab-case id, unique in the scenario.
    pub id: String,
    /// Rank.
    pub rank: Rank,
    /// Title: an instruction.
    pub title: String,
    /// Why it mends; when it does not.
    pub explanation: String,
    /// Code must be rewritten; never `least`.
    #[serde(default)]
    pub needs_new_code: bool,
    /// May be the least change. False for what must never be called least (an entitlement for patched frameworks …).
    #[serde(default)]
    pub may_be_least: bool,
    /// Entitlements to add on the subject.
    #[serde(default)]
    pub add_entitlements: Vec<String>,
    /// Entitlements to take out.
    #[serde(default)]
    pub remove_entitlements: Vec<String>,
    /// Info.plist keys to add.
    #[serde(default)]
    pub add_info_plist: Vec<String>,
    /// What it gives away.
    #[serde(default)]
    pub weakens: Option<String>,
    /// For a development build only: never ship it.
    #[serde(default)]
    pub development_only: bool,
    /// All must hold.
    #[serde(default)]
    pub when: Vec<Condition>,
    /// None may hold.
    #[serde(default)]
    pub unless: Vec<Condition>,
    /// Said when a condition fails, by condition name; else a general sentence.
    #[serde(default)]
    pub why_not: std::collections::BTreeMap<String, String>,
    /// What to do by hand, in order. Signing and editing steps are added by `fix`.
    #[serde(default)]
    pub manual: Vec<String>,
    /// The remedy ends in signing again.
    #[serde(default)]
    pub resign: bool,
}

/// All scenarios, embedded, in file order. A user's own folder is added by the caller.
pub fn all() -> &'static [Scenario] {
    &[]
}

/// The scenario with that file stem.
pub fn by_id(id: &str) -> Option<&'static Scenario> {
    all().iter().find(|scenario| scenario.id == id)
}

/// Parses one file; an error names the line and what is wrong.
pub fn parse(_id: &str, _text: &str) -> Result<Scenario, String> {
    Err("not implemented".into())
}

/// The interview: a tree of questions that leads from a symptom to a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interview {
    /// Id of the first question.
    pub start: String,
    /// Questions.
    #[serde(rename = "question")]
    pub questions: Vec<Question>,
}

/// One question.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Id.
    pub id: String,
    /// The question.
    pub ask: String,
    /// How do I find out? Commands and places.
    pub how: String,
    /// Answers.
    #[serde(rename = "answer")]
    pub answers: Vec<Answer>,
}

/// One answer: leads to another question or to a scenario (exactly one of the two).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Text.
    pub text: String,
    /// Next question.
    #[serde(default)]
    pub next: Option<String>,
    /// Scenario reached.
    #[serde(default)]
    pub scenario: Option<String>,
}

/// The embedded interview.
pub fn interview() -> &'static Interview {
    static EMPTY: std::sync::LazyLock<Interview> = std::sync::LazyLock::new(|| Interview { start: String::new(), questions: Vec::new() });
    &EMPTY
}
