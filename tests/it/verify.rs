//! Verification of signatures and seals: an intact bundle gives nothing, each single change exactly what it breaks.

use crate::support::files::{lab_file, write};
use crate::support::sign::{self, Identity, SignOptions};
use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use temper::cli::verify::{self as face, Options};
use temper::evidence::Evidence;
use temper::read::cms::{self, TrustAnchors};
use temper::scan::{self, Request};
use temper::system::disk::RealSystem;
use temper::system::fake::FakeSystem;
use temper::verify::verify;

const MAIN: &str = "Contents/MacOS/Sketchbook";
const HELPER: &str = "Contents/MacOS/helper";
const BRUSH: &str = "Contents/Frameworks/libbrush.dylib";
const KIT: &str = "Contents/Frameworks/Kit.framework";
const KIT_CODE: &str = "Contents/Frameworks/Kit.framework/Versions/A/Kit";
const PLUG_IN: &str = "Contents/PlugIns/Reverb.bundle";
const SEAL: &str = "Contents/_CodeSignature/CodeResources";
/// 2026-02-01, within the practice certificates' life.
const DAY: i64 = 1_769_904_000;

fn info(name: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><plist version=\"1.0\"><dict><key>CFBundleExecutable</key><string>{name}</string>\
         <key>CFBundleIdentifier</key><string>org.example.{name}</string><key>CFBundleVersion</key><string>1</string></dict></plist>"
    )
}

/// An app with a program of two slices, a thin helper, a library, a framework, a plug-in, links, localized and plain resources, signed code among them.
fn build(root: &Path) {
    let library = lab_file("libbrush.dylib");
    let program = lab_file("MacOS/Sketchbook");
    write(root, "Contents/Info.plist", info("Sketchbook"));
    write(root, "Contents/PkgInfo", "APPL????");
    write(root, MAIN, program);
    write(root, HELPER, &program[sign::slices(program)[1].clone()]);
    write(root, BRUSH, library);
    write(root, &format!("{KIT}/Versions/A/Kit"), library);
    write(root, &format!("{KIT}/Versions/A/Resources/Info.plist"), info("Kit"));
    write(root, &format!("{KIT}/Versions/A/Resources/data.txt"), "data");
    symlink("A", root.join(KIT).join("Versions/Current")).unwrap();
    symlink("Versions/Current/Kit", root.join(KIT).join("Kit")).unwrap();
    symlink("Versions/Current/Resources", root.join(KIT).join("Resources")).unwrap();
    write(root, &format!("{PLUG_IN}/Contents/Info.plist"), info("Reverb"));
    write(root, &format!("{PLUG_IN}/Contents/MacOS/Reverb"), lab_file("MacOS/Reverb"));
    write(root, &format!("{PLUG_IN}/Contents/Resources/preset.txt"), "hall");
    write(root, "Contents/Resources/a.txt", "first");
    write(root, "Contents/Resources/b.txt", "other");
    write(root, "Contents/Resources/sub/c.bin", [7; 100_000]);
    write(root, "Contents/Resources/en.lproj/x.strings", "\"a\" = \"b\";");
    write(root, "Contents/Resources/Base.lproj/y.nib", "nib");
    write(root, "Contents/Resources/tool", library);
    symlink("a.txt", root.join("Contents/Resources/link")).unwrap();
    seal(root);
}

fn options(name: &str) -> SignOptions {
    SignOptions::hardened(&format!("org.example.{name}"))
}

fn seal(root: &Path) {
    let keys = sign::entitlements_xml(&["com.apple.security.cs.allow-jit"]);
    let codes = [
        ("Contents/Resources/tool", options("tool")),
        (HELPER, options("helper")),
        (BRUSH, options("brush")),
        (KIT, options("kit")),
        (PLUG_IN, options("reverb")),
        ("", options("sketchbook").entitled(&keys)),
    ];
    sign::sign_bundle(root, &codes).unwrap();
}

/// The app, built once.
fn original() -> &'static Path {
    static APP: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = APP.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Sketchbook.app");
        build(&path);
        (folder, path)
    });
    path
}

fn copy(from: &Path, to: &Path) {
    let kind = from.symlink_metadata().unwrap();
    if kind.is_symlink() {
        symlink(fs::read_link(from).unwrap(), to).unwrap();
    } else if kind.is_dir() {
        fs::create_dir_all(to).unwrap();
        fs::read_dir(from).unwrap().map(Result::unwrap).for_each(|entry| copy(&entry.path(), &to.join(entry.file_name())));
    } else {
        fs::copy(from, to).unwrap();
    }
}

/// A link becomes a copy of what it leads to.
fn flatten(link: &Path) {
    let target = link.canonicalize().unwrap();
    fs::remove_file(link).unwrap();
    copy(&target, link);
}

