//! `temper display`: the shapes of its lines are those of captures that people published of `codesign --display`.
//!
//! A shape is a line with every number, digest and name of the example replaced: what is left is the tool's own.

use super::support::files::lab_file;
use super::support::sign::{self, Identity, SignOptions};
use std::path::{Path, PathBuf};
use temper::cli::display::{self, Form, Options};
use temper::read::cms::{self, TrustAnchors};
use temper::read::macho::Arch;
use temper::scan::Request;
use temper::system::disk::RealSystem;

/// Packfiles, "Verify your copy of Warp Vault": `codesign -dv --verbose=4` of an app with a Developer ID signature, without its certificates' names.
const DEVELOPER_ID_APP: &str = "\
Executable=…
Identifier=…
Format=app bundle with Mach-O universal (…)
CodeDirectory v=… size=… flags=…(runtime) hashes=… location=embedded
VersionPlatform=…
VersionMin=…
VersionSDK=…
Hash type=sha256 size=…
CandidateCDHash sha256=…
CandidateCDHashFull sha256=…
Hash choices=sha256
CMSDigest=…
CMSDigestType=…
Executable Segment base=…
Executable Segment limit=…
Executable Segment flags=…
Page size=…
CDHash=…
Signature size=…
Authority=…
Authority=…
Authority=…
Timestamp=…
Info.plist entries=…
TeamIdentifier=…
Runtime Version=…
Sealed Resources version=… rules=… files=…
Internal requirements count=… size=…
";

/// Automattic/node-canvas, pull request 2354: `codesign --display --verbose=4` of a bare ad hoc program.
const AD_HOC_PROGRAM: &str = "\
Executable=…
Identifier=…
Format=Mach-O thin (…)
CodeDirectory v=… size=… flags=…(adhoc) hashes=… location=embedded
VersionPlatform=…
VersionMin=…
VersionSDK=…
Hash type=sha256 size=…
CandidateCDHash sha256=…
CandidateCDHashFull sha256=…
Hash choices=sha256
CMSDigest=…
CMSDigestType=…
Executable Segment base=…
Executable Segment limit=…
Executable Segment flags=…
Page size=…
CDHash=…
Signature=adhoc
Info.plist=not bound
TeamIdentifier=not set
Sealed Resources=none
";

/// Labels whose value is the example's.
const FREE: &[&str] =
    &["Executable", "Identifier", "CandidateCDHash sha256", "CandidateCDHashFull sha256", "CMSDigest", "CDHash", "Authority", "Timestamp"];

fn shape(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let label = line.rsplit_once('=').map_or(line, |(label, _)| label);
        let first = line.split_once('=').map_or(line, |(label, _)| label);
        let line = if FREE.contains(&first) || FREE.contains(&label) {
            format!("{}=…", if FREE.contains(&label) { label } else { first })
        } else if first == "TeamIdentifier" && !line.ends_with("not set") {
            "TeamIdentifier=…".to_owned()
        } else if let Some((start, _)) = line.split_once('(').filter(|_| first == "Format") {
            format!("{start}(…)")
        } else {
            masked(line)
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}

/// Values that begin with a digit, up to the next blank or bracket.
fn masked(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('=') {
        out.push_str(before);
        out.push('=');
        rest = after;
        if after.starts_with(|c: char| c.is_ascii_digit()) {
            out.push('…');
            rest = &after[after.find([' ', '(']).unwrap_or(after.len())..];
        }
    }
    out + rest
}

fn info() -> Vec<u8> {
    b"<plist version=\"1.0\"><dict><key>CFBundleExecutable</key><string>Sketchbook</string><key>CFBundlePackageType</key><string>APPL</string>\
      <key>CFBundleIdentifier</key><string>org.example.sketchbook</string></dict></plist>"
        .to_vec()
}

fn anchors() -> TrustAnchors {
    TrustAnchors { extra: vec![cms::read_anchor(include_bytes!("../../scenarios/labs/pki/root.cert.pem")).unwrap()] }
}

/// An app of two slices, signed by the practice identity.
fn app(folder: &Path, options: &SignOptions) -> PathBuf {
    let root = folder.join("Sketchbook.app");
    for (path, bytes) in [("Contents/Info.plist", info()), ("Contents/MacOS/Sketchbook", lab_file("MacOS/Sketchbook").to_vec())] {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    sign::sign_bundle(&root, &[("", options.clone())]).unwrap();
    root
}

fn shown_of(path: &Path, arch: Option<Arch>, options: Options) -> (String, u8) {
    let request = Request { path: Some(path.into()), anchors: anchors(), arch, ..Request::default() };
    let answer = display::display(&RealSystem, &request, options).unwrap();
    (answer.text, answer.status)
}

fn shown(path: &Path, verbosity: u8) -> String {
    let (text, status) = shown_of(path, None, Options { verbosity, ..Options::default() });
    assert_eq!(status, 0, "{text}");
    text
}

#[test]
fn an_app_is_described_as_in_the_capture() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path(), &SignOptions::hardened("org.example.sketchbook"));
    let text = shown(&app, 4);
    let expected: String = DEVELOPER_ID_APP.lines().filter(|line| !line.starts_with("Authority")).map(|line| format!("{line}\n")).collect();
    let got: String = shape(&text).lines().filter(|line| !line.starts_with("Authority")).map(|line| format!("{line}\n")).collect();
    assert_eq!(got, expected, "{text}");
    assert!(text.contains("Authority=") && text.contains("rules=13"), "{text}");
    assert_eq!(shown(&app.join("Contents/MacOS/Sketchbook"), 4), text, "its main executable stands for the bundle");
}

