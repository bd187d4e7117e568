//! Launch and library constraints on signed apps: a program, a helper beside it, an XPC service and a library, each with what its test signs into it.

use super::support::files::{lab_file, write};
use super::support::fuzz::seeds;
use super::support::sign::{self, Identity, SignOptions};
use plist::{Dictionary, Value};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use temper::cli::display::{self, Options};
use temper::cli::text::{Look, render};
use temper::diagnose::{Change, diagnose};
use temper::read::cms::{self, TrustAnchors};
use temper::report::{CodeConstraint, Diagnosis, Load, Report, Spawn, Verdict};
use temper::scan::{self, Request};
use temper::system::disk::RealSystem;

const MAIN: &str = "Contents/MacOS/Sketchbook";
const HELPER: &str = "Contents/MacOS/helper";
const BRUSH: &str = "Contents/Frameworks/libbrush.dylib";
const SERVICE: &str = "Contents/XPCServices/Worker.xpc";
const WORKER: &str = "Contents/XPCServices/Worker.xpc/Contents/MacOS/Worker";
const NOW: i64 = 1_769_904_000;
const WITHOUT_VALIDATION: &str = "com.apple.security.cs.disable-library-validation";

/// How each part of the app is signed.
struct Signing {
    main: SignOptions,
    helper: SignOptions,
    service: SignOptions,
    brush: SignOptions,
}

fn signing() -> Signing {
    Signing {
        main: SignOptions::hardened("org.example.sketchbook"),
        helper: SignOptions::hardened("org.example.helper"),
        service: SignOptions::hardened("org.example.worker"),
        brush: SignOptions::hardened("org.example.brush"),
    }
}

fn info(name: &str, package: &str) -> String {
    format!(
        "<plist version=\"1.0\"><dict><key>CFBundleExecutable</key><string>{name}</string><key>CFBundleIdentifier</key>\
         <string>org.example.{name}</string><key>CFBundlePackageType</key><string>{package}</string></dict></plist>"
    )
}

fn build(folder: &Path, signing: &Signing) -> PathBuf {
    let root = folder.join("Sketchbook.app");
    let program = lab_file("MacOS/Sketchbook");
    write(&root, "Contents/Info.plist", info("Sketchbook", "APPL"));
    write(&root, MAIN, program);
    write(&root, HELPER, program);
    write(&root, BRUSH, lab_file("libbrush.dylib"));
    write(&root, &format!("{SERVICE}/Contents/Info.plist"), info("Worker", "XPC!"));
    write(&root, WORKER, program);
    let parts = [(HELPER, &signing.helper), (BRUSH, &signing.brush), (SERVICE, &signing.service), ("", &signing.main)];
    sign::sign_bundle(&root, &parts.map(|(path, options)| (path, options.clone()))).unwrap();
    root
}

fn request(root: &Path) -> Request {
    let anchor = cms::read_anchor(include_bytes!("../../scenarios/labs/pki/root.cert.pem")).unwrap();
    Request { path: Some(root.into()), anchors: TrustAnchors { extra: vec![anchor] }, at: Some(NOW), ..Request::default() }
}

/// The report on the app, on a version of macOS and with evidence.
fn check(signing: &Signing, os: Option<(u16, u16)>, evidence: &[(&str, &str)]) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let root = build(folder.path(), signing);
    let mut request = request(&root);
    request.os = os;
    request.pasted = evidence.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    let evidence = scan::scan(&RealSystem, &request, &|_| {}, &AtomicBool::new(false)).unwrap();
    diagnose(&evidence, &Change::default())
}

fn dict(entries: &[(&str, Value)]) -> Value {
    Value::Dictionary(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect::<Dictionary>())
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn team(team: &str) -> Value {
    dict(&[("team-identifier", text(team))])
}

/// The verdict on the start of a program, in its arm64 slice.
fn spawn<'a>(report: &'a Report, path: &str) -> &'a Spawn {
    report.spawn.iter().find(|spawn| spawn.executable == path && spawn.arch == "arm64").unwrap()
}

fn constraint<'a>(report: &'a Report, path: &str, slot: u32) -> &'a CodeConstraint {
    let code = report.code.iter().find(|code| code.path == path && code.arch == "arm64").unwrap();
    code.constraints.iter().find(|constraint| constraint.slot == slot).unwrap()
}

fn brush(report: &Report) -> &Load {
    report.loads.iter().find(|load| load.executable == MAIN && load.to.as_deref() == Some(BRUSH) && load.arch == "arm64").unwrap()
}

