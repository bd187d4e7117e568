#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice
)]
//! Invented lines of every family, in every style a log is shared in.

use super::*;

const UNIT: Proc = Proc { name: None, pid: None, identifier: None, path: None };

fn proc(name: &str, pid: u64) -> Proc {
    Proc { name: Some(name.into()), pid: Some(pid), ..UNIT }
}

/// The same message as `log show` (default, syslog, compact, ndjson), Console and a bare paste give it.
fn styles(process: &str, sender: &str, message: &str) -> Vec<String> {
    let escaped = message.replace('\\', "\\\\").replace('"', "\\\"").replace('/', "\\/");
    vec![
        message.to_owned(),
        format!("2025-03-30 08:12:50.401877-0700 0x1f3ac04  Default     0x0                  0      0    {process}: ({sender}) {message}"),
        format!("2025-03-30 08:12:50.401877-0700  localhost {process}[0]: ({sender}) {message}"),
        format!("2025-03-30 08:12:50.401 Df {process}[0:1f3ac] [com.apple.{sender}:access] {message}"),
        format!("default\t08:12:50.401877-0700\t{process}\t{message}"),
        format!("default 08:12:50.401877-0700 {process} {message}"),
        format!("Mar 30 08:12:50 studio {process}[0]: {message}"),
        format!(
            "{{\"timestamp\":\"2025-03-30\",\"processImagePath\":\"\\/usr\\/libexec\\/{process}\",\"eventMessage\":\"{escaped}\",\"processID\":7}}"
        ),
        format!("> \u{1b}[1m{message}\u{1b}[0m\r"),
    ]
}

/// The fact is the only one of the line, in every style, on the second line of a text.
fn check(process: &str, sender: &str, message: &str, want: &LogFact) {
    for line in styles(process, sender, message) {
        let facts = read(&format!("nothing to see\n{line}\nnothing more\n"));
        assert_eq!(facts.iter().map(|fact| &fact.fact).collect::<Vec<_>>(), vec![want], "{line}");
        assert_eq!(facts[0].line, 2, "{line}");
        assert_eq!(facts[0].quote, line.trim_end_matches('\r').chars().take(500).collect::<String>());
    }
}

/// The facts of a text, without places.
fn facts(text: &str) -> Vec<LogFact> {
    read(text).into_iter().map(|line| line.fact).collect()
}

#[test]
fn kernel_lines_are_read_in_every_style() {
    let app = proc("Tern Helper", 812);
    check(
        "kernel",
        "Kernel",
        "CODE SIGNING: cs_invalid_page(0x10a6f4000): p=812[Tern Helper] final status 0x23000200, denying page sending SIGKILL",
        &LogFact::InvalidPage { process: app.clone(), killed: true },
    );
    check(
        "kernel",
        "Kernel",
        "CODE SIGNING: cs_invalid_page(0x10a6f4000): p=812[Tern Helper] final status 0x200, allowing (remove VALID) page",
        &LogFact::InvalidPage { process: app.clone(), killed: false },
    );
    check(
        "kernel",
        "Kernel",
        "CODE SIGNING: process 812[Tern Helper]: rejecting invalid page at address 0x1000 from offset 0x4000 in file \"/Applications/Tern (beta).app/libx.dylib\" (cs_mtime:1.2 != mtime:3.4) (signed:1 validated:1 tainted:1 nx:0 wpmapped:0 dirty:0 depth:0)",
        &LogFact::RejectedPage {
            process: app.clone(),
            file: Some("/Applications/Tern (beta).app/libx.dylib".into()),
            tainted: Some(true),
            mtimes_differ: Some(true),
            offset: Some(0x4000),
        },
    );
    check(
        "kernel",
        "Kernel",
        "CODE SIGNING: process 812[Tern Helper]: rejecting invalid page at address 0x1000 from offset 0x0 in file \"<nil>\" (cs_mtime:0.0 == mtime:0.0) (signed:0 validated:0 tainted:0 nx:0 wpmapped:1 dirty:1 depth:0)",
        &LogFact::RejectedPage { process: app.clone(), file: None, tainted: Some(false), mtimes_differ: Some(false), offset: Some(0) },
    );
    check(
        "kernel",
        "Kernel",
        "CODE SIGNING: 812[Tern Helper] vm_map_enter: curprot cannot be write+execute. failing",
        &LogFact::WriteExecuteRefused { process: app.clone() },
    );
    check(
        "kernel",
        "Kernel",
        "CODE SIGNING: 812[Tern Helper] vm_map_protect:5812(0x0,0x0,0x7) can't have both write and exec at the same time",
        &LogFact::WriteExecuteRefused { process: app },
    );
    check(
        "kernel",
        "Kernel",
        "[812] code signing monitor denies JIT mapping",
        &LogFact::JitMappingDenied { process: Proc { pid: Some(812), ..UNIT } },
    );
    check(
        "kernel",
        "Sandbox",
        "Sandbox: Tern Helper(812) deny(1) mach-lookup com.example.tern.spool",
        &LogFact::SandboxDenied {
            process: proc("Tern Helper", 812),
            operation: "mach-lookup".into(),
            target: "com.example.tern.spool".into(),
        },
    );
    check(
        "kernel",
        "AppleMobileFileIntegrity",
        "macOSTaskPolicy: (com.apple.debugserver) may not get the task control port of (tern) (pid: 812): (tern) is hardened, (tern) doesn't have get-task-allow, (com.apple.debugserver) is a declared debugger(com.apple.debugserver) is not a declared read-only debugger",
        &LogFact::TaskPortDenied {
            target: proc("tern", 812),
            debugger: Proc { name: Some("com.apple.debugserver".into()), identifier: Some("com.apple.debugserver".into()), ..UNIT },
            hardened: true,
            lacks_get_task_allow: true,
        },
    );
    check(
        "kernel",
        "Sandbox",
        "System Policy: updater(90) deny(1) file-write-create /Applications/Tern.app/Contents/x",
        &LogFact::AppManagement { process: proc("updater", 90) },
    );
    check(
        "kernel",
        "Sandbox",
        "System Policy: tern(90) deny(1) file-read-data /Users/nora/Library/Mail",
        &LogFact::SystemPolicyDenied {
            process: proc("tern", 90),
            operation: "file-read-data".into(),
            target: "/Users/nora/Library/Mail".into(),
        },
    );
}

#[test]
fn what_system_policy_keeps_from_everybody_is_noise() {
    for line in [
        "Sandbox: tern(90) System Policy: deny(1) mach-priv-task-port",
        "Sandbox: storeassetd(7) deny(1) mach-lookup com.apple.dock.server",
        "Sandbox: appleeventsd(84) deny file-read-metadata /etc/localtime",
    ] {
        assert!(matches!(&facts(line)[..], [LogFact::Noise { .. }]), "{line}: {:?}", facts(line));
    }
}