#[test]
fn a_bare_program_is_described_as_in_the_capture() {
    let folder = tempfile::tempdir().unwrap();
    let program = lab_file("MacOS/Sketchbook");
    let slice = sign::slices(program).into_iter().map(|range| &program[range]).find(|slice| sign::arch_name(slice) == "arm64").unwrap();
    let path = folder.path().join("tool");
    std::fs::write(&path, sign::sign(slice, &SignOptions::ad_hoc("tool"))).unwrap();
    let text = shown(&path, 4);
    // The last line says whether the signer wrote an empty set of requirements.
    let got: String = shape(&text).lines().filter(|line| !line.starts_with("Internal")).map(|line| format!("{line}\n")).collect();
    assert_eq!(got, AD_HOC_PROGRAM, "{text}");
}

/// Levels: sindresorhus/terminal-size, pull request 16 (`-dv`); fleetdm/fleet, issue 23476 (`-dvv`); a capture of `-dvvv` of a Microsoft program has the
/// digests, and neither versions nor segments.
#[test]
fn each_v_shows_more() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path(), &SignOptions::hardened("org.example.sketchbook"));
    assert_eq!(shape(&shown(&app, 0)), "Executable=…\n");
    let has = |verbosity: u8, label: &str| shown(&app, verbosity).lines().any(|line| line.starts_with(label));
    for (label, least) in [
        ("Identifier=", 1),
        ("Timestamp=", 1),
        ("TeamIdentifier=", 1),
        ("Authority=", 2),
        ("Hash type=", 3),
        ("CDHash=", 3),
        ("VersionPlatform=", 4),
        ("Page size=", 4),
        ("    -1=", 5),
        ("     0=", 6),
    ] {
        assert!(has(least, label) && !has(least - 1, label), "{label}");
    }
}

/// With all digests, in the indentation of the hash list that the HackTricks book shows of `/bin/ps`.
#[test]
fn digests_stand_in_order_between_page_size_and_cdhash() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path(), &SignOptions::hardened("org.example.sketchbook"));
    let text = shown(&app, 6);
    let lines: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("Page size=")).skip(1).collect();
    let numbers: Vec<i64> = lines.iter().map_while(|line| line.split_once('=')?.0.trim().parse().ok()).collect();
    assert!(numbers.len() > 4 && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
    assert!(numbers[0] < 0 && numbers.contains(&0), "{numbers:?}");
    assert!(lines[numbers.len()].starts_with("CDHash="));
}

#[test]
fn the_slice_is_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path(), &SignOptions::hardened("org.example.sketchbook"));
    let of = |arch| shown_of(&app, Some(arch), Options { verbosity: 4, ..Options::default() });
    assert_eq!(of(Arch::Arm64).0, shown(&app, 4));
    assert_ne!(of(Arch::X86_64).0, shown(&app, 4));
    assert_eq!(of(Arch::Arm64e).1, 1);
}