fn about<'a>(report: &'a Report, subject: &str) -> &'a Diagnosis {
    let found = report.diagnoses.iter().find(|diagnosis| diagnosis.cause == "launch-constraint" && diagnosis.subject == subject);
    found.unwrap_or_else(|| panic!("{:?}", report.diagnoses))
}

fn proposes_no_key(diagnosis: &Diagnosis) {
    assert!(!diagnosis.remedies.is_empty());
    for remedy in &diagnosis.remedies {
        assert!(remedy.add_entitlements.is_empty() && remedy.remove_entitlements.is_empty(), "{remedy:?}");
    }
}

#[test]
fn a_signature_with_constraints_holds_in_every_slot() {
    let mut signing = signing();
    for slot in 8..=11 {
        signing.main = signing.main.constrained(slot, &team("PRACTICE01"));
    }
    let report = check(&signing, None, &[]);
    let code = report.code.iter().find(|code| code.path == MAIN).unwrap();
    assert_eq!((code.signature, code.problems.contains(&"signature-slot-does-not-match")), ("valid", false));
    let on: Vec<(u32, &str, Option<&str>)> = code.constraints.iter().map(|one| (one.slot, one.on, one.judgement)).collect();
    let expected =
        [(8, "self", Some("holds")), (9, "parent", Some("depends")), (10, "responsible", Some("depends")), (11, "library", None)];
    assert_eq!(on, expected);
    assert!(code.constraints.iter().all(|one| one.demands.as_deref() == Some("team-identifier is PRACTICE01")), "{:?}", code.constraints);
    assert_eq!(brush(&report).verdict, "allowed", "{}", brush(&report).rule);
}

#[test]
fn a_self_constraint_that_holds_changes_nothing() {
    let plain = check(&signing(), None, &[]);
    let mut signing = signing();
    let requires = dict(&[
        ("team-identifier", text("PRACTICE01")),
        ("signing-identifier", dict(&[("$in", Value::Array(vec![text("org.example.sketchbook"), text("other")]))])),
        ("validation-category", Value::Integer(6.into())),
    ]);
    signing.main = signing.main.constrained(8, &requires);
    let report = check(&signing, None, &[]);
    assert_eq!(spawn(&report, MAIN).verdict, "runs");
    assert_eq!(spawn(&report, MAIN).verdict, spawn(&plain, MAIN).verdict);
    assert!(spawn(&report, MAIN).conditions.contains(&"macOS before 13.3 ignores its launch constraints"));
    assert_eq!(constraint(&report, MAIN, 8).judgement, Some("holds"));
    assert!(report.diagnoses.iter().all(|diagnosis| diagnosis.cause != "launch-constraint"));
}

#[test]
fn a_self_constraint_that_does_not_hold_refuses_the_start_and_names_the_fact() {
    let mut signing = signing();
    signing.main = signing.main.constrained(8, &team("OTHERTEAM1"));
    let report = check(&signing, None, &[]);
    let spawn = spawn(&report, MAIN);
    assert_eq!((spawn.verdict, spawn.confidence), ("refused", "certain"));
    let why = "it does not satisfy its own self constraint: team-identifier must be OTHERTEAM1, but that of Sketchbook is PRACTICE01";
    assert_eq!(spawn.why, why);
    let diagnosis = about(&report, MAIN);
    assert_eq!((diagnosis.confidence, report.verdict), ("likely", Verdict::AtRisk));
    assert!(diagnosis.summary.contains("team-identifier must be OTHERTEAM1"), "{}", diagnosis.summary);
    proposes_no_key(diagnosis);
}

#[test]
fn older_systems_ignore_constraints_and_that_is_said() {
    let mut signing = signing();
    signing.main = signing.main.constrained(8, &team("OTHERTEAM1"));
    let old = check(&signing, Some((13, 2)), &[]);
    assert_eq!(spawn(&old, MAIN).verdict, "runs");
    assert!(spawn(&old, MAIN).conditions.contains(&"this macOS ignores its launch constraints: 13.3 is the first to heed them"));
    assert!(old.findings.iter().all(|finding| finding.id != "constraint-not-met"));
    assert_eq!(spawn(&check(&signing, Some((13, 3)), &[]), MAIN).verdict, "refused");
}

