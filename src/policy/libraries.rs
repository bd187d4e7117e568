//! Library validation: which code may be mapped into a process.

use super::{CERTAIN, Decision, LIKELY, Library, Lift, Process, Shows, allow, deny, environment, key};
use crate::read::cms::SignerKind;
use crate::read::signature::CodeSignatureFlags;

const LV_SOURCE: &str = "Apple: Disable Library Validation entitlement; dyld (fcntl F_CHECK_LV)";
const SIGN: Lift = Lift::Signing("sign the library with the identity of the program that loads it");

/// Library validation is on: by the runtime flag, or by a flag of its own.
fn validates(process: &Process) -> bool {
    let asked = process.is_runtime() || process.flags & CodeSignatureFlags::REQUIRE_LV != 0;
    asked && !process.has(key::LIBRARY_VALIDATION)
}

/// A library that a load command names.
pub(super) fn load(process: &Process, library: &Library) -> Decision {
    if process.platform && !library.platform {
        return deny(
            "Apple's own programs load only Apple's libraries",
            LV_SOURCE,
            CERTAIN,
            Shows::LoadError,
            vec![Lift::Signing("use a host of your own")],
        );
    }
    if !validates(process) {
        return without_validation(process, library);
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
    // Without a team of its own no signature of the library helps.
    let sign =
        if process.team.is_some() { SIGN } else { Lift::Signing("sign the program and its libraries with one identity that has a team") };
    deny(rule, LV_SOURCE, CERTAIN, Shows::LoadError, vec![sign, Lift::Entitlements(vec![key::LIBRARY_VALIDATION])])
}

/// The document says that unsigned libraries load without library validation. On Apple silicon all code is signed, at least by the linker, and what
/// happens to a library that is not was not measured: allowed, but not certainly.
fn without_validation(process: &Process, library: &Library) -> Decision {
    if library.signer == SignerKind::Unsigned && !process.is_intel() {
        return allow("library validation is off for this process; on Apple silicon sign the library at least ad hoc", LV_SOURCE, LIKELY);
    }
    allow("library validation is off for this process", LV_SOURCE, CERTAIN)
}

/// A library or plug-in opened at run time: the same rule; nothing ends, `dlopen` returns NULL.
pub(super) fn open(process: &Process, library: &Library) -> Decision {
    let mut decision = load(process, library);
    if !decision.allowed {
        decision.shows = Some(Shows::OpenError);
        decision.lifts.insert(0, Lift::Code("load plug-ins in a helper program or an extension of their own, which alone carries the key"));
    }
    decision
}

/// Code linked from memory: dyld writes it to a file without a signature and opens that.
pub(super) fn from_memory(process: &Process) -> Decision {
    const SOURCE: &str = "dyld dyld/DyldAPIs.cpp (NSLinkModule); Apple lists it under Allow unsigned executable memory";
    if process.platform || validates(process) {
        return deny(
            "dyld writes code that is linked from memory to a file, which library validation refuses",
            SOURCE,
            LIKELY,
            Shows::OpenError,
            vec![Lift::Code("ship the module as a signed file and open that"), Lift::Entitlements(vec![key::LIBRARY_VALIDATION])],
        );
    }
    allow("library validation is off for this process", SOURCE, LIKELY)
}

/// A library of DYLD_INSERT_LIBRARIES: the variable must be honoured and the library be allowed.
pub(super) fn insert(process: &Process, library: &Library) -> Decision {
    let variable = environment::honour(process, "DYLD_INSERT_LIBRARIES");
    let mapping = load(process, library);
    match (variable.allowed, mapping.allowed) {
        (true, _) => mapping,
        (false, true) => variable,
        (false, false) if process.platform => variable,
        // The variable is dropped first, so that nothing is heard of the library.
        (false, false) => Decision {
            rule: "dyld drops the variable, and library validation would refuse the library: both keys together let it in",
            source: "Apple: Allow DYLD environment variables entitlement; Apple: Disable Library Validation entitlement",
            lifts: vec![Lift::Entitlements(vec![key::DYLD_VARIABLES, key::LIBRARY_VALIDATION])],
            ..variable
        },
    }
}
