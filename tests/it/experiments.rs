//! Experiments that people made on real Macs and published, replayed row by row: what they saw is what the model says.
//!
//! Each row names the thread. Where a thread does not say which processor, both are held to it.

use temper::policy::{Action, Library, Process, Shows, decide, key};
use temper::read::cms::SignerKind;
use temper::read::macho::Arch;

const RUNTIME: u32 = 0x10000;
const ARM: &[Arch] = &[Arch::Arm64];
const INTEL: &[Arch] = &[Arch::X86_64];
const BOTH: &[Arch] = &[Arch::Arm64, Arch::X86_64];

struct Row {
    thread: &'static str,
    what: &'static str,
    on: &'static [Arch],
    signer: SignerKind,
    flags: u32,
    keys: &'static [&'static str],
    action: Action,
    /// What was seen: it worked, or how it failed.
    seen: Result<(), Shows>,
}

fn process(row: &Row, arch: Arch) -> Process {
    let has_team = row.signer == SignerKind::DeveloperId;
    Process {
        arch,
        rosetta: false,
        flags: row.flags,
        entitlements: row.keys.iter().map(|key| (*key).to_owned()).collect(),
        team: has_team.then(|| "TEAMAAAAAA".to_owned()),
        platform: row.signer == SignerKind::Apple,
        signer: row.signer,
        restricted: false,
        os: None,
    }
}

fn held(rows: &[Row]) {
    for row in rows {
        for arch in row.on {
            let decision = decide(&process(row, *arch), &row.action);
            let said = match decision.allowed {
                true => Ok(()),
                false => Err(decision.shows.unwrap()),
            };
            assert_eq!(said, row.seen, "{}: {} ({}): {}", row.thread, row.what, arch.name(), decision.rule);
        }
    }
}

fn library(signer: SignerKind, team: Option<&str>) -> Library {
    Library { team: team.map(str::to_owned), platform: false, signer }
}

fn ask(entitlement: &str) -> Action {
    Action::UseResource { entitlement: entitlement.to_owned(), usage_present: Some(true) }
}

const DEVELOPER: SignerKind = SignerKind::DeveloperId;
const AD_HOC: SignerKind = SignerKind::AdHoc;

#[test]
fn contacts_in_a_helper_signed_four_ways() {
    let row = |what, signer, flags, keys, seen| Row {
        thread: "omarshahine/apple-pim#159, #160",
        what,
        on: ARM,
        signer,
        flags,
        keys,
        action: ask(key::CONTACTS),
        seen,
    };
    held(&[
        row("ad hoc, no runtime: prompts", AD_HOC, 0, &[], Ok(())),
        row("ad hoc, runtime, no keys: denied without a prompt", AD_HOC, RUNTIME, &[], Err(Shows::Silence)),
        row("ad hoc, runtime, three keys: prompts", AD_HOC, RUNTIME, &[key::CONTACTS, key::CALENDARS, key::APPLE_EVENTS], Ok(())),
        row("the notarized release, no keys: denied without a prompt", DEVELOPER, RUNTIME, &[], Err(Shows::Silence)),
    ]);
}

#[test]
fn calendars_and_other_resources_of_hardened_apps() {
    let row = |thread, what, keys, action, seen| Row { thread, what, on: BOTH, signer: DEVELOPER, flags: RUNTIME, keys, action, seen };
    held(&[
        row("abue-ammar/tinycast#635", "calendars, no key: false in milliseconds", &[], ask(key::CALENDARS), Err(Shows::Silence)),
        row("abue-ammar/tinycast#635", "calendars, with the key: asks", &[key::CALENDARS], ask(key::CALENDARS), Ok(())),
        row(
            "abue-ammar/tinycast#635",
            "granted before the app was hardened: goes on working",
            &[],
            Action::UseGranted { entitlement: key::CALENDARS.into() },
            Ok(()),
        ),
        row(
            "AdelElo13/mac-control-mcp#10",
            "contacts denied with apple-events alone",
            &[key::APPLE_EVENTS],
            ask(key::CONTACTS),
            Err(Shows::Silence),
        ),
        row(
            "umputun/agterm#398",
            "a terminal with the microphone's key only: camera",
            &[key::AUDIO_INPUT],
            ask(key::CAMERA),
            Err(Shows::Silence),
        ),
    ]);
}

