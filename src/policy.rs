//! The model of macOS: would it allow this, with these flags and entitlements? Pure.
//!
//! Detectors, `dyld`, the what-if screen, the least-privilege set and the practice apps all ask this one model.

use crate::evidence::Image;
use crate::finding::Confidence;
use crate::read::cms::SignerKind;
use crate::read::macho::Arch;

pub mod notary;
mod resources;
pub mod spawn;

pub use resources::{RESOURCES, Resource, resource};

/// Hardened-runtime entitlements and their neighbours, by Apple's key.
#[allow(missing_docs)]
pub mod key {
    pub const ALLOW_JIT: &str = "com.apple.security.cs.allow-jit";
    pub const UNSIGNED_MEMORY: &str = "com.apple.security.cs.allow-unsigned-executable-memory";
    pub const PAGE_PROTECTION: &str = "com.apple.security.cs.disable-executable-page-protection";
    pub const LIBRARY_VALIDATION: &str = "com.apple.security.cs.disable-library-validation";
    pub const DYLD_VARIABLES: &str = "com.apple.security.cs.allow-dyld-environment-variables";
    pub const DEBUGGER: &str = "com.apple.security.cs.debugger";
    pub const GET_TASK_ALLOW: &str = "com.apple.security.get-task-allow";
    pub const APP_SANDBOX: &str = "com.apple.security.app-sandbox";
    pub const INHERIT: &str = "com.apple.security.inherit";
    pub const AUDIO_INPUT: &str = "com.apple.security.device.audio-input";
    pub const CAMERA: &str = "com.apple.security.device.camera";
    pub const LOCATION: &str = "com.apple.security.personal-information.location";
    pub const CONTACTS: &str = "com.apple.security.personal-information.addressbook";
    pub const CALENDARS: &str = "com.apple.security.personal-information.calendars";
    pub const PHOTOS: &str = "com.apple.security.personal-information.photos-library";
    pub const APPLE_EVENTS: &str = "com.apple.security.automation.apple-events";
}

/// The facts of a process that decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Architecture of the slice that runs.
    pub arch: Arch,
    /// Intel code under Rosetta: the Intel column of the memory table.
    pub rosetta: bool,
    /// CodeDirectory flags of the main executable; 0 when unsigned.
    pub flags: u32,
    /// Keys of the main executable that are `true`.
    pub entitlements: Vec<String>,
    /// Team that counts for library validation.
    pub team: Option<String>,
    /// Apple's own code.
    pub platform: bool,
    /// Signer.
    pub signer: SignerKind,
    /// `__RESTRICT,__restrict`.
    pub restricted: bool,
    /// macOS version; `None` means the current ones.
    pub os: Option<(u16, u16)>,
}

impl Process {
    /// The process that `image` would be.
    pub fn of(image: &Image) -> Self {
        let entitlements = image.entitlements().map(|e| e.entries.iter().filter(|(k, _)| e.is_true(k)).map(|(k, _)| k.clone()).collect());
        let signer = image.facts().map_or(SignerKind::Unsigned, |f| f.signer.kind);
        Self {
            arch: image.arch(),
            rosetta: false,
            flags: image.flags(),
            entitlements: entitlements.unwrap_or_default(),
            team: image.team().map(str::to_owned),
            platform: signer == SignerKind::Apple,
            signer,
            restricted: image.macho.is_restricted(),
            os: None,
        }
    }

    /// The runtime flag is set.
    pub fn is_hardened(&self) -> bool {
        self.flags & crate::read::signature::CodeSignatureFlags::RUNTIME != 0
    }

    /// An entitlement is there and true.
    pub fn has(&self, key: &str) -> bool {
        self.entitlements.iter().any(|k| k == key)
    }
}

/// A library to be mapped into a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// Team that counts.
    pub team: Option<String>,
    /// Apple's own code.
    pub platform: bool,
    /// Signer.
    pub signer: SignerKind,
}

impl Library {
    /// The library that `image` would be.
    pub fn of(image: &Image) -> Self {
        let signer = image.facts().map_or(SignerKind::Unsigned, |f| f.signer.kind);
        Self { team: image.team().map(str::to_owned), platform: signer == SignerKind::Apple, signer }
    }
}

