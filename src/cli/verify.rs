//! `temper verify`: what `codesign --verify` says of code, in its words and with its exit status.
//!
//! The order is that of `StaticCode.cpp`: signature, special slots, pages, resources, nested code. The first fault decides what is said; all files that do not
//! match the seal are named.

use crate::evidence::{Evidence, SealCheck, Signed, TargetKind};
use crate::finding::Finding;
use crate::scan::{self, Request, ScanError};
use crate::system::System;
use crate::verify::codes::{self, Fails};
use crate::verify::{self, nested};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

/// Deepest nesting of bundles that is followed.
const MAX_DEPTH: usize = 16;
/// Faults that only a full validation meets: without `--deep` nested code is judged by its signature alone (`kSecCSBasicValidateOnly`).
const OF_EXECUTABLE: [&str; 3] = ["page-does-not-match", "code-not-covered", "code-limit-beyond-end"];

/// How to verify.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Count of `-v`.
    pub verbosity: u8,
    /// `--strict`
    pub strict: bool,
    /// `--deep`
    pub deep: bool,
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
    let evidence = match scan::scan(system, request, &|_| {}, &AtomicBool::new(false)) {
        Ok(evidence) => evidence,
        Err(ScanError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Said { text: format!("{name}: No such file or directory\n"), status: 1 });
        }
        Err(ScanError::Refused { .. }) if matches!(system.canonical(&path).and_then(|p| system.entry(&p)), Ok(crate::system::EntryKind::File(_))) => {
            return Ok(said(-67062));
        }
        Err(error) => return Err(anyhow::anyhow!("{error}")),
    };
    if evidence.target.kind == TargetKind::Folder {
        return Ok(said(-67028));
    }
    let mut judge = Judge { evidence: &evidence, options, progress: String::new() };
    let main = evidence.target.executable.clone();
    let code = if evidence.bundles.iter().any(|bundle| bundle.path.as_os_str().is_empty()) { PathBuf::new() } else { main.unwrap_or_default() };
    let failure = judge.code(&code, false, 0);
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
    Ok(Said { text, status: if is_satisfied { 0 } else { 3 } })
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
            let _ = writeln!(out, "{line}");
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
    options: Options,
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

    fn counts(&self, finding: &Finding) -> bool {
        match fails(finding) {
            Fails::Always => true,
            Fails::Strict => self.options.strict,
            Fails::Requirement | Fails::Never => false,
        }
    }

    /// The first fault of a file or bundle; `is_basic` looks at its signature only.
    fn code(&mut self, code: &Path, is_basic: bool, depth: usize) -> Option<Failure> {
        let images = nested::images(self.evidence, code);
        let is_universal = images.iter().any(|image| image.universal);
        if images.is_empty() {
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

    fn is_bundle(&self, code: &Path) -> bool {
        self.evidence.bundles.iter().any(|bundle| bundle.path == code)
    }

    /// Nested code throws at once (`validateNestedCode`); files that do not match are collected, and the first of them decides.
    fn resources(&mut self, check: &SealCheck, depth: usize) -> Option<Failure> {
        let mut faults: Vec<Finding> =
            verify::of_seal(self.evidence, check).into_iter().filter(|finding| self.counts(finding)).collect();
        faults.sort_by_key(order);
        if let Some(finding) = faults.iter().find(|finding| matches!(finding.code, Some(-67055))) {
            return Some(Failure::of(finding));
        }
        for sealed in check.nested.iter().filter(|sealed| !sealed.is_missing && depth < MAX_DEPTH) {
            if nested::images(self.evidence, &sealed.path).is_empty() {
                continue;
            }
            self.tell("prepared", &sealed.path);
            if let Some(mut failure) = self.code(&sealed.path, !self.options.deep, depth + 1) {
                failure.subcomponent.get_or_insert_with(|| sealed.path.clone());
                return Some(failure);
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
        let (place, word) = match finding.id {
            "file-added-to-seal" | "nested-code-not-sealed" => (0, "added"),
            "sealed-file-modified" | "sealed-link-changed" | "sealed-file-changed-kind" | "nested-code-does-not-match" => (1, "modified"),
            "link-leaves-bundle" => (1, "modified"),
            "sealed-file-missing" | "nested-code-missing" => (2, "missing"),
            _ => return None,
        };
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
