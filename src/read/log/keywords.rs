//! The words that make a line worth reading, and which readers want it.
//!
//! A log may have hundreds of megabytes. One pass of Aho-Corasick over the bytes finds the few lines that hold one of these words
//! (leftmost-first: the default match kind is many times slower); nothing is allocated for the others.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::sync::OnceLock;

/// A set of line families.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Families(u16);

impl Families {
    pub const DYLD: Families = Families(1);
    pub const AMFI: Families = Families(2);
    pub const KERNEL: Families = Families(4);
    pub const TCC: Families = Families(8);
    pub const CODESIGN: Families = Families(16);
    pub const RUNTIME: Families = Families(32);
    pub const SHELL: Families = Families(64);
    pub const NOTARY: Families = Families(128);
    pub const SYSTEM: Families = Families(256);

    pub fn has(self, other: Families) -> bool {
        self.0 & other.0 != 0
    }

    fn with(self, other: Families) -> Families {
        Families(self.0 | other.0)
    }
}

const WORDS: &[(Families, &[&str])] = &[
    (
        Families::DYLD,
        &[
            "Library not loaded",
            "tried: ",
            "dlopen(",
            "dlopen failed",
            "no suitable image found",
            "image not found",
            "DllNotFoundException: ",
            "inserted library",
            "inserted dylib",
            "Symbol not found",
            "code signing blocked",
            "not valid for use in process",
            "code signature in",
            "unsafe use of",
            "in hardened program",
            "@ path expansion",
            "incompatible architecture",
            "dlopen_preflight",
            "because dependent dylib",
            "(load command 0x",
            "mapping process and mapped file",
            "mapped file has no",
            "mapping process is a platform",
        ],
    ),
    (
        Families::AMFI,
        &[
            "Library Validation failed",
            "nsatisfied entitlements",
            "nsatisfied Entitlements",
            "no eligible provisioning",
            "AppleMobileFileIntegrityError",
            "estricted entitlements",
            "entitlement is not allowed",
            "ailed to parse entitlements",
            "UnserializeXML",
            "cannot be parsed",
            "could not load its entitlements",
            "entitlements blob",
            "Constraint Violation",
            "hook..execve() killing",
            "Taskgated Invalid",
            "load code signature error",
            "validation failed fatally",
            "Broken signature with Team",
            "signature not valid: ",
            "no CMS blob",
            "Unrecoverable CT",
            "code signature validation failed.",
            "ASP: Library load",
            "pplication requires '",
            "ERR_NOT_ENTITLED",
            "SystemExtensionErrorDomain",
            "code signature or missing entitlements",
            "requestor's team ID",
            "TCC-protected group container",
        ],
    ),
    (
        Families::KERNEL,
        &[
            "cs_invalid_page",
            "rejecting invalid page",
            "code-signing-violation",
            "NOTE_EXIT_CSERROR",
            "write+execute. failing",
            "curprot cannot",
            "have both write and exec",
            "denies JIT mapping",
            "may not get the task",
            " deny(",
            ") deny ",
            "sandbox denied the right to lookup",
            "mach_vm_allocate_kernel",
        ],
    ),
    (
        Families::TCC,
        &[
            "requires entitlement",
            "Refusing authorization request",
            "Policy disallows prompt",
            "Platform binary prompting",
            "AUTHREQ_PROMPTING",
            "privacy-sensitive data",
            "CNErrorDomain Code=100",
            "kCLErrorDomain Code=1",
            "SystemPolicyAppBundles",
            "prevented from modifying",
            "peration not permitted",
            "DUE_TO_PRIVACY_VIOLATION",
            "to send Apple events",
            "errAEEvent",
            "-1743",
            "-1744",
            "\u{2212}1743",
            "\u{2212}1744",
            "authorized to capture video",
            "access denied",
            "ccess to the ",
            "permission denied",
        ],
    ),
    (
        Families::CODESIGN,
        &[
            "Executable=",
            "CodeDirectory v=",
            "Format=",
            "flags=0x",
            "TeamIdentifier=",
            "ProvisionedDevices",
            "[Key]",
            "<key>",
            "valid on disk",
            "satisfies its Designated",
            "explicit requirement satisfied",
            ": accepted",
            ": rejected",
            "Too many open files",
            "internal error in Code",
            "detritus not allowed",
            "errSecInternalComponent",
            "User interaction is not allowed",
            "item could not be found in the keychain",
            "identity cannot be used",
            "Developer ID Installer:",
            ": ambiguous (matches",
            ": no identity found",
            "unable to build chain",
            "timestamp was expected",
            "timestamp service is not",
            "timestamps differ by",
            "code object is not signed",
            "signature have been modified",
            "sealed resource is",
            "signature indicates they must",
            "nested code is",
            "to satisfy specified code",
            "satisfy its Designated",
            "satisfy its designated",
            "failed strict validation",
            "unsealed contents",
            "modified or invalid version",
            "bundle format",
            "object file format",
            "not sealed by signature",
            "resource directory is",
            "resource envelope is",
            "no main executable",
            "be a regular file",
            "unsupported resource found",
            "multiple executable segments",
            "cannot be a symlink",
            "too big for current",
            "signer is not trusted",
            "symbolic link in bundle",
            "format for signature",
            "the code is invalid",
            "CSSMERR_TP_",
            "code signature is not valid",
            "code signature for running",
            "notarization has been revoked",
            "file modified: ",
            "file added: ",
            "file missing: ",
            "In subcomponent: ",
            "Code=-6",
            "(-67",
            "(-66",
            "error -67",
            "error -66",
            "status -67",
            "status: -67",
            "OSStatus -6",
            "error: -67",
        ],
    ),
    (
        Families::RUNTIME,
        &[
            "CodeRange",
            "ermissions",
            "reserve memory for new V8",
            "executable memory",
            "CodeHeap",
            "code cache",
            "ffi.callback",
            "FUNCTYPE(",
            "ffi_closure_alloc",
            "write+execute memory",
            "JIT memory",
            "JIT compilation failed",
            "pcre2_jit_compile",
            "mcode memory",
            "noexec filesystem",
            "mono_code_manager",
            "mono-codeman.c",
            "mono_vmem_alloc",
            "mono_valloc",
            "JIT protections",
            "JIT buffer",
            "jit buffer",
            "memory for the JIT",
            "JIT is disabled",
            "executable+writable",
            "Exhausted heap space",
            "SetMemPerms",
            "objc_exception_throw",
            "dynamic translator buffer",
            "code_gen_buffer",
            "section memory",
            "readonly and executable",
            "memory executable",
            "JIT page",
            "executable page",
            "RWX memory",
            "memory for JIT",
            "by allowlist",
            "not in allowlist",
            "pthread_jit_write",
            "restricted kernel",
            "os::commit_memory",
            "freeze-late",
            "pthread jit write",
            "machine code",
            "CoreCLR, HRESULT",
            "coreclr, hresult",
            "coreclr_initialize",
            "GC heap initialization failed",
            "MAP_JIT",
            "PROT_EXEC",
            "mprotect",
            "vm_protect",
            "uncaught exception",
            "Cannot find module",
            "nexpectedly found nil",
            "unrecognized selector",
            "panicked at ",
            "Assertion failed:",
            "Check failed: 12",
            "Index out of range",
            "dereference a null",
            "ad CPU type",
            "uncaught target signal",
            "---> Running in ",
            "build context to Docker",
            "The command '/bin/sh -c",
            "executor failed running",
            "Invalid dylib load",
        ],
    ),
    (
        Families::SHELL,
        &[
            "(lldb)",
            "$ ",
            "% ",
            "❯ ",
            "➜ ",
            "zsh: ",
            "killed ",
            "Killed: 9",
            "trace trap",
            "BPT trap",
            "Abort trap",
            "abort ",
            "egmentation fault",
            "us error",
            "llegal instruction",
            "illegal hardware",
            "EXC_BAD_ACCESS (code=",
            "EXC_BREAKPOINT (code=",
            "exit ",
            "exited with",
            "exit=",
            "returncode",
            "return code",
            "status code ",
            "non-zero exit",
            "code: ",
            "signal",
            "Signals.SIG",
            "killed by",
            "terminated by",
            "DYLD_",
            "#!",
            "verwriting",
            "ProductVersion:",
        ],
    ),
    (
        Families::NOTARY,
        &[
            "signature of the binary",
            "binary is not signed",
            "secure timestamp",
            "get-task-allow entitlement",
            "the hardened runtime enabled",
            "uses an SDK older",
            "entitlements are invalid",
            "valid Developer ID certificate",
            "could not be extracted",
            "critical validation errors",
            "status: Invalid",
            "\"status\":\"Invalid\"",
            "validate action failed",
            "encoded ticket in response",
        ],
    ),
    (
        Families::SYSTEM,
        &[
            "termination reported by launchd",
            "OS_REASON_",
            "exited due to",
            "spawn failed",
            "posix_spawn",
            "Launch failed",
            "NSPOSIXErrorDomain",
            "Saved crash report",
            "Saved type '",
            "Formulating fatal",
            "is damaged and can",
            "Is Damaged And Can",
            "damaged and should",
            "cannot check it for",
            "could not verify",
            "cannot be verified",
            "cannot verify th",
            "from an identified",
            "blocked to protect",
            "已损坏",
            "无法验证开发者",
            "无法检查其是否",
            "開発元",
            "壊れているため",
            "est endommagé et",
            "peut pas être vérifié",
            "aucun logiciel malveillant",
            "will damage your",
            "unidentified developer",
            "contains malware",
            "Not Opened",
            "Fails dylib check",
            "rPathCmd",
            "on loadCmd",
            "denial breadcrumb",
            "results: malware",
            "Security policy would not",
            "task_for_pid",
            "to attach",
            "attach failed",
            "attach to p",
            "Mach task port",
            "access process with pid",
            "failed to grab pid",
            "dtrace cannot control executables",
            "ermission to debug",
            "required task port",
            "ptrace: ",
            "Read-only file system",
            "trust quarantined",
            "location it was downloaded to",
            "from a read-only volume",
            "read-only or a temporary location",
        ],
    ),
];

