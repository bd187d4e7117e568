//! What-if on the practice apps: the model decides on changed entitlements as it would on a build that is signed with them.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use temper::diagnose::Change;
use temper::policy::key;
use temper::system::disk::RealSystem;
use temper::whatif::{self, Outcome, Standing};
use temper::{Examination, lab};

/// A practice app, examined. The folder lives as long as the test needs it.
fn examined(id: &str) -> (tempfile::TempDir, Examination) {
    let lab = lab::all().iter().find(|lab| lab.id == id).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut request = lab::unpack(&RealSystem, lab, folder.path()).unwrap();
    request.at = Some(1_790_000_000);
    let examination = temper::examine(&RealSystem, &request, &|_| {}, &AtomicBool::new(false)).unwrap();
    (folder, examination)
}

fn main_of(examination: &Examination) -> String {
    examination.report.target.executable.clone().unwrap()
}

fn with(examination: &Examination, keys: &[&str]) -> (Change, Examination, Outcome) {
    let main = main_of(examination);
    let change = keys.iter().fold(Change::default(), |change, key| whatif::switched(&change, &examination.report, &main, key));
    let after = temper::decide(examination.evidence.clone(), &change);
    let outcome = whatif::outcome(&examination.evidence, &examination.report, &after.report, &change);
    (change, after, outcome)
}

fn standing(before: &Examination, after: &Examination, key: &str) -> Standing {
    whatif::rows(&before.report, &after.report, &main_of(before)).into_iter().find(|row| row.key == key).unwrap().standing
}

#[test]
fn the_missing_key_makes_the_refusal_vanish() {
    let (_folder, before) = examined("jit-map-jit");
    assert_eq!(standing(&before, &before, key::ALLOW_JIT), Standing::Missing);
    let (_, after, outcome) = with(&before, &[key::ALLOW_JIT]);
    assert_eq!(standing(&before, &after, key::ALLOW_JIT), Standing::Needed);
    assert!(outcome.gone.iter().any(|words| words.contains("did not get memory")), "{outcome:?}");
    assert!(outcome.left.is_empty() && outcome.new.is_empty(), "{outcome:?}");
    assert!(outcome.opens.iter().any(|(key, words)| key == key::ALLOW_JIT && words.contains("generates itself")), "{outcome:?}");
}

#[test]
fn a_key_for_something_else_lets_the_refusal_stay() {
    let (_folder, before) = examined("jit-map-jit");
    let (_, after, outcome) = with(&before, &[key::LIBRARY_VALIDATION]);
    assert!(outcome.gone.is_empty(), "{outcome:?}");
    assert!(outcome.left.iter().any(|words| words.contains("did not get memory")), "{outcome:?}");
    assert_eq!(standing(&before, &after, key::ALLOW_JIT), Standing::Missing);
}

#[test]
fn library_validation_is_lifted_for_every_plug_in() {
    let (_folder, before) = examined("foreign-plugin");
    let (_, _, outcome) = with(&before, &[key::LIBRARY_VALIDATION]);
    assert!(outcome.gone.iter().any(|words| words.contains("library validation refused Reverb")), "{outcome:?}");
    assert!(!outcome.left.iter().any(|words| words.contains("library validation")), "{outcome:?}");
}

#[test]
fn a_key_switched_twice_is_no_change() {
    let (_folder, before) = examined("jit-flip");
    let main = main_of(&before);
    let once = whatif::switched(&Change::default(), &before.report, &main, key::ALLOW_JIT);
    assert_eq!(once.entitlements, [(PathBuf::from(&main), key::ALLOW_JIT.to_owned(), false)], "the app is signed with it");
    assert_eq!(whatif::switched(&once, &before.report, &main, key::ALLOW_JIT), Change::default());
    let row =
        |after: &Examination| whatif::rows(&before.report, &after.report, &main).into_iter().find(|row| row.key == key::ALLOW_JIT).unwrap();
    assert!(row(&before).was && row(&before).is);
    let after = temper::decide(before.evidence.clone(), &once);
    assert!(row(&after).was && !row(&after).is);
}

#[test]
fn what_makes_no_sense_together_is_said() {
    let (_folder, before) = examined("jit-map-jit");
    let (.., outcome) = with(&before, &[key::DYLD_VARIABLES, key::PAGE_PROTECTION, key::INHERIT]);
    for wanted in [
        "without cs.disable-library-validation",
        "does no more than cs.allow-unsigned-executable-memory",
        "inherit belongs to the App Sandbox and does nothing without app-sandbox",
    ] {
        assert!(outcome.senseless.iter().any(|line| line.contains(wanted)), "{wanted}: {outcome:?}");
    }
    let (.., outcome) = with(&before, &[key::DYLD_VARIABLES, key::LIBRARY_VALIDATION]);
    assert!(outcome.senseless.is_empty(), "{outcome:?}");
    let (.., outcome) = with(&before, &["com.apple.developer.networking.networkextension"]);
    assert!(outcome.senseless.iter().any(|line| line.contains("provisioning profile")), "{outcome:?}");
}

#[test]
fn a_development_key_is_said_to_fail_at_the_notary_and_the_store() {
    let (_folder, before) = examined("jit-map-jit");
    let (.., outcome) = with(&before, &[key::GET_TASK_ALLOW]);
    assert!(outcome.reviewers.iter().any(|line| line.starts_with("the notary would refuse")), "{outcome:?}");
    assert!(outcome.reviewers.iter().any(|line| line.contains("App Store does not take get-task-allow")), "{outcome:?}");
}

#[test]
fn the_diff_is_of_what_is_signed() {
    let (_folder, before) = examined("jit-flip");
    let main = main_of(&before);
    let (change, ..) = with(&before, &[key::ALLOW_JIT, key::UNSIGNED_MEMORY]);
    let diff = whatif::diff(&before.evidence, &main, &change).unwrap();
    assert!(
        diff.contains("-\t<key>com.apple.security.cs.allow-jit</key>") || diff.contains("-    <key>com.apple.security.cs.allow-jit</key>"),
        "{diff}"
    );
    assert!(diff.contains("<key>com.apple.security.cs.allow-unsigned-executable-memory</key>"), "{diff}");
    assert_eq!(whatif::diff(&before.evidence, &main, &Change::default()).unwrap(), "");
}