fn request(path: &Path, at: i64) -> Request {
    let root = cms::read_anchor(include_bytes!("../../scenarios/labs/pki/root.cert.pem")).unwrap();
    Request { path: Some(path.into()), anchors: TrustAnchors { extra: vec![root] }, at: Some(at), ..Request::default() }
}

fn evidence(path: &Path) -> Evidence {
    scan::scan(&RealSystem, &request(path, DAY), &|_| {}, &AtomicBool::new(false)).unwrap()
}

/// What was found, each (id, subject) once.
fn found(evidence: &Evidence) -> BTreeSet<(String, String)> {
    verify(evidence).into_iter().map(|finding| (finding.id.to_owned(), finding.subject)).collect()
}

/// A change, and what it must lead to: (id, subject), in any order.
type Change = (&'static str, fn(&Path), &'static [(&'static str, &'static str)]);

/// Changes the arm64 slice of a program (the second of two, or the only one). The length must stay.
fn slice(path: &Path, change: fn(&mut [u8])) {
    let mut bytes = fs::read(path).unwrap();
    let range = sign::slices(&bytes).pop().unwrap();
    change(&mut bytes[range]);
    fs::write(path, bytes).unwrap();
}

/// Where a blob of the signature lies in a slice.
fn blob(slice: &[u8], slot: u32) -> Range<usize> {
    let signature = sign::signature_of(slice).unwrap();
    let found = sign::blob_of(signature, slot).unwrap();
    let start = found.as_ptr() as usize - slice.as_ptr() as usize;
    start..start + found.len()
}

fn flip(root: &Path, path: &str, at: usize) {
    let mut bytes = fs::read(root.join(path)).unwrap();
    bytes[at] ^= 1;
    fs::write(root.join(path), bytes).unwrap();
}

fn position(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|window| window == wanted).unwrap()
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Changes a word of the CodeDirectory by an amount.
fn add(slice: &mut [u8], at: usize, amount: u32) {
    let start = blob(slice, 0).start + at;
    let value = word(slice, start).wrapping_add(amount);
    put(slice, start, value);
}

const COVERS: &str = "cms-covers-another-directory";
const PAGE: &str = "page-does-not-match";
const SLOT: &str = "signature-slot-does-not-match";
const REQUIREMENT: &str = "designated-requirement-not-satisfied";
const MODIFIED: &str = "sealed-file-modified";
const ADDED: &str = "file-added-to-seal";
const FLAGS: usize = 12;
const CODE_LIMIT: usize = 32;
const EXEC_LIMIT: usize = 76;

