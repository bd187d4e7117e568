//! The rows of the published tables, as data: the memory table of the kernel, what each entitlement changes, library validation for every pair of
//! signers, the reasons of dyld, the resources, the issues of the document, and the rules on how things go together.

use super::super::*;
use super::{arm, intel, process};

/// A process of the table, by its column.
#[derive(Clone, Copy, Debug)]
enum On {
    /// Native on Apple silicon.
    Arm,
    /// On Intel.
    Intel,
    /// Intel code under Rosetta.
    Rosetta,
}

const EVERYWHERE: [On; 3] = [On::Arm, On::Intel, On::Rosetta];
const RUNTIME: u32 = CodeSignatureFlags::RUNTIME;

fn on(column: On, flags: u32, keys: &[&str]) -> Process {
    let arch = if matches!(column, On::Arm) { Arch::Arm64 } else { Arch::X86_64 };
    Process { rosetta: matches!(column, On::Rosetta), ..process(arch, flags, keys) }
}

fn hardened(column: On, keys: &[&str]) -> Process {
    on(column, RUNTIME, keys)
}

fn asked(process: &Process, action: &Action) -> Decision {
    let decision = decide(process, action);
    let what = format!("{action:?} on {} with {:?}", process.arch.name(), process.entitlements);
    assert_eq!(decision.shows.is_none(), decision.allowed, "{what}: a refusal shows somehow, and nothing else does");
    assert!(!decision.rule.is_empty() && !decision.source.is_empty(), "{what}");
    assert!(!decision.allowed || decision.lifts.is_empty(), "{what}");
    decision
}

fn row(process: &Process, action: &Action, expected: bool, shows: Option<Shows>) {
    let decision = asked(process, action);
    assert_eq!((decision.allowed, decision.shows), (expected, shows), "{action:?} on {process:?}: {}", decision.rule);
}

/// Every set of keys that a refusal names lifts it, with nothing else changed; and no set is named in vain.
fn lifts_hold(process: &Process, action: &Action) {
    for lift in asked(process, action).lifts {
        let Lift::Entitlements(keys) = lift else { continue };
        let mut with = process.clone();
        with.entitlements.extend(keys.iter().map(|key| (*key).to_owned()));
        assert!(decide(&with, action).allowed, "{keys:?} is said to lift {action:?} on {process:?}");
    }
}

/// The operations of the memory table: allowed in (not hardened, hardened) on Apple silicon, then on Intel and under Rosetta.
#[test]
fn the_memory_table_holds_row_by_row() {
    use Shows::{Errno, KilledInvalidPage, ProtectionFault};
    type Cell = Option<Shows>;
    let rows: [(Action, [Cell; 2], [Cell; 2]); 9] = [
        (Action::MapWriteExecute, [Some(Errno("EACCES")); 2], [None, Some(Errno("EACCES"))]),
        (Action::ProtectWriteExecute, [Some(Errno("EACCES")); 2], [None, Some(Errno("EACCES"))]),
        (Action::ExecuteFlippedPage, [None, Some(KilledInvalidPage)], [None, Some(KilledInvalidPage)]),
        (Action::MapJit, [None, Some(Errno("EINVAL"))], [None, Some(Errno("EINVAL"))]),
        (Action::FlipJitRegion, [None, Some(Errno("EINVAL"))], [None, Some(Errno("EINVAL"))]),
        (Action::ReprotectJitRegion, [Some(Errno("EACCES")); 2], [None; 2]),
        (Action::MapJitFixedOrShared, [Some(Errno("EINVAL")); 2], [Some(Errno("EINVAL")); 2]),
        (Action::WriteJitUnswitched, [Some(ProtectionFault); 2], [None; 2]),
        (Action::PatchCode, [Some(KilledInvalidPage); 2], [None, Some(KilledInvalidPage)]),
    ];
    for (action, arm_cells, intel_cells) in rows {
        for column in EVERYWHERE {
            let cells = if matches!(column, On::Arm) { arm_cells } else { intel_cells };
            for (flags, shows) in [0, RUNTIME].into_iter().zip(cells) {
                row(&on(column, flags, &[]), &action, shows.is_none(), shows);
                lifts_hold(&on(column, flags, &[]), &action);
            }
        }
    }
}