/// autopkg/hjuutilainen-recipes, issue 22 (a Developer ID requirement); "# designated => cdhash" is in many captures of ad hoc code.
#[test]
fn requirements_are_shown_explicit_or_made() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { requirements: true, ..Options::default() };
    let (text, _) = shown_of(&app(folder.path(), &SignOptions::hardened("org.example.sketchbook")), None, options);
    assert!(text.contains("designated => identifier \"org.example.sketchbook\""), "{text}");
    assert!(!text.contains("Executable="), "alone it is fit for another program");
    let other = tempfile::tempdir().unwrap();
    let ad_hoc = app(other.path(), &SignOptions { identity: Identity::AdHoc, ..SignOptions::hardened("org.example.sketchbook") });
    let (text, _) = shown_of(&ad_hoc, None, options);
    assert!(text.starts_with("# designated => cdhash H\"") && text.contains("\" or cdhash H\""), "{text}");
}

#[test]
fn entitlements_are_shown_in_both_forms() {
    let folder = tempfile::tempdir().unwrap();
    let xml = sign::entitlements_xml(&["com.apple.security.cs.allow-jit"]);
    let app = app(folder.path(), &SignOptions::hardened("org.example.sketchbook").entitled(&xml));
    let of = |form| shown_of(&app, None, Options { entitlements: Some(form), ..Options::default() }).0;
    assert_eq!(of(Form::Abstract), "[Dict]\n\t[Key] com.apple.security.cs.allow-jit\n\t[Value]\n\t\t[Bool] true\n");
    assert!(of(Form::Xml).ends_with("<dict><key>com.apple.security.cs.allow-jit</key><true/></dict></plist>"));
}

#[test]
fn what_is_not_signed_or_not_there_is_said_as_codesign_says_it() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("notes.txt");
    std::fs::write(&text, "no code").unwrap();
    let empty = folder.path().join("Empty.app");
    std::fs::create_dir_all(&empty).unwrap();
    for (path, words) in [
        (text, "code object is not signed at all"),
        (folder.path().join("none"), "No such file or directory"),
        (empty, "bundle format unrecognized, invalid, or unsuitable"),
    ] {
        assert_eq!(shown_of(&path, None, Options::default()), (format!("{}: {words}\n", path.display()), 1));
    }
}

/// No cut and no changed byte makes Temper fail.
#[test]
fn damaged_programs_are_shown_as_far_as_they_go() {
    let folder = tempfile::tempdir().unwrap();
    let whole = sign::sign(lab_file("MacOS/Sketchbook"), &SignOptions::hardened("tool").entitled(&sign::entitlements_xml(&["a.b"])));
    let path = folder.path().join("tool");
    let options = Options { verbosity: 6, entitlements: Some(Form::Abstract), requirements: true };
    for step in 0..60 {
        let at = whole.len() * step / 60;
        let mut changed = whole.clone();
        changed[at] ^= 0x5a;
        for bytes in [&whole[..at], &changed] {
            std::fs::write(&path, bytes).unwrap();
            let (text, status) = shown_of(&path, None, options);
            assert!(status <= 1 && !text.is_empty(), "{step}");
        }
    }
}

/// The size of the requirement that codesign makes is 160 bytes and the identifier, padded to four: 172 for `term-size` (sindresorhus/terminal-size, pull
/// request 16), 180 for `io.packfiles.vault` (Warp Vault). So it must be for other programs signed by it.
#[test]
fn a_real_program_is_described_as_in_the_captures() {
    let Some(corpus) = std::env::var_os("TEMPER_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: TEMPER_CORPUS does not name the corpus");
        return;
    };
    let text = shown(&corpus.join("sass-embedded-darwin-arm64/package/dart-sass/src/dart"), 2);
    for line in [
        "Identifier=dartaotruntime",
        "Format=Mach-O thin (arm64)",
        "Authority=Developer ID Application: FLUTTER.IO LLC (S8QB4VV633)",
        "Authority=Developer ID Certification Authority",
        "Authority=Apple Root CA",
        "TeamIdentifier=S8QB4VV633",
        "Sealed Resources=none",
        "Internal requirements count=1 size=176",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
    }
}
