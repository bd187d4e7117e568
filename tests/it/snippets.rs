//! Evidence as people paste it in public threads, in our own words, each with the right answer: one file of `tests/snippets` for each.
//!
//! Nothing but the text is given: no app. So a key may be proposed only where the evidence itself shows the slice and the runtime flag.

use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use temper::report::{Diagnosis, Remedy, Report};
use temper::scan::Request;
use temper::system::fake::FakeSystem;

/// A snippet and its right answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snippet {
    /// The public thread whose failure this is: `owner/repo#N` or `forums/thread/N`.
    source: String,
    /// Family of the failure.
    kind: String,
    /// What was pasted.
    text: String,
    /// A second paste: a log beside a report.
    #[serde(default)]
    second: Option<String>,
    /// Causes of the first diagnosis that are right; `none`: nothing is said with confidence.
    causes: Vec<String>,
    /// Verdicts that are right.
    verdicts: Vec<String>,
    /// Entitlements that the least remedy adds: exactly these.
    #[serde(default)]
    least_adds: Vec<String>,
    /// Entitlements that no applicable remedy may add; `*` is any.
    #[serde(default)]
    never_adds: Vec<String>,
    /// Entitlements that an applicable remedy takes out.
    #[serde(default)]
    removes: Vec<String>,
    /// Info.plist keys that an applicable remedy adds.
    #[serde(default)]
    info_plist: Vec<String>,
    /// Why this is the answer.
    why: String,
    /// What leads astray here.
    trap: String,
}

impl Snippet {
    /// The hardened runtime has no part in the failure, or the evidence does not decide.
    fn is_negative(&self) -> bool {
        const OTHERS: [&str; 5] = ["none", "not-signing", "gatekeeper", "launch-constraint", "sandbox"];
        self.causes.iter().all(|cause| OTHERS.contains(&cause.as_str()))
    }

    fn report(&self) -> Report {
        let mut pasted = vec![("paste".to_owned(), self.text.clone().into_bytes())];
        pasted.extend(self.second.as_ref().map(|text| ("second paste".to_owned(), text.clone().into_bytes())));
        let request = Request { pasted, ..Request::default() };
        temper::examine(&FakeSystem::new(), &request, &|_| {}, &AtomicBool::new(false)).unwrap().report
    }

    /// What is wrong in a report.
    fn faults(&self, report: &Report) -> Vec<String> {
        let mut faults = Vec::new();
        let verdict = serde_json::to_value(report.verdict).unwrap();
        let verdict = verdict.as_str().unwrap_or_default();
        if !self.verdicts.iter().any(|right| right == verdict) {
            faults.push(format!("verdict {verdict}, not {}", self.verdicts.join(" or ")));
        }
        let top = report.diagnoses.first();
        let is_right = |cause: &str| self.causes.iter().any(|right| right == cause);
        let nothing_sure = is_right("none") && top.is_none_or(|top| top.confidence == "possible");
        match top {
            _ if nothing_sure => {}
            Some(top) if is_right(top.cause) => {}
            Some(top) => faults.push(format!("{} {} instead of {}: {}", top.confidence, top.cause, self.causes.join(" or "), top.summary)),
            None => faults.push(format!("no diagnosis instead of {}", self.causes.join(" or "))),
        }
        let least: BTreeSet<&str> = top.map(least_adds).unwrap_or_default();
        let wanted: BTreeSet<&str> = self.least_adds.iter().map(String::as_str).collect();
        if least != wanted {
            faults.push(format!("least adds {least:?}, not {wanted:?}"));
        }
        for (diagnosis, remedy) in applicable(&report.diagnoses) {
            let forbidden = |key: &&String| self.never_adds.iter().any(|never| never == "*" || never == *key);
            let keys: Vec<&String> = remedy.add_entitlements.iter().filter(forbidden).collect();
            if !keys.is_empty() {
                faults.push(format!("{} {}: «{}» adds {keys:?}", diagnosis.confidence, diagnosis.cause, remedy.title));
            }
        }
        let top_remedies: Vec<&Remedy> = top.iter().flat_map(|top| &top.remedies).filter(|remedy| remedy.applies).collect();
        for key in &self.removes {
            if !top_remedies.iter().any(|remedy| remedy.remove_entitlements.contains(key)) {
                faults.push(format!("no remedy takes out {key}"));
            }
        }
        for key in &self.info_plist {
            if !top_remedies.iter().any(|remedy| remedy.add_info_plist.contains(key)) {
                faults.push(format!("no remedy adds {key} to Info.plist"));
            }
        }
        faults.extend(broken_promises(report, verdict));
        faults
    }
}

fn least_adds(diagnosis: &Diagnosis) -> BTreeSet<&str> {
    diagnosis.remedies.iter().filter(|remedy| remedy.least).flat_map(|remedy| &remedy.add_entitlements).map(String::as_str).collect()
}

fn applicable(diagnoses: &[Diagnosis]) -> impl Iterator<Item = (&Diagnosis, &Remedy)> {
    diagnoses.iter().flat_map(|diagnosis| diagnosis.remedies.iter().filter(|remedy| remedy.applies).map(move |remedy| (diagnosis, remedy)))
}

/// What holds of every report.
fn broken_promises(report: &Report, verdict: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for diagnosis in &report.diagnoses {
        let least: Vec<&Remedy> = diagnosis.remedies.iter().filter(|remedy| remedy.least).collect();
        if least.len() > 1 {
            faults.push(format!("{}: {} remedies are the least", diagnosis.cause, least.len()));
        }
        if least.iter().any(|remedy| !remedy.applies || remedy.needs_new_code) {
            faults.push(format!("{}: the least remedy does not apply or needs new code", diagnosis.cause));
        }
    }
    if verdict == "other-cause" && applicable(&report.diagnoses).any(|(_, remedy)| !remedy.add_entitlements.is_empty()) {
        faults.push("another cause, and yet a key is added".into());
    }
    faults
}