#[test]
fn a_service_that_wants_an_entitlement_is_read() {
    let keys = |text: &str| {
        facts(text).into_iter().find_map(|fact| if let LogFact::RestrictedMissing { keys, .. } = fact { Some(keys) } else { None })
    };
    let one = |key: &str| Some(vec![key.to_owned()]);
    let client = "com.apple.developer.endpoint-security.client";
    assert_eq!(keys(&format!("ERROR: \"Application requires '{client}' entitlement\"")), one(client));
    assert_eq!(keys("es_new_client: ES_NEW_CLIENT_RESULT_ERR_NOT_ENTITLED"), one(client));
    assert_eq!(
        keys("Requestor's signature does not allow it to access a TCC-protected group container."),
        one("com.apple.security.application-groups")
    );
    assert_eq!(keys("Error Domain=OSSystemExtensionErrorDomain Code=8 \"(null)\""), Some(Vec::new()));
    // 9: validation failed, 80 is no code of it.
    assert_eq!(keys("OSSystemExtensionErrorDomain error 9."), None);
    assert_eq!(keys("OSSystemExtensionErrorDomain error 80."), None);
    assert_eq!(keys("Application requires 'more memory' entitlement"), None);
}

#[test]
fn the_notary_s_bare_answer_and_a_missing_ticket_are_read() {
    assert_eq!(facts("output: {\"id\":\"1\",\"status\":\"Invalid\"}"), [LogFact::NotaryUnread { ticket: false }]);
    assert_eq!(facts("  status: Invalid"), [LogFact::NotaryUnread { ticket: false }]);
    assert_eq!(facts("The staple and validate action failed! Error 65."), [LogFact::NotaryUnread { ticket: true }]);
    assert_eq!(facts("  status: Accepted"), []);
}

#[test]
fn a_program_that_says_it_was_denied_a_resource_is_read() {
    let service = |text: &str| {
        facts(text).into_iter().find_map(|fact| if let LogFact::TccDenied { service, .. } = fact { Some(service) } else { None })
    };
    assert_eq!(service("OpenCV: not authorized to capture video (status 0), requesting...").as_deref(), Some("kTCCServiceCamera"));
    assert_eq!(service("Error: Microphone access denied").as_deref(), Some("kTCCServiceMicrophone"));
    assert_eq!(service("access to the camera was denied").as_deref(), Some("kTCCServiceCamera"));
    assert_eq!(service("/Users/nora/photos: permission denied"), None);
    assert_eq!(service("registry access denied"), None);
}

#[test]
fn amfi_lines_are_read_in_every_style() {
    check(
        "amfid",
        "MobileFileIntegrity",
        "Library Validation failed: Rejecting '/opt/plug ins/libecho.dylib' (Team ID: none, platform: no) for process 'Tern(812)' (Team ID: QQ11WW22EE, platform: no), reason: mapping process and mapped file (non-platform) have different Team IDs",
        &LogFact::LibraryValidationRejected {
            library: "/opt/plug ins/libecho.dylib".into(),
            process: proc("Tern", 812),
            library_team: None,
            process_team: Some("QQ11WW22EE".into()),
            platform_process: false,
        },
    );
    check(
        "amfid",
        "MobileFileIntegrity",
        "/Applications/Tern.app/Contents/MacOS/Tern not valid: Error Domain=AppleMobileFileIntegrityError Code=-423 \"The file is adhoc signed or signed by an unknown certificate chain\" UserInfo={NSURL=file:///Applications/Tern.app/Contents/MacOS/Tern, x=y}",
        &LogFact::RestrictedEntitlements {
            keys: vec![],
            process: Proc { name: Some("Tern".into()), path: Some("/Applications/Tern.app/Contents/MacOS/Tern".into()), ..UNIT },
            code: Some(-423),
        },
    );
    check(
        "kernel",
        "AppleMobileFileIntegrity",
        "AMFI: Code has restricted entitlements, but the validation of its code signature failed.",
        &LogFact::RestrictedEntitlements { keys: vec![], process: UNIT, code: None },
    );
    check(
        "kernel",
        "AppleMobileFileIntegrity",
        "Unsatisfied Entitlements: com.apple.developer.networking.vpn.api, keychain-access-groups",
        &LogFact::RestrictedEntitlements {
            keys: vec!["com.apple.developer.networking.vpn.api".into(), "keychain-access-groups".into()],
            process: UNIT,
            code: None,
        },
    );
    check(
        "kernel",
        "AppleMobileFileIntegrity",
        "proc 812: load code signature error 4 for file \"Tern\"",
        &LogFact::LaunchSignatureRefused { process: proc("Tern", 812) },
    );
    check(
        "kernel",
        "AppleMobileFileIntegrity",
        "AMFI: Launch Constraint Violation (enforcing), error info: c[4]p[1]m[1]e[2], (Constraint not matched) launching proc[vc: 1 pid: 812]: /Users/eve/Copied Tool, launch type 0, failure proc [vc: 1 pid: 812]: /Users/eve/Copied Tool",
        &LogFact::LaunchConstraint {
            process: Proc { name: Some("Copied Tool".into()), path: Some("/Users/eve/Copied Tool".into()), ..UNIT },
            error: Some(ConstraintError { constraint: 4, process: 1, result: 1, code: 2 }),
            failed: Proc { name: Some("Copied Tool".into()), path: Some("/Users/eve/Copied Tool".into()), ..UNIT },
        },
    );
    check(
        "kernel",
        "AppleMobileFileIntegrity",
        "failed to parse entitlements for Tern[812]: OSUnserializeXML: syntax error near line 3",
        &LogFact::EntitlementsUnparsable { process: proc("Tern", 812), line: Some(3), at_signing: false },
    );
    check(
        "kernel",
        "AppleMobileFileIntegrity",
        "AMFI: '/usr/local/bin/tern' has no CMS blob?",
        &LogFact::Noise { why: "AMFI logs this for every ad hoc signed program" },
    );
    assert_eq!(
        facts(
            "taskgated-helper: com.example.tern: Unsatisfied entitlements: <private>\nDisallowing com.example.tern because no eligible provisioning profiles found"
        ),
        [
            LogFact::RestrictedEntitlements {
                keys: vec![],
                process: Proc { name: Some("com.example.tern".into()), identifier: Some("com.example.tern".into()), ..UNIT },
                code: None
            },
            LogFact::NoEligibleProfile {
                process: Proc { name: Some("com.example.tern".into()), identifier: Some("com.example.tern".into()), ..UNIT }
            },
        ]
    );
    assert_eq!(
        facts("Failed to parse entitlements: AMFIUnserializeXML: syntax error near line 9"),
        [LogFact::EntitlementsUnparsable { process: UNIT, line: Some(9), at_signing: true }]
    );
    let fatal = "mac_vnode_check_signature: /opt/tern: code signature validation failed fatally: When validating /opt/tern: The code contains a Team ID, but validating its signature failed.";
    assert!(matches!(&facts(fatal)[..], [LogFact::LaunchSignatureRefused { process }] if process.path.as_deref() == Some("/opt/tern")));
}

