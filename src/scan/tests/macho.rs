//! Scans of small Mach-O files made here.

use super::*;
use crate::evidence::Signed;
use crate::read::cms::SignerKind;
use sha2::{Digest, Sha256};

const ARM64: u32 = 0x0100_000c;
const EXECUTE: u32 = 2;
const DYLIB: u32 = 6;
const LC_LOAD_DYLIB: u32 = 0xc;
const LC_SEGMENT_64: u32 = 0x19;
const LC_CODE_SIGNATURE: u32 = 0x1d;
const LC_RPATH: u32 = 0x8000_001c;
const PAGE: usize = 0x1000;

/// A Mach-O in the making: one page of commands, one page of C strings, then the signature.
#[derive(Default)]
struct Build {
    file_type: u32,
    libraries: Vec<&'static str>,
    rpaths: Vec<&'static str>,
    strings: &'static [u8],
    signed: bool,
    /// Contents whose digests go to special slots −1 and −3.
    info: Option<&'static [u8]>,
    seal: Option<&'static [u8]>,
    code_limit: Option<u64>,
}

fn put(bytes: &mut Vec<u8>, words: &[u32]) {
    words.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
}

fn name(text: &str, size: usize) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(size, 0);
    bytes
}

/// A load command with a string behind `fixed` words.
fn text_command(command: u32, fixed: &[u32], text: &str) -> Vec<u8> {
    let start = 8 + fixed.len() * 4;
    let size = (start + text.len() + 1).next_multiple_of(8);
    let mut bytes = Vec::new();
    put(&mut bytes, &[command, size as u32]);
    put(&mut bytes, fixed);
    bytes.extend(name(text, size - start));
    bytes
}

fn text_segment(strings: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes, &[LC_SEGMENT_64, 72 + 80]);
    bytes.extend(name("__TEXT", 16));
    for field in [0x1_0000_0000_u64, 2 * PAGE as u64, 0, 2 * PAGE as u64] {
        bytes.extend(field.to_le_bytes());
    }
    put(&mut bytes, &[5, 5, 1, 0]);
    bytes.extend(name("__cstring", 16));
    bytes.extend(name("__TEXT", 16));
    for field in [0x1_0000_1000_u64, strings as u64] {
        bytes.extend(field.to_le_bytes());
    }
    put(&mut bytes, &[PAGE as u32, 0, 0, 0, 2, 0, 0, 0]);
    bytes
}

impl Build {
    fn bytes(&self) -> Vec<u8> {
        let mut commands = vec![text_segment(self.strings.len())];
        commands.extend(self.libraries.iter().map(|library| text_command(LC_LOAD_DYLIB, &[24, 2, 0, 0], library)));
        commands.extend(self.rpaths.iter().map(|rpath| text_command(LC_RPATH, &[12], rpath)));
        let signature_size = if self.signed { self.signature(&[]).len() as u32 } else { 0 };
        if self.signed {
            let mut command = Vec::new();
            put(&mut command, &[LC_CODE_SIGNATURE, 16, 2 * PAGE as u32, signature_size]);
            commands.push(command);
        }
        let mut bytes = Vec::new();
        let size: usize = commands.iter().map(Vec::len).sum();
        put(&mut bytes, &[0xfeed_facf, ARM64, 0, self.file_type, commands.len() as u32, size as u32, 0x0020_0085, 0]);
        bytes.extend(commands.concat());
        bytes.resize(PAGE, 0);
        bytes.extend(self.strings);
        bytes.resize(2 * PAGE, 0);
        if self.signed {
            bytes.extend(self.signature(&bytes));
        }
        bytes
    }

    /// An ad hoc signature over `code`: a SuperBlob with one CodeDirectory of version 0x20400.
    fn signature(&self, code: &[u8]) -> Vec<u8> {
        const HEADER: u32 = 88;
        let identifier = b"demo\0";
        let digest = |content: Option<&[u8]>| content.map_or(vec![0; 32], |content| Sha256::digest(content).to_vec());
        let special = [digest(self.seal), vec![0; 32], digest(self.info)].concat();
        let pages: Vec<u8> =
            if code.is_empty() { vec![0; 64] } else { code.chunks(PAGE).flat_map(|page| Sha256::digest(page).to_vec()).collect() };
        let hashes = HEADER + identifier.len() as u32 + special.len() as u32;
        let length = hashes + pages.len() as u32;
        let limit = self.code_limit.unwrap_or(2 * PAGE as u64);
        let short = u32::try_from(limit).unwrap_or(0);
        let mut bytes = Vec::new();
        let mut big = |words: &[u32]| words.iter().for_each(|word| bytes.extend(word.to_be_bytes()));
        big(&[0xfade_0cc0, 20 + length, 1, 0, 20]);
        big(&[0xfade_0c02, length, 0x20400, 0x2, hashes, HEADER, 3, pages.len() as u32 / 32, short]);
        big(&[u32::from_be_bytes([32, 2, 0, 12]), 0, 0, 0, 0]);
        let long = if short == 0 { limit } else { 0 };
        [long, 0, 0, 1].iter().for_each(|field| bytes.extend(field.to_be_bytes()));
        [identifier.as_slice(), &special, &pages].iter().for_each(|part| bytes.extend(*part));
        bytes
    }
}

