#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice
)]
//! Invented reports in every shape people paste.

use super::*;

const HEADER: &str = r#"{"app_name":"Tern","timestamp":"2025-01-02 03:04:05.00 +0100","app_version":"1.2","slice_uuid":"0a1b2c3d-0000-1111-2222-333344445555","build_version":"7","platform":1,"bundleID":"org.tern.app","bug_type":"309","os_version":"macOS 15.5 (24F74)","name":"Tern"}"#;

const BODY: &str = r#"{
  "procName" : "Tern",
  "procPath" : "\/Applications\/Tern.app\/Contents\/MacOS\/Tern",
  "pid" : 812,
  "cpuType" : "ARM-64",
  "translated" : false,
  "parentProc" : "launchd",
  "responsibleProc" : "Tern",
  "osVersion" : {"train":"macOS 15.5","build":"24F74"},
  "bundleInfo" : {"CFBundleShortVersionString":"1.2","CFBundleVersion":"7","CFBundleIdentifier":"org.tern.app"},
  "codeSigningID" : "org.tern.app",
  "codeSigningTeamID" : "",
  "codeSigningFlags" : 570503953,
  "codeSigningValidationCategory" : 10,
  "sip" : "enabled",
  "exception" : {"codes":"0x0000000000000032, 0x0000000104000010","rawCodes":[50,4362076176],"type":"EXC_BAD_ACCESS","signal":"SIGKILL (Code Signature Invalid)","subtype":"UNKNOWN_0x32 at 0x0000000104000010"},
  "termination" : {"flags":0,"code":2,"namespace":"CODESIGNING","indicator":"Invalid Page"},
  "vmRegionInfo" : "0x104000010 is in 0x104000000-0x104010000;  bytes after start: 16\n      REGION TYPE                    START - END         [ VSIZE] PRT\/MAX SHRMOD  REGION DETAIL\n      UNUSED SPACE AT START\n--->  JS JIT generated code       104000000-104010000    [   64K] r-x\/rwx SM=PRV  \n      __TEXT                      104020000-104030000    [   64K] r-x\/r-x SM=COW  \/x\n",
  "ktriageinfo" : "VM - (arg = 0x3) mach_vm_allocate_kernel failed within call to vm_map_enter\nVM - (arg = 0x3) second\n",
  "asi" : {"libsystem_c.dylib":["abort() called"],"dyld":["one","two"]},
  "faultingThread" : 1,
  "threads" : [{"id":1,"frames":[{"imageOffset":4,"imageIndex":0}]},{"triggered":true,"id":2,"threadState":{"pc":{"value":4362076176}},"frames":[{"imageOffset":16,"imageIndex":1},{"imageOffset":32,"symbol":"main","symbolLocation":4,"imageIndex":0}]}],
  "usedImages" : [
    {"source":"P","arch":"arm64","base":4370000000,"size":4096,"uuid":"0a1b2c3d-0000-1111-2222-333344445555","path":"\/Applications\/Tern.app\/Contents\/MacOS\/Tern","name":"Tern"},
    {"size":0,"source":"A","base":0,"uuid":"00000000-0000-0000-0000-000000000000"}
  ],
  "vmSummary" : "nothing"
}"#;

fn whole() -> String {
    format!("{HEADER}\n{BODY}\n")
}

/// The report without its places.
fn facts(text: &str) -> CrashReport {
    let mut report = read(text).unwrap_or_else(|error| panic!("{error} in {text}"));
    report.lines.clear();
    report
}

#[test]
fn a_whole_ips_gives_every_field() {
    let report = read(&whole()).unwrap();
    assert!(report.is_ips && !report.truncated && !report.no_backtrace && !report.not_in_a_region);
    assert_eq!(report.process.as_deref(), Some("Tern"));
    assert_eq!(report.path.as_deref(), Some("/Applications/Tern.app/Contents/MacOS/Tern"));
    assert_eq!((report.pid, report.cs_flags, report.cs_category), (Some(812), Some(570_503_953), Some(10)));
    assert_eq!((report.cs_team.as_deref(), report.cs_identifier.as_deref()), (Some(""), Some("org.tern.app")));
    assert_eq!(report.uuid.as_deref(), Some("0A1B2C3D-0000-1111-2222-333344445555"));
    assert_eq!(report.os.as_deref(), Some("macOS 15.5 (24F74)"));
    assert_eq!(report.version.as_deref(), Some("1.2 (7)"));
    assert_eq!((report.codes.clone(), report.fault_address), (vec![50, 0x1_0400_0010], Some(0x1_0400_0010)));
    let region = report.region.as_ref().unwrap();
    assert_eq!(
        (region.kind.as_str(), region.protection.as_str(), region.share.as_str(), region.detail.as_str()),
        ("JS JIT generated code", "r-x/rwx", "PRV", "")
    );
    assert_eq!(region.range, (0x1_0400_0000, 0x1_0401_0000));
    assert_eq!(report.messages, ["abort() called", "one", "two"]);
    assert_eq!(report.triage.len(), 2);
    assert_eq!(report.frames.len(), 2);
    assert_eq!((report.frames[0].image.as_str(), report.frames[0].address), ("???", Some(16)));
    assert_eq!((report.frames[1].symbol.as_deref(), report.frames[1].image_index), (Some("main"), Some(0)));
    assert_eq!(report.pc, Some(0x1_0400_0010));
    assert_eq!((report.line("termination"), report.line("cs_flags"), report.line("region")), (Some(18), Some(14), Some(19)));
}