#[test]
fn a_foreign_library_put_in_with_dyld_insert_libraries() {
    let row = |what, keys, seen| Row {
        thread: "eneskirca/nodeterm#386",
        what,
        on: ARM,
        signer: DEVELOPER,
        flags: RUNTIME,
        keys,
        action: Action::Insert(library(AD_HOC, None)),
        seen,
    };
    held(&[
        row("both keys: its constructor runs before main", &[key::DYLD_VARIABLES, key::LIBRARY_VALIDATION], Ok(())),
        row("the variables alone", &[key::DYLD_VARIABLES], Err(Shows::LoadError)),
        row("library validation off alone", &[key::LIBRARY_VALIDATION], Err(Shows::Silence)),
    ]);
}

#[test]
fn dyld_variables_with_and_without_the_key() {
    let row = |thread, what, keys, seen| Row {
        thread,
        what,
        on: ARM,
        signer: AD_HOC,
        flags: RUNTIME,
        keys,
        action: Action::HonourDyld { variable: "DYLD_LIBRARY_PATH".into() },
        seen,
    };
    held(&[
        row("stacklok/go-microvm#21", "stripped", &["com.apple.security.hypervisor"], Err(Shows::Silence)),
        row("stacklok/go-microvm#21", "passes with the key", &["com.apple.security.hypervisor", key::DYLD_VARIABLES], Ok(())),
    ]);
}

/// V8 maps its code with MAP_JIT.
#[test]
fn electron_and_node_on_both_processors() {
    let row = |thread, what, on, flags, keys, seen| Row { thread, what, on, signer: DEVELOPER, flags, keys, action: Action::MapJit, seen };
    let refused = Err(Shows::Errno("EINVAL"));
    held(&[
        row(
            "TomoyukiAota/photo-location-map#597",
            "unsigned memory alone, Apple silicon: traps",
            ARM,
            RUNTIME,
            &[key::UNSIGNED_MEMORY],
            refused,
        ),
        row("TomoyukiAota/photo-location-map#597", "unsigned memory alone, Intel: runs", INTEL, RUNTIME, &[key::UNSIGNED_MEMORY], Ok(())),
        row("TomoyukiAota/photo-location-map#597", "with allow-jit: runs", BOTH, RUNTIME, &[key::UNSIGNED_MEMORY, key::ALLOW_JIT], Ok(())),
        row("TomoyukiAota/photo-location-map#597", "not signed for distribution: runs", BOTH, 0, &[], Ok(())),
        row("u8array/ZPLab#339", "Node in one file, no keys: no CodeRange", ARM, RUNTIME, &[], refused),
        row("u8array/ZPLab#339", "Node in one file, allow-jit: runs", ARM, RUNTIME, &[key::ALLOW_JIT], Ok(())),
        row("happier-dev/happier#343", "Bun, no keys: out of executable memory", ARM, RUNTIME, &[], refused),
        row("happier-dev/happier#343", "Bun from before it was hardened: runs", ARM, 0, &[], Ok(())),
        row("gravitational/teleport#51422", "Electron with allow-jit alone: runs", BOTH, RUNTIME, &[key::ALLOW_JIT], Ok(())),
    ]);
    let rosetta = Row {
        thread: "TomoyukiAota/photo-location-map#597",
        what: "the Intel package under Rosetta: runs",
        on: INTEL,
        signer: DEVELOPER,
        flags: RUNTIME,
        keys: &[key::UNSIGNED_MEMORY],
        action: Action::MapJit,
        seen: Ok(()),
    };
    assert!(decide(&Process { rosetta: true, ..process(&rosetta, Arch::X86_64) }, &rosetta.action).allowed);
}

/// Wasmtime's Cranelift and LuaJIT write pages and make them executable, without MAP_JIT.
#[test]
fn engines_that_flip_pages() {
    let row = |thread, what, flags, keys, seen| Row {
        thread,
        what,
        on: BOTH,
        signer: DEVELOPER,
        flags,
        keys,
        action: Action::ExecuteFlippedPage,
        seen,
    };
    let killed = Err(Shows::KilledInvalidPage);
    held(&[
        row("rancher-sandbox/rancher-desktop#7051", "not hardened: spin runs", 0, &[], Ok(())),
        row("rancher-sandbox/rancher-desktop#7051", "hardened: broken", RUNTIME, &[], killed),
        row("rancher-sandbox/rancher-desktop#7051", "allow-jit alone does not help", RUNTIME, &[key::ALLOW_JIT], killed),
        row("rancher-sandbox/rancher-desktop#7051", "unsigned memory: runs", RUNTIME, &[key::UNSIGNED_MEMORY], Ok(())),
        row("golemcloud/golem#3221", "allow-jit is not enough", RUNTIME, &[key::ALLOW_JIT], killed),
        row("golemcloud/golem#3221", "unsigned memory: runs", RUNTIME, &[key::UNSIGNED_MEMORY], Ok(())),
        row("openresty/luajit2#145", "LuaJIT in a player with allow-jit: killed", RUNTIME, &[key::ALLOW_JIT], killed),
        row("openresty/luajit2#145", "with unsigned memory: runs", RUNTIME, &[key::UNSIGNED_MEMORY], Ok(())),
        row("VirusTotal/yara-x#645", "hardened, no keys: killed while scanning", RUNTIME, &[], killed),
        row("benletchford/systemless#681", "hardened and sandboxed: killed at the first hot trace", RUNTIME, &[key::APP_SANDBOX], killed),
    ]);
}

