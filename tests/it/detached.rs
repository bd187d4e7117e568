//! Signatures of what is no Mach-O: an app that a script starts, a bundle without code, a signed script.

use crate::support::files::{lab_file, write};
use crate::support::sign::{self, SignOptions};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use temper::cli::display;
use temper::cli::verify::{self as face, Options, Said};
use temper::evidence::Evidence;
use temper::read::cms::{self, TrustAnchors};
use temper::scan::{self, Request};
use temper::system::System;
use temper::system::disk::RealSystem;
use temper::system::fake::FakeSystem;
use temper::verify::verify;

const SCRIPT: &str = "Contents/MacOS/Launch";
const ART: &str = "Contents/PlugIns/Art.bundle";
const ART_INFO: &str = "Contents/PlugIns/Art.bundle/Contents/Info.plist";
const PARTS: &str = "Contents/_CodeSignature";
/// 2026-02-01, within the practice certificates' life.
const DAY: i64 = 1_769_904_000;

fn info(identifier: &str, executable: Option<&str>) -> String {
    let executable = executable.map(|name| format!("<key>CFBundleExecutable</key><string>{name}</string>")).unwrap_or_default();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict>{executable}\
         <key>CFBundleIdentifier</key><string>{identifier}</string></dict></plist>"
    )
}

fn options(name: &str) -> SignOptions {
    SignOptions::hardened(&format!("org.example.{name}"))
}

/// An app whose main executable is a script that starts a program beside it, with a bundle of pictures.
fn build(root: &Path) {
    let program = lab_file("MacOS/Sketchbook");
    write(root, "Contents/Info.plist", info("org.example.launch", Some("Launch")));
    write(root, SCRIPT, "#!/bin/sh\nexec \"$(dirname \"$0\")/real\" \"$@\"\n");
    write(root, "Contents/MacOS/real", &program[sign::slices(program)[1].clone()]);
    write(root, "Contents/Resources/a.txt", "first");
    write(root, ART_INFO, info("org.example.art", None));
    write(root, &format!("{ART}/Contents/Resources/sun.png"), "sun");
    let codes = [("Contents/MacOS/real", options("real")), (ART, options("art")), ("", options("launch"))];
    sign::sign_bundle(root, &codes).unwrap();
}

fn request(path: &Path) -> Request {
    let root = cms::read_anchor(include_bytes!("../../scenarios/labs/pki/root.cert.pem")).unwrap();
    Request { path: Some(path.into()), anchors: TrustAnchors { extra: vec![root] }, at: Some(DAY), ..Request::default() }
}

fn evidence(system: &dyn System, path: &Path) -> Evidence {
    scan::scan(system, &request(path), &|_| {}, &AtomicBool::new(false)).unwrap()
}

fn found(evidence: &Evidence) -> BTreeSet<(String, String)> {
    verify(evidence).into_iter().map(|finding| (finding.id.to_owned(), finding.subject)).collect()
}

fn face(system: &dyn System, path: &Path) -> Said {
    face::verify(system, &request(path), Options { strict: true, deep: true, ..Options::default() }).unwrap()
}

/// A changed app: what is found in it, and what `temper verify` says, without the folder it is in.
fn changed(change: impl Fn(&Path)) -> (BTreeSet<(String, String)>, Said) {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().canonicalize().unwrap().join("Launch.app");
    build(&app);
    change(&app);
    let said = face(&RealSystem, &app);
    (found(&evidence(&RealSystem, &app)), Said { text: said.text.replace(app.to_str().unwrap(), "APP"), ..said })
}

fn flip(root: &Path, path: &str, at: usize) {
    let mut bytes = fs::read(root.join(path)).unwrap();
    bytes[at] ^= 1;
    fs::write(root.join(path), bytes).unwrap();
}

fn expect(change: impl Fn(&Path), findings: &[(&str, &str)], text: &str) {
    let (found, said) = changed(change);
    assert_eq!(found, findings.iter().map(|(id, subject)| ((*id).to_owned(), (*subject).to_owned())).collect());
    assert!(said.text.starts_with(text), "{findings:?}: {}", said.text);
    assert_eq!(said.status, u8::from(!text.is_empty()), "{}", said.text);
}

#[test]
fn what_is_intact_gives_nothing() {
    expect(|_| {}, &[], "");
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("Launch.app");
    build(&app);
    let evidence = evidence(&RealSystem, &app);
    let signed: Vec<_> = evidence.detached.iter().map(|code| (code.path.to_str().unwrap(), code.main_of)).collect();
    assert_eq!(signed, [(SCRIPT, Some(0)), (ART_INFO, Some(1))]);
    let facts = evidence.detached[0].signed.facts().unwrap();
    assert_eq!(facts.signer.team.as_deref(), Some("PRACTICE01"));
    assert_eq!(facts.pages.as_ref().map(|pages| pages.checked), Some(1), "one page for all");
}

