//! `temper verify`: what `codesign --verify` says of code, in its words and with its exit status.
//!
//! The order is that of `StaticCode.cpp`: signature, special slots, pages, resources, nested code. The first fault decides what is said; all files that do not
//! match the seal are named.

use super::args::{self, Asked, Subject};
use crate::evidence::{Evidence, SealCheck, Signed, TargetKind};
use crate::finding::Finding;
use crate::read::requirement::{self, Requirement, Verdict};
use crate::scan::{self, Request, ScanError};
use crate::system::System;
use crate::verify::codes::{self, Fails};
use crate::verify::{self, nested};
use clap::Args;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Deepest nesting of bundles that is followed.
const MAX_DEPTH: usize = 16;
/// Faults that only a full validation meets: without `--deep` nested code is judged by its signature alone (`kSecCSBasicValidateOnly`).
const OF_EXECUTABLE: [&str; 3] = ["page-does-not-match", "code-not-covered", "code-limit-beyond-end"];

/// How to verify.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Count of `-v`.
    pub verbosity: u8,
    /// `--strict`
    pub strict: bool,
    /// `--deep`
    pub deep: bool,
    /// `-R`: a requirement in Apple's syntax that the code must satisfy beside its own.
    pub requirement: Option<String>,
}

/// What a run says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// For standard error, as `codesign` writes it.
    pub text: String,
    /// 0 valid, 1 not valid, 3 valid and not satisfying its requirement.
    pub status: u8,
}

/// The first fault of some code.
#[derive(Debug, Default)]
struct Failure {
    /// Apple's code, or words where there is none.
    code: Option<i32>,
    words: String,
    /// Detail lines: `file modified: …`.
    details: Vec<String>,
    subcomponent: Option<PathBuf>,
    architecture: Option<&'static str>,
}

/// Verifies what the request names. An error is about Temper or how it was called.
pub fn verify(system: &dyn System, request: &Request, options: Options) -> anyhow::Result<Said> {
    let path = request.path.clone().unwrap_or_default();
    let name = path.to_string_lossy().into_owned();
    let said = |code: i32| Said { text: format!("{name}: {}\n", codes::text(code).unwrap_or_default()), status: 1 };
    let request = &Request { signatures_only: true, ..request.clone() };
    let evidence = match scan::scan(system, request, &|_| {}, &AtomicBool::new(false)) {
        Ok(evidence) => evidence,
        Err(ScanError::Io { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Said { text: format!("{name}: No such file or directory\n"), status: 1 });
        }
        Err(ScanError::Refused { .. })
            if matches!(system.canonical(&path).and_then(|p| system.entry(&p)), Ok(crate::system::EntryKind::File(_))) =>
        {
            return Ok(said(-67062));
        }
        Err(error) => return Err(anyhow::anyhow!("{error}")),
    };
    if evidence.target.kind == TargetKind::Folder {
        return Ok(said(-67028));
    }
    let asked = options.requirement.as_deref().map(parse).transpose()?;
    let mut judge = Judge { evidence: &evidence, options: &options, progress: String::new() };
    let main = evidence.target.executable.clone();
    let code =
        if evidence.bundles.iter().any(|bundle| bundle.path.as_os_str().is_empty()) { PathBuf::new() } else { main.unwrap_or_default() };
    let failure = judge.code(&code, false, 0).or_else(|| unread(&evidence, &code));
    let mut text = std::mem::take(&mut judge.progress);
    if let Some(failure) = failure {
        text.push_str(&failure.render(&name, &evidence.target.root));
        return Ok(Said { text, status: 1 });
    }
    let is_satisfied = !judge.slices(&code).iter().any(|finding| fails(finding) == Fails::Requirement);
    if options.verbosity > 0 {
        let _ = writeln!(text, "{name}: valid on disk");
    }
    if !is_satisfied {
        let _ = writeln!(text, "{name}: does not satisfy its designated Requirement");
    } else if options.verbosity > 0 {
        let _ = writeln!(text, "{name}: satisfies its Designated Requirement");
    }
    let is_asked = asked.map(|asked| judge.satisfies(&code, &asked)).transpose()?;
    match is_asked {
        Some(true) if options.verbosity > 0 => {
            let _ = writeln!(text, "{name}: explicit requirement satisfied");
        }
        Some(false) => {
            let _ = writeln!(text, "test-requirement: {}", codes::text(-67050).unwrap_or_default());
        }
        _ => {}
    }
    Ok(Said { text, status: if is_satisfied && is_asked != Some(false) { 0 } else { 3 } })
}

/// `codesign` takes a text only after a `=`; without one it wants a file.
fn parse(text: &str) -> anyhow::Result<Requirement> {
    requirement::parse(text.strip_prefix('=').unwrap_or(text)).map_err(|why| anyhow::anyhow!("the requirement of -R cannot be read: {why}"))
}