/// What each entitlement changes: (flipped pages run, MAP_JIT on Apple silicon, MAP_JIT on Intel, patched code on Intel, foreign library).
#[test]
fn each_entitlement_lifts_its_own_protection_and_no_other() {
    let rows: [(&[&str], [bool; 5]); 6] = [
        (&[], [false, false, false, false, false]),
        (&[key::ALLOW_JIT], [false, true, true, false, false]),
        // The pages of Apple say that it includes MAP_JIT; reports from Apple silicon say that it does not (disputed, so never certain).
        (&[key::UNSIGNED_MEMORY], [true, false, true, true, false]),
        (&[key::PAGE_PROTECTION], [true, false, true, true, false]),
        (&[key::LIBRARY_VALIDATION], [false, false, false, false, true]),
        (&[key::DYLD_VARIABLES, key::DEBUGGER, key::GET_TASK_ALLOW, key::CAMERA], [false, false, false, false, false]),
    ];
    let foreign = Action::Load(Library { team: Some("TEAMBBBBBB".into()), platform: false, signer: SignerKind::DeveloperId });
    for (keys, [flipped, jit_arm, jit_intel, patched, loads]) in rows {
        for column in EVERYWHERE {
            assert_eq!(decide(&hardened(column, keys), &Action::ExecuteFlippedPage).allowed, flipped, "{keys:?} {column:?}");
            assert_eq!(decide(&hardened(column, keys), &foreign).allowed, loads, "{keys:?} {column:?}");
        }
        assert_eq!(decide(&arm(keys), &Action::MapJit).allowed, jit_arm, "{keys:?}");
        assert_eq!(decide(&intel(keys), &Action::MapJit).allowed, jit_intel, "{keys:?}");
        assert_eq!(decide(&hardened(On::Rosetta, keys), &Action::MapJit).allowed, jit_intel, "{keys:?}");
        assert_eq!(decide(&intel(keys), &Action::PatchCode).allowed, patched, "{keys:?}");
        assert!(!decide(&arm(keys), &Action::PatchCode).allowed, "{keys:?}");
    }
}

#[test]
fn a_disputed_rule_is_never_certain() {
    for key in [key::UNSIGNED_MEMORY, key::PAGE_PROTECTION] {
        assert_eq!(decide(&arm(&[key]), &Action::MapJit).certainty, Confidence::Likely);
    }
    assert_eq!(decide(&arm(&[key::ALLOW_JIT]), &Action::MapSecondJit).certainty, Confidence::Likely, "one region or several");
    assert_eq!(
        decide(&arm(&[key::GET_TASK_ALLOW]), &Action::HonourDyld { variable: "DYLD_LIBRARY_PATH".into() }).certainty,
        Confidence::Likely
    );
}

#[test]
fn a_key_that_tightens_takes_away_what_it_is_for() {
    for key in [key::SINGLE_JIT, key::JIT_ALLOWLIST] {
        assert!(decide(&arm(&[key::ALLOW_JIT, key]), &Action::MapJit).allowed);
        row(&arm(&[key::ALLOW_JIT, key]), &Action::MapSecondJit, false, Some(Shows::Errno("EINVAL")));
    }
    assert!(decide(&arm(&[key::ALLOW_JIT]), &Action::MapSecondJit).allowed, "macOS allows several regions");
    row(&arm(&[key::ALLOW_JIT, key::JIT_ALLOWLIST]), &Action::SwitchJitWrites, false, Some(Shows::Trap));
    row(&hardened(On::Rosetta, &[key::ALLOW_JIT, key::SINGLE_JIT]), &Action::MapJit, false, Some(Shows::Errno("EINVAL")));
}

#[test]
fn switching_jit_writes_traps_only_on_apple_silicon_without_a_key() {
    row(&arm(&[]), &Action::SwitchJitWrites, false, Some(Shows::Trap));
    for allowed in [arm(&[key::ALLOW_JIT]), intel(&[]), process(Arch::Arm64, 0, &[])] {
        row(&allowed, &Action::SwitchJitWrites, true, None);
    }
}

#[test]
fn under_a_debugger_nothing_is_enforced_on_memory() {
    for action in [Action::MapJit, Action::MapWriteExecute, Action::ExecuteFlippedPage, Action::PatchCode, Action::RunChangedPage] {
        for column in EVERYWHERE {
            assert!(asked(&on(column, RUNTIME | DEBUGGED, &[]), &action).allowed, "{action:?} {column:?}");
        }
    }
    // That flag is a running process's: in a file it means nothing.
    assert_eq!(FROM_FILE & (DEBUGGED | GET_TASK_ALLOW), 0);
}

