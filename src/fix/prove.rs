//! Did the fix mend what it was for, and change nothing else? Compares what was there before with what is there after. Pure.
//!
//! Crash reports and logs tell of the build before: judged with them, a mended app would look broken for ever. So both sides are judged by the app's own
//! bytes. What these never showed, only a report, is asked of the model once more with the report: would macOS still refuse it?

use super::apply::{Content, Done, Listing, Step};
use super::edit;
use super::plan::Plan;
use crate::evidence::{Evidence, Image, TargetKind};
use crate::read::hex;
use crate::report::{Diagnosis, Report};
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// One side: facts, what they mean, and every file.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Facts.
    pub evidence: &'a Evidence,
    /// What they mean, without the texts that were given.
    pub report: &'a Report,
    /// Every file with its hash.
    pub files: &'a Listing,
}

/// What was done, between both sides.
#[derive(Debug, Clone, Copy)]
pub struct Deed<'a> {
    /// What it was to mend, as of before, with the texts that were given.
    pub diagnosis: &'a Diagnosis,
    /// The app after, judged with those texts.
    pub with_texts: &'a Report,
    /// Title of the remedy.
    pub remedy: &'a str,
    /// The plan.
    pub plan: &'a Plan,
    /// Its steps.
    pub steps: &'a [Step],
    /// The steps that were done.
    pub done: &'a [Done],
    /// It was signed without the runtime flag, as an experiment: that it is not hardened is no surprise.
    pub no_runtime: bool,
}

/// The proof (`temper-proof/1`).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proof {
    /// `temper-proof/1`.
    pub schema: &'static str,
    /// The mended app, as it was examined.
    pub app: String,
    /// Everything below is as it should be.
    pub holds: bool,
    /// What was mended.
    pub mended: Named,
    /// Title of the remedy.
    pub remedy: String,
    /// The diagnosis is gone.
    pub gone: bool,
    /// The app's own bytes showed it before; else only a report did, and the app should be run once more.
    pub shown_by_bytes: bool,
    /// Diagnoses that are there now and were not before.
    pub new: Vec<Named>,
    /// Other diagnoses that were there before and still are.
    pub other: Vec<Named>,
    /// What the notary service would refuse and did not before: to be known before it is shipped, no fault of the fix.
    pub notary: Vec<String>,
    /// Entitlements of every executable slice.
    pub keys: Vec<Keys>,
    /// Every file that differs.
    pub files: Vec<FileLine>,
    /// Files that are the same.
    pub same_files: usize,
    /// Every slice's signature.
    pub signatures: Vec<SignatureLine>,
    /// Faults of signatures and seals that were not there before, in words.
    pub faults: Vec<String>,
    /// What was done.
    pub steps: Vec<Ran>,
}

/// A diagnosis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    /// Cause id.
    pub cause: String,
    /// Scenario.
    pub scenario: String,
    /// Executable or image it is about.
    pub subject: String,
    /// One sentence.
    pub summary: String,
    /// certain, likely, possible.
    pub confidence: String,
}

/// Entitlements of one slice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Keys {
    /// Executable, relative.
    pub executable: String,
    /// Slice.
    pub arch: &'static str,
    /// New ones that are signed in, as they should be.
    pub landed: Vec<String>,
    /// Those that were to be taken out and are.
    pub removed: Vec<String>,
    /// Those that should be signed in and are not.
    pub dropped: Vec<String>,
    /// Those that nobody asked for.
    pub unasked: Vec<String>,
    /// Those that stayed.
    pub kept: usize,
}

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileLine {
    /// Path, relative.
    pub path: String,
    /// added, removed, changed.
    pub change: &'static str,
    /// SHA-256 before, 64 hex digits; `None` for what is no file or was not there.
    pub before: Option<String>,
    /// SHA-256 after.
    pub after: Option<String>,
    /// The step that changed it; `None` when none did.
    pub why: Option<String>,
}

/// One slice's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SignatureLine {
    /// Path, relative.
    pub path: String,
    /// Slice.
    pub arch: &'static str,
    /// valid, invalid, unsigned, unchecked.
    pub before: String,
    /// The same, after.
    pub after: String,
    /// Who signed it.
    pub signer: String,
    /// Its code is the same: LC_UUID did not change.
    pub same_code: bool,
}

/// A step that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ran {
    /// For people.
    pub text: String,
    /// Command; empty when it was none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub argv: Vec<String>,
    /// Exit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<i32>,
    /// What the command said.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub output: String,
}