/// All snippets, by file name.
fn all() -> Vec<(String, Snippet)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snippets");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let read = |path: &std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let snippet = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, snippet)
    };
    files.iter().map(read).collect()
}

#[test]
fn every_snippet_gets_its_right_answer() {
    let wrong: Vec<String> = all()
        .iter()
        .filter_map(|(name, snippet)| {
            let faults = snippet.faults(&snippet.report());
            let reasons = faults.iter().map(|fault| format!("\n    {fault}")).collect::<String>();
            (!faults.is_empty()).then(|| format!("{name} ({}, {}){reasons}\n    why: {}", snippet.kind, snippet.source, snippet.why))
        })
        .collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_snippets_are_many_and_a_third_of_them_are_negative() {
    let all = all();
    let negative = all.iter().filter(|(_, snippet)| snippet.is_negative()).count();
    assert!(all.len() >= 60, "{} snippets", all.len());
    assert!(negative * 3 >= all.len(), "{negative} of {} are negative", all.len());
}

#[test]
fn every_snippet_names_a_public_thread_and_its_trap() {
    for (name, snippet) in all() {
        let thread = snippet.source.rsplit_once(['#', '/']).is_some_and(|(_, number)| number.parse::<u64>().is_ok());
        assert!(thread && snippet.source.contains('/'), "{name}: {}", snippet.source);
        assert!(!snippet.why.trim().is_empty() && !snippet.trap.trim().is_empty() && !snippet.kind.is_empty(), "{name}");
        assert!(!snippet.verdicts.is_empty(), "{name}");
    }
}

#[test]
fn a_certificate_that_only_the_arguments_show_is_no_proof() {
    let confidence = |text: &str| {
        let request = Request { pasted: vec![("paste".to_owned(), text.as_bytes().to_vec())], ..Request::default() };
        let report = temper::examine(&FakeSystem::new(), &request, &|_| {}, &AtomicBool::new(false)).unwrap().report;
        report.diagnoses.first().map(|top| (top.cause, top.confidence))
    };
    let arguments = "IOException: Command [/usr/bin/codesign, -s, Developer ID Installer: A (B), -vvvv, x] exited with 1 code\n";
    assert_eq!(confidence(arguments), Some(("signature-invalid", "likely")));
    let said = "Developer ID Installer: A (B): this identity cannot be used for signing code\n";
    assert_eq!(confidence(said), Some(("signature-invalid", "certain")));
}

/// Titles of the remedies that apply to the first diagnosis of a pasted text.
fn offered(text: &str) -> Vec<String> {
    let request = Request { pasted: vec![("paste".to_owned(), text.as_bytes().to_vec())], ..Request::default() };
    let report = temper::examine(&FakeSystem::new(), &request, &|_| {}, &AtomicBool::new(false)).unwrap().report;
    let top = report.diagnoses.into_iter().next();
    top.into_iter().flat_map(|top| top.remedies).filter(|remedy| remedy.applies).map(|remedy| remedy.title).collect()
}

#[test]
fn a_remedy_is_offered_for_its_own_kind_only() {
    let amfi =
        "amfid: /A.app/Contents/MacOS/A not valid: Error Domain=AppleMobileFileIntegrityError Code=-413 \"No matching profile found\"\n";
    let profile = "Embed a provisioning profile";
    let pairs = [
        ("A.app: unsealed contents present in the bundle root\n".to_owned(), "Bring the bundle into the layout", "Sign again after"),
        ("A.app: a sealed resource is missing or invalid\n".to_owned(), "Sign again after", "Bring the bundle into the layout"),
        (format!("{amfi}Unsatisfied Entitlements: com.apple.private.example\n"), "Take the restricted entitlement out", profile),
        (format!("{amfi}Unsatisfied Entitlements: com.apple.developer.associated-domains\n"), profile, "Let the name of the app group"),
        ("group containers identifiers should be prefixed by requestor's team ID\n".to_owned(), "Let the name of the app group", profile),
        ("  status: Invalid\n".to_owned(), "Read the notary's log", "Sign with a Developer ID"),
        ("/A.app/x: The binary is not signed\n".to_owned(), "Sign with a Developer ID", "Read the notary's log"),
        ("/A.app: rejected\nsource=Unnotarized Developer ID\n".to_owned(), "Notarize and staple", "Sign again after"),
        ("/A.app: rejected\nsource=no usable signature\n".to_owned(), "Sign again after", "Notarize and staple"),
        ("System Policy: a(9) deny(1) file-read-data /Users/n/Library/Mail\n".to_owned(), "Let the user allow it", "Add the entitlement"),
        ("Sandbox: a(9) deny(1) file-read-data /Users/n/Library/Mail\n".to_owned(), "Add the entitlement", "Let the user allow it"),
        ("ls: /Users/n/Library/Mail: Operation not permitted\n".to_owned(), "Let the user allow it", "Add the entitlement"),
        ("/A.app/x: CSSMERR_TP_CERT_REVOKED\n".to_owned(), "Sign anew, with a certificate", "Sign again after"),
        ("/A.app: Too many open files\n".to_owned(), "Let macOS check again", "Notarize and staple"),
    ];
    for (text, right, wrong) in pairs {
        let titles = offered(&text);
        assert!(titles.iter().any(|title| title.starts_with(right)), "{text}: {titles:?}");
        assert!(!titles.iter().any(|title| title.starts_with(wrong)), "{text}: {titles:?}");
    }
}