#[test]
fn a_page_that_is_not_what_was_signed_kills_on_apple_silicon_hardened_or_not() {
    let killed = Some(Shows::KilledInvalidPage);
    row(&on(On::Arm, 0, &[]), &Action::RunChangedPage, false, killed);
    row(&hardened(On::Arm, &[key::UNSIGNED_MEMORY]), &Action::RunChangedPage, false, killed);
    row(&on(On::Intel, 0, &[]), &Action::RunChangedPage, true, None);
    row(&hardened(On::Intel, &[]), &Action::RunChangedPage, false, killed);
    row(&on(On::Intel, 0, &[]), &Action::RunReplacedFile, false, killed);
    for action in [Action::RunChangedPage, Action::RunReplacedFile] {
        let lifts = decide(&hardened(On::Arm, &[]), &action).lifts;
        assert!(
            !lifts.is_empty() && lifts.iter().all(|lift| !matches!(lift, Lift::Entitlements(_))),
            "no key mends a broken signature: {lifts:?}"
        );
    }
}

const SIGNERS: [SignerKind; 11] = [
    SignerKind::Apple,
    SignerKind::AppStore,
    SignerKind::TestFlight,
    SignerKind::DeveloperId,
    SignerKind::AppleDevelopment,
    SignerKind::AppleDistribution,
    SignerKind::SelfSigned,
    SignerKind::AdHoc,
    SignerKind::LinkerSigned,
    SignerKind::Unsigned,
    SignerKind::Other,
];

fn has_team(signer: SignerKind) -> bool {
    use SignerKind::{AppStore, AppleDevelopment, AppleDistribution, DeveloperId, TestFlight};
    matches!(signer, AppStore | TestFlight | DeveloperId | AppleDevelopment | AppleDistribution)
}

/// Library validation for every pair of signers, of the same team and of two.
#[test]
fn library_validation_decides_every_pair_of_signers() {
    let team = |signer, team: &str| has_team(signer).then(|| team.to_owned());
    for host in SIGNERS {
        for guest in SIGNERS {
            for theirs in ["TEAMAAAAAA", "TEAMBBBBBB"] {
                let platform = host == SignerKind::Apple;
                let process = Process { signer: host, team: team(host, "TEAMAAAAAA"), platform, ..arm(&[]) };
                let library = Library { team: team(guest, theirs), platform: guest == SignerKind::Apple, signer: guest };
                let same = has_team(host) && has_team(guest) && theirs == "TEAMAAAAAA";
                let expected = guest == SignerKind::Apple || same && !platform;
                let shows = (!expected).then_some(Shows::LoadError);
                row(&process, &Action::Load(library.clone()), expected, shows);
                let opens = (!expected).then_some(Shows::OpenError);
                row(&process, &Action::Open(library.clone()), expected, opens);
                // Off for anybody's program but Apple's own.
                let off = Process { entitlements: vec![key::LIBRARY_VALIDATION.into()], ..process.clone() };
                assert_eq!(
                    decide(&off, &Action::Load(library.clone())).allowed,
                    !platform || guest == SignerKind::Apple,
                    "{host:?} {guest:?}"
                );
                let plain = Process { flags: 0, ..process };
                assert_eq!(decide(&plain, &Action::Load(library)).allowed, !platform || guest == SignerKind::Apple, "{host:?} {guest:?}");
            }
        }
    }
}

#[test]
fn the_rule_names_what_dyld_says_of_the_pair() {
    let library = |team: Option<&str>, signer| Action::Load(Library { team: team.map(Into::into), platform: false, signer });
    let rule = |process: &Process, action: &Action| asked(process, action).rule;
    let no_team = Process { team: None, signer: SignerKind::AdHoc, ..arm(&[]) };
    let rows = [
        (rule(&arm(&[]), &library(Some("TEAMBBBBBB"), SignerKind::DeveloperId)), "another team"),
        (rule(&no_team, &library(None, SignerKind::AdHoc)), "the program has no team"),
        (rule(&no_team, &library(Some("TEAMAAAAAA"), SignerKind::DeveloperId)), "the program has no team"),
        (rule(&arm(&[]), &library(None, SignerKind::Unsigned)), "not signed at all"),
        (rule(&arm(&[]), &library(None, SignerKind::SelfSigned)), "the library has no team"),
        (rule(&Process { platform: true, ..arm(&[]) }, &library(None, SignerKind::AdHoc)), "Apple's own programs"),
    ];
    for (said, part) in rows {
        assert!(said.contains(part), "{said} does not say {part}");
    }
    // Two ad-hoc signatures never match: signing the library again the same way is no cure.
    let lifts = asked(&no_team, &library(None, SignerKind::AdHoc)).lifts;
    assert!(matches!(lifts.first(), Some(Lift::Signing(text)) if text.contains("one identity that has a team")), "{lifts:?}");
}