/// Compares.
pub fn prove(before: Side<'_>, after: Side<'_>, deed: Deed<'_>) -> Proof {
    let now = |diagnosis: &&Diagnosis| diagnosis.identity() == deed.diagnosis.identity();
    let shown_by_bytes = before.report.diagnoses.iter().any(|diagnosis| now(&diagnosis));
    // The reported symptom stays in the report; that macOS would refuse it again is what makes it more than possible.
    let still = |diagnosis: &Diagnosis| !shown_by_bytes && now(&diagnosis) && diagnosis.confidence != "possible";
    let gone = !after.report.diagnoses.iter().any(|diagnosis| now(&diagnosis)) && !deed.with_texts.diagnoses.iter().any(still);
    let known = |diagnosis: &Diagnosis| before.report.diagnoses.iter().any(|known| known.identity() == diagnosis.identity());
    let (other, new): (Vec<&Diagnosis>, Vec<&Diagnosis>) =
        after.report.diagnoses.iter().filter(|diagnosis| !now(diagnosis)).partition(|diagnosis| known(diagnosis));
    let expected = |diagnosis: &&&Diagnosis| {
        diagnosis.cause == "notarization" || (deed.no_runtime && diagnosis.cause == "not-hardened") || diagnosis.confidence == "possible"
    };
    let (files, same_files) = files(before, after, deed.plan);
    let mut proof = Proof {
        schema: "temper-proof/1",
        app: after.evidence.target.path.to_string_lossy().into_owned(),
        holds: false,
        mended: named(deed.diagnosis),
        remedy: deed.remedy.to_owned(),
        gone,
        shown_by_bytes,
        new: new.iter().filter(|diagnosis| !expected(diagnosis)).map(|diagnosis| named(diagnosis)).collect(),
        other: other.iter().copied().map(named).collect(),
        notary: notary(before.report, after.report),
        keys: keys(before.evidence, after.evidence, deed.plan),
        files,
        same_files,
        signatures: signatures(before, after),
        faults: faults(before.report, after.report),
        steps: deed.done.iter().filter_map(|done| ran(deed.steps, done)).collect(),
    };
    proof.holds = proof.gone && proof.new.is_empty() && proof.problems().is_empty();
    proof
}

impl Proof {
    /// What is wrong with the work itself, in words; empty when nothing is. Whether it mended is another question.
    pub fn problems(&self) -> Vec<String> {
        let keys = self.keys.iter().flat_map(|keys| {
            let place = format!("{} ({})", keys.executable, keys.arch);
            let dropped = keys.dropped.iter().map(|key| format!("{key} is not signed into {place}")).collect::<Vec<_>>();
            let unasked = keys.unasked.iter().map(|key| format!("{key} is signed into {place}, and nobody asked for it"));
            dropped.into_iter().chain(unasked).collect::<Vec<_>>()
        });
        let files = self.files.iter().filter(|file| file.why.is_none()).map(|file| format!("{} was {} by no step", file.path, file.change));
        let signatures = self.signatures.iter().filter(|line| !line.is_good());
        let signatures = signatures.map(|line| match line.same_code {
            true => format!("the signature of {} ({}) is {}", line.path, line.arch, line.after),
            false => format!("{} ({}) has other code than before", line.path, line.arch),
        });
        keys.chain(files).chain(signatures).chain(self.faults.iter().cloned()).collect()
    }
}

impl SignatureLine {
    fn is_good(&self) -> bool {
        self.same_code && (self.after == "valid" || self.after == self.before)
    }
}

fn named(diagnosis: &Diagnosis) -> Named {
    Named {
        cause: diagnosis.cause.to_owned(),
        scenario: diagnosis.scenario.clone(),
        subject: diagnosis.subject.clone(),
        summary: diagnosis.summary.clone(),
        confidence: diagnosis.confidence.to_owned(),
    }
}

fn notary(before: &Report, after: &Report) -> Vec<String> {
    let new = after.notary.iter().filter(|line| !before.notary.contains(line));
    each_once(new.map(|line| format!("{}: {}", line.path, line.message)))
}

/// Defects of signatures and seals that are new.
fn faults(before: &Report, after: &Report) -> Vec<String> {
    let defect = |finding: &&crate::report::Finding| finding.kind == "defect";
    let known = |finding: &crate::report::Finding| {
        before
            .findings
            .iter()
            .filter(defect)
            .any(|known| (known.id, &known.subject, known.arch) == (finding.id, &finding.subject, finding.arch))
    };
    each_once(after.findings.iter().filter(defect).filter(|finding| !known(finding)).map(|finding| finding.message.clone()))
}

/// Sentences in their order; what is said of several slices is said once.
fn each_once(sentences: impl Iterator<Item = String>) -> Vec<String> {
    let mut said = BTreeSet::new();
    sentences.filter(|sentence| said.insert(sentence.clone())).collect()
}

fn keys(before: &Evidence, after: &Evidence, plan: &Plan) -> Vec<Keys> {
    before.executables().map(|image| keys_of(image, after, plan)).filter(|keys| keys.is_worth_saying()).collect()
}

impl Keys {
    fn is_worth_saying(&self) -> bool {
        let lists = [&self.landed, &self.removed, &self.dropped, &self.unasked];
        self.kept > 0 || lists.iter().any(|list| !list.is_empty())
    }
}

fn signed_keys(image: &Image) -> BTreeSet<String> {
    image.entitlements().map(|entitlements| entitlements.entries.iter().map(|(key, _)| key.clone()).collect()).unwrap_or_default()
}

