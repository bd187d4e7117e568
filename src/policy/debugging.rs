//! Task ports: who may debug whom. The target and the tool are asked for different keys.

use super::{CERTAIN, Decision, LIKELY, Lift, Process, Shows, allow, deny, key};

pub(super) fn be_debugged(process: &Process) -> Decision {
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
    let lets = process.has(key::GET_TASK_ALLOW) || process.flags & super::GET_TASK_ALLOW != 0;
    if !process.is_runtime() || lets {
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

pub(super) fn debug_other(process: &Process) -> Decision {
    const SOURCE: &str = "Apple: Debugging tool entitlement; XNU bsd/kern/kern_proc.c";
    if !process.is_runtime() || process.has(key::DEBUGGER) {
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

/// Both sides: the target must let itself be debugged, and the tool be one. What the target lacks no key of the tool makes up for.
pub(super) fn attach(tool: &Process, target: &Process) -> Decision {
    let target = be_debugged(target);
    if !target.allowed {
        let lifts = match target.lifts.is_empty() {
            true => Vec::new(),
            false => vec![Lift::Signing("sign the target with com.apple.security.get-task-allow, for development only")],
        };
        return Decision { shows: Some(Shows::Errno("KERN_FAILURE")), lifts, ..target };
    }
    debug_other(tool)
}

pub(super) fn given_port() -> Decision {
    allow("a process has its own task port, and uses one that another handed to it", "XNU osfmk/kern/task.c, bsd/kern/kern_proc.c", LIKELY)
}