#[test]
fn a_helper_is_held_against_its_app() {
    let mut signing = signing();
    let parent = |identifier: &str| dict(&[("signing-identifier", text(identifier)), ("team-identifier", text("PRACTICE01"))]);
    signing.helper = SignOptions::hardened("org.example.helper").constrained(9, &parent("org.example.sketchbook"));
    assert_eq!(spawn(&check(&signing, None, &[]), HELPER).verdict, "runs");
    signing.helper = SignOptions::hardened("org.example.helper").constrained(9, &parent("org.example.other"));
    let report = check(&signing, None, &[]);
    let why = "its parent constraint does not let Sketchbook start it: signing-identifier must be org.example.other, but that of Sketchbook is \
               org.example.sketchbook";
    assert_eq!((spawn(&report, HELPER).verdict, spawn(&report, HELPER).why.as_str()), ("refused", why));
    assert_eq!(spawn(&report, HELPER).confidence, "likely", "who starts it is a guess");
    proposes_no_key(about(&report, HELPER));
}

/// "The app that initiates an XPC connection is responsible for launching the XPC service": its parent is launchd.
#[test]
fn a_service_is_started_by_launchd_on_behalf_of_its_app() {
    let mut signing = signing();
    signing.service = SignOptions::hardened("org.example.worker").constrained(10, &team("PRACTICE01"));
    let report = check(&signing, None, &[]);
    assert_eq!(spawn(&report, WORKER).verdict, "runs", "{}", spawn(&report, WORKER).why);
    assert_eq!(constraint(&report, WORKER, 10).against.as_deref(), Some("Sketchbook"));
    signing.service = SignOptions::hardened("org.example.worker").constrained(9, &team("PRACTICE01"));
    let report = check(&signing, None, &[]);
    let why = "its parent constraint does not let launchd start it: team-identifier must be PRACTICE01, but launchd has none";
    assert_eq!((spawn(&report, WORKER).verdict, spawn(&report, WORKER).why.as_str()), ("refused", why));
}

#[test]
fn what_depends_on_the_start_is_left_open_by_the_name_of_the_fact() {
    let mut signing = signing();
    signing.main = signing.main.constrained(9, &dict(&[("is-init-proc", Value::Boolean(true))]));
    let report = check(&signing, None, &[]);
    let why = "whether its parent constraint holds is not known: is-init-proc must be true, which depends on who starts it";
    assert_eq!((spawn(&report, MAIN).verdict, spawn(&report, MAIN).why.as_str()), ("unknown", why));
    let mut odd = self::signing();
    odd.main = odd.main.constrained(8, &dict(&[("moon-phase", Value::Integer(3.into()))]));
    let report = check(&odd, None, &[]);
    assert_eq!(constraint(&report, MAIN, 8).demands.as_deref(), Some("moon-phase is 3"));
    assert!(spawn(&report, MAIN).why.contains("moon-phase"), "{}", spawn(&report, MAIN).why);
    assert!(report.diagnoses.iter().all(|diagnosis| diagnosis.cause != "launch-constraint"), "what is not known is no cause");
}

#[test]
fn a_malformed_constraint_is_a_finding_that_names_its_slot() {
    for (slot, der, said) in [
        (8, vec![0x70, 3, 2, 1, 1], "cut"),
        (9, sign_der(&dict(&[])), "empty dictionary"),
        (11, b"no DER at all".to_vec(), "no constraint"),
    ] {
        let mut signing = signing();
        signing.main = signing.main.constrained_by(slot, der);
        let report = check(&signing, None, &[]);
        let finding = report.findings.iter().find(|finding| finding.id == "constraint-malformed").unwrap();
        assert!(finding.message.contains(&format!("(slot {slot}) cannot be read")), "{}", finding.message);
        assert!(said == "cut" || finding.message.contains(said), "{}", finding.message);
        assert_eq!(constraint(&report, MAIN, slot).judgement, Some("unreadable"));
        let (verdict, refused) = (spawn(&report, MAIN).verdict, brush(&report).verdict == "refused");
        assert_eq!((verdict == "refused", refused), (slot < 11, slot == 11), "slot {slot}: {verdict}");
    }
}

fn sign_der(requires: &Value) -> Vec<u8> {
    let options = SignOptions::hardened("x").constrained(8, requires);
    options.constraints[0].1.clone()
}