#[test]
fn an_ips_is_read_however_it_was_pasted() {
    let want = facts(&whole());
    let quoted: String = whole().lines().map(|line| format!("> {line}\n")).collect();
    let numbered: String = whole().lines().enumerate().map(|(at, line)| format!("{:>4}: {line}\n", at + 1)).collect();
    let one_line: String = BODY.lines().map(str::trim).collect();
    let pretty = HEADER.replace(",\"", ",\n  \"");
    for text in [
        whole().replace('\n', "\r\n"),
        quoted,
        numbered,
        format!("\u{feff}{}", whole()),
        format!("Here is my report:\n\n```\n{}```\nHope that helps {{smile}}\n", whole()),
        format!("{HEADER}\n{one_line}"),
        format!("{pretty}\n{BODY}"),
        format!("{{\"header\":{HEADER},\"body\":{BODY}}}"),
        format!("[{HEADER},{BODY}]"),
        whole().replace('"', "\u{201d}"),
    ] {
        assert_eq!(facts(&text), want, "{text}");
    }
    let headless = facts(BODY);
    assert_eq!((headless.bug_type, headless.uuid), (None, want.uuid));
    assert_eq!(headless.region, want.region);
    assert_eq!(read(&format!("hello\n{}", whole())).unwrap().line("termination"), Some(19));
}

#[test]
fn a_piece_of_an_ips_gives_its_facts() {
    let piece: String = BODY.lines().skip(14).take(3).map(|line| format!("{line}\n")).collect();
    let report = read(&piece).unwrap();
    assert!(report.truncated);
    assert_eq!(report.termination.unwrap().namespace, "CODESIGNING");
    assert_eq!(report.fault_address, Some(0x1_0400_0010));
}

#[test]
fn a_cut_ips_keeps_what_stands_before_the_cut() {
    let text = whole();
    let want = facts(&text);
    for end in (text.find("\"vmRegionInfo\"").unwrap()..text.trim_end().len()).step_by(3).filter(|end| text.is_char_boundary(*end)) {
        let report = read(&text[..end]).unwrap();
        assert!(report.truncated, "{end}");
        assert_eq!(
            (&report.termination, report.cs_flags, report.fault_address),
            (&want.termination, want.cs_flags, want.fault_address),
            "{end}"
        );
        assert!(!report.no_backtrace, "{end}");
    }
}

const LEGACY: &str = "Process:               Tern Pro [812]
Path:                  /Applications/Tern.app/Contents/MacOS/Tern Pro
Identifier:            org.tern.app
Version:               1.2 (7)
Code Type:             X86-64 (Translated)
Parent Process:        ??? [1]
Responsible:           Terminal [400]

Date/Time:             2020-01-02 03:04:05.678 +0100
OS Version:            Mac OS X 10.15.7 (19H15)
Report Version:        12

System Integrity Protection: enabled

Crashed Thread:        1

Exception Type:        EXC_BAD_ACCESS (SIGKILL (Code Signature Invalid))
Exception Codes:       UNKNOWN_0x32 at 0x0000000104000010
Exception Codes:       0x0000000000000032, 0x0000000104000010
Exception Note:        EXC_CORPSE_NOTIFY

Termination Reason:    Namespace CODESIGNING, Code 2 Invalid Page

VM Region Info: 0x104000010 is in 0x104000000-0x104010000;  bytes after start: 16
      REGION TYPE                    START - END         [ VSIZE] PRT/MAX SHRMOD  REGION DETAIL
      Memory Tag 255              103ff0000-104000000    [   64K] rw-/rw- SM=PRV
--->  mapped file                 104000000-104010000    [   64K] r-x/rwx SM=COW  Object_id=9f3c
      GAP OF 0x3d9000 BYTES

