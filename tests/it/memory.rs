//! What practice programs need to get executable memory, told from their code. They are made from `tests/callsites/memory.c`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use temper::read::{callsites, fixups, macho};
use temper::report::Finding;
use temper::scan::Request;
use temper::system::disk::RealSystem;

/// Way, and what is said of it: id of the need and how sure. Ways that call the system in the same words whatever the compiler does.
const WAYS: &[(&str, &[(&str, &str)])] = &[
    ("map_jit", &[("maps-jit-memory", "certain")]),
    // On arm64 the change is refused, whatever the entitlements; the call does not tell that it is about the same memory.
    ("map_jit_protect", &[("maps-jit-memory", "certain"), ("makes-written-pages-executable", "possible")]),
    ("map_jit_callback", &[("maps-jit-memory", "certain")]),
    ("map_jit_flip", &[("maps-jit-memory", "certain"), ("makes-written-pages-executable", "possible")]),
    ("map_jit_toggle", &[("maps-jit-memory", "certain")]),
    // Refused with any entitlement, so they show no need.
    ("map_jit_fixed", &[]),
    ("map_jit_shared", &[]),
    ("flip", &[("makes-written-pages-executable", "certain")]),
    ("rwx", &[("maps-write-execute", "certain")]),
    ("protect_rwx", &[("maps-write-execute", "certain")]),
    ("dual_shm", &[("makes-written-pages-executable", "likely")]),
    ("dual_remap", &[("makes-written-pages-executable", "possible")]),
    ("patch", &[("patches-code", "certain")]),
    ("computed", &[("maps-jit-memory", "likely")]),
    ("wrapper", &[("maps-jit-memory", "certain")]),
    ("outside", &[]),
    ("data", &[]),
    ("or_jit", &[("maps-jit-memory", "certain")]),
];

const BUILDS: [&str; 4] = ["aarch64-O0", "aarch64-O2", "x86_64-O0", "x86_64-O2"];
const NEEDS: [&str; 5] = ["maps-jit-memory", "makes-written-pages-executable", "maps-write-execute", "patches-code", "generates-code"];

fn program(way: &str, build: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/callsites/memory").join(format!("{way}-{build}"))
}

fn needs(path: &Path) -> Vec<Finding> {
    let request = Request { path: Some(path.to_owned()), ..Request::default() };
    let examined = temper::examine(&RealSystem, &request, &|_| (), &AtomicBool::new(false)).expect("the practice program is read");
    examined.report.findings.into_iter().filter(|finding| NEEDS.contains(&finding.id)).collect()
}

#[test]
fn each_way_to_executable_memory_is_told_and_nothing_else() {
    let mut wrong = Vec::new();
    for (way, expected) in WAYS {
        for build in BUILDS {
            let found = needs(&program(way, build));
            let said: Vec<(&str, &str)> = found.iter().map(|finding| (finding.id, finding.confidence)).collect();
            let same = said.len() == expected.len() && expected.iter().all(|one| said.contains(one));
            if !same {
                wrong.push(format!("{way}-{build}: {said:?}, {:?}", found.iter().flat_map(|finding| &finding.proof).collect::<Vec<_>>()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn sites(path: &Path) -> callsites::CallSites {
    let bytes = std::fs::read(path).expect("the practice program is there");
    let image = macho::read(&bytes).expect("the practice program is a Mach-O file");
    callsites::find(&bytes, &image, &fixups::read(&bytes, &image))
}

#[test]
fn an_answer_names_what_was_followed() {
    for build in BUILDS {
        let wrapped = sites(&program("wrapper", build));
        let call = wrapped.calls.iter().find(|call| call.callee == "_mmap").expect("it maps");
        // Both calls of the outer function and the one of the inner, unless the compiler left one out.
        assert!(call.via.len() >= 2, "{build}: {call:x?}");
    }
    for build in ["aarch64-O2", "x86_64-O2"] {
        let computed = sites(&program("computed", build));
        let call = computed.calls.iter().find(|call| call.callee == "_mmap").expect("it maps");
        assert!(!call.via.is_empty(), "{build}: the selects and the table: {call:x?}");
        assert_eq!(call.arguments[2], callsites::Value::OneOf(vec![0, 1, 3, 5, 7]), "{build}: the table's protections");
    }
}

/// A second opinion: another disassembler finds the same calls of the same functions.
#[test]
fn llvm_objdump_sees_the_same_calls() {
    let Some(tool) = ["llvm-objdump", "llvm-objdump-14"].into_iter().find(|tool| Command::new(tool).arg("--version").output().is_ok())
    else {
        eprintln!("llvm-objdump is not installed: its opinion was not asked for");
        return;
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/callsites");
    let mut programs: Vec<PathBuf> = WAYS.iter().flat_map(|(way, _)| BUILDS.map(|build| program(way, build))).collect();
    programs.extend(["aarch64-O0", "aarch64-O2", "x86_64-O0", "x86_64-O2"].map(|build| folder.join(format!("calls-{build}"))));
    for path in programs {
        let bytes = std::fs::read(&path).expect("the practice program is there");
        let image = macho::read(&bytes).expect("the practice program is a Mach-O file");
        let bindings = fixups::read(&bytes, &image);
        let wanted = |name: &str| callsites::WANTED.iter().any(|(wanted, _)| *wanted == name);
        let stubs: Vec<(u64, &String)> = bindings.stubs.iter().filter(|(_, name)| wanted(name)).map(|(at, name)| (*at, name)).collect();
        let listing = Command::new(tool).args(["-d", "--no-show-raw-insn"]).arg(&path).output().expect("it runs");
        let mut theirs = Vec::new();
        for line in String::from_utf8_lossy(&listing.stdout).lines() {
            let Some((at, rest)) = line.split_once(':') else { continue };
            let Ok(at) = u64::from_str_radix(at.trim(), 16) else { continue };
            let words: Vec<&str> = rest.split_whitespace().collect();
            let [mnemonic, target, ..] = words[..] else { continue };
            let is_call = matches!(mnemonic, "bl" | "b" | "callq" | "call" | "jmp");
            let target = u64::from_str_radix(target.trim_start_matches("0x"), 16).ok();
            let name = stubs.iter().find(|(stub, _)| is_call && Some(*stub) == target).map(|(_, name)| (*name).clone());
            theirs.extend(name.map(|name| (at, name)));
        }
        let ours = callsites::find(&bytes, &image, &bindings).calls;
        let through_stub = |call: &callsites::CallSite| stubs.iter().any(|(_, name)| **name == call.callee);
        let mut ours: Vec<(u64, String)> = ours.into_iter().filter(through_stub).map(|call| (call.address, call.callee)).collect();
        ours.dedup();
        // What is called through a pointer has no address in the listing.
        ours.retain(|call| theirs.contains(call) || !path.to_string_lossy().contains("calls-"));
        assert_eq!(ours, theirs, "{}", path.display());
        assert!(!ours.is_empty() || path.to_string_lossy().contains("patch"), "{}", path.display());
    }
}
