//! Would macOS start it, and would the notary take it? On signed apps, with profiles and archives.

use super::support::files::{lab_file, write};
use super::support::sign::{self, SignOptions};
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use temper::diagnose::Change;
use temper::evidence::Evidence;
use temper::policy::spawn::{Authority, Launch};
use temper::policy::{self, Action, Process};
use temper::read::cms::{self, Cms, TrustAnchors};
use temper::read::entitlements::Value;
use temper::read::profile::Profile;
use temper::report::Report;
use temper::scan::{self, Request};
use temper::system::disk::RealSystem;

const MAIN: &str = "Contents/MacOS/Sketchbook";
const GROUPS: &str = "keychain-access-groups";
const NOW: i64 = 1_769_904_000;

/// An app and a helper beside its main executable, both with these entitlements.
fn build(root: &Path, entitlements: &[u8]) {
    let info = "<plist version=\"1.0\"><dict><key>CFBundleExecutable</key><string>Sketchbook</string><key>CFBundleIdentifier</key>\
        <string>org.example.sketchbook</string><key>LSMinimumSystemVersion</key><string>12.0</string></dict></plist>";
    let program = lab_file("MacOS/Sketchbook");
    write(root, "Contents/Info.plist", info);
    write(root, MAIN, program);
    write(root, "Contents/MacOS/helper", sign::sign(program, &SignOptions::hardened("helper").entitled(entitlements)));
}

fn signed(entitlements: &[u8]) -> (tempfile::TempDir, Evidence) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("Sketchbook.app");
    build(&root, entitlements);
    sign::sign_bundle(&root, &[("", SignOptions::hardened("org.example.sketchbook").entitled(entitlements))]).unwrap();
    let evidence = scanned(&root);
    (folder, evidence)
}

fn scanned(root: &Path) -> Evidence {
    let anchor = cms::read_anchor(include_bytes!("../../scenarios/labs/pki/root.cert.pem")).unwrap();
    let request = Request { path: Some(root.into()), anchors: TrustAnchors { extra: vec![anchor] }, at: Some(NOW), ..Request::default() };
    scan::scan(&RealSystem, &request, &|_| {}, &AtomicBool::new(false)).unwrap()
}

fn groups() -> Vec<u8> {
    let text = String::from_utf8(sign::entitlements_xml(&[])).unwrap();
    text.replace("<dict>\n", "<dict>\n\t<key>keychain-access-groups</key>\n\t<array><string>TEAM.a</string></array>\n").into_bytes()
}

/// A profile that grants everything to whoever signed the main executable.
fn profile(evidence: &Evidence) -> Profile {
    let facts = evidence.main_images().next().unwrap().facts().unwrap();
    let team = facts.signature.directory().unwrap().team.clone().unwrap();
    let leaf = facts.signature.cms.as_ref().unwrap().chain[0].sha256;
    Profile {
        name: None,
        uuid: None,
        app_id_name: None,
        team_name: None,
        teams: vec![team.clone()],
        prefixes: vec![team],
        platforms: vec!["OSX".into()],
        entitlements: vec![(GROUPS.into(), Value::Array(vec![Value::String("TEAM.*".into())]))],
        certificates: vec![leaf],
        devices: None,
        all_devices: true,
        created: Some(NOW - 1000),
        expires: Some(NOW + 1000),
        cms: Cms {
            chain: Vec::new(),
            signature_verifies: true,
            digest_matches: true,
            cdhashes_match: None,
            timestamp: None,
            timestamp_token: None,
            timestamp_verifies: None,
            signing_time: None,
            length: 0,
            faults: Vec::new(),
        },
    }
}

fn authority(evidence: &Evidence, path: &str) -> Authority {
    let image = evidence.images.iter().find(|image| image.path == Path::new(path)).unwrap();
    Launch::of(evidence, image, false).authority
}

fn report(evidence: &Evidence) -> Report {
    temper::decide(evidence.clone(), &Change::default()).report
}

#[test]
fn a_restricted_key_needs_a_profile_and_a_bare_program_has_nowhere_to_keep_one() {
    let (_folder, mut evidence) = signed(&groups());
    assert_eq!(authority(&evidence, MAIN), Authority::NoProfile);
    assert_eq!(authority(&evidence, "Contents/MacOS/helper"), Authority::NoPlace);
    let spawn = report(&evidence).spawn;
    assert!(spawn.iter().all(|spawn| spawn.verdict == "refused" && spawn.why.contains(GROUPS)), "{spawn:?}");
    evidence.bundles[0].profile = Some(Ok(Box::new(profile(&evidence))));
    evidence.bundles[0].has_profile = true;
    assert_eq!(authority(&evidence, MAIN), Authority::Granted);
    let spawn = report(&evidence).spawn;
    assert!(spawn.iter().filter(|spawn| spawn.executable == MAIN).all(|spawn| spawn.verdict == "runs"), "{spawn:?}");
}