/// What a process does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// `mmap(…, MAP_JIT)`.
    MapJit,
    /// `mmap` with write and execute, without MAP_JIT.
    MapWriteExecute,
    /// `mprotect` to write and execute on memory without MAP_JIT.
    ProtectWriteExecute,
    /// Runs a page that was written and then made executable, without MAP_JIT.
    ExecuteFlippedPage,
    /// `mprotect` on a region that was mapped RWX with MAP_JIT.
    ReprotectJitRegion,
    /// Writes into a signed code page, of its own image or a framework's.
    PatchCode,
    /// Maps a library.
    Load(Library),
    /// Has a `DYLD_` variable honoured; an inserted library of another team needs more.
    HonourDyld {
        /// Variable name.
        variable: String,
    },
    /// Has an @-path or relative path in a load command honoured.
    HonourDyldPath {
        /// The path as written.
        path: String,
    },
    /// Is attached to by a debugger.
    BeDebugged,
    /// Asks for another process's task port.
    DebugOther,
    /// Asks for a protected resource, so that the user is prompted.
    UseResource {
        /// Entitlement of the hardened runtime.
        entitlement: String,
        /// Usage string is in the Info.plist that counts; `None` when unknown.
        usage_present: Option<bool>,
    },
    /// Is started.
    Spawn(Box<spawn::Launch>),
    /// Is handed to the notary service.
    Notarize(Box<notary::Submission>),
}

/// How a refusal shows itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// The call fails with this errno.
    Errno(&'static str),
    /// The process is killed: SIGKILL, CODESIGNING 2.
    KilledInvalidPage,
    /// dyld ends the process at launch, or `dlopen` returns NULL with a message.
    LoadError,
    /// Nothing at all.
    Silence,
    /// The process is ended with a message (TCC).
    Abort,
    /// The other side gets an error.
    RefusedToOther,
}