/// Families that more than one reader's words lead to.
const SHARED: &[(&str, Families)] = &[
    ("ASP: Library load", Families::SYSTEM),
    ("AppleMobileFileIntegrityError", Families::AMFI),
    ("entitlements blob", Families::CODESIGN),
    ("Failed to attach:", Families::SYSTEM),
    ("OS_REASON_", Families::SYSTEM),
    ("code signature in", Families::AMFI),
    // `OSStatus error -67061`.
    ("us error", Families::CODESIGN),
];

/// The compiled words.
pub(super) struct Searcher {
    automaton: AhoCorasick,
    families: Vec<Families>,
}

/// The one searcher.
pub(super) fn searcher() -> &'static Searcher {
    static SEARCHER: OnceLock<Searcher> = OnceLock::new();
    SEARCHER.get_or_init(build)
}

/// The same words as a table of a few megabytes, which takes some milliseconds to make and searches twice as fast: for long texts.
fn table() -> &'static AhoCorasick {
    static TABLE: OnceLock<AhoCorasick> = OnceLock::new();
    TABLE.get_or_init(|| automaton(Some(AhoCorasickKind::DFA)))
}

fn pairs() -> impl Iterator<Item = (Families, &'static str)> {
    WORDS.iter().flat_map(|(family, words)| words.iter().map(move |word| (*family, *word)))
}