#[test]
fn the_library_validation_flag_counts_without_the_runtime() {
    let forced = process(Arch::X86_64, CodeSignatureFlags::REQUIRE_LV, &[]);
    row(&forced, &Action::Load(Library { team: None, platform: false, signer: SignerKind::AdHoc }), false, Some(Shows::LoadError));
}

#[test]
fn code_linked_from_memory_is_a_file_without_a_signature() {
    for column in EVERYWHERE {
        row(&hardened(column, &[]), &Action::LoadFromMemory, false, Some(Shows::OpenError));
        row(&hardened(column, &[key::UNSIGNED_MEMORY]), &Action::LoadFromMemory, false, Some(Shows::OpenError));
        row(&hardened(column, &[key::LIBRARY_VALIDATION]), &Action::LoadFromMemory, true, None);
        row(&on(column, 0, &[]), &Action::LoadFromMemory, true, None);
        lifts_hold(&hardened(column, &[]), &Action::LoadFromMemory);
    }
}

#[test]
fn an_inserted_library_needs_the_variable_and_the_permission() {
    let foreign = Library { team: None, platform: false, signer: SignerKind::AdHoc };
    let own = Library { team: Some("TEAMAAAAAA".into()), platform: false, signer: SignerKind::DeveloperId };
    let rows: [(&[&str], bool, bool); 4] = [
        (&[], false, false),
        (&[key::DYLD_VARIABLES], false, true),
        (&[key::LIBRARY_VALIDATION], false, false),
        (&[key::DYLD_VARIABLES, key::LIBRARY_VALIDATION], true, true),
    ];
    for (keys, foreign_loads, own_loads) in rows {
        assert_eq!(asked(&arm(keys), &Action::Insert(foreign.clone())).allowed, foreign_loads, "{keys:?}");
        assert_eq!(asked(&arm(keys), &Action::Insert(own.clone())).allowed, own_loads, "{keys:?}");
        lifts_hold(&arm(keys), &Action::Insert(foreign.clone()));
    }
    assert_eq!(decide(&arm(&[]), &Action::Insert(foreign)).least_keys(), Some(&[key::DYLD_VARIABLES, key::LIBRARY_VALIDATION][..]));
}

/// Every variable, for every kind of program.
#[test]
fn dyld_takes_its_variables_from_whom_it_may() {
    let names = [
        "DYLD_LIBRARY_PATH",
        "DYLD_FRAMEWORK_PATH",
        "DYLD_FALLBACK_LIBRARY_PATH",
        "DYLD_FALLBACK_FRAMEWORK_PATH",
        "DYLD_VERSIONED_LIBRARY_PATH",
        "DYLD_VERSIONED_FRAMEWORK_PATH",
        "DYLD_INSERT_LIBRARIES",
        "DYLD_IMAGE_SUFFIX",
        "DYLD_PRINT_LIBRARIES",
        "DYLD_SHARED_REGION",
        "DYLD_SHARED_CACHE_DIR",
    ];
    let rows = [
        (arm(&[]), false),
        (arm(&[key::DYLD_VARIABLES]), true),
        (arm(&[key::GET_TASK_ALLOW]), true),
        (process(Arch::Arm64, RUNTIME | GET_TASK_ALLOW, &[]), true),
        (process(Arch::Arm64, 0, &[]), true),
        (process(Arch::Arm64, CodeSignatureFlags::RESTRICT, &[]), false),
        (Process { restricted: true, ..process(Arch::X86_64, 0, &[]) }, false),
        (Process { platform: true, ..process(Arch::Arm64, 0, &[]) }, false),
        (arm(&[key::LIBRARY_VALIDATION]), false),
    ];
    for name in names {
        assert!(variable(name).is_some(), "{name}");
        for (process, expected) in &rows {
            let action = Action::HonourDyld { variable: name.into() };
            row(process, &action, *expected, (!expected).then_some(Shows::Silence));
            lifts_hold(process, &action);
        }
    }
    assert_eq!(variable("DYLD_DISABLE_CODE_SIGNING"), None);
    assert_eq!((variable("DYLD_PRINT_APIS"), variable("LD_LIBRARY_PATH")), (Some(Variable::Print), None));
}