fn tern() -> Proc {
    let path = "/Applications/Tern.app/Contents/Frameworks/Tern Helper (Renderer).app/Contents/MacOS/Tern Helper (Renderer)";
    Proc {
        name: Some("Tern Helper (Renderer)".into()),
        pid: Some(812),
        identifier: Some("org.tern.helper".into()),
        path: Some(path.into()),
    }
}

fn identity() -> String {
    format!("{{TCCDProcess: identifier=org.tern.helper, pid=812, auid=501, euid=501, binary_path={}}}", tern().path.unwrap())
}

#[test]
fn tcc_lines_are_read_in_every_style() {
    check(
        "tccd",
        "TCC",
        &format!(
            "Prompting policy for hardened runtime; service: kTCCServiceCamera requires entitlement com.apple.security.device.camera but it is missing for responsible={{TCCDProcess: identifier=org.shell, pid=5, auid=501, euid=501, responsible_path=/Applications/Shell.app/Contents/MacOS/Shell, binary_path=/Applications/Shell.app/Contents/MacOS/Shell}}, accessing={0}, requesting={0}, ",
            identity()
        ),
        &LogFact::TccEntitlementMissing {
            service: "kTCCServiceCamera".into(),
            entitlement: "com.apple.security.device.camera".into(),
            accessing: Some(tern()),
            responsible: Some(Proc {
                name: Some("Shell".into()),
                pid: Some(5),
                identifier: Some("org.shell".into()),
                path: Some("/Applications/Shell.app/Contents/MacOS/Shell".into()),
            }),
            requesting: Some(tern()),
        },
    );
    check(
        "tccd",
        "TCC",
        "Prompting policy for hardened runtime; service: kTCCServicePhotos requires entitlement com.apple.security.personal-information.photos-library but it is missing for ACC:{ID: org.tern, PID[812], auid: 501, euid: 501, binary path: '/Applications/Tern, New.app/Contents/MacOS/Tern'}, REQ:{ID: com.apple.x, PID[1], auid: 0, euid: 0, binary path: '/usr/libexec/x'}",
        &LogFact::TccEntitlementMissing {
            service: "kTCCServicePhotos".into(),
            entitlement: "com.apple.security.personal-information.photos-library".into(),
            accessing: Some(Proc {
                name: Some("Tern".into()),
                pid: Some(812),
                identifier: Some("org.tern".into()),
                path: Some("/Applications/Tern, New.app/Contents/MacOS/Tern".into()),
            }),
            responsible: None,
            requesting: Some(Proc {
                name: Some("x".into()),
                pid: Some(1),
                identifier: Some("com.apple.x".into()),
                path: Some("/usr/libexec/x".into()),
            }),
        },
    );
    check(
        "tccd",
        "TCC",
        &format!("Policy disallows prompt for Sub:{{org.tern.helper}}Resp:{}; access to kTCCServiceCamera denied", identity()),
        &LogFact::TccDenied { service: "kTCCServiceCamera".into(), process: tern() },
    );
    check(
        "tccd",
        "TCC",
        &format!(
            "Refusing authorization request for service kTCCServiceMicrophone and subject Sub:{{org.tern.helper}}Resp:{} without NSMicrophoneUsageDescription key",
            identity()
        ),
        &LogFact::TccUsageMissing {
            service: Some("kTCCServiceMicrophone".into()),
            key: "NSMicrophoneUsageDescription".into(),
            process: tern(),
        },
    );
    check(
        "tccd",
        "TCC",
        "AUTHREQ_PROMPTING: msgID=9.1, service=kTCCServiceCalendar, subject=Sub:{org.tern}Resp:{TCCDProcess: identifier=org.tern, pid=812, auid=501, euid=501, binary_path=<private>},",
        &LogFact::TccPrompting {
            service: "kTCCServiceCalendar".into(),
            process: Proc { pid: Some(812), identifier: Some("org.tern".into()), ..UNIT },
        },
    );
}

#[test]
fn tcc_terminations_tell_a_text_from_an_entitlement() {
    let usage = "This app has crashed because it attempted to access privacy-sensitive data without a usage description.  The app's Info.plist must contain an NSContactsUsageDescription key with a string value explaining to the user how the app uses this data.";
    assert_eq!(facts(usage), [LogFact::TccUsageMissing { service: None, key: "NSContactsUsageDescription".into(), process: UNIT }]);
    let entitlement = "This app has crashed because it has a hardened runtime and attempted to access privacy-sensitive data without an entitlement indicating its intent to access this data.  The app must have the 'com.apple.security.device.camera' entitlement.";
    assert_eq!(
        facts(entitlement),
        [LogFact::TccEntitlementAbort { entitlement: "com.apple.security.device.camera".into(), process: UNIT }]
    );
}

#[test]
fn apple_event_errors_need_their_context() {
    let denied = |text: &str| facts(text).iter().any(|fact| matches!(fact, LogFact::AppleEventsDenied { .. }));
    for text in [
        "execution error: Not authorized to send Apple events to Finder. (-1743)",
        "NSAppleScriptErrorNumber = \"-1743\";",
        "OSStatus error \u{2212}1743",
        "AESendMessage returned -1744",
    ] {
        assert!(denied(text), "{text}");
    }
    for text in ["offset -1743 of 9", "AE id 88-17431", "error -17430"] {
        assert!(!denied(text), "{text}");
    }
}

fn load(text: &str) -> LoadFailure {
    let found = facts(text);
    match found.iter().find(|fact| matches!(fact, LogFact::Load(_))) {
        Some(LogFact::Load(failure)) => failure.clone(),
        _ => panic!("{found:?} in {text}"),
    }
}

