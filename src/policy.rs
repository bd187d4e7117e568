//! The model of macOS: would it allow this, with these flags and entitlements, on this processor and this version? Pure.
//!
//! Detectors, `dyld`, the what-if screen, the least-privilege set and the practice apps all ask this one model. Each group of rules is a file; every
//! answer names its rule, where the rule comes from, how sure it is, how a refusal shows itself, and what would lift it.

use crate::evidence::Image;
use crate::finding::Confidence;
use crate::read::cms::SignerKind;
use crate::read::macho::Arch;
use crate::read::signature::CodeSignatureFlags;

pub mod constraint;
mod debugging;
mod environment;
mod libraries;
mod memory;
pub mod notary;
mod privacy;
mod resources;
mod shows;
pub mod spawn;

pub use environment::{Variable, variable};
pub use privacy::is_sandbox_only;
pub use resources::{RESOURCES, Resource, SERVICES, Service, Usage, resource};
pub use shows::{Shows, Signs};

/// Entitlements of the hardened runtime and their neighbours, by Apple's key.
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
    pub const APPLICATION_GROUPS: &str = "com.apple.security.application-groups";
    pub const APPLE_EVENTS: &str = "com.apple.security.automation.apple-events";
    pub const MICROPHONE: &str = "com.apple.security.device.microphone";
    pub const SCRIPTING_TARGETS: &str = "com.apple.security.scripting-targets";
    pub const SCRIPTING_EXCEPTION: &str = "com.apple.security.temporary-exception.apple-events";
    pub const SINGLE_JIT: &str = "com.apple.security.cs.single-jit";
    pub const JIT_ALLOWLIST: &str = "com.apple.security.cs.jit-write-allowlist";
}

/// The facts of a process that decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Architecture of the slice that runs.
    pub arch: Arch,
    /// Intel code under Rosetta: the Intel column of the memory table.
    pub rosetta: bool,
    /// CodeDirectory flags of the main executable, or the flags of a process from its crash report; 0 when unsigned.
    pub flags: u32,
    /// Keys of the main executable that are `true`, and those whose value is no boolean and that count by being there.
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

/// Flags that the kernel takes from a file (XNU osfmk/kern/cs_blobs.h CS_ALLOWED_MACHO); it ignores the others.
const FROM_FILE: u32 = 0x0003_3f02;
/// A debugger relaxed what is enforced (CS_DEBUGGED); only a running process has it.
const DEBUGGED: u32 = 0x1000_0000;
/// Others may take the task port (CS_GET_TASK_ALLOW); only a running process has it.
const GET_TASK_ALLOW: u32 = 0x4;

