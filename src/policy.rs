//! The model of macOS: would it allow this, with these flags and entitlements? Pure.
//!
//! Detectors, `dyld`, the what-if screen, the least-privilege set and the practice apps all ask this one model.

use crate::evidence::Image;
use crate::finding::Confidence;
use crate::read::cms::SignerKind;
use crate::read::macho::Arch;

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

/// Asks the model.
pub fn decide(_process: &Process, _action: &Action) -> Decision {
    Decision { allowed: true, rule: "", source: "", certainty: Confidence::Possible, shows: None, lifts: Vec::new() }
}