Application Specific Information:
dyld: launch, running initializers
/usr/lib/libSystem.B.dylib

Kernel Triage:
VM - (arg = 0x0) mach_vm_allocate_kernel failed within call to vm_map_enter

Thread 0:: Dispatch queue: com.apple.main-thread
0   libsystem_kernel.dylib        \t0x00007fff6a0a5dfa mach_msg_trap + 10

Thread 1 Crashed:
0   ???                           \t0x0000000104000010 0 + 4362076176
1   libEcho 2.dylib               \t0x0000000105000123 -[Echo run:] + 12
2   org.tern.app                  \t0x0000000100000abc 0x100000000 + 2748

Thread 1 crashed with X86 Thread State (64-bit):
  rax: 0x0000000000000007  rbx: 0x00006000025d4420
  rip: 0x0000000104000010  rfl: 0x0000000000010206

Binary Images:
       0x100000000 -        0x10000ffff +org.tern.app (1.2 - 7) <0A1B2C3D-0000-1111-2222-333344445555> /Applications/Tern.app/Contents/MacOS/Tern Pro
       0x105000000 -        0x10500ffff +libEcho 2.dylib (0) <1A1B2C3D-0000-1111-2222-333344445555> /Applications/Tern.app/Contents/Frameworks/libEcho 2.dylib
";

#[test]
fn a_legacy_report_gives_every_field() {
    let report = read(LEGACY).unwrap();
    assert!(!report.is_ips && !report.truncated && !report.no_backtrace);
    assert_eq!((report.process.as_deref(), report.pid), (Some("Tern Pro"), Some(812)));
    assert_eq!((report.translated, report.parent.as_deref(), report.responsible.as_deref()), (Some(true), None, Some("Terminal")));
    assert_eq!(report.signal.as_deref(), Some("SIGKILL (Code Signature Invalid)"));
    assert_eq!(report.subtype.as_deref(), Some("UNKNOWN_0x32 at 0x0000000104000010"));
    let region = report.region.as_ref().unwrap();
    assert_eq!((region.kind.as_str(), region.detail.as_str()), ("mapped file", "Object_id=9f3c"));
    assert_eq!(report.messages, ["dyld: launch, running initializers", "/usr/lib/libSystem.B.dylib"]);
    assert_eq!(report.triage.len(), 1);
    let images: Vec<&str> = report.frames.iter().map(|frame| frame.image.as_str()).collect();
    assert_eq!(images, ["???", "libEcho 2.dylib", "org.tern.app"]);
    assert_eq!(report.frames[1].symbol.as_deref(), Some("-[Echo run:]"));
    assert_eq!((report.frames[1].image_index, report.frames[2].symbol.as_deref()), (Some(1), None));
    assert_eq!(report.pc, Some(0x1_0400_0010));
    assert_eq!(report.uuid.as_deref(), Some("0A1B2C3D-0000-1111-2222-333344445555"));
    assert_eq!(report.images[1].size, 0x10000);
    assert_eq!(
        (report.line("exception"), report.line("termination"), report.line("region"), report.line("frame")),
        (Some(17), Some(22), Some(27), Some(41))
    );
}

#[test]
fn a_legacy_report_is_read_quoted_and_with_other_line_ends() {
    let want = facts(LEGACY);
    let quoted: String = LEGACY.lines().map(|line| format!("> {line}\r\n")).collect();
    let blanks = LEGACY.replace(":   ", ":\u{a0}  ");
    let forum: String = LEGACY.lines().map(|line| format!("| {line}\n")).collect();
    for text in [quoted, blanks, forum, format!("\u{feff}{LEGACY}"), LEGACY.replace('\n', "\r\n")] {
        assert_eq!(facts(&text), want, "{text}");
    }
    let elided = LEGACY.replace("Report Version:        12", "[...]");
    assert!(facts(&elided).truncated);
}

