//! Evidence → findings: one file per detector.
//!
//! A detector is a pure function on [`Scene`]. Beside each [`Finding`] for people it leaves a [`Clue`]: the same fact in types, so that
//! `diagnose` never reads a sentence to learn what was found.

mod constraints;
mod crash;
mod environment;
mod keys;
mod libraries;
pub(crate) mod log;
mod memory;
mod resources;
mod scene;
mod signing;
mod tie;

pub use keys::place;
pub(crate) use log::{engine_name, process_of, reason_words};
pub(crate) use memory::{RuledOut, call_text, rules_out};
pub use scene::Scene;
pub(crate) use signing::fault_words;

use crate::finding::{Confidence, Finding, Kind, Location, Proof, Severity};
use crate::policy::Resource;
use crate::read::log::{ConstraintError, Proc, SigningFailure, TriedReason};
use crate::read::macho::Arch;
use crate::read::signature::ConstraintSlot;

/// How memory is made executable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MemoryUse {
    /// Maps with MAP_JIT.
    MapJit,
    /// Writes pages and makes them executable without MAP_JIT.
    FlipsPages,
    /// Maps or protects memory writable and executable at once, without MAP_JIT.
    WriteExecute,
    /// Writes into code pages of loaded images.
    PatchesCode,
    /// Generates code; how is not known.
    Unknown,
}

/// What says that an engine got no memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// A trap somewhere in the engine: nothing by itself.
    InEngine,
    /// A trap in a function that sets up or protects its code memory.
    InSetUp,
    /// Its own message, or the kernel's.
    Message,
}

/// Why a program could not be what the report says: not the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnFault {
    /// A library is not there.
    LibraryMissing,
    /// A library has no slice for the process.
    WrongArchitecture,
    /// A symbol or version is missing.
    SymbolMissing,
    /// A null or wild pointer.
    BadPointer,
    /// The program ended itself (abort, assertion, uncaught exception).
    Abort,
    /// An Objective-C exception that nothing caught: its own stack says so.
    Exception,
    /// Another kernel limit (jetsam, guard, watchdog …): the namespace.
    Other(String),
}