#[test]
fn a_library_constraint_keeps_out_a_library_of_another_team() {
    let mut signing = signing();
    let keys = sign::entitlements_xml(&[WITHOUT_VALIDATION]);
    let main = || SignOptions::hardened("org.example.sketchbook").entitled(&keys);
    signing.brush = signing.brush.by(Identity::OtherTeam);
    signing.main = main();
    assert_eq!(brush(&check(&signing, None, &[])).verdict, "allowed", "without a constraint the key lets it in");

    signing.main = main().constrained(11, &team("PRACTICE01"));
    let report = check(&signing, None, &[]);
    let load = brush(&report);
    assert_eq!(load.verdict, "refused");
    assert!(load.rule.contains("EPERM") && load.rule.contains("team-identifier must be PRACTICE01"), "{}", load.rule);
    assert!(load.rule.contains("that of libbrush.dylib is OTHERTEAM1"), "{}", load.rule);
    let diagnosis = about(&report, MAIN);
    assert_eq!(diagnosis.remedies.iter().filter(|remedy| remedy.applies).count(), 1, "{:?}", diagnosis.remedies);
    proposes_no_key(diagnosis);
    let of_main = report.diagnoses.iter().filter(|diagnosis| diagnosis.subject == MAIN);
    assert!(of_main.map(|diagnosis| diagnosis.cause).all(|cause| cause != "library-validation"));
    let state = report.entitlements.iter().find(|state| state.executable == MAIN).unwrap();
    assert!(!state.needed.iter().any(|key| key == WITHOUT_VALIDATION), "the key lets nothing in: {:?}", state.needed);
    assert_eq!(brush(&check(&signing, Some((13, 6)), &[])).verdict, "allowed", "macOS 14 is the first to heed it");

    let both = dict(&[("team-identifier", dict(&[("$in", Value::Array(vec![text("PRACTICE01"), text("OTHERTEAM1")]))]))]);
    signing.main = main().constrained(11, &both);
    assert_eq!(brush(&check(&signing, None, &[])).verdict, "allowed");
}

/// Library validation and the constraint both keep it out: the key for the first would not mend it.
#[test]
fn no_key_is_proposed_for_a_library_that_the_constraint_keeps_out_too() {
    let mut signing = signing();
    signing.brush = signing.brush.by(Identity::OtherTeam);
    signing.main = signing.main.constrained(11, &team("PRACTICE01"));
    let report = check(&signing, None, &[]);
    assert!(brush(&report).rule.starts_with("library validation"), "{}", brush(&report).rule);
    let diagnosis = report.diagnoses.iter().find(|diagnosis| diagnosis.cause == "library-validation").unwrap();
    let keyed = diagnosis.remedies.iter().filter(|remedy| remedy.add_entitlements.iter().any(|key| key == WITHOUT_VALIDATION));
    for remedy in keyed {
        assert!(!remedy.applies, "{remedy:?}");
    }
}

fn line(process: u32, failed: &str) -> String {
    format!(
        "2026-06-02 08:15:22.118201+0200 0x1a2f     Default     0x0                  0      0    kernel: (AppleMobileFileIntegrity) AMFI: Launch Constraint \
         Violation (enforcing), error info: c[4]p[{process}]m[1]e[0], (Constraint not matched) launching proc[vc: 6 pid: 812]: \
         /Applications/Sketchbook.app/{WORKER}, launch type 0, failure proc [vc: 1 pid: 1]: {failed}\n"
    )
}

#[test]
fn the_kernels_line_is_told_with_the_fact_that_is_not_met() {
    let mut signing = signing();
    signing.service = SignOptions::hardened("org.example.worker").constrained(9, &team("PRACTICE01"));
    let report = check(&signing, None, &[("kernel.log", &line(2, "/sbin/launchd"))]);
    let diagnosis = about(&report, WORKER);
    assert_eq!((report.verdict, diagnosis.confidence), (Verdict::OtherCause, "certain"));
    let met = "its parent constraint does not let launchd start it: team-identifier must be PRACTICE01, but launchd has none";
    assert!(diagnosis.summary.contains(met), "{}", diagnosis.summary);
    assert!(diagnosis.rule.is_some() && diagnosis.remedies.len() == 1, "{diagnosis:?}");
    proposes_no_key(diagnosis);
    assert_eq!(report.diagnoses.iter().filter(|diagnosis| diagnosis.cause == "launch-constraint").count(), 1);

    // Started in Terminal: the line names who it was, and nothing is known of its signature.
    let report = check(&signing, None, &[("kernel.log", &line(2, "/bin/zsh"))]);
    let diagnosis = about(&report, WORKER);
    assert_eq!(diagnosis.confidence, "likely");
    assert!(
        diagnosis.summary.contains("(/bin/zsh)") && diagnosis.summary.contains("team-identifier must be PRACTICE01"),
        "{}",
        diagnosis.summary
    );

    // The line is about another constraint than the one that the service carries.
    let report = check(&signing, None, &[("kernel.log", &line(3, "/sbin/launchd"))]);
    assert!(!about(&report, WORKER).summary.contains("team-identifier"), "{}", about(&report, WORKER).summary);
}

