//! dyld's environment and its path rules: what `amfi_check_dyld_policy_self` leaves of them.

use super::{CERTAIN, Decision, LIKELY, Lift, Process, Shows, allow, deny, key};
use crate::finding::Confidence;
use crate::read::signature::CodeSignatureFlags;

const DYLD_SOURCE: &str = "Apple: Allow DYLD environment variables entitlement; dyld DyldProcessConfig.cpp";

/// What a variable of dyld does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// Where libraries are looked for, or which are put in.
    Paths,
    /// What dyld prints.
    Print,
    /// Another shared cache.
    SharedCache,
    /// Only for dyld's development, the simulator, or older dyld.
    Other,
}

/// What dyld does with a variable; `None` for one that dyld does not know (`DYLD_DISABLE_CODE_SIGNING` never was one).
pub fn variable(name: &str) -> Option<Variable> {
    const PATHS: &[&str] = &[
        "LIBRARY_PATH",
        "FRAMEWORK_PATH",
        "FALLBACK_LIBRARY_PATH",
        "FALLBACK_FRAMEWORK_PATH",
        "VERSIONED_LIBRARY_PATH",
        "VERSIONED_FRAMEWORK_PATH",
        "INSERT_LIBRARIES",
        "IMAGE_SUFFIX",
    ];
    const OTHER: &[&str] = &[
        "ROOT_PATH",
        "FORCE_FLAT_NAMESPACE",
        "BIND_AT_LAUNCH",
        "DISABLE_DOFS",
        "SKIP_MAIN",
        "AMFI_FAKE",
        "USE_CLOSURES",
        "FORCE_PLATFORM",
        "DLSYM_RESULT",
        "LIBKDEBUG",
    ];
    let name = name.strip_prefix("DYLD_")?;
    if PATHS.contains(&name) {
        Some(Variable::Paths)
    } else if name.starts_with("PRINT_") {
        Some(Variable::Print)
    } else if name.starts_with("SHARED_") {
        Some(Variable::SharedCache)
    } else {
        OTHER.contains(&name).then_some(Variable::Other)
    }
}

/// dyld takes its environment: which key or lack of hardening lets it; `None` when it drops every variable.
fn lets_in(process: &Process) -> Option<(&'static str, &'static str, Confidence)> {
    let marked = process.restricted || process.flags & CodeSignatureFlags::RESTRICT != 0;
    if process.platform {
        return None;
    }
    if !process.is_runtime() && !marked {
        return Some(("a process that is not hardened or restricted honours DYLD_ variables", DYLD_SOURCE, CERTAIN));
    }
    if process.has(key::DYLD_VARIABLES) {
        return Some(("allow-dyld-environment-variables is present", DYLD_SOURCE, CERTAIN));
    }
    let debuggable = process.has(key::GET_TASK_ALLOW) || process.flags & super::GET_TASK_ALLOW != 0;
    debuggable.then_some(("get-task-allow also lifts the limit on DYLD_ variables", "Apple: Hardened Runtime; inferred", LIKELY))
}

pub(super) fn honour(process: &Process, name: &str) -> Decision {
    if let Some((rule, source, certainty)) = lets_in(process) {
        return allow(rule, source, certainty);
    }
    if process.platform {
        return deny("Apple's own programs drop every DYLD_ variable", DYLD_SOURCE, CERTAIN, Shows::Silence, Vec::new());
    }
    let mut lifts = Vec::new();
    // What dyld prints is for whoever debugs: no shipped program needs it.
    if !matches!(variable(name), Some(Variable::Print | Variable::SharedCache)) {
        lifts.push(Lift::Code("use @rpath or @loader_path install names"));
    }
    lifts.push(Lift::Entitlements(vec![key::GET_TASK_ALLOW]));
    lifts.push(Lift::Entitlements(vec![key::DYLD_VARIABLES]));
    deny("dyld deletes every DYLD_ variable in a hardened process, without a message", DYLD_SOURCE, CERTAIN, Shows::Silence, lifts)
}

/// The variables are deleted from the environment itself, so programs that the process starts do not get them either; what it sets anew they get.
pub(super) fn pass_on(process: &Process, received: bool) -> Decision {
    const SOURCE: &str = "dyld DyldProcessConfig.cpp (pruneEnvVars)";
    if !received {
        return allow("setenv changes nothing in the process itself; what it starts gets the variable", SOURCE, CERTAIN);
    }
    match lets_in(process) {
        Some((rule, source, certainty)) => allow(rule, source, certainty),
        None => deny(
            "dyld deletes the variables from the environment before main, so programs that the process starts lose them too",
            SOURCE,
            CERTAIN,
            Shows::Silence,
            vec![Lift::Code("set the variable again where the program is started"), Lift::Code("use @rpath or @loader_path install names")],
        ),
    }
}

/// LC_DYLD_ENVIRONMENT in the main executable.
pub(super) fn embedded(process: &Process) -> Decision {
    const SOURCE: &str = "dyld DyldProcessConfig.cpp (allowEmbeddedVars)";
    match lets_in(process) {
        Some((rule, _, certainty)) => allow(rule, SOURCE, certainty),
        None => deny(
            "dyld passes over LC_DYLD_ENVIRONMENT in a hardened process",
            SOURCE,
            LIKELY,
            Shows::Silence,
            vec![Lift::Code("use LC_RPATH and @rpath install names"), Lift::Entitlements(vec![key::DYLD_VARIABLES])],
        ),
    }
}

/// A path in a load command.
pub(super) fn path(process: &Process, path: &str) -> Decision {
    const NAME: Lift = Lift::Signing("set an absolute or @rpath install name");
    let has_prefix = path.starts_with('@') && !path.starts_with("@@");
    let relative = !path.starts_with('/') && !has_prefix;
    if relative && process.is_runtime() && !process.has(key::DYLD_VARIABLES) {
        return deny(
            "dyld refuses a relative library path in a hardened program",
            "dyld (\"relative path not allowed in hardened program\")",
            CERTAIN,
            Shows::LoadError,
            vec![NAME],
        );
    }
    // Library validation vouches for what an @-path leads to; a program that is restricted without it gets none.
    let marked = process.restricted || process.flags & CodeSignatureFlags::RESTRICT != 0;
    let validated = process.is_runtime() || process.flags & CodeSignatureFlags::REQUIRE_LV != 0;
    if has_prefix && marked && !validated && !process.has(key::DYLD_VARIABLES) {
        return deny(
            "dyld refuses @-paths in a restricted program without library validation",
            "dyld (\"security policy does not allow @ path expansion\", \"unsafe use of @executable_path\")",
            LIKELY,
            Shows::LoadError,
            vec![Lift::Signing("sign with the runtime or the library-validation flag"), Lift::Signing("set an absolute install name")],
        );
    }
    allow("dyld takes this path", DYLD_SOURCE, LIKELY)
}

/// Folders that dyld falls back to for a name that is in none of the places it names.
pub(super) fn fallback(process: &Process) -> Decision {
    const SOURCE: &str = "dyld DyldProcessConfig.cpp (allowClassicFallbackPaths)";
    match lets_in(process) {
        Some((rule, _, certainty)) => allow(rule, SOURCE, certainty.min(LIKELY)),
        None => deny(
            "in a hardened program a name alone is looked for in /usr/lib only, not in /usr/local/lib or the current folder",
            SOURCE,
            LIKELY,
            Shows::OpenError,
            vec![Lift::Code("open the library by its full path, or an @rpath name"), Lift::Entitlements(vec![key::DYLD_VARIABLES])],
        ),
    }
}