#[test]
fn every_reason_of_dyld_is_told_apart() {
    let lv = |reason: &str| format!("code signature in <AAAA> '/p/lib (1).dylib' not valid for use in process: {reason}");
    let table: Vec<(String, TriedReason)> = vec![
        (lv("mapping process and mapped file (non-platform) have different Team IDs"), TriedReason::DifferentTeams),
        (lv("mapped file has no cdhash, completely unsigned? Code has to be at least ad-hoc signed."), TriedReason::Unsigned),
        (lv("mapped file has no Team ID and is not a platform binary (signed with custom identity or adhoc?)"), TriedReason::NoTeam),
        (lv("mapping process is a platform binary, but mapped file is not"), TriedReason::PlatformProcess),
        (lv("library load disallowed by system policy"), TriedReason::SystemPolicy),
        (lv("library load denied by system policy"), TriedReason::SystemPolicy),
        (lv("Library load disallowed by System Policy"), TriedReason::SystemPolicy),
        (
            "code signature invalid in <AAAA> '/p/x' (errno=1) sliceOffset=0x0, codeBlobOffset=0x1, codeBlobSize=0x2".into(),
            TriedReason::BadSignature,
        ),
        ("code signature does not cover entire file up to signature".into(), TriedReason::BadSignature),
        ("code signing blocked mmap() of '/p/x'".into(), TriedReason::BadSignature),
        ("file system sandbox blocked open() of '/p/x'".into(), TriedReason::Sandbox),
        ("mach-o file, but is an incompatible architecture (have 'x86_64', need 'arm64')".into(), TriedReason::WrongArch),
        ("relative path not allowed in hardened program".into(), TriedReason::PathPolicy),
        ("security policy does not allow @ path expansion".into(), TriedReason::PathPolicy),
        ("not a mach-o file".into(), TriedReason::NotMachO),
        ("no such file, not in dyld cache".into(), TriedReason::Missing),
    ];
    for (reason, want) in table {
        let list = format!("'/a/x' (no such file), '/p/lib (1).dylib' ({reason}), '/b/x' (no such file)");
        for text in [
            format!("dyld[51]: Library not loaded: @rpath/x\n  Referenced from: <BBBB> /Applications/T (2).app/T\n  Reason: tried: {list}"),
            format!(
                "dyld[51]: Library not loaded: @rpath/x\r\n> Referenced from: /Applications/T (2).app/T\r\n> Reason: tried: {list}\r\n"
            ),
            format!("Library not loaded: @rpath/x Referenced from: /Applications/T (2).app/T Reason: tried: {list}"),
        ] {
            let found = load(&text);
            assert_eq!(found.reason, want, "{text}");
            assert_eq!(found.name, "@rpath/x");
            assert_eq!(found.referenced_from.as_deref(), Some("/Applications/T (2).app/T"), "{text}");
            if want != TriedReason::Missing {
                assert_eq!(found.file.as_deref(), Some("/p/lib (1).dylib"));
            }
            assert!(!found.is_dlopen);
        }
        let found = load(&format!("ImportError: dlopen(/p/lib (1).dylib, 0x0002): tried: {list}"));
        assert_eq!((found.reason, found.name.as_str(), found.is_dlopen), (want, "/p/lib (1).dylib", true));
    }
}

#[test]
fn a_tried_list_over_several_lines_and_a_cut_one_are_read() {
    let text = "dlopen(/p/x.node, 0x0001): tried: '/q/x.node' (no such file),\n    '/p/x.node' (code signature in <AA> '/p/x.node' not valid for use in process: mapped file has no Team ID and is not a platform binary\n    (signed with custom identity or adhoc?)), '/r/x.node' (no such file)\nnext line";
    assert_eq!(load(text).reason, TriedReason::NoTeam);
    let whole = "dlopen(/p/x, 0x1): tried: '/p/x' (code signature in <AA> '/p/x' not valid for use in process: mapping process and mapped file (non-platform) have different Team IDs), '/q/x' (no such file)";
    for end in whole.find("not valid for use").unwrap() + 17..whole.len() {
        let found = load(&whole[..end]);
        assert!(found.reason.is_library_validation(), "{end} {found:?}");
        assert_eq!(found.file.as_deref(), Some("/p/x"));
    }
    // A second candidate that was cut does not hide why the first was refused.
    let two = format!("{}, '/q/x' (code signature in <A", &whole[..whole.find(", '/q").unwrap()]);
    assert_eq!(load(&two).reason, TriedReason::DifferentTeams);
}

#[test]
fn old_dyld_and_inserted_libraries_are_read() {
    let old = "dyld: Library not loaded: @rpath/Echo.framework/Echo\n  Referenced from: /Applications/Tern.app/Contents/MacOS/Tern\n  Reason: no suitable image found.  Did find:\n\t/Applications/Tern.app/Contents/Frameworks/Echo: code signature in (/Applications/Tern.app/Contents/Frameworks/Echo) not valid for use in process using Library Validation: mapping process and mapped file (non-platform) have different Team IDs\n\t/usr/lib/Echo: no such file\n";
    let found = load(old);
    assert_eq!(found.reason, TriedReason::DifferentTeams);
    assert_eq!(found.file.as_deref(), Some("/Applications/Tern.app/Contents/Frameworks/Echo"));
    assert_eq!(read(old).len(), 1);
    let blocked =
        load("dlopen(/p/x.bundle, 9): no suitable image found.  Did find:\n\t/p/x.bundle: code signing blocked mmap() of '/p/x.bundle'");
    assert_eq!((blocked.reason, blocked.name.as_str()), (TriedReason::BadSignature, "/p/x.bundle"));
    let missing = load("dyld: Library not loaded: libz9.dylib\n  Referenced from: /opt/t\n  Reason: image not found");
    assert_eq!((missing.reason, missing.file), (TriedReason::Missing, None));
    let arch = load(
        "Error: dlopen(/p/x.node, 0x1): tried: '/p/x.node' (mach-o file, but is an incompatible architecture (have (x86_64), need (arm64e)))",
    );
    assert_eq!(arch.arch, Some(("x86_64".into(), "arm64e".into())));
    let warning = load(
        "dyld: warning: could not load inserted library '/p/spy.dylib' into hardened process because no suitable image found.  Did find:\n\t/p/spy.dylib: code signature in (/p/spy.dylib) not valid for use in process using Library Validation: mapped file has no Team ID and is not a platform binary (signed with custom identity or adhoc?)",
    );
    assert_eq!((warning.inserted, warning.reason, warning.name.as_str()), (true, TriedReason::NoTeam, "/p/spy.dylib"));
    let fatal =
        load("dyld[9]: terminating because inserted dylib '/p/spy.dylib' could not be loaded: tried: '/p/spy.dylib' (no such file)");
    assert_eq!((fatal.inserted, fatal.reason), (true, TriedReason::Missing));
    let path = load(
        "dyld: Library not loaded: libq.dylib\n  Referenced from: /opt/t\n  Reason: unsafe use of relative rpath libq.dylib in /opt/t with restricted binary",
    );
    assert_eq!(path.reason, TriedReason::PathPolicy);
    assert_eq!(read_dyld("no fault here"), None);
    assert!(facts("calling dlopen(/p/x, 2) now").is_empty());
}