#[test]
fn the_text_report_says_constraints_in_plain_words() {
    let mut signing = signing();
    signing.main = signing.main.constrained(8, &team("OTHERTEAM1"));
    let text = render(&check(&signing, None, &[]), Look { width: 400, color: false });
    assert!(text.contains("self constraint: team-identifier is OTHERTEAM1. Not met: team-identifier must be OTHERTEAM1"), "{text}");
}

/// The lines are those of captures on macOS 15 and 26; see `docs/display.md`.
#[test]
fn display_shows_what_codesign_shows() {
    let folder = tempfile::tempdir().unwrap();
    let mut signing = signing();
    let hashes = dict(&[("cdhash", dict(&[("$in", Value::Array(vec![Value::Data(vec![0xab; 20])]))]))]);
    signing.main = signing.main.constrained(9, &team("PRACTICE01")).constrained(11, &hashes);
    let root = build(folder.path(), &signing);
    let shown = |verbosity| {
        let options = Options { verbosity, ..Options::default() };
        display::display(&RealSystem, &request(&root), options).unwrap().text
    };
    let lines = "Launch Constraints:\n\tHas Parent Launch Constraints\nLibrary Load Constraints:\n\tHas Library Load Constraints\nCDHash=";
    assert!(shown(3).contains(lines), "{}", shown(3));
    assert!(!shown(2).contains("Constraints"));
    let dictionary = "\t[Dict]\n\t\t[Key] ccat\n\t\t[Value]\n\t\t\t[Int] 0\n\t\t[Key] comp\n\t\t[Value]\n\t\t\t[Int] 1\n\t\t[Key] reqs\n\t\t[Value]\n\t\t\t[Dict]\n\
        \t\t\t\t[Key] cdhash\n\t\t\t\t[Value]\n\t\t\t\t\t[Dict]\n\t\t\t\t\t\t[Key] $in\n\t\t\t\t\t\t[Value]\n\t\t\t\t\t\t\t[Array]\n";
    let hash = format!("\t\t\t\t\t\t\t\t[Data] {}\n", "ab".repeat(20));
    assert!(shown(6).contains(&format!("{dictionary}{hash}\t\t[Key] vers\n")), "{}", shown(6));
    assert!(!shown(5).contains("[Key]"));
}

/// The fuzzer begins with what a signed program holds: these two constraints.
#[test]
fn the_seeds_of_the_fuzzer_are_those_of_a_signed_program() {
    let int = |number: i64| Value::Integer(number.into());
    let list = |items: Vec<Value>| Value::Array(items);
    let both = dict(&[("signing-identifier", text("org.example.other")), ("team-identifier", text("OTHERTEAM1"))]);
    let arms = list(vec![list(vec![text("$and"), team("PRACTICE01")]), list(vec![text("$and"), both])]);
    let first = dict(&[
        ("$or-array", arms),
        ("launch-type", dict(&[("$gte", int(0)), ("$lt", int(9))])),
        ("validation-category", dict(&[("$in", list(vec![int(3), int(6)]))])),
    ]);
    let protected = list(vec![text("$optional"), dict(&[("is-sip-protected", Value::Boolean(true))])]);
    let hashes = dict(&[("$in", list(vec![Value::Data(vec![7; 20])]))]);
    let query = list(vec![list(vec![int(1), text("com.example.key")]), list(vec![int(5), Value::Boolean(true)])]);
    let second = dict(&[
        ("$and-array", list(vec![protected])),
        ("$or", dict(&[("cdhash", hashes), ("is-init-proc", Value::Boolean(true))])),
        ("entitlements", dict(&[("$query", query)])),
        ("moon-phase", dict(&[("$gt", int(1)), ("$lte", int(4))])),
    ]);
    let options = SignOptions::hardened("org.example.sketchbook").constrained(8, &first).constrained(11, &second);
    let signed = sign::sign(lab_file("MacOS/Sketchbook"), &options);
    let cut: Vec<Vec<u8>> =
        seeds::seeds("Sketchbook", &signed).into_iter().filter(|(reader, _)| *reader == "constraint").map(|(_, seed)| seed).collect();
    let [one, two] = seeds::constraints();
    assert_eq!(cut, [one.clone(), two.clone(), one, two], "of each slice, slots 8 and 11");
    assert!(cut.iter().all(|bytes| temper::read::signature::constraint::read(bytes).is_ok()));
}