/// What could not be read was not compared: then nothing is called valid.
fn unread(evidence: &Evidence, code: &Path) -> Option<Failure> {
    let is_bundle = code.as_os_str().is_empty();
    let all: Vec<&PathBuf> = evidence.unread.iter().filter(|path| is_bundle || *path == code).collect();
    all.first()?;
    let details = all.iter().map(|path| format!("file not read: {}", evidence.target.root.join(path).display())).collect();
    Some(Failure { code: Some(-67060), details, ..Failure::default() })
}

fn fails(finding: &Finding) -> Fails {
    codes::rule(finding.id).map_or(Fails::Never, |(_, rule)| rule.fails)
}

fn order(finding: &Finding) -> usize {
    codes::rule(finding.id).map_or(usize::MAX, |(order, _)| order)
}

impl Failure {
    fn of(finding: &Finding) -> Self {
        Self { code: finding.code, words: finding.message.clone(), ..Self::default() }
    }

    fn render(&self, name: &str, root: &Path) -> String {
        let text = self.code.and_then(codes::text).map_or_else(|| self.words.clone(), str::to_owned);
        let mut out = format!("{name}: {text}\n");
        for line in &self.details {
            // A name may hold line breaks; what follows one must not look like words of Temper.
            let _ = writeln!(out, "{}", line.replace(['\n', '\r'], "?"));
        }
        if let Some(path) = &self.subcomponent {
            let _ = writeln!(out, "In subcomponent: {}", root.join(path).display());
        }
        if let Some(architecture) = self.architecture {
            let _ = writeln!(out, "In architecture: {architecture}");
        }
        out
    }
}

struct Judge<'a> {
    evidence: &'a Evidence,
    options: &'a Options,
    /// `--prepared:` and `--validated:` lines.
    progress: String,
}