#[test]
fn frameworks_in_apps_that_are_signed_ad_hoc_and_hardened() {
    let row = |thread, what, signer, flags, keys, guest: Library, seen| Row {
        thread,
        what,
        on: BOTH,
        signer,
        flags,
        keys,
        action: Action::Load(guest),
        seen,
    };
    let refused = Err(Shows::LoadError);
    let sparkle = || library(DEVELOPER, Some("SPARKLE000"));
    held(&[
        row("Zesty0wl/mac-performance-monitor#50", "ad hoc and hardened, Sparkle's team", AD_HOC, RUNTIME, &[], sparkle(), refused),
        row(
            "Zesty0wl/mac-performance-monitor#50",
            "Sparkle signed ad hoc again: still refused",
            AD_HOC,
            RUNTIME,
            &[],
            library(AD_HOC, None),
            refused,
        ),
        row("Zesty0wl/mac-performance-monitor#50", "without the runtime: loads", AD_HOC, 0, &[], library(AD_HOC, None), Ok(())),
        row("Duoasa/QuotaView#8", "both ad hoc, hardened: exits in dyld", AD_HOC, RUNTIME, &[], library(AD_HOC, None), refused),
        row("Duoasa/QuotaView#8", "both ad hoc, not hardened: starts", AD_HOC, 0, &[], library(AD_HOC, None), Ok(())),
        row("alltuner/factoryfloor#279", "ad hoc and hardened, Sparkle's team", AD_HOC, RUNTIME, &[], sparkle(), refused),
        row("dotnet/macios#26609", "native libraries ad hoc, hardened", AD_HOC, RUNTIME, &[], library(AD_HOC, None), refused),
        row(
            "kenn-io/ghosthub#156",
            "library validation off in the debug build: loads",
            AD_HOC,
            RUNTIME,
            &[key::LIBRARY_VALIDATION],
            sparkle(),
            Ok(()),
        ),
        row("crazysmile-PhD/downkyicore#250", "libhostfxr ad hoc, hardened", AD_HOC, RUNTIME, &[], library(AD_HOC, None), refused),
        row("open-webui/desktop#146", "the framework of another team", DEVELOPER, RUNTIME, &[], library(AD_HOC, None), refused),
        row(
            "open-webui/desktop#146",
            "library validation off: starts",
            DEVELOPER,
            RUNTIME,
            &[key::LIBRARY_VALIDATION],
            library(AD_HOC, None),
            Ok(()),
        ),
        row(
            "hikariming/openkoto#22",
            "Python.framework of python.org",
            DEVELOPER,
            RUNTIME,
            &[],
            library(DEVELOPER, Some("BMM5U3QVKW")),
            refused,
        ),
    ]);
}

#[test]
fn debuggers_and_their_targets() {
    let row =
        |thread, what, signer, flags, keys, seen| Row { thread, what, on: BOTH, signer, flags, keys, action: Action::BeDebugged, seen };
    let refused = Err(Shows::RefusedToOther);
    held(&[
        row("moonbitlang/openseek#1450", "a hardened development build", DEVELOPER, RUNTIME, &[], refused),
        row("JuliaLang/julia#37069", "the released Julia", DEVELOPER, RUNTIME, &[], refused),
        row(
            "JuliaLang/julia#37069",
            "with the key in a wrong spelling",
            DEVELOPER,
            RUNTIME,
            &["com.apple.security.cs.get-task-allow"],
            refused,
        ),
        row("JuliaLang/julia#37069", "without a signature", SignerKind::Unsigned, 0, &[], Ok(())),
        row("cedowens/EntitlementCheck#4", "one of Apple's programs, no flag at all", SignerKind::Apple, 0, &[], refused),
    ]);
}
