//! The model against what is published: each test is a rule, and `table` holds the rows of the tables.

mod table;

use super::*;

const RUNTIME: u32 = CodeSignatureFlags::RUNTIME;

fn process(arch: Arch, flags: u32, keys: &[&str]) -> Process {
    Process {
        arch,
        rosetta: false,
        flags,
        entitlements: keys.iter().map(|key| (*key).to_owned()).collect(),
        team: Some("TEAMAAAAAA".into()),
        platform: false,
        signer: SignerKind::DeveloperId,
        restricted: false,
        os: None,
    }
}

fn arm(keys: &[&str]) -> Process {
    process(Arch::Arm64, RUNTIME, keys)
}

fn intel(keys: &[&str]) -> Process {
    process(Arch::X86_64, RUNTIME, keys)
}

fn check(rows: &[(Process, Action, bool)]) {
    for (process, action, allowed) in rows {
        let decision = decide(process, action);
        let what = format!("{action:?} on {} with {:?}", process.arch.name(), process.entitlements);
        assert_eq!(decision.allowed, *allowed, "{what}: {}", decision.rule);
        assert_eq!(decision.shows.is_none(), *allowed, "{what}");
        assert!(!decision.rule.is_empty() && !decision.source.is_empty(), "{what}");
    }
}

#[test]
fn map_jit_needs_allow_jit_and_on_intel_the_broader_keys_serve_too() {
    check(&[
        (process(Arch::Arm64, 0, &[]), Action::MapJit, true),
        (arm(&[]), Action::MapJit, false),
        (intel(&[]), Action::MapJit, false),
        (arm(&[key::ALLOW_JIT]), Action::MapJit, true),
        (intel(&[key::ALLOW_JIT]), Action::MapJit, true),
        (arm(&[key::UNSIGNED_MEMORY]), Action::MapJit, false),
        (intel(&[key::UNSIGNED_MEMORY]), Action::MapJit, true),
        (Process { rosetta: true, ..arm(&[key::UNSIGNED_MEMORY]) }, Action::MapJit, true),
    ]);
    let disputed = decide(&arm(&[key::UNSIGNED_MEMORY]), &Action::MapJit);
    assert_eq!(disputed.certainty, Confidence::Likely, "sources disagree, so it is never certain");
}

#[test]
fn flipped_pages_need_the_broad_key_and_allow_jit_does_not_help() {
    check(&[
        (process(Arch::Arm64, 0, &[]), Action::ExecuteFlippedPage, true),
        (arm(&[]), Action::ExecuteFlippedPage, false),
        (arm(&[key::ALLOW_JIT]), Action::ExecuteFlippedPage, false),
        (intel(&[key::ALLOW_JIT]), Action::ExecuteFlippedPage, false),
        (arm(&[key::UNSIGNED_MEMORY]), Action::ExecuteFlippedPage, true),
        (intel(&[key::PAGE_PROTECTION]), Action::ExecuteFlippedPage, true),
    ]);
    let narrowest = decide(&arm(&[]), &Action::ExecuteFlippedPage).lifts.into_iter().next();
    assert_eq!(narrowest, Some(Lift::Entitlements(vec![key::UNSIGNED_MEMORY])));
}

#[test]
fn no_key_allows_write_and_execute_at_once_on_apple_silicon() {
    let everything = [key::ALLOW_JIT, key::UNSIGNED_MEMORY, key::PAGE_PROTECTION];
    check(&[
        (process(Arch::Arm64, 0, &[]), Action::MapWriteExecute, false),
        (arm(&everything), Action::MapWriteExecute, false),
        (arm(&everything), Action::ProtectWriteExecute, false),
        (intel(&[]), Action::MapWriteExecute, false),
        (intel(&[key::ALLOW_JIT]), Action::MapWriteExecute, false),
        (intel(&[key::UNSIGNED_MEMORY]), Action::MapWriteExecute, true),
        (process(Arch::X86_64, 0, &[]), Action::MapWriteExecute, true),
        (arm(&everything), Action::ReprotectJitRegion, false),
        (intel(&[]), Action::ReprotectJitRegion, true),
    ]);
    let lifts = decide(&arm(&[]), &Action::MapWriteExecute).lifts;
    assert!(lifts.iter().all(|lift| !matches!(lift, Lift::Entitlements(_))), "no key may be offered: {lifts:?}");
}

#[test]
fn code_may_be_patched_only_on_intel_without_enforcement() {
    check(&[
        (arm(&[key::UNSIGNED_MEMORY, key::PAGE_PROTECTION]), Action::PatchCode, false),
        (process(Arch::Arm64, 0, &[]), Action::PatchCode, false),
        (intel(&[]), Action::PatchCode, false),
        (intel(&[key::UNSIGNED_MEMORY]), Action::PatchCode, true),
    ]);
}