impl Process {
    /// The process that `image` would be.
    pub fn of(image: &Image) -> Self {
        let by_presence = |key: &str| key == key::SCRIPTING_TARGETS || key == key::SCRIPTING_EXCEPTION;
        let counts = |entitlements: &crate::read::entitlements::Entitlements, key: &str| entitlements.is_true(key) || by_presence(key);
        let entitlements = image.entitlements().map(|e| e.entries.iter().filter(|(k, _)| counts(e, k)).map(|(k, _)| k.clone()).collect());
        let signer = image.facts().map_or(SignerKind::Unsigned, |f| f.signer.kind);
        Self {
            arch: image.arch(),
            rosetta: false,
            flags: image.flags() & FROM_FILE,
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
        self.flags & CodeSignatureFlags::RUNTIME != 0
    }

    /// An entitlement is there and true.
    pub fn has(&self, key: &str) -> bool {
        self.entitlements.iter().any(|k| k == key)
    }

    /// The same process without any entitlement: what a key has to be there for.
    pub fn bare(&self) -> Self {
        Self { entitlements: Vec::new(), ..self.clone() }
    }

    /// The runtime flag is set, and this macOS knows it: 10.13.6 is the first (Apple: Hardened Runtime).
    fn is_runtime(&self) -> bool {
        self.is_hardened() && self.since(10, 13)
    }

    /// This macOS is that version or later; the current ones are.
    fn since(&self, major: u16, minor: u16) -> bool {
        self.os.is_none_or(|os| os >= (major, minor))
    }

    fn is_debugged(&self) -> bool {
        self.flags & DEBUGGED != 0
    }

    fn is_sandboxed(&self) -> bool {
        self.has(key::APP_SANDBOX)
    }

    /// The Intel column of the memory table: Intel code, also under Rosetta (its maps count as "exotic" to XNU).
    fn is_intel(&self) -> bool {
        self.rosetta || !self.arch.is_arm64()
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
    /// A further region with MAP_JIT.
    MapSecondJit,
    /// MAP_JIT together with MAP_FIXED, MAP_SHARED or a file.
    MapJitFixedOrShared,
    /// `mmap` with write and execute, without MAP_JIT.
    MapWriteExecute,
    /// `mprotect` to write and execute on memory without MAP_JIT.
    ProtectWriteExecute,
    /// Runs a page that was written and then made executable, without MAP_JIT.
    ExecuteFlippedPage,
    /// `mprotect` between writing and running on a region that was mapped with MAP_JIT, but not for both at once.
    FlipJitRegion,
    /// `mprotect` on a region that was mapped RWX with MAP_JIT.
    ReprotectJitRegion,
    /// `pthread_jit_write_protect_np`.
    SwitchJitWrites,
    /// Writes to MAP_JIT memory on a thread that did not switch to writing.
    WriteJitUnswitched,
    /// Writes into a signed code page, of its own image or a framework's.
    PatchCode,
    /// Runs a page of a file that is not what was signed.
    RunChangedPage,
    /// Runs code of a file that was overwritten after it had been used.
    RunReplacedFile,
    /// Maps a library that a load command names.
    Load(Library),
    /// Opens a library or plug-in at run time (`dlopen`, `NSBundle`, `CFBundle`).
    Open(Library),
    /// `NSCreateObjectFileImageFromMemory` and `NSLinkModule`.
    LoadFromMemory,
    /// Has a library of DYLD_INSERT_LIBRARIES put in.
    Insert(Library),
    /// Has a `DYLD_` variable honoured.
    HonourDyld {
        /// Variable name.
        variable: String,
    },
    /// Hands a `DYLD_` variable on to a program that it starts.
    PassOnDyld {
        /// It came with the environment; otherwise the process sets it itself.
        received: bool,
    },
    /// Has an LC_DYLD_ENVIRONMENT honoured.
    HonourEmbeddedDyld,
    /// Has an @-path or relative path in a load command honoured.
    HonourDyldPath {
        /// The path as written.
        path: String,
    },
    /// Has a library found by its name alone in dyld's fallback folders (`/usr/local/lib`, the current folder).
    UseFallbackPath,
    /// Is attached to by a debugger.
    BeDebugged,
    /// Asks for another process's task port.
    DebugOther,
    /// Asks for the task port of that process.
    Attach(Box<Process>),
    /// Uses its own task port, or one that was handed to it in a message (crash reporters).
    TakeGivenPort,
    /// Asks for a protected resource, so that the user is prompted.
    UseResource {
        /// Entitlement of the hardened runtime.
        entitlement: String,
        /// Usage string is in the Info.plist that counts; `None` when unknown.
        usage_present: Option<bool>,
    },
    /// Uses a protected resource that the user granted before.
    UseGranted {
        /// Entitlement of the hardened runtime.
        entitlement: String,
    },
    /// Sends an Apple event.
    SendAppleEvent {
        /// To itself or a program of the same team.
        same_team: bool,
        /// Usage string is in the Info.plist that counts; `None` when unknown.
        usage_present: Option<bool>,
    },
    /// Asks for a service of TCC that the hardened runtime has no entitlement for.
    UseService {
        /// `kTCCService…`.
        service: String,
        /// Usage string is in the Info.plist that counts; `None` when unknown.
        usage_present: Option<bool>,
    },
    /// Starts as the child of a sandboxed app, with `com.apple.security.inherit`.
    InheritSandbox,
    /// Changes files in the bundle of another app.
    ChangeOtherApp {
        /// It was signed by the same team.
        same_team: bool,
    },
    /// Is started.
    Spawn(Box<spawn::Launch>),
    /// Is handed to the notary service.
    Notarize(Box<notary::Submission>),
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

impl Decision {
    /// The narrowest set of keys that would lift the refusal; `None` when it is allowed or no key can.
    pub fn least_keys(&self) -> Option<&[&'static str]> {
        self.lifts.iter().find_map(|lift| match lift {
            Lift::Entitlements(keys) => Some(keys.as_slice()),
            _ => None,
        })
    }

    /// What to do instead of adding a key: the first lift that is none.
    pub fn instead(&self) -> Option<&'static str> {
        self.lifts.iter().find_map(|lift| match lift {
            Lift::Code(text) | Lift::Signing(text) => Some(*text),
            _ => None,
        })
    }
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
        Action::MapJit => memory::map_jit(process),
        Action::MapSecondJit => memory::map_second_jit(process),
        Action::MapJitFixedOrShared => memory::map_jit_fixed(),
        Action::MapWriteExecute | Action::ProtectWriteExecute => memory::write_execute(process),
        Action::ExecuteFlippedPage => memory::flipped_page(process),
        Action::FlipJitRegion => memory::flip_jit(process),
        Action::ReprotectJitRegion => memory::reprotect_jit(process),
        Action::SwitchJitWrites => memory::switch_writes(process),
        Action::WriteJitUnswitched => memory::write_unswitched(process),
        Action::PatchCode => memory::patch_code(process),
        Action::RunChangedPage => memory::changed_page(process),
        Action::RunReplacedFile => memory::replaced_file(),
        Action::Load(library) => libraries::load(process, library),
        Action::Open(library) => libraries::open(process, library),
        Action::LoadFromMemory => libraries::from_memory(process),
        Action::Insert(library) => libraries::insert(process, library),
        Action::HonourDyld { variable } => environment::honour(process, variable),
        Action::PassOnDyld { received } => environment::pass_on(process, *received),
        Action::HonourEmbeddedDyld => environment::embedded(process),
        Action::HonourDyldPath { path } => environment::path(process, path),
        Action::UseFallbackPath => environment::fallback(process),
        Action::BeDebugged => debugging::be_debugged(process),
        Action::DebugOther => debugging::debug_other(process),
        Action::Attach(target) => debugging::attach(process, target),
        Action::TakeGivenPort => debugging::given_port(),
        Action::UseResource { entitlement, usage_present } => privacy::resource(process, entitlement, *usage_present),
        Action::UseGranted { entitlement } => privacy::granted(process, entitlement),
        Action::SendAppleEvent { same_team, usage_present } => privacy::apple_event(process, *same_team, *usage_present),
        Action::UseService { service, usage_present } => privacy::service(process, service, *usage_present),
        Action::InheritSandbox => privacy::inherit_sandbox(process),
        Action::ChangeOtherApp { same_team } => privacy::change_other_app(process, *same_team),
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

#[cfg(test)]
mod tests;