fn automaton(kind: Option<AhoCorasickKind>) -> AhoCorasick {
    let automaton = AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).kind(kind).build(pairs().map(|(_, word)| word));
    #[allow(clippy::expect_used)] // The words are constants; a test builds the automaton.
    automaton.expect("a few hundred short constant words make an automaton")
}

/// Offset of the next word in bytes that need not be text: for long ones.
pub(super) fn next_in(bytes: &[u8], at: usize) -> Option<usize> {
    table().find(bytes.get(at..)?).map(|hit| at.saturating_add(hit.start()))
}

fn build() -> Searcher {
    let automaton = automaton(None);
    let families = pairs()
        .map(|(family, word)| SHARED.iter().filter(|(shared, _)| *shared == word).fold(family, |all, (_, more)| all.with(*more)))
        .collect();
    Searcher { automaton, families }
}

impl Searcher {
    /// Offset of the next word from `at` on.
    pub fn next(&self, text: &str, at: usize) -> Option<usize> {
        let rest = text.get(at..)?;
        self.automaton.find(rest).map(|hit| at.saturating_add(hit.start()))
    }

    /// Families of all words in a line.
    pub fn families(&self, line: &str) -> Families {
        let hits = self.automaton.find_iter(line).filter_map(|hit| self.families.get(hit.pattern().as_usize()));
        hits.fold(Families::default(), |all, more| all.with(*more))
    }
}