#[test]
fn variables_are_gone_for_what_the_process_starts_unless_it_sets_them_itself() {
    row(&arm(&[]), &Action::PassOnDyld { received: true }, false, Some(Shows::Silence));
    row(&arm(&[]), &Action::PassOnDyld { received: false }, true, None);
    row(&process(Arch::Arm64, 0, &[]), &Action::PassOnDyld { received: true }, true, None);
    row(&Process { platform: true, ..process(Arch::Arm64, 0, &[]) }, &Action::PassOnDyld { received: true }, false, Some(Shows::Silence));
    row(&arm(&[]), &Action::HonourEmbeddedDyld, false, Some(Shows::Silence));
    row(&arm(&[]), &Action::UseFallbackPath, false, Some(Shows::OpenError));
    for process in [arm(&[key::DYLD_VARIABLES]), process(Arch::Arm64, 0, &[])] {
        row(&process, &Action::HonourEmbeddedDyld, true, None);
        row(&process, &Action::UseFallbackPath, true, None);
    }
}

#[test]
fn paths_in_load_commands_follow_the_rules_of_dyld() {
    let action = |path: &str| Action::HonourDyldPath { path: path.into() };
    for relative in ["libfoo.dylib", "sub/libfoo.dylib", "@@HOMEBREW_PREFIX@@/lib/libfoo.dylib"] {
        row(&arm(&[]), &action(relative), false, Some(Shows::LoadError));
        row(&process(Arch::Arm64, 0, &[]), &action(relative), true, None);
    }
    for path in ["@rpath/libfoo.dylib", "@loader_path/libfoo.dylib", "@executable_path/../Frameworks/libfoo.dylib", "/usr/lib/libz.dylib"] {
        row(&arm(&[]), &action(path), true, None);
    }
    let restricted = Process { restricted: true, ..process(Arch::X86_64, 0, &[]) };
    row(&restricted, &action("@executable_path/libfoo.dylib"), false, Some(Shows::LoadError));
    let validated = Process { flags: CodeSignatureFlags::REQUIRE_LV, ..restricted };
    row(&validated, &action("@executable_path/libfoo.dylib"), true, None);
}

#[test]
fn attaching_asks_both_sides() {
    let target = |keys: &[&str]| Action::Attach(Box::new(arm(keys)));
    let plain = Action::Attach(Box::new(process(Arch::Arm64, 0, &[])));
    let apple = Action::Attach(Box::new(Process { platform: true, ..process(Arch::Arm64, 0, &[]) }));
    let refused = Some(Shows::Errno("KERN_FAILURE"));
    row(&arm(&[key::DEBUGGER]), &target(&[]), false, refused);
    row(&arm(&[key::DEBUGGER]), &target(&[key::DEBUGGER]), false, refused);
    row(&arm(&[key::DEBUGGER]), &target(&[key::GET_TASK_ALLOW]), true, None);
    row(&arm(&[]), &target(&[key::GET_TASK_ALLOW]), false, refused);
    row(&arm(&[key::GET_TASK_ALLOW]), &target(&[key::GET_TASK_ALLOW]), false, refused);
    row(&arm(&[key::DEBUGGER]), &plain, true, None);
    row(&arm(&[key::DEBUGGER]), &apple, false, refused);
    row(&arm(&[]), &Action::TakeGivenPort, true, None);
    // iOS's spelling does nothing on macOS.
    row(&arm(&["get-task-allow"]), &Action::BeDebugged, false, Some(Shows::RefusedToOther));
    assert!(decide(&arm(&[key::DEBUGGER]), &target(&[])).least_keys().is_none(), "no key of the tool opens a hardened target");
}