const OF_CODE: &[Change] = &[
    ("a page of the second slice", |root| slice(&root.join(MAIN), |bytes| bytes[0x4100] ^= 1), &[(PAGE, MAIN)]),
    ("a page of the first slice", |root| flip(root, MAIN, 0x2000), &[(PAGE, MAIN)]),
    ("a load command", |root| slice(&root.join(HELPER), |bytes| bytes[0x3f00] ^= 1), &[(PAGE, HELPER)]),
    ("a page of a library", |root| slice(&root.join(BRUSH), |bytes| bytes[0x4100] ^= 1), &[(PAGE, BRUSH)]),
    ("a page of a framework", |root| slice(&root.join(KIT_CODE), |bytes| bytes[0x4100] ^= 1), &[(PAGE, KIT_CODE)]),
    (
        "a page of code that is sealed as a resource",
        |root| slice(&root.join("Contents/Resources/tool"), |bytes| bytes[0x4100] ^= 1),
        &[(PAGE, "Contents/Resources/tool"), (MODIFIED, "Contents/Resources/tool")],
    ),
    (
        "padding between slices of code that is sealed as a resource",
        |root| flip(root, "Contents/Resources/tool", 0x800),
        &[(MODIFIED, "Contents/Resources/tool")],
    ),
    ("padding between slices", |root| flip(root, MAIN, 0x800), &[]),
    (
        "Info.plist",
        |root| write(root, "Contents/Info.plist", info("Sketchbook").replace(">1<", ">2<")),
        &[("info-plist-does-not-match", MAIN)],
    ),
    ("Info.plist gone", |root| fs::remove_file(root.join("Contents/Info.plist")).unwrap(), &[("info-plist-does-not-match", MAIN)]),
    (
        "Info.plist of a plug-in",
        |root| write(root, &format!("{PLUG_IN}/Contents/Info.plist"), info("Reverb").replace(">1<", ">2<")),
        &[("info-plist-does-not-match", "Contents/PlugIns/Reverb.bundle/Contents/MacOS/Reverb")],
    ),
    (
        "Info.plist of a framework",
        |root| write(root, &format!("{KIT}/Versions/A/Resources/Info.plist"), info("Kit").replace(">1<", ">2<")),
        &[("info-plist-does-not-match", KIT_CODE), (MODIFIED, "Contents/Frameworks/Kit.framework/Versions/A/Resources/Info.plist")],
    ),
    (
        "requirements",
        |root| {
            slice(&root.join(MAIN), |bytes| {
                let at = blob(bytes, 2).start + position(&bytes[blob(bytes, 2)], b"PRACTICE01");
                bytes[at] ^= 1;
            });
        },
        &[(SLOT, MAIN), (REQUIREMENT, MAIN)],
    ),
    (
        "requirements that make no sense",
        |root| slice(&root.join(MAIN), |bytes| put(bytes, blob(bytes, 2).start + 8, 9_999)),
        &[(SLOT, MAIN), ("requirements-unreadable", MAIN)],
    ),
    (
        "a blank in the entitlements",
        |root| {
            slice(&root.join(MAIN), |bytes| {
                let at = blob(bytes, 5).start + position(&bytes[blob(bytes, 5)], b"\n\t<key>") + 1;
                bytes[at] = b' ';
            });
        },
        &[(SLOT, MAIN)],
    ),
    ("the DER entitlements", |root| slice(&root.join(MAIN), |bytes| bytes[blob(bytes, 7).end - 1] ^= 1), &[(SLOT, MAIN)]),
    ("flags", |root| slice(&root.join(MAIN), |bytes| add(bytes, FLAGS, 0x2000)), &[(COVERS, MAIN)]),
    (
        "the identifier",
        |root| {
            slice(&root.join(MAIN), |bytes| {
                let at = blob(bytes, 0).start + position(&bytes[blob(bytes, 0)], b"org.example.sketchbook");
                bytes[at] = b'x';
            });
        },
        &[(COVERS, MAIN), (REQUIREMENT, MAIN)],
    ),
    (
        "the team",
        |root| {
            slice(&root.join(MAIN), |bytes| {
                let at = blob(bytes, 0).start + position(&bytes[blob(bytes, 0)], b"PRACTICE01");
                bytes[at] = b'X';
            });
        },
        &[(COVERS, MAIN)],
    ),
    ("a page digest", |root| slice(&root.join(MAIN), |bytes| bytes[blob(bytes, 0).end - 1] ^= 1), &[(COVERS, MAIN), (PAGE, MAIN)]),
    (
        "a code limit that is too low",
        |root| slice(&root.join(MAIN), |bytes| add(bytes, CODE_LIMIT, 0_u32.wrapping_sub(16))),
        &[(COVERS, MAIN), (PAGE, MAIN), ("code-not-covered", MAIN)],
    ),
    (
        "a code limit that is too high",
        |root| slice(&root.join(MAIN), |bytes| add(bytes, CODE_LIMIT, 0x10_0000)),
        &[(COVERS, MAIN), (PAGE, MAIN), ("code-limit-beyond-end", MAIN)],
    ),
    (
        "a page size macOS does not know",
        |root| slice(&root.join(MAIN), |bytes| bytes[blob(bytes, 0).start + 39] = 0),
        &[(COVERS, MAIN), ("page-size-not-accepted", MAIN)],
    ),
    (
        "the executable segment",
        |root| slice(&root.join(MAIN), |bytes| add(bytes, EXEC_LIMIT, 0x1000)),
        &[(COVERS, MAIN), ("exec-segment-does-not-match", MAIN)],
    ),
    (
        "a second directory of one type",
        |root| {
            slice(&root.join(MAIN), |bytes| {
                // The index entry of the requirements leads to the directory instead.
                let start = bytes.len() - sign::signature_of(bytes).unwrap().len();
                let count = word(bytes, start + 8) as usize;
                let at = |slot: u32, bytes: &[u8]| (0..count).map(|n| start + 12 + n * 8).find(|&at| word(bytes, at) == slot).unwrap();
                let (directory, requirements) = (at(0, bytes), at(2, bytes));
                let offset = word(bytes, directory + 4);
                put(bytes, requirements, 0x1000);
                put(bytes, requirements + 4, offset);
            });
        },
        &[("two-directories-of-one-digest", MAIN), ("cms-names-other-directories", MAIN), (SLOT, MAIN)],
    ),
    (
        "the cryptographic signature",
        |root| {
            slice(&root.join(MAIN), |bytes| {
                let cms = blob(bytes, 0x10000);
                let oid = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
                let last = cms.start + bytes[cms.clone()].windows(8).rposition(|window| window == oid).unwrap();
                // Of the two signatures outside certificates the signer's stands before its timestamp's.
                let first = cms.start + position(&bytes[cms.clone()], b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04");
                assert!(first < last);
                let at = first + position(&bytes[first..cms.end], &oid) + 20;
                bytes[at] ^= 1;
            });
        },
        &[("cms-does-not-verify", MAIN)],
    ),
    (
        "a signed attribute",
        |root| {
            slice(&root.join(MAIN), |bytes| {
                let cms = blob(bytes, 0x10000);
                let at = cms.start + position(&bytes[cms.clone()], b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04") + 20;
                bytes[at] ^= 1;
            });
        },
        &[("cms-does-not-verify", MAIN)],
    ),
    (
        "the certificate of the signer's issuer",
        |root| {
            slice(&root.join(MAIN), |bytes| {
                let cms = blob(bytes, 0x10000);
                let authority = pem(include_str!("../../scenarios/labs/pki/authority.cert.pem"));
                let at = cms.start + position(&bytes[cms.clone()], &authority) + authority.len() - 3;
                bytes[at] ^= 1;
            });
        },
        &[("certificate-chain-broken", MAIN)],
    ),
    (
        "no certificate",
        |root| slice(&root.join(MAIN), |bytes| put(bytes, blob(bytes, 0x10000).start + 4, 8)),
        &[("certificate-missing", MAIN), (REQUIREMENT, MAIN)],
    ),
    (
        "a directory that cannot be read",
        |root| slice(&root.join(MAIN), |bytes| put(bytes, blob(bytes, 0).start + 8, 0x10000)),
        &[("signature-unreadable", MAIN)],
    ),
    (
        "an appended byte",
        |root| write(root, HELPER, [fs::read(root.join(HELPER)).unwrap(), vec![0]].concat()),
        &[("data-after-signature", HELPER)],
    ),
    (
        "a cut tail",
        |root| {
            let bytes = fs::read(root.join(HELPER)).unwrap();
            write(root, HELPER, &bytes[..bytes.len() - 200]);
        },
        &[("signature-unreadable", HELPER)],
    ),
    (
        "a slice that is cut off",
        |root| {
            let bytes = fs::read(root.join(MAIN)).unwrap();
            write(root, MAIN, &bytes[..bytes.len() / 4 * 3]);
        },
        &[("file-not-read", MAIN)],
    ),
    ("no program", |root| fs::remove_file(root.join(MAIN)).unwrap(), &[("main-executable-missing", MAIN)]),
    ("an empty program", |root| write(root, MAIN, ""), &[("main-executable-not-code", MAIN)]),
    ("nested code that is none any more", |root| write(root, BRUSH, "text"), &[("nested-code-is-no-code", BRUSH)]),
];

const OF_SEAL: &[Change] = &[
    (
        "a digest in the seal",
        |root| {
            let text = fs::read_to_string(root.join(SEAL)).unwrap();
            write(root, SEAL, text.replacen("<data>", "<data> ", 1));
        },
        &[("seal-does-not-match", MAIN)],
    ),
    ("the seal gone", |root| fs::remove_file(root.join(SEAL)).unwrap(), &[("seal-does-not-match", MAIN)]),
    ("a resource", |root| flip(root, "Contents/Resources/a.txt", 0), &[(MODIFIED, "Contents/Resources/a.txt")]),
    (
        "the last byte of a long resource",
        |root| flip(root, "Contents/Resources/sub/c.bin", 99_999),
        &[(MODIFIED, "Contents/Resources/sub/c.bin")],
    ),
    ("an emptied resource", |root| write(root, "Contents/Resources/a.txt", ""), &[(MODIFIED, "Contents/Resources/a.txt")]),
    (
        "a resource gone",
        |root| fs::remove_file(root.join("Contents/Resources/b.txt")).unwrap(),
        &[("sealed-file-missing", "Contents/Resources/b.txt")],
    ),
    (
        "a folder of resources gone",
        |root| fs::remove_dir_all(root.join("Contents/Resources/sub")).unwrap(),
        &[("sealed-file-missing", "Contents/Resources/sub/c.bin")],
    ),
    (
        "two resources exchanged",
        |root| {
            write(root, "Contents/Resources/a.txt", "other");
            write(root, "Contents/Resources/b.txt", "first");
        },
        &[(MODIFIED, "Contents/Resources/a.txt"), (MODIFIED, "Contents/Resources/b.txt")],
    ),
    (
        "a renamed resource",
        |root| fs::rename(root.join("Contents/Resources/a.txt"), root.join("Contents/Resources/z.txt")).unwrap(),
        &[("sealed-file-missing", "Contents/Resources/a.txt"), (ADDED, "Contents/Resources/z.txt")],
    ),
    (
        "an added resource",
        |root| write(root, "Contents/Resources/__pycache__/m.pyc", "x"),
        &[(ADDED, "Contents/Resources/__pycache__/m.pyc")],
    ),
    ("an optional resource gone", |root| fs::remove_file(root.join("Contents/Resources/en.lproj/x.strings")).unwrap(), &[]),
    (
        "an optional resource changed",
        |root| flip(root, "Contents/Resources/en.lproj/x.strings", 0),
        &[(MODIFIED, "Contents/Resources/en.lproj/x.strings")],
    ),
    (
        "a resource of Base.lproj gone",
        |root| fs::remove_file(root.join("Contents/Resources/Base.lproj/y.nib")).unwrap(),
        &[("sealed-file-missing", "Contents/Resources/Base.lproj/y.nib")],
    ),
    ("an omitted file", |root| write(root, "Contents/Resources/en.lproj/locversion.plist", "x"), &[]),
    ("PkgInfo", |root| flip(root, "Contents/PkgInfo", 0), &[]),
    (".DS_Store", |root| write(root, "Contents/Resources/.DS_Store", "x"), &[]),
    (
        ".DS_Store that is a link",
        |root| symlink("a.txt", root.join("Contents/Resources/.DS_Store")).unwrap(),
        &[("ds-store-is-link", "Contents/Resources/.DS_Store")],
    ),
    ("a receipt of the App Store", |root| write(root, "Contents/_MASReceipt/receipt", "x"), &[]),
    ("a stapled ticket", |root| write(root, "Contents/CodeResources", "x"), &[]),
    ("a profile", |root| write(root, "Contents/embedded.provisionprofile", "x"), &[(ADDED, "Contents/embedded.provisionprofile")]),
    (
        "a link elsewhere",
        |root| {
            fs::remove_file(root.join("Contents/Resources/link")).unwrap();
            symlink("b.txt", root.join("Contents/Resources/link")).unwrap();
        },
        &[("sealed-link-changed", "Contents/Resources/link")],
    ),
    (
        "a link gone",
        |root| fs::remove_file(root.join("Contents/Resources/link")).unwrap(),
        &[("sealed-file-missing", "Contents/Resources/link")],
    ),
    (
        "a file for a link",
        |root| {
            fs::remove_file(root.join("Contents/Resources/link")).unwrap();
            write(root, "Contents/Resources/link", "first");
        },
        &[("sealed-file-changed-kind", "Contents/Resources/link")],
    ),
    (
        "a link for a file",
        |root| {
            fs::remove_file(root.join("Contents/Resources/a.txt")).unwrap();
            symlink("b.txt", root.join("Contents/Resources/a.txt")).unwrap();
        },
        &[("sealed-file-changed-kind", "Contents/Resources/a.txt")],
    ),
    ("an added link", |root| symlink("a.txt", root.join("Contents/Resources/more")).unwrap(), &[(ADDED, "Contents/Resources/more")]),
    (
        "an added link that leads out",
        |root| symlink("../../../x", root.join("Contents/Resources/more")).unwrap(),
        &[(ADDED, "Contents/Resources/more"), ("link-leaves-bundle", "Contents/Resources/more")],
    ),
    ("data among the libraries", |root| write(root, "Contents/Frameworks/notes.txt", "x"), &[(ADDED, "Contents/Frameworks/notes.txt")]),
    ("a script among the programs", |root| write(root, "Contents/MacOS/run.sh", "#!/bin/sh\n"), &[(ADDED, "Contents/MacOS/run.sh")]),
    (
        "an added library",
        |root| {
            fs::copy(root.join(BRUSH), root.join("Contents/Frameworks/libmore.dylib")).unwrap();
        },
        &[("nested-code-not-sealed", "Contents/Frameworks/libmore.dylib")],
    ),
    (
        "an added plug-in",
        |root| copy(&root.join(PLUG_IN), &root.join("Contents/PlugIns/More.bundle")),
        &[("nested-code-not-sealed", "Contents/PlugIns/More.bundle")],
    ),
    ("a library gone", |root| fs::remove_file(root.join(BRUSH)).unwrap(), &[("nested-code-missing", BRUSH)]),
    ("a framework gone", |root| fs::remove_dir_all(root.join(KIT)).unwrap(), &[("nested-code-missing", KIT)]),
    (
        "a library of another team",
        |root| {
            sign::sign_bundle(root, &[(BRUSH, options("brush").by(Identity::OtherTeam))]).unwrap();
        },
        &[("nested-code-does-not-match", BRUSH)],
    ),
    (
        "a library with another identifier",
        |root| {
            sign::sign_bundle(root, &[(BRUSH, options("pencil"))]).unwrap();
        },
        &[("nested-code-does-not-match", BRUSH)],
    ),
    (
        "a plug-in signed ad hoc",
        |root| {
            sign::sign_bundle(root, &[(PLUG_IN, SignOptions::ad_hoc("org.example.reverb"))]).unwrap();
        },
        &[("nested-code-does-not-match", PLUG_IN)],
    ),
    (
        "a library signed again",
        |root| {
            sign::sign_bundle(root, &[(BRUSH, SignOptions { flags: 0, ..options("brush") })]).unwrap();
        },
        &[("nested-code-was-signed-again", BRUSH)],
    ),
    (
        "a resource of the framework",
        |root| flip(root, &format!("{KIT}/Versions/A/Resources/data.txt"), 0),
        &[(MODIFIED, "Contents/Frameworks/Kit.framework/Versions/A/Resources/data.txt")],
    ),
    (
        "a resource of the plug-in gone",
        |root| fs::remove_file(root.join(PLUG_IN).join("Contents/Resources/preset.txt")).unwrap(),
        &[("sealed-file-missing", "Contents/PlugIns/Reverb.bundle/Contents/Resources/preset.txt")],
    ),
    ("a file beside Contents", |root| write(root, "notes.txt", "x"), &[("unsealed-contents-in-bundle-root", "notes.txt")]),
    (".DS_Store beside Contents", |root| write(root, ".DS_Store", "x"), &[]),
    (
        "a file beside Versions",
        |root| write(root, &format!("{KIT}/notes.txt"), "x"),
        &[("unsealed-contents-in-framework-root", "Contents/Frameworks/Kit.framework/notes.txt")],
    ),
    (
        "a flattened link of a framework",
        |root| flatten(&root.join(KIT).join("Kit")),
        &[("bundle-layout-ambiguous", KIT), ("unsealed-contents-in-framework-root", "Contents/Frameworks/Kit.framework/Kit")],
    ),
    (
        "a framework without Current",
        |root| fs::remove_file(root.join(KIT).join("Versions/Current")).unwrap(),
        &[("framework-without-current-version", "Contents/Frameworks/Kit.framework/Versions/Current")],
    ),
    (
        "a framework whose Current is a copy",
        |root| flatten(&root.join(KIT).join("Versions/Current")),
        &[("unsealed-contents-in-framework-root", "Contents/Frameworks/Kit.framework/Versions/Current")],
    ),
    (
        "the layouts of an app and a framework",
        |root| {
            fs::create_dir_all(root.join("Versions/A")).unwrap();
            symlink("A", root.join("Versions/Current")).unwrap();
        },
        &[("unsealed-contents-in-bundle-root", "Versions")],
    ),
];

fn pem(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    base64::engine::general_purpose::STANDARD.decode(body).unwrap()
}

/// Makes a change on a copy.
fn changed(change: fn(&Path)) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("Sketchbook.app");
    copy(original(), &app);
    change(&app);
    (folder, app)
}

fn check(changes: &[Change]) {
    let mut wrong = Vec::new();
    for (name, change, expected) in changes {
        let (_folder, app) = changed(*change);
        let expected: BTreeSet<_> = expected.iter().map(|(id, subject)| ((*id).to_owned(), (*subject).to_owned())).collect();
        let found = found(&evidence(&app));
        if found != expected {
            wrong.push(format!("{name}:\n  expected {expected:?}\n  found    {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_intact_bundle_gives_nothing() {
    let evidence = evidence(original());
    assert_eq!(found(&evidence), BTreeSet::new());
    assert_eq!(evidence.seals.len(), 3);
    assert_eq!((evidence.seals[0].files, evidence.seals[0].nested_count), (7, 4));
    assert_eq!(evidence.gaps, []);
}

#[test]
fn each_change_of_code_is_found_and_nothing_else() {
    check(OF_CODE);
}

#[test]
fn each_change_of_what_is_sealed_is_found_and_nothing_else() {
    check(OF_SEAL);
    assert!(OF_CODE.len() + OF_SEAL.len() >= 40);
}

#[test]
fn an_ad_hoc_signature_whose_requirement_asks_for_a_certificate_is_told_as_such() {
    let (_folder, app) = changed(|root| {
        slice(&root.join(MAIN), |bytes| {
            put(bytes, blob(bytes, 0x10000).start + 4, 8);
            add(bytes, FLAGS, 0x2);
        });
    });
    let finding = verify(&evidence(&app)).pop().unwrap();
    assert_eq!((finding.id, finding.subject.as_str()), (REQUIREMENT, MAIN));
    assert!(finding.message.ends_with("it is signed ad hoc, without the certificate that is asked for"), "{}", finding.message);
}

#[test]
fn a_further_version_of_a_framework_must_be_the_frameworks_own() {
    let library = |root: &Path| root.join(KIT).join("Versions/B/Kit");
    let add = |root: &Path, options: SignOptions| {
        fs::create_dir_all(root.join(KIT).join("Versions/B")).unwrap();
        fs::write(library(root), sign::sign(&fs::read(root.join(KIT_CODE)).unwrap(), &options)).unwrap();
    };
    let found = |options: SignOptions| {
        let (_folder, app) = changed(|_| {});
        add(&app, options);
        found(&evidence(&app)).into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    assert_eq!(found(options("kit")), Vec::<String>::new());
    assert_eq!(found(options("kit").by(Identity::OtherTeam)), ["framework-version-invalid"]);
    assert_eq!(found(SignOptions::ad_hoc("org.example.kit")), ["framework-version-invalid"]);
}

/// What `temper verify` says of a changed copy, with the folder of the copy left out; and its status.
fn said(change: fn(&Path), options: Options) -> (String, u8) {
    let (_folder, app) = changed(change);
    let said = face::verify(&RealSystem, &request(&app, DAY), options).unwrap();
    let root = fs::canonicalize(&app).unwrap();
    (said.text.replace(root.to_str().unwrap(), "APP").replace(app.to_str().unwrap(), "APP"), said.status)
}

fn plain() -> Options {
    Options::default()
}

fn strict() -> Options {
    Options { strict: true, ..plain() }
}

fn asked(requirement: &str) -> Options {
    Options { requirement: Some(requirement.into()), verbosity: 1, ..plain() }
}

#[test]
fn the_face_says_nothing_of_what_is_valid_unless_asked() {
    assert_eq!(said(|_| {}, plain()), (String::new(), 0));
    assert_eq!(said(|_| {}, Options { strict: true, deep: true, ..plain() }), (String::new(), 0));
    let verbose = "APP: valid on disk\nAPP: satisfies its Designated Requirement\n";
    assert_eq!(said(|_| {}, Options { verbosity: 1, ..plain() }), (verbose.into(), 0));
    let (deep, status) = said(|_| {}, Options { verbosity: 3, deep: true, ..plain() });
    assert_eq!(status, 0);
    assert!(
        deep.contains("--prepared:APP/Contents/Frameworks/libbrush.dylib\n--validated:APP/Contents/Frameworks/libbrush.dylib\n"),
        "{deep}"
    );
    assert!(deep.contains("--validated:APP/Contents/Frameworks/Kit.framework/Versions/Current/.\n"), "{deep}");
    assert!(deep.ends_with(verbose), "{deep}");
}

#[test]
fn the_face_names_every_file_that_does_not_match() {
    let many: fn(&Path) = |root| {
        flip(root, "Contents/Resources/a.txt", 0);
        fs::remove_file(root.join("Contents/Resources/b.txt")).unwrap();
        write(root, "Contents/Resources/new.txt", "x");
    };
    let expected = "APP: a sealed resource is missing or invalid\nfile added: APP/Contents/Resources/new.txt\n\
                    file modified: APP/Contents/Resources/a.txt\nfile missing: APP/Contents/Resources/b.txt\n";
    assert_eq!(said(many, plain()), (expected.into(), 1));
}

#[test]
fn the_face_says_what_codesign_says_of_broken_code() {
    let main: fn(&Path) = |root| slice(&root.join(MAIN), |bytes| bytes[0x4100] ^= 1);
    let expected = "APP: invalid signature (code or signature have been modified)\nIn architecture: arm64\n";
    assert_eq!(said(main, plain()), (expected.into(), 1));
    let info_plist: fn(&Path) = |root| write(root, "Contents/Info.plist", info("Sketchbook").replace(">1<", ">2<"));
    let (text, status) = said(info_plist, plain());
    assert!(text.starts_with("APP: invalid Info.plist (plist or signature have been modified)\n") && status == 1, "{text}");
    let other_team: fn(&Path) = |root| {
        sign::sign_bundle(root, &[(BRUSH, options("brush").by(Identity::OtherTeam))]).unwrap();
    };
    let (text, status) = said(other_team, plain());
    assert!(text.starts_with("APP: nested code is modified or invalid\nfile modified: APP/Contents/Frameworks/libbrush.dylib\n"), "{text}");
    assert_eq!(status, 1);
}

#[test]
fn the_face_looks_into_nested_code_only_with_deep() {
    let page: fn(&Path) = |root| slice(&root.join(BRUSH), |bytes| bytes[0x4100] ^= 1);
    assert_eq!(said(page, plain()), (String::new(), 0));
    let (text, status) = said(page, Options { deep: true, ..plain() });
    assert!(
        text.starts_with(
            "APP: invalid signature (code or signature have been modified)\nIn subcomponent: APP/Contents/Frameworks/libbrush.dylib\n"
        ),
        "{text}"
    );
    assert_eq!(status, 1);
}

#[test]
fn the_face_refuses_more_when_strict() {
    let root: fn(&Path) = |root| write(root, "notes.txt", "x");
    assert_eq!(said(root, plain()), (String::new(), 0));
    assert_eq!(said(root, strict()), ("APP: unsealed contents present in the bundle root\n".into(), 1));
}

#[test]
fn the_face_tells_a_framework_that_lost_its_links_as_codesign_does() {
    let no_current: fn(&Path) = |root| fs::remove_file(root.join(KIT).join("Versions/Current")).unwrap();
    let expected = format!("APP: bundle format unrecognized, invalid, or unsuitable\nIn subcomponent: APP/{KIT}\n");
    assert_eq!(said(no_current, plain()), (expected, 1));
    let with_info: fn(&Path) = |root| {
        flatten(&root.join(KIT).join("Resources"));
        fs::remove_file(root.join(KIT).join("Versions/Current")).unwrap();
    };
    let expected = format!("APP: code object is not signed at all\nIn subcomponent: APP/{KIT}\n");
    assert_eq!(said(with_info, plain()), (expected, 1));
    let copies: fn(&Path) = |root| ["Resources", "Kit", "Versions/Current"].iter().for_each(|link| flatten(&root.join(KIT).join(link)));
    let expected = format!("APP: bundle format is ambiguous (could be app or framework)\nIn subcomponent: APP/{KIT}\n");
    assert_eq!(said(copies, Options { deep: true, ..strict() }), (expected, 1));
    assert_eq!(said(copies, Options { deep: true, ..plain() }), (String::new(), 0));
}

#[test]
fn the_face_judges_requirements() {
    let good = asked("=identifier \"org.example.sketchbook\"");
    let text = "APP: valid on disk\nAPP: satisfies its Designated Requirement\nAPP: explicit requirement satisfied\n";
    assert_eq!(said(|_| {}, good), (text.into(), 0));
    let (text, status) = said(|_| {}, asked("=identifier \"org.example.other\""));
    assert!(text.ends_with("test-requirement: code failed to satisfy specified code requirement(s)\n") && status == 3, "{text}");
    let (_folder, app) = changed(|_| {});
    assert!(face::verify(&RealSystem, &request(&app, DAY), asked("=nonsense (")).is_err());
}

#[test]
fn the_face_tells_unsigned_code_and_missing_paths() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text");
    fs::write(&path, "no code").unwrap();
    let say = |path: &Path| face::verify(&RealSystem, &request(path, DAY), plain()).unwrap();
    assert_eq!(say(&path).text, format!("{}: code object is not signed at all\n", path.display()));
    let gone = folder.path().join("gone");
    assert_eq!(say(&gone).text, format!("{}: No such file or directory\n", gone.display()));
}

/// A bundle as the fake system has it.
fn fake(root: &Path, folder: &Path, mut system: FakeSystem) -> FakeSystem {
    for entry in fs::read_dir(root.join(folder)).unwrap().map(Result::unwrap) {
        let path = folder.join(entry.file_name());
        let there = Path::new("/Sketchbook.app").join(&path);
        let there = there.to_str().unwrap();
        let kind = entry.file_type().unwrap();
        system = if kind.is_dir() {
            fake(root, &path, system)
        } else if kind.is_symlink() {
            system.link(there, fs::read_link(entry.path()).unwrap().to_str().unwrap())
        } else {
            system.file(there, fs::read(entry.path()).unwrap())
        };
    }
    system
}

#[test]
fn resource_forks_and_finder_information_are_found_on_what_is_sealed() {
    let found = |paths: &[(&str, &str)]| {
        let mut system = fake(original(), Path::new(""), FakeSystem::new());
        for (path, name) in paths {
            system.attributes.insert((Path::new("/Sketchbook.app").join(path), (*name).to_owned()), b"x".to_vec());
        }
        let evidence = scan::scan(&system, &request(Path::new("/Sketchbook.app"), DAY), &|_| {}, &AtomicBool::new(false)).unwrap();
        let said = face::verify(&system, &request(Path::new("/Sketchbook.app"), DAY), strict()).unwrap();
        (found(&evidence), said)
    };
    assert_eq!(
        found(&[("Contents/Info.plist", "com.apple.quarantine"), (MAIN, "com.apple.provenance")]),
        (BTreeSet::new(), face::Said::default())
    );
    let (ids, said) =
        found(&[(MAIN, "com.apple.FinderInfo"), (BRUSH, "com.apple.ResourceFork"), ("Contents/Resources/a.txt", "com.apple.ResourceFork")]);
    let expected = [BRUSH, MAIN, "Contents/Resources/a.txt"].map(|path| ("file-has-sideband-data".to_owned(), path.to_owned()));
    assert_eq!(ids, BTreeSet::from(expected));
    assert_eq!(said.status, 1);
    assert!(
        said.text.starts_with("/Sketchbook.app: resource fork, Finder information, or similar detritus not allowed\n"),
        "{}",
        said.text
    );
    assert!(
        said.text.contains("Disallowed xattr com.apple.FinderInfo found on /Sketchbook.app/Contents/MacOS/Sketchbook\n"),
        "{}",
        said.text
    );
}