fn keys_of(image: &Image, after: &Evidence, plan: &Plan) -> Keys {
    let now = after.images_at(&image.path).find(|other| other.arch() == image.arch());
    let (had, has) = (signed_keys(image), now.map(signed_keys).unwrap_or_default());
    let edit = plan.edits.iter().find(|edit| edit.executable == image.path);
    let wanted: BTreeSet<String> = edit.map_or_else(|| had.clone(), |edit| edit::keys(&edit.after).into_iter().collect());
    // A value that is another one now was not kept either.
    let value = |image: &Image, key: &String| {
        image.entitlements().and_then(|all| all.entries.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone()))
    };
    let same = |key: &String| edit.is_some() || now.is_some_and(|now| value(now, key) == value(image, key));
    let list = |keys: Vec<&String>| keys.into_iter().cloned().collect::<Vec<_>>();
    let (stayed, lost): (Vec<&String>, Vec<&String>) = wanted.iter().partition(|key| has.contains(*key) && same(key));
    Keys {
        executable: image.path.to_string_lossy().into_owned(),
        arch: image.arch().name(),
        landed: list(stayed.iter().filter(|key| !had.contains(**key)).copied().collect()),
        removed: list(had.difference(&wanted).filter(|key| !has.contains(*key)).collect()),
        dropped: list(lost),
        unasked: list(has.difference(&wanted).collect()),
        kept: stayed.iter().filter(|key| had.contains(**key)).count(),
    }
}

/// What differs, and how many files are the same.
fn files(before: Side<'_>, after: Side<'_>, plan: &Plan) -> (Vec<FileLine>, usize) {
    let (old, new) = (&before.files.entries, &after.files.entries);
    let paths: BTreeSet<&PathBuf> = old.keys().chain(new.keys()).collect();
    let mut lines = Vec::new();
    let mut same = 0;
    for path in paths {
        let (was, is) = (old.get(path), new.get(path));
        if was == is {
            same += usize::from(matches!(was, Some(Content::File(..))));
            continue;
        }
        let change = match (was, is) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        };
        let why = why(before.evidence, plan, path, is);
        lines.push(FileLine { path: path.to_string_lossy().into_owned(), change, before: hash(was), after: hash(is), why });
    }
    (lines, same)
}

fn hash(content: Option<&Content>) -> Option<String> {
    match content {
        Some(Content::File(digest, _)) => Some(hex(digest)),
        _ => None,
    }
}

/// The step that may have changed a path.
fn why(evidence: &Evidence, plan: &Plan, path: &Path, now: Option<&Content>) -> Option<String> {
    if let Some((_, key, _)) = plan.info_plist.iter().find(|(file, ..)| file == path) {
        return Some(format!("{key} was set"));
    }
    let signed = |object: &Path| plan.sign.iter().any(|step| step.object == object);
    if evidence.target.kind == TargetKind::MachO {
        return plan.sign.first().filter(|_| path.as_os_str().is_empty()).map(|_| "it was signed".into());
    }
    let main = evidence.images_at(path).next().map(|_| super::sign::object_of(evidence, path));
    if main.is_some_and(|object| signed(&object)) {
        return Some("it was signed".into());
    }
    // The seal belongs to the innermost bundle around it.
    let bundles = evidence.bundles.iter().filter(|bundle| path.starts_with(&bundle.path));
    let bundle = bundles.max_by_key(|bundle| bundle.path.components().count())?;
    let inside = path.strip_prefix(&bundle.path).ok()?;
    let seal = inside.components().any(|part| part.as_os_str() == "_CodeSignature") && signed(&bundle.path);
    (seal && now.is_some()).then(|| "the seal of what was signed".into())
}

fn signatures(before: Side<'_>, after: Side<'_>) -> Vec<SignatureLine> {
    let uuid = |evidence: &Evidence, path: &str, arch: &str| {
        evidence
            .images
            .iter()
            .find(|image| image.path.to_string_lossy() == path && image.arch().name() == arch)
            .map(|image| image.macho.uuid.clone())
    };
    let lines = after.report.code.iter().map(|code| {
        let was = before.report.code.iter().find(|was| (&was.path, was.arch) == (&code.path, code.arch));
        SignatureLine {
            path: code.path.clone(),
            arch: code.arch,
            before: was.map_or("unsigned", |was| was.signature).to_owned(),
            after: code.signature.to_owned(),
            signer: code.authority.clone().unwrap_or_else(|| code.signer.to_owned()),
            same_code: uuid(before.evidence, &code.path, code.arch) == uuid(after.evidence, &code.path, code.arch),
        }
    });
    lines.collect()
}

fn ran(steps: &[Step], done: &Done) -> Option<Ran> {
    let step = steps.get(done.step)?;
    let argv = step.argv().iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let output = done.output.as_ref();
    Some(Ran {
        text: step.text.clone(),
        argv,
        status: output.and_then(|output| output.status),
        output: output.map(|output| output.text().trim().to_owned()).unwrap_or_default(),
    })
}