#[test]
fn a_window_of_fixed_width_breaks_a_path_of_dyld_anywhere() {
    let broken = "/var/T/.52Q.example.LFLj1\nZ: code signature in \n(/var/T/.52Q.example.LFLj\n1Z) not valid for use in process using Library Validation: mapped file has no cdhash, completely \nunsigned?";
    let failure = load(broken);
    assert_eq!((failure.file.as_deref(), failure.reason), (Some("/var/T/.52Q.example.LFLj1Z"), TriedReason::Unsigned));
}

#[test]
fn a_bare_name_that_was_not_found_counts_beside_a_variable_only() {
    let exception = "System.DllNotFoundException: libc\n  at (wrapper managed-to-native) System.Platform:uname (intptr)\n";
    assert!(facts(exception).is_empty());
    let found = facts(&format!("export DYLD_FALLBACK_LIBRARY_PATH=/opt/lib\n{exception}"));
    assert!(found.iter().any(|fact| matches!(fact, LogFact::Load(load) if load.name == "libc" && load.reason == TriedReason::Missing)));
}

#[test]
fn ctypes_without_memory_for_a_callback_is_libffi() {
    let trace = "    _reset_cache()\n  File \"/opt/py/ctypes/__init__.py\", line 277, in _reset_cache\n    CFUNCTYPE(c_int)(lambda: None)\nMemoryError\n";
    assert!(matches!(&facts(trace)[..], [LogFact::EngineMemory { engine: "libffi", .. }]));
    assert!(facts("    CFUNCTYPE(c_int)(lambda: None)\nTypeError: no\n").is_empty());
    assert!(facts("    data = list(range(n))\nMemoryError\n").is_empty());
}

#[test]
fn runtimes_are_known_by_their_own_words() {
    for (text, engine, degrades) in [
        ("Fatal process out of memory: Failed to reserve virtual memory for CodeRange", "v8", false),
        ("Ran out of executable memory while allocating 64 bytes.", "jsc", false),
        ("Could not reserve enough space in CodeHeap 'profiled nmethods' (0K)", "hotspot", false),
        ("Failed to create CoreCLR, HRESULT: 0x8007000E", "coreclr", false),
        ("MemoryError: Cannot allocate write+execute memory for ffi.callback(). You might be running on a system", "libffi", false),
        ("PHP Warning: preg_match(): Allocation of JIT memory failed, PCRE JIT will be disabled.", "pcre", true),
        ("runtime error: failed to allocate mcode memory", "luajit", true),
        ("err:virtual:map_image failed to set 60000020 protection on section .text, noexec filesystem?", "wine", false),
        ("BUG IN CLIENT OF LIBPTHREAD: pthread_jit_write_protect_np() disallowed by allowlist", "pthread-jit", false),
        ("wasmtime: unable to make memory readonly and executable", "wasm", false),
        ("mmap with MAP_JIT failed: Invalid argument", "unknown", false),
        ("mprotect failed: Permission denied", "unknown", false),
    ] {
        assert_eq!(facts(text), [LogFact::EngineMemory { engine, process: UNIT, degrades }], "{text}");
    }
    assert_eq!(facts("Failed to create CoreCLR, HRESULT: 0x80131534"), []);
    let launcher = "2024-01-02 03:04:05.678 TernLauncher[77:1234] starting\nError occurred during initialization of VM\nCould not reserve enough space in CodeHeap 'x' (1K)\n";
    assert!(facts(launcher).contains(&LogFact::EngineMemory { engine: "hotspot", process: proc("TernLauncher", 77), degrades: false }));
    let shell = "$ /opt/tern/run --fast\nRan out of executable memory while allocating 64 bytes.\n";
    let want = Proc { name: Some("run".into()), path: Some("/opt/tern/run".into()), ..UNIT };
    assert!(facts(shell).contains(&LogFact::EngineMemory { engine: "jsc", process: want, degrades: false }));
}

#[test]
fn deaths_are_read_from_shells_and_daemons() {
    let died = |name: &str, signal| LogFact::Died { process: Proc { name: Some(name.into()), ..UNIT }, signal: Some(signal), exit: None };
    for (text, want) in [
        ("zsh: killed     ./tern --x", died("tern", 9)),
        ("zsh: trace trap  ./tern", died("tern", 5)),
        ("zsh: segmentation fault  ./tern", died("tern", 11)),
        ("zsh: abort      ./tern", died("tern", 6)),
        ("zsh: illegal hardware instruction  ./tern", died("tern", 4)),
    ] {
        assert_eq!(facts(text), [want], "{text}");
    }
    assert_eq!(
        facts("run.sh: line 8: 5014 Killed: 9               \"$dest/tern\" version"),
        [LogFact::Died { process: proc("tern", 5014), signal: Some(9), exit: None }]
    );
    assert_eq!(facts("[1]  + 5014 killed     ./tern"), [LogFact::Died { process: proc("tern", 5014), signal: Some(9), exit: None }]);
    assert_eq!(
        facts("$ ./tern\n$ echo $?\n137\n"),
        [LogFact::Died { process: Proc { name: Some("tern".into()), ..UNIT }, signal: Some(9), exit: Some(137) }]
    );
    assert_eq!(facts("eve@studio dir % ./tern\nok\neve@studio dir % echo $?\n0\n"), []);
    assert_eq!(facts("Error: Command failed with exit code 137"), [LogFact::Died { process: UNIT, signal: Some(9), exit: Some(137) }]);
    assert_eq!(
        facts(
            "default\t09:02:18.512655+0200\trunningboardd\t[application<application.org.tern.Editor.218.219>:812] termination reported by launchd (2, 11, 11)"
        ),
        [LogFact::Died {
            process: Proc { pid: Some(812), identifier: Some("org.tern.Editor".into()), ..UNIT },
            signal: Some(11),
            exit: None
        }]
    );
    assert_eq!(
        facts("Saved crash report for Tern[812] version 1 (2) to Tern_2020.crash"),
        [LogFact::CrashReportSaved { process: proc("Tern", 812), file: Some("Tern_2020.crash".into()) }]
    );
    for text in [
        "Launchd job spawn failed, error 153",
        "The operation couldn't be completed. (NSPOSIXErrorDomain error 163.) Launch failed.",
        "posix_spawn(/opt/t), error 163",
    ] {
        assert!(matches!(&facts(text)[..], [LogFact::Died { exit: Some(153 | 163), .. }]), "{text}");
    }
    let job = facts("[system/org.tern.daemon [812]:] exited due to OS_REASON_CODESIGNING");
    assert!(matches!(&job[..], [LogFact::LaunchSignatureRefused { process }] if process.pid == Some(812)), "{job:?}");
    let other = facts("(org.tern.agent[9]): Service exited due to SIGKILL | sent by kernel\nLaunchd job spawn failed, error 153");
    assert!(matches!(&other[1], LogFact::Died { process, .. } if *process == UNIT), "one job's end is not another's: {other:?}");
    assert!(matches!(&facts("Service exited: OS_REASON_EXEC | Gatekeeper policy blocked execution")[..], [LogFact::Gatekeeper { .. }]));
}