impl Judge<'_> {
    /// Findings of the slices of a file, or of a bundle's main executable; by rule, then slice.
    fn slices(&self, code: &Path) -> Vec<Finding> {
        let mut all = verify::of_code(self.evidence, code);
        all.sort_by_key(order);
        all
    }

    /// Whether every slice satisfies a requirement; an error when that cannot be told here.
    fn satisfies(&self, code: &Path, requirement: &Requirement) -> anyhow::Result<bool> {
        let mut is_known = Ok(true);
        for facts in nested::facts(self.evidence, code) {
            match verify::satisfies(facts, requirement) {
                Verdict::True => {}
                Verdict::False(_) => return Ok(false),
                Verdict::Unknown(term) => {
                    is_known = Err(anyhow::anyhow!("whether the code satisfies {term} cannot be told from its files"))
                }
            }
        }
        is_known
    }

    fn counts(&self, finding: &Finding) -> bool {
        match fails(finding) {
            Fails::Always => true,
            Fails::Strict => self.options.strict,
            Fails::Requirement | Fails::Never => false,
        }
    }

    /// The first fault of a file or bundle; `is_basic` looks at its signature only.
    fn code(&mut self, code: &Path, is_basic: bool, depth: usize) -> Option<Failure> {
        if let Some(failure) = self.no_version(code) {
            return Some(failure);
        }
        let images = nested::images(self.evidence, code);
        let is_universal = images.iter().any(|image| image.universal);
        if images.is_empty() && nested::is_unknown(self.evidence, code) {
            let is_missing = self.evidence.bundles.iter().any(|bundle| {
                bundle.path == code && bundle.executable.as_ref().is_none_or(|path| self.evidence.files.binary_search(path).is_err())
            });
            return Some(Failure { code: Some(if is_missing { -67029 } else { -67062 }), ..Failure::default() });
        }
        if let Some(image) = images.iter().find(|image| image.signed == Signed::No) {
            let architecture = is_universal.then(|| image.arch().name());
            return Some(Failure { code: Some(-67062), architecture, ..Failure::default() });
        }
        let slices = self.slices(code);
        let first = slices.iter().find(|finding| {
            self.counts(finding) && !(is_basic && (OF_EXECUTABLE.contains(&finding.id) || finding.id == "bundle-not-sealed"))
        });
        if let Some(finding) = first {
            let architecture = finding.arch.filter(|_| is_universal).map(|arch| arch.name());
            return Some(Failure { architecture, ..Failure::of(finding) });
        }
        let check = self.evidence.seals.iter().find(|check| check.bundle == code).filter(|_| !is_basic && self.is_bundle(code))?;
        self.resources(check, depth)
    }

    /// Where Security finds no version of a framework it reads no signature.
    fn no_version(&self, code: &Path) -> Option<Failure> {
        let check =
            self.evidence.seals.iter().find(|check| check.bundle == code && check.lacks_current).filter(|_| self.is_bundle(code))?;
        verify::of_seal(self.evidence, check).iter().find(|finding| finding.id == "framework-without-current-version").map(Failure::of)
    }

    /// A script keeps its signature in extended attributes, and copies lose them.
    fn is_script(&self, code: &Path) -> bool {
        let bundle = self.evidence.bundles.iter().find(|bundle| bundle.path == code);
        let file = bundle.and_then(|bundle| bundle.executable.as_deref()).unwrap_or(code);
        self.evidence.scripts.iter().any(|script| script.path == file)
    }

    fn is_bundle(&self, code: &Path) -> bool {
        self.evidence.bundles.iter().any(|bundle| bundle.path == code)
    }

    /// Nested code throws at once (`validateNestedCode`); files that do not match are collected, and the first of them decides.
    fn resources(&mut self, check: &SealCheck, depth: usize) -> Option<Failure> {
        let mut faults: Vec<Finding> = verify::of_seal(self.evidence, check).into_iter().filter(|finding| self.counts(finding)).collect();
        faults.sort_by_key(order);
        if let Some(finding) = faults.iter().find(|finding| matches!(finding.code, Some(-67055))) {
            return Some(Failure::of(finding));
        }
        for sealed in check.nested.iter().filter(|sealed| !sealed.is_missing && depth < MAX_DEPTH) {
            if nested::is_unknown(self.evidence, &sealed.path) && self.is_script(&sealed.path) {
                continue;
            }
            self.tell("prepared", &sealed.path);
            if let Some(mut failure) = self.code(&sealed.path, !self.options.deep, depth + 1) {
                failure.subcomponent.get_or_insert_with(|| sealed.path.clone());
                return Some(failure);
            }
            if let Some(finding) = faults
                .iter()
                .find(|finding| finding.id == "framework-version-invalid" && Path::new(&finding.subject).starts_with(&sealed.path))
            {
                return Some(Failure { subcomponent: Some(PathBuf::from(&finding.subject)), ..Failure::of(finding) });
            }
            self.tell("validated", &sealed.path);
        }
        let first = faults.first()?;
        let same = faults.iter().filter(|finding| finding.code == first.code);
        let mut details: Vec<(u8, String)> = same.filter_map(|finding| self.detail(finding)).collect();
        details.sort();
        Some(Failure { details: details.into_iter().map(|(_, line)| line).collect(), ..Failure::of(first) })
    }

    /// The line that names a file, and its place among the kinds.
    fn detail(&self, finding: &Finding) -> Option<(u8, String)> {
        if finding.id == "file-has-sideband-data" {
            let name = if finding.message.contains("FinderInfo") { "FinderInfo" } else { "ResourceFork" };
            let path = self.evidence.target.root.join(&finding.subject);
            return Some((1, format!("file with invalid attached data: Disallowed xattr com.apple.{name} found on {}", path.display())));
        }
        let (place, word) = match finding.id {
            "file-added-to-seal" | "nested-code-not-sealed" => (0, "added"),
            "sealed-file-modified" | "sealed-link-changed" | "sealed-file-changed-kind" | "nested-code-does-not-match" => (1, "modified"),
            "link-leaves-bundle" => (1, "modified"),
            "sealed-file-missing" | "nested-code-missing" => (2, "missing"),
            _ => return None,
        };
        // What is beyond the number of files that are named has the seal for its subject.
        if self.evidence.seals.iter().any(|check| check.seal == Path::new(&finding.subject)) {
            return Some((place, finding.message.clone()));
        }
        Some((place, format!("file {word}: {}", self.evidence.target.root.join(&finding.subject).display())))
    }

    fn tell(&mut self, what: &str, path: &Path) {
        if self.options.deep && self.options.verbosity >= 3 {
            let is_framework = self.evidence.seals.iter().any(|check| check.bundle == path && check.is_framework);
            let end = if is_framework { "/Versions/Current/." } else { "" };
            let _ = writeln!(self.progress, "--{what}:{}{end}", self.evidence.target.root.join(path).display());
        }
    }
}

/// For the end of its help.
pub const EXIT_CODES: &str = "\
Exit status:
  0  valid
  1  not valid
  2  Temper failed, or was called wrongly
  3  valid, and does not satisfy its own designated requirement";

/// `temper verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// App, bundle or Mach-O
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// Say that it is valid too; -vvv with --deep names all code
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Refuse what Gatekeeper refuses too
    #[arg(long)]
    strict: bool,
    /// Verify nested code in full, not only its signature
    #[arg(long)]
    deep: bool,
    /// Requirement that the code must satisfy too: '=anchor apple generic'
    #[arg(short = 'R', long = "test-requirement", value_name = "TEXT")]
    requirement: Option<String>,
    /// Root certificate (PEM or DER) to trust beside Apple's. May be repeated
    #[arg(long, value_name = "FILE")]
    trust_anchor: Vec<PathBuf>,
    /// Judge certificates as of this date instead of now: 2026-03-02, 2026-03-02T10:14:22Z
    #[arg(long, value_name = "DATE", value_parser = args::date)]
    at: Option<i64>,
}

impl VerifyArgs {
    /// What is asked for.
    pub fn asked(self) -> Asked {
        let options = Options { verbosity: self.verbose, strict: self.strict, deep: self.deep, requirement: self.requirement };
        Asked::Verify(Subject { path: Some(self.path), anchors: self.trust_anchor, at: self.at, ..Subject::default() }, options)
    }
}
