//! How a refusal shows itself: what to look for in a crash report, a log, or the return value of a call.

/// How a refusal shows itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    /// The call fails with this errno.
    Errno(&'static str),
    /// The process is killed: SIGKILL, CODESIGNING 2.
    KilledInvalidPage,
    /// The process is killed before its first instruction: SIGKILL, CODESIGNING 4.
    KilledLaunchConstraint,
    /// dyld ends the process at launch.
    LoadError,
    /// `dlopen` returns NULL with a message (`NSBundle` and `CFBundle` an error); nothing ends.
    OpenError,
    /// The library is not mapped: `dlopen` returns NULL and errno is EPERM, a load command ends the process.
    ConstrainedLibrary,
    /// A fault of the thread that wrote: EXC_BAD_ACCESS, KERN_PROTECTION_FAILURE.
    ProtectionFault,
    /// The process traps in the function: EXC_BREAKPOINT, SIGTRAP.
    Trap,
    /// Nothing at all.
    Silence,
    /// The process is ended with a message (TCC).
    Abort,
    /// The Apple event fails with -1743.
    AppleEventError,
    /// A line `Sandbox: … deny(1) …`, and the call fails.
    SandboxViolation,
    /// The process is ended at launch by the sandbox's own library.
    SandboxAbort,
    /// The other side gets an error.
    RefusedToOther,
}

/// The marks of a refusal, as texts to look for. `None`: this place says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Signs {
    /// Exception type of a crash report.
    pub exception: Option<&'static str>,
    /// Signal that ends the process.
    pub signal: Option<&'static str>,
    /// Termination namespace and code of a crash report.
    pub termination: Option<&'static str>,
    /// What the call returns.
    pub returns: Option<&'static str>,
    /// Text of a message or log line.
    pub message: Option<&'static str>,
}

impl Signs {
    /// Nobody is told anything.
    pub fn is_silent(&self) -> bool {
        *self == Signs::default()
    }
}

/// The first macOS whose dyld (dyld4) calls a refused library a missing one.
const DYLD4: (u16, u16) = (12, 0);

impl Shows {
    /// The marks on a version of macOS; `None` means the current ones.
    pub fn signs(self, os: Option<(u16, u16)>) -> Signs {
        let is_old = os.is_some_and(|os| os < DYLD4);
        match self {
            Shows::Errno(errno) => Signs { returns: Some(errno), ..Signs::default() },
            Shows::KilledInvalidPage => Signs {
                exception: Some("EXC_BAD_ACCESS"),
                signal: Some("SIGKILL"),
                // Without the words before macOS 12.
                termination: Some(if is_old { "CODESIGNING, Code 0x2" } else { "CODESIGNING, Code 2 Invalid Page" }),
                message: Some("cs_invalid_page"),
                ..Signs::default()
            },
            Shows::KilledLaunchConstraint => Signs {
                exception: Some("EXC_CRASH"),
                signal: Some("SIGKILL"),
                termination: Some("CODESIGNING, Code 4 Launch Constraint Violation"),
                message: Some("Launch Constraint Violation"),
                ..Signs::default()
            },
            Shows::ConstrainedLibrary => Signs { returns: Some("NULL"), message: Some("Operation not permitted"), ..Signs::default() },
            Shows::LoadError => Signs {
                exception: Some("EXC_CRASH"),
                signal: Some("SIGABRT"),
                termination: Some(if is_old { "DYLD, Code 0x5" } else { "DYLD, Code 1 Library missing" }),
                message: Some(if is_old {
                    "not valid for use in process using Library Validation"
                } else {
                    "not valid for use in process"
                }),
                ..Signs::default()
            },
            Shows::OpenError => Signs {
                returns: Some("NULL"),
                message: Some(if is_old {
                    "not valid for use in process using Library Validation"
                } else {
                    "not valid for use in process"
                }),
                ..Signs::default()
            },
            Shows::ProtectionFault => Signs {
                exception: Some("EXC_BAD_ACCESS"),
                signal: Some("SIGBUS"),
                message: Some("KERN_PROTECTION_FAILURE"),
                ..Signs::default()
            },
            Shows::Trap => Signs { exception: Some("EXC_BREAKPOINT"), signal: Some("SIGTRAP"), ..Signs::default() },
            Shows::Silence => Signs::default(),
            Shows::Abort => Signs {
                exception: Some("EXC_CRASH"),
                signal: Some("SIGABRT"),
                termination: Some("TCC, Code 0"),
                message: Some("without a usage description"),
                ..Signs::default()
            },
            Shows::AppleEventError => {
                Signs { returns: Some("-1743"), message: Some("Not authorized to send Apple events"), ..Signs::default() }
            }
            Shows::SandboxViolation => Signs { message: Some("deny(1)"), ..Signs::default() },
            Shows::SandboxAbort => Signs { signal: Some("SIGTRAP"), message: Some("libsystem_secinit"), ..Signs::default() },
            Shows::RefusedToOther => {
                Signs { returns: Some("(os/kern) failure (0x5)"), message: Some("may not get the task control port"), ..Signs::default() }
            }
        }
    }
}