#[test]
fn asp_refusals_are_gatekeeper_unless_amfi_refused_first() {
    let asp = "ASP: Security policy would not allow process: 812, /opt/tern";
    assert!(matches!(&facts(asp)[..], [LogFact::Gatekeeper { process, .. }] if process.pid == Some(812)));
    let both = format!("tern: Unsatisfied entitlements: keychain-access-groups\n{asp}");
    assert!(matches!(facts(&both)[1], LogFact::Died { signal: Some(9), .. }));
}

#[test]
fn codesign_output_is_read() {
    let shown = "$ codesign -dvvv --entitlements - Tern.app\nExecutable=/opt/Tern.app/Contents/MacOS/Tern\nCodeDirectory v=20500 size=9 flags=0x10002(adhoc,runtime) hashes=6+7 location=embedded\nTeamIdentifier=not set\n[Dict]\n\t[Key] com.apple.security.cs.allow-jit\n\t[Value]\n\t\t[Bool] false\n\t[Key] com.apple.security.cs.debugger\n\t[Value]\n\t\t[Bool] true\n";
    let file = Some("/opt/Tern.app/Contents/MacOS/Tern".to_owned());
    let entitlement = |key: &str, value| LogFact::DisplayedEntitlement { file: file.clone(), key: key.into(), value };
    let want = [
        LogFact::DisplayedFlags { file: file.clone(), flags: 0x10002 },
        LogFact::DisplayedTeam { file: file.clone(), team: None },
        entitlement("com.apple.security.cs.allow-jit", false),
        entitlement("com.apple.security.cs.debugger", true),
    ];
    assert_eq!(facts(shown), want);
    let quoted: String = shown.lines().map(|line| format!("> {line}\r\n")).collect();
    assert_eq!(facts(&quoted), want);
    let xml = "$ codesign -d --entitlements - --xml t\nExecutable=/opt/t\n<?xml version=\"1.0\"?><plist><dict><key>com.apple.security.cs.allow-jit</key><true/><key>a.b</key><false/></dict></plist>\n";
    let of_t = |key: &str, value| LogFact::DisplayedEntitlement { file: Some("/opt/t".into()), key: key.into(), value };
    assert_eq!(facts(xml), [of_t("com.apple.security.cs.allow-jit", true), of_t("a.b", false)]);
    assert_eq!(
        facts("$ codesign -d --entitlements - t\nExecutable=/opt/t\n$ ls\n"),
        [LogFact::DisplayedNoEntitlements { file: Some("/opt/t".into()) }]
    );
    // A filter hides the answer: nothing is known then.
    assert_eq!(facts("$ codesign -d --entitlements - t | grep jit\nExecutable=/opt/t\n$ ls\n"), []);
}

#[test]
fn verification_and_detritus_are_read() {
    let problem = |file: &str, text: &str, code| LogFact::CodesignProblem { file: Some(file.into()), text: text.into(), code };
    for (text, want) in [
        ("Tern.app: code object is not signed at all", problem("Tern.app", "code object is not signed at all", Some(-67062))),
        (
            "/A B/Tern.app: a sealed resource is missing or invalid",
            problem("/A B/Tern.app", "a sealed resource is missing or invalid", Some(-67054)),
        ),
        ("file modified: /A B/Tern.app/Contents/Resources/x", problem("/A B/Tern.app/Contents/Resources/x", "file modified", None)),
        (
            "Tern.app: rejected\nsource=Unnotarized Developer ID",
            LogFact::PolicyRejected { file: Some("Tern.app".into()), source: Some("Unnotarized Developer ID".into()) },
        ),
        (
            "/opt/tern/bin/t: rejected\norigin=Mac Developer: A (B)",
            LogFact::PolicyRejected { file: Some("/opt/tern/bin/t".into()), source: None },
        ),
        ("Tern.app: rejected\nsource=no usable signature", problem("Tern.app", "rejected, source=no usable signature", None)),
        (
            "Tern.app: nested code is modified or invalid\nIn subcomponent: /A B/Tern.app/Contents/Frameworks/T.framework",
            problem("/A B/Tern.app/Contents/Frameworks/T.framework", "nested code is modified or invalid", Some(-67021)),
        ),
        ("In subcomponent: /A B/Tern.app/x", problem("/A B/Tern.app/x", "in subcomponent", None)),
        (
            "Error: Code signature at URL file:///c/Tern.app/ did not pass validation: a sealed resource is missing or invalid",
            problem("/c/Tern.app", "a sealed resource is missing or invalid", Some(-67054)),
        ),
        (
            "Tern.app: resource fork, Finder information, or similar detritus not allowed",
            LogFact::Detritus { file: Some("Tern.app".into()) },
        ),
        (
            "Tern.app: accepted\nsource=Notarized Developer ID\n",
            LogFact::SignatureAccepted { file: Some("Tern.app".into()), source: Some("Notarized Developer ID".into()) },
        ),
        ("/x/Tern.app: valid on disk", LogFact::SignatureAccepted { file: Some("/x/Tern.app".into()), source: None }),
    ] {
        assert_eq!(facts(text), [want], "{text}");
    }
    assert!(matches!(
        &facts("Error Domain=NSOSStatusErrorDomain Code=-67061 \"(null)\"")[..],
        [LogFact::CodesignProblem { code: Some(-67061), .. }]
    ));
}

#[test]
fn notary_logs_are_read_whole_cut_and_compact() {
    let issue = |message: &str, is_error| LogFact::NotaryIssue {
        path: "T.zip/T.app/T".into(),
        message: message.into(),
        arch: Some("arm64".into()),
        is_error,
    };
    let whole = "{\n \"logFormatVersion\": 1,\n \"issues\": [\n  {\n   \"severity\": \"error\",\n   \"path\": \"T.zip\\/T.app\\/T\",\n   \"message\": \"The binary is not signed.\",\n   \"architecture\": \"arm64\"\n  },\n  {\n   \"severity\": \"warning\",\n   \"path\": \"T.zip/T.app/T\",\n   \"message\": \"old SDK\",\n   \"architecture\": \"arm64\"\n  }\n ]\n}\n";
    assert_eq!(kind_of(whole.as_bytes()), TextKind::NotaryLog);
    let want = [issue("The binary is not signed.", true), issue("old SDK", false)];
    assert_eq!(facts(whole), want);
    assert_eq!(read(whole)[1].line, 13);
    assert!(read(whole)[0].quote.contains("not signed"));
    let compact: String = whole.lines().map(str::trim).collect();
    assert_eq!(facts(&compact), want);
    let cut = &whole[..whole.find("old SDK").unwrap() + 7];
    assert_eq!(facts(cut).len(), 2);
    let cut_head = &whole[whole.find("\"severity\"").unwrap()..];
    assert_eq!(facts(cut_head)[0], want[0]);
}

