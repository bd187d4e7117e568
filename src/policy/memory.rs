//! Memory that code makes executable: the table of XNU's `vm_map_enter` and `vm_map_protect`, by processor.

use super::{CERTAIN, Decision, LIKELY, Lift, Process, Shows, allow, deny, key};
use crate::read::signature::CodeSignatureFlags;

const VM_MAP: &str = "XNU osfmk/vm/vm_map.c (vm_map_enter, vm_map_protect)";
const JIT_PAGE: &str = "Apple: Allow execution of JIT-compiled code entitlement; XNU bsd/kern/kern_mman.c";
const UNSIGNED_PAGE: &str = "Apple: Allow unsigned executable memory entitlement; XNU osfmk/vm/vm_fault.c";

const CS: &str = "XNU bsd/kern/kern_cs.c (cs_allow_invalid)";
const UNDER_DEBUGGER: &str = "a debugger relaxes what is enforced on the process: such a run proves nothing";

/// CS_ENFORCEMENT: unsigned executable pages are a violation.
fn enforced(process: &Process) -> bool {
    let lifted = process.has(key::UNSIGNED_MEMORY) || process.has(key::PAGE_PROTECTION);
    !process.is_debugged() && ((process.is_runtime() && !lifted) || process.flags & CodeSignatureFlags::ENFORCEMENT != 0)
}