#[test]
fn each_change_is_found_and_nothing_else() {
    expect(
        |root| flip(root, SCRIPT, 20),
        &[("page-does-not-match", SCRIPT)],
        "APP: invalid signature (code or signature have been modified)\n",
    );
    expect(
        |root| write(root, "Contents/Info.plist", info("org.example.launch", Some("Launch")) + " "),
        &[("info-plist-does-not-match", SCRIPT)],
        "APP: invalid Info.plist (plist or signature have been modified)\n",
    );
    let append = |root: &Path| write(root, SCRIPT, fs::read_to_string(root.join(SCRIPT)).unwrap() + "rm -r /\n");
    expect(append, &[("file-longer-than-signed", SCRIPT)], "APP: invalid or unsupported format for signature\n");
    expect(
        |root| flip(root, &format!("{PARTS}/CodeRequirements"), 20),
        &[("requirements-unreadable", SCRIPT), ("signature-slot-does-not-match", SCRIPT)],
        "APP: invalid",
    );
    expect(
        |root| flip(root, "Contents/Resources/a.txt", 0),
        &[("sealed-file-modified", "Contents/Resources/a.txt")],
        "APP: a sealed resource is missing or invalid\nfile modified: APP/Contents/Resources/a.txt\n",
    );
    // Of a bundle without code the Info.plist is what is signed, and slot -1 as well.
    expect(
        |root| write(root, ART_INFO, info("org.example.arc", None)),
        &[("page-does-not-match", ART_INFO), ("info-plist-does-not-match", ART_INFO)],
        "APP: invalid Info.plist (plist or signature have been modified)\nIn subcomponent: APP/Contents/PlugIns/Art.bundle\n",
    );
}

#[test]
fn a_signature_that_is_cut_or_another_is_found() {
    let (ids, said) = changed(|root| {
        let path = root.join(PARTS).join("CodeDirectory");
        let bytes = fs::read(&path).unwrap();
        fs::write(path, &bytes[..60]).unwrap();
    });
    assert_eq!(ids, BTreeSet::from([("signature-unreadable".to_owned(), SCRIPT.to_owned())]));
    assert_eq!(said.status, 1);
    expect(
        |root| fs::remove_file(root.join(PARTS).join("CodeDirectory")).unwrap(),
        &[("code-not-signed", SCRIPT)],
        "APP: code object is not signed at all\n",
    );
    // Signed again by another team: its own signature holds, the app's seal asks for another.
    let (ids, said) = changed(|root| {
        let again = [("", options("art").by(sign::Identity::OtherTeam))];
        sign::sign_bundle(&root.join(ART), &again).unwrap();
    });
    assert_eq!(ids, BTreeSet::from([("nested-code-does-not-match".to_owned(), ART.to_owned())]));
    assert!(said.text.contains("file modified: APP/Contents/PlugIns/Art.bundle"), "{}", said.text);
}

/// A script with the parts of its signature in extended attributes.
fn signed_script(change: impl Fn(&mut Vec<u8>)) -> (FakeSystem, PathBuf) {
    let mut code = b"#!/bin/sh\necho hello\n".to_vec();
    let parts = sign::parts(&code, &options("hello"));
    change(&mut code);
    let path = PathBuf::from("/x/hello.sh");
    let mut system = FakeSystem::new().file("/x/hello.sh", code);
    for (name, bytes) in parts {
        system.attributes.insert((path.clone(), format!("com.apple.cs.{name}")), bytes);
    }
    (system, path)
}

#[test]
fn a_script_is_verified_by_its_attributes() {
    let (system, path) = signed_script(|_| {});
    assert_eq!(found(&evidence(&system, &path)), BTreeSet::new());
    assert_eq!(face(&system, &path), Said::default());
    let (system, path) = signed_script(|code| code[12] ^= 1);
    assert_eq!(face(&system, &path).text, "/x/hello.sh: invalid signature (code or signature have been modified)\n");
    let bare = FakeSystem::new().file("/x/hello.sh", "#!/bin/sh\n");
    assert_eq!(face(&bare, &path).text, "/x/hello.sh: code object is not signed at all\n");
}

/// The lines of `temper display` with one of these beginnings.
fn lines(system: &dyn System, path: &Path, beginnings: &[&str]) -> Vec<String> {
    let options = display::Options { verbosity: 4, requirements: true, ..display::Options::default() };
    let answer = display::display(system, &request(path), options).unwrap();
    answer.text.lines().filter(|line| beginnings.iter().any(|beginning| line.starts_with(beginning))).map(str::to_owned).collect()
}

#[test]
fn their_signatures_are_displayed() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().canonicalize().unwrap().join("Launch.app");
    build(&app);
    let shown = ["Executable=", "Identifier=", "Format=", "Page size=", "TeamIdentifier=", "Sealed Resources", "Info.plist"];
    let executable = format!("Executable={}", app.join(SCRIPT).display());
    let expected = [
        &executable,
        "Identifier=org.example.launch",
        "Format=bundle with generic",
        "Page size=none",
        "Info.plist entries=2",
        "TeamIdentifier=PRACTICE01",
        "Sealed Resources version=2 rules=13 files=3",
    ];
    assert_eq!(lines(&RealSystem, &app, &shown), expected);
    assert_eq!(lines(&RealSystem, &app.join(ART), &["Format=", "Info.plist"]), ["Format=bundle", "Info.plist entries=1"]);
    let (system, script) = signed_script(|_| {});
    assert_eq!(
        lines(&system, &script, &["Format=", "Info.plist", "designated"]).join("\n"),
        "Format=generic\nInfo.plist=not bound\ndesignated => identifier \"org.example.hello\" and anchor apple generic and certificate \
         1[field.1.2.840.113635.100.6.2.6] /* exists */ and certificate leaf[field.1.2.840.113635.100.6.1.13] /* exists */ and certificate \
         leaf[subject.OU] = PRACTICE01"
    );
}