#[test]
fn debuggers_variables_and_what_worked() {
    assert_eq!(
        facts(
            "(lldb) process attach -p 77\nerror: attach failed: attach failed (Not allowed to attach to process.  Look in the console messages"
        ),
        [LogFact::AttachRefused { process: Proc { pid: Some(77), ..UNIT } }]
    );
    let variable = |value: Option<&str>, by: Option<&str>| LogFact::DyldVariable {
        name: "DYLD_LIBRARY_PATH".into(),
        value: value.map(str::to_owned),
        by_protected: by.map(str::to_owned),
    };
    assert_eq!(facts("export DYLD_LIBRARY_PATH=\"/a b/lib\""), [variable(Some("/a b/lib"), None)]);
    assert_eq!(facts("$ DYLD_LIBRARY_PATH=/a sh run.sh\n"), [variable(Some("/a"), Some("sh"))]);
    assert_eq!(facts("$ DYLD_LIBRARY_PATH=/a ./tern\n"), [variable(Some("/a"), None)]);
    assert_eq!(facts("<key>DYLD_LIBRARY_PATH</key><string>/a</string>"), [variable(Some("/a"), None)]);
    let script = "$ export DYLD_LIBRARY_PATH=/a\n$ /opt/tern -v\ntern 2\n$ cat go.sh\n#!/bin/bash\n/opt/tern -v\n$ ./go.sh\ndyld: Library not loaded: libq.dylib\n  Referenced from: /opt/tern\n  Reason: image not found\n";
    let found = facts(script);
    assert!(found.contains(&variable(Some("/a"), Some("/bin/bash"))), "{found:?}");
    assert!(found.contains(&LogFact::WorksWhen { how: WorksHow::Direct, file: Some("/opt/tern".into()) }), "{found:?}");
    let copied = "$ ./tern\nzsh: killed     ./tern\n$ cp ./tern /tmp/t2 && /tmp/t2\nhello\n";
    assert!(facts(copied).contains(&LogFact::WorksWhen { how: WorksHow::Copied, file: Some("./tern".into()) }));
    let copied_and_dead = "$ ./tern\nzsh: killed     ./tern\n$ cp ./tern /tmp/t2 && /tmp/t2\nzsh: killed     /tmp/t2\n";
    assert!(!facts(copied_and_dead).iter().any(|fact| matches!(fact, LogFact::WorksWhen { .. })));
    let over = "$ /opt/tern\nhello\n$ cp build/tern /opt/tern\n$ /opt/tern\nzsh: killed     /opt/tern\n";
    assert!(facts(over).contains(&LogFact::Overwritten { file: Some("/opt/tern".into()) }));
    assert!(facts("==> tern 2 -> /opt/tern (overwriting)").contains(&LogFact::Overwritten { file: Some("/opt/tern".into()) }));
}

#[test]
fn rarer_lines_are_read_too() {
    assert!(matches!(
        &facts("AMFI: hook..execve() killing pid 812: Attempt to execute completely unsigned code (must be at least ad-hoc signed).")[..],
        [LogFact::LaunchSignatureRefused { process }] if process.pid == Some(812)
    ));
    assert!(matches!(&facts("cp: /Applications/Tern.app/Contents/x: Operation not permitted")[..], [LogFact::AppManagement { .. }]));
    assert!(
        matches!(&facts("\u{201c}Updater\u{201d} was prevented from modifying apps on your Mac.")[..], [LogFact::AppManagement { process }] if process.name.as_deref() == Some("Updater"))
    );
    assert!(matches!(
        &facts("open /private/var/folders/a/T/AppTranslocation/9/d/T.app/x: Read-only file system")[..],
        [LogFact::Gatekeeper { .. }]
    ));
    assert!(
        matches!(&facts("\u{201c}Tern\u{201d} is damaged and can\u{2019}t be opened.")[..], [LogFact::Gatekeeper { process, .. }] if process.name.as_deref() == Some("Tern"))
    );
    assert_eq!(
        facts("dyld: DYLD_ environment variables being ignored because main executable (/usr/bin/tool) is code signed with entitlements"),
        [LogFact::DyldVariable { name: "DYLD_*".into(), value: None, by_protected: Some("/usr/bin/tool".into()) }]
    );
    for text in [
        "Error: { code: null, signal: 'SIGKILL' }",
        "child died with <Signals.SIGKILL: 9>.",
        "signal: killed",
        "exit status: signal: 9 (SIGKILL)",
    ] {
        assert!(matches!(&facts(text)[..], [LogFact::Died { signal: Some(9), .. }]), "{text} {:?}", facts(text));
    }
    assert!(
        matches!(&facts("task_for_pid(812) failed: (os/kern) failure (5)")[..], [LogFact::AttachRefused { process }] if process.pid == Some(812))
    );
}

#[test]
fn the_sentence_of_a_wrapped_report_names_its_process() {
    let report = "Process: Tern [812]\nPath: /opt/Tern\nException Type: EXC_CRASH (SIGABRT)\nTermination Reason: Namespace TCC, Code 0\nTermination Details: This app has crashed because it attempted to access privacy-sensitive\n   data without a usage description.  The app's Info.plist must contain an\n   NSCameraUsageDescription key\n\n";
    let found = read_report(&crash::read(report).unwrap());
    let process = Proc { path: Some("/opt/Tern".into()), ..proc("Tern", 812) };
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].line, &found[0].fact),
        (4, &LogFact::TccUsageMissing { service: None, key: "NSCameraUsageDescription".into(), process })
    );
}

#[test]
fn everyday_words_are_no_facts() {
    for text in [
        "connection: accepted",
        "docker: image not found",
        "I tried: nothing else",
        "FOREIGN KEY Constraint Violation",
        "signal: null",
        "disk is 40 % full, costs $ 3",
        "open(\"/x\"): Operation not permitted",
        "<key>CFBundleName</key>",
        "the exit code: 0, exit 1",
    ] {
        assert_eq!(facts(text), [], "{text}");
    }
}

#[test]
fn sandbox_denials_do_not_push_out_the_rest() {
    let denials = "Sandbox: Tern(812) deny(1) file-read-data /x\n".repeat(30_000);
    let page = "CODE SIGNING: cs_invalid_page(0x1): p=812[Tern] final status 0x1, denying page sending SIGKILL\n";
    let found = facts(&format!("{denials}{page}{denials}"));
    assert_eq!(found.iter().filter(|fact| matches!(fact, LogFact::InvalidPage { .. })).count(), 1);
    assert!(found.len() < 3_000);
}

