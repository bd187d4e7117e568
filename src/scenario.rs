//! The documented issues, in words: `scenarios/*.toml`, embedded and checked. Every string for people about an issue lives there, not in code.

use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Cause ids that a scenario may name (design: causes), the documented issues first.
pub const CAUSES: [&str; 20] = [
    "jit",
    "framework-patching",
    "in-place-update",
    "library-validation",
    "dyld-debug",
    "dyld-shipping",
    "dyld-path",
    "debugger-attach",
    "plugin-debugging",
    "protected-resource",
    "not-hardened",
    "entitlements-malformed",
    "signature-invalid",
    "restricted-entitlement",
    "misplaced-entitlement",
    "sandbox",
    "launch-constraint",
    "gatekeeper",
    "notarization",
    "not-signing",
];

/// Scenario files: (file stem, text). A new file is one line here.
const FILES: [(&str, &str); 27] = [
    ("jit", include_str!("../scenarios/jit.toml")),
    ("framework-patching", include_str!("../scenarios/framework-patching.toml")),
    ("in-place-update", include_str!("../scenarios/in-place-update.toml")),
    ("library-validation", include_str!("../scenarios/library-validation.toml")),
    ("dyld-debug", include_str!("../scenarios/dyld-debug.toml")),
    ("dyld-shipping", include_str!("../scenarios/dyld-shipping.toml")),
    ("dyld-path", include_str!("../scenarios/dyld-path.toml")),
    ("debugger-attach", include_str!("../scenarios/debugger-attach.toml")),
    ("plugin-debugging", include_str!("../scenarios/plugin-debugging.toml")),
    ("microphone", include_str!("../scenarios/microphone.toml")),
    ("camera", include_str!("../scenarios/camera.toml")),
    ("location", include_str!("../scenarios/location.toml")),
    ("contacts", include_str!("../scenarios/contacts.toml")),
    ("calendars", include_str!("../scenarios/calendars.toml")),
    ("photos", include_str!("../scenarios/photos.toml")),
    ("apple-events", include_str!("../scenarios/apple-events.toml")),
    ("other-resource", include_str!("../scenarios/other-resource.toml")),
    ("not-hardened", include_str!("../scenarios/not-hardened.toml")),
    ("entitlements-malformed", include_str!("../scenarios/entitlements-malformed.toml")),
    ("signature-invalid", include_str!("../scenarios/signature-invalid.toml")),
    ("restricted-entitlement", include_str!("../scenarios/restricted-entitlement.toml")),
    ("misplaced-entitlement", include_str!("../scenarios/misplaced-entitlement.toml")),
    ("sandbox", include_str!("../scenarios/sandbox.toml")),
    ("launch-constraint", include_str!("../scenarios/launch-constraint.toml")),
    ("gatekeeper", include_str!("../scenarios/gatekeeper.toml")),
    ("notarization", include_str!("../scenarios/notarization.toml")),
    ("not-signing", include_str!("../scenarios/not-signing.toml")),
];

/// When a remedy applies. A closed set: an unknown name in a scenario file is refused. Decided by `diagnose`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// The slice is arm64 or arm64e and runs natively.
    Arm64,
    /// The slice is x86_64 (or runs under Rosetta).
    #[serde(rename = "x86-64")]
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

impl Condition {
    /// The name in a scenario file (`uses-map-jit`), which `why_not` uses as its key.
    pub fn word(self) -> &'static str {
        match self {
            Condition::Arm64 => "arm64",
            Condition::X86_64 => "x86-64",
            Condition::UsesMapJit => "uses-map-jit",
            Condition::FlipsPages => "flips-pages",
            Condition::MapsWriteExecute => "maps-write-execute",
            Condition::PatchesCode => "patches-code",
            Condition::HasAllowJit => "has-allow-jit",
            Condition::HasKey => "has-key",
            Condition::Hardened => "hardened",
            Condition::Sandboxed => "sandboxed",
            Condition::InsideBundle => "inside-bundle",
            Condition::OutsideBundle => "outside-bundle",
            Condition::NoTeam => "no-team",
            Condition::HasTeam => "has-team",
            Condition::UsageMissing => "usage-missing",
            Condition::EntitlementMissing => "entitlement-missing",
            Condition::DevelopmentBuild => "development-build",
            Condition::DistributionBuild => "distribution-build",
            Condition::ThroughScript => "through-script",
            Condition::BareExecutable => "bare-executable",
        }
    }
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
    /// TCC services (`kTCCServiceMicrophone`); empty for the location, which `locationd` guards.
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
    /// How the signing differs from the present one; by default it does not.
    #[serde(default)]
    pub signing: Signing,
}

/// How a remedy signs, where that differs from the present signature.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signing {
    /// Runtime flag: `true` switches it on for every executable that is signed, `false` signs without it. As it is when absent.
    #[serde(default)]
    pub runtime: Option<bool>,
    /// With a Developer ID and a secure timestamp, whoever signed before.
    #[serde(default)]
    pub distribution: bool,
    /// With an entitlements file that the user corrects by hand, when Temper has no edit of its own: what is signed now must not be kept.
    #[serde(default)]
    pub own_file: bool,
    /// Every code object of the target, not only the changed ones and what holds them.
    #[serde(default)]
    pub everything: bool,
}

/// All scenarios, embedded, in file order. A user's own folder is added by the caller.
pub fn all() -> &'static [Scenario] {
    static ALL: LazyLock<Vec<Scenario>> = LazyLock::new(|| {
        FILES.iter().map(|(id, text)| parse(id, text).expect("the embedded scenarios parse: a test reads every one of them")).collect()
    });
    &ALL
}

