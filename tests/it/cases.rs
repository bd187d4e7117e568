//! Public failures, rebuilt: each folder of `tests/cases` is one, with its evidence, the right answer and the trap.
//!
//! The data drives the test: a new folder is a new case. What a case says is checked as a whole, so that a wrong one shows all its reasons.

use crate::support::sign::{self, Identity, SignOptions};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use temper::lab;
use temper::read::cms::TrustAnchors;
use temper::report::{Diagnosis, Remedy, Report};
use temper::scan::Request;
use temper::system::disk::RealSystem;

/// `case.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "most fields are for people who read or add cases; that they are there is what is checked")]
struct Case {
    /// The folder's name.
    id: String,
    /// The public thread: `owner/repository#number`.
    source: String,
    /// More threads about the same failure.
    #[serde(default)]
    related: Vec<String>,
    /// What its user saw, in one sentence.
    symptom: String,
    /// Of the process: arm64, x86_64, any.
    arch: String,
    /// Version of the system.
    macos: String,
    /// Kinds of line and of trap.
    tags: Vec<String>,
    /// The hardened runtime and the entitlements have no part in it: nothing may be added.
    negative: bool,
    right_answer: RightAnswer,
    expect: Expect,
    /// The code, when evidence alone cannot show the cause.
    bundle: Option<BundleSpec>,
}

/// For people.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "for people")]
struct RightAnswer {
    /// What happened.
    conclusion: String,
    /// What mends it.
    recommended_fix: String,
    /// What comes after that, if anything.
    #[serde(default)]
    fallback_fix: String,
    /// What leads astray.
    trap: String,
    /// Which parts come from the thread.
    evidence_basis: String,
}

/// What the report must say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    /// Accepted causes of the top diagnosis.
    causes: Vec<String>,
    /// Accepted verdicts; when empty: `other-cause` for a negative, `explained` otherwise.
    #[serde(default)]
    verdicts: Vec<String>,
    /// Keys that the least remedy of the top diagnosis adds.
    #[serde(default)]
    least_adds: Vec<String>,
    /// Keys of `least_adds` that cannot be known without the code, which is not there.
    #[serde(default)]
    need_bundle: Vec<String>,
    /// Keys that no applicable remedy of a certain or likely diagnosis adds.
    #[serde(default)]
    never_adds: Vec<String>,
    /// Keys that a remedy of the top diagnosis takes out, or that are called excess.
    #[serde(default)]
    removes: Vec<String>,
    /// Info.plist keys that a remedy of the top diagnosis adds.
    #[serde(default)]
    info_plist: Vec<String>,
    /// File that the top diagnosis or one of its remedies is about, by its last part.
    on: Option<String>,
    /// developer, other-developer, user, nobody.
    mended_by: Option<String>,
}

/// A practice app, signed another way.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BundleSpec {
    /// Id of the practice app.
    lab: String,
    /// What is examined, below the bundle; the bundle when empty.
    #[serde(default)]
    target: String,
    /// Inner code first; code that is not named keeps the signature it has.
    #[serde(default)]
    sign: Vec<Sign>,
    /// Texts replaced in Info.plist before signing: (old, new).
    #[serde(default)]
    info_plist: Vec<(String, String)>,
    /// Files below the bundle whose code is changed after signing, so that a page does not match.
    #[serde(default)]
    spoil: Vec<String>,
}

/// How one piece of code is signed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sign {
    /// Path in the bundle; "" the app itself.
    path: String,
    identifier: String,
    /// practice, other-team, development, ad-hoc.
    identity: String,
    runtime: bool,
    #[serde(default)]
    entitlements: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn cases() -> Vec<(PathBuf, Case)> {
    let mut folders: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path.join("case.toml")).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    folders.into_iter().map(|path| (path.clone(), read(&path))).collect()
}

/// Evidence files under their own names, in the order of the names.
fn evidence(case: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(case).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file() && !path.ends_with("case.toml"));
    files.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect()
}