#[test]
fn every_spelling_of_exception_and_termination_is_read() {
    for (line, exception, signal) in [
        ("EXC_CRASH (Code Signature Invalid)", Some("EXC_CRASH"), Some("Code Signature Invalid")),
        ("EXC_CRASH (SIGABRT)", Some("EXC_CRASH"), Some("SIGABRT")),
        ("EXC_CRASH (SIGKILL - CODESIGNING)", Some("EXC_CRASH"), Some("SIGKILL - CODESIGNING")),
        ("SIGKILL - CODESIGNING", None, Some("SIGKILL - CODESIGNING")),
        ("SIGKILL (Code Signature Invalid)", None, Some("SIGKILL (Code Signature Invalid)")),
        ("EXC_BREAKPOINT", Some("EXC_BREAKPOINT"), None),
    ] {
        let report = read(&format!("Exception Type:  {line}\n")).unwrap();
        assert_eq!((report.exception.as_deref(), report.signal.as_deref()), (exception, signal), "{line}");
        assert!(report.truncated && !report.no_backtrace);
    }
    for (line, namespace, code, indicator) in [
        ("Namespace CODESIGNING, Code 2 Invalid Page", "CODESIGNING", 2, "Invalid Page"),
        ("Namespace CODESIGNING, Code 0x1", "CODESIGNING", 1, ""),
        ("Code 2 in namespace CODESIGNING, indicator Invalid Page", "CODESIGNING", 2, "Invalid Page"),
        ("CODESIGNING 1 Taskgated Invalid Signature", "CODESIGNING", 1, "Taskgated Invalid Signature"),
        ("CODESIGNING 4 Launch Constraint Violation", "CODESIGNING", 4, "Launch Constraint Violation"),
        ("DYLD, [0x1] Library missing", "DYLD", 1, "Library missing"),
        ("Namespace DYLD, Code 1 Library missing", "DYLD", 1, "Library missing"),
        ("Namespace SIGNAL, Code 11 Segmentation fault: 11", "SIGNAL", 11, "Segmentation fault: 11"),
        ("EXEC, [0x8]", "EXEC", 8, ""),
        ("Namespace TCC, Code 0", "TCC", 0, ""),
    ] {
        let termination = read(&format!("Termination Reason:    {line}\n")).unwrap().termination.unwrap();
        assert_eq!(
            (termination.namespace.as_str(), termination.code, termination.indicator.as_str()),
            (namespace, code, indicator),
            "{line}"
        );
    }
    let tcc = read("Termination Reason:    TCC, This app has crashed because it attempted to access privacy-sensitive data without a usage description.\n").unwrap();
    assert!(tcc.termination.unwrap().reasons[0].starts_with("This app has crashed"));
}

#[test]
fn dyld_messages_of_all_ages_are_joined() {
    let new = "Exception Type: EXC_CRASH (SIGABRT)\nTermination Reason: Namespace DYLD, Code 1 Library missing\nLibrary not loaded: @rpath/q\nReferenced from: <A> /opt/t\nReason: tried: '/p/q' (no such file)\n(terminated at launch; ignore backtrace)\n\nThread 0 Crashed:\n";
    let termination = read(new).unwrap().termination.unwrap();
    assert_eq!(termination.reasons.len(), 4);
    assert_eq!(termination.reasons[0], "Library not loaded: @rpath/q");
    let old = "Exception Type: EXC_CRASH (SIGABRT)\n\nDyld Error Message:\n  Library not loaded: @rpath/q\n  Referenced from: /opt/t\n  Reason: image not found\n\nBinary Images:\n";
    assert_eq!(read(old).unwrap().messages, ["Library not loaded: @rpath/q\nReferenced from: /opt/t\nReason: image not found"]);
}

#[test]
fn regions_are_read_in_old_and_new_tables() {
    let old = "Exception Type: EXC_BAD_ACCESS (SIGSEGV)\nException Codes: KERN_PROTECTION_FAILURE at 0x0000000104000010\nVM Regions Near 0x104000010:\n    Memory Tag 255         0000000103ff0000-0000000104000000 [   64K] ---/rwx SM=NUL  \n--> Memory Tag 255         0000000104000000-0000000104010000 [   64K] r-x/rwx SM=COW  \n";
    let report = read(old).unwrap();
    assert_eq!(report.fault_address, Some(0x1_0400_0010));
    assert_eq!(report.region.unwrap().kind, "Memory Tag 255");
    let lost_arrow = old.replace("--> Mem", "    Mem");
    assert_eq!(read(&lost_arrow).unwrap().region.unwrap().share, "COW");
    let nowhere = "Exception Type: EXC_BAD_ACCESS (SIGSEGV)\nVM Region Info: 0x8 is not in any region.  Bytes before following region: 430\n      UNUSED SPACE AT START\n--->  \n      __TEXT   100628000-10064c000    [  144K] r-x/r-x SM=COW  /x\n";
    let report = read(nowhere).unwrap();
    assert!(report.not_in_a_region && report.region.is_none());
    assert_eq!(report.fault_address, Some(8));
    let between = "Exception Type: EXC_BAD_ACCESS\nVM Regions Near 0:\n--> \n    __TEXT   0000000100628000-000000010064c000 [  144K] r-x/r-x SM=COW  /x\n";
    assert!(read(between).unwrap().not_in_a_region);
    let wrapped = "Exception Type: EXC_BAD_ACCESS\nVM Region Info: 0x104000010 is in 0x104000000-0x104010000\n---> __TEXT 104000000-104010000 [ 64K] r-x/r-x SM=COW\n/Applications/Tern.app/x y.dylib\n";
    assert_eq!(read(wrapped).unwrap().region.unwrap().detail, "/Applications/Tern.app/x y.dylib");
}