/// (resource, entitlement, usage key): the table of the document, with the one slip in it put right.
#[test]
fn the_table_of_protected_resources_holds_row_by_row() {
    let rows = [
        ("microphone", "com.apple.security.device.audio-input", "NSMicrophoneUsageDescription"),
        ("camera", "com.apple.security.device.camera", "NSCameraUsageDescription"),
        ("location", "com.apple.security.personal-information.location", "NSLocationUsageDescription"),
        ("contacts", "com.apple.security.personal-information.addressbook", "NSContactsUsageDescription"),
        ("calendars", "com.apple.security.personal-information.calendars", "NSCalendarsUsageDescription"),
        ("photos", "com.apple.security.personal-information.photos-library", "NSPhotoLibraryUsageDescription"),
        ("apple-events", "com.apple.security.automation.apple-events", "NSAppleEventsUsageDescription"),
    ];
    assert_eq!(rows.len(), RESOURCES.len());
    for (scenario, entitlement, usage) in rows {
        let resource = RESOURCES.iter().find(|r| r.scenario == scenario).unwrap();
        assert_eq!((resource.entitlement, resource.usage_keys.first()), (entitlement, Some(&usage)));
        let ask = |usage_present| Action::UseResource { entitlement: entitlement.into(), usage_present };
        for column in EVERYWHERE {
            row(&hardened(column, &[]), &ask(Some(true)), false, Some(Shows::Silence));
            row(&hardened(column, &[]), &ask(Some(false)), false, Some(Shows::Silence));
            row(&hardened(column, &[entitlement]), &ask(Some(true)), true, None);
            row(&hardened(column, &[entitlement]), &ask(Some(false)), false, Some(Shows::Abort));
            row(&on(column, 0, &[]), &ask(Some(true)), true, None);
            row(&on(column, 0, &[]), &ask(Some(false)), false, Some(Shows::Abort));
            lifts_hold(&hardened(column, &[]), &ask(Some(true)));
        }
        let granted = Action::UseGranted { entitlement: entitlement.into() };
        row(&arm(&[]), &granted, true, None);
        let shell = Process { platform: true, signer: SignerKind::Apple, ..process(Arch::Arm64, 0, &[]) };
        row(&shell, &ask(Some(true)), false, Some(Shows::Silence));
    }
}

#[test]
fn the_sandbox_asks_for_a_key_of_its_own() {
    let ask = |entitlement: &str| Action::UseResource { entitlement: entitlement.into(), usage_present: Some(true) };
    let sandboxed = |flags: u32, keys: &[&str]| {
        let keys: Vec<&str> = std::iter::once(key::APP_SANDBOX).chain(keys.iter().copied()).collect();
        process(Arch::Arm64, flags, &keys)
    };
    // The sandbox's key for the microphone is another one: the runtime's serves for both, the sandbox's alone does not.
    row(&sandboxed(RUNTIME, &[key::MICROPHONE]), &ask(key::AUDIO_INPUT), false, Some(Shows::Silence));
    row(&sandboxed(RUNTIME, &[key::AUDIO_INPUT]), &ask(key::AUDIO_INPUT), true, None);
    row(&sandboxed(0, &[key::MICROPHONE]), &ask(key::AUDIO_INPUT), true, None);
    row(&sandboxed(0, &[]), &ask(key::AUDIO_INPUT), false, Some(Shows::SandboxViolation));
    row(&sandboxed(0, &[]), &ask(key::CAMERA), false, Some(Shows::SandboxViolation));
    row(&sandboxed(RUNTIME, &[key::CAMERA]), &ask(key::CAMERA), true, None);
    // Apple events need the sandbox's list of targets too.
    row(&sandboxed(RUNTIME, &[key::APPLE_EVENTS]), &ask(key::APPLE_EVENTS), false, Some(Shows::SandboxViolation));
    row(&sandboxed(RUNTIME, &[key::APPLE_EVENTS, key::SCRIPTING_TARGETS]), &ask(key::APPLE_EVENTS), true, None);
    // What the sandbox refuses a grant from before does not bring back.
    row(&sandboxed(0, &[]), &Action::UseGranted { entitlement: key::CAMERA.into() }, false, Some(Shows::SandboxViolation));
}

#[test]
fn a_helper_that_inherits_the_sandbox_may_have_no_key_of_it() {
    let helper = |keys: &[&str]| arm(keys);
    row(&helper(&[key::APP_SANDBOX, key::INHERIT]), &Action::InheritSandbox, true, None);
    row(&helper(&[key::APP_SANDBOX, key::INHERIT, key::ALLOW_JIT]), &Action::InheritSandbox, true, None);
    let network = "com.apple.security.network.client";
    row(&helper(&[key::APP_SANDBOX, key::INHERIT, network]), &Action::InheritSandbox, false, Some(Shows::SandboxAbort));
    row(&helper(&[key::INHERIT]), &Action::InheritSandbox, false, Some(Shows::Silence));
    assert!(is_sandbox_only(network) && is_sandbox_only(key::MICROPHONE) && !is_sandbox_only(key::AUDIO_INPUT));
    assert!(
        !is_sandbox_only(key::ALLOW_JIT) && !is_sandbox_only(key::APP_SANDBOX) && !is_sandbox_only("com.apple.developer.network.client")
    );
}