/// The practice app in `root`, signed as the case says.
fn build(spec: &BundleSpec, root: &Path) -> PathBuf {
    let lab = lab::all().iter().find(|lab| lab.id == spec.lab).unwrap_or_else(|| panic!("no practice app {}", spec.lab));
    let bundle = root.join(lab.bundle);
    for (path, bytes, _) in lab.files {
        let path = bundle.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let info = bundle.join("Contents/Info.plist");
    for (old, new) in &spec.info_plist {
        let text = std::fs::read_to_string(&info).unwrap();
        assert!(text.contains(old.as_str()), "{}: Info.plist has no {old}", spec.lab);
        std::fs::write(&info, text.replace(old.as_str(), new)).unwrap();
    }
    let codes: Vec<(&str, SignOptions)> = spec.sign.iter().map(|sign| (sign.path.as_str(), options(sign))).collect();
    sign::sign_bundle(&bundle, &codes).unwrap();
    for path in &spec.spoil {
        spoil(&bundle.join(path));
    }
    bundle.join(&spec.target)
}

fn options(sign: &Sign) -> SignOptions {
    let identity = match sign.identity.as_str() {
        "practice" => Identity::Practice,
        "other-team" => Identity::OtherTeam,
        "development" => Identity::Development,
        "ad-hoc" => Identity::AdHoc,
        other => panic!("no identity {other}"),
    };
    let keys: Vec<&str> = sign.entitlements.iter().map(String::as_str).collect();
    let is_library = sign.path.ends_with(".dylib");
    SignOptions {
        flags: if sign.runtime { sign::RUNTIME } else { 0 },
        entitlements: (!keys.is_empty()).then(|| sign::entitlements_xml(&keys)),
        force_entitlements: is_library,
        ..SignOptions::hardened(&sign.identifier).by(identity)
    }
}

/// Changes the last byte before the signature of every slice.
fn spoil(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    for range in sign::slices(&bytes) {
        let signature = sign::signature_of(&bytes[range.clone()]).unwrap();
        let at = signature.as_ptr() as usize - bytes.as_ptr() as usize - 1;
        bytes[at] ^= 0xff;
    }
    std::fs::write(path, bytes).unwrap();
}

/// Every case with its name, examined.
pub(crate) fn examinations() -> Vec<(String, temper::Examination)> {
    cases().into_iter().map(|(path, case)| (case.id.clone(), examination(&path, case.bundle.as_ref()))).collect()
}

fn examine(case: &Path, spec: Option<&BundleSpec>) -> Report {
    examination(case, spec).report
}

fn examination(case: &Path, spec: Option<&BundleSpec>) -> temper::Examination {
    let root = tempfile::tempdir().unwrap();
    let request = Request {
        path: spec.map(|spec| build(spec, root.path())),
        pasted: evidence(case),
        anchors: TrustAnchors { extra: vec![lab::anchor()] },
        at: Some(1_790_000_000),
        ..Request::default()
    };
    temper::examine(&RealSystem, &request, &|_| {}, &AtomicBool::new(false)).unwrap()
}

fn applicable(diagnosis: &Diagnosis) -> impl Iterator<Item = &Remedy> {
    diagnosis.remedies.iter().filter(|remedy| remedy.applies)
}

/// Everything that is wrong with the answer.
fn faults(case: &Case, report: &Report) -> Vec<String> {
    let (expect, mut wrong) = (&case.expect, Vec::new());
    let top = report.diagnoses.first();
    let cause = top.map_or("none", |top| top.cause);
    if !expect.causes.iter().any(|accepted| accepted == cause) {
        wrong.push(format!("cause {cause}, not {}: {}", expect.causes.join(" or "), top.map_or("", |top| &top.summary)));
    }
    let by_kind = vec![if case.negative { "other-cause" } else { "explained" }.to_owned()];
    let verdicts = if expect.verdicts.is_empty() { &by_kind } else { &expect.verdicts };
    if !verdicts.iter().any(|accepted| accepted == report.verdict.word()) {
        wrong.push(format!("verdict {}, not {}", report.verdict.word(), verdicts.join(" or ")));
    }
    wrong.extend(top.into_iter().flat_map(|top| wrong_remedies(case, report, top)));
    let sure = report.diagnoses.iter().filter(|diagnosis| diagnosis.confidence != "possible");
    let added: BTreeSet<&String> = sure.flat_map(applicable).flat_map(|remedy| &remedy.add_entitlements).collect();
    let banned = added.iter().filter(|key| case.negative || expect.never_adds.contains(key));
    wrong.extend(banned.map(|key| format!("adds {key}")));
    let texts = |diagnosis: &Diagnosis| -> BTreeSet<String> {
        diagnosis.findings.iter().filter_map(|&index| report.findings.get(index)).map(|finding| finding.location.path.clone()).collect()
    };
    let certain = top.filter(|top| top.confidence == "certain" && top.cause != "not-signing");
    let rival =
        |diagnosis: &&Diagnosis| diagnosis.cause == "not-signing" && certain.is_some_and(|top| !texts(top).is_disjoint(&texts(diagnosis)));
    wrong.extend(report.diagnoses.iter().filter(rival).map(|rival| format!("explains the same twice: {}", rival.summary)));
    wrong
}

fn wrong_remedies(case: &Case, report: &Report, top: &Diagnosis) -> Vec<String> {
    let (expect, mut wrong) = (&case.expect, Vec::new());
    let sure = top.confidence != "possible";
    let least: Vec<&String> = applicable(top).filter(|remedy| remedy.least).flat_map(|remedy| &remedy.add_entitlements).collect();
    let wanted = expect.least_adds.iter().filter(|key| case.bundle.is_some() || !expect.need_bundle.contains(key));
    wrong.extend(wanted.filter(|key| !least.contains(key)).map(|key| format!("the least remedy does not add {key}")));
    let extra = least.iter().filter(|key| sure && !expect.least_adds.contains(key));
    wrong.extend(extra.map(|key| format!("the least remedy adds {key}")));
    let excess = report.entitlements.iter().flat_map(|state| &state.excess);
    let gone: BTreeSet<&String> = applicable(top).flat_map(|remedy| &remedy.remove_entitlements).chain(excess).collect();
    wrong.extend(expect.removes.iter().filter(|key| !gone.contains(key)).map(|key| format!("does not remove {key}")));
    let info: BTreeSet<&String> = applicable(top).flat_map(|remedy| &remedy.add_info_plist).collect();
    wrong.extend(expect.info_plist.iter().filter(|key| !info.contains(key)).map(|key| format!("does not add {key} to Info.plist")));
    if applicable(top).next().is_none() && expect.verdicts.is_empty() && expect.need_bundle.is_empty() {
        wrong.push("no remedy applies".into());
    }
    let places = || [&top.subject].into_iter().chain(applicable(top).filter_map(|remedy| remedy.on.as_ref()));
    if let Some(on) = expect.on.as_ref().filter(|on| !places().any(|path| path == *on || path.ends_with(&format!("/{on}")))) {
        wrong.push(format!("is about {:?}, not {on}", top.subject));
    }
    if let Some(who) = expect.mended_by.as_ref().filter(|who| *who != top.mended_by) {
        wrong.push(format!("to be mended by {}, not {who}", top.mended_by));
    }
    wrong
}

#[test]
fn every_case_gets_its_right_answer() {
    let mut wrong = Vec::new();
    for (path, case) in cases() {
        let report = examine(&path, case.bundle.as_ref());
        let faults = faults(&case, &report);
        if !faults.is_empty() {
            wrong.push(format!("{} ({})\n    {}", case.id, case.source, faults.join("\n    ")));
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_cause_has_a_case() {
    const CAUSES: [&str; 20] = [
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
    let cases = cases();
    let covered: BTreeSet<&str> =
        cases.iter().filter(|(_, case)| case.expect.causes.len() == 1).map(|(_, case)| case.expect.causes[0].as_str()).collect();
    assert_eq!(covered, BTreeSet::from(CAUSES));
}

#[test]
fn cases_are_complete_and_a_third_is_negative() {
    let cases = cases();
    for (path, case) in &cases {
        assert_eq!(path.file_name().unwrap().to_str(), Some(case.id.as_str()));
        let (repository, number) = case.source.split_once('#').unwrap_or_else(|| panic!("{}: source {}", case.id, case.source));
        assert!(repository.contains('/') && number.parse::<u32>().is_ok(), "{}: source {}", case.id, case.source);
        assert!(case.bundle.is_some() || !evidence(path).is_empty(), "{}: neither evidence nor code", case.id);
        assert!(!case.negative || case.expect.least_adds.is_empty(), "{}: a negative adds nothing", case.id);
    }
    let negatives = cases.iter().filter(|(_, case)| case.negative).count();
    assert!(negatives * 3 >= cases.len(), "{negatives} of {}", cases.len());
}
