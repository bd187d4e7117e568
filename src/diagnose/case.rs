//! The case that the rules look at: what was detected, with the questions rules ask of it; and what a rule answers.

use crate::detect::{Clue, Detected, MemoryUse, Scene};
use crate::evidence::Image;
use crate::finding::{Confidence, Finding};
use crate::policy::{self, Process};
use crate::read::macho::Arch;
use crate::scenario::Condition;
use std::collections::BTreeSet;

/// Who can mend it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MendedBy {
    Developer,
    OtherDeveloper,
    User,
    Nobody,
}

impl MendedBy {
    pub(crate) fn word(self) -> &'static str {
        match self {
            MendedBy::Developer => "developer",
            MendedBy::OtherDeveloper => "other-developer",
            MendedBy::User => "user",
            MendedBy::Nobody => "nobody",
        }
    }
}

/// What a rule answers: a diagnosis before its words are taken from the scenario.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    pub cause: &'static str,
    pub scenario: &'static str,
    pub subject: String,
    pub arch: Option<Arch>,
    pub confidence: Confidence,
    pub summary: String,
    /// Indexes of detected findings, decisive first.
    pub findings: Vec<usize>,
    /// (rule, source).
    pub rule: Option<(String, String)>,
    pub mended_by: MendedBy,
    /// It accounts for the reported failure.
    pub accounts: bool,
    /// Among equals: lower first.
    pub order: u8,
    pub facts: BTreeSet<Condition>,
    /// Remedies that fit; empty: all, by their conditions.
    pub only: Vec<&'static str>,
    /// File that a signing remedy is about, when it is not the subject.
    pub file: Option<String>,
    /// More executables that need the same keys.
    pub also_on: Vec<String>,
    /// Keys to add instead of those of the scenario.
    pub add: Option<Vec<String>>,
    /// Keys to take out instead of those of the scenario.
    pub remove: Option<Vec<String>>,
    /// Info.plist keys to add instead of those of the scenario.
    pub info_plist: Option<Vec<String>>,
    /// Why no remedy that adds a key applies.
    pub no_keys: Option<String>,
}

impl Candidate {
    pub(crate) fn new(cause: &'static str, scenario: &'static str, confidence: Confidence, summary: String) -> Self {
        Self {
            cause,
            scenario,
            subject: String::new(),
            arch: None,
            confidence,
            summary,
            findings: Vec::new(),
            rule: None,
            mended_by: MendedBy::Developer,
            accounts: false,
            order: 50,
            facts: BTreeSet::new(),
            only: Vec::new(),
            file: None,
            also_on: Vec::new(),
            add: None,
            remove: None,
            info_plist: None,
            no_keys: None,
        }
    }

    /// Says which executable it is about, with what follows from its signature.
    pub(crate) fn about(mut self, image: Option<&Image>) -> Self {
        if let Some(image) = image {
            self.subject = image.path.to_string_lossy().into_owned();
            self.arch = Some(image.arch());
            self.facts.extend(signature_facts(image));
        }
        self
    }

    /// Takes subject and slice from a finding when no image is known.
    pub(crate) fn like(mut self, finding: &Finding) -> Self {
        if self.subject.is_empty() {
            self.subject = finding.subject.clone();
            self.arch = finding.arch;
        }
        self
    }

    pub(crate) fn refused_by(mut self, decision: &policy::Decision) -> Self {
        if !decision.allowed {
            self.rule = Some((decision.rule.to_owned(), decision.source.to_owned()));
        }
        self
    }
}

/// Conditions that the signature of an executable decides.
pub(crate) fn signature_facts(image: &Image) -> Vec<Condition> {
    use crate::read::cms::SignerKind;
    let process = Process::of(image);
    let mut facts = vec![if image.arch().is_arm64() { Condition::Arm64 } else { Condition::X86_64 }];
    let mut add = |holds: bool, condition: Condition| {
        if holds {
            facts.push(condition);
        }
    };
    add(process.is_hardened(), Condition::Hardened);
    add(process.has(policy::key::APP_SANDBOX), Condition::Sandboxed);
    add(process.has(policy::key::ALLOW_JIT), Condition::HasAllowJit);
    add(process.team.is_none(), Condition::NoTeam);
    add(process.team.is_some(), Condition::HasTeam);
    let development = process.has(policy::key::GET_TASK_ALLOW) || process.signer == SignerKind::AppleDevelopment;
    add(development, Condition::DevelopmentBuild);
    add(
        matches!(process.signer, SignerKind::DeveloperId | SignerKind::AppStore | SignerKind::TestFlight) && !development,
        Condition::DistributionBuild,
    );
    add(image.main_of.is_none(), Condition::BareExecutable);
    facts
}