#[test]
fn kinds_are_told_by_content() {
    for (text, want) in [
        ("bplist00\u{1}", TextKind::Plist),
        ("\u{feff}<?xml version=\"1.0\"?><plist>", TextKind::Plist),
        ("<!-- keys --><plist version=\"1.0\">", TextKind::Plist),
        ("Process: Tern [1]\nException Type: EXC_CRASH", TextKind::CrashReport),
        ("> {\"app_name\":\"T\",\"bug_type\":\"309\"}\n> {\"procName\":\"T\"", TextKind::CrashReport),
        ("<plist><dict/></plist>\n```\n", TextKind::Plist),
        ("<plist><dict>\n```\nWhat now?\n", TextKind::Log),
        ("zsh: killed ./t", TextKind::Log),
        ("", TextKind::Log),
        ("{\"eventMessage\":\"x\",\"processImagePath\":\"y\"}", TextKind::Log),
    ] {
        assert_eq!(kind_of(text.as_bytes()), want, "{text}");
    }
}

#[test]
fn an_ips_gives_the_facts_of_its_messages_once() {
    let ips = "{\"app_name\":\"T\",\"bug_type\":\"309\"}\n{\n\"procName\":\"T\",\n\"termination\":{\"namespace\":\"DYLD\",\"code\":1,\"reasons\":[\"Library not loaded: @rpath\\/q\",\"Referenced from: <A> \\/opt\\/t\",\"Reason: tried: '\\/p\\/q' (code signature in <B> '\\/p\\/q' not valid for use in process: mapped file has no cdhash, completely unsigned? Code has to be at least ad-hoc signed.)\"]}\n}";
    let found = read(ips);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].line, 4);
    assert!(matches!(&found[0].fact, LogFact::Load(failure) if failure.reason == TriedReason::Unsigned && failure.name == "@rpath/q"));
}

/// One of everything.
fn mixture() -> String {
    [
        "dyld[1]: Library not loaded: @rpath/x\n  Referenced from: <B> /o/t\n  Reason: tried: '/a' (no such file), '/é' (code signature in <A> '/é' not valid for use in process: mapped file has no cdhash, x)",
        "kernel: CODE SIGNING: process 1[é]: rejecting invalid page at address 0x1 from offset 0x0 in file \"/é\" (cs_mtime:1.1 != mtime:2.2) (tainted:1)",
        "Policy disallows prompt for Sub:{é}Resp:{TCCDProcess: identifier=é, pid=1, binary_path=/é}; access to kTCCServiceCamera denied",
        "{\"severity\":\"error\",\"message\":\"é\",\"issues\":[]}",
        "eve@studio é % codesign -d --entitlements - x\nExecutable=/é\n[Key] é\n[Bool] true",
        "\u{1b}[31mzsh: killed     ./é\u{1b}[0m",
        "{\"eventMessage\":\"Sandbox: é(1) deny(1) a \\u00e9\",\"processImagePath\":\"é",
    ]
    .join("\n")
}

#[test]
fn no_cut_makes_it_panic() {
    let text = mixture();
    for end in (0..=text.len()).filter(|end| text.is_char_boundary(*end)) {
        read(&text[..end]);
        read(&text[end..]);
        kind_of(&text.as_bytes()[..end]);
    }
}

#[test]
fn quoting_escapes_and_line_ends_change_no_fact() {
    let text = mixture();
    let want = facts(&text);
    assert!(want.len() >= 6, "{want:?}");
    let dressed: String = text.lines().map(|line| format!("> {line}\r\n")).collect();
    assert_eq!(facts(&dressed), want);
}

#[test]
fn much_text_is_bounded_and_fast() {
    let mut state = 7_u32;
    let noise: String = (0..1_000_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b' ' + u8::try_from(state >> 24).unwrap() % 95)
        })
        .collect();
    let start = std::time::Instant::now();
    read(&noise);
    let lines = "CODE SIGNING: cs_invalid_page(0x1): p=812[Tern] final status 0x1, denying page sending SIGKILL\n".repeat(30_000);
    let found = read(&lines);
    assert_eq!(found.len(), 2 * reader::MAX_FACTS);
    assert_eq!((found[0].line, found.last().unwrap().line), (1, 30_000));
    read(&"tried: '".repeat(100_000));
    read(&"$ \n".repeat(30_000));
    read(&"dlopen(".repeat(100_000));
    // Generous: it guards against quadratic behaviour, not against a busy machine.
    assert!(start.elapsed().as_secs() < 30, "{:?}", start.elapsed());
}

#[test]
fn a_signing_that_failed_says_why() {
    let why =
        |text: &str| facts(text).into_iter().find_map(|fact| if let LogFact::SigningFailed { why } = fact { Some(why) } else { None });
    assert_eq!(why("Tern.app: errSecInternalComponent\n"), Some(SigningFailure::KeyNotUsable));
    assert_eq!(
        why("Developer ID Application: A (B): ambiguous (matches \"x\" and \"y\" in login.keychain-db)\n"),
        Some(SigningFailure::Ambiguous)
    );
    assert_eq!(why("Developer ID Application: A: no identity found\n"), Some(SigningFailure::NoIdentity));
    assert_eq!(why("error: The specified item could not be found in the keychain.\n"), Some(SigningFailure::NoIdentity));
    assert_eq!(why("security: SecKeychainSearchCopyNext: The specified item could not be found in the keychain.\n"), None);
    assert_eq!(why("Warning: unable to build chain to self-signed root for signer \"x\"\n"), Some(SigningFailure::NoChain));
    assert_eq!(why("Tern.app: A timestamp was expected but was not found.\n"), Some(SigningFailure::NoTimestamp));
    assert_eq!(
        why("Developer ID Installer: A (B): this identity cannot be used for signing code\n"),
        Some(SigningFailure::WrongCertificate)
    );
    let jpackage = "IOException: Command [/usr/bin/codesign, -s, Developer ID Installer: A (B), -vvvv, x] exited with 1 code\n";
    assert_eq!(why(jpackage), Some(SigningFailure::InstallerNamed));
    assert_eq!(why("productbuild: Signing product with identity \"Developer ID Installer: A (B)\"\n"), None);
    assert_eq!(why("Tern.app: replacing existing signature\n"), None);
}

#[test]
fn the_line_of_a_run_names_the_process_that_was_killed_for_its_signature() {
    let line = "kernel: Tern[71] killed for its code signature (NOTE_EXIT_CSERROR)\n";
    let process = Proc { name: Some("Tern".into()), pid: Some(71), ..Proc::default() };
    assert_eq!(facts(line), [LogFact::InvalidPage { process, killed: true }]);
}

mod retold;