fn program(libraries: &[&'static str], rpaths: &[&'static str]) -> Vec<u8> {
    Build { file_type: EXECUTE, libraries: libraries.to_vec(), rpaths: rpaths.to_vec(), strings: b"x\0", ..Build::default() }.bytes()
}

fn library(libraries: &[&'static str]) -> Vec<u8> {
    Build { file_type: DYLIB, libraries: libraries.to_vec(), strings: b"x\0", ..Build::default() }.bytes()
}

fn paths(evidence: &Evidence) -> Vec<&str> {
    evidence.images.iter().map(|image| image.path.to_str().unwrap()).collect()
}

#[test]
fn a_single_mach_o_brings_the_libraries_of_its_own_tree() {
    let system = FakeSystem::new()
        .file(
            "/x/tool/bin/tool",
            program(&["@rpath/liba.dylib", "/usr/lib/libSystem.B.dylib", "@loader_path/../../libout.dylib"], &["@loader_path/../lib"]),
        )
        .file("/x/tool/lib/liba.1.dylib", library(&["@loader_path/sub/libb.dylib"]))
        .link("/x/tool/lib/liba.dylib", "liba.1.dylib")
        .file("/x/tool/lib/sub/libb.dylib", library(&["@rpath/liba.dylib"]))
        .file("/x/tool/lib/libunused.dylib", library(&[]))
        .file("/x/libout.dylib", library(&[]));
    let evidence = examine(&system, &request("/x/tool/bin/tool")).unwrap();
    assert_eq!(evidence.target.kind, TargetKind::MachO);
    assert_eq!(evidence.target.root, Path::new("/x/tool"));
    assert_eq!(evidence.target.executable.as_deref(), Some(Path::new("bin/tool")));
    assert_eq!(paths(&evidence), ["bin/tool", "lib/liba.1.dylib", "lib/sub/libb.dylib"]);
    assert!(!system.opened().contains(&PathBuf::from("/x/libout.dylib")));
}

#[test]
fn a_single_mach_o_without_libraries_has_its_own_folder_as_root() {
    let system = FakeSystem::new().file("/x/tool/bin/tool", program(&[], &[])).link("/usr/tool", "/x/tool/bin/tool");
    let evidence = examine(&system, &request("/usr/tool")).unwrap();
    assert_eq!((evidence.target.root.as_path(), evidence.target.path.as_path()), (Path::new("/x/tool/bin"), Path::new("/usr/tool")));
    assert_eq!(evidence.main_images().count(), 1);
}

#[test]
fn symbols_given_alone_are_told_to_be_no_code() {
    const DSYM: u32 = 10;
    let symbols = Build { file_type: DSYM, strings: b"x\0", ..Build::default() }.bytes();
    let evidence = examine(&FakeSystem::new().file("/x/Demo", symbols), &request("/x/Demo")).unwrap();
    assert!(evidence.images.is_empty());
    assert_eq!(
        evidence.gaps.iter().map(|gap| gap.why.as_str()).collect::<Vec<_>>(),
        ["no code was found in this file: symbols for a debugger are none"]
    );
}

#[test]
fn a_script_brings_the_program_it_starts() {
    let system = FakeSystem::new()
        .file("/x/tool/run.sh", "#!/bin/sh\nexec /opt/tool/bin/tool\n")
        .file("/x/tool/bin/tool", program(&["@loader_path/liba.dylib"], &[]))
        .file("/x/tool/bin/liba.dylib", library(&[]));
    let evidence = examine(&system, &request("/x/tool/run.sh")).unwrap();
    assert_eq!(evidence.target.root, Path::new("/x/tool"));
    assert_eq!(paths(&evidence), ["bin/liba.dylib", "bin/tool"]);
    assert!(matches!(&evidence.scripts[0].lines[0].does, ScriptAct::Starts { image: Some(image), .. } if image == Path::new("bin/tool")));
}

const SEAL: &[u8] = b"<plist version=\"1.0\"><dict/></plist>";

fn signed_app() -> (FakeSystem, Vec<u8>) {
    let strings = b"a\0DYLD_INSERT_LIBRARIES\0tell application \"Notes\"\0";
    let build = Build { file_type: EXECUTE, strings, signed: true, info: Some(INFO.as_bytes()), seal: Some(SEAL), ..Build::default() };
    let bytes = build.bytes();
    let system = FakeSystem::new()
        .file("/x/Demo.app/Contents/Info.plist", INFO)
        .file("/x/Demo.app/Contents/_CodeSignature/CodeResources", SEAL)
        .file("/x/Demo.app/Contents/MacOS/Demo", bytes.clone());
    (system, bytes)
}

#[test]
fn pages_info_plist_and_seal_are_compared_in_one_scan() {
    let (system, bytes) = signed_app();
    let verdict = |system: &FakeSystem| {
        let evidence = examine(system, &request("/x/Demo.app")).unwrap();
        let image = &evidence.images[0];
        assert_eq!((image.main_of, image.bundle), (Some(0), Some(0)));
        let facts = image.facts().unwrap();
        assert_eq!((facts.signer.kind, facts.signer.team.as_deref()), (SignerKind::AdHoc, None));
        let pages = facts.pages.clone().unwrap();
        (pages.checked, pages.bad, facts.info_plist_matches, facts.resources_match)
    };
    assert_eq!(verdict(&system), (2, vec![], Some(true), Some(true)));
    let mut edited = bytes;
    edited[PAGE + 1] ^= 1;
    let system = system.file("/x/Demo.app/Contents/MacOS/Demo", edited);
    let system = system.file("/x/Demo.app/Contents/_CodeSignature/CodeResources", "other");
    let system = system.file("/x/Demo.app/Contents/Info.plist", INFO.replace("org.example", "org.changed"));
    assert_eq!(verdict(&system), (2, vec![1], Some(false), Some(false)));
}

#[test]
fn strings_are_found_in_the_pass_that_checks_the_pages() {
    let evidence = examine(&signed_app().0, &request("/x/Demo.app")).unwrap();
    let hits: Vec<_> = evidence.images[0].strings.iter().map(|hit| (hit.wanted, hit.text.as_str(), hit.offset)).collect();
    assert_eq!(hits, [("dyld-variable", "DYLD_INSERT_LIBRARIES", 0x1002), ("apple-script", "tell application \"Notes\"", 0x1018)]);
}

#[test]
fn a_missing_seal_does_not_match() {
    let (_, bytes) = signed_app();
    let system = FakeSystem::new().file("/x/Demo.app/Contents/Info.plist", INFO).file("/x/Demo.app/Contents/MacOS/Demo", bytes);
    let evidence = examine(&system, &request("/x/Demo.app")).unwrap();
    assert_eq!(evidence.images[0].facts().unwrap().resources_match, Some(false));
}

#[test]
fn code_is_found_in_resources_and_an_unreadable_signature_is_kept_as_such() {
    let mut broken = signed_app().1;
    broken[2 * PAGE..2 * PAGE + 4].fill(0);
    let system = signed_app()
        .0
        .file("/x/Demo.app/Contents/Resources/deep/tool", broken)
        .file("/x/Demo.app/Contents/Resources/short", vec![0xcf, 0xfa, 0xed, 0xfe]);
    let evidence = examine(&system, &request("/x/Demo.app")).unwrap();
    assert_eq!(paths(&evidence), ["Contents/MacOS/Demo", "Contents/Resources/deep/tool"]);
    assert!(matches!(evidence.images[1].signed, Signed::Unreadable(_)));
}

#[test]
fn images_do_not_depend_on_the_number_of_threads() {
    let many = |threads| {
        let mut system = signed_app().0;
        for n in 0..40 {
            system = system.file(&format!("/x/Demo.app/Contents/Frameworks/lib{n}.dylib"), [library(&[]), vec![0; n * 37]].concat());
        }
        system.thread_count = threads;
        examine(&system, &request("/x/Demo.app")).unwrap()
    };
    let one = many(1);
    assert_eq!(one.images.len(), 41);
    assert!([2, 5].into_iter().all(|threads| many(threads) == one));
}

#[test]
fn a_sparse_mach_o_of_four_gigabytes_is_read_only_where_it_says_something() {
    let head = Build { file_type: EXECUTE, strings: b"DYLD_INSERT_LIBRARIES\0", ..Build::default() }.bytes();
    let system = FakeSystem::new().sparse("/x/big", head, 4 << 30);
    let last = Mutex::new(Progress::default());
    let evidence =
        scan(&system, &request("/x/big"), &|progress| *last.lock().unwrap() = progress.clone(), &AtomicBool::new(false)).unwrap();
    assert_eq!(evidence.images[0].strings.len(), 1);
    let last = last.into_inner().unwrap();
    assert_eq!((last.images_done, last.images_total), (1, 1));
    assert!(last.bytes < 32 << 20, "{} bytes read", last.bytes);
}

#[test]
fn hashing_four_gigabytes_can_be_cancelled() {
    let head = Build { file_type: EXECUTE, strings: b"x\0", signed: true, code_limit: Some(4 << 30), ..Build::default() }.bytes();
    let system = FakeSystem::new().sparse("/x/big", head, 4 << 30);
    let cancel = AtomicBool::new(false);
    let read = AtomicU64::new(0);
    let stop = |progress: &Progress| {
        read.fetch_max(progress.bytes, Ordering::Relaxed);
        if progress.bytes > 40 << 20 {
            cancel.store(true, Ordering::Relaxed);
        }
    };
    assert!(matches!(scan(&system, &request("/x/big"), &stop, &cancel), Err(ScanError::Cancelled)));
    assert!(read.into_inner() < 128 << 20);
}
