//! A saved case opens again with the same answer, and names nobody.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use temper::Examination;
use temper::evidence::TextFacts;
use temper::scan::Request;
use temper::system::System;
use temper::system::disk::RealSystem;
use temper::system::fake::FakeSystem;

fn open(system: &dyn System, file: &Path) -> Examination {
    let request = Request { path: Some(file.into()), ..Request::default() };
    temper::examine(system, &request, &|_| {}, &AtomicBool::new(false)).unwrap()
}

/// What must not be in the file: teams, bundle identifiers, users, as the facts know them.
fn names(examination: &Examination) -> BTreeSet<String> {
    let evidence = &examination.evidence;
    let mut names = BTreeSet::new();
    for image in &evidence.images {
        names.extend(image.team().map(str::to_owned));
        names.extend(image.facts().and_then(|facts| facts.signature.directory()).and_then(|directory| directory.team.clone()));
    }
    names.extend(evidence.bundles.iter().filter_map(|bundle| bundle.info.as_ref()?.identifier.clone()));
    for text in &evidence.texts {
        let TextFacts::Crash(report, _) = &text.facts else { continue };
        names.extend(report.cs_team.clone());
        names.extend(report.identifier.clone().filter(|identifier| identifier.matches('.').count() > 1));
        let home = report.path.as_deref().and_then(|path| path.strip_prefix("/Users/")).and_then(|rest| rest.split('/').next());
        names.extend(home.filter(|user| !matches!(*user, "USER" | "Shared" | "user")).map(|user| format!("/Users/{user}/")));
    }
    names.retain(|name| name.len() > 3 && !name.starts_with("com.apple.") && !name.starts_with("org.python."));
    names
}

/// Verdict, and of each diagnosis what a reader would act on.
fn answer(examination: &Examination) -> Vec<String> {
    let report = &examination.report;
    let remedies = |diagnosis: &temper::report::Diagnosis| {
        let applicable = diagnosis.remedies.iter().filter(|remedy| remedy.applies);
        applicable.map(|remedy| format!("{}{:?}", remedy.title, remedy.add_entitlements)).collect::<Vec<_>>().join("; ")
    };
    let diagnoses = report.diagnoses.iter().map(|d| format!("{} {} {} {}", d.confidence, d.cause, d.mended_by, remedies(d)));
    std::iter::once(report.verdict.word().to_owned()).chain(diagnoses).collect()
}

#[test]
fn every_case_opens_again_with_the_same_answer_and_without_names() {
    let folder = tempfile::tempdir().unwrap();
    let (mut wrong, mut replaced) = (Vec::new(), 0);
    for (id, examination) in super::cases::examinations() {
        let file = folder.path().join(format!("{id}.json"));
        if let Err(why) = examination.save_case(&RealSystem, &file) {
            wrong.push(format!("{id}: {why}"));
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        let names = names(&examination);
        replaced += names.len();
        wrong.extend(names.iter().filter(|name| text.contains(name.as_str())).map(|name| format!("{id}: {name} is in the file")));
        let again = open(&RealSystem, &file);
        if answer(&again) != answer(&examination) {
            wrong.push(format!("{id}:\n  {:?}\n  {:?}", answer(&examination), answer(&again)));
        }
    }
    assert!(replaced > 30, "only {replaced} names to replace");
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}

/// A file that an earlier Temper wrote opens as long as its form has this number.
#[test]
fn a_case_that_was_saved_long_ago_still_opens() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/casefile/first.json");
    let examination = open(&RealSystem, &file);
    let top = examination.report.diagnoses.first().map(|top| top.cause);
    assert_eq!((examination.report.verdict.word(), top), ("explained", Some("jit")), "write a new form, or read the old one too");
}

#[test]
fn a_case_is_never_written_over_a_file_or_into_the_app() {
    let lab = temper::lab::all().first().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let request = temper::lab::unpack(&RealSystem, lab, folder.path()).unwrap();
    let examination = temper::examine(&RealSystem, &request, &|_| {}, &AtomicBool::new(false)).unwrap();
    let there = folder.path().join("there.json");
    std::fs::write(&there, "mine").unwrap();
    assert!(examination.save_case(&RealSystem, &there).unwrap_err().contains("there already"));
    assert_eq!(std::fs::read_to_string(&there).unwrap(), "mine");
    let inside = request.path.unwrap().join("Contents/case.json");
    assert!(examination.save_case(&RealSystem, &inside).unwrap_err().contains("seal"));
    assert!(!inside.exists());
}

#[test]
fn a_case_file_as_evidence_is_refused_by_name() {
    let system =
        FakeSystem::new().file("/r/case.json", r#"{"format":"temper-case/1","temper":"0","outcome":{"verdict":"clear"},"facts":{}}"#);
    let request = Request { texts: vec!["/r/case.json".into()], ..Request::default() };
    let examination = temper::examine(&system, &request, &|_| {}, &AtomicBool::new(false)).unwrap();
    assert!(examination.evidence.gaps.iter().any(|gap| gap.why.contains("case file")));
    let request = Request { path: Some("/r/case.json".into()), ..Request::default() };
    let error = temper::examine(&system, &request, &|_| {}, &AtomicBool::new(false)).unwrap_err().to_string();
    assert!(error.contains("whose facts this Temper does not know"), "{error}");
}