/// How code that runs in a process uses memory, with the finding that says so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Use {
    pub how: MemoryUse,
    pub confidence: Confidence,
    /// Index in [`Case::detected`].
    pub index: usize,
}

/// Everything the rules look at.
pub(crate) struct Case<'a> {
    pub scene: &'a Scene<'a>,
    pub detected: &'a [Detected],
}

impl<'a> Case<'a> {
    /// Detected things whose clue fits, with their index.
    pub(crate) fn clues<'b>(&'b self, fits: impl Fn(&Clue) -> bool + 'b) -> impl Iterator<Item = (usize, &'a Detected)> + 'b {
        self.detected.iter().enumerate().filter(move |(_, d)| fits(&d.clue))
    }

    pub(crate) fn any(&self, fits: impl Fn(&Clue) -> bool) -> Option<usize> {
        self.clues(fits).next().map(|(index, _)| index)
    }

    /// The image a finding is about: its own slice.
    pub(crate) fn image_of(&self, detected: &Detected) -> Option<&'a Image> {
        let finding = &detected.finding;
        let path = std::path::Path::new(&finding.subject);
        let mut images = self.scene.evidence.images_at(path);
        let exact = finding.arch.and_then(|arch| images.clone().find(|image| crate::detect::Scene::same_family(image.arch(), arch)));
        exact.or_else(|| images.next())
    }

    /// How memory is used in a process started from `executable`: by itself and by what it loads, in the same slice.
    pub(crate) fn uses(&self, executable: &Image) -> Vec<Use> {
        let mut uses: Vec<Use> = Vec::new();
        for (index, detected) in self.detected.iter().enumerate() {
            let Clue::Memory(how) = detected.clue else { continue };
            let Some(image) = self.image_of(detected).filter(|image| image.arch() == executable.arch()) else { continue };
            let here = std::ptr::eq(image, executable) || self.scene.hosts(image).iter().any(|host| host.path == executable.path);
            if here {
                uses.push(Use { how, confidence: detected.finding.confidence, index });
            }
        }
        uses
    }

    /// Every memory use of a slice in the target, whoever loads it: for processes whose libraries are found only at run time.
    pub(crate) fn uses_anywhere(&self, arch: Option<Arch>) -> Vec<Use> {
        let fits =
            |detected: &Detected| arch.is_none_or(|arch| detected.finding.arch.is_some_and(|a| crate::detect::Scene::same_family(a, arch)));
        self.detected
            .iter()
            .enumerate()
            .filter(|(_, d)| fits(d))
            .filter_map(|(index, d)| match d.clue {
                Clue::Memory(how) => Some(Use { how, confidence: d.finding.confidence, index }),
                _ => None,
            })
            .collect()
    }

    /// Evidence was given that could report a failure.
    pub(crate) fn has_reports(&self) -> bool {
        self.scene.evidence.texts.iter().any(|text| !matches!(text.facts, crate::evidence::TextFacts::Entitlements(_)))
    }

    /// A process died and why is in a report that was not given: a lesser line must not be taken for the cause.
    pub(crate) fn unread_death(&self) -> bool {
        let died = self.any(|c| matches!(c, Clue::Died | Clue::ReportElsewhere)).is_some();
        let given = self.scene.evidence.texts.iter().any(|text| matches!(text.facts, crate::evidence::TextFacts::Crash(..)));
        died && !given
    }

    /// Whether the process that failed is hardened: from its own flags in a report, from `codesign -d` output, else from the slice.
    pub(crate) fn hardened(&self, image: Option<&Image>) -> Option<bool> {
        let reported = self.detected.iter().find_map(|d| match d.clue {
            Clue::ProcessFlags(flags) => crate::read::signature::CodeSignatureFlags(flags).process_is_hardened(),
            _ => None,
        });
        let shown = self.detected.iter().find_map(|d| match d.clue {
            Clue::ShownHardened(hardened) => Some(hardened),
            _ => None,
        });
        image.map(Image::is_hardened).or(reported).or(shown)
    }

    /// The slice that `codesign -d` showed, when all files that it displayed have the same one.
    pub(crate) fn shown_arch(&self) -> Option<Arch> {
        let mut shown = self.detected.iter().filter_map(|d| match d.clue {
            Clue::ShownArch(arch) => Some(arch),
            _ => None,
        });
        let first = shown.next()?;
        shown.all(|arch| arch == first).then_some(first)
    }

    /// Keys that are known to be there: of the slice, else shown by `codesign -d`.
    pub(crate) fn has_key(&self, image: Option<&Image>, key: &str) -> bool {
        match image {
            Some(image) => image.has_entitlement(key),
            None => self.clues(|c| matches!(c, Clue::ShownEntitlements(keys) if keys.iter().any(|k| k == key))).next().is_some(),
        }
    }
}