#[test]
fn a_program_without_restricted_keys_needs_none() {
    let (_folder, evidence) = signed(&sign::entitlements_xml(&["com.apple.security.cs.allow-jit"]));
    assert_eq!(authority(&evidence, MAIN), Authority::NotNeeded);
    let report = report(&evidence);
    let main = report.spawn.iter().find(|spawn| spawn.executable == MAIN && spawn.arch == "x86_64").unwrap();
    assert_eq!((main.verdict, main.macos_from.as_deref()), ("runs", Some("12.0")), "LSMinimumSystemVersion counts");
}

#[test]
fn each_way_a_profile_does_not_fit_is_told_apart() {
    let (_folder, evidence) = signed(&groups());
    let other = || "OTHER12345".to_owned();
    let with = |change: &dyn Fn(&mut Profile)| {
        let mut evidence = evidence.clone();
        let mut profile = profile(&evidence);
        change(&mut profile);
        evidence.bundles[0].profile = Some(Ok(Box::new(profile)));
        authority(&evidence, MAIN)
    };
    assert_eq!(with(&|p| p.platforms = vec!["iOS".into()]), Authority::OtherPlatform);
    assert_eq!(with(&|p| p.expires = Some(NOW - 1)), Authority::OutOfDate);
    assert_eq!(with(&|p| p.teams = vec![other()]), Authority::OtherTeam);
    assert_eq!(with(&|p| p.certificates = vec![[0; 32]]), Authority::OtherCertificate);
    assert_eq!(with(&|p| p.entitlements.clear()), Authority::Uncovered(vec![GROUPS.into()]));
    assert_eq!(with(&|p| p.all_devices = false), Authority::ForStore);
    assert_eq!(with(&|p| (p.all_devices, p.devices) = (false, Some(vec!["UDID".into()]))), Authority::OnListedMacs);
    assert!(matches!(with(&|p| p.cms.digest_matches = false), Authority::Unreadable(_)));
    let mut unreadable = evidence.clone();
    unreadable.bundles[0].profile = Some(Err("cut off".into()));
    assert_eq!(authority(&unreadable, MAIN), Authority::Unreadable("cut off".into()));
}

#[test]
fn the_policy_answers_the_same_as_an_action() {
    let (_folder, evidence) = signed(&groups());
    let image = evidence.main_images().next().unwrap();
    let launch = Box::new(Launch::of(&evidence, image, false));
    let decision = policy::decide(&Process::of(image), &Action::Spawn(launch));
    assert!(!decision.allowed && !decision.lifts.is_empty() && decision.source.contains("TN3125"));
    let submission = Box::new(policy::notary::Submission::of(image, false));
    assert!(policy::decide(&Process::of(image), &Action::Notarize(submission)).allowed);
}

fn jar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn the_notary_looks_into_jars() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("Sketchbook.app");
    build(&root, &sign::entitlements_xml(&[]));
    let library = lab_file("libbrush.dylib");
    let good = sign::sign(library, &SignOptions::hardened("libgood"));
    let bad = sign::sign(library, &SignOptions::ad_hoc("libbad"));
    write(&root, "Contents/Resources/app.jar", jar(&[("native/libbad.dylib", &bad), ("native/libgood.dylib", &good)]));
    sign::sign_bundle(&root, &[("", SignOptions::hardened("org.example.sketchbook"))]).unwrap();
    let report = report(&scanned(&root));
    let refused: Vec<(&str, &str)> = report.notary.iter().map(|item| (item.path.as_str(), item.message.as_str())).collect();
    assert!(!refused.is_empty());
    for (path, message) in refused {
        assert_eq!(path, "Contents/Resources/app.jar/native/libbad.dylib");
        assert_eq!(message, "The binary is not signed with a valid Developer ID certificate.");
    }
    assert!(report.code.iter().all(|code| !code.path.contains("app.jar")), "macOS loads nothing from there");
}

#[test]
fn remarks_on_keys_change_no_verdict() {
    let (_folder, evidence) = signed(&sign::entitlements_xml(&["com.apple.security.cs.alow-jit", "com.apple.security.network.client"]));
    let (_other, plain) = signed(&sign::entitlements_xml(&[]));
    let (report, plain) = (report(&evidence), report(&plain));
    let ids: std::collections::BTreeSet<&str> =
        report.findings.iter().map(|finding| finding.id).filter(|id| id.starts_with("key-")).collect();
    assert_eq!(ids.into_iter().collect::<Vec<_>>(), ["key-misspelt", "key-needs-sandbox"]);
    let causes = |report: &Report| report.diagnoses.iter().map(|d| (d.cause, d.summary.clone(), d.confidence)).collect::<Vec<_>>();
    assert_eq!((report.verdict, causes(&report)), (plain.verdict, causes(&plain)));
    let misspelt = report.findings.iter().filter(|finding| finding.id == "key-misspelt").count();
    assert_eq!(misspelt, 2, "one for each executable, not for each slice");
}