/// What was found, in types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clue {
    /// An image uses memory like this.
    Memory(MemoryUse),
    /// An image holds an engine that generates code.
    Engine {
        /// Short name.
        name: &'static str,
        /// How such an engine usually maps its code.
        usual: MemoryUse,
        /// It works without generated code, only slower.
        optional: bool,
    },
    /// Something sets a DYLD_ variable for the subject (or the processes it starts).
    SetsDyld {
        /// Variable name.
        variable: String,
        /// A script or its interpreter stands between.
        through_script: bool,
    },
    /// The program is meant to be started with a DYLD_ variable set by somebody else (store overlay).
    ExpectsInjection,
    /// A load that library validation refuses: index into [`Scene::loads`].
    LibraryRefused(usize),
    /// A load that the program's library constraint refuses: index into [`Scene::loads`].
    LibraryConstrained(usize),
    /// A launch constraint of the subject that refuses, or cannot be read.
    ConstraintNotMet(ConstraintSlot),
    /// A load that finds nothing: index into [`Scene::loads`].
    LibraryMissing(usize),
    /// A load that finds no slice: index into [`Scene::loads`].
    LibraryWrongArch(usize),
    /// A relative install name in a hardened program.
    RelativeName(String),
    /// An image uses a protected resource.
    UsesResource(&'static Resource),
    /// A usage key without effect.
    WrongUsageKey(&'static Resource, String),
    /// An entitlement without effect for this resource.
    WrongEntitlement(&'static Resource, String),
    /// The executable is not hardened.
    NotHardened {
        /// Keys that do nothing without the flag.
        inert: Vec<String>,
    },
    /// Hardened-runtime keys on code that is not an executable.
    KeysOnLibrary(Vec<String>),
    /// `get-task-allow` in something that is to be distributed.
    GetTaskAllowShipped,
    /// A restricted key without a profile.
    RestrictedKeys(Vec<String>),
    /// Entitlements that macOS cannot parse.
    MalformedEntitlements,
    /// The signature of a slice does not match.
    BrokenSignature,
    /// A file does not match the seal of its bundle, or nested code is not what was sealed.
    BrokenSeal,
    /// Signed with a development identity, without a timestamp, … : the notary would refuse.
    NotaryWouldRefuse,

    /// Killed for a page of memory that belongs to no file.
    KilledAnonymousPage,
    /// Killed for a page of a file; which file, as written.
    KilledFilePage {
        /// Path as written; `None` when not said.
        file: Option<String>,
        /// dyld was loading it.
        while_loading: bool,
        /// The file changed after its signature was cached.
        replaced: bool,
    },
    /// Killed for a changed code page of an image that is intact on disk, with the patching image above it.
    KilledPatchedPage {
        /// Image that patched.
        patcher: Option<String>,
        /// Image that was patched.
        patched: Option<String>,
    },
    /// Killed for a page; which one is not known.
    KilledPage,
    /// A runtime could not get executable memory.
    EngineRefused {
        /// Engine word.
        engine: &'static str,
        /// It goes on without.
        degrades: bool,
        /// What says so.
        sign: Sign,
    },
    /// Writing to or running JIT memory went wrong on the program's own side.
    JitMisused,
    /// The kernel refused memory that is writable and executable.
    WriteExecuteRefused,
    /// Refused at launch because of its signature.
    LaunchRefused,
    /// Refused at launch: restricted entitlements.
    RestrictedRefused(Vec<String>),
    /// Launch constraint: what the kernel says of it, and the process that did not satisfy it.
    LaunchConstraint {
        /// The numbers of the kernel's line.
        error: Option<ConstraintError>,
        /// As named in that line.
        failed: Proc,
    },
    /// Gatekeeper.
    Gatekeeper,
    /// A folder that macOS keeps for programs which the user allows.
    ProtectedPlace {
        /// Only Full Disk Access opens it.
        full_disk: bool,
    },
    /// Gatekeeper could not judge, for a reason that is not the file's.
    AssessmentFailed,
    /// App Management kept one app from changing another.
    AppManagement,
    /// The sandbox forbade something.
    SandboxDenied {
        /// Operation.
        operation: String,
        /// The program ends for want of it.
        ends: bool,
    },
    /// A child of a sandboxed app could not set up its own sandbox.
    SandboxSetUp,
    /// dyld refused or missed a library.
    LoadFailed {
        /// Name asked for.
        name: String,
        /// Image that asked, as written.
        from: Option<String>,
        /// File the strongest reason is about, as written.
        file: Option<String>,
        /// Strongest reason.
        reason: TriedReason,
        /// A plug-in or `dlopen`.
        is_dlopen: bool,
        /// By DYLD_INSERT_LIBRARIES.
        inserted: bool,
    },
    /// tccd: the entitlement is missing.
    ResourceEntitlementMissing(&'static Resource),
    /// A usage description is missing.
    UsageMissing {
        /// Resource, when it is one of the seven.
        resource: Option<&'static Resource>,
        /// Key.
        key: String,
        /// The process was ended for it.
        fatal: bool,
    },
    /// tccd denied without saying why.
    ResourceDenied(&'static Resource),
    /// A debugger was refused; `true` when the target is said to be hardened without get-task-allow.
    AttachRefused(bool),
    /// Entitlements could not be parsed (log, codesign, notary).
    EntitlementsUnparsable {
        /// While signing.
        at_signing: bool,
    },
    /// `codesign` says that something is wrong with a signature.
    CodesignProblem(String),
    /// codesign cannot seal a bundle or an executable that is laid out like this.
    BadLayout,
    /// `spctl` does not accept the file; with the source that it names.
    PolicyRejected(Option<String>),
    /// Privacy settings or System Integrity Protection denied this operation.
    SystemPolicyDenied {
        /// Operation word.
        operation: String,
    },
    /// A service of macOS wants these entitlements, which Apple grants.
    RestrictedMissing(Vec<String>),
    /// The notary's answer without its reasons; true: `stapler` found no ticket.
    NotaryUnread(bool),
    /// `codesign` would not sign because of attributes on files.
    Detritus,
    /// Nothing could be signed.
    SigningFailed(SigningFailure),
    /// The notary refused.
    NotaryIssue(String),
    /// The program was ended by itself or a plain fault.
    Own(OwnFault),
    /// A process died, and why is not said here; a report may be saved elsewhere.
    Died,
    /// A crash report exists that was not given.
    ReportElsewhere,
    /// The same bytes run from another place, or the file verifies while the process is refused.
    IntactOnDisk,
    /// A copy elsewhere runs.
    CopyRuns,
    /// Started directly it runs.
    DirectRuns,
    /// Under a debugger it runs.
    DebuggerRuns,
    /// A file was overwritten in place.
    Overwritten,
    /// A protected interpreter drops DYLD_ variables on the way.
    ProtectedShell {
        /// Interpreter or tool.
        by: String,
        /// Variable.
        variable: String,
    },
    /// The version of macOS, (major, minor).
    ShownSystem(u16, u16),
    /// `codesign -d` showed the runtime flag (true) or its absence (false).
    ShownHardened(bool),
    /// `codesign -d` showed a file with one slice, of this architecture.
    ShownArch(Arch),
    /// `codesign -d` showed these entitlements: (key, true).
    ShownEntitlements(Vec<String>),
    /// A provisioning profile was shown that names single Macs: one for development.
    ShownProfileOfDevices,
    /// The process's flags in a crash report.
    ProcessFlags(u32),
    /// Nothing that decides.
    None,
}

/// A finding with its clue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// For people and the report.
    pub finding: Finding,
    /// For `diagnose`.
    pub clue: Clue,
    /// Evidence text it comes from: index into `Evidence::texts`; `None` for what the bundle shows.
    pub text: Option<usize>,
}

impl Detected {
    /// A finding about an image or file of the target.
    fn of_code(id: &'static str, kind: Kind, severity: Severity, confidence: Confidence, message: String, clue: Clue) -> Self {
        let finding = Finding {
            id,
            kind,
            subject: String::new(),
            arch: None,
            severity,
            confidence,
            message,
            location: Location::default(),
            code: None,
            proof: Vec::new(),
        };
        Self { finding, clue, text: None }
    }

    fn on(mut self, subject: impl Into<String>, arch: Option<Arch>) -> Self {
        self.finding.subject = subject.into();
        self.finding.arch = arch;
        if self.finding.location.path.is_empty() {
            self.finding.location.path = self.finding.subject.clone();
            self.finding.location.place = arch.map(|a| a.name().to_owned()).unwrap_or_default();
        }
        self
    }

    fn at(mut self, place: impl Into<String>) -> Self {
        self.finding.location.place = place.into();
        self
    }

    fn seen(mut self, proof: Proof) -> Self {
        self.finding.proof.push(proof);
        self
    }
}

/// All findings of all detectors, in stable order.
pub fn detect(scene: &Scene<'_>) -> Vec<Detected> {
    const TABLE: &[fn(&Scene<'_>) -> Vec<Detected>] = &[
        crash::detect,
        log::detect,
        memory::detect,
        environment::detect,
        libraries::detect,
        constraints::detect,
        resources::detect,
        signing::detect,
        keys::detect,
    ];
    TABLE.iter().flat_map(|detector| detector(scene)).collect()
}