/// What would lift a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lift {
    /// All of these keys on the main executable.
    Entitlements(Vec<&'static str>),
    /// A change of the code.
    Code(&'static str),
    /// A change of signing or packaging, no key.
    Signing(&'static str),
    /// A usage string.
    UsageString,
}

/// The model's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Allowed.
    pub allowed: bool,
    /// The rule, one sentence.
    pub rule: &'static str,
    /// Where it comes from (XNU file, Apple page, thread).
    pub source: &'static str,
    /// How sure the rule is: *certain* only from published source or Apple's documentation.
    pub certainty: Confidence,
    /// How a refusal shows itself; `None` when allowed.
    pub shows: Option<Shows>,
    /// What would lift it, narrowest first; empty when nothing can.
    pub lifts: Vec<Lift>,
}

/// Keys that a `com.apple.security.*` name needs no provisioning profile for on macOS (TN3125), by prefix.
const UNRESTRICTED: &[&str] = &["com.apple.security."];

/// Keys under an unrestricted prefix that need a profile all the same.
const RESTRICTED_SECURITY: &[&str] = &["com.apple.security.vmnet"];

/// A key that must be authorised by a provisioning profile (TN3125): everything but `com.apple.security.*`, with the app-sandbox and hardened-runtime keys.
pub fn is_restricted(key: &str) -> bool {
    let unrestricted = UNRESTRICTED.iter().any(|prefix| key.starts_with(prefix)) || key == "com.apple.private.noprofile";
    (!unrestricted || RESTRICTED_SECURITY.contains(&key)) && key != "get-task-allow" && key.contains(['.', '-'])
}

/// Asks the model.
pub fn decide(process: &Process, action: &Action) -> Decision {
    match action {
        Action::MapJit => map_jit(process),
        Action::MapWriteExecute | Action::ProtectWriteExecute => write_execute(process),
        Action::ExecuteFlippedPage => flipped_page(process),
        Action::ReprotectJitRegion => reprotect_jit(process),
        Action::PatchCode => patch_code(process),
        Action::Load(library) => load(process, library),
        Action::HonourDyld { .. } => honour_dyld(process),
        Action::HonourDyldPath { path } => honour_path(process, path),
        Action::BeDebugged => be_debugged(process),
        Action::DebugOther => debug_other(process),
        Action::UseResource { entitlement, usage_present } => use_resource(process, entitlement, *usage_present),
        Action::Spawn(launch) => spawn::verdict(process, launch).decision,
        Action::Notarize(submission) => notary::decide(submission),
    }
}

const CERTAIN: Confidence = Confidence::Certain;
const LIKELY: Confidence = Confidence::Likely;

fn allow(rule: &'static str, source: &'static str, certainty: Confidence) -> Decision {
    Decision { allowed: true, rule, source, certainty, shows: None, lifts: Vec::new() }
}

fn deny(rule: &'static str, source: &'static str, certainty: Confidence, shows: Shows, lifts: Vec<Lift>) -> Decision {
    Decision { allowed: false, rule, source, certainty, shows: Some(shows), lifts }
}

const VM_MAP: &str = "XNU osfmk/vm/vm_map.c (vm_map_enter, vm_map_protect)";
const JIT_PAGE: &str = "Apple: Allow execution of JIT-compiled code entitlement; XNU bsd/kern/kern_mman.c";
const UNSIGNED_PAGE: &str = "Apple: Allow unsigned executable memory entitlement; XNU osfmk/vm/vm_fault.c";

/// The Intel column of the memory table: Intel code, also under Rosetta (its maps count as "exotic" to XNU).
fn intel_rules(process: &Process) -> bool {
    process.rosetta || !process.arch.is_arm64()
}

/// CS_ENFORCEMENT: unsigned executable pages are a violation.
fn enforced(process: &Process) -> bool {
    let lifted = process.has(key::UNSIGNED_MEMORY) || process.has(key::PAGE_PROTECTION);
    (process.is_hardened() && !lifted) || process.flags & crate::read::signature::CodeSignatureFlags::ENFORCEMENT != 0
}

fn map_jit(process: &Process) -> Decision {
    if !process.is_hardened() {
        return allow("a process that is not hardened may map MAP_JIT memory", VM_MAP, CERTAIN);
    }
    if process.has(key::ALLOW_JIT) {
        return allow("allow-jit permits MAP_JIT memory", JIT_PAGE, CERTAIN);
    }
    let broader = process.has(key::UNSIGNED_MEMORY) || process.has(key::PAGE_PROTECTION);
    if broader && intel_rules(process) {
        return allow("on Intel the broader memory keys include MAP_JIT", UNSIGNED_PAGE, CERTAIN);
    }
    if broader {
        // Sources disagree (public reports against the superset chain of the entitlement pages): never called certain.
        return deny(
            "on Apple silicon MAP_JIT memory needs allow-jit, also where allow-unsigned-executable-memory is present",
            "public reports on Electron for Apple silicon, against the entitlement pages",
            LIKELY,
            Shows::Errno("EINVAL"),
            vec![Lift::Entitlements(vec![key::ALLOW_JIT])],
        );
    }
    let mut lifts = vec![Lift::Entitlements(vec![key::ALLOW_JIT])];
    if intel_rules(process) {
        lifts.push(Lift::Entitlements(vec![key::UNSIGNED_MEMORY]));
    }
    deny("a hardened process may map MAP_JIT memory only with allow-jit", JIT_PAGE, CERTAIN, Shows::Errno("EINVAL"), lifts)
}

fn write_execute(process: &Process) -> Decision {
    const ADOPT: Lift = Lift::Code("map with MAP_JIT and switch between writing and running per thread");
    if !intel_rules(process) {
        return deny(
            "on Apple silicon no process may have memory that is writable and executable at once without MAP_JIT, hardened or not",
            VM_MAP,
            CERTAIN,
            Shows::Errno("EACCES"),
            vec![ADOPT],
        );
    }
    if !enforced(process) {
        return allow("without enforcement Intel code may map writable and executable memory", VM_MAP, CERTAIN);
    }
    deny(
        "a hardened process may not map memory that is writable and executable at once",
        VM_MAP,
        CERTAIN,
        Shows::Errno("EACCES"),
        vec![Lift::Entitlements(vec![key::UNSIGNED_MEMORY]), ADOPT],
    )
}

fn flipped_page(process: &Process) -> Decision {
    if !enforced(process) {
        return allow("without enforcement written pages may be run", UNSIGNED_PAGE, CERTAIN);
    }
    deny(
        "a hardened process is killed when it runs a page that no signature covers; allow-jit covers only MAP_JIT memory",
        UNSIGNED_PAGE,
        CERTAIN,
        Shows::KilledInvalidPage,
        vec![Lift::Entitlements(vec![key::UNSIGNED_MEMORY]), Lift::Code("map the code area with MAP_JIT; then allow-jit is enough")],
    )
}

fn reprotect_jit(process: &Process) -> Decision {
    if intel_rules(process) {
        return allow("on Intel a MAP_JIT region may be protected anew", VM_MAP, CERTAIN);
    }
    deny(
        "since macOS 11.2 a region mapped read-write-execute with MAP_JIT cannot be protected anew on Apple silicon",
        VM_MAP,
        CERTAIN,
        Shows::Errno("EACCES"),
        vec![Lift::Code("use pthread_jit_write_protect_np instead of mprotect")],
    )
}

fn patch_code(process: &Process) -> Decision {
    const STOP: Lift = Lift::Code("stop patching code pages; interpose or hook through data pointers instead");
    if !intel_rules(process) {
        return deny(
            "on Apple silicon signed code pages cannot be written; a changed page kills every signed process",
            "XNU osfmk/vm/vm_fault.c, bsd/kern/kern_cs.c",
            CERTAIN,
            Shows::KilledInvalidPage,
            vec![STOP],
        );
    }
    if !enforced(process) {
        return allow("without enforcement Intel code may patch its pages", UNSIGNED_PAGE, CERTAIN);
    }
    deny(
        "a hardened process is killed when a signed code page was changed in memory",
        "Apple: Disable executable memory protection entitlement; XNU osfmk/vm/vm_fault.c",
        CERTAIN,
        Shows::KilledInvalidPage,
        vec![STOP, Lift::Entitlements(vec![key::UNSIGNED_MEMORY]), Lift::Entitlements(vec![key::PAGE_PROTECTION])],
    )
}

const LV_SOURCE: &str = "Apple: Disable Library Validation entitlement; dyld (fcntl F_CHECK_LV)";

fn load(process: &Process, library: &Library) -> Decision {
    if process.platform && !library.platform {
        return deny(
            "Apple's own programs load only Apple's libraries",
            LV_SOURCE,
            CERTAIN,
            Shows::LoadError,
            vec![Lift::Signing("use a host of your own")],
        );
    }
    let forced = process.flags & crate::read::signature::CodeSignatureFlags::REQUIRE_LV != 0;
    let validates = (process.is_hardened() && !process.has(key::LIBRARY_VALIDATION)) || (forced && !process.has(key::LIBRARY_VALIDATION));
    if !validates {
        return allow("library validation is off for this process", LV_SOURCE, CERTAIN);
    }
    if library.platform {
        return allow("Apple's libraries may always be loaded", LV_SOURCE, CERTAIN);
    }
    if process.team.is_some() && process.team == library.team {
        return allow("the library carries the same team", LV_SOURCE, CERTAIN);
    }
    let rule = if library.signer == SignerKind::Unsigned {
        "library validation: the library is not signed at all"
    } else if process.team.is_none() {
        "library validation: the program has no team (signed ad hoc or by itself), so no library can match"
    } else if library.team.is_none() {
        "library validation: the library has no team (signed ad hoc or by itself)"
    } else {
        "library validation: the library was signed by another team"
    };
    let lifts = vec![
        Lift::Signing("sign the library with the identity of the program that loads it"),
        Lift::Entitlements(vec![key::LIBRARY_VALIDATION]),
    ];
    deny(rule, LV_SOURCE, CERTAIN, Shows::LoadError, lifts)
}

const DYLD_SOURCE: &str = "Apple: Allow DYLD environment variables entitlement; dyld DyldProcessConfig.cpp";

fn honour_dyld(process: &Process) -> Decision {
    let marked = process.restricted || process.flags & crate::read::signature::CodeSignatureFlags::RESTRICT != 0;
    if process.platform {
        return deny("Apple's own programs drop every DYLD_ variable", DYLD_SOURCE, CERTAIN, Shows::Silence, Vec::new());
    }
    if !process.is_hardened() && !marked {
        return allow("a process that is not hardened or restricted honours DYLD_ variables", DYLD_SOURCE, CERTAIN);
    }
    if process.has(key::DYLD_VARIABLES) {
        return allow("allow-dyld-environment-variables is present", DYLD_SOURCE, CERTAIN);
    }
    if process.has(key::GET_TASK_ALLOW) {
        return allow("get-task-allow also lifts the limit on DYLD_ variables", "Apple: Hardened Runtime; inferred", LIKELY);
    }
    let lifts = vec![
        Lift::Code("use @rpath or @loader_path install names"),
        Lift::Entitlements(vec![key::GET_TASK_ALLOW]),
        Lift::Entitlements(vec![key::DYLD_VARIABLES]),
    ];
    deny("dyld deletes every DYLD_ variable in a hardened process, without a message", DYLD_SOURCE, CERTAIN, Shows::Silence, lifts)
}

fn honour_path(process: &Process, path: &str) -> Decision {
    let relative = !path.starts_with('/') && (!path.starts_with('@') || path.starts_with("@@"));
    if !relative || !process.is_hardened() || process.has(key::DYLD_VARIABLES) {
        return allow("dyld takes this path", DYLD_SOURCE, LIKELY);
    }
    deny(
        "dyld refuses a relative library path in a hardened program",
        "dyld (\"relative path not allowed in hardened program\")",
        CERTAIN,
        Shows::LoadError,
        vec![Lift::Signing("set an absolute or @rpath install name")],
    )
}

fn be_debugged(process: &Process) -> Decision {
    const SOURCE: &str = "Apple: Hardened Runtime; kernel message \"is hardened, doesn't have get-task-allow\"";
    if process.platform {
        return deny(
            "Apple's own programs cannot be debugged while System Integrity Protection is on",
            SOURCE,
            CERTAIN,
            Shows::RefusedToOther,
            Vec::new(),
        );
    }
    if !process.is_hardened() || process.has(key::GET_TASK_ALLOW) {
        return allow("a debugger may attach", SOURCE, CERTAIN);
    }
    deny(
        "no debugger may attach to a hardened process without get-task-allow, not even as root",
        SOURCE,
        CERTAIN,
        Shows::RefusedToOther,
        vec![Lift::Entitlements(vec![key::GET_TASK_ALLOW])],
    )
}

fn debug_other(process: &Process) -> Decision {
    const SOURCE: &str = "Apple: Debugging tool entitlement; XNU bsd/kern/kern_proc.c";
    if !process.is_hardened() || process.has(key::DEBUGGER) {
        return allow("may ask for the task port of programs that allow it", SOURCE, LIKELY);
    }
    deny(
        "a hardened tool may ask for other task ports only with cs.debugger",
        SOURCE,
        LIKELY,
        Shows::Errno("KERN_FAILURE"),
        vec![Lift::Entitlements(vec![key::DEBUGGER])],
    )
}

fn use_resource(process: &Process, entitlement: &str, usage_present: Option<bool>) -> Decision {
    const SOURCE: &str = "Apple: Hardened Runtime, resource access; Requesting access to protected resources";
    let known = RESOURCES.iter().find(|r| r.entitlement == entitlement).map(|r| r.entitlement);
    if let Some(entitlement) = known.filter(|key| process.is_hardened() && !process.has(key)) {
        return deny(
            "a hardened program is never allowed to ask for this without the entitlement: no prompt, no message",
            SOURCE,
            CERTAIN,
            Shows::Silence,
            vec![Lift::Entitlements(vec![entitlement])],
        );
    }
    if usage_present == Some(false) {
        return deny("a program that asks without a usage description is ended", SOURCE, CERTAIN, Shows::Abort, vec![Lift::UsageString]);
    }
    allow("the user is asked", SOURCE, CERTAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNTIME: u32 = crate::read::signature::CodeSignatureFlags::RUNTIME;

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
        let library = |team: Option<&str>, signer| {
            Action::Load(Library { team: team.map(Into::into), platform: signer == SignerKind::Apple, signer })
        };
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
        for key in [
            key::ALLOW_JIT,
            key::GET_TASK_ALLOW,
            key::APP_SANDBOX,
            "com.apple.security.hypervisor",
            "com.apple.security.application-groups",
        ] {
            assert!(!is_restricted(key), "{key}");
        }
    }
}