#[test]
fn apple_events_fail_with_their_own_error() {
    let send = |same_team| Action::SendAppleEvent { same_team, usage_present: Some(true) };
    row(&arm(&[]), &send(false), false, Some(Shows::AppleEventError));
    row(&arm(&[]), &send(true), true, None);
    row(&arm(&[key::APPLE_EVENTS]), &send(false), true, None);
    let without_text = Action::SendAppleEvent { same_team: false, usage_present: Some(false) };
    row(&arm(&[key::APPLE_EVENTS]), &without_text, false, Some(Shows::Abort));
}

#[test]
fn other_services_have_no_entitlement() {
    for service in SERVICES {
        let ask = |usage_present| Action::UseService { service: service.name.into(), usage_present };
        row(&arm(&[]), &ask(Some(true)), true, None);
        let needs = matches!(service.usage, Usage::Required(_));
        row(&arm(&[]), &ask(Some(false)), !needs, needs.then_some(Shows::Abort));
        assert!(resource(service.name).is_none(), "{} has an entitlement", service.name);
    }
}

#[test]
fn the_usage_keys_of_the_calendars_changed_with_macos_14() {
    let calendars = resource("kTCCServiceCalendar").unwrap();
    let keys = |os| calendars.usage_keys_on(os).collect::<Vec<_>>();
    assert_eq!(keys(Some((13, 6))), ["NSCalendarsUsageDescription", "NSRemindersUsageDescription"]);
    assert!(keys(Some((14, 0))).contains(&"NSCalendarsFullAccessUsageDescription") && !keys(None).contains(&"NSCalendarsUsageDescription"));
    let camera = resource("kTCCServiceCamera").unwrap();
    assert_eq!(camera.usage_keys_on(Some((10, 14))).collect::<Vec<_>>(), ["NSCameraUsageDescription"]);
}

/// (action, last version on which it is allowed, first on which it is refused) for a hardened program.
#[test]
fn versions_of_macos_bring_the_rules() {
    let on = |os, process: &Process| Process { os: Some(os), ..process.clone() };
    let camera = || Action::UseResource { entitlement: key::CAMERA.into(), usage_present: Some(true) };
    let jit = arm(&[key::ALLOW_JIT]);
    type Since = (u16, u16);
    let rows: [(Process, Action, Since, Since); 5] = [
        (intel(&[]), Action::MapJit, (10, 12), (10, 13)),
        (intel(&[]), Action::ExecuteFlippedPage, (10, 12), (10, 13)),
        (intel(&[]), camera(), (10, 13), (10, 14)),
        (jit, Action::ReprotectJitRegion, (11, 1), (11, 2)),
        (intel(&[]), Action::ChangeOtherApp { same_team: false }, (12, 7), (13, 0)),
    ];
    for (process, action, last, first) in rows {
        assert!(asked(&on(last, &process), &action).allowed, "{action:?} on {last:?}");
        assert!(!asked(&on(first, &process), &action).allowed, "{action:?} on {first:?}");
        assert!(!asked(&process, &action).allowed, "{action:?} on the current ones");
    }
    row(&arm(&[]), &Action::ChangeOtherApp { same_team: true }, true, None);
    let no_team = Process { team: None, ..arm(&[]) };
    row(&no_team, &Action::ChangeOtherApp { same_team: true }, false, Some(Shows::Errno("EPERM")));
}

#[test]
fn each_way_to_show_has_its_marks() {
    let said = |shows: Shows, os| shows.signs(os);
    assert_eq!(said(Shows::LoadError, Some((11, 7))).termination, Some("DYLD, Code 0x5"));
    assert_eq!(said(Shows::LoadError, None).termination, Some("DYLD, Code 1 Library missing"), "dyld4 calls a refused library missing");
    assert_eq!(said(Shows::KilledInvalidPage, Some((13, 0))).termination, Some("CODESIGNING, Code 2 Invalid Page"));
    assert_eq!(said(Shows::KilledInvalidPage, None).signal, Some("SIGKILL"));
    assert_eq!(said(Shows::Errno("EINVAL"), None).returns, Some("EINVAL"));
    assert!(said(Shows::Silence, None).is_silent());
    let loud = [
        Shows::Errno("EACCES"),
        Shows::KilledInvalidPage,
        Shows::LoadError,
        Shows::OpenError,
        Shows::ProtectionFault,
        Shows::Trap,
        Shows::Abort,
        Shows::AppleEventError,
        Shows::SandboxViolation,
        Shows::SandboxAbort,
        Shows::RefusedToOther,
    ];
    assert!(loud.iter().all(|shows| !shows.signs(None).is_silent() && !shows.signs(Some((10, 15))).is_silent()));
}