#[test]
fn a_translated_report_before_json_gives_the_json() {
    let text = format!(
        "-------\nTranslated Report (Full Report Below)\n-------\n\n{LEGACY}\n-----------\nFull Report\n-----------\n\n{}",
        whole()
    );
    let report = read(&text).unwrap();
    assert!(report.is_ips);
    assert_eq!(report.cs_flags, Some(570_503_953));
    assert_eq!(report.translated, Some(false));
    assert_eq!(report.responsible.as_deref(), Some("Tern"));
    // A header alone, and the report as text.
    let old = format!("{}\n{LEGACY}", HEADER.replace("\"309\"", "\"109\""));
    let report = read(&old).unwrap();
    assert!(!report.is_ips);
    assert_eq!((report.bug_type.as_deref(), report.frames.len()), (Some("109"), 3));
}

#[test]
fn reports_of_another_kind_are_refused_by_name() {
    for (text, word) in [
        (whole().replace("\"309\"", "\"288\""), "stackshot or hang"),
        (whole().replace("\"309\"", "\"298\""), "Jetsam"),
        (format!("{}\n{{\"panicString\":\"panic(cpu 0\"}}", HEADER.replace("\"309\"", "\"210\"")), "panic"),
        ("Analysis of sampling Tern (pid 812) every 1 millisecond\nProcess:         Tern [812]\nPath: /x\nCode Type: ARM64\nBinary Images:\n".into(), "sample"),
        ("Date/Time: 2025\nData Source: Stackshots\nEvent: hang\nOS Version: macOS\n".into(), "spindump"),
        ("panic(cpu 2 caller 0xffff): boom\n".into(), "panic"),
    ] {
        assert!(looks_like_crash(&text), "{text}");
        let error = read(&text).unwrap_err();
        assert!(error.what.contains(word) && error.what.contains("not a crash report"), "{error}");
    }
    for text in ["", "hello", "zsh: killed ./x", "{\"eventMessage\":\"x\",\"procName\":1,\"termination\":2}", "[default] Process: x"] {
        assert!(!looks_like_crash(text), "{text}");
        assert!(read(text).is_err());
    }
}

#[test]
fn a_launch_refusal_without_threads_has_no_backtrace() {
    let none = whole().replace("\"threads\"", "\"other\"").replace("\"faultingThread\"", "\"another\"");
    let report = read(&none).unwrap();
    assert!(report.no_backtrace && report.frames.is_empty());
    let text = "Exception Type: EXC_CRASH (SIGKILL (Code Signature Invalid))\nTermination Reason: CODESIGNING 1 Taskgated Invalid Signature\n\nThread 0 Crashed:\n0   ???  \t0x1 0 + 1\n\nBinary Images:\n";
    assert!(!read(text).unwrap().no_backtrace);
    assert!(read("Exception Type: EXC_CRASH\nBacktrace not available\n\nBinary Images:\n").unwrap().no_backtrace);
}

#[test]
fn no_cut_makes_it_panic() {
    for text in [whole(), LEGACY.to_owned()] {
        for end in (0..=text.len()).step_by(7).filter(|end| text.is_char_boundary(*end)) {
            looks_like_crash(&text[..end]);
            let _ = read(&text[..end]);
            let _ = read(&text[end..]);
        }
    }
    let _ = read(&format!("\"bug_type\"\"procName\"{}", "{\"a\":".repeat(50_000)));
    let _ = read(&format!("{HEADER}{}", "\n{\n".repeat(20_000)));
}

#[test]
fn functions_of_dyld_are_frames_also_without_numbers() {
    let report = read("Exception Type: EXC_BAD_ACCESS (SIGKILL)\nTermination Reason: Code 2 in namespace CODESIGNING\n\n- dyld4::Loader::mapSegments + 120\n- `dyld4::JustInTimeLoader::make`\n").unwrap();
    let frames: Vec<_> = report.frames.iter().map(|frame| (frame.image.as_str(), frame.symbol.as_deref().unwrap())).collect();
    assert_eq!(frames, [("dyld", "dyld4::Loader::mapSegments"), ("dyld", "dyld4::JustInTimeLoader::make")]);
    assert!(!report.no_backtrace);
}