/// The scenario with that file stem.
pub fn by_id(id: &str) -> Option<&'static Scenario> {
    all().iter().find(|scenario| scenario.id == id)
}

impl Scenario {
    /// The remedy with that id.
    pub fn remedy(&self, id: &str) -> Option<&Remedy> {
        self.remedies.iter().find(|remedy| remedy.id == id)
    }

    /// The remedy with that title; titles are unique in a scenario.
    pub fn remedy_titled(&self, title: &str) -> Option<&Remedy> {
        self.remedies.iter().find(|remedy| remedy.title == title)
    }
}

/// Parses one file; an error names the line and what is wrong.
pub fn parse(id: &str, text: &str) -> Result<Scenario, String> {
    let mut scenario: Scenario = toml::from_str(text).map_err(|error| at_line(id, text, &error))?;
    scenario.id = id.to_owned();
    check(&scenario).map_err(|fault| format!("{id}.toml, line {}: {}", line_of(text, &fault.near), fault.what))?;
    Ok(scenario)
}

/// A rule of scenario files that was broken, and a text that stands near the place.
struct RuleFault {
    near: String,
    what: String,
}

/// Entitlements that take a protection away, so that a remedy adding one must say what is lost. The resource keys only allow the user to be asked.
fn takes_protection_away(key: &str) -> bool {
    key.starts_with("com.apple.security.cs.") || key == "com.apple.security.get-task-allow"
}

/// The rules every scenario keeps, embedded or a user's own.
fn check(scenario: &Scenario) -> Result<(), RuleFault> {
    if !CAUSES.contains(&scenario.cause.as_str()) {
        return Err(RuleFault { near: format!("\"{}\"", scenario.cause), what: format!("unknown cause `{}`", scenario.cause) });
    }
    if scenario.document_issue.is_some_and(|number| !(1..=8).contains(&number)) {
        return Err(RuleFault { near: "document_issue".into(), what: "document_issue is a number from 1 to 8".into() });
    }
    let mut ids = BTreeSet::new();
    let mut titles = BTreeSet::new();
    let mut rank = Rank::Recommended;
    for remedy in &scenario.remedies {
        let broken = if !ids.insert(remedy.id.as_str()) {
            Some("two remedies have this id")
        } else if !titles.insert(remedy.title.as_str()) {
            Some("two remedies have the title of this one")
        } else if remedy.rank < rank {
            Some("remedies stand in the order recommended, alternative, fallback")
        } else {
            broken_rule(remedy)
        };
        if let Some(what) = broken {
            return Err(RuleFault { near: format!("\"{}\"", remedy.id), what: format!("remedy `{}`: {what}", remedy.id) });
        }
        rank = remedy.rank;
    }
    Ok(())
}

/// The rules one remedy keeps; the broken one, if any.
fn broken_rule(remedy: &Remedy) -> Option<&'static str> {
    let weakening = remedy.add_entitlements.iter().any(|key| takes_protection_away(key)) || remedy.signing.runtime == Some(false);
    if remedy.needs_new_code && remedy.may_be_least {
        return Some("what needs new code is never the least change");
    }
    if weakening && remedy.weakens.as_deref().unwrap_or_default().trim().is_empty() {
        return Some("it takes a protection away and does not say which (`weakens`)");
    }
    let named = |name: &String| remedy.when.iter().chain(&remedy.unless).any(|condition| condition.word() == name);
    if !remedy.why_not.keys().all(named) {
        return Some("`why_not` names a condition that is neither in `when` nor in `unless`");
    }
    None
}

/// A TOML error with file and line.
fn at_line(id: &str, text: &str, error: &toml::de::Error) -> String {
    let offset = error.span().map_or(0, |span| span.start);
    let line = text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
    format!("{id}.toml, line {line}: {}", error.message().trim_end())
}

/// Line of the first occurrence of `near`, from 1.
fn line_of(text: &str, near: &str) -> usize {
    text.lines().position(|line| line.contains(near)).unwrap_or(0) + 1
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

impl Interview {
    /// The question with that id.
    pub fn question(&self, id: &str) -> Option<&Question> {
        self.questions.iter().find(|question| question.id == id)
    }
}

/// Parses an interview; an error names the line, or the question whose answer leads nowhere.
pub fn parse_interview(text: &str) -> Result<Interview, String> {
    let interview: Interview = toml::from_str(text).map_err(|error| at_line("interview", text, &error))?;
    if interview.question(&interview.start).is_none() {
        return Err(format!("interview.toml: there is no question `{}` to start from", interview.start));
    }
    for question in &interview.questions {
        for answer in &question.answers {
            let leads = match (&answer.next, &answer.scenario) {
                (Some(next), None) => interview.question(next).is_some(),
                (None, Some(scenario)) => FILES.iter().any(|(id, _)| id == scenario),
                _ => false,
            };
            if !leads {
                let line = line_of(text, &answer.text);
                return Err(format!("interview.toml, line {line}: an answer to `{}` leads nowhere: {}", question.id, answer.text));
            }
        }
    }
    Ok(interview)
}

/// The embedded interview.
pub fn interview() -> &'static Interview {
    static INTERVIEW: LazyLock<Interview> = LazyLock::new(|| {
        parse_interview(include_str!("../scenarios/interview.toml")).expect("the embedded interview parses: a test walks all of it")
    });
    &INTERVIEW
}

#[cfg(test)]
mod tests;