#[test]
fn library_validation_admits_apple_and_the_same_team_only() {
    let library =
        |team: Option<&str>, signer| Action::Load(Library { team: team.map(Into::into), platform: signer == SignerKind::Apple, signer });
    let ad_hoc = Process { team: None, signer: SignerKind::AdHoc, ..arm(&[]) };
    let apple = Process { platform: true, signer: SignerKind::Apple, team: None, ..process(Arch::Arm64, 0, &[]) };
    check(&[
        (arm(&[]), library(Some("TEAMAAAAAA"), SignerKind::DeveloperId), true),
        (arm(&[]), library(Some("TEAMBBBBBB"), SignerKind::DeveloperId), false),
        (arm(&[]), library(None, SignerKind::AdHoc), false),
        (arm(&[]), library(None, SignerKind::Unsigned), false),
        (arm(&[]), library(None, SignerKind::Apple), true),
        (ad_hoc.clone(), library(None, SignerKind::AdHoc), false),
        (ad_hoc, library(Some("TEAMAAAAAA"), SignerKind::DeveloperId), false),
        (apple, library(Some("TEAMAAAAAA"), SignerKind::DeveloperId), false),
        (arm(&[key::LIBRARY_VALIDATION]), library(None, SignerKind::AdHoc), true),
        (process(Arch::Arm64, 0, &[]), library(None, SignerKind::AdHoc), true),
        (process(Arch::Arm64, crate::read::signature::CodeSignatureFlags::REQUIRE_LV, &[]), library(None, SignerKind::AdHoc), false),
    ]);
}

#[test]
fn dyld_variables_are_dropped_in_hardened_and_restricted_programs() {
    let set = || Action::HonourDyld { variable: "DYLD_LIBRARY_PATH".into() };
    check(&[
        (arm(&[]), set(), false),
        (arm(&[key::DYLD_VARIABLES]), set(), true),
        (arm(&[key::GET_TASK_ALLOW]), set(), true),
        (process(Arch::X86_64, 0, &[]), set(), true),
        (Process { restricted: true, ..process(Arch::X86_64, 0, &[]) }, set(), false),
        (Process { platform: true, ..process(Arch::X86_64, 0, &[]) }, set(), false),
        (arm(&[]), Action::HonourDyldPath { path: "libfoo.dylib".into() }, false),
        (arm(&[]), Action::HonourDyldPath { path: "@rpath/libfoo.dylib".into() }, true),
        (process(Arch::Arm64, 0, &[]), Action::HonourDyldPath { path: "libfoo.dylib".into() }, true),
    ]);
}

#[test]
fn debugging_asks_the_target_and_the_tool_for_different_keys() {
    check(&[
        (arm(&[]), Action::BeDebugged, false),
        (arm(&[key::DEBUGGER]), Action::BeDebugged, false),
        (arm(&[key::GET_TASK_ALLOW]), Action::BeDebugged, true),
        (process(Arch::Arm64, 0, &[]), Action::BeDebugged, true),
        (arm(&[key::GET_TASK_ALLOW]), Action::DebugOther, false),
        (arm(&[key::DEBUGGER]), Action::DebugOther, true),
    ]);
}

#[test]
fn each_resource_needs_its_entitlement_when_hardened_and_its_text_always() {
    for resource in RESOURCES {
        let ask = |usage| Action::UseResource { entitlement: resource.entitlement.into(), usage_present: usage };
        check(&[
            (arm(&[]), ask(Some(true)), false),
            (arm(&[resource.entitlement]), ask(Some(true)), true),
            (arm(&[resource.entitlement]), ask(Some(false)), false),
            (process(Arch::Arm64, 0, &[]), ask(Some(true)), true),
            (process(Arch::Arm64, 0, &[]), ask(Some(false)), false),
        ]);
        assert_eq!(decide(&arm(&[]), &ask(Some(true))).lifts, [Lift::Entitlements(vec![resource.entitlement])]);
        assert_eq!(decide(&arm(&[resource.entitlement]), &ask(Some(false))).lifts, [Lift::UsageString]);
    }
}

#[test]
fn restricted_keys_are_those_that_a_profile_must_authorise() {
    for key in
        ["keychain-access-groups", "com.apple.developer.team-identifier", "com.apple.application-identifier", "com.apple.vm.networking"]
    {
        assert!(is_restricted(key), "{key}");
    }
    for key in
        [key::ALLOW_JIT, key::GET_TASK_ALLOW, key::APP_SANDBOX, "com.apple.security.hypervisor", "com.apple.security.application-groups"]
    {
        assert!(!is_restricted(key), "{key}");
    }
}