/// The issues of the document: what breaks, the keys of its solution, and whether they lift it on (Apple silicon, Intel).
#[test]
fn the_solutions_of_the_document_lift_its_issues() {
    let ad_hoc = || Library { team: None, platform: false, signer: SignerKind::AdHoc };
    let unsigned = || Library { team: None, platform: false, signer: SignerKind::Unsigned };
    let set = || Action::HonourDyld { variable: "DYLD_LIBRARY_PATH".into() };
    let rows: [(&str, Action, &[&str], bool, bool); 11] = [
        ("JIT, recommended", Action::MapJit, &[key::ALLOW_JIT], true, true),
        ("JIT, fallback", Action::ExecuteFlippedPage, &[key::UNSIGNED_MEMORY], true, true),
        // The document says nothing of Apple silicon: there no key lets code be patched.
        ("patched frameworks, fallback", Action::PatchCode, &[key::UNSIGNED_MEMORY], false, true),
        (
            "changed on disk, no key",
            Action::RunReplacedFile,
            &[key::UNSIGNED_MEMORY, key::PAGE_PROTECTION, key::LIBRARY_VALIDATION],
            false,
            false,
        ),
        ("plug-ins, fallback, ad hoc", Action::Open(ad_hoc()), &[key::LIBRARY_VALIDATION], true, true),
        ("plug-ins, fallback, unsigned", Action::Open(unsigned()), &[key::LIBRARY_VALIDATION], true, true),
        ("variables while developing", set(), &[key::GET_TASK_ALLOW], true, true),
        ("variables when shipped, fallback", set(), &[key::DYLD_VARIABLES], true, true),
        ("debugging", Action::BeDebugged, &[key::GET_TASK_ALLOW], true, true),
        ("debugging plug-ins: the attach", Action::BeDebugged, &[key::GET_TASK_ALLOW, key::LIBRARY_VALIDATION], true, true),
        ("debugging plug-ins: the load", Action::Open(ad_hoc()), &[key::GET_TASK_ALLOW, key::LIBRARY_VALIDATION], true, true),
    ];
    for (issue, action, keys, on_arm, on_intel) in rows {
        assert!(!asked(&arm(&[]), &action).allowed && !asked(&intel(&[]), &action).allowed, "{issue}: it breaks");
        assert_eq!(asked(&arm(keys), &action).allowed, on_arm, "{issue}, Apple silicon");
        assert_eq!(asked(&intel(keys), &action).allowed, on_intel, "{issue}, Intel");
    }
}

/// Rules on how things go together, each as something that must not change.
#[test]
fn what_does_not_count_does_not_count() {
    // Without the runtime flag every exception is without effect: nothing they lift is there.
    let everything = [key::ALLOW_JIT, key::UNSIGNED_MEMORY, key::LIBRARY_VALIDATION, key::DYLD_VARIABLES, key::CAMERA];
    let foreign = || Action::Load(Library { team: None, platform: false, signer: SignerKind::AdHoc });
    for action in [Action::MapJit, Action::ExecuteFlippedPage, Action::MapWriteExecute, foreign(), Action::BeDebugged] {
        for column in EVERYWHERE {
            let (with, without) = (asked(&on(column, 0, &everything), &action), asked(&on(column, 0, &[]), &action));
            assert_eq!(with.allowed, without.allowed, "{action:?} {column:?}");
        }
    }
    // disable-executable-page-protection does not include disable-library-validation.
    assert!(!decide(&intel(&[key::PAGE_PROTECTION]), &foreign()).allowed);
    // Keys that are spelled for iOS or another place lift nothing.
    for key in ["get-task-allow", "dynamic-codesigning", "com.apple.security.cs.get-task-allow", "com.apple.security.cs.allow-jit "] {
        assert!(!decide(&arm(&[key]), &Action::MapJit).allowed && !decide(&arm(&[key]), &Action::BeDebugged).allowed, "{key}");
    }
    // An ad-hoc signature does not disable the hardened runtime.
    let ad_hoc = Process { team: None, signer: SignerKind::AdHoc, ..process(Arch::Arm64, RUNTIME | 0x2, &[]) };
    assert!(!decide(&ad_hoc, &Action::MapJit).allowed && !decide(&ad_hoc, &foreign()).allowed);
}