pub(super) fn map_jit(process: &Process) -> Decision {
    if !process.is_runtime() {
        return allow("a process that is not hardened may map MAP_JIT memory", VM_MAP, CERTAIN);
    }
    if process.is_debugged() {
        return allow(UNDER_DEBUGGER, CS, CERTAIN);
    }
    if process.rosetta && process.has(key::SINGLE_JIT) {
        return deny(
            "cs.single-jit does not go together with Rosetta, which needs MAP_JIT memory itself",
            "WebKit's entitlement scripts leave it out for Intel code",
            LIKELY,
            Shows::Errno("EINVAL"),
            vec![Lift::Signing("leave cs.single-jit out of the x86_64 slice")],
        );
    }
    if process.has(key::ALLOW_JIT) {
        return allow("allow-jit permits MAP_JIT memory", JIT_PAGE, CERTAIN);
    }
    let broader = process.has(key::UNSIGNED_MEMORY) || process.has(key::PAGE_PROTECTION);
    if broader && process.is_intel() {
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
    if process.is_intel() {
        lifts.push(Lift::Entitlements(vec![key::UNSIGNED_MEMORY]));
    }
    deny("a hardened process may map MAP_JIT memory only with allow-jit", JIT_PAGE, CERTAIN, Shows::Errno("EINVAL"), lifts)
}

pub(super) fn write_execute(process: &Process) -> Decision {
    const ADOPT: Lift = Lift::Code("map with MAP_JIT and switch between writing and running per thread");
    if process.is_debugged() {
        return allow(UNDER_DEBUGGER, CS, LIKELY);
    }
    if !process.is_intel() {
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

pub(super) fn flipped_page(process: &Process) -> Decision {
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

pub(super) fn reprotect_jit(process: &Process) -> Decision {
    if process.is_intel() {
        return allow("on Intel a MAP_JIT region may be protected anew", VM_MAP, CERTAIN);
    }
    if !process.since(11, 2) {
        return allow("before macOS 11.2 a MAP_JIT region could be protected anew on Apple silicon too", VM_MAP, LIKELY);
    }
    deny(
        "since macOS 11.2 a region mapped read-write-execute with MAP_JIT cannot be protected anew on Apple silicon",
        VM_MAP,
        CERTAIN,
        Shows::Errno("EACCES"),
        vec![Lift::Code("use pthread_jit_write_protect_np instead of mprotect")],
    )
}

pub(super) fn patch_code(process: &Process) -> Decision {
    const STOP: Lift = Lift::Code("stop patching code pages; interpose or hook through data pointers instead");
    if process.is_debugged() {
        return allow(UNDER_DEBUGGER, CS, CERTAIN);
    }
    if !process.is_intel() {
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

/// A region with MAP_JIT beyond the first.
pub(super) fn map_second_jit(process: &Process) -> Decision {
    let first = map_jit(process);
    if !first.allowed {
        return first;
    }
    let single = process.has(key::SINGLE_JIT) || process.has(key::JIT_ALLOWLIST);
    if !single || !process.is_runtime() || process.is_intel() {
        return allow(
            "macOS allows several MAP_JIT regions; Apple's article on porting names one",
            "XNU osfmk/vm/vm_map.c, against Apple: Porting just-in-time compilers to Apple silicon",
            LIKELY,
        );
    }
    deny(
        "cs.single-jit and cs.jit-write-allowlist forbid a second MAP_JIT region",
        "XNU bsd/kern/kern_exec.c, osfmk/vm/vm_map.c",
        CERTAIN,
        Shows::Errno("EINVAL"),
        vec![
            Lift::Code("make all code in one region"),
            Lift::Signing("leave out the key that tightens: cs.single-jit or cs.jit-write-allowlist"),
        ],
    )
}

pub(super) fn map_jit_fixed() -> Decision {
    deny(
        "MAP_JIT together with MAP_FIXED, MAP_SHARED or a file is an error, whatever the entitlements",
        "XNU bsd/kern/kern_mman.c",
        CERTAIN,
        Shows::Errno("EINVAL"),
        vec![Lift::Code("map anonymous private memory with MAP_JIT, at an address that the system chooses")],
    )
}

/// Memory mapped with MAP_JIT for reading and writing or reading and running, and switched between the two.
pub(super) fn flip_jit(process: &Process) -> Decision {
    let mapping = map_jit(process);
    if !mapping.allowed {
        return mapping;
    }
    allow("pages of a MAP_JIT region are not validated, so they may be switched between writing and running", VM_MAP, CERTAIN)
}

pub(super) fn switch_writes(process: &Process) -> Decision {
    const SOURCE: &str = "libpthread src/pthread.c; public reports of Java programs on Apple silicon";
    if process.is_intel() {
        return allow("on Intel the call does nothing", "libpthread src/pthread.c", CERTAIN);
    }
    if process.is_runtime() && process.has(key::JIT_ALLOWLIST) {
        return deny(
            "with cs.jit-write-allowlist only listed callbacks may write to JIT memory",
            "libpthread src/pthread.c",
            CERTAIN,
            Shows::Trap,
            vec![Lift::Code("write in a callback that is in the list, with pthread_jit_write_with_callback_np")],
        );
    }
    if map_jit(process).allowed {
        return allow("a thread of a process that may map MAP_JIT memory may switch", SOURCE, CERTAIN);
    }
    deny(
        "on Apple silicon a hardened process without a JIT entitlement traps when it switches JIT memory to writing",
        SOURCE,
        LIKELY,
        Shows::Trap,
        vec![Lift::Entitlements(vec![key::ALLOW_JIT])],
    )
}

pub(super) fn write_unswitched(process: &Process) -> Decision {
    const SOURCE: &str = "Apple: Porting just-in-time compilers to Apple silicon";
    if process.is_intel() {
        return allow("on Intel JIT memory is writable at all times", SOURCE, CERTAIN);
    }
    deny(
        "on Apple silicon a thread must switch JIT memory to writing before it writes",
        SOURCE,
        CERTAIN,
        Shows::ProtectionFault,
        vec![Lift::Code("call pthread_jit_write_protect_np(0) before writing and (1) before running, on that thread")],
    )
}

/// A page of a file that is not what was signed: edited after signing.
pub(super) fn changed_page(process: &Process) -> Decision {
    const SIGN: Lift = Lift::Signing("sign the file again, after the last change");
    const SOURCE: &str = "XNU osfmk/vm/vm_fault.c (vm_fault_cs_check_violation), bsd/kern/kern_cs.c";
    if process.is_debugged() {
        return allow(UNDER_DEBUGGER, CS, CERTAIN);
    }
    if !process.is_intel() {
        return deny(
            "on Apple silicon a page that is not what was signed kills every signed process, hardened or not",
            SOURCE,
            CERTAIN,
            Shows::KilledInvalidPage,
            vec![SIGN],
        );
    }
    if !enforced(process) {
        return allow("without enforcement Intel code runs on; the process is no longer valid", SOURCE, CERTAIN);
    }
    // A key hides it, and is no cure: Gatekeeper and the notary refuse a broken signature all the same.
    deny(
        "a hardened process is killed when it runs a page that is not what was signed",
        SOURCE,
        CERTAIN,
        Shows::KilledInvalidPage,
        vec![SIGN],
    )
}

/// Code of a file that was overwritten in place after it had been used.
pub(super) fn replaced_file() -> Decision {
    deny(
        "the kernel keeps the signature of a file it has used; bytes written into that file later do not match it",
        "Apple: Updating Mac Software; XNU bsd/kern/ubc_subr.c, mach_loader.c",
        CERTAIN,
        Shows::KilledInvalidPage,
        vec![Lift::Code("write a new file and rename it over the old one")],
    )
}
